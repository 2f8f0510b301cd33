//! Networks and a container's place in them.

use crate::{List, Map, go_struct};
use std::collections::BTreeMap;

/// `port/protocol` → where it is published; `None` when it is only exposed (`nat.PortMap`).
pub type PortMap = BTreeMap<String, List<PortBinding>>;

go_struct! {
    /// Where a port is published.
    pub struct PortBinding {
        /// Address on the host.
        pub host_ip: String = "HostIp",
        /// Port or range on the host; empty for any.
        pub host_port: String = "HostPort",
    }
}

go_struct! {
    /// An address with its prefix.
    pub struct Address {
        /// The address.
        pub addr: String = "Addr",
        /// Length of the prefix in bits.
        pub prefix_len: i64 = "PrefixLen",
    }
}

go_struct! {
    /// Addresses asked for.
    pub struct EndpointIpamConfig {
        /// IPv4.
        pub ipv4_address: String = "IPv4Address", omitempty,
        /// IPv6.
        pub ipv6_address: String = "IPv6Address", omitempty,
        /// Link-local ones.
        pub link_local_ips: List<String> = "LinkLocalIPs", omitempty,
    }
}

go_struct! {
    /// A container's place in one network: what is asked for, and what it got.
    pub struct EndpointSettings {
        /// Addresses asked for.
        pub ipam_config: Option<EndpointIpamConfig> = "IPAMConfig",
        /// `name:alias`.
        pub links: List<String> = "Links",
        /// Further names in this network.
        pub aliases: List<String> = "Aliases",
        /// Asked for, or given.
        pub mac_address: String = "MacAddress",
        /// Options of the driver.
        pub driver_opts: Map<String> = "DriverOpts",
        /// Which network gives the default route: the highest.
        pub gw_priority: i64 = "GwPriority",
        /// Id of the network.
        pub network_id: String = "NetworkID",
        /// Id of the endpoint.
        pub endpoint_id: String = "EndpointID",
        /// IPv4 router.
        pub gateway: String = "Gateway",
        /// IPv4 address.
        pub ip_address: String = "IPAddress",
        /// Bits.
        pub ip_prefix_len: i64 = "IPPrefixLen",
        /// IPv6 router.
        pub ipv6_gateway: String = "IPv6Gateway",
        /// IPv6 address.
        pub global_ipv6_address: String = "GlobalIPv6Address",
        /// Bits.
        pub global_ipv6_prefix_len: i64 = "GlobalIPv6PrefixLen",
        /// All names in this network.
        pub dns_names: List<String> = "DNSNames",
    }
}

go_struct! {
    /// Places in networks that are asked for at creation.
    pub struct NetworkingConfig {
        /// By name or id of the network.
        pub endpoints_config: Map<EndpointSettings> = "EndpointsConfig",
    }
}

go_struct! {
    /// Address management of a network.
    pub struct Ipam {
        /// `default`.
        pub driver: String = "Driver",
        /// Its options.
        pub options: Map<String> = "Options",
        /// Its pools.
        pub config: List<IpamConfig> = "Config",
    }
}

go_struct! {
    /// One pool of addresses.
    pub struct IpamConfig {
        /// Such as `172.17.0.0/16`.
        pub subnet: String = "Subnet", omitempty,
        /// Part that is given out.
        pub ip_range: String = "IPRange", omitempty,
        /// The router.
        pub gateway: String = "Gateway", omitempty,
        /// Addresses kept back.
        pub auxiliary_addresses: Map<String> = "AuxiliaryAddresses", omitempty,
    }
}

go_struct! {
    /// Where a network's configuration comes from.
    pub struct ConfigReference {
        /// A network that only configures.
        pub network: String = "Network",
    }
}

go_struct! {
    /// A container in a network's description.
    pub struct EndpointResource {
        /// The container's name.
        pub name: String = "Name",
        /// Id of the endpoint.
        pub endpoint_id: String = "EndpointID",
        /// Hardware address.
        pub mac_address: String = "MacAddress",
        /// With prefix.
        pub ipv4_address: String = "IPv4Address",
        /// With prefix.
        pub ipv6_address: String = "IPv6Address",
    }
}

go_struct! {
    /// Answer to `GET /networks/ID`, and element of `GET /networks`.
    pub struct Network {
        /// Its name.
        pub name: String = "Name",
        /// The full id.
        pub id: String = "Id",
        /// RFC 3339 with nanoseconds.
        pub created: String = "Created",
        /// `local` or `swarm`.
        pub scope: String = "Scope",
        /// `bridge`, `host`, `null`.
        pub driver: String = "Driver",
        /// Has IPv4.
        pub enable_ipv4: bool = "EnableIPv4",
        /// Has IPv6.
        pub enable_ipv6: bool = "EnableIPv6",
        /// Its addresses.
        pub ipam: Ipam = "IPAM",
        /// Without a way out.
        pub internal: bool = "Internal",
        /// By containers of a swarm.
        pub attachable: bool = "Attachable",
        /// The swarm's own.
        pub ingress: bool = "Ingress",
        /// Where its configuration comes from.
        pub config_from: ConfigReference = "ConfigFrom",
        /// Only configures others.
        pub config_only: bool = "ConfigOnly",
        /// By container id.
        pub containers: Map<EndpointResource> = "Containers",
        /// Options of the driver.
        pub options: Map<String> = "Options",
        /// Labels.
        pub labels: Map<String> = "Labels",
    }
}

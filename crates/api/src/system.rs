//! The engine itself: `GET /version`, `/info`, `/_ping`.

use crate::{List, Map, go_struct};

go_struct! {
    /// Name of the product.
    pub struct PlatformInfo {
        /// Such as "Docker Engine - Community"; may be empty.
        pub name: String = "Name",
    }
}

go_struct! {
    /// One part of the engine.
    pub struct ComponentVersion {
        /// Its name.
        pub name: String = "Name",
        /// Its version.
        pub version: String = "Version",
        /// More of it.
        pub details: Map<String> = "Details", omitempty,
    }
}

go_struct! {
    /// Answer to `GET /version` (`types.Version`).
    pub struct Version {
        /// The product; always written, since Go never omits a struct.
        pub platform: PlatformInfo = "Platform",
        /// Its parts.
        pub components: List<ComponentVersion> = "Components", omitempty,
        /// Of the engine.
        pub version: String = "Version",
        /// Newest API version.
        pub api_version: String = "ApiVersion",
        /// Oldest API version.
        pub min_api_version: String = "MinAPIVersion", omitempty,
        /// Source revision.
        pub git_commit: String = "GitCommit",
        /// Compiler; the name is Go's for history's sake.
        pub go_version: String = "GoVersion",
        /// `linux`.
        pub os: String = "Os",
        /// Such as `amd64`.
        pub arch: String = "Arch",
        /// Of `uname -r`.
        pub kernel_version: String = "KernelVersion", omitempty,
        /// Experimental features are on.
        pub experimental: bool = "Experimental", omitempty,
        /// RFC 3339.
        pub build_time: String = "BuildTime", omitempty,
    }
}

go_struct! {
    /// Plugins by kind.
    pub struct PluginsInfo {
        /// Volume drivers.
        pub volume: List<String> = "Volume",
        /// Network drivers.
        pub network: List<String> = "Network",
        /// Authorization plugins.
        pub authorization: List<String> = "Authorization",
        /// Log drivers.
        pub log: List<String> = "Log",
    }
}

go_struct! {
    /// Revision of a tool.
    pub struct Commit {
        /// What it is.
        pub id: String = "ID",
        /// Before 1.49: what it should be.
        pub expected: String = "Expected", omitempty,
    }
}

go_struct! {
    /// An OCI runtime.
    pub struct RuntimeInfo {
        /// Its program.
        pub path: String = "path", omitempty,
        /// Its arguments.
        pub args: List<String> = "runtimeArgs", omitempty,
        /// Name of a shim.
        pub kind: String = "runtimeType", omitempty,
        /// Options of a shim.
        pub options: Map<serde_json::Value> = "options", omitempty,
        /// What it says of itself.
        pub status: Map<String> = "status", omitempty,
    }
}

go_struct! {
    /// How registries are reached.
    pub struct RegistryConfig {
        /// Networks without TLS.
        pub insecure_registry_cidrs: List<String> = "InsecureRegistryCIDRs",
        /// By name.
        pub index_configs: Map<IndexInfo> = "IndexConfigs",
        /// Mirrors of the official one.
        pub mirrors: List<String> = "Mirrors",
    }
}

go_struct! {
    /// One registry.
    pub struct IndexInfo {
        /// Its name.
        pub name: String = "Name",
        /// Its mirrors.
        pub mirrors: List<String> = "Mirrors",
        /// With TLS.
        pub secure: bool = "Secure",
        /// The official one.
        pub official: bool = "Official",
    }
}

go_struct! {
    /// State in a swarm (`swarm.Info`).
    pub struct SwarmInfo {
        /// Id of this node.
        pub node_id: String = "NodeID",
        /// Address of this node.
        pub node_addr: String = "NodeAddr",
        /// `inactive`, `pending`, `active`, `error`, `locked`.
        pub local_node_state: String = "LocalNodeState",
        /// Manages.
        pub control_available: bool = "ControlAvailable",
        /// What is wrong.
        pub error: String = "Error",
        /// Managers.
        pub remote_managers: List<SwarmPeer> = "RemoteManagers",
        /// How many nodes.
        pub nodes: i64 = "Nodes", omitempty,
        /// How many managers.
        pub managers: i64 = "Managers", omitempty,
        /// Warnings.
        pub warnings: List<String> = "Warnings", omitempty,
    }
}

go_struct! {
    /// A manager of a swarm.
    pub struct SwarmPeer {
        /// Its id.
        pub node_id: String = "NodeID",
        /// Its address.
        pub addr: String = "Addr",
    }
}

go_struct! {
    /// Where containerd is.
    pub struct ContainerdInfo {
        /// Its socket.
        pub address: String = "Address", omitempty,
        /// Its namespaces.
        pub namespaces: ContainerdNamespaces = "Namespaces",
    }
}

go_struct! {
    /// Namespaces of containerd.
    pub struct ContainerdNamespaces {
        /// For containers.
        pub containers: String = "Containers",
        /// For plugins.
        pub plugins: String = "Plugins",
    }
}

go_struct! {
    /// Addresses that networks are made from.
    pub struct NetworkAddressPool {
        /// Such as `172.17.0.0/12`.
        pub base: String = "Base",
        /// Prefix length of one network.
        pub size: i64 = "Size",
    }
}

go_struct! {
    /// How the firewall is set.
    pub struct FirewallInfo {
        /// `iptables`, `nftables`.
        pub driver: String = "Driver",
        /// Labels with values.
        pub info: List<[String; 2]> = "Info", omitempty,
    }
}

go_struct! {
    /// Answer to `GET /info` (`system.Info`).
    pub struct Info {
        /// Id of the engine.
        pub id: String = "ID",
        /// All containers.
        pub containers: i64 = "Containers",
        /// Running ones.
        pub containers_running: i64 = "ContainersRunning",
        /// Paused ones.
        pub containers_paused: i64 = "ContainersPaused",
        /// Others.
        pub containers_stopped: i64 = "ContainersStopped",
        /// All images.
        pub images: i64 = "Images",
        /// Storage driver.
        pub driver: String = "Driver",
        /// Labels with values.
        pub driver_status: List<[String; 2]> = "DriverStatus",
        /// Labels with values; of swarm before the engine had it.
        pub system_status: List<[String; 2]> = "SystemStatus", omitempty,
        /// Plugins by kind.
        pub plugins: PluginsInfo = "Plugins",
        /// Limits memory.
        pub memory_limit: bool = "MemoryLimit",
        /// Limits swap.
        pub swap_limit: bool = "SwapLimit",
        /// Deprecated.
        pub kernel_memory: bool = "KernelMemory", omitempty,
        /// Deprecated.
        pub kernel_memory_tcp: bool = "KernelMemoryTCP", omitempty,
        /// Has CPU periods.
        pub cpu_cfs_period: bool = "CpuCfsPeriod",
        /// Has CPU quotas.
        pub cpu_cfs_quota: bool = "CpuCfsQuota",
        /// Has CPU shares.
        pub cpu_shares: bool = "CPUShares",
        /// Has CPU sets.
        pub cpu_set: bool = "CPUSet",
        /// Limits the number of processes.
        pub pids_limit: bool = "PidsLimit",
        /// Forwards IPv4.
        pub ipv4_forwarding: bool = "IPv4Forwarding",
        /// In debug mode.
        pub debug: bool = "Debug",
        /// Open descriptors.
        pub n_fd: i64 = "NFd",
        /// Can switch the OOM killer off.
        pub oom_kill_disable: bool = "OomKillDisable",
        /// Tasks; the name is Go's for history's sake.
        pub n_goroutines: i64 = "NGoroutines",
        /// RFC 3339 with nanoseconds.
        pub system_time: String = "SystemTime",
        /// Default log driver.
        pub logging_driver: String = "LoggingDriver",
        /// `cgroupfs`, `systemd`, `none`.
        pub cgroup_driver: String = "CgroupDriver",
        /// `1` or `2`.
        pub cgroup_version: String = "CgroupVersion", omitempty,
        /// Who listens to events.
        pub n_events_listener: i64 = "NEventsListener",
        /// Of `uname -r`.
        pub kernel_version: String = "KernelVersion",
        /// Its name.
        pub operating_system: String = "OperatingSystem",
        /// Its version.
        pub os_version: String = "OSVersion",
        /// `linux`.
        pub os_type: String = "OSType",
        /// Such as `x86_64`.
        pub architecture: String = "Architecture",
        /// The official registry.
        pub index_server_address: String = "IndexServerAddress",
        /// How registries are reached.
        pub registry_config: Option<RegistryConfig> = "RegistryConfig",
        /// Processors.
        pub n_cpu: i64 = "NCPU",
        /// Bytes of memory.
        pub mem_total: i64 = "MemTotal",
        /// Resources of a swarm's node.
        pub generic_resources: List<serde_json::Value> = "GenericResources",
        /// The engine's root.
        pub docker_root_dir: String = "DockerRootDir",
        /// Proxy.
        pub http_proxy: String = "HttpProxy",
        /// Proxy.
        pub https_proxy: String = "HttpsProxy",
        /// Hosts without proxy.
        pub no_proxy: String = "NoProxy",
        /// Host name.
        pub name: String = "Name",
        /// Labels of the engine.
        pub labels: List<String> = "Labels",
        /// Experimental features are on.
        pub experimental_build: bool = "ExperimentalBuild",
        /// Of the engine.
        pub server_version: String = "ServerVersion",
        /// By name.
        pub runtimes: Map<RuntimeInfo> = "Runtimes",
        /// Name of the default one.
        pub default_runtime: String = "DefaultRuntime",
        /// State in a swarm.
        pub swarm: SwarmInfo = "Swarm",
        /// Containers outlive the engine's orderly stop.
        pub live_restore_enabled: bool = "LiveRestoreEnabled",
        /// Windows only.
        pub isolation: String = "Isolation",
        /// Program for `--init`.
        pub init_binary: String = "InitBinary",
        /// Revision.
        pub containerd_commit: Commit = "ContainerdCommit",
        /// Revision.
        pub runc_commit: Commit = "RuncCommit",
        /// Revision.
        pub init_commit: Commit = "InitCommit",
        /// Such as `name=seccomp,profile=builtin`.
        pub security_options: List<String> = "SecurityOptions",
        /// Licence text.
        pub product_license: String = "ProductLicense", omitempty,
        /// Addresses that networks are made from.
        pub default_address_pools: List<NetworkAddressPool> = "DefaultAddressPools", omitempty,
        /// How the firewall is set.
        pub firewall_backend: Option<FirewallInfo> = "FirewallBackend", omitempty,
        /// Folders of device specifications.
        pub cdi_spec_dirs: List<String> = "CDISpecDirs",
        /// Where containerd is.
        pub containerd: Option<ContainerdInfo> = "Containerd", omitempty,
        /// Printed by the client on standard error.
        pub warnings: List<String> = "Warnings",
    }
}

/// Header names of the answer to `/_ping` and of every answer.
pub mod header {
    /// Newest API version.
    pub const API_VERSION: &str = "Api-Version";
    /// `linux`.
    pub const OSTYPE: &str = "Ostype";
    /// `1` for the classic builder, `2` for BuildKit.
    pub const BUILDER_VERSION: &str = "Builder-Version";
    /// `true` or `false`.
    pub const EXPERIMENTAL: &str = "Docker-Experimental";
    /// State in a swarm, such as `inactive`.
    pub const SWARM: &str = "Swarm";
}

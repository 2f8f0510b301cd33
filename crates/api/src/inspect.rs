//! What a container is: `GET /containers/ID/json`.

use crate::container::{Config, HostConfig, MountPoint};
use crate::network::{Address, EndpointSettings, PortMap};
use crate::{List, Map, go_struct};

go_struct! {
    /// A container's state.
    pub struct State {
        /// `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`.
        pub status: String = "Status",
        /// Also while paused.
        pub running: bool = "Running",
        /// Frozen.
        pub paused: bool = "Paused",
        /// Waiting to be started again.
        pub restarting: bool = "Restarting",
        /// Killed for want of memory.
        pub oom_killed: bool = "OOMKilled",
        /// Could not be removed.
        pub dead: bool = "Dead",
        /// Of its first process; zero when not running.
        pub pid: i64 = "Pid",
        /// Of its last run.
        pub exit_code: i64 = "ExitCode",
        /// Why it could not be started.
        pub error: String = "Error",
        /// RFC 3339 with nanoseconds; `0001-01-01T00:00:00Z` for never.
        pub started_at: String = "StartedAt",
        /// RFC 3339 with nanoseconds; `0001-01-01T00:00:00Z` for never.
        pub finished_at: String = "FinishedAt",
        /// Where health is checked.
        pub health: Option<Health> = "Health", omitempty,
    }
}

go_struct! {
    /// Health of a container.
    pub struct Health {
        /// `starting`, `healthy`, `unhealthy`.
        pub status: String = "Status",
        /// Failures in a row.
        pub failing_streak: i64 = "FailingStreak",
        /// The last checks, oldest first.
        pub log: List<HealthResult> = "Log",
    }
}

go_struct! {
    /// One health check.
    pub struct HealthResult {
        /// RFC 3339 with nanoseconds.
        pub start: String = "Start",
        /// RFC 3339 with nanoseconds.
        pub end: String = "End",
        /// 0 healthy, 1 unhealthy.
        pub exit_code: i64 = "ExitCode",
        /// What it printed.
        pub output: String = "Output",
    }
}

go_struct! {
    /// The storage of a container or image (`storage.DriverData`).
    pub struct DriverData {
        /// Such as `LowerDir`, `MergedDir`, `UpperDir`, `WorkDir`.
        pub data: Map<String> = "Data",
        /// Such as `overlay2`.
        pub name: String = "Name",
    }
}

go_struct! {
    /// A container's place in networks.
    pub struct NetworkSettings {
        /// Deprecated.
        pub bridge: String = "Bridge",
        /// Id of its network namespace.
        pub sandbox_id: String = "SandboxID",
        /// Path of its network namespace.
        pub sandbox_key: String = "SandboxKey",
        /// Ports with what they are published as.
        pub ports: Option<PortMap> = "Ports",
        /// Deprecated.
        pub hairpin_mode: bool = "HairpinMode",
        /// Deprecated.
        pub link_local_ipv6_address: String = "LinkLocalIPv6Address",
        /// Deprecated.
        pub link_local_ipv6_prefix_len: i64 = "LinkLocalIPv6PrefixLen",
        /// Deprecated.
        pub secondary_ip_addresses: List<Address> = "SecondaryIPAddresses",
        /// Deprecated.
        pub secondary_ipv6_addresses: List<Address> = "SecondaryIPv6Addresses",
        /// On the default bridge.
        pub endpoint_id: String = "EndpointID",
        /// On the default bridge.
        pub gateway: String = "Gateway",
        /// On the default bridge.
        pub global_ipv6_address: String = "GlobalIPv6Address",
        /// On the default bridge.
        pub global_ipv6_prefix_len: i64 = "GlobalIPv6PrefixLen",
        /// On the default bridge.
        pub ip_address: String = "IPAddress",
        /// On the default bridge.
        pub ip_prefix_len: i64 = "IPPrefixLen",
        /// On the default bridge.
        pub ipv6_gateway: String = "IPv6Gateway",
        /// On the default bridge.
        pub mac_address: String = "MacAddress",
        /// By name.
        pub networks: Map<EndpointSettings> = "Networks",
    }
}

go_struct! {
    /// Answer to `GET /containers/ID/json` (`container.InspectResponse`).
    pub struct ContainerInspect {
        /// The full id.
        pub id: String = "Id",
        /// RFC 3339 with nanoseconds.
        pub created: String = "Created",
        /// The program.
        pub path: String = "Path",
        /// Its arguments.
        pub args: List<String> = "Args",
        /// Its state.
        pub state: Option<State> = "State",
        /// The image's id.
        pub image: String = "Image",
        /// Path on the host.
        pub resolv_conf_path: String = "ResolvConfPath",
        /// Path on the host.
        pub hostname_path: String = "HostnamePath",
        /// Path on the host.
        pub hosts_path: String = "HostsPath",
        /// Path on the host.
        pub log_path: String = "LogPath",
        /// With a slash before it.
        pub name: String = "Name",
        /// How often the policy started it again.
        pub restart_count: i64 = "RestartCount",
        /// Storage driver.
        pub driver: String = "Driver",
        /// `linux`.
        pub platform: String = "Platform",
        /// SELinux.
        pub mount_label: String = "MountLabel",
        /// SELinux.
        pub process_label: String = "ProcessLabel",
        /// AppArmor.
        pub app_armor_profile: String = "AppArmorProfile",
        /// Commands that run in it.
        pub exec_ids: List<String> = "ExecIDs",
        /// What depends on the host.
        pub host_config: Option<HostConfig> = "HostConfig",
        /// Its storage.
        pub graph_driver: DriverData = "GraphDriver",
        /// Bytes of its own layer, when asked for.
        pub size_rw: Option<i64> = "SizeRw", omitempty,
        /// Bytes with the image, when asked for.
        pub size_root_fs: Option<i64> = "SizeRootFs", omitempty,
        /// Its mounts.
        pub mounts: List<MountPoint> = "Mounts",
        /// What is portable.
        pub config: Option<Config> = "Config",
        /// Its networks.
        pub network_settings: Option<NetworkSettings> = "NetworkSettings",
        /// The image's manifest, where the store keeps it.
        pub image_manifest_descriptor: Option<serde_json::Value> = "ImageManifestDescriptor", omitempty,
    }
}

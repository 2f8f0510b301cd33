//! What a container is asked to be: `POST /containers/create` and what answers it, lists, waits.

use crate::network::{EndpointSettings, NetworkingConfig, PortMap};
use crate::{Empty, List, Map, StrSlice, go_struct};

go_struct! {
    /// What is portable between hosts (`container.Config`).
    pub struct Config {
        /// Host name inside.
        pub hostname: String = "Hostname",
        /// Domain name inside.
        pub domainname: String = "Domainname",
        /// `user[:group]`, by name or number.
        pub user: String = "User",
        /// Whether a client attaches to standard input.
        pub attach_stdin: bool = "AttachStdin",
        /// Whether a client attaches to standard output.
        pub attach_stdout: bool = "AttachStdout",
        /// Whether a client attaches to standard error.
        pub attach_stderr: bool = "AttachStderr",
        /// `port/protocol` as keys.
        pub exposed_ports: Map<Empty> = "ExposedPorts", omitempty,
        /// Whether the process has a terminal.
        pub tty: bool = "Tty",
        /// Whether standard input stays open without a client.
        pub open_stdin: bool = "OpenStdin",
        /// Whether standard input closes when the one client leaves.
        pub stdin_once: bool = "StdinOnce",
        /// `NAME=value`.
        pub env: List<String> = "Env",
        /// The command, or the entry point's arguments.
        pub cmd: Option<StrSlice> = "Cmd",
        /// How health is checked.
        pub healthcheck: Option<HealthConfig> = "Healthcheck", omitempty,
        /// Windows only.
        pub args_escaped: bool = "ArgsEscaped", omitempty,
        /// The image, as it was named.
        pub image: String = "Image",
        /// Paths of anonymous volumes.
        pub volumes: Map<Empty> = "Volumes",
        /// Working directory.
        pub working_dir: String = "WorkingDir",
        /// What is run before the command's words.
        pub entrypoint: Option<StrSlice> = "Entrypoint",
        /// Deprecated: no network at all.
        pub network_disabled: bool = "NetworkDisabled", omitempty,
        /// Deprecated since 1.44: in the endpoint's settings now.
        pub mac_address: String = "MacAddress", omitempty,
        /// Triggers for images built on this one.
        pub on_build: List<String> = "OnBuild",
        /// Labels.
        pub labels: Map<String> = "Labels",
        /// Signal that `stop` sends first.
        pub stop_signal: String = "StopSignal", omitempty,
        /// Seconds that `stop` waits.
        pub stop_timeout: Option<i64> = "StopTimeout", omitempty,
        /// Shell of the shell forms.
        pub shell: Option<StrSlice> = "Shell", omitempty,
    }
}

go_struct! {
    /// A health check (`HealthcheckConfig`); times in nanoseconds.
    pub struct HealthConfig {
        /// `[]` inherits, `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", …]`.
        pub test: List<String> = "Test", omitempty,
        /// Between checks.
        pub interval: i64 = "Interval", omitempty,
        /// For one check.
        pub timeout: i64 = "Timeout", omitempty,
        /// Before failures count.
        pub start_period: i64 = "StartPeriod", omitempty,
        /// Between checks in the start period.
        pub start_interval: i64 = "StartInterval", omitempty,
        /// Failures in a row until unhealthy.
        pub retries: i64 = "Retries", omitempty,
    }
}

go_struct! {
    /// Weight of a block device (`blkiodev.WeightDevice`).
    pub struct WeightDevice {
        /// The device's path.
        pub path: String = "Path",
        /// 10 to 1000.
        pub weight: u16 = "Weight",
    }
}

go_struct! {
    /// Rate of a block device (`blkiodev.ThrottleDevice`).
    pub struct ThrottleDevice {
        /// The device's path.
        pub path: String = "Path",
        /// Bytes or operations a second.
        pub rate: u64 = "Rate",
    }
}

go_struct! {
    /// A device of the host given to the container.
    pub struct DeviceMapping {
        /// Its path on the host.
        pub path_on_host: String = "PathOnHost",
        /// Its path inside.
        pub path_in_container: String = "PathInContainer",
        /// Some of `rwm`.
        pub cgroup_permissions: String = "CgroupPermissions",
    }
}

go_struct! {
    /// Devices asked of a driver.
    pub struct DeviceRequest {
        /// The driver.
        pub driver: String = "Driver",
        /// How many; -1 for all.
        pub count: i64 = "Count",
        /// Which.
        pub device_ids: List<String> = "DeviceIDs",
        /// Any of these lists, all of its words.
        pub capabilities: List<Vec<String>> = "Capabilities",
        /// Options of the driver.
        pub options: Map<String> = "Options",
    }
}

go_struct! {
    /// A resource limit of the process (`units.Ulimit`).
    pub struct Ulimit {
        /// Name as in `ulimit`, such as `nofile`.
        pub name: String = "Name",
        /// Hard limit; -1 for none.
        pub hard: i64 = "Hard",
        /// Soft limit; -1 for none.
        pub soft: i64 = "Soft",
    }
}

go_struct! {
    /// Where output goes.
    pub struct LogConfig {
        /// The driver, such as `json-file`.
        pub kind: String = "Type",
        /// Its options.
        pub config: Map<String> = "Config",
    }
}

go_struct! {
    /// When the container is started again.
    pub struct RestartPolicy {
        /// `no` or empty, `always`, `on-failure`, `unless-stopped`.
        pub name: String = "Name",
        /// For `on-failure`.
        pub maximum_retry_count: i64 = "MaximumRetryCount",
    }
}

go_struct! {
    /// A mount asked for in the new form (`mount.Mount`).
    pub struct Mount {
        /// `bind`, `volume`, `tmpfs`, `image`, `npipe`, `cluster`.
        pub kind: String = "Type", omitempty,
        /// Path on the host or name of the volume.
        pub source: String = "Source", omitempty,
        /// Path inside.
        pub target: String = "Target", omitempty,
        /// Not writable.
        pub read_only: bool = "ReadOnly", omitempty,
        /// Not used on Linux.
        pub consistency: String = "Consistency", omitempty,
        /// For `bind`.
        pub bind_options: Option<BindOptions> = "BindOptions", omitempty,
        /// For `volume`.
        pub volume_options: Option<VolumeOptions> = "VolumeOptions", omitempty,
        /// For `image`.
        pub image_options: Option<ImageOptions> = "ImageOptions", omitempty,
        /// For `tmpfs`.
        pub tmpfs_options: Option<TmpfsOptions> = "TmpfsOptions", omitempty,
    }
}

go_struct! {
    /// Options of a bind mount.
    pub struct BindOptions {
        /// `private`, `rslave`, …
        pub propagation: String = "Propagation", omitempty,
        /// Without the mounts below.
        pub non_recursive: bool = "NonRecursive", omitempty,
        /// Makes the source if missing.
        pub create_mountpoint: bool = "CreateMountpoint", omitempty,
        /// Read-only at the top only.
        pub read_only_non_recursive: bool = "ReadOnlyNonRecursive", omitempty,
        /// An error if it cannot be read-only all the way down.
        pub read_only_force_recursive: bool = "ReadOnlyForceRecursive", omitempty,
    }
}

go_struct! {
    /// Options of a volume mount.
    pub struct VolumeOptions {
        /// Does not fill an empty volume from the image.
        pub no_copy: bool = "NoCopy", omitempty,
        /// Labels of a volume made for this.
        pub labels: Map<String> = "Labels", omitempty,
        /// A path inside the volume.
        pub subpath: String = "Subpath", omitempty,
        /// Driver of a volume made for this.
        pub driver_config: Option<MountDriver> = "DriverConfig", omitempty,
    }
}

go_struct! {
    /// A volume driver with its options (`mount.Driver`).
    pub struct MountDriver {
        /// Its name.
        pub name: String = "Name", omitempty,
        /// Its options.
        pub options: Map<String> = "Options", omitempty,
    }
}

go_struct! {
    /// Options of an image mount.
    pub struct ImageOptions {
        /// A path inside the image.
        pub subpath: String = "Subpath", omitempty,
    }
}

go_struct! {
    /// Options of a tmpfs mount.
    pub struct TmpfsOptions {
        /// Size in bytes; zero for no limit.
        pub size_bytes: i64 = "SizeBytes", omitempty,
        /// Permission bits; Go's `os.FileMode`.
        pub mode: u32 = "Mode", omitempty,
        /// Flags (one word) and options (two words).
        pub options: List<Vec<String>> = "Options", omitempty,
    }
}

go_struct! {
    /// What depends on the host (`container.HostConfig` with the `Resources` it embeds).
    pub struct HostConfig {
        /// `source:target[:options]`.
        pub binds: List<String> = "Binds",
        /// File that gets the id.
        pub container_id_file: String = "ContainerIDFile",
        /// Where output goes.
        pub log_config: LogConfig = "LogConfig",
        /// `default`, `bridge`, `none`, `host`, `container:ID` or a network.
        pub network_mode: String = "NetworkMode",
        /// Ports published on the host.
        pub port_bindings: Option<PortMap> = "PortBindings",
        /// When it is started again.
        pub restart_policy: RestartPolicy = "RestartPolicy",
        /// Removes the container when it has ended.
        pub auto_remove: bool = "AutoRemove",
        /// Driver of volumes made for it.
        pub volume_driver: String = "VolumeDriver",
        /// Containers whose volumes it takes.
        pub volumes_from: List<String> = "VolumesFrom",
        /// First size of the terminal: height, width.
        pub console_size: [u32; 2] = "ConsoleSize",
        /// Passed on to the runtime.
        pub annotations: Map<String> = "Annotations", omitempty,

        /// Capabilities added.
        pub cap_add: Option<StrSlice> = "CapAdd",
        /// Capabilities dropped.
        pub cap_drop: Option<StrSlice> = "CapDrop",
        /// Empty, `private` or `host`.
        pub cgroupns_mode: String = "CgroupnsMode",
        /// Name servers.
        pub dns: List<String> = "Dns",
        /// Options of `resolv.conf`.
        pub dns_options: List<String> = "DnsOptions",
        /// Search domains.
        pub dns_search: List<String> = "DnsSearch",
        /// `host:address` for `/etc/hosts`.
        pub extra_hosts: List<String> = "ExtraHosts",
        /// Additional groups of the process.
        pub group_add: List<String> = "GroupAdd",
        /// Empty, `none`, `private`, `shareable`, `host` or `container:ID`.
        pub ipc_mode: String = "IpcMode",
        /// Empty or `container:ID`.
        pub cgroup: String = "Cgroup",
        /// `name:alias`.
        pub links: List<String> = "Links",
        /// -1000 to 1000.
        pub oom_score_adj: i64 = "OomScoreAdj",
        /// Empty, `host` or `container:ID`.
        pub pid_mode: String = "PidMode",
        /// All capabilities and devices.
        pub privileged: bool = "Privileged",
        /// Publishes every exposed port.
        pub publish_all_ports: bool = "PublishAllPorts",
        /// The root is read-only.
        pub readonly_rootfs: bool = "ReadonlyRootfs",
        /// Security options, such as `no-new-privileges`.
        pub security_opt: List<String> = "SecurityOpt",
        /// Options of the storage driver.
        pub storage_opt: Map<String> = "StorageOpt", omitempty,
        /// Path → options of tmpfs mounts.
        pub tmpfs: Map<String> = "Tmpfs", omitempty,
        /// Empty or `host`.
        pub uts_mode: String = "UTSMode",
        /// Empty or `host`.
        pub userns_mode: String = "UsernsMode",
        /// Size of `/dev/shm` in bytes.
        pub shm_size: i64 = "ShmSize",
        /// Kernel parameters of its namespaces.
        pub sysctls: Map<String> = "Sysctls", omitempty,
        /// The runtime.
        pub runtime: String = "Runtime", omitempty,
        /// Windows only.
        pub isolation: String = "Isolation",

        /// Relative weight; zero is the default (1024).
        pub cpu_shares: i64 = "CpuShares",
        /// Bytes; zero for no limit.
        pub memory: i64 = "Memory",
        /// Billionths of a processor.
        pub nano_cpus: i64 = "NanoCpus",
        /// Parent control group.
        pub cgroup_parent: String = "CgroupParent",
        /// 10 to 1000; zero for the default.
        pub blkio_weight: u16 = "BlkioWeight",
        /// Weights of devices.
        pub blkio_weight_device: List<WeightDevice> = "BlkioWeightDevice",
        /// Bytes a second.
        pub blkio_device_read_bps: List<ThrottleDevice> = "BlkioDeviceReadBps",
        /// Bytes a second.
        pub blkio_device_write_bps: List<ThrottleDevice> = "BlkioDeviceWriteBps",
        /// Operations a second.
        pub blkio_device_read_iops: List<ThrottleDevice> = "BlkioDeviceReadIOps",
        /// Operations a second.
        pub blkio_device_write_iops: List<ThrottleDevice> = "BlkioDeviceWriteIOps",
        /// Microseconds.
        pub cpu_period: i64 = "CpuPeriod",
        /// Microseconds in a period.
        pub cpu_quota: i64 = "CpuQuota",
        /// Microseconds.
        pub cpu_realtime_period: i64 = "CpuRealtimePeriod",
        /// Microseconds.
        pub cpu_realtime_runtime: i64 = "CpuRealtimeRuntime",
        /// Such as `0-2,4`.
        pub cpuset_cpus: String = "CpusetCpus",
        /// Such as `0-2,4`.
        pub cpuset_mems: String = "CpusetMems",
        /// Devices of the host.
        pub devices: List<DeviceMapping> = "Devices",
        /// Rules such as `c 1:3 rwm`.
        pub device_cgroup_rules: List<String> = "DeviceCgroupRules",
        /// Devices of drivers.
        pub device_requests: List<DeviceRequest> = "DeviceRequests",
        /// Deprecated.
        pub kernel_memory: i64 = "KernelMemory", omitempty,
        /// Deprecated.
        pub kernel_memory_tcp: i64 = "KernelMemoryTCP", omitempty,
        /// Soft limit in bytes.
        pub memory_reservation: i64 = "MemoryReservation",
        /// Memory and swap in bytes; -1 for unlimited swap.
        pub memory_swap: i64 = "MemorySwap",
        /// 0 to 100.
        pub memory_swappiness: Option<i64> = "MemorySwappiness",
        /// Whether the OOM killer leaves it alone.
        pub oom_kill_disable: Option<bool> = "OomKillDisable",
        /// Most processes; zero, -1 or `null` for no limit.
        pub pids_limit: Option<i64> = "PidsLimit",
        /// Resource limits of the process.
        pub ulimits: List<Ulimit> = "Ulimits",
        /// Windows only.
        pub cpu_count: i64 = "CpuCount",
        /// Windows only.
        pub cpu_percent: i64 = "CpuPercent",
        /// Windows only.
        pub io_maximum_iops: u64 = "IOMaximumIOps",
        /// Windows only.
        pub io_maximum_bandwidth: u64 = "IOMaximumBandwidth",

        /// Mounts in the new form.
        pub mounts: List<Mount> = "Mounts", omitempty,
        /// Paths hidden inside; `null` for the default set.
        pub masked_paths: List<String> = "MaskedPaths",
        /// Paths read-only inside; `null` for the default set.
        pub readonly_paths: List<String> = "ReadonlyPaths",
        /// Whether an init is process 1.
        pub init: Option<bool> = "Init", omitempty,
    }
}

go_struct! {
    /// Body of `POST /containers/create` (`container.CreateRequest`).
    pub struct CreateRequest {
        /// What is portable, in the document itself.
        pub config: Config, flatten,
        /// What depends on the host.
        pub host_config: Option<HostConfig> = "HostConfig", omitempty,
        /// Its place in networks.
        pub networking_config: Option<NetworkingConfig> = "NetworkingConfig", omitempty,
    }
}

go_struct! {
    /// Answer to `POST /containers/create`, status 201.
    pub struct CreateResponse {
        /// The full id.
        pub id: String = "Id",
        /// What the client prints as "WARNING: …"; `[]` when there is none.
        pub warnings: Vec<String> = "Warnings",
    }
}

go_struct! {
    /// Body of the answer to `POST /containers/ID/wait`.
    pub struct WaitResponse {
        /// When waiting itself failed.
        pub error: Option<WaitError> = "Error", omitempty,
        /// Exit status.
        pub status_code: i64 = "StatusCode",
    }
}

go_struct! {
    /// Why waiting failed.
    pub struct WaitError {
        /// In words.
        pub message: String = "Message", omitempty,
    }
}

go_struct! {
    /// A port in a list (`container.Port`).
    pub struct Port {
        /// Address on the host.
        pub ip: String = "IP", omitempty,
        /// Port inside.
        pub private_port: u16 = "PrivatePort",
        /// Port on the host.
        pub public_port: u16 = "PublicPort", omitempty,
        /// `tcp`, `udp`, `sctp`.
        pub kind: String = "Type",
    }
}

go_struct! {
    /// A mount that a container has (`container.MountPoint`).
    pub struct MountPoint {
        /// `bind`, `volume`, `tmpfs`.
        pub kind: String = "Type", omitempty,
        /// Name of the volume.
        pub name: String = "Name", omitempty,
        /// Path on the host.
        pub source: String = "Source",
        /// Path inside.
        pub destination: String = "Destination",
        /// Driver of the volume.
        pub driver: String = "Driver", omitempty,
        /// Options as given.
        pub mode: String = "Mode",
        /// Writable.
        pub rw: bool = "RW",
        /// `rprivate`, …
        pub propagation: String = "Propagation",
    }
}

go_struct! {
    /// One element of `GET /containers/json` (`container.Summary`).
    pub struct Summary {
        /// The full id.
        pub id: String = "Id",
        /// Each with a slash before it.
        pub names: List<String> = "Names",
        /// The image as named, or its id when the name has moved on.
        pub image: String = "Image",
        /// The image's id.
        pub image_id: String = "ImageID",
        /// The image's manifest, where the store keeps it.
        pub image_manifest_descriptor: Option<serde_json::Value> = "ImageManifestDescriptor", omitempty,
        /// Command line.
        pub command: String = "Command",
        /// Seconds since 1970.
        pub created: i64 = "Created",
        /// Ports.
        pub ports: List<Port> = "Ports",
        /// Bytes of its own layer, when asked for.
        pub size_rw: i64 = "SizeRw", omitempty,
        /// Bytes with the image, when asked for.
        pub size_root_fs: i64 = "SizeRootFs", omitempty,
        /// Labels.
        pub labels: Map<String> = "Labels",
        /// `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`.
        pub state: String = "State",
        /// In words, such as "Up 2 minutes".
        pub status: String = "Status",
        /// Part of the host's configuration.
        pub host_config: SummaryHostConfig = "HostConfig",
        /// Its networks.
        pub network_settings: Option<SummaryNetworkSettings> = "NetworkSettings",
        /// Its mounts.
        pub mounts: List<MountPoint> = "Mounts",
    }
}

go_struct! {
    /// What a list tells of the host's configuration.
    pub struct SummaryHostConfig {
        /// The network mode.
        pub network_mode: String = "NetworkMode", omitempty,
        /// Passed on to the runtime.
        pub annotations: Map<String> = "Annotations", omitempty,
    }
}

go_struct! {
    /// What a list tells of networks.
    pub struct SummaryNetworkSettings {
        /// By name.
        pub networks: Map<EndpointSettings> = "Networks",
    }
}

go_struct! {
    /// Answer to `GET /containers/ID/top`.
    pub struct TopResponse {
        /// One row a process.
        pub processes: List<Vec<String>> = "Processes",
        /// Titles of the columns.
        pub titles: List<String> = "Titles",
    }
}

go_struct! {
    /// Answer to `POST /containers/prune`.
    pub struct PruneReport {
        /// Full ids.
        pub containers_deleted: List<String> = "ContainersDeleted",
        /// Bytes.
        pub space_reclaimed: u64 = "SpaceReclaimed",
    }
}

go_struct! {
    /// One element of `GET /containers/ID/changes`.
    pub struct FilesystemChange {
        /// 0 modified, 1 added, 2 deleted.
        pub kind: u32 = "Kind",
        /// Path inside.
        pub path: String = "Path",
    }
}

go_struct! {
    /// Answer to `POST /containers/ID/update`.
    pub struct UpdateResponse {
        /// What the client prints as warnings.
        pub warnings: List<String> = "Warnings",
    }
}

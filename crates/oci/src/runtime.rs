//! The runtime specification 1.2: `config.json` ([`Spec`]) and the state ([`State`]).
//!
//! Only what concerns Linux is here; the sections of other systems are ignored. Numbers have the width that the
//! specification's Go types give them, so that a document out of range is refused when it is read.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

mod resources;
mod seccomp;
pub use resources::*;
pub use seccomp::*;

fn is_false(value: &bool) -> bool {
    !value
}

/// `config.json` (config.md).
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    /// Version of the specification that the document follows.
    pub oci_version: String,
    /// The container's process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
    /// The root file system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<Root>,
    /// Host name in a uts namespace of its own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hostname: String,
    /// NIS domain name in a uts namespace of its own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub domainname: String,
    /// Mounts beyond the root, in the order in which they are made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    /// Programs to run at moments of the container's life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hooks: Option<Hooks>,
    /// Arbitrary facts that go into the state.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// What only Linux has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linux: Option<Linux>,
}

/// The process of a container, or one executed in it (config.md, "Process").
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Process {
    /// Whether it gets a pseudo-terminal.
    #[serde(default, skip_serializing_if = "is_false")]
    pub terminal: bool,
    /// The terminal's size at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console_size: Option<ConsoleSize>,
    /// Ids it runs with.
    #[serde(default)]
    pub user: User,
    /// Program and arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Environment, `NAME=value`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Working directory, an absolute path in the container.
    pub cwd: String,
    /// Capability sets; absent leaves them as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Capabilities>,
    /// Resource limits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rlimits: Vec<Rlimit>,
    /// Whether `execve` may grant no more privileges.
    #[serde(default, skip_serializing_if = "is_false")]
    pub no_new_privileges: bool,
    /// AppArmor profile.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub apparmor_profile: String,
    /// Value for `/proc/[pid]/oom_score_adj`, -1000..=1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oom_score_adj: Option<i32>,
    /// Scheduling policy and its parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduler: Option<Scheduler>,
    /// SELinux label.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub selinux_label: String,
    /// I/O priority.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        rename = "ioPriority"
    )]
    pub io_priority: Option<IoPriority>,
    /// CPUs for processes executed in a container.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        rename = "execCPUAffinity"
    )]
    pub exec_cpu_affinity: Option<CpuAffinity>,
}

/// A terminal's size in characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ConsoleSize {
    /// Rows.
    pub height: u64,
    /// Columns.
    pub width: u64,
}

/// User and groups of a process.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// User id in the container.
    pub uid: u32,
    /// Group id in the container.
    pub gid: u32,
    /// File mode creation mask; absent leaves the runtime's choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub umask: Option<u32>,
    /// Supplementary group ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub additional_gids: Vec<u32>,
    /// User name, for systems other than Linux.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub username: String,
}

/// Capability sets by name, such as `CAP_CHOWN` (`man 7 capabilities`).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Capabilities {
    /// Limit of what can be gained by `execve`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bounding: Vec<String>,
    /// In force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effective: Vec<String>,
    /// Kept across `execve` by files that inherit them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inheritable: Vec<String>,
    /// What may be put in force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permitted: Vec<String>,
    /// Kept across `execve` of unprivileged programs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ambient: Vec<String>,
}

/// A resource limit by name, such as `RLIMIT_NOFILE` (`man 2 getrlimit`).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rlimit {
    /// Name.
    #[serde(rename = "type")]
    pub kind: String,
    /// Hard limit; `u64::MAX` is none.
    pub hard: u64,
    /// Soft limit; `u64::MAX` is none.
    pub soft: u64,
}

/// Scheduling of a process (`man 2 sched_setattr`).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Scheduler {
    /// Name such as `SCHED_OTHER`.
    pub policy: String,
    /// Nice value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nice: Option<i32>,
    /// Static priority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// Names such as `SCHED_FLAG_RESET_ON_FORK`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// Deadline scheduling: runtime in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<u64>,
    /// Deadline scheduling: deadline in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<u64>,
    /// Deadline scheduling: period in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<u64>,
}

/// I/O priority (`man 2 ioprio_set`).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct IoPriority {
    /// `IOPRIO_CLASS_RT`, `IOPRIO_CLASS_BE` or `IOPRIO_CLASS_IDLE`.
    pub class: String,
    /// Level within the class.
    pub priority: i32,
}

/// CPU lists, such as `0-3,7`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct CpuAffinity {
    /// Before the process is moved to the container's control group.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub initial: String,
    /// After it.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "final")]
    pub last: String,
}

/// The root file system (config.md, "Root").
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Root {
    /// Absolute path, or relative to the bundle.
    pub path: String,
    /// Whether it is read-only in the container.
    #[serde(default, skip_serializing_if = "is_false")]
    pub readonly: bool,
}

/// One mount (config.md, "Mounts").
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mount {
    /// Where, in the container.
    pub destination: String,
    /// Type of the file system; absent or `none` for a bind mount.
    #[serde(default, rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Device, or the path of a bind mount on the host.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Options as `mount -o` takes them, and the runtime's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// User id mappings of an id-mapped mount.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uid_mappings: Vec<IdMapping>,
    /// Group id mappings of an id-mapped mount.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gid_mappings: Vec<IdMapping>,
}

/// One range of a user namespace's map (`man 7 user_namespaces`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IdMapping {
    /// First id in the container.
    #[serde(rename = "containerID")]
    pub container_id: u32,
    /// First id on the host.
    #[serde(rename = "hostID")]
    pub host_id: u32,
    /// Number of ids.
    pub size: u32,
}

/// Hooks (config.md, "POSIX-platform Hooks").
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hooks {
    /// Deprecated form of `create_runtime`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prestart: Vec<Hook>,
    /// During create, in the runtime's namespaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub create_runtime: Vec<Hook>,
    /// During create, in the container's namespaces, before the root is changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub create_container: Vec<Hook>,
    /// During start, in the container, before its process runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub start_container: Vec<Hook>,
    /// After start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub poststart: Vec<Hook>,
    /// After delete.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub poststop: Vec<Hook>,
}

impl Hooks {
    /// Whether there is nothing to run.
    pub fn is_empty(&self) -> bool {
        [
            &self.prestart,
            &self.create_runtime,
            &self.create_container,
            &self.start_container,
            &self.poststart,
            &self.poststop,
        ]
        .iter()
        .all(|hooks| hooks.is_empty())
    }
}

/// One program of a hook.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Hook {
    /// Absolute path on the host.
    pub path: String,
    /// Arguments, the name first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Environment, `NAME=value`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Seconds after which it is given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i64>,
}

/// What only Linux has (config-linux.md).
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Linux {
    /// User id map of the user namespace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uid_mappings: Vec<IdMapping>,
    /// Group id map of the user namespace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gid_mappings: Vec<IdMapping>,
    /// Kernel parameters by their dotted names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sysctl: BTreeMap<String, String>,
    /// Limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Where in the control groups.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cgroups_path: String,
    /// Namespaces to make or to join.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<Namespace>,
    /// Device nodes beyond the default ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<Device>,
    /// Network devices to move in, by their names on the host.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub net_devices: BTreeMap<String, NetDevice>,
    /// System-call filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seccomp: Option<Seccomp>,
    /// Propagation of the root: `private`, `rslave`, ….
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rootfs_propagation: String,
    /// Paths that are hidden.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub masked_paths: Vec<String>,
    /// Paths that are made read-only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readonly_paths: Vec<String>,
    /// SELinux label of the mounts.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mount_label: String,
    /// Cache and memory bandwidth allocation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intel_rdt: Option<IntelRdt>,
    /// Execution domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personality: Option<Personality>,
    /// Clock offsets of a time namespace by clock name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub time_offsets: BTreeMap<String, TimeOffset>,
}

/// Kinds of namespaces (config-linux.md, "Namespaces").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NamespaceKind {
    /// Process ids.
    Pid,
    /// Network.
    Network,
    /// Mounts.
    Mount,
    /// System V IPC and POSIX message queues.
    Ipc,
    /// Host and domain name.
    Uts,
    /// User and group ids.
    User,
    /// View of the control groups.
    Cgroup,
    /// Clock offsets.
    Time,
}

/// A namespace to make, or with a path to join.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Namespace {
    /// Its kind.
    #[serde(rename = "type")]
    pub kind: NamespaceKind,
    /// File of the namespace to join; absent for a new one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
}

/// A device node (config-linux.md, "Devices").
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    /// Absolute path in the container.
    pub path: String,
    /// `c`, `u`, `b` or `p`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Major number.
    #[serde(default)]
    pub major: i64,
    /// Minor number.
    #[serde(default)]
    pub minor: i64,
    /// Permission bits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_mode: Option<u32>,
    /// Owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
}

/// A network device to move in.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct NetDevice {
    /// Its name in the container.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
}

/// Resource director technology (config-linux.md, "IntelRdt").
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IntelRdt {
    /// Name of the class.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "closID")]
    pub clos_id: String,
    /// Schema of the third-level cache.
    #[serde(
        default,
        skip_serializing_if = "String::is_empty",
        rename = "l3CacheSchema"
    )]
    pub l3_cache_schema: String,
    /// Schema of the memory bandwidth.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mem_bw_schema: String,
    /// Monitoring of cache occupancy.
    #[serde(default, skip_serializing_if = "is_false", rename = "enableCMT")]
    pub enable_cmt: bool,
    /// Monitoring of memory bandwidth.
    #[serde(default, skip_serializing_if = "is_false", rename = "enableMBM")]
    pub enable_mbm: bool,
}

/// Execution domain (`man 2 personality`).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Personality {
    /// `LINUX` or `LINUX32`.
    pub domain: String,
    /// None are defined yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
}

/// Offset of a clock in a time namespace.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct TimeOffset {
    /// Seconds.
    #[serde(default)]
    pub secs: i64,
    /// Nanoseconds.
    #[serde(default)]
    pub nanosecs: u32,
}

/// Status of a container (runtime.md, "State").
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Being made.
    Creating,
    /// Made; its process has not run the user's program yet.
    Created,
    /// Its process runs.
    Running,
    /// Its process has ended.
    Stopped,
    /// Frozen; beyond the specification, as runc has it.
    Paused,
}

impl Status {
    /// The word of the document.
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Creating => "creating",
            Status::Created => "created",
            Status::Running => "running",
            Status::Stopped => "stopped",
            Status::Paused => "paused",
        }
    }
}

/// State of a container (runtime.md, "State").
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Version of the specification.
    pub oci_version: String,
    /// The container's id.
    pub id: String,
    /// Its status.
    pub status: Status,
    /// Its process on the host; absent or zero when there is none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub pid: i32,
    /// Absolute path of the bundle.
    pub bundle: String,
    /// Annotations of the configuration.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

fn is_zero(value: &i32) -> bool {
    *value == 0
}

//! What a plan needs to know of the host. Equal facts give equal plans.

use crate::cgroups::Group;
use glassdock_abi::flags::MountFlags;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The 41 capabilities of Linux 5.9 and later.
const ALL_CAPABILITIES: u64 = (1 << 41) - 1;

/// Which kinds of namespaces the kernel has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Namespaces {
    /// Process ids.
    pub pid: bool,
    /// Mounts.
    pub mnt: bool,
    /// Host name.
    pub uts: bool,
    /// System V IPC, POSIX message queues.
    pub ipc: bool,
    /// Network.
    pub net: bool,
    /// Control groups.
    pub cgroup: bool,
    /// Users.
    pub user: bool,
    /// Clocks.
    pub time: bool,
}

impl Namespaces {
    /// All that plans know.
    pub const ALL: Namespaces = Namespaces {
        pid: true,
        mnt: true,
        uts: true,
        ipc: true,
        net: true,
        cgroup: true,
        user: true,
        time: true,
    };
}

/// What a bind mount's source is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum FileKind {
    /// A directory.
    Directory,
    /// Anything else.
    File,
}

/// Facts of a host, and of the descriptors that the helper was given.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HostFacts {
    /// The bounding set: no process here can have more capabilities.
    pub bounding: u64,
    /// Every capability that the kernel knows: what a process has in a user namespace of its own.
    pub capabilities: u64,
    /// Kinds of namespaces.
    pub namespaces: Namespaces,
    /// Whether processes can have system-call filters.
    pub seccomp: bool,
    /// Whether `/proc/kcore` exists.
    pub kcore: bool,
    /// What the sources of bind mounts are; absent for those that do not exist.
    pub sources: BTreeMap<String, FileKind>,
    /// Flags of the mounts that the root and these sources are on, where there are any: in a user namespace they cannot be taken
    /// away.
    pub kept_flags: BTreeMap<String, MountFlags>,
    /// Owners of the standard streams; absent for those that must keep theirs, such as `/dev/null`.
    pub stdio: [Option<u32>; 3],
    /// How many descriptors from 3 on the process keeps.
    #[serde(default)]
    pub preserved: u32,
    /// The container's control groups, those that exist and those that are to be.
    pub groups: Vec<Group>,
    /// Home directory of the process's user in the container, for `HOME` where the environment has none.
    pub home: Option<String>,
}

impl Default for HostFacts {
    /// A host with everything, whose bounding set is complete.
    fn default() -> Self {
        HostFacts {
            bounding: ALL_CAPABILITIES,
            capabilities: ALL_CAPABILITIES,
            namespaces: Namespaces::ALL,
            seccomp: true,
            kcore: true,
            sources: BTreeMap::new(),
            kept_flags: BTreeMap::new(),
            stdio: [Some(0); 3],
            preserved: 0,
            groups: Vec::new(),
            home: Some("/".to_owned()),
        }
    }
}

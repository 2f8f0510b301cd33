//! The state of a machine as a fold of deltas.
//!
//! A kind of entity is a key and a value; a change of one has both sides, so that it can be undone. Add a kind by
//! adding a line to the table at the end and its value's type above it. Values hold no contents of files or memory,
//! only versions and sizes.

use glassdock_abi::types::{Dev, Termios, Winsize};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A change of one entity: absent before means made, absent after means gone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Change<K, V> {
    /// Which one.
    pub key: K,
    /// As it was.
    pub before: Option<V>,
    /// As it is.
    pub after: Option<V>,
}

impl<K, V> Change<K, V> {
    /// The change that undoes this one.
    pub fn reversed(self) -> Change<K, V> {
        Change {
            key: self.key,
            before: self.after,
            after: self.before,
        }
    }
}

/// Kinds of namespaces, in the order of `/proc/PID/ns`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum NsKind {
    /// Control-group namespace.
    Cgroup,
    /// IPC namespace.
    Ipc,
    /// Mount namespace.
    Mnt,
    /// Network namespace.
    Net,
    /// PID namespace.
    Pid,
    /// Time namespace.
    Time,
    /// User namespace.
    User,
    /// UTS namespace.
    Uts,
}

/// A namespace by its inode number, as `readlink /proc/PID/ns/…` shows it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct NsId(pub u64);

/// A file system by its device number.
pub type SbId = u64;

/// A process or thread.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct TaskInfo {
    /// Parent, as the first pid namespace numbers it.
    pub ppid: i32,
    /// Thread group.
    pub tgid: i32,
    /// Process group.
    pub pgid: i32,
    /// Session.
    pub sid: i32,
    /// Name (`comm`).
    pub comm: String,
    /// Path of the executable, as it was opened.
    pub exe: String,
    /// Arguments.
    pub argv: Vec<String>,
    /// Whether it is a built-in program.
    pub builtin: bool,
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Effective capabilities.
    pub caps: u64,
    /// Number in each pid namespace, outermost first.
    pub pids: Vec<(NsId, i32)>,
    /// Controlling terminal's number, as in `pts/N`.
    pub tty: Option<u32>,
    /// Path of its control group.
    pub cgroup: String,
    /// Birth in virtual nanoseconds.
    pub started: u64,
}

/// What a task does.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum TaskState {
    /// Running or ready.
    Runnable,
    /// Waiting, and for what.
    Sleeping(String),
    /// Stopped by a signal.
    Stopped(u8),
    /// Ended, not yet waited for; the wait status word.
    Zombie(i32),
}

/// Who a task is to the kernel, beyond [`TaskInfo`] (`man 7 credentials`, `man 7 capabilities`).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct CredInfo {
    /// Real, saved and file-system user id.
    pub uids: [u32; 3],
    /// Real, saved and file-system group id.
    pub gids: [u32; 3],
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// Permitted capabilities.
    pub permitted: u64,
    /// Inheritable ones.
    pub inheritable: u64,
    /// Those that can be gained at all.
    pub bounding: u64,
    /// Those that a program without privileges keeps.
    pub ambient: u64,
    /// `PR_SET_SECUREBITS`.
    pub securebits: u32,
    /// `PR_SET_NO_NEW_PRIVS`.
    pub no_new_privs: bool,
    /// `PR_SET_SECCOMP`: 1 strict, 2 with filters.
    pub seccomp: u8,
    /// How many filters there are.
    pub filters: u32,
}

/// A resource's limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct LimitInfo {
    /// The resource's number (`RLIMIT_NOFILE` is 7).
    pub resource: u8,
    /// What is enforced.
    pub soft: u64,
    /// How far it can be raised.
    pub hard: u64,
}

/// Signals of a task, as sets in which signal `n` is bit `n - 1`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SignalsInfo {
    /// Blocked ones.
    pub blocked: u64,
    /// Those that wait for this thread.
    pub pending: u64,
    /// Those that wait for any thread of the process; told of its first one.
    pub shared: u64,
}

/// What a process does with a signal (`man 2 sigaction`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct HandlerInfo {
    /// The handler's address; 0 is the default action, 1 is to ignore it.
    pub handler: u64,
    /// `SA_*`.
    pub flags: u64,
    /// Where the handler returns to.
    pub restorer: u64,
    /// Signals that are blocked meanwhile.
    pub mask: u64,
}

/// A process's real-time interval timer (`man 2 setitimer`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct TimerInfo {
    /// When it goes off, in virtual nanoseconds.
    pub next: Option<u64>,
    /// Nanoseconds from then on between two times.
    pub every: u64,
}

/// An area of an address space (`man 5 proc_pid_maps`). What its pages hold is not told.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct AreaInfo {
    /// Address after its last byte.
    pub end: u64,
    /// May be read (1), written (2), executed (4).
    pub prot: u8,
    /// Whether writes are seen by all who map the same.
    pub shared: bool,
    /// Whether it grows downwards, as a stack does.
    pub grows_down: bool,
    /// The file that it shows, or nothing.
    pub file: Option<String>,
    /// Where in the file, or in shared memory, it begins, in bytes.
    pub offset: u64,
}

/// A namespace.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NsInfo {
    /// Kind.
    pub kind: NsKind,
    /// The namespace it was made in, for nested kinds.
    pub parent: Option<NsId>,
    /// The owning user namespace.
    pub owner: Option<NsId>,
    /// Host name, for UTS namespaces.
    pub hostname: Option<String>,
    /// Whether the loopback interface is up, for network namespaces.
    pub loopback_up: Option<bool>,
    /// Offsets of the monotonic and the boot-time clock in nanoseconds, for time namespaces.
    pub offsets: Option<[i64; 2]>,
    /// Who is who, for user namespaces other than the first.
    pub users: Option<UserNsInfo>,
}

/// The maps of a user namespace (`man 7 user_namespaces`).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UserNsInfo {
    /// The machine's user id of who made it.
    pub owner: u32,
    /// Map of users; empty until it is written.
    pub uids: Vec<IdRangeInfo>,
    /// Map of groups; empty until it is written.
    pub gids: Vec<IdRangeInfo>,
    /// Whether `setgroups` may be called in it.
    pub setgroups: bool,
}

/// A range of ids of a user namespace.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct IdRangeInfo {
    /// First id in the namespace.
    pub inside: u32,
    /// First id of the machine.
    pub outside: u32,
    /// Number of ids.
    pub count: u32,
}

/// A mount.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MountInfo {
    /// Its mount namespace.
    pub ns: NsId,
    /// The mount it is on.
    pub parent: Option<u64>,
    /// Where, as a path from the namespace's root.
    pub target: String,
    /// What part of the file system is its root.
    pub root: String,
    /// The file system.
    pub sb: SbId,
    /// Type, such as `overlay`.
    pub fstype: String,
    /// Source, as in the first column of `mount`.
    pub source: String,
    /// Mount options, as in `/proc/self/mountinfo`.
    pub options: String,
    /// Optional fields, such as `shared:3`.
    pub propagation: String,
}

/// A file system in use.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SuperblockInfo {
    /// Type.
    pub fstype: String,
    /// Its options.
    pub options: String,
}

/// A file's attributes. `version` grows with each change of its contents.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct InodeInfo {
    /// Type and permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Hard links.
    pub nlink: u32,
    /// Bytes.
    pub size: u64,
    /// Device that it stands for.
    pub rdev: Dev,
    /// Change of contents, in nanoseconds of the real-time clock.
    pub mtime: u64,
    /// Change of the inode, likewise.
    pub ctime: u64,
    /// Target of a symbolic link.
    pub link: Option<Vec<u8>>,
    /// How often the contents changed.
    pub version: u64,
}

/// A descriptor of a process.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FdInfo {
    /// The open file description.
    pub file: u64,
    /// Close-on-exec.
    pub cloexec: bool,
}

/// An open file description.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OpenFileInfo {
    /// What it is: a path, `pipe:[N]`, `socket:[N]`, `anon_inode:[eventpoll]`.
    pub what: String,
    /// Status flags and access mode.
    pub flags: u32,
    /// Position in bytes.
    pub pos: u64,
}

/// A pipe's or socket's buffer.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ChannelInfo {
    /// `pipe`, `unix`, `eventfd`, …
    pub kind: String,
    /// Bytes that wait to be read; of an eventfd, its count; of a timerfd, how often it went off.
    pub queued: u64,
    /// The other end of a socket.
    pub peer: Option<u64>,
    /// Address of a bound socket.
    pub name: Option<String>,
    /// Whether it listens.
    pub listening: bool,
}

/// A terminal.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct TtyInfo {
    /// Size.
    pub winsize: Winsize,
    /// Session that it controls.
    pub session: Option<i32>,
    /// Foreground process group.
    pub foreground: Option<i32>,
    /// Settings.
    pub termios: Termios,
}

/// A control group, by its path; who is in it says [`TaskInfo::cgroup`].
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct CgroupInfo {
    /// The controllers of the groups right below it.
    pub enabled: Vec<String>,
    /// Limits and weights that differ from what a new group has: file and content.
    pub limits: Vec<(String, String)>,
    /// Whether it is frozen, by itself.
    pub frozen: bool,
}

/// A container, as the engine sees it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ContainerInfo {
    /// Name, without a slash.
    pub name: String,
    /// Image reference it was made from.
    pub image: String,
    /// Image id.
    pub image_id: String,
    /// `created`, `running`, `exited`, `dead`, `removing`.
    pub state: String,
    /// The first process, as the host numbers it.
    pub pid: Option<i32>,
    /// Exit status, once it has ended.
    pub exit_code: Option<i32>,
    /// The command as `docker ps` shows it.
    pub command: String,
}

/// An image, as the engine sees it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ImageInfo {
    /// References, such as `busybox:latest`.
    pub tags: Vec<String>,
    /// Layers from the lowest up, by diff id.
    pub layers: Vec<String>,
    /// Bytes.
    pub size: u64,
}

/// A delta that does not fit the state it was applied to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mismatch {
    /// Kind and key.
    pub what: String,
    /// What the delta expected.
    pub expected: String,
    /// What there was.
    pub found: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: the delta expects {}, the state is {}",
            self.what, self.expected, self.found
        )
    }
}

impl std::error::Error for Mismatch {}

fn put<K, V>(kind: &str, map: &mut BTreeMap<K, V>, change: Change<K, V>) -> Result<(), Mismatch>
where
    K: Ord + fmt::Debug,
    V: PartialEq + fmt::Debug,
{
    let found = map.get(&change.key);
    if found != change.before.as_ref() {
        return Err(Mismatch {
            what: format!("{kind} {:?}", change.key),
            expected: format!("{:?}", change.before),
            found: format!("{found:?}"),
        });
    }
    match change.after {
        Some(value) => map.insert(change.key, value),
        None => map.remove(&change.key),
    };
    Ok(())
}

macro_rules! entities {
    ($($(#[$doc:meta])* $kind:ident, $map:ident: $key:ty => $value:ty;)*) => {
        /// One change of state.
        #[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
        pub enum Delta { $($(#[$doc])* $kind(Change<$key, $value>),)* }

        /// The state of one machine.
        #[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
        pub struct World { $($(#[$doc])* pub $map: BTreeMap<$key, $value>,)* }

        impl Delta {
            /// The change that undoes this one.
            pub fn reversed(self) -> Delta {
                match self { $(Delta::$kind(change) => Delta::$kind(change.reversed()),)* }
            }
            /// The kind's name.
            pub const fn kind(&self) -> &'static str {
                match self { $(Delta::$kind(_) => stringify!($kind),)* }
            }
        }

        impl World {
            /// Applies a change. On a mismatch nothing is changed.
            pub fn apply(&mut self, delta: Delta) -> Result<(), Mismatch> {
                match delta { $(Delta::$kind(change) => put(stringify!($kind), &mut self.$map, change),)* }
            }
            /// Undoes a change that was the last one applied.
            pub fn undo(&mut self, delta: Delta) -> Result<(), Mismatch> {
                self.apply(delta.reversed())
            }
            /// The changes that lead from `self` to `other`, kind by kind and key by key.
            pub fn differences(&self, other: &World) -> Vec<Delta> {
                let mut deltas = Vec::new();
                $(diff(&self.$map, &other.$map, |change| deltas.push(Delta::$kind(change)));)*
                deltas
            }
        }
    };
}

fn diff<K, V>(from: &BTreeMap<K, V>, to: &BTreeMap<K, V>, mut found: impl FnMut(Change<K, V>))
where
    K: Ord + Clone,
    V: PartialEq + Clone,
{
    for (key, before) in from {
        let after = to.get(key);
        if after != Some(before) {
            found(Change {
                key: key.clone(),
                before: Some(before.clone()),
                after: after.cloned(),
            });
        }
    }
    for (key, after) in to {
        if !from.contains_key(key) {
            found(Change {
                key: key.clone(),
                before: None,
                after: Some(after.clone()),
            });
        }
    }
}

entities! {
    /// Tasks by thread id in the first pid namespace.
    Task, tasks: i32 => TaskInfo;
    /// What tasks do, by the same id.
    TaskState, states: i32 => TaskState;
    /// Membership of tasks in namespaces.
    NsMember, members: (i32, NsKind) => NsId;
    /// Working directory of a process.
    Cwd, cwds: i32 => String;
    /// Root directory of a process, where it is not the namespace's.
    Root, roots: i32 => String;
    /// File mode creation mask of a process.
    Umask, umasks: i32 => u32;
    /// Identities and capabilities of tasks.
    Cred, creds: i32 => CredInfo;
    /// Limits of a process that are not those that the kernel starts its first process with.
    Limits, limits: i32 => Vec<LimitInfo>;
    /// Blocked and pending signals of tasks that have any.
    Signals, signals: i32 => SignalsInfo;
    /// What a process does with a signal, where that is not the default.
    Handler, handlers: (i32, u8) => HandlerInfo;
    /// Real-time timers of processes that set one.
    Timer, timers: i32 => TimerInfo;
    /// Address spaces of tasks that run a program in memory.
    Mm, mms: i32 => u64;
    /// Areas by address space and first address.
    Area, areas: (u64, u64) => AreaInfo;
    /// Namespaces.
    Namespace, namespaces: NsId => NsInfo;
    /// Mounts by mount id.
    Mount, mounts: u64 => MountInfo;
    /// File systems in use.
    Superblock, superblocks: SbId => SuperblockInfo;
    /// Files by file system and inode number.
    Inode, inodes: (SbId, u64) => InodeInfo;
    /// Directory entries by file system, directory and name; the value is an inode number.
    DirEntry, entries: (SbId, u64, Vec<u8>) => u64;
    /// Extended attributes by file system, inode and name.
    Xattr, xattrs: (SbId, u64, Vec<u8>) => Vec<u8>;
    /// Descriptors by process and number.
    Fd, fds: (i32, i32) => FdInfo;
    /// Open file descriptions.
    OpenFile, files: u64 => OpenFileInfo;
    /// Pipes and sockets by inode number.
    Channel, channels: u64 => ChannelInfo;
    /// Terminals by number.
    Tty, ttys: u32 => TtyInfo;
    /// Control groups by path.
    Cgroup, cgroups: String => CgroupInfo;
    /// Containers by id.
    Container, containers: String => ContainerInfo;
    /// Images by id.
    Image, images: String => ImageInfo;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fd(key: (i32, i32), before: Option<u64>, after: Option<u64>) -> Delta {
        let info = |file| FdInfo {
            file,
            cloexec: false,
        };
        Delta::Fd(Change {
            key,
            before: before.map(info),
            after: after.map(info),
        })
    }

    #[test]
    fn a_change_that_does_not_fit_is_refused_and_changes_nothing() {
        let mut world = World::default();
        let error = world.apply(fd((1, 0), Some(7), Some(8))).unwrap_err();
        assert_eq!(error.what, "Fd (1, 0)");
        assert_eq!(world, World::default());
    }

    proptest! {
        #[test]
        fn folding_backwards_returns_to_the_start(steps in prop::collection::vec((0..4i32, 0..4i32, any::<Option<u64>>()), 0..200)) {
            let mut world = World::default();
            let mut log = Vec::new();
            for (pid, number, after) in steps {
                let before = world.fds.get(&(pid, number)).map(|info| info.file);
                let delta = fd((pid, number), before, after);
                world.apply(delta.clone()).unwrap();
                log.push(delta);
            }
            let mut again = World::default();
            for delta in World::default().differences(&world) {
                again.apply(delta).unwrap();
            }
            prop_assert_eq!(&again, &world);
            for delta in log.into_iter().rev() {
                world.undo(delta).unwrap();
            }
            prop_assert_eq!(world, World::default());
        }
    }
}

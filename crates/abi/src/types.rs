//! Values that cross the system-call line: descriptors, ids, paths, times and the kernel's structures.

use crate::flags::{CloneFlags, MountAttrFlags, MountFlags, OpenFlags, ResolveFlags};
use core::fmt;
use serde::{Deserialize, Serialize};

/// A file descriptor's number. It owns nothing; [`crate::OwnedFd`] does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Fd(pub i32);

impl Fd {
    /// `AT_FDCWD`. Through [`crate::Sys`] it goes with absolute paths only.
    pub const CWD: Fd = Fd(-100);
    /// Standard input.
    pub const STDIN: Fd = Fd(0);
    /// Standard output.
    pub const STDOUT: Fd = Fd(1);
    /// Standard error.
    pub const STDERR: Fd = Fd(2);
}

/// A process id, as the calling process's pid namespace numbers it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Pid(pub i32);

/// A path as the kernel takes it: bytes without an inner NUL (one is refused with `EINVAL` where the call is made).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct PathArg(#[serde(with = "serde_bytes")] pub Vec<u8>);

impl PathArg {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
    /// `self/name`, with exactly one slash between them.
    pub fn join(&self, name: impl AsRef<[u8]>) -> PathArg {
        let mut path = self.0.clone();
        if !path.is_empty() && path.last() != Some(&b'/') {
            path.push(b'/');
        }
        path.extend_from_slice(name.as_ref());
        PathArg(path)
    }
}

impl From<&str> for PathArg {
    fn from(path: &str) -> Self {
        PathArg(path.as_bytes().to_vec())
    }
}
impl From<&String> for PathArg {
    fn from(path: &String) -> Self {
        path.as_str().into()
    }
}
impl From<String> for PathArg {
    fn from(path: String) -> Self {
        PathArg(path.into_bytes())
    }
}
impl From<&[u8]> for PathArg {
    fn from(path: &[u8]) -> Self {
        PathArg(path.to_vec())
    }
}
impl From<Vec<u8>> for PathArg {
    fn from(path: Vec<u8>) -> Self {
        PathArg(path)
    }
}
impl fmt::Debug for PathArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}
impl fmt::Display for PathArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

/// `struct open_how` of `man 2 openat2`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct OpenHow {
    /// Access mode and creation flags.
    pub flags: OpenFlags,
    /// Permission bits of a created file, before the umask.
    pub mode: u32,
    /// Limits on how the path is followed.
    pub resolve: ResolveFlags,
}

/// `struct mount_attr` of `man 2 mount_setattr`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct MountAttr {
    /// Flags that are given.
    pub set: MountAttrFlags,
    /// Flags that are taken away.
    pub clear: MountAttrFlags,
    /// One of the flags of propagation, or none.
    pub propagation: MountFlags,
    /// The user namespace whose maps the mount shows owners through, with [`MountAttrFlags::IDMAP`].
    pub userns: Option<Fd>,
}

/// File type bits of a mode (`man 7 inode`).
pub mod mode {
    /// Mask of the file type.
    pub const S_IFMT: u32 = 0o170000;
    /// Socket.
    pub const S_IFSOCK: u32 = 0o140000;
    /// Symbolic link.
    pub const S_IFLNK: u32 = 0o120000;
    /// Regular file.
    pub const S_IFREG: u32 = 0o100000;
    /// Block device.
    pub const S_IFBLK: u32 = 0o060000;
    /// Directory.
    pub const S_IFDIR: u32 = 0o040000;
    /// Character device.
    pub const S_IFCHR: u32 = 0o020000;
    /// FIFO.
    pub const S_IFIFO: u32 = 0o010000;
    /// Set-user-id bit.
    pub const S_ISUID: u32 = 0o4000;
    /// Set-group-id bit.
    pub const S_ISGID: u32 = 0o2000;
    /// Sticky bit.
    pub const S_ISVTX: u32 = 0o1000;
}

/// A device number in the kernel's user-space encoding (`man 3 makedev`).
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct Dev(pub u64);

impl Dev {
    /// The encoding of major and minor number.
    pub const fn new(major: u32, minor: u32) -> Dev {
        let (major, minor) = (major as u64, minor as u64);
        Dev((minor & 0xff) | (major & 0xfff) << 8 | (minor & !0xff) << 12 | (major & !0xfff) << 32)
    }
    /// The major number.
    pub const fn major(self) -> u32 {
        ((self.0 >> 8) & 0xfff | (self.0 >> 32) & !0xfff) as u32
    }
    /// The minor number.
    pub const fn minor(self) -> u32 {
        (self.0 & 0xff | (self.0 >> 12) & !0xff) as u32
    }
}

/// Seconds and nanoseconds (`struct timespec`); `nsec` is within 0..1_000_000_000.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct Timespec {
    /// Whole seconds.
    pub sec: i64,
    /// Nanoseconds within the second.
    pub nsec: u32,
}

impl Timespec {
    /// From nanoseconds since the clock's start.
    pub const fn from_nanos(nanos: u64) -> Timespec {
        Timespec {
            sec: (nanos / 1_000_000_000) as i64,
            nsec: (nanos % 1_000_000_000) as u32,
        }
    }
    /// Nanoseconds since the clock's start; a time before it is zero, one too far away the maximum.
    pub const fn as_nanos(self) -> u64 {
        if self.sec < 0 {
            return 0;
        }
        (self.sec as u64)
            .saturating_mul(1_000_000_000)
            .saturating_add(self.nsec as u64)
    }
}

/// A file's time in `utimensat`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum TimeSet {
    /// `UTIME_OMIT`.
    Omit,
    /// `UTIME_NOW`.
    Now,
    /// The given time.
    At(Timespec),
}

/// What `man 2 statx` tells of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Stat {
    /// Device that holds the file.
    pub dev: Dev,
    /// Inode number.
    pub ino: u64,
    /// Type and permission bits.
    pub mode: u32,
    /// Number of hard links.
    pub nlink: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Device that the file stands for, when it is one.
    pub rdev: Dev,
    /// Length in bytes.
    pub size: u64,
    /// Preferred block size in bytes.
    pub blksize: u32,
    /// Allocated 512-byte units.
    pub blocks: u64,
    /// Last access.
    pub atime: Timespec,
    /// Last change of the contents.
    pub mtime: Timespec,
    /// Last change of the inode.
    pub ctime: Timespec,
    /// Birth.
    pub btime: Timespec,
    /// Id of the mount that it was reached through (`STATX_MNT_ID`).
    pub mnt_id: u64,
}

impl Stat {
    /// Whether the type is `kind`, one of [`mode`]'s `S_IF*`.
    pub const fn is(&self, kind: u32) -> bool {
        self.mode & mode::S_IFMT == kind
    }
}

/// `man 2 statfs`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct StatFs {
    /// Magic number of the file system's type.
    pub kind: u64,
    /// Block size in bytes.
    pub bsize: u32,
    /// All blocks.
    pub blocks: u64,
    /// Free blocks.
    pub bfree: u64,
    /// Free blocks for unprivileged users.
    pub bavail: u64,
    /// All inodes.
    pub files: u64,
    /// Free inodes.
    pub ffree: u64,
    /// Longest name in bytes.
    pub namelen: u32,
    /// Mount flags (`ST_*`).
    pub flags: u64,
}

/// One entry of a directory (`man 2 getdents64`).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Dirent {
    /// Inode number.
    pub ino: u64,
    /// Position to continue after this entry.
    pub off: u64,
    /// `DT_*`: the file type bits of the mode shifted right by 12.
    pub kind: u8,
    /// The name.
    #[serde(with = "serde_bytes")]
    pub name: Vec<u8>,
}

/// `struct winsize` (`man 2 ioctl_tty`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Winsize {
    /// Rows.
    pub rows: u16,
    /// Columns.
    pub cols: u16,
    /// Width in pixels, usually zero.
    pub xpixel: u16,
    /// Height in pixels, usually zero.
    pub ypixel: u16,
}

/// The kernel's `struct termios` (`TCGETS`; `man 3 termios`). The default has everything off.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Termios {
    /// Input modes.
    pub iflag: u32,
    /// Output modes.
    pub oflag: u32,
    /// Control modes.
    pub cflag: u32,
    /// Local modes.
    pub lflag: u32,
    /// Line discipline.
    pub line: u8,
    /// Control characters, indexed by `VINTR`…
    pub cc: [u8; 19],
}

impl Termios {
    /// The raw form of settings, in which every byte is passed on (`cfmakeraw` of `man 3 termios`).
    pub fn raw(mut self) -> Termios {
        const IGNBRK_TO_IXON: u32 = 0x1 | 0x2 | 0x8 | 0x20 | 0x40 | 0x80 | 0x100 | 0x400;
        const OPOST: u32 = 0x1;
        const ISIG_ICANON_ECHO_ECHONL_IEXTEN: u32 = 0x1 | 0x2 | 0x8 | 0x40 | 0x8000;
        const CSIZE_PARENB: u32 = 0x30 | 0x100;
        const CS8: u32 = 0x30;
        const VTIME: usize = 5;
        const VMIN: usize = 6;
        self.iflag &= !IGNBRK_TO_IXON;
        self.oflag &= !OPOST;
        self.lflag &= !ISIG_ICANON_ECHO_ECHONL_IEXTEN;
        self.cflag = self.cflag & !CSIZE_PARENB | CS8;
        self.cc[VMIN] = 1;
        self.cc[VTIME] = 0;
        self
    }
}

/// Capabilities (`man 7 capabilities`).
pub mod capability {
    /// Their names without `CAP_`, by their numbers.
    pub const NAMES: [&str; 41] = [
        "CHOWN",
        "DAC_OVERRIDE",
        "DAC_READ_SEARCH",
        "FOWNER",
        "FSETID",
        "KILL",
        "SETGID",
        "SETUID",
        "SETPCAP",
        "LINUX_IMMUTABLE",
        "NET_BIND_SERVICE",
        "NET_BROADCAST",
        "NET_ADMIN",
        "NET_RAW",
        "IPC_LOCK",
        "IPC_OWNER",
        "SYS_MODULE",
        "SYS_RAWIO",
        "SYS_CHROOT",
        "SYS_PTRACE",
        "SYS_PACCT",
        "SYS_ADMIN",
        "SYS_BOOT",
        "SYS_NICE",
        "SYS_RESOURCE",
        "SYS_TIME",
        "SYS_TTY_CONFIG",
        "MKNOD",
        "LEASE",
        "AUDIT_WRITE",
        "AUDIT_CONTROL",
        "SETFCAP",
        "MAC_OVERRIDE",
        "MAC_ADMIN",
        "SYSLOG",
        "WAKE_ALARM",
        "BLOCK_SUSPEND",
        "AUDIT_READ",
        "PERFMON",
        "BPF",
        "CHECKPOINT_RESTORE",
    ];

    /// All of them as specifications and people write them, with `CAP_`, by number.
    pub fn full_names() -> impl Iterator<Item = String> {
        NAMES.iter().map(|name| format!("CAP_{name}"))
    }
}

/// Numbers of resource limits (`man 2 getrlimit`).
pub mod resource {
    /// Their names without `RLIMIT_`, by their numbers.
    pub const NAMES: [&str; 16] = [
        "CPU",
        "FSIZE",
        "DATA",
        "STACK",
        "CORE",
        "RSS",
        "NPROC",
        "NOFILE",
        "MEMLOCK",
        "AS",
        "LOCKS",
        "SIGPENDING",
        "MSGQUEUE",
        "NICE",
        "RTPRIO",
        "RTTIME",
    ];
    /// `RLIMIT_NOFILE`: open files.
    pub const NOFILE: u32 = 7;
    /// The number of a name in small letters, such as `nofile`, as `ulimit` and Docker spell it.
    pub fn from_ulimit(name: &str) -> Option<u32> {
        let small = |known: &str| {
            known
                .bytes()
                .map(|byte| byte.to_ascii_lowercase())
                .eq(name.bytes())
        };
        position(small)
    }
    /// The number of a whole name, such as `RLIMIT_NOFILE`.
    pub fn from_name(name: &str) -> Option<u32> {
        let name = name.strip_prefix("RLIMIT_")?;
        position(|known| known == name)
    }
    fn position(is: impl Fn(&str) -> bool) -> Option<u32> {
        let at = NAMES.iter().position(|known| is(known))?;
        u32::try_from(at).ok()
    }
}

/// `struct rlimit64`; `u64::MAX` is `RLIM_INFINITY`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rlimit {
    /// Soft limit.
    pub cur: u64,
    /// Hard limit.
    pub max: u64,
}

/// An instruction of a system-call filter (`struct sock_filter`, `man 2 seccomp`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SockFilter {
    /// What it does.
    pub code: u16,
    /// Instructions to skip where its condition holds.
    pub jt: u8,
    /// Instructions to skip where not.
    pub jf: u8,
    /// Its operand.
    pub k: u32,
}

impl SockFilter {
    /// Its bytes in memory.
    pub fn to_bytes(self) -> [u8; 8] {
        let ([a, b], [e, f, g, h]) = (self.code.to_ne_bytes(), self.k.to_ne_bytes());
        [a, b, self.jt, self.jf, e, f, g, h]
    }
    /// The instruction in eight bytes.
    pub fn from_bytes([a, b, jt, jf, e, f, g, h]: [u8; 8]) -> SockFilter {
        SockFilter {
            code: u16::from_ne_bytes([a, b]),
            jt,
            jf,
            k: u32::from_ne_bytes([e, f, g, h]),
        }
    }
}

/// Capability sets of a process, one bit a capability (`man 7 capabilities`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct CapSets {
    /// Effective.
    pub effective: u64,
    /// Permitted.
    pub permitted: u64,
    /// Inheritable.
    pub inheritable: u64,
}

/// What a wait reports of a child (`si_code` and `si_status` of `man 2 waitid`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum WaitStatus {
    /// Exited with a code.
    Exited(u8),
    /// Killed by a signal; whether it dumped core.
    Killed(u8, bool),
    /// Stopped by a signal.
    Stopped(u8),
    /// Continued by `SIGCONT`.
    Continued,
}

impl WaitStatus {
    /// The status word of `man 2 wait4`.
    pub const fn word(self) -> i32 {
        match self {
            WaitStatus::Exited(code) => (code as i32) << 8,
            WaitStatus::Killed(signal, core) => signal as i32 | if core { 0x80 } else { 0 },
            WaitStatus::Stopped(signal) => (signal as i32) << 8 | 0x7f,
            WaitStatus::Continued => 0xffff,
        }
    }
    /// The exit code as a shell tells it: the code, or 128 + signal.
    pub const fn shell_code(self) -> i32 {
        match self {
            WaitStatus::Exited(code) => code as i32,
            WaitStatus::Killed(signal, _) | WaitStatus::Stopped(signal) => 128 + signal as i32,
            WaitStatus::Continued => 0,
        }
    }
}

/// Whom a wait waits for (`idtype` of `man 2 waitid`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum WaitFor {
    /// Any child.
    Any,
    /// One child.
    Pid(Pid),
    /// Children of a process group; zero is the caller's own.
    Group(Pid),
    /// The child behind a pidfd.
    PidFd(Fd),
}

/// A child's change, as reported by a wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Waited {
    /// The child.
    pub pid: Pid,
    /// Its real user id.
    pub uid: u32,
    /// What happened to it.
    pub status: WaitStatus,
}

/// An address of a socket.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum SockAddr {
    /// `AF_UNIX` without a name.
    UnixUnnamed,
    /// `AF_UNIX` at a path of at most 107 bytes.
    Unix(PathArg),
    /// `AF_UNIX` in the abstract namespace (the bytes after the NUL).
    UnixAbstract(Vec<u8>),
    /// Any other family: family and raw bytes after it.
    Other(u16, Vec<u8>),
}

impl SockAddr {
    /// `AF_INET`.
    pub const INET: u16 = 2;

    /// `struct sockaddr_in` (`man 7 ip`).
    pub fn inet(address: &core::net::SocketAddrV4) -> SockAddr {
        let mut bytes = address.port().to_be_bytes().to_vec();
        bytes.extend(address.ip().octets());
        bytes.extend([0; 8]);
        SockAddr::Other(SockAddr::INET, bytes)
    }
}

/// `struct ucred` of `SO_PEERCRED`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ucred {
    /// Process id.
    pub pid: Pid,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// One entry of `man 2 poll`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PollFd {
    /// The descriptor; a negative one is passed over.
    pub fd: Fd,
    /// What is asked for, or in the answer what is there.
    pub events: crate::flags::PollEvents,
}

/// Clocks (`man 2 clock_gettime`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Clock {
    /// `CLOCK_REALTIME`.
    Realtime,
    /// `CLOCK_MONOTONIC`.
    Monotonic,
    /// `CLOCK_BOOTTIME`.
    Boottime,
}

/// What a clone makes (`struct clone_args` of `man 2 clone3`, without what only programs in memory need).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct CloneArgs {
    /// New namespaces and what is shared. `CLONE_VM`, `CLONE_THREAD` and `CLONE_SETTLS` are refused with `EINVAL`.
    pub flags: CloneFlags,
    /// Signal that the parent gets when the child ends; zero for none.
    pub exit_signal: u8,
    /// Descriptor of the cgroup directory to start in (`CLONE_INTO_CGROUP`, which it implies).
    pub cgroup: Option<Fd>,
}

/// Signal numbers of x86-64 (`man 7 signal`).
pub mod signal {
    macro_rules! signals { ($($name:ident = $n:literal,)*) => {
        $(#[doc = concat!("`SIG", stringify!($name), "`")] pub const $name: u8 = $n;)*
        /// The name without `SIG`, such as `TERM`; `None` for real-time and unknown signals.
        pub const fn name(signal: u8) -> Option<&'static str> {
            match signal { $($n => Some(stringify!($name)),)* _ => None }
        }
        /// The number of a name with or without `SIG`.
        pub fn from_name(name: &str) -> Option<u8> {
            match name.strip_prefix("SIG").unwrap_or(name) { $(stringify!($name) => Some($n),)* _ => None }
        }
    } }
    signals! {
        HUP = 1, INT = 2, QUIT = 3, ILL = 4, TRAP = 5, ABRT = 6, BUS = 7, FPE = 8, KILL = 9, USR1 = 10, SEGV = 11,
        USR2 = 12, PIPE = 13, ALRM = 14, TERM = 15, STKFLT = 16, CHLD = 17, CONT = 18, STOP = 19, TSTP = 20, TTIN = 21,
        TTOU = 22, URG = 23, XCPU = 24, XFSZ = 25, VTALRM = 26, PROF = 27, WINCH = 28, IO = 29, PWR = 30, SYS = 31,
    }
    /// First real-time signal.
    pub const RTMIN: u8 = 34;
    /// Last signal.
    pub const MAX: u8 = 64;
}

//! A system call as a value: typed, owned arguments, and what it yields.
//!
//! One enum serves the trait [`crate::Sys`], the runtime's plan, the simulated kernel's dispatch and the trace, so a
//! call is described in one place. Variants are named after the system call whose effect they have; where Linux has
//! several of one kind (`open`, `openat`, `openat2`), the most general one is here.

use crate::flags::*;
use crate::types::*;
use crate::visit::{Visit, Visitor};
use crate::{Errno, nr};
use serde::{Deserialize, Serialize};

macro_rules! calls {
    ($($(#[$doc:meta])* $name:ident = $nr:ident { $($(#[$attr:meta])* $field:ident: $ty:ty,)* })*) => {
        /// A system call with its arguments.
        #[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
        #[allow(missing_docs, reason = "fields carry the manual page's argument names")]
        pub enum Call { $($(#[$doc])* $name { $($(#[$attr])* $field: $ty,)* },)* }

        impl Call {
            /// The number of the system call (x86-64).
            pub const fn nr(&self) -> u32 {
                match self { $(Call::$name { .. } => nr::$nr,)* }
            }
            /// The name of the system call, as `strace` prints it.
            pub const fn name(&self) -> &'static str {
                match self { $(Call::$name { .. } => stringify!($nr),)* }
            }
            /// Shows the descriptors, process ids and paths among the arguments to a visitor, in order.
            pub fn visit(&mut self, visitor: &mut dyn Visitor) {
                match self { $(Call::$name { $($field,)* } => { $(Visit::visit($field, visitor);)* })* }
            }
        }
    };
}

calls! {
    // Files by path.
    /// → [`Ret::Fd`]
    Openat2 = openat2 { dirfd: Fd, path: PathArg, how: OpenHow, }
    /// `man 2 statx`; follows a final link unless told otherwise. → [`Ret::Stat`]
    Statx = statx { dirfd: Fd, path: PathArg, flags: AtFlags, }
    /// → [`Ret::Bytes`], the whole target
    Readlinkat = readlinkat { dirfd: Fd, path: PathArg, }
    /// `man 2 faccessat2`; `mode` is `R_OK` 4, `W_OK` 2, `X_OK` 1. → [`Ret::None`]
    Faccessat2 = faccessat2 { dirfd: Fd, path: PathArg, mode: u32, flags: AtFlags, }
    /// → [`Ret::None`]
    Mkdirat = mkdirat { dirfd: Fd, path: PathArg, mode: u32, }
    /// → [`Ret::None`]
    Mknodat = mknodat { dirfd: Fd, path: PathArg, mode: u32, dev: Dev, }
    /// → [`Ret::None`]
    Unlinkat = unlinkat { dirfd: Fd, path: PathArg, flags: AtFlags, }
    /// → [`Ret::None`]
    Symlinkat = symlinkat { target: PathArg, newdirfd: Fd, linkpath: PathArg, }
    /// → [`Ret::None`]
    Linkat = linkat { olddirfd: Fd, oldpath: PathArg, newdirfd: Fd, newpath: PathArg, flags: AtFlags, }
    /// → [`Ret::None`]
    Renameat2 = renameat2 { olddirfd: Fd, oldpath: PathArg, newdirfd: Fd, newpath: PathArg, flags: RenameFlags, }
    /// With `EMPTY_PATH` the descriptor itself (`fchmod`). → [`Ret::None`]
    Fchmodat = fchmodat2 { dirfd: Fd, path: PathArg, mode: u32, flags: AtFlags, }
    /// `u32::MAX` leaves an id as it is. → [`Ret::None`]
    Fchownat = fchownat { dirfd: Fd, path: PathArg, uid: u32, gid: u32, flags: AtFlags, }
    /// With an empty path the descriptor itself. → [`Ret::None`]
    Utimensat = utimensat { dirfd: Fd, path: PathArg, atime: TimeSet, mtime: TimeSet, flags: AtFlags, }
    /// → [`Ret::StatFs`]
    Statfs = statfs { path: PathArg, }
    /// → [`Ret::StatFs`]
    Fstatfs = fstatfs { fd: Fd, }
    /// `follow` chooses between `getxattr` and `lgetxattr`. → [`Ret::Bytes`]
    Getxattr = getxattr { path: PathArg, #[serde(with = "serde_bytes")] name: Vec<u8>, follow: bool, }
    /// → [`Ret::None`]
    Setxattr = setxattr {
        path: PathArg,
        #[serde(with = "serde_bytes")] name: Vec<u8>,
        #[serde(with = "serde_bytes")] value: Vec<u8>,
        flags: XattrFlags,
        follow: bool,
    }
    /// → [`Ret::Bytes`]: names, each ended by NUL
    Listxattr = listxattr { path: PathArg, follow: bool, }
    /// → [`Ret::None`]
    Removexattr = removexattr { path: PathArg, #[serde(with = "serde_bytes")] name: Vec<u8>, follow: bool, }
    /// → [`Ret::Bytes`]
    Fgetxattr = fgetxattr { fd: Fd, #[serde(with = "serde_bytes")] name: Vec<u8>, }
    /// → [`Ret::None`]
    Fsetxattr = fsetxattr {
        fd: Fd,
        #[serde(with = "serde_bytes")] name: Vec<u8>,
        #[serde(with = "serde_bytes")] value: Vec<u8>,
        flags: XattrFlags,
    }

    // Open files.
    /// → [`Ret::None`]
    Close = close { fd: Fd, }
    /// → [`Ret::None`]
    CloseRange = close_range { first: u32, last: u32, flags: CloseRangeFlags, }
    /// → [`Ret::Bytes`], empty at the end
    Read = read { fd: Fd, count: u64, }
    /// → [`Ret::Int`], the bytes written
    Write = write { fd: Fd, #[serde(with = "serde_bytes")] data: Vec<u8>, }
    /// → [`Ret::Bytes`]
    Pread64 = pread64 { fd: Fd, count: u64, offset: u64, }
    /// → [`Ret::Int`]
    Pwrite64 = pwrite64 { fd: Fd, #[serde(with = "serde_bytes")] data: Vec<u8>, offset: u64, }
    /// `whence`: 0 set, 1 current, 2 end. → [`Ret::Int`]
    Lseek = lseek { fd: Fd, offset: i64, whence: u32, }
    /// → [`Ret::Dirents`], empty at the end; `count` is the buffer's size in bytes
    Getdents64 = getdents64 { fd: Fd, count: u64, }
    /// → [`Ret::None`]
    Ftruncate = ftruncate { fd: Fd, length: u64, }
    /// → [`Ret::None`]
    Fallocate = fallocate { fd: Fd, mode: u32, offset: u64, len: u64, }
    /// → [`Ret::None`]
    Fsync = fsync { fd: Fd, }
    /// → [`Ret::None`]
    Fdatasync = fdatasync { fd: Fd, }
    /// `operation`: `LOCK_SH` 1, `LOCK_EX` 2, `LOCK_NB` 4, `LOCK_UN` 8. → [`Ret::None`]
    Flock = flock { fd: Fd, operation: u32, }
    /// From the file positions when the offsets are absent. → [`Ret::Int`]
    CopyFileRange = copy_file_range { fd_in: Fd, off_in: Option<u64>, fd_out: Fd, off_out: Option<u64>, len: u64, }
    /// → [`Ret::Int`]
    Sendfile = sendfile { out_fd: Fd, in_fd: Fd, offset: Option<u64>, count: u64, }
    /// → [`Ret::Fd`]
    Dup3 = dup3 { oldfd: Fd, newfd: Fd, flags: OpenFlags, }
    /// → [`Ret::Int`] or [`Ret::Fd`], as the command says
    Fcntl = fcntl { fd: Fd, cmd: FcntlCmd, }
    /// → as the request says
    Ioctl = ioctl { fd: Fd, request: IoctlReq, }
    /// `timeout` in nanoseconds, absent for none. → [`Ret::Polled`], in the order asked
    Ppoll = ppoll { fds: Vec<PollFd>, timeout: Option<u64>, }
    /// → [`Ret::Fd`]
    MemfdCreate = memfd_create { #[serde(with = "serde_bytes")] name: Vec<u8>, flags: MemfdFlags, }

    // Pipes and sockets.
    /// → [`Ret::Fds`]: read end, write end
    Pipe2 = pipe2 { flags: OpenFlags, }
    /// `domain`, `kind` (with `SOCK_NONBLOCK`, `SOCK_CLOEXEC`) and `protocol` are the C constants. → [`Ret::Fd`]
    Socket = socket { domain: u32, kind: u32, protocol: u32, }
    /// → [`Ret::Fds`]
    Socketpair = socketpair { domain: u32, kind: u32, protocol: u32, }
    /// → [`Ret::None`]
    Bind = bind { fd: Fd, addr: SockAddr, }
    /// → [`Ret::None`]
    Listen = listen { fd: Fd, backlog: u32, }
    /// → [`Ret::Accepted`]
    Accept4 = accept4 { fd: Fd, flags: OpenFlags, }
    /// → [`Ret::None`]
    Connect = connect { fd: Fd, addr: SockAddr, }
    /// `how`: 0 read, 1 write, 2 both. → [`Ret::None`]
    Shutdown = shutdown { fd: Fd, how: u32, }
    /// → [`Ret::Int`]
    Sendmsg = sendmsg {
        fd: Fd,
        #[serde(with = "serde_bytes")] data: Vec<u8>,
        fds: Vec<Fd>,
        to: Option<SockAddr>,
        flags: MsgFlags,
    }
    /// → [`Ret::Msg`]
    Recvmsg = recvmsg { fd: Fd, count: u64, flags: MsgFlags, }
    /// → [`Ret::SockAddr`]
    Getsockname = getsockname { fd: Fd, }
    /// → [`Ret::SockAddr`]
    Getpeername = getpeername { fd: Fd, }
    /// Options of one C `int`. → [`Ret::Int`]
    Getsockopt = getsockopt { fd: Fd, level: u32, name: u32, }
    /// `SO_PEERCRED`. → [`Ret::Ucred`]
    Peercred = getsockopt { fd: Fd, }
    /// Options of one C `int`. → [`Ret::None`]
    Setsockopt = setsockopt { fd: Fd, level: u32, name: u32, value: i32, }

    // Processes other than the caller.
    /// → [`Ret::Waited`]; `None` inside with `NOHANG` and nothing to report
    Waitid = waitid { which: WaitFor, options: WaitFlags, }
    /// → [`Ret::Fd`]
    PidfdOpen = pidfd_open { pid: Pid, flags: u32, }
    /// → [`Ret::None`]
    PidfdSendSignal = pidfd_send_signal { pidfd: Fd, signal: u8, }
    /// `pid` as in `man 2 kill`: zero and negative mean groups. → [`Ret::None`]
    Kill = kill { pid: Pid, signal: u8, }
    /// A descriptor that yields `signalfd_siginfo` records of 128 bytes for pending signals of `mask` (bit n-1 for
    /// signal n). → [`Ret::Fd`]
    Signalfd4 = signalfd4 { fd: Option<Fd>, mask: u64, flags: OpenFlags, }
    /// `how`: 0 block, 1 unblock, 2 set. → [`Ret::Int`], the old mask as bits
    RtSigprocmask = rt_sigprocmask { how: u32, set: u64, }
    /// Sets where `new` is given. → [`Ret::Rlimit`], the old one
    Prlimit64 = prlimit64 { pid: Pid, resource: u32, new: Option<Rlimit>, }

    // Mounts.
    /// → [`Ret::None`]
    Mount = mount {
        source: PathArg,
        target: PathArg,
        #[serde(with = "serde_bytes")] fstype: Vec<u8>,
        flags: MountFlags,
        #[serde(with = "serde_bytes")] data: Vec<u8>,
    }
    /// → [`Ret::None`]
    Umount2 = umount2 { target: PathArg, flags: UmountFlags, }
    /// → [`Ret::Fd`]
    OpenTree = open_tree { dirfd: Fd, path: PathArg, flags: OpenTreeFlags, }
    /// → [`Ret::None`]
    MoveMount = move_mount {
        from_dirfd: Fd,
        from_pathname: PathArg,
        to_dirfd: Fd,
        to_pathname: PathArg,
        flags: MoveMountFlags,
    }
    /// → [`Ret::None`]
    MountSetattr = mount_setattr { dirfd: Fd, path: PathArg, flags: AtFlags, attr: MountAttr, }

    // Time and randomness.
    /// → [`Ret::Time`]
    ClockGettime = clock_gettime { clock: Clock, }
    /// Until an absolute time where `absolute`. → [`Ret::None`]
    ClockNanosleep = clock_nanosleep { clock: Clock, absolute: bool, time: Timespec, }
    /// → [`Ret::Bytes`]
    Getrandom = getrandom { count: u64, }

    // The calling process itself: only where it is single-threaded ([`crate::Proc`]); elsewhere `ENOSYS`.
    /// → [`Ret::Pid`]
    Getpid = getpid { }
    /// → [`Ret::Pid`]
    Getppid = getppid { }
    /// → [`Ret::Int`]
    Getuid = getuid { }
    /// → [`Ret::Int`]
    Geteuid = geteuid { }
    /// → [`Ret::Int`]
    Getgid = getgid { }
    /// → [`Ret::Int`]
    Getegid = getegid { }
    /// What the parent sees of a clone. The call is made through [`crate::Proc::clone_with`].
    Clone3 = clone3 { args: CloneArgs, }
    /// Returns only on failure. With `EMPTY_PATH` the descriptor itself.
    Execveat = execveat { dirfd: Fd, path: PathArg, argv: Vec<Vec<u8>>, envp: Vec<Vec<u8>>, flags: AtFlags, }
    /// Never returns.
    ExitGroup = exit_group { status: u8, }
    /// → [`Ret::None`]
    Unshare = unshare { flags: CloneFlags, }
    /// → [`Ret::None`]
    Setns = setns { fd: Fd, nstype: CloneFlags, }
    /// → [`Ret::None`]
    Chdir = chdir { path: PathArg, }
    /// → [`Ret::None`]
    Fchdir = fchdir { fd: Fd, }
    /// → [`Ret::Bytes`], without the NUL
    Getcwd = getcwd { }
    /// → [`Ret::None`]
    Chroot = chroot { path: PathArg, }
    /// → [`Ret::None`]
    PivotRoot = pivot_root { new_root: PathArg, put_old: PathArg, }
    /// → [`Ret::Int`], the old one
    Umask = umask { mask: u32, }
    /// `u32::MAX` leaves an id as it is. → [`Ret::None`]
    Setresuid = setresuid { ruid: u32, euid: u32, suid: u32, }
    /// `u32::MAX` leaves an id as it is. → [`Ret::None`]
    Setresgid = setresgid { rgid: u32, egid: u32, sgid: u32, }
    /// → [`Ret::None`]
    Setgroups = setgroups { groups: Vec<u32>, }
    /// → [`Ret::Groups`]
    Getgroups = getgroups { }
    /// → [`Ret::Caps`]
    Capget = capget { }
    /// → [`Ret::None`]
    Capset = capset { sets: CapSets, }
    /// → [`Ret::Int`]
    Prctl = prctl { op: PrctlOp, }
    /// `SECCOMP_SET_MODE_FILTER`. → [`Ret::None`]
    Seccomp = seccomp { flags: u32, filter: Vec<SockFilter>, }
    /// → [`Ret::Pid`]
    Setsid = setsid { }
    /// → [`Ret::None`]
    Setpgid = setpgid { pid: Pid, pgid: Pid, }
    /// → [`Ret::Pid`]
    Getpgid = getpgid { pid: Pid, }
    /// → [`Ret::Pid`]
    Getsid = getsid { pid: Pid, }
    /// → [`Ret::None`]
    Sethostname = sethostname { #[serde(with = "serde_bytes")] name: Vec<u8>, }
    /// → [`Ret::None`]
    Setdomainname = setdomainname { #[serde(with = "serde_bytes")] name: Vec<u8>, }
}

/// Commands of `man 2 fcntl`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum FcntlCmd {
    /// `F_DUPFD`, or `F_DUPFD_CLOEXEC`: lowest number and whether close-on-exec is set. → [`Ret::Fd`]
    Dup(i32, bool),
    /// `F_GETFD`: close-on-exec as 1. → [`Ret::Int`]
    GetFd,
    /// `F_SETFD`. → [`Ret::None`]
    SetFd(bool),
    /// `F_GETFL`. → [`Ret::Int`]
    GetFl,
    /// `F_SETFL`. → [`Ret::None`]
    SetFl(OpenFlags),
    /// `F_GETPIPE_SZ`. → [`Ret::Int`]
    GetPipeSize,
    /// `F_SETPIPE_SZ`. → [`Ret::Int`]
    SetPipeSize(u32),
}

/// Requests of `man 2 ioctl` that Glassdock itself makes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum IoctlReq {
    /// `TCGETS`. → [`Ret::Termios`]
    Tcgets,
    /// `TCSETS`, `TCSETSW` (1) or `TCSETSF` (2). → [`Ret::None`]
    Tcsets(Termios, u8),
    /// `TIOCGWINSZ`. → [`Ret::Winsize`]
    Tiocgwinsz,
    /// `TIOCSWINSZ`. → [`Ret::None`]
    Tiocswinsz(Winsize),
    /// `TIOCSCTTY`: take the terminal as the session's own; whether to steal it. → [`Ret::None`]
    Tiocsctty(bool),
    /// `TIOCNOTTY`. → [`Ret::None`]
    Tiocnotty,
    /// `TIOCGPGRP`. → [`Ret::Pid`]
    Tiocgpgrp,
    /// `TIOCSPGRP`. → [`Ret::None`]
    Tiocspgrp(Pid),
    /// `TIOCGSID`. → [`Ret::Pid`]
    Tiocgsid,
    /// `TIOCGPTN`: the number of the pseudo-terminal behind a master. → [`Ret::Int`]
    Tiocgptn,
    /// `TIOCSPTLCK`: lock or unlock it. → [`Ret::None`]
    Tiocsptlck(bool),
    /// `TIOCGPTPEER`: opens the other end. → [`Ret::Fd`]
    Tiocgptpeer(OpenFlags),
    /// `FIONREAD`. → [`Ret::Int`]
    Fionread,
    /// `FIONBIO`. → [`Ret::None`]
    Fionbio(bool),
    /// Anything else, with its raw argument.
    Other(u32, u64),
}

/// Operations of `man 2 prctl`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum PrctlOp {
    /// `PR_SET_PDEATHSIG`.
    SetPdeathsig(u8),
    /// `PR_SET_DUMPABLE`.
    SetDumpable(bool),
    /// `PR_SET_KEEPCAPS`.
    SetKeepcaps(bool),
    /// `PR_SET_NAME`, at most 15 bytes.
    SetName(Vec<u8>),
    /// `PR_CAPBSET_READ`.
    CapbsetRead(u32),
    /// `PR_CAPBSET_DROP`.
    CapbsetDrop(u32),
    /// `PR_CAP_AMBIENT_RAISE`.
    CapAmbientRaise(u32),
    /// `PR_CAP_AMBIENT_CLEAR_ALL`.
    CapAmbientClearAll,
    /// `PR_SET_NO_NEW_PRIVS`.
    SetNoNewPrivs,
    /// `PR_GET_NO_NEW_PRIVS`.
    GetNoNewPrivs,
    /// `PR_SET_CHILD_SUBREAPER`.
    SetChildSubreaper(bool),
    /// Anything else, raw.
    Other([u64; 5]),
}

/// What a system call yields.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Ret {
    /// Nothing but success.
    None,
    /// A number.
    Int(i64),
    /// A new descriptor.
    Fd(Fd),
    /// Two new descriptors.
    Fds([Fd; 2]),
    /// A process id.
    Pid(Pid),
    /// Bytes.
    Bytes(#[serde(with = "serde_bytes")] Vec<u8>),
    /// A file's attributes.
    Stat(Box<Stat>),
    /// A file system's figures.
    StatFs(Box<StatFs>),
    /// Directory entries.
    Dirents(Vec<Dirent>),
    /// An accepted connection and its peer.
    Accepted(Fd, SockAddr),
    /// A received message.
    Msg(Box<Received>),
    /// An address.
    SockAddr(SockAddr),
    /// Peer credentials.
    Ucred(Ucred),
    /// A child's change.
    Waited(Option<Waited>),
    /// Readiness, in the order asked.
    Polled(Vec<PollEvents>),
    /// A time.
    Time(Timespec),
    /// A resource limit.
    Rlimit(Rlimit),
    /// Terminal settings.
    Termios(Box<Termios>),
    /// A window size.
    Winsize(Winsize),
    /// Group ids.
    Groups(Vec<u32>),
    /// Capability sets.
    Caps(CapSets),
}

/// A message taken from a socket.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Received {
    /// The bytes; empty at the end of a stream.
    #[serde(with = "serde_bytes")]
    pub data: Vec<u8>,
    /// Descriptors that came with it (`SCM_RIGHTS`).
    pub fds: Vec<Fd>,
    /// Sender, where the kind of socket tells it.
    pub from: Option<SockAddr>,
    /// `MSG_TRUNC`, `MSG_CTRUNC`.
    pub flags: MsgFlags,
}

macro_rules! takes {
    ($($(#[$doc:meta])* $name:ident: $variant:ident($inner:ty);)*) => {
        impl Ret { $($(#[$doc])* pub fn $name(self) -> Result<$inner, Errno> {
            match self { Ret::$variant(value) => Ok(value), _ => Err(Errno::EPROTO) }
        })* }
    };
}

takes! {
    /// The number; `EPROTO` for any other kind, which no kernel answers.
    int: Int(i64);
    /// The descriptor.
    fd: Fd(Fd);
    /// The two descriptors.
    fds: Fds([Fd; 2]);
    /// The process id.
    pid: Pid(Pid);
    /// The bytes.
    bytes: Bytes(Vec<u8>);
    /// The attributes.
    stat: Stat(Box<Stat>);
    /// The figures.
    statfs: StatFs(Box<StatFs>);
    /// The entries.
    dirents: Dirents(Vec<Dirent>);
    /// The message.
    msg: Msg(Box<Received>);
    /// The child's change.
    waited: Waited(Option<Waited>);
    /// The readiness.
    polled: Polled(Vec<PollEvents>);
    /// The time.
    time: Time(Timespec);
    /// The limit.
    rlimit: Rlimit(Rlimit);
    /// The window size.
    winsize: Winsize(Winsize);
    /// The settings.
    termios: Termios(Box<Termios>);
    /// The address.
    addr: SockAddr(SockAddr);
    /// The credentials.
    ucred: Ucred(Ucred);
    /// The capability sets.
    caps: Caps(CapSets);
}

//! The line between Glassdock and a kernel.

use crate::flags::*;
use crate::types::*;
use crate::{Call, Errno, Result, Ret};
use core::future::Future;
use core::pin::Pin;

/// A future on the heap, as task queues hold it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A program to start as a child process.
#[derive(Clone, Debug, Default)]
pub struct Spawn {
    /// The executable.
    pub path: PathArg,
    /// Arguments, the name first.
    pub argv: Vec<Vec<u8>>,
    /// Environment, `NAME=value`.
    pub envp: Vec<Vec<u8>>,
    /// Descriptors of the child: (ours, its number). All others are closed there. Numbers must differ.
    pub fds: Vec<(Fd, i32)>,
    /// Starts it in a session of its own.
    pub setsid: bool,
    /// Starts it in a process group of its own.
    pub setpgid: bool,
}

impl Spawn {
    /// A program with its arguments (without the name) and no environment, its standard streams closed.
    pub fn new(
        path: impl Into<PathArg>,
        name: &str,
        args: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Spawn {
        let argv = core::iter::once(name.as_bytes().to_vec())
            .chain(args.into_iter().map(|arg| arg.as_ref().as_bytes().to_vec()))
            .collect();
        Spawn {
            path: path.into(),
            argv,
            ..Spawn::default()
        }
    }
}

/// A started child. Dropping it neither kills nor reaps it.
pub struct Child<S: Sys> {
    /// Its process id.
    pub pid: Pid,
    /// A pidfd: readable when it has ended.
    pub pidfd: OwnedFd<S>,
}

/// A kernel, as the code above the system-call line sees it.
///
/// Values are handles: cloning one gives another handle to the same process. Futures may be dropped at any moment;
/// the call is then cancelled if it has not taken effect. Nothing here is per-thread on Linux: no current directory, no
/// umask, no namespaces (see [`Proc`]), so relative paths need a directory's descriptor.
///
/// When the process is killed, its futures are dropped with a dead `Sys`: [`Sys::close`] then does nothing.
pub trait Sys: Clone + Send + Sync + 'static {
    /// Makes one system call. Calls that act on the calling process fail with `ENOSYS` where it has threads.
    fn call(&self, call: Call) -> impl Future<Output = Result<Ret>> + Send;

    /// Starts a program as a child process. Errors are those of `clone` and `execve`; after an error there is no child.
    fn spawn(&self, program: Spawn) -> impl Future<Output = Result<Child<Self>>> + Send;

    /// Closes a descriptor without waiting. Used by `Drop`.
    fn close(&self, fd: Fd);

    /// Runs a future beside the caller, within this process, until it ends or the process does.
    fn task(&self, future: BoxFuture<'static, ()>);

    /// Runs a future as [`Sys::task`] does, where it may hold a thread up: for operations of many calls that may wait for a
    /// disk.
    fn apart(&self, future: BoxFuture<'static, ()>) {
        self.task(future);
    }

    /// The time of a clock.
    fn now(&self, clock: Clock) -> Timespec;

    /// Waits for a duration in nanoseconds on the monotonic clock.
    fn sleep(&self, nanos: u64) -> impl Future<Output = ()> + Send {
        async move {
            let time = Timespec::from_nanos(nanos);
            let _ = self
                .call(Call::ClockNanosleep {
                    clock: Clock::Monotonic,
                    absolute: false,
                    time,
                })
                .await;
        }
    }

    /// Waits until the peer of a stream has closed both directions. One that only stopped writing is still there to
    /// read: that is `POLLRDHUP`, not `POLLHUP`.
    fn hung_up(&self, fd: Fd) -> impl Future<Output = ()> + Send {
        async move {
            let events = PollEvents::empty();
            let gone = PollEvents::HUP | PollEvents::ERR | PollEvents::NVAL;
            loop {
                match self.ppoll(vec![PollFd { fd, events }], None).await {
                    Ok(answers) if answers.iter().any(|events| events.intersects(gone)) => return,
                    Ok(_) | Err(Errno::EINTR) => {}
                    // A kernel that cannot tell leaves it to writing.
                    Err(_) => return core::future::pending().await,
                }
            }
        }
    }

    /// Takes ownership of a descriptor.
    fn own(&self, fd: Fd) -> OwnedFd<Self> {
        OwnedFd {
            sys: self.clone(),
            fd,
        }
    }
}

/// A kernel seen by a single-threaded process, which can change itself: namespaces, root, ids.
pub trait Proc: Sys {
    /// `clone3`: the child runs `child` with a copy of the caller's descriptors and exits with what it yields.
    /// Returns in the parent only.
    fn clone_with<F>(&self, args: CloneArgs, child: F) -> impl Future<Output = Result<Pid>> + Send
    where
        F: FnOnce(Self) -> BoxFuture<'static, u8> + Send + 'static;
}

/// A descriptor that is closed when dropped.
pub struct OwnedFd<S: Sys> {
    sys: S,
    fd: Fd,
}

impl<S: Sys> OwnedFd<S> {
    /// The number, still owned.
    pub fn fd(&self) -> Fd {
        self.fd
    }
    /// The kernel it belongs to.
    pub fn sys(&self) -> &S {
        &self.sys
    }
    /// Gives up ownership.
    pub fn into_raw(mut self) -> Fd {
        core::mem::replace(&mut self.fd, Fd(-1))
    }
}

impl<S: Sys> Drop for OwnedFd<S> {
    fn drop(&mut self) {
        if self.fd.0 >= 0 {
            self.sys.close(self.fd);
        }
    }
}

impl<S: Sys> core::fmt::Debug for OwnedFd<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "OwnedFd({})", self.fd.0)
    }
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $ty:ty),*) -> $out:ty = $call:expr, $take:expr;)*) => {
        /// The system calls as methods: every [`Sys`] has them.
        pub trait Io: Sys {
            $($(#[$doc])* fn $name(&self, $($arg: $ty),*) -> impl Future<Output = Result<$out>> + Send {
                async move {
                    let ret = self.call($call).await?;
                    let take: fn(&Self, Ret) -> Result<$out> = $take;
                    take(self, ret)
                }
            })*
        }
    };
}

impl<S: Sys> Io for S {}

fn done<S: Sys>(_: &S, _: Ret) -> Result<()> {
    Ok(())
}
fn owned<S: Sys>(sys: &S, ret: Ret) -> Result<OwnedFd<S>> {
    Ok(sys.own(ret.fd()?))
}
fn pair<S: Sys>(sys: &S, ret: Ret) -> Result<[OwnedFd<S>; 2]> {
    Ok(ret.fds()?.map(|fd| sys.own(fd)))
}
fn count<S: Sys>(_: &S, ret: Ret) -> Result<usize> {
    usize::try_from(ret.int()?).map_err(|_| Errno::EPROTO)
}

methods! {
    /// `man 2 openat2`.
    openat2(dirfd: Fd, path: PathArg, how: OpenHow) -> OwnedFd<Self> = Call::Openat2 { dirfd, path, how }, owned;
    /// `man 2 openat`: opens with `O_CLOEXEC` added.
    openat(dirfd: Fd, path: PathArg, flags: OpenFlags, mode: u32) -> OwnedFd<Self> =
        Call::Openat2 { dirfd, path, how: OpenHow { flags: flags | OpenFlags::CLOEXEC, mode, resolve: ResolveFlags::empty() } },
        owned;
    /// `man 2 statx`.
    statx(dirfd: Fd, path: PathArg, flags: AtFlags) -> Stat = Call::Statx { dirfd, path, flags }, |_, ret| ret.stat().map(|stat| *stat);
    /// `man 2 fstat`.
    fstat(fd: Fd) -> Stat = Call::Statx { dirfd: fd, path: PathArg::default(), flags: AtFlags::EMPTY_PATH }, |_, ret| ret.stat().map(|stat| *stat);
    /// `man 2 readlinkat`.
    readlinkat(dirfd: Fd, path: PathArg) -> Vec<u8> = Call::Readlinkat { dirfd, path }, |_, ret| ret.bytes();
    /// `man 2 mkdirat`.
    mkdirat(dirfd: Fd, path: PathArg, mode: u32) -> () = Call::Mkdirat { dirfd, path, mode }, done;
    /// `man 2 unlinkat`.
    unlinkat(dirfd: Fd, path: PathArg, flags: AtFlags) -> () = Call::Unlinkat { dirfd, path, flags }, done;
    /// `man 2 renameat2`.
    renameat2(olddirfd: Fd, oldpath: PathArg, newdirfd: Fd, newpath: PathArg, flags: RenameFlags) -> () =
        Call::Renameat2 { olddirfd, oldpath, newdirfd, newpath, flags }, done;
    /// `man 2 read`: empty at the end.
    read(fd: Fd, count: u64) -> Vec<u8> = Call::Read { fd, count }, |_, ret| ret.bytes();
    /// `man 2 write`: how many bytes were taken.
    write(fd: Fd, data: Vec<u8>) -> usize = Call::Write { fd, data }, count;
    /// `man 2 pread`.
    pread(fd: Fd, n: u64, offset: u64) -> Vec<u8> = Call::Pread64 { fd, count: n, offset }, |_, ret| ret.bytes();
    /// `man 2 getdents64`: empty at the end.
    getdents64(fd: Fd) -> Vec<Dirent> = Call::Getdents64 { fd, count: 65_536 }, |_, ret| ret.dirents();
    /// `man 2 fsync`.
    fsync(fd: Fd) -> () = Call::Fsync { fd }, done;
    /// `man 2 pipe2`: read end, write end.
    pipe2(flags: OpenFlags) -> [OwnedFd<Self>; 2] = Call::Pipe2 { flags }, pair;
    /// `man 2 socketpair` of a unix stream, close-on-exec.
    socketpair_stream() -> [OwnedFd<Self>; 2] = Call::Socketpair { domain: 1, kind: 0o2000001, protocol: 0 }, pair;
    /// `man 2 socket` of a unix stream, close-on-exec.
    socket_stream() -> OwnedFd<Self> = Call::Socket { domain: 1, kind: 0o2000001, protocol: 0 }, owned;
    /// `man 2 socket` of a TCP stream, close-on-exec.
    socket_inet() -> OwnedFd<Self> = Call::Socket { domain: SockAddr::INET.into(), kind: 0o2000001, protocol: 0 }, owned;
    /// `man 2 bind`.
    bind(fd: Fd, addr: SockAddr) -> () = Call::Bind { fd, addr }, done;
    /// `man 2 listen`.
    listen(fd: Fd, backlog: u32) -> () = Call::Listen { fd, backlog }, done;
    /// `man 2 accept4`: the connection, close-on-exec.
    accept4(fd: Fd) -> OwnedFd<Self> = Call::Accept4 { fd, flags: OpenFlags::CLOEXEC }, |sys, ret| match ret {
        Ret::Accepted(fd, _) => Ok(sys.own(fd)),
        _ => Err(Errno::EPROTO),
    };
    /// `man 2 connect`.
    connect(fd: Fd, addr: SockAddr) -> () = Call::Connect { fd, addr }, done;
    /// `man 2 shutdown`: 0 read, 1 write, 2 both.
    shutdown(fd: Fd, how: u32) -> () = Call::Shutdown { fd, how }, done;
    /// `man 2 waitid`.
    waitid(which: WaitFor, options: WaitFlags) -> Option<Waited> = Call::Waitid { which, options }, |_, ret| ret.waited();
    /// `man 2 kill`.
    kill(pid: Pid, signal: u8) -> () = Call::Kill { pid, signal }, done;
    /// `man 2 pidfd_send_signal`.
    pidfd_send_signal(pidfd: Fd, signal: u8) -> () = Call::PidfdSendSignal { pidfd, signal }, done;
    /// `man 2 signalfd` for signals that the caller has blocked (`rt_sigprocmask`): gives a descriptor that yields them, close-on-exec.
    signalfd(mask: u64) -> OwnedFd<Self> = Call::Signalfd4 { fd: None, mask, flags: OpenFlags::CLOEXEC }, owned;
    /// `man 2 mount`.
    mount(source: PathArg, target: PathArg, fstype: &'static str, flags: MountFlags, data: Vec<u8>) -> () =
        Call::Mount { source, target, fstype: fstype.as_bytes().to_vec(), flags, data }, done;
    /// `man 2 umount2`.
    umount2(target: PathArg, flags: UmountFlags) -> () = Call::Umount2 { target, flags }, done;
    /// `man 2 getrandom`.
    getrandom(n: u64) -> Vec<u8> = Call::Getrandom { count: n }, |_, ret| ret.bytes();
    /// `man 2 ppoll`, timeout in nanoseconds.
    ppoll(fds: Vec<PollFd>, timeout: Option<u64>) -> Vec<PollEvents> = Call::Ppoll { fds, timeout }, |_, ret| ret.polled();
}

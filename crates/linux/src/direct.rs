//! The kernel's handle for single-threaded processes.

use crate::calls::{self, perform};
use crate::clone;
use crate::raw::set_sigpipe;
use crate::reactor::{Reactor, monotonic};
use glassdock_abi::call::{FcntlCmd, IoctlReq};
use glassdock_abi::flags::{AtFlags, MsgFlags, OpenFlags, PollEvents, WaitFlags};
use glassdock_abi::types::*;
use glassdock_abi::{BoxFuture, Call, Child, Errno, Fd, Pid, Proc, Result, Ret, Spawn, Sys};
use std::future::Future;
use std::sync::Arc;

/// Bytes that a pipe or terminal which is ready for writing takes without waiting (`PIPE_BUF`).
const ATOMIC_WRITE: usize = 4096;
/// Nanoseconds between attempts to write to a terminal or a socket whose reader is behind.
const BEHIND_PAUSE: u64 = 1_000_000;

/// The real kernel, for a process of one thread. Nothing is traced.
#[derive(Clone)]
pub struct Direct {
    reactor: Arc<Reactor>,
}

impl Direct {
    /// A handle, with its reactor. `SIGCHLD` is blocked from now on; programs that are started get the mask from before.
    ///
    /// # Errors
    /// Those of `man 2 signalfd`.
    pub fn new() -> Result<Direct> {
        Ok(Direct {
            reactor: Reactor::new()?,
        })
    }

    /// A handle for a program that is all of its process: a write that nobody can read ends it (`SIGPIPE`), as it ends
    /// any program, which Rust's start-up has switched off.
    ///
    /// # Errors
    /// Those of [`Direct::new`].
    pub fn for_program() -> Result<Direct> {
        set_sigpipe(false);
        Direct::new()
    }

    /// Runs a future, and the tasks that it starts, until it ends.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.reactor.block_on(future)
    }

    /// Waits until the descriptor is ready, unless the call would not wait anyway.
    async fn ready(&self, fd: Fd, events: PollEvents) -> Result<()> {
        let fds = vec![PollFd { fd, events }];
        let now = calls::poll(&fds, Some(0))?;
        if now.iter().any(|events| !events.is_empty()) || nonblocking(fd)? {
            return Ok(());
        }
        self.reactor.ready(fds, None).await.map(|_| ())
    }

    async fn write(&self, fd: Fd, mut data: Vec<u8>) -> Result<Ret> {
        let stat = perform(Call::Statx {
            dirfd: fd,
            path: Default::default(),
            flags: AtFlags::EMPTY_PATH,
        })?
        .stat()?;
        if stat.is(mode::S_IFREG) {
            return perform(Call::Write { fd, data });
        }
        self.ready(fd, PollEvents::OUT).await?;
        data.truncate(ATOMIC_WRITE);
        let master = stat.is(mode::S_IFCHR)
            && perform(Call::Ioctl {
                fd,
                request: IoctlReq::Tiocgptn,
            })
            .is_ok();
        if !master || nonblocking(fd)? {
            return perform(Call::Write { fd, data });
        }
        self.write_master(fd, data).await
    }

    /// Sends as much as there is room for: a socket that is ready may have room for less, and the process must not wait
    /// for this peer while it has others.
    async fn send(&self, fd: Fd, given: MsgFlags, mut call: Call) -> Result<Ret> {
        let waits = !given.contains(MsgFlags::DONTWAIT) && !nonblocking(fd)?;
        if let Call::Sendmsg { flags, .. } = &mut call {
            flags.insert(MsgFlags::DONTWAIT);
        }
        loop {
            if waits {
                self.ready(fd, PollEvents::OUT).await?;
            }
            let result = perform(call.clone());
            if result != Err(Errno::EAGAIN) || !waits {
                return result;
            }
            // Ready, and yet nothing fits: somebody else was quicker, or the receiver is behind.
            self.pause().await?;
        }
    }

    async fn pause(&self) -> Result<()> {
        let deadline = monotonic().saturating_add(BEHIND_PAUSE);
        self.reactor
            .ready(Vec::new(), Some(deadline))
            .await
            .map(drop)
    }

    /// A pseudo-terminal that is ready may have room for less than is written, and would then wait for its reader. The
    /// master is nobody else's, so it can be made non-blocking for the moment.
    async fn write_master(&self, fd: Fd, data: Vec<u8>) -> Result<Ret> {
        let flags = OpenFlags::from_bits_retain(
            perform(Call::Fcntl {
                fd,
                cmd: FcntlCmd::GetFl,
            })?
            .int()? as u32,
        );
        let set = |flags| {
            perform(Call::Fcntl {
                fd,
                cmd: FcntlCmd::SetFl(flags),
            })
        };
        loop {
            set(flags | OpenFlags::NONBLOCK)?;
            let result = perform(Call::Write {
                fd,
                data: data.clone(),
            });
            set(flags)?;
            if result != Err(Errno::EAGAIN) {
                return result;
            }
            // Ready, and yet nothing fits: the reader is behind.
            self.pause().await?;
        }
    }

    async fn waitid(&self, which: WaitFor, options: WaitFlags) -> Result<Ret> {
        if options.contains(WaitFlags::NOHANG) {
            return calls::waitid(which, options.bits());
        }
        let now = (options | WaitFlags::NOHANG).bits();
        if !options.intersects(WaitFlags::UNTRACED | WaitFlags::CONTINUED) {
            // First of all, whether there is such a child.
            let ret = calls::waitid(which, now)?;
            if ret != Ret::Waited(None) {
                return Ok(ret);
            }
            self.one_childs_end(which).await?;
        }
        self.reactor
            .child(|| match calls::waitid(which, now)? {
                Ret::Waited(None) => Ok(None),
                ret => Ok(Some(ret)),
            })
            .await
    }

    /// Where one child's end is waited for, waits on a descriptor of it: `SIGCHLD` could be taken by another thread of
    /// this process, such as the main thread of a test.
    async fn one_childs_end(&self, which: WaitFor) -> Result<()> {
        let (fd, _opened) = match which {
            WaitFor::PidFd(fd) => (fd, None),
            WaitFor::Pid(pid) => {
                let fd = perform(Call::PidfdOpen { pid, flags: 0 })?.fd()?;
                (fd, Some(self.own(fd)))
            }
            WaitFor::Any | WaitFor::Group(_) => return Ok(()),
        };
        let polled = PollFd {
            fd,
            events: PollEvents::IN,
        };
        self.reactor.ready(vec![polled], None).await.map(|_| ())
    }

    async fn sleep_until(&self, clock: Clock, absolute: bool, time: Timespec) -> Result<Ret> {
        let span = if absolute {
            time.as_nanos()
                .saturating_sub(calls::now(clock)?.as_nanos())
        } else {
            time.as_nanos()
        };
        let deadline = monotonic().saturating_add(span);
        self.reactor.ready(Vec::new(), Some(deadline)).await?;
        Ok(Ret::None)
    }

    async fn poll(&self, fds: Vec<PollFd>, timeout: Option<u64>) -> Result<Ret> {
        let deadline = timeout.map(|span| monotonic().saturating_add(span));
        self.reactor.ready(fds, deadline).await.map(Ret::Polled)
    }
}

fn nonblocking(fd: Fd) -> Result<bool> {
    let flags = perform(Call::Fcntl {
        fd,
        cmd: FcntlCmd::GetFl,
    })?
    .int()?;
    Ok(OpenFlags::from_bits_retain(flags as u32).contains(OpenFlags::NONBLOCK))
}

impl Sys for Direct {
    async fn call(&self, call: Call) -> Result<Ret> {
        match call {
            Call::Waitid { which, options } => return self.waitid(which, options).await,
            Call::ClockNanosleep {
                clock,
                absolute,
                time,
            } => {
                return self.sleep_until(clock, absolute, time).await;
            }
            Call::Ppoll { fds, timeout } => return self.poll(fds, timeout).await,
            Call::Write { fd, data } => return self.write(fd, data).await,
            Call::Read { fd, .. } | Call::Recvmsg { fd, .. } | Call::Accept4 { fd, .. } => {
                self.ready(fd, PollEvents::IN).await?;
            }
            Call::Sendmsg { fd, flags, .. } => return self.send(fd, flags, call).await,
            Call::Sendfile { out_fd: fd, .. } => self.ready(fd, PollEvents::OUT).await?,
            _ => {}
        }
        perform(call)
    }

    async fn spawn(&self, program: Spawn) -> Result<Child<Self>> {
        let (pid, pidfd) = clone::spawn(program)?;
        Ok(Child {
            pid,
            pidfd: self.own(pidfd),
        })
    }

    fn close(&self, fd: Fd) {
        let _ = perform(Call::Close { fd });
    }

    fn task(&self, future: BoxFuture<'static, ()>) {
        self.reactor.task(future);
    }

    fn now(&self, clock: Clock) -> Timespec {
        calls::now(clock).unwrap_or_default()
    }
}

impl Proc for Direct {
    async fn clone_with<F>(&self, args: CloneArgs, child: F) -> Result<Pid>
    where
        F: FnOnce(Self) -> BoxFuture<'static, u8> + Send + 'static,
    {
        let pid = clone::clone(args, None)?;
        if pid != Pid(0) {
            return Ok(pid);
        }
        // The child: its own reactor, since signals and waits are its own.
        let status = match Direct::new() {
            Ok(direct) => {
                let future = child(direct.clone());
                direct.block_on(future)
            }
            Err(_) => 255,
        };
        crate::raw::exit_now(i32::from(status))
    }
}

crate::untraced!(Direct);

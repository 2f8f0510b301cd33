//! A process in the foreground: whoever made it waits for its end, passes signals on and lends it a terminal.

use crate::io::CHUNK;
use crate::{ErrorKind, RuntimeError};
use glassdock_abi::call::IoctlReq;
use glassdock_abi::files::write_all;
use glassdock_abi::flags::{MsgFlags, WaitFlags};
use glassdock_abi::types::{Termios, WaitFor, WaitStatus, signal};
use glassdock_abi::{Call, Errno, Fd, Io, OwnedFd, Pid, Sys};
use std::sync::Arc;

/// Size of `struct signalfd_siginfo` in bytes.
const SIGINFO: u64 = 128;
/// Signals that are passed on.
const PASSED_ON: [u8; 8] = [
    signal::HUP,
    signal::INT,
    signal::QUIT,
    signal::TERM,
    signal::USR1,
    signal::USR2,
    signal::ALRM,
    signal::CONT,
];

type Result<T> = core::result::Result<T, RuntimeError>;

fn failed(errno: Errno) -> RuntimeError {
    RuntimeError::errno("set up the process's streams", errno)
}

/// What is ready for a process before it is made.
#[derive(Debug)]
pub struct Foreground<S: Sys> {
    sys: S,
    signals: OwnedFd<S>,
    /// Our end of the socket that takes the terminal, and the other.
    console: Option<[OwnedFd<S>; 2]>,
}

impl<S: Sys> Foreground<S> {
    /// Holds signals from now on, so that none is lost; with `terminal` there is a socket for the process's terminal.
    ///
    /// # Errors
    /// `System`.
    pub async fn begin(sys: &S, terminal: bool) -> Result<Foreground<S>> {
        let bits = PASSED_ON.iter().chain(&[signal::WINCH]);
        let mask = bits.fold(0, |mask, signal| mask | 1 << (signal - 1));
        let call = Call::RtSigprocmask { how: 0, set: mask };
        sys.call(call).await.map_err(failed)?;
        let signals = sys.signalfd(mask).await.map_err(failed)?;
        let console = match terminal {
            true => Some(sys.socketpair_stream().await.map_err(failed)?),
            false => None,
        };
        Ok(Foreground {
            sys: sys.clone(),
            signals,
            console,
        })
    }

    /// The end of the socket that is for the process's terminal.
    pub fn console(&self) -> Option<Fd> {
        self.console.as_ref().map(|[_, theirs]| theirs.fd())
    }

    /// Takes the terminal that the process was made with; its program may run then.
    ///
    /// # Errors
    /// `System`.
    pub async fn attend(mut self) -> Result<Attended<S>> {
        let master = match self.console.take() {
            None => None,
            Some([ours, theirs]) => {
                drop(theirs);
                Some(Arc::new(receive(&self.sys, &ours).await?))
            }
        };
        let before = match master {
            Some(_) => make_raw(&self.sys).await,
            None => None,
        };
        if let Some(master) = &master {
            copy_size(&self.sys, master.fd()).await;
        }
        Ok(Attended {
            sys: self.sys,
            signals: self.signals,
            master,
            before,
        })
    }
}

/// A process that is waited for.
#[derive(Debug)]
pub struct Attended<S: Sys> {
    sys: S,
    signals: OwnedFd<S>,
    master: Option<Arc<OwnedFd<S>>>,
    /// Settings of our own terminal, to be put back.
    before: Option<Termios>,
}

impl<S: Sys> Attended<S> {
    /// Waits for the end of the process and of its output; gives its exit code, or 128 and the signal.
    ///
    /// # Errors
    /// `System`; our terminal is put back in any case.
    pub async fn wait(self, pid: Pid) -> Result<u8> {
        let Attended {
            sys,
            signals,
            master,
            before,
        } = self;
        pass_signals(&sys, signals, pid, master.clone());
        if let Some(master) = &master {
            let (sys_in, to) = (sys.clone(), Arc::clone(master));
            sys.task(Box::pin(async move {
                let _ = copy(&sys_in, Fd::STDIN, to.fd()).await;
            }));
            // Ends, with an error, when nobody has the terminal open any more.
            let _ = copy(&sys, master.fd(), Fd::STDOUT).await;
        }
        let waited = sys.waitid(WaitFor::Pid(pid), WaitFlags::EXITED).await;
        if let Some(termios) = before {
            let request = IoctlReq::Tcsets(termios, 0);
            let fd = Fd::STDIN;
            let _ = sys.call(Call::Ioctl { fd, request }).await;
        }
        let waited = waited.map_err(|errno| RuntimeError::errno("wait for the process", errno))?;
        match waited.map(|waited| waited.status) {
            Some(WaitStatus::Exited(code)) => Ok(code),
            Some(WaitStatus::Killed(signal, _)) => Ok(128 + signal),
            _ => Err(RuntimeError::new(
                ErrorKind::System,
                "the process has not ended",
            )),
        }
    }
}

/// Passes signals on, beside everything else, until this process ends.
fn pass_signals<S: Sys>(sys: &S, signals: OwnedFd<S>, pid: Pid, master: Option<Arc<OwnedFd<S>>>) {
    let passing = sys.clone();
    sys.task(Box::pin(async move {
        while let Ok(record) = passing.read(signals.fd(), SIGINFO).await {
            let number = record.first().copied().unwrap_or_default();
            match (number, &master) {
                (signal::WINCH, Some(master)) => copy_size(&passing, master.fd()).await,
                (signal::WINCH, None) => {}
                (number, _) => {
                    let _ = passing.kill(pid, number).await;
                }
            }
        }
    }));
}

/// Copies until one end is gone.
async fn copy<S: Sys>(sys: &S, from: Fd, to: Fd) -> glassdock_abi::Result<()> {
    loop {
        let data = match sys.read(from, CHUNK).await {
            Err(Errno::EINTR) => continue,
            read => read?,
        };
        if data.is_empty() {
            return Ok(());
        }
        write_all(sys, to, &data).await?;
    }
}

async fn receive<S: Sys>(sys: &S, socket: &OwnedFd<S>) -> Result<OwnedFd<S>> {
    let call = Call::Recvmsg {
        fd: socket.fd(),
        count: 64,
        flags: MsgFlags::CMSG_CLOEXEC,
    };
    let message = sys.call(call).await.and_then(|ret| ret.msg());
    let mut fds = message.map_err(failed)?.fds.into_iter();
    let master = fds.next().map(|fd| sys.own(fd));
    master.ok_or_else(|| RuntimeError::new(ErrorKind::System, "the container sent no terminal"))
}

/// Makes our terminal pass every byte on; its settings from before, or nothing where it is none.
async fn make_raw<S: Sys>(sys: &S) -> Option<Termios> {
    let fd = Fd::STDIN;
    let request = IoctlReq::Tcgets;
    let settings = sys.call(Call::Ioctl { fd, request }).await.ok()?;
    let settings = *settings.termios().ok()?;
    let request = IoctlReq::Tcsets(settings.raw(), 0);
    sys.call(Call::Ioctl { fd, request }).await.ok()?;
    Some(settings)
}

/// Gives the process's terminal the size of ours.
async fn copy_size<S: Sys>(sys: &S, master: Fd) {
    let ours = Call::Ioctl {
        fd: Fd::STDIN,
        request: IoctlReq::Tiocgwinsz,
    };
    if let Ok(size) = sys.call(ours).await.and_then(|ret| ret.winsize()) {
        let request = IoctlReq::Tiocswinsz(size);
        let fd = master;
        let _ = sys.call(Call::Ioctl { fd, request }).await;
    }
}

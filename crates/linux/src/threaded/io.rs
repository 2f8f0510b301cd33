//! Reading, writing, and sockets.

use super::Tokio;
use super::ready::{nonblocking, ready};
use crate::calls::{self, perform};
use futures_util::future::{Either, select, select_all};
use glassdock_abi::call::{FcntlCmd, IoctlReq};
use glassdock_abi::flags::{AtFlags, MsgFlags, OpenFlags, PollEvents};
use glassdock_abi::types::{PollFd, mode};
use glassdock_abi::{Call, Errno, Fd, Result, Ret};
use std::pin::pin;
use std::time::Duration;

/// Bytes that a pipe which is ready for writing takes without waiting (`PIPE_BUF`).
const ATOMIC_WRITE: usize = 4096;
/// Time between attempts to send to a socket whose reader is behind.
const BEHIND_PAUSE: Duration = Duration::from_millis(1);

/// How a descriptor is waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It cannot be: calls on it may wait for a disk.
    Disk,
    Socket,
    /// A terminal or another device, which may be ready and yet take less than is written.
    Device,
    /// Pipes, and descriptors of what is no file.
    Stream,
}

fn kind(fd: Fd) -> Result<Kind> {
    let call = Call::Statx {
        dirfd: fd,
        path: Default::default(),
        flags: AtFlags::EMPTY_PATH,
    };
    Ok(match perform(call)?.stat()?.mode & mode::S_IFMT {
        mode::S_IFREG | mode::S_IFDIR | mode::S_IFBLK => Kind::Disk,
        mode::S_IFSOCK => Kind::Socket,
        mode::S_IFCHR => Kind::Device,
        _ => Kind::Stream,
    })
}

/// Waits unless the call would not wait anyway.
async fn wait(fd: Fd, events: PollEvents) -> Result<()> {
    if !nonblocking(fd)? {
        ready(fd, events).await?;
    }
    Ok(())
}

impl Tokio {
    /// Calls on open files.
    pub(super) async fn file(&self, call: Call) -> Result<Ret> {
        match call {
            Call::Read { fd, count } => self.read(fd, count).await,
            Call::Write { fd, data } => self.write(fd, data).await,
            Call::Ppoll { fds, timeout } => poll(fds, timeout).await,
            Call::Close { fd } => {
                self.shared.pins.close(fd);
                Ok(Ret::None)
            }
            // The table of descriptors, and what is in memory alone.
            Call::Dup3 { .. }
            | Call::Fcntl { .. }
            | Call::MemfdCreate { .. }
            | Call::Pipe2 { .. } => perform(call),
            // Others in this process own descriptors, too.
            Call::CloseRange { .. } => Err(Errno::ENOSYS),
            call => self.blocking(call).await,
        }
    }

    async fn read(&self, fd: Fd, count: u64) -> Result<Ret> {
        match kind(fd)? {
            Kind::Disk => self.blocking(Call::Read { fd, count }).await,
            Kind::Socket => {
                let flags = MsgFlags::empty();
                let message = self
                    .receive(Call::Recvmsg { fd, count, flags })
                    .await?
                    .msg()?;
                // As `read` does with descriptors that come along.
                message
                    .fds
                    .iter()
                    .for_each(|fd| self.shared.pins.close(*fd));
                Ok(Ret::Bytes(message.data))
            }
            Kind::Device | Kind::Stream => {
                wait(fd, PollEvents::IN).await?;
                perform(Call::Read { fd, count })
            }
        }
    }

    async fn write(&self, fd: Fd, mut data: Vec<u8>) -> Result<Ret> {
        match kind(fd)? {
            Kind::Disk => self.blocking(Call::Write { fd, data }).await,
            Kind::Socket => {
                let flags = MsgFlags::empty();
                self.send(Call::Sendmsg {
                    fd,
                    data,
                    fds: Vec::new(),
                    to: None,
                    flags,
                })
                .await
            }
            Kind::Device => {
                wait(fd, PollEvents::OUT).await?;
                self.blocking(Call::Write { fd, data }).await
            }
            Kind::Stream => {
                wait(fd, PollEvents::OUT).await?;
                data.truncate(ATOMIC_WRITE);
                perform(Call::Write { fd, data })
            }
        }
    }

    /// Calls on devices.
    pub(super) async fn device(&self, call: Call) -> Result<Ret> {
        match call {
            // These wait until all that was written has been read.
            Call::Ioctl {
                request: IoctlReq::Tcsets(_, 1..),
                ..
            } => self.blocking(call).await,
            call => perform(call),
        }
    }

    /// Calls on sockets.
    pub(super) async fn socket(&self, call: Call) -> Result<Ret> {
        match call {
            Call::Accept4 { fd, .. } => {
                wait(fd, PollEvents::IN).await?;
                perform(call)
            }
            Call::Recvmsg { .. } => self.receive(call).await,
            Call::Sendmsg { .. } => self.send(call).await,
            Call::Connect { fd, .. } => self.connect(fd, call).await,
            // Makes a file.
            Call::Bind { .. } => self.blocking(call).await,
            call => perform(call),
        }
    }

    /// Receives without ever holding the thread up: somebody else may have been quicker.
    async fn receive(&self, mut call: Call) -> Result<Ret> {
        let Call::Recvmsg { fd, flags, .. } = &mut call else {
            return Err(Errno::EINVAL);
        };
        let fd = *fd;
        let waits = !flags.contains(MsgFlags::DONTWAIT) && !nonblocking(fd)?;
        flags.insert(MsgFlags::DONTWAIT);
        loop {
            match perform(call.clone()) {
                Err(Errno::EAGAIN) if waits => ready(fd, PollEvents::IN).await.map(drop)?,
                result => return result,
            }
        }
    }

    /// Sends as much as there is room for.
    async fn send(&self, mut call: Call) -> Result<Ret> {
        let Call::Sendmsg { fd, flags, .. } = &mut call else {
            return Err(Errno::EINVAL);
        };
        let fd = *fd;
        let waits = !flags.contains(MsgFlags::DONTWAIT) && !nonblocking(fd)?;
        flags.insert(MsgFlags::DONTWAIT);
        let mut waited = false;
        loop {
            match perform(call.clone()) {
                Err(Errno::EAGAIN) if waits => {}
                result => return result,
            }
            if waited {
                // Ready, and yet nothing fits: the receiver is behind.
                tokio::time::sleep(BEHIND_PAUSE).await;
            }
            ready(fd, PollEvents::OUT).await?;
            waited = true;
        }
    }

    /// Connects. What cannot be done at once is waited for where the protocol tells its end, and by a thread where it does
    /// not (a unix socket whose listener is behind).
    async fn connect(&self, fd: Fd, call: Call) -> Result<Ret> {
        const SOL_SOCKET: u32 = 1;
        const SO_ERROR: u32 = 4;
        if nonblocking(fd)? {
            return perform(call);
        }
        let cmd = FcntlCmd::GetFl;
        let flags = perform(Call::Fcntl { fd, cmd })?.int()?;
        let flags = OpenFlags::from_bits_retain(flags as u32);
        let set = |flags| {
            let cmd = FcntlCmd::SetFl(flags);
            perform(Call::Fcntl { fd, cmd })
        };
        set(flags | OpenFlags::NONBLOCK)?;
        let result = perform(call.clone());
        set(flags)?;
        match result {
            Err(Errno::EAGAIN) => self.blocking(call).await,
            Err(Errno::EINPROGRESS) => {
                ready(fd, PollEvents::OUT).await?;
                let call = Call::Getsockopt {
                    fd,
                    level: SOL_SOCKET,
                    name: SO_ERROR,
                };
                match perform(call)?.int()? {
                    0 => Ok(Ret::None),
                    error => Err(i32::try_from(error)
                        .ok()
                        .and_then(Errno::from_raw)
                        .unwrap_or(Errno::EIO)),
                }
            }
            result => result,
        }
    }
}

/// `man 2 ppoll`.
async fn poll(fds: Vec<PollFd>, timeout: Option<u64>) -> Result<Ret> {
    let now = || calls::poll(&fds, Some(0)).map(Ret::Polled);
    let none =
        |ret: &Ret| matches!(ret, Ret::Polled(events) if events.iter().all(PollEvents::is_empty));
    let answer = now()?;
    if !none(&answer) || timeout == Some(0) {
        return Ok(answer);
    }
    let any = async {
        let waits = fds.iter().filter(|poll| poll.fd.0 >= 0);
        let waits: Vec<_> = waits
            .map(|poll| Box::pin(ready(poll.fd, poll.events)))
            .collect();
        if waits.is_empty() {
            return std::future::pending().await;
        }
        select_all(waits).await.0.map(drop)
    };
    let over = async {
        match timeout {
            Some(nanos) => tokio::time::sleep(Duration::from_nanos(nanos)).await,
            None => std::future::pending().await,
        }
    };
    if let Either::Left((done, _)) = select(pin!(any), pin!(over)).await {
        done?;
    }
    now()
}

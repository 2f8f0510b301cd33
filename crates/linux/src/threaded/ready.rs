//! Waiting until a descriptor is ready, on tokio's reactor.
//!
//! The wait is on a copy of the descriptor, registered for this wait alone: several may wait for the same one, and a
//! number that is closed and comes to mean another file meanwhile confuses nobody.

use crate::calls::{self, perform};
use crate::raw::register;
use glassdock_abi::call::FcntlCmd;
use glassdock_abi::flags::{OpenFlags, PollEvents};
use glassdock_abi::types::PollFd;
use glassdock_abi::{Call, Errno, Fd, Result};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use tokio::io::Interest;

/// A copy of a descriptor; closed when dropped.
pub(crate) struct Copy(Fd);

impl Copy {
    fn of(fd: Fd) -> Result<Copy> {
        let cmd = FcntlCmd::Dup(3, true);
        perform(Call::Fcntl { fd, cmd })?.fd().map(Copy)
    }
}

impl AsRawFd for Copy {
    fn as_raw_fd(&self) -> RawFd {
        self.0.0
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = perform(Call::Close { fd: self.0 });
    }
}

/// Whether calls on a descriptor never wait (`O_NONBLOCK`).
pub(super) fn nonblocking(fd: Fd) -> Result<bool> {
    let cmd = FcntlCmd::GetFl;
    let flags = perform(Call::Fcntl { fd, cmd })?.int()?;
    Ok(OpenFlags::from_bits_retain(flags as u32).contains(OpenFlags::NONBLOCK))
}

/// What is so of a descriptor now.
fn now(fd: Fd, events: PollEvents) -> Result<PollEvents> {
    let answers = calls::poll(&[PollFd { fd, events }], Some(0))?;
    Ok(answers.first().copied().unwrap_or_default())
}

/// Waits until one of the events, or the end of the other side, is there.
pub(super) async fn ready(fd: Fd, events: PollEvents) -> Result<PollEvents> {
    loop {
        let answer = now(fd, events)?;
        if !answer.is_empty() {
            return Ok(answer);
        }
        change(fd, events).await?;
    }
}

/// Waits until something that may be one of the events happens. Registering tells what has happened already.
async fn change(fd: Fd, events: PollEvents) -> Result<()> {
    let wanted = interest(events);
    let registered = match register(Copy::of(fd)?, wanted) {
        Ok(registered) => registered,
        // A file on disk: always ready.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
        Err(error) => return Err(errno(&error)),
    };
    // Errors are told unasked; to register for them would be to register for reading, too.
    let ready = registered.ready(wanted | Interest::ERROR).await;
    ready.map(drop).map_err(|error| errno(&error))
}

/// What to register for. Where only the end of the other side is waited for, that is urgent data: the end is told with
/// it, but neither ordinary data nor the end of one direction, which would wake us again and again.
fn interest(events: PollEvents) -> Interest {
    let reads = events.intersects(PollEvents::IN | PollEvents::RDHUP);
    match (reads, events.contains(PollEvents::OUT)) {
        (true, true) => Interest::READABLE | Interest::WRITABLE,
        (true, false) => Interest::READABLE,
        (false, true) => Interest::WRITABLE,
        (false, false) => Interest::PRIORITY,
    }
}

fn errno(error: &io::Error) -> Errno {
    error
        .raw_os_error()
        .and_then(Errno::from_raw)
        .unwrap_or(Errno::EIO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::io::Write;
    use std::net::Shutdown;
    use std::os::unix::net::UnixStream;

    #[test]
    fn neither_data_nor_the_end_of_one_direction_wakes_who_waits_for_the_end_of_both() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let (own, mut other) = UnixStream::pair().expect("sockets");
            other.write_all(b"unread").expect("written");
            other.shutdown(Shutdown::Write).expect("shut down");
            let mut waits = std::pin::pin!(change(Fd(own.as_raw_fd()), PollEvents::empty()));
            for _ in 0..10 {
                assert_eq!((&mut waits).now_or_never(), None);
                // The reactor has its turn.
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
            drop(other);
            assert_eq!(waits.await, Ok(()));
        });
    }
}

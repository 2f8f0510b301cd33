//! Noticing that the peer is gone for good.

use glassdock_abi::flags::PollEvents;
use glassdock_abi::types::PollFd;
use glassdock_abi::{Errno, Fd, Io, Sys};

/// Ends when the peer has closed both directions. A peer that only stopped writing is still there to read: it is
/// `POLLRDHUP`, not `POLLHUP`.
pub(crate) async fn hung_up<S: Sys>(sys: &S, fd: Fd) {
    loop {
        let entry = PollFd {
            fd,
            events: PollEvents::empty(),
        };
        match sys.ppoll(vec![entry], None).await {
            Ok(answers) => {
                let gone = PollEvents::HUP | PollEvents::ERR | PollEvents::NVAL;
                if answers.iter().any(|events| events.intersects(gone)) {
                    return;
                }
            }
            Err(Errno::EINTR) => {}
            // A kernel that cannot tell leaves us to find out when we write.
            Err(_) => return core::future::pending().await,
        }
    }
}

//! The user's terminal: its settings and its size.

use crate::error::{Fail, Result};
use glassdock_abi::call::IoctlReq;
use glassdock_abi::types::Termios;
use glassdock_abi::{Call, Fd, Sys};

/// Whether a descriptor is a terminal.
pub async fn is_terminal<S: Sys>(sys: &S, fd: Fd) -> bool {
    settings(sys, fd).await.is_some()
}

async fn settings<S: Sys>(sys: &S, fd: Fd) -> Option<Termios> {
    let call = Call::Ioctl {
        fd,
        request: IoctlReq::Tcgets,
    };
    sys.call(call)
        .await
        .ok()?
        .termios()
        .ok()
        .map(|termios| *termios)
}

/// Height and width of a terminal; zeros for anything else.
pub async fn size<S: Sys>(sys: &S, fd: Fd) -> [u32; 2] {
    let call = Call::Ioctl {
        fd,
        request: IoctlReq::Tiocgwinsz,
    };
    let size = sys.call(call).await.and_then(|ret| ret.winsize());
    size.map_or([0, 0], |size| [size.rows.into(), size.cols.into()])
}

/// A terminal that passes every byte on, until it is restored.
pub struct Raw<S: Sys> {
    sys: S,
    before: Termios,
}

impl<S: Sys> Raw<S> {
    /// Makes standard input raw; `None` where it is no terminal.
    pub async fn enter(sys: &S) -> Result<Option<Raw<S>>> {
        let Some(before) = settings(sys, Fd::STDIN).await else {
            return Ok(None);
        };
        let call = Call::Ioctl {
            fd: Fd::STDIN,
            request: IoctlReq::Tcsets(before.raw(), 0),
        };
        let wrong = |errno: glassdock_abi::Errno| {
            let errno = errno.message().to_lowercase();
            Fail::new(format!(
                "unable to setup input stream: unable to set IO streams as raw terminal: {errno}"
            ))
        };
        sys.call(call).await.map_err(wrong)?;
        Ok(Some(Raw {
            sys: sys.clone(),
            before,
        }))
    }

    /// Puts the settings back as they were.
    pub async fn restore(self) {
        let call = Call::Ioctl {
            fd: Fd::STDIN,
            request: IoctlReq::Tcsets(self.before, 0),
        };
        let _ = self.sys.call(call).await;
    }
}

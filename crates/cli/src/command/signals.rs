//! Signals that reach the command while it stands for a container.

use super::containers::path;
use crate::session::{Call, Session};
use crate::terminal;
use glassdock_abi::types::signal;
use glassdock_abi::{Call as SysCall, Fd, Io, Sys};
use glassdock_trace::Trace;

/// Signals that are passed on. Not those that tell of a program's own faults, of its children, or of a closed pipe.
const PASSED_ON: [u8; 15] = [
    signal::HUP,
    signal::INT,
    signal::QUIT,
    signal::USR1,
    signal::USR2,
    signal::ALRM,
    signal::TERM,
    signal::STKFLT,
    signal::CONT,
    signal::TSTP,
    signal::TTIN,
    signal::TTOU,
    signal::IO,
    signal::PWR,
    signal::WINCH,
];
/// Bytes of a `signalfd_siginfo`.
const RECORD_BYTES: u64 = 128;
/// `SIG_BLOCK` of `man 2 rt_sigprocmask`.
const SIG_BLOCK: u32 = 0;
/// Tries to set the size of a terminal that is just being made, and nanoseconds before each further one.
const RESIZE_TRIES: u64 = 10;
const RESIZE_WAIT_NANOS: u64 = 10_000_000;

/// What a window's size and signals belong to.
#[derive(Clone, Debug)]
pub struct Target {
    /// Container whose process gets the signals; `None` where they are not passed on.
    pub signals: Option<String>,
    /// Path of what has the terminal, such as `/containers/ID`; `None` without one.
    pub terminal: Option<String>,
}

/// The signals of this process as they come, while it lives.
pub struct Watch<S: Sys> {
    fd: Option<glassdock_abi::OwnedFd<S>>,
}

impl<S: Sys + Trace> Watch<S> {
    /// Takes the signals over before anything happens that they could be meant for. On a kernel that has no such
    /// descriptors they keep their default actions.
    pub async fn start(session: &Session<S>, target: &Target) -> Watch<S> {
        let signals: &[u8] = match target {
            Target {
                signals: Some(_), ..
            } => &PASSED_ON,
            Target {
                terminal: Some(_), ..
            } => &[signal::WINCH],
            _ => return Watch { fd: None },
        };
        let mask = signals
            .iter()
            .fold(0, |mask, signal| mask | 1u64 << (signal - 1));
        let block = SysCall::RtSigprocmask {
            how: SIG_BLOCK,
            set: mask,
        };
        let blocked = session.sys.call(block).await.is_ok();
        let fd = match blocked {
            true => session.sys.signalfd(mask).await.ok(),
            false => None,
        };
        Watch { fd }
    }

    /// Passes signals on, and the window's size when it changes. Never ends.
    pub async fn pass_on(&self, session: &Session<S>, target: &Target) {
        let Some(fd) = &self.fd else {
            return core::future::pending().await;
        };
        while let Ok(record) = session.sys.read(fd.fd(), RECORD_BYTES).await {
            let Some(number) = record
                .first()
                .copied()
                .filter(|_| record.len() as u64 >= RECORD_BYTES)
            else {
                break;
            };
            if number == signal::WINCH && target.terminal.is_some() {
                resize(session, target).await;
                continue;
            }
            if let (Some(container), Some(name)) = (&target.signals, signal::name(number)) {
                let call = Call::post(path(container, "/kill")).with("signal", name);
                let _ = session.fetch(call).await;
            }
        }
        core::future::pending().await
    }
}

/// Tells the engine the window's size, once; whether it took it.
pub async fn resize<S: Sys + Trace>(session: &Session<S>, target: &Target) -> bool {
    let Some(terminal_path) = &target.terminal else {
        return true;
    };
    let [height, width] = terminal::size(&session.sys, Fd::STDOUT).await;
    resize_to(session, terminal_path, height, width).await
}

/// Sets the size of what has a terminal; whether the engine took it.
pub async fn resize_to<S: Sys + Trace>(
    session: &Session<S>,
    path: &str,
    height: u32,
    width: u32,
) -> bool {
    if height == 0 && width == 0 {
        return true;
    }
    let call = Call::post(format!("{path}/resize"))
        .with("h", height.to_string())
        .with("w", width.to_string());
    session.fetch(call).await.is_ok()
}

/// The first size of a terminal that is just being made: tried again while it is not there yet.
pub async fn first_size<S: Sys + Trace>(session: &Session<S>, target: &Target) {
    for attempt in 1..=RESIZE_TRIES {
        if resize(session, target).await {
            return;
        }
        session.sys.sleep(attempt * RESIZE_WAIT_NANOS).await;
    }
    let _ = session
        .err("failed to resize tty, using default size\n")
        .await;
}

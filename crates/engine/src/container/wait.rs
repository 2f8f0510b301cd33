//! Waiting for a container's end (moby `container/state.go`).

use super::Container;
use crate::engine::{Engine, Kernel};
use crate::error::{ApiError, Result};
use futures_channel::oneshot;
use std::sync::Arc;

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    /// That it does not run: at once where it does not.
    NotRunning,
    /// The end of the run that goes on, or of the next one.
    NextExit,
    /// That it is removed.
    Removed,
}

impl Condition {
    /// Reads the parameter `condition`; empty means the first.
    ///
    /// # Errors
    /// 400 `invalid condition`.
    pub fn parse(text: &str) -> Result<Condition> {
        match text {
            "" | "not-running" => Ok(Condition::NotRunning),
            "next-exit" => Ok(Condition::NextExit),
            "removed" => Ok(Condition::Removed),
            other => Err(ApiError::invalid(format!("invalid condition: {other:?}"))),
        }
    }
}

/// How it ended, and why it could not be started or removed, if so.
pub type Ended = (i32, String);

/// Who waits.
#[derive(Default)]
pub(crate) struct Waiters {
    stop: Vec<oneshot::Sender<Ended>>,
    removal: Vec<oneshot::Sender<Ended>>,
}

impl Waiters {
    fn add(&mut self, condition: Condition, waiter: oneshot::Sender<Ended>) {
        let waiters = if condition == Condition::Removed {
            &mut self.removal
        } else {
            &mut self.stop
        };
        // Those who went away make room.
        waiters.retain(|waiter| !waiter.is_canceled());
        waiters.push(waiter);
    }

    /// Tells those who wait for an end.
    pub(crate) fn stopped(&mut self, ended: &Ended) {
        self.stop
            .drain(..)
            .for_each(|waiter| drop(waiter.send(ended.clone())));
    }

    /// Tells everybody: a container that never ran is removed without a stop.
    pub(crate) fn removed(&mut self, ended: &Ended) {
        self.removal
            .drain(..)
            .for_each(|waiter| drop(waiter.send(ended.clone())));
        self.stopped(ended);
    }
}

impl<S: Kernel> Engine<S> {
    /// Begins to wait: from now on nothing is missed.
    pub(crate) fn begin_wait(
        &self,
        container: &Arc<Container<S>>,
        condition: Condition,
    ) -> oneshot::Receiver<Ended> {
        let (sender, receiver) = oneshot::channel();
        container.with(|inner| {
            let state = &inner.record.state;
            let met = match condition {
                Condition::NotRunning => !state.running,
                Condition::NextExit => false,
                Condition::Removed => inner.removed,
            };
            if met {
                let _ = sender.send((state.exit_code, state.error.clone()));
            } else {
                inner.waiters.add(condition, sender);
            }
        });
        receiver
    }

    /// Waits until a container does not run, at most so many nanoseconds; whether it came to that.
    pub(crate) async fn wait_stopped(
        &self,
        container: &Arc<Container<S>>,
        nanos: Option<u64>,
    ) -> bool {
        use futures_util::FutureExt;
        let mut ended = self.begin_wait(container, Condition::NotRunning).fuse();
        let Some(nanos) = nanos else {
            return ended.await.is_ok();
        };
        let timeout = self.sys.sleep(nanos).fuse();
        futures_util::pin_mut!(timeout);
        futures_util::select_biased! {
            ended = ended => ended.is_ok(),
            () = timeout => false,
        }
    }
}

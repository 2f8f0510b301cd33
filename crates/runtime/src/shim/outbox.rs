//! A bounded queue of bytes between one who produces output and one client's connection.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// Bytes that may wait for one client before the producer waits too; moby's pipes block beyond a million.
pub(super) const MAX_QUEUED: usize = 1 << 20;

#[derive(Default)]
struct State {
    frames: VecDeque<Vec<u8>>,
    bytes: usize,
    /// No more will come.
    ended: bool,
    /// Nobody takes any more.
    gone: bool,
    /// The producer does not wait any more.
    unbounded: bool,
    wakers: Vec<Waker>,
}

impl State {
    fn wake(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }
}

/// A queue; clones are the same one.
#[derive(Clone, Default)]
pub(super) struct Outbox(Arc<Mutex<State>>);

impl Outbox {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether both are the same queue.
    pub fn is(&self, other: &Outbox) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Puts a frame in, waiting for room; `false` when nobody takes it any more.
    pub async fn put(&self, frame: Vec<u8>) -> bool {
        let mut frame = Some(frame);
        poll_fn(|context| {
            let mut state = self.state();
            if state.gone || state.ended {
                return Poll::Ready(false);
            }
            if state.bytes >= MAX_QUEUED && !state.unbounded {
                state.wakers.push(context.waker().clone());
                return Poll::Pending;
            }
            if let Some(frame) = frame.take() {
                state.bytes += frame.len();
                state.frames.push_back(frame);
            }
            state.wake();
            Poll::Ready(true)
        })
        .await
    }

    /// Puts a frame in unless something waits already: for notices that say nothing but "again".
    pub fn nudge(&self, frame: Vec<u8>) {
        let mut state = self.state();
        if state.frames.is_empty() && !state.ended && !state.gone {
            state.bytes += frame.len();
            state.frames.push_back(frame);
            state.wake();
        }
    }

    /// Takes all that waits, as one piece; `None` at the end.
    pub async fn take(&self) -> Option<Vec<u8>> {
        poll_fn(|context| {
            let mut state = self.state();
            if !state.frames.is_empty() {
                let frames: Vec<Vec<u8>> = state.frames.drain(..).collect();
                state.bytes = 0;
                state.wake();
                return Poll::Ready(Some(frames.concat()));
            }
            if state.ended || state.gone {
                return Poll::Ready(None);
            }
            state.wakers.push(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// No more will be put in; what waits is still taken.
    pub fn end(&self) {
        let mut state = self.state();
        state.ended = true;
        state.wake();
    }

    /// Lets the producer go on without waiting, for a rest that is no more than pipes hold.
    pub fn release(&self) {
        let mut state = self.state();
        state.unbounded = true;
        state.wake();
    }

    /// Nobody takes any more.
    pub fn abandon(&self) {
        let mut state = self.state();
        state.gone = true;
        state.frames.clear();
        state.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn a_full_queue_holds_the_producer_until_something_is_taken() {
        let outbox = Outbox::default();
        assert_eq!(outbox.put(vec![0; MAX_QUEUED]).now_or_never(), Some(true));
        let mut second = Box::pin(outbox.put(vec![1]));
        assert_eq!(second.as_mut().now_or_never(), None);
        assert_eq!(
            outbox
                .take()
                .now_or_never()
                .flatten()
                .map(|piece| piece.len()),
            Some(MAX_QUEUED)
        );
        assert_eq!(second.now_or_never(), Some(true));
    }

    #[test]
    fn a_released_producer_does_not_wait() {
        let outbox = Outbox::default();
        assert_eq!(outbox.put(vec![0; MAX_QUEUED]).now_or_never(), Some(true));
        let mut second = Box::pin(outbox.put(vec![1]));
        assert_eq!(second.as_mut().now_or_never(), None);
        outbox.release();
        assert_eq!(second.now_or_never(), Some(true));
        let all = outbox.take().now_or_never().flatten();
        assert_eq!(all.map(|piece| piece.len()), Some(MAX_QUEUED + 1));
    }

    #[test]
    fn what_waits_at_the_end_is_still_taken() {
        let outbox = Outbox::default();
        assert_eq!(outbox.put(vec![7]).now_or_never(), Some(true));
        outbox.end();
        assert_eq!(outbox.take().now_or_never(), Some(Some(vec![7])));
        assert_eq!(outbox.take().now_or_never(), Some(None));
    }

    #[test]
    fn nobody_waits_for_one_who_is_gone() {
        let outbox = Outbox::default();
        outbox.abandon();
        assert_eq!(outbox.put(vec![7]).now_or_never(), Some(false));
    }
}

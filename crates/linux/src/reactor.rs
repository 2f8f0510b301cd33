//! One thread, one `ppoll`: the executor behind [`crate::Direct`].

use crate::calls;
use crate::original::block_signals;
use glassdock_abi::flags::{OpenFlags, PollEvents};
use glassdock_abi::types::{Clock, PollFd};
use glassdock_abi::{BoxFuture, Call, Errno, Fd, Result};
use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// `SIGCHLD` in a mask of signals.
const CHILD_MASK: u64 = 1 << (glassdock_abi::types::signal::CHLD - 1);
/// Size of `struct signalfd_siginfo` in bytes.
const SIGINFO: u64 = 128;

/// Somebody who waits.
struct Wait {
    fds: Vec<PollFd>,
    /// Monotonic time in nanoseconds.
    deadline: Option<u64>,
    /// Whether the end of a child is waited for, too.
    child: bool,
    waker: Waker,
}

#[derive(Default)]
struct State {
    next: u64,
    waits: BTreeMap<u64, Wait>,
    fresh: Vec<BoxFuture<'static, ()>>,
}

/// What is waited for in this process.
pub(crate) struct Reactor {
    state: Mutex<State>,
    signals: Fd,
}

impl Reactor {
    /// Blocks `SIGCHLD`, which arrives on a descriptor from now on.
    pub fn new() -> Result<Arc<Reactor>> {
        block_signals(CHILD_MASK)?;
        let call = Call::Signalfd4 {
            fd: None,
            mask: CHILD_MASK,
            flags: OpenFlags::CLOEXEC | OpenFlags::NONBLOCK,
        };
        Ok(Arc::new(Reactor {
            state: Mutex::default(),
            signals: calls::perform(call)?.fd()?,
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a future beside the others.
    pub fn task(&self, future: BoxFuture<'static, ()>) {
        self.state().fresh.push(future);
    }

    /// Waits until one of `fds` is ready or the deadline, on the monotonic clock, has passed.
    pub async fn ready(&self, fds: Vec<PollFd>, deadline: Option<u64>) -> Result<Vec<PollEvents>> {
        let mut place = Place {
            reactor: self,
            id: None,
        };
        poll_fn(|context| {
            let events = calls::poll(&fds, Some(0));
            let over = deadline.is_some_and(|deadline| deadline <= monotonic());
            match events {
                Ok(events) if !over && events.iter().all(|events| events.is_empty()) => {
                    place.register(fds.clone(), deadline, false, context);
                    Poll::Pending
                }
                Err(Errno::EINTR) => {
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
                done => Poll::Ready(done),
            }
        })
        .await
    }

    /// Waits until `look` finds something; it is asked again whenever a child has changed.
    pub async fn child<T>(&self, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
        let mut place = Place {
            reactor: self,
            id: None,
        };
        poll_fn(|context| match look() {
            Ok(Some(found)) => Poll::Ready(Ok(found)),
            Ok(None) => {
                place.register(Vec::new(), None, true, context);
                Poll::Pending
            }
            Err(errno) => Poll::Ready(Err(errno)),
        })
        .await
    }

    /// Runs a future, and the tasks that it starts, until it ends. Tasks that are left are dropped.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let queue = Arc::new(Queue::default());
        let main_waker = queue.waker(0);
        let mut tasks: BTreeMap<u64, (BoxFuture<'static, ()>, Waker)> = BTreeMap::new();
        let (mut future, mut next) = (pin!(future), 1);
        queue.push(0);
        loop {
            while let Some(id) = queue.pop() {
                if id == 0 {
                    if let Poll::Ready(done) =
                        future.as_mut().poll(&mut Context::from_waker(&main_waker))
                    {
                        return done;
                    }
                } else if let Some((task, waker)) = tasks.get_mut(&id) {
                    let waker = waker.clone();
                    if task
                        .as_mut()
                        .poll(&mut Context::from_waker(&waker))
                        .is_ready()
                    {
                        tasks.remove(&id);
                    }
                }
                let fresh = std::mem::take(&mut self.state().fresh);
                for task in fresh {
                    tasks.insert(next, (task, queue.waker(next)));
                    queue.push(next);
                    next += 1;
                }
            }
            self.park();
        }
    }

    /// Waits for the next thing that somebody waits for, and wakes those whom it concerns.
    fn park(&self) {
        let (mut fds, mut owners) = (
            vec![PollFd {
                fd: self.signals,
                events: PollEvents::IN,
            }],
            Vec::new(),
        );
        let mut deadline: Option<u64> = None;
        for (id, wait) in &self.state().waits {
            fds.extend(&wait.fds);
            owners.extend(wait.fds.iter().map(|_| *id));
            deadline = match (deadline, wait.deadline) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        let timeout = deadline.map(|deadline| deadline.saturating_sub(monotonic()));
        // A failure, such as an interruption, makes everybody look again.
        let events = calls::poll(&fds, timeout);
        let all = events.is_err();
        let events = events.unwrap_or_default();
        let child = events.first().is_some_and(|events| !events.is_empty());
        if child {
            self.drain_signals();
        }
        let now = monotonic();
        let mut ready: Vec<u64> = owners
            .iter()
            .zip(events.iter().skip(1))
            .filter(|(_, events)| !events.is_empty())
            .map(|(id, _)| *id)
            .collect();
        let mut state = self.state();
        ready.extend(state.waits.iter().filter_map(|(id, wait)| {
            let due = wait.deadline.is_some_and(|deadline| deadline <= now);
            (all || due || (child && wait.child)).then_some(*id)
        }));
        for id in ready {
            if let Some(wait) = state.waits.remove(&id) {
                wait.waker.wake();
            }
        }
    }

    fn drain_signals(&self) {
        let read = || {
            calls::perform(Call::Read {
                fd: self.signals,
                count: SIGINFO,
            })
        };
        while read().is_ok_and(|ret| ret.bytes().is_ok_and(|bytes| !bytes.is_empty())) {}
    }
}

impl Drop for Reactor {
    fn drop(&mut self) {
        let _ = calls::perform(Call::Close { fd: self.signals });
    }
}

/// The monotonic clock in nanoseconds.
pub(crate) fn monotonic() -> u64 {
    calls::now(Clock::Monotonic).map_or(0, |time| time.as_nanos())
}

/// A place among those who wait, given up when dropped.
struct Place<'a> {
    reactor: &'a Reactor,
    id: Option<u64>,
}

impl Place<'_> {
    fn register(
        &mut self,
        fds: Vec<PollFd>,
        deadline: Option<u64>,
        child: bool,
        context: &Context<'_>,
    ) {
        let mut state = self.reactor.state();
        let id = *self.id.get_or_insert_with(|| {
            state.next += 1;
            state.next
        });
        let waker = context.waker().clone();
        let wait = Wait {
            fds,
            deadline,
            child,
            waker,
        };
        state.waits.insert(id, wait);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.reactor.state().waits.remove(&id);
        }
    }
}

/// Tasks that were woken, in order.
#[derive(Default)]
struct Queue(Mutex<VecDeque<u64>>);

impl Queue {
    fn lock(&self) -> MutexGuard<'_, VecDeque<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn push(&self, id: u64) {
        let mut queue = self.lock();
        if !queue.contains(&id) {
            queue.push_back(id);
        }
    }
    fn pop(&self) -> Option<u64> {
        self.lock().pop_front()
    }
    fn waker(self: &Arc<Self>, id: u64) -> Waker {
        Waker::from(Arc::new(TaskWaker {
            id,
            queue: Arc::clone(self),
        }))
    }
}

struct TaskWaker {
    id: u64,
    queue: Arc<Queue>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.queue.push(self.id);
    }
}

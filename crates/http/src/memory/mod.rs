//! A small kernel in memory, for tests of programs: streams, files, one terminal, signals, virtual time, a trace.
//!
//! It knows no processes but descriptor tables ([`Memory::process`]), and no permissions. Where nothing can go on, time
//! jumps to the next timer; where there is none, [`Kernel::run`] panics with what is open: a test that hangs would hide
//! why.

mod calls;
mod state;

use glassdock_abi::types::{Clock, Termios, Timespec, Winsize};
use glassdock_abi::{BoxFuture, Call, Child, Errno, Fd, Result, Ret, Spawn, Sys};
use glassdock_trace::{Args, Delta, Event, Layer, Outcome, SpanId, Trace, Tracer, TracerConfig};
use state::{End, State};
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};

/// Seconds since 1970 at which the virtual clock starts: 2026-01-01 00:00:00 UTC.
pub const START_SECONDS: i64 = 1_767_225_600;

/// The kernel: owns everything and runs tasks.
#[derive(Clone)]
pub struct Kernel {
    shared: Arc<Mutex<State>>,
}

impl Default for Kernel {
    fn default() -> Self {
        Kernel::new()
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Kernel {
    /// An empty one.
    pub fn new() -> Kernel {
        Kernel {
            shared: Arc::new(Mutex::new(State::default())),
        }
    }

    /// A new process with no descriptors.
    pub fn process(&self) -> Memory {
        let process = self.lock().new_process();
        Memory {
            shared: self.shared.clone(),
            process,
            span: None,
        }
    }

    /// Puts a file there.
    pub fn put_file(&self, path: &str, content: &[u8]) {
        self.lock()
            .files
            .insert(path.as_bytes().to_vec(), content.to_vec());
    }

    /// A file's content.
    pub fn file(&self, path: &str) -> Option<Vec<u8>> {
        self.lock().files.get(path.as_bytes()).cloned()
    }

    /// Sends a signal to a process, which sees it if it made a signalfd for it.
    pub fn signal(&self, process: &Memory, signal: u8) {
        let mut state = self.lock();
        state.signals.push((process.process, signal));
        state.changed();
    }

    /// The terminal's window, as `TIOCGWINSZ` tells it.
    pub fn set_winsize(&self, rows: u16, cols: u16) {
        self.lock().winsize = Winsize {
            rows,
            cols,
            ..Winsize::default()
        };
    }

    /// The terminal's settings.
    pub fn termios(&self) -> Termios {
        self.lock().termios
    }

    /// The events written so far.
    pub fn events(&self) -> Vec<Event> {
        let state = self.lock();
        state
            .tracer
            .read(0, usize::MAX)
            .into_iter()
            .map(|(_, event)| event)
            .collect()
    }

    /// Runs a future, and every task that is started meanwhile, until the future ends.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let mut tasks: Vec<BoxFuture<'static, ()>> = Vec::new();
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Waker::from(flag.clone());
        let mut cx = Context::from_waker(&waker);
        loop {
            if !flag.0.swap(false, Ordering::SeqCst) && !self.lock().advance() {
                panic!("nothing can go on: {:?}", self.lock().describe());
            }
            if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
                return value;
            }
            tasks.retain_mut(|task| task.as_mut().poll(&mut cx).is_pending());
            let new = core::mem::take(&mut self.lock().spawned);
            if !new.is_empty() {
                flag.0.store(true, Ordering::SeqCst);
            }
            tasks.extend(new);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared
            .lock()
            .expect("no test panics while it holds the kernel")
    }
}

/// A process's handle.
#[derive(Clone)]
pub struct Memory {
    shared: Arc<Mutex<State>>,
    process: usize,
    span: Option<SpanId>,
}

impl Memory {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared
            .lock()
            .expect("no test panics while it holds the kernel")
    }

    /// Connects descriptor `theirs` of `other` with descriptor `ours` of this process by a stream.
    pub fn connect_to(&self, ours: i32, other: &Memory, theirs: i32) {
        let mut state = self.lock();
        let [a, b] = state.new_stream();
        state.put(self.process, Fd(ours), a);
        state.put(other.process, Fd(theirs), b);
    }

    /// Makes a descriptor the terminal; its other end is descriptor `theirs` of `other`.
    pub fn terminal(&self, ours: i32, other: &Memory, theirs: i32) {
        self.connect_to(ours, other, theirs);
        self.lock().terminals.push((self.process, ours));
    }

    /// Closes a descriptor.
    pub fn hang_up(&self, fd: i32) {
        Sys::close(self, Fd(fd));
    }
}

impl Sys for Memory {
    async fn call(&self, call: Call) -> Result<Ret> {
        let mut timer = None;
        core::future::poll_fn(|cx| {
            let mut state = self.lock();
            let answer = state.call(self.process, self.span, &call, &mut timer);
            match answer {
                Err(Errno::EAGAIN) => {
                    state.wakers.push(cx.waker().clone());
                    Poll::Pending
                }
                answer => Poll::Ready(answer),
            }
        })
        .await
    }

    async fn spawn(&self, _: Spawn) -> Result<Child<Self>> {
        Err(Errno::ENOSYS)
    }

    fn close(&self, fd: Fd) {
        self.lock().close(self.process, fd);
    }

    fn task(&self, future: BoxFuture<'static, ()>) {
        let mut state = self.lock();
        state.spawned.push(future);
        state.changed();
    }

    fn now(&self, clock: Clock) -> Timespec {
        let nanos = self.lock().now;
        let mut time = Timespec::from_nanos(nanos);
        if clock == Clock::Realtime {
            time.sec += START_SECONDS;
        }
        time
    }
}

impl Trace for Memory {
    fn enter_from(&self, cause: Option<SpanId>, layer: Layer, name: &str, args: Args) -> Self {
        let mut state = self.lock();
        let now = state.now;
        let name = name.to_owned();
        let span = state.tracer.enter(
            now,
            self.process as i32,
            self.span,
            cause,
            layer,
            name,
            || args,
        );
        Memory {
            span: Some(span),
            ..self.clone()
        }
    }

    fn exit(&self, outcome: Outcome) {
        let mut state = self.lock();
        let now = state.now;
        if let Some(span) = self.span {
            state.tracer.exit(now, span, || outcome);
        }
    }

    fn delta(&self, delta: Delta) {
        let mut state = self.lock();
        let now = state.now;
        state.tracer.delta(now, self.span, || delta);
    }

    fn span(&self) -> Option<SpanId> {
        self.span
    }

    fn cause_of(&self, fd: Fd) -> Option<SpanId> {
        let state = self.lock();
        match state.get(self.process, fd).ok()? {
            End::Stream(stream, side) => state.streams[stream].last_writer[side],
            _ => None,
        }
    }
}

pub(crate) fn new_tracer() -> Tracer {
    Tracer::new(TracerConfig::default())
}

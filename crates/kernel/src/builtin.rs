//! Built-in programs: Rust functions that run as processes.
//!
//! A program is a future and a mailbox. Its handle, [`Task`], puts system calls into the mailbox; when the future waits,
//! the kernel takes them out in order, makes them as it makes those of any program, and wakes the future with the
//! results. Several may wait at once. A process that is killed has its futures dropped while its mailbox is dead:
//! nothing that their destructors do reaches the kernel.

use crate::Kernel;
use crate::ids::Tid;
use crate::process::{Exec, Run};
use crate::signal::SigInfo;
use crate::syscall::Op;
use glassdock_abi::types::{Clock, CloneArgs, Timespec, signal as sig};
use glassdock_abi::{BoxFuture, Call, Child, Errno, Fd, Pid, Proc, Ret, Spawn, Sys, nr};
use glassdock_trace::{Args, Delta, Layer, Outcome, SpanId, Trace, Tracer};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// How an executable file names a built-in program: this, the name, a newline.
pub const MAGIC: &[u8] = b"#!glassdock-builtin ";
/// Longest name of a built-in program, in bytes.
const NAME_MAX: usize = 64;
/// Polls of a program's futures before another thread has its turn.
const POLLS: u32 = 256;

/// A built-in program: called with its handle, arguments and environment, it runs to an exit status.
pub type Main = fn(Task, Vec<Vec<u8>>, Vec<Vec<u8>>) -> BoxFuture<'static, u8>;

/// Built-in programs by name.
pub(crate) type Registry = BTreeMap<String, Main>;

/// The name in a file's first bytes, if it stands for a built-in program.
pub(crate) fn name_in(head: &[u8]) -> Option<&str> {
    let rest = head.strip_prefix(MAGIC)?;
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let name = rest.get(..end)?;
    (name.len() <= NAME_MAX)
        .then(|| core::str::from_utf8(name).ok())
        .flatten()
        .map(str::trim)
}

type Starter = Box<dyn FnOnce(Task) -> BoxFuture<'static, u8> + Send>;

/// Calls that only built-in programs make.
pub(crate) enum Special {
    /// `clone` and `execve` in one.
    Spawn(Box<Spawn>),
    /// `clone3` whose child runs a closure.
    Clone(CloneArgs, Starter),
    /// Was made.
    Taken,
}

impl Special {
    pub(crate) fn nr(&self) -> u32 {
        nr::clone3
    }
    pub(crate) fn take(&mut self) -> Special {
        std::mem::replace(self, Special::Taken)
    }
}

/// An answer to a request.
pub(crate) enum Reply {
    Done(Result<Ret, Errno>),
}

/// A request whose answer somebody waits for.
struct Awaited {
    id: u64,
    reply: Option<Result<Ret, Errno>>,
    waker: Option<Waker>,
}

#[derive(Default)]
struct Mailbox {
    dead: bool,
    next: u64,
    requests: VecDeque<(u64, Op, Option<SpanId>)>,
    /// Requests whose answer somebody waits for: few at a time.
    awaited: Vec<Awaited>,
    cancelled: Vec<u64>,
    spawned: Vec<BoxFuture<'static, ()>>,
    woken: VecDeque<u64>,
    time: u64,
    realtime: u64,
    pid: i32,
    root: Option<SpanId>,
    /// Lent while a future is polled.
    tracer: Option<Tracer>,
    open: BTreeSet<SpanId>,
    causes: BTreeMap<i32, SpanId>,
}

impl Mailbox {
    /// Puts a request into the queue. Gives its number.
    fn ask(&mut self, op: Op, span: Option<SpanId>) -> u64 {
        let id = self.next;
        self.next += 1;
        self.requests.push_back((id, op, span));
        id
    }
    fn awaited(&self, id: u64) -> Option<usize> {
        self.awaited.iter().position(|awaited| awaited.id == id)
    }
}

#[derive(Default)]
struct Shared(Mutex<Mailbox>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Mailbox> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A simulated process, as the built-in program in it sees the kernel.
#[derive(Clone)]
pub struct Task {
    shared: Arc<Shared>,
    span: Option<SpanId>,
}

impl core::fmt::Debug for Task {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Task({:?})", self.span)
    }
}

/// A call on its way.
struct Request {
    task: Task,
    op: Option<Op>,
    id: Option<u64>,
}

impl Future for Request {
    type Output = Result<Ret, Errno>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let mut mailbox = this.task.shared.lock();
        if mailbox.dead {
            return Poll::Pending;
        }
        if let Some(op) = this.op.take() {
            let id = mailbox.ask(op, this.task.span);
            mailbox.awaited.push(Awaited {
                id,
                reply: None,
                waker: Some(cx.waker().clone()),
            });
            this.id = Some(id);
            return Poll::Pending;
        }
        let Some(at) = this.id.and_then(|id| mailbox.awaited(id)) else {
            return Poll::Pending;
        };
        let awaited = &mut mailbox.awaited[at];
        if let Some(reply) = awaited.reply.take() {
            let awaited = mailbox.awaited.swap_remove(at);
            drop(mailbox);
            drop(awaited);
            this.id = None;
            return Poll::Ready(reply);
        }
        let before = awaited.waker.replace(cx.waker().clone());
        drop(mailbox);
        drop(before);
        Poll::Pending
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let Some(id) = self.id else { return };
        let mut mailbox = self.task.shared.lock();
        let awaited = mailbox.awaited(id);
        let awaited = awaited.map(|at| mailbox.awaited.swap_remove(at));
        let queued = mailbox.requests.iter().position(|request| request.0 == id);
        let op = queued.and_then(|at| mailbox.requests.remove(at));
        let replied = awaited.as_ref().is_some_and(|it| it.reply.is_some());
        if !mailbox.dead && queued.is_none() && !replied {
            mailbox.cancelled.push(id);
        }
        drop(mailbox);
        drop((awaited, op));
    }
}

impl Task {
    fn request(&self, op: Op) -> Request {
        Request {
            task: self.clone(),
            op: Some(op),
            id: None,
        }
    }
    fn root(shared: &Arc<Shared>) -> Task {
        Task {
            shared: shared.clone(),
            span: None,
        }
    }
}

impl Sys for Task {
    async fn call(&self, call: Call) -> glassdock_abi::Result<Ret> {
        self.request(Op::Typed(call)).await
    }

    async fn spawn(&self, program: Spawn) -> glassdock_abi::Result<Child<Self>> {
        let op = Op::Special(Special::Spawn(Box::new(program)));
        let [pid, pidfd] = self.request(op).await?.fds()?;
        Ok(Child {
            pid: Pid(pid.0),
            pidfd: self.own(pidfd),
        })
    }

    fn close(&self, fd: Fd) {
        let mut mailbox = self.shared.lock();
        if mailbox.dead {
            return;
        }
        mailbox.ask(Op::Typed(Call::Close { fd }), self.span);
    }

    fn task(&self, future: BoxFuture<'static, ()>) {
        let mut mailbox = self.shared.lock();
        if mailbox.dead {
            drop(mailbox);
            drop(future);
            return;
        }
        mailbox.spawned.push(future);
    }

    fn now(&self, clock: Clock) -> Timespec {
        let mailbox = self.shared.lock();
        Timespec::from_nanos(match clock {
            Clock::Realtime => mailbox.realtime,
            Clock::Monotonic | Clock::Boottime => mailbox.time,
        })
    }
}

impl Proc for Task {
    async fn clone_with<F>(&self, args: CloneArgs, child: F) -> glassdock_abi::Result<Pid>
    where
        F: FnOnce(Self) -> BoxFuture<'static, u8> + Send + 'static,
    {
        let op = Op::Special(Special::Clone(args, Box::new(child)));
        self.request(op).await?.pid()
    }
}

impl Trace for Task {
    fn enter_from(&self, cause: Option<SpanId>, layer: Layer, name: &str, args: Args) -> Self {
        let mut mailbox = self.shared.lock();
        let parent = self.span.or(mailbox.root);
        let (time, pid) = (mailbox.time, mailbox.pid);
        let Some(tracer) = &mut mailbox.tracer else {
            return self.clone();
        };
        let span = tracer.enter(time, pid, parent, cause, layer, name.to_owned(), || args);
        mailbox.open.insert(span);
        Task {
            shared: self.shared.clone(),
            span: Some(span),
        }
    }

    fn exit(&self, outcome: Outcome) {
        let mut mailbox = self.shared.lock();
        let time = mailbox.time;
        let Some(span) = self.span else { return };
        if mailbox.tracer.is_none() || !mailbox.open.remove(&span) {
            return;
        }
        if let Some(tracer) = &mut mailbox.tracer {
            tracer.exit(time, span, || outcome);
        }
    }

    fn delta(&self, delta: Delta) {
        let mut mailbox = self.shared.lock();
        let (time, span) = (mailbox.time, self.span.or(mailbox.root));
        if let Some(tracer) = &mut mailbox.tracer {
            tracer.delta(time, span, || delta);
        }
    }

    fn span(&self) -> Option<SpanId> {
        self.span.or(self.shared.lock().root)
    }

    fn cause_of(&self, fd: Fd) -> Option<SpanId> {
        self.shared.lock().causes.get(&fd.0).copied()
    }
}

/// Notes which of a program's futures can go on.
struct FutureWaker {
    shared: Arc<Shared>,
    id: u64,
}

impl FutureWaker {
    fn of(shared: &Arc<Shared>, id: u64) -> Waker {
        let shared = shared.clone();
        Waker::from(Arc::new(FutureWaker { shared, id }))
    }
}

impl Wake for FutureWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        let mut mailbox = self.shared.lock();
        if !mailbox.dead && !mailbox.woken.contains(&self.id) {
            mailbox.woken.push_back(self.id);
        }
    }
}

/// The futures of one process and its mailbox.
pub(crate) struct Program {
    shared: Arc<Shared>,
    /// The program itself is number 0; its status is kept when it ends.
    main: Option<(BoxFuture<'static, u8>, Waker)>,
    tasks: BTreeMap<u64, (BoxFuture<'static, ()>, Waker)>,
    next: u64,
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Program {
    /// A program that begins with `start` when it is first polled.
    pub(crate) fn new(start: impl FnOnce(Task) -> BoxFuture<'static, u8>) -> Program {
        let shared = Arc::new(Shared::default());
        shared.lock().woken.push_back(0);
        let main = (start(Task::root(&shared)), FutureWaker::of(&shared, 0));
        Program {
            shared,
            main: Some(main),
            tasks: BTreeMap::new(),
            next: 1,
        }
    }

    pub(crate) fn reply(&mut self, req: u64, reply: Reply) {
        let Reply::Done(result) = reply;
        let mut mailbox = self.shared.lock();
        let Some(at) = mailbox.awaited(req) else {
            return;
        };
        let awaited = &mut mailbox.awaited[at];
        awaited.reply = Some(result);
        let waker = awaited.waker.take();
        drop(mailbox);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Who wrote what the program has just read.
    pub(crate) fn set_cause(&mut self, fd: i32, cause: Option<SpanId>) {
        let mut mailbox = self.shared.lock();
        match cause {
            Some(span) => mailbox.causes.insert(fd, span),
            None => mailbox.causes.remove(&fd),
        };
    }

    /// Drops all futures with a dead mailbox.
    fn kill(&mut self) {
        let (requests, awaited, spawned) = {
            let mut mailbox = self.shared.lock();
            mailbox.dead = true;
            (
                std::mem::take(&mut mailbox.requests),
                std::mem::take(&mut mailbox.awaited),
                std::mem::take(&mut mailbox.spawned),
            )
        };
        self.main = None;
        self.tasks.clear();
        drop((requests, awaited, spawned));
    }

    /// Spans that are still open, newest first.
    pub(crate) fn open_spans(&self) -> Vec<SpanId> {
        self.shared.lock().open.iter().rev().copied().collect()
    }

    /// Polls one future. `Some` when the program has ended.
    fn poll(&mut self, id: u64) -> Option<u8> {
        if id == 0 {
            let (future, waker) = self.main.as_mut()?;
            return match future.as_mut().poll(&mut Context::from_waker(waker)) {
                Poll::Ready(status) => Some(status),
                Poll::Pending => None,
            };
        }
        let (future, waker) = self.tasks.get_mut(&id)?;
        let polled = future.as_mut().poll(&mut Context::from_waker(waker));
        if polled.is_ready() {
            self.tasks.remove(&id);
        }
        None
    }

    /// Takes over the futures that the program started.
    fn adopt(&mut self) {
        let spawned = std::mem::take(&mut self.shared.lock().spawned);
        for future in spawned {
            let id = self.next;
            self.next += 1;
            let waker = FutureWaker::of(&self.shared, id);
            self.tasks.insert(id, (future, waker));
            self.shared.lock().woken.push_back(id);
        }
    }
}

impl Kernel {
    /// Makes a built-in program known: an executable file with [`MAGIC`] and this name runs it.
    pub fn register(&mut self, name: &str, main: Main) {
        self.registry.insert(name.to_owned(), main);
    }

    fn program(&mut self, tid: Tid) -> Option<&mut Program> {
        match &mut self.threads.get_mut(&tid)?.exec {
            Exec::Builtin(program) => Some(program),
            _ => None,
        }
    }

    /// One turn of a built-in program.
    pub(crate) fn run_builtin(&mut self, tid: Tid) {
        let ready: Vec<u64> = self
            .threads
            .get(&tid)
            .map(|thread| {
                let calls = thread.calls.iter().filter(|(_, call)| call.ready);
                calls.map(|(req, _)| *req).collect()
            })
            .unwrap_or_default();
        for req in ready {
            self.try_again(tid, req);
            if !self.is_running_builtin(tid) {
                return;
            }
        }
        for _ in 0..POLLS {
            let Some(program) = self.program(tid) else {
                return;
            };
            program.adopt();
            let next = program.shared.lock().woken.pop_front();
            let Some(id) = next else {
                self.rest_program(tid);
                return;
            };
            if let Some(status) = self.poll_program(tid, id) {
                let call = Op::Typed(Call::ExitGroup { status });
                self.enter_builtin_call(tid, u64::MAX, call, None);
                // Where a filter refuses that, `_exit` has no other way to end than this.
                if self.is_running_builtin(tid) {
                    self.force_signal(tid, SigInfo::kernel(sig::SEGV));
                    self.deliver_signals(tid);
                }
                return;
            }
            self.make_requests(tid);
            if !self.is_running_builtin(tid) {
                return;
            }
        }
        self.make_ready(tid);
    }

    /// Every future waits. What one of them did may have been what another waited for.
    fn rest_program(&mut self, tid: Tid) {
        let calls = self.threads.get(&tid).map(|thread| &thread.calls);
        let mut calls = calls.into_iter().flat_map(|calls| calls.values());
        // Or it sent a signal to itself.
        if calls.clone().any(|call| call.ready) || self.minds_signals(tid) {
            self.make_ready(tid);
            return;
        }
        let why = calls.next().map_or("nothing", |call| call.block.why);
        self.block_thread(tid, why);
    }

    fn is_running_builtin(&self, tid: Tid) -> bool {
        self.threads.get(&tid).is_some_and(|thread| {
            thread.run == Run::Ready && matches!(thread.exec, Exec::Builtin(_))
        })
    }

    fn poll_program(&mut self, tid: Tid, id: u64) -> Option<u8> {
        let (time, realtime) = (self.time, self.realtime());
        let config = self.config.trace;
        let tracer = std::mem::replace(&mut self.tracer, Tracer::new(config));
        let tgid = self.tgid_of(tid);
        let root = self.threads.get(&tid).and_then(|thread| thread.span);
        let Some(program) = self.program(tid) else {
            self.tracer = tracer;
            return None;
        };
        {
            let mut mailbox = program.shared.lock();
            mailbox.time = time;
            mailbox.realtime = realtime;
            mailbox.pid = tgid.0;
            mailbox.root = root;
            mailbox.tracer = Some(tracer);
        }
        let status = program.poll(id);
        let tracer = program.shared.lock().tracer.take();
        if let Some(tracer) = tracer {
            self.tracer = tracer;
        }
        status
    }

    /// Makes the calls that the program asked for while it was polled.
    fn make_requests(&mut self, tid: Tid) {
        loop {
            let Some(program) = self.program(tid) else {
                return;
            };
            let cancelled = std::mem::take(&mut program.shared.lock().cancelled);
            for req in cancelled {
                if let Some(span) = self.cancel_call(tid, req).and_then(|call| call.span) {
                    self.exit_span(span, || Outcome::Cut);
                }
            }
            let Some(program) = self.program(tid) else {
                return;
            };
            let next = program.shared.lock().requests.pop_front();
            let Some((req, op, parent)) = next else {
                return;
            };
            self.enter_builtin_call(tid, req, op, parent);
            if !self.is_running_builtin(tid) {
                return;
            }
        }
    }
}

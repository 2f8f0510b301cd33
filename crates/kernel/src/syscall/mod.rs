//! System calls: one way in for programs in memory and for built-in ones.
//!
//! A program in memory comes with a number and registers: the [`table`] says which handler reads its arguments. The
//! handler makes an [`abi::Call`](glassdock_abi::Call) of them where there is one and gives it to [`Kernel::call`];
//! built-in programs bring their `Call` themselves. What has no `Call` (memory, threads, handlers) works on registers.

mod clip;
mod cred;
mod fs;
mod futex;
mod io;
mod message;
mod mounts;
mod ns;
mod poll;
mod proc;
mod raw;
mod seccomp;
mod socket;
mod table;
mod time;
mod tty;
mod typed;

pub use table::{Support, support};

use crate::Kernel;
use crate::builtin::{Reply, Special};
use crate::config::{BUILTIN_CALL_NS, SYSCALL_NS};
use crate::ids::{FileId, Tid};
use crate::process::{Exec, Run};
use crate::sched::{Timer, TimerKey};
use crate::seccomp::{Data, Seccomp};
use crate::wait::{Block, Fail, SysResult, WaitKey};
use clip::{clip_call, clip_ret};
use glassdock_abi::{Call, Errno, Ret, nr};
use glassdock_cpu::reg;
use glassdock_trace::{Args, Layer, Outcome, SpanId, Value};

/// Most bytes that one read or write moves (`MAX_RW_COUNT`).
pub(crate) const RW_MAX: u64 = 0x7fff_f000;

/// What a signal handler does to a call that waits (`man 7 signal`, "Interruption of system calls").
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Restart {
    /// Made again whatever the handler's flags (`ERESTARTNOINTR`).
    Always,
    /// Made again where the handler was set with `SA_RESTART` (`ERESTARTSYS`).
    WithFlag,
    /// `EINTR`; goes on where no handler ran (`ERESTARTNOHAND`, `ERESTART_RESTARTBLOCK`).
    WithoutHandler,
    /// `EINTR`.
    Never,
    /// No signal but `SIGKILL` ends the wait (`TASK_KILLABLE`).
    Killable,
}

/// What a call keeps between its tries.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallState {
    /// It was tried before.
    pub(crate) tried: bool,
    /// Absolute virtual time of its time limit.
    pub(crate) deadline: Option<u64>,
    /// Bytes moved so far.
    pub(crate) progress: u64,
    /// Somebody did what it waits for (futexes, FIFOs).
    pub(crate) woken: bool,
    /// An open file that is the call's own until it ends (FIFOs).
    pub(crate) file: Option<FileId>,
    /// A handler's own note.
    pub(crate) note: u64,
}

impl CallState {
    /// What an interrupted call yields when it has got somewhere.
    pub(crate) fn partial(&self) -> Option<Ret> {
        (self.progress > 0).then_some(Ret::Int(self.progress as i64))
    }
}

/// A try of a call.
#[derive(Debug)]
pub(crate) struct CallCx {
    pub(crate) tid: Tid,
    /// The number by which the program called; for built-in programs that of the typed call.
    pub(crate) nr: u32,
    pub(crate) span: Option<SpanId>,
    pub(crate) parent: Option<SpanId>,
    pub(crate) state: CallState,
}

/// What is called.
pub(crate) enum Op {
    Raw(u32, [u64; 6]),
    Typed(Call),
    Special(Special),
}

/// A call that waits.
pub(crate) struct PendingCall {
    pub(crate) op: Op,
    pub(crate) nr: u32,
    pub(crate) restart: Restart,
    pub(crate) state: CallState,
    pub(crate) span: Option<SpanId>,
    pub(crate) parent: Option<SpanId>,
    pub(crate) block: Block,
    pub(crate) timer: Option<TimerKey>,
    /// Something changed: try again.
    pub(crate) ready: bool,
}

impl PendingCall {
    /// One that is about to be tried for the first time.
    fn new(op: Op, nr: u32, restart: Restart, parent: Option<SpanId>) -> PendingCall {
        PendingCall {
            op,
            nr,
            restart,
            state: CallState::default(),
            span: None,
            parent,
            block: Block::default(),
            timer: None,
            ready: false,
        }
    }
}

impl Kernel {
    /// A `syscall` instruction.
    pub(crate) fn enter_syscall(&mut self, tid: Tid) {
        let Some(thread) = self.threads.get_mut(&tid) else {
            return;
        };
        let Exec::Elf(cpu) = &thread.exec else {
            return;
        };
        let g = &cpu.gpr;
        let number = g[reg::RAX] as u32;
        let args = [g[reg::RDI], g[reg::RSI], g[reg::RDX], g[10], g[8], g[9]];
        let (parent, ip) = (thread.span, cpu.rip);
        let restricted = thread.cred.seccomp != Seccomp::Disabled;
        let row = table::row(number);
        self.begin(tid, SYSCALL_NS);
        let restart = row.map_or(Restart::Never, |row| row.restart);
        let call = PendingCall::new(Op::Raw(number, args), number, restart, parent);
        if restricted {
            return self.screen(tid, 0, call, &Data { number, ip, args });
        }
        self.attempt(tid, 0, call);
    }

    /// A built-in program's call.
    pub(crate) fn enter_builtin_call(
        &mut self,
        tid: Tid,
        req: u64,
        op: Op,
        parent: Option<SpanId>,
    ) {
        let number = match &op {
            Op::Raw(number, _) => *number,
            Op::Typed(call) => call.nr(),
            Op::Special(special) => special.nr(),
        };
        self.begin(tid, SYSCALL_NS + BUILTIN_CALL_NS);
        let thread = self.threads.get(&tid);
        let parent = parent.or(thread.and_then(|thread| thread.span));
        let restricted = thread.is_some_and(|it| it.cred.seccomp != Seccomp::Disabled);
        let call = PendingCall::new(op, number, Restart::Always, parent);
        if restricted {
            let data = Data::of(&call.op);
            return self.screen(tid, req, call, &data);
        }
        self.attempt(tid, req, call);
    }

    fn begin(&mut self, tid: Tid, cost: u64) {
        self.counters.syscalls += 1;
        self.time += cost;
        if let Some(thread) = self.threads.get_mut(&tid) {
            thread.stime += cost;
        }
    }

    /// Tries a call and does what comes of it.
    pub(crate) fn attempt(&mut self, tid: Tid, req: u64, mut pending: PendingCall) {
        let mut cx = CallCx {
            tid,
            nr: pending.nr,
            span: pending.span,
            parent: pending.parent,
            state: std::mem::take(&mut pending.state),
        };
        self.current = cx.span.or(cx.parent);
        let result = match &mut pending.op {
            Op::Raw(number, args) => self.raw(&mut cx, *number, *args),
            Op::Typed(call) => {
                let call = std::mem::replace(call, Call::Getpid {});
                let result = self.call(&mut cx, &call);
                pending.op = Op::Typed(call);
                result
            }
            Op::Special(special) => {
                let mut special = special.take();
                let result = self.special(&mut cx, &mut special);
                pending.op = Op::Special(special);
                result
            }
        };
        self.place_namespaces();
        cx.state.tried = true;
        pending.state = cx.state;
        pending.span = cx.span;
        let result = match result {
            Ok(ret) => Ok(ret),
            Err(Fail::Errno(errno)) => pending.state.partial().ok_or(errno),
            Err(Fail::Keep) => {
                self.publish();
                if let Some(span) = pending.span {
                    self.exit_span(span, || Outcome::Ok);
                }
                self.current = None;
                return;
            }
            Err(Fail::Block(block)) => {
                self.sleep(tid, req, pending, block);
                return;
            }
        };
        self.restore_mask(tid);
        self.complete(tid, req, &pending, result);
    }

    fn sleep(&mut self, tid: Tid, req: u64, mut pending: PendingCall, block: Block) {
        for key in &block.keys {
            self.waiters.add(*key, (tid, req));
        }
        pending.timer = block
            .deadline
            .map(|at| self.timers.arm(at, Timer::Call(tid, req)));
        pending.ready = false;
        let why = block.why;
        pending.block = block;
        self.publish();
        self.current = None;
        let Some(thread) = self.threads.get_mut(&tid) else {
            return;
        };
        let elf = matches!(thread.exec, Exec::Elf(_));
        thread.calls.insert(req, pending);
        if elf && self.deliverable(tid).is_empty() {
            self.block_thread(tid, why);
        } else if elf {
            self.make_ready(tid);
        }
    }

    pub(crate) fn block_thread(&mut self, tid: Tid, why: &'static str) {
        if let Some(thread) = self.threads.get_mut(&tid)
            && thread.run == Run::Ready
        {
            thread.run = Run::Blocked(why);
            self.publisher.state(tid);
        }
    }

    /// Something that a call waits for changed.
    pub(crate) fn retry_call(&mut self, tid: Tid, req: u64) {
        let Some(thread) = self.threads.get_mut(&tid) else {
            return;
        };
        let Some(call) = thread.calls.get_mut(&req) else {
            return;
        };
        call.ready = true;
        if matches!(thread.run, Run::Blocked(_)) {
            self.make_ready(tid);
        }
    }

    /// Goes on with a program's waiting call. False when there is none.
    pub(crate) fn retry_pending(&mut self, tid: Tid) -> bool {
        let Some(call) = self
            .threads
            .get(&tid)
            .and_then(|thread| thread.calls.get(&0))
        else {
            return false;
        };
        if call.ready {
            self.try_again(tid, 0);
        } else {
            let why = call.block.why;
            self.block_thread(tid, why);
        }
        true
    }

    /// Tries a waiting call again.
    pub(crate) fn try_again(&mut self, tid: Tid, req: u64) {
        if let Some(call) = self.take_call(tid, req) {
            self.attempt(tid, req, call);
        }
    }

    /// Goes on with a program's waiting call where what it waited for has happened: as in the kernel's own loops, that
    /// is looked at before signals are.
    pub(crate) fn finish_wait(&mut self, tid: Tid) {
        let call = self
            .threads
            .get(&tid)
            .filter(|thread| matches!(thread.exec, Exec::Elf(_)))
            .and_then(|thread| thread.calls.get(&0));
        if call.is_some_and(|call| call.ready) {
            self.try_again(tid, 0);
        }
    }

    /// Takes a waiting call out of all queues.
    pub(crate) fn take_call(&mut self, tid: Tid, req: u64) -> Option<PendingCall> {
        let mut call = self.threads.get_mut(&tid)?.calls.remove(&req)?;
        for key in std::mem::take(&mut call.block.keys) {
            self.waiters.remove(key, (tid, req));
        }
        if let Some(timer) = call.timer.take() {
            self.timers.cancel(timer);
        }
        Some(call)
    }

    /// Takes a waiting call that is not made again, with what it holds.
    pub(crate) fn cancel_call(&mut self, tid: Tid, req: u64) -> Option<PendingCall> {
        let mut call = self.take_call(tid, req)?;
        if let Some(file) = call.state.file.take() {
            self.put_file(file);
        }
        Some(call)
    }

    /// Ends a waiting call from outside.
    pub(crate) fn finish_call(&mut self, tid: Tid, req: u64, result: Result<Ret, Errno>) {
        if let Some(call) = self.cancel_call(tid, req) {
            self.complete(tid, req, &call, result);
        }
    }

    /// Drops a waiting call: its thread ends.
    pub(crate) fn cut_calls(&mut self, tid: Tid) {
        let reqs: Vec<u64> = self
            .threads
            .get(&tid)
            .map(|thread| thread.calls.keys().copied().collect())
            .unwrap_or_default();
        for req in reqs {
            if let Some(span) = self.cancel_call(tid, req).and_then(|call| call.span) {
                self.exit_span(span, || Outcome::Cut);
            }
        }
    }

    /// Sets the registers back so that the call is made again after a handler.
    pub(crate) fn rewind_call(&mut self, tid: Tid) {
        let Some(call) = self.cancel_call(tid, 0) else {
            return;
        };
        if let Some(span) = call.span {
            self.exit_span(span, || Outcome::Cut);
        }
        if let Some(Exec::Elf(cpu)) = self.threads.get_mut(&tid).map(|thread| &mut thread.exec) {
            cpu.rip = cpu.rip.wrapping_sub(2);
            cpu.gpr[reg::RAX] = u64::from(call.nr);
        }
    }

    fn restore_mask(&mut self, tid: Tid) {
        if let Some(thread) = self.threads.get_mut(&tid)
            && let Some(mask) = thread.saved_mask.take()
        {
            thread.sigmask = mask;
            self.publisher.signals(tid);
        }
    }

    fn complete(&mut self, tid: Tid, req: u64, call: &PendingCall, result: Result<Ret, Errno>) {
        if let Some(thread) = self.threads.get_mut(&tid) {
            count_io(&mut thread.io, call.nr, &result);
        }
        self.answer_call(tid, req, call.span, result);
    }

    /// Tells the program, and the trace, what came of a call.
    pub(crate) fn answer_call(
        &mut self,
        tid: Tid,
        req: u64,
        span: Option<SpanId>,
        result: Result<Ret, Errno>,
    ) {
        self.publish();
        if let Some(span) = span {
            self.exit_span(span, || match &result {
                Ok(Ret::None) => Outcome::Ok,
                Ok(ret) => match number(ret) {
                    Some(value) => Outcome::Int(value),
                    None => Outcome::Ret(Box::new(clip_ret(ret))),
                },
                Err(errno) => Outcome::Errno(*errno),
            });
        }
        self.current = None;
        let Some(thread) = self.threads.get_mut(&tid) else {
            return;
        };
        match &mut thread.exec {
            Exec::Elf(cpu) => {
                cpu.gpr[reg::RAX] = match result {
                    Ok(ret) => number(&ret).unwrap_or(0) as u64,
                    Err(errno) => -i64::from(errno.raw()) as u64,
                };
                if thread.run != Run::Dead && thread.run != Run::Stopped {
                    self.make_running(tid);
                }
            }
            Exec::Builtin(program) => {
                program.reply(req, Reply::Done(result));
                self.make_ready(tid);
            }
            Exec::None => {}
        }
    }

    /// A thread whose call is done goes on within its turn, without queueing.
    fn make_running(&mut self, tid: Tid) {
        if let Some(thread) = self.threads.get_mut(&tid)
            && matches!(thread.run, Run::Blocked(_))
        {
            self.make_ready(tid);
        }
    }

    /// Opens the call's span on the first try.
    fn open_span(&mut self, cx: &mut CallCx, args: impl FnOnce() -> Args) {
        if cx.span.is_some() {
            return;
        }
        let tgid = self.tgid_of(cx.tid);
        let name = nr::name(cx.nr).unwrap_or("unknown");
        let span = self.enter_span(tgid, cx.parent, None, Layer::Syscall, name, args);
        cx.span = Some(span);
        self.current = Some(span);
    }

    fn raw(&mut self, cx: &mut CallCx, number: u32, args: [u64; 6]) -> SysResult {
        let Some(row) = table::row(number) else {
            self.open_span(cx, || Args::Raw(number, args));
            let name = nr::name(number).unwrap_or("unknown");
            self.note("unsupported-call", || {
                vec![Value::Int(i64::from(number)), Value::Text(name.into())]
            });
            return Err(Errno::ENOSYS.into());
        };
        if !row.typed {
            self.open_span(cx, || Args::Raw(number, args));
        }
        let result = (row.handler)(self, cx, args);
        // What no typed call was made of is told as it came; a call that its caller does not outlive is told already.
        if !matches!(result, Err(Fail::Keep)) {
            self.open_span(cx, || Args::Raw(number, args));
        }
        result
    }

    /// Makes a typed call: the one way to every effect.
    pub(crate) fn call(&mut self, cx: &mut CallCx, call: &Call) -> SysResult {
        self.open_call(cx, call);
        self.typed(cx, call)
    }

    /// Opens a typed call's span on the first try.
    fn open_call(&mut self, cx: &mut CallCx, call: &Call) {
        if cx.span.is_none() {
            let tgid = self.tgid_of(cx.tid);
            let name = nr::name(cx.nr).unwrap_or("unknown");
            let (time, told) = (self.time, clip_call(call));
            let span = self.tracer.enter_call(time, tgid.0, cx.parent, name, &told);
            cx.span = Some(span);
            self.current = Some(span);
        }
    }

    /// Opens the span of a call that is not made.
    pub(crate) fn open_refused(
        &mut self,
        tid: Tid,
        call: &PendingCall,
        data: &Data,
    ) -> Option<SpanId> {
        let mut cx = CallCx {
            tid,
            nr: call.nr,
            span: None,
            parent: call.parent,
            state: CallState::default(),
        };
        match &call.op {
            Op::Typed(call) => self.open_call(&mut cx, call),
            _ => self.open_span(&mut cx, || Args::Raw(data.number, data.args)),
        }
        cx.span
    }

    /// Waits until something that depends on a child changes.
    pub(crate) fn wait_child(&self, tid: Tid) -> Fail {
        Fail::wait("wait", WaitKey::Child(self.tgid_of(tid)))
    }
}

/// Counts what a call read or wrote (`add_rchar` and its relatives).
fn count_io(io: &mut crate::process::Io, number: u32, result: &Result<Ret, Errno>) {
    let bytes = match result {
        Ok(Ret::Bytes(bytes)) => bytes.len() as u64,
        Ok(Ret::Int(count)) => count.unsigned_abs(),
        // A file that cannot be spliced from was asked all the same.
        Err(Errno::EINVAL) if number == nr::sendfile => 0,
        Ok(_) | Err(Errno::EBADF | Errno::EFAULT | Errno::EINVAL | Errno::ESPIPE) => return,
        Err(_) => 0,
    };
    match number {
        nr::read | nr::pread64 | nr::readv | nr::preadv | nr::preadv2 => io.read(bytes),
        nr::write | nr::pwrite64 | nr::writev | nr::pwritev | nr::pwritev2 => io.wrote(bytes),
        nr::sendfile | nr::copy_file_range => {
            io.read(bytes);
            io.wrote(bytes);
        }
        _ => {}
    }
}

/// The register value of a result that has one.
pub(crate) fn number(ret: &Ret) -> Option<i64> {
    match ret {
        Ret::None => Some(0),
        Ret::Int(value) => Some(*value),
        Ret::Fd(fd) => Some(i64::from(fd.0)),
        Ret::Pid(pid) => Some(i64::from(pid.0)),
        _ => None,
    }
}

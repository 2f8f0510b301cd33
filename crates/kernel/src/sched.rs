//! The scheduler: whose turn it is, timers, and the machine's main loop.

use crate::Kernel;
use crate::config::{INSTRUCTION_NS, QUANTUM};
use crate::ids::{ObjId, Tid};
use crate::input::Input;
use crate::process::{Exec, Run};
use crate::signal::{SigInfo, Trap, code};
use glassdock_abi::types::signal as sig;
use glassdock_cpu::{Access, Exit, Fault, FaultCause};
use std::collections::{BTreeMap, VecDeque};

/// Threads that can run, in the order of their turns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ready {
    queue: VecDeque<Tid>,
    last: Option<Tid>,
}

impl Ready {
    /// Who queues, in order.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = Tid> {
        self.queue.iter().copied()
    }
}

/// What happens at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Timer {
    /// A waiting call's time is up.
    Call(Tid, u64),
    /// `ITIMER_REAL` and `alarm`.
    Itimer(Tid),
    /// A timerfd.
    Descriptor(ObjId),
    /// The end of a period of a control group's quota, by the group's number.
    Period(u64),
}

/// Timers by time and order of arming.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timers {
    map: BTreeMap<(u64, u64), Timer>,
    sequence: u64,
    /// The armed interval timer of a process.
    itimers: BTreeMap<Tid, TimerKey>,
}

/// The name of an armed timer.
pub(crate) type TimerKey = (u64, u64);

impl Timers {
    /// Arms a timer; one at the end of time (`KTIME_MAX`) never goes off.
    pub(crate) fn arm(&mut self, time: u64, timer: Timer) -> TimerKey {
        self.sequence += 1;
        let key = (time, self.sequence);
        if time < i64::MAX as u64 {
            self.map.insert(key, timer);
            if let Timer::Itimer(tgid) = timer {
                self.itimers.insert(tgid, key);
            }
        }
        key
    }
    pub(crate) fn cancel(&mut self, key: TimerKey) {
        self.map.remove(&key);
    }
    /// Disarms a process's interval timer.
    pub(crate) fn cancel_itimer(&mut self, tgid: Tid) {
        if let Some(key) = self.itimers.remove(&tgid) {
            self.map.remove(&key);
        }
    }
    fn next(&self) -> Option<u64> {
        self.map.keys().next().map(|key| key.0)
    }
    fn due(&mut self, now: u64) -> Option<Timer> {
        let key = *self.map.keys().next()?;
        if key.0 > now {
            return None;
        }
        let timer = self.map.remove(&key)?;
        if let Timer::Itimer(tgid) = timer {
            self.itimers.remove(&tgid);
        }
        Some(timer)
    }
}

/// How far [`Kernel::run`] goes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Virtual time to run for, as a number of instructions: the slice ends at the first instruction or call after it.
    /// Where slices end changes nothing but the moments at which [`Kernel::input`] can be called.
    pub instructions: u64,
    /// When all wait, jump to the next timer if it is not after this time in virtual nanoseconds; `None` stops instead.
    pub idle_until: Option<u64>,
}

impl Limits {
    /// One slice, without jumping over idle time.
    pub const fn slice(instructions: u64) -> Limits {
        Limits {
            instructions,
            idle_until: None,
        }
    }
    /// One slice that jumps over any idle time: for machines that nobody watches.
    pub const fn jumping(instructions: u64) -> Limits {
        Limits {
            instructions,
            idle_until: Some(u64::MAX),
        }
    }
}

/// How [`Kernel::run`] ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RunState {
    /// Everybody waits: for the timer at this virtual time, or for input alone.
    Idle(Option<u64>),
    /// There is more to run.
    Busy,
    /// The machine was switched off, or its first process ended.
    Halted,
}

/// What is left of a turn that the end of a slice cut. It goes on first in the next slice, as if it had not been cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Turn {
    tid: Tid,
    /// Instructions.
    left: u64,
    /// When the quota of its control group is used up.
    until: u64,
}

impl Kernel {
    /// Runs a slice.
    pub fn run(&mut self, limits: Limits) -> RunState {
        let end = self
            .time
            .saturating_add(limits.instructions.saturating_mul(INSTRUCTION_NS));
        let mut idled = 0;
        loop {
            if self.halted {
                return RunState::Halted;
            }
            // Timers are looked at between turns, and what else the kernel does by itself.
            if self.cut_turn.is_none() {
                self.sample_load();
                self.fire_timers();
                self.collect_sockets();
                self.publish();
            }
            let end = end.saturating_add(idled);
            if self.time >= end {
                self.publish();
                return RunState::Busy;
            }
            let Some(turn) = self.next_turn() else {
                self.publish();
                match (self.timers.next(), limits.idle_until) {
                    (Some(next), Some(until)) if next <= until => {
                        let jump = next.saturating_sub(self.time);
                        self.input(Input::Advance(next));
                        idled += jump;
                        continue;
                    }
                    (next, _) => return RunState::Idle(next),
                }
            };
            self.run_counted(turn, end);
            self.publish();
        }
    }

    /// A turn, counted for the thread's control group, whose memory it takes.
    fn run_counted(&mut self, turn: Turn, end: u64) {
        self.let_pay(turn.tid);
        let group = self.process_of(turn.tid).map(|it| it.cgroup.clone());
        let (time, before) = (self.time, self.counters);
        self.run_turn(turn, end);
        if let Some(group) = group {
            let user = (self.counters.instructions - before.instructions) * INSTRUCTION_NS;
            let system = (self.time - time).saturating_sub(user);
            let faults = self.counters.page_faults - before.page_faults;
            self.charge_turn(&group, user, system, faults);
        }
    }

    /// How many threads wait for their turn.
    pub(crate) fn waiting_turns(&self) -> u64 {
        let queue = self.ready.queue.iter();
        queue.filter(|tid| self.may_have_turn(**tid)).count() as u64
    }

    /// Whether nobody can run.
    pub(crate) fn is_idle(&self) -> bool {
        self.cut_turn.is_none() && self.waiting_turns() == 0
    }

    fn next_turn(&mut self) -> Option<Turn> {
        if let Some(turn) = self.cut_turn.take() {
            return Some(turn);
        }
        let tid = self.take_next()?;
        if let Some(thread) = self.threads.get_mut(&tid) {
            thread.queued = false;
        }
        if self.ready.last != Some(tid) {
            self.ready.last = Some(tid);
            self.counters.switches += 1;
        }
        Some(Turn {
            tid,
            left: QUANTUM,
            until: self.quota_end(tid),
        })
    }

    fn take_next(&mut self) -> Option<Tid> {
        if !self.cgroups.rules() {
            return self.ready.queue.pop_front();
        }
        let at = self.choose_by_groups()?;
        self.ready.queue.remove(at)
    }

    fn fire_timers(&mut self) {
        while let Some(timer) = self.timers.due(self.time) {
            match timer {
                Timer::Call(tid, req) => self.retry_call(tid, req),
                Timer::Itimer(tgid) => self.itimer_due(tgid),
                Timer::Descriptor(id) => self.timerfd_due(id),
                Timer::Period(group) => self.period_due(group),
            }
        }
    }

    /// Puts a thread into the queue.
    pub(crate) fn make_ready(&mut self, tid: Tid) {
        let Some(thread) = self.threads.get_mut(&tid) else {
            return;
        };
        if thread.run == Run::Dead {
            return;
        }
        if thread.run != Run::Ready {
            thread.run = Run::Ready;
            self.publisher.state(tid);
        }
        if !thread.queued {
            thread.queued = true;
            self.ready.queue.push_back(tid);
        }
    }

    /// One turn of a thread, until virtual time `end` at most.
    fn run_turn(&mut self, turn: Turn, end: u64) {
        let tid = turn.tid;
        let running = |kernel: &Kernel| {
            kernel
                .threads
                .get(&tid)
                .is_some_and(|thread| thread.run == Run::Ready)
        };
        if !running(self) {
            return;
        }
        if !self.ending(tid) {
            self.finish_wait(tid);
        }
        if !running(self) || !self.deliver_signals(tid) {
            return;
        }
        match self.threads.get(&tid).map(|thread| &thread.exec) {
            Some(Exec::Elf(_)) => self.run_elf(turn, end),
            Some(Exec::Builtin(_)) => self.run_builtin(tid),
            _ => {}
        }
    }

    fn run_elf(&mut self, turn: Turn, end: u64) {
        let Turn {
            tid,
            mut left,
            until,
        } = turn;
        loop {
            if self.retry_pending(tid) {
                // The call is done, or still waits; either way signals come next.
                match self.threads.get(&tid) {
                    Some(thread) if thread.run == Run::Ready => {}
                    _ => return,
                }
                if !self.deliver_signals(tid) {
                    return;
                }
                if !matches!(self.threads.get(&tid).map(|t| &t.exec), Some(Exec::Elf(_))) {
                    self.make_ready(tid);
                    return;
                }
                continue;
            }
            if left == 0 || self.time >= until || self.is_frozen(tid) {
                self.make_ready(tid);
                return;
            }
            let slice = end
                .min(until)
                .saturating_sub(self.time)
                .div_ceil(INSTRUCTION_NS);
            if slice == 0 {
                self.cut_turn = Some(Turn { tid, left, until });
                return;
            }
            let Some((exit, retired)) = self.run_cpu(tid, left.min(slice)) else {
                return;
            };
            left -= retired.min(left);
            match exit {
                Exit::Budget => continue,
                Exit::Syscall => self.enter_syscall(tid),
                other => self.trap(tid, other),
            }
            match self.threads.get(&tid) {
                Some(thread) if thread.run == Run::Ready => {}
                _ => return,
            }
            let yields = self.yielded.take() == Some(tid);
            if yields {
                self.make_ready(tid);
                return;
            }
            let signalled = !self.deliverable(tid).is_empty() || self.ending(tid);
            if signalled && !self.deliver_signals(tid) {
                return;
            }
            if !matches!(self.threads.get(&tid).map(|t| &t.exec), Some(Exec::Elf(_))) {
                self.make_ready(tid);
                return;
            }
        }
    }

    fn ending(&self, tid: Tid) -> bool {
        self.process_of(tid)
            .is_none_or(|process| process.exiting.is_some() || process.stopped.is_some())
    }

    fn run_cpu(&mut self, tid: Tid, budget: u64) -> Option<(Exit, u64)> {
        let thread = self.threads.get_mut(&tid)?;
        let Exec::Elf(cpu) = &mut thread.exec else {
            return None;
        };
        let mm = self.mms.get_mut(thread.mm?)?;
        let run = cpu.run(&mut mm.space, &mut self.frames, budget);
        let spent = run.retired * INSTRUCTION_NS;
        thread.utime += spent;
        self.time += spent;
        self.counters.instructions += run.retired;
        self.counters.repeats += run.repeats;
        Some((run.exit, run.retired))
    }

    /// An instruction that could not be done.
    fn trap(&mut self, tid: Tid, exit: Exit) {
        let rip = match self.threads.get(&tid).map(|thread| &thread.exec) {
            Some(Exec::Elf(cpu)) => cpu.rip,
            _ => return,
        };
        let mut trap = Trap::default();
        let info = match exit {
            Exit::PageFault(fault) => match self.page_fault(tid, fault) {
                // A stack may have grown.
                None => return self.publish(),
                Some(info) => {
                    trap = Trap {
                        number: 14,
                        error: fault_error(&fault),
                        cr2: fault.addr,
                    };
                    info
                }
            },
            Exit::InvalidOpcode => {
                trap.number = 6;
                SigInfo::fault(sig::ILL, code::ILL_ILLOPN, rip)
            }
            Exit::DivideError => SigInfo::fault(sig::FPE, code::FPE_INTDIV, rip),
            Exit::GeneralProtection => {
                trap.number = 13;
                SigInfo::kernel(sig::SEGV)
            }
            Exit::StackFault => {
                trap.number = 12;
                SigInfo::kernel(sig::BUS)
            }
            Exit::Breakpoint => {
                trap.number = 3;
                SigInfo::kernel(sig::TRAP)
            }
            Exit::DebugTrap => {
                trap.number = 1;
                SigInfo::fault(sig::TRAP, code::TRAP_TRACE, rip)
            }
            Exit::SimdException { raised } => {
                trap.number = 19;
                SigInfo::fault(sig::FPE, float_code(raised), rip)
            }
            Exit::X87Exception { raised } => {
                trap.number = 16;
                SigInfo::fault(sig::FPE, float_code(raised), rip)
            }
            Exit::AlignmentCheck => {
                trap.number = 17;
                SigInfo::fault(sig::BUS, code::BUS_ADRALN, 0)
            }
            Exit::Syscall | Exit::Budget => return,
        };
        self.traps.insert(tid, trap);
        self.force_signal(tid, info);
        self.make_ready(tid);
    }
}

/// The end of what programs can address (`TASK_SIZE_MAX`).
const USER_END: u64 = (1 << 47) - 4096;

/// The page fault's error code, as the processor pushes it.
fn fault_error(fault: &Fault) -> u64 {
    // Addresses of the kernel look mapped to programs.
    let present = u64::from(fault.cause == FaultCause::Protection || fault.addr >= USER_END);
    let write = u64::from(fault.access == Access::Write) << 1;
    let fetch = u64::from(fault.access == Access::Exec) << 4;
    present | write | 4 | fetch
}

/// `si_code` of a floating-point exception, as Linux's `fpu__exception_code` ranks them.
fn float_code(raised: u8) -> i32 {
    match raised {
        bits if bits & 1 != 0 => 7,
        bits if bits & 4 != 0 => 3,
        bits if bits & 8 != 0 => 4,
        bits if bits & (16 | 2) != 0 => 5,
        bits if bits & 32 != 0 => 6,
        _ => 0,
    }
}

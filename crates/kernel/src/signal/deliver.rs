//! Delivering signals: what happens before a thread goes on.

use super::*;
use crate::Kernel;
use crate::ids::Tid;
use crate::process::{Exec, Run};
use crate::syscall::Restart;
use crate::wait::WaitKey;
use glassdock_abi::Errno;
use glassdock_abi::types::WaitStatus;

/// `futex`; with a time limit it is not made again.
const FUTEX: u32 = 202;

/// The signal of a set that goes first: one sent to the thread itself before one sent to its process, of those one that
/// an instruction raised, else the lowest (`dequeue_signal`).
fn first_of(own: SigSet, set: SigSet) -> Option<u8> {
    let first = |set: SigSet| SigSet(set.0 & SYNCHRONOUS.0).first().or(set.first());
    first(SigSet(own.0 & set.0)).or(first(set.without(own)))
}

impl Kernel {
    /// Delivers what is pending, and tells what that changed. Returns whether the thread may go on.
    pub(crate) fn deliver_signals(&mut self, tid: Tid) -> bool {
        let goes_on = self.deliver_all(tid);
        self.publish();
        goes_on
    }

    fn deliver_all(&mut self, tid: Tid) -> bool {
        loop {
            let Some(thread) = self.threads.get(&tid) else {
                return false;
            };
            if thread.run == Run::Dead {
                return false;
            }
            let tgid = thread.tgid;
            if let Some(process) = self.processes.get(&tgid) {
                if process.exiting.is_some() {
                    self.end_thread(tid);
                    return false;
                }
                if process.stopped.is_some() && !self.deliverable(tid).has(sig::KILL) {
                    self.stop_thread(tid);
                    return false;
                }
            }
            if !self.minds_signals(tid) {
                return true;
            }
            let Some(info) = self.next_signal(tid) else {
                return true;
            };
            if !self.act_on(tid, tgid, info) {
                return false;
            }
        }
    }

    /// Whether it is to do something about signals before anything else.
    pub(crate) fn minds_signals(&self, tid: Tid) -> bool {
        let deliverable = self.deliverable(tid);
        let call = self
            .threads
            .get(&tid)
            .and_then(|thread| thread.calls.get(&0));
        let killable = call.is_some_and(|call| call.restart == Restart::Killable);
        deliverable.has(sig::KILL) || !killable && !deliverable.is_empty()
    }

    fn next_signal(&mut self, tid: Tid) -> Option<SigInfo> {
        let set = self.deliverable(tid);
        if set.is_empty() {
            return None;
        }
        let own = self.threads.get(&tid)?.pending.set;
        let fatal = SigSet(set.0 & SigSet::of(sig::KILL).0).first();
        self.take_signal(tid, fatal.or(first_of(own, set))?, own)
    }

    fn take_signal(&mut self, tid: Tid, signal: u8, own: SigSet) -> Option<SigInfo> {
        let tgid = self.threads.get(&tid)?.tgid;
        self.publisher
            .signals(if own.has(signal) { tid } else { tgid });
        if own.has(signal) {
            return self.threads.get_mut(&tid)?.pending.take(signal);
        }
        let taken = self.processes.get_mut(&tgid)?.pending.take(signal);
        if signal == sig::ALRM {
            self.itimer_goes_on(tgid);
        }
        taken
    }

    /// Takes a pending signal of a set, for `sigtimedwait` and signalfds.
    pub(crate) fn dequeue_from(&mut self, tid: Tid, set: SigSet) -> Option<SigInfo> {
        let thread = self.threads.get(&tid)?;
        let own = thread.pending.set;
        let shared = self.processes.get(&thread.tgid)?.pending.set;
        let signal = first_of(own, SigSet(own.with(shared).0 & set.0))?;
        self.take_signal(tid, signal, own)
    }

    /// Does what the signal's action says. Returns whether the thread may go on.
    fn act_on(&mut self, tid: Tid, tgid: Tid, info: SigInfo) -> bool {
        let signal = info.signal;
        let action = self.action(tid, signal);
        if action.handler == SIG_IGN {
            return true;
        }
        if action.handler != SIG_DFL {
            return self.handle(tid, info, action);
        }
        let init = self.is_ns_init(tgid) && !self.processes.get(&tgid).is_some_and(|p| p.killable);
        if init && signal != sig::KILL && signal != sig::STOP {
            return true;
        }
        match default_action(signal) {
            Default_::Ignore | Default_::Continue => true,
            Default_::Stop => {
                let orphaned = self
                    .processes
                    .get(&tgid)
                    .is_some_and(|process| self.is_orphaned_group(process.pgid, None));
                if signal != sig::STOP && orphaned {
                    return true;
                }
                self.stop_process(tgid, signal);
                false
            }
            Default_::Terminate => {
                self.exit_process(tgid, WaitStatus::Killed(signal, false));
                self.end_thread(tid);
                false
            }
            Default_::Core => {
                let dumps = self.dumps_core(tgid);
                self.exit_process(tgid, WaitStatus::Killed(signal, dumps));
                self.end_thread(tid);
                false
            }
        }
    }

    /// Whether a process that ends in a way that dumps core has one to dump.
    pub(crate) fn dumps_core(&self, tgid: Tid) -> bool {
        self.processes.get(&tgid).is_some_and(|process| {
            process.dumpable && process.rlimits[crate::process::rlimit::CORE].cur > 0
        })
    }

    fn handle(&mut self, tid: Tid, info: SigInfo, action: SigAction) -> bool {
        let signal = info.signal;
        self.interrupt_call(tid, action.flags & sa::RESTART != 0);
        let tgid = self.tgid_of(tid);
        if action.flags & sa::RESETHAND != 0 {
            self.forget_handler(tgid, signal);
        }
        if self.push_frame(tid, &info, &action) {
            if let Some(thread) = self.threads.get_mut(&tid) {
                let mut mask = thread.sigmask.with(action.mask);
                if action.flags & sa::NODEFER == 0 {
                    mask = mask.with(SigSet::of(signal));
                }
                thread.sigmask = mask.without(SigSet::UNBLOCKABLE);
            }
            self.publisher.signals(tid);
            return true;
        }
        let segv = SigInfo::kernel(sig::SEGV);
        if signal == sig::SEGV {
            self.forget_handler(tgid, signal);
        }
        self.force_signal(tid, segv);
        true
    }

    /// A handler is about to run: the waiting call, if any, ends or is set up to be made again.
    fn interrupt_call(&mut self, tid: Tid, restart: bool) {
        let Some(thread) = self.threads.get_mut(&tid) else {
            return;
        };
        if !matches!(thread.exec, Exec::Elf(_)) {
            return;
        }
        let Some(call) = thread.calls.get(&0) else {
            return;
        };
        let partial = call.state.partial();
        let again = match call.restart {
            // The second is not asked: such a wait is over before signals are delivered.
            Restart::Always | Restart::Killable => true,
            Restart::WithFlag if call.nr == FUTEX && call.state.deadline.is_some() => false,
            Restart::WithFlag => restart,
            Restart::Never | Restart::WithoutHandler => false,
        };
        if let Some(partial) = partial {
            self.finish_call(tid, 0, Ok(partial));
        } else if again {
            self.rewind_call(tid);
        } else {
            let errno = self.tell_time_left(tid).err().unwrap_or(Errno::EINTR);
            self.finish_call(tid, 0, Err(errno));
        }
    }

    fn stop_thread(&mut self, tid: Tid) {
        if let Some(thread) = self.threads.get_mut(&tid)
            && thread.run != Run::Dead
        {
            thread.run = Run::Stopped;
            self.dirty_state(tid);
        }
    }

    /// Stops all threads of a process.
    pub(crate) fn stop_process(&mut self, tgid: Tid, signal: u8) {
        let Some(process) = self.processes.get_mut(&tgid) else {
            return;
        };
        process.stopped = Some(signal);
        process.report = Some(crate::process::JobReport::Stopped(signal));
        for tid in process.threads.clone() {
            let call = self
                .threads
                .get(&tid)
                .and_then(|thread| thread.calls.get(&0));
            // Such a call ends even where no handler runs.
            if call.is_some_and(|call| call.restart == Restart::Never) {
                self.finish_call(tid, 0, Err(Errno::EINTR));
            }
            self.stop_thread(tid);
        }
        self.notify_parent_of_job(tgid, code::CLD_STOPPED, i32::from(signal));
    }

    /// Begins the end of a process: every thread ends when it next would run.
    pub(crate) fn exit_process(&mut self, tgid: Tid, status: WaitStatus) {
        let Some(process) = self.processes.get_mut(&tgid) else {
            return;
        };
        if process.exiting.is_none() {
            process.exiting = Some(status);
        }
        process.stopped = None;
        for tid in process.threads.clone() {
            if self.threads.get(&tid).is_some_and(|t| t.run != Run::Dead) {
                self.make_ready(tid);
            }
        }
        self.wake(WaitKey::Threads(tgid));
    }
}

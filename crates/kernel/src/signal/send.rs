//! Sending signals.

use super::*;
use crate::Kernel;
use crate::ids::Tid;
use crate::process::{JobReport, Run};
use crate::wait::WaitKey;

impl Kernel {
    /// `siginfo` of a signal from one process to another.
    pub(crate) fn user_info(&self, from: Tid, to: Tid, signal: u8, si_code: i32) -> SigInfo {
        let ns = self.pid_ns_of(to);
        let pid = self.pid_in(ns, self.tgid_of(from)).unwrap_or(0);
        let uid = self.threads.get(&from).map_or(0, |thread| thread.cred.ruid);
        let uid = self
            .cred_of_process(self.tgid_of(to))
            .map_or(uid, |cred| cred.uid_inside(uid));
        SigInfo {
            signal,
            code: si_code,
            body: SigBody::User { pid, uid, value: 0 },
        }
    }

    /// Whether a process is the first one of its pid namespace.
    pub(crate) fn is_ns_init(&self, tgid: Tid) -> bool {
        self.ns_init(self.pid_ns_of(tgid)) == Some(tgid)
    }

    /// Sends to a process. `from_ancestor`: the sender is outside the receiver's pid namespace, or the kernel.
    pub(crate) fn signal_process(&mut self, tgid: Tid, info: SigInfo, from_ancestor: bool) {
        let target = match self.processes.get(&tgid) {
            Some(process) if process.alive() => process.threads.iter().copied().find(|tid| {
                self.threads.get(tid).is_some_and(|thread| {
                    thread.run != Run::Dead && !thread.sigmask.has(info.signal)
                })
            }),
            _ => return,
        };
        let Some(first) = self
            .processes
            .get(&tgid)
            .and_then(|p| p.threads.first().copied())
        else {
            return;
        };
        self.queue_signal(target.unwrap_or(first), info, true, from_ancestor);
    }

    /// Sends to one thread.
    pub(crate) fn signal_thread(&mut self, tid: Tid, info: SigInfo) {
        self.queue_signal(tid, info, false, false);
    }

    /// Raises a signal that the thread cannot ignore or block: the result of its own instruction.
    pub(crate) fn force_signal(&mut self, tid: Tid, info: SigInfo) {
        let signal = info.signal;
        let Some(thread) = self.threads.get_mut(&tid) else {
            return;
        };
        let blocked = thread.sigmask.has(signal);
        let tgid = thread.tgid;
        thread.sigmask = thread.sigmask.without(SigSet::of(signal));
        let action = self.action(tid, signal);
        if blocked || action.handler == SIG_IGN || action.handler == SIG_DFL {
            self.forget_handler(tgid, signal);
            if let Some(process) = self.processes.get_mut(&tgid) {
                process.killable = true;
            }
        }
        if let Some(thread) = self.threads.get_mut(&tid) {
            thread.pending.push(info);
        }
        self.publisher.signals(tid);
        self.signal_wake(tid);
    }

    pub(crate) fn action(&self, tid: Tid, signal: u8) -> SigAction {
        self.process_of(tid)
            .and_then(|process| self.sighands.get(process.sighand))
            .map(|hand| hand.action(signal))
            .unwrap_or_default()
    }

    /// Whether the process never sees the signal, so that nothing is queued.
    fn ignored(&self, tid: Tid, signal: u8, from_ancestor: bool) -> bool {
        let Some(thread) = self.threads.get(&tid) else {
            return true;
        };
        if thread.sigmask.has(signal) || thread.saved_mask.is_some_and(|mask| mask.has(signal)) {
            return false;
        }
        let action = self.action(tid, signal);
        let unkillable = self.is_ns_init(thread.tgid)
            && !self.process_of(tid).is_some_and(|process| process.killable);
        if unkillable && action.handler == SIG_DFL {
            let kernel_only = signal == sig::KILL || signal == sig::STOP;
            if !(from_ancestor && kernel_only) {
                return true;
            }
        }
        match action.handler {
            SIG_IGN => true,
            SIG_DFL => matches!(
                default_action(signal),
                Default_::Ignore | Default_::Continue
            ),
            _ => false,
        }
    }

    fn queue_signal(&mut self, tid: Tid, info: SigInfo, shared: bool, from_ancestor: bool) {
        let signal = info.signal;
        let Some(tgid) = self.threads.get(&tid).map(|thread| thread.tgid) else {
            return;
        };
        self.prepare(tgid, signal);
        if self.ignored(tid, signal, from_ancestor) {
            return;
        }
        let queued = if shared {
            self.processes
                .get_mut(&tgid)
                .is_some_and(|process| process.pending.push(info))
        } else {
            self.threads
                .get_mut(&tid)
                .is_some_and(|thread| thread.pending.push(info))
        };
        self.publisher.signals(if shared { tgid } else { tid });
        let threads = self
            .processes
            .get(&tgid)
            .map(|process| process.threads.clone())
            .unwrap_or_default();
        if signal == sig::KILL {
            for tid in threads {
                self.kill_wake(tid);
            }
            return;
        }
        if queued {
            for tid in threads {
                self.wake(WaitKey::Signal(tid));
            }
        }
        self.signal_wake(tid);
    }

    /// `SIGCONT` cancels pending stops and continues; a stop cancels a pending `SIGCONT`.
    fn prepare(&mut self, tgid: Tid, signal: u8) {
        let flush = if signal == sig::CONT {
            STOPS
        } else if STOPS.has(signal) {
            SigSet::of(sig::CONT)
        } else {
            return;
        };
        let Some(process) = self.processes.get_mut(&tgid) else {
            return;
        };
        process.pending.flush(flush);
        for tid in process.threads.clone() {
            if let Some(thread) = self.threads.get_mut(&tid) {
                thread.pending.flush(flush);
                self.publisher.signals(tid);
            }
        }
        self.publisher.signals(tgid);
        if signal == sig::CONT {
            self.continue_process(tgid);
        }
    }

    fn continue_process(&mut self, tgid: Tid) {
        let Some(process) = self.processes.get_mut(&tgid) else {
            return;
        };
        if process.stopped.take().is_none() {
            return;
        }
        process.report = Some(JobReport::Continued);
        for tid in process.threads.clone() {
            if self
                .threads
                .get(&tid)
                .is_some_and(|t| t.run == Run::Stopped)
            {
                self.make_ready(tid);
            }
        }
        self.notify_parent_of_job(tgid, code::CLD_CONTINUED, i32::from(sig::CONT));
    }

    /// Tells the parent that a child stopped or went on.
    pub(crate) fn notify_parent_of_job(&mut self, tgid: Tid, si_code: i32, status: i32) {
        let Some(parent) = self.processes.get(&tgid).and_then(|process| process.parent) else {
            return;
        };
        let Some(leader) = self
            .processes
            .get(&parent)
            .and_then(|p| p.threads.first().copied())
        else {
            return;
        };
        let action = self.action(leader, sig::CHLD);
        if action.handler != SIG_IGN && action.flags & sa::NOCLDSTOP == 0 {
            let info = self.child_info(parent, tgid, si_code, status);
            self.signal_process(parent, info, true);
        }
        self.wake(WaitKey::Child(parent));
    }

    /// `siginfo` of `SIGCHLD`.
    pub(crate) fn child_info(&self, parent: Tid, child: Tid, si_code: i32, status: i32) -> SigInfo {
        let ns = self.pid_ns_of(parent);
        let (utime, stime) = self.process_times(child);
        let tick = 1_000_000_000 / crate::config::USER_HZ;
        SigInfo {
            signal: sig::CHLD,
            code: si_code,
            body: SigBody::Child {
                pid: self.pid_in(ns, child).unwrap_or(0),
                uid: self.user_seen(parent, child),
                status,
                utime: utime / tick,
                stime: stime / tick,
            },
        }
    }

    /// Lets a thread look at its signals.
    pub(crate) fn signal_wake(&mut self, tid: Tid) {
        let deliverable = self.deliverable(tid);
        let Some(thread) = self.threads.get(&tid) else {
            return;
        };
        if !deliverable.is_empty() && matches!(thread.run, Run::Blocked(_)) {
            self.make_ready(tid);
        }
    }

    fn kill_wake(&mut self, tid: Tid) {
        if self.threads.get(&tid).is_some_and(|t| t.run != Run::Dead) {
            self.make_ready(tid);
        }
    }

    /// Pending signals that the thread does not block.
    pub(crate) fn deliverable(&self, tid: Tid) -> SigSet {
        let Some(thread) = self.threads.get(&tid) else {
            return SigSet::default();
        };
        let shared = self
            .processes
            .get(&thread.tgid)
            .map_or(SigSet::default(), |process| process.pending.set);
        shared
            .with(thread.pending.set)
            .without(thread.sigmask.without(SigSet::UNBLOCKABLE))
    }

    /// All processes of a process group that are alive.
    pub(crate) fn group_members(&self, pgid: Tid) -> Vec<Tid> {
        self.members(pgid).map(|process| process.tgid).collect()
    }

    /// Sends to every process of a group, as the kernel itself (terminals).
    pub(crate) fn signal_group(&mut self, pgid: Tid, signal: u8) {
        for tgid in self.group_members(pgid) {
            self.signal_process(tgid, SigInfo::kernel(signal), true);
        }
    }

    /// Sends to every process of a group, as from a process, without asking whether it may.
    pub(crate) fn signal_group_from(&mut self, from: Tid, pgid: Tid, signal: u8) {
        for tgid in self.group_members(pgid) {
            let info = self.user_info(from, tgid, signal, code::SI_USER);
            self.signal_process(tgid, info, false);
        }
    }

    /// Whether no member of the group has a parent in another group of the same session (`man 3 tcsetpgrp`).
    pub(crate) fn is_orphaned_group(&self, pgid: Tid, ignoring: Option<Tid>) -> bool {
        !self.members(pgid).any(|process| {
            Some(process.tgid) != ignoring
                && process.alive()
                && process.parent.is_some_and(|parent| {
                    self.processes.get(&parent).is_some_and(|p| {
                        p.pgid != pgid && p.sid == process.sid && Some(p.tgid) != self.init
                    })
                })
        })
    }
}

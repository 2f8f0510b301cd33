//! The freezer: processes of a frozen group, and of all below it, stand where they are (`kernel/cgroup/freezer.c`).
//!
//! A frozen thread is not given a turn. What it waits for goes on: a sleep that ends meanwhile is over when it thaws, and
//! signals wait, but for those that end it without asking.

use super::lineage;
use crate::Kernel;
use crate::ids::Tid;
use crate::signal::{Default_, SIG_DFL, default_action};

impl Kernel {
    /// Whether a group, or one above it, is frozen.
    pub(super) fn is_group_frozen(&self, path: &str) -> bool {
        let frozen = |path| self.cgroups.groups.get(path).is_some_and(|it| it.freeze);
        lineage(path).any(frozen)
    }

    /// Whether a thread stands because its group is frozen.
    pub(crate) fn is_frozen(&self, tid: Tid) -> bool {
        self.cgroups.freezes && self.stands_still(tid)
    }

    #[inline(never)]
    fn stands_still(&self, tid: Tid) -> bool {
        self.process_of(tid).is_some_and(|process| {
            process.stopped.is_none()
                && self.is_group_frozen(&process.cgroup)
                && !self.is_doomed(tid)
        })
    }

    /// Whether a thread is about to end: nothing keeps it from that. As on Linux, a signal that ends a process without a
    /// handler, and without a dump, is as good as `SIGKILL` (`complete_signal`).
    pub(super) fn is_doomed(&self, tid: Tid) -> bool {
        let exiting = self.process_of(tid).is_none_or(|it| it.exiting.is_some());
        let pending = self.deliverable(tid);
        let mut signals = (1..=64).filter(|signal| pending.has(*signal));
        exiting
            || signals.any(|signal| {
                let action = self.action(tid, signal);
                action.handler == SIG_DFL && default_action(signal) == Default_::Terminate
            })
    }

    /// Writes `cgroup.freeze`.
    pub(super) fn freeze_group(&mut self, path: &str, freeze: bool) {
        if let Some(group) = self.cgroups.groups.get_mut(path) {
            group.freeze = freeze;
        }
        self.cgroups.look_for_rules();
        let members: Vec<Tid> = self
            .members_within(path)
            .flat_map(|process| process.threads.clone())
            .collect();
        for tid in members {
            self.publisher.state(tid);
        }
        self.publisher.cgroup(path.to_owned());
    }
}

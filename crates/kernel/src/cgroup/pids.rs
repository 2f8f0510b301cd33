//! The pids controller: how many tasks there may be in a group and below it (`kernel/cgroup/pids.c`).

use super::{above, lineage, values};
use crate::Kernel;
use glassdock_abi::{Errno, Result};

/// Greatest limit (`PIDS_MAX`, less one).
const LIMIT_MAX: u64 = 4 << 20;

/// The limit of a group, and what came of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Pids {
    pub(super) max: Option<u64>,
    pub(super) peak: u64,
    /// Forks that this limit, or one below, forbade.
    pub(super) events: u64,
    /// Of them, those that this limit forbade.
    pub(super) events_local: u64,
}

impl Kernel {
    /// Threads in a group and below it, and processes that nobody has waited for.
    pub(super) fn tasks_within(&self, path: &str) -> u64 {
        let members = self.members_within(path);
        let tasks = members.map(|process| {
            let leader = process.threads.contains(&process.tgid);
            process.threads.len() as u64 + u64::from(!leader)
        });
        tasks.sum()
    }

    /// Whether one more task may come into a group by birth (`pids_can_fork`): `EAGAIN` where a limit forbids it.
    pub(crate) fn check_group_room(&mut self, path: &str) -> Result<()> {
        match self.cgroups.rules {
            true => self.check_room_in_groups(path),
            false => Ok(()),
        }
    }

    #[inline(never)]
    fn check_room_in_groups(&mut self, path: &str) -> Result<()> {
        let over = lineage(path).find(|path| {
            let limit = self.cgroups.groups.get(*path).and_then(|it| it.pids.max);
            limit.is_some_and(|limit| self.tasks_within(path) >= limit)
        });
        let Some(over) = over else {
            return Ok(());
        };
        if let Some(group) = self.cgroups.groups.get_mut(over) {
            group.pids.events_local += 1;
        }
        for path in lineage(over).filter(|path| above(path).is_some()) {
            if let Some(group) = self.cgroups.groups.get_mut(path) {
                group.pids.events += 1;
            }
        }
        Err(Errno::EAGAIN)
    }

    /// Notes how many tasks there are in a group and all above it, now that one came.
    pub(crate) fn note_peak_of_tasks(&mut self, path: &str) {
        if self.cgroups.rules {
            self.note_peaks(path);
        }
    }

    #[inline(never)]
    fn note_peaks(&mut self, path: &str) {
        for path in lineage(path) {
            let tasks = self.tasks_within(path);
            if let Some(group) = self.cgroups.groups.get_mut(path) {
                group.pids.peak = group.pids.peak.max(tasks);
            }
        }
    }
}

/// What is written to `pids.max`.
pub(super) fn limit(text: &str) -> Result<Option<u64>> {
    if text == "max" {
        return Ok(None);
    }
    let limit = values::unsigned(text)?;
    match limit <= LIMIT_MAX {
        true => Ok(Some(limit)),
        false => Err(Errno::EINVAL),
    }
}

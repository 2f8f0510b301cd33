//! Who belongs together, and how many there are: process groups and sessions, and the limits on tasks.

use crate::Kernel;
use crate::ids::Tid;
use crate::process::{Process, rlimit};
use glassdock_abi::{Errno, Result};
use glassdock_cpu::{AccountId, PAGE_SIZE};
use std::collections::BTreeMap;

/// Bytes of a thread's kernel stack (`THREAD_SIZE` of x86-64).
pub(crate) const THREAD_SIZE: u64 = 16 << 10;
/// Pages of it.
const STACK_PAGES: u32 = (THREAD_SIZE / PAGE_SIZE) as u32;
/// Fewest and most threads that a machine can be told to allow (`MIN_THREADS`, `MAX_THREADS`).
const THREADS: std::ops::RangeInclusive<u32> = 20..=0x3fff_ffff;

/// Threads, and processes that nobody has waited for: how many there are and may be.
#[derive(Clone, Debug)]
pub(crate) struct Tasks {
    count: u32,
    /// By the real user id.
    by_user: BTreeMap<u32, u32>,
    /// Most there may be at a time (`/proc/sys/kernel/threads-max`).
    pub(crate) max: u32,
}

impl Tasks {
    /// For a machine with so many bytes of memory: kernel stacks may take an eighth of it (`set_max_threads`).
    pub(crate) fn new(memory: u64) -> Tasks {
        let most = u32::try_from(memory / (THREAD_SIZE * 8)).unwrap_or(u32::MAX);
        Tasks {
            count: 0,
            by_user: BTreeMap::new(),
            max: most.clamp(*THREADS.start(), *THREADS.end()),
        }
    }

    /// What is written to `threads-max`; `EINVAL` outside its range.
    pub(crate) fn set_max(&mut self, text: &str) -> Result<()> {
        let value = text.trim().parse().map_err(|_| Errno::EINVAL)?;
        if !THREADS.contains(&value) {
            return Err(Errno::EINVAL);
        }
        self.max = value;
        Ok(())
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.count.into()
    }

    fn of(&self, user: u32) -> u32 {
        self.by_user.get(&user).copied().unwrap_or(0)
    }

    fn leave(&mut self, user: u32) {
        if let Some(count) = self.by_user.get_mut(&user) {
            *count -= 1;
            if *count == 0 {
                self.by_user.remove(&user);
            }
        }
    }

    /// A task changes its real user id.
    pub(crate) fn change_user(&mut self, old: u32, new: u32) {
        if old != new {
            self.leave(old);
            *self.by_user.entry(new).or_default() += 1;
        }
    }
}

impl Kernel {
    /// `EAGAIN` where there are as many tasks as there may be: of the user, or at all (`copy_process`).
    pub(super) fn check_room_for_task(&self, tid: Tid) -> Result<()> {
        let cred = &self.threads.get(&tid).ok_or(Errno::ESRCH)?.cred;
        let limit = self
            .process_of(tid)
            .map_or(u64::MAX, |process| process.rlimits[rlimit::NPROC].cur);
        let exempt = cred.ruid == 0
            || cred.has_on_machine(crate::cred::cap::SYS_RESOURCE)
            || cred.has_on_machine(crate::cred::cap::SYS_ADMIN);
        let users = u64::from(self.tasks.of(cred.ruid)) >= limit && !exempt;
        if users || self.tasks.count >= self.tasks.max {
            return Err(Errno::EAGAIN);
        }
        Ok(())
    }

    pub(super) fn task_born(&mut self, tid: Tid) {
        let user = self.threads.get(&tid).map_or(0, |thread| thread.cred.ruid);
        self.tasks.count += 1;
        *self.tasks.by_user.entry(user).or_default() += 1;
        self.count_memory();
    }

    /// The group of a new thread pays for its kernel stack.
    pub(super) fn charge_stack(&mut self, tid: Tid) {
        let payer = self.account_of(tid);
        self.frames.charge(payer, STACK_PAGES);
        if let Some(thread) = self.threads.get_mut(&tid) {
            thread.stack_payer = payer;
        }
    }

    /// The kernel stack of a thread that ended is given back.
    pub(super) fn uncharge_stack(&mut self, payer: AccountId) {
        self.frames.uncharge(payer, STACK_PAGES);
    }

    /// A task is forgotten: a process once it was waited for, another thread when it ends (`release_task`).
    pub(super) fn task_gone(&mut self, user: u32) {
        self.tasks.count = self.tasks.count.saturating_sub(1);
        self.tasks.leave(user);
        self.count_memory();
    }

    /// Processes of a group, zombies included, in order of their numbers.
    pub(crate) fn members(&self, pgid: Tid) -> impl Iterator<Item = &Process> {
        let members = self.pids.get(&pgid).map(|entry| &entry.group);
        members
            .into_iter()
            .flatten()
            .filter_map(|tgid| self.processes.get(tgid))
    }

    /// Adds a process to a group and a session.
    pub(crate) fn enter_group(&mut self, tgid: Tid, pgid: Tid, sid: Tid) {
        if let Some(entry) = self.pids.get_mut(&pgid) {
            entry.group.insert(tgid);
        }
        if let Some(entry) = self.pids.get_mut(&sid) {
            entry.session.insert(tgid);
        }
    }

    /// Takes a process out of a group and a session, whose numbers become free with the last member.
    pub(crate) fn leave_group(&mut self, tgid: Tid, pgid: Tid, sid: Tid) {
        if let Some(entry) = self.pids.get_mut(&pgid) {
            entry.group.remove(&tgid);
        }
        if let Some(entry) = self.pids.get_mut(&sid) {
            entry.session.remove(&tgid);
        }
        self.free_pid(pgid);
        self.free_pid(sid);
    }

    /// Moves a process to another group of its session.
    pub(crate) fn move_group(&mut self, tgid: Tid, old: Tid, new: Tid) {
        if let Some(entry) = self.pids.get_mut(&old) {
            entry.group.remove(&tgid);
        }
        if let Some(entry) = self.pids.get_mut(&new) {
            entry.group.insert(tgid);
        }
        self.free_pid(old);
    }
}

//! The memory controller: what a group and all below it take of the machine's memory (`mm/memcontrol.c`).
//!
//! Pages of programs are charged to the group of whoever touched them first, and stay charged to it. The same is done with
//! kernel stacks, and with pages of tmpfs files; files of the machine's first file system, which stands for a disk, are not, nor
//! is what waits in pipes and sockets. Kernel stacks are charged beyond the limits. Page tables are the machine's.
//!
//! At a limit, pages of files that nobody maps are given up; then somebody in the group is killed. `memory.high` gives up
//! such pages, and does not slow down who allocates. There is no swap. `memory.low` and `memory.min` are kept; pages of files
//! are given up first where nobody needs them, whoever they are charged to.

use super::{above, lineage};
use crate::Kernel;
use crate::ids::Tid;
use crate::process::{Exec, Process};
use crate::signal::SigInfo;
use glassdock_abi::types::{WaitStatus, signal as sig};
use glassdock_abi::{Errno, Result};
use glassdock_cpu::{AccountId, PAGE_SIZE};
use glassdock_trace::Value;
use std::fmt::Write;

/// What happened in a group (`memory.events`).
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    High,
    Max,
    Oom,
    OomKill,
    OomGroupKill,
}

/// Counts of events, in the order in which they are shown after `low`, which never happens.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Events([u64; 5]);

impl Events {
    pub(super) fn shown(&self) -> String {
        let names = ["high", "max", "oom", "oom_kill", "oom_group_kill"];
        let mut text = "low 0\n".to_owned();
        for (name, count) in names.iter().zip(self.0) {
            let _ = writeln!(text, "{name} {count}");
        }
        text
    }
}

/// Limits of a group, in pages, and what came of them.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    /// Where its pages are counted; none where the group does not have the controller.
    pub(super) account: Option<AccountId>,
    pub(super) min: Option<u64>,
    pub(super) low: Option<u64>,
    pub(super) high: Option<u64>,
    pub(super) max: Option<u64>,
    pub(super) swap_high: Option<u64>,
    pub(super) swap_max: Option<u64>,
    pub(super) oom_group: bool,
    pub(super) events: Events,
    pub(super) events_local: Events,
    /// Page faults.
    pub(super) faults: u64,
}

impl Default for Memory {
    fn default() -> Self {
        Memory {
            account: None,
            min: Some(0),
            low: Some(0),
            high: None,
            max: None,
            swap_high: None,
            swap_max: None,
            oom_group: false,
            events: Events::default(),
            events_local: Events::default(),
            faults: 0,
        }
    }
}

impl super::Cgroups {
    /// The account that a group's pages are charged to: its own, or that of the nearest group above that has one.
    pub(crate) fn account(&self, path: &str) -> AccountId {
        let own = |path| self.groups.get(path).and_then(|group| group.memory.account);
        lineage(path).find_map(own).unwrap_or(AccountId::MACHINE)
    }

    fn group_of_account(&self, account: AccountId) -> Option<String> {
        let mut groups = self.groups.iter();
        let found = groups.find(|(_, group)| group.memory.account == Some(account));
        found.map(|(path, _)| path.clone())
    }
}

impl Kernel {
    /// The account that a thread's pages are charged to.
    pub(crate) fn account_of(&self, tid: Tid) -> AccountId {
        match self.cgroups.rules {
            true => self.account_by_rules(tid),
            false => AccountId::MACHINE,
        }
    }

    #[inline(never)]
    fn account_by_rules(&self, tid: Tid) -> AccountId {
        let process = self.process_of(tid);
        process.map_or(AccountId::MACHINE, |it| self.cgroups.account(&it.cgroup))
    }

    /// From now on a thread's group pays.
    pub(crate) fn let_pay(&mut self, tid: Tid) {
        let account = self.account_of(tid);
        self.frames.charge_to(account);
    }

    /// Charges contents of tmpfs files as the file system counts them.
    pub(crate) fn charge_tmp_pages(&mut self) {
        if self.cgroups.rules || !self.cgroups.charged.is_empty() || !self.cgroups.heirs.is_empty()
        {
            self.charge_paid_pages();
        }
    }

    #[inline(never)]
    fn charge_paid_pages(&mut self) {
        self.move_tmp_pages();
        let changed: Vec<(u32, u64, u64)> = self
            .vfs()
            .paid_pages()
            .filter_map(|(payer, pages)| {
                let charged = self.cgroups.charged.get(&payer).copied().unwrap_or(0);
                (pages != charged).then_some((payer, charged, pages))
            })
            .collect();
        for (payer, before, after) in changed {
            let account = AccountId::from_number(payer);
            let count = |pages: u64| u32::try_from(pages).unwrap_or(u32::MAX);
            self.frames
                .charge(account, count(after.saturating_sub(before)));
            self.frames
                .uncharge(account, count(before.saturating_sub(after)));
            self.cgroups.charged.insert(payer, after);
        }
    }

    /// What is charged to an account that is closed is its parent's.
    pub(super) fn close_group_account(&mut self, account: AccountId) {
        self.frames.close_account(account);
        let heir = self.frames.parent_account(account);
        self.cgroups.heirs.push((account, heir));
    }

    /// Files of accounts that were closed are their heirs': now, as a group may be removed while the file system works.
    fn move_tmp_pages(&mut self) {
        for (account, heir) in std::mem::take(&mut self.cgroups.heirs) {
            self.vfs_mut().move_payer(account.number(), heir.number());
            let pages = self.cgroups.charged.remove(&account.number());
            if heir != AccountId::MACHINE {
                *self.cgroups.charged.entry(heir.number()).or_default() += pages.unwrap_or(0);
            }
        }
    }

    /// Pages that are charged to a group and all below it; none for a group without the controller.
    pub(super) fn group_pages(&self, path: &str) -> (u64, u64) {
        let account = self
            .cgroups
            .groups
            .get(path)
            .and_then(|it| it.memory.account);
        let account = account.and_then(|id| self.frames.account(id));
        account.map_or((0, 0), |it| (it.used.into(), it.peak.into()))
    }

    /// Something happened in a group; all above it are told too.
    fn memory_event(&mut self, path: &str, event: Event) {
        if let Some(group) = self.cgroups.groups.get_mut(path) {
            group.memory.events_local.0[event as usize] += 1;
        }
        for path in lineage(path).filter(|path| above(path).is_some()) {
            if let Some(group) = self.cgroups.groups.get_mut(path) {
                group.memory.events.0[event as usize] += 1;
            }
        }
    }

    /// A group's limit is reached: makes room below it as `try_charge_memcg` does, for another try. False where there is
    /// nobody to kill but the thread itself; a program is killed then.
    #[inline(never)]
    pub(crate) fn make_room_in_group(&mut self, tid: Tid, full: AccountId) -> bool {
        let Some(path) = self.cgroups.group_of_account(full) else {
            return false;
        };
        self.memory_event(&path, Event::Max);
        if self.shrink_clean_of(full) > 0 {
            return true;
        }
        let own = self.tgid_of(tid);
        if self.process_of(own).is_some_and(|it| it.exiting.is_some()) {
            return false;
        }
        self.memory_event(&path, Event::Oom);
        self.kill_within(&path, Some(own))
    }

    /// Kills whoever takes most of a group's memory, or all of the group that asks for it. False where `own` is among them
    /// or there is nobody: a program of `own`'s is killed by a signal then, as it is in the middle of something.
    fn kill_within(&mut self, path: &str, own: Option<Tid>) -> bool {
        let Some(victim) = self.worst_within(path) else {
            return false;
        };
        let name = String::from_utf8_lossy(&self.comm_of_process(victim)).into_owned();
        let group = path.to_owned();
        self.note("group-out-of-memory", || {
            vec![
                Value::Text(group),
                Value::Int(i64::from(victim.0)),
                Value::Text(name),
            ]
        });
        let home = self.processes.get(&victim).map(|it| it.cgroup.clone());
        let home = home.unwrap_or_else(|| path.to_owned());
        let together = self.dies_together(&home, path);
        let mut victims = vec![victim];
        if let Some(all) = &together {
            self.memory_event(all, Event::OomGroupKill);
            let members = self.members_within(all);
            let killable = |it: &&Process| self.oom_badness(it).is_some();
            let others = members.filter(|it| it.tgid != victim).filter(killable);
            victims.extend(others.map(|it| it.tgid));
        }
        victims.sort_by_key(|victim| Some(*victim) == own);
        let mut freed = true;
        for victim in victims {
            freed &= self.kill_for_memory(victim, own);
        }
        freed
    }

    /// The topmost group between two whose processes are to die together (`mem_cgroup_get_oom_group`).
    fn dies_together(&self, home: &str, limited: &str) -> Option<String> {
        let within = lineage(home).take_while(|path| super::is_within(path, limited));
        let together = within.filter(|path| {
            let group = self.cgroups.groups.get(*path);
            group.is_some_and(|group| group.memory.oom_group)
        });
        together.last().map(str::to_owned)
    }

    fn kill_for_memory(&mut self, victim: Tid, own: Option<Tid>) -> bool {
        if let Some(home) = self.processes.get(&victim).map(|it| it.cgroup.clone()) {
            let home = lineage(&home).find(|path| {
                let group = self.cgroups.groups.get(*path);
                group.is_some_and(|group| group.memory.account.is_some())
            });
            if let Some(home) = home.map(str::to_owned) {
                self.memory_event(&home, Event::OomKill);
            }
        }
        if Some(victim) != own {
            self.exit_process(victim, WaitStatus::Killed(sig::KILL, false));
            let threads = self.processes.get(&victim).map(|it| it.threads.clone());
            for tid in threads.unwrap_or_default() {
                self.end_thread(tid);
            }
            return true;
        }
        let threads = self.processes.get(&victim).map(|it| it.threads.clone());
        let program = threads.unwrap_or_default().into_iter().find(|tid| {
            let exec = self.threads.get(tid).map(|thread| &thread.exec);
            matches!(exec, Some(Exec::Elf(_)))
        });
        if let Some(tid) = program {
            self.force_signal(tid, SigInfo::kernel(sig::KILL));
        }
        false
    }

    fn worst_within(&self, path: &str) -> Option<Tid> {
        let members = self.members_within(path);
        let limit = self.cgroups.groups.get(path).and_then(|it| it.memory.max);
        let all = limit.unwrap_or_else(|| self.frames.limit().into());
        let weighed = members.filter_map(|it| Some((self.oom_badness_of(it, all)?, it.tgid)));
        weighed.max().map(|(_, tgid)| tgid)
    }

    /// Writes `memory.max`: what is above the limit is given up, or somebody is killed for it, until that is who writes
    /// (`memory_max_write`).
    pub(super) fn limit_group_memory(&mut self, tid: Tid, path: &str, limit: Option<u64>) {
        let Some(group) = self.cgroups.groups.get_mut(path) else {
            return;
        };
        group.memory.max = limit;
        let Some(account) = group.memory.account else {
            return;
        };
        let frames = limit.map_or(u32::MAX, |it| u32::try_from(it).unwrap_or(u32::MAX));
        self.frames.set_account_limit(account, frames);
        let own = self
            .process_of(tid)
            .filter(|it| super::is_within(&it.cgroup, path));
        let own = own.map(|it| it.tgid);
        while self.group_pages(path).0 > u64::from(frames) {
            if self.shrink_clean_of(account) > 0 {
                continue;
            }
            self.memory_event(path, Event::Oom);
            if !self.kill_within(path, own) {
                return;
            }
        }
    }

    /// After a turn: gives up pages of files where groups are above `memory.high`.
    pub(super) fn reclaim_high(&mut self, path: &str) {
        for path in lineage(path) {
            let Some(memory) = self.cgroups.groups.get(path).map(|it| &it.memory) else {
                continue;
            };
            let (Some(high), Some(account)) = (memory.high, memory.account) else {
                continue;
            };
            if self.group_pages(path).0 > high {
                self.shrink_clean_of(account);
                self.memory_event(path, Event::High);
            }
        }
    }

    /// Writes `memory.reclaim`: `EAGAIN` where less than that could be given up.
    pub(super) fn reclaim_from_group(&mut self, path: &str, asked: Option<u64>) -> Result<()> {
        let account = self.cgroups.account(path);
        let given = self.shrink_clean_of(account);
        match asked.is_some_and(|asked| given >= asked) {
            true => Ok(()),
            false => Err(Errno::EAGAIN),
        }
    }

    /// `memory.stat`: what the pages are. Lines for what this machine never has (swap, dirty pages, huge pages, …) are 0.
    pub(super) fn group_memory_stat(&self, path: &str) -> String {
        let account = self.cgroups.account(path);
        let (shown, file, shared) = self.charged_kinds(account);
        let tmp = self.vfs().paid_pages().filter(|(payer, _)| {
            self.frames
                .is_within(AccountId::from_number(*payer), account)
        });
        let tmp: u64 = tmp.map(|(_, pages)| pages).sum();
        let stacks = self
            .threads
            .values()
            .filter(|thread| self.frames.is_within(thread.stack_payer, account));
        let stacks = stacks.count() as u64 * crate::life::THREAD_SIZE;
        let (file, shmem) = (
            u64::from(file) * PAGE_SIZE,
            (u64::from(shared) + tmp) * PAGE_SIZE,
        );
        let anon = u64::from(shown) * PAGE_SIZE;
        let faults = self
            .cgroups
            .groups
            .get(path)
            .map_or(0, |it| it.memory.faults);
        let known = [
            ("anon", anon),
            ("file", file + shmem),
            ("kernel", stacks),
            ("kernel_stack", stacks),
            ("shmem", shmem),
            ("file_mapped", file),
            ("inactive_anon", anon + shmem),
            ("inactive_file", file),
            ("pgfault", faults),
        ];
        let mut text = String::new();
        for name in STAT {
            let value = known.iter().find(|known| known.0 == name);
            let _ = writeln!(text, "{name} {}", value.map_or(0, |known| known.1));
        }
        text
    }
}

/// Lines of `memory.stat`.
const STAT: [&str; 42] = [
    "anon",
    "file",
    "kernel",
    "kernel_stack",
    "pagetables",
    "sec_pagetables",
    "percpu",
    "sock",
    "vmalloc",
    "shmem",
    "file_mapped",
    "file_dirty",
    "file_writeback",
    "swapcached",
    "inactive_anon",
    "active_anon",
    "inactive_file",
    "active_file",
    "unevictable",
    "slab_reclaimable",
    "slab_unreclaimable",
    "slab",
    "workingset_refault_anon",
    "workingset_refault_file",
    "workingset_activate_anon",
    "workingset_activate_file",
    "workingset_restore_anon",
    "workingset_restore_file",
    "workingset_nodereclaim",
    "pgscan",
    "pgsteal",
    "pgscan_kswapd",
    "pgscan_direct",
    "pgsteal_kswapd",
    "pgsteal_direct",
    "pgfault",
    "pgmajfault",
    "pgrefill",
    "pgactivate",
    "pgdeactivate",
    "pglazyfree",
    "pglazyfreed",
];

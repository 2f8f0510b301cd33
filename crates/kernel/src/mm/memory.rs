//! The machine's memory as a whole: what takes it, and what happens when it is used up (`mm/oom_kill.c`).
//!
//! Pages of programs and their page tables are counted by the processor's frames. Contents of tmpfs files, thread stacks
//! of the kernel and what waits in pipes are not kept in frames; they are taken from the same memory here.

use super::*;
use crate::Kernel;
use crate::ids::Tid;
use crate::process::Process;
use crate::signal::SigInfo;
use glassdock_abi::types::{WaitStatus, signal as sig};
use glassdock_cpu::AccountId;
use glassdock_trace::Value;

/// Pages of a thread's kernel stack.
const STACK_PAGES: u64 = crate::life::THREAD_SIZE / PAGE_SIZE;
/// `oom_score_adj` of a process that is never chosen (`OOM_SCORE_ADJ_MIN`).
const NEVER: i32 = -1000;

/// Where memory is, in pages (`man 5 proc`, `/proc/meminfo`).
pub(crate) struct Usage {
    pub(crate) total: u64,
    pub(crate) free: u64,
    /// Contents of tmpfs files, and memory that programs share.
    pub(crate) shmem: u64,
    /// Pages of files that programs have mapped.
    pub(crate) mapped: u64,
    /// Of them, those that nobody maps any more.
    pub(crate) clean: u64,
    pub(crate) tables: u64,
    pub(crate) stacks: u64,
    /// Pages that belong to programs alone.
    pub(crate) anonymous: u64,
}

impl Kernel {
    /// Pages that the kernel itself takes.
    fn kernel_pages(&self) -> u64 {
        let queued = self.sockets.queued_by_all().div_ceil(PAGE_SIZE);
        self.tasks.count() * STACK_PAGES + self.pipe_pages + queued
    }

    /// Tells the file system how much memory it may take.
    pub(crate) fn tell_room(&mut self) {
        let limit = u64::from(self.frames.limit());
        let others = u64::from(self.frames.used()) + self.kernel_pages();
        self.vfs_mut().set_tmp_room(limit.saturating_sub(others));
        let payer = self.frames.payer();
        let room = self.frames.account_room(payer).0;
        self.vfs_mut().set_payer(payer.number(), room.into());
    }

    /// Counts what is not kept in frames against the memory that programs can get.
    pub(crate) fn count_memory(&mut self) {
        let pages = self.vfs().tmp_pages() + self.kernel_pages();
        self.frames
            .set_reserved(u32::try_from(pages).unwrap_or(u32::MAX));
        self.charge_tmp_pages();
    }

    /// What the memory is used for.
    pub(crate) fn memory_usage(&self) -> Usage {
        let cache = &self.page_cache;
        let clean = cache.clean.values();
        let clean = clean.filter(|(_, frame)| self.frames.refs(*frame) <= 1);
        let mapped = (cache.clean.len() + cache.shared.len()) as u64;
        let shared = cache.anonymous.len() as u64;
        let tables = u64::from(self.frames.tables());
        let used = u64::from(self.frames.used());
        Usage {
            total: self.frames.limit().into(),
            free: self.frames.free().into(),
            shmem: self.vfs().tmp_pages() + shared,
            mapped,
            clean: clean.count() as u64,
            tables,
            stacks: self.tasks.count() * STACK_PAGES,
            anonymous: used.saturating_sub(mapped + shared + tables),
        }
    }

    /// Pages of an address space that are present, and how many of them are shared: contents of files as they are there,
    /// and memory that programs share.
    pub(crate) fn resident(&self, mm: &Mm) -> (u64, u64) {
        let cache = &self.page_cache;
        let shared = |page: &glassdock_cpu::Page| {
            let Some((start, vma)) = mm.vma_at(page.addr) else {
                return false;
            };
            match vma.backing {
                Backing::Anonymous => false,
                Backing::SharedAnonymous { .. } => true,
                Backing::File { inode, offset, .. } => {
                    let at = (inode, (offset + (page.addr - start)) / PAGE_SIZE);
                    let clean = cache.clean.get(&at).map(|(_, frame)| *frame);
                    clean == Some(page.frame) || cache.shared.get(&at) == Some(&page.frame)
                }
            }
        };
        let shared = mm.space.pages().filter(shared).count() as u64;
        (mm.space.mapped_pages(), shared)
    }

    /// Makes room for so many more pages that an account pays for, as far as killing can do that.
    #[inline(never)]
    pub(crate) fn need_pages(&mut self, tid: Tid, payer: AccountId, pages: u64) {
        loop {
            let (room, full) = self.frames.account_room(payer);
            let made = match full {
                _ if u64::from(self.frames.free()) < pages => self.make_room_at_all(tid),
                Some(full) if u64::from(room) < pages => self.make_room_in_group(tid, full),
                _ => return,
            };
            if !made {
                return;
            }
        }
    }

    /// Memory is used up, the machine's or that of a control group: makes room for another try. False where there is
    /// nobody to kill but the thread itself; a program is killed then.
    pub(crate) fn make_room(&mut self, tid: Tid) -> bool {
        match self.frames.full_account() {
            Some(full) => self.make_room_in_group(tid, full),
            None => self.make_room_at_all(tid),
        }
    }

    /// Pages that are charged to an account and those below it: programs' own, of files that programs map, and what
    /// programs share.
    pub(crate) fn charged_kinds(&self, account: AccountId) -> (u32, u32, u32) {
        let cache = &self.page_cache;
        let charged = |frame: &FrameId| {
            let payer = self.frames.payer_of(*frame);
            self.frames.is_within(payer, account)
        };
        let clean = cache.clean.values().map(|(_, frame)| frame);
        let files = clean.chain(cache.shared.values());
        let files = files.filter(|frame| charged(frame)).count() as u32;
        let shared = cache.anonymous.values().filter(|frame| charged(frame));
        let shared = shared.count() as u32;
        let all = self.frames.count_charged(account);
        (all.saturating_sub(files + shared), files, shared)
    }

    /// The machine's memory is used up: makes room as `out_of_memory` does.
    #[inline(never)]
    fn make_room_at_all(&mut self, tid: Tid) -> bool {
        let before = self.frames.used();
        self.shrink_clean();
        if self.frames.used() < before {
            return true;
        }
        let own = self.tgid_of(tid);
        if self.process_of(own).is_some_and(|it| it.exiting.is_some()) {
            return false;
        }
        let victim = self.worst_process().unwrap_or(own);
        let name = String::from_utf8_lossy(&self.comm_of_process(victim)).into_owned();
        self.note("out-of-memory", || {
            vec![Value::Int(i64::from(victim.0)), Value::Text(name)]
        });
        if victim == own {
            let exec = self.threads.get(&tid).map(|thread| &thread.exec);
            if matches!(exec, Some(crate::process::Exec::Elf(_))) {
                self.force_signal(tid, SigInfo::kernel(sig::KILL));
            }
            return false;
        }
        self.exit_process(victim, WaitStatus::Killed(sig::KILL, false));
        let threads = self.processes.get(&victim).map(|it| it.threads.clone());
        for tid in threads.unwrap_or_default() {
            self.end_thread(tid);
        }
        true
    }

    /// How much a process's end would give, in pages, weighted with `oom_score_adj` (`oom_badness`); none where it is
    /// never chosen.
    pub(crate) fn oom_badness(&self, process: &Process) -> Option<i64> {
        self.oom_badness_of(process, self.frames.limit().into())
    }

    /// The same where so many pages are all that there may be.
    pub(crate) fn oom_badness_of(&self, process: &Process, all: u64) -> Option<i64> {
        let never =
            Some(process.tgid) == self.init || !process.alive() || process.oom_score_adj == NEVER;
        if never {
            return None;
        }
        let mm = process
            .threads
            .iter()
            .find_map(|tid| self.threads.get(tid)?.mm);
        let space = &self.mms.get(mm?)?.space;
        let pages = space.mapped_pages() + space.table_pages();
        let all = i64::try_from(all).unwrap_or(i64::MAX / 1000);
        Some(pages as i64 + i64::from(process.oom_score_adj) * all / 1000)
    }

    /// `/proc/PID/oom_score` (`proc_oom_score`).
    pub(crate) fn oom_score(&self, process: &Process) -> i64 {
        let all = i64::from(self.frames.limit()).max(1);
        let badness = self.oom_badness(process);
        badness.map_or(0, |points| (1000 + points * 1000 / all) * 2 / 3)
    }

    /// The process to kill: the worst, of equals the last.
    fn worst_process(&self) -> Option<Tid> {
        let all = self.processes.values();
        let weighed = all.filter_map(|it| Some((self.oom_badness(it)?, it.tgid)));
        weighed.max().map(|(_, tgid)| tgid)
    }
}

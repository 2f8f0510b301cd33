//! Page faults.

use super::*;
use crate::Kernel;
use crate::ids::Tid;
use crate::process::rlimit;
use crate::signal::{SigInfo, code};
use glassdock_abi::types::signal as sig;
use glassdock_cpu::{Access, AccountId, Fault, FaultCause, Sharing};

/// What became of a fault.
enum Served {
    Yes,
    /// No area allows it; the signal's code.
    Segv(i32),
    /// The file ends before the page.
    Bus,
    NoMemory,
}

impl Kernel {
    /// Serves a program's page fault. The signal to raise where it cannot be.
    pub(crate) fn page_fault(&mut self, tid: Tid, fault: Fault) -> Option<SigInfo> {
        let mm = self.threads.get(&tid)?.mm?;
        match self.serve(tid, mm, &fault) {
            Served::Yes => {
                self.counters.page_faults += 1;
                None
            }
            Served::Segv(si_code) => Some(SigInfo::fault(sig::SEGV, si_code, fault.addr)),
            Served::Bus => Some(SigInfo::fault(sig::BUS, code::BUS_ADRERR, fault.addr)),
            Served::NoMemory => match self.make_room(tid) {
                true => None,
                false => Some(SigInfo::kernel(sig::KILL)),
            },
        }
    }

    /// Makes a page present for the kernel's own access, or room for it: to be tried again. False where the program could
    /// not reach it either.
    pub(super) fn fault_in(&mut self, tid: Tid, mm: MmId, fault: &Fault) -> bool {
        match self.serve(tid, mm, fault) {
            Served::Yes => true,
            Served::NoMemory => self.make_room(tid),
            Served::Segv(_) | Served::Bus => false,
        }
    }

    fn serve(&mut self, tid: Tid, id: MmId, fault: &Fault) -> Served {
        if fault.cause == FaultCause::OutOfMemory {
            return Served::NoMemory;
        }
        let page = fault.addr & !(PAGE_SIZE - 1);
        let Some(mm) = self.mms.get(id) else {
            return Served::Segv(code::SEGV_MAPERR);
        };
        let (start, vma) = match mm.vma_at(fault.addr) {
            Some((start, vma)) => (start, *vma),
            None => match self.grow_stack(tid, id, page) {
                Some(found) => found,
                None => return Served::Segv(code::SEGV_MAPERR),
            },
        };
        let needs = match fault.access {
            Access::Read => Prot::READ | Prot::WRITE | Prot::EXEC,
            Access::Write => Prot::WRITE,
            Access::Exec => Prot::EXEC,
        };
        if !vma.prot.intersects(needs) || fault.cause == FaultCause::Protection {
            return Served::Segv(code::SEGV_ACCERR);
        }
        let frame = match vma.backing {
            Backing::Anonymous => self.frames.alloc_zeroed().ok(),
            Backing::SharedAnonymous { key, offset } => {
                let index = (offset + (page - start)) / PAGE_SIZE;
                self.shared_anonymous(key, index)
            }
            Backing::File { inode, offset, .. } => {
                let at = offset + (page - start);
                let size = self.vfs().size(inode);
                if at >= size.next_multiple_of(PAGE_SIZE) {
                    return Served::Bus;
                }
                if vma.shared {
                    self.shared_page(inode, at / PAGE_SIZE)
                } else {
                    self.clean_page(inode, at / PAGE_SIZE)
                }
            }
        };
        let Some(frame) = frame else {
            return Served::NoMemory;
        };
        let sharing = if vma.shared {
            Sharing::Shared
        } else {
            Sharing::Private
        };
        let Some(mm) = self.mms.get_mut(id) else {
            return Served::NoMemory;
        };
        match mm
            .space
            .map(&mut self.frames, page, frame, page_prot(vma.prot), sharing)
        {
            Ok(()) => Served::Yes,
            Err(_) => Served::Segv(code::SEGV_MAPERR),
        }
    }

    fn grow_stack(&mut self, tid: Tid, id: MmId, page: u64) -> Option<(u64, Vma)> {
        let limit = self.process_of(tid)?.rlimits[rlimit::STACK].cur;
        let mm = self.mms.get_mut(id)?;
        let (start, vma) = mm
            .vmas
            .range(page..)
            .next()
            .map(|(start, vma)| (*start, *vma))?;
        if !vma.grows_down || vma.end - page > limit {
            return None;
        }
        let below = mm.vmas.range(..page).next_back();
        if below.is_some_and(|(_, other)| other.end.saturating_add(STACK_GUARD) > page) {
            return None;
        }
        mm.vmas.remove(&start);
        mm.vmas.insert(page, vma);
        self.publisher.memory(id);
        Some((page, vma))
    }

    fn fill(&mut self, inode: InodeId, index: u64) -> Option<FrameId> {
        let page = self.vfs().page(inode, index).ok()?;
        let frame = self.frames.alloc_zeroed().ok()?;
        if let Some(page) = page {
            self.frames
                .bytes_mut(frame)
                .copy_from_slice(page.as_slice());
        }
        Some(frame)
    }

    /// A page of a file for private mappings: one frame for all of them, copied when written.
    fn clean_page(&mut self, inode: InodeId, index: u64) -> Option<FrameId> {
        if let Some(frame) = self.page_cache.shared.get(&(inode, index)).copied() {
            let copy = self.frames.alloc_zeroed().ok()?;
            let bytes = *self.frames.bytes(frame);
            self.frames.bytes_mut(copy).copy_from_slice(&bytes);
            return Some(copy);
        }
        let version = self.vfs().content_version(inode);
        if let Some((kept, frame)) = self.page_cache.clean.get(&(inode, index)).copied() {
            if kept == version {
                self.frames.incref(frame);
                return Some(frame);
            }
            self.page_cache.clean.remove(&(inode, index));
            self.frames.decref(frame);
        }
        if self.page_cache.clean.len() >= CLEAN_MAX {
            self.shrink_clean();
        }
        let frame = self.fill(inode, index)?;
        self.frames.incref(frame);
        self.page_cache
            .clean
            .insert((inode, index), (version, frame));
        Some(frame)
    }

    /// Forgets clean pages that nobody maps.
    #[inline(never)]
    pub(super) fn shrink_clean(&mut self) {
        let frames = &mut self.frames;
        self.page_cache.clean.retain(|_, (_, frame)| {
            let used = frames.refs(*frame) > 1;
            if !used {
                frames.decref(*frame);
            }
            used
        });
    }

    /// The same of those that are charged to an account or one below it; how many there were.
    #[inline(never)]
    pub(crate) fn shrink_clean_of(&mut self, account: AccountId) -> u64 {
        let frames = &mut self.frames;
        let before = self.page_cache.clean.len();
        self.page_cache.clean.retain(|_, (_, frame)| {
            let kept =
                frames.refs(*frame) > 1 || !frames.is_within(frames.payer_of(*frame), account);
            if !kept {
                frames.decref(*frame);
            }
            kept
        });
        (before - self.page_cache.clean.len()) as u64
    }

    fn shared_page(&mut self, inode: InodeId, index: u64) -> Option<FrameId> {
        let frame = match self.page_cache.shared.get(&(inode, index)) {
            Some(frame) => *frame,
            None => {
                let frame = self.fill(inode, index)?;
                self.page_cache.shared.insert((inode, index), frame);
                frame
            }
        };
        self.frames.incref(frame);
        Some(frame)
    }

    fn shared_anonymous(&mut self, key: u64, index: u64) -> Option<FrameId> {
        let frame = match self.page_cache.anonymous.get(&(key, index)) {
            Some(frame) => *frame,
            None => {
                let frame = self.frames.alloc_zeroed().ok()?;
                self.page_cache.anonymous.insert((key, index), frame);
                frame
            }
        };
        self.frames.incref(frame);
        Some(frame)
    }

    pub(super) fn new_shared_key(&mut self) -> u64 {
        self.page_cache.next_key += 1;
        self.page_cache.next_key
    }

    fn shared_frames(&self, inode: InodeId) -> Vec<(u64, FrameId)> {
        let inode = self.vfs().data_inode(inode).unwrap_or(inode);
        let range = self.page_cache.shared.range((inode, 0)..=(inode, u64::MAX));
        range.map(|((_, index), frame)| (*index, *frame)).collect()
    }

    /// Brings what programs wrote into shared mappings of a file into the file.
    pub(crate) fn flush_mapped(&mut self, inode: InodeId) {
        for (index, frame) in self.shared_frames(inode) {
            let bytes = *self.frames.bytes(frame);
            let _ = self.vfs_mut().store_page(inode, index, &bytes);
        }
    }

    /// Brings what was written into a file into shared mappings of it.
    pub(crate) fn reload_mapped(&mut self, inode: InodeId) {
        for (index, frame) in self.shared_frames(inode) {
            let page = self.vfs().page(inode, index).ok().flatten();
            let bytes = page.map_or([0; PAGE_SIZE as usize], |page| *page);
            self.frames.bytes_mut(frame).copy_from_slice(&bytes);
        }
    }
}

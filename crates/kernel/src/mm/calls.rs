//! The system calls about memory (`man 2 mmap`, `brk`, `mprotect`, `mremap`, `madvise`).

use super::*;
use crate::Kernel;
use crate::cred::cap;
use crate::ids::Tid;
use crate::process::rlimit;
use crate::syscall::CallCx;
use crate::wait::SysResult;
use glassdock_abi::{Errno, Fd, Result, Ret};
use glassdock_cpu::USER_END;
use glassdock_vfs::{FILE_SIZE_MAX, FileKind};

const MAP_SHARED: u64 = 1;
const MAP_PRIVATE: u64 = 2;
const MAP_SHARED_VALIDATE: u64 = 3;
const MAP_TYPE: u64 = 15;
const MAP_FIXED: u64 = 0x10;
const MAP_ANONYMOUS: u64 = 0x20;
const MAP_GROWSDOWN: u64 = 0x100;
const MAP_FIXED_NOREPLACE: u64 = 0x10_0000;

fn align_up(value: u64) -> Option<u64> {
    value.checked_next_multiple_of(PAGE_SIZE)
}

fn prot(bits: u64) -> Prot {
    let mut prot = Prot::empty();
    for (bit, flag) in [(1, Prot::READ), (2, Prot::WRITE), (4, Prot::EXEC)] {
        if bits & bit != 0 {
            prot |= flag;
        }
    }
    prot
}

impl Kernel {
    fn mm_of(&self, tid: Tid) -> Result<MmId> {
        self.threads
            .get(&tid)
            .and_then(|thread| thread.mm)
            .ok_or(Errno::ENOMEM)
    }

    /// Removes whatever is mapped in a range.
    pub(crate) fn unmap_range(&mut self, id: MmId, start: u64, end: u64) {
        self.publisher.memory(id);
        let Some(mm) = self.mms.get_mut(id) else {
            return;
        };
        mm.split(start);
        mm.split(end);
        let gone: Vec<(u64, Vma)> = mm.vmas.range(start..end).map(|(k, v)| (*k, *v)).collect();
        // A split area's file is held once for the whole; each remaining piece needs its own hold.
        for (key, _) in &gone {
            mm.vmas.remove(key);
        }
        if !gone.is_empty() {
            mm.space.unmap(&mut self.frames, start..end);
        }
        self.balance_holds(&gone);
    }

    /// Gives back the holds of removed areas.
    fn balance_holds(&mut self, gone: &[(u64, Vma)]) {
        for (_, vma) in gone {
            self.put_backing(vma);
        }
    }

    /// Splits at an address and takes the extra hold for the second piece.
    fn split_held(&mut self, id: MmId, at: u64) {
        let Some(mm) = self.mms.get_mut(id) else {
            return;
        };
        let Some((start, vma)) = mm.vma_at(at).map(|(start, vma)| (start, *vma)) else {
            return;
        };
        if start != at {
            mm.split(at);
            self.hold_backing(&vma);
        }
    }

    /// `ENOMEM` where splitting areas at the ends of a range would make too many of them.
    fn check_splits(&self, id: MmId, start: u64, end: u64) -> Result<()> {
        let mm = self.mms.get(id).ok_or(Errno::ENOMEM)?;
        let splits = [start, end]
            .iter()
            .filter(|at| mm.vma_at(**at).is_some_and(|(from, _)| from != **at))
            .count();
        if splits > 0 && mm.vmas.len() + splits > MAPS_MAX {
            return Err(Errno::ENOMEM);
        }
        Ok(())
    }

    /// Maps an area, in place of what was there. The area's file is held already.
    pub(crate) fn map_area(&mut self, id: MmId, start: u64, vma: Vma) {
        self.split_held(id, start);
        self.split_held(id, vma.end);
        self.unmap_range(id, start, vma.end);
        if let Some(mm) = self.mms.get_mut(id) {
            mm.vmas.insert(start, vma);
            mm.merge(start, vma.end);
        }
    }

    pub(crate) fn sys_mmap(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let [addr, len, prot_bits, flags, fd, offset] = a;
        if len == 0 || offset % PAGE_SIZE != 0 {
            return Err(Errno::EINVAL.into());
        }
        let len = align_up(len)
            .filter(|len| *len <= USER_END)
            .ok_or(Errno::ENOMEM)?;
        let shared = match flags & MAP_TYPE {
            MAP_SHARED | MAP_SHARED_VALIDATE => true,
            MAP_PRIVATE => false,
            _ => return Err(Errno::EINVAL.into()),
        };
        let id = self.mm_of(cx.tid)?;
        let backing = if flags & MAP_ANONYMOUS != 0 {
            match shared {
                true => Backing::SharedAnonymous {
                    key: self.new_shared_key(),
                    offset: 0,
                },
                false => Backing::Anonymous,
            }
        } else {
            self.file_backing(cx.tid, Fd(fd as i32), prot_bits, shared, offset, len)?
        };
        let limit = self
            .process_of(cx.tid)
            .map_or(u64::MAX, |p| p.rlimits[rlimit::AS].cur);
        let low = self
            .threads
            .get(&cx.tid)
            .is_some_and(|thread| thread.cred.has_on_machine(cap::SYS_RAWIO));
        let mm = self.mms.get(id).ok_or(Errno::ENOMEM)?;
        if mm.vmas.len() >= MAPS_MAX || mm.total().saturating_add(len) > limit {
            return Err(Errno::ENOMEM.into());
        }
        let start = if flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) != 0 {
            if addr % PAGE_SIZE != 0 {
                return Err(Errno::EINVAL.into());
            }
            let end = addr
                .checked_add(len)
                .filter(|end| *end <= USER_END)
                .ok_or(Errno::ENOMEM)?;
            if addr < MMAP_MIN && !low {
                return Err(Errno::EPERM.into());
            }
            if flags & MAP_FIXED_NOREPLACE != 0 && !mm.is_free(addr, end) {
                return Err(Errno::EEXIST.into());
            }
            addr
        } else {
            let hint = addr & !(PAGE_SIZE - 1);
            let usable = hint >= MMAP_MIN
                && hint
                    .checked_add(len)
                    .is_some_and(|end| end <= USER_END && mm.is_free(hint, end));
            if usable {
                hint
            } else {
                mm.find_gap(len, mm.mmap_base).ok_or(Errno::ENOMEM)?
            }
        };
        let vma = Vma {
            end: start + len,
            prot: prot(prot_bits),
            shared,
            grows_down: flags & MAP_GROWSDOWN != 0,
            backing,
        };
        self.hold_backing(&vma);
        self.map_area(id, start, vma);
        Ok(Ret::Int(start as i64))
    }

    fn file_backing(
        &mut self,
        tid: Tid,
        fd: Fd,
        prot_bits: u64,
        shared: bool,
        offset: u64,
        len: u64,
    ) -> Result<Backing> {
        let id = self.real_file_id(tid, fd)?;
        let file = self.file(id)?;
        if !file.flags.readable() || shared && prot_bits & 2 != 0 && !file.flags.writable() {
            return Err(Errno::EACCES);
        }
        match (&file.body, file.file.kind) {
            (crate::file::Body::Dev(crate::file::Device::Zero), _) if shared => {
                Ok(Backing::SharedAnonymous {
                    key: self.new_shared_key(),
                    offset: 0,
                })
            }
            (crate::file::Body::Dev(crate::file::Device::Zero), _) => Ok(Backing::Anonymous),
            // `file_mmap_ok`.
            (_, FileKind::Regular)
                if offset / PAGE_SIZE + len / PAGE_SIZE > FILE_SIZE_MAX / PAGE_SIZE =>
            {
                Err(Errno::EOVERFLOW)
            }
            // Pages of a layer are the same for all overlays on it.
            (_, FileKind::Regular) => Ok(Backing::File {
                file: id,
                inode: self.vfs().data_inode(file.file.inode)?,
                offset,
            }),
            _ => Err(Errno::ENODEV),
        }
    }

    pub(crate) fn sys_munmap(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let [addr, len, ..] = a;
        let end = align_up(len).and_then(|len| addr.checked_add(len));
        let end = end.filter(|end| *end <= USER_END).ok_or(Errno::EINVAL)?;
        if addr % PAGE_SIZE != 0 || len == 0 {
            return Err(Errno::EINVAL.into());
        }
        let id = self.mm_of(cx.tid)?;
        self.check_splits(id, addr, end)?;
        self.split_held(id, addr);
        self.split_held(id, end);
        self.unmap_range(id, addr, end);
        Ok(Ret::None)
    }

    pub(crate) fn sys_mprotect(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let [addr, len, bits, ..] = a;
        if addr % PAGE_SIZE != 0 {
            return Err(Errno::EINVAL.into());
        }
        if len == 0 {
            return Ok(Ret::None);
        }
        let end = align_up(len)
            .and_then(|len| addr.checked_add(len))
            .ok_or(Errno::ENOMEM)?;
        if bits & !0x0300_0007 != 0 {
            return Err(Errno::EINVAL.into());
        }
        let id = self.mm_of(cx.tid)?;
        let wanted = prot(bits);
        let mm = self.mms.get(id).ok_or(Errno::ENOMEM)?;
        let mut at = addr;
        while at < end {
            let (_, vma) = mm.vma_at(at).ok_or(Errno::ENOMEM)?;
            if let Backing::File { file, .. } = vma.backing
                && vma.shared
                && wanted.contains(Prot::WRITE)
                && !self
                    .files
                    .get(file)
                    .is_some_and(|file| file.flags.writable())
            {
                return Err(Errno::EACCES.into());
            }
            at = vma.end;
        }
        self.check_splits(id, addr, end)?;
        self.split_held(id, addr);
        self.split_held(id, end);
        let mm = self.mms.get_mut(id).ok_or(Errno::ENOMEM)?;
        for (_, vma) in mm.vmas.range_mut(addr..end) {
            vma.prot = wanted;
        }
        self.publisher.memory(id);
        mm.space.protect(addr..end, page_prot(wanted));
        mm.merge(addr, end);
        Ok(Ret::None)
    }

    pub(crate) fn sys_brk(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let wanted = a[0];
        let id = self.mm_of(cx.tid)?;
        let data_limit = self
            .process_of(cx.tid)
            .map_or(u64::MAX, |p| p.rlimits[rlimit::DATA].cur);
        let mm = self.mms.get_mut(id).ok_or(Errno::ENOMEM)?;
        let (start, old) = (mm.brk_start, mm.brk);
        let unchanged = Ok(Ret::Int(old as i64));
        if wanted < start || wanted >= USER_END || wanted - start > data_limit {
            return unchanged;
        }
        let (Some(old_end), Some(new_end)) = (align_up(old), align_up(wanted)) else {
            return unchanged;
        };
        if new_end > old_end {
            if !mm.is_free(old_end, new_end + PAGE_SIZE) {
                return unchanged;
            }
            mm.vmas.insert(
                old_end,
                Vma {
                    end: new_end,
                    prot: Prot::READ | Prot::WRITE,
                    shared: false,
                    grows_down: false,
                    backing: Backing::Anonymous,
                },
            );
            mm.merge(old_end, new_end);
        }
        mm.brk = wanted;
        if new_end != old_end {
            self.publisher.memory(id);
        }
        if new_end < old_end {
            self.unmap_range(id, new_end, old_end);
        }
        Ok(Ret::Int(wanted as i64))
    }

    pub(crate) fn sys_mremap(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let [old, old_len, new_len, flags, new_addr, _] = a;
        const MAYMOVE: u64 = 1;
        const FIXED: u64 = 2;
        if old % PAGE_SIZE != 0 || flags & !3 != 0 || flags & FIXED != 0 && flags & MAYMOVE == 0 {
            return Err(Errno::EINVAL.into());
        }
        let old_len = align_up(old_len).ok_or(Errno::EINVAL)?;
        let new_len = align_up(new_len)
            .filter(|len| *len > 0 && *len <= USER_END)
            .ok_or(Errno::EINVAL)?;
        let id = self.mm_of(cx.tid)?;
        let mm = self.mms.get(id).ok_or(Errno::ENOMEM)?;
        let old_end = old.checked_add(old_len).ok_or(Errno::EINVAL)?;
        let (_, vma) = mm.vma_at(old).ok_or(Errno::EFAULT)?;
        if vma.end < old_end || old_len == 0 {
            return Err(Errno::EFAULT.into());
        }
        if flags & FIXED == 0 && new_len <= old_len {
            self.split_held(id, old + new_len);
            self.split_held(id, old_end);
            self.unmap_range(id, old + new_len, old_end);
            return Ok(Ret::Int(old as i64));
        }
        let grown_end = old
            .checked_add(new_len)
            .filter(|end| *end <= USER_END)
            .ok_or(Errno::ENOMEM)?;
        if flags & FIXED == 0 && vma.end == old_end && mm.is_free(old_end, grown_end) {
            self.split_held(id, old);
            self.publisher.memory(id);
            let mm = self.mms.get_mut(id).ok_or(Errno::ENOMEM)?;
            if let Some(vma) = mm.vmas.get_mut(&old) {
                vma.end = grown_end;
            }
            mm.merge(old, grown_end);
            return Ok(Ret::Int(old as i64));
        }
        if flags & MAYMOVE == 0 {
            return Err(Errno::ENOMEM.into());
        }
        let target = if flags & FIXED != 0 {
            let end = new_addr
                .checked_add(new_len)
                .filter(|end| *end <= USER_END)
                .ok_or(Errno::EINVAL)?;
            if new_addr % PAGE_SIZE != 0 || new_addr < old_end && old < end {
                return Err(Errno::EINVAL.into());
            }
            new_addr
        } else {
            mm.find_gap(new_len, mm.mmap_base).ok_or(Errno::ENOMEM)?
        };
        self.move_area(id, old, old_len, target, new_len)?;
        Ok(Ret::Int(target as i64))
    }

    fn move_area(
        &mut self,
        id: MmId,
        old: u64,
        old_len: u64,
        target: u64,
        new_len: u64,
    ) -> Result<()> {
        self.split_held(id, old);
        self.split_held(id, old + old_len);
        let mm = self.mms.get(id).ok_or(Errno::ENOMEM)?;
        let mut vma = *mm.vmas.get(&old).ok_or(Errno::EFAULT)?;
        vma.end = target + new_len;
        self.hold_backing(&vma);
        self.map_area(id, target, vma);
        let mm = self.mms.get_mut(id).ok_or(Errno::ENOMEM)?;
        let pages: Vec<_> = mm.space.pages_in(old..old + old_len.min(new_len)).collect();
        for page in pages {
            self.frames.incref(page.frame);
            let at = target + (page.addr - old);
            mm.space
                .map(&mut self.frames, at, page.frame, page.prot, page.sharing)
                .map_err(|_| Errno::ENOMEM)?;
        }
        self.unmap_range(id, old, old + old_len);
        Ok(())
    }

    pub(crate) fn sys_madvise(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let [addr, len, advice, ..] = a;
        const DONTNEED: u64 = 4;
        const FREE: u64 = 8;
        let end = align_up(len)
            .and_then(|len| addr.checked_add(len))
            .ok_or(Errno::EINVAL)?;
        if addr % PAGE_SIZE != 0 {
            return Err(Errno::EINVAL.into());
        }
        match advice {
            DONTNEED | FREE => {
                let id = self.mm_of(cx.tid)?;
                if let Some(mm) = self.mms.get_mut(id) {
                    mm.space.unmap(&mut self.frames, addr..end);
                }
                Ok(Ret::None)
            }
            // Hints about use: there is nothing to do better.
            0..=3 | 12..=21 => Ok(Ret::None),
            _ => Err(Errno::EINVAL.into()),
        }
    }

    pub(crate) fn sys_msync(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let id = self.mm_of(cx.tid)?;
        let end = align_up(a[1])
            .and_then(|len| a[0].checked_add(len))
            .ok_or(Errno::ENOMEM)?;
        let mm = self.mms.get(id).ok_or(Errno::ENOMEM)?;
        let inodes: Vec<InodeId> = mm
            .vmas
            .range(..end)
            .filter(|(_, vma)| vma.end > a[0] && vma.shared)
            .filter_map(|(_, vma)| match vma.backing {
                Backing::File { inode, .. } => Some(inode),
                _ => None,
            })
            .collect();
        for inode in inodes {
            self.flush_mapped(inode);
        }
        Ok(Ret::None)
    }

    /// Calls that give advice or lock pages, which changes nothing that a program could see here.
    pub(crate) fn sys_mlock(&mut self, _: &mut CallCx, _: [u64; 6]) -> SysResult {
        Ok(Ret::None)
    }
}

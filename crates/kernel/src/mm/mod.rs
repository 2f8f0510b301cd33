//! Memory of programs: areas, demand paging, copies to and from them.

mod calls;
mod fault;
mod memory;
mod user;

use crate::ids::{FileId, MmId};
use glassdock_cpu::{AddressSpace, FrameId, PAGE_SIZE, Prot};
use glassdock_vfs::InodeId;
use std::collections::BTreeMap;

/// Lowest address that may be mapped (`vm.mmap_min_addr`).
pub(crate) const MMAP_MIN: u64 = 65_536;

/// What a page's table entry allows: x86-64 has no page that can be written or executed and not read.
pub(crate) fn page_prot(prot: Prot) -> Prot {
    match prot.is_empty() {
        true => prot,
        false => prot | Prot::READ,
    }
}
/// Most areas of a process (`vm.max_map_count`).
pub(crate) const MAPS_MAX: usize = 65_530;
/// Gap below the stack that other mappings keep from it.
pub(crate) const STACK_GUARD: u64 = 256 * PAGE_SIZE;

/// What an area is filled from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Backing {
    Anonymous,
    /// A file, from an offset in bytes; the description is held.
    File {
        file: FileId,
        inode: InodeId,
        offset: u64,
    },
    /// Shared memory without a name, by the key of its frames.
    SharedAnonymous {
        key: u64,
        offset: u64,
    },
}

/// An area.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Vma {
    pub(crate) end: u64,
    pub(crate) prot: Prot,
    pub(crate) shared: bool,
    pub(crate) grows_down: bool,
    pub(crate) backing: Backing,
}

/// An address space.
pub(crate) struct Mm {
    pub(crate) users: u32,
    pub(crate) space: AddressSpace,
    pub(crate) vmas: BTreeMap<u64, Vma>,
    /// The program's instructions, as its file says.
    pub(crate) code: std::ops::Range<u64>,
    pub(crate) brk_start: u64,
    pub(crate) brk: u64,
    /// Where mappings without an address go, downwards.
    pub(crate) mmap_base: u64,
    pub(crate) stack_top: u64,
}

impl Mm {
    pub(crate) fn new(mmap_base: u64, stack_top: u64) -> Mm {
        Mm {
            users: 1,
            space: AddressSpace::new(),
            vmas: BTreeMap::new(),
            code: 0..0,
            brk_start: 0,
            brk: 0,
            mmap_base,
            stack_top,
        }
    }

    /// The area that holds an address.
    pub(crate) fn vma_at(&self, addr: u64) -> Option<(u64, &Vma)> {
        let (start, vma) = self.vmas.range(..=addr).next_back()?;
        (addr < vma.end).then_some((*start, vma))
    }

    /// Whether nothing is mapped in a range.
    pub(crate) fn is_free(&self, start: u64, end: u64) -> bool {
        self.vmas
            .range(..end)
            .next_back()
            .is_none_or(|(_, vma)| vma.end <= start)
    }

    /// The highest free place below `below` for `len` bytes.
    pub(crate) fn find_gap(&self, len: u64, below: u64) -> Option<u64> {
        let mut top = below;
        for (start, vma) in self.vmas.range(..below).rev() {
            let end = vma.end.min(below);
            if top > end && top - end >= len {
                return Some(top - len);
            }
            let guard = if vma.grows_down { STACK_GUARD } else { 0 };
            top = top.min(start.saturating_sub(guard));
        }
        (top >= MMAP_MIN && top - MMAP_MIN >= len).then(|| top - len)
    }

    /// Bytes of all areas.
    pub(crate) fn total(&self) -> u64 {
        self.vmas.iter().map(|(start, vma)| vma.end - start).sum()
    }

    /// Pages of areas by what they are for (`vm_stat_account`).
    pub(crate) fn areas(&self) -> Areas {
        let mut areas = Areas::default();
        for (start, vma) in &self.vmas {
            let pages = (vma.end - start) / PAGE_SIZE;
            let has = |prot| vma.prot.contains(prot);
            areas.all += pages;
            if vma.grows_down {
                areas.stack += pages;
            } else if has(Prot::EXEC) && !has(Prot::WRITE) {
                areas.code += pages;
            } else if has(Prot::WRITE) && !vma.shared {
                areas.data += pages;
            }
        }
        let text =
            self.code.end.next_multiple_of(PAGE_SIZE) - self.code.start / PAGE_SIZE * PAGE_SIZE;
        areas.text = text / PAGE_SIZE;
        areas
    }

    /// Splits areas so that none reaches over `at`.
    pub(crate) fn split(&mut self, at: u64) {
        let Some((start, vma)) = self.vma_at(at).map(|(start, vma)| (start, *vma)) else {
            return;
        };
        if start == at {
            return;
        }
        let moved = at - start;
        let backing = match vma.backing {
            Backing::Anonymous => Backing::Anonymous,
            Backing::File {
                file,
                inode,
                offset,
            } => Backing::File {
                file,
                inode,
                offset: offset + moved,
            },
            Backing::SharedAnonymous { key, offset } => Backing::SharedAnonymous {
                key,
                offset: offset + moved,
            },
        };
        self.vmas.insert(start, Vma { end: at, ..vma });
        self.vmas.insert(
            at,
            Vma {
                backing,
                grows_down: vma.grows_down,
                ..vma
            },
        );
    }

    /// Joins neighbours that differ in nothing, around a range.
    pub(crate) fn merge(&mut self, start: u64, end: u64) {
        let keys: Vec<u64> = self
            .vmas
            .range(start.saturating_sub(1)..=end)
            .map(|(key, _)| *key)
            .collect();
        for key in keys {
            let Some((before, left)) = self.vmas.range(..key).next_back().map(|(k, v)| (*k, *v))
            else {
                continue;
            };
            let Some(right) = self.vmas.get(&key).copied() else {
                continue;
            };
            let joins = left.end == key
                && left.prot == right.prot
                && left.shared == right.shared
                && left.grows_down == right.grows_down
                && left.backing == Backing::Anonymous
                && right.backing == Backing::Anonymous;
            if joins {
                self.vmas.remove(&key);
                self.vmas.insert(
                    before,
                    Vma {
                        end: right.end,
                        ..left
                    },
                );
            }
        }
    }
}

/// Pages of an address space's areas.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Areas {
    pub(crate) all: u64,
    /// Written by the program alone.
    pub(crate) data: u64,
    pub(crate) stack: u64,
    /// Executed: the program's own and libraries.
    pub(crate) code: u64,
    /// The program's own instructions.
    pub(crate) text: u64,
}

/// Pages of files that programs have mapped.
#[derive(Default)]
pub(crate) struct PageCache {
    /// Read-only copies, by inode and page, true for one version of the contents.
    clean: BTreeMap<(InodeId, u64), (u64, FrameId)>,
    /// Pages that programs share, true always.
    shared: BTreeMap<(InodeId, u64), FrameId>,
    /// Shared memory without a name.
    anonymous: BTreeMap<(u64, u64), FrameId>,
    /// How many areas show it, by key.
    keys: BTreeMap<u64, u64>,
    next_key: u64,
}

/// Clean pages that are kept.
const CLEAN_MAX: usize = 16_384;

impl crate::Kernel {
    /// Gives back a thread's address space; the last user's pages are freed.
    pub(crate) fn put_mm(&mut self, id: MmId) {
        let Some(mm) = self.mms.get_mut(id) else {
            return;
        };
        mm.users = mm.users.saturating_sub(1);
        if mm.users > 0 {
            return;
        }
        let Some(mut mm) = self.mms.remove(id) else {
            return;
        };
        self.publisher.memory(id);
        let vmas: Vec<Vma> = mm.vmas.values().copied().collect();
        mm.space.release(&mut self.frames);
        for vma in vmas {
            self.put_backing(&vma);
        }
        self.drop_unused_shared();
    }

    pub(crate) fn put_backing(&mut self, vma: &Vma) {
        match vma.backing {
            Backing::File { file, inode, .. } => {
                if vma.shared {
                    self.flush_mapped(inode);
                }
                self.put_file(file);
            }
            Backing::SharedAnonymous { key, .. } => self.put_shared_key(key),
            Backing::Anonymous => {}
        }
    }

    /// An area with shared memory is gone; the last one's frames are freed.
    fn put_shared_key(&mut self, key: u64) {
        let cache = &mut self.page_cache;
        match cache.keys.get_mut(&key) {
            Some(areas) if *areas > 1 => *areas -= 1,
            _ => {
                cache.keys.remove(&key);
                let gone: Vec<(u64, u64)> = cache
                    .anonymous
                    .range((key, 0)..=(key, u64::MAX))
                    .map(|(at, _)| *at)
                    .collect();
                for at in gone {
                    if let Some(frame) = cache.anonymous.remove(&at) {
                        self.frames.decref(frame);
                    }
                }
            }
        }
    }

    pub(crate) fn hold_backing(&mut self, vma: &Vma) {
        match vma.backing {
            Backing::File { file, .. } => self.hold_file(file),
            Backing::SharedAnonymous { key, .. } => {
                *self.page_cache.keys.entry(key).or_default() += 1;
            }
            Backing::Anonymous => {}
        }
    }

    /// A copy of an address space for `fork`.
    pub(crate) fn fork_mm(&mut self, id: MmId) -> Option<MmId> {
        let mm = self.mms.get_mut(id)?;
        let copy = Mm {
            users: 1,
            space: mm.space.fork(&mut self.frames),
            vmas: mm.vmas.clone(),
            code: mm.code.clone(),
            brk_start: mm.brk_start,
            brk: mm.brk,
            mmap_base: mm.mmap_base,
            stack_top: mm.stack_top,
        };
        let vmas: Vec<Vma> = copy.vmas.values().copied().collect();
        for vma in vmas {
            self.hold_backing(&vma);
        }
        let id = self.mms.add(copy);
        self.publisher.memory(id);
        Some(id)
    }

    /// Frees frames of files that nobody maps any more.
    fn drop_unused_shared(&mut self) {
        let frames = &mut self.frames;
        let mut unused = |frame: &FrameId| {
            let last = frames.refs(*frame) <= 1;
            if last {
                frames.decref(*frame);
            }
            last
        };
        self.page_cache.shared.retain(|_, frame| !unused(frame));
    }
}

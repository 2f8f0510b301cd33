//! One process's page tables and its software translation buffer.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::frames::{FrameId, Frames, PAGE, PAGE_SIZE, Store};

bitflags::bitflags! {
    /// What a page may be used for. As on the real processor a page with any right can be read.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Prot: u8 {
        /// Loads.
        const READ = 1;
        /// Stores.
        const WRITE = 2;
        /// Instruction fetches.
        const EXEC = 4;
    }
}

/// Whether a store to a page with other owners copies it first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Copy on write while the frame has other references.
    Private,
    /// Stores are seen by everybody who maps the frame.
    Shared,
}

/// Kind of a memory access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A load.
    Read,
    /// A store.
    Write,
    /// An instruction fetch.
    Exec,
}

/// Why an access failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultCause {
    /// No page is there.
    NotMapped,
    /// The page does not allow this access.
    Protection,
    /// The page had to be copied and no frame was free.
    OutOfMemory,
}

/// A failed memory access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The first byte that could not be accessed.
    pub addr: u64,
    /// What was tried.
    pub access: Access,
    /// Why it failed.
    pub cause: FaultCause,
}

/// Why a C string could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CStrError {
    /// A byte of it is not readable.
    Fault(Fault),
    /// No zero byte within the limit.
    TooLong,
}

/// The end of user addresses: one page below 2^47, as on Linux with four-level page tables.
pub const USER_END: u64 = (1 << 47) - PAGE_SIZE;

/// A mapping was asked for outside the user half of the address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadAddress;

const NO_FRAME: u32 = u32::MAX;
const LEAF: usize = 512;

#[derive(Clone, Copy)]
struct Pte {
    frame: u32,
    prot: Prot,
    sharing: Sharing,
}

const EMPTY: Pte = Pte {
    frame: NO_FRAME,
    prot: Prot::empty(),
    sharing: Sharing::Private,
};

/// One mapped page, as [`AddressSpace::pages`] lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its address.
    pub addr: u64,
    /// Its frame.
    pub frame: FrameId,
    /// Its rights.
    pub prot: Prot,
    /// Whether it is copied on write.
    pub sharing: Sharing,
}

/// Entries of the data translation buffer.
pub(crate) const TLB_SIZE: usize = 256;
/// Entries of the instruction translation buffer.
const XTLB_SIZE: usize = 128;
/// A tag that equals no page address.
const NO_TAG: u64 = 1;

#[derive(Clone, Copy)]
pub(crate) struct TlbEntry {
    pub(crate) read: u64,
    pub(crate) write: u64,
    pub(crate) host: u32,
}

const NO_ENTRY: TlbEntry = TlbEntry {
    read: NO_TAG,
    write: NO_TAG,
    host: 0,
};

/// Direct-mapped software translation buffer with separate tags for loads and stores, and another
/// one for instruction fetches.
pub(crate) struct Tlb {
    pub(crate) data: [TlbEntry; TLB_SIZE],
    exec: [(u64, u32); XTLB_SIZE],
}

impl Tlb {
    fn new() -> Box<Tlb> {
        Box::new(Tlb {
            data: [NO_ENTRY; TLB_SIZE],
            exec: [(NO_TAG, 0); XTLB_SIZE],
        })
    }

    fn clear(&mut self) {
        self.data = [NO_ENTRY; TLB_SIZE];
        self.exec = [(NO_TAG, 0); XTLB_SIZE];
    }

    /// Host address of `size` bytes at `addr` that may be loaded. One comparison decides: bytes
    /// that reach into the next page have another tag than the entry.
    #[inline(always)]
    pub(crate) fn read(&self, addr: u64, size: u64) -> Option<u32> {
        let e = &self.data[(addr >> 12) as usize & (TLB_SIZE - 1)];
        (addr.wrapping_add(size - 1) & !0xfff == e.read).then_some(e.host | (addr as u32 & 0xfff))
    }

    /// As [`Tlb::read`], for stores.
    #[inline(always)]
    pub(crate) fn write(&self, addr: u64, size: u64) -> Option<u32> {
        let e = &self.data[(addr >> 12) as usize & (TLB_SIZE - 1)];
        (addr.wrapping_add(size - 1) & !0xfff == e.write).then_some(e.host | (addr as u32 & 0xfff))
    }

    /// The frame that instructions at `addr` are fetched from.
    #[inline(always)]
    pub(crate) fn exec(&self, addr: u64) -> Option<u32> {
        let (tag, frame) = self.exec[(addr >> 12) as usize & (XTLB_SIZE - 1)];
        (tag == addr & !0xfff).then_some(frame)
    }
}

/// Where a store goes.
pub(crate) struct StoreTo {
    pub(crate) host: u32,
    /// Cached instructions may have changed: leave the running block.
    pub(crate) code_changed: bool,
}

/// One process's page tables and translation buffer.
pub struct AddressSpace {
    leaves: BTreeMap<u64, Box<[Pte; LEAF]>>,
    mapped: u64,
    pub(crate) tlb: Box<Tlb>,
    code_epoch: u64,
}

impl Default for AddressSpace {
    fn default() -> Self {
        Self::new()
    }
}

impl AddressSpace {
    /// An empty address space.
    pub fn new() -> AddressSpace {
        AddressSpace {
            leaves: BTreeMap::new(),
            mapped: 0,
            tlb: Tlb::new(),
            code_epoch: 0,
        }
    }

    /// Maps `frame` at the page of `addr`, in place of what was there. The caller's reference to
    /// the frame passes to the address space, also when this fails.
    ///
    /// # Errors
    /// [`BadAddress`] outside the user half.
    pub fn map(
        &mut self,
        frames: &mut Frames,
        addr: u64,
        frame: FrameId,
        prot: Prot,
        sharing: Sharing,
    ) -> Result<(), BadAddress> {
        if addr >= USER_END {
            frames.decref(frame);
            return Err(BadAddress);
        }
        let leaf = self.leaves.entry(addr >> 21).or_insert_with(|| {
            frames.store.tables += 1;
            Box::new([EMPTY; LEAF])
        });
        let slot = &mut leaf[(addr >> 12) as usize & (LEAF - 1)];
        let old = std::mem::replace(
            slot,
            Pte {
                frame: frame.0,
                prot,
                sharing,
            },
        );
        if old.frame == NO_FRAME {
            self.mapped += 1;
        } else {
            frames.decref(FrameId(old.frame));
        }
        self.flush_page(addr);
        Ok(())
    }

    /// Unmaps all pages that `range` touches and drops their references.
    pub fn unmap(&mut self, frames: &mut Frames, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let mut gone = 0;
        self.for_each_in(range.clone(), |pte| {
            frames.decref(FrameId(pte.frame));
            *pte = EMPTY;
            gone += 1;
        });
        self.mapped -= gone;
        let touched = range.start >> 21..=range.end >> 21;
        let empty = |_: &u64, leaf: &mut Box<[Pte; LEAF]>| leaf.iter().all(|p| p.frame == NO_FRAME);
        frames.store.tables -= self.leaves.extract_if(touched, empty).count() as u32;
        self.flush();
    }

    /// Gives all mapped pages that `range` touches the rights `prot`.
    pub fn protect(&mut self, range: Range<u64>, prot: Prot) {
        self.for_each_in(range, |pte| pte.prot = prot);
        self.flush();
    }

    /// Makes all mapped pages that `range` touches shared or private.
    pub fn set_sharing(&mut self, range: Range<u64>, sharing: Sharing) {
        self.for_each_in(range, |pte| pte.sharing = sharing);
        self.flush();
    }

    fn for_each_in(&mut self, range: Range<u64>, mut f: impl FnMut(&mut Pte)) {
        if range.start >= range.end {
            return;
        }
        let (first, last) = (range.start >> 12, (range.end - 1) >> 12);
        for (&high, leaf) in self.leaves.range_mut(first >> 9..=last >> 9) {
            let from = if high == first >> 9 {
                first as usize & 511
            } else {
                0
            };
            let to = if high == last >> 9 {
                last as usize & 511
            } else {
                511
            };
            leaf[from..=to]
                .iter_mut()
                .filter(|p| p.frame != NO_FRAME)
                .for_each(&mut f);
        }
    }

    /// A copy for a child process: private pages become copy-on-write in both, shared ones stay
    /// shared.
    pub fn fork(&mut self, frames: &mut Frames) -> AddressSpace {
        for leaf in self.leaves.values() {
            for pte in leaf.iter().filter(|p| p.frame != NO_FRAME) {
                frames.incref(FrameId(pte.frame));
            }
        }
        self.flush();
        frames.store.tables += self.leaves.len() as u32;
        AddressSpace {
            leaves: self.leaves.clone(),
            mapped: self.mapped,
            tlb: Tlb::new(),
            code_epoch: 0,
        }
    }

    /// Drops all pages and their references.
    pub fn release(&mut self, frames: &mut Frames) {
        frames.store.tables -= self.leaves.len() as u32;
        for leaf in std::mem::take(&mut self.leaves).values() {
            for pte in leaf.iter().filter(|p| p.frame != NO_FRAME) {
                frames.decref(FrameId(pte.frame));
            }
        }
        self.mapped = 0;
        self.flush();
    }

    /// What is mapped at the page of `addr`.
    pub fn frame_at(&self, addr: u64) -> Option<(FrameId, Prot, Sharing)> {
        self.pte(addr)
            .map(|p| (FrameId(p.frame), p.prot, p.sharing))
    }

    /// How many pages are mapped.
    pub fn mapped_pages(&self) -> u64 {
        self.mapped
    }

    /// How many pages its page tables take; see [`Frames::tables`].
    pub fn table_pages(&self) -> u64 {
        self.leaves.len() as u64
    }

    /// All mapped pages in order of address.
    pub fn pages(&self) -> impl Iterator<Item = Page> + '_ {
        self.pages_in(0..u64::MAX)
    }

    /// The mapped pages whose addresses are in `range`, in order.
    pub fn pages_in(&self, range: Range<u64>) -> impl Iterator<Item = Page> + '_ {
        let (start, end) = (range.start, range.end.max(range.start));
        self.leaves
            .range(start >> 21..=end >> 21)
            .flat_map(move |(high, leaf)| {
                let base = high << 21;
                leaf.iter().enumerate().filter_map(move |(i, p)| {
                    let addr = base + i as u64 * PAGE_SIZE;
                    (p.frame != NO_FRAME && addr >= start & !0xfff && addr < end).then_some(Page {
                        addr,
                        frame: FrameId(p.frame),
                        prot: p.prot,
                        sharing: p.sharing,
                    })
                })
            })
    }

    /// Forgets all cached translations.
    pub fn flush(&mut self) {
        self.tlb.clear();
    }

    fn flush_page(&mut self, addr: u64) {
        self.tlb.data[(addr >> 12) as usize & (TLB_SIZE - 1)] = NO_ENTRY;
        self.tlb.exec[(addr >> 12) as usize & (XTLB_SIZE - 1)] = (NO_TAG, 0);
    }

    /// Drops store translations that were made before frames became code.
    pub(crate) fn sync(&mut self, store: &Store) {
        if self.code_epoch != store.code_epoch {
            self.code_epoch = store.code_epoch;
            self.tlb.data.iter_mut().for_each(|e| e.write = NO_TAG);
        }
    }

    fn pte(&self, addr: u64) -> Option<&Pte> {
        let leaf = self.leaves.get(&(addr >> 21))?;
        let pte = &leaf[(addr >> 12) as usize & (LEAF - 1)];
        (pte.frame != NO_FRAME).then_some(pte)
    }

    fn pte_mut(&mut self, addr: u64) -> Option<&mut Pte> {
        let leaf = self.leaves.get_mut(&(addr >> 21))?;
        let pte = &mut leaf[(addr >> 12) as usize & (LEAF - 1)];
        (pte.frame != NO_FRAME).then_some(pte)
    }

    /// Host address for a load at `addr`; fills the translation buffer unless `transient`.
    pub(crate) fn load_at(&mut self, addr: u64, transient: bool) -> Result<u32, Fault> {
        let fault = |cause| Fault {
            addr,
            access: Access::Read,
            cause,
        };
        let pte = *self.pte(addr).ok_or(fault(FaultCause::NotMapped))?;
        if pte.prot.is_empty() {
            return Err(fault(FaultCause::Protection));
        }
        if !transient {
            self.fill(addr, pte.frame, |e, page| e.read = page);
        }
        Ok(pte.frame << 12 | (addr as u32 & 0xfff))
    }

    /// Checks that `addr` may be stored to and copies its page where it must be.
    pub(crate) fn can_store(&mut self, store: &mut Store, addr: u64) -> Result<u32, Fault> {
        let fault = |cause| Fault {
            addr,
            access: Access::Write,
            cause,
        };
        let pte = self.pte_mut(addr).ok_or(fault(FaultCause::NotMapped))?;
        if !pte.prot.contains(Prot::WRITE) {
            return Err(fault(FaultCause::Protection));
        }
        if pte.sharing == Sharing::Shared || store.refs(pte.frame) == 1 {
            return Ok(pte.frame);
        }
        let copy = store
            .copy_frame(pte.frame)
            .map_err(|_| fault(FaultCause::OutOfMemory))?;
        pte.frame = copy;
        if pte.prot.contains(Prot::EXEC) {
            // The running block may be of this page: make the coming store say so.
            store.mark_code(copy);
        }
        self.flush_page(addr);
        Ok(copy)
    }

    /// Host address for a store at `addr`, after copying the page where it must be; fills the
    /// translation buffer unless `transient`.
    pub(crate) fn store_at(
        &mut self,
        store: &mut Store,
        addr: u64,
        transient: bool,
    ) -> Result<StoreTo, Fault> {
        let frame = self.can_store(store, addr)?;
        let code_changed = store.written(frame);
        if !transient {
            self.fill(addr, frame, |e, page| {
                e.read = page;
                e.write = page;
            });
        }
        Ok(StoreTo {
            host: frame << 12 | (addr as u32 & 0xfff),
            code_changed,
        })
    }

    /// The frame for an instruction fetch at `addr`.
    pub(crate) fn fetch_at(&mut self, addr: u64) -> Result<u32, Fault> {
        let fault = |cause| Fault {
            addr,
            access: Access::Exec,
            cause,
        };
        let pte = *self.pte(addr).ok_or(fault(FaultCause::NotMapped))?;
        if !pte.prot.contains(Prot::EXEC) {
            return Err(fault(FaultCause::Protection));
        }
        self.tlb.exec[(addr >> 12) as usize & (XTLB_SIZE - 1)] = (addr & !0xfff, pte.frame);
        Ok(pte.frame)
    }

    fn fill(&mut self, addr: u64, frame: u32, set: impl Fn(&mut TlbEntry, u64)) {
        let page = addr & !0xfff;
        let e = &mut self.tlb.data[(addr >> 12) as usize & (TLB_SIZE - 1)];
        if e.host != frame << 12 || (e.read != page && e.write != page) {
            *e = TlbEntry {
                host: frame << 12,
                ..NO_ENTRY
            };
        }
        set(e, page);
    }

    /// Copies from the process's memory, honouring rights, as the kernel's `copy_from_user`.
    ///
    /// # Errors
    /// The first address that cannot be read; what lies before it has been copied.
    pub fn read(&self, frames: &Frames, addr: u64, out: &mut [u8]) -> Result<(), Fault> {
        let mut done = 0;
        while done < out.len() {
            let at = addr.wrapping_add(done as u64);
            let n = (PAGE - (at as usize & (PAGE - 1))).min(out.len() - done);
            let fault = |cause| Fault {
                addr: at,
                access: Access::Read,
                cause,
            };
            let pte = self.pte(at).ok_or(fault(FaultCause::NotMapped))?;
            if pte.prot.is_empty() {
                return Err(fault(FaultCause::Protection));
            }
            let host = pte.frame << 12 | (at as u32 & 0xfff);
            out[done..done + n].copy_from_slice(frames.store.ram.slice(host, n));
            done += n;
        }
        Ok(())
    }

    /// Copies into the process's memory, honouring rights and copying pages on write, as the
    /// kernel's `copy_to_user`.
    ///
    /// # Errors
    /// The first address that cannot be written; what lies before it has been copied.
    pub fn write(&mut self, frames: &mut Frames, addr: u64, bytes: &[u8]) -> Result<(), Fault> {
        let mut done = 0;
        while done < bytes.len() {
            let at = addr.wrapping_add(done as u64);
            let n = (PAGE - (at as usize & (PAGE - 1))).min(bytes.len() - done);
            let host = self.store_at(&mut frames.store, at, true)?.host;
            frames
                .store
                .ram
                .slice_mut(host, n)
                .copy_from_slice(&bytes[done..done + n]);
            done += n;
        }
        Ok(())
    }

    /// Reads a little-endian u32, see [`AddressSpace::read`].
    ///
    /// # Errors
    /// As [`AddressSpace::read`].
    pub fn read_u32(&self, frames: &Frames, addr: u64) -> Result<u32, Fault> {
        let mut b = [0; 4];
        self.read(frames, addr, &mut b)?;
        Ok(u32::from_le_bytes(b))
    }

    /// Reads a little-endian u64, see [`AddressSpace::read`].
    ///
    /// # Errors
    /// As [`AddressSpace::read`].
    pub fn read_u64(&self, frames: &Frames, addr: u64) -> Result<u64, Fault> {
        let mut b = [0; 8];
        self.read(frames, addr, &mut b)?;
        Ok(u64::from_le_bytes(b))
    }

    /// Writes a little-endian u32, see [`AddressSpace::write`].
    ///
    /// # Errors
    /// As [`AddressSpace::write`].
    pub fn write_u32(&mut self, frames: &mut Frames, addr: u64, v: u32) -> Result<(), Fault> {
        self.write(frames, addr, &v.to_le_bytes())
    }

    /// Writes a little-endian u64, see [`AddressSpace::write`].
    ///
    /// # Errors
    /// As [`AddressSpace::write`].
    pub fn write_u64(&mut self, frames: &mut Frames, addr: u64, v: u64) -> Result<(), Fault> {
        self.write(frames, addr, &v.to_le_bytes())
    }

    /// Reads a zero-terminated string of at most `limit` bytes, terminator included; the result
    /// is without it.
    ///
    /// # Errors
    /// [`CStrError::Fault`] where it leaves readable memory, [`CStrError::TooLong`] past the limit.
    pub fn read_cstr(
        &self,
        frames: &Frames,
        addr: u64,
        limit: usize,
    ) -> Result<Vec<u8>, CStrError> {
        let mut out = Vec::new();
        while out.len() < limit {
            let at = addr.wrapping_add(out.len() as u64);
            let n = (PAGE - (at as usize & (PAGE - 1))).min(limit - out.len());
            let start = out.len();
            out.resize(start + n, 0);
            self.read(frames, at, &mut out[start..])
                .map_err(CStrError::Fault)?;
            if let Some(end) = out[start..].iter().position(|&b| b == 0) {
                out.truncate(start + end);
                return Ok(out);
            }
        }
        Err(CStrError::TooLong)
    }
}

//! Physical memory: reference-counted 4 KiB frames.
//!
//! Frames live in fixed chunks so that growing never copies what is there, which keeps the
//! page's linear memory (the checkpoint) free of holes.

use crate::accounts::{self, Account, AccountId, Accounts};
use crate::cache::CodeCache;

/// Bytes in a page and in a frame.
pub const PAGE_SIZE: u64 = 4096;
/// `PAGE_SIZE` as an index.
pub(crate) const PAGE: usize = PAGE_SIZE as usize;
/// Bytes in a chunk, the unit in which memory is taken from the host.
pub(crate) const CHUNK: usize = 1 << CHUNK_BITS;
pub(crate) const CHUNK_BITS: u32 = 20;
/// Most frames a machine can have: a frame's byte address must fit 32 bits.
pub const MAX_FRAMES: u32 = 1 << 20;

/// The name of one frame of a [`Frames`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameId(pub(crate) u32);

impl FrameId {
    /// The frame's number, for display and for hashing.
    pub fn number(self) -> u32 {
        self.0
    }
}

/// No frame is free and the limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfFrames;

impl std::fmt::Display for OutOfFrames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the machine's physical memory is used up")
    }
}

impl std::error::Error for OutOfFrames {}

#[derive(Clone, Copy, Default)]
struct Meta {
    refs: u32,
    /// The account that it is charged to.
    payer: u32,
    /// Instructions of this frame are in the code cache: writes must be noticed.
    has_code: bool,
}

/// The bytes of all frames, addressed by host address (frame number * 4096 + offset).
#[derive(Default)]
pub(crate) struct Ram {
    chunks: Vec<Box<[u8; CHUNK]>>,
}

impl Ram {
    fn grow(&mut self) {
        if let Ok(chunk) = vec![0u8; CHUNK].into_boxed_slice().try_into() {
            self.chunks.push(chunk);
        }
    }

    /// `N` bytes at `host`, which must lie in one frame.
    #[inline(always)]
    pub(crate) fn get<const N: usize>(&self, host: u32) -> [u8; N] {
        let chunk = &self.chunks[(host >> CHUNK_BITS) as usize];
        let at = host as usize & (CHUNK - 1);
        let mut out = [0; N];
        out.copy_from_slice(&chunk[at..at + N]);
        out
    }

    /// Stores `N` bytes at `host`; all must lie in one frame.
    #[inline(always)]
    pub(crate) fn put<const N: usize>(&mut self, host: u32, bytes: [u8; N]) {
        let chunk = &mut self.chunks[(host >> CHUNK_BITS) as usize];
        let at = host as usize & (CHUNK - 1);
        chunk[at..at + N].copy_from_slice(&bytes);
    }

    pub(crate) fn slice(&self, host: u32, len: usize) -> &[u8] {
        let at = host as usize & (CHUNK - 1);
        &self.chunks[(host >> CHUNK_BITS) as usize][at..at + len]
    }

    pub(crate) fn slice_mut(&mut self, host: u32, len: usize) -> &mut [u8] {
        let at = host as usize & (CHUNK - 1);
        &mut self.chunks[(host >> CHUNK_BITS) as usize][at..at + len]
    }

    /// Copies `len` bytes between two places that each lie in one frame, as if through a buffer.
    pub(crate) fn copy(&mut self, from: u32, to: u32, len: usize) {
        let (cf, ct) = ((from >> CHUNK_BITS) as usize, (to >> CHUNK_BITS) as usize);
        let (af, at) = (from as usize & (CHUNK - 1), to as usize & (CHUNK - 1));
        if cf == ct {
            self.chunks[cf].copy_within(af..af + len, at);
        } else if let Ok([src, dst]) = self.chunks.get_disjoint_mut([cf, ct]) {
            dst[at..at + len].copy_from_slice(&src[af..af + len]);
        }
    }
}

/// Frames without the code cache: what an access needs while a block runs.
#[derive(Default)]
pub(crate) struct Store {
    pub(crate) ram: Ram,
    meta: Vec<Meta>,
    free: Vec<u32>,
    limit: u32,
    used: u32,
    /// Memory that others take, in frames.
    reserved: u32,
    /// Frames that page tables take.
    pub(crate) tables: u32,
    accounts: Accounts,
    /// Frames whose cached instructions are no longer true.
    pub(crate) stale: Vec<u32>,
    /// Counts the frames that became code: spaces drop their write translations when it moved.
    pub(crate) code_epoch: u64,
}

impl Store {
    pub(crate) fn alloc(&mut self) -> Result<u32, OutOfFrames> {
        if self.room() == 0 {
            self.accounts.full = None;
            return Err(OutOfFrames);
        }
        if self.accounts.payer != 0 {
            let (room, fullest) = self.accounts.room(self.accounts.payer);
            if room == 0 {
                self.accounts.full = fullest;
                return Err(OutOfFrames);
            }
        }
        if let Some(frame) = self.free.pop() {
            self.ram.slice_mut(frame << 12, PAGE).fill(0);
            self.take(frame);
            return Ok(frame);
        }
        let frame = self.meta.len() as u32;
        if frame.is_multiple_of((CHUNK / PAGE) as u32) {
            self.ram.grow();
        }
        self.meta.push(Meta::default());
        self.take(frame);
        Ok(frame)
    }

    fn room(&self) -> u32 {
        let taken = self.reserved.saturating_add(self.tables);
        self.limit.saturating_sub(taken).saturating_sub(self.used)
    }

    fn take(&mut self, frame: u32) {
        let payer = self.accounts.payer;
        let meta = &mut self.meta[frame as usize];
        meta.refs = 1;
        meta.payer = payer;
        self.used += 1;
        if payer != 0 {
            self.accounts.charge(payer, 1);
        }
    }

    pub(crate) fn incref(&mut self, frame: u32) {
        self.meta[frame as usize].refs += 1;
    }

    pub(crate) fn decref(&mut self, frame: u32) {
        let meta = &mut self.meta[frame as usize];
        meta.refs = meta.refs.saturating_sub(1);
        if meta.refs == 0 {
            let payer = std::mem::take(&mut meta.payer);
            self.written(frame);
            self.free.push(frame);
            self.used -= 1;
            if payer != 0 {
                self.accounts.uncharge(payer, 1);
            }
        }
    }

    pub(crate) fn refs(&self, frame: u32) -> u32 {
        self.meta[frame as usize].refs
    }

    /// Notes that instructions of `frame` are cached. True when it had none before.
    pub(crate) fn mark_code(&mut self, frame: u32) -> bool {
        let first = !std::mem::replace(&mut self.meta[frame as usize].has_code, true);
        self.code_epoch += u64::from(first);
        first
    }

    /// To be called before `frame` is written. True when cached instructions were dropped.
    pub(crate) fn written(&mut self, frame: u32) -> bool {
        let meta = &mut self.meta[frame as usize];
        let had = std::mem::replace(&mut meta.has_code, false);
        if had {
            self.stale.push(frame);
        }
        had
    }

    /// A private copy of `frame`, which loses one reference.
    pub(crate) fn copy_frame(&mut self, frame: u32) -> Result<u32, OutOfFrames> {
        let copy = self.alloc()?;
        self.ram.copy(frame << 12, copy << 12, PAGE);
        self.decref(frame);
        Ok(copy)
    }
}

/// Physical memory of one machine: reference-counted 4 KiB frames, shared by all address spaces
/// (fork shares them, a write to a shared private frame copies it). Decoded instructions are
/// cached here too, by frame, so that all processes that run a program share them.
pub struct Frames {
    pub(crate) store: Store,
    pub(crate) code: CodeCache,
}

impl Frames {
    /// Memory of at most `limit_frames` frames (clamped to [`MAX_FRAMES`]), taken from the host as
    /// needed.
    pub fn new(limit_frames: u32) -> Frames {
        let store = Store {
            limit: limit_frames.min(MAX_FRAMES),
            ..Store::default()
        };
        Frames {
            store,
            code: CodeCache::default(),
        }
    }

    /// A frame of zeroes with one reference, which the caller owns.
    ///
    /// # Errors
    /// [`OutOfFrames`] at the limit.
    pub fn alloc_zeroed(&mut self) -> Result<FrameId, OutOfFrames> {
        self.store.alloc().map(FrameId)
    }

    /// Adds a reference.
    pub fn incref(&mut self, frame: FrameId) {
        self.store.incref(frame.0);
    }

    /// Drops a reference; the frame is free when it was the last.
    pub fn decref(&mut self, frame: FrameId) {
        self.store.decref(frame.0);
    }

    /// How many references there are.
    pub fn refs(&self, frame: FrameId) -> u32 {
        self.store.refs(frame.0)
    }

    /// How many frames are in use, those of page tables included.
    pub fn used(&self) -> u32 {
        self.store.used + self.store.tables
    }

    /// How many frames page tables take: one for each 2 MiB of addresses that an address space has a page in. (The
    /// directories above them are not counted.)
    pub fn tables(&self) -> u32 {
        self.store.tables
    }

    /// Says how much memory is taken by what is not kept in frames, in frames: it counts against the limit.
    pub fn set_reserved(&mut self, frames: u32) {
        self.store.reserved = frames;
    }

    /// How many frames can still be had.
    pub fn free(&self) -> u32 {
        self.store.room()
    }

    /// The most frames there can be.
    pub fn limit(&self) -> u32 {
        self.store.limit
    }

    /// Opens an account below another, without a limit.
    pub fn add_account(&mut self, parent: AccountId) -> AccountId {
        self.store.accounts.add(parent)
    }

    /// Closes an account: what is charged to it is its parent's from now on.
    pub fn close_account(&mut self, id: AccountId) {
        let accounts = &mut self.store.accounts;
        let parent = accounts.parent(id);
        let charged = |meta: &&mut Meta| meta.payer == id.0;
        for meta in self.store.meta.iter_mut().filter(charged) {
            meta.payer = parent.0;
        }
        if accounts.payer == id.0 {
            accounts.payer = parent.0;
        }
    }

    /// Says who pays for the frames that are had from now on.
    pub fn charge_to(&mut self, id: AccountId) {
        self.store.accounts.payer = id.0;
    }

    /// Who pays for the next frame.
    pub fn payer(&self) -> AccountId {
        AccountId(self.store.accounts.payer)
    }

    /// Who pays for a frame.
    pub fn payer_of(&self, frame: FrameId) -> AccountId {
        AccountId(self.store.meta[frame.0 as usize].payer)
    }

    /// What an account has; `None` for the machine's own.
    pub fn account(&self, id: AccountId) -> Option<&Account> {
        self.store.accounts.get(id)
    }

    /// Whether an account is another or below it.
    pub fn is_within(&self, id: AccountId, top: AccountId) -> bool {
        self.store.accounts.within(id, top)
    }

    /// Limits an account, in frames. What it has already stays.
    pub fn set_account_limit(&mut self, id: AccountId, limit: u32) {
        if let Some(account) = self.store.accounts.get_mut(id) {
            account.limit = limit;
        }
    }

    /// The account above one.
    pub fn parent_account(&self, id: AccountId) -> AccountId {
        self.store.accounts.parent(id)
    }

    /// Charges what is not kept in frames, in frames, whatever the limits.
    pub fn charge(&mut self, id: AccountId, frames: u32) {
        self.store.accounts.charge(id.0, frames);
    }

    /// Takes back what [`Frames::charge`] charged.
    pub fn uncharge(&mut self, id: AccountId, frames: u32) {
        self.store.accounts.uncharge(id.0, frames);
    }

    /// How many more frames the payer's accounts allow, and the one that allows the fewest.
    pub fn account_room(&self, id: AccountId) -> (u32, Option<AccountId>) {
        self.store.accounts.room(id.0)
    }

    /// The account whose limit the last frame that could not be had ran into; `None` where the machine's memory was used up.
    pub fn full_account(&self) -> Option<AccountId> {
        self.store.accounts.full
    }

    /// How many frames are charged to an account or one below it.
    pub fn count_charged(&self, top: AccountId) -> u32 {
        let below = accounts::below(&self.store.accounts, top);
        let used = self.store.meta.iter().filter(|meta| meta.refs > 0);
        used.filter(|meta| below[meta.payer as usize]).count() as u32
    }

    /// The frame's bytes.
    pub fn bytes(&self, frame: FrameId) -> &[u8; PAGE] {
        self.store
            .ram
            .slice(frame.0 << 12, PAGE)
            .try_into()
            .unwrap_or(&[0; PAGE])
    }

    /// The frame's bytes, to change. Whoever shares the frame sees the change, so this is for
    /// frames that the caller owns alone and for shared mappings. Cached instructions are dropped.
    pub fn bytes_mut(&mut self, frame: FrameId) -> &mut [u8] {
        self.store.written(frame.0);
        self.store.ram.slice_mut(frame.0 << 12, PAGE)
    }
}

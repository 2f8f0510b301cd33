//! The cache of decoded blocks.
//!
//! A block is a run of instructions that is entered only at its start. Blocks are found by
//! physical address, so all processes that map a program's pages share them. The micro-operations
//! of all blocks lie in one arena; when it is full, everything is dropped.

use std::collections::BTreeMap;

use crate::decode::{DecodeError, decode};
use crate::frames::{PAGE, Store};
use crate::inst::Inst;
use crate::lower::{Lower, flag_use, fuse, pair};
use crate::op::{Code, Op};
use crate::space::{AddressSpace, Fault};
use crate::state::Exit;

/// Most instructions in a block.
const MAX_BLOCK: usize = 64;
/// Micro-operations after which the cache is emptied: 16 MiB of them.
const MAX_OPS: usize = 1 << 20;
/// No such block, or not known yet.
pub(crate) const NO_BLOCK: u32 = u32::MAX;
/// A frame number that no frame has.
const NO_FRAME: u32 = u32::MAX;
/// Entries of the direct-mapped cache in front of the map.
const FRONT: usize = 4096;

/// Where a block can go without asking anybody.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    /// Distance from the block's start to the target's.
    pub(crate) delta: i64,
    /// The target, once it is known.
    pub(crate) to: u32,
}

const NO_LINK: Link = Link {
    delta: 0,
    to: NO_BLOCK,
};

/// One basic block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    /// Its frame; [`NO_FRAME`] when its instructions have changed.
    pub(crate) frame: u32,
    /// First micro-operation.
    pub(crate) start: u32,
    /// How many instructions it has.
    pub(crate) count: u32,
    /// The frame of the following page where its only instruction reaches into that.
    second: u32,
    /// Fall-through, taken branch.
    pub(crate) links: [Link; 2],
}

/// Where an instruction's micro-operations come from, for faults.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    /// The instruction's distance from the block's start.
    pub(crate) offset: u16,
    /// How many instructions come before it.
    pub(crate) index: u16,
}

/// Decoded blocks of all frames.
pub(crate) struct CodeCache {
    pub(crate) ops: Vec<Op>,
    pub(crate) origins: Vec<Origin>,
    pub(crate) blocks: Vec<Block>,
    /// By frame, then offset.
    map: BTreeMap<u32, BTreeMap<u16, u32>>,
    /// The blocks that reach into a frame from the page before it.
    reaching: BTreeMap<u32, Vec<u32>>,
    /// Physical address and block.
    pub(crate) front: Box<[(u32, u32); FRONT]>,
    /// Counts how often everything was dropped.
    pub(crate) epoch: u64,
}

impl Default for CodeCache {
    fn default() -> Self {
        CodeCache {
            ops: Vec::new(),
            origins: Vec::new(),
            blocks: Vec::new(),
            map: BTreeMap::new(),
            reaching: BTreeMap::new(),
            front: Box::new([(u32::MAX, NO_BLOCK); FRONT]),
            epoch: 0,
        }
    }
}

fn front_slot(phys: u32) -> usize {
    (phys ^ phys >> 12) as usize & (FRONT - 1)
}

/// The block at physical address `phys`, if the front cache has it.
#[inline(always)]
pub(crate) fn front(front: &[(u32, u32); FRONT], phys: u32) -> Option<u32> {
    let (key, block) = front[front_slot(phys)];
    (key == phys).then_some(block)
}

impl CodeCache {
    fn clear(&mut self) {
        *self = CodeCache {
            epoch: self.epoch + 1,
            ..CodeCache::default()
        };
    }

    /// Drops the blocks of frames that were written.
    pub(crate) fn purge(&mut self, store: &mut Store) {
        for frame in store.stale.drain(..) {
            for id in self.reaching.remove(&frame).unwrap_or_default() {
                if let Some(block) = self.blocks.get_mut(id as usize) {
                    block.frame = NO_FRAME;
                }
            }
            for (offset, id) in self.map.remove(&frame).unwrap_or_default() {
                if let Some(block) = self.blocks.get_mut(id as usize) {
                    block.frame = NO_FRAME;
                }
                let phys = frame << 12 | u32::from(offset);
                let slot = &mut self.front[front_slot(phys)];
                if slot.0 == phys {
                    *slot = (u32::MAX, NO_BLOCK);
                }
            }
        }
    }

    /// The block at `rip`, decoded now if it has to be.
    ///
    /// # Errors
    /// The fault of fetching its first instruction.
    pub(crate) fn find(
        &mut self,
        space: &mut AddressSpace,
        store: &mut Store,
        rip: u64,
    ) -> Result<u32, Exit> {
        self.purge(store);
        let frame = fetch(space, rip)?;
        let phys = frame << 12 | (rip as u32 & 0xfff);
        if let Some(id) = front(&self.front, phys) {
            return Ok(id);
        }
        let known = self
            .map
            .get(&frame)
            .and_then(|m| m.get(&(rip as u16 & 0xfff)))
            .copied();
        if let Some(id) = known
            && self.still_true(space, rip, id)?
        {
            if self.blocks[id as usize].second == NO_FRAME {
                self.front[front_slot(phys)] = (phys, id);
            }
            return Ok(id);
        }
        if self.ops.len() > MAX_OPS {
            self.clear();
        }
        let id = self.decode_block(space, store, rip, MAX_BLOCK)?;
        self.map
            .entry(frame)
            .or_default()
            .insert(rip as u16 & 0xfff, id);
        match self.blocks[id as usize].second {
            NO_FRAME => self.front[front_slot(phys)] = (phys, id),
            second => self.reaching.entry(second).or_default().push(id),
        }
        Ok(id)
    }

    /// Whether a known block is still what memory says, also on the second page that it may need.
    fn still_true(&self, space: &mut AddressSpace, rip: u64, id: u32) -> Result<bool, Exit> {
        let Block { frame, second, .. } = self.blocks[id as usize];
        if frame == NO_FRAME {
            return Ok(false);
        }
        Ok(second == NO_FRAME || fetch(space, (rip & !0xfff).wrapping_add(0x1000))? == second)
    }

    /// Whether other blocks may jump into this one without a look-up.
    pub(crate) fn linkable(&self, id: u32) -> bool {
        self.blocks
            .get(id as usize)
            .is_some_and(|b| b.second == NO_FRAME)
    }

    /// A block of at most `limit` instructions at `rip` that nobody else will find; see
    /// [`CodeCache::forget_last`].
    pub(crate) fn decode_short(
        &mut self,
        space: &mut AddressSpace,
        store: &mut Store,
        rip: u64,
        limit: usize,
    ) -> Result<u32, Exit> {
        self.purge(store);
        self.decode_block(space, store, rip, limit)
    }

    /// Takes the most recent block out again.
    pub(crate) fn forget_last(&mut self) {
        if let Some(block) = self.blocks.pop() {
            self.ops.truncate(block.start as usize);
            self.origins.truncate(block.start as usize);
        }
    }

    fn decode_block(
        &mut self,
        space: &mut AddressSpace,
        store: &mut Store,
        rip: u64,
        limit: usize,
    ) -> Result<u32, Exit> {
        let frame = fetch(space, rip)?;
        let mut insts: Vec<(u16, Inst)> = Vec::new();
        let mut at = rip;
        let mut second = NO_FRAME;
        // #UD or #GP of the instruction after the last.
        let mut bad = None;
        while insts.len() < limit.min(MAX_BLOCK) && (at ^ rip) < PAGE as u64 {
            let offset = at as usize & (PAGE - 1);
            let here = store.ram.slice(frame << 12 | offset as u32, PAGE - offset);
            let inst = match decode(here) {
                Err(DecodeError::Truncated) if !insts.is_empty() => break,
                Err(DecodeError::Truncated) => {
                    second = fetch(space, (at & !0xfff).wrapping_add(0x1000))?;
                    let mut bytes = [0; 32];
                    let n = here.len().min(16);
                    bytes[..n].copy_from_slice(&here[..n]);
                    bytes[n..n + 16].copy_from_slice(store.ram.slice(second << 12, 16));
                    decode(&bytes)
                }
                other => other,
            };
            match inst {
                Ok(inst) => {
                    insts.push(((at - rip) as u16, inst));
                    at = at.wrapping_add(u64::from(inst.len));
                    if inst.ends_block() || second != NO_FRAME {
                        break;
                    }
                }
                Err(error) => {
                    bad = Some(error);
                    break;
                }
            }
        }
        for f in [frame, second] {
            if f != NO_FRAME && store.mark_code(f) {
                space.sync(store);
            }
        }
        if insts.is_empty() {
            return Err(match bad {
                Some(DecodeError::TooLong) => Exit::GeneralProtection,
                _ => Exit::InvalidOpcode,
            });
        }
        Ok(self.assemble(frame, second, &insts, at.wrapping_sub(rip)))
    }

    /// Makes micro-operations of instructions.
    fn assemble(&mut self, frame: u32, second: u32, insts: &[(u16, Inst)], len: u64) -> u32 {
        let start = self.ops.len();
        let mut dead = vec![false; insts.len()];
        let mut live = 0x3f;
        for (i, (_, inst)) in insts.iter().enumerate().rev() {
            let (reads, kills) = flag_use(inst);
            dead[i] = live & kills == 0 && kills != 0 || live == 0;
            live = live & !kills | reads;
        }
        for (i, (offset, inst)) in insts.iter().enumerate() {
            let next = i64::from(*offset) + i64::from(inst.len);
            Lower {
                ops: &mut self.ops,
                next,
                dead: dead[i],
            }
            .inst(inst);
            let origin = Origin {
                offset: *offset,
                index: i as u16,
            };
            self.origins.resize(self.ops.len(), origin);
        }
        let mut links = [
            Link {
                delta: len as i64,
                ..NO_LINK
            },
            NO_LINK,
        ];
        match insts.last() {
            Some((offset, inst)) if inst.ends_block() => {
                let end = i64::from(*offset) + i64::from(inst.len);
                links[1].delta = end.wrapping_add(inst.imm);
            }
            _ => {
                let origin = Origin {
                    offset: len as u16,
                    index: insts.len() as u16,
                };
                self.ops.push(Op::new(Code::Fall));
                self.origins.push(origin);
            }
        }
        self.fuse_last(start);
        self.fuse_pairs(start);
        let id = self.blocks.len() as u32;
        let count = insts.len() as u32;
        self.blocks.push(Block {
            frame,
            start: start as u32,
            count,
            second,
            links,
        });
        id
    }

    /// A comparison directly before the conditional branch becomes one operation with it. The
    /// branch's own operation stays behind it, unused.
    fn fuse_last(&mut self, start: usize) {
        let n = self.ops.len();
        if n < start + 2 || !matches!(self.ops[n - 1].code, Code::Jcc | Code::JccZ) {
            return;
        }
        let cc = self.ops[n - 1].c;
        // Overflow and parity are rare and need more than the comparison's order.
        if matches!(cc >> 1, 0 | 5) {
            return;
        }
        if let Some(code) = fuse(self.ops[n - 2].code) {
            let compare = &mut self.ops[n - 2];
            compare.code = code;
            compare.c = crate::flags::CONDITION[usize::from(cc >> 1)];
            compare.d = cc & 1;
        }
    }

    /// Two operations that are often together become one.
    fn fuse_pairs(&mut self, start: usize) {
        let mut at = start;
        while at + 1 < self.ops.len() {
            match pair(&self.ops[at], &self.ops[at + 1]) {
                Some(both) => {
                    self.ops[at] = both;
                    at += 2;
                }
                None => at += 1,
            }
        }
    }
}

/// The frame to fetch instructions at `addr` from.
fn fetch(space: &mut AddressSpace, addr: u64) -> Result<u32, Exit> {
    if let Some(frame) = space.tlb.exec(addr) {
        return Ok(frame);
    }
    if !crate::vm::canonical(addr) {
        return Err(Exit::GeneralProtection);
    }
    space
        .fetch_at(addr)
        .map_err(|fault: Fault| Exit::PageFault(fault))
}

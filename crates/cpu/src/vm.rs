//! What a running block works on: register slots, flags, memory.

use crate::flags::{Flags, Kind};
use crate::frames::{PAGE, Store};
use crate::op::{Op, SLOTS};
use crate::space::AddressSpace;
use crate::state::{Cpu, Exit, reg, rflags};

/// Why a micro-operation does not simply go on to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The instruction was not done; [`Vm::exit`] says why.
    Exit,
    /// The instruction was done, but cached instructions may be stale: look the next one up.
    Leave,
}

/// The running processor.
pub(crate) struct Vm<'a> {
    pub(crate) r: [u64; SLOTS],
    pub(crate) fl: Flags,
    pub(crate) exit: Exit,
    /// The exit is because of an address that is not canonical.
    pub(crate) noncanonical: bool,
    pub(crate) cpu: &'a mut Cpu,
    pub(crate) space: &'a mut AddressSpace,
    pub(crate) store: &'a mut Store,
}

/// An operand width.
pub(crate) trait Word: Copy + PartialEq {
    /// Width in bits.
    const BITS: u32;
    /// The low bits of a slot.
    fn of(slot: u64) -> Self;
    /// Zero-extended.
    fn zx(self) -> u64;
    /// The slot's value after a write: 32-bit writes clear the upper half, narrow ones keep it.
    fn into_slot(self, old: u64) -> u64;
    /// Shifted so that the top bit is bit 63.
    #[inline(always)]
    fn left(self) -> u64 {
        self.zx() << (64 - Self::BITS)
    }
}

macro_rules! word {
    ($($t:ty, $old:ident => $keep:expr;)*) => {$(
        impl Word for $t {
            const BITS: u32 = <$t>::BITS;
            #[inline(always)]
            fn of(slot: u64) -> Self { slot as $t }
            #[inline(always)]
            fn zx(self) -> u64 { u64::from(self) }
            #[inline(always)]
            fn into_slot(self, $old: u64) -> u64 { u64::from(self) | $keep }
        }
    )*};
}

word! {
    u8, old => old & !0xff;
    u16, old => old & !0xffff;
    u32, _old => 0;
    u64, _old => 0;
}

/// Whether the processor can translate `addr` at all.
pub(crate) fn canonical(addr: u64) -> bool {
    (addr as i64) << 16 >> 16 == addr as i64
}

impl Vm<'_> {
    #[inline(always)]
    pub(crate) fn slot(&self, i: u8) -> u64 {
        self.r[usize::from(i) & (SLOTS - 1)]
    }

    #[inline(always)]
    pub(crate) fn set_slot(&mut self, i: u8, v: u64) {
        self.r[usize::from(i) & (SLOTS - 1)] = v;
    }

    #[inline(always)]
    pub(crate) fn get<W: Word>(&self, i: u8) -> W {
        W::of(self.slot(i))
    }

    #[inline(always)]
    pub(crate) fn set<W: Word>(&mut self, i: u8, v: W) {
        let old = self.slot(i);
        self.set_slot(i, v.into_slot(old));
    }

    /// The address of the memory operand.
    #[inline(always)]
    pub(crate) fn ea(&self, op: &Op) -> u64 {
        self.slot(op.base)
            .wrapping_add(self.slot(op.index) << (op.index >> 5))
            .wrapping_add(op.disp as u64)
    }

    /// As [`Vm::ea`] for operands without an index.
    #[inline(always)]
    pub(crate) fn ead(&self, op: &Op) -> u64 {
        self.slot(op.base).wrapping_add(op.disp as u64)
    }

    /// Refuses to go to an address that is not canonical.
    #[inline(always)]
    pub(crate) fn branch_target(&mut self, to: u64) -> Result<u64, Stop> {
        if canonical(to) {
            Ok(to)
        } else {
            Err(self.stop(Exit::GeneralProtection))
        }
    }

    pub(crate) fn stop(&mut self, exit: Exit) -> Stop {
        self.exit = exit;
        Stop::Exit
    }

    #[inline(always)]
    pub(crate) fn load<const N: usize>(&mut self, addr: u64) -> Result<[u8; N], Stop> {
        match self.space.tlb.read(addr, N as u64) {
            Some(host) => Ok(self.store.ram.get(host)),
            None => {
                let mut out = [0; N];
                self.load_slow(addr, &mut out)?;
                Ok(out)
            }
        }
    }

    #[inline(always)]
    pub(crate) fn load8(&mut self, addr: u64) -> Result<u8, Stop> {
        self.load::<1>(addr).map(|b| b[0])
    }

    #[inline(always)]
    pub(crate) fn load16(&mut self, addr: u64) -> Result<u16, Stop> {
        self.load(addr).map(u16::from_le_bytes)
    }

    #[inline(always)]
    pub(crate) fn load32(&mut self, addr: u64) -> Result<u32, Stop> {
        self.load(addr).map(u32::from_le_bytes)
    }

    #[inline(always)]
    pub(crate) fn load64(&mut self, addr: u64) -> Result<u64, Stop> {
        self.load(addr).map(u64::from_le_bytes)
    }

    #[inline(always)]
    pub(crate) fn put<const N: usize>(&mut self, addr: u64, v: [u8; N]) -> Result<(), Stop> {
        match self.space.tlb.write(addr, N as u64) {
            Some(host) => {
                self.store.ram.put(host, v);
                Ok(())
            }
            None => self.store_slow(addr, &v),
        }
    }

    /// Makes sure that a store of `N` bytes at `addr` cannot fail, then loads them.
    #[inline(always)]
    pub(crate) fn rmw<const N: usize>(&mut self, addr: u64) -> Result<[u8; N], Stop> {
        match self.space.tlb.write(addr, N as u64) {
            Some(host) => Ok(self.store.ram.get(host)),
            None => {
                self.check_store(addr, N)?;
                self.load(addr)
            }
        }
    }

    fn bad_address(&mut self, addr: u64, len: usize) -> Result<(), Stop> {
        let last = addr.wrapping_add(len as u64 - 1);
        if !canonical(addr) || !canonical(last) {
            self.noncanonical = true;
            return Err(self.stop(Exit::GeneralProtection));
        }
        if self.cpu.flags & rflags::AC != 0 && !addr.is_multiple_of(len as u64) && len <= 8 {
            return Err(self.stop(Exit::AlignmentCheck));
        }
        Ok(())
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn load_slow(&mut self, addr: u64, out: &mut [u8]) -> Result<(), Stop> {
        self.bad_address(addr, out.len())?;
        let transient = self.cpu.flags & rflags::AC != 0;
        let mut done = 0;
        while done < out.len() {
            let at = addr.wrapping_add(done as u64);
            let n = (PAGE - (at as usize & (PAGE - 1))).min(out.len() - done);
            match self.space.load_at(at, transient) {
                Ok(host) => out[done..done + n].copy_from_slice(self.store.ram.slice(host, n)),
                Err(fault) => return Err(self.stop(Exit::PageFault(fault))),
            }
            done += n;
        }
        Ok(())
    }

    /// Copies pages that must be copied and reports the first byte that cannot be stored to.
    #[cold]
    #[inline(never)]
    pub(crate) fn check_store(&mut self, addr: u64, len: usize) -> Result<(), Stop> {
        self.bad_address(addr, len)?;
        let last = addr.wrapping_add(len as u64 - 1);
        let second = (last & !0xfff != addr & !0xfff).then_some(last & !0xfff);
        for at in [Some(addr), second].into_iter().flatten() {
            if let Err(fault) = self.space.can_store(self.store, at) {
                return Err(self.stop(Exit::PageFault(fault)));
            }
        }
        Ok(())
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn store_slow(&mut self, addr: u64, bytes: &[u8]) -> Result<(), Stop> {
        self.check_store(addr, bytes.len())?;
        let transient = self.cpu.flags & rflags::AC != 0;
        let mut code_changed = false;
        let mut done = 0;
        while done < bytes.len() {
            let at = addr.wrapping_add(done as u64);
            let n = (PAGE - (at as usize & (PAGE - 1))).min(bytes.len() - done);
            match self.space.store_at(self.store, at, transient) {
                Ok(to) => {
                    code_changed |= to.code_changed;
                    let part = &bytes[done..done + n];
                    self.store.ram.slice_mut(to.host, n).copy_from_slice(part);
                }
                Err(fault) => return Err(self.stop(Exit::PageFault(fault))),
            }
            done += n;
        }
        if code_changed {
            Err(Stop::Leave)
        } else {
            Ok(())
        }
    }

    /// RFLAGS as the program would see them.
    pub(crate) fn rflags(&self) -> u64 {
        self.cpu.flags & !rflags::ARITH | self.fl.rflags()
    }

    #[inline(always)]
    pub(crate) fn flags_sub<W: Word>(&mut self, x: W, y: W) {
        let shift = (64 - W::BITS) as u8;
        self.fl = Flags {
            kind: Kind::Sub,
            shift,
            x: x.left(),
            y: y.left(),
        };
    }

    #[inline(always)]
    pub(crate) fn flags_add<W: Word>(&mut self, sum: W, y: W) {
        let shift = (64 - W::BITS) as u8;
        self.fl = Flags {
            kind: Kind::Add,
            shift,
            x: sum.left(),
            y: y.left(),
        };
    }

    /// ZF, SF and PF of `result`; CF, OF and AF as given (RFLAGS bits).
    #[inline(always)]
    pub(crate) fn flags_result<W: Word>(&mut self, result: W, others: u64) {
        let shift = (64 - W::BITS) as u8;
        self.fl = Flags {
            kind: Kind::Result,
            shift,
            x: result.left(),
            y: others,
        };
    }

    /// Replaces the flags in `mask` by `bits`.
    pub(crate) fn flags_change(&mut self, mask: u64, bits: u64) {
        self.fl = Flags::eager(self.fl.rflags() & !mask | bits & mask);
    }
}

/// The stack and the 128-bit registers.
impl Vm<'_> {
    #[inline(always)]
    pub(crate) fn push(&mut self, v: u64) -> Result<(), Stop> {
        let sp = self.r[reg::RSP].wrapping_sub(8);
        let done = self.put(sp, v.to_le_bytes());
        if done != Err(Stop::Exit) {
            self.r[reg::RSP] = sp;
        }
        done
    }

    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Result<u64, Stop> {
        let v = self.load64(self.r[reg::RSP])?;
        self.r[reg::RSP] = self.r[reg::RSP].wrapping_add(8);
        Ok(v)
    }

    #[inline(always)]
    pub(crate) fn xmm(&self, i: u8) -> u128 {
        self.cpu.xmm[usize::from(i) & 15]
    }

    #[inline(always)]
    pub(crate) fn set_xmm(&mut self, i: u8, v: u128) {
        self.cpu.xmm[usize::from(i) & 15] = v;
    }

    #[inline(always)]
    pub(crate) fn load128(&mut self, addr: u64) -> Result<u128, Stop> {
        self.load(addr).map(u128::from_le_bytes)
    }

    #[inline(always)]
    pub(crate) fn load128_aligned(&mut self, addr: u64) -> Result<u128, Stop> {
        if addr & 15 != 0 {
            return Err(self.stop(Exit::GeneralProtection));
        }
        self.load128(addr)
    }

    #[inline(always)]
    pub(crate) fn put128(&mut self, addr: u64, v: u128) -> Result<(), Stop> {
        self.put(addr, v.to_le_bytes())
    }

    #[inline(always)]
    pub(crate) fn put128_aligned(&mut self, addr: u64, v: u128) -> Result<(), Stop> {
        if addr & 15 != 0 {
            return Err(self.stop(Exit::GeneralProtection));
        }
        self.put128(addr, v)
    }
}

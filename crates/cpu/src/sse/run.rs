//! Runs SSE and SSE2 instructions that have no code of their own in the hot loop.

use super::lower::{IN_MEMORY, TAGS, Tag, WIDE};
use super::mmx::{enter_mmx, mmx, mmx_reg, set_mmx};
use super::{Lanes, fp, int};
use crate::op::Op;
use crate::state::{reg, rflags};
use crate::vm::{Stop, Vm};

pub(super) fn lanes(d: u8) -> Lanes {
    [Lanes::Ps, Lanes::Pd, Lanes::Ss, Lanes::Sd][usize::from(d & 3)]
}

impl Lanes {
    /// Bytes of a memory operand.
    fn bytes(self) -> u8 {
        match self {
            Lanes::Ps | Lanes::Pd => 16,
            Lanes::Ss => 4,
            Lanes::Sd => 8,
        }
    }
}

pub(super) fn in_memory(op: &Op) -> bool {
    op.imm & IN_MEMORY != 0
}

/// The source: a register, or `bytes` from memory (16 must be aligned).
pub(super) fn source(vm: &mut Vm, op: &Op, bytes: u8) -> Result<u128, Stop> {
    if !in_memory(op) {
        return Ok(vm.xmm(op.b));
    }
    let ea = vm.ea(op);
    Ok(match bytes {
        2 => u128::from(vm.load16(ea)?),
        4 => u128::from(vm.load32(ea)?),
        8 => u128::from(vm.load64(ea)?),
        _ => vm.load128_aligned(ea)?,
    })
}

pub(super) fn low(v: u128, keep: u128) -> u128 {
    keep >> 64 << 64 | u128::from(v as u64)
}

pub(super) fn merge(lanes: Lanes, old: u128, new: u128) -> u128 {
    match lanes {
        Lanes::Ss => old >> 32 << 32 | new & 0xffff_ffff,
        Lanes::Sd => low(new, old),
        _ => new,
    }
}

pub(super) fn shuffle_words(v: u64, order: u8) -> u64 {
    (0..4).fold(0, |r, i| {
        r | (v >> (16 * (order >> (2 * i) & 3)) & 0xffff) << (16 * i)
    })
}

pub(super) fn dword(v: u128, n: u8) -> u128 {
    v >> (32 * u32::from(n & 3)) & 0xffff_ffff
}

/// Runs an SSE, SSE2 or MMX instruction.
#[inline(never)]
pub(crate) fn run(vm: &mut Vm, op: &Op) -> Result<(), Stop> {
    let Some(&tag) = TAGS.get(usize::from(op.c)) else {
        return Ok(());
    };
    let imm = op.imm as u8;
    let a = vm.xmm(op.a);
    let wide = op.imm & WIDE != 0;
    let result = match tag {
        Tag::Load => vm.xmm(op.b),
        Tag::LoadQ => u128::from(vm.xmm(op.b) as u64),
        Tag::LoadScalar => merge(lanes(op.d), a, vm.xmm(op.b)),
        Tag::StoreScalar => {
            let v = merge(lanes(op.d), vm.xmm(op.b), a);
            vm.set_xmm(op.b, v);
            return Ok(());
        }
        Tag::LoadLow if in_memory(op) => low(source(vm, op, 8)?, a),
        Tag::LoadLow => low(vm.xmm(op.b) >> 64, a),
        Tag::LoadHigh => u128::from(a as u64) | source(vm, op, 8)? << 64,
        Tag::StoreHigh => return vm.put(vm.ea(op), ((a >> 64) as u64).to_le_bytes()),
        Tag::FromGpr if wide => u128::from(vm.slot(op.b)),
        Tag::FromGpr => u128::from(vm.slot(op.b) as u32),
        Tag::ToGpr => {
            vm.set_slot(
                op.b,
                if wide {
                    a as u64
                } else {
                    a as u64 & 0xffff_ffff
                },
            );
            return Ok(());
        }
        Tag::IntImm => {
            let v = int::run(op.d, vm.xmm(op.b), u128::from(imm));
            vm.set_xmm(op.b, v);
            return Ok(());
        }
        Tag::Pshufd => {
            let s = source(vm, op, 16)?;
            (0..4).fold(0, |r, i| r | dword(s, imm >> (2 * i)) << (32 * i))
        }
        Tag::Pshuflw => {
            let s = source(vm, op, 16)?;
            low(u128::from(shuffle_words(s as u64, imm)), s)
        }
        Tag::Pshufhw => {
            let s = source(vm, op, 16)?;
            low(s, u128::from(shuffle_words((s >> 64) as u64, imm)) << 64)
        }
        Tag::Shufps => {
            let s = source(vm, op, 16)?;
            dword(a, imm)
                | dword(a, imm >> 2) << 32
                | dword(s, imm >> 4) << 64
                | dword(s, imm >> 6) << 96
        }
        Tag::Shufpd => {
            let s = source(vm, op, 16)?;
            let half = |v: u128, n: u8| v >> (64 * u32::from(n & 1)) & u128::from(u64::MAX);
            half(a, imm) | half(s, imm >> 1) << 64
        }
        Tag::Pinsrw => {
            let v = if in_memory(op) {
                source(vm, op, 2)?
            } else {
                u128::from(vm.slot(op.b) as u16)
            };
            let at = 16 * u32::from(imm & 7);
            a & !(0xffff << at) | v << at
        }
        Tag::Pextrw => {
            let v = vm.xmm(op.b) >> (16 * u32::from(imm & 7)) & 0xffff;
            vm.set_slot(op.a, v as u64);
            return Ok(());
        }
        Tag::Pmovmskb => {
            vm.set_slot(op.a, u64::from(int::movmskb(vm.xmm(op.b))));
            return Ok(());
        }
        Tag::Movmsk => {
            let (n, width) = if lanes(op.d) == Lanes::Ps {
                (4, 32)
            } else {
                (2, 64)
            };
            let v = vm.xmm(op.b);
            let bits = (0..n).fold(0, |r, i| r | (v >> (width * (i + 1) - 1) & 1) << i);
            vm.set_slot(op.a, bits as u64);
            return Ok(());
        }
        Tag::Maskmovdqu => return masked_store(vm, op, a, vm.xmm(op.b), 16),
        Tag::Arith => {
            let lanes = lanes(op.d >> 4);
            let s = source(vm, op, lanes.bytes())?;
            let r = fp::arith(vm, op.d & 15, lanes, a, s)?;
            merge(lanes, a, r)
        }
        Tag::Compare => {
            let lanes = lanes(op.d);
            let s = source(vm, op, lanes.bytes())?;
            let r = fp::compare(vm, imm, lanes, a, s)?;
            merge(lanes, a, r)
        }
        Tag::Comi | Tag::Ucomi => {
            let lanes = lanes(op.d);
            let s = source(vm, op, if lanes == Lanes::Ss { 4 } else { 8 })?;
            let bits = fp::order(vm, lanes, a, s, tag == Tag::Comi)?;
            vm.flags_change(rflags::ARITH, bits);
            return Ok(());
        }
        Tag::Convert => return convert(vm, op, wide),
        _ => return mmx(vm, op, tag, wide),
    };
    vm.set_xmm(op.a, result);
    Ok(())
}

/// Stores those of `n` bytes whose mask byte has its top bit set, at rdi.
pub(super) fn masked_store(
    vm: &mut Vm,
    op: &Op,
    v: u128,
    mask: u128,
    n: usize,
) -> Result<(), Stop> {
    let base = if op.base == crate::op::ZERO {
        0
    } else {
        vm.slot(op.base)
    };
    let to = vm.r[reg::RDI].wrapping_add(base);
    let (v, mask) = (v.to_le_bytes(), mask.to_le_bytes());
    let chosen = |i: &usize| mask[*i] & 0x80 != 0;
    for i in (0..n).filter(chosen) {
        vm.check_store(to.wrapping_add(i as u64), 1)?;
    }
    let mut done = Ok(());
    for i in (0..n).filter(chosen) {
        done = done.and(vm.put(to.wrapping_add(i as u64), [v[i]]));
    }
    done
}

/// Conversions; see [`fp::Convert`] for which kind of register each end is.
fn convert(vm: &mut Vm, op: &Op, wide: bool) -> Result<(), Stop> {
    let Some(what) = fp::convert_op(op.d) else {
        return Ok(());
    };
    let shape = what.shape();
    let mmx = shape.from_mmx && !in_memory(op) || shape.to_mmx;
    if mmx {
        crate::x87::check_pending(vm)?;
    }
    let s = if in_memory(op) {
        let bytes = if shape.from_gpr && wide {
            8
        } else {
            shape.bytes
        };
        source(vm, op, bytes)?
    } else if shape.from_mmx {
        u128::from(mmx_reg(vm, op.b))
    } else if shape.from_gpr {
        u128::from(vm.slot(op.b))
    } else {
        vm.xmm(op.b)
    };
    if mmx {
        // Also when the conversion traps.
        enter_mmx(vm)?;
    }
    let r = fp::convert(vm, what, s, wide, vm.xmm(op.a))?;
    if shape.to_mmx {
        set_mmx(vm, op.a, r as u64);
    } else if shape.to_gpr {
        vm.set_slot(op.a, r as u64);
    } else {
        vm.set_xmm(op.a, r);
    }
    Ok(())
}

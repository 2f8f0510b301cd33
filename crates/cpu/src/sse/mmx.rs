//! MMX, whose registers are the significands of the x87 unit's.

use super::lower::Tag;
use super::run::{in_memory, masked_store, shuffle_words, source};
use super::{IntOp, int};
use crate::op::Op;
use crate::state::Exit;
use crate::vm::{Stop, Vm};

pub(super) fn mmx_reg(vm: &Vm, i: u8) -> u64 {
    vm.cpu.x87.regs[usize::from(i & 7)].mant
}

pub(super) fn set_mmx(vm: &mut Vm, i: u8, v: u64) {
    vm.cpu.x87.regs[usize::from(i & 7)] = crate::state::F80 {
        mant: v,
        se: 0xffff,
    };
}

/// What every MMX instruction does to the x87 unit; #MF when an exception is pending there.
pub(super) fn enter_mmx(vm: &mut Vm) -> Result<(), Stop> {
    crate::x87::check_pending(vm)?;
    vm.cpu.x87.status &= !0x3800;
    vm.cpu.x87.used = 0xff;
    Ok(())
}

pub(super) fn mmx_source(vm: &mut Vm, op: &Op, bytes: u8) -> Result<u64, Stop> {
    if in_memory(op) {
        source(vm, op, bytes).map(|v| v as u64)
    } else {
        Ok(mmx_reg(vm, op.b))
    }
}

pub(super) fn mmx(vm: &mut Vm, op: &Op, tag: Tag, wide: bool) -> Result<(), Stop> {
    crate::x87::check_pending(vm)?;
    let imm = op.imm as u8;
    let a = mmx_reg(vm, op.a);
    let result = match tag {
        Tag::Emms => {
            enter_mmx(vm)?;
            vm.cpu.x87.used = 0;
            return Ok(());
        }
        Tag::MmxInt => {
            use IntOp::{Punpcklbw, Punpckldq, Punpcklwd};
            let four = matches!(int::op(op.d), Punpckldq | Punpcklbw | Punpcklwd);
            let s = mmx_source(vm, op, if four { 4 } else { 8 })?;
            int::run_mmx(op.d, a, s)
        }
        Tag::MmxIntImm => {
            let v = int::run_mmx(op.d, mmx_reg(vm, op.b), u64::from(imm));
            enter_mmx(vm)?;
            set_mmx(vm, op.b, v);
            return Ok(());
        }
        Tag::MmxLoad => mmx_source(vm, op, 8)?,
        Tag::MmxStore if in_memory(op) => {
            let done = vm.put(vm.ea(op), a.to_le_bytes());
            if done != Err(Stop::Exit) {
                enter_mmx(vm)?;
            }
            return done;
        }
        Tag::MmxStore => {
            enter_mmx(vm)?;
            set_mmx(vm, op.b, a);
            return Ok(());
        }
        Tag::MmxFromGpr => {
            let v = if in_memory(op) {
                source(vm, op, if wide { 8 } else { 4 })? as u64
            } else {
                vm.slot(op.b)
            };
            if wide { v } else { v & 0xffff_ffff }
        }
        Tag::MmxToGpr => {
            let v = if wide { a } else { a & 0xffff_ffff };
            let done = match (in_memory(op), wide) {
                (false, _) => {
                    vm.set_slot(op.b, v);
                    Ok(())
                }
                (true, true) => vm.put(vm.ea(op), v.to_le_bytes()),
                (true, false) => vm.put(vm.ea(op), (v as u32).to_le_bytes()),
            };
            if done != Err(Stop::Exit) {
                enter_mmx(vm)?;
            }
            return done;
        }
        Tag::MmxPshufw => shuffle_words(mmx_source(vm, op, 8)?, imm),
        Tag::MmxPinsrw => {
            let v = if in_memory(op) {
                source(vm, op, 2)? as u64
            } else {
                vm.slot(op.b) & 0xffff
            };
            let at = 16 * (imm & 3);
            a & !(0xffff << at) | v << at
        }
        Tag::MmxPextrw => {
            let v = mmx_reg(vm, op.b) >> (16 * (imm & 3)) & 0xffff;
            vm.set_slot(op.a, v);
            return enter_mmx(vm);
        }
        Tag::MmxPmovmskb => {
            let v = int::movmskb(u128::from(mmx_reg(vm, op.b)));
            vm.set_slot(op.a, u64::from(v));
            return enter_mmx(vm);
        }
        Tag::MmxMaskmovq => {
            let mask = u128::from(mmx_reg(vm, op.b));
            let done = masked_store(vm, op, u128::from(a), mask, 8);
            if done != Err(Stop::Exit) {
                enter_mmx(vm)?;
            }
            return done;
        }
        Tag::Movq2dq => {
            let v = u128::from(mmx_reg(vm, op.b));
            vm.set_xmm(op.a, v);
            return enter_mmx(vm);
        }
        Tag::Movdq2q => vm.xmm(op.b) as u64,
        _ => return Err(vm.stop(Exit::InvalidOpcode)),
    };
    enter_mmx(vm)?;
    set_mmx(vm, op.a, result);
    Ok(())
}

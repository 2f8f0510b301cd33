//! Rare instructions, out of the hot loop's way.

use crate::alu::SAHF;
use crate::cpuid;
use crate::op::Op;
use crate::state::rflags::{AC, ARITH, CF, DF, IF, RF, USER, ZF};
use crate::state::{Exit, MXCSR_MASK, reg};
use crate::vm::{Stop, Vm};

const RSP: usize = reg::RSP;

/// What a `Cold` micro-operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ColdOp {
    Push16,
    Push16Imm,
    Pop16,
    PopMem,
    Pushf,
    Sahf,
    Lahf,
    Enter,
    Leave16,
    Clc,
    Stc,
    Cmc,
    Cld,
    Std,
    PushSeg,
    Cpuid,
    Fxsave,
    Fxrstor,
    Ldmxcsr,
    Stmxcsr,
    Clflush,
    Cmpxchg16b,
}

const ALL: [ColdOp; 22] = {
    use ColdOp::*;
    [
        Push16, Push16Imm, Pop16, PopMem, Pushf, Sahf, Lahf, Enter, Leave16, Clc, Stc, Cmc, Cld,
        Std, PushSeg, Cpuid, Fxsave, Fxrstor, Ldmxcsr, Stmxcsr, Clflush, Cmpxchg16b,
    ]
};

/// Whether the instruction pushes or pops.
pub(crate) fn uses_stack(op: &Op) -> bool {
    use ColdOp::*;
    let what = ALL.get(usize::from(op.c));
    matches!(
        what,
        Some(Push16 | Push16Imm | Pop16 | PopMem | Pushf | Enter | Leave16 | PushSeg)
    )
}

/// Runs a rare instruction.
#[inline(never)]
pub(crate) fn run(vm: &mut Vm, op: &Op) -> Result<(), Stop> {
    let Some(&what) = ALL.get(usize::from(op.c)) else {
        return Ok(());
    };
    match what {
        ColdOp::Push16 => push_sized(vm, vm.slot(op.a), 2),
        ColdOp::Push16Imm => push_sized(vm, op.imm as u64, 2),
        ColdOp::Pop16 => {
            let v = vm.load16(vm.r[RSP])?;
            vm.r[RSP] = vm.r[RSP].wrapping_add(2);
            vm.set::<u16>(op.a, v);
            Ok(())
        }
        ColdOp::PopMem => pop_mem(vm, op),
        ColdOp::Pushf => push_sized(vm, vm.rflags() & !RF, op.d),
        ColdOp::Sahf => {
            vm.flags_change(SAHF, vm.r[0] >> 8);
            Ok(())
        }
        ColdOp::Lahf => {
            let ah = vm.fl.rflags() & SAHF | 2;
            vm.r[0] = vm.r[0] & !0xff00 | ah << 8;
            Ok(())
        }
        ColdOp::Enter => enter(vm, op),
        ColdOp::Leave16 => {
            let v = vm.load16(vm.r[reg::RBP])?;
            vm.r[RSP] = vm.r[reg::RBP].wrapping_add(2);
            vm.set::<u16>(reg::RBP as u8, v);
            Ok(())
        }
        ColdOp::Clc => {
            vm.flags_change(CF, 0);
            Ok(())
        }
        ColdOp::Stc => {
            vm.flags_change(CF, CF);
            Ok(())
        }
        ColdOp::Cmc => {
            vm.flags_change(CF, !vm.fl.rflags());
            Ok(())
        }
        ColdOp::Cld => {
            vm.cpu.flags &= !DF;
            Ok(())
        }
        ColdOp::Std => {
            vm.cpu.flags |= DF;
            Ok(())
        }
        // fs and gs hold the null selector.
        ColdOp::PushSeg => push_sized(vm, 0, op.d),
        ColdOp::Cpuid => {
            let [a, b, c, d] = cpuid::cpuid(vm.r[0] as u32, vm.r[reg::RCX] as u32);
            vm.r[reg::RAX] = u64::from(a);
            vm.r[reg::RBX] = u64::from(b);
            vm.r[reg::RCX] = u64::from(c);
            vm.r[reg::RDX] = u64::from(d);
            Ok(())
        }
        ColdOp::Fxsave => fxsave(vm, op),
        ColdOp::Fxrstor => fxrstor(vm, op),
        ColdOp::Ldmxcsr => {
            let v = vm.load32(vm.ea(op))?;
            if v & !MXCSR_MASK != 0 {
                return Err(vm.stop(Exit::GeneralProtection));
            }
            vm.cpu.mxcsr = v;
            Ok(())
        }
        ColdOp::Stmxcsr => vm.put(vm.ea(op), vm.cpu.mxcsr.to_le_bytes()),
        ColdOp::Clflush => vm.load8(vm.ea(op)).map(|_| ()),
        ColdOp::Cmpxchg16b if op.d == 8 => cmpxchg16b(vm, op),
        ColdOp::Cmpxchg16b => cmpxchg8b(vm, op),
    }
}

fn push_sized(vm: &mut Vm, v: u64, size: u8) -> Result<(), Stop> {
    if size == 8 {
        return vm.push(v);
    }
    let sp = vm.r[RSP].wrapping_sub(2);
    let done = vm.put(sp, (v as u16).to_le_bytes());
    if done != Err(Stop::Exit) {
        vm.r[RSP] = sp;
    }
    done
}

/// `pop` to memory: the address is computed with the stack pointer after the pop.
fn pop_mem(vm: &mut Vm, op: &Op) -> Result<(), Stop> {
    let old = vm.r[RSP];
    let size = u64::from(op.d);
    let v = if size == 8 {
        vm.load64(old)?
    } else {
        u64::from(vm.load16(old)?)
    };
    vm.r[RSP] = old.wrapping_add(size);
    let ea = vm.ea(op);
    let done = match size {
        8 => vm.put(ea, v.to_le_bytes()),
        _ => vm.put(ea, (v as u16).to_le_bytes()),
    };
    if done == Err(Stop::Exit) {
        vm.r[RSP] = old;
    }
    done
}

fn enter(vm: &mut Vm, op: &Op) -> Result<(), Stop> {
    let (alloc, level) = (op.imm as u64 & 0xffff, op.imm as u64 >> 16 & 31);
    let size = u64::from(op.d);
    let bp = vm.r[reg::RBP];
    let mut sp = vm.r[RSP];
    let mut leave = false;
    let mut push = |vm: &mut Vm, v: u64| {
        sp = sp.wrapping_sub(size);
        let done = match size {
            8 => vm.put(sp, v.to_le_bytes()),
            _ => vm.put(sp, (v as u16).to_le_bytes()),
        };
        leave |= done == Err(Stop::Leave);
        if done == Err(Stop::Exit) {
            Err(Stop::Exit)
        } else {
            Ok(sp)
        }
    };
    let frame = push(vm, bp)?;
    for i in 1..level {
        let from = bp.wrapping_sub(size * i);
        let v = if size == 8 {
            vm.load64(from)?
        } else {
            u64::from(vm.load16(from)?)
        };
        push(vm, v)?;
    }
    let mut end = frame;
    if level > 0 {
        end = push(vm, frame)?;
    }
    let end = end.wrapping_sub(alloc);
    // The processor checks that the new top can be written.
    vm.check_store(end, size as usize)?;
    match size {
        8 => vm.r[reg::RBP] = frame,
        _ => vm.set::<u16>(reg::RBP as u8, frame as u16),
    }
    vm.r[RSP] = end;
    if leave { Err(Stop::Leave) } else { Ok(()) }
}

/// `popf`; what user mode cannot change stays.
#[inline(never)]
pub(crate) fn popf(vm: &mut Vm, op: &Op) -> Result<(), Stop> {
    let sp = vm.r[RSP];
    let (v, mask, size) = if op.d == 8 {
        (vm.load64(sp)?, USER, 8)
    } else {
        (u64::from(vm.load16(sp)?), USER & 0xffff, 2)
    };
    vm.r[RSP] = sp.wrapping_add(size);
    let old = vm.rflags();
    let new = old & !mask | v & mask;
    if (old ^ new) & AC != 0 {
        vm.space.flush();
    }
    vm.cpu.flags = new & !ARITH & !RF | IF | 2;
    vm.fl = crate::flags::Flags::eager(new);
    Ok(())
}

/// loopne, loope, loop, jrcxz: whether the branch is taken.
#[inline(never)]
pub(crate) fn count_branch(vm: &mut Vm, op: &Op) -> bool {
    let mask = if op.d != 0 { 0xffff_ffff } else { u64::MAX };
    let count = vm.r[reg::RCX] & mask;
    if op.c == 3 {
        return count == 0;
    }
    let count = count.wrapping_sub(1) & mask;
    vm.r[reg::RCX] = count;
    let zf = vm.fl.rflags() & ZF != 0;
    count != 0
        && match op.c {
            0 => !zf,
            1 => zf,
            _ => true,
        }
}

fn aligned(vm: &mut Vm, op: &Op) -> Result<u64, Stop> {
    let ea = vm.ea(op);
    if ea & 15 != 0 {
        Err(vm.stop(Exit::GeneralProtection))
    } else {
        Ok(ea)
    }
}

/// The bytes of an `fxsave` image that processors leave alone.
const FXSAVE_USED: usize = 416;

fn fxsave(vm: &mut Vm, op: &Op) -> Result<(), Stop> {
    let ea = aligned(vm, op)?;
    let image = vm.cpu.fxsave();
    vm.check_store(ea, 512)?;
    let mut done = Ok(());
    for (i, part) in image[..FXSAVE_USED].chunks_exact(16).enumerate() {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(part);
        done = done.and(vm.put(ea.wrapping_add(16 * i as u64), bytes));
    }
    done
}

fn fxrstor(vm: &mut Vm, op: &Op) -> Result<(), Stop> {
    let ea = aligned(vm, op)?;
    let mut image = [0; 512];
    vm.load_slow(ea, &mut image)?;
    if vm.cpu.fxrstor(&image) {
        Ok(())
    } else {
        Err(vm.stop(Exit::GeneralProtection))
    }
}

fn cmpxchg16b(vm: &mut Vm, op: &Op) -> Result<(), Stop> {
    let ea = aligned(vm, op)?;
    let old = u128::from_le_bytes(vm.rmw(ea)?);
    let wanted = u128::from(vm.r[reg::RDX]) << 64 | u128::from(vm.r[reg::RAX]);
    let equal = old == wanted;
    vm.flags_change(ZF, if equal { ZF } else { 0 });
    if !equal {
        vm.r[reg::RAX] = old as u64;
        vm.r[reg::RDX] = (old >> 64) as u64;
        return vm.put(ea, old.to_le_bytes());
    }
    let new = u128::from(vm.r[reg::RCX]) << 64 | u128::from(vm.r[reg::RBX]);
    vm.put(ea, new.to_le_bytes())
}

fn cmpxchg8b(vm: &mut Vm, op: &Op) -> Result<(), Stop> {
    let ea = vm.ea(op);
    let old = u64::from_le_bytes(vm.rmw(ea)?);
    let pair = |high: u64, low: u64| high << 32 | low & 0xffff_ffff;
    let equal = old == pair(vm.r[reg::RDX], vm.r[reg::RAX]);
    vm.flags_change(ZF, if equal { ZF } else { 0 });
    if !equal {
        vm.r[reg::RAX] = old & 0xffff_ffff;
        vm.r[reg::RDX] = old >> 32;
        return vm.put(ea, old.to_le_bytes());
    }
    let new = pair(vm.r[reg::RCX], vm.r[reg::RBX]);
    vm.put(ea, new.to_le_bytes())
}

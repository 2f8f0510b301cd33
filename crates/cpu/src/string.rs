//! String instructions, with and without a repeat prefix.

use crate::op::{Op, ZERO};
use crate::state::reg;
use crate::state::rflags::{DF, ZF};
use crate::vm::{Stop, Vm};

/// How far a string instruction came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It is complete.
    Done,
    /// It is complete, but cached instructions may be stale.
    DoneLeave,
    /// Iterations are left to do.
    Partial,
    /// An iteration could not be done; [`Vm::exit`] says why.
    Fault,
}

struct Walk {
    mask: u64,
    step: u64,
    /// Bytes of an element.
    size: u64,
    src_base: u64,
}

impl Walk {
    fn reg(&self, vm: &Vm, i: usize) -> u64 {
        vm.r[i] & self.mask
    }

    fn source(&self, vm: &Vm) -> u64 {
        self.reg(vm, reg::RSI).wrapping_add(self.src_base)
    }

    fn advance(&self, vm: &mut Vm, i: usize, n: u64) {
        vm.r[i] = vm.r[i].wrapping_add(self.step.wrapping_mul(n)) & self.mask;
    }
}

/// Runs at most `allowed` iterations; returns how many were done (0 for a repetition whose count
/// is 0).
#[inline(never)]
pub(crate) fn run(vm: &mut Vm, op: &Op, allowed: u64) -> (u64, Progress) {
    let size = 1u64 << (op.d & 3);
    let walk = Walk {
        mask: if op.b != 0 { 0xffff_ffff } else { u64::MAX },
        step: if vm.cpu.flags & DF != 0 {
            size.wrapping_neg()
        } else {
            size
        },
        size,
        src_base: if op.base == ZERO { 0 } else { vm.slot(op.base) },
    };
    if op.a == 0 {
        return match once(vm, op, &walk) {
            Ok(()) => (1, Progress::Done),
            Err(Stop::Leave) => (1, Progress::DoneLeave),
            Err(Stop::Exit) => (0, Progress::Fault),
        };
    }
    repeat(vm, op, &walk, allowed)
}

fn repeat(vm: &mut Vm, op: &Op, walk: &Walk, allowed: u64) -> (u64, Progress) {
    let compares = matches!(op.c, 1 | 4);
    let mut done = 0;
    loop {
        let count = walk.reg(vm, reg::RCX);
        if count == 0 {
            return (done, Progress::Done);
        }
        if done == allowed {
            return (done, Progress::Partial);
        }
        let bulk = bulk(vm, op, walk, count.min(allowed - done));
        if bulk > 0 {
            done += bulk;
            vm.r[reg::RCX] = count - bulk;
            continue;
        }
        let result = once(vm, op, walk);
        if result == Err(Stop::Exit) {
            return (done, Progress::Fault);
        }
        done += 1;
        vm.r[reg::RCX] = count - 1;
        let zf = compares && vm.fl.rflags() & ZF != 0;
        let over = count == 1 || compares && zf != (op.a == 0xf3);
        match result {
            Err(_) if over => return (done, Progress::DoneLeave),
            Err(_) => return (done, Progress::Partial),
            Ok(()) if over => return (done, Progress::Done),
            Ok(()) => {}
        }
    }
}

/// Several iterations at once, where memory lies in pages that the translation buffer knows and
/// the direction is upwards. Returns how many.
fn bulk(vm: &mut Vm, op: &Op, walk: &Walk, most: u64) -> u64 {
    if walk.step != walk.size || most < 2 {
        return 0;
    }
    match op.c {
        0 | 2 => fill_or_copy(vm, op, walk, most),
        1 | 4 if walk.size == 1 => search(vm, op, walk, most),
        _ => 0,
    }
}

/// Iterations of `scasb` or `cmpsb` after which the repetition goes on.
fn search(vm: &mut Vm, op: &Op, walk: &Walk, most: u64) -> u64 {
    let to = walk.reg(vm, reg::RDI);
    let in_page = |addr: u64| 4096 - (addr & 4095);
    let Some(second) = vm.space.tlb.read(to, 1) else {
        return 0;
    };
    let mut n = most.min(in_page(to));
    let equal_goes_on = op.a == 0xf3;
    let stops = |x: u8, y: u8| (x == y) != equal_goes_on;
    let ys = vm.store.ram.slice(second, n as usize);
    let x = vm.r[reg::RAX] as u8;
    let (n, last) = if op.c == 1 {
        let from = walk.source(vm);
        let Some(first) = vm.space.tlb.read(from, 1) else {
            return 0;
        };
        n = n.min(in_page(from));
        let xs = vm.store.ram.slice(first, n as usize);
        let found = xs.iter().zip(ys).position(|(&x, &y)| stops(x, y));
        let n = found.unwrap_or(n as usize);
        (n, n.checked_sub(1).map(|at| (xs[at], ys[at])))
    } else {
        let n = ys.iter().position(|&y| stops(x, y)).unwrap_or(ys.len());
        (n, n.checked_sub(1).map(|at| (x, ys[at])))
    };
    // A fault of the next iteration shows the flags of the last one.
    let Some((x, y)) = last else {
        return 0;
    };
    vm.flags_sub(x, y);
    if op.c == 1 {
        walk.advance(vm, reg::RSI, n as u64);
    }
    walk.advance(vm, reg::RDI, n as u64);
    n as u64
}

/// Iterations of `movs` or `stos`.
fn fill_or_copy(vm: &mut Vm, op: &Op, walk: &Walk, most: u64) -> u64 {
    let to = walk.reg(vm, reg::RDI);
    let in_page = |addr: u64| (4096 - (addr & 4095)) / walk.size;
    let Some(dst) = vm.space.tlb.write(to, walk.size) else {
        return 0;
    };
    let mut n = most.min(in_page(to));
    if op.c == 0 {
        let from = walk.source(vm);
        let Some(src) = vm.space.tlb.read(from, walk.size) else {
            return 0;
        };
        n = n.min(in_page(from));
        let len = n * walk.size;
        // Overlapping upwards repeats what was just written: leave that to single steps.
        if n < 2 || u64::from(dst.wrapping_sub(src)) < len && dst != src {
            return 0;
        }
        vm.store.ram.copy(src, dst, len as usize);
        walk.advance(vm, reg::RSI, n);
    } else {
        if n < 2 {
            return 0;
        }
        let value = vm.r[reg::RAX].to_le_bytes();
        let bytes = vm.store.ram.slice_mut(dst, (n * walk.size) as usize);
        for element in bytes.chunks_exact_mut(walk.size as usize) {
            element.copy_from_slice(&value[..walk.size as usize]);
        }
    }
    walk.advance(vm, reg::RDI, n);
    n
}

fn once(vm: &mut Vm, op: &Op, walk: &Walk) -> Result<(), Stop> {
    let to = walk.reg(vm, reg::RDI);
    match op.c {
        0 => {
            let v = element(vm, walk.source(vm), walk.size)?;
            let done = put(vm, to, v, walk.size);
            if done != Err(Stop::Exit) {
                walk.advance(vm, reg::RSI, 1);
                walk.advance(vm, reg::RDI, 1);
            }
            done
        }
        1 => {
            let x = element(vm, walk.source(vm), walk.size)?;
            let y = element(vm, to, walk.size)?;
            compare(vm, walk.size, x, y);
            walk.advance(vm, reg::RSI, 1);
            walk.advance(vm, reg::RDI, 1);
            Ok(())
        }
        2 => {
            let done = put(vm, to, vm.r[reg::RAX], walk.size);
            if done != Err(Stop::Exit) {
                walk.advance(vm, reg::RDI, 1);
            }
            done
        }
        3 => {
            let v = element(vm, walk.source(vm), walk.size)?;
            match walk.size {
                1 => vm.set::<u8>(0, v as u8),
                2 => vm.set::<u16>(0, v as u16),
                4 => vm.set::<u32>(0, v as u32),
                _ => vm.set::<u64>(0, v),
            }
            walk.advance(vm, reg::RSI, 1);
            Ok(())
        }
        _ => {
            let y = element(vm, to, walk.size)?;
            compare(vm, walk.size, vm.r[reg::RAX], y);
            walk.advance(vm, reg::RDI, 1);
            Ok(())
        }
    }
}

fn compare(vm: &mut Vm, size: u64, x: u64, y: u64) {
    match size {
        1 => vm.flags_sub(x as u8, y as u8),
        2 => vm.flags_sub(x as u16, y as u16),
        4 => vm.flags_sub(x as u32, y as u32),
        _ => vm.flags_sub(x, y),
    }
}

fn element(vm: &mut Vm, addr: u64, size: u64) -> Result<u64, Stop> {
    Ok(match size {
        1 => u64::from(vm.load8(addr)?),
        2 => u64::from(vm.load16(addr)?),
        4 => u64::from(vm.load32(addr)?),
        _ => vm.load64(addr)?,
    })
}

fn put(vm: &mut Vm, addr: u64, v: u64, size: u64) -> Result<(), Stop> {
    match size {
        1 => vm.put(addr, (v as u8).to_le_bytes()),
        2 => vm.put(addr, (v as u16).to_le_bytes()),
        4 => vm.put(addr, (v as u32).to_le_bytes()),
        _ => vm.put(addr, v.to_le_bytes()),
    }
}

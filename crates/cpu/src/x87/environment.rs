//! The environment and the whole state, saved and restored.

use super::Misc;
use super::run::simple;
use super::transfer::{extended, load_bytes, store_bytes};
use super::unit::{Fpu, Value, unpack80};
use crate::op::Op;
use crate::softfloat::Class;
use crate::vm::{Stop, Vm};

/// The tag word of an environment, two bits for each register.
pub(super) fn tags(f: &Fpu) -> u16 {
    (0..8).fold(0, |tags, i| {
        let v = f.x.regs[i];
        let tag = if f.x.used >> i & 1 == 0 {
            3
        } else {
            match unpack80(v) {
                Value::Num(n) if n.class == Class::Zero => 1,
                Value::Num(n) if n.class == Class::Finite && !n.denormal => 0,
                _ => 2,
            }
        };
        tags | tag << (2 * i)
    })
}

/// Bytes of a field of an environment, and of the seven of them: two with operand size 16, else
/// four.
pub(super) fn environment(op: &Op) -> (usize, usize) {
    if op.imm == 2 { (2, 14) } else { (4, 28) }
}

pub(super) fn store_environment(vm: &mut Vm, op: &Op, all: bool) -> Result<(), Stop> {
    let (field, head) = environment(op);
    let f = &mut Fpu { x: &mut vm.cpu.x87 };
    let mut image = [0u8; 108];
    for (i, v) in [f.x.control, f.x.status, tags(f)].into_iter().enumerate() {
        let at = field * i;
        image[at..at + 2].copy_from_slice(&v.to_le_bytes());
        image[at + 2..at + field].fill(0xff);
    }
    image[head - field + 2..head].fill(0xff);
    for i in 0..8 {
        let v = f.st(i);
        let at = head + 10 * usize::from(i);
        image[at..at + 8].copy_from_slice(&v.mant.to_le_bytes());
        image[at + 8..at + 10].copy_from_slice(&v.se.to_le_bytes());
    }
    let len = if all { head + 80 } else { head };
    let done = store_bytes(vm, vm.ea(op), &image[..len]);
    if done == Err(Stop::Exit) {
        return done;
    }
    let f = &mut Fpu { x: &mut vm.cpu.x87 };
    if all {
        simple(f, Misc::Fninit, 0);
    } else {
        f.x.control |= 0x3f;
        f.update();
    }
    done
}

pub(super) fn load_environment(vm: &mut Vm, op: &Op, all: bool) -> Result<(), Stop> {
    let (field, head) = environment(op);
    let mut image = [0u8; 108];
    let len = if all { head + 80 } else { head };
    load_bytes(vm, vm.ea(op), &mut image[..len])?;
    let half = |i: usize| u16::from_le_bytes([image[field * i], image[field * i + 1]]);
    let f = &mut Fpu { x: &mut vm.cpu.x87 };
    f.x.control = half(0) & 0x1f7f | 0x40;
    f.x.status = half(1);
    let tags = half(2);
    f.x.used = (0..8).fold(0, |used, i| used | u8::from(tags >> (2 * i) & 3 != 3) << i);
    f.update();
    if all {
        for i in 0..8u8 {
            let at = head + 10 * usize::from(i);
            let p = f.phys(i);
            f.x.regs[p] = extended(&image[at..at + 10]);
        }
    }
    Ok(())
}

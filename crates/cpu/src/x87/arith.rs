//! Arithmetic.

use super::Source;
use super::compare::{compare_empty, compare_values};
use super::unit::{Fpu, INDEFINITE, Value, unpack80};
use crate::op::Op;
use crate::softfloat::flag::DE;
use crate::softfloat::{Class, DOUBLE, EXTENDED, Format, Raw, SINGLE, from_integer, unpack};
use crate::state::F80;
use crate::vm::{Stop, Vm};

/// A memory or register operand as an extended number, exactly.
pub(super) fn widen(bits: u64, format: Format) -> F80 {
    let n = unpack(bits, format);
    let sign = u16::from(n.sign) << 15;
    match n.class {
        Class::Zero => F80 { mant: 0, se: sign },
        Class::Finite => F80 {
            mant: n.mant,
            se: sign | (n.exp + EXTENDED.max) as u16,
        },
        _ => F80 {
            mant: n.mant | 1 << 63,
            se: sign | 0x7fff,
        },
    }
}

pub(super) fn integer80(v: i64) -> F80 {
    let n = from_integer(v);
    if v == 0 {
        return F80 { mant: 0, se: 0 };
    }
    F80 {
        mant: n.mant,
        se: u16::from(n.sign) << 15 | (n.exp + EXTENDED.max) as u16,
    }
}

pub(super) fn arith(vm: &mut Vm, op: &Op) -> Result<(), Stop> {
    let ea = vm.ea(op);
    // The value, and whether its narrow form was denormal.
    let (source, mem) = match op.c {
        c if c == Source::M32 as u8 => {
            let bits = u64::from(vm.load32(ea)?);
            (widen(bits, SINGLE), Some(unpack(bits, SINGLE).denormal))
        }
        c if c == Source::M64 as u8 => {
            let bits = vm.load64(ea)?;
            (widen(bits, DOUBLE), Some(unpack(bits, DOUBLE).denormal))
        }
        c if c == Source::I16 as u8 => (integer80(i64::from(vm.load16(ea)? as i16)), Some(false)),
        c if c == Source::I32 as u8 => (integer80(i64::from(vm.load32(ea)? as i32)), Some(false)),
        _ => (INDEFINITE, None),
    };
    let f = &mut Fpu { x: &mut vm.cpu.x87 };
    let i = op.b & 7;
    let to_sti = op.c == Source::ToSti as u8 || op.c == Source::ToStiPop as u8;
    let dest = if to_sti { i } else { 0 };
    let pops = op.c == Source::ToStiPop as u8 || op.d == 3;
    let compares = matches!(op.d, 2 | 3);
    if f.empty(0) || mem.is_none() && f.empty(i) {
        let ok = if compares {
            compare_empty(f)
        } else {
            let ok = f.underflow();
            if ok {
                f.set(dest, INDEFINITE);
            }
            ok
        };
        if ok && pops {
            f.pop();
        }
        return Ok(());
    }
    let a = f.st(dest);
    let b = match mem {
        Some(_) => source,
        None if to_sti => f.st(0),
        None => f.st(i),
    };
    let ok = if compares {
        // A narrow denormal became normal when it was widened; the flag is still due.
        let narrow = mem == Some(true) && !matches!(unpack80(a), Value::Unsupported) && !is_nan(a);
        let ok = !narrow || f.raise(DE);
        compare_values(f, a, b, true) && ok
    } else {
        match compute(f, op.d, a, b, mem == Some(true)) {
            Some(v) => {
                f.set(dest, v);
                true
            }
            None => false,
        }
    };
    if ok && pops {
        f.pop();
    }
    Ok(())
}

pub(super) fn is_nan(v: F80) -> bool {
    matches!(unpack80(v), Value::Num(n) if n.nan())
}

pub(super) fn compute(f: &mut Fpu, op: u8, a: F80, b: F80, narrow: bool) -> Option<F80> {
    let (x, mut y) = match f.operands(a, b) {
        Ok(pair) => pair,
        Err(decided) => return decided,
    };
    y.denormal |= narrow;
    let rounding = f.rounding();
    let raw = match op {
        0 => crate::softfloat::add(x, y, rounding),
        1 => crate::softfloat::mul(x, y),
        4 => crate::softfloat::add(x, y.negated(), rounding),
        5 => crate::softfloat::add(y, x.negated(), rounding),
        6 => crate::softfloat::div(x, y),
        _ => crate::softfloat::div(y, x),
    };
    if !matches!(raw, Raw::Invalid | Raw::DivideByZero(_)) && !f.denormals(&[x, y]) {
        return None;
    }
    let format = f.format();
    f.result(raw, format)
}

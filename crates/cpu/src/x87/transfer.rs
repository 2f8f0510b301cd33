//! Loads and stores.

use super::Misc;
use super::arith::{integer80, widen};
use super::unit::{Fpu, INDEFINITE, Value, unpack80};
use crate::op::Op;
use crate::softfloat::flag::{DE, IE, OE, PE, UE};
use crate::softfloat::{
    Class, DOUBLE, Format, Raw, Rounded, SINGLE, pack, round, to_integer, unpack,
};
use crate::state::F80;
use crate::vm::{Stop, Vm};

pub(super) fn load(vm: &mut Vm, op: &Op, what: Misc) -> Result<(), Stop> {
    let ea = vm.ea(op);
    let mut narrow = None;
    let v = match what {
        Misc::Fld32 => {
            let bits = u64::from(vm.load32(ea)?);
            narrow = Some(unpack(bits, SINGLE));
            widen(bits, SINGLE)
        }
        Misc::Fld64 => {
            let bits = vm.load64(ea)?;
            narrow = Some(unpack(bits, DOUBLE));
            widen(bits, DOUBLE)
        }
        Misc::Fld80 => {
            let mut b = [0; 10];
            load_bytes(vm, ea, &mut b)?;
            extended(&b)
        }
        Misc::Fild16 => integer80(i64::from(vm.load16(ea)? as i16)),
        Misc::Fild32 => integer80(i64::from(vm.load32(ea)? as i32)),
        Misc::Fild64 => integer80(vm.load64(ea)? as i64),
        _ => {
            let mut b = [0; 10];
            load_bytes(vm, ea, &mut b)?;
            decimal(&b)
        }
    };
    let f = &mut Fpu { x: &mut vm.cpu.x87 };
    if !f.empty(7) {
        f.push_checked(v);
        return Ok(());
    }
    let mut v = v;
    if let Some(n) = narrow {
        if n.class == Class::Signaling {
            v.mant |= 1 << 62;
            if !f.raise(IE) {
                return Ok(());
            }
        }
        if n.denormal {
            // Loaded also where that traps.
            f.raise(DE);
        }
    }
    f.push_checked(v);
    Ok(())
}

pub(super) fn load_bytes(vm: &mut Vm, addr: u64, out: &mut [u8]) -> Result<(), Stop> {
    vm.load_slow(addr, out)
}

pub(super) fn extended(b: &[u8]) -> F80 {
    let mut mant = [0; 8];
    mant.copy_from_slice(&b[..8]);
    F80 {
        mant: u64::from_le_bytes(mant),
        se: u16::from_le_bytes([b[8], b[9]]),
    }
}

/// Packed decimal: eighteen digits and a sign.
pub(super) fn decimal(b: &[u8; 10]) -> F80 {
    let v = b[..9].iter().rev().fold(0u64, |v, d| {
        v.wrapping_mul(100)
            .wrapping_add(u64::from(d >> 4) * 10 + u64::from(d & 15))
    });
    let sign = u16::from(b[9] >> 7) << 15;
    let n = integer80(v as i64);
    F80 {
        se: n.se | sign,
        ..n
    }
}

/// Stores `bytes`, which was checked to be possible before anything changed, and pops.
pub(super) fn finish_store(vm: &mut Vm, op: &Op, bytes: &[u8], pop: bool) -> Result<(), Stop> {
    if pop {
        Fpu { x: &mut vm.cpu.x87 }.pop();
    }
    store_bytes(vm, vm.ea(op), bytes)
}

pub(super) fn store_bytes(vm: &mut Vm, addr: u64, bytes: &[u8]) -> Result<(), Stop> {
    vm.store_slow(addr, bytes)
}

pub(super) fn store_float(vm: &mut Vm, op: &Op, format: Format, pop: bool) -> Result<(), Stop> {
    vm.check_store(vm.ea(op), if format.precision == 24 { 4 } else { 8 })?;
    let f = &mut Fpu { x: &mut vm.cpu.x87 };
    let value = if f.empty(0) {
        f.underflow()
            .then_some(pack(Rounded::special(Class::Quiet, true), format))
    } else {
        narrow(f, f.st(0), format)
    };
    let Some(v) = value else { return Ok(()) };
    let len = if format.precision == 24 { 4 } else { 8 };
    finish_store(vm, op, &v.to_le_bytes()[..len], pop)
}

/// An extended number as single or double; None when an exception keeps it from being stored.
pub(super) fn narrow(f: &mut Fpu, v: F80, format: Format) -> Option<u64> {
    f.set_c1(false);
    let indefinite = pack(Rounded::special(Class::Quiet, true), format);
    let Value::Num(n) = unpack80(v) else {
        return f.raise(IE).then_some(indefinite);
    };
    if n.nan() {
        if n.class == Class::Signaling && !f.raise(IE) {
            return None;
        }
        let nan = Rounded {
            mant: n.mant | 3 << 62,
            ..Rounded::special(Class::Quiet, n.sign)
        };
        return Some(pack(nan, format));
    }
    let Raw::Finite(sign, exp, mant) = n.raw() else {
        return Some(pack(Rounded::special(n.class, n.sign), format));
    };
    let r = round(sign, exp, mant, format, f.control());
    let traps = r.flags & (OE | UE) & !f.control().masked;
    if traps != 0 {
        // Nothing is stored, so nothing is inexact.
        f.raise(traps);
        return None;
    }
    f.raise(r.flags);
    f.set_c1(r.flags & PE != 0 && r.up);
    Some(pack(r, format))
}

pub(super) fn store_extended(vm: &mut Vm, op: &Op) -> Result<(), Stop> {
    vm.check_store(vm.ea(op), 10)?;
    let f = &mut Fpu { x: &mut vm.cpu.x87 };
    let v = if !f.empty(0) {
        f.set_c1(false);
        f.st(0)
    } else if f.underflow() {
        INDEFINITE
    } else {
        return Ok(());
    };
    let mut b = [0; 10];
    b[..8].copy_from_slice(&v.mant.to_le_bytes());
    b[8..].copy_from_slice(&v.se.to_le_bytes());
    finish_store(vm, op, &b, true)
}

/// ST(0) as an integer within `limit`; None when that traps. What does not fit is `Some(None)`.
pub(super) fn integer(f: &mut Fpu, fits: impl Fn(i128) -> bool) -> Option<Option<i128>> {
    if f.empty(0) {
        return f.underflow().then_some(None);
    }
    f.set_c1(false);
    let value = match unpack80(f.st(0)) {
        Value::Num(n) if !n.nan() => to_integer(n, f.rounding()),
        _ => None,
    };
    match value {
        Some((v, inexact, up)) if fits(v) => {
            if inexact {
                f.raise(PE);
                f.set_c1(up);
            }
            Some(Some(v))
        }
        _ => f.raise(IE).then_some(None),
    }
}

pub(super) fn store_integer(vm: &mut Vm, op: &Op, size: usize, pop: bool) -> Result<(), Stop> {
    vm.check_store(vm.ea(op), size)?;
    let min = -(1i128 << (8 * size - 1));
    let f = &mut Fpu { x: &mut vm.cpu.x87 };
    let Some(v) = integer(f, |v| v >= min && v < -min) else {
        return Ok(());
    };
    let v = v.unwrap_or(min) as i64;
    finish_store(vm, op, &v.to_le_bytes()[..size], pop)
}

pub(super) fn store_decimal(vm: &mut Vm, op: &Op) -> Result<(), Stop> {
    const LIMIT: i128 = 1_000_000_000_000_000_000;
    vm.check_store(vm.ea(op), 10)?;
    let f = &mut Fpu { x: &mut vm.cpu.x87 };
    let negative = f.st(0).se >> 15 != 0;
    let Some(v) = integer(f, |v| v.abs() < LIMIT) else {
        return Ok(());
    };
    let mut b = [0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0xff];
    if let Some(v) = v {
        let mut rest = v.unsigned_abs() as u64;
        for digit in &mut b[..9] {
            *digit = ((rest % 10) | ((rest / 10 % 10) << 4)) as u8;
            rest /= 100;
        }
        b[9] = u8::from(negative) << 7;
    }
    finish_store(vm, op, &b, true)
}

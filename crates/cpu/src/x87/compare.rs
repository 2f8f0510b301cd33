//! Comparisons.

use super::unit::{Fpu, INDEFINITE, Value, unpack80};
use super::{C0, C2, C3};
use crate::op::Op;
use crate::softfloat::Class;
use crate::softfloat::flag::IE;
use crate::state::F80;
use crate::vm::Vm;

/// The condition codes of a comparison, and whether it does not trap.
pub(super) fn order_codes(f: &mut Fpu, a: F80, b: F80, quiet_signals: bool) -> (u16, bool) {
    let unordered = C0 | C2 | C3;
    let (Value::Num(x), Value::Num(y)) = (unpack80(a), unpack80(b)) else {
        return (unordered, f.raise(IE));
    };
    if x.nan() || y.nan() {
        let signaling = x.class == Class::Signaling || y.class == Class::Signaling;
        return (unordered, !(quiet_signals || signaling) || f.raise(IE));
    }
    let codes = match crate::softfloat::compare(x, y) {
        std::cmp::Ordering::Greater => 0,
        std::cmp::Ordering::Less => C0,
        std::cmp::Ordering::Equal => C3,
    };
    (codes, f.denormals(&[x, y]))
}

/// Sets the condition codes, also where the comparison traps; false then.
pub(super) fn compare_values(f: &mut Fpu, a: F80, b: F80, quiet_signals: bool) -> bool {
    let (codes, ok) = order_codes(f, a, b, quiet_signals);
    f.codes(codes);
    ok
}

/// The same where an operand is an empty register.
pub(super) fn compare_empty(f: &mut Fpu) -> bool {
    let ok = f.underflow();
    f.codes(C0 | C2 | C3);
    ok
}

/// fcom and fucom with ST(i), then `pops` pops.
pub(super) fn compare(f: &mut Fpu, i: u8, quiet_signals: bool, pops: u8) {
    let ok = if f.empty(0) || f.empty(i) {
        compare_empty(f)
    } else {
        compare_values(f, f.st(0), f.st(i), quiet_signals)
    };
    if ok {
        (0..pops).for_each(|_| f.pop());
    }
}

pub(super) fn compare_flags(vm: &mut Vm, i: u8, quiet_signals: bool, pop: bool) {
    use crate::state::rflags::{ARITH, CF, PF, ZF};
    let mut f = Fpu { x: &mut vm.cpu.x87 };
    let (codes, ok) = if f.empty(0) || f.empty(i) {
        (C0 | C2 | C3, f.underflow())
    } else {
        let (a, b) = (f.st(0), f.st(i));
        order_codes(&mut f, a, b, quiet_signals)
    };
    if pop && ok {
        f.pop();
    }
    let bit = |code: u16, flag: u64| if codes & code != 0 { flag } else { 0 };
    vm.flags_change(ARITH, bit(C0, CF) | bit(C2, PF) | bit(C3, ZF));
}

pub(super) fn conditional_move(vm: &mut Vm, op: &Op, negate: bool) {
    // b, e, be, u: conditions 2, 4, 6 and 10 of the integer ones.
    let cc = [2, 4, 6, 10][usize::from(op.a & 3)];
    let holds = vm.fl.test(cc) != negate;
    let mut f = Fpu { x: &mut vm.cpu.x87 };
    let i = op.b & 7;
    if f.empty(0) || f.empty(i) {
        if f.underflow() {
            f.set(0, INDEFINITE);
        }
        return;
    }
    if holds {
        f.set(0, f.st(i));
    }
}

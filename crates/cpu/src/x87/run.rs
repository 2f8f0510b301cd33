//! Runs x87 instructions.

use super::arith::arith;
use super::compare::{compare, compare_empty, compare_flags, compare_values, conditional_move};
use super::environment::{load_environment, store_environment};
use super::transfer::{load, store_decimal, store_extended, store_float, store_integer};
use super::unit::{Fpu, INDEFINITE, Value, unpack80};
use super::{B, C0, C1, C2, C3, ES, MISC, Misc, check_pending, functions};
use crate::op::Op;
use crate::softfloat::{Class, DOUBLE, Raw, SINGLE};
use crate::state::F80;
use crate::vm::{Stop, Vm};

/// Runs an x87 instruction.
#[inline(never)]
pub(crate) fn run(vm: &mut Vm, op: &Op) -> Result<(), Stop> {
    if op.c != 0xff {
        check_pending(vm)?;
        return arith(vm, op);
    }
    let Some(&what) = MISC.get(usize::from(op.d)) else {
        return Ok(());
    };
    use Misc::*;
    if !matches!(
        what,
        Feni | Fnstcw | Fnstenv | Fnsave | FnstswMem | FnstswAx | Fnclex | Fninit
    ) {
        check_pending(vm)?;
    }
    match what {
        Fld32 | Fld64 | Fld80 | Fild16 | Fild32 | Fild64 | Fbld => load(vm, op, what),
        Fst32 | Fstp32 => store_float(vm, op, SINGLE, what == Fstp32),
        Fst64 | Fstp64 => store_float(vm, op, DOUBLE, what == Fstp64),
        Fstp80 => store_extended(vm, op),
        Fist16 | Fistp16 => store_integer(vm, op, 2, what == Fistp16),
        Fist32 | Fistp32 => store_integer(vm, op, 4, what == Fistp32),
        Fistp64 => store_integer(vm, op, 8, true),
        Fbstp => store_decimal(vm, op),
        Fldcw => {
            let v = vm.load16(vm.ea(op))?;
            vm.cpu.x87.control = v & 0x1f7f | 0x40;
            Fpu { x: &mut vm.cpu.x87 }.update();
            Ok(())
        }
        Fnstcw => vm.put(vm.ea(op), vm.cpu.x87.control.to_le_bytes()),
        FnstswMem => vm.put(vm.ea(op), vm.cpu.x87.status.to_le_bytes()),
        FnstswAx => {
            vm.set::<u16>(0, vm.cpu.x87.status);
            Ok(())
        }
        Fnstenv => store_environment(vm, op, false),
        Fnsave => store_environment(vm, op, true),
        Fldenv => load_environment(vm, op, false),
        Frstor => load_environment(vm, op, true),
        Fcomi | Fcomip | Fucomi | Fucomip => {
            compare_flags(
                vm,
                op.b & 7,
                matches!(what, Fcomi | Fcomip),
                matches!(what, Fcomip | Fucomip),
            );
            Ok(())
        }
        Fcmov | Fcmovn => {
            conditional_move(vm, op, what == Fcmovn);
            Ok(())
        }
        _ => {
            simple(&mut Fpu { x: &mut vm.cpu.x87 }, what, op.b & 7);
            Ok(())
        }
    }
}

pub(super) fn simple(f: &mut Fpu, what: Misc, i: u8) {
    use Misc::*;
    match what {
        Fld => {
            if f.empty(i) {
                // The overflow of the stack is not even looked at.
                if f.underflow() {
                    f.push(INDEFINITE);
                }
                return;
            }
            f.push_checked(f.st(i));
        }
        Fxch => {
            if (f.empty(0) || f.empty(i)) && !f.underflow() {
                return;
            }
            f.set_c1(false);
            let value = |f: &Fpu, i| if f.empty(i) { INDEFINITE } else { f.st(i) };
            let (a, b) = (value(f, 0), value(f, i));
            f.set(0, b);
            f.set(i, a);
        }
        // The undocumented encoding does not mind an empty register.
        Fstp1 if f.empty(0) => {
            f.set_c1(false);
            f.pop();
        }
        Fst | Fstp | Fstp1 => {
            if f.empty(0) {
                if !f.underflow() {
                    return;
                }
                f.set(i, INDEFINITE);
            } else {
                f.set_c1(false);
                f.set(i, f.st(0));
            }
            if what != Fst {
                f.pop();
            }
        }
        Ffree => {
            f.set_c1(false);
            f.free(i);
        }
        Ffreep => {
            f.set_c1(false);
            f.free(i);
            f.pop();
        }
        Fucom => compare(f, i, false, 0),
        Fucomp => compare(f, i, false, 1),
        Fucompp => compare(f, 1, false, 2),
        Fcompp => compare(f, 1, true, 2),
        Fnclex => {
            f.x.status &= !(0x7f | ES | B);
        }
        Fninit => {
            f.x.control = 0x37f;
            f.x.status = 0;
            f.x.used = 0;
            f.x.ip = 0;
            f.x.dp = 0;
            f.x.opcode = 0;
        }
        Fchs | Fabs => {
            if f.empty(0) {
                if f.underflow() {
                    f.set(0, INDEFINITE);
                }
                return;
            }
            f.set_c1(false);
            let v = f.st(0);
            let se = if what == Fchs {
                v.se ^ 0x8000
            } else {
                v.se & 0x7fff
            };
            f.set(0, F80 { se, ..v });
        }
        Fxam => examine(f),
        Fconst => {
            let v = functions::constant(i, f.rounding());
            f.push_checked(v);
        }
        Fdecstp => {
            f.set_c1(false);
            f.set_top(f.top().wrapping_sub(1));
        }
        Fincstp => {
            f.set_c1(false);
            f.set_top(f.top().wrapping_add(1));
        }
        Fsqrt => {
            let format = f.format();
            functions::unary(f, |f, a| {
                let raw = crate::softfloat::sqrt(a);
                if raw != Raw::Invalid && !f.denormals(&[a]) {
                    return None;
                }
                f.result(raw, format)
            });
        }
        Ftst => {
            if f.empty(0) {
                compare_empty(f);
                return;
            }
            let zero = F80 { mant: 0, se: 0 };
            compare_values(f, f.st(0), zero, true);
        }
        Nop | Feni | Fwait => {}
        other => functions::run(f, other),
    }
}

fn examine(f: &mut Fpu) {
    let v = f.st(0);
    let sign = if v.se >> 15 != 0 { C1 } else { 0 };
    let class = if f.empty(0) {
        C3 | C0
    } else {
        match unpack80(v) {
            Value::Unsupported => 0,
            Value::Num(n) => match n.class {
                Class::Quiet | Class::Signaling => C0,
                Class::Infinite => C2 | C0,
                Class::Zero => C3,
                Class::Finite if n.denormal => C3 | C2,
                Class::Finite => C2,
            },
        }
    };
    f.codes(class | sign);
}

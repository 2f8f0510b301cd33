//! The x87 unit: the table's rows, the register stack, loads, stores and exceptions.
//!
//! The pointers to the last instruction and operand (FIP, FDP, FOP) are not kept: they read as
//! zero, as they do on processors that save them only while an exception is pending.

use crate::forms::{Args, Form, Kind, Prefix, Rm, Size, row};
use crate::inst::Inst;
use crate::op::Op;
use crate::softfloat::flag::{DE, IE, OE, PE, UE};
use crate::softfloat::{
    Class, Control, DOUBLE, EXTENDED, Format, Num, Raw, Rounded, SINGLE, from_integer, pack, round,
    to_integer, unpack,
};
use crate::state::{Exit, F80};
use crate::vm::{Stop, Vm};
use crate::x87_fn;

/// Where the second operand of an arithmetic instruction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Source {
    /// ST(i), the result goes to ST(0).
    Sti,
    /// ST(0), the result goes to ST(i).
    ToSti,
    /// The same, then pop.
    ToStiPop,
    /// A single.
    M32,
    /// A double.
    M64,
    /// A 16-bit integer.
    I16,
    /// A 32-bit integer.
    I32,
}

/// Everything but arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
#[repr(u8)]
#[rustfmt::skip]
pub enum Misc {
    Fld, Fxch, Nop, Feni, Fst, Fstp1, Fstp, Ffree, Ffreep, Fucom, Fucomp, Fucompp, Fcompp, Fcomi, Fcomip,
    Fucomi, Fucomip, Fcmov, Fcmovn, Fld32, Fld64, Fld80, Fst32, Fstp32, Fst64, Fstp64, Fstp80,
    Fild16, Fild32, Fild64, Fist16, Fistp16, Fist32, Fistp32, Fistp64, Fbld, Fbstp, Fldenv, Fldcw,
    Fnstenv, Fnstcw, Frstor, Fnsave, FnstswMem, FnstswAx, Fnclex, Fninit, Fchs, Fabs, Ftst, Fxam,
    Fconst, Fwait, Fdecstp, Fincstp, Frndint, Fsqrt, Fscale, Fxtract, Fprem, Fprem1, F2xm1, Fyl2x,
    Fyl2xp1, Fptan, Fpatan, Fsin, Fcos, Fsincos,
}

#[rustfmt::skip]
const MISC: [Misc; 69] = {
    use Misc::*;
    [
        Fld, Fxch, Nop, Feni, Fst, Fstp1, Fstp, Ffree, Ffreep, Fucom, Fucomp, Fucompp, Fcompp, Fcomi, Fcomip,
        Fucomi, Fucomip, Fcmov, Fcmovn, Fld32, Fld64, Fld80, Fst32, Fstp32, Fst64, Fstp64, Fstp80,
        Fild16, Fild32, Fild64, Fist16, Fistp16, Fist32, Fistp32, Fistp64, Fbld, Fbstp, Fldenv,
        Fldcw, Fnstenv, Fnstcw, Frstor, Fnsave, FnstswMem, FnstswAx, Fnclex, Fninit, Fchs, Fabs,
        Ftst, Fxam, Fconst, Fwait, Fdecstp, Fincstp, Frndint, Fsqrt, Fscale, Fxtract, Fprem,
        Fprem1, F2xm1, Fyl2x, Fyl2xp1, Fptan, Fpatan, Fsin, Fcos, Fsincos,
    ]
};

/// What an x87 instruction does. The operations of arithmetic are numbered as in ModRM: add, mul,
/// com, comp, sub, subr, div, divr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum X87Op {
    Arith(u8, Source),
    Misc(Misc),
}

/// Status word bits.
mod status {
    pub(crate) const SF: u16 = 1 << 6;
    pub(crate) const ES: u16 = 1 << 7;
    pub(crate) const C0: u16 = 1 << 8;
    pub(crate) const C1: u16 = 1 << 9;
    pub(crate) const C2: u16 = 1 << 10;
    pub(crate) const C3: u16 = 1 << 14;
    pub(crate) const B: u16 = 1 << 15;
}

use status::{B, ES, SF};
pub(crate) use status::{C0, C1, C2, C3};

fn fp(opcode: u8, name: &'static str, op: X87Op) -> Form {
    Form {
        prefix: Prefix::Any,
        args: Args::E,
        size: Size::Dq,
        rm: Rm::Reg,
        ..row(name, 0, opcode, Kind::X87(op))
    }
}

/// Adds the rows.
pub(crate) fn forms(rows: &mut Vec<Form>) {
    arithmetic(rows);
    memory(rows);
    registers(rows);
    rows.push(Form {
        rm: Rm::None,
        args: Args::None,
        ..fp(0x9b, "fwait", X87Op::Misc(Misc::Fwait))
    });
}

fn arithmetic(rows: &mut Vec<Form>) {
    for ext in 0..8u8 {
        let f = |opcode, op, source| Form {
            ext: Some(ext),
            ..fp(opcode, "x87 arithmetic", X87Op::Arith(op, source))
        };
        let mem = |f: Form| Form { rm: Rm::Mem, ..f };
        rows.push(f(0xd8, ext, Source::Sti));
        rows.push(mem(f(0xd8, ext, Source::M32)));
        rows.push(mem(f(0xdc, ext, Source::M64)));
        rows.push(mem(f(0xda, ext, Source::I32)));
        rows.push(mem(f(0xde, ext, Source::I16)));
        // With the result in ST(i) the encodings of sub and subr, div and divr change places.
        let op = if ext >= 4 { ext ^ 1 } else { ext };
        let source = if matches!(ext, 2 | 3) {
            Source::Sti
        } else {
            Source::ToSti
        };
        rows.push(f(0xdc, op, source));
        match ext {
            2 => rows.push(f(0xde, 3, Source::Sti)),
            3 => {}
            _ => rows.push(f(0xde, op, Source::ToStiPop)),
        }
    }
}

fn memory(rows: &mut Vec<Form>) {
    use Misc::*;
    for (opcode, ext, name, op) in [
        (0xd9, 0, "fld m32", Fld32),
        (0xd9, 2, "fst m32", Fst32),
        (0xd9, 3, "fstp m32", Fstp32),
        (0xd9, 4, "fldenv", Fldenv),
        (0xd9, 5, "fldcw", Fldcw),
        (0xd9, 6, "fnstenv", Fnstenv),
        (0xd9, 7, "fnstcw", Fnstcw),
        (0xdb, 0, "fild m32", Fild32),
        (0xdb, 2, "fist m32", Fist32),
        (0xdb, 3, "fistp m32", Fistp32),
        (0xdb, 5, "fld m80", Fld80),
        (0xdb, 7, "fstp m80", Fstp80),
        (0xdd, 0, "fld m64", Fld64),
        (0xdd, 2, "fst m64", Fst64),
        (0xdd, 3, "fstp m64", Fstp64),
        (0xdd, 4, "frstor", Frstor),
        (0xdd, 6, "fnsave", Fnsave),
        (0xdd, 7, "fnstsw", FnstswMem),
        (0xdf, 0, "fild m16", Fild16),
        (0xdf, 2, "fist m16", Fist16),
        (0xdf, 3, "fistp m16", Fistp16),
        (0xdf, 4, "fbld", Fbld),
        (0xdf, 5, "fild m64", Fild64),
        (0xdf, 6, "fbstp", Fbstp),
        (0xdf, 7, "fistp m64", Fistp64),
    ] {
        let size = if matches!(op, Fldenv | Fnstenv | Frstor | Fnsave) {
            Size::V
        } else {
            Size::Dq
        };
        let f = fp(opcode, name, X87Op::Misc(op));
        rows.push(Form {
            rm: Rm::Mem,
            ext: Some(ext),
            size,
            ..f
        });
    }
}

fn registers(rows: &mut Vec<Form>) {
    use Misc::*;
    for (opcode, ext, name, op) in [
        (0xd9, 0, "fld", Fld),
        (0xd9, 1, "fxch", Fxch),
        (0xd9, 3, "fstp1", Fstp1),
        (0xdd, 0, "ffree", Ffree),
        (0xdd, 1, "fxch", Fxch),
        (0xdd, 2, "fst", Fst),
        (0xdd, 3, "fstp", Fstp),
        (0xdd, 4, "fucom", Fucom),
        (0xdd, 5, "fucomp", Fucomp),
        (0xdf, 0, "ffreep", Ffreep),
        (0xdf, 1, "fxch", Fxch),
        (0xdf, 2, "fstp", Fstp),
        (0xdf, 3, "fstp", Fstp),
        (0xdf, 5, "fucomip", Fucomip),
        (0xdf, 6, "fcomip", Fcomip),
        (0xdb, 5, "fucomi", Fucomi),
        (0xdb, 6, "fcomi", Fcomi),
        (0xda, 0, "fcmovb", Fcmov),
        (0xda, 1, "fcmove", Fcmov),
        (0xda, 2, "fcmovbe", Fcmov),
        (0xda, 3, "fcmovu", Fcmov),
        (0xdb, 0, "fcmovnb", Fcmovn),
        (0xdb, 1, "fcmovne", Fcmovn),
        (0xdb, 2, "fcmovnbe", Fcmovn),
        (0xdb, 3, "fcmovnu", Fcmovn),
    ] {
        rows.push(Form {
            ext: Some(ext),
            ..fp(opcode, name, X87Op::Misc(op))
        });
    }
    for (opcode, ext, rm, name, op) in [
        (0xda, 5, 1, "fucompp", Fucompp),
        (0xde, 3, 1, "fcompp", Fcompp),
        (0xdf, 4, 0, "fnstsw ax", FnstswAx),
        (0xdb, 4, 0, "feni", Feni),
        (0xdb, 4, 1, "fdisi", Feni),
        (0xdb, 4, 2, "fnclex", Fnclex),
        (0xdb, 4, 3, "fninit", Fninit),
        (0xdb, 4, 4, "fsetpm", Feni),
        (0xd9, 2, 0, "fnop", Nop),
        (0xd9, 4, 0, "fchs", Fchs),
        (0xd9, 4, 1, "fabs", Fabs),
        (0xd9, 4, 4, "ftst", Ftst),
        (0xd9, 4, 5, "fxam", Fxam),
        (0xd9, 5, 0, "fld1", Fconst),
        (0xd9, 5, 1, "fldl2t", Fconst),
        (0xd9, 5, 2, "fldl2e", Fconst),
        (0xd9, 5, 3, "fldpi", Fconst),
        (0xd9, 5, 4, "fldlg2", Fconst),
        (0xd9, 5, 5, "fldln2", Fconst),
        (0xd9, 5, 6, "fldz", Fconst),
        (0xd9, 6, 0, "f2xm1", F2xm1),
        (0xd9, 6, 1, "fyl2x", Fyl2x),
        (0xd9, 6, 2, "fptan", Fptan),
        (0xd9, 6, 3, "fpatan", Fpatan),
        (0xd9, 6, 4, "fxtract", Fxtract),
        (0xd9, 6, 5, "fprem1", Fprem1),
        (0xd9, 6, 6, "fdecstp", Fdecstp),
        (0xd9, 6, 7, "fincstp", Fincstp),
        (0xd9, 7, 0, "fprem", Fprem),
        (0xd9, 7, 1, "fyl2xp1", Fyl2xp1),
        (0xd9, 7, 2, "fsqrt", Fsqrt),
        (0xd9, 7, 3, "fsincos", Fsincos),
        (0xd9, 7, 4, "frndint", Frndint),
        (0xd9, 7, 5, "fscale", Fscale),
        (0xd9, 7, 6, "fsin", Fsin),
        (0xd9, 7, 7, "fcos", Fcos),
    ] {
        let f = fp(opcode, name, X87Op::Misc(op));
        rows.push(Form {
            ext: Some(ext),
            rm: Rm::Exact(rm),
            ..f
        });
    }
}

/// The micro-operation for `op`; `t` has the operands.
pub(crate) fn lower(op: X87Op, inst: &Inst, t: Op) -> Op {
    let imm = i32::from(inst.size);
    match op {
        X87Op::Arith(op, source) => Op {
            c: source as u8,
            d: op,
            ..t
        },
        X87Op::Misc(op) => Op {
            c: 0xff,
            d: op as u8,
            imm,
            ..t
        },
    }
}

/// #MF when an earlier instruction left an unmasked exception.
pub(crate) fn check_pending(vm: &mut Vm) -> Result<(), Stop> {
    let f = &vm.cpu.x87;
    let raised = (f.status & !f.control & 0x3f) as u8;
    if raised == 0 {
        return Ok(());
    }
    Err(vm.stop(Exit::X87Exception { raised }))
}

/// An operand: its value, or that the encoding has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Num(Num),
    Unsupported,
}

/// The default NaN.
pub(crate) const INDEFINITE: F80 = F80 {
    mant: 3 << 62,
    se: 0xffff,
};

pub(crate) fn unpack80(v: F80) -> Value {
    let sign = v.se >> 15 != 0;
    let biased = i32::from(v.se & 0x7fff);
    let num = Num {
        sign,
        class: Class::Finite,
        exp: 0,
        mant: v.mant,
        denormal: false,
    };
    let explicit = v.mant >> 63 != 0;
    let n = match (biased, explicit) {
        (0x7fff, false) => return Value::Unsupported,
        (0x7fff, true) => {
            let class = match v.mant << 1 {
                0 => Class::Infinite,
                f if f >> 63 != 0 => Class::Quiet,
                _ => Class::Signaling,
            };
            Num {
                class,
                mant: v.mant & (u64::MAX >> 1),
                ..num
            }
        }
        (0, _) if v.mant == 0 => Num {
            class: Class::Zero,
            ..num
        },
        (0, _) => {
            let shift = v.mant.leading_zeros();
            let exp = EXTENDED.min - shift as i32;
            Num {
                exp,
                mant: v.mant << shift,
                denormal: true,
                ..num
            }
        }
        (_, false) => return Value::Unsupported,
        _ => Num {
            exp: biased - EXTENDED.max,
            ..num
        },
    };
    Value::Num(n)
}

pub(crate) fn pack80(r: Rounded) -> F80 {
    let sign = u16::from(r.sign) << 15;
    let exp = match r.class {
        Class::Zero => return F80 { mant: 0, se: sign },
        Class::Finite if r.mant >> 63 == 0 => 0,
        Class::Finite => (r.exp + EXTENDED.max) as u16 & 0x7fff,
        _ => 0x7fff,
    };
    F80 {
        mant: r.mant,
        se: sign | exp,
    }
}

/// One instruction in flight: the flags that it raises.
pub(crate) struct Fpu<'a> {
    pub(crate) x: &'a mut crate::state::X87,
}

impl Fpu<'_> {
    fn top(&self) -> u8 {
        (self.x.status >> 11 & 7) as u8
    }

    fn set_top(&mut self, top: u8) {
        self.x.status = self.x.status & !0x3800 | u16::from(top & 7) << 11;
    }

    fn phys(&self, i: u8) -> usize {
        usize::from(self.top().wrapping_add(i) & 7)
    }

    pub(crate) fn empty(&self, i: u8) -> bool {
        self.x.used >> self.phys(i) & 1 == 0
    }

    pub(crate) fn st(&self, i: u8) -> F80 {
        self.x.regs[self.phys(i)]
    }

    pub(crate) fn set(&mut self, i: u8, v: F80) {
        let p = self.phys(i);
        self.x.regs[p] = v;
        self.x.used |= 1 << p;
    }

    fn free(&mut self, i: u8) {
        let p = self.phys(i);
        self.x.used &= !(1 << p);
    }

    pub(crate) fn pop(&mut self) {
        self.free(0);
        self.set_top(self.top().wrapping_add(1));
    }

    fn push(&mut self, v: F80) {
        self.set_top(self.top().wrapping_sub(1));
        self.set(0, v);
    }

    /// Sets exception flags; false when one of them is not masked.
    pub(crate) fn raise(&mut self, flags: u8) -> bool {
        self.x.status |= u16::from(flags);
        self.update();
        u16::from(flags) & !self.x.control & 0x3f == 0
    }

    /// The error summary follows flags and masks.
    pub(crate) fn update(&mut self) {
        let raised = self.x.status & !self.x.control & 0x3f != 0;
        self.x.status = self.x.status & !(ES | B) | if raised { ES | B } else { 0 };
    }

    pub(crate) fn set_c1(&mut self, on: bool) {
        self.x.status = self.x.status & !C1 | if on { C1 } else { 0 };
    }

    pub(crate) fn codes(&mut self, codes: u16) {
        self.x.status = self.x.status & !(C0 | C1 | C2 | C3) | codes;
    }

    /// A register that is read is empty. False when that traps.
    pub(crate) fn underflow(&mut self) -> bool {
        self.set_c1(false);
        self.x.status |= SF;
        self.raise(IE)
    }

    /// Pushes `v`; where the register is in use, the default NaN if that does not trap.
    pub(crate) fn push_checked(&mut self, v: F80) {
        let overflow = !self.empty(7);
        self.set_c1(overflow);
        if !overflow {
            return self.push(v);
        }
        self.x.status |= SF;
        if self.raise(IE) {
            self.push(INDEFINITE);
        }
    }

    pub(crate) fn rounding(&self) -> u8 {
        (self.x.control >> 10 & 3) as u8
    }

    /// Rounding and masks. Results that trap go to registers with a wrapped exponent.
    pub(crate) fn control(&self) -> Control {
        let masked = (self.x.control & 0x3f) as u8;
        Control {
            rounding: self.rounding(),
            masked,
            flush: false,
            wrap: 24576,
        }
    }

    /// The format that precision control asks for.
    fn format(&self) -> Format {
        let precision = match self.x.control >> 8 & 3 {
            0 => 24,
            2 => 53,
            _ => 64,
        };
        Format {
            precision,
            ..EXTENDED
        }
    }

    /// Rounds a result for a register. None when an exception traps so that nothing is stored.
    pub(crate) fn result(&mut self, raw: Raw, format: Format) -> Option<F80> {
        self.set_c1(false);
        let r = match raw {
            Raw::Zero(sign) => Rounded::special(Class::Zero, sign),
            Raw::Infinite(sign) => Rounded::special(Class::Infinite, sign),
            Raw::Invalid => return self.raise(IE).then_some(INDEFINITE),
            Raw::DivideByZero(sign) => {
                let ok = self.raise(crate::softfloat::flag::ZE);
                return ok.then_some(pack80(Rounded::special(Class::Infinite, sign)));
            }
            Raw::Finite(sign, exp, mant) => round(sign, exp, mant, format, self.control()),
        };
        if r.flags != 0 {
            self.raise(r.flags);
            self.set_c1(r.flags & PE != 0 && r.up);
        }
        Some(pack80(r))
    }

    /// Checks operands for encodings without a value and for NaNs; `Err` is the result where they
    /// decide it (None when that traps).
    pub(crate) fn operands(&mut self, a: F80, b: F80) -> Result<(Num, Num), Option<F80>> {
        self.set_c1(false);
        let (Value::Num(x), Value::Num(y)) = (unpack80(a), unpack80(b)) else {
            return Err(self.raise(IE).then_some(INDEFINITE));
        };
        if !x.nan() && !y.nan() {
            return Ok((x, y));
        }
        let signaling = |n: &Num| n.class == Class::Signaling;
        let quiet = |v: F80| F80 {
            mant: v.mant | 1 << 62,
            ..v
        };
        if (signaling(&x) || signaling(&y)) && !self.raise(IE) {
            return Err(None);
        }
        let chosen = match (x.nan(), y.nan()) {
            (true, false) => a,
            (false, true) => b,
            _ if signaling(&x) && !signaling(&y) => b,
            _ if signaling(&y) && !signaling(&x) => a,
            // The larger significand, else the positive one.
            _ if (a.mant, a.se < 0x8000) >= (b.mant, b.se < 0x8000) => a,
            _ => b,
        };
        Err(Some(quiet(chosen)))
    }

    /// Notes denormal operands; false when that traps.
    pub(crate) fn denormals(&mut self, nums: &[Num]) -> bool {
        !nums.iter().any(|n| n.denormal) || self.raise(DE)
    }
}

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

fn simple(f: &mut Fpu, what: Misc, i: u8) {
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
            let v = x87_fn::constant(i, f.rounding());
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
            x87_fn::unary(f, |f, a| {
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
        other => x87_fn::run(f, other),
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

/// The condition codes of a comparison, and whether it does not trap.
fn order_codes(f: &mut Fpu, a: F80, b: F80, quiet_signals: bool) -> (u16, bool) {
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
fn compare_values(f: &mut Fpu, a: F80, b: F80, quiet_signals: bool) -> bool {
    let (codes, ok) = order_codes(f, a, b, quiet_signals);
    f.codes(codes);
    ok
}

/// The same where an operand is an empty register.
fn compare_empty(f: &mut Fpu) -> bool {
    let ok = f.underflow();
    f.codes(C0 | C2 | C3);
    ok
}

/// fcom and fucom with ST(i), then `pops` pops.
fn compare(f: &mut Fpu, i: u8, quiet_signals: bool, pops: u8) {
    let ok = if f.empty(0) || f.empty(i) {
        compare_empty(f)
    } else {
        compare_values(f, f.st(0), f.st(i), quiet_signals)
    };
    if ok {
        (0..pops).for_each(|_| f.pop());
    }
}

fn compare_flags(vm: &mut Vm, i: u8, quiet_signals: bool, pop: bool) {
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

fn conditional_move(vm: &mut Vm, op: &Op, negate: bool) {
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

/// A memory or register operand as an extended number, exactly.
fn widen(bits: u64, format: Format) -> F80 {
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

fn integer80(v: i64) -> F80 {
    let n = from_integer(v);
    if v == 0 {
        return F80 { mant: 0, se: 0 };
    }
    F80 {
        mant: n.mant,
        se: u16::from(n.sign) << 15 | (n.exp + EXTENDED.max) as u16,
    }
}

fn arith(vm: &mut Vm, op: &Op) -> Result<(), Stop> {
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

fn is_nan(v: F80) -> bool {
    matches!(unpack80(v), Value::Num(n) if n.nan())
}

fn compute(f: &mut Fpu, op: u8, a: F80, b: F80, narrow: bool) -> Option<F80> {
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

fn load(vm: &mut Vm, op: &Op, what: Misc) -> Result<(), Stop> {
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

fn load_bytes(vm: &mut Vm, addr: u64, out: &mut [u8]) -> Result<(), Stop> {
    vm.load_slow(addr, out)
}

fn extended(b: &[u8]) -> F80 {
    let mut mant = [0; 8];
    mant.copy_from_slice(&b[..8]);
    F80 {
        mant: u64::from_le_bytes(mant),
        se: u16::from_le_bytes([b[8], b[9]]),
    }
}

/// Packed decimal: eighteen digits and a sign.
fn decimal(b: &[u8; 10]) -> F80 {
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
fn finish_store(vm: &mut Vm, op: &Op, bytes: &[u8], pop: bool) -> Result<(), Stop> {
    if pop {
        Fpu { x: &mut vm.cpu.x87 }.pop();
    }
    store_bytes(vm, vm.ea(op), bytes)
}

fn store_bytes(vm: &mut Vm, addr: u64, bytes: &[u8]) -> Result<(), Stop> {
    vm.store_slow(addr, bytes)
}

fn store_float(vm: &mut Vm, op: &Op, format: Format, pop: bool) -> Result<(), Stop> {
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
fn narrow(f: &mut Fpu, v: F80, format: Format) -> Option<u64> {
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

fn store_extended(vm: &mut Vm, op: &Op) -> Result<(), Stop> {
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
fn integer(f: &mut Fpu, fits: impl Fn(i128) -> bool) -> Option<Option<i128>> {
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

fn store_integer(vm: &mut Vm, op: &Op, size: usize, pop: bool) -> Result<(), Stop> {
    vm.check_store(vm.ea(op), size)?;
    let min = -(1i128 << (8 * size - 1));
    let f = &mut Fpu { x: &mut vm.cpu.x87 };
    let Some(v) = integer(f, |v| v >= min && v < -min) else {
        return Ok(());
    };
    let v = v.unwrap_or(min) as i64;
    finish_store(vm, op, &v.to_le_bytes()[..size], pop)
}

fn store_decimal(vm: &mut Vm, op: &Op) -> Result<(), Stop> {
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

/// The tag word of an environment, two bits for each register.
fn tags(f: &Fpu) -> u16 {
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
fn environment(op: &Op) -> (usize, usize) {
    if op.imm == 2 { (2, 14) } else { (4, 28) }
}

fn store_environment(vm: &mut Vm, op: &Op, all: bool) -> Result<(), Stop> {
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

fn load_environment(vm: &mut Vm, op: &Op, all: bool) -> Result<(), Stop> {
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

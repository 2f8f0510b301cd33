//! The x87 unit: the table's rows, the register stack, loads, stores and exceptions.
//!
//! The pointers to the last instruction and operand (FIP, FDP, FOP) are not kept: they read as
//! zero, as they do on processors that save them only while an exception is pending.
mod arith;
mod compare;
mod environment;
mod forms;
mod functions;
mod run;
mod transfer;
mod unit;

pub(crate) use forms::forms;
pub(crate) use run::run;
pub(crate) use unit::Fpu;

use crate::inst::Inst;
use crate::op::Op;
use crate::state::Exit;
use crate::vm::{Stop, Vm};

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

//! Which flags instructions read and write, so that those that nobody sees are not computed.

use crate::forms::{AluOp, Args, Kind, ShiftOp};
use crate::inst::Inst;

pub(super) const ALL_FLAGS: u8 = 0x3f;
pub(super) const F_CF: u8 = 1;
pub(super) const F_PF: u8 = 2;
pub(super) const F_ZF: u8 = 8;
pub(super) const F_SF: u8 = 16;
pub(super) const F_OF: u8 = 32;

/// Which flags an instruction needs to be true before it, and which it overwrites. Whatever can
/// fault needs all: the fault's handler sees them.
pub(crate) fn flag_use(inst: &Inst) -> (u8, u8) {
    let cc_reads = || match inst.low >> 1 {
        0 => F_OF,
        1 => F_CF,
        2 => F_ZF,
        3 => F_CF | F_ZF,
        4 => F_SF,
        5 => F_PF,
        6 => F_SF | F_OF,
        _ => F_SF | F_OF | F_ZF,
    };
    let (reads, kills) = match inst.form.kind {
        Kind::Alu(AluOp::Adc | AluOp::Sbb) => (F_CF, ALL_FLAGS),
        Kind::Alu(_) | Kind::Test | Kind::Neg | Kind::Imul => (0, ALL_FLAGS),
        Kind::Inc | Kind::Dec => (0, ALL_FLAGS & !F_CF),
        Kind::Shift(ShiftOp::Shl | ShiftOp::Sal | ShiftOp::Shr | ShiftOp::Sar)
            if shift_count(inst).is_some_and(|n| n != 0) =>
        {
            (0, ALL_FLAGS)
        }
        Kind::Shift(ShiftOp::Shl | ShiftOp::Sal | ShiftOp::Shr | ShiftOp::Sar) => (0, 0),
        Kind::Shift(ShiftOp::Rol | ShiftOp::Ror) => (0, 0),
        Kind::Mov | Kind::MovImm | Kind::Movsxd | Kind::Movzx(_) | Kind::Movsx(_) => (0, 0),
        Kind::Nop | Kind::Hint | Kind::Not | Kind::Bswap | Kind::Cbw | Kind::Cwd => (0, 0),
        Kind::Lea => return (0, 0),
        Kind::Xchg | Kind::XchgAx => (0, 0),
        Kind::Cmov | Kind::Setcc => (cc_reads(), 0),
        _ => (ALL_FLAGS, 0),
    };
    if inst.mem.is_some() {
        (ALL_FLAGS, kills)
    } else {
        (reads, kills)
    }
}

/// The masked count of a shift by an immediate.
pub(super) fn shift_count(inst: &Inst) -> Option<u8> {
    let mask = if inst.size == 8 { 63 } else { 31 };
    match inst.form.args {
        Args::E1 => Some(1),
        Args::EI => Some(inst.imm as u8 & mask),
        _ => None,
    }
}

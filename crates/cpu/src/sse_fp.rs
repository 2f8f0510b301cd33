//! SSE floating point.

use crate::forms::Prefix;
use crate::sse::Lanes;
use crate::state::Exit;
use crate::vm::{Stop, Vm};

/// Arithmetic on one or several lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
#[repr(u8)]
pub enum Arith {
    Add,
    Sub,
    Mul,
    Div,
    Min,
    Max,
    Sqrt,
    Rsqrt,
    Rcp,
}

/// Conversions, named after the instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
#[repr(u8)]
pub enum Convert {
    Pi2ps,
    Pi2pd,
    Si2ss,
    Si2sd,
    Tps2pi,
    Tpd2pi,
    Tss2si,
    Tsd2si,
    Ps2pi,
    Pd2pi,
    Ss2si,
    Sd2si,
    Ps2pd,
    Pd2ps,
    Ss2sd,
    Sd2ss,
    Dq2ps,
    Ps2dq,
    Tps2dq,
    Tpd2dq,
    Dq2pd,
    Pd2dq,
}

use Convert::*;

/// Opcode, prefix, meaning and name of each.
#[rustfmt::skip]
pub(crate) const CONVERSIONS: [(u8, Prefix, Convert, &str); 22] = [
    (0x2a, Prefix::Np, Pi2ps, "cvtpi2ps"),
    (0x2a, Prefix::P66, Pi2pd, "cvtpi2pd"),
    (0x2a, Prefix::F3, Si2ss, "cvtsi2ss"),
    (0x2a, Prefix::F2, Si2sd, "cvtsi2sd"),
    (0x2c, Prefix::Np, Tps2pi, "cvttps2pi"),
    (0x2c, Prefix::P66, Tpd2pi, "cvttpd2pi"),
    (0x2c, Prefix::F3, Tss2si, "cvttss2si"),
    (0x2c, Prefix::F2, Tsd2si, "cvttsd2si"),
    (0x2d, Prefix::Np, Ps2pi, "cvtps2pi"),
    (0x2d, Prefix::P66, Pd2pi, "cvtpd2pi"),
    (0x2d, Prefix::F3, Ss2si, "cvtss2si"),
    (0x2d, Prefix::F2, Sd2si, "cvtsd2si"),
    (0x5a, Prefix::Np, Ps2pd, "cvtps2pd"),
    (0x5a, Prefix::P66, Pd2ps, "cvtpd2ps"),
    (0x5a, Prefix::F3, Ss2sd, "cvtss2sd"),
    (0x5a, Prefix::F2, Sd2ss, "cvtsd2ss"),
    (0x5b, Prefix::Np, Dq2ps, "cvtdq2ps"),
    (0x5b, Prefix::P66, Ps2dq, "cvtps2dq"),
    (0x5b, Prefix::F3, Tps2dq, "cvttps2dq"),
    (0xe6, Prefix::P66, Tpd2dq, "cvttpd2dq"),
    (0xe6, Prefix::F3, Dq2pd, "cvtdq2pd"),
    (0xe6, Prefix::F2, Pd2dq, "cvtpd2dq"),
];

/// Where a conversion's operands are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) from_mmx: bool,
    pub(crate) from_gpr: bool,
    pub(crate) to_mmx: bool,
    pub(crate) to_gpr: bool,
    /// Bytes of a memory operand.
    pub(crate) bytes: u8,
}

impl Convert {
    pub(crate) fn shape(self) -> Shape {
        Shape {
            from_mmx: matches!(self, Pi2ps | Pi2pd),
            from_gpr: matches!(self, Si2ss | Si2sd),
            to_mmx: matches!(self, Tps2pi | Tpd2pi | Ps2pi | Pd2pi),
            to_gpr: matches!(self, Tss2si | Tsd2si | Ss2si | Sd2si),
            bytes: match self {
                Tss2si | Ss2si | Ss2sd | Si2ss | Si2sd => 4,
                Pi2ps | Pi2pd | Tps2pi | Ps2pi | Ps2pd | Tsd2si | Sd2si | Sd2ss | Dq2pd => 8,
                _ => 16,
            },
        }
    }
}

pub(crate) fn convert_op(number: u8) -> Option<Convert> {
    CONVERSIONS.iter().map(|c| c.2).find(|&c| c as u8 == number)
}

pub(crate) fn arith(vm: &mut Vm, _op: u8, _l: Lanes, _a: u128, _b: u128) -> Result<u128, Stop> {
    Err(vm.stop(Exit::InvalidOpcode))
}
pub(crate) fn compare(vm: &mut Vm, _op: u8, _l: Lanes, _a: u128, _b: u128) -> Result<u128, Stop> {
    Err(vm.stop(Exit::InvalidOpcode))
}
pub(crate) fn order(vm: &mut Vm, _l: Lanes, _a: u128, _b: u128, _q: bool) -> Result<u64, Stop> {
    Err(vm.stop(Exit::InvalidOpcode))
}
pub(crate) fn convert(
    vm: &mut Vm,
    _w: Convert,
    _s: u128,
    _wide: bool,
    _old: u128,
) -> Result<u128, Stop> {
    Err(vm.stop(Exit::InvalidOpcode))
}

//! SSE floating point. Results and flags come from [`crate::softfloat`]; the host's arithmetic is
//! used only where it cannot differ: to nearest, all masked, nothing near the ends of the range.

use std::cmp::Ordering;

use super::Lanes;
use crate::forms::Prefix;
use crate::softfloat::flag::{DE, IE, PE, ZE};
use crate::softfloat::{
    self, Class, Control, DOUBLE, Format, Num, Raw, Rounded, SINGLE, pack, round, rounding, unpack,
};
use crate::state::Exit;
use crate::state::rflags::{CF, PF, ZF};
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
    CONVERSIONS.get(usize::from(number)).map(|c| c.2)
}

/// MXCSR bits.
const DAZ: u32 = 1 << 6;
const FTZ: u32 = 1 << 15;
/// Flags, DAZ, masks, rounding and FTZ as they are when nothing but results can change: all
/// masked, inexact noted already, round to nearest.
const QUIET_BITS: u32 = 0xffe0;
const QUIET: u32 = 0x1fa0;

/// Control and the flags that gather during one instruction.
struct Env {
    control: Control,
    daz: bool,
    /// Exceptions found before computing (invalid, denormal, zero divide) and after.
    flags: u8,
}

impl Env {
    fn new(mxcsr: u32) -> Env {
        let control = Control {
            rounding: (mxcsr >> 13 & 3) as u8,
            masked: (mxcsr >> 7 & 0x3f) as u8,
            flush: mxcsr & FTZ != 0,
            wrap: 0,
        };
        Env {
            control,
            daz: mxcsr & DAZ != 0,
            flags: 0,
        }
    }

    fn unpack(&self, bits: u64, f: Format) -> Num {
        let n = unpack(bits, f);
        if self.daz { n.flushed() } else { n }
    }

    /// Notes the flags; #XM when one is not masked.
    fn finish(self, vm: &mut Vm) -> Result<(), Stop> {
        let before = IE | DE | ZE;
        let mut flags = self.flags;
        if flags & before & !self.control.masked != 0 {
            flags &= before;
        }
        vm.cpu.mxcsr |= u32::from(flags);
        let raised = flags & !self.control.masked;
        if raised != 0 {
            Err(vm.stop(Exit::SimdException { raised }))
        } else {
            Ok(())
        }
    }

    fn invalid(&mut self, f: Format) -> u64 {
        self.flags |= IE;
        pack(Rounded::special(Class::Quiet, true), f)
    }

    fn denormal(&mut self, n: &[Num]) {
        if n.iter().any(|n| n.denormal) {
            self.flags |= DE;
        }
    }

    fn round(&mut self, raw: Raw, f: Format) -> u64 {
        match raw {
            Raw::Zero(sign) => pack(Rounded::special(Class::Zero, sign), f),
            Raw::Infinite(sign) => pack(Rounded::special(Class::Infinite, sign), f),
            Raw::Finite(sign, exp, mant) => {
                let r = round(sign, exp, mant, f, self.control);
                self.flags |= r.flags;
                pack(r, f)
            }
            Raw::Invalid => self.invalid(f),
            Raw::DivideByZero(sign) => {
                self.flags |= ZE;
                pack(Rounded::special(Class::Infinite, sign), f)
            }
        }
    }

    /// The NaN that comes out when an operand is one: the first, made quiet.
    fn nan(&mut self, a: (u64, Num), b: (u64, Num), f: Format) -> Option<u64> {
        if a.1.class == Class::Signaling || b.1.class == Class::Signaling {
            self.flags |= IE;
        }
        let quiet = 1 << (f.precision - 2);
        if a.1.nan() {
            return Some(a.0 | quiet);
        }
        b.1.nan().then_some(b.0 | quiet)
    }

    fn binary(&mut self, op: u8, x: u64, y: u64, f: Format) -> u64 {
        let (a, b) = (self.unpack(x, f), self.unpack(y, f));
        if op == Arith::Min as u8 || op == Arith::Max as u8 {
            return self.extreme(op == Arith::Max as u8, (x, a), (y, b), f);
        }
        if let Some(nan) = self.nan((x, a), (y, b), f) {
            return nan;
        }
        let rounding = self.control.rounding;
        let raw = match op {
            0 => softfloat::add(a, b, rounding),
            1 => softfloat::add(a, b.negated(), rounding),
            2 => softfloat::mul(a, b),
            _ => softfloat::div(a, b),
        };
        if !matches!(raw, Raw::Invalid | Raw::DivideByZero(_)) {
            self.denormal(&[a, b]);
        }
        self.round(raw, f)
    }

    /// min and max are a comparison and a choice: the second operand when not smaller (larger).
    fn extreme(&mut self, max: bool, a: (u64, Num), b: (u64, Num), f: Format) -> u64 {
        // With DAZ a denormal is chosen as the zero that it counts as.
        let value = |(bits, n): (u64, Num)| {
            if self.daz && n.zero() {
                pack(Rounded::special(Class::Zero, n.sign), f)
            } else {
                bits
            }
        };
        let (x, y) = (value(a), value(b));
        if a.1.nan() || b.1.nan() {
            self.flags |= IE;
            return y;
        }
        self.denormal(&[a.1, b.1]);
        let order = softfloat::compare(a.1, b.1);
        let wanted = if max {
            Ordering::Greater
        } else {
            Ordering::Less
        };
        if order == wanted { x } else { y }
    }

    fn unary(&mut self, op: u8, x: u64, f: Format) -> u64 {
        let a = self.unpack(x, f);
        if op != Arith::Sqrt as u8 {
            return approximate(op == Arith::Rsqrt as u8, x as u32);
        }
        if let Some(nan) = self.nan((x, a), (x, a), f) {
            return nan;
        }
        let raw = softfloat::sqrt(a);
        if raw != Raw::Invalid {
            self.denormal(&[a]);
        }
        self.round(raw, f)
    }

    fn compare(&mut self, x: u64, y: u64, quiet_signals: bool, f: Format) -> Option<Ordering> {
        let (a, b) = (self.unpack(x, f), self.unpack(y, f));
        if a.nan() || b.nan() {
            let signaling = a.class == Class::Signaling || b.class == Class::Signaling;
            if quiet_signals || signaling {
                self.flags |= IE;
            }
            return None;
        }
        self.denormal(&[a, b]);
        Some(softfloat::compare(a, b))
    }
}

/// `rcpss` and `rsqrtss`: the real ones give some 12 bits that differ between processors; these
/// give the correctly rounded single, cut to 12 bits.
fn approximate(root: bool, bits: u32) -> u64 {
    let x = f32::from_bits(bits);
    let exp = bits & 0x7f80_0000;
    let sign = bits & 0x8000_0000;
    if x.is_nan() {
        return u64::from(bits | 0x40_0000);
    }
    if exp == 0 {
        return u64::from(sign | 0x7f80_0000);
    }
    if root && sign != 0 {
        return 0xffc0_0000;
    }
    if exp == 0x7f80_0000 {
        return u64::from(sign);
    }
    let r = if root { 1.0 / x.sqrt() } else { 1.0 / x };
    let cut = r.to_bits() & 0xffff_f000;
    // A result too small for a normal number is zero.
    u64::from(if cut & 0x7f80_0000 == 0 { sign } else { cut })
}

/// Whether an exponent field is neither that of zeroes and denormals nor of infinities and NaNs,
/// nor next to them, so that nothing but inexactness can happen.
fn calm64(v: u64) -> bool {
    ((v >> 52 & 0x7ff).wrapping_sub(2)) < 0x7fc
}

fn calm32(v: u32) -> bool {
    ((v >> 23 & 0xff).wrapping_sub(2)) < 0xfc
}

/// The host's own double arithmetic, where it cannot differ and no flag can be new.
fn quick64(op: u8, x: u64, y: u64) -> Option<u64> {
    let (a, b) = (f64::from_bits(x), f64::from_bits(y));
    let ok = |v: u64| calm64(v) || v << 1 == 0;
    if !ok(x) || !ok(y) {
        return None;
    }
    let r = match op {
        0 => a + b,
        1 => a - b,
        2 => a * b,
        3 => a / b,
        6 if y >> 63 == 0 => b.sqrt(),
        _ => return None,
    };
    let r = r.to_bits();
    // A zero from nonzero operands is exact only when it comes from a sum.
    (calm64(r) || r << 1 == 0 && op < 2).then_some(r)
}

fn quick32(op: u8, x: u32, y: u32) -> Option<u32> {
    let (a, b) = (f32::from_bits(x), f32::from_bits(y));
    let ok = |v: u32| calm32(v) || v << 1 == 0;
    if !ok(x) || !ok(y) {
        return None;
    }
    let r = match op {
        0 => a + b,
        1 => a - b,
        2 => a * b,
        3 => a / b,
        6 if y >> 31 == 0 => b.sqrt(),
        _ => return None,
    };
    let r = r.to_bits();
    (calm32(r) || r << 1 == 0 && op < 2).then_some(r)
}

/// Count, width in bits and format of the lanes.
fn layout(l: Lanes) -> (u32, u32, Format) {
    match l {
        Lanes::Ps => (4, 32, SINGLE),
        Lanes::Pd => (2, 64, DOUBLE),
        Lanes::Ss => (1, 32, SINGLE),
        Lanes::Sd => (1, 64, DOUBLE),
    }
}

fn lane(v: u128, i: u32, width: u32) -> u64 {
    (v >> (i * width)) as u64 & (u64::MAX >> (64 - width))
}

/// Arithmetic; the result has only the lanes that count.
pub(crate) fn arith(vm: &mut Vm, op: u8, l: Lanes, a: u128, b: u128) -> Result<u128, Stop> {
    let (count, width, f) = layout(l);
    let mxcsr = vm.cpu.mxcsr;
    let quick = mxcsr & QUIET_BITS == QUIET;
    let mut env = Env::new(mxcsr);
    let mut out = 0;
    for i in 0..count {
        let (x, y) = (lane(a, i, width), lane(b, i, width));
        let done = match width {
            _ if !quick => None,
            64 => quick64(op, x, y),
            _ => quick32(op, x as u32, y as u32).map(u64::from),
        };
        let r = match done {
            Some(r) => r,
            None if op >= Arith::Sqrt as u8 => env.unary(op, y, f),
            None => env.binary(op, x, y, f),
        };
        out |= u128::from(r) << (i * width);
    }
    env.finish(vm)?;
    Ok(out)
}

/// `cmpps` and its relatives: all ones where the predicate holds.
pub(crate) fn compare(vm: &mut Vm, imm: u8, l: Lanes, a: u128, b: u128) -> Result<u128, Stop> {
    let (count, width, f) = layout(l);
    let mut env = Env::new(vm.cpu.mxcsr);
    let mut out = 0;
    let predicate = imm & 3;
    for i in 0..count {
        let signals = matches!(predicate, 1 | 2);
        let order = env.compare(lane(a, i, width), lane(b, i, width), signals, f);
        let holds = match predicate {
            0 => order == Some(Ordering::Equal),
            1 => order == Some(Ordering::Less),
            2 => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            _ => order.is_none(),
        };
        if holds != (imm & 4 != 0) {
            out |= u128::from(u64::MAX >> (64 - width)) << (i * width);
        }
    }
    env.finish(vm)?;
    Ok(out)
}

/// `comiss` and its relatives: the flags of the comparison, as in RFLAGS.
pub(crate) fn order(vm: &mut Vm, l: Lanes, a: u128, b: u128, signals: bool) -> Result<u64, Stop> {
    let (_, width, f) = layout(l);
    let mut env = Env::new(vm.cpu.mxcsr);
    let order = env.compare(lane(a, 0, width), lane(b, 0, width), signals, f);
    env.finish(vm)?;
    Ok(match order {
        None => ZF | PF | CF,
        Some(Ordering::Less) => CF,
        Some(Ordering::Equal) => ZF,
        Some(Ordering::Greater) => 0,
    })
}

impl Env {
    /// To an integer of `bits` bits; what does not fit is the "integer indefinite".
    fn integer(&mut self, x: u64, f: Format, truncate: bool, bits: u32) -> u64 {
        let rounding = if truncate {
            rounding::ZERO
        } else {
            self.control.rounding
        };
        let min = -(1i128 << (bits - 1));
        match softfloat::to_integer(self.unpack(x, f), rounding) {
            Some((v, inexact, _)) if v >= min && v < -min => {
                if inexact {
                    self.flags |= PE;
                }
                v as u64 & (u64::MAX >> (64 - bits))
            }
            _ => {
                self.flags |= IE;
                1 << (bits - 1)
            }
        }
    }

    fn integer_to(&mut self, v: i64, f: Format) -> u64 {
        self.round(softfloat::from_integer(v).raw(), f)
    }

    /// Between single and double.
    fn resize(&mut self, x: u64, from: Format, to: Format) -> u64 {
        let n = self.unpack(x, from);
        if n.nan() {
            if n.class == Class::Signaling {
                self.flags |= IE;
            }
            let nan = Rounded {
                mant: n.mant | 3 << 62,
                ..Rounded::special(Class::Quiet, n.sign)
            };
            return pack(nan, to);
        }
        self.denormal(&[n]);
        self.round(n.raw(), to)
    }
}

/// Runs a conversion of `s`. `old` is the destination, whose other lanes stay where the
/// instruction says so.
pub(crate) fn convert(
    vm: &mut Vm,
    what: Convert,
    s: u128,
    wide: bool,
    old: u128,
) -> Result<u128, Stop> {
    let mut env = Env::new(vm.cpu.mxcsr);
    let e = &mut env;
    let bits = if wide { 64 } else { 32 };
    let int = |i: u32| i64::from(lane(s, i, 32) as i32);
    let gpr = if wide { s as i64 } else { s as i32 as i64 };
    let pair = |x: u64, y: u64, width: u32| u128::from(x) | u128::from(y) << width;
    let low64 = |v: u128| old >> 64 << 64 | v;
    let low32 = |v: u64| old >> 32 << 32 | u128::from(v);
    let low = |v: u64| low64(u128::from(v));
    let out = match what {
        Pi2ps => low64(pair(
            e.integer_to(int(0), SINGLE),
            e.integer_to(int(1), SINGLE),
            32,
        )),
        Pi2pd | Dq2pd => pair(
            e.integer_to(int(0), DOUBLE),
            e.integer_to(int(1), DOUBLE),
            64,
        ),
        Si2ss => low32(e.integer_to(gpr, SINGLE)),
        Si2sd => low(e.integer_to(gpr, DOUBLE)),
        Tps2pi | Ps2pi => {
            let t = what == Tps2pi;
            pair(
                e.integer(lane(s, 0, 32), SINGLE, t, 32),
                e.integer(lane(s, 1, 32), SINGLE, t, 32),
                32,
            )
        }
        Tpd2pi | Pd2pi | Tpd2dq | Pd2dq => {
            let t = matches!(what, Tpd2pi | Tpd2dq);
            pair(
                e.integer(lane(s, 0, 64), DOUBLE, t, 32),
                e.integer(lane(s, 1, 64), DOUBLE, t, 32),
                32,
            )
        }
        Tss2si | Ss2si => u128::from(e.integer(lane(s, 0, 32), SINGLE, what == Tss2si, bits)),
        Tsd2si | Sd2si => u128::from(e.integer(lane(s, 0, 64), DOUBLE, what == Tsd2si, bits)),
        Ps2pd => pair(
            e.resize(lane(s, 0, 32), SINGLE, DOUBLE),
            e.resize(lane(s, 1, 32), SINGLE, DOUBLE),
            64,
        ),
        Pd2ps => pair(
            e.resize(lane(s, 0, 64), DOUBLE, SINGLE),
            e.resize(lane(s, 1, 64), DOUBLE, SINGLE),
            32,
        ),
        Ss2sd => low(e.resize(lane(s, 0, 32), SINGLE, DOUBLE)),
        Sd2ss => low32(e.resize(lane(s, 0, 64), DOUBLE, SINGLE)),
        Dq2ps => (0..4).fold(0, |r, i| {
            r | u128::from(e.integer_to(int(i), SINGLE)) << (32 * i)
        }),
        Ps2dq | Tps2dq => (0..4).fold(0, |r, i| {
            let v = e.integer(lane(s, i, 32), SINGLE, what == Tps2dq, 32);
            r | u128::from(v) << (32 * i)
        }),
    };
    env.finish(vm)?;
    Ok(out)
}

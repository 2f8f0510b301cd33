//! IEEE arithmetic in integers, for single, double and extended precision: defined bits on every
//! host, all rounding modes, and the exception flags.

/// Exception flags, at the positions that MXCSR and the x87 status word share.
pub(crate) mod flag {
    /// Invalid operation.
    pub(crate) const IE: u8 = 1;
    /// Denormal operand.
    pub(crate) const DE: u8 = 2;
    /// Division by zero.
    pub(crate) const ZE: u8 = 4;
    /// Overflow.
    pub(crate) const OE: u8 = 8;
    /// Underflow.
    pub(crate) const UE: u8 = 16;
    /// Inexact.
    pub(crate) const PE: u8 = 32;
}

use flag::{OE, PE, UE};

/// Rounding: to nearest even, down, up, towards zero, as both control words encode it.
pub(crate) mod rounding {
    pub(crate) const NEAREST: u8 = 0;
    pub(crate) const DOWN: u8 = 1;
    pub(crate) const UP: u8 = 2;
    pub(crate) const ZERO: u8 = 3;
}

/// Precision and exponent range of a result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Format {
    /// Bits of the significand, the leading one included.
    pub(crate) precision: u32,
    /// Exponent of the smallest normal number.
    pub(crate) min: i32,
    /// Largest exponent, also the bias.
    pub(crate) max: i32,
}

pub(crate) const SINGLE: Format = Format {
    precision: 24,
    min: -126,
    max: 127,
};
pub(crate) const DOUBLE: Format = Format {
    precision: 53,
    min: -1022,
    max: 1023,
};
pub(crate) const EXTENDED: Format = Format {
    precision: 64,
    min: -16382,
    max: 16383,
};

/// What kind of number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Zero,
    Finite,
    Infinite,
    Quiet,
    Signaling,
}

/// An unpacked number. A finite one is `mant * 2^(exp - 63)` with the top bit of `mant` set; a
/// NaN has its significand in `mant`, left-aligned below the integer bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Num {
    pub(crate) sign: bool,
    pub(crate) class: Class,
    pub(crate) exp: i32,
    pub(crate) mant: u64,
    pub(crate) denormal: bool,
}

impl Num {
    pub(crate) fn nan(&self) -> bool {
        matches!(self.class, Class::Quiet | Class::Signaling)
    }

    pub(crate) fn zero(&self) -> bool {
        self.class == Class::Zero
    }

    pub(crate) fn infinite(&self) -> bool {
        self.class == Class::Infinite
    }

    pub(crate) fn negated(self) -> Num {
        Num {
            sign: !self.sign,
            ..self
        }
    }

    /// Denormals taken as zero.
    pub(crate) fn flushed(self) -> Num {
        if self.denormal {
            Num {
                class: Class::Zero,
                mant: 0,
                denormal: false,
                ..self
            }
        } else {
            self
        }
    }

    /// The exact value as a result that is still to be rounded.
    pub(crate) fn raw(self) -> Raw {
        match self.class {
            Class::Zero => Raw::Zero(self.sign),
            Class::Infinite => Raw::Infinite(self.sign),
            _ => Raw::Finite(self.sign, self.exp, u128::from(self.mant) << 64),
        }
    }
}

/// Unpacks a number of `width` bits with `fraction` stored fraction bits (single and double).
pub(crate) fn unpack(bits: u64, format: Format) -> Num {
    let fraction_bits = format.precision - 1;
    let exp_bits = if fraction_bits == 23 { 8 } else { 11 };
    let sign = bits >> (fraction_bits + exp_bits) & 1 != 0;
    let biased = (bits >> fraction_bits) as i32 & ((1 << exp_bits) - 1);
    let fraction = (bits & ((1 << fraction_bits) - 1)) << (63 - fraction_bits);
    let num = Num {
        sign,
        class: Class::Finite,
        exp: 0,
        mant: fraction,
        denormal: false,
    };
    if biased == (1 << exp_bits) - 1 {
        let class = match fraction {
            0 => Class::Infinite,
            f if f >> 62 & 1 != 0 => Class::Quiet,
            _ => Class::Signaling,
        };
        return Num { class, ..num };
    }
    if biased != 0 {
        return Num {
            exp: biased - format.max,
            mant: fraction | 1 << 63,
            ..num
        };
    }
    if fraction == 0 {
        return Num {
            class: Class::Zero,
            ..num
        };
    }
    let shift = fraction.leading_zeros();
    Num {
        exp: format.min - shift as i32,
        mant: fraction << shift,
        denormal: true,
        ..num
    }
}

/// Packs a rounded number into single or double.
pub(crate) fn pack(r: Rounded, format: Format) -> u64 {
    let fraction_bits = format.precision - 1;
    let exp_bits = if fraction_bits == 23 { 8 } else { 11 };
    let sign = u64::from(r.sign) << (fraction_bits + exp_bits);
    let fraction = r.mant << 1 >> (64 - fraction_bits);
    let biased = match r.class {
        Class::Zero => return sign,
        Class::Finite if r.mant >> 63 == 0 => 0,
        Class::Finite => (r.exp + format.max) as u64,
        _ => (1 << exp_bits) - 1,
    };
    sign | biased << fraction_bits | fraction
}

/// The exact result of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Raw {
    Zero(bool),
    Infinite(bool),
    /// Sign, exponent of the leading bit, and the bits from it on; the last one also stands for
    /// everything below it.
    Finite(bool, i32, u128),
    /// There is none: the default NaN.
    Invalid,
    /// A finite number divided by zero.
    DivideByZero(bool),
}

/// A number in a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rounded {
    pub(crate) sign: bool,
    pub(crate) class: Class,
    pub(crate) exp: i32,
    /// Left-aligned; the top bit is clear for denormals.
    pub(crate) mant: u64,
    /// Exceptions of rounding.
    pub(crate) flags: u8,
    /// The magnitude was rounded up.
    pub(crate) up: bool,
}

impl Rounded {
    pub(crate) fn special(class: Class, sign: bool) -> Rounded {
        let mant = match class {
            Class::Zero => 0,
            Class::Quiet => 3 << 62,
            _ => 1 << 63,
        };
        Rounded {
            sign,
            class,
            exp: 0,
            mant,
            flags: 0,
            up: false,
        }
    }
}

/// What the control word says about results.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Control {
    pub(crate) rounding: u8,
    /// Bits of [`flag`] that do not trap.
    pub(crate) masked: u8,
    /// Tiny results become zero.
    pub(crate) flush: bool,
    /// What is added to the exponent of a result that traps as tiny, and taken from one that
    /// traps as too large (the x87 unit stores such results; 0 for SSE, which does not).
    pub(crate) wrap: i32,
}

fn shift_sticky(v: u128, n: u32) -> u128 {
    match n {
        0 => v,
        1..=127 => v >> n | u128::from(v << (128 - n) != 0),
        _ => u128::from(v != 0),
    }
}

/// The top `precision` bits, rounded: bits (right-aligned, possibly one more), inexact, up.
fn round_bits(mant: u128, precision: u32, sign: bool, rounding: u8) -> (u128, bool, bool) {
    let keep = mant >> (128 - precision);
    let rest = mant << precision;
    let half = 1u128 << 127;
    let inexact = rest != 0;
    let up = match rounding {
        rounding::NEAREST => rest > half || rest == half && keep & 1 != 0,
        rounding::DOWN => sign && inexact,
        rounding::UP => !sign && inexact,
        _ => false,
    };
    (keep + u128::from(up), inexact, up)
}

/// Rounds to `format`. Tininess is judged after rounding, as the processor does.
pub(crate) fn round(sign: bool, exp: i32, mant: u128, format: Format, c: Control) -> Rounded {
    let p = format.precision;
    let (mut keep, inexact, up) = round_bits(mant, p, sign, c.rounding);
    let mut e = exp;
    if keep >> p != 0 {
        keep >>= 1;
        e += 1;
    }
    let flags = if inexact { PE } else { 0 };
    let finite = |keep: u128, exp, flags, up| Rounded {
        sign,
        class: Class::Finite,
        exp,
        mant: (keep as u64) << (64 - p),
        flags,
        up,
    };
    if e > format.max {
        if c.masked & OE == 0 && (c.wrap == 0 || e - c.wrap <= format.max) {
            return finite(keep, e - c.wrap, flags | OE, up);
        }
        // To be trapped and beyond even the wrapped exponents: infinite whatever the rounding.
        let beyond = c.masked & OE == 0;
        return overflow(
            sign,
            format,
            if beyond {
                rounding::NEAREST
            } else {
                c.rounding
            },
        );
    }
    if e >= format.min {
        return finite(keep, e, flags, up);
    }
    if c.masked & UE == 0 && (c.wrap == 0 || e + c.wrap >= format.min) {
        return finite(keep, e + c.wrap, flags | UE, up);
    }
    // Flushed, or to be trapped and beyond even the wrapped exponents.
    if c.flush || c.masked & UE == 0 {
        return Rounded {
            flags: UE | PE,
            ..Rounded::special(Class::Zero, sign)
        };
    }
    let shifted = shift_sticky(mant, (format.min - exp) as u32);
    let (keep, inexact, up) = round_bits(shifted, p, sign, c.rounding);
    let flags = if inexact { UE | PE } else { 0 };
    if keep == 0 {
        return Rounded {
            flags,
            up,
            ..Rounded::special(Class::Zero, sign)
        };
    }
    finite(keep, format.min, flags, up)
}

fn overflow(sign: bool, format: Format, rounding: u8) -> Rounded {
    let to_infinity = match rounding {
        rounding::NEAREST => true,
        rounding::DOWN => sign,
        rounding::UP => !sign,
        _ => false,
    };
    let flags = OE | PE;
    if to_infinity {
        return Rounded {
            flags,
            up: true,
            ..Rounded::special(Class::Infinite, sign)
        };
    }
    let mant = u64::MAX << (64 - format.precision);
    Rounded {
        sign,
        class: Class::Finite,
        exp: format.max,
        mant,
        flags,
        up: false,
    }
}

fn normalized(sign: bool, exp: i32, mant: u128) -> Raw {
    let shift = mant.leading_zeros();
    Raw::Finite(sign, exp - shift as i32, mant << shift)
}

/// `a + b`; neither is a NaN.
pub(crate) fn add(a: Num, b: Num, rounding: u8) -> Raw {
    match (a.class, b.class) {
        (Class::Infinite, Class::Infinite) if a.sign != b.sign => Raw::Invalid,
        (Class::Infinite, _) => Raw::Infinite(a.sign),
        (_, Class::Infinite) => Raw::Infinite(b.sign),
        (Class::Zero, Class::Zero) if a.sign == b.sign => Raw::Zero(a.sign),
        (Class::Zero, Class::Zero) => Raw::Zero(rounding == rounding::DOWN),
        (Class::Zero, _) => b.raw(),
        (_, Class::Zero) => a.raw(),
        _ => add_finite(a, b, rounding),
    }
}

fn add_finite(a: Num, b: Num, rounding: u8) -> Raw {
    let (big, small) = if (a.exp, a.mant) >= (b.exp, b.mant) {
        (a, b)
    } else {
        (b, a)
    };
    let large = u128::from(big.mant) << 63;
    let little = shift_sticky(u128::from(small.mant) << 63, (big.exp - small.exp) as u32);
    let sum = if big.sign == small.sign {
        large + little
    } else {
        large - little
    };
    if sum == 0 {
        return Raw::Zero(rounding == rounding::DOWN);
    }
    normalized(big.sign, big.exp + 1, sum)
}

/// `a * b`; neither is a NaN.
pub(crate) fn mul(a: Num, b: Num) -> Raw {
    let sign = a.sign != b.sign;
    match (a.class, b.class) {
        (Class::Infinite, Class::Zero) | (Class::Zero, Class::Infinite) => Raw::Invalid,
        (Class::Infinite, _) | (_, Class::Infinite) => Raw::Infinite(sign),
        (Class::Zero, _) | (_, Class::Zero) => Raw::Zero(sign),
        _ => normalized(
            sign,
            a.exp + b.exp + 1,
            u128::from(a.mant) * u128::from(b.mant),
        ),
    }
}

/// `a / b`; neither is a NaN.
pub(crate) fn div(a: Num, b: Num) -> Raw {
    let sign = a.sign != b.sign;
    match (a.class, b.class) {
        (Class::Infinite, Class::Infinite) | (Class::Zero, Class::Zero) => Raw::Invalid,
        (Class::Infinite, _) => Raw::Infinite(sign),
        (_, Class::Zero) => Raw::DivideByZero(sign),
        (Class::Zero, _) | (_, Class::Infinite) => Raw::Zero(sign),
        _ => {
            let d = u128::from(b.mant);
            let n = u128::from(a.mant) << 63;
            let (high, rest) = (n / d, n % d);
            let (low, rest) = ((rest << 64) / d, (rest << 64) % d);
            normalized(
                sign,
                a.exp - b.exp,
                high << 64 | low | u128::from(rest != 0),
            )
        }
    }
}

/// The square root of `a`, not a NaN.
pub(crate) fn sqrt(a: Num) -> Raw {
    match a.class {
        Class::Zero => Raw::Zero(a.sign),
        _ if a.sign => Raw::Invalid,
        Class::Infinite => Raw::Infinite(false),
        _ => {
            let odd = a.exp & 1;
            let n = u128::from(a.mant) << (63 + odd);
            let root = n.isqrt();
            let rest = n - root * root;
            // Above the middle between two roots, and not exact.
            let half = u128::from(rest > root) << 63;
            Raw::Finite(false, a.exp >> 1, root << 64 | half | u128::from(rest != 0))
        }
    }
}

/// `a` rounded to an integer, if it has at most 127 bits; and whether it was inexact, and rounded
/// up in magnitude.
pub(crate) fn to_integer(a: Num, rounding: u8) -> Option<(i128, bool, bool)> {
    let (magnitude, inexact, up) = match a.class {
        Class::Zero => (0, false, false),
        Class::Finite if a.exp >= 126 => return None,
        Class::Finite => {
            // Fixed point with the integer part above and one sticky fraction below.
            let wide = u128::from(a.mant) << 64;
            if a.exp < 0 {
                let (keep, inexact, up) = round_bits(
                    shift_sticky(wide, (1 - (a.exp + 1).max(-120)) as u32),
                    1,
                    a.sign,
                    rounding,
                );
                (keep, inexact, up)
            } else {
                let precision = a.exp as u32 + 1;
                round_bits(wide, precision, a.sign, rounding)
            }
        }
        _ => return None,
    };
    let v = magnitude as i128;
    Some((if a.sign { -v } else { v }, inexact, up))
}

/// An integer as a number.
pub(crate) fn from_integer(v: i64) -> Num {
    let mant = v.unsigned_abs();
    let shift = mant.leading_zeros();
    let class = if v == 0 { Class::Zero } else { Class::Finite };
    let mant = if v == 0 { 0 } else { mant << shift };
    Num {
        sign: v < 0,
        class,
        exp: 63 - shift as i32,
        mant,
        denormal: false,
    }
}

/// How `a` and `b`, neither a NaN, compare.
pub(crate) fn compare(a: Num, b: Num) -> std::cmp::Ordering {
    let key = |n: &Num| match n.class {
        Class::Zero => (0, 0, 0),
        Class::Infinite => (2, 0, 0),
        _ => (1, n.exp, n.mant),
    };
    let negative = |n: &Num| n.sign && !n.zero();
    match (negative(&a), negative(&b)) {
        (false, false) => key(&a).cmp(&key(&b)),
        (true, true) => key(&b).cmp(&key(&a)),
        (true, false) => std::cmp::Ordering::Less,
        (false, true) => std::cmp::Ordering::Greater,
    }
}

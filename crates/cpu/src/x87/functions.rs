//! The x87 unit's functions: scaling, remainders, and the transcendental ones, which are computed
//! with 128 bits and rounded once. Real processors differ from one another in the last bit and,
//! for large arguments, in how they reduce them; here the argument is reduced with 192 bits of pi.

use super::unit::{INDEFINITE, pack80};
use super::{C0, C1, C2, C3, Fpu, Misc};
use crate::softfloat::flag::IE;
use crate::softfloat::{Class, EXTENDED, Num, Raw, rounding, to_integer};
use crate::state::F80;
use crate::wide::{ONE, Wide, wide};

const LN2: Wide = wide(-1, 0xb17217f7d1cf79abc9e3b39803f2f6af);
const LOG2_E: Wide = wide(0, 0xb8aa3b295c17f0bbbe87fed0691d3e89);
const LOG2_10: Wide = wide(1, 0xd49a784bcd1b8afe492bf6ff4dafdb4d);
const LOG10_2: Wide = wide(-2, 0x9a209a84fbcff7988f8959ac0b7c9178);
const PI: Wide = wide(1, 0xc90fdaa22168c234c4c6628b80dc1cd1);
const TWO_OVER_PI: Wide = wide(-1, 0xa2f9836e4e441529fc2757d1f534ddc1);
const SQRT_HALF: Wide = wide(-1, 0xb504f333f9de6484597d89b3754abe9f);
const ATAN_EIGHTHS: [Wide; 9] = [
    Wide {
        neg: false,
        exp: 0,
        m: 0,
    },
    wide(-4, 0xfeadd4d5617b6e32c897989f3e888ef8),
    wide(-3, 0xfadbafc96406eb156dc79ef5f7a217e6),
    wide(-2, 0xb7b0ca0f26f784738aa32122dcfe4483),
    wide(-2, 0xed63382b0dda7b456fe445ecbc3a8d03),
    wide(-1, 0x8f005d5ef7f59f9b5c835e1665c43748),
    wide(-1, 0xa4bc7d1934f7092419a87f2a457dac9f),
    wide(-1, 0xb8053e2bc2319e73cb2da55210a4443d),
    wide(-1, 0xc90fdaa22168c234c4c6628b80dc1cd1),
];
/// What [`PI`] lacks.
const PI_LOW: Wide = wide(-129, 0xa4093822299f31d0082efa98ec4e6c89);

/// The constant that `fld1` (0), `fldl2t`, `fldl2e`, `fldpi`, `fldlg2`, `fldln2` or `fldz` (6)
/// loads, rounded as the control word says.
pub(crate) fn constant(which: u8, rounding: u8) -> F80 {
    let v = match which {
        0 => {
            return F80 {
                mant: 1 << 63,
                se: 0x3fff,
            };
        }
        1 => LOG2_10,
        2 => LOG2_E,
        3 => PI,
        4 => LOG10_2,
        5 => LN2,
        _ => return F80 { mant: 0, se: 0 },
    };
    let mant = (v.m >> 64) as u64;
    let up = match rounding {
        rounding::NEAREST => v.m >> 63 & 1 != 0,
        rounding::UP => true,
        _ => false,
    };
    F80 {
        mant: mant + u64::from(up),
        se: (v.exp + EXTENDED.max) as u16,
    }
}

/// Runs an instruction on ST(0) and, for some, ST(1).
pub(crate) fn run(f: &mut Fpu, what: Misc) {
    match what {
        Misc::Frndint => unary(f, round_to_integer),
        Misc::F2xm1 => unary(f, power_minus_one),
        Misc::Fsin => trigonometric(f, what),
        Misc::Fcos => trigonometric(f, what),
        Misc::Fsincos => trigonometric(f, what),
        Misc::Fptan => trigonometric(f, what),
        Misc::Fxtract => extract(f),
        Misc::Fscale => binary(f, false, scale),
        Misc::Fprem | Misc::Fprem1 => {
            f.x.status &= !C2;
            binary(f, false, |f, x, y| remainder(f, x, y, what == Misc::Fprem1));
        }
        Misc::Fyl2x => binary(f, true, y_log_x),
        Misc::Fyl2xp1 => binary(f, true, y_log_x_plus_one),
        _ => binary(f, true, arc_tangent),
    }
}

/// ST(0) = g(ST(0)), unless it is empty, a NaN, or traps.
pub(crate) fn unary(f: &mut Fpu, g: impl FnOnce(&mut Fpu, Num) -> Option<F80>) {
    if f.empty(0) {
        if f.underflow() {
            f.set(0, INDEFINITE);
        }
        return;
    }
    let v = f.st(0);
    let result = match f.operands(v, v) {
        Ok((a, _)) => g(f, a),
        Err(decided) => decided,
    };
    if let Some(v) = result {
        f.set(0, v);
    }
}

/// g(ST(0), ST(1)) into ST(0), or into ST(1) with a pop.
fn binary(f: &mut Fpu, pop: bool, g: impl FnOnce(&mut Fpu, Num, Num) -> Option<F80>) {
    let dest = u8::from(pop);
    let result = if f.empty(0) || f.empty(1) {
        f.underflow().then_some(INDEFINITE)
    } else {
        match f.operands(f.st(0), f.st(1)) {
            Ok((x, y)) => g(f, x, y),
            Err(decided) => decided,
        }
    };
    if let Some(v) = result {
        f.set(dest, v);
        if pop {
            f.pop();
        }
    }
}

/// Notes denormal operands, then rounds to the full precision.
fn finish(f: &mut Fpu, operands: &[Num], raw: Raw) -> Option<F80> {
    if !matches!(raw, Raw::Invalid | Raw::DivideByZero(_)) && !f.denormals(operands) {
        return None;
    }
    f.result(raw, EXTENDED)
}

fn round_to_integer(f: &mut Fpu, a: Num) -> Option<F80> {
    if a.class != Class::Finite || a.exp >= 63 {
        return finish(f, &[a], a.raw());
    }
    if !f.denormals(&[a]) {
        return None;
    }
    let (v, inexact, up) = to_integer(a, f.rounding())?;
    let v = Wide::int(v.unsigned_abs() as i64 & i64::MAX);
    let v = if a.exp == 62 && v.m == 0 {
        wide(63, 1 << 127)
    } else {
        v
    };
    let out = match v.m {
        0 => f.result(Raw::Zero(a.sign), EXTENDED),
        m => f.result(Raw::Finite(a.sign, v.exp, m), EXTENDED),
    };
    if inexact {
        f.raise(crate::softfloat::flag::PE);
        f.set_c1(up);
    }
    out
}

/// 2^x - 1 for |x| <= 1; outside, where it is undefined, x.
fn power_minus_one(f: &mut Fpu, a: Num) -> Option<F80> {
    if a.infinite() {
        let raw = if a.sign {
            Raw::Finite(true, 0, 1 << 127)
        } else {
            Raw::Infinite(false)
        };
        return finish(f, &[a], raw);
    }
    if a.zero() || a.exp >= 0 {
        let exact = a.exp == 0 && a.mant == 1 << 63 && a.sign;
        let raw = if exact {
            Raw::Finite(true, -1, 1 << 127)
        } else {
            a.raw()
        };
        return finish(f, &[a], raw);
    }
    let t = Wide::of(a).mul(LN2);
    // (e^t - 1) / t = sum of t^n / (n + 1)!
    finish(f, &[a], t.series(t, |n| n + 1).raw())
}

/// log2 of a positive finite number.
fn log2(x: Num) -> Wide {
    let (mut e, mut m) = (
        x.exp,
        Wide {
            exp: 0,
            ..Wide::of(x)
        },
    );
    if m != ONE && !m.scaled(-1).sub(SQRT_HALF).neg {
        m = m.scaled(-1);
        e += 1;
    }
    let z = m.sub(ONE).div(m.add(ONE));
    Wide::int(i64::from(e)).add(log2_from(z))
}

/// 2 / ln 2 * atanh(z)
fn log2_from(z: Wide) -> Wide {
    z.odd_series(z.mul(z)).mul(LOG2_E).scaled(1)
}

fn y_log_x(f: &mut Fpu, x: Num, y: Num) -> Option<F80> {
    let raw = match (x.class, y.class) {
        (Class::Zero, Class::Zero) => Raw::Invalid,
        (Class::Zero, Class::Infinite) => Raw::Infinite(!y.sign),
        (Class::Zero, _) => Raw::DivideByZero(!y.sign),
        _ if x.sign => Raw::Invalid,
        (Class::Infinite, Class::Zero) => Raw::Invalid,
        (Class::Infinite, _) => Raw::Infinite(y.sign),
        _ => {
            let power = x.mant == 1 << 63;
            let below = x.exp < 0;
            match y.class {
                Class::Infinite if power && x.exp == 0 => Raw::Invalid,
                Class::Infinite => Raw::Infinite(y.sign != below),
                Class::Zero => Raw::Zero(y.sign != below),
                _ if power && x.exp == 0 => Raw::Zero(y.sign),
                _ if power => {
                    let v = Wide::of(y).mul(Wide::int(i64::from(x.exp)));
                    Raw::Finite(v.neg, v.exp, v.m)
                }
                _ => Wide::of(y).mul(log2(x)).raw(),
            }
        }
    };
    finish(f, &[x, y], raw)
}

/// y * log2(x + 1), for |x| < 1 - sqrt(1/2); elsewhere, where it is undefined, the same if x + 1
/// is positive.
fn y_log_x_plus_one(f: &mut Fpu, x: Num, y: Num) -> Option<F80> {
    let w = Wide::of(x);
    let raw = match (x.class, y.class) {
        (Class::Zero, Class::Infinite) | (Class::Infinite, Class::Zero) => Raw::Invalid,
        (Class::Infinite, _) if x.sign => Raw::Invalid,
        (Class::Infinite, _) => Raw::Infinite(y.sign),
        (_, Class::Infinite) => Raw::Infinite(x.sign != y.sign),
        (Class::Zero, _) | (_, Class::Zero) => Raw::Zero(x.sign != y.sign),
        _ if w.add(ONE).neg || w.add(ONE).m == 0 => Raw::Invalid,
        _ => Wide::of(y)
            .mul(log2_from(w.div(w.add(ONE.scaled(1)))))
            .raw(),
    };
    finish(f, &[x, y], raw)
}

/// atan of a number from 0 to 1.
fn atan_unit(v: Wide) -> Wide {
    let k = v.scaled(3).nearest().clamp(0, 8);
    let c = Wide::int(k).scaled(-3);
    let t = v.sub(c).div(ONE.add(v.mul(c)));
    let series = t.odd_series(t.mul(t).negated());
    ATAN_EIGHTHS[(k & 15).min(8) as usize].add(series)
}

/// The angle of the point (x, y), with x in ST(0) and y in ST(1).
fn arc_tangent(f: &mut Fpu, x: Num, y: Num) -> Option<F80> {
    let signed = |v: Wide| {
        let v = Wide { neg: y.sign, ..v };
        if v.m == 0 { Raw::Zero(y.sign) } else { v.raw() }
    };
    let half = PI.scaled(-1);
    let raw = match (x.class, y.class) {
        (Class::Infinite, Class::Infinite) if x.sign => signed(PI.sub(PI.scaled(-2))),
        (Class::Infinite, Class::Infinite) => signed(PI.scaled(-2)),
        (Class::Infinite, _) | (_, Class::Zero) if x.sign => signed(PI),
        (Class::Infinite, _) | (_, Class::Zero) => Raw::Zero(y.sign),
        (_, Class::Infinite) | (Class::Zero, _) => signed(half),
        _ => {
            let (a, b) = (
                Wide {
                    neg: false,
                    ..Wide::of(y)
                },
                Wide {
                    neg: false,
                    ..Wide::of(x)
                },
            );
            let steep = (a.exp, a.m) > (b.exp, b.m);
            let angle = if steep {
                half.sub(atan_unit(b.div(a)))
            } else {
                atan_unit(a.div(b))
            };
            signed(if x.sign { PI.sub(angle) } else { angle })
        }
    };
    finish(f, &[x, y], raw)
}

/// The argument less a multiple of pi/2, and that multiple modulo 4.
fn reduce(a: Wide) -> (Wide, u8) {
    let k = a.mul(TWO_OVER_PI).nearest();
    if k == 0 {
        return (a, 0);
    }
    let n = Wide::int(k);
    let high = Wide {
        m: PI.m >> 64 << 64,
        ..PI
    }
    .scaled(-1);
    let middle = PI.scaled(-1).sub(high);
    let r = a
        .sub(n.mul(high))
        .sub(n.mul(middle))
        .sub(n.mul(PI_LOW.scaled(-1)));
    (r, (k & 3) as u8)
}

fn sine(r: Wide) -> Wide {
    r.series(r.mul(r).negated(), |n| 2 * n * (2 * n + 1))
}

fn cosine(r: Wide) -> Wide {
    ONE.series(r.mul(r).negated(), |n| 2 * n * (2 * n - 1))
}

/// Sine and cosine.
fn sine_cosine(a: Num) -> (Wide, Wide) {
    let (r, quadrant) = reduce(Wide::of(a));
    let (s, c) = (sine(r), cosine(r));
    match quadrant {
        0 => (s, c),
        1 => (c, s.negated()),
        2 => (s.negated(), c.negated()),
        _ => (c.negated(), s),
    }
}

fn trigonometric(f: &mut Fpu, what: Misc) {
    let two = matches!(what, Misc::Fsincos | Misc::Fptan);
    f.x.status &= !C2;
    if f.empty(0) {
        if f.underflow() {
            f.set(0, INDEFINITE);
            if two {
                f.push_checked(INDEFINITE);
            }
        }
        return;
    }
    if two && !f.empty(7) {
        f.x.status |= C1 | 1 << 6;
        if f.raise(IE) {
            f.set(0, INDEFINITE);
            f.push_checked(INDEFINITE);
        }
        return;
    }
    let v = f.st(0);
    let (first, second) = match f.operands(v, v) {
        Err(decided) => (decided, decided),
        Ok((a, _)) if a.infinite() => {
            let nan = f.raise(IE).then_some(INDEFINITE);
            (nan, nan)
        }
        Ok((a, _)) if a.exp >= 63 && !a.zero() => {
            f.x.status = f.x.status & !C1 | C2;
            return;
        }
        Ok((a, _)) => results(f, a, what),
    };
    let Some(first) = first else { return };
    f.set(0, first);
    if let (true, Some(second)) = (two, second) {
        let c1 = f.x.status & C1;
        f.push_checked(second);
        f.x.status |= c1;
    }
}

/// What goes to ST(0), and what is pushed on it.
fn results(f: &mut Fpu, a: Num, what: Misc) -> (Option<F80>, Option<F80>) {
    let one = F80 {
        mant: 1 << 63,
        se: 0x3fff,
    };
    if a.zero() {
        let zero = pack80(crate::softfloat::Rounded::special(Class::Zero, a.sign));
        return match what {
            Misc::Fcos => (Some(one), None),
            _ => (Some(zero), Some(one)),
        };
    }
    if !f.denormals(&[a]) {
        return (None, None);
    }
    let (s, c) = sine_cosine(a);
    match what {
        Misc::Fsin => (f.result(s.raw(), EXTENDED), None),
        Misc::Fcos => (f.result(c.raw(), EXTENDED), None),
        Misc::Fptan => (f.result(s.div(c).raw(), EXTENDED), Some(one)),
        _ => {
            let second = f.result(c.raw(), EXTENDED);
            (f.result(s.raw(), EXTENDED), second)
        }
    }
}

/// Exponent to ST(0), then the significand is pushed.
fn extract(f: &mut Fpu) {
    if f.empty(0) || !f.empty(7) {
        let overflow = !f.empty(0);
        let ok = f.underflow();
        f.set_c1(overflow);
        if ok {
            f.set(0, INDEFINITE);
            f.push_checked(INDEFINITE);
            f.set_c1(overflow);
        }
        return;
    }
    let v = f.st(0);
    let both = match f.operands(v, v) {
        Err(decided) => decided.map(|v| (v, v)),
        Ok((a, _)) => match a.class {
            Class::Zero => f.result(Raw::DivideByZero(true), EXTENDED).map(|e| (e, v)),
            Class::Infinite => Some((F80 { se: 0x7fff, ..v }, v)),
            _ if !f.denormals(&[a]) => None,
            _ => {
                let e = Wide::int(i64::from(a.exp));
                let raw = if e.m == 0 {
                    Raw::Zero(false)
                } else {
                    Raw::Finite(e.neg, e.exp, e.m)
                };
                let exponent = f.result(raw, EXTENDED);
                let se = if a.sign { 0xbfff } else { 0x3fff };
                exponent.map(|e| (e, F80 { mant: a.mant, se }))
            }
        },
    };
    if let Some((exponent, significand)) = both {
        f.set(0, exponent);
        f.push_checked(significand);
    }
}

/// x * 2^trunc(y)
fn scale(f: &mut Fpu, x: Num, y: Num) -> Option<F80> {
    /// More than any exponent range.
    const FAR: i128 = 0x10000;
    let raw = match (x.class, y.class) {
        (Class::Zero, Class::Infinite) if !y.sign => Raw::Invalid,
        (Class::Infinite, Class::Infinite) if y.sign => Raw::Invalid,
        (Class::Zero | Class::Infinite, _) => x.raw(),
        (_, Class::Infinite) if y.sign => Raw::Zero(x.sign),
        (_, Class::Infinite) => Raw::Infinite(x.sign),
        _ => {
            let far = if y.sign { -FAR } else { FAR };
            let n = match to_integer(y, rounding::ZERO) {
                Some((n, ..)) => n.clamp(-FAR, FAR),
                None => far,
            };
            Raw::Finite(x.sign, x.exp + n as i32, u128::from(x.mant) << 64)
        }
    };
    finish(f, &[x, y], raw)
}

/// fprem, and fprem1 (`nearest`), which rounds the quotient to nearest even.
fn remainder(f: &mut Fpu, x: Num, y: Num, nearest: bool) -> Option<F80> {
    if x.infinite() || y.zero() {
        return f.raise(IE).then_some(INDEFINITE);
    }
    if !f.denormals(&[x, y]) {
        return None;
    }
    f.codes(0);
    let unchanged = |f: &mut Fpu| {
        let out = f.result(x.raw(), EXTENDED);
        f.set_c1(false);
        out
    };
    let distance = x.exp - y.exp;
    if x.zero() || y.infinite() || distance < -1 || distance == -1 && !nearest {
        return unchanged(f);
    }
    let divisor = u128::from(y.mant);
    if distance >= 64 {
        // As far as one step goes: the unit says that it is not done yet.
        let n = 32 + (distance & 31);
        let rest = (u128::from(x.mant) << n) % divisor;
        let raw = exact(x.sign, y.exp + distance - n, rest);
        let out = f.result(raw, EXTENDED);
        f.codes(C2);
        return out;
    }
    let (value, divisor, exp) = match distance {
        -1 => (u128::from(x.mant), divisor << 1, y.exp - 1),
        d => (u128::from(x.mant) << d, divisor, y.exp),
    };
    let (mut q, mut rest, mut sign) = (value / divisor, value % divisor, x.sign);
    if nearest && (2 * rest > divisor || 2 * rest == divisor && q & 1 != 0) {
        q += 1;
        rest = divisor - rest;
        sign = !sign;
    }
    let raw = if rest == 0 {
        Raw::Zero(x.sign)
    } else {
        exact(sign, exp, rest)
    };
    let out = f.result(raw, EXTENDED);
    let bit = |n: u32, code: u16| if q >> n & 1 != 0 { code } else { 0 };
    f.codes(bit(2, C0) | bit(1, C3) | bit(0, C1));
    out
}

/// `rest * 2^(exp - 63)`
fn exact(sign: bool, exp: i32, rest: u128) -> Raw {
    if rest == 0 {
        return Raw::Zero(sign);
    }
    let shift = rest.leading_zeros();
    Raw::Finite(sign, exp + 64 - shift as i32, rest << shift)
}

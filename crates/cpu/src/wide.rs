//! Numbers with 128-bit significands, for the functions of the x87 unit: enough bits that a
//! series summed here rounds rightly to 64 in all but a few cases, and the same bits everywhere.

use crate::softfloat::{Class, Num, Raw};

/// `m * 2^(exp - 127)`, negated if `neg`; zero when `m` is, else the top bit of `m` is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wide {
    pub(crate) neg: bool,
    pub(crate) exp: i32,
    pub(crate) m: u128,
}

/// A positive constant.
pub(crate) const fn wide(exp: i32, m: u128) -> Wide {
    Wide { neg: false, exp, m }
}

pub(crate) const ZERO: Wide = wide(0, 0);
pub(crate) const ONE: Wide = wide(0, 1 << 127);

fn normal(neg: bool, exp: i32, m: u128) -> Wide {
    if m == 0 {
        return ZERO;
    }
    let shift = m.leading_zeros();
    Wide {
        neg,
        exp: exp - shift as i32,
        m: m << shift,
    }
}

impl Wide {
    pub(crate) fn of(n: Num) -> Wide {
        match n.class {
            Class::Finite => Wide {
                neg: n.sign,
                exp: n.exp,
                m: u128::from(n.mant) << 64,
            },
            _ => ZERO,
        }
    }

    pub(crate) fn int(v: i64) -> Wide {
        normal(v < 0, 127, u128::from(v.unsigned_abs()))
    }

    /// As a result; what the functions give is never exact, so the last bit is set.
    pub(crate) fn raw(self) -> Raw {
        if self.m == 0 {
            Raw::Zero(self.neg)
        } else {
            Raw::Finite(self.neg, self.exp, self.m | 1)
        }
    }

    pub(crate) fn negated(self) -> Wide {
        Wide {
            neg: !self.neg && self.m != 0,
            ..self
        }
    }

    /// Times two to the power of `n`.
    pub(crate) fn scaled(self, n: i32) -> Wide {
        if self.m == 0 {
            self
        } else {
            Wide {
                exp: self.exp + n,
                ..self
            }
        }
    }

    pub(crate) fn add(self, o: Wide) -> Wide {
        if self.m == 0 {
            return o;
        }
        if o.m == 0 {
            return self;
        }
        let (big, small) = if (self.exp, self.m) >= (o.exp, o.m) {
            (self, o)
        } else {
            (o, self)
        };
        let distance = (big.exp - small.exp) as u32;
        if big.neg != small.neg {
            let little = if distance > 127 {
                0
            } else {
                small.m >> distance
            };
            return normal(big.neg, big.exp, big.m - little);
        }
        let little = if distance > 126 {
            0
        } else {
            small.m >> distance
        };
        let (sum, carry) = big.m.overflowing_add(little);
        if carry {
            return Wide {
                neg: big.neg,
                exp: big.exp + 1,
                m: sum >> 1 | 1 << 127,
            };
        }
        Wide { m: sum, ..big }
    }

    pub(crate) fn sub(self, o: Wide) -> Wide {
        self.add(o.negated())
    }

    pub(crate) fn mul(self, o: Wide) -> Wide {
        let low = |v: u128| v & u128::from(u64::MAX);
        let (a, b, c, d) = (self.m >> 64, low(self.m), o.m >> 64, low(o.m));
        let middle = ((b * d) >> 64) + low(a * d) + low(b * c);
        let high = a * c + ((a * d) >> 64) + ((b * c) >> 64) + (middle >> 64);
        let rest = low(middle);
        let neg = self.neg != o.neg;
        // Keeps a bit more when the product lacks the top one.
        let (exp, m) = match high >> 127 {
            0 => (self.exp + o.exp, high << 1 | rest >> 63),
            _ => (self.exp + o.exp + 1, high),
        };
        normal(neg, exp, m)
    }

    pub(crate) fn div_small(self, k: u64) -> Wide {
        let k = u128::from(k);
        let (q, r) = (self.m / k, self.m % k);
        if q == 0 {
            return ZERO;
        }
        let shift = q.leading_zeros();
        Wide {
            m: (q << shift) | ((r << shift) / k),
            exp: self.exp - shift as i32,
            ..self
        }
    }

    pub(crate) fn div(self, o: Wide) -> Wide {
        if self.m == 0 || o.m == 0 {
            return ZERO;
        }
        let (mut rest, mut q) = (self.m, 0u128);
        let mut exp = self.exp - o.exp;
        if rest < o.m {
            exp -= 1;
        } else {
            rest -= o.m;
            q = 1;
        }
        // After the first bit the rest is doubled before each comparison.
        let mut bits = if q == 1 { 1 } else { 0 };
        while bits < 128 {
            let top = rest >> 127 != 0;
            rest <<= 1;
            let one = top || rest >= o.m;
            if one {
                rest = rest.wrapping_sub(o.m);
            }
            q = q << 1 | u128::from(one);
            bits += 1;
        }
        normal(self.neg != o.neg, exp, q)
    }

    /// Nearest integer, if it has less than 64 bits.
    pub(crate) fn nearest(self) -> i64 {
        if self.exp < -1 {
            return 0;
        }
        let v = (((self.m >> (126 - self.exp.min(62))) + 1) >> 1) as i64;
        if self.neg { -v } else { v }
    }

    /// The sum of a series of which only the first term counts: just below one where the next is
    /// negative, so that it rounds the right way.
    fn nudged(self, first: bool, down: bool) -> Wide {
        if first && down {
            wide(-1, u128::MAX)
        } else {
            self
        }
    }

    /// `self` times the sum of `x^n / d(n)` from n = 0, where `d` is given as the factor between
    /// one term's divisor and the next one's.
    pub(crate) fn series(self, x: Wide, factor: impl Fn(u64) -> u64) -> Wide {
        let (mut term, mut sum) = (ONE, ONE);
        for n in 1..200 {
            term = term.mul(x).div_small(factor(n));
            if term.m == 0 || term.exp < -130 {
                sum = sum.nudged(n == 1, x.neg);
                break;
            }
            sum = sum.add(term);
        }
        self.mul(sum)
    }

    /// `self` times the sum of `x^n / (2n + 1)`: the series of atan and atanh.
    pub(crate) fn odd_series(self, x: Wide) -> Wide {
        let (mut power, mut sum) = (ONE, ONE);
        for n in 1..200u64 {
            power = power.mul(x);
            if power.m == 0 || power.exp < -130 {
                sum = sum.nudged(n == 1, x.neg);
                break;
            }
            sum = sum.add(power.div_small(2 * n + 1));
        }
        self.mul(sum)
    }
}

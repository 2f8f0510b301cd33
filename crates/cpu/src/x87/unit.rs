//! The register stack, its numbers and its exceptions.

use super::{B, C0, C1, C2, C3, ES, SF};
use crate::softfloat::flag::{DE, IE, PE};
use crate::softfloat::{Class, Control, EXTENDED, Format, Num, Raw, Rounded, round};
use crate::state::F80;

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
    pub(super) fn top(&self) -> u8 {
        (self.x.status >> 11 & 7) as u8
    }

    pub(super) fn set_top(&mut self, top: u8) {
        self.x.status = self.x.status & !0x3800 | u16::from(top & 7) << 11;
    }

    pub(super) fn phys(&self, i: u8) -> usize {
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

    pub(super) fn free(&mut self, i: u8) {
        let p = self.phys(i);
        self.x.used &= !(1 << p);
    }

    pub(crate) fn pop(&mut self) {
        self.free(0);
        self.set_top(self.top().wrapping_add(1));
    }

    pub(super) fn push(&mut self, v: F80) {
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
    pub(super) fn format(&self) -> Format {
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

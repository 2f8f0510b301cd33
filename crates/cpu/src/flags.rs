//! The six arithmetic flags, computed when somebody asks.
//!
//! An instruction stores its operands, shifted so that the operand's top bit is bit 63; then one
//! formula serves all widths.

use crate::state::rflags::{AF, ARITH, CF, OF, PF, SF, ZF};

/// How [`Flags`] are to be computed from `x` and `y`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// `x` holds the flags as in RFLAGS.
    Eager,
    /// Of `x - y`.
    Sub,
    /// `x` is the sum and `y` one of its terms.
    Add,
    /// `x` is the result; `y` holds CF, OF and AF as in RFLAGS.
    Result,
}

/// What a condition is about, as bits of [`Flags::bits`].
pub(crate) mod bit {
    pub(crate) const CF: u8 = 1;
    pub(crate) const ZF: u8 = 2;
    /// SF != OF.
    pub(crate) const LT: u8 = 4;
    pub(crate) const SF: u8 = 8;
    pub(crate) const OF: u8 = 16;
    pub(crate) const PF: u8 = 32;
}

/// For each pair of conditions (`cc >> 1`) the bits of which one must be set.
pub(crate) const CONDITION: [u8; 8] = [
    bit::OF,
    bit::CF,
    bit::ZF,
    bit::CF | bit::ZF,
    bit::SF,
    bit::PF,
    bit::LT,
    bit::LT | bit::ZF,
];

#[derive(Clone, Copy, Debug)]
pub(crate) struct Flags {
    pub(crate) kind: Kind,
    /// How far the operands are shifted: 64 - width in bits.
    pub(crate) shift: u8,
    pub(crate) x: u64,
    pub(crate) y: u64,
}

/// Even parity of the low byte.
pub(crate) fn parity(v: u8) -> bool {
    v.count_ones().is_multiple_of(2)
}

impl Flags {
    pub(crate) fn eager(rflags: u64) -> Flags {
        Flags {
            kind: Kind::Eager,
            shift: 0,
            x: rflags & ARITH,
            y: 0,
        }
    }

    #[inline(always)]
    pub(crate) fn cf(&self) -> bool {
        match self.kind {
            Kind::Eager => self.x & CF != 0,
            Kind::Sub | Kind::Add => self.x < self.y,
            Kind::Result => self.y & CF != 0,
        }
    }

    #[inline(always)]
    pub(crate) fn zf(&self) -> bool {
        match self.kind {
            Kind::Eager => self.x & ZF != 0,
            Kind::Sub => self.x == self.y,
            Kind::Add | Kind::Result => self.x == 0,
        }
    }

    /// The same flags with CF as given.
    #[inline(always)]
    pub(crate) fn with_cf(self, cf: bool) -> Flags {
        let set = |v: u64| v & !CF | u64::from(cf);
        match self.kind {
            Kind::Eager => Flags {
                x: set(self.x),
                ..self
            },
            Kind::Result => Flags {
                y: set(self.y),
                ..self
            },
            Kind::Sub | Kind::Add => {
                let (x, y, r) = match self.kind {
                    Kind::Sub => (self.x, self.y, self.x.wrapping_sub(self.y)),
                    _ => (self.x.wrapping_sub(self.y), self.y, self.x),
                };
                let over = u64::from(self.bits() & bit::OF != 0) << 11;
                let af = (x ^ y ^ r) >> self.shift & AF;
                Flags {
                    kind: Kind::Result,
                    shift: self.shift,
                    x: r,
                    y: set(over | af),
                }
            }
        }
    }

    /// All of [`bit`] but PF.
    #[inline(always)]
    pub(crate) fn bits(&self) -> u8 {
        let pack = |c: bool, z: bool, s: bool, o: bool| {
            u8::from(c)
                | u8::from(z) << 1
                | u8::from(s != o) << 2
                | u8::from(s) << 3
                | u8::from(o) << 4
        };
        match self.kind {
            Kind::Eager => {
                let x = self.x;
                pack(x & CF != 0, x & ZF != 0, x & SF != 0, x & OF != 0)
            }
            Kind::Sub => {
                let (x, y) = (self.x, self.y);
                let s = (x.wrapping_sub(y) as i64) < 0;
                let lt = (x as i64) < (y as i64);
                pack(x < y, x == y, s, s != lt)
            }
            Kind::Add => {
                let (r, y) = (self.x, self.y);
                let x = r.wrapping_sub(y);
                pack(
                    r < y,
                    r == 0,
                    (r as i64) < 0,
                    ((x ^ r) & (y ^ r)) as i64 <= -1,
                )
            }
            Kind::Result => {
                let (r, y) = (self.x, self.y);
                pack(y & CF != 0, r == 0, (r as i64) < 0, y & OF != 0)
            }
        }
    }

    /// Whether condition `cc` (the low four bits of `jcc`'s opcode) holds.
    #[inline(always)]
    pub(crate) fn test(&self, cc: u8) -> bool {
        let want = CONDITION[usize::from(cc >> 1 & 7)];
        let mut bits = self.bits();
        if want == bit::PF {
            bits = u8::from(self.rflags() & PF != 0) * bit::PF;
        }
        (bits & want != 0) != (cc & 1 != 0)
    }

    /// The flags as in RFLAGS.
    #[inline(never)]
    pub(crate) fn rflags(&self) -> u64 {
        let (result, af) = match self.kind {
            Kind::Eager => return self.x,
            Kind::Sub => {
                let r = self.x.wrapping_sub(self.y);
                (r, (self.x ^ self.y ^ r) >> self.shift & 0x10)
            }
            Kind::Add => {
                let x = self.x.wrapping_sub(self.y);
                (self.x, (x ^ self.y ^ self.x) >> self.shift & 0x10)
            }
            Kind::Result => (self.x, self.y & AF),
        };
        let b = self.bits();
        let set = |on: bool, flag: u64| if on { flag } else { 0 };
        af | set(b & bit::CF != 0, CF)
            | set(b & bit::ZF != 0, ZF)
            | set(b & bit::SF != 0, SF)
            | set(b & bit::OF != 0, OF)
            | set(parity((result >> self.shift) as u8), PF)
    }
}

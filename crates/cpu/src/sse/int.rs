//! Packed integers: operations on two 128-bit values, used for MMX too.

/// Operations with two operands of the same kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
#[rustfmt::skip]
pub enum IntOp {
    Punpcklbw, Punpcklwd, Punpckldq, Packsswb, Pcmpgtb, Pcmpgtw, Pcmpgtd, Packuswb,
    Punpckhbw, Punpckhwd, Punpckhdq, Packssdw, Punpcklqdq, Punpckhqdq,
    Pcmpeqb, Pcmpeqw, Pcmpeqd,
    Psrlw, Psrld, Psrlq, Psraw, Psrad, Psllw, Pslld, Psllq, Psrldq, Pslldq,
    Paddb, Paddw, Paddd, Paddq, Psubb, Psubw, Psubd, Psubq,
    Paddsb, Paddsw, Paddusb, Paddusw, Psubsb, Psubsw, Psubusb, Psubusw,
    Pmullw, Pmulhw, Pmulhuw, Pmuludq, Pmaddwd, Psadbw,
    Pminub, Pminsw, Pmaxub, Pmaxsw, Pavgb, Pavgw,
    Pand, Pandn, Por, Pxor,
    Unpcklps, Unpckhps,
}

#[rustfmt::skip]
const ALL: [IntOp; 61] = {
    use IntOp::*;
    [
        Punpcklbw, Punpcklwd, Punpckldq, Packsswb, Pcmpgtb, Pcmpgtw, Pcmpgtd, Packuswb,
        Punpckhbw, Punpckhwd, Punpckhdq, Packssdw, Punpcklqdq, Punpckhqdq,
        Pcmpeqb, Pcmpeqw, Pcmpeqd,
        Psrlw, Psrld, Psrlq, Psraw, Psrad, Psllw, Pslld, Psllq, Psrldq, Pslldq,
        Paddb, Paddw, Paddd, Paddq, Psubb, Psubw, Psubd, Psubq,
        Paddsb, Paddsw, Paddusb, Paddusw, Psubsb, Psubsw, Psubusb, Psubusw,
        Pmullw, Pmulhw, Pmulhuw, Pmuludq, Pmaddwd, Psadbw,
        Pminub, Pminsw, Pmaxub, Pmaxsw, Pavgb, Pavgw,
        Pand, Pandn, Por, Pxor,
        Unpcklps, Unpckhps,
    ]
};

/// The operation with this number.
pub(crate) fn op(number: u8) -> IntOp {
    ALL.get(usize::from(number)).copied().unwrap_or(IntOp::Pxor)
}

#[inline(always)]
fn bytes(a: u128, b: u128, f: impl Fn(u8, u8) -> u8) -> u128 {
    let (mut a, b) = (a.to_le_bytes(), b.to_le_bytes());
    for (x, y) in a.iter_mut().zip(b) {
        *x = f(*x, y);
    }
    u128::from_le_bytes(a)
}

pub(crate) fn to_words(v: u128) -> [u16; 8] {
    std::array::from_fn(|i| (v >> (16 * i)) as u16)
}

pub(crate) fn from_words(v: [u16; 8]) -> u128 {
    v.iter().rev().fold(0, |r, &w| r << 16 | u128::from(w))
}

pub(crate) fn to_dwords(v: u128) -> [u32; 4] {
    std::array::from_fn(|i| (v >> (32 * i)) as u32)
}

pub(crate) fn from_dwords(v: [u32; 4]) -> u128 {
    v.iter().rev().fold(0, |r, &w| r << 32 | u128::from(w))
}

fn words(a: u128, b: u128, f: impl Fn(u16, u16) -> u16) -> u128 {
    let (a, b) = (to_words(a), to_words(b));
    from_words(std::array::from_fn(|i| f(a[i], b[i])))
}

fn dwords(a: u128, b: u128, f: impl Fn(u32, u32) -> u32) -> u128 {
    let (a, b) = (to_dwords(a), to_dwords(b));
    from_dwords(std::array::from_fn(|i| f(a[i], b[i])))
}

fn qwords(a: u128, b: u128, f: impl Fn(u64, u64) -> u64) -> u128 {
    u128::from(f(a as u64, b as u64)) | u128::from(f((a >> 64) as u64, (b >> 64) as u64)) << 64
}

/// Interleaves elements of `width` bytes, starting with element `from` of each.
fn interleave(a: u128, b: u128, width: usize, high: bool) -> u128 {
    let (a, b) = (a.to_le_bytes(), b.to_le_bytes());
    let from = if high { 8 } else { 0 };
    let out: [u8; 16] = std::array::from_fn(|i| {
        let (element, byte) = (i / (2 * width), i % width);
        let at = (from + element * width + byte) & 15;
        if (i / width).is_multiple_of(2) {
            a[at]
        } else {
            b[at]
        }
    });
    u128::from_le_bytes(out)
}

fn mask8(on: bool) -> u8 {
    0u8.wrapping_sub(u8::from(on))
}

fn mask16(on: bool) -> u16 {
    0u16.wrapping_sub(u16::from(on))
}

fn mask32(on: bool) -> u32 {
    0u32.wrapping_sub(u32::from(on))
}

/// Words of both operands, made bytes.
fn pack_words(a: u128, b: u128, f: impl Fn(i16) -> u8) -> u128 {
    let (a, b) = (to_words(a), to_words(b));
    let out: [u8; 16] = std::array::from_fn(|i| f(if i < 8 { a[i & 7] } else { b[i & 7] } as i16));
    u128::from_le_bytes(out)
}

fn pack_dwords(a: u128, b: u128) -> u128 {
    let (a, b) = (to_dwords(a), to_dwords(b));
    from_words(std::array::from_fn(|i| {
        let v = if i < 4 { a[i & 3] } else { b[i & 3] } as i32;
        v.clamp(-0x8000, 0x7fff) as u16
    }))
}

fn saturate8(v: i16) -> u8 {
    v.clamp(-0x80, 0x7f) as u8
}

fn madd(a: u128, b: u128) -> u128 {
    let (a, b) = (to_words(a), to_words(b));
    let product = |i: usize| i32::from(a[i & 7] as i16) * i32::from(b[i & 7] as i16);
    from_dwords(std::array::from_fn(|i| {
        product(2 * i).wrapping_add(product(2 * i + 1)) as u32
    }))
}

fn sad(a: u128, b: u128) -> u128 {
    let (a, b) = (a.to_le_bytes(), b.to_le_bytes());
    let sum = |r: std::ops::Range<usize>| -> u128 {
        r.map(|i| u128::from(a[i & 15].abs_diff(b[i & 15]))).sum()
    };
    sum(0..8) | sum(8..16) << 64
}

/// Runs operation `number` on the destination `a` and the source `b`.
#[inline(never)]
pub(crate) fn run(number: u8, a: u128, b: u128) -> u128 {
    use IntOp::*;
    let high = |x: i32| (x >> 16) as u16;
    match op(number) {
        Punpcklbw => interleave(a, b, 1, false),
        Punpcklwd => interleave(a, b, 2, false),
        Punpckldq | Unpcklps => interleave(a, b, 4, false),
        Punpckhbw => interleave(a, b, 1, true),
        Punpckhwd => interleave(a, b, 2, true),
        Punpckhdq | Unpckhps => interleave(a, b, 4, true),
        Punpcklqdq => a & u128::from(u64::MAX) | b << 64,
        Punpckhqdq => a >> 64 | b >> 64 << 64,
        Packsswb => pack_words(a, b, saturate8),
        Packuswb => pack_words(a, b, |v| v.clamp(0, 0xff) as u8),
        Packssdw => pack_dwords(a, b),
        Pcmpgtb => bytes(a, b, |x, y| mask8(x as i8 > y as i8)),
        Pcmpgtw => words(a, b, |x, y| mask16(x as i16 > y as i16)),
        Pcmpgtd => dwords(a, b, |x, y| mask32(x as i32 > y as i32)),
        Pcmpeqb => bytes(a, b, |x, y| mask8(x == y)),
        Pcmpeqw => words(a, b, |x, y| mask16(x == y)),
        Pcmpeqd => dwords(a, b, |x, y| mask32(x == y)),
        Psrlw => shift(b, 16, 0, |n| words(a, a, |x, _| x >> n)),
        Psrld => shift(b, 32, 0, |n| dwords(a, a, |x, _| x >> n)),
        Psrlq => shift(b, 64, 0, |n| qwords(a, a, |x, _| x >> n)),
        Psllw => shift(b, 16, 0, |n| words(a, a, |x, _| x << n)),
        Pslld => shift(b, 32, 0, |n| dwords(a, a, |x, _| x << n)),
        Psllq => shift(b, 64, 0, |n| qwords(a, a, |x, _| x << n)),
        Psraw => {
            let n = (b as u64).min(15) as u32;
            words(a, a, |x, _| (x as i16 >> n) as u16)
        }
        Psrad => {
            let n = (b as u64).min(31) as u32;
            dwords(a, a, |x, _| (x as i32 >> n) as u32)
        }
        Psrldq => shift(b, 16, 0, |n| a >> (8 * n)),
        Pslldq => shift(b, 16, 0, |n| a << (8 * n)),
        Paddb => bytes(a, b, u8::wrapping_add),
        Paddw => words(a, b, u16::wrapping_add),
        Paddd => dwords(a, b, u32::wrapping_add),
        Paddq => qwords(a, b, u64::wrapping_add),
        Psubb => bytes(a, b, u8::wrapping_sub),
        Psubw => words(a, b, u16::wrapping_sub),
        Psubd => dwords(a, b, u32::wrapping_sub),
        Psubq => qwords(a, b, u64::wrapping_sub),
        Paddsb => bytes(a, b, |x, y| (x as i8).saturating_add(y as i8) as u8),
        Paddsw => words(a, b, |x, y| (x as i16).saturating_add(y as i16) as u16),
        Paddusb => bytes(a, b, u8::saturating_add),
        Paddusw => words(a, b, u16::saturating_add),
        Psubsb => bytes(a, b, |x, y| (x as i8).saturating_sub(y as i8) as u8),
        Psubsw => words(a, b, |x, y| (x as i16).saturating_sub(y as i16) as u16),
        Psubusb => bytes(a, b, u8::saturating_sub),
        Psubusw => words(a, b, u16::saturating_sub),
        Pmullw => words(a, b, u16::wrapping_mul),
        Pmulhw => words(a, b, |x, y| high(i32::from(x as i16) * i32::from(y as i16))),
        Pmulhuw => words(a, b, |x, y| ((u32::from(x) * u32::from(y)) >> 16) as u16),
        Pmuludq => qwords(a, b, |x, y| (x & 0xffff_ffff) * (y & 0xffff_ffff)),
        Pmaddwd => madd(a, b),
        Psadbw => sad(a, b),
        Pminub => bytes(a, b, u8::min),
        Pmaxub => bytes(a, b, u8::max),
        Pminsw => words(a, b, |x, y| (x as i16).min(y as i16) as u16),
        Pmaxsw => words(a, b, |x, y| (x as i16).max(y as i16) as u16),
        Pavgb => bytes(a, b, |x, y| ((u16::from(x) + u16::from(y) + 1) >> 1) as u8),
        Pavgw => words(a, b, |x, y| ((u32::from(x) + u32::from(y) + 1) >> 1) as u16),
        Pand => a & b,
        Pandn => !a & b,
        Por => a | b,
        Pxor => a ^ b,
    }
}

/// `f` of the shift count in the low quadword of `count`, or `over` from `limit` on.
fn shift(count: u128, limit: u64, over: u128, f: impl Fn(u32) -> u128) -> u128 {
    let n = count as u64;
    if n >= limit { over } else { f(n as u32) }
}

/// The same on 64-bit MMX registers.
pub(crate) fn run_mmx(number: u8, a: u64, b: u64) -> u64 {
    use IntOp::*;
    let (low, high) = match op(number) {
        Punpckhbw => (Punpcklbw, true),
        Punpckhwd => (Punpcklwd, true),
        Punpckhdq => (Punpckldq, true),
        other => (other, false),
    };
    let r = run(low as u8, u128::from(a), u128::from(b));
    match low {
        _ if high => (r >> 64) as u64,
        Packsswb | Packuswb | Packssdw => r as u64 & 0xffff_ffff | ((r >> 64) as u64) << 32,
        _ => r as u64,
    }
}

/// The highest bits of the sixteen bytes.
#[inline(always)]
pub(crate) fn movmskb(v: u128) -> u32 {
    let gather =
        |half: u64| (half & 0x8080_8080_8080_8080).wrapping_mul(0x0002_0408_1020_4081) >> 56;
    gather(v as u64) as u32 | (gather((v >> 64) as u64) as u32) << 8
}

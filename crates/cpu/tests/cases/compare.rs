//! Two outcomes of a case beside each other, and one outcome's digest.

use std::fmt::Write;

use glassdock_cpu_oracle::DATA;

use super::Outcome;
use super::generate::Case;
use super::masks::{Masks, Results, Stack};

/// C1 of the x87 status word.
const C1: u16 = 0x200;

/// How the interpreter's outcome differs from the real one, if it does.
pub fn difference(case: &Case, masks: &Masks, ours: &Outcome, real: &Outcome) -> Option<String> {
    let mut out = String::new();
    let mut number = |name: &str, x: u64, y: u64, mask: u64| {
        if (x ^ y) & mask != 0 {
            let _ = write!(out, " {name} {x:#x} but {y:#x};");
        }
    };
    number("signal", ours.signal as u64, real.signal as u64, !0);
    number(
        "general",
        u64::from(ours.general),
        u64::from(real.general),
        !0,
    );
    for i in 0..16 {
        if masks.results != Results::Undefined {
            number(&format!("r{i}"), ours.gpr[i], real.gpr[i], !0);
        }
    }
    number("rip", ours.rip, real.rip, !0);
    number("flags", ours.rflags, real.rflags, !masks.flags);
    number("cw", half(&ours.fx, 0), half(&real.fx, 0), !0);
    number(
        "sw",
        half(&ours.fx, 2),
        half(&real.fx, 2),
        status_mask(masks),
    );
    number("used", used(ours, masks), used(real, masks), !0);
    number("mxcsr", half(&ours.fx, 24), half(&real.fx, 24), !0);
    for (name, at, len) in registers() {
        let (x, y) = (&ours.fx[at..at + len], &real.fx[at..at + len]);
        let same = match (len, masks.stack, masks.results) {
            (10, Stack::Undefined, _) => true,
            (10, Stack::Close, _) => close(x, y),
            (16, _, Results::Approximate) => approximate(x, y),
            _ => x == y,
        };
        if !same {
            let _ = write!(out, " {name} {} but {};", hex(x), hex(y));
        }
    }
    if let Some(at) =
        (0..ours.data.len()).find(|&i| ours.data[i] != real.data[i] && !hidden_byte(case, masks, i))
    {
        let part = at..(at + 16).min(ours.data.len());
        let _ = write!(
            out,
            " data at {at:#x} {} but {} was {};",
            hex(&ours.data[part.clone()]),
            hex(&real.data[part.clone()]),
            hex(&case.data[part])
        );
    }
    if out.is_empty() {
        return None;
    }
    let r = &case.regs;
    let _ = write!(
        out,
        "\n    bytes {:02x?}\n    before {:x?} flags {:#x} fs {:#x} gs {:#x}\n    fx",
        case.bytes, r.gpr, r.rflags, r.fs_base, r.gs_base
    );
    for (name, at) in [("cw", 0), ("sw", 2), ("used", 4), ("mxcsr", 24)] {
        let _ = write!(out, " {name} {:#x}", half(&r.fx, at));
    }
    for (name, at, len) in registers() {
        let _ = write!(out, " {name} {}", hex(&r.fx[at..at + len]));
    }
    Some(out)
}

/// A number for all of an outcome that has to be the same to the bit.
pub fn digest(case: &Case, masks: &Masks, outcome: &Outcome) -> u64 {
    // FNV-1a
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |bytes: &[u8]| {
        for &b in bytes {
            hash = (hash ^ u64::from(b)).wrapping_mul(0x100_0000_01b3);
        }
    };
    add(&case.bytes);
    add(&[outcome.signal as u8, u8::from(outcome.general)]);
    if masks.results != Results::Undefined {
        outcome.gpr.iter().for_each(|r| add(&r.to_le_bytes()));
    }
    add(&outcome.rip.to_le_bytes());
    add(&(outcome.rflags & !masks.flags).to_le_bytes());
    let fx = &outcome.fx;
    add(&fx[0..2]);
    add(&(half(fx, 2) & status_mask(masks)).to_le_bytes());
    add(&[used(outcome, masks) as u8, fx[24], fx[25]]);
    for (_, at, len) in registers() {
        let exact = match len {
            10 => masks.stack == Stack::Exact,
            _ => masks.results != Results::Approximate,
        };
        if exact {
            add(&fx[at..at + len]);
        }
    }
    for (i, &b) in outcome.data.iter().enumerate() {
        // What was not written says nothing.
        if b != case.data[i] && !hidden_byte(case, masks, i) {
            add(&(i as u16).to_le_bytes());
            add(&[b]);
        }
    }
    hash
}

/// The x87 and xmm registers: names, places in the image, lengths.
fn registers() -> impl Iterator<Item = (String, usize, usize)> {
    let x87 = (0..8).map(|i| (format!("st{i}"), 32 + 16 * i, 10));
    let xmm = (0..16).map(|i| (format!("x{i}"), 160 + 16 * i, 16));
    x87.chain(xmm)
}

fn status_mask(masks: &Masks) -> u64 {
    match masks.stack {
        Stack::Exact => !0,
        Stack::Close => u64::from(!C1),
        Stack::Undefined => 0,
    }
}

/// Which x87 registers are in use. An undefined result may raise an exception, which keeps a
/// function from popping its operand.
fn used(outcome: &Outcome, masks: &Masks) -> u64 {
    match masks.stack {
        Stack::Undefined => 0,
        _ => u64::from(outcome.fx[4]),
    }
}

/// Whether byte `i` of the data may differ. Undefined results may have gone to memory.
fn hidden_byte(case: &Case, masks: &Masks, i: usize) -> bool {
    let at = i.wrapping_sub(case.target.wrapping_sub(DATA) as usize);
    masks.results == Results::Undefined && at < 8
        || masks
            .hidden
            .iter()
            .any(|&(from, to)| (from..to).contains(&at))
}

fn half(fx: &[u8; 512], at: usize) -> u64 {
    u64::from(u16::from_le_bytes([fx[at], fx[at + 1]]))
}

/// Big-endian digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().rev().fold(String::new(), |mut s, b| {
        let _ = write!(s, "{b:02x}");
        s
    })
}

/// Whether two extended numbers are the same but for a few units in the last place.
fn close(ours: &[u8], real: &[u8]) -> bool {
    let value = |b: &[u8]| b.iter().rev().fold(0i128, |v, &b| v << 8 | i128::from(b));
    (value(ours) - value(real)).abs() <= 4
}

/// Whether four singles are the same but for what two approximations of 12 bits may differ.
fn approximate(ours: &[u8], real: &[u8]) -> bool {
    let single = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
    ours.chunks(4).zip(real.chunks(4)).all(|(x, y)| {
        let (a, b) = (f64::from(single(x)), f64::from(single(y)));
        x == y || a.is_finite() && (a - b).abs() <= b.abs() * 3.0 / 4096.0
    })
}

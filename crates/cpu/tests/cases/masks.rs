//! What the real processor may do differently, and nothing else: forms that are not run, flags and
//! results that the manual leaves undefined, and approximations.

use glassdock_cpu::forms::{AluOp, Args, Form, Kind, ShiftOp};
use glassdock_cpu::sse::SseOp;
use glassdock_cpu::x87::{Misc, X87Op};
use glassdock_cpu::{Arith, decode, rflags};

use super::generate::Case;

/// Forms that are not run on the real processor, and why.
pub fn skipped(form: &Form) -> Option<&'static str> {
    Some(match form.kind {
        Kind::Syscall => "calls the host's kernel",
        Kind::Cpuid | Kind::Rdtsc => "answers are the processor's own",
        Kind::Privileged => match (form.map, form.opcode) {
            (1, 0 | 1) => "the host's kernel emulates some of them",
            (1, 0xa1 | 0xa9) | (0, 0x8e | 0xca | 0xcb | 0xcf | 0xff | 0xf1) => {
                "could load a selector that the host's kernel happens to have"
            }
            _ => return None,
        },
        _ => return None,
    })
}

/// How the results of a case are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Results {
    /// To the bit.
    Exact,
    /// The manual leaves the destination undefined: general registers and memory are not compared.
    Undefined,
    /// Reciprocals: singles whose relative error is at most 1.5 * 2^-12 on either side.
    Approximate,
}

/// How the x87 registers and the status word of a case are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stack {
    /// To the bit.
    Exact,
    /// Transcendental functions: a few units in the last place, and C1 (which way it was rounded)
    /// may differ.
    Close,
    /// Outside the range for which the manual defines the function, or where argument reduction
    /// differs.
    Undefined,
}

/// What may differ in one case.
pub struct Masks {
    /// Flags that the manual leaves undefined, and RF, which is the kernel's on a fault.
    pub flags: u64,
    pub results: Results,
    pub stack: Stack,
    /// Bytes of the memory operand that may differ: distances from its address, first and past the
    /// last.
    pub hidden: &'static [(usize, usize)],
}

/// What may differ in `case` of `form`.
pub fn masks(form: &Form, case: &Case) -> Masks {
    let inst = decode::decode(&case.bytes).ok();
    let size = inst.as_ref().map_or(4, |i| i.size);
    let imm = inst.as_ref().map_or(0, |i| i.imm as u8);
    let count = match form.args {
        Args::E1 => 1,
        Args::EC | Args::EGC => case.regs.gpr[1] as u8,
        _ => imm,
    } & if size == 8 { 63 } else { 31 };
    Masks {
        flags: rflags::RF | undefined_flags(form, count, size * 8),
        results: results(form, count, size),
        stack: stack(form, case),
        hidden: hidden(form, size),
    }
}

/// Of an operation in `bits` bits, with the masked `count` where it shifts.
fn undefined_flags(form: &Form, count: u8, bits: u8) -> u64 {
    use rflags::{AF, ARITH, CF, OF, PF, SF, ZF};
    match form.kind {
        Kind::Shift(ShiftOp::Rol | ShiftOp::Ror | ShiftOp::Rcl | ShiftOp::Rcr) if count > 1 => OF,
        Kind::Shift(ShiftOp::Rol | ShiftOp::Ror | ShiftOp::Rcl | ShiftOp::Rcr) => 0,
        Kind::Shift(_) if count == 0 => 0,
        Kind::Shift(op) => {
            let over = if count != 1 { OF } else { 0 };
            let carry = if count >= bits && op != ShiftOp::Sar {
                CF
            } else {
                0
            };
            AF | over | carry
        }
        Kind::Shld | Kind::Shrd if count > bits => ARITH,
        Kind::Shld | Kind::Shrd if count > 1 => AF | OF,
        Kind::Shld | Kind::Shrd if count == 1 => AF,
        Kind::Mul | Kind::Imul1 | Kind::Imul => SF | ZF | AF | PF,
        Kind::Div | Kind::Idiv => ARITH,
        Kind::Bit(_) => OF | SF | AF | PF,
        Kind::Bsf | Kind::Bsr => CF | OF | SF | AF | PF,
        Kind::Alu(AluOp::And | AluOp::Or | AluOp::Xor) | Kind::Test => AF,
        _ => 0,
    }
}

fn results(form: &Form, count: u8, size: u8) -> Results {
    match form.kind {
        // Only words can be shifted by more than their width.
        Kind::Shld | Kind::Shrd if count > size * 8 => Results::Undefined,
        Kind::Bswap if size == 2 => Results::Undefined,
        Kind::Sse(SseOp::Arith(Arith::Rcp | Arith::Rsqrt, _)) => Results::Approximate,
        _ => Results::Exact,
    }
}

/// Processors differ in the last bits of the transcendental functions.
fn stack(form: &Form, case: &Case) -> Stack {
    use Misc::{F2xm1, Fcos, Fpatan, Fptan, Fsin, Fsincos, Fyl2x, Fyl2xp1};
    let Kind::X87(X87Op::Misc(op)) = form.kind else {
        return Stack::Exact;
    };
    let st0 = &case.regs.fx[32..42];
    let exp = u16::from_le_bytes([st0[8], st0[9]]) & 0x7fff;
    match op {
        // An exact product, which some processors call inexact all the same.
        Fyl2x if st0[..8] == (1u64 << 63).to_le_bytes() => Stack::Undefined,
        Fyl2x | Fpatan => Stack::Close,
        // Defined below 1 - sqrt(1/2).
        F2xm1 | Fyl2xp1 if exp >= 0x3ffd => Stack::Undefined,
        // Reduced by a multiple of pi/2, of which processors know more or fewer bits.
        Fsin | Fcos | Fptan | Fsincos if exp >= 0x3ffe => Stack::Undefined,
        F2xm1 | Fyl2xp1 | Fsin | Fcos | Fptan | Fsincos => Stack::Close,
        _ => Stack::Exact,
    }
}

/// The x87 unit's last opcode and pointers, which some processors keep only for instructions with
/// an unmasked exception (`cpuid` leaf 7, FDP_EXCPTN_ONLY), and the mask of MXCSR, in which AMD
/// has one more bit.
fn hidden(form: &Form, size: u8) -> &'static [(usize, usize)] {
    match form.kind {
        Kind::Fxsave => &[(6, 24), (28, 32)],
        Kind::X87(X87Op::Misc(Misc::Fnstenv | Misc::Fnsave)) if size == 2 => &[(6, 14)],
        Kind::X87(X87Op::Misc(Misc::Fnstenv | Misc::Fnsave)) => &[(12, 28)],
        _ => &[],
    }
}

//! Which programs are filters (net/core/filter.c, `bpf_check_classic`; kernel/seccomp.c, `seccomp_check_filter`).

use super::DATA;
use glassdock_abi::types::SockFilter;

/// Most instructions of a program (`BPF_MAXINSNS`).
pub(crate) const MAX_INSNS: usize = 4096;

/// Codes of instructions (`<linux/bpf_common.h>`), and the parts of which jumps' and arithmetic's are made.
#[allow(missing_docs, reason = "the names are the header's")]
pub(super) mod code {
    /// Cells of scratch memory (`BPF_MEMWORDS`).
    pub const CELLS: usize = 16;
    pub const LD_IMM: u16 = 0x00;
    pub const LD_ABS: u16 = 0x20;
    pub const LD_MEM: u16 = 0x60;
    pub const LD_LEN: u16 = 0x80;
    pub const LDX_IMM: u16 = 0x01;
    pub const LDX_MEM: u16 = 0x61;
    pub const LDX_LEN: u16 = 0x81;
    pub const ST: u16 = 0x02;
    pub const STX: u16 = 0x03;
    pub const ALU: u16 = 0x04;
    pub const JMP: u16 = 0x05;
    pub const RET_K: u16 = 0x06;
    pub const RET_A: u16 = 0x16;
    pub const TAX: u16 = 0x07;
    pub const TXA: u16 = 0x87;
    pub const CLASS: u16 = 0x07;
    /// The second operand is X instead of a constant.
    pub const X: u16 = 0x08;
    pub const OP: u16 = 0xf0;
    pub const ADD: u16 = 0x00;
    pub const SUB: u16 = 0x10;
    pub const MUL: u16 = 0x20;
    pub const DIV: u16 = 0x30;
    pub const OR: u16 = 0x40;
    pub const AND: u16 = 0x50;
    pub const LSH: u16 = 0x60;
    pub const RSH: u16 = 0x70;
    pub const NEG: u16 = 0x80;
    pub const XOR: u16 = 0xa0;
    pub const JA: u16 = 0x05;
    pub const JEQ: u16 = 0x10;
    pub const JGT: u16 = 0x20;
    pub const JGE: u16 = 0x30;
    pub const JSET: u16 = 0x40;
}

/// Whether a program may be a filter: it ends, loads nothing but a call's data, whole words of it, and what it stored.
pub(crate) fn is_filter(program: &[SockFilter]) -> bool {
    let length = program.len();
    let last = program.last().map(|insn| insn.code);
    if length > MAX_INSNS || !matches!(last, Some(code::RET_K | code::RET_A)) {
        return false;
    }
    // For each instruction, the cells that are set on every way to it which was seen so far.
    let mut ways = vec![u16::MAX; length];
    let mut set = 0u16;
    for (at, insn) in program.iter().enumerate() {
        set &= ways[at];
        let rest = length - at - 1;
        let cell = 1u16.checked_shl(insn.k).unwrap_or(0);
        let mut reach = |skipped: usize| match ways.get_mut(at + 1 + skipped) {
            Some(way) if skipped < rest => {
                *way &= set;
                true
            }
            _ => false,
        };
        let allowed = match insn.code {
            code::LD_ABS => insn.k < DATA && insn.k.is_multiple_of(4),
            code::LD_LEN | code::LDX_LEN | code::LD_IMM | code::LDX_IMM => true,
            code::LD_MEM | code::LDX_MEM => set & cell != 0,
            code::ST | code::STX => {
                set |= cell;
                cell != 0
            }
            code::TAX | code::TXA | code::RET_K | code::RET_A => true,
            code::JA => {
                let reached = reach(insn.k as usize);
                set = u16::MAX;
                reached
            }
            jump if jump & code::CLASS == code::JMP => {
                let reached = reach(insn.jt.into()) && reach(insn.jf.into());
                set = u16::MAX;
                reached && is_jump(jump)
            }
            other => is_arithmetic(other, insn.k),
        };
        if !allowed {
            return false;
        }
    }
    true
}

fn is_jump(code: u16) -> bool {
    let op = code & !(code::CLASS | code::X);
    matches!(op, code::JEQ | code::JGT | code::JGE | code::JSET)
}

/// Whether the code is of arithmetic that makes sense with its constant, if it has one.
fn is_arithmetic(code: u16, k: u32) -> bool {
    let constant = code & code::X == 0;
    code & code::CLASS == code::ALU
        && match code & !(code::CLASS | code::X) {
            code::DIV => !constant || k != 0,
            code::LSH | code::RSH => !constant || k < 32,
            code::NEG => constant,
            code::ADD | code::SUB | code::MUL | code::OR | code::AND | code::XOR => true,
            _ => false,
        }
}

/// The length that counts: that of the program as the kernel keeps it, in instructions of eBPF
/// (`bpf_convert_filter`).
pub(super) fn converted(program: &[SockFilter]) -> u32 {
    const PROLOGUE: u32 = 3;
    let of = |insn: &SockFilter| match insn.code {
        code::RET_K => 2,
        code::JA => 1,
        jump if jump & code::CLASS == code::JMP => {
            let wide = jump & code::X == 0 && insn.k.cast_signed() < 0;
            let turns = insn.jt == 0 && jump & code::OP != code::JSET;
            let two_ways = insn.jf != 0 && !turns;
            1 + u32::from(wide) + u32::from(two_ways)
        }
        // With a look at the divisor.
        divide if divide == code::ALU | code::DIV | code::X => 5,
        _ => 1,
    };
    PROLOGUE + program.iter().map(of).sum::<u32>()
}

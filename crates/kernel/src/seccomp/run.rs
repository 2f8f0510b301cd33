//! The interpreter (net/core/filter.c, `bpf_convert_filter`; kernel/bpf/core.c).

use super::DATA;
use super::check::code;
use glassdock_abi::types::SockFilter;

/// What a program returns for a call's words. `None` where it loads one that is not given: with the first two alone, what
/// is returned depends on nothing else.
///
/// Jumps go forwards only, so that every program ends; one that runs out of its instructions, which [`super::check`]
/// lets none do, kills.
pub(super) fn run(program: &[SockFilter], words: &[u32]) -> Option<u32> {
    let (mut a, mut x, mut memory) = (0u32, 0u32, [0u32; code::CELLS]);
    let mut at = 0usize;
    while let Some(insn) = program.get(at) {
        at += 1;
        let k = insn.k;
        let cell = k as usize % code::CELLS;
        let y = if insn.code & code::X == 0 { k } else { x };
        match insn.code {
            code::LD_ABS => a = *words.get(k as usize / 4)?,
            code::LD_LEN => a = DATA,
            code::LDX_LEN => x = DATA,
            code::LD_IMM => a = k,
            code::LDX_IMM => x = k,
            code::LD_MEM => a = memory[cell],
            code::LDX_MEM => x = memory[cell],
            code::ST => memory[cell] = a,
            code::STX => memory[cell] = x,
            code::TAX => x = a,
            code::TXA => a = x,
            code::RET_K => return Some(k),
            code::RET_A => return Some(a),
            code::JA => at = at.saturating_add(k as usize),
            jump if jump & code::CLASS == code::JMP => {
                let holds = match jump & code::OP {
                    code::JEQ => a == y,
                    code::JGT => a > y,
                    code::JGE => a >= y,
                    _ => a & y != 0,
                };
                at += usize::from(if holds { insn.jt } else { insn.jf });
            }
            arithmetic => {
                a = match arithmetic & code::OP {
                    code::ADD => a.wrapping_add(y),
                    code::SUB => a.wrapping_sub(y),
                    code::MUL => a.wrapping_mul(y),
                    // A division by zero ends the program with zero.
                    code::DIV => match a.checked_div(y) {
                        Some(quotient) => quotient,
                        None => return Some(0),
                    },
                    code::OR => a | y,
                    code::AND => a & y,
                    // By the low five bits of what is in X, as the processor shifts.
                    code::LSH => a.wrapping_shl(y),
                    code::RSH => a.wrapping_shr(y),
                    code::XOR => a ^ y,
                    _ => a.wrapping_neg(),
                }
            }
        }
    }
    Some(0)
}

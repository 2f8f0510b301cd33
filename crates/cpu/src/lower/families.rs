//! The codes of the common operations, by operand shapes.

use crate::forms::AluOp;
use crate::op::{Code, Op};
use crate::state::reg;

/// The codes of one arithmetic operation in one width.
pub(super) struct Family {
    pub(super) rr: Code,
    pub(super) ri: Code,
    pub(super) rm: Code,
    pub(super) rrn: Code,
    pub(super) rin: Code,
    pub(super) rmn: Code,
    pub(super) mr: Code,
    pub(super) mi: Code,
}

pub(super) fn alu_family(op: AluOp, size: u8) -> Option<Family> {
    use Code::*;
    let f = |[rr, ri, rm, rrn, rin, rmn, mr, mi]: [Code; 8]| {
        Some(Family {
            rr,
            ri,
            rm,
            rrn,
            rin,
            rmn,
            mr,
            mi,
        })
    };
    let cmp = |[rr, ri, rm, mr, mi]: [Code; 5]| f([rr, ri, rm, rr, ri, rm, mr, mi]);
    match (op, size) {
        (AluOp::Add, 4) => f([
            Add32RR, Add32RI, Add32RM, Add32RRn, Add32RIn, Add32RMn, Add32MR, Add32MI,
        ]),
        (AluOp::Add, 8) => f([
            Add64RR, Add64RI, Add64RM, Add64RRn, Add64RIn, Add64RMn, Add64MR, Add64MI,
        ]),
        (AluOp::Sub, 4) => f([
            Sub32RR, Sub32RI, Sub32RM, Sub32RRn, Sub32RIn, Sub32RMn, Sub32MR, Sub32MI,
        ]),
        (AluOp::Sub, 8) => f([
            Sub64RR, Sub64RI, Sub64RM, Sub64RRn, Sub64RIn, Sub64RMn, Sub64MR, Sub64MI,
        ]),
        (AluOp::And, 4) => f([
            And32RR, And32RI, And32RM, And32RRn, And32RIn, And32RMn, And32MR, And32MI,
        ]),
        (AluOp::And, 8) => f([
            And64RR, And64RI, And64RM, And64RRn, And64RIn, And64RMn, And64MR, And64MI,
        ]),
        (AluOp::Or, 4) => f([
            Or32RR, Or32RI, Or32RM, Or32RRn, Or32RIn, Or32RMn, Or32MR, Or32MI,
        ]),
        (AluOp::Or, 8) => f([
            Or64RR, Or64RI, Or64RM, Or64RRn, Or64RIn, Or64RMn, Or64MR, Or64MI,
        ]),
        (AluOp::Xor, 4) => f([
            Xor32RR, Xor32RI, Xor32RM, Xor32RRn, Xor32RIn, Xor32RMn, Xor32MR, Xor32MI,
        ]),
        (AluOp::Xor, 8) => f([
            Xor64RR, Xor64RI, Xor64RM, Xor64RRn, Xor64RIn, Xor64RMn, Xor64MR, Xor64MI,
        ]),
        (AluOp::Cmp, 1) => cmp([Cmp8RR, Cmp8RI, Cmp8RM, Cmp8MR, Cmp8MI]),
        (AluOp::Cmp, 4) => cmp([Cmp32RR, Cmp32RI, Cmp32RM, Cmp32MR, Cmp32MI]),
        (AluOp::Cmp, 8) => cmp([Cmp64RR, Cmp64RI, Cmp64RM, Cmp64MR, Cmp64MI]),
        _ => None,
    }
}

/// The fused form of a comparison that is followed by a conditional branch.
pub(crate) fn fuse(compare: Code) -> Option<Code> {
    use Code::*;
    Some(match compare {
        Cmp8RR => CmpJ8RR,
        Cmp8RI => CmpJ8RI,
        Cmp8RM => CmpJ8RM,
        Cmp8MR => CmpJ8MR,
        Cmp8MI => CmpJ8MI,
        Test8RR => TestJ8RR,
        Test8RI => TestJ8RI,
        Test8MI => TestJ8MI,
        Cmp32RR => CmpJ32RR,
        Cmp32RI => CmpJ32RI,
        Cmp32RM => CmpJ32RM,
        Cmp32MR => CmpJ32MR,
        Cmp32MI => CmpJ32MI,
        Test32RR => TestJ32RR,
        Test32RI => TestJ32RI,
        Test32MI => TestJ32MI,
        Cmp64RR => CmpJ64RR,
        Cmp64RI => CmpJ64RI,
        Cmp64RM => CmpJ64RM,
        Cmp64MR => CmpJ64MR,
        Cmp64MI => CmpJ64MI,
        Test64RR => TestJ64RR,
        Test64RI => TestJ64RI,
        Test64MI => TestJ64MI,
        Inc32 => IncJ32,
        Dec32 => DecJ32,
        Inc64 => IncJ64,
        Dec64 => DecJ64,
        _ => return None,
    })
}

/// Both operations in one, where they are often together. It does what `first` does where it
/// cannot do both, and then `second` follows.
pub(crate) fn pair(first: &Op, second: &Op) -> Option<Op> {
    const RSP: u8 = reg::RSP as u8;
    let no_rsp = first.a != RSP && second.a != RSP;
    let code = match (first.code, second.code) {
        (Code::Push, Code::Push) if no_rsp => Code::Push2,
        (Code::Pop, Code::Pop) if no_rsp => Code::Pop2,
        (Code::Pop, Code::Ret) if first.a != RSP => Code::PopRet,
        (Code::MovRR32, Code::MovRR32) => Code::Mov32x2,
        (Code::MovRR64, Code::MovRR64) => Code::Mov64x2,
        _ => return None,
    };
    Some(Op {
        code,
        c: second.a,
        d: second.b,
        ..*first
    })
}

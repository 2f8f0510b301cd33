//! Instructions to micro-operations.

use super::Lanes;
use super::SseOp::{self, *};
use crate::inst::Inst;
use crate::op::{Code, Op};

/// [`SseOp`] without what it holds, which a micro-operation carries in `d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[rustfmt::skip]
pub(super) enum Tag {
    Load, LoadScalar, StoreScalar, LoadLow, LoadHigh, StoreHigh, FromGpr, ToGpr, IntImm,
    Pshufd, Pshufhw, Pshuflw, Shufps, Shufpd, Pinsrw, Pextrw, Pmovmskb, Movmsk, Maskmovdqu,
    MmxInt, MmxIntImm, MmxLoad, MmxStore, MmxFromGpr, MmxToGpr, MmxPshufw, MmxPinsrw, MmxPextrw,
    MmxPmovmskb, MmxMaskmovq, Movq2dq, Movdq2q, Emms, Arith, Compare, Comi, Ucomi, Convert, LoadQ,
}

#[rustfmt::skip]
pub(super) const TAGS: [Tag; 39] = {
    use Tag::*;
    [
        Load, LoadScalar, StoreScalar, LoadLow, LoadHigh, StoreHigh, FromGpr, ToGpr, IntImm,
        Pshufd, Pshufhw, Pshuflw, Shufps, Shufpd, Pinsrw, Pextrw, Pmovmskb, Movmsk, Maskmovdqu,
        MmxInt, MmxIntImm, MmxLoad, MmxStore, MmxFromGpr, MmxToGpr, MmxPshufw, MmxPinsrw,
        MmxPextrw, MmxPmovmskb, MmxMaskmovq, Movq2dq, Movdq2q, Emms, Arith, Compare, Comi, Ucomi,
        Convert, LoadQ,
    ]
};

/// Bit of `imm`: the source is in memory.
pub(super) const IN_MEMORY: i32 = 1 << 8;
/// Bit of `imm`: REX.W.
pub(super) const WIDE: i32 = 1 << 9;

/// The micro-operation for `op`; `t` has the operands.
pub(crate) fn lower(op: SseOp, inst: &Inst, t: Op) -> Op {
    let mem = inst.mem.is_some();
    let plain = |code| Op { code, ..t };
    let (tag, d) = match op {
        Load(aligned) | Store(aligned) if mem => {
            let store = matches!(op, Store(_));
            return plain(match (store, aligned) {
                (false, false) => Code::LdX,
                (false, true) => Code::LdXa,
                (true, false) => Code::StX,
                (true, true) => Code::StXa,
            });
        }
        Load(_) => return plain(Code::MovXX),
        Store(_) => {
            return Op {
                a: t.b,
                b: t.a,
                ..plain(Code::MovXX)
            };
        }
        LoadScalar(Lanes::Ss) if mem => return plain(Code::LdX32),
        LoadScalar(_) | LoadQ if mem => return plain(Code::LdX64),
        StoreScalar(Lanes::Ss) if mem => return plain(Code::StX32),
        StoreScalar(_) | StoreLow | StoreQ if mem => return plain(Code::StX64),
        FromGpr if mem => return plain(if inst.wide { Code::LdX64 } else { Code::LdX32 }),
        ToGpr if mem => return plain(if inst.wide { Code::StX64 } else { Code::StX32 }),
        Int(op) => {
            let code = if mem { Code::SseRM } else { Code::SseRR };
            return Op {
                c: op as u8,
                ..plain(code)
            };
        }
        LoadScalar(lanes) => (Tag::LoadScalar, lanes as u8),
        StoreScalar(lanes) => (Tag::StoreScalar, lanes as u8),
        LoadLow => (Tag::LoadLow, 0),
        LoadHigh => (Tag::LoadHigh, 0),
        StoreHigh => (Tag::StoreHigh, 0),
        LoadQ => (Tag::LoadQ, 0),
        // Between registers the low half moves and the high one is cleared.
        StoreQ | StoreLow => {
            let imm = 0;
            return Op {
                a: t.b,
                b: t.a,
                c: Tag::LoadQ as u8,
                imm,
                ..t
            };
        }
        FromGpr => (Tag::FromGpr, 0),
        ToGpr => (Tag::ToGpr, 0),
        IntImm(op) => (Tag::IntImm, op as u8),
        Pshufd => (Tag::Pshufd, 0),
        Pshufhw => (Tag::Pshufhw, 0),
        Pshuflw => (Tag::Pshuflw, 0),
        Shufps => (Tag::Shufps, 0),
        Shufpd => (Tag::Shufpd, 0),
        Pinsrw => (Tag::Pinsrw, 0),
        Pextrw => (Tag::Pextrw, 0),
        Pmovmskb => (Tag::Pmovmskb, 0),
        Movmsk(lanes) => (Tag::Movmsk, lanes as u8),
        Maskmovdqu => (Tag::Maskmovdqu, 0),
        MmxInt(op) => (Tag::MmxInt, op as u8),
        MmxIntImm(op) => (Tag::MmxIntImm, op as u8),
        MmxLoad => (Tag::MmxLoad, 0),
        MmxStore => (Tag::MmxStore, 0),
        MmxFromGpr => (Tag::MmxFromGpr, 0),
        MmxToGpr => (Tag::MmxToGpr, 0),
        MmxPshufw => (Tag::MmxPshufw, 0),
        MmxPinsrw => (Tag::MmxPinsrw, 0),
        MmxPextrw => (Tag::MmxPextrw, 0),
        MmxPmovmskb => (Tag::MmxPmovmskb, 0),
        MmxMaskmovq => (Tag::MmxMaskmovq, 0),
        Movq2dq => (Tag::Movq2dq, 0),
        Movdq2q => (Tag::Movdq2q, 0),
        Emms => (Tag::Emms, 0),
        SseOp::Arith(op, lanes) => (Tag::Arith, op as u8 | (lanes as u8) << 4),
        Compare(lanes) => (Tag::Compare, lanes as u8),
        Comi(true, lanes) => (Tag::Comi, lanes as u8),
        Comi(false, lanes) => (Tag::Ucomi, lanes as u8),
        SseOp::Convert(convert) => (Tag::Convert, convert as u8),
    };
    let mut imm = inst.imm as i32 & 0xff;
    imm |= if mem { IN_MEMORY } else { 0 } | if inst.wide { WIDE } else { 0 };
    Op {
        c: tag as u8,
        d,
        imm,
        ..t
    }
}

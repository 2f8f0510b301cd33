//! SSE, SSE2 and MMX: the table's rows, and all that has no code of its own in the hot loop.

use crate::forms::{Args, Form, Imm, Kind, Prefix, Rm, Size, row};
use crate::inst::Inst;
use crate::op::{Code, Op};
use crate::sse_fp::{self, Arith, Convert};
use crate::sse_int::{self, IntOp};
use crate::state::{Exit, reg, rflags};
use crate::vm::{Stop, Vm};

/// Element format of a floating-point operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
#[repr(u8)]
pub enum Lanes {
    Ps,
    Pd,
    Ss,
    Sd,
}

/// What an SSE, SSE2 or MMX instruction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum SseOp {
    /// Aligned when true.
    Load(bool),
    Store(bool),
    LoadScalar(Lanes),
    StoreScalar(Lanes),
    /// movlps, movlpd; movhlps between registers.
    LoadLow,
    /// movhps, movhpd; movlhps between registers.
    LoadHigh,
    StoreLow,
    StoreHigh,
    LoadQ,
    StoreQ,
    /// movd/movq from a general register or memory.
    FromGpr,
    ToGpr,
    Int(IntOp),
    /// Shift by an immediate.
    IntImm(IntOp),
    Pshufd,
    Pshufhw,
    Pshuflw,
    Shufps,
    Shufpd,
    Pinsrw,
    Pextrw,
    Pmovmskb,
    Movmsk(Lanes),
    Maskmovdqu,
    MmxInt(IntOp),
    MmxIntImm(IntOp),
    MmxLoad,
    MmxStore,
    MmxFromGpr,
    MmxToGpr,
    MmxPshufw,
    MmxPinsrw,
    MmxPextrw,
    MmxPmovmskb,
    MmxMaskmovq,
    Movq2dq,
    Movdq2q,
    Emms,
    Arith(Arith, Lanes),
    Compare(Lanes),
    /// comis when true, else ucomis.
    Comi(bool, Lanes),
    Convert(Convert),
}

use SseOp::*;

fn sse(name: &'static str, opcode: u8, prefix: Prefix, op: SseOp) -> Form {
    Form {
        prefix,
        rm: Rm::Any,
        args: Args::GE,
        size: Size::Dq,
        ..row(name, 1, opcode, Kind::Sse(op))
    }
}

fn prefixes() -> [(Prefix, Lanes); 4] {
    [
        (Prefix::Np, Lanes::Ps),
        (Prefix::P66, Lanes::Pd),
        (Prefix::F3, Lanes::Ss),
        (Prefix::F2, Lanes::Sd),
    ]
}

/// Adds the rows.
pub(crate) fn forms(rows: &mut Vec<Form>) {
    moves(rows);
    integers(rows);
    shuffles(rows);
    floats(rows);
}

fn moves(rows: &mut Vec<Form>) {
    use Prefix::{F2, F3, Np, P66};
    let store = |f: Form| Form {
        args: Args::EG,
        ..f
    };
    let mem = |f: Form| Form { rm: Rm::Mem, ..f };
    for (prefix, ups, aps) in [(Np, "movups", "movaps"), (P66, "movupd", "movapd")] {
        rows.push(sse(ups, 0x10, prefix, Load(false)));
        rows.push(store(sse(ups, 0x11, prefix, Store(false))));
        rows.push(sse(aps, 0x28, prefix, Load(true)));
        rows.push(store(sse(aps, 0x29, prefix, Store(true))));
        rows.push(mem(store(sse("movntp", 0x2b, prefix, Store(true)))));
        rows.push(mem(store(sse("movlp", 0x13, prefix, StoreLow))));
        rows.push(mem(store(sse("movhp", 0x17, prefix, StoreHigh))));
    }
    for (prefix, lanes, name) in [(F3, Lanes::Ss, "movss"), (F2, Lanes::Sd, "movsd")] {
        rows.push(sse(name, 0x10, prefix, LoadScalar(lanes)));
        rows.push(store(sse(name, 0x11, prefix, StoreScalar(lanes))));
    }
    rows.push(sse("movlps/movhlps", 0x12, Np, LoadLow));
    rows.push(mem(sse("movlpd", 0x12, P66, LoadLow)));
    rows.push(sse("movhps/movlhps", 0x16, Np, LoadHigh));
    rows.push(mem(sse("movhpd", 0x16, P66, LoadHigh)));
    rows.push(sse("movdqa", 0x6f, P66, Load(true)));
    rows.push(sse("movdqu", 0x6f, F3, Load(false)));
    rows.push(store(sse("movdqa", 0x7f, P66, Store(true))));
    rows.push(store(sse("movdqu", 0x7f, F3, Store(false))));
    rows.push(mem(store(sse("movntdq", 0xe7, P66, Store(true)))));
    rows.push(sse("movd/movq", 0x6e, P66, FromGpr));
    rows.push(store(sse("movd/movq", 0x7e, P66, ToGpr)));
    rows.push(sse("movq", 0x7e, F3, LoadQ));
    rows.push(store(sse("movq", 0xd6, P66, StoreQ)));
    rows.push(sse("movd/movq mm", 0x6e, Np, MmxFromGpr));
    rows.push(store(sse("movd/movq mm", 0x7e, Np, MmxToGpr)));
    rows.push(sse("movq mm", 0x6f, Np, MmxLoad));
    rows.push(store(sse("movq mm", 0x7f, Np, MmxStore)));
    rows.push(mem(store(sse("movntq", 0xe7, Np, MmxStore))));
    rows.push(Form {
        rm: Rm::Reg,
        ..sse("movq2dq", 0xd6, F3, Movq2dq)
    });
    rows.push(Form {
        rm: Rm::Reg,
        ..sse("movdq2q", 0xd6, F2, Movdq2q)
    });
    rows.push(Form {
        rm: Rm::None,
        args: Args::None,
        ..sse("emms", 0x77, Np, Emms)
    });
    rows.push(Form {
        rm: Rm::Reg,
        ..sse("maskmovdqu", 0xf7, P66, Maskmovdqu)
    });
    rows.push(Form {
        rm: Rm::Reg,
        ..sse("maskmovq", 0xf7, Np, MmxMaskmovq)
    });
}

fn integers(rows: &mut Vec<Form>) {
    use IntOp::*;
    let both = [
        (0x60, Punpcklbw),
        (0x61, Punpcklwd),
        (0x62, Punpckldq),
        (0x63, Packsswb),
        (0x64, Pcmpgtb),
        (0x65, Pcmpgtw),
        (0x66, Pcmpgtd),
        (0x67, Packuswb),
        (0x68, Punpckhbw),
        (0x69, Punpckhwd),
        (0x6a, Punpckhdq),
        (0x6b, Packssdw),
        (0x74, Pcmpeqb),
        (0x75, Pcmpeqw),
        (0x76, Pcmpeqd),
        (0xd1, Psrlw),
        (0xd2, Psrld),
        (0xd3, Psrlq),
        (0xd4, Paddq),
        (0xd5, Pmullw),
        (0xd8, Psubusb),
        (0xd9, Psubusw),
        (0xda, Pminub),
        (0xdb, Pand),
        (0xdc, Paddusb),
        (0xdd, Paddusw),
        (0xde, Pmaxub),
        (0xdf, Pandn),
        (0xe0, Pavgb),
        (0xe1, Psraw),
        (0xe2, Psrad),
        (0xe3, Pavgw),
        (0xe4, Pmulhuw),
        (0xe5, Pmulhw),
        (0xe8, Psubsb),
        (0xe9, Psubsw),
        (0xea, Pminsw),
        (0xeb, Por),
        (0xec, Paddsb),
        (0xed, Paddsw),
        (0xee, Pmaxsw),
        (0xef, Pxor),
        (0xf1, Psllw),
        (0xf2, Pslld),
        (0xf3, Psllq),
        (0xf4, Pmuludq),
        (0xf5, Pmaddwd),
        (0xf6, Psadbw),
        (0xf8, Psubb),
        (0xf9, Psubw),
        (0xfa, Psubd),
        (0xfb, Psubq),
        (0xfc, Paddb),
        (0xfd, Paddw),
        (0xfe, Paddd),
    ];
    for (opcode, op) in both {
        rows.push(sse("packed integer", opcode, Prefix::P66, Int(op)));
        rows.push(sse("packed integer mm", opcode, Prefix::Np, MmxInt(op)));
    }
    rows.push(sse("punpcklqdq", 0x6c, Prefix::P66, Int(Punpcklqdq)));
    rows.push(sse("punpckhqdq", 0x6d, Prefix::P66, Int(Punpckhqdq)));
    for (opcode, ps, pd) in [
        (0x14, Unpcklps, Punpcklqdq),
        (0x15, Unpckhps, Punpckhqdq),
        (0x54, Pand, Pand),
        (0x55, Pandn, Pandn),
        (0x56, Por, Por),
        (0x57, Pxor, Pxor),
    ] {
        rows.push(sse("packed bits ps", opcode, Prefix::Np, Int(ps)));
        rows.push(sse("packed bits pd", opcode, Prefix::P66, Int(pd)));
    }
    for (opcode, ext, op, mmx) in [
        (0x71, 2, Psrlw, true),
        (0x71, 4, Psraw, true),
        (0x71, 6, Psllw, true),
        (0x72, 2, Psrld, true),
        (0x72, 4, Psrad, true),
        (0x72, 6, Pslld, true),
        (0x73, 2, Psrlq, true),
        (0x73, 6, Psllq, true),
        (0x73, 3, Psrldq, false),
        (0x73, 7, Pslldq, false),
    ] {
        let f = Form {
            rm: Rm::Reg,
            ext: Some(ext),
            imm: Imm::Ib,
            args: Args::EI,
            ..sse("packed shift", opcode, Prefix::P66, IntImm(op))
        };
        rows.push(f);
        if mmx {
            rows.push(Form {
                prefix: Prefix::Np,
                kind: Kind::Sse(MmxIntImm(op)),
                ..f
            });
        }
    }
}

fn shuffles(rows: &mut Vec<Form>) {
    use Prefix::{F2, F3, Np, P66};
    let imm = |f: Form| Form {
        imm: Imm::Ib,
        args: Args::GEI,
        ..f
    };
    let reg = |f: Form| Form { rm: Rm::Reg, ..f };
    rows.push(imm(sse("pshufw mm", 0x70, Np, MmxPshufw)));
    rows.push(imm(sse("pshufd", 0x70, P66, Pshufd)));
    rows.push(imm(sse("pshufhw", 0x70, F3, Pshufhw)));
    rows.push(imm(sse("pshuflw", 0x70, F2, Pshuflw)));
    rows.push(imm(sse("shufps", 0xc6, Np, Shufps)));
    rows.push(imm(sse("shufpd", 0xc6, P66, Shufpd)));
    rows.push(imm(sse("pinsrw", 0xc4, P66, Pinsrw)));
    rows.push(imm(sse("pinsrw mm", 0xc4, Np, MmxPinsrw)));
    rows.push(imm(reg(sse("pextrw", 0xc5, P66, Pextrw))));
    rows.push(imm(reg(sse("pextrw mm", 0xc5, Np, MmxPextrw))));
    rows.push(reg(sse("pmovmskb", 0xd7, P66, Pmovmskb)));
    rows.push(reg(sse("pmovmskb mm", 0xd7, Np, MmxPmovmskb)));
    rows.push(reg(sse("movmskps", 0x50, Np, Movmsk(Lanes::Ps))));
    rows.push(reg(sse("movmskpd", 0x50, P66, Movmsk(Lanes::Pd))));
}

fn floats(rows: &mut Vec<Form>) {
    for (prefix, lanes) in prefixes() {
        for (opcode, op, name) in [
            (0x51, Arith::Sqrt, "sqrt"),
            (0x58, Arith::Add, "add"),
            (0x59, Arith::Mul, "mul"),
            (0x5c, Arith::Sub, "sub"),
            (0x5d, Arith::Min, "min"),
            (0x5e, Arith::Div, "div"),
            (0x5f, Arith::Max, "max"),
        ] {
            rows.push(sse(name, opcode, prefix, SseOp::Arith(op, lanes)));
        }
        let cmp = sse("cmp", 0xc2, prefix, Compare(lanes));
        rows.push(Form {
            imm: Imm::Ib,
            args: Args::GEI,
            ..cmp
        });
        if matches!(lanes, Lanes::Ps | Lanes::Ss) {
            rows.push(sse(
                "rsqrt",
                0x52,
                prefix,
                SseOp::Arith(Arith::Rsqrt, lanes),
            ));
            rows.push(sse("rcp", 0x53, prefix, SseOp::Arith(Arith::Rcp, lanes)));
        }
    }
    for (prefix, lanes) in [(Prefix::Np, Lanes::Ss), (Prefix::P66, Lanes::Sd)] {
        rows.push(sse("ucomis", 0x2e, prefix, Comi(false, lanes)));
        rows.push(sse("comis", 0x2f, prefix, Comi(true, lanes)));
    }
    for (opcode, prefix, convert, name) in sse_fp::CONVERSIONS {
        rows.push(sse(name, opcode, prefix, SseOp::Convert(convert)));
    }
}

/// [`SseOp`] without what it holds, which a micro-operation carries in `d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[rustfmt::skip]
enum Tag {
    Load, LoadScalar, StoreScalar, LoadLow, LoadHigh, StoreHigh, FromGpr, ToGpr, IntImm,
    Pshufd, Pshufhw, Pshuflw, Shufps, Shufpd, Pinsrw, Pextrw, Pmovmskb, Movmsk, Maskmovdqu,
    MmxInt, MmxIntImm, MmxLoad, MmxStore, MmxFromGpr, MmxToGpr, MmxPshufw, MmxPinsrw, MmxPextrw,
    MmxPmovmskb, MmxMaskmovq, Movq2dq, Movdq2q, Emms, Arith, Compare, Comi, Ucomi, Convert, LoadQ,
}

#[rustfmt::skip]
const TAGS: [Tag; 39] = {
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
const IN_MEMORY: i32 = 1 << 8;
/// Bit of `imm`: REX.W.
const WIDE: i32 = 1 << 9;

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

fn lanes(d: u8) -> Lanes {
    [Lanes::Ps, Lanes::Pd, Lanes::Ss, Lanes::Sd][usize::from(d & 3)]
}

impl Lanes {
    /// Bytes of a memory operand.
    fn bytes(self) -> u8 {
        match self {
            Lanes::Ps | Lanes::Pd => 16,
            Lanes::Ss => 4,
            Lanes::Sd => 8,
        }
    }
}

fn in_memory(op: &Op) -> bool {
    op.imm & IN_MEMORY != 0
}

/// The source: a register, or `bytes` from memory (16 must be aligned).
fn source(vm: &mut Vm, op: &Op, bytes: u8) -> Result<u128, Stop> {
    if !in_memory(op) {
        return Ok(vm.xmm(op.b));
    }
    let ea = vm.ea(op);
    Ok(match bytes {
        2 => u128::from(vm.load16(ea)?),
        4 => u128::from(vm.load32(ea)?),
        8 => u128::from(vm.load64(ea)?),
        _ => vm.load128_aligned(ea)?,
    })
}

fn low(v: u128, keep: u128) -> u128 {
    keep >> 64 << 64 | u128::from(v as u64)
}

fn merge(lanes: Lanes, old: u128, new: u128) -> u128 {
    match lanes {
        Lanes::Ss => old >> 32 << 32 | new & 0xffff_ffff,
        Lanes::Sd => low(new, old),
        _ => new,
    }
}

fn shuffle_words(v: u64, order: u8) -> u64 {
    (0..4).fold(0, |r, i| {
        r | (v >> (16 * (order >> (2 * i) & 3)) & 0xffff) << (16 * i)
    })
}

fn dword(v: u128, n: u8) -> u128 {
    v >> (32 * u32::from(n & 3)) & 0xffff_ffff
}

/// Runs an SSE, SSE2 or MMX instruction.
#[inline(never)]
pub(crate) fn run(vm: &mut Vm, op: &Op) -> Result<(), Stop> {
    let Some(&tag) = TAGS.get(usize::from(op.c)) else {
        return Ok(());
    };
    let imm = op.imm as u8;
    let a = vm.xmm(op.a);
    let wide = op.imm & WIDE != 0;
    let result = match tag {
        Tag::Load => vm.xmm(op.b),
        Tag::LoadQ => u128::from(vm.xmm(op.b) as u64),
        Tag::LoadScalar => merge(lanes(op.d), a, vm.xmm(op.b)),
        Tag::StoreScalar => {
            let v = merge(lanes(op.d), vm.xmm(op.b), a);
            vm.set_xmm(op.b, v);
            return Ok(());
        }
        Tag::LoadLow if in_memory(op) => low(source(vm, op, 8)?, a),
        Tag::LoadLow => low(vm.xmm(op.b) >> 64, a),
        Tag::LoadHigh => u128::from(a as u64) | source(vm, op, 8)? << 64,
        Tag::StoreHigh => return vm.put(vm.ea(op), ((a >> 64) as u64).to_le_bytes()),
        Tag::FromGpr if wide => u128::from(vm.slot(op.b)),
        Tag::FromGpr => u128::from(vm.slot(op.b) as u32),
        Tag::ToGpr => {
            vm.set_slot(
                op.b,
                if wide {
                    a as u64
                } else {
                    a as u64 & 0xffff_ffff
                },
            );
            return Ok(());
        }
        Tag::IntImm => {
            let v = sse_int::run(op.d, vm.xmm(op.b), u128::from(imm));
            vm.set_xmm(op.b, v);
            return Ok(());
        }
        Tag::Pshufd => {
            let s = source(vm, op, 16)?;
            (0..4).fold(0, |r, i| r | dword(s, imm >> (2 * i)) << (32 * i))
        }
        Tag::Pshuflw => {
            let s = source(vm, op, 16)?;
            low(u128::from(shuffle_words(s as u64, imm)), s)
        }
        Tag::Pshufhw => {
            let s = source(vm, op, 16)?;
            low(s, u128::from(shuffle_words((s >> 64) as u64, imm)) << 64)
        }
        Tag::Shufps => {
            let s = source(vm, op, 16)?;
            dword(a, imm)
                | dword(a, imm >> 2) << 32
                | dword(s, imm >> 4) << 64
                | dword(s, imm >> 6) << 96
        }
        Tag::Shufpd => {
            let s = source(vm, op, 16)?;
            let half = |v: u128, n: u8| v >> (64 * u32::from(n & 1)) & u128::from(u64::MAX);
            half(a, imm) | half(s, imm >> 1) << 64
        }
        Tag::Pinsrw => {
            let v = if in_memory(op) {
                source(vm, op, 2)?
            } else {
                u128::from(vm.slot(op.b) as u16)
            };
            let at = 16 * u32::from(imm & 7);
            a & !(0xffff << at) | v << at
        }
        Tag::Pextrw => {
            let v = vm.xmm(op.b) >> (16 * u32::from(imm & 7)) & 0xffff;
            vm.set_slot(op.a, v as u64);
            return Ok(());
        }
        Tag::Pmovmskb => {
            vm.set_slot(op.a, u64::from(sse_int::movmskb(vm.xmm(op.b))));
            return Ok(());
        }
        Tag::Movmsk => {
            let (n, width) = if lanes(op.d) == Lanes::Ps {
                (4, 32)
            } else {
                (2, 64)
            };
            let v = vm.xmm(op.b);
            let bits = (0..n).fold(0, |r, i| r | (v >> (width * (i + 1) - 1) & 1) << i);
            vm.set_slot(op.a, bits as u64);
            return Ok(());
        }
        Tag::Maskmovdqu => return masked_store(vm, op, a, vm.xmm(op.b), 16),
        Tag::Arith => {
            let lanes = lanes(op.d >> 4);
            let s = source(vm, op, lanes.bytes())?;
            let r = sse_fp::arith(vm, op.d & 15, lanes, a, s)?;
            merge(lanes, a, r)
        }
        Tag::Compare => {
            let lanes = lanes(op.d);
            let s = source(vm, op, lanes.bytes())?;
            let r = sse_fp::compare(vm, imm, lanes, a, s)?;
            merge(lanes, a, r)
        }
        Tag::Comi | Tag::Ucomi => {
            let lanes = lanes(op.d);
            let s = source(vm, op, if lanes == Lanes::Ss { 4 } else { 8 })?;
            let bits = sse_fp::order(vm, lanes, a, s, tag == Tag::Comi)?;
            vm.flags_change(rflags::ARITH, bits);
            return Ok(());
        }
        Tag::Convert => return convert(vm, op, wide),
        _ => return mmx(vm, op, tag, wide),
    };
    vm.set_xmm(op.a, result);
    Ok(())
}

/// Stores those of `n` bytes whose mask byte has its top bit set, at rdi.
fn masked_store(vm: &mut Vm, op: &Op, v: u128, mask: u128, n: usize) -> Result<(), Stop> {
    let base = if op.base == crate::op::ZERO {
        0
    } else {
        vm.slot(op.base)
    };
    let to = vm.r[reg::RDI].wrapping_add(base);
    let (v, mask) = (v.to_le_bytes(), mask.to_le_bytes());
    let chosen = |i: &usize| mask[*i] & 0x80 != 0;
    for i in (0..n).filter(chosen) {
        vm.check_store(to.wrapping_add(i as u64), 1)?;
    }
    let mut done = Ok(());
    for i in (0..n).filter(chosen) {
        done = done.and(vm.put(to.wrapping_add(i as u64), [v[i]]));
    }
    done
}

fn mmx_reg(vm: &Vm, i: u8) -> u64 {
    vm.cpu.x87.regs[usize::from(i & 7)].mant
}

fn set_mmx(vm: &mut Vm, i: u8, v: u64) {
    vm.cpu.x87.regs[usize::from(i & 7)] = crate::state::F80 {
        mant: v,
        se: 0xffff,
    };
}

/// What every MMX instruction does to the x87 unit; #MF when an exception is pending there.
fn enter_mmx(vm: &mut Vm) -> Result<(), Stop> {
    crate::x87::check_pending(vm)?;
    vm.cpu.x87.status &= !0x3800;
    vm.cpu.x87.used = 0xff;
    Ok(())
}

fn mmx_source(vm: &mut Vm, op: &Op, bytes: u8) -> Result<u64, Stop> {
    if in_memory(op) {
        source(vm, op, bytes).map(|v| v as u64)
    } else {
        Ok(mmx_reg(vm, op.b))
    }
}

fn mmx(vm: &mut Vm, op: &Op, tag: Tag, wide: bool) -> Result<(), Stop> {
    crate::x87::check_pending(vm)?;
    let imm = op.imm as u8;
    let a = mmx_reg(vm, op.a);
    let result = match tag {
        Tag::Emms => {
            enter_mmx(vm)?;
            vm.cpu.x87.used = 0;
            return Ok(());
        }
        Tag::MmxInt => {
            use IntOp::{Punpcklbw, Punpckldq, Punpcklwd};
            let four = matches!(sse_int::op(op.d), Punpckldq | Punpcklbw | Punpcklwd);
            let s = mmx_source(vm, op, if four { 4 } else { 8 })?;
            sse_int::run_mmx(op.d, a, s)
        }
        Tag::MmxIntImm => {
            let v = sse_int::run_mmx(op.d, mmx_reg(vm, op.b), u64::from(imm));
            enter_mmx(vm)?;
            set_mmx(vm, op.b, v);
            return Ok(());
        }
        Tag::MmxLoad => mmx_source(vm, op, 8)?,
        Tag::MmxStore if in_memory(op) => {
            let done = vm.put(vm.ea(op), a.to_le_bytes());
            if done != Err(Stop::Exit) {
                enter_mmx(vm)?;
            }
            return done;
        }
        Tag::MmxStore => {
            enter_mmx(vm)?;
            set_mmx(vm, op.b, a);
            return Ok(());
        }
        Tag::MmxFromGpr => {
            let v = if in_memory(op) {
                source(vm, op, if wide { 8 } else { 4 })? as u64
            } else {
                vm.slot(op.b)
            };
            if wide { v } else { v & 0xffff_ffff }
        }
        Tag::MmxToGpr => {
            let v = if wide { a } else { a & 0xffff_ffff };
            let done = match (in_memory(op), wide) {
                (false, _) => {
                    vm.set_slot(op.b, v);
                    Ok(())
                }
                (true, true) => vm.put(vm.ea(op), v.to_le_bytes()),
                (true, false) => vm.put(vm.ea(op), (v as u32).to_le_bytes()),
            };
            if done != Err(Stop::Exit) {
                enter_mmx(vm)?;
            }
            return done;
        }
        Tag::MmxPshufw => shuffle_words(mmx_source(vm, op, 8)?, imm),
        Tag::MmxPinsrw => {
            let v = if in_memory(op) {
                source(vm, op, 2)? as u64
            } else {
                vm.slot(op.b) & 0xffff
            };
            let at = 16 * (imm & 3);
            a & !(0xffff << at) | v << at
        }
        Tag::MmxPextrw => {
            let v = mmx_reg(vm, op.b) >> (16 * (imm & 3)) & 0xffff;
            vm.set_slot(op.a, v);
            return enter_mmx(vm);
        }
        Tag::MmxPmovmskb => {
            let v = sse_int::movmskb(u128::from(mmx_reg(vm, op.b)));
            vm.set_slot(op.a, u64::from(v));
            return enter_mmx(vm);
        }
        Tag::MmxMaskmovq => {
            let mask = u128::from(mmx_reg(vm, op.b));
            let done = masked_store(vm, op, u128::from(a), mask, 8);
            if done != Err(Stop::Exit) {
                enter_mmx(vm)?;
            }
            return done;
        }
        Tag::Movq2dq => {
            let v = u128::from(mmx_reg(vm, op.b));
            vm.set_xmm(op.a, v);
            return enter_mmx(vm);
        }
        Tag::Movdq2q => vm.xmm(op.b) as u64,
        _ => return Err(vm.stop(Exit::InvalidOpcode)),
    };
    enter_mmx(vm)?;
    set_mmx(vm, op.a, result);
    Ok(())
}

/// Conversions; see [`sse_fp::Convert`] for which kind of register each end is.
fn convert(vm: &mut Vm, op: &Op, wide: bool) -> Result<(), Stop> {
    let Some(what) = sse_fp::convert_op(op.d) else {
        return Ok(());
    };
    let shape = what.shape();
    let mmx = shape.from_mmx && !in_memory(op) || shape.to_mmx;
    if mmx {
        crate::x87::check_pending(vm)?;
    }
    let s = if in_memory(op) {
        let bytes = if shape.from_gpr && wide {
            8
        } else {
            shape.bytes
        };
        source(vm, op, bytes)?
    } else if shape.from_mmx {
        u128::from(mmx_reg(vm, op.b))
    } else if shape.from_gpr {
        u128::from(vm.slot(op.b))
    } else {
        vm.xmm(op.b)
    };
    if mmx {
        // Also when the conversion traps.
        enter_mmx(vm)?;
    }
    let r = sse_fp::convert(vm, what, s, wide, vm.xmm(op.a))?;
    if shape.to_mmx {
        set_mmx(vm, op.a, r as u64);
    } else if shape.to_gpr {
        vm.set_slot(op.a, r as u64);
    } else {
        vm.set_xmm(op.a, r);
    }
    Ok(())
}

//! The table's rows.

use super::SseOp::{self, *};
use super::{Arith, IntOp, Lanes, fp};
use crate::forms::{Args, Form, Imm, Kind, Prefix, Rm, Size, row};

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
    for (opcode, prefix, convert, name) in fp::CONVERSIONS {
        rows.push(sse(name, opcode, prefix, SseOp::Convert(convert)));
    }
}

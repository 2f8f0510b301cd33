//! The table's rows.

use super::{Misc, Source, X87Op};
use crate::forms::{Args, Form, Kind, Prefix, Rm, Size, row};

fn fp(opcode: u8, name: &'static str, op: X87Op) -> Form {
    Form {
        prefix: Prefix::Any,
        args: Args::E,
        size: Size::Dq,
        rm: Rm::Reg,
        ..row(name, 0, opcode, Kind::X87(op))
    }
}

/// Adds the rows.
pub(crate) fn forms(rows: &mut Vec<Form>) {
    arithmetic(rows);
    memory(rows);
    registers(rows);
    rows.push(Form {
        rm: Rm::None,
        args: Args::None,
        ..fp(0x9b, "fwait", X87Op::Misc(Misc::Fwait))
    });
}

fn arithmetic(rows: &mut Vec<Form>) {
    for ext in 0..8u8 {
        let f = |opcode, op, source| Form {
            ext: Some(ext),
            ..fp(opcode, "x87 arithmetic", X87Op::Arith(op, source))
        };
        let mem = |f: Form| Form { rm: Rm::Mem, ..f };
        rows.push(f(0xd8, ext, Source::Sti));
        rows.push(mem(f(0xd8, ext, Source::M32)));
        rows.push(mem(f(0xdc, ext, Source::M64)));
        rows.push(mem(f(0xda, ext, Source::I32)));
        rows.push(mem(f(0xde, ext, Source::I16)));
        // With the result in ST(i) the encodings of sub and subr, div and divr change places.
        let op = if ext >= 4 { ext ^ 1 } else { ext };
        let source = if matches!(ext, 2 | 3) {
            Source::Sti
        } else {
            Source::ToSti
        };
        rows.push(f(0xdc, op, source));
        match ext {
            2 => rows.push(f(0xde, 3, Source::Sti)),
            3 => {}
            _ => rows.push(f(0xde, op, Source::ToStiPop)),
        }
    }
}

fn memory(rows: &mut Vec<Form>) {
    use Misc::*;
    for (opcode, ext, name, op) in [
        (0xd9, 0, "fld m32", Fld32),
        (0xd9, 2, "fst m32", Fst32),
        (0xd9, 3, "fstp m32", Fstp32),
        (0xd9, 4, "fldenv", Fldenv),
        (0xd9, 5, "fldcw", Fldcw),
        (0xd9, 6, "fnstenv", Fnstenv),
        (0xd9, 7, "fnstcw", Fnstcw),
        (0xdb, 0, "fild m32", Fild32),
        (0xdb, 2, "fist m32", Fist32),
        (0xdb, 3, "fistp m32", Fistp32),
        (0xdb, 5, "fld m80", Fld80),
        (0xdb, 7, "fstp m80", Fstp80),
        (0xdd, 0, "fld m64", Fld64),
        (0xdd, 2, "fst m64", Fst64),
        (0xdd, 3, "fstp m64", Fstp64),
        (0xdd, 4, "frstor", Frstor),
        (0xdd, 6, "fnsave", Fnsave),
        (0xdd, 7, "fnstsw", FnstswMem),
        (0xdf, 0, "fild m16", Fild16),
        (0xdf, 2, "fist m16", Fist16),
        (0xdf, 3, "fistp m16", Fistp16),
        (0xdf, 4, "fbld", Fbld),
        (0xdf, 5, "fild m64", Fild64),
        (0xdf, 6, "fbstp", Fbstp),
        (0xdf, 7, "fistp m64", Fistp64),
    ] {
        let size = if matches!(op, Fldenv | Fnstenv | Frstor | Fnsave) {
            Size::V
        } else {
            Size::Dq
        };
        let f = fp(opcode, name, X87Op::Misc(op));
        rows.push(Form {
            rm: Rm::Mem,
            ext: Some(ext),
            size,
            ..f
        });
    }
}

fn registers(rows: &mut Vec<Form>) {
    use Misc::*;
    for (opcode, ext, name, op) in [
        (0xd9, 0, "fld", Fld),
        (0xd9, 1, "fxch", Fxch),
        (0xd9, 3, "fstp1", Fstp1),
        (0xdd, 0, "ffree", Ffree),
        (0xdd, 1, "fxch", Fxch),
        (0xdd, 2, "fst", Fst),
        (0xdd, 3, "fstp", Fstp),
        (0xdd, 4, "fucom", Fucom),
        (0xdd, 5, "fucomp", Fucomp),
        (0xdf, 0, "ffreep", Ffreep),
        (0xdf, 1, "fxch", Fxch),
        (0xdf, 2, "fstp", Fstp),
        (0xdf, 3, "fstp", Fstp),
        (0xdf, 5, "fucomip", Fucomip),
        (0xdf, 6, "fcomip", Fcomip),
        (0xdb, 5, "fucomi", Fucomi),
        (0xdb, 6, "fcomi", Fcomi),
        (0xda, 0, "fcmovb", Fcmov),
        (0xda, 1, "fcmove", Fcmov),
        (0xda, 2, "fcmovbe", Fcmov),
        (0xda, 3, "fcmovu", Fcmov),
        (0xdb, 0, "fcmovnb", Fcmovn),
        (0xdb, 1, "fcmovne", Fcmovn),
        (0xdb, 2, "fcmovnbe", Fcmovn),
        (0xdb, 3, "fcmovnu", Fcmovn),
    ] {
        rows.push(Form {
            ext: Some(ext),
            ..fp(opcode, name, X87Op::Misc(op))
        });
    }
    for (opcode, ext, rm, name, op) in [
        (0xda, 5, 1, "fucompp", Fucompp),
        (0xde, 3, 1, "fcompp", Fcompp),
        (0xdf, 4, 0, "fnstsw ax", FnstswAx),
        (0xdb, 4, 0, "feni", Feni),
        (0xdb, 4, 1, "fdisi", Feni),
        (0xdb, 4, 2, "fnclex", Fnclex),
        (0xdb, 4, 3, "fninit", Fninit),
        (0xdb, 4, 4, "fsetpm", Feni),
        (0xd9, 2, 0, "fnop", Nop),
        (0xd9, 4, 0, "fchs", Fchs),
        (0xd9, 4, 1, "fabs", Fabs),
        (0xd9, 4, 4, "ftst", Ftst),
        (0xd9, 4, 5, "fxam", Fxam),
        (0xd9, 5, 0, "fld1", Fconst),
        (0xd9, 5, 1, "fldl2t", Fconst),
        (0xd9, 5, 2, "fldl2e", Fconst),
        (0xd9, 5, 3, "fldpi", Fconst),
        (0xd9, 5, 4, "fldlg2", Fconst),
        (0xd9, 5, 5, "fldln2", Fconst),
        (0xd9, 5, 6, "fldz", Fconst),
        (0xd9, 6, 0, "f2xm1", F2xm1),
        (0xd9, 6, 1, "fyl2x", Fyl2x),
        (0xd9, 6, 2, "fptan", Fptan),
        (0xd9, 6, 3, "fpatan", Fpatan),
        (0xd9, 6, 4, "fxtract", Fxtract),
        (0xd9, 6, 5, "fprem1", Fprem1),
        (0xd9, 6, 6, "fdecstp", Fdecstp),
        (0xd9, 6, 7, "fincstp", Fincstp),
        (0xd9, 7, 0, "fprem", Fprem),
        (0xd9, 7, 1, "fyl2xp1", Fyl2xp1),
        (0xd9, 7, 2, "fsqrt", Fsqrt),
        (0xd9, 7, 3, "fsincos", Fsincos),
        (0xd9, 7, 4, "frndint", Frndint),
        (0xd9, 7, 5, "fscale", Fscale),
        (0xd9, 7, 6, "fsin", Fsin),
        (0xd9, 7, 7, "fcos", Fcos),
    ] {
        let f = fp(opcode, name, X87Op::Misc(op));
        rows.push(Form {
            ext: Some(ext),
            rm: Rm::Exact(rm),
            ..f
        });
    }
}

//! The table of instruction forms: what the decoder knows, and what the differential test
//! enumerates.

use std::sync::LazyLock;

/// Which mandatory prefix a form wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    /// 0x66 is an operand size, 0xf2 and 0xf3 mean nothing to the choice.
    Any,
    /// None of 0x66, 0xf2, 0xf3.
    Np,
    /// 0x66
    P66,
    /// 0xf3
    F3,
    /// 0xf2
    F2,
}

/// What ModRM's `rm` may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rm {
    /// There is no ModRM byte.
    None,
    /// Register or memory.
    Any,
    /// Memory only.
    Mem,
    /// A register only.
    Reg,
    /// Exactly this register number.
    Exact(u8),
    /// A register, whatever the mode bits say.
    Always,
}

/// The immediate that follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imm {
    /// None.
    None,
    /// One byte, sign-extended.
    Ib,
    /// Two bytes.
    Iw,
    /// Two or four bytes by operand size, sign-extended.
    Iz,
    /// Two, four or eight bytes by operand size.
    Iv,
    /// Two bytes and one (`enter`).
    IwIb,
    /// An address of eight bytes (four with 0x67).
    Moffs,
    /// A one-byte branch distance.
    Rel8,
    /// A four-byte branch distance.
    Rel32,
}

/// How the operand size is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// One byte.
    B,
    /// Two bytes with 0x66, eight with REX.W, else four.
    V,
    /// Two bytes with 0x66, else eight.
    D64,
    /// Eight bytes with REX.W, else four; 0x66 means something else.
    Dq,
    /// Eight always.
    Q,
}

/// Which operands there are, in the manual's letters: E is ModRM's `rm`, G its `reg`, I an
/// immediate, A the accumulator, O the register in the opcode, 1 and C shift counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Args {
    None,
    E,
    EG,
    GE,
    EI,
    GEI,
    AI,
    O,
    OI,
    E1,
    EC,
    EGI,
    EGC,
    I,
}

/// The eight operations of the first 64 opcodes, in the order of their encodings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
#[repr(u8)]
pub enum AluOp {
    Add,
    Or,
    Adc,
    Sbb,
    And,
    Sub,
    Xor,
    Cmp,
}

/// Shifts and rotates, in the order of their encodings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
#[repr(u8)]
pub enum ShiftOp {
    Rol,
    Ror,
    Rcl,
    Rcr,
    Shl,
    Shr,
    Sal,
    Sar,
}

/// `bt` and its relatives, in the order of their encodings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
#[repr(u8)]
pub enum BitOp {
    Bt,
    Bts,
    Btr,
    Btc,
}

/// String instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
#[repr(u8)]
pub enum StrOp {
    Movs,
    Cmps,
    Stos,
    Lods,
    Scas,
}

/// What an instruction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Alu(AluOp),
    Test,
    Mov,
    MovImm,
    Movsxd,
    Movzx(u8),
    Movsx(u8),
    Lea,
    Push,
    PushImm,
    Pop,
    Xchg,
    XchgAx,
    Nop,
    /// `endbr64`, `prefetch…` and the like.
    Hint,
    Cbw,
    Cwd,
    Pushf,
    Popf,
    Sahf,
    Lahf,
    Str(StrOp),
    Ret,
    RetImm,
    Enter,
    Leave,
    Int3,
    /// Allowed to the kernel only, or needing segments that user mode cannot have.
    Privileged,
    Ud,
    Jcc,
    Loopne,
    Loope,
    Loop,
    Jrcxz,
    Call,
    Jmp,
    CallInd,
    JmpInd,
    Clc,
    Stc,
    Cmc,
    Cld,
    Std,
    Not,
    Neg,
    Mul,
    Imul1,
    Div,
    Idiv,
    Inc,
    Dec,
    Shift(ShiftOp),
    Imul,
    Xlat,
    LoadMoffs,
    StoreMoffs,
    MovFromSeg,
    PushSeg,
    Syscall,
    Rdtsc,
    Cmov,
    Setcc,
    Cpuid,
    Bit(BitOp),
    Shld,
    Shrd,
    Fxsave,
    Fxrstor,
    Ldmxcsr,
    Stmxcsr,
    Fence,
    Clflush,
    Cmpxchg,
    Cmpxchg16b,
    Bsf,
    Bsr,
    Xadd,
    Movnti,
    Bswap,
    Sse(crate::sse::SseOp),
    X87(crate::x87::X87Op),
}

/// One row: an encoding and its meaning.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// For people: the mnemonic and the operands.
    pub name: &'static str,
    /// 0 for one-byte opcodes, 1 for those after 0x0f.
    pub map: u8,
    /// Opcode byte.
    pub opcode: u8,
    /// Mandatory prefix.
    pub prefix: Prefix,
    /// ModRM's `reg` where it extends the opcode.
    pub ext: Option<u8>,
    /// ModRM.
    pub rm: Rm,
    /// Immediate.
    pub imm: Imm,
    /// Operand size.
    pub size: Size,
    /// Operands.
    pub args: Args,
    /// Meaning.
    pub kind: Kind,
    /// May be locked (with a memory destination).
    pub lock: bool,
}

/// All forms, and for each opcode where its rows are.
pub struct Table {
    rows: Vec<Form>,
    first: [[u16; 257]; 2],
}

static TABLE: LazyLock<Table> = LazyLock::new(build);

/// Every form that the decoder knows.
pub fn forms() -> &'static [Form] {
    &TABLE.rows
}

/// The forms of one opcode.
pub(crate) fn rows(map: usize, opcode: u8) -> &'static [Form] {
    let first = &TABLE.first[map & 1];
    let (from, to) = (first[usize::from(opcode)], first[usize::from(opcode) + 1]);
    TABLE
        .rows
        .get(usize::from(from)..usize::from(to))
        .unwrap_or(&[])
}

fn build() -> Table {
    let mut b = Builder { rows: Vec::new() };
    b.arithmetic();
    b.moves();
    b.control();
    b.groups();
    b.two_byte();
    b.system();
    crate::sse::forms(&mut b.rows);
    crate::x87::forms(&mut b.rows);
    let mut rows = b.rows;
    rows.sort_by_key(|f| (f.map, f.opcode));
    let mut first = [[0u16; 257]; 2];
    for (map, starts) in first.iter_mut().enumerate() {
        for (op, start) in starts.iter_mut().enumerate() {
            *start = rows
                .partition_point(|f| (usize::from(f.map), usize::from(f.opcode)) < (map, op))
                as u16;
        }
    }
    Table { rows, first }
}

/// A row with the usual values, to be changed with `..`.
pub(crate) const fn row(name: &'static str, map: u8, opcode: u8, kind: Kind) -> Form {
    Form {
        name,
        map,
        opcode,
        prefix: Prefix::Any,
        ext: None,
        rm: Rm::None,
        imm: Imm::None,
        size: Size::V,
        args: Args::None,
        kind,
        lock: false,
    }
}

struct Builder {
    rows: Vec<Form>,
}

const ALU: [(&str, AluOp); 8] = [
    ("add", AluOp::Add),
    ("or", AluOp::Or),
    ("adc", AluOp::Adc),
    ("sbb", AluOp::Sbb),
    ("and", AluOp::And),
    ("sub", AluOp::Sub),
    ("xor", AluOp::Xor),
    ("cmp", AluOp::Cmp),
];

const SHIFT: [(&str, ShiftOp); 8] = [
    ("rol", ShiftOp::Rol),
    ("ror", ShiftOp::Ror),
    ("rcl", ShiftOp::Rcl),
    ("rcr", ShiftOp::Rcr),
    ("shl", ShiftOp::Shl),
    ("shr", ShiftOp::Shr),
    ("sal", ShiftOp::Sal),
    ("sar", ShiftOp::Sar),
];

impl Builder {
    fn add(&mut self, form: Form) {
        self.rows.push(form);
    }

    /// The byte form at `opcode` and the wide one after it.
    fn pair(&mut self, opcode: u8, form: Form) {
        self.add(Form {
            opcode,
            size: Size::B,
            ..form
        });
        self.add(Form {
            opcode: opcode + 1,
            ..form
        });
    }

    fn arithmetic(&mut self) {
        for (i, (name, op)) in ALU.into_iter().enumerate() {
            let base = (i as u8) << 3;
            let f = row(name, 0, 0, Kind::Alu(op));
            let lock = op != AluOp::Cmp;
            self.pair(
                base,
                Form {
                    rm: Rm::Any,
                    args: Args::EG,
                    lock,
                    ..f
                },
            );
            self.pair(
                base + 2,
                Form {
                    rm: Rm::Any,
                    args: Args::GE,
                    ..f
                },
            );
            self.add(Form {
                opcode: base + 4,
                imm: Imm::Ib,
                size: Size::B,
                args: Args::AI,
                ..f
            });
            self.add(Form {
                opcode: base + 5,
                imm: Imm::Iz,
                args: Args::AI,
                ..f
            });
            let ei = Form {
                rm: Rm::Any,
                ext: Some(i as u8),
                args: Args::EI,
                lock,
                ..f
            };
            self.add(Form {
                opcode: 0x80,
                imm: Imm::Ib,
                size: Size::B,
                ..ei
            });
            self.add(Form {
                opcode: 0x81,
                imm: Imm::Iz,
                ..ei
            });
            self.add(Form {
                opcode: 0x83,
                imm: Imm::Ib,
                ..ei
            });
        }
        let test = row("test", 0, 0, Kind::Test);
        self.pair(
            0x84,
            Form {
                rm: Rm::Any,
                args: Args::EG,
                ..test
            },
        );
        self.add(Form {
            opcode: 0xa8,
            imm: Imm::Ib,
            size: Size::B,
            args: Args::AI,
            ..test
        });
        self.add(Form {
            opcode: 0xa9,
            imm: Imm::Iz,
            args: Args::AI,
            ..test
        });
        let imul = Form {
            rm: Rm::Any,
            ..row("imul", 0, 0, Kind::Imul)
        };
        self.add(Form {
            opcode: 0x69,
            imm: Imm::Iz,
            args: Args::GEI,
            ..imul
        });
        self.add(Form {
            opcode: 0x6b,
            imm: Imm::Ib,
            args: Args::GEI,
            ..imul
        });
        self.add(Form {
            map: 1,
            opcode: 0xaf,
            args: Args::GE,
            ..imul
        });
        for (i, (name, op)) in SHIFT.into_iter().enumerate() {
            let f = Form {
                rm: Rm::Any,
                ext: Some(i as u8),
                ..row(name, 0, 0, Kind::Shift(op))
            };
            self.pair(
                0xc0,
                Form {
                    imm: Imm::Ib,
                    args: Args::EI,
                    ..f
                },
            );
            self.pair(
                0xd0,
                Form {
                    args: Args::E1,
                    ..f
                },
            );
            self.pair(
                0xd2,
                Form {
                    args: Args::EC,
                    ..f
                },
            );
        }
    }

    fn moves(&mut self) {
        let mov = row("mov", 0, 0, Kind::Mov);
        self.pair(
            0x88,
            Form {
                rm: Rm::Any,
                args: Args::EG,
                ..mov
            },
        );
        self.pair(
            0x8a,
            Form {
                rm: Rm::Any,
                args: Args::GE,
                ..mov
            },
        );
        let imm = Form {
            rm: Rm::Any,
            args: Args::EI,
            ext: Some(0),
            kind: Kind::MovImm,
            ..mov
        };
        self.add(Form {
            opcode: 0xc6,
            imm: Imm::Ib,
            size: Size::B,
            ..imm
        });
        self.add(Form {
            opcode: 0xc7,
            imm: Imm::Iz,
            ..imm
        });
        for i in 0..8 {
            let o = Form {
                args: Args::OI,
                kind: Kind::MovImm,
                ..mov
            };
            self.add(Form {
                opcode: 0xb0 + i,
                imm: Imm::Ib,
                size: Size::B,
                ..o
            });
            self.add(Form {
                opcode: 0xb8 + i,
                imm: Imm::Iv,
                ..o
            });
            let stack = Form {
                size: Size::D64,
                args: Args::O,
                ..mov
            };
            self.add(Form {
                name: "push",
                opcode: 0x50 + i,
                kind: Kind::Push,
                ..stack
            });
            self.add(Form {
                name: "pop",
                opcode: 0x58 + i,
                kind: Kind::Pop,
                ..stack
            });
            self.add(Form {
                name: "xchg",
                opcode: 0x90 + i,
                args: Args::O,
                kind: Kind::XchgAx,
                ..mov
            });
            self.add(Form {
                map: 1,
                args: Args::O,
                ..row("bswap", 1, 0xc8 + i, Kind::Bswap)
            });
        }
        self.pair(
            0x86,
            Form {
                rm: Rm::Any,
                args: Args::EG,
                lock: true,
                ..row("xchg", 0, 0, Kind::Xchg)
            },
        );
        self.add(Form {
            rm: Rm::Any,
            args: Args::GE,
            ..row("movsxd", 0, 0x63, Kind::Movsxd)
        });
        self.add(Form {
            rm: Rm::Mem,
            args: Args::GE,
            ..row("lea", 0, 0x8d, Kind::Lea)
        });
        self.add(Form {
            rm: Rm::Any,
            args: Args::EG,
            ..row("mov from segment", 0, 0x8c, Kind::MovFromSeg)
        });
        let e = Form {
            rm: Rm::Any,
            args: Args::E,
            size: Size::D64,
            ..mov
        };
        self.add(Form {
            name: "pop",
            opcode: 0x8f,
            ext: Some(0),
            kind: Kind::Pop,
            ..e
        });
        self.add(Form {
            name: "push",
            opcode: 0xff,
            ext: Some(6),
            kind: Kind::Push,
            ..e
        });
        let push = Form {
            size: Size::D64,
            args: Args::I,
            ..row("push", 0, 0, Kind::PushImm)
        };
        self.add(Form {
            opcode: 0x68,
            imm: Imm::Iz,
            ..push
        });
        self.add(Form {
            opcode: 0x6a,
            imm: Imm::Ib,
            ..push
        });
        let moffs = Form {
            imm: Imm::Moffs,
            ..mov
        };
        self.pair(
            0xa0,
            Form {
                kind: Kind::LoadMoffs,
                ..moffs
            },
        );
        self.pair(
            0xa2,
            Form {
                kind: Kind::StoreMoffs,
                ..moffs
            },
        );
        self.add(row("cbw/cwde/cdqe", 0, 0x98, Kind::Cbw));
        self.add(row("cwd/cdq/cqo", 0, 0x99, Kind::Cwd));
        self.add(Form {
            size: Size::D64,
            ..row("pushf", 0, 0x9c, Kind::Pushf)
        });
        self.add(Form {
            size: Size::D64,
            ..row("popf", 0, 0x9d, Kind::Popf)
        });
        self.add(row("sahf", 0, 0x9e, Kind::Sahf));
        self.add(row("lahf", 0, 0x9f, Kind::Lahf));
        self.add(row("xlat", 0, 0xd7, Kind::Xlat));
        self.pair(0xa4, row("movs", 0, 0, Kind::Str(StrOp::Movs)));
        self.pair(0xa6, row("cmps", 0, 0, Kind::Str(StrOp::Cmps)));
        self.pair(0xaa, row("stos", 0, 0, Kind::Str(StrOp::Stos)));
        self.pair(0xac, row("lods", 0, 0, Kind::Str(StrOp::Lods)));
        self.pair(0xae, row("scas", 0, 0, Kind::Str(StrOp::Scas)));
    }

    fn control(&mut self) {
        for i in 0..16 {
            let jcc = row("jcc", 0, 0x70 + i, Kind::Jcc);
            self.add(Form {
                imm: Imm::Rel8,
                ..jcc
            });
            self.add(Form {
                map: 1,
                opcode: 0x80 + i,
                imm: Imm::Rel32,
                ..jcc
            });
            self.add(Form {
                rm: Rm::Any,
                args: Args::GE,
                ..row("cmovcc", 1, 0x40 + i, Kind::Cmov)
            });
            self.add(Form {
                rm: Rm::Any,
                args: Args::E,
                size: Size::B,
                ..row("setcc", 1, 0x90 + i, Kind::Setcc)
            });
        }
        let rel8 = |name, opcode, kind| Form {
            imm: Imm::Rel8,
            ..row(name, 0, opcode, kind)
        };
        self.add(rel8("loopne", 0xe0, Kind::Loopne));
        self.add(rel8("loope", 0xe1, Kind::Loope));
        self.add(rel8("loop", 0xe2, Kind::Loop));
        self.add(rel8("jrcxz", 0xe3, Kind::Jrcxz));
        self.add(rel8("jmp", 0xeb, Kind::Jmp));
        self.add(Form {
            imm: Imm::Rel32,
            ..row("call", 0, 0xe8, Kind::Call)
        });
        self.add(Form {
            imm: Imm::Rel32,
            ..row("jmp", 0, 0xe9, Kind::Jmp)
        });
        let e = Form {
            rm: Rm::Any,
            args: Args::E,
            size: Size::Q,
            ..row("call", 0, 0xff, Kind::CallInd)
        };
        self.add(Form { ext: Some(2), ..e });
        self.add(Form {
            name: "jmp",
            ext: Some(4),
            kind: Kind::JmpInd,
            ..e
        });
        self.add(Form {
            size: Size::Q,
            ..row("ret", 0, 0xc3, Kind::Ret)
        });
        self.add(Form {
            size: Size::Q,
            imm: Imm::Iw,
            ..row("ret", 0, 0xc2, Kind::RetImm)
        });
        self.add(Form {
            size: Size::D64,
            imm: Imm::IwIb,
            ..row("enter", 0, 0xc8, Kind::Enter)
        });
        self.add(Form {
            size: Size::D64,
            ..row("leave", 0, 0xc9, Kind::Leave)
        });
        self.add(row("int3", 0, 0xcc, Kind::Int3));
        self.add(row("clc", 0, 0xf8, Kind::Clc));
        self.add(row("stc", 0, 0xf9, Kind::Stc));
        self.add(row("cmc", 0, 0xf5, Kind::Cmc));
        self.add(row("cld", 0, 0xfc, Kind::Cld));
        self.add(row("std", 0, 0xfd, Kind::Std));
        self.add(row("syscall", 1, 0x05, Kind::Syscall));
        self.add(row("ud2", 1, 0x0b, Kind::Ud));
    }

    fn groups(&mut self) {
        let e = |name, ext, kind| Form {
            rm: Rm::Any,
            args: Args::E,
            ext: Some(ext),
            ..row(name, 0, 0, kind)
        };
        for ext in [0, 1] {
            let test = Form {
                args: Args::EI,
                ..e("test", ext, Kind::Test)
            };
            self.add(Form {
                opcode: 0xf6,
                size: Size::B,
                imm: Imm::Ib,
                ..test
            });
            self.add(Form {
                opcode: 0xf7,
                imm: Imm::Iz,
                ..test
            });
        }
        self.pair(
            0xf6,
            Form {
                lock: true,
                ..e("not", 2, Kind::Not)
            },
        );
        self.pair(
            0xf6,
            Form {
                lock: true,
                ..e("neg", 3, Kind::Neg)
            },
        );
        self.pair(0xf6, e("mul", 4, Kind::Mul));
        self.pair(0xf6, e("imul", 5, Kind::Imul1));
        self.pair(0xf6, e("div", 6, Kind::Div));
        self.pair(0xf6, e("idiv", 7, Kind::Idiv));
        self.pair(
            0xfe,
            Form {
                lock: true,
                ..e("inc", 0, Kind::Inc)
            },
        );
        self.pair(
            0xfe,
            Form {
                lock: true,
                ..e("dec", 1, Kind::Dec)
            },
        );
    }

    fn two_byte(&mut self) {
        let ge = Form {
            rm: Rm::Any,
            args: Args::GE,
            ..row("movzx", 1, 0, Kind::Nop)
        };
        self.add(Form {
            opcode: 0xb6,
            kind: Kind::Movzx(1),
            ..ge
        });
        self.add(Form {
            opcode: 0xb7,
            kind: Kind::Movzx(2),
            ..ge
        });
        self.add(Form {
            name: "movsx",
            opcode: 0xbe,
            kind: Kind::Movsx(1),
            ..ge
        });
        self.add(Form {
            name: "movsx",
            opcode: 0xbf,
            kind: Kind::Movsx(2),
            ..ge
        });
        self.add(Form {
            name: "bsf",
            opcode: 0xbc,
            kind: Kind::Bsf,
            ..ge
        });
        self.add(Form {
            name: "bsr",
            opcode: 0xbd,
            kind: Kind::Bsr,
            ..ge
        });
        let bits = [
            ("bt", BitOp::Bt),
            ("bts", BitOp::Bts),
            ("btr", BitOp::Btr),
            ("btc", BitOp::Btc),
        ];
        for (i, (name, op)) in bits.into_iter().enumerate() {
            let lock = op != BitOp::Bt;
            let f = Form {
                rm: Rm::Any,
                lock,
                ..row(name, 1, 0, Kind::Bit(op))
            };
            self.add(Form {
                opcode: 0xa3 + 8 * i as u8,
                args: Args::EG,
                ..f
            });
            let ext = Some(4 + i as u8);
            self.add(Form {
                opcode: 0xba,
                ext,
                imm: Imm::Ib,
                args: Args::EI,
                ..f
            });
        }
        for (name, op, kind) in [("shld", 0xa4, Kind::Shld), ("shrd", 0xac, Kind::Shrd)] {
            let f = Form {
                rm: Rm::Any,
                ..row(name, 1, op, kind)
            };
            self.add(Form {
                imm: Imm::Ib,
                args: Args::EGI,
                ..f
            });
            self.add(Form {
                opcode: op + 1,
                args: Args::EGC,
                ..f
            });
        }
        let eg = Form {
            rm: Rm::Any,
            args: Args::EG,
            lock: true,
            ..row("", 1, 0, Kind::Xadd)
        };
        self.pair(
            0xb0,
            Form {
                name: "cmpxchg",
                kind: Kind::Cmpxchg,
                ..eg
            },
        );
        self.pair(0xc0, Form { name: "xadd", ..eg });
        self.add(Form {
            rm: Rm::Mem,
            ext: Some(1),
            lock: true,
            size: Size::Dq,
            ..row("cmpxchg8b/16b", 1, 0xc7, Kind::Cmpxchg16b)
        });
        self.add(Form {
            rm: Rm::Mem,
            prefix: Prefix::Np,
            args: Args::EG,
            size: Size::Dq,
            ..row("movnti", 1, 0xc3, Kind::Movnti)
        });
        let hint = Form {
            rm: Rm::Any,
            args: Args::E,
            ..row("hint nop", 1, 0, Kind::Hint)
        };
        for opcode in 0x18..=0x1f {
            self.add(Form { opcode, ..hint });
        }
        self.add(Form {
            name: "prefetchw",
            opcode: 0x0d,
            rm: Rm::Mem,
            ..hint
        });
        self.add(row("rdtsc", 1, 0x31, Kind::Rdtsc));
        self.add(row("cpuid", 1, 0xa2, Kind::Cpuid));
        for opcode in [0xa0, 0xa8] {
            self.add(Form {
                size: Size::D64,
                ..row("push fs/gs", 1, opcode, Kind::PushSeg)
            });
        }
        let m = |name, ext, kind| Form {
            rm: Rm::Mem,
            ext: Some(ext),
            prefix: Prefix::Np,
            args: Args::E,
            ..row(name, 1, 0xae, kind)
        };
        self.add(m("fxsave", 0, Kind::Fxsave));
        self.add(m("fxrstor", 1, Kind::Fxrstor));
        self.add(m("ldmxcsr", 2, Kind::Ldmxcsr));
        self.add(m("stmxcsr", 3, Kind::Stmxcsr));
        self.add(m("clflush", 7, Kind::Clflush));
        for (name, ext) in [("lfence", 5), ("mfence", 6), ("sfence", 7)] {
            self.add(Form {
                rm: Rm::Reg,
                ..m(name, ext, Kind::Fence)
            });
        }
    }

    /// Instructions that end in #GP in user mode, and far branches, which need descriptor tables
    /// that nothing here can set up.
    fn system(&mut self) {
        let p = |map, opcode| row("privileged", map, opcode, Kind::Privileged);
        for opcode in [
            0x6c, 0x6d, 0x6e, 0x6f, 0xca, 0xcb, 0xcf, 0xec, 0xed, 0xee, 0xef, 0xf4, 0xfa, 0xfb,
            0xf1,
        ] {
            self.add(p(0, opcode));
        }
        for opcode in [0xcd, 0xe4, 0xe5, 0xe6, 0xe7] {
            self.add(Form {
                imm: Imm::Ib,
                ..p(0, opcode)
            });
        }
        self.add(Form {
            rm: Rm::Any,
            ..p(0, 0x8e)
        });
        for ext in [3, 5] {
            self.add(Form {
                rm: Rm::Mem,
                ext: Some(ext),
                ..p(0, 0xff)
            });
        }
        for opcode in [0x06, 0x07, 0x08, 0x09, 0x30, 0x32, 0x33, 0xa1, 0xa9] {
            self.add(p(1, opcode));
        }
        for opcode in [0x20, 0x21, 0x22, 0x23] {
            self.add(Form {
                rm: Rm::Always,
                ..p(1, opcode)
            });
        }
        for ext in [0, 1, 2, 3, 4, 6, 7] {
            self.add(Form {
                rm: Rm::Mem,
                ext: Some(ext),
                ..p(1, 0x01)
            });
        }
        for ext in 0..6 {
            self.add(Form {
                rm: Rm::Any,
                ext: Some(ext),
                ..p(1, 0x00)
            });
        }
    }
}

//! Branches, calls, string instructions, flags, and the groups that ModRM extends.

use super::{Args, Builder, Form, Imm, Kind, Rm, Size, row};

impl Builder {
    pub(super) fn control(&mut self) {
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

    pub(super) fn groups(&mut self) {
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
}

//! Moves, the stack, exchanges and conversions of width.

use super::{Args, Builder, Form, Imm, Kind, Rm, Size, StrOp, row};

impl Builder {
    pub(super) fn moves(&mut self) {
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
}

//! Arithmetic, logic and shifts.

use super::{AluOp, Args, Builder, Form, Imm, Kind, Rm, ShiftOp, Size, row};

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
    pub(super) fn arithmetic(&mut self) {
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
}

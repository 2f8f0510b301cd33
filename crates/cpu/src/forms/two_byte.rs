//! Opcodes after 0x0f, and what only a kernel may do.

use super::{Args, BitOp, Builder, Form, Imm, Kind, Prefix, Rm, Size, row};

impl Builder {
    pub(super) fn two_byte(&mut self) {
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
    pub(super) fn system(&mut self) {
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

//! Arithmetic, logic, shifts and multiplication.

use super::families::alu_family;
use super::flag_use::shift_count;
use super::{Lower, RAX, high, log};
use crate::forms::{AluOp, Args, ShiftOp};
use crate::inst::Inst;
use crate::op::{Code, Op, T2, T3, ZERO};
use crate::state::reg;

impl Lower<'_> {
    pub(super) fn alu(&mut self, inst: &Inst, op: AluOp) {
        let size = inst.size;
        let family = alu_family(op, size);
        match (inst.form.args, inst.mem, family) {
            (Args::EG, Some(m), Some(f)) if !high(inst, inst.reg, size) => {
                let addr = self.addr(&m);
                self.op(addr.set(Op {
                    a: inst.reg,
                    ..Op::new(f.mr)
                }));
            }
            (Args::GE, Some(m), Some(f)) if !high(inst, inst.reg, size) => {
                let addr = self.addr(&m);
                let code = if self.dead { f.rmn } else { f.rm };
                self.op(addr.set(Op {
                    a: inst.reg,
                    ..Op::new(code)
                }));
            }
            (Args::EI, Some(m), Some(f)) => {
                let addr = self.addr(&m);
                self.op(addr.set(Op {
                    imm: inst.imm as i32,
                    ..Op::new(f.mi)
                }));
            }
            (Args::EI | Args::AI, None, Some(f)) if !self.alu_high(inst) => {
                let a = if inst.form.args == Args::AI {
                    RAX
                } else {
                    inst.rm
                };
                let code = if self.dead { f.rin } else { f.ri };
                self.op(Op {
                    a,
                    imm: inst.imm as i32,
                    ..Op::new(code)
                });
            }
            (Args::EG | Args::GE, None, Some(f)) if !self.alu_high(inst) => {
                let (mut a, mut b) = (inst.rm, inst.reg);
                if inst.form.args == Args::GE {
                    std::mem::swap(&mut a, &mut b);
                }
                self.ab(if self.dead { f.rrn } else { f.rr }, a, b);
            }
            _ => self.alu_general(inst, op),
        }
    }

    pub(super) fn alu_high(&self, inst: &Inst) -> bool {
        match inst.form.args {
            Args::AI => false,
            Args::EI => high(inst, inst.rm, inst.size),
            _ => high(inst, inst.rm, inst.size) || high(inst, inst.reg, inst.size),
        }
    }

    pub(super) fn alu_general(&mut self, inst: &Inst, op: AluOp) {
        let (size, c, d) = (inst.size, op as u8, log(inst.size));
        let imm = inst.imm as i32;
        match inst.form.args {
            Args::AI => self.op(Op {
                a: RAX,
                c,
                d,
                imm,
                ..Op::new(Code::AluGI)
            }),
            Args::EI if op == AluOp::Cmp => {
                let a = self.source(inst, size);
                self.op(Op {
                    a,
                    c,
                    d,
                    imm,
                    ..Op::new(Code::AluGI)
                });
            }
            Args::EI => self.modify(inst, |l, a| {
                l.op(Op {
                    a,
                    c,
                    d,
                    imm,
                    ..Op::new(Code::AluGI)
                })
            }),
            Args::GE => {
                let b = self.source(inst, size);
                let a = self.read(inst, inst.reg, size, T2);
                self.abcd(Code::AluG, a, b, c, d);
                if op != AluOp::Cmp && a == T2 {
                    self.write(inst, inst.reg, size, T2);
                }
            }
            _ if op == AluOp::Cmp => {
                let a = self.source(inst, size);
                let b = self.read(inst, inst.reg, size, T2);
                self.abcd(Code::AluG, a, b, c, d);
            }
            _ => {
                let b = self.read(inst, inst.reg, size, T2);
                self.modify(inst, |l, a| l.abcd(Code::AluG, a, b, c, d));
            }
        }
    }

    pub(super) fn test(&mut self, inst: &Inst) {
        use Code::*;
        let (size, d) = (inst.size, log(inst.size));
        let imm = inst.imm as i32;
        let hot = size != 2;
        let pick = |codes: [Code; 3]| match size {
            1 => codes[0],
            8 => codes[2],
            _ => codes[1],
        };
        match (inst.form.args, inst.mem) {
            (Args::EG, Some(m)) if hot && !high(inst, inst.reg, size) => {
                let addr = self.addr(&m);
                let code = pick([Test8MR, Test32MR, Test64MR]);
                self.op(addr.set(Op {
                    a: inst.reg,
                    ..Op::new(code)
                }));
            }
            (Args::EI, Some(m)) if hot => {
                let addr = self.addr(&m);
                self.op(addr.set(Op {
                    imm,
                    ..Op::new(pick([Test8MI, Test32MI, Test64MI]))
                }));
            }
            (Args::EG, _) => {
                let a = self.source(inst, size);
                let b = self.read(inst, inst.reg, size, T2);
                let code = if hot {
                    pick([Test8RR, Test32RR, Test64RR])
                } else {
                    TestG
                };
                self.abcd(code, a, b, 0, d);
            }
            (args, _) => {
                let a = if args == Args::AI {
                    RAX
                } else {
                    self.source(inst, size)
                };
                let code = if hot {
                    pick([Test8RI, Test32RI, Test64RI])
                } else {
                    TestGI
                };
                self.op(Op {
                    a,
                    imm,
                    d,
                    ..Op::new(code)
                });
            }
        }
    }

    pub(super) fn unary(&mut self, inst: &Inst, c: u8) {
        use Code::*;
        let (size, dead) = (inst.size, self.dead);
        let d = log(size);
        let wide = size == 8;
        let one = |a, code| Op {
            a,
            imm: 1,
            ..Op::new(code)
        };
        self.modify(inst, |l, a| match (c, size, dead) {
            (0, 4 | 8, _) => l.ab(if wide { Not64 } else { Not32 }, a, 0),
            (1, 4 | 8, _) => l.ab(if wide { Neg64 } else { Neg32 }, a, 0),
            (2, 4 | 8, true) => l.op(one(a, if wide { Add64RIn } else { Add32RIn })),
            (3, 4 | 8, true) => l.op(one(a, if wide { Sub64RIn } else { Sub32RIn })),
            (2, 4 | 8, false) => l.ab(if wide { Inc64 } else { Inc32 }, a, 0),
            (3, 4 | 8, false) => l.ab(if wide { Dec64 } else { Dec32 }, a, 0),
            _ => l.abcd(UnG, a, 0, c, d),
        });
    }

    pub(super) fn mul_div(&mut self, inst: &Inst, c: u8) {
        let b = self.source(inst, inst.size);
        self.abcd(Code::MulDiv, 0, b, c, log(inst.size));
    }

    pub(super) fn shift(&mut self, inst: &Inst, op: ShiftOp) {
        use Code::*;
        let (size, dead) = (inst.size, self.dead);
        let d = log(size);
        let wide = usize::from(size == 8);
        let hot = size >= 4 && inst.mem.is_none();
        let c = if op == ShiftOp::Sal { ShiftOp::Shl } else { op };
        let row = match c {
            ShiftOp::Shl => Some([[Shl32I, Shl32In, Shl32Cn], [Shl64I, Shl64In, Shl64Cn]]),
            ShiftOp::Shr => Some([[Shr32I, Shr32In, Shr32Cn], [Shr64I, Shr64In, Shr64Cn]]),
            ShiftOp::Sar => Some([[Sar32I, Sar32In, Sar32Cn], [Sar64I, Sar64In, Sar64Cn]]),
            _ => None,
        };
        let count = shift_count(inst);
        if let (Some(row), true) = (row, hot) {
            let [flags, none, by_cl] = row[wide];
            match count {
                Some(0) if size == 8 => return,
                Some(0) => return self.ab(MovRR32, inst.rm, inst.rm),
                Some(n) => {
                    let code = if dead { none } else { flags };
                    return self.op(Op {
                        a: inst.rm,
                        imm: i32::from(n),
                        ..Op::new(code)
                    });
                }
                None if dead => return self.ab(by_cl, inst.rm, 0),
                None => {}
            }
        }
        if let (Some(n), true, true, ShiftOp::Rol | ShiftOp::Ror) = (count, hot, dead, op) {
            let bits = i32::from(size) * 8;
            let n = if op == ShiftOp::Rol {
                i32::from(n)
            } else {
                bits - i32::from(n)
            };
            let code = if wide == 1 { Rol64In } else { Rol32In };
            return self.op(Op {
                a: inst.rm,
                imm: n & (bits - 1),
                ..Op::new(code)
            });
        }
        let b = if count.is_some() {
            ZERO
        } else {
            reg::RCX as u8
        };
        let imm = i32::from(count.unwrap_or(0));
        self.modify(inst, |l, a| {
            l.op(Op {
                a,
                b,
                c: c as u8,
                d,
                imm,
                ..Op::new(ShiftG)
            })
        });
    }

    pub(super) fn imul(&mut self, inst: &Inst) {
        use Code::*;
        let b = self.source(inst, inst.size);
        let imm = inst.imm as i32;
        let three = inst.form.args == Args::GEI;
        let codes = match inst.size {
            8 => [[Imul64RR, Imul64RRn], [Imul64RI, Imul64RIn]],
            4 => [[Imul32RR, Imul32RRn], [Imul32RI, Imul32RIn]],
            _ => {
                let mut b = b;
                if three {
                    self.ab(MovRR64, T2, b);
                    self.op(Op {
                        a: T3,
                        imm,
                        ..Op::new(MovI32)
                    });
                    self.abcd(MulDiv, T2, T3, 4, 1);
                    b = T2;
                    return self.ab(Mov16RR, inst.reg, b);
                }
                return self.abcd(MulDiv, inst.reg, b, 4, 1);
            }
        };
        let code = codes[usize::from(three)][usize::from(self.dead)];
        self.op(Op {
            a: inst.reg,
            b,
            imm,
            ..Op::new(code)
        });
    }
}

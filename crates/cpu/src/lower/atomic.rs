//! Conditional moves, bits, exchanges.

use super::{Addr, Lower, high, load_code, log, rmw_code};
use crate::forms::{AluOp, Args, BitOp};
use crate::inst::Inst;
use crate::op::{Code, Op, T0, T1, T2, T3, ZERO};

impl Lower<'_> {
    pub(super) fn cmov(&mut self, inst: &Inst) {
        let b = self.source(inst, inst.size);
        let code = match inst.size {
            8 => Code::Cmov64,
            4 => Code::Cmov32,
            _ => Code::Cmov16,
        };
        self.abcd(code, inst.reg, b, inst.low, 0);
    }

    pub(super) fn setcc(&mut self, inst: &Inst) {
        let direct = inst.mem.is_none() && !high(inst, inst.rm, 1);
        let a = if direct { inst.rm } else { T1 };
        self.abcd(Code::Setcc, a, 0, inst.low, 0);
        match inst.mem {
            Some(m) => {
                let addr = self.addr(&m);
                self.store(1, T1, addr);
            }
            None => self.write(inst, inst.rm, 1, a),
        }
    }

    pub(super) fn bit(&mut self, inst: &Inst, op: BitOp) {
        let (c, d) = (op as u8, log(inst.size));
        let by_reg = inst.form.args == Args::EG;
        let imm = if by_reg { 0 } else { inst.imm as i32 & 0xff };
        let b = if by_reg { inst.reg } else { ZERO };
        let code = Op {
            a: T1,
            b,
            c,
            d,
            imm,
            ..Op::new(match (op, inst.size) {
                (BitOp::Bt, 4) => Code::Bt32,
                (BitOp::Bt, 8) => Code::Bt64,
                _ => Code::BitG,
            })
        };
        let Some(m) = inst.mem else {
            return self.op(Op { a: inst.rm, ..code });
        };
        let mut addr = self.addr(&m);
        if by_reg {
            self.op(addr.set(Op {
                a: T0,
                b,
                d,
                c: u8::from(m.addr32),
                ..Op::new(Code::BtAddr)
            }));
            addr = Addr::TEMP;
        }
        if op == BitOp::Bt {
            self.op(addr.set(Op {
                a: T1,
                ..Op::new(load_code(inst.size))
            }));
            return self.op(code);
        }
        self.op(addr.set(Op {
            a: T1,
            ..Op::new(rmw_code(inst.size))
        }));
        self.op(code);
        self.store(inst.size, T1, addr);
    }

    pub(super) fn double_shift(&mut self, inst: &Inst, code: Code) {
        let (d, b) = (log(inst.size), inst.reg);
        // c says whether the count is in cl.
        let c = u8::from(inst.form.args == Args::EGC);
        let imm = inst.imm as i32;
        self.modify(inst, |l, a| {
            l.op(Op {
                a,
                b,
                c,
                d,
                imm,
                ..Op::new(code)
            })
        });
    }

    pub(super) fn cmpxchg(&mut self, inst: &Inst) {
        let size = inst.size;
        let Some(m) = inst.mem else {
            let b = self.read(inst, inst.reg, size, T2);
            let a = self.read(inst, inst.rm, size, T1);
            self.abcd(Code::Cmpxchg, a, b, 0, log(size));
            if a == T1 {
                self.write(inst, inst.rm, size, T1);
            }
            return;
        };
        let addr = self.addr_now(&m);
        self.op(addr.set(Op {
            a: T1,
            ..Op::new(rmw_code(size))
        }));
        let b = self.read(inst, inst.reg, size, T2);
        self.abcd(Code::Cmpxchg, T1, b, 0, log(size));
        self.store(size, T1, addr);
    }

    pub(super) fn bit_scan(&mut self, inst: &Inst, code: Code) {
        let b = self.source(inst, inst.size);
        self.abcd(code, inst.reg, b, 0, log(inst.size));
    }

    pub(super) fn xadd(&mut self, inst: &Inst) {
        let (size, d) = (inst.size, log(inst.size));
        let add = |l: &mut Self, b| l.abcd(Code::AluG, T1, b, AluOp::Add as u8, d);
        if let Some(m) = inst.mem {
            let addr = self.addr_now(&m);
            self.op(addr.set(Op {
                a: T1,
                ..Op::new(rmw_code(size))
            }));
            self.ab(Code::MovRR64, T3, T1);
            let b = self.read(inst, inst.reg, size, T2);
            add(self, b);
            self.write(inst, inst.reg, size, T3);
            return self.store(size, T1, addr);
        }
        let a = self.read(inst, inst.rm, size, T1);
        self.ab(Code::MovRR64, T3, a);
        self.ab(Code::MovRR64, T1, a);
        let b = self.read(inst, inst.reg, size, T2);
        add(self, b);
        self.write(inst, inst.reg, size, T3);
        self.write(inst, inst.rm, size, T1);
    }

    pub(super) fn bswap(&mut self, inst: &Inst) {
        let code = match inst.size {
            8 => Code::Bswap64,
            4 => Code::Bswap32,
            // Undefined; processors clear the word.
            _ => {
                self.op(Op {
                    a: T1,
                    imm: 0,
                    ..Op::new(Code::MovI32)
                });
                return self.ab(Code::Mov16RR, inst.reg, T1);
            }
        };
        self.ab(code, inst.reg, 0);
    }
}

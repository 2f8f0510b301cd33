//! Moves, the stack, strings and branches.

use super::{Addr, Lower, RAX, RDX, by_size, high, log, move_code, rmw_code};
use crate::exec::cold::ColdOp;
use crate::forms::{Args, Kind, StrOp};
use crate::inst::{Inst, Mem, Segment};
use crate::op::{Code, FS, GS, Op, T0, T1, T2, T3, ZERO};
use crate::state::reg;

impl Lower<'_> {
    pub(super) fn mov(&mut self, inst: &Inst) {
        let size = inst.size;
        match (inst.form.args, inst.mem) {
            (Args::OI, _) => self.mov_imm(inst, inst.reg),
            (Args::EI, None) => self.mov_imm(inst, inst.rm),
            (Args::EI, Some(m)) => {
                let addr = self.addr(&m);
                let code = by_size(size, [Code::St8I, Code::St16I, Code::St32I, Code::St64I]);
                self.op(addr.set(Op {
                    imm: inst.imm as i32,
                    ..Op::new(code)
                }));
            }
            (Args::EG, Some(m)) => {
                let a = self.read(inst, inst.reg, size, T2);
                let addr = self.addr(&m);
                self.store(size, a, addr);
            }
            (Args::EG, None) => self.mov_reg(inst, inst.rm, inst.reg),
            (_, Some(m)) => {
                if high(inst, inst.reg, size) {
                    self.load(Code::Ld8z, T1, &m);
                    self.write(inst, inst.reg, size, T1);
                } else {
                    let code = by_size(size, [Code::Ld8m, Code::Ld16m, Code::Ld32, Code::Ld64]);
                    self.load(code, inst.reg, &m);
                }
            }
            (_, None) => self.mov_reg(inst, inst.reg, inst.rm),
        }
    }

    pub(super) fn mov_reg(&mut self, inst: &Inst, to: u8, from: u8) {
        let b = self.read(inst, from, inst.size, T1);
        self.write(inst, to, inst.size, b);
    }

    pub(super) fn mov_imm(&mut self, inst: &Inst, to: u8) {
        match inst.size {
            8 => self.imm64(to, inst.imm),
            4 => self.op(Op {
                a: to,
                imm: inst.imm as i32,
                ..Op::new(Code::MovI32)
            }),
            size => {
                self.op(Op {
                    a: T1,
                    imm: inst.imm as i32,
                    ..Op::new(Code::MovI32)
                });
                self.write(inst, to, size, T1);
            }
        }
    }

    pub(super) fn extend(&mut self, inst: &Inst, from: u8, signed: bool) {
        use Code::*;
        let to = inst.size;
        if from >= to {
            // movsxd without REX.W, movzx/movsx of a word to a word: plain moves.
            let b = self.source(inst, to);
            return self.ab(move_code(to), inst.reg, b);
        }
        let a = if to == 2 { T2 } else { inst.reg };
        let (load, ext) = match (from, signed, to) {
            (1, false, _) => (Ld8z, Zx8),
            (2, false, _) => (Ld16z, Zx16),
            (1, true, 8) => (Ld8s64, Sx8x64),
            (1, true, _) => (Ld8s32, Sx8x32),
            (2, true, 8) => (Ld16s64, Sx16x64),
            (2, true, _) => (Ld16s32, Sx16x32),
            _ => (Ld32s64, Sx32x64),
        };
        match inst.mem {
            Some(m) => self.load(load, a, &m),
            None => {
                let b = self.read(inst, inst.rm, from, T1);
                self.ab(ext, a, b);
            }
        }
        if to == 2 {
            self.ab(Mov16RR, inst.reg, T2);
        }
    }

    pub(super) fn lea(&mut self, inst: &Inst) {
        let Some(m) = inst.mem else { return };
        let addr = self.addr(&Mem {
            segment: Segment::None,
            ..m
        });
        let code = match inst.size {
            8 => Code::Lea64,
            4 => Code::Lea32,
            _ => {
                self.op(addr.set(Op {
                    a: T1,
                    ..Op::new(Code::Lea32)
                }));
                return self.ab(Code::Mov16RR, inst.reg, T1);
            }
        };
        self.op(addr.set(Op {
            a: inst.reg,
            ..Op::new(code)
        }));
    }

    pub(super) fn push(&mut self, inst: &Inst) {
        let a = if inst.form.args == Args::O {
            inst.reg
        } else {
            self.source(inst, inst.size)
        };
        if inst.size == 8 {
            self.ab(Code::Push, a, 0);
        } else {
            self.op(Op {
                a,
                c: ColdOp::Push16 as u8,
                ..Op::new(Code::Cold)
            });
        }
    }

    pub(super) fn pop(&mut self, inst: &Inst) {
        let to = if inst.form.args == Args::O {
            inst.reg
        } else {
            inst.rm
        };
        match inst.mem {
            Some(m) => self.cold_mem(ColdOp::PopMem, inst, &m),
            None if inst.size == 8 => self.ab(Code::Pop, to, 0),
            None => self.op(Op {
                a: to,
                c: ColdOp::Pop16 as u8,
                ..Op::new(Code::Cold)
            }),
        }
    }

    pub(super) fn xchg(&mut self, inst: &Inst) {
        let size = inst.size;
        if let Some(m) = inst.mem {
            let addr = self.addr_now(&m);
            self.op(addr.set(Op {
                a: T1,
                ..Op::new(rmw_code(size))
            }));
            let b = self.read(inst, inst.reg, size, T3);
            self.ab(Code::MovRR64, T2, b);
            self.write(inst, inst.reg, size, T1);
            return self.store(size, T2, addr);
        }
        let a = self.read(inst, inst.rm, size, T1);
        self.ab(Code::MovRR64, T3, a);
        let b = self.read(inst, inst.reg, size, T2);
        self.write(inst, inst.rm, size, b);
        self.write(inst, inst.reg, size, T3);
    }

    pub(super) fn xchg_ax(&mut self, inst: &Inst) {
        // 0x90 without REX.B is nop (also pause), not a move of eax to itself.
        if inst.reg == RAX {
            return;
        }
        self.ab(Code::MovRR64, T1, RAX);
        self.ab(move_code(inst.size), RAX, inst.reg);
        self.ab(move_code(inst.size), inst.reg, T1);
    }

    pub(super) fn cbw(&mut self, inst: &Inst) {
        match inst.size {
            8 => self.ab(Code::Sx32x64, RAX, RAX),
            4 => self.ab(Code::Sx16x32, RAX, RAX),
            _ => {
                self.ab(Code::Sx8x32, T1, RAX);
                self.ab(Code::Mov16RR, RAX, T1);
            }
        }
    }

    pub(super) fn cwd(&mut self, inst: &Inst) {
        let sar = |a, code| Op {
            a,
            imm: 63,
            ..Op::new(code)
        };
        match inst.size {
            8 => {
                self.ab(Code::MovRR64, RDX, RAX);
                self.op(sar(RDX, Code::Sar64In));
            }
            4 => {
                self.ab(Code::MovRR32, RDX, RAX);
                self.op(Op {
                    imm: 31,
                    ..sar(RDX, Code::Sar32In)
                });
            }
            _ => {
                self.ab(Code::Sx16x32, T1, RAX);
                self.op(Op {
                    imm: 16,
                    ..sar(T1, Code::Sar32In)
                });
                self.ab(Code::Mov16RR, RDX, T1);
            }
        }
    }

    pub(super) fn string(&mut self, inst: &Inst, op: StrOp) {
        let seg = match inst.segment {
            Segment::None => ZERO,
            Segment::Fs => FS,
            Segment::Gs => GS,
        };
        let (a, b, c, d) = (inst.rep, u8::from(inst.addr32), op as u8, log(inst.size));
        self.op(Op {
            a,
            b,
            c,
            d,
            base: seg,
            ..Op::new(Code::Str)
        });
    }

    pub(super) fn branch_on_count(&mut self, inst: &Inst, c: u8) {
        self.abcd(Code::Loop, 0, 0, c, u8::from(inst.addr32));
    }

    pub(super) fn indirect(&mut self, inst: &Inst, code: Code) {
        let a = self.source(inst, 8);
        self.ab(code, a, 0);
    }

    pub(super) fn xlat(&mut self, inst: &Inst) {
        self.ab(Code::Zx8, T2, RAX);
        let m = Mem {
            base: Some(reg::RBX as u8),
            index: Some(T2),
            scale: 0,
            disp: 0,
            rip: false,
            segment: inst.segment,
            addr32: inst.addr32,
        };
        self.load(Code::Ld8m, RAX, &m);
    }

    pub(super) fn moffs(&mut self, inst: &Inst) {
        self.imm64(T0, inst.imm);
        let seg = match inst.segment {
            Segment::None => ZERO,
            Segment::Fs => FS,
            Segment::Gs => GS,
        };
        let addr = Addr {
            base: T0,
            index: seg,
            disp: 0,
        };
        if inst.form.kind == Kind::StoreMoffs {
            return self.store(inst.size, RAX, addr);
        }
        let code = by_size(inst.size, [Code::Ld8m, Code::Ld16m, Code::Ld32, Code::Ld64]);
        self.op(addr.set(Op {
            a: RAX,
            ..Op::new(code)
        }));
    }

    /// The selectors that Linux gives to 64-bit programs.
    pub(super) fn mov_from_seg(&mut self, inst: &Inst) {
        let selector = match inst.reg & 7 {
            1 => 0x33,
            2 => 0x2b,
            0 | 3..=5 => 0,
            _ => return self.op(Op::new(Code::Raise)),
        };
        self.op(Op {
            a: T2,
            imm: selector,
            ..Op::new(Code::MovI32)
        });
        match inst.mem {
            Some(m) => {
                let addr = self.addr(&m);
                self.store(2, T2, addr);
            }
            None => self.ab(move_code(inst.size), inst.rm, T2),
        }
    }
}

//! Instructions to micro-operations.

use crate::exec_cold::ColdOp;
use crate::forms::{AluOp, Args, BitOp, Kind, ShiftOp, StrOp};
use crate::inst::{Inst, Mem, Segment};
use crate::op::{BLOCK, Code, FS, GS, Op, T0, T1, T2, T3, ZERO};
use crate::state::reg;

const RAX: u8 = reg::RAX as u8;
const RDX: u8 = reg::RDX as u8;
const ALL_FLAGS: u8 = 0x3f;
const F_CF: u8 = 1;
const F_PF: u8 = 2;
const F_ZF: u8 = 8;
const F_SF: u8 = 16;
const F_OF: u8 = 32;

/// Which flags an instruction needs to be true before it, and which it overwrites. Whatever can
/// fault needs all: the fault's handler sees them.
pub(crate) fn flag_use(inst: &Inst) -> (u8, u8) {
    let cc_reads = || match inst.low >> 1 {
        0 => F_OF,
        1 => F_CF,
        2 => F_ZF,
        3 => F_CF | F_ZF,
        4 => F_SF,
        5 => F_PF,
        6 => F_SF | F_OF,
        _ => F_SF | F_OF | F_ZF,
    };
    let (reads, kills) = match inst.form.kind {
        Kind::Alu(AluOp::Adc | AluOp::Sbb) => (F_CF, ALL_FLAGS),
        Kind::Alu(_) | Kind::Test | Kind::Neg | Kind::Imul => (0, ALL_FLAGS),
        Kind::Inc | Kind::Dec => (0, ALL_FLAGS & !F_CF),
        Kind::Shift(ShiftOp::Shl | ShiftOp::Sal | ShiftOp::Shr | ShiftOp::Sar)
            if shift_count(inst).is_some_and(|n| n != 0) =>
        {
            (0, ALL_FLAGS)
        }
        Kind::Shift(ShiftOp::Shl | ShiftOp::Sal | ShiftOp::Shr | ShiftOp::Sar) => (0, 0),
        Kind::Shift(ShiftOp::Rol | ShiftOp::Ror) => (0, 0),
        Kind::Mov | Kind::MovImm | Kind::Movsxd | Kind::Movzx(_) | Kind::Movsx(_) => (0, 0),
        Kind::Nop | Kind::Hint | Kind::Not | Kind::Bswap | Kind::Cbw | Kind::Cwd => (0, 0),
        Kind::Lea => return (0, 0),
        Kind::Xchg | Kind::XchgAx => (0, 0),
        Kind::Cmov | Kind::Setcc => (cc_reads(), 0),
        _ => (ALL_FLAGS, 0),
    };
    if inst.mem.is_some() {
        (ALL_FLAGS, kills)
    } else {
        (reads, kills)
    }
}

/// The masked count of a shift by an immediate.
fn shift_count(inst: &Inst) -> Option<u8> {
    let mask = if inst.size == 8 { 63 } else { 31 };
    match inst.form.args {
        Args::E1 => Some(1),
        Args::EI => Some(inst.imm as u8 & mask),
        _ => None,
    }
}

/// The address part of an [`Op`].
#[derive(Clone, Copy)]
struct Addr {
    base: u8,
    index: u8,
    disp: i32,
}

impl Addr {
    const TEMP: Addr = Addr {
        base: T0,
        index: ZERO,
        disp: 0,
    };
    fn set(self, op: Op) -> Op {
        Op {
            base: self.base,
            index: self.index,
            disp: self.disp,
            ..op
        }
    }
}

/// Appends the micro-operations of one instruction.
pub(crate) struct Lower<'a> {
    pub(crate) ops: &'a mut Vec<Op>,
    /// Where the next instruction is, relative to the block.
    pub(crate) next: i64,
    /// No one sees the flags that this instruction leaves.
    pub(crate) dead: bool,
}

/// Base-2 logarithm of the bytes of an operand.
fn log(size: u8) -> u8 {
    size.trailing_zeros() as u8
}

/// Picks by operand size.
fn by_size(size: u8, codes: [Code; 4]) -> Code {
    codes[usize::from(log(size) & 3)]
}

fn load_code(size: u8) -> Code {
    by_size(size, [Code::Ld8z, Code::Ld16z, Code::Ld32, Code::Ld64])
}

fn store_code(size: u8) -> Code {
    by_size(size, [Code::St8, Code::St16, Code::St32, Code::St64])
}

fn rmw_code(size: u8) -> Code {
    by_size(size, [Code::Rmw8, Code::Rmw16, Code::Rmw32, Code::Rmw64])
}

fn move_code(size: u8) -> Code {
    by_size(
        size,
        [Code::Mov8RR, Code::Mov16RR, Code::MovRR32, Code::MovRR64],
    )
}

/// ah, ch, dh, bh.
fn high(inst: &Inst, reg: u8, size: u8) -> bool {
    size == 1 && !inst.rex && (4..8).contains(&reg)
}

impl Lower<'_> {
    fn op(&mut self, op: Op) {
        self.ops.push(op);
    }

    fn ab(&mut self, code: Code, a: u8, b: u8) {
        self.op(Op {
            a,
            b,
            ..Op::new(code)
        });
    }

    fn abcd(&mut self, code: Code, a: u8, b: u8, c: u8, d: u8) {
        self.op(Op {
            a,
            b,
            c,
            d,
            ..Op::new(code)
        });
    }

    fn imm64(&mut self, a: u8, v: i64) {
        self.op(Op {
            a,
            disp: (v >> 32) as i32,
            imm: v as i32,
            ..Op::new(Code::MovI64)
        });
    }

    fn cold(&mut self, what: ColdOp, inst: &Inst) {
        let (a, b) = (inst.reg, inst.rm);
        self.op(Op {
            a,
            b,
            c: what as u8,
            d: inst.size,
            imm: inst.imm as i32,
            ..Op::new(Code::Cold)
        });
    }

    fn cold_mem(&mut self, what: ColdOp, inst: &Inst, m: &Mem) {
        let addr = self.addr(m);
        let (a, d) = (inst.reg, inst.size);
        self.op(addr.set(Op {
            a,
            c: what as u8,
            d,
            ..Op::new(Code::Cold)
        }));
    }

    fn addr(&mut self, m: &Mem) -> Addr {
        let seg = match m.segment {
            Segment::None => ZERO,
            Segment::Fs => FS,
            Segment::Gs => GS,
        };
        let index = m.index.map_or(ZERO, |i| i | m.scale << 5);
        let base = if m.rip { BLOCK } else { m.base.unwrap_or(ZERO) };
        let wide = if m.rip { m.disp + self.next } else { m.disp };
        if let (Ok(disp), false) = (i32::try_from(wide), m.addr32) {
            match (seg, base, index) {
                (ZERO, ..) => return Addr { base, index, disp },
                (_, ZERO, _) => {
                    return Addr {
                        base: seg,
                        index,
                        disp,
                    };
                }
                (_, _, ZERO) => {
                    return Addr {
                        base: seg,
                        index: base,
                        disp,
                    };
                }
                _ => {}
            }
        }
        let mut base = base;
        if i32::try_from(wide).is_err() {
            // Only rip-relative: the distance to the end of the block does not fit with the rest.
            self.imm64(T0, wide);
            self.op(Op {
                a: T0,
                base: T0,
                index: base,
                ..Op::new(Code::Lea64)
            });
            base = T0;
        }
        let disp = i32::try_from(wide).unwrap_or(0);
        let c = u8::from(m.addr32);
        self.op(Op {
            a: T0,
            base,
            index,
            disp,
            c,
            d: seg,
            ..Op::new(Code::LeaT)
        });
        Addr::TEMP
    }

    /// The operand's address, computed now because registers change before it is used.
    fn addr_now(&mut self, m: &Mem) -> Addr {
        let addr = self.addr(m);
        if addr.base != T0 {
            self.op(addr.set(Op {
                a: T0,
                ..Op::new(Code::Lea64)
            }));
        }
        Addr::TEMP
    }

    fn load(&mut self, code: Code, a: u8, m: &Mem) {
        let addr = self.addr(m);
        let code = match code {
            Code::Ld32 if addr.index == ZERO => Code::Ld32d,
            Code::Ld64 if addr.index == ZERO => Code::Ld64d,
            c => c,
        };
        self.op(addr.set(Op { a, ..Op::new(code) }));
    }

    fn store(&mut self, size: u8, a: u8, addr: Addr) {
        let code = match size {
            4 if addr.index == ZERO => Code::St32d,
            8 if addr.index == ZERO => Code::St64d,
            _ => store_code(size),
        };
        self.op(addr.set(Op { a, ..Op::new(code) }));
    }

    /// The slot to read register `reg` from.
    fn read(&mut self, inst: &Inst, reg: u8, size: u8, temp: u8) -> u8 {
        if !high(inst, reg, size) {
            return reg;
        }
        self.ab(Code::ExtHi, temp, reg - 4);
        temp
    }

    /// Writes slot `from` to register `reg`.
    fn write(&mut self, inst: &Inst, reg: u8, size: u8, from: u8) {
        if high(inst, reg, size) {
            self.ab(Code::InsHi, reg - 4, from);
        } else if from != reg || size == 4 {
            self.ab(move_code(size), reg, from);
        }
    }

    /// The slot with the value of `rm`, loaded to T1 if it is in memory.
    fn source(&mut self, inst: &Inst, size: u8) -> u8 {
        match inst.mem {
            Some(m) => {
                self.load(load_code(size), T1, &m);
                T1
            }
            None => self.read(inst, inst.rm, size, T1),
        }
    }

    /// Reads `rm`, lets `f` change it in the slot that it is given, and writes it back.
    fn modify(&mut self, inst: &Inst, f: impl FnOnce(&mut Self, u8)) {
        let size = inst.size;
        match inst.mem {
            Some(m) => {
                let addr = self.addr(&m);
                self.op(addr.set(Op {
                    a: T1,
                    ..Op::new(rmw_code(size))
                }));
                f(self, T1);
                self.store(size, T1, addr);
            }
            None if high(inst, inst.rm, size) => {
                self.ab(Code::ExtHi, T1, inst.rm - 4);
                f(self, T1);
                self.ab(Code::InsHi, inst.rm - 4, T1);
            }
            None => f(self, inst.rm),
        }
    }

    /// Appends `inst`.
    pub(crate) fn inst(&mut self, inst: &Inst) {
        let size = inst.size;
        match inst.form.kind {
            Kind::Alu(op) => self.alu(inst, op),
            Kind::Test => self.test(inst),
            Kind::Mov | Kind::MovImm => self.mov(inst),
            Kind::Movsxd => self.extend(inst, 4, true),
            Kind::Movzx(from) => self.extend(inst, from, false),
            Kind::Movsx(from) => self.extend(inst, from, true),
            Kind::Lea => self.lea(inst),
            Kind::Push => self.push(inst),
            Kind::PushImm if size == 8 => {
                self.op(Op {
                    imm: inst.imm as i32,
                    ..Op::new(Code::PushI)
                });
            }
            Kind::PushImm => self.cold(ColdOp::Push16Imm, inst),
            Kind::Pop => self.pop(inst),
            Kind::Xchg => self.xchg(inst),
            Kind::XchgAx => self.xchg_ax(inst),
            Kind::Nop | Kind::Hint | Kind::Fence => {}
            Kind::Cbw => self.cbw(inst),
            Kind::Cwd => self.cwd(inst),
            Kind::Pushf => self.cold(ColdOp::Pushf, inst),
            Kind::Popf => self.op(Op {
                d: size,
                ..Op::new(Code::Popf)
            }),
            Kind::Sahf => self.cold(ColdOp::Sahf, inst),
            Kind::Lahf => self.cold(ColdOp::Lahf, inst),
            Kind::Str(op) => self.string(inst, op),
            Kind::Ret => self.op(Op::new(Code::Ret)),
            Kind::RetImm => self.op(Op {
                imm: inst.imm as i32,
                ..Op::new(Code::RetI)
            }),
            Kind::Enter => self.cold(ColdOp::Enter, inst),
            Kind::Leave if size == 8 => self.op(Op::new(Code::Leave)),
            Kind::Leave => self.cold(ColdOp::Leave16, inst),
            Kind::Int3 => self.op(Op::new(Code::Int3)),
            Kind::Privileged => self.privileged(inst),
            Kind::Ud => self.op(Op::new(Code::Raise)),
            Kind::Jcc => self.op(Op {
                c: inst.low,
                ..Op::new(Code::Jcc)
            }),
            Kind::Loopne => self.branch_on_count(inst, 0),
            Kind::Loope => self.branch_on_count(inst, 1),
            Kind::Loop => self.branch_on_count(inst, 2),
            Kind::Jrcxz => self.branch_on_count(inst, 3),
            Kind::Call => self.op(Op::new(Code::Call)),
            Kind::Jmp => self.op(Op::new(Code::Jmp)),
            Kind::CallInd => self.indirect(inst, Code::CallR),
            Kind::JmpInd => self.indirect(inst, Code::JmpR),
            Kind::Clc => self.cold(ColdOp::Clc, inst),
            Kind::Stc => self.cold(ColdOp::Stc, inst),
            Kind::Cmc => self.cold(ColdOp::Cmc, inst),
            Kind::Cld => self.cold(ColdOp::Cld, inst),
            Kind::Std => self.cold(ColdOp::Std, inst),
            Kind::Not => self.unary(inst, 0),
            Kind::Neg => self.unary(inst, 1),
            Kind::Inc => self.unary(inst, 2),
            Kind::Dec => self.unary(inst, 3),
            Kind::Mul => self.mul_div(inst, 0),
            Kind::Imul1 => self.mul_div(inst, 1),
            Kind::Div => self.mul_div(inst, 2),
            Kind::Idiv => self.mul_div(inst, 3),
            Kind::Shift(op) => self.shift(inst, op),
            Kind::Imul => self.imul(inst),
            Kind::Xlat => self.xlat(inst),
            Kind::LoadMoffs | Kind::StoreMoffs => self.moffs(inst),
            Kind::MovFromSeg => self.mov_from_seg(inst),
            Kind::PushSeg => self.cold(ColdOp::PushSeg, inst),
            Kind::Syscall => self.op(Op::new(Code::Syscall)),
            Kind::Rdtsc => self.op(Op::new(Code::Rdtsc)),
            Kind::Cmov => self.cmov(inst),
            Kind::Setcc => self.setcc(inst),
            Kind::Cpuid => self.cold(ColdOp::Cpuid, inst),
            Kind::Bit(op) => self.bit(inst, op),
            Kind::Shld => self.double_shift(inst, Code::Shld),
            Kind::Shrd => self.double_shift(inst, Code::Shrd),
            Kind::Fxsave => self.mem_cold(inst, ColdOp::Fxsave),
            Kind::Fxrstor => self.mem_cold(inst, ColdOp::Fxrstor),
            Kind::Ldmxcsr => self.mem_cold(inst, ColdOp::Ldmxcsr),
            Kind::Stmxcsr => self.mem_cold(inst, ColdOp::Stmxcsr),
            Kind::Clflush => self.mem_cold(inst, ColdOp::Clflush),
            Kind::Cmpxchg16b => self.mem_cold(inst, ColdOp::Cmpxchg16b),
            Kind::Cmpxchg => self.cmpxchg(inst),
            Kind::Bsf => self.bit_scan(inst, Code::Bsf),
            Kind::Bsr => self.bit_scan(inst, Code::Bsr),
            Kind::Xadd => self.xadd(inst),
            Kind::Movnti => self.mov(inst),
            Kind::Bswap => self.bswap(inst),
            Kind::Sse(op) => self.sse(inst, op),
            Kind::X87(op) => self.x87(inst, op),
        }
    }

    fn privileged(&mut self, inst: &Inst) {
        let exists = match (inst.form.map, inst.form.opcode) {
            // Control and debug registers that there are not.
            (1, 0x20 | 0x22) => matches!(inst.reg, 0 | 2 | 3 | 4 | 8),
            (1, 0x21 | 0x23) => inst.reg < 8,
            // `int 3` is for everybody.
            (0, 0xcd) if inst.imm == 3 => return self.op(Op::new(Code::Int3)),
            _ => true,
        };
        self.op(Op {
            c: u8::from(exists),
            ..Op::new(Code::Raise)
        });
    }

    fn mem_cold(&mut self, inst: &Inst, what: ColdOp) {
        if let Some(m) = inst.mem {
            self.cold_mem(what, inst, &m);
        }
    }

    fn alu(&mut self, inst: &Inst, op: AluOp) {
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

    fn alu_high(&self, inst: &Inst) -> bool {
        match inst.form.args {
            Args::AI => false,
            Args::EI => high(inst, inst.rm, inst.size),
            _ => high(inst, inst.rm, inst.size) || high(inst, inst.reg, inst.size),
        }
    }

    fn alu_general(&mut self, inst: &Inst, op: AluOp) {
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

    fn test(&mut self, inst: &Inst) {
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

    fn mov(&mut self, inst: &Inst) {
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

    fn mov_reg(&mut self, inst: &Inst, to: u8, from: u8) {
        let b = self.read(inst, from, inst.size, T1);
        self.write(inst, to, inst.size, b);
    }

    fn mov_imm(&mut self, inst: &Inst, to: u8) {
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

    fn extend(&mut self, inst: &Inst, from: u8, signed: bool) {
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

    fn lea(&mut self, inst: &Inst) {
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

    fn push(&mut self, inst: &Inst) {
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

    fn pop(&mut self, inst: &Inst) {
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

    fn xchg(&mut self, inst: &Inst) {
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

    fn xchg_ax(&mut self, inst: &Inst) {
        // 0x90 without REX.B is nop (also pause), not a move of eax to itself.
        if inst.reg == RAX {
            return;
        }
        self.ab(Code::MovRR64, T1, RAX);
        self.ab(move_code(inst.size), RAX, inst.reg);
        self.ab(move_code(inst.size), inst.reg, T1);
    }

    fn cbw(&mut self, inst: &Inst) {
        match inst.size {
            8 => self.ab(Code::Sx32x64, RAX, RAX),
            4 => self.ab(Code::Sx16x32, RAX, RAX),
            _ => {
                self.ab(Code::Sx8x32, T1, RAX);
                self.ab(Code::Mov16RR, RAX, T1);
            }
        }
    }

    fn cwd(&mut self, inst: &Inst) {
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

    fn string(&mut self, inst: &Inst, op: StrOp) {
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

    fn branch_on_count(&mut self, inst: &Inst, c: u8) {
        self.abcd(Code::Loop, 0, 0, c, u8::from(inst.addr32));
    }

    fn indirect(&mut self, inst: &Inst, code: Code) {
        let a = self.source(inst, 8);
        self.ab(code, a, 0);
    }

    fn unary(&mut self, inst: &Inst, c: u8) {
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
            _ => l.abcd(UnG, a, 0, c, d),
        });
    }

    fn mul_div(&mut self, inst: &Inst, c: u8) {
        let b = self.source(inst, inst.size);
        self.abcd(Code::MulDiv, 0, b, c, log(inst.size));
    }

    fn shift(&mut self, inst: &Inst, op: ShiftOp) {
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

    fn imul(&mut self, inst: &Inst) {
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

    fn xlat(&mut self, inst: &Inst) {
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

    fn moffs(&mut self, inst: &Inst) {
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
    fn mov_from_seg(&mut self, inst: &Inst) {
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

    fn cmov(&mut self, inst: &Inst) {
        let b = self.source(inst, inst.size);
        let code = match inst.size {
            8 => Code::Cmov64,
            4 => Code::Cmov32,
            _ => Code::Cmov16,
        };
        self.abcd(code, inst.reg, b, inst.low, 0);
    }

    fn setcc(&mut self, inst: &Inst) {
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

    fn bit(&mut self, inst: &Inst, op: BitOp) {
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
            ..Op::new(Code::BitG)
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

    fn double_shift(&mut self, inst: &Inst, code: Code) {
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

    fn cmpxchg(&mut self, inst: &Inst) {
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

    fn bit_scan(&mut self, inst: &Inst, code: Code) {
        let b = self.source(inst, inst.size);
        self.abcd(code, inst.reg, b, 0, log(inst.size));
    }

    fn xadd(&mut self, inst: &Inst) {
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

    fn bswap(&mut self, inst: &Inst) {
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

    fn sse(&mut self, inst: &Inst, op: crate::sse::SseOp) {
        let addr = match inst.mem {
            Some(m) => self.addr(&m),
            None => Addr {
                base: ZERO,
                index: ZERO,
                disp: 0,
            },
        };
        let template = addr.set(Op {
            a: inst.reg,
            b: inst.rm,
            ..Op::new(Code::Sse)
        });
        self.op(crate::sse::lower(op, inst, template));
    }

    fn x87(&mut self, inst: &Inst, op: crate::x87::X87Op) {
        let addr = match inst.mem {
            Some(m) => self.addr(&m),
            None => Addr {
                base: ZERO,
                index: ZERO,
                disp: 0,
            },
        };
        let template = addr.set(Op {
            a: inst.reg,
            b: inst.rm,
            ..Op::new(Code::X87)
        });
        self.op(crate::x87::lower(op, inst, template));
    }
}

/// The codes of one arithmetic operation in one width.
struct Family {
    rr: Code,
    ri: Code,
    rm: Code,
    rrn: Code,
    rin: Code,
    rmn: Code,
    mr: Code,
    mi: Code,
}

fn alu_family(op: AluOp, size: u8) -> Option<Family> {
    use Code::*;
    let f = |[rr, ri, rm, rrn, rin, rmn, mr, mi]: [Code; 8]| {
        Some(Family {
            rr,
            ri,
            rm,
            rrn,
            rin,
            rmn,
            mr,
            mi,
        })
    };
    let cmp = |[rr, ri, rm, mr, mi]: [Code; 5]| f([rr, ri, rm, rr, ri, rm, mr, mi]);
    match (op, size) {
        (AluOp::Add, 4) => f([
            Add32RR, Add32RI, Add32RM, Add32RRn, Add32RIn, Add32RMn, Add32MR, Add32MI,
        ]),
        (AluOp::Add, 8) => f([
            Add64RR, Add64RI, Add64RM, Add64RRn, Add64RIn, Add64RMn, Add64MR, Add64MI,
        ]),
        (AluOp::Sub, 4) => f([
            Sub32RR, Sub32RI, Sub32RM, Sub32RRn, Sub32RIn, Sub32RMn, Sub32MR, Sub32MI,
        ]),
        (AluOp::Sub, 8) => f([
            Sub64RR, Sub64RI, Sub64RM, Sub64RRn, Sub64RIn, Sub64RMn, Sub64MR, Sub64MI,
        ]),
        (AluOp::And, 4) => f([
            And32RR, And32RI, And32RM, And32RRn, And32RIn, And32RMn, And32MR, And32MI,
        ]),
        (AluOp::And, 8) => f([
            And64RR, And64RI, And64RM, And64RRn, And64RIn, And64RMn, And64MR, And64MI,
        ]),
        (AluOp::Or, 4) => f([
            Or32RR, Or32RI, Or32RM, Or32RRn, Or32RIn, Or32RMn, Or32MR, Or32MI,
        ]),
        (AluOp::Or, 8) => f([
            Or64RR, Or64RI, Or64RM, Or64RRn, Or64RIn, Or64RMn, Or64MR, Or64MI,
        ]),
        (AluOp::Xor, 4) => f([
            Xor32RR, Xor32RI, Xor32RM, Xor32RRn, Xor32RIn, Xor32RMn, Xor32MR, Xor32MI,
        ]),
        (AluOp::Xor, 8) => f([
            Xor64RR, Xor64RI, Xor64RM, Xor64RRn, Xor64RIn, Xor64RMn, Xor64MR, Xor64MI,
        ]),
        (AluOp::Cmp, 1) => cmp([Cmp8RR, Cmp8RI, Cmp8RM, Cmp8MR, Cmp8MI]),
        (AluOp::Cmp, 4) => cmp([Cmp32RR, Cmp32RI, Cmp32RM, Cmp32MR, Cmp32MI]),
        (AluOp::Cmp, 8) => cmp([Cmp64RR, Cmp64RI, Cmp64RM, Cmp64MR, Cmp64MI]),
        _ => None,
    }
}

/// The fused form of a comparison that is followed by a conditional branch.
pub(crate) fn fuse(compare: Code) -> Option<Code> {
    use Code::*;
    Some(match compare {
        Cmp8RR => CmpJ8RR,
        Cmp8RI => CmpJ8RI,
        Cmp8RM => CmpJ8RM,
        Cmp8MR => CmpJ8MR,
        Cmp8MI => CmpJ8MI,
        Test8RR => TestJ8RR,
        Test8RI => TestJ8RI,
        Test8MI => TestJ8MI,
        Cmp32RR => CmpJ32RR,
        Cmp32RI => CmpJ32RI,
        Cmp32RM => CmpJ32RM,
        Cmp32MR => CmpJ32MR,
        Cmp32MI => CmpJ32MI,
        Test32RR => TestJ32RR,
        Test32RI => TestJ32RI,
        Test32MI => TestJ32MI,
        Cmp64RR => CmpJ64RR,
        Cmp64RI => CmpJ64RI,
        Cmp64RM => CmpJ64RM,
        Cmp64MR => CmpJ64MR,
        Cmp64MI => CmpJ64MI,
        Test64RR => TestJ64RR,
        Test64RI => TestJ64RI,
        Test64MI => TestJ64MI,
        _ => return None,
    })
}

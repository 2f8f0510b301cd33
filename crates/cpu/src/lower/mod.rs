//! Instructions to micro-operations.

mod alu;
mod atomic;
mod families;
mod flag_use;
mod moves;

pub(crate) use families::{fuse, pair};
pub(crate) use flag_use::flag_use;

use crate::exec::cold::ColdOp;
use crate::forms::Kind;
use crate::inst::{Inst, Mem, Segment};
use crate::op::{BLOCK, Code, FS, GS, Op, T0, T1, ZERO};
use crate::state::reg;

const RAX: u8 = reg::RAX as u8;
const RDX: u8 = reg::RDX as u8;

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
                ..Op::new(if inst.low >> 1 == 2 {
                    Code::JccZ
                } else {
                    Code::Jcc
                })
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

//! The table of instruction forms: what the decoder knows, and what the differential test
//! enumerates.

mod control;
mod integer;
mod moves;
mod two_byte;

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
}

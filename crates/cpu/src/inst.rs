//! A decoded instruction, before it is made into micro-operations.

use crate::forms::Form;

/// Segment whose base is added to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment {
    /// A flat one.
    None,
    /// fs
    Fs,
    /// gs
    Gs,
}

/// A memory operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mem {
    /// Base register.
    pub base: Option<u8>,
    /// Index register.
    pub index: Option<u8>,
    /// Shift of the index, 0 to 3.
    pub scale: u8,
    /// Displacement.
    pub disp: i64,
    /// Relative to the next instruction.
    pub rip: bool,
    /// Segment override.
    pub segment: Segment,
    /// Computed in 32 bits (prefix 0x67).
    pub addr32: bool,
}

/// One decoded instruction.
#[derive(Clone, Copy, Debug)]
pub struct Inst {
    /// The table's row.
    pub form: &'static Form,
    /// Bytes, prefixes included.
    pub len: u8,
    /// Bytes of the operand: 1, 2, 4 or 8.
    pub size: u8,
    /// The `reg` field of ModRM with REX.R, or the register in the opcode with REX.B.
    pub reg: u8,
    /// The `rm` field of ModRM with REX.B where it names a register.
    pub rm: u8,
    /// The memory operand, where `rm` does not name a register.
    pub mem: Option<Mem>,
    /// Immediate, sign-extended.
    pub imm: i64,
    /// Low bits of the opcode byte.
    pub low: u8,
    /// A REX prefix is there: byte registers 4 to 7 are spl, bpl, sil, dil.
    pub rex: bool,
    /// REX.W.
    pub wide: bool,
    /// `lock`.
    pub lock: bool,
    /// `rep`/`repe` (0xf3) or `repne` (0xf2), the last one given; 0 for none.
    pub rep: u8,
    /// 0x67.
    pub addr32: bool,
    /// Segment override.
    pub segment: Segment,
}

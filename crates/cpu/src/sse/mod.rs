//! SSE, SSE2 and MMX: what there is. `forms` has the table's rows, `lower` makes
//! micro-operations, `run` and `mmx` run what has no code of its own in the hot loop.

mod forms;
pub(crate) mod fp;
pub(crate) mod int;
mod lower;
mod mmx;
mod run;

pub(crate) use forms::forms;
pub use fp::{Arith, Convert};
pub use int::IntOp;
pub(crate) use lower::lower;
pub(crate) use run::run;

/// Element format of a floating-point operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
#[repr(u8)]
pub enum Lanes {
    Ps,
    Pd,
    Ss,
    Sd,
}

/// What an SSE, SSE2 or MMX instruction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum SseOp {
    /// Aligned when true.
    Load(bool),
    Store(bool),
    LoadScalar(Lanes),
    StoreScalar(Lanes),
    /// movlps, movlpd; movhlps between registers.
    LoadLow,
    /// movhps, movhpd; movlhps between registers.
    LoadHigh,
    StoreLow,
    StoreHigh,
    LoadQ,
    StoreQ,
    /// movd/movq from a general register or memory.
    FromGpr,
    ToGpr,
    Int(IntOp),
    /// Shift by an immediate.
    IntImm(IntOp),
    Pshufd,
    Pshufhw,
    Pshuflw,
    Shufps,
    Shufpd,
    Pinsrw,
    Pextrw,
    Pmovmskb,
    Movmsk(Lanes),
    Maskmovdqu,
    MmxInt(IntOp),
    MmxIntImm(IntOp),
    MmxLoad,
    MmxStore,
    MmxFromGpr,
    MmxToGpr,
    MmxPshufw,
    MmxPinsrw,
    MmxPextrw,
    MmxPmovmskb,
    MmxMaskmovq,
    Movq2dq,
    Movdq2q,
    Emms,
    Arith(Arith, Lanes),
    Compare(Lanes),
    /// comis when true, else ucomis.
    Comi(bool, Lanes),
    Convert(Convert),
}

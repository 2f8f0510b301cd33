//! Micro-operations: what blocks are made of.
//!
//! An instruction becomes one of them where its shape is common, else a short sequence with
//! temporary registers. Two rules keep faults precise: whatever can fault comes before whatever
//! changes registers or flags (a read-modify-write checks the store when it loads), and the store
//! comes last.

/// Number of register slots: a power of two, so that a masked index needs no check.
pub(crate) const SLOTS: usize = 32;
/// The address of the running block.
pub(crate) const BLOCK: u8 = 16;
/// Always zero.
pub(crate) const ZERO: u8 = 17;
/// fs base.
pub(crate) const FS: u8 = 18;
/// gs base.
pub(crate) const GS: u8 = 19;
/// Temporary for addresses.
pub(crate) const T0: u8 = 20;
/// Temporary for the memory operand.
pub(crate) const T1: u8 = 21;
/// Temporary for another operand.
pub(crate) const T2: u8 = 22;
/// One more.
pub(crate) const T3: u8 = 23;

/// One micro-operation. The address of a memory operand is
/// `slot[base] + (slot[index & 31] << (index >> 5)) + disp`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Op {
    pub(crate) code: Code,
    pub(crate) a: u8,
    pub(crate) b: u8,
    pub(crate) base: u8,
    pub(crate) index: u8,
    pub(crate) c: u8,
    pub(crate) d: u8,
    pub(crate) disp: i32,
    pub(crate) imm: i32,
}

impl Op {
    pub(crate) const fn new(code: Code) -> Op {
        Op {
            code,
            a: 0,
            b: 0,
            base: ZERO,
            index: ZERO,
            c: 0,
            d: 0,
            disp: 0,
            imm: 0,
        }
    }
}

/// What a micro-operation does. Numbers are widths in bits; R, I, M are register, immediate and
/// memory operands, destination first; `n` leaves the flags alone; `d` has no index; G is the
/// general form with the operation in `c` and the width's logarithm in `d`; J goes on to branch.
/// `2` and `x2` do the next operation too, which stays behind them for when they cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
#[rustfmt::skip]
pub(crate) enum Code {
    MovRR32, MovRR64, MovI64, MovI32, Mov8RR, Mov16RR, Lea32, Lea64, LeaT, Ld8z, Ld16z, Ld32,
    Ld64, Ld8s32, Ld8s64, Ld16s32, Ld16s64, Ld32s64, Ld8m, Ld16m, Ld32d, Ld64d, Zx8, Zx16, Sx8x32,
    Sx8x64, Sx16x32, Sx16x64, Sx32x64, St8, St16, St32, St64, St32d, St64d, St8I, St16I, St32I,
    St64I, Rmw8, Rmw16, Rmw32, Rmw64, ExtHi, InsHi, Push, PushI, Pop, Leave, Add32RR, Add32RI,
    Add32RM, Add32RRn, Add32RIn, Add32RMn, Add32MR, Add32MI, Add64RR, Add64RI, Add64RM, Add64RRn,
    Add64RIn, Add64RMn, Add64MR, Add64MI, Sub32RR, Sub32RI, Sub32RM, Sub32RRn, Sub32RIn, Sub32RMn,
    Sub32MR, Sub32MI, Sub64RR, Sub64RI, Sub64RM, Sub64RRn, Sub64RIn, Sub64RMn, Sub64MR, Sub64MI,
    And32RR, And32RI, And32RM, And32RRn, And32RIn, And32RMn, And32MR, And32MI, And64RR, And64RI,
    And64RM, And64RRn, And64RIn, And64RMn, And64MR, And64MI, Or32RR, Or32RI, Or32RM, Or32RRn,
    Or32RIn, Or32RMn, Or32MR, Or32MI, Or64RR, Or64RI, Or64RM, Or64RRn, Or64RIn, Or64RMn, Or64MR,
    Or64MI, Xor32RR, Xor32RI, Xor32RM, Xor32RRn, Xor32RIn, Xor32RMn, Xor32MR, Xor32MI, Xor64RR,
    Xor64RI, Xor64RM, Xor64RRn, Xor64RIn, Xor64RMn, Xor64MR, Xor64MI, Cmp8RR, Cmp8RI, Cmp8RM,
    Cmp8MR, Cmp8MI, Test8RR, Test8RI, Test8MR, Test8MI, Cmp32RR, Cmp32RI, Cmp32RM, Cmp32MR,
    Cmp32MI, Test32RR, Test32RI, Test32MR, Test32MI, Cmp64RR, Cmp64RI, Cmp64RM, Cmp64MR, Cmp64MI,
    Test64RR, Test64RI, Test64MR, Test64MI, AluG, AluGI, TestG, TestGI, Shl32I, Shl32In, Shl32Cn,
    Shr32I, Shr32In, Shr32Cn, Sar32I, Sar32In, Sar32Cn, Rol32In, Imul32RR, Imul32RRn, Imul32RI,
    Imul32RIn, Not32, Neg32, Bswap32, Cmov32, Shl64I, Shl64In, Shl64Cn, Shr64I, Shr64In, Shr64Cn,
    Sar64I, Sar64In, Sar64Cn, Rol64In, Imul64RR, Imul64RRn, Imul64RI, Imul64RIn, Not64, Neg64,
    Bswap64, Cmov64, Inc32, Dec32, Inc64, Dec64, Bt32, Bt64, ShiftG, UnG, MulDiv, BitG, BtAddr, Bsf, Bsr, Shld, Shrd, Cmpxchg,
    Setcc, Cmov16, Cold, Push2, Pop2, PopRet, Mov32x2, Mov64x2, Jmp, Fall, Jcc, JccZ, IncJ32, DecJ32,
    IncJ64, DecJ64, CmpJ8RR, CmpJ8RI, CmpJ8RM, CmpJ8MR, CmpJ8MI, TestJ8RR,
    TestJ8RI, TestJ8MI, CmpJ32RR, CmpJ32RI, CmpJ32RM, CmpJ32MR, CmpJ32MI, TestJ32RR, TestJ32RI,
    TestJ32MI, CmpJ64RR, CmpJ64RI, CmpJ64RM, CmpJ64MR, CmpJ64MI, TestJ64RR, TestJ64RI, TestJ64MI,
    Call, CallR, JmpR, Ret, RetI, Loop, Syscall, Int3, Raise, Str, Rdtsc, Popf, LdX, LdXa, StX,
    StXa, LdX64, LdX32, StX64, StX32, MovXX, SseRR, SseRM, Sse, X87,
}

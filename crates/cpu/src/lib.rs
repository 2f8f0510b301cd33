//! The x86-64 user-mode processor of Glassdock: paged copy-on-write memory and an interpreter.
//!
//! It implements what the architecture calls baseline x86-64 (x87, MMX, SSE, SSE2), says so in
//! `cpuid`, and is deterministic: the same registers, memory and budget give the same result on
//! every host. It knows nothing of system calls: [`Cpu::run`] returns to a kernel at each.

mod alu;
mod cache;
pub mod cpuid;
pub mod decode;
mod exec;
mod exec_cold;
mod flags;
pub mod forms;
mod frames;
mod inst;
mod lower;
mod op;
mod softfloat;
mod space;
pub mod sse;
mod sse_fp;
mod sse_int;
mod state;
mod string;
mod vm;
mod wide;
pub mod x87;
mod x87_fn;

pub use frames::{FrameId, Frames, MAX_FRAMES, OutOfFrames, PAGE_SIZE};
pub use inst::{Inst, Mem, Segment};
pub use space::{
    Access, AddressSpace, BadAddress, CStrError, Fault, FaultCause, Page, Prot, Sharing, USER_END,
};
pub use sse_fp::{Arith, Convert};
pub use sse_int::IntOp;
pub use state::{Cpu, Exit, F80, MXCSR_DEFAULT, MXCSR_MASK, Run, X87, reg, rflags};

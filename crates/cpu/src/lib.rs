//! The x86-64 user-mode processor of Glassdock: paged copy-on-write memory and an interpreter.
//!
//! It implements what the architecture calls baseline x86-64 (x87, MMX, SSE, SSE2), says so in
//! `cpuid`, and is deterministic: the same registers, memory and budget give the same result on
//! every host. It knows nothing of system calls: [`Cpu::run`] returns to a kernel at each.
//!
//! The way of an instruction: [`decode`] finds its row in the table of [`forms`]; `lower` makes
//! micro-operations (`op`) of it; `cache` keeps them as blocks, by physical address; `exec` runs
//! blocks on register slots, lazy flags (`flags`) and memory through a translation buffer (`vm`,
//! `space`, `frames`). Floating point is computed in integers (`softfloat`, `wide`).

mod accounts;
mod alu;
mod cache;
pub mod cpuid;
pub mod decode;
mod exec;
mod flags;
pub mod forms;
mod frames;
mod inst;
mod lower;
mod op;
mod softfloat;
mod space;
pub mod sse;
mod state;
mod string;
mod vm;
mod wide;
pub mod x87;

pub use accounts::{Account, AccountId};
pub use frames::{FrameId, Frames, MAX_FRAMES, OutOfFrames, PAGE_SIZE};
pub use inst::{Inst, Mem, Segment};
pub use space::{
    Access, AddressSpace, BadAddress, CStrError, Fault, FaultCause, Page, Prot, Sharing, USER_END,
};
pub use sse::{Arith, Convert, IntOp};
pub use state::{Cpu, Exit, F80, MXCSR_DEFAULT, MXCSR_MASK, Run, X87, reg, rflags};

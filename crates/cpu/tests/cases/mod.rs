//! Cases of instruction forms: random states before, what the interpreter makes of them, and what
//! may differ from the real processor.

#![allow(dead_code, reason = "each test uses its part")]

pub mod compare;
pub mod generate;
pub mod interpret;
pub mod makers;
pub mod masks;
pub mod rng;
pub mod vectors;

/// The state after a case, on either side.
pub struct Outcome {
    /// The signal that Linux sends.
    pub signal: i32,
    /// Whether a SIGSEGV is the kernel's general one rather than a page's.
    pub general: bool,
    pub gpr: [u64; 16],
    pub rip: u64,
    pub rflags: u64,
    /// As `fxsave64` lays it out.
    pub fx: [u8; 512],
    pub data: Vec<u8>,
}

//! Runs instructions on the real processor, in a traced child process. For tests only.
//!
//! The child is an ordinary `sleep` that was stopped; pages for code and data are mapped into it
//! at fixed addresses. Each case sets all registers, writes code and data, lets the child run into
//! a trap, and reads everything back. What a case consists of is there on every target, so that
//! recorded cases can be looked at elsewhere.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod child;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub use child::Oracle;

/// Where code is, and how many bytes; the pages around are not mapped.
pub const CODE: u64 = 0x1000_0000;
/// Bytes of code.
pub const CODE_LEN: usize = 4096;
/// Where data is.
pub const DATA: u64 = 0x2000_0000;
/// Bytes of data.
pub const DATA_LEN: usize = 8192;
/// The byte that fills unused code: `int3`.
pub const TRAP: u8 = 0xcc;

/// The registers of the child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registers {
    /// rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15.
    pub gpr: [u64; 16],
    /// Instruction pointer.
    pub rip: u64,
    /// RFLAGS.
    pub rflags: u64,
    /// Base of fs.
    pub fs_base: u64,
    /// Base of gs.
    pub gs_base: u64,
    /// x87, MXCSR and xmm registers as `fxsave64` lays them out.
    pub fx: [u8; 512],
}

/// Why the child stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// The signal's number.
    pub signal: i32,
    /// `si_code`.
    pub code: i32,
}

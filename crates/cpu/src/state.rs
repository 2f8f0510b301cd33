//! The registers of one processor, and why it stopped.

use crate::space::Fault;

/// Bits of RFLAGS.
pub mod rflags {
    /// Carry.
    pub const CF: u64 = 1;
    /// Even parity of the low byte.
    pub const PF: u64 = 1 << 2;
    /// Carry out of bit 3.
    pub const AF: u64 = 1 << 4;
    /// Zero.
    pub const ZF: u64 = 1 << 6;
    /// Sign.
    pub const SF: u64 = 1 << 7;
    /// Single step.
    pub const TF: u64 = 1 << 8;
    /// Interrupts enabled: always set in user mode.
    pub const IF: u64 = 1 << 9;
    /// Strings go downwards.
    pub const DF: u64 = 1 << 10;
    /// Signed overflow.
    pub const OF: u64 = 1 << 11;
    /// Nested task; has no effect in 64-bit mode.
    pub const NT: u64 = 1 << 14;
    /// Resume.
    pub const RF: u64 = 1 << 16;
    /// Alignment check.
    pub const AC: u64 = 1 << 18;
    /// `cpuid` is there: writable.
    pub const ID: u64 = 1 << 21;
    /// The six flags that arithmetic writes.
    pub const ARITH: u64 = CF | PF | AF | ZF | SF | OF;
    /// What `popf` changes in user mode (with IOPL 0).
    pub const USER: u64 = ARITH | TF | DF | NT | AC | ID;
}

/// Index of a general register in [`Cpu::gpr`].
pub mod reg {
    /// rax
    pub const RAX: usize = 0;
    /// rcx
    pub const RCX: usize = 1;
    /// rdx
    pub const RDX: usize = 2;
    /// rbx
    pub const RBX: usize = 3;
    /// rsp
    pub const RSP: usize = 4;
    /// rbp
    pub const RBP: usize = 5;
    /// rsi
    pub const RSI: usize = 6;
    /// rdi
    pub const RDI: usize = 7;
    /// r11
    pub const R11: usize = 11;
}

/// One 80-bit extended number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct F80 {
    /// Significand with its explicit integer bit.
    pub mant: u64,
    /// Sign (bit 15) and biased exponent.
    pub se: u16,
}

/// The x87 unit; its registers' significands are also the MMX registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct X87 {
    /// The physical registers R0 to R7.
    pub regs: [F80; 8],
    /// Control word.
    pub control: u16,
    /// Status word, with the top of stack in bits 11 to 13.
    pub status: u16,
    /// Bit i is set when physical register i is not empty (as in an `fxsave` image).
    pub used: u8,
    /// Opcode of the last instruction with an unmasked exception.
    pub opcode: u16,
    /// Its address.
    pub ip: u64,
    /// The address of its operand.
    pub dp: u64,
}

impl Default for X87 {
    fn default() -> Self {
        X87 {
            regs: Default::default(),
            control: 0x37f,
            status: 0,
            used: 0,
            opcode: 0,
            ip: 0,
            dp: 0,
        }
    }
}

/// MXCSR after reset: all exceptions masked, round to nearest.
pub const MXCSR_DEFAULT: u32 = 0x1f80;
/// The bits of MXCSR that exist.
pub const MXCSR_MASK: u32 = 0xffff;

/// The registers of one thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cpu {
    /// rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15.
    pub gpr: [u64; 16],
    /// Address of the next instruction.
    pub rip: u64,
    /// xmm0 to xmm15.
    pub xmm: [u128; 16],
    /// SSE control and status.
    pub mxcsr: u32,
    /// The x87 unit.
    pub x87: X87,
    /// Base of the fs segment.
    pub fs_base: u64,
    /// Base of the gs segment.
    pub gs_base: u64,
    /// What `rdtsc` counts on from: grows by one with each retired instruction.
    pub tsc: u64,
    pub(crate) flags: u64,
}

impl Default for Cpu {
    fn default() -> Self {
        Self::new()
    }
}

impl Cpu {
    /// The state in which Linux starts a program: all zero but the control registers.
    pub fn new() -> Cpu {
        Cpu {
            gpr: [0; 16],
            rip: 0,
            xmm: [0; 16],
            mxcsr: MXCSR_DEFAULT,
            x87: X87::default(),
            fs_base: 0,
            gs_base: 0,
            tsc: 0,
            flags: rflags::IF | 2,
        }
    }

    /// RFLAGS.
    pub fn rflags(&self) -> u64 {
        self.flags
    }

    /// Sets those of RFLAGS that user mode can set ([`rflags::USER`]).
    pub fn set_rflags(&mut self, flags: u64) {
        self.flags = (flags & rflags::USER) | rflags::IF | 2;
    }

    /// The 512-byte image that `fxsave64` stores; what Linux puts on a signal frame.
    pub fn fxsave(&self) -> [u8; 512] {
        let mut out = [0; 512];
        let f = &self.x87;
        out[0..2].copy_from_slice(&f.control.to_le_bytes());
        out[2..4].copy_from_slice(&f.status.to_le_bytes());
        out[4] = f.used;
        out[6..8].copy_from_slice(&f.opcode.to_le_bytes());
        out[8..16].copy_from_slice(&f.ip.to_le_bytes());
        out[16..24].copy_from_slice(&f.dp.to_le_bytes());
        out[24..28].copy_from_slice(&self.mxcsr.to_le_bytes());
        out[28..32].copy_from_slice(&MXCSR_MASK.to_le_bytes());
        let top = usize::from(f.status >> 11 & 7);
        for i in 0..8 {
            let r = f.regs[(top + i) & 7];
            let at = 32 + 16 * i;
            out[at..at + 8].copy_from_slice(&r.mant.to_le_bytes());
            out[at + 8..at + 10].copy_from_slice(&r.se.to_le_bytes());
        }
        for (i, x) in self.xmm.iter().enumerate() {
            out[160 + 16 * i..176 + 16 * i].copy_from_slice(&x.to_le_bytes());
        }
        out
    }

    /// Loads what `fxrstor64` loads. False, and nothing changed, when the image sets bits of
    /// MXCSR that do not exist.
    pub fn fxrstor(&mut self, image: &[u8; 512]) -> bool {
        fn le<const N: usize>(image: &[u8; 512], at: usize) -> [u8; N] {
            let mut b = [0; N];
            b.copy_from_slice(&image[at..at + N]);
            b
        }
        let mxcsr = u32::from_le_bytes(le(image, 24));
        if mxcsr & !MXCSR_MASK != 0 {
            return false;
        }
        self.mxcsr = mxcsr;
        let f = &mut self.x87;
        f.control = u16::from_le_bytes(le(image, 0)) & 0x1f7f | 0x40;
        f.status = u16::from_le_bytes(le(image, 2));
        crate::x87::Fpu { x: f }.update();
        f.used = image[4];
        f.opcode = u16::from_le_bytes(le(image, 6)) & 0x7ff;
        f.ip = u64::from_le_bytes(le(image, 8));
        f.dp = u64::from_le_bytes(le(image, 16));
        let top = usize::from(f.status >> 11 & 7);
        for i in 0..8 {
            let at = 32 + 16 * i;
            f.regs[(top + i) & 7] = F80 {
                mant: u64::from_le_bytes(le(image, at)),
                se: u16::from_le_bytes(le(image, at + 8)),
            };
        }
        for (i, x) in self.xmm.iter_mut().enumerate() {
            *x = u128::from_le_bytes(le(image, 160 + 16 * i));
        }
        true
    }
}

/// Why [`Cpu::run`] stopped. But for `Syscall`, `Breakpoint`, `DebugTrap` and `Budget`, `rip` is
/// at the instruction that could not be done and nothing of it was done (string instructions with
/// a `rep` prefix stop between two iterations).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// `syscall`: rip is after it, rcx and r11 are set as the processor does.
    Syscall,
    /// #PF: a page is missing or does not allow the access.
    PageFault(Fault),
    /// #UD.
    InvalidOpcode,
    /// #DE.
    DivideError,
    /// #GP (also #SS, which Linux reports alike but for SIGBUS): a non-canonical address, a
    /// misaligned 16-byte operand, a privileged instruction, reserved bits.
    GeneralProtection,
    /// #SS: a stack access at a non-canonical address.
    StackFault,
    /// `int3`: rip is after it.
    Breakpoint,
    /// #DB after an instruction that began with TF set.
    DebugTrap,
    /// #XM: the bits of MXCSR's exceptions that are raised and not masked.
    SimdException {
        /// Exception bits as in MXCSR bits 0 to 5.
        raised: u8,
    },
    /// #MF: an earlier x87 instruction left an unmasked exception.
    X87Exception {
        /// Exception bits as in the x87 status word bits 0 to 5.
        raised: u8,
    },
    /// #AC: a misaligned access with RFLAGS.AC set.
    AlignmentCheck,
    /// As many instructions were retired as allowed.
    Budget,
}

/// What [`Cpu::run`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Why it stopped.
    pub exit: Exit,
    /// How many instructions were completed. An instruction with a `rep` prefix counts once for
    /// every iteration, at least once. `syscall` and `int3` count, faulting instructions do not.
    pub retired: u64,
    /// How many of them were iterations of a `rep` prefix beyond an instruction's last one: the
    /// processor's own counters count `retired - repeats`.
    pub repeats: u64,
}

//! The interpreter's side of a case, and what may differ.

use std::fmt::Write;

use glassdock_cpu::forms::{Args, Form, Kind, ShiftOp};
use glassdock_cpu::sse::SseOp;
use glassdock_cpu::x87::{Misc, X87Op};
use glassdock_cpu::{AddressSpace, Arith, Cpu, Exit, Frames, Prot, Run, Sharing, decode, rflags};
use glassdock_cpu_oracle::{CODE, CODE_LEN, DATA, DATA_LEN, Registers, Stopped};

use crate::generate::Case;

/// Forms that are not run on the real processor, and why.
pub fn skipped(form: &Form) -> Option<&'static str> {
    Some(match form.kind {
        Kind::Syscall => "calls the host's kernel",
        Kind::Cpuid | Kind::Rdtsc => "answers are the processor's own",
        Kind::Privileged => match (form.map, form.opcode) {
            (1, 0 | 1) => "the host's kernel emulates some of them",
            (1, 0xa1 | 0xa9) | (0, 0x8e | 0xca | 0xcb | 0xcf | 0xff | 0xf1) => {
                "could load a selector that the host's kernel happens to have"
            }
            _ => return None,
        },
        _ => return None,
    })
}

/// Flags that the manual leaves undefined.
fn undefined_flags(form: &Form, case: &Case) -> u64 {
    use rflags::{AF, ARITH, CF, OF, PF, SF, ZF};
    let inst = decode::decode(&case.bytes).ok();
    let size = inst.as_ref().map_or(4, |i| i.size);
    let imm = inst.as_ref().map_or(0, |i| i.imm as u8);
    let count = match form.args {
        Args::E1 => 1,
        Args::EC | Args::EGC => case.regs.gpr[1] as u8,
        _ => imm,
    } & if size == 8 { 63 } else { 31 };
    match form.kind {
        Kind::Shift(ShiftOp::Rol | ShiftOp::Ror | ShiftOp::Rcl | ShiftOp::Rcr) if count > 1 => OF,
        Kind::Shift(ShiftOp::Rol | ShiftOp::Ror | ShiftOp::Rcl | ShiftOp::Rcr) => 0,
        Kind::Shift(_) => {
            let over = if count != 1 { OF } else { 0 };
            let carry = if count >= size * 8 { CF } else { 0 };
            if count == 0 { 0 } else { AF | over | carry }
        }
        Kind::Shld | Kind::Shrd if count > size * 8 => ARITH,
        Kind::Shld | Kind::Shrd if count > 1 => AF | OF,
        Kind::Shld | Kind::Shrd if count == 1 => AF,
        Kind::Mul | Kind::Imul1 | Kind::Imul => SF | ZF | AF | PF,
        Kind::Div | Kind::Idiv => ARITH,
        Kind::Bit(_) => OF | SF | AF | PF,
        Kind::Bsf | Kind::Bsr => CF | OF | SF | AF | PF,
        Kind::Alu(glassdock_cpu::forms::AluOp::And)
        | Kind::Alu(glassdock_cpu::forms::AluOp::Or)
        | Kind::Alu(glassdock_cpu::forms::AluOp::Xor)
        | Kind::Test => AF,
        _ => 0,
    }
}

/// Forms whose results, not only flags, differ between processors: (what, why).
fn results_differ(form: &Form, case: &Case) -> bool {
    let inst = decode::decode(&case.bytes).ok();
    let size = inst.as_ref().map_or(4, |i| i.size);
    match form.kind {
        // Words shifted by more than their width: undefined.
        Kind::Shld | Kind::Shrd => size == 2,
        // Approximations, not specified to the bit.
        Kind::Sse(SseOp::Arith(Arith::Rcp | Arith::Rsqrt, _)) => true,
        // The byte-swapped word is undefined.
        Kind::Bswap => size == 2,
        _ => false,
    }
}

/// How far the results of an x87 function may be from the real processor's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Accuracy {
    /// Not at all.
    Exact,
    /// A few units in the last place, and C1 (which way it was rounded) may differ.
    Close,
    /// Outside the range for which the manual defines it, or where argument reduction differs.
    Any,
}

/// Processors differ in the last bits of the transcendental functions.
fn accuracy(form: &Form, case: &Case) -> Accuracy {
    use Misc::{F2xm1, Fcos, Fpatan, Fptan, Fsin, Fsincos, Fyl2x, Fyl2xp1};
    let exp = half(&case.regs.fx, 40) & 0x7fff;
    match form.kind {
        Kind::X87(X87Op::Misc(op)) => match op {
            // An exact product, which some processors call inexact all the same.
            Fyl2x if wide(&case.regs.fx, 32) == 1 << 63 => Accuracy::Any,
            Fyl2x | Fpatan => Accuracy::Close,
            // Defined below 1 - sqrt(1/2).
            F2xm1 | Fyl2xp1 if exp >= 0x3ffd => Accuracy::Any,
            // Reduced by a multiple of pi/2, of which processors know more or fewer bits.
            Fsin | Fcos | Fptan | Fsincos if exp >= 0x3ffe => Accuracy::Any,
            F2xm1 | Fyl2xp1 | Fsin | Fcos | Fptan | Fsincos => Accuracy::Close,
            _ => Accuracy::Exact,
        },
        _ => Accuracy::Exact,
    }
}

/// What an instruction stores that may differ: the x87 unit's last opcode and pointers, which the
/// interpreter does not keep, and the mask of MXCSR, which says that AMD has one more bit.
/// Distances from the operand's address, first and past the last.
fn hidden(form: &Form, size: u8) -> &'static [(usize, usize)] {
    match form.kind {
        Kind::Fxsave => &[(6, 24), (28, 32)],
        Kind::X87(X87Op::Misc(Misc::Fnstenv | Misc::Fnsave)) if size == 2 => &[(6, 14)],
        Kind::X87(X87Op::Misc(Misc::Fnstenv | Misc::Fnsave)) => &[(12, 28)],
        _ => &[],
    }
}

/// The interpreter with the same memory as the traced child.
pub struct Interpreter {
    frames: Frames,
    space: AddressSpace,
    code: Vec<u8>,
    /// The child's RFLAGS.ID, which cannot be set through ptrace.
    pub id: u64,
}

pub struct Outcome {
    pub run: Run,
    pub cpu: Cpu,
    pub data: Vec<u8>,
}

impl Interpreter {
    pub fn new() -> Interpreter {
        let mut frames = Frames::new(64);
        let mut space = AddressSpace::new();
        let mut map = |from: u64, len: usize, prot: Prot| {
            for i in 0..len as u64 / 4096 {
                let frame = frames.alloc_zeroed().expect("a frame");
                space
                    .map(&mut frames, from + 4096 * i, frame, prot, Sharing::Private)
                    .expect("a page");
            }
        };
        map(CODE, CODE_LEN, Prot::all());
        map(DATA, DATA_LEN, Prot::READ | Prot::WRITE);
        Interpreter {
            frames,
            space,
            code: Vec::new(),
            id: 0,
        }
    }

    pub fn run(&mut self, case: &Case) -> Outcome {
        if self.code != case.code {
            self.space
                .write(&mut self.frames, CODE, &case.code)
                .expect("code");
            self.code = case.code.clone();
        }
        self.space
            .write(&mut self.frames, DATA, &case.data)
            .expect("data");
        let r = &case.regs;
        let mut cpu = Cpu::new();
        cpu.gpr = r.gpr;
        cpu.rip = r.rip;
        cpu.fs_base = r.fs_base;
        cpu.gs_base = r.gs_base;
        cpu.set_rflags(r.rflags | self.id);
        assert!(cpu.fxrstor(&r.fx), "a valid image");
        let run = cpu.run(&mut self.space, &mut self.frames, 200_000);
        let mut data = vec![0; DATA_LEN];
        self.space
            .read(&self.frames, DATA, &mut data)
            .expect("data");
        self.code.clear();
        Outcome { run, cpu, data }
    }
}

/// The signal that Linux makes of an exit, and its `si_code` where it tells causes apart.
fn signal(exit: Exit) -> (i32, Option<bool>) {
    match exit {
        Exit::Breakpoint | Exit::DebugTrap => (5, None),
        Exit::PageFault(_) => (11, Some(false)),
        Exit::GeneralProtection => (11, Some(true)),
        Exit::StackFault => (7, None),
        Exit::InvalidOpcode => (4, None),
        Exit::DivideError => (8, None),
        Exit::SimdException { .. } | Exit::X87Exception { .. } => (8, None),
        Exit::AlignmentCheck => (7, None),
        Exit::Syscall | Exit::Budget => (0, None),
    }
}

/// How the interpreter's result differs from the real one, if it does.
pub fn difference(
    form: &Form,
    case: &Case,
    ours: &Outcome,
    stop: Stopped,
    real: &Registers,
    real_data: &[u8],
) -> Option<String> {
    let mut out = String::new();
    let (signo, kernel) = signal(ours.run.exit);
    let same_cause = kernel.is_none_or(|k| k == (stop.code == 128));
    if signo != stop.signal || !same_cause {
        let _ = write!(
            out,
            " exit {:?} but signal {} code {};",
            ours.run.exit, stop.signal, stop.code
        );
    }
    let loose = results_differ(form, case);
    for i in 0..16 {
        if ours.cpu.gpr[i] != real.gpr[i] && !loose {
            let _ = write!(out, " r{i} {:#x} but {:#x};", ours.cpu.gpr[i], real.gpr[i]);
        }
    }
    if ours.cpu.rip != real.rip {
        let _ = write!(out, " rip {:#x} but {:#x};", ours.cpu.rip, real.rip);
    }
    // RF is the kernel's on a fault.
    let mask = !(rflags::RF | undefined_flags(form, case));
    if (ours.cpu.rflags() ^ real.rflags) & mask != 0 {
        let _ = write!(
            out,
            " flags {:#x} but {:#x};",
            ours.cpu.rflags(),
            real.rflags
        );
    }
    let fx = ours.cpu.fxsave();
    fx_difference(&mut out, &fx, &real.fx, loose, accuracy(form, case));
    let size = decode::decode(&case.bytes).map_or(4, |i| i.size);
    let at = case.target.wrapping_sub(DATA) as usize;
    let hidden = hidden(form, size);
    let differs = |&i: &usize| {
        ours.data[i] != real_data[i]
            && !hidden
                .iter()
                .any(|&(from, to)| (from..to).contains(&i.wrapping_sub(at)))
    };
    if let (Some(at), false) = ((0..DATA_LEN).find(differs), loose) {
        let end = (at + 16).min(DATA_LEN);
        let _ = write!(
            out,
            " data at {at:#x} {:02x?} but {:02x?} was {:02x?};",
            &ours.data[at..end],
            &real_data[at..end],
            &case.data[at..end]
        );
    }
    if out.is_empty() {
        return None;
    }
    let r = &case.regs;
    let _ = write!(
        out,
        "\n    bytes {:02x?}\n    before {:x?} flags {:#x}",
        case.bytes, r.gpr, r.rflags
    );
    let _ = write!(out, " fs {:#x} gs {:#x}", r.fs_base, r.gs_base);
    let _ = write!(out, "\n    fx before {}", fx_text(&r.fx));
    Some(out)
}

fn half(fx: &[u8; 512], at: usize) -> u64 {
    u64::from(u16::from_le_bytes([fx[at], fx[at + 1]]))
}

fn wide(fx: &[u8; 512], at: usize) -> u64 {
    u64::from_le_bytes(fx[at..at + 8].try_into().unwrap_or_default())
}

fn fx_text(fx: &[u8; 512]) -> String {
    let mut out = format!(
        "cw {:#x} sw {:#x} used {:#x} mxcsr {:#x}",
        half(fx, 0),
        half(fx, 2),
        fx[4],
        half(fx, 24)
    );
    for i in 0..8 {
        let at = 32 + 16 * i;
        let _ = write!(out, " st{i} {:04x}:{:016x}", half(fx, at + 8), wide(fx, at));
    }
    for i in 0..16 {
        let at = 160 + 16 * i;
        let _ = write!(out, " x{i} {:016x}:{:016x}", wide(fx, at + 8), wide(fx, at));
    }
    out
}

/// Whether two extended numbers are the same but for a few units in the last place.
fn close(ours: &[u8], real: &[u8]) -> bool {
    let value = |b: &[u8]| {
        b[..10]
            .iter()
            .rev()
            .fold(0i128, |v, &b| v << 8 | i128::from(b))
    };
    (value(ours) - value(real)).abs() <= 4
}

fn fx_difference(
    out: &mut String,
    ours: &[u8; 512],
    real: &[u8; 512],
    loose: bool,
    accuracy: Accuracy,
) {
    if accuracy == Accuracy::Any {
        return;
    }
    /// C1 of the status word.
    const C1: u64 = 0x200;
    for (name, at) in [("cw", 0), ("sw", 2), ("mxcsr", 24)] {
        let mask = if at == 2 && accuracy == Accuracy::Close {
            !C1
        } else {
            !0
        };
        if (half(ours, at) ^ half(real, at)) & mask != 0 {
            let _ = write!(
                out,
                " {name} {:#x} but {:#x};",
                half(ours, at),
                half(real, at)
            );
        }
    }
    if ours[4] != real[4] {
        let _ = write!(out, " used {:#x} but {:#x};", ours[4], real[4]);
    }
    for i in 0..8 {
        let at = 32 + 16 * i;
        let (x, y) = (&ours[at..at + 10], &real[at..at + 10]);
        if x != y && !(accuracy == Accuracy::Close && close(x, y)) {
            let _ = write!(
                out,
                " st{i} {:04x}:{:016x} but {:04x}:{:016x};",
                half(ours, at + 8),
                wide(ours, at),
                half(real, at + 8),
                wide(real, at)
            );
        }
    }
    for i in 0..16 {
        let at = 160 + 16 * i;
        if ours[at..at + 16] != real[at..at + 16] && !loose {
            let _ = write!(
                out,
                " x{i} {:016x}:{:016x} but {:016x}:{:016x};",
                wide(ours, at + 8),
                wide(ours, at),
                wide(real, at + 8),
                wide(real, at)
            );
        }
    }
}

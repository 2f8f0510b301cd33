//! The stack frame of a signal handler, as x86-64 programs and debuggers know it (`struct rt_sigframe`).

use super::*;
use crate::Kernel;
use crate::ids::Tid;
use crate::process::Exec;
use glassdock_cpu::{Cpu, reg, rflags};

/// Bytes of `struct rt_sigframe`: return address, `ucontext_t`, `siginfo_t`.
const FRAME: u64 = 8 + UCONTEXT + 128;
const UCONTEXT: u64 = 304;
/// Bytes of the `fxsave` image.
const FPSTATE: u64 = 512;
/// `UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS`.
const UC_FLAGS: u64 = 6;
/// Bytes below the stack pointer that leaf functions use.
const RED_ZONE: u64 = 128;
/// Segment selectors of user code and data.
const USER_CS: u64 = 0x33;
const USER_SS: u64 = 0x2b;

/// The last trap of a thread, as its signal frame tells it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Trap {
    pub(crate) number: u64,
    pub(crate) error: u64,
    pub(crate) cr2: u64,
}

/// Registers in the order of `struct sigcontext_64`, by index in [`Cpu::gpr`].
const ORDER: [usize; 16] = [
    8,
    9,
    10,
    11,
    12,
    13,
    14,
    15,
    reg::RDI,
    reg::RSI,
    reg::RBP,
    reg::RBX,
    reg::RDX,
    reg::RAX,
    reg::RCX,
    reg::RSP,
];

fn put(out: &mut [u8], at: usize, value: u64) {
    out[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

fn get(image: &[u8], at: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&image[at..at + 8]);
    u64::from_le_bytes(bytes)
}

fn context(cpu: &Cpu, trap: Trap, mask: SigSet, fpstate: u64, stack: &AltStack) -> Vec<u8> {
    let mut out = vec![0; UCONTEXT as usize];
    put(&mut out, 0, UC_FLAGS);
    put(&mut out, 16, stack.sp);
    put(&mut out, 24, u64::from(stack.flags));
    put(&mut out, 32, stack.size);
    for (at, register) in ORDER.iter().enumerate() {
        put(&mut out, 40 + 8 * at, cpu.gpr[*register]);
    }
    put(&mut out, 40 + 128, cpu.rip);
    put(&mut out, 40 + 136, cpu.rflags());
    put(&mut out, 40 + 144, USER_CS | USER_SS << 48);
    put(&mut out, 40 + 152, trap.error);
    put(&mut out, 40 + 160, trap.number);
    put(&mut out, 40 + 168, mask.0);
    put(&mut out, 40 + 176, trap.cr2);
    put(&mut out, 40 + 184, fpstate);
    put(&mut out, 296, mask.0);
    out
}

impl Kernel {
    /// Builds the frame and sets the registers so that the handler runs. False when the stack cannot take it.
    pub(super) fn push_frame(&mut self, tid: Tid, info: &SigInfo, action: &SigAction) -> bool {
        let trap = self.traps.get(&tid).copied().unwrap_or_default();
        let Some(thread) = self.threads.get_mut(&tid) else {
            return false;
        };
        let mask = thread.saved_mask.take().unwrap_or(thread.sigmask);
        let Exec::Elf(cpu) = &thread.exec else {
            return false;
        };
        let stack = thread.altstack;
        let mut sp = cpu.gpr[reg::RSP];
        let on_stack = stack.holds(sp);
        let mut entering = false;
        sp = sp.wrapping_sub(RED_ZONE);
        if action.flags & sa::ONSTACK != 0
            && !on_stack
            && stack.size != 0
            && stack.flags & SS_DISABLE == 0
        {
            sp = stack.sp.wrapping_add(stack.size);
            entering = true;
        }
        let fpstate = sp.wrapping_sub(FPSTATE) & !63;
        let frame = (fpstate.wrapping_sub(FRAME) & !15).wrapping_sub(8);
        let overflows = (on_stack || entering) && !stack.spans(frame);
        if action.flags & sa::RESTORER == 0 || overflows {
            return false;
        }
        let mut image = Vec::with_capacity(FRAME as usize);
        image.extend_from_slice(&action.restorer.to_le_bytes());
        image.extend_from_slice(&context(cpu, trap, mask, fpstate, &stack));
        image.extend_from_slice(&info.bytes());
        let fx = cpu.fxsave();
        if self.write_user(tid, fpstate, &fx).is_err()
            || self.write_user(tid, frame, &image).is_err()
        {
            return false;
        }
        let Some(thread) = self.threads.get_mut(&tid) else {
            return false;
        };
        if thread.altstack.flags & SS_AUTODISARM != 0 {
            thread.altstack = AltStack::default();
        }
        let Exec::Elf(cpu) = &mut thread.exec else {
            return false;
        };
        cpu.gpr[reg::RDI] = u64::from(info.signal);
        cpu.gpr[reg::RSI] = frame + 8 + UCONTEXT;
        cpu.gpr[reg::RDX] = frame + 8;
        cpu.gpr[reg::RAX] = 0;
        cpu.gpr[reg::RSP] = frame;
        cpu.rip = action.handler;
        let flags = cpu.rflags() & !(rflags::DF | rflags::TF | rflags::RF);
        cpu.set_rflags(flags);
        true
    }

    /// `rt_sigreturn`: takes the registers back from the frame. False when it cannot be read.
    pub(super) fn pop_frame(&mut self, tid: Tid) -> bool {
        let Some(Exec::Elf(cpu)) = self.threads.get(&tid).map(|thread| &thread.exec) else {
            return false;
        };
        let frame = cpu.gpr[reg::RSP].wrapping_sub(8);
        let left = cpu.gpr[reg::RSP];
        let mut image = vec![0; UCONTEXT as usize];
        if self
            .read_user(tid, frame.wrapping_add(8), &mut image)
            .is_err()
        {
            return false;
        }
        let fpstate = get(&image, 40 + 184);
        let mut fx = [0; FPSTATE as usize];
        if fpstate != 0 && self.read_user(tid, fpstate, &mut fx).is_err() {
            return false;
        }
        let Some(thread) = self.threads.get_mut(&tid) else {
            return false;
        };
        let Exec::Elf(cpu) = &mut thread.exec else {
            return false;
        };
        if fpstate != 0 && !cpu.fxrstor(&fx) {
            return false;
        }
        for (at, register) in ORDER.iter().enumerate() {
            cpu.gpr[*register] = get(&image, 40 + 8 * at);
        }
        cpu.rip = get(&image, 40 + 128);
        cpu.set_rflags(get(&image, 40 + 136));
        thread.sigmask = SigSet(get(&image, 296)).without(SigSet::UNBLOCKABLE);
        // Asked of the stack that the handler leaves: the one that it ran on cannot be changed.
        if !thread.altstack.holds(left) {
            let flags = get(&image, 24) as u32 & (SS_DISABLE | SS_AUTODISARM);
            thread.altstack = AltStack {
                sp: get(&image, 16),
                size: get(&image, 32),
                flags,
            };
        }
        self.publisher.signals(tid);
        true
    }
}

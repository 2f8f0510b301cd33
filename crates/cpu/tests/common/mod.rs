//! A small machine without a kernel.

#![allow(dead_code, reason = "each test uses its part")]

use glassdock_cpu::{
    Access, AddressSpace, Cpu, Exit, Fault, FaultCause, Frames, Prot, Run, Sharing, reg,
};

pub const CODE: u64 = 0x40_0000;
pub const DATA: u64 = 0x60_0000;
pub const STACK: u64 = 0x80_0000;

pub struct Machine {
    pub frames: Frames,
    pub space: AddressSpace,
    pub cpu: Cpu,
}

pub fn map(frames: &mut Frames, space: &mut AddressSpace, at: u64, prot: Prot) {
    let frame = frames.alloc_zeroed().expect("a frame");
    space
        .map(frames, at, frame, prot, Sharing::Private)
        .expect("a page");
}

/// A machine with `code`, one page of data and one of stack.
pub fn machine(code: &[u8]) -> Machine {
    machine_with(code, CODE, Prot::READ | Prot::EXEC)
}

pub fn machine_with(code: &[u8], at: u64, prot: Prot) -> Machine {
    let (mut frames, mut space) = (Frames::new(64), AddressSpace::new());
    for page in [CODE, CODE + 4096] {
        map(&mut frames, &mut space, page, Prot::READ | Prot::WRITE);
    }
    space.write(&mut frames, at, code).expect("code");
    space.protect(CODE..CODE + 8192, prot);
    map(&mut frames, &mut space, DATA, Prot::READ | Prot::WRITE);
    map(
        &mut frames,
        &mut space,
        STACK - 4096,
        Prot::READ | Prot::WRITE,
    );
    let mut cpu = Cpu::new();
    cpu.rip = at;
    cpu.gpr[reg::RSP] = STACK;
    Machine { frames, space, cpu }
}

impl Machine {
    pub fn run(&mut self, budget: u64) -> Run {
        self.cpu.run(&mut self.space, &mut self.frames, budget)
    }

    pub fn data(&self, at: u64) -> u64 {
        self.space.read_u64(&self.frames, at).expect("data")
    }
}

pub fn fault(addr: u64, access: Access, cause: FaultCause) -> Exit {
    Exit::PageFault(Fault {
        addr,
        access,
        cause,
    })
}

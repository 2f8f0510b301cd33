//! Any bytes as a program: decoding and running them never panics, and a budget is never exceeded.
#![no_main]

use glassdock_cpu::{AddressSpace, Cpu, Exit, Frames, Prot, Sharing};
use libfuzzer_sys::fuzz_target;

/// Where the program lies; stack and data follow on their own pages.
const CODE: u64 = 0x40_0000;
const DATA: u64 = 0x50_0000;
/// Instructions that one input may run.
const BUDGET: u64 = 2_000;
/// Times that a program is continued after an exit.
const EXITS_MAX: u32 = 64;

fuzz_target!(|bytes: &[u8]| {
    let _ = glassdock_cpu::decode::decode(bytes);
    let mut frames = Frames::new(64);
    let mut space = AddressSpace::new();
    for (at, prot) in [
        (CODE, Prot::READ | Prot::EXEC | Prot::WRITE),
        (DATA, Prot::READ | Prot::WRITE),
    ] {
        let frame = frames.alloc_zeroed().expect("64 frames are enough");
        space
            .map(&mut frames, at, frame, prot, Sharing::Private)
            .expect("both addresses are user space");
    }
    let code = &bytes[..bytes.len().min(4096)];
    space
        .write(&mut frames, CODE, code)
        .expect("the page is there");
    let mut cpu = Cpu::default();
    cpu.rip = CODE;
    cpu.gpr = [DATA + 2048; 16];
    let mut left = BUDGET;
    for _ in 0..EXITS_MAX {
        let run = cpu.run(&mut space, &mut frames, left);
        assert!(run.retired <= left, "the budget is exceeded");
        left -= run.retired;
        match run.exit {
            Exit::Syscall => cpu.gpr[0] = 0,
            Exit::Budget => break,
            // A fault: go on one byte later, so that more of the input is seen.
            _ => cpu.rip = CODE + (cpu.rip + 1) % 4096,
        }
    }
});

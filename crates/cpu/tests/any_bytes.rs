//! No bytes make the processor panic, and none make it depend on its caches.
#![cfg(not(target_arch = "wasm32"))]

use glassdock_cpu::{AddressSpace, Cpu, Exit, Frames, Prot, Sharing, decode::decode};
use proptest::prelude::*;

const CODE: u64 = 0x1_0000;

fn start(code: &[u8], seed: u64) -> (Frames, AddressSpace, Cpu) {
    let (mut frames, mut space) = (Frames::new(16), AddressSpace::new());
    for i in 0..3 {
        let frame = frames.alloc_zeroed().expect("a frame");
        space
            .map(
                &mut frames,
                CODE + 4096 * i,
                frame,
                Prot::all(),
                Sharing::Private,
            )
            .expect("page");
    }
    // Across the page boundary, so that instructions are cut.
    space
        .write(&mut frames, CODE + 4096 - 8, code)
        .expect("code");
    let mut cpu = Cpu::new();
    cpu.rip = CODE + 4096 - 8;
    // Registers near the code, so that it is read, written and jumped to.
    for (i, r) in cpu.gpr.iter_mut().enumerate() {
        *r = CODE + 4096 + (seed.rotate_left(5 * i as u32) & 0xfff);
    }
    (frames, space, cpu)
}

/// Runs on in slices of `slice` until `total` instructions or an exit that a kernel would end.
fn run(code: &[u8], seed: u64, slice: u64, total: u64) -> (Cpu, Exit, u64, Vec<u8>) {
    let (mut frames, mut space, mut cpu) = start(code, seed);
    let mut retired = 0;
    let exit = loop {
        let run = cpu.run(&mut space, &mut frames, slice.min(total - retired));
        retired += run.retired;
        if !matches!(run.exit, Exit::Budget | Exit::Syscall | Exit::Breakpoint) || retired >= total
        {
            break run.exit;
        }
    };
    let mut memory = vec![0; 3 * 4096];
    space.read(&frames, CODE, &mut memory).expect("memory");
    (cpu, exit, retired, memory)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn decoding_any_bytes_ends(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
        if let Ok(inst) = decode(&bytes) {
            prop_assert!(usize::from(inst.len) <= bytes.len().min(15));
        }
    }

    #[test]
    fn running_any_bytes_is_the_same_in_any_slices(
        bytes in prop::collection::vec(any::<u8>(), 1..200),
        seed in any::<u64>(),
        slice in 1u64..40,
    ) {
        let whole = run(&bytes, seed, 600, 600);
        let slices = run(&bytes, seed, slice, 600);
        prop_assert_eq!(whole.1, slices.1);
        prop_assert_eq!(whole.2, slices.2);
        prop_assert_eq!(whole.0, slices.0);
        prop_assert!(whole.3 == slices.3, "memory differs");
    }
}

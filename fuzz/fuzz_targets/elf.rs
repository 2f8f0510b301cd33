//! Any bytes as an executable: it is refused, killed or runs, and what the trace tells of it is what is.
#![no_main]

use glassdock_abi::types::Timespec;
use glassdock_kernel::{Config, ImportMeta, ImportNode, Kernel, Limits};
use glassdock_trace::{EventKind, World};
use libfuzzer_sys::fuzz_target;

/// Instructions that one input may run.
const BUDGET: u64 = 20_000;

fuzz_target!(|bytes: &[u8]| {
    let mut kernel = Kernel::new(Config {
        memory_frames: 4096,
        ..Config::default()
    });
    let meta = ImportMeta {
        mode: 0o755,
        uid: 0,
        gid: 0,
        mtime: Timespec { sec: 0, nsec: 0 },
    };
    kernel
        .import(b"program", &meta, ImportNode::File(bytes))
        .expect("a file");
    if kernel.boot("/program", &["program"], &[], None).is_err() {
        return;
    }
    kernel.run(Limits::jumping(BUDGET));
    let mut world = World::default();
    for (_, event) in kernel.tracer().read(0, usize::MAX) {
        if let EventKind::Delta { delta, .. } = event.kind {
            world.apply(delta).expect("a delta fits");
        }
    }
    assert_eq!(world, kernel.inspect());
});

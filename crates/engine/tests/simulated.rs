//! What clients and archives get wrong, on the simulated kernel.

mod wrong;

use expect_test::expect_file;
use glassdock_abi::types::Timespec;
use glassdock_abi::{BoxFuture, Spawn, Sys};
use glassdock_kernel::{Config, ImportMeta, ImportNode, Kernel, Limits, RunState, Task};
use std::sync::{Arc, Mutex};
use wrong::Place;

/// Where Debian's busybox-static is.
const BUSYBOX: &str = "/bin/busybox";
/// Instructions of one slice, and slices that all may take.
const SLICE: u64 = 10_000_000;
const SLICES: u32 = 5_000;

type Strings = Vec<Vec<u8>>;

fn dockerd(task: Task, argv: Strings, envp: Strings) -> BoxFuture<'static, u8> {
    Box::pin(glassdock_engine::daemon::main(task, argv, envp))
}

fn shim(task: Task, argv: Strings, envp: Strings) -> BoxFuture<'static, u8> {
    Box::pin(glassdock_runtime::shim::main(task, argv, envp))
}

fn runtime(task: Task, argv: Strings, envp: Strings) -> BoxFuture<'static, u8> {
    Box::pin(glassdock_runtime::helper::main(task, argv, envp))
}

/// A host without programs but ours.
fn machine() -> Kernel {
    let mut kernel = Kernel::new(Config::default());
    kernel.register("dockerd", dockerd);
    kernel.register("shim", shim);
    kernel.register("runtime", runtime);
    let mut import = |path: &str, mode: u32, node: ImportNode| {
        let meta = ImportMeta {
            mode,
            mtime: Timespec::from_nanos(Config::default().boot_time),
            ..ImportMeta::default()
        };
        kernel.import(path.as_bytes(), &meta, node).expect(path);
    };
    for dir in ["proc", "sys", "dev", "run", "tmp", "etc"] {
        import(dir, 0o755, ImportNode::Directory);
    }
    for name in ["dockerd", "shim", "runtime"] {
        let text = format!("#!glassdock-builtin {name}\n");
        import(name, 0o755, ImportNode::File(text.as_bytes()));
    }
    kernel.mount_system().expect("the system's mounts");
    kernel
}

async fn all(sys: Task, busybox: Vec<u8>) -> String {
    let place = Place {
        socket: "/run/s".to_owned(),
        root: "/var/data/root".to_owned(),
    };
    let args = [
        "--host",
        &place.socket,
        "--data-root",
        &place.root,
        "--shim",
        "/shim",
        "--runtime",
        "/runtime",
    ];
    let program = Spawn::new("/dockerd", "dockerd", args);
    let _daemon = sys.spawn(program).await.expect("starts");
    wrong::tell(&sys, &place, &busybox).await
}

#[test]
fn what_is_wrong_is_answered_as_moby_does_and_leaves_nothing() {
    let busybox = std::fs::read(BUSYBOX).expect("busybox, of the package busybox-static");
    let mut kernel = machine();
    let result = Arc::new(Mutex::new(None));
    let place = Arc::clone(&result);
    kernel
        .boot_with(move |task| {
            Box::pin(async move {
                let told = all(task, busybox).await;
                *place.lock().expect("nobody panics with it") = Some(told);
                0
            })
        })
        .expect("starts");
    for _ in 0..SLICES {
        match kernel.run(Limits::jumping(SLICE)) {
            RunState::Busy => {}
            RunState::Halted => break,
            RunState::Idle(_) => panic!("everybody waits for ever"),
        }
    }
    let told = result.lock().expect("nobody panics with it").take();
    expect_file!["wrong/expected.txt"].assert_eq(&told.expect("it takes too long"));
}

//! The scenarios on the simulated kernel: the same transcripts as on the real one. They need a static busybox.

mod scenarios;

use expect_test::{Expect, expect};
use glassdock_abi::flags::OpenFlags;
use glassdock_abi::types::Timespec;
use glassdock_abi::{BoxFuture, Fd, Io, PathArg, Sys};
use glassdock_kernel::{Config, ImportMeta, ImportNode, Kernel, Limits, RunState, Task};
use glassdock_runtime::io::read_file;
use scenarios::{APPLETS, Place};
use std::sync::{Arc, Mutex};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Debian's busybox-static.
const BUSYBOX: &[u8] = include_bytes!(env!("GLASSDOCK_BUSYBOX"));
/// Instructions of one slice, and slices that one scenario may take.
const SLICE: u64 = 10_000_000;
const SLICES: u32 = 2_000;
/// Times that the end of a shim is looked for, and nanoseconds between them.
const LOOKS: u32 = 200;
const PAUSE: u64 = 10_000_000;

fn shim(task: Task, argv: Vec<Vec<u8>>, envp: Vec<Vec<u8>>) -> BoxFuture<'static, u8> {
    Box::pin(glassdock_runtime::shim::main(task, argv, envp))
}

fn runtime(task: Task, argv: Vec<Vec<u8>>, envp: Vec<Vec<u8>>) -> BoxFuture<'static, u8> {
    Box::pin(glassdock_runtime::helper::main(task, argv, envp))
}

/// A host without programs but ours, and the root file system that the containers share.
fn machine() -> Kernel {
    let mut kernel = Kernel::new(Config::default());
    kernel.register("shim", shim);
    kernel.register("runtime", runtime);
    let passwd = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n";
    let mut import = |path: &str, mode: u32, node: ImportNode| {
        let meta = ImportMeta {
            mode,
            mtime: Timespec::from_nanos(Config::default().boot_time),
            ..ImportMeta::default()
        };
        kernel.import(path.as_bytes(), &meta, node).expect(path);
    };
    for dir in ["proc", "sys", "dev", "run", "tmp", "base"] {
        import(dir, 0o755, ImportNode::Directory);
    }
    for dir in ["bin", "etc", "tmp", "proc", "dev"] {
        import(&format!("base/shared/{dir}"), 0o755, ImportNode::Directory);
    }
    import("base/shared/bin/busybox", 0o755, ImportNode::File(BUSYBOX));
    for applet in APPLETS {
        let path = format!("base/shared/bin/{applet}");
        import(&path, 0o777, ImportNode::Symlink(b"busybox"));
    }
    let passwd = ImportNode::File(passwd.as_bytes());
    import("base/shared/etc/passwd", 0o644, passwd);
    for name in ["shim", "runtime"] {
        let text = format!("#!glassdock-builtin {name}\n");
        import(name, 0o755, ImportNode::File(text.as_bytes()));
    }
    kernel.mount_system().expect("the system's mounts");
    kernel
}

/// What a scenario must not leave: mounts of this namespace, and processes of our programs.
async fn traces_left(sys: &Task, place: &Place) -> (usize, usize) {
    let mounts = read_file(sys, "/proc/self/mounts", 1 << 20)
        .await
        .expect("mounts");
    let proc = sys
        .openat(Fd::CWD, "/proc".into(), OpenFlags::DIRECTORY, 0)
        .await
        .expect("proc");
    let mut processes = 0;
    loop {
        let entries = sys.getdents64(proc.fd()).await.expect("entries");
        if entries.is_empty() {
            break;
        }
        for entry in entries {
            let path = PathArg::from("/proc")
                .join(String::from_utf8_lossy(&entry.name).into_owned())
                .join("cmdline");
            let line = read_file(sys, path, 1 << 20).await.unwrap_or_default();
            processes += usize::from(String::from_utf8_lossy(&line).contains(&place.base));
        }
    }
    let mounts = String::from_utf8_lossy(&mounts);
    (mounts.matches(&place.base).count(), processes)
}

async fn scenario(sys: Task, name: &'static str) -> (String, (usize, usize)) {
    let place = Place {
        base: "/base".to_owned(),
        rootfs: "/base/shared".to_owned(),
        shim: "/shim".to_owned(),
        runtime: "/runtime".to_owned(),
    };
    let told = scenarios::run(name, sys.clone(), place.clone())
        .await
        .expect("a scenario of this name");
    // A shim that has answered its last request is still about to end.
    let mut left = traces_left(&sys, &place).await;
    for _ in 0..LOOKS {
        if left == (0, 0) {
            break;
        }
        sys.sleep(PAUSE).await;
        left = traces_left(&sys, &place).await;
    }
    (told, left)
}

fn check(name: &'static str, expected: Expect) {
    let mut kernel = machine();
    let result = Arc::new(Mutex::new(None));
    let place = Arc::clone(&result);
    kernel
        .boot_with(move |task| {
            Box::pin(async move {
                let told = scenario(task, name).await;
                *place.lock().expect("nobody panics with it") = Some(told);
                0
            })
        })
        .expect("starts");
    for _ in 0..SLICES {
        match kernel.run(Limits::jumping(SLICE)) {
            RunState::Busy => {}
            RunState::Halted => break,
            RunState::Idle(_) => panic!("{name}: everybody waits for ever"),
        }
    }
    let told = result.lock().expect("nobody panics with it").take();
    let (told, left) = told.unwrap_or_else(|| panic!("{name} takes too long"));
    expected.assert_eq(&told);
    assert_eq!(left, (0, 0), "mounts, processes");
}

macro_rules! on_this_kernel {
    ($($name:ident => $expected:expr;)*) => {
        $(#[test] fn $name() { check(stringify!($name), $expected); })*
        #[test]
        fn every_scenario_is_here() {
            assert_eq!(scenarios::NAMES, [$(stringify!($name)),*]);
        }
    };
}

include!("scenarios/expected.rs");

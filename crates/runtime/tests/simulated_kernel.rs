//! The scenarios on the simulated kernel: the same transcripts as on the real one. They need a static busybox.

mod scenarios;

use expect_test::{Expect, expect};
use glassdock_abi::flags::OpenFlags;
use glassdock_abi::{BoxFuture, Fd, Io, PathArg, Sys};
use glassdock_kernel::{Config, ImportNode, Kernel, Main, Task, testing};
use glassdock_runtime::io::read_file;
use scenarios::{APPLETS, Place};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Debian's busybox-static.
const BUSYBOX: &[u8] = include_bytes!(env!("GLASSDOCK_BUSYBOX"));
/// Slices that one scenario may take.
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
    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n";
    let dir = |path: &str| (path.to_owned(), 0o755, ImportNode::Directory);
    let shared = |name: &str| format!("base/shared/{name}");
    let mut files = vec![dir("base")];
    files.extend(["bin", "etc", "tmp", "proc", "dev"].map(|name| dir(&shared(name))));
    files.push((shared("bin/busybox"), 0o755, ImportNode::File(BUSYBOX)));
    for applet in APPLETS {
        let link = ImportNode::Symlink(b"busybox");
        files.push((shared(&format!("bin/{applet}")), 0o777, link));
    }
    files.push((shared("etc/passwd"), 0o644, ImportNode::File(PASSWD)));
    let programs: [(&str, Main); 2] = [("shim", shim), ("runtime", runtime)];
    testing::host(Config::default(), &programs, files)
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
    let told = testing::run(&mut kernel, SLICES, |task| scenario(task, name), |_| {});
    let (told, left) = told.unwrap_or_else(|why| panic!("{name}: {why}"));
    expected.assert_eq(&told);
    assert_eq!(left, (0, 0), "mounts, processes");
}

macro_rules! on_this_kernel {
    ($($name:ident => $expected:expr;)*) => {
        $(#[test] fn $name() { check(stringify!($name), $expected); })*
        #[test]
        fn every_scenario_is_here() {
            assert_eq!(scenarios::names(), [$(stringify!($name)),*]);
        }
    };
}

include!("scenarios/expected.rs");

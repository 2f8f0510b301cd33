//! The scenarios on the real kernel, through helper and shim as processes. They need root and a static busybox.

#![cfg(target_os = "linux")]

mod scenarios;

use expect_test::{Expect, expect};
use futures_util::future::{Either, select};
use glassdock_abi::Sys;
use glassdock_linux::Direct;
use scenarios::{APPLETS, Place};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// Nanoseconds that one scenario may take.
const LIMIT: u64 = 60_000_000_000;
/// Where Debian's busybox-static is.
const BUSYBOX: &str = "/bin/busybox";

/// The example `glassdock-dev`, which the test run has built beside this test.
fn helper_program() -> PathBuf {
    let test = std::env::current_exe().expect("this test's path");
    let target = test
        .parent()
        .and_then(Path::parent)
        .expect("target directory");
    target.join("examples/glassdock-dev")
}

fn can_run() -> bool {
    // The effective user owns this process's directory in /proc.
    let root = fs::metadata("/proc/self")
        .is_ok_and(|data| std::os::unix::fs::MetadataExt::uid(&data) == 0);
    root && Path::new(BUSYBOX).exists()
}

struct Dir(PathBuf);

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn place(name: &str) -> (Dir, Place) {
    let base = PathBuf::from(format!("/tmp/gd-runtime-{}-{name}", std::process::id()));
    let root = base.join("shared");
    for dir in ["bin", "etc", "tmp", "proc", "dev"] {
        fs::create_dir_all(root.join(dir)).expect("a directory");
    }
    fs::copy(BUSYBOX, root.join("bin/busybox")).expect("busybox");
    fs::set_permissions(root.join("bin/busybox"), fs::Permissions::from_mode(0o755)).expect("mode");
    for applet in APPLETS {
        symlink("busybox", root.join("bin").join(applet)).expect("a link");
    }
    let passwd = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n";
    fs::write(root.join("etc/passwd"), passwd).expect("passwd");
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let program = text(&helper_program());
    let place = Place {
        base: text(&base),
        rootfs: text(&root),
        shim: program.clone(),
        runtime: program,
    };
    (Dir(base), place)
}

/// What a scenario must not change: mounts of this namespace, processes of the helper's program, control groups.
fn traces_left(place: &Place) -> (usize, usize, usize) {
    let mounts = fs::read_to_string("/proc/self/mounts").expect("mounts");
    let processes = fs::read_dir("/proc")
        .expect("processes")
        .flatten()
        .filter(|entry| {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&place.base)
        });
    let groups = fs::read_dir("/sys/fs/cgroup")
        .into_iter()
        .flatten()
        .flatten()
        .flat_map(|hierarchy| fs::read_dir(hierarchy.path()).into_iter().flatten())
        .flatten()
        .filter(|group| format!("/{}", group.file_name().display()).starts_with(&place.groups()));
    (
        mounts.matches(&place.base).count(),
        processes.count(),
        groups.count(),
    )
}

fn check(name: &str, expected: Expect) {
    if !can_run() {
        let why = format!("nothing was tested: it needs root and {BUSYBOX}");
        assert!(std::env::var_os("CI").is_none(), "{why}");
        eprintln!("{why}");
        return;
    }
    let (_dir, place) = place(name);
    let sys = Direct::new().expect("the kernel");
    let told = sys.block_on(async {
        let scenario = Box::pin(scenarios::run(name, sys.clone(), place.clone()));
        match select(scenario, Box::pin(sys.sleep(LIMIT))).await {
            Either::Left((told, _)) => told.expect("a scenario of this name"),
            Either::Right(_) => panic!("{name} takes too long"),
        }
    });
    expected.assert_eq(&told);
    // A shim that has answered its last request is still about to end.
    for _ in 0..200 {
        if traces_left(&place) == (0, 0, 0) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(
        traces_left(&place),
        (0, 0, 0),
        "mounts, processes, control groups"
    );
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

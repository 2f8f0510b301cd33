//! The runtime on a kernel whose control groups are of version 2 alone, in an emulated machine. Needs busybox-static, qemu and a
//! kernel, which `cargo xtask test` sets up.

#![cfg(target_os = "linux")]

use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const GLASSDOCK: &str = env!("CARGO_BIN_EXE_glassdock");
const BUSYBOX: &str = "/bin/busybox";
/// What control groups do on this kernel, as on the simulated one.
const CGROUPS: &str = include_str!("../../../../tests/programs/cgroups.sh");
/// Seconds that the machine may take.
const LIMIT: &str = "280";
/// Programs of the machine, and of its containers.
const APPLETS: [&str; 21] = [
    "sh",
    "cat",
    "mount",
    "mkdir",
    "cp",
    "switch_root",
    "sed",
    "grep",
    "sleep",
    "ls",
    "poweroff",
    "echo",
    "true",
    "head",
    "cut",
    "dd",
    "mknod",
    "id",
    "rmdir",
    "stat",
    "umount",
];

/// The kernel, where set-up puts it.
fn kernel() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let cache = set("GLASSDOCK_CACHE").map(PathBuf::from).or_else(|| {
        let home = set("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(set("HOME")?).join(".cache")));
        Some(home?.join("glassdock"))
    });
    let kernel = cache?.join("linux/vmlinuz");
    kernel.exists().then_some(kernel)
}

/// Why no machine can be run here, if so.
fn missing() -> Option<&'static str> {
    let qemu = Command::new("qemu-system-x86_64").arg("--version").output();
    match () {
        () if !Path::new(BUSYBOX).exists() => Some("it needs busybox-static"),
        () if qemu.is_err() => Some("it needs qemu-system-x86"),
        () if kernel().is_none() => Some("it needs a kernel: cargo xtask setup"),
        () => None,
    }
}

/// A directory, removed at the end.
struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn programs(bin: &Path) {
    fs::create_dir_all(bin).unwrap();
    fs::copy(BUSYBOX, bin.join("busybox")).unwrap();
    for applet in APPLETS {
        std::os::unix::fs::symlink("busybox", bin.join(applet)).unwrap();
    }
}

/// The libraries of our program, at the paths where it looks for them.
fn libraries(root: &Path) {
    let told = Command::new("ldd").arg(GLASSDOCK).output().unwrap();
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let paths = told.split_whitespace().filter(|word| word.starts_with('/'));
    for path in paths {
        let place = root.join(path.trim_start_matches('/'));
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::copy(path, place).unwrap();
    }
}

fn bundle(root: &Path, name: &str, change: impl Fn(&mut Value)) {
    let dir = root.join(name);
    programs(&dir.join("rootfs/bin"));
    let spec = Command::new(GLASSDOCK)
        .args(["runtime", "spec", "-b"])
        .arg(&dir)
        .status();
    assert!(spec.unwrap().success());
    let path = dir.join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config["process"]["terminal"] = json!(false);
    config["linux"]["cgroupsPath"] = json!(format!("/mine/{name}"));
    change(&mut config);
    fs::write(path, config.to_string()).unwrap();
}

fn bundles(root: &Path) {
    let groups = json!({
        "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro", "nosuid", "noexec", "nodev"],
    });
    bundle(root, "limited", |config| {
        config["process"]["args"] = json!(["sleep", "1000"]);
        config["linux"]["cgroupsPath"] = json!("/mine/c1");
        config["linux"]["resources"] = json!({
            "memory": {"limit": 33_554_432, "swap": 33_554_432},
            "pids": {"limit": 20},
            "cpu": {"shares": 77, "quota": 50_000, "period": 100_000},
            "blockIO": {"weight": 500},
        });
        config["mounts"]
            .as_array_mut()
            .unwrap()
            .push(groups.clone());
    });
    bundle(root, "plain", |config| {
        config["process"]["args"] = json!(["sh", "-c", "id -u; cat /proc/self/cgroup; exit 3"]);
    });
    bundle(root, "v1", |config| {
        config["process"]["args"] = json!(["true"]);
        config["linux"]["resources"] = json!({"memory": {"kernelTCP": 5}});
    });
}

#[test]
fn limits_hold_where_control_groups_are_of_version_2() {
    if let Some(why) = missing() {
        assert!(
            std::env::var_os("CI").is_none(),
            "nothing was tested: {why}"
        );
        return eprintln!("nothing was tested: {why}");
    }
    let place = Place(PathBuf::from(format!("/tmp/gdu{}", std::process::id())));
    let root = place.0.join("root");
    programs(&root.join("bin"));
    libraries(&root);
    for dir in ["proc", "sys", "dev", "tmp"] {
        fs::create_dir(root.join(dir)).unwrap();
    }
    fs::copy(GLASSDOCK, root.join("bin/glassdock")).unwrap();
    fs::write(root.join("session.sh"), include_str!("session.sh")).unwrap();
    fs::write(root.join("cgroups.sh"), CGROUPS).unwrap();
    fs::write(root.join("init"), include_str!("init.sh")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(root.join("init"), mode).unwrap();
    bundles(&root);
    let archive = "find . | busybox cpio -o -H newc 2>/dev/null | gzip -1 > ../initrd";
    let made = Command::new("sh")
        .args(["-c", archive])
        .current_dir(&root)
        .status();
    assert!(made.unwrap().success());
    let output = Command::new("timeout")
        .args([
            LIMIT,
            "qemu-system-x86_64",
            "-m",
            "2048",
            "-nographic",
            "-no-reboot",
            "-cpu",
            "max",
        ])
        .args(["-nic", "none", "-append", "console=ttyS0 quiet panic=-1"])
        .arg("-kernel")
        .arg(kernel().unwrap())
        .arg("-initrd")
        .arg(place.0.join("initrd"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    let groups = between(&told, "GROUPS\n", "BEGIN\n");
    expect_test::expect_file!["../../../../tests/programs/cgroups.txt"].assert_eq(&groups);
    let session = between(&told, "BEGIN\n", "END\n");
    expect_test::expect_file!["session.txt"].assert_eq(&session);
}

/// What the machine printed between two lines, without what its kernel says in between.
fn between(told: &str, first: &str, last: &str) -> String {
    let rest = told.split_once(first).map(|(_, rest)| rest);
    let part = rest.and_then(|rest| Some(rest.split_once(last)?.0));
    let part = part.unwrap_or_else(|| panic!("the machine came to no end:\n{told}"));
    let lines = part.lines().filter(|line| !line.starts_with('['));
    lines.map(|line| format!("{line}\n")).collect()
}

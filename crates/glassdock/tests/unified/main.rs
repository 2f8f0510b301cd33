//! The runtime on a kernel whose control groups are of version 2 alone, in an emulated machine. Needs busybox-static, qemu and a
//! kernel, which `cargo xtask test` sets up.

#![cfg(target_os = "linux")]

use glassdock_tests::emulated::{self, Machine, programs};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const GLASSDOCK: &str = env!("CARGO_BIN_EXE_glassdock");
/// What control groups do on this kernel, as on the simulated one.
const CGROUPS: &str = include_str!("../../../../tests/programs/cgroups.sh");
/// Seconds that the machine may take.
const LIMIT: u32 = 280;
/// What it runs: what the first script prints goes through a file, as the kernel speaks in between.
const SCRIPT: &str = "sh /cgroups.sh >/run/told 2>&1; cat /run/told; echo SESSION; . /session.sh";

fn bundle(root: &Path, name: &str, change: impl Fn(&mut Value)) {
    let dir = root.join(name);
    programs(&dir.join("rootfs/bin")).unwrap();
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
    if let Err(why) = emulated::possible() {
        assert!(
            std::env::var_os("CI").is_none(),
            "nothing was tested: {why}"
        );
        return eprintln!("nothing was tested: {why}");
    }
    let place = PathBuf::from(format!("/tmp/gdu{}", std::process::id()));
    let machine = Machine::new(place).unwrap();
    machine.add(Path::new(GLASSDOCK), "glassdock").unwrap();
    let root = machine.root();
    fs::write(root.join("session.sh"), include_str!("session.sh")).unwrap();
    fs::write(root.join("cgroups.sh"), CGROUPS).unwrap();
    bundles(&root);
    let told = machine.run(SCRIPT, LIMIT).unwrap();
    let (groups, session) = told.split_once("SESSION\n").unwrap();
    expect_test::expect_file!["../../../../tests/programs/cgroups.txt"].assert_eq(groups);
    expect_test::expect_file!["session.txt"].assert_eq(session);
}

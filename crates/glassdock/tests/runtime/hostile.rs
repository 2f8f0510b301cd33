//! Specifications that cannot be meant well: each is refused with a reason, and nothing of it is left.

use super::{GLASSDOCK, Place, possible, text};
use serde_json::{Value, json};
use std::fmt::Write;
use std::fs;

/// A user namespace with these maps, for users and for groups.
fn with_users(map: Value) -> Value {
    json!({
        "namespaces": [{"type": "mount"}, {"type": "pid"}, {"type": "user"}],
        "uidMappings": map.clone(),
        "gidMappings": map,
    })
}

/// The specifications, each as a change of one that works.
fn specs() -> Vec<(&'static str, &'static str, Value)> {
    let mount = json!({"destination": "/tmp", "type": "tmpfs", "source": "t"});
    let long = "x".repeat(200_000);
    let path = std::iter::once("PATH=/bin".to_owned());
    let variables: Vec<String> = path
        .chain((0..40_000).map(|number| format!("V{number}={}", "x".repeat(90))))
        .collect();
    vec![
        ("many-mounts", "/mounts", json!(vec![mount.clone(); 20_000])),
        (
            "mount-over-the-root",
            "/mounts/0/destination",
            json!("/x/../.."),
        ),
        (
            "mount-onto-itself",
            "/mounts/-",
            json!({"destination": "/x", "type": "bind", "source": "nosuch", "options": ["rbind"]}),
        ),
        (
            "mount-of-nothing-known",
            "/mounts/-",
            json!({"destination": "/x", "type": "nosuchfs", "source": "x"}),
        ),
        ("mount-option", "/mounts/0/options", json!(["size=x\u{0}"])),
        (
            "deep-path",
            "/mounts/0/destination",
            json!("/x".repeat(3_000)),
        ),
        (
            "long-name",
            "/mounts/0/destination",
            json!(format!("/{}", "x".repeat(300))),
        ),
        ("long-argument", "/process/args/0", json!(long)),
        (
            "long-variable",
            "/process/env/-",
            json!(format!("A={long}")),
        ),
        ("many-variables", "/process/env", json!(variables)),
        ("no-arguments", "/process/args", json!([])),
        ("nul-in-an-argument", "/process/args/0", json!("a\u{0}b")),
        ("directory-not-absolute", "/process/cwd", json!("x")),
        ("directory-is-a-file", "/process/cwd", json!("/bin/busybox")),
        (
            "user-that-is-none",
            "/process/user/uid",
            json!(4_294_967_295_u32),
        ),
        (
            "user-too-large",
            "/process/user/uid",
            json!(4_294_967_296_u64),
        ),
        ("user-below-none", "/process/user/uid", json!(-1)),
        (
            "capability",
            "/process/capabilities/bounding",
            json!(["CAP_EVERYTHING"]),
        ),
        (
            "limit-of-nothing-known",
            "/process/rlimits/0/type",
            json!("RLIMIT_LUCK"),
        ),
        (
            "limit-above-the-highest",
            "/process/rlimits/0/soft",
            json!(4_096),
        ),
        (
            "limit-twice",
            "/process/rlimits/-",
            json!({"type": "RLIMIT_NOFILE", "hard": 9, "soft": 9}),
        ),
        ("long-hostname", "/hostname", json!("x".repeat(65))),
        ("no-root", "/root/path", json!("nosuch")),
        ("root-is-a-file", "/root/path", json!("config.json")),
        ("root-is-the-hosts", "/root/path", json!("/")),
        ("no-namespaces", "/linux/namespaces", json!([])),
        (
            "namespace-of-nothing-known",
            "/linux/namespaces/0/type",
            json!("luck"),
        ),
        (
            "namespace-twice",
            "/linux/namespaces/-",
            json!({"type": "pid"}),
        ),
        (
            "namespace-of-another-kind",
            "/linux/namespaces/1/path",
            json!("/proc/self/ns/uts"),
        ),
        (
            "namespace-that-is-a-file",
            "/linux/namespaces/1/path",
            json!("/etc/passwd"),
        ),
        (
            "groups-path-upwards",
            "/linux/cgroupsPath",
            json!("/../../up"),
        ),
        (
            "limit-of-memory",
            "/linux/resources",
            json!({"memory": {"limit": -5}}),
        ),
        (
            "limit-of-one-byte",
            "/linux/resources",
            json!({"memory": {"limit": 1}}),
        ),
        (
            "device",
            "/linux/devices",
            json!([{"path": "/dev/x", "type": "z", "major": 1, "minor": 3}]),
        ),
        (
            "device-number",
            "/linux/devices",
            json!([{"path": "/dev/x", "type": "c", "major": -1, "minor": 3}]),
        ),
        ("mask-not-absolute", "/linux/maskedPaths", json!(["x"])),
        ("mask-of-the-root", "/linux/maskedPaths", json!(["/"])),
        (
            "parameter-of-the-host",
            "/linux/sysctl",
            json!({"kernel.core_pattern": "|/x"}),
        ),
        (
            "parameter-upwards",
            "/linux/sysctl",
            json!({"net/../kernel/core_pattern": "|/x"}),
        ),
        (
            "filter",
            "/linux/seccomp",
            json!({"defaultAction": "SCMP_ACT_LUCK"}),
        ),
        (
            "users-without-maps",
            "/linux/namespaces/-",
            json!({"type": "user"}),
        ),
        (
            "users-of-somebody",
            "/linux/namespaces/-",
            json!({"type": "user", "path": "/proc/self/ns/user"}),
        ),
        (
            "clocks-without-a-namespace",
            "/linux/timeOffsets",
            json!({"monotonic": {"secs": 1}}),
        ),
        (
            "maps-that-overlap",
            "/linux",
            with_users(json!([
                {"containerID": 0, "hostID": 100_000, "size": 10},
                {"containerID": 5, "hostID": 200_000, "size": 1},
            ])),
        ),
        (
            "maps-without-root",
            "/linux",
            with_users(json!([{"containerID": 1, "hostID": 100_000, "size": 10}])),
        ),
        (
            "clock-before-the-boot",
            "/linux",
            json!({
                "namespaces": [{"type": "mount"}, {"type": "uts"}, {"type": "time"}],
                "timeOffsets": {"monotonic": {"secs": -1_000_000_000_i64}},
            }),
        ),
        (
            "clock-of-the-wall",
            "/linux",
            json!({
                "namespaces": [{"type": "mount"}, {"type": "time"}],
                "timeOffsets": {"realtime": {"secs": 1}},
            }),
        ),
        (
            "maps-without-a-namespace",
            "/linux/uidMappings",
            json!([{"containerID": 0, "hostID": 0, "size": 1}]),
        ),
        ("another-system", "/ociVersion", json!("9.0.0")),
    ]
}

fn shortened(line: &str) -> String {
    let mut line = line.to_owned();
    for letter in ["x", "/x"] {
        line = line.replace(&letter.repeat(50), "…");
    }
    while line.contains("……") {
        line = line.replace("……", "…");
    }
    line
}

fn refused(place: &Place, name: &str, told: &mut String) {
    let output = place.shell(&format!("$R run -b {name} c1"));
    let _ = writeln!(told, "{name}: {}", output.status.code().unwrap_or(-1));
    for line in text(&output.stdout).lines() {
        let _ = writeln!(told, "  {line}");
    }
    for line in text(&output.stderr).lines() {
        let (_, message) = line.split_once("level=").unwrap_or(("", line));
        let _ = writeln!(told, "  {}", shortened(message));
    }
    assert_eq!(place.left(), [""; 0], "{name}");
    let group = format!("{}-{name}", place.dir.file_name().unwrap().display());
    let groups = place.shell(&format!("find /sys/fs/cgroup -name {group}"));
    assert_eq!(text(&groups.stdout), "", "{name}");
}

#[test]
fn a_hostile_specification_is_refused_and_leaves_nothing() {
    if !possible() {
        return;
    }
    let place = Place::new(&format!("{GLASSDOCK} runtime"));
    let mut told = String::new();
    for (name, at, value) in specs() {
        place.bundle(name, &[(at, value)]);
        refused(&place, name, &mut told);
    }
    let texts = [
        ("empty", String::new()),
        ("half", r#"{"ociVersion": "1.2.0", "process": {"#.to_owned()),
        ("list", "[]".to_owned()),
        ("nested", "[".repeat(100_000)),
    ];
    for (name, json) in texts {
        place.bundle(name, &[]);
        fs::write(place.dir.join(name).join("config.json"), json).unwrap();
        refused(&place, name, &mut told);
    }
    let dir = format!("{}/", place.dir.display());
    let name = place.dir.file_name().unwrap().to_str().unwrap();
    let told = told.replace(&dir, "<DIR>/").replace(name, "<G>");
    expect_test::expect_file!["hostile.txt"].assert_eq(&told);
}

//! Ways out of a container that worked with other runtimes, and some of our own: none leads anywhere.
//!
//! Beside the bundles lies `outside`, which no container was given. Whatever a container or its image does, what lies
//! there is neither told nor changed.

use super::{GLASSDOCK, Place, possible, text};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// What nobody in a container may learn.
const SECRET: &str = "the host's own";

/// Somebody tries to leave.
struct Attempt {
    name: &'static str,
    /// Shell that changes the bundle first; `$O` is what lies outside.
    before: &'static str,
    /// Changes of the bundle's `config.json`; `$O` as above.
    changes: Vec<(&'static str, Value)>,
    /// What runs inside.
    script: &'static str,
    /// A part of the error that refuses it, or what the script prints where it does no harm.
    told: Result<&'static str, &'static str>,
}

/// Without the mounts that would hide what the image has.
fn only_proc() -> Value {
    json!([{"destination": "/proc", "type": "proc", "source": "proc"}])
}

fn writable() -> (&'static str, Value) {
    ("/root/readonly", json!(false))
}

fn attempts() -> Vec<Attempt> {
    let bind = |source: &str, destination: &str| {
        let options = ["bind", "rw"];
        json!({"destination": destination, "type": "bind", "source": source, "options": options})
    };
    let tmpfs =
        |destination: &str| json!({"destination": destination, "type": "tmpfs", "source": "t"});
    vec![
        Attempt {
            name: "link-to-a-directory",
            before: "mkdir -p rootfs$O; ln -s $O rootfs/data",
            changes: vec![writable(), ("/mounts/-", tmpfs("/data"))],
            script: "touch /data/new; grep -c /data /proc/mounts; ls $O; cat $O/secret",
            told: Ok("0\nnew\n"),
        },
        Attempt {
            name: "link-to-what-only-the-host-has",
            before: "ln -s $O rootfs/data",
            changes: vec![writable(), ("/mounts/-", tmpfs("/data"))],
            script: "",
            told: Err("no such file or directory"),
        },
        Attempt {
            name: "link-upwards",
            before: "mkdir -p rootfs$O; ln -s ../../../../../../../../$O rootfs/data",
            changes: vec![writable(), ("/mounts/-", tmpfs("/data/deep"))],
            script: "touch /data/deep/new; find $O",
            told: Ok("$O\n$O/deep\n$O/deep/new\n"),
        },
        Attempt {
            name: "destination-upwards",
            before: "",
            changes: vec![writable(), ("/mounts/-", tmpfs("/../../../../..$O/made"))],
            script: "touch $O/made/new; find $O",
            told: Ok("$O\n$O/made\n$O/made/new\n"),
        },
        Attempt {
            name: "file-through-a-link",
            before: "mkdir -p rootfs$O; ln -s $O/made rootfs/data",
            changes: vec![writable(), ("/mounts/-", bind("/dev/null", "/data"))],
            script: "echo lost > /data; cat $O/made",
            // The file that the link names is made in the root.
            told: Ok(""),
        },
        Attempt {
            name: "magic-link",
            before: "ln -s /proc/self/root$O rootfs/data",
            changes: vec![writable(), ("/mounts/-", tmpfs("/data"))],
            script: "touch /data/new",
            told: Err("too many levels of symbolic links"),
        },
        // CVE-2019-19921: /proc where masks and read-only paths do not cover it.
        Attempt {
            name: "proc-is-a-link",
            before: "rmdir rootfs/proc; mkdir rootfs/elsewhere; ln -s elsewhere rootfs/proc",
            changes: vec![],
            script: "cat /proc/1/comm",
            told: Err("too many levels of symbolic links"),
        },
        // CVE-2025-31133: what hides a path is the image's, and leads to something that is to be written to.
        Attempt {
            name: "null-is-a-link",
            before: "ln -s /proc/sys/kernel/core_pattern rootfs/dev/null",
            changes: vec![writable(), ("/mounts", only_proc())],
            script: "cat /proc/keys; echo lost > /proc/keys; cat /proc/keys",
            told: Ok(""),
        },
        // CVE-2025-52565: the console is the image's link.
        Attempt {
            name: "console-is-a-link",
            before: "ln -s /proc/sys/kernel/core_pattern rootfs/dev/console",
            changes: vec![
                writable(),
                ("/mounts", only_proc()),
                (
                    "/mounts/-",
                    json!({
                        "destination": "/dev/pts", "type": "devpts", "source": "devpts",
                        "options": ["newinstance", "ptmxmode=0666", "mode=0620"],
                    }),
                ),
                ("/process/terminal", json!(true)),
            ],
            script: "echo '|/evil' > /proc/sys/kernel/core_pattern || echo refused",
            told: Err("open /dev/console"),
        },
        // CVE-2025-52881: what the runtime writes to /proc lands in another file of it.
        Attempt {
            name: "parameter-is-a-link",
            before: "ln -s /proc/sys rootfs/data; \
                mkdir -p fake/net/ipv4; ln -s /proc/self/comm fake/net/ipv4/ip_forward",
            changes: vec![
                ("/mounts/-", bind("fake", "/data")),
                ("/linux/sysctl", json!({"net.ipv4.ip_forward": "1"})),
            ],
            script: "echo started",
            told: Err("write sysctl net.ipv4.ip_forward"),
        },
        Attempt {
            name: "parameter-is-a-mount",
            before: "ln -s /proc/sys/net/ipv4/ip_forward rootfs/data",
            changes: vec![
                ("/mounts/-", bind("/proc/sys/kernel/core_pattern", "/data")),
                ("/linux/sysctl", json!({"net.ipv4.ip_forward": "1"})),
            ],
            script: "echo started",
            told: Err("write sysctl net.ipv4.ip_forward"),
        },
        Attempt {
            name: "mount-in-proc",
            before: "mkdir fake",
            changes: vec![("/mounts/-", bind("fake", "/proc/sys"))],
            script: "echo started",
            told: Err("cannot be mounted because it is inside /proc"),
        },
        Attempt {
            name: "mount-over-proc",
            before: "mkdir fake",
            changes: vec![("/mounts/-", bind("fake", "/x/../proc/"))],
            script: "echo started",
            told: Err("cannot be mounted because it is not of type proc"),
        },
        // What is not hostile goes on.
        Attempt {
            name: "parameter",
            before: "",
            changes: vec![
                ("/mounts/-", bind("/proc/version", "/proc/cpuinfo")),
                (
                    "/linux/sysctl",
                    json!({"net.ipv4.ip_forward": "1", "net/ipv4/tcp_ecn": "1"}),
                ),
            ],
            script: "cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/tcp_ecn; grep -c Linux /proc/cpuinfo",
            told: Ok("1\n1\n1\n"),
        },
        Attempt {
            name: "device-through-a-link",
            before: "mkdir -p rootfs$O; ln -s $O rootfs/data",
            changes: vec![
                writable(),
                (
                    "/linux/devices",
                    json!([{"path": "/data/node", "type": "c", "major": 1, "minor": 3}]),
                ),
            ],
            script: "ls $O",
            told: Ok("node\n"),
        },
        Attempt {
            name: "directory-through-a-link",
            before: "mkdir -p rootfs$O; ln -s $O rootfs/data",
            changes: vec![writable(), ("/process/cwd", json!("/data/made"))],
            script: "pwd -P; find $O",
            told: Ok("$O/made\n$O\n$O/made\n"),
        },
        Attempt {
            name: "directory-of-the-runtime",
            before: "",
            changes: vec![("/process/cwd", json!("/proc/self/cwd"))],
            script: "cat ../../../../../../../..$O/secret",
            told: Err(""),
        },
    ]
}

impl Attempt {
    fn run(&self, place: &Place) {
        let name = self.name;
        let outside = place.dir.join("outside");
        let fill = |text: &str| text.replace("$O", outside.to_str().unwrap());
        let mut changes: Vec<(&str, Value)> =
            vec![("/process/args", json!(["sh", "-c", fill(self.script)]))];
        for (at, value) in &self.changes {
            let value = serde_json::from_str(&fill(&value.to_string())).unwrap();
            changes.push((at, value));
        }
        place.bundle(name, &changes);
        let before = "for name in find ls; do ln -s busybox rootfs/bin/$name; done";
        let made = place.shell(&fill(&format!("cd {name}; {before}; {}", self.before)));
        assert!(made.status.success(), "{name}: {made:?}");
        let line = match self
            .changes
            .iter()
            .any(|(at, _)| *at == "/process/terminal")
        {
            true => format!("script -qefc \"$R run -b {name} c1\" /dev/null"),
            false => format!("$R run -b {name} c1"),
        };
        let output = place.shell(&line);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        let told = format!("{out}{err}");
        match self.told {
            Ok(expected) => assert_eq!(out, fill(expected), "{name}: {err}"),
            Err(part) => {
                assert!(
                    !output.status.success() && told.contains(part),
                    "{name}: {told}"
                );
            }
        }
        assert!(!told.contains(SECRET), "{name}: {told}");
        untouched(name, &outside);
        assert_eq!(place.left(), [""; 0], "{name}");
    }
}

/// What lies outside is as it was.
fn untouched(name: &str, outside: &Path) {
    let names: Vec<_> = fs::read_dir(outside)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["secret"], "{name}");
    assert_eq!(
        fs::read_to_string(outside.join("secret")).unwrap(),
        SECRET,
        "{name}"
    );
}

fn place() -> Place {
    let place = Place::new(&format!("{GLASSDOCK} runtime"));
    fs::create_dir(place.dir.join("outside")).unwrap();
    fs::write(place.dir.join("outside/secret"), SECRET).unwrap();
    place
}

#[test]
fn no_attempt_to_leave_a_container_leads_out() {
    if !possible() {
        return;
    }
    let place = place();
    let pattern = || fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    let before = pattern();
    for attempt in attempts() {
        attempt.run(&place);
        assert_eq!(pattern(), before, "{}", attempt.name);
    }
}

/// CVE-2024-21626: a descriptor that the runtime leaves open is a way out, as a working directory or by its path.
#[test]
fn no_descriptor_leads_out_of_a_container() {
    if !possible() {
        return;
    }
    let place = place();
    let script = "for fd in /proc/self/fd/*; do cat $fd/secret $fd/outside/secret; done; \
        ls /proc/self/fd | tr '\\n' ' '";
    place.bundle("open", &[("/process/args", json!(["sh", "-c", script]))]);
    place.bundle("sleeps", &[("/process/args", json!(["sleep", "100"]))]);
    let links = "for name in ls tr; do ln -s busybox open/rootfs/bin/$name; done";
    // Whoever calls the runtime has further descriptors open, too.
    let line = format!("{links}; exec 7<outside 8<.; $R run -b open c1");
    let output = place.shell(&line);
    assert_eq!(text(&output.stdout), "0 1 2 3 ", "{output:?}");
    let started = place.shell("exec 7<outside 8<.; $R run -d -b sleeps c2");
    assert!(started.status.success(), "{started:?}");
    let script = "cat secret outside/secret ../outside/secret";
    for fd in 3..48 {
        let directory = format!("/proc/self/fd/{fd}");
        let name = format!("at-{fd}");
        place.bundle(
            &name,
            &[
                ("/process/cwd", json!(directory)),
                ("/process/args", json!(["sh", "-c", script])),
            ],
        );
        for line in [
            format!("exec 7<outside 8<.; $R run -b {name} c1"),
            format!("exec 7<outside 8<.; $R exec --cwd {directory} c2 sh -c '{script}'"),
        ] {
            let output = place.shell(&line);
            assert_ne!(output.status.code(), Some(0), "{line}");
            assert_eq!(text(&output.stdout), "", "{line}");
        }
    }
    let ended = place.shell("$R delete -f c2");
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(place.left(), [""; 0]);
}

/// Somebody with a share of the image exchanges a directory for a link again and again while mounts are made.
#[test]
fn a_link_that_comes_while_mounts_are_made_leads_nowhere_else() {
    if !possible() {
        return;
    }
    let place = place();
    let mounts = json!([
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/a/tmpfs/deep", "type": "tmpfs", "source": "t"},
        {"destination": "/a/file", "type": "bind", "source": "/dev/null", "options": ["bind"]},
        {"destination": "/a/directory", "type": "bind", "source": "/dev/shm", "options": ["bind"]},
    ]);
    place.bundle(
        "swap",
        &[("/mounts", mounts), ("/process/args", json!(["true"]))],
    );
    let rootfs = place.dir.join("swap/rootfs");
    fs::create_dir(rootfs.join("a")).unwrap();
    let outside = place.dir.join("outside");
    std::os::unix::fs::symlink(&outside, rootfs.join("b")).unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let [a, b] = ["a", "b"].map(|name| rootfs.join(name));
            while !over.load(Ordering::Relaxed) {
                renameat_with(CWD, &a, CWD, &b, RenameFlags::EXCHANGE).unwrap();
            }
        });
        // Some of them work, some find what they made a moment ago no more.
        let mut worked = 0;
        for _ in 0..40 {
            worked += u32::from(place.shell("$R run -b swap c1").status.success());
            untouched("swap", &outside);
        }
        over.store(true, Ordering::Relaxed);
        assert!(worked > 0, "nothing was tried");
    });
    assert_eq!(place.left(), [""; 0]);
}

/// CVE-2019-5736: root in a container opens the program that executes something there, to write to it.
#[test]
fn the_program_cannot_be_written_to_from_a_container() {
    if !possible() {
        return;
    }
    let place = place();
    let before = (fs::read(GLASSDOCK).unwrap(), mode_of(GLASSDOCK));
    let script = "while :; do for exe in /proc/[0-9]*/exe; do \
        case $(readlink $exe) in */busybox | '') ;; *) \
        echo broken >> $exe; chmod 777 $exe ;; esac; done; done 2> /seen";
    place.bundle(
        "writes",
        &[writable(), ("/process/args", json!(["sh", "-c", script]))],
    );
    let started = place.shell(
        "for name in readlink chmod; do ln -s busybox writes/rootfs/bin/$name; done; \
        $R run -d -b writes c1",
    );
    assert!(started.status.success(), "{started:?}");
    // Its own file becomes the container's program, too.
    let seen = place.shell(
        "for i in $(seq 1000); do $R exec c1 /proc/self/exe; \
        grep -q 'Read-only file system' writes/rootfs/seen && exit 0; done 2> /dev/null; exit 1",
    );
    assert!(seen.status.success(), "the program was never seen inside");
    let ended = place.shell("$R delete -f c1");
    assert!(ended.status.success(), "{ended:?}");
    assert!((fs::read(GLASSDOCK).unwrap(), mode_of(GLASSDOCK)) == before);
    assert_eq!(place.left(), [""; 0]);
}

fn mode_of(path: &str) -> u32 {
    fs::metadata(path).unwrap().mode()
}

/// A kernel before Linux 5.12: the program goes on from a copy in memory.
#[test]
fn where_the_programs_mount_cannot_be_made_a_sealed_copy_runs() {
    if !possible() {
        return;
    }
    let place = place();
    let traced = "strace -f -qq -o calls -e trace=open_tree,memfd_create,execve";
    let line = format!("{traced} -e inject=open_tree:error=ENOSYS $R run -b hello c1");
    let output = place.shell(&line);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let calls = fs::read_to_string(place.dir.join("calls")).unwrap();
    let order = [
        "ENOSYS",
        "memfd_create(\"glassdock-sealed\"",
        "execve(\"/proc/self/fd/",
    ];
    let at = order.map(|part| calls.find(part));
    assert!(at.is_sorted() && at[0].is_some(), "{at:?}\n{calls}");
    assert_eq!(calls.matches("open_tree(").count(), 1, "{calls}");
    assert_eq!(place.left(), [""; 0]);
}

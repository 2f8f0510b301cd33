//! The real docker client drives the program on this machine's kernel. Needs root, the client and the busybox image.

#![cfg(target_os = "linux")]

mod clients;
mod harness;
mod kills;
mod peer;
mod relay;
mod requests;
mod simulated;

use harness::{Daemon, Done, GLASSDOCK, even, possible, real_client};
use rustix::process::Signal;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// Commands with what they must do.
const SESSION: &str = include_str!("session.txt");

/// Commands that our client does not have yet.
const NOT_OURS: [&str; 3] = ["docker build", "docker network", "docker volume"];

/// What a command did, as the session's file tells it: output, errors after `! `, and an exit code other than 0.
fn told(line: &str, done: &Done) -> String {
    let mut text = format!("$ {line}\n");
    for line in even(&done.out).lines() {
        let _ = writeln!(text, "{}", line.trim_end_matches('\r'));
    }
    for line in even(&done.err).lines() {
        let _ = writeln!(text, "! {line}");
    }
    if done.code != Some(0) {
        let code = done
            .code
            .map_or("killed".to_owned(), |code| code.to_string());
        let _ = writeln!(text, "[{code}]");
    }
    text
}

/// The session's commands, each with its part of the file.
fn rows() -> Vec<(&'static str, String)> {
    let mut rows: Vec<(&str, String)> = Vec::new();
    for line in SESSION.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            rows.push((command, String::new()));
        }
        if let Some((_, part)) = rows.last_mut() {
            let _ = writeln!(part, "{line}");
        }
    }
    rows
}

/// Runs lines of the session; programs in `path` come before all others.
fn session(lines: &[&str], path: &str) -> String {
    let daemon = Daemon::start();
    let mut transcript = String::new();
    for line in lines {
        let done = daemon.shell(&format!("PATH={path}:$PATH; {line}"));
        transcript.push_str(&told(line, &done));
    }
    // The directory has another name in each run.
    let transcript = transcript.replace(&daemon.at(""), "<DIR>/");
    daemon.finish();
    transcript
}

#[test]
fn the_real_client_completes_a_session() {
    if !possible() || !real_client() {
        return;
    }
    let lines: Vec<&str> = rows().into_iter().map(|(line, _)| line).collect();
    expect_test::expect_file!["session.txt"].assert_eq(&session(&lines, ""));
}

/// Whether our client has a line's commands.
fn known_to_ours(line: &str) -> bool {
    !NOT_OURS.iter().any(|command| line.contains(command))
}

/// A directory with our own client: called `docker`, the program is that.
fn our_client() -> Daemon {
    let place = Daemon::place();
    std::os::unix::fs::symlink(GLASSDOCK, place.dir.join("docker")).unwrap();
    place
}

#[test]
fn our_client_completes_the_same_session() {
    if !possible() {
        return;
    }
    let known = |row: &(&str, String)| known_to_ours(row.0);
    let rows: Vec<_> = rows().into_iter().filter(known).collect();
    let place = our_client();
    let lines: Vec<&str> = rows.iter().map(|(line, _)| *line).collect();
    let expected: String = rows.into_iter().map(|(_, row)| row).collect();
    assert_eq!(session(&lines, place.dir.to_str().unwrap()), expected);
}

#[test]
fn containers_outlive_a_daemon_that_is_killed() {
    if !possible() {
        return;
    }
    let mut daemon = Daemon::start();
    let script = "i=0; while read line; do i=$((i+1)); echo $i $line; done; exit 6";
    let run = [
        "run",
        "-d",
        "-i",
        "--name",
        "c1",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        script,
    ];
    daemon.ok(&run);
    let pid = daemon.ok(&["inspect", "-f", "{{.State.Pid}}", "c1"]);
    // One line before the daemon is killed, one while there is none.
    let input = format!("/proc/{}/fd/0", pid.trim());
    let say = |text: &str| fs::write(&input, format!("{text}\n")).unwrap();
    say("before");
    daemon.until("the first line is in the log", |daemon| {
        daemon.ok(&["logs", "c1"]) == "1 before\n"
    });
    assert_eq!(daemon.end(Signal::KILL), None);
    say("between");
    daemon.launch();
    let state = "{{.State.Status}} {{.State.Pid}}";
    assert_eq!(
        daemon.ok(&["inspect", "-f", state, "c1"]),
        format!("running {pid}")
    );
    daemon.until("the second line is in the log", |daemon| {
        daemon.ok(&["logs", "c1"]) == "1 before\n2 between\n"
    });
    assert_eq!(daemon.ok(&["exec", "c1", "echo", "inside"]), "inside\n");
    // Attached, it reads what is typed and answers.
    let mut attached = daemon
        .client_command()
        .args(["attach", "c1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut keys = attached.stdin.take().unwrap();
    keys.write_all(b"after\n").unwrap();
    daemon.until("the third line is in the log", |daemon| {
        daemon.ok(&["logs", "c1"]).ends_with("3 after\n")
    });
    daemon.ok(&["stop", "-t", "0", "c1"]);
    let attached: Done = attached.wait_with_output().unwrap().into();
    assert_eq!((attached.code, &*attached.out), (Some(137), "3 after\n"));
    drop(keys);
    assert_eq!(daemon.ok(&["logs", "c1"]), "1 before\n2 between\n3 after\n");
    daemon.finish();
}

#[test]
fn an_end_without_a_daemon_is_told_by_the_next_one() {
    if !possible() {
        return;
    }
    let mut daemon = Daemon::start();
    daemon.ok(&[
        "run",
        "-d",
        "-i",
        "--name",
        "c1",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        "read x; echo $x; exit 6",
    ]);
    let pid = daemon.ok(&["inspect", "-f", "{{.State.Pid}}", "c1"]);
    let input = fs::File::options()
        .write(true)
        .open(format!("/proc/{}/fd/0", pid.trim()));
    daemon.end(Signal::KILL);
    input.unwrap().write_all(b"last\n").unwrap();
    daemon.until("the container's process has ended", |_| {
        !std::path::Path::new(&format!("/proc/{}", pid.trim())).exists()
    });
    daemon.launch();
    assert_eq!(daemon.ok(&["wait", "c1"]), "6\n");
    assert_eq!(daemon.ok(&["logs", "c1"]), "last\n");
    daemon.finish();
}

#[test]
fn a_daemon_that_is_asked_to_end_stops_its_containers() {
    if !possible() {
        return;
    }
    for signal in [Signal::TERM, Signal::INT] {
        let mut daemon = Daemon::start();
        let script = "trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.05; done";
        daemon.ok(&[
            "run",
            "-d",
            "--name",
            "c1",
            "--network",
            "none",
            "busybox",
            "sh",
            "-c",
            script,
        ]);
        daemon.until("the container is up", |daemon| {
            daemon.ok(&["logs", "c1"]) == "up\n"
        });
        let socket = fs::metadata(daemon.at("s")).unwrap();
        assert_eq!(socket.permissions().mode() & 0o777, 0o660);
        let group = Command::new("getent")
            .args(["group", "docker"])
            .output()
            .unwrap();
        let group = String::from_utf8_lossy(&group.stdout).into_owned();
        let gid = group
            .split(':')
            .nth(2)
            .map_or(0, |gid| gid.parse().unwrap());
        assert_eq!(socket.gid(), gid);
        let pid: u32 = fs::read_to_string(daemon.at("x/daemon.pid"))
            .unwrap()
            .parse()
            .unwrap();
        assert!(
            fs::read_link(format!("/proc/{pid}/exe"))
                .unwrap()
                .ends_with("glassdock")
        );
        assert_eq!(daemon.end(signal), Some(0));
        // A shim ends after it has said that all is removed.
        daemon.until("all processes have ended", |daemon| {
            daemon.processes().is_empty()
        });
        assert!(!daemon.dir.join("s").exists() && !daemon.dir.join("x/daemon.pid").exists());
        daemon.launch();
        assert_eq!(
            daemon.ok(&[
                "inspect",
                "-f",
                "{{.State.Status}} {{.State.ExitCode}}",
                "c1"
            ]),
            "exited 5\n"
        );
        assert_eq!(daemon.ok(&["logs", "c1"]), "up\nbye\n");
        daemon.finish();
    }
}

#[test]
fn on_a_full_disk_containers_can_be_removed_to_make_room() {
    if !possible() {
        return;
    }
    let mut daemon = Daemon::place();
    let root = daemon.at("root");
    std::fs::create_dir(&root).unwrap();
    let mounted = daemon.shell(&format!("mount -t tmpfs -o size=12m none {root}"));
    assert_eq!(mounted.code, Some(0), "{mounted:?}");
    daemon.launch();
    daemon.load();
    let fill = "dd if=/dev/zero of=/full bs=64k; true";
    daemon.docker(&[
        "run",
        "--name",
        "full",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        fill,
    ]);
    let room = || {
        daemon
            .shell(&format!("df --output=avail {root} | tail -1"))
            .out
    };
    assert_eq!(room().trim(), "0");
    daemon.ok(&["rm", "full"]);
    daemon.ok(&["run", "--rm", "--network", "none", "busybox", "true"]);
    let daemon = {
        assert_eq!(daemon.end(rustix::process::Signal::TERM), Some(0));
        daemon.shell(&format!("umount {root}"));
        daemon
    };
    assert_eq!(daemon.mounts(), [""; 0]);
}

#[test]
fn a_shim_that_cannot_be_started_is_no_program_that_is_missing() {
    if !possible() {
        return;
    }
    let mut daemon = Daemon::start();
    let begin = ["run", "--network", "none"];
    let quiet = [
        &begin[..],
        &["-d", "--name", "c1", "busybox", "sleep", "1000"],
    ]
    .concat();
    daemon.ok(&quiet);
    let again = [&begin[..], &["--rm", "busybox", "true"]].concat();
    let program = daemon.at("x/glassdock");
    // Without the mount there is a file that nobody may run, and then none.
    for (takes, why) in [("umount -l", "EACCES"), ("rm", "ENOENT")] {
        let taken = daemon.shell(&format!("{takes} {program}"));
        assert_eq!(taken.code, Some(0), "{taken:?}");
        let done = daemon.docker(&again);
        let words = format!(
            "failed to create task for container: failed to start shim: the shim could not be started from {program}: {why}: unknown\n"
        );
        assert_eq!(done.code, Some(125), "{done:?}");
        assert!(done.err.contains(&words), "{done:?}");
        let done = daemon.docker(&["exec", "c1", "true"]);
        let words = format!("the runtime could not be started from {program}: {why}");
        assert_eq!(done.code, Some(128), "{done:?}");
        assert!((done.out + &done.err).contains(&words), "{words}");
    }
    assert_eq!(fs::read_dir(daemon.at("x/runtime")).unwrap().count(), 1);
    daemon.ok(&["rm", "-f", "c1"]);
    assert_eq!(daemon.end(Signal::TERM), Some(0));
    daemon.launch();
    daemon.ok(&again);
    daemon.finish();
}

#[test]
fn what_cannot_work_is_refused_with_what_to_do() {
    if !possible() {
        return;
    }
    let daemon = Daemon::start();
    let refused = |command: &mut Command, why: &str| {
        let done: Done = command.output().unwrap().into();
        assert_eq!((done.code, done.err.trim_end()), (Some(1), why));
    };
    let root = daemon.at("root");
    refused(
        &mut daemon.command(),
        &format!("glassdock daemon: another daemon is running on {root}"),
    );
    let exec_root = daemon.at("x");
    let mut sharing = Command::new(GLASSDOCK);
    sharing.args(["daemon", "--host", &format!("unix://{}", daemon.at("t"))]);
    sharing.args(["--root", &daemon.at("other"), "--exec-root", &exec_root]);
    refused(
        &mut sharing,
        &format!("glassdock daemon: another daemon is running on {exec_root}"),
    );
    let socket = daemon.at("s");
    let other = |host: &str| {
        let mut command = Command::new(GLASSDOCK);
        command.args([
            "daemon",
            "--root",
            &daemon.at("other"),
            "--exec-root",
            &daemon.at("y"),
            "--host",
            host,
        ]);
        command
    };
    refused(
        &mut other(&socket),
        &format!("glassdock daemon: listen on unix://{socket}: another process is listening there"),
    );
    let file = daemon.at("file");
    fs::write(&file, "kept").unwrap();
    refused(
        &mut other(&file),
        &format!("glassdock daemon: listen on unix://{file}: there is a file that is no socket"),
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
    // A copy that everybody may run, wherever this one lies.
    let program = daemon.at("glassdock");
    fs::copy(GLASSDOCK, &program).unwrap();
    refused(
        Command::new(&program).arg("daemon").uid(65534).gid(65534),
        "glassdock daemon: only root can make containers: start it with sudo, or as a service of the system",
    );
    assert_eq!(daemon.ok(&["ps", "-aq"]), "");
    daemon.finish();
}

#[test]
fn several_addresses_are_served_and_our_client_talks_to_them() {
    if !possible() {
        return;
    }
    let mut daemon = Daemon::place();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let child = daemon
        .command()
        .args(["--host", &format!("tcp://{port}")])
        .stderr(Stdio::null())
        .spawn();
    daemon.adopt(child.unwrap());
    daemon.until("the daemon listens", |_| {
        std::net::TcpStream::connect(port).is_ok()
    });
    let ask = |host: String| {
        let mut command = Command::new(GLASSDOCK);
        command.args(["docker", "version", "--format", "{{.Server.Platform.Name}}"]);
        let done: Done = command.env("DOCKER_HOST", host).output().unwrap().into();
        (done.out, done.err)
    };
    let name = ("Glassdock\n".to_owned(), String::new());
    assert_eq!(ask(format!("unix://{}", daemon.at("s"))), name);
    assert_eq!(ask(format!("tcp://{port}")), name);
    let real = daemon
        .client_command()
        .env("DOCKER_HOST", format!("tcp://{port}"))
        .args(["version", "--format", "{{.Server.Platform.Name}}"])
        .output();
    assert_eq!(Done::from(real.unwrap()).out, name.0);
    daemon.finish();
}

/// CVE-2019-5736: root in a container opens the program that executes something there, to write to it.
#[test]
fn the_program_cannot_be_written_to_from_a_container() {
    if !possible() {
        return;
    }
    let daemon = Daemon::start();
    let before = fs::read(GLASSDOCK).unwrap();
    let mode = fs::metadata(GLASSDOCK).unwrap().mode();
    // The program itself becomes the container's, as /proc/self/exe.
    let done = daemon.docker(&[
        "run",
        "--rm",
        "--network",
        "none",
        "busybox",
        "/proc/self/exe",
    ]);
    assert_ne!(done.code, Some(0), "{done:?}");
    // Inside, somebody waits for any process that comes from outside, and writes to its file. As long as a program
    // runs, that alone keeps its bytes from being written to, but not the file's mode from being changed.
    let script = "while :; do for exe in /proc/[0-9]*/exe; do \
        case $(readlink $exe) in */busybox | '') ;; *) \
        echo broken >> $exe; chmod 777 $exe ;; esac; done; done 2> /seen";
    daemon.ok(&[
        "run",
        "-d",
        "--name",
        "c1",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        script,
    ]);
    daemon.until("the program was seen", |daemon| {
        daemon.docker(&["exec", "c1", "/proc/self/exe"]);
        let refused = ["exec", "c1", "grep", "-q", "Read-only file system", "/seen"];
        daemon.docker(&refused).code == Some(0)
    });
    // What the loop did change is the container's own, where the process went on to another program just then.
    assert_eq!(fs::metadata(GLASSDOCK).unwrap().mode(), mode);
    assert!(fs::read(GLASSDOCK).unwrap() == before);
    daemon.finish();
}

/// As systemd starts it: the socket is there before the daemon, and stays behind.
#[test]
fn a_socket_that_was_listened_on_before_is_served() {
    if !possible() {
        return;
    }
    let mut daemon = Daemon::place();
    let listener = std::os::unix::net::UnixListener::bind(daemon.dir.join("s")).unwrap();
    rustix::io::fcntl_setfd(&listener, rustix::io::FdFlags::empty()).unwrap();
    let script = "exec 3<&$1; shift; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\"";
    let mut command = Command::new("sh");
    command
        .args(["-c", script, "sh"])
        .arg(std::os::fd::AsRawFd::as_raw_fd(&listener).to_string())
        .args([GLASSDOCK, "daemon", "--host", "fd://"])
        .args(["--root", &daemon.at("root"), "--exec-root", &daemon.at("x")])
        .stdin(Stdio::null())
        .stderr(fs::File::create(daemon.at("log")).unwrap());
    daemon.adopt(command.spawn().unwrap());
    // Who connects early waits.
    let version = daemon.ok(&["version", "--format", "{{.Server.APIVersion}}"]);
    assert_eq!(version, "1.51\n");
    assert_eq!(daemon.end(Signal::TERM), Some(0));
    assert!(
        daemon.dir.join("s").exists(),
        "whose socket it is removes it"
    );
}

/// The units in `packaging`, with this build's path, are what systemd understands.
#[test]
fn systemd_takes_the_units() {
    if Command::new("systemd-analyze")
        .arg("--version")
        .output()
        .is_err()
    {
        return eprintln!("nothing was tested: there is no systemd-analyze");
    }
    let place = Daemon::place();
    let packaging = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging");
    for unit in ["glassdock.service", "glassdock.socket"] {
        let text = fs::read_to_string(format!("{packaging}/{unit}")).unwrap();
        let text = text.replace("/usr/local/bin/glassdock", GLASSDOCK);
        fs::write(place.at(unit), text).unwrap();
    }
    let verified: Done = Command::new("systemd-analyze")
        .args([
            "verify",
            // The manual pages that the units name need not be here.
            "--man=no",
            &place.at("glassdock.service"),
            &place.at("glassdock.socket"),
        ])
        .output()
        .unwrap()
        .into();
    assert_eq!((verified.code, &*verified.err), (Some(0), ""));
}

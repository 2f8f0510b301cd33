//! The relay between clients outside and an engine in a simulated machine.

use super::harness::{Daemon, Done, GLASSDOCK, Kernel, images, simulable};
use glassdock_playground::host::Images;
use glassdock_playground::machine::{Machine, Pace, Replay};
use glassdock_playground::relay::recorded;
use rustix::process::Signal;
use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Clients at once.
const CLIENTS: usize = 40;
/// Bytes of a large image.
const LARGE: usize = 24 << 20;
/// KiB that the process may have beside what is in the machine's memory.
const BESIDE_KIB: usize = 96 << 10;
/// Times that an idle daemon may be woken while it is looked at.
const MAX_WAKES: u64 = 5;

/// Runs a container until it is told to end, and says so.
const UNTIL_TERM: &str = "trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.05; done";

fn connect(daemon: &Daemon) -> UnixStream {
    let stream = UnixStream::connect(daemon.dir.join("s")).unwrap();
    let patience = Some(Duration::from_secs(20));
    stream.set_read_timeout(patience).unwrap();
    stream
}

fn ask(stream: &mut UnixStream, what: &str, fields: &str) {
    let head = format!("{what} HTTP/1.1\r\nHost: d\r\n{fields}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
}

/// What comes until `end` has come.
fn read_until(stream: &mut UnixStream, end: &[u8]) -> Vec<u8> {
    let (mut read, mut piece) = (Vec::new(), [0; 4096]);
    while !read.ends_with(end) {
        match stream.read(&mut piece).unwrap() {
            0 => break,
            count => read.extend(&piece[..count]),
        }
    }
    read
}

fn spawn(command: &mut Command) -> Child {
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn done(child: Child) -> Done {
    child.wait_with_output().unwrap().into()
}

#[test]
fn many_clients_at_once_get_each_their_own() {
    if !simulable() {
        return;
    }
    let daemon = Daemon::start_on(Kernel::Sim);
    let run = |number: usize| {
        let mut command = daemon.client_command();
        let script = format!("cat; echo {number}");
        command.args([
            "run",
            "--rm",
            "-i",
            "--network",
            "none",
            "busybox",
            "sh",
            "-c",
        ]);
        command.arg(script).stdin(Stdio::piped());
        spawn(&mut command)
    };
    let mut clients: Vec<Child> = (0..CLIENTS).map(run).collect();
    // None ends before all have begun.
    for (number, client) in clients.iter_mut().enumerate() {
        let mut input = client.stdin.take().unwrap();
        writeln!(input, "typed {number}").unwrap();
    }
    for (number, client) in clients.into_iter().enumerate() {
        let done = done(client);
        let expected = format!("typed {number}\n{number}\n");
        assert_eq!((done.code, done.out), (Some(0), expected), "{}", done.err);
    }
    assert_eq!(daemon.ok(&["ps", "-aq"]), "");
    daemon.finish();
}

#[test]
fn each_direction_of_a_connection_ends_by_itself() {
    if !simulable() {
        return;
    }
    let daemon = Daemon::start_on(Kernel::Sim);
    // A client that has asked and sends no more is answered, to the end.
    let mut stream = connect(&daemon);
    ask(&mut stream, "GET /_ping", "");
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("OK"),
        "{answer}"
    );
    // One that is attached ends the container's input, and has its output from then on.
    daemon.ok(&[
        "create",
        "-i",
        "--name",
        "c1",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        "wc -c; echo over",
    ]);
    let mut stream = connect(&daemon);
    let attach = "POST /containers/c1/attach?stream=1&stdin=1&stdout=1";
    ask(
        &mut stream,
        attach,
        "Connection: Upgrade\r\nUpgrade: tcp\r\n",
    );
    let head = read_until(&mut stream, b"\r\n\r\n");
    assert!(
        head.starts_with(b"HTTP/1.1 101 "),
        "{}",
        String::from_utf8_lossy(&head)
    );
    daemon.ok(&["start", "c1"]);
    stream.write_all(&[b'x'; 1_000_000]).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut output = Vec::new();
    stream.read_to_end(&mut output).unwrap();
    let output = String::from_utf8_lossy(&output).into_owned();
    assert!(
        output.contains("1000000\n") && output.ends_with("over\n"),
        "{output:?}"
    );
    // One that goes away without a word leaves nothing behind.
    let mut stream = connect(&daemon);
    ask(&mut stream, "GET /events", "");
    read_until(&mut stream, b"\r\n\r\n");
    let open = || {
        fs::read_dir(format!("/proc/{}/fd", daemon.pid()))
            .unwrap()
            .count()
    };
    let before = open();
    drop(stream);
    daemon.until("its descriptor is closed", |_| open() < before);
    daemon.finish();
}

#[test]
fn a_large_image_takes_no_more_memory_than_it_has_in_the_machine() {
    if !simulable() {
        return;
    }
    let daemon = Daemon::start_on(Kernel::Sim);
    let layer = format!(
        "head -c {LARGE} /dev/urandom > data; tar cf layer.tar data; \
         id=$(sha256sum < layer.tar | cut -d' ' -f1); \
         printf '{{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{{}},\"rootfs\":\
         {{\"type\":\"layers\",\"diff_ids\":[\"sha256:%s\"]}}}}' $id > config.json; \
         printf '[{{\"Config\":\"config.json\",\"RepoTags\":[\"large:1\"],\"Layers\":[\"layer.tar\"]}}]' > manifest.json; \
         tar cf large.tar manifest.json config.json layer.tar"
    );
    assert_eq!(daemon.shell(&layer).code, Some(0));
    for _ in 0..4 {
        assert_eq!(
            daemon.ok(&["load", "-q", "-i", "large.tar"]),
            "Loaded image: large:1\n"
        );
        let resident = daemon.resident_kib();
        assert!(resident < (LARGE >> 10) + BESIDE_KIB, "{resident} KiB");
        daemon.ok(&["rmi", "large:1"]);
    }
    daemon.finish();
}

#[test]
fn a_stop_ends_containers_first_and_who_is_attached_is_told() {
    if !simulable() {
        return;
    }
    for signal in [Signal::TERM, Signal::INT] {
        let mut daemon = Daemon::start_on(Kernel::Sim);
        let mode = fs::metadata(daemon.at("s")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
        let pid: u32 = fs::read_to_string(daemon.at("pid"))
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(pid, daemon.pid());
        let mut command = daemon.client_command();
        command.args([
            "run",
            "--name",
            "c1",
            "--network",
            "none",
            "busybox",
            "sh",
            "-c",
            UNTIL_TERM,
        ]);
        let attached = spawn(&mut command);
        daemon.until("the container is up", |daemon| {
            daemon.docker(&["logs", "c1"]).out == "up\n"
        });
        assert_eq!(daemon.end(signal), Some(0));
        let attached = done(attached);
        assert_eq!((attached.code, &*attached.out), (Some(5), "up\nbye\n"));
        assert!(!daemon.dir.join("s").exists() && !daemon.dir.join("pid").exists());
        // Nothing is kept, and the place can be used again; so it can after a daemon that was killed.
        daemon.launch();
        assert_eq!(daemon.end(Signal::KILL), None);
        daemon.launch();
        assert_eq!(daemon.ok(&["ps", "-aq"]), "");
        daemon.finish();
    }
}

#[test]
fn a_daemon_that_has_nothing_to_do_sleeps() {
    if !simulable() {
        return;
    }
    let daemon = Daemon::start_on(Kernel::Sim);
    let sleeps = [
        "run",
        "-d",
        "--name",
        "c1",
        "--network",
        "none",
        "busybox",
        "sleep",
        "1000",
    ];
    daemon.ok(&sleeps);
    let wakes = || -> u64 {
        let switches = ["voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"];
        let counted = switches.map(|name| daemon.status(name).parse::<u64>().unwrap());
        counted.iter().sum()
    };
    // What the last command left to do is soon done.
    daemon.until("it sleeps", |_| {
        let before = wakes();
        std::thread::sleep(Duration::from_millis(300));
        wakes() - before <= MAX_WAKES
    });
    daemon.finish();
}

#[test]
fn what_came_in_leads_another_machine_through_the_same() {
    if !simulable() {
        return;
    }
    let mut daemon = Daemon::place_on(Kernel::Sim);
    let mut command = daemon.command();
    command.args(["--input-log", &daemon.at("inputs")]);
    let log = fs::File::create(daemon.at("log")).unwrap();
    daemon.adopt(command.stderr(log).spawn().unwrap());
    daemon.until("the daemon listens", |daemon| daemon.dir.join("s").exists());
    let line =
        "echo typed | docker run -i --name c1 --network none busybox sh -c 'cat; sleep 0.1; date'";
    let program = format!("docker() {{ {GLASSDOCK} docker \"$@\"; }}; ");
    assert_eq!(
        daemon
            .shell(&format!("{program}{line}; docker logs c1; docker rm c1"))
            .code,
        Some(0)
    );
    assert_eq!(daemon.end(Signal::TERM), Some(0));
    let log = fs::read_to_string(daemon.at("log")).unwrap();
    let hash = log.trim_end().rsplit(' ').next().unwrap();
    let (setup, records) = recorded(&fs::read(daemon.at("inputs")).unwrap()).unwrap();
    let image = |name: &str| fs::read(images().join(name)).unwrap();
    let (host, busybox) = (image("host.tar.gz"), image("busybox.tar.gz"));
    let images = Images {
        host: &host,
        busybox: &busybox,
    };
    let mut machine = Machine::boot_unwatched(&images, setup).unwrap();
    let mut replay = Replay::new(&machine, records).unwrap();
    while replay.step(&mut machine).unwrap() {}
    while machine.turn() == Pace::Busy {}
    assert_eq!(machine.turn(), Pace::Halted);
    assert_eq!(format!("{:032x}", machine.hash().0), hash, "{log}");
}

#[test]
fn nobody_needs_to_be_root() {
    if !simulable() {
        return;
    }
    let mut daemon = Daemon::place_on(Kernel::Sim);
    // Copies that everybody may read, wherever these lie.
    fs::set_permissions(&daemon.dir, fs::Permissions::from_mode(0o777)).unwrap();
    for name in ["host.tar.gz", "busybox.tar.gz"] {
        fs::copy(images().join(name), daemon.at(name)).unwrap();
    }
    fs::copy(GLASSDOCK, daemon.at("glassdock")).unwrap();
    let mut command = Command::new(daemon.at("glassdock"));
    let host = format!("unix://{}", daemon.at("s"));
    command
        .args(["daemon", "--kernel", "sim", "--host", &host])
        .args([
            "--pidfile",
            &daemon.at("pid"),
            "--images",
            daemon.dir.to_str().unwrap(),
        ])
        .stderr(fs::File::create(daemon.at("log")).unwrap());
    if rustix::process::geteuid().is_root() {
        command.uid(65534).gid(65534);
    }
    daemon.adopt(command.spawn().unwrap());
    daemon.until("the daemon listens", |daemon| daemon.dir.join("s").exists());
    let told = daemon.ok(&["run", "--rm", "--network", "none", "busybox", "id", "-u"]);
    assert_eq!(told, "0\n");
    daemon.finish();
}

#[test]
fn what_makes_no_sense_is_refused() {
    let place = Daemon::place();
    let missing = format!(
        "{}/host.tar.gz: No such file or directory (os error 2): `cargo xtask images` makes it, --images says where it is",
        place.at("none")
    );
    let damaged = place.at("damaged");
    fs::create_dir(&damaged).unwrap();
    for name in ["host.tar.gz", "busybox.tar.gz"] {
        fs::write(format!("{damaged}/{name}"), "none").unwrap();
    }
    for (args, code, why) in [
        (
            vec!["--root", "/r"],
            125,
            "--root: nothing is kept with --kernel sim",
        ),
        (
            vec!["--exec-root", "/r"],
            125,
            "--exec-root: nothing is kept with --kernel sim",
        ),
        (vec!["--images", &place.at("none")], 1, &missing),
        (vec!["--images", &damaged], 1, "the host's archive"),
    ] {
        let mut command = Command::new(GLASSDOCK);
        command.args(["daemon", "--kernel", "sim", "--host", &place.at("s")]);
        let done: Done = command.args(&args).output().unwrap().into();
        let told = done.err.contains(&format!("glassdock daemon: {why}"));
        assert!(done.code == Some(code) && told, "{args:?}: {done:?}");
    }
}

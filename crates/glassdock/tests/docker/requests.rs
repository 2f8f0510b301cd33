//! Requests as no client sends them, and far too many of them: each is answered or refused, and the daemon stays small.

use super::harness::{Daemon, Kernel};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Connections that are tried in each wave, and how many waves there are.
const WAVE: usize = 600;
const WAVES: usize = 5;
/// Descriptors that the daemon may have.
const MAX_DESCRIPTORS: usize = 200;

/// Largest resident memory of the daemon in KiB. Without a client it has about 15 MiB; built for speed, half of that. With
/// a simulated machine, what is in that machine's memory comes on top.
fn max_resident_kib(kernel: Kernel) -> usize {
    match kernel {
        Kernel::Linux => 48 << 10,
        Kernel::Sim => 128 << 10,
    }
}

/// What is sent, and the status and a part of the body that must come.
fn requests() -> Vec<(&'static str, Vec<u8>, u16, &'static str)> {
    let get = |rest: &str| format!("GET {rest}\r\n\r\n").into_bytes();
    let document = |length: &str, body: &str| {
        let head =
            "POST /v1.51/containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json";
        format!("{head}\r\n{length}\r\n\r\n{body}").into_bytes()
    };
    let fields = |count: usize| {
        let fields = "A: b\r\n".repeat(count);
        format!("GET /_ping HTTP/1.1\r\nHost: d\r\n{fields}\r\n").into_bytes()
    };
    let nested = "[".repeat(400_000);
    vec![
        (
            "no request",
            b"\x16\x03\x01\x02\x00\x01\r\n\r\n".to_vec(),
            400,
            "Bad Request",
        ),
        ("no version", get("/_ping"), 400, "Bad Request"),
        ("a version to come", get("/_ping HTTP/3.0"), 505, ""),
        ("no host", get("/_ping HTTP/1.1"), 400, "Host"),
        (
            "a long path",
            get(&format!("/{} HTTP/1.1\r\nHost: d", "x".repeat(200_000))),
            400,
            "",
        ),
        ("many fields", fields(2_000), 431, "Too Large"),
        (
            "a field that does not end",
            format!("GET /_ping HTTP/1.1\r\nX: {}", "y".repeat(1 << 21)).into_bytes(),
            431,
            "Too Large",
        ),
        (
            "a length that is none",
            document("Content-Length: -1", ""),
            400,
            "Bad Request",
        ),
        (
            "two lengths",
            document("Content-Length: 2\r\nContent-Length: 3", "{}"),
            400,
            "Bad Request",
        ),
        (
            "a length and chunks",
            document(
                "Content-Length: 2\r\nTransfer-Encoding: chunked",
                "2\r\n{}\r\n0\r\n\r\n",
            ),
            400,
            "",
        ),
        (
            "a length beyond all",
            document("Content-Length: 99999999999", "{"),
            400,
            "larger than",
        ),
        (
            "a chunk beyond all",
            document("Transfer-Encoding: chunked", "fffffffffffffffff\r\n"),
            400,
            "invalid JSON",
        ),
        (
            "a document that ends early",
            document("Content-Length: 1", "{"),
            400,
            "invalid JSON",
        ),
        (
            "a document of lists",
            document(&format!("Content-Length: {}", nested.len()), &nested),
            400,
            "invalid JSON",
        ),
        (
            "a document that is another",
            document("Content-Length: 2", "[]"),
            400,
            "invalid JSON",
        ),
        (
            "a path upwards",
            get("/v1.51/containers/..%2f..%2fetc/json HTTP/1.1\r\nHost: d"),
            404,
            "No such container",
        ),
        (
            "a version of the API that is none",
            get("/v9.99/info HTTP/1.1\r\nHost: d"),
            400,
            "too new",
        ),
    ]
}

/// Sends bytes and gives what comes until a head and `part` have come, or the other side has closed or is silent.
fn ask(daemon: &Daemon, bytes: &[u8], part: &str) -> String {
    let mut stream = UnixStream::connect(daemon.dir.join("s")).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    // Who is refused early is not read to the end.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while !["\r\n\r\n", part]
        .iter()
        .all(|text| String::from_utf8_lossy(&answer).contains(text))
    {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(count) => answer.extend(&piece[..count]),
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn each_malformed_or_oversize_request_has_its_answer() {
    malformed_or_oversize(Kernel::Linux);
}

#[test]
fn each_malformed_or_oversize_request_has_its_answer_in_a_simulated_machine() {
    malformed_or_oversize(Kernel::Sim);
}

fn malformed_or_oversize(kernel: Kernel) {
    if !kernel.possible() {
        return;
    }
    let daemon = Daemon::start_on(kernel);
    for (name, bytes, status, part) in requests() {
        let answer = ask(&daemon, &bytes, part);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{name}: {answer}"
        );
        assert!(answer.contains(part), "{name}: {answer}");
    }
    // A body without an end is refused before it fills the memory.
    let mut stream = UnixStream::connect(daemon.dir.join("s")).unwrap();
    let head = "POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json";
    write!(stream, "{head}\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
    let chunk = [b"10000\r\n".to_vec(), vec![b' '; 0x10000], b"\r\n".to_vec()].concat();
    let sent = (0..4_000)
        .take_while(|_| stream.write_all(&chunk).is_ok())
        .count();
    assert!(sent < 1_000, "{sent} chunks were taken");
    assert!(
        daemon.resident_kib() < max_resident_kib(kernel),
        "{}",
        daemon.resident_kib()
    );
    daemon.finish();
}

fn descriptors(daemon: &Daemon) -> usize {
    fs::read_dir(format!("/proc/{}/fd", daemon.pid()))
        .unwrap()
        .count()
}

/// As many connections as are taken, each with the beginning of a request.
fn wave(daemon: &Daemon) -> Vec<UnixStream> {
    let address = SocketAddrUnix::new(daemon.dir.join("s")).unwrap();
    let mut taken = Vec::new();
    for _ in 0..WAVE {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap();
        match connect(&socket, &address) {
            Ok(()) => {
                let mut stream = UnixStream::from(socket);
                let _ = stream.write_all(b"GET /_ping HTT");
                taken.push(stream);
            }
            // The queue is full.
            Err(Errno::AGAIN) => std::thread::sleep(Duration::from_millis(1)),
            Err(errno) => panic!("{errno}"),
        }
    }
    taken
}

#[test]
fn thousands_of_slow_clients_are_outlived() {
    slow_clients(Kernel::Linux);
}

#[test]
fn thousands_of_slow_clients_are_outlived_by_a_simulated_machine() {
    slow_clients(Kernel::Sim);
}

fn slow_clients(kernel: Kernel) {
    if !kernel.possible() {
        return;
    }
    let mut daemon = Daemon::place_on(kernel);
    let command = daemon.command();
    let mut limited = std::process::Command::new("sh");
    limited
        .args([
            "-c",
            &format!("ulimit -n {MAX_DESCRIPTORS}; exec \"$0\" \"$@\""),
        ])
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(std::process::Stdio::null())
        .stderr(fs::File::create(daemon.at("log")).unwrap());
    daemon.adopt(limited.spawn().unwrap());
    daemon.until("the daemon listens", |daemon| {
        UnixStream::connect(daemon.dir.join("s")).is_ok()
    });
    daemon.load();
    daemon.until("nobody is connected", |daemon| descriptors(daemon) < 30);
    for _ in 0..WAVES {
        let mut clients = wave(&daemon);
        assert!(clients.len() > MAX_DESCRIPTORS / 2, "{}", clients.len());
        assert!(
            daemon.resident_kib() < max_resident_kib(kernel),
            "{}",
            daemon.resident_kib()
        );
        // Some go, and then there is room for others, and one that was slow is answered, too.
        let mut slow = clients.remove(0);
        clients.clear();
        for byte in b"P/1.1\r\nHost: d\r\n\r\n" {
            slow.set_nonblocking(false).unwrap();
            slow.write_all(&[*byte]).unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
        let mut answer = [0; 15];
        slow.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200 OK");
    }
    daemon.until("nobody is connected", |daemon| descriptors(daemon) < 30);
    assert_eq!(
        daemon.ok(&["run", "--rm", "--network", "none", "busybox", "echo", "on"]),
        "on\n"
    );
    daemon.finish();
}

//! A daemon of its own for each test, on the real kernel, and requests to it.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running daemon; ended, and its directory removed, when the test is over.
pub struct Daemon {
    pub dir: PathBuf,
    process: Option<Child>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    /// The message of an error.
    pub fn message(&self) -> String {
        let value = self.json();
        value["message"].as_str().unwrap_or_default().to_string()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// Says that nothing was tested and why; in CI, where all that tests need is there, that is a failure.
pub fn pass_over(why: &str) {
    assert!(
        std::env::var_os("CI").is_none(),
        "nothing was tested: {why}"
    );
    eprintln!("nothing was tested: {why}");
}

/// Whether containers can be made here: needs root, overlayfs, and a static busybox. Elsewhere tests say so and pass,
/// but not in CI.
pub fn possible() -> bool {
    let root = Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout == b"0\n");
    let overlay =
        std::fs::read_to_string("/proc/filesystems").is_ok_and(|kinds| kinds.contains("overlay"));
    let possible = root && overlay && busybox().is_some();
    if !possible {
        pass_over("it needs root, overlayfs and busybox-static");
    }
    possible
}

fn busybox() -> Option<PathBuf> {
    ["/bin/busybox", "/usr/bin/busybox"]
        .iter()
        .map(PathBuf::from)
        .find(|path| path.exists())
}

impl Daemon {
    /// Starts a daemon with an empty root.
    pub fn start() -> Daemon {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "gd-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir(&dir).unwrap();
        let mut daemon = Daemon { dir, process: None };
        daemon.launch();
        daemon
    }

    fn at(&self, name: &str) -> String {
        self.dir.join(name).to_str().unwrap().to_string()
    }

    /// Starts the daemon's process, again or for the first time, and waits until it listens.
    pub fn launch(&mut self) {
        self.spawn();
        self.wait_until_it_listens();
    }

    /// Starts a daemon that cannot run; gives its exit code.
    pub fn launch_in_vain(&mut self) -> Option<i32> {
        self.spawn();
        self.process.take().unwrap().wait().unwrap().code()
    }

    fn spawn(&mut self) {
        let program = std::env::current_exe().unwrap();
        let program = program
            .parent()
            .unwrap()
            .parent()
            .unwrap()
            .join("examples/dockerd-dev");
        let process = Command::new(&program)
            .arg0("dockerd-dev")
            .args([
                "dockerd",
                "--host",
                &self.at("s"),
                "--data-root",
                &self.at("data"),
            ])
            .args([
                "--exec-root",
                &self.at("run"),
                "--shim",
                program.to_str().unwrap(),
            ])
            .args(["--runtime", program.to_str().unwrap()])
            .stdin(Stdio::null())
            .spawn();
        self.process =
            Some(process.unwrap_or_else(|error| panic!("{}: {error}", program.display())));
    }

    fn wait_until_it_listens(&self) {
        let begin = Instant::now();
        while UnixStream::connect(self.dir.join("s")).is_err() {
            assert!(begin.elapsed() < PATIENCE, "the daemon does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends the daemon with a signal, by its name.
    pub fn end(&mut self, signal: &str) -> Option<i32> {
        let mut process = self.process.take().unwrap();
        let pid = process.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", signal, &pid])
                .status()
                .unwrap()
                .success()
        );
        process.wait().unwrap().code()
    }

    /// An open connection after a request was sent.
    pub fn send(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> UnixStream {
        let mut stream = UnixStream::connect(self.dir.join("s")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        // A request that is refused at once is answered before all of it is sent.
        let _ = stream.write_all(body);
        stream
    }

    /// A request, and its whole answer.
    pub fn request(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        let headers = format!("{headers}Connection: close\r\n");
        let mut stream = self.send(method, path, &headers, body);
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        parse(&answer)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path, "", b"")
    }

    pub fn post(&self, path: &str) -> Answer {
        self.request("POST", path, "", b"")
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.request("DELETE", path, "", b"")
    }

    pub fn post_json(&self, path: &str, json: &str) -> Answer {
        self.request(
            "POST",
            path,
            "Content-Type: application/json\r\n",
            json.as_bytes(),
        )
    }

    /// Imports busybox as `busybox:latest`.
    pub fn import_busybox(&self) {
        let mut archive = tar::Builder::new(Vec::new());
        let program = std::fs::read(busybox().unwrap()).unwrap();
        let mut entry = |name: &str, kind: tar::EntryType, data: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(data.len() as u64);
            header.set_mode(if name.starts_with("bin/") {
                0o755
            } else {
                0o644
            });
            header.set_cksum();
            if kind == tar::EntryType::Symlink {
                archive.append_link(&mut header, name, "busybox").unwrap();
            } else {
                archive.append_data(&mut header, name, data).unwrap();
            }
        };
        entry("bin/busybox", tar::EntryType::Regular, &program);
        for applet in [
            "sh", "cat", "echo", "true", "sleep", "id", "env", "pwd", "hostname", "ls", "ps",
        ] {
            entry(&format!("bin/{applet}"), tar::EntryType::Symlink, b"");
        }
        entry(
            "etc/passwd",
            tar::EntryType::Regular,
            b"root:x:0:0::/root:/bin/sh\nweb:x:33:34::/w:/bin/sh\n",
        );
        let archive = archive.into_inner().unwrap();
        let path = "/images/create?fromSrc=-&repo=busybox&changes=CMD%20%5B%22sh%22%5D";
        let answer = self.request("POST", path, "", &archive);
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Makes a container without networks; gives its id.
    pub fn create(&self, name: &str, config: &str) -> String {
        let json =
            format!(r#"{{"Image":"busybox","HostConfig":{{"NetworkMode":"none"}},{config}}}"#);
        let answer = self.post_json(&format!("/containers/create?name={name}"), &json);
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["Id"].as_str().unwrap().to_string()
    }

    /// Runs a shell's command to its end; gives the exit code and the log.
    pub fn run(&self, name: &str, command: &str) -> (i64, String) {
        let words = serde_json::to_string(command).unwrap();
        self.create(name, &format!(r#""Tty":true,"Cmd":["sh","-c",{words}]"#));
        let started = self.post(&format!("/containers/{name}/start"));
        assert_eq!(started.status, 204, "{started:?}");
        let code = self.wait(name);
        (
            code,
            self.get(&format!("/containers/{name}/logs?stdout=1&stderr=1"))
                .body,
        )
    }

    /// Waits for a container's end.
    pub fn wait(&self, name: &str) -> i64 {
        self.post(&format!("/containers/{name}/wait")).json()["StatusCode"]
            .as_i64()
            .unwrap()
    }

    /// Waits until something is true.
    pub fn until(&self, what: &str, is: impl Fn(&Daemon) -> bool) {
        let begin = Instant::now();
        while !is(self) {
            assert!(begin.elapsed() < PATIENCE, "not in time: {what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// A field of a container's state.
    pub fn state(&self, name: &str) -> serde_json::Value {
        self.get(&format!("/containers/{name}/json")).json()["State"].clone()
    }

    /// Names below a directory of the daemon's.
    pub fn names(&self, below: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.join(below)).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Mounts below the daemon's directory.
    pub fn mounts(&self) -> Vec<String> {
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        let dir = self.at("");
        mounts
            .lines()
            .filter(|line| {
                line.split(' ')
                    .nth(1)
                    .is_some_and(|at| at.starts_with(&dir))
            })
            .map(str::to_string)
            .collect()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.process.is_some() {
            // Stops the containers, too.
            self.end("TERM");
        }
        for mount in self.mounts() {
            let _ = Command::new("umount")
                .arg("-l")
                .arg(mount.split(' ').nth(1).unwrap_or_default())
                .status();
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Takes an answer apart, with its chunks joined.
pub fn parse(answer: &[u8]) -> Answer {
    let end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .expect("a head");
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut rest = &answer[end + 4..];
    let mut body = Vec::new();
    if head.to_lowercase().contains("transfer-encoding: chunked") {
        while let Some(line) = rest.windows(2).position(|window| window == b"\r\n") {
            let size =
                usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
            if size == 0 {
                break;
            }
            body.extend_from_slice(&rest[line + 2..line + 2 + size]);
            rest = &rest[line + 2 + size + 2..];
        }
    } else {
        body.extend_from_slice(rest);
    }
    Answer {
        status,
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}

/// Reads until a text has come.
pub fn read_until(stream: &mut UnixStream, text: &str) -> String {
    let mut all = Vec::new();
    let mut piece = [0; 4096];
    while !String::from_utf8_lossy(&all).contains(text) {
        let count = stream.read(&mut piece).unwrap();
        assert!(
            count > 0,
            "ended before {text:?}: {}",
            String::from_utf8_lossy(&all)
        );
        all.extend_from_slice(&piece[..count]);
    }
    String::from_utf8_lossy(&all).into_owned()
}

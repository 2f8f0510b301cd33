//! runc's command line, ours and the real one's. Needs root and a static busybox.

#![cfg(target_os = "linux")]

mod escapes;
mod hostile;
mod mapped;

use glassdock_abi::call::Received;
use glassdock_abi::flags::MsgFlags;
use glassdock_abi::types::SockAddr;
use glassdock_abi::{Call, Io, Sys};
use glassdock_linux::Direct;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

const GLASSDOCK: &str = env!("CARGO_BIN_EXE_glassdock");
/// Commands with what they must do; `$R` is the runtime.
const SESSION: &str = include_str!("session.txt");
/// Makes the bundles.
const BUNDLES: &str = include_str!("bundles.sh");

/// Whether containers can be made here. Elsewhere tests say so and pass, but not in CI.
fn possible() -> bool {
    let possible = rustix::process::geteuid().is_root() && Path::new("/bin/busybox").exists();
    if !possible {
        let why = "it needs root and busybox-static";
        assert!(
            std::env::var_os("CI").is_none(),
            "nothing was tested: {why}"
        );
        eprintln!("nothing was tested: {why}");
    }
    possible
}

/// A directory with bundles; removed at the end.
struct Place {
    dir: PathBuf,
    /// The runtime's command.
    runtime: String,
}

impl Place {
    fn new(runtime: &str) -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // As long for every process: errors tell columns of files that have the name in them.
        let dir = PathBuf::from(format!("/tmp/gdr{:07}-{number}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        let place = Place {
            runtime: format!("{runtime} --root {}/state", dir.display()),
            dir,
        };
        let made = place.shell(BUNDLES);
        assert!(made.status.success(), "{made:?}");
        place
    }

    /// A bundle of this name, as `hello` but for changes: each a place in `config.json` (RFC 6901; `-` is after a list's
    /// end) and what stands there then.
    fn bundle(&self, name: &str, changes: &[(&str, serde_json::Value)]) {
        let copied = self.shell(&format!("cp -a hello {name}"));
        assert!(copied.status.success(), "{copied:?}");
        let path = self.dir.join(name).join("config.json");
        let mut config: serde_json::Value =
            serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        config["linux"]["cgroupsPath"] =
            format!("/{}-{name}", self.dir.file_name().unwrap().display()).into();
        for (place, value) in changes {
            let (above, last) = place.rsplit_once('/').unwrap();
            match config.pointer_mut(above).unwrap() {
                serde_json::Value::Array(list) if last == "-" => list.push(value.clone()),
                serde_json::Value::Array(list) => {
                    list[last.parse::<usize>().unwrap()] = value.clone()
                }
                other => other[last] = value.clone(),
            }
        }
        fs::write(path, config.to_string()).unwrap();
    }

    /// Runs a line of shell. Its output goes to files: a container that it leaves behind has the streams, too, so
    /// that a pipe would not end.
    fn shell(&self, line: &str) -> Output {
        let [out, err] = ["out", "err"].map(|name| self.dir.join(name));
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(&self.dir);
        command
            .env("R", &self.runtime)
            .env("GLASSDOCK", GLASSDOCK)
            .env("G", self.dir.file_name().unwrap())
            .stdin(Stdio::null())
            .stdout(fs::File::create(&out).unwrap())
            .stderr(fs::File::create(&err).unwrap());
        Output {
            status: command.status().unwrap(),
            stdout: fs::read(out).unwrap(),
            stderr: fs::read(err).unwrap(),
        }
    }

    /// What must be as before: states, mounts, and processes that lie in the directory or mention it.
    fn left(&self) -> Vec<String> {
        let dir = format!("{}/", self.dir.display());
        let text = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let mounts = text.lines().filter(|line| line.contains(&dir));
        let mut left: Vec<String> = mounts.map(str::to_owned).collect();
        let states = fs::read_dir(self.dir.join("state")).into_iter().flatten();
        left.extend(states.map(|entry| format!("{:?}", entry.unwrap().path())));
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            if String::from_utf8_lossy(&line).contains(&dir) {
                left.push(format!("{entry:?}"));
            }
        }
        left
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.shell("for id in $($R list -q); do $R delete -f $id; done");
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\r', "")
}

fn lines() -> impl Iterator<Item = &'static str> {
    SESSION.lines().filter_map(|line| line.strip_prefix("$ "))
}

#[test]
fn a_session_does_what_it_should() {
    if !possible() {
        return;
    }
    let place = Place::new(&format!("{GLASSDOCK} runtime"));
    let dir = format!("{}/", place.dir.display());
    let mut transcript = String::new();
    for line in lines() {
        let output = place.shell(line);
        let _ = writeln!(transcript, "$ {line}");
        transcript.push_str(&text(&output.stdout));
        for line in text(&output.stderr).lines() {
            let (_, message) = line.split_once("level=").unwrap_or(("", line));
            let _ = writeln!(transcript, "! {message}");
        }
        match output.status.code() {
            Some(0) => {}
            code => {
                let _ = writeln!(transcript, "[{}]", code.unwrap_or(-1));
            }
        }
    }
    let name = place.dir.file_name().unwrap().to_str().unwrap();
    let transcript = transcript.replace(&dir, "<DIR>/").replace(name, "<G>");
    expect_test::expect_file!["session.txt"].assert_eq(&transcript);
    assert_eq!(place.left(), [""; 0]);
}

/// The same lines with the real runc (1.1.5 was tried): output and exit codes are the same; texts of errors are its own.
#[test]
fn the_session_is_the_same_with_runc() {
    if !possible() {
        return;
    }
    if Command::new("runc").arg("--version").output().is_err() {
        eprintln!("nothing was compared: there is no runc");
        return;
    }
    let places = [
        Place::new(&format!("{GLASSDOCK} runtime")),
        Place::new("runc"),
    ];
    let [ours, real] = places.map(|place| {
        let mut told = String::new();
        for line in lines() {
            let output = place.shell(line);
            let code = output.status.code();
            let _ = writeln!(told, "$ {line}\n{}{code:?}", text(&output.stdout));
        }
        told
    });
    assert_eq!(ours, real);
}

#[test]
fn a_created_containers_terminal_goes_to_the_console_socket() {
    if !possible() {
        return;
    }
    let place = Place::new(&format!("{GLASSDOCK} runtime"));
    let sys = Direct::new().unwrap();
    let console = sys.block_on(async {
        let listener = sys.socket_stream().await.unwrap();
        let path = place.dir.join("console");
        let address = SockAddr::Unix(path.to_str().unwrap().into());
        sys.bind(listener.fd(), address).await.unwrap();
        sys.listen(listener.fd(), 1).await.unwrap();
        let made = place.shell("$R create -b tty --console-socket console c1");
        assert!(made.status.success(), "{made:?}");
        let connection = sys.accept4(listener.fd()).await.unwrap();
        let call = Call::Recvmsg {
            fd: connection.fd(),
            count: 100,
            flags: MsgFlags::CMSG_CLOEXEC,
        };
        let Received { fds, .. } = *sys.call(call).await.unwrap().msg().unwrap();
        assert_eq!(fds.len(), 1);
        sys.own(fds[0])
    });
    assert!(place.shell("$R start c1").status.success());
    let told = sys.block_on(async {
        let mut told = Vec::new();
        // Its end is an error: nobody has the terminal open any more.
        while let Ok(part) = sys.read(console.fd(), 100).await {
            told.extend(part);
        }
        told
    });
    assert_eq!(text(&told), "/dev/pts/0\n");
    let gone = place.shell("until $R state c1 | grep -q stopped; do :; done; $R delete c1");
    assert!(gone.status.success(), "{gone:?}");
    assert_eq!(place.left(), [""; 0]);
}

#[test]
fn of_several_who_make_the_same_container_one_does() {
    if !possible() {
        return;
    }
    let place = Place::new(&format!("{GLASSDOCK} runtime"));
    let several = "for i in 1 2 3 4; do { $R create -b wait c1 && echo made; } & done; wait";
    for _ in 0..5 {
        let output = place.shell(several);
        assert_eq!(text(&output.stdout), "made\n", "{output:?}");
        let refused = text(&output.stderr);
        let known = refused
            .lines()
            .filter(|line| line.contains("already exists: c1"));
        assert_eq!(known.count(), 3, "{refused}");
        let gone = place.shell("$R start c1 && $R delete -f c1 && ls -d /sys/fs/cgroup/*/$G-wait");
        assert_eq!(text(&gone.stdout), "", "{gone:?}");
    }
    assert_eq!(place.left(), [""; 0]);
}

#[test]
fn errors_go_to_the_log_in_the_form_that_is_asked_for() {
    if !possible() {
        return;
    }
    let place = Place::new(&format!("{GLASSDOCK} runtime"));
    let output =
        place.shell("$R --log log --log-format json state none; $R --log log start none; cat log");
    assert_eq!(
        text(&output.stderr),
        "container does not exist: none\n".repeat(2)
    );
    let log = text(&output.stdout);
    let (json, plain) = log.split_once('\n').unwrap();
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(
        (&json["level"], &json["msg"]),
        (&"error".into(), &"container does not exist: none".into())
    );
    let (_, plain) = plain.split_once(' ').unwrap();
    assert_eq!(
        plain,
        "level=error msg=\"container does not exist: none\"\n"
    );
}

#[test]
fn what_is_supported_is_told_and_what_is_not_is_refused() {
    if !possible() {
        return;
    }
    let place = Place::new(&format!("{GLASSDOCK} runtime"));
    let features = place.shell("$R features").stdout;
    let features: serde_json::Value = serde_json::from_slice(&features).unwrap();
    let kinds: Vec<&str> = features["linux"]["namespaces"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|kind| kind.as_str())
        .collect();
    assert_eq!(
        kinds,
        [
            "pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"
        ]
    );
    assert_eq!(
        features["linux"]["capabilities"].as_array().unwrap().len(),
        41
    );
    for command in ["checkpoint", "restore"] {
        let output = place.shell(&format!("$R {command} c1"));
        assert_eq!(output.status.code(), Some(1));
        let told = text(&output.stderr);
        assert!(
            told.contains(&format!("{command}: not supported: ")),
            "{told}"
        );
    }
}

//! A daemon of its own for each test, and clients of it.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The program.
pub const GLASSDOCK: &str = env!("CARGO_BIN_EXE_glassdock");

/// Whether containers can be made here. Elsewhere tests say so and pass, but not in CI.
pub fn possible() -> bool {
    if rustix::process::geteuid().is_root() {
        return simulable();
    }
    not_tested("it needs root")
}

/// Whether a machine can be simulated, which needs nothing but its images.
pub fn simulable() -> bool {
    image().exists() || not_tested("it needs the images: cargo xtask images")
}

fn not_tested(why: &str) -> bool {
    assert!(
        std::env::var_os("CI").is_none(),
        "nothing was tested: {why}"
    );
    eprintln!("nothing was tested: {why}");
    false
}

/// Whether the real client is here, in a version with the texts that are expected. No package of the system's has it,
/// so a machine without it is no failure: our own client does all the same then.
pub fn real_client() -> bool {
    static REAL: OnceLock<bool> = OnceLock::new();
    *REAL.get_or_init(|| {
        let version = Command::new("docker").arg("--version").output();
        let real = version.is_ok_and(|output| output.stdout.starts_with(b"Docker version 28."));
        if !real {
            eprintln!("there is no docker client of version 28: our own is taken");
        }
        real
    })
}

/// Where the images are.
pub fn images() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../www/generated/images")
}

/// What `docker load` reads.
fn image() -> PathBuf {
    images().join("busybox.tar.gz")
}

/// What one command did.
#[derive(Debug)]
pub struct Done {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl From<Output> for Done {
    fn from(output: Output) -> Done {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Done {
            code: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

/// What a daemon runs containers on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kernel {
    /// This machine's.
    Linux,
    /// A simulated one.
    Sim,
}

impl Kernel {
    /// Whether containers can be made on it.
    pub fn possible(self) -> bool {
        match self {
            Kernel::Linux => possible(),
            Kernel::Sim => simulable(),
        }
    }
}

/// A daemon with a directory of its own. Its end is checked: nothing may be left.
pub struct Daemon {
    pub dir: PathBuf,
    kernel: Kernel,
    process: Option<Child>,
    /// What was started beside the tests' own thread, to be ended with the test.
    pub others: Vec<Child>,
}

impl Daemon {
    /// A directory without a daemon.
    pub fn place() -> Daemon {
        Daemon::place_on(Kernel::Linux)
    }

    /// A directory without a daemon on this kernel.
    pub fn place_on(kernel: Kernel) -> Daemon {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // A short path: an exec root has 24 bytes.
        let dir = PathBuf::from(format!("/tmp/gd{}-{number}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        Daemon {
            dir,
            kernel,
            process: None,
            others: Vec::new(),
        }
    }

    /// A running daemon with the image `busybox`.
    pub fn start() -> Daemon {
        Daemon::start_on(Kernel::Linux)
    }

    /// The same on this kernel.
    pub fn start_on(kernel: Kernel) -> Daemon {
        let mut daemon = Daemon::place_on(kernel);
        daemon.launch();
        daemon.load();
        daemon
    }

    /// Gives the daemon the image `busybox`.
    pub fn load(&self) {
        let image = image();
        let loaded = self.docker(&["load", "-q", "-i", image.to_str().unwrap()]);
        assert_eq!(loaded.code, Some(0), "{loaded:?}");
    }

    pub fn at(&self, name: &str) -> String {
        self.dir.join(name).to_str().unwrap().to_owned()
    }

    /// The command that starts the daemon.
    pub fn command(&self) -> Command {
        let mut command = Command::new(GLASSDOCK);
        let host = format!("unix://{}", self.at("s"));
        command
            .args(["daemon", "--host", &host])
            .stdin(Stdio::null());
        match self.kernel {
            Kernel::Linux => {
                command.args(["--root", &self.at("root"), "--exec-root", &self.at("x")])
            }
            Kernel::Sim => command
                .args(["--kernel", "sim", "--pidfile", &self.at("pid")])
                .arg("--images")
                .arg(images()),
        };
        command
    }

    /// Starts the daemon, again or for the first time, and waits until it listens.
    pub fn launch(&mut self) {
        let log = fs::File::options()
            .append(true)
            .create(true)
            .open(self.at("log"))
            .unwrap();
        self.process = Some(self.command().stderr(log).spawn().unwrap());
        self.until("the daemon listens", |daemon| {
            UnixStream::connect(daemon.dir.join("s")).is_ok()
        });
    }

    /// Takes over a daemon that was started from [`Daemon::command`].
    pub fn adopt(&mut self, process: Child) {
        self.process = Some(process);
    }

    /// The daemon's process.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    /// Ends the daemon with a signal, by its number; gives its exit code.
    pub fn end(&mut self, signal: rustix::process::Signal) -> Option<i32> {
        let mut process = self.process.take().unwrap();
        let pid = rustix::process::Pid::from_child(&process);
        rustix::process::kill_process(pid, signal).unwrap();
        process.wait().unwrap().code()
    }

    /// A command that talks to this daemon.
    pub fn client(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("DOCKER_HOST", format!("unix://{}", self.at("s")))
            .env("DOCKER_CONFIG", self.at("config"))
            .current_dir(&self.dir)
            .stdin(Stdio::null());
        command
    }

    /// The client: the real one, or ours where there is none.
    pub fn client_command(&self) -> Command {
        if real_client() {
            return self.client("docker");
        }
        let mut ours = self.client(GLASSDOCK);
        ours.arg("docker");
        ours
    }

    /// Runs the client to its end.
    pub fn docker(&self, args: &[&str]) -> Done {
        self.client_command().args(args).output().unwrap().into()
    }

    /// Runs the client, which must succeed; gives its output.
    pub fn ok(&self, args: &[&str]) -> String {
        let done = self.docker(args);
        assert_eq!((done.code, &*done.err), (Some(0), ""), "{args:?}: {done:?}");
        done.out
    }

    /// Runs a line of shell to its end.
    pub fn shell(&self, line: &str) -> Done {
        self.client("sh")
            .args(["-c", line])
            .output()
            .unwrap()
            .into()
    }

    /// Resident memory of the daemon's process in KiB.
    pub fn resident_kib(&self) -> usize {
        self.status("VmRSS:")
            .trim_end_matches("kB")
            .trim()
            .parse()
            .unwrap()
    }

    /// A line of what the kernel tells of the daemon's process.
    pub fn status(&self, name: &str) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim().to_owned()
    }

    /// Waits until something is true.
    pub fn until(&self, what: &str, is: impl Fn(&Daemon) -> bool) {
        let begin = Instant::now();
        while !is(self) {
            let log = fs::read_to_string(self.at("log")).unwrap_or_default();
            assert!(begin.elapsed() < PATIENCE, "not in time: {what}\n{log}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Mounts that lie in the daemon's directory or come from it.
    pub fn mounts(&self) -> Vec<String> {
        self.mentioned_in(Path::new("/proc/self/mountinfo"))
    }

    fn mentioned_in(&self, path: &Path) -> Vec<String> {
        let text = fs::read_to_string(path).unwrap_or_default();
        let dir = format!("{}/", self.dir.display());
        let lines = text.lines().filter(|line| line.contains(&dir));
        lines.map(str::to_owned).collect()
    }

    /// Processes that were started for this daemon, or run in one of its containers.
    pub fn processes(&self) -> Vec<String> {
        let dir = format!("{}/", self.dir.display());
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            let inside = !self
                .mentioned_in(&entry.path().join("mountinfo"))
                .is_empty();
            if line.contains(&dir) || inside {
                found.push(format!("{} {line}", entry.file_name().display()));
            }
        }
        found
    }

    /// Removes all containers, ends the daemon as a service would be ended, and checks that nothing is left of it.
    pub fn finish(mut self) {
        let all = self.ok(&["ps", "-aq"]);
        for id in all.lines() {
            self.ok(&["rm", "-f", id]);
        }
        for other in &mut self.others {
            let _ = other.kill();
            let _ = other.wait();
        }
        assert_eq!(self.end(rustix::process::Signal::TERM), Some(0));
        // A mount that a process of the daemon's still holds would be seen in that process.
        assert_eq!(self.mounts(), [""; 0]);
        self.until("all processes have ended", |daemon| {
            daemon.processes().is_empty()
        });
        assert!(!self.dir.join("s").exists() && !self.dir.join("pid").exists());
        for place in ["x/runtime", "x/bundles", "root/containers"] {
            assert_eq!(self.names(place), [""; 0], "{place}");
        }
        let directories = |name: &String| ["bundles", "runtime"].contains(&name.as_str());
        assert!(
            self.names("x").iter().all(directories),
            "{:?}",
            self.names("x")
        );
    }

    /// Names in a directory, which need not exist.
    fn names(&self, below: &str) -> Vec<String> {
        let entries = fs::read_dir(self.dir.join(below)).into_iter().flatten();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        for other in &mut self.others {
            let _ = other.kill();
            let _ = other.wait();
        }
        if self.process.is_some() {
            // Stops the containers, too.
            self.end(rustix::process::Signal::TERM);
        }
        for mount in self.mounts() {
            let _ = Command::new("umount")
                .arg("-l")
                .arg(mount.split(' ').nth(4).unwrap_or_default())
                .status();
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Evens out what differs from run to run: ids and ages.
pub fn even(text: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_alphanumeric() {
            word.push(c);
            continue;
        }
        let hex = word.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        match word.len() {
            64 if hex => out.push_str("<ID>"),
            12 if hex => out.push_str("<SHORT>"),
            _ => out.push_str(&word),
        }
        word.clear();
        out.push(c);
    }
    out.pop();
    out
}

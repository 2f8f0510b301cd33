//! Containers on this machine's kernel: the runtime beside runc, crun and what the calls alone cost; the daemon beside dockerd.
//!
//! Needs root, busybox-static, a C compiler, and what there is to compare with: runc, crun, dockerd, the docker client. What is not here
//! is left out. Everything runs with the control groups of version 1 alone, since crun refuses both at once. Runs of the
//! peers take turns, and the median counts.

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    measure::run()
}

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
mod measure {
    use serde_json::{Value, json};
    use std::error::Error;
    use std::fs;
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;
    use std::path::{Path, PathBuf};
    use std::process::{Child, Command, Stdio};
    use std::time::{Duration, Instant};

    type Result<T> = core::result::Result<T, Box<dyn Error>>;

    const GLASSDOCK: &str = env!("CARGO_BIN_EXE_glassdock");
    const BUSYBOX: &str = "/bin/busybox";
    /// Tells this program that it runs in its own view of mounts.
    const INSIDE: &str = "GLASSDOCK_BENCH_INSIDE";
    /// The network namespace of the other daemon.
    const NETWORK: &str = "glassdock-bench";
    /// Runs of each kind.
    const RUNS: usize = 40;
    const CLIENT_RUNS: usize = 15;
    const IMPORTS: usize = 3;
    const STOPPED: usize = 100;
    /// Bytes of the archive that is imported.
    const ARCHIVE: usize = 100 << 20;
    const PATIENCE: Duration = Duration::from_secs(30);
    /// Between runs of a runtime that take turns: the kernel has ended what it does for the last one, and is as it is when a
    /// container is started now and then.
    const PAUSE: Duration = Duration::from_millis(50);

    pub fn run() -> Result<()> {
        if std::env::var_os(INSIDE).is_none() {
            return again();
        }
        let place = Place::new()?;
        println!(
            "{}",
            json!({"about": "Containers of busybox on this machine's kernel; medians."})
        );
        runtimes(&place)?;
        daemons(&place)?;
        println!(
            "{}",
            json!({"note": format!(
                "`run` of a runtime is create, start and delete of `true`, with {PAUSE:?} before each, or without; the calls alone are \
                 those of a C program that decides nothing. Daemons are driven by the same client with `--network none`. Medians of {RUNS} runs of a runtime and {CLIENT_RUNS} of the client."
            )})
        );
        Ok(())
    }

    /// Starts this program in a view of mounts without the second hierarchy of control groups.
    fn again() -> Result<()> {
        let script = "umount /sys/fs/cgroup/unified 2>/dev/null; exec \"$@\"";
        let status = Command::new("unshare")
            .args(["-m", "--propagation", "private", "sh", "-c", script, "sh"])
            .arg(std::env::current_exe()?)
            .env(INSIDE, "1")
            .status()?;
        std::process::exit(status.code().unwrap_or(1));
    }

    struct Place {
        disk: PathBuf,
        /// In memory, as `/run` is: for what runtimes and daemons keep of what runs.
        memory: PathBuf,
    }

    impl Place {
        fn new() -> Result<Place> {
            let name = format!("gdb{}", std::process::id());
            let place = Place {
                disk: Path::new("/tmp").join(&name),
                memory: Path::new("/dev/shm").join(&name),
            };
            fs::create_dir(&place.memory)?;
            let bin = place.disk.join("bundle/rootfs/bin");
            fs::create_dir_all(&bin)?;
            for dir in ["proc", "dev", "sys", "tmp", "etc"] {
                fs::create_dir(place.disk.join("bundle/rootfs").join(dir))?;
            }
            fs::copy(BUSYBOX, bin.join("busybox"))?;
            for applet in ["true", "sh", "sleep"] {
                std::os::unix::fs::symlink("busybox", bin.join(applet))?;
            }
            Ok(place)
        }
        fn at(&self, name: &str) -> String {
            self.disk.join(name).display().to_string()
        }
        fn in_memory(&self, name: &str) -> String {
            self.memory.join(name).display().to_string()
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.disk);
            let _ = fs::remove_dir_all(&self.memory);
        }
    }

    fn there(program: &str) -> bool {
        Command::new(program).arg("--version").output().is_ok()
    }

    /// Runs a command, which must succeed; milliseconds that it took.
    fn took(command: &mut Command) -> Result<f64> {
        let begin = Instant::now();
        let output = command.stdin(Stdio::null()).output()?;
        let time = begin.elapsed().as_secs_f64() * 1e3;
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("{command:?}: {error}").into());
        }
        Ok(time)
    }

    fn median(mut times: Vec<f64>) -> f64 {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    }

    fn row(row: &str, columns: &[(&str, f64)]) {
        for (column, value) in columns {
            println!("{}", json!({"row": row, "column": column, "value": value}));
        }
    }

    type Run<'a> = Box<dyn FnMut() -> Result<f64> + 'a>;

    type Peers<'a> = Vec<(&'static str, Run<'a>)>;

    /// Lets peers take turns; their medians.
    fn turns(peers: Peers<'_>, runs: usize) -> Result<Vec<(&'static str, f64)>> {
        let mut peers: Vec<_> = peers
            .into_iter()
            .map(|(name, run)| (name, run, Vec::new()))
            .collect();
        for turn in 0..=runs {
            for (_, run, times) in &mut peers {
                let time = run()?;
                // The first is for what is not in memory yet.
                if turn > 0 {
                    times.push(time);
                }
            }
        }
        Ok(peers
            .into_iter()
            .map(|(name, _, times)| (name, median(times)))
            .collect())
    }

    fn runtimes(place: &Place) -> Result<()> {
        let bundle = place.at("bundle");
        configure(&bundle)?;
        let floor = place.at("floor");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/floor.c");
        took(Command::new("cc").args(["-O2", "-static", "-o", &floor, source]))?;
        let groups = || {
            let all = fs::read_dir("/sys/fs/cgroup")
                .into_iter()
                .flatten()
                .flatten();
            all.map(|entry| entry.path().join("glassdock-floor"))
                .filter(|path| path.parent().is_some_and(|dir| dir.join("tasks").exists()))
                .collect::<Vec<_>>()
        };
        let rootfs = format!("{bundle}/rootfs");
        let mut peers: Peers<'_> = Vec::new();
        for (name, program, prefix) in [
            ("ours", GLASSDOCK, Some("runtime")),
            ("crun", "crun", None),
            ("runc", "runc", None),
        ] {
            if !there(program) {
                continue;
            }
            let state = place.in_memory(&format!("state-{name}"));
            let bundle = bundle.clone();
            let run = move || {
                let mut command = Command::new(program);
                command
                    .args(prefix)
                    .args(["--root", &state, "run", "-b", &bundle, "bench"]);
                took(&mut command)
            };
            peers.push((name, Box::new(run)));
        }
        peers.push((
            "the calls alone",
            Box::new(move || took(Command::new(&floor).arg(&rootfs).args(groups()))),
        ));
        let mut alone = Vec::new();
        for (name, run) in &mut peers {
            let again: Run<'_> = Box::new(&mut *run);
            alone.extend(turns(vec![(*name, again)], RUNS)?);
        }
        let rested = peers.into_iter().map(|(name, mut run)| -> (_, Run<'_>) {
            let run = move || {
                std::thread::sleep(PAUSE);
                run()
            };
            (name, Box::new(run))
        });
        row("run of a runtime, ms", &turns(rested.collect(), RUNS)?);
        row("runs of it in a row, ms", &alone);
        Ok(())
    }

    /// The configuration that runc begins with, without what this machine's bounding set lacks, and without a terminal.
    fn configure(bundle: &str) -> Result<()> {
        took(Command::new(GLASSDOCK).args(["runtime", "spec", "-b", bundle]))?;
        let path = format!("{bundle}/config.json");
        let mut config: Value = serde_json::from_slice(&fs::read(&path)?)?;
        // The newest that all of them take.
        config["ociVersion"] = json!("1.0.2");
        config["process"]["terminal"] = json!(false);
        config["process"]["args"] = json!(["true"]);
        config["linux"]["cgroupsPath"] = json!("/glassdock-bench");
        config["process"]["rlimits"] = json!([]);
        Ok(fs::write(path, config.to_string())?)
    }

    /// A daemon under measurement.
    struct Daemon {
        name: &'static str,
        process: Child,
        socket: String,
    }

    /// The network namespace of the other daemon; it goes with this.
    struct Network;

    impl Network {
        fn new() -> Result<Network> {
            took(Command::new("ip").args(["netns", "add", NETWORK]))?;
            let network = Network;
            took(Command::new("ip").args(["-n", NETWORK, "link", "set", "lo", "up"]))?;
            Ok(network)
        }
    }

    impl Drop for Network {
        fn drop(&mut self) {
            let _ = Command::new("ip").args(["netns", "del", NETWORK]).status();
        }
    }

    impl Drop for Daemon {
        fn drop(&mut self) {
            let _ = Command::new("kill")
                .arg(self.process.id().to_string())
                .status();
            let _ = self.process.wait();
        }
    }

    impl Daemon {
        fn start(name: &'static str, mut command: Command, socket: String) -> Result<Daemon> {
            let process = command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()?;
            let daemon = Daemon {
                name,
                process,
                socket,
            };
            let begin = Instant::now();
            while daemon.request("GET", "/_ping").is_err() {
                if begin.elapsed() > PATIENCE {
                    return Err(format!("{name} does not answer").into());
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            Ok(daemon)
        }

        fn client(&self) -> Command {
            let mut command = if there("docker") {
                Command::new("docker")
            } else {
                let mut ours = Command::new(GLASSDOCK);
                ours.arg("docker");
                ours
            };
            command.env("DOCKER_HOST", format!("unix://{}", self.socket));
            command
        }

        fn docker(&self, args: &[&str]) -> Result<f64> {
            took(self.client().args(args))
        }

        /// One request on a connection of its own; milliseconds.
        fn request(&self, method: &str, path: &str) -> Result<f64> {
            let begin = Instant::now();
            let mut stream = UnixStream::connect(&self.socket)?;
            write!(
                stream,
                "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            )?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer)?;
            let time = begin.elapsed().as_secs_f64() * 1e3;
            if !answer.starts_with(b"HTTP/1.1 20") {
                return Err(String::from_utf8_lossy(&answer).into_owned().into());
            }
            Ok(time)
        }

        /// Resident memory in MB.
        fn resident(&self) -> Result<f64> {
            memory(self.process.id(), "status", &["VmRSS:"])
        }
    }

    /// The sum of lines of a file of a process that count kB, in MB.
    fn memory(pid: u32, file: &str, names: &[&str]) -> Result<f64> {
        let text = fs::read_to_string(format!("/proc/{pid}/{file}"))?;
        let lines = text
            .lines()
            .filter(|line| names.iter().any(|name| line.starts_with(name)));
        let kilobytes =
            lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
        Ok(kilobytes.sum::<f64>() / 1024.0)
    }

    fn ours(place: &Place) -> Result<Daemon> {
        let socket = place.at("ours.sock");
        let mut command = Command::new(GLASSDOCK);
        command.args(["daemon", "--host", &format!("unix://{socket}")]);
        command.args([
            "--root",
            &place.at("ours"),
            "--exec-root",
            &place.in_memory("x"),
        ]);
        Daemon::start("ours", command, socket)
    }

    fn dockerd(place: &Place) -> Result<Option<Daemon>> {
        if !there("dockerd") {
            return Ok(None);
        }
        let socket = place.at("docker.sock");
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/run/netns/{NETWORK}"))
            .arg("dockerd");
        command.args([
            "--host",
            &format!("unix://{socket}"),
            "--data-root",
            &place.at("data"),
        ]);
        command.args([
            "--exec-root",
            &place.in_memory("exec"),
            "--pidfile",
            &place.at("pid"),
        ]);
        Daemon::start("dockerd", command, socket).map(Some)
    }

    fn daemons(place: &Place) -> Result<()> {
        // Before the daemons, so that it goes after them.
        let _network = if there("dockerd") {
            Some(Network::new()?)
        } else {
            None
        };
        let mut all = vec![ours(place)?];
        all.extend(dockerd(place)?);
        let idle: Vec<_> = all
            .iter()
            .map(|daemon| Ok((daemon.name, daemon.resident()?)))
            .collect::<Result<_>>()?;
        let archive = place.at("busybox.tar");
        took(Command::new("tar").args(["cf", &archive, "-C", &place.at("bundle/rootfs"), "."]))?;
        for daemon in &all {
            daemon.docker(&["import", "-c", "CMD [\"sh\"]", &archive, "busybox"])?;
        }
        let each = |args: &[&str], runs| -> Result<Vec<(&'static str, f64)>> {
            let peers = all.iter().map(|daemon| -> (&'static str, Run<'_>) {
                let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
                let run =
                    move || daemon.docker(&args.iter().map(String::as_str).collect::<Vec<_>>());
                (daemon.name, Box::new(run))
            });
            turns(peers.collect(), runs)
        };
        let run = ["run", "--rm", "--network", "none", "busybox", "true"];
        row("docker run --rm, ms", &each(&run, CLIENT_RUNS)?);
        for daemon in &all {
            daemon.docker(&[
                "run",
                "-d",
                "--name",
                "long",
                "--network",
                "none",
                "busybox",
                "sleep",
                "1000",
            ])?;
        }
        row(
            "docker exec, ms",
            &each(&["exec", "long", "true"], CLIENT_RUNS)?,
        );
        row("docker version, ms", &each(&["version"], CLIENT_RUNS)?);
        row("a shim's own memory, MB", &[("ours", shim_memory()?)]);
        for daemon in &all {
            daemon.docker(&["rm", "-f", "long"])?;
            for _ in 0..STOPPED {
                daemon.docker(&["create", "--network", "none", "busybox", "true"])?;
            }
        }
        let lists = all.iter().map(|daemon| -> (&'static str, Run<'_>) {
            (
                daemon.name,
                Box::new(|| daemon.request("GET", "/containers/json?all=1")),
            )
        });
        row("list of 100 containers, ms", &turns(lists.collect(), RUNS)?);
        imports(place, &all)?;
        row("idle daemon, MB", &idle);
        for daemon in &all {
            let script = "docker rm -f $(docker ps -aq)";
            let mut command = Command::new("sh");
            command
                .args(["-c", script])
                .env("DOCKER_HOST", format!("unix://{}", daemon.socket));
            let _ = command.output();
        }
        Ok(())
    }

    /// Memory that no other process shares, of the shim that runs.
    fn shim_memory() -> Result<f64> {
        for entry in fs::read_dir("/proc")?.flatten() {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            if line.starts_with(b"glassdock-shim") {
                let pid = entry.file_name().to_string_lossy().parse()?;
                return memory(pid, "smaps_rollup", &["Private_Clean:", "Private_Dirty:"]);
            }
        }
        Err("no shim runs".into())
    }

    fn imports(place: &Place, all: &[Daemon]) -> Result<()> {
        let (dir, archive) = (place.at("big"), place.at("big.tar"));
        fs::create_dir(&dir)?;
        let mut noise = fs::File::open("/dev/urandom")?.take(ARCHIVE as u64);
        std::io::copy(
            &mut noise,
            &mut fs::File::create(Path::new(&dir).join("file"))?,
        )?;
        took(Command::new("tar").args(["cf", &archive, "-C", &dir, "."]))?;
        let unpacked = place.at("unpacked");
        let mut peers: Peers<'_> = Vec::new();
        for daemon in all {
            let archive = archive.clone();
            peers.push((
                daemon.name,
                Box::new(move || {
                    let time = daemon.docker(&["import", &archive, "big"])?;
                    daemon.docker(&["rmi", "big"])?;
                    Ok(time)
                }),
            ));
        }
        peers.push((
            "hashing and unpacking alone",
            Box::new(move || {
                let _ = fs::remove_dir_all(&unpacked);
                fs::create_dir(&unpacked)?;
                let script = "sha256sum \"$1\" && tar xf \"$1\" -C \"$2\" && sync -f \"$2\"";
                took(Command::new("sh").args(["-c", script, "sh", &archive, &unpacked]))
            }),
        ));
        row("import of 100 MiB, ms", &turns(peers, IMPORTS)?);
        Ok(())
    }
}

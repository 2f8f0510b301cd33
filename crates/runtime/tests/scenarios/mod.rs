//! What containers do, told as transcripts: the same on every kernel.
//!
//! A scenario is a function over any kernel. It uses helper and shim through the client, as an engine does, and yields
//! what was seen. The expected transcripts are in `expected.rs`.

#![allow(dead_code, reason = "each kernel's test uses its part")]

use glassdock_abi::flags::{AtFlags, OpenFlags};
use glassdock_abi::types::signal;
use glassdock_abi::{Call, Errno, Fd, Io, PathArg, Pid, Sys};
use glassdock_oci::runtime::{ConsoleSize, Mount, Process, Spec};
use glassdock_runtime::client::{Attachment, Shim, Streams, end_input, send_input};
use glassdock_runtime::io::{make_dirs, read_file, write_all};
use glassdock_runtime::proto::{ShimOptions, Stream};
use glassdock_runtime::{ErrorKind, RuntimeError};
use glassdock_trace::Trace;
use std::fmt::Write;

/// Where a scenario finds and puts things.
#[derive(Clone, Debug)]
pub struct Place {
    /// A directory of its own.
    pub base: String,
    /// A root file system with busybox, shared and not to be changed.
    pub rootfs: String,
    /// The shim's executable.
    pub shim: String,
    /// The helper's executable.
    pub runtime: String,
}

/// A specification as an engine writes it, for a shell command.
pub fn spec(place: &Place, command: &str) -> Spec {
    let text = include_str!("docker.json");
    let mut spec: Spec = serde_json::from_str(text).expect("the document fits");
    spec.root.as_mut().expect("root").path = place.rootfs.clone();
    process(&mut spec).args = words(&["sh", "-c", command]);
    spec
}

/// The process of a specification.
pub fn process(spec: &mut Spec) -> &mut Process {
    spec.process.as_mut().expect("process")
}

pub fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A bind mount.
pub fn bind(source: &str, destination: &str, options: &[&str]) -> Mount {
    Mount {
        destination: destination.to_owned(),
        kind: "bind".to_owned(),
        source: source.to_owned(),
        options: words(options),
        ..Mount::default()
    }
}

/// A container in the making.
pub struct Case<S: Sys> {
    pub sys: S,
    pub place: Place,
    pub id: String,
    pub spec: Spec,
    pub stdin: bool,
    pub stdin_once: bool,
}

impl<S: Sys + Trace> Case<S> {
    pub fn new(sys: &S, place: &Place, id: &str, command: &str) -> Case<S> {
        Case {
            sys: sys.clone(),
            place: place.clone(),
            id: id.to_owned(),
            spec: spec(place, command),
            stdin: false,
            stdin_once: false,
        }
    }

    pub fn dir(&self) -> String {
        format!("{}/state/{}", self.place.base, self.id)
    }

    pub fn log(&self) -> String {
        format!("{}/{}.log", self.place.base, self.id)
    }

    /// Makes the container: its shim runs, its process waits.
    pub async fn create(&self) -> Result<Shim<S>, RuntimeError> {
        let bundle = format!("{}/bundles/{}", self.place.base, self.id);
        make_dirs(&self.sys, &PathArg::from(&bundle), 0o755)
            .await
            .expect("the bundle's directory");
        let text = serde_json::to_vec(&self.spec).expect("JSON");
        write_file(&self.sys, &format!("{bundle}/config.json"), text).await;
        let options = ShimOptions {
            id: self.id.clone(),
            dir: self.dir(),
            bundle,
            shim: self.place.shim.clone(),
            runtime: self.place.runtime.clone(),
            stdin: self.stdin,
            stdin_once: self.stdin_once,
            log: Some(self.log()),
        };
        Shim::start(&self.sys, options).await
    }

    /// Runs the container to its end and tells its output and exit.
    pub async fn run(&self) -> String {
        let shim = match self.create().await {
            Ok(shim) => shim,
            Err(error) => return self.failed(&error).await,
        };
        let mut attachment = attach(&shim, None).await;
        shim.run().await.expect("starts");
        let mut told = output(&mut attachment).await;
        let exit = shim.wait(None).await.expect("ends");
        writeln!(told, "exit {}", exit.code).expect("text");
        shim.delete().await.expect("deleted");
        assert!(
            !exists(&self.sys, &self.dir()).await,
            "the state directory is left"
        );
        told
    }

    /// Tells an error; nothing may be left after it.
    async fn failed(&self, error: &RuntimeError) -> String {
        assert!(
            !exists(&self.sys, &self.dir()).await,
            "the state directory is left"
        );
        let text = error.message.replace(&self.place.base, "BASE");
        format!(
            "{:?}: {}\n",
            error.kind,
            text.replace(&self.place.rootfs, "ROOTFS")
        )
    }
}

pub async fn attach<S: Sys>(shim: &Shim<S>, exec: Option<&str>) -> Attachment<S> {
    shim.attach(exec, Streams::ALL).await.expect("attaches")
}

/// Output to its end, standard error marked.
pub async fn output<S: Sys>(attachment: &mut Attachment<S>) -> String {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    while let Some((stream, data)) = attachment.next().await.expect("frames") {
        match stream {
            Stream::Stdout => out.extend(data),
            Stream::Stderr => err.extend(data),
        }
    }
    let mut told = String::from_utf8_lossy(&out).into_owned();
    for line in String::from_utf8_lossy(&err).lines() {
        writeln!(told, "stderr: {line}").expect("text");
    }
    told
}

/// Output until it contains `text`.
pub async fn output_until<S: Sys>(attachment: &mut Attachment<S>, text: &str) -> String {
    let mut told = String::new();
    while !told.contains(text) {
        match attachment.next().await.expect("frames") {
            Some((_, data)) => told.push_str(&String::from_utf8_lossy(&data)),
            None => panic!("the output ended without {text:?}: {told:?}"),
        }
    }
    told
}

pub async fn write_file<S: Sys>(sys: &S, path: &str, data: Vec<u8>) {
    let flags = OpenFlags::WRONLY | OpenFlags::CREAT | OpenFlags::TRUNC;
    let file = sys
        .openat(Fd::CWD, path.into(), flags, 0o644)
        .await
        .expect(path);
    write_all(sys, file.fd(), data).await.expect(path);
}

pub async fn exists<S: Sys>(sys: &S, path: &str) -> bool {
    let stat = sys
        .statx(Fd::CWD, path.into(), AtFlags::SYMLINK_NOFOLLOW)
        .await;
    stat.is_ok()
}

pub async fn text_of<S: Sys>(sys: &S, path: &str) -> String {
    let text = read_file(sys, path, 1 << 20).await.expect(path);
    String::from_utf8_lossy(&text).into_owned()
}

macro_rules! scenarios {
    ($($(#[$doc:meta])* $name:ident($sys:ident, $place:ident) $body:block)*) => {
        $($(#[$doc])* pub async fn $name<S: Sys + Trace>($sys: S, $place: Place) -> String $body)*

        /// Runs the scenario of this name; `None` when there is none.
        pub async fn run<S: Sys + Trace>(name: &str, sys: S, place: Place) -> Option<String> {
            match name {
                $(stringify!($name) => Some($name(sys, place).await),)*
                _ => None,
            }
        }

        /// Every scenario's name.
        pub const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

scenarios! {
    output_and_exit_code(sys, place) {
        Case::new(&sys, &place, "c", "echo out; echo err >&2; exit 7").run().await
    }

    environment_and_working_directory(sys, place) {
        let mut case = Case::new(&sys, &place, "c", "pwd; env | sort");
        let process = process(&mut case.spec);
        process.env.push("GREETING=hello, world".to_owned());
        process.cwd = "/made/for/this".to_owned();
        // The working directory is made in the root, so the root is one of its own.
        case.spec.root.as_mut().expect("root").path = own_root(&sys, &place).await;
        case.run().await
    }

    user_and_groups(sys, place) {
        let mut case = Case::new(&sys, &place, "c", "id; echo $HOME; umask; touch /x; echo again > /dev/stdout");
        let process = process(&mut case.spec);
        process.user.uid = 1000;
        process.user.gid = 1000;
        process.user.additional_gids = vec![10, 20];
        process.user.umask = Some(0o027);
        case.run().await
    }

    host_name_and_process_ids(sys, place) {
        let mut case = Case::new(&sys, &place, "c", "hostname; cat /proc/sys/kernel/domainname; echo $$; all=$(ls /proc); echo \"$all\" | grep '^[0-9]'");
        case.spec.domainname = "example.org".to_owned();
        case.run().await
    }

    mounts_are_those_of_the_specification(sys, place) {
        let command = "cut -d' ' -f2-3 /proc/mounts | grep -v -e '^/ ' -e '^/proc/'; ls -l /dev | awk 'NR>1{print $1,$NF}'; \
                       echo written > /dev/shm/file && cat /dev/shm/file; echo lost > /dev/null; head -c 4 /dev/zero | wc -c";
        Case::new(&sys, &place, "c", command).run().await
    }

    the_root_can_be_read_only(sys, place) {
        let mut case = Case::new(&sys, &place, "c", "touch /x; touch /dev/shm/x && echo elsewhere");
        case.spec.root.as_mut().expect("root").readonly = true;
        case.run().await
    }

    bind_mounts(sys, place) {
        let host = format!("{}/host", place.base);
        make_dirs(&sys, &PathArg::from(&host), 0o755).await.expect("made");
        write_file(&sys, &format!("{host}/file"), b"from the host\n".to_vec()).await;
        let command = "cat /data/file /etc/one; echo changed > /data/file; echo x > /ro/file; echo x > /etc/one; cat /data/file";
        let mut case = Case::new(&sys, &place, "c", command);
        case.spec.root.as_mut().expect("root").path = own_root(&sys, &place).await;
        case.spec.mounts.extend([
            bind(&host, "/data", &["rbind", "rprivate"]),
            bind(&host, "/ro", &["rbind", "ro", "nosuid", "rprivate"]),
            bind(&format!("{host}/file"), "/etc/one", &["bind", "ro"]),
        ]);
        let mut told = case.run().await;
        told += "host: ";
        told += &text_of(&sys, &format!("{host}/file")).await;
        told
    }

    masked_and_read_only_paths(sys, place) {
        let root = own_root(&sys, &place).await;
        make_dirs(&sys, &PathArg::from(format!("{root}/hidden/inner")), 0o755).await.expect("made");
        make_dirs(&sys, &PathArg::from(format!("{root}/fixed")), 0o755).await.expect("made");
        write_file(&sys, &format!("{root}/secret"), b"secret\n".to_vec()).await;
        let command = "cat /secret; ls /hidden; touch /hidden/x; touch /fixed/x; touch /free && echo free; \
                       echo 1 > /proc/sys/kernel/hostname";
        let mut case = Case::new(&sys, &place, "c", command);
        case.spec.root.as_mut().expect("root").path = root;
        let linux = case.spec.linux.as_mut().expect("linux");
        linux.masked_paths = words(&["/secret", "/hidden", "/not/there"]);
        linux.readonly_paths = words(&["/fixed", "/proc/sys", "/not/there"]);
        case.run().await
    }

    links_in_the_image_lead_nowhere_else(sys, place) {
        let root = own_root(&sys, &place).await;
        let outside = format!("{}/outside", place.base);
        make_dirs(&sys, &PathArg::from(&outside), 0o755).await.expect("made");
        for (target, name) in [(outside.as_str(), "absolute"), ("../../../../../../../..", "up")] {
            let call = Call::Symlinkat {
                target: target.into(),
                newdirfd: Fd::CWD,
                linkpath: PathArg::from(format!("{root}/{name}")),
            };
            sys.call(call).await.expect("a link");
        }
        let mut case = Case::new(&sys, &place, "c", "ls /up/made && echo above is the root");
        case.spec.root.as_mut().expect("root").path = root;
        case.spec.mounts.push(Mount {
            destination: "/up/made".to_owned(),
            kind: "tmpfs".to_owned(),
            source: "tmpfs".to_owned(),
            ..Mount::default()
        });
        let mut told = case.run().await;
        // The target of this link does not exist in the root: it cannot be made through the link.
        case.id = "d".to_owned();
        case.spec.mounts.push(bind("/", "/absolute/in", &["rbind"]));
        told += &case.run().await;
        writeln!(told, "outside: {}", exists(&sys, &format!("{outside}/in")).await).expect("text");
        told
    }

    the_kernels_file_systems_are_not_mounted_through_links(sys, place) {
        let root = own_root(&sys, &place).await;
        make_dirs(&sys, &PathArg::from(format!("{root}/elsewhere")), 0o755).await.expect("made");
        let mut told = String::new();
        for name in ["proc", "sys"] {
            let link = PathArg::from(format!("{root}/{name}"));
            let call = Call::Symlinkat {
                target: "/elsewhere".into(),
                newdirfd: Fd::CWD,
                linkpath: link.clone(),
            };
            sys.call(call).await.expect("a link");
            let mut case = Case::new(&sys, &place, "c", "echo mounted");
            case.spec.root.as_mut().expect("root").path = root.clone();
            case.spec.mounts.push(Mount {
                destination: "/sys".to_owned(),
                kind: "sysfs".to_owned(),
                source: "sysfs".to_owned(),
                ..Mount::default()
            });
            told += &case.run().await;
            sys.unlinkat(Fd::CWD, link, AtFlags::empty()).await.expect("unlinked");
        }
        told
    }

    capabilities_and_no_new_privileges(sys, place) {
        let command = "grep -E '^(Cap|NoNew)' /proc/self/status";
        let mut case = Case::new(&sys, &place, "c", command);
        let mut told = case.run().await;
        process(&mut case.spec).user.uid = 1000;
        process(&mut case.spec).no_new_privileges = true;
        let capabilities = process(&mut case.spec).capabilities.as_mut().expect("capabilities");
        capabilities.inheritable = words(&["CAP_NET_RAW"]);
        capabilities.ambient = words(&["CAP_NET_RAW"]);
        case.id = "d".to_owned();
        told += &case.run().await;
        told
    }

    resource_limits(sys, place) {
        let mut case = Case::new(&sys, &place, "c", "ulimit -n; ulimit -c");
        process(&mut case.spec).rlimits = serde_json::from_str(
            r#"[{"type":"RLIMIT_NOFILE","soft":100,"hard":200},{"type":"RLIMIT_CORE","soft":0,"hard":0}]"#,
        )
        .expect("limits");
        case.run().await
    }

    signals_end_it(sys, place) {
        let mut told = String::new();
        for (id, signal, command) in [
            ("a", signal::KILL, "echo ready; sleep 100"),
            ("b", signal::TERM, "trap 'echo asked; exit 3' TERM; echo ready; while true; do sleep 0.01; done"),
        ] {
            let case = Case::new(&sys, &place, id, command);
            let shim = case.create().await.expect("created");
            let mut attachment = attach(&shim, None).await;
            shim.run().await.expect("starts");
            told += &output_until(&mut attachment, "ready\n").await;
            shim.kill(None, signal).await.expect("sent");
            told += &output(&mut attachment).await;
            let exit = shim.wait(None).await.expect("ends");
            writeln!(told, "exit {} by {:?}", exit.code, exit.signal).expect("text");
            let again = shim.kill(None, signal).await.expect_err("it has ended");
            writeln!(told, "{:?}: {}", again.kind, again.message).expect("text");
            shim.delete().await.expect("deleted");
        }
        told
    }

    standard_input(sys, place) {
        let mut case = Case::new(&sys, &place, "c", "cat; echo end");
        case.stdin = true;
        case.stdin_once = true;
        let shim = case.create().await.expect("created");
        let mut attachment = attach(&shim, None).await;
        shim.run().await.expect("starts");
        send_input(&sys, attachment.fd(), b"one\n".to_vec()).await.expect("sent");
        let mut told = output_until(&mut attachment, "one\n").await;
        send_input(&sys, attachment.fd(), vec![b'x'; 200_000]).await.expect("sent");
        end_input(&sys, attachment.fd()).await.expect("ended");
        let rest = output(&mut attachment).await;
        writeln!(told, "{} x, then {:?}", rest.matches('x').count(), rest.trim_start_matches('x')).expect("text");
        let exit = shim.wait(None).await.expect("ends");
        writeln!(told, "exit {}", exit.code).expect("text");
        shim.delete().await.expect("deleted");
        told
    }

    standard_input_that_stays_open(sys, place) {
        let mut case = Case::new(&sys, &place, "c", "read a; read b; echo $a $b");
        case.stdin = true;
        let shim = case.create().await.expect("created");
        shim.run().await.expect("starts");
        for line in ["first\n", "second\n"] {
            // Each client ends its input and goes; the container's stays open.
            let attachment = attach(&shim, None).await;
            send_input(&sys, attachment.fd(), line.as_bytes().to_vec()).await.expect("sent");
            end_input(&sys, attachment.fd()).await.expect("ended");
        }
        let exit = shim.wait(None).await.expect("ends");
        shim.delete().await.expect("deleted");
        format!("exit {}\n{}", exit.code, log_lines(&sys, &case.log()).await)
    }

    a_terminal(sys, place) {
        let command = "tty; stty size; ls -l /dev/console | cut -c1; read line; echo got $line; stty size; head -n 1 < /dev/tty";
        let mut case = Case::new(&sys, &place, "c", command);
        process(&mut case.spec).terminal = true;
        process(&mut case.spec).console_size = Some(ConsoleSize { height: 33, width: 101 });
        let shim = case.create().await.expect("created");
        let mut attachment = attach(&shim, None).await;
        shim.run().await.expect("starts");
        let mut told = output_until(&mut attachment, "c\r\n").await;
        shim.resize(None, 40, 120).await.expect("resized");
        send_input(&sys, attachment.fd(), b"hello\n".to_vec()).await.expect("sent");
        told += &output_until(&mut attachment, "120\r\n").await;
        send_input(&sys, attachment.fd(), b"through the terminal\n".to_vec()).await.expect("sent");
        told += &output(&mut attachment).await;
        let exit = shim.wait(None).await.expect("ends");
        writeln!(told, "exit {}", exit.code).expect("text");
        shim.delete().await.expect("deleted");
        told.replace('\r', "")
    }

    a_terminal_interrupts(sys, place) {
        let mut case = Case::new(&sys, &place, "c", "trap 'echo caught; exit 5' INT; echo ready; while true; do sleep 0.01; done");
        process(&mut case.spec).terminal = true;
        let shim = case.create().await.expect("created");
        let mut attachment = attach(&shim, None).await;
        shim.run().await.expect("starts");
        let mut told = output_until(&mut attachment, "ready\r\n").await;
        send_input(&sys, attachment.fd(), b"\x03".to_vec()).await.expect("sent");
        told += &output(&mut attachment).await;
        let exit = shim.wait(None).await.expect("ends");
        writeln!(told, "exit {}", exit.code).expect("text");
        shim.delete().await.expect("deleted");
        told.replace('\r', "")
    }

    further_processes(sys, place) {
        let case = Case::new(&sys, &place, "c", "echo main; trap 'exit 0' TERM; while true; do sleep 0.01; done");
        let shim = case.create().await.expect("created");
        let mut attachment = attach(&shim, None).await;
        shim.run().await.expect("starts");
        let mut told = output_until(&mut attachment, "main\n").await;
        let mut process = case.spec.process.clone().expect("process");
        process.args = words(&["sh", "-c", "hostname; ls /proc | grep -c '^[0-9]'; id -u; pwd; echo oops >&2; exit 9"]);
        process.cwd = "/tmp".to_owned();
        process.user.uid = 1000;
        let mut executed = shim.exec("e1", process.clone(), false, true).await.expect("executed");
        told += &output(executed.attachment.as_mut().expect("attached")).await;
        writeln!(told, "exit {}", shim.wait(Some("e1")).await.expect("ends").code).expect("text");
        process.args = words(&["cat"]);
        let mut executed = shim.exec("e2", process.clone(), true, true).await.expect("executed");
        let streams = executed.attachment.as_mut().expect("attached");
        send_input(&sys, streams.fd(), b"to the second\n".to_vec()).await.expect("sent");
        end_input(&sys, streams.fd()).await.expect("ended");
        told += &output(streams).await;
        writeln!(told, "exit {}", shim.wait(Some("e2")).await.expect("ends").code).expect("text");
        process.args = words(&["sh", "-c", "test -t 0 && test -t 1 && stty size"]);
        process.terminal = true;
        process.console_size = Some(ConsoleSize { height: 20, width: 60 });
        let mut executed = shim.exec("e3", process.clone(), true, true).await.expect("executed");
        // A terminal ends lines with a carriage return, which must be seen here.
        told += &output(executed.attachment.as_mut().expect("attached")).await.replace('\r', "\\r");
        writeln!(told, "exit {}", shim.wait(Some("e3")).await.expect("ends").code).expect("text");
        process.terminal = false;
        process.args = words(&["sleep", "100"]);
        shim.exec("e4", process.clone(), false, false).await.expect("executed");
        shim.kill(Some("e4"), signal::KILL).await.expect("sent");
        writeln!(told, "exit {}", shim.wait(Some("e4")).await.expect("ends").code).expect("text");
        for args in [vec!["nosuchthing"], vec!["/no/such/thing"], vec!["/etc"], vec!["/etc/passwd"]] {
            process.args = words(&args);
            let error = shim.exec("e5", process.clone(), false, true).await.err().expect("no program");
            writeln!(told, "{:?}: {}", error.kind, error.message).expect("text");
        }
        let error = shim.exec("e1", process, false, true).await.err().expect("taken");
        writeln!(told, "{:?}: {}", error.kind, error.message).expect("text");
        shim.kill(None, signal::TERM).await.expect("sent");
        writeln!(told, "exit {}", shim.wait(None).await.expect("ends").code).expect("text");
        shim.delete().await.expect("deleted");
        told
    }

    programs_that_cannot_be_run(sys, place) {
        let root = own_root(&sys, &place).await;
        for (name, text, mode) in [
            ("orphan", "#!/no/such/interpreter\n", 0o755),
            ("data", "neither ELF nor script", 0o755),
            ("plain", "#!/bin/sh\necho no\n", 0o644),
        ] {
            write_file(&sys, &format!("{root}/{name}"), text.as_bytes().to_vec()).await;
            let call = Call::Fchmodat {
                dirfd: Fd::CWD,
                path: PathArg::from(format!("{root}/{name}")),
                mode,
                flags: AtFlags::empty(),
            };
            sys.call(call).await.expect("chmod");
        }
        let mut told = String::new();
        for (at, name) in ["nosuchthing", "/no/such", "/etc", "/plain", "/orphan", "/data"].iter().enumerate() {
            let mut case = Case::new(&sys, &place, &format!("c{at}"), "");
            case.spec.root.as_mut().expect("root").path = root.clone();
            process(&mut case.spec).args = words(&[name]);
            told += &case.run().await;
        }
        told
    }

    specifications_that_cannot_be(sys, place) {
        let mut told = String::new();
        let mut attempt = async |edit: &(dyn Fn(&mut Spec) + Sync)| {
            let mut case = Case::new(&sys, &place, "c", "true");
            edit(&mut case.spec);
            told += &case.run().await;
        };
        attempt(&|spec| process(spec).cwd = "relative".to_owned()).await;
        attempt(&|spec| process(spec).args.clear()).await;
        attempt(&|spec| spec.mounts.push(bind("/does/not/exist", "/dev/x", &["bind"]))).await;
        attempt(&|spec| spec.mounts[1].options.push("tmpcopyup".to_owned())).await;
        attempt(&|spec| spec.mounts.push(bind("/tmp", "/", &["bind"]))).await;
        attempt(&|spec| spec.root.as_mut().expect("root").path = "/does/not/exist".to_owned()).await;
        attempt(&|spec| process(spec).user.uid = u32::MAX).await;
        attempt(&|spec| spec.hostname = "x".repeat(100)).await;
        attempt(&|spec| {
            let one = spec.mounts[1].clone();
            spec.mounts.extend(std::iter::repeat_n(one, 5000));
        })
        .await;
        attempt(&|spec| process(spec).cwd = "/etc/passwd".to_owned()).await;
        told
    }

    states_and_records(sys, place) {
        let case = Case::new(&sys, &place, "c", "exit 4");
        let shim = case.create().await.expect("created");
        let mut told = String::new();
        let report = shim.state().await.expect("state");
        writeln!(told, "{} {}", report.status.as_str(), report.pid > 0).expect("text");
        let error = shim.delete().await.expect_err("it is not stopped");
        writeln!(told, "{:?}: {}", error.kind, error.message).expect("text");
        let second = case.create().await.err().expect("the id is taken");
        writeln!(told, "{:?}", second.kind).expect("text");
        shim.run().await.expect("starts");
        writeln!(told, "exit {}", shim.wait(None).await.expect("ends").code).expect("text");
        let error = shim.run().await.expect_err("it has run");
        writeln!(told, "{:?}: {}", error.kind, error.message).expect("text");
        let (again, report) = Shim::reconnect(&sys, &case.dir()).await.expect("found");
        writeln!(told, "{} {:?}", report.status.as_str(), report.exit.map(|exit| exit.code)).expect("text");
        writeln!(told, "exit {}", again.wait(None).await.expect("known").code).expect("text");
        writeln!(told, "recorded: {}", exists(&sys, &format!("{}/exit.json", case.dir())).await).expect("text");
        again.delete().await.expect("deleted");
        let gone = Shim::reconnect(&sys, &case.dir()).await.err().expect("deleted");
        writeln!(told, "{:?}", gone.kind).expect("text");
        told
    }

    a_shim_that_is_killed(sys, place) {
        let case = Case::new(&sys, &place, "c", "sleep 100");
        let shim = case.create().await.expect("created");
        shim.run().await.expect("starts");
        let pid = shim.state().await.expect("state").pid;
        sys.kill(shim_of(&sys, &shim).await, signal::KILL).await.expect("sent");
        // The end of a process takes a moment.
        let mut tries = 0;
        while shim.attach(None, Streams::ALL).await.is_ok() && tries < 100 {
            sys.sleep(10_000_000).await;
            tries += 1;
        }
        let (again, report) = Shim::reconnect(&sys, &case.dir()).await.expect("found");
        let mut told = format!("{} {:?}\n", report.status.as_str(), report.exit);
        again.delete().await.expect("deleted");
        writeln!(told, "left: {} {}", exists(&sys, &case.dir()).await, exists(&sys, &format!("/proc/{pid}/root/bin")).await)
            .expect("text");
        // The id is free again, also where nobody has deleted the rest.
        let shim = case.create().await.expect("created");
        let report = shim.state().await.expect("state");
        writeln!(told, "{}", report.status.as_str()).expect("text");
        shim.kill(None, signal::KILL).await.expect("sent");
        shim.wait(None).await.expect("ends");
        shim.delete().await.expect("deleted");
        told
    }

    destroyed_in_any_state(sys, place) {
        let case = Case::new(&sys, &place, "c", "trap '' TERM; sleep 100");
        let mut told = String::new();
        for state in ["created", "running", "stopped", "without its shim"] {
            let shim = case.create().await.expect("created");
            if state != "created" {
                shim.run().await.expect("starts");
            }
            if state == "stopped" {
                shim.kill(None, signal::KILL).await.expect("sent");
                shim.wait(None).await.expect("ends");
            }
            if state == "without its shim" {
                let shim = shim_of(&sys, &shim).await;
                sys.kill(shim, signal::KILL).await.expect("sent");
            }
            shim.destroy().await.expect(state);
            writeln!(told, "{state}: left {}", exists(&sys, &case.dir()).await).expect("text");
        }
        told
    }

    clients_that_are_gone_are_let_go(sys, place) {
        let case = Case::new(&sys, &place, "c", "sleep 100");
        let shim = case.create().await.expect("created");
        shim.run().await.expect("starts");
        let process = shim_of(&sys, &shim).await;
        let before = descriptors(&sys, process).await;
        for _ in 0..20 {
            drop(attach(&shim, None).await);
        }
        let mut tries = 0;
        while descriptors(&sys, process).await > before && tries < 100 {
            sys.sleep(10_000_000).await;
            tries += 1;
        }
        let left = descriptors(&sys, process).await.saturating_sub(before);
        shim.destroy().await.expect("destroyed");
        format!("{left} descriptors more\n")
    }

    a_slow_client_and_the_log_get_all(sys, place) {
        let counted = format!("{}/counted", place.base);
        make_dirs(&sys, &PathArg::from(&counted), 0o755).await.expect("made");
        let command = "block=$(head -c 8191 /dev/zero | tr '\\0' y); while true; do echo $block; echo >> /counted/lines; done";
        let mut case = Case::new(&sys, &place, "c", command);
        case.spec.root.as_mut().expect("root").path = own_root(&sys, &place).await;
        case.spec.mounts.push(bind(&counted, "/counted", &["bind"]));
        let shim = case.create().await.expect("created");
        let mut slow = attach(&shim, None).await;
        shim.run().await.expect("starts");
        // Until every queue is full.
        let mut written = 0;
        loop {
            sys.sleep(300_000_000).await;
            let lines = read_file(&sys, format!("{counted}/lines"), 1 << 20).await.unwrap_or_default();
            if lines.len() == written && written > 0 {
                break;
            }
            written = lines.len();
        }
        shim.kill(None, signal::KILL).await.expect("sent");
        shim.wait(None).await.expect("ends");
        let log = text_of_large(&sys, &case.log()).await.matches('y').count();
        shim.delete().await.expect("deleted");
        let client = output(&mut slow).await.matches('y').count();
        format!("the log {}, the client {}\n", log >= written * 8191, client == log)
    }

    several_clients(sys, place) {
        let mut case = Case::new(&sys, &place, "c", "echo first; read line; echo second");
        case.stdin = true;
        let shim = case.create().await.expect("created");
        let (mut one, mut two) = (attach(&shim, None).await, attach(&shim, None).await);
        shim.run().await.expect("starts");
        output_until(&mut one, "first\n").await;
        let mut late = attach(&shim, None).await;
        send_input(&sys, late.fd(), b"go\n".to_vec()).await.expect("sent");
        let told = format!(
            "one, on: {}two: {}late: {}",
            output(&mut one).await,
            output(&mut two).await,
            output(&mut late).await
        );
        shim.wait(None).await.expect("ends");
        shim.delete().await.expect("deleted");
        told
    }

    the_log(sys, place) {
        let case = Case::new(&sys, &place, "c", "echo 'a <tag>'; sleep 0.05; printf 'no end' >&2");
        let mut told = case.run().await;
        told += &log_lines(&sys, &case.log()).await;
        told
    }

    the_log_tells_that_it_grows(sys, place) {
        let mut case = Case::new(&sys, &place, "c", "read a; echo $a");
        case.stdin = true;
        let shim = case.create().await.expect("created");
        let mut watch = shim.watch_log().await.expect("watches");
        shim.run().await.expect("starts");
        let attachment = attach(&shim, None).await;
        send_input(&sys, attachment.fd(), b"line\n".to_vec()).await.expect("sent");
        let mut told = format!("grown: {}\n", watch.grown().await.expect("told"));
        told += &log_lines(&sys, &case.log()).await;
        writeln!(told, "again: {}", watch.grown().await.expect("told")).expect("text");
        shim.delete().await.expect("deleted");
        told
    }

    much_output_is_not_lost(sys, place) {
        let case = Case::new(&sys, &place, "c", "head -c 3000000 /dev/zero | tr '\\0' 'y'");
        let told = case.run().await;
        let log = text_of_large(&sys, &case.log()).await;
        format!("{} y, {} in the log, {}", told.matches('y').count(), log.matches('y').count(), told.trim_start_matches('y'))
    }
}

/// The shim's process: the parent of the container's.
async fn shim_of<S: Sys>(sys: &S, shim: &Shim<S>) -> Pid {
    let pid = shim.state().await.expect("state").pid;
    let stat = text_of(sys, &format!("/proc/{pid}/stat")).await;
    let rest = stat.rsplit(") ").next().expect("the fields after the name");
    let parent = rest.split(' ').nth(1).expect("the fourth field");
    Pid(parent.parse().expect("a number"))
}

/// How many descriptors a process has.
async fn descriptors<S: Sys>(sys: &S, pid: Pid) -> usize {
    let path = PathArg::from(format!("/proc/{}/fd", pid.0));
    let flags = OpenFlags::RDONLY | OpenFlags::DIRECTORY;
    let dir = sys.openat(Fd::CWD, path, flags, 0).await.expect("opened");
    let mut count = 0;
    loop {
        match sys.getdents64(dir.fd()).await.expect("entries").len() {
            0 => return count,
            more => count += more,
        }
    }
}

/// A copy of the root of its own, whose `/bin` is the shared one's.
async fn own_root<S: Sys>(sys: &S, place: &Place) -> String {
    let root = format!("{}/root", place.base);
    for name in ["bin", "etc", "tmp"] {
        make_dirs(sys, &PathArg::from(format!("{root}/{name}")), 0o755)
            .await
            .expect("made");
    }
    let busybox = read_file(sys, format!("{}/bin/busybox", place.rootfs), 64 << 20)
        .await
        .expect("busybox");
    write_file(sys, &format!("{root}/bin/busybox"), busybox).await;
    let call = Call::Fchmodat {
        dirfd: Fd::CWD,
        path: PathArg::from(format!("{root}/bin/busybox")),
        mode: 0o755,
        flags: AtFlags::empty(),
    };
    sys.call(call).await.expect("chmod");
    for name in APPLETS {
        let call = Call::Symlinkat {
            target: "busybox".into(),
            newdirfd: Fd::CWD,
            linkpath: PathArg::from(format!("{root}/bin/{name}")),
        };
        match sys.call(call).await {
            Ok(_) | Err(Errno::EEXIST) => {}
            Err(errno) => panic!("link {name}: {errno}"),
        }
    }
    root
}

/// The programs that scenarios use.
pub const APPLETS: &[&str] = &[
    "awk", "cat", "cut", "echo", "env", "grep", "head", "hostname", "id", "ls", "mkdir", "printf",
    "pwd", "sh", "sleep", "sort", "stty", "test", "touch", "tr", "true", "tty", "wc",
];

/// The log's entries with their times taken out.
async fn log_lines<S: Sys>(sys: &S, path: &str) -> String {
    let text = text_of(sys, path).await;
    text.lines()
        .map(|line| {
            let end = line.find("\"time\"").unwrap_or(line.len());
            format!("{}…\n", &line[..end])
        })
        .collect()
}

async fn text_of_large<S: Sys>(sys: &S, path: &str) -> String {
    let text = read_file(sys, path, 64 << 20).await.expect(path);
    String::from_utf8_lossy(&text).into_owned()
}

/// Whether an error says that something is not supported: then a scenario may be passed over on that kernel.
pub fn unsupported(error: &RuntimeError) -> bool {
    error.kind == ErrorKind::Unsupported
}

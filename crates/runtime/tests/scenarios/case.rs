//! A container in the making, and what scenarios do beside it.

use glassdock_abi::files::write_all;
use glassdock_abi::flags::{AtFlags, OpenFlags};
use glassdock_abi::{Call, Errno, Fd, Io, PathArg, Pid, Sys};
use glassdock_oci::runtime::{Mount, Process, Spec};
use glassdock_runtime::client::{Attachment, Shim, Streams};
use glassdock_runtime::io::{make_dirs, read_file};
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

impl Place {
    /// What the control groups of its containers begin with.
    pub fn groups(&self) -> String {
        format!("/{}", self.base.trim_start_matches('/').replace('/', "-"))
    }
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
        let mut spec = spec(place, command);
        // Scenarios run beside each other, with the same ids.
        let linux = spec.linux.get_or_insert_default();
        linux.cgroups_path = format!("{}-{id}", place.groups());
        Case {
            sys: sys.clone(),
            place: place.clone(),
            id: id.to_owned(),
            spec,
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
    write_all(sys, file.fd(), &data).await.expect(path);
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

/// The shim's process: the parent of the container's.
pub async fn shim_of<S: Sys>(sys: &S, shim: &Shim<S>) -> Pid {
    let pid = shim.state().await.expect("state").pid;
    let stat = text_of(sys, &format!("/proc/{pid}/stat")).await;
    let rest = stat.rsplit(") ").next().expect("the fields after the name");
    let parent = rest.split(' ').nth(1).expect("the fourth field");
    Pid(parent.parse().expect("a number"))
}

/// How many descriptors a process has.
pub async fn descriptors<S: Sys>(sys: &S, pid: Pid) -> usize {
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
pub async fn own_root<S: Sys>(sys: &S, place: &Place) -> String {
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
pub async fn log_lines<S: Sys>(sys: &S, path: &str) -> String {
    let text = text_of(sys, path).await;
    text.lines()
        .map(|line| {
            let end = line.find("\"time\"").unwrap_or(line.len());
            format!("{}…\n", &line[..end])
        })
        .collect()
}

pub async fn text_of_large<S: Sys>(sys: &S, path: &str) -> String {
    let text = read_file(sys, path, 64 << 20).await.expect(path);
    String::from_utf8_lossy(&text).into_owned()
}

/// Whether an error says that something is not supported: then a scenario may be passed over on that kernel.
pub fn unsupported(error: &RuntimeError) -> bool {
    error.kind == ErrorKind::Unsupported
}

//! The surroundings that `tests/userland/README.md` describes, made by system calls on either kernel.

use crate::terminal::{self, Play};
use crate::userland::{GROUP, Outcome, PASSWD};
use glassdock_abi::call::{FcntlCmd, PrctlOp};
use glassdock_abi::flags::{
    AtFlags, CloneFlags, CloseRangeFlags, MountFlags, OpenFlags, UmountFlags, WaitFlags,
};
use glassdock_abi::types::{CloneArgs, Dev, PathArg, WaitFor, WaitStatus, mode, signal};
use glassdock_abi::{BoxFuture, Call, Errno, Fd, Io, OwnedFd, Proc, Result};

/// Bytes read and written at once.
const CHUNK: usize = 1 << 20;
/// `man 7 capabilities`.
const CAP_SYS_RESOURCE: u32 = 24;
/// Environment of a script.
const ENV: [&str; 3] = [
    "PATH=/bin:/sbin:/usr/bin:/usr/sbin",
    "HOME=/root",
    "TERM=linux",
];
/// Directories beside those of mounts, with their modes.
const DIRS: [(&str, u32); 16] = [
    ("/bin", 0o755),
    ("/sbin", 0o755),
    ("/etc", 0o755),
    ("/dev", 0o755),
    ("/proc", 0o755),
    ("/sys", 0o755),
    ("/tmp", 0o1777),
    ("/tmp/work", 0o755),
    ("/root", 0o755),
    ("/usr", 0o755),
    ("/usr/bin", 0o755),
    ("/usr/sbin", 0o755),
    ("/var", 0o755),
    ("/var/log", 0o755),
    ("/var/spool", 0o755),
    ("/run", 0o755),
];
/// Links beside those of applets.
const LINKS: [(&str, &str); 5] = [
    ("/run", "/var/run"),
    ("/proc/self/fd", "/dev/fd"),
    ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"),
];
/// Devices of `/dev`, each the machine's own.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// What happens in the surroundings.
#[derive(Clone, Debug)]
pub enum Act {
    /// A shell runs a script, by its text.
    Script(Vec<u8>),
    /// Somebody sits at a terminal.
    Terminal(Play),
}

/// An act and what it is played with.
#[derive(Clone, Debug)]
pub struct Stage {
    /// A directory to mount the root directory at.
    pub place: String,
    /// What happens.
    pub act: Act,
    /// A program to put at `/program`.
    pub program: Option<Vec<u8>>,
    /// busybox's bytes.
    pub busybox: Vec<u8>,
    /// Its applets.
    pub applets: Vec<String>,
}

/// Plays an act. The first process of new pid, mount, UTS and IPC namespaces is the shell that runs a script, or the one
/// that holds the other end of the terminal.
///
/// # Errors
/// The first one of a call that made the surroundings.
pub async fn run<S: Proc>(sys: S, stage: Stage) -> Result<Outcome> {
    let [reader, writer] = sys.pipe2(OpenFlags::CLOEXEC).await?;
    let output = writer.fd();
    let flags = CloneFlags::NEWPID | CloneFlags::NEWNS | CloneFlags::NEWUTS | CloneFlags::NEWIPC;
    let args = CloneArgs {
        flags,
        exit_signal: signal::CHLD,
        ..CloneArgs::default()
    };
    let pid = sys.clone_with(args, first_process(stage, output)).await?;
    drop(writer);
    let mut seen = Vec::new();
    loop {
        let chunk = sys.read(reader.fd(), CHUNK as u64).await?;
        if chunk.is_empty() {
            break;
        }
        seen.extend_from_slice(&chunk);
    }
    let waited = sys.waitid(WaitFor::Pid(pid), WaitFlags::EXITED).await?;
    let status = match waited.ok_or(Errno::ECHILD)?.status {
        WaitStatus::Exited(code) => i32::from(code),
        WaitStatus::Killed(number, _) => 128 + i32::from(number),
        WaitStatus::Stopped(_) | WaitStatus::Continued => return Err(Errno::EPROTO),
    };
    Ok(Outcome {
        output: seen,
        status,
    })
}

/// What the clone does.
fn first_process<S: Proc>(
    stage: Stage,
    output: Fd,
) -> impl FnOnce(S) -> BoxFuture<'static, u8> + Send + 'static {
    move |sys| {
        Box::pin(async move {
            let errno = match start(&sys, stage, output).await {
                Ok(()) => return 0,
                Err(errno) => errno,
            };
            let text = format!("the surroundings could not be made: {errno}\n");
            let _ = sys.write(output, text.into_bytes()).await;
            255
        })
    }
}

/// Makes the surroundings around the calling process and plays the act in them.
async fn start<S: Proc>(sys: &S, stage: Stage, output: Fd) -> Result<()> {
    let killed = PrctlOp::SetPdeathsig(signal::KILL);
    sys.call(Call::Prctl { op: killed }).await?;
    sys.call(Call::Umask { mask: 0 }).await?;
    drop_capabilities(sys).await?;
    enter_root(sys, &stage.place).await?;
    fill(sys, &stage).await?;
    let name = b"box".to_vec();
    sys.call(Call::Sethostname { name }).await?;
    sys.call(Call::Umask { mask: 0o022 }).await?;
    let work = "/tmp/work".into();
    sys.call(Call::Chdir { path: work }).await?;
    if stage.program.is_some() || matches!(stage.act, Act::Terminal(_)) {
        mount_terminals(sys).await?;
    }
    match stage.act {
        Act::Script(_) => {
            let null = sys.openat(Fd::CWD, "/dev/null".into(), OpenFlags::RDONLY, 0);
            standard_streams(sys, null.await?, output).await?;
            become_shell(sys, &["sh", "/script"]).await
        }
        Act::Terminal(play) => terminal::perform(sys, play, output).await,
    }
}

/// Terminals of the surroundings' own.
async fn mount_terminals<S: Proc>(sys: &S) -> Result<()> {
    sys.mkdirat(Fd::CWD, "/dev/pts".into(), 0o755).await?;
    let data = b"newinstance,ptmxmode=666,mode=620,gid=5".to_vec();
    let flags = MountFlags::empty();
    sys.mount("devpts".into(), "/dev/pts".into(), "devpts", flags, data)
        .await?;
    let link = Call::Symlinkat {
        target: "pts/ptmx".into(),
        newdirfd: Fd::CWD,
        linkpath: PathArg::from("/dev/ptmx"),
    };
    sys.call(link).await.map(|_| ())
}

/// Executes a shell; standard streams are all that it inherits.
pub(crate) async fn become_shell<S: Proc>(sys: &S, argv: &[&str]) -> Result<()> {
    sys.call(Call::CloseRange {
        first: 3,
        last: u32::MAX,
        flags: CloseRangeFlags::CLOEXEC,
    })
    .await?;
    let bytes = |words: &[&str]| words.iter().map(|word| word.as_bytes().to_vec()).collect();
    let shell = Call::Execveat {
        dirfd: Fd::CWD,
        path: "/bin/sh".into(),
        argv: bytes(argv),
        envp: bytes(&ENV),
        flags: AtFlags::empty(),
    };
    sys.call(shell).await.map(|_| ())
}

/// Some hosts lack this capability even for root, so no script has it.
async fn drop_capabilities<S: Proc>(sys: &S) -> Result<()> {
    let op = PrctlOp::CapbsetDrop(CAP_SYS_RESOURCE);
    sys.call(Call::Prctl { op }).await?;
    let mut sets = sys.call(Call::Capget {}).await?.caps()?;
    sets.effective &= !(1 << CAP_SYS_RESOURCE);
    sets.permitted &= !(1 << CAP_SYS_RESOURCE);
    sys.call(Call::Capset { sets }).await.map(|_| ())
}

/// Standard input from one descriptor, output and error to another.
pub(crate) async fn standard_streams<S: Proc>(
    sys: &S,
    input: OwnedFd<S>,
    output: Fd,
) -> Result<()> {
    for (fd, number) in [(input.fd(), 0), (output, 1), (output, 2)] {
        // By way of a number above: a copy onto itself would keep close-on-exec.
        let cmd = FcntlCmd::Dup(3, true);
        let above = sys.own(sys.call(Call::Fcntl { fd, cmd }).await?.fd()?);
        let (oldfd, newfd) = (above.fd(), Fd(number));
        let flags = OpenFlags::empty();
        let copy = Call::Dup3 {
            oldfd,
            newfd,
            flags,
        };
        sys.call(copy).await?;
    }
    // Else its drop would close what it may have been copied to.
    if input.fd().0 < 3 {
        input.into_raw();
    }
    Ok(())
}

/// A new tmpfs as root directory, with the machine's devices in it.
async fn enter_root<S: Proc>(sys: &S, place: &str) -> Result<()> {
    let private = MountFlags::REC | MountFlags::PRIVATE;
    sys.mount("none".into(), "/".into(), "", private, Vec::new())
        .await?;
    let place = PathArg::from(place);
    let (none, data) = (MountFlags::empty(), b"mode=755".to_vec());
    sys.mount("root".into(), place.clone(), "tmpfs", none, data)
        .await?;
    sys.mkdirat(Fd::CWD, place.join("dev"), 0o755).await?;
    for device in DEVICES {
        let target = place.join("dev").join(device);
        let path = target.clone();
        let node = Call::Mknodat {
            dirfd: Fd::CWD,
            path,
            mode: mode::S_IFREG | 0o644,
            dev: Dev(0),
        };
        sys.call(node).await?;
        let source = PathArg::from("/dev").join(device);
        sys.mount(source, target, "", MountFlags::BIND, Vec::new())
            .await?;
    }
    sys.call(Call::Chdir { path: place }).await?;
    // Not only a changed root, in which nobody may make a user namespace.
    let pivot = Call::PivotRoot {
        new_root: ".".into(),
        put_old: ".".into(),
    };
    sys.call(pivot).await?;
    let old = Call::Umount2 {
        target: ".".into(),
        flags: UmountFlags::DETACH,
    };
    sys.call(old).await?;
    sys.call(Call::Chdir { path: "/".into() }).await?;
    Ok(())
}

/// What the root directory holds.
async fn fill<S: Proc>(sys: &S, stage: &Stage) -> Result<()> {
    for (dir, bits) in DIRS {
        match sys.mkdirat(Fd::CWD, dir.into(), bits).await {
            Err(Errno::EEXIST) if dir == "/dev" => {}
            other => other?,
        }
    }
    let flags = MountFlags::empty();
    sys.mount("proc".into(), "/proc".into(), "proc", flags, Vec::new())
        .await?;
    for (target, path) in LINKS {
        link(sys, target, path.into()).await?;
    }
    for applet in stage.applets.iter().filter(|applet| *applet != "busybox") {
        link(sys, "busybox", PathArg::from("/bin").join(applet)).await?;
    }
    put(sys, "/bin/busybox", 0o755, &stage.busybox).await?;
    put(sys, "/etc/passwd", 0o644, PASSWD.as_bytes()).await?;
    put(sys, "/etc/group", 0o644, GROUP.as_bytes()).await?;
    put(sys, "/etc/hostname", 0o644, b"box\n").await?;
    if let Some(program) = &stage.program {
        put(sys, "/program", 0o755, program).await?;
    }
    match &stage.act {
        Act::Script(text) => put(sys, "/script", 0o644, text).await,
        Act::Terminal(_) => Ok(()),
    }
}

async fn link<S: Proc>(sys: &S, target: &str, path: PathArg) -> Result<()> {
    let call = Call::Symlinkat {
        target: target.into(),
        newdirfd: Fd::CWD,
        linkpath: path,
    };
    sys.call(call).await.map(|_| ())
}

async fn put<S: Proc>(sys: &S, path: &str, bits: u32, bytes: &[u8]) -> Result<()> {
    let flags = OpenFlags::WRONLY | OpenFlags::CREAT | OpenFlags::EXCL;
    let file: OwnedFd<S> = sys.openat(Fd::CWD, path.into(), flags, bits).await?;
    let mut rest = bytes;
    while !rest.is_empty() {
        let chunk = rest.get(..CHUNK).unwrap_or(rest);
        let taken = sys.write(file.fd(), chunk.to_vec()).await?;
        rest = rest.get(taken..).ok_or(Errno::EIO)?;
    }
    Ok(())
}

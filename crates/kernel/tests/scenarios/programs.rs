//! Programs of ours, for what no applet of busybox does.

use glassdock_abi::call::{FcntlCmd, IoctlReq, PrctlOp};
use glassdock_abi::flags::*;
use glassdock_abi::types::*;
use glassdock_abi::{BoxFuture, Call, Errno, Fd, Io, PathArg, Pid, Proc, Ret, Spawn, Sys, nr};
use glassdock_kernel::Task;

type Done = Result<(), Errno>;

/// A program's status: the number of the error that ended it.
fn status(done: Done) -> u8 {
    match done {
        Ok(()) => 0,
        Err(errno) => errno.raw() as u8,
    }
}

/// Unix sockets by path and by pair, a descriptor sent along, polls, a file without a name, a lock.
pub fn sockets(task: Task, _: Vec<Vec<u8>>, _: Vec<Vec<u8>>) -> BoxFuture<'static, u8> {
    Box::pin(async move { status(talk(&task).await) })
}

async fn talk(task: &Task) -> Done {
    let path = SockAddr::Unix("/tmp/socket".into());
    let server = task.socket_stream().await?;
    task.bind(server.fd(), path.clone()).await?;
    task.listen(server.fd(), 5).await?;
    let client = task.socket_stream().await?;
    task.connect(client.fd(), path).await?;
    let taken = task.accept4(server.fd()).await?;
    task.write(client.fd(), b"over the socket".to_vec()).await?;
    let ready = PollFd {
        fd: taken.fd(),
        events: PollEvents::IN,
    };
    task.ppoll(vec![ready], Some(1_000_000)).await?;
    task.read(taken.fd(), 4).await?;
    task.read(taken.fd(), 100).await?;
    let [left, right] = task.socketpair_stream().await?;
    let flags = MemfdFlags::CLOEXEC;
    let memory = task
        .call(Call::MemfdCreate {
            name: b"shared".to_vec(),
            flags,
        })
        .await?
        .fd()?;
    task.write(memory, vec![7; 5000]).await?;
    task.call(Call::Ftruncate {
        fd: memory,
        length: 10,
    })
    .await?;
    task.call(Call::Sendmsg {
        fd: left.fd(),
        data: b"take it".to_vec(),
        fds: vec![memory],
        to: None,
        flags: MsgFlags::empty(),
    })
    .await?;
    task.close(memory);
    let flags = MsgFlags::CMSG_CLOEXEC;
    let message = task
        .call(Call::Recvmsg {
            fd: right.fd(),
            count: 100,
            flags,
        })
        .await?
        .msg()?;
    for fd in message.fds {
        task.call(Call::Lseek {
            fd,
            offset: 3,
            whence: 0,
        })
        .await?;
        task.call(Call::Flock { fd, operation: 2 }).await?;
        task.close(fd);
    }
    task.shutdown(left.fd(), 1).await?;
    task.read(right.fd(), 10).await?;
    let [reader, writer] = task.pipe2(OpenFlags::NONBLOCK).await?;
    task.write(writer.fd(), vec![1; 70_000]).await?;
    task.call(Call::Fcntl {
        fd: reader.fd(),
        cmd: FcntlCmd::SetPipeSize(131_072),
    })
    .await?;
    task.call(Call::Dup3 {
        oldfd: reader.fd(),
        newfd: Fd(30),
        flags: OpenFlags::CLOEXEC,
    })
    .await?;
    task.call(Call::CloseRange {
        first: 29,
        last: 40,
        flags: CloseRangeFlags::empty(),
    })
    .await?;
    task.sleep(5_000_000).await;
    task.unlinkat(Fd::CWD, "/tmp/socket".into(), AtFlags::empty())
        .await
}

/// A pseudo-terminal with a shell on it in a session of its own.
pub fn ptys(task: Task, _: Vec<Vec<u8>>, _: Vec<Vec<u8>>) -> BoxFuture<'static, u8> {
    Box::pin(async move { status(shell_on_a_pty(&task).await) })
}

async fn shell_on_a_pty(task: &Task) -> Done {
    let master = task
        .openat(
            Fd::CWD,
            "/dev/ptmx".into(),
            OpenFlags::RDWR | OpenFlags::NOCTTY,
            0,
        )
        .await?;
    let ask = |request| {
        task.call(Call::Ioctl {
            fd: master.fd(),
            request,
        })
    };
    ask(IoctlReq::Tiocsptlck(false)).await?;
    let size = Winsize {
        rows: 10,
        cols: 40,
        xpixel: 0,
        ypixel: 0,
    };
    ask(IoctlReq::Tiocswinsz(size)).await?;
    let slave = ask(IoctlReq::Tiocgptpeer(OpenFlags::RDWR | OpenFlags::NOCTTY))
        .await?
        .fd()?;
    let child = task
        .clone_with(clone_args(CloneFlags::empty()), move |task| {
            Box::pin(async move { status(on_terminal(&task, slave).await) })
        })
        .await?;
    task.close(slave);
    let mut seen = Vec::new();
    for typed in ["echo inside; tty\n", "exit 0\n"] {
        task.write(master.fd(), typed.into()).await?;
        task.sleep(200_000_000).await;
        seen.extend(task.read(master.fd(), 4096).await?);
    }
    let options = WaitFlags::EXITED;
    task.waitid(WaitFor::Pid(child), options).await?;
    match String::from_utf8_lossy(&seen).contains("inside\r\n") {
        true => Ok(()),
        false => Err(Errno::EIO),
    }
}

async fn on_terminal(task: &Task, slave: Fd) -> Done {
    task.call(Call::Setsid {}).await?;
    task.call(Call::Ioctl {
        fd: slave,
        request: IoctlReq::Tiocsctty(false),
    })
    .await?;
    for number in 0..3 {
        task.call(Call::Dup3 {
            oldfd: slave,
            newfd: Fd(number),
            flags: OpenFlags::empty(),
        })
        .await?;
    }
    task.call(Call::CloseRange {
        first: 3,
        last: u32::MAX,
        flags: CloseRangeFlags::empty(),
    })
    .await?;
    task.call(Call::Execveat {
        dirfd: Fd::CWD,
        path: "/bin/sh".into(),
        argv: vec![b"sh".to_vec()],
        envp: vec![b"PATH=/bin".to_vec()],
        flags: AtFlags::empty(),
    })
    .await?;
    Ok(())
}

fn clone_args(flags: CloneFlags) -> CloneArgs {
    CloneArgs {
        flags,
        exit_signal: signal::CHLD,
        cgroup: None,
    }
}

/// What a container's first process does to itself, and a process that joins it.
pub fn spaces(task: Task, _: Vec<Vec<u8>>, _: Vec<Vec<u8>>) -> BoxFuture<'static, u8> {
    Box::pin(async move { status(container(&task).await) })
}

async fn container(task: &Task) -> Done {
    let flags = CloneFlags::NEWNS
        | CloneFlags::NEWUTS
        | CloneFlags::NEWIPC
        | CloneFlags::NEWPID
        | CloneFlags::NEWNET
        | CloneFlags::NEWCGROUP;
    let [reader, writer] = task.pipe2(OpenFlags::CLOEXEC).await?;
    let (go, told) = (reader.fd(), writer.fd());
    let init = task
        .clone_with(clone_args(flags), move |task| {
            Box::pin(async move { status(first_process(&task, go).await) })
        })
        .await?;
    task.sleep(10_000_000).await;
    let place = format!("/proc/{}/ns/uts", init.0);
    let uts = task
        .openat(Fd::CWD, place.into(), OpenFlags::RDONLY, 0)
        .await?;
    let fd = uts.fd();
    let joined = task
        .clone_with(clone_args(CloneFlags::empty()), move |task| {
            Box::pin(async move { status(join(&task, fd).await) })
        })
        .await?;
    task.waitid(WaitFor::Pid(joined), WaitFlags::EXITED).await?;
    let new = Some(Rlimit { cur: 100, max: 200 });
    task.call(Call::Prlimit64 {
        pid: init,
        resource: 7,
        new,
    })
    .await?;
    task.write(told, vec![1]).await?;
    let ended = task.waitid(WaitFor::Pid(init), WaitFlags::EXITED).await?;
    match ended.map(|waited| waited.status) {
        Some(WaitStatus::Exited(0)) => Ok(()),
        _ => Err(Errno::ECHILD),
    }
}

async fn first_process(task: &Task, go: Fd) -> Done {
    let call = async |call| task.call(call).await.map(drop);
    let private = MountFlags::REC | MountFlags::PRIVATE;
    task.mount("none".into(), "/".into(), "", private, Vec::new())
        .await?;
    task.mount(
        "t".into(),
        "/mnt".into(),
        "tmpfs",
        MountFlags::NOSUID,
        b"size=64k".to_vec(),
    )
    .await?;
    for dir in ["/mnt/bin", "/mnt/proc", "/mnt/old"] {
        task.mkdirat(Fd::CWD, dir.into(), 0o755).await?;
    }
    let bind = MountFlags::BIND | MountFlags::REC;
    task.mount("/bin".into(), "/mnt/bin".into(), "", bind, Vec::new())
        .await?;
    task.mount(
        "proc".into(),
        "/mnt/proc".into(),
        "proc",
        MountFlags::empty(),
        Vec::new(),
    )
    .await?;
    call(Call::Chdir {
        path: "/mnt".into(),
    })
    .await?;
    call(Call::PivotRoot {
        new_root: ".".into(),
        put_old: "old".into(),
    })
    .await?;
    call(Call::Chdir { path: "/".into() }).await?;
    task.umount2("/old".into(), UmountFlags::DETACH).await?;
    call(Call::Sethostname {
        name: b"box".to_vec(),
    })
    .await?;
    call(Call::Setdomainname {
        name: b"example".to_vec(),
    })
    .await?;
    task.read(go, 1).await?;
    call(Call::Umask { mask: 0o77 }).await?;
    call(Call::Prctl {
        op: PrctlOp::SetNoNewPrivs,
    })
    .await?;
    call(Call::Prctl {
        op: PrctlOp::CapbsetDrop(21),
    })
    .await?;
    call(Call::Setgroups {
        groups: vec![5, 10],
    })
    .await?;
    call(Call::Setresgid {
        rgid: 1000,
        egid: 1000,
        sgid: 1000,
    })
    .await?;
    call(Call::Setresuid {
        ruid: 1000,
        euid: 1000,
        suid: 1000,
    })
    .await?;
    let child = task
        .spawn(Spawn::new(
            PathArg::from("/bin/sh"),
            "sh",
            ["-c", "hostname; id; ps"],
        ))
        .await?;
    let waited = task
        .waitid(WaitFor::Pid(child.pid), WaitFlags::EXITED)
        .await?;
    match waited.map(|waited| waited.status) {
        Some(WaitStatus::Exited(0)) => Ok(()),
        _ => Err(Errno::ECHILD),
    }
}

async fn join(task: &Task, uts: Fd) -> Done {
    task.call(Call::Setns {
        fd: uts,
        nstype: CloneFlags::NEWUTS,
    })
    .await?;
    match task.call(Call::Getpid {}).await? {
        Ret::Pid(Pid(pid)) if pid > 0 => Ok(()),
        _ => Err(Errno::ESRCH),
    }
}

/// Children that filter their own calls.
pub fn filters(task: Task, _: Vec<Vec<u8>>, _: Vec<Vec<u8>>) -> BoxFuture<'static, u8> {
    Box::pin(async move { status(filtered(&task).await) })
}

/// A filter that returns `value` for one call, where its first argument is `first` if that is asked for.
fn filter(number: u32, first: Option<u32>, value: u32) -> Call {
    const LOAD: u16 = 0x20;
    const EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    let insn = |code, jf, k| SockFilter { code, jt: 0, jf, k };
    let skipped = if first.is_some() { 3 } else { 1 };
    let mut filter = vec![insn(LOAD, 0, 0), insn(EQUAL, skipped, number)];
    if let Some(first) = first {
        filter.extend([insn(LOAD, 0, 16), insn(EQUAL, 1, first)]);
    }
    filter.extend([insn(RETURN, 0, value), insn(RETURN, 0, 0x7fff_0000)]);
    Call::Seccomp { flags: 0, filter }
}

async fn filtered(task: &Task) -> Done {
    const ERRNO: u32 = 0x0005_0000;
    let errno = |errno: Errno| ERRNO | errno.raw().cast_unsigned();
    let killed = |signal| WaitStatus::Killed(signal, false);
    let umask = |mask| Call::Umask { mask };
    let exec = Call::Execveat {
        dirfd: Fd::CWD,
        path: "/bin/true".into(),
        argv: vec![b"true".to_vec()],
        envp: Vec::new(),
        flags: AtFlags::empty(),
    };
    let cases = [
        // The filter, a call, and how the child ends that ends with the call's error.
        (
            filter(nr::umask, None, errno(Errno::EDOM)),
            umask(0),
            WaitStatus::Exited(33),
        ),
        (
            filter(nr::umask, Some(63), errno(Errno::EDOM)),
            umask(0),
            WaitStatus::Exited(0),
        ),
        (
            filter(nr::umask, Some(63), errno(Errno::EDOM)),
            umask(63),
            WaitStatus::Exited(33),
        ),
        // The number that the same program calls a real kernel by.
        (
            filter(nr::execve, None, errno(Errno::EACCES)),
            exec.clone(),
            WaitStatus::Exited(13),
        ),
        (
            filter(nr::execveat, None, errno(Errno::EACCES)),
            exec,
            WaitStatus::Exited(0),
        ),
        (
            filter(nr::umask, None, 0x0003_0000),
            umask(0),
            killed(signal::SYS),
        ),
        (
            filter(nr::umask, None, 0x8000_0000),
            umask(0),
            killed(signal::SYS),
        ),
        (filter(nr::umask, None, 0), umask(0), killed(signal::SYS)),
        (
            filter(nr::umask, None, 0x7ffc_0000),
            umask(0),
            WaitStatus::Exited(0),
        ),
        (
            filter(nr::umask, None, 0x7ff0_0000),
            umask(0),
            WaitStatus::Exited(38),
        ),
        // There is no other way to end.
        (
            filter(nr::exit_group, None, errno(Errno::EPERM)),
            umask(0),
            killed(signal::SEGV),
        ),
    ];
    for (filter, call, wanted) in cases {
        let child = task
            .clone_with(clone_args(CloneFlags::empty()), move |task| {
                Box::pin(async move {
                    let done = match task.call(filter).await {
                        Ok(_) => task.call(call).await.map(drop),
                        // No status of a case.
                        Err(_) => Err(Errno::EPROTO),
                    };
                    status(done)
                })
            })
            .await?;
        let ended = task.waitid(WaitFor::Pid(child), WaitFlags::EXITED).await?;
        if ended.map(|waited| waited.status) != Some(wanted) {
            return Err(Errno::ECHILD);
        }
    }
    let refused = filter(nr::execve, None, errno(Errno::EXDEV));
    task.call(refused).await?;
    let program = Spawn::new(PathArg::from("/bin/true"), "true", [""; 0]);
    match task.spawn(program).await.map(drop) {
        Err(Errno::EXDEV) => Ok(()),
        other => other.and(Err(Errno::EPROTO)),
    }
}

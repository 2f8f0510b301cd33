//! Every call and every kind of result, as a line of `strace`'s (version 6.1). Where a call's data is not in the trace
//! the argument is missing; `strace` has an address there.

mod files;
mod open;
mod tasks;

use super::{arguments, registers, result};
use expect_test::expect;
use glassdock_abi::call::{FcntlCmd, IoctlReq, PrctlOp, Received};
use glassdock_abi::flags::*;
use glassdock_abi::types::*;
use glassdock_abi::{Call, Fd, Pid, Ret};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;

const TTY: Termios = Termios {
    iflag: 0o2400,
    oflag: 0o5,
    cflag: 0o277,
    lflag: 0o105073,
    line: 0,
    cc: [0; 19],
};
const SIZE: Winsize = Winsize {
    rows: 24,
    cols: 80,
    xpixel: 0,
    ypixel: 0,
};
const CAPS: CapSets = CapSets {
    effective: 0x1ff_ffff_ffff,
    permitted: 1 | 1 << 21,
    inheritable: 0,
};
const SECOND: Timespec = Timespec {
    sec: 1,
    nsec: 500_000_000,
};
const LIMIT: Rlimit = Rlimit {
    cur: 1024,
    max: u64::MAX,
};

fn file() -> Stat {
    Stat {
        dev: Dev::new(0, 2),
        ino: 6,
        mode: 0o100755,
        nlink: 1,
        size: 2_010_000,
        ..Stat::default()
    }
}

fn socket() -> SockAddr {
    SockAddr::Unix("/run/docker.sock".into())
}

fn change(status: WaitStatus) -> Ret {
    Ret::Waited(Some(Waited {
        pid: Pid(13),
        uid: 0,
        status,
    }))
}

/// Calls under the names that the kernel gives typed ones, with what they yield.
fn typed() -> Vec<(Call, Ret)> {
    [
        files::files(),
        files::attributes(),
        open::open_files(),
        open::sockets(),
        tasks::processes(),
        tasks::own(),
    ]
    .concat()
}

fn line(name: &str, call: &Call, ret: Option<&Ret>) -> String {
    let values: Vec<String> = arguments(name, call, ret)
        .into_iter()
        .map(|(_, value)| value)
        .collect();
    let result = ret.map_or_else(|| "...".to_owned(), |ret| result(name, call, ret));
    format!("{name}({}) = {result}\n", values.join(", "))
}

/// How many variants an enum has: the first number that is none of it when it is decoded.
fn variants<T: DeserializeOwned>() -> u32 {
    (0..)
        .find(|variant| {
            let mut bytes = postcard::to_stdvec(variant).unwrap();
            bytes.resize(400, 0);
            postcard::take_from_bytes::<T>(&bytes).is_err()
        })
        .unwrap()
}

fn variant<T: Serialize>(value: &T) -> u32 {
    let bytes = postcard::to_stdvec(value).unwrap();
    postcard::take_from_bytes::<u32>(&bytes).unwrap().0
}

#[test]
fn every_call_and_every_result_is_in_the_table() {
    let table = typed();
    let calls: BTreeSet<u32> = table.iter().map(|(call, _)| variant(call)).collect();
    let rets: BTreeSet<u32> = table.iter().map(|(_, ret)| variant(ret)).collect();
    assert_eq!(calls, (0..variants::<Call>()).collect());
    assert_eq!(rets, (0..variants::<Ret>()).collect());
    let of = |found: BTreeSet<u32>, all: u32| assert_eq!(found, (0..all).collect());
    let requests = table.iter().filter_map(|(call, _)| match call {
        Call::Ioctl { request, .. } => Some(variant(request)),
        _ => None,
    });
    of(requests.collect(), variants::<IoctlReq>());
    let operations = table.iter().filter_map(|(call, _)| match call {
        Call::Prctl { op } => Some(variant(op)),
        _ => None,
    });
    of(operations.collect(), variants::<PrctlOp>());
    let commands = table.iter().filter_map(|(call, _)| match call {
        Call::Fcntl { cmd, .. } => Some(variant(cmd)),
        _ => None,
    });
    of(commands.collect(), variants::<FcntlCmd>());
}

#[test]
fn calls_are_shown_as_strace_prints_them() {
    let lines: String = typed()
        .iter()
        .map(|(call, ret)| line(call.name(), call, Some(ret)))
        .collect();
    expect![[r#"
        openat2(AT_FDCWD, "/etc/passwd", {flags=O_RDONLY|O_CREAT|O_CLOEXEC, mode=0644, resolve=RESOLVE_BENEATH}) = 3
        openat2(5, "/etc/passwd", {flags=O_RDONLY, resolve=0}) = 4
        statx(AT_FDCWD, "/etc/passwd", AT_SYMLINK_NOFOLLOW, {st_dev=makedev(0, 0x2), st_ino=6, st_mode=S_IFREG|0755, st_nlink=1, st_uid=0, st_gid=0, st_size=2010000, ...}) = 0
        readlinkat(AT_FDCWD, "/proc/self", "12") = 2
        faccessat2(AT_FDCWD, "/etc/passwd", R_OK|X_OK, 0) = 0
        mkdirat(AT_FDCWD, "/tmp/d", 0755) = 0
        mknodat(4, "null", S_IFCHR|0666, makedev(0x1, 0x3)) = 0
        unlinkat(AT_FDCWD, "/etc/passwd", AT_REMOVEDIR) = 0
        symlinkat("pts/ptmx", 4, "ptmx") = 0
        linkat(AT_FDCWD, "a", AT_FDCWD, "b", 0) = 0
        renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE) = 0
        mount("proc", "/proc", "proc", MS_NOSUID|MS_NODEV, "") = 0
        umount2(".", MNT_DETACH) = 0
        open_tree(AT_FDCWD, "/data", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_RECURSIVE) = 7
        move_mount(7, "", 8, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH) = 0
        mount_setattr(7, "", AT_EMPTY_PATH|AT_RECURSIVE, {attr_set=MOUNT_ATTR_RDONLY|MOUNT_ATTR_IDMAP, attr_clr=MOUNT_ATTR_NOSUID, propagation=MS_SLAVE, userns_fd=9}) = 0
        statfs("/", {f_type=OVERLAYFS_SUPER_MAGIC, f_bsize=4096, f_blocks=10, f_bfree=0, f_bavail=0, f_files=0, f_ffree=0, f_namelen=0, ...}) = 0
        fstatfs(3, {f_type=0, f_bsize=0, f_blocks=0, f_bfree=0, f_bavail=0, f_files=0, f_ffree=0, f_namelen=0, ...}) = 0
        fchmodat2(AT_FDCWD, "/tmp/f", 04755, 0) = 0
        fchownat(AT_FDCWD, "/tmp/f", 0, -1, AT_SYMLINK_NOFOLLOW) = 0
        utimensat(AT_FDCWD, "/tmp/f", [UTIME_OMIT, {tv_sec=1, tv_nsec=500000000}], 0) = 0
        getxattr("/tmp/f", "user.a", "v") = 1
        setxattr("/tmp/f", "user.a", "v", 1, XATTR_CREATE) = 0
        listxattr("/tmp/f", "user.a\0") = 7
        removexattr("/tmp/f", "user.a") = 0
        fgetxattr(3, "user.a", "v") = 1
        fsetxattr(3, "user.a", "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"..., ≥ 256, 0) = 0
        close(3) = 0
        close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) = 0
        read(3, "root:\n\33\0001", 4096) = 9
        read(3, 4096) = 242
        read(3, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"..., 4096) = ≥ 256
        write(1, "hi\n", 3) = 3
        write(1, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"..., 1000) = 1000
        pread64(3, "ab", 2, 7) = 2
        pwrite64(3, "ab", 2, 7) = 2
        lseek(3, -4, SEEK_END) = 96
        getdents64(3, ["etc"], 32768) = 24
        ftruncate(3, 0) = 0
        fallocate(3, FALLOC_FL_KEEP_SIZE|FALLOC_FL_PUNCH_HOLE, 0, 4096) = 0
        fsync(3) = 0
        fdatasync(3) = 0
        flock(3, LOCK_EX|LOCK_NB) = 0
        copy_file_range(3, NULL, 4, [8], 100, 0) = 100
        sendfile(1, 3, NULL, 65536) = 242
        dup3(3, 0, 0) = 0
        fcntl(3, F_DUPFD_CLOEXEC, 10) = 10
        fcntl(3, F_GETFD) = 0x1 (flags FD_CLOEXEC)
        fcntl(3, F_SETFD, FD_CLOEXEC) = 0
        fcntl(3, F_GETFL) = 0x802 (flags O_RDWR|O_NONBLOCK)
        fcntl(3, F_SETFL, O_RDONLY|O_NONBLOCK) = 0
        fcntl(3, F_GETPIPE_SZ) = 65536
        fcntl(3, F_SETPIPE_SZ, 4096) = 4096
        ioctl(0, TCGETS, {c_iflag=ICRNL|IXON, c_oflag=OPOST|ONLCR, c_cflag=0xbf, c_lflag=ISIG|ICANON|ECHO|ECHOE|ECHOK|ECHOCTL|ECHOKE|IEXTEN, ...}) = 0
        ioctl(0, TCSETSW, {c_iflag=ICRNL|IXON, c_oflag=OPOST|ONLCR, c_cflag=0xbf, c_lflag=ISIG|ICANON|ECHO|ECHOE|ECHOK|ECHOCTL|ECHOKE|IEXTEN, ...}) = 0
        ioctl(0, TIOCGWINSZ, {ws_row=24, ws_col=80, ws_xpixel=0, ws_ypixel=0}) = 0
        ioctl(0, TIOCSWINSZ, {ws_row=24, ws_col=80, ws_xpixel=0, ws_ypixel=0}) = 0
        ioctl(0, TIOCSCTTY, 0) = 0
        ioctl(0, TIOCNOTTY) = 0
        ioctl(0, TIOCGPGRP, [9]) = 0
        ioctl(0, TIOCSPGRP, [10]) = 0
        ioctl(0, TIOCGSID, [5]) = 0
        ioctl(0, TIOCGPTN, [2]) = 0
        ioctl(0, TIOCSPTLCK, [0]) = 0
        ioctl(0, TIOCGPTPEER, O_RDWR|O_NOCTTY) = 7
        ioctl(0, FIONREAD, [12]) = 0
        ioctl(0, FIONBIO, [1]) = 0
        ioctl(0, 0x5450, 0) = 0
        ppoll([{fd=0, events=POLLIN|POLLOUT}], 1, {tv_sec=1, tv_nsec=500000000}) = 1 ([{fd=0, revents=POLLIN}])
        ppoll([{fd=0, events=POLLIN|POLLOUT}], 1, NULL) = 0 (Timeout)
        memfd_create("plan", MFD_CLOEXEC) = 5
        pipe2([6, 7], O_CLOEXEC) = 0
        socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0) = 4
        socketpair(AF_UNIX, SOCK_SEQPACKET, 0, [6, 7]) = 0
        bind(4, {sa_family=AF_UNIX, sun_path=@"name"}) = 0
        bind(4, {sa_family=AF_NETLINK, sa_data="\0\0"}) = 0
        listen(4, 128) = 0
        accept4(4, {sa_family=AF_UNIX}, SOCK_CLOEXEC|SOCK_NONBLOCK) = 6
        connect(4, {sa_family=AF_UNIX, sun_path="/run/docker.sock"}) = 0
        shutdown(4, SHUT_WR) = 0
        sendmsg(4, {msg_name=NULL, msg_iov=[{iov_base="x"}], msg_control=[{cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[8]}]}, MSG_NOSIGNAL) = 1
        recvmsg(4, {msg_name=NULL, msg_iov=[{iov_base="ready"}], msg_control=[{cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[9]}]}, MSG_CMSG_CLOEXEC) = 5
        getsockname(4, {sa_family=AF_UNIX, sun_path="/run/docker.sock"}) = 0
        getpeername(4, {sa_family=AF_UNIX}) = 0
        getsockopt(4, SOL_SOCKET, SO_ERROR, [0]) = 0
        getsockopt(4, SOL_SOCKET, SO_PEERCRED, {pid=10, uid=0, gid=0}) = 0
        setsockopt(4, SOL_SOCKET, SO_REUSEADDR, [1]) = 0
        waitid(P_PIDFD, 9, {si_signo=SIGCHLD, si_code=CLD_EXITED, si_status=3, si_pid=13, si_uid=0}, WEXITED) = 0
        waitid(P_ALL, 0, {}, WNOHANG|WEXITED) = 0
        waitid(P_PID, 13, {si_signo=SIGCHLD, si_code=CLD_KILLED, si_status=SIGKILL, si_pid=13, si_uid=0}, WEXITED) = 0
        pidfd_open(13, 0) = 9
        pidfd_send_signal(9, SIGTERM, NULL, 0) = 0
        kill(-13, 0) = 0
        signalfd4(-1, [INT TERM], SFD_CLOEXEC) = 5
        rt_sigprocmask(SIG_BLOCK, ~[KILL], []) = 0
        prlimit64(0, RLIMIT_NOFILE, {rlim_cur=1024, rlim_max=RLIM64_INFINITY}, {rlim_cur=1024, rlim_max=RLIM64_INFINITY}) = 0
        clock_gettime(CLOCK_MONOTONIC, {tv_sec=1, tv_nsec=500000000}) = 0
        clock_nanosleep(CLOCK_REALTIME, 0, {tv_sec=1, tv_nsec=500000000}) = 0
        getrandom("\1\2\376\377", 4, 0) = 4
        getpid() = 10
        getppid() = 1
        getuid() = 0
        geteuid() = 0
        getgid() = 0
        getegid() = 0
        clone3({flags=CLONE_NEWNS|CLONE_NEWPID, exit_signal=SIGCHLD}) = 13
        execveat(AT_FDCWD, "/bin/sh", ["sh", "-c"], [], 0) = 0
        exit_group(3) = 0
        unshare(CLONE_NEWCGROUP) = 0
        setns(9, CLONE_NEWNET) = 0
        chdir("/merged") = 0
        fchdir(4) = 0
        getcwd("/root") = 6
        chroot("/merged") = 0
        pivot_root(".", ".") = 0
        umask(000) = 022
        setresuid(1000, 1000, -1) = 0
        setresgid(1000, 1000, 1000) = 0
        setgroups(2, [10, 20]) = 0
        getgroups([10]) = 1
        capget({version=_LINUX_CAPABILITY_VERSION_3, pid=0}, {effective=0x1ffffffffff, permitted=CAP_CHOWN|CAP_SYS_ADMIN, inheritable=0}) = 0
        capset({version=_LINUX_CAPABILITY_VERSION_3, pid=0}, {effective=0x1ffffffffff, permitted=CAP_CHOWN|CAP_SYS_ADMIN, inheritable=0}) = 0
        prctl(PR_SET_PDEATHSIG, SIGKILL) = 0
        prctl(PR_SET_DUMPABLE, SUID_DUMP_DISABLE) = 0
        prctl(PR_SET_KEEPCAPS, 1) = 0
        prctl(PR_SET_NAME, "ls") = 0
        prctl(PR_CAPBSET_READ, CAP_CHOWN) = 0
        prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN) = 0
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHECKPOINT_RESTORE) = 0
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL) = 0
        prctl(PR_SET_NO_NEW_PRIVS, 1) = 0
        prctl(PR_GET_NO_NEW_PRIVS) = 0
        prctl(PR_SET_CHILD_SUBREAPER, 1) = 0
        prctl(0x1000, 0x1) = 0
        setsid() = 13
        setpgid(10, 10) = 0
        seccomp(SECCOMP_SET_MODE_FILTER, 0, {len=5, filter=...}) = 0
        getpgid(0) = 9
        getsid(0) = 5
        sethostname("box", 3) = 0
        setdomainname("sea", 3) = 0
    "#]].assert_eq(&lines);
}

#[test]
fn a_call_has_the_arguments_of_the_name_by_which_it_was_made() {
    let path = || "/etc".into();
    let fd = Fd::CWD;
    let how = OpenHow {
        flags: OpenFlags::WRONLY | OpenFlags::CREAT | OpenFlags::TRUNC,
        mode: 0o666,
        resolve: ResolveFlags::empty(),
    };
    let open = Call::Openat2 {
        dirfd: fd,
        path: path(),
        how,
    };
    let look = Call::Openat2 {
        dirfd: fd,
        path: path(),
        how: OpenHow::default(),
    };
    let stat = Call::Statx {
        dirfd: fd,
        path: path(),
        flags: AtFlags::empty(),
    };
    let fstat = Call::Statx {
        dirfd: Fd(3),
        path: "".into(),
        flags: AtFlags::EMPTY_PATH,
    };
    let wait = Call::Waitid {
        which: WaitFor::Any,
        options: WaitFlags::EXITED | WaitFlags::UNTRACED,
    };
    let group = Call::Waitid {
        which: WaitFor::Group(Pid(9)),
        options: WaitFlags::EXITED,
    };
    let sent = Call::Sendmsg {
        fd: Fd(4),
        data: b"x".to_vec(),
        fds: Vec::new(),
        to: None,
        flags: MsgFlags::empty(),
    };
    let poll = Call::Ppoll {
        fds: vec![PollFd {
            fd: Fd(0),
            events: PollEvents::IN,
        }],
        timeout: None,
    };
    let exec = Call::Execveat {
        dirfd: fd,
        path: "/bin/ls".into(),
        argv: vec![b"ls".to_vec()],
        envp: vec![b"HOME=/".to_vec()],
        flags: AtFlags::empty(),
    };
    let found = Ret::Stat(Box::new(file()));
    let killed = change(WaitStatus::Killed(signal::SEGV, true));
    let dup = Call::Fcntl {
        fd: Fd(3),
        cmd: FcntlCmd::Dup(0, false),
    };
    let change_mode = Call::Fchmodat {
        dirfd: Fd(3),
        path: "".into(),
        mode: 0o600,
        flags: AtFlags::EMPTY_PATH,
    };
    let lines: String = [
        ("open", &open, Some(&Ret::Int(3))),
        ("openat", &open, Some(&Ret::Int(3))),
        ("openat", &look, None),
        ("stat", &stat, Some(&found)),
        ("newfstatat", &stat, Some(&Ret::None)),
        ("fstat", &fstat, Some(&found)),
        ("wait4", &wait, Some(&Ret::Pid(Pid(13)))),
        ("wait4", &group, Some(&killed)),
        ("wait4", &wait, None),
        ("sendto", &sent, Some(&Ret::Int(1))),
        ("poll", &poll, Some(&Ret::Polled(vec![PollEvents::HUP]))),
        ("execve", &exec, Some(&Ret::None)),
        ("dup", &dup, Some(&Ret::Int(4))),
        ("fchmod", &change_mode, Some(&Ret::None)),
    ]
    .into_iter()
    .map(|(name, call, ret)| line(name, call, ret))
    .collect();
    expect![[r#"
        open("/etc", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3
        openat(AT_FDCWD, "/etc", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3
        openat(AT_FDCWD, "/etc", O_RDONLY) = ...
        stat("/etc", {st_dev=makedev(0, 0x2), st_ino=6, st_mode=S_IFREG|0755, st_nlink=1, st_uid=0, st_gid=0, st_size=2010000, ...}) = 0
        newfstatat(AT_FDCWD, "/etc", 0) = 0
        fstat(3, {st_dev=makedev(0, 0x2), st_ino=6, st_mode=S_IFREG|0755, st_nlink=1, st_uid=0, st_gid=0, st_size=2010000, ...}) = 0
        wait4(-1, WUNTRACED) = 13
        wait4(-9, [{WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV && WCOREDUMP(s)}], 0) = 13
        wait4(-1, WUNTRACED) = ...
        sendto(4, "x", 1, 0, NULL) = 1
        poll([{fd=0, events=POLLIN}], 1, -1) = 1 ([{fd=0, revents=POLLHUP}])
        execve("/bin/ls", ["ls"], ["HOME=/"]) = 0
        dup(3) = 4
        fchmod(3, 0600) = 0
    "#]].assert_eq(&lines);
}

#[test]
fn registers_are_shown_as_the_arguments_that_they_hold() {
    for (name, values, expected) in [
        ("exit_group", [0, 0xe7, 0x3c, 9, 8, 7], "0"),
        ("brk", [0; 6], "NULL"),
        ("gettid", [1, 2, 3, 4, 5, 6], ""),
        (
            "mmap",
            [0, 4096, 3, 0x22, u64::MAX, 0],
            "NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0",
        ),
        (
            "rt_sigaction",
            [28, 0x7fff_0000, 0, 8, 0, 16],
            "SIGWINCH, 0x7fff0000, NULL, 8",
        ),
        (
            "clone",
            [0x120_0011, 0, 0, 0x5ed6d0, 0, 0x63],
            "CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, NULL, NULL, 0x5ed6d0, NULL",
        ),
        (
            "reboot",
            [0xfee1_dead, 0x2812_1969, 0x0123_4567, 0, 5, 6],
            "LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_RESTART, NULL",
        ),
        (
            "futex",
            [0x1000, 0x81, 1, 0, 0, 0],
            "0x1000, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0",
        ),
        // A call that this kernel does not know.
        ("bpf", [1, 0x7fff, 0, 0, 0, 0], "0x1, 0x7fff"),
    ] {
        let shown: Vec<String> = registers(name, &values)
            .into_iter()
            .map(|(_, value)| value)
            .collect();
        assert_eq!(shown.join(", "), expected, "{name}");
    }
}

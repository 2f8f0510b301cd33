//! Calls on other processes and on the caller itself.

use super::*;

pub(super) fn processes() -> Vec<(Call, Ret)> {
    let options = WaitFlags::EXITED;
    vec![
        (
            Call::Waitid {
                which: WaitFor::PidFd(Fd(9)),
                options,
            },
            change(WaitStatus::Exited(3)),
        ),
        (
            Call::Waitid {
                which: WaitFor::Any,
                options: options | WaitFlags::NOHANG,
            },
            Ret::Waited(None),
        ),
        (
            Call::Waitid {
                which: WaitFor::Pid(Pid(13)),
                options,
            },
            change(WaitStatus::Killed(signal::KILL, false)),
        ),
        (
            Call::PidfdOpen {
                pid: Pid(13),
                flags: 0,
            },
            Ret::Fd(Fd(9)),
        ),
        (
            Call::PidfdSendSignal {
                pidfd: Fd(9),
                signal: signal::TERM,
            },
            Ret::None,
        ),
        (
            Call::Kill {
                pid: Pid(-13),
                signal: 0,
            },
            Ret::None,
        ),
        (
            Call::Signalfd4 {
                fd: None,
                mask: 0x4002,
                flags: OpenFlags::CLOEXEC,
            },
            Ret::Fd(Fd(5)),
        ),
        (
            Call::RtSigprocmask {
                how: 0,
                set: !0x100,
            },
            Ret::Int(0),
        ),
        (
            Call::Prlimit64 {
                pid: Pid(0),
                resource: 7,
                new: Some(LIMIT),
            },
            Ret::Rlimit(LIMIT),
        ),
        (
            Call::ClockGettime {
                clock: Clock::Monotonic,
            },
            Ret::Time(SECOND),
        ),
        (
            Call::ClockNanosleep {
                clock: Clock::Realtime,
                absolute: false,
                time: SECOND,
            },
            Ret::None,
        ),
        (
            Call::Getrandom { count: 4 },
            Ret::Bytes(b"\x01\x02\xfe\xff".to_vec()),
        ),
    ]
}

pub(super) fn own() -> Vec<(Call, Ret)> {
    let path = || "/merged".into();
    let clone = CloneArgs {
        flags: CloneFlags::NEWPID | CloneFlags::NEWNS,
        exit_signal: signal::CHLD,
        cgroup: None,
    };
    let prctl = |op| (Call::Prctl { op }, Ret::Int(0));
    vec![
        (Call::Getpid {}, Ret::Pid(Pid(10))),
        (Call::Getppid {}, Ret::Pid(Pid(1))),
        (Call::Getuid {}, Ret::Int(0)),
        (Call::Geteuid {}, Ret::Int(0)),
        (Call::Getgid {}, Ret::Int(0)),
        (Call::Getegid {}, Ret::Int(0)),
        (Call::Clone3 { args: clone }, Ret::Pid(Pid(13))),
        (
            Call::Execveat {
                dirfd: Fd::CWD,
                path: "/bin/sh".into(),
                argv: vec![b"sh".to_vec(), b"-c".to_vec()],
                envp: Vec::new(),
                flags: AtFlags::empty(),
            },
            Ret::None,
        ),
        (Call::ExitGroup { status: 3 }, Ret::None),
        (
            Call::Unshare {
                flags: CloneFlags::NEWCGROUP,
            },
            Ret::None,
        ),
        (
            Call::Setns {
                fd: Fd(9),
                nstype: CloneFlags::NEWNET,
            },
            Ret::None,
        ),
        (Call::Chdir { path: path() }, Ret::None),
        (Call::Fchdir { fd: Fd(4) }, Ret::None),
        (Call::Getcwd {}, Ret::Bytes(b"/root".to_vec())),
        (Call::Chroot { path: path() }, Ret::None),
        (
            Call::PivotRoot {
                new_root: ".".into(),
                put_old: ".".into(),
            },
            Ret::None,
        ),
        (Call::Umask { mask: 0 }, Ret::Int(0o22)),
        (
            Call::Setresuid {
                ruid: 1000,
                euid: 1000,
                suid: u32::MAX,
            },
            Ret::None,
        ),
        (
            Call::Setresgid {
                rgid: 1000,
                egid: 1000,
                sgid: 1000,
            },
            Ret::None,
        ),
        (
            Call::Setgroups {
                groups: vec![10, 20],
            },
            Ret::None,
        ),
        (Call::Getgroups {}, Ret::Groups(vec![10])),
        (Call::Capget {}, Ret::Caps(CAPS)),
        (Call::Capset { sets: CAPS }, Ret::None),
        prctl(PrctlOp::SetPdeathsig(signal::KILL)),
        prctl(PrctlOp::SetDumpable(false)),
        prctl(PrctlOp::SetKeepcaps(true)),
        prctl(PrctlOp::SetName(b"ls".to_vec())),
        prctl(PrctlOp::CapbsetRead(0)),
        prctl(PrctlOp::CapbsetDrop(21)),
        prctl(PrctlOp::CapAmbientRaise(40)),
        prctl(PrctlOp::CapAmbientClearAll),
        prctl(PrctlOp::SetNoNewPrivs),
        prctl(PrctlOp::GetNoNewPrivs),
        prctl(PrctlOp::SetChildSubreaper(true)),
        prctl(PrctlOp::Other([0x1000, 1, 0, 0, 0])),
        (Call::Setsid {}, Ret::Pid(Pid(13))),
        (
            Call::Setpgid {
                pid: Pid(10),
                pgid: Pid(10),
            },
            Ret::None,
        ),
        (
            Call::Seccomp {
                flags: 0,
                filter: vec![Default::default(); 5],
            },
            Ret::None,
        ),
        (Call::Getpgid { pid: Pid(0) }, Ret::Pid(Pid(9))),
        (Call::Getsid { pid: Pid(0) }, Ret::Pid(Pid(5))),
        (
            Call::Sethostname {
                name: b"box".to_vec(),
            },
            Ret::None,
        ),
        (
            Call::Setdomainname {
                name: b"sea".to_vec(),
            },
            Ret::None,
        ),
    ]
}

//! What filters see of a built-in program's call: the number and arguments by which the same program calls a real kernel.
//! Such a program has no memory that a filter could be told of, so an address is zero.

use super::Data;
use crate::syscall::Op;
use glassdock_abi::call::{FcntlCmd, IoctlReq, PrctlOp};
use glassdock_abi::flags::AtFlags;
use glassdock_abi::types::{Clock, WaitFor};
use glassdock_abi::{Call, Fd, PathArg, nr};

/// An address.
const AT: u64 = 0;
/// `struct clone_args`, `struct open_how`, `struct mount_attr`.
const CLONE_ARGS: u64 = 88;
const MOUNT_ATTR: u64 = 32;
const OPEN_HOW: u64 = 24;
/// The fields that are asked for.
const STATX_MASK: u64 = 0x1fff;

impl Data {
    /// What is seen of a call.
    pub(crate) fn of(op: &Op) -> Data {
        let (number, args) = match op {
            Op::Raw(number, args) => (*number, *args),
            Op::Typed(call) => return Data::of_call(call),
            Op::Special(special) => (special.nr(), six([AT, CLONE_ARGS])),
        };
        let ip = AT;
        Data { number, ip, args }
    }

    /// What is seen of a typed call.
    pub(crate) fn of_call(call: &Call) -> Data {
        Data {
            number: number(call),
            ip: AT,
            args: args(call),
        }
    }
}

/// The number, where several calls of Linux are one here.
fn number(call: &Call) -> u32 {
    match call {
        Call::Getxattr { follow: false, .. } => nr::lgetxattr,
        Call::Setxattr { follow: false, .. } => nr::lsetxattr,
        Call::Listxattr { follow: false, .. } => nr::llistxattr,
        Call::Removexattr { follow: false, .. } => nr::lremovexattr,
        Call::Fchmodat { flags, .. } if flags.is_empty() => nr::fchmodat,
        Call::Fchmodat { flags, path, .. } if is_itself(path, *flags) => nr::fchmod,
        Call::Execveat { dirfd, flags, .. } if *dirfd == Fd::CWD && flags.is_empty() => nr::execve,
        call => call.nr(),
    }
}

/// Whether the descriptor itself is meant.
fn is_itself(path: &PathArg, flags: AtFlags) -> bool {
    flags == AtFlags::EMPTY_PATH && path.as_bytes().is_empty()
}

fn six<const N: usize>(args: [u64; N]) -> [u64; 6] {
    let mut all = [0; 6];
    all[..N].copy_from_slice(&args);
    all
}

/// A descriptor, as a C `int`.
fn fd(fd: &Fd) -> u64 {
    i64::from(fd.0) as u64
}

fn at_flags(flags: &AtFlags) -> u64 {
    flags.bits().into()
}

fn args(call: &Call) -> [u64; 6] {
    let w = |word: u32| u64::from(word);
    let len = |bytes: &[u8]| bytes.len() as u64;
    let pid = |pid: &glassdock_abi::Pid| i64::from(pid.0) as u64;
    match call {
        Call::Openat2 { dirfd, .. } => six([fd(dirfd), AT, AT, OPEN_HOW]),
        Call::Statx { dirfd, flags, .. } => six([fd(dirfd), AT, at_flags(flags), STATX_MASK]),
        Call::Readlinkat { dirfd, .. } => six([fd(dirfd)]),
        Call::Fchmodat {
            dirfd,
            mode,
            path,
            flags,
        } if is_itself(path, *flags) => six([fd(dirfd), w(*mode)]),
        Call::Faccessat2 {
            dirfd, mode, flags, ..
        }
        | Call::Fchmodat {
            dirfd, mode, flags, ..
        } => six([fd(dirfd), AT, w(*mode), at_flags(flags)]),
        Call::Mkdirat { dirfd, mode, .. } => six([fd(dirfd), AT, w(*mode)]),
        Call::Mknodat {
            dirfd, mode, dev, ..
        } => six([fd(dirfd), AT, w(*mode), dev.0]),
        Call::Unlinkat { dirfd, flags, .. } => six([fd(dirfd), AT, at_flags(flags)]),
        Call::Symlinkat { newdirfd, .. } => six([AT, fd(newdirfd)]),
        Call::Linkat {
            olddirfd,
            newdirfd,
            flags,
            ..
        } => six([fd(olddirfd), AT, fd(newdirfd), AT, at_flags(flags)]),
        Call::Renameat2 {
            olddirfd,
            newdirfd,
            flags,
            ..
        } => six([fd(olddirfd), AT, fd(newdirfd), AT, w(flags.bits())]),
        Call::Fchownat {
            dirfd,
            uid,
            gid,
            flags,
            ..
        } => six([fd(dirfd), AT, w(*uid), w(*gid), at_flags(flags)]),
        Call::Utimensat { dirfd, flags, .. } => six([fd(dirfd), AT, AT, at_flags(flags)]),
        Call::Setxattr { value, flags, .. } => six([AT, AT, AT, len(value), w(flags.bits())]),
        Call::Fsetxattr {
            fd: of,
            value,
            flags,
            ..
        } => six([fd(of), AT, AT, len(value), w(flags.bits())]),
        Call::Fstatfs { fd: of }
        | Call::Fgetxattr { fd: of, .. }
        | Call::Close { fd: of }
        | Call::Fsync { fd: of }
        | Call::Fdatasync { fd: of }
        | Call::Fchdir { fd: of }
        | Call::Bind { fd: of, .. }
        | Call::Connect { fd: of, .. }
        | Call::Getsockname { fd: of }
        | Call::Getpeername { fd: of } => six([fd(of)]),
        Call::CloseRange { first, last, flags } => six([w(*first), w(*last), w(flags.bits())]),
        Call::Read { fd: of, count } | Call::Getdents64 { fd: of, count } => {
            six([fd(of), AT, *count])
        }
        Call::Write { fd: of, data } => six([fd(of), AT, len(data)]),
        Call::Pread64 {
            fd: of,
            count,
            offset,
        } => six([fd(of), AT, *count, *offset]),
        Call::Pwrite64 {
            fd: of,
            data,
            offset,
        } => six([fd(of), AT, len(data), *offset]),
        Call::Lseek {
            fd: of,
            offset,
            whence,
        } => six([fd(of), *offset as u64, w(*whence)]),
        Call::Ftruncate { fd: of, length } => six([fd(of), *length]),
        Call::Fallocate {
            fd: of,
            mode,
            offset,
            len,
        } => six([fd(of), w(*mode), *offset, *len]),
        Call::Flock { fd: of, operation } => six([fd(of), w(*operation)]),
        Call::CopyFileRange {
            fd_in, fd_out, len, ..
        } => six([fd(fd_in), AT, fd(fd_out), AT, *len]),
        Call::Sendfile {
            out_fd,
            in_fd,
            count,
            ..
        } => six([fd(out_fd), fd(in_fd), AT, *count]),
        Call::Dup3 {
            oldfd,
            newfd,
            flags,
        } => six([fd(oldfd), fd(newfd), w(flags.bits())]),
        Call::Fcntl { fd: of, cmd } => {
            let (cmd, arg) = fcntl(cmd);
            six([fd(of), cmd, arg])
        }
        Call::Ioctl { fd: of, request } => {
            let (request, arg) = ioctl(request);
            six([fd(of), w(request), arg])
        }
        Call::Ppoll { fds, .. } => six([AT, fds.len() as u64]),
        Call::MemfdCreate { flags, .. } => six([AT, w(flags.bits())]),
        Call::Pipe2 { flags } => six([AT, w(flags.bits())]),
        Call::Socket {
            domain,
            kind,
            protocol,
        }
        | Call::Socketpair {
            domain,
            kind,
            protocol,
        } => six([w(*domain), w(*kind), w(*protocol)]),
        Call::Listen { fd: of, backlog } => six([fd(of), w(*backlog)]),
        Call::Accept4 { fd: of, flags } => six([fd(of), AT, AT, w(flags.bits())]),
        Call::Shutdown { fd: of, how } => six([fd(of), w(*how)]),
        Call::Sendmsg { fd: of, flags, .. } | Call::Recvmsg { fd: of, flags, .. } => {
            six([fd(of), AT, w(flags.bits())])
        }
        Call::Getsockopt {
            fd: of,
            level,
            name,
        } => six([fd(of), w(*level), w(*name)]),
        // `SOL_SOCKET`, `SO_PEERCRED`.
        Call::Peercred { fd: of } => six([fd(of), 1, 17]),
        Call::Setsockopt {
            fd: of,
            level,
            name,
            ..
        } => six([fd(of), w(*level), w(*name), AT, 4]),
        Call::Waitid { which, options } => {
            let (kind, id) = match which {
                WaitFor::Any => (0, 0),
                WaitFor::Pid(of) => (1, pid(of)),
                WaitFor::Group(of) => (2, pid(of)),
                WaitFor::PidFd(of) => (3, fd(of)),
            };
            six([kind, id, AT, w(options.bits())])
        }
        Call::PidfdOpen { pid: of, flags } => six([pid(of), w(*flags)]),
        Call::PidfdSendSignal { pidfd, signal } => six([fd(pidfd), (*signal).into()]),
        Call::Kill { pid: of, signal } => six([pid(of), (*signal).into()]),
        Call::Signalfd4 { fd: of, flags, .. } => {
            six([of.as_ref().map_or(u64::MAX, fd), AT, 8, w(flags.bits())])
        }
        Call::RtSigprocmask { how, .. } => six([w(*how), AT, AT, 8]),
        Call::Prlimit64 {
            pid: of, resource, ..
        } => six([pid(of), w(*resource)]),
        Call::Mount { flags, .. } => six([AT, AT, AT, flags.bits()]),
        Call::Umount2 { flags, .. } => six([AT, w(flags.bits())]),
        Call::OpenTree { dirfd, flags, .. } => six([fd(dirfd), AT, w(flags.bits())]),
        Call::MoveMount {
            from_dirfd,
            to_dirfd,
            flags,
            ..
        } => six([fd(from_dirfd), AT, fd(to_dirfd), AT, w(flags.bits())]),
        Call::MountSetattr { dirfd, flags, .. } => {
            six([fd(dirfd), AT, at_flags(flags), AT, MOUNT_ATTR])
        }
        Call::ClockGettime { clock } => six([clock_id(*clock)]),
        Call::ClockNanosleep {
            clock, absolute, ..
        } => six([clock_id(*clock), (*absolute).into()]),
        Call::Getrandom { count } => six([AT, *count]),
        Call::Clone3 { .. } => six([AT, CLONE_ARGS]),
        Call::Execveat { dirfd, flags, .. } if number(call) == nr::execveat => {
            six([fd(dirfd), AT, AT, AT, at_flags(flags)])
        }
        Call::ExitGroup { status } => six([(*status).into()]),
        Call::Unshare { flags } => six([flags.bits()]),
        Call::Setns { fd: of, nstype } => six([fd(of), nstype.bits()]),
        Call::Umask { mask } => six([w(*mask)]),
        Call::Setresuid { ruid, euid, suid } => six([w(*ruid), w(*euid), w(*suid)]),
        Call::Setresgid { rgid, egid, sgid } => six([w(*rgid), w(*egid), w(*sgid)]),
        Call::Setgroups { groups } => six([groups.len() as u64]),
        Call::Prctl { op } => prctl(op),
        // `SECCOMP_SET_MODE_FILTER`.
        Call::Seccomp { flags, .. } => six([1, w(*flags)]),
        Call::Setpgid { pid: of, pgid } => six([pid(of), pid(pgid)]),
        Call::Getpgid { pid: of } | Call::Getsid { pid: of } => six([pid(of)]),
        Call::Sethostname { name } | Call::Setdomainname { name } => six([AT, len(name)]),
        _ => [0; 6],
    }
}

fn clock_id(clock: Clock) -> u64 {
    match clock {
        Clock::Realtime => 0,
        Clock::Monotonic => 1,
        Clock::Boottime => 7,
    }
}

fn fcntl(cmd: &FcntlCmd) -> (u64, u64) {
    match *cmd {
        FcntlCmd::Dup(lowest, false) => (0, i64::from(lowest) as u64),
        FcntlCmd::GetFd => (1, 0),
        FcntlCmd::SetFd(on) => (2, on.into()),
        FcntlCmd::GetFl => (3, 0),
        FcntlCmd::SetFl(flags) => (4, flags.bits().into()),
        FcntlCmd::Dup(lowest, true) => (1030, i64::from(lowest) as u64),
        FcntlCmd::SetPipeSize(size) => (1031, size.into()),
        FcntlCmd::GetPipeSize => (1032, 0),
    }
}

fn ioctl(request: &IoctlReq) -> (u32, u64) {
    match *request {
        IoctlReq::Tcgets => (0x5401, AT),
        IoctlReq::Tcsets(_, when) => (0x5402 + u32::from(when.min(2)), AT),
        IoctlReq::Tiocsctty(steal) => (0x540e, steal.into()),
        IoctlReq::Tiocgpgrp => (0x540f, AT),
        IoctlReq::Tiocspgrp(_) => (0x5410, AT),
        IoctlReq::Tiocgwinsz => (0x5413, AT),
        IoctlReq::Tiocswinsz(_) => (0x5414, AT),
        IoctlReq::Fionread => (0x541b, AT),
        IoctlReq::Fionbio(_) => (0x5421, AT),
        IoctlReq::Tiocnotty => (0x5422, 0),
        IoctlReq::Tiocgsid => (0x5429, AT),
        IoctlReq::Tiocgptn => (0x8004_5430, AT),
        IoctlReq::Tiocsptlck(_) => (0x4004_5431, AT),
        IoctlReq::Tiocgptpeer(flags) => (0x5441, flags.bits().into()),
        IoctlReq::Other(number, arg) => (number, arg),
    }
}

fn prctl(op: &PrctlOp) -> [u64; 6] {
    match *op {
        PrctlOp::SetPdeathsig(signal) => six([1, signal.into()]),
        PrctlOp::SetDumpable(on) => six([4, on.into()]),
        PrctlOp::SetKeepcaps(on) => six([8, on.into()]),
        PrctlOp::SetName(_) => six([15]),
        PrctlOp::CapbsetRead(cap) => six([23, cap.into()]),
        PrctlOp::CapbsetDrop(cap) => six([24, cap.into()]),
        PrctlOp::SetChildSubreaper(on) => six([36, on.into()]),
        PrctlOp::SetNoNewPrivs => six([38, 1]),
        PrctlOp::GetNoNewPrivs => six([39]),
        PrctlOp::CapAmbientRaise(cap) => six([47, 2, cap.into()]),
        PrctlOp::CapAmbientClearAll => six([47, 4]),
        PrctlOp::Other(args) => six(args),
    }
}

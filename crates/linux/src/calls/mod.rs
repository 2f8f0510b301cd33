//! Each call as the kernel takes it, made at once.

pub(crate) mod detached;
mod files;
mod own;
mod paths;
mod processes;
mod program;
mod sockets;
mod terminal;

use crate::decode::Bytes;
use crate::raw::Arg;
use glassdock_abi::{Call, Errno, Fd, PathArg, Pid, Result, Ret};
use std::ffi::CString;

pub(crate) use files::{poll, write_now};
pub(crate) use processes::{now, sigprocmask, waitid};
pub(crate) use program::Program;

/// Largest single transfer in bytes; a call may ask for more and get less.
const MAX_TRANSFER: u64 = 1 << 20;

/// What a call is about; each has a module of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Family {
    /// What is named by a path.
    Path,
    /// Open files.
    File,
    /// Terminals and other devices.
    Device,
    /// Sockets.
    Socket,
    /// Processes other than the caller, time.
    Process,
    /// The calling process itself.
    Own,
}

/// The family of a call: every call has one.
pub(crate) fn family(call: &Call) -> Family {
    match call {
        Call::Openat2 { .. }
        | Call::Statx { .. }
        | Call::Readlinkat { .. }
        | Call::Faccessat2 { .. }
        | Call::Mkdirat { .. }
        | Call::Mknodat { .. }
        | Call::Unlinkat { .. }
        | Call::Symlinkat { .. }
        | Call::Linkat { .. }
        | Call::Renameat2 { .. }
        | Call::Fchmodat { .. }
        | Call::Fchownat { .. }
        | Call::Utimensat { .. }
        | Call::Statfs { .. }
        | Call::Getxattr { .. }
        | Call::Setxattr { .. }
        | Call::Listxattr { .. }
        | Call::Removexattr { .. }
        | Call::Mount { .. }
        | Call::Umount2 { .. }
        | Call::OpenTree { .. }
        | Call::MoveMount { .. }
        | Call::MountSetattr { .. } => Family::Path,
        Call::Fstatfs { .. }
        | Call::Fgetxattr { .. }
        | Call::Fsetxattr { .. }
        | Call::Close { .. }
        | Call::CloseRange { .. }
        | Call::Read { .. }
        | Call::Write { .. }
        | Call::Pread64 { .. }
        | Call::Pwrite64 { .. }
        | Call::Lseek { .. }
        | Call::Getdents64 { .. }
        | Call::Ftruncate { .. }
        | Call::Fallocate { .. }
        | Call::Fsync { .. }
        | Call::Fdatasync { .. }
        | Call::Flock { .. }
        | Call::CopyFileRange { .. }
        | Call::Sendfile { .. }
        | Call::Dup3 { .. }
        | Call::Fcntl { .. }
        | Call::Ppoll { .. }
        | Call::MemfdCreate { .. }
        | Call::Pipe2 { .. } => Family::File,
        Call::Ioctl { .. } => Family::Device,
        Call::Socket { .. }
        | Call::Socketpair { .. }
        | Call::Bind { .. }
        | Call::Connect { .. }
        | Call::Listen { .. }
        | Call::Accept4 { .. }
        | Call::Shutdown { .. }
        | Call::Sendmsg { .. }
        | Call::Recvmsg { .. }
        | Call::Getsockname { .. }
        | Call::Getpeername { .. }
        | Call::Getsockopt { .. }
        | Call::Peercred { .. }
        | Call::Setsockopt { .. } => Family::Socket,
        Call::Waitid { .. }
        | Call::PidfdOpen { .. }
        | Call::PidfdSendSignal { .. }
        | Call::Kill { .. }
        | Call::Signalfd4 { .. }
        | Call::RtSigprocmask { .. }
        | Call::Prlimit64 { .. }
        | Call::ClockGettime { .. }
        | Call::ClockNanosleep { .. }
        | Call::Getrandom { .. } => Family::Process,
        Call::Getpid { .. }
        | Call::Getppid { .. }
        | Call::Setsid { .. }
        | Call::Getuid { .. }
        | Call::Geteuid { .. }
        | Call::Getgid { .. }
        | Call::Getegid { .. }
        | Call::Clone3 { .. }
        | Call::Execveat { .. }
        | Call::ExitGroup { .. }
        | Call::Unshare { .. }
        | Call::Setns { .. }
        | Call::Chdir { .. }
        | Call::Chroot { .. }
        | Call::Fchdir { .. }
        | Call::Getcwd { .. }
        | Call::PivotRoot { .. }
        | Call::Umask { .. }
        | Call::Setresuid { .. }
        | Call::Setresgid { .. }
        | Call::Setgroups { .. }
        | Call::Getgroups { .. }
        | Call::Capget { .. }
        | Call::Capset { .. }
        | Call::Prctl { .. }
        | Call::Setpgid { .. }
        | Call::Getpgid { .. }
        | Call::Getsid { .. }
        | Call::Seccomp { .. }
        | Call::Sethostname { .. }
        | Call::Setdomainname { .. } => Family::Own,
    }
}

/// Makes a call. `Clone3` and `Waitid` without `NOHANG` are made elsewhere; here they behave as the plain calls.
pub(crate) fn perform(call: Call) -> Result<Ret> {
    match family(&call) {
        Family::Path => paths::perform(call),
        Family::File => files::perform(call),
        Family::Device => terminal::perform(call),
        Family::Socket => sockets::perform(call),
        Family::Process => processes::perform(call),
        Family::Own => own::perform(call),
    }
}

fn text(bytes: &[u8]) -> Result<CString> {
    CString::new(bytes).map_err(|_| Errno::EINVAL)
}

fn path(path: &PathArg) -> Result<CString> {
    text(path.as_bytes())
}

macro_rules! sys {
    ($nr:expr $(, $arg:expr)*) => {
        $crate::raw::syscall($nr, $crate::calls::six([$($crate::raw::Arg::from($arg)),*]))
    };
}
use sys;

/// Up to six arguments; those that are not given are zero.
fn six<'a, const N: usize>(args: [Arg<'a>; N]) -> [Arg<'a>; 6] {
    let mut args = args.into_iter();
    std::array::from_fn(|_| args.next().unwrap_or(Arg::Int(0)))
}

fn none(result: Result<u64>) -> Result<Ret> {
    result.map(|_| Ret::None)
}
fn int(result: Result<u64>) -> Result<Ret> {
    result.map(|value| Ret::Int(value as i64))
}
fn fd(result: Result<u64>) -> Result<Ret> {
    result.map(|value| Ret::Fd(Fd(value as i32)))
}
fn pid(result: Result<u64>) -> Result<Ret> {
    result.map(|value| Ret::Pid(Pid(value as i32)))
}

/// Reads into a buffer of `count` bytes and keeps what was filled.
fn filled(count: u64, fill: impl FnOnce(&mut [u8]) -> Result<u64>) -> Result<Ret> {
    let mut buffer = vec![0; count.min(MAX_TRANSFER) as usize];
    let length = fill(&mut buffer)?;
    buffer.truncate(length as usize);
    Ok(Ret::Bytes(buffer))
}

fn pair(make: impl FnOnce(&mut [u8]) -> Result<u64>) -> Result<Ret> {
    let mut buffer = [0; 8];
    make(&mut buffer)?;
    let b = Bytes(&buffer);
    Ok(Ret::Fds([Fd(b.i32(0)), Fd(b.i32(4))]))
}

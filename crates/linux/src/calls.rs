//! Each call as the kernel takes it, made at once.

use crate::decode::{self, Bytes, words};
use crate::raw::{Arg, Texts, set_sigpipe, syscall};
use glassdock_abi::call::{FcntlCmd, IoctlReq, PrctlOp, Received};
use glassdock_abi::flags::{AtFlags, MsgFlags, PollEvents};
use glassdock_abi::types::*;
use glassdock_abi::{Call, Errno, Fd, PathArg, Pid, Result, Ret, nr};
use std::ffi::CString;

/// Largest single transfer in bytes; a call may ask for more and get less.
const MAX_TRANSFER: u64 = 1 << 20;
/// Most descriptors in one message (`SCM_MAX_FD`).
const MAX_FDS: usize = 253;
/// Longest link and directory path.
const PATH_MAX: usize = 4096;
/// Longest extended attribute, and list of their names.
const XATTR_MAX: usize = 65_536;

pub(crate) fn text(bytes: &[u8]) -> Result<CString> {
    CString::new(bytes).map_err(|_| Errno::EINVAL)
}

fn path(path: &PathArg) -> Result<CString> {
    text(path.as_bytes())
}

macro_rules! sys {
    ($nr:expr $(, $arg:expr)*) => { syscall($nr, six([$(Arg::from($arg)),*])) };
}

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

/// Makes a call. `Clone3` and `Waitid` without `NOHANG` are made elsewhere; here they behave as the plain calls.
pub(crate) fn perform(call: Call) -> Result<Ret> {
    let number = call.nr();
    match call {
        Call::Openat2 {
            dirfd,
            path: p,
            how,
        } => {
            let (p, how) = (
                path(&p)?,
                words([
                    u64::from(how.flags.bits()),
                    u64::from(how.mode),
                    how.resolve.bits(),
                ]),
            );
            fd(sys!(
                number,
                dirfd.0,
                p.as_c_str(),
                how.as_slice(),
                how.len()
            ))
        }
        Call::Statx {
            dirfd,
            path: p,
            flags,
        } => {
            const BASIC_BTIME_MNT: u32 = 0x7ff | 0x800 | 0x1000;
            let (p, mut buffer) = (path(&p)?, [0; 256]);
            sys!(
                number,
                dirfd.0,
                p.as_c_str(),
                flags.bits(),
                BASIC_BTIME_MNT,
                &mut buffer[..]
            )?;
            Ok(Ret::Stat(Box::new(decode::stat(&buffer))))
        }
        Call::Readlinkat { dirfd, path: p } => {
            let p = path(&p)?;
            filled(PATH_MAX as u64, |buffer| {
                let length = buffer.len();
                sys!(number, dirfd.0, p.as_c_str(), buffer, length)
            })
        }
        Call::Faccessat2 {
            dirfd,
            path: p,
            mode,
            flags,
        } => none(sys!(
            number,
            dirfd.0,
            path(&p)?.as_c_str(),
            mode,
            flags.bits()
        )),
        Call::Mkdirat {
            dirfd,
            path: p,
            mode,
        } => none(sys!(number, dirfd.0, path(&p)?.as_c_str(), mode)),
        Call::Mknodat {
            dirfd,
            path: p,
            mode,
            dev,
        } => none(sys!(number, dirfd.0, path(&p)?.as_c_str(), mode, dev.0)),
        Call::Unlinkat {
            dirfd,
            path: p,
            flags,
        } => none(sys!(number, dirfd.0, path(&p)?.as_c_str(), flags.bits())),
        Call::Symlinkat {
            target,
            newdirfd,
            linkpath,
        } => none(sys!(
            number,
            path(&target)?.as_c_str(),
            newdirfd.0,
            path(&linkpath)?.as_c_str()
        )),
        Call::Linkat {
            olddirfd,
            oldpath,
            newdirfd,
            newpath,
            flags,
        } => {
            let (old, new) = (path(&oldpath)?, path(&newpath)?);
            none(sys!(
                number,
                olddirfd.0,
                old.as_c_str(),
                newdirfd.0,
                new.as_c_str(),
                flags.bits()
            ))
        }
        Call::Renameat2 {
            olddirfd,
            oldpath,
            newdirfd,
            newpath,
            flags,
        } => {
            let (old, new) = (path(&oldpath)?, path(&newpath)?);
            none(sys!(
                number,
                olddirfd.0,
                old.as_c_str(),
                newdirfd.0,
                new.as_c_str(),
                flags.bits()
            ))
        }
        Call::Fchmodat {
            dirfd,
            path: p,
            mode,
            flags,
        } => chmod(dirfd, &p, mode, flags),
        Call::Fchownat {
            dirfd,
            path: p,
            uid,
            gid,
            flags,
        } => none(sys!(
            number,
            dirfd.0,
            path(&p)?.as_c_str(),
            uid,
            gid,
            flags.bits()
        )),
        Call::Utimensat {
            dirfd,
            path: p,
            atime,
            mtime,
            flags,
        } => utimens(dirfd, &p, atime, mtime, flags),
        Call::Statfs { path: p } => {
            let (p, mut buffer) = (path(&p)?, [0; 120]);
            sys!(number, p.as_c_str(), &mut buffer[..])?;
            Ok(Ret::StatFs(Box::new(decode::statfs(&buffer))))
        }
        Call::Fstatfs { fd } => {
            let mut buffer = [0; 120];
            sys!(number, fd.0, &mut buffer[..])?;
            Ok(Ret::StatFs(Box::new(decode::statfs(&buffer))))
        }
        Call::Getxattr {
            path: p,
            name,
            follow,
        } => {
            let (p, name) = (path(&p)?, text(&name)?);
            let number = if follow { nr::getxattr } else { nr::lgetxattr };
            filled(XATTR_MAX as u64, |buffer| {
                let length = buffer.len();
                sys!(number, p.as_c_str(), name.as_c_str(), buffer, length)
            })
        }
        Call::Setxattr {
            path: p,
            name,
            value,
            flags,
            follow,
        } => {
            let (p, name) = (path(&p)?, text(&name)?);
            let number = if follow { nr::setxattr } else { nr::lsetxattr };
            none(sys!(
                number,
                p.as_c_str(),
                name.as_c_str(),
                value.as_slice(),
                value.len(),
                flags.bits()
            ))
        }
        Call::Listxattr { path: p, follow } => {
            let p = path(&p)?;
            let number = if follow {
                nr::listxattr
            } else {
                nr::llistxattr
            };
            filled(XATTR_MAX as u64, |buffer| {
                let length = buffer.len();
                sys!(number, p.as_c_str(), buffer, length)
            })
        }
        Call::Removexattr {
            path: p,
            name,
            follow,
        } => {
            let number = if follow {
                nr::removexattr
            } else {
                nr::lremovexattr
            };
            none(sys!(number, path(&p)?.as_c_str(), text(&name)?.as_c_str()))
        }
        Call::Fgetxattr { fd, name } => {
            let name = text(&name)?;
            filled(XATTR_MAX as u64, |buffer| {
                let length = buffer.len();
                sys!(number, fd.0, name.as_c_str(), buffer, length)
            })
        }
        Call::Fsetxattr {
            fd,
            name,
            value,
            flags,
        } => {
            let name = text(&name)?;
            none(sys!(
                number,
                fd.0,
                name.as_c_str(),
                value.as_slice(),
                value.len(),
                flags.bits()
            ))
        }
        Call::Close { fd } => none(sys!(number, fd.0)),
        Call::CloseRange { first, last, flags } => none(sys!(number, first, last, flags.bits())),
        Call::Read { fd, count } => filled(count, |buffer| {
            let length = buffer.len();
            sys!(number, fd.0, buffer, length)
        }),
        Call::Write { fd, data } => int(sys!(number, fd.0, data.as_slice(), data.len())),
        Call::Pread64 { fd, count, offset } => filled(count, |buffer| {
            let length = buffer.len();
            sys!(number, fd.0, buffer, length, offset)
        }),
        Call::Pwrite64 { fd, data, offset } => {
            int(sys!(number, fd.0, data.as_slice(), data.len(), offset))
        }
        Call::Lseek { fd, offset, whence } => int(sys!(number, fd.0, offset as u64, whence)),
        Call::Getdents64 { fd, count } => {
            let mut buffer = vec![0; count.min(MAX_TRANSFER) as usize];
            let size = buffer.len();
            let length = sys!(number, fd.0, buffer.as_mut_slice(), size)?;
            let bytes = buffer.get(..length as usize).unwrap_or_default();
            Ok(Ret::Dirents(decode::dirents(bytes)))
        }
        Call::Ftruncate { fd, length } => none(sys!(number, fd.0, length)),
        Call::Fallocate {
            fd,
            mode,
            offset,
            len,
        } => none(sys!(number, fd.0, mode, offset, len)),
        Call::Fsync { fd } | Call::Fdatasync { fd } => none(sys!(number, fd.0)),
        Call::Flock { fd, operation } => none(sys!(number, fd.0, operation)),
        Call::CopyFileRange {
            fd_in,
            off_in,
            fd_out,
            off_out,
            len,
        } => copy_range(fd_in, off_in, fd_out, off_out, len),
        Call::Sendfile {
            out_fd,
            in_fd,
            offset,
            count,
        } => match offset {
            None => int(sys!(number, out_fd.0, in_fd.0, 0u64, count)),
            Some(offset) => {
                let mut offset = offset.to_ne_bytes();
                int(sys!(number, out_fd.0, in_fd.0, &mut offset[..], count))
            }
        },
        Call::Dup3 {
            oldfd,
            newfd,
            flags,
        } => fd(sys!(number, oldfd.0, newfd.0, flags.bits())),
        Call::Fcntl { fd, cmd } => fcntl(fd, cmd),
        Call::Ioctl { fd, request } => ioctl(fd, request),
        Call::Ppoll { fds, timeout } => poll(&fds, timeout).map(Ret::Polled),
        Call::MemfdCreate { name, flags } => {
            fd(sys!(number, text(&name)?.as_c_str(), flags.bits()))
        }
        Call::Pipe2 { flags } => pair(|buffer| sys!(number, buffer, flags.bits())),
        Call::Socket {
            domain,
            kind,
            protocol,
        } => fd(sys!(number, domain, kind, protocol)),
        Call::Socketpair {
            domain,
            kind,
            protocol,
        } => pair(|buffer| sys!(number, domain, kind, protocol, buffer)),
        Call::Bind { fd, addr } | Call::Connect { fd, addr } => {
            let addr = decode::sockaddr_bytes(&addr)?;
            none(sys!(number, fd.0, addr.as_slice(), addr.len()))
        }
        Call::Listen { fd, backlog } => none(sys!(number, fd.0, backlog)),
        Call::Accept4 { fd, flags } => {
            let (connection, addr) =
                with_addr(|buffer, length| sys!(number, fd.0, buffer, length, flags.bits()))?;
            Ok(Ret::Accepted(Fd(connection as i32), addr))
        }
        Call::Shutdown { fd, how } => none(sys!(number, fd.0, how)),
        Call::Sendmsg {
            fd,
            data,
            fds,
            to,
            flags,
        } => sendmsg(fd, &data, &fds, to.as_ref(), flags),
        Call::Recvmsg { fd, count, flags } => recvmsg(fd, count, flags),
        Call::Getsockname { fd } | Call::Getpeername { fd } => {
            let (_, addr) = with_addr(|buffer, length| sys!(number, fd.0, buffer, length))?;
            Ok(Ret::SockAddr(addr))
        }
        Call::Getsockopt { fd, level, name } => {
            let (mut value, mut length) = ([0; 4], 4u32.to_ne_bytes());
            sys!(number, fd.0, level, name, &mut value[..], &mut length[..])?;
            Ok(Ret::Int(i64::from(i32::from_ne_bytes(value))))
        }
        Call::Peercred { fd } => {
            const SOL_SOCKET: u32 = 1;
            const SO_PEERCRED: u32 = 17;
            let (mut value, mut length) = ([0; 12], 12u32.to_ne_bytes());
            sys!(
                number,
                fd.0,
                SOL_SOCKET,
                SO_PEERCRED,
                &mut value[..],
                &mut length[..]
            )?;
            let b = Bytes(&value);
            Ok(Ret::Ucred(Ucred {
                pid: Pid(b.i32(0)),
                uid: b.u32(4),
                gid: b.u32(8),
            }))
        }
        Call::Setsockopt {
            fd,
            level,
            name,
            value,
        } => {
            let value = value.to_ne_bytes();
            none(sys!(number, fd.0, level, name, &value[..], value.len()))
        }
        Call::Waitid { which, options } => waitid(which, options.bits()),
        Call::PidfdOpen { pid, flags } => fd(sys!(number, pid.0, flags)),
        Call::PidfdSendSignal { pidfd, signal } => {
            none(sys!(number, pidfd.0, u32::from(signal), 0u64, 0u64))
        }
        Call::Kill { pid, signal } => none(sys!(number, pid.0, u32::from(signal))),
        Call::Signalfd4 {
            fd: old,
            mask,
            flags,
        } => {
            let mask = mask.to_ne_bytes();
            let old = old.map_or(-1, |old| old.0);
            fd(sys!(number, old, &mask[..], mask.len(), flags.bits()))
        }
        Call::RtSigprocmask { how, set } => sigprocmask(how, set).map(|old| Ret::Int(old as i64)),
        Call::Prlimit64 { pid, resource, new } => prlimit(pid, resource, new),
        Call::Mount {
            source,
            target,
            fstype,
            flags,
            data,
        } => {
            let (source, target) = (path(&source)?, path(&target)?);
            let (fstype, data) = (text(&fstype)?, text(&data)?);
            none(sys!(
                number,
                source.as_c_str(),
                target.as_c_str(),
                fstype.as_c_str(),
                flags.bits(),
                data.as_c_str()
            ))
        }
        Call::Umount2 { target, flags } => {
            none(sys!(number, path(&target)?.as_c_str(), flags.bits()))
        }
        Call::ClockGettime { clock } => now(clock).map(Ret::Time),
        Call::ClockNanosleep {
            clock,
            absolute,
            time,
        } => {
            let time = decode::timespec(time);
            none(sys!(
                number,
                clock_id(clock),
                u32::from(absolute),
                time.as_slice(),
                0u64
            ))
        }
        Call::Getrandom { count } => filled(count, |buffer| {
            let length = buffer.len();
            sys!(number, buffer, length, 0u64)
        }),
        Call::Getpid {} | Call::Getppid {} | Call::Setsid {} => pid(sys!(number)),
        Call::Getuid {} | Call::Geteuid {} | Call::Getgid {} | Call::Getegid {} => {
            int(sys!(number))
        }
        // A clone is made through the trait `Proc`, which knows what the child does.
        Call::Clone3 { .. } => Err(Errno::ENOSYS),
        Call::Execveat {
            dirfd,
            path,
            argv,
            envp,
            flags,
        } => Err(Program::new(dirfd, &path, argv, envp, flags)?.exec()),
        Call::ExitGroup { status } => crate::raw::exit_now(i32::from(status)),
        Call::Unshare { flags } => none(sys!(number, flags.bits())),
        Call::Setns { fd, nstype } => none(sys!(number, fd.0, nstype.bits())),
        Call::Chdir { path: p } | Call::Chroot { path: p } => {
            none(sys!(number, path(&p)?.as_c_str()))
        }
        Call::Fchdir { fd } => none(sys!(number, fd.0)),
        Call::Getcwd {} => {
            let ret = filled(PATH_MAX as u64, |buffer| {
                let length = buffer.len();
                sys!(number, buffer, length)
            })?;
            let mut bytes = ret.bytes()?;
            bytes.pop();
            Ok(Ret::Bytes(bytes))
        }
        Call::PivotRoot { new_root, put_old } => none(sys!(
            number,
            path(&new_root)?.as_c_str(),
            path(&put_old)?.as_c_str()
        )),
        Call::Umask { mask } => int(sys!(number, mask)),
        Call::Setresuid { ruid, euid, suid } => none(sys!(number, ruid, euid, suid)),
        Call::Setresgid { rgid, egid, sgid } => none(sys!(number, rgid, egid, sgid)),
        Call::Setgroups { groups } => {
            let count = groups.len();
            let bytes: Vec<u8> = groups
                .iter()
                .flat_map(|group| group.to_ne_bytes())
                .collect();
            none(sys!(number, count, bytes.as_slice()))
        }
        Call::Getgroups {} => {
            const NGROUPS_MAX: usize = 65_536;
            let mut bytes = vec![0; NGROUPS_MAX * 4];
            let count = sys!(number, NGROUPS_MAX, bytes.as_mut_slice())? as usize;
            let b = Bytes(&bytes);
            Ok(Ret::Groups((0..count).map(|at| b.u32(at * 4)).collect()))
        }
        Call::Capget {} => {
            let (mut header, mut data) = (cap_header(), [0; 24]);
            sys!(number, &mut header[..], &mut data[..])?;
            let b = Bytes(&data);
            let set = |at| u64::from(b.u32(at)) | u64::from(b.u32(at + 12)) << 32;
            Ok(Ret::Caps(CapSets {
                effective: set(0),
                permitted: set(4),
                inheritable: set(8),
            }))
        }
        Call::Capset { sets } => {
            let mut header = cap_header();
            let order = [sets.effective, sets.permitted, sets.inheritable];
            let low = order.iter().map(|set| *set as u32);
            let high = order.iter().map(|set| (*set >> 32) as u32);
            let data: Vec<u8> = low.chain(high).flat_map(u32::to_ne_bytes).collect();
            none(sys!(number, &mut header[..], data.as_slice()))
        }
        Call::Prctl { op } => prctl(op),
        Call::Setpgid { pid, pgid } => none(sys!(number, pid.0, pgid.0)),
        Call::Getpgid { pid: of } | Call::Getsid { pid: of } => pid(sys!(number, of.0)),
        Call::Sethostname { name } | Call::Setdomainname { name } => {
            none(sys!(number, name.as_slice(), name.len()))
        }
    }
}

/// `man 2 write` without taking memory.
pub(crate) fn write_now(fd: Fd, data: &[u8]) -> Result<u64> {
    sys!(nr::write, fd.0, data, data.len())
}

fn chmod(dirfd: Fd, p: &PathArg, mode: u32, flags: AtFlags) -> Result<Ret> {
    // fchmodat2 is younger than the oldest kernels that are served; without flags the older call does the same.
    if flags.is_empty() {
        return none(sys!(nr::fchmodat, dirfd.0, path(p)?.as_c_str(), mode));
    }
    if flags == AtFlags::EMPTY_PATH && p.as_bytes().is_empty() {
        if dirfd == Fd::CWD {
            return none(sys!(nr::fchmodat, dirfd.0, c".", mode));
        }
        return none(sys!(nr::fchmod, dirfd.0, mode));
    }
    none(sys!(
        nr::fchmodat2,
        dirfd.0,
        path(p)?.as_c_str(),
        mode,
        flags.bits()
    ))
}

fn utimens(dirfd: Fd, p: &PathArg, atime: TimeSet, mtime: TimeSet, flags: AtFlags) -> Result<Ret> {
    const UTIME_NOW: u64 = (1 << 30) - 1;
    const UTIME_OMIT: u64 = (1 << 30) - 2;
    let time = |set| match set {
        TimeSet::Omit => [0, UTIME_OMIT],
        TimeSet::Now => [0, UTIME_NOW],
        TimeSet::At(time) => [time.sec as u64, u64::from(time.nsec)],
    };
    let times = [words(time(atime)), words(time(mtime))].concat();
    if p.as_bytes().is_empty() && !flags.contains(AtFlags::EMPTY_PATH) {
        // A null path means the descriptor itself.
        return none(sys!(
            nr::utimensat,
            dirfd.0,
            0u64,
            times.as_slice(),
            flags.bits()
        ));
    }
    none(sys!(
        nr::utimensat,
        dirfd.0,
        path(p)?.as_c_str(),
        times.as_slice(),
        flags.bits()
    ))
}

fn copy_range(
    input: Fd,
    off_in: Option<u64>,
    output: Fd,
    off_out: Option<u64>,
    len: u64,
) -> Result<Ret> {
    let (mut from, mut to) = (
        off_in.unwrap_or(0).to_ne_bytes(),
        off_out.unwrap_or(0).to_ne_bytes(),
    );
    let from = match off_in {
        Some(_) => Arg::Out(&mut from),
        None => Arg::Int(0),
    };
    let to = match off_out {
        Some(_) => Arg::Out(&mut to),
        None => Arg::Int(0),
    };
    let args = [
        Arg::from(input.0),
        from,
        Arg::from(output.0),
        to,
        Arg::from(len),
        Arg::Int(0),
    ];
    int(syscall(nr::copy_file_range, args))
}

fn fcntl(of: Fd, cmd: FcntlCmd) -> Result<Ret> {
    let call = |cmd: u32, arg: u64| sys!(nr::fcntl, of.0, cmd, arg);
    match cmd {
        FcntlCmd::Dup(lowest, false) => fd(call(0, lowest as u64)),
        FcntlCmd::Dup(lowest, true) => fd(call(1030, lowest as u64)),
        FcntlCmd::GetFd => int(call(1, 0)),
        FcntlCmd::SetFd(cloexec) => none(call(2, u64::from(cloexec))),
        FcntlCmd::GetFl => int(call(3, 0)),
        FcntlCmd::SetFl(flags) => none(call(4, u64::from(flags.bits()))),
        FcntlCmd::SetPipeSize(size) => int(call(1031, u64::from(size))),
        FcntlCmd::GetPipeSize => int(call(1032, 0)),
    }
}

fn ioctl(of: Fd, request: IoctlReq) -> Result<Ret> {
    let number = |request: u32, arg: u64| sys!(nr::ioctl, of.0, request, arg);
    let write = |request: u32, bytes: &[u8]| sys!(nr::ioctl, of.0, request, bytes);
    let read = |request: u32| {
        let mut bytes = [0; 4];
        sys!(nr::ioctl, of.0, request, &mut bytes[..])?;
        Ok::<i32, Errno>(i32::from_ne_bytes(bytes))
    };
    match request {
        IoctlReq::Tcgets => {
            let mut bytes = [0; 36];
            sys!(nr::ioctl, of.0, 0x5401u32, &mut bytes[..])?;
            Ok(Ret::Termios(Box::new(decode::termios(&bytes))))
        }
        IoctlReq::Tcsets(termios, when) => {
            let request = 0x5402 + u32::from(when.min(2));
            none(write(request, &decode::termios_bytes(&termios)))
        }
        IoctlReq::Tiocgwinsz => {
            let mut bytes = [0; 8];
            sys!(nr::ioctl, of.0, 0x5413u32, &mut bytes[..])?;
            let b = Bytes(&bytes);
            Ok(Ret::Winsize(Winsize {
                rows: b.u16(0),
                cols: b.u16(2),
                xpixel: b.u16(4),
                ypixel: b.u16(6),
            }))
        }
        IoctlReq::Tiocswinsz(size) => {
            let sizes = [size.rows, size.cols, size.xpixel, size.ypixel];
            let bytes: Vec<u8> = sizes.into_iter().flat_map(u16::to_ne_bytes).collect();
            none(write(0x5414, &bytes))
        }
        IoctlReq::Tiocsctty(steal) => none(number(0x540e, u64::from(steal))),
        IoctlReq::Tiocnotty => none(number(0x5422, 0)),
        IoctlReq::Tiocgpgrp => read(0x540f).map(|pid| Ret::Pid(Pid(pid))),
        IoctlReq::Tiocspgrp(pid) => none(write(0x5410, &pid.0.to_ne_bytes())),
        IoctlReq::Tiocgsid => read(0x5429).map(|pid| Ret::Pid(Pid(pid))),
        IoctlReq::Tiocgptn => read(0x8004_5430).map(|number| Ret::Int(i64::from(number))),
        IoctlReq::Tiocsptlck(lock) => none(write(0x4004_5431, &u32::from(lock).to_ne_bytes())),
        IoctlReq::Tiocgptpeer(flags) => fd(number(0x5441, u64::from(flags.bits()))),
        IoctlReq::Fionread => read(0x541b).map(|count| Ret::Int(i64::from(count))),
        IoctlReq::Fionbio(on) => none(write(0x5421, &u32::from(on).to_ne_bytes())),
        // The kernel would take the argument for an address in this process: only requests without memory could be
        // passed on, and which those are is not known here.
        IoctlReq::Other(..) => Err(Errno::ENOTTY),
    }
}

/// `man 2 ppoll`, with at most `timeout` nanoseconds of waiting.
pub(crate) fn poll(fds: &[PollFd], timeout: Option<u64>) -> Result<Vec<PollEvents>> {
    let mut bytes: Vec<u8> = Vec::with_capacity(fds.len() * 8);
    for poll in fds {
        bytes.extend(poll.fd.0.to_ne_bytes());
        bytes.extend(poll.events.bits().to_ne_bytes());
        bytes.extend([0, 0]);
    }
    let timeout = timeout.map(|nanos| decode::timespec(Timespec::from_nanos(nanos)));
    let timeout = match &timeout {
        Some(bytes) => Arg::In(bytes),
        None => Arg::Int(0),
    };
    let args = [
        Arg::Out(&mut bytes),
        Arg::from(fds.len()),
        timeout,
        Arg::Int(0),
        Arg::Int(0),
        Arg::Int(0),
    ];
    syscall(nr::ppoll, args)?;
    let b = Bytes(&bytes);
    let events = (0..fds.len()).map(|at| PollEvents::from_bits_retain(b.u16(at * 8 + 6)));
    Ok(events.collect())
}

fn pair(make: impl FnOnce(&mut [u8]) -> Result<u64>) -> Result<Ret> {
    let mut buffer = [0; 8];
    make(&mut buffer)?;
    let b = Bytes(&buffer);
    Ok(Ret::Fds([Fd(b.i32(0)), Fd(b.i32(4))]))
}

fn with_addr(call: impl FnOnce(&mut [u8], &mut [u8]) -> Result<u64>) -> Result<(u64, SockAddr)> {
    let (mut buffer, mut length) = ([0; 128], 128u32.to_ne_bytes());
    let result = call(&mut buffer, &mut length)?;
    let length = (u32::from_ne_bytes(length) as usize).min(buffer.len());
    Ok((
        result,
        decode::sockaddr(buffer.get(..length).unwrap_or_default()),
    ))
}

/// `struct msghdr` over buffers that outlive it.
fn msghdr(name: (usize, usize), iov: usize, control: (usize, usize)) -> Vec<u8> {
    words([
        name.0 as u64,
        name.1 as u64,
        iov as u64,
        1,
        control.0 as u64,
        control.1 as u64,
        0,
    ])
}

fn sendmsg(of: Fd, data: &[u8], fds: &[Fd], to: Option<&SockAddr>, flags: MsgFlags) -> Result<Ret> {
    const SOL_SOCKET: u32 = 1;
    const SCM_RIGHTS: u32 = 1;
    const HEADER: usize = 16;
    let name = to
        .map(decode::sockaddr_bytes)
        .transpose()?
        .unwrap_or_default();
    let mut control = Vec::new();
    if !fds.is_empty() {
        control.extend(((HEADER + fds.len() * 4) as u64).to_ne_bytes());
        control.extend(SOL_SOCKET.to_ne_bytes());
        control.extend(SCM_RIGHTS.to_ne_bytes());
        control.extend(fds.iter().flat_map(|fd| fd.0.to_ne_bytes()));
        control.resize(control.len().next_multiple_of(8), 0);
    }
    let address = |bytes: &[u8]| match bytes {
        [] => (0, 0),
        bytes => (bytes.as_ptr().expose_provenance(), bytes.len()),
    };
    let iov = words([data.as_ptr().expose_provenance() as u64, data.len() as u64]);
    let header = msghdr(
        address(&name),
        iov.as_ptr().expose_provenance(),
        address(&control),
    );
    int(sys!(nr::sendmsg, of.0, header.as_slice(), flags.bits()))
}

fn recvmsg(of: Fd, count: u64, flags: MsgFlags) -> Result<Ret> {
    let mut name = [0u8; 128];
    let mut data = vec![0u8; count.min(MAX_TRANSFER) as usize];
    let mut control = vec![0u8; 16 + MAX_FDS * 4 + 64];
    let iov = words([
        data.as_mut_ptr().expose_provenance() as u64,
        data.len() as u64,
    ]);
    let mut header = msghdr(
        (name.as_mut_ptr().expose_provenance(), name.len()),
        iov.as_ptr().expose_provenance(),
        (control.as_mut_ptr().expose_provenance(), control.len()),
    );
    let length = sys!(nr::recvmsg, of.0, header.as_mut_slice(), flags.bits())?;
    data.truncate(length as usize);
    let h = Bytes(&header);
    let name = name.get(..(h.u32(8) as usize).min(128)).unwrap_or_default();
    let control = control.get(..h.u64(40) as usize).unwrap_or_default();
    Ok(Ret::Msg(Box::new(Received {
        data,
        fds: rights(control),
        from: (!name.is_empty()).then(|| decode::sockaddr(name)),
        flags: MsgFlags::from_bits_retain(h.u32(48)),
    })))
}

/// The descriptors in control messages.
fn rights(mut control: &[u8]) -> Vec<Fd> {
    let mut fds = Vec::new();
    while control.len() >= 16 {
        let b = Bytes(control);
        let length = b.u64(0) as usize;
        if length < 16 || length > control.len() {
            break;
        }
        if (b.u32(8), b.u32(12)) == (1, 1) {
            fds.extend((16..length).step_by(4).map(|at| Fd(b.i32(at))));
        }
        control = control
            .get(length.next_multiple_of(8)..)
            .unwrap_or_default();
    }
    fds
}

pub(crate) fn waitid(which: WaitFor, options: u32) -> Result<Ret> {
    let (kind, id) = match which {
        WaitFor::Any => (0u32, 0),
        WaitFor::Pid(pid) => (1, pid.0),
        WaitFor::Group(pid) => (2, pid.0),
        WaitFor::PidFd(fd) => (3, fd.0),
    };
    let mut info = [0; 128];
    sys!(nr::waitid, kind, id, &mut info[..], options, 0u64)?;
    Ok(Ret::Waited(decode::waited(&info)))
}

/// Changes the thread's mask of blocked signals and tells the old one.
pub(crate) fn sigprocmask(how: u32, set: u64) -> Result<u64> {
    let (set, mut old) = (set.to_ne_bytes(), [0; 8]);
    sys!(nr::rt_sigprocmask, how, &set[..], &mut old[..], 8u64)?;
    Ok(u64::from_ne_bytes(old))
}

fn prlimit(of: Pid, resource: u32, new: Option<Rlimit>) -> Result<Ret> {
    let mut old = [0; 16];
    let new = new.map(|limit| words([limit.cur, limit.max]));
    let new = match &new {
        Some(bytes) => Arg::In(bytes),
        None => Arg::Int(0),
    };
    let args = [
        Arg::from(of.0),
        Arg::from(resource),
        new,
        Arg::Out(&mut old),
        Arg::Int(0),
        Arg::Int(0),
    ];
    syscall(nr::prlimit64, args)?;
    let b = Bytes(&old);
    Ok(Ret::Rlimit(Rlimit {
        cur: b.u64(0),
        max: b.u64(8),
    }))
}

fn clock_id(clock: Clock) -> u32 {
    match clock {
        Clock::Realtime => 0,
        Clock::Monotonic => 1,
        Clock::Boottime => 7,
    }
}

/// The time of a clock.
pub(crate) fn now(clock: Clock) -> Result<Timespec> {
    let mut time = [0; 16];
    sys!(nr::clock_gettime, clock_id(clock), &mut time[..])?;
    let b = Bytes(&time);
    Ok(Timespec {
        sec: b.i64(0),
        nsec: b.u64(8) as u32,
    })
}

fn cap_header() -> [u8; 8] {
    /// `_LINUX_CAPABILITY_VERSION_3`.
    const VERSION: u32 = 0x2008_0522;
    let mut header = [0; 8];
    header[..4].copy_from_slice(&VERSION.to_ne_bytes());
    header
}

fn prctl(op: PrctlOp) -> Result<Ret> {
    let call = |op: u32, a: u64, b: u64| sys!(nr::prctl, op, a, b, 0u64, 0u64);
    match op {
        PrctlOp::SetPdeathsig(signal) => int(call(1, u64::from(signal), 0)),
        PrctlOp::SetDumpable(on) => int(call(4, u64::from(on), 0)),
        PrctlOp::SetKeepcaps(on) => int(call(8, u64::from(on), 0)),
        PrctlOp::SetName(name) => {
            let name = text(&name)?;
            int(sys!(nr::prctl, 15u32, name.as_c_str(), 0u64, 0u64, 0u64))
        }
        PrctlOp::CapbsetRead(cap) => int(call(23, u64::from(cap), 0)),
        PrctlOp::CapbsetDrop(cap) => int(call(24, u64::from(cap), 0)),
        PrctlOp::CapAmbientRaise(cap) => int(call(47, 2, u64::from(cap))),
        PrctlOp::CapAmbientClearAll => int(call(47, 4, 0)),
        PrctlOp::SetNoNewPrivs => int(call(38, 1, 0)),
        PrctlOp::GetNoNewPrivs => int(call(39, 0, 0)),
        PrctlOp::SetChildSubreaper(on) => int(call(36, u64::from(on), 0)),
        // Its arguments may be addresses in this process.
        PrctlOp::Other(..) => Err(Errno::EINVAL),
    }
}

/// A program, ready to be run without taking memory.
pub(crate) struct Program {
    dirfd: Fd,
    path: CString,
    argv: Texts,
    envp: Texts,
    flags: AtFlags,
}

impl Program {
    /// Encodes the arguments of `man 2 execveat`.
    pub fn new(
        dirfd: Fd,
        program: &PathArg,
        argv: Vec<Vec<u8>>,
        envp: Vec<Vec<u8>>,
        flags: AtFlags,
    ) -> Result<Program> {
        let texts = |list: Vec<Vec<u8>>| {
            let texts: Result<Vec<CString>> = list.iter().map(|item| text(item)).collect();
            texts.map(Texts::new)
        };
        Ok(Program {
            dirfd,
            path: path(program)?,
            argv: texts(argv)?,
            envp: texts(envp)?,
            flags,
        })
    }

    /// Runs it in this process's place, with the signals as a program expects them. Returns only on failure.
    pub fn exec(&self) -> Errno {
        let blocked = sigprocmask(2, crate::reactor::original_mask());
        set_sigpipe(false);
        let (path, argv, envp) = (self.path.as_c_str(), &self.argv, &self.envp);
        let result = if self.dirfd == Fd::CWD && self.flags.is_empty() {
            sys!(nr::execve, path, argv, envp)
        } else {
            sys!(
                nr::execveat,
                self.dirfd.0,
                path,
                argv,
                envp,
                self.flags.bits()
            )
        };
        set_sigpipe(true);
        if let Ok(blocked) = blocked {
            let _ = sigprocmask(2, blocked);
        }
        result.err().unwrap_or(Errno::EIO)
    }
}

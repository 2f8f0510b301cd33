//! Open files: reading, writing, copying, locking; pipes.

use super::paths::XATTR_MAX;
use super::{fd, filled, int, none, pair, sys, text};
use crate::decode::{self, Bytes};
use crate::raw::{Arg, syscall};
use glassdock_abi::call::FcntlCmd;
use glassdock_abi::flags::PollEvents;
use glassdock_abi::types::{PollFd, Timespec};
use glassdock_abi::{Call, Errno, Fd, Result, Ret, nr};

/// Makes a call of this family.
pub(super) fn perform(call: Call) -> Result<Ret> {
    let number = call.nr();
    match call {
        Call::Fstatfs { fd } => {
            let mut buffer = [0; 120];
            sys!(number, fd.0, &mut buffer[..])?;
            Ok(Ret::StatFs(Box::new(decode::statfs(&buffer))))
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
            let mut buffer = vec![0; count.min(super::MAX_TRANSFER) as usize];
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
        Call::Ppoll { fds, timeout } => poll(&fds, timeout).map(Ret::Polled),
        Call::MemfdCreate { name, flags } => {
            fd(sys!(number, text(&name)?.as_c_str(), flags.bits()))
        }
        Call::Pipe2 { flags } => pair(|buffer| sys!(number, buffer, flags.bits())),
        _ => Err(Errno::ENOSYS),
    }
}

/// `man 2 write` without taking memory.
pub(crate) fn write_now(fd: Fd, data: &[u8]) -> Result<u64> {
    sys!(nr::write, fd.0, data, data.len())
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

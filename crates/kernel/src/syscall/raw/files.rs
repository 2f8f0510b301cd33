//! Calls on descriptors.

use super::super::{CallCx, RW_MAX};
use super::fd;
use crate::Kernel;
use crate::file::{Body, Record};
use crate::wait::{Fail, SysResult, WaitKey};
use glassdock_abi::call::{FcntlCmd, IoctlReq};
use glassdock_abi::flags::*;
use glassdock_abi::types::{Termios, Winsize};
use glassdock_abi::{Call, Errno, Fd, Pid, Ret};
use glassdock_vfs::FileKind;

/// Most pieces of one vectored call (`IOV_MAX`).
const IOV_MAX: u64 = 1024;
/// Most bytes that one call copies out of a program's memory at a time; the rest is a short write.
const COPY_MAX: u64 = 1 << 24;

impl Kernel {
    pub(crate) fn raw_read(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let count = a[2].min(RW_MAX);
        self.check_writable(cx.tid, a[1], count.min(1))?;
        let bytes = self
            .call(
                cx,
                &Call::Read {
                    fd: fd(a[0]),
                    count,
                },
            )?
            .bytes()?;
        self.answer_bytes(cx, a[1], &bytes)
    }

    pub(crate) fn raw_write(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.real_file_id(cx.tid, fd(a[0]))?;
        let data = self.read_bytes(cx.tid, a[1], a[2].min(COPY_MAX))?;
        self.call(cx, &Call::Write { fd: fd(a[0]), data })
    }

    pub(crate) fn raw_pread(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let call = Call::Pread64 {
            fd: fd(a[0]),
            count: a[2].min(RW_MAX),
            offset: a[3],
        };
        let bytes = self.call(cx, &call)?.bytes()?;
        self.answer_bytes(cx, a[1], &bytes)
    }

    pub(crate) fn raw_pwrite(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let data = self.read_bytes(cx.tid, a[1], a[2].min(COPY_MAX))?;
        self.call(
            cx,
            &Call::Pwrite64 {
                fd: fd(a[0]),
                data,
                offset: a[3],
            },
        )
    }

    /// `struct iovec` pieces: address and length.
    pub(super) fn read_iovec(
        &mut self,
        cx: &CallCx,
        addr: u64,
        count: u64,
    ) -> Result<Vec<(u64, u64)>, Errno> {
        if count > IOV_MAX {
            return Err(Errno::EINVAL);
        }
        let bytes = self.read_bytes(cx.tid, addr, count * 16)?;
        let word = |chunk: &[u8]| u64::from_le_bytes(chunk.try_into().unwrap_or_default());
        let pieces: Vec<(u64, u64)> = bytes
            .chunks_exact(16)
            .map(|row| (word(&row[..8]), word(&row[8..])))
            .collect();
        let total = pieces
            .iter()
            .try_fold(0u64, |sum, piece| sum.checked_add(piece.1));
        match total {
            Some(total) if total <= i64::MAX as u64 => Ok(pieces),
            _ => Err(Errno::EINVAL),
        }
    }

    pub(super) fn gather(&mut self, cx: &CallCx, pieces: &[(u64, u64)]) -> Result<Vec<u8>, Errno> {
        let mut data = Vec::new();
        for (addr, len) in pieces {
            let room = COPY_MAX - data.len() as u64;
            data.extend(self.read_bytes(cx.tid, *addr, (*len).min(room))?);
        }
        Ok(data)
    }

    pub(super) fn scatter(
        &mut self,
        cx: &CallCx,
        pieces: &[(u64, u64)],
        mut data: &[u8],
    ) -> Result<(), Errno> {
        for (addr, len) in pieces {
            let n = data.len().min(*len as usize);
            self.write_user(cx.tid, *addr, &data[..n])?;
            data = &data[n..];
        }
        Ok(())
    }

    fn vector_read(&mut self, cx: &mut CallCx, a: [u64; 6], offset: Option<u64>) -> SysResult {
        let pieces = self.read_iovec(cx, a[1], a[2])?;
        let count = pieces.iter().map(|piece| piece.1).sum::<u64>().min(RW_MAX);
        let call = match offset {
            Some(offset) => Call::Pread64 {
                fd: fd(a[0]),
                count,
                offset,
            },
            None => Call::Read {
                fd: fd(a[0]),
                count,
            },
        };
        let bytes = self.call(cx, &call)?.bytes()?;
        self.scatter(cx, &pieces, &bytes)?;
        Ok(Ret::Int(bytes.len() as i64))
    }

    fn vector_write(&mut self, cx: &mut CallCx, a: [u64; 6], offset: Option<u64>) -> SysResult {
        self.real_file_id(cx.tid, fd(a[0]))?;
        let pieces = self.read_iovec(cx, a[1], a[2])?;
        let data = self.gather(cx, &pieces)?;
        match offset {
            Some(offset) => self.call(
                cx,
                &Call::Pwrite64 {
                    fd: fd(a[0]),
                    data,
                    offset,
                },
            ),
            None => self.call(cx, &Call::Write { fd: fd(a[0]), data }),
        }
    }

    pub(crate) fn raw_readv(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.vector_read(cx, a, None)
    }
    pub(crate) fn raw_writev(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.vector_write(cx, a, None)
    }
    pub(crate) fn raw_preadv(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let offset = v2_offset(cx, a)?;
        self.vector_read(cx, a, offset)
    }
    pub(crate) fn raw_pwritev(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let offset = v2_offset(cx, a)?;
        self.vector_write(cx, a, offset)
    }

    pub(crate) fn raw_close(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.call(cx, &Call::Close { fd: fd(a[0]) })
    }
    pub(crate) fn raw_lseek(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.call(
            cx,
            &Call::Lseek {
                fd: fd(a[0]),
                offset: a[1] as i64,
                whence: a[2] as u32,
            },
        )
    }
    pub(crate) fn raw_pipe(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.raw_pipe2(cx, [a[0], 0, 0, 0, 0, 0])
    }
    pub(crate) fn raw_pipe2(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let flags = OpenFlags::from_bits_retain(a[1] as u32);
        let ends = self.call(cx, &Call::Pipe2 { flags })?.fds()?;
        self.answer_fds(cx, a[0], ends)
    }
    pub(super) fn answer_fds(&mut self, cx: &CallCx, addr: u64, ends: [Fd; 2]) -> SysResult {
        let bytes: Vec<u8> = ends.iter().flat_map(|end| end.0.to_le_bytes()).collect();
        if let Err(errno) = self.write_user(cx.tid, addr, &bytes) {
            for end in ends {
                let _ = self.close_fd(cx.tid, end);
            }
            return Err(errno.into());
        }
        Ok(Ret::None)
    }
    pub(crate) fn raw_dup(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.call(
            cx,
            &Call::Fcntl {
                fd: fd(a[0]),
                cmd: FcntlCmd::Dup(0, false),
            },
        )
    }
    pub(crate) fn raw_dup2(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        if a[0] as i32 == a[1] as i32 {
            self.file_id(cx.tid, fd(a[0]))?;
            return Ok(Ret::Fd(fd(a[0])));
        }
        self.call(
            cx,
            &Call::Dup3 {
                oldfd: fd(a[0]),
                newfd: fd(a[1]),
                flags: OpenFlags::empty(),
            },
        )
    }
    pub(crate) fn raw_dup3(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.call(
            cx,
            &Call::Dup3 {
                oldfd: fd(a[0]),
                newfd: fd(a[1]),
                flags: OpenFlags::from_bits_retain(a[2] as u32),
            },
        )
    }
    pub(crate) fn raw_flock(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.call(
            cx,
            &Call::Flock {
                fd: fd(a[0]),
                operation: a[1] as u32,
            },
        )
    }
    pub(crate) fn raw_fsync(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.call(cx, &Call::Fsync { fd: fd(a[0]) })
    }
    pub(crate) fn raw_fdatasync(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.call(cx, &Call::Fdatasync { fd: fd(a[0]) })
    }
    pub(crate) fn raw_ftruncate(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.call(
            cx,
            &Call::Ftruncate {
                fd: fd(a[0]),
                length: a[1],
            },
        )
    }
    pub(crate) fn raw_fallocate(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        if a[2] > i64::MAX as u64 || a[3] > i64::MAX as u64 || a[3] == 0 {
            return Err(Errno::EINVAL.into());
        }
        self.call(
            cx,
            &Call::Fallocate {
                fd: fd(a[0]),
                mode: a[1] as u32,
                offset: a[2],
                len: a[3],
            },
        )
    }
    pub(crate) fn raw_close_range(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let flags = CloseRangeFlags::from_bits_retain(a[2] as u32);
        self.call(
            cx,
            &Call::CloseRange {
                first: a[0] as u32,
                last: a[1] as u32,
                flags,
            },
        )
    }
    pub(crate) fn raw_memfd_create(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let name = self.read_cstr(cx.tid, a[0], 250, Errno::EINVAL)?;
        self.call(
            cx,
            &Call::MemfdCreate {
                name,
                flags: MemfdFlags::from_bits_retain(a[1] as u32),
            },
        )
    }

    fn read_offset(&mut self, cx: &CallCx, addr: u64) -> Result<Option<u64>, Errno> {
        if addr == 0 {
            return Ok(None);
        }
        let offset = self.read_u64(cx.tid, addr)?;
        if offset > i64::MAX as u64 {
            Err(Errno::EINVAL)
        } else {
            Ok(Some(offset))
        }
    }

    pub(crate) fn raw_sendfile(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let offset = self.read_offset(cx, a[2])?;
        let call = Call::Sendfile {
            out_fd: fd(a[0]),
            in_fd: fd(a[1]),
            offset,
            count: a[3],
        };
        let moved = self.call(cx, &call)?.int()?;
        if let Some(offset) = offset {
            self.write_user(cx.tid, a[2], &(offset + moved as u64).to_le_bytes())?;
        }
        Ok(Ret::Int(moved))
    }

    pub(crate) fn raw_copy_file_range(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        if a[5] != 0 {
            return Err(Errno::EINVAL.into());
        }
        let (off_in, off_out) = (self.read_offset(cx, a[1])?, self.read_offset(cx, a[3])?);
        let call = Call::CopyFileRange {
            fd_in: fd(a[0]),
            off_in,
            fd_out: fd(a[2]),
            off_out,
            len: a[4],
        };
        let moved = self.call(cx, &call)?.int()?;
        for (addr, offset) in [(a[1], off_in), (a[3], off_out)] {
            if let Some(offset) = offset {
                self.write_user(cx.tid, addr, &(offset + moved as u64).to_le_bytes())?;
            }
        }
        Ok(Ret::Int(moved))
    }

    pub(crate) fn raw_getdents64(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let entries = self
            .call(
                cx,
                &Call::Getdents64 {
                    fd: fd(a[0]),
                    count: a[2] & 0xffff_ffff,
                },
            )?
            .dirents()?;
        let mut out = Vec::new();
        for entry in entries {
            let len = (19 + entry.name.len() + 1).next_multiple_of(8);
            let start = out.len();
            out.extend_from_slice(&entry.ino.to_le_bytes());
            out.extend_from_slice(&entry.off.to_le_bytes());
            out.extend_from_slice(&(len as u16).to_le_bytes());
            out.push(entry.kind);
            out.extend_from_slice(&entry.name);
            out.resize(start + len, 0);
        }
        self.answer_bytes(cx, a[1], &out)
    }

    pub(crate) fn raw_fcntl(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let word = a[2];
        let cmd = match a[1] as u32 {
            0 => FcntlCmd::Dup(word as i32, false),
            1030 => FcntlCmd::Dup(word as i32, true),
            1 => FcntlCmd::GetFd,
            2 => FcntlCmd::SetFd(word & 1 != 0),
            3 => FcntlCmd::GetFl,
            4 => FcntlCmd::SetFl(OpenFlags::from_bits_retain(word as u32)),
            1031 => FcntlCmd::SetPipeSize(word as u32),
            1032 => FcntlCmd::GetPipeSize,
            5..=7 => return self.record_lock(cx, a),
            _ => {
                self.file_id(cx.tid, fd(a[0]))?;
                return Err(Errno::EINVAL.into());
            }
        };
        self.call(cx, &Call::Fcntl { fd: fd(a[0]), cmd })
    }

    /// `F_GETLK` 5, `F_SETLK` 6, `F_SETLKW` 7.
    fn record_lock(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let id = self.real_file_id(cx.tid, fd(a[0]))?;
        let bytes = self.read_bytes(cx.tid, a[2], 32)?;
        let kind = i16::from_le_bytes([bytes[0], bytes[1]]);
        let whence = i16::from_le_bytes([bytes[2], bytes[3]]);
        let word = |at: usize| i64::from_le_bytes(bytes[at..at + 8].try_into().unwrap_or_default());
        let file = self.file(id)?;
        let (inode, pos, flags) = (file.file.inode, file.pos, file.flags);
        let base = match whence {
            0 => 0,
            1 => pos as i64,
            2 => self.vfs().size(inode) as i64,
            _ => return Err(Errno::EINVAL.into()),
        };
        let (from, len) = (base.checked_add(word(8)).ok_or(Errno::EOVERFLOW)?, word(16));
        let (start, end) = match len {
            0 => (from, i64::MAX),
            len if len > 0 => (from, from.checked_add(len).ok_or(Errno::EOVERFLOW)?),
            len => (from + len, from),
        };
        if start < 0 {
            return Err(Errno::EINVAL.into());
        }
        let owner = self.tgid_of(cx.tid);
        let wanted = Record {
            owner,
            exclusive: kind == 1,
            start: start as u64,
            end: if len == 0 { u64::MAX } else { end as u64 },
        };
        let inode = inode.0;
        if a[1] == 5 {
            let mut out = bytes.clone();
            match self.locks.conflict(inode, &wanted) {
                None => out[0..2].copy_from_slice(&2i16.to_le_bytes()),
                Some(other) => {
                    out[0..2].copy_from_slice(&i16::from(other.exclusive).to_le_bytes());
                    out[2..4].copy_from_slice(&0i16.to_le_bytes());
                    out[8..16].copy_from_slice(&other.start.to_le_bytes());
                    let len = if other.end == u64::MAX {
                        0
                    } else {
                        other.end - other.start
                    };
                    out[16..24].copy_from_slice(&len.to_le_bytes());
                    out[24..28].copy_from_slice(&self.pid_for(cx.tid, other.owner).0.to_le_bytes());
                }
            }
            self.write_user(cx.tid, a[2], &out)?;
            return Ok(Ret::None);
        }
        match kind {
            2 => {
                self.locks.clear(inode, owner, wanted.start, wanted.end);
                self.wake(WaitKey::Lock(inode));
                Ok(Ret::None)
            }
            0 if !flags.readable() => Err(Errno::EBADF.into()),
            1 if !flags.writable() => Err(Errno::EBADF.into()),
            0 | 1 => match self.locks.conflict(inode, &wanted) {
                None => {
                    self.locks.set(inode, wanted);
                    self.wake(WaitKey::Lock(inode));
                    Ok(Ret::None)
                }
                Some(_) if a[1] == 7 => Err(Fail::wait("record lock", WaitKey::Lock(inode))),
                Some(_) => Err(Errno::EAGAIN.into()),
            },
            _ => Err(Errno::EINVAL.into()),
        }
    }

    pub(crate) fn raw_ioctl(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let (number, arg) = (a[1] as u32, a[2]);
        let tid = cx.tid;
        let request = match number {
            0x5401 => IoctlReq::Tcgets,
            0x5402..=0x5404 => {
                let bytes = self.read_bytes(tid, arg, 36)?;
                IoctlReq::Tcsets(read_termios(&bytes), (number - 0x5402) as u8)
            }
            0x540e => IoctlReq::Tiocsctty(arg == 1),
            0x540f => IoctlReq::Tiocgpgrp,
            0x5410 => IoctlReq::Tiocspgrp(Pid(self.read_u32(tid, arg)? as i32)),
            0x5413 => IoctlReq::Tiocgwinsz,
            0x5414 => {
                let b = self.read_bytes(tid, arg, 8)?;
                let half = |at: usize| u16::from_le_bytes([b[at], b[at + 1]]);
                IoctlReq::Tiocswinsz(Winsize {
                    rows: half(0),
                    cols: half(2),
                    xpixel: half(4),
                    ypixel: half(6),
                })
            }
            0x541b => IoctlReq::Fionread,
            0x5421 => IoctlReq::Fionbio(self.read_u32(tid, arg)? != 0),
            0x5422 => IoctlReq::Tiocnotty,
            0x5429 => IoctlReq::Tiocgsid,
            0x8004_5430 => IoctlReq::Tiocgptn,
            0x4004_5431 => IoctlReq::Tiocsptlck(self.read_u32(tid, arg)? != 0),
            0x5441 => IoctlReq::Tiocgptpeer(OpenFlags::from_bits_retain(arg as u32)),
            0x5450 | 0x5451 => {
                self.set_cloexec(tid, fd(a[0]), number == 0x5451)?;
                return Ok(Ret::None);
            }
            other => IoctlReq::Other(other, arg),
        };
        match self.call(
            cx,
            &Call::Ioctl {
                fd: fd(a[0]),
                request,
            },
        )? {
            Ret::Termios(termios) => {
                self.write_user(tid, arg, &termios_bytes(&termios))?;
                Ok(Ret::None)
            }
            Ret::Winsize(size) => {
                let halves = [size.rows, size.cols, size.xpixel, size.ypixel];
                let bytes: Vec<u8> = halves.iter().flat_map(|half| half.to_le_bytes()).collect();
                self.write_user(tid, arg, &bytes)?;
                Ok(Ret::None)
            }
            Ret::Pid(pid) => {
                self.write_user(tid, arg, &pid.0.to_le_bytes())?;
                Ok(Ret::None)
            }
            Ret::Int(value) if matches!(request, IoctlReq::Tiocgptn | IoctlReq::Fionread) => {
                self.write_user(tid, arg, &(value as u32).to_le_bytes())?;
                Ok(Ret::None)
            }
            other => Ok(other),
        }
    }

    pub(crate) fn raw_poll(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let timeout = a[2] as i32;
        let timeout = (timeout >= 0).then_some(timeout as u64 * 1_000_000);
        self.poll_user(cx, a[0], a[1], timeout)
    }

    pub(crate) fn raw_ppoll(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let timeout = match a[2] {
            0 => None,
            addr => Some(self.read_timespec(cx.tid, addr)?),
        };
        self.temporary_mask(cx, a[3], a[4])?;
        self.poll_user(cx, a[0], a[1], timeout)
    }

    fn temporary_mask(&mut self, cx: &CallCx, addr: u64, size: u64) -> Result<(), Errno> {
        if addr == 0 {
            return Ok(());
        }
        if size != 8 {
            return Err(Errno::EINVAL);
        }
        let mask = crate::signal::SigSet(self.read_u64(cx.tid, addr)?);
        if !cx.state.tried {
            self.use_mask(cx, Some(mask));
        }
        Ok(())
    }

    pub(crate) fn raw_select(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let timeout = match a[4] {
            0 => None,
            addr => Some(self.read_timeval(cx.tid, addr)?),
        };
        let result = self.select_user(cx, a[0], [a[1], a[2], a[3]], timeout)?;
        if let (Some(_), Some(at)) = (timeout, cx.state.deadline) {
            let left = at.saturating_sub(self.now());
            self.write_timeval(cx.tid, a[4], left)?;
        }
        Ok(result)
    }

    pub(crate) fn raw_pselect(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let timeout = match a[4] {
            0 => None,
            addr => Some(self.read_timespec(cx.tid, addr)?),
        };
        if a[5] != 0 {
            let (addr, size) = (
                self.read_u64(cx.tid, a[5])?,
                self.read_u64(cx.tid, a[5].wrapping_add(8))?,
            );
            self.temporary_mask(cx, addr, size)?;
        }
        self.select_user(cx, a[0], [a[1], a[2], a[3]], timeout)
    }

    pub(crate) fn raw_epoll_create(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        if a[0] as i32 <= 0 {
            return Err(Errno::EINVAL.into());
        }
        self.sys_epoll_create(cx.tid, 0)
    }
    pub(crate) fn raw_epoll_create1(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.sys_epoll_create(cx.tid, a[0])
    }
    pub(crate) fn raw_epoll_wait(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        if !cx.state.tried {
            let timeout = a[3] as i32;
            cx.state.deadline = (timeout >= 0).then(|| self.now() + timeout as u64 * 1_000_000);
        }
        if cx.nr == glassdock_abi::nr::epoll_pwait {
            self.temporary_mask(cx, a[4], a[5])?;
        }
        self.epoll_wait(cx, fd(a[0]), a[1], a[2] as i32)
    }
    pub(crate) fn raw_epoll_pwait2(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        if !cx.state.tried {
            cx.state.deadline = match a[3] {
                0 => None,
                addr => Some(self.read_timespec(cx.tid, addr)?.saturating_add(self.now())),
            };
        }
        self.temporary_mask(cx, a[4], a[5])?;
        self.epoll_wait(cx, fd(a[0]), a[1], a[2] as i32)
    }

    pub(crate) fn raw_signalfd(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.raw_signalfd4(cx, [a[0], a[1], a[2], 0, 0, 0])
    }
    pub(crate) fn raw_signalfd4(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        if a[2] != 8 {
            return Err(Errno::EINVAL.into());
        }
        let mask = self.read_u64(cx.tid, a[1])?;
        let old = (a[0] as i32 != -1).then_some(fd(a[0]));
        self.call(
            cx,
            &Call::Signalfd4 {
                fd: old,
                mask,
                flags: OpenFlags::from_bits_retain(a[3] as u32),
            },
        )
    }
    pub(crate) fn raw_eventfd(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.sys_eventfd(cx.tid, a[0] as u32, 0)
    }
    pub(crate) fn raw_eventfd2(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.sys_eventfd(cx.tid, a[0] as u32, a[1])
    }
    pub(crate) fn raw_timerfd_create(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.sys_timerfd_create(cx.tid, a[0], a[1])
    }
    pub(crate) fn raw_fadvise(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let id = self.real_file_id(cx.tid, fd(a[0]))?;
        let file = self.file(id)?;
        match (&file.body, file.file.kind) {
            (Body::Pipe { .. } | Body::Socket(_), _) | (_, FileKind::Fifo) => {
                Err(Errno::ESPIPE.into())
            }
            _ if a[3] > 5 => Err(Errno::EINVAL.into()),
            _ => Ok(Ret::None),
        }
    }
    pub(crate) fn raw_sync(&mut self, _: &mut CallCx, _: [u64; 6]) -> SysResult {
        Ok(Ret::None)
    }
    pub(crate) fn raw_syncfs(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.real_file_id(cx.tid, fd(a[0]))?;
        Ok(Ret::None)
    }
}

/// The offset of `preadv` and `preadv2`; `-1` in the latter means the file's position. Flags are refused.
fn v2_offset(cx: &CallCx, a: [u64; 6]) -> Result<Option<u64>, Errno> {
    let second = [glassdock_abi::nr::preadv2, glassdock_abi::nr::pwritev2].contains(&cx.nr);
    if second && a[5] != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    Ok((!second || a[3] != u64::MAX).then_some(a[3]))
}

/// The kernel's `struct termios` of 36 bytes.
fn read_termios(bytes: &[u8]) -> Termios {
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap_or_default());
    let mut cc = [0; 19];
    cc.copy_from_slice(&bytes[17..36]);
    Termios {
        iflag: word(0),
        oflag: word(4),
        cflag: word(8),
        lflag: word(12),
        line: bytes[16],
        cc,
    }
}

fn termios_bytes(termios: &Termios) -> [u8; 36] {
    let mut out = [0; 36];
    for (at, word) in [termios.iflag, termios.oflag, termios.cflag, termios.lflag]
        .iter()
        .enumerate()
    {
        out[4 * at..4 * at + 4].copy_from_slice(&word.to_le_bytes());
    }
    out[16] = termios.line;
    out[17..36].copy_from_slice(&termios.cc);
    out
}

//! Calls on descriptors.

use super::super::{CallCx, RW_MAX};
use super::fd;
use crate::Kernel;
use crate::file::{Body, READ_MAX};
use crate::wait::SysResult;
use glassdock_abi::call::FcntlCmd;
use glassdock_abi::flags::*;
use glassdock_abi::{Call, Errno, Fd, Ret};
use glassdock_vfs::FileKind;

/// Most pieces of one vectored call (`IOV_MAX`).
const IOV_MAX: u64 = 1024;
/// Most bytes that one call copies out of a program's memory at a time; the rest is a short write.
const COPY_MAX: u64 = 1 << 24;

impl Kernel {
    pub(crate) fn raw_read(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.check_writable(cx.tid, a[1], a[2].min(1))?;
        self.read_into(cx, fd(a[0]), &[(a[1], a[2])], None)
    }

    pub(crate) fn raw_write(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.real_file_id(cx.tid, fd(a[0]))?;
        let data = self.read_bytes(cx.tid, a[1], a[2].min(COPY_MAX))?;
        self.call(cx, &Call::Write { fd: fd(a[0]), data })
    }

    pub(crate) fn raw_pread(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.read_into(cx, fd(a[0]), &[(a[1], a[2])], Some(a[3]))
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

    /// Writes data into the pieces, after the first `skip` bytes of them; as many bytes as can be.
    pub(super) fn scatter(
        &mut self,
        cx: &CallCx,
        pieces: &[(u64, u64)],
        mut skip: u64,
        data: &[u8],
    ) -> usize {
        let mut done = 0;
        for (addr, len) in pieces {
            let skipped = skip.min(*len);
            skip -= skipped;
            let n = (len - skipped).min((data.len() - done) as u64) as usize;
            let written =
                self.write_some(cx.tid, addr.wrapping_add(skipped), &data[done..done + n]);
            done += written;
            if written < n {
                break;
            }
        }
        done
    }

    /// Reads into pieces of a program's memory. What is asked for comes in parts that are not too large for the
    /// machine's own memory; only a file that never waits gives a full part.
    fn read_into(
        &mut self,
        cx: &mut CallCx,
        fd: Fd,
        pieces: &[(u64, u64)],
        offset: Option<u64>,
    ) -> SysResult {
        let count = pieces.iter().map(|piece| piece.1).sum::<u64>().min(RW_MAX);
        let call = match offset {
            Some(offset) => Call::Pread64 { fd, count, offset },
            None => Call::Read { fd, count },
        };
        let mut bytes = self.call(cx, &call)?.bytes()?;
        let mut done = 0;
        loop {
            let written = self.scatter(cx, pieces, done, &bytes);
            done += written as u64;
            if written < bytes.len() {
                if offset.is_none() {
                    self.step_back(cx.tid, fd, (bytes.len() - written) as u64);
                }
                if done == 0 {
                    return Err(Errno::EFAULT.into());
                }
                break;
            }
            if (bytes.len() as u64) < READ_MAX || done >= count {
                break;
            }
            let next = offset.map(|offset| offset.saturating_add(done));
            match self.read_fd(cx, fd, count - done, next) {
                Ok(more) => bytes = more,
                Err(_) => break,
            }
        }
        Ok(Ret::Int(done as i64))
    }

    fn vector_read(&mut self, cx: &mut CallCx, a: [u64; 6], offset: Option<u64>) -> SysResult {
        let pieces = self.read_iovec(cx, a[1], a[2])?;
        self.read_into(cx, fd(a[0]), &pieces, offset)
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

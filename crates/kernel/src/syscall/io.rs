//! Calls on open files.

use super::CallCx;
use crate::Kernel;
use crate::file::{Body, Device, Object};
use crate::ids::{FileId, Tid};
use crate::signal::SigSet;
use crate::wait::{Fail, SysResult, WaitKey};
use glassdock_abi::call::{FcntlCmd, IoctlReq};
use glassdock_abi::flags::OpenFlags;
use glassdock_abi::{Errno, Fd, Result, Ret};
use glassdock_vfs::FileKind;

/// Status flags that `F_SETFL` changes.
/// `SEEK_HOLE`, the last of the places that `lseek` counts from.
const SEEK_MAX: u32 = 4;
const SETTABLE: OpenFlags = OpenFlags::APPEND
    .union(OpenFlags::NONBLOCK)
    .union(OpenFlags::ASYNC)
    .union(OpenFlags::DIRECT)
    .union(OpenFlags::NOATIME);
/// Bytes that a copy between files moves at a time.
const COPY_PIECE: u64 = 65_536;

impl Kernel {
    pub(super) fn sys_lseek(&mut self, tid: Tid, fd: Fd, offset: i64, whence: u32) -> SysResult {
        let id = self.real_file_id(tid, fd)?;
        let file = self.file(id)?;
        if whence > SEEK_MAX {
            return Err(Errno::EINVAL.into());
        }
        if !crate::file::is_seekable(&file.body) {
            return Err(Errno::ESPIPE.into());
        }
        let size = match (&file.body, file.file.kind) {
            (Body::Vfs, FileKind::Regular) => {
                let inode = file.file.inode;
                self.vfs().size(inode)
            }
            _ => 0,
        };
        let file = self.file(id)?;
        let base = match whence {
            0 => 0,
            1 => file.pos,
            2 if matches!(file.body, Body::Synthetic { .. })
                || file.file.kind == FileKind::Directory =>
            {
                return Err(Errno::EINVAL.into());
            }
            2 => size,
            3 | 4 if file.file.kind == FileKind::Regular => {
                let offset = u64::try_from(offset).map_err(|_| Errno::ENXIO)?;
                let at = self.vfs().seek_data(&file.file, offset, whence)?;
                self.set_pos(id, at);
                return Ok(Ret::Int(at as i64));
            }
            _ => return Err(Errno::EINVAL.into()),
        };
        let at = i64::try_from(base)
            .ok()
            .and_then(|base| base.checked_add(offset))
            .filter(|at| *at >= 0)
            .ok_or(Errno::EINVAL)?;
        if let Some(file) = self.files.get_mut(id) {
            file.pos = match file.body {
                Body::Dev(_) => 0,
                _ => at as u64,
            };
            if at == 0
                && let Body::Synthetic { content, .. } = &mut file.body
            {
                *content = None;
            }
        }
        self.publisher.file(id);
        Ok(Ret::Int(at))
    }

    /// Calls the file system with an open file.
    pub(crate) fn with_file<R>(
        &mut self,
        tid: Tid,
        id: FileId,
        act: impl FnOnce(
            &mut glassdock_vfs::Vfs,
            &mut glassdock_vfs::Cx,
            &glassdock_vfs::OpenFile,
        ) -> Result<R>,
    ) -> Result<R> {
        let Some(file) = self.files.remove(id) else {
            return Err(Errno::EBADF);
        };
        let result = self.with_vfs(tid, |vfs, cx| act(vfs, cx, &file.file));
        self.files.put_back(id, file);
        result
    }

    pub(super) fn sys_ftruncate(&mut self, tid: Tid, fd: Fd, length: u64) -> SysResult {
        if length > i64::MAX as u64 {
            return Err(Errno::EINVAL.into());
        }
        let id = self.real_file_id(tid, fd)?;
        let file = self.file(id)?;
        if file.file.kind != FileKind::Regular || !file.flags.writable() {
            return Err(Errno::EINVAL.into());
        }
        let inode = file.file.inode;
        self.flush_mapped(inode);
        self.with_file(tid, id, |vfs, cx, file| vfs.ftruncate(cx, file, length))?;
        self.reload_mapped(inode);
        Ok(Ret::None)
    }

    pub(super) fn sys_fallocate(
        &mut self,
        tid: Tid,
        fd: Fd,
        mode: u32,
        offset: u64,
        len: u64,
    ) -> SysResult {
        let id = self.real_file_id(tid, fd)?;
        let inode = self.file(id)?.file.inode;
        self.need_file_pages(tid, inode, offset, len);
        self.with_file(tid, id, |vfs, cx, file| {
            vfs.fallocate(cx, file, mode, offset, len)
        })?;
        Ok(Ret::None)
    }

    pub(super) fn sys_flock(&mut self, tid: Tid, fd: Fd, operation: u32) -> SysResult {
        if !matches!(operation & !4, 1 | 2 | 8) {
            return Err(Errno::EINVAL.into());
        }
        let id = self.real_file_id(tid, fd)?;
        let file = self.file(id)?;
        let inode = file.file.inode.0;
        if operation & !4 != 8 && !file.flags.readable() && !file.flags.writable() {
            return Err(Errno::EBADF.into());
        }
        let exclusive = match operation & !4 {
            1 => false,
            2 => true,
            8 => {
                self.locks.unlock(inode, id);
                self.wake(WaitKey::Lock(inode));
                return Ok(Ret::None);
            }
            _ => return Err(Errno::EINVAL.into()),
        };
        match self.locks.lock(inode, id, exclusive) {
            Ok(()) => {
                self.wake(WaitKey::Lock(inode));
                Ok(Ret::None)
            }
            Err(Errno::EAGAIN) if operation & 4 == 0 => {
                Err(Fail::wait("file lock", WaitKey::Lock(inode)))
            }
            Err(errno) => Err(errno.into()),
        }
    }

    /// A descriptor goes, however: with it all locks that its process has on the file (`locks_remove_posix`).
    pub(crate) fn drop_record_locks(&mut self, tid: Tid, file: FileId) {
        let Ok(file) = self.file(file) else {
            return;
        };
        let inode = file.file.inode.0;
        let owner = self.tgid_of(tid);
        self.locks.clear(inode, owner, 0, u64::MAX);
        self.wake(WaitKey::Lock(inode));
    }

    /// `sendfile` and `copy_file_range`.
    pub(super) fn copy_between(
        &mut self,
        cx: &mut CallCx,
        from: (Fd, Option<u64>),
        to: (Fd, Option<u64>),
        len: u64,
        regular: bool,
    ) -> SysResult {
        let (source, target, start, len) = match regular {
            true => self.check_copy(cx.tid, from, to, len)?,
            false => self.check_sendfile(cx.tid, from, to, len)?,
        };
        let mut copied = cx.state.progress;
        let base = if cx.state.tried { cx.state.note } else { start };
        cx.state.note = base;
        while copied < len {
            let piece = (len - copied).min(COPY_PIECE);
            let mut inner = CallCx::kernel(cx.tid);
            inner.span = cx.span;
            let data = match self.read_file(&mut inner, source, piece, Some(base + copied)) {
                // What cannot be spliced is no input.
                Err(Fail::Errno(Errno::EISDIR)) => return Err(Errno::EINVAL.into()),
                other => other?,
            };
            if data.is_empty() {
                break;
            }
            let written = self.write_file(&mut inner, target, &data, to.1.map(|at| at + copied));
            let taken = match written {
                Ok(ret) => ret.int()? as u64,
                Err(fail) => {
                    let done = inner.state.progress;
                    copied += done;
                    cx.state.progress = copied;
                    if from.1.is_none() {
                        self.set_pos(source, base + copied);
                    }
                    return Err(fail);
                }
            };
            copied += taken;
            cx.state.progress = copied;
            if taken < data.len() as u64 {
                break;
            }
        }
        if from.1.is_none() {
            self.set_pos(source, base + copied);
        }
        Ok(Ret::Int(copied as i64))
    }

    /// The checks of `vfs_copy_file_range`, and where and how much to copy.
    fn check_copy(
        &self,
        tid: Tid,
        from: (Fd, Option<u64>),
        to: (Fd, Option<u64>),
        len: u64,
    ) -> SysResult<(FileId, FileId, u64, u64)> {
        let (source, target) = (
            self.real_file_id(tid, from.0)?,
            self.real_file_id(tid, to.0)?,
        );
        let (input, output) = (self.file(source)?, self.file(target)?);
        let kinds = [input.file.kind, output.file.kind];
        if kinds.contains(&FileKind::Directory) {
            return Err(Errno::EISDIR.into());
        }
        if kinds != [FileKind::Regular; 2] {
            return Err(Errno::EINVAL.into());
        }
        if !input.flags.readable()
            || !output.flags.writable()
            || output.flags.contains(OpenFlags::APPEND)
        {
            return Err(Errno::EBADF.into());
        }
        let (start, end) = (from.1.unwrap_or(input.pos), to.1.unwrap_or(output.pos));
        if start.checked_add(len).is_none() || end.checked_add(len).is_none() {
            return Err(Errno::EOVERFLOW.into());
        }
        let size = self.vfs().size(input.file.inode);
        let len = len.min(size.saturating_sub(start)).min(super::RW_MAX);
        let overlap = end + len > start && end < start + len;
        if input.file.inode == output.file.inode && overlap {
            return Err(Errno::EINVAL.into());
        }
        Ok((source, target, start, len))
    }

    /// The checks of `do_sendfile`, and where and how much to copy.
    fn check_sendfile(
        &self,
        tid: Tid,
        from: (Fd, Option<u64>),
        to: (Fd, Option<u64>),
        len: u64,
    ) -> SysResult<(FileId, FileId, u64, u64)> {
        let source = self.real_file_id(tid, from.0)?;
        let input = self.file(source)?;
        if !input.flags.readable() {
            return Err(Errno::EBADF.into());
        }
        if from.1.is_some() && !crate::file::is_seekable(&input.body) {
            return Err(Errno::ESPIPE.into());
        }
        self.check_area(source, len, from.1)?;
        let target = self.real_file_id(tid, to.0)?;
        let output = self.file(target)?;
        if !output.flags.writable() {
            return Err(Errno::EBADF.into());
        }
        self.check_area(target, len, None)?;
        let seeks = matches!(
            input.body,
            Body::Vfs | Body::Synthetic { .. } | Body::Dev(_)
        );
        if output.flags.contains(OpenFlags::APPEND) || !seeks {
            return Err(Errno::EINVAL.into());
        }
        let start = from.1.unwrap_or(input.pos);
        Ok((source, target, start, len.min(super::RW_MAX)))
    }

    /// Takes back what a read moved a file's position by.
    pub(super) fn step_back(&mut self, tid: Tid, fd: Fd, count: u64) {
        if let Ok(id) = self.file_id(tid, fd)
            && let Ok(file) = self.file(id)
            && matches!(file.body, Body::Vfs | Body::Synthetic { .. })
        {
            let pos = file.pos.saturating_sub(count);
            self.set_pos(id, pos);
        }
    }

    fn set_pos(&mut self, id: FileId, pos: u64) {
        if let Some(file) = self.files.get_mut(id) {
            file.pos = pos;
        }
        self.publisher.file(id);
    }

    pub(super) fn sys_fcntl(&mut self, tid: Tid, fd: Fd, cmd: FcntlCmd) -> SysResult {
        let id = self.file_id(tid, fd)?;
        let path_only = self.file(id)?.flags.contains(OpenFlags::PATH);
        match cmd {
            FcntlCmd::Dup(from, cloexec) => Ok(Ret::Fd(self.dup_from(tid, fd, from, cloexec)?)),
            FcntlCmd::GetFd => {
                let entry = self.fd_table(tid).and_then(|table| table.map.get(&fd.0));
                Ok(Ret::Int(entry.is_some_and(|entry| entry.cloexec).into()))
            }
            FcntlCmd::SetFd(cloexec) => {
                self.set_cloexec(tid, fd, cloexec)?;
                Ok(Ret::None)
            }
            FcntlCmd::GetFl => Ok(Ret::Int(
                self.file(id)?
                    .flags
                    .union(OpenFlags::LARGEFILE)
                    .bits()
                    .into(),
            )),
            _ if path_only => Err(Errno::EBADF.into()),
            FcntlCmd::SetFl(flags) => {
                if let Some(file) = self.files.get_mut(id) {
                    file.flags = (file.flags & !SETTABLE) | (flags & SETTABLE);
                    file.file.flags = file.flags;
                }
                self.publisher.file(id);
                Ok(Ret::None)
            }
            FcntlCmd::GetPipeSize | FcntlCmd::SetPipeSize(_) => {
                let Body::Pipe { id, .. } = self.file(id)?.body else {
                    return Err(Errno::EBADF.into());
                };
                let Some(Object::Pipe(pipe)) = self.objects.get_mut(id) else {
                    return Err(Errno::EBADF.into());
                };
                let size = match cmd {
                    FcntlCmd::SetPipeSize(bytes) => pipe.set_size(bytes as usize)?,
                    _ => pipe.size(),
                };
                self.object_changed(id);
                Ok(Ret::Int(size as i64))
            }
        }
    }

    pub(super) fn sys_ioctl(&mut self, cx: &mut CallCx, fd: Fd, request: &IoctlReq) -> SysResult {
        let tid = cx.tid;
        let id = self.real_file_id(tid, fd)?;
        match request {
            IoctlReq::Fionbio(on) => {
                if let Some(file) = self.files.get_mut(id) {
                    file.flags.set(OpenFlags::NONBLOCK, *on);
                    file.file.flags = file.flags;
                }
                self.publisher.file(id);
                return Ok(Ret::None);
            }
            IoctlReq::Fionread => return self.queued_bytes(id),
            _ => {}
        }
        self.tty_ioctl(cx, fd, request)
    }

    fn queued_bytes(&mut self, id: FileId) -> SysResult {
        let file = self.file(id)?;
        let bytes = match &file.body {
            Body::Pipe { id, .. } => match self.objects.get(*id) {
                Some(Object::Pipe(pipe)) => pipe.len(),
                _ => 0,
            },
            Body::Socket(id) => self.sockets.queued(id.0),
            Body::Master(number) => self.pty_of(*number)?.output_bytes(),
            Body::Slave(number) => {
                let pty = self.pty_of(*number)?;
                if pty.hung_up() {
                    return Err(Errno::EIO.into());
                }
                pty.readable_bytes()
            }
            Body::Vfs if file.file.kind == FileKind::Regular => {
                let left = self.vfs().size(file.file.inode).saturating_sub(file.pos);
                return Ok(Ret::Int(left as i64));
            }
            Body::Dev(Device::Null) => return Err(Errno::ENOTTY.into()),
            _ => return Err(Errno::ENOTTY.into()),
        };
        Ok(Ret::Int(bytes as i64))
    }

    pub(super) fn sys_signalfd(
        &mut self,
        tid: Tid,
        fd: Option<Fd>,
        mask: u64,
        flags: OpenFlags,
    ) -> SysResult {
        let known = OpenFlags::CLOEXEC | OpenFlags::NONBLOCK;
        if !known.contains(flags) {
            return Err(Errno::EINVAL.into());
        }
        let mask = SigSet(mask).without(SigSet::UNBLOCKABLE);
        if let Some(fd) = fd {
            let Body::Signal(id) = self.file_of(tid, fd)?.body else {
                return Err(Errno::EINVAL.into());
            };
            if let Some(Object::Signal(kept)) = self.objects.get_mut(id) {
                *kept = mask;
            }
            self.wake(WaitKey::Signal(tid));
            return Ok(Ret::Fd(fd));
        }
        let id = self.objects.add(Object::Signal(mask));
        let status = flags & OpenFlags::NONBLOCK;
        let file = self.add_anonymous(Body::Signal(id), "[signalfd]", OpenFlags::RDWR | status)?;
        Ok(Ret::Fd(self.install(
            tid,
            file,
            flags.contains(OpenFlags::CLOEXEC),
        )?))
    }

    pub(super) fn sys_eventfd(&mut self, tid: Tid, count: u32, flags: u64) -> SysResult {
        let bits = OpenFlags::from_bits_retain(flags as u32 & !1);
        let known = OpenFlags::CLOEXEC | OpenFlags::NONBLOCK;
        if !known.contains(bits) {
            return Err(Errno::EINVAL.into());
        }
        let id = self.objects.add(Object::Event {
            count: count.into(),
            semaphore: flags & 1 != 0,
        });
        self.publisher.channel(id);
        let status = bits & OpenFlags::NONBLOCK;
        let file = self.add_anonymous(Body::Event(id), "[eventfd]", OpenFlags::RDWR | status)?;
        Ok(Ret::Fd(self.install(
            tid,
            file,
            bits.contains(OpenFlags::CLOEXEC),
        )?))
    }
}

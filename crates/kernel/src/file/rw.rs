//! Reading and writing, whatever is behind the descriptor.

use super::*;
use crate::Kernel;
use crate::process::rlimit;
use crate::signal::SigInfo;
use crate::syscall::CallCx;
use crate::wait::{Fail, SysResult, WaitKey};
use glassdock_abi::flags::PollEvents;
use glassdock_abi::types::signal as sig;
use glassdock_abi::{Errno, Fd, Result, Ret};
use glassdock_cpu::{AccountId, PAGE_SIZE};
use glassdock_vfs::{FileKind, InodeId};

/// Most bytes that one read takes out of a file at a time.
pub(crate) const READ_MAX: u64 = 1 << 24;

/// What a reader and a writer wait for.
pub(crate) const READABLE: PollEvents = PollEvents::IN.union(PollEvents::RDNORM);
pub(crate) const WRITABLE: PollEvents = PollEvents::OUT.union(PollEvents::WRNORM);

impl Kernel {
    /// `read` and `pread64`.
    pub(crate) fn read_fd(
        &mut self,
        cx: &mut CallCx,
        fd: Fd,
        count: u64,
        offset: Option<u64>,
    ) -> SysResult<Vec<u8>> {
        let id = self.checked_file(cx.tid, fd, offset)?;
        if !self.file(id)?.flags.readable() {
            return Err(Errno::EBADF.into());
        }
        self.check_area(id, count, offset)?;
        self.read_file(cx, id, count.min(READ_MAX), offset)
    }

    /// The open file of a read or write, at a place or where it stands: `EINVAL` for a place beyond all files, `ESPIPE`
    /// for a place in what has none.
    fn checked_file(&self, tid: Tid, fd: Fd, offset: Option<u64>) -> Result<FileId> {
        if offset.is_some_and(|offset| offset > i64::MAX as u64) {
            return Err(Errno::EINVAL);
        }
        let id = self.real_file_id(tid, fd)?;
        if offset.is_some() && !seekable(&self.file(id)?.body) {
            return Err(Errno::ESPIPE);
        }
        Ok(id)
    }

    /// `rw_verify_area`: `EINVAL` where the end would be beyond all files.
    pub(crate) fn check_area(&self, id: FileId, count: u64, offset: Option<u64>) -> Result<()> {
        let file = self.file(id)?;
        let start = offset.unwrap_or(file.pos);
        let end = start.checked_add(count);
        if seekable(&file.body) && end.is_none_or(|end| end > i64::MAX as u64) {
            return Err(Errno::EINVAL);
        }
        Ok(())
    }

    /// Remembers who wrote what was just read from a descriptor.
    pub(crate) fn note_cause(&mut self, tid: Tid, fd: Fd, cause: Option<glassdock_trace::SpanId>) {
        let Some(thread) = self.threads.get_mut(&tid) else {
            return;
        };
        if let crate::process::Exec::Builtin(program) = &mut thread.exec {
            program.set_cause(fd.0, cause);
        }
    }

    pub(crate) fn read_file(
        &mut self,
        cx: &mut CallCx,
        id: FileId,
        count: u64,
        offset: Option<u64>,
    ) -> SysResult<Vec<u8>> {
        let file = self.file(id)?;
        let nonblock = file.flags.contains(OpenFlags::NONBLOCK);
        match file.body.clone() {
            Body::Vfs => self
                .read_vfs(cx.tid, id, count, offset)
                .map_err(Fail::Errno),
            Body::Synthetic { sb, node, content } => {
                let content = match content {
                    Some(content) => content,
                    None => self.fill_synthetic(cx.tid, id, sb, node)?,
                };
                Ok(self.read_buffer(id, &content, count, offset))
            }
            Body::Pipe { id: object, .. } => {
                let Some(Object::Pipe(pipe)) = self.objects.get_mut(object) else {
                    return Ok(Vec::new());
                };
                let before = pipe.pages();
                match pipe.read(count as usize) {
                    Ok(bytes) => {
                        self.pipe_pages -= before - pipe.pages();
                        if !bytes.is_empty() {
                            self.object_changed_for(object, WRITABLE);
                        }
                        Ok(bytes)
                    }
                    Err(Errno::EAGAIN) if !nonblock => {
                        Err(Fail::wait("pipe read", WaitKey::Obj(object)))
                    }
                    Err(errno) => Err(errno.into()),
                }
            }
            Body::Socket(socket) => {
                let taken = self.receive(socket, count as usize, false, nonblock)?;
                for passed in taken.passed {
                    let file = self.arrived(passed);
                    self.put_file(file);
                }
                Ok(taken.data)
            }
            Body::Internet(_) => Err(Errno::EOPNOTSUPP.into()),
            Body::Route(route) => {
                let flags = glassdock_abi::flags::MsgFlags::empty();
                let received = self.route_receive(route, count, flags, nonblock)?;
                Ok(received.data)
            }
            Body::Master(number) => self.read_master(number, count as usize, nonblock),
            Body::Slave(number) => self.read_slave(cx, number, count as usize, nonblock),
            Body::Dev(device) => Ok(self.read_device(device, count)),
            Body::Event(object) => self.read_event(object, count, nonblock),
            Body::Timer(object) => self.read_timer(object, count, nonblock),
            Body::Signal(object) => self.read_signalfd(cx.tid, object, count, nonblock),
            Body::Epoll(_) | Body::Pidfd(_) | Body::Ns(_) => Err(Errno::EINVAL.into()),
        }
    }

    fn read_vfs(
        &mut self,
        tid: Tid,
        id: FileId,
        count: u64,
        offset: Option<u64>,
    ) -> Result<Vec<u8>> {
        let file = self.files.get(id).ok_or(Errno::EBADF)?;
        if file.file.kind == FileKind::Directory {
            return Err(Errno::EISDIR);
        }
        self.flush_mapped(file.file.inode);
        let Some(mut file) = self.files.remove(id) else {
            return Err(Errno::EBADF);
        };
        let at = offset.unwrap_or(file.pos);
        let result = self.with_vfs(tid, |vfs, cx| vfs.read(cx, &file.file, at, count as usize));
        if let (Ok(bytes), None) = (&result, offset) {
            file.pos += bytes.len() as u64;
        }
        self.files.put_back(id, file);
        self.publisher.file(id);
        result
    }

    fn read_buffer(
        &mut self,
        id: FileId,
        content: &[u8],
        count: u64,
        offset: Option<u64>,
    ) -> Vec<u8> {
        let Some(file) = self.files.get_mut(id) else {
            return Vec::new();
        };
        let at = offset.unwrap_or(file.pos).min(content.len() as u64) as usize;
        let end = content.len().min(at.saturating_add(count as usize));
        let bytes = content[at..end].to_vec();
        if offset.is_none() {
            file.pos += bytes.len() as u64;
        }
        self.publisher.file(id);
        bytes
    }

    fn read_device(&mut self, device: Device, count: u64) -> Vec<u8> {
        let count = count as usize;
        match device {
            Device::Null | Device::Kmsg => Vec::new(),
            Device::Zero | Device::Full => vec![0; count],
            Device::Random => self.random.bytes(count),
        }
    }

    fn read_event(&mut self, id: ObjId, count: u64, nonblock: bool) -> SysResult<Vec<u8>> {
        if count < 8 {
            return Err(Errno::EINVAL.into());
        }
        let Some(Object::Event { count, semaphore }) = self.objects.get_mut(id) else {
            return Err(Errno::EBADF.into());
        };
        if *count == 0 {
            return Err(would_block(nonblock, "eventfd", id));
        }
        let value = if *semaphore { 1 } else { *count };
        *count -= value;
        self.object_changed_for(id, WRITABLE);
        Ok(value.to_le_bytes().to_vec())
    }

    fn read_timer(&mut self, id: ObjId, count: u64, nonblock: bool) -> SysResult<Vec<u8>> {
        if count < 8 {
            return Err(Errno::EINVAL.into());
        }
        self.timerfd_goes_on(id);
        let Some(Object::Timer(timer)) = self.objects.get_mut(id) else {
            return Err(Errno::EBADF.into());
        };
        if timer.expirations == 0 {
            return Err(would_block(nonblock, "timerfd", id));
        }
        let value = std::mem::take(&mut timer.expirations);
        Ok(value.to_le_bytes().to_vec())
    }

    fn read_signalfd(
        &mut self,
        tid: Tid,
        id: ObjId,
        count: u64,
        nonblock: bool,
    ) -> SysResult<Vec<u8>> {
        if count < 128 {
            return Err(Errno::EINVAL.into());
        }
        let Some(Object::Signal(mask)) = self.objects.get(id) else {
            return Err(Errno::EBADF.into());
        };
        let mask = *mask;
        let mut out = Vec::new();
        while out.len() as u64 + 128 <= count {
            let Some(info) = self.dequeue_from(tid, mask) else {
                break;
            };
            out.extend_from_slice(&info.signalfd());
        }
        if !out.is_empty() {
            return Ok(out);
        }
        if nonblock {
            return Err(Errno::EAGAIN.into());
        }
        Err(Fail::wait("signalfd", WaitKey::Signal(tid)))
    }

    /// `write` and `pwrite64`.
    pub(crate) fn write_fd(
        &mut self,
        cx: &mut CallCx,
        fd: Fd,
        data: &[u8],
        offset: Option<u64>,
    ) -> SysResult {
        let id = self.checked_file(cx.tid, fd, offset)?;
        if !self.file(id)?.flags.writable() {
            return Err(Errno::EBADF.into());
        }
        self.check_area(id, data.len() as u64, offset)?;
        self.write_file(cx, id, data, offset)
    }

    /// Writes all of `data` where the file may wait; what was taken before a wait is in the call's progress.
    pub(crate) fn write_file(
        &mut self,
        cx: &mut CallCx,
        id: FileId,
        data: &[u8],
        offset: Option<u64>,
    ) -> SysResult {
        let file = self.file(id)?;
        let nonblock = file.flags.contains(OpenFlags::NONBLOCK);
        let body = file.body.clone();
        loop {
            let done = cx.state.progress as usize;
            let rest = data.get(done..).unwrap_or(&[]);
            if done > 0 && rest.is_empty() {
                return Ok(Ret::Int(done as i64));
            }
            let taken = match &body {
                Body::Vfs => self.write_vfs(cx.tid, id, rest, offset)?,
                Body::Synthetic { node, .. } => {
                    let taken = self.write_synthetic(cx.tid, id, *node, rest)?;
                    if let Some(OpenFile {
                        body: Body::Synthetic { content, .. },
                        pos,
                        ..
                    }) = self.files.get_mut(id)
                    {
                        *content = None;
                        *pos += taken as u64;
                    }
                    self.publisher.file(id);
                    taken
                }
                Body::Pipe { id, .. } => self.write_pipe(cx, *id, rest, nonblock)?,
                Body::Socket(id) => {
                    return self.send(cx, *id, data, Vec::new(), nonblock, false);
                }
                Body::Internet(_) => return Err(Errno::EOPNOTSUPP.into()),
                Body::Route(id) => return self.route_send(cx.tid, *id, data, None),
                Body::Master(number) => self.write_master(cx, *number, rest, nonblock)?,
                Body::Slave(number) => self.write_slave(cx, *number, rest, nonblock)?,
                Body::Dev(Device::Full) if !rest.is_empty() => return Err(Errno::ENOSPC.into()),
                Body::Dev(_) => rest.len(),
                Body::Event(id) => self.write_event(*id, rest, nonblock)?,
                Body::Timer(_)
                | Body::Signal(_)
                | Body::Epoll(_)
                | Body::Pidfd(_)
                | Body::Ns(_) => {
                    return Err(Errno::EINVAL.into());
                }
            };
            cx.state.progress += taken as u64;
            let streams = matches!(body, Body::Pipe { .. } | Body::Slave(_) | Body::Master(_));
            if nonblock || !streams || taken == 0 {
                return Ok(Ret::Int(cx.state.progress as i64));
            }
        }
    }

    fn write_vfs(
        &mut self,
        tid: Tid,
        id: FileId,
        data: &[u8],
        offset: Option<u64>,
    ) -> Result<usize> {
        let file = self.files.get(id).ok_or(Errno::EBADF)?;
        let append = file.flags.contains(OpenFlags::APPEND);
        let inode = file.file.inode;
        let at = match offset {
            _ if append => self.vfs().size(inode),
            Some(offset) => offset,
            None => file.pos,
        };
        let limit = self
            .process_of(tid)
            .map_or(u64::MAX, |process| process.rlimits[rlimit::FSIZE].cur);
        if !data.is_empty() && at >= limit {
            self.force_or_send(tid, sig::XFSZ);
            return Err(Errno::EFBIG);
        }
        let room = limit.saturating_sub(at).min(data.len() as u64);
        let data = &data[..room as usize];
        self.need_file_pages(tid, inode, at, room);
        self.flush_mapped(inode);
        let Some(mut file) = self.files.remove(id) else {
            return Err(Errno::EBADF);
        };
        let result = self.with_vfs(tid, |vfs, cx| vfs.write(cx, &file.file, at, data));
        if let (Ok((_, after)), None) = (&result, offset) {
            file.pos = *after;
        }
        self.files.put_back(id, file);
        self.publisher.file(id);
        self.reload_mapped(inode);
        result.map(|(count, _)| count)
    }

    /// Makes room for the pages that a file is about to get.
    pub(crate) fn need_file_pages(&mut self, tid: Tid, inode: InodeId, offset: u64, len: u64) {
        let payer = match self.vfs().is_paid(inode) {
            true => self.frames.payer(),
            false => AccountId::MACHINE,
        };
        let room = self.frames.free().min(self.frames.account_room(payer).0);
        if u64::from(room) < len / PAGE_SIZE + 2 {
            let pages = self.vfs().missing_pages(inode, offset, len);
            self.need_pages(tid, payer, pages);
        }
    }

    /// A signal that a thread's own call earns it.
    pub(crate) fn force_or_send(&mut self, tid: Tid, signal: u8) {
        let info = self.user_info(tid, self.tgid_of(tid), signal, crate::signal::code::SI_USER);
        self.signal_thread(tid, SigInfo { signal, ..info });
    }

    fn write_pipe(
        &mut self,
        cx: &mut CallCx,
        id: ObjId,
        data: &[u8],
        nonblock: bool,
    ) -> SysResult<usize> {
        let span = cx.span;
        let Some(Object::Pipe(pipe)) = self.objects.get_mut(id) else {
            return Err(Errno::EPIPE.into());
        };
        let before = pipe.pages();
        match pipe.write(data) {
            Ok(taken) => {
                pipe.cause = span;
                self.pipe_pages += pipe.pages() - before;
                self.object_changed_for(id, READABLE);
                Ok(taken)
            }
            Err(Errno::EAGAIN) if !nonblock => Err(Fail::wait("pipe write", WaitKey::Obj(id))),
            Err(Errno::EPIPE) => {
                self.force_or_send(cx.tid, sig::PIPE);
                Err(Errno::EPIPE.into())
            }
            Err(errno) => Err(errno.into()),
        }
    }

    fn write_event(&mut self, id: ObjId, data: &[u8], nonblock: bool) -> SysResult<usize> {
        let Some(Ok(bytes)) = data.get(..8).map(<[u8; 8]>::try_from) else {
            return Err(Errno::EINVAL.into());
        };
        let value = u64::from_le_bytes(bytes);
        if value == u64::MAX {
            return Err(Errno::EINVAL.into());
        }
        let Some(Object::Event { count, .. }) = self.objects.get_mut(id) else {
            return Err(Errno::EBADF.into());
        };
        match count.checked_add(value).filter(|sum| *sum < u64::MAX) {
            Some(sum) => *count = sum,
            None => return Err(would_block(nonblock, "eventfd", id)),
        }
        self.object_changed_for(id, READABLE);
        Ok(8)
    }

    /// The span that wrote what a file would give to its reader.
    pub(crate) fn cause_behind(&self, id: FileId) -> Option<glassdock_trace::SpanId> {
        match &self.files.get(id)?.body {
            Body::Pipe { id, .. } => match self.objects.get(*id)? {
                Object::Pipe(pipe) => pipe.cause,
                _ => None,
            },
            Body::Master(number) => self.ttys.get(*number)?.output_cause,
            Body::Slave(number) => self.ttys.get(*number)?.input_cause,
            _ => None,
        }
    }
}

fn would_block(nonblock: bool, why: &'static str, id: ObjId) -> Fail {
    if nonblock {
        return Errno::EAGAIN.into();
    }
    Fail::wait(why, WaitKey::Obj(id))
}

/// Whether a file has a position.
pub(crate) fn seekable(body: &Body) -> bool {
    matches!(body, Body::Vfs | Body::Synthetic { .. } | Body::Dev(_))
}

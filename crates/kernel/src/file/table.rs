//! Tables of descriptors.

use super::*;
use crate::Kernel;
use crate::process::rlimit;
use crate::wait::WaitKey;
use glassdock_abi::flags::PollEvents;
use glassdock_abi::{Errno, Fd, Result};

impl Kernel {
    pub(crate) fn fd_table(&self, tid: Tid) -> Option<&FdTable> {
        self.fd_tables.get(self.threads.get(&tid)?.files)
    }

    fn fd_table_mut(&mut self, tid: Tid) -> Option<&mut FdTable> {
        let id = self.threads.get(&tid)?.files;
        self.fd_tables.get_mut(id)
    }

    /// The open file behind a descriptor.
    pub(crate) fn file_id(&self, tid: Tid, fd: Fd) -> Result<FileId> {
        self.fd_table(tid)
            .and_then(|table| table.map.get(&fd.0))
            .map(|entry| entry.file)
            .ok_or(Errno::EBADF)
    }

    pub(crate) fn file(&self, id: FileId) -> Result<&OpenFile> {
        self.files.get(id).ok_or(Errno::EBADF)
    }

    pub(crate) fn file_of(&self, tid: Tid, fd: Fd) -> Result<&OpenFile> {
        self.file(self.file_id(tid, fd)?)
    }

    /// The same, but for one that was opened with `O_PATH`.
    pub(crate) fn real_file_id(&self, tid: Tid, fd: Fd) -> Result<FileId> {
        let id = self.file_id(tid, fd)?;
        if self.file(id)?.flags.contains(OpenFlags::PATH) {
            return Err(Errno::EBADF);
        }
        Ok(id)
    }

    fn mark_fd(&mut self, tid: Tid, fd: i32) {
        if !self.publisher.enabled() {
            return;
        }
        let Some(table) = self.threads.get(&tid).map(|thread| thread.files) else {
            return;
        };
        if self.fd_tables.get(table).is_some_and(|it| it.users == 1) {
            // Told of leaders alone.
            if self.tgid_of(tid) == tid {
                self.publisher.fd((tid, fd));
            }
            return;
        }
        for thread in self.threads.values() {
            if thread.files == table && thread.tid == thread.tgid {
                self.publisher.fd((thread.tid, fd));
            }
        }
    }

    /// Marks all descriptors of a process, after its table became another one.
    pub(crate) fn mark_all_fds(&mut self, tid: Tid) {
        let fds: Vec<i32> = self
            .fd_table(tid)
            .map(|table| table.map.keys().copied().collect())
            .unwrap_or_default();
        for fd in fds {
            self.publisher.fd((tid, fd));
        }
    }

    /// The lowest free number from `from` on. `EMFILE` at the limit.
    pub(crate) fn free_fd(&self, tid: Tid, from: i32) -> Result<i32> {
        let limit = self.nofile(tid);
        let table = self.fd_table(tid).ok_or(Errno::EBADF)?;
        let mut fd = from.max(0);
        for used in table.map.range(fd..).map(|(number, _)| *number) {
            if used > fd {
                break;
            }
            fd = used + 1;
        }
        if fd as u64 >= limit {
            return Err(Errno::EMFILE);
        }
        Ok(fd)
    }

    pub(crate) fn nofile(&self, tid: Tid) -> u64 {
        self.process_of(tid)
            .map_or(0, |process| process.rlimits[rlimit::NOFILE].cur)
    }

    /// Installs a file at the lowest free number from `from` on; its reference passes to the table. On an error the
    /// reference is given back.
    pub(crate) fn install_from(
        &mut self,
        tid: Tid,
        file: FileId,
        cloexec: bool,
        from: i32,
    ) -> Result<Fd> {
        match self.free_fd(tid, from) {
            Ok(fd) => {
                if let Some(table) = self.fd_table_mut(tid) {
                    table.map.insert(fd, FdEntry { file, cloexec });
                }
                self.mark_fd(tid, fd);
                Ok(Fd(fd))
            }
            Err(errno) => {
                self.put_file(file);
                Err(errno)
            }
        }
    }

    pub(crate) fn install(&mut self, tid: Tid, file: FileId, cloexec: bool) -> Result<Fd> {
        self.install_from(tid, file, cloexec, 0)
    }

    /// Takes a reference to an open file.
    pub(crate) fn hold_file(&mut self, id: FileId) {
        if let Some(file) = self.files.get_mut(id) {
            file.refs += 1;
        }
    }

    /// Gives back a reference; the last one closes it, and whatever nobody but it held.
    pub(crate) fn put_file(&mut self, id: FileId) {
        let mut given_back = vec![id];
        while let Some(id) = given_back.pop() {
            let Some(file) = self.files.get_mut(id) else {
                continue;
            };
            file.refs = file.refs.saturating_sub(1);
            if file.refs > 0 {
                self.sockets_lost |= matches!(file.body, Body::Socket(_));
                continue;
            }
            given_back.extend(self.close_file(id));
        }
    }

    /// Closes an open file; what was on its way in it.
    fn close_file(&mut self, id: FileId) -> Vec<FileId> {
        let Some(file) = self.files.remove(id) else {
            return Vec::new();
        };
        self.publisher.file(id);
        self.forget_in_epolls(id);
        self.locks.release_all(id);
        self.wake(WaitKey::Lock(file.file.inode.0));
        let lost = self.close_body(&file.body);
        self.with_kernel_vfs(|vfs, _| vfs.close(file.file));
        lost
    }

    pub(crate) fn close_fd(&mut self, tid: Tid, fd: Fd) -> Result<()> {
        let entry = self
            .fd_table_mut(tid)
            .and_then(|table| table.map.remove(&fd.0))
            .ok_or(Errno::EBADF)?;
        self.mark_fd(tid, fd.0);
        if let Some(thread) = self.threads.get_mut(&tid) {
            thread.causes.remove(&fd.0);
        }
        self.drop_record_locks(tid, entry.file);
        self.put_file(entry.file);
        Ok(())
    }

    /// `dup2` and `dup3`.
    pub(crate) fn dup_to(&mut self, tid: Tid, old: Fd, new: Fd, cloexec: bool) -> Result<Fd> {
        let file = self.file_id(tid, old)?;
        if new.0 < 0 || new.0 as u64 >= self.nofile(tid) {
            return Err(Errno::EBADF);
        }
        self.hold_file(file);
        let replaced = self
            .fd_table_mut(tid)
            .and_then(|table| table.map.insert(new.0, FdEntry { file, cloexec }));
        self.mark_fd(tid, new.0);
        if let Some(entry) = replaced {
            self.drop_record_locks(tid, entry.file);
            self.put_file(entry.file);
        }
        Ok(new)
    }

    pub(crate) fn dup_from(&mut self, tid: Tid, fd: Fd, from: i32, cloexec: bool) -> Result<Fd> {
        let file = self.file_id(tid, fd)?;
        if from < 0 || from as u64 >= self.nofile(tid) {
            return Err(Errno::EINVAL);
        }
        self.hold_file(file);
        self.install_from(tid, file, cloexec, from)
    }

    pub(crate) fn set_cloexec(&mut self, tid: Tid, fd: Fd, cloexec: bool) -> Result<()> {
        let entry = self
            .fd_table_mut(tid)
            .and_then(|table| table.map.get_mut(&fd.0))
            .ok_or(Errno::EBADF)?;
        entry.cloexec = cloexec;
        self.mark_fd(tid, fd.0);
        Ok(())
    }

    /// `close_range`.
    pub(crate) fn close_range(&mut self, tid: Tid, first: u32, last: u32, cloexec: bool) {
        let last = last.min(i32::MAX as u32);
        let fds: Vec<i32> = self
            .fd_table(tid)
            .map(|table| table.map.keys().copied().collect())
            .unwrap_or_default();
        for fd in fds {
            if (fd as u32) < first || fd as u32 > last {
                continue;
            }
            let _ = if cloexec {
                self.set_cloexec(tid, Fd(fd), true)
            } else {
                self.close_fd(tid, Fd(fd))
            };
        }
    }

    /// A copy of a table, each file held once more.
    pub(crate) fn copy_fd_table(&mut self, id: FdTableId) -> FdTableId {
        let map = self
            .fd_tables
            .get(id)
            .map(|table| table.map.clone())
            .unwrap_or_default();
        for entry in map.values() {
            self.hold_file(entry.file);
        }
        self.fd_tables.add(FdTable { users: 1, map })
    }

    /// Gives the thread a table of its own where it shares one.
    pub(crate) fn unshare_fds(&mut self, tid: Tid) {
        let Some(id) = self.threads.get(&tid).map(|thread| thread.files) else {
            return;
        };
        if self.fd_tables.get(id).is_none_or(|table| table.users <= 1) {
            return;
        }
        let own = self.copy_fd_table(id);
        if let Some(thread) = self.threads.get_mut(&tid) {
            thread.files = own;
        }
        if let Some(table) = self.fd_tables.get_mut(id) {
            table.users -= 1;
        }
    }

    /// Gives back a thread's table; the last user closes everything in it.
    pub(crate) fn put_fd_table(&mut self, id: FdTableId, tgid: Tid) {
        let Some(table) = self.fd_tables.get_mut(id) else {
            return;
        };
        for fd in table.map.keys() {
            self.publisher.fd((tgid, *fd));
        }
        table.users = table.users.saturating_sub(1);
        if table.users > 0 {
            return;
        }
        let Some(table) = self.fd_tables.remove(id) else {
            return;
        };
        for entry in table.map.into_values() {
            self.put_file(entry.file);
        }
    }

    /// Closes what `execve` closes.
    pub(crate) fn close_on_exec(&mut self, tid: Tid) {
        let fds: Vec<i32> = self
            .fd_table(tid)
            .map(|table| {
                let marked = table.map.iter().filter(|(_, entry)| entry.cloexec);
                marked.map(|(fd, _)| *fd).collect()
            })
            .unwrap_or_default();
        for fd in fds {
            let _ = self.close_fd(tid, Fd(fd));
        }
    }

    /// An object changed: whoever waits for it looks again.
    pub(crate) fn object_changed(&mut self, id: ObjId) {
        self.object_changed_for(id, PollEvents::all());
    }

    /// The same where the change means only that some events are ready.
    pub(crate) fn object_changed_for(&mut self, id: ObjId, events: PollEvents) {
        self.publisher.channel(id);
        self.wake_for(WaitKey::Obj(id), events);
    }

    /// Ends what is behind a file; what was on its way in it.
    fn close_body(&mut self, body: &Body) -> Vec<FileId> {
        match body {
            Body::Socket(id) => return self.close_socket(*id),
            Body::Pipe { id, read, write } => {
                if let Some(Object::Pipe(pipe)) = self.objects.get_mut(*id) {
                    if *read {
                        pipe.drop_reader();
                    }
                    if *write {
                        pipe.drop_writer();
                    }
                    if pipe.readers() == 0 && pipe.writers() == 0 {
                        self.pipe_pages -= pipe.pages();
                        self.objects.remove(*id);
                        self.disown_object(*id);
                        // Each end of a pipe without a name has an inode of its own.
                        self.inode_objects.retain(|_, object| object != id);
                    }
                }
                self.object_changed(*id);
            }
            Body::Master(number) => self.close_master(*number),
            Body::Slave(number) => self.close_slave(*number),
            Body::Timer(id) => {
                if let Some(Object::Timer(timer)) = self.objects.remove(*id)
                    && let Some((_, key)) = timer.armed
                {
                    self.timers.cancel(key);
                }
                self.publisher.channel(*id);
            }
            Body::Route(id) | Body::Internet(id) => {
                self.objects.remove(*id);
                self.disown_object(*id);
                self.publisher.channel(*id);
            }
            Body::Event(id) | Body::Signal(id) => {
                self.objects.remove(*id);
                self.publisher.channel(*id);
            }
            Body::Epoll(id) => self.close_epoll(*id),
            Body::Ns(id) => self.release_namespace(*id),
            Body::Vfs | Body::Synthetic { .. } | Body::Dev(_) | Body::Pidfd(_) => {}
        }
        Vec::new()
    }
}

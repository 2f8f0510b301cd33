//! Opening: from what the file system found to who serves it.

use super::*;
use crate::Kernel;
use crate::wait::{Fail, SysResult, WaitKey};
use glassdock_abi::types::{Dev, OpenHow};
use glassdock_abi::{Errno, Fd, Result, Ret};
use glassdock_trace::Value;
use glassdock_vfs::{At, Cx, FileKind, Vfs};

/// Device numbers with code behind them (`Documentation/admin-guide/devices.txt`).
const MEM: u32 = 1;
const TTY: u32 = 5;
/// Slaves of pseudo-terminals.
pub(crate) const PTS: u32 = 136;

impl Kernel {
    /// Calls the file system on behalf of a thread.
    pub(crate) fn with_vfs<R>(&mut self, tid: Tid, call: impl FnOnce(&mut Vfs, &mut Cx) -> R) -> R {
        let cred = self.threads.get(&tid).map(|thread| thread.cred.for_files());
        self.with_vfs_as(tid, &cred.unwrap_or_default(), call)
    }

    /// The same with other credentials.
    pub(crate) fn with_vfs_as<R>(
        &mut self,
        tid: Tid,
        cred: &vfs::Cred,
        call: impl FnOnce(&mut Vfs, &mut Cx) -> R,
    ) -> R {
        let thread = self.threads.get(&tid);
        let fs = thread.and_then(|thread| self.fs.get(thread.fs));
        let (root, cwd, umask) = match fs {
            Some(fs) => (fs.root, fs.cwd, fs.umask),
            None => (self.vfs_root, self.vfs_root, 0o22),
        };
        let mnt_ns = thread.map_or(self.root_ns.mnt_vfs, |thread| thread.ns.mnt_vfs);
        let now = self.realtime_spec();
        self.tell_room();
        let Some(mut vfs) = self.vfs.take() else {
            unreachable!("the file system does not call itself through the kernel")
        };
        let viewer = self.proc_fs.viewer.replace(tid);
        let mut cx = Cx {
            cred,
            root,
            cwd,
            mnt_ns,
            umask,
            now,
            dynamic: self,
        };
        let result = call(&mut vfs, &mut cx);
        self.proc_fs.viewer = viewer;
        self.vfs = Some(vfs);
        self.count_memory();
        self.tell_vfs_deltas();
        result
    }

    /// Calls the file system as the kernel itself.
    pub(crate) fn with_kernel_vfs<R>(&mut self, call: impl FnOnce(&mut Vfs, &mut Cx) -> R) -> R {
        self.with_vfs_as(Tid(0), &vfs::Cred::root(), call)
    }

    /// What a `*at` call's descriptor means.
    pub(crate) fn at(&self, tid: Tid, fd: Fd) -> At {
        if fd == Fd::CWD {
            return At::Cwd;
        }
        match self.file_of(tid, fd) {
            Ok(file) => At::Dir(file.file.path),
            Err(_) => At::Bad,
        }
    }

    /// A place that is not a file of any file system.
    pub(crate) fn hidden_file(
        &mut self,
        fstype: &'static str,
        node: u64,
        flags: OpenFlags,
    ) -> Result<vfs::OpenFile> {
        let mount = match self.hidden.get(fstype) {
            Some(mount) => *mount,
            None => {
                let mount =
                    self.with_kernel_vfs(|vfs, cx| vfs.kern_mount(cx, fstype.as_bytes()))?;
                self.hidden.insert(fstype, mount);
                mount
            }
        };
        self.with_kernel_vfs(|vfs, cx| {
            let path = vfs.node_path(cx, mount, crate::procfs::hidden_node(fstype, node))?;
            vfs.open_pseudo(cx, path, flags)
        })
    }

    /// Makes an open file description with one reference.
    pub(crate) fn add_file(&mut self, file: vfs::OpenFile, body: Body, what: Vec<u8>) -> FileId {
        let flags = file.flags & !OpenFlags::CLOEXEC;
        let id = self.files.add(OpenFile {
            refs: 1,
            flags,
            pos: 0,
            body,
            file,
            opener: None,
            what,
        });
        self.publisher.file(id);
        id
    }

    /// A description for an object without a file: eventfd, epoll, …
    pub(crate) fn add_anonymous(
        &mut self,
        body: Body,
        name: &str,
        flags: OpenFlags,
    ) -> Result<FileId> {
        let file = self.hidden_file("anon_inodefs", anon_node(name), flags)?;
        let what = format!("anon_inode:{name}").into_bytes();
        Ok(self.add_file(file, body, what))
    }

    pub(crate) fn sys_openat(
        &mut self,
        cx: &mut crate::syscall::CallCx,
        dirfd: Fd,
        path: &[u8],
        how: &OpenHow,
    ) -> SysResult {
        let tid = cx.tid;
        let at = self.at(tid, dirfd);
        let file = self.with_vfs(tid, |vfs, cx| vfs.open(cx, at, path, how))?;
        let cloexec = how.flags.contains(OpenFlags::CLOEXEC);
        let id = self.open_body(cx, file, how.flags)?;
        let cred = self.cred(tid)?.for_files();
        if let Some(file) = self.files.get_mut(id) {
            file.opener = Some(cred);
        }
        Ok(Ret::Fd(self.install(tid, id, cloexec)?))
    }

    /// Finds who serves an opened file, and makes the description.
    pub(crate) fn open_body(
        &mut self,
        cx: &mut crate::syscall::CallCx,
        file: vfs::OpenFile,
        flags: OpenFlags,
    ) -> SysResult<FileId> {
        let tid = cx.tid;
        let root = self.vfs_root;
        let what = self.vfs().d_path(root, file.path);
        if flags.contains(OpenFlags::PATH) {
            return Ok(self.add_file(file, Body::Vfs, what));
        }
        match file.kind {
            FileKind::Regular | FileKind::Directory | FileKind::Symlink => {
                Ok(self.add_file(file, Body::Vfs, what))
            }
            FileKind::Fifo => self.open_fifo(cx, file, what),
            FileKind::Char(dev) => self
                .open_device(tid, file, dev, flags, what)
                .map_err(Fail::Errno),
            FileKind::Synthetic(node) => {
                let sb = self.vfs().superblock(file.path);
                let Ok(sb) = sb else {
                    self.drop_vfs_file(file);
                    return Err(Errno::ESTALE.into());
                };
                let body = match self.open_synthetic(tid, sb, node, file.flags) {
                    Ok(body) => body,
                    Err(errno) => {
                        self.drop_vfs_file(file);
                        return Err(errno.into());
                    }
                };
                Ok(self.add_file(file, body, what))
            }
            FileKind::Block(dev) => {
                self.drop_vfs_file(file);
                self.note("no-such-device", || vec![Value::Hex(dev.0)]);
                Err(Errno::ENXIO.into())
            }
            FileKind::Socket => {
                self.drop_vfs_file(file);
                Err(Errno::ENXIO.into())
            }
        }
    }

    fn drop_vfs_file(&mut self, file: vfs::OpenFile) {
        self.with_kernel_vfs(|vfs, _| vfs.close(file));
    }

    /// `man 7 fifo`: an open waits for the other end, unless it is non-blocking or for both.
    fn open_fifo(
        &mut self,
        cx: &mut crate::syscall::CallCx,
        file: vfs::OpenFile,
        what: Vec<u8>,
    ) -> SysResult<FileId> {
        let inode = file.inode;
        let (read, write) = (file.flags.readable(), file.flags.writable());
        let nonblock = file.flags.contains(OpenFlags::NONBLOCK);
        let id = match self.inode_objects.get(&inode) {
            Some(id) => *id,
            None => {
                let id = self.objects.add(Object::Pipe(Pipe::default()));
                self.inode_objects.insert(inode, id);
                id
            }
        };
        let (readers, writers) = match self.objects.get(id) {
            Some(Object::Pipe(pipe)) => (pipe.readers(), pipe.writers()),
            _ => (0, 0),
        };
        if write && !read && nonblock && readers == 0 {
            self.drop_vfs_file(file);
            return Err(Errno::ENXIO.into());
        }
        if let Some(Object::Pipe(pipe)) = self.objects.get_mut(id) {
            if read {
                pipe.add_reader();
            }
            if write {
                pipe.add_writer();
            }
        }
        let body = Body::Pipe { id, read, write };
        let waits =
            !nonblock && ((read && !write && writers == 0) || (write && !read && readers == 0));
        let file = self.add_file(file, body, what);
        self.object_changed(id);
        for reading in [true, false] {
            if if reading { read } else { write } {
                self.wake_woken(WaitKey::Fifo(inode.0, reading));
            }
        }
        if waits {
            // The description exists while its opener waits.
            cx.state.file = Some(file);
            return Err(Fail::wait("open of a FIFO", WaitKey::Fifo(inode.0, write)));
        }
        Ok(file)
    }

    /// Wakes all who wait for an event that stays true for them, whatever happens before they run.
    fn wake_woken(&mut self, key: WaitKey) {
        for (tid, req) in self.waiters.take(key) {
            let thread = self.threads.get_mut(&tid);
            if let Some(call) = thread.and_then(|thread| thread.calls.get_mut(&req)) {
                call.state.woken = true;
            }
            self.retry_call(tid, req);
        }
    }

    /// Goes on with an open that waited for a FIFO's other end. `None` when this call did not wait.
    pub(crate) fn resume_fifo(
        &mut self,
        cx: &mut crate::syscall::CallCx,
        cloexec: bool,
    ) -> Option<SysResult> {
        let id = cx.state.file?;
        if !cx.state.woken {
            let file = self.files.get(id)?;
            let key = WaitKey::Fifo(file.file.inode.0, file.flags.writable());
            return Some(Err(Fail::wait("open of a FIFO", key)));
        }
        cx.state.file = None;
        Some(
            self.install(cx.tid, id, cloexec)
                .map(Ret::Fd)
                .map_err(Fail::Errno),
        )
    }

    fn open_device(
        &mut self,
        tid: Tid,
        file: vfs::OpenFile,
        dev: Dev,
        flags: OpenFlags,
        what: Vec<u8>,
    ) -> Result<FileId> {
        let body = match (dev.major(), dev.minor()) {
            (MEM, 3) => Ok(Body::Dev(Device::Null)),
            (MEM, 5) => Ok(Body::Dev(Device::Zero)),
            (MEM, 7) => Ok(Body::Dev(Device::Full)),
            (MEM, 8 | 9) => Ok(Body::Dev(Device::Random)),
            (MEM, 11) => Ok(Body::Dev(Device::Kmsg)),
            (TTY, 0) => self.open_controlling(tid),
            (TTY, 1) => self.open_slave(tid, self.ttys.console(), flags),
            (TTY, 2) => self.open_ptmx(tid, file.path),
            (PTS, _) => self
                .pts_at(file.path)
                .and_then(|number| self.open_slave(tid, Some(number), flags)),
            _ => Err(Errno::ENXIO),
        };
        match body {
            Ok(body) => {
                let what = match body {
                    Body::Master(number) => format!("/dev/ptmx ({number})").into_bytes(),
                    _ => what,
                };
                Ok(self.add_file(file, body, what))
            }
            Err(errno) => {
                self.drop_vfs_file(file);
                Err(errno)
            }
        }
    }

    pub(crate) fn sys_pipe2(&mut self, tid: Tid, flags: OpenFlags) -> SysResult {
        let known = OpenFlags::CLOEXEC | OpenFlags::NONBLOCK | OpenFlags::DIRECT;
        if !known.contains(flags) {
            return Err(Errno::EINVAL.into());
        }
        let id = self.objects.add(Object::Pipe(Pipe::default()));
        self.own_object(tid, id, 0o600);
        let status = flags & (OpenFlags::NONBLOCK | OpenFlags::DIRECT);
        let what = format!("pipe:[{}]", id.0).into_bytes();
        let mut ends = [FileId(0); 2];
        for (at, access) in [OpenFlags::RDONLY, OpenFlags::WRONLY]
            .into_iter()
            .enumerate()
        {
            let file = self.hidden_file("pipefs", id.0, access | status)?;
            self.inode_objects.insert(file.inode, id);
            let (read, write) = (at == 0, at == 1);
            if let Some(Object::Pipe(pipe)) = self.objects.get_mut(id) {
                if read {
                    pipe.add_reader();
                } else {
                    pipe.add_writer();
                }
            }
            ends[at] = self.add_file(file, Body::Pipe { id, read, write }, what.clone());
        }
        self.publisher.channel(id);
        let cloexec = flags.contains(OpenFlags::CLOEXEC);
        let read = match self.install(tid, ends[0], cloexec) {
            Ok(fd) => fd,
            Err(errno) => {
                self.put_file(ends[1]);
                return Err(errno.into());
            }
        };
        match self.install(tid, ends[1], cloexec) {
            Ok(write) => Ok(Ret::Fds([read, write])),
            Err(errno) => {
                let _ = self.close_fd(tid, read);
                Err(errno.into())
            }
        }
    }
}

/// Kinds of anonymous inodes; their names make their node numbers.
pub(crate) const ANONYMOUS: &[&str] = &[
    "[eventfd]",
    "[timerfd]",
    "[signalfd]",
    "[eventpoll]",
    "[pidfd]",
];

fn anon_node(name: &str) -> u64 {
    let at = ANONYMOUS.iter().position(|known| *known == name);
    at.map_or(0, |at| at as u64) + 2
}

//! The dispatch of typed calls: the same for programs in memory and for built-in ones.

use super::CallCx;
use super::fs::only;
use crate::Kernel;
use crate::file::Body;
use crate::ids::Tid;
use crate::signal::SigSet;
use crate::wait::SysResult;
use glassdock_abi::flags::*;
use glassdock_abi::types::{TimeSet, signal as sig};
use glassdock_abi::{Call, Errno, Fd, Pid, Ret};
use glassdock_trace::Value;

impl Kernel {
    #[allow(clippy::too_many_lines, reason = "one line for each call")]
    pub(super) fn typed(&mut self, cx: &mut CallCx, call: &Call) -> SysResult {
        let tid = cx.tid;
        match call {
            Call::Openat2 { dirfd, path, how } => {
                let cloexec = how.flags.contains(OpenFlags::CLOEXEC);
                if let Some(result) = self.resume_fifo(cx, cloexec) {
                    return result;
                }
                self.sys_openat(cx, *dirfd, path.as_bytes(), how)
            }
            Call::Statx { dirfd, path, flags } => {
                self.sys_statx(tid, *dirfd, path.as_bytes(), *flags)
            }
            Call::Readlinkat { dirfd, path } => self.sys_readlinkat(tid, *dirfd, path.as_bytes()),
            Call::Faccessat2 {
                dirfd,
                path,
                mode,
                flags,
            } => self.sys_faccessat(tid, *dirfd, path.as_bytes(), *mode, *flags),
            Call::Mkdirat { dirfd, path, mode } => {
                let at = self.at(tid, *dirfd);
                self.with_vfs(tid, |vfs, cx| vfs.mkdir(cx, at, path.as_bytes(), *mode))?;
                Ok(Ret::None)
            }
            Call::Mknodat {
                dirfd,
                path,
                mode,
                dev,
            } => {
                let at = self.at(tid, *dirfd);
                let mode = if mode & 0o170000 == 0 {
                    mode | 0o100000
                } else {
                    *mode
                };
                self.with_vfs(tid, |vfs, cx| {
                    vfs.mknod(cx, at, path.as_bytes(), mode, *dev)
                })?;
                Ok(Ret::None)
            }
            Call::Unlinkat { dirfd, path, flags } => {
                if !AtFlags::REMOVEDIR.contains(*flags) {
                    return Err(Errno::EINVAL.into());
                }
                let at = self.at(tid, *dirfd);
                let dir = flags.contains(AtFlags::REMOVEDIR);
                self.with_vfs(tid, |vfs, cx| match dir {
                    true => vfs.rmdir(cx, at, path.as_bytes()),
                    false => vfs.unlink(cx, at, path.as_bytes()),
                })?;
                Ok(Ret::None)
            }
            Call::Symlinkat {
                target,
                newdirfd,
                linkpath,
            } => {
                let at = self.at(tid, *newdirfd);
                self.with_vfs(tid, |vfs, cx| {
                    vfs.symlink(cx, target.as_bytes(), at, linkpath.as_bytes())
                })?;
                Ok(Ret::None)
            }
            Call::Linkat {
                olddirfd,
                oldpath,
                newdirfd,
                newpath,
                flags,
            } => {
                if (AtFlags::SYMLINK_FOLLOW | AtFlags::EMPTY_PATH).contains(*flags)
                    && flags.contains(AtFlags::EMPTY_PATH)
                    && !oldpath.as_bytes().starts_with(b"/")
                    && oldpath.as_bytes().len() < glassdock_vfs::PATH_MAX
                {
                    self.may_link_open(tid, *olddirfd)?;
                }
                let (old, new) = (self.at(tid, *olddirfd), self.at(tid, *newdirfd));
                self.with_vfs(tid, |vfs, cx| {
                    vfs.link(
                        cx,
                        (old, oldpath.as_bytes()),
                        (new, newpath.as_bytes()),
                        *flags,
                    )
                })?;
                Ok(Ret::None)
            }
            Call::Renameat2 {
                olddirfd,
                oldpath,
                newdirfd,
                newpath,
                flags,
            } => {
                let (old, new) = (self.at(tid, *olddirfd), self.at(tid, *newdirfd));
                self.with_vfs(tid, |vfs, cx| {
                    vfs.rename(
                        cx,
                        (old, oldpath.as_bytes()),
                        (new, newpath.as_bytes()),
                        *flags,
                    )
                })?;
                Ok(Ret::None)
            }
            Call::Fchmodat {
                dirfd,
                path,
                mode,
                flags,
            } => {
                only(*flags, AtFlags::empty())?;
                self.at_place(tid, *dirfd, path.as_bytes(), *flags, |vfs, cx, place| {
                    vfs.chmod(cx, place, mode & 0o7777)
                })
            }
            Call::Fchownat {
                dirfd,
                path,
                uid,
                gid,
                flags,
            } => {
                only(*flags, AtFlags::empty())?;
                let (uid, gid) = self.owner_outside(tid, *uid, *gid)?;
                self.at_place(tid, *dirfd, path.as_bytes(), *flags, |vfs, cx, place| {
                    vfs.chown(cx, place, uid, gid)
                })
            }
            Call::Utimensat {
                dirfd,
                path,
                atime,
                mtime,
                flags,
            } => {
                if *atime == TimeSet::Omit && *mtime == TimeSet::Omit {
                    return Ok(Ret::None);
                }
                let mut flags = *flags;
                only(flags, AtFlags::empty())?;
                if path.as_bytes().is_empty() && !flags.contains(AtFlags::EMPTY_PATH) {
                    if *dirfd == Fd::CWD {
                        return Err(Errno::EFAULT.into());
                    }
                    if !flags.is_empty() {
                        return Err(Errno::EINVAL.into());
                    }
                    flags |= AtFlags::EMPTY_PATH;
                }
                self.at_place(tid, *dirfd, path.as_bytes(), flags, |vfs, cx, place| {
                    vfs.utimens(cx, place, *atime, *mtime)
                })
            }
            Call::Statfs { path } => {
                let stat = self.with_vfs(tid, |vfs, cx| {
                    let place = vfs.lookup(
                        cx,
                        glassdock_vfs::At::Cwd,
                        path.as_bytes(),
                        glassdock_vfs::Lookup::FOLLOW,
                    )?;
                    vfs.statfs(cx, place)
                })?;
                Ok(Ret::StatFs(Box::new(stat)))
            }
            Call::Fstatfs { fd } => {
                let place = self.file_of(tid, *fd)?.file.path;
                let stat = self.with_vfs(tid, |vfs, cx| vfs.statfs(cx, place))?;
                Ok(Ret::StatFs(Box::new(stat)))
            }
            Call::Getxattr { path, name, follow } => {
                self.xattr(tid, path.as_bytes(), *follow, |vfs, cx, place| {
                    vfs.getxattr(cx, place, name).map(Ret::Bytes)
                })
            }
            Call::Setxattr {
                path,
                name,
                value,
                flags,
                follow,
            } => self.xattr(tid, path.as_bytes(), *follow, |vfs, cx, place| {
                vfs.setxattr(cx, place, name, value, *flags)
                    .map(|()| Ret::None)
            }),
            Call::Listxattr { path, follow } => {
                self.xattr(tid, path.as_bytes(), *follow, |vfs, cx, place| {
                    vfs.listxattr(cx, place).map(Ret::Bytes)
                })
            }
            Call::Removexattr { path, name, follow } => {
                self.xattr(tid, path.as_bytes(), *follow, |vfs, cx, place| {
                    vfs.removexattr(cx, place, name).map(|()| Ret::None)
                })
            }
            Call::Fgetxattr { fd, name } => {
                let place = self.file(self.real_file_id(tid, *fd)?)?.file.path;
                Ok(Ret::Bytes(
                    self.with_vfs(tid, |vfs, cx| vfs.getxattr(cx, place, name))?,
                ))
            }
            Call::Fsetxattr {
                fd,
                name,
                value,
                flags,
            } => {
                let place = self.file(self.real_file_id(tid, *fd)?)?.file.path;
                self.with_vfs(tid, |vfs, cx| vfs.setxattr(cx, place, name, value, *flags))?;
                Ok(Ret::None)
            }

            Call::Close { fd } => {
                self.close_fd(tid, *fd)?;
                Ok(Ret::None)
            }
            Call::CloseRange { first, last, flags } => {
                if first > last
                    || !(CloseRangeFlags::UNSHARE | CloseRangeFlags::CLOEXEC).contains(*flags)
                {
                    return Err(Errno::EINVAL.into());
                }
                if flags.contains(CloseRangeFlags::UNSHARE) {
                    self.unshare_fds(tid);
                }
                self.close_range(tid, *first, *last, flags.contains(CloseRangeFlags::CLOEXEC));
                Ok(Ret::None)
            }
            Call::Read { fd, count } => {
                let cause = self
                    .file_id(tid, *fd)
                    .ok()
                    .and_then(|id| self.cause_behind(id));
                let bytes = self.read_fd(cx, *fd, *count, None)?;
                if cause.is_some() {
                    self.note_cause(tid, *fd, cause);
                }
                Ok(Ret::Bytes(bytes))
            }
            Call::Write { fd, data } => self.write_fd(cx, *fd, data, None),
            Call::Pread64 { fd, count, offset } => {
                check_offset(*offset)?;
                Ok(Ret::Bytes(self.read_fd(cx, *fd, *count, Some(*offset))?))
            }
            Call::Pwrite64 { fd, data, offset } => {
                check_offset(*offset)?;
                self.write_fd(cx, *fd, data, Some(*offset))
            }
            Call::Lseek { fd, offset, whence } => self.sys_lseek(tid, *fd, *offset, *whence),
            Call::Getdents64 { fd, count } => self.sys_getdents(tid, *fd, *count),
            Call::Ftruncate { fd, length } => self.sys_ftruncate(tid, *fd, *length),
            Call::Fallocate {
                fd,
                mode,
                offset,
                len,
            } => self.sys_fallocate(tid, *fd, *mode, *offset, *len),
            Call::Fsync { fd } | Call::Fdatasync { fd } => {
                let id = self.real_file_id(tid, *fd)?;
                let file = self.file(id)?;
                match file.body {
                    Body::Vfs => {
                        let inode = file.file.inode;
                        self.flush_mapped(inode);
                        Ok(Ret::None)
                    }
                    _ => Err(Errno::EINVAL.into()),
                }
            }
            Call::Flock { fd, operation } => self.sys_flock(tid, *fd, *operation),
            Call::CopyFileRange {
                fd_in,
                off_in,
                fd_out,
                off_out,
                len,
            } => self.copy_between(cx, (*fd_in, *off_in), (*fd_out, *off_out), *len, true),
            Call::Sendfile {
                out_fd,
                in_fd,
                offset,
                count,
            } => self.copy_between(cx, (*in_fd, *offset), (*out_fd, None), *count, false),
            Call::Dup3 {
                oldfd,
                newfd,
                flags,
            } => {
                if oldfd == newfd || !OpenFlags::CLOEXEC.contains(*flags) {
                    return Err(Errno::EINVAL.into());
                }
                Ok(Ret::Fd(self.dup_to(
                    tid,
                    *oldfd,
                    *newfd,
                    flags.contains(OpenFlags::CLOEXEC),
                )?))
            }
            Call::Fcntl { fd, cmd } => self.sys_fcntl(tid, *fd, *cmd),
            Call::Ioctl { fd, request } => self.sys_ioctl(cx, *fd, request),
            Call::Ppoll { fds, timeout } => self.sys_poll(cx, fds, *timeout),
            Call::MemfdCreate { name, flags } => {
                if name.len() > 249
                    || !(MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).contains(*flags)
                {
                    return Err(Errno::EINVAL.into());
                }
                let file = self.with_vfs(tid, |vfs, cx| vfs.memfd(cx, name))?;
                let what = [b"/memfd:", name.as_slice(), b" (deleted)"].concat();
                let id = self.add_file(file, Body::Vfs, what);
                Ok(Ret::Fd(self.install(
                    tid,
                    id,
                    flags.contains(MemfdFlags::CLOEXEC),
                )?))
            }

            Call::Pipe2 { flags } => self.sys_pipe2(tid, *flags),
            Call::Socket {
                domain,
                kind,
                protocol,
            } => self.sys_socket(tid, *domain, *kind, *protocol),
            Call::Socketpair {
                domain,
                kind,
                protocol,
            } => self.sys_socketpair(tid, *domain, *kind, *protocol),
            Call::Bind { fd, addr } => self.sys_bind(tid, *fd, addr),
            Call::Listen { fd, backlog } => self.sys_listen(tid, *fd, *backlog),
            Call::Accept4 { fd, flags } => self.sys_accept4(cx, *fd, *flags),
            Call::Connect { fd, addr } => self.sys_connect(cx, *fd, addr),
            Call::Shutdown { fd, how } => self.sys_shutdown(tid, *fd, *how),
            Call::Sendmsg {
                fd,
                data,
                fds,
                to,
                flags,
            } => self.sys_sendmsg(cx, *fd, data, fds, to.as_ref(), *flags),
            Call::Recvmsg { fd, count, flags } => self.sys_recvmsg(cx, *fd, *count, *flags),
            Call::Getsockname { fd } => self.sys_sockname(tid, *fd, false),
            Call::Getpeername { fd } => self.sys_sockname(tid, *fd, true),
            Call::Getsockopt { fd, level, name } => self.sys_getsockopt(tid, *fd, *level, *name),
            Call::Peercred { fd } => self.sys_peercred(tid, *fd),
            Call::Setsockopt {
                fd,
                level,
                name,
                value: _,
            } => self.sys_setsockopt(tid, *fd, *level, *name),

            Call::Waitid { which, options } => {
                let states = WaitFlags::EXITED | WaitFlags::UNTRACED | WaitFlags::CONTINUED;
                if !options.intersects(states) {
                    return Err(Errno::EINVAL.into());
                }
                self.wait_for(cx, *which, *options)
            }
            Call::PidfdOpen { pid, flags } => {
                let status = OpenFlags::from_bits_retain(*flags);
                if !OpenFlags::NONBLOCK.contains(status) || pid.0 <= 0 {
                    return Err(Errno::EINVAL.into());
                }
                let target = self.find_process(tid, *pid).ok_or(Errno::ESRCH)?;
                Ok(Ret::Fd(self.open_pidfd(tid, target, status)?))
            }
            Call::PidfdSendSignal { pidfd, signal } => {
                let target = self.pidfd_process(tid, *pidfd)?;
                if *signal > sig::MAX {
                    return Err(Errno::EINVAL.into());
                }
                if !self.processes.contains_key(&target) {
                    return Err(Errno::ESRCH.into());
                }
                self.kill_one(tid, target, *signal)?;
                Ok(Ret::None)
            }
            Call::Kill { pid, signal } => self.sys_kill(cx, *pid, *signal),
            Call::Signalfd4 { fd, mask, flags } => self.sys_signalfd(tid, *fd, *mask, *flags),
            Call::RtSigprocmask { how, set } => {
                let old = self.change_mask(tid, *how, SigSet(*set))?;
                Ok(Ret::Int(old.0 as i64))
            }
            Call::Prlimit64 { pid, resource, new } => self.sys_prlimit(tid, *pid, *resource, *new),

            Call::Mount {
                source,
                target,
                fstype,
                flags,
                data,
            } => {
                self.may_mount(tid)?;
                self.with_vfs(tid, |vfs, cx| {
                    vfs.mount(
                        cx,
                        source.as_bytes(),
                        target.as_bytes(),
                        fstype,
                        *flags,
                        data,
                    )
                })?;
                Ok(Ret::None)
            }
            Call::OpenTree { dirfd, path, flags } => {
                self.sys_open_tree(tid, *dirfd, path.as_bytes(), *flags)
            }
            Call::MoveMount {
                from_dirfd,
                from_pathname,
                to_dirfd,
                to_pathname,
                flags,
            } => self.sys_move_mount(
                tid,
                (*from_dirfd, from_pathname.as_bytes()),
                (*to_dirfd, to_pathname.as_bytes()),
                *flags,
            ),
            Call::MountSetattr {
                dirfd,
                path,
                flags,
                attr,
            } => self.sys_mount_setattr(tid, (*dirfd, path.as_bytes()), *flags, *attr),
            Call::Umount2 { target, flags } => {
                self.may_mount(tid)?;
                self.with_vfs(tid, |vfs, cx| vfs.umount(cx, target.as_bytes(), *flags))?;
                Ok(Ret::None)
            }

            Call::ClockGettime { clock } => Ok(Ret::Time(self.clock(tid, *clock))),
            Call::ClockNanosleep {
                clock,
                absolute,
                time,
            } => self.sys_sleep(cx, *clock, *absolute, *time),
            Call::Getrandom { count } => {
                let count = usize::try_from((*count).min(1 << 24)).unwrap_or(0);
                Ok(Ret::Bytes(self.random.bytes(count)))
            }

            Call::Getpid {} => Ok(Ret::Pid(self.pid_for(tid, self.tgid_of(tid)))),
            Call::Getppid {} => {
                let parent = self.process_of(tid).and_then(|process| process.parent);
                Ok(Ret::Pid(
                    parent.map_or(Pid(0), |parent| self.pid_for(tid, parent)),
                ))
            }
            Call::Getuid {} => self.own_id(tid, |cred| cred.uid_inside(cred.ruid)),
            Call::Geteuid {} => self.own_id(tid, |cred| cred.uid_inside(cred.euid)),
            Call::Getgid {} => self.own_id(tid, |cred| cred.gid_inside(cred.rgid)),
            Call::Getegid {} => self.own_id(tid, |cred| cred.gid_inside(cred.egid)),
            Call::Clone3 { .. } => {
                self.note("clone-without-code", Vec::new);
                Err(Errno::EINVAL.into())
            }
            Call::Execveat {
                dirfd,
                path,
                argv,
                envp,
                flags,
            } => self.sys_execve(
                cx,
                crate::exec::Request {
                    dirfd: *dirfd,
                    path: path.as_bytes().to_vec(),
                    argv: argv.clone(),
                    envp: envp.clone(),
                    flags: *flags,
                },
            ),
            Call::ExitGroup { status } => self.sys_exit_group(cx, *status),
            Call::Unshare { flags } => self.sys_unshare(cx, *flags),
            Call::Setns { fd, nstype } => self.sys_setns(cx, *fd, *nstype),
            Call::Chdir { path } => self.sys_chdir(tid, path.as_bytes()),
            Call::Fchdir { fd } => self.sys_fchdir(tid, *fd),
            Call::Getcwd {} => self.sys_getcwd(tid),
            Call::Chroot { path } => self.sys_chroot(tid, path.as_bytes()),
            Call::PivotRoot { new_root, put_old } => {
                self.sys_pivot_root(tid, new_root.as_bytes(), put_old.as_bytes())
            }
            Call::Umask { mask } => {
                let id = self.threads.get(&tid).ok_or(Errno::ESRCH)?.fs;
                let fs = self.fs.get_mut(id).ok_or(Errno::ESRCH)?;
                let before = std::mem::replace(&mut fs.umask, mask & 0o777);
                self.mark_places(id);
                Ok(Ret::Int(before.into()))
            }
            Call::Setresuid { ruid, euid, suid } => self.sys_setresuid(tid, *ruid, *euid, *suid),
            Call::Setresgid { rgid, egid, sgid } => self.sys_setresgid(tid, *rgid, *egid, *sgid),
            Call::Setgroups { groups } => self.sys_setgroups(tid, groups),
            Call::Getgroups {} => {
                let cred = self.cred(tid)?;
                let groups = cred.groups.iter().map(|gid| cred.gid_inside(*gid));
                Ok(Ret::Groups(groups.collect()))
            }
            Call::Capget {} => Ok(Ret::Caps(self.cred(tid)?.caps())),
            Call::Capset { sets } => self.sys_capset(tid, *sets),
            Call::Prctl { op } => self.sys_prctl(tid, op),
            Call::Setsid {} => self.sys_setsid(tid),
            Call::Setpgid { pid, pgid } => self.sys_setpgid(tid, *pid, *pgid),
            Call::Getpgid { pid } => {
                let target = self.pid_or_self(tid, *pid)?;
                let pgid = self.processes.get(&target).ok_or(Errno::ESRCH)?.pgid;
                Ok(Ret::Pid(self.pid_for(tid, pgid)))
            }
            Call::Getsid { pid } => {
                let target = self.pid_or_self(tid, *pid)?;
                let sid = self.processes.get(&target).ok_or(Errno::ESRCH)?.sid;
                Ok(Ret::Pid(self.pid_for(tid, sid)))
            }
            Call::Seccomp { flags, filter } => self.sys_seccomp(tid, *flags, filter),
            Call::Sethostname { name } => self.sys_sethostname(tid, name, true),
            Call::Setdomainname { name } => self.sys_sethostname(tid, name, false),
            #[allow(
                unreachable_patterns,
                reason = "calls may be added to the line before they are here"
            )]
            other => {
                let (number, name) = (other.nr(), other.name());
                self.note("unsupported-call", || {
                    vec![Value::Int(number.into()), Value::Text(name.into())]
                });
                Err(Errno::ENOSYS.into())
            }
        }
    }

    pub(crate) fn pid_or_self(&self, tid: Tid, pid: Pid) -> Result<Tid, Errno> {
        if pid.0 == 0 {
            return Ok(self.tgid_of(tid));
        }
        let target = self.find_pid(tid, pid).ok_or(Errno::ESRCH)?;
        Ok(self.tgid_of(target))
    }
}

fn check_offset(offset: u64) -> Result<(), Errno> {
    if offset > i64::MAX as u64 {
        Err(Errno::EINVAL)
    } else {
        Ok(())
    }
}

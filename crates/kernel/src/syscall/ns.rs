//! Namespaces: `unshare`, `setns`, host names.

use super::CallCx;
use crate::Kernel;
use crate::cred::cap;
use crate::file::Body;
use crate::ids::Tid;
use crate::ns::{NsBody, flag_of};
use crate::process::Namespaces;
use crate::wait::SysResult;
use glassdock_abi::flags::CloneFlags;
use glassdock_abi::{Errno, Fd, Result, Ret};
use glassdock_trace::world::{NsId, NsKind};

/// Longest host name (`__NEW_UTS_LEN`).
const HOSTNAME_MAX: usize = 64;

const NEW: CloneFlags = CloneFlags::NEWNS
    .union(CloneFlags::NEWUTS)
    .union(CloneFlags::NEWIPC)
    .union(CloneFlags::NEWUSER)
    .union(CloneFlags::NEWPID)
    .union(CloneFlags::NEWNET)
    .union(CloneFlags::NEWCGROUP)
    .union(CloneFlags::NEWTIME);

impl Kernel {
    /// Whether a thread may make the namespaces that `flags` ask for: anybody a user namespace, in which it may make all others.
    pub(crate) fn check_new_namespaces(&mut self, tid: Tid, flags: CloneFlags) -> Result<()> {
        let others = flags.intersects(NEW.difference(CloneFlags::NEWUSER));
        if !others || flags.contains(CloneFlags::NEWUSER) || self.cred(tid)?.has(cap::SYS_ADMIN) {
            return Ok(());
        }
        Err(Errno::EPERM)
    }

    /// A thread's credentials after it went into the user namespace of `ns`.
    pub(crate) fn adopt_users(&mut self, tid: Tid, user: NsId) {
        let maps = self.id_maps(user);
        if let Some(thread) = self.threads.get_mut(&tid) {
            thread.cred.enter_users(maps);
        }
    }

    fn replace_namespaces(&mut self, tid: Tid, ns: Namespaces) {
        let Some(thread) = self.threads.get_mut(&tid) else {
            return;
        };
        let old = std::mem::replace(&mut thread.ns, ns);
        self.release_namespaces(&old);
        self.publisher.task(tid);
    }

    pub(super) fn sys_unshare(&mut self, cx: &mut CallCx, flags: CloneFlags) -> SysResult {
        let mut flags = flags;
        if flags.contains(CloneFlags::NEWUSER) {
            flags |= CloneFlags::THREAD | CloneFlags::FS;
        }
        let other = CloneFlags::FS
            | CloneFlags::FILES
            | CloneFlags::SYSVSEM
            | CloneFlags::THREAD
            | CloneFlags::SIGHAND
            | CloneFlags::VM;
        if !(NEW | other).contains(flags) {
            return Err(Errno::EINVAL.into());
        }
        let alone = self
            .process_of(cx.tid)
            .is_some_and(|process| process.threads.len() == 1);
        if flags.intersects(CloneFlags::THREAD | CloneFlags::SIGHAND | CloneFlags::VM) && !alone {
            return Err(Errno::EINVAL.into());
        }
        self.check_new_namespaces(cx.tid, flags)?;
        let thread = self.threads.get(&cx.tid).ok_or(Errno::ESRCH)?;
        let (old, fs_id) = (thread.ns, thread.fs);
        if flags.intersects(CloneFlags::FS | CloneFlags::NEWNS) {
            self.unshare_fs(cx.tid, fs_id);
        }
        if flags.contains(CloneFlags::FILES) {
            self.unshare_fds(cx.tid);
        }
        if !flags.intersects(NEW) {
            return Ok(Ret::None);
        }
        let mut ns = self.new_namespaces(cx.tid, &old, flags)?;
        if flags.contains(CloneFlags::NEWNS) {
            let fs_id = self.threads.get(&cx.tid).ok_or(Errno::ESRCH)?.fs;
            let mut fs = self.fs.get(fs_id).ok_or(Errno::ESRCH)?.clone();
            // The references of the places move with them; take the error path's extra ones first.
            self.vfs_mut().hold(fs.root);
            self.vfs_mut().hold(fs.cwd);
            let (old_root, old_cwd) = (fs.root, fs.cwd);
            if let Err(errno) = self.move_to_new_mnt_ns(cx.tid, &mut fs, &mut ns) {
                self.release_namespaces(&ns);
                return Err(errno.into());
            }
            self.vfs_mut().release(old_root);
            self.vfs_mut().release(old_cwd);
            self.fs.put_back(fs_id, fs);
        }
        if flags.contains(CloneFlags::NEWUSER) {
            self.adopt_users(cx.tid, ns.user);
        }
        self.replace_namespaces(cx.tid, ns);
        self.publisher.place(cx.tid);
        Ok(Ret::None)
    }

    fn unshare_fs(&mut self, tid: Tid, id: crate::ids::FsId) {
        let Some(fs) = self.fs.get_mut(id) else {
            return;
        };
        if fs.users <= 1 {
            return;
        }
        fs.users -= 1;
        let mut own = fs.clone();
        own.users = 1;
        self.vfs_mut().hold(own.root);
        self.vfs_mut().hold(own.cwd);
        let id = self.fs.add(own);
        if let Some(thread) = self.threads.get_mut(&tid) {
            thread.fs = id;
        }
    }

    pub(super) fn sys_setns(&mut self, cx: &mut CallCx, fd: Fd, nstype: CloneFlags) -> SysResult {
        let target = match self.file_of(cx.tid, fd)?.body {
            Body::Ns(id) => {
                let kind = self.namespaces.get(&id).ok_or(Errno::EINVAL)?.kind;
                if !nstype.is_empty() && nstype != flag_of(kind) {
                    return Err(Errno::EINVAL.into());
                }
                vec![(kind, id)]
            }
            Body::Pidfd(tgid) => {
                if nstype.is_empty() || !NEW.contains(nstype) {
                    return Err(Errno::EINVAL.into());
                }
                let ns = self.namespaces_of_process(tgid).ok_or(Errno::ESRCH)?;
                let list = ns.list();
                list.into_iter()
                    .filter(|(kind, _)| nstype.contains(flag_of(*kind)))
                    .collect()
            }
            _ => return Err(Errno::EINVAL.into()),
        };
        for (kind, id) in &target {
            self.may_enter(cx.tid, *kind, *id, &target)?;
        }
        for (kind, id) in target {
            self.enter_namespace(cx.tid, kind, id)?;
        }
        Ok(Ret::None)
    }

    /// `CAP_SYS_ADMIN` over what is entered, and where the thread will be: in its user namespace, or in the one that it enters by
    /// the same call.
    fn may_enter(&self, tid: Tid, kind: NsKind, id: NsId, all: &[(NsKind, NsId)]) -> Result<()> {
        let thread = self.threads.get(&tid).ok_or(Errno::ESRCH)?;
        let alone = self
            .process_of(tid)
            .is_some_and(|process| process.threads.len() == 1);
        let own_places = self.fs.get(thread.fs).is_some_and(|fs| fs.users == 1);
        if kind == NsKind::User {
            if thread.ns.user == id || !alone || !own_places {
                return Err(Errno::EINVAL);
            }
            return match self.ns_capable(tid, id, cap::SYS_ADMIN) {
                true => Ok(()),
                false => Err(Errno::EPERM),
            };
        }
        if kind == NsKind::Time && !alone {
            return Err(Errno::EUSERS);
        }
        let entered = all.iter().find(|(kind, _)| *kind == NsKind::User);
        let user = entered.map_or(thread.ns.user, |(_, id)| *id);
        match self.ns_capable(tid, user, cap::SYS_ADMIN)
            && self.capable_over(tid, id, cap::SYS_ADMIN)
        {
            true => Ok(()),
            false => Err(Errno::EPERM),
        }
    }

    fn enter_namespace(&mut self, tid: Tid, kind: NsKind, id: NsId) -> Result<()> {
        let thread = self.threads.get(&tid).ok_or(Errno::ESRCH)?;
        let mut ns = thread.ns;
        let fs_id = thread.fs;
        match kind {
            NsKind::Cgroup => ns.cgroup = id,
            NsKind::Ipc => ns.ipc = id,
            NsKind::Net => ns.net = id,
            NsKind::Time => {
                (ns.time, ns.time_children) = (id, id);
                self.freeze_offsets(id);
            }
            NsKind::Uts => ns.uts = id,
            NsKind::User => {
                ns.user = id;
                self.adopt_users(tid, id);
            }
            NsKind::Pid => {
                if !self.pid_ns_within(id, ns.pid) {
                    return Err(Errno::EINVAL);
                }
                ns.pid_children = id;
            }
            NsKind::Mnt => {
                if self.fs.get(fs_id).is_none_or(|fs| fs.users > 1) {
                    return Err(Errno::EINVAL);
                }
                let Some(NsBody::Mnt(mnt)) = self.namespaces.get(&id).map(|ns| &ns.body) else {
                    return Err(Errno::EINVAL);
                };
                ns.mnt = id;
                ns.mnt_vfs = *mnt;
                let root = self.vfs().mnt_ns_root(ns.mnt_vfs)?;
                self.vfs_mut().hold(root);
                self.vfs_mut().hold(root);
                if let Some(fs) = self.fs.get_mut(fs_id) {
                    let old = [fs.root, fs.cwd];
                    fs.root = root;
                    fs.cwd = root;
                    for place in old {
                        self.vfs_mut().release(place);
                    }
                }
                self.publisher.place(tid);
            }
        }
        self.hold_namespaces(&ns);
        self.replace_namespaces(tid, ns);
        Ok(())
    }

    /// Sets a host or domain name. `EPERM` without `CAP_SYS_ADMIN`, `EINVAL` for one too long.
    pub(crate) fn set_uts(&mut self, tid: Tid, name: &[u8], host: bool) -> Result<()> {
        let id = self.threads.get(&tid).ok_or(Errno::ESRCH)?.ns.uts;
        if !self.capable_over(tid, id, cap::SYS_ADMIN) {
            return Err(Errno::EPERM);
        }
        if name.len() > HOSTNAME_MAX {
            return Err(Errno::EINVAL);
        }
        if let Some(NsBody::Uts {
            hostname,
            domainname,
        }) = self.namespaces.get_mut(&id).map(|ns| &mut ns.body)
        {
            let slot = if host { hostname } else { domainname };
            *slot = name.to_vec();
        }
        self.publisher.namespace(id);
        Ok(())
    }

    pub(super) fn sys_sethostname(&mut self, tid: Tid, name: &[u8], host: bool) -> SysResult {
        self.set_uts(tid, name, host)?;
        Ok(Ret::None)
    }
}

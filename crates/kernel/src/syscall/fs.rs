//! Calls on paths and directories.

use crate::Kernel;
use crate::cred::cap;
use crate::file::Body;
use crate::ids::Tid;
use crate::wait::SysResult;
use glassdock_abi::flags::*;
use glassdock_abi::types::{Stat, mode};
use glassdock_abi::{Errno, Fd, Result, Ret};
use glassdock_vfs::{At, Cx, FileKind, Lookup, Path, Vfs};

impl Kernel {
    /// Does something to the place that a `*at` call names.
    pub(super) fn at_place(
        &mut self,
        tid: Tid,
        dirfd: Fd,
        path: &[u8],
        flags: AtFlags,
        act: impl FnOnce(&mut Vfs, &mut Cx, Path) -> Result<()>,
    ) -> SysResult {
        let known = AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH | AtFlags::NO_AUTOMOUNT;
        if !known.contains(flags) {
            return Err(Errno::EINVAL.into());
        }
        let at = self.at(tid, dirfd);
        self.with_vfs(tid, |vfs, cx| {
            let place = find(vfs, cx, at, path, flags)?;
            act(vfs, cx, place)
        })?;
        Ok(Ret::None)
    }

    pub(super) fn xattr(
        &mut self,
        tid: Tid,
        path: &[u8],
        follow: bool,
        act: impl FnOnce(&mut Vfs, &mut Cx, Path) -> Result<Ret>,
    ) -> SysResult {
        let how = if follow {
            Lookup::FOLLOW
        } else {
            Lookup::NOFOLLOW
        };
        Ok(self.with_vfs(tid, |vfs, cx| {
            let place = vfs.lookup(cx, At::Cwd, path, how)?;
            act(vfs, cx, place)
        })?)
    }

    pub(super) fn sys_statx(
        &mut self,
        tid: Tid,
        dirfd: Fd,
        path: &[u8],
        flags: AtFlags,
    ) -> SysResult {
        only(flags, AtFlags::NO_AUTOMOUNT | STATX_SYNC)?;
        if flags.contains(STATX_SYNC) {
            return Err(Errno::EINVAL.into());
        }
        let at = self.at(tid, dirfd);
        if path.is_empty() && flags.contains(AtFlags::EMPTY_PATH) && dirfd != Fd::CWD {
            let file = self.file_of(tid, dirfd)?;
            let inode = file.file.inode;
            if file.body == Body::Vfs {
                self.flush_mapped(inode);
            }
        }
        let stat = self.with_vfs(tid, |vfs, cx| {
            let place = find(vfs, cx, at, path, flags)?;
            vfs.stat(cx, place)
        })?;
        let cred = self.cred(tid)?;
        let stat = Stat {
            uid: cred.uid_inside(stat.uid),
            gid: cred.gid_inside(stat.gid),
            ..stat
        };
        Ok(Ret::Stat(Box::new(stat)))
    }

    pub(super) fn sys_readlinkat(&mut self, tid: Tid, dirfd: Fd, path: &[u8]) -> SysResult {
        let at = self.at(tid, dirfd);
        let empty = path.is_empty();
        let target = self.with_vfs(tid, |vfs, cx| {
            let flags = AtFlags::SYMLINK_NOFOLLOW
                | if dirfd == Fd::CWD {
                    AtFlags::empty()
                } else {
                    AtFlags::EMPTY_PATH
                };
            let place = find(vfs, cx, at, path, flags)?;
            if empty && !vfs.stat(cx, place)?.is(mode::S_IFLNK) {
                return Err(Errno::ENOENT);
            }
            vfs.readlink(cx, place)
        })?;
        Ok(Ret::Bytes(target))
    }

    pub(super) fn sys_faccessat(
        &mut self,
        tid: Tid,
        dirfd: Fd,
        path: &[u8],
        mask: u32,
        flags: AtFlags,
    ) -> SysResult {
        const AT_EACCESS: AtFlags = AtFlags::REMOVEDIR;
        let known = AT_EACCESS | AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH;
        if mask & !7 != 0 || !known.contains(flags) {
            return Err(Errno::EINVAL.into());
        }
        let at = self.at(tid, dirfd);
        let cred = self.cred(tid)?;
        let cred = if flags.contains(AT_EACCESS) {
            cred.for_files()
        } else {
            cred.for_access()
        };
        self.with_vfs_as(tid, &cred, |vfs, cx| {
            let place = find(vfs, cx, at, path, flags & !AT_EACCESS)?;
            if mask == 0 {
                return Ok(());
            }
            vfs.permission(cx, place, mask)
        })?;
        Ok(Ret::None)
    }

    pub(super) fn sys_getdents(&mut self, tid: Tid, fd: Fd, count: u64) -> SysResult {
        let id = self.real_file_id(tid, fd)?;
        let file = self.files.get(id).ok_or(Errno::EBADF)?;
        if file.file.kind != FileKind::Directory {
            return Err(Errno::ENOTDIR.into());
        }
        let Some(mut file) = self.files.remove(id) else {
            return Err(Errno::EBADF.into());
        };
        let count = count.min(1 << 20) as usize;
        let result = self.with_vfs(tid, |vfs, cx| vfs.getdents(cx, &file.file, file.pos, count));
        if let Ok((_, next)) = &result {
            file.pos = *next;
        }
        self.files.put_back(id, file);
        self.publisher.file(id);
        Ok(Ret::Dirents(result?.0))
    }

    /// `linkat` of or below an open file with `AT_EMPTY_PATH`: for who opened it, and with `CAP_DAC_READ_SEARCH` (`LOOKUP_LINKAT_EMPTY`).
    pub(super) fn may_link_open(&self, tid: Tid, fd: Fd) -> Result<()> {
        if fd == Fd::CWD {
            return Ok(());
        }
        let (file, cred) = (self.file_of(tid, fd)?, self.cred(tid)?);
        if file.opener == Some(cred.for_files()) || cred.has(cap::DAC_READ_SEARCH) {
            return Ok(());
        }
        Err(Errno::ENOENT)
    }

    // Working directory and root.

    /// Takes over a held place.
    fn set_place(&mut self, tid: Tid, place: Path, root: bool) -> Result<()> {
        let id = self
            .threads
            .get(&tid)
            .map(|thread| thread.fs)
            .ok_or(Errno::ESRCH)?;
        let fs = self.fs.get_mut(id).ok_or(Errno::ESRCH)?;
        let slot = if root { &mut fs.root } else { &mut fs.cwd };
        let old = std::mem::replace(slot, place);
        self.vfs_mut().release(old);
        self.mark_places(id);
        Ok(())
    }

    pub(crate) fn mark_places(&mut self, id: crate::ids::FsId) {
        for thread in self
            .threads
            .values()
            .filter(|thread| thread.fs == id && thread.tid == thread.tgid)
        {
            self.publisher.place(thread.tid);
        }
    }

    /// A directory that may be searched, held.
    fn directory(&mut self, tid: Tid, path: &[u8]) -> Result<Path> {
        self.with_vfs(tid, |vfs, cx| {
            let how = Lookup {
                directory: true,
                ..Lookup::FOLLOW
            };
            let place = vfs.lookup(cx, At::Cwd, path, how)?;
            vfs.permission(cx, place, 1)?;
            vfs.hold(place);
            Ok(place)
        })
    }

    pub(super) fn sys_chdir(&mut self, tid: Tid, path: &[u8]) -> SysResult {
        let place = self.directory(tid, path)?;
        self.set_place(tid, place, false)?;
        Ok(Ret::None)
    }

    pub(super) fn sys_fchdir(&mut self, tid: Tid, fd: Fd) -> SysResult {
        let file = self.file_of(tid, fd)?;
        if file.file.kind != FileKind::Directory {
            return Err(Errno::ENOTDIR.into());
        }
        let place = file.file.path;
        self.with_vfs(tid, |vfs, cx| vfs.permission(cx, place, 1))?;
        self.vfs_mut().hold(place);
        self.set_place(tid, place, false)?;
        Ok(Ret::None)
    }

    pub(super) fn sys_getcwd(&mut self, tid: Tid) -> SysResult {
        let fs = self
            .threads
            .get(&tid)
            .and_then(|thread| self.fs.get(thread.fs));
        let fs = fs.ok_or(Errno::ESRCH)?;
        let path = self.vfs().getcwd(fs.root, fs.cwd)?;
        if path.len() >= glassdock_vfs::PATH_MAX {
            return Err(Errno::ENAMETOOLONG.into());
        }
        Ok(Ret::Bytes(path))
    }

    pub(super) fn sys_chroot(&mut self, tid: Tid, path: &[u8]) -> SysResult {
        let place = self.directory(tid, path)?;
        if !self.cred(tid)?.has(crate::cred::cap::SYS_CHROOT) {
            self.vfs_mut().release(place);
            return Err(Errno::EPERM.into());
        }
        self.set_place(tid, place, true)?;
        Ok(Ret::None)
    }

    /// `pivot_root`, and the move of everybody who was at the old root.
    pub(super) fn sys_pivot_root(
        &mut self,
        tid: Tid,
        new_root: &[u8],
        put_old: &[u8],
    ) -> SysResult {
        self.may_mount(tid)?;
        let (old, new) = self.with_vfs(tid, |vfs, cx| vfs.pivot_root(cx, new_root, put_old))?;
        let mnt = self.threads.get(&tid).map(|thread| thread.ns.mnt);
        let mut ids: Vec<_> = self
            .threads
            .values()
            .filter(|thread| Some(thread.ns.mnt) == mnt)
            .map(|thread| thread.fs)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            let Some(fs) = self.fs.get_mut(id) else {
                continue;
            };
            let mut moved = 0;
            for slot in [&mut fs.root, &mut fs.cwd] {
                if *slot == old {
                    *slot = new;
                    moved += 1;
                }
            }
            for _ in 0..moved {
                self.vfs_mut().hold(new);
                self.vfs_mut().release(old);
            }
            self.mark_places(id);
        }
        Ok(Ret::None)
    }
}

/// Both bits of `AT_STATX_SYNC_TYPE`, of which one may be set.
const STATX_SYNC: AtFlags = AtFlags::from_bits_retain(0x6000);

/// `EINVAL` for flags beside those of every `*at` call and `others`.
pub(super) fn only(flags: AtFlags, others: AtFlags) -> Result<()> {
    let known = AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH | others;
    if (flags & !known).is_empty() {
        Ok(())
    } else {
        Err(Errno::EINVAL)
    }
}

/// The place that a `*at` call names; with `AT_EMPTY_PATH` the descriptor's own.
pub(super) fn find(
    vfs: &mut Vfs,
    cx: &mut Cx,
    at: At,
    path: &[u8],
    flags: AtFlags,
) -> Result<Path> {
    if path.is_empty() && flags.contains(AtFlags::EMPTY_PATH) {
        return match at {
            At::Dir(place) => Ok(place),
            At::Cwd => Ok(cx.cwd),
            At::Bad => Err(Errno::EBADF),
        };
    }
    vfs.lookup(cx, at, path, Lookup::at(flags))
}

//! Making, removing and renaming names (`fs/namei.c`).

use crate::fsops::New;
use crate::perm::{MAY_WRITE, new_owner};
use crate::walk::{Kind, Last, check_path};
use crate::{At, Cx, DentryId, Lookup, Path, Vfs, cap};
use glassdock_abi::flags::{AtFlags, RenameFlags};
use glassdock_abi::types::{Dev, mode::*};
use glassdock_abi::{Errno, Result};

impl Vfs {
    /// `filename_create`: the directory and the free name, in the order of Linux's errors.
    fn prepare_create(
        &mut self,
        cx: &mut Cx,
        at: At,
        path: &[u8],
        is_dir: bool,
    ) -> Result<(Path, Last)> {
        let (dir, last) = self.lookup_parent(cx, at, path)?;
        if last.kind != Kind::Norm {
            return Err(Errno::EEXIST);
        }
        let found = self.fs_find(cx, dir.dentry, &last.name)?;
        if found.is_some() {
            return Err(Errno::EEXIST);
        }
        if last.slash && !is_dir {
            return Err(Errno::ENOENT);
        }
        self.want_write(dir.mount)?;
        Ok((dir, last))
    }

    /// Makes a file in a directory after the checks, owned as `inode_init_owner` says.
    pub(crate) fn create_in(
        &mut self,
        cx: &mut Cx,
        dir: DentryId,
        name: &[u8],
        mode: u32,
        rdev: Dev,
        target: &[u8],
    ) -> Result<DentryId> {
        let parent = self.fs_attr(cx, dir)?;
        let (mode, gid) = new_owner(cx.cred, &parent, mode);
        let new = New {
            mode,
            uid: cx.cred.fsuid,
            gid,
            rdev,
            target,
        };
        self.fs_create(cx, dir, name, &new)
    }

    /// `man 2 mkdirat`.
    pub fn mkdir(&mut self, cx: &mut Cx, at: At, path: &[u8], mode: u32) -> Result<()> {
        self.reap();
        let (dir, last) = self.prepare_create(cx, at, path, true)?;
        self.may_create(cx, dir.dentry)?;
        let mode = S_IFDIR | mode & !cx.umask & (0o777 | S_ISVTX);
        self.create_in(cx, dir.dentry, &last.name, mode, Dev(0), b"")?;
        Ok(())
    }

    /// `man 2 mknodat`. Returns the place, so that a bound socket can be found by its inode.
    pub fn mknod(&mut self, cx: &mut Cx, at: At, path: &[u8], mode: u32, dev: Dev) -> Result<Path> {
        self.reap();
        let kind = match mode & S_IFMT {
            0 => S_IFREG,
            kind @ (S_IFREG | S_IFCHR | S_IFBLK | S_IFIFO | S_IFSOCK) => kind,
            S_IFDIR => return Err(Errno::EPERM),
            _ => return Err(Errno::EINVAL),
        };
        let (dir, last) = self.prepare_create(cx, at, path, false)?;
        self.may_create(cx, dir.dentry)?;
        let whiteout = kind == S_IFCHR && dev == Dev(0);
        if matches!(kind, S_IFCHR | S_IFBLK) && !whiteout && !cx.cred.has_on_machine(cap::MKNOD) {
            return Err(Errno::EPERM);
        }
        let mode = kind | mode & 0o7777 & !cx.umask;
        let dentry = self.create_in(cx, dir.dentry, &last.name, mode, dev, b"")?;
        Ok(Path {
            mount: dir.mount,
            dentry,
        })
    }

    /// `man 2 symlinkat`.
    pub fn symlink(&mut self, cx: &mut Cx, target: &[u8], at: At, path: &[u8]) -> Result<()> {
        self.reap();
        check_path(target)?;
        if target.is_empty() {
            return Err(Errno::ENOENT);
        }
        let (dir, last) = self.prepare_create(cx, at, path, false)?;
        self.may_create(cx, dir.dentry)?;
        self.create_in(cx, dir.dentry, &last.name, S_IFLNK | 0o777, Dev(0), target)?;
        Ok(())
    }

    /// `man 2 linkat`, with `AT_SYMLINK_FOLLOW` and `AT_EMPTY_PATH`; whether the caller may use the latter is asked before.
    pub fn link(
        &mut self,
        cx: &mut Cx,
        old: (At, &[u8]),
        new: (At, &[u8]),
        flags: AtFlags,
    ) -> Result<()> {
        self.reap();
        if !(AtFlags::SYMLINK_FOLLOW | AtFlags::EMPTY_PATH).contains(flags) {
            return Err(Errno::EINVAL);
        }
        let empty = flags.contains(AtFlags::EMPTY_PATH);
        let follow = flags.contains(AtFlags::SYMLINK_FOLLOW);
        let source = self.walk_all(
            cx,
            old.0,
            old.1,
            Lookup {
                follow,
                empty,
                ..Lookup::FOLLOW
            },
        )?;
        let (dir, last) = self.prepare_create(cx, new.0, new.1, false)?;
        if source.mount != dir.mount {
            return Err(Errno::EXDEV);
        }
        self.may_link(cx, source.dentry)?;
        self.may_create(cx, dir.dentry)?;
        if self.is_dir(source.dentry) {
            return Err(Errno::EPERM);
        }
        if self.fs_attr(cx, source.dentry)?.nlink == 0 && !self.is_linkable(source.dentry) {
            return Err(Errno::ENOENT);
        }
        self.fs_link(cx, source.dentry, dir.dentry, &last.name)?;
        self.set_linkable(source.dentry, false);
        Ok(())
    }

    /// The directory and the victim of a removal.
    fn prepare_remove(
        &mut self,
        cx: &mut Cx,
        at: At,
        path: &[u8],
        kinds: [Errno; 3],
    ) -> Result<(Path, Last)> {
        let (dir, last) = self.lookup_parent(cx, at, path)?;
        match last.kind {
            Kind::Norm => {}
            Kind::Dot => return Err(kinds[0]),
            Kind::DotDot => return Err(kinds[1]),
            Kind::Root => return Err(kinds[2]),
        }
        self.want_write(dir.mount)?;
        Ok((dir, last))
    }

    /// `man 2 unlink`.
    pub fn unlink(&mut self, cx: &mut Cx, at: At, path: &[u8]) -> Result<()> {
        self.reap();
        let (dir, last) = self.prepare_remove(cx, at, path, [Errno::EISDIR; 3])?;
        let victim = self.fs_lookup(cx, dir.dentry, &last.name)?;
        if last.slash {
            return Err(if self.is_dir(victim) {
                Errno::EISDIR
            } else {
                Errno::ENOTDIR
            });
        }
        self.may_delete(cx, dir.dentry, victim, false)?;
        self.check_mountpoint(cx, victim)?;
        self.fs_unlink(cx, victim)?;
        self.detach_mounts(victim);
        Ok(())
    }

    /// `man 2 rmdir`.
    pub fn rmdir(&mut self, cx: &mut Cx, at: At, path: &[u8]) -> Result<()> {
        self.reap();
        let kinds = [Errno::EINVAL, Errno::ENOTEMPTY, Errno::EBUSY];
        let (dir, last) = self.prepare_remove(cx, at, path, kinds)?;
        let victim = self.fs_lookup(cx, dir.dentry, &last.name)?;
        self.may_delete(cx, dir.dentry, victim, true)?;
        self.check_mountpoint(cx, victim)?;
        self.fs_rmdir(cx, victim)?;
        self.detach_mounts(victim);
        Ok(())
    }

    /// `EBUSY` for what something is mounted on in the caller's namespace (`is_local_mountpoint`).
    fn check_mountpoint(&self, cx: &Cx, dentry: DentryId) -> Result<()> {
        let busy = self.mounts_at(dentry).any(|(parent, _)| {
            self.mounts
                .get(&parent)
                .is_some_and(|mount| mount.ns == Some(cx.mnt_ns))
        });
        if busy { Err(Errno::EBUSY) } else { Ok(()) }
    }

    /// `man 2 renameat2`.
    pub fn rename(
        &mut self,
        cx: &mut Cx,
        old: (At, &[u8]),
        new: (At, &[u8]),
        flags: RenameFlags,
    ) -> Result<()> {
        self.reap();
        let known = RenameFlags::NOREPLACE | RenameFlags::EXCHANGE | RenameFlags::WHITEOUT;
        let exchange = flags.contains(RenameFlags::EXCHANGE);
        if !known.contains(flags) || exchange && flags != RenameFlags::EXCHANGE {
            return Err(Errno::EINVAL);
        }
        let (from, old_last) = self.lookup_parent(cx, old.0, old.1)?;
        let (to, new_last) = self.lookup_parent(cx, new.0, new.1)?;
        if from.mount != to.mount {
            return Err(Errno::EXDEV);
        }
        if old_last.kind != Kind::Norm {
            return Err(Errno::EBUSY);
        }
        let noreplace = flags.contains(RenameFlags::NOREPLACE);
        if new_last.kind != Kind::Norm {
            return Err(if noreplace {
                Errno::EEXIST
            } else {
                Errno::EBUSY
            });
        }
        self.want_write(from.mount)?;
        let source = self.fs_lookup(cx, from.dentry, &old_last.name)?;
        let target = self.fs_find(cx, to.dentry, &new_last.name)?;
        if noreplace && target.is_some() {
            return Err(Errno::EEXIST);
        }
        let source_is_dir = self.is_dir(source);
        if exchange {
            let target = target.ok_or(Errno::ENOENT)?;
            if new_last.slash && !self.is_dir(target) {
                return Err(Errno::ENOTDIR);
            }
        }
        if !source_is_dir && (old_last.slash || new_last.slash && !exchange) {
            return Err(Errno::ENOTDIR);
        }
        if self.is_below(to.dentry, source) {
            return Err(Errno::EINVAL);
        }
        if let Some(target) = target.filter(|&target| self.is_below(from.dentry, target)) {
            let _ = target;
            return Err(if exchange {
                Errno::EINVAL
            } else {
                Errno::ENOTEMPTY
            });
        }
        self.vfs_rename(
            cx,
            (from.dentry, source),
            (to.dentry, &new_last.name, target),
            flags,
        )
    }

    fn vfs_rename(
        &mut self,
        cx: &mut Cx,
        (from, source): (DentryId, DentryId),
        (to, name, target): (DentryId, &[u8], Option<DentryId>),
        flags: RenameFlags,
    ) -> Result<()> {
        if let Some(target) = target
            && self.dentry(target)?.inode == self.dentry(source)?.inode
        {
            return Ok(());
        }
        let exchange = flags.contains(RenameFlags::EXCHANGE);
        let is_dir = self.is_dir(source);
        self.may_delete(cx, from, source, is_dir)?;
        match target {
            None => self.may_create(cx, to)?,
            Some(target) => {
                let wanted = if exchange {
                    self.is_dir(target)
                } else {
                    is_dir
                };
                self.may_delete(cx, to, target, wanted)?;
            }
        }
        if from != to {
            if is_dir {
                self.inode_permission(cx, source, MAY_WRITE)?;
            }
            if let Some(target) = target.filter(|&target| exchange && self.is_dir(target)) {
                self.inode_permission(cx, target, MAY_WRITE)?;
            }
        }
        self.check_mountpoint(cx, source)?;
        if let Some(target) = target {
            self.check_mountpoint(cx, target)?;
        }
        if flags.contains(RenameFlags::WHITEOUT) && !cx.cred.has_on_machine(cap::MKNOD) {
            return Err(Errno::EPERM);
        }
        self.fs_rename(cx, source, to, name, flags)?;
        if let Some(target) = target.filter(|_| !exchange) {
            self.detach_mounts(target);
        }
        Ok(())
    }

    fn fs_rename(
        &mut self,
        cx: &mut Cx,
        source: DentryId,
        dir: DentryId,
        name: &[u8],
        flags: RenameFlags,
    ) -> Result<()> {
        match self.kind_of(source)? {
            crate::fsops::Kind::Tmp => self.tmp_rename(cx, source, dir, name, flags),
            crate::fsops::Kind::Overlay => self.ovl_rename(cx, source, dir, name, flags),
            crate::fsops::Kind::Synthetic(_) => self.rename_synthetic(cx, source, dir, name, flags),
        }
    }

    fn rename_synthetic(
        &mut self,
        cx: &mut Cx,
        source: DentryId,
        dir: DentryId,
        name: &[u8],
        flags: RenameFlags,
    ) -> Result<()> {
        if !flags.is_empty() {
            return Err(Errno::EINVAL);
        }
        let dentry = self.dentry(source)?;
        let (sb, old_name, parent) = (
            dentry.sb,
            dentry.name.clone(),
            dentry.parent.ok_or(Errno::EBUSY)?,
        );
        let (crate::fsops::Kind::Synthetic(from), crate::fsops::Kind::Synthetic(to)) =
            (self.kind_of(parent)?, self.kind_of(dir)?)
        else {
            return Err(Errno::EXDEV);
        };
        cx.dynamic.rename(self, sb, (from, &old_name), (to, name))?;
        if let Some(target) = self.dentry(dir)?.children.get(name).copied() {
            self.invalidate(target);
        }
        self.move_dentry(source, dir, name);
        Ok(())
    }
}

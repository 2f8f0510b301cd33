//! Permission checks (`fs/namei.c`: `inode_permission`, `may_delete`, `may_create`).

use crate::store::{Attr, Body};
use crate::{Cred, Cx, DentryId, MountId, Path, UserNs, Vfs, cap};
use glassdock_abi::types::mode::*;
use glassdock_abi::{Errno, Result};

/// Execute, or search a directory (`X_OK`).
pub(crate) const MAY_EXEC: u32 = 1;
/// Write (`W_OK`).
pub(crate) const MAY_WRITE: u32 = 2;
/// Read (`R_OK`).
pub(crate) const MAY_READ: u32 = 4;

/// Whether the caller's capabilities count for a file.
pub(crate) fn has_over(cred: &Cred, attr: &Attr, caps: u64) -> bool {
    cred.has_over(attr.uid, attr.gid, caps)
}

/// Permission bits and capabilities (`generic_permission`). `EACCES` if refused.
pub(crate) fn generic(cred: &Cred, attr: &Attr, mask: u32) -> Result<()> {
    let mask = mask & 7;
    let bits = if cred.fsuid == attr.uid {
        attr.mode >> 6
    } else if cred.in_group(attr.gid) {
        attr.mode >> 3
    } else {
        attr.mode
    };
    if mask & !bits == 0 {
        return Ok(());
    }
    let reads = if attr.is_dir() {
        mask & MAY_WRITE == 0
    } else {
        mask == MAY_READ
    };
    if reads && has_over(cred, attr, cap::DAC_READ_SEARCH) {
        return Ok(());
    }
    let executable = attr.is_dir() || mask & MAY_EXEC == 0 || attr.mode & 0o111 != 0;
    if executable && has_over(cred, attr, cap::DAC_OVERRIDE) {
        return Ok(());
    }
    Err(Errno::EACCES)
}

/// Whether the caller owns the file or acts as owner of any (`inode_owner_or_capable`).
pub(crate) fn owns(cred: &Cred, attr: &Attr) -> bool {
    cred.fsuid == attr.uid || has_over(cred, attr, cap::FOWNER)
}

/// The set-id bits that a change by this caller clears (`setattr_should_drop_suidgid`).
pub(crate) fn kill_set_id(cred: &Cred, attr: &Attr) -> u32 {
    let mut mode = attr.mode & !S_ISUID;
    let group_executable = attr.mode & 0o010 != 0;
    if group_executable || !(cred.in_group(attr.gid) || has_over(cred, attr, cap::FSETID)) {
        mode &= !S_ISGID;
    }
    mode
}

/// Mode and group of a new file in a directory (`inode_init_owner`).
pub(crate) fn new_owner(cred: &Cred, dir: &Attr, mode: u32) -> (u32, u32) {
    if dir.mode & S_ISGID == 0 {
        return (mode, cred.fsgid);
    }
    if mode & S_IFMT == S_IFDIR {
        return (mode | S_ISGID, dir.gid);
    }
    let set_group = mode & (S_ISGID | 0o010) == S_ISGID | 0o010;
    let allowed = cred.in_group(dir.gid) || has_over(cred, dir, cap::FSETID);
    (
        if set_group && !allowed {
            mode & !S_ISGID
        } else {
            mode
        },
        dir.gid,
    )
}

/// Restrictions against tricks in directories that many write to (`Documentation/admin-guide/sysctl/fs.rst`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Protected {
    /// `protected_fifos`: 0, 1 or 2.
    pub fifos: u8,
    /// `protected_hardlinks`: 0 or 1.
    pub hardlinks: u8,
    /// `protected_regular`: 0, 1 or 2.
    pub regular: u8,
    /// `protected_symlinks`: 0 or 1.
    pub symlinks: u8,
}

impl Default for Protected {
    /// As systemd sets them on every distribution that uses it (`50-default.conf`).
    fn default() -> Self {
        Protected {
            fifos: 1,
            hardlinks: 1,
            regular: 2,
            symlinks: 1,
        }
    }
}

/// Bits of a directory that everybody writes to and only owners remove from.
const STICKY_SHARED: u32 = S_ISVTX | 0o002;

impl Vfs {
    /// `may_linkat`: with `protected_hardlinks`, others' files get a new name only where the caller may read and write
    /// them, and they are ordinary.
    pub(crate) fn may_link(&mut self, cx: &mut Cx, source: DentryId) -> Result<()> {
        let attr = self.fs_attr(cx, source)?;
        if self.protected.hardlinks == 0 || owns(cx.cred, &attr) {
            return Ok(());
        }
        let ordinary = attr.is_reg()
            && attr.mode & S_ISUID == 0
            && attr.mode & (S_ISGID | 0o010) != S_ISGID | 0o010;
        if ordinary
            && self
                .inode_permission(cx, source, MAY_READ | MAY_WRITE)
                .is_ok()
        {
            return Ok(());
        }
        Err(Errno::EPERM)
    }

    /// `may_follow_link`: with `protected_symlinks`, the last link of a path in a shared directory is followed only by
    /// its owner, or where the directory's owner made it.
    pub(crate) fn may_follow(&mut self, cx: &mut Cx, dir: DentryId, link: DentryId) -> Result<()> {
        let (dir, link) = (self.fs_attr(cx, dir)?, self.fs_attr(cx, link)?);
        let shared = dir.mode & STICKY_SHARED == STICKY_SHARED;
        if self.protected.symlinks == 0
            || link.uid == cx.cred.fsuid
            || !shared
            || dir.uid == link.uid
        {
            return Ok(());
        }
        Err(Errno::EACCES)
    }

    /// `may_create_in_sticky`: with `protected_fifos` and `protected_regular`, `O_CREAT` does not open others' files in
    /// shared directories.
    pub(crate) fn may_reuse(&mut self, cx: &mut Cx, dir: DentryId, file: &Attr) -> Result<()> {
        let dir = self.fs_attr(cx, dir)?;
        let level = match file.kind() {
            S_IFREG => self.protected.regular,
            S_IFIFO => self.protected.fifos,
            _ => 1,
        };
        let own = file.uid == dir.uid || file.uid == cx.cred.fsuid;
        if dir.mode & S_ISVTX == 0 || level == 0 || own {
            return Ok(());
        }
        if dir.mode & 0o002 != 0 || dir.mode & 0o020 != 0 && level >= 2 {
            return Err(Errno::EACCES);
        }
        Ok(())
    }

    /// `inode_permission`: the read-only superblock first, then bits and capabilities.
    pub(crate) fn inode_permission(
        &mut self,
        cx: &mut Cx,
        dentry: DentryId,
        mask: u32,
    ) -> Result<()> {
        let attr = self.fs_attr(cx, dentry)?;
        if mask & MAY_WRITE != 0
            && matches!(attr.kind(), S_IFREG | S_IFDIR | S_IFLNK)
            && self.sb(self.dentry(dentry)?.sb)?.readonly
        {
            return Err(Errno::EROFS);
        }
        let permitted = generic(cx.cred, &attr, mask);
        match &self.dnode(dentry)?.body {
            Body::Synthetic(node) if permitted.is_err() && cx.dynamic.permits(*node) => Ok(()),
            _ => permitted,
        }
    }

    /// `mnt_want_write`: `EROFS` on a read-only mount or superblock.
    pub(crate) fn want_write(&self, mount: MountId) -> Result<()> {
        let mount = self.mnt(mount)?;
        if mount.readonly() || self.sb(mount.sb)?.readonly {
            return Err(Errno::EROFS);
        }
        Ok(())
    }

    /// `may_create`: `ENOENT` in a removed directory, `EOVERFLOW` for an owner without a name in the user namespace that the file
    /// system was mounted in, then write and search permission.
    pub(crate) fn may_create(&mut self, cx: &mut Cx, dir: DentryId) -> Result<()> {
        if self.is_dead(dir) {
            return Err(Errno::ENOENT);
        }
        self.may_own(cx, dir)?;
        self.inode_permission(cx, dir, MAY_WRITE | MAY_EXEC)
    }

    /// Whether the caller's files can be stored there (`fsuidgid_has_mapping`).
    pub(crate) fn may_own(&self, cx: &Cx, dir: DentryId) -> Result<()> {
        let owner = &self.sb(self.dentry(dir)?.sb)?.owner;
        let named = |user: &UserNs| user.maps(cx.cred.fsuid, cx.cred.fsgid);
        match owner.as_deref().is_none_or(named) {
            true => Ok(()),
            false => Err(Errno::EOVERFLOW),
        }
    }

    /// `may_delete`: permission on the directory, the sticky bit, and whether the victim's type is the one meant.
    pub(crate) fn may_delete(
        &mut self,
        cx: &mut Cx,
        dir: DentryId,
        victim: DentryId,
        is_dir: bool,
    ) -> Result<()> {
        self.inode_permission(cx, dir, MAY_WRITE | MAY_EXEC)?;
        let (parent, attr) = (self.fs_attr(cx, dir)?, self.fs_attr(cx, victim)?);
        let sticky =
            parent.mode & S_ISVTX != 0 && cx.cred.fsuid != attr.uid && cx.cred.fsuid != parent.uid;
        if sticky && !has_over(cx.cred, &attr, cap::FOWNER) {
            return Err(Errno::EPERM);
        }
        match (is_dir, attr.is_dir()) {
            (true, false) => return Err(Errno::ENOTDIR),
            (false, true) => return Err(Errno::EISDIR),
            _ => {}
        }
        if self.is_dead(dir) {
            return Err(Errno::ENOENT);
        }
        Ok(())
    }

    /// Whether a directory was removed, or the dentry never had a name.
    pub(crate) fn is_dead(&self, dir: DentryId) -> bool {
        self.dentry(dir)
            .is_ok_and(|dentry| !dentry.hashed && self.sb(dentry.sb).is_ok_and(|sb| sb.root != dir))
    }

    /// Checks `cx.cred` against a place: `mask` of `R_OK` 4, `W_OK` 2, `X_OK` 1 (`access`, `chdir`, `chroot`).
    pub fn permission(&mut self, cx: &mut Cx, path: Path, mask: u32) -> Result<()> {
        let attr = self.fs_attr(cx, path.dentry)?;
        if mask & MAY_EXEC != 0 && attr.is_reg() && self.mnt(path.mount)?.noexec() {
            return Err(Errno::EACCES);
        }
        self.inode_permission(cx, path.dentry, mask)?;
        let special = matches!(attr.kind(), S_IFCHR | S_IFBLK | S_IFIFO | S_IFSOCK);
        if mask & MAY_WRITE != 0 && !special {
            self.want_write(path.mount)?;
        }
        Ok(())
    }

    /// Whether it may be executed: `EACCES` on a `noexec` mount, for anything but a regular file, and without
    /// permission, as `execve`.
    pub fn may_exec(&mut self, cx: &mut Cx, path: Path) -> Result<()> {
        let attr = self.fs_attr(cx, path.dentry)?;
        if !attr.is_reg() || self.mnt(path.mount)?.noexec() {
            return Err(Errno::EACCES);
        }
        self.inode_permission(cx, path.dentry, MAY_EXEC)
    }

    /// Whether set-id bits count there for a caller (`mnt_may_suid`): on a mount without `nosuid` in the caller's mount namespace,
    /// of a file system that was mounted in the caller's user namespace or around it.
    pub fn may_set_id(&self, cx: &Cx, path: Path) -> bool {
        let Ok(mount) = self.mnt(path.mount) else {
            return false;
        };
        let owner = self.sb(mount.sb).ok().and_then(|sb| sb.owner.as_deref());
        let within = match (owner, cx.cred.user.as_deref()) {
            (None, _) => true,
            (Some(owner), Some(user)) => user.is_within(owner),
            (Some(_), None) => false,
        };
        !mount.nosuid() && self.is_ours(cx, path.mount) && within
    }
}

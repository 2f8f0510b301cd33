//! Attributes (`fs/stat.c`, `fs/attr.c`, `fs/utimes.c`, `fs/statfs.c`).

use crate::perm::{MAY_WRITE, has_over, kill_set_id, owns};
use crate::store::{Attr, Fs};
use crate::{Cx, DentryId, NAME_MAX, PAGE_SIZE, Path, SetAttr, Vfs, cap};
use glassdock_abi::flags::MountFlags;
use glassdock_abi::types::{Dev, Stat, StatFs, TimeSet, Timespec, mode::*};
use glassdock_abi::{Errno, Result};

/// The access time is brought up to date at least once a day (`relatime`), in seconds.
const RELATIME: i64 = 24 * 60 * 60;

impl Vfs {
    /// `man 2 statx`.
    pub fn stat(&mut self, cx: &mut Cx, path: Path) -> Result<Stat> {
        let attr = self.fs_attr(cx, path.dentry)?;
        Ok(Stat {
            dev: self.dev_of(path.dentry)?,
            ino: attr.ino,
            mode: attr.mode,
            nlink: attr.nlink,
            uid: attr.uid,
            gid: attr.gid,
            rdev: attr.rdev,
            size: attr.size,
            blksize: PAGE_SIZE as u32,
            blocks: attr.blocks,
            atime: attr.atime,
            mtime: attr.mtime,
            ctime: attr.ctime,
            btime: attr.btime,
            mnt_id: path.mount.0,
        })
    }

    fn dev_of(&self, dentry: DentryId) -> Result<Dev> {
        let sb = self.sb_of(dentry)?;
        match &self.sb(sb)?.fs {
            Fs::Overlay(_) => self.ovl_dev(dentry),
            _ => Ok(self.sb(sb)?.dev),
        }
    }

    /// `man 2 statfs`.
    pub fn statfs(&mut self, _cx: &mut Cx, path: Path) -> Result<StatFs> {
        let mount = self.mnt(path.mount)?;
        let flags = mount.st_flags(self.sb(mount.sb)?.readonly);
        let sb = self.sb(self.sb_of(path.dentry)?)?;
        let magic = sb.magic;
        let mut at = sb;
        while let Fs::Overlay(overlay) = &at.fs {
            at = self.sb(overlay.top_sb())?;
        }
        let mut figures = StatFs {
            kind: magic,
            bsize: PAGE_SIZE as u32,
            namelen: NAME_MAX as u32,
            flags,
            ..StatFs::default()
        };
        if let Fs::Tmp(tmp) = &at.fs {
            if let Some(max) = tmp.max_pages {
                figures.blocks = max;
                figures.bfree = max.saturating_sub(tmp.used_pages);
                figures.bavail = figures.bfree;
            }
            if let Some(max) = tmp.max_inodes {
                figures.files = max;
                figures.ffree = max.saturating_sub(tmp.used_inodes);
            }
        }
        Ok(figures)
    }

    /// `man 2 readlinkat` of a symbolic link itself; `EINVAL` for anything else.
    pub fn readlink(&mut self, cx: &mut Cx, path: Path) -> Result<Vec<u8>> {
        if !self.is_symlink(path.dentry)? {
            return Err(Errno::EINVAL);
        }
        self.touch_atime(cx, path);
        self.fs_readlink(cx, path.dentry)
    }

    /// `man 2 chmod`.
    pub fn chmod(&mut self, cx: &mut Cx, path: Path, mode: u32) -> Result<()> {
        self.want_write(path.mount)?;
        let attr = self.fs_attr(cx, path.dentry)?;
        if attr.is_symlink() {
            return Err(Errno::EOPNOTSUPP);
        }
        if !owns(cx.cred, &attr) {
            return Err(Errno::EPERM);
        }
        let mut mode = mode & 0o7777;
        if !(cx.cred.in_group(attr.gid) || has_over(cx.cred, &attr, cap::FSETID)) {
            mode &= !S_ISGID;
        }
        let set = SetAttr {
            mode: Some(mode),
            ctime: Some(cx.now),
            ..SetAttr::default()
        };
        self.fs_set_attr(cx, path.dentry, &set)
    }

    /// `man 2 chown`; `u32::MAX` leaves an id as it is.
    pub fn chown(&mut self, cx: &mut Cx, path: Path, uid: u32, gid: u32) -> Result<()> {
        self.want_write(path.mount)?;
        let attr = self.fs_attr(cx, path.dentry)?;
        let given = |id: u32| Some(id).filter(|&id| id != u32::MAX);
        let (uid, gid) = (given(uid), given(gid));
        let owner = cx.cred.fsuid == attr.uid;
        let uid_allowed = uid.is_none_or(|uid| owner && uid == attr.uid);
        let gid_allowed = gid.is_none_or(|gid| owner && (gid == attr.gid || cx.cred.in_group(gid)));
        let allowed = uid_allowed && gid_allowed || has_over(cx.cred, &attr, cap::CHOWN);
        if !allowed {
            return Err(Errno::EPERM);
        }
        let killed = kill_set_id(cx.cred, &attr);
        let mode = (!attr.is_dir() && killed != attr.mode).then_some(killed & 0o7777);
        let set = SetAttr {
            mode,
            uid,
            gid,
            ctime: Some(cx.now),
            ..SetAttr::default()
        };
        self.fs_set_attr(cx, path.dentry, &set)?;
        if !attr.is_dir() {
            self.kill_capability(cx, path.dentry)?;
        }
        Ok(())
    }

    /// File capabilities end with a change of owner or contents (`security_inode_killpriv`).
    fn kill_capability(&mut self, cx: &mut Cx, dentry: DentryId) -> Result<()> {
        if self.fs_get_xattr(dentry, b"security.capability").is_ok() {
            self.fs_set_xattr(cx, dentry, b"security.capability", None)?;
        }
        Ok(())
    }

    /// Before contents change: set-id bits and capabilities go (`file_remove_privs`), the times become now.
    pub(crate) fn before_write(&mut self, cx: &mut Cx, dentry: DentryId) -> Result<()> {
        let attr = self.fs_attr(cx, dentry)?;
        let mut set = SetAttr {
            mtime: Some(cx.now),
            ctime: Some(cx.now),
            ..SetAttr::default()
        };
        if !has_over(cx.cred, &attr, cap::FSETID) {
            let killed = kill_set_id(cx.cred, &attr);
            set.mode = (killed != attr.mode).then_some(killed & 0o7777);
        }
        self.kill_capability(cx, dentry)?;
        self.fs_set_attr(cx, dentry, &set)
    }

    /// `man 2 utimensat`.
    pub fn utimens(
        &mut self,
        cx: &mut Cx,
        path: Path,
        atime: TimeSet,
        mtime: TimeSet,
    ) -> Result<()> {
        let valid = |time| {
            !matches!(
                time,
                TimeSet::At(Timespec {
                    nsec: 1_000_000_000..,
                    ..
                })
            )
        };
        if !valid(atime) || !valid(mtime) {
            return Err(Errno::EINVAL);
        }
        if (atime, mtime) == (TimeSet::Omit, TimeSet::Omit) {
            return Ok(());
        }
        self.want_write(path.mount)?;
        let attr = self.fs_attr(cx, path.dentry)?;
        if !owns(cx.cred, &attr) {
            if (atime, mtime) != (TimeSet::Now, TimeSet::Now) {
                return Err(Errno::EPERM);
            }
            self.inode_permission(cx, path.dentry, MAY_WRITE)?;
        }
        let now = cx.now;
        let time = |set| match set {
            TimeSet::Omit => None,
            TimeSet::Now => Some(now),
            TimeSet::At(time) => Some(time),
        };
        let set = SetAttr {
            atime: time(atime),
            mtime: time(mtime),
            ctime: Some(now),
            ..SetAttr::default()
        };
        self.fs_set_attr(cx, path.dentry, &set)
    }

    /// Something was read: the access time follows by the mount's rules (`touch_atime`).
    pub(crate) fn touch_atime(&mut self, cx: &mut Cx, path: Path) {
        let Ok(mount) = self.mnt(path.mount) else {
            return;
        };
        let flags = mount.flags;
        if flags.contains(MountFlags::NOATIME) || self.want_write(path.mount).is_err() {
            return;
        }
        let Some(tmp) = self.real_tmp(path.dentry) else {
            return;
        };
        let Ok(attr) = self.dnode(tmp).map(|inode| inode.attr.clone()) else {
            return;
        };
        if flags.contains(MountFlags::NODIRATIME) && attr.is_dir() {
            return;
        }
        if flags.contains(MountFlags::RELATIME) && !relatime_due(&attr, cx.now)
            || attr.atime == cx.now
        {
            return;
        }
        if let Ok(dentry) = self.dentry(tmp) {
            let (inode, now) = (dentry.inode, cx.now);
            self.change_inode(inode, |inode| inode.attr.atime = now);
        }
    }

    /// The tmpfs file whose access time counts: an overlay passes on to its upper layer only.
    fn real_tmp(&self, mut dentry: DentryId) -> Option<DentryId> {
        loop {
            match &self.dnode(dentry).ok()?.body {
                crate::store::Body::Overlay(node) => dentry = node.upper?,
                crate::store::Body::Synthetic(_) => return None,
                _ => return Some(dentry),
            }
        }
    }
}

fn relatime_due(attr: &Attr, now: Timespec) -> bool {
    attr.atime <= attr.mtime || attr.atime <= attr.ctime || now.sec - attr.atime.sec >= RELATIME
}

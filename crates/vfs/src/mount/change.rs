//! Changing mounts that are there: remount and propagation.

use crate::store::Fs;
use crate::{At, Cx, Lookup, MountId, Path, Vfs};
use glassdock_abi::flags::{AtFlags, MountFlags};
use glassdock_abi::{Errno, Result};

/// What `mount_setattr` does to each mount.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MountChange {
    /// Flags that are given.
    pub set: MountFlags,
    /// Flags that are taken away, before.
    pub clear: MountFlags,
    /// One of the flags of propagation, or none.
    pub propagation: MountFlags,
}

impl Vfs {
    fn change_flags(&mut self, id: MountId, flags: MountFlags) {
        if let Some(mount) = self.mounts.get_mut(&id) {
            mount.flags = flags & super::KEPT;
        }
        self.mark_ns(id);
    }

    /// Whether a file of the superblock is open for writing.
    pub(super) fn has_writers(&self, sb: crate::SbId) -> bool {
        self.mounts
            .values()
            .any(|mount| mount.sb == sb && mount.writers > 0)
    }

    /// `MS_REMOUNT | MS_BIND`: the flags of one mount. `EBUSY` to read-only while files are open for writing.
    pub(crate) fn remount_bind(&mut self, cx: &Cx, path: Path, flags: MountFlags) -> Result<()> {
        if !self.is_ours(cx, path.mount) || !self.is_mount_root(path) {
            return Err(Errno::EINVAL);
        }
        let mount = self.mnt(path.mount)?;
        if flags.contains(MountFlags::RDONLY) && !mount.readonly() && mount.writers > 0 {
            return Err(Errno::EBUSY);
        }
        self.may_have_flags(path.mount, flags)?;
        self.change_flags(path.mount, flags);
        Ok(())
    }

    /// `MS_REMOUNT`: options of the superblock, and the flags of the mount. `EBUSY` to read-only while files are open
    /// for writing.
    pub(crate) fn remount(
        &mut self,
        cx: &mut Cx,
        path: Path,
        flags: MountFlags,
        readonly: bool,
        data: &[u8],
    ) -> Result<()> {
        if !self.is_ours(cx, path.mount) || !self.is_mount_root(path) {
            return Err(Errno::EINVAL);
        }
        self.may_have_flags(path.mount, flags)?;
        let sb = self.mnt(path.mount)?.sb;
        if !self.rules(cx, sb) {
            return Err(Errno::EPERM);
        }
        match &self.sb(sb)?.fs {
            Fs::Tmp(_) => self.tmp_remount(sb, data)?,
            Fs::Overlay(overlay) if !readonly && overlay.upper.is_none() => {
                return Err(Errno::EROFS);
            }
            _ => {}
        }
        if readonly && !self.sb(sb)?.readonly && self.has_writers(sb) {
            return Err(Errno::EBUSY);
        }
        self.change_sb(sb, |sb| sb.readonly = readonly);
        self.change_flags(path.mount, flags);
        Ok(())
    }

    /// `MS_SHARED`, `MS_SLAVE`, `MS_PRIVATE`, `MS_UNBINDABLE`, with `MS_REC` on all mounts below.
    pub(crate) fn change_propagation(
        &mut self,
        cx: &Cx,
        path: Path,
        flags: MountFlags,
    ) -> Result<()> {
        let kind = flags.difference(MountFlags::REC | MountFlags::SILENT);
        let known = [
            MountFlags::SHARED,
            MountFlags::SLAVE,
            MountFlags::PRIVATE,
            MountFlags::UNBINDABLE,
        ];
        if !known.contains(&kind) || !self.is_mount_root(path) || !self.is_ours(cx, path.mount) {
            return Err(Errno::EINVAL);
        }
        for id in self.one_or_tree(path.mount, flags.contains(MountFlags::REC)) {
            self.propagate_as(id, kind);
        }
        Ok(())
    }

    fn one_or_tree(&self, id: MountId, recursive: bool) -> Vec<MountId> {
        match recursive {
            true => self.mount_tree(id),
            false => vec![id],
        }
    }

    fn propagate_as(&mut self, id: MountId, kind: MountFlags) {
        match kind {
            MountFlags::SHARED => self.make_shared(id),
            MountFlags::SLAVE => self.make_slave(id),
            _ => self.make_private(id, kind == MountFlags::UNBINDABLE),
        }
    }

    /// `man 2 mount_setattr`: changes a mount, or with `AT_RECURSIVE` all below it, too; all of them or none. `EBUSY` to read-only
    /// while files are open for writing.
    pub fn mount_setattr(
        &mut self,
        cx: &mut Cx,
        (at, path): (At, &[u8]),
        flags: AtFlags,
        change: MountChange,
    ) -> Result<()> {
        let how = Lookup {
            follow: !flags.contains(AtFlags::SYMLINK_NOFOLLOW),
            empty: flags.contains(AtFlags::EMPTY_PATH),
            ..Lookup::FOLLOW
        };
        let place = self.walk_all(cx, at, path, how)?;
        let reachable = self.is_ours(cx, place.mount) || self.is_detached(place.mount);
        if !reachable || !self.is_mount_root(place) {
            return Err(Errno::EINVAL);
        }
        let mounts = self.one_or_tree(place.mount, flags.contains(AtFlags::RECURSIVE));
        let changed = |flags: MountFlags| (flags - change.clear) | change.set;
        for id in &mounts {
            let mount = self.mnt(*id)?;
            self.may_have_flags(*id, changed(mount.flags))?;
            if change.set.contains(MountFlags::RDONLY) && !mount.readonly() && mount.writers > 0 {
                return Err(Errno::EBUSY);
            }
        }
        for id in mounts {
            let flags = changed(self.mnt(id)?.flags);
            self.change_flags(id, flags);
            if !change.propagation.is_empty() {
                self.propagate_as(id, change.propagation);
            }
        }
        Ok(())
    }
}

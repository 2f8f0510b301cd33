//! Changing mounts that are there: remount and propagation.

use crate::store::Fs;
use crate::{Cx, MountId, Path, Vfs};
use glassdock_abi::flags::MountFlags;
use glassdock_abi::{Errno, Result};

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
        let mounts = match flags.contains(MountFlags::REC) {
            true => self.mount_tree(path.mount),
            false => vec![path.mount],
        };
        for id in mounts {
            match kind {
                MountFlags::SHARED => self.make_shared(id),
                MountFlags::SLAVE => self.make_slave(id),
                _ => self.make_private(id, kind == MountFlags::UNBINDABLE),
            }
        }
        Ok(())
    }
}

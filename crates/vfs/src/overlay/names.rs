//! Making, removing and renaming names in an overlay (`fs/overlayfs/dir.c`).

use super::copyup::WHITEOUT;
use super::{IMPURE, OPAQUE};
use crate::fsops::New;
use crate::{Cx, DentryId, SbId, Vfs};
use glassdock_abi::flags::RenameFlags;
use glassdock_abi::types::{Dev, mode::*};
use glassdock_abi::{Errno, Result};

impl Vfs {
    fn ovl_work(&self, dir: DentryId) -> Result<DentryId> {
        self.ovl(self.sb_of(dir)?)?.work.ok_or(Errno::EROFS)
    }

    fn set_opaque(&mut self, cx: &mut Cx, upper: DentryId) -> Result<()> {
        self.fs_set_xattr(cx, upper, OPAQUE, Some(b"y"))
    }

    /// A new file in the upper layer: in place of a whiteout by way of the work directory, opaque if a directory.
    pub(crate) fn ovl_create(
        &mut self,
        cx: &mut Cx,
        dir: DentryId,
        name: &[u8],
        new: &New,
    ) -> Result<DentryId> {
        if new.mode & S_IFMT == S_IFCHR && new.rdev == Dev(0) {
            // It would be taken for a whiteout.
            return Err(Errno::EPERM);
        }
        let upper_dir = self.ovl_copy_up(cx, dir)?;
        let whiteout = self.fs_find(cx, upper_dir, name)?;
        let upper = match whiteout {
            None => self.fs_create(cx, upper_dir, name, new)?,
            Some(whiteout) => {
                let work = self.ovl_work(dir)?;
                let temp = self.temp_name(work)?;
                let made = self.fs_create(cx, work, &temp, new)?;
                if new.mode & S_IFMT == S_IFDIR {
                    self.set_opaque(cx, made)?;
                    self.tmp_rename(cx, made, upper_dir, name, RenameFlags::EXCHANGE)?;
                    self.tmp_unlink(cx, whiteout)?;
                } else {
                    self.tmp_rename(cx, made, upper_dir, name, RenameFlags::empty())?;
                }
                made
            }
        };
        self.ovl_adopt(cx, dir, name, upper)
    }

    /// The overlay's dentry for a new file of the upper layer.
    fn ovl_adopt(
        &mut self,
        cx: &mut Cx,
        dir: DentryId,
        name: &[u8],
        upper: DentryId,
    ) -> Result<DentryId> {
        let sb = self.sb_of(dir)?;
        let node = super::OverlayNode {
            upper: Some(upper),
            ..Default::default()
        };
        let inode = self.ovl_inode(cx, sb, node)?;
        Ok(self.add_dentry(sb, Some(dir), name, inode))
    }

    pub(crate) fn ovl_link(
        &mut self,
        cx: &mut Cx,
        old: DentryId,
        dir: DentryId,
        name: &[u8],
    ) -> Result<()> {
        let upper = self.ovl_copy_up(cx, old)?;
        let upper_dir = self.ovl_copy_up(cx, dir)?;
        match self.fs_find(cx, upper_dir, name)? {
            None => self.tmp_link(cx, upper, upper_dir, name)?,
            Some(_) => {
                let work = self.ovl_work(dir)?;
                let temp = self.temp_name(work)?;
                self.tmp_link(cx, upper, work, &temp)?;
                let linked = self.fs_lookup(cx, work, &temp)?;
                self.tmp_rename(cx, linked, upper_dir, name, RenameFlags::empty())?;
            }
        }
        let (sb, inode) = (self.sb_of(dir)?, self.dentry(old)?.inode);
        self.add_dentry(sb, Some(dir), name, inode);
        Ok(())
    }

    /// Empties a directory of the upper layer of its whiteouts; the overlay shows it as empty.
    fn clear_whiteouts(&mut self, cx: &mut Cx, upper: DentryId) -> Result<()> {
        let children: Vec<DentryId> = self.dentry(upper)?.children.values().copied().collect();
        for child in children {
            self.remove_all(cx, child)?;
        }
        Ok(())
    }

    /// Removes a name: from the upper layer, leaving a whiteout where a lower one would show.
    pub(crate) fn ovl_remove(&mut self, cx: &mut Cx, victim: DentryId, is_dir: bool) -> Result<()> {
        if is_dir && !self.ovl_is_empty(cx, victim)? {
            return Err(Errno::ENOTEMPTY);
        }
        let dentry = self.dentry(victim)?;
        let (dir, name) = (dentry.parent.ok_or(Errno::EBUSY)?, dentry.name.clone());
        let upper_dir = self.ovl_copy_up(cx, dir)?;
        let lower = self.ovl_lower_has(cx, dir, &name)?;
        let upper = self.fs_find(cx, upper_dir, &name)?;
        if let Some(upper) = upper.filter(|_| is_dir) {
            self.clear_whiteouts(cx, upper)?;
        }
        if lower {
            self.put_whiteout(cx, dir, upper_dir, &name, upper)?;
        } else if let Some(upper) = upper {
            self.remove_all(cx, upper)?;
        }
        self.unhash(victim);
        Ok(())
    }

    /// Puts a whiteout in place of an upper file, or of nothing.
    fn put_whiteout(
        &mut self,
        cx: &mut Cx,
        dir: DentryId,
        upper_dir: DentryId,
        name: &[u8],
        upper: Option<DentryId>,
    ) -> Result<()> {
        let whiteout = self.prepare_whiteout(cx, dir)?;
        match upper.filter(|&upper| self.is_dir(upper)) {
            Some(upper) => {
                self.tmp_rename(cx, whiteout, upper_dir, name, RenameFlags::EXCHANGE)?;
                self.tmp_rmdir(cx, upper)
            }
            None => self.tmp_rename(cx, whiteout, upper_dir, name, RenameFlags::empty()),
        }
    }

    /// A whiteout in the work directory, to be moved from there: another name of the one that stays, unless there can
    /// be no more names (`ovl_whiteout`).
    fn prepare_whiteout(&mut self, cx: &mut Cx, dir: DentryId) -> Result<DentryId> {
        let (sb, work) = (self.sb_of(dir)?, self.ovl_work(dir)?);
        let kept = self.kept_whiteout(cx, sb, work)?;
        if !self.ovl(sb)?.lone_whiteouts {
            let temp = self.temp_name(work)?;
            match self.tmp_link(cx, kept, work, &temp) {
                Ok(()) => return self.fs_lookup(cx, work, &temp),
                Err(_) => self.ovl_mut(sb)?.lone_whiteouts = true,
            }
        }
        self.ovl_mut(sb)?.whiteout = None;
        self.put_dentry(kept);
        Ok(kept)
    }

    /// The whiteout that stays in the work directory, made where there is none.
    fn kept_whiteout(&mut self, cx: &mut Cx, sb: SbId, work: DentryId) -> Result<DentryId> {
        if let Some(kept) = self.ovl(sb)?.whiteout {
            // Somebody may have removed it from there.
            if self.dentry(kept)?.hashed {
                return Ok(kept);
            }
            self.put_dentry(kept);
        }
        let temp = self.temp_name(work)?;
        let new = New {
            mode: WHITEOUT,
            ..New::default()
        };
        let kept = self.fs_create(cx, work, &temp, &new)?;
        self.get_dentry(kept);
        self.ovl_mut(sb)?.whiteout = Some(kept);
        Ok(kept)
    }

    /// Whether a directory could be moved: not if lower layers are part of it (`ovl_can_move`).
    fn can_move(&self, dentry: DentryId) -> Result<bool> {
        Ok(!self.is_dir(dentry) || self.ovl_node(dentry)?.lowers.is_empty())
    }

    pub(crate) fn ovl_rename(
        &mut self,
        cx: &mut Cx,
        old: DentryId,
        dir: DentryId,
        name: &[u8],
        flags: RenameFlags,
    ) -> Result<()> {
        if !(RenameFlags::EXCHANGE | RenameFlags::NOREPLACE).contains(flags) {
            return Err(Errno::EINVAL);
        }
        let exchange = flags.contains(RenameFlags::EXCHANGE);
        let new = self.dentry(dir)?.children.get(name).copied();
        if !self.can_move(old)? {
            return Err(Errno::EXDEV);
        }
        if let Some(new) = new.filter(|&new| self.is_dir(new)) {
            if exchange && !self.can_move(new)? {
                return Err(Errno::EXDEV);
            }
            let pure = self.ovl_node(new)?.lowers.is_empty();
            if !exchange && !pure && !self.ovl_is_empty(cx, new)? {
                return Err(Errno::ENOTEMPTY);
            }
        }
        self.ovl_copy_up(cx, old)?;
        let upper_dir = self.ovl_copy_up(cx, dir)?;
        match new.filter(|_| exchange) {
            Some(new) => self.ovl_exchange(cx, old, (dir, upper_dir), name, new),
            None => self.ovl_move(cx, old, (dir, upper_dir), name, new),
        }
    }

    /// A pure upper directory that comes into a merged one hides what is below it.
    fn keep_pure(
        &mut self,
        cx: &mut Cx,
        moved: DentryId,
        upper: DentryId,
        into: DentryId,
    ) -> Result<()> {
        let opaque = self.fs_get_xattr(upper, OPAQUE).is_ok();
        if self.is_dir(moved) && !opaque && self.ovl_node(into)?.merged() {
            self.set_opaque(cx, upper)?;
        }
        Ok(())
    }

    /// A directory that gets a copy of a lower file says so, since that one's inode number is shown.
    fn mark_impure(&mut self, cx: &mut Cx, moved: DentryId, upper_dir: DentryId) -> Result<()> {
        let copied = self.ovl_node(moved)?.origin.is_some();
        if copied && self.fs_get_xattr(upper_dir, IMPURE).is_err() {
            self.fs_set_xattr(cx, upper_dir, IMPURE, Some(b"y"))?;
        }
        Ok(())
    }

    fn ovl_exchange(
        &mut self,
        cx: &mut Cx,
        old: DentryId,
        (dir, upper_dir): (DentryId, DentryId),
        name: &[u8],
        new: DentryId,
    ) -> Result<()> {
        self.ovl_copy_up(cx, new)?;
        let dentry = self.dentry(old)?;
        let (old_dir, old_name) = (dentry.parent.ok_or(Errno::EBUSY)?, dentry.name.clone());
        let upper_old = self
            .ovl_upper_entry(cx, old_dir, &old_name)?
            .ok_or(Errno::ESTALE)?;
        let upper_new = self.fs_find(cx, upper_dir, name)?.ok_or(Errno::ESTALE)?;
        self.keep_pure(cx, old, upper_old, dir)?;
        self.keep_pure(cx, new, upper_new, old_dir)?;
        self.mark_impure(cx, old, upper_dir)?;
        let upper_old_dir = self.ovl_copy_up(cx, old_dir)?;
        self.mark_impure(cx, new, upper_old_dir)?;
        self.tmp_rename(cx, upper_old, upper_dir, name, RenameFlags::EXCHANGE)?;
        self.unhash(new);
        self.move_dentry(old, dir, name);
        self.move_dentry(new, old_dir, &old_name);
        Ok(())
    }

    fn ovl_move(
        &mut self,
        cx: &mut Cx,
        old: DentryId,
        (dir, upper_dir): (DentryId, DentryId),
        name: &[u8],
        new: Option<DentryId>,
    ) -> Result<()> {
        let dentry = self.dentry(old)?;
        let (old_dir, old_name) = (dentry.parent.ok_or(Errno::EBUSY)?, dentry.name.clone());
        let upper_old_dir = self.ovl_copy_up(cx, old_dir)?;
        let upper_old = self
            .fs_find(cx, upper_old_dir, &old_name)?
            .ok_or(Errno::ESTALE)?;
        let lower = self.ovl_lower_has(cx, old_dir, &old_name)?;
        let is_dir = self.is_dir(old);
        let upper_new = self.fs_find(cx, upper_dir, name)?;
        let over_whiteout = new.is_none() && upper_new.is_some();
        self.keep_pure(cx, old, upper_old, dir)?;
        if let Some(new) = new.filter(|&new| self.is_dir(new))
            && !self.ovl_is_empty(cx, new)?
        {
            return Err(Errno::ENOTEMPTY);
        }
        if let Some(upper_new) = upper_new.filter(|&upper| self.is_dir(upper)) {
            self.clear_whiteouts(cx, upper_new)?;
        }
        self.mark_impure(cx, old, upper_dir)?;
        let flags = match (lower, over_whiteout) {
            (true, true) => RenameFlags::EXCHANGE,
            (true, false) => RenameFlags::WHITEOUT,
            (false, true) if is_dir => RenameFlags::EXCHANGE,
            (false, _) => RenameFlags::empty(),
        };
        self.tmp_rename(cx, upper_old, upper_dir, name, flags)?;
        if let Some(whiteout) = upper_new.filter(|_| over_whiteout && !lower && is_dir) {
            self.tmp_unlink(cx, whiteout)?;
        }
        if let Some(new) = new {
            self.unhash(new);
        }
        self.move_dentry(old, dir, name);
        Ok(())
    }
}

//! Copying a file from a lower layer to the upper one, before it is changed (`fs/overlayfs/copy_up.c`).

use super::lookup::handle;
use super::{IMPURE, ORIGIN, PREFIX};
use crate::content::Content;
use crate::fsops::New;
use crate::store::{Attr, Body};
use crate::{Cx, DentryId, SetAttr, Vfs};
use glassdock_abi::types::mode::*;
use glassdock_abi::{Errno, Result};

impl Vfs {
    /// Makes sure that a file is in the upper layer, with the directories above it, and gives it there.
    pub(crate) fn ovl_copy_up(&mut self, cx: &mut Cx, dentry: DentryId) -> Result<DentryId> {
        self.copy_up_chain(cx, dentry, true)
    }

    /// The same for a file that is about to be emptied: its contents are not copied.
    pub(crate) fn ovl_copy_up_empty(&mut self, cx: &mut Cx, dentry: DentryId) -> Result<DentryId> {
        self.copy_up_chain(cx, dentry, false)
    }

    fn copy_up_chain(&mut self, cx: &mut Cx, dentry: DentryId, contents: bool) -> Result<DentryId> {
        let mut chain = Vec::new();
        let mut at = Some(dentry);
        while let Some(id) = at {
            if self.ovl_node(id)?.upper.is_some() {
                break;
            }
            chain.push(id);
            at = self
                .dentry(id)?
                .parent
                .filter(|_| self.dentry(id).is_ok_and(|dentry| dentry.hashed));
        }
        while let Some(id) = chain.pop() {
            self.copy_up_one(cx, id, contents || id != dentry)?;
        }
        self.ovl_node(dentry)?.upper.ok_or(Errno::EROFS)
    }

    fn copy_up_one(&mut self, cx: &mut Cx, dentry: DentryId, contents: bool) -> Result<()> {
        let sb = self.sb_of(dentry)?;
        let overlay = self.ovl(sb)?;
        let (Some(upper_layer), Some(work)) = (overlay.upper, overlay.work) else {
            return Err(Errno::EROFS);
        };
        let lower = *self.ovl_node(dentry)?.lowers.first().ok_or(Errno::ESTALE)?;
        let attr = self.fs_attr(cx, lower)?;
        let (parent, name, hashed) = {
            let dentry = self.dentry(dentry)?;
            (dentry.parent, dentry.name.clone(), dentry.hashed)
        };
        let destination = match parent {
            Some(parent) if hashed => self.ovl_node(parent)?.upper,
            _ => None,
        };
        if destination.is_none() && attr.is_dir() {
            return Err(Errno::ENOENT);
        }
        let single = attr.is_dir() || attr.nlink == 1;
        let before = match destination {
            Some(destination) => {
                let before = self.fs_attr(cx, destination)?;
                if self.fs_get_xattr(destination, IMPURE).is_err() {
                    self.fs_set_xattr(cx, destination, IMPURE, Some(b"y"))?;
                }
                Some((destination, before))
            }
            None => None,
        };
        let copy = self.prepare_copy(cx, work, lower, &attr, contents)?;
        if single || destination.is_none() {
            let dev = self.sb(self.sb_of(lower)?)?.dev.0;
            let inode = self.dentry(copy)?.inode;
            self.store_xattr(inode, ORIGIN, Some(&handle(dev, attr.ino)));
        }
        let upper = match before {
            Some((destination, before)) => {
                let upper = self.install(cx, copy, destination, &name)?;
                let times = SetAttr {
                    atime: Some(before.atime),
                    mtime: Some(before.mtime),
                    ..SetAttr::default()
                };
                self.fs_set_attr(cx, destination, &times)?;
                upper
            }
            None => copy,
        };
        debug_assert_eq!(
            self.sb_of(upper)?,
            upper_layer.sb,
            "copies are made on the upper layer"
        );
        self.adopt_upper(dentry, upper, attr.is_dir(), single.then_some(attr.ino))
    }

    /// A copy in the work directory: nameless for regular files, under a temporary name for others.
    fn prepare_copy(
        &mut self,
        cx: &mut Cx,
        work: DentryId,
        lower: DentryId,
        attr: &Attr,
        contents: bool,
    ) -> Result<DentryId> {
        let target = if attr.is_symlink() {
            self.fs_readlink(cx, lower)?
        } else {
            Vec::new()
        };
        let new = New {
            mode: attr.mode,
            uid: attr.uid,
            gid: attr.gid,
            rdev: attr.rdev,
            target: &target,
        };
        let copy = if attr.is_reg() {
            self.tmp_nameless(cx, work, &new)?
        } else {
            let temp = self.temp_name(work)?;
            self.fs_create(cx, work, &temp, &new)?
        };
        let filled = self.fill_copy(cx, lower, copy, attr, contents);
        if filled.is_err() && !attr.is_reg() {
            self.remove_all(cx, copy)?;
        }
        filled.map(|()| copy)
    }

    fn fill_copy(
        &mut self,
        cx: &mut Cx,
        lower: DentryId,
        copy: DentryId,
        attr: &Attr,
        contents: bool,
    ) -> Result<()> {
        let inode = self.dentry(copy)?.inode;
        if attr.is_reg() && contents {
            let shared: Content = self.content(self.dentry(lower)?.inode)?.copied();
            self.tmp_share(inode, shared)?;
        }
        for name in self.fs_list_xattr(lower)? {
            if !name.starts_with(PREFIX) {
                let value = self.fs_get_xattr(lower, &name)?;
                self.store_xattr(inode, &name, Some(&value));
            }
        }
        let set = SetAttr {
            mode: (!attr.is_symlink()).then_some(attr.mode & 0o7777),
            atime: Some(attr.atime),
            mtime: Some(attr.mtime),
            ctime: Some(cx.now),
            ..SetAttr::default()
        };
        self.fs_set_attr(cx, copy, &set)
    }

    /// Gives a finished copy its name in the upper layer.
    fn install(
        &mut self,
        cx: &mut Cx,
        copy: DentryId,
        dir: DentryId,
        name: &[u8],
    ) -> Result<DentryId> {
        if self.dentry(copy)?.hashed {
            self.tmp_rename(cx, copy, dir, name, Default::default())?;
            return Ok(copy);
        }
        self.tmp_link(cx, copy, dir, name)?;
        self.fs_lookup(cx, dir, name)
    }

    /// A free name in the work directory.
    pub(super) fn temp_name(&mut self, work: DentryId) -> Result<Vec<u8>> {
        let found = self.sbs.values_mut().find_map(|sb| match &mut sb.fs {
            crate::store::Fs::Overlay(overlay) if overlay.work == Some(work) => Some(overlay),
            _ => None,
        });
        let overlay = found.ok_or(Errno::ESTALE)?;
        overlay.next_temp += 1;
        Ok(format!("#{:x}", overlay.next_temp).into_bytes())
    }

    /// From now on the file is the upper one. A directory keeps its lower ones, merged.
    fn adopt_upper(
        &mut self,
        dentry: DentryId,
        upper: DentryId,
        is_dir: bool,
        origin: Option<u64>,
    ) -> Result<()> {
        self.get_dentry(upper);
        let node = self.ovl_node_mut(dentry)?;
        node.upper = Some(upper);
        let mut dropped = Vec::new();
        if !is_dir {
            node.origin = origin;
            dropped = std::mem::take(&mut node.lowers);
        }
        for lower in dropped {
            self.put_dentry(lower);
        }
        let (sb, inode, real) = (
            self.sb_of(dentry)?,
            self.dentry(dentry)?.inode,
            self.dentry(upper)?.inode,
        );
        self.ovl_mut(sb)?.bind(inode, real);
        Ok(())
    }

    /// A regular file without a name (`O_TMPFILE`) in the upper layer.
    pub(crate) fn ovl_nameless(
        &mut self,
        cx: &mut Cx,
        dir: DentryId,
        new: &New,
    ) -> Result<DentryId> {
        let upper_dir = self.ovl_copy_up(cx, dir)?;
        let upper = self.tmp_nameless(cx, upper_dir, new)?;
        let sb = self.sb_of(dir)?;
        let node = super::OverlayNode {
            upper: Some(upper),
            ..Default::default()
        };
        let inode = self.ovl_inode(cx, sb, node)?;
        debug_assert!(matches!(self.node(inode)?.body, Body::Overlay(_)));
        Ok(self.add_dentry(sb, None, b"#tmpfile", inode))
    }
}

/// The mode of a whiteout.
pub(super) const WHITEOUT: u32 = S_IFCHR;

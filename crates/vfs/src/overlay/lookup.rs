//! Finding a name in the layers (`ovl_lookup`).

use super::{IMPURE, OPAQUE, ORIGIN, OverlayNode};
use crate::store::{Body, Inode};
use crate::{Cx, DentryId, InodeId, SbId, Vfs};
use glassdock_abi::{Errno, Result};

/// Bytes of the handle before the number: version, magic, length, flags, type, and the file system's id.
const HANDLE_HEADER: usize = 21;
/// `FILEID_INO64_GEN`.
const HANDLE_TYPE: u8 = 0x81;

/// A handle as overlayfs stores it in `trusted.overlay.origin` (`struct ovl_fb`).
pub(super) fn handle(dev: u64, ino: u64) -> Vec<u8> {
    let len = HANDLE_HEADER + 12;
    let mut bytes = vec![0, 0xfb, len as u8, 0, HANDLE_TYPE];
    bytes.extend_from_slice(b"glassfs\0");
    bytes.extend_from_slice(&dev.to_le_bytes());
    bytes.extend_from_slice(&ino.to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes
}

/// The device and inode number in a handle of ours.
fn parse_handle(bytes: &[u8]) -> Option<(u64, u64)> {
    let number = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    if bytes.len() != HANDLE_HEADER + 12
        || bytes.get(1) != Some(&0xfb)
        || bytes.get(4) != Some(&HANDLE_TYPE)
    {
        return None;
    }
    Some((number(HANDLE_HEADER - 8)?, number(HANDLE_HEADER)?))
}

impl Vfs {
    /// Whether a directory of a layer hides what is below it.
    fn is_opaque(&self, dir: DentryId) -> bool {
        self.fs_get_xattr(dir, OPAQUE)
            .is_ok_and(|value| value == b"y")
    }

    /// What the layers have under a name; nothing if it is hidden or absent.
    fn ovl_find(&mut self, cx: &mut Cx, dir: &OverlayNode, name: &[u8]) -> Result<OverlayNode> {
        let mut found = OverlayNode::default();
        if let Some(upper_dir) = dir.upper
            && let Some(upper) = self.fs_find(cx, upper_dir, name)?
        {
            let attr = self.fs_attr(cx, upper)?;
            if attr.is_whiteout() {
                return Ok(found);
            }
            found.upper = Some(upper);
            if !attr.is_dir() {
                found.origin = self.ovl_origin(upper);
                return Ok(found);
            }
            if self.is_opaque(upper) {
                return Ok(found);
            }
        }
        for &lower_dir in &dir.lowers {
            let Some(lower) = self.fs_find(cx, lower_dir, name)? else {
                continue;
            };
            let attr = self.fs_attr(cx, lower)?;
            if attr.is_whiteout() {
                break;
            }
            if !attr.is_dir() {
                if found.real().is_none() {
                    found.lowers.push(lower);
                }
                break;
            }
            found.lowers.push(lower);
            if self.is_opaque(lower) {
                break;
            }
        }
        if let (Some(upper_dir), Some(upper), Some(lower)) =
            (dir.upper, found.upper, found.lowers.first())
        {
            self.fix_origin(cx, upper_dir, upper, *lower)?;
        }
        Ok(found)
    }

    /// A directory of the upper layer that is merged with a lower one remembers that one (`ovl_fix_origin`).
    fn fix_origin(
        &mut self,
        cx: &mut Cx,
        upper_dir: DentryId,
        upper: DentryId,
        lower: DentryId,
    ) -> Result<()> {
        if self.fs_get_xattr(upper, ORIGIN).is_ok() {
            return Ok(());
        }
        let (dev, ino) = (
            self.sb(self.sb_of(lower)?)?.dev.0,
            self.fs_attr(cx, lower)?.ino,
        );
        self.fs_set_xattr(cx, upper, ORIGIN, Some(&handle(dev, ino)))?;
        if self.fs_get_xattr(upper_dir, IMPURE).is_err() {
            self.fs_set_xattr(cx, upper_dir, IMPURE, Some(b"y"))?;
        }
        Ok(())
    }

    fn ovl_origin(&self, upper: DentryId) -> Option<u64> {
        let (dev, ino) = parse_handle(&self.fs_get_xattr(upper, ORIGIN).ok()?)?;
        let known = self.sbs.values().any(|sb| sb.dev.0 == dev);
        known.then_some(ino)
    }

    pub(crate) fn ovl_lookup(
        &mut self,
        cx: &mut Cx,
        dir: DentryId,
        name: &[u8],
    ) -> Result<DentryId> {
        let node = self.ovl_node(dir)?.clone();
        let found = self.ovl_find(cx, &node, name)?;
        let sb = self.sb_of(dir)?;
        if found.real().is_none() {
            return Err(Errno::ENOENT);
        }
        let inode = self.ovl_inode(cx, sb, found)?;
        Ok(self.add_dentry(sb, Some(dir), name, inode))
    }

    /// The overlay's inode for real files: one that is there already, or a new one. Lower files with several names get
    /// an inode for each, since copy-up parts them.
    pub(super) fn ovl_inode(
        &mut self,
        cx: &mut Cx,
        sb: SbId,
        node: OverlayNode,
    ) -> Result<InodeId> {
        let real = node.real().ok_or(Errno::ESTALE)?;
        let attr = self.fs_attr(cx, real)?;
        let key = self.dentry(real)?.inode;
        let keyed = node.upper.is_some() || attr.is_dir() || attr.nlink == 1;
        if keyed && let Some(&inode) = self.ovl(sb)?.by_real.get(&key) {
            return Ok(inode);
        }
        for real in node.reals() {
            self.get_dentry(real);
        }
        let inode = self.add_inode(Inode::new(sb, attr.ino, attr.mode, Body::Overlay(node)));
        if keyed {
            self.ovl_mut(sb)?.bind(inode, key);
        }
        Ok(inode)
    }

    /// Whether lower layers show a name in a directory, were it not for the upper one (`ovl_lower_positive`).
    pub(super) fn ovl_lower_has(
        &mut self,
        cx: &mut Cx,
        dir: DentryId,
        name: &[u8],
    ) -> Result<bool> {
        for lower in self.ovl_node(dir)?.lowers.clone() {
            if let Some(found) = self.fs_find(cx, lower, name)? {
                return Ok(!self.fs_attr(cx, found)?.is_whiteout());
            }
        }
        Ok(false)
    }

    /// What the upper layer has under a name, whiteouts too.
    pub(super) fn ovl_upper_entry(
        &mut self,
        cx: &mut Cx,
        dir: DentryId,
        name: &[u8],
    ) -> Result<Option<DentryId>> {
        match self.ovl_node(dir)?.upper {
            Some(upper) => self.fs_find(cx, upper, name),
            None => Ok(None),
        }
    }
}

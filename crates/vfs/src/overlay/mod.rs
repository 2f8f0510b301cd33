//! overlayfs (`Documentation/filesystems/overlayfs.rst`; `fs/overlayfs/`).
//!
//! An overlay's inode stands for a file in the upper layer, in lower layers, or a directory merged from several. Layers
//! are reached through the same inner operations as any file, below mounts and without permission checks, as the
//! mounter who had `CAP_SYS_ADMIN`. Options that default to off (`redirect_dir`, `index`, `metacopy`, `xino`,
//! `nfs_export`, `userxattr`) cannot be switched on.

mod copyup;
mod lookup;
mod mount;
mod names;
mod options;
mod readdir;

use crate::store::{Attr, Fs};
use crate::{Cx, DentryId, InodeId, SbId, SetAttr, Vfs};
use glassdock_abi::types::Dev;
use glassdock_abi::{Errno, Result};
use std::collections::BTreeMap;

/// Magic number for `statfs` (`OVERLAYFS_SUPER_MAGIC`).
pub(crate) const OVERLAY_MAGIC: u64 = 0x794c_7630;
/// Prefix of overlayfs's own attributes.
const PREFIX: &[u8] = b"trusted.overlay.";
/// Mark of a directory that hides what is below it.
const OPAQUE: &[u8] = b"trusted.overlay.opaque";
/// Mark of a directory that holds copied-up files.
const IMPURE: &[u8] = b"trusted.overlay.impure";
/// Number of the file system, on the upper root directory.
const UUID: &[u8] = b"trusted.overlay.uuid";
/// Handle of the lower file that a file was copied up from.
const ORIGIN: &[u8] = b"trusted.overlay.origin";

/// One file of an overlay.
#[derive(Clone, Debug, Default)]
pub(crate) struct OverlayNode {
    pub upper: Option<DentryId>,
    /// From the top down; more than one only for directories.
    pub lowers: Vec<DentryId>,
    /// Inode number of the lower file that it was copied up from.
    pub origin: Option<u64>,
}

impl OverlayNode {
    /// Every dentry that it holds.
    pub fn reals(&self) -> impl Iterator<Item = DentryId> + '_ {
        self.upper.iter().chain(&self.lowers).copied()
    }
    /// The topmost dentry.
    pub fn real(&self) -> Option<DentryId> {
        self.reals().next()
    }
    /// Whether it is a directory merged from several (`OVL_TYPE_MERGE`).
    fn merged(&self) -> bool {
        self.lowers.len() + usize::from(self.upper.is_some()) > 1
    }
}

/// A layer: a directory and its file system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layer {
    pub root: DentryId,
    pub sb: SbId,
}

/// An overlay's superblock.
#[derive(Clone, Debug)]
pub(crate) struct OverlayFs {
    pub upper: Option<Layer>,
    /// The directory in which files are prepared.
    pub work: Option<DentryId>,
    /// From the top down.
    pub lowers: Vec<Layer>,
    /// Overlay inodes by the real inode that they stand for, and the reverse.
    pub by_real: BTreeMap<InodeId, InodeId>,
    pub real_of: BTreeMap<InodeId, InodeId>,
    /// Device numbers shown for files of each layer's file system, where the layers are not all on one.
    pub devs: BTreeMap<SbId, Dev>,
    pub next_temp: u64,
    /// The whiteout in the work directory whose inode all others share.
    pub whiteout: Option<DentryId>,
    /// Whether sharing has failed, so that each whiteout is a file of its own.
    pub lone_whiteouts: bool,
    /// How many overlays are on top of each other, this one included.
    pub depth: u32,
    /// Options as `/proc/PID/mountinfo` shows them.
    pub shown: Vec<u8>,
}

impl OverlayFs {
    /// The file system that `statfs` asks.
    pub fn top_sb(&self) -> SbId {
        self.upper
            .as_ref()
            .or(self.lowers.first())
            .map_or(SbId(0), |layer| layer.sb)
    }

    /// An overlay inode is gone.
    pub fn forget(&mut self, inode: InodeId) {
        if let Some(real) = self.real_of.remove(&inode) {
            self.by_real.remove(&real);
        }
    }

    fn bind(&mut self, inode: InodeId, real: InodeId) {
        self.forget(inode);
        self.by_real.insert(real, inode);
        self.real_of.insert(inode, real);
    }
}

/// The name under which an attribute of an overlay is kept in the layer: names of overlayfs's own are escaped.
pub(crate) fn real_xattr_name(name: &[u8]) -> Vec<u8> {
    match name.strip_prefix(PREFIX) {
        Some(rest) => [PREFIX, b"overlay.", rest].concat(),
        None => name.to_vec(),
    }
}

/// The reverse; `None` for what overlayfs keeps to itself.
pub(crate) fn shown_xattr_name(name: &[u8]) -> Option<Vec<u8>> {
    let Some(rest) = name.strip_prefix(PREFIX) else {
        return Some(name.to_vec());
    };
    rest.strip_prefix(b"overlay.")
        .map(|rest| [PREFIX, rest].concat())
}

impl Vfs {
    pub(crate) fn ovl(&self, sb: SbId) -> Result<&OverlayFs> {
        match &self.sb(sb)?.fs {
            Fs::Overlay(overlay) => Ok(overlay),
            _ => Err(Errno::ESTALE),
        }
    }

    pub(crate) fn ovl_mut(&mut self, sb: SbId) -> Result<&mut OverlayFs> {
        match &mut self.sb_mut(sb)?.fs {
            Fs::Overlay(overlay) => Ok(overlay),
            _ => Err(Errno::ESTALE),
        }
    }

    pub(crate) fn ovl_node(&self, dentry: DentryId) -> Result<&OverlayNode> {
        match &self.dnode(dentry)?.body {
            crate::store::Body::Overlay(node) => Ok(node),
            _ => Err(Errno::ESTALE),
        }
    }

    fn ovl_node_mut(&mut self, dentry: DentryId) -> Result<&mut OverlayNode> {
        let inode = self.dentry(dentry)?.inode;
        match self.inodes.get_mut(&inode).map(|inode| &mut inode.body) {
            Some(crate::store::Body::Overlay(node)) => Ok(node),
            _ => Err(Errno::ESTALE),
        }
    }

    /// Attributes: the topmost file's; the number stays the lower one's after copy-up, and a merged directory has one
    /// link, so that nobody counts its subdirectories.
    pub(crate) fn ovl_attr(&mut self, cx: &mut Cx, dentry: DentryId) -> Result<Attr> {
        let node = self.ovl_node(dentry)?.clone();
        let mut attr = self.fs_attr(cx, node.real().ok_or(Errno::ESTALE)?)?;
        if attr.is_dir() {
            if node.merged() {
                attr.nlink = 1;
            }
            if let (Some(_), Some(&lower)) = (node.upper, node.lowers.first()) {
                attr.ino = self.fs_attr(cx, lower)?.ino;
            }
        } else if let Some(origin) = node.origin {
            attr.ino = origin;
        }
        Ok(attr)
    }

    /// The device number shown: the overlay's own, unless the layers are on several file systems and the file is no
    /// directory.
    pub(crate) fn ovl_dev(&self, dentry: DentryId) -> Result<Dev> {
        let sb = self.sb_of(dentry)?;
        let own = self.sb(sb)?.dev;
        if self.is_dir(dentry) {
            return Ok(own);
        }
        let real = self.ovl_node(dentry)?.real().ok_or(Errno::ESTALE)?;
        Ok(self
            .ovl(sb)?
            .devs
            .get(&self.sb_of(real)?)
            .copied()
            .unwrap_or(own))
    }

    pub(crate) fn ovl_set_attr(
        &mut self,
        cx: &mut Cx,
        dentry: DentryId,
        set: &SetAttr,
    ) -> Result<()> {
        let upper = self.ovl_copy_up(cx, dentry)?;
        self.fs_set_attr(cx, upper, set)
    }

    /// The superblock is gone: so are its layers' references.
    pub(crate) fn put_layers(&mut self, overlay: OverlayFs) {
        for held in overlay.work.into_iter().chain(overlay.whiteout) {
            self.put_dentry(held);
        }
        for layer in overlay.upper.iter().chain(&overlay.lowers) {
            self.put_dentry(layer.root);
        }
        self.reap();
        for layer in overlay.upper.iter().chain(&overlay.lowers) {
            self.put_sb(layer.sb);
        }
    }
}

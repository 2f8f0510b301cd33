//! Operations on dentries by type of file system, without permission checks: what `inode_operations` are to Linux.

use crate::content::Content;
use crate::store::{Attr, Body, Fs, Inode};
use crate::{Cx, DentryId, InodeId, Link, NAME_MAX, NodeEntry, NodeId, Path, SbId, SetAttr, Vfs};
use glassdock_abi::types::{Dev, mode::*};
use glassdock_abi::{Errno, Result};

/// A file to make.
#[derive(Clone, Debug, Default)]
pub(crate) struct New<'a> {
    /// Type and permission bits.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub rdev: Dev,
    /// Text of a symbolic link.
    pub target: &'a [u8],
}

/// Which file system serves a dentry.
pub(crate) enum Kind {
    Tmp,
    Overlay,
    Synthetic(NodeId),
}

impl Vfs {
    pub(crate) fn kind_of(&self, dentry: DentryId) -> Result<Kind> {
        Ok(match self.dnode(dentry)?.body {
            Body::Overlay(_) => Kind::Overlay,
            Body::Synthetic(node) => Kind::Synthetic(node),
            _ => Kind::Tmp,
        })
    }

    pub(crate) fn sb_of(&self, dentry: DentryId) -> Result<SbId> {
        Ok(self.dentry(dentry)?.sb)
    }

    pub(crate) fn fs_attr(&mut self, cx: &mut Cx, dentry: DentryId) -> Result<Attr> {
        let inode = self.dnode(dentry)?;
        match inode.body {
            Body::Overlay(_) => self.ovl_attr(cx, dentry),
            Body::Synthetic(node) => {
                let sb = inode.sb;
                let attr = cx.dynamic.attr(self, sb, node)?;
                Ok(Attr {
                    ino: attr.ino,
                    mode: attr.mode,
                    nlink: attr.nlink,
                    uid: attr.uid,
                    gid: attr.gid,
                    rdev: attr.rdev,
                    size: attr.size,
                    blocks: 0,
                    atime: attr.atime,
                    mtime: attr.mtime,
                    ctime: attr.ctime,
                    btime: attr.ctime,
                })
            }
            _ => Ok(inode.attr.clone()),
        }
    }

    pub(crate) fn is_symlink(&self, dentry: DentryId) -> Result<bool> {
        Ok(self.dnode(dentry)?.attr.is_symlink())
    }

    /// Whether a dentry is a directory; the type of a file never changes.
    pub(crate) fn is_dir(&self, dentry: DentryId) -> bool {
        self.dnode(dentry).is_ok_and(|inode| inode.attr.is_dir())
    }

    /// Finds a name in a directory. `ENOENT` if there is none, `ENAMETOOLONG` for a name that cannot be.
    pub(crate) fn fs_lookup(
        &mut self,
        cx: &mut Cx,
        dir: DentryId,
        name: &[u8],
    ) -> Result<DentryId> {
        if name.len() > NAME_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        let directory = self.dentry(dir)?;
        let cached = directory.children.get(name).copied();
        match (&self.node(directory.inode)?.body, cached) {
            (&Body::Synthetic(node), cached) => self.lookup_synthetic(cx, dir, node, name, cached),
            (_, Some(found)) => Ok(found),
            (Body::Overlay(_), None) => self.ovl_lookup(cx, dir, name),
            (_, None) => Err(Errno::ENOENT),
        }
    }

    /// [`Vfs::fs_lookup`] with absence as a value, where something may be made in its place.
    pub(crate) fn fs_find(
        &mut self,
        cx: &mut Cx,
        dir: DentryId,
        name: &[u8],
    ) -> Result<Option<DentryId>> {
        match self.fs_lookup(cx, dir, name) {
            Ok(found) => Ok(Some(found)),
            Err(Errno::ENOENT) if !self.only_finds(cx, dir)? => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn only_finds(&self, cx: &Cx, dir: DentryId) -> Result<bool> {
        Ok(match self.kind_of(dir)? {
            Kind::Synthetic(node) => cx.dynamic.only_finds(node),
            Kind::Tmp | Kind::Overlay => false,
        })
    }

    fn lookup_synthetic(
        &mut self,
        cx: &mut Cx,
        dir: DentryId,
        node: NodeId,
        name: &[u8],
        cached: Option<DentryId>,
    ) -> Result<DentryId> {
        let sb = self.sb_of(dir)?;
        let found = cx.dynamic.lookup(self, sb, node, name);
        if let Some(cached) = cached {
            let same = matches!((&found, &self.dnode(cached)?.body), (Ok(new), Body::Synthetic(old)) if new == old);
            if same {
                return Ok(cached);
            }
            self.invalidate(cached);
        }
        let attr = cx.dynamic.attr(self, sb, found?)?;
        let inode = self.add_synthetic(sb, found?, attr.ino, attr.mode);
        Ok(self.add_dentry(sb, Some(dir), name, inode))
    }

    /// An inode for a node that the kernel supplies.
    pub(crate) fn add_synthetic(&mut self, sb: SbId, node: NodeId, ino: u64, mode: u32) -> InodeId {
        self.add_inode(Inode::new(sb, ino, mode, Body::Synthetic(node)))
    }

    /// A name that vanished by itself: it is forgotten, and what was mounted on it is undone (`d_invalidate`).
    pub(crate) fn invalidate(&mut self, dentry: DentryId) {
        let children: Vec<DentryId> = self
            .dentries
            .get(&dentry)
            .map(|dentry| dentry.children.values().copied().collect())
            .unwrap_or_default();
        for child in children {
            self.invalidate(child);
        }
        self.detach_mounts(dentry);
        self.unhash(dentry);
    }

    /// Where a symbolic link leads.
    pub(crate) fn fs_follow(&mut self, cx: &mut Cx, link: Path) -> Result<Link> {
        if let Kind::Synthetic(node) = self.kind_of(link.dentry)? {
            let sb = self.sb_of(link.dentry)?;
            return cx.dynamic.follow(self, sb, node);
        }
        self.touch_atime(cx, link);
        self.fs_readlink(cx, link.dentry).map(Link::Text)
    }

    /// Text of a symbolic link.
    pub(crate) fn fs_readlink(&mut self, cx: &mut Cx, dentry: DentryId) -> Result<Vec<u8>> {
        match &self.dnode(dentry)?.body {
            Body::Symlink(text) => Ok(text.clone()),
            Body::Synthetic(node) => {
                let (sb, node) = (self.sb_of(dentry)?, *node);
                cx.dynamic.readlink(self, sb, node)
            }
            Body::Overlay(node) => {
                let real = node.real().ok_or(Errno::ESTALE)?;
                self.fs_readlink(cx, real)
            }
            _ => Err(Errno::EINVAL),
        }
    }

    pub(crate) fn fs_create(
        &mut self,
        cx: &mut Cx,
        dir: DentryId,
        name: &[u8],
        new: &New,
    ) -> Result<DentryId> {
        match self.kind_of(dir)? {
            Kind::Tmp => self.tmp_create(cx, dir, name, new),
            Kind::Overlay => self.ovl_create(cx, dir, name, new),
            Kind::Synthetic(node) => {
                let sb = self.sb_of(dir)?;
                let node = match new.mode & S_IFMT {
                    S_IFDIR => cx.dynamic.mkdir(self, sb, node, name, new.mode, cx.cred)?,
                    S_IFREG => cx.dynamic.create(self, sb, node, name, new.mode, cx.cred)?,
                    _ => return Err(Errno::EPERM),
                };
                let attr = cx.dynamic.attr(self, sb, node)?;
                let inode = self.add_synthetic(sb, node, attr.ino, attr.mode);
                Ok(self.add_dentry(sb, Some(dir), name, inode))
            }
        }
    }

    pub(crate) fn fs_link(
        &mut self,
        cx: &mut Cx,
        old: DentryId,
        dir: DentryId,
        name: &[u8],
    ) -> Result<()> {
        match self.kind_of(dir)? {
            Kind::Tmp => self.tmp_link(cx, old, dir, name),
            Kind::Overlay => self.ovl_link(cx, old, dir, name),
            Kind::Synthetic(_) => Err(Errno::EPERM),
        }
    }

    /// Removes a name that is no directory.
    pub(crate) fn fs_unlink(&mut self, cx: &mut Cx, victim: DentryId) -> Result<()> {
        match self.kind_of(victim)? {
            Kind::Tmp => self.tmp_unlink(cx, victim),
            Kind::Overlay => self.ovl_remove(cx, victim, false),
            Kind::Synthetic(_) => self.remove_synthetic(cx, victim, false),
        }
    }

    /// Removes an empty directory.
    pub(crate) fn fs_rmdir(&mut self, cx: &mut Cx, victim: DentryId) -> Result<()> {
        match self.kind_of(victim)? {
            Kind::Tmp => self.tmp_rmdir(cx, victim),
            Kind::Overlay => self.ovl_remove(cx, victim, true),
            Kind::Synthetic(_) => self.remove_synthetic(cx, victim, true),
        }
    }

    fn remove_synthetic(&mut self, cx: &mut Cx, victim: DentryId, is_dir: bool) -> Result<()> {
        let dentry = self.dentry(victim)?;
        let (sb, name) = (dentry.sb, dentry.name.clone());
        let parent = dentry.parent.ok_or(Errno::EBUSY)?;
        let Kind::Synthetic(dir) = self.kind_of(parent)? else {
            return Err(Errno::ESTALE);
        };
        if is_dir {
            cx.dynamic.rmdir(self, sb, dir, &name)?;
        } else {
            cx.dynamic.unlink(self, sb, dir, &name)?;
        }
        self.invalidate(victim);
        Ok(())
    }

    pub(crate) fn fs_set_attr(
        &mut self,
        cx: &mut Cx,
        dentry: DentryId,
        set: &SetAttr,
    ) -> Result<()> {
        match self.kind_of(dentry)? {
            Kind::Tmp => self.tmp_set_attr(dentry, set),
            Kind::Overlay => self.ovl_set_attr(cx, dentry, set),
            Kind::Synthetic(node) => {
                let sb = self.sb_of(dentry)?;
                cx.dynamic.set_attr(self, sb, node, set)
            }
        }
    }

    /// Entries after a position, without `.` and `..`.
    pub(crate) fn fs_readdir(
        &mut self,
        cx: &mut Cx,
        dir: DentryId,
        after: u64,
    ) -> Result<Vec<NodeEntry>> {
        match self.kind_of(dir)? {
            Kind::Tmp => self.tmp_readdir(dir, after),
            Kind::Overlay => self.ovl_readdir(cx, dir, after),
            Kind::Synthetic(node) => {
                let sb = self.sb_of(dir)?;
                cx.dynamic.readdir(self, sb, node, after)
            }
        }
    }

    /// The tmpfs inode that holds a regular file's contents, below any overlays.
    pub fn data_inode(&self, inode: InodeId) -> Result<InodeId> {
        let mut id = inode;
        loop {
            match &self.node(id)?.body {
                Body::Overlay(node) => id = self.dentry(node.real().ok_or(Errno::ESTALE)?)?.inode,
                _ => return Ok(id),
            }
        }
    }

    pub(crate) fn content(&self, inode: InodeId) -> Result<&Content> {
        match &self.node(self.data_inode(inode)?)?.body {
            Body::File(content) => Ok(content),
            Body::Dir => Err(Errno::EISDIR),
            _ => Err(Errno::EINVAL),
        }
    }

    pub(crate) fn fs_get_xattr(&self, dentry: DentryId, name: &[u8]) -> Result<Vec<u8>> {
        let inode = self.dnode(dentry)?;
        match &inode.body {
            Body::Overlay(node) => {
                let name = crate::overlay::real_xattr_name(name);
                self.fs_get_xattr(node.real().ok_or(Errno::ESTALE)?, &name)
            }
            Body::Synthetic(_) => Err(Errno::EOPNOTSUPP),
            _ => inode.xattrs.get(name).cloned().ok_or(Errno::ENODATA),
        }
    }

    /// Sets (`Some`) or removes an extended attribute.
    pub(crate) fn fs_set_xattr(
        &mut self,
        cx: &mut Cx,
        dentry: DentryId,
        name: &[u8],
        value: Option<&[u8]>,
    ) -> Result<()> {
        match self.kind_of(dentry)? {
            Kind::Tmp => {
                let inode = self.dentry(dentry)?.inode;
                self.store_xattr(inode, name, value);
                let now = cx.now;
                self.change_inode(inode, |inode| inode.attr.ctime = now);
                Ok(())
            }
            Kind::Overlay => {
                let upper = self.ovl_copy_up(cx, dentry)?;
                let name = crate::overlay::real_xattr_name(name);
                self.fs_set_xattr(cx, upper, &name, value)
            }
            Kind::Synthetic(_) => Err(Errno::EOPNOTSUPP),
        }
    }

    pub(crate) fn fs_list_xattr(&self, dentry: DentryId) -> Result<Vec<Vec<u8>>> {
        let inode = self.dnode(dentry)?;
        match &inode.body {
            Body::Overlay(node) => {
                let names = self.fs_list_xattr(node.real().ok_or(Errno::ESTALE)?)?;
                Ok(names
                    .iter()
                    .filter_map(|name| crate::overlay::shown_xattr_name(name))
                    .collect())
            }
            Body::Synthetic(_) => Ok(Vec::new()),
            _ => Ok(inode.xattrs.keys().cloned().collect()),
        }
    }

    /// The type of file system as flags of what it can do: whether names can be made there at all.
    pub(crate) fn is_tmp(&self, sb: SbId) -> bool {
        matches!(self.sbs.get(&sb).map(|sb| &sb.fs), Some(Fs::Tmp(_)))
    }
}

//! The state, and the only functions that change it. Each change of what a trace can see leaves a delta.

use crate::by_id::ById;
use crate::content::Content;
use crate::ids::*;
use crate::mount::{Mount, Namespace};
use crate::overlay::{OverlayFs, OverlayNode};
use crate::trace_view;
use glassdock_abi::types::{Dev, Timespec, mode::*};
use glassdock_abi::{Errno, Result};
use glassdock_trace::{Change, Delta};
use std::collections::{BTreeMap, BTreeSet};

/// First position of a real entry in a directory, after `.` and `..`.
pub(crate) const FIRST_COOKIE: u64 = 3;

/// Attributes of an inode.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Attr {
    pub ino: u64,
    pub mode: u32,
    pub nlink: u32,
    pub uid: u32,
    pub gid: u32,
    pub rdev: Dev,
    pub size: u64,
    pub blocks: u64,
    pub atime: Timespec,
    pub mtime: Timespec,
    pub ctime: Timespec,
    pub btime: Timespec,
}

impl Attr {
    pub fn kind(&self) -> u32 {
        self.mode & S_IFMT
    }
    pub fn is_dir(&self) -> bool {
        self.kind() == S_IFDIR
    }
    pub fn is_reg(&self) -> bool {
        self.kind() == S_IFREG
    }
    pub fn is_symlink(&self) -> bool {
        self.kind() == S_IFLNK
    }
    /// Overlayfs's mark of a removed name: a character device 0/0.
    pub fn is_whiteout(&self) -> bool {
        self.kind() == S_IFCHR && self.rdev == Dev(0)
    }
}

/// What an inode holds besides attributes.
#[derive(Debug)]
pub(crate) enum Body {
    /// A regular file of a tmpfs.
    File(Content),
    /// A directory of a tmpfs; its entries are the dentry's children.
    Dir,
    /// A symbolic link of a tmpfs.
    Symlink(Vec<u8>),
    /// A FIFO, socket or device of a tmpfs.
    Special,
    /// A file of an overlay.
    Overlay(OverlayNode),
    /// A file that the kernel supplies.
    Synthetic(NodeId),
}

pub(crate) struct Inode {
    pub sb: SbId,
    /// Of tmpfs files; for others, only number and type are kept here.
    pub attr: Attr,
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    pub body: Body,
    /// Grows with each change of contents.
    pub version: u64,
    /// Dentries bound to it.
    pub dentries: u32,
    /// Open files that may write, or minus the number of those who forbid it (programs being run).
    pub writers: i64,
    /// A file that may get its first name (`I_LINKABLE`).
    pub linkable: bool,
}

impl Inode {
    /// An inode of a file system that keeps attributes elsewhere.
    pub fn new(sb: SbId, ino: u64, mode: u32, body: Body) -> Inode {
        let attr = Attr {
            ino,
            mode,
            ..Attr::default()
        };
        Inode {
            sb,
            attr,
            xattrs: BTreeMap::new(),
            body,
            version: 0,
            dentries: 0,
            writers: 0,
            linkable: false,
        }
    }
}

pub(crate) struct Dentry {
    pub sb: SbId,
    pub parent: Option<DentryId>,
    pub name: Vec<u8>,
    pub inode: InodeId,
    /// Whether it can be found by its name.
    pub hashed: bool,
    /// References, including one for each child.
    pub count: u32,
    pub cookie: u64,
    pub children: BTreeMap<Vec<u8>, DentryId>,
    pub by_cookie: BTreeMap<u64, DentryId>,
    pub next_cookie: u64,
}

/// A tmpfs's limits and use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TmpFs {
    /// Pages; `None` without a limit.
    pub max_pages: Option<u64>,
    pub used_pages: u64,
    pub max_inodes: Option<u64>,
    pub used_inodes: u64,
    pub next_ino: u64,
    /// Options as shown by `mount`, from the mount's data.
    pub shown: Vec<u8>,
}

pub(crate) enum Fs {
    Tmp(TmpFs),
    Overlay(Box<OverlayFs>),
    Synthetic { key: u64, options: Vec<u8> },
}

pub(crate) struct Superblock {
    pub dev: Dev,
    pub fstype: Vec<u8>,
    pub magic: u64,
    pub root: DentryId,
    pub readonly: bool,
    /// Mounts and overlays that use it.
    pub active: u32,
    pub fs: Fs,
}

/// The virtual file system: see the crate's documentation.
pub struct Vfs {
    /// `/proc/sys/fs/protected_*`.
    pub protected: crate::Protected,
    pub(crate) sbs: ById<SbId, Superblock>,
    pub(crate) inodes: ById<InodeId, Inode>,
    pub(crate) dentries: ById<DentryId, Dentry>,
    pub(crate) mounts: ById<MountId, Mount>,
    /// What is mounted where.
    pub(crate) mounted: BTreeMap<(DentryId, MountId), MountId>,
    pub(crate) namespaces: ById<MountNsId, Namespace>,
    pub(crate) groups: BTreeMap<PeerGroup, BTreeSet<MountId>>,
    pub(crate) slaves: BTreeMap<PeerGroup, BTreeSet<MountId>>,
    /// The tmpfs of `memfd_create`.
    pub(crate) hidden: MountId,
    pub(crate) memory: u64,
    /// Pages that all tmpfs take together, and may take now.
    pub(crate) tmp_pages: u64,
    pub(crate) tmp_room: u64,
    pub(crate) next_id: u64,
    pub(crate) next_sb: u64,
    pub(crate) next_dev: u32,
    pub(crate) next_mount: u64,
    pub(crate) next_group: u64,
    pub(crate) next_ns: u64,
    /// Dentries of file systems of the kernel's without a reference, to be dropped at the next walk.
    pub(crate) unused: BTreeSet<DentryId>,
    pub(crate) deltas: Vec<Delta>,
    pub(crate) traced_mounts: BTreeMap<MountNsId, BTreeMap<u64, glassdock_trace::world::MountInfo>>,
    pub(crate) dirty_namespaces: BTreeSet<MountNsId>,
    /// Single mounts, by the namespace that they are or were in.
    pub(crate) dirty_mounts: BTreeSet<(MountNsId, MountId)>,
    /// A directory got another path or lost its own since [`Vfs::take_paths_changed`].
    pub(crate) paths_changed: bool,
    /// Roots of bind mounts and mount points, with the number of mounts that need their names.
    pub(crate) named_by_mounts: BTreeMap<DentryId, u32>,
}

impl Vfs {
    pub(crate) fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Superblocks have numbers of their own: few, so that going through all of them is quick.
    pub(crate) fn new_sb_id(&mut self) -> SbId {
        self.next_sb += 1;
        SbId(self.next_sb)
    }

    pub(crate) fn sb(&self, id: SbId) -> Result<&Superblock> {
        self.sbs.get(&id).ok_or(Errno::ESTALE)
    }
    pub(crate) fn sb_mut(&mut self, id: SbId) -> Result<&mut Superblock> {
        self.sbs.get_mut(&id).ok_or(Errno::ESTALE)
    }
    pub(crate) fn node(&self, id: InodeId) -> Result<&Inode> {
        self.inodes.get(&id).ok_or(Errno::ESTALE)
    }
    pub(crate) fn dentry(&self, id: DentryId) -> Result<&Dentry> {
        self.dentries.get(&id).ok_or(Errno::ESTALE)
    }
    /// The inode behind a dentry.
    pub(crate) fn dnode(&self, id: DentryId) -> Result<&Inode> {
        self.node(self.dentry(id)?.inode)
    }
    pub(crate) fn tmp(&self, id: SbId) -> Option<&TmpFs> {
        match &self.sbs.get(&id)?.fs {
            Fs::Tmp(tmp) => Some(tmp),
            _ => None,
        }
    }
    pub(crate) fn tmp_mut(&mut self, id: SbId) -> Option<&mut TmpFs> {
        match &mut self.sbs.get_mut(&id)?.fs {
            Fs::Tmp(tmp) => Some(tmp),
            _ => None,
        }
    }

    // Superblocks.

    /// Adds a superblock with a root directory.
    pub(crate) fn add_sb(
        &mut self,
        fstype: &[u8],
        magic: u64,
        readonly: bool,
        fs: Fs,
        root: Inode,
    ) -> SbId {
        let id = root.sb;
        self.next_dev += 1;
        let dev = Dev::new(0, self.next_dev);
        self.sbs.insert(
            id,
            Superblock {
                dev,
                fstype: fstype.to_vec(),
                magic,
                root: DentryId(0),
                readonly,
                active: 0,
                fs,
            },
        );
        self.log_sb(id, None);
        let inode = self.add_inode(root);
        let dentry = self.add_dentry(id, None, b"/", inode);
        self.get_dentry(dentry);
        if let Some(sb) = self.sbs.get_mut(&id) {
            sb.root = dentry;
        }
        id
    }

    /// Changes a superblock's options.
    pub(crate) fn change_sb(&mut self, id: SbId, change: impl FnOnce(&mut Superblock)) {
        let before = self.sbs.get(&id).map(trace_view::superblock);
        if let Some(sb) = self.sbs.get_mut(&id) {
            change(sb);
        }
        self.log_sb(id, before);
    }

    fn log_sb(&mut self, id: SbId, before: Option<glassdock_trace::world::SuperblockInfo>) {
        let Some(sb) = self.sbs.get(&id) else { return };
        let after = Some(trace_view::superblock(sb));
        if before != after {
            let change = Change {
                key: sb.dev.0,
                before,
                after,
            };
            self.deltas.push(Delta::Superblock(change));
        }
    }

    /// A mount or overlay begins to use a superblock.
    pub(crate) fn get_sb(&mut self, id: SbId) {
        if let Some(sb) = self.sbs.get_mut(&id) {
            sb.active += 1;
        }
    }

    /// A mount or overlay no longer uses a superblock; the last one takes it down.
    pub(crate) fn put_sb(&mut self, id: SbId) {
        let Some(sb) = self.sbs.get_mut(&id) else {
            return;
        };
        sb.active = sb.active.saturating_sub(1);
        if sb.active > 0 {
            return;
        }
        let root = sb.root;
        self.drop_tree(root);
        let Some(sb) = self.sbs.remove(&id) else {
            return;
        };
        let change = Change {
            key: sb.dev.0,
            before: Some(trace_view::superblock(&sb)),
            after: None,
        };
        self.deltas.push(Delta::Superblock(change));
        match sb.fs {
            Fs::Overlay(overlay) => self.put_layers(*overlay),
            // Of files that are gone with it.
            Fs::Tmp(tmp) => self.tmp_pages -= tmp.used_pages,
            Fs::Synthetic { .. } => {}
        }
    }

    /// Forgets all dentries below and at `top`, from the leaves up.
    fn drop_tree(&mut self, top: DentryId) {
        let mut order = vec![top];
        let mut at = 0;
        while let Some(id) = order.get(at).copied() {
            at += 1;
            if let Some(dentry) = self.dentries.get(&id) {
                order.extend(dentry.children.values());
            }
        }
        for id in order.into_iter().rev() {
            self.unhash(id);
            if let Some(dentry) = self.dentries.get_mut(&id) {
                dentry.count = 0;
            }
            self.free_dentry(id);
        }
    }

    // Inodes.

    pub(crate) fn add_inode(&mut self, inode: Inode) -> InodeId {
        let id = InodeId(self.new_id());
        self.inodes.insert(id, inode);
        self.log_inode(id, None);
        id
    }

    /// Changes an inode. Everything that can be seen of a tmpfs's file changes here.
    pub(crate) fn change_inode(&mut self, id: InodeId, change: impl FnOnce(&mut Inode)) {
        let before = self.traced_inode(id);
        if let Some(inode) = self.inodes.get_mut(&id) {
            change(inode);
        }
        self.log_inode(id, before);
    }

    pub(crate) fn traced_inode(&self, id: InodeId) -> Option<glassdock_trace::world::InodeInfo> {
        let inode = self.inodes.get(&id)?;
        self.tmp(inode.sb)?;
        Some(trace_view::inode(inode))
    }

    fn log_inode(&mut self, id: InodeId, before: Option<glassdock_trace::world::InodeInfo>) {
        let after = self.traced_inode(id);
        if before != after
            && let Some(inode) = self.inodes.get(&id)
            && let Some(sb) = self.sbs.get(&inode.sb)
        {
            let change = Change {
                key: (sb.dev.0, inode.attr.ino),
                before,
                after,
            };
            self.deltas.push(Delta::Inode(change));
        }
    }

    /// Sets or removes an extended attribute of a tmpfs's file.
    pub(crate) fn store_xattr(&mut self, id: InodeId, name: &[u8], value: Option<&[u8]>) {
        let Some(inode) = self.inodes.get_mut(&id) else {
            return;
        };
        let before = match value {
            Some(value) => inode.xattrs.insert(name.to_vec(), value.to_vec()),
            None => inode.xattrs.remove(name),
        };
        let after = value.map(<[u8]>::to_vec);
        if before != after
            && let Some(sb) = self.sbs.get(&inode.sb)
        {
            let change = Change {
                key: (sb.dev.0, inode.attr.ino, name.to_vec()),
                before,
                after,
            };
            self.deltas.push(Delta::Xattr(change));
        }
    }

    /// Frees an inode that no dentry names.
    fn free_inode(&mut self, id: InodeId) {
        let names: Vec<Vec<u8>> = match self.inodes.get(&id) {
            Some(inode) => inode.xattrs.keys().cloned().collect(),
            None => return,
        };
        for name in names {
            self.store_xattr(id, &name, None);
        }
        let before = self.traced_inode(id);
        let Some(inode) = self.inodes.remove(&id) else {
            return;
        };
        if let Some(sb) = self.sbs.get_mut(&inode.sb) {
            if before.is_some() {
                let change = Change {
                    key: (sb.dev.0, inode.attr.ino),
                    before,
                    after: None,
                };
                self.deltas.push(Delta::Inode(change));
            }
            match &mut sb.fs {
                Fs::Tmp(tmp) => {
                    tmp.used_inodes = tmp.used_inodes.saturating_sub(1);
                    let pages = (inode.attr.blocks / 8).min(tmp.used_pages);
                    tmp.used_pages -= pages;
                    self.tmp_pages -= pages;
                }
                Fs::Overlay(overlay) => overlay.forget(id),
                Fs::Synthetic { .. } => {}
            }
        }
        if let Body::Overlay(node) = inode.body {
            for real in node.reals() {
                self.put_dentry(real);
            }
        }
    }

    // Dentries.

    /// Adds a dentry: named and hashed with a parent, nameless without.
    pub(crate) fn add_dentry(
        &mut self,
        sb: SbId,
        parent: Option<DentryId>,
        name: &[u8],
        inode: InodeId,
    ) -> DentryId {
        let id = DentryId(self.new_id());
        if let Some(inode) = self.inodes.get_mut(&inode) {
            inode.dentries += 1;
        }
        self.dentries.insert(
            id,
            Dentry {
                sb,
                parent: None,
                name: name.to_vec(),
                inode,
                hashed: false,
                count: 0,
                cookie: 0,
                children: BTreeMap::new(),
                by_cookie: BTreeMap::new(),
                next_cookie: FIRST_COOKIE,
            },
        );
        if let Some(parent) = parent {
            self.set_parent(id, parent);
            self.hash(id, name);
        }
        self.perhaps_unused(id);
        id
    }

    fn set_parent(&mut self, id: DentryId, parent: DentryId) {
        self.get_dentry(parent);
        let old = self
            .dentries
            .get_mut(&id)
            .and_then(|dentry| dentry.parent.replace(parent));
        if let Some(old) = old {
            self.put_dentry(old);
        }
    }

    /// Lets a dentry be found in its parent by a name.
    fn hash(&mut self, id: DentryId, name: &[u8]) {
        let Some(parent) = self.dentries.get(&id).and_then(|dentry| dentry.parent) else {
            return;
        };
        let Some(directory) = self.dentries.get_mut(&parent) else {
            return;
        };
        let cookie = directory.next_cookie;
        directory.next_cookie += 1;
        directory.children.insert(name.to_vec(), id);
        directory.by_cookie.insert(cookie, id);
        if let Some(dentry) = self.dentries.get_mut(&id) {
            dentry.name = name.to_vec();
            dentry.cookie = cookie;
            dentry.hashed = true;
        }
        self.log_entry(id, true);
    }

    /// Takes a dentry's name from its parent; the dentry stays as long as it is used.
    pub(crate) fn unhash(&mut self, id: DentryId) {
        if self.take_name(id) {
            self.names_changed(id);
        }
    }

    /// Takes a dentry out of its directory; false when it was in none.
    fn take_name(&mut self, id: DentryId) -> bool {
        let Some(dentry) = self.dentries.get(&id).filter(|dentry| dentry.hashed) else {
            return false;
        };
        let (parent, name, cookie) = (dentry.parent, dentry.name.clone(), dentry.cookie);
        self.log_entry(id, false);
        if let Some(directory) = parent.and_then(|parent| self.dentries.get_mut(&parent)) {
            directory.children.remove(&name);
            directory.by_cookie.remove(&cookie);
        }
        if let Some(dentry) = self.dentries.get_mut(&id) {
            dentry.hashed = false;
        }
        self.unused.insert(id);
        true
    }

    /// Gives a dentry another name, taking the name from whatever had it.
    pub(crate) fn move_dentry(&mut self, id: DentryId, parent: DentryId, name: &[u8]) {
        self.unhash(id);
        self.set_parent(id, parent);
        self.hash(id, name);
        self.names_changed(id);
    }

    fn log_entry(&mut self, id: DentryId, made: bool) {
        let Some(dentry) = self.dentries.get(&id) else {
            return;
        };
        if self.tmp(dentry.sb).is_none() {
            return;
        }
        let parent = dentry.parent.and_then(|parent| self.dnode(parent).ok());
        let (Some(parent), Some(inode), Some(sb)) = (
            parent,
            self.inodes.get(&dentry.inode),
            self.sbs.get(&dentry.sb),
        ) else {
            return;
        };
        let ino = Some(inode.attr.ino);
        let (before, after) = if made { (None, ino) } else { (ino, None) };
        let change = Change {
            key: (sb.dev.0, parent.attr.ino, dentry.name.clone()),
            before,
            after,
        };
        self.deltas.push(Delta::DirEntry(change));
    }

    /// Takes a reference.
    pub(crate) fn get_dentry(&mut self, id: DentryId) {
        if let Some(dentry) = self.dentries.get_mut(&id) {
            dentry.count += 1;
        }
    }

    /// Gives back a reference; what nothing needs any more is freed.
    pub(crate) fn put_dentry(&mut self, id: DentryId) {
        let Some(dentry) = self.dentries.get_mut(&id) else {
            return;
        };
        dentry.count = dentry.count.saturating_sub(1);
        if dentry.count == 0 {
            self.perhaps_unused(id);
        }
    }

    /// Marks a dentry to be looked at by [`Vfs::reap`], unless it is a name that is kept without references.
    fn perhaps_unused(&mut self, id: DentryId) {
        if self.dentries.get(&id).is_some_and(|it| !self.is_kept(it)) {
            self.unused.insert(id);
        }
    }

    /// Whether a dentry stays though nobody refers to it: the names of all but the kernel's file systems do.
    fn is_kept(&self, dentry: &Dentry) -> bool {
        let fs = self.sbs.get(&dentry.sb).map(|sb| &sb.fs);
        dentry.hashed && !matches!(fs, Some(Fs::Synthetic { .. }) | None)
    }

    /// Frees the dentries that nothing needs any more: nameless ones, and those of the kernel's file systems.
    pub(crate) fn reap(&mut self) {
        while let Some(id) = self.unused.pop_first() {
            let Some(dentry) = self.dentries.get(&id) else {
                continue;
            };
            if dentry.count == 0 && !self.is_kept(dentry) {
                // Nobody is there or below, so nobody's path changes.
                self.take_name(id);
                self.unused.remove(&id);
                self.free_dentry(id);
            }
        }
    }

    fn free_dentry(&mut self, id: DentryId) {
        let Some(dentry) = self.dentries.remove(&id) else {
            return;
        };
        if let Some(parent) = dentry.parent {
            self.put_dentry(parent);
        }
        if let Some(inode) = self.inodes.get_mut(&dentry.inode) {
            inode.dentries = inode.dentries.saturating_sub(1);
            if inode.dentries == 0 {
                self.free_inode(dentry.inode);
            }
        }
    }

    /// Whether `id` is `ancestor` or below it.
    pub(crate) fn is_below(&self, id: DentryId, ancestor: DentryId) -> bool {
        let mut at = Some(id);
        while let Some(id) = at {
            if id == ancestor {
                return true;
            }
            at = self.dentries.get(&id).and_then(|dentry| dentry.parent);
        }
        false
    }

    /// Takes the deltas since the last time, oldest first.
    pub fn take_deltas(&mut self) -> Vec<Delta> {
        self.reap();
        self.log_mounts();
        std::mem::take(&mut self.deltas)
    }

    /// Whether the path of a directory may have changed since this was last asked: by a rename, a removal, a mount.
    pub fn take_paths_changed(&mut self) -> bool {
        std::mem::take(&mut self.paths_changed)
    }
}

//! The file system at boot, and building a tree without system calls.

use crate::by_id::ById;
use crate::content::Content;
use crate::fsops::New;
use crate::{Config, DentryId, MountNsId, NAME_MAX, Path, SetAttr, Vfs};
use glassdock_abi::flags::MountFlags;
use glassdock_abi::types::{Dev, Timespec, mode::*};
use glassdock_abi::{Errno, Result};
use std::collections::{BTreeMap, BTreeSet};

/// Metadata of an imported file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ImportMeta {
    /// Permission bits, without the type.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Modification and access time.
    pub mtime: Timespec,
}

/// Content of an imported file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ImportNode<'a> {
    /// A directory; one that exists gets the metadata.
    Directory,
    /// A regular file.
    File(&'a [u8]),
    /// A symbolic link with its target.
    Symlink(&'a [u8]),
    /// Another name of an earlier file, by its path.
    Hardlink(&'a [u8]),
    /// A device, FIFO or socket: `S_IF*` and number.
    Special(u32, Dev),
}

impl Vfs {
    /// A machine's file system at boot: `rootfs`, and mounted over it a tmpfs as root directory, in the first mount
    /// namespace. Returns that namespace and the root, without a reference to the root: take one with [`Vfs::hold`].
    pub fn new(config: Config, now: Timespec) -> (Vfs, MountNsId, Path) {
        let mut vfs = Vfs {
            protected: crate::Protected::default(),
            sbs: ById::new(),
            inodes: ById::new(),
            dentries: ById::new(),
            mounts: ById::new(),
            mounted: BTreeMap::new(),
            namespaces: ById::new(),
            groups: BTreeMap::new(),
            slaves: BTreeMap::new(),
            hidden: crate::MountId(0),
            memory: config.memory,
            tmp_pages: 0,
            payers: Default::default(),
            tmp_room: config.memory / crate::PAGE_SIZE as u64,
            next_id: 0,
            next_sb: 0,
            next_dev: 0,
            next_mount: 0,
            next_group: 0,
            next_ns: 0,
            unused: BTreeSet::new(),
            deltas: Vec::new(),
            traced_mounts: BTreeMap::new(),
            dirty_namespaces: BTreeSet::new(),
            dirty_mounts: BTreeSet::new(),
            paths_changed: false,
            named_by_mounts: BTreeMap::new(),
        };
        let mut first = |name: &[u8], data: &[u8], flags, source: &[u8]| {
            // Options written here are valid, so there is always a superblock.
            let sb = vfs
                .new_tmpfs(name, data, false, &crate::Cred::root(), now)
                .unwrap_or(crate::SbId(0));
            let root = vfs.sbs.get(&sb).map_or(DentryId(0), |sb| sb.root);
            Path {
                mount: vfs.add_mount(sb, root, flags, source),
                dentry: root,
            }
        };
        let bottom = first(b"rootfs", b"mode=755", MountFlags::empty(), b"none");
        let root = first(b"tmpfs", b"mode=755", MountFlags::RELATIME, b"tmpfs");
        let hidden = first(
            b"tmpfs",
            b"size=0,nr_inodes=0",
            MountFlags::empty(),
            b"tmpfs",
        );
        vfs.hidden = hidden.mount;
        let ns = vfs.add_ns(bottom.mount, 0);
        vfs.attach(root.mount, bottom);
        vfs.payers.disk = vfs.dentries.get(&root.dentry).map(|dentry| dentry.sb);
        (vfs, ns, root)
    }

    /// Adds a file below a directory of a tmpfs, without walking rules or permissions; missing parents are made (root,
    /// 0755), a file that is there already is replaced. It is made `now`; directories keep their modification times, as
    /// if an archive were unpacked. `path` is relative, without `.` and `..` (`EINVAL`).
    pub fn import(
        &mut self,
        base: Path,
        path: &[u8],
        meta: &ImportMeta,
        node: ImportNode,
        now: Timespec,
    ) -> Result<()> {
        let names: Vec<&[u8]> = path
            .split(|&byte| byte == b'/')
            .filter(|name| !name.is_empty())
            .collect();
        let valid = |name: &&[u8]| {
            !matches!(*name, b"." | b"..") && name.len() <= NAME_MAX && !name.contains(&0)
        };
        if !names.iter().all(valid) {
            return Err(Errno::EINVAL);
        }
        let Some((name, parents)) = names.split_last() else {
            return self.import_meta(base.dentry, meta, now);
        };
        let mut dir = base.dentry;
        for parent in parents {
            dir = match self.dentry(dir)?.children.get(*parent).copied() {
                Some(found) if self.is_dir(found) => found,
                Some(_) => return Err(Errno::ENOTDIR),
                None => {
                    let new = New {
                        mode: S_IFDIR | 0o755,
                        ..New::default()
                    };
                    let made = self.import_new(dir, parent, &new, now)?;
                    let meta = ImportMeta {
                        mode: 0o755,
                        mtime: meta.mtime,
                        ..ImportMeta::default()
                    };
                    self.import_meta(made, &meta, now)?;
                    made
                }
            };
        }
        let old = self.dentry(dir)?.children.get(*name).copied();
        if let Some(old) = old {
            if node == ImportNode::Directory && self.is_dir(old) {
                return self.import_meta(old, meta, now);
            }
            if self.is_dir(old) {
                return Err(Errno::EISDIR);
            }
            let kept = self.times(dir)?;
            self.remove_import(old, now)?;
            self.set_times(dir, kept, now)?;
        }
        self.import_node(base, dir, name, meta, node, now)
    }

    fn import_node(
        &mut self,
        base: Path,
        dir: DentryId,
        name: &[u8],
        meta: &ImportMeta,
        node: ImportNode,
        now: Timespec,
    ) -> Result<()> {
        let (kind, rdev, target): (u32, Dev, &[u8]) = match node {
            ImportNode::Directory => (S_IFDIR, Dev(0), b""),
            ImportNode::File(_) => (S_IFREG, Dev(0), b""),
            ImportNode::Symlink(target) => (S_IFLNK, Dev(0), target),
            ImportNode::Special(kind, rdev) => (kind & S_IFMT, rdev, b""),
            ImportNode::Hardlink(path) => return self.import_link(base, dir, name, path, now),
        };
        let new = New {
            mode: kind | meta.mode & 0o7777,
            uid: meta.uid,
            gid: meta.gid,
            rdev,
            target,
        };
        let dentry = self.import_new(dir, name, &new, now)?;
        if let ImportNode::File(bytes) = node {
            let inode = self.dentry(dentry)?.inode;
            self.tmp_share(inode, Content::from_bytes(bytes))?;
        }
        self.import_meta(dentry, meta, now)
    }

    fn import_new(
        &mut self,
        dir: DentryId,
        name: &[u8],
        new: &New,
        now: Timespec,
    ) -> Result<DentryId> {
        let kept = self.times(dir)?;
        let made = self.tmp_create_at(now, dir, name, new)?;
        self.set_times(dir, kept, now)?;
        Ok(made)
    }

    /// Access and modification time.
    fn times(&self, dentry: DentryId) -> Result<(Timespec, Timespec)> {
        let attr = &self.dnode(dentry)?.attr;
        Ok((attr.atime, attr.mtime))
    }

    fn set_times(
        &mut self,
        dentry: DentryId,
        times: (Timespec, Timespec),
        now: Timespec,
    ) -> Result<()> {
        let set = SetAttr {
            atime: Some(times.0),
            mtime: Some(times.1),
            ctime: Some(now),
            ..SetAttr::default()
        };
        self.tmp_set_attr(dentry, &set)
    }

    fn import_meta(&mut self, dentry: DentryId, meta: &ImportMeta, now: Timespec) -> Result<()> {
        let set = SetAttr {
            mode: (!self.is_symlink(dentry)?).then_some(meta.mode),
            uid: Some(meta.uid),
            gid: Some(meta.gid),
            size: None,
            atime: Some(meta.mtime),
            mtime: Some(meta.mtime),
            ctime: Some(now),
        };
        self.tmp_set_attr(dentry, &set)
    }

    fn import_link(
        &mut self,
        base: Path,
        dir: DentryId,
        name: &[u8],
        path: &[u8],
        now: Timespec,
    ) -> Result<()> {
        let mut found = base.dentry;
        for name in path
            .split(|&byte| byte == b'/')
            .filter(|name| !name.is_empty())
        {
            found = self
                .dentry(found)?
                .children
                .get(name)
                .copied()
                .ok_or(Errno::ENOENT)?;
        }
        if self.is_dir(found) {
            return Err(Errno::EPERM);
        }
        let kept = self.times(dir)?;
        self.tmp_link_at(now, found, dir, name)?;
        self.set_times(dir, kept, now)
    }

    fn remove_import(&mut self, dentry: DentryId, now: Timespec) -> Result<()> {
        self.tmp_unlink_at(now, dentry)?;
        self.reap();
        Ok(())
    }
}

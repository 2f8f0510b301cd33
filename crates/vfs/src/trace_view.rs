//! The state as a trace sees it: values of [`glassdock_trace::World`].

use crate::mount::{Mount, Namespace};
use crate::store::{Body, Inode, Superblock};
use crate::{MountId, MountNsId, Path, Vfs};
use glassdock_trace::world::{InodeInfo, MountInfo, SuperblockInfo};
use glassdock_trace::{Change, Delta, World};
use std::collections::{BTreeMap, BTreeSet};

fn text(bytes: &[u8]) -> String {
    // Nearly all is text, and the look at all of it at once is the quicker one.
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

pub(crate) fn superblock(sb: &Superblock) -> SuperblockInfo {
    SuperblockInfo {
        fstype: text(&sb.fstype),
        options: text(&crate::mount::super_options(sb)),
    }
}

pub(crate) fn inode(inode: &Inode) -> InodeInfo {
    let attr = &inode.attr;
    InodeInfo {
        mode: attr.mode,
        uid: attr.uid,
        gid: attr.gid,
        nlink: attr.nlink,
        size: attr.size,
        rdev: attr.rdev,
        mtime: attr.mtime.as_nanos(),
        ctime: attr.ctime.as_nanos(),
        link: match &inode.body {
            Body::Symlink(target) => Some(target.clone()),
            _ => None,
        },
        version: inode.version,
    }
}

impl Vfs {
    fn traced_mount(&self, id: MountId, mount: &Mount) -> Option<MountInfo> {
        let ns = mount.ns?;
        let sb = self.sbs.get(&mount.sb)?;
        let Namespace {
            root: top, traced, ..
        } = *self.namespaces.get(&ns)?;
        let root = Path {
            mount: top,
            dentry: self.mounts.get(&top)?.root,
        };
        Some(MountInfo {
            ns: traced,
            parent: mount.parent.map(|(parent, _)| parent.0),
            target: text(
                &self
                    .path_from(
                        root,
                        Path {
                            mount: id,
                            dentry: mount.root,
                        },
                    )
                    .0,
            ),
            root: text(&self.dentry_path(mount.root)),
            sb: sb.dev.0,
            fstype: text(&sb.fstype),
            source: text(&mount.source),
            options: text(&crate::mount::mount_options(mount.flags)),
            propagation: text(&self.optional_fields(id, None)),
        })
    }

    fn traced_mounts_of(&self, ns: MountNsId) -> BTreeMap<u64, MountInfo> {
        let mounts = self
            .namespaces
            .get(&ns)
            .into_iter()
            .flat_map(|ns| &ns.mounts);
        let views =
            mounts.filter_map(|&id| Some((id.0, self.traced_mount(id, self.mounts.get(&id)?)?)));
        views.collect()
    }

    /// Tells what changed among the mounts that were marked: single ones, and all of a namespace where names of
    /// directories changed, since views hold paths. Views are compared rather than changes followed.
    pub(crate) fn log_mounts(&mut self) {
        if self.dirty_namespaces.is_empty() && self.dirty_mounts.is_empty() {
            return;
        }
        for ns in std::mem::take(&mut self.dirty_namespaces) {
            let told = self.traced_mounts.get(&ns);
            let told = told.into_iter().flat_map(|told| told.keys());
            let mut mounts: BTreeSet<MountId> = told.map(|&id| MountId(id)).collect();
            if let Some(found) = self.namespaces.get(&ns) {
                mounts.extend(&found.mounts);
            }
            for id in mounts {
                self.log_mount(ns, id);
            }
        }
        for (ns, id) in std::mem::take(&mut self.dirty_mounts) {
            self.log_mount(ns, id);
        }
    }

    fn log_mount(&mut self, ns: MountNsId, id: MountId) {
        let mount = self.mounts.get(&id).filter(|mount| mount.ns == Some(ns));
        let after = mount.and_then(|mount| self.traced_mount(id, mount));
        let told = self.traced_mounts.entry(ns).or_default();
        if told.get(&id.0) != after.as_ref() {
            let before = match &after {
                Some(view) => told.insert(id.0, view.clone()),
                None => told.remove(&id.0),
            };
            let key = id.0;
            self.deltas
                .push(Delta::Mount(Change { key, before, after }));
        }
        if told.is_empty() {
            self.traced_mounts.remove(&ns);
        }
    }

    /// The whole state, as the fold of all deltas gives it.
    pub fn inspect(&self) -> World {
        let mut world = World::default();
        for sb in self.sbs.values() {
            world.superblocks.insert(sb.dev.0, superblock(sb));
        }
        for ns in self.namespaces.keys() {
            world.mounts.extend(self.traced_mounts_of(ns));
        }
        for (id, inode) in self.inodes.iter() {
            let (Some(info), Some(sb)) = (self.traced_inode(id), self.sbs.get(&inode.sb)) else {
                continue;
            };
            world.inodes.insert((sb.dev.0, inode.attr.ino), info);
            for (name, value) in &inode.xattrs {
                world
                    .xattrs
                    .insert((sb.dev.0, inode.attr.ino, name.clone()), value.clone());
            }
        }
        for dentry in self
            .dentries
            .values()
            .filter(|dentry| dentry.hashed && self.tmp(dentry.sb).is_some())
        {
            let parent = dentry.parent.and_then(|parent| self.dnode(parent).ok());
            let (Some(parent), Some(inode), Some(sb)) = (
                parent,
                self.inodes.get(&dentry.inode),
                self.sbs.get(&dentry.sb),
            ) else {
                continue;
            };
            world.entries.insert(
                (sb.dev.0, parent.attr.ino, dentry.name.clone()),
                inode.attr.ino,
            );
        }
        world
    }
}

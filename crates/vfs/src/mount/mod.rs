//! Mounts: the tree of them and what keeps them alive (`fs/namespace.c`; `man 7 mount_namespaces`).

mod change;
mod detached;
mod info;
mod lock;
mod new;
mod ns;
mod pivot;
mod propagate;
mod umount;

pub use change::MountChange;
pub use info::MountInfo;
pub(crate) use info::{mount_options, super_options};

use crate::{DentryId, MountId, MountNsId, Path, PeerGroup, SbId, Vfs};
use glassdock_abi::flags::MountFlags;
use glassdock_abi::{Errno, Result};
use std::collections::BTreeSet;

/// Most mounts in one namespace (`/proc/sys/fs/mount-max`).
pub(crate) const MOUNT_MAX: usize = 100_000;

/// The flags that a mount itself keeps.
pub(crate) const KEPT: MountFlags = MountFlags::RDONLY
    .union(MountFlags::NOSUID)
    .union(MountFlags::NODEV)
    .union(MountFlags::NOEXEC)
    .union(MountFlags::NOATIME)
    .union(MountFlags::NODIRATIME)
    .union(MountFlags::RELATIME)
    .union(MountFlags::NOSYMFOLLOW);

#[derive(Clone, Debug)]
pub(crate) struct Mount {
    pub sb: SbId,
    /// The dentry that it shows as its root.
    pub root: DentryId,
    /// The namespace it is attached in.
    pub ns: Option<MountNsId>,
    /// Mount and dentry that it covers.
    pub parent: Option<(MountId, DentryId)>,
    pub children: BTreeSet<MountId>,
    /// Bits of [`KEPT`].
    pub flags: MountFlags,
    pub source: Vec<u8>,
    /// References from places that are kept.
    pub count: u32,
    pub group: Option<PeerGroup>,
    pub master: Option<PeerGroup>,
    pub unbindable: bool,
    /// It cannot be taken off what it covers alone (`MNT_LOCKED`).
    pub locked: bool,
    /// The flags that cannot be taken away, with those of access times also not changed (`MNT_LOCK_*`); absent where all can.
    pub kept_flags: Option<MountFlags>,
    /// The top of a tree that `open_tree` made and that lies nowhere yet.
    pub detached: bool,
    /// Marked by `MNT_EXPIRE`; a use clears it.
    pub expiring: bool,
    /// Files that are open for writing.
    pub writers: u32,
}

impl Mount {
    pub fn readonly(&self) -> bool {
        self.flags.contains(MountFlags::RDONLY)
    }
    pub fn nosuid(&self) -> bool {
        self.flags.contains(MountFlags::NOSUID)
    }
    pub fn nodev(&self) -> bool {
        self.flags.contains(MountFlags::NODEV)
    }
    pub fn noexec(&self) -> bool {
        self.flags.contains(MountFlags::NOEXEC)
    }
    /// Flags as `statfs` shows them (`ST_*`).
    pub fn st_flags(&self, sb_readonly: bool) -> u64 {
        let table = [
            (MountFlags::RDONLY, 1),
            (MountFlags::NOSUID, 2),
            (MountFlags::NODEV, 4),
            (MountFlags::NOEXEC, 8),
            (MountFlags::NOATIME, 1024),
            (MountFlags::NODIRATIME, 2048),
            (MountFlags::RELATIME, 4096),
            (MountFlags::NOSYMFOLLOW, 8192),
        ];
        // ST_VALID: the field is filled in.
        let valid = 0x20;
        let bits = table
            .iter()
            .filter(|(flag, _)| self.flags.contains(*flag))
            .map(|(_, bit)| bit);
        bits.fold(valid | u64::from(sb_readonly), |all, bit| all | bit)
    }
}

/// A mount namespace.
#[derive(Clone, Debug)]
pub(crate) struct Namespace {
    pub root: MountId,
    pub mounts: BTreeSet<MountId>,
    pub count: u32,
    pub version: u64,
    /// The number of the user namespace that it belongs to; zero for the first one.
    pub owner: u64,
    /// Its number in a trace.
    pub traced: glassdock_trace::world::NsId,
}

impl Vfs {
    pub(crate) fn mnt(&self, id: MountId) -> Result<&Mount> {
        self.mounts.get(&id).ok_or(Errno::ESTALE)
    }

    /// Adds a mount of a superblock, attached nowhere.
    pub(crate) fn add_mount(
        &mut self,
        sb: SbId,
        root: DentryId,
        flags: MountFlags,
        source: &[u8],
    ) -> MountId {
        self.next_mount += 1;
        let id = MountId(self.next_mount);
        self.get_sb(sb);
        self.get_dentry(root);
        self.name_used(root, 1);
        self.mounts.insert(
            id,
            Mount {
                sb,
                root,
                ns: None,
                parent: None,
                children: BTreeSet::new(),
                flags: flags & KEPT,
                source: source.to_vec(),
                count: 0,
                group: None,
                master: None,
                unbindable: false,
                locked: false,
                kept_flags: None,
                detached: false,
                expiring: false,
                writers: 0,
            },
        );
        id
    }

    /// Another mount of the same root (`clone_mnt`), without propagation.
    pub(crate) fn copy_mount(&mut self, id: MountId, root: DentryId) -> Result<MountId> {
        let mount = self.mnt(id)?;
        let (sb, flags, source) = (mount.sb, mount.flags, mount.source.clone());
        let (locked, kept_flags) = (mount.locked, mount.kept_flags);
        let copy = self.add_mount(sb, root, flags, &source);
        if let Some(copy) = self.mounts.get_mut(&copy) {
            (copy.locked, copy.kept_flags) = (locked, kept_flags);
        }
        Ok(copy)
    }

    /// Puts a mount on a place. What is mounted exactly there already ends up on the new mount's root.
    pub(crate) fn attach(&mut self, id: MountId, at: Path) {
        let above = self.mounted.get(&(at.dentry, at.mount)).copied();
        let root = self.mounts.get(&id).map(|mount| mount.root);
        if let (Some(above), Some(root)) = (above, root) {
            self.detach(above);
            self.attach_plain(id, at);
            self.attach_plain(
                above,
                Path {
                    mount: id,
                    dentry: root,
                },
            );
            return;
        }
        self.attach_plain(id, at);
    }

    fn attach_plain(&mut self, id: MountId, at: Path) {
        self.mounted.insert((at.dentry, at.mount), id);
        self.get_dentry(at.dentry);
        self.name_used(at.dentry, 1);
        if let Some(parent) = self.mounts.get_mut(&at.mount) {
            parent.children.insert(id);
            parent.expiring = false;
        }
        let ns = self.mounts.get(&at.mount).and_then(|parent| parent.ns);
        if let Some(mount) = self.mounts.get_mut(&id) {
            mount.parent = Some((at.mount, at.dentry));
            mount.detached = false;
        }
        for id in self.mount_tree(id) {
            // Whoever is in it already sees another path.
            self.paths_changed |= self.mounts.get(&id).is_some_and(|mount| mount.count > 0);
            self.set_ns(id, ns);
        }
    }

    /// Takes a mount off its place; it keeps its namespace until it is attached or dropped.
    pub(crate) fn detach(&mut self, id: MountId) {
        let Some((parent, dentry)) = self
            .mounts
            .get_mut(&id)
            .and_then(|mount| mount.parent.take())
        else {
            return;
        };
        self.mounted.remove(&(dentry, parent));
        if let Some(parent) = self.mounts.get_mut(&parent) {
            parent.children.remove(&id);
        }
        self.name_used(dentry, -1);
        self.put_dentry(dentry);
        self.paths_changed = true;
        for id in self.mount_tree(id) {
            self.mark_ns(id);
        }
    }

    /// Moves a mount into a namespace or out of all.
    pub(crate) fn set_ns(&mut self, id: MountId, ns: Option<MountNsId>) {
        self.mark_ns(id);
        let Some(mount) = self.mounts.get_mut(&id) else {
            return;
        };
        let old = std::mem::replace(&mut mount.ns, ns);
        if let Some(old) = old.and_then(|old| self.namespaces.get_mut(&old)) {
            old.mounts.remove(&id);
        }
        if let Some(new) = ns.and_then(|ns| self.namespaces.get_mut(&ns)) {
            new.mounts.insert(id);
        }
        self.mark_ns(id);
    }

    /// A mount of a namespace has changed.
    pub(crate) fn mark_ns(&mut self, id: MountId) {
        if let Some(ns) = self.mounts.get(&id).and_then(|mount| mount.ns) {
            self.dirty_mounts.insert((ns, id));
            if let Some(ns) = self.namespaces.get_mut(&ns) {
                ns.version += 1;
            }
        }
    }

    /// A mount and all below it, parents first, in order of ids among siblings.
    pub(crate) fn mount_tree(&self, top: MountId) -> Vec<MountId> {
        let mut tree = vec![top];
        let mut at = 0;
        while let Some(id) = tree.get(at) {
            if let Some(mount) = self.mounts.get(id) {
                tree.extend(mount.children.iter().copied());
            }
            at += 1;
        }
        tree
    }

    /// Frees a mount that is attached nowhere and not used.
    pub(crate) fn free_if_unused(&mut self, id: MountId) {
        let unused = self
            .mounts
            .get(&id)
            .is_some_and(|mount| mount.count == 0 && mount.ns.is_none() && mount.parent.is_none());
        if !unused || id == self.hidden {
            return;
        }
        let children: Vec<MountId> = self
            .mounts
            .get(&id)
            .map(|mount| mount.children.iter().copied().collect())
            .unwrap_or_default();
        for child in children {
            self.detach(child);
            self.free_if_unused(child);
        }
        self.leave_groups(id);
        if let Some(mount) = self.mounts.remove(&id) {
            self.name_used(mount.root, -1);
            self.put_dentry(mount.root);
            self.reap();
            self.put_sb(mount.sb);
        }
    }

    /// Takes a reference to a place (`path_get`): it stays valid, its mount busy, until [`Vfs::release`].
    pub fn hold(&mut self, path: Path) {
        self.get_dentry(path.dentry);
        if let Some(mount) = self.mounts.get_mut(&path.mount) {
            mount.count += 1;
            mount.expiring = false;
        }
    }

    /// Gives back a reference (`path_put`).
    pub fn release(&mut self, path: Path) {
        self.put_dentry(path.dentry);
        if let Some(mount) = self.mounts.get_mut(&path.mount) {
            mount.count = mount.count.saturating_sub(1);
        }
        self.free_if_unused(path.mount);
    }

    /// Mounts whose mount point is this dentry, as (parent, mount).
    pub(crate) fn mounts_at(
        &self,
        dentry: DentryId,
    ) -> impl Iterator<Item = (MountId, MountId)> + '_ {
        let range = (dentry, MountId(0))..=(dentry, MountId(u64::MAX));
        self.mounted
            .range(range)
            .map(|((_, parent), mount)| (*parent, *mount))
    }

    /// A mount uses a dentry's path, as its root or its mount point.
    fn name_used(&mut self, dentry: DentryId, by: i32) {
        let count = self.named_by_mounts.entry(dentry).or_default();
        *count = count.saturating_add_signed(by);
        if *count == 0 {
            self.named_by_mounts.remove(&dentry);
        }
    }

    /// A dentry got another path: mounts below it show it.
    pub(crate) fn names_changed(&mut self, dentry: DentryId) {
        self.paths_changed |= self.is_dir(dentry);
        let affected: Vec<DentryId> = match self.is_dir(dentry) {
            false => self
                .named_by_mounts
                .contains_key(&dentry)
                .then_some(dentry)
                .into_iter()
                .collect(),
            true => self
                .named_by_mounts
                .keys()
                .copied()
                .filter(|&id| self.is_below(id, dentry))
                .collect(),
        };
        if affected.is_empty() {
            return;
        }
        let mounts = self.mounts.iter().filter(|(_, mount)| {
            affected.contains(&mount.root)
                || mount
                    .parent
                    .is_some_and(|(_, point)| affected.contains(&point))
        });
        let namespaces: Vec<MountNsId> = mounts.filter_map(|(_, mount)| mount.ns).collect();
        self.dirty_namespaces.extend(namespaces);
    }
}

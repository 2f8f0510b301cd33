//! Mount namespaces (`man 7 mount_namespaces`).

use super::Namespace;
use crate::{Cx, MountId, MountNsId, Path, Vfs};
use glassdock_abi::{Errno, Result};
use glassdock_trace::world::NsId;
use std::collections::BTreeSet;

impl Vfs {
    /// Adds a namespace with a root mount and one reference.
    pub(crate) fn add_ns(&mut self, root: MountId, owner: u64) -> MountNsId {
        self.next_ns += 1;
        let id = MountNsId(self.next_ns);
        let ns = Namespace {
            root,
            mounts: BTreeSet::new(),
            count: 1,
            version: 1,
            owner,
            traced: NsId(id.0),
        };
        self.namespaces.insert(id, ns);
        for mount in self.mount_tree(root) {
            self.set_ns(mount, Some(id));
        }
        id
    }

    /// Tells under which number a trace knows a namespace (`readlink /proc/PID/ns/mnt`); its own until then.
    pub fn name_mnt_ns(&mut self, ns: MountNsId, traced: NsId) {
        if let Some(found) = self.namespaces.get_mut(&ns) {
            found.traced = traced;
            self.dirty_namespaces.insert(ns);
        }
    }

    /// A copy of the caller's mount namespace (`CLONE_NEWNS`), with one reference. `remap` holds places of the caller
    /// (root, working directory): those in copied mounts are replaced by the copies, and their references move with
    /// them. `owner` is the number of the user namespace that the copy belongs to, zero for the first one: in another than
    /// before, the mounts are slaves and keep their flags, and those below the root stay together.
    pub fn clone_mount_ns(
        &mut self,
        cx: &mut Cx,
        owner: u64,
        remap: &mut [Path],
    ) -> Result<MountNsId> {
        let old = self.namespaces.get(&cx.mnt_ns).ok_or(Errno::EINVAL)?;
        let (old_root, lesser) = (old.root, old.owner != owner);
        let root_dentry = self.mnt(old_root)?.root;
        let (top, map) = self.copy_tree(old_root, root_dentry, true)?;
        for (&original, &copy) in &map {
            self.share_like(copy, original);
            if lesser {
                self.make_slave(copy);
            }
        }
        if lesser {
            self.lock_tree(top);
        }
        let id = self.add_ns(top, owner);
        for path in remap {
            if let Some(&copy) = map.get(&path.mount) {
                let moved = Path {
                    mount: copy,
                    dentry: path.dentry,
                };
                self.hold(moved);
                self.release(*path);
                *path = moved;
            }
        }
        Ok(id)
    }

    /// Root of a mount namespace, for `setns`: the topmost mount on its root.
    pub fn mnt_ns_root(&self, ns: MountNsId) -> Result<Path> {
        let mount = self.namespaces.get(&ns).ok_or(Errno::EINVAL)?.root;
        Ok(self.topmost(Path {
            mount,
            dentry: self.mnt(mount)?.root,
        }))
    }

    /// Takes a reference to a namespace.
    pub fn hold_ns(&mut self, ns: MountNsId) {
        if let Some(ns) = self.namespaces.get_mut(&ns) {
            ns.count += 1;
        }
    }

    /// Gives back a reference; with the last one all its mounts are undone.
    pub fn release_ns(&mut self, id: MountNsId) {
        let Some(ns) = self.namespaces.get_mut(&id) else {
            return;
        };
        ns.count = ns.count.saturating_sub(1);
        if ns.count > 0 {
            return;
        }
        let root = ns.root;
        self.umount_tree(root, false);
        self.log_mounts();
        self.namespaces.remove(&id);
        self.dirty_namespaces.remove(&id);
        self.dirty_mounts.retain(|(ns, _)| *ns != id);
    }

    /// Changes with every change of the namespace's mounts (`poll` on `/proc/PID/mounts`).
    pub fn mounts_version(&self, ns: MountNsId) -> u64 {
        self.namespaces.get(&ns).map_or(0, |ns| ns.version)
    }
}

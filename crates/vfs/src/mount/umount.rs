//! `man 2 umount2`, with its propagation.

use crate::{At, Cx, Lookup, MountId, Path, Vfs, cap};
use glassdock_abi::flags::UmountFlags;
use glassdock_abi::{Errno, Result};
use std::collections::BTreeSet;

impl Vfs {
    /// `man 2 umount2`.
    pub fn umount(&mut self, cx: &mut Cx, target: &[u8], flags: UmountFlags) -> Result<()> {
        self.reap();
        let known =
            UmountFlags::FORCE | UmountFlags::DETACH | UmountFlags::EXPIRE | UmountFlags::NOFOLLOW;
        if !known.contains(flags) {
            return Err(Errno::EINVAL);
        }
        let how = if flags.contains(UmountFlags::NOFOLLOW) {
            Lookup::NOFOLLOW
        } else {
            Lookup::FOLLOW
        };
        let found = self.walk_all(cx, At::Cwd, target, how)?;
        let path = self.topmost(found);
        if !cx.cred.has(cap::SYS_ADMIN) {
            return Err(Errno::EPERM);
        }
        let locked = self.mnt(path.mount)?.locked;
        if !self.is_mount_root(path) || !self.is_ours(cx, path.mount) || locked {
            return Err(Errno::EINVAL);
        }
        if flags.contains(UmountFlags::FORCE) && !self.rules(cx, self.mnt(path.mount)?.sb) {
            return Err(Errno::EPERM);
        }
        self.umount_mount(cx, path, flags)
    }

    fn umount_mount(&mut self, cx: &Cx, path: Path, flags: UmountFlags) -> Result<()> {
        let id = path.mount;
        if flags.contains(UmountFlags::EXPIRE) {
            let root = cx.root.mount == id;
            if root || flags.intersects(UmountFlags::FORCE | UmountFlags::DETACH) {
                return Err(Errno::EINVAL);
            }
            let Some(mount) = self.mounts.get_mut(&id) else {
                return Err(Errno::EINVAL);
            };
            if mount.count > 0 {
                return Err(Errno::EBUSY);
            }
            if !std::mem::replace(&mut mount.expiring, true) {
                return Err(Errno::EAGAIN);
            }
        }
        if flags.contains(UmountFlags::DETACH) {
            if self.mnt(id)?.parent.is_none() {
                return Err(Errno::EINVAL);
            }
            self.umount_tree(id, true);
            return Ok(());
        }
        if cx.root.mount == id {
            // The root cannot go; asking for it makes it read-only.
            let sb = self.mnt(id)?.sb;
            if !self.rules(cx, sb) {
                return Err(Errno::EPERM);
            }
            if !self.sb(sb)?.readonly && self.has_writers(sb) {
                return Err(Errno::EBUSY);
            }
            self.change_sb(sb, |sb| sb.readonly = true);
            return Ok(());
        }
        if self.is_busy(id) {
            return Err(Errno::EBUSY);
        }
        self.umount_tree(id, true);
        Ok(())
    }

    /// `propagate_mount_busy`: in use, or with mounts below; the same of the childless mounts that would go along.
    fn is_busy(&self, id: MountId) -> bool {
        let used = |id: &MountId| self.mounts.get(id).is_none_or(|mount| mount.count > 0);
        let parent = |id: &MountId| {
            self.mounts
                .get(id)
                .is_none_or(|mount| !mount.children.is_empty())
        };
        used(&id)
            || parent(&id)
            || self
                .propagated_children(id)
                .iter()
                .filter(|child| !parent(child))
                .any(used)
    }

    /// Takes a mount and all below it from the tree, and what follows by propagation (`umount_tree`).
    pub(crate) fn umount_tree(&mut self, top: MountId, propagate: bool) {
        let mut gone: BTreeSet<MountId> = self.mount_tree(top).into_iter().collect();
        if propagate {
            self.add_propagated(&mut gone);
        }
        // What covers the root of a propagated mount that goes stays, on the place below.
        for &id in gone.iter().rev() {
            self.reparent_covering(id, &gone);
        }
        for &id in gone.iter().rev() {
            self.detach(id);
            self.set_ns(id, None);
            self.leave_groups(id);
        }
        for id in gone {
            self.free_if_unused(id);
        }
    }

    /// Adds the mounts that go by propagation: those without other mounts below than such as go too.
    fn add_propagated(&self, gone: &mut BTreeSet<MountId>) {
        let mut candidates = BTreeSet::new();
        for &id in gone.iter() {
            candidates.extend(self.propagated_children(id));
        }
        candidates.retain(|id| !gone.contains(id));
        loop {
            let stays = |id: &MountId| {
                self.mounts.get(id).is_some_and(|mount| {
                    let mut others = mount
                        .children
                        .iter()
                        .filter(|child| !gone.contains(child) && !candidates.contains(child));
                    others.any(|child| !self.covers_root(*child))
                })
            };
            let Some(staying) = candidates.iter().copied().find(|id| stays(id)) else {
                break;
            };
            candidates.remove(&staying);
        }
        gone.extend(candidates);
    }

    /// Whether a mount is on the root of the mount below it.
    fn covers_root(&self, id: MountId) -> bool {
        self.mounts
            .get(&id)
            .and_then(|mount| mount.parent)
            .is_some_and(|(parent, point)| {
                self.mounts
                    .get(&parent)
                    .is_some_and(|parent| parent.root == point)
            })
    }

    fn reparent_covering(&mut self, id: MountId, gone: &BTreeSet<MountId>) {
        let Some(mount) = self.mounts.get(&id) else {
            return;
        };
        let Some((parent, point)) = mount.parent else {
            return;
        };
        let staying: Vec<MountId> = mount
            .children
            .iter()
            .copied()
            .filter(|child| !gone.contains(child))
            .collect();
        for child in staying {
            self.detach(child);
            self.detach(id);
            self.attach(
                child,
                Path {
                    mount: parent,
                    dentry: point,
                },
            );
        }
    }
}

//! `man 2 open_tree` and `man 2 move_mount`: mounts that lie nowhere, and the way to a place.

use crate::{At, Cx, Lookup, MountId, OpenFile, Path, Vfs};
use glassdock_abi::flags::{MoveMountFlags, OpenFlags, OpenTreeFlags};
use glassdock_abi::{Errno, Result};

impl Vfs {
    /// `man 2 open_tree`: an `O_PATH` descriptor of a place, or of a copy of the mounts there that lies nowhere and goes with its
    /// last descriptor.
    pub fn open_tree(
        &mut self,
        cx: &mut Cx,
        at: At,
        path: &[u8],
        flags: OpenTreeFlags,
    ) -> Result<OpenFile> {
        self.reap();
        let how = Lookup {
            follow: !flags.contains(OpenTreeFlags::SYMLINK_NOFOLLOW),
            empty: flags.contains(OpenTreeFlags::EMPTY_PATH),
            ..Lookup::FOLLOW
        };
        let mut place = self.walk_all(cx, at, path, how)?;
        if flags.contains(OpenTreeFlags::CLONE) {
            let recursive = flags.contains(OpenTreeFlags::RECURSIVE);
            let mount = self.copy_for_bind(cx, place, recursive)?;
            if let Some(mount) = self.mounts.get_mut(&mount) {
                mount.detached = true;
            }
            place.mount = mount;
        }
        self.open_pseudo(cx, place, OpenFlags::PATH)
    }

    /// `man 2 move_mount`. Mount groups (`MOVE_MOUNT_SET_GROUP`) and mounts beneath others are not modelled.
    pub fn move_mount(
        &mut self,
        cx: &mut Cx,
        from: (At, &[u8]),
        to: (At, &[u8]),
        flags: MoveMountFlags,
    ) -> Result<()> {
        self.reap();
        let lookup = |follow, empty| Lookup {
            follow: flags.contains(follow),
            empty: flags.contains(empty),
            ..Lookup::FOLLOW
        };
        let how = lookup(MoveMountFlags::T_SYMLINKS, MoveMountFlags::T_EMPTY_PATH);
        let target = self.walk_all(cx, to.0, to.1, how)?;
        self.hold(target);
        let how = lookup(MoveMountFlags::F_SYMLINKS, MoveMountFlags::F_EMPTY_PATH);
        let moved = self
            .walk_all(cx, from.0, from.1, how)
            .and_then(|source| self.move_place(cx, source, target));
        self.release(target);
        moved
    }

    /// Whether a mount is of a tree that `open_tree` made and that lies nowhere yet.
    pub(super) fn is_detached(&self, id: MountId) -> bool {
        let mut at = self.mounts.get(&id);
        while let Some(mount) = at {
            match mount.parent {
                Some((parent, _)) => at = self.mounts.get(&parent),
                None => return mount.detached,
            }
        }
        false
    }

    /// `do_move_mount`: `EINVAL` for what is no mount, locked, elsewhere, or under a shared one; `ELOOP` into itself.
    pub(super) fn move_place(&mut self, cx: &mut Cx, old: Path, target: Path) -> Result<()> {
        let at = self.mount_point(target)?;
        let mount = self.mnt(old.mount)?;
        let (parent, movable) = match mount.parent {
            Some((parent, _)) => (Some(parent), self.is_ours(cx, old.mount)),
            None => (None, mount.detached),
        };
        if !self.is_mount_root(old) || !movable || mount.locked || !self.is_ours(cx, at.mount) {
            return Err(Errno::EINVAL);
        }
        let under_shared = parent.is_some_and(|parent| self.is_shared(parent));
        if self.is_dir(old.dentry) != self.is_dir(at.dentry) || under_shared {
            return Err(Errno::EINVAL);
        }
        let unbindable =
            |vfs: &Vfs, id: &MountId| vfs.mounts.get(id).is_some_and(|mount| mount.unbindable);
        let tree = self.mount_tree(old.mount);
        if self.is_shared(at.mount) && tree.iter().any(|id| unbindable(self, id)) {
            return Err(Errno::EINVAL);
        }
        if tree.contains(&at.mount) {
            return Err(Errno::ELOOP);
        }
        let back = self.mnt(old.mount)?.parent;
        self.detach(old.mount);
        let moved = self.attach_tree(old.mount, at);
        if let (Err(_), Some((mount, dentry))) = (&moved, back) {
            self.attach(old.mount, Path { mount, dentry });
        }
        moved
    }
}

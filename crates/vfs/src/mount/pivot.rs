//! `man 2 pivot_root`.

use crate::{At, Cx, Lookup, Path, Vfs, cap};
use glassdock_abi::{Errno, Result};

impl Vfs {
    /// `man 2 pivot_root`. The kernel then moves the root and working directory of every task of the namespace that is
    /// at the old root, as the returned pair (old, new) says, with their references.
    pub fn pivot_root(
        &mut self,
        cx: &mut Cx,
        new_root: &[u8],
        put_old: &[u8],
    ) -> Result<(Path, Path)> {
        self.reap();
        if !cx.cred.has(cap::SYS_ADMIN) {
            return Err(Errno::EPERM);
        }
        let how = Lookup {
            directory: true,
            ..Lookup::FOLLOW
        };
        let new = self.walk_all(cx, At::Cwd, new_root, how)?;
        self.hold(new);
        let pivoted = self
            .walk_all(cx, At::Cwd, put_old, how)
            .and_then(|old| self.pivot(cx, new, old));
        self.release(new);
        pivoted?;
        Ok((cx.root, new))
    }

    fn pivot(&mut self, cx: &Cx, new: Path, old: Path) -> Result<()> {
        let old = self.mount_point(old)?;
        let root = cx.root;
        let parent =
            |vfs: &Vfs, path: Path| vfs.mounts.get(&path.mount).and_then(|mount| mount.parent);
        let (new_parent, root_parent) = (parent(self, new), parent(self, root));
        let shared =
            |at: Option<(crate::MountId, _)>| at.is_some_and(|(mount, _)| self.is_shared(mount));
        if self.is_shared(old.mount) || shared(new_parent) || shared(root_parent) {
            return Err(Errno::EINVAL);
        }
        if !self.is_ours(cx, root.mount) || !self.is_ours(cx, new.mount) {
            return Err(Errno::EINVAL);
        }
        if self.mnt(new.mount)?.locked {
            return Err(Errno::EINVAL);
        }
        if self.is_dead(new.dentry) {
            return Err(Errno::ENOENT);
        }
        if new.mount == root.mount || old.mount == root.mount {
            return Err(Errno::EBUSY);
        }
        let (Some(_), Some(root_at)) = (new_parent, root_parent) else {
            return Err(Errno::EINVAL);
        };
        if !self.is_mount_root(root) || !self.is_mount_root(new) {
            return Err(Errno::EINVAL);
        }
        if !self.is_reachable(old, new) || !self.is_reachable(new, root) {
            return Err(Errno::EINVAL);
        }
        // What must stay at the root is the new one from now on.
        let locked = self
            .mounts
            .get_mut(&root.mount)
            .map(|old| std::mem::take(&mut old.locked));
        if let Some(new) = self.mounts.get_mut(&new.mount) {
            new.locked = locked.unwrap_or_default();
        }
        self.detach(new.mount);
        self.detach(root.mount);
        self.attach(root.mount, old);
        self.attach(
            new.mount,
            Path {
                mount: root_at.0,
                dentry: root_at.1,
            },
        );
        Ok(())
    }
}

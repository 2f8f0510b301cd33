//! What those may not change who own a mount namespace and not what is mounted in it (`man 7 mount_namespaces`,
//! "Restrictions on mount namespaces").

use crate::{Cx, DentryId, MountId, Path, UserNs, Vfs};
use glassdock_abi::flags::MountFlags;
use glassdock_abi::{Errno, Result};
use std::sync::Arc;

/// Flags that can be given and not taken away.
const KEPT: MountFlags = MountFlags::RDONLY
    .union(MountFlags::NOSUID)
    .union(MountFlags::NODEV)
    .union(MountFlags::NOEXEC);
/// Flags about access times, which stay as they are.
const ATIME: MountFlags = MountFlags::NOATIME
    .union(MountFlags::NODIRATIME)
    .union(MountFlags::RELATIME);

/// Types that only the machine's root may mount (without `FS_USERNS_MOUNT`), and overlays, which Linux lets others mount too: here
/// they read and write with the rights of the machine's root.
const FOR_ROOT: [&[u8]; 6] = [
    b"devtmpfs",
    b"overlay",
    b"pipefs",
    b"sockfs",
    b"anon_inodefs",
    b"nsfs",
];
/// Types of which others than the machine's root see no more than is mounted already (`SB_I_USERNS_VISIBLE`).
const VISIBLE: [&[u8]; 2] = [b"proc", b"sysfs"];

impl Vfs {
    /// `lock_mnt_tree`: the flags of all stay, and all but the top stay where they are.
    pub(crate) fn lock_tree(&mut self, top: MountId) {
        for id in self.mount_tree(top) {
            if let Some(mount) = self.mounts.get_mut(&id) {
                mount.kept_flags.get_or_insert(mount.flags & (KEPT | ATIME));
                mount.locked |= id != top;
            }
        }
    }

    /// Whether mounts below a dentry of a mount must stay on it (`has_locked_children`).
    pub(crate) fn has_locked_children(&self, id: MountId, root: DentryId) -> bool {
        let Some(mount) = self.mounts.get(&id) else {
            return false;
        };
        let locked = |child: &MountId| {
            self.mounts.get(child).is_some_and(|child| {
                let point = child.parent.map(|(_, point)| point);
                child.locked && point.is_some_and(|point| self.is_below(point, root))
            })
        };
        mount.children.iter().any(locked)
    }

    /// `can_change_locked_flags`: `EPERM` where a change takes away what must stay.
    pub(crate) fn may_have_flags(&self, id: MountId, flags: MountFlags) -> Result<()> {
        let Some(kept) = self.mnt(id)?.kept_flags else {
            return Ok(());
        };
        if flags.contains(kept & KEPT) && flags & ATIME == kept & ATIME {
            return Ok(());
        }
        Err(Errno::EPERM)
    }

    /// Who may mount a type: `EPERM`.
    pub(crate) fn may_mount_type(&self, cx: &Cx, fstype: &[u8]) -> Result<()> {
        match cx.cred.user.is_none() || !FOR_ROOT.contains(&fstype) {
            true => Ok(()),
            false => Err(Errno::EPERM),
        }
    }

    /// `mount_too_revealing`: a type that shows the whole machine needs a mount of it in the namespace already, in which nothing
    /// is covered, and which is not read-only where the new one is not.
    pub(crate) fn may_reveal(&self, cx: &Cx, fstype: &[u8], flags: MountFlags) -> Result<()> {
        let Some(ns) = self.namespaces.get(&cx.mnt_ns) else {
            return Err(Errno::EINVAL);
        };
        if ns.owner == 0 || !VISIBLE.contains(&fstype) {
            return Ok(());
        }
        let shows_all = |id: &MountId| {
            let Some(mount) = self.mounts.get(id) else {
                return false;
            };
            let Ok(sb) = self.sb(mount.sb) else {
                return false;
            };
            let kept = mount.kept_flags.unwrap_or_default();
            sb.fstype == fstype
                && sb.root == mount.root
                && (flags.contains(MountFlags::RDONLY) || !kept.contains(MountFlags::RDONLY))
                && !self.has_locked_children(*id, mount.root)
        };
        match ns.mounts.iter().any(shows_all) {
            true => Ok(()),
            false => Err(Errno::EPERM),
        }
    }

    /// Whether the caller has capabilities over a file system (`ns_capable(sb->s_user_ns)`).
    pub(crate) fn rules(&self, cx: &Cx, sb: crate::SbId) -> bool {
        let owner = self.sb(sb).ok().and_then(|sb| sb.owner.as_deref());
        let user = cx.cred.user.as_deref();
        cx.cred.has(crate::cap::SYS_ADMIN)
            && match (owner, user) {
                (_, None) => true,
                (None, Some(_)) => false,
                (Some(owner), Some(user)) => owner.is_within(user),
            }
    }

    /// Whether no device can be opened on a mount: by its flag, or because the file system was mounted in a user namespace.
    pub(crate) fn no_devices(&self, id: MountId) -> Result<bool> {
        let mount = self.mnt(id)?;
        let sb = self.sb(mount.sb)?;
        // Terminals are no way to the machine's devices (`devpts_fill_super`).
        Ok(mount.nodev() || sb.owner.is_some() && sb.fstype != b"devpts")
    }

    /// The maps of a user namespace were written: what was mounted in it knows them.
    pub fn users_mapped(&mut self, user: &Arc<UserNs>) {
        let of_it = |owner: &Arc<UserNs>| owner.number() == user.number();
        let ids: Vec<_> = self
            .sbs
            .iter()
            .filter(|(_, sb)| sb.owner.as_ref().is_some_and(of_it))
            .map(|(id, _)| id)
            .collect();
        for id in ids {
            self.change_sb(id, |sb| sb.owner = Some(Arc::clone(user)));
        }
    }

    /// Whether a place is where a mount namespace begins, for everybody in it.
    pub fn is_ns_root(&self, ns: crate::MountNsId, path: Path) -> bool {
        self.mnt_ns_root(ns).is_ok_and(|root| root == path)
    }
}

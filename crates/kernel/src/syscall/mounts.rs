//! Mounts that are held by descriptors: `open_tree`, `move_mount`.

use crate::Kernel;
use crate::file::Body;
use crate::ids::Tid;
use crate::wait::SysResult;
use glassdock_abi::flags::{AtFlags, MountAttrFlags, MountFlags, MoveMountFlags, OpenTreeFlags};
use glassdock_abi::types::MountAttr;
use glassdock_abi::{Errno, Fd, Result, Ret};
use glassdock_trace::Value;
use glassdock_vfs::MountChange;

/// Attributes with the flags that they are in a mount.
const FLAGS: [(MountAttrFlags, MountFlags); 6] = [
    (MountAttrFlags::RDONLY, MountFlags::RDONLY),
    (MountAttrFlags::NOSUID, MountFlags::NOSUID),
    (MountAttrFlags::NODEV, MountFlags::NODEV),
    (MountAttrFlags::NOEXEC, MountFlags::NOEXEC),
    (MountAttrFlags::NODIRATIME, MountFlags::NODIRATIME),
    (MountAttrFlags::NOSYMFOLLOW, MountFlags::NOSYMFOLLOW),
];

/// What a mount's attributes change: `EINVAL` for unknown ones, for more than one propagation, and for access times that are not
/// cleared as a whole first.
fn change_of(attr: MountAttr) -> Result<MountChange> {
    let propagations =
        MountFlags::SHARED | MountFlags::SLAVE | MountFlags::PRIVATE | MountFlags::UNBINDABLE;
    let known = FLAGS
        .iter()
        .fold(MountAttrFlags::ATIME, |all, (flag, _)| all | *flag);
    let several = attr.propagation.bits().count_ones() > 1;
    if !propagations.contains(attr.propagation) || several || !known.contains(attr.set | attr.clear)
    {
        return Err(Errno::EINVAL);
    }
    let flags = |word: MountAttrFlags| {
        let there = FLAGS.iter().filter(|(flag, _)| word.contains(*flag));
        there.fold(MountFlags::empty(), |all, (_, flag)| all | *flag)
    };
    let mut change = MountChange {
        set: flags(attr.set),
        clear: flags(attr.clear),
        propagation: attr.propagation,
    };
    let [set, clear] = [attr.set, attr.clear].map(|word| word & MountAttrFlags::ATIME);
    if clear == MountAttrFlags::ATIME {
        change.clear |= MountFlags::RELATIME | MountFlags::NOATIME;
        change.set |= match set {
            MountAttrFlags::NOATIME => MountFlags::NOATIME,
            MountAttrFlags::STRICTATIME => MountFlags::empty(),
            set if set.is_empty() => MountFlags::RELATIME,
            _ => return Err(Errno::EINVAL),
        };
    } else if !(set.is_empty() && clear.is_empty()) {
        return Err(Errno::EINVAL);
    }
    Ok(change)
}

impl Kernel {
    /// `EINVAL` for unknown flags and `AT_RECURSIVE` alone, `EPERM` for a copy without `CAP_SYS_ADMIN`.
    pub(super) fn sys_open_tree(
        &mut self,
        tid: Tid,
        dirfd: Fd,
        path: &[u8],
        flags: OpenTreeFlags,
    ) -> SysResult {
        let known = OpenTreeFlags::CLONE
            | OpenTreeFlags::CLOEXEC
            | OpenTreeFlags::SYMLINK_NOFOLLOW
            | OpenTreeFlags::NO_AUTOMOUNT
            | OpenTreeFlags::EMPTY_PATH
            | OpenTreeFlags::RECURSIVE;
        let clone = flags.contains(OpenTreeFlags::CLONE);
        if !known.contains(flags) || flags.contains(OpenTreeFlags::RECURSIVE) && !clone {
            return Err(Errno::EINVAL.into());
        }
        if clone {
            self.may_mount(tid)?;
        }
        let at = self.at(tid, dirfd);
        let file = self.with_vfs(tid, |vfs, cx| vfs.open_tree(cx, at, path, flags))?;
        let what = self.vfs().d_path(self.vfs_root, file.path);
        let id = self.add_file(file, Body::Vfs, what);
        let cloexec = flags.contains(OpenTreeFlags::CLOEXEC);
        Ok(Ret::Fd(self.install(tid, id, cloexec)?))
    }

    /// `EINVAL` for what makes no sense (`build_mount_kattr`) and for id-mapped mounts, which are not modelled; `EPERM` without
    /// `CAP_SYS_ADMIN`.
    pub(super) fn sys_mount_setattr(
        &mut self,
        tid: Tid,
        place: (Fd, &[u8]),
        flags: AtFlags,
        attr: MountAttr,
    ) -> SysResult {
        let known = AtFlags::EMPTY_PATH
            | AtFlags::RECURSIVE
            | AtFlags::SYMLINK_NOFOLLOW
            | AtFlags::NO_AUTOMOUNT;
        if !known.contains(flags) {
            return Err(Errno::EINVAL.into());
        }
        self.may_mount(tid)?;
        if attr == MountAttr::default() {
            return Ok(Ret::None);
        }
        if (attr.set | attr.clear).contains(MountAttrFlags::IDMAP) {
            self.note("idmap-unsupported", Vec::new);
            return Err(Errno::EINVAL.into());
        }
        let change = change_of(attr)?;
        let at = self.at(tid, place.0);
        self.with_vfs(tid, |vfs, cx| {
            vfs.mount_setattr(cx, (at, place.1), flags, change)
        })?;
        Ok(Ret::None)
    }

    /// `EPERM` without `CAP_SYS_ADMIN`, `EINVAL` for unknown flags.
    pub(super) fn sys_move_mount(
        &mut self,
        tid: Tid,
        from: (Fd, &[u8]),
        to: (Fd, &[u8]),
        flags: MoveMountFlags,
    ) -> SysResult {
        self.may_mount(tid)?;
        let missing = MoveMountFlags::SET_GROUP | MoveMountFlags::BENEATH;
        if flags.intersects(missing) {
            self.note("move-mount-unsupported", || {
                vec![Value::Hex(u64::from(flags.bits()))]
            });
        }
        let known = MoveMountFlags::F_SYMLINKS
            | MoveMountFlags::F_AUTOMOUNTS
            | MoveMountFlags::F_EMPTY_PATH
            | MoveMountFlags::T_SYMLINKS
            | MoveMountFlags::T_AUTOMOUNTS
            | MoveMountFlags::T_EMPTY_PATH;
        if !known.contains(flags) {
            return Err(Errno::EINVAL.into());
        }
        let (source, target) = (self.at(tid, from.0), self.at(tid, to.0));
        self.with_vfs(tid, |vfs, cx| {
            vfs.move_mount(cx, (source, from.1), (target, to.1), flags)
        })?;
        Ok(Ret::None)
    }
}

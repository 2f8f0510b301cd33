//! Mounts that are held by descriptors: `open_tree`, `move_mount`.

use crate::Kernel;
use crate::file::Body;
use crate::ids::Tid;
use crate::wait::SysResult;
use glassdock_abi::flags::{MoveMountFlags, OpenTreeFlags};
use glassdock_abi::{Errno, Fd, Ret};
use glassdock_trace::Value;

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

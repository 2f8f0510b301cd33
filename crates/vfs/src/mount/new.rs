//! `man 2 mount`: what is asked, new file systems, bind mounts, moves.

use crate::store::{Body, Fs, Inode};
use crate::walk::check_path;
use crate::{At, Cx, DentryId, Lookup, MountId, Path, SbId, Vfs, cap};
use glassdock_abi::flags::MountFlags;
use glassdock_abi::{Errno, Result};

/// Bytes of a source or type with the NUL at its end (`copy_mount_string`).
const STRING_MAX: usize = 4096;
/// Flags that choose the propagation.
const PROPAGATION: MountFlags = MountFlags::SHARED
    .union(MountFlags::PRIVATE)
    .union(MountFlags::SLAVE)
    .union(MountFlags::UNBINDABLE);
/// Flags about access times.
const ATIME: MountFlags = MountFlags::NOATIME
    .union(MountFlags::NODIRATIME)
    .union(MountFlags::RELATIME)
    .union(MountFlags::STRICTATIME);

/// The flags that the mount keeps, with `relatime` as the default.
fn kept(flags: MountFlags) -> MountFlags {
    let mut kept = flags & super::KEPT;
    kept.remove(MountFlags::RELATIME);
    if !flags.intersects(MountFlags::NOATIME | MountFlags::STRICTATIME) {
        kept |= MountFlags::RELATIME;
    }
    if flags.contains(MountFlags::STRICTATIME) {
        kept.remove(MountFlags::NOATIME);
    }
    kept
}

impl Vfs {
    /// `man 2 mount`, all of it: new mounts, bind, remount, move, propagation.
    pub fn mount(
        &mut self,
        cx: &mut Cx,
        source: &[u8],
        target: &[u8],
        fstype: &[u8],
        flags: MountFlags,
        data: &[u8],
    ) -> Result<()> {
        self.reap();
        if source.len() >= STRING_MAX || fstype.len() >= STRING_MAX {
            return Err(Errno::EINVAL);
        }
        let target = self.walk_all(cx, At::Cwd, target, Lookup::FOLLOW)?;
        if !cx.cred.has(cap::SYS_ADMIN) {
            return Err(Errno::EPERM);
        }
        self.hold(target);
        let done = self.mount_at(cx, source, target, fstype, flags, data);
        self.release(target);
        done
    }

    fn mount_at(
        &mut self,
        cx: &mut Cx,
        source: &[u8],
        target: Path,
        fstype: &[u8],
        flags: MountFlags,
        data: &[u8],
    ) -> Result<()> {
        let mut attributes = kept(flags);
        if flags.contains(MountFlags::REMOUNT) && !flags.intersects(ATIME) {
            let old = self.mnt(target.mount)?.flags & (ATIME & super::KEPT);
            attributes = attributes.difference(ATIME) | old;
        }
        if flags.contains(MountFlags::REMOUNT | MountFlags::BIND) {
            return self.remount_bind(cx, target, attributes);
        }
        if flags.contains(MountFlags::REMOUNT) {
            let readonly = flags.contains(MountFlags::RDONLY);
            return self.remount(cx, target, attributes, readonly, data);
        }
        if flags.contains(MountFlags::BIND) {
            return self.bind(cx, source, target, flags.contains(MountFlags::REC));
        }
        if flags.intersects(PROPAGATION) {
            return self.change_propagation(cx, target, flags);
        }
        if flags.contains(MountFlags::MOVE) {
            return self.move_by_name(cx, source, target);
        }
        self.new_mount(cx, source, target, fstype, flags, attributes, data)
    }

    /// Whether a mount is in the caller's namespace (`check_mnt`).
    pub(crate) fn is_ours(&self, cx: &Cx, id: MountId) -> bool {
        self.mounts
            .get(&id)
            .is_some_and(|mount| mount.ns == Some(cx.mnt_ns))
    }

    /// Whether a place is the root of its mount (`path_mounted`).
    pub(crate) fn is_mount_root(&self, path: Path) -> bool {
        self.mounts
            .get(&path.mount)
            .is_some_and(|mount| mount.root == path.dentry)
    }

    /// Where a mount is to be put: on top of what is there (`lock_mount`). `ENOENT` in a removed directory and on a
    /// mount that is not attached any more, `EINVAL` on one that is not attached yet.
    pub(crate) fn mount_point(&self, path: Path) -> Result<Path> {
        let top = self.topmost(path);
        if self.is_dead(top.dentry) {
            return Err(Errno::ENOENT);
        }
        match self.mnt(top.mount)?.ns {
            Some(_) => Ok(top),
            None if self.is_detached(top.mount) => Err(Errno::EINVAL),
            None => Err(Errno::ENOENT),
        }
    }

    /// Puts a tree of mounts on a place (`graft_tree`): `ENOTDIR` for a directory on a file, or the reverse.
    fn graft(&mut self, tree: MountId, at: Path) -> Result<()> {
        if self.is_dir(self.mnt(tree)?.root) != self.is_dir(at.dentry) {
            return Err(Errno::ENOTDIR);
        }
        self.attach_tree(tree, at)
    }

    #[allow(clippy::too_many_arguments, reason = "the arguments of mount(2)")]
    fn new_mount(
        &mut self,
        cx: &mut Cx,
        source: &[u8],
        target: Path,
        fstype: &[u8],
        flags: MountFlags,
        attributes: MountFlags,
        data: &[u8],
    ) -> Result<()> {
        if fstype.is_empty() {
            return Err(Errno::ENODEV);
        }
        self.may_mount_type(cx, fstype)?;
        self.may_reveal(cx, fstype, attributes)?;
        let readonly = flags.contains(MountFlags::RDONLY);
        let sb = self.new_superblock(cx, fstype, source, data, readonly)?;
        let root = self.sb(sb)?.root;
        let mount = self.add_mount(sb, root, attributes, source);
        let placed = self.place_new(cx, sb, mount, target);
        if placed.is_err() {
            self.free_if_unused(mount);
        }
        placed
    }

    fn place_new(&mut self, cx: &Cx, sb: SbId, mount: MountId, target: Path) -> Result<()> {
        let at = self.mount_point(target)?;
        if !self.is_ours(cx, at.mount) {
            return Err(Errno::EINVAL);
        }
        if self.mnt(at.mount)?.sb == sb && self.is_mount_root(at) {
            return Err(Errno::EBUSY);
        }
        self.graft(mount, at)
    }

    /// A superblock by type: tmpfs and overlay are served here, all others by [`crate::Dynamic`]. Not yet counted.
    pub(crate) fn new_superblock(
        &mut self,
        cx: &mut Cx,
        fstype: &[u8],
        source: &[u8],
        data: &[u8],
        readonly: bool,
    ) -> Result<SbId> {
        let sb = match fstype {
            b"tmpfs" | b"devtmpfs" | b"ramfs" => {
                self.new_tmpfs(fstype, data, readonly, cx.cred, cx.now)
            }
            b"overlay" => self.new_overlay(cx, data, readonly),
            _ => self.new_synthetic(cx, fstype, source, data, readonly),
        }?;
        // One that is in use already stays whose it was.
        if self.sb(sb)?.active == 0 {
            self.sb_mut(sb)?.owner.clone_from(&cx.cred.user);
        }
        Ok(sb)
    }

    fn new_synthetic(
        &mut self,
        cx: &mut Cx,
        fstype: &[u8],
        source: &[u8],
        data: &[u8],
        readonly: bool,
    ) -> Result<SbId> {
        let made = cx.dynamic.mount(self, fstype, source, data)?;
        let same = self.sbs.iter().find(|(_, sb)| {
            sb.fstype == fstype && matches!(&sb.fs, Fs::Synthetic { key, .. } if *key == made.key)
        });
        if let Some((id, _)) = same {
            return Ok(id);
        }
        let id = self.new_sb_id();
        let attr = cx.dynamic.attr(self, id, made.root)?;
        let fs = Fs::Synthetic {
            key: made.key,
            options: made.options,
        };
        let root = Inode::new(id, attr.ino, attr.mode, Body::Synthetic(made.root));
        Ok(self.add_sb(fstype, made.magic, readonly, fs, root))
    }

    /// A mount that is in no namespace (pipefs, sockfs, nsfs), of a type that [`crate::Dynamic`] knows.
    pub fn kern_mount(&mut self, cx: &mut Cx, fstype: &[u8]) -> Result<MountId> {
        let sb = self.new_superblock(cx, fstype, b"none", b"", false)?;
        let root = self.sb(sb)?.root;
        let mount = self.add_mount(sb, root, MountFlags::empty(), fstype);
        self.hold(Path {
            mount,
            dentry: root,
        });
        Ok(mount)
    }

    /// `MS_BIND` (`do_loopback`).
    fn bind(&mut self, cx: &mut Cx, source: &[u8], target: Path, recursive: bool) -> Result<()> {
        if source.is_empty() {
            return Err(Errno::EINVAL);
        }
        check_path(source)?;
        let old = self.walk_all(cx, At::Cwd, source, Lookup::FOLLOW)?;
        let at = self.mount_point(target)?;
        if !self.is_ours(cx, at.mount) {
            return Err(Errno::EINVAL);
        }
        let tree = self.copy_for_bind(cx, old, recursive)?;
        let grafted = self.graft(tree, at);
        if grafted.is_err() {
            self.free_tree(tree);
        }
        grafted
    }

    /// A copy of the mount at a place, with those below where it is recursive (`__do_loopback`). `EINVAL` where it must not be
    /// copied, is not the caller's, or would show what a mount covers that must stay on it.
    pub(super) fn copy_for_bind(&mut self, cx: &Cx, old: Path, recursive: bool) -> Result<MountId> {
        let mount = self.mnt(old.mount)?;
        // A file of a hidden mount of the kernel's, such as a namespace, may be bound too.
        let hidden = mount.ns.is_none()
            && mount.parent.is_none()
            && mount.count > 0
            && !self.is_dir(old.dentry);
        if mount.unbindable || !(self.is_ours(cx, old.mount) || hidden) {
            return Err(Errno::EINVAL);
        }
        if !recursive && self.has_locked_children(old.mount, old.dentry) {
            return Err(Errno::EINVAL);
        }
        let tree = match recursive {
            true => {
                let (top, map) = self.copy_tree(old.mount, old.dentry, false)?;
                for (original, copy) in map {
                    self.share_like(copy, original);
                }
                top
            }
            false => {
                let copy = self.copy_mount(old.mount, old.dentry)?;
                self.share_like(copy, old.mount);
                copy
            }
        };
        if let Some(top) = self.mounts.get_mut(&tree) {
            top.locked = false;
        }
        Ok(tree)
    }

    /// Frees a tree of mounts that was not attached.
    pub(crate) fn free_tree(&mut self, top: MountId) {
        for id in self.mount_tree(top).into_iter().rev() {
            self.detach(id);
            self.set_ns(id, None);
            self.free_if_unused(id);
        }
    }

    /// `MS_MOVE`.
    fn move_by_name(&mut self, cx: &mut Cx, source: &[u8], target: Path) -> Result<()> {
        if source.is_empty() {
            return Err(Errno::EINVAL);
        }
        let old = self.walk_all(cx, At::Cwd, source, Lookup::FOLLOW)?;
        self.move_place(cx, old, target)
    }

    /// The places of mounts at or below a dentry that vanished are undone, in every namespace (`__detach_mounts`).
    pub(crate) fn detach_mounts(&mut self, dentry: DentryId) {
        let mounts: Vec<MountId> = self.mounts_at(dentry).map(|(_, mount)| mount).collect();
        for mount in mounts {
            self.umount_tree(mount, true);
        }
    }
}

//! The public face of the file system.

use crate::cx::*;
use crate::ids::*;
use glassdock_abi::flags::*;
use glassdock_abi::types::*;
use glassdock_abi::{Errno, Result};
use std::sync::Arc;

/// Size of a page of file contents, in bytes.
pub const PAGE_SIZE: usize = 4096;
/// Longest path, in bytes with the final NUL (`PATH_MAX`).
pub const PATH_MAX: usize = 4096;
/// Longest name, in bytes (`NAME_MAX`).
pub const NAME_MAX: usize = 255;
/// Most symbolic links followed in one walk (`MAXSYMLINKS`).
pub const SYMLINKS_MAX: u32 = 40;

/// The bytes of one page.
pub type Page = [u8; PAGE_SIZE];

/// Sizes of the simulated machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// Memory in bytes; a tmpfs without `size=` gets half of it.
    pub memory: u64,
}

impl Default for Config {
    fn default() -> Config {
        Config { memory: 1 << 30 }
    }
}

/// What an open file is, and so who serves its I/O.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileKind {
    /// A regular file: [`Vfs::read`], [`Vfs::write`].
    Regular,
    /// A directory: [`Vfs::getdents`].
    Directory,
    /// A FIFO: the kernel's, keyed by the inode.
    Fifo,
    /// A socket's name; opening one fails with `ENXIO`, `O_PATH` does not.
    Socket,
    /// A character device: the kernel's.
    Char(Dev),
    /// A block device: the kernel's.
    Block(Dev),
    /// A symbolic link, opened with `O_PATH | O_NOFOLLOW`.
    Symlink,
    /// A regular file of a file system that the kernel supplies.
    Synthetic(NodeId),
}

/// An open file, as the kernel's open-file description keeps it. Not `Clone`: it holds a reference, which
/// [`Vfs::close`] gives back.
#[derive(PartialEq, Eq, Debug)]
pub struct OpenFile {
    /// Where it was opened.
    pub path: Path,
    /// Its inode.
    pub inode: InodeId,
    /// What it is.
    pub kind: FileKind,
    /// The flags it was opened with, without `O_CREAT`, `O_EXCL`, `O_NOCTTY`, `O_TRUNC` (as `F_GETFL` shows them).
    /// The kernel may change those that `F_SETFL` can.
    pub flags: OpenFlags,
    /// Whether the open created the file.
    pub created: bool,
}

/// Flags of a walk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Lookup {
    /// Follow a final symbolic link.
    pub follow: bool,
    /// An empty path means the base itself (`AT_EMPTY_PATH`); otherwise it is `ENOENT`.
    pub empty: bool,
    /// The final component must be a directory.
    pub directory: bool,
    /// Limits of `openat2`.
    pub resolve: ResolveFlags,
}

impl Lookup {
    /// Follow a final symbolic link, as most calls do.
    pub const FOLLOW: Lookup = Lookup {
        follow: true,
        empty: false,
        directory: false,
        resolve: ResolveFlags::empty(),
    };
    /// Stop at a final symbolic link.
    pub const NOFOLLOW: Lookup = Lookup {
        follow: false,
        ..Lookup::FOLLOW
    };
    /// By the flags of a `*at` call with `AT_SYMLINK_NOFOLLOW` and `AT_EMPTY_PATH`.
    pub const fn at(flags: AtFlags) -> Lookup {
        Lookup {
            follow: !flags.contains(AtFlags::SYMLINK_NOFOLLOW),
            empty: flags.contains(AtFlags::EMPTY_PATH),
            ..Lookup::FOLLOW
        }
    }
}

/// One line of `/proc/PID/mountinfo` as data (`man 5 proc_pid_mountinfo`). Paths are raw; escaping is in
/// [`MountInfo::mountinfo_line`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MountInfo {
    /// Mount.
    pub id: MountId,
    /// Mount that it is mounted on; itself at the top.
    pub parent: MountId,
    /// `st_dev` of its files.
    pub dev: Dev,
    /// The directory of the file system that is its root.
    pub root: Vec<u8>,
    /// The mount point, as seen from the reader's root.
    pub point: Vec<u8>,
    /// Per-mount options, such as `rw,nosuid,relatime`.
    pub options: Vec<u8>,
    /// `shared:N`, `master:N`, `propagate_from:N`, `unbindable`, separated by spaces.
    pub optional: Vec<u8>,
    /// Type of the file system.
    pub fstype: Vec<u8>,
    /// Source.
    pub source: Vec<u8>,
    /// Options of the superblock.
    pub super_options: Vec<u8>,
}

/// Metadata of an imported file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ImportMeta {
    /// Permission bits, without the type.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Modification time (and access and change time).
    pub mtime: Timespec,
}

/// Content of an imported file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ImportNode<'a> {
    /// A directory; one that exists gets the metadata.
    Directory,
    /// A regular file.
    File(&'a [u8]),
    /// A symbolic link with its target.
    Symlink(&'a [u8]),
    /// Another name of an earlier file, by its path.
    Hardlink(&'a [u8]),
    /// A device, FIFO or socket: `S_IF*` and number.
    Special(u32, Dev),
}

/// The virtual file system.
pub struct Vfs {}

#[allow(unused_variables, reason = "the signatures land before the behaviour")]
impl Vfs {
    /// A machine's file system at boot: `rootfs`, and mounted over it a tmpfs as root directory, in the first mount
    /// namespace. Returns that namespace and the root.
    pub fn new(config: Config, now: Timespec) -> (Vfs, MountNsId, Path) {
        (
            Vfs {},
            MountNsId(1),
            Path {
                mount: MountId(2),
                dentry: DentryId(2),
            },
        )
    }

    // References.

    /// Takes a reference to a place (`path_get`): it stays valid, its mount busy, until [`Vfs::release`].
    pub fn hold(&mut self, path: Path) {}
    /// Gives back a reference (`path_put`).
    pub fn release(&mut self, path: Path) {}

    // Paths.

    /// Walks a path. The result is valid until the next call that takes a `Cx`; keep it with [`Vfs::hold`].
    pub fn lookup(&mut self, cx: &mut Cx, at: At, path: &[u8], how: Lookup) -> Result<Path> {
        Err(Errno::ENOSYS)
    }
    /// The path of a place as seen from `cx.root` (`d_path`), with ` (deleted)` at the end of what has no name any
    /// more; for a place outside the root, the path from its topmost mount.
    pub fn d_path(&self, root: Path, path: Path) -> Vec<u8> {
        Vec::new()
    }
    /// `man 2 getcwd`: with `(unreachable)` in front outside the root; `ENOENT` for a removed directory.
    pub fn getcwd(&self, root: Path, cwd: Path) -> Result<Vec<u8>> {
        Err(Errno::ENOSYS)
    }
    /// The inode of a place. `ESTALE` for a place that is gone (only without a reference).
    pub fn inode(&self, path: Path) -> Result<InodeId> {
        Err(Errno::ENOSYS)
    }
    /// Checks `cx.cred` against a place: `mask` of `R_OK` 4, `W_OK` 2, `X_OK` 1 (`access`, `chdir`, `chroot`).
    pub fn permission(&mut self, cx: &mut Cx, path: Path, mask: u32) -> Result<()> {
        Err(Errno::ENOSYS)
    }
    /// Whether the mount is `noexec`, or the file no regular one or without any `x` bit: `EACCES`, as `execve`.
    pub fn may_exec(&mut self, cx: &mut Cx, path: Path) -> Result<()> {
        Err(Errno::ENOSYS)
    }
    /// Whether set-id bits count there (mount without `nosuid`).
    pub fn may_set_id(&self, path: Path) -> bool {
        false
    }

    // Open files.

    /// `man 2 openat2`. A FIFO or device is only looked up: its open is the kernel's.
    pub fn open(&mut self, cx: &mut Cx, at: At, path: &[u8], how: &OpenHow) -> Result<OpenFile> {
        Err(Errno::ENOSYS)
    }
    /// Opens a place that was walked to before (`execve`, magic links, `O_PATH` reopened).
    pub fn open_path(&mut self, cx: &mut Cx, path: Path, flags: OpenFlags) -> Result<OpenFile> {
        Err(Errno::ENOSYS)
    }
    /// A nameless file on a hidden tmpfs (`memfd_create`); `d_path` shows `/memfd:NAME (deleted)`.
    pub fn memfd(&mut self, cx: &mut Cx, name: &[u8]) -> Result<OpenFile> {
        Err(Errno::ENOSYS)
    }
    /// The last descriptor is gone.
    pub fn close(&mut self, file: OpenFile) {}
    /// Reads at an offset; short only at the end. Updates the access time by the mount's rules.
    pub fn read(
        &mut self,
        cx: &mut Cx,
        file: &OpenFile,
        offset: u64,
        count: usize,
    ) -> Result<Vec<u8>> {
        Err(Errno::ENOSYS)
    }
    /// Writes at an offset (at the end with `O_APPEND`); clears set-id bits. Returns the count and the position after.
    pub fn write(
        &mut self,
        cx: &mut Cx,
        file: &OpenFile,
        offset: u64,
        data: &[u8],
    ) -> Result<(usize, u64)> {
        Err(Errno::ENOSYS)
    }
    /// A page of a regular file, to be mapped; `None` for a hole or beyond the end. Bytes beyond the end are zero.
    pub fn page(&self, inode: InodeId, index: u64) -> Result<Option<Arc<Page>>> {
        Err(Errno::ENOSYS)
    }
    /// Changes with every change of a regular file's contents.
    pub fn content_version(&self, inode: InodeId) -> u64 {
        0
    }
    /// Length of a regular file in bytes.
    pub fn size(&self, inode: InodeId) -> u64 {
        0
    }
    /// `man 2 ftruncate`.
    pub fn ftruncate(&mut self, cx: &mut Cx, file: &OpenFile, size: u64) -> Result<()> {
        Err(Errno::ENOSYS)
    }
    /// `man 2 truncate`.
    pub fn truncate(&mut self, cx: &mut Cx, at: At, path: &[u8], size: u64) -> Result<()> {
        Err(Errno::ENOSYS)
    }
    /// `man 2 fallocate` with modes 0, `KEEP_SIZE` 1, `PUNCH_HOLE` 2; others `EOPNOTSUPP`.
    pub fn fallocate(
        &mut self,
        cx: &mut Cx,
        file: &OpenFile,
        mode: u32,
        offset: u64,
        len: u64,
    ) -> Result<()> {
        Err(Errno::ENOSYS)
    }
    /// `SEEK_DATA` (3) and `SEEK_HOLE` (4) of `man 2 lseek`; `ENXIO` at or beyond the end.
    pub fn seek_data(&self, file: &OpenFile, offset: u64, whence: u32) -> Result<u64> {
        Err(Errno::ENOSYS)
    }
    /// Entries from a position (0 at the start, or a [`Dirent::off`]) that fit `count` bytes as `getdents64` lays them
    /// out; empty at the end, `EINVAL` if not one fits. The kernel keeps the position.
    pub fn getdents(
        &mut self,
        cx: &mut Cx,
        file: &OpenFile,
        position: u64,
        count: usize,
    ) -> Result<Vec<Dirent>> {
        Err(Errno::ENOSYS)
    }

    // Attributes, by place (from `lookup` or an open file).

    /// `man 2 statx`.
    pub fn stat(&mut self, cx: &mut Cx, path: Path) -> Result<Stat> {
        Err(Errno::ENOSYS)
    }
    /// `man 2 statfs`.
    pub fn statfs(&mut self, cx: &mut Cx, path: Path) -> Result<StatFs> {
        Err(Errno::ENOSYS)
    }
    /// `man 2 readlinkat` of a symbolic link itself; `EINVAL` for anything else.
    pub fn readlink(&mut self, cx: &mut Cx, path: Path) -> Result<Vec<u8>> {
        Err(Errno::ENOSYS)
    }
    /// `man 2 chmod`.
    pub fn chmod(&mut self, cx: &mut Cx, path: Path, mode: u32) -> Result<()> {
        Err(Errno::ENOSYS)
    }
    /// `man 2 chown`; `u32::MAX` leaves an id as it is.
    pub fn chown(&mut self, cx: &mut Cx, path: Path, uid: u32, gid: u32) -> Result<()> {
        Err(Errno::ENOSYS)
    }
    /// `man 2 utimensat`.
    pub fn utimens(
        &mut self,
        cx: &mut Cx,
        path: Path,
        atime: TimeSet,
        mtime: TimeSet,
    ) -> Result<()> {
        Err(Errno::ENOSYS)
    }
    /// `man 2 getxattr`.
    pub fn getxattr(&mut self, cx: &mut Cx, path: Path, name: &[u8]) -> Result<Vec<u8>> {
        Err(Errno::ENOSYS)
    }
    /// `man 2 setxattr`.
    pub fn setxattr(
        &mut self,
        cx: &mut Cx,
        path: Path,
        name: &[u8],
        value: &[u8],
        flags: XattrFlags,
    ) -> Result<()> {
        Err(Errno::ENOSYS)
    }
    /// `man 2 listxattr`: names, each ended by NUL.
    pub fn listxattr(&mut self, cx: &mut Cx, path: Path) -> Result<Vec<u8>> {
        Err(Errno::ENOSYS)
    }
    /// `man 2 removexattr`.
    pub fn removexattr(&mut self, cx: &mut Cx, path: Path, name: &[u8]) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    // Names.

    /// `man 2 mkdirat`.
    pub fn mkdir(&mut self, cx: &mut Cx, at: At, path: &[u8], mode: u32) -> Result<()> {
        Err(Errno::ENOSYS)
    }
    /// `man 2 mknodat`. Returns the place, so that a bound socket can be found by its inode.
    pub fn mknod(&mut self, cx: &mut Cx, at: At, path: &[u8], mode: u32, dev: Dev) -> Result<Path> {
        Err(Errno::ENOSYS)
    }
    /// `man 2 symlinkat`.
    pub fn symlink(&mut self, cx: &mut Cx, target: &[u8], at: At, path: &[u8]) -> Result<()> {
        Err(Errno::ENOSYS)
    }
    /// `man 2 linkat`, with `AT_SYMLINK_FOLLOW` and `AT_EMPTY_PATH`.
    pub fn link(
        &mut self,
        cx: &mut Cx,
        old: (At, &[u8]),
        new: (At, &[u8]),
        flags: AtFlags,
    ) -> Result<()> {
        Err(Errno::ENOSYS)
    }
    /// `man 2 unlink`.
    pub fn unlink(&mut self, cx: &mut Cx, at: At, path: &[u8]) -> Result<()> {
        Err(Errno::ENOSYS)
    }
    /// `man 2 rmdir`.
    pub fn rmdir(&mut self, cx: &mut Cx, at: At, path: &[u8]) -> Result<()> {
        Err(Errno::ENOSYS)
    }
    /// `man 2 renameat2`.
    pub fn rename(
        &mut self,
        cx: &mut Cx,
        old: (At, &[u8]),
        new: (At, &[u8]),
        flags: RenameFlags,
    ) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    // Mounts.

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
        Err(Errno::ENOSYS)
    }
    /// `man 2 umount2`.
    pub fn umount(&mut self, cx: &mut Cx, target: &[u8], flags: UmountFlags) -> Result<()> {
        Err(Errno::ENOSYS)
    }
    /// `man 2 pivot_root`. The kernel then moves the root and working directory of every task of the namespace that is
    /// at the old root, as the returned pair (old, new) says.
    pub fn pivot_root(
        &mut self,
        cx: &mut Cx,
        new_root: &[u8],
        put_old: &[u8],
    ) -> Result<(Path, Path)> {
        Err(Errno::ENOSYS)
    }
    /// A mount that is in no namespace (pipefs, sockfs, nsfs), of a type that [`Dynamic`] knows.
    pub fn kern_mount(&mut self, cx: &mut Cx, fstype: &[u8]) -> Result<MountId> {
        Err(Errno::ENOSYS)
    }
    /// A nameless place for a node of such a mount, for the descriptors of pipes, sockets and namespaces.
    pub fn node_path(&mut self, cx: &mut Cx, mount: MountId, node: NodeId) -> Result<Path> {
        Err(Errno::ENOSYS)
    }
    /// A copy of a mount namespace (`CLONE_NEWNS`), with one reference. `remap` holds places of the caller (root,
    /// working directory): those in copied mounts are replaced by the copies. References move with them.
    pub fn clone_mount_ns(&mut self, cx: &mut Cx, remap: &mut [Path]) -> Result<MountNsId> {
        Err(Errno::ENOSYS)
    }
    /// Root of a mount namespace, for `setns`.
    pub fn mnt_ns_root(&self, ns: MountNsId) -> Result<Path> {
        Err(Errno::ENOSYS)
    }
    /// Takes a reference to a namespace.
    pub fn hold_ns(&mut self, ns: MountNsId) {}
    /// Gives back a reference; with the last one all its mounts are undone.
    pub fn release_ns(&mut self, ns: MountNsId) {}
    /// Mounts of a namespace that can be seen from a root, in the order of `/proc/PID/mountinfo`.
    pub fn mounts(&self, ns: MountNsId, root: Path) -> Vec<MountInfo> {
        Vec::new()
    }
    /// Changes with every change of the namespace's mounts (`poll` on `/proc/PID/mounts`).
    pub fn mounts_version(&self, ns: MountNsId) -> u64 {
        0
    }

    // Building a tree at boot.

    /// Adds a file below a directory without walking rules or permissions; missing parents are made (root, 0755).
    /// `path` is relative, without `.` and `..` (`EINVAL`).
    pub fn import(
        &mut self,
        base: Path,
        path: &[u8],
        meta: &ImportMeta,
        node: ImportNode,
    ) -> Result<()> {
        Err(Errno::ENOSYS)
    }
}

impl MountInfo {
    /// The line of `/proc/PID/mountinfo`, with its newline; space, tab, newline, backslash and `#` as `\ooo`.
    pub fn mountinfo_line(&self) -> Vec<u8> {
        Vec::new()
    }
    /// The line of `/proc/PID/mounts`, with its newline.
    pub fn mounts_line(&self) -> Vec<u8> {
        Vec::new()
    }
}

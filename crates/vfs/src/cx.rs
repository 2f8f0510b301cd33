//! Who calls, from where, and what the kernel supplies to a call.

use crate::Vfs;
use crate::ids::*;
use crate::users::{IdKind, UserNs};
use glassdock_abi::types::{Dev, Timespec};
use glassdock_abi::{Errno, Result};
use std::sync::Arc;

/// Capability bits that matter to file systems (`man 7 capabilities`), as in the kernel's sets.
pub mod cap {
    macro_rules! caps { ($($name:ident = $bit:literal,)*) => {
        $(#[doc = concat!("`CAP_", stringify!($name), "`")] pub const $name: u64 = 1 << $bit;)*
    } }
    caps! {
        CHOWN = 0, DAC_OVERRIDE = 1, DAC_READ_SEARCH = 2, FOWNER = 3, FSETID = 4, LINUX_IMMUTABLE = 9, SYS_CHROOT = 18,
        SYS_ADMIN = 21, SYS_RESOURCE = 24, MKNOD = 27, SETFCAP = 31,
    }
    /// Every capability.
    pub const ALL: u64 = (1 << 41) - 1;
}

/// The credentials that a call is made with.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cred {
    /// File-system user id.
    pub fsuid: u32,
    /// File-system group id.
    pub fsgid: u32,
    /// Supplementary groups.
    pub groups: Arc<[u32]>,
    /// Effective capabilities in the own user namespace, bits of [`cap`].
    pub caps: u64,
    /// The user namespace; absent for the first one, in which every id is what it is.
    pub user: Option<Arc<UserNs>>,
}

impl Cred {
    /// The superuser with every capability.
    pub fn root() -> Cred {
        Cred {
            caps: cap::ALL,
            ..Cred::default()
        }
    }
    /// Whether all of these capabilities are effective.
    pub fn has(&self, caps: u64) -> bool {
        self.caps & caps == caps
    }
    /// Whether all of these capabilities are effective over the whole machine (`capable`).
    pub fn has_on_machine(&self, caps: u64) -> bool {
        self.user.is_none() && self.has(caps)
    }
    /// Whether all of these capabilities are effective over a file of this owner and group
    /// (`capable_wrt_inode_uidgid`).
    pub fn has_over(&self, uid: u32, gid: u32, caps: u64) -> bool {
        self.has(caps) && self.user.as_ref().is_none_or(|user| user.maps(uid, gid))
    }
    /// The machine's id of a user or group that the caller names.
    pub fn outside(&self, kind: IdKind, id: u32) -> Option<u32> {
        kind.outside(self.user.as_deref(), id)
    }
    /// Whether the group is the caller's own or one of the supplementary ones.
    pub fn in_group(&self, gid: u32) -> bool {
        self.fsgid == gid || self.groups.contains(&gid)
    }
}

/// The context of one call.
pub struct Cx<'a> {
    /// Credentials.
    pub cred: &'a Cred,
    /// Root directory of the caller.
    pub root: Path,
    /// Working directory of the caller.
    pub cwd: Path,
    /// Mount namespace of the caller.
    pub mnt_ns: MountNsId,
    /// Permission bits to leave out of created files.
    pub umask: u32,
    /// The time (`CLOCK_REALTIME`).
    pub now: Timespec,
    /// The kernel's part.
    pub dynamic: &'a mut dyn Dynamic,
}

/// Where a relative path starts (the `dirfd` of the `*at` calls).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum At {
    /// `AT_FDCWD`.
    Cwd,
    /// The place behind an open descriptor.
    Dir(Path),
    /// A number that is no open descriptor: `EBADF`, unless the path is absolute.
    Bad,
}

/// What a symbolic link of a file system supplied by the kernel leads to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Link {
    /// A text to walk, as for any symbolic link.
    Text(Vec<u8>),
    /// A place to jump to, whatever the text says (`/proc/PID/{cwd,root,exe,fd/N,ns/X}`).
    Magic(Path),
}

/// Attributes of a node of a file system supplied by the kernel.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NodeAttr {
    /// Number for `stat` and `getdents`.
    pub ino: u64,
    /// Type and permission bits.
    pub mode: u32,
    /// Number of hard links.
    pub nlink: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Size in bytes.
    pub size: u64,
    /// Device number of a device node.
    pub rdev: Dev,
    /// Access time.
    pub atime: Timespec,
    /// Modification time.
    pub mtime: Timespec,
    /// Change time.
    pub ctime: Timespec,
}

/// A new superblock of a type that the kernel supplies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SyntheticFs {
    /// Instances with the same type and key are one superblock (such as `proc` of one pid namespace).
    pub key: u64,
    /// The root directory.
    pub root: NodeId,
    /// Magic number for `statfs`.
    pub magic: u64,
    /// Options as `/proc/PID/mountinfo` shows them at the end, without `rw`.
    pub options: Vec<u8>,
}

/// An entry of a directory of a file system supplied by the kernel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeEntry {
    /// The name.
    pub name: Vec<u8>,
    /// Number of the inode.
    pub ino: u64,
    /// File type bits of the mode (`S_IFMT`).
    pub kind: u32,
    /// Position after this entry, growing along the directory and greater than 2.
    pub cookie: u64,
}

/// Attributes to change; what is absent stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SetAttr {
    /// Permission bits (12 bits).
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Size in bytes.
    pub size: Option<u64>,
    /// Access time.
    pub atime: Option<Timespec>,
    /// Modification time.
    pub mtime: Option<Timespec>,
    /// Change time; set by the VFS with every change.
    pub ctime: Option<Timespec>,
}

/// What the kernel supplies: file systems whose content is made when looked at (proc, sysfs, devpts, mqueue, cgroup2).
///
/// `sb` tells which instance is asked; `vfs` can be read meanwhile. Reading and writing such files is the kernel's own
/// business: [`Vfs::open`] says [`FileKind::Synthetic`](crate::FileKind::Synthetic).
pub trait Dynamic {
    /// A superblock for `mount -t fstype`. `ENODEV` for an unknown type, `EINVAL` for bad options.
    fn mount(
        &mut self,
        vfs: &Vfs,
        fstype: &[u8],
        source: &[u8],
        data: &[u8],
    ) -> Result<SyntheticFs>;
    /// The last mount of a superblock is gone.
    fn unmounted(&mut self, sb: SbId) {
        let _ = sb;
    }
    /// Finds a name. `ENOENT` if there is none. Asked at every walk, so that what vanished is noticed.
    fn lookup(&mut self, vfs: &Vfs, sb: SbId, dir: NodeId, name: &[u8]) -> Result<NodeId>;
    /// A random number for a file system that remembers one (`man 3 uuid_generate`, version 4).
    fn uuid(&mut self) -> [u8; 16] {
        [0; 16]
    }
    /// Whether nothing can ever be made under an absent name of a directory, because looking it up already fails
    /// (procfs, unlike sysfs, where the making fails).
    fn only_finds(&self, dir: NodeId) -> bool {
        let _ = dir;
        false
    }
    /// Whether the caller may do to a node what its permission bits refuse, as with a process's own descriptors
    /// (`proc_fd_permission`).
    fn permits(&self, node: NodeId) -> bool {
        let _ = node;
        false
    }
    /// The attributes of a node; `ESRCH` or `ENOENT` if it vanished.
    fn attr(&mut self, vfs: &Vfs, sb: SbId, node: NodeId) -> Result<NodeAttr>;
    /// Changes attributes.
    fn set_attr(&mut self, vfs: &Vfs, sb: SbId, node: NodeId, set: &SetAttr) -> Result<()> {
        let _ = (vfs, sb, node, set);
        Err(Errno::EPERM)
    }
    /// Entries (without `.` and `..`) whose cookie is greater than `after`, in order of cookies.
    fn readdir(&mut self, vfs: &Vfs, sb: SbId, dir: NodeId, after: u64) -> Result<Vec<NodeEntry>>;
    /// Target of a symbolic link, when it is followed.
    fn follow(&mut self, vfs: &Vfs, sb: SbId, node: NodeId) -> Result<Link>;
    /// Text of a symbolic link, as `readlink` shows it.
    fn readlink(&mut self, vfs: &Vfs, sb: SbId, node: NodeId) -> Result<Vec<u8>> {
        match self.follow(vfs, sb, node)? {
            Link::Text(text) => Ok(text),
            Link::Magic(_) => Err(Errno::EINVAL),
        }
    }
    /// Makes a file (`mode` with its type) in a directory, such as a message queue.
    fn create(
        &mut self,
        vfs: &Vfs,
        sb: SbId,
        dir: NodeId,
        name: &[u8],
        mode: u32,
        cred: &Cred,
    ) -> Result<NodeId> {
        let _ = (vfs, sb, dir, name, mode, cred);
        Err(Errno::EACCES)
    }
    /// Makes a directory, such as a control group.
    fn mkdir(
        &mut self,
        vfs: &Vfs,
        sb: SbId,
        dir: NodeId,
        name: &[u8],
        mode: u32,
        cred: &Cred,
    ) -> Result<NodeId> {
        let _ = (vfs, sb, dir, name, mode, cred);
        Err(Errno::EPERM)
    }
    /// Removes a name that is not a directory.
    fn unlink(&mut self, vfs: &Vfs, sb: SbId, dir: NodeId, name: &[u8]) -> Result<()> {
        let _ = (vfs, sb, dir, name);
        Err(Errno::EPERM)
    }
    /// Removes a directory.
    fn rmdir(&mut self, vfs: &Vfs, sb: SbId, dir: NodeId, name: &[u8]) -> Result<()> {
        let _ = (vfs, sb, dir, name);
        Err(Errno::EPERM)
    }
    /// Renames within one superblock.
    fn rename(
        &mut self,
        vfs: &Vfs,
        sb: SbId,
        from: (NodeId, &[u8]),
        to: (NodeId, &[u8]),
    ) -> Result<()> {
        let _ = (vfs, sb, from, to);
        Err(Errno::EPERM)
    }
}

/// For callers without such file systems: every type is unknown.
#[derive(Clone, Copy, Default, Debug)]
pub struct NoDynamic;

impl Dynamic for NoDynamic {
    fn mount(&mut self, _: &Vfs, _: &[u8], _: &[u8], _: &[u8]) -> Result<SyntheticFs> {
        Err(Errno::ENODEV)
    }
    fn lookup(&mut self, _: &Vfs, _: SbId, _: NodeId, _: &[u8]) -> Result<NodeId> {
        Err(Errno::ENOENT)
    }
    fn attr(&mut self, _: &Vfs, _: SbId, _: NodeId) -> Result<NodeAttr> {
        Err(Errno::ENOENT)
    }
    fn readdir(&mut self, _: &Vfs, _: SbId, _: NodeId, _: u64) -> Result<Vec<NodeEntry>> {
        Ok(Vec::new())
    }
    fn follow(&mut self, _: &Vfs, _: SbId, _: NodeId) -> Result<Link> {
        Err(Errno::ENOENT)
    }
}

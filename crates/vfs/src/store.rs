//! The state, and the only functions that change it. Each change of what a trace can see leaves a delta.

mod dentries;
mod inodes;
mod supers;

use crate::UserNs;
use crate::by_id::ById;
use crate::content::Content;
use crate::ids::*;
use crate::mount::{Mount, Namespace};
use crate::overlay::{OverlayFs, OverlayNode};
use glassdock_abi::types::{Dev, Timespec, mode::*};
use glassdock_trace::Delta;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// First position of a real entry in a directory, after `.` and `..`.
pub(crate) const FIRST_COOKIE: u64 = 3;

/// Attributes of an inode.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Attr {
    pub ino: u64,
    pub mode: u32,
    pub nlink: u32,
    pub uid: u32,
    pub gid: u32,
    pub rdev: Dev,
    pub size: u64,
    pub blocks: u64,
    pub atime: Timespec,
    pub mtime: Timespec,
    pub ctime: Timespec,
    pub btime: Timespec,
}

impl Attr {
    pub fn kind(&self) -> u32 {
        self.mode & S_IFMT
    }
    pub fn is_dir(&self) -> bool {
        self.kind() == S_IFDIR
    }
    pub fn is_reg(&self) -> bool {
        self.kind() == S_IFREG
    }
    pub fn is_symlink(&self) -> bool {
        self.kind() == S_IFLNK
    }
    /// Overlayfs's mark of a removed name: a character device 0/0.
    pub fn is_whiteout(&self) -> bool {
        self.kind() == S_IFCHR && self.rdev == Dev(0)
    }
}

/// What an inode holds besides attributes.
#[derive(Debug)]
pub(crate) enum Body {
    /// A regular file of a tmpfs.
    File(Content),
    /// A directory of a tmpfs; its entries are the dentry's children.
    Dir,
    /// A symbolic link of a tmpfs.
    Symlink(Vec<u8>),
    /// A FIFO, socket or device of a tmpfs.
    Special,
    /// A file of an overlay.
    Overlay(OverlayNode),
    /// A file that the kernel supplies.
    Synthetic(NodeId),
}

pub(crate) struct Inode {
    pub sb: SbId,
    /// Of tmpfs files; for others, only number and type are kept here.
    pub attr: Attr,
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    pub body: Body,
    /// Grows with each change of contents.
    pub version: u64,
    /// Dentries bound to it.
    pub dentries: u32,
    /// Open files that may write, or minus the number of those who forbid it (programs being run).
    pub writers: i64,
    /// A file that may get its first name (`I_LINKABLE`).
    pub linkable: bool,
    /// Of a tmpfs file: who pays for how many of its pages.
    pub paid: Vec<(u32, u64)>,
}

impl Inode {
    /// An inode of a file system that keeps attributes elsewhere.
    pub fn new(sb: SbId, ino: u64, mode: u32, body: Body) -> Inode {
        let attr = Attr {
            ino,
            mode,
            ..Attr::default()
        };
        Inode {
            sb,
            attr,
            xattrs: BTreeMap::new(),
            body,
            version: 0,
            dentries: 0,
            writers: 0,
            linkable: false,
            paid: Vec::new(),
        }
    }
}

pub(crate) struct Dentry {
    pub sb: SbId,
    pub parent: Option<DentryId>,
    pub name: Vec<u8>,
    pub inode: InodeId,
    /// Whether it can be found by its name.
    pub hashed: bool,
    /// References, including one for each child.
    pub count: u32,
    pub cookie: u64,
    pub children: BTreeMap<Vec<u8>, DentryId>,
    pub by_cookie: BTreeMap<u64, DentryId>,
    pub next_cookie: u64,
}

/// A tmpfs's limits and use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TmpFs {
    /// Pages; `None` without a limit.
    pub max_pages: Option<u64>,
    pub used_pages: u64,
    pub max_inodes: Option<u64>,
    pub used_inodes: u64,
    pub next_ino: u64,
    /// Options as shown by `mount`, from the mount's data.
    pub shown: Vec<u8>,
}

pub(crate) enum Fs {
    Tmp(TmpFs),
    Overlay(Box<OverlayFs>),
    Synthetic { key: u64, options: Vec<u8> },
}

pub(crate) struct Superblock {
    pub dev: Dev,
    pub fstype: Vec<u8>,
    pub magic: u64,
    pub root: DentryId,
    pub readonly: bool,
    /// Mounts and overlays that use it.
    pub active: u32,
    /// The user namespace it was mounted in; absent for the first one.
    pub owner: Option<Arc<UserNs>>,
    pub fs: Fs,
}

/// The virtual file system: see the crate's documentation.
pub struct Vfs {
    /// `/proc/sys/fs/protected_*`.
    pub protected: crate::Protected,
    pub(crate) sbs: ById<SbId, Superblock>,
    pub(crate) inodes: ById<InodeId, Inode>,
    pub(crate) dentries: ById<DentryId, Dentry>,
    pub(crate) mounts: ById<MountId, Mount>,
    /// What is mounted where.
    pub(crate) mounted: BTreeMap<(DentryId, MountId), MountId>,
    pub(crate) namespaces: ById<MountNsId, Namespace>,
    pub(crate) groups: BTreeMap<PeerGroup, BTreeSet<MountId>>,
    pub(crate) slaves: BTreeMap<PeerGroup, BTreeSet<MountId>>,
    /// The tmpfs of `memfd_create`.
    pub(crate) hidden: MountId,
    pub(crate) memory: u64,
    /// Pages that all tmpfs take together, and may take now.
    pub(crate) tmp_pages: u64,
    pub(crate) payers: crate::payers::Payers,
    pub(crate) tmp_room: u64,
    pub(crate) next_id: u64,
    pub(crate) next_sb: u64,
    pub(crate) next_dev: u32,
    pub(crate) next_mount: u64,
    pub(crate) next_group: u64,
    pub(crate) next_ns: u64,
    /// Dentries of file systems of the kernel's without a reference, to be dropped at the next walk.
    pub(crate) unused: BTreeSet<DentryId>,
    pub(crate) deltas: Vec<Delta>,
    pub(crate) traced_mounts: BTreeMap<MountNsId, BTreeMap<u64, glassdock_trace::world::MountInfo>>,
    pub(crate) dirty_namespaces: BTreeSet<MountNsId>,
    /// Single mounts, by the namespace that they are or were in.
    pub(crate) dirty_mounts: BTreeSet<(MountNsId, MountId)>,
    /// A directory got another path or lost its own since [`Vfs::take_paths_changed`].
    pub(crate) paths_changed: bool,
    /// Roots of bind mounts and mount points, with the number of mounts that need their names.
    pub(crate) named_by_mounts: BTreeMap<DentryId, u32>,
}

impl Vfs {
    /// Takes the deltas since the last time, oldest first.
    pub fn take_deltas(&mut self) -> Vec<Delta> {
        self.reap();
        self.log_mounts();
        std::mem::take(&mut self.deltas)
    }

    /// Whether the path of a directory may have changed since this was last asked: by a rename, a removal, a mount.
    pub fn take_paths_changed(&mut self) -> bool {
        std::mem::take(&mut self.paths_changed)
    }
}

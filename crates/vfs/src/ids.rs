//! Typed ids. They are given out in order and never reused, so a stale one is noticed rather than misread.

use core::fmt;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);
        impl crate::Id for $name {
            fn number(self) -> u64 { self.0 }
            fn from_number(number: u64) -> Self { $name(number) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    )* };
}

ids! {
    /// A superblock: one instance of a file system.
    SbId;
    /// An inode, over all superblocks. The number that `stat` shows is another one, per superblock.
    InodeId;
    /// A dentry: a name in a directory, bound to an inode.
    DentryId;
    /// A mount, as field 1 of `/proc/PID/mountinfo`.
    MountId;
    /// A mount namespace.
    MountNsId;
    /// A peer group of shared mounts, as `shared:N` in `/proc/PID/mountinfo`.
    PeerGroup;
    /// A node of a file system that the kernel supplies; the kernel chooses the numbers, unique within the superblock.
    NodeId;
}

/// A place in the tree of files: a mount and a dentry in it (`struct path`).
///
/// Whoever keeps one beyond a call (working directory, root, open file) takes a reference with
/// [`Vfs::hold`](crate::Vfs::hold) and gives it back with [`Vfs::release`](crate::Vfs::release).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Path {
    /// The mount.
    pub mount: MountId,
    /// The dentry, within the mount's superblock.
    pub dentry: DentryId,
}

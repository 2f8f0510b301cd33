//! Types of the public face.

use crate::ids::*;
use glassdock_abi::flags::*;
use glassdock_abi::types::Dev;

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
    /// A regular file: [`Vfs::read`](crate::Vfs::read), [`Vfs::write`](crate::Vfs::write).
    Regular,
    /// A directory: [`Vfs::getdents`](crate::Vfs::getdents).
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
/// [`Vfs::close`](crate::Vfs::close) gives back.
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

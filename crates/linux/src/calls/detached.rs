//! A mount of one file that lies nowhere.

use super::sys;
use glassdock_abi::{Fd, Result, nr};

/// `AT_FDCWD` of `man 2 openat`.
const AT_FDCWD: i32 = -100;
/// `AT_EMPTY_PATH`: the descriptor itself.
const AT_EMPTY_PATH: u32 = 0x1000;
/// `OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC` of `man 2 open_tree`.
const CLONE: u32 = 1 | 0o2_000_000;
/// `MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV` of `man 2 mount_setattr`.
const ATTRIBUTES: u64 = 1 | 2 | 4;
/// Words of `struct mount_attr`: what is set, what is cleared, the propagation, a user namespace.
const WORDS: usize = 4;

/// A read-only mount of the file of the program that runs here, closed on `execve`. Nobody finds the mount in a
/// directory, so nobody can make it writable; who opens the file through it, as through `/proc/PID/exe`, gets `EROFS`.
///
/// # Errors
/// Those of `man 2 open_tree` and `man 2 mount_setattr`: `EPERM` without `CAP_SYS_ADMIN`, `ENOSYS` before Linux 5.12.
pub fn own_program_read_only() -> Result<Fd> {
    let tree = sys!(nr::open_tree, AT_FDCWD, c"/proc/self/exe", CLONE)?;
    let attributes = [ATTRIBUTES, 0, 0, 0].map(u64::to_ne_bytes).concat();
    debug_assert_eq!(attributes.len(), WORDS * size_of::<u64>());
    let (flags, size) = (AT_EMPTY_PATH, attributes.len());
    match sys!(
        nr::mount_setattr,
        tree,
        c"",
        flags,
        attributes.as_slice(),
        size
    ) {
        Ok(_) => Ok(Fd(tree as i32)),
        Err(errno) => {
            let _ = sys!(nr::close, tree);
            Err(errno)
        }
    }
}

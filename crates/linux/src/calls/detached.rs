//! A mount of one file that lies nowhere.

use super::sys;
use crate::decode::words;
use glassdock_abi::flags::AtFlags;
use glassdock_abi::{Fd, Result, nr};

/// `OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC` of `man 2 open_tree`.
const CLONE: u32 = 1 | 0o2_000_000;
/// `MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV` of `man 2 mount_setattr`.
const ATTRIBUTES: u64 = 1 | 2 | 4;

/// A read-only mount of the file of the program that runs here, closed on `execve`. Nobody finds the mount in a
/// directory, so nobody can make it writable; who opens the file through it, as through `/proc/PID/exe`, gets `EROFS`.
///
/// # Errors
/// Those of `man 2 open_tree` and `man 2 mount_setattr`: `EPERM` without `CAP_SYS_ADMIN`, `ENOSYS` before Linux 5.12.
pub fn own_program_read_only() -> Result<Fd> {
    let tree = sys!(nr::open_tree, Fd::CWD.0, c"/proc/self/exe", CLONE)?;
    // `struct mount_attr`: what is set, what is cleared, the propagation, a user namespace.
    let attributes = words([ATTRIBUTES, 0, 0, 0]);
    let (flags, bytes, size) = (
        AtFlags::EMPTY_PATH.bits(),
        attributes.as_slice(),
        attributes.len(),
    );
    match sys!(nr::mount_setattr, tree, c"", flags, bytes, size) {
        Ok(_) => Ok(Fd(tree as i32)),
        Err(errno) => {
            let _ = sys!(nr::close, tree);
            Err(errno)
        }
    }
}

//! From a place back to its path (`fs/d_path.c`).

use crate::{DentryId, Path, Vfs};
use glassdock_abi::{Errno, Result};

impl Vfs {
    /// The path of a place as seen from a root (`d_path`), with ` (deleted)` at the end of what has no name any more;
    /// for a place outside the root, the path from its topmost mount.
    pub fn d_path(&self, root: Path, path: Path) -> Vec<u8> {
        if let Some(name) = self.memfd_name(path) {
            return [b"/memfd:", name, b" (deleted)"].concat();
        }
        let (mut text, _) = self.path_from(root, path);
        if self.is_dead(path.dentry) {
            text.extend_from_slice(b" (deleted)");
        }
        text
    }

    /// `man 2 getcwd`: with `(unreachable)` in front outside the root; `ENOENT` for a removed directory.
    pub fn getcwd(&self, root: Path, cwd: Path) -> Result<Vec<u8>> {
        if self.is_dead(cwd.dentry) {
            return Err(Errno::ENOENT);
        }
        let (text, reached) = self.path_from(root, cwd);
        Ok(if reached {
            text
        } else {
            [b"(unreachable)".as_slice(), &text].concat()
        })
    }

    /// The path from `root` (or from the topmost mount) to `path`, and whether `root` was reached.
    pub(crate) fn path_from(&self, root: Path, mut path: Path) -> (Vec<u8>, bool) {
        let mut names: Vec<&[u8]> = Vec::new();
        let reached = loop {
            if path == root {
                break true;
            }
            let (Some(mount), Some(dentry)) = (
                self.mounts.get(&path.mount),
                self.dentries.get(&path.dentry),
            ) else {
                break false;
            };
            if path.dentry == mount.root {
                match mount.parent {
                    Some((mount, dentry)) => path = Path { mount, dentry },
                    None => break false,
                }
                continue;
            }
            match dentry.parent {
                Some(parent) => {
                    names.push(&dentry.name);
                    path.dentry = parent;
                }
                None => break false,
            }
        };
        (join(&names), reached)
    }

    /// The path of a dentry within its file system.
    pub(crate) fn dentry_path(&self, mut id: DentryId) -> Vec<u8> {
        let dead = self.is_dead(id);
        let mut names: Vec<&[u8]> = Vec::new();
        while let Some(dentry) = self.dentries.get(&id)
            && let Some(parent) = dentry.parent
        {
            names.push(&dentry.name);
            id = parent;
        }
        let mut path = join(&names);
        if dead {
            path.extend_from_slice(b"//deleted");
        }
        path
    }
}

/// A path of names, the last one first.
fn join(names: &[&[u8]]) -> Vec<u8> {
    if names.is_empty() {
        return b"/".to_vec();
    }
    let length = names.iter().map(|name| name.len() + 1).sum();
    let mut path = Vec::with_capacity(length);
    for name in names.iter().rev() {
        path.push(b'/');
        path.extend_from_slice(name);
    }
    path
}

impl Vfs {
    /// The inode of a place. `ESTALE` for a place that is gone (only without a reference).
    pub fn inode(&self, path: Path) -> Result<crate::InodeId> {
        self.dentry(path.dentry).map(|dentry| dentry.inode)
    }
}

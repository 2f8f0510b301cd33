//! Extended attributes (`fs/xattr.c`; `man 7 xattr`).

use crate::fsops::Kind;
use crate::perm::{MAY_READ, MAY_WRITE, owns};
use crate::{Cx, DentryId, Path, Vfs, cap};
use glassdock_abi::flags::XattrFlags;
use glassdock_abi::types::mode::*;
use glassdock_abi::{Errno, Result};

/// Longest name, in bytes (`XATTR_NAME_MAX`).
const XATTR_NAME_MAX: usize = 255;
/// Largest value, in bytes (`XATTR_SIZE_MAX`).
const XATTR_SIZE_MAX: usize = 65_536;
/// Largest list of names, in bytes (`XATTR_LIST_MAX`).
const XATTR_LIST_MAX: usize = 65_536;

fn check_name(name: &[u8]) -> Result<()> {
    if name.is_empty() || name.len() > XATTR_NAME_MAX {
        return Err(Errno::ERANGE);
    }
    Ok(())
}

/// Whether the file system keeps attributes of that name; `EOPNOTSUPP` otherwise, `EINVAL` for a bare prefix.
fn check_handler(name: &[u8]) -> Result<()> {
    for prefix in [b"user.".as_slice(), b"trusted.", b"security."] {
        if let Some(rest) = name.strip_prefix(prefix) {
            return if rest.is_empty() {
                Err(Errno::EINVAL)
            } else {
                Ok(())
            };
        }
    }
    Err(Errno::EOPNOTSUPP)
}

/// Whether a value is a file capability (`struct vfs_cap_data`, revisions 2 and 3).
fn is_capability(value: &[u8]) -> bool {
    matches!((value.len(), value.get(3)), (20, Some(2)) | (24, Some(3)))
}

impl Vfs {
    /// `xattr_permission`.
    fn xattr_permission(
        &mut self,
        cx: &mut Cx,
        dentry: DentryId,
        name: &[u8],
        mask: u32,
    ) -> Result<()> {
        let writes = mask == MAY_WRITE;
        if name.starts_with(b"security.") || name.starts_with(b"system.") {
            return Ok(());
        }
        if name.starts_with(b"trusted.") {
            return match cx.cred.has_on_machine(cap::SYS_ADMIN) {
                true => Ok(()),
                false => Err(if writes { Errno::EPERM } else { Errno::ENODATA }),
            };
        }
        if name.starts_with(b"user.") {
            let attr = self.fs_attr(cx, dentry)?;
            if !attr.is_reg() && !attr.is_dir() {
                return Err(if writes { Errno::EPERM } else { Errno::ENODATA });
            }
            if attr.is_dir() && attr.mode & S_ISVTX != 0 && writes && !owns(cx.cred, &attr) {
                return Err(Errno::EPERM);
            }
        }
        self.inode_permission(cx, dentry, mask)
    }

    /// `man 2 getxattr`.
    pub fn getxattr(&mut self, cx: &mut Cx, path: Path, name: &[u8]) -> Result<Vec<u8>> {
        check_name(name)?;
        self.xattr_permission(cx, path.dentry, name, MAY_READ)?;
        check_handler(name)?;
        self.fs_get_xattr(path.dentry, name)
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
        if !(XattrFlags::CREATE | XattrFlags::REPLACE).contains(flags) {
            return Err(Errno::EINVAL);
        }
        check_name(name)?;
        if value.len() > XATTR_SIZE_MAX {
            return Err(Errno::E2BIG);
        }
        self.want_write(path.mount)?;
        self.xattr_permission(cx, path.dentry, name, MAY_WRITE)?;
        if name == b"security.capability" {
            if !is_capability(value) {
                return Err(Errno::EINVAL);
            }
            if !cx.cred.has_on_machine(cap::SETFCAP) {
                return Err(Errno::EPERM);
            }
        } else if name.starts_with(b"security.") && !cx.cred.has_on_machine(cap::SYS_ADMIN) {
            return Err(Errno::EPERM);
        }
        if matches!(self.kind_of(path.dentry)?, Kind::Overlay) {
            // Before anything can fail in the upper layer.
            self.ovl_copy_up(cx, path.dentry)?;
        }
        check_handler(name)?;
        let exists = match self.fs_get_xattr(path.dentry, name) {
            Ok(_) => true,
            Err(Errno::ENODATA) => false,
            Err(error) => return Err(error),
        };
        if exists && flags.contains(XattrFlags::CREATE) {
            return Err(Errno::EEXIST);
        }
        if !exists && flags.contains(XattrFlags::REPLACE) {
            return Err(Errno::ENODATA);
        }
        self.fs_set_xattr(cx, path.dentry, name, Some(value))
    }

    /// `man 2 listxattr`: names, each ended by NUL.
    pub fn listxattr(&mut self, cx: &mut Cx, path: Path) -> Result<Vec<u8>> {
        let mut list = Vec::new();
        for name in self.fs_list_xattr(path.dentry)? {
            if name.starts_with(b"trusted.") && !cx.cred.has_on_machine(cap::SYS_ADMIN) {
                continue;
            }
            list.extend_from_slice(&name);
            list.push(0);
        }
        if list.len() > XATTR_LIST_MAX {
            return Err(Errno::E2BIG);
        }
        Ok(list)
    }

    /// `man 2 removexattr`.
    pub fn removexattr(&mut self, cx: &mut Cx, path: Path, name: &[u8]) -> Result<()> {
        check_name(name)?;
        self.want_write(path.mount)?;
        self.xattr_permission(cx, path.dentry, name, MAY_WRITE)?;
        if name.starts_with(b"security.") && !cx.cred.has_on_machine(cap::SYS_ADMIN) {
            return Err(Errno::EPERM);
        }
        check_handler(name)?;
        self.fs_get_xattr(path.dentry, name)?;
        self.fs_set_xattr(cx, path.dentry, name, None)
    }
}

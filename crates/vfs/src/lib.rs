//! The virtual file system of the simulated kernel.
//!
//! [`Vfs`] owns superblocks, inodes, dentries, mounts and mount namespaces. It knows no tasks: whoever calls says in a
//! [`Cx`] who is calling and from where. It does no I/O, reads no clock and never panics on what a program asks for.
//!
//! The rules are those of Linux: `man 7 path_resolution`, `man 7 mount_namespaces`, `man 2 openat2`, and
//! `Documentation/filesystems/{path-lookup,sharedsubtree,overlayfs,tmpfs}.rst` of the kernel. Not modelled: access
//! control lists, id-mapped mounts, quotas, automounts, file handles.

mod attr;
mod boot;
mod by_id;
mod content;
mod cx;
mod dpath;
mod file;
mod fsops;
mod ids;
mod kernel_view;
mod mount;
mod names;
mod open;
mod overlay;
mod payers;
mod perm;
mod store;
mod tmpfs;
mod trace_view;
mod types;
mod users;
mod walk;
mod xattr;

pub use boot::{ImportMeta, ImportNode};
pub use by_id::{ById, Id};
pub use content::FILE_SIZE_MAX;
pub use cx::*;
pub use ids::*;
pub use mount::{MountChange, MountInfo};
pub use open::open_how;
pub use perm::Protected;
pub use store::Vfs;
pub use types::*;
pub use users::{IdKind, IdRange, UserNs};

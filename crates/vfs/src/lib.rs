//! The virtual file system of the simulated kernel.
//!
//! [`Vfs`] owns superblocks, inodes, dentries, mounts and mount namespaces. It knows no tasks: whoever calls says in a
//! [`Cx`] who is calling and from where. It does no I/O, reads no clock and never panics on what a program asks for.
//!
//! The rules are those of Linux: `man 7 path_resolution`, `man 7 mount_namespaces`, `man 2 openat2`, and
//! `Documentation/filesystems/{path-lookup,sharedsubtree,overlayfs,tmpfs}.rst` of the kernel.

mod api;
mod cx;
mod ids;

pub use api::*;
pub use cx::*;
pub use ids::*;

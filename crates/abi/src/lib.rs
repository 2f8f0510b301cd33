//! Linux's words, as x86-64 programs know them, and the line between Glassdock and a kernel.
//!
//! Nothing here acts by itself: [`Errno`], [`flags`], [`nr`] and [`types`] name what the kernel's headers name, [`Call`] is a
//! system call with typed, owned arguments, and [`Sys`] is the trait that every kernel implements: the simulated one
//! and the real one. Everything above it is written once.

pub mod calendar;
pub mod call;
mod errno;
pub mod files;
pub mod flags;
pub mod nr;
mod sys;
pub mod types;
mod visit;

pub use call::{Call, Ret};
pub use errno::Errno;
pub use sys::{BoxFuture, Child, Io, OwnedFd, Proc, Spawn, Sys};
pub use types::{Fd, PathArg, Pid};
pub use visit::Visitor;

/// What a system call yields.
pub type Result<T, E = Errno> = core::result::Result<T, E>;

//! The OCI runtime on any kernel: a specification becomes a plan, a plan becomes a container.
//!
//! - [`plan`]: pure: specification and facts of the host in, plan out;
//! - [`run`]: carries a plan out on a kernel;
//! - [`cgroups`]: the control groups of a host, and of a container that exists;
//! - [`seccomp`]: system-call filters, from rules to programs;
//! - [`helper`]: the program that makes a container's process, and its command line;
//! - [`foreground`]: waiting for a process that was made, and lending it a terminal;
//! - [`shim`]: the program beside each container;
//! - [`client`]: what an engine uses: start a shim with its container, attach, execute, signal, wait, delete;
//! - [`mounts`]: the mounts of a host, and whom they share with;
//! - [`proto`]: the messages between the client and the shim.

pub mod cgroups;
pub mod client;
mod error;
pub mod foreground;
pub mod helper;
pub mod hooks;
pub mod io;
pub mod mounts;
pub mod plan;
pub mod proto;
pub mod run;
pub mod seccomp;
pub mod shim;
mod users;
mod why;

pub use error::{ErrorKind, RuntimeError, error_text};
pub use why::WHYS;

//! The OCI runtime on any kernel: a specification becomes a plan, a plan becomes a container.
//!
//! - [`client`]: what an engine uses: start a shim with its container, attach, execute, signal, wait, delete;
//! - [`proto`]: the messages between the client and the shim.

pub mod client;
mod error;
pub mod io;
pub mod proto;

pub use error::{ErrorKind, RuntimeError};

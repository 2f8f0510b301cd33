//! An engine of a few routes and a process of the command, in the kernel in memory.

mod bench;
mod engine;

pub use bench::{Bench, read_all};
pub use engine::{Engine, Plan};

pub const SOCKET: &str = "/var/run/docker.sock";
pub const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

//! The Docker engine, on any kernel: containers, images and events, and the Engine API 1.51 over a unix socket.
//!
//! [`daemon::main`] is the program. The engine's state is [`Engine`]; what can be done with it is in [`container`],
//! [`images`], [`exec`] and [`events`], each operation being a span of the trace; [`http`] turns requests into those.
//! State lies in files under the engine's root, in moby's layout, written so that a crash loses nothing; containers run
//! under shims of their own ([`glassdock_runtime::client`]), which outlive the engine.

pub mod activate;
mod cgroups;
pub mod container;
pub mod daemon;
mod engine;
pub mod error;
pub mod events;
pub mod exec;
pub mod http;
pub mod images;
pub mod names;
pub mod signals;
pub mod spec;
pub mod streams;
pub mod system;
pub mod time;

pub use engine::{Config, Engine, Facts, Kernel, LogLevel};
pub use error::{ApiError, Result};

/// Version of the engine: that of the moby release whose API it speaks, and its own.
pub const VERSION: &str = concat!("28.5.2-glassdock-", env!("CARGO_PKG_VERSION"));
/// The storage driver whose layout it uses.
pub const STORAGE_DRIVER: &str = "overlay2";
/// Name of the runtime.
pub const RUNTIME_NAME: &str = "glassdock";

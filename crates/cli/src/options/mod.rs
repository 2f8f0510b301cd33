//! What the flags of `create` and `run` ask for, as the document that the engine gets (docker/cli
//! `cli/command/container/opts.go`, `opts/`).

pub mod check;
mod container;
mod files;
mod mounts;
mod networks;
pub mod pairs;
mod ports;

pub use container::{Facts, request, restart_policy};
pub use files::key_values;

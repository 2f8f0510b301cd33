//! The `docker` command: reads its arguments, talks HTTP to the engine's socket, and prints what the real command
//! (28.x) prints. It runs on any kernel through `Sys`; help is in our own words.

mod app;
mod command;
mod commands;
#[cfg(feature = "completion")]
mod complete;
mod contexts;
mod error;
mod flags;
mod format;
mod help;
mod json;
mod options;
mod platform;
mod session;
mod settings;
mod streams;
mod table;
pub mod template;
mod terminal;
mod text;
mod time;
mod typed;
mod units;
mod url;
pub mod value;

pub use app::main;
pub use units::ram_in_bytes;

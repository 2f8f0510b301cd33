//! Streams between clients and containers.

pub(crate) mod attach;
pub mod detach;
pub(crate) mod logs;

//! Streams between clients and containers.

pub(crate) mod attach;
pub(crate) mod logs;

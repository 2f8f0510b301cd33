//! Birth, death and waiting.

mod birth;
mod death;
mod family;
mod first;
mod wait;

pub(crate) use birth::CloneRequest;
pub(crate) use family::{THREAD_SIZE, Tasks};

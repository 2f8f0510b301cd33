//! Birth, death and waiting.

mod birth;
mod death;
mod first;
mod wait;

pub(crate) use birth::CloneRequest;

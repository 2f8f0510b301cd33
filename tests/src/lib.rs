//! Whole-system tests: what one kernel does, the other must do.
//!
//! The library holds what the tests share; the tests are in `tests/tests`.

pub mod emulated;
pub mod host;
pub mod plans;
pub mod programs;
pub mod random;
pub mod session;
pub mod simulated;
pub mod surroundings;
pub mod terminal;
pub mod userland;

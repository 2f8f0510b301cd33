//! System calls as `strace` prints them: C's names for flags, requests and signals, structures with their fields, what
//! a call put into the caller's memory among its arguments, and as its result the number in the register.

mod calls;
mod names;
mod parts;
mod raw;
mod results;
#[cfg(test)]
mod tests;
mod values;
mod words;

pub use names::arguments;
pub use raw::{register, registers};
pub use results::result;

/// An argument: its name in the manual page, and its value.
pub type Argument = (&'static str, String);

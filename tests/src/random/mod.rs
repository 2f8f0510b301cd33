//! Random operations on file systems: the same calls on both kernels, and what came of them as text.

mod generate;
mod run;
mod told;

pub use generate::{Kind, plan};
pub use run::{run, set, settings};

/// Open files that a sequence holds at once. In a plan's calls, descriptor `SLOT + n` means the nth of them.
pub const SLOTS: usize = 5;
/// The first of the descriptors that stand for open files.
pub const SLOT: i32 = 1000;

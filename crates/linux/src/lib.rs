//! The real Linux behind [`glassdock_abi::Sys`].
//!
//! [`Direct`] is for single-threaded processes: one thread, one `ppoll` for all that is waited for. A call that would
//! wait parks its future; everything else is made at once. Waiting for a file lock or for the other side of a FIFO to
//! open is the exception: it blocks the process.
//!
//! [`Call`](glassdock_abi::Call) carries the kernel's own numbers, unknown bits included, and must reach the kernel as it
//! is; so calls are encoded here rather than taken through typed wrappers, by one function (`raw.rs`).

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
compile_error!("the layouts here are those of x86-64 Linux");

mod calls;
mod clone;
mod decode;
mod direct;
mod raw;
mod reactor;

pub use direct::Direct;

//! The real Linux behind [`glassdock_abi::Sys`].
//!
//! [`Direct`] is for single-threaded processes: one thread, one `ppoll` for all that is waited for. A call that would
//! wait parks its future; everything else is made at once. Waiting for a file lock or for the other side of a FIFO to
//! open is the exception: it blocks the process. [`Tokio`] (feature `tokio`) is for a daemon with threads.
//!
//! [`Call`](glassdock_abi::Call) carries the kernel's own numbers, unknown bits included, and must reach the kernel as it
//! is; so calls are encoded here rather than taken through typed wrappers, by one function (`raw.rs`).

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
compile_error!("the layouts here are those of x86-64 Linux");

mod calls;
mod clone;
mod decode;
mod direct;
mod original;
mod raw;
mod reactor;
#[cfg(feature = "tokio")]
mod threaded;

pub use calls::detached::own_program_read_only;
pub use direct::Direct;
pub use original::raise_open_files;
#[cfg(feature = "tokio")]
pub use threaded::Tokio;

/// A kernel's handle that writes no trace.
macro_rules! untraced {
    ($handle:ty) => {
        impl glassdock_trace::Trace for $handle {
            fn enter_from(
                &self,
                _: Option<glassdock_trace::SpanId>,
                _: glassdock_trace::Layer,
                _: &str,
                _: glassdock_trace::Args,
            ) -> Self {
                self.clone()
            }
            fn exit(&self, _: glassdock_trace::Outcome) {}
            fn delta(&self, _: glassdock_trace::Delta) {}
            fn span(&self) -> Option<glassdock_trace::SpanId> {
                None
            }
            fn cause_of(&self, _: glassdock_abi::Fd) -> Option<glassdock_trace::SpanId> {
                None
            }
        }
    };
}
use untraced;

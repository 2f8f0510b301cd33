//! The event stream that every layer writes and the interface reads.
//!
//! An [`Event`] opens a span, closes one, or tells one change of state (a [`Delta`]). [`World`] is the fold of deltas:
//! applying them forwards gives the state at any moment, backwards returns to the start. [`Tracer`] takes the hash of
//! the stream, by which two runs are compared, and keeps its newest part in a ring.
//!
//! Nobody here knows who writes; layers above add the kinds of entity that they need to [`world`].

mod encode;
mod event;
mod tracer;
pub mod world;

pub use encode::encode;
pub use event::{Args, Event, EventKind, Layer, MachineId, Outcome, SpanId, Value, clip};
pub use tracer::{Cursor, Hash, Run, Tracer, TracerConfig};
pub use world::{Change, Delta, Mismatch, World};

use glassdock_abi::Fd;

/// A handle through which a program writes to the trace. Kernels implement it on the handle that also makes calls, so
/// that a call made through a span's handle is that span's child.
pub trait Trace: Clone + Send + Sync + 'static {
    /// Opens a span below this handle's own and gives a handle inside it. Close it with [`Trace::exit`], exactly once.
    fn enter(&self, layer: Layer, name: &str, args: Args) -> Self {
        self.enter_from(None, layer, name, args)
    }

    /// The same, for work that another span caused: a request that arrived, a timer that ran out.
    fn enter_from(&self, cause: Option<SpanId>, layer: Layer, name: &str, args: Args) -> Self;

    /// Closes this handle's span.
    fn exit(&self, outcome: Outcome);

    /// Tells a change of state.
    fn delta(&self, delta: Delta);

    /// This handle's span; `None` at the root or where nothing is recorded.
    fn span(&self) -> Option<SpanId>;

    /// The span that wrote the bytes which were last read from a pipe, socket or terminal; `None` where unknown.
    fn cause_of(&self, fd: Fd) -> Option<SpanId>;
}

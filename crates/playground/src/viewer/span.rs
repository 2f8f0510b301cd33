//! One span as the interface knows it, and the tree of spans.

use super::{Moment, Timeline};
use glassdock_trace::{Args, Layer, Outcome, SpanId};
use std::borrow::Cow;

/// A span, open or closed.
#[derive(Clone, Debug)]
pub struct Span {
    /// Its number.
    pub id: SpanId,
    /// What it is shown below: its cause where that is known, else its parent.
    pub up: Option<SpanId>,
    /// The span it is part of.
    pub parent: Option<SpanId>,
    /// The span that made it happen.
    pub cause: Option<SpanId>,
    /// Its layer.
    pub layer: Layer,
    /// The process that acts, as the host numbers it.
    pub pid: i32,
    /// Name.
    pub name: Cow<'static, str>,
    /// Arguments.
    pub args: Args,
    /// The event that opened it.
    pub entered: Moment,
    /// Virtual time then.
    pub entered_time: u64,
    /// The event that closed it, the virtual time then, and how it ended.
    pub exited: Option<(Moment, u64, Outcome)>,
    /// Bits of the layers of everything below it.
    pub below: u16,
    pub(super) first_child: Option<SpanId>,
    pub(super) last_child: Option<SpanId>,
    pub(super) next_sibling: Option<SpanId>,
    pub(super) previous_sibling: Option<SpanId>,
}

/// The bit of a layer in [`Span::below`].
pub(super) const fn bit(layer: Layer) -> u16 {
    1 << layer as u16
}

impl Span {
    /// How long it took in virtual nanoseconds; `None` while it is open.
    pub fn duration(&self) -> Option<u64> {
        self.exited
            .as_ref()
            .map(|(_, time, _)| time.saturating_sub(self.entered_time))
    }

    /// How it ended.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.exited.as_ref().map(|(_, _, outcome)| outcome)
    }

    /// Whether it ended in an error.
    pub fn failed(&self) -> bool {
        matches!(
            self.outcome(),
            Some(Outcome::Errno(_) | Outcome::Failed(_) | Outcome::Cut)
        )
    }

    /// The moment at which it is complete: after its exit, or after its entry while it is open.
    pub fn complete(&self) -> Moment {
        match self.exited {
            Some((exited, ..)) => exited + 1,
            None => self.entered + 1,
        }
    }

    /// Whether anything below it is on one of these layers (bits as in [`Span::below`]).
    pub fn has_below(&self, layers: u16) -> bool {
        self.below & layers != 0
    }

    /// Whether anything is below it.
    pub fn is_leaf(&self) -> bool {
        self.first_child.is_none()
    }
}

/// The spans directly below one, in order of entry.
pub fn children(timeline: &Timeline, of: SpanId) -> impl Iterator<Item = &Span> {
    let mut next = timeline.span(of).and_then(|span| span.first_child);
    std::iter::from_fn(move || {
        let span = timeline.span(next?)?;
        next = span.next_sibling;
        Some(span)
    })
}

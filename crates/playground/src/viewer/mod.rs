//! What a learner sees: the model behind the interface. No DOM, no clock; tests read it as the interface does.
//!
//! [`Timeline`] takes in a machine's messages and answers what was at any moment. A moment is a number of events: 0 is
//! before the first one. [`Journey`] lists the steps of a command, [`picture()`] the machine's processes and containers
//! as nested boxes, [`facts()`] what is to be known of one step.

mod command;
pub mod describe;
mod facts;
#[cfg(test)]
mod fixture;
mod folded;
pub mod http;
mod journey;
mod picture;
mod prompt;
mod span;
pub mod strace;
#[cfg(test)]
mod tests;
mod timeline;

pub use command::{Command, CommandKind, Line};
pub use facts::{Ending, Fact, Facts, StateChange, facts, plain, result, summary, with_short_ids};
pub use folded::Folded;
pub use journey::{Journey, Layers, Opened, Row, RowKind, Step};
pub use picture::{Mark, Picture, PictureBox, PictureBoxKind, ProcessRow, picture};
pub use span::{Span, children};
pub use timeline::Timeline;

/// A moment: how many events have happened.
pub type Moment = u64;

//! The messages between a machine and whoever watches it.
//!
//! A watcher sends [`ToMachine`], a machine answers with any number of [`FromMachine`]. Both are encoded with postcard;
//! several may follow each other in one buffer ([`encode`], [`decode`]). The first message of each side is its
//! `Hello`, which carries [`VERSION`]; a side that hears another version says so and stops.
//!
//! Positions are absolute: events are numbered from 0 since the machine's start ([`glassdock_trace::Tracer::written`]),
//! bytes of a terminal's output likewise. So a watcher that knows what it has can ask for the rest.

use glassdock_trace::Event;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Version of the messages. Changes whenever an encoding does.
pub const VERSION: u32 = 3;

/// Number of a terminal of the machine. The host's console is 0.
pub type TerminalId = u16;

/// What a watcher says.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum ToMachine {
    /// Begins the conversation. The machine answers with its own `Hello` and sends everything from the positions on.
    Hello {
        /// [`VERSION`] of the watcher.
        version: u32,
        /// First event that the watcher wants.
        events_from: u64,
        /// First byte of the console's output that the watcher wants.
        output_from: u64,
    },
    /// Bytes typed at a terminal.
    Input {
        /// Which.
        terminal: TerminalId,
        /// The bytes, as a terminal sends them.
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    },
    /// A terminal's new size.
    Resize {
        /// Which.
        terminal: TerminalId,
        /// Rows.
        rows: u16,
        /// Columns.
        cols: u16,
    },
    /// How far the watcher's clock is, in nanoseconds since it began to watch. While the machine is idle its virtual
    /// time follows; the steps taken are part of the input log.
    Clock {
        /// Nanoseconds.
        nanos: u64,
    },
    /// Goes back to before the last line that was typed.
    Undo,
    /// Starts anew: an empty input log.
    Restart,
}

/// What a machine says.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum FromMachine {
    /// Answers the watcher's `Hello`.
    Hello {
        /// [`VERSION`] of the machine.
        version: u32,
        /// Its host name.
        name: String,
        /// Number of the oldest event that it still holds: events before are gone.
        base: u64,
        /// Bytes that its console has written so far. A terminal that shows them again answers no question in them.
        written: u64,
        /// Whether the machine can go back ([`ToMachine::Undo`]). A native daemon cannot.
        rewinds: bool,
    },
    /// Output of a terminal.
    Output {
        /// Which.
        terminal: TerminalId,
        /// Position of the first byte.
        at: u64,
        /// The bytes.
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    },
    /// Events in order.
    Events {
        /// Number of the first one.
        from: u64,
        /// How many.
        count: u32,
        /// [`Event`]s, encoded one after another.
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    },
    /// What the machine does now.
    State(State),
    /// The machine went back: what was sent from these positions on is no more. New messages follow.
    Rewound {
        /// How many events remain.
        events: u64,
        /// How many bytes of the console's output remain.
        output: u64,
    },
    /// How far a long job is, such as replaying the log.
    Progress {
        /// What.
        job: Job,
        /// Done.
        done: u64,
        /// Of so many.
        total: u64,
    },
    /// The machine cannot go on.
    Failed {
        /// What failed, in the machine's own words.
        what: String,
    },
}

/// What a machine does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Whether a program runs or is ready to.
    pub busy: bool,
    /// Whether everything has ended.
    pub halted: bool,
    /// When a machine that rests goes on by itself, in virtual nanoseconds; without it only input wakes it.
    pub next: Option<u64>,
    /// Virtual time in nanoseconds.
    pub time: u64,
    /// Events written so far.
    pub events: u64,
    /// How many lines [`ToMachine::Undo`] can take back.
    pub undoable: u32,
    /// Instructions that programs executed, as a processor counts them.
    pub instructions: u64,
    /// Hash of all events so far, by which two runs are compared.
    pub hash: u128,
}

/// A job that takes a while.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Job {
    /// Starting the machine.
    Boot,
    /// Replaying the input log.
    Replay,
}

/// A message that is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadMessage {
    /// Bytes of the buffer that had been understood.
    pub at: usize,
}

impl fmt::Display for BadMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {} begins no message of version {VERSION}", self.at)
    }
}

impl std::error::Error for BadMessage {}

/// Appends the encoding of a message to `buffer`.
pub fn encode<M: Serialize>(message: &M, buffer: &mut Vec<u8>) {
    // The only error of an encoding into a growing buffer is a sequence of unknown length; no message has one.
    let _ = glassdock_trace::encode(message, buffer);
}

/// The messages in `bytes`.
///
/// # Errors
/// [`BadMessage`] where a message is cut short or is none; what came before is lost with it.
pub fn decode<M: DeserializeOwned>(bytes: &[u8]) -> Result<Vec<M>, BadMessage> {
    let mut rest = bytes;
    let mut messages = Vec::new();
    while !rest.is_empty() {
        let at = bytes.len() - rest.len();
        let (message, tail) = postcard::take_from_bytes(rest).map_err(|_| BadMessage { at })?;
        messages.push(message);
        rest = tail;
    }
    Ok(messages)
}

/// The message that carries `events`, the first of which has number `from`.
pub fn events_message<'a>(from: u64, events: impl IntoIterator<Item = &'a Event>) -> FromMachine {
    let mut bytes = Vec::new();
    let mut count = 0;
    for event in events {
        encode(event, &mut bytes);
        count += 1;
    }
    FromMachine::Events { from, count, bytes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_follow_each_other_in_one_buffer() {
        let messages = vec![
            ToMachine::Hello {
                version: VERSION,
                events_from: 0,
                output_from: 7,
            },
            ToMachine::Input {
                terminal: 0,
                bytes: b"ls\r".to_vec(),
            },
            ToMachine::Undo,
        ];
        let mut buffer = Vec::new();
        for message in &messages {
            encode(message, &mut buffer);
        }
        assert_eq!(decode::<ToMachine>(&buffer), Ok(messages));
    }

    #[test]
    fn a_cut_message_is_refused_with_its_place() {
        let mut buffer = Vec::new();
        encode(&ToMachine::Undo, &mut buffer);
        encode(
            &ToMachine::Input {
                terminal: 0,
                bytes: b"ls\r".to_vec(),
            },
            &mut buffer,
        );
        buffer.pop();
        assert_eq!(
            decode::<ToMachine>(&buffer).unwrap_err().to_string(),
            "byte 1 begins no message of version 3"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange_to_decode(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode::<ToMachine>(&bytes);
            let _ = decode::<FromMachine>(&bytes);
            let _ = decode::<Event>(&bytes);
        }
    }
}

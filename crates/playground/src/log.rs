//! The input log: with the seed and the images it is the whole truth about a machine.

use crate::protocol::TerminalId;
use serde::{Deserialize, Serialize};

/// Something that came from outside.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Input {
    /// Bytes typed at a terminal.
    Bytes {
        /// Which.
        terminal: TerminalId,
        /// The bytes.
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
    /// The machine was idle, and its time went on to this many nanoseconds.
    Idle {
        /// Virtual time.
        until: u64,
    },
    /// Somebody outside uses a connection to a socket of the machine.
    #[cfg(feature = "outside")]
    Wire(glassdock_kernel::Wire),
    /// Ctrl, Alt and Delete are pressed together.
    #[cfg(feature = "outside")]
    CtrlAltDel,
}

/// An input and the moment at which it came.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Record {
    /// Turns that the machine had run before: the same number always stops it at the same place.
    pub turn: u64,
    /// What came.
    pub input: Input,
}

/// The records in bytes that [`crate::protocol::encode`] wrote, up to the first that is none: a log on a disk may end
/// in the middle of one.
pub fn records(bytes: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    let mut rest = bytes;
    while let Ok((record, tail)) = postcard::take_from_bytes(rest) {
        records.push(record);
        rest = tail;
    }
    records
}

/// Where in the log the lines begin that were typed into the console, so that one can go back by lines.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Lines {
    /// Of each line that was entered, the record of its first key.
    entered: Vec<u64>,
    /// The record of the first key since the last Enter.
    typing: Option<u64>,
}

impl Lines {
    /// How many lines were entered.
    pub fn count(&self) -> u32 {
        u32::try_from(self.entered.len()).unwrap_or(u32::MAX)
    }

    /// The record of the last entered line's first key.
    pub fn last(&self) -> Option<u64> {
        self.entered.last().copied()
    }

    /// Whether keys came since the last Enter.
    pub fn is_typing(&self) -> bool {
        self.typing.is_some()
    }

    /// Takes typed bytes into account: `record` is the number of the log's record that holds them.
    pub fn typed(&mut self, record: u64, bytes: &[u8]) {
        for key in without_replies(bytes) {
            let first = *self.typing.get_or_insert(record);
            if matches!(key, b'\r' | b'\n') {
                self.entered.push(first);
                self.typing = None;
            }
        }
    }
}

/// Typed bytes without what a terminal answers by itself when a program asks it: where its cursor is
/// (`ESC [ row ; column R`), what it is (`ESC [ ? … c`, `ESC [ > … c`).
fn without_replies(bytes: &[u8]) -> Vec<u8> {
    let mut keys = Vec::new();
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        match reply(rest) {
            Some(length) => rest = &rest[length..],
            None => {
                keys.push(*first);
                rest = after;
            }
        }
    }
    keys
}

/// The length of a terminal's answer at the beginning of some bytes.
fn reply(bytes: &[u8]) -> Option<usize> {
    let inner = bytes.strip_prefix(b"\x1b[")?;
    let end = inner
        .iter()
        .position(|byte| !matches!(byte, b'0'..=b'9' | b';' | b'?' | b'>'))?;
    let is_reply = match (inner.first()?, inner[end]) {
        (b'?' | b'>', b'c') => true,
        (b'0'..=b'9', b'R') => inner[..end].contains(&b';'),
        _ => false,
    };
    is_reply.then_some(end + 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_was_cut_short_loses_its_last_record() {
        let mut bytes = Vec::new();
        let written: Vec<Record> = (1..4)
            .map(|turn| Record {
                turn,
                input: Input::Idle { until: turn << 40 },
            })
            .collect();
        for record in &written {
            crate::protocol::encode(record, &mut bytes);
        }
        assert_eq!(records(&bytes), written);
        bytes.pop();
        assert_eq!(records(&bytes), written[..2]);
    }

    #[test]
    fn a_line_begins_with_its_first_key_and_ends_with_enter() {
        for (typed, begins, typing) in [
            (&["l", "s", "\r"][..], &[0][..], false),
            (&["ls\r", "pwd\rhal"], &[0, 1], true),
            (&["\r", "\n"], &[0, 1], false),
            (&["\x1b[A", "\r"], &[0], false),
            // A terminal's answer begins no line.
            (&["\x1b[24;80R", "ls\x1b[3;3R", "\r"], &[1], false),
            (&["\x1b[?1;2c", "\x1b[>0;276;0c", "ls\r"], &[2], false),
            (&["\x1b[24;80R"], &[], false),
            (&["\x1b[1;5C\r"], &[0], false),
        ] {
            let mut lines = Lines::default();
            for (record, bytes) in typed.iter().enumerate() {
                lines.typed(record as u64, bytes.as_bytes());
            }
            assert_eq!(lines.entered, begins, "{typed:?}");
            assert_eq!(lines.is_typing(), typing, "{typed:?}");
            assert_eq!(lines.last(), begins.last().copied());
        }
    }
}

//! The input log: with the seed and the images it is the whole truth about a machine.

use crate::protocol::{Line, TerminalId};
use serde::{Deserialize, Serialize};

/// Longest text of a line that is kept, in bytes.
const LINE_LIMIT: usize = 4096;

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

/// What was typed into the console, split into lines, so that one can go back by lines.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Lines {
    entered: Vec<Entered>,
    typing: Option<Typing>,
}

/// A line that was entered, and where in the log it began.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entered {
    /// What a watcher is told.
    pub line: Line,
    /// Records of the log before its first key.
    pub record: u64,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Typing {
    typed_at: u64,
    record: u64,
    text: Option<String>,
}

impl Lines {
    /// The lines so far.
    pub fn entered(&self) -> &[Entered] {
        &self.entered
    }

    /// Whether keys came since the last Enter.
    pub fn is_typing(&self) -> bool {
        self.typing.is_some()
    }

    /// Takes typed bytes into account: `record` is the number of the log's record that holds them, `events` how many
    /// events had been written before it. Gives the lines that end with it.
    pub fn typed(&mut self, record: u64, events: u64, bytes: &[u8]) -> &[Entered] {
        let before = self.entered.len();
        let keys = without_replies(bytes);
        for text in keys.split_inclusive(|&byte| byte == b'\r' || byte == b'\n') {
            let typing = self.typing.get_or_insert_with(|| Typing {
                typed_at: events,
                record,
                text: Some(String::new()),
            });
            match text {
                [keys @ .., b'\r' | b'\n'] => {
                    typing.keys(keys);
                    self.enter(events);
                }
                keys => typing.keys(keys),
            }
        }
        &self.entered[before..]
    }

    fn enter(&mut self, events: u64) {
        let Some(typing) = self.typing.take() else {
            return;
        };
        self.entered.push(Entered {
            line: Line {
                index: self.entered.len() as u32,
                typed_at: typing.typed_at,
                entered_at: events,
                text: typing.text,
            },
            record: typing.record,
        });
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

impl Typing {
    fn keys(&mut self, keys: &[u8]) {
        let Some(text) = &mut self.text else { return };
        match std::str::from_utf8(keys) {
            Ok(keys) if text.len() + keys.len() <= LINE_LIMIT => {
                for key in keys.chars() {
                    match key {
                        // Backspace, ^U, ^W and ^C as a line editor knows them.
                        '\x7f' | '\x08' => drop(text.pop()),
                        '\x15' | '\x03' => text.clear(),
                        '\x17' => {
                            let end = text.trim_end().rfind(' ').map_or(0, |space| space + 1);
                            text.truncate(end);
                        }
                        key if key.is_control() => {
                            self.text = None;
                            return;
                        }
                        key => text.push(key),
                    }
                }
            }
            _ => self.text = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(typed: &[&str]) -> Vec<Option<String>> {
        let mut lines = Lines::default();
        for (record, bytes) in typed.iter().enumerate() {
            lines.typed(record as u64, record as u64 * 10, bytes.as_bytes());
        }
        lines
            .entered()
            .iter()
            .map(|e| e.line.text.clone())
            .collect()
    }

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
    fn a_line_is_what_its_keys_spell() {
        let some = |text: &str| Some(text.to_owned());
        for (typed, expected) in [
            (&["l", "s", "\r"][..], vec![some("ls")]),
            (&["lx\x7fs\r"], vec![some("ls")]),
            (&["echo a b\x17c\r"], vec![some("echo a c")]),
            (&["nonsense\x15ls\r"], vec![some("ls")]),
            (&["ls\rpwd\rhal"], vec![some("ls"), some("pwd")]),
            (&["\x1b[A\r"], vec![None]),
            (&["un\t\r"], vec![None]),
            (&["echo ", "바다", "\r"], vec![some("echo 바다")]),
            (&["\x1b[24;80R", "ls\x1b[3;3R", "\r"], vec![some("ls")]),
            (&["\x1b[?1;2c", "\x1b[>0;276;0c", "ls\r"], vec![some("ls")]),
            (&["\x1b[1;5C\r"], vec![None]),
        ] {
            assert_eq!(texts(typed), expected, "{typed:?}");
        }
    }

    #[test]
    fn a_terminals_answer_begins_no_line() {
        let mut lines = Lines::default();
        lines.typed(0, 0, b"\x1b[24;80R");
        assert!(!lines.is_typing());
        lines.typed(1, 9, b"l");
        assert_eq!(lines.typed(2, 9, b"\r")[0].record, 1);
    }

    #[test]
    fn a_line_knows_where_it_began_and_where_it_was_entered() {
        let mut lines = Lines::default();
        lines.typed(3, 100, b"l");
        lines.typed(5, 110, b"s");
        let entered = lines.typed(6, 120, b"\r").to_vec();
        assert_eq!(entered.len(), 1);
        assert_eq!(entered[0].record, 3);
        assert_eq!(
            (entered[0].line.typed_at, entered[0].line.entered_at),
            (100, 120)
        );
    }
}

//! Shells at their prompts: where a line begins and ends in the stream, and what it says.
//!
//! A shell that edits a line takes the terminal out of canonical mode, writes its prompt, reads keys and writes what
//! they look like; once the line is entered it gives the mode back. So the stream itself tells which keys went to a
//! shell and not to an editor or to what still runs, and the text is what was on the screen: after completion, after
//! the history's keys, after every correction.

use super::{Line, Moment, Span};
use glassdock_abi::{Call, Fd, Ret};
use glassdock_trace::world::TtyInfo;
use glassdock_trace::{Args, Outcome};
use std::collections::BTreeMap;

/// Canonical mode of a terminal's `c_lflag` (`man 3 termios`).
const ICANON: u32 = 0o2;
/// Names of shells that edit lines.
const SHELLS: [&str; 5] = ["sh", "ash", "bash", "dash", "hush"];
/// Longest line of which the text is kept, in characters.
const LINE_LIMIT: usize = 4096;
/// Bytes of a `write` that the trace keeps: where it holds as many, some may be missing.
const KEPT: usize = 256;

/// The shells that edit a line.
#[derive(Clone, Debug, Default)]
pub(super) struct Prompts {
    editing: BTreeMap<i32, Editing>,
}

/// A line that is being edited.
#[derive(Clone, Debug, Default)]
struct Editing {
    /// The terminal's number.
    terminal: u32,
    /// When the read of its first key began.
    typed_at: Option<Moment>,
    shown: Shown,
}

impl Prompts {
    /// A span opened.
    pub fn entered(&mut self, span: &Span) {
        let Some(editing) = self.editing.get_mut(&span.pid) else {
            return;
        };
        if let Args::Call(call) = &span.args
            && let Call::Write {
                fd: Fd(1 | 2),
                data,
            } = &**call
        {
            editing.shown.write(data);
        }
    }

    /// A span closed.
    pub fn exited(&mut self, span: &Span) {
        let Some(editing) = self.editing.get_mut(&span.pid) else {
            return;
        };
        if editing.typed_at.is_none() && reads_a_key(span) {
            editing.typed_at = Some(span.entered);
            editing.shown.prompt_ends();
        }
    }

    /// A terminal has another size.
    pub fn resized(&mut self, terminal: u32, size: &TtyInfo) {
        let there = |editing: &&mut Editing| editing.terminal == terminal;
        for editing in self.editing.values_mut().filter(there) {
            editing.shown.width = size.winsize.cols.into();
        }
    }

    /// The process `pid`, whose name is `name`, changed a terminal. Gives the line that it has read thereby.
    pub fn terminal(
        &mut self,
        (pid, name): (i32, &str),
        terminal: u32,
        before: &TtyInfo,
        after: &TtyInfo,
        moment: Moment,
    ) -> Option<Line> {
        if !SHELLS.contains(&name) {
            return None;
        }
        let canonical = |tty: &TtyInfo| tty.termios.lflag & ICANON != 0;
        match (canonical(before), canonical(after)) {
            (true, false) => {
                let shown = Shown {
                    width: after.winsize.cols.into(),
                    ..Shown::default()
                };
                let editing = Editing {
                    terminal,
                    typed_at: None,
                    shown,
                };
                self.editing.insert(pid, editing);
                None
            }
            (false, true) => {
                let editing = self.editing.remove(&pid)?;
                let entered_at = moment + 1;
                Some(Line {
                    typed_at: editing.typed_at.unwrap_or(entered_at),
                    entered_at,
                    text: editing.shown.text(),
                })
            }
            _ => None,
        }
    }
}

/// Whether a span is a read of standard input that yielded something.
fn reads_a_key(span: &Span) -> bool {
    let Args::Call(call) = &span.args else {
        return false;
    };
    let yielded = match span.outcome() {
        Some(Outcome::Int(count)) => *count > 0,
        Some(Outcome::Ret(ret)) => matches!(&**ret, Ret::Bytes(bytes) if !bytes.is_empty()),
        _ => false,
    };
    yielded && matches!(**call, Call::Read { fd: Fd::STDIN, .. })
}

/// The terminal's line with the cursor in it, its rows one after another.
#[derive(Clone, Debug, Default)]
struct Shown {
    cells: Vec<char>,
    at: usize,
    /// Columns of the terminal; none where it has not said so.
    width: usize,
    /// The cursor went back to the beginning of a row that is full: a line feed now goes on with the line.
    full: bool,
    /// The line above, which was left by the last line feed.
    above: Vec<char>,
    /// Cells of the prompt.
    prompt: usize,
    /// The beginning of a letter or sequence whose end is in a later write.
    rest: Vec<u8>,
    /// It cannot be told what the line says.
    unclear: bool,
}

impl Shown {
    fn write(&mut self, data: &[u8]) {
        self.unclear |= data.len() >= KEPT || self.cells.len() > LINE_LIMIT;
        if self.unclear {
            return;
        }
        let mut bytes = std::mem::take(&mut self.rest);
        bytes.extend_from_slice(data);
        let mut rest = bytes.as_slice();
        while let Some(first) = rest.first() {
            let used = match first {
                0x1b => self.sequence(rest),
                0..0x20 | 0x7f => {
                    self.control(*first);
                    Some(1)
                }
                _ => self.letter(rest),
            };
            match used {
                Some(used) => rest = &rest[used..],
                None => {
                    self.rest = rest.to_vec();
                    return;
                }
            }
        }
    }

    fn control(&mut self, byte: u8) {
        let full = std::mem::take(&mut self.full);
        match byte {
            b'\r' if self.width > 0 && self.at > 0 && self.at.is_multiple_of(self.width) => {
                self.at -= self.width;
                self.full = true;
            }
            b'\r' => self.at -= self.column(),
            b'\n' if full => self.at += self.width,
            b'\n' => {
                self.above = std::mem::take(&mut self.cells);
                self.at = 0;
            }
            0x08 => self.at = self.at.saturating_sub(1),
            _ => {}
        }
    }

    fn column(&self) -> usize {
        self.at.checked_rem(self.width).unwrap_or(self.at)
    }

    /// An escape sequence at the beginning of some bytes: its length, if all of it is there.
    fn sequence(&mut self, bytes: &[u8]) -> Option<usize> {
        if *bytes.get(1)? != b'[' {
            self.unclear = true;
            return Some(2);
        }
        let inner = &bytes[2..];
        let end = inner.iter().position(|byte| (0x40..0x7f).contains(byte))?;
        let number = std::str::from_utf8(&inner[..end]).ok();
        let count = number.and_then(|text| text.parse().ok()).unwrap_or(1usize);
        match inner[end] {
            b'J' | b'K' => self.cells.truncate(self.at),
            b'C' => self.at = self.at.saturating_add(count).min(LINE_LIMIT),
            b'D' => self.at = self.at.saturating_sub(count),
            // A screen that is wiped begins anew at its top.
            b'H' => self.at = 0,
            b'A' if self.width > 0 => {
                let rows = count.saturating_mul(self.width);
                self.at = self.at.saturating_sub(rows);
            }
            // Colours, and a question about the cursor.
            b'm' | b'n' => {}
            _ => self.unclear = true,
        }
        Some(end + 3)
    }

    /// A letter at the beginning of some bytes: its length, if all of it is there.
    fn letter(&mut self, bytes: &[u8]) -> Option<usize> {
        let chunk = bytes.utf8_chunks().next()?;
        let Some(letter) = chunk.valid().chars().next() else {
            // The beginning of a letter, or no letter at all.
            if chunk.invalid().len() == bytes.len() && bytes.len() < 4 {
                return None;
            }
            self.unclear = true;
            return Some(1);
        };
        self.full = false;
        if self.cells.len() <= self.at {
            self.cells.resize(self.at + 1, ' ');
        }
        self.cells[self.at] = letter;
        self.at += 1;
        Some(letter.len_utf8())
    }

    fn prompt_ends(&mut self) {
        self.prompt = self.at;
    }

    /// What stands behind the prompt.
    fn text(&self) -> Option<String> {
        if self.unclear {
            return None;
        }
        let line = match self.cells.is_empty() {
            true => &self.above,
            false => &self.cells,
        };
        let text: String = line.iter().skip(self.prompt).collect();
        Some(text.trim().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_the_shell_showed_of_it() {
        for (writes, expected) in [
            (&["l", "s", "\n"][..], "ls"),
            (&["l", "x", "\x08 \x08", "s", "\n"], "ls"),
            (&["ls", "\r# ", "pwd", "\x1b[J", "\n"], "pwd"),
            (&["# cat /etc/pass", "wd ", "\n"], "# cat /etc/passwd"),
            (&["ps\n", "ps     psql\n", "# ps", "\n"], "ps"),
            (&["ab", "\x1b[2D", "x", "\n"], "xb"),
            (&["echo ", "\u{bc14}", "\n"], "echo \u{bc14}"),
            (&["\n"], ""),
            (&["half a li"], "half a li"),
        ] {
            let mut shown = Shown::default();
            shown.write(b"# \x1b[6n");
            shown.prompt_ends();
            writes.iter().for_each(|text| shown.write(text.as_bytes()));
            assert_eq!(shown.text().as_deref(), Some(expected), "{writes:?}");
        }
    }

    #[test]
    fn a_line_goes_on_in_the_next_row() {
        for (writes, expected) in [
            (&["abcdef", "\r\n", "g", "\n"][..], "abcdefg"),
            (&["abcdef", "g\x08", "gh", "\n"], "abcdefgh"),
            (&["abcdef", "\r\n", "g", "\x1b[1A\r# ", "xy\x1b[J\n"], "xy"),
            (&["abcdef", "\r\n", "g\r", "h", "\n"], "abcdefh"),
        ] {
            let mut shown = Shown {
                width: 8,
                ..Shown::default()
            };
            shown.write(b"# ");
            shown.prompt_ends();
            writes.iter().for_each(|text| shown.write(text.as_bytes()));
            assert_eq!(shown.text().as_deref(), Some(expected), "{writes:?}");
        }
    }

    #[test]
    fn letters_and_sequences_may_come_in_pieces() {
        let mut shown = Shown::default();
        for byte in "a\x1b[1D\u{bb38}".bytes() {
            shown.write(&[byte]);
        }
        assert_eq!(shown.text().as_deref(), Some("\u{bb38}"));
    }

    #[test]
    fn what_is_wider_than_the_screen_or_was_clipped_is_unclear() {
        for write in [&b"\x1b[A"[..], &[b'x'; KEPT], b"\xff\xff\xff\xff", b"\x1bM"] {
            let mut shown = Shown::default();
            shown.write(write);
            assert_eq!(shown.text(), None, "{write:?}");
        }
    }
}

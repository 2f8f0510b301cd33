//! The log in moby's `json-file` format (moby v28.5.2: daemon/logger/copier.go, jsonfilelog/jsonlog/jsonlogbytes.go).

use crate::proto::Stream;
use glassdock_abi::calendar::rfc3339_nano;
use glassdock_abi::types::Timespec;

/// Longest piece of a line in one entry, in bytes; a longer line becomes several entries (copier.go: `defaultBufSize`).
pub(super) const MAX_PIECE: usize = 16 << 10;

/// Splits one stream into entries.
#[derive(Default)]
pub(super) struct Splitter {
    held: Vec<u8>,
    /// Time of the first piece of a line that is logged in pieces.
    partial: Option<u64>,
}

impl Splitter {
    /// The entries for the next bytes of a stream, which came at `now` (nanoseconds since 1970).
    pub fn push(&mut self, stream: Stream, mut data: &[u8], now: u64) -> Vec<u8> {
        let mut entries = Vec::new();
        while !data.is_empty() {
            let room = MAX_PIECE - self.held.len();
            let (part, rest) = data.split_at(room.min(data.len()));
            data = rest;
            self.held.extend_from_slice(part);
            self.lines(stream, now, &mut entries);
            if self.held.len() == MAX_PIECE {
                self.piece(stream, now, &mut entries);
            }
        }
        entries
    }

    /// The entry for what is left at the end of the stream.
    pub fn end(&mut self, stream: Stream, now: u64) -> Vec<u8> {
        let mut entries = Vec::new();
        if !self.held.is_empty() {
            self.piece(stream, now, &mut entries);
        }
        entries
    }

    /// Whole lines.
    fn lines(&mut self, stream: Stream, now: u64, entries: &mut Vec<u8>) {
        let Some(last) = self.held.iter().rposition(|&b| b == b'\n') else {
            return;
        };
        let rest = self.held.split_off(last + 1);
        let lines = std::mem::replace(&mut self.held, rest);
        for line in lines.split_inclusive(|&b| b == b'\n') {
            let time = self.partial.take().unwrap_or(now);
            entry(line, stream, time, entries);
        }
    }

    /// What there is of a line, without an end.
    fn piece(&mut self, stream: Stream, now: u64, entries: &mut Vec<u8>) {
        let time = *self.partial.get_or_insert(now);
        let held = std::mem::take(&mut self.held);
        entry(&held, stream, time, entries);
    }
}

/// One entry, with its newline.
fn entry(line: &[u8], stream: Stream, time: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"log\":\"");
    escape(line, out);
    out.extend_from_slice(b"\",\"stream\":\"");
    out.extend_from_slice(stream.as_str().as_bytes());
    out.extend_from_slice(b"\",\"time\":\"");
    out.extend_from_slice(rfc3339_nano(Timespec::from_nanos(time)).as_bytes());
    out.extend_from_slice(b"\"}\n");
}

/// moby's escapes: those of JSON, of HTML, of JavaScript's line ends; bytes that are no UTF-8 become U+FFFD.
fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' | '"' => out.extend([b'\\', c as u8]),
                '\n' => out.extend_from_slice(b"\\n"),
                '\r' => out.extend_from_slice(b"\\r"),
                '\0'..'\x20' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                    out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
                }
                c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        for _ in chunk.invalid() {
            out.extend_from_slice(b"\\ufffd");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).expect("entries are UTF-8")
    }

    #[test]
    fn lines_become_entries_and_what_is_left_has_no_newline() {
        let mut splitter = Splitter::default();
        let mut log = splitter.push(Stream::Stdout, b"one\ntw", 1_600_000_000_500_000_000);
        log.extend(splitter.push(Stream::Stdout, b"o\nthree", 1_600_000_001_000_000_000));
        log.extend(splitter.end(Stream::Stdout, 1_600_000_002_123_456_789));
        expect![[r#"
            {"log":"one\n","stream":"stdout","time":"2020-09-13T12:26:40.5Z"}
            {"log":"two\n","stream":"stdout","time":"2020-09-13T12:26:41Z"}
            {"log":"three","stream":"stdout","time":"2020-09-13T12:26:42.123456789Z"}
        "#]]
        .assert_eq(&text(log));
    }

    #[test]
    fn a_long_line_is_logged_in_pieces_that_bear_the_time_of_the_first() {
        let mut splitter = Splitter::default();
        let mut long = vec![b'x'; MAX_PIECE + 3];
        long.push(b'\n');
        let mut log = splitter.push(Stream::Stderr, &long[..MAX_PIECE + 1], 1);
        log.extend(splitter.push(Stream::Stderr, &long[MAX_PIECE + 1..], 2));
        let log = text(log).replace(&"x".repeat(MAX_PIECE), "<16384 x>");
        expect![[r#"
            {"log":"<16384 x>","stream":"stderr","time":"1970-01-01T00:00:00.000000001Z"}
            {"log":"xxx\n","stream":"stderr","time":"1970-01-01T00:00:00.000000001Z"}
        "#]]
        .assert_eq(&log);
    }

    #[test]
    fn what_json_or_html_or_utf8_cannot_hold_is_escaped() {
        let mut out = Vec::new();
        escape("a\t\"\\<b>&\u{2028}é\x1b".as_bytes(), &mut out);
        out.push(b' ');
        escape(b"\xff\xfe\n", &mut out);
        expect![[r#"a\u0009\"\\\u003cb\u003e\u0026\u2028é\u001b \ufffd\ufffd\n"#]]
            .assert_eq(&text(out));
    }
}

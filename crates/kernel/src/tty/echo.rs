//! The way out: output processing and the echo of what is typed.

use super::termios::*;
use super::{OUTPUT_BYTES_MAX, Pty};
use std::collections::VecDeque;

/// Places of the echo buffer (`N_TTY_BUF_SIZE`).
const ECHO_PLACES: u32 = 4096;
/// Committed echoes that wait beyond this many places are dropped, the oldest first (`ECHO_DISCARD_WATERMARK`).
const ECHO_PLACES_MAX: u32 = ECHO_PLACES - (ECHO_BLOCK + 32);
/// In the middle of a batch of typed bytes, echoes go out only when a block of them has come together
/// (`ECHO_COMMIT_WATERMARK`, `ECHO_BLOCK`).
const ECHO_BLOCK: u32 = 256;

/// One thing to echo, carried out when output flows, since it depends on the column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EchoOp {
    /// A byte, through output processing.
    Byte(u8),
    /// A control character as `^X`.
    Caret(u8),
    /// A byte that takes a column and no processing (0xff).
    Plain(u8),
    /// Remembers the column where a line begins.
    SetCanonColumn,
    /// Goes a column back without output: the rest of a multi-byte character.
    MoveBack,
    /// Erases a tab: columns used before it, and whether counted from an earlier tab.
    EraseTab(u32, bool),
}

impl EchoOp {
    /// How many places of the echo buffer it takes.
    fn places(self) -> u32 {
        match self {
            EchoOp::Byte(_) => 1,
            EchoOp::EraseTab(..) => 3,
            EchoOp::Caret(_) | EchoOp::Plain(_) | EchoOp::SetCanonColumn | EchoOp::MoveBack => 2,
        }
    }
}

/// Echoes that wait. They go out at certain moments and only as far as they were committed then, so a `^S` or a flush
/// within the same batch of typed bytes reaches those before it.
#[derive(Clone, Debug, Default)]
pub(super) struct Echoes {
    ops: VecDeque<EchoOp>,
    /// Places taken by `ops`.
    len: u32,
    /// Up to where the bytes typed so far are done, in places from the front.
    mark: u32,
    /// Up to where echoes may go out, in places from the front.
    committed: u32,
}

impl Echoes {
    fn push(&mut self, op: EchoOp) {
        while self.len + op.places() > ECHO_PLACES {
            self.pop();
        }
        self.len += op.places();
        self.ops.push_back(op);
    }
    fn pop(&mut self) {
        let places = self.ops.pop_front().map_or(0, EchoOp::places);
        for at in [&mut self.len, &mut self.mark, &mut self.committed] {
            *at = at.saturating_sub(places);
        }
    }
    pub(super) fn clear(&mut self) {
        *self = Echoes::default();
    }
}

/// Whether the kernel's ctype table calls a byte a control character.
pub(super) fn is_control(byte: u8) -> bool {
    byte < 32 || byte == 127
}

/// Whether the kernel's ctype table (Latin-1) calls a byte a letter or digit.
pub(super) fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || (byte >= 0xc0 && byte != 0xd7 && byte != 0xf7)
}

/// The kernel's `toupper`, which knows Latin-1.
fn to_upper(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' | 0xe0..=0xf6 | 0xf8..=0xfe => byte - 32,
        0xdf => 0xbf,
        0xff => 0xdf,
        _ => byte,
    }
}

/// The kernel's `tolower`, which knows Latin-1.
pub(super) fn to_lower(byte: u8) -> u8 {
    match byte {
        b'A'..=b'Z' | 0xc0..=0xd6 | 0xd8..=0xde => byte + 32,
        _ => byte,
    }
}

impl Pty {
    pub(super) fn is_continuation(&self, byte: u8) -> bool {
        self.iflag(IUTF8) && byte & 0xc0 == 0x80
    }

    /// Echoes a typed byte, control characters as `^X` with `ECHOCTL`.
    pub(super) fn echo(&mut self, byte: u8) {
        let op = match byte {
            0xff => EchoOp::Plain(byte),
            b'\t' => EchoOp::Byte(byte),
            _ if is_control(byte) && self.lflag(ECHOCTL) => EchoOp::Caret(byte),
            _ => EchoOp::Byte(byte),
        };
        self.queue_echo(op);
    }

    /// Echoes a byte as it is.
    pub(super) fn echo_raw(&mut self, byte: u8) {
        self.queue_echo(if byte == 0xff {
            EchoOp::Plain(byte)
        } else {
            EchoOp::Byte(byte)
        });
    }

    pub(super) fn queue_echo(&mut self, op: EchoOp) {
        self.echoes.push(op);
    }

    /// A typed byte is done: what it echoes may go out with what follows (`commit_echoes`).
    pub(super) fn commit_echoes(&mut self) {
        let echoes = &mut self.echoes;
        let before = echoes.committed;
        echoes.mark = echoes.len;
        if echoes.len >= ECHO_BLOCK && echoes.len % ECHO_BLOCK <= before % ECHO_BLOCK {
            echoes.committed = echoes.len;
            self.put_echoes();
        }
    }

    /// Output may flow again: what was committed goes out (`process_echoes`).
    pub(super) fn process_echoes(&mut self) {
        if self.echoes.mark > 0 {
            self.echoes.committed = self.echoes.mark;
            self.put_echoes();
        }
    }

    /// The end of a batch of typed bytes (`flush_echoes`).
    pub(super) fn flush_echoes(&mut self) {
        if self.lflag(ECHO | ECHONL) && self.echoes.committed != self.echoes.len {
            self.echoes.committed = self.echoes.len;
            self.put_echoes();
        }
    }

    fn put_echoes(&mut self) {
        while self.echoes.committed > 0
            && let Some(&op) = self.echoes.ops.front()
            && self.carry_out(op)
        {
            self.echoes.pop();
        }
        while self.echoes.committed >= ECHO_PLACES_MAX {
            self.echoes.pop();
        }
    }

    fn carry_out(&mut self, op: EchoOp) -> bool {
        match op {
            EchoOp::Byte(byte) => return self.put_output(byte),
            EchoOp::SetCanonColumn => self.canon_column = self.column,
            EchoOp::MoveBack => self.column = self.column.saturating_sub(1),
            _ if self.stopped => return false,
            EchoOp::Caret(byte) => {
                if self.output_room() < 2 {
                    return false;
                }
                self.output.extend([b'^', byte ^ 0o100]);
                self.column += 2;
            }
            EchoOp::Plain(byte) => {
                if self.output_room() == 0 {
                    return false;
                }
                self.output.push_back(byte);
                self.column += 1;
            }
            EchoOp::EraseTab(columns, after_tab) => {
                let columns = (columns & 7) + if after_tab { 0 } else { self.canon_column };
                let back = 8 - (columns & 7);
                if self.output_room() < back as usize {
                    return false;
                }
                for _ in 0..back {
                    self.output.push_back(8);
                    self.column = self.column.saturating_sub(1);
                }
            }
        }
        true
    }

    /// Writes one byte through output processing; `false` where output is stopped or lacks room.
    pub(super) fn put_output(&mut self, byte: u8) -> bool {
        const _: () = assert!(OUTPUT_BYTES_MAX > 8, "a tab fits into an empty buffer");
        if self.stopped {
            return false;
        }
        if !self.oflag(OPOST) {
            return self.put(&[byte]);
        }
        match byte {
            b'\n' => self.put_newline(),
            b'\r' => self.put_return(),
            b'\t' => self.put_tab(),
            8 => {
                let done = self.put(&[byte]);
                self.column = if done {
                    self.column.saturating_sub(1)
                } else {
                    self.column
                };
                done
            }
            _ if is_control(byte) => self.put(&[byte]),
            _ => {
                let byte = if self.oflag(OLCUC) {
                    to_upper(byte)
                } else {
                    byte
                };
                let wide = u32::from(!self.is_continuation(byte));
                let done = self.put(&[byte]);
                self.column += if done { wide } else { 0 };
                done
            }
        }
    }

    fn put(&mut self, bytes: &[u8]) -> bool {
        let fits = bytes.len() <= self.output_room();
        if fits {
            self.output.extend(bytes);
        }
        fits
    }

    fn put_newline(&mut self) -> bool {
        if self.oflag(ONLCR) {
            let done = self.put(b"\r\n");
            if done {
                (self.column, self.canon_column) = (0, 0);
            }
            return done;
        }
        let done = self.put(b"\n");
        if done {
            if self.oflag(ONLRET) {
                self.column = 0;
            }
            self.canon_column = self.column;
        }
        done
    }

    fn put_return(&mut self) -> bool {
        if self.oflag(ONOCR) && self.column == 0 {
            return true;
        }
        let as_newline = self.oflag(OCRNL);
        let done = self.put(if as_newline { b"\n" } else { b"\r" });
        if done && (!as_newline || self.oflag(ONLRET)) {
            (self.column, self.canon_column) = (0, 0);
        }
        done
    }

    fn put_tab(&mut self) -> bool {
        let spaces = 8 - (self.column & 7);
        let expand = self.termios.oflag & XTABS == XTABS;
        let text: &[u8] = if expand {
            &b"        "[..spaces as usize]
        } else {
            b"\t"
        };
        let done = self.put(text);
        self.column += if done { spaces } else { 0 };
        done
    }
}

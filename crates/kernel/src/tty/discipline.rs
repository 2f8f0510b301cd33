//! The way in: what a typed byte does (`N_TTY`).

use super::echo::{EchoOp, is_alphanumeric, is_control, to_lower};
use super::termios::*;
use super::{Pty, READ_BYTES_MAX, Received};
use glassdock_abi::types::{Termios, signal};

/// A control character that is turned off (`_POSIX_VDISABLE`); as a line's end in the buffer: end of file.
const DISABLED: u8 = 0;

/// What an erasing character takes away.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Erase {
    Character,
    Word,
    Line,
}

impl Pty {
    /// Sets the settings. Turning `ICANON` on makes all that was typed one line, turning it off makes it plain bytes.
    /// A pseudo-terminal has eight bits and no parity, and receives, whatever is asked (`pty_set_termios`).
    pub fn set_termios(&mut self, new: Termios) {
        let old = core::mem::replace(&mut self.termios, new);
        self.termios.cflag = new.cflag & !(CSIZE | PARENB) | CS8 | CREAD;
        if (old.lflag ^ new.lflag) & (ICANON | EXTPROC) != 0 {
            for received in &mut self.read {
                received.line_end = false;
            }
            self.canon_len = if self.canonical() { self.read.len() } else { 0 };
            if let Some(last) = self.read.back_mut().filter(|_| new.lflag & ICANON != 0) {
                last.line_end = true;
            }
            self.lnext = false;
            self.erasing = false;
        }
        if old.iflag & IXON != 0 && !self.iflag(IXON) && !self.stopped_by_program {
            self.stopped = false;
            self.process_echoes();
        }
        self.receive();
    }

    /// Takes in what was typed, as far as there is room.
    pub(super) fn receive(&mut self) {
        while !self.transit.is_empty() {
            let room = self.make_room();
            if room == 0 {
                self.look_ahead();
                break;
            }
            for _ in 0..room {
                let Some(byte) = self.transit.pop_front() else {
                    break;
                };
                let looked_at = self.looked_ahead > 0;
                self.looked_ahead = self.looked_ahead.saturating_sub(1);
                self.receive_byte(byte, looked_at);
            }
            self.flush_echoes();
        }
    }

    /// How many bytes can be taken. An unfinished line that fills the buffer loses its last byte to each new one, so
    /// that its end can still come.
    fn make_room(&mut self) -> usize {
        let mut room = READ_BYTES_MAX.saturating_sub(self.read.len());
        let marks = self.iflag(PARMRK);
        if marks {
            room = room.div_ceil(3);
        }
        if room > 1 {
            return room - 1;
        }
        let overflow = self.canonical() && self.canon_len == 0;
        if overflow && room == 0 {
            // A marked byte takes three.
            let needs = if marks { 3 } else { 1 };
            self.read.truncate(READ_BYTES_MAX - needs);
        }
        overflow.into()
    }

    /// With no room to take bytes in, the flow control among them works already.
    fn look_ahead(&mut self) {
        let from = core::mem::replace(&mut self.looked_ahead, self.transit.len());
        if self.iflag(IXON) {
            for at in from..self.transit.len() {
                let byte = self.transit[at];
                self.flow_control(byte);
            }
        }
    }

    fn receive_byte(&mut self, byte: u8, looked_at: bool) {
        if self.is_raw() {
            return self.store(byte, false);
        }
        let quoted = core::mem::take(&mut self.lnext);
        let byte = if self.iflag(ISTRIP) {
            byte & 0x7f
        } else {
            byte
        };
        let byte = if self.iflag(IUCLC) && self.lflag(IEXTEN) {
            to_lower(byte)
        } else {
            byte
        };
        if quoted {
            self.receive_plain(byte);
        } else if self.lflag(EXTPROC) {
            self.store(byte, false);
        } else if self.is_special(byte) {
            self.receive_special(byte, looked_at);
        } else {
            self.receive_plain(byte);
        }
    }

    /// Nothing asks for any processing.
    fn is_raw(&self) -> bool {
        !self.iflag(ISTRIP | IUCLC | IGNCR | ICRNL | INLCR | IXON | PARMRK)
            && !self.lflag(ICANON | ISIG | ECHO)
    }

    fn is_special(&self, byte: u8) -> bool {
        let is = |index: usize| byte == self.cc(index);
        let canonical = is(VERASE) || is(VKILL) || is(VEOF) || is(VEOL) || byte == b'\n';
        let extended = is(VWERASE) || is(VLNEXT) || is(VEOL2) || (self.lflag(ECHO) && is(VREPRINT));
        byte != DISABLED
            && (self.iflag(IGNCR | ICRNL) && byte == b'\r'
                || self.iflag(INLCR) && byte == b'\n'
                || self.canonical() && (canonical || self.lflag(IEXTEN) && extended)
                || self.iflag(IXON) && (is(VSTART) || is(VSTOP))
                || self.lflag(ISIG) && (is(VINTR) || is(VQUIT) || is(VSUSP)))
    }

    fn receive_plain(&mut self, byte: u8) {
        self.restart_on_any();
        if self.lflag(ECHO) {
            self.echo_typed(byte);
        }
        self.store_marked(byte);
    }

    fn receive_special(&mut self, byte: u8, looked_at: bool) {
        if self.iflag(IXON) && self.is_flow_control(byte) {
            if !looked_at {
                self.flow_control(byte);
            }
            return;
        }
        if self.lflag(ISIG) && self.signal_character(byte) {
            return;
        }
        self.restart_on_any();
        let byte = match byte {
            b'\r' if self.iflag(IGNCR) => return,
            b'\r' if self.iflag(ICRNL) => b'\n',
            b'\n' if self.iflag(INLCR) => b'\r',
            _ => byte,
        };
        if self.canonical() && self.receive_canonical(byte) {
            return;
        }
        if self.lflag(ECHO) {
            if byte == b'\n' {
                self.finish_erasing();
                self.echo_raw(byte);
                self.commit_echoes();
            } else {
                self.echo_typed(byte);
            }
        }
        self.store_marked(byte);
    }

    fn is_flow_control(&self, byte: u8) -> bool {
        byte == self.cc(VSTART) || byte == self.cc(VSTOP)
    }

    fn flow_control(&mut self, byte: u8) {
        if byte == self.cc(VSTART) {
            self.start_output();
            self.process_echoes();
        } else if byte == self.cc(VSTOP) {
            self.stopped = true;
        }
    }

    fn start_output(&mut self) {
        if !self.stopped_by_program {
            self.stopped = false;
        }
    }

    fn restart_on_any(&mut self) {
        if self.stopped && !self.stopped_by_program && self.iflag(IXON) && self.iflag(IXANY) {
            self.stopped = false;
            self.process_echoes();
        }
    }

    fn signal_character(&mut self, byte: u8) -> bool {
        let signals = [
            (VINTR, signal::INT),
            (VQUIT, signal::QUIT),
            (VSUSP, signal::TSTP),
        ];
        let Some((_, signal)) = signals
            .into_iter()
            .find(|(index, _)| self.cc(*index) == byte)
        else {
            return false;
        };
        self.signals.push(signal);
        if !self.lflag(NOFLSH) {
            self.echoes.clear();
            self.flush_output();
            self.flush_read();
        }
        if self.iflag(IXON) {
            self.start_output();
        }
        if self.lflag(ECHO) {
            self.echo(byte);
            self.commit_echoes();
        } else {
            self.process_echoes();
        }
        true
    }

    /// Line editing and line ends; `false` for an ordinary byte.
    fn receive_canonical(&mut self, byte: u8) -> bool {
        let extended = self.lflag(IEXTEN);
        let erase = [
            (VERASE, Erase::Character, true),
            (VKILL, Erase::Line, true),
            (VWERASE, Erase::Word, extended),
        ]
        .into_iter()
        .find(|(index, _, on)| *on && byte == self.cc(*index));
        if let Some((_, what, _)) = erase {
            self.erase(what);
            self.commit_echoes();
        } else if extended && byte == self.cc(VLNEXT) {
            self.quote_next();
        } else if extended && self.lflag(ECHO) && byte == self.cc(VREPRINT) {
            self.reprint(byte);
        } else if byte == b'\n' {
            if self.lflag(ECHO | ECHONL) {
                self.echo_raw(b'\n');
                self.commit_echoes();
            }
            self.end_line(byte);
        } else if byte == self.cc(VEOF) {
            self.end_line(DISABLED);
        } else if byte == self.cc(VEOL) || extended && byte == self.cc(VEOL2) {
            if self.lflag(ECHO) {
                self.set_canon_column();
                self.echo(byte);
                self.commit_echoes();
            }
            if byte == 0xff && self.iflag(PARMRK) {
                self.store(byte, false);
            }
            self.end_line(byte);
        } else {
            return false;
        }
        true
    }

    fn end_line(&mut self, byte: u8) {
        self.store(byte, true);
        self.canon_len = self.read.len();
    }

    fn quote_next(&mut self) {
        self.lnext = true;
        if self.lflag(ECHO) {
            self.finish_erasing();
            if self.lflag(ECHOCTL) {
                self.echo_raw(b'^');
                self.echo_raw(8);
                self.commit_echoes();
            }
        }
    }

    fn reprint(&mut self, byte: u8) {
        self.finish_erasing();
        self.echo(byte);
        self.echo_raw(b'\n');
        let line: Vec<u8> = self
            .read
            .range(self.canon_len..)
            .map(|received| received.byte)
            .collect();
        for byte in line {
            self.echo(byte);
        }
        self.commit_echoes();
    }

    fn echo_typed(&mut self, byte: u8) {
        self.finish_erasing();
        self.set_canon_column();
        self.echo(byte);
        self.commit_echoes();
    }

    /// Remembers where the line begins, before its first byte.
    fn set_canon_column(&mut self) {
        if self.read.len() == self.canon_len {
            self.queue_echo(EchoOp::SetCanonColumn);
        }
    }

    fn store_marked(&mut self, byte: u8) {
        if byte == 0xff && self.iflag(PARMRK) {
            self.store(byte, false);
        }
        self.store(byte, false);
    }

    fn store(&mut self, byte: u8, line_end: bool) {
        self.read.push_back(Received { byte, line_end });
    }

    fn finish_erasing(&mut self) {
        if core::mem::take(&mut self.erasing) {
            self.echo_raw(b'/');
        }
    }

    fn erase(&mut self, what: Erase) {
        if self.read.len() == self.canon_len {
            return;
        }
        if what == Erase::Line && !(self.lflag(ECHO) && self.echoes_kill()) {
            return self.kill_line();
        }
        let mut in_word = false;
        while let Some(character) = self.last_character() {
            let first = character[0];
            let alphanumeric = is_alphanumeric(first) || first == b'_';
            if what == Erase::Word && !alphanumeric && in_word {
                break;
            }
            in_word |= alphanumeric;
            self.read.truncate(self.read.len() - character.len());
            if self.lflag(ECHO) {
                self.echo_erase(&character, what);
            }
            if what == Erase::Character {
                break;
            }
        }
        if self.read.len() == self.canon_len && self.lflag(ECHO) {
            self.finish_erasing();
        }
    }

    fn echoes_kill(&self) -> bool {
        self.lflag(ECHOK) && self.lflag(ECHOKE) && self.lflag(ECHOE)
    }

    /// Drops the line without erasing it on the screen.
    fn kill_line(&mut self) {
        self.read.truncate(self.canon_len);
        if self.lflag(ECHO) {
            self.finish_erasing();
            self.echo(self.cc(VKILL));
            if self.lflag(ECHOK) {
                self.echo_raw(b'\n');
            }
        }
    }

    /// The bytes of the unfinished line's last character; `None` with none, or with continuation bytes only.
    fn last_character(&self) -> Option<Vec<u8>> {
        let line = self.read.range(self.canon_len..);
        let back = line
            .rev()
            .position(|received| !self.is_continuation(received.byte))?;
        Some(
            self.read
                .range(self.read.len() - 1 - back..)
                .map(|received| received.byte)
                .collect(),
        )
    }

    fn echo_erase(&mut self, character: &[u8], what: Erase) {
        let first = character[0];
        if self.lflag(ECHOPRT) {
            if !core::mem::replace(&mut self.erasing, true) {
                self.echo_raw(b'\\');
            }
            self.echo(first);
            for &byte in &character[1..] {
                self.echo_raw(byte);
                self.queue_echo(EchoOp::MoveBack);
            }
        } else if what == Erase::Character && !self.lflag(ECHOE) {
            self.echo(self.cc(VERASE));
        } else if first == b'\t' {
            let (columns, after_tab) = self.columns_before_tab();
            self.queue_echo(EchoOp::EraseTab(columns, after_tab));
        } else {
            let control = is_control(first);
            if control && self.lflag(ECHOCTL) {
                self.echo_back_over();
            }
            if !control || self.lflag(ECHOCTL) {
                self.echo_back_over();
            }
        }
    }

    fn echo_back_over(&mut self) {
        for byte in [8, b' ', 8] {
            self.echo_raw(byte);
        }
    }

    /// Columns from the line's start, or from the tab before, to its end; and which of the two.
    fn columns_before_tab(&self) -> (u32, bool) {
        let mut columns = 0;
        for received in self.read.range(self.canon_len..).rev() {
            match received.byte {
                b'\t' => return (columns, true),
                byte if is_control(byte) => columns += if self.lflag(ECHOCTL) { 2 } else { 0 },
                byte => columns += u32::from(!self.is_continuation(byte)),
            }
        }
        (columns, false)
    }
}

//! The way in: what a typed byte does (`N_TTY`).

use super::echo::{EchoOp, is_alphanumeric, is_control};
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
    pub fn set_termios(&mut self, new: Termios) {
        let old = core::mem::replace(&mut self.termios, new);
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
            self.start_output();
        }
        self.receive();
    }

    /// Takes in what was typed, as far as there is room.
    pub(super) fn receive(&mut self) {
        while self.make_room() {
            let Some(byte) = self.transit.pop_front() else {
                break;
            };
            self.receive_byte(byte);
        }
        self.process_echoes();
    }

    /// Whether another byte can be taken. An unfinished line that fills the buffer loses its last byte to each new
    /// one, so that its end can still come.
    fn make_room(&mut self) -> bool {
        if self.read.len() + 1 < READ_BYTES_MAX {
            return true;
        }
        let overflow = self.canonical() && self.canon_len == 0;
        if overflow && self.read.len() >= READ_BYTES_MAX {
            self.read.pop_back();
        }
        overflow
    }

    fn receive_byte(&mut self, byte: u8) {
        if self.is_raw() {
            return self.store(byte, false);
        }
        let byte = if self.iflag(ISTRIP) {
            byte & 0x7f
        } else {
            byte
        };
        let byte = if self.iflag(IUCLC) && self.lflag(IEXTEN) {
            byte.to_ascii_lowercase()
        } else {
            byte
        };
        if self.lflag(EXTPROC) {
            return self.store(byte, false);
        }
        if core::mem::take(&mut self.lnext) || !self.is_special(byte) {
            self.receive_plain(byte);
        } else {
            self.receive_special(byte);
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

    fn receive_special(&mut self, byte: u8) {
        if self.iflag(IXON) && self.flow_control(byte)
            || self.lflag(ISIG) && self.signal_character(byte)
        {
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
            } else {
                self.echo_typed(byte);
            }
        }
        self.store_marked(byte);
    }

    fn flow_control(&mut self, byte: u8) -> bool {
        if byte == self.cc(VSTART) {
            self.start_output();
        } else if byte == self.cc(VSTOP) {
            self.stopped = true;
        } else {
            return false;
        }
        true
    }

    fn start_output(&mut self) {
        if !self.stopped_by_program {
            self.stopped = false;
            self.process_echoes();
        }
    }

    fn restart_on_any(&mut self) {
        if self.stopped && self.iflag(IXON) && self.iflag(IXANY) {
            self.start_output();
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
            let transit = core::mem::take(&mut self.transit);
            self.flush_input();
            self.transit = transit;
        }
        if self.iflag(IXON) {
            self.start_output();
        }
        if self.lflag(ECHO) {
            self.echo(byte);
        }
        true
    }

    /// Line editing and line ends; `false` for an ordinary byte.
    fn receive_canonical(&mut self, byte: u8) -> bool {
        let extended = self.lflag(IEXTEN);
        if byte == self.cc(VERASE) {
            self.erase(Erase::Character);
        } else if byte == self.cc(VKILL) {
            self.erase(Erase::Line);
        } else if extended && byte == self.cc(VWERASE) {
            self.erase(Erase::Word);
        } else if extended && byte == self.cc(VLNEXT) {
            self.quote_next();
        } else if extended && self.lflag(ECHO) && byte == self.cc(VREPRINT) {
            self.reprint(byte);
        } else if byte == b'\n' {
            if self.lflag(ECHO | ECHONL) {
                self.echo_raw(b'\n');
            }
            self.end_line(byte);
        } else if byte == self.cc(VEOF) {
            self.end_line(DISABLED);
        } else if byte == self.cc(VEOL) || extended && byte == self.cc(VEOL2) {
            if self.lflag(ECHO) {
                self.set_canon_column();
                self.echo(byte);
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
    }

    fn echo_typed(&mut self, byte: u8) {
        self.finish_erasing();
        self.set_canon_column();
        self.echo(byte);
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

//! Pseudo-terminals: two ends and the line discipline between them.
//!
//! A pure state machine: it knows no process. What would block fails with `EAGAIN`; the caller waits and tries again
//! when [`Pty::poll_master`] or [`Pty::poll_slave`] changes. Signals for the foreground group come out through
//! [`Pty::take_signals`]. Behaviour is that of Linux's `drivers/tty/n_tty.c` and `pty.c`, checked against a real
//! pseudo-terminal by `tests/tty_oracle.rs`.

mod discipline;
mod echo;
pub mod termios;

use echo::Echoes;
use glassdock_abi::flags::PollEvents;
use glassdock_abi::types::{Termios, Winsize, signal};
use glassdock_abi::{Errno, Result};
use glassdock_trace::SpanId;
use std::collections::VecDeque;
use termios::*;

/// Bytes that the line discipline holds for the reader (`N_TTY_BUF_SIZE`).
const READ_BYTES_MAX: usize = 4096;
/// Bytes typed that the discipline has no room for yet. Linux limits the memory of such buffers, whose sizes depend on how
/// the bytes came and how quickly a worker passes them on: from 11,776 to 22,048 bytes fit into buffer and discipline of
/// a real pseudo-terminal, in either direction. Here it is always 16,384.
const TRANSIT_BYTES_MAX: usize = OUTPUT_BYTES_MAX - READ_BYTES_MAX;
/// Bytes written that the master has not read.
const OUTPUT_BYTES_MAX: usize = 16_384;
/// Most bytes of output that a flush no longer reaches, since the other end has taken them in.
const TAKEN_BYTES_MAX: usize = READ_BYTES_MAX - 1;

/// A received byte; `line_end` where a line ends with it (`read_flags`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Received {
    byte: u8,
    line_end: bool,
}

impl Received {
    /// Where a line ends without a character of its own.
    fn is_end_of_file(&self) -> bool {
        self.line_end && self.byte == 0
    }
}

/// A pseudo-terminal.
#[derive(Clone, Debug)]
pub struct Pty {
    termios: Termios,
    winsize: Winsize,
    /// Session that the terminal controls.
    pub session: Option<i32>,
    /// Foreground process group.
    pub foreground: Option<i32>,
    /// Whether the slave may not be opened yet (`TIOCSPTLCK`).
    pub locked: bool,
    /// Span that last wrote to the slave, for those who read the master.
    pub output_cause: Option<SpanId>,
    /// Span that last wrote to the master, for those who read the slave.
    pub input_cause: Option<SpanId>,
    /// Typed bytes that the discipline has no room for yet.
    transit: VecDeque<u8>,
    /// How many bytes of `transit`, from the front, have had their effect on the flow of output already.
    looked_ahead: usize,
    read: VecDeque<Received>,
    /// How many bytes of `read`, from the front, belong to complete lines.
    canon_len: usize,
    output: VecDeque<u8>,
    /// How much of `output` the other end had taken in when something was last typed or read there: on Linux a worker
    /// passes it on between two such moments.
    taken: usize,
    echoes: Echoes,
    column: u32,
    canon_column: u32,
    lnext: bool,
    erasing: bool,
    /// Output stopped, by `^S` or (second) by `TCOOFF`.
    stopped: bool,
    stopped_by_program: bool,
    signals: Vec<u8>,
    master_open: bool,
    slave_opens: u32,
    slave_was_open: bool,
}

impl Pty {
    /// A pair as `open("/dev/ptmx")` makes it: the master open, the slave locked.
    pub fn new() -> Pty {
        Pty {
            termios: DEFAULT,
            winsize: Winsize::default(),
            session: None,
            foreground: None,
            locked: true,
            output_cause: None,
            input_cause: None,
            transit: VecDeque::new(),
            looked_ahead: 0,
            read: VecDeque::new(),
            canon_len: 0,
            output: VecDeque::new(),
            taken: 0,
            echoes: Echoes::default(),
            column: 0,
            canon_column: 0,
            lnext: false,
            erasing: false,
            stopped: false,
            stopped_by_program: false,
            signals: Vec::new(),
            master_open: true,
            slave_opens: 0,
            slave_was_open: false,
        }
    }

    /// Signals that are due to the foreground process group, in order.
    pub fn take_signals(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.signals)
    }

    /// Counts an open of the slave. `EIO` while locked or without a master.
    pub fn open_slave(&mut self) -> Result<()> {
        if self.locked || !self.master_open {
            return Err(Errno::EIO);
        }
        self.slave_opens += 1;
        self.slave_was_open = true;
        Ok(())
    }

    /// Counts a close of the slave (of an open file description, not of a descriptor).
    pub fn close_slave(&mut self) {
        self.slave_opens = self.slave_opens.saturating_sub(1);
    }

    /// Closes the master: the slave is hung up. The caller sends `SIGHUP` and `SIGCONT` to the session's leader and
    /// the foreground group.
    pub fn close_master(&mut self) {
        self.master_open = false;
        self.flush_input();
        self.output.clear();
    }

    /// Whether the slave is hung up.
    pub fn hung_up(&self) -> bool {
        !self.master_open
    }

    /// Whether both ends are closed.
    pub fn is_unused(&self) -> bool {
        !self.master_open && self.slave_opens == 0
    }

    /// Settings.
    pub fn termios(&self) -> Termios {
        self.termios
    }

    /// Window size.
    pub fn winsize(&self) -> Winsize {
        self.winsize
    }

    /// Sets the window size; a change sends `SIGWINCH`.
    pub fn set_winsize(&mut self, winsize: Winsize) {
        if self.winsize != winsize {
            self.winsize = winsize;
            self.signals.push(signal::WINCH);
        }
    }

    /// `write` on the master: types the bytes. Returns how many were taken.
    /// `EAGAIN` with no room. Whether the slave is open does not matter.
    pub fn write_master(&mut self, bytes: &[u8]) -> Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        self.taken = self.output.len().min(TAKEN_BYTES_MAX);
        let room = TRANSIT_BYTES_MAX - self.transit.len();
        let taken = bytes.len().min(room);
        if taken == 0 {
            return Err(Errno::EAGAIN);
        }
        self.transit.extend(&bytes[..taken]);
        self.receive();
        Ok(taken)
    }

    /// `read` on the master: what the slave wrote and what was echoed. `EIO` once the slave is closed, `EAGAIN` with
    /// nothing there.
    pub fn read_master(&mut self, max: usize) -> Result<Vec<u8>> {
        if max == 0 {
            return Ok(Vec::new());
        }
        if self.output.is_empty() {
            return Err(if self.slave_closed() {
                Errno::EIO
            } else {
                Errno::EAGAIN
            });
        }
        let taken = max.min(self.output.len());
        let bytes = self.output.drain(..taken).collect();
        self.taken = self.output.len().min(TAKEN_BYTES_MAX);
        Ok(bytes)
    }

    /// `write` on the slave. Returns how many bytes were taken; `EAGAIN` with output stopped or no room, `EIO` after a
    /// hang-up.
    pub fn write_slave(&mut self, bytes: &[u8]) -> Result<usize> {
        if self.hung_up() {
            return Err(Errno::EIO);
        }
        self.process_echoes();
        let mut taken = 0;
        for &byte in bytes {
            if !self.put_output(byte) {
                break;
            }
            taken += 1;
        }
        if taken == 0 && !bytes.is_empty() {
            Err(Errno::EAGAIN)
        } else {
            Ok(taken)
        }
    }

    /// `read` on the slave. Empty means end of file. `nonblock` takes what is there, as `O_NONBLOCK` does; `timed_out`
    /// says that the time of [`Pty::read_timer`] has passed.
    pub fn read_slave(&mut self, max: usize, nonblock: bool, timed_out: bool) -> Result<Vec<u8>> {
        if self.hung_up() || max == 0 {
            return Ok(Vec::new());
        }
        let bytes = if self.line_wise() {
            self.read_line(max)?
        } else {
            self.read_raw(max, nonblock, timed_out)?
        };
        self.receive();
        Ok(bytes)
    }

    /// How long a raw read waits from now, in tenths of a second: from its start with `VMIN` zero, else from the last
    /// byte; `None` where it waits without end.
    pub fn read_timer(&self) -> Option<u8> {
        let (min, time) = (self.cc(VMIN), self.cc(VTIME));
        (!self.canonical() && time != 0 && (min == 0 || !self.read.is_empty())).then_some(time)
    }

    /// Readiness of the master.
    pub fn poll_master(&self) -> PollEvents {
        let mut events = PollEvents::empty();
        if !self.output.is_empty() {
            events |= PollEvents::IN | PollEvents::RDNORM;
        }
        if self.slave_closed() {
            events |= PollEvents::HUP;
        }
        if self.transit.len() < TRANSIT_BYTES_MAX {
            events |= PollEvents::OUT | PollEvents::WRNORM;
        }
        events
    }

    /// Readiness of the slave.
    pub fn poll_slave(&self) -> PollEvents {
        if self.hung_up() {
            let ends = PollEvents::ERR | PollEvents::HUP;
            return ends
                | PollEvents::IN
                | PollEvents::OUT
                | PollEvents::RDNORM
                | PollEvents::WRNORM;
        }
        let mut events = PollEvents::empty();
        if self.input_available() {
            events |= PollEvents::IN | PollEvents::RDNORM;
        }
        if !self.stopped && self.output_room() > 0 {
            events |= PollEvents::OUT | PollEvents::WRNORM;
        }
        events
    }

    /// `FIONREAD` on the slave: bytes that reads could give. The mark of an end of file is none.
    pub fn readable_bytes(&self) -> usize {
        if self.line_wise() {
            let lines = self.read.range(..self.canon_len);
            lines.filter(|next| !next.is_end_of_file()).count()
        } else {
            self.read.len()
        }
    }

    fn input_available(&self) -> bool {
        if self.line_wise() {
            self.canon_len > 0
        } else {
            self.read.len() >= self.poll_minimum()
        }
    }

    /// Whether a writer to the slave may have to wait for room: what one byte can become (a tab's spaces) does not fit.
    pub fn output_is_full(&self) -> bool {
        self.output.len() + 8 > TRANSIT_BYTES_MAX
    }

    /// `FIONREAD` on the master.
    pub fn output_bytes(&self) -> usize {
        self.output.len()
    }

    /// `TCFLSH`: throws away what was typed and not read.
    pub fn flush_input(&mut self) {
        self.transit.clear();
        self.flush_read();
    }

    /// `TCSETSF`: throws away what the discipline holds for the reader.
    pub fn flush_read(&mut self) {
        self.read.clear();
        self.canon_len = 0;
        self.erasing = false;
        self.looked_ahead = 0;
    }

    /// `TCFLSH`: throws away what was written and not taken by the other end.
    pub fn flush_output(&mut self) {
        self.output.truncate(self.taken);
    }

    /// `TCFLSH` of the master's output: throws away what was typed and the discipline had no room for.
    pub fn flush_typed(&mut self) {
        self.transit.clear();
        self.looked_ahead = 0;
    }

    /// `TCFLSH` of the master's input: throws away what was written, however far it got.
    pub fn flush_shown(&mut self) {
        self.output.clear();
        self.taken = 0;
    }

    /// `TCXONC` with `TCOOFF` (true) or `TCOON`.
    pub fn suspend_output(&mut self, suspend: bool) {
        if suspend != self.stopped_by_program {
            self.stopped_by_program = suspend;
            self.stopped = suspend;
        }
    }

    /// `TCXONC` with `TCIOFF` (false) or `TCION`: asks the other end to stop or to go on.
    pub fn send_flow(&mut self, go_on: bool) {
        let character = self.cc(if go_on { VSTART } else { VSTOP });
        if character != 0 && !self.stopped_by_program && self.output_room() > 0 {
            self.output.push_back(character);
        }
    }

    fn slave_closed(&self) -> bool {
        self.slave_was_open && self.slave_opens == 0
    }
    fn canonical(&self) -> bool {
        self.lflag(ICANON)
    }
    /// Reads yield lines.
    fn line_wise(&self) -> bool {
        self.canonical() && !self.lflag(EXTPROC)
    }
    fn iflag(&self, bit: u32) -> bool {
        self.termios.iflag & bit != 0
    }
    fn oflag(&self, bit: u32) -> bool {
        self.termios.oflag & bit != 0
    }
    fn lflag(&self, bit: u32) -> bool {
        self.termios.lflag & bit != 0
    }
    fn cc(&self, index: usize) -> u8 {
        self.termios.cc[index]
    }
    fn output_room(&self) -> usize {
        OUTPUT_BYTES_MAX.saturating_sub(self.output.len())
    }
    /// Bytes that make the slave readable: `VMIN` counts for `poll` unless `VTIME` is set.
    fn poll_minimum(&self) -> usize {
        match (self.cc(VTIME), self.cc(VMIN)) {
            (0, min) if min != 0 => min.into(),
            _ => 1,
        }
    }

    fn read_line(&mut self, max: usize) -> Result<Vec<u8>> {
        if self.canon_len == 0 {
            return Err(Errno::EAGAIN);
        }
        let mut bytes = Vec::new();
        while self.canon_len > 0 {
            let end_of_file = self.read.front().is_some_and(Received::is_end_of_file);
            if bytes.len() == max && !end_of_file {
                break;
            }
            let Some(next) = self.read.pop_front() else {
                break;
            };
            self.canon_len -= 1;
            if !end_of_file {
                bytes.push(next.byte);
            }
            if next.line_end {
                break;
            }
        }
        Ok(bytes)
    }

    /// Bytes without lines. With `EXTPROC` and `ICANON`, where the other end edits the lines, its end of file alone is
    /// an empty read.
    fn read_raw(&mut self, max: usize, nonblock: bool, timed_out: bool) -> Result<Vec<u8>> {
        let (min, time) = match self.canonical() {
            true => (0, 0),
            false => (usize::from(self.cc(VMIN)), self.cc(VTIME)),
        };
        let there = self.read.len();
        let enough = there > 0 && there >= min.min(max);
        if !(enough || timed_out || (nonblock && there > 0)) {
            let ends_now = !self.canonical() && min == 0 && time == 0 && there == 0;
            return if ends_now {
                Ok(Vec::new())
            } else {
                Err(Errno::EAGAIN)
            };
        }
        let taken = self.read.drain(..max.min(there));
        let bytes: Vec<u8> = taken.map(|received| received.byte).collect();
        let ends = self.canonical() && self.read.is_empty() && bytes == [self.cc(VEOF)];
        Ok(if ends { Vec::new() } else { bytes })
    }
}

impl Default for Pty {
    fn default() -> Self {
        Pty::new()
    }
}

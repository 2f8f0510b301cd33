//! What the kernel in memory holds.

use glassdock_abi::types::{Termios, Winsize};
use glassdock_abi::{BoxFuture, Errno, Fd, Result};
use glassdock_trace::{SpanId, Tracer};
use std::collections::{BTreeMap, VecDeque};
use std::task::Waker;

/// Bytes that wait on a stream at most, in each direction.
pub const STREAM_BYTES: usize = 64 * 1024;

/// What a descriptor stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// One side of a stream.
    Stream(usize, usize),
    /// A socket that is neither connected nor listening; its path once bound.
    Socket(Option<Vec<u8>>),
    /// A listening socket.
    Listener(Vec<u8>),
    /// A file with its position.
    File(Vec<u8>, usize),
    /// Signals of a mask.
    Signals(u64),
}

/// Two directions of bytes: what side `i` reads is `bytes[i]`.
#[derive(Default, Debug)]
pub struct Stream {
    pub bytes: [VecDeque<u8>; 2],
    pub closed: [bool; 2],
    pub stopped: [bool; 2],
    pub last_writer: [Option<SpanId>; 2],
}

pub struct State {
    pub now: u64,
    pub streams: Vec<Stream>,
    pub files: BTreeMap<Vec<u8>, Vec<u8>>,
    pub listeners: BTreeMap<Vec<u8>, VecDeque<End>>,
    pub tables: Vec<BTreeMap<i32, End>>,
    pub terminals: Vec<(usize, i32)>,
    pub signals: Vec<(usize, u8)>,
    pub winsize: Winsize,
    pub termios: Termios,
    pub timers: Vec<u64>,
    pub wakers: Vec<Waker>,
    pub spawned: Vec<BoxFuture<'static, ()>>,
    pub tracer: Tracer,
}

impl Default for State {
    fn default() -> Self {
        State {
            now: 0,
            streams: Vec::new(),
            files: BTreeMap::new(),
            listeners: BTreeMap::new(),
            tables: Vec::new(),
            terminals: Vec::new(),
            signals: Vec::new(),
            winsize: Winsize {
                rows: 24,
                cols: 80,
                ..Winsize::default()
            },
            // What Linux sets on a new terminal.
            termios: Termios {
                iflag: 0x500,
                oflag: 0x5,
                cflag: 0xbf,
                lflag: 0x8a3b,
                line: 0,
                cc: [
                    3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0,
                ],
            },
            timers: Vec::new(),
            wakers: Vec::new(),
            spawned: Vec::new(),
            tracer: super::new_tracer(),
        }
    }
}

impl State {
    pub fn new_process(&mut self) -> usize {
        self.tables.push(BTreeMap::new());
        self.tables.len() - 1
    }

    pub fn new_stream(&mut self) -> [End; 2] {
        self.streams.push(Stream::default());
        let stream = self.streams.len() - 1;
        [End::Stream(stream, 0), End::Stream(stream, 1)]
    }

    pub fn get(&self, process: usize, fd: Fd) -> Result<End> {
        self.tables[process].get(&fd.0).cloned().ok_or(Errno::EBADF)
    }

    pub fn put(&mut self, process: usize, fd: Fd, end: End) {
        self.tables[process].insert(fd.0, end);
    }

    pub fn add(&mut self, process: usize, end: End) -> Fd {
        let table = &mut self.tables[process];
        let fd = (3..).find(|fd| !table.contains_key(fd)).unwrap_or(i32::MAX);
        table.insert(fd, end);
        Fd(fd)
    }

    pub fn close(&mut self, process: usize, fd: Fd) {
        let Some(end) = self.tables[process].remove(&fd.0) else {
            return;
        };
        if self
            .tables
            .iter()
            .any(|table| table.values().any(|other| *other == end))
        {
            return;
        }
        match end {
            End::Stream(stream, side) => self.streams[stream].closed[side] = true,
            End::Listener(path) => drop(self.listeners.remove(&path)),
            _ => {}
        }
        self.changed();
    }

    /// Something happened: everybody who waits looks again.
    pub fn changed(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }

    /// Lets time jump to the next timer; whether there was one.
    pub fn advance(&mut self) -> bool {
        let Some(next) = self
            .timers
            .iter()
            .copied()
            .filter(|at| *at > self.now)
            .min()
        else {
            return false;
        };
        self.now = next;
        self.timers.retain(|at| *at > next);
        self.changed();
        true
    }

    pub fn describe(&self) -> String {
        format!("{:?} {:?}", self.tables, self.streams)
    }
}

//! The calls of the kernel in memory. `EAGAIN` means: wait until something changes.

use super::state::{End, STREAM_BYTES, State};
use glassdock_abi::call::IoctlReq;
use glassdock_abi::flags::{OpenFlags, PollEvents};
use glassdock_abi::types::SockAddr;
use glassdock_abi::{Call, Errno, Fd, Result, Ret};
use glassdock_trace::SpanId;
use std::collections::VecDeque;

impl State {
    pub fn call(
        &mut self,
        process: usize,
        span: Option<SpanId>,
        call: &Call,
        timer: &mut Option<u64>,
    ) -> Result<Ret> {
        match call {
            Call::Read { fd, count } => self.read(process, *fd, *count as usize),
            Call::Write { fd, data } | Call::Sendmsg { fd, data, .. } => {
                self.write(process, span, *fd, data)
            }
            Call::Close { fd } => {
                self.close(process, *fd);
                Ok(Ret::None)
            }
            Call::Shutdown { fd, how } => self.shutdown(process, *fd, *how),
            Call::Ppoll { fds, .. } => {
                let answers: Vec<PollEvents> = fds
                    .iter()
                    .map(|entry| self.events(process, entry.fd) & (entry.events | always()))
                    .collect();
                match answers.iter().any(|events| !events.is_empty()) {
                    true => Ok(Ret::Polled(answers)),
                    false => Err(Errno::EAGAIN),
                }
            }
            Call::Socket { .. } => Ok(Ret::Fd(self.add(process, End::Socket(None)))),
            Call::Socketpair { .. } => {
                let [a, b] = self.new_stream();
                Ok(Ret::Fds([self.add(process, a), self.add(process, b)]))
            }
            Call::Bind {
                fd,
                addr: SockAddr::Unix(path),
            } => {
                self.put(process, *fd, End::Socket(Some(path.0.clone())));
                Ok(Ret::None)
            }
            Call::Listen { fd, .. } => match self.get(process, *fd)? {
                End::Socket(Some(path)) => {
                    self.listeners.insert(path.clone(), VecDeque::new());
                    self.put(process, *fd, End::Listener(path));
                    Ok(Ret::None)
                }
                _ => Err(Errno::EINVAL),
            },
            Call::Connect {
                fd,
                addr: SockAddr::Unix(path),
            } => self.connect(process, *fd, &path.0),
            Call::Accept4 { fd, .. } => self.accept(process, *fd),
            Call::Openat2 { path, how, .. } => self.open(process, &path.0, how.flags),
            Call::Unlinkat { path, .. } => self
                .files
                .remove(&path.0)
                .map(|_| Ret::None)
                .ok_or(Errno::ENOENT),
            Call::Ioctl { fd, request } => self.ioctl(process, *fd, request),
            Call::RtSigprocmask { .. } => Ok(Ret::Int(0)),
            Call::Signalfd4 { mask, .. } => Ok(Ret::Fd(self.add(process, End::Signals(*mask)))),
            Call::ClockNanosleep { time, .. } => {
                let end = *timer.get_or_insert(self.now.saturating_add(time.as_nanos()));
                if self.now >= end {
                    return Ok(Ret::None);
                }
                self.timers.push(end);
                Err(Errno::EAGAIN)
            }
            Call::Getrandom { count } => Ok(Ret::Bytes((0..*count).map(|n| n as u8).collect())),
            _ => Err(Errno::ENOSYS),
        }
    }

    fn read(&mut self, process: usize, fd: Fd, count: usize) -> Result<Ret> {
        match self.get(process, fd)? {
            End::Stream(stream, side) => {
                let stream = &mut self.streams[stream];
                let bytes = &mut stream.bytes[side];
                if bytes.is_empty() {
                    let over = stream.stopped[1 - side] || stream.closed[1 - side];
                    return if over {
                        Ok(Ret::Bytes(Vec::new()))
                    } else {
                        Err(Errno::EAGAIN)
                    };
                }
                let take = count.min(bytes.len());
                let read = bytes.drain(..take).collect();
                self.changed();
                Ok(Ret::Bytes(read))
            }
            End::File(path, at) => {
                let content = self.files.get(&path).map(Vec::as_slice).unwrap_or_default();
                let rest = content.get(at..).unwrap_or_default();
                let read = rest[..rest.len().min(count)].to_vec();
                self.put(process, fd, End::File(path, at + read.len()));
                Ok(Ret::Bytes(read))
            }
            End::Signals(mask) => {
                let wanted =
                    |(to, signal): &(usize, u8)| *to == process && mask >> (signal - 1) & 1 == 1;
                let at = self.signals.iter().position(wanted).ok_or(Errno::EAGAIN)?;
                let (_, signal) = self.signals.remove(at);
                let mut record = vec![0; 128];
                record[0] = signal;
                Ok(Ret::Bytes(record))
            }
            _ => Err(Errno::ENOTCONN),
        }
    }

    fn write(&mut self, process: usize, span: Option<SpanId>, fd: Fd, data: &[u8]) -> Result<Ret> {
        match self.get(process, fd)? {
            End::Stream(stream, side) => {
                let stream = &mut self.streams[stream];
                if stream.closed[1 - side] || stream.stopped[side] {
                    return Err(Errno::EPIPE);
                }
                let bytes = &mut stream.bytes[1 - side];
                let take = data.len().min(STREAM_BYTES - bytes.len());
                if take == 0 && !data.is_empty() {
                    return Err(Errno::EAGAIN);
                }
                bytes.extend(&data[..take]);
                stream.last_writer[1 - side] = span;
                self.changed();
                Ok(Ret::Int(take as i64))
            }
            End::File(path, at) => {
                let content = self.files.entry(path.clone()).or_default();
                content.truncate(at);
                content.extend_from_slice(data);
                self.put(process, fd, End::File(path, at + data.len()));
                Ok(Ret::Int(data.len() as i64))
            }
            _ => Err(Errno::ENOTCONN),
        }
    }

    fn shutdown(&mut self, process: usize, fd: Fd, how: u32) -> Result<Ret> {
        let End::Stream(stream, side) = self.get(process, fd)? else {
            return Err(Errno::ENOTCONN);
        };
        if how >= 1 {
            self.streams[stream].stopped[side] = true;
        }
        self.changed();
        Ok(Ret::None)
    }

    fn events(&self, process: usize, fd: Fd) -> PollEvents {
        let Ok(End::Stream(stream, side)) = self.get(process, fd) else {
            return PollEvents::NVAL;
        };
        let stream = &self.streams[stream];
        let mut events = PollEvents::empty();
        let gone = stream.closed[1 - side];
        let stopped = gone || stream.stopped[1 - side];
        events.set(PollEvents::IN, stopped || !stream.bytes[side].is_empty());
        events.set(PollEvents::RDHUP, stopped);
        events.set(PollEvents::HUP, gone || stopped && stream.stopped[side]);
        events.set(PollEvents::OUT, stream.bytes[1 - side].len() < STREAM_BYTES);
        events
    }

    fn connect(&mut self, process: usize, fd: Fd, path: &[u8]) -> Result<Ret> {
        if !self.listeners.contains_key(path) {
            let exists = self.files.contains_key(path);
            return Err(if exists {
                Errno::ECONNREFUSED
            } else {
                Errno::ENOENT
            });
        }
        let [ours, theirs] = self.new_stream();
        self.put(process, fd, ours);
        if let Some(queue) = self.listeners.get_mut(path) {
            queue.push_back(theirs);
        }
        self.changed();
        Ok(Ret::None)
    }

    fn accept(&mut self, process: usize, fd: Fd) -> Result<Ret> {
        let End::Listener(path) = self.get(process, fd)? else {
            return Err(Errno::EINVAL);
        };
        let queue = self.listeners.get_mut(&path).ok_or(Errno::EINVAL)?;
        let end = queue.pop_front().ok_or(Errno::EAGAIN)?;
        Ok(Ret::Accepted(self.add(process, end), SockAddr::UnixUnnamed))
    }

    fn open(&mut self, process: usize, path: &[u8], flags: OpenFlags) -> Result<Ret> {
        let exists = self.files.contains_key(path);
        if exists && flags.contains(OpenFlags::CREAT | OpenFlags::EXCL) {
            return Err(Errno::EEXIST);
        }
        if !exists {
            if !flags.contains(OpenFlags::CREAT) {
                return Err(Errno::ENOENT);
            }
            self.files.insert(path.to_vec(), Vec::new());
        }
        if flags.contains(OpenFlags::TRUNC) {
            self.files.insert(path.to_vec(), Vec::new());
        }
        Ok(Ret::Fd(self.add(process, End::File(path.to_vec(), 0))))
    }

    fn ioctl(&mut self, process: usize, fd: Fd, request: &IoctlReq) -> Result<Ret> {
        if !self.terminals.contains(&(process, fd.0)) {
            return Err(Errno::ENOTTY);
        }
        match request {
            IoctlReq::Tcgets => Ok(Ret::Termios(Box::new(self.termios))),
            IoctlReq::Tcsets(termios, _) => {
                self.termios = *termios;
                Ok(Ret::None)
            }
            IoctlReq::Tiocgwinsz => Ok(Ret::Winsize(self.winsize)),
            _ => Err(Errno::ENOTTY),
        }
    }
}

fn always() -> PollEvents {
    PollEvents::HUP | PollEvents::ERR | PollEvents::NVAL
}

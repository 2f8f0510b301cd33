//! Pipes and FIFOs (`man 7 pipe`): a queue of pages between readers and writers.
//!
//! A pure state machine: what would block fails with `EAGAIN`; the caller waits for [`Pipe::poll_read`] or
//! [`Pipe::poll_write`] to change.

use glassdock_abi::flags::PollEvents;
use glassdock_abi::{Errno, Result};
use glassdock_trace::SpanId;
use std::collections::VecDeque;

/// Bytes of a page, the unit in which a pipe fills.
const PAGE_BYTES: usize = 4096;
/// Pages of a new pipe (`PIPE_DEF_BUFFERS`).
const PAGES_DEFAULT: usize = 16;
/// Largest size that `F_SETPIPE_SZ` gives (`/proc/sys/fs/pipe-max-size`).
const BYTES_MAX: usize = 1 << 20;

/// A pipe.
#[derive(Clone, Debug)]
pub struct Pipe {
    pages: VecDeque<VecDeque<u8>>,
    pages_max: usize,
    readers: u32,
    writers: u32,
    /// Span that last wrote.
    pub cause: Option<SpanId>,
}

impl Default for Pipe {
    fn default() -> Self {
        Pipe {
            pages: VecDeque::new(),
            pages_max: PAGES_DEFAULT,
            readers: 0,
            writers: 0,
            cause: None,
        }
    }
}

impl Pipe {
    /// Counts an open for reading.
    pub fn add_reader(&mut self) {
        self.readers += 1;
    }
    /// Counts an open for writing.
    pub fn add_writer(&mut self) {
        self.writers += 1;
    }
    /// Counts a close for reading.
    pub fn drop_reader(&mut self) {
        self.readers = self.readers.saturating_sub(1);
    }
    /// Counts a close for writing.
    pub fn drop_writer(&mut self) {
        self.writers = self.writers.saturating_sub(1);
    }
    /// How many have it open for reading.
    pub fn readers(&self) -> u32 {
        self.readers
    }
    /// How many have it open for writing.
    pub fn writers(&self) -> u32 {
        self.writers
    }

    /// Pages of memory that what waits in it takes.
    pub fn pages(&self) -> u64 {
        self.pages.len() as u64
    }

    /// Takes at most `max` bytes. Empty at the end: no writer is left. `EAGAIN` while there may be more.
    pub fn read(&mut self, max: usize) -> Result<Vec<u8>> {
        if max == 0 {
            return Ok(Vec::new());
        }
        if self.pages.is_empty() {
            return if self.writers == 0 {
                Ok(Vec::new())
            } else {
                Err(Errno::EAGAIN)
            };
        }
        let mut bytes = Vec::with_capacity(max.min(self.len()));
        while let Some(page) = self.pages.front_mut().filter(|_| bytes.len() < max) {
            let taken = page.len().min(max - bytes.len());
            bytes.extend(page.drain(..taken));
            if page.is_empty() {
                self.pages.pop_front();
            }
        }
        Ok(bytes)
    }

    /// Puts in as many of `bytes` as there is room for. Up to a page goes in whole or not at all (`PIPE_BUF`).
    /// `EPIPE` without readers (the caller sends `SIGPIPE`), `EAGAIN` without room.
    pub fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        if self.readers == 0 {
            return Err(Errno::EPIPE);
        }
        let mut taken = self.merge(bytes);
        while taken < bytes.len() && self.pages.len() < self.pages_max {
            let end = bytes.len().min(taken + PAGE_BYTES);
            self.pages
                .push_back(bytes[taken..end].iter().copied().collect());
            taken = end;
        }
        if taken == 0 {
            Err(Errno::EAGAIN)
        } else {
            Ok(taken)
        }
    }

    /// Puts what exceeds whole pages onto the last page, if it fits there entirely (as `pipe_write` does).
    fn merge(&mut self, bytes: &[u8]) -> usize {
        let part = bytes.len() % PAGE_BYTES;
        match self.pages.back_mut() {
            Some(last) if part > 0 && last.len() + part <= PAGE_BYTES => {
                last.extend(&bytes[..part]);
                part
            }
            _ => 0,
        }
    }

    /// Bytes that wait to be read.
    pub fn len(&self) -> usize {
        self.pages.iter().map(VecDeque::len).sum()
    }
    /// Whether nothing waits to be read.
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// `F_GETPIPE_SZ`: bytes.
    pub fn size(&self) -> usize {
        self.pages_max * PAGE_BYTES
    }

    /// `F_SETPIPE_SZ`: rounds up to a power of two of pages. `EBUSY` when more pages are in use, `EINVAL` for zero,
    /// `EPERM` above the largest size without `CAP_SYS_RESOURCE`, which nobody has here.
    pub fn set_size(&mut self, bytes: usize) -> Result<usize> {
        if bytes == 0 {
            return Err(Errno::EINVAL);
        }
        if bytes > BYTES_MAX {
            return Err(Errno::EPERM);
        }
        let pages = bytes.div_ceil(PAGE_BYTES).next_power_of_two();
        if pages < self.pages.len() {
            return Err(Errno::EBUSY);
        }
        self.pages_max = pages;
        Ok(self.size())
    }

    /// Readiness of the read end.
    pub fn poll_read(&self) -> PollEvents {
        let mut events = PollEvents::empty();
        if !self.pages.is_empty() {
            events |= PollEvents::IN | PollEvents::RDNORM;
        }
        if self.writers == 0 {
            events |= PollEvents::HUP;
        }
        events
    }

    /// Readiness of the write end.
    pub fn poll_write(&self) -> PollEvents {
        let mut events = PollEvents::empty();
        if self.pages.len() < self.pages_max {
            events |= PollEvents::OUT | PollEvents::WRNORM;
        }
        if self.readers == 0 {
            events |= PollEvents::ERR;
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> Pipe {
        let mut pipe = Pipe::default();
        pipe.add_reader();
        pipe.add_writer();
        pipe
    }

    #[test]
    fn bytes_come_out_in_order() {
        let mut pipe = open();
        assert_eq!(pipe.read(1), Err(Errno::EAGAIN));
        assert_eq!((pipe.write(b"ab"), pipe.write(b"cd")), (Ok(2), Ok(2)));
        assert_eq!(
            (pipe.read(3), pipe.read(9)),
            (Ok(b"abc".to_vec()), Ok(b"d".to_vec()))
        );
    }

    #[test]
    fn sixteen_pages_fill_it_and_a_page_is_whole_or_not_at_all() {
        let mut pipe = open();
        assert_eq!(pipe.write(&[1; 70_000]), Ok(65_536));
        assert_eq!(pipe.write(&[1]), Err(Errno::EAGAIN));
        assert_eq!(pipe.read(4095).map(|bytes| bytes.len()), Ok(4095));
        assert_eq!(pipe.write(&[1; 4096]), Err(Errno::EAGAIN));
        assert!(pipe.poll_write().is_empty());
        assert_eq!(pipe.read(1).map(|bytes| bytes.len()), Ok(1));
        assert_eq!(pipe.write(&[1; 4096]), Ok(4096));
    }

    #[test]
    fn the_last_end_of_either_side_is_felt_by_the_other() {
        let mut pipe = open();
        pipe.drop_writer();
        assert_eq!(
            (pipe.read(1), pipe.poll_read()),
            (Ok(vec![]), PollEvents::HUP)
        );
        pipe.drop_reader();
        assert_eq!(pipe.write(b"x"), Err(Errno::EPIPE));
    }

    #[test]
    fn its_size_is_a_power_of_two_of_pages() {
        let mut pipe = open();
        assert_eq!(pipe.set_size(4097), Ok(8192));
        assert_eq!(pipe.write(&[0; 9000]), Ok(8192));
        assert_eq!(pipe.set_size(1), Err(Errno::EBUSY));
        assert_eq!(
            (pipe.set_size(0), pipe.set_size(BYTES_MAX + 1)),
            (Err(Errno::EINVAL), Err(Errno::EPERM))
        );
    }
}

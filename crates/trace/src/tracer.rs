//! Writing the stream: the hash over all of it, and a ring that keeps its newest part.

use crate::encode::{EnterCall, encode};
use crate::{Args, Delta, Event, EventKind, Layer, MachineId, Outcome, SpanId, Value};
use glassdock_abi::Call;
use serde::Serialize;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::hash::Hasher;

/// Bytes of one piece of the ring; the oldest piece is dropped whole.
const PIECE_BYTES: usize = 64 * 1024;

/// Bytes of events that are hashed at once.
const HASH_BYTES: usize = 4096;

/// What a tracer keeps.
#[derive(Clone, Copy, Debug)]
pub struct TracerConfig {
    /// The machine that writes.
    pub machine: MachineId,
    /// Whether anything is recorded at all.
    pub record: bool,
    /// Bytes that the ring may hold.
    pub ring_bytes: usize,
}

impl Default for TracerConfig {
    /// Recording, with 64 MB, as in the page.
    fn default() -> Self {
        TracerConfig {
            machine: MachineId::default(),
            record: true,
            ring_bytes: 64 << 20,
        }
    }
}

/// The hash of a stream up to some event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hash(pub u128);

/// A run of encoded events.
#[derive(Clone, Debug, Default)]
struct Piece {
    first: u64,
    events: u64,
    bytes: Vec<u8>,
}

impl Piece {
    /// Where the event of this number begins.
    fn offset(&self, event: u64) -> Option<usize> {
        let mut rest = self.bytes.as_slice();
        for _ in self.first..event {
            rest = postcard::take_from_bytes::<Event>(rest).ok()?.1;
        }
        Some(self.bytes.len() - rest.len())
    }
}

/// A place in the stream to read on from without decoding.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cursor {
    /// Number of the next event.
    event: u64,
    /// Its place: the piece's first event, and the offset in the piece. `None` where it has to be looked for.
    place: Option<(u64, usize)>,
}

impl Cursor {
    /// Before the event of this number.
    pub const fn at(event: u64) -> Cursor {
        Cursor { event, place: None }
    }
    /// Number of the next event.
    pub const fn event(&self) -> u64 {
        self.event
    }
}

/// A run of events as they were written: the number of the first one, how many, and their encodings in a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run<'a> {
    /// Number of the first event.
    pub from: u64,
    /// How many.
    pub count: u32,
    /// [`Event`]s as postcard encodes them.
    pub bytes: &'a [u8],
}

/// One machine's writer.
#[derive(Clone, Debug)]
pub struct Tracer {
    config: TracerConfig,
    /// Over all events but the newest.
    hasher: SipHasher13,
    /// Bytes of the newest piece that are in the hash.
    hashed: usize,
    next_span: u64,
    /// Number of the next event, from 0.
    next_event: u64,
    pieces: VecDeque<Piece>,
    held_bytes: usize,
}

impl Tracer {
    /// A tracer with an empty stream.
    pub fn new(config: TracerConfig) -> Tracer {
        Tracer {
            config,
            hasher: SipHasher13::new(),
            hashed: 0,
            next_span: 1,
            next_event: 0,
            pieces: VecDeque::new(),
            held_bytes: 0,
        }
    }

    /// Whether anything is recorded: ask before building costly arguments.
    pub fn recording(&self) -> bool {
        self.config.record
    }

    /// Opens a span. The arguments are built only when recording.
    #[allow(clippy::too_many_arguments, reason = "each is a column of the stream")]
    pub fn enter(
        &mut self,
        time: u64,
        pid: i32,
        parent: Option<SpanId>,
        cause: Option<SpanId>,
        layer: Layer,
        name: impl Into<Cow<'static, str>>,
        args: impl FnOnce() -> Args,
    ) -> SpanId {
        let span = SpanId(self.next_span);
        self.next_span += 1;
        if self.config.record {
            let name = name.into();
            self.push(
                time,
                &EventKind::Enter {
                    span,
                    parent,
                    cause,
                    layer,
                    pid,
                    name,
                    args: args(),
                },
            );
        }
        span
    }

    /// Opens a system call's span. It has no cause but its parent, and its arguments stay whose they are.
    pub fn enter_call(
        &mut self,
        time: u64,
        pid: i32,
        parent: Option<SpanId>,
        name: &'static str,
        call: &Call,
    ) -> SpanId {
        let span = SpanId(self.next_span);
        self.next_span += 1;
        if self.config.record {
            let enter = EnterCall {
                span,
                parent,
                pid,
                name,
                call,
            };
            self.push(time, &enter);
        }
        span
    }

    /// Closes a span.
    pub fn exit(&mut self, time: u64, span: SpanId, outcome: impl FnOnce() -> Outcome) {
        if self.config.record {
            self.push(
                time,
                &EventKind::Exit {
                    span,
                    outcome: outcome(),
                },
            );
        }
    }

    /// Tells a change of state.
    pub fn delta(&mut self, time: u64, span: Option<SpanId>, delta: impl FnOnce() -> Delta) {
        if self.config.record {
            self.push(
                time,
                &EventKind::Delta {
                    span,
                    delta: delta(),
                },
            );
        }
    }

    /// Tells something to know.
    pub fn note(
        &mut self,
        time: u64,
        span: Option<SpanId>,
        key: impl Into<Cow<'static, str>>,
        args: impl FnOnce() -> Vec<Value>,
    ) {
        if self.config.record {
            self.push(
                time,
                &EventKind::Note {
                    span,
                    key: key.into(),
                    args: args(),
                },
            );
        }
    }

    /// The hash of everything written so far, dropped or not.
    pub fn hash(&self) -> Hash {
        let mut hasher = self.hasher;
        hasher.write(self.unhashed());
        Hash(hasher.finish128().as_u128())
    }

    /// How many events were written.
    pub fn written(&self) -> u64 {
        self.next_event
    }

    /// Number of the oldest event that is still held.
    pub fn base(&self) -> u64 {
        self.pieces
            .front()
            .map_or(self.next_event, |piece| piece.first)
    }

    /// The held events from number `from` on, at most `limit` of them, each with its number.
    pub fn read(&self, from: u64, limit: usize) -> Vec<(u64, Event)> {
        let start = self
            .pieces
            .partition_point(|piece| piece.first + piece.events <= from);
        let mut events = Vec::new();
        for piece in self.pieces.range(start..) {
            let mut rest = piece.bytes.as_slice();
            for number in piece.first..piece.first + piece.events {
                if events.len() >= limit {
                    return events;
                }
                let Ok((event, tail)) = postcard::take_from_bytes::<Event>(rest) else {
                    debug_assert!(false, "the ring holds what this type wrote");
                    return events;
                };
                rest = tail;
                if number >= from {
                    events.push((number, event));
                }
            }
        }
        events
    }

    /// The next run of held events after a cursor, at most a piece of the ring, and moves the cursor behind it; `None`
    /// where there is nothing newer. Events that the ring has dropped are passed over.
    pub fn run(&self, cursor: &mut Cursor) -> Option<Run<'_>> {
        let from = cursor.event.max(self.base());
        let start = self
            .pieces
            .partition_point(|piece| piece.first + piece.events <= from);
        let piece = self.pieces.get(start)?;
        let offset = match cursor.place {
            Some((first, offset)) if first == piece.first && from == cursor.event => offset,
            _ => piece.offset(from)?,
        };
        let end = piece.first + piece.events;
        *cursor = Cursor {
            event: end,
            place: Some((piece.first, piece.bytes.len())),
        };
        Some(Run {
            from,
            count: u32::try_from(end - from).unwrap_or(u32::MAX),
            bytes: piece.bytes.get(offset..)?,
        })
    }

    /// Writes an event whose kind is an [`EventKind`], or is encoded as one.
    fn push<K: Serialize>(&mut self, time: u64, kind: &K) {
        // An `Event` field by field, without moving it together.
        let event = (self.config.machine, time, kind);
        if self.pieces.is_empty() {
            self.begin_piece(Vec::with_capacity(PIECE_BYTES));
        }
        let Some(piece) = self.pieces.back_mut() else {
            return;
        };
        let start = piece.bytes.len();
        if encode(&event, &mut piece.bytes).is_err() {
            debug_assert!(false, "an event always has an encoding");
            return;
        }
        self.held_bytes += piece.bytes.len() - start;
        if start > 0 && piece.bytes.len() > PIECE_BYTES {
            self.move_to_next_piece(start);
        }
        if let Some(piece) = self.pieces.back_mut() {
            piece.events += 1;
        }
        self.next_event += 1;
        while self.held_bytes > self.config.ring_bytes && self.pieces.len() > 1 {
            if let Some(piece) = self.pieces.pop_front() {
                self.held_bytes -= piece.bytes.len();
            }
        }
        if self.unhashed().len() >= HASH_BYTES {
            self.hash_newest();
        }
    }

    /// The newest events' bytes that are not in the hash.
    fn unhashed(&self) -> &[u8] {
        let newest = self.pieces.back();
        newest.map_or(&[], |piece| &piece.bytes[self.hashed..])
    }

    fn hash_newest(&mut self) {
        if let Some(piece) = self.pieces.back() {
            self.hasher.write(&piece.bytes[self.hashed..]);
            self.hashed = piece.bytes.len();
        }
    }

    /// The newest piece is full: the event that begins there becomes the first of the next one.
    fn move_to_next_piece(&mut self, start: usize) {
        let Some(piece) = self.pieces.back_mut() else {
            return;
        };
        let mut bytes = Vec::with_capacity(PIECE_BYTES);
        bytes.extend_from_slice(&piece.bytes[start..]);
        piece.bytes.truncate(start);
        self.hash_newest();
        self.begin_piece(bytes);
    }

    fn begin_piece(&mut self, bytes: Vec<u8>) {
        self.hashed = 0;
        self.pieces.push_back(Piece {
            first: self.next_event,
            events: 0,
            bytes,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(tracer: &mut Tracer, events: u64) {
        for n in 0..events {
            tracer.note(n, None, "n", || vec![Value::Int(n as i64)]);
        }
    }

    #[test]
    fn events_are_read_back_by_number() {
        let mut tracer = Tracer::new(TracerConfig::default());
        write(&mut tracer, 20_000);
        let read = tracer.read(12_345, 2);
        assert_eq!(
            read.iter().map(|(n, e)| (*n, e.time)).collect::<Vec<_>>(),
            [(12_345, 12_345), (12_346, 12_346)]
        );
    }

    #[test]
    fn the_ring_drops_the_oldest_and_says_where_it_begins() {
        let mut tracer = Tracer::new(TracerConfig {
            ring_bytes: 2 * PIECE_BYTES,
            ..TracerConfig::default()
        });
        write(&mut tracer, 100_000);
        assert!(tracer.base() > 0);
        assert_eq!(tracer.read(0, 1)[0].0, tracer.base());
        assert_eq!(tracer.read(99_999, 9).len(), 1);
    }

    #[test]
    fn runs_are_the_stream_whatever_the_cursor_and_the_moments_of_reading() {
        let mut tracer = Tracer::new(TracerConfig::default());
        let (mut cursor, mut late, mut seen) = (Cursor::default(), Cursor::at(777), Vec::new());
        for _ in 0..5 {
            write(&mut tracer, 7_000);
            while let Some(run) = tracer.run(&mut cursor) {
                assert_eq!(run.from, seen.len() as u64);
                let mut rest = run.bytes;
                for _ in 0..run.count {
                    let (event, tail) = postcard::take_from_bytes::<Event>(rest).unwrap();
                    seen.push(event);
                    rest = tail;
                }
                assert!(rest.is_empty());
            }
        }
        let all: Vec<Event> = tracer.read(0, 40_000).into_iter().map(|e| e.1).collect();
        assert_eq!(seen, all);
        let run = tracer.run(&mut late).unwrap();
        let first = postcard::take_from_bytes::<Event>(run.bytes).unwrap().0;
        assert_eq!((run.from, &first), (777, &all[777]));
    }

    #[test]
    fn the_hash_covers_what_was_dropped() {
        let small = TracerConfig {
            ring_bytes: 1,
            ..TracerConfig::default()
        };
        let (mut kept, mut dropped) = (Tracer::new(TracerConfig::default()), Tracer::new(small));
        write(&mut kept, 50_000);
        write(&mut dropped, 50_000);
        assert_eq!(kept.hash(), dropped.hash());
        write(&mut dropped, 1);
        assert_ne!(kept.hash(), dropped.hash());
    }

    #[test]
    fn a_calls_span_is_written_as_any_other() {
        let call = Call::Write {
            fd: glassdock_abi::Fd(300),
            data: b"a line\n".to_vec(),
        };
        let (mut lent, mut taken) = (
            Tracer::new(TracerConfig::default()),
            Tracer::new(TracerConfig::default()),
        );
        for parent in [None, Some(SpanId(1 << 40))] {
            let args = || Args::Call(Box::new(call.clone()));
            let a = lent.enter_call(7, -1, parent, "write", &call);
            let b = taken.enter(7, -1, parent, None, Layer::Syscall, "write", args);
            assert_eq!(a, b);
        }
        assert_eq!(lent.read(0, 9), taken.read(0, 9));
        assert_eq!(lent.hash(), taken.hash());
    }

    #[test]
    fn a_tracer_that_does_not_record_still_numbers_spans() {
        let mut tracer = Tracer::new(TracerConfig {
            record: false,
            ..TracerConfig::default()
        });
        let span = tracer.enter(0, 1, None, None, Layer::Sched, "x", || {
            unreachable!("not built")
        });
        assert_eq!((span, tracer.written()), (SpanId(1), 0));
    }
}

//! The body of a request: read from the connection only as fast as the handler asks.

use crate::chunk::{ChunkError, Chunked, Step};
use crate::head::{Framing, RequestHead};
use crate::limits::{DOCUMENT_TIMEOUT_NANOS, TRACE_BYTES};
use crate::socket::Reader;
use bytes::{Buf, Bytes};
use glassdock_abi::{BoxFuture, Errno, Result, Sys};
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

/// What ends a body before its time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BodyError {
    Chunk(ChunkError),
    Ended,
    Late,
    Errno(Errno),
}

impl core::fmt::Display for BodyError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            BodyError::Chunk(error) => error.fmt(f),
            BodyError::Ended => f.write_str("unexpected EOF"),
            BodyError::Late => f.write_str("timed out"),
            BodyError::Errno(errno) => f.write_str(errno.message()),
        }
    }
}
impl core::error::Error for BodyError {}

enum Decoder {
    Length(u64),
    Chunked(Chunked),
    Done,
}

/// The connection's reading side while a request's body is on it.
pub(crate) struct Incoming<S: Sys> {
    pub reader: Reader<S>,
    decoder: Decoder,
    /// The client waits for `100 Continue`, which is sent when the handler first asks for the body.
    expects_continue: bool,
    continuing: Option<BoxFuture<'static, Result<()>>>,
    /// Whether it is a document, which must be there in time.
    is_document: bool,
    timeout: Option<BoxFuture<'static, ()>>,
    is_late: bool,
    /// The body's first bytes and its length so far, for the trace.
    pub seen: Vec<u8>,
    pub seen_length: u64,
}

impl<S: Sys> Incoming<S> {
    pub fn new(reader: Reader<S>, head: &RequestHead) -> Incoming<S> {
        let decoder = match head.framing {
            Framing::Length(0) => Decoder::Done,
            Framing::Length(length) => Decoder::Length(length),
            Framing::Chunked => Decoder::Chunked(Chunked::new()),
        };
        Incoming {
            reader,
            decoder,
            expects_continue: head.expect_continue,
            continuing: None,
            is_document: head.is_document(),
            timeout: None,
            is_late: false,
            seen: Vec::new(),
            seen_length: 0,
        }
    }

    /// Whether the whole body was read.
    pub fn done(&self) -> bool {
        matches!(self.decoder, Decoder::Done)
    }

    /// Whether the client still waits for leave to send the body.
    pub fn unasked(&self) -> bool {
        self.expects_continue
    }

    fn left(&self) -> Option<u64> {
        match self.decoder {
            Decoder::Done => Some(0),
            Decoder::Length(left) => Some(left),
            Decoder::Chunked(_) => None,
        }
    }

    /// The next piece of the body; `None` at its end.
    pub fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        loop {
            match self.decode() {
                Ok(Decoded::Data(data)) => {
                    self.note(&data);
                    return Poll::Ready(Some(Ok(data)));
                }
                Ok(Decoded::Done) => return Poll::Ready(None),
                Ok(Decoded::More) => {}
                Err(error) => return Poll::Ready(Some(Err(BodyError::Chunk(error)))),
            }
            if let Err(errno) = ready!(self.poll_continue(cx)) {
                return Poll::Ready(Some(Err(BodyError::Errno(errno))));
            }
            let Poll::Ready(filled) = self.reader.poll_fill(cx) else {
                if !self.is_late {
                    ready!(self.poll_timeout(cx));
                    self.is_late = true;
                }
                return Poll::Ready(Some(Err(BodyError::Late)));
            };
            match filled {
                Ok(0) => return Poll::Ready(Some(Err(BodyError::Ended))),
                Ok(_) => {}
                Err(errno) => return Poll::Ready(Some(Err(BodyError::Errno(errno)))),
            }
        }
    }

    /// Ready when a document should have been there.
    fn poll_timeout(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_document {
            return Poll::Pending;
        }
        let sys = self.reader.socket.sys();
        let timeout = self.timeout.get_or_insert_with(|| {
            let sys = sys.clone();
            Box::pin(async move { sys.sleep(DOCUMENT_TIMEOUT_NANOS).await })
        });
        timeout.as_mut().poll(cx)
    }

    fn note(&mut self, data: &[u8]) {
        let room = TRACE_BYTES.saturating_sub(self.seen.len());
        self.seen.extend_from_slice(&data[..data.len().min(room)]);
        self.seen_length += data.len() as u64;
    }

    fn decode(&mut self) -> Result<Decoded, ChunkError> {
        let buffer = &mut self.reader.buffer;
        match &mut self.decoder {
            Decoder::Done => Ok(Decoded::Done),
            Decoder::Length(_) if buffer.is_empty() => Ok(Decoded::More),
            Decoder::Length(left) => {
                let take =
                    usize::try_from(*left).map_or(buffer.len(), |left| left.min(buffer.len()));
                *left -= take as u64;
                if *left == 0 {
                    self.decoder = Decoder::Done;
                }
                Ok(Decoded::Data(buffer.split_to(take).freeze()))
            }
            Decoder::Chunked(chunked) => loop {
                match chunked.step(buffer)? {
                    Step::Skip(n) => buffer.advance(n),
                    Step::Data(n) => return Ok(Decoded::Data(buffer.split_to(n).freeze())),
                    Step::More => return Ok(Decoded::More),
                    Step::Done => {
                        self.decoder = Decoder::Done;
                        return Ok(Decoded::Done);
                    }
                }
            },
        }
    }

    fn poll_continue(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if core::mem::take(&mut self.expects_continue) {
            let socket = self.reader.socket.clone();
            self.continuing = Some(Box::pin(async move {
                socket.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await
            }));
        }
        let Some(continuing) = &mut self.continuing else {
            return Poll::Ready(Ok(()));
        };
        let sent = ready!(continuing.as_mut().poll(cx));
        self.continuing = None;
        Poll::Ready(sent)
    }
}

enum Decoded {
    Data(Bytes),
    More,
    Done,
}

/// The body as the handler gets it. The driver takes the connection back when the handler is through with it.
pub(crate) struct RequestBody<S: Sys>(pub Arc<Mutex<Incoming<S>>>);

impl<S: Sys> http_body::Body for RequestBody<S> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Ok(mut incoming) = self.0.lock() else {
            return Poll::Ready(Some(Err(BodyError::Ended)));
        };
        incoming
            .poll_data(cx)
            .map(|data| data.map(|data| data.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().is_ok_and(|incoming| incoming.done())
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.0.lock().ok().and_then(|incoming| incoming.left());
        left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

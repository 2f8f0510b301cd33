//! A socket as hyper wants it.

use crate::limits::WRITE_BYTES;
use crate::socket::{Socket, send};
use glassdock_abi::{BoxFuture, Errno, Result, Sys};
use hyper::rt::{Read, ReadBufCursor, Write};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A socket with the calls that are under way. hyper gives the same bytes again after `Pending`, so a send that is
/// under way holds a copy of them.
pub(crate) struct HyperIo<S: Sys> {
    socket: Socket<S>,
    reading: Option<BoxFuture<'static, Result<Vec<u8>>>>,
    arrived: Vec<u8>,
    used: usize,
    sending: Option<BoxFuture<'static, Result<usize>>>,
    closing: Option<BoxFuture<'static, Result<()>>>,
}

impl<S: Sys> HyperIo<S> {
    pub fn new(socket: Socket<S>) -> HyperIo<S> {
        HyperIo {
            socket,
            reading: None,
            arrived: Vec::new(),
            used: 0,
            sending: None,
            closing: None,
        }
    }

    /// The socket, and what was read from it but not taken yet.
    pub fn into_parts(mut self) -> (Socket<S>, Vec<u8>) {
        (self.socket, self.arrived.split_off(self.used))
    }
}

fn error(errno: Errno) -> io::Error {
    let kind = match errno {
        Errno::EPIPE => io::ErrorKind::BrokenPipe,
        Errno::ECONNRESET => io::ErrorKind::ConnectionReset,
        Errno::EINTR => io::ErrorKind::Interrupted,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, errno.message())
}

impl<S: Sys> Read for HyperIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.used == self.arrived.len() {
            let socket = self.socket.clone();
            let reading = self
                .reading
                .get_or_insert_with(|| Box::pin(async move { socket.read().await }));
            let read = ready!(reading.as_mut().poll(cx));
            self.reading = None;
            self.arrived = read.map_err(error)?;
            self.used = 0;
        }
        let rest = &self.arrived[self.used..];
        let take = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..take]);
        self.used += take;
        Poll::Ready(Ok(()))
    }
}

impl<S: Sys> Write for HyperIo<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let socket = self.socket.clone();
        let sending = self.sending.get_or_insert_with(|| {
            let copy = data[..data.len().min(WRITE_BYTES)].to_vec();
            Box::pin(async move { send(socket.sys(), socket.fd(), copy).await })
        });
        let sent = ready!(sending.as_mut().poll(cx));
        self.sending = None;
        Poll::Ready(sent.map(|sent| sent.min(data.len())).map_err(error))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let socket = self.socket.clone();
        let closing = self
            .closing
            .get_or_insert_with(|| Box::pin(async move { socket.shutdown_write().await }));
        let closed = ready!(closing.as_mut().poll(cx));
        self.closing = None;
        Poll::Ready(closed.map_err(error))
    }
}

//! One end of a connection.

use bytes::BytesMut;
use glassdock_abi::flags::MsgFlags;
use glassdock_abi::{BoxFuture, Call, Errno, Fd, Io, OwnedFd, Result, Sys};
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::limits::{READ_BYTES, WRITE_BYTES};

/// A connected stream socket that reader and writer share; closed when the last of them goes.
pub struct Socket<S: Sys>(Arc<OwnedFd<S>>);

impl<S: Sys> Clone for Socket<S> {
    fn clone(&self) -> Self {
        Socket(self.0.clone())
    }
}

impl<S: Sys> Socket<S> {
    /// Takes a connected socket.
    pub fn new(fd: OwnedFd<S>) -> Socket<S> {
        Socket(Arc::new(fd))
    }

    /// Its descriptor.
    pub fn fd(&self) -> Fd {
        self.0.fd()
    }

    /// The kernel it belongs to.
    pub fn sys(&self) -> &S {
        self.0.sys()
    }

    /// Gives the descriptor back; `None` while somebody else shares it.
    pub fn into_fd(self) -> Option<OwnedFd<S>> {
        Arc::into_inner(self.0)
    }

    /// Reads what is there, waiting for at least one byte; empty at the end.
    pub async fn read(&self) -> Result<Vec<u8>> {
        self.sys().read(self.fd(), READ_BYTES).await
    }

    /// Sends all bytes. A peer that went away is `EPIPE`, never `SIGPIPE`.
    pub async fn write_all(&self, data: &[u8]) -> Result<()> {
        send_all(self.sys(), self.fd(), data).await
    }

    /// Tells the peer that nothing more will come.
    pub async fn shutdown_write(&self) -> Result<()> {
        self.sys().shutdown(self.fd(), 1).await
    }
}

/// Sends all bytes on a socket. A peer that went away is `EPIPE`, never `SIGPIPE`.
pub async fn send_all<S: Sys>(sys: &S, fd: Fd, data: &[u8]) -> Result<()> {
    for piece in data.chunks(WRITE_BYTES) {
        let mut sent = 0;
        while sent < piece.len() {
            sent += send(sys, fd, piece[sent..].to_vec()).await?;
        }
    }
    Ok(())
}

/// Sends some bytes; how many were taken.
pub(crate) async fn send<S: Sys>(sys: &S, fd: Fd, data: Vec<u8>) -> Result<usize> {
    let length = data.len();
    let call = Call::Sendmsg {
        fd,
        data,
        fds: Vec::new(),
        to: None,
        flags: MsgFlags::NOSIGNAL,
    };
    let sent = usize::try_from(sys.call(call).await?.int()?).map_err(|_| Errno::EPROTO)?;
    if sent == 0 && length > 0 || sent > length {
        return Err(Errno::EPROTO);
    }
    Ok(sent)
}

/// The reading side: what has arrived and is not used yet.
pub(crate) struct Reader<S: Sys> {
    pub socket: Socket<S>,
    /// Taken from the front without moving the rest, however small the pieces.
    pub buffer: BytesMut,
    pub ended: bool,
    pending: Option<BoxFuture<'static, Result<Vec<u8>>>>,
}

impl<S: Sys> Reader<S> {
    pub fn new(socket: Socket<S>) -> Reader<S> {
        Reader {
            socket,
            buffer: BytesMut::new(),
            ended: false,
            pending: None,
        }
    }

    /// Adds what arrives next to the buffer; no bytes at the end.
    pub fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        if self.ended {
            return Poll::Ready(Ok(0));
        }
        let socket = &self.socket;
        let pending = self.pending.get_or_insert_with(|| {
            let socket = socket.clone();
            Box::pin(async move { socket.read().await })
        });
        let read = match pending.as_mut().poll(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(read) => read,
        };
        self.pending = None;
        let bytes = match read {
            Ok(bytes) => bytes,
            Err(Errno::EINTR) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Err(errno) => return Poll::Ready(Err(errno)),
        };
        self.ended = bytes.is_empty();
        self.buffer.extend_from_slice(&bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    /// The same, to wait for.
    pub async fn fill(&mut self) -> Result<usize> {
        core::future::poll_fn(|cx| self.poll_fill(cx)).await
    }
}

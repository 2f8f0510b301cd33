//! Raw connections: a request after which both sides speak something else.

use crate::head::has_token;
use crate::socket::Socket;
use axum::body::Body;
use axum::response::Response;
use glassdock_abi::{BoxFuture, OwnedFd, Result, Sys};
use http::header::{CONNECTION, CONTENT_TYPE, UPGRADE};
use http::{HeaderMap, HeaderValue, StatusCode};
use std::future::Future;
use std::sync::{Arc, Mutex};

/// A connection after the head of the answer: raw bytes both ways.
pub struct Upgraded<S: Sys> {
    socket: Socket<S>,
    early: Vec<u8>,
}

impl<S: Sys> Upgraded<S> {
    pub(crate) fn new(socket: Socket<S>, early: Vec<u8>) -> Upgraded<S> {
        Upgraded { socket, early }
    }

    /// Reads what is there, waiting for at least one byte; empty when the peer has stopped writing.
    pub async fn read(&mut self) -> Result<Vec<u8>> {
        if self.early.is_empty() {
            return self.socket.read().await;
        }
        Ok(core::mem::take(&mut self.early))
    }

    /// Writes all bytes.
    pub async fn write_all(&self, data: &[u8]) -> Result<()> {
        self.socket.write_all(data).await
    }

    /// Stops writing; the peer reads to the end and may still write.
    pub async fn shutdown_write(&self) -> Result<()> {
        self.socket.shutdown_write().await
    }

    /// The socket, to write from one place while another reads.
    pub fn socket(&self) -> Socket<S> {
        self.socket.clone()
    }

    /// The descriptor, and the bytes that were read from it already; `None` while [`Upgraded::socket`] is held.
    pub fn into_parts(self) -> Option<(OwnedFd<S>, Vec<u8>)> {
        Some((self.socket.into_fd()?, self.early))
    }
}

type Run<S> = Box<dyn FnOnce(Upgraded<S>) -> BoxFuture<'static, ()> + Send>;

/// What the driver does with the connection once the head of the answer is out.
pub(crate) struct TakeOver<S: Sys>(Arc<Mutex<Option<Run<S>>>>);

impl<S: Sys> Clone for TakeOver<S> {
    fn clone(&self) -> Self {
        TakeOver(self.0.clone())
    }
}

impl<S: Sys> TakeOver<S> {
    pub fn take(&self) -> Option<Run<S>> {
        self.0.lock().ok()?.take()
    }
}

/// A handler's right to the connection it was called on.
#[derive(Clone, Copy, Debug)]
pub struct Hijack {
    upgrade: bool,
}

impl Hijack {
    /// From a request's headers: `Connection: Upgrade` with `Upgrade: tcp` is answered by `101 UPGRADED`, anything else
    /// by `200 OK`; raw bytes follow in both cases (moby, `postContainersAttach`).
    pub fn of(headers: &HeaderMap) -> Hijack {
        Hijack {
            upgrade: has_token(headers, "upgrade") && headers.contains_key(UPGRADE),
        }
    }

    /// Whether the client asked for an upgrade.
    pub fn upgrade(self) -> bool {
        self.upgrade
    }

    /// The answer that takes the connection over: its head is sent first, then `run` gets the connection, which is
    /// closed when `run` lets go of it.
    pub fn answer<S, F>(
        self,
        content_type: &'static str,
        run: impl FnOnce(Upgraded<S>) -> F + Send + 'static,
    ) -> Response
    where
        S: Sys,
        F: Future<Output = ()> + Send + 'static,
    {
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        if self.upgrade {
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(UPGRADE, HeaderValue::from_static("tcp"));
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        }
        let run: Run<S> = Box::new(move |upgraded| Box::pin(run(upgraded)));
        response
            .extensions_mut()
            .insert(TakeOver(Arc::new(Mutex::new(Some(run)))));
        response
    }
}

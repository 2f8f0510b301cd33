//! The client: hyper's, over any kernel's sockets.

mod io;

use crate::limits::TRACE_BYTES;
use crate::socket::Socket;
use crate::upgrade::Upgraded;
use bytes::Bytes;
use glassdock_abi::types::SockAddr;
use glassdock_abi::{Errno, Io, PathArg, Sys};
use glassdock_trace::{Args, Layer, Outcome, Trace, Value, clip};
use http::{Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use io::HyperIo;
use std::net::SocketAddrV4;
use std::sync::{Arc, Mutex};

/// A body to send.
pub type RequestBody = axum::body::Body;

/// Why a request failed before there was an answer, or while its body came.
#[derive(Debug)]
pub enum Error {
    /// Nobody could be reached.
    Connect(Errno),
    /// The connection broke, or what came was not HTTP.
    Http(hyper::Error),
    /// The body to be sent could not be had.
    Body(axum::Error),
    /// The answer to an upgrade was another one: its status and body.
    NotUpgraded(StatusCode, Bytes),
    /// The raw connection is not one of ours.
    Foreign,
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Error::Connect(errno) => f.write_str(errno.message()),
            Error::Http(error) if error.is_incomplete_message() => f.write_str("EOF"),
            Error::Http(error) => error.fmt(f),
            Error::Body(error) => error.fmt(f),
            Error::NotUpgraded(status, _) => {
                write!(f, "unable to upgrade to tcp, received {}", status.as_u16())
            }
            Error::Foreign => f.write_str("the connection cannot be taken over"),
        }
    }
}
impl core::error::Error for Error {}

/// Where a server listens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    /// A unix socket, by its path.
    Unix(PathArg),
    /// TCP.
    Tcp(SocketAddrV4),
}

/// A client of one server. Clones share the idle connection.
pub struct Client<S: Sys> {
    sys: S,
    address: Address,
    idle: Arc<Mutex<Option<SendRequest<RequestBody>>>>,
}

impl<S: Sys> Clone for Client<S> {
    fn clone(&self) -> Self {
        Client {
            sys: self.sys.clone(),
            address: self.address.clone(),
            idle: self.idle.clone(),
        }
    }
}

impl<S: Sys + Trace> Client<S> {
    /// A client of the server at a unix socket's path. Nothing is connected yet.
    pub fn unix(sys: S, path: impl Into<PathArg>) -> Client<S> {
        Client::new(sys, Address::Unix(path.into()))
    }

    /// A client of the server at an address. Nothing is connected yet.
    pub fn new(sys: S, address: Address) -> Client<S> {
        Client {
            sys,
            address,
            idle: Arc::default(),
        }
    }

    /// Sends a request on the idle connection or a new one and waits for the answer's head.
    pub async fn send(&self, request: Request<RequestBody>) -> Result<Answer<S>, Error> {
        let (request, body) = with_short_body(request).await?;
        let span = Span::open(&self.sys, &request, &body);
        let sent = self.try_send(&span, request).await;
        match sent {
            Ok((response, sender)) => {
                let idle = self.idle.clone();
                Ok(Answer::new(span, response, sender, idle))
            }
            Err(error) => Err(span.failed(error)),
        }
    }

    /// Sends a request that asks for a raw connection, always on a new one. Any answer but `101` is an error.
    pub async fn upgrade(
        &self,
        mut request: Request<RequestBody>,
    ) -> Result<(http::response::Parts, Upgraded<S>), Error> {
        let headers = request.headers_mut();
        headers.insert(
            http::header::CONNECTION,
            http::HeaderValue::from_static("Upgrade"),
        );
        headers.insert(http::header::UPGRADE, http::HeaderValue::from_static("tcp"));
        let (request, body) = with_short_body(request).await?;
        let span = Span::open(&self.sys, &request, &body);
        let upgraded = self.try_upgrade(&span, request).await;
        match upgraded {
            Ok((parts, upgraded)) => {
                span.answered(&parts, &[], 0);
                Ok((parts, upgraded))
            }
            Err(error) => Err(span.failed(error)),
        }
    }

    async fn try_send(
        &self,
        span: &Span<S>,
        request: Request<RequestBody>,
    ) -> Result<(Response<Incoming>, SendRequest<RequestBody>), Error> {
        let idle = self.idle.lock().ok().and_then(|mut idle| idle.take());
        let mut sender = match usable(idle).await {
            Some(sender) => sender,
            None => self.connect(&span.sys).await?,
        };
        let response = sender.send_request(request).await.map_err(Error::Http)?;
        Ok((response, sender))
    }

    async fn try_upgrade(
        &self,
        span: &Span<S>,
        request: Request<RequestBody>,
    ) -> Result<(http::response::Parts, Upgraded<S>), Error> {
        let mut sender = self.connect(&span.sys).await?;
        let mut response = sender.send_request(request).await.map_err(Error::Http)?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let status = response.status();
            let body = response
                .into_body()
                .collect()
                .await
                .map_err(Error::Http)?
                .to_bytes();
            return Err(Error::NotUpgraded(status, body));
        }
        let upgraded = hyper::upgrade::on(&mut response)
            .await
            .map_err(Error::Http)?;
        let parts = upgraded
            .downcast::<HyperIo<S>>()
            .map_err(|_| Error::Foreign)?;
        let (socket, arrived) = parts.io.into_parts();
        let mut early = parts.read_buf.to_vec();
        early.extend(arrived);
        let upgraded = Upgraded::new(socket, early);
        Ok((response.into_parts().0, upgraded))
    }

    /// Opens a connection; it is driven beside the caller until it ends.
    async fn connect(&self, sys: &S) -> Result<SendRequest<RequestBody>, Error> {
        let (fd, address) = match &self.address {
            Address::Unix(path) => (sys.socket_stream().await, SockAddr::Unix(path.clone())),
            Address::Tcp(address) => (sys.socket_inet().await, SockAddr::inet(address)),
        };
        let fd = fd.map_err(Error::Connect)?;
        sys.connect(fd.fd(), address)
            .await
            .map_err(Error::Connect)?;
        let io = HyperIo::new(Socket::new(fd));
        let (sender, connection) = http1::handshake(io).await.map_err(Error::Http)?;
        let connection = connection.with_upgrades();
        self.sys.task(Box::pin(async move {
            // What goes wrong here is told to whoever waits for an answer.
            let _ = connection.await;
        }));
        Ok(sender)
    }
}

/// The idle connection, unless the server has closed it meanwhile.
async fn usable(idle: Option<SendRequest<RequestBody>>) -> Option<SendRequest<RequestBody>> {
    let mut sender = idle?;
    sender.ready().await.is_ok().then_some(sender)
}

/// A request and its body, where that is short and there as a whole: a document, not a stream. So the trace can tell it.
async fn with_short_body(
    request: Request<RequestBody>,
) -> Result<(Request<RequestBody>, Bytes), Error> {
    match request.body().size_hint().exact() {
        Some(length) if length <= TRACE_BYTES as u64 => {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map_err(Error::Body)?.to_bytes();
            let request = Request::from_parts(parts, RequestBody::from(body.clone()));
            Ok((request, body))
        }
        _ => Ok((request, Bytes::new())),
    }
}

/// A request's span, closed once.
struct Span<S: Trace> {
    sys: S,
    open: bool,
}

impl<S: Trace> Span<S> {
    fn open(sys: &S, request: &Request<RequestBody>, body: &Bytes) -> Span<S> {
        let mut head = format!("{} {} HTTP/1.1\r\n", request.method(), request.uri()).into_bytes();
        head.extend(header_lines(request.headers()));
        let name = format!("{} {}", request.method(), request.uri().path());
        let args = Args::Fields(vec![("head".into(), clip(&head, TRACE_BYTES))]);
        let args = match request.body().size_hint().exact() {
            Some(length) if length > 0 && length == body.len() as u64 => {
                args.with("body", Value::Bytes(body.to_vec(), length))
            }
            Some(length) if length > 0 => args.with("body length", Value::Int(length as i64)),
            _ => args,
        };
        Span {
            sys: sys.enter(Layer::Http, &name, args),
            open: true,
        }
    }

    fn answered(mut self, parts: &http::response::Parts, body: &[u8], body_length: u64) {
        self.open = false;
        let mut head = format!("HTTP/1.1 {}\r\n", parts.status).into_bytes();
        head.extend(header_lines(&parts.headers));
        let mut args = Args::Fields(vec![("head".into(), clip(&head, TRACE_BYTES))]);
        if body_length > 0 {
            args = args.with("body", Value::Bytes(body.to_vec(), body_length));
        }
        let status = Outcome::Int(parts.status.as_u16().into());
        self.sys
            .enter(Layer::Http, "response", args)
            .exit(status.clone());
        self.sys.exit(status);
    }

    fn failed(mut self, error: Error) -> Error {
        self.open = false;
        self.sys.exit(match &error {
            Error::Connect(errno) => Outcome::Errno(*errno),
            other => Outcome::Failed(other.to_string()),
        });
        error
    }
}

impl<S: Trace> Drop for Span<S> {
    fn drop(&mut self) {
        if self.open {
            self.sys.exit(Outcome::Cut);
        }
    }
}

fn header_lines(headers: &http::HeaderMap) -> Vec<u8> {
    let mut lines = Vec::new();
    for (name, value) in headers {
        lines.extend_from_slice(name.as_str().as_bytes());
        lines.extend_from_slice(b": ");
        lines.extend_from_slice(value.as_bytes());
        lines.extend_from_slice(b"\r\n");
    }
    lines.extend_from_slice(b"\r\n");
    lines
}

/// An answer: its head, and its body as it comes.
pub struct Answer<S: Sys + Trace> {
    /// Status and headers.
    pub head: http::response::Parts,
    body: Incoming,
    span: Option<Span<S>>,
    sender: Option<SendRequest<RequestBody>>,
    idle: Arc<Mutex<Option<SendRequest<RequestBody>>>>,
    seen: Vec<u8>,
    length: u64,
}

impl<S: Sys + Trace> Answer<S> {
    fn new(
        span: Span<S>,
        response: Response<Incoming>,
        sender: SendRequest<RequestBody>,
        idle: Arc<Mutex<Option<SendRequest<RequestBody>>>>,
    ) -> Answer<S> {
        let (head, body) = response.into_parts();
        Answer {
            head,
            body,
            span: Some(span),
            sender: Some(sender),
            idle,
            seen: Vec::new(),
            length: 0,
        }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.head.status
    }

    /// The body's next piece; `None` at its end, after which the connection can be used again.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            match self.body.frame().await {
                None => {
                    self.finish();
                    return Ok(None);
                }
                Some(Err(error)) => {
                    let error = Error::Http(error);
                    return Err(match self.span.take() {
                        Some(span) => span.failed(error),
                        None => error,
                    });
                }
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.note(&data);
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// The whole body, which must not be longer than `limit` bytes; what is longer is cut off there.
    pub async fn collect(&mut self, limit: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        while let Some(data) = self.next().await? {
            let room = limit.saturating_sub(bytes.len());
            bytes.extend_from_slice(&data[..data.len().min(room)]);
            if data.len() > room {
                break;
            }
        }
        Ok(bytes)
    }

    fn note(&mut self, data: &[u8]) {
        let room = TRACE_BYTES.saturating_sub(self.seen.len());
        self.seen.extend_from_slice(&data[..data.len().min(room)]);
        self.length += data.len() as u64;
    }

    fn finish(&mut self) {
        if let Some(span) = self.span.take() {
            span.answered(&self.head, &self.seen, self.length);
        }
        if let (Some(sender), Ok(mut idle)) = (self.sender.take(), self.idle.lock()) {
            *idle = Some(sender);
        }
    }
}

impl<S: Sys + Trace> Drop for Answer<S> {
    fn drop(&mut self) {
        // Closed early, what came so far is still worth telling.
        if let Some(span) = self.span.take() {
            span.answered(&self.head, &self.seen, self.length);
        }
    }
}

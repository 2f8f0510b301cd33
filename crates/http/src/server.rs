//! The server: connections in, an axum router behind them.

use crate::body::{Incoming, RequestBody};
use crate::head::{Reject, RequestHead, parse_head};
use crate::limits::*;
use crate::respond::{self, BodyFraming, LAST_CHUNK, chunk};
use crate::socket::{Reader, Socket};
use crate::upgrade::{TakeOver, Upgraded};
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_channel::mpsc;
use futures_util::{FutureExt, StreamExt, pin_mut, select_biased};
use glassdock_abi::types::Clock;
use glassdock_abi::{Errno, Io, OwnedFd, Result, Sys};
use glassdock_trace::{Args, Layer, Outcome, Trace, clip};

use http_body::Body as _;
use std::sync::{Arc, Mutex};
use tower_service::Service;

/// The handle inside a request's span, in the request's extensions: calls made through it are the request's.
#[derive(Clone, Debug)]
pub struct Handle<S>(pub S);

/// Serves whoever connects to a listening socket, at most `limit` at a time; further ones wait in the socket's queue.
///
/// Ends only with an error of `accept4` that does not pass by itself.
pub async fn serve<S: Sys + Trace>(
    sys: S,
    listener: OwnedFd<S>,
    router: Router,
    limit: usize,
) -> Errno {
    let (ended, mut ends) = mpsc::unbounded::<()>();
    let mut running = 0;
    loop {
        while let Ok(()) = ends.try_recv() {
            running -= 1;
        }
        if running >= limit && ends.next().await.is_some() {
            running -= 1;
            continue;
        }
        match sys.accept4(listener.fd()).await {
            Ok(connection) => {
                running += 1;
                let (router, ended, of_connection) = (router.clone(), ended.clone(), sys.clone());
                sys.task(Box::pin(async move {
                    serve_connection(of_connection, connection, router).await;
                    let _ = ended.unbounded_send(());
                }));
            }
            Err(Errno::ECONNABORTED | Errno::EINTR | Errno::EPROTO) => {}
            Err(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM) => {
                sys.sleep(ACCEPT_RETRY_NANOS).await
            }
            Err(errno) => return errno,
        }
    }
}

/// Serves one connection until either side closes it.
pub async fn serve_connection<S: Sys + Trace>(sys: S, connection: OwnedFd<S>, router: Router) {
    let socket = Socket::new(connection);
    let mut reader = Reader::new(socket.clone());
    loop {
        match read_head(&sys, &mut reader).await {
            Ok(None) => return,
            Ok(Some(head)) => {
                let exchange = Exchange {
                    sys: &sys,
                    socket: &socket,
                    router: &router,
                };
                match exchange.run(head, reader).await {
                    After::Next(next) => reader = *next,
                    After::Close => break,
                    After::TakeOver(run) => {
                        drop(socket);
                        return run.await;
                    }
                }
            }
            Err(reject) => {
                refuse(&sys, &socket, &reader.buffer, reject).await;
                break;
            }
        }
    }
    let _ = socket.shutdown_write().await;
}

/// Reads the next request's head; `None` when there is none.
async fn read_head<S: Sys>(sys: &S, reader: &mut Reader<S>) -> Result<Option<RequestHead>, Reject> {
    let mut worth_parsing = !reader.buffer.is_empty();
    let timeout = futures_util::future::Fuse::terminated();
    pin_mut!(timeout);
    loop {
        if worth_parsing {
            if let Some(head) = parse_head(&reader.buffer)? {
                return Ok(Some(head));
            }
            if futures_util::future::FusedFuture::is_terminated(&timeout) {
                timeout.set(sys.sleep(HEAD_TIMEOUT_NANOS).fuse());
            }
        }
        let before = reader.buffer.len();
        let filled = select_biased! {
            filled = reader.fill().fuse() => filled,
            () = timeout => return Ok(None),
        };
        match filled {
            Ok(0) if reader.buffer.is_empty() => return Ok(None),
            Ok(0) => return Err(Reject::BadRequest("")),
            Err(_) => return Ok(None),
            // Only a line's end can complete a head, so slow peers do not make us parse again and again.
            Ok(_) => {
                let new = &reader.buffer[before..];
                worth_parsing =
                    before == 0 || new.contains(&b'\n') || reader.buffer.len() > MAX_HEAD_BYTES;
            }
        }
    }
}

/// Answers what cannot be read as a request.
async fn refuse<S: Sys + Trace>(sys: &S, socket: &Socket<S>, bytes: &[u8], reject: Reject) {
    let cause = sys.cause_of(socket.fd());
    let span = sys.enter_from(
        cause,
        Layer::Http,
        "malformed request",
        request_args(bytes, &[], 0),
    );
    let answer = respond::rejection(reject);
    let sent = socket.write_all(&answer).await;
    tell_response(&span, reject.text().0, &answer, &[], 0);
    span.exit(sent.map_or_else(Outcome::Errno, |()| Outcome::Int(reject.text().0.into())));
}

fn request_args(head: &[u8], body: &[u8], body_length: u64) -> Args {
    let args = Args::Fields(vec![("head".into(), clip(head, TRACE_BYTES))]);
    match body_length {
        0 => args,
        length => args.with("body", glassdock_trace::Value::Bytes(body.to_vec(), length)),
    }
}

/// Tells the trace an answer's readable bytes, as a span below the request's.
fn tell_response<S: Trace>(span: &S, status: u16, head: &[u8], body: &[u8], body_length: u64) {
    let response = span.enter(
        Layer::Http,
        "response",
        request_args(head, body, body_length),
    );
    response.exit(Outcome::Int(status.into()));
}

/// What becomes of a connection after one request.
enum After<S: Sys> {
    Next(Box<Reader<S>>),
    Close,
    TakeOver(glassdock_abi::BoxFuture<'static, ()>),
}

/// One request on a connection.
struct Exchange<'a, S: Sys> {
    sys: &'a S,
    socket: &'a Socket<S>,
    router: &'a Router,
}

impl<S: Sys + Trace> Exchange<'_, S> {
    async fn run(self, head: RequestHead, mut reader: Reader<S>) -> After<S> {
        let head_bytes = reader.buffer.split_to(head.length);
        let name = format!("{} {}", head.method, head.uri.path());
        let body = &reader.buffer[..whole_body(&head, &reader.buffer)];
        let args = request_args(
            &head_bytes,
            &body[..body.len().min(TRACE_BYTES)],
            body.len() as u64,
        );
        let told_body = !body.is_empty();
        let cause = self.sys.cause_of(self.socket.fd());
        let span = self.sys.enter_from(cause, Layer::Http, &name, args);

        let incoming = Incoming::new(reader, &head);
        let incoming = Arc::new(Mutex::new(incoming));
        let response = self.handle(&span, &head, incoming.clone()).await;
        if !told_body {
            tell_body(&span, &incoming);
        }
        let Some(response) = response else {
            span.exit(Outcome::Cut);
            return After::Close;
        };
        let status = response.status().as_u16();
        let after = match response.extensions().get::<TakeOver<S>>().cloned() {
            Some(takeover) => self.take_over(&span, response, takeover, incoming).await,
            None => self.respond(&span, &head, response, incoming).await,
        };
        match after {
            Ok(after) => {
                span.exit(Outcome::Int(status.into()));
                after
            }
            Err(errno) => {
                span.exit(Outcome::Errno(errno));
                After::Close
            }
        }
    }

    /// Calls the router; `None` when the peer went away before it answered.
    async fn handle(
        &self,
        span: &S,
        head: &RequestHead,
        incoming: Arc<Mutex<Incoming<S>>>,
    ) -> Option<Response> {
        let mut request = http::Request::new(Body::new(RequestBody(incoming)));
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = head.uri.clone();
        *request.version_mut() = head.version;
        *request.headers_mut() = head.headers.clone();
        request.extensions_mut().insert(Handle(span.clone()));
        let mut router = self.router.clone();
        let handled = router.call(request).fuse();
        let gone = span.hung_up(self.socket.fd()).fuse();
        pin_mut!(handled, gone);
        select_biased! {
            response = handled => {
                let Ok(response) = response;
                Some(response)
            }
            () = gone => None,
        }
    }

    async fn take_over(
        &self,
        span: &S,
        response: Response,
        takeover: TakeOver<S>,
        incoming: Arc<Mutex<Incoming<S>>>,
    ) -> Result<After<S>> {
        let run = takeover.take().ok_or(Errno::EPROTO)?;
        let head = respond::takeover_head(response.status(), response.headers());
        let status = response.status().as_u16();
        drop(response);
        let incoming = Arc::into_inner(incoming).and_then(|incoming| incoming.into_inner().ok());
        let reader = incoming.ok_or(Errno::EBUSY)?.reader;
        self.socket.write_all(&head).await?;
        tell_response(span, status, &head, &[], 0);
        let upgraded = Upgraded::new(reader.socket, reader.buffer.into());
        Ok(After::TakeOver(run(upgraded)))
    }

    async fn respond(
        &self,
        span: &S,
        head: &RequestHead,
        response: Response,
        incoming: Arc<Mutex<Incoming<S>>>,
    ) -> Result<After<S>> {
        let (parts, body) = response.into_parts();
        let framing = respond::framing(
            &head.method,
            parts.status,
            head.version,
            body.size_hint().exact(),
        );
        // A client that still waits for leave to send its body would be asked for it by reading on.
        let readable = incoming.lock().is_ok_and(|incoming| !incoming.unasked());
        let keep_alive = head.keep_alive && readable && framing != BodyFraming::Close;
        let context = respond::Context {
            version: head.version,
            keep_alive,
            now: self.sys.now(Clock::Realtime).sec,
        };
        let mut headers = parts.headers;
        if framing == BodyFraming::None
            && let Some(length) = body.size_hint().exact()
        {
            headers.insert(http::header::CONTENT_LENGTH, length.into());
        }
        let head_bytes = respond::head(parts.status, &headers, framing, context);
        let mut sender = BodySender {
            exchange: self,
            span,
            framing,
            seen: Vec::new(),
            length: 0,
        };
        let sent = sender.send(&head_bytes, body).await;
        tell_response(
            span,
            parts.status.as_u16(),
            &head_bytes,
            &sender.seen,
            sender.length,
        );
        sent?;
        if !keep_alive {
            return Ok(After::Close);
        }
        Ok(drain(incoming)
            .await
            .map_or(After::Close, |reader| After::Next(Box::new(reader))))
    }
}

/// How many bytes of `buffer` are the request's body, when it is there whole; else zero.
fn whole_body(head: &RequestHead, buffer: &[u8]) -> usize {
    match head.framing {
        crate::head::Framing::Length(length) => usize::try_from(length)
            .ok()
            .filter(|length| *length <= buffer.len())
            .unwrap_or(0),
        crate::head::Framing::Chunked => 0,
    }
}

/// Tells the trace a body that came later than its head.
fn tell_body<S: Sys + Trace>(span: &S, incoming: &Mutex<Incoming<S>>) {
    let Ok(incoming) = incoming.lock() else {
        return;
    };
    if incoming.seen_length > 0 {
        let body = glassdock_trace::Value::Bytes(incoming.seen.clone(), incoming.seen_length);
        let told = span.enter(
            Layer::Http,
            "request body",
            Args::Fields(vec![("body".into(), body)]),
        );
        told.exit(Outcome::Ok);
    }
}

/// Reads away what the handler left of the body; `None` when that is too much, or the handler still holds it.
async fn drain<S: Sys>(incoming: Arc<Mutex<Incoming<S>>>) -> Option<Reader<S>> {
    let mut incoming = Arc::into_inner(incoming)?.into_inner().ok()?;
    let mut drained = 0;
    while let Some(data) = core::future::poll_fn(|cx| incoming.poll_data(cx)).await {
        drained += data.ok()?.len() as u64;
        if drained > MAX_DRAIN_BYTES {
            return None;
        }
    }
    Some(incoming.reader)
}

struct BodySender<'a, S: Sys> {
    exchange: &'a Exchange<'a, S>,
    span: &'a S,
    framing: BodyFraming,
    seen: Vec<u8>,
    length: u64,
}

impl<S: Sys + Trace> BodySender<'_, S> {
    /// Sends head and body: together where the body is there at once, else the head first, so that the peer knows.
    async fn send(&mut self, head: &[u8], body: Body) -> Result<()> {
        let socket = self.exchange.socket;
        if self.framing == BodyFraming::None {
            return socket.write_all(head).await;
        }
        let mut frames = http_body_util::BodyStream::new(body);
        let mut unsent = Some(head.to_vec());
        loop {
            let frame = match frames.next().now_or_never() {
                Some(frame) => frame,
                None => {
                    if let Some(head) = unsent.take() {
                        socket.write_all(&head).await?;
                    }
                    self.next(&mut frames).await?
                }
            };
            let mut bytes = unsent.take().unwrap_or_default();
            let last = match frame {
                None => true,
                Some(Ok(frame)) => {
                    let data = frame.into_data().unwrap_or_default();
                    self.note(&data);
                    match self.framing {
                        BodyFraming::Chunked if data.is_empty() => {}
                        BodyFraming::Chunked => bytes.extend(chunk(&data)),
                        _ => bytes.extend_from_slice(&data),
                    }
                    false
                }
                // The body broke off: closing without its end tells the peer.
                Some(Err(_)) => return Err(Errno::EIO),
            };
            if last && self.framing == BodyFraming::Chunked {
                bytes.extend_from_slice(LAST_CHUNK);
            }
            socket.write_all(&bytes).await?;
            if last {
                return self.check_length();
            }
        }
    }

    async fn next(
        &self,
        frames: &mut http_body_util::BodyStream<Body>,
    ) -> Result<Option<core::result::Result<http_body::Frame<Bytes>, axum::Error>>> {
        let gone = self.span.hung_up(self.exchange.socket.fd()).fuse();
        pin_mut!(gone);
        select_biased! {
            frame = frames.next().fuse() => Ok(frame),
            () = gone => Err(Errno::EPIPE),
        }
    }

    fn note(&mut self, data: &[u8]) {
        let room = TRACE_BYTES.saturating_sub(self.seen.len());
        self.seen.extend_from_slice(&data[..data.len().min(room)]);
        self.length += data.len() as u64;
    }

    /// A body that is not as long as it said leaves the connection unusable.
    fn check_length(&self) -> Result<()> {
        match self.framing {
            BodyFraming::Length(length) if length != self.length => Err(Errno::EPROTO),
            _ => Ok(()),
        }
    }
}

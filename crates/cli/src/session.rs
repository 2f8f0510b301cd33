//! One run of the command: its streams, its environment, and the engine it talks to.

use crate::contexts::Choice;
use crate::contexts::host::{self, DEFAULT_HOST};
use crate::error::{Fail, Kind, Result};
use crate::settings::{self, Settings};
use crate::url;
use futures_util::stream;
use glassdock_abi::files::write_all;
use glassdock_abi::flags::OpenFlags;
use glassdock_abi::types::Clock;
use glassdock_abi::{Errno, Fd, Io, OwnedFd, PathArg, Sys};
use glassdock_api::{ErrorResponse, system, version};
use glassdock_http::client::Answer;
use glassdock_http::{Body, Bytes, Client, Error, Method, Request, Upgraded, header};
use glassdock_trace::Trace;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// The version of the real command whose behaviour this one has.
pub const CLIENT_VERSION: &str = "28.5.2";
/// Bytes of one document from the engine at most.
const MAX_DOCUMENT: usize = 64 << 20;
/// Bytes of an error from the engine at most.
const MAX_ERROR: usize = 1 << 20;
/// Bytes read from a file or standard input at once.
const READ_BYTES: u64 = 64 * 1024;
/// Bytes of a settings file at most.
const MAX_FILE: usize = 16 << 20;

/// One run of the command.
pub struct Session<S: Sys> {
    /// The kernel; calls through it belong to the command's span.
    pub sys: S,
    /// Environment.
    pub env: BTreeMap<String, String>,
    /// The engine's address as it was given.
    pub host: String,
    /// What was said about the engine's address and the client's files.
    pub choice: Choice,
    /// Settings.
    pub settings: Settings,
    /// `--debug`
    pub debug: bool,
    client: Client<S>,
    version: Arc<Mutex<Option<String>>>,
}

impl<S: Sys> Clone for Session<S> {
    fn clone(&self) -> Self {
        Session {
            sys: self.sys.clone(),
            env: self.env.clone(),
            host: self.host.clone(),
            choice: self.choice.clone(),
            settings: self.settings.clone(),
            debug: self.debug,
            client: self.client.clone(),
            version: self.version.clone(),
        }
    }
}

/// A request before it is sent.
pub struct Call<'a> {
    method: Method,
    path: String,
    query: Vec<(&'a str, String)>,
    body: Body,
    content_type: Option<&'static str>,
    auth: bool,
}

impl<'a> Call<'a> {
    /// A request without a body.
    pub fn new(method: Method, path: impl Into<String>) -> Call<'a> {
        Call {
            method,
            path: path.into(),
            query: Vec::new(),
            body: Body::empty(),
            content_type: None,
            auth: false,
        }
    }
    /// `GET`
    pub fn get(path: impl Into<String>) -> Call<'a> {
        Call::new(Method::GET, path)
    }
    /// `POST`
    pub fn post(path: impl Into<String>) -> Call<'a> {
        Call::new(Method::POST, path)
    }
    /// `DELETE`
    pub fn delete(path: impl Into<String>) -> Call<'a> {
        Call::new(Method::DELETE, path)
    }
    /// With a parameter.
    pub fn with(mut self, name: &'a str, value: impl Into<String>) -> Call<'a> {
        self.query.push((name, value.into()));
        self
    }
    /// With a parameter, if so.
    pub fn with_if(self, condition: bool, name: &'a str, value: impl Into<String>) -> Call<'a> {
        if condition {
            self.with(name, value)
        } else {
            self
        }
    }
    /// With a document.
    pub fn json(mut self, document: &impl Serialize) -> Call<'a> {
        let mut bytes = serde_json::to_vec(document).unwrap_or_default();
        bytes.push(b'\n');
        self.body = Body::from(bytes);
        self.content_type = Some("application/json");
        self
    }
    /// With bytes that come as they come.
    pub fn stream(mut self, body: Body, content_type: &'static str) -> Call<'a> {
        self.body = body;
        self.content_type = Some(content_type);
        self
    }
    /// With an empty account, which a registry's engine expects.
    pub fn with_auth(mut self) -> Call<'a> {
        self.auth = true;
        self
    }
}

impl<S: Sys + Trace> Session<S> {
    /// A session with the client's settings; no engine is looked for yet.
    ///
    /// # Errors
    /// A warning about the settings cannot be written.
    pub async fn open_client(
        sys: S,
        env: BTreeMap<String, String>,
        choice: Choice,
        debug: bool,
    ) -> Result<Session<S>> {
        let mut session = Session {
            client: Client::unix(sys.clone(), ""),
            sys,
            env,
            host: DEFAULT_HOST.to_owned(),
            choice,
            settings: Settings::default(),
            debug,
            version: Arc::default(),
        };
        let (settings, warning) = settings::load(&session).await;
        session.settings = settings;
        session.err(warning.unwrap_or_default()).await?;
        Ok(session)
    }

    /// Has the session talk to the engine at an address. Nothing is connected yet.
    ///
    /// # Errors
    /// This client cannot go there.
    pub fn reach(&mut self, host: String) -> Result<()> {
        let address = host::address(&host);
        let address = address.map_err(|why| Fail::new(format!("Failed to initialize: {why}")))?;
        self.client = Client::new(self.sys.clone(), address);
        self.host = host;
        Ok(())
    }

    /// The name of the context that is meant.
    pub fn context(&self) -> &str {
        self.choice.name(&self.settings)
    }

    /// The time of day in nanoseconds since 1970.
    pub fn now_nanos(&self) -> i64 {
        let now = self.sys.now(Clock::Realtime);
        now.sec
            .saturating_mul(1_000_000_000)
            .saturating_add(now.nsec.into())
    }

    /// Writes to standard output.
    pub async fn out(&self, text: impl AsRef<[u8]>) -> Result<()> {
        self.write(Fd::STDOUT, text.as_ref()).await
    }

    /// Writes to standard error.
    pub async fn err(&self, text: impl AsRef<[u8]>) -> Result<()> {
        self.write(Fd::STDERR, text.as_ref()).await
    }

    /// Writes to a stream.
    pub async fn write(&self, fd: Fd, bytes: &[u8]) -> Result<()> {
        write_all(&self.sys, fd, bytes).await.map_err(|errno| {
            let name = if fd == Fd::STDERR { "stderr" } else { "stdout" };
            Fail::new(format!(
                "write /dev/{name}: {}",
                errno.message().to_lowercase()
            ))
        })
    }

    /// The version of the API that both sides speak: `DOCKER_API_VERSION`, or what the engine's answer to a ping offers;
    /// asked once.
    pub async fn api_version(&self) -> String {
        let known = self.version.lock().ok().and_then(|version| version.clone());
        if let Some(version) = known {
            return version;
        }
        let offered = self.ping().await;
        let version = self.wanted_version().or(offered);
        let version = version.unwrap_or_else(|| version::MAX.to_owned());
        if let Ok(mut known) = self.version.lock() {
            *known = Some(version.clone());
        }
        version
    }

    async fn ping(&self) -> Option<String> {
        let request = self
            .request("/_ping".to_owned(), Call::new(Method::HEAD, ""))
            .ok()?;
        let mut answer = self.client.send(request).await.ok()?;
        answer.collect(MAX_ERROR).await.ok()?;
        let offered = answer
            .head
            .headers
            .get(system::header::API_VERSION)?
            .to_str()
            .ok()?;
        let older = version::less_than(offered, version::MAX);
        Some(if older {
            offered.to_owned()
        } else {
            version::MAX.to_owned()
        })
    }

    /// The version that was agreed on, without asking.
    pub fn known_version(&self) -> String {
        let known = self.version.lock().ok().and_then(|version| version.clone());
        let version = known.or_else(|| self.wanted_version());
        version.unwrap_or_else(|| version::MAX.to_owned())
    }

    fn wanted_version(&self) -> Option<String> {
        let wanted = self.env.get("DOCKER_API_VERSION")?;
        let wanted = wanted.strip_prefix('v').unwrap_or(wanted);
        (!wanted.is_empty()).then(|| wanted.to_owned())
    }

    fn request(&self, target: String, call: Call<'_>) -> Result<Request<Body>> {
        let mut request = Request::builder()
            .method(call.method)
            .uri(target)
            .header(header::HOST, "api.moby.localhost")
            .header(
                header::USER_AGENT,
                format!("Docker-Client/{CLIENT_VERSION} (linux)"),
            );
        if let Some(content_type) = call.content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        if call.auth {
            request = request.header("X-Registry-Auth", "e30=");
        }
        request
            .body(call.body)
            .map_err(|error| Fail::new(error.to_string()))
    }

    async fn versioned(&self, call: Call<'_>) -> Result<Request<Body>> {
        let query = url::query(&call.query);
        let mark = if query.is_empty() { "" } else { "?" };
        let target = format!("/v{}{}{mark}{query}", self.api_version().await, call.path);
        self.request(target, call)
    }

    /// Sends a request; an answer of status 400 or more is a failure.
    pub async fn send(&self, call: Call<'_>) -> Result<Answer<S>> {
        let described = format!("{} {}", title(call.method.as_str()), call.path);
        let request = self.versioned(call).await?;
        let answer = self.client.send(request).await;
        let mut answer = answer.map_err(|error| self.unreachable(error, &described))?;
        let status = answer.status().as_u16();
        if status < 400 {
            return Ok(answer);
        }
        let body = answer.collect(MAX_ERROR).await.unwrap_or_default();
        Err(refusal(status, &body, &described))
    }

    /// Sends a request and takes the whole answer.
    pub async fn fetch(&self, call: Call<'_>) -> Result<Vec<u8>> {
        let mut answer = self.send(call).await?;
        answer
            .collect(MAX_DOCUMENT)
            .await
            .map_err(|error| Fail::new(error.to_string()))
    }

    /// Sends a request whose answer is a document.
    pub async fn document<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T> {
        let bytes = self.fetch(call).await?;
        read_document(&bytes)
    }

    /// Sends a request after which the connection carries raw bytes.
    pub async fn upgrade(&self, call: Call<'_>) -> Result<Upgraded<S>> {
        let described = format!("{} {}", title(call.method.as_str()), call.path);
        let request = self.versioned(call).await?;
        match self.client.upgrade(request).await {
            Ok((_, upgraded)) => Ok(upgraded),
            Err(error) => Err(self.unreachable(error, &described)),
        }
    }

    fn unreachable(&self, error: Error, described: &str) -> Fail {
        let host = &self.host;
        let message = match &error {
            Error::Connect(Errno::EACCES) => {
                let (method, path) = described.split_once(' ').unwrap_or(("", ""));
                let socket = host.trim_start_matches("unix://");
                let url = format!(
                    "http://{}/v{}{path}",
                    url::query_escape(socket),
                    self.known_version()
                );
                format!(
                    "permission denied while trying to connect to the Docker daemon socket at {host}: {method} \"{url}\": \
                     dial unix {socket}: connect: permission denied"
                )
            }
            Error::Connect(_) => format!(
                "Cannot connect to the Docker daemon at {host}. Is the docker daemon running?"
            ),
            other => format!("error during connect: {other}"),
        };
        let kind = if let Error::Connect(_) = error {
            Kind::Connection
        } else {
            Kind::Other
        };
        Fail::new(message).of_kind(kind)
    }

    /// Opens a file to read; one that is not there is [`Kind::NotFound`].
    pub async fn open(&self, path: &str) -> Result<OwnedFd<S>> {
        let opened = self
            .sys
            .openat(Fd::CWD, PathArg::from(path), OpenFlags::RDONLY, 0)
            .await;
        opened.map_err(failed("open", path))
    }

    /// Makes or empties a file to write, with permissions before the umask.
    pub async fn create(&self, path: &str, flags: OpenFlags, mode: u32) -> Result<OwnedFd<S>> {
        let flags = flags | OpenFlags::WRONLY | OpenFlags::CREAT;
        let opened = self
            .sys
            .openat(Fd::CWD, PathArg::from(path), flags, mode)
            .await;
        opened.map_err(failed("open", path))
    }

    /// A whole file of at most 16 MiB.
    pub async fn read_file(&self, path: &str) -> Result<Vec<u8>> {
        let file = self.open(path).await?;
        self.read_all(file.fd(), path).await
    }

    /// All that comes from a descriptor, at most 16 MiB; `path` is what errors call it.
    pub async fn read_all(&self, fd: Fd, path: &str) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        loop {
            let piece = self.sys.read(fd, READ_BYTES).await;
            let piece = piece.map_err(failed("read", path))?;
            if piece.is_empty() {
                return Ok(content);
            }
            content.extend(piece);
            if content.len() > MAX_FILE {
                return Err(Fail::new(format!("read {path}: file too large")));
            }
        }
    }
}

/// How a call about a path fails, in Go's words.
pub fn failed(call: &str, path: &str) -> impl Fn(Errno) -> Fail {
    let what = format!("{call} {path}");
    move |errno| {
        let kind = match errno {
            Errno::ENOENT => Kind::NotFound,
            _ => Kind::Other,
        };
        Fail::new(format!("{what}: {}", errno.message().to_lowercase())).of_kind(kind)
    }
}

/// The body of a request that is read from a descriptor as it is sent.
pub fn body_of<S: Sys>(sys: S, fd: Fd, owner: Option<OwnedFd<S>>) -> Body {
    let pieces = stream::unfold((sys, owner), move |(sys, owner)| async move {
        let piece = sys.read(fd, READ_BYTES).await;
        match piece {
            Ok(piece) if piece.is_empty() => None,
            Ok(piece) => Some((Ok(Bytes::from(piece)), (sys, owner))),
            Err(errno) => Some((Err(std::io::Error::other(errno.message())), (sys, owner))),
        }
    });
    Body::from_stream(pieces)
}

/// Reads a document.
pub fn read_document<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes)
        .map_err(|error| Fail::new(format!("Error reading remote info: {error}")))
}

fn refusal(status: u16, body: &[u8], described: &str) -> Fail {
    let told = serde_json::from_slice::<ErrorResponse>(body)
        .ok()
        .filter(|told| !told.message.is_empty());
    let message = match told {
        Some(told) => told.message.trim().to_owned(),
        None if body.is_empty() => format!(
            "request returned {status} for API route and version {described}, check if the server supports the requested API version"
        ),
        None => String::from_utf8_lossy(body).trim().to_owned(),
    };
    let kind = match status {
        404 => Kind::NotFound,
        501 => Kind::NotSupported,
        _ => Kind::Other,
    };
    Fail::new(format!("Error response from daemon: {message}")).of_kind(kind)
}

fn title(method: &str) -> String {
    let (first, rest) = method.split_at(method.len().min(1));
    first.to_owned() + &rest.to_lowercase()
}

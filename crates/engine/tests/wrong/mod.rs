//! What clients and archives may get wrong, told as a transcript: the same on every kernel.
//!
//! Each line is a request, the answer's status and its message. At the end the engine still answers, and nothing is left
//! of what was refused.

pub mod archives;

use archives::{Archive, Change};
use glassdock_abi::types::SockAddr;
use glassdock_abi::{Errno, Fd, Io, PathArg, Sys};
use glassdock_runtime::io::send_all;
use std::fmt::Write;

/// Bytes of an answer that are read at once.
const ANSWER_MAX: u64 = 1 << 20;
/// Times that a connection is tried while the daemon starts, and nanoseconds between them.
const TRIES: u32 = 2000;
const PAUSE: u64 = 10_000_000;

/// Where the daemon is.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its socket.
    pub socket: String,
    /// Its data root.
    pub root: String,
}

/// A request and its answer.
struct Client<'a, S> {
    sys: &'a S,
    place: &'a Place,
    told: String,
}

impl<S: Sys> Client<'_, S> {
    /// Sends bytes, ends the sending, and gives all that comes back.
    async fn raw(&self, request: &[u8]) -> Vec<u8> {
        let socket = self.sys.socket_stream().await.expect("a socket");
        let address = SockAddr::Unix(PathArg::from(&self.place.socket));
        let mut tries = 0;
        while let Err(errno) = self.sys.connect(socket.fd(), address.clone()).await {
            assert!(
                matches!(errno, Errno::ENOENT | Errno::ECONNREFUSED) && tries < TRIES,
                "connect: {errno}"
            );
            tries += 1;
            self.sys.sleep(PAUSE).await;
        }
        // A request that is refused at once is answered before all of it is sent.
        let _ = send_all(self.sys, socket.fd(), request.to_vec()).await;
        let _ = self.sys.shutdown(socket.fd(), 1).await;
        let mut answer = Vec::new();
        // A peer that closes without having read everything resets the connection after its answer.
        while let Ok(piece) = self.sys.read(socket.fd(), ANSWER_MAX).await {
            if piece.is_empty() {
                break;
            }
            answer.extend(piece);
        }
        answer
    }

    /// A request of one part; gives status and body.
    async fn ask(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> (u16, String) {
        let kind = match kind {
            "" => String::new(),
            kind => format!("Content-Type: {kind}\r\n"),
        };
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\n{kind}Connection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        let answer = self.raw(&[head.as_bytes(), body].concat()).await;
        let text = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let body = match head.to_lowercase().contains("transfer-encoding: chunked") {
            true => joined(body),
            false => body.to_owned(),
        };
        (status.unwrap_or(0), body)
    }

    /// Tells a request with the status and message of its answer.
    async fn tell(&mut self, method: &str, path: &str, kind: &str, body: &[u8]) {
        let (status, answer) = self.ask(method, path, kind, body).await;
        let message = message_in(&answer);
        let body = match kind {
            "application/json" => format!(" {}", String::from_utf8_lossy(body)),
            _ => String::new(),
        };
        writeln!(self.told, "{method} {path}{body}\n  {status} {message}").expect("text");
    }

    async fn json(&mut self, path: &str, body: &str) {
        self.tell("POST", path, "application/json", body.as_bytes())
            .await;
    }

    /// Tells what is done with an archive that somebody loads or imports. An image that comes of it is removed again.
    async fn archive(&mut self, what: &str, path: &str, archive: &[u8]) {
        let (status, answer) = self.ask("POST", path, "application/x-tar", archive).await;
        let message = message_in(&answer);
        let image = message
            .strip_prefix("Loaded image: ")
            .or_else(|| message.starts_with("sha256:").then_some(message.as_str()));
        let Some(image) = image.map(str::trim) else {
            writeln!(self.told, "{what}\n  {status} {message}").expect("text");
            return;
        };
        writeln!(self.told, "{what}\n  {status} an image").expect("text");
        let (status, answer) = self
            .ask("DELETE", &format!("/images/{image}"), "", b"")
            .await;
        assert_eq!(status, 200, "{answer}");
    }

    /// Names in a directory of the data root.
    async fn names(&self, below: &str) -> Vec<String> {
        let path = PathArg::from(&self.place.root).join(below);
        let dir = glassdock_image::fs::open_dir(self.sys, &path)
            .await
            .expect(below);
        let entries = glassdock_image::fs::list(self.sys, dir.fd())
            .await
            .expect(below);
        let mut names: Vec<String> = entries
            .into_iter()
            .map(|(name, _)| String::from_utf8_lossy(&name).into_owned())
            .collect();
        names.sort();
        names
    }

    /// What a refused request must not change.
    async fn kept(&self) -> Vec<Vec<String>> {
        let mut kept = Vec::new();
        for below in [
            "overlay2",
            "overlay2/l",
            "containers",
            "tmp",
            "image/overlay2/imagedb/content/sha256",
            "image/overlay2/layerdb/sha256",
        ] {
            kept.push(self.names(below).await);
        }
        kept
    }
}

/// A chunked body in one piece.
fn joined(mut rest: &str) -> String {
    let mut body = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap_or(0);
        if size == 0 || after.len() < size {
            break;
        }
        body += &after[..size];
        rest = after[size..].trim_start_matches("\r\n");
    }
    body
}

/// `message` of an error, what a progress stream's last line says, or the text itself.
fn message_in(answer: &str) -> String {
    let last = answer.lines().last().unwrap_or_default();
    let value: Option<serde_json::Value> = serde_json::from_str(last).ok();
    let field = |name: &str| value.as_ref()?.get(name)?.as_str().map(str::to_owned);
    ["message", "error", "stream", "status"]
        .into_iter()
        .find_map(field)
        .unwrap_or_else(|| last.to_owned())
}

/// Does everything wrong, with a daemon that is running or about to; `busybox` is a program for an image.
pub async fn tell<S: Sys>(sys: &S, place: &Place, busybox: &[u8]) -> String {
    let mut client = Client {
        sys,
        place,
        told: String::new(),
    };
    let image = archives::plain(&[("bin/busybox", 0o755, busybox)]);
    let made = "/images/create?fromSrc=-&repo=busybox&changes=CMD%20%5B%22%2Fbin%2Fbusybox%22%5D";
    let (status, answer) = client.ask("POST", made, "", &image).await;
    assert_eq!(status, 200, "{answer}");
    heads(&mut client).await;
    let before = client.kept().await;
    requests(&mut client).await;
    assert_eq!(
        client.kept().await,
        before,
        "left by requests:\n{}",
        client.told
    );
    containers(&mut client).await;
    assert_eq!(
        client.kept().await,
        before,
        "left by containers:\n{}",
        client.told
    );
    tars(&mut client, busybox).await;
    assert_eq!(
        client.kept().await,
        before,
        "left by archives:\n{}",
        client.told
    );
    let (status, answer) = client.ask("GET", "/_ping", "", b"").await;
    writeln!(client.told, "still there\n  {status} {answer}").expect("text");
    without_ids(&client.told.replace(&place.root, "ROOT"))
}

/// The text with runs of twelve and more hexadecimal digits taken out: ids are random, and digests are those of the
/// program at hand.
fn without_ids(text: &str) -> String {
    let mut out = String::new();
    for piece in text.split_inclusive(|c: char| !c.is_ascii_hexdigit()) {
        let digits = piece.trim_end_matches(|c: char| !c.is_ascii_hexdigit());
        match digits.len() {
            0..12 => out += piece,
            _ => out += &piece.replace(digits, "<id>"),
        }
    }
    out
}

/// What is no HTTP.
async fn heads<S: Sys>(client: &mut Client<'_, S>) {
    let long = format!(
        "GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n",
        "x".repeat(2 << 20)
    );
    for (what, request) in [
        ("nothing", ""),
        ("half a head", "GET /_ping HTTP/1.1\r\nHost:"),
        ("no HTTP", "hello\r\n\r\n"),
        ("another version", "GET /_ping HTTP/3.0\r\nHost: x\r\n\r\n"),
        ("no host", "GET /_ping HTTP/1.1\r\n\r\n"),
        (
            "a bad field",
            "GET /_ping HTTP/1.1\r\nHost: x\r\nX y: z\r\n\r\n",
        ),
        (
            "two lengths",
            "POST /build HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        ),
        (
            "a negative length",
            "POST /build HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        ),
        (
            "another encoding",
            "POST /build HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        ),
        (
            "a bad chunk",
            "POST /images/load HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n",
        ),
        ("a long head", long.as_str()),
    ] {
        let answer = client.raw(request.as_bytes()).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let first = answer.lines().next().unwrap_or("no answer");
        let last = message_in(&answer);
        let last = if last == first { "" } else { last.trim_end() };
        writeln!(client.told, "{what}\n  {first} {last}").expect("text");
    }
}

async fn requests<S: Sys>(client: &mut Client<'_, S>) {
    for (method, path) in [
        ("GET", "/nope"),
        ("PUT", "/info"),
        ("GET", "/v1.99/info"),
        ("GET", "/v1.23/info"),
        ("GET", "/v1.x/info"),
        ("GET", "/%zz"),
        ("GET", "/containers/json?filters=x"),
        (
            "GET",
            "/containers/json?filters=%7B%22nope%22%3A%5B%22x%22%5D%7D",
        ),
        ("GET", "/containers/json?limit=x"),
        ("GET", "/images/json?filters=%5B%5D"),
        ("GET", "/events?since=x"),
        ("GET", "/containers/zz/json"),
        ("GET", "/containers/zz/logs?stdout=1"),
        ("POST", "/containers/zz/start"),
        ("POST", "/containers/zz/kill"),
        ("POST", "/containers/zz/wait?condition=x"),
        ("DELETE", "/containers/zz"),
        ("POST", "/exec/zz/resize?h=1&w=1"),
        ("GET", "/exec/zz/json"),
        ("GET", "/images/zz/json"),
        ("DELETE", "/images/zz"),
        ("POST", "/images/busybox/tag?repo=UPPER"),
        ("POST", "/images/zz/tag?repo=x"),
        ("POST", "/images/create?fromImage=zz"),
    ] {
        client.tell(method, path, "", b"").await;
    }
    client.tell("POST", "/containers/create", "", b"{}").await;
    client
        .tell("POST", "/containers/create", "text/plain", b"{}")
        .await;
    for body in [
        "",
        "{",
        "[]",
        "{} x",
        "{\"Image\":7}",
        "null",
        "null x",
        "{}",
        r#"{"HostConfig":{"NetworkMode":"none"}}"#,
        r#"{"Image":"nope"}"#,
        r#"{"Image":"UPPER"}"#,
        r#"{"Image":"busybox","HostConfig":{"Binds":["relative:/x"]}}"#,
        r#"{"Image":"busybox","HostConfig":{"Binds":["/a:b"]}}"#,
        r#"{"Image":"busybox","HostConfig":{"RestartPolicy":{"Name":"sometimes"}}}"#,
        r#"{"Image":"busybox","HostConfig":{"CapAdd":["NOPE"]}}"#,
        r#"{"Image":"busybox","HostConfig":{"NetworkMode":"nope"}}"#,
        r#"{"Image":"busybox","WorkingDir":"relative"}"#,
        r#"{"Image":"busybox","StopSignal":"NOPE"}"#,
        r#"{"Image":"busybox","Env":["=x"]}"#,
    ] {
        client.json("/containers/create", body).await;
    }
    let busybox = r#"{"Image":"busybox"}"#;
    for name in ["-x", "x", "a%2Fb", "%C3%A9"] {
        client
            .json(&format!("/containers/create?name={name}"), busybox)
            .await;
    }
}

/// Containers that are not in the state that a request needs.
async fn containers<S: Sys>(client: &mut Client<'_, S>) {
    let create = "/containers/create?name=box";
    let body = r#"{"Image":"busybox","Cmd":["/bin/busybox","sleep","1000"],"HostConfig":{"NetworkMode":"none"}}"#;
    let (status, answer) = client
        .ask("POST", create, "application/json", body.as_bytes())
        .await;
    assert_eq!(status, 201, "{answer}");
    client.json(create, body).await;
    for (method, path) in [
        ("POST", "/containers/box/kill"),
        ("POST", "/containers/box/stop"),
        ("POST", "/containers/box/resize?h=1&w=1"),
        ("POST", "/containers/box/rename?name=box"),
        ("POST", "/containers/box/rename"),
    ] {
        client.tell(method, path, "", b"").await;
    }
    client
        .json("/containers/box/exec", r#"{"Cmd":["true"]}"#)
        .await;
    let (status, answer) = client.ask("POST", "/containers/box/start", "", b"").await;
    assert_eq!(status, 204, "{answer}");
    for (method, path) in [
        ("POST", "/containers/box/start"),
        ("POST", "/containers/box/kill?signal=NOPE"),
        ("POST", "/containers/box/kill?signal=99"),
        ("POST", "/containers/box/stop?t=x"),
        ("DELETE", "/containers/box"),
        ("DELETE", "/images/busybox"),
        ("POST", "/containers/box/resize?h=x&w=1"),
    ] {
        client.tell(method, path, "", b"").await;
    }
    client.json("/containers/box/exec", r#"{"Cmd":[]}"#).await;
    let (status, answer) = client
        .ask("DELETE", "/containers/box?force=1", "", b"")
        .await;
    assert_eq!(status, 204, "{answer}");
}

/// Archives that are damaged, lie, or want out of the root.
async fn tars<S: Sys>(client: &mut Client<'_, S>, busybox: &[u8]) {
    let load = "/images/load?quiet=1";
    let good = Archive::new(&archives::plain(&[("bin/busybox", 0o755, busybox)]));
    let whole = good.save(Change::None);
    client.archive("no archive", load, b"").await;
    client.archive("text", load, b"neither tar nor gzip").await;
    for (what, part) in [("a quarter", 4), ("a half", 2)] {
        let end = whole.len() / part;
        client.archive(what, load, &whole[..end]).await;
    }
    for (what, change) in [
        ("no manifest", Change::NoManifest),
        ("a manifest that is no JSON", Change::ManifestText),
        ("a manifest without images", Change::ManifestEmpty),
        ("a layer that is missing", Change::NoLayer),
        ("a layer of another digest", Change::LayerDigest),
        ("a configuration that is missing", Change::NoConfig),
        ("a configuration of another digest", Change::ConfigDigest),
        ("a configuration that is no JSON", Change::ConfigText),
        ("more layers than the configuration has", Change::MoreLayers),
        (
            "paths of the manifest that leave the archive",
            Change::PathsOut,
        ),
    ] {
        client.archive(what, load, &good.save(change)).await;
    }
    for (what, layer) in archives::leaving_the_root() {
        let archive = Archive::new(&layer).save(Change::None);
        client.archive(what, load, &archive).await;
    }
    let import = "/images/create?fromSrc=-";
    client.archive("import of text", import, b"text").await;
    client
        .archive("import of a half", import, &whole[..whole.len() / 2])
        .await;
    for (what, layer) in archives::leaving_the_root() {
        client
            .archive(&format!("import: {what}"), import, &layer)
            .await;
    }
    let changes = "/images/create?fromSrc=-&changes=NOPE%20x";
    client
        .archive("import with a change", changes, &whole)
        .await;
    // None of them has made anything beside the roots that they were unpacked into.
    for path in ["outside", "../outside", "../../outside", "/outside"] {
        let path = match path.starts_with('/') {
            true => PathArg::from(path),
            false => PathArg::from(&client.place.root).join(path),
        };
        let flags = glassdock_abi::flags::AtFlags::SYMLINK_NOFOLLOW;
        let found = client.sys.statx(Fd::CWD, path.clone(), flags).await;
        assert_eq!(found.err(), Some(Errno::ENOENT), "{path}");
    }
}

//! `serve`: the built site on loopback, by a small server of static files.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

/// Bytes of a request's head that are read before it is refused.
const MAX_HEAD: u64 = 16 * 1024;
/// How long a client may take to send its request.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server that has its port and does not answer yet.
pub struct Server {
    listener: TcpListener,
    folder: PathBuf,
    /// The path at which the folder appears; begins and ends with a slash.
    at: &'static str,
}

impl Server {
    /// Takes a port on loopback; 0 takes a free one.
    ///
    /// # Errors
    /// When the port is taken.
    pub fn bind(folder: PathBuf, port: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .with_context(|| format!("port {port} (another one: --port N)"))?;
        let at = "/";
        Ok(Self {
            listener,
            folder,
            at,
        })
    }

    /// Serves the folder at this path instead of the root.
    pub fn at(self, at: &'static str) -> Self {
        Self { at, ..self }
    }

    /// The page's address.
    ///
    /// # Errors
    /// When the socket is gone.
    pub fn url(&self) -> Result<String> {
        Ok(format!("http://{}{}", self.listener.local_addr()?, self.at))
    }

    /// Answers requests for as long as the process lives.
    pub fn run(self) {
        for stream in self.listener.incoming().flatten() {
            let folder = self.folder.clone();
            std::thread::spawn(move || {
                // A client that goes away in the middle concerns nobody else.
                let _ = answer(&stream, &folder, self.at);
            });
        }
    }
}

fn answer(stream: &TcpStream, folder: &Path, at: &str) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut head = BufReader::new(stream.take(MAX_HEAD));
    let mut request = String::new();
    head.read_line(&mut request)?;
    let mut line = String::new();
    while head.read_line(&mut line)? > 2 {
        line.clear();
    }
    let mut words = request.split_whitespace();
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    if method != "GET" && method != "HEAD" {
        return respond(
            stream,
            "405 Method Not Allowed",
            "text/plain",
            b"GET only\n",
            true,
        );
    }
    let found = target
        .strip_prefix(at)
        .and_then(|target| file(folder, target));
    let found = found.and_then(|path| Some((fs::read(&path).ok()?, path)));
    match found {
        Some((content, path)) => {
            let body = method == "GET";
            respond(stream, "200 OK", media_type(&path), &content, body)
        }
        None => respond(stream, "404 Not Found", "text/plain", b"not found\n", true),
    }
}

fn respond(
    mut stream: &TcpStream,
    status: &str,
    media_type: &str,
    content: &[u8],
    with_body: bool,
) -> std::io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n\
         Cache-Control: no-cache\r\nConnection: close\r\n\r\n",
        content.len()
    )?;
    if with_body {
        stream.write_all(content)?;
    }
    stream.flush()
}

/// The file that a target below the folder's path means, if it lies inside the folder.
fn file(folder: &Path, target: &str) -> Option<PathBuf> {
    let path = target.split(['?', '#']).next()?;
    let path = percent_decoded(path)?;
    let path = Path::new(&path);
    if !path
        .components()
        .all(|part| matches!(part, Component::Normal(_)))
    {
        return None;
    }
    let path = folder.join(path);
    Some(if path.is_dir() {
        path.join("index.html")
    } else {
        path
    })
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn media_type(path: &Path) -> &'static str {
    match path.extension().and_then(|end| end.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("gz") => "application/gzip",
        Some("txt" | "ftl") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn get(request: &str) -> String {
        // One folder per call: tests run side by side.
        static CALLS: AtomicU32 = AtomicU32::new(0);
        let call = CALLS.fetch_add(1, Ordering::SeqCst);
        let name = format!("glassdock-serve-{}-{call}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(folder.join("sub dir")).unwrap();
        fs::write(folder.join("index.html"), "<p>here</p>").unwrap();
        fs::write(folder.join("sub dir/a.wasm"), "\0asm").unwrap();
        let server = Server::bind(folder.clone(), 0).unwrap();
        let address = server.listener.local_addr().unwrap();
        assert_eq!(server.url().unwrap(), format!("http://{address}/"));
        std::thread::spawn(move || server.run());
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        fs::remove_dir_all(folder).unwrap();
        answer
    }

    #[test]
    fn files_come_with_their_media_type() {
        let answer = get("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/html"));
        assert!(answer.ends_with("<p>here</p>"));
        let answer = get("GET /sub%20dir/a.wasm?v=1 HTTP/1.1\r\n\r\n");
        assert!(
            answer.contains("Content-Type: application/wasm"),
            "{answer}"
        );
    }

    #[test]
    fn a_head_request_gets_no_body() {
        let answer = get("HEAD / HTTP/1.1\r\n\r\n");
        assert!(answer.contains("Content-Length: 11") && answer.ends_with("\r\n\r\n"));
    }

    #[test]
    fn nothing_outside_the_folder_is_served() {
        for target in [
            "/../etc/passwd",
            "/%2e%2e/etc/passwd",
            "//etc/passwd",
            "/sub%2",
            "/%ff",
            "x",
            "/no-such-file",
        ] {
            let answer = get(&format!("GET {target} HTTP/1.1\r\n\r\n"));
            assert!(answer.starts_with("HTTP/1.1 404"), "{target}: {answer}");
        }
    }

    #[test]
    fn other_methods_are_refused() {
        assert!(get("POST / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405"));
    }
}

//! The head of a request, from bytes; what is refused, and in which words (Go's `net/http`, `server.go`).

use crate::limits::{MAX_HEAD_BYTES, MAX_HEADERS};
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};

/// Why a request was refused before any handler saw it. The connection is closed after the answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reject {
    /// 400, with more words where there are some.
    BadRequest(&'static str),
    /// 431.
    HeadersTooLarge,
    /// 417: an expectation that is not `100-continue`.
    Expectation,
    /// 501: a transfer encoding that is not `chunked`.
    TransferEncoding,
    /// 505.
    Version,
}

impl Reject {
    /// Status and text, as in the answer's body.
    pub fn text(self) -> (u16, String) {
        let (status, text) = match self {
            Reject::BadRequest("") => (400, "Bad Request"),
            Reject::BadRequest(why) => return (400, format!("400 Bad Request: {why}")),
            Reject::HeadersTooLarge => (431, "Request Header Fields Too Large"),
            Reject::Expectation => (417, "Expectation Failed"),
            Reject::TransferEncoding => {
                return (
                    501,
                    "501 Not Implemented: unsupported transfer encoding".into(),
                );
            }
            Reject::Version => {
                return (
                    505,
                    "505 HTTP Version Not Supported: unsupported protocol version".into(),
                );
            }
        };
        (status, format!("{status} {text}"))
    }
}

/// How the end of a request's body is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// That many bytes; zero where there is none.
    Length(u64),
    /// In chunks.
    Chunked,
}

/// A request's head.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// The method.
    pub method: Method,
    /// The target.
    pub uri: Uri,
    /// 1.0 or 1.1.
    pub version: Version,
    /// The fields.
    pub headers: HeaderMap,
    /// How the body ends.
    pub framing: Framing,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub expect_continue: bool,
    /// Whether the connection may carry another request after this one.
    pub keep_alive: bool,
    /// Bytes of the head.
    pub length: usize,
}

impl RequestHead {
    /// Whether the body is a document that is of use only as a whole.
    pub fn is_document(&self) -> bool {
        let kind = self.headers.get(http::header::CONTENT_TYPE);
        kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
    }
}

/// Reads a head from the start of `bytes`; `None` while it is not whole.
pub fn parse_head(bytes: &[u8]) -> Result<Option<RequestHead>, Reject> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut fields);
    let length = match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if bytes.len() > MAX_HEAD_BYTES => {
            return Err(Reject::HeadersTooLarge);
        }
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Reject::HeadersTooLarge),
        Err(httparse::Error::Version) => return Err(Reject::Version),
        Err(_) => return Err(Reject::BadRequest("")),
    };
    if length > MAX_HEAD_BYTES {
        return Err(Reject::HeadersTooLarge);
    }
    let version = match request.version {
        Some(0) => Version::HTTP_10,
        _ => Version::HTTP_11,
    };
    let method = request.method.unwrap_or_default();
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| Reject::BadRequest(""))?;
    let uri = target(request.path.unwrap_or_default(), &method)?;
    let headers = header_map(request.headers)?;
    check_host(&headers, version)?;
    let framing = framing(&headers, version)?;
    Ok(Some(RequestHead {
        expect_continue: expects_continue(&headers, version)?,
        keep_alive: keeps_alive(&headers, version, framing),
        method,
        uri,
        version,
        headers,
        framing,
        length,
    }))
}

fn target(path: &str, method: &Method) -> Result<Uri, Reject> {
    let whole =
        path.starts_with('/') || path.contains("://") || path == "*" || *method == Method::CONNECT;
    if !whole {
        return Err(Reject::BadRequest(""));
    }
    path.parse().map_err(|_| Reject::BadRequest(""))
}

fn header_map(fields: &[httparse::Header<'_>]) -> Result<HeaderMap, Reject> {
    let mut headers = HeaderMap::with_capacity(fields.len());
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes());
        let value = HeaderValue::from_bytes(field.value);
        match (name, value) {
            (Ok(name), Ok(value)) => headers.append(name, value),
            (Err(_), _) => return Err(Reject::BadRequest("invalid header name")),
            (_, Err(_)) => return Err(Reject::BadRequest("invalid header value")),
        };
    }
    Ok(headers)
}

fn check_host(headers: &HeaderMap, version: Version) -> Result<(), Reject> {
    match headers.get_all(HOST).iter().count() {
        0 if version == Version::HTTP_11 => Err(Reject::BadRequest("missing required Host header")),
        0 | 1 => Ok(()),
        _ => Err(Reject::BadRequest("too many Host headers")),
    }
}

fn framing(headers: &HeaderMap, version: Version) -> Result<Framing, Reject> {
    let mut encodings = headers.get_all(TRANSFER_ENCODING).iter();
    if let Some(encoding) = encodings.next() {
        let chunked = encoding
            .as_bytes()
            .trim_ascii()
            .eq_ignore_ascii_case(b"chunked");
        if !chunked || encodings.next().is_some() {
            return Err(Reject::TransferEncoding);
        }
        if version == Version::HTTP_10 {
            return Err(Reject::BadRequest(""));
        }
        return Ok(Framing::Chunked);
    }
    let mut length = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        let value = decimal(value.as_bytes().trim_ascii()).ok_or(Reject::BadRequest(""))?;
        if length.is_some_and(|length| length != value) {
            return Err(Reject::BadRequest(""));
        }
        length = Some(value);
    }
    Ok(Framing::Length(length.unwrap_or(0)))
}

fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    core::str::from_utf8(digits).ok()?.parse().ok()
}

fn expects_continue(headers: &HeaderMap, version: Version) -> Result<bool, Reject> {
    match headers.get(EXPECT) {
        None => Ok(false),
        Some(value) if value.is_empty() => Ok(false),
        Some(value) if value.as_bytes().eq_ignore_ascii_case(b"100-continue") => {
            Ok(version == Version::HTTP_11)
        }
        Some(_) => Err(Reject::Expectation),
    }
}

fn keeps_alive(headers: &HeaderMap, version: Version, framing: Framing) -> bool {
    // Both ways of telling a length are an attempt to smuggle: chunked wins, and nothing is read after it (RFC 9112
    // §6.3).
    if framing == Framing::Chunked && headers.contains_key(CONTENT_LENGTH) {
        return false;
    }
    match version {
        Version::HTTP_10 => has_token(headers, "keep-alive"),
        _ => !has_token(headers, "close"),
    }
}

/// Whether `Connection` names an option.
pub(crate) fn has_token(headers: &HeaderMap, token: &str) -> bool {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|option| option.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(text: &str) -> Result<Option<RequestHead>, Reject> {
        parse_head(text.as_bytes())
    }

    #[test]
    fn a_head_tells_how_its_body_ends_and_whether_the_connection_stays() {
        for (text, framing, keep) in [
            (
                "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                Framing::Length(0),
                true,
            ),
            ("GET / HTTP/1.0\r\n\r\n", Framing::Length(0), false),
            (
                "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
                Framing::Length(0),
                true,
            ),
            (
                "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: a, close\r\n\r\n",
                Framing::Length(5),
                false,
            ),
            (
                "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n",
                Framing::Chunked,
                true,
            ),
            (
                "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
                Framing::Chunked,
                false,
            ),
            (
                "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
                Framing::Length(5),
                true,
            ),
        ] {
            let head = head(text).unwrap().unwrap();
            assert_eq!(
                (head.framing, head.keep_alive, head.length),
                (framing, keep, text.len()),
                "{text:?}"
            );
        }
    }

    #[test]
    fn what_is_refused_is_refused_in_go_s_words() {
        for (text, status, body) in [
            (
                "GET / HTTP/1.1\r\n\r\n",
                400,
                "400 Bad Request: missing required Host header",
            ),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                400,
                "400 Bad Request: too many Host headers",
            ),
            (
                "GET nope HTTP/1.1\r\nHost: a\r\n\r\n",
                400,
                "400 Bad Request",
            ),
            (
                "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
                400,
                "400 Bad Request",
            ),
            ("\x16\x03\x01\x02\x00", 400, "400 Bad Request"),
            (
                "PRI * HTTP/2.0\r\n\r\n",
                505,
                "505 HTTP Version Not Supported: unsupported protocol version",
            ),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
                400,
                "400 Bad Request",
            ),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
                400,
                "400 Bad Request",
            ),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                400,
                "400 Bad Request",
            ),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
                400,
                "400 Bad Request",
            ),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
                501,
                "501 Not Implemented: unsupported transfer encoding",
            ),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nExpect: coffee\r\n\r\n",
                417,
                "417 Expectation Failed",
            ),
        ] {
            assert_eq!(
                head(text).unwrap_err().text(),
                (status, body.to_owned()),
                "{text:?}"
            );
        }
        let many = format!(
            "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
            "a: b\r\n".repeat(MAX_HEADERS)
        );
        assert_eq!(head(&many).unwrap_err(), Reject::HeadersTooLarge);
        let long = format!(
            "GET / HTTP/1.1\r\nHost: a\r\nx: {}",
            "a".repeat(MAX_HEAD_BYTES)
        );
        assert_eq!(head(&long).unwrap_err(), Reject::HeadersTooLarge);
    }

    #[test]
    fn a_head_that_is_not_whole_is_waited_for() {
        let text = "GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n";
        for end in 0..text.len() {
            assert!(head(&text[..end]).unwrap().is_none(), "{end}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse_head(&bytes);
        }
    }
}

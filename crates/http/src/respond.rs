//! Answers, as bytes.

use crate::date::http_date;
use crate::head::Reject;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, Method, StatusCode, Version};

/// How the end of an answer's body is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BodyFraming {
    /// There is none.
    None,
    /// That many bytes.
    Length(u64),
    /// In chunks.
    Chunked,
    /// By closing the connection.
    Close,
}

/// What the head of an answer depends on beside the answer itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    pub version: Version,
    pub keep_alive: bool,
    /// Seconds since 1970.
    pub now: i64,
}

/// How an answer to `method` ends, given the body's length where it is known.
pub(crate) fn framing(
    method: &Method,
    status: StatusCode,
    version: Version,
    length: Option<u64>,
) -> BodyFraming {
    let bodiless = status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED;
    match length {
        _ if bodiless || method == Method::HEAD => BodyFraming::None,
        Some(length) => BodyFraming::Length(length),
        None if version == Version::HTTP_10 => BodyFraming::Close,
        None => BodyFraming::Chunked,
    }
}

/// The head of an ordinary answer: the handler's fields by name, then what the driver knows, as Go writes them.
pub(crate) fn head(
    status: StatusCode,
    headers: &HeaderMap,
    framing: BodyFraming,
    context: Context,
) -> Vec<u8> {
    let mut out = status_line(status, context.version);
    let mut ours = vec![CONNECTION, DATE, TRANSFER_ENCODING];
    if framing != BodyFraming::None || status == StatusCode::NO_CONTENT {
        ours.push(CONTENT_LENGTH);
    }
    let mut fields: Vec<_> = headers
        .iter()
        .filter(|(name, _)| !ours.contains(name))
        .collect();
    fields.sort_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
    for (name, value) in fields {
        field(&mut out, &canonical(name), value.as_bytes());
    }
    field(&mut out, "Date", http_date(context.now).as_bytes());
    match framing {
        BodyFraming::Length(length) => {
            field(&mut out, "Content-Length", length.to_string().as_bytes())
        }
        BodyFraming::Chunked => field(&mut out, "Transfer-Encoding", b"chunked"),
        BodyFraming::None | BodyFraming::Close => {}
    }
    if !context.keep_alive {
        field(&mut out, "Connection", b"close");
    } else if context.version == Version::HTTP_10 {
        field(&mut out, "Connection", b"keep-alive");
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// The head of an answer that takes the connection over: nothing but what moby writes by hand.
pub(crate) fn takeover_head(status: StatusCode, headers: &HeaderMap) -> Vec<u8> {
    let mut out = match status {
        StatusCode::SWITCHING_PROTOCOLS => b"HTTP/1.1 101 UPGRADED\r\n".to_vec(),
        other => status_line(other, Version::HTTP_11),
    };
    for name in [CONTENT_TYPE, CONNECTION, UPGRADE] {
        if let Some(value) = headers.get(&name) {
            field(&mut out, &canonical(&name), value.as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// The whole answer to a request that no handler saw, as Go writes it.
pub(crate) fn rejection(reject: Reject) -> Vec<u8> {
    let (status, text) = reject.text();
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut out = status_line(status, Version::HTTP_11);
    field(&mut out, "Content-Type", b"text/plain; charset=utf-8");
    field(&mut out, "Connection", b"close");
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(text.as_bytes());
    out
}

/// One chunk of a chunked body.
pub(crate) fn chunk(data: &[u8]) -> Vec<u8> {
    let mut out = format!("{:x}\r\n", data.len()).into_bytes();
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
    out
}

/// What ends a chunked body.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

fn status_line(status: StatusCode, version: Version) -> Vec<u8> {
    let version = if version == Version::HTTP_10 {
        "HTTP/1.0"
    } else {
        "HTTP/1.1"
    };
    let reason = status.canonical_reason().unwrap_or("status code");
    format!("{version} {} {reason}\r\n", status.as_u16()).into_bytes()
}

fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// `content-type` → `Content-Type`, as Go spells names.
fn canonical(name: &HeaderName) -> String {
    let mut upper = true;
    let spell = |c: char| {
        let spelled = if upper { c.to_ascii_uppercase() } else { c };
        upper = c == '-';
        spelled
    };
    name.as_str().chars().map(spell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_as_its_method_status_and_version_allow() {
        let (get, head) = (Method::GET, Method::HEAD);
        let (new, old) = (Version::HTTP_11, Version::HTTP_10);
        for (method, status, version, length, want) in [
            (&get, 200, new, Some(3), BodyFraming::Length(3)),
            (&get, 200, new, None, BodyFraming::Chunked),
            (&get, 200, old, None, BodyFraming::Close),
            (&head, 200, new, Some(3), BodyFraming::None),
            (&get, 204, new, Some(0), BodyFraming::None),
            (&get, 304, new, Some(0), BodyFraming::None),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(framing(method, status, version, length), want);
        }
    }

    #[test]
    fn a_head_is_spelled_and_ordered_as_go_s() {
        let mut headers = HeaderMap::new();
        headers.insert("ostype", "linux".parse().unwrap());
        headers.insert("api-version", "1.51".parse().unwrap());
        let context = Context {
            version: Version::HTTP_11,
            keep_alive: true,
            now: 0,
        };
        assert_eq!(
            String::from_utf8(super::head(
                StatusCode::OK,
                &headers,
                BodyFraming::Length(2),
                context
            ))
            .unwrap(),
            "HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nOstype: linux\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\
             Content-Length: 2\r\n\r\n"
        );
    }
}

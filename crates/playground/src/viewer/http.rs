//! An HTTP message made readable: its head in lines, its body as what it is.

use serde_json::Value;

/// Longest body that is laid out as JSON, in bytes; a longer one is shown as it is.
const JSON_LIMIT: usize = 256 * 1024;

/// A request or a response.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Message {
    /// The first line.
    pub start: String,
    /// Header fields in order.
    pub fields: Vec<(String, String)>,
    /// The body, laid out.
    pub body: Body,
    /// Bytes of the body that the trace left out.
    pub left_out: u64,
}

/// A body.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Body {
    /// None.
    #[default]
    Empty,
    /// JSON, laid out with two spaces a level.
    Json(String),
    /// Readable text.
    Text(String),
    /// Anything else, as a quoted text with escapes.
    Binary(String),
}

/// The message in a head's bytes and, where it has one, a body's (the kept bytes and the full length).
pub fn message(head: &[u8], body: Option<(&[u8], u64)>) -> Message {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.lines();
    let start = lines.next().unwrap_or_default().to_owned();
    let fields = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect();
    let (kept, length) = body.unwrap_or_default();
    Message {
        start,
        fields,
        body: lay_out(kept),
        left_out: length.saturating_sub(kept.len() as u64),
    }
}

/// A body laid out as what it is.
pub fn lay_out(bytes: &[u8]) -> Body {
    if bytes.is_empty() {
        return Body::Empty;
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Body::Binary(super::describe::quoted(bytes));
    };
    if bytes.len() <= JSON_LIMIT && text.trim_start().starts_with(['{', '[']) {
        let values: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(text)
            .into_iter()
            .collect();
        if let Ok(values) = values {
            let laid: Vec<String> = values
                .iter()
                .filter_map(|value| serde_json::to_string_pretty(value).ok())
                .collect();
            return Body::Json(laid.join("\n"));
        }
    }
    if text
        .chars()
        .any(|letter| letter.is_control() && !letter.is_ascii_whitespace())
    {
        return Body::Binary(super::describe::quoted(bytes));
    }
    Body::Text(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_a_first_line_fields_and_a_body() {
        let message = message(
            b"POST /v1.51/containers/create HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n\r\n",
            Some((br#"{"Image":"busybox","Tty":true}"#, 31)),
        );
        assert_eq!(message.start, "POST /v1.51/containers/create HTTP/1.1");
        assert_eq!(message.fields[0], ("Host".into(), "docker".into()));
        assert_eq!(
            message.body,
            Body::Json("{\n  \"Image\": \"busybox\",\n  \"Tty\": true\n}".into())
        );
        assert_eq!(message.left_out, 1);
    }

    #[test]
    fn a_body_is_shown_as_what_it_is() {
        for (bytes, expected) in [
            (&b""[..], Body::Empty),
            (b"OK", Body::Text("OK".into())),
            (b"{cut", Body::Text("{cut".into())),
            (
                b"{\"a\":1}\n{\"b\":2}\n",
                Body::Json("{\n  \"a\": 1\n}\n{\n  \"b\": 2\n}".into()),
            ),
            (
                b"\x01\0\0\0\0\0\0\x02hi",
                Body::Binary(r#""\1\0\0\0\0\0\0\2hi""#.into()),
            ),
            (b"\xff", Body::Binary(r#""\377""#.into())),
        ] {
            assert_eq!(lay_out(bytes), expected);
        }
    }
}

//! An HTTP message made readable: its head in lines, its body as what it is.

use serde::de::IgnoredAny;

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
    if bytes.len() <= JSON_LIMIT
        && text.trim_start().starts_with(['{', '['])
        && let Some(laid) = lay_out_json(text)
    {
        return Body::Json(laid);
    }
    if text
        .chars()
        .any(|letter| letter.is_control() && !letter.is_ascii_whitespace())
    {
        return Body::Binary(super::describe::quoted(bytes));
    }
    Body::Text(text.to_owned())
}

/// JSON values one after another, with line breaks and two spaces a level, and otherwise as they are: names in their
/// order, numbers and texts as they were written. `None` where it is no JSON.
fn lay_out_json(text: &str) -> Option<String> {
    for value in serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>() {
        value.ok()?;
    }
    let mut out = String::new();
    let mut depth = 0;
    let mut rest = text.chars().peekable();
    while let Some(letter) = rest.next() {
        match letter {
            '"' => {
                out.push('"');
                string(&mut rest, &mut out);
            }
            '{' | '[' => {
                out.push(letter);
                while rest.next_if(char::is_ascii_whitespace).is_some() {}
                match rest.next_if(|next| matches!(next, '}' | ']')) {
                    Some(close) => out.push(close),
                    None => {
                        depth += 1;
                        new_line(&mut out, depth);
                    }
                }
            }
            '}' | ']' => {
                depth = usize::saturating_sub(depth, 1);
                new_line(&mut out, depth);
                out.push(letter);
            }
            ',' => {
                out.push(',');
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            // Between values that follow each other.
            letter if letter.is_ascii_whitespace() => {
                if depth == 0
                    && !out.is_empty()
                    && rest.peek().is_some_and(|next| !next.is_ascii_whitespace())
                {
                    out.push('\n');
                }
            }
            letter => out.push(letter),
        }
    }
    Some(out)
}

/// The rest of a text, up to and with the quotation mark that ends it.
fn string(rest: &mut impl Iterator<Item = char>, out: &mut String) {
    while let Some(letter) = rest.next() {
        out.push(letter);
        match letter {
            '\\' => out.extend(rest.next()),
            '"' => return,
            _ => {}
        }
    }
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
            // In the order in which it came, numbers and texts as they were written.
            (
                b"{\"b\":1.50,\"a\":[ ],\"c\":[{\"x\":\"}\\\"{\"},1e3]}",
                Body::Json(
                    "{\n  \"b\": 1.50,\n  \"a\": [],\n  \"c\": [\n    {\n      \"x\": \"}\\\"{\"\n    },\n    1e3\n  ]\n}".into(),
                ),
            ),
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

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            ".*".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::btree_map(".*", inner, 0..4)
                    .prop_map(|fields| fields.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn laid_out_json_is_what_the_library_makes_of_it(value in json()) {
            let plain = serde_json::to_string(&value).unwrap();
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(lay_out_json(&plain), Some(pretty.clone()));
            prop_assert_eq!(lay_out_json(&pretty), Some(pretty));
        }
    }
}

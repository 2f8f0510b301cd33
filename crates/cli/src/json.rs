//! JSON as text: laid out anew without being read into values.

/// `json.Indent` with lines that begin with `depth` times `unit`: order and spelling stay as they came.
pub fn indent(source: &str, depth: usize, unit: &str) -> String {
    let mut out = unit.repeat(depth);
    let mut depth = depth;
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(&unit.repeat(depth));
    };
    let mut tokens = significant(source).peekable();
    while let Some(token) = tokens.next() {
        match token {
            "{" | "[" => {
                out.push_str(token);
                let closes = if token == "{" { "}" } else { "]" };
                if tokens.peek() == Some(&closes) {
                    out.push_str(closes);
                    tokens.next();
                    continue;
                }
                depth += 1;
                line(&mut out, depth);
            }
            "}" | "]" => {
                depth -= 1;
                line(&mut out, depth);
                out.push_str(token);
            }
            "," => {
                out.push(',');
                line(&mut out, depth);
            }
            ":" => out.push_str(": "),
            other => out.push_str(other),
        }
    }
    out
}

/// `json.Compact`.
pub fn compact(source: &str) -> String {
    significant(source).collect()
}

/// The tokens of valid JSON, without white space.
fn significant(source: &str) -> impl Iterator<Item = &str> {
    let mut rest = source;
    core::iter::from_fn(move || {
        rest = rest.trim_start();
        let first = *rest.as_bytes().first()?;
        let length = match first {
            b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
            b'"' => text_length(rest),
            _ => rest
                .find(|c: char| c.is_whitespace() || ",]}:".contains(c))
                .unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at_checked(length)?;
        rest = after;
        Some(token)
    })
}

fn text_length(rest: &str) -> usize {
    let mut escaped = false;
    for (n, byte) in rest.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !escaped => return n + 1,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    rest.len()
}

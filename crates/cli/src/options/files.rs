//! Files of variables and labels (docker/cli `pkg/kvfile`).

/// The `KEY=value` lines of a file. A key without a value takes its own from `lookup`, or is left out.
pub fn key_values(
    content: &[u8],
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<Vec<String>, String> {
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let mut lines = Vec::new();
    for (n, bytes) in content.split(|byte| *byte == b'\n').enumerate() {
        let Ok(line) = core::str::from_utf8(bytes) else {
            let shown: Vec<_> = bytes.iter().map(u8::to_string).collect();
            return Err(format!(
                "invalid utf8 bytes at line {}: [{}]",
                n + 1,
                shown.join(" ")
            ));
        };
        let line = line.strip_suffix('\r').unwrap_or(line).trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line
            .split_once('=')
            .map_or((line, None), |(key, value)| (key, Some(value)));
        if key.is_empty() {
            return Err(format!("no variable name on line '{line}'"));
        }
        if key.contains([' ', '\t']) {
            return Err(format!("variable '{key}' contains whitespaces"));
        }
        match value {
            Some(_) => lines.push(line.to_owned()),
            None => lines.extend(lookup(key).map(|value| format!("{key}={value}"))),
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::key_values;

    #[test]
    fn lines_are_taken_as_they_are_and_bare_keys_looked_up() {
        let lookup = |key: &str| (key == "HOME").then(|| "/root".to_owned());
        let content = b"\xef\xbb\xbfA=1\n# no\n\n  B=two words \nHOME\nUNKNOWN\nC=";
        assert_eq!(
            key_values(content, lookup).unwrap(),
            ["A=1", "B=two words ", "HOME=/root", "C="]
        );
        for (content, error) in [
            (&b"=x"[..], "no variable name on line '=x'"),
            (b"a b=c", "variable 'a b' contains whitespaces"),
            (b"ok=1\n\xff", "invalid utf8 bytes at line 2: [255]"),
        ] {
            assert_eq!(key_values(content, |_| None).unwrap_err(), error);
        }
    }
}

//! `--docker key=value,…` (pflag's `stringToString`).

/// The pairs of a value. One pair is taken as it is; several are separated by commas, and one that has commas of its own
/// stands in quotes.
///
/// # Errors
/// The real command's words for what is no pair.
pub fn pairs(value: &str) -> Result<Vec<(String, String)>, String> {
    let parts = match value.matches('=').count() {
        0 => return Err(format!("{value} must be formatted as key=value")),
        1 => vec![value.trim_matches('"').to_owned()],
        _ => fields(value)?,
    };
    let pair = |part: String| match part.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err(format!("{part} must be formatted as key=value")),
    };
    parts.into_iter().map(pair).collect()
}

/// The flag's check.
///
/// # Errors
/// Those of [`pairs`].
pub fn check(value: &str) -> Result<String, String> {
    pairs(value).map(|_| value.to_owned())
}

/// The fields of a line of comma-separated values.
fn fields(line: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => match rest.find(',') {
                Some(at) => (rest[..at].to_owned(), &rest[at..]),
                None => (rest.to_owned(), ""),
            },
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None if after.is_empty() => return Ok(fields),
            None => return Err(format!("text after a quoted field: {after}")),
        }
    }
}

/// A field up to its closing quote, in which two quotes stand for one, and what comes after it.
fn quoted_field(quoted: &str) -> Result<(String, &str), String> {
    let (mut field, mut rest) = (String::new(), quoted);
    loop {
        let (before, after) = rest
            .split_once('"')
            .ok_or_else(|| format!("a quote is not closed: {quoted}"))?;
        field += before;
        match after.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                rest = more;
            }
            None => return Ok((field, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_as_docker_28_2_2_reads_them() {
        for (value, means) in [
            ("host=unix:///x", &["host=unix:///x"][..]),
            ("host=unix:///x,ca", &["host=unix:///x,ca"]),
            ("\"host=tcp://a,b:1\"", &["host=tcp://a,b:1"]),
            ("host=a,ca=b", &["host=a", "ca=b"]),
            ("\"host=a,b\",ca=b", &["host=a,b", "ca=b"]),
            ("\"host=\"\"\",ca=b", &["host=\"", "ca=b"]),
            ("host=", &["host="]),
        ] {
            let pairs: Vec<_> = pairs(value)
                .unwrap()
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            assert_eq!(pairs, means, "{value}");
        }
        for (bad, why) in [
            ("host", "host must be formatted as key=value"),
            ("", " must be formatted as key=value"),
            ("a=b,c,d=e", "c must be formatted as key=value"),
            ("\"a=b,c=d", "a quote is not closed: a=b,c=d"),
        ] {
            assert_eq!(pairs(bad).unwrap_err(), why);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_value_is_read_or_refused(value in "[a=,\"é]{0,12}") {
            let value: String = value;
            let _ = pairs(&value);
        }
    }
}

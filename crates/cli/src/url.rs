//! Parts of URLs.

/// `url.QueryEscape`.
pub fn query_escape(text: &str) -> String {
    escape(text, b"-_.~", true)
}

/// `url.PathEscape`, which the client does not apply to slashes in names.
pub fn path_escape(text: &str) -> String {
    escape(text, b"-_.~$&+=:@/", false)
}

fn escape(text: &str, keep: &[u8], plus: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' if plus => out.push('+'),
            byte if byte.is_ascii_alphanumeric() || keep.contains(&byte) => out.push(byte as char),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Parameters as `url.Values` encodes them: sorted by name.
pub fn query(parameters: &[(&str, String)]) -> String {
    let mut sorted: Vec<_> = parameters.iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(b.0));
    let pairs: Vec<_> = sorted
        .iter()
        .map(|(name, value)| format!("{}={}", query_escape(name), query_escape(value)))
        .collect();
    pairs.join("&")
}

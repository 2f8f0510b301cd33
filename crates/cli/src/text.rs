//! Text as Go writes it.

/// `strconv.Quote`.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\x0b' => out.push_str("\\v"),
            c if c < ' ' || c == '\x7f' => out.push_str(&format!("\\x{:02x}", c as u32)),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// At most `width` columns, the last one an ellipsis where something is cut off (`formatter.Ellipsis`).
pub fn ellipsis(text: &str, width: usize) -> String {
    if width == 0 {
        return String::new();
    }
    if width == 1 {
        return text.chars().take(1).collect();
    }
    if text.is_ascii() {
        return match text.len() <= width {
            true => text.to_owned(),
            false => format!("{}…", &text[..width - 1]),
        };
    }
    let mut columns = 0;
    let mut fits = 0;
    for c in text.chars() {
        columns += char_width(c);
        if columns < width {
            fits += 1;
        }
    }
    match columns <= width {
        true => text.to_owned(),
        false => text.chars().take(fits).collect::<String>() + "…",
    }
}

/// Columns of a text.
pub fn display_width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

/// Columns of a character: two for wide and full-width ones (Unicode's East Asian Width, main blocks).
fn char_width(c: char) -> usize {
    let wide = matches!(c as u32,
        0x1100..=0x115f | 0x231a..=0x231b | 0x2e80..=0x303e | 0x3041..=0x33ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff
        | 0xa000..=0xa4cf | 0xa960..=0xa97f | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f | 0xff01..=0xff60
        | 0xffe0..=0xffe6 | 0x1f300..=0x1f64f | 0x1f900..=0x1f9ff | 0x20000..=0x3fffd);
    if wide { 2 } else { 1 }
}

/// The first 12 digits of an id, without its algorithm (`stringid.TruncateID`).
pub fn short_id(id: &str) -> &str {
    let digits = id.split_once(':').map_or(id, |(_, digits)| digits);
    digits.get(..12).unwrap_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_ends_in_an_ellipsis_at_its_width() {
        for (text, width, want) in [
            ("sh", 20, "sh"),
            (
                "sh -c 'while true; do sleep 1; done'",
                20,
                "sh -c 'while true; …",
            ),
            ("12345678901234567890", 20, "12345678901234567890"),
            ("한국어", 6, "한국어"),
            ("한국어", 5, "한국…"),
            ("añb", 2, "a…"),
        ] {
            assert_eq!(ellipsis(text, width), want);
        }
    }

    #[test]
    fn quoting_is_go_s() {
        assert_eq!(quote("sh -c \"a\tb\"\n\x01é"), r#""sh -c \"a\tb\"\n\x01é""#);
    }
}

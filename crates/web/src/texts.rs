//! The texts of one language: keys such as `journey.title`, with `{0}`, `{1}` for what is filled in.

use serde_json::Value;
use std::collections::BTreeMap;

/// The languages that there are: code, and its own name.
pub const LANGUAGES: [(&str, &str); 2] = [("en", "English"), ("ko", "한국어")];

/// The texts of a language.
#[derive(Default)]
pub struct Texts {
    map: BTreeMap<String, String>,
}

impl Texts {
    /// From a text file's contents: objects of texts, nested. What is neither is passed over.
    pub fn parse(json: &str) -> Texts {
        let mut texts = Texts::default();
        if let Ok(value) = serde_json::from_str(json) {
            texts.take(String::new(), value);
        }
        texts
    }

    fn take(&mut self, key: String, value: Value) {
        match value {
            Value::String(text) => drop(self.map.insert(key, text)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    let mut inner = key.clone();
                    if !inner.is_empty() {
                        inner.push('.');
                    }
                    inner.push_str(&name);
                    self.take(inner, value);
                }
            }
            _ => {}
        }
    }

    /// Whether there are any.
    pub fn is_loaded(&self) -> bool {
        !self.map.is_empty()
    }

    /// The text of a key; the key itself where there is none.
    pub fn get(&self, key: &str) -> String {
        self.find(key).unwrap_or_else(|| key.to_owned())
    }

    /// The text of a key, if there is one.
    pub fn find(&self, key: &str) -> Option<String> {
        self.map.get(key).cloned()
    }

    /// The text of a key with its places filled in.
    pub fn with<T: AsRef<str>>(&self, key: &str, args: &[T]) -> String {
        let text = self.get(key);
        let mut filled = String::new();
        let mut rest = text.as_str();
        while let Some(start) = rest.find('{') {
            filled.push_str(&rest[..start]);
            let inner = &rest[start + 1..];
            let end = inner.find('}');
            let place = end.and_then(|end| inner[..end].parse::<usize>().ok());
            match (end, place.and_then(|place| args.get(place))) {
                (Some(end), Some(arg)) => {
                    filled.push_str(arg.as_ref());
                    rest = &inner[end + 1..];
                }
                _ => {
                    filled.push('{');
                    rest = inner;
                }
            }
        }
        filled.push_str(rest);
        filled
    }

    /// The same with one number.
    pub fn count(&self, key: &str, number: u64) -> String {
        self.with(key, &[number.to_string()])
    }

    /// A duration in virtual nanoseconds.
    pub fn duration(&self, nanos: u64) -> String {
        let (unit, scale) = match nanos {
            0..1_000 => ("ns", 1),
            1_000..1_000_000 => ("µs", 1_000),
            1_000_000..1_000_000_000 => ("ms", 1_000_000),
            _ => ("s", 1_000_000_000),
        };
        let whole = nanos / scale;
        let tenth = nanos % scale * 10 / scale.max(1);
        let mut text = whole.to_string();
        if scale > 1 && whole < 100 {
            text.push('.');
            text.push_str(&tenth.to_string());
        }
        text.push(' ');
        text.push_str(unit);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_by_its_path_and_filled_in() {
        let texts = Texts::parse(r#"{"a":{"b":"{0} of {1}, {x} and {"},"c":"plain"}"#);
        assert_eq!(texts.with("a.b", &["1", "2"]), "1 of 2, {x} and {");
        assert_eq!(texts.get("c"), "plain");
        assert_eq!(texts.get("missing.key"), "missing.key");
        assert!(!Texts::parse("nonsense").is_loaded());
    }

    #[test]
    fn durations_have_the_unit_that_reads_best() {
        let texts = Texts::default();
        for (nanos, expected) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_234, "1.2 µs"),
            (123_456, "123 µs"),
            (12_345_678, "12.3 ms"),
            (61_000_000_000, "61.0 s"),
        ] {
            assert_eq!(texts.duration(nanos), expected);
        }
    }

    /// Every key that the code asks for by name has a text in every language, with the same places to fill in.
    #[test]
    fn every_language_has_every_text() {
        let sources = [
            include_str!("app/mod.rs"),
            include_str!("app/heard.rs"),
            include_str!("app/look.rs"),
            include_str!("view/mod.rs"),
            include_str!("view/top.rs"),
            include_str!("view/journey.rs"),
            include_str!("view/machine.rs"),
            include_str!("view/details.rs"),
            include_str!("view/time.rs"),
            include_str!("view/terminal.rs"),
            include_str!("view/dialogs.rs"),
            include_str!("view/halted.rs"),
        ];
        let english = Texts::parse(include_str!("../../../www/text/en.json"));
        let korean = Texts::parse(include_str!("../../../www/text/ko.json"));
        let keys = |texts: &Texts| texts.map.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&english), keys(&korean));
        for (key, text) in &english.map {
            for place in ["{0}", "{1}", "{2}"] {
                let other = &korean.map[key];
                assert_eq!(
                    text.contains(place),
                    other.contains(place),
                    "{key}: {place}"
                );
            }
        }
        let mut asked = 0;
        for source in sources {
            for start in [".get(\"", ".with(\"", ".count(\"", "text_key!(\""] {
                for (at, _) in source.match_indices(start) {
                    let rest = &source[at + start.len()..];
                    let key = &rest[..rest.find('"').unwrap()];
                    assert!(english.find(key).is_some(), "no text for {key}");
                    asked += 1;
                }
            }
        }
        let worker = include_str!("../../../www/worker.js");
        for (at, _) in worker.match_indices("\"notice.") {
            let key = &worker[at + 1..];
            let key = &key[..key.find('"').unwrap()];
            assert!(english.find(key).is_some(), "no text for {key}");
            asked += 1;
        }
        assert!(asked > 40, "{asked}");
        for layer in glassdock_trace::Layer::ALL {
            assert!(english.find(&format!("layer.{}", layer.name())).is_some());
            assert!(
                english
                    .find(&format!("layer-short.{}", layer.name()))
                    .is_some()
            );
            assert!(
                english
                    .find(&format!("layer-about.{}", layer.name()))
                    .is_some()
            );
        }
    }
}

//! Languages: one file each in `www/text`, all with the same keys.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Languages that must exist.
const LANGUAGES: [&str; 2] = ["en", "ko"];

/// Keys that one language has and another lacks; languages that are missing.
pub fn missing(files: &[(String, String)]) -> Vec<String> {
    let mut broken = Vec::new();
    let mut languages: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (name, text) in files {
        let language = name
            .strip_prefix("www/text/")
            .and_then(|rest| rest.strip_suffix(".json"));
        let Some(language) = language else { continue };
        match serde_json::from_str(text) {
            Ok(value) => {
                let mut keys = BTreeSet::new();
                collect("", &value, &mut keys, &mut broken, name);
                languages.insert(language, keys);
            }
            Err(error) => broken.push(format!("{name}: {error}")),
        }
    }
    for language in LANGUAGES {
        if !languages.contains_key(language) {
            broken.push(format!("www/text/{language}.json is missing"));
        }
    }
    let all: BTreeSet<&String> = languages.values().flatten().collect();
    for (language, keys) in &languages {
        for key in &all {
            if !keys.contains(*key) {
                broken.push(format!("www/text/{language}.json lacks `{key}`"));
            }
        }
    }
    broken
}

/// Notes of the kernel that the page could not tell.
pub fn unexplained_notes(files: &[(String, String)]) -> Vec<String> {
    const CALL: &str = ".note(\"";
    let english = files.iter().find(|(name, _)| name == "www/text/en.json");
    let texts: Value = english
        .and_then(|(_, text)| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let mut broken = Vec::new();
    for (name, text) in files {
        if !name.starts_with("crates/kernel/src/") {
            continue;
        }
        for part in text.split(CALL).skip(1) {
            let key = part.split('"').next().unwrap_or_default();
            if texts["note"][key].is_null() {
                broken.push(format!("{name}: no text has the key `note.{key}`"));
            }
        }
    }
    broken
}

fn collect(
    prefix: &str,
    value: &Value,
    keys: &mut BTreeSet<String>,
    broken: &mut Vec<String>,
    name: &str,
) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                let dot = if prefix.is_empty() { "" } else { "." };
                collect(&format!("{prefix}{dot}{key}"), value, keys, broken, name);
            }
        }
        Value::String(text) if !text.trim().is_empty() => {
            keys.insert(prefix.to_owned());
        }
        _ => broken.push(format!("{name}: `{prefix}` is not a text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(en: &str, ko: &str) -> Vec<String> {
        let file =
            |language: &str, text: &str| (format!("www/text/{language}.json"), text.to_owned());
        missing(&[file("en", en), file("ko", ko)])
    }

    #[test]
    fn what_the_kernel_notes_is_explained() {
        let files = |noted: &str| {
            let code = format!("self.note(\"{noted}\", Vec::new);");
            let texts = r#"{"note": {"known": "x"}}"#.to_owned();
            [
                ("crates/kernel/src/a.rs".to_owned(), code),
                ("www/text/en.json".to_owned(), texts),
            ]
        };
        assert!(unexplained_notes(&files("known")).is_empty());
        assert_eq!(
            unexplained_notes(&files("other")),
            ["crates/kernel/src/a.rs: no text has the key `note.other`"]
        );
    }

    #[test]
    fn every_key_exists_in_every_language() {
        assert!(texts(r#"{"a": {"b": "x"}}"#, r#"{"a": {"b": "엑스"}}"#).is_empty());
        assert_eq!(
            texts(r#"{"a": "x", "b": "y"}"#, r#"{"a": "x"}"#),
            ["www/text/ko.json lacks `b`"]
        );
    }

    #[test]
    fn an_empty_text_and_a_missing_language_are_named() {
        assert_eq!(texts(r#"{"a": " "}"#, r#"{"a": "x"}"#).len(), 2);
        assert_eq!(missing(&[]).len(), 2);
    }
}

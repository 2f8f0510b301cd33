//! The `filters` parameter of lists (`api/types/filters`).

use core::fmt;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Names with the set of values each must match.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Filters(pub BTreeMap<String, BTreeSet<String>>);

/// A filter that cannot be read, or is not known; the text is moby's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Invalid {
    /// The parameter is not JSON of one of the two forms.
    Encoding,
    /// The name is not known here.
    Name(String),
    /// The values make no sense for this name.
    Values(String, Vec<String>),
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Invalid::Encoding => f.write_str("invalid filter"),
            Invalid::Name(name) => write!(f, "invalid filter '{name}'"),
            Invalid::Values(name, values) => {
                write!(f, "invalid filter '{name}=[{}]'", values.join(" "))
            }
        }
    }
}
impl core::error::Error for Invalid {}

impl Filters {
    /// Adds a value to a name.
    pub fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.entry(name.into()).or_default().insert(value.into());
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a name is there.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The values of a name, sorted.
    pub fn get(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.get(name).into_iter().flatten().map(String::as_str)
    }

    /// The form since API 1.22: `{"name":{"value":true}}`; nothing when there is no filter.
    pub fn encode(&self) -> String {
        if self.is_empty() {
            return String::new();
        }
        let values = |values: &BTreeSet<String>| {
            Value::Object(
                values
                    .iter()
                    .map(|value| (value.clone(), Value::Bool(true)))
                    .collect(),
            )
        };
        let fields: Map<String, Value> = self
            .0
            .iter()
            .map(|(name, set)| (name.clone(), values(set)))
            .collect();
        Value::Object(fields).to_string()
    }

    /// Reads either form: `{"name":{"value":true}}` or the older `{"name":["value"]}`. Empty text is no filter.
    pub fn decode(text: &str) -> Result<Filters, Invalid> {
        if text.is_empty() {
            return Ok(Filters::default());
        }
        let fields: BTreeMap<String, Values> =
            serde_json::from_str(text).map_err(|_| Invalid::Encoding)?;
        let sets = |values: &Values| matches!(values, Values::Set(_));
        if !fields.values().all(sets) && fields.values().any(sets) {
            return Err(Invalid::Encoding);
        }
        Ok(Filters(
            fields
                .into_iter()
                .map(|(name, values)| (name, values.into_set()))
                .collect(),
        ))
    }

    /// Fails on the first name that is not `accepted`.
    pub fn validate(&self, accepted: &[&str]) -> Result<(), Invalid> {
        match self
            .0
            .keys()
            .find(|name| !accepted.contains(&name.as_str()))
        {
            Some(name) => Err(Invalid::Name(name.clone())),
            None => Ok(()),
        }
    }

    /// The truth value of a name, or `default` when the name is absent.
    pub fn boolean(&self, name: &str, default: bool) -> Result<bool, Invalid> {
        let Some(values) = self.0.get(name) else {
            return Ok(default);
        };
        let no = values.contains("0") || values.contains("false");
        let yes = values.contains("1") || values.contains("true");
        if no == yes {
            return Err(Invalid::Values(
                name.to_owned(),
                values.iter().cloned().collect(),
            ));
        }
        Ok(yes)
    }

    /// Whether `source` is one of the values; any is when there are none.
    pub fn exact_match(&self, name: &str, source: &str) -> bool {
        self.0
            .get(name)
            .is_none_or(|values| values.is_empty() || values.contains(source))
    }

    /// Whether `source` is one of the values or begins with one; any does when there are none.
    pub fn fuzzy_match(&self, name: &str, source: &str) -> bool {
        self.exact_match(name, source) || self.get(name).any(|value| source.starts_with(value))
    }

    /// Whether `map` has every `key` or `key=value` of a name (`MatchKVList`), as `label` filters ask.
    pub fn match_key_values(&self, name: &str, map: &BTreeMap<String, String>) -> bool {
        self.get(name).all(|wanted| match wanted.split_once('=') {
            Some((key, value)) => map.get(key).is_some_and(|have| have == value),
            None => map.contains_key(wanted),
        })
    }
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Values {
    Set(BTreeMap<String, bool>),
    List(Vec<String>),
}

impl Values {
    fn into_set(self) -> BTreeSet<String> {
        match self {
            Values::Set(map) => map.into_keys().collect(),
            Values::List(list) => list.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_encodings_are_read_and_the_new_one_is_written() {
        let new =
            Filters::decode(r#"{"label":{"a=b":true,"c":true},"status":{"exited":true}}"#).unwrap();
        let old = Filters::decode(r#"{"label":["c","a=b"],"status":["exited"]}"#).unwrap();
        assert_eq!(new, old);
        assert_eq!(
            old.encode(),
            r#"{"label":{"a=b":true,"c":true},"status":{"exited":true}}"#
        );
        assert_eq!(Filters::decode("").unwrap().encode(), "");
    }

    #[test]
    fn what_is_no_filter_is_refused_in_moby_s_words() {
        for text in ["[]", "asdf", r#"{"a":1}"#, r#"{"a":{"b":1}}"#] {
            assert_eq!(
                Filters::decode(text).unwrap_err().to_string(),
                "invalid filter",
                "{text}"
            );
        }
        let filters = Filters::decode(r#"{"nope":["1"]}"#).unwrap();
        assert_eq!(
            filters.validate(&["id"]).unwrap_err().to_string(),
            "invalid filter 'nope'"
        );
        let filters = Filters::decode(r#"{"dangling":["maybe"]}"#).unwrap();
        assert_eq!(
            filters.boolean("dangling", false).unwrap_err().to_string(),
            "invalid filter 'dangling=[maybe]'"
        );
    }

    #[test]
    fn labels_match_by_key_or_by_key_and_value() {
        let labels = BTreeMap::from([
            ("a".to_owned(), "b".to_owned()),
            ("c".to_owned(), String::new()),
        ]);
        for (wanted, matches) in [
            (vec![], true),
            (vec!["a"], true),
            (vec!["a=b", "c"], true),
            (vec!["a=x"], false),
            (vec!["a", "d"], false),
            (vec!["c="], true),
        ] {
            let mut filters = Filters::default();
            wanted
                .iter()
                .for_each(|wanted| filters.add("label", *wanted));
            assert_eq!(
                filters.match_key_values("label", &labels),
                matches,
                "{wanted:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            let _ = Filters::decode(&text);
        }

        #[test]
        fn encoding_is_undone_by_decoding(fields in prop::collection::btree_map(".{0,6}", prop::collection::btree_set(".{0,6}", 1..4), 0..4)) {
            let filters = Filters(fields);
            prop_assert_eq!(Filters::decode(&filters.encode()), Ok(filters));
        }
    }
}

//! What is known of a context, as its file has it (docker/cli `cli/context/store/metadatastore.go`).

use crate::text::quote;
use crate::value::escape_html;
use serde_json::{Map, Value as Json};

/// The context that is no file: what `--host` and `DOCKER_HOST` say.
pub const DEFAULT: &str = "default";
/// What people are told of it.
pub const DEFAULT_DESCRIPTION: &str = "Current DOCKER_HOST based configuration";
/// The endpoint that this command speaks to; a context may have others, which are kept.
pub const DOCKER: &str = "docker";

/// A context.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Meta {
    /// Its name.
    pub name: String,
    /// Its description, and whatever else was noted.
    pub metadata: Option<Map<String, Json>>,
    /// Where it leads, by the kind of what is there.
    pub endpoints: Map<String, Json>,
}

/// An engine's address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// As `unix:///path`; empty for the usual one.
    pub host: String,
    /// The engine's certificate is not looked at.
    pub skip_tls_verify: bool,
}

impl Endpoint {
    fn document(&self) -> Map<String, Json> {
        let mut fields = Map::new();
        if !self.host.is_empty() {
            fields.insert("Host".into(), self.host.as_str().into());
        }
        fields.insert("SkipTLSVerify".into(), self.skip_tls_verify.into());
        fields
    }
}

impl Meta {
    /// A context of an engine.
    pub fn new(name: &str, description: &str, endpoint: &Endpoint) -> Meta {
        let mut meta = Meta {
            name: name.to_owned(),
            metadata: Some(Map::new()),
            endpoints: Map::new(),
        };
        meta.describe(description);
        meta.lead_to(endpoint);
        meta
    }

    /// Reads a context's file.
    ///
    /// # Errors
    /// What is wrong, and where in the text.
    pub fn parse(bytes: &[u8]) -> Result<Meta, String> {
        let document: Json = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let Json::Object(mut fields) = document else {
            return Err("it is no JSON object".to_owned());
        };
        let mut meta = Meta {
            name: text(&mut fields, "Name")?,
            metadata: object(&mut fields, "Metadata")?,
            endpoints: object(&mut fields, "Endpoints")?.unwrap_or_default(),
        };
        if let Some(metadata) = &mut meta.metadata {
            let description = text(metadata, "Description")?;
            meta.describe(&description);
        }
        if let Some(mut docker) = object(&mut meta.endpoints, DOCKER)? {
            let endpoint = Endpoint {
                host: text(&mut docker, "Host")?,
                skip_tls_verify: switch(&mut docker, "SkipTLSVerify")?,
            };
            docker.extend(endpoint.document());
            meta.endpoints.insert(DOCKER.into(), docker.into());
        }
        Ok(meta)
    }

    /// The file's text.
    pub fn to_json(&self) -> String {
        let mut fields = Vec::new();
        if !self.name.is_empty() {
            fields.push(("Name", Json::from(self.name.as_str())));
        }
        if let Some(metadata) = &self.metadata {
            fields.push(("Metadata", Json::Object(metadata.clone())));
        }
        if !self.endpoints.is_empty() {
            fields.push(("Endpoints", Json::Object(self.endpoints.clone())));
        }
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        escape_html(&format!("{{{}}}", fields.join(",")))
    }

    /// What people are told of it.
    pub fn description(&self) -> &str {
        let metadata = self.metadata.as_ref();
        let description = metadata.and_then(|metadata| metadata.get("Description"));
        description.and_then(Json::as_str).unwrap_or_default()
    }

    /// Gives it a description; an empty one is left out.
    pub fn describe(&mut self, description: &str) {
        let metadata = self.metadata.get_or_insert_default();
        match description {
            "" => metadata.remove("Description"),
            text => metadata.insert("Description".into(), text.into()),
        };
    }

    /// The engine's address.
    ///
    /// # Errors
    /// There is none.
    pub fn docker(&self) -> Result<Endpoint, String> {
        let Some(Json::Object(docker)) = self.endpoints.get(DOCKER) else {
            return Err("cannot find docker endpoint in context".to_owned());
        };
        let host = docker.get("Host").and_then(Json::as_str);
        let skip = docker.get("SkipTLSVerify").and_then(Json::as_bool);
        Ok(Endpoint {
            host: host.unwrap_or_default().to_owned(),
            skip_tls_verify: skip.unwrap_or_default(),
        })
    }

    /// Has it lead to an engine.
    pub fn lead_to(&mut self, endpoint: &Endpoint) {
        self.endpoints
            .insert(DOCKER.into(), endpoint.document().into());
    }
}

/// Takes a text out of an object; what is not there is an empty one.
fn text(fields: &mut Map<String, Json>, name: &str) -> Result<String, String> {
    match fields.remove(name) {
        None | Some(Json::Null) => Ok(String::new()),
        Some(Json::String(text)) => Ok(text),
        Some(_) => Err(format!("{name} is no text")),
    }
}

fn switch(fields: &mut Map<String, Json>, name: &str) -> Result<bool, String> {
    match fields.remove(name) {
        None | Some(Json::Null) => Ok(false),
        Some(Json::Bool(on)) => Ok(on),
        Some(_) => Err(format!("{name} is neither true nor false")),
    }
}

fn object(fields: &mut Map<String, Json>, name: &str) -> Result<Option<Map<String, Json>>, String> {
    match fields.remove(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Object(object)) => Ok(Some(object)),
        Some(_) => Err(format!("{name} is no object")),
    }
}

/// Checks a name for a context that is made, used or changed.
///
/// # Errors
/// The real command's words (`store.ValidateContextName`).
pub fn check_name(name: &str) -> Result<(), String> {
    const PATTERN: &str = "^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$";
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.+-".contains(&byte);
    let first = name.bytes().next();
    match first {
        None => Err("context name cannot be empty".to_owned()),
        Some(first)
            if first.is_ascii_alphanumeric() && name.len() > 1 && name.bytes().all(fits) =>
        {
            Ok(())
        }
        Some(_) => Err(format!(
            "context name {} is invalid, names are validated against regexp {}",
            quote(name),
            quote(PATTERN)
        )),
    }
}

/// Checks a name for a context with a file of its own.
///
/// # Errors
/// Those of [`check_name`]; `default` is taken.
pub fn check_own_name(name: &str) -> Result<(), String> {
    match name {
        DEFAULT => Err(format!("{} is a reserved context name", quote(name))),
        name => check_name(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_docker_28_2_2_are_read_and_written_to_the_byte() {
        for file in [
            r#"{"Name":"t15","Metadata":{},"Endpoints":{"docker":{"SkipTLSVerify":false}}}"#,
            r#"{"Name":"bb","Metadata":{"Description":"hello \u0026 \u003cbye\u003e"},"Endpoints":{"docker":{"Host":"tcp://1.2.3.4:2375","SkipTLSVerify":true}}}"#,
            r#"{"Name":"x","Metadata":{"Description":"d","Foo":[1,2]},"Endpoints":{"docker":{"Host":"unix:///x","SkipTLSVerify":false},"kubernetes":{"z":1}}}"#,
            r#"{"Name":"bare"}"#,
        ] {
            assert_eq!(Meta::parse(file.as_bytes()).unwrap().to_json(), file);
        }
    }

    #[test]
    fn what_is_no_context_is_refused_with_the_place() {
        for (file, why) in [
            ("{", "EOF while parsing an object at line 1 column 1"),
            ("[]", "it is no JSON object"),
            (r#"{"Name":5}"#, "Name is no text"),
            (r#"{"Metadata":[]}"#, "Metadata is no object"),
            (
                r#"{"Metadata":{"Description":5}}"#,
                "Description is no text",
            ),
            (r#"{"Endpoints":[]}"#, "Endpoints is no object"),
            (r#"{"Endpoints":{"docker":5}}"#, "docker is no object"),
            (r#"{"Endpoints":{"docker":{"Host":5}}}"#, "Host is no text"),
            (
                r#"{"Endpoints":{"docker":{"SkipTLSVerify":1}}}"#,
                "SkipTLSVerify is neither true nor false",
            ),
        ] {
            assert_eq!(Meta::parse(file.as_bytes()).unwrap_err(), why, "{file}");
        }
    }

    #[test]
    fn names_are_those_that_docker_28_2_2_takes() {
        for good in ["aa", "A1", "0_.+-"] {
            assert_eq!(check_own_name(good), Ok(()));
        }
        for bad in ["a", "-a", ".a", "a b", "../x", "a/b", "é1", ""] {
            assert!(check_own_name(bad).is_err(), "{bad}");
        }
        assert_eq!(check_name(DEFAULT), Ok(()));
        assert_eq!(
            check_own_name(DEFAULT).unwrap_err(),
            "\"default\" is a reserved context name"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = Meta::parse(&bytes);
        }

        #[test]
        fn what_is_written_is_read_again(
            name in ".*", description in ".*", host in ".*", skip: bool, more in ".*"
        ) {
            let (host, more): (String, String) = (host, more);
            let endpoint = Endpoint { host, skip_tls_verify: skip };
            let mut meta = Meta::new(&name, &description, &endpoint);
            meta.endpoints.insert(format!("other {more}"), more.into());
            let read = Meta::parse(meta.to_json().as_bytes()).unwrap();
            assert_eq!(read.docker().unwrap(), endpoint);
            assert_eq!(read.description(), description);
            assert_eq!(read, meta);
        }
    }
}

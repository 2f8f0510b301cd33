//! Names of images: `[domain/]path[:tag][@digest]`, and the short forms that people type.
//!
//! The grammar and the messages are those of the distribution project's `reference` package, which Docker uses.

use crate::{Digest, DigestError};
use core::fmt;

/// Longest path in bytes; the domain does not count.
const MAX_NAME: usize = 255;
/// Longest tag in bytes.
const MAX_TAG: usize = 128;
const DEFAULT_DOMAIN: &str = "docker.io";
const OFFICIAL: &str = "library/";

/// A complete name: with a domain, and at least a tag or a digest once [`Reference::or_latest`] went over it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Reference {
    /// The registry's host, such as `docker.io`.
    pub domain: String,
    /// The repository there, such as `library/busybox`.
    pub path: String,
    /// The tag, if one was given.
    pub tag: Option<String>,
    /// The digest, if one was given.
    pub digest: Option<Digest>,
}

/// Why a text is no reference; `Display` gives Docker's message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReferenceError {
    /// Does not fit the grammar.
    Format,
    /// The digest fits the grammar of names and is none.
    Digest(DigestError),
    /// The repository has a capital letter.
    Uppercase(String),
    /// Looks like an image id.
    Identifier(String),
    /// The path is longer than 255 bytes.
    TooLong,
}

impl fmt::Display for ReferenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReferenceError::Format => f.write_str("invalid reference format"),
            ReferenceError::Digest(error) => error.fmt(f),
            ReferenceError::Uppercase(name) => {
                write!(
                    f,
                    "invalid reference format: repository name ({name}) must be lowercase"
                )
            }
            ReferenceError::Identifier(text) => {
                write!(
                    f,
                    "invalid repository name ({text}), cannot specify 64-byte hexadecimal strings"
                )
            }
            ReferenceError::TooLong => {
                write!(
                    f,
                    "repository name must not be more than {MAX_NAME} characters"
                )
            }
        }
    }
}

impl std::error::Error for ReferenceError {}

impl Reference {
    /// Reads a name as people type it: `busybox` is `docker.io/library/busybox`.
    pub fn parse(text: &str) -> Result<Reference, ReferenceError> {
        if is_identifier(text) {
            return Err(ReferenceError::Identifier(text.to_string()));
        }
        let (domain, rest) = split_domain(text);
        let remote = rest.split(':').next().unwrap_or_default();
        if remote.to_lowercase() != remote {
            return Err(ReferenceError::Uppercase(remote.to_string()));
        }
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (rest.as_str(), None),
        };
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (rest, None),
        };
        let fits = is_domain(&domain)
            && path.split('/').all(is_component)
            && tag.is_none_or(is_tag)
            && digest.is_none_or(may_be_digest);
        if !fits {
            return Err(ReferenceError::Format);
        }
        if path.len() > MAX_NAME {
            return Err(ReferenceError::TooLong);
        }
        Ok(Reference {
            domain,
            path: path.to_string(),
            tag: tag.map(str::to_string),
            digest: digest.map(parse_digest).transpose()?,
        })
    }

    /// With the tag `latest` where there is neither tag nor digest.
    pub fn or_latest(mut self) -> Reference {
        if self.tag.is_none() && self.digest.is_none() {
            self.tag = Some("latest".to_string());
        }
        self
    }

    /// Domain and path, without tag and digest.
    pub fn name(&self) -> String {
        format!("{}/{}", self.domain, self.path)
    }

    /// Domain and path in the short form that people see.
    pub fn familiar_name(&self) -> String {
        if self.domain != DEFAULT_DOMAIN {
            return self.name();
        }
        match self.path.strip_prefix(OFFICIAL) {
            Some(rest) if !rest.contains('/') => rest.to_string(),
            _ => self.path.clone(),
        }
    }

    /// The whole in the short form that people see.
    pub fn familiar(&self) -> String {
        self.with_suffix(self.familiar_name())
    }

    fn with_suffix(&self, mut name: String) -> String {
        if let Some(tag) = &self.tag {
            name = format!("{name}:{tag}");
        }
        if let Some(digest) = &self.digest {
            name = format!("{name}@{digest}");
        }
        name
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.with_suffix(self.name()))
    }
}

/// Whether a text looks like an image id.
fn is_identifier(text: &str) -> bool {
    let digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == 64 && text.bytes().all(digit)
}

/// `algorithm[+._-component…]:hex`, at least 32 digits: what the grammar of names takes for a digest.
fn may_be_digest(text: &str) -> bool {
    let letters = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphabetic())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    text.split_once(':').is_some_and(|(algorithm, hex)| {
        algorithm.split(['+', '.', '_', '-']).all(letters)
            && hex.len() >= 32
            && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

fn parse_digest(text: &str) -> Result<Digest, ReferenceError> {
    let digest: Digest = text.parse().map_err(ReferenceError::Digest)?;
    match digest.is_known() {
        true => Ok(digest),
        false => Err(ReferenceError::Digest(DigestError::Unsupported)),
    }
}

fn split_domain(text: &str) -> (String, String) {
    let (domain, rest) = match text.split_once('/') {
        Some(("index.docker.io", rest)) => (DEFAULT_DOMAIN, rest),
        Some((head, rest))
            if head == "localhost" || head.contains(['.', ':']) || head.to_lowercase() != head =>
        {
            (head, rest)
        }
        _ => (DEFAULT_DOMAIN, text),
    };
    let official = if domain == DEFAULT_DOMAIN && !rest.contains('/') {
        OFFICIAL
    } else {
        ""
    };
    (domain.to_string(), format!("{official}{rest}"))
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = match domain.rfind(':').filter(|_| !domain.ends_with(']')) {
        Some(colon) => (&domain[..colon], &domain[colon + 1..]),
        None => (domain, "0"),
    };
    if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    if let Some(v6) = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        return !v6.is_empty()
            && v6
                .bytes()
                .all(|byte| byte.is_ascii_hexdigit() || byte == b':');
    }
    host.split('.').all(|label| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    })
}

/// `[a-z0-9]+`, joined by one dot, one or two underscores, or any number of dashes.
fn is_component(component: &str) -> bool {
    let alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = component.as_bytes();
    if !bytes.first().is_some_and(alphanumeric) || !bytes.last().is_some_and(alphanumeric) {
        return false;
    }
    bytes
        .split(alphanumeric)
        .all(|run| matches!(run, b"" | b"." | b"_" | b"__") || run.iter().all(|byte| *byte == b'-'))
}

/// Whether a text may be a tag: `[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}`.
pub fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= MAX_TAG
        && tag.bytes().next().is_some_and(word)
        && tag
            .bytes()
            .all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_become_complete_and_back() {
        let digest = Digest::sha256(&[0xab; 32]);
        let at = format!("busybox@{digest}");
        for (typed, complete, familiar) in [
            ("busybox", "docker.io/library/busybox", "busybox"),
            (
                "busybox:1.36",
                "docker.io/library/busybox:1.36",
                "busybox:1.36",
            ),
            ("user/app", "docker.io/user/app", "user/app"),
            (
                "index.docker.io/busybox",
                "docker.io/library/busybox",
                "busybox",
            ),
            ("localhost/app", "localhost/app", "localhost/app"),
            (
                "localhost:5000/app:x",
                "localhost:5000/app:x",
                "localhost:5000/app:x",
            ),
            (
                "quay.io/a/b-c__d.e",
                "quay.io/a/b-c__d.e",
                "quay.io/a/b-c__d.e",
            ),
            ("[::1]:5000/app", "[::1]:5000/app", "[::1]:5000/app"),
            ("Foo.com/a", "Foo.com/a", "Foo.com/a"),
            ("me/app:v1", "docker.io/me/app:v1", "me/app:v1"),
            (&at, &format!("docker.io/library/{at}"), &at),
        ] {
            let reference = Reference::parse(typed).unwrap();
            assert_eq!(reference.to_string(), complete);
            assert_eq!(reference.familiar(), familiar);
            assert_eq!(Reference::parse(complete).unwrap(), reference);
        }
        assert_eq!(
            Reference::parse("a").unwrap().or_latest().familiar(),
            "a:latest"
        );
        assert_eq!(Reference::parse(&at).unwrap().or_latest().familiar(), at);
    }

    /// As `docker tag` of 28.2.2 tells them.
    #[test]
    fn what_is_no_name_gets_dockers_message() {
        const FORMAT: &str = "invalid reference format";
        let (hex, id) = ("a".repeat(40), "0".repeat(64));
        let lower = |name: &str| format!("{FORMAT}: repository name ({name}) must be lowercase");
        for (typed, message) in [
            ("".to_string(), FORMAT.to_string()),
            ("-a".to_string(), FORMAT.to_string()),
            ("a:".to_string(), FORMAT.to_string()),
            ("a:b:c".to_string(), FORMAT.to_string()),
            ("a..b".to_string(), FORMAT.to_string()),
            ("a___b".to_string(), FORMAT.to_string()),
            ("a b".to_string(), FORMAT.to_string()),
            ("é".to_string(), FORMAT.to_string()),
            ("a@".to_string(), FORMAT.to_string()),
            ("a@sha256:12".to_string(), FORMAT.to_string()),
            (format!("a@b@sha256:{hex}"), FORMAT.to_string()),
            ("localhost:x/a".to_string(), FORMAT.to_string()),
            ("Busybox".to_string(), lower("library/Busybox")),
            ("foo/B".to_string(), lower("foo/B")),
            (format!("a@SHA256:{hex}"), lower("library/a@SHA256")),
            (
                format!("a@sha256:{hex}"),
                "invalid checksum digest length".to_string(),
            ),
            (
                format!("a@sha256:{}", "A".repeat(64)),
                "invalid checksum digest format".to_string(),
            ),
            (
                format!("a@foo:{hex}"),
                "unsupported digest algorithm".to_string(),
            ),
            (
                id.clone(),
                format!(
                    "invalid repository name ({id}), cannot specify 64-byte hexadecimal strings"
                ),
            ),
            (
                format!("b/{}", "a".repeat(254)),
                "repository name must not be more than 255 characters".to_string(),
            ),
        ] {
            let error = Reference::parse(&typed).unwrap_err();
            assert_eq!(error.to_string(), message, "{typed}");
        }
        assert!(Reference::parse(&format!("b/{}", "a".repeat(253))).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_text_never_panics_and_names_survive(text in ".{0,40}") {
            if let Ok(reference) = Reference::parse(&text) {
                proptest::prop_assert_eq!(Reference::parse(&reference.familiar()), Ok(reference.clone()));
                proptest::prop_assert_eq!(Reference::parse(&reference.to_string()), Ok(reference));
            }
        }
    }
}

//! Names of images (`github.com/distribution/reference`).

/// A name, taken apart and made whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reference {
    /// `docker.io` or another registry.
    pub domain: String,
    /// `library/busybox`.
    pub path: String,
    /// `latest`.
    pub tag: Option<String>,
    /// `sha256:…`.
    pub digest: Option<String>,
}

const DOMAIN: &str = "docker.io";
const INVALID: &str = "invalid reference format";
/// Characters of a name at most.
const MAX_NAME: usize = 255;

impl Reference {
    /// Reads a name as people write it (`ParseNormalizedNamed`).
    pub fn parse(text: &str) -> Result<Reference, String> {
        if text.len() == 64
            && text
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        {
            return Err(format!(
                "invalid repository name ({text}), cannot specify 64-byte hexadecimal strings"
            ));
        }
        let (domain, rest) = split_domain(text);
        let remote = rest.split(':').next().unwrap_or_default();
        if remote.to_lowercase() != remote {
            return Err(format!(
                "{INVALID}: repository name ({remote}) must be lowercase"
            ));
        }
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (rest.as_str(), None),
        };
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (rest, None),
        };
        let fits = valid_domain(&domain)
            && path.split('/').all(valid_component)
            && tag.is_none_or(valid_tag)
            && digest.is_none_or(valid_digest);
        if !fits {
            return Err(INVALID.to_owned());
        }
        if domain.len() + 1 + path.len() > MAX_NAME {
            return Err(format!(
                "repository name must not be more than {MAX_NAME} characters"
            ));
        }
        Ok(Reference {
            domain,
            path: path.to_owned(),
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }

    /// The whole name: `docker.io/library/busybox`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.domain, self.path)
    }

    /// The name as people write it: `busybox`.
    pub fn familiar_name(&self) -> String {
        match self.domain.as_str() {
            DOMAIN => self
                .path
                .strip_prefix("library/")
                .filter(|rest| !rest.contains('/'))
                .unwrap_or(&self.path)
                .to_owned(),
            _ => self.name(),
        }
    }

    /// The same with tag and digest.
    pub fn familiar(&self) -> String {
        let tag = self
            .tag
            .as_ref()
            .map_or(String::new(), |tag| format!(":{tag}"));
        let digest = self
            .digest
            .as_ref()
            .map_or(String::new(), |digest| format!("@{digest}"));
        self.familiar_name() + &tag + &digest
    }

    /// With `latest` where there is neither tag nor digest.
    pub fn tagged(mut self) -> Reference {
        if self.tag.is_none() && self.digest.is_none() {
            self.tag = Some("latest".to_owned());
        }
        self
    }
}

fn split_domain(text: &str) -> (String, String) {
    let (domain, rest) = match text.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':'])
                || first == "localhost"
                || first.to_lowercase() != first =>
        {
            (first, rest)
        }
        _ => (DOMAIN, text),
    };
    let domain = if domain == "index.docker.io" {
        DOMAIN
    } else {
        domain
    };
    let library = domain == DOMAIN && !rest.contains('/');
    (
        domain.to_owned(),
        if library {
            format!("library/{rest}")
        } else {
            rest.to_owned()
        },
    )
}

fn valid_domain(domain: &str) -> bool {
    let (host, port) = domain.split_once(':').unwrap_or((domain, "0"));
    let part = |part: &str| {
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        edge(part.chars().next())
            && edge(part.chars().next_back())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) && host.split('.').all(part)
}

/// Lower-case letters and digits, with single separators between them.
fn valid_component(part: &str) -> bool {
    let separators = part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let plain = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let fits = |separator: &str| {
        matches!(separator, "" | "." | "_" | "__") || separator.chars().all(|c| c == '-')
    };
    plain(part.chars().next())
        && plain(part.chars().next_back())
        && separators.into_iter().all(fits)
}

fn valid_tag(tag: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.len() <= 128
        && tag.starts_with(word)
        && tag.chars().all(|c| word(c) || c == '.' || c == '-')
}

fn valid_digest(digest: &str) -> bool {
    digest.split_once(':').is_some_and(|(algorithm, hex)| {
        !algorithm.is_empty() && hex.len() >= 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_whole_and_familiar_again() {
        for (text, name, familiar) in [
            ("busybox", "docker.io/library/busybox", "busybox"),
            ("busybox:1.36", "docker.io/library/busybox", "busybox:1.36"),
            (
                "docker.io/library/busybox",
                "docker.io/library/busybox",
                "busybox",
            ),
            ("me/app:v1", "docker.io/me/app", "me/app:v1"),
            (
                "localhost:5000/a/b",
                "localhost:5000/a/b",
                "localhost:5000/a/b",
            ),
            ("quay.io/x/y__z:a-b", "quay.io/x/y__z", "quay.io/x/y__z:a-b"),
        ] {
            let reference = Reference::parse(text).unwrap();
            assert_eq!(
                (reference.name().as_str(), reference.familiar().as_str()),
                (name, familiar)
            );
        }
        assert_eq!(
            Reference::parse("a").unwrap().tagged().familiar(),
            "a:latest"
        );
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let lower = "invalid reference format: repository name (library/A) must be lowercase";
        for (text, error) in [
            ("", "invalid reference format"),
            ("A", lower),
            ("a:", "invalid reference format"),
            ("a b", "invalid reference format"),
            ("-a", "invalid reference format"),
            ("a@sha256:12", "invalid reference format"),
        ] {
            assert_eq!(Reference::parse(text).unwrap_err(), error, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_name_or_not(text in ".{0,40}") {
            if let Ok(reference) = Reference::parse(&text) {
                proptest::prop_assert_eq!(Reference::parse(&reference.familiar()), Ok(reference));
            }
        }
    }
}

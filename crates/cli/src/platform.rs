//! `--platform` values (containerd's `platforms.Parse`).

use crate::text::quote;

/// Operating systems and processors that Go knows (`isKnownOS`, `isKnownArch`).
const SYSTEMS: &[&str] = &[
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "hurd",
    "illumos",
    "ios",
    "js",
    "linux",
    "nacl",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "windows",
    "zos",
];
const PROCESSORS: &[&str] = &[
    "386",
    "amd64",
    "amd64p32",
    "arm",
    "armbe",
    "arm64",
    "arm64be",
    "loong64",
    "mips",
    "mipsle",
    "mips64",
    "mips64le",
    "mips64p32",
    "mips64p32le",
    "ppc",
    "ppc64",
    "ppc64le",
    "riscv",
    "riscv64",
    "s390",
    "s390x",
    "sparc",
    "sparc64",
    "wasm",
];
const SYSTEM_PATTERN: &str = r"^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.-]*)\))?$";
const PART_PATTERN: &str = "^[A-Za-z0-9_.-]+$";

/// An operating system and a processor.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Platform {
    os: String,
    os_version: String,
    architecture: String,
    variant: String,
}

impl Platform {
    /// Reads `os`, `architecture`, `os/architecture` or `os/architecture/variant`; what is left out is that of this
    /// machine.
    ///
    /// # Errors
    /// The real command's words for what is no platform.
    pub fn parse(text: &str) -> Result<Platform, String> {
        let whole = quote(text);
        let wrong = |why: &str| Err(format!("{why}: invalid argument"));
        if text.contains('*') {
            return wrong(&format!("{whole}: wildcards not yet supported"));
        }
        let mut parts = text.split('/');
        let first = parts.next().unwrap_or_default();
        let rest: Vec<&str> = parts.collect();
        let Some((system, version)) = system(first) else {
            return wrong(&format!(
                "{} is an invalid OS component of {whole}: OSAndVersion specifier component must match {}",
                quote(first),
                quote(SYSTEM_PATTERN)
            ));
        };
        if let Some(part) = rest.iter().find(|part| !is_part(part)) {
            return wrong(&format!(
                "{} is an invalid component of {whole}: platform specifier component must match {}",
                quote(part),
                quote(PART_PATTERN)
            ));
        }
        let os = match system.to_lowercase().as_str() {
            "macos" => "darwin".to_owned(),
            name => name.to_owned(),
        };
        let (os, (architecture, mut variant)) = match rest.as_slice() {
            [] if SYSTEMS.contains(&os.as_str()) => (os, ("amd64".to_owned(), String::new())),
            [] => match processor(system, "") {
                found if PROCESSORS.contains(&found.0.as_str()) && version.is_empty() => {
                    ("linux".to_owned(), found)
                }
                _ => {
                    return wrong(&format!(
                        "{whole}: unknown operating system or architecture"
                    ));
                }
            },
            [name] => (os, processor(name, "")),
            [name, variant] => (os, processor(name, variant)),
            _ => return wrong(&format!("{whole}: cannot parse platform specifier")),
        };
        match (architecture.as_str(), variant.as_str(), rest.len()) {
            ("arm", "v7", 0 | 1) => variant.clear(),
            ("arm64", "", 2) => "v8".clone_into(&mut variant),
            _ => {}
        }
        Ok(Platform {
            os,
            os_version: version.to_owned(),
            architecture,
            variant,
        })
    }

    /// As a document: `{"architecture":"amd64","os":"linux"}`.
    pub fn document(&self) -> String {
        let fields = [
            ("architecture", &self.architecture),
            ("os", &self.os),
            ("os.version", &self.os_version),
            ("variant", &self.variant),
        ];
        let given = fields.iter().filter(|(_, value)| !value.is_empty());
        let map: serde_json::Map<String, serde_json::Value> = given
            .map(|(name, value)| ((*name).to_owned(), value.as_str().into()))
            .collect();
        serde_json::Value::Object(map).to_string()
    }
}

fn is_part(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// The name of an operating system and its version in parentheses.
fn system(text: &str) -> Option<(&str, &str)> {
    let (name, version) = match text.strip_suffix(')') {
        Some(text) => text.split_once('(')?,
        None => (text, ""),
    };
    let fits = is_part(name) && !name.contains('.') && (version.is_empty() || is_part(version));
    fits.then_some((name, version))
}

/// A processor and its variant under their usual names (`normalizeArch`).
fn processor(name: &str, variant: &str) -> (String, String) {
    let (name, variant) = (name.to_lowercase(), variant.to_lowercase());
    let (name, variant) = match (name.as_str(), variant.as_str()) {
        ("i386", _) => ("386", ""),
        ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
        ("x86_64" | "x86-64", variant) => ("amd64", variant),
        ("aarch64" | "arm64", "8" | "v8") => ("arm64", ""),
        ("aarch64", variant) => ("arm64", variant),
        ("armhf", _) => ("arm", "v7"),
        ("armel", _) => ("arm", "v6"),
        ("arm", "" | "7") => ("arm", "v7"),
        ("arm", "5") => ("arm", "v5"),
        ("arm", "6") => ("arm", "v6"),
        ("arm", "8") => ("arm", "v8"),
        other => other,
    };
    (name.to_owned(), variant.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_as_docker_28_2_2_reads_them() {
        let os = r#"OSAndVersion specifier component must match "^([A-Za-z0-9_-]+)(?:\\(([A-Za-z0-9_.-]*)\\))?$""#;
        let part = r#"platform specifier component must match "^[A-Za-z0-9_.-]+$""#;
        for good in [
            "linux",
            "LINUX",
            "x86_64",
            "X86-64",
            "i386",
            "armhf",
            "aarch64",
            "macOS",
            "wasm",
            "loong64",
            "a/b",
            "a/b/c",
            "windows(10.0)",
            "linux(5)/amd64",
            "linux()/x",
            "amd64p32",
        ] {
            assert!(Platform::parse(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            (
                "foo",
                r#""foo": unknown operating system or architecture"#.to_owned(),
            ),
            (
                "i486",
                r#""i486": unknown operating system or architecture"#.to_owned(),
            ),
            (
                "foo(1)",
                r#""foo(1)": unknown operating system or architecture"#.to_owned(),
            ),
            (
                "a/b/c/d",
                r#""a/b/c/d": cannot parse platform specifier"#.to_owned(),
            ),
            (
                "linux/*",
                r#""linux/*": wildcards not yet supported"#.to_owned(),
            ),
            (
                "linux/",
                format!(r#""" is an invalid component of "linux/": {part}"#),
            ),
            (
                "linux/a@b",
                format!(r#""a@b" is an invalid component of "linux/a@b": {part}"#),
            ),
            (
                "/linux",
                format!(r#""" is an invalid OS component of "/linux": {os}"#),
            ),
            (
                "linux(x",
                format!(r#""linux(x" is an invalid OS component of "linux(x": {os}"#),
            ),
        ] {
            assert_eq!(
                Platform::parse(bad),
                Err(format!("{why}: invalid argument")),
                "{bad}"
            );
        }
    }

    #[test]
    fn documents_have_the_usual_names() {
        for (text, document) in [
            ("linux", r#"{"architecture":"amd64","os":"linux"}"#),
            ("x86_64", r#"{"architecture":"amd64","os":"linux"}"#),
            ("linux/arm", r#"{"architecture":"arm","os":"linux"}"#),
            (
                "linux/arm64/v8",
                r#"{"architecture":"arm64","os":"linux","variant":"v8"}"#,
            ),
            (
                "linux/arm/6",
                r#"{"architecture":"arm","os":"linux","variant":"v6"}"#,
            ),
            (
                "windows(10.0)/amd64",
                r#"{"architecture":"amd64","os":"windows","os.version":"10.0"}"#,
            ),
        ] {
            let parsed = Platform::parse(text).map(|platform| platform.document());
            assert_eq!(parsed.as_deref(), Ok(document), "{text}");
        }
    }
}

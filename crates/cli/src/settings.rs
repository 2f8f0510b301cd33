//! The client's file of settings, `config.json`.

use crate::contexts::Choice;
use crate::contexts::store::make_folders;
use crate::error::{Fail, Kind, Result};
use crate::json;
use crate::session::{Session, failed};
use crate::value::escape_html;
use glassdock_abi::files::replace_shared_file;
use glassdock_abi::flags::AtFlags;
use glassdock_abi::{Fd, Io, PathArg, Sys};
use glassdock_trace::Trace;
use serde_json::{Map, Value as Json};

/// Links that are followed to the file at most.
const MAX_LINKS: usize = 8;
/// Permissions of a new file: it may hold passwords.
const PRIVATE: u32 = 0o600;

/// Settings that are used.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Settings {
    /// Format of `ps`.
    pub ps_format: String,
    /// Format of `images`.
    pub images_format: String,
    /// Keys that leave a container.
    pub detach_keys: String,
    /// The context that is meant where nothing else is said.
    pub current_context: String,
}

fn path(choice: &Choice) -> Result<String> {
    Ok(format!("{}/config.json", choice.folder()?))
}

/// Reads the file: defaults where there is none, and a warning besides where it cannot be read.
pub async fn load<S: Sys + Trace>(session: &Session<S>) -> (Settings, Option<String>) {
    let Ok(path) = path(&session.choice) else {
        return (Settings::default(), None);
    };
    let unread = |why: String| (Settings::default(), Some(why));
    match session.read_file(&path).await {
        Err(fail) if fail.kind == Kind::NotFound => (Settings::default(), None),
        Err(fail) => unread(format!(
            "WARNING: Error loading config file: {}\n",
            fail.message
        )),
        Ok(content) if content.is_empty() => (Settings::default(), None),
        Ok(content) => match serde_json::from_slice(&content) {
            Ok(settings) => (settings, None),
            Err(error) => unread(format!(
                "WARNING: Error parsing config file ({path}): {error}\n"
            )),
        },
    }
}

/// Notes the context that is meant from now on; `None` for the default. All else in the file stays; one that is damaged
/// stays as it is, where the real command would lose what it holds.
///
/// # Errors
/// The file is damaged, or cannot be written.
pub async fn choose_context<S: Sys + Trace>(
    session: &Session<S>,
    name: Option<&str>,
) -> Result<()> {
    let path = path(&session.choice)?;
    let content = match session.read_file(&path).await {
        Err(fail) if fail.kind == Kind::NotFound => Vec::new(),
        content => content?,
    };
    let text = with_context(&content, name)
        .map_err(|why| Fail::new(format!("{path} is damaged and stays as it is: {why}")))?;
    make_folders(session, session.choice.folder()?, 0o700).await?;
    let path = followed(session, path).await;
    let known = session
        .sys
        .statx(Fd::CWD, (&path).into(), AtFlags::empty())
        .await;
    let permissions = known.map_or(PRIVATE, |stat| stat.mode & 0o777);
    let at = PathArg::from(&path);
    let written = replace_shared_file(&session.sys, &at, text.as_bytes(), permissions).await;
    written.map_err(failed("write", &path))
}

/// Where links lead: the file there is replaced, not the link.
async fn followed<S: Sys + Trace>(session: &Session<S>, mut path: String) -> String {
    for _ in 0..MAX_LINKS {
        let read = session.sys.readlinkat(Fd::CWD, (&path).into()).await;
        let Some(target) = read.ok().and_then(|target| String::from_utf8(target).ok()) else {
            break;
        };
        let folder = path.rsplit_once('/').map_or(".", |(folder, _)| folder);
        path = match target.starts_with('/') {
            true => target,
            false => format!("{folder}/{target}"),
        };
    }
    path
}

/// The file's text with another context in it.
fn with_context(content: &[u8], name: Option<&str>) -> Result<String, String> {
    let document = match content {
        [] => Json::Object(Map::new()),
        content => serde_json::from_slice(content).map_err(|error| error.to_string())?,
    };
    let Json::Object(mut fields) = document else {
        return Err("it is no JSON object".to_owned());
    };
    match name {
        Some(name) => fields.insert("currentContext".into(), name.into()),
        None => fields.remove("currentContext"),
    };
    // The real command always writes it.
    fields
        .entry("auths")
        .or_insert_with(|| Json::Object(Map::new()));
    Ok(json::indent(
        &escape_html(&Json::Object(fields).to_string()),
        0,
        "\t",
    ))
}

#[cfg(test)]
mod tests {
    use super::with_context;

    #[test]
    fn only_the_context_changes_in_the_file_of_settings() {
        let file = br#"{"zFoo":{"b":1},"currentContext":"old","auths":{"x":{}},"psFormat":"<y"}"#;
        let rest = "\t\"psFormat\": \"\\u003cy\",\n\t\"zFoo\": {\n\t\t\"b\": 1\n\t}\n}";
        let auths = "{\n\t\"auths\": {\n\t\t\"x\": {}\n\t},\n";
        for (name, line) in [
            (Some("new"), "\t\"currentContext\": \"new\",\n"),
            (None, ""),
        ] {
            assert_eq!(
                with_context(file, name).unwrap(),
                format!("{auths}{line}{rest}")
            );
        }
        let fresh = "{\n\t\"auths\": {},\n\t\"currentContext\": \"a\"\n}";
        assert_eq!(with_context(b"", Some("a")).unwrap(), fresh);
    }

    #[test]
    fn a_damaged_file_of_settings_is_refused_with_the_place() {
        for (file, why) in [
            (
                &br#"{"a":"b" "x"}"#[..],
                "expected `,` or `}` at line 1 column 10",
            ),
            (b"[]", "it is no JSON object"),
        ] {
            assert_eq!(with_context(file, Some("a")).unwrap_err(), why);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_file_is_read_or_refused(bytes: Vec<u8>, name in ".*") {
            let name: String = name;
            if let Ok(text) = with_context(&bytes, Some(&name)) {
                let read: super::Settings = serde_json::from_str(&text).unwrap_or_default();
                assert!(read.current_context == name);
            }
        }
    }
}

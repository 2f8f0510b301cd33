//! Making a container: `docker create`, and the first half of `docker run`.

use super::images::pull_reference;
use crate::error::{Fail, Kind, Result};
use crate::flags::Parsed;
use crate::options::{self, Facts, key_values};
use crate::platform::Platform;
use crate::session::{Call, Session};
use crate::terminal;
use glassdock_abi::files::write_all;
use glassdock_abi::flags::{AtFlags, OpenFlags};
use glassdock_abi::{Fd, Io, OwnedFd, PathArg, Sys};
use glassdock_api::container::{CreateRequest, CreateResponse};
use glassdock_oci::Reference;
use glassdock_trace::Trace;

/// Adds a hint at help, as `create` and `run` do (`withHelp`).
pub fn with_help(fail: Fail, command: &str) -> Fail {
    Fail {
        message: format!(
            "docker: {}\n\nRun 'docker {command} --help' for more information",
            fail.message
        ),
        ..fail
    }
}

/// What the flags ask for. Failures have exit status 125 and a hint at help.
pub async fn request<S: Sys + Trace>(
    session: &Session<S>,
    flags: &Parsed,
    command: &str,
) -> Result<CreateRequest> {
    let asked = async {
        let pull = flags.text("pull");
        if !["always", "missing", "never", ""].contains(&pull) {
            let why = format!(
                "invalid pull option: '{pull}': must be one of \"always\", \"missing\" or \"never\""
            );
            return Err(Fail::new(why));
        }
        let facts = facts(session, flags).await?;
        options::request(flags, facts).map_err(Fail::new)
    };
    asked
        .await
        .map_err(|fail| with_help(fail, command).with_status(125))
}

async fn facts<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<Facts> {
    Ok(Facts {
        env: last_of_each(environment(session, flags).await?),
        labels: labels(session, flags).await?,
        security_opt: security_opt(session, flags.list("security-opt")).await?,
        console_size: terminal::size(&session.sys, Fd::STDOUT).await,
    })
}

/// Keeps the last value of each variable, in the place of its first.
fn last_of_each(lines: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::with_capacity(lines.len());
    let name = |line: &str| line.split('=').next().unwrap_or_default().to_owned();
    for line in lines {
        match kept.iter_mut().find(|known| name(known) == name(&line)) {
            Some(known) => *known = line,
            None => kept.push(line),
        }
    }
    kept
}

/// `--env-file` and `--env`; a bare name has its value from the environment, or none.
pub async fn environment<S: Sys + Trace>(
    session: &Session<S>,
    flags: &Parsed,
) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for path in flags.list("env-file") {
        let content = session.read_file(path).await?;
        let wrong = |why| Fail::new(format!("invalid env file ({path}): {why}"));
        lines.extend(key_values(&content, |name| session.env.get(name).cloned()).map_err(wrong)?);
    }
    for line in flags.list("env") {
        match session.env.get(line) {
            Some(value) if !line.contains('=') => lines.push(format!("{line}={value}")),
            _ => lines.push(line.clone()),
        }
    }
    Ok(lines)
}

async fn labels<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for path in flags.list("label-file") {
        let content = session.read_file(path).await?;
        let wrong = |why| Fail::new(format!("invalid env file ({path}): {why}"));
        lines.extend(key_values(&content, |_| None).map_err(wrong)?);
    }
    lines.extend(flags.list("label").iter().cloned());
    Ok(lines)
}

/// Security options, with seccomp profiles read from their files.
async fn security_opt<S: Sys + Trace>(
    session: &Session<S>,
    given: &[String],
) -> Result<Vec<String>> {
    let mut options = Vec::new();
    for option in given {
        let (name, value) = option
            .split_once('=')
            .or_else(|| option.split_once(':'))
            .unwrap_or((option, ""));
        if value.is_empty() && name != "no-new-privileges" {
            return Err(Fail::new(format!(
                "Invalid --security-opt: {}",
                crate::text::quote(option)
            )));
        }
        if name != "seccomp" || ["unconfined", "builtin"].contains(&value) {
            options.push(option.clone());
            continue;
        }
        let opening = |fail: Fail| {
            Fail::new(format!(
                "opening seccomp profile ({value}) failed: {}",
                fail.message
            ))
        };
        let content = session.read_file(value).await.map_err(opening)?;
        let compacting = |error| {
            Fail::new(format!(
                "compacting json for seccomp profile ({value}) failed: {error}"
            ))
        };
        let profile: serde_json::Value = serde_json::from_slice(&content).map_err(compacting)?;
        options.push(format!("seccomp={profile}"));
    }
    Ok(options)
}

/// The file that gets the container's id; removed again when there is no container.
struct IdFile<S: Sys> {
    path: String,
    file: Option<OwnedFd<S>>,
}

impl<S: Sys + Trace> IdFile<S> {
    async fn open(session: &Session<S>, path: &str) -> Result<IdFile<S>> {
        if path.is_empty() {
            return Ok(IdFile {
                path: String::new(),
                file: None,
            });
        }
        let there = session
            .sys
            .statx(Fd::CWD, PathArg::from(path), AtFlags::empty())
            .await
            .is_ok();
        if there {
            let why =
                "container ID file found, make sure the other container isn't running or delete";
            return Err(Fail::new(format!("{why} {path}")));
        }
        let failed = |fail: Fail| {
            Fail::new(format!(
                "failed to create the container ID file: {}",
                fail.message
            ))
        };
        let file = session
            .create(path, OpenFlags::TRUNC, 0o666)
            .await
            .map_err(failed)?;
        Ok(IdFile {
            path: path.to_owned(),
            file: Some(file),
        })
    }

    async fn finish(self, session: &Session<S>, id: Option<&str>) -> Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        match id {
            Some(id) => write_all(&session.sys, file.fd(), id.as_bytes())
                .await
                .map_err(|errno| {
                    Fail::new(format!(
                        "failed to write the container ID to the file: {}",
                        errno.message().to_lowercase()
                    ))
                }),
            None => {
                let _ = session
                    .sys
                    .unlinkat(Fd::CWD, PathArg::from(self.path.as_str()), AtFlags::empty())
                    .await;
                Ok(())
            }
        }
    }
}

/// Makes the container, getting its image first where that is missing. Yields its id.
pub async fn make<S: Sys + Trace>(
    session: &Session<S>,
    flags: &Parsed,
    request: &CreateRequest,
) -> Result<String> {
    let id_file = IdFile::open(session, flags.text("cidfile")).await?;
    let made = make_with_image(session, flags, request).await;
    let id = made.as_ref().ok().map(|made| made.id.as_str());
    let written = id_file.finish(session, id).await;
    let made = made?;
    for warning in &made.warnings {
        session.err(format!("WARNING: {warning}\n")).await?;
    }
    written.map(|()| made.id)
}

async fn make_with_image<S: Sys + Trace>(
    session: &Session<S>,
    flags: &Parsed,
    request: &CreateRequest,
) -> Result<CreateResponse> {
    let image = &request.config.image;
    let digest = image.len() == 64
        && image
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let reference = match digest || image.starts_with("sha256:") {
        true => None,
        false => Some(Reference::parse(image)?.or_latest()),
    };
    let quiet = flags.bool("quiet");
    if let (Some(reference), "always") = (&reference, flags.text("pull")) {
        pull_reference(
            session,
            reference,
            flags.text("platform"),
            quiet,
            Fd::STDERR,
        )
        .await?;
    }
    let platform = flags.text("platform");
    if !platform.is_empty() {
        Platform::parse(platform)
            .map_err(|why| Fail::new(format!("error parsing specified platform: {why}")))?;
    }
    match post(session, flags, request).await {
        Err(fail) if fail.kind == Kind::NotFound && flags.text("pull") == "missing" => {
            let Some(reference) = reference else {
                return Err(fail);
            };
            if !quiet {
                session
                    .err(format!(
                        "Unable to find image '{}' locally\n",
                        reference.familiar()
                    ))
                    .await?;
            }
            pull_reference(
                session,
                &reference,
                flags.text("platform"),
                quiet,
                Fd::STDERR,
            )
            .await?;
            post(session, flags, request).await
        }
        made => made,
    }
}

async fn post<S: Sys + Trace>(
    session: &Session<S>,
    flags: &Parsed,
    request: &CreateRequest,
) -> Result<CreateResponse> {
    let (name, platform) = (flags.text("name"), flags.text("platform"));
    let call = Call::post("/containers/create")
        .with_if(!name.is_empty(), "name", name)
        .with_if(!platform.is_empty(), "platform", platform)
        .json(request);
    session.document(call).await
}

/// `docker create`
pub async fn create<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let request = request(session, flags, "create").await?;
    let id = make(session, flags, &request).await?;
    session.out(format!("{id}\n")).await
}

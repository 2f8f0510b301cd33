//! Commands about images that change something.

use super::containers::{confirm, filters, path};
use crate::error::{Fail, Kind, Result, join};
use crate::flags::Parsed;
use crate::platform::Platform;
use crate::session::{Call, Session, body_of};
use crate::streams::progress;
use crate::{terminal, units, url};
use glassdock_abi::flags::OpenFlags;
use glassdock_abi::{Fd, Sys};
use glassdock_api::IdResponse;
use glassdock_api::image::{DeleteItem, PruneReport};
use glassdock_http::client::Answer;
use glassdock_http::{Body, header};
use glassdock_oci::Reference;
use glassdock_oci::reference::ReferenceError;
use glassdock_trace::Trace;

/// Bytes of an answer that is not progress at most.
const MAX_TEXT: usize = 1 << 20;

/// A file's bytes, or those of standard input for `-`.
async fn input<S: Sys + Trace>(session: &Session<S>, name: &str) -> Result<Body> {
    if name == "-" {
        return Ok(body_of(session.sys.clone(), Fd::STDIN, None));
    }
    let file = session.open(name).await?;
    Ok(body_of(session.sys.clone(), file.fd(), Some(file)))
}

/// `docker load`
pub async fn load<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let name = match flags.text("input") {
        "" if terminal::is_terminal(&session.sys, Fd::STDIN).await => {
            return Err(Fail::new("requested load from stdin, but stdin is empty"));
        }
        "" => "-",
        name => name,
    };
    let body = input(session, name).await?;
    let quiet = flags.bool("quiet") || !terminal::is_terminal(&session.sys, Fd::STDOUT).await;
    let call = Call::post("/images/load")
        .with("quiet", if quiet { "1" } else { "0" })
        .with_if(
            !flags.text("platform").is_empty(),
            "platform",
            platform(flags.text("platform"))?,
        )
        .stream(body, "application/x-tar");
    let mut answer = session.send(call).await?;
    let json = answer
        .head
        .headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if json {
        return progress(session, &mut answer, Fd::STDOUT, false).await;
    }
    let text = answer
        .collect(MAX_TEXT)
        .await
        .map_err(|error| Fail::new(error.to_string()))?;
    session.out(text).await
}

/// A platform as a document, for a flag that was given.
fn platform(text: &str) -> Result<String> {
    if text.is_empty() {
        return Ok(String::new());
    }
    let parsed =
        Platform::parse(text).map_err(|why| Fail::new(format!("invalid platform: {why}")))?;
    Ok(parsed.document())
}

/// `docker import`
pub async fn import<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let (source, repository) = match flags.args.as_slice() {
        [source] => (source.as_str(), ""),
        [source, repository, ..] => (source.as_str(), repository.as_str()),
        [] => ("-", ""),
    };
    if !repository.is_empty() {
        Reference::parse(repository)?;
    }
    let remote = source.starts_with("http://") || source.starts_with("https://");
    let mut call = Call::post("/images/create")
        .with("fromSrc", if remote { source } else { "-" })
        .with_if(!repository.is_empty(), "repo", repository)
        .with_if(
            !flags.text("message").is_empty(),
            "message",
            flags.text("message"),
        )
        .with_if(
            !flags.text("platform").is_empty(),
            "platform",
            flags.text("platform"),
        );
    for change in flags.list("change") {
        call = call.with("changes", change);
    }
    if !remote {
        call = call.stream(input(session, source).await?, "text/plain");
    }
    let mut answer = session.send(call).await?;
    progress(session, &mut answer, Fd::STDOUT, false).await
}

/// Gets an image from a registry.
pub async fn pull_reference<S: Sys + Trace>(
    session: &Session<S>,
    reference: &Reference,
    platform: &str,
    quiet: bool,
    fd: Fd,
) -> Result<()> {
    let tag = match (&reference.digest, &reference.tag) {
        (Some(digest), _) => digest.as_str(),
        (None, tag) => tag.as_deref().unwrap_or_default(),
    };
    let call = Call::post("/images/create")
        .with("fromImage", reference.name())
        .with_if(!tag.is_empty(), "tag", tag)
        .with_if(!platform.is_empty(), "platform", platform)
        .with_auth();
    let mut answer = session.send(call).await?;
    progress(session, &mut answer, fd, quiet).await
}

/// `docker pull`
pub async fn pull<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let name = flags.args.first().map_or("", String::as_str);
    let reference = Reference::parse(name)?;
    let all = flags.bool("all-tags");
    if all && (reference.tag.is_some() || reference.digest.is_some()) {
        return Err(Fail::new("tag can't be used with --all-tags/-a"));
    }
    let quiet = flags.bool("quiet");
    let bare = reference.tag.is_none() && reference.digest.is_none();
    if bare && !all && !quiet {
        session.out("Using default tag: latest\n").await?;
    }
    let reference = if all {
        reference
    } else {
        reference.or_latest()
    };
    pull_reference(
        session,
        &reference,
        flags.text("platform"),
        quiet,
        Fd::STDOUT,
    )
    .await?;
    let name = match reference.digest {
        Some(_) => Reference {
            tag: None,
            ..reference
        },
        None => reference,
    };
    session.out(format!("{name}\n")).await
}

/// `docker rmi`
pub async fn remove<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let force = flags.bool("force");
    let platforms = flags
        .list("platform")
        .iter()
        .map(|text| Platform::parse(text));
    let platforms: Vec<Platform> = platforms
        .collect::<Result<_, String>>()
        .map_err(Fail::new)?;
    let (mut failures, mut fatal) = (Vec::new(), false);
    for name in &flags.args {
        let mut call = Call::delete(format!("/images/{}", url::path_escape(name)))
            .with_if(force, "force", "1")
            .with_if(flags.bool("no-prune"), "noprune", "1");
        for platform in &platforms {
            call = call.with("platforms", platform.document());
        }
        match session.document::<Option<Vec<DeleteItem>>>(call).await {
            Ok(items) => {
                session
                    .out(deleted(items.as_deref().unwrap_or_default()))
                    .await?
            }
            Err(fail) => {
                fatal |= fail.kind != Kind::NotFound;
                failures.push(fail);
            }
        }
    }
    match join(failures) {
        Err(fail) if force && !fatal => session.err(format!("{}\n", fail.message)).await,
        joined => joined,
    }
}

fn deleted(items: &[DeleteItem]) -> String {
    let line = |item: &DeleteItem| match item.deleted.is_empty() {
        true => format!("Untagged: {}\n", item.untagged),
        false => format!("Deleted: {}\n", item.deleted),
    };
    items.iter().map(line).collect()
}

/// `docker tag`
pub async fn tag<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let [source, target] = flags.args.as_slice() else {
        return Ok(());
    };
    let wrong = |name: &str, why: ReferenceError| {
        let name = crate::text::quote(name);
        Fail::new(format!(
            "Error parsing reference: {name} is not a valid repository/tag: {why}"
        ))
    };
    let image = source.len() == 64 && source.bytes().all(|byte| byte.is_ascii_hexdigit())
        || source.starts_with("sha256:");
    if !image {
        Reference::parse(source).map_err(|why| wrong(source, why))?;
    }
    let reference = Reference::parse(target).map_err(|why| wrong(target, why))?;
    if reference.digest.is_some() {
        return Err(Fail::new(
            "refusing to create a tag with a digest reference",
        ));
    }
    let reference = reference.or_latest();
    let call = Call::post(format!("/images/{}/tag", url::path_escape(source)))
        .with("repo", reference.name())
        .with("tag", reference.tag.unwrap_or_default());
    session.fetch(call).await.map(drop)
}

/// `docker commit`
pub async fn commit<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let name = flags.args.first().map_or("", String::as_str);
    let target = match flags.args.get(1) {
        Some(target) => Some(Reference::parse(target)?.or_latest()),
        None => None,
    };
    let mut call = Call::post("/commit")
        .with("author", flags.text("author"))
        .with("comment", flags.text("message"))
        .with("container", name)
        .with_if(!flags.bool("pause"), "pause", "0");
    if let Some(target) = target {
        call = call
            .with("repo", target.name())
            .with("tag", target.tag.unwrap_or_default());
    }
    for change in flags.list("change") {
        call = call.with("changes", change);
    }
    let made: IdResponse = session.document(call).await?;
    session.out(format!("{}\n", made.id)).await
}

/// `docker save`
pub async fn save<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let mut call = Call::get("/images/get");
    for name in &flags.args {
        call = call.with("names", name);
    }
    let named = flags.text("platform");
    let call = call.with_if(!named.is_empty(), "platform", platform(named)?);
    archive(session, call, flags.text("output"), "save").await
}

/// `docker export`
pub async fn export<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let name = flags.args.first().map_or("", String::as_str);
    archive(
        session,
        Call::get(path(name, "/export")),
        flags.text("output"),
        "export",
    )
    .await
}

async fn archive<S: Sys + Trace>(
    session: &Session<S>,
    call: Call<'_>,
    output: &str,
    verb: &str,
) -> Result<()> {
    if output.is_empty() && terminal::is_terminal(&session.sys, Fd::STDOUT).await {
        return Err(Fail::new(
            "cowardly refusing to save to a terminal. Use the -o flag or redirect",
        ));
    }
    let answer = session.send(call).await?;
    if output.is_empty() {
        return copy(session, answer, Fd::STDOUT).await;
    }
    let failed = |fail: Fail| Fail::new(format!("failed to {verb} image: {}", fail.message));
    let file = session
        .create(output, OpenFlags::TRUNC, 0o600)
        .await
        .map_err(failed)?;
    copy(session, answer, file.fd()).await
}

async fn copy<S: Sys + Trace>(session: &Session<S>, mut answer: Answer<S>, fd: Fd) -> Result<()> {
    while let Some(piece) = answer
        .next()
        .await
        .map_err(|error| Fail::new(error.to_string()))?
    {
        session.write(fd, &piece).await?;
    }
    Ok(())
}

/// `docker image prune`
pub async fn prune<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let all = flags.bool("all");
    let what = match all {
        true => "all images without at least one container associated to them",
        false => "all dangling images",
    };
    let question = format!("WARNING! This will remove {what}.\nAre you sure you want to continue?");
    if !flags.bool("force") && !confirm(session, &question).await? {
        return Ok(());
    }
    let mut filters = filters(flags);
    filters.add("dangling", if all { "false" } else { "true" });
    let report: PruneReport = session
        .document(Call::post("/images/prune").with("filters", filters.encode()))
        .await?;
    let items = report.images_deleted.unwrap_or_default();
    let mut text = String::new();
    if !items.is_empty() {
        text += "Deleted Images:\n";
        for item in &items {
            text += &match item.untagged.is_empty() {
                true => format!("deleted: {}\n", item.deleted),
                false => format!("untagged: {}\n", item.untagged),
            };
        }
        text.push('\n');
    }
    let space = if items.is_empty() {
        0
    } else {
        report.space_reclaimed
    };
    text += &format!("Total reclaimed space: {}\n", units::human_size(space));
    session.out(text).await
}

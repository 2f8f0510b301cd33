//! `docker context` and the commands below it (docker/cli `cli/command/context`).

mod document;

pub use document::document;

use super::output::natural;
use crate::contexts::NO_TLS;
use crate::contexts::archive;
use crate::contexts::host;
use crate::contexts::meta::{
    DEFAULT, DEFAULT_DESCRIPTION, DOCKER, Endpoint, Meta, check_name, check_own_name,
};
use crate::contexts::store;
use crate::error::{Fail, Kind, Result, join};
use crate::flags::Parsed;
use crate::format;
use crate::options::pairs::pairs;
use crate::session::{Session, failed};
use crate::settings::choose_context;
use crate::terminal;
use crate::text::quote;
use crate::value::Value;
use glassdock_abi::files::write_all;
use glassdock_abi::flags::{AtFlags, OpenFlags};
use glassdock_abi::{Fd, Io, Sys};
use glassdock_trace::Trace;
use std::collections::BTreeMap;

fn name(flags: &Parsed) -> &str {
    flags.args.first().map_or("", String::as_str)
}

/// Prints what was done to a context.
async fn report<S: Sys + Trace>(session: &Session<S>, name: &str, what: &str) -> Result<()> {
    session.out(format!("{name}\n")).await?;
    session.err(format!("{what}\n")).await
}

/// `docker context show`
pub async fn show<S: Sys + Trace>(session: &Session<S>) -> Result<()> {
    session.out(format!("{}\n", session.context())).await
}

/// `docker context ls`
pub async fn list<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let meant = session.context();
    let mut rows = vec![row(&session.choice.default_meta()?, meant)];
    rows.extend(
        store::list(session)
            .await?
            .iter()
            .map(|meta| row(meta, meant)),
    );
    if !rows.iter().any(|(name, _)| name == meant) {
        let missing = store::get(session, meant).await.err();
        let why = missing.map(|fail| fail.message).unwrap_or_default();
        rows.push((
            meant.to_owned(),
            format::context_row([meant, "", "", &why], true),
        ));
    }
    rows.sort_by_cached_key(|(name, _)| natural(name));
    let rows: Vec<Value> = rows.into_iter().map(|(_, row)| row).collect();
    let form = format::context_format(flags.text("format"), flags.bool("quiet"));
    session
        .out(format::list(form, format::context_titles(), &rows)?)
        .await?;
    if session.choice.overridden() {
        session.err(overridden("a context")).await?;
    }
    Ok(())
}

fn row(meta: &Meta, meant: &str) -> (String, Value) {
    let description = match meta.name.as_str() {
        DEFAULT => DEFAULT_DESCRIPTION,
        _ => meta.description(),
    };
    let (host, why) = match meta.docker() {
        Ok(endpoint) => (endpoint.host, String::new()),
        Err(why) => (String::new(), why),
    };
    let row = format::context_row([&meta.name, description, &host, &why], meta.name == meant);
    (meta.name.clone(), row)
}

fn overridden(what: &str) -> String {
    format!(
        "Warning: DOCKER_HOST environment variable overrides the active context. To use {what}, either set the global \
         --context flag, or unset DOCKER_HOST environment variable.\n"
    )
}

/// `docker context use`
pub async fn choose<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let name = name(flags);
    check_name(name)?;
    let wanted = (name != DEFAULT).then_some(name);
    if wanted.is_some() {
        store::get(session, name).await?;
    }
    if session.settings.current_context != wanted.unwrap_or_default() {
        choose_context(session, wanted).await?;
    }
    let shown = quote(name);
    report(session, name, &format!("Current context is now {shown}")).await?;
    if wanted.is_some() && session.choice.overridden() {
        session.err(overridden(&shown)).await?;
    }
    Ok(())
}

/// `docker context rm`
pub async fn remove<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let mut failures = Vec::new();
    for name in &flags.args {
        match remove_one(session, name, flags.bool("force")).await {
            Ok(()) => session.out(format!("{name}\n")).await?,
            Err(fail) => failures.push(fail),
        }
    }
    join(failures)
}

async fn remove_one<S: Sys + Trace>(session: &Session<S>, name: &str, force: bool) -> Result<()> {
    let shown = quote(name);
    if name == DEFAULT {
        return Err(Fail::new(format!("context {shown} cannot be removed")));
    }
    if !force && !store::exists(session, name).await? {
        return Err(Fail::new(format!("context {shown} does not exist")));
    }
    if name == session.context() {
        if !force {
            let why = format!("context {shown} is in use, set -f flag to force remove");
            return Err(Fail::new(why));
        }
        if !session.settings.current_context.is_empty() {
            choose_context(session, None).await?;
        }
    }
    store::remove(session, name).await
}

/// A new context's name: one that none has.
async fn check_new<S: Sys + Trace>(session: &Session<S>, name: &str) -> Result<()> {
    check_own_name(name)?;
    match store::get(session, name).await {
        Ok(_) => Err(Fail::new(format!("context {} already exists", quote(name)))),
        Err(fail) if fail.kind == Kind::NotFound => Ok(()),
        Err(fail) => {
            let why = format!("error while getting existing contexts: {}", fail.message);
            Err(Fail::new(why))
        }
    }
}

/// `docker context create`
pub async fn create<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let (name, from) = (name(flags), flags.text("from"));
    check_new(session, name).await?;
    let description = flags.text("description");
    match (from, flags.changed("docker")) {
        ("", true) => {
            let meta = Meta::new(name, description, &endpoint(session, flags).await?);
            store::create(session, &meta, &BTreeMap::new()).await?;
        }
        ("", false) => copy(session, session.context(), name, description).await?,
        (_, true) => return Err(Fail::new("cannot use --docker flag when --from is set")),
        (from, false) => copy(session, from, name, description).await?,
    }
    let done = format!("Successfully created context {}", quote(name));
    report(session, name, &done).await
}

/// Makes a context of another one.
async fn copy<S: Sys + Trace>(
    session: &Session<S>,
    from: &str,
    name: &str,
    description: &str,
) -> Result<()> {
    let mut meta = store::get(session, from).await?;
    name.clone_into(&mut meta.name);
    match (description, from) {
        ("", DEFAULT) => meta.describe(DEFAULT_DESCRIPTION),
        ("", _) => {}
        (description, _) => meta.describe(description),
    }
    let secrets = store::secrets(session, from).await?;
    store::create(session, &meta, &secrets).await
}

/// What `--docker` says.
async fn endpoint<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<Endpoint> {
    let read = read_endpoint(session, flags).await;
    read.map_err(|fail| {
        let why = fail.message;
        Fail::new(format!("unable to create docker endpoint config: {why}"))
    })
}

async fn read_endpoint<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<Endpoint> {
    let mut fields = BTreeMap::new();
    for value in flags.list("docker") {
        fields.extend(pairs(value)?);
    }
    let mut endpoint = Endpoint::default();
    for (key, value) in &fields {
        match key.as_str() {
            "host" => endpoint.host.clone_from(value),
            "skip-tls-verify" => endpoint.skip_tls_verify = switch(value)?,
            "ca" | "cert" | "key" if value.is_empty() => {}
            "ca" | "cert" | "key" => return Err(Fail::new(format!("{key}: {NO_TLS}"))),
            "from" => {}
            _ => return Err(Fail::new(format!("unrecognized config key: {key}"))),
        }
    }
    if let Some(from) = fields.get("from") {
        return Ok(store::get(session, from).await?.docker()?);
    }
    host::check(&endpoint.host)
        .map_err(|why| format!("unable to apply docker endpoint options: {why}"))?;
    Ok(endpoint)
}

fn switch(value: &str) -> Result<bool> {
    let read = crate::flags::parse_bool(value);
    let read = read.map_err(|_| {
        Fail::new(format!(
            "skip-tls-verify: parsing {}: invalid syntax",
            quote(value)
        ))
    });
    Ok(read? == "true")
}

/// `docker context update`
pub async fn update<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let name = name(flags);
    check_own_name(name)?;
    let mut meta = store::get(session, name).await?;
    name.clone_into(&mut meta.name);
    if !flags.text("description").is_empty() {
        meta.describe(flags.text("description"));
    }
    if flags.changed("docker") {
        meta.lead_to(&endpoint(session, flags).await?);
    }
    store::put(session, &meta).await?;
    if flags.changed("docker") {
        // They were for where it led before.
        store::forget(session, name, DOCKER).await?;
    }
    let done = format!("Successfully updated context {}", quote(name));
    report(session, name, &done).await
}

/// `docker context export`
pub async fn export<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let name = name(flags);
    check_name(name)?;
    let target = flags.args.get(1).cloned();
    let target = target.unwrap_or_else(|| format!("{name}.dockercontext"));
    if target == "-" && terminal::is_terminal(&session.sys, Fd::STDOUT).await {
        let why = "cowardly refusing to export to a terminal, specify a file path";
        return Err(Fail::new(why));
    }
    let meta = store::get(session, name).await?;
    let secrets = store::secrets(session, name).await?;
    let packed = archive::pack(&meta, &secrets);
    let bytes = packed.map_err(|error| Fail::new(format!("{target}: {error}")))?;
    if target == "-" {
        return session.out(bytes).await;
    }
    let file = session.create(&target, OpenFlags::EXCL, 0o600).await?;
    if let Err(errno) = write_all(&session.sys, file.fd(), &bytes).await {
        let path = target.as_str().into();
        let _ = session.sys.unlinkat(Fd::CWD, path, AtFlags::empty()).await;
        return Err(failed("write", &target)(errno));
    }
    session
        .err(format!("Written file {}\n", quote(&target)))
        .await
}

/// `docker context import`
pub async fn import<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let (name, source) = (name(flags), flags.args.get(1).map_or("-", String::as_str));
    check_new(session, name).await?;
    let bytes = match source {
        "-" => session.read_all(Fd::STDIN, "/dev/stdin").await?,
        path => session.read_file(path).await?,
    };
    let (mut meta, secrets) =
        archive::unpack(&bytes).map_err(|why| Fail::new(format!("{source}: {why}")))?;
    name.clone_into(&mut meta.name);
    store::create(session, &meta, &secrets).await?;
    let done = format!("Successfully imported context {}", quote(name));
    report(session, name, &done).await
}

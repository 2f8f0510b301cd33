//! Commands that act on containers and print their names.

use crate::error::{Fail, Kind, Result, join};
use crate::flags::Parsed;
use crate::session::{Call, Session};
use crate::{units, url};
use futures_util::{Stream, StreamExt};
use glassdock_abi::{BoxFuture, Fd, Io, Sys};
use glassdock_api::container::{PruneReport, WaitResponse};
use glassdock_api::filters::Filters;
use glassdock_trace::Trace;

/// Containers that are acted on at once.
const PARALLEL: usize = 50;

/// The path of a container.
pub fn path(container: &str, what: &str) -> String {
    format!("/containers/{}{what}", url::path_escape(container))
}

/// The filters that flags give.
pub fn filters(flags: &Parsed) -> Filters {
    let mut filters = Filters::default();
    for filter in flags.list("filter") {
        if let Some((name, value)) = filter.split_once('=') {
            filters.add(name, value);
        }
    }
    filters
}

/// Sends a request for each of several containers at once; answers come in order.
fn requests<'a, S: Sys + Trace>(
    session: &'a Session<S>,
    names: &'a [String],
    call: impl Fn(&'a str) -> Result<Call<'a>>,
) -> impl Stream<Item = (&'a String, Result<()>)> + Send {
    let request = |name: &'a String| -> BoxFuture<'a, (&'a String, Result<()>)> {
        match call(name) {
            Ok(call) => Box::pin(async move { (name, send(session, call).await) }),
            Err(fail) => Box::pin(core::future::ready((name, Err(fail)))),
        }
    };
    let requests: Vec<_> = names.iter().map(request).collect();
    futures_util::stream::iter(requests).buffered(PARALLEL)
}

/// Acts on several containers at once and prints the names of those it worked for, in order.
async fn each<'a, S: Sys + Trace>(
    session: &'a Session<S>,
    names: &'a [String],
    call: impl Fn(&'a str) -> Result<Call<'a>>,
) -> Result<()> {
    let mut done = requests(session, names, call);
    let mut failures = Vec::new();
    while let Some((name, result)) = done.next().await {
        match result {
            Ok(()) => session.out(format!("{name}\n")).await?,
            Err(fail) => failures.push(fail),
        }
    }
    join(failures)
}

async fn send<S: Sys + Trace>(session: &Session<S>, call: Call<'_>) -> Result<()> {
    session.fetch(call).await.map(drop)
}

/// `docker kill`
pub async fn kill<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let signal = flags.text("signal");
    each(session, &flags.args, |name| {
        Ok(Call::post(path(name, "/kill")).with_if(!signal.is_empty(), "signal", signal))
    })
    .await
}

/// `docker pause` and `docker unpause`
pub async fn pause<S: Sys + Trace>(session: &Session<S>, flags: &Parsed, verb: &str) -> Result<()> {
    each(session, &flags.args, |name| {
        Ok(Call::post(path(name, &format!("/{verb}"))))
    })
    .await
}

/// The parameters of `stop` and `restart`.
fn stop_call<'a>(flags: &Parsed, name: &str, verb: &str) -> Call<'a> {
    let timeout = match flags.changed("timeout") {
        true => Some(flags.int("timeout")),
        false => flags.changed("time").then(|| flags.int("time")),
    };
    let signal = flags.text("signal");
    Call::post(path(name, verb))
        .with_if(!signal.is_empty(), "signal", signal)
        .with_if(timeout.is_some(), "t", timeout.unwrap_or(0).to_string())
}

fn check_timeouts(flags: &Parsed) -> Result<()> {
    match flags.changed("time") && flags.changed("timeout") {
        true => Err(Fail::new(
            "conflicting options: cannot specify both --timeout and --time",
        )),
        false => Ok(()),
    }
}

/// `docker stop`
pub async fn stop<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    check_timeouts(flags)?;
    each(session, &flags.args, |name| {
        Ok(stop_call(flags, name, "/stop"))
    })
    .await
}

/// `docker restart`: one after the other.
pub async fn restart<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    check_timeouts(flags)?;
    let mut failures = Vec::new();
    for name in &flags.args {
        match send(session, stop_call(flags, name, "/restart")).await {
            Ok(()) => session.out(format!("{name}\n")).await?,
            Err(fail) => failures.push(fail),
        }
    }
    join(failures)
}

/// `docker rm`
pub async fn remove<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let force = flags.bool("force");
    let mut failures = Vec::new();
    let mut done = requests(session, &flags.args, |name| {
        let id = name.trim_matches('/');
        if id.is_empty() {
            return Err(Fail::new("container name cannot be empty"));
        }
        Ok(Call::delete(path(id, ""))
            .with_if(flags.bool("volumes"), "v", "1")
            .with_if(flags.bool("link"), "link", "1")
            .with_if(force, "force", "1"))
    });
    while let Some((name, result)) = done.next().await {
        match result {
            Ok(()) => session.out(format!("{name}\n")).await?,
            Err(fail) if force && fail.kind == Kind::NotFound => {
                session.err(format!("{}\n", fail.message)).await?
            }
            Err(fail) => failures.push(fail),
        }
    }
    join(failures)
}

/// `docker rename`
pub async fn rename<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let (old, new) = match flags.args.as_slice() {
        [old, new] => (old.trim(), new.trim()),
        _ => ("", ""),
    };
    if old.is_empty() || new.is_empty() {
        return Err(Fail::new("Error: Neither old nor new names may be empty"));
    }
    let renamed = send(session, Call::post(path(old, "/rename")).with("name", new)).await;
    if let Err(fail) = renamed {
        session.err(format!("{}\n", fail.message)).await?;
        return Err(Fail::new(format!(
            "Error: failed to rename container named {old}"
        )));
    }
    Ok(())
}

/// `docker wait`: one after the other.
pub async fn wait<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let mut failures = Vec::new();
    for name in &flags.args {
        match session
            .document::<WaitResponse>(Call::post(path(name, "/wait")))
            .await
        {
            Ok(waited) => session.out(format!("{}\n", waited.status_code)).await?,
            Err(fail) => failures.push(fail),
        }
    }
    join(failures)
}

/// Asks before something that cannot be undone; no answer is no.
pub async fn confirm<S: Sys + Trace>(session: &Session<S>, question: &str) -> Result<bool> {
    session.out(format!("{question} [y/N] ")).await?;
    let mut answer = Vec::new();
    while !answer.contains(&b'\n') && answer.len() < 1024 {
        match session.sys.read(Fd::STDIN, 1).await {
            Ok(typed) if !typed.is_empty() => answer.extend(typed),
            _ => break,
        }
    }
    Ok(String::from_utf8_lossy(&answer)
        .trim()
        .eq_ignore_ascii_case("y"))
}

/// `docker container prune`
pub async fn prune<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let question =
        "WARNING! This will remove all stopped containers.\nAre you sure you want to continue?";
    if !flags.bool("force") && !confirm(session, question).await? {
        // To decline is no failure.
        return Ok(());
    }
    let filters = filters(flags).encode();
    let call = Call::post("/containers/prune").with_if(!filters.is_empty(), "filters", filters);
    let report: PruneReport = session.document(call).await?;
    let deleted = report.containers_deleted.unwrap_or_default();
    let mut text = String::new();
    if !deleted.is_empty() {
        text += "Deleted Containers:\n";
        deleted.iter().for_each(|id| text += &format!("{id}\n"));
        text.push('\n');
    }
    let space = if deleted.is_empty() {
        0
    } else {
        report.space_reclaimed
    };
    text += &format!("Total reclaimed space: {}\n", units::human_size(space));
    session.out(text).await
}

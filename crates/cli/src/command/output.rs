//! What a container printed, runs, publishes and changed.

use super::containers::path;
use crate::error::{Fail, Result};
use crate::flags::Parsed;
use crate::format::join_host_port;
use crate::session::{Call, Session};
use crate::streams::Copier;
use crate::table::{TOP, align};
use crate::time;
use glassdock_abi::Sys;
use glassdock_api::container::{FilesystemChange, TopResponse};
use glassdock_api::inspect::ContainerInspect;
use glassdock_trace::Trace;

/// `docker logs`
pub async fn logs<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let name = flags.args.first().map_or("", String::as_str);
    let container: ContainerInspect = session.document(Call::get(path(name, "/json"))).await?;
    let now = session.now_nanos();
    let since = flags.text("since");
    let until = flags.text("until");
    let call = Call::get(path(&container.id, "/logs"))
        .with_if(flags.bool("details"), "details", "1")
        .with_if(flags.bool("follow"), "follow", "1")
        .with_if(!since.is_empty(), "since", time::timestamp(since, now)?)
        .with("stderr", "1")
        .with("stdout", "1")
        .with("tail", flags.text("tail"))
        .with_if(flags.bool("timestamps"), "timestamps", "1")
        .with_if(!until.is_empty(), "until", time::timestamp(until, now)?);
    let mut answer = session.send(call).await?;
    let mut copier = Copier::new(container.config.is_some_and(|config| config.tty));
    while let Some(bytes) = answer
        .next()
        .await
        .map_err(|error| Fail::new(error.to_string()))?
    {
        copier.push(session, &bytes).await?;
    }
    Ok(())
}

/// `docker top`
pub async fn top<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let (name, args) = flags
        .args
        .split_first()
        .map_or(("", &[][..]), |(name, rest)| (name.as_str(), rest));
    let call = Call::get(path(name, "/top")).with_if(!args.is_empty(), "ps_args", args.join(" "));
    let top: TopResponse = session.document(call).await?;
    let mut text = top.titles.unwrap_or_default().join("\t") + "\n";
    for process in top.processes.iter().flatten() {
        text += &process.join("\t");
        text.push('\n');
    }
    session.out(align(&text, TOP)).await
}

/// `docker port`
pub async fn port<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let name = flags.args.first().map_or("", String::as_str);
    let container: ContainerInspect = session.document(Call::get(path(name, "/json"))).await?;
    let ports = container
        .network_settings
        .unwrap_or_default()
        .ports
        .unwrap_or_default();
    let mut lines = Vec::new();
    match flags.args.get(1) {
        Some(wanted) => {
            let (number, protocol) = wanted.split_once('/').unwrap_or((wanted, "tcp"));
            let protocol = if protocol.is_empty() { "tcp" } else { protocol };
            if number.parse::<u16>().is_err() {
                let why = format!(
                    "strconv.ParseUint: parsing {}: invalid syntax",
                    crate::text::quote(number)
                );
                return Err(Fail::new(format!("Error: invalid port ({number}): {why}")));
            }
            let bindings = ports
                .get(&format!("{number}/{protocol}"))
                .cloned()
                .flatten()
                .unwrap_or_default();
            if bindings.is_empty() {
                return Err(Fail::new(format!(
                    "Error: No public port '{wanted}' published for {name}"
                )));
            }
            lines.extend(
                bindings
                    .iter()
                    .map(|binding| join_host_port(&binding.host_ip, &binding.host_port)),
            );
        }
        None => {
            for (from, bindings) in &ports {
                for binding in bindings.iter().flatten() {
                    lines.push(format!(
                        "{from} -> {}",
                        join_host_port(&binding.host_ip, &binding.host_port)
                    ));
                }
            }
        }
    }
    lines.sort_by_cached_key(|line| natural(line));
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    session.out(text).await
}

/// A key by which numbers in text sort by their value.
pub fn natural(text: &str) -> Vec<(u64, String)> {
    let mut key = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let word = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let digits = rest[word..]
            .find(|c: char| !c.is_ascii_digit())
            .map_or(rest.len(), |end| word + end);
        key.push((0, rest[..word].to_owned()));
        key.push((rest[word..digits].parse().unwrap_or(0), String::new()));
        rest = &rest[digits..];
    }
    key
}

/// `docker diff`
pub async fn diff<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let name = flags.args.first().map_or("", String::as_str);
    if name.is_empty() {
        return Err(Fail::new("Container name cannot be empty"));
    }
    let changes: Option<Vec<FilesystemChange>> =
        session.document(Call::get(path(name, "/changes"))).await?;
    let line = |change: &FilesystemChange| {
        let kind = match change.kind {
            0 => "C",
            1 => "A",
            2 => "D",
            _ => "",
        };
        format!("{kind} {}\n", change.path)
    };
    session
        .out(changes.iter().flatten().map(line).collect::<String>())
        .await
}

//! `docker stats` and `docker update`: what containers use, and may use.

use super::containers::path;
use crate::error::{Fail, Result, join};
use crate::flags::Parsed;
use crate::format;
use crate::options::restart_policy;
use crate::session::{Call, Session};
use glassdock_abi::Sys;
use glassdock_api::container::{RestartPolicy, Summary};
use glassdock_api::stats::{StatsResponse, UpdateRequest, UpdateResponse};
use glassdock_trace::Trace;

/// `docker stats`
pub async fn stats<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    /// The terminal's cursor at the top, and what is below it erased, line by line.
    const TOP: &str = "\x1b[H";
    const REST_OF_LINE: &str = "\x1b[K\n";
    const REST_OF_SCREEN: &str = "\x1b[J";
    let once = flags.bool("no-stream");
    loop {
        let names = match flags.args.as_slice() {
            [] => listed(session, flags.bool("all")).await?,
            names => names.to_vec(),
        };
        let (text, failure) = snapshot(session, flags, &names).await?;
        if once {
            session.out(text).await?;
            return failure.map_or(Ok(()), Err);
        }
        // A container that is not there is told at once, as one that cannot be watched.
        if let Some(failure) = failure {
            return Err(failure);
        }
        let lines = text.replace('\n', REST_OF_LINE);
        session.out(format!("{TOP}{lines}{REST_OF_SCREEN}")).await?;
        if names.is_empty() {
            session.sys.sleep(1_000_000_000).await;
        }
    }
}

/// Ids of the containers that run, or of all.
async fn listed<S: Sys + Trace>(session: &Session<S>, all: bool) -> Result<Vec<String>> {
    let call = Call::get("/containers/json").with_if(all, "all", "1");
    let found: Option<Vec<Summary>> = session.document(call).await?;
    let found = found.unwrap_or_default();
    Ok(found.into_iter().map(|container| container.id).collect())
}

/// The table of one moment, and what kept one of the containers out of it.
async fn snapshot<S: Sys + Trace>(
    session: &Session<S>,
    flags: &Parsed,
    names: &[String],
) -> Result<(String, Option<Fail>)> {
    // Each reading takes a second, so all are asked for at once.
    let readings = names.iter().map(|name| {
        let call = Call::get(path(name, "/stats")).with("stream", "0");
        session.document::<StatsResponse>(call)
    });
    let readings = futures_util::future::join_all(readings).await;
    let trunc = !flags.bool("no-trunc");
    let mut rows = Vec::new();
    let mut failure = None;
    for (name, reading) in names.iter().zip(readings) {
        match reading {
            Ok(reading) => rows.push(format::stats_row(name, Some(&reading), trunc)),
            Err(error) if flags.args.is_empty() => drop(error),
            Err(error) => {
                rows.push(format::stats_row(name, None, trunc));
                failure.get_or_insert(error);
            }
        }
    }
    let form = format::stats_format(flags.text("format"));
    Ok((format::list(form, format::stats_titles(), &rows)?, failure))
}

/// `docker update`
pub async fn update<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let request = asked(flags)?;
    if request == UpdateRequest::default() && !flags.changed("restart") {
        return Err(Fail::new(
            "you must provide one or more flags when using this command",
        ));
    }
    let (mut warnings, mut failures) = (Vec::new(), Vec::new());
    for name in &flags.args {
        let call = Call::post(path(name, "/update")).json(&request);
        match session.document::<UpdateResponse>(call).await {
            Ok(updated) => {
                session.out(format!("{name}\n")).await?;
                warnings.extend(updated.warnings.unwrap_or_default());
            }
            Err(failure) => failures.push(failure),
        }
    }
    if !warnings.is_empty() {
        session.out(format!("{}\n", warnings.join("\n"))).await?;
    }
    join(failures)
}

fn asked(flags: &Parsed) -> Result<UpdateRequest> {
    let weight = u16::try_from(flags.int("blkio-weight"))
        .map_err(|_| Fail::new("Range of blkio weight is from 10 to 1000"))?;
    let restart_policy = match flags.changed("restart") {
        true => restart_policy(flags.text("restart"))?,
        false => RestartPolicy::default(),
    };
    Ok(UpdateRequest {
        cpu_shares: flags.int("cpu-shares"),
        memory: flags.int("memory"),
        nano_cpus: flags.int("cpus"),
        blkio_weight: weight,
        cpu_period: flags.int("cpu-period"),
        cpu_quota: flags.int("cpu-quota"),
        cpu_realtime_period: flags.int("cpu-rt-period"),
        cpu_realtime_runtime: flags.int("cpu-rt-runtime"),
        cpuset_cpus: flags.text("cpuset-cpus").into(),
        cpuset_mems: flags.text("cpuset-mems").into(),
        memory_reservation: flags.int("memory-reservation"),
        memory_swap: flags.int("memory-swap"),
        pids_limit: flags.changed("pids-limit").then(|| flags.int("pids-limit")),
        restart_policy,
    })
}

//! `pause`, `resume`, `update` and `events`: what control groups do for a container.

use super::{Result, print, read_document};
use glassdock_abi::Sys;
use glassdock_linux::Direct;
use glassdock_oci::runtime::{Resources, Status};
use glassdock_runtime::cgroups::{self, CpuUsage, MemoryUsage, Usage};
use glassdock_runtime::helper::groups_of;
use glassdock_runtime::{ErrorKind, RuntimeError};
use serde_json::{Value, json};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

fn wrong(text: &str) -> RuntimeError {
    RuntimeError::new(ErrorKind::WrongState, text)
}

/// Stops the processes of a container that runs, or is created.
pub(super) async fn pause(sys: &Direct, root: &str, id: &str) -> Result<()> {
    let (state, groups) = groups_of(sys, root, id).await?;
    match state.status {
        Status::Running | Status::Created => cgroups::freeze(sys, &groups).await,
        _ => Err(wrong("container not running")),
    }
}

/// Lets them go on.
pub(super) async fn resume(sys: &Direct, root: &str, id: &str) -> Result<()> {
    let (state, groups) = groups_of(sys, root, id).await?;
    match state.status {
        Status::Paused => cgroups::thaw(sys, &groups).await,
        _ => Err(wrong("container not paused")),
    }
}

/// Changes limits. Those in a file stand for all others.
pub(super) async fn update(
    sys: &Direct,
    root: &str,
    id: &str,
    file: Option<&str>,
    given: Resources,
) -> Result<()> {
    let (state, groups) = groups_of(sys, root, id).await?;
    if state.status == Status::Stopped {
        return Err(wrong("container not running"));
    }
    let resources = match file {
        None => given,
        Some(path) => read(path)?,
    };
    let settings = cgroups::settings(&resources, &groups)?;
    cgroups::apply(sys, &settings).await
}

fn read(path: &str) -> Result<Resources> {
    let invalid = |error: String| RuntimeError::new(ErrorKind::Invalid, format!("{path}: {error}"));
    let text = match path {
        "-" => read_document(std::io::stdin()),
        path => std::fs::File::open(path).and_then(read_document),
    };
    let text = text.map_err(|error| invalid(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| invalid(error.to_string()))
}

/// Prints what a container uses: once, or again and again until it has ended. That the kernel has killed for lack of memory is a
/// line of its own.
pub(super) async fn events(
    sys: &Direct,
    root: &str,
    id: &str,
    once: bool,
    interval: u64,
) -> Result<()> {
    let (state, groups) = groups_of(sys, root, id).await?;
    if state.status == Status::Stopped {
        return Err(wrong(&format!("container with id {id} is not running")));
    }
    let kills = || cgroups::out_of_memory_kills(sys, &groups);
    let mut killed = kills().await.unwrap_or_default();
    loop {
        let usage = cgroups::usage(sys, &groups).await;
        print::value(&json!({"type": "stats", "id": id, "data": data(&usage)}))?;
        if once {
            return Ok(());
        }
        sys.sleep(interval.saturating_mul(NANOS_PER_SECOND)).await;
        let now = kills().await.unwrap_or(killed);
        if now > killed {
            print::value(&json!({"type": "oom", "id": id}))?;
            killed = now;
        }
        match groups_of(sys, root, id).await {
            Ok((state, _)) if state.status != Status::Stopped => {}
            _ => return Ok(()),
        }
    }
}

/// In the form of runc's `types.Stats`.
fn data(usage: &Usage) -> Value {
    let (pids, limit) = usage.pids.unwrap_or_default();
    json!({
        "cpu": usage.cpu.as_ref().map(cpu),
        "memory": usage.memory.as_ref().map(memory),
        "pids": {"current": pids, "limit": limit},
        "blkio": usage.block.as_ref().map(|block| json!({
            "ioServiceBytesRecursive": devices(&block.bytes),
            "ioServicedRecursive": devices(&block.operations),
        })),
    })
}

fn cpu(cpu: &CpuUsage) -> Value {
    json!({
        "usage": {"total": cpu.total, "percpu": cpu.per_cpu, "kernel": cpu.kernel, "user": cpu.user},
        "throttling": {
            "periods": cpu.periods,
            "throttledPeriods": cpu.throttled_periods,
            "throttledTime": cpu.throttled,
        },
    })
}

fn memory(memory: &MemoryUsage) -> Value {
    json!({
        "cache": memory.detail.get("cache").or(memory.detail.get("file")),
        "usage": {
            "limit": memory.limit,
            "usage": memory.usage,
            "max": memory.max,
            "failcnt": memory.failures,
        },
        "raw": memory.detail,
    })
}

fn devices(list: &[(u64, u64, String, u64)]) -> Vec<Value> {
    list.iter()
        .map(|(major, minor, op, value)| {
            json!({"major": major, "minor": minor, "op": op, "value": value})
        })
        .collect()
}

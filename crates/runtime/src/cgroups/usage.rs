//! What a container uses, as the files of its groups tell.

use super::Group;
use super::control::MAX_FILE;
use crate::io::read_file;
use glassdock_abi::Sys;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Processor time, in nanoseconds.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct CpuUsage {
    /// All of it.
    pub total: u64,
    /// By processor; version 1 only.
    pub per_cpu: Vec<u64>,
    /// In the kernel.
    pub kernel: u64,
    /// In programs.
    pub user: u64,
    /// Periods of the quota that have passed.
    pub periods: u64,
    /// Periods in which the quota was used up.
    pub throttled_periods: u64,
    /// Time during which it was not let go on.
    pub throttled: u64,
}

/// Memory, in bytes.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct MemoryUsage {
    /// What is used, files that could be dropped included.
    pub usage: u64,
    /// The most that was ever used; 0 where nothing tells.
    pub max: u64,
    /// The limit; `u64::MAX` is none.
    pub limit: u64,
    /// How often the limit was hit.
    pub failures: u64,
    /// The lines of `memory.stat`.
    pub detail: BTreeMap<String, u64>,
}

/// Bytes and operations by device and kind.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct BlockUsage {
    /// Major number, minor number, kind (`Read`, `Write`, …), bytes.
    pub bytes: Vec<(u64, u64, String, u64)>,
    /// Major number, minor number, kind, operations.
    pub operations: Vec<(u64, u64, String, u64)>,
}

/// What a container uses.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Processor time; absent without its controller, as the others.
    pub cpu: Option<CpuUsage>,
    /// Memory.
    pub memory: Option<MemoryUsage>,
    /// Tasks now, and the most that may be (absent for no limit).
    pub pids: Option<(u64, Option<u64>)>,
    /// Block devices.
    pub block: Option<BlockUsage>,
    /// Whether it is version 2 that tells of memory.
    pub unified: bool,
}

/// Reads what a container uses. What cannot be read is left out, as the container may be about to go.
pub async fn usage<S: Sys>(sys: &S, groups: &[Group]) -> Usage {
    let with = |controller: &str| groups.iter().find(|group| group.has(controller));
    let mut usage = Usage {
        unified: with("memory").or(groups.first()).is_some_and(|g| g.unified),
        ..Usage::default()
    };
    match with("cpuacct").or_else(|| with("cpu")) {
        Some(group) if group.unified => usage.cpu = cpu_unified(sys, group).await,
        Some(group) => usage.cpu = cpu_legacy(sys, group, with("cpu")).await,
        None => {}
    }
    if let Some(group) = with("memory") {
        usage.memory = memory(sys, group).await;
    }
    if let Some(group) = with("pids")
        && let Some(current) = number(sys, group, "pids.current").await
    {
        usage.pids = Some((current, number(sys, group, "pids.max").await));
    }
    match with("blkio").or_else(|| with("io")) {
        Some(group) if group.unified => usage.block = block_unified(sys, group).await,
        Some(group) => usage.block = block_legacy(sys, group).await,
        None => {}
    }
    usage
}

async fn text<S: Sys>(sys: &S, group: &Group, name: &str) -> Option<String> {
    let bytes = read_file(sys, group.file(name), MAX_FILE).await.ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The number in a file; `max` is none.
async fn number<S: Sys>(sys: &S, group: &Group, name: &str) -> Option<u64> {
    text(sys, group, name).await?.trim().parse().ok()
}

/// The value of a line `name value`.
pub(super) fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(' ')?;
        (key == name).then(|| value.trim().parse().ok()).flatten()
    })
}

async fn cpu_unified<S: Sys>(sys: &S, group: &Group) -> Option<CpuUsage> {
    const NANOS_PER_MICRO: u64 = 1000;
    let stat = text(sys, group, "cpu.stat").await?;
    let micros = |name| field(&stat, name).map(|value| value.saturating_mul(NANOS_PER_MICRO));
    Some(CpuUsage {
        total: micros("usage_usec")?,
        per_cpu: Vec::new(),
        kernel: micros("system_usec").unwrap_or_default(),
        user: micros("user_usec").unwrap_or_default(),
        periods: field(&stat, "nr_periods").unwrap_or_default(),
        throttled_periods: field(&stat, "nr_throttled").unwrap_or_default(),
        throttled: micros("throttled_usec").unwrap_or_default(),
    })
}

async fn cpu_legacy<S: Sys>(sys: &S, account: &Group, cpu: Option<&Group>) -> Option<CpuUsage> {
    let total = number(sys, account, "cpuacct.usage").await?;
    let per_cpu = text(sys, account, "cpuacct.usage_percpu").await;
    let per_cpu = per_cpu.unwrap_or_default();
    let stat = match cpu {
        Some(group) => text(sys, group, "cpu.stat").await.unwrap_or_default(),
        None => String::new(),
    };
    let get = |name| field(&stat, name).unwrap_or_default();
    Some(CpuUsage {
        total,
        per_cpu: per_cpu
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect(),
        kernel: number(sys, account, "cpuacct.usage_sys")
            .await
            .unwrap_or_default(),
        user: number(sys, account, "cpuacct.usage_user")
            .await
            .unwrap_or_default(),
        periods: get("nr_periods"),
        throttled_periods: get("nr_throttled"),
        throttled: get("throttled_time"),
    })
}

async fn memory<S: Sys>(sys: &S, group: &Group) -> Option<MemoryUsage> {
    /// From here up a limit of version 1 is none: the greatest number of whole pages.
    const NO_LIMIT: u64 = (i64::MAX as u64) & !0xfff;
    let [current, most, limit] = if group.unified {
        ["memory.current", "memory.peak", "memory.max"]
    } else {
        [
            "memory.usage_in_bytes",
            "memory.max_usage_in_bytes",
            "memory.limit_in_bytes",
        ]
    };
    let detail = text(sys, group, "memory.stat").await.unwrap_or_default();
    let failures = if group.unified {
        let events = text(sys, group, "memory.events").await.unwrap_or_default();
        field(&events, "max")
    } else {
        number(sys, group, "memory.failcnt").await
    };
    Some(MemoryUsage {
        usage: number(sys, group, current).await?,
        max: number(sys, group, most).await.unwrap_or_default(),
        limit: number(sys, group, limit)
            .await
            .filter(|limit| *limit < NO_LIMIT)
            .unwrap_or(u64::MAX),
        failures: failures.unwrap_or_default(),
        detail: detail
            .lines()
            .filter_map(|line| {
                let (name, value) = line.split_once(' ')?;
                Some((name.to_owned(), value.trim().parse().ok()?))
            })
            .collect(),
    })
}

async fn block_unified<S: Sys>(sys: &S, group: &Group) -> Option<BlockUsage> {
    let stat = text(sys, group, "io.stat").await?;
    let mut usage = BlockUsage::default();
    for line in stat.lines() {
        let mut words = line.split(' ');
        let Some((major, minor)) = words.next().and_then(device) else {
            continue;
        };
        for (name, value) in words.filter_map(|word| word.split_once('=')) {
            let (list, kind) = match name {
                "rbytes" => (&mut usage.bytes, "read"),
                "wbytes" => (&mut usage.bytes, "write"),
                "rios" => (&mut usage.operations, "read"),
                "wios" => (&mut usage.operations, "write"),
                _ => continue,
            };
            if let Ok(value) = value.parse() {
                list.push((major, minor, kind.to_owned(), value));
            }
        }
    }
    Some(usage)
}

async fn block_legacy<S: Sys>(sys: &S, group: &Group) -> Option<BlockUsage> {
    let bytes = text(sys, group, "blkio.throttle.io_service_bytes_recursive").await?;
    let operations = text(sys, group, "blkio.throttle.io_serviced_recursive").await;
    Some(BlockUsage {
        bytes: counts(&bytes),
        operations: counts(&operations.unwrap_or_default()),
    })
}

/// Lines `8:0 Read 4096`; the line of totals has no device.
fn counts(text: &str) -> Vec<(u64, u64, String, u64)> {
    let lines = text.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (major, minor) = device(words.next()?)?;
        let kind = words.next()?.to_owned();
        Some((major, minor, kind, words.next()?.parse().ok()?))
    });
    lines.collect()
}

fn device(word: &str) -> Option<(u64, u64)> {
    let (major, minor) = word.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let text = "oom 1\noom_kill 2\noom_group_kill 0\n";
        assert_eq!(field(text, "oom_kill"), Some(2));
        assert_eq!(field(text, "kill"), None);
        assert_eq!(field("oom_kill x", "oom_kill"), None);
    }

    #[test]
    fn lines_without_a_device_are_totals() {
        assert_eq!(
            counts("8:0 Read 4096\n8:0 Write 0\nTotal 4096\n"),
            [
                (8, 0, "Read".to_owned(), 4096),
                (8, 0, "Write".to_owned(), 0)
            ]
        );
    }
}

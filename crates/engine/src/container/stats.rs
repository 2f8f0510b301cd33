//! `GET /containers/ID/stats`: what a container uses (moby `daemon/stats.go`, `daemon/stats_unix.go`).

use super::Container;
use crate::engine::{Engine, Kernel};
use crate::error::Result;
use crate::time;
use futures_util::Stream;
use glassdock_abi::types::Timespec;
use glassdock_api::stats::{
    BlkioEntry, BlkioStats, CpuStats, CpuUsage, MemoryStats, PidsStats, StatsResponse,
    ThrottlingData,
};
use glassdock_runtime::cgroups::Usage;
use glassdock_runtime::io::read_file;
use std::sync::Arc;

/// Nanoseconds between readings.
const INTERVAL: u64 = 1_000_000_000;
/// Longest `/proc/stat` in bytes.
const MAX_STAT: usize = 4 << 20;
/// Nanoseconds of a tick of `/proc/stat`.
const TICK: u64 = 10_000_000;

impl<S: Kernel> Engine<S> {
    /// One reading. With `compare` there is an earlier one in it, a second before.
    ///
    /// # Errors
    /// 404.
    pub async fn stats(&self, given: &str, compare: bool) -> Result<StatsResponse> {
        let container = self.container(given)?;
        let first = self.reading(&container).await;
        if !compare || !container.is_running() {
            return Ok(first);
        }
        self.sys.sleep(INTERVAL).await;
        Ok(after(&first, self.reading(&container).await))
    }

    /// Readings, one a second, until the container is removed.
    ///
    /// # Errors
    /// 404.
    pub fn watch_stats(
        &self,
        given: &str,
    ) -> Result<impl Stream<Item = StatsResponse> + Send + use<S>> {
        let (engine, container) = (self.clone(), self.container(given)?);
        let before: Option<StatsResponse> = None;
        let state = (engine, container, before);
        Ok(futures_util::stream::unfold(
            state,
            |(engine, container, before)| async move {
                if before.is_some() {
                    engine.sys.sleep(INTERVAL).await;
                }
                if container.with(|inner| inner.removed) {
                    return None;
                }
                let reading = engine.reading(&container).await;
                let told = match &before {
                    Some(before) => after(before, reading.clone()),
                    None => reading.clone(),
                };
                Some((told, (engine, container, Some(reading))))
            },
        ))
    }

    /// What is used now; of a container that does not run only who it is.
    async fn reading(&self, container: &Arc<Container<S>>) -> StatsResponse {
        let (name, shim) = container.with(|inner| {
            let shim = inner.shim.clone().filter(|_| inner.record.state.running);
            (format!("/{}", inner.record.name), shim)
        });
        let never = time::rfc3339_or_never(None::<Timespec>);
        let mut reading = StatsResponse {
            name,
            id: container.id.clone(),
            read: never.clone(),
            pre_read: never,
            ..StatsResponse::default()
        };
        let Some(shim) = shim else {
            return reading;
        };
        let usage = shim.usage().await;
        reading.read = time::rfc3339(self.now());
        reading.cpu_stats = cpu(&usage);
        reading.cpu_stats.system_cpu_usage = self.host_cpu_time().await;
        reading.cpu_stats.online_cpus = u32::try_from(self.shared.facts.cpus).unwrap_or(u32::MAX);
        reading.pids_stats = pids(&usage);
        reading.memory_stats = memory(&usage, self.shared.facts.memory.unsigned_abs());
        reading.blkio_stats = blkio(&usage);
        reading
    }

    /// Processor time of the host in nanoseconds: the first seven numbers of the first line of `/proc/stat`.
    async fn host_cpu_time(&self) -> u64 {
        let text = read_file(&self.sys, "/proc/stat", MAX_STAT).await;
        let text = text.unwrap_or_default();
        let line = text.split(|&b| b == b'\n').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        let numbers = line.split_whitespace().skip(1).take(7);
        let ticks: u64 = numbers.filter_map(|word| word.parse::<u64>().ok()).sum();
        ticks.saturating_mul(TICK)
    }
}

/// A reading with what was used before it.
fn after(before: &StatsResponse, reading: StatsResponse) -> StatsResponse {
    StatsResponse {
        pre_read: before.read.clone(),
        precpu_stats: before.cpu_stats.clone(),
        ..reading
    }
}

fn cpu(usage: &Usage) -> CpuStats {
    let cpu = usage.cpu.clone().unwrap_or_default();
    CpuStats {
        cpu_usage: CpuUsage {
            total_usage: cpu.total,
            percpu_usage: (!cpu.per_cpu.is_empty()).then_some(cpu.per_cpu),
            usage_in_kernelmode: cpu.kernel,
            usage_in_usermode: cpu.user,
        },
        throttling_data: ThrottlingData {
            periods: cpu.periods,
            throttled_periods: cpu.throttled_periods,
            throttled_time: cpu.throttled,
        },
        ..CpuStats::default()
    }
}

fn pids(usage: &Usage) -> PidsStats {
    match usage.pids {
        None => PidsStats::default(),
        Some((current, limit)) => PidsStats {
            current,
            limit: limit.unwrap_or(u64::MAX),
        },
    }
}

fn memory(usage: &Usage, host: u64) -> MemoryStats {
    let Some(memory) = &usage.memory else {
        return MemoryStats::default();
    };
    MemoryStats {
        usage: memory.usage,
        // Version 2 is not asked for it by moby, either.
        max_usage: if usage.unified { 0 } else { memory.max },
        stats: Some(memory.detail.clone()),
        failcnt: memory.failures,
        limit: memory.limit.min(host),
    }
}

fn blkio(usage: &Usage) -> BlkioStats {
    let Some(block) = &usage.block else {
        return BlkioStats::default();
    };
    let entries = |list: &[(u64, u64, String, u64)]| {
        let entry = |(major, minor, op, value): &(u64, u64, String, u64)| BlkioEntry {
            major: *major,
            minor: *minor,
            op: op.clone(),
            value: *value,
        };
        Some(list.iter().map(entry).collect())
    };
    BlkioStats {
        io_service_bytes_recursive: entries(&block.bytes),
        io_serviced_recursive: entries(&block.operations),
        ..BlkioStats::default()
    }
}

//! Rows of `docker stats` (docker/cli `cli/command/container/{formatter_stats,stats_helpers}.go`).

use super::Titles;
use crate::text::short_id;
use crate::units::{bytes_size, human_size_3};
use crate::value::Value;
use glassdock_api::stats::{BlkioEntry, CpuStats, MemoryStats, StatsResponse};

/// Titles of the columns.
pub const fn stats_titles() -> Titles {
    &[
        ("Container", "CONTAINER"),
        ("ID", "CONTAINER ID"),
        ("Name", "NAME"),
        ("CPUPerc", "CPU %"),
        ("MemUsage", "MEM USAGE / LIMIT"),
        ("MemPerc", "MEM %"),
        ("NetIO", "NET I/O"),
        ("BlockIO", "BLOCK I/O"),
        ("PIDs", "PIDS"),
    ]
}

/// The format that is meant by what was asked for.
pub fn stats_format(format: &str) -> &str {
    match format {
        "" | "table" => {
            "table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}"
        }
        custom => custom,
    }
}

/// A row of a container, by the name by which it was asked for; without a reading it could not be read.
pub fn stats_row(asked: &str, reading: Option<&StatsResponse>, trunc: bool) -> Value {
    let text = |text: String| Value::Text(text);
    let dashes = || Value::Text("--".to_owned());
    let columns = match reading {
        None => [
            dashes(),
            text("-- / --".to_owned()),
            dashes(),
            dashes(),
            dashes(),
            dashes(),
        ],
        Some(reading) => {
            let (used, limit) = memory(&reading.memory_stats);
            let (read, written) = block(reading);
            let share = match limit {
                0 => 0.0,
                limit => used as f64 / limit as f64 * 100.0,
            };
            [
                text(format!(
                    "{:.2}%",
                    cpu(&reading.precpu_stats, &reading.cpu_stats)
                )),
                text(format!("{} / {}", bytes_size(used), bytes_size(limit))),
                text(format!("{share:.2}%")),
                text("0B / 0B".to_owned()),
                text(format!(
                    "{} / {}",
                    human_size_3(read),
                    human_size_3(written)
                )),
                text(reading.pids_stats.current.to_string()),
            ]
        }
    };
    let [cpu, memory, share, net, block, pids] = columns;
    let id = reading.map_or("", |reading| reading.id.as_str());
    let id = if trunc { short_id(id) } else { id };
    let name = reading.map_or("", |reading| reading.name.trim_start_matches('/'));
    let or_dashes = |name: &str| match name {
        "" => dashes(),
        name => Value::Text(name.to_owned()),
    };
    Value::methods(
        "*container.statsContext",
        [
            ("BlockIO", block),
            ("CPUPerc", cpu),
            ("Container", text(asked.to_owned())),
            ("ID", text(id.to_owned())),
            ("MemPerc", share),
            ("MemUsage", memory),
            ("Name", or_dashes(name)),
            ("NetIO", net),
            ("PIDs", pids),
        ],
    )
}

/// Percent of one processor between two readings.
fn cpu(before: &CpuStats, now: &CpuStats) -> f64 {
    let used = now.cpu_usage.total_usage as f64 - before.cpu_usage.total_usage as f64;
    let host = now.system_cpu_usage as f64 - before.system_cpu_usage as f64;
    let listed = now.cpu_usage.percpu_usage.as_ref().map_or(0, Vec::len);
    let processors = match now.online_cpus {
        0 => listed as f64,
        online => f64::from(online),
    };
    if used > 0.0 && host > 0.0 {
        used / host * processors * 100.0
    } else {
        0.0
    }
}

/// Memory without what files only lie in, and its limit.
fn memory(memory: &MemoryStats) -> (u64, u64) {
    let detail = |name: &str| memory.stats.as_ref()?.get(name).copied();
    // Version 1 of control groups, and version 2.
    let idle = detail("total_inactive_file").or_else(|| detail("inactive_file"));
    let idle = idle.filter(|idle| *idle < memory.usage).unwrap_or_default();
    (memory.usage - idle, memory.limit)
}

fn block(reading: &StatsResponse) -> (i64, i64) {
    let entries = reading
        .blkio_stats
        .io_service_bytes_recursive
        .iter()
        .flatten();
    let sum = |letter: &[char]| {
        let of = |entry: &&BlkioEntry| entry.op.starts_with(letter);
        let sum: u64 = entries.clone().filter(of).map(|entry| entry.value).sum();
        i64::try_from(sum).unwrap_or(i64::MAX)
    };
    (sum(&['r', 'R']), sum(&['w', 'W']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_of_two_that_is_busy_is_a_hundred_percent() {
        let at = |used, host| {
            let mut stats = CpuStats {
                system_cpu_usage: host,
                online_cpus: 2,
                ..CpuStats::default()
            };
            stats.cpu_usage.total_usage = used;
            stats
        };
        assert_eq!(cpu(&at(0, 100), &at(50, 200)), 100.0);
        assert_eq!(cpu(&at(50, 100), &at(50, 200)), 0.0);
        assert_eq!(cpu(&CpuStats::default(), &CpuStats::default()), 0.0);
    }

    #[test]
    fn files_that_lie_in_memory_are_not_counted() {
        let stats = MemoryStats {
            usage: 100,
            limit: 1000,
            stats: Some([("total_inactive_file".to_owned(), 30)].into()),
            ..MemoryStats::default()
        };
        assert_eq!(memory(&stats), (70, 1000));
    }
}

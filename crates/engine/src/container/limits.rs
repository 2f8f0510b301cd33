//! Limits of a container: what makes no sense is refused, what the host's control groups cannot do is left out with a
//! warning (moby `daemon/daemon_unix.go` `verifyPlatformContainerResources`).

use crate::cgroups::Cgroups;
use crate::engine::Facts;
use crate::error::{ApiError, Result};
use glassdock_api::container::HostConfig;
use std::ops::RangeInclusive;

/// Least memory of a container, in bytes.
const MIN_MEMORY: i64 = 6 << 20;
/// A quota's period, in microseconds.
const PERIODS: RangeInclusive<i64> = 1000..=1_000_000;
/// Least quota, in microseconds.
const MIN_QUOTA: i64 = 1000;
/// `NanoCpus` of one processor.
const NANO: i64 = 1_000_000_000;
/// Weights of block devices.
const WEIGHTS: RangeInclusive<u16> = 10..=1000;
/// Most processors or memory nodes in a list.
const MAX_SET: u32 = 8192;

fn refused<T>(text: impl Into<String>) -> Result<T> {
    Err(ApiError::invalid(text))
}

/// Checks the limits, leaves out those that the host cannot do, and gives the warnings of these. With `update` they change a container
/// that is there.
///
/// # Errors
/// 400 for what makes no sense.
pub(crate) fn check(host: &mut HostConfig, facts: &Facts, update: bool) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    memory(host, &facts.cgroups, update, &mut warnings)?;
    if host.pids_limit.is_some() && !facts.cgroups.has("pids") {
        host.pids_limit = None;
        warnings.push(unsupported("PIDs limit capabilities", "PIDs limit"));
    }
    cpu(host, facts, &mut warnings)?;
    cpuset(host, &facts.cgroups, &mut warnings)?;
    block_io(host, &facts.cgroups, &mut warnings)?;
    Ok(warnings)
}

fn unsupported(what: &str, discarded: &str) -> String {
    format!(
        "Your kernel does not support {what} or the cgroup is not mounted. {discarded} discarded."
    )
}

fn memory(
    host: &mut HostConfig,
    groups: &Cgroups,
    update: bool,
    warnings: &mut Vec<String>,
) -> Result<()> {
    if host.memory != 0 && host.memory < MIN_MEMORY {
        return refused("Minimum memory limit allowed is 6MB");
    }
    let has = groups.has("memory");
    if host.memory > 0 && !has {
        warnings.push(unsupported("memory limit capabilities", "Limitation"));
        (host.memory, host.memory_swap) = (0, -1);
    }
    if host.memory > 0 && host.memory_swap != -1 && !(groups.swap || groups.unified) {
        warnings.push(
            "Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap."
                .to_string(),
        );
        host.memory_swap = -1;
    }
    if host.memory > 0 && host.memory_swap > 0 && host.memory_swap < host.memory {
        return refused("Minimum memoryswap limit should be larger than memory limit, see usage");
    }
    if host.memory == 0 && host.memory_swap > 0 && !update {
        return refused(
            "You should always set the Memory limit when using Memoryswap limit, see usage",
        );
    }
    swappiness(host, groups, warnings)?;
    if host.memory_reservation > 0 && !has {
        warnings.push(unsupported("memory soft limit capabilities", "Limitation"));
        host.memory_reservation = 0;
    }
    if host.memory_reservation > 0 && host.memory_reservation < MIN_MEMORY {
        return refused("Minimum memory reservation allowed is 6MB");
    }
    if host.memory > 0 && host.memory_reservation > 0 && host.memory < host.memory_reservation {
        return refused(
            "Minimum memory limit can not be less than memory reservation limit, see usage",
        );
    }
    if host.kernel_memory_tcp > 0 && (!has || groups.unified) {
        warnings.push(unsupported(
            "kernel memory TCP limit capabilities",
            "Limitation",
        ));
        host.kernel_memory_tcp = 0;
    }
    if host.oom_kill_disable == Some(true) {
        if !has || groups.unified {
            warnings.push(
                "Your kernel does not support OomKillDisable. OomKillDisable discarded."
                    .to_string(),
            );
            host.oom_kill_disable = Some(false);
        } else if host.memory == 0 {
            warnings.push(
                "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources."
                    .to_string(),
            );
        }
    }
    // As much swap again as memory, where nothing is said.
    if host.memory > 0 && host.memory_swap == 0 && !update {
        host.memory_swap = host.memory.saturating_mul(2);
    }
    Ok(())
}

fn swappiness(host: &mut HostConfig, groups: &Cgroups, warnings: &mut Vec<String>) -> Result<()> {
    let Some(value) = host.memory_swappiness else {
        return Ok(());
    };
    if !(-1..=100).contains(&value) {
        return refused(format!(
            "Invalid value: {value}, valid memory swappiness range is 0-100"
        ));
    }
    if value >= 0 && (!groups.has("memory") || groups.unified) {
        warnings.push(unsupported(
            "memory swappiness capabilities",
            "Memory swappiness",
        ));
        host.memory_swappiness = None;
    }
    Ok(())
}

fn cpu(host: &mut HostConfig, facts: &Facts, warnings: &mut Vec<String>) -> Result<()> {
    let has = facts.cgroups.has("cpu");
    if host.nano_cpus > 0 {
        for (other, name) in [
            (host.cpu_period, "CPU Period"),
            (host.cpu_quota, "CPU Quota"),
        ] {
            if other > 0 {
                return refused(format!(
                    "Conflicting options: Nano CPUs and {name} cannot both be set"
                ));
            }
        }
        if !has {
            return refused(
                "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted",
            );
        }
    }
    let cpus = facts.cpus;
    if !(0..=cpus.saturating_mul(NANO)).contains(&host.nano_cpus) {
        return refused(format!(
            "range of CPUs is from 0.01 to {cpus}.00, as there are only {cpus} CPUs available"
        ));
    }
    if host.cpu_shares > 0 && !has {
        warnings.push(unsupported("CPU shares", "Shares"));
        host.cpu_shares = 0;
    }
    if (host.cpu_period != 0 || host.cpu_quota != 0) && !has {
        warnings.push(
            "Your kernel does not support CPU CFS scheduler. CPU period/quota discarded."
                .to_string(),
        );
        (host.cpu_period, host.cpu_quota) = (0, 0);
    }
    if host.cpu_period != 0 && !PERIODS.contains(&host.cpu_period) {
        return refused(
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
        );
    }
    if host.cpu_quota > 0 && host.cpu_quota < MIN_QUOTA {
        return refused("CPU cfs quota can not be less than 1ms (i.e. 1000)");
    }
    Ok(())
}

fn cpuset(host: &mut HostConfig, groups: &Cgroups, warnings: &mut Vec<String>) -> Result<()> {
    if host.cpuset_cpus.is_empty() && host.cpuset_mems.is_empty() {
        return Ok(());
    }
    if !groups.has("cpuset") {
        warnings.push(unsupported("cpuset", "CPUset"));
        host.cpuset_cpus.clear();
        host.cpuset_mems.clear();
        return Ok(());
    }
    let asked = [
        (&host.cpuset_cpus, "cpus", "CPUs"),
        (&host.cpuset_mems, "mems", "memory nodes"),
    ];
    for ((list, short, long), available) in asked.into_iter().zip(&groups.cpuset) {
        let Some(wanted) = numbers(list) else {
            return refused(format!("Invalid value {list} for cpuset {short}"));
        };
        let there = numbers(available).unwrap_or_default();
        if !wanted.iter().all(|number| there.contains(number)) {
            return refused(format!(
                "Requested {long} are not available - requested {list}, available: {available}"
            ));
        }
    }
    Ok(())
}

/// The numbers of a list such as `0-2,7`.
fn numbers(list: &str) -> Option<Vec<u32>> {
    let mut all = Vec::new();
    for part in list.split(',').filter(|_| !list.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        if first > last || last >= MAX_SET {
            return None;
        }
        all.extend(first..=last);
    }
    Some(all)
}

fn block_io(host: &mut HostConfig, groups: &Cgroups, warnings: &mut Vec<String>) -> Result<()> {
    if host.blkio_weight > 0 && !groups.block_weight {
        warnings.push(unsupported("Block I/O weight", "Weight"));
        host.blkio_weight = 0;
    }
    if host.blkio_weight > 0 && !WEIGHTS.contains(&host.blkio_weight) {
        return refused("Range of blkio weight is from 10 to 1000");
    }
    if host
        .blkio_weight_device
        .as_ref()
        .is_some_and(|list| !list.is_empty())
        && !groups.block_weight
    {
        warnings.push(unsupported("Block I/O weight_device", "Weight-device"));
        host.blkio_weight_device = None;
    }
    let lists = [
        (
            &mut host.blkio_device_read_bps,
            "BPS Block I/O read limit",
            "Block I/O BPS read limit",
        ),
        (
            &mut host.blkio_device_write_bps,
            "BPS Block I/O write limit",
            "Block I/O BPS write limit",
        ),
        (
            &mut host.blkio_device_read_iops,
            "IOPS Block read limit",
            "Block I/O IOPS read limit",
        ),
        (
            &mut host.blkio_device_write_iops,
            "IOPS Block write limit",
            "Block I/O IOPS write limit",
        ),
    ];
    for (list, what, discarded) in lists {
        if list.as_ref().is_some_and(|list| !list.is_empty()) && !groups.has_block_io() {
            warnings.push(unsupported(what, discarded));
            *list = None;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(controllers: &[&str]) -> Facts {
        let names = controllers.iter().map(|name| name.to_string());
        Facts {
            cpus: 2,
            cgroups: Cgroups {
                controllers: names.collect(),
                mounted: true,
                swap: true,
                cpuset: ["0-1".to_string(), "0".to_string()],
                ..Cgroups::default()
            },
            ..Facts::default()
        }
    }

    fn checked(change: impl FnOnce(&mut HostConfig)) -> Result<HostConfig> {
        let mut host = HostConfig::default();
        change(&mut host);
        let all = ["memory", "cpu", "cpuset", "pids", "blkio"];
        let warnings = check(&mut host, &facts(&all), false)?;
        assert_eq!(warnings, [""; 0]);
        Ok(host)
    }

    #[test]
    fn swap_is_as_much_as_memory_where_nothing_is_said() {
        let host = checked(|host| host.memory = 8 << 20).unwrap();
        assert_eq!(host.memory_swap, 16 << 20);
        let host = checked(|host| (host.memory, host.memory_swap) = (8 << 20, -1)).unwrap();
        assert_eq!(host.memory_swap, -1);
    }

    #[test]
    fn what_makes_no_sense_gets_mobys_message() {
        type Change = fn(&mut HostConfig);
        let cases: [(Change, &str); 13] = [
            (
                |host| host.memory = 1,
                "Minimum memory limit allowed is 6MB",
            ),
            (
                |host| (host.memory, host.memory_swap) = (9 << 20, 8 << 20),
                "Minimum memoryswap limit",
            ),
            (
                |host| host.memory_swap = 9 << 20,
                "You should always set the Memory limit",
            ),
            (
                |host| host.memory_swappiness = Some(101),
                "Invalid value: 101, valid memory swappiness",
            ),
            (
                |host| host.memory_reservation = 1,
                "Minimum memory reservation allowed is 6MB",
            ),
            (
                |host| (host.memory, host.memory_reservation) = (7 << 20, 8 << 20),
                "Minimum memory limit can not be less",
            ),
            (
                |host| (host.nano_cpus, host.cpu_quota) = (NANO, 5000),
                "Conflicting options: Nano CPUs and CPU Quota",
            ),
            (
                |host| host.nano_cpus = 3 * NANO,
                "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs",
            ),
            (
                |host| host.cpu_period = 999,
                "CPU cfs period can not be less than 1ms",
            ),
            (
                |host| host.cpu_quota = 999,
                "CPU cfs quota can not be less than 1ms",
            ),
            (
                |host| host.cpuset_cpus = "0-7".to_string(),
                "Requested CPUs are not available - requested 0-7, available: 0-1",
            ),
            (
                |host| host.cpuset_mems = "x".to_string(),
                "Invalid value x for cpuset mems",
            ),
            (
                |host| host.cpuset_cpus = "1-0".to_string(),
                "Invalid value 1-0 for cpuset cpus",
            ),
        ];
        for (change, text) in cases {
            let error = checked(change).unwrap_err();
            assert!(error.message.starts_with(text), "{}", error.message);
            assert_eq!(error.status.as_u16(), 400);
        }
    }

    #[test]
    fn what_the_host_cannot_do_is_left_out_with_a_warning() {
        let mut host = HostConfig {
            memory: 8 << 20,
            pids_limit: Some(7),
            cpu_shares: 5,
            cpu_quota: 5000,
            cpuset_cpus: "0".to_string(),
            blkio_weight: 5,
            oom_kill_disable: Some(true),
            ..HostConfig::default()
        };
        let warnings = check(&mut host, &facts(&[]), false).unwrap();
        assert_eq!(warnings.len(), 7, "{warnings:?}");
        let nothing = HostConfig {
            memory_swap: -1,
            oom_kill_disable: Some(false),
            ..HostConfig::default()
        };
        assert_eq!(host, nothing);
    }
}

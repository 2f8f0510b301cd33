//! Limits of a container as the specification has them (moby `daemon/oci_linux.go` `WithResources`, `WithCgroups`).

use crate::engine::Facts;
use glassdock_api::List;
use glassdock_api::container::{HostConfig, ThrottleDevice, WeightDevice};
use glassdock_oci::runtime::{self, BlockIo, Cpu, DeviceRule, Memory, Pids, Resources};
use std::collections::BTreeMap;

/// Group that containers' groups are in, where none is asked for.
const PARENT: &str = "/docker";
/// Nanoseconds of processor time in a period for one whole processor, in microseconds: the period of `--cpus`.
const CPUS_PERIOD: u64 = 100_000;
/// `NanoCpus` of one processor.
const NANO: i64 = 1_000_000_000;

/// Where the container's groups are; empty where the host has none.
pub fn path(host: &HostConfig, facts: &Facts, id: &str) -> String {
    if !facts.cgroups.mounted {
        return String::new();
    }
    let parent = match host.cgroup_parent.as_str() {
        "" => PARENT,
        parent => parent,
    };
    format!("/{}/{id}", parent.trim_matches('/'))
}

/// Devices that a container may use beside those that every one may: all for a privileged one.
pub fn devices(host: &HostConfig) -> Vec<DeviceRule> {
    let deny = DeviceRule {
        access: "rwm".to_string(),
        ..DeviceRule::default()
    };
    let allow = DeviceRule {
        allow: true,
        ..deny.clone()
    };
    if host.privileged {
        vec![allow]
    } else {
        vec![deny]
    }
}

/// Numbers of block devices by their paths, which were looked up.
pub type DeviceNumbers = BTreeMap<String, (u32, u32)>;

/// Limits of a host configuration.
pub fn limits(host: &HostConfig, numbers: &DeviceNumbers) -> Resources {
    Resources {
        memory: Some(memory(host)).filter(|memory| *memory != Memory::default()),
        cpu: Some(cpu(host)).filter(|cpu| *cpu != Cpu::default()),
        pids: host.pids_limit.map(|limit| Pids { limit }),
        block_io: Some(block_io(host, numbers)).filter(|io| *io != BlockIo::default()),
        ..Resources::default()
    }
}

/// The same for a container that begins. Its swap has no limit before one is set: to say so would need a controller that
/// the host may not have.
pub fn first_limits(host: &HostConfig, numbers: &DeviceNumbers) -> Resources {
    let mut resources = limits(host, numbers);
    if let Some(memory) = &mut resources.memory {
        memory.swap = memory.swap.filter(|swap| *swap > 0);
    }
    resources
}

fn given(value: i64) -> Option<i64> {
    (value != 0).then_some(value)
}

fn memory(host: &HostConfig) -> Memory {
    Memory {
        limit: given(host.memory),
        reservation: given(host.memory_reservation),
        swap: given(host.memory_swap),
        kernel_tcp: given(host.kernel_memory_tcp),
        swappiness: host
            .memory_swappiness
            .and_then(|value| u64::try_from(value).ok()),
        disable_oom_killer: host.oom_kill_disable.filter(|disabled| *disabled),
        ..Memory::default()
    }
}

fn cpu(host: &HostConfig) -> Cpu {
    let mut cpu = Cpu {
        shares: u64::try_from(host.cpu_shares)
            .ok()
            .filter(|shares| *shares != 0),
        cpus: host.cpuset_cpus.clone(),
        mems: host.cpuset_mems.clone(),
        quota: given(host.cpu_quota),
        period: u64::try_from(host.cpu_period)
            .ok()
            .filter(|period| *period != 0),
        ..Cpu::default()
    };
    if host.nano_cpus > 0 {
        let period = CPUS_PERIOD.cast_signed();
        // In whole processors and the rest, so that nothing overflows.
        let quota = host.nano_cpus / NANO * period + host.nano_cpus % NANO * period / NANO;
        (cpu.period, cpu.quota) = (Some(CPUS_PERIOD), Some(quota));
    }
    cpu
}

fn block_io(host: &HostConfig, numbers: &DeviceNumbers) -> BlockIo {
    let number = |path: &str| {
        let (major, minor) = numbers.get(path)?;
        Some((i64::from(*major), i64::from(*minor)))
    };
    let rates = |list: &List<ThrottleDevice>| {
        let devices = list.iter().flatten().filter_map(|device| {
            let (major, minor) = number(&device.path)?;
            Some(runtime::ThrottleDevice {
                major,
                minor,
                rate: device.rate,
            })
        });
        devices.collect()
    };
    let weight = |device: &WeightDevice| {
        let (major, minor) = number(&device.path)?;
        Some(runtime::WeightDevice {
            major,
            minor,
            weight: Some(device.weight),
            leaf_weight: None,
        })
    };
    let weights = host.blkio_weight_device.iter().flatten();
    BlockIo {
        weight: (host.blkio_weight != 0).then_some(host.blkio_weight),
        weight_device: weights.filter_map(weight).collect(),
        throttle_read_bps_device: rates(&host.blkio_device_read_bps),
        throttle_write_bps_device: rates(&host.blkio_device_write_bps),
        throttle_read_iops_device: rates(&host.blkio_device_read_iops),
        throttle_write_iops_device: rates(&host.blkio_device_write_iops),
        ..BlockIo::default()
    }
}

/// The paths of block devices in a configuration.
pub fn block_devices(host: &HostConfig) -> Vec<String> {
    let rates = [
        &host.blkio_device_read_bps,
        &host.blkio_device_write_bps,
        &host.blkio_device_read_iops,
        &host.blkio_device_write_iops,
    ];
    let rates = rates
        .into_iter()
        .flat_map(|list| list.iter().flatten())
        .map(|device| device.path.clone());
    let weights = host.blkio_weight_device.iter().flatten();
    weights
        .map(|device| device.path.clone())
        .chain(rates)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus_are_a_quota_of_a_tenth_of_a_second() {
        let quota = |nano_cpus| {
            let host = HostConfig {
                nano_cpus,
                ..HostConfig::default()
            };
            let cpu = limits(&host, &DeviceNumbers::new()).cpu.unwrap();
            (cpu.quota.unwrap(), cpu.period.unwrap())
        };
        assert_eq!(quota(1_500_000_000), (150_000, 100_000));
        assert_eq!(quota(10_000_000), (1000, 100_000));
    }

    #[test]
    fn nothing_asked_for_is_nothing_limited() {
        let unlimited = HostConfig {
            memory_swap: -1,
            ..HostConfig::default()
        };
        let first = first_limits(&unlimited, &DeviceNumbers::new());
        assert_eq!(first.memory, Some(Memory::default()));
        let none = limits(&HostConfig::default(), &DeviceNumbers::new());
        assert_eq!(none, Resources::default());
    }

    #[test]
    fn groups_are_below_docker_or_what_is_asked_for() {
        let facts = |mounted| Facts {
            cgroups: crate::cgroups::Cgroups {
                mounted,
                ..Default::default()
            },
            ..Facts::default()
        };
        let at = |parent: &str, mounted| {
            let host = HostConfig {
                cgroup_parent: parent.to_string(),
                ..HostConfig::default()
            };
            path(&host, &facts(mounted), "c1")
        };
        assert_eq!(at("", true), "/docker/c1");
        assert_eq!(at("/mine/", true), "/mine/c1");
        assert_eq!(at("mine", true), "/mine/c1");
        assert_eq!(at("", false), "");
    }
}

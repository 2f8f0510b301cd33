//! What the engine says of itself and of the machine (moby `daemon/info.go`).

use crate::cgroups::Cgroups;
use crate::engine::{Engine, Facts, Kernel};
use crate::time;
use glassdock_abi::flags::AtFlags;
use glassdock_abi::{Fd, Io, PathArg};
use glassdock_api::system::{
    Commit, ComponentVersion, Info, PlatformInfo, PluginsInfo, RegistryConfig, RuntimeInfo,
    SwarmInfo, Version,
};
use glassdock_api::version;
use glassdock_image::fs;
use std::collections::BTreeMap;

/// Largest of the kernel's small files that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

impl<S: Kernel> Engine<S> {
    /// `GET /version`.
    pub fn version(&self) -> Version {
        let kernel = &self.shared.facts.kernel;
        let details = [
            ("ApiVersion", version::MAX),
            ("Arch", "amd64"),
            ("Experimental", "false"),
            ("KernelVersion", kernel),
            ("MinAPIVersion", version::MIN),
            ("Os", "linux"),
        ];
        let details: BTreeMap<String, String> = details
            .iter()
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect();
        Version {
            platform: PlatformInfo {
                name: "Glassdock".to_string(),
            },
            components: Some(vec![ComponentVersion {
                name: "Engine".to_string(),
                version: crate::VERSION.to_string(),
                details: Some(details),
            }]),
            version: crate::VERSION.to_string(),
            api_version: version::MAX.to_string(),
            min_api_version: version::MIN.to_string(),
            os: "linux".to_string(),
            arch: "amd64".to_string(),
            kernel_version: kernel.clone(),
            ..Version::default()
        }
    }

    /// `GET /info`.
    pub fn info(&self) -> Info {
        let containers = self.containers();
        let running = containers
            .iter()
            .filter(|container| container.is_running())
            .count();
        let paused = containers
            .iter()
            .filter(|container| container.is_paused())
            .count();
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let facts = &self.shared.facts;
        let names = |names: &[&str]| Some(names.iter().map(|name| name.to_string()).collect());
        let runtime = RuntimeInfo {
            path: self.shared.config.runtime.clone(),
            ..RuntimeInfo::default()
        };
        let groups = &facts.cgroups;
        let (memory, cpu) = (groups.has("memory"), groups.has("cpu"));
        let swap = groups.swap || groups.unified && memory;
        let support = [
            (memory, "memory limit"),
            (swap, "swap limit"),
            (cpu, "cpu cfs quota"),
            (cpu, "cpu cfs period"),
            (cpu, "cpu shares"),
            (groups.has("cpuset"), "cpuset"),
        ];
        let warnings = support.iter().filter(|(there, _)| !there);
        Info {
            id: self.shared.engine_id.clone(),
            containers: count(containers.len()),
            containers_running: count(running - paused),
            containers_paused: count(paused),
            containers_stopped: count(containers.len() - running),
            images: count(self.shared.images.with(|tables| tables.images.len())),
            driver: crate::STORAGE_DRIVER.to_string(),
            driver_status: Some(Vec::new()),
            plugins: PluginsInfo {
                volume: names(&[]),
                network: names(&["host", "null"]),
                authorization: None,
                log: names(&["json-file", "none"]),
            },
            n_events_listener: count(self.shared.events.listeners()),
            system_time: time::rfc3339(self.now()),
            logging_driver: "json-file".to_string(),
            cgroup_driver: if groups.mounted { "cgroupfs" } else { "none" }.to_string(),
            cgroup_version: if groups.unified { "2" } else { "1" }.to_string(),
            memory_limit: memory,
            swap_limit: swap,
            cpu_cfs_period: cpu,
            cpu_cfs_quota: cpu,
            cpu_shares: cpu,
            cpu_set: groups.has("cpuset"),
            pids_limit: groups.has("pids"),
            oom_kill_disable: memory && !groups.unified,
            kernel_version: facts.kernel.clone(),
            operating_system: facts.system.clone(),
            os_version: facts.system_version.clone(),
            os_type: "linux".to_string(),
            architecture: "x86_64".to_string(),
            registry_config: Some(RegistryConfig::default()),
            n_cpu: facts.cpus,
            mem_total: facts.memory,
            docker_root_dir: self.shared.config.root.clone(),
            name: facts.hostname.clone(),
            labels: names(&[]),
            server_version: crate::VERSION.to_string(),
            runtimes: Some([(crate::RUNTIME_NAME.to_string(), runtime)].into()),
            default_runtime: crate::RUNTIME_NAME.to_string(),
            swarm: SwarmInfo {
                local_node_state: "inactive".to_string(),
                ..SwarmInfo::default()
            },
            containerd_commit: Commit::default(),
            security_options: match facts.seccomp {
                true => names(&["name=seccomp,profile=builtin"]),
                false => names(&[]),
            },
            warnings: Some(
                warnings
                    .map(|(_, what)| format!("WARNING: No {what} support"))
                    .collect(),
            ),
            ..Info::default()
        }
    }
}

impl Facts {
    /// Asks the kernel through its files; what is not there stays empty.
    pub async fn read<S: Kernel>(sys: &S) -> Facts {
        let text = async |path: &str| {
            let data = fs::read_file(sys, &PathArg::from(path), MAX_FILE)
                .await
                .unwrap_or_default();
            String::from_utf8_lossy(&data).into_owned()
        };
        let release = text("/etc/os-release").await;
        let value = |name: &str| {
            let line = release
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.unwrap_or_default().trim_matches('"').to_string()
        };
        let memory = text("/proc/meminfo").await;
        let memory = memory
            .lines()
            .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
        let cpus = text("/proc/cpuinfo")
            .await
            .lines()
            .filter(|line| line.starts_with("processor"))
            .count();
        Facts {
            hostname: text("/proc/sys/kernel/hostname").await.trim().to_string(),
            kernel: text("/proc/sys/kernel/osrelease").await.trim().to_string(),
            system: value("PRETTY_NAME"),
            system_version: value("VERSION_ID"),
            cpus: i64::try_from(cpus.max(1)).unwrap_or(1),
            memory: memory
                .and_then(|kib| kib.trim().parse::<i64>().ok())
                .map_or(0, |kib| kib.saturating_mul(1024)),
            cgroups: Cgroups::read(sys).await,
            seccomp: sys
                .statx(
                    Fd::CWD,
                    glassdock_runtime::seccomp::KERNEL_HAS.into(),
                    AtFlags::empty(),
                )
                .await
                .is_ok(),
            net_namespace: sys
                .readlinkat(Fd::CWD, "/proc/self/ns/net".into())
                .await
                .is_ok(),
            block_devices: has_block_devices(&text("/proc/devices").await),
            filesystems: text("/proc/filesystems")
                .await
                .lines()
                .filter_map(|line| line.split_whitespace().last().map(str::to_string))
                .collect(),
        }
    }
}

/// Whether `/proc/devices` lists a driver of block devices (`man 5 proc_devices`).
fn has_block_devices(text: &str) -> bool {
    let mut lines = text.lines().skip_while(|line| *line != "Block devices:");
    lines.nth(1).is_some_and(|line| !line.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::has_block_devices;

    #[test]
    fn drivers_of_block_devices_stand_after_their_title() {
        let characters = "Character devices:\n  1 mem\n  5 /dev/tty\n";
        let block = format!("{characters}\nBlock devices:\n  7 loop\n254 virtblk\n");
        assert!(has_block_devices(&block));
        assert!(!has_block_devices(characters));
        assert!(!has_block_devices(&format!(
            "{characters}\nBlock devices:\n"
        )));
        assert!(!has_block_devices(""));
    }
}

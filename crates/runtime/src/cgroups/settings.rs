//! Limits as files of control groups and what is written to them (config-linux.md, "Control groups").
//!
//! Which file a limit is in depends on the version of the hierarchy that has its controller; values are converted as
//! runc does (`libcontainer/cgroups/fs` and `fs2`).

use super::Group;
use crate::plan::PlanError;
use glassdock_abi::PathArg;
use glassdock_oci::runtime::{BlockIo, Cpu, Memory, Resources};

/// Most rules, devices and files of one specification.
pub(super) const MAX_SETTINGS: usize = 4096;

/// A file of a group, and what is written to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setting {
    /// The file.
    pub path: PathArg,
    /// What is written.
    pub value: String,
}

type Result<T> = core::result::Result<T, PlanError>;

/// What is to be written, in order.
///
/// # Errors
/// What makes no sense, and limits whose controller no mounted hierarchy has.
pub fn settings(resources: &Resources, groups: &[Group]) -> Result<Vec<Setting>> {
    let mut all = Writer {
        groups,
        out: Vec::new(),
    };
    if let Some(memory) = &resources.memory {
        self::memory(&mut all, memory)?;
    }
    if let Some(cpu) = &resources.cpu {
        self::cpu(&mut all, cpu)?;
    }
    if let Some(pids) = resources.pids.filter(|pids| pids.limit != 0) {
        const FIELD: &str = "linux.resources.pids";
        let limit = if pids.limit < 0 { MAX } else { pids.limit };
        all.put("pids", FIELD, "pids.max", "pids.max", limited(limit))?;
    }
    if let Some(io) = &resources.block_io {
        block_io(&mut all, io)?;
    }
    for limit in &resources.hugepage_limits {
        const FIELD: &str = "linux.resources.hugepageLimits";
        let size = word(&limit.page_size, FIELD)?;
        let old = format!("hugetlb.{size}.limit_in_bytes");
        let new = format!("hugetlb.{size}.max");
        all.put("hugetlb", FIELD, &old, &new, limit.limit.to_string())?;
    }
    network_and_rdma(&mut all, resources)?;
    unified(&mut all, resources)?;
    if all.out.len() > MAX_SETTINGS {
        return Err(PlanError::invalid(
            "linux.resources",
            format!("more than {MAX_SETTINGS} entries"),
        ));
    }
    Ok(all.out)
}

/// Stands for "no limit" until it is written.
const MAX: i64 = i64::MAX;

fn limited(limit: i64) -> String {
    if limit == MAX {
        "max".to_owned()
    } else {
        limit.to_string()
    }
}

struct Writer<'a> {
    groups: &'a [Group],
    out: Vec<Setting>,
}

impl Writer<'_> {
    /// The group whose hierarchy has a controller: version 1 first, since a controller is in one hierarchy only.
    fn group(&self, controller: &str, field: &str) -> Result<&Group> {
        let found = self.groups.iter().find(|group| group.has(controller));
        found.ok_or_else(|| {
            PlanError::unsupported(
                field,
                format!("a limit of the controller {controller:?}, which is not mounted,"),
            )
        })
    }

    /// Writes to the file of the version that the controller is in.
    fn put(
        &mut self,
        controller: &str,
        field: &str,
        old: &str,
        new: &str,
        value: String,
    ) -> Result<()> {
        let group = self.group(controller, field)?;
        let path = group.file(if group.unified { new } else { old });
        self.out.push(Setting { path, value });
        Ok(())
    }

    fn is_unified(&self, controller: &str, field: &str) -> Result<bool> {
        Ok(self.group(controller, field)?.unified)
    }
}

/// A word that becomes part of a file's name.
fn word<'a>(text: &'a str, field: &str) -> Result<&'a str> {
    let fits = !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if fits {
        return Ok(text);
    }
    Err(PlanError::invalid(
        field,
        format!("{text:?} is no part of a file's name"),
    ))
}

fn memory(all: &mut Writer<'_>, memory: &Memory) -> Result<()> {
    const FIELD: &str = "linux.resources.memory";
    // 0 is no wish, as in runc.
    let given = |limit: Option<i64>| limit.filter(|limit| *limit != 0);
    let (limit, swap) = (given(memory.limit), given(memory.swap));
    if let (Some(limit), Some(swap)) = (limit, swap)
        && limit > 0
        && swap > 0
        && swap < limit
    {
        return Err(PlanError::invalid(
            format!("{FIELD}.swap"),
            "memory and swap together cannot be less than memory",
        ));
    }
    if limit.is_none() && swap.is_none() && *memory == Memory::default() {
        return Ok(());
    }
    if all.is_unified("memory", FIELD)? {
        memory_unified(all, memory, limit, swap)?;
    } else {
        memory_legacy(all, memory, limit, swap)?;
    }
    if let Some(reservation) = given(memory.reservation) {
        let unified = all.is_unified("memory", FIELD)?;
        let value = if unified && reservation < 0 {
            "max".to_owned()
        } else {
            reservation.to_string()
        };
        let (old, new) = ("memory.soft_limit_in_bytes", "memory.low");
        all.put("memory", FIELD, old, new, value)?;
    }
    Ok(())
}

fn memory_legacy(
    all: &mut Writer<'_>,
    memory: &Memory,
    limit: Option<i64>,
    swap: Option<i64>,
) -> Result<()> {
    const FIELD: &str = "linux.resources.memory";
    let mut put = |file: &str, value: String| all.put("memory", FIELD, file, file, value);
    // Without a limit of memory, one of both must go first: it can only be above.
    let swap = swap.or((limit == Some(-1)).then_some(-1));
    let both = swap.map(|swap| ("memory.memsw.limit_in_bytes", swap.to_string()));
    let own = limit.map(|limit| ("memory.limit_in_bytes", limit.to_string()));
    let order = if swap == Some(-1) {
        [both, own]
    } else {
        [own, both]
    };
    for (file, value) in order.into_iter().flatten() {
        put(file, value)?;
    }
    if let Some(tcp) = memory.kernel_tcp.filter(|tcp| *tcp != 0) {
        put("memory.kmem.tcp.limit_in_bytes", tcp.to_string())?;
    }
    if memory.disable_oom_killer == Some(true) {
        put("memory.oom_control", "1".to_owned())?;
    }
    match memory.swappiness {
        None => {}
        Some(value @ 0..=100) => put("memory.swappiness", value.to_string())?,
        Some(value) => {
            return Err(PlanError::invalid(
                format!("{FIELD}.swappiness"),
                format!("{value} is not within 0..=100"),
            ));
        }
    }
    Ok(())
}

fn memory_unified(
    all: &mut Writer<'_>,
    memory: &Memory,
    limit: Option<i64>,
    swap: Option<i64>,
) -> Result<()> {
    const FIELD: &str = "linux.resources.memory";
    let mut put = |file: &str, value: i64| {
        let value = if value < 0 { MAX } else { value };
        all.put("memory", FIELD, file, file, limited(value))
    };
    if memory.kernel_tcp.is_some_and(|tcp| tcp != 0) {
        return Err(PlanError::unsupported(
            format!("{FIELD}.kernelTCP"),
            "a limit of TCP's memory with control groups version 2",
        ));
    }
    // Version 2 limits swap alone.
    let alone = match (limit, swap) {
        (_, None) => (limit == Some(-1)).then_some(-1),
        (_, Some(swap)) if swap < 0 => Some(-1),
        (Some(limit), Some(swap)) if limit > 0 => Some(swap.saturating_sub(limit)),
        _ => {
            return Err(PlanError::invalid(
                format!("{FIELD}.swap"),
                "unable to set swap limit without memory limit",
            ));
        }
    };
    if let Some(swap) = alone {
        put("memory.swap.max", swap)?;
    }
    if let Some(limit) = limit {
        put("memory.max", limit)?;
    }
    Ok(())
}

/// `cpu.weight` from `cpu.shares`: both ranges laid over each other, 2..=262144 to 1..=10000.
fn weight_of_shares(shares: u64) -> u64 {
    1 + (shares.clamp(2, 262_144) - 2) * 9999 / 262_142
}

fn cpu(all: &mut Writer<'_>, cpu: &Cpu) -> Result<()> {
    const FIELD: &str = "linux.resources.cpu";
    if let Some(shares) = cpu.shares.filter(|shares| *shares != 0) {
        let unified = all.is_unified("cpu", FIELD)?;
        let value = if unified {
            weight_of_shares(shares)
        } else {
            shares
        };
        all.put("cpu", FIELD, "cpu.shares", "cpu.weight", value.to_string())?;
    }
    let quota = cpu.quota.filter(|quota| *quota != 0);
    let period = cpu.period.filter(|period| *period != 0);
    if quota.is_some() || period.is_some() {
        quota_and_period(all, quota, period)?;
    }
    if let Some(burst) = cpu.burst {
        let (old, new) = ("cpu.cfs_burst_us", "cpu.max.burst");
        all.put("cpu", FIELD, old, new, burst.to_string())?;
    }
    if let Some(idle) = cpu.idle {
        all.put("cpu", FIELD, "cpu.idle", "cpu.idle", idle.to_string())?;
    }
    let period = cpu.realtime_period.filter(|period| *period != 0);
    let runtime = cpu.realtime_runtime.filter(|runtime| *runtime != 0);
    if (period.is_some() || runtime.is_some()) && all.is_unified("cpu", FIELD)? {
        return Err(PlanError::unsupported(
            format!("{FIELD}.realtimeRuntime"),
            "real-time scheduling with control groups version 2",
        ));
    }
    if let Some(period) = period {
        let file = "cpu.rt_period_us";
        all.put("cpu", FIELD, file, file, period.to_string())?;
    }
    if let Some(runtime) = runtime {
        let file = "cpu.rt_runtime_us";
        all.put("cpu", FIELD, file, file, runtime.to_string())?;
    }
    for (file, list) in [("cpuset.cpus", &cpu.cpus), ("cpuset.mems", &cpu.mems)] {
        if !list.is_empty() {
            all.put("cpuset", FIELD, file, file, list.clone())?;
        }
    }
    Ok(())
}

fn quota_and_period(all: &mut Writer<'_>, quota: Option<i64>, period: Option<u64>) -> Result<()> {
    const FIELD: &str = "linux.resources.cpu";
    /// Microseconds, where none is given (`man 7 cgroups`, cpu.max).
    const DEFAULT_PERIOD: u64 = 100_000;
    if all.is_unified("cpu", FIELD)? {
        let quota = quota.filter(|quota| *quota > 0).unwrap_or(MAX);
        let value = format!("{} {}", limited(quota), period.unwrap_or(DEFAULT_PERIOD));
        return all.put("cpu", FIELD, "cpu.max", "cpu.max", value);
    }
    let mut put = |file: &str, value: String| all.put("cpu", FIELD, file, file, value);
    if let Some(period) = period {
        put("cpu.cfs_period_us", period.to_string())?;
    }
    if let Some(quota) = quota {
        put("cpu.cfs_quota_us", quota.to_string())?;
    }
    Ok(())
}

/// `io.weight` from `blkio.weight`: 10..=1000 to 1..=10000.
fn io_weight(weight: u16) -> u64 {
    let weight = u64::from(weight.clamp(10, 1000));
    1 + (weight - 10) * 9999 / 990
}

fn block_io(all: &mut Writer<'_>, io: &BlockIo) -> Result<()> {
    const FIELD: &str = "linux.resources.blockIO";
    // The controller is called differently in the two versions.
    let legacy = all.groups.iter().any(|group| group.has("blkio"));
    let controller = if legacy { "blkio" } else { "io" };
    if io.leaf_weight.is_some_and(|weight| weight != 0) && !legacy {
        return Err(PlanError::unsupported(
            format!("{FIELD}.leafWeight"),
            "a leaf weight with control groups version 2",
        ));
    }
    let mut put = |old: &str, new: &str, value: String| all.put(controller, FIELD, old, new, value);
    if let Some(weight) = io.weight.filter(|weight| *weight != 0) {
        let value = if legacy {
            weight.to_string()
        } else {
            format!("default {}", io_weight(weight))
        };
        put("blkio.weight", "io.weight", value)?;
    }
    if let Some(weight) = io.leaf_weight.filter(|weight| *weight != 0) {
        put("blkio.leaf_weight", "", weight.to_string())?;
    }
    for device in &io.weight_device {
        let (major, minor) = (device.major, device.minor);
        if let Some(weight) = device.weight.filter(|weight| *weight != 0) {
            let value = if legacy {
                u64::from(weight)
            } else {
                io_weight(weight)
            };
            let line = format!("{major}:{minor} {value}");
            put("blkio.weight_device", "io.weight", line)?;
        }
    }
    let rates = [
        (&io.throttle_read_bps_device, "read_bps", "rbps"),
        (&io.throttle_write_bps_device, "write_bps", "wbps"),
        (&io.throttle_read_iops_device, "read_iops", "riops"),
        (&io.throttle_write_iops_device, "write_iops", "wiops"),
    ];
    for (devices, old, new) in rates {
        for device in devices {
            let (major, minor, rate) = (device.major, device.minor, device.rate);
            let line = if legacy {
                format!("{major}:{minor} {rate}")
            } else if rate == 0 {
                format!("{major}:{minor} {new}=max")
            } else {
                format!("{major}:{minor} {new}={rate}")
            };
            put(&format!("blkio.throttle.{old}_device"), "io.max", line)?;
        }
    }
    Ok(())
}

fn network_and_rdma(all: &mut Writer<'_>, resources: &Resources) -> Result<()> {
    if let Some(network) = &resources.network {
        const FIELD: &str = "linux.resources.network";
        if let Some(class) = network.class_id {
            let file = "net_cls.classid";
            all.put("net_cls", FIELD, file, file, class.to_string())?;
        }
        for priority in &network.priorities {
            let line = format!("{} {}", priority.name, priority.priority);
            let file = "net_prio.ifpriomap";
            all.put("net_prio", FIELD, file, file, line)?;
        }
    }
    for (device, limit) in &resources.rdma {
        let handles = limit.hca_handles.map(|n| format!(" hca_handle={n}"));
        let objects = limit.hca_objects.map(|n| format!(" hca_object={n}"));
        let line = format!(
            "{device}{}{}",
            handles.unwrap_or_default(),
            objects.unwrap_or_default()
        );
        all.put("rdma", "linux.resources.rdma", "rdma.max", "rdma.max", line)?;
    }
    Ok(())
}

/// Files of version 2 as they are.
fn unified(all: &mut Writer<'_>, resources: &Resources) -> Result<()> {
    for (file, value) in &resources.unified {
        let field = format!("linux.resources.unified[{file:?}]");
        let name = word(file, &field)?;
        let Some((controller, _)) = name.split_once('.') else {
            return Err(PlanError::invalid(field, "it is no file of a controller"));
        };
        let core = controller == "cgroup";
        let group = all
            .groups
            .iter()
            .find(|group| group.unified && (core || group.has(controller)));
        let Some(group) = group else {
            return Err(PlanError::unsupported(
                field,
                format!("the controller {controller:?} of control groups version 2"),
            ));
        };
        all.out.push(Setting {
            path: group.file(name),
            value: value.clone(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn group(controllers: &[&str], unified: bool, mount: &str) -> Group {
        Group {
            controllers: controllers.iter().map(|&name| name.to_owned()).collect(),
            unified,
            mount: mount.to_owned(),
            path: "/c".to_owned(),
            cpuset: None,
        }
    }

    fn legacy() -> Vec<Group> {
        let names = [
            "cpu", "cpuset", "memory", "devices", "blkio", "pids", "net_cls",
        ];
        names
            .iter()
            .map(|name| group(&[name], false, &format!("/{name}")))
            .collect()
    }

    fn unified() -> Vec<Group> {
        let all = ["cpu", "cpuset", "memory", "io", "pids", "hugetlb"];
        vec![group(&all, true, "/sys")]
    }

    fn written(resources: serde_json::Value, groups: &[Group]) -> Vec<String> {
        let resources: Resources = serde_json::from_value(resources).expect("resources");
        match settings(&resources, groups) {
            Ok(all) => all
                .iter()
                .map(|setting| format!("{}={}", setting.path, setting.value))
                .collect(),
            Err(error) => vec![error.to_string()],
        }
    }

    #[test]
    fn a_limit_is_written_where_its_version_has_it() {
        let cases = [
            (
                json!({"memory": {"limit": 64, "swap": 100, "reservation": 32}}),
                vec![
                    "/memory/c/memory.limit_in_bytes=64",
                    "/memory/c/memory.memsw.limit_in_bytes=100",
                    "/memory/c/memory.soft_limit_in_bytes=32",
                ],
                vec![
                    "/sys/c/memory.swap.max=36",
                    "/sys/c/memory.max=64",
                    "/sys/c/memory.low=32",
                ],
            ),
            (
                json!({"memory": {"limit": -1}}),
                vec![
                    "/memory/c/memory.memsw.limit_in_bytes=-1",
                    "/memory/c/memory.limit_in_bytes=-1",
                ],
                vec!["/sys/c/memory.swap.max=max", "/sys/c/memory.max=max"],
            ),
            (
                json!({"cpu": {"shares": 1024, "quota": 50000, "period": 100000, "cpus": "0-1"}}),
                vec![
                    "/cpu/c/cpu.shares=1024",
                    "/cpu/c/cpu.cfs_period_us=100000",
                    "/cpu/c/cpu.cfs_quota_us=50000",
                    "/cpuset/c/cpuset.cpus=0-1",
                ],
                vec![
                    "/sys/c/cpu.weight=39",
                    "/sys/c/cpu.max=50000 100000",
                    "/sys/c/cpuset.cpus=0-1",
                ],
            ),
            (
                json!({"cpu": {"quota": -1}}),
                vec!["/cpu/c/cpu.cfs_quota_us=-1"],
                vec!["/sys/c/cpu.max=max 100000"],
            ),
            (
                json!({"pids": {"limit": 7}}),
                vec!["/pids/c/pids.max=7"],
                vec!["/sys/c/pids.max=7"],
            ),
            (
                json!({"pids": {"limit": -1}}),
                vec!["/pids/c/pids.max=max"],
                vec!["/sys/c/pids.max=max"],
            ),
            (json!({"pids": {"limit": 0}}), vec![], vec![]),
            (
                json!({"blockIO": {"weight": 500, "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1024}]}}),
                vec![
                    "/blkio/c/blkio.weight=500",
                    "/blkio/c/blkio.throttle.read_bps_device=8:0 1024",
                ],
                vec![
                    "/sys/c/io.weight=default 4950",
                    "/sys/c/io.max=8:0 rbps=1024",
                ],
            ),
        ];
        for (resources, old, new) in cases {
            assert_eq!(written(resources.clone(), &legacy()), old, "{resources}");
            assert_eq!(written(resources.clone(), &unified()), new, "{resources}");
        }
    }

    #[test]
    fn files_of_version_2_are_written_as_they_are() {
        let files = json!({"unified": {"memory.high": "1M", "cgroup.max.depth": "2"}});
        assert_eq!(
            written(files.clone(), &unified()),
            ["/sys/c/cgroup.max.depth=2", "/sys/c/memory.high=1M"]
        );
        let refused = written(files, &legacy());
        assert!(refused[0].contains("version 2"), "{refused:?}");
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_field() {
        let cases = [
            (
                json!({"memory": {"limit": 100, "swap": 50}}),
                "linux.resources.memory.swap",
            ),
            (
                json!({"memory": {"swappiness": 101}}),
                "linux.resources.memory.swappiness",
            ),
            (
                json!({"hugepageLimits": [{"pageSize": "2MB/..", "limit": 1}]}),
                "linux.resources.hugepageLimits",
            ),
            (
                json!({"hugepageLimits": [{"pageSize": "2MB", "limit": 1}]}),
                "linux.resources.hugepageLimits",
            ),
            (json!({"unified": {"../x": "1"}}), "linux.resources.unified"),
        ];
        for (resources, field) in cases {
            let told = written(resources, &legacy());
            assert!(told.len() == 1 && told[0].contains(field), "{told:?}");
        }
    }

    #[test]
    fn shares_and_weights_span_their_ranges() {
        assert_eq!(weight_of_shares(2), 1);
        assert_eq!(weight_of_shares(262_144), 10_000);
        assert_eq!(weight_of_shares(u64::MAX), 10_000);
        assert_eq!((io_weight(10), io_weight(1000)), (1, 10_000));
    }
}

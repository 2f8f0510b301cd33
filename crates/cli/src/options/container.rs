//! The whole document.

use super::{mounts, networks, ports};
use crate::flags::Parsed;
use glassdock_api::container::*;
use glassdock_api::network::NetworkingConfig;
use glassdock_api::{List, StrSlice};
use std::collections::BTreeMap;

/// What is not in the flags themselves.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Lines of `--env-file` and `--env`, bare names looked up.
    pub env: Vec<String>,
    /// Lines of `--label-file` and `--label`.
    pub labels: Vec<String>,
    /// `--security-opt`, profiles read.
    pub security_opt: Vec<String>,
    /// Height and width of the terminal.
    pub console_size: [u32; 2],
}

/// What `create` asks the engine for.
pub fn request(flags: &Parsed, facts: Facts) -> Result<CreateRequest, String> {
    let (image, command) = flags
        .args
        .split_first()
        .map_or((String::new(), &[][..]), |(image, rest)| {
            (image.clone(), rest)
        });
    let mac = flags.text("mac-address");
    if !mac.is_empty() && !networks::mac_address(mac) {
        return Err(format!("{mac} is not a valid mac address"));
    }
    let swappiness = flags.int("memory-swappiness");
    if swappiness != -1 && !(0..=100).contains(&swappiness) {
        return Err(format!(
            "invalid value: {swappiness}. Valid memory swappiness range is 0-100"
        ));
    }
    let (binds, volumes) = mounts::volumes(flags.list("volume"))?;
    let ports = ports::parse(flags.list("publish"), flags.list("expose"))?;
    let devices = flags
        .list("device")
        .iter()
        .map(|text| device(text))
        .collect::<Result<Vec<_>, _>>()?;
    check_modes(flags)?;
    let restart_policy = restart_policy(flags.text("restart"))?;
    if flags.bool("rm") && !matches!(restart_policy.name.as_str(), "" | "no") {
        return Err("conflicting options: cannot specify both --restart and --rm".into());
    }
    let networks = networks::parse(flags)?;
    let (security_opt, system_paths) = system_paths(facts.security_opt);
    let attach = flags.list("attach");
    let attaches = |stream: &str| attach.iter().any(|name| name == stream);
    let interactive = flags.bool("interactive");
    let attach_stdin = attaches("stdin") || interactive;
    let config = Config {
        hostname: flags.text("hostname").into(),
        domainname: flags.text("domainname").into(),
        user: flags.text("user").into(),
        attach_stdin,
        attach_stdout: attach.is_empty() || attaches("stdout"),
        attach_stderr: attach.is_empty() || attaches("stderr"),
        exposed_ports: Some(ports.exposed),
        tty: flags.bool("tty"),
        open_stdin: interactive,
        stdin_once: interactive && attach_stdin,
        env: some(facts.env),
        cmd: (!command.is_empty()).then(|| StrSlice(command.to_vec())),
        healthcheck: healthcheck(flags)?,
        image,
        volumes: Some(volumes),
        working_dir: flags.text("workdir").into(),
        entrypoint: entrypoint(flags),
        mac_address: mac.into(),
        labels: Some(pairs(&facts.labels)),
        stop_signal: flags.text("stop-signal").into(),
        stop_timeout: flags
            .changed("stop-timeout")
            .then(|| flags.int("stop-timeout")),
        ..Config::default()
    };
    let mut host = resources(flags)?;
    host.devices = Some(devices);
    host.memory_swappiness = Some(swappiness);
    host.binds = binds;
    host.port_bindings = Some(ports.bindings);
    host.network_mode = networks.mode;
    host.restart_policy = restart_policy;
    host.security_opt = security_opt;
    (host.masked_paths, host.readonly_paths) = match system_paths {
        true => (Some(Vec::new()), Some(Vec::new())),
        false => (None, None),
    };
    host.console_size = facts.console_size;
    host.log_config = log_config(flags)?;
    host.storage_opt = Some(storage_opt(flags.list("storage-opt"))?);
    host.mounts = some(
        flags
            .list("mount")
            .iter()
            .map(|text| mounts::parse(text))
            .collect::<Result<Vec<_>, _>>()?,
    );
    texts(flags, &mut host);
    Ok(CreateRequest {
        config,
        host_config: Some(host),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(networks.endpoints),
        }),
    })
}

fn some<T>(list: Vec<T>) -> List<T> {
    (!list.is_empty()).then_some(list)
}

fn pairs(lines: &[String]) -> BTreeMap<String, String> {
    let split = |line: &String| {
        line.split_once('=')
            .map_or((line.clone(), String::new()), |(key, value)| {
                (key.into(), value.into())
            })
    };
    lines.iter().map(split).collect()
}

/// What is passed on as it is.
fn texts(flags: &Parsed, host: &mut HostConfig) {
    let list = |name: &str| some(flags.list(name).to_vec());
    host.container_id_file = flags.text("cidfile").into();
    host.auto_remove = flags.bool("rm");
    host.volume_driver = flags.text("volume-driver").into();
    host.volumes_from = list("volumes-from");
    host.annotations = Some(pairs(flags.list("annotation")));
    host.cap_add = capabilities(flags.list("cap-add"));
    host.cap_drop = capabilities(flags.list("cap-drop"));
    host.cgroupns_mode = flags.text("cgroupns").into();
    host.dns = Some(flags.list("dns").to_vec());
    host.dns_options = Some(flags.list("dns-option").to_vec());
    host.dns_search = Some(flags.list("dns-search").to_vec());
    host.extra_hosts = list("add-host");
    host.group_add = list("group-add");
    host.ipc_mode = flags.text("ipc").into();
    host.links = list("link");
    host.oom_score_adj = flags.int("oom-score-adj");
    host.pid_mode = flags.text("pid").into();
    host.privileged = flags.bool("privileged");
    host.publish_all_ports = flags.bool("publish-all");
    host.readonly_rootfs = flags.bool("read-only");
    let tmpfs = flags.list("tmpfs").iter();
    host.tmpfs = Some(
        tmpfs
            .map(|text| {
                text.split_once(':')
                    .map_or((text.clone(), String::new()), |(path, options)| {
                        (path.into(), options.into())
                    })
            })
            .collect(),
    );
    host.uts_mode = flags.text("uts").into();
    host.userns_mode = flags.text("userns").into();
    host.shm_size = flags.int("shm-size");
    host.sysctls = Some(pairs(flags.list("sysctl")));
    host.runtime = flags.text("runtime").into();
    host.isolation = flags.text("isolation").into();
    host.init = flags.changed("init").then(|| flags.bool("init"));
}

fn resources(flags: &Parsed) -> Result<HostConfig, String> {
    let throttle = |name: &str| {
        let device = |text: &String| {
            let (path, rate) = text.rsplit_once(':')?;
            Some(ThrottleDevice {
                path: path.into(),
                rate: rate.parse().ok()?,
            })
        };
        Some(flags.list(name).iter().filter_map(device).collect())
    };
    let weight = |text: &String| {
        let (path, weight) = text.rsplit_once(':')?;
        Some(WeightDevice {
            path: path.into(),
            weight: weight.parse().ok()?,
        })
    };
    Ok(HostConfig {
        cgroup_parent: flags.text("cgroup-parent").into(),
        memory: flags.int("memory"),
        memory_reservation: flags.int("memory-reservation"),
        memory_swap: flags.int("memory-swap"),
        kernel_memory: flags.int("kernel-memory"),
        oom_kill_disable: Some(flags.bool("oom-kill-disable")),
        nano_cpus: flags.int("cpus"),
        cpu_shares: flags.int("cpu-shares"),
        cpu_period: flags.int("cpu-period"),
        cpu_quota: flags.int("cpu-quota"),
        cpu_realtime_period: flags.int("cpu-rt-period"),
        cpu_realtime_runtime: flags.int("cpu-rt-runtime"),
        cpuset_cpus: flags.text("cpuset-cpus").into(),
        cpuset_mems: flags.text("cpuset-mems").into(),
        pids_limit: Some(flags.int("pids-limit")),
        blkio_weight: u16::try_from(flags.int("blkio-weight")).unwrap_or(0),
        blkio_weight_device: Some(
            flags
                .list("blkio-weight-device")
                .iter()
                .filter_map(weight)
                .collect(),
        ),
        blkio_device_read_bps: throttle("device-read-bps"),
        blkio_device_write_bps: throttle("device-write-bps"),
        blkio_device_read_iops: throttle("device-read-iops"),
        blkio_device_write_iops: throttle("device-write-iops"),
        ulimits: Some(ulimits(flags.list("ulimit"))),
        device_cgroup_rules: some(flags.list("device-cgroup-rule").to_vec()),
        device_requests: gpus(flags.list("gpus"))?,
        ..HostConfig::default()
    })
}

/// By name; a later one replaces an earlier one.
fn ulimits(values: &[String]) -> Vec<Ulimit> {
    let mut limits = BTreeMap::new();
    for value in values {
        let Some((name, bounds)) = value.split_once('=') else {
            continue;
        };
        let (soft, hard) = bounds.split_once(':').unwrap_or((bounds, bounds));
        if let (Ok(soft), Ok(hard)) = (soft.parse(), hard.parse()) {
            limits.insert(
                name,
                Ulimit {
                    name: name.into(),
                    hard,
                    soft,
                },
            );
        }
    }
    limits.into_values().collect()
}

fn gpus(values: &[String]) -> Result<List<DeviceRequest>, String> {
    let request = |value: &String| {
        let count = match value.as_str() {
            "all" => -1,
            other => other.parse().map_err(|_| {
                format!("invalid count ({other}): value must be either \"all\" or an integer")
            })?,
        };
        Ok(DeviceRequest {
            count,
            capabilities: Some(vec![vec!["gpu".into()]]),
            options: Some(BTreeMap::new()),
            ..DeviceRequest::default()
        })
    };
    values
        .iter()
        .map(request)
        .collect::<Result<Vec<_>, String>>()
        .map(some)
}

/// Sorted, in capitals, with `CAP_`, as the flag keeps them.
fn capabilities(values: &[String]) -> Option<StrSlice> {
    let named = |value: &String| {
        let name = value.trim().to_uppercase();
        match name.starts_with("CAP_") || matches!(name.as_str(), "ALL" | "RESET") {
            true => name,
            false => format!("CAP_{name}"),
        }
    };
    let names: std::collections::BTreeSet<_> = values.iter().map(named).collect();
    (!names.is_empty()).then(|| StrSlice(names.into_iter().collect()))
}

fn entrypoint(flags: &Parsed) -> Option<StrSlice> {
    flags
        .changed("entrypoint")
        .then(|| StrSlice(vec![flags.text("entrypoint").into()]))
}

fn check_modes(flags: &Parsed) -> Result<(), String> {
    let one_of = |flag: &str, modes: &[&str], what: &str| match modes.contains(&flags.text(flag)) {
        true => Ok(()),
        false => Err(format!("--{flag}: invalid {what} mode")),
    };
    let pid = flags.text("pid");
    let container = pid.strip_prefix("container:");
    if container.is_none_or(str::is_empty) {
        one_of("pid", &["", "host"], "PID")?;
    }
    one_of("uts", &["", "host"], "UTS")?;
    one_of("userns", &["", "host"], "USER")?;
    one_of("cgroupns", &["", "private", "host"], "CGROUP")
}

/// `--restart on-failure:3`.
pub fn restart_policy(text: &str) -> Result<RestartPolicy, String> {
    let (name, count) = text.split_once(':').unwrap_or((text, ""));
    if name.is_empty() && text.contains(':') {
        return Err("invalid restart policy format: no policy provided before colon".into());
    }
    let wrong =
        |_| "invalid restart policy format: maximum retry count must be an integer".to_owned();
    let maximum_retry_count = if count.is_empty() {
        0
    } else {
        count.parse().map_err(wrong)?
    };
    Ok(RestartPolicy {
        name: name.into(),
        maximum_retry_count,
    })
}

fn healthcheck(flags: &Parsed) -> Result<Option<HealthConfig>, String> {
    const NUMBERS: [&str; 5] = [
        "health-interval",
        "health-timeout",
        "health-retries",
        "health-start-period",
        "health-start-interval",
    ];
    let command = flags.text("health-cmd");
    let any = !command.is_empty() || NUMBERS.iter().any(|name| flags.int(name) != 0);
    if flags.bool("no-healthcheck") {
        return match any {
            true => Err("--no-healthcheck conflicts with --health-* options".into()),
            false => Ok(Some(HealthConfig {
                test: Some(vec!["NONE".into()]),
                ..HealthConfig::default()
            })),
        };
    }
    if !any {
        return Ok(None);
    }
    if let Some(name) = NUMBERS.iter().find(|name| flags.int(name) < 0) {
        return Err(format!("--{name} cannot be negative"));
    }
    Ok(Some(HealthConfig {
        test: (!command.is_empty()).then(|| vec!["CMD-SHELL".into(), command.into()]),
        interval: flags.int("health-interval"),
        timeout: flags.int("health-timeout"),
        start_period: flags.int("health-start-period"),
        start_interval: flags.int("health-start-interval"),
        retries: flags.int("health-retries"),
    }))
}

fn log_config(flags: &Parsed) -> Result<LogConfig, String> {
    let driver = flags.text("log-driver");
    if driver == "none" && flags.changed("log-opt") {
        return Err(format!("invalid logging opts for driver {driver}"));
    }
    Ok(LogConfig {
        kind: driver.into(),
        config: Some(pairs(flags.list("log-opt"))),
    })
}

fn storage_opt(values: &[String]) -> Result<BTreeMap<String, String>, String> {
    let pair = |text: &String| match text.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err("invalid storage option".to_owned()),
    };
    values.iter().map(pair).collect()
}

/// `systempaths=unconfined` is for the client: nothing is hidden then.
fn system_paths(options: Vec<String>) -> (List<String>, bool) {
    let given = options.len();
    let rest: Vec<_> = options
        .into_iter()
        .filter(|option| option != "systempaths=unconfined")
        .collect();
    let unconfined = rest.len() < given;
    ((given > 0).then_some(rest), unconfined)
}

fn device(text: &str) -> Result<DeviceMapping, String> {
    let bad = || format!("bad format for path: {text}");
    let parts: Vec<_> = text.split(':').collect();
    if parts.len() > 3 || parts[0].is_empty() {
        return Err(bad());
    }
    let permissions = |mode: &str| {
        let mut seen = Vec::new();
        !mode.is_empty()
            && mode.chars().all(|c| {
                let new = !seen.contains(&c);
                seen.push(c);
                "rwm".contains(c) && new
            })
    };
    let (inside, mode) = match parts.as_slice() {
        [path] => (*path, "rwm"),
        [path, mode] if permissions(mode) => (*path, *mode),
        [_, inside] => (*inside, "rwm"),
        [_, inside, mode] => match permissions(mode) {
            true => (*inside, *mode),
            false => return Err(format!("bad mode specified: {mode}")),
        },
        _ => return Err(bad()),
    };
    if !inside.starts_with('/') {
        return Err(format!("{inside} is not an absolute path"));
    }
    Ok(DeviceMapping {
        path_on_host: parts[0].into(),
        path_in_container: inside.into(),
        cgroup_permissions: mode.into(),
    })
}

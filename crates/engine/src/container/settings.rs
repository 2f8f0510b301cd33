//! Settings of a create request: completed from the image and the defaults, checked, and refused where they ask for
//! what is not there (moby `daemon/container.go`, `daemon/daemon_unix.go`, `daemon/commit.go` `merge`).

use super::limits;
use super::refusals::{check_log_options, check_names, refuse};
use crate::engine::Facts;
use crate::error::{ApiError, Result};
use crate::spec::mounts::{Mounts, clean};
use crate::spec::{self, caps};
use glassdock_abi::types::resource;
use glassdock_api::container::{Config, HealthConfig, HostConfig, LogConfig};
use glassdock_api::{Empty, List, Map, StrSlice};
use glassdock_oci::image::RunConfig;
use std::collections::BTreeMap;

/// Most variables, labels or words of a command in a request.
const MAX_WORDS: usize = 65_536;

/// Takes what the request leaves open from the image.
///
/// # Errors
/// 400 `no command specified`.
pub(crate) fn merge_image(config: &mut Config, image: &RunConfig) -> Result<()> {
    let or_image = |own: &mut String, images: &Option<String>| {
        if own.is_empty() {
            *own = images.clone().unwrap_or_default();
        }
    };
    or_image(&mut config.user, &image.user);
    or_image(&mut config.working_dir, &image.working_dir);
    or_image(&mut config.stop_signal, &image.stop_signal);
    merge_maps(
        &mut config.exposed_ports,
        &image.exposed_ports,
        |_| Empty {},
    );
    merge_maps(&mut config.volumes, &image.volumes, |_| Empty {});
    merge_maps(&mut config.labels, &image.labels, String::clone);
    config.labels.get_or_insert_default();
    merge_env(&mut config.env, image.env.as_deref().unwrap_or_default());
    let slice = |words: &Option<Vec<String>>| words.clone().map(StrSlice);
    let empty = |words: &Option<StrSlice>| words.as_ref().is_none_or(|words| words.0.is_empty());
    if empty(&config.entrypoint) {
        if empty(&config.cmd) {
            config.cmd = slice(&image.cmd);
        }
        // An empty list resets the image's, nothing at all keeps it.
        if config.entrypoint.is_none() {
            config.entrypoint = slice(&image.entrypoint);
        }
    }
    if config
        .entrypoint
        .as_ref()
        .is_some_and(|words| words.0 == [""])
    {
        config.entrypoint = None;
    }
    merge_health(config, image);
    if empty(&config.entrypoint) && empty(&config.cmd) {
        return Err(ApiError::invalid("no command specified"));
    }
    Ok(())
}

fn merge_maps<A, B>(
    own: &mut Map<A>,
    images: &Option<BTreeMap<String, B>>,
    convert: impl Fn(&B) -> A,
) {
    let Some(images) = images else { return };
    let own = own.get_or_insert_default();
    for (key, value) in images {
        own.entry(key.clone()).or_insert_with(|| convert(value));
    }
}

fn merge_env(own: &mut List<String>, images: &[String]) {
    let name = |variable: &str| variable.split('=').next().unwrap_or_default().to_string();
    let own = own.get_or_insert_default();
    for variable in images {
        if !own.iter().any(|known| name(known) == name(variable)) {
            own.push(variable.clone());
        }
    }
}

fn merge_health(config: &mut Config, image: &RunConfig) {
    let Some(health) = &image.healthcheck else {
        return;
    };
    let or = |own: i64, images: Option<i64>| {
        if own == 0 {
            images.unwrap_or_default()
        } else {
            own
        }
    };
    let own = config.healthcheck.take().unwrap_or_default();
    config.healthcheck = Some(HealthConfig {
        test: own
            .test
            .filter(|test| !test.is_empty())
            .or_else(|| health.test.clone()),
        interval: or(own.interval, health.interval),
        timeout: or(own.timeout, health.timeout),
        start_period: or(own.start_period, health.start_period),
        start_interval: or(own.start_interval, health.start_interval),
        retries: or(own.retries, health.retries),
    });
}

/// The program and its arguments.
pub(crate) fn command(config: &Config) -> (String, Vec<String>) {
    let words = |slice: &Option<StrSlice>| {
        slice
            .as_ref()
            .map(|words| words.0.clone())
            .unwrap_or_default()
    };
    let mut all = words(&config.entrypoint)
        .into_iter()
        .chain(words(&config.cmd));
    (all.next().unwrap_or_default(), all.collect())
}

/// Checks what does not depend on the image.
///
/// # Errors
/// 400 with moby's texts.
pub(crate) fn check_config(config: &mut Config) -> Result<()> {
    if !config.working_dir.is_empty() {
        if !config.working_dir.starts_with('/') {
            let dir = &config.working_dir;
            return Err(ApiError::invalid(format!(
                "the working directory '{dir}' is invalid, it needs to be an absolute path"
            )));
        }
        config.working_dir = clean(&config.working_dir);
    }
    if !config.stop_signal.is_empty() {
        crate::signals::parse(&config.stop_signal)?;
    }
    refuse(&[(!config.mac_address.is_empty(), "MAC addresses")])?;
    for variable in config.env.iter().flatten() {
        if variable.is_empty() || variable.starts_with('=') {
            return Err(ApiError::invalid(format!(
                "invalid environment variable: {variable}"
            )));
        }
    }
    let (program, args) = command(config);
    let texts = config.env.iter().flatten().chain(&args).chain([
        &program,
        &config.user,
        &config.working_dir,
    ]);
    if texts.clone().any(|text| text.contains('\0')) {
        return Err(ApiError::invalid(
            "invalid container configuration: a text has a NUL byte",
        ));
    }
    if texts.count() > MAX_WORDS {
        return Err(ApiError::invalid(format!(
            "invalid container configuration: more than {MAX_WORDS} words"
        )));
    }
    Ok(())
}

/// Completes and checks the host's part; gives warnings and what is to be mounted.
///
/// # Errors
/// 400 with moby's texts for what makes no sense; 501 for what this engine does not have yet.
pub(crate) fn check_host(host: &mut HostConfig, facts: &Facts) -> Result<(Vec<String>, Mounts)> {
    complete(host, facts);
    check_policy(host)?;
    let names = |slice: &Option<StrSlice>| {
        slice
            .as_ref()
            .map(|words| words.0.clone())
            .unwrap_or_default()
    };
    caps::tweak(
        &names(&host.cap_add),
        &names(&host.cap_drop),
        host.privileged,
    )?;
    refuse_missing(host)?;
    // What is no profile is told now, and not at the start.
    spec::filter(host, facts, &[])?;
    let mounts = Mounts::of(host)?;
    let mut warnings = limits::check(host, facts, false)?;
    if matches!(host.network_mode.as_str(), "bridge") {
        warnings.push(
            "This engine has no networks yet: the container gets a loopback interface only, as with --network none"
                .to_string(),
        );
    }
    if host.privileged {
        warnings.push(
            "This engine gives no devices of the host yet: a privileged container has the usual ones only"
                .to_string(),
        );
    }
    Ok((warnings, mounts))
}

fn complete(host: &mut HostConfig, facts: &Facts) {
    let default = |own: &mut String, value: &str| {
        if own.is_empty() {
            *own = value.to_string();
        }
    };
    default(&mut host.restart_policy.name, "no");
    if host.network_mode == "default" {
        host.network_mode.clear();
    }
    default(&mut host.network_mode, "bridge");
    default(&mut host.ipc_mode, "private");
    let private_cgroup = facts.cgroups.unified;
    default(
        &mut host.cgroupns_mode,
        if private_cgroup { "private" } else { "host" },
    );
    default(&mut host.runtime, crate::RUNTIME_NAME);
    if host.shm_size == 0 {
        host.shm_size = spec::DEFAULT_SHM_SIZE;
    }
    if host.log_config.kind.is_empty() {
        host.log_config = LogConfig {
            kind: "json-file".to_string(),
            config: host.log_config.config.take(),
        };
    }
    host.log_config.config.get_or_insert_default();
    host.pids_limit = host.pids_limit.filter(|limit| *limit > 0);
    host.oom_kill_disable.get_or_insert(false);
    if !host.privileged {
        let own = |paths: &[&str]| paths.iter().map(|path| path.to_string()).collect();
        host.masked_paths
            .get_or_insert_with(|| own(&spec::MASKED_PATHS));
        host.readonly_paths
            .get_or_insert_with(|| own(&spec::READONLY_PATHS));
    }
}

fn check_policy(host: &HostConfig) -> Result<()> {
    let policy = &host.restart_policy;
    match policy.name.as_str() {
        "no" if policy.maximum_retry_count != 0 => Err(ApiError::invalid(
            "invalid restart policy: maximum retry count can only be used with 'on-failure'",
        )),
        "no" => Ok(()),
        "always" | "unless-stopped" | "on-failure" if host.auto_remove => Err(ApiError::invalid(
            "can't create 'AutoRemove' container with restart policy",
        )),
        name @ ("always" | "unless-stopped" | "on-failure") => {
            Err(ApiError::not_implemented(format!(
                "restart policy {name}: this engine does not restart containers yet; use \"no\""
            )))
        }
        name => Err(ApiError::invalid(format!(
            "invalid restart policy: unknown policy '{name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
        ))),
    }?;
    if host.shm_size < 0 {
        return Err(ApiError::invalid("SHM size can not be less than 0"));
    }
    if !(-1000..=1000).contains(&host.oom_score_adj) {
        let given = host.oom_score_adj;
        return Err(ApiError::invalid(format!(
            "Invalid value {given}, range for oom score adj is [-1000, 1000]"
        )));
    }
    match host.log_config.kind.as_str() {
        "json-file" | "none" => {}
        kind @ ("local" | "syslog" | "journald" | "gelf" | "fluentd" | "awslogs" | "splunk"
        | "gcplogs") => {
            return Err(ApiError::not_implemented(format!(
                "logging driver {kind} is not supported by this engine yet"
            )));
        }
        kind => {
            return Err(ApiError::invalid(format!(
                "logger: no log driver named '{kind}' is registered"
            )));
        }
    }
    check_log_options(&host.log_config)?;
    check_names(host)?;
    for option in host.security_opt.iter().flatten() {
        check_security_option(option)?;
    }
    for ulimit in host.ulimits.iter().flatten() {
        if resource::from_ulimit(&ulimit.name).is_none() {
            return Err(ApiError::invalid(format!(
                "invalid ulimit type: {}",
                ulimit.name
            )));
        }
        if ulimit.soft > ulimit.hard && ulimit.hard != -1 {
            let (soft, hard) = (ulimit.soft, ulimit.hard);
            return Err(ApiError::invalid(format!(
                "ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}"
            )));
        }
    }
    Ok(())
}

fn check_security_option(option: &str) -> Result<()> {
    let (key, value) = option.split_once(['=', ':']).unwrap_or((option, ""));
    match (key, value) {
        ("no-new-privileges", "" | "true" | "false")
        | ("label", _)
        | ("disable", "")
        | ("apparmor", "unconfined") => Ok(()),
        ("seccomp", _) if !value.is_empty() => Ok(()),
        ("apparmor" | "writable-cgroups", _) => Err(ApiError::not_implemented(format!(
            "security option {option}: not supported by this engine yet"
        ))),
        (_, "") => Err(ApiError::invalid(format!(
            "invalid --security-opt 1: {option:?}"
        ))),
        _ => Err(ApiError::invalid(format!(
            "invalid --security-opt 2: {option:?}"
        ))),
    }
}

/// Says so plainly where something is asked for that would otherwise silently be missing.
fn refuse_missing(host: &HostConfig) -> Result<()> {
    let filled = |list: &List<String>| list.as_ref().is_some_and(|list| !list.is_empty());
    let joins = |mode: &str| mode.starts_with("container:");
    let known_network = matches!(host.network_mode.as_str(), "bridge" | "none" | "host");
    let requests = [
        (
            host.port_bindings
                .as_ref()
                .is_some_and(|ports| !ports.is_empty()),
            "published ports",
        ),
        (host.publish_all_ports, "published ports"),
        (filled(&host.links), "links"),
        (filled(&host.volumes_from), "volumes of other containers"),
        (!known_network, "networks of your own"),
        (
            joins(&host.pid_mode) || joins(&host.ipc_mode),
            "namespaces of other containers",
        ),
        (
            !matches!(host.userns_mode.as_str(), "" | "host"),
            "user namespaces",
        ),
        (host.init == Some(true), "an init process (--init)"),
        (
            host.devices
                .as_ref()
                .is_some_and(|devices| !devices.is_empty()),
            "devices of the host",
        ),
        (filled(&host.device_cgroup_rules), "rules for devices"),
        (
            host.storage_opt
                .as_ref()
                .is_some_and(|options| !options.is_empty()),
            "storage options",
        ),
        (
            !matches!(host.runtime.as_str(), "" | crate::RUNTIME_NAME | "runc"),
            "other runtimes",
        ),
        (
            !matches!(host.isolation.as_str(), "" | "default"),
            "isolation modes",
        ),
    ];
    if let Some(request) = host.device_requests.iter().flatten().next() {
        let groups: Vec<String> = request
            .capabilities
            .iter()
            .flatten()
            .map(|all| format!("[{}]", all.join(" ")))
            .collect();
        return Err(ApiError::system(format!(
            "could not select device driver {:?} with capabilities: [{}]",
            request.driver,
            groups.join(" ")
        )));
    }
    refuse(&requests)?;
    if host.cpu_realtime_period != 0 || host.cpu_realtime_runtime != 0 {
        return Err(ApiError::invalid(
            "Your kernel does not support CPU real-time scheduler",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| word.to_string()).collect()
    }

    fn merged(entrypoint: Option<&[&str]>, cmd: Option<&[&str]>) -> Result<(String, Vec<String>)> {
        let image = RunConfig {
            entrypoint: Some(words(&["ep"])),
            cmd: Some(words(&["arg"])),
            ..RunConfig::default()
        };
        let slice = |given: Option<&[&str]>| given.map(|given| StrSlice(words(given)));
        let mut config = Config {
            entrypoint: slice(entrypoint),
            cmd: slice(cmd),
            ..Config::default()
        };
        merge_image(&mut config, &image)?;
        Ok(command(&config))
    }

    #[test]
    fn command_and_entry_point_go_together_as_dockers_table_says() {
        let pair = |program: &str, args: &[&str]| (program.to_string(), words(args));
        assert_eq!(merged(None, None).unwrap(), pair("ep", &["arg"]));
        assert_eq!(merged(None, Some(&["x"])).unwrap(), pair("ep", &["x"]));
        assert_eq!(merged(Some(&["e"]), None).unwrap(), pair("e", &[]));
        assert_eq!(merged(Some(&[""]), Some(&["x"])).unwrap(), pair("x", &[]));
        let error = merged(Some(&[""]), None).unwrap_err();
        assert_eq!(
            (error.status.as_u16(), error.message.as_str()),
            (400, "no command specified")
        );
    }

    #[test]
    fn the_image_fills_in_what_is_open() {
        let image = RunConfig {
            env: Some(words(&["PATH=/i", "A=i"])),
            user: Some("web".to_string()),
            labels: Some([("a".to_string(), "i".to_string())].into()),
            cmd: Some(words(&["sh"])),
            ..RunConfig::default()
        };
        let mut config = Config {
            env: Some(words(&["A=u"])),
            labels: Some([("a".to_string(), "u".to_string())].into()),
            ..Config::default()
        };
        merge_image(&mut config, &image).unwrap();
        assert_eq!(config.env.unwrap(), ["A=u", "PATH=/i"]);
        assert_eq!(config.user, "web");
        assert_eq!(config.labels.unwrap()["a"], "u");
    }

    #[test]
    fn what_makes_no_sense_is_400_and_what_is_missing_501() {
        let check = |change: &dyn Fn(&mut HostConfig)| {
            let mut host = HostConfig::default();
            change(&mut host);
            check_host(&mut host, &Facts::default()).map(|(warnings, _)| warnings)
        };
        let status =
            |result: Result<Vec<String>>| result.err().map_or(0, |error| error.status.as_u16());
        assert_eq!(
            status(check(
                &|host| host.restart_policy.name = "sometimes".to_string()
            )),
            400
        );
        assert_eq!(
            status(check(
                &|host| host.restart_policy.name = "always".to_string()
            )),
            501
        );
        assert_eq!(status(check(&|host| host.publish_all_ports = true)), 501);
        assert_eq!(status(check(&|host| host.cpu_realtime_runtime = 1)), 400);
        assert_eq!(
            status(check(&|host| host.cap_add = Some(StrSlice(words(&["x"]))))),
            400
        );
        assert_eq!(status(check(&|host| host.oom_score_adj = 2000)), 400);
        assert_eq!(
            check(&|host| host.network_mode = "none".to_string()).unwrap(),
            words(&[])
        );
        let limited = check(&|host| {
            host.network_mode = "none".to_string();
            host.memory = 8 << 20;
        });
        assert!(
            limited.unwrap()[0]
                .starts_with("Your kernel does not support memory limit capabilities or")
        );
    }

    #[test]
    fn a_wrong_configuration_gets_mobys_message() {
        let message = |config: Config| check_config(&mut { config }).unwrap_err().message;
        let dir = Config {
            working_dir: "x".to_string(),
            ..Config::default()
        };
        assert_eq!(
            message(dir),
            "the working directory 'x' is invalid, it needs to be an absolute path"
        );
        let env = Config {
            env: Some(words(&["=x"])),
            ..Config::default()
        };
        assert_eq!(message(env), "invalid environment variable: =x");
        let signal = Config {
            stop_signal: "FOO".to_string(),
            ..Config::default()
        };
        assert_eq!(message(signal), "invalid signal: FOO");
    }
}

//! Parts of a create request that are refused or warned of: what would silently be missing, or would not be what it is
//! taken for.

use crate::error::{ApiError, Result};
use glassdock_api::List;
use glassdock_api::container::{Config, HostConfig, LogConfig};
use glassdock_api::network::NetworkingConfig;

/// The log's options (moby `jsonfilelog.go`, `ValidateLogOpt`; `logger/factory.go`).
pub(super) fn check_log_options(log: &LogConfig) -> Result<()> {
    for (key, value) in log.config.iter().flatten() {
        match key.as_str() {
            "mode" if matches!(value.as_str(), "" | "blocking") => {}
            "mode" | "max-buffer-size" | "max-file" | "max-size" | "compress" | "env"
            | "env-regex" | "labels" | "labels-regex" | "tag" => {
                return Err(ApiError::not_implemented(format!(
                    "log option {key}: not supported by this engine yet"
                )));
            }
            _ => {
                let kind = &log.kind;
                return Err(ApiError::invalid(format!(
                    "unknown log opt '{key}' for {kind} log driver"
                )));
            }
        }
    }
    Ok(())
}

/// What goes into `/etc/hosts` and `/etc/resolv.conf` as it is (moby `opts.ValidateExtraHost`).
pub(super) fn check_names(host: &HostConfig) -> Result<()> {
    let address = |text: &str| text.parse::<std::net::IpAddr>().is_ok();
    let word = |text: &str| {
        let plain = |c: char| !c.is_whitespace() && !c.is_control();
        !text.is_empty() && text.chars().all(plain)
    };
    for extra in host.extra_hosts.iter().flatten() {
        let (name, to) = extra.split_once(':').unwrap_or((extra, ""));
        if !word(name) || to.is_empty() {
            return Err(ApiError::invalid(format!(
                "bad format for add-host: {extra:?}"
            )));
        }
        if to == "host-gateway" {
            return Err(ApiError::not_implemented(
                "host-gateway: not supported by this engine yet",
            ));
        }
        if !address(to) {
            return Err(ApiError::invalid(format!(
                "invalid IP address in add-host: {to:?}"
            )));
        }
    }
    if let Some(server) = host.dns.iter().flatten().find(|server| !address(server)) {
        return Err(ApiError::invalid(format!(
            "ParseAddr({server:?}): unable to parse IP"
        )));
    }
    let mut words = host.dns_search.iter().chain(&host.dns_options).flatten();
    match words.find(|text| !word(text)) {
        Some(text) => Err(ApiError::invalid(format!(
            "invalid DNS search domain or option: {text:?}"
        ))),
        None => Ok(()),
    }
}

/// Places in networks: there is nothing to be asked of them yet.
///
/// # Errors
/// 501 for an address, another name, a link or an option.
pub(super) fn check_networking(networking: Option<&NetworkingConfig>) -> Result<()> {
    let endpoints = networking.and_then(|config| config.endpoints_config.as_ref());
    let filled = |list: &List<String>| list.as_ref().is_some_and(|list| !list.is_empty());
    for endpoint in endpoints.into_iter().flat_map(|all| all.values()) {
        let asked = [
            (
                endpoint
                    .ipam_config
                    .as_ref()
                    .is_some_and(|config| *config != Default::default()),
                "addresses in networks",
            ),
            (filled(&endpoint.aliases), "other names in networks"),
            (filled(&endpoint.links), "links"),
            (!endpoint.mac_address.is_empty(), "MAC addresses"),
            (
                endpoint
                    .driver_opts
                    .as_ref()
                    .is_some_and(|options| !options.is_empty()),
                "options of networks",
            ),
        ];
        refuse(&asked)?;
    }
    Ok(())
}

/// A warning for health checks, which nobody makes.
pub(super) fn unwatched(config: &Config) -> Option<String> {
    let test = config.healthcheck.as_ref()?.test.as_ref()?;
    let asked = test.first().is_some_and(|kind| kind != "NONE");
    asked.then(|| {
        "This engine makes no health checks yet: the container's health stays unknown".to_string()
    })
}

/// 501 for the first thing that is asked for.
pub(super) fn refuse(requests: &[(bool, &str)]) -> Result<()> {
    match requests.iter().find(|(asked, _)| *asked) {
        Some((_, what)) => Err(ApiError::not_implemented(format!(
            "{what}: not supported by this engine yet"
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_the_log_are_known_or_refused() {
        for (key, value, status) in [
            ("mode", "blocking", 0),
            ("mode", "non-blocking", 501),
            ("max-size", "10m", 501),
            ("max-sise", "10m", 400),
        ] {
            let log = LogConfig {
                kind: "json-file".to_string(),
                config: Some([(key.to_string(), value.to_string())].into()),
            };
            let told = check_log_options(&log).err();
            assert_eq!(
                told.map_or(0, |error| error.status.as_u16()),
                status,
                "{key}={value}"
            );
        }
    }

    #[test]
    fn names_and_addresses_go_into_files_as_one_word() {
        let list = |text: &str| Some(vec![text.to_string()]);
        let check = |change: &dyn Fn(&mut HostConfig)| {
            let mut host = HostConfig::default();
            change(&mut host);
            check_names(&host)
                .err()
                .map_or(0, |error| error.status.as_u16())
        };
        for (extra, status) in [
            ("a:1.2.3.4", 0),
            ("a:::1", 0),
            ("a", 400),
            (":1.2.3.4", 400),
            ("a:x", 400),
            ("a:1.2.3.4\n6.6.6.6 b", 400),
            ("a\n6.6.6.6 b:1.2.3.4", 400),
            ("a:host-gateway", 501),
        ] {
            assert_eq!(
                check(&|host| host.extra_hosts = list(extra)),
                status,
                "{extra:?}"
            );
        }
        assert_eq!(check(&|host| host.dns = list("8.8.8.8")), 0);
        assert_eq!(check(&|host| host.dns = list("8.8.8.8\nsearch x")), 400);
        assert_eq!(
            check(&|host| host.dns_search = list("x\nnameserver 6.6.6.6")),
            400
        );
        assert_eq!(check(&|host| host.dns_options = list("ndots:2")), 0);
    }
}

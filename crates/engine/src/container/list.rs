//! `GET /containers/json` (moby `daemon/list.go`, `container/view.go`).

use super::inspect::{mount_points, networks};
use super::{Container, Inner};
use crate::engine::{Engine, Kernel};
use crate::error::{ApiError, Result};
use crate::names;
use crate::spec::mounts::Mounts;
use crate::time;
use glassdock_abi::types::Timespec;
use glassdock_api::container::{Port, Summary, SummaryHostConfig, SummaryNetworkSettings};
use glassdock_api::filters::Filters;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Filters that the list takes.
pub const ACCEPTED_FILTERS: [&str; 16] = [
    "ancestor",
    "before",
    "exited",
    "id",
    "isolation",
    "label",
    "name",
    "status",
    "health",
    "since",
    "volume",
    "network",
    "is-task",
    "publish",
    "expose",
    "until",
];
/// Words that the filter `status` takes.
const STATES: [&str; 7] = [
    "created",
    "running",
    "paused",
    "restarting",
    "removing",
    "exited",
    "dead",
];
/// Words that the filter `health` takes.
const HEALTH: [&str; 4] = ["none", "starting", "healthy", "unhealthy"];

/// What is to be listed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ListOptions {
    /// Stopped containers, too.
    pub all: bool,
    /// At most so many, stopped ones among them; zero for no limit.
    pub limit: usize,
    /// What to list.
    pub filters: Filters,
}

fn invalid(error: glassdock_api::filters::Invalid) -> ApiError {
    ApiError::invalid(error.to_string())
}

impl<S: Kernel> Engine<S> {
    /// The list of containers, the newest first.
    ///
    /// # Errors
    /// 400 for a filter that is unknown or has a wrong value; 404 for a container that one names.
    pub fn list_containers(&self, mut options: ListOptions) -> Result<Vec<Summary>> {
        let filter = Filter::new(self, &mut options)?;
        let mut containers = self.containers();
        containers.sort_by_cached_key(|container| {
            let created = container.with(|inner| inner.record.created);
            (Reverse(created), container.id.clone())
        });
        // Before and since cut the list where those containers stand.
        let position = |id: &Option<String>| {
            id.as_ref()
                .and_then(|id| containers.iter().position(|container| container.id == *id))
        };
        let from = position(&filter.before).map_or(0, |at| at + 1);
        let to = position(&filter.since).unwrap_or(containers.len());
        let inside = containers.get(from..to.max(from)).unwrap_or_default();
        let now = self.now();
        let mut listed = Vec::new();
        for container in inside {
            if options.limit > 0 && listed.len() == options.limit {
                break;
            }
            listed.extend(self.summary_if(container, &options, &filter, now));
        }
        Ok(listed)
    }

    fn summary_if(
        &self,
        container: &Arc<Container<S>>,
        options: &ListOptions,
        filter: &Filter,
        now: Timespec,
    ) -> Option<Summary> {
        let mut summary =
            container.with(|inner| filter.includes(inner, options).then(|| summary(inner, now)))?;
        // A name that means another image by now would mislead.
        let named = self
            .image(&summary.image)
            .ok()
            .map(|image| image.id.to_string());
        if named.as_ref() != Some(&summary.image_id) {
            summary.image.clone_from(&summary.image_id);
        }
        Some(summary)
    }
}

struct Filter {
    before: Option<String>,
    since: Option<String>,
    exited: Vec<i32>,
    ancestors: Option<BTreeSet<String>>,
    ids: Option<Vec<String>>,
}

impl Filter {
    fn new<S: Kernel>(engine: &Engine<S>, options: &mut ListOptions) -> Result<Filter> {
        let filters = &options.filters;
        filters.validate(&ACCEPTED_FILTERS).map_err(invalid)?;
        let wrong = |name: &str, value: &str, why: String| {
            ApiError::invalid(format!("invalid filter '{name}={value}': {why}"))
        };
        let mut exited = Vec::new();
        for value in filters.get("exited") {
            let parsed = value.parse();
            let why = || format!("strconv.Atoi: parsing {value:?}: invalid syntax");
            exited.push(parsed.map_err(|_| wrong("exited", value, why()))?);
        }
        for (name, words) in [("status", &STATES[..]), ("health", &HEALTH[..])] {
            if let Some(value) = filters.get(name).find(|value| !words.contains(value)) {
                let kind = if name == "status" {
                    "container state"
                } else {
                    "health status"
                };
                let why = format!(
                    "invalid value for {kind} ({value}): must be one of {}",
                    words.join(", ")
                );
                return Err(wrong(name, value, why));
            }
        }
        filters.boolean("is-task", false).map_err(invalid)?;
        let named = |name: &str| -> Result<Option<String>> {
            filters
                .get(name)
                .next()
                .map(|given| Ok(engine.container(given)?.id.clone()))
                .transpose()
        };
        let ancestors = filters.contains("ancestor").then(|| {
            let found = filters
                .get("ancestor")
                .filter_map(|given| engine.image(given).ok());
            found.map(|image| image.id.to_string()).collect()
        });
        let ids = filters.contains("id").then(|| {
            let found = filters
                .get("id")
                .filter_map(|given| engine.container(given).ok());
            found.map(|container| container.id.clone()).collect()
        });
        let filter = Filter {
            before: named("before")?,
            since: named("since")?,
            exited,
            ancestors,
            ids,
        };
        options.all |= options.filters.contains("status");
        Ok(filter)
    }

    fn includes<S: Kernel>(&self, inner: &Inner<S>, options: &ListOptions) -> bool {
        let (record, filters) = (&inner.record, &options.filters);
        let labels = record.config.labels.clone().unwrap_or_default();
        let name = || {
            filters
                .get("name")
                .any(|pattern| matches_name(pattern, &record.name))
        };
        let exited = || {
            let ended = !record.state.running && record.state.started_at.is_some();
            ended && self.exited.contains(&record.state.exit_code)
        };
        let volume = || {
            let mounts = Mounts::of(&record.host).unwrap_or_default();
            filters.get("volume").any(|path| {
                mounts
                    .binds
                    .iter()
                    .any(|bind| bind.destination == path || bind.source == path)
            })
        };
        (record.state.running || options.all || options.limit > 0)
            && (!filters.contains("name") || name())
            && self.ids.as_ref().is_none_or(|ids| ids.contains(&record.id))
            && filters.match_key_values("label", &labels)
            && (self.exited.is_empty() || exited())
            && filters.exact_match("status", inner.status())
            && filters.exact_match("health", "none")
            && self
                .ancestors
                .as_ref()
                .is_none_or(|ids| ids.contains(&record.image))
            && filters.exact_match("network", &record.host.network_mode)
            && (!filters.contains("volume") || volume())
            && !filters.contains("publish")
            && !filters.contains("expose")
            && !filters.boolean("is-task", false).unwrap_or(false)
    }
}

/// Docker takes the pattern as a regular expression anywhere in the name; of those only the anchors `^` and `$` (and a
/// leading slash) are known here, everything else stands for itself.
fn matches_name(pattern: &str, name: &str) -> bool {
    let (begin, rest) = pattern
        .strip_prefix('^')
        .map_or((false, pattern), |rest| (true, rest));
    let (rest, end) = rest
        .strip_suffix('$')
        .map_or((rest, false), |rest| (rest, true));
    let slashed = format!("/{name}");
    [name, slashed.as_str()]
        .iter()
        .any(|name| match (begin, end) {
            (true, true) => *name == rest,
            (true, false) => name.starts_with(rest),
            (false, true) => name.ends_with(rest),
            (false, false) => name.contains(rest),
        })
}

fn summary<S: Kernel>(inner: &Inner<S>, now: Timespec) -> Summary {
    let record = &inner.record;
    let ports = record
        .config
        .exposed_ports
        .iter()
        .flatten()
        .filter(|_| record.state.running)
        .filter_map(|(port, _)| {
            let (number, kind) = port.split_once('/').unwrap_or((port, "tcp"));
            Some(Port {
                private_port: number.parse().ok()?,
                kind: kind.to_string(),
                ..Port::default()
            })
        });
    Summary {
        id: record.id.clone(),
        names: Some(vec![format!("/{}", record.name)]),
        image: if record.config.image.is_empty() {
            names::short(&record.image).to_string()
        } else {
            record.config.image.clone()
        },
        image_id: record.image.clone(),
        command: record.command(),
        created: record.created.unwrap_or_default().sec,
        ports: Some(ports.collect()),
        labels: Some(record.config.labels.clone().unwrap_or_default()),
        state: inner.status().to_string(),
        status: status_text(inner, now),
        host_config: SummaryHostConfig {
            network_mode: record.host.network_mode.clone(),
            annotations: record.host.annotations.clone(),
        },
        network_settings: Some(SummaryNetworkSettings {
            networks: Some(networks(&record.host.network_mode)),
        }),
        mounts: Some(mount_points(&Mounts::of(&record.host).unwrap_or_default())),
        ..Summary::default()
    }
}

/// The state in words (moby `container/state.go`, `String`).
fn status_text<S: Kernel>(inner: &Inner<S>, now: Timespec) -> String {
    let state = &inner.record.state;
    let ago = |time: Option<Timespec>| {
        time::human_duration(time::seconds_since(now, time.unwrap_or(now)))
    };
    match inner.status() {
        "running" => format!("Up {}", ago(state.started_at)),
        "paused" => format!("Up {} (Paused)", ago(state.started_at)),
        "removing" => "Removal In Progress".to_string(),
        "dead" => "Dead".to_string(),
        "created" => "Created".to_string(),
        _ if state.finished_at.is_none() => String::new(),
        _ => format!(
            "Exited ({}) {} ago",
            state.exit_code,
            ago(state.finished_at)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_anywhere_but_for_anchors() {
        for (pattern, fits) in [
            ("web", true),
            ("eb", true),
            ("^web-1$", true),
            ("^/web", true),
            ("^eb", false),
            ("web$", false),
            ("", true),
        ] {
            assert_eq!(matches_name(pattern, "web-1"), fits, "{pattern}");
        }
    }
}

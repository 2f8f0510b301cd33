//! `POST /containers/prune` (moby `daemon/prune.go`).

use crate::engine::{Engine, Kernel};
use crate::error::{ApiError, Result};
use crate::time;
use glassdock_abi::types::Timespec;
use glassdock_api::container::PruneReport;
use glassdock_api::filters::Filters;
use glassdock_trace::Args;
use std::collections::BTreeMap;

/// Filters that every prune takes.
const FILTERS: [&str; 3] = ["label", "label!", "until"];

/// What a prune aims at: by age and by labels.
pub(crate) struct Aim {
    filters: Filters,
    until: Option<Timespec>,
}

impl Aim {
    /// Reads filters; `more` are accepted, too, and are the caller's to look at.
    ///
    /// # Errors
    /// 400 for a filter that is unknown or has a wrong value.
    pub(crate) fn new(filters: Filters, more: &[&str], now: Timespec) -> Result<Aim> {
        filters
            .validate(&[&FILTERS, more].concat())
            .map_err(|error| ApiError::invalid(error.to_string()))?;
        let until = until(&filters, now)?;
        Ok(Aim { filters, until })
    }

    /// Whether the filters let something through.
    pub(crate) fn takes(
        &self,
        created: Option<Timespec>,
        labels: &BTreeMap<String, String>,
    ) -> bool {
        let filters = &self.filters;
        let kept = filters.contains("label!") && filters.match_key_values("label!", labels);
        let old = |until| created.is_some_and(|created| created <= until);
        !kept && self.until.is_none_or(old) && filters.match_key_values("label", labels)
    }
}

impl<S: Kernel> Engine<S> {
    /// Removes all containers that do not run and that the filters let through.
    ///
    /// # Errors
    /// 400 for a filter that is unknown or has a wrong value.
    pub async fn prune_containers(&self, filters: Filters) -> Result<PruneReport> {
        self.traced("container.prune", Args::None, |engine| async move {
            let aim = Aim::new(filters, &[], engine.now())?;
            let mut deleted = Vec::new();
            for container in engine.containers() {
                let meant = container.with(|inner| {
                    let record = &inner.record;
                    let labels = record.config.labels.clone().unwrap_or_default();
                    !record.state.running && aim.takes(record.created, &labels)
                });
                if meant && engine.remove(&container, false).await.is_ok() {
                    deleted.push(container.id.clone());
                }
            }
            deleted.sort();
            let containers_deleted = (!deleted.is_empty()).then_some(deleted);
            Ok(PruneReport {
                containers_deleted,
                space_reclaimed: 0,
            })
        })
        .await
    }
}

/// The filter `until`: a time, or how long ago (`24h`).
pub(crate) fn until(filters: &Filters, now: Timespec) -> Result<Option<Timespec>> {
    let Some(text) = filters.get("until").next() else {
        return Ok(None);
    };
    let unit = |unit: char| match unit {
        's' => Some(1),
        'm' => Some(60),
        'h' => Some(3600),
        _ => None,
    };
    let mut chars = text.chars();
    let span = chars
        .next_back()
        .and_then(unit)
        .and_then(|unit| chars.as_str().parse::<i64>().ok()?.checked_mul(unit));
    let ago = span.map(|span| Timespec {
        sec: now.sec.saturating_sub(span),
        nsec: now.nsec,
    });
    let time = ago
        .or_else(|| time::parse_rfc3339(text))
        .or_else(|| time::parse_unix(text).ok());
    time.map(Some)
        .ok_or_else(|| ApiError::invalid(format!("invalid filter 'until={text}'")))
}

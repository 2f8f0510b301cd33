//! What happened: kept for a while, and sent to whoever listens (moby `daemon/events`).

use crate::engine::lock;
use futures_channel::mpsc;
use glassdock_abi::types::Timespec;
use glassdock_api::filters::Filters;
use glassdock_api::stream::{Actor, Event};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

/// Events that are kept for `since` (moby's `eventsLimit`).
pub const KEPT: usize = 256;
/// Events that may wait for a slow listener; one that falls further behind is cut off.
pub const BUFFERED: usize = 1024;

/// Filters that `GET /events` takes (moby `daemon/events/filter.go`).
pub const ACCEPTED_FILTERS: [&str; 15] = [
    "config",
    "container",
    "daemon",
    "event",
    "image",
    "label",
    "network",
    "node",
    "plugin",
    "scope",
    "secret",
    "service",
    "type",
    "volume",
    "id",
];

/// The journal and its listeners.
#[derive(Default)]
pub(crate) struct Bus(Mutex<Journal>);

#[derive(Default)]
struct Journal {
    recent: VecDeque<Event>,
    listeners: Vec<mpsc::Sender<Event>>,
}

impl Bus {
    /// Enters an event and sends it.
    pub(crate) fn publish(&self, event: Event) {
        let mut journal = lock(&self.0);
        if journal.recent.len() == KEPT {
            journal.recent.pop_front();
        }
        journal.recent.push_back(event.clone());
        journal
            .listeners
            .retain_mut(|listener| listener.try_send(event.clone()).is_ok());
    }

    /// Recent events, and those to come.
    pub(crate) fn subscribe(&self) -> (Vec<Event>, mpsc::Receiver<Event>) {
        let mut journal = lock(&self.0);
        let (sender, receiver) = mpsc::channel(BUFFERED);
        journal.listeners.push(sender);
        (journal.recent.iter().cloned().collect(), receiver)
    }

    /// How many listen.
    pub(crate) fn listeners(&self) -> usize {
        let mut journal = lock(&self.0);
        journal.listeners.retain(|listener| !listener.is_closed());
        journal.listeners.len()
    }
}

/// An event of a container or an image, in the form that clients of all versions read; `from` is a container's image.
pub(crate) fn event(
    kind: &str,
    action: &str,
    id: &str,
    attributes: BTreeMap<String, String>,
    now: Timespec,
    from: &str,
) -> Event {
    Event {
        status: action.to_string(),
        id: id.to_string(),
        from: from.to_string(),
        kind: kind.to_string(),
        action: action.to_string(),
        actor: Actor {
            id: id.to_string(),
            attributes: Some(attributes),
        },
        scope: "local".to_string(),
        time: now.sec,
        time_nano: i64::try_from(now.as_nanos()).unwrap_or(i64::MAX),
    }
}

/// Kinds of things that a filter names by id or name.
const NAMED: [&str; 9] = [
    "daemon",
    "container",
    "plugin",
    "volume",
    "network",
    "service",
    "node",
    "secret",
    "config",
];

/// Whether an event passes the filters of a listener.
pub fn passes(filters: &Filters, event: &Event) -> bool {
    let empty = BTreeMap::new();
    let attributes = event.actor.attributes.as_ref().unwrap_or(&empty);
    let attribute = |name: &str| attributes.get(name).map_or("", String::as_str);
    let id = event.actor.id.as_str();
    let named =
        |kind: &str| filters.fuzzy_match(kind, id) || filters.fuzzy_match(kind, attribute("name"));
    // A container's events pass for its image, too.
    let image = attribute(if event.kind == "image" {
        "name"
    } else {
        "image"
    });
    let of_image = [id, image, without_tag(id), without_tag(image)];
    // "exec_create: sh" passes for "exec_create".
    let fuzzy = filters
        .get("event")
        .any(|action| matches!(action, "health_status" | "exec_create" | "exec_start"));
    let action = match fuzzy {
        true => filters.fuzzy_match("event", &event.action),
        false => filters.exact_match("event", &event.action),
    };
    action
        && filters.exact_match("type", &event.kind)
        && filters.exact_match("scope", &event.scope)
        && NAMED.into_iter().all(named)
        && of_image
            .iter()
            .any(|text| filters.exact_match("image", text))
        && filters.match_key_values("label", attributes)
}

fn without_tag(image: &str) -> &str {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(kind: &str, action: &str) -> Event {
        let attributes = [
            ("name", "web"),
            ("image", "busybox:latest"),
            ("com.label", "x"),
        ];
        let attributes = attributes
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .into();
        event(
            kind,
            action,
            "abcdef",
            attributes,
            Timespec { sec: 1, nsec: 2 },
            "",
        )
    }

    #[test]
    fn filters_choose_events() {
        let event = sample("container", "exec_create: sh -c x");
        for (json, passing) in [
            ("", true),
            (r#"{"event":["exec_create"]}"#, true),
            (r#"{"event":["die"]}"#, false),
            (r#"{"type":["container"]}"#, true),
            (r#"{"type":["image"]}"#, false),
            (r#"{"container":["web"]}"#, true),
            (r#"{"container":["abc"]}"#, true),
            (r#"{"container":["other"]}"#, false),
            (r#"{"image":["busybox"]}"#, true),
            (r#"{"image":["alpine"]}"#, false),
            (r#"{"label":["com.label=x"]}"#, true),
            (r#"{"label":["com.label=y"]}"#, false),
            (r#"{"network":["x"]}"#, false),
        ] {
            assert_eq!(
                passes(&Filters::decode(json).unwrap(), &event),
                passing,
                "{json}"
            );
        }
    }

    #[test]
    fn the_journal_keeps_the_newest_and_drops_listeners_that_left() {
        let bus = Bus::default();
        let (_, gone) = bus.subscribe();
        drop(gone);
        for _ in 0..KEPT + 5 {
            bus.publish(sample("image", "tag"));
        }
        let (recent, _listener) = bus.subscribe();
        assert_eq!((recent.len(), bus.listeners()), (KEPT, 1));
    }
}

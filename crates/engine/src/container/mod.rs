//! Containers: what is kept of them, and what can be done with them.

mod create;
mod exit;
mod inspect;
mod limits;
mod list;
mod pause;
mod propagation;
mod prune;
mod record;
mod refusals;
mod remove;
mod restore;
mod rootfs;
mod settings;
mod start;
mod stats;
mod stop;
mod streams;
mod top;
mod wait;

pub use list::ListOptions;
pub(crate) use prune::Aim;
pub(crate) use record::Record;
pub(crate) use restore::restore_all;
pub use streams::AttachOptions;
pub use wait::Condition;

use crate::engine::{Engine, Kernel, lock};
use crate::error::{ApiError, Result};
use crate::events;
use crate::streams::attach::Waiting;
use glassdock_image::{Digest, fs};
use glassdock_runtime::client::Shim;
use glassdock_trace::world::ContainerInfo;
use glassdock_trace::{Change, Delta};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use wait::Waiters;

/// A container.
pub struct Container<S: Kernel> {
    /// Its id.
    pub id: String,
    /// Held while it is started, ended, renamed or removed, and while its record is saved.
    pub(crate) changing: futures_util::lock::Mutex<()>,
    inner: Mutex<Inner<S>>,
}

/// What changes of a container.
pub(crate) struct Inner<S: Kernel> {
    /// What is kept on disk.
    pub(crate) record: Record,
    /// `hostconfig.json` as this engine last wrote it: it hardly ever changes.
    kept_host: Vec<u8>,
    /// Its layers on disk.
    pub(crate) layers: RwLayer,
    /// The shim of the run that is going on.
    pub(crate) shim: Option<Shim<S>>,
    /// How many restart it: its end is not the end then.
    pub(crate) restarting: usize,
    /// Whether somebody removes it.
    pub(crate) removing: bool,
    /// Whether it is gone.
    pub(crate) removed: bool,
    /// Clients that attached before the start.
    pub(crate) attaching: Vec<Waiting<S>>,
    /// Who waits for its end.
    pub(crate) waiters: Waiters,
}

/// The layers that a container has of its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct RwLayer {
    /// Directory of the writable layer in `overlay2`; the one below it has `-init` at its end.
    pub(crate) mount_id: String,
    /// Name of the writable layer in `overlay2/l`.
    pub(crate) link: String,
    /// Name of the layer below in `overlay2/l`.
    pub(crate) init_link: String,
    /// Chain id of the image's topmost layer.
    pub(crate) parent: Option<Digest>,
}

impl<S: Kernel> Container<S> {
    pub(crate) fn new(record: Record, layers: RwLayer) -> Container<S> {
        Container {
            id: record.id.clone(),
            changing: futures_util::lock::Mutex::new(()),
            inner: Mutex::new(Inner {
                record,
                kept_host: Vec::new(),
                layers,
                shim: None,
                restarting: 0,
                removing: false,
                removed: false,
                attaching: Vec::new(),
                waiters: Waiters::default(),
            }),
        }
    }

    /// Looks at the container, or changes it. Nothing may be waited for inside.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Inner<S>) -> T) -> T {
        look(&mut lock(&self.inner))
    }

    /// A copy of what is kept on disk.
    pub(crate) fn record(&self) -> Record {
        self.with(|inner| inner.record.clone())
    }

    /// Whether its process runs.
    pub fn is_running(&self) -> bool {
        self.with(|inner| inner.record.state.running)
    }

    /// Whether its processes stand.
    pub fn is_paused(&self) -> bool {
        self.with(|inner| inner.record.state.running && inner.record.state.paused)
    }

    /// The shim of a running container.
    ///
    /// # Errors
    /// 409 `container … is not running`.
    pub(crate) fn running_shim(&self) -> Result<Shim<S>> {
        let shim = self.with(|inner| inner.shim.clone().filter(|_| inner.record.state.running));
        shim.ok_or_else(|| not_running(&self.id))
    }
}

impl<S: Kernel> Inner<S> {
    /// The state in one word (moby `container/state.go`, `StateString`).
    pub(crate) fn status(&self) -> &'static str {
        let state = &self.record.state;
        match () {
            () if state.running && state.paused => "paused",
            () if state.running => "running",
            () if self.removing => "removing",
            () if state.dead => "dead",
            () if state.started_at.is_none() => "created",
            () => "exited",
        }
    }

    /// What the interface shows.
    fn info(&self) -> Option<ContainerInfo> {
        let record = &self.record;
        (!self.removed).then(|| ContainerInfo {
            name: record.name.clone(),
            image: record.config.image.clone(),
            image_id: record.image.clone(),
            state: self.status().to_string(),
            pid: record.state.running.then_some(record.state.pid),
            exit_code: (self.status() == "exited").then_some(record.state.exit_code),
            command: record.command(),
        })
    }
}

/// 409 for what only a running container can do.
pub(crate) fn not_running(id: &str) -> ApiError {
    ApiError::conflict(format!("container {id} is not running"))
}

impl<S: Kernel> Engine<S> {
    /// Changes a container and tells what became of it.
    pub(crate) fn change<T>(
        &self,
        container: &Container<S>,
        change: impl FnOnce(&mut Inner<S>) -> T,
    ) -> T {
        container.with(|inner| {
            let before = inner.info();
            let result = change(inner);
            let after = inner.info();
            if before != after {
                self.delta(Delta::Container(Change {
                    key: container.id.clone(),
                    before,
                    after,
                }));
            }
            result
        })
    }

    /// Tells that a container is there.
    pub(crate) fn announce(&self, container: &Container<S>) {
        let after = container.with(|inner| inner.info());
        self.delta(Delta::Container(Change {
            key: container.id.clone(),
            before: None,
            after,
        }));
    }

    /// Writes what is kept of a container.
    pub(crate) async fn save(&self, container: &Container<S>) -> Result<()> {
        let (config, host) = container.with(|inner| inner.record.documents())?;
        let dir = self.container_dir(&container.id);
        if container.with(|inner| inner.kept_host != host) {
            fs::write_atomic(&self.sys, &dir.join("hostconfig.json"), &host, 0o600).await?;
            container.with(|inner| inner.kept_host = host);
        }
        Ok(fs::write_atomic(&self.sys, &dir.join("config.v2.json"), &config, 0o600).await?)
    }

    /// Writes what is kept of a container; that it cannot be written changes nothing of what happened, and is told.
    pub(crate) async fn keep(&self, container: &Container<S>) {
        if let Err(error) = self.save(container).await {
            self.warn(format!("save container {}: {error}", container.id))
                .await;
        }
    }

    /// Tells an event of a container with its image, name and labels, and what is added.
    pub(crate) fn container_event(
        &self,
        container: &Arc<Container<S>>,
        action: &str,
        more: &[(&str, String)],
    ) {
        let (image, mut attributes) = container.with(|inner| {
            let record = &inner.record;
            let mut attributes: BTreeMap<String, String> =
                record.config.labels.clone().unwrap_or_default();
            if !record.config.image.is_empty() {
                attributes.insert("image".to_string(), record.config.image.clone());
            }
            attributes.insert("name".to_string(), record.name.clone());
            (record.config.image.clone(), attributes)
        });
        attributes.extend(
            more.iter()
                .map(|(key, value)| (key.to_string(), value.clone())),
        );
        let event = events::event(
            "container",
            action,
            &container.id,
            attributes,
            self.now(),
            &image,
        );
        self.shared.events.publish(event);
    }
}

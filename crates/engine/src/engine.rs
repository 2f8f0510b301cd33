//! The engine's state and its handles.

use crate::cgroups::Cgroups;
use crate::container::Container;
use crate::daemon::Host;
use crate::daemon::listen::GROUP;
use crate::error::{ApiError, Result};
use crate::events::Bus;
use crate::exec::Exec;
use crate::images::ImageStore;
use crate::names;
use futures_channel::oneshot;
use futures_util::FutureExt;
use glassdock_abi::types::{Clock, Timespec};
use glassdock_abi::{Errno, Fd, PathArg, Sys};
use glassdock_trace::{Args, Delta, Layer, Outcome, Trace};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A kernel that also writes the trace: what the engine runs on.
pub trait Kernel: Sys + Trace {}
impl<S: Sys + Trace> Kernel for S {}

/// Where the engine keeps things and which programs it starts.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens.
    pub hosts: Vec<Host>,
    /// Lasting state, moby's `--data-root`.
    pub root: String,
    /// State that ends with the machine, moby's `--exec-root`.
    pub run: String,
    /// The shim's executable.
    pub shim: String,
    /// The runtime helper's executable.
    pub runtime: String,
    /// Directory of archives whose images are loaded at the start.
    pub preload: Option<String>,
    /// File for the daemon's process id; absent for none.
    pub pid_file: Option<String>,
    /// Group that may use the unix sockets, where there is one of this name.
    pub group: String,
    /// From which level on things are told on standard error.
    pub log_level: LogLevel,
}

/// How much something that is told matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LogLevel {
    /// For who looks for an error in the engine.
    Debug,
    /// What it does.
    Info,
    /// What went wrong and was not asked for by anybody.
    Warn,
    /// What went wrong.
    Error,
    /// What ends it.
    Fatal,
}

impl LogLevel {
    /// Reads a level's name.
    ///
    /// # Errors
    /// Which names there are.
    pub fn parse(name: &str) -> Result<LogLevel, String> {
        Ok(match name {
            "debug" => LogLevel::Debug,
            "info" => LogLevel::Info,
            "warn" => LogLevel::Warn,
            "error" => LogLevel::Error,
            "fatal" => LogLevel::Fatal,
            _ => {
                return Err(format!(
                    "{name:?} is none of debug, info, warn, error, fatal"
                ));
            }
        })
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            hosts: vec![Host::Unix("/run/docker.sock".to_string())],
            root: "/var/lib/docker".to_string(),
            run: "/run/docker".to_string(),
            shim: "/usr/libexec/glassdock/shim".to_string(),
            runtime: "/usr/libexec/glassdock/runtime".to_string(),
            preload: None,
            pid_file: None,
            group: GROUP.to_string(),
            log_level: LogLevel::Warn,
        }
    }
}

/// What is known of the machine, read once at the start.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// Host name.
    pub hostname: String,
    /// Release of the kernel.
    pub kernel: String,
    /// `PRETTY_NAME` of `/etc/os-release`.
    pub system: String,
    /// `VERSION_ID` of `/etc/os-release`.
    pub system_version: String,
    /// Processors.
    pub cpus: i64,
    /// Memory in bytes.
    pub memory: i64,
    /// Whether system calls can be filtered.
    pub seccomp: bool,
    /// What control groups can do.
    pub cgroups: Cgroups,
    /// Whether a container can have a network namespace of its own.
    pub net_namespace: bool,
    /// Whether there are drivers of block devices, so that a device file could open a disk.
    pub block_devices: bool,
    /// Types of file systems that the kernel has.
    pub filesystems: Vec<String>,
}

/// State that requests share. No lock in it is held across a wait.
pub(crate) struct Shared<S: Kernel> {
    pub(crate) base: S,
    pub(crate) config: Config,
    pub(crate) facts: Facts,
    /// Stays the same over restarts.
    pub(crate) engine_id: String,
    pub(crate) images: ImageStore,
    pub(crate) events: Bus,
    /// Whether the daemon is about to end.
    shutting_down: AtomicBool,
    tables: Mutex<Tables<S>>,
}

/// Containers and executed processes.
pub(crate) struct Tables<S: Kernel> {
    pub(crate) containers: BTreeMap<String, Arc<Container<S>>>,
    /// Name without its slash → container.
    pub(crate) names: BTreeMap<String, String>,
    pub(crate) execs: BTreeMap<String, Arc<Exec<S>>>,
    /// Executed processes that were ever made.
    pub(crate) exec_count: u64,
}

/// A handle to the engine inside one operation: its calls and spans are the operation's.
pub struct Engine<S: Kernel> {
    pub(crate) shared: Arc<Shared<S>>,
    /// Makes the calls, as children of the operation's span.
    pub sys: S,
}

impl<S: Kernel> Clone for Engine<S> {
    fn clone(&self) -> Self {
        Engine {
            shared: self.shared.clone(),
            sys: self.sys.clone(),
        }
    }
}

/// Locks, whatever happened to others who did.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Closes a span exactly once: with what is said, or as cut short when nothing was.
struct SpanGuard<S: Kernel> {
    sys: S,
    closed: bool,
}

impl<S: Kernel> SpanGuard<S> {
    fn close(mut self, outcome: Outcome) {
        self.closed = true;
        self.sys.exit(outcome);
    }
}

impl<S: Kernel> Drop for SpanGuard<S> {
    fn drop(&mut self) {
        if !self.closed {
            self.sys.exit(Outcome::Cut);
        }
    }
}

impl<S: Kernel> Engine<S> {
    /// An engine with state read from disk.
    pub(crate) fn new(
        base: S,
        config: Config,
        facts: Facts,
        engine_id: String,
        images: ImageStore,
    ) -> Engine<S> {
        let tables = Tables {
            containers: BTreeMap::new(),
            names: BTreeMap::new(),
            execs: BTreeMap::new(),
            exec_count: 0,
        };
        let events = Bus::default();
        let sys = base.clone();
        let shared = Shared {
            base,
            config,
            facts,
            engine_id,
            images,
            events,
            shutting_down: AtomicBool::new(false),
            tables: Mutex::new(tables),
        };
        Engine {
            shared: Arc::new(shared),
            sys,
        }
    }

    /// From here on no container is started.
    pub(crate) fn begin_shutdown(&self) {
        self.shared.shutting_down.store(true, Ordering::Relaxed);
    }

    /// Whether the daemon is about to end.
    pub(crate) fn is_shutting_down(&self) -> bool {
        self.shared.shutting_down.load(Ordering::Relaxed)
    }

    /// The same engine inside another span.
    pub fn within(&self, sys: S) -> Engine<S> {
        Engine {
            shared: self.shared.clone(),
            sys,
        }
    }

    /// The engine outside any operation, for what goes on after the one that began it.
    pub(crate) fn background(&self) -> Engine<S> {
        self.within(self.shared.base.clone())
    }

    /// Runs an operation inside a span of its own.
    pub(crate) async fn traced<T, F>(
        &self,
        name: &'static str,
        args: Args,
        operation: impl FnOnce(Engine<S>) -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let sys = self.sys.enter(Layer::Engine, name, args);
        let guard = SpanGuard {
            sys: sys.clone(),
            closed: false,
        };
        let result = operation(self.within(sys)).await;
        guard.close(match &result {
            Ok(_) => Outcome::Ok,
            Err(error) => Outcome::Failed(error.message.clone()),
        });
        result
    }

    /// Runs an operation in a task of its own: to its end, also when whoever waits for it goes away (moby's
    /// `context.WithoutCancel`).
    ///
    /// # Errors
    /// 500 when the engine stops before.
    pub(crate) fn to_its_end<T, F>(
        &self,
        operation: F,
    ) -> impl Future<Output = Result<T>> + Send + 'static + use<T, F, S>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let (sender, result) = oneshot::channel();
        self.shared.base.apart(Box::pin(async move {
            let _ = sender.send(operation.await);
        }));
        let stopped = |_| Err(ApiError::system("the engine stopped"));
        result.map(move |result| result.unwrap_or_else(stopped))
    }

    /// Tells what went wrong without being an answer to anybody: on standard error, where moby logs.
    pub(crate) async fn warn(&self, what: String) {
        self.log(LogLevel::Warn, what).await;
    }

    /// Tells something on standard error, where its level is asked for.
    pub(crate) async fn log(&self, level: LogLevel, what: String) {
        if level < self.shared.config.log_level {
            return;
        }
        let line = format!("dockerd: {what}\n");
        let _ = glassdock_abi::files::write_all(&self.sys, Fd::STDERR, line.as_bytes()).await;
    }

    /// Tells a change of what the interface shows.
    pub(crate) fn delta(&self, delta: Delta) {
        self.sys.delta(delta);
    }

    /// The wall clock.
    pub fn now(&self) -> Timespec {
        self.sys.now(Clock::Realtime)
    }

    pub(crate) fn tables(&self) -> MutexGuard<'_, Tables<S>> {
        lock(&self.shared.tables)
    }

    /// A path below the engine's root.
    pub(crate) fn path(&self, below: &str) -> PathArg {
        PathArg::from(&self.shared.config.root).join(below)
    }

    /// The directory of a container's files.
    pub(crate) fn container_dir(&self, id: &str) -> PathArg {
        self.path("containers").join(id)
    }

    /// All containers, by id.
    pub(crate) fn containers(&self) -> Vec<Arc<Container<S>>> {
        self.tables().containers.values().cloned().collect()
    }

    /// Finds a container by id, name, or the beginning of an id.
    ///
    /// # Errors
    /// 404, or 400 where several ids begin so, with moby's texts (`daemon/container.go`, `container/view.go`).
    pub fn container(&self, given: &str) -> Result<Arc<Container<S>>> {
        if given.is_empty() {
            return Err(ApiError::invalid("invalid name or ID supplied: \"\""));
        }
        let tables = self.tables();
        let name = given.strip_prefix('/').unwrap_or(given);
        let exact = tables.containers.get(given);
        let named = || {
            tables
                .names
                .get(name)
                .and_then(|id| tables.containers.get(id))
        };
        if let Some(container) = exact.or_else(named) {
            return Ok(container.clone());
        }
        let from = given.to_string();
        let mut matching = tables
            .containers
            .range(from..)
            .take_while(|(id, _)| id.starts_with(given));
        match (matching.next(), matching.next()) {
            (Some((_, container)), None) => Ok(container.clone()),
            (Some(_), Some(_)) => Err(ApiError::invalid(format!(
                "multiple IDs found with provided prefix: {given}"
            ))),
            (None, _) => Err(ApiError::no_such_container(given)),
        }
    }

    /// Takes a name for a container: the given one, or a random one.
    pub(crate) async fn reserve_name(&self, id: &str, given: &str) -> Result<String> {
        if !given.is_empty() {
            let name = given.strip_prefix('/').unwrap_or(given);
            if !names::is_valid(name) {
                let allowed = names::ALLOWED;
                return Err(ApiError::invalid(format!(
                    "Invalid container name ({given}), only {allowed} are allowed"
                )));
            }
            let mut tables = self.tables();
            if let Some(other) = tables.names.get(name) {
                return Err(ApiError::conflict(format!(
                    "Conflict. The container name {:?} is already in use by container {other:?}. You have to remove \
                     (or rename) that container to be able to reuse that name.",
                    format!("/{name}")
                )));
            }
            tables.names.insert(name.to_string(), id.to_string());
            return Ok(name.to_string());
        }
        for attempt in 0..6 {
            let name = names::random_name(&self.sys, attempt)
                .await
                .map_err(system("getrandom"))?;
            let mut tables = self.tables();
            if let std::collections::btree_map::Entry::Vacant(free) =
                tables.names.entry(name.clone())
            {
                free.insert(id.to_string());
                return Ok(name);
            }
        }
        let name = names::short(id).to_string();
        self.tables().names.insert(name.clone(), id.to_string());
        Ok(name)
    }

    /// Ids of images that containers were made from.
    pub(crate) fn images_in_use(&self) -> BTreeSet<String> {
        self.containers()
            .iter()
            .map(|container| container.with(|inner| inner.record.image.clone()))
            .collect()
    }
}

/// For `map_err`: an errno of an operation of the engine's own.
pub(crate) fn system(what: impl std::fmt::Display) -> impl FnOnce(Errno) -> ApiError {
    move |errno| ApiError::system(format!("{what}: {}", glassdock_image::errno_text(errno)))
}

//! What clients read from and write to containers: `POST /containers/ID/attach`, `GET /containers/ID/logs`.

use super::Container;
use crate::engine::{Engine, Kernel, system};
use crate::error::{ApiError, Result};
use crate::streams::attach::{Left, Origin, Session};
use crate::streams::logs::{LogOptions, LogReader};
use glassdock_api::detach::{self, Detach};
use glassdock_http::Upgraded;
use glassdock_runtime::client::Streams;
use glassdock_trace::Args;
use std::sync::Arc;

/// What a client attaches to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AttachOptions {
    /// Sends input.
    pub stdin: bool,
    /// Wants standard output.
    pub stdout: bool,
    /// Wants standard error.
    pub stderr: bool,
    /// Wants what was logged, first.
    pub logs: bool,
    /// Wants what comes.
    pub stream: bool,
    /// Keys that detach.
    pub detach_keys: String,
}

impl<S: Kernel> Engine<S> {
    /// Attaches to a container, also to one that is yet to be started: nothing of its output will be missed.
    ///
    /// # Errors
    /// 404; 400 for keys that are none.
    pub(crate) async fn attach(
        &self,
        given: &str,
        options: AttachOptions,
    ) -> Result<(Session<S>, Arc<Container<S>>)> {
        self.traced(
            "container.attach",
            Args::text("container", given),
            |engine| async move {
                let keys = detach::parse(&options.detach_keys).map_err(|_| {
                    ApiError::invalid(format!(
                        "Invalid detach keys ({}) provided",
                        options.detach_keys
                    ))
                })?;
                let container = engine.container(given)?;
                if container.is_paused() {
                    return Err(ApiError::conflict(format!(
                        "container {given} is paused, unpause the container before attach"
                    )));
                }
                let (tty, open_stdin) = container
                    .with(|inner| (inner.record.config.tty, inner.record.config.open_stdin));
                let history = match options.logs {
                    true => Some(engine.history(&container, &options).await?),
                    false => None,
                };
                let stdin = options.stdin && open_stdin;
                let streams = Streams {
                    stdin,
                    stdout: options.stdout,
                    stderr: options.stderr,
                };
                let origin = match options.stream {
                    true => engine.origin(&container, streams).await?,
                    false => Origin::Nowhere,
                };
                engine.container_event(&container, "attach", &[]);
                let detach = tty.then(|| Detach::new(keys));
                Ok((
                    Session {
                        origin,
                        tty,
                        stdin,
                        detach,
                        history,
                        ended: None,
                    },
                    container,
                ))
            },
        )
        .await
    }

    async fn history(
        &self,
        container: &Container<S>,
        options: &AttachOptions,
    ) -> Result<(LogReader<S>, LogOptions)> {
        let path = container.with(|inner| inner.record.log_path.clone());
        let reader = LogReader::open(&self.sys, &path, None)
            .await
            .map_err(system("open log"))?;
        let wanted = LogOptions {
            stdout: options.stdout,
            stderr: options.stderr,
            ..LogOptions::default()
        };
        Ok((reader, wanted))
    }

    async fn origin(&self, container: &Container<S>, streams: Streams) -> Result<Origin<S>> {
        let shim = container.with(|inner| match &inner.shim {
            Some(shim) => Ok(shim.clone()),
            None => {
                let (waiting, origin) = Origin::later(streams);
                inner.attaching.retain(|other| !other.is_gone());
                inner.attaching.push(waiting);
                Err(origin)
            }
        });
        match shim {
            Ok(shim) => Ok(Origin::Running(shim.attach(None, streams).await?)),
            Err(origin) => Ok(origin),
        }
    }

    /// Runs a session on a client's connection, in a span of its own.
    pub(crate) async fn run_session(
        &self,
        session: Session<S>,
        container: Arc<Container<S>>,
        client: Upgraded<S>,
    ) {
        if session.run(client).await == Left::Keys {
            self.container_event(&container, "detach", &[]);
        }
    }

    /// Opens a container's log; tells whether the container has a terminal.
    ///
    /// # Errors
    /// 404; 409 for a container that is being removed; 501 for one that keeps no log.
    pub(crate) async fn logs(&self, given: &str, follow: bool) -> Result<(LogReader<S>, bool)> {
        let container = self.container(given)?;
        let (record, shim, leaving) = container.with(|inner| {
            (
                inner.record.clone(),
                inner.shim.clone(),
                inner.removing || inner.record.state.dead,
            )
        });
        if leaving {
            return Err(ApiError::conflict(
                "can not get logs from container which is dead or marked for removal",
            ));
        }
        if record.host.log_config.kind == "none" {
            return Err(ApiError::not_implemented(
                "configured logging driver does not support reading",
            ));
        }
        let watch = match shim.filter(|_| follow && record.state.running) {
            Some(shim) => shim.watch_log().await.ok(),
            None => None,
        };
        let reader = LogReader::open(&self.sys, &record.log_path, watch)
            .await
            .map_err(system("open log"))?;
        Ok((reader, record.config.tty))
    }
}

//! Signals: `POST /containers/ID/{kill,stop,restart}`, and the terminal's size (moby `daemon/{kill,stop,restart}.go`).

use super::{Container, not_running};
use crate::engine::{Engine, Kernel};
use crate::error::{ApiError, Result};
use crate::signals;
use glassdock_abi::types::signal;
use glassdock_trace::{Args, Value};
use std::sync::Arc;

const SECOND: u64 = 1_000_000_000;
/// Seconds from the signal of a stop to the kill, when nothing else is said.
const STOP_TIMEOUT: i64 = 10;
/// Nanoseconds that a killed container may take to end.
const KILL_PATIENCE: u64 = 10 * SECOND;

impl<S: Kernel> Engine<S> {
    /// Sends a signal; `KILL`, which is also the default, waits for the end.
    ///
    /// # Errors
    /// 400 for no signal, 404, 409 when it does not run.
    pub async fn kill_container(&self, given: &str, signal: &str) -> Result<()> {
        let args = Args::text("container", given).with("signal", Value::Text(signal.to_string()));
        self.traced("container.kill", args, |engine| async move {
            let number = if signal.is_empty() {
                signal::KILL
            } else {
                signals::parse(signal)?
            };
            let container = engine.container(given)?;
            if number == signal::KILL {
                return engine.kill(&container).await;
            }
            engine.send_signal(&container, number).await
        })
        .await
    }

    /// Kills, and waits for the end.
    pub(crate) async fn kill(&self, container: &Arc<Container<S>>) -> Result<()> {
        if !container.is_running() {
            return Err(not_running(&container.id));
        }
        self.send_signal(container, signal::KILL).await?;
        match self.wait_stopped(container, Some(KILL_PATIENCE)).await {
            true => Ok(()),
            false => Err(ApiError::system(
                "tried to kill container, but did not receive an exit event",
            )),
        }
    }

    async fn send_signal(&self, container: &Arc<Container<S>>, number: u8) -> Result<()> {
        let shim = container.running_shim()?;
        let last = container.with(|inner| {
            inner.record.has_been_manually_stopped = true;
            let own = signals::parse(&inner.record.config.stop_signal).unwrap_or(signal::TERM);
            number == signal::KILL || number == own
        });
        if let Err(error) = shim.kill(None, number).await {
            // It ended just now: its end is on its way.
            let over = matches!(
                error.kind,
                glassdock_runtime::ErrorKind::WrongState | glassdock_runtime::ErrorKind::ShimGone
            );
            if !over {
                return Err(ApiError::from(error)
                    .context(format_args!("Cannot kill container {}", container.id)));
            }
        }
        // What stands still takes no signal: the one that is to end it lets it go on.
        if last && container.is_paused() {
            shim.resume().await?;
            self.set_paused(container, false).await;
        }
        self.container_event(container, "kill", &[("signal", number.to_string())]);
        Ok(())
    }

    /// Asks a container to end, and kills it when it does not in time. `timeout` in seconds; negative waits for ever.
    ///
    /// # Errors
    /// 304 when it does not run.
    pub async fn stop_container(
        &self,
        given: &str,
        signal: &str,
        timeout: Option<i64>,
    ) -> Result<()> {
        let args = Args::text("container", given);
        self.traced("container.stop", args, |engine| async move {
            let container = engine.container(given)?;
            if !container.is_running() {
                return Err(ApiError::not_modified("container is already stopped"));
            }
            let stopped = engine.stop(&container, signal, timeout).await;
            stopped.map_err(|error| error.context(format_args!("cannot stop container: {given}")))
        })
        .await
    }

    pub(crate) async fn stop(
        &self,
        container: &Arc<Container<S>>,
        signal: &str,
        timeout: Option<i64>,
    ) -> Result<()> {
        if !container.is_running() {
            return Ok(());
        }
        let (own_signal, own_timeout) = container.with(|inner| {
            (
                inner.record.config.stop_signal.clone(),
                inner.record.config.stop_timeout,
            )
        });
        let name = if signal.is_empty() {
            own_signal
        } else {
            signal.to_string()
        };
        let number = if name.is_empty() {
            signal::TERM
        } else {
            signals::parse(&name)?
        };
        let seconds = timeout.or(own_timeout).unwrap_or(STOP_TIMEOUT);
        let patience = u64::try_from(seconds)
            .ok()
            .map(|seconds| seconds.saturating_mul(SECOND));
        let sent = self.send_signal(container, number).await;
        // A signal that could not be sent shortens the wait.
        let patience = if sent.is_err() {
            Some(2 * SECOND)
        } else {
            patience
        };
        if !self.wait_stopped(container, patience).await {
            match self.kill(container).await {
                Err(error) if container.is_running() => return Err(error),
                _ => {}
            }
        }
        self.container_event(container, "stop", &[]);
        Ok(())
    }

    /// Stops where it runs, and starts.
    pub async fn restart_container(
        &self,
        given: &str,
        signal: &str,
        timeout: Option<i64>,
    ) -> Result<()> {
        self.traced(
            "container.restart",
            Args::text("container", given),
            |engine| async move {
                let container = engine.container(given)?;
                let restart = async {
                    // What would remove it at its end must not, now.
                    container.with(|inner| inner.restarting += 1);
                    let stopped = engine.stop(&container, signal, timeout).await;
                    container.with(|inner| inner.restarting -= 1);
                    stopped?;
                    engine.start(&container).await
                };
                restart.await.map_err(|error| {
                    error.context(format_args!("Cannot restart container {given}"))
                })?;
                engine.container_event(&container, "restart", &[]);
                Ok(())
            },
        )
        .await
    }

    /// Changes the size of a container's terminal.
    pub async fn resize_container(&self, given: &str, rows: u16, cols: u16) -> Result<()> {
        let container = self.container(given)?;
        container.running_shim()?.resize(None, rows, cols).await?;
        let attributes = [("height", rows.to_string()), ("width", cols.to_string())];
        self.container_event(&container, "resize", &attributes);
        Ok(())
    }
}

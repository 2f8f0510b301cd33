//! `DELETE /containers/ID`, and a new name (moby `daemon/{delete,rename}.go`).

use super::Container;
use crate::engine::{Engine, Kernel};
use crate::error::{ApiError, Result};
use glassdock_image::fs;
use glassdock_trace::{Args, Value};
use std::sync::Arc;

/// Seconds that a container has to end before it is killed for its removal.
const STOP_TIMEOUT: i64 = 3;

impl<S: Kernel> Engine<S> {
    /// Removes a container; `force` kills it first.
    ///
    /// # Errors
    /// 404; 409 when it runs, or when it is being removed already.
    pub async fn remove_container(&self, given: &str, force: bool) -> Result<()> {
        let args = Args::text("container", given).with("force", Value::Int(force.into()));
        self.traced("container.remove", args, |engine| async move {
            let container = engine.container(given)?;
            if container.with(|inner| inner.removing) {
                return Err(ApiError::conflict(format!(
                    "removal of container {given} is already in progress"
                )));
            }
            let removed = engine.remove(&container, force).await;
            removed
                .map_err(|error| error.context(format_args!("cannot remove container {given:?}")))
        })
        .await
    }

    /// Removes, once; a second one at the same time does nothing.
    pub(crate) async fn remove(&self, container: &Arc<Container<S>>, force: bool) -> Result<()> {
        if self.change(container, |inner| {
            inner.removed || core::mem::replace(&mut inner.removing, true)
        }) {
            return Ok(());
        }
        let result = self.take_away(container, force).await;
        if let Err(error) = &result {
            self.change(container, |inner| inner.removing = false);
            if container.with(|inner| inner.record.state.dead) {
                let ended =
                    container.with(|inner| (inner.record.state.exit_code, error.message.clone()));
                container.with(|inner| inner.waiters.removed(&ended));
            }
        }
        result
    }

    async fn take_away(&self, container: &Arc<Container<S>>, force: bool) -> Result<()> {
        if container.is_running() {
            if !force && container.is_paused() {
                return Err(ApiError::conflict(
                    "container is paused and must be unpaused first",
                ));
            }
            if !force {
                return Err(ApiError::conflict(
                    "container is running: stop the container before removing or force remove",
                ));
            }
            match self.kill(container).await {
                Err(error) if container.is_running() => {
                    return Err(error.context("could not kill container"));
                }
                _ => {}
            }
            self.stop(container, "", Some(STOP_TIMEOUT)).await?;
        }
        let _changing = container.changing.lock().await;
        // A crash from here on leaves a container that is dead, not one that is half there.
        self.change(container, |inner| {
            inner.record.state.dead = true;
            inner.attaching.clear();
        });
        // Where nothing can be written, removing is what makes room.
        self.keep(container).await;
        let layers = container.with(|inner| inner.layers.clone());
        self.clean_up(container).await;
        self.remove_rw_layer(&container.id, &layers).await?;
        let dir = self.container_dir(&container.id);
        fs::remove_path(&self.sys, &dir)
            .await
            .map_err(|error| ApiError::system(format!("unable to remove filesystem: {error}")))?;
        let name = container.with(|inner| inner.record.name.clone());
        {
            let mut tables = self.tables();
            tables.containers.remove(&container.id);
            tables.names.remove(&name);
            tables
                .execs
                .retain(|_, exec| exec.container != container.id);
        }
        if let Err(error) = self.release_layers(layers.parent).await {
            self.warn(format!("remove the layers of {}: {error}", container.id))
                .await;
        }
        self.container_event(container, "destroy", &[]);
        self.change(container, |inner| inner.removed = true);
        // That it could not be started, if so, the start has told; its removal went well.
        container.with(|inner| {
            let ended = (inner.record.state.exit_code, String::new());
            inner.waiters.removed(&ended);
        });
        Ok(())
    }

    /// Gives a container another name.
    ///
    /// # Errors
    /// 400 for a wrong name, 409 for one that is taken or its own.
    pub async fn rename_container(&self, given: &str, new: &str) -> Result<()> {
        let args = Args::text("container", given).with("name", Value::Text(new.to_string()));
        self.traced("container.rename", args, |engine| async move {
            if given.is_empty() || new.is_empty() {
                return Err(ApiError::invalid("Neither old nor new names may be empty"));
            }
            let container = engine.container(given)?;
            let _changing = container.changing.lock().await;
            let old = container.with(|inner| inner.record.name.clone());
            if old == new.strip_prefix('/').unwrap_or(new) {
                return Err(ApiError::invalid(
                    "Renaming a container with the same name as its current name",
                ));
            }
            let name = match engine.reserve_name(&container.id, new).await {
                Ok(name) => name,
                Err(error) => return Err(error.context("Error when allocating new name")),
            };
            engine.change(&container, |inner| inner.record.name.clone_from(&name));
            if let Err(error) = engine.save(&container).await {
                engine.change(&container, |inner| inner.record.name = old);
                engine.tables().names.remove(&name);
                return Err(error);
            }
            engine.tables().names.remove(&old);
            engine.container_event(&container, "rename", &[("oldName", format!("/{old}"))]);
            Ok(())
        })
        .await
    }
}

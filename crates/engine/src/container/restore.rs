//! Containers read back from disk at the start; those that still run are taken up again.

use super::record::{Record, RunState};
use super::{Container, RwLayer};
use crate::engine::{Engine, Kernel};
use crate::error::{ApiError, Result};
use crate::images::{names_in, restore_text};
use glassdock_abi::PathArg;
use glassdock_abi::types::Timespec;
use glassdock_image::fs;
use glassdock_oci::runtime::Status;
use glassdock_runtime::client::Shim;
use glassdock_runtime::proto::{Exit, Report};
use glassdock_runtime::{ErrorKind, RuntimeError};
use std::sync::Arc;

/// Times that a shim which could not be talked to is asked, and nanoseconds between them.
const ATTEMPTS: u32 = 20;
const PAUSE: u64 = 100_000_000;

/// Reads all containers and takes up those that run. Whether all could be read: one that cannot be is told and left
/// alone (moby `daemon.go`, `restore`).
pub(crate) async fn restore_all<S: Kernel>(engine: &Engine<S>) -> Result<bool> {
    let dir = engine.path("containers");
    fs::create_dir_all(&engine.sys, &dir, 0o710).await?;
    let mut whole = true;
    for id in names_in(&engine.sys, &dir).await? {
        match read(engine, &id).await {
            Ok(Some(container)) => {
                let name = container.with(|inner| inner.record.name.clone());
                let mut tables = engine.tables();
                tables.names.insert(name, id.clone());
                tables.containers.insert(id, container);
            }
            // Its creation was cut short, or its removal.
            Ok(None) => fs::remove_path(&engine.sys, &dir.join(&id)).await?,
            Err(error) => {
                whole = false;
                let told = format!("failed to load container {id}: {error}");
                engine.warn(told).await;
            }
        }
    }
    for container in engine.containers() {
        take_up(engine, &container).await;
        engine.announce(&container);
    }
    Ok(whole)
}

/// Reads a container; nothing where not all of it was made, or little of it is left.
///
/// # Errors
/// 500 for what cannot be read, or is damaged.
async fn read<S: Kernel>(engine: &Engine<S>, id: &str) -> Result<Option<Arc<Container<S>>>> {
    let text = async |path: PathArg| restore_text(&engine.sys, &path).await;
    let dir = engine.container_dir(id);
    let Some(config) = text(dir.join("config.v2.json")).await? else {
        return Ok(None);
    };
    let host = text(dir.join("hostconfig.json")).await?;
    let record = Record::read(&config, host.as_deref())?;
    if record.id != id {
        return Err(ApiError::system(format!(
            "its record is of {:?}",
            record.id
        )));
    }
    let mounts = engine.image_path("layerdb/mounts").join(id);
    let mount_id = text(mounts.join("mount-id")).await?.unwrap_or_default();
    if mount_id.is_empty() {
        return match record.state.dead {
            true => Ok(None),
            false => Err(ApiError::system("it has no writable layer")),
        };
    }
    let link = async |id: &str| {
        let link = text(engine.overlay_path(id).join("link")).await?;
        Ok::<_, ApiError>(link.unwrap_or_default())
    };
    let parent = text(mounts.join("parent")).await?;
    let layers = RwLayer {
        link: link(&mount_id).await?,
        init_link: link(&format!("{mount_id}-init")).await?,
        parent: parent.and_then(|parent| parent.parse().ok()),
        mount_id,
    };
    Ok(Some(Arc::new(Container::new(record, layers))))
}

/// The shim of a container and what it knows; nothing when there is none.
///
/// # Errors
/// Those of a shim that may well live, but could not be talked to.
async fn shim_of<S: Kernel>(
    engine: &Engine<S>,
    id: &str,
) -> Result<Option<(Shim<S>, Report)>, RuntimeError> {
    let dir = engine.state_dir(id).to_string();
    let mut attempt = 1;
    loop {
        match Shim::reconnect(&engine.sys, &dir).await {
            Ok(found) => return Ok(Some(found)),
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            Err(error) if attempt >= ATTEMPTS => return Err(error),
            Err(_) => engine.sys.sleep(PAUSE).await,
        }
        attempt += 1;
    }
}

/// Finds out what became of a container while no engine looked.
async fn take_up<S: Kernel>(engine: &Engine<S>, container: &Arc<Container<S>>) {
    let state = container.with(|inner| inner.record.state.clone());
    match shim_of(engine, &container.id).await {
        Ok(Some((shim, report))) if goes_on(&state, &report) => {
            return go_on(engine, container, shim, report).await;
        }
        // A start was cut short between making and running it; or its end is kept, and the rest of it was cut short.
        Ok(Some((shim, _))) => engine.discard(container, &shim).await,
        // The machine was restarted, or a start was cut short before there was a shim: a directory is left at most.
        Ok(None) => {
            let _ = fs::remove_path(&engine.sys, &engine.state_dir(&container.id)).await;
        }
        Err(error) => {
            let told = format!("take up container {}: {error}", container.id);
            return engine.warn(told).await;
        }
    }
    if state.running {
        let now = engine.now();
        container.with(|inner| {
            let state = &mut inner.record.state;
            (state.running, state.pid, state.exit_code, state.finished_at) =
                (false, 0, 255, Some(now));
        });
        engine.keep(container).await;
    }
    let merged = container.with(|inner| engine.rootfs(&inner.layers));
    if let Err(error) = engine.unmount_all(&merged).await {
        engine.warn(error.message).await;
    }
    engine.clean_up(container).await;
    // With moby, too, it need not have run to be removed (`daemon.go`, `restore`).
    if state.dead || container.with(|inner| inner.record.host.auto_remove) {
        let _ = engine.remove(container, true).await;
    }
}

/// Whether a run goes on, or its end is yet to be entered.
fn goes_on(state: &RunState, report: &Report) -> bool {
    let entered = |exit: Exit| state.finished_at == Some(Timespec::from_nanos(exit.at));
    match report.status {
        Status::Creating | Status::Created => false,
        Status::Stopped => state.running || report.exit.is_some_and(|exit| !entered(exit)),
        _ => true,
    }
}

/// Takes a run up.
async fn go_on<S: Kernel>(
    engine: &Engine<S>,
    container: &Arc<Container<S>>,
    shim: Shim<S>,
    report: Report,
) {
    let now = engine.now();
    let ended = report.exit.map(|exit| Timespec::from_nanos(exit.at));
    let paused = report.exit.is_none() && shim.is_paused().await;
    let known = container.with(|inner| {
        let state = &mut inner.record.state;
        let known = core::mem::replace(&mut state.running, true);
        if !known {
            // Its start was cut short just before it was kept.
            state.started_at = Some(ended.unwrap_or(now));
            inner.record.has_been_started_before = true;
        }
        state.paused = paused;
        if report.pid > 0 {
            state.pid = report.pid;
        }
        inner.shim = Some(shim.clone());
        known
    });
    if !known {
        engine.keep(container).await;
    }
    engine.watch_exit(container.clone(), shim);
}

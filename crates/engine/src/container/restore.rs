//! Containers read back from disk at the start; those that still run are taken up again.

use super::record::Record;
use super::{Container, RwLayer};
use crate::engine::{Engine, Kernel};
use crate::error::Result;
use crate::images::restore_text;
use glassdock_abi::PathArg;
use glassdock_image::fs;
use glassdock_oci::runtime::Status;
use glassdock_runtime::client::Shim;
use std::sync::Arc;

/// Largest document of a container in bytes.
const MAX_DOCUMENT: u64 = 16 << 20;

/// Reads all containers and takes up those that run.
pub(crate) async fn restore_all<S: Kernel>(engine: &Engine<S>) -> Result<()> {
    let dir = engine.path("containers");
    fs::create_dir_all(&engine.sys, &dir, 0o710).await?;
    let open = fs::open_dir(&engine.sys, &dir).await?;
    let mut ids: Vec<String> = Vec::new();
    for (name, _) in fs::list(&engine.sys, open.fd()).await? {
        ids.extend(String::from_utf8(name).ok());
    }
    drop(open);
    ids.sort();
    for id in ids {
        match read(engine, &id).await? {
            Some(container) => {
                engine.tables().names.insert(
                    container.with(|inner| inner.record.name.clone()),
                    id.clone(),
                );
                engine.tables().containers.insert(id, container);
            }
            // Its creation was cut short.
            None => fs::remove_path(&engine.sys, &dir.join(&id)).await?,
        }
    }
    for container in engine.containers() {
        take_up(engine, &container).await;
        engine.announce(&container);
    }
    Ok(())
}

async fn read<S: Kernel>(engine: &Engine<S>, id: &str) -> Result<Option<Arc<Container<S>>>> {
    let dir = engine.container_dir(id);
    let config = fs::read_file(&engine.sys, &dir.join("config.v2.json"), MAX_DOCUMENT).await;
    let host = fs::read_file(&engine.sys, &dir.join("hostconfig.json"), MAX_DOCUMENT).await;
    let (Ok(config), Ok(host)) = (config, host) else {
        return Ok(None);
    };
    let Ok(record) = Record::read(&config, &host) else {
        return Ok(None);
    };
    let mounts = engine.image_path("layerdb/mounts").join(id);
    let text = async |path: PathArg| {
        restore_text(&engine.sys, &path)
            .await
            .map(Option::unwrap_or_default)
    };
    let mount_id = text(mounts.join("mount-id")).await?;
    if record.id != id || mount_id.is_empty() {
        return Ok(None);
    }
    let layers = RwLayer {
        link: text(engine.overlay_path(&mount_id).join("link")).await?,
        init_link: text(
            engine
                .overlay_path(&format!("{mount_id}-init"))
                .join("link"),
        )
        .await?,
        parent: text(mounts.join("parent")).await?.parse().ok(),
        mount_id,
    };
    Ok(Some(Arc::new(Container::new(record, layers))))
}

/// Finds out what became of a container while no engine looked.
async fn take_up<S: Kernel>(engine: &Engine<S>, container: &Arc<Container<S>>) {
    let (running, dead) =
        container.with(|inner| (inner.record.state.running, inner.record.state.dead));
    let dir = PathArg::from(&engine.shared.config.run)
        .join("runtime")
        .join(&container.id)
        .to_string();
    match Shim::reconnect(&engine.sys, &dir).await {
        // It goes on, or its end is about to be told.
        Ok((shim, report)) if report.status == Status::Running || running => {
            container.with(|inner| {
                let state = &mut inner.record.state;
                state.running = true;
                state.pid = if report.pid > 0 {
                    report.pid
                } else {
                    state.pid
                };
                inner.shim = Some(shim.clone());
            });
            engine.watch_exit(container.clone(), shim);
            return;
        }
        // A start was cut short between making and running it.
        Ok((shim, _)) => {
            let _ = shim.kill(None, glassdock_abi::types::signal::KILL).await;
            let _ = shim.delete().await;
            engine.clean_up(container).await;
        }
        Err(_) if running => {
            // The machine was restarted: nothing of it is left.
            engine.clean_up(container).await;
            let now = engine.now();
            container.with(|inner| {
                let state = &mut inner.record.state;
                (state.running, state.pid, state.exit_code, state.finished_at) =
                    (false, 0, 255, Some(now));
            });
            let _ = engine.save(container).await;
        }
        Err(_) => {}
    }
    let auto_remove = container
        .with(|inner| inner.record.host.auto_remove && inner.record.has_been_started_before);
    if dead || auto_remove {
        let _ = engine.remove(container, true).await;
    }
}

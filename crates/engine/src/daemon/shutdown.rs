//! The daemon's end: every container is stopped, and what is under way comes to its end first (moby `daemon.Shutdown`).

use crate::container::{Condition, Container};
use crate::engine::{Engine, Kernel};
use futures_util::future::{join_all, select};
use std::sync::Arc;

/// Seconds that containers have to end when the engine does (moby's `--shutdown-timeout`).
const STOP_TIMEOUT: i64 = 15;
/// Nanoseconds after which the engine ends without a container that is still busy: longer than its stop may take, with the kill
/// that may follow.
const PATIENCE: u64 = 30_000_000_000;

/// Stops all containers, all at once, and waits until what follows an end is done. From here on none is started, and in
/// the end none is made.
pub(super) async fn shut_down<S: Kernel>(engine: &Engine<S>) {
    engine.begin_shutdown();
    let rest = async {
        let containers = engine.containers();
        join_all(containers.iter().map(|container| stop(engine, container))).await;
        // Layers are made in mounts, which are not to be left. The lock is never given back: nothing is begun after this.
        core::mem::forget(engine.shared.images.writing.lock().await);
    };
    select(Box::pin(rest), Box::pin(engine.sys.sleep(PATIENCE))).await;
}

async fn stop<S: Kernel>(engine: &Engine<S>, container: &Arc<Container<S>>) {
    // A start that is under way: it runs only then.
    drop(container.changing.lock().await);
    let removed = engine.begin_wait(container, Condition::Removed);
    let goes_with_it =
        container.is_running() && container.with(|inner| inner.record.host.auto_remove);
    if let Err(error) = engine.stop(container, "", Some(STOP_TIMEOUT)).await {
        let id = &container.id;
        return engine.warn(format!("stop {id}: {}", error.message)).await;
    }
    // Its mounts and its shim go after whoever waited has been told.
    drop(container.changing.lock().await);
    if goes_with_it {
        let _ = removed.await;
    }
}

//! The daemon's end: every container is stopped, and what is under way comes to its end first (moby `daemon.Shutdown`).

use crate::container::{Condition, Container};
use crate::engine::{Engine, Kernel};
use futures_util::future::{join_all, select};
use std::sync::Arc;

/// Seconds that the stops of all containers have at least (moby's `--shutdown-timeout`).
const STOP_TIMEOUT: i64 = 15;
/// Seconds more, for the kill that may follow and what comes after an end.
const MORE: i64 = 15;

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
    match patience(engine) {
        None => rest.await,
        Some(nanos) => drop(select(Box::pin(rest), Box::pin(engine.sys.sleep(nanos))).await),
    }
}

/// Nanoseconds after which the engine ends without a container that is still busy: longer than any stop may take. None where one
/// may take for ever (moby `daemon.ShutdownTimeout`).
fn patience<S: Kernel>(engine: &Engine<S>) -> Option<u64> {
    let containers = engine.containers();
    let mut own = containers
        .iter()
        .filter_map(|container| container.with(|inner| inner.record.config.stop_timeout));
    let longest = own.try_fold(STOP_TIMEOUT, |longest, own| {
        (own >= 0).then(|| longest.max(own))
    });
    let seconds = u64::try_from(longest?.saturating_add(MORE)).unwrap_or(0);
    Some(seconds.saturating_mul(1_000_000_000))
}

async fn stop<S: Kernel>(engine: &Engine<S>, container: &Arc<Container<S>>) {
    // A start that is under way: it runs only then.
    drop(container.changing.lock().await);
    let removed = engine.begin_wait(container, Condition::Removed);
    let goes_with_it =
        container.is_running() && container.with(|inner| inner.record.host.auto_remove);
    if let Err(error) = engine.stop(container, "", None).await {
        let id = &container.id;
        return engine.warn(format!("stop {id}: {}", error.message)).await;
    }
    // Its mounts and its shim go after whoever waited has been told.
    drop(container.changing.lock().await);
    if goes_with_it {
        let _ = removed.await;
    }
}

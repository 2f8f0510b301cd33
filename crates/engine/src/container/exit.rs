//! What follows a container's end (moby `daemon/monitor.go`).

use super::Container;
use crate::engine::{Engine, Kernel};
use crate::time;
use glassdock_abi::types::Timespec;
use glassdock_runtime::client::Shim;
use glassdock_runtime::proto::Exit;
use glassdock_trace::Args;
use std::sync::Arc;

/// What is told when a shim ended without a record: killed.
const LOST_EXIT_CODE: i32 = 137;

impl<S: Kernel> Engine<S> {
    /// Waits, beside everything else, for the container's end, and does what follows it.
    pub(crate) fn watch_exit(&self, container: Arc<Container<S>>, shim: Shim<S>) {
        let engine = self.background();
        self.shared.base.task(Box::pin(async move {
            let exit = shim.wait(None).await.ok();
            let args = Args::text("container", &container.id);
            let _ = engine
                .traced("container.exit", args, |engine| async move {
                    engine.ended(&container, &shim, exit).await;
                    Ok(())
                })
                .await;
        }));
    }

    /// Enters an end: the shim and the mounts go, the state is kept, and whoever waits is told.
    pub(crate) async fn ended(
        &self,
        container: &Arc<Container<S>>,
        shim: &Shim<S>,
        exit: Option<Exit>,
    ) {
        let now = self.now();
        let code = exit.map_or(LOST_EXIT_CODE, |exit| i32::from(exit.code));
        let finished = exit.map_or(now, |exit| Timespec::from_nanos(exit.at));
        let _ = shim.delete().await;
        self.clean_up(container).await;
        let started = container.with(|inner| inner.record.state.started_at);
        self.end_execs(container);
        self.change(container, |inner| {
            let state = &mut inner.record.state;
            (state.running, state.pid, state.exit_code, state.finished_at) =
                (false, 0, code, Some(finished));
            inner.shim = None;
        });
        let _ = self.save(container).await;
        let duration = started.map_or(0, |started| time::seconds_since(finished, started));
        let attributes = [
            ("exitCode", code.to_string()),
            ("execDuration", duration.to_string()),
        ];
        self.container_event(container, "die", &attributes);
        // Who waits for the end hears of it when all of it is written.
        container.with(|inner| inner.waiters.stopped(&(code, String::new())));
        if container.with(|inner| inner.record.host.auto_remove) {
            let _ = self.remove(container, true).await;
        }
    }
}

//! What follows a container's end (moby `daemon/monitor.go`).

use super::Container;
use crate::engine::{Engine, Kernel};
use crate::time;
use glassdock_abi::types::Timespec;
use glassdock_runtime::ErrorKind;
use glassdock_runtime::client::Shim;
use glassdock_runtime::proto::Exit;
use glassdock_trace::Args;
use std::sync::Arc;

/// Nanoseconds before a shim that could not be talked to is asked again: the first time, and at most.
const FIRST_PAUSE: u64 = 100_000_000;
const LONGEST_PAUSE: u64 = 5_000_000_000;
/// What is told when a shim ended without a record: killed.
const LOST_EXIT_CODE: i32 = 137;

impl<S: Kernel> Engine<S> {
    /// Waits, beside everything else, for the container's end, and does what follows it.
    pub(crate) fn watch_exit(&self, container: Arc<Container<S>>, shim: Shim<S>) {
        let engine = self.background();
        self.shared.base.task(Box::pin(async move {
            let exit = engine.exit_of(&shim, None).await;
            let base = engine.shared.base.clone();
            base.apart(Box::pin(async move {
                let args = Args::text("container", &container.id);
                let ended = |engine: Engine<S>| async move {
                    engine.ended(&container, &shim, exit).await;
                    Ok(())
                };
                let _ = engine.traced("container.exit", args, ended).await;
            }));
        }));
    }

    /// Waits for the end of a process; nothing when its shim ended without a record. A shim that only could not be
    /// talked to may well live, so it is asked again.
    pub(crate) async fn exit_of(&self, shim: &Shim<S>, exec: Option<&str>) -> Option<Exit> {
        let mut pause = FIRST_PAUSE;
        loop {
            match shim.wait(exec).await {
                Ok(exit) => return Some(exit),
                Err(error) if matches!(error.kind, ErrorKind::ShimGone | ErrorKind::NotFound) => {
                    return None;
                }
                Err(_) => self.sys.sleep(pause).await,
            }
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    /// Enters an end: the mounts and the shim go, the state is kept, and whoever waits is told.
    pub(crate) async fn ended(
        &self,
        container: &Arc<Container<S>>,
        shim: &Shim<S>,
        exit: Option<Exit>,
    ) {
        let now = self.now();
        let code = exit.map_or(LOST_EXIT_CODE, |exit| i32::from(exit.code));
        let finished = exit.map_or(now, |exit| Timespec::from_nanos(exit.at));
        let out_of_memory = exit.is_some_and(|exit| exit.out_of_memory);
        let changing = container.changing.lock().await;
        if out_of_memory {
            self.container_event(container, "oom", &[]);
        }
        self.clean_up(container).await;
        let started = container.with(|inner| inner.record.state.started_at);
        self.end_execs(container);
        let remove = self.change(container, |inner| {
            let state = &mut inner.record.state;
            (state.running, state.pid, state.exit_code, state.finished_at) =
                (false, 0, code, Some(finished));
            (state.paused, state.oom_killed) = (false, out_of_memory);
            inner.shim = None;
            inner.record.host.auto_remove && inner.restarting == 0
        });
        self.keep(container).await;
        // Last: until the end is kept, the shim's record of it is the only one.
        if let Err(error) = shim.delete().await {
            self.warn(format!("remove the shim of {}: {error}", container.id))
                .await;
        }
        let duration = started.map_or(0, |started| time::seconds_since(finished, started));
        let attributes = [
            ("exitCode", code.to_string()),
            ("execDuration", duration.to_string()),
        ];
        self.container_event(container, "die", &attributes);
        // Who waits for the end hears of it when all of it is written.
        container.with(|inner| inner.waiters.stopped(&(code, String::new())));
        drop(changing);
        if remove {
            let _ = self.remove(container, true).await;
        }
    }
}

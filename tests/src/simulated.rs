//! Running busybox scripts, and what else tests do, on the simulated kernel.

use crate::surroundings::{self, Stage};
use crate::userland::Outcome;
use anyhow::{Context, Result, bail};
use glassdock_abi::BoxFuture;
use glassdock_abi::types::Timespec;
use glassdock_kernel::{Config, ImportMeta, ImportNode, Kernel, Limits, RunState, Task};
use glassdock_trace::Event;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

/// Instructions of one slice.
const SLICE: u64 = 1_000_000;
/// Slices that a script may take.
const SLICES_MAX: u32 = 20_000;

/// Who is told what a machine does.
pub type Watch<'a> = Box<dyn FnMut(Event) + 'a>;

/// A machine with the system mounts and an empty directory `/box`.
fn machine(record: bool) -> Result<Kernel> {
    let mut config = Config::default();
    config.trace.record = record;
    let mtime = Timespec::from_nanos(config.boot_time);
    let mut kernel = Kernel::new(config);
    let meta = ImportMeta {
        mode: 0o755,
        uid: 0,
        gid: 0,
        mtime,
    };
    for dir in ["proc", "sys", "dev", "run", "tmp", "box"] {
        kernel
            .import(dir.as_bytes(), &meta, ImportNode::Directory)
            .with_context(|| format!("making /{dir}"))?;
    }
    kernel.mount_system().context("mounting what a host has")?;
    Ok(kernel)
}

/// Runs a script on a new machine.
///
/// # Errors
/// Where the surroundings cannot be made, or the script comes to no end.
pub fn run(stage: Stage) -> Result<Outcome> {
    let start = |task, place| surroundings::run(task, Stage { place, ..stage });
    boot(start)?.context("making the surroundings")
}

/// The same, telling all that happens.
///
/// # Errors
/// Those of [`run`].
pub fn run_watched(stage: Stage, watch: Watch<'_>) -> Result<Outcome> {
    let start = |task, place| surroundings::run(task, Stage { place, ..stage });
    go(machine(true)?, start, watch)?.context("making the surroundings")
}

/// Runs a function as the first process of a new machine; it gets its kernel and a directory to mount at.
///
/// # Errors
/// Where it comes to no end.
pub fn boot<T, F>(start: impl FnOnce(Task, String) -> F) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    go(machine(false)?, start, Box::new(|_| {}))
}

fn go<T, F>(
    mut kernel: Kernel,
    start: impl FnOnce(Task, String) -> F,
    mut watch: Watch<'_>,
) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let result = Arc::new(Mutex::new(None));
    let yielded = Arc::clone(&result);
    let first = |task| -> BoxFuture<'static, u8> {
        let future = start(task, "/box".into());
        Box::pin(async move {
            let value = future.await;
            *yielded.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
            0
        })
    };
    kernel.boot_with(first).context("booting")?;
    let mut told = 0;
    for _ in 0..SLICES_MAX {
        let state = kernel.run(Limits::jumping(SLICE));
        for (number, event) in kernel.tracer().read(told, usize::MAX) {
            told = number + 1;
            watch(event);
        }
        match state {
            RunState::Busy => {}
            RunState::Halted => {
                let value = result.lock().unwrap_or_else(PoisonError::into_inner).take();
                return value.context("the first process ended early");
            }
            RunState::Idle(_) => bail!("all processes wait for ever"),
        }
    }
    bail!("more than {} instructions", SLICE * u64::from(SLICES_MAX))
}

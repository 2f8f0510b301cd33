//! Running busybox scripts on the simulated kernel.

use crate::surroundings::{self, Stage};
use crate::userland::Outcome;
use anyhow::{Context, Result, bail};
use glassdock_abi::types::Timespec;
use glassdock_kernel::{Config, ImportMeta, ImportNode, Kernel, Limits, RunState};
use glassdock_trace::Event;
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
    go(machine(false)?, stage, Box::new(|_| {}))
}

/// The same, telling all that happens.
///
/// # Errors
/// Those of [`run`].
pub fn run_watched(stage: Stage, watch: Watch<'_>) -> Result<Outcome> {
    go(machine(true)?, stage, watch)
}

fn go(mut kernel: Kernel, mut stage: Stage, mut watch: Watch<'_>) -> Result<Outcome> {
    stage.place = "/box".into();
    let result = Arc::new(Mutex::new(None));
    let yielded = Arc::clone(&result);
    kernel
        .boot_with(move |task| {
            Box::pin(async move {
                let outcome = surroundings::run(task, stage).await;
                *yielded.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
                0
            })
        })
        .context("booting")?;
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
                let outcome = result.lock().unwrap_or_else(PoisonError::into_inner).take();
                return outcome
                    .context("the first process ended early")?
                    .context("making the surroundings");
            }
            RunState::Idle(_) => bail!("all processes wait for ever"),
        }
    }
    bail!("more than {} instructions", SLICE * u64::from(SLICES_MAX))
}

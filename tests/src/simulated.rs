//! Running busybox scripts, and what else tests do, on the simulated kernel.

use crate::surroundings::{self, Stage};
use crate::userland::Outcome;
use anyhow::{Context, Result};
use glassdock_kernel::{Config, ImportNode, Kernel, Task, testing};
use glassdock_trace::Event;
use std::future::Future;

/// Slices that a script may take.
const SLICES_MAX: u32 = 2_000;

/// Who is told what a machine does.
pub type Watch<'a> = Box<dyn FnMut(Event) + 'a>;

/// A machine with the system mounts and an empty directory `/box`.
fn machine(record: bool) -> Kernel {
    let mut config = Config::default();
    config.trace.record = record;
    let place = ("box".to_owned(), 0o755, ImportNode::Directory);
    testing::host(config, &[], vec![place])
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
    go(machine(true), start, watch)?.context("making the surroundings")
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
    go(machine(false), start, Box::new(|_| {}))
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
    let mut told = 0;
    let after_slice = |kernel: &mut Kernel| {
        for (number, event) in kernel.tracer().read(told, usize::MAX) {
            told = number + 1;
            watch(event);
        }
    };
    let first = |task| start(task, "/box".into());
    Ok(testing::run(&mut kernel, SLICES_MAX, first, after_slice)?)
}

//! The plan beside what the two kernels were asked to do: the calls that `strace` saw, those in the trace of the
//! simulation, and those that the plan has on the branch that was taken are the same, by actor and in order.

pub mod cases;
mod drive;
mod follow;
mod simulated;
pub mod strace;

pub use drive::{Document, drive};
pub use follow::{Seen, follow};

use anyhow::{Context, Result, ensure};
use glassdock_abi::Pid;
use glassdock_runtime::plan::{self, Plan};

/// Calls of the C library, of Rust's, and of what waits for them, which no plan has. What carries plan and barriers is left out beside them.
pub const EXCLUDED: [&str; 16] = [
    "brk",
    "mmap",
    "munmap",
    "mremap",
    "mprotect",
    "madvise",
    "futex",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigtimedwait",
    "sigaltstack",
    "sched_yield",
    // How a process of ours on the real kernel hears of its children, and of what is ready.
    "signalfd4",
    "ppoll",
    "clock_gettime",
];

/// The calls of one run: of the parent after the plan began, and of each child in the order of birth.
#[derive(Debug, Default)]
pub struct Run {
    /// One a plan: the parent's.
    pub parents: Vec<Vec<Seen>>,
    /// One a plan: its child's.
    pub children: Vec<Vec<Seen>>,
}

/// The plans of a document, in the order in which they are carried out.
///
/// # Errors
/// A specification that makes no plan.
pub fn plans(document: &Document, container: Pid) -> Result<Vec<Plan>> {
    let mut plans = vec![plan::create(
        &document.spec,
        &document.bundle,
        &document.facts,
    )?];
    if let Some(process) = &document.exec {
        let target = document.target(container);
        plans.push(plan::exec(process, &target, &document.facts)?);
    }
    Ok(plans)
}

/// Compares a run with the plans.
///
/// # Errors
/// The first call that differs.
pub fn compare(document: &Document, run: &Run, whose: &str) -> Result<usize> {
    let births = run.parents.iter().flatten();
    let mut births = births.filter(|call| call.name == "clone3");
    let container = births.find_map(|call| call.result.ok()).unwrap_or_default();
    let plans = plans(document, Pid(i32::try_from(container)?))?;
    ensure!(
        run.parents.len() == plans.len() && run.children.len() == plans.len(),
        "{whose}: {} plans, {} parents, {} children",
        plans.len(),
        run.parents.len(),
        run.children.len()
    );
    let mut calls = 0;
    for ((plan, parent), child) in plans.iter().zip(&run.parents).zip(&run.children) {
        calls += follow(plan, parent, child).with_context(|| whose.to_owned())?;
    }
    Ok(calls)
}

/// Runs a case on both kernels and compares; yields how many calls were compared.
///
/// # Errors
/// What differs, or could not be run.
pub fn check(name: &str) -> Result<usize> {
    let document = cases::document(name)?;
    let real = strace::run(name, &document).context("under strace")?;
    let ours = simulated::run(&document).context("in the simulation")?;
    let calls = compare(&document, &real, "the real kernel")?;
    let again = compare(&document, &ours, "the simulated kernel")?;
    ensure!(
        calls == again,
        "{calls} calls on the real kernel, {again} on the simulated one"
    );
    Ok(calls + again)
}

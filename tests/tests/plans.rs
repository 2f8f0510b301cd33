//! For each kind of container: what `strace` saw of its making = the plan = what the simulation's trace tells.

use anyhow::{Context as _, Result, ensure};
use glassdock_tests::emulated::{self, Machine};
use glassdock_tests::plans::{self, cases, strace};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> Result<()> {
    if let Some(path) = std::env::var_os(strace::ROLE) {
        return carry_out(&path);
    }
    let mut arguments = Arguments::from_args();
    // All are in one directory.
    arguments.test_threads = Some(1);
    let possible = strace::possible();
    if let Err(why) = &possible {
        assert!(
            std::env::var_os("CI").is_none(),
            "nothing can be compared: {why}"
        );
        println!("nothing is compared: {why}");
    }
    let mut trials: Vec<Trial> = cases::names()
        .into_iter()
        .map(|name| {
            let trial = Trial::test(name, move || same(name));
            trial.with_ignored_flag(possible.is_err())
        })
        .collect();
    if std::env::var_os(EMULATED).is_none() {
        trials.push(elsewhere());
    }
    libtest_mimic::run(&arguments, trials).exit()
}

/// Says that this is the emulated machine.
const EMULATED: &str = "GLASSDOCK_EMULATED";
/// Seconds that it may take.
const LIMIT: u32 = 560;

/// All cases again, and those that need controllers of version 2, on a kernel that has nothing else.
fn elsewhere() -> Trial {
    let possible = emulated::possible();
    if let Err(why) = &possible {
        assert!(
            std::env::var_os("CI").is_none(),
            "nothing can be compared: {why}"
        );
    }
    let trial = Trial::test("all where control groups are of version 2", || {
        on_unified().map_err(|error| format!("{error:#}").into())
    });
    trial.with_ignored_flag(possible.is_err())
}

fn on_unified() -> Result<()> {
    let place = format!("/tmp/gd-plans-{}", std::process::id());
    let machine = Machine::new(place.into())?;
    machine.add(&std::env::current_exe()?, "plans")?;
    let strace = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .map(|dir| dir.join("strace"))
        .find(|path| path.exists());
    machine.add(&strace.context("strace is missing")?, "strace")?;
    let script = format!("{EMULATED}=1 CI=1 /bin/plans >/run/told 2>&1; cat /run/told");
    let told = machine.run(&script, LIMIT)?;
    let all = cases::NAMES.len() + cases::UNIFIED_NAMES.len();
    ensure!(
        told.contains(&format!(
            "test result: ok. {all} passed; 0 failed; 0 ignored"
        )),
        "{told}"
    );
    Ok(())
}

fn same(name: &str) -> Result<(), Failed> {
    let calls = plans::check(name).map_err(|error| format!("{error:#}"))?;
    println!("{name}: {calls} calls are the same");
    Ok(())
}

/// This program as the one that is watched.
fn carry_out(path: &std::ffi::OsStr) -> Result<()> {
    let document: plans::Document = serde_json::from_slice(&std::fs::read(path)?)?;
    let sys = glassdock_linux::Direct::new()?;
    sys.block_on(plans::drive(&sys, &document))
        .map_err(|error| anyhow::anyhow!(error))
}

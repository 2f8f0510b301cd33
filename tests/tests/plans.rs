//! For each kind of container: what `strace` saw of its making = the plan = what the simulation's trace tells.

use anyhow::Result;
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
    let trials = cases::NAMES.into_iter().map(|name| {
        let trial = Trial::test(name, move || same(name));
        trial.with_ignored_flag(possible.is_err())
    });
    libtest_mimic::run(&arguments, trials.collect()).exit()
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

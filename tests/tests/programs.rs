//! Programs in C that ask the kernel what busybox does not: the same answers on both kernels.

use anyhow::{Context, Result, ensure};
use glassdock_tests::programs::{self, ROLE, role, run_on_host};
use glassdock_tests::userland::{self, Outcome, difference};
use glassdock_tests::{host, simulated};
use libtest_mimic::{Arguments, Failed, Trial};

/// How patient the programs are with the host, which may be busy with other things: it has answered otherwise only where
/// it does so with each of these.
const PATIENCES: [u32; 5] = [1, 1, 2, 4, 8];

fn main() -> Result<()> {
    host::serve(&[(ROLE, role)]);
    let arguments = Arguments::from_args();
    let compiler = programs::compiler();
    if compiler.is_none() {
        println!("no C compiler that links statically: these tests are left out");
    }
    let trials = programs::sources()?
        .into_iter()
        .map(|name| {
            let trial = Trial::test(name.clone(), move || same(&name));
            trial.with_ignored_flag(compiler.is_none())
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit()
}

fn same(name: &str) -> Result<(), Failed> {
    let program = programs::compile(name)?;
    let path = program.path().to_str().context("not text")?;
    let ours = simulated::run(userland::program(path, 1)?)?;
    let mut text = String::new();
    for patience in PATIENCES {
        let theirs = run_on_host(path, patience)?;
        ended_well(name, &theirs)?;
        if theirs == ours {
            return Ok(());
        }
        text = difference(&theirs, &ours);
    }
    Err(text.into())
}

/// A program that fails on the host tests nothing.
fn ended_well(name: &str, theirs: &Outcome) -> Result<()> {
    let ended = theirs.output.ends_with(b"status 0\n");
    ensure!(ended, "{name} fails on the host: {theirs:?}");
    Ok(())
}

//! Programs in C that ask the kernel what busybox does not: the same answers on both kernels.

use anyhow::{Context, Result, ensure};
use glassdock_tests::programs::{self, ROLE, role, run_on_host};
use glassdock_tests::userland::{self, Outcome, difference};
use glassdock_tests::{host, simulated};
use libtest_mimic::{Arguments, Failed, Trial};

/// How often the host is asked before what it answers otherwise counts: the programs let short times pass for what they
/// wait for, and the host may be busy.
const TRIES: usize = 4;

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
    let ours = simulated::run(userland::program(path)?)?;
    let mut theirs = run_on_host(path)?;
    for _ in 1..TRIES {
        if theirs == ours {
            break;
        }
        theirs = run_on_host(path)?;
    }
    ended_well(name, &theirs)?;
    if theirs == ours {
        return Ok(());
    }
    Err(difference(&theirs, &ours).into())
}

/// A program that fails on the host tests nothing.
fn ended_well(name: &str, theirs: &Outcome) -> Result<()> {
    let ended = theirs.output.ends_with(b"status 0\n");
    ensure!(ended, "{name} fails on the host: {theirs:?}");
    Ok(())
}

//! busybox's applets on both kernels: the same output, the same status.

use glassdock_tests::userland::{
    ROLE, Script, applets, difference, excluded, role, run_on_host, scripts, stage,
};
use glassdock_tests::{host, simulated};
use libtest_mimic::{Arguments, Failed, Trial};
use std::fmt::Write;

/// Least number of scripts that the comparison is worth something with.
const SCRIPTS_MIN: usize = 150;

fn main() -> anyhow::Result<()> {
    host::serve(&[(ROLE, role)]);
    let arguments = Arguments::from_args();
    let mut trials = vec![Trial::test(
        "every_applet_is_used_by_a_script_or_excluded_with_a_reason",
        all_applets,
    )];
    for script in scripts()? {
        trials.push(Trial::test(script.name.clone(), move || same(&script)));
    }
    libtest_mimic::run(&arguments, trials).exit()
}

fn same(script: &Script) -> Result<(), Failed> {
    let real = run_on_host(&script.name)?;
    let simulated = simulated::run(stage(script)?)?;
    if real == simulated {
        return Ok(());
    }
    Err(difference(&real, &simulated).into())
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || "();|&`\"'{}$".contains(c))
}

fn all_applets() -> Result<(), Failed> {
    let scripts = scripts()?;
    if scripts.len() < SCRIPTS_MIN {
        return Err(format!("only {} scripts", scripts.len()).into());
    }
    let excluded = excluded()?;
    let used = |applet: &str| {
        scripts
            .iter()
            .any(|script| words(&script.text).any(|word| word == applet))
    };
    let mut wrong = String::new();
    for applet in applets()? {
        match excluded.get(&applet) {
            None if !used(&applet) => {
                let _ = writeln!(
                    wrong,
                    "no script uses {applet}, and excluded.txt does not say why"
                );
            }
            Some(reason) if reason.len() <= 5 => {
                let _ = writeln!(wrong, "{applet} is excluded without a reason");
            }
            _ => {}
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.into())
    }
}

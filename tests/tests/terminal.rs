//! Somebody at a terminal, on both kernels: the same keys, the same sight.

use glassdock_tests::terminal::{ROLE, Scenario, play_on_host, role, scenarios};
use glassdock_tests::userland::set;
use glassdock_tests::{host, simulated};
use libtest_mimic::{Arguments, Failed, Trial};
use std::fmt::Write;

/// Nanoseconds without a sign after which whoever waits goes on. The host is busy with other things, so it has behaved
/// otherwise only where it does so with each of these patiences.
const QUIET: [u64; 4] = [100_000_000, 200_000_000, 400_000_000, 900_000_000];
/// The variable that makes the test print what a scenario shows in the simulation.
const SHOW: &str = "GLASSDOCK_SHOW";

fn main() -> anyhow::Result<()> {
    host::serve(&[(ROLE, role)]);
    let arguments = Arguments::from_args();
    let trials = scenarios()?
        .into_iter()
        .map(|scenario| Trial::test(scenario.name.clone(), move || same(&scenario)))
        .collect();
    libtest_mimic::run(&arguments, trials).exit()
}

fn same(scenario: &Scenario) -> Result<(), Failed> {
    let mut differences = Vec::new();
    for quiet in QUIET {
        let ours = simulated::run(set(scenario.clone().act(quiet))?)?;
        let ours = scenario.seen(&ours.output)?;
        if std::env::var_os(SHOW).is_some() {
            for (line, text) in &ours {
                println!("> {line}\n{text}");
            }
        }
        let theirs = scenario.seen(&play_on_host(&scenario.name, quiet)?.output)?;
        if theirs == ours {
            return Ok(());
        }
        differences.push(difference(&theirs, &ours));
    }
    // The one that went farthest.
    let (_, text) = differences.into_iter().max().ok_or("no try")?;
    Err(text.into())
}

/// The first step that showed something else, `-` the host's lines, `+` the simulation's; before it, its number.
fn difference(theirs: &[(String, String)], ours: &[(String, String)]) -> (usize, String) {
    let (mut equal, mut text) = (0, String::new());
    for ((line, theirs), (_, ours)) in theirs.iter().zip(ours) {
        if theirs == ours {
            equal += 1;
            let _ = writeln!(text, "> {line}");
            continue;
        }
        let _ = writeln!(text, "> {line}    differs:");
        let _ = writeln!(text, "- {}", theirs.replace('\n', "\n- "));
        let _ = writeln!(text, "+ {}", ours.replace('\n', "\n+ "));
        break;
    }
    (equal, text)
}

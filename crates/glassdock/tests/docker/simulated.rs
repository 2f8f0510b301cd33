//! The engine in a simulated machine, for clients outside.

use super::harness::{Daemon, Kernel, real_client, simulable};
use super::{known_to_ours, our_client, rows, told};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What it does otherwise than the engine on a real kernel, each part under a line that begins with `# ` and says why. A
/// line that begins with `> ` is run in place of the command.
const SIMULATED: &str = include_str!("simulated.txt");

/// What is different for a command of the session.
#[derive(Default)]
struct Difference {
    reason: &'static str,
    /// What is run in its place.
    instead: Option<&'static str>,
    /// What is told.
    told: String,
}

fn differences() -> BTreeMap<&'static str, Difference> {
    let (mut reason, mut command) = ("", "");
    let mut found: BTreeMap<&str, Difference> = BTreeMap::new();
    for line in SIMULATED.lines() {
        if let Some(why) = line.strip_prefix("# ") {
            (reason, command) = (why, "");
        } else if let Some(next) = line.strip_prefix("$ ") {
            command = next;
        }
        if command.is_empty() {
            continue;
        }
        let difference = found.entry(command).or_default();
        difference.reason = reason;
        match line.strip_prefix("> ") {
            Some(instead) => difference.instead = Some(instead),
            None => {
                let _ = writeln!(difference.told, "{line}");
            }
        }
    }
    found
}

/// Runs the session with programs in `path` before all others, but for lines that are not `known`; what is wrong.
fn session(path: &str, known: fn(&str) -> bool) -> String {
    let daemon = Daemon::start_on(Kernel::Sim);
    let mut listed = differences();
    let mut wrong = String::new();
    for (line, expected) in rows() {
        let listed = listed.remove(line);
        if !known(line) {
            continue;
        }
        let instead = listed.as_ref().and_then(|other| other.instead);
        let run = instead.unwrap_or(line);
        let done = daemon.shell(&format!("PATH={path}:$PATH; {run}"));
        let told = told(line, &done).replace(&daemon.at(""), "<DIR>/");
        let (expected, reason) = match listed {
            Some(other) if other.told == expected && instead.is_none() => {
                let reason = other.reason;
                let _ = writeln!(wrong, "$ {line}\nis the same, and listed: {reason}");
                continue;
            }
            Some(other) => (other.told, other.reason),
            None => (expected, ""),
        };
        if told != expected {
            let _ = writeln!(wrong, "it is:\n{told}and not:\n{expected}{reason}");
        }
    }
    for line in listed.keys() {
        let _ = writeln!(wrong, "$ {line}\nis listed, and no command of the session");
    }
    daemon.finish();
    wrong
}

#[test]
fn the_real_client_completes_the_session() {
    if !simulable() || !real_client() {
        return;
    }
    let wrong = session("", |_| true);
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn our_client_completes_the_session() {
    if !simulable() {
        return;
    }
    let place = our_client();
    let wrong = session(place.dir.to_str().unwrap(), known_to_ours);
    assert!(wrong.is_empty(), "{wrong}");
}

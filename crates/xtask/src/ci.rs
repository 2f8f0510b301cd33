//! `ci`: everything a change must pass, in one command.

use std::time::Instant;

use anyhow::Result;

use crate::jobs::seconds;
use crate::paths::root;
use crate::run::Cmd;
use crate::setup::{self, Need, wasm_std};
use crate::suite::Counts;
use crate::{size, test, tidy};

/// Runs all checks, whatever fails, and counts them.
pub fn run() -> Counts {
    let start = Instant::now();
    // What native tests call is quick to install; the slow tools come while they run.
    let mut counts = step("set-up of test programs", || {
        setup::ensure(&[Need::TestTools]).map(|()| Counts::one(true))
    });
    let tools = std::thread::spawn(|| {
        let needs: Vec<Need> = setup::PAGE.into_iter().chain(setup::TESTS).collect();
        setup::ensure(&needs)
    });
    counts = counts + step("format", || Ok(Counts::one(format())));
    counts = counts + step("clippy", || Ok(Counts::one(clippy(None))));
    counts = counts + step("fuzz targets", || Ok(Counts::one(fuzz_targets())));
    counts = counts + step("native tests", || test::run(&[test::Kind::Native]));
    counts = counts
        + step("set-up of page and browser", || match tools.join() {
            Ok(result) => result.map(|()| Counts::one(true)),
            Err(_) => anyhow::bail!("the set-up panicked"),
        });
    counts = counts
        + step("clippy for wasm", || {
            Ok(Counts::one(clippy(Some(wasm_std::TARGET))))
        });
    counts = counts + step("tidy", tidy::run);
    counts = counts + step("tests of wasm crates", || test::run(&[test::Kind::Wasm]));
    counts = counts + step("the page end to end", || test::run(&[test::Kind::Browser]));
    counts = counts + step("size", || Ok(Counts::one(size::report()?)));
    eprintln!("all in {}", seconds(start.elapsed()));
    counts
}

/// An error that kept a step from running is a failure of this step.
fn step(name: &str, work: impl FnOnce() -> Result<Counts>) -> Counts {
    let start = Instant::now();
    println!("\n== {name}");
    let counts = work().unwrap_or_else(|error| {
        println!("error: {error:#}");
        Counts::one(false)
    });
    println!(
        "== {name}: {} passed, {} failed in {}",
        counts.passed,
        counts.failed,
        seconds(start.elapsed())
    );
    counts
}

fn format() -> bool {
    let check = |manifest| {
        let args = ["fmt", "--all", "--check", "--manifest-path", manifest];
        shown(Cmd::new("cargo").args(args))
    };
    // Both, so that one run names all files.
    let (workspace, fuzz) = (check("Cargo.toml"), check(FUZZ));
    workspace && fuzz
}

/// A workspace of its own, as cargo-fuzz wants it; running it needs a nightly compiler.
const FUZZ: &str = "fuzz/Cargo.toml";

/// They still compile; how long they run is for whoever fuzzes.
fn fuzz_targets() -> bool {
    let args = [
        "check",
        "--quiet",
        "--locked",
        "--target-dir",
        "target/fuzz",
    ];
    shown(Cmd::new("cargo").args(args).args(["--manifest-path", FUZZ]))
}

/// The page's two programs are checked for their target, everything else for this machine.
fn clippy(target: Option<&str>) -> bool {
    let mut cmd = Cmd::new("cargo").args(["clippy", "--quiet", "--keep-going"]);
    cmd = match target {
        None => cmd.args(["--workspace", "--all-targets"]),
        Some(target) => cmd.args([
            "-p",
            "glassdock-web",
            "-p",
            "glassdock-js",
            "--target",
            target,
        ]),
    };
    shown(cmd.args(["--", "-D", "warnings"]))
}

fn shown(cmd: Cmd) -> bool {
    match cmd.dir(root()).run() {
        Ok(()) => true,
        Err(error) => {
            println!("{error:#}");
            false
        }
    }
}

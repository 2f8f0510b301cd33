//! `test`: native tests, tests of wasm crates in a browser, and the page end to end.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::build;
use crate::images;
use crate::jobs::seconds;
use crate::paths::{dist, on_path, root};
use crate::run::Cmd;
use crate::serve::Server;
use crate::setup::{self, Need};
use crate::suite::Counts;

/// One kind of tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// On this machine.
    Native,
    /// Compiled to wasm, in headless Chromium.
    Wasm,
    /// The built page in headless Chromium.
    Browser,
}

impl Kind {
    /// All of them, in the order in which they are run.
    pub const ALL: [Self; 3] = [Self::Native, Self::Wasm, Self::Browser];

    /// The kind that a person asked for.
    ///
    /// # Errors
    /// A name that is none of them.
    pub fn named(name: &str) -> Result<Self> {
        Ok(match name {
            "native" => Self::Native,
            "wasm" => Self::Wasm,
            "browser" => Self::Browser,
            other => bail!("no tests `{other}`; there are native, wasm and browser"),
        })
    }
}

/// What these tests need on the machine.
pub fn needs(kinds: &[Kind]) -> Vec<Need> {
    let mut needs = Vec::new();
    if kinds.contains(&Kind::Native) {
        needs.push(Need::TestTools);
    }
    if kinds.contains(&Kind::Wasm) {
        needs.extend([
            Need::WasmStd,
            Need::WasmBindgen,
            Need::WasmPack,
            Need::Browser,
            Need::TestTools,
        ]);
    }
    if kinds.contains(&Kind::Browser) {
        needs.extend(setup::PAGE);
        needs.push(Need::Browser);
    }
    needs
}

/// Runs these tests to the end and counts them.
///
/// # Errors
/// What kept a suite from starting.
pub fn run(kinds: &[Kind]) -> Result<Counts> {
    setup::ensure(&needs(kinds))?;
    let mut counts = Counts::default();
    for kind in kinds {
        let start = std::time::Instant::now();
        let suite = match kind {
            Kind::Native => native()?,
            Kind::Wasm => wasm()?,
            Kind::Browser => browser()?,
        };
        println!(
            "{kind:?}: {} passed, {} failed in {}",
            suite.passed,
            suite.failed,
            seconds(start.elapsed())
        );
        counts = counts + suite;
    }
    Ok(counts)
}

fn native() -> Result<Counts> {
    // Tests boot the machine from them.
    images::ensure()?;
    // Tests start some of them as programs; naming kinds of targets below leaves them out.
    Cmd::new("cargo")
        .args(["build", "--workspace", "--examples", "--quiet"])
        .dir(root())
        .run()?;
    let tests = if on_path("cargo-nextest").is_some() {
        cargo(&[
            "nextest",
            "run",
            "--no-fail-fast",
            "--status-level=slow",
            "--final-status-level=slow",
        ])?
    } else {
        cargo(&[
            "test",
            "--no-fail-fast",
            "--quiet",
            "--lib",
            "--bins",
            "--tests",
        ])?
    };
    // nextest does not run the examples in documentation.
    let (ok, output) = Cmd::new("cargo")
        .args(["test", "--doc", "--workspace", "--no-fail-fast", "--quiet"])
        .dir(root())
        .tee()?;
    let examples = match Counts::of_output(ok, &output) {
        // No examples at all is no failure.
        counts if ok => Counts {
            failed: 0,
            ..counts
        },
        counts => counts,
    };
    Ok(tests + examples)
}

fn cargo(args: &[&str]) -> Result<Counts> {
    let (ok, output) = Cmd::new("cargo")
        .args(args)
        .arg("--workspace")
        .dir(root())
        .tee()?;
    Ok(Counts::of_output(ok, &output))
}

/// Every crate with `tests/web.rs` has tests that belong into a browser.
fn wasm() -> Result<Counts> {
    let driver = on_path("chromedriver").context("chromedriver is not on PATH")?;
    // Tests boot the machine from them.
    images::ensure()?;
    let mut env = setup::page_environment()?;
    for (name, package, example) in NATIVE_RUNS {
        env.push((name.to_owned(), native_run(package, example)?.into()));
    }
    let mut counts = Counts::default();
    for folder in crates_with_web_tests()? {
        println!("wasm-pack test {folder}");
        let (ok, output) = Cmd::new("wasm-pack")
            .args(["test", "--headless", "--chrome", "--chromedriver"])
            .arg(&driver)
            .arg(root().join("crates").join(&folder))
            .args(["--test", "web"])
            .envs(&env)
            // Dev builds of the processor are too slow to be patient with.
            .env("WASM_BINDGEN_TEST_TIMEOUT", "300")
            .tee()?;
        counts = counts + Counts::of_output(ok, &output);
    }
    Ok(counts)
}

/// Hashes of events that tests in a browser compare theirs with: the variable that passes them, and the package's
/// example that makes them natively.
const NATIVE_RUNS: [(&str, &str, &str); 2] = [
    ("GLASSDOCK_HASHES", "glassdock-kernel", "hashes"),
    ("GLASSDOCK_JOURNEY", "glassdock-playground", "journey"),
];

/// What an example prints.
fn native_run(package: &str, example: &str) -> Result<String> {
    let printed = Cmd::new("cargo")
        .args(["run", "--quiet", "--package", package, "--example", example])
        .dir(root())
        .output()?;
    Ok(printed.trim().to_owned())
}

fn crates_with_web_tests() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root().join("crates"))? {
        let entry = entry?;
        if entry.path().join("tests/web.rs").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn browser() -> Result<Counts> {
    build::ensure()?;
    // Not at the root: the site must work in any folder of a server.
    let server = Server::bind(dist(), 0)?.at("/any/folder/");
    let url = server.url()?;
    std::thread::spawn(move || server.run());
    let (ok, output) = browser_script(&url)
        .args(["--test", "--test-reporter=spec", "--test-concurrency=1"])
        // Milliseconds; a scenario that hangs is a failure, not a wait.
        .arg("--test-timeout=300000")
        .args(browser_tests()?)
        .tee()?;
    Ok(Counts::of_output(ok, &output))
}

fn browser_tests() -> Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root().join("tests/browser"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".test.mjs") {
            files.push(format!("tests/browser/{name}"));
        }
    }
    files.sort();
    Ok(files)
}

/// Node with what `tests/browser/harness.mjs` reads; `url` is where the page is served.
pub fn browser_script(url: &str) -> Cmd {
    let mut cmd = Cmd::new("node").dir(root()).env("GLASSDOCK_URL", url);
    if let Some(chromium) = on_path("chromium") {
        cmd = cmd.env("GLASSDOCK_CHROMIUM", chromium);
    }
    cmd
}

//! `tidy`: rules of the house that the compiler does not check.

mod floors;
mod licences;
mod lints;
mod texts;
mod words;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::paths::root;
use crate::run::Cmd;
use crate::setup::{self, Need, wasm_std};
use crate::suite::Counts;

/// More lines than this and a file is named: it may hold more than one idea.
const LONG_FILE: usize = 600;

/// A rule and where it is broken.
struct Check {
    rule: &'static str,
    broken: Vec<String>,
}

/// Checks every rule and prints what breaks one.
///
/// # Errors
/// When the workspace cannot be read.
pub fn run() -> Result<Counts> {
    let packages = packages(&["--no-deps"])?;
    // With `--locked`, a lock file that does not fit the manifests is an error.
    let locked = dependencies();
    let files = tracked_files()?;
    for (name, text) in &files {
        let lines = text.lines().count();
        if lines > LONG_FILE && ends_with_any(name, &[".rs", ".js", ".mjs", ".css"]) {
            println!("warning: {name} has {lines} lines");
        }
    }
    let checks = [
        Check {
            rule: "a crate uses only crates on floors below its own",
            broken: floors::broken(&packages),
        },
        Check {
            rule: "every crate takes the workspace's lints; unsafe code lives in `linux` alone",
            broken: lints::broken(&manifests(&packages)?),
        },
        Check {
            rule: "Cargo.lock fits, and every dependency's licence allows ours",
            broken: locked,
        },
        Check {
            rule: "what runs in the page compiles to wasm",
            broken: wasm_errors(&packages)?,
        },
        Check {
            rule: "no file names a path of this machine or a registry's host",
            broken: words::machine_words(&files, &machine_paths()),
        },
        Check {
            rule: "what is marked as unfinished says why",
            broken: words::bare_todos(&files),
        },
        Check {
            rule: "every language has every text",
            broken: texts::missing(&files),
        },
        Check {
            rule: "what the kernel notes has a text",
            broken: texts::unexplained_notes(&files),
        },
    ];
    let mut counts = Counts::default();
    for check in checks {
        let good = check.broken.is_empty();
        println!("{} {}", if good { "✓" } else { "✗" }, check.rule);
        for place in &check.broken {
            println!("    {place}");
        }
        counts = counts + Counts::one(good);
    }
    Ok(counts)
}

fn dependencies() -> Vec<String> {
    match packages(&["--locked"]) {
        Ok(packages) => licences::broken(&packages),
        Err(error) => vec![format!("{error:#}")],
    }
}

/// Packages, as `cargo metadata` describes them.
fn packages(args: &[&str]) -> Result<Vec<Value>> {
    let text = Cmd::new("cargo")
        .args(["metadata", "--format-version=1"])
        .args(args)
        .dir(root())
        .output()?;
    let mut metadata: Value = serde_json::from_str(&text)?;
    match metadata["packages"].take() {
        Value::Array(packages) => Ok(packages),
        _ => anyhow::bail!("cargo metadata listed no packages"),
    }
}

/// Manifests by crate folder, beginning with the workspace's own (named `.`).
fn manifests(packages: &[Value]) -> Result<Vec<(String, String)>> {
    let own = root().join("Cargo.toml");
    let mut manifests = vec![(".".to_owned(), fs::read_to_string(own)?)];
    for package in packages {
        let path = package["manifest_path"]
            .as_str()
            .context("a manifest's path")?;
        let name = floors::folder(package).to_owned();
        manifests.push((name, fs::read_to_string(path)?));
    }
    Ok(manifests)
}

/// Text files that git knows, with their content.
fn tracked_files() -> Result<Vec<(String, String)>> {
    let list = Cmd::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .dir(root())
        .output()?;
    // A file that is listed and gone, or is not text, has nothing to check.
    let read = |name: &str| fs::read_to_string(root().join(name)).ok();
    Ok(list
        .lines()
        .filter_map(|name| Some((name.to_owned(), read(name)?)))
        .collect())
}

/// Folders whose names would tell on which machine a file was written.
fn machine_paths() -> Vec<String> {
    let absolute = fs::canonicalize(root()).unwrap_or_else(|_| root());
    let parent = absolute.parent().map(Path::to_path_buf);
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo"));
    [Some(absolute), parent, home]
        .into_iter()
        .flatten()
        .map(|path| path.display().to_string())
        .filter(|path| path.matches('/').count() >= 2)
        .collect()
}

fn wasm_errors(packages: &[Value]) -> Result<Vec<String>> {
    setup::ensure(&[Need::WasmStd])?;
    let mut cmd = Cmd::new("cargo")
        .args(["check", "--quiet", "--target", wasm_std::TARGET])
        .dir(root())
        .envs(&setup::page_environment()?);
    for package in packages {
        if floors::runs_in_page(floors::folder(package)) {
            cmd = cmd
                .arg("-p")
                .arg(package["name"].as_str().unwrap_or_default());
        }
    }
    Ok(cmd
        .output()
        .err()
        .map(|error| format!("{error:#}"))
        .into_iter()
        .collect())
}

fn ends_with_any(name: &str, ends: &[&str]) -> bool {
    ends.iter().any(|end| name.ends_with(end))
}

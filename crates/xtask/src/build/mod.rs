//! `build`: the site in `dist/`, static files for any folder of any web server.

mod split;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Instant, UNIX_EPOCH};

use anyhow::{Context, Result};

use crate::images::archive::hex;
use crate::jobs::seconds;
use crate::parts;
use crate::paths::{dist, root};
use crate::run::Cmd;
use crate::setup;

/// The Cargo profile of what is published; `Cargo.toml` says what it is made for.
const PROFILE: &str = "page";

/// What the site is made from, beside what these files name.
const INPUTS: [&str; 6] = [
    "Cargo.lock",
    "Cargo.toml",
    "Trunk.toml",
    "crates",
    "rust-toolchain.toml",
    "www",
];

/// Folders below the inputs that are made, not written; or make no part of the site.
const NOT_INPUTS: [&str; 4] = ["node_modules", "generated", "tests", "xtask"];

/// Builds the site where anything changed since the last time.
///
/// # Errors
/// What could not be installed, compiled or assembled.
pub fn ensure() -> Result<()> {
    setup::ensure(&setup::PAGE)?;
    parts::ensure()?;
    let stamp = root().join(".cache/built-from");
    let wanted = fingerprint()?;
    if fs::read_to_string(&stamp).is_ok_and(|built| built == with_index(&wanted)) {
        return Ok(());
    }
    // A build that fails half-way must not pass for this or an earlier one.
    if stamp.exists() {
        fs::remove_file(&stamp).with_context(|| stamp.display().to_string())?;
    }
    let start = Instant::now();
    eprintln!("building the page (the first time takes minutes)");
    Cmd::new("trunk")
        .args(["build", "--release", "--cargo-profile", PROFILE])
        .dir(root())
        .envs(&setup::page_environment()?)
        // trunk takes `true` and `false` only, other programs set `1`.
        .env("NO_COLOR", "true")
        .run()?;
    split::split()?;
    fs::create_dir_all(root().join(".cache"))?;
    fs::write(&stamp, with_index(&wanted)).context("remembering what was built")?;
    eprintln!("built dist/ in {}", seconds(start.elapsed()));
    Ok(())
}

/// The fingerprint with what lies in `dist/`: `trunk serve` puts a build for developing there,
/// which names its files after their content.
fn with_index(fingerprint: &str) -> String {
    let index = fs::read(dist().join("index.html")).unwrap_or_default();
    format!("{fingerprint} {}", hex(&index))
}

/// Names, sizes and times of all inputs, as one digest.
fn fingerprint() -> Result<String> {
    let mut lines = Vec::new();
    for input in INPUTS {
        collect(&root().join(input), &mut lines)?;
    }
    lines.sort();
    Ok(hex(lines.join("\n").as_bytes()))
}

fn collect(path: &Path, lines: &mut Vec<String>) -> Result<()> {
    let data = fs::metadata(path).with_context(|| path.display().to_string())?;
    if !data.is_dir() {
        let time = data.modified()?.duration_since(UNIX_EPOCH)?.as_nanos();
        lines.push(format!("{} {} {time}", path.display(), data.len()));
        return Ok(());
    }
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        if !NOT_INPUTS.iter().any(|other| name == *other) {
            entries.push(entry.path());
        }
    }
    entries.iter().try_for_each(|entry| collect(entry, lines))
}

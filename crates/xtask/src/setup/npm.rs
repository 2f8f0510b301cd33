//! Page parts and tools from npm: `www/package.json` names them, its lock pins them.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::paths::{cache, root};
use crate::run::Cmd;

fn folder() -> PathBuf {
    root().join("www")
}

/// Programs of the installed packages (`esbuild`, `wasm-opt`).
pub fn bin() -> PathBuf {
    folder().join("node_modules/.bin")
}

/// A copy of the lock file that was installed from; as old as the installation.
pub fn stamp() -> PathBuf {
    folder().join("node_modules/.glassdock-lock")
}

/// Whether what is installed is what the lock file asks for.
pub fn present() -> bool {
    let lock = fs::read(folder().join("package-lock.json"));
    let stamp = fs::read(stamp());
    matches!((lock, stamp), (Ok(lock), Ok(stamp)) if lock == stamp)
}

/// Installs exactly what the lock file says.
pub fn install() -> Result<()> {
    Cmd::new("npm")
        .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
        .dir(folder())
        .log(cache().join("log/npm.log"))
        .run()?;
    fs::copy(folder().join("package-lock.json"), stamp())
        .context("remembering which lock file was installed")?;
    Ok(())
}

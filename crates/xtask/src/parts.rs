//! `parts`: what the page serves that is neither Rust nor written by hand: npm's modules
//! bundled by esbuild, the images, the licences of others. Trunk calls this before every build.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::paths::{generated, root};
use crate::run::Cmd;
use crate::setup::{self, Need, npm};
use crate::{images, notices};

/// Makes all parts that are missing or outdated.
///
/// # Errors
/// What could not be installed or made.
pub fn ensure() -> Result<()> {
    setup::ensure(&[Need::Npm])?;
    images::ensure()?;
    notices::ensure()?;
    bundle()
}

/// Bundles each file of `www/vendor` for itself: a part is loaded when it is needed.
fn bundle() -> Result<()> {
    let output = generated().join("vendor");
    let mut entries = files(&root().join("www/vendor"))?;
    entries.sort();
    let outdated = entries.iter().any(|entry| {
        let made = entry.file_name().map(|name| output.join(name));
        !made.is_some_and(|made| is_newer(&made, entry) && is_newer(&made, &npm::stamp()))
    });
    if !outdated {
        return Ok(());
    }
    Cmd::new(npm::bin().join("esbuild"))
        .args(&entries)
        .args(["--bundle", "--minify", "--format=esm", "--target=es2022"])
        .args(["--legal-comments=linked", "--log-level=warning"])
        .arg(format!("--outdir={}", output.display()))
        .dir(root().join("www"))
        .run()
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    Ok(entries
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?)
}

fn is_newer(made: &Path, source: &Path) -> bool {
    let time = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    matches!((time(made), time(source)), (Some(made), Some(source)) if made >= source)
}

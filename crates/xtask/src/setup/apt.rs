//! Debian packages: what is missing, installed in one go.

use std::path::Path;

use anyhow::{Result, bail};

use crate::paths::{cache, on_path};
use crate::run::Cmd;

/// The packages of this list that are not installed.
pub fn missing<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    packages
        .iter()
        .copied()
        .filter(|package| !installed(package))
        .collect()
}

fn installed(package: &str) -> bool {
    Cmd::new("dpkg-query")
        .args(["-W", "-f", "${db:Status-Status}", package])
        .output()
        .is_ok_and(|status| status == "installed")
}

/// Installs packages; says what to type where that is not possible from here.
pub fn install(packages: &[&str]) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let list = packages.join(" ");
    if on_path("apt-get").is_none() {
        bail!("this needs what Debian packages as `{list}`, and there is no apt-get here");
    }
    if !is_root() {
        bail!("as root, run: apt-get update && apt-get install -y {list}");
    }
    // A new machine has no package lists, an old one outdated lists: both fail, then update.
    if apt(
        &["install", "-y", "--no-install-recommends"],
        packages,
        "apt-install",
    )
    .is_ok()
    {
        return Ok(());
    }
    apt(&["update"], &[], "apt-update")?;
    apt(
        &["install", "-y", "--no-install-recommends"],
        packages,
        "apt-install",
    )
}

/// Downloads a package's file into a folder, without root and without installing it.
pub fn download(package: &str, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let fetch = || {
        Cmd::new("apt-get")
            .args(["download", package])
            .dir(folder)
            .log(cache().join("log/apt-download.log"))
            .run()
    };
    if fetch().is_ok() {
        return Ok(());
    }
    if is_root() {
        apt(&["update"], &[], "apt-update")?;
    }
    fetch()
}

fn apt(verb: &[&str], packages: &[&str], log: &str) -> Result<()> {
    Cmd::new("apt-get")
        .args(["-o", "DPkg::Lock::Timeout=300", "-q"])
        .args(verb)
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .log(cache().join(format!("log/{log}.log")))
        .run()
}

fn is_root() -> bool {
    Cmd::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|id| id.trim() == "0")
}

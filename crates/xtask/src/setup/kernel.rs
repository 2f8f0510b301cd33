//! A Linux kernel with control groups of version 2 alone, for tests that boot one in an emulated machine: Debian's smallest,
//! unpacked and not installed.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::paths::cache;
use crate::run::Cmd;
use crate::setup::apt;

/// The package that names the newest.
const PACKAGE: &str = "linux-image-cloud-amd64";

fn home() -> PathBuf {
    cache().join("linux")
}

/// Where tests look for it.
fn image() -> PathBuf {
    home().join("vmlinuz")
}

/// Whether it is there.
pub fn present() -> bool {
    image().exists()
}

/// Downloads and unpacks it.
///
/// # Errors
/// Where the package cannot be had.
pub fn install() -> Result<()> {
    let home = home();
    let _ = fs::remove_dir_all(&home);
    apt::download(&newest()?, &home)?;
    let package = fs::read_dir(&home)?
        .filter_map(|file| Some(file.ok()?.path()))
        .find(|path| path.extension().is_some_and(|end| end == "deb"))
        .context("no kernel was downloaded")?;
    let root = home.join("root");
    Cmd::new("dpkg-deb")
        .arg("-x")
        .arg(&package)
        .arg(&root)
        .run()?;
    let boot = fs::read_dir(root.join("boot"))?
        .filter_map(|file| Some(file.ok()?.path()))
        .find(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz"))
        })
        .context("the package has no kernel")?;
    fs::rename(boot, image())?;
    fs::remove_dir_all(root)?;
    fs::remove_file(package)?;
    Ok(())
}

/// The package that has the kernel: what the other one depends on.
fn newest() -> Result<String> {
    let show = || {
        Cmd::new("apt-cache")
            .args(["depends", "--important", &format!("{PACKAGE}:amd64")])
            .output()
    };
    let find = |text: &str| {
        let names = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("Depends: "));
        let mut kernels = names.filter(|name| name.starts_with("linux-image-"));
        kernels.next().map(str::to_owned)
    };
    find(&show()?).with_context(|| format!("{PACKAGE} depends on no kernel"))
}

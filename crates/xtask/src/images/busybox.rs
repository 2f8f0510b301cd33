//! Debian's busybox-static: the program, its applets, its version and its licence.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::paths::cache;
use crate::run::Cmd;
use crate::setup::apt;

const PACKAGE: &str = "busybox-static";

/// busybox as Debian packaged it.
pub struct Busybox {
    /// The program.
    pub elf: Vec<u8>,
    /// Where each applet belongs, e.g. `usr/bin/awk`, sorted.
    pub applets: Vec<String>,
    /// The source package's name, e.g. `busybox`.
    pub source: String,
    /// The source package's version.
    pub version: String,
    /// When Debian built it (seconds since 1970): the images' only date.
    pub built: u64,
    /// The text of the GNU General Public License, version 2.
    pub licence: Vec<u8>,
    /// The package's own copyright file.
    pub copyright: Vec<u8>,
}

/// The installed package, or the downloaded one where it is not installed.
pub fn find() -> Result<Busybox> {
    let installed = Cmd::new("dpkg-query")
        .args([
            "-W",
            "-f",
            "${db:Status-Status} ${source:Package} ${source:Version}",
            PACKAGE,
        ])
        .output()
        .ok()
        .and_then(|line| line.strip_prefix("installed ").map(str::to_owned));
    let (folder, source) = match installed {
        Some(source) => (PathBuf::from("/"), source),
        None => unpacked()?,
    };
    let (source, version) = source
        .split_once(' ')
        .context("dpkg did not name the source package")?;
    read(&folder, source, version)
}

/// Names the version that `find` would give, cheaply: what the images depend on.
pub fn version() -> Result<String> {
    let busybox = find()?;
    Ok(format!(
        "{} {} {}",
        busybox.source, busybox.version, busybox.built
    ))
}

fn read(folder: &Path, source: &str, version: &str) -> Result<Busybox> {
    let program = folder.join("bin/busybox");
    let shown = program.display().to_string();
    let elf = fs::read(&program).with_context(|| shown.clone())?;
    ensure!(
        elf.starts_with(b"\x7fELF\x02\x01") && elf.get(18..20) == Some(&[62, 0]),
        "{shown} is not an x86-64 program; the images need Debian's amd64 package"
    );
    let list = Cmd::new(&program).arg("--list-full").output()?;
    // An initial RAM disk's `linuxrc` has no place in either tree.
    let applets = list.lines().filter(|applet| *applet != "linuxrc");
    let mut applets: Vec<String> = applets.map(str::to_owned).collect();
    applets.sort();
    let built = fs::metadata(&program)?.mtime();
    let text = |path: &str| fs::read(path).with_context(|| path.to_owned());
    Ok(Busybox {
        elf,
        applets,
        source: source.to_owned(),
        version: version.to_owned(),
        built: u64::try_from(built).unwrap_or(0),
        licence: text("/usr/share/common-licenses/GPL-2")?,
        copyright: fs::read(folder.join("usr/share/doc/busybox-static/copyright"))
            .context("the package's copyright file")?,
    })
}

/// Downloads the package and unpacks it into the cache, once.
fn unpacked() -> Result<(PathBuf, String)> {
    let home = cache().join(PACKAGE);
    let root = home.join("root");
    let package = || -> Result<PathBuf> {
        let mut found: Vec<PathBuf> = fs::read_dir(&home)?
            .filter_map(|file| Some(file.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|end| end == "deb"))
            .collect();
        found.sort();
        found.pop().context("no package was downloaded")
    };
    if package().is_err() {
        apt::download(&format!("{PACKAGE}:amd64"), &home)?;
    }
    let deb = package()?;
    Cmd::new("dpkg-deb").arg("-x").arg(&deb).arg(&root).run()?;
    let source = Cmd::new("dpkg-deb")
        .args(["-W", "--showformat", "${source:Package} ${source:Version}"])
        .arg(&deb)
        .output()?;
    Ok((root, source))
}

//! The standard library for wasm32-unknown-unknown.
//!
//! With rustup it is one download. Where rustup cannot fetch it, Debian's packages have
//! the same compiler with its library's source: the library is built once and put into a
//! sysroot of our own, used for wasm builds only.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::paths::{cache, root};
use crate::run::Cmd;

/// The one target of everything that runs in a page.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// What the Debian route needs.
pub const PACKAGES: [&str; 5] = [
    "rustc-web",
    "cargo-web",
    "rust-web-src",
    "libstd-rust-web-dev",
    "lld-22",
];

const HOST: &str = "x86_64-unknown-linux-gnu";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTLIB: &str = "/usr/lib/rustlib";
const DEBIAN_LLD: &str = "/usr/lib/llvm-22/bin/lld";

/// Which compiler builds for the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Toolchain {
    /// The default one has the target.
    Default,
    /// Ours, at this sysroot.
    Sysroot(PathBuf),
}

/// `GLASSDOCK_WASM=debian` takes the Debian route even where rustup's would do.
fn only_debian() -> bool {
    std::env::var_os("GLASSDOCK_WASM").is_some_and(|route| route == "debian")
}

/// The toolchain that can build for the page now, if any.
pub fn find() -> Option<Toolchain> {
    if !only_debian() && default_has_target() {
        return Some(Toolchain::Default);
    }
    let sysroot = sysroot_folder()?;
    sysroot
        .join("complete")
        .is_file()
        .then_some(Toolchain::Sysroot(sysroot))
}

/// Asks rustup, which answers or refuses within seconds.
pub fn try_rustup() -> bool {
    if only_debian() {
        return false;
    }
    Cmd::new("timeout")
        .args(["120", "rustup", "target", "add", TARGET])
        .dir(root())
        .log(cache().join("log/rustup-target.log"))
        .run()
        .is_ok()
        && default_has_target()
}

fn default_has_target() -> bool {
    let folder = Cmd::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .dir(root())
        .output();
    folder.is_ok_and(|folder| has_std(Path::new(folder.trim())))
}

fn has_std(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut files| {
        files.any(|file| {
            file.is_ok_and(|file| file.file_name().to_string_lossy().starts_with("libstd-"))
        })
    })
}

/// One folder per compiler version: a library fits exactly one compiler.
fn sysroot_folder() -> Option<PathBuf> {
    let version = Cmd::new(DEBIAN_RUSTC).arg("-V").output().ok()?;
    let number = version.split_whitespace().nth(1)?;
    Some(cache().join(format!("wasm-sysroot-{number}")))
}

/// Builds the library with Debian's compiler and lays out the sysroot.
///
/// # Errors
/// When the packages are not there or the library does not build.
pub fn build_sysroot() -> Result<()> {
    let sysroot = sysroot_folder().context("Debian's rustc-web is not installed")?;
    let scratch = cache().join("scratch/wasm-std");
    remove(&scratch)?;
    remove(&sysroot)?;
    fs::create_dir_all(scratch.join("src"))?;
    fs::write(scratch.join("src/lib.rs"), "#![no_std]\n")?;
    fs::write(
        scratch.join("Cargo.toml"),
        "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n",
    )?;
    Cmd::new(DEBIAN_CARGO)
        .arg("-Zbuild-std=std,panic_abort,panic_unwind,test,proc_macro")
        .args(["build", "--release", "--target", TARGET])
        .dir(&scratch)
        .env("RUSTC", DEBIAN_RUSTC)
        .env("RUSTC_BOOTSTRAP", "1")
        // Without bitcode in the library, LTO of the page fails.
        .env("RUSTFLAGS", "-Cembed-bitcode=yes")
        .env("CARGO_TARGET_DIR", scratch.join("target"))
        .env(
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER",
            "/usr/lib/llvm-22/bin/wasm-ld",
        )
        .log(cache().join("log/wasm-std.log"))
        .run()?;
    lay_out(
        &sysroot,
        &scratch.join(format!("target/{TARGET}/release/deps")),
    )?;
    remove(&scratch)
}

fn lay_out(sysroot: &Path, built: &Path) -> Result<()> {
    let rustlib = sysroot.join("lib/rustlib");
    let library = rustlib.join(TARGET).join("lib");
    fs::create_dir_all(&library)?;
    for file in fs::read_dir(built).with_context(|| built.display().to_string())? {
        let file = file?;
        let name = file.file_name();
        let text = name.to_string_lossy();
        if text.ends_with(".rlib") && !text.starts_with("libempty-") {
            fs::copy(file.path(), library.join(&name))?;
        }
    }
    if !has_std(&library) {
        bail!("{} holds no libstd", built.display());
    }
    // The host's part, as links; its `bin` is a real folder, so that our linker fits in.
    let host = rustlib.join(HOST);
    fs::create_dir_all(host.join("bin"))?;
    symlink(format!("{DEBIAN_RUSTLIB}/{HOST}/lib"), host.join("lib"))?;
    symlink(DEBIAN_LLD, host.join("bin/rust-lld"))?;
    for part in ["etc", "src"] {
        symlink(format!("{DEBIAN_RUSTLIB}/{part}"), rustlib.join(part))?;
    }
    let bin = sysroot.join("bin");
    fs::create_dir_all(&bin)?;
    symlink(DEBIAN_CARGO, bin.join("cargo"))?;
    let rustc = bin.join("rustc");
    let script = format!(
        "#!/bin/sh\nexec {DEBIAN_RUSTC} --sysroot '{}' \"$@\"\n",
        sysroot.display()
    );
    fs::write(&rustc, script)?;
    fs::set_permissions(&rustc, fs::Permissions::from_mode(0o755))?;
    fs::write(sysroot.join("complete"), "")?;
    Ok(())
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| folder.display().to_string())
        }
        _ => Ok(()),
    }
}

/// Variables for a build for the page: this toolchain and these folders before PATH.
///
/// Our sysroot builds into a folder of its own (`target/page`): another compiler in the
/// same folder would wait for, and invalidate, what the native builds left there.
pub fn environment(toolchain: &Toolchain, tools: &[PathBuf]) -> Vec<(String, OsString)> {
    let mut folders = Vec::new();
    let mut vars = Vec::new();
    if let Toolchain::Sysroot(sysroot) = toolchain {
        folders.push(sysroot.join("bin"));
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| root().join("target"), PathBuf::from);
        vars.push(("CARGO_TARGET_DIR".into(), target.join("page").into()));
    }
    folders.extend(tools.iter().cloned());
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&path));
    // Joining fails only on a folder with a colon in its name; then PATH stays as it is.
    if let Ok(joined) = std::env::join_paths(folders) {
        vars.push(("PATH".into(), joined));
    }
    vars
}

//! Makes sure that what a command needs is on this machine, and nothing else.

pub mod apt;
pub mod cargo_tools;
pub mod kernel;
pub mod npm;
pub mod wasm_std;

use std::ffi::OsString;
use std::fs::{self, File};

use anyhow::{Context, Result};

use crate::jobs::{Job, run_together};
use crate::paths::{cache, on_path};
use cargo_tools::{TRUNK, Tool, WASM_BINDGEN, WASM_PACK};
use wasm_std::Toolchain;

/// Something that a command needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// A compiler with the standard library for the page.
    WasmStd,
    /// `wasm-bindgen` and the test runner that comes with it.
    WasmBindgen,
    /// `trunk`.
    Trunk,
    /// `wasm-pack`.
    WasmPack,
    /// The packages of `www/package.json`.
    Npm,
    /// Chromium with its driver.
    Browser,
    /// Programs that native tests compare with or call.
    TestTools,
}

/// What building the page needs.
pub const PAGE: [Need; 4] = [Need::WasmStd, Need::WasmBindgen, Need::Trunk, Need::Npm];

/// What all tests need beyond the page.
pub const TESTS: [Need; 3] = [Need::WasmPack, Need::Browser, Need::TestTools];

/// The browser and what drives it, with their packages.
const BROWSER_PROGRAMS: [(&str, &str); 2] = [
    ("chromium", "chromium"),
    ("chromedriver", "chromium-driver"),
];

/// Programs that the tests call, or that fuzz targets are compiled with, and their packages.
const TEST_PROGRAMS: [(&str, &str); 5] = [
    ("e2fsck", "e2fsprogs"),
    ("g++", "g++"),
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("runc", "runc"),
    ("strace", "strace"),
];

/// A static busybox, which a program's name on PATH does not tell from another.
const TEST_BUSYBOX: [&str; 1] = ["busybox-static"];

/// Installs what is missing of `needs`, slow parts side by side.
///
/// # Errors
/// What could not be installed, with the command to type where root is needed.
pub fn ensure(needs: &[Need]) -> Result<()> {
    if jobs(needs).is_empty() {
        return Ok(());
    }
    let _lock = lock()?;
    if needs.contains(&Need::Npm) && on_path("npm").is_none() {
        eprintln!("setting up: Node.js with npm");
        apt::install(&["nodejs", "npm"])?;
    }
    // Another run may have installed it while this one waited for the lock.
    let jobs = jobs(needs);
    if !jobs.is_empty() {
        eprintln!("setting up (kept in {}):", cache().display());
    }
    run_together(jobs)
}

/// One installation at a time per cache.
fn lock() -> Result<File> {
    fs::create_dir_all(cache())?;
    let path = cache().join("lock");
    let file = File::create(&path).with_context(|| path.display().to_string())?;
    if file.try_lock().is_err() {
        eprintln!("waiting for another set-up that is running");
        file.lock()?;
    }
    Ok(file)
}

fn jobs(needs: &[Need]) -> Vec<Job> {
    let wants = |need| needs.contains(&need);
    let mut jobs = Vec::new();
    let wasm_std = wants(Need::WasmStd) && wasm_std::find().is_none();
    let packages = debian_packages(needs);
    let kernel = wants(Need::TestTools) && !kernel::present();
    if wasm_std || kernel || !packages.is_empty() {
        jobs.push(packages_and_std(packages, wasm_std, kernel));
    }
    for (need, tool) in [
        (Need::WasmBindgen, WASM_BINDGEN),
        (Need::Trunk, TRUNK),
        (Need::WasmPack, WASM_PACK),
    ] {
        if wants(need) && !tool.present() {
            jobs.push(install_tool(tool));
        }
    }
    if wants(Need::Npm) && !npm::present() {
        jobs.push(Job::new("npm packages", npm::install));
    }
    jobs
}

fn debian_packages(needs: &[Need]) -> Vec<&'static str> {
    let mut packages = Vec::new();
    let mut want = |programs: &[(&str, &'static str)]| {
        let missing = programs
            .iter()
            .filter(|(program, _)| on_path(program).is_none());
        packages.extend(missing.map(|(_, package)| *package));
    };
    if needs.contains(&Need::Browser) {
        want(&BROWSER_PROGRAMS);
    }
    if needs.contains(&Need::TestTools) {
        want(&TEST_PROGRAMS);
        packages.extend(apt::missing(&TEST_BUSYBOX));
    }
    packages
}

/// apt runs once at a time, so the compiler's packages come with the others, and a kernel after them.
fn packages_and_std(mut packages: Vec<&'static str>, wasm_std: bool, kernel: bool) -> Job {
    let mut parts = packages.clone();
    if wasm_std {
        parts.push("standard library for wasm32");
    }
    if kernel {
        parts.push("a kernel for tests");
    }
    Job::new(parts.join(", "), move || {
        let from_rustup = wasm_std && wasm_std::try_rustup();
        let build = wasm_std && !from_rustup;
        if build {
            packages.extend(apt::missing(&wasm_std::PACKAGES));
        }
        apt::install(&packages)?;
        if kernel {
            kernel::install()?;
        }
        if build && wasm_std::find().is_none() {
            wasm_std::build_sysroot()?;
        }
        Ok(())
    })
}

fn install_tool(tool: Tool) -> Job {
    Job::new(format!("{} {}", tool.package, tool.version), move || {
        tool.install()
    })
}

/// Variables for commands that build for the page: compiler and tools first on PATH.
///
/// # Errors
/// When there is no compiler for the page; `ensure` comes first.
pub fn page_environment() -> Result<Vec<(String, OsString)>> {
    let toolchain: Toolchain = wasm_std::find().context("no compiler for wasm32 is set up")?;
    let tools = [WASM_BINDGEN.bin(), TRUNK.bin(), WASM_PACK.bin(), npm::bin()];
    Ok(wasm_std::environment(&toolchain, &tools))
}

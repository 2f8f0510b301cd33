//! Tools that come from crates.io, each in a folder named for its version.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use crate::paths::{cache, on_path};
use crate::run::Cmd;

/// A program that `cargo install` makes.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// The crate.
    pub package: &'static str,
    /// The program that must be there.
    pub program: &'static str,
    /// The exact version.
    pub version: &'static str,
    /// Whether the crate's own lock file can be used.
    pub locked: bool,
    /// Whether the crate's default features are wanted.
    pub default_features: bool,
    /// How much the compiler optimises: what runs for long is worth more.
    pub opt_level: &'static str,
}

/// Assembles the page.
pub const TRUNK: Tool = Tool {
    package: "trunk",
    program: "trunk",
    version: "0.21.14",
    locked: true,
    // Downloading tools and self-update are what the default features add.
    default_features: false,
    opt_level: "0",
};

/// Makes the JavaScript side of a wasm module; the workspace pins the same version.
pub const WASM_BINDGEN: Tool = Tool {
    package: "wasm-bindgen-cli",
    program: "wasm-bindgen",
    version: "0.2.130",
    // Its lock file names a version that is no longer there.
    locked: false,
    default_features: true,
    opt_level: "1",
};

/// Runs tests of a wasm crate in a browser.
pub const WASM_PACK: Tool = Tool {
    package: "wasm-pack",
    program: "wasm-pack",
    version: "0.15.1",
    locked: true,
    default_features: true,
    opt_level: "0",
};

impl Tool {
    fn home(&self) -> PathBuf {
        cache().join(format!("{}-{}", self.package, self.version))
    }

    /// The folder to put on PATH.
    pub fn bin(&self) -> PathBuf {
        self.home().join("bin")
    }

    /// Whether this version is in the cache or on PATH.
    pub fn present(&self) -> bool {
        self.bin().join(self.program).is_file() || self.on_path()
    }

    fn on_path(&self) -> bool {
        on_path(self.program).is_some()
            && Cmd::new(self.program)
                .arg("--version")
                .output()
                .is_ok_and(|text| text.split_whitespace().any(|word| word == self.version))
    }

    /// Builds it fast rather than fast-running, apart from any workspace's target folder.
    pub fn install(&self) -> Result<()> {
        let scratch = cache().join(format!("scratch/{}", self.package));
        let mut cmd = Cmd::new("cargo")
            .args(["install", self.package, "--version", self.version])
            .arg("--root")
            .arg(self.home())
            .arg("--target-dir")
            .arg(&scratch)
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", self.opt_level)
            .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
            .env("CARGO_PROFILE_RELEASE_STRIP", "symbols");
        if self.locked {
            cmd = cmd.arg("--locked");
        }
        if !self.default_features {
            cmd = cmd.arg("--no-default-features");
        }
        cmd.log(cache().join(format!("log/{}.log", self.package)))
            .run()?;
        // Only the program is kept; what could not be removed is overwritten next time.
        let _ = fs::remove_dir_all(scratch);
        Ok(())
    }
}

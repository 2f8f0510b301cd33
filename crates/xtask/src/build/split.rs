//! The machine's module in two: what runs until the prompt, and the rest (`crates/wasm-split`).

use std::fs;

use anyhow::{Context, Result};

use crate::paths::{dist, root};
use crate::run::Cmd;

/// The glue that wasm-bindgen made, the module, and its second part, in `dist/`.
const GLUE: &str = "glassdock-js.js";
const MODULE: &str = "glassdock-js_bg.wasm";
const MORE: &str = "glassdock-js_more.wasm";

const REHEARSAL: &str = include_str!("rehearsal.mjs");

/// Splits the module that trunk left in `dist/`: boots it in Node up to the prompt, and keeps the functions that were
/// entered in the first part.
///
/// # Errors
/// A machine that does not come to its prompt; a module that cannot be split.
pub fn split() -> Result<()> {
    let work = root().join("target/split");
    fs::create_dir_all(&work).with_context(|| work.display().to_string())?;
    // Node takes the glue for a module by its name.
    let glue = work.join("glue.mjs");
    fs::copy(dist().join(GLUE), &glue).context(GLUE)?;
    let rehearsal = work.join("rehearsal.mjs");
    fs::write(&rehearsal, REHEARSAL)?;
    let module = work.join("module.wasm");
    fs::rename(dist().join(MODULE), &module).context(MODULE)?;
    let instrumented = work.join("instrumented.wasm");
    let profile = work.join("profile");
    tool()
        .arg("instrument")
        .args([&module, &instrumented])
        .run()?;
    Cmd::new("node")
        .args([&rehearsal, &glue, &instrumented])
        .args([&dist().join("images"), &profile])
        .run()
        .context("rehearsing the beginning of the page in Node")?;
    tool()
        .arg("split")
        .args([&module, &profile])
        .args([&dist().join(MODULE), &dist().join(MORE)])
        .run()
}

fn tool() -> Cmd {
    Cmd::new("cargo")
        .args(["run", "--quiet", "-p", "glassdock-wasm-split", "--"])
        .dir(root())
}

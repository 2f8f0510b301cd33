//! `size`: what the page requests before the first prompt, compressed as servers do it.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::build;
use crate::paths::dist;
use crate::run::Cmd;
use crate::serve::Server;
use crate::setup::{self, Need};
use crate::test::browser_script;

/// What may be requested before the first prompt once the target is reached, without the images
/// (bytes, brotli).
pub const TARGET: u64 = 550 * 1000;

/// What is refused until then: the page is far above its target, and must not move away from it.
/// Lower it with every saving; it goes when it meets [`TARGET`].
pub const CEILING: u64 = 1_580 * 1000;

/// Images are content, not the program: listed, not counted.
const NOT_COUNTED: &str = "images/";

/// Reads file names, one an argument, and prints each one's size as brotli 11.
const COMPRESS: &str = r#"
const { readFileSync } = require("fs"), zlib = require("zlib");
for (const file of process.argv.slice(1)) {
  const content = readFileSync(file), c = zlib.constants;
  const params = { [c.BROTLI_PARAM_QUALITY]: 11, [c.BROTLI_PARAM_LGWIN]: 24,
                   [c.BROTLI_PARAM_SIZE_HINT]: content.length };
  console.log(zlib.brotliCompressSync(content, { params }).length, content.length);
}"#;

/// Prints the table and by how much the target is missed; whether the sum stays below the ceiling.
///
/// # Errors
/// When the page cannot be built or opened.
pub fn report() -> Result<bool> {
    build::ensure()?;
    setup::ensure(&[Need::Browser])?;
    let files = requested()?;
    let rows = measured(&files)?;
    println!("{:>9}  {:>9}  file", "brotli", "plain");
    for (name, brotli, plain) in &rows {
        let note = if counted(name) { "" } else { "  (not counted)" };
        println!("{brotli:>9}  {plain:>9}  {name}{note}");
    }
    let sum: u64 = rows
        .iter()
        .filter(|row| counted(&row.0))
        .map(|row| row.1)
        .sum();
    println!("{sum:>9}  before the first prompt; refused above {CEILING}");
    if let Some(missed @ 1..) = sum.checked_sub(TARGET) {
        println!("{missed:>9}  above the target of {TARGET}");
    }
    Ok(sum <= CEILING)
}

fn counted(name: &str) -> bool {
    !name.starts_with(NOT_COUNTED)
}

/// What a real browser asks for.
fn requested() -> Result<Vec<String>> {
    let server = Server::bind(dist(), 0)?;
    let url = server.url()?;
    std::thread::spawn(move || server.run());
    let output = browser_script(&url)
        .arg("tests/browser/requests.mjs")
        .output()?;
    let seen: Value = serde_json::from_str(&output).context("the browser's list of requests")?;
    if seen["prompt"] != true {
        bail!("the page showed no prompt (performance mark `glassdock:prompt`) in 30 s");
    }
    let files = seen["files"].as_array().context("a list of files")?;
    Ok(files
        .iter()
        .filter_map(|file| Some(file.as_str()?.to_owned()))
        .collect())
}

fn measured(files: &[String]) -> Result<Vec<(String, u64, u64)>> {
    let output = Cmd::new("node")
        .args(["-e", COMPRESS])
        .args(files)
        .dir(dist())
        .output()?;
    let mut rows = Vec::new();
    for (name, line) in files.iter().zip(output.lines()) {
        let (brotli, plain) = line.split_once(' ').context("two sizes")?;
        rows.push((name.clone(), brotli.parse::<u64>()?, plain.parse::<u64>()?));
    }
    rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Ok(rows)
}

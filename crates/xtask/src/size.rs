//! `size`: what the page requests before the first prompt, compressed as servers do it.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::build;
use crate::paths::dist;
use crate::run::Cmd;
use crate::serve::Server;
use crate::setup::{self, Need};
use crate::test::browser_script;

/// What may be requested before the first prompt, without the images (bytes, brotli).
pub const MOST: u64 = 550 * 1000;

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

/// Prints what is requested before the first prompt and after it; whether the former is no more than [`MOST`].
///
/// # Errors
/// When the page cannot be built or opened.
pub fn report() -> Result<bool> {
    build::ensure()?;
    setup::ensure(&[Need::Browser])?;
    let requested = requested()?;
    println!("{:>9}  {:>9}  file", "brotli", "plain");
    let before = part(&requested["before"])?;
    println!("{before:>9}  before the first prompt; refused above {MOST}");
    let after = part(&requested["after"])?;
    println!("{after:>9}  after it");
    Ok(before <= MOST)
}

/// Prints the files of a list; the sum of those that count, in bytes as brotli.
fn part(files: &Value) -> Result<u64> {
    let files: Vec<String> = serde_json::from_value(files.clone()).context("a list of files")?;
    let rows = measured(&files)?;
    for (name, brotli, plain) in &rows {
        let note = if counted(name) { "" } else { "  (not counted)" };
        println!("{brotli:>9}  {plain:>9}  {name}{note}");
    }
    Ok(rows
        .iter()
        .filter(|row| counted(&row.0))
        .map(|row| row.1)
        .sum())
}

fn counted(name: &str) -> bool {
    !name.starts_with(NOT_COUNTED)
}

/// What a real browser asks for, `before` the prompt and `after` it.
fn requested() -> Result<Value> {
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
    Ok(seen)
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

//! `wasm-split instrument MODULE COPY` and `wasm-split split MODULE PROFILE PRIMARY SECONDARY`.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

const USAGE: &str = "\
usage: glassdock-wasm-split instrument MODULE COPY
       glassdock-wasm-split split MODULE PROFILE PRIMARY SECONDARY";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("glassdock-wasm-split: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["instrument", module, copy] => {
            let instrumented = glassdock_wasm_split::instrument(&read(module)?)
                .with_context(|| (*module).to_owned())?;
            write(copy, &instrumented)
        }
        ["split", module, profile, primary, secondary] => {
            let split = glassdock_wasm_split::split(&read(module)?, &read(profile)?)
                .with_context(|| (*module).to_owned())?;
            println!(
                "{} functions to start with, {} for later",
                split.kept, split.moved
            );
            write(primary, &split.primary)?;
            write(secondary, &split.secondary)
        }
        _ => bail!("{USAGE}"),
    }
}

fn read(path: &str) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| path.to_owned())
}

fn write(path: &str, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| path.to_owned())
}

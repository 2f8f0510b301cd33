//! `cargo xtask`: the project's own commands.

mod jobs;
mod paths;
mod run;
mod setup;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Result, bail};
use lexopt::prelude::*;

use run::Cmd;
use setup::Need;

const HELP: &str = "\
cargo xtask COMMAND

  setup            install what the other commands need
  wasm ARGS…       run cargo with ARGS for wasm32-unknown-unknown, e.g. `wasm check -p glassdock-abi`
";

fn main() -> ExitCode {
    match command() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn command() -> Result<()> {
    let mut args = lexopt::Parser::from_env();
    match args.next()? {
        Some(Value(name)) => dispatch(&name.string()?, args),
        Some(Short('h') | Long("help")) | None => {
            print!("{HELP}");
            Ok(())
        }
        Some(other) => Err(other.unexpected().into()),
    }
}

fn dispatch(name: &str, mut args: lexopt::Parser) -> Result<()> {
    match name {
        "setup" => {
            let all: Vec<Need> = setup::PAGE.into_iter().chain(setup::TESTS).collect();
            setup::ensure(&all)
        }
        "wasm" => wasm(args.raw_args()?.collect()),
        other => bail!("no command `{other}`\n\n{HELP}"),
    }
}

/// Runs cargo with the toolchain that can build for the page.
fn wasm(args: Vec<OsString>) -> Result<()> {
    let Some((verb, rest)) = args.split_first() else {
        bail!("usage: cargo xtask wasm CARGO-COMMAND [ARGS…]");
    };
    setup::ensure(&[Need::WasmStd])?;
    Cmd::new("cargo")
        .arg(verb)
        .args(["--target", setup::wasm_std::TARGET])
        .args(rest)
        .envs(&setup::page_environment()?)
        .run()
}

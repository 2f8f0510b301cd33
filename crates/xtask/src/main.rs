//! `cargo xtask`: the project's own commands.

mod bench;
mod build;
mod ci;
mod images;
mod jobs;
mod notices;
mod parts;
mod paths;
mod run;
mod serve;
mod setup;
mod size;
mod suite;
mod test;
mod tidy;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Result, bail};
use lexopt::prelude::*;

use run::Cmd;
use setup::Need;

const HELP: &str = "\
cargo xtask COMMAND

  serve [--port N] build what changed, then serve the page on loopback
  build            build the page into dist/
  images           make the busybox image and the simulated host's files
  parts            make what trunk copies into the page (trunk calls this)
  test [KIND…]     run the tests: native, wasm, browser, or all of them
  ci               format, lints, tidy, all tests, size: what a change must pass
  tidy             check the rules of the house
  size             what the page requests before the first prompt, with the limit
  bench [NAME…]    run the benchmarks and write their figures to BENCHMARKS.md
  setup            install what the other commands need
  wasm ARGS…       run cargo with ARGS for wasm32-unknown-unknown, e.g. `wasm check -p glassdock-abi`
";

const DEFAULT_PORT: u16 = 8080;

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
        "help" => {
            print!("{HELP}");
            Ok(())
        }
        "setup" => {
            let all: Vec<Need> = setup::PAGE.into_iter().chain(setup::TESTS).collect();
            setup::ensure(&all)
        }
        "build" => {
            no_more(&mut args)?;
            build::ensure()
        }
        "serve" => serve(args),
        "images" => {
            no_more(&mut args)?;
            images::make()
        }
        "parts" => {
            no_more(&mut args)?;
            parts::ensure()
        }
        "test" => {
            let mut kinds = Vec::new();
            for name in args.raw_args()? {
                kinds.push(test::Kind::named(&name.string()?)?);
            }
            if kinds.is_empty() {
                kinds.extend(test::Kind::ALL);
            }
            verdict(test::run(&kinds)?)
        }
        "tidy" => {
            no_more(&mut args)?;
            verdict(tidy::run()?)
        }
        "bench" => {
            let names = args.raw_args()?.map(|name| Ok(name.string()?));
            bench::run(&names.collect::<Result<Vec<_>>>()?)
        }
        "size" => {
            no_more(&mut args)?;
            if !size::report()? {
                bail!("the page requests too much before the first prompt");
            }
            Ok(())
        }
        "ci" => {
            no_more(&mut args)?;
            let counts = ci::run();
            println!("{} passed, {} failed", counts.passed, counts.failed);
            if counts.failed > 0 {
                std::process::exit(1);
            }
            Ok(())
        }
        "wasm" => wasm(args.raw_args()?.collect()),
        other => bail!("no command `{other}`\n\n{HELP}"),
    }
}

/// Failed checks have been shown; the exit status says it too.
fn verdict(counts: suite::Counts) -> Result<()> {
    if counts.failed > 0 {
        bail!("{} passed, {} failed", counts.passed, counts.failed);
    }
    println!("{} passed, 0 failed", counts.passed);
    Ok(())
}

fn no_more(args: &mut lexopt::Parser) -> Result<()> {
    match args.next()? {
        None => Ok(()),
        Some(other) => Err(other.unexpected().into()),
    }
}

fn serve(mut args: lexopt::Parser) -> Result<()> {
    let mut port = DEFAULT_PORT;
    while let Some(arg) = args.next()? {
        match arg {
            Long("port") => port = args.value()?.parse()?,
            other => return Err(other.unexpected().into()),
        }
    }
    // The port first: nobody wants to wait for a build and then hear that it is taken.
    let server = serve::Server::bind(paths::dist(), port)?;
    build::ensure()?;
    println!("{}", server.url()?);
    server.run();
    Ok(())
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

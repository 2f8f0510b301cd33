//! `glassdock daemon`.

mod options;
mod sim;

use crate::program;
use glassdock_abi::types::signal;
use glassdock_engine::Config;
use glassdock_engine::daemon;
use glassdock_linux::{Direct, Tokio, raise_open_files};
use options::{Options, USAGE, parse};
use rustix::fs::Mode;
use std::ffi::OsString;
use std::os::unix::fs::DirBuilderExt;
use std::process::ExitCode;

/// The command. `args` begins with the program's name.
pub(crate) fn main(args: Vec<OsString>) -> ExitCode {
    let options = match parse(args) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("glassdock daemon: {error}\nSee 'glassdock daemon --help'.");
            return ExitCode::from(125);
        }
    };
    match run(options, crate::environment()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("glassdock daemon: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options, envp: Vec<Vec<u8>>) -> Result<(), String> {
    // Modes are meant as they are written (moby sets the same).
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
    raise_open_files().map_err(|error| format!("raise the limit of open files: {error}"))?;
    match options.sim {
        Some(sim) => sim::run(options.config, options.group_given, sim, &envp),
        None => on_linux(options.config, envp),
    }
}

fn on_linux(mut config: Config, envp: Vec<Vec<u8>>) -> Result<(), String> {
    if !rustix::process::geteuid().is_root() {
        return Err(
            "only root can make containers: start it with sudo, or as a service of the system"
                .into(),
        );
    }
    let failed = |what: &'static str| move |error| format!("{what}: {error}");
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o711)
        .create(&config.run)
        .map_err(|error| format!("make {}: {error}", config.run))?;
    let direct = Direct::new().map_err(failed("set up"))?;
    let lock = direct
        .block_on(daemon::lock(&direct, &config))
        .map_err(|error| error.to_string())?;
    let program = direct
        .block_on(program::protect(&direct, &config.run))
        .map_err(failed("mount this program for the shims"))?;
    (config.shim, config.runtime) = (program.clone(), program.clone());
    let stop = 1 << (signal::TERM - 1) | 1 << (signal::INT - 1);
    let ran = Tokio::run(
        stop,
        |sys| async move { daemon::run(&sys, config, &envp).await },
    );
    let released = direct.block_on(program::release(&direct, &program));
    drop(lock);
    ran.map_err(failed("start threads"))?
        .map_err(|error| error.to_string())?;
    released.map_err(failed("take the mount of this program away"))
}

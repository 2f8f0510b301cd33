//! `glassdock daemon`.

use crate::program;
use glassdock_abi::types::signal;
use glassdock_engine::daemon::{self, Host};
use glassdock_engine::{Config, LogLevel};
use glassdock_linux::{Direct, Tokio, raise_open_files};
use lexopt::{Arg, ValueExt};
use rustix::fs::Mode;
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::fmt::Write;
use std::os::unix::fs::DirBuilderExt;
use std::process::ExitCode;

const USAGE: &str = "\
Usage: glassdock daemon [OPTIONS]

Runs containers for clients of the Docker API, until SIGTERM or SIGINT.

Options:
  -H, --host HOST          Where to listen, any number of times: unix://PATH, tcp://127.0.0.1:PORT, or fd://
                           for the socket that it was started with (unix:///run/docker.sock)
      --root DIR           Images and containers (/var/lib/glassdock)
      --exec-root DIR      What runs; at most 24 bytes (a directory for each root in /run/glassdock)
  -G, --group NAME         Group that may use the unix sockets (docker)
  -p, --pidfile FILE       For the daemon's process id (daemon.pid in the exec root)
  -l, --log-level LEVEL    debug, info, warn, error or fatal (info)
  -h, --help               Print this text
";

/// Where images and containers are when nothing is said.
const ROOT: &str = "/var/lib/glassdock";
/// Below it are the exec roots when nothing is said.
const EXEC_ROOTS: &str = "/run/glassdock";
/// Longest exec root in bytes: the shims' sockets are below it, and a socket's path has 107.
const MAX_EXEC_ROOT: usize = 24;

/// The command. `args` begins with the program's name.
pub(crate) fn main(args: Vec<OsString>) -> ExitCode {
    let config = match parse(args) {
        Ok(Some(config)) => config,
        Ok(None) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("glassdock daemon: {error}\nSee 'glassdock daemon --help'.");
            return ExitCode::from(125);
        }
    };
    match run(config, crate::environment()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("glassdock daemon: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut config: Config, envp: Vec<Vec<u8>>) -> Result<(), String> {
    if !rustix::process::geteuid().is_root() {
        return Err(
            "only root can make containers: start it with sudo, or as a service of the system"
                .into(),
        );
    }
    let failed = |what: &'static str| move |error| format!("{what}: {error}");
    // Modes are meant as they are written (moby sets the same).
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
    raise_open_files().map_err(failed("raise the limit of open files"))?;
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

/// Reads the options; nothing when the help is asked for.
fn parse(args: Vec<OsString>) -> Result<Option<Config>, lexopt::Error> {
    let mut config = Config {
        root: ROOT.into(),
        run: String::new(),
        log_level: LogLevel::Info,
        ..Config::default()
    };
    let mut hosts = Vec::new();
    let mut parser = lexopt::Parser::from_iter(args);
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            Arg::Short('H') | Arg::Long("host") => {
                hosts.push(parser.value()?.parse_with(Host::parse)?);
            }
            Arg::Long("root" | "data-root") => config.root = path(parser.value()?)?,
            Arg::Long("exec-root") => config.run = path(parser.value()?)?,
            Arg::Short('p') | Arg::Long("pidfile") => {
                config.pid_file = Some(path(parser.value()?)?)
            }
            Arg::Short('G') | Arg::Long("group") => config.group = parser.value()?.string()?,
            Arg::Short('l') | Arg::Long("log-level") => {
                config.log_level = parser.value()?.parse_with(LogLevel::parse)?;
            }
            other => return Err(other.unexpected()),
        }
    }
    if !hosts.is_empty() {
        config.hosts = hosts;
    }
    if config.run.is_empty() {
        config.run = exec_root(&config.root);
    }
    if config.run.len() > MAX_EXEC_ROOT {
        let run = &config.run;
        return Err(format!("--exec-root {run}: longer than {MAX_EXEC_ROOT} bytes").into());
    }
    let pid_file = || format!("{}/daemon.pid", config.run);
    config.pid_file = config.pid_file.or_else(|| Some(pid_file()));
    Ok(Some(config))
}

/// An absolute path without a slash at its end.
fn path(given: OsString) -> Result<String, lexopt::Error> {
    let absolute =
        std::path::absolute(&given).map_err(|error| format!("{}: {error}", given.display()))?;
    let text = absolute.into_os_string().string()?;
    Ok(text.trim_end_matches('/').to_owned())
}

/// The exec root of a root: always the same one, and no other's.
fn exec_root(root: &str) -> String {
    let digest = Sha256::digest(root.as_bytes());
    let mut path = format!("{EXEC_ROOTS}/");
    for byte in digest.iter().take(4) {
        let _ = write!(path, "{byte:02x}");
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Option<Config>, String> {
        let words = std::iter::once("glassdock").chain(line.split_whitespace());
        parse(words.map(OsString::from).collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn options_are_read_and_what_is_not_said_follows_from_the_root() {
        let config = parsed("-H unix:///s --host=tcp://127.0.0.1:1 --root /r/")
            .unwrap()
            .unwrap();
        let hosts: Vec<String> = config.hosts.iter().map(Host::to_string).collect();
        assert_eq!(hosts, ["unix:///s", "tcp://127.0.0.1:1"]);
        assert_eq!((&*config.root, &*config.group), ("/r", "docker"));
        assert_eq!(config.pid_file, Some(format!("{}/daemon.pid", config.run)));
        let other = parsed("--root /other").unwrap().unwrap();
        assert_ne!(config.run, other.run);
        assert!(config.run.len() <= MAX_EXEC_ROOT, "{}", config.run);
        let config = parsed("--exec-root /run/x -p /p -l error")
            .unwrap()
            .unwrap();
        assert_eq!(
            (&*config.run, config.pid_file.as_deref()),
            ("/run/x", Some("/p"))
        );
        assert_eq!(config.log_level, LogLevel::Error);
        assert!(parsed("--host nonsense --help").is_err());
        assert!(parsed("--help").unwrap().is_none());
    }

    #[test]
    fn wrong_options_are_refused() {
        for line in [
            "--nope",
            "x",
            "--root",
            "--host tcp://0.0.0.0:2375",
            "--log-level loud",
            "--exec-root /a/path/of/more/than/24/bytes",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}

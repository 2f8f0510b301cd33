//! What `glassdock daemon` is asked for.

use glassdock_engine::daemon::Host;
use glassdock_engine::{Config, LogLevel};
use lexopt::{Arg, ValueExt};
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::fmt::Write;
use std::path::PathBuf;

/// What `--help` prints.
pub(super) const USAGE: &str = "\
Usage: glassdock daemon [OPTIONS]

Runs containers for clients of the Docker API, until SIGTERM or SIGINT.

Options:
  -H, --host HOST          Where to listen, any number of times: unix://PATH, tcp://127.0.0.1:PORT, or fd://
                           for the socket that it was started with (unix:///run/docker.sock)
      --kernel KERNEL      linux, or sim for a simulated machine in this process, which needs no root (linux)
      --root DIR           Images and containers (/var/lib/glassdock)
      --exec-root DIR      What runs; at most 24 bytes (a directory for each root in /run/glassdock)
  -G, --group NAME         Group that may use the unix sockets (docker)
  -p, --pidfile FILE       For the daemon's process id (daemon.pid in the exec root)
  -l, --log-level LEVEL    debug, info, warn, error or fatal (info)
  -h, --help               Print this text

With --kernel sim, where nothing is kept:
      --images DIR         host.tar.gz and busybox.tar.gz, which `cargo xtask images` makes
                           (../share/glassdock beside the directory of this program)
      --input-log FILE     For all that comes into the machine: with the images it leads to the same events again
";

/// Where images and containers are when nothing is said.
const ROOT: &str = "/var/lib/glassdock";
/// Below it are the exec roots when nothing is said.
const EXEC_ROOTS: &str = "/run/glassdock";
/// Longest exec root in bytes: the shims' sockets are below it, and a socket's path has 107.
const MAX_EXEC_ROOT: usize = 24;

/// A daemon to run.
#[derive(Debug)]
pub(super) struct Options {
    pub config: Config,
    /// Whether the group was asked for.
    pub group_given: bool,
    /// On a simulated kernel.
    pub sim: Option<Sim>,
}

/// What a simulated machine is made from, and what is kept of it.
#[derive(PartialEq, Eq, Debug, Default)]
pub(super) struct Sim {
    pub images: Option<PathBuf>,
    pub input_log: Option<String>,
}

/// Reads the options; nothing when the help is asked for.
pub(super) fn parse(args: Vec<OsString>) -> Result<Option<Options>, lexopt::Error> {
    let mut given = Given::default();
    let mut parser = lexopt::Parser::from_iter(args);
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            Arg::Short('H') | Arg::Long("host") => {
                let host = parser.value()?.parse_with(Host::parse)?;
                given.hosts.push(host);
            }
            Arg::Long("kernel") => given.simulated = parser.value()?.parse_with(is_simulated)?,
            Arg::Long("root" | "data-root") => given.root = Some(path(parser.value()?)?),
            Arg::Long("exec-root") => given.run = Some(path(parser.value()?)?),
            Arg::Short('p') | Arg::Long("pidfile") => {
                given.pid_file = Some(path(parser.value()?)?);
            }
            Arg::Short('G') | Arg::Long("group") => given.group = Some(parser.value()?.string()?),
            Arg::Short('l') | Arg::Long("log-level") => {
                given.log_level = Some(parser.value()?.parse_with(LogLevel::parse)?);
            }
            Arg::Long("images") => given.sim.images = Some(path(parser.value()?)?.into()),
            Arg::Long("input-log") => given.sim.input_log = Some(path(parser.value()?)?),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(given.options()?))
}

/// Options as they were given.
#[derive(Default)]
struct Given {
    simulated: bool,
    hosts: Vec<Host>,
    root: Option<String>,
    run: Option<String>,
    group: Option<String>,
    pid_file: Option<String>,
    log_level: Option<LogLevel>,
    sim: Sim,
}

impl Given {
    fn options(mut self) -> Result<Options, String> {
        self.check()?;
        let mut config = Config {
            log_level: self.log_level.unwrap_or(LogLevel::Info),
            pid_file: self.pid_file.take(),
            ..Config::default()
        };
        if !self.hosts.is_empty() {
            config.hosts = std::mem::take(&mut self.hosts);
        }
        let group_given = self.group.is_some();
        config.group = self.group.take().unwrap_or(config.group);
        if !self.simulated {
            self.place(&mut config)?;
        }
        Ok(Options {
            config,
            group_given,
            sim: self.simulated.then_some(self.sim),
        })
    }

    /// Options of the other kernel are refused: they would do nothing.
    fn check(&self) -> Result<(), String> {
        let given = [
            ("--root", self.root.is_some(), false),
            ("--exec-root", self.run.is_some(), false),
            ("--images", self.sim.images.is_some(), true),
            ("--input-log", self.sim.input_log.is_some(), true),
        ];
        for (name, given, of_sim) in given {
            if given && of_sim && !self.simulated {
                return Err(format!("{name}: only with --kernel sim"));
            }
            if given && !of_sim && self.simulated {
                return Err(format!("{name}: nothing is kept with --kernel sim"));
            }
        }
        Ok(())
    }

    /// Where a daemon on the real kernel has its files.
    fn place(&mut self, config: &mut Config) -> Result<(), String> {
        config.root = self.root.take().unwrap_or_else(|| ROOT.into());
        config.run = self.run.take().unwrap_or_else(|| exec_root(&config.root));
        if config.run.len() > MAX_EXEC_ROOT {
            let run = &config.run;
            return Err(format!(
                "--exec-root {run}: longer than {MAX_EXEC_ROOT} bytes"
            ));
        }
        let pid_file = config.pid_file.take();
        config.pid_file = pid_file.or_else(|| Some(format!("{}/daemon.pid", config.run)));
        Ok(())
    }
}

fn is_simulated(name: &str) -> Result<bool, String> {
    match name {
        "linux" => Ok(false),
        "sim" => Ok(true),
        _ => Err(format!("{name:?} is none of linux, sim")),
    }
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

    fn options(line: &str) -> Result<Option<Options>, String> {
        let words = std::iter::once("glassdock").chain(line.split_whitespace());
        parse(words.map(OsString::from).collect()).map_err(|error| error.to_string())
    }

    fn parsed(line: &str) -> Result<Option<Config>, String> {
        Ok(options(line)?.map(|options| options.config))
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
    fn a_simulated_machine_keeps_nothing_that_was_not_asked_for() {
        let given = options("--kernel sim -H unix:///s --images /i/ --group g").unwrap();
        let given = given.unwrap();
        assert_eq!(given.config.pid_file, None);
        assert!(given.group_given);
        let sim = Sim {
            images: Some("/i".into()),
            input_log: None,
        };
        assert_eq!(given.sim, Some(sim));
        let real = options("--kernel linux").unwrap().unwrap();
        assert!(real.sim.is_none() && !real.group_given);
    }

    #[test]
    fn options_of_the_other_kernel_are_refused() {
        for (line, why) in [
            (
                "--kernel sim --root /r",
                "--root: nothing is kept with --kernel sim",
            ),
            (
                "--exec-root /r --kernel sim",
                "--exec-root: nothing is kept with --kernel sim",
            ),
            ("--images /i", "--images: only with --kernel sim"),
            (
                "--kernel linux --input-log /l",
                "--input-log: only with --kernel sim",
            ),
        ] {
            assert_eq!(options(line).unwrap_err(), why);
        }
    }

    #[test]
    fn wrong_options_are_refused() {
        for line in [
            "--nope",
            "x",
            "--root",
            "--host tcp://0.0.0.0:2375",
            "--log-level loud",
            "--kernel hurd",
            "--exec-root /a/path/of/more/than/24/bytes",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}

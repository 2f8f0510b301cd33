//! The daemon's arguments.

use super::listen::Host;
use crate::engine::{Config, LogLevel};

/// What `--help` prints.
pub(super) const USAGE: &str = "\
Usage: dockerd [OPTIONS]

Runs containers for clients of the Docker API.

Options:
  -H, --host HOST          Where to listen, any number of times: unix://PATH, tcp://127.0.0.1:PORT,
                           or fd:// for the socket that the daemon was started with
      --preload PATH       Directory of archives with images to load
      --data-root PATH     Directory of images and containers
      --exec-root PATH     Directory of what runs
  -G, --group NAME         Group that may use the unix sockets
  -p, --pidfile PATH       File for the daemon's process id
  -l, --log-level LEVEL    What is told on standard error: debug, info, warn, error or fatal
      --shim PATH          Program that looks after one container
      --runtime PATH       Program that makes containers
      --help               Print this text
";

/// Reads the arguments; nothing when the help is asked for.
pub(super) fn parse(argv: &[Vec<u8>]) -> Result<Option<Config>, String> {
    let mut config = Config::default();
    let mut hosts = Vec::new();
    let words: Vec<String> = argv
        .iter()
        .skip(1)
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        if word == "--help" {
            return Ok(None);
        }
        if !word.starts_with('-') {
            return Err(format!("unexpected argument: {word}"));
        }
        let (name, given) = match word.split_once('=') {
            Some((name, value)) => (name.to_string(), Some(value.to_string())),
            None => (word, None),
        };
        let mut value = || {
            given
                .clone()
                .or_else(|| words.next())
                .ok_or_else(|| format!("flag needs an argument: {name}"))
        };
        let wrong = |why| format!("{name}: {why}");
        match name.as_str() {
            "-H" | "--host" => hosts.push(Host::parse(&value()?).map_err(wrong)?),
            "-G" | "--group" => config.group = value()?,
            "-l" | "--log-level" => config.log_level = LogLevel::parse(&value()?).map_err(wrong)?,
            "-p" | "--pidfile" => config.pid_file = Some(path(&value()?).map_err(wrong)?),
            "--preload" => config.preload = Some(path(&value()?).map_err(wrong)?),
            "--data-root" => config.root = path(&value()?).map_err(wrong)?,
            "--exec-root" => config.run = path(&value()?).map_err(wrong)?,
            "--shim" => config.shim = path(&value()?).map_err(wrong)?,
            "--runtime" => config.runtime = path(&value()?).map_err(wrong)?,
            _ => return Err(format!("unknown flag: {name}")),
        }
    }
    if !hosts.is_empty() {
        config.hosts = hosts;
    }
    Ok(Some(config))
}

fn path(text: &str) -> Result<String, String> {
    if !text.starts_with('/') {
        return Err(format!("{text:?} is no absolute path"));
    }
    Ok(text.trim_end_matches('/').to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Option<Config>, String> {
        let argv: Vec<Vec<u8>> = ["dockerd"]
            .iter()
            .chain(words)
            .map(|word| word.as_bytes().to_vec())
            .collect();
        parse(&argv)
    }

    #[test]
    fn arguments_are_read() {
        let words = "-H unix:///s --host=tcp://127.0.0.1:1 -H fd:// --preload /i --data-root=/d/ --shim /x -p /p -l error -G g";
        let words: Vec<&str> = words.split(' ').collect();
        let config = parsed(&words).unwrap().unwrap();
        let hosts: Vec<String> = config.hosts.iter().map(Host::to_string).collect();
        assert_eq!(hosts, ["unix:///s", "tcp://127.0.0.1:1", "fd://"]);
        assert_eq!(
            (&*config.root, &*config.shim, &*config.group),
            ("/d", "/x", "g")
        );
        assert_eq!(
            (config.pid_file.as_deref(), config.log_level),
            (Some("/p"), LogLevel::Error)
        );
        assert_eq!(config.preload.as_deref(), Some("/i"));
        assert!(parsed(&["--help"]).unwrap().is_none());
        assert_eq!(parsed(&[]).unwrap().unwrap().hosts, Config::default().hosts);
    }

    #[test]
    fn wrong_arguments_are_refused() {
        for (words, why) in [
            (&["--nope"][..], "unknown flag: --nope"),
            (&["x"], "unexpected argument: x"),
            (&["-H"], "flag needs an argument: -H"),
            (&["-H", "x"], "-H: \"x\" is no absolute path"),
            (
                &["--data-root", "x"],
                "--data-root: \"x\" is no absolute path",
            ),
            (
                &["-l", "loud"],
                "-l: \"loud\" is none of debug, info, warn, error, fatal",
            ),
        ] {
            assert_eq!(parsed(words).unwrap_err(), why);
        }
    }
}

//! The helper's arguments.

use crate::{ErrorKind, RuntimeError};
use glassdock_abi::Fd;
use glassdock_abi::types::signal;

/// Where the states are when nothing is said, as the engine has it.
const DEFAULT_ROOT: &str = "/run/docker/runtime";
/// Longest id of a container in bytes.
const MAX_ID: usize = 1024;

/// Most descriptors that are passed on.
const MAX_PRESERVED: u32 = 1024;

/// What to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Command {
    Create,
    Start,
    Exec,
    Kill(u8),
    Delete { force: bool },
    State,
}

impl Command {
    /// Name of the command's span.
    pub fn span(self) -> &'static str {
        match self {
            Command::Create => "runtime create",
            Command::Start => "runtime start",
            Command::Exec => "runtime exec",
            Command::Kill(_) => "runtime kill",
            Command::Delete { .. } => "runtime delete",
            Command::State => "runtime state",
        }
    }
}

/// What the command line says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Options {
    pub command: Command,
    pub id: String,
    /// The container's state directory.
    pub dir: String,
    pub bundle: Option<String>,
    pub pid_file: Option<String>,
    pub process: Option<String>,
    pub report_fd: Option<Fd>,
    pub console_fd: Option<Fd>,
    pub start_fd: Option<Fd>,
    /// How many descriptors from 3 on the process has, beside its streams.
    pub preserve_fds: u32,
    /// How many of them, the first, are sockets that it is told of as a service is (`man 3 sd_listen_fds`).
    pub listen_fds: u32,
    /// Whether a process may be made in a container that stands still.
    pub ignore_paused: bool,
}

fn usage(text: impl Into<String>) -> RuntimeError {
    RuntimeError::new(ErrorKind::Invalid, text)
}

/// Reads the arguments after the program's name.
pub(super) fn parse(args: &[Vec<u8>]) -> Result<Options, RuntimeError> {
    let texts: Vec<&str> = args
        .iter()
        .map(|arg| core::str::from_utf8(arg).map_err(|_| usage("an argument is not UTF-8")))
        .collect::<Result<_, _>>()?;
    let mut words = Vec::new();
    let mut force = false;
    let (mut root, mut dir) = (None, None);
    let mut options = Options {
        command: Command::State,
        id: String::new(),
        dir: String::new(),
        bundle: None,
        pid_file: None,
        process: None,
        report_fd: None,
        console_fd: None,
        start_fd: None,
        preserve_fds: 0,
        listen_fds: 0,
        ignore_paused: false,
    };
    let mut rest = texts.into_iter();
    while let Some(arg) = rest.next() {
        if !arg.starts_with('-') || arg == "-" {
            words.push(arg);
            continue;
        }
        let (name, attached) = match arg.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (arg, None),
        };
        if matches!(name, "--force" | "-f") {
            force = true;
            continue;
        }
        if name == "--ignore-paused" {
            options.ignore_paused = true;
            continue;
        }
        let value = attached
            .or_else(|| rest.next())
            .ok_or_else(|| usage(format!("flag needs an argument: {name}")))?;
        let text = Some(value.to_owned());
        match name {
            "--root" => root = text,
            "--dir" => dir = text,
            "--bundle" | "-b" => options.bundle = text,
            "--pid-file" => options.pid_file = text,
            "--process" | "-p" => options.process = text,
            "--report-fd" => options.report_fd = Some(descriptor(name, value)?),
            "--console-fd" => options.console_fd = Some(descriptor(name, value)?),
            "--start-fd" => options.start_fd = Some(descriptor(name, value)?),
            "--preserve-fds" => options.preserve_fds = count(name, value)?,
            "--listen-fds" => options.listen_fds = count(name, value)?,
            _ => return Err(usage(format!("flag provided but not defined: {name}"))),
        }
    }
    let mut words = words.into_iter();
    let command = words.next().ok_or_else(|| usage("no command is given"))?;
    options.id = words
        .next()
        .ok_or_else(|| usage(format!("{command}: container id is missing")))?
        .to_owned();
    check_id(&options.id)?;
    options.command = match command {
        "create" => Command::Create,
        "start" => Command::Start,
        "exec" => Command::Exec,
        "kill" => Command::Kill(signal_number(words.next().unwrap_or("TERM"))?),
        "delete" => Command::Delete { force },
        "state" => Command::State,
        other => return Err(usage(format!("No help topic for '{other}'"))),
    };
    if let Some(word) = words.next() {
        return Err(usage(format!("{command}: unexpected argument {word:?}")));
    }
    options.dir = dir
        .unwrap_or_else(|| format!("{}/{}", root.as_deref().unwrap_or(DEFAULT_ROOT), options.id));
    if !options.dir.starts_with('/') {
        return Err(usage("the state directory must be an absolute path"));
    }
    Ok(options)
}

/// runc's rule for ids: they become names of directories.
pub(super) fn check_id(id: &str) -> Result<(), RuntimeError> {
    let fits = id
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"_+-.".contains(&b));
    if id.is_empty() || id.len() > MAX_ID || !fits || matches!(id, "." | "..") {
        return Err(usage(format!("invalid container ID format: {id:?}")));
    }
    Ok(())
}

fn descriptor(name: &str, value: &str) -> Result<Fd, RuntimeError> {
    match value.parse::<i32>() {
        Ok(number) if number > 2 => Ok(Fd(number)),
        _ => Err(usage(format!("{name}: {value:?} is no descriptor above 2"))),
    }
}

fn count(name: &str, value: &str) -> Result<u32, RuntimeError> {
    match value.parse::<u32>() {
        Ok(number) if number <= MAX_PRESERVED => Ok(number),
        _ => Err(usage(format!(
            "{name}: {value:?} is no number up to {MAX_PRESERVED}"
        ))),
    }
}

/// A signal by its number or its name, with or without `SIG`.
///
/// # Errors
/// `Invalid` for what is none.
pub fn signal_number(text: &str) -> Result<u8, RuntimeError> {
    let number = match text.parse::<u8>() {
        Ok(number) => Some(number),
        Err(_) => signal::from_name(&text.to_ascii_uppercase()),
    };
    number
        .filter(|number| (1..=signal::MAX).contains(number))
        .ok_or_else(|| usage(format!("unknown signal {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Options, RuntimeError> {
        let args: Vec<Vec<u8>> = line
            .split_whitespace()
            .map(|arg| arg.as_bytes().to_vec())
            .collect();
        parse(&args)
    }

    #[test]
    fn flags_stand_anywhere_and_take_values_both_ways() {
        let options = parsed("create --bundle /b --root=/r c1 --report-fd 3").expect("parses");
        assert_eq!(
            (options.dir.as_str(), options.report_fd),
            ("/r/c1", Some(Fd(3)))
        );
        assert_eq!(options.bundle.as_deref(), Some("/b"));
        let options = parsed("kill --dir /d c1 SIGUSR1").expect("parses");
        assert_eq!(options.command, Command::Kill(signal::USR1));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "",
            "create",
            "create ../x",
            "create ..",
            "frobnicate c",
            "state c d",
            "kill c 65",
            "kill c NOPE",
            "create --report-fd 1 c",
            "create --bundle",
            "create --nope 1 c",
            "state --dir relative c",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}

//! The arguments, as runc takes them.

mod limits;

use glassdock_abi::types::signal;
use glassdock_oci::runtime::Resources;
use lexopt::{Arg, Error, Parser, ValueExt};
use std::ffi::OsString;

/// Where the states are when nothing is said.
const ROOT: &str = "/run/glassdock/oci";

/// What holds for every command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Globals {
    /// Directory of the containers' states.
    pub root: String,
    /// File for errors.
    pub log: Option<String>,
    /// Whether that file's lines are JSON.
    pub json: bool,
}

/// How the process of `create`, `run` and `exec` is made.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Making {
    /// Unix socket that takes the terminal.
    pub console_socket: Option<String>,
    /// File for the process's id.
    pub pid_file: Option<String>,
    /// Whether nobody waits for it.
    pub detach: bool,
    /// How many descriptors from 3 on it has, beside its streams.
    pub preserve_fds: u32,
}

/// What `exec` runs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Exec {
    /// File with the process's description; all else is taken from the container's then.
    pub process: Option<String>,
    pub cwd: Option<String>,
    pub env: Vec<String>,
    pub tty: bool,
    /// `UID[:GID]`.
    pub user: Option<String>,
    pub groups: Vec<u32>,
    pub caps: Vec<String>,
    pub no_new_privileges: bool,
    pub ignore_paused: bool,
    pub args: Vec<String>,
}

/// How a list is printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Format {
    #[default]
    Table,
    Json,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Command {
    Help,
    Version,
    Create {
        id: String,
        bundle: String,
        making: Making,
    },
    Run {
        id: String,
        bundle: String,
        making: Making,
        keep: bool,
    },
    Exec {
        id: String,
        making: Making,
        exec: Box<Exec>,
    },
    Start {
        id: String,
    },
    State {
        id: String,
    },
    Kill {
        id: String,
        signal: String,
        all: bool,
    },
    Delete {
        id: String,
        force: bool,
    },
    List {
        format: Format,
        quiet: bool,
    },
    Ps {
        id: String,
        format: Format,
        args: Vec<String>,
    },
    Pause {
        id: String,
    },
    Resume {
        id: String,
    },
    Update {
        id: String,
        /// File with limits; `-` is standard input.
        file: Option<String>,
        resources: Box<Resources>,
    },
    Events {
        id: String,
        /// Only one line, of now.
        once: bool,
        /// Seconds between lines.
        interval: u64,
    },
    Spec {
        bundle: String,
    },
    Features,
    /// A command of runc's that is not there, and why.
    Refused {
        name: String,
        why: &'static str,
    },
}

/// Reads the arguments after the program's name.
pub(super) fn parse(args: Vec<OsString>) -> Result<(Globals, Command), Error> {
    let mut parser = Parser::from_iter(args);
    let mut globals = Globals {
        root: ROOT.to_owned(),
        log: None,
        json: false,
    };
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("root") => globals.root = path(parser.value()?)?,
            Arg::Long("log") => globals.log = Some(path(parser.value()?)?),
            Arg::Long("log-format") => {
                globals.json = match parser.value()?.string()?.as_str() {
                    "json" => true,
                    "text" => false,
                    other => return Err(format!("invalid log-format: {other}").into()),
                };
            }
            // Nothing more is told than what fails.
            Arg::Long("debug") => drop(parser.optional_value()),
            Arg::Long("rootless") => match parser.value()?.string()?.as_str() {
                "auto" | "false" => {}
                _ => return Err("--rootless: making containers needs root".into()),
            },
            Arg::Long("systemd-cgroup") => {
                let why = "control groups are made directly, not through systemd";
                return Err(format!("--systemd-cgroup is not supported: {why}").into());
            }
            Arg::Short('h') | Arg::Long("help") => return Ok((globals, Command::Help)),
            Arg::Short('v') | Arg::Long("version") => return Ok((globals, Command::Version)),
            Arg::Value(name) => {
                let command = command(&name.string()?, &mut parser)?;
                return Ok((globals, command));
            }
            other => return Err(other.unexpected()),
        }
    }
    Ok((globals, Command::Help))
}

fn command(name: &str, parser: &mut Parser) -> Result<Command, Error> {
    Ok(match name {
        "create" | "run" => make(name, parser)?,
        "exec" => exec(parser)?,
        "start" => Command::Start {
            id: only_id(name, parser)?,
        },
        "state" => Command::State {
            id: only_id(name, parser)?,
        },
        "kill" => kill(parser)?,
        "delete" => delete(parser)?,
        "list" => list(parser)?,
        "ps" => ps(parser)?,
        "spec" => spec(parser)?,
        "features" => {
            none_left(parser)?;
            Command::Features
        }
        "help" => Command::Help,
        "pause" => Command::Pause {
            id: only_id(name, parser)?,
        },
        "resume" => Command::Resume {
            id: only_id(name, parser)?,
        },
        "update" => limits::update(parser)?,
        "events" => events(parser)?,
        "checkpoint" | "restore" => Command::Refused {
            name: name.to_owned(),
            why: "processes cannot be saved",
        },
        other => return Err(format!("{other} is no command").into()),
    })
}

/// The first word after the options, and the words after it as they are.
fn words(first: OsString, parser: &mut Parser) -> Result<(String, Vec<String>), Error> {
    let rest = parser
        .raw_args()?
        .map(|word| word.string())
        .collect::<Result<_, _>>()?;
    Ok((first.string()?, rest))
}

fn missing_id(name: &str) -> Error {
    format!("{name}: the container's id is missing").into()
}

fn no_more(name: &str, rest: &[String]) -> Result<(), Error> {
    match rest.first() {
        Some(word) => Err(format!("{name}: unexpected argument {word:?}").into()),
        None => Ok(()),
    }
}

fn only_id(name: &str, parser: &mut Parser) -> Result<String, Error> {
    match parser.next()? {
        Some(Arg::Value(word)) => {
            let (id, rest) = words(word, parser)?;
            no_more(name, &rest)?;
            Ok(id)
        }
        Some(other) => Err(other.unexpected()),
        None => Err(missing_id(name)),
    }
}

fn none_left(parser: &mut Parser) -> Result<(), Error> {
    match parser.next()? {
        Some(other) => Err(other.unexpected()),
        None => Ok(()),
    }
}

/// Options that `create`, `run` and `exec` share; whether it was one.
fn making(long: &str, making: &mut Making, parser: &mut Parser) -> Result<bool, Error> {
    match long {
        "console-socket" => making.console_socket = Some(path(parser.value()?)?),
        "pid-file" => making.pid_file = Some(path(parser.value()?)?),
        "detach" => making.detach = true,
        "preserve-fds" => {
            making.preserve_fds = parser.value()?.parse()?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn make(name: &str, parser: &mut Parser) -> Result<Command, Error> {
    let (mut bundle, mut made, mut keep) = (path(".".into())?, Making::default(), false);
    let run = name == "run";
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('b') | Arg::Long("bundle") => bundle = path(parser.value()?)?,
            Arg::Short('d') if run => made.detach = true,
            Arg::Long("keep") if run => keep = true,
            Arg::Long("detach") if !run => return Err(Arg::Long("detach").unexpected()),
            // Nobody makes one.
            Arg::Long("no-new-keyring") => {}
            Arg::Long("no-pivot") => {
                return Err("--no-pivot: a container could get out of its root".into());
            }
            Arg::Long(long) => {
                let long = long.to_owned();
                if !making(&long, &mut made, parser)? {
                    return Err(Arg::Long(&long).unexpected());
                }
            }
            Arg::Value(word) => {
                let (id, rest) = words(word, parser)?;
                no_more(name, &rest)?;
                let making = made;
                return Ok(match run {
                    true => Command::Run {
                        id,
                        bundle,
                        making,
                        keep,
                    },
                    false => Command::Create { id, bundle, making },
                });
            }
            other => return Err(other.unexpected()),
        }
    }
    Err(missing_id(name))
}

fn exec(parser: &mut Parser) -> Result<Command, Error> {
    let (mut made, mut exec) = (Making::default(), Exec::default());
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('d') => made.detach = true,
            Arg::Short('p') | Arg::Long("process") => exec.process = Some(path(parser.value()?)?),
            Arg::Long("cwd") => exec.cwd = Some(parser.value()?.string()?),
            Arg::Short('e') | Arg::Long("env") => exec.env.push(parser.value()?.string()?),
            Arg::Short('t') | Arg::Long("tty") => exec.tty = true,
            Arg::Short('u') | Arg::Long("user") => exec.user = Some(parser.value()?.string()?),
            Arg::Short('g') | Arg::Long("additional-gids") => {
                exec.groups.push(parser.value()?.parse()?);
            }
            Arg::Short('c') | Arg::Long("cap") => exec.caps.push(parser.value()?.string()?),
            Arg::Long("no-new-privs") => exec.no_new_privileges = true,
            Arg::Long("ignore-paused") => exec.ignore_paused = true,
            Arg::Long(long) => {
                let long = long.to_owned();
                if !making(&long, &mut made, parser)? {
                    return Err(Arg::Long(&long).unexpected());
                }
            }
            Arg::Value(word) => {
                let (id, args) = words(word, parser)?;
                if args.is_empty() && exec.process.is_none() {
                    return Err("exec: the program is missing".into());
                }
                exec.args = args;
                let (making, exec) = (made, Box::new(exec));
                return Ok(Command::Exec { id, making, exec });
            }
            other => return Err(other.unexpected()),
        }
    }
    Err(missing_id("exec"))
}

fn kill(parser: &mut Parser) -> Result<Command, Error> {
    let mut all = false;
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('a') | Arg::Long("all") => all = true,
            Arg::Value(word) => {
                let (id, mut rest) = words(word, parser)?;
                // Options may stand behind, as scripts have it.
                rest.retain(|word| {
                    let option = word == "-a" || word == "--all";
                    all |= option;
                    !option
                });
                no_more("kill", rest.get(1..).unwrap_or_default())?;
                let signal = rest.into_iter().next().unwrap_or_else(|| "TERM".to_owned());
                check_signal(&signal)?;
                return Ok(Command::Kill { id, signal, all });
            }
            other => return Err(other.unexpected()),
        }
    }
    Err(missing_id("kill"))
}

fn check_signal(text: &str) -> Result<(), Error> {
    let number = match text.parse::<u8>() {
        Ok(number) => Some(number),
        Err(_) => signal::from_name(&text.to_ascii_uppercase()),
    };
    match number {
        Some(1..=signal::MAX) => Ok(()),
        _ => Err(format!("unknown signal {text:?}").into()),
    }
}

fn delete(parser: &mut Parser) -> Result<Command, Error> {
    let mut force = false;
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('f') | Arg::Long("force") => force = true,
            Arg::Value(word) => {
                let (id, rest) = words(word, parser)?;
                no_more("delete", &rest)?;
                return Ok(Command::Delete { id, force });
            }
            other => return Err(other.unexpected()),
        }
    }
    Err(missing_id("delete"))
}

fn format(parser: &mut Parser) -> Result<Format, Error> {
    match parser.value()?.string()?.as_str() {
        "table" => Ok(Format::Table),
        "json" => Ok(Format::Json),
        other => Err(format!("invalid format: {other}").into()),
    }
}

fn list(parser: &mut Parser) -> Result<Command, Error> {
    let (mut form, mut quiet) = (Format::Table, false);
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('f') | Arg::Long("format") => form = format(parser)?,
            Arg::Short('q') | Arg::Long("quiet") => quiet = true,
            other => return Err(other.unexpected()),
        }
    }
    Ok(Command::List {
        format: form,
        quiet,
    })
}

fn ps(parser: &mut Parser) -> Result<Command, Error> {
    let mut form = Format::Table;
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('f') | Arg::Long("format") => form = format(parser)?,
            Arg::Value(word) => {
                let (id, args) = words(word, parser)?;
                return Ok(Command::Ps {
                    id,
                    format: form,
                    args,
                });
            }
            other => return Err(other.unexpected()),
        }
    }
    Err(missing_id("ps"))
}

fn events(parser: &mut Parser) -> Result<Command, Error> {
    let (mut once, mut interval) = (false, 5);
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("stats") => once = true,
            Arg::Long("interval") => interval = seconds(&parser.value()?.string()?)?,
            Arg::Value(word) => {
                let (id, rest) = words(word, parser)?;
                no_more("events", &rest)?;
                return Ok(Command::Events { id, once, interval });
            }
            other => return Err(other.unexpected()),
        }
    }
    Err(missing_id("events"))
}

/// Whole seconds, as `5s`.
fn seconds(text: &str) -> Result<u64, Error> {
    let number = text.strip_suffix('s').unwrap_or(text).parse();
    match number {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("invalid interval {text:?}: whole seconds are taken, as 5s").into()),
    }
}

fn spec(parser: &mut Parser) -> Result<Command, Error> {
    let mut bundle = path(".".into())?;
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('b') | Arg::Long("bundle") => bundle = path(parser.value()?)?,
            Arg::Long("rootless") => {
                return Err("spec --rootless: making containers needs root".into());
            }
            other => return Err(other.unexpected()),
        }
    }
    Ok(Command::Spec { bundle })
}

/// An absolute path, as UTF-8.
fn path(given: OsString) -> Result<String, Error> {
    let absolute =
        std::path::absolute(&given).map_err(|error| format!("{}: {error}", given.display()))?;
    absolute.into_os_string().string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<(Globals, Command), String> {
        let words = std::iter::once("runc").chain(line.split_whitespace());
        parse(words.map(OsString::from).collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn options_stand_before_and_behind_the_command_as_with_runc() {
        let line = "--root /r --log=/l --log-format json --debug create -b /b --console-socket /s --pid-file /p c1";
        let (globals, command) = parsed(line).unwrap();
        let json = Globals {
            root: "/r".into(),
            log: Some("/l".into()),
            json: true,
        };
        assert_eq!(globals, json);
        let making = Making {
            console_socket: Some("/s".into()),
            pid_file: Some("/p".into()),
            detach: false,
            preserve_fds: 0,
        };
        assert_eq!(
            command,
            Command::Create {
                id: "c1".into(),
                bundle: "/b".into(),
                making
            }
        );
        let line = "exec -d -e A=1 --env B=2 -u 1:2 --cwd /x --preserve-fds 0 c1 ls -l -t";
        let Command::Exec { id, making, exec } = parsed(line).unwrap().1 else {
            panic!("no exec");
        };
        assert_eq!((&*id, making.detach, exec.tty), ("c1", true, false));
        assert_eq!(
            (&*exec.env, &*exec.args),
            (
                &["A=1".into(), "B=2".into()][..],
                &["ls".into(), "-l".into(), "-t".into()][..]
            )
        );
        for line in [
            "kill --all c1 KILL",
            "kill c1 KILL --all",
            "kill -a c1 KILL",
        ] {
            let kill = Command::Kill {
                id: "c1".into(),
                signal: "KILL".into(),
                all: true,
            };
            assert_eq!(parsed(line).unwrap().1, kill);
        }
    }

    #[test]
    fn what_is_not_there_is_refused_and_what_makes_no_sense_too() {
        let refused = parsed("checkpoint c1").unwrap().1;
        assert!(matches!(refused, Command::Refused { .. }));
        for line in [
            "frobnicate",
            "create",
            "create --nope c1",
            "create c1 c2",
            "create --detach c1",
            "create --preserve-fds -1 c1",
            "create --no-pivot c1",
            "run",
            "exec c1",
            "kill c1 NOPE",
            "kill c1 65",
            "kill c1 TERM KILL",
            "state c1 c2",
            "list -f yaml",
            "list c1",
            "features c1",
            "pause",
            "pause c1 c2",
            "events --interval 0 c1",
            "events --interval 5m c1",
            "update --memory",
            "update --memory x c1",
            "update --pids-limit many c1",
            "update --l3-cache-schema x c1",
            "--systemd-cgroup list",
            "--rootless true list",
            "--log-format xml list",
            "--nope list",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}

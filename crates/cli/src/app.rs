//! From arguments to a command and its exit status.

use crate::command;
use crate::commands::{Action, Args, Command, DOCKER};
#[cfg(feature = "completion")]
use crate::complete;
use crate::contexts::{self, Choice};
use crate::error::{Fail, Result};
use crate::flags::{self, Parsed};
use crate::help::{DEFAULT_WIDTH, help, usage_line};
use crate::session::{CLIENT_VERSION, Session};
use crate::terminal;
use glassdock_abi::files::write_all;
use glassdock_abi::{Fd, Sys};
use glassdock_trace::{Args as SpanArgs, Layer, Outcome, Trace};
use std::collections::BTreeMap;

/// Runs the `docker` command: arguments with the name first, environment as `NAME=value`. Yields the exit status.
pub async fn main<S: Sys + Trace>(sys: S, argv: Vec<Vec<u8>>, envp: Vec<Vec<u8>>) -> u8 {
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    let args: Vec<String> = argv.iter().skip(1).map(text).collect();
    let env = environment(&envp);
    let line = core::iter::once("docker")
        .chain(args.iter().map(String::as_str))
        .collect::<Vec<_>>()
        .join(" ");
    let span = sys.enter(Layer::Cli, &line, SpanArgs::None);
    let ran = run(&span, &args, env).await;
    let status = match ran {
        Ok(()) => 0,
        Err(fail) => {
            if !fail.message.is_empty() {
                let _ =
                    write_all(&span, Fd::STDERR, format!("{}\n", fail.message).as_bytes()).await;
            }
            fail.status
        }
    };
    span.exit(Outcome::Int(status.into()));
    status
}

fn environment(envp: &[Vec<u8>]) -> BTreeMap<String, String> {
    let pair = |bytes: &Vec<u8>| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        text.split_once('=')
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    envp.iter().filter_map(pair).collect()
}

async fn run<S: Sys + Trace>(
    sys: &S,
    args: &[String],
    env: BTreeMap<String, String>,
) -> Result<()> {
    #[cfg(feature = "completion")]
    if let Some((words, described)) = complete::asked(args) {
        return complete::complete(sys, words, described, env).await;
    }
    let screen = Screen { sys };
    let globals = flags::parse(&DOCKER.all_flags(), args, false)
        .map_err(|why| misused(&DOCKER, "docker", &why))?;
    screen.warn(&globals).await;
    if globals.bool("version") {
        return screen
            .out(&format!(
                "Docker version {CLIENT_VERSION}, build {}\n",
                command::BUILD
            ))
            .await;
    }
    let Some((name, rest)) = globals.args.split_first() else {
        return screen
            .help(
                &DOCKER,
                "docker",
                if globals.help { Fd::STDOUT } else { Fd::STDERR },
            )
            .await;
    };
    if globals.help {
        let (command, path) = find(&globals.args).map_err(|_| unknown(name))?;
        return screen.help(command, &path, Fd::STDOUT).await;
    }
    if name == "help" {
        let topic = || Fail::new(format!("unknown help topic: {}", rest.join(" ")));
        let (command, path) = find(rest).map_err(|_| topic())?;
        return screen.help(command, &path, Fd::STDOUT).await;
    }
    let (command, path, rest) = select(&globals.args)?;
    // Its flags are not known either.
    if command.action == Action::Unsupported {
        return Err(unsupported(&path));
    }
    let parsed = flags::parse(&command.all_flags(), rest, command.interspersed);
    let parsed = parsed.map_err(|why| misused(command, &path, &why))?;
    screen.warn(&parsed).await;
    if parsed.help || parsed.bool("help") {
        return screen.help(command, &path, Fd::STDOUT).await;
    }
    match command.action {
        Action::Group if parsed.args.is_empty() => {
            return screen.help(command, &path, Fd::STDERR).await;
        }
        _ => check_args(command, &path, parsed.args.len(), parsed.args.first())?,
    }
    let choice = Choice::new(&globals, &env)?;
    let debug = globals.bool("debug");
    let mut session = Session::open_client(sys.clone(), env, choice, debug).await?;
    if command.action.asks_engine() {
        session.reach(contexts::address(&session).await?)?;
    }
    let called_as = path.rsplit(' ').next().unwrap_or_default();
    command::run(&session, command.action, &parsed, called_as).await
}

/// The command that words name, and its path; `Err` for a word that names none.
fn find(words: &[String]) -> Result<(&'static Command, String), ()> {
    let (mut command, mut path) = (&DOCKER, "docker".to_owned());
    for word in words.iter().filter(|word| !word.starts_with('-')) {
        if command.children.is_empty() {
            break;
        }
        command = command.child(word).ok_or(())?;
        path = format!("{path} {}", command.name);
    }
    Ok((command, path))
}

/// The command that arguments name, its path as it was written, and the arguments that are its own.
fn select(words: &[String]) -> Result<(&'static Command, String, &[String])> {
    let (mut command, mut path, mut rest) = (&DOCKER, "docker".to_owned(), words);
    while let Some((word, after)) = rest.split_first() {
        if command.children.is_empty() || word.starts_with('-') {
            break;
        }
        match command.child(word) {
            Some(child) => command = child,
            None if path == "docker" => return Err(unknown(word)),
            None => break,
        }
        path = format!("{path} {}", command.name);
        rest = after;
    }
    Ok((command, path, rest))
}

fn unknown(name: &str) -> Fail {
    Fail::new(format!(
        "docker: unknown command: docker {name}\n\nRun 'docker --help' for more information"
    ))
}

fn unsupported(path: &str) -> Fail {
    Fail::new(format!(
        "docker: '{path}' is not supported by this client yet\n\nRun 'docker --help' for the commands that it has"
    ))
}

/// Flags that cannot be read.
fn misused(command: &Command, path: &str, why: &str) -> Fail {
    let usage = usage_line(command, path);
    Fail::new(format!(
        "{why}\n\nUsage:  {usage}\n\nRun '{path} --help' for more information"
    ))
    .with_status(125)
}

fn check_args(command: &Command, path: &str, count: usize, first: Option<&String>) -> Result<()> {
    let s = |n: usize| if n == 1 { "" } else { "s" };
    let (what, run) = match command.args {
        Args::None if count > 0 && !command.children.is_empty() => {
            let first = first.map_or("", String::as_str);
            let text = format!(
                "docker: unknown command: {path} {first}\n\nUsage:  {path}\n\nRun '{path} --help' for more information"
            );
            return Err(Fail::new(text));
        }
        Args::None if count > 0 => ("accepts no arguments".to_owned(), "Run"),
        Args::Exactly(n) if count != n => (format!("requires {n} argument{}", s(n)), "Run"),
        Args::Accepts(n) if count != n => {
            return Err(Fail::new(format!("accepts {n} arg(s), received {count}")));
        }
        Args::AtLeast(n) if count < n => (format!("requires at least {n} argument{}", s(n)), "See"),
        // The real command's own slip, which scripts may compare with.
        Args::AtMost(n) if count > n => (format!("requires at most {n} argument{}", s(n)), "SRun"),
        Args::Range(low, high) if count < low || count > high => (
            format!(
                "requires at least {low} and at most {high} argument{}",
                s(high)
            ),
            "Run",
        ),
        _ => return Ok(()),
    };
    let usage = usage_line(command, path);
    Err(Fail::new(format!(
        "docker: '{path}' {what}\n\nUsage:  {usage}\n\n{run} '{path} --help' for more information"
    )))
}

/// Where help and warnings go before there is a session.
struct Screen<'a, S> {
    sys: &'a S,
}

impl<S: Sys> Screen<'_, S> {
    async fn out(&self, text: &str) -> Result<()> {
        write_all(self.sys, Fd::STDOUT, text.as_bytes())
            .await
            .map_err(|errno| Fail::new(errno.message()))
    }

    async fn warn(&self, parsed: &Parsed) {
        for warning in &parsed.warnings {
            let _ = write_all(self.sys, Fd::STDOUT, format!("{warning}\n").as_bytes()).await;
        }
    }

    async fn help(&self, command: &Command, path: &str, fd: Fd) -> Result<()> {
        let [_, columns] = terminal::size(self.sys, Fd::STDIN).await;
        let width = if columns == 0 {
            DEFAULT_WIDTH
        } else {
            columns as usize
        };
        let text = help(command, path, width);
        write_all(self.sys, fd, text.as_bytes())
            .await
            .map_err(|errno| Fail::new(errno.message()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glassdock_abi::BoxFuture;

    /// The command can be put on any executor.
    #[allow(dead_code, reason = "that it compiles is the test")]
    fn boxed<S: Sys + Trace>(sys: S) -> BoxFuture<'static, u8> {
        Box::pin(main(sys, Vec::new(), Vec::new()))
    }
}

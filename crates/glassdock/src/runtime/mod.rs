//! `glassdock runtime`: runc's command line.

mod args;
mod exec;
mod groups;
mod passed;
mod print;
mod sealed;

use args::{Command, Format, Globals, Making};
use glassdock_abi::types::{SockAddr, Timespec};
use glassdock_abi::{Fd, Io, OwnedFd, PathArg, Pid};
use glassdock_engine::time::rfc3339;
use glassdock_linux::Direct;
use glassdock_oci::runtime::Spec;
use glassdock_runtime::foreground::Foreground;
use glassdock_runtime::helper::{self, Answer};
use glassdock_runtime::proto::Reply;
use glassdock_runtime::{ErrorKind, RuntimeError};
use std::ffi::OsString;
use std::io::{Read, Write};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

const USAGE: &str = "\
Usage: glassdock runtime [OPTIONS] COMMAND

Makes containers from OCI bundles, with runc's command line.

Options:
  --root DIR            Directory of the containers' states (/run/glassdock/oci)
  --log FILE            File that errors are written to, beside standard error
  --log-format FORMAT   text or json

Commands:
  create [-b DIR] [--console-socket PATH] [--pid-file FILE] [--preserve-fds N] ID
  run [-b DIR] [-d] [--keep] [--console-socket PATH] [--pid-file FILE] [--preserve-fds N] ID
  start ID
  state ID
  kill [-a] ID [SIGNAL]
  delete [-f] ID
  exec [-d] [-t] [-u UID[:GID]] [-g GID] [-e NAME=VALUE] [--cwd DIR] [-c CAP] [--no-new-privs]
       [-p FILE] [--console-socket PATH] [--pid-file FILE] [--preserve-fds N] ID PROGRAM [ARGUMENTS]
  list [-q] [-f table|json]
  ps [-f table|json] ID [PS-OPTIONS]
  pause ID
  resume ID
  update [-r FILE] [--memory BYTES] [--memory-reservation BYTES] [--memory-swap BYTES] [--pids-limit N]
       [--cpu-share N] [--cpu-quota N] [--cpu-period N] [--cpuset-cpus LIST] [--blkio-weight N] ID
  events [--stats] [--interval SECONDS] ID
  spec [-b DIR]
  features
";

type Result<T> = core::result::Result<T, RuntimeError>;

/// The command. `given` is the whole command line, `args` begins with the program's name.
pub(crate) fn main(given: Vec<OsString>, args: Vec<OsString>) -> ExitCode {
    let (globals, command) = match args::parse(args) {
        Ok(parsed) => parsed,
        Err(error) => {
            eprintln!("glassdock runtime: {error}\nSee 'glassdock runtime --help'.");
            return ExitCode::FAILURE;
        }
    };
    let makes = matches!(
        command,
        Command::Create { .. } | Command::Run { .. } | Command::Exec { .. }
    );
    let sealed = passed::check(&command).and_then(|()| match makes {
        true => sealed::seal(&given)
            .map_err(|error| system(format!("make a sealed copy of this program: {error}"))),
        false => Ok(()),
    });
    let executes = matches!(command, Command::Exec { .. });
    let done = sealed.and_then(|()| {
        Direct::for_program()
            .map_err(|errno| RuntimeError::errno("set up", errno))
            .and_then(|sys| sys.block_on(perform(&sys, &globals, command)))
    });
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            tell(&globals, &error.to_string());
            // As runc: the status of the process that was to be executed is another.
            ExitCode::from(if executes { 255 } else { 1 })
        }
    }
}

fn system(text: String) -> RuntimeError {
    RuntimeError::new(ErrorKind::System, text)
}

/// Tells an error as runc does: a line of the log, which is standard error where no file is named; with a file the
/// bare text goes to standard error, too.
fn tell(globals: &Globals, message: &str) {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let time = rfc3339(Timespec {
        sec: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        nsec: 0,
    });
    let line = if globals.json {
        serde_json::json!({"level": "error", "msg": message, "time": time}).to_string()
    } else {
        format!("time={time:?} level=error msg={message:?}")
    };
    let Some(path) = &globals.log else {
        eprintln!("{line}");
        return;
    };
    let file = std::fs::File::options()
        .append(true)
        .create(true)
        .open(path);
    if let Err(error) = file.and_then(|mut file| writeln!(file, "{line}")) {
        eprintln!("{path}: {error}");
    }
    eprintln!("{message}");
}

/// A failure to make a container with the name of the command that it is of, as runc tells it; the helper's words are
/// those that Docker's clients know.
fn of_command(name: &str, mut error: RuntimeError) -> RuntimeError {
    if let Some(why) = error.message.strip_prefix(helper::CREATE_FAILED) {
        error.message = format!("{name} failed: {why}");
    }
    error
}

/// Carries a command out; gives the exit status.
async fn perform(sys: &Direct, globals: &Globals, command: Command) -> Result<u8> {
    let root = &globals.root;
    match command {
        Command::Help => print!("{USAGE}"),
        Command::Version => println!(
            "glassdock runtime version {}\nspec: {}",
            env!("CARGO_PKG_VERSION"),
            helper::OCI_VERSION
        ),
        Command::Create { id, bundle, making } => {
            let console = connect(sys, &making).await?;
            let fd = console.as_ref().map(OwnedFd::fd);
            let made = make(sys, globals, &id, &bundle, &making, fd).await;
            made.map_err(|error| of_command("create", error))?;
        }
        Command::Run {
            id,
            bundle,
            making,
            keep,
        } => {
            let ran = run(sys, globals, &id, &bundle, &making, keep).await;
            return ran.map_err(|error| of_command("run", error));
        }
        Command::Exec { id, making, exec } => {
            return exec::exec(sys, globals, &id, &making, &exec).await;
        }
        Command::Start { id } => drop(help(sys, root, &["start", &id]).await?),
        Command::State { id } => {
            if let Answer::Text(text) = help(sys, root, &["state", &id]).await? {
                print::bytes(&text)?;
            }
        }
        Command::Kill { id, signal, all } => kill(sys, root, &id, &signal, all).await?,
        Command::Delete { id, force: false } => delete(sys, globals, &["delete", &id]).await?,
        Command::Delete { id, force: true } => {
            delete(sys, globals, &["delete", "--force", &id]).await?;
        }
        Command::List { format, quiet } => {
            let listed = helper::list(sys, root).await?;
            print::list(&listed, format, quiet)?;
        }
        Command::Ps { id, format, args } => {
            let dir = helper::state_dir(root, &id)?;
            let pids = helper::processes(sys, &dir, &id).await?;
            match format {
                Format::Json => print::pids(&pids)?,
                Format::Table => print::ps(&pids, &args)?,
            }
        }
        Command::Pause { id } => groups::pause(sys, root, &id).await?,
        Command::Resume { id } => groups::resume(sys, root, &id).await?,
        Command::Update {
            id,
            file,
            resources,
        } => groups::update(sys, root, &id, file.as_deref(), *resources).await?,
        Command::Events { id, once, interval } => {
            groups::events(sys, root, &id, once, interval).await?;
        }
        Command::Spec { bundle } => print::spec(&bundle)?,
        Command::Features => print::features()?,
        Command::Refused { name, why } => {
            let text = format!("{name}: not supported: {why}");
            return Err(RuntimeError::new(ErrorKind::Unsupported, text));
        }
    }
    Ok(0)
}

/// Makes the helper's command of words and carries it out.
async fn help(sys: &Direct, root: &str, words: &[&str]) -> Result<Answer> {
    let options = ["--root", root];
    let words = options.iter().chain(words);
    let words: Vec<Vec<u8>> = words.map(|word| word.as_bytes().to_vec()).collect();
    helper::perform(sys, &words).await
}

/// Removes a container, and tells what its last hooks failed with.
async fn delete(sys: &Direct, globals: &Globals, words: &[&str]) -> Result<()> {
    if let Answer::Warned(text) = help(sys, &globals.root, words).await? {
        tell(globals, &text);
    }
    Ok(())
}

/// The socket that takes the terminal.
async fn connect(sys: &Direct, making: &Making) -> Result<Option<OwnedFd<Direct>>> {
    let Some(path) = &making.console_socket else {
        return Ok(None);
    };
    let failed = |errno| RuntimeError::errno(format_args!("connect to {path}"), errno);
    let socket = sys.socket_stream().await.map_err(failed)?;
    let address = SockAddr::Unix(PathArg::from(path));
    sys.connect(socket.fd(), address).await.map_err(failed)?;
    Ok(Some(socket))
}

/// Options of the helper for what is made.
fn options(making: &Making, console: Option<Fd>) -> Vec<String> {
    let mut options = passed::options(making);
    if let Some(path) = &making.pid_file {
        options.extend(["--pid-file".to_owned(), path.clone()]);
    }
    if let Some(fd) = console {
        options.extend(["--console-fd".to_owned(), fd.0.to_string()]);
    }
    options
}

async fn made(sys: &Direct, root: &str, words: &[&str], options: &[String]) -> Result<Pid> {
    let words: Vec<&str> = words
        .iter()
        .copied()
        .chain(options.iter().map(String::as_str))
        .collect();
    match help(sys, root, &words).await? {
        Answer::Reply(Reply::Pid(pid)) => Ok(Pid(pid)),
        _ => Err(system("the runtime told no process".to_owned())),
    }
}

async fn make(
    sys: &Direct,
    globals: &Globals,
    id: &str,
    bundle: &str,
    making: &Making,
    console: Option<Fd>,
) -> Result<Pid> {
    let options = options(making, console);
    let words = ["create", "--bundle", bundle, id];
    made(sys, &globals.root, &words, &options).await
}

/// Makes and starts a container; in the foreground also waits for its end and removes it.
async fn run(
    sys: &Direct,
    globals: &Globals,
    id: &str,
    bundle: &str,
    making: &Making,
    keep: bool,
) -> Result<u8> {
    let root = &globals.root;
    if making.detach {
        let console = connect(sys, making).await?;
        let fd = console.as_ref().map(OwnedFd::fd);
        make(sys, globals, id, bundle, making, fd).await?;
        help(sys, root, &["start", id]).await?;
        return Ok(0);
    }
    let terminal = spec(bundle)?
        .process
        .is_some_and(|process| process.terminal);
    refuse_socket(making)?;
    let foreground = Foreground::begin(sys, terminal).await?;
    let pid = make(sys, globals, id, bundle, making, foreground.console()).await?;
    let ran = async {
        let attended = foreground.attend().await?;
        help(sys, root, &["start", id]).await?;
        attended.wait(pid).await
    };
    let code = ran.await;
    if !keep || code.is_err() {
        delete(sys, globals, &["delete", "--force", id]).await?;
    }
    code
}

/// Who waits for a process has its terminal, too.
fn refuse_socket(making: &Making) -> Result<()> {
    match making.console_socket {
        None => Ok(()),
        Some(_) => Err(RuntimeError::new(
            ErrorKind::Invalid,
            "cannot use console socket if runc will not detach or allocate tty",
        )),
    }
}

/// Reads a document to its end, which must come before [`helper::MAX_CONFIG`].
fn read_document(from: impl Read) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    from.take(helper::MAX_CONFIG as u64 + 1)
        .read_to_end(&mut text)?;
    match text.len() <= helper::MAX_CONFIG {
        true => Ok(text),
        false => Err(std::io::Error::other(format!(
            "it is longer than {} bytes",
            helper::MAX_CONFIG
        ))),
    }
}

/// A bundle's configuration.
fn spec(bundle: &str) -> Result<Spec> {
    let path = format!("{bundle}/config.json");
    let file = std::fs::File::open(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            let text = format!("JSON specification file {path} not found");
            RuntimeError::new(ErrorKind::Invalid, text)
        }
        _ => system(format!("{path}: {error}")),
    })?;
    let text = read_document(file).map_err(|error| system(format!("{path}: {error}")))?;
    serde_json::from_slice(&text)
        .map_err(|error| RuntimeError::new(ErrorKind::Invalid, format!("{path}: {error}")))
}

async fn kill(sys: &Direct, root: &str, id: &str, signal: &str, all: bool) -> Result<()> {
    if all {
        let dir = helper::state_dir(root, id)?;
        let number = helper::signal_number(signal)?;
        for pid in helper::processes(sys, &dir, id).await? {
            match sys.kill(pid, number).await {
                Ok(()) | Err(glassdock_abi::Errno::ESRCH) => {}
                Err(errno) => return Err(RuntimeError::errno("unable to signal", errno)),
            }
        }
        return Ok(());
    }
    help(sys, root, &["kill", id, signal]).await.map(drop)
}

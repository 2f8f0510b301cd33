//! The runtime's own program: `create`, `start`, `exec`, `kill`, `delete`, `state`.
//!
//! A small single-threaded process that makes a container's process and ends. Its arguments follow runc's:
//!
//! ```text
//! runtime create [--root DIR | --dir DIR] --bundle DIR [--pid-file FILE] [--console-fd N] [--start-fd N]
//!                [--preserve-fds N] [--listen-fds N] ID
//! runtime start  [--root DIR | --dir DIR] ID
//! runtime exec   [--root DIR | --dir DIR] --process FILE [--pid-file FILE] [--console-fd N] [--ignore-paused]
//!                [--preserve-fds N] [--listen-fds N] ID
//! runtime kill   [--root DIR | --dir DIR] ID [SIGNAL]
//! runtime delete [--root DIR | --dir DIR] [--force] ID
//! runtime state  [--root DIR | --dir DIR] ID
//! ```
//!
//! `--root` is the directory of all containers' states (each in `ROOT/ID`), `--dir` is this container's own. With
//! `--report-fd N` the outcome goes to that descriptor as a [`Reply`] in JSON; otherwise errors go to standard error. The
//! standard streams become the container's, and with `--preserve-fds N` so many descriptors from 3 on; the first of them may be
//! sockets, which the process is told of with `--listen-fds`. With `--start-fd N` the created process waits for one byte on that
//! descriptor, otherwise on a FIFO in the state directory, which `start` writes to.

mod args;
mod facts;
mod filters;
mod look;
mod state;

pub use args::signal_number;
pub use look::{Listed, list, processes};
pub(crate) use state::CREATED;
use state::{STATE, Saved, remove_state};

use crate::cgroups::{self, Group};
use crate::hooks;
use crate::io::read_file;
use crate::plan::{self, PlanError, Target};
use crate::proto::Reply;
use crate::run::{Failure, Inputs, run};
use crate::{ErrorKind, RuntimeError};
use args::{Command, Options};
use glassdock_abi::call::PrctlOp;
use glassdock_abi::files::{replace_volatile_file, write_all};
use glassdock_abi::flags::{AtFlags, CloneFlags, OpenFlags, WaitFlags};
use glassdock_abi::types::{WaitFor, mode, signal};
use glassdock_abi::{Call, Errno, Fd, Io, OwnedFd, PathArg, Pid, Proc, Sys};
use glassdock_oci::runtime::{Hook, NamespaceKind, Process, Spec, State, Status};
use glassdock_trace::{Args, Layer, Outcome, Trace};
use std::sync::Arc;

/// Version of the OCI runtime specification that is followed.
pub const OCI_VERSION: &str = "1.2.0";
/// Longest `config.json` or process document in bytes.
pub const MAX_CONFIG: usize = 4 << 20;
/// What a failure of the container's making begins with: Docker's clients know these texts, and read exit codes out of them.
pub const CREATE_FAILED: &str = "runc create failed: ";
/// Nanoseconds between looks at a killed process.
const KILL_POLL: u64 = 5_000_000;
/// Looks at a killed process before it is given up: two seconds.
const KILL_POLLS: u32 = 400;

type Result<T> = core::result::Result<T, RuntimeError>;

/// The program. `argv` begins with its name; the exit status is 0, or 1 after an error.
pub async fn main<S: Proc + Trace>(sys: S, argv: Vec<Vec<u8>>, _envp: Vec<Vec<u8>>) -> u8 {
    // Whoever started this may have blocked it; the container's program expects it.
    let _ = crate::shim::mask_broken_pipe(&sys, false).await;
    let parsed = args::parse(argv.get(1..).unwrap_or_default());
    let report_fd = parsed.as_ref().ok().and_then(|options| options.report_fd);
    if report_fd.is_some() {
        // Without whoever waits for the report, nobody would know what was made.
        let op = PrctlOp::SetPdeathsig(signal::KILL);
        let _ = sys.call(Call::Prctl { op }).await;
    }
    let name = parsed
        .as_ref()
        .map_or("runtime", |options| options.command.span());
    let span = sys.enter(Layer::Runtime, name, Args::None);
    let result = match parsed {
        Ok(options) => dispatch(&span, &options).await,
        Err(error) => Err(error),
    };
    span.exit(match &result {
        Ok(_) => Outcome::Ok,
        Err(error) => Outcome::Failed(error.message.clone()),
    });
    tell(&sys, report_fd, result).await
}

async fn tell<S: Sys>(sys: &S, report_fd: Option<Fd>, result: Result<Answer>) -> u8 {
    let status = u8::from(result.is_err());
    let (text, fd) = match (result, report_fd) {
        (Ok(Answer::Text(text)), _) => (text, Fd::STDOUT),
        (Ok(Answer::Reply(reply)), Some(fd)) => (json(&reply), fd),
        (Ok(Answer::Warned(_)), Some(fd)) => (json(&Reply::Ok), fd),
        (Ok(Answer::Warned(text)), None) => (format!("{text}\n").into_bytes(), Fd::STDERR),
        (Ok(Answer::Reply(_)), None) => return 0,
        (Err(error), Some(fd)) => (json(&Reply::Error(error)), fd),
        (Err(error), None) => (format!("{error}\n").into_bytes(), Fd::STDERR),
    };
    match write_all(sys, fd, &text).await {
        Ok(()) => status,
        Err(_) => 1,
    }
}

fn json<T: serde::Serialize>(value: &T) -> Vec<u8> {
    let mut text = serde_json::to_vec(value).unwrap_or_default();
    text.push(b'\n');
    text
}

/// What a command yields.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    /// For whoever asked for a report.
    Reply(Reply),
    /// For standard output.
    Text(Vec<u8>),
    /// It was done, but for something that is to be told.
    Warned(String),
}

/// Carries out one command, for programs with a command line of their own. `args` are those of [`main`] without the name;
/// `--report-fd` changes nothing. Processes that are made are children of this one.
///
/// # Errors
/// Those of the command.
pub async fn perform<S: Proc + Trace>(sys: &S, args: &[Vec<u8>]) -> Result<Answer> {
    dispatch(sys, &args::parse(args)?).await
}

/// The directory of a container's state.
///
/// # Errors
/// `Invalid` for what is no id.
pub fn state_dir(root: &str, id: &str) -> Result<String> {
    args::check_id(id)?;
    Ok(format!("{root}/{id}"))
}

/// A container's state now.
///
/// # Errors
/// `NotFound`, `Invalid`, and `System` for a state that cannot be read.
pub async fn state_of<S: Sys>(sys: &S, root: &str, id: &str) -> Result<State> {
    let dir = PathArg::from(state_dir(root, id)?);
    let saved = Saved::read(sys, &dir, id).await?;
    Ok(saved.now(sys, &dir).await)
}

/// A container's state now, and its control groups.
///
/// # Errors
/// As [`state_of`].
pub async fn groups_of<S: Sys>(sys: &S, root: &str, id: &str) -> Result<(State, Vec<Group>)> {
    let state = state_of(sys, root, id).await?;
    let dir = PathArg::from(state_dir(root, id)?);
    Ok((state, cgroups::read_record(sys, &dir).await))
}

async fn dispatch<S: Proc + Trace>(sys: &S, options: &Options) -> Result<Answer> {
    match &options.command {
        Command::Create => create(sys, options).await,
        Command::Start => start(sys, options).await,
        Command::Exec => exec(sys, options).await,
        Command::Kill(signal) => kill(sys, options, *signal).await,
        Command::Delete { force } => delete(sys, options, *force).await,
        Command::State => state(sys, options).await,
    }
}

/// How a failure of the container's making is told.
fn create_failed(what: impl core::fmt::Display) -> String {
    format!("{CREATE_FAILED}{what}")
}

/// Why there is no plan, in other words.
fn told(error: PlanError, text: impl FnOnce(String) -> String) -> RuntimeError {
    let error = RuntimeError::from(error);
    RuntimeError::new(error.kind, text(error.message))
}

async fn create<S: Proc + Trace>(sys: &S, options: &Options) -> Result<Answer> {
    let bundle = options
        .bundle
        .as_deref()
        .ok_or_else(|| RuntimeError::new(ErrorKind::Invalid, "create: --bundle DIR is missing"))?;
    let mut spec: Spec = read_json(sys, &PathArg::from(bundle).join("config.json")).await?;
    if let Some(process) = &mut spec.process {
        tell_sockets(options, process);
    }
    let dir = PathArg::from(&options.dir);
    if read_file(sys, dir.join(STATE), MAX_CONFIG).await.is_ok() {
        return Err(exists(options));
    }
    claim(sys, options, &dir).await?;
    let made = create_in(sys, options, &spec, bundle, &dir).await;
    if made.is_err() {
        // Only what this command makes: the directory is its own, or the shim's.
        for name in [CREATED, STATE, cgroups::RECORD, filters::FILE] {
            let _ = sys
                .unlinkat(Fd::CWD, dir.join(name), AtFlags::empty())
                .await;
        }
        // Stays where it is the shim's, which has files there.
        let _ = sys.unlinkat(Fd::CWD, dir, AtFlags::REMOVEDIR).await;
    }
    made
}

fn exists(options: &Options) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::AlreadyExists,
        format!("container with given ID already exists: {}", options.id),
    )
}

/// Makes the state directory, which nobody else may have: another who makes the container of this id at the same time has it.
/// A shim's has been made by whoever started the shim.
async fn claim<S: Sys>(sys: &S, options: &Options, dir: &PathArg) -> Result<()> {
    let failed = |errno| RuntimeError::errno(format_args!("mkdir {dir}"), errno);
    if options.start_fd.is_some() {
        return crate::io::make_dirs(sys, dir, 0o711).await.map_err(failed);
    }
    let above = options.dir.trim_end_matches('/');
    let above = above.rsplit_once('/').map_or("", |(above, _)| above);
    if !above.is_empty() {
        let made = crate::io::make_dirs(sys, &PathArg::from(above), 0o711).await;
        made.map_err(failed)?;
    }
    match sys.mkdirat(Fd::CWD, dir.clone(), 0o711).await {
        Err(Errno::EEXIST) => Err(exists(options)),
        made => made.map_err(failed),
    }
}

async fn create_in<S: Proc + Trace>(
    sys: &S,
    options: &Options,
    spec: &Spec,
    bundle: &str,
    dir: &PathArg,
) -> Result<Answer> {
    let mut facts = facts::for_create(sys, spec, bundle, &options.id).await;
    facts.preserved = options.preserve_fds;
    let plan = plan::create(spec, bundle, &facts).map_err(|error| told(error, create_failed))?;
    refuse_later_hooks(options, spec)?;
    claim_groups(sys, dir, &facts.groups).await?;
    filters::keep(sys, dir, plan.filter().as_ref()).await?;
    let start = start_end(sys, options, dir).await?;
    let inputs = Inputs {
        start: Some(start.fd()),
        console: options.console_fd,
        state: Some(Arc::new(state::creating(options, spec, bundle))),
    };
    let terminal = spec
        .process
        .as_ref()
        .is_some_and(|process| process.terminal);
    if terminal && options.console_fd.is_none() {
        return Err(RuntimeError::new(
            ErrorKind::Invalid,
            create_failed("cannot allocate tty if runc will detach without setting console socket"),
        ));
    }
    let pid = match run(sys, Arc::new(plan), inputs).await {
        Ok(pid) => pid,
        Err(failure) => {
            let state = state::creating(options, spec, bundle);
            let hooks = spec.hooks.as_ref().map(|hooks| &*hooks.poststop);
            let told = after_its_end(sys, hooks.unwrap_or_default(), &state).await;
            return Err(create_error(&failure, told));
        }
    };
    let saved = Saved::new(sys, options, spec, bundle, pid).await;
    let recorded = record(sys, options, dir, &saved, pid).await;
    if let Err(error) = recorded {
        let _ = sys.kill(pid, signal::KILL).await;
        let _ = sys.waitid(WaitFor::Pid(pid), WaitFlags::EXITED).await;
        return Err(error);
    }
    Ok(Answer::Reply(Reply::Pid(pid.0)))
}

/// Whoever gave the descriptor of the start ends the container, too, and runs no hooks.
fn refuse_later_hooks(options: &Options, spec: &Spec) -> Result<()> {
    let Some(hooks) = spec.hooks.as_ref().filter(|_| options.start_fd.is_some()) else {
        return Ok(());
    };
    for (moment, hooks) in [
        ("poststart", &hooks.poststart),
        ("poststop", &hooks.poststop),
    ] {
        if !hooks.is_empty() {
            let text = format!("hooks.{moment}: with a shim it is not supported");
            return Err(RuntimeError::new(
                ErrorKind::Unsupported,
                create_failed(text),
            ));
        }
    }
    Ok(())
}

/// Tells a process of sockets that it begins with. It is the first of its container.
fn tell_sockets(options: &Options, process: &mut Process) {
    if options.listen_fds > 0 {
        let told = [
            format!("LISTEN_FDS={}", options.listen_fds),
            "LISTEN_PID=1".to_owned(),
        ];
        process.env.extend(told);
    }
}

/// Notes the container's control groups, so that they go with it. Groups with somebody else in them are no container's.
async fn claim_groups<S: Sys>(sys: &S, dir: &PathArg, groups: &[Group]) -> Result<()> {
    for group in groups {
        let others = cgroups::processes(sys, std::slice::from_ref(group)).await?;
        if !others.is_empty() {
            return Err(RuntimeError::new(
                ErrorKind::Invalid,
                create_failed(format_args!(
                    "container's cgroup is not empty: {} process(es) found in {}",
                    others.len(),
                    group.dir()
                )),
            ));
        }
    }
    cgroups::write_record(sys, dir, groups)
        .await
        .map_err(|errno| {
            RuntimeError::errno(format_args!("note the control groups in {dir}"), errno)
        })
}

/// What a container could not be made for, and what the hooks failed with that followed.
fn create_error(failure: &Failure, told: Option<String>) -> RuntimeError {
    let texts = [failure.text.clone()].into_iter().chain(told);
    RuntimeError {
        message: create_failed(format_args!(
            "unable to start container process: error during container init: {}",
            texts.collect::<Vec<_>>().join("; ")
        )),
        ..failure.clone().into()
    }
}

async fn record<S: Sys>(
    sys: &S,
    options: &Options,
    dir: &PathArg,
    saved: &Saved,
    pid: Pid,
) -> Result<()> {
    replace_volatile_file(sys, &dir.join(STATE), &json(saved), 0o600)
        .await
        .map_err(|errno| RuntimeError::errno(format_args!("write {dir}/{STATE}"), errno))?;
    write_pid(sys, options, pid).await
}

async fn write_pid<S: Sys>(sys: &S, options: &Options, pid: Pid) -> Result<()> {
    let Some(path) = &options.pid_file else {
        return Ok(());
    };
    let flags = OpenFlags::WRONLY | OpenFlags::CREAT | OpenFlags::TRUNC;
    let failed = |errno| RuntimeError::errno(format_args!("write {path}"), errno);
    let file = sys
        .openat(Fd::CWD, path.into(), flags, 0o644)
        .await
        .map_err(failed)?;
    write_all(sys, file.fd(), pid.0.to_string().as_bytes())
        .await
        .map_err(failed)
}

/// Where the created process waits: the descriptor that was given, or a FIFO, open both ways so that opening does not
/// wait and its reader sees no end. The file `CREATED` in the state directory exists until the start.
async fn start_end<S: Sys>(sys: &S, options: &Options, dir: &PathArg) -> Result<OwnedFd<S>> {
    let path = dir.join(CREATED);
    let failed = |errno| RuntimeError::errno(format_args!("make {dir}/{CREATED}"), errno);
    let kind = if options.start_fd.is_some() {
        mode::S_IFREG
    } else {
        mode::S_IFIFO
    };
    let call = Call::Mknodat {
        dirfd: Fd::CWD,
        path: path.clone(),
        mode: kind | 0o600,
        dev: Default::default(),
    };
    sys.call(call).await.map_err(failed)?;
    match options.start_fd {
        Some(fd) => Ok(sys.own(fd)),
        None => sys
            .openat(Fd::CWD, path, OpenFlags::RDWR, 0)
            .await
            .map_err(failed),
    }
}

async fn start<S: Proc + Trace>(sys: &S, options: &Options) -> Result<Answer> {
    let dir = PathArg::from(&options.dir);
    let saved = Saved::read(sys, &dir, &options.id).await?;
    let status = saved.status(sys, &dir).await;
    if status != Status::Created {
        return Err(RuntimeError::new(
            ErrorKind::WrongState,
            format!(
                "cannot start a container that is {}",
                match status {
                    Status::Running => "already running",
                    _ => "stopped",
                }
            ),
        ));
    }
    let path = dir.join(CREATED);
    let failed = |errno| RuntimeError::errno("start the container", errno);
    let stat = sys
        .statx(Fd::CWD, path.clone(), AtFlags::SYMLINK_NOFOLLOW)
        .await
        .map_err(failed)?;
    if !stat.is(mode::S_IFIFO) {
        return Err(RuntimeError::new(
            ErrorKind::WrongState,
            "cannot start a container that has a shim: the shim starts it",
        ));
    }
    let flags = OpenFlags::WRONLY | OpenFlags::NONBLOCK;
    let fifo = sys
        .openat(Fd::CWD, path.clone(), flags, 0)
        .await
        .map_err(failed)?;
    sys.unlinkat(Fd::CWD, path, AtFlags::empty())
        .await
        .map_err(failed)?;
    write_all(sys, fifo.fd(), &[0]).await.map_err(failed)?;
    let state = State {
        status: Status::Running,
        ..saved.state.clone()
    };
    let hooks = &saved.hooks.poststart;
    if let Err(text) = hooks::run(sys, hooks, &state.bundle, &state).await {
        // The container goes with them (runtime.md, "Lifecycle").
        end(sys, &dir, &saved).await?;
        let told = [text]
            .into_iter()
            .chain(remove_saved(sys, &dir, &saved).await?);
        let told: Vec<String> = told.collect();
        return Err(RuntimeError::new(ErrorKind::System, told.join("; ")));
    }
    Ok(Answer::Reply(Reply::Ok))
}

async fn exec<S: Proc + Trace>(sys: &S, options: &Options) -> Result<Answer> {
    let path = options
        .process
        .as_deref()
        .ok_or_else(|| RuntimeError::new(ErrorKind::Invalid, "exec: --process FILE is missing"))?;
    let mut process: Process = read_json(sys, &PathArg::from(path)).await?;
    tell_sockets(options, &mut process);
    let dir = PathArg::from(&options.dir);
    let saved = Saved::read(sys, &dir, &options.id).await?;
    let status = saved.status(sys, &dir).await;
    if status == Status::Stopped {
        return Err(RuntimeError::new(
            ErrorKind::WrongState,
            "cannot exec in a stopped container",
        ));
    }
    let pid = Pid(saved.state.pid);
    let groups = cgroups::read_record(sys, &dir).await;
    if !options.ignore_paused && cgroups::is_frozen(sys, &groups).await {
        return Err(RuntimeError::new(
            ErrorKind::WrongState,
            "exec failed: cannot exec in a paused container (use --ignore-paused to override)",
        ));
    }
    let mut facts = facts::for_exec(sys, &process, pid, groups, saved.ids.is_some()).await;
    facts.preserved = options.preserve_fds;
    let target = Target {
        pid,
        namespaces: CloneFlags::from_bits_retain(saved.namespaces),
        filter: filters::kept(sys, &dir).await?,
        ids: saved.ids.clone(),
    };
    let failed = |text: String| format!("exec failed: {text}");
    let plan = plan::exec(&process, &target, &facts).map_err(|error| told(error, failed))?;
    let inputs = Inputs {
        console: options.console_fd,
        ..Inputs::default()
    };
    let pid = run(sys, Arc::new(plan), inputs)
        .await
        .map_err(|failure| RuntimeError {
            message: failed(format!(
                "unable to start container process: {}",
                failure.text
            )),
            ..failure.into()
        })?;
    write_pid(sys, options, pid).await?;
    Ok(Answer::Reply(Reply::Pid(pid.0)))
}

async fn kill<S: Sys>(sys: &S, options: &Options, signal: u8) -> Result<Answer> {
    let dir = PathArg::from(&options.dir);
    let saved = Saved::read(sys, &dir, &options.id).await?;
    if saved.status(sys, &dir).await == Status::Stopped {
        return Err(RuntimeError::new(
            ErrorKind::WrongState,
            "container not running",
        ));
    }
    sys.kill(Pid(saved.state.pid), signal)
        .await
        .map_err(|errno| RuntimeError::errno("unable to signal init", errno))?;
    Ok(Answer::Reply(Reply::Ok))
}

async fn delete<S: Proc + Trace>(sys: &S, options: &Options, force: bool) -> Result<Answer> {
    let dir = PathArg::from(&options.dir);
    let saved = match Saved::read(sys, &dir, &options.id).await {
        Ok(saved) => Some(saved),
        Err(error) if error.kind == ErrorKind::NotFound && force => None,
        Err(error) => return Err(error),
    };
    if let Some(saved) = &saved {
        let status = saved.now(sys, &dir).await.status;
        match (status, force) {
            (Status::Stopped, _) => {}
            // A created process is only the runtime's own: it may go with its container, as in runc.
            (Status::Created, _) | (_, true) => end(sys, &dir, saved).await?,
            (status, false) => {
                return Err(RuntimeError::new(
                    ErrorKind::WrongState,
                    format!(
                        "cannot delete container {} that is not stopped: {}",
                        options.id,
                        status.as_str()
                    ),
                ));
            }
        }
    }
    let told = match &saved {
        Some(saved) => remove_saved(sys, &dir, saved).await?,
        None => remove(sys, &dir).await.map(|()| None)?,
    };
    Ok(told.map_or(Answer::Reply(Reply::Ok), Answer::Warned))
}

/// Removes what the runtime keeps of a container, and runs the hooks that follow its end; gives what they failed with, which
/// keeps nothing from being removed.
async fn remove_saved<S: Proc + Trace>(
    sys: &S,
    dir: &PathArg,
    saved: &Saved,
) -> Result<Option<String>> {
    remove(sys, dir).await?;
    Ok(after_its_end(sys, &saved.hooks.poststop, &saved.state).await)
}

/// Runs the hooks that follow a container's end; gives what they failed with.
async fn after_its_end<S: Proc + Trace>(sys: &S, hooks: &[Hook], state: &State) -> Option<String> {
    let state = State {
        status: Status::Stopped,
        pid: 0,
        ..state.clone()
    };
    hooks::run(sys, hooks, &state.bundle, &state).await.err()
}

/// Removes what the runtime keeps of a container that has ended: its control groups, then its state.
pub(crate) async fn remove<S: Sys>(sys: &S, dir: &PathArg) -> Result<()> {
    let groups = cgroups::read_record(sys, dir).await;
    cgroups::remove(sys, &groups).await?;
    remove_state(sys, dir)
        .await
        .map_err(|errno| RuntimeError::errno(format_args!("remove {dir}"), errno))
}

/// Kills the container's process and waits until it is gone.
async fn end<S: Sys>(sys: &S, dir: &PathArg, saved: &Saved) -> Result<()> {
    let _ = sys.kill(Pid(saved.state.pid), signal::KILL).await;
    let groups = cgroups::read_record(sys, dir).await;
    // What stands still does not die either, in version 1.
    if cgroups::is_frozen(sys, &groups).await {
        cgroups::thaw(sys, &groups).await?;
    }
    for _ in 0..KILL_POLLS {
        if saved.status(sys, dir).await == Status::Stopped {
            return Ok(());
        }
        sys.sleep(KILL_POLL).await;
    }
    Err(RuntimeError::new(
        ErrorKind::System,
        "the container's process does not end",
    ))
}

async fn state<S: Sys>(sys: &S, options: &Options) -> Result<Answer> {
    let dir = PathArg::from(&options.dir);
    let saved = Saved::read(sys, &dir, &options.id).await?;
    let state = saved.now(sys, &dir).await;
    let mut text = serde_json::to_vec_pretty(&state).unwrap_or_default();
    text.push(b'\n');
    Ok(Answer::Text(text))
}

async fn read_json<S: Sys, T: serde::de::DeserializeOwned>(sys: &S, path: &PathArg) -> Result<T> {
    let text = read_file(sys, path.clone(), MAX_CONFIG)
        .await
        .map_err(|errno| match errno {
            Errno::ENOENT => RuntimeError::new(
                ErrorKind::Invalid,
                format!("JSON specification file {path} not found"),
            ),
            errno => RuntimeError::errno(format_args!("read {path}"), errno),
        })?;
    serde_json::from_slice(&text)
        .map_err(|error| RuntimeError::new(ErrorKind::Invalid, format!("{path}: {error}")))
}

/// The clone flags of the namespaces that a container has for itself or was told to join.
fn namespace_flags(spec: &Spec) -> CloneFlags {
    let mut flags = CloneFlags::empty();
    for namespace in spec.linux.iter().flat_map(|linux| &linux.namespaces) {
        flags |= match namespace.kind {
            NamespaceKind::Pid => CloneFlags::NEWPID,
            NamespaceKind::Network => CloneFlags::NEWNET,
            NamespaceKind::Mount => CloneFlags::NEWNS,
            NamespaceKind::Ipc => CloneFlags::NEWIPC,
            NamespaceKind::Uts => CloneFlags::NEWUTS,
            NamespaceKind::User => CloneFlags::NEWUSER,
            NamespaceKind::Cgroup => CloneFlags::NEWCGROUP,
            NamespaceKind::Time => CloneFlags::NEWTIME,
        };
    }
    flags
}

//! What an engine uses to run a container: a handle to its shim.
//!
//! The order of things: [`Shim::start`] starts the shim, which makes the container (status *created*); attach those who
//! wait for output; [`Shim::run`] lets the program run; [`Shim::wait`] tells the end; [`Shim::delete`] removes what the
//! runtime keeps. After a restart, [`Shim::reconnect`] takes up a container by its state directory.

use crate::cgroups::{self, Group, Usage};
use crate::helper;
use crate::io::{Lines, make_dirs, read_file, read_to_end, send_all};
use crate::proto::{
    EXIT, Exit, FRAME_HEADER, MAX_FRAME, MAX_LINE, OPTIONS, Reply, Report, Request, SOCKET,
    ShimOptions, Stream,
};
use crate::{ErrorKind, RuntimeError};
use glassdock_abi::files::replace_volatile_file;
use glassdock_abi::flags::{OpenFlags, WaitFlags};
use glassdock_abi::types::{SockAddr, WaitFor, signal};
use glassdock_abi::{Errno, Fd, Io, PathArg, Spawn, Sys};
use glassdock_oci::runtime::{Process, Resources, Status};
use std::sync::Arc;

/// Descriptor on which a starting shim reports.
pub(crate) const REPORT_FD: i32 = 3;

/// A handle to the shim of one container. Clones are handles to the same one; dropping them changes nothing.
#[derive(Clone, Debug)]
pub struct Shim<S: Sys> {
    sys: S,
    options: Arc<ShimOptions>,
}

/// What to attach to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Streams {
    /// Whether input is sent.
    pub stdin: bool,
    /// Whether standard output is wanted.
    pub stdout: bool,
    /// Whether standard error is wanted.
    pub stderr: bool,
}

impl Streams {
    /// All three.
    pub const ALL: Streams = Streams {
        stdin: true,
        stdout: true,
        stderr: true,
    };
}

/// An executed process that has started.
#[derive(Debug)]
pub struct Executed<S: Sys> {
    /// Its process id on the host.
    pub pid: i32,
    /// Its streams, when they were asked for.
    pub attachment: Option<Attachment<S>>,
}

type Outcome<T> = Result<T, RuntimeError>;

impl<S: Sys> Shim<S> {
    /// Starts a shim, which makes the container of the bundle. Afterwards the container is *created*: its process waits
    /// for [`Shim::run`]. On an error nothing is left: no process, no mount, no state directory.
    ///
    /// # Errors
    /// `AlreadyExists` for a state directory whose shim lives; what a dead one left behind is removed first. `ShimGone` for a
    /// shim that could not be started. `Executable`, `Invalid`, `Unsupported` and `System` as the helper tells them.
    pub async fn start(sys: &S, options: ShimOptions) -> Outcome<Shim<S>> {
        let dir = PathArg::from(&options.dir);
        clear_remains(sys, &options).await?;
        make_dirs(sys, &dir, 0o711)
            .await
            .map_err(|errno| RuntimeError::errno(format_args!("mkdir {dir}"), errno))?;
        let text = serde_json::to_vec(&options)
            .map_err(|error| RuntimeError::new(ErrorKind::Invalid, error.to_string()))?;
        replace_volatile_file(sys, &dir.join(OPTIONS), &text, 0o600)
            .await
            .map_err(|errno| RuntimeError::errno(format_args!("write {dir}/{OPTIONS}"), errno))?;
        let report = match launch(sys, &options).await {
            Ok(report) => report,
            // Nothing was made yet but the directory; what would clear up more may be missing, too.
            Err(error) if error.kind == ErrorKind::ShimGone => {
                let _ = helper::remove(sys, &dir).await;
                return Err(error);
            }
            Err(error) => {
                let _ = clear_remains(sys, &options).await;
                return Err(error);
            }
        };
        match parse_reply(&report) {
            Ok(Reply::Pid(_)) => Ok(Shim {
                sys: sys.clone(),
                options: Arc::new(options),
            }),
            Ok(Reply::Error(error)) => Err(error),
            Ok(_) | Err(_) => {
                // It was killed: what it had made by then is nobody's. The error that led here is the one to tell.
                let _ = clear_remains(sys, &options).await;
                Err(RuntimeError::new(
                    ErrorKind::System,
                    format!(
                        "the shim ended without a report: {}",
                        String::from_utf8_lossy(&report).trim_end()
                    ),
                ))
            }
        }
    }

    /// Takes up a container by its state directory. A shim that is gone is told by the status *stopped*, with the exit
    /// if it was recorded.
    pub async fn reconnect(sys: &S, dir: &str) -> Outcome<(Shim<S>, Report)> {
        let at = PathArg::from(dir);
        let text =
            read_file(sys, at.join(OPTIONS), MAX_LINE)
                .await
                .map_err(|errno| match errno {
                    Errno::ENOENT => RuntimeError::new(
                        ErrorKind::NotFound,
                        format!("there is no container at {dir}"),
                    ),
                    errno => RuntimeError::errno(format_args!("read {dir}/{OPTIONS}"), errno),
                })?;
        let options = serde_json::from_slice(&text).map_err(|error| {
            RuntimeError::new(ErrorKind::Invalid, format!("{dir}/{OPTIONS}: {error}"))
        })?;
        let shim = Shim {
            sys: sys.clone(),
            options: Arc::new(options),
        };
        let report = shim.state().await?;
        Ok((shim, report))
    }

    /// The options it was started with.
    pub fn options(&self) -> &ShimOptions {
        &self.options
    }

    /// Lets the program of a *created* container run.
    pub async fn run(&self) -> Outcome<()> {
        self.simple(&Request::Start).await
    }

    /// Attaches to the container (`exec` absent) or to an executed process. Only new output comes.
    pub async fn attach(&self, exec: Option<&str>, streams: Streams) -> Outcome<Attachment<S>> {
        let request = Request::Attach {
            exec: exec.map(str::to_owned),
            stdin: streams.stdin,
            stdout: streams.stdout,
            stderr: streams.stderr,
        };
        let (reply, connection) = self.ask(&request).await?;
        match reply {
            Reply::Ok => Ok(Attachment { connection }),
            other => Err(unexpected(other)),
        }
    }

    /// Runs a further process in the container; `id` names it for the other requests.
    pub async fn exec(
        &self,
        id: &str,
        process: Process,
        stdin: bool,
        attach: bool,
    ) -> Outcome<Executed<S>> {
        let request = Request::Exec {
            id: id.to_owned(),
            process: Box::new(process),
            stdin,
            attach,
        };
        let (reply, connection) = self.ask(&request).await?;
        match reply {
            Reply::Pid(pid) => Ok(Executed {
                pid,
                attachment: attach.then_some(Attachment { connection }),
            }),
            other => Err(unexpected(other)),
        }
    }

    /// Changes the size of the container's terminal, or of an executed process's.
    pub async fn resize(&self, exec: Option<&str>, rows: u16, cols: u16) -> Outcome<()> {
        let exec = exec.map(str::to_owned);
        self.simple(&Request::Resize { exec, rows, cols }).await
    }

    /// Sends a signal to the container's process, or to an executed one.
    pub async fn kill(&self, exec: Option<&str>, signal: u8) -> Outcome<()> {
        let exec = exec.map(str::to_owned);
        self.simple(&Request::Kill { exec, signal }).await
    }

    /// Waits for the end of the container's process, or of an executed one, and of its output. May be asked any number
    /// of times, also afterwards.
    pub async fn wait(&self, exec: Option<&str>) -> Outcome<Exit> {
        let asked = self
            .ask(&Request::Wait {
                exec: exec.map(str::to_owned),
            })
            .await;
        match asked {
            Ok((Reply::Exit(exit), _)) => Ok(exit),
            Ok((other, _)) => Err(unexpected(other)),
            Err(error) if error.kind == ErrorKind::ShimGone && exec.is_none() => {
                self.recorded_exit().await?.ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Status, process and exit.
    pub async fn state(&self) -> Outcome<Report> {
        match self.ask(&Request::State).await {
            Ok((Reply::State(report), _)) => Ok(report),
            Ok((other, _)) => Err(unexpected(other)),
            Err(error) if error.kind == ErrorKind::ShimGone => Ok(Report {
                status: Status::Stopped,
                pid: 0,
                exit: self.recorded_exit().await?,
            }),
            Err(error) => Err(error),
        }
    }

    /// Tells when the log grows.
    pub async fn watch_log(&self) -> Outcome<LogWatch<S>> {
        match self.ask(&Request::WatchLog).await? {
            (Reply::Ok, connection) => Ok(LogWatch { connection }),
            (other, _) => Err(unexpected(other)),
        }
    }

    /// Removes what the runtime keeps of a container that does not run any more (`WrongState` while it does), and the
    /// shim with it. Where the shim is gone, its work is done from here, and what still runs is killed.
    pub async fn delete(&self) -> Outcome<()> {
        match self.simple(&Request::Delete).await {
            Err(error) if error.kind == ErrorKind::ShimGone => self.delete_without_shim().await,
            result => result,
        }
    }

    /// Stops the container's processes where they are.
    pub async fn pause(&self) -> Outcome<()> {
        cgroups::freeze(&self.sys, &self.groups().await).await
    }

    /// Lets them go on.
    pub async fn resume(&self) -> Outcome<()> {
        cgroups::thaw(&self.sys, &self.groups().await).await
    }

    /// Whether they stand.
    pub async fn is_paused(&self) -> bool {
        cgroups::is_frozen(&self.sys, &self.groups().await).await
    }

    /// Changes limits; those that `resources` does not name stay.
    pub async fn update(&self, resources: &Resources) -> Outcome<()> {
        let settings = cgroups::settings(resources, &self.groups().await)?;
        cgroups::apply(&self.sys, &settings).await
    }

    /// What the container uses.
    pub async fn usage(&self) -> Usage {
        cgroups::usage(&self.sys, &self.groups().await).await
    }

    async fn groups(&self) -> Vec<Group> {
        cgroups::read_record(&self.sys, &PathArg::from(&self.options.dir)).await
    }

    /// Kills what runs of a container, waits for its end, and removes all that the runtime keeps of it.
    pub async fn destroy(&self) -> Outcome<()> {
        match self.kill(None, signal::KILL).await {
            Err(error) if !matches!(error.kind, ErrorKind::WrongState | ErrorKind::ShimGone) => {
                return Err(error);
            }
            // What stands still does not die either, with control groups of version 1.
            Ok(()) if self.is_paused().await => self.resume().await?,
            _ => {}
        }
        match self.wait(None).await {
            Err(error) if error.kind != ErrorKind::ShimGone => Err(error),
            _ => self.delete().await,
        }
    }

    async fn delete_without_shim(&self) -> Outcome<()> {
        let options = &self.options;
        let args = [
            "delete",
            "--force",
            "--dir",
            &options.dir,
            "--report-fd",
            "3",
            &options.id,
        ];
        let program = Spawn::new(&options.runtime, "glassdock-runtime", args);
        let report = run_reporting(&self.sys, program).await?;
        match parse_reply(&report) {
            Ok(Reply::Error(error)) => Err(error),
            Ok(_) => Ok(()),
            Err(error) => Err(RuntimeError::new(ErrorKind::System, error.to_string())),
        }
    }

    /// The record of the exit; nothing when there is none, or none that can be read as one.
    async fn recorded_exit(&self) -> Outcome<Option<Exit>> {
        let path = PathArg::from(&self.options.dir).join(EXIT);
        match read_file(&self.sys, path.clone(), MAX_LINE).await {
            Ok(text) => Ok(serde_json::from_slice(&text).ok()),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(RuntimeError::errno(format_args!("read {path}"), errno)),
        }
    }

    async fn simple(&self, request: &Request) -> Outcome<()> {
        match self.ask(request).await? {
            (Reply::Ok, _) => Ok(()),
            (other, _) => Err(unexpected(other)),
        }
    }

    /// Sends a request on a connection of its own and reads the answer; an error that it carries is an error here.
    async fn ask(&self, request: &Request) -> Outcome<(Reply, Lines<S>)> {
        let gone = |errno: Errno| match errno {
            Errno::ENOENT | Errno::ECONNREFUSED | Errno::ECONNRESET | Errno::EPIPE => {
                RuntimeError::new(ErrorKind::ShimGone, "the container's shim is gone")
            }
            errno => RuntimeError::errno("talk to the container's shim", errno),
        };
        let socket = self.sys.socket_stream().await.map_err(gone)?;
        let address = SockAddr::Unix(PathArg::from(&self.options.dir).join(SOCKET));
        self.sys.connect(socket.fd(), address).await.map_err(gone)?;
        let mut connection = Lines::new(socket);
        connection.send(request).await.map_err(gone)?;
        let line = connection
            .line(MAX_LINE)
            .await
            .map_err(gone)?
            .ok_or_else(|| gone(Errno::ECONNRESET))?;
        match parse_reply(&line) {
            Ok(Reply::Error(error)) => Err(error),
            Ok(reply) => Ok((reply, connection)),
            Err(error) => Err(RuntimeError::new(ErrorKind::System, error.to_string())),
        }
    }
}

/// Removes what a shim that is gone has left in the state directory, its container's process too.
async fn clear_remains<S: Sys>(sys: &S, options: &ShimOptions) -> Outcome<()> {
    let (shim, _) = match Shim::reconnect(sys, &options.dir).await {
        Ok(found) => found,
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    match shim.ask(&Request::State).await {
        Err(error) if error.kind == ErrorKind::ShimGone => shim.delete_without_shim().await,
        _ => Err(RuntimeError::new(
            ErrorKind::AlreadyExists,
            format!("container with given ID already exists: {}", options.id),
        )),
    }
}

fn parse_reply(line: &[u8]) -> serde_json::Result<Reply> {
    serde_json::from_slice(line)
}

fn unexpected(reply: Reply) -> RuntimeError {
    RuntimeError::new(
        ErrorKind::System,
        format!("the shim gave an answer of another kind: {reply:?}"),
    )
}

/// Starts the shim's process and reads its report.
async fn launch<S: Sys>(sys: &S, options: &ShimOptions) -> Outcome<Vec<u8>> {
    let failed = |errno| RuntimeError::errno("start the shim", errno);
    let null = sys
        .openat(Fd::CWD, "/dev/null".into(), OpenFlags::RDWR, 0)
        .await
        .map_err(failed)?;
    let [reader, writer] = sys.pipe2(OpenFlags::CLOEXEC).await.map_err(failed)?;
    let mut program = Spawn::new(&options.shim, "glassdock-shim", [&options.dir]);
    program.setsid = true;
    program.fds = vec![
        (null.fd(), 0),
        (null.fd(), 1),
        (null.fd(), 2),
        (writer.fd(), REPORT_FD),
    ];
    let child = sys.spawn(program).await.map_err(|errno| {
        RuntimeError::not_started(ErrorKind::ShimGone, "shim", &options.shim, errno)
    })?;
    drop((writer, null));
    let report = read_to_end(sys, reader.fd(), MAX_LINE)
        .await
        .map_err(failed)?;
    if !matches!(parse_reply(&report), Ok(Reply::Pid(_))) {
        let _ = sys.waitid(WaitFor::Pid(child.pid), WaitFlags::EXITED).await;
        return Ok(report);
    }
    // Reaps the shim when it ends, as long as this process is its parent.
    let waiting = sys.clone();
    sys.task(Box::pin(async move {
        let pidfd = child.pidfd;
        let _ = waiting
            .waitid(WaitFor::PidFd(pidfd.fd()), WaitFlags::EXITED)
            .await;
    }));
    Ok(report)
}

/// Runs a helper to its end and gives what it reported on descriptor 3.
pub(crate) async fn run_reporting<S: Sys>(sys: &S, mut program: Spawn) -> Outcome<Vec<u8>> {
    let failed = |errno| RuntimeError::errno("start the runtime", errno);
    let null = sys
        .openat(Fd::CWD, "/dev/null".into(), OpenFlags::RDWR, 0)
        .await
        .map_err(failed)?;
    let [reader, writer] = sys.pipe2(OpenFlags::CLOEXEC).await.map_err(failed)?;
    program.fds = vec![
        (null.fd(), 0),
        (null.fd(), 1),
        (null.fd(), 2),
        (writer.fd(), REPORT_FD),
    ];
    let path = program.path.clone();
    let child = sys
        .spawn(program)
        .await
        .map_err(|errno| RuntimeError::not_started(ErrorKind::System, "runtime", path, errno))?;
    drop(writer);
    let report = read_to_end(sys, reader.fd(), MAX_LINE)
        .await
        .map_err(failed)?;
    let _ = sys
        .waitid(WaitFor::PidFd(child.pidfd.fd()), WaitFlags::EXITED)
        .await;
    Ok(report)
}

/// A stream to a container's or an executed process's standard streams. Dropping it detaches.
#[derive(Debug)]
pub struct Attachment<S: Sys> {
    connection: Lines<S>,
}

impl<S: Sys> Attachment<S> {
    /// The socket: for [`send_input`] and [`end_input`] beside a pending [`Attachment::next`].
    pub fn fd(&self) -> Fd {
        self.connection.fd()
    }
    /// The next piece of output; `None` at the end.
    pub async fn next(&mut self) -> glassdock_abi::Result<Option<(Stream, Vec<u8>)>> {
        let Some(header) = self.connection.exact(FRAME_HEADER).await? else {
            return Ok(None);
        };
        let header = header.try_into().map_err(|_| Errno::EPROTO)?;
        let (stream, len) = Stream::parse(header).ok_or(Errno::EPROTO)?;
        let len = usize::try_from(len).map_err(|_| Errno::EPROTO)?;
        if len > MAX_FRAME {
            return Err(Errno::EPROTO);
        }
        let data = self.connection.exact(len).await?.ok_or(Errno::EPROTO)?;
        Ok(Some((stream, data)))
    }
    /// Raw frames as they come, header and all: what Docker sends on as it is where there is no terminal. Empty at the
    /// end. Must not be mixed with [`Attachment::next`] but at the borders of frames.
    pub async fn next_raw(&mut self) -> glassdock_abi::Result<Vec<u8>> {
        self.connection.bytes().await
    }
}

/// Sends input to the process behind an attachment.
pub async fn send_input<S: Sys>(
    sys: &S,
    attachment: Fd,
    data: Vec<u8>,
) -> glassdock_abi::Result<()> {
    send_all(sys, attachment, data).await
}

/// Ends the input of an attachment; its output goes on.
pub async fn end_input<S: Sys>(sys: &S, attachment: Fd) -> glassdock_abi::Result<()> {
    sys.shutdown(attachment, 1).await
}

/// Tells when a log grows. Dropping it ends the watch.
#[derive(Debug)]
pub struct LogWatch<S: Sys> {
    connection: Lines<S>,
}

impl<S: Sys> LogWatch<S> {
    /// Waits until the log has grown since the last call; `false` when it grows no more.
    pub async fn grown(&mut self) -> glassdock_abi::Result<bool> {
        Ok(!self.connection.bytes().await?.is_empty())
    }
}

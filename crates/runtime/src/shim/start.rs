//! Starting the container's process and further ones, through the helper.

use super::outbox::Outbox;
use super::process::{Channel, Key, Table};
use crate::client::REPORT_FD;
use crate::helper::CREATED;
use crate::io::Lines;
use crate::proto::{MAX_LINE, Reply, Stream};
use crate::{ErrorKind, RuntimeError};
use glassdock_abi::files::write_all;
use glassdock_abi::flags::{AtFlags, MsgFlags, OpenFlags};
use glassdock_abi::types::signal;
use glassdock_abi::{Call, Fd, Io, OwnedFd, PathArg, Pid, Spawn, Sys};
use glassdock_oci::runtime::{Process, Spec};
use glassdock_trace::{Args, Layer, Outcome, Trace};
use std::sync::Arc;

/// Descriptor of the helper's end of the console socket.
const CONSOLE_FD: i32 = 4;
/// Descriptor of the created process's wait for its start.
const START_FD: i32 = 5;
/// Longest process document, in bytes.
const MAX_PROCESS: usize = 4 << 20;

type Result<T> = core::result::Result<T, RuntimeError>;

fn failed(errno: glassdock_abi::Errno) -> RuntimeError {
    RuntimeError::errno("set up the container's streams", errno)
}

/// The streams of a process to be: the child's ends, and ours.
struct Ends<S: Sys> {
    stdio: [Arc<OwnedFd<S>>; 3],
    console: Option<[OwnedFd<S>; 2]>,
    channel: Channel<S>,
}

async fn ends<S: Sys>(sys: &S, terminal: bool, stdin: bool, input_once: bool) -> Result<Ends<S>> {
    let null = sys
        .openat(Fd::CWD, "/dev/null".into(), OpenFlags::RDWR, 0)
        .await
        .map_err(failed)?;
    let null = Arc::new(null);
    let mut ends = Ends {
        stdio: [Arc::clone(&null), Arc::clone(&null), null],
        console: None,
        channel: Channel {
            input: None,
            terminal: None,
            input_once,
            outputs: Vec::new(),
        },
    };
    if terminal {
        ends.console = Some(sys.socketpair_stream().await.map_err(failed)?);
        return Ok(ends);
    }
    let pipe = async || sys.pipe2(OpenFlags::CLOEXEC).await.map_err(failed);
    let [_, out, err] = &mut ends.stdio;
    for (stream, end) in [(Stream::Stdout, out), (Stream::Stderr, err)] {
        let [reader, writer] = pipe().await?;
        *end = Arc::new(writer);
        ends.channel.outputs.push((stream, Arc::new(reader)));
    }
    if stdin {
        let [reader, writer] = pipe().await?;
        let [input, ..] = &mut ends.stdio;
        *input = Arc::new(reader);
        ends.channel.input = Some(Arc::new(writer));
    }
    Ok(ends)
}

/// Makes the container. Its process waits for [`start`].
pub(super) async fn container<S: Sys + Trace>(table: &Arc<Table<S>>) -> Result<Pid> {
    let (sys, options) = (&table.sys, &table.options);
    let path = PathArg::from(&options.bundle).join("config.json");
    let text = crate::io::read_file(sys, path, MAX_LINE)
        .await
        .map_err(|errno| {
            RuntimeError::errno(format_args!("read {}/config.json", options.bundle), errno)
        })?;
    let spec: Spec = serde_json::from_slice(&text).map_err(|error| {
        RuntimeError::new(
            ErrorKind::Invalid,
            format!("{}/config.json: {error}", options.bundle),
        )
    })?;
    let terminal = spec
        .process
        .as_ref()
        .is_some_and(|process| process.terminal);
    let ends = ends(sys, terminal, options.stdin, options.stdin_once).await?;
    let [wait, go] = sys.pipe2(OpenFlags::CLOEXEC).await.map_err(failed)?;
    table.open_log().await?;
    let args = ["create", "--dir", &options.dir, "--bundle", &options.bundle];
    let mut program = Spawn::new(&options.runtime, "glassdock-runtime", args);
    program.fds.push((wait.fd(), START_FD));
    program
        .argv
        .extend([b"--start-fd".to_vec(), START_FD.to_string().into_bytes()]);
    let (pid, channel) = help(table, program, ends).await?;
    drop(wait);
    table.set_start(go);
    table.adopt(None, pid, channel, None).await;
    Ok(pid)
}

/// Lets the created process go on.
pub(super) async fn start<S: Sys + Trace>(table: &Table<S>) -> Result<()> {
    let go = table.take_start()?;
    let _ = table
        .sys
        .unlinkat(Fd::CWD, table.dir.join(CREATED), AtFlags::empty())
        .await;
    write_all(&table.sys, go.fd(), &[0])
        .await
        .map_err(|errno| RuntimeError::errno("start the container", errno))
}

/// Runs a further process. `outbox` gets its output from the beginning.
pub(super) async fn exec<S: Sys + Trace>(
    table: &Arc<Table<S>>,
    id: &str,
    process: &Process,
    stdin: bool,
    outbox: Option<&Outbox>,
) -> Result<Pid> {
    let key: Key = Some(id.to_owned());
    if table.has(&key) {
        return Err(RuntimeError::new(
            ErrorKind::AlreadyExists,
            format!("executed process {id} exists already"),
        ));
    }
    let sys = &table.sys;
    let ends = ends(sys, process.terminal, stdin, true).await?;
    let text = serde_json::to_vec(process)
        .map_err(|error| RuntimeError::new(ErrorKind::Invalid, error.to_string()))?;
    if text.len() > MAX_PROCESS {
        return Err(RuntimeError::new(
            ErrorKind::Invalid,
            "the process's description is too long",
        ));
    }
    let name = format!("exec-{}.json", sanitize(id));
    let path = table.dir.join(&name);
    let flags = OpenFlags::WRONLY | OpenFlags::CREAT | OpenFlags::TRUNC;
    let file = sys
        .openat(Fd::CWD, path.clone(), flags, 0o600)
        .await
        .map_err(failed)?;
    write_all(sys, file.fd(), &text).await.map_err(failed)?;
    drop(file);
    let options = &table.options;
    let document = path.to_string();
    let args = ["exec", "--dir", &options.dir, "--process", &document];
    let program = Spawn::new(&options.runtime, "glassdock-runtime", args);
    let helped = help(table, program, ends).await;
    let _ = sys.unlinkat(Fd::CWD, path, AtFlags::empty()).await;
    let (pid, channel) = helped?;
    table
        .adopt(key, pid, channel, outbox.map(Table::<S>::client))
        .await;
    Ok(pid)
}

/// An id as part of a file's name.
fn sanitize(id: &str) -> String {
    id.chars()
        .take(128)
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect()
}

/// Runs the helper to its end: yields the process that it made, which is to be adopted, and our ends of its streams.
async fn help<S: Sys + Trace>(
    table: &Table<S>,
    mut program: Spawn,
    ends: Ends<S>,
) -> Result<(Pid, Channel<S>)> {
    let span = table.sys.enter(Layer::Runtime, "shim helper", Args::None);
    table.begin_start();
    let helped = help_inside(&span, table, &mut program, ends).await;
    if helped.is_err() {
        table.not_started();
    }
    span.exit(match &helped {
        Ok((pid, _)) => Outcome::Int(i64::from(pid.0)),
        Err(error) => Outcome::Failed(error.message.clone()),
    });
    helped
}

async fn help_inside<S: Sys + Trace>(
    sys: &S,
    table: &Table<S>,
    program: &mut Spawn,
    ends: Ends<S>,
) -> Result<(Pid, Channel<S>)> {
    let Ends {
        stdio,
        console,
        mut channel,
    } = ends;
    let [reader, writer] = sys.pipe2(OpenFlags::CLOEXEC).await.map_err(failed)?;
    let flag = |name: &str, fd: i32| [name.as_bytes().to_vec(), fd.to_string().into_bytes()];
    program.argv.extend(flag("--report-fd", REPORT_FD));
    program.fds.push((writer.fd(), REPORT_FD));
    for (number, end) in (0..).zip(&stdio) {
        program.fds.push((end.fd(), number));
    }
    if let Some([_, theirs]) = &console {
        program.argv.extend(flag("--console-fd", CONSOLE_FD));
        program.fds.push((theirs.fd(), CONSOLE_FD));
    }
    program.argv.push(table.options.id.as_bytes().to_vec());
    table.expect_child();
    let child = sys.spawn(program.clone()).await.map_err(|errno| {
        RuntimeError::not_started(ErrorKind::System, "runtime", &program.path, errno)
    })?;
    // The reaper may have found no child before this one.
    table.expect_child();
    drop((writer, stdio));
    // One line: the process that the helper leaves behind holds the pipe until it runs its program.
    let line = Lines::new(reader).line(MAX_LINE).await.map_err(failed)?;
    let ours = console.map(|[ours, _]| ours);
    table.claim(child.pid).await;
    let pid = match line.map(|line| serde_json::from_slice(&line)) {
        Some(Ok(Reply::Pid(pid))) => Pid(pid),
        Some(Ok(Reply::Error(error))) => return Err(error),
        _ => {
            return Err(RuntimeError::new(
                ErrorKind::System,
                "the runtime ended without a report",
            ));
        }
    };
    if let Some(ours) = ours {
        match receive_master(sys, &ours).await {
            Ok(master) => {
                let master = Arc::new(master);
                channel.input = Some(Arc::clone(&master));
                channel.terminal = Some(Arc::clone(&master));
                channel.outputs.push((Stream::Stdout, master));
            }
            Err(error) => {
                let _ = sys.kill(pid, signal::KILL).await;
                return Err(error);
            }
        }
    }
    Ok((pid, channel))
}

async fn receive_master<S: Sys>(sys: &S, socket: &OwnedFd<S>) -> Result<OwnedFd<S>> {
    let call = Call::Recvmsg {
        fd: socket.fd(),
        count: 64,
        flags: MsgFlags::CMSG_CLOEXEC,
    };
    let message = sys
        .call(call)
        .await
        .and_then(|ret| ret.msg())
        .map_err(failed)?;
    let mut fds = message.fds.into_iter().map(|fd| sys.own(fd));
    fds.next()
        .ok_or_else(|| RuntimeError::new(ErrorKind::System, "the container sent no terminal"))
}

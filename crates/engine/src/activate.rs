//! Socket activation: a socket that is listened on before there is a server.
//!
//! A host comes up sooner when its engine is started by the first client. [`main`] is a small program that listens,
//! waits for a connection, and becomes the server; the connection waits in the socket's backlog meanwhile. The protocol
//! is systemd's (`man 3 sd_listen_fds`), the program does what `systemd-socket-activate` does for one socket.

use crate::daemon::Host;
use crate::daemon::listen::{GROUP, listen};
use crate::engine::system;
use crate::error::{ApiError, Result};
use glassdock_abi::call::FcntlCmd;
use glassdock_abi::files::write_all;
use glassdock_abi::flags::{AtFlags, OpenFlags, PollEvents};
use glassdock_abi::types::PollFd;
use glassdock_abi::{Call, Errno, Fd, Io, OwnedFd, PathArg, Ret, Sys};

/// The first descriptor that is handed over (`SD_LISTEN_FDS_START`).
const FIRST: Fd = Fd(3);
/// Exit status for arguments that are none, and for a program that cannot be started.
const USAGE_ERROR: u8 = 1;

const USAGE: &str = "\
Usage: socket-activate -l PATH PROGRAM [ARGUMENTS]

Listens on a unix socket. When the first connection comes, becomes the program,
which finds the socket as descriptor 3 (LISTEN_FDS=1).
";

/// The program `socket-activate`.
pub async fn main<S: Sys>(sys: S, argv: Vec<Vec<u8>>, envp: Vec<Vec<u8>>) -> u8 {
    let [_, option, path, program @ ..] = argv.as_slice() else {
        return say(&sys, USAGE).await;
    };
    if !matches!(option.as_slice(), b"-l" | b"--listen") || program.is_empty() {
        return say(&sys, USAGE).await;
    }
    let path = String::from_utf8_lossy(path).into_owned();
    match activate(&sys, &path, program, envp).await {
        Ok(never) => match never {},
        Err(error) => say(&sys, &format!("socket-activate: {error}\n")).await,
    }
}

async fn say<S: Sys>(sys: &S, text: &str) -> u8 {
    // Nobody else can be told.
    let _ = write_all(sys, Fd::STDERR, text.as_bytes()).await;
    USAGE_ERROR
}

async fn activate<S: Sys>(
    sys: &S,
    path: &str,
    program: &[Vec<u8>],
    mut envp: Vec<Vec<u8>>,
) -> Result<core::convert::Infallible> {
    let name = program.first().cloned().unwrap_or_default();
    let socket = listen(sys, &Host::Unix(path.to_string()), GROUP).await?;
    wait(sys, socket.fd()).await?;
    hand_over(sys, socket.fd())
        .await
        .map_err(system("hand over the socket"))?;
    let Ret::Pid(pid) = sys.call(Call::Getpid {}).await.map_err(system("getpid"))? else {
        return Err(ApiError::system("getpid: no process id"));
    };
    envp.push(b"LISTEN_FDS=1".to_vec());
    envp.push(format!("LISTEN_PID={}", pid.0).into_bytes());
    let call = Call::Execveat {
        dirfd: Fd::CWD,
        path: PathArg::from(name.clone()),
        argv: program.to_vec(),
        envp,
        flags: AtFlags::empty(),
    };
    let name = String::from_utf8_lossy(&name).into_owned();
    match sys.call(call).await {
        Err(errno) => Err(system(name)(errno)),
        Ok(_) => Err(ApiError::system(format!("{name}: execve returned"))),
    }
}

async fn wait<S: Sys>(sys: &S, socket: Fd) -> Result<()> {
    let fds = vec![PollFd {
        fd: socket,
        events: PollEvents::IN,
    }];
    loop {
        match sys.ppoll(fds.clone(), None).await {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(system("poll")(errno)),
        }
    }
}

/// Makes the socket the descriptor that the program expects, open across `execve`.
async fn hand_over<S: Sys>(sys: &S, socket: Fd) -> glassdock_abi::Result<()> {
    let call = if socket == FIRST {
        let cmd = FcntlCmd::SetFd(false);
        Call::Fcntl { fd: FIRST, cmd }
    } else {
        Call::Dup3 {
            oldfd: socket,
            newfd: FIRST,
            flags: OpenFlags::empty(),
        }
    };
    sys.call(call).await.map(|_| ())
}

/// The socket that this process was started with, by its environment.
///
/// # Errors
/// In moby's words, where there is none or it is meant for another process.
pub async fn inherited<S: Sys>(sys: &S, envp: &[Vec<u8>]) -> Result<OwnedFd<S>> {
    let value = |name: &str| {
        let prefix = format!("{name}=");
        let found = envp
            .iter()
            .find_map(|entry| entry.strip_prefix(prefix.as_bytes()));
        found.and_then(|value| str::from_utf8(value).ok()?.parse::<i32>().ok())
    };
    // A process with threads cannot ask for its id this way; its starter is trusted then.
    let mine = match sys.call(Call::Getpid {}).await {
        Ok(Ret::Pid(pid)) => value("LISTEN_PID") == Some(pid.0),
        _ => true,
    };
    if !mine || value("LISTEN_FDS").is_none_or(|count| count < 1) {
        let why =
            "no sockets found via socket activation: make sure the service was started by systemd";
        return Err(ApiError::system(why));
    }
    let cmd = FcntlCmd::SetFd(true);
    let socket = sys.own(FIRST);
    sys.call(Call::Fcntl { fd: FIRST, cmd })
        .await
        .map_err(system("the socket of socket activation"))?;
    Ok(socket)
}

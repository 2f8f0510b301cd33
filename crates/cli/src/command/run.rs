//! `docker run`.

use super::containers::path;
use super::create::{make, request, with_help};
use super::signals::{Target, Watch, first_size};
use crate::error::{Fail, Kind, Result};
use crate::flags::Parsed;
use crate::session::{Call, Session, read_document};
use crate::streams::{self, Attachment};
use crate::terminal;
use futures_util::{FutureExt, pin_mut, select_biased};
use glassdock_abi::{Fd, Sys};
use glassdock_api::container::WaitResponse;
use glassdock_http::client::Answer;
use glassdock_trace::Trace;

/// Bytes of the answer to a wait at most.
const MAX_WAIT: usize = 1 << 20;

/// The exit status that an error of the engine stands for (`toStatusError`).
fn failed(fail: Fail) -> Fail {
    let text = fail.message.clone();
    let any = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    let status = match () {
        () if any(&[
            "executable file not found",
            "no such file or directory",
            "system cannot find the file specified",
        ]) =>
        {
            127
        }
        () if any(&["permission denied", "is a directory"]) => 126,
        () => 125,
    };
    with_help(fail, "run").with_status(status)
}

/// `docker run`
pub async fn run<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let detach = flags.bool("detach");
    let mut request = request(session, flags, "run").await?;
    let config = &mut request.config;
    if detach {
        if flags.changed("attach") {
            return Err(Fail::new(
                "conflicting options: cannot specify both --attach and --detach",
            ));
        }
        (
            config.attach_stdin,
            config.attach_stdout,
            config.attach_stderr,
        ) = (false, false, false);
        config.stdin_once = false;
    } else {
        check_terminal(session, config.attach_stdin, config.tty).await?;
    }
    let config = &request.config;
    let how = Attachment {
        stdin: config.attach_stdin,
        stdout: config.attach_stdout,
        stderr: config.attach_stderr,
        tty: config.tty,
        detach_keys: flags.text("detach-keys").to_owned(),
    };
    let id = make(session, flags, &request).await.map_err(failed)?;
    // Before the start, as the real command does: the id is told also where that fails.
    if !how.stdout && !how.stderr {
        session.out(format!("{id}\n")).await?;
    }
    let removed = flags.bool("rm");
    if !how.stdin && !how.stdout && !how.stderr {
        let waiting = wait(session, &id, removed).await;
        return match start(session, &id).await {
            Ok(()) => Ok(()),
            Err(fail) => Err(not_started(session, fail, removed, waiting).await),
        };
    }
    let on_terminal = how.tty && terminal::is_terminal(&session.sys, Fd::STDOUT).await;
    let target = Target {
        signals: flags.bool("sig-proxy").then(|| id.clone()),
        terminal: on_terminal.then(|| path(&id, "")),
    };
    attached(session, &id, &how, removed, &target).await
}

/// Standard input of a container with a terminal must be one too.
pub async fn check_terminal<S: Sys + Trace>(
    session: &Session<S>,
    stdin: bool,
    tty: bool,
) -> Result<()> {
    match stdin && tty && !terminal::is_terminal(&session.sys, Fd::STDIN).await {
        true => Err(Fail::new("the input device is not a TTY")),
        false => Ok(()),
    }
}

/// Asks for the raw connection of a container.
pub async fn connect<S: Sys + Trace>(
    session: &Session<S>,
    id: &str,
    how: &Attachment,
) -> Result<glassdock_http::Upgraded<S>> {
    let keys = match how.detach_keys.is_empty() {
        true => session.settings.detach_keys.clone(),
        false => how.detach_keys.clone(),
    };
    let call = Call::post(path(id, "/attach"))
        .with_if(!keys.is_empty(), "detachKeys", keys)
        .with("stream", "1")
        .with_if(how.stdin, "stdin", "1")
        .with_if(how.stdout, "stdout", "1")
        .with_if(how.stderr, "stderr", "1");
    session.upgrade(call).await
}

/// Starts a container.
pub async fn start<S: Sys + Trace>(session: &Session<S>, id: &str) -> Result<()> {
    session
        .fetch(Call::post(path(id, "/start")))
        .await
        .map(drop)
}

/// Asks for the exit status before there is one. The answer's head has come when this returns, so nothing is missed.
pub async fn wait<S: Sys + Trace>(
    session: &Session<S>,
    id: &str,
    removed: bool,
) -> Result<Answer<S>> {
    let condition = if removed { "removed" } else { "next-exit" };
    session
        .send(Call::post(path(id, "/wait")).with("condition", condition))
        .await
}

/// The exit status, once it is there; 125 where waiting failed.
pub async fn status<S: Sys + Trace>(
    session: &Session<S>,
    waiting: Result<Answer<S>>,
) -> Result<u8> {
    let waited = async {
        let body = waiting?
            .collect(MAX_WAIT)
            .await
            .map_err(|error| Fail::new(error.to_string()))?;
        read_document::<WaitResponse>(&body)
    };
    match waited.await {
        Ok(WaitResponse {
            error: None,
            status_code,
        }) => Ok(u8::try_from(status_code & 0xff).unwrap_or(125)),
        Ok(WaitResponse {
            error: Some(error), ..
        }) => {
            session
                .err(format!("Error waiting for container: {}\n", error.message))
                .await?;
            Ok(125)
        }
        Err(fail) => {
            session
                .err(format!("error waiting for container: {}\n", fail.message))
                .await?;
            Ok(125)
        }
    }
}

/// What a failed start ends the command with, once a container that is to be removed is gone.
async fn not_started<S: Sys + Trace>(
    session: &Session<S>,
    fail: Fail,
    removed: bool,
    waiting: Result<Answer<S>>,
) -> Fail {
    if removed {
        let _ = status(session, waiting).await;
    }
    failed(fail)
}

/// Connects, waits, starts, and stays until the container ends or is left.
async fn attached<S: Sys + Trace>(
    session: &Session<S>,
    id: &str,
    how: &Attachment,
    removed: bool,
    target: &Target,
) -> Result<()> {
    let watch = Watch::start(session, target).await;
    let connection = connect(session, id, how).await?;
    let waiting = wait(session, id, removed).await;
    if let Err(fail) = start(session, id).await {
        drop(connection);
        return Err(not_started(session, fail, removed, waiting).await);
    }
    let stay = async {
        let streaming = streams::stream(session, connection, how).await;
        match streaming {
            Err(fail) if fail.kind == Kind::Detached => return Ok(()),
            Err(fail) => return Err(fail),
            Ok(()) => {}
        }
        match status(session, waiting).await? {
            0 => Ok(()),
            code => Err(Fail::status(code)),
        }
    };
    beside(session, stay, &watch, target).await
}

/// Runs a command's main part with its signals and its window beside it.
pub async fn beside<S: Sys + Trace>(
    session: &Session<S>,
    main: impl Future<Output = Result<()>>,
    watch: &Watch<S>,
    target: &Target,
) -> Result<()> {
    let main = main.fuse();
    let beside = async {
        if target.terminal.is_some() {
            first_size(session, target).await;
        }
        watch.pass_on(session, target).await;
    }
    .fuse();
    pin_mut!(main, beside);
    select_biased! {
        done = main => done,
        () = beside => main.await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_s_words_choose_the_exit_status() {
        for (message, status) in [
            (
                "exec: \"nope\": executable file not found in $PATH: unknown",
                127,
            ),
            ("stat /nope: no such file or directory: unknown", 127),
            ("exec: \"/etc\": permission denied", 126),
            ("exec: \"/etc\": is a directory", 126),
            ("Conflict. The container name is in use", 125),
        ] {
            let fail = failed(Fail::new(message));
            assert_eq!(fail.status, status);
            assert_eq!(
                fail.message,
                format!("docker: {message}\n\nRun 'docker run --help' for more information")
            );
        }
    }
}

//! `docker attach`, `docker start` and `docker exec`.

use super::containers::path;
use super::create::environment;
use super::run::{beside, check_terminal, connect, start as start_one, status, wait};
use super::signals::{Target, Watch, resize, resize_to};
use crate::error::{Fail, Kind, Result};
use crate::flags::Parsed;
use crate::session::{Call, Session};
use crate::streams::{self, Attachment};
use crate::terminal;
use glassdock_abi::{Fd, Sys};
use glassdock_api::IdResponse;
use glassdock_api::exec::{ExecCreate, ExecInspect, ExecStart};
use glassdock_api::inspect::ContainerInspect;
use glassdock_trace::Trace;

async fn inspect<S: Sys + Trace>(session: &Session<S>, name: &str) -> Result<ContainerInspect> {
    session.document(Call::get(path(name, "/json"))).await
}

/// A container that can be attached to.
async fn running<S: Sys + Trace>(session: &Session<S>, name: &str) -> Result<ContainerInspect> {
    let container = inspect(session, name).await?;
    let state = container.state.clone().unwrap_or_default();
    match () {
        () if !state.running => Err(Fail::new(
            "You cannot attach to a stopped container, start it first",
        )),
        () if state.paused => Err(Fail::new(
            "You cannot attach to a paused container, unpause it first",
        )),
        () if state.restarting => Err(Fail::new(
            "You cannot attach to a restarting container, wait until it is running",
        )),
        () => Ok(container),
    }
}

/// `docker attach`
pub async fn attach<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let name = flags.args.first().map_or("", String::as_str);
    let waiting = session.send(Call::post(path(name, "/wait"))).await;
    let container = running(session, name).await?;
    let config = container.config.unwrap_or_default();
    let stdin = !flags.bool("no-stdin");
    check_terminal(session, stdin, config.tty).await?;
    let how = Attachment {
        stdin: stdin && config.open_stdin,
        stdout: true,
        stderr: true,
        tty: config.tty,
        detach_keys: flags.text("detach-keys").to_owned(),
    };
    let on_terminal = config.tty && terminal::is_terminal(&session.sys, Fd::STDOUT).await;
    let target = Target {
        signals: (flags.bool("sig-proxy") && !config.tty).then(|| name.to_owned()),
        terminal: on_terminal.then(|| path(name, "")),
    };
    let watch = Watch::start(session, &target).await;
    let connection = connect(session, name, &how).await?;
    // It may have ended in between; then nothing would ever come.
    running(session, name).await?;
    if on_terminal {
        // A program in the container draws anew only when the size changes.
        let [height, width] = terminal::size(&session.sys, Fd::STDOUT).await;
        resize_to(session, &path(name, ""), height + 1, width + 1).await;
        resize(session, &target).await;
    }
    let stay = async {
        match streams::stream(session, connection, &how).await {
            Err(fail) if fail.kind == Kind::Detached => {
                return Err(Fail::new("read escape sequence"));
            }
            Err(fail) => return Err(fail),
            Ok(()) => {}
        }
        match status(session, waiting).await? {
            0 => Ok(()),
            code => Err(Fail::status(code)),
        }
    };
    beside(
        session,
        stay,
        &watch,
        &Target {
            terminal: None,
            ..target.clone()
        },
    )
    .await
}

/// `docker start`
pub async fn start<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    if !flags.bool("attach") && !flags.bool("interactive") {
        return start_all(session, &flags.args).await;
    }
    let [name] = flags.args.as_slice() else {
        return Err(Fail::new(
            "you cannot start and attach multiple containers at once",
        ));
    };
    let container = inspect(session, name).await?;
    let (id, config) = (container.id, container.config.unwrap_or_default());
    let removed = container.host_config.is_some_and(|host| host.auto_remove);
    let how = Attachment {
        stdin: flags.bool("interactive") && config.open_stdin,
        stdout: true,
        stderr: true,
        tty: config.tty,
        detach_keys: flags.text("detach-keys").to_owned(),
    };
    let on_terminal = config.tty && terminal::is_terminal(&session.sys, Fd::STDOUT).await;
    let target = Target {
        signals: (!config.tty).then(|| id.clone()),
        terminal: on_terminal.then(|| path(&id, "")),
    };
    let watch = Watch::start(session, &target).await;
    let connection = connect(session, &id, &how).await?;
    let waiting = wait(session, &id, removed).await;
    if let Err(fail) = start_one(session, &id).await {
        drop(connection);
        if removed {
            let _ = status(session, waiting).await;
        }
        return Err(fail);
    }
    let stay = async {
        match streams::stream(session, connection, &how).await {
            Err(fail) if fail.kind == Kind::Detached => return Ok(()),
            Err(fail) => return Err(fail),
            Ok(()) => {}
        }
        match status(session, waiting).await? {
            0 => Ok(()),
            code => Err(Fail::status(code)),
        }
    };
    beside(session, stay, &watch, &target).await
}

async fn start_all<S: Sys + Trace>(session: &Session<S>, names: &[String]) -> Result<()> {
    let mut failed = Vec::new();
    for name in names {
        match start_one(session, name).await {
            Ok(()) => session.out(format!("{name}\n")).await?,
            Err(fail) => {
                session.err(format!("{}\n", fail.message)).await?;
                failed.push(name.as_str());
            }
        }
    }
    match failed.is_empty() {
        true => Ok(()),
        false => Err(Fail::new(format!(
            "Error: failed to start containers: {}",
            failed.join(", ")
        ))),
    }
}

/// `docker exec`
pub async fn exec<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let (name, command) = flags
        .args
        .split_first()
        .map_or(("", &[][..]), |(name, rest)| (name.as_str(), rest));
    let (detach, tty) = (flags.bool("detach"), flags.bool("tty"));
    let keys = match flags.text("detach-keys") {
        "" => session.settings.detach_keys.as_str(),
        keys => keys,
    };
    let env = environment(session, flags).await?;
    inspect(session, name).await?;
    let attach_stdin = flags.bool("interactive") && !detach;
    if !detach {
        check_terminal(session, attach_stdin, tty).await?;
    }
    let console_size = match tty {
        true => Some(terminal::size(&session.sys, Fd::STDOUT).await),
        false => None,
    };
    let create = ExecCreate {
        user: flags.text("user").into(),
        privileged: flags.bool("privileged"),
        tty,
        console_size,
        attach_stdin,
        attach_stderr: !detach,
        attach_stdout: !detach,
        detach_keys: keys.into(),
        env: (!env.is_empty()).then_some(env),
        working_dir: flags.text("workdir").into(),
        cmd: Some(command.to_vec()),
        detach,
    };
    let made: IdResponse = session
        .document(Call::post(path(name, "/exec")).json(&create))
        .await?;
    if made.id.is_empty() {
        return Err(Fail::new("exec ID empty"));
    }
    let start = Call::post(format!("/exec/{}/start", made.id)).json(&ExecStart {
        detach,
        tty,
        console_size,
    });
    if detach {
        return session.fetch(start).await.map(drop);
    }
    let how = Attachment {
        stdin: attach_stdin,
        stdout: true,
        stderr: true,
        tty,
        detach_keys: keys.into(),
    };
    let on_terminal = tty && terminal::is_terminal(&session.sys, Fd::STDIN).await;
    let target = Target {
        signals: None,
        terminal: on_terminal.then(|| format!("/exec/{}", made.id)),
    };
    let watch = Watch::start(session, &target).await;
    let connection = session.upgrade(start).await?;
    let stay = async {
        match streams::stream(session, connection, &how).await {
            Err(fail) if fail.kind == Kind::Detached => {
                return Err(Fail::new("read escape sequence"));
            }
            done => done?,
        }
        exec_status(session, &made.id).await
    };
    beside(session, stay, &watch, &target).await
}

async fn exec_status<S: Sys + Trace>(session: &Session<S>, id: &str) -> Result<()> {
    let ended = session
        .document::<ExecInspect>(Call::get(format!("/exec/{id}/json")))
        .await;
    match ended {
        Ok(ended) => match ended.exit_code.unwrap_or(0) {
            0 => Ok(()),
            code => Err(Fail::status(u8::try_from(code & 0xff).unwrap_or(255))),
        },
        // The engine has gone.
        Err(fail) if fail.kind == Kind::Connection => Err(Fail::status(255)),
        Err(fail) => Err(fail),
    }
}

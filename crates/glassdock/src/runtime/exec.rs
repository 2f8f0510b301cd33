//! `exec`: a further process in a container.

use super::args::{Exec, Globals, Making};
use super::{connect, made, options, read_document, refuse_socket, spec, system};
use glassdock_abi::{OwnedFd, Pid};
use glassdock_linux::Direct;
use glassdock_oci::runtime::{Capabilities, Process};
use glassdock_runtime::foreground::Foreground;
use glassdock_runtime::helper;
use glassdock_runtime::{ErrorKind, RuntimeError};
use rustix::fs::{MemfdFlags, memfd_create};
use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;

type Result<T> = core::result::Result<T, RuntimeError>;

/// Carries the command out; gives the process's exit status where it is waited for.
pub(super) async fn exec(
    sys: &Direct,
    globals: &Globals,
    id: &str,
    making: &Making,
    exec: &Exec,
) -> Result<u8> {
    let process = described(sys, globals, id, exec).await?;
    // Where the helper reads it: a file that is nowhere.
    let file = in_memory(&process)?;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let mut words = vec!["exec", "--process", &path, id];
    if exec.ignore_paused {
        words.push("--ignore-paused");
    }
    if making.detach {
        let console = connect(sys, making).await?;
        let fd = console.as_ref().map(OwnedFd::fd);
        if process.terminal && fd.is_none() {
            return Err(RuntimeError::new(
                ErrorKind::Invalid,
                "exec failed: cannot allocate tty if runc will detach without setting console socket",
            ));
        }
        let _: Pid = made(sys, &globals.root, &words, &options(making, fd)).await?;
        return Ok(0);
    }
    refuse_socket(making)?;
    let foreground = Foreground::begin(sys, process.terminal).await?;
    let options = options(making, foreground.console());
    let pid = made(sys, &globals.root, &words, &options).await?;
    foreground.attend().await?.wait(pid).await
}

fn in_memory(process: &Process) -> Result<File> {
    let text = serde_json::to_vec(process).map_err(|error| system(error.to_string()))?;
    let file =
        memfd_create("process", MemfdFlags::CLOEXEC).map_err(|error| system(error.to_string()))?;
    let mut file = File::from(file);
    file.write_all(&text)
        .map_err(|error| system(error.to_string()))?;
    Ok(file)
}

/// The process: a file's, or the container's own with what the options say.
async fn described(sys: &Direct, globals: &Globals, id: &str, exec: &Exec) -> Result<Process> {
    if let Some(path) = &exec.process {
        let wrong = |error: &dyn std::fmt::Display| {
            RuntimeError::new(ErrorKind::Invalid, format!("{path}: {error}"))
        };
        let text = File::open(path).and_then(read_document);
        let text = text.map_err(|error| wrong(&error))?;
        return serde_json::from_slice(&text).map_err(|error| wrong(&error));
    }
    let state = helper::state_of(sys, &globals.root, id).await?;
    let mut process = spec(&state.bundle)?
        .process
        .ok_or_else(|| RuntimeError::new(ErrorKind::Invalid, "process: it is missing"))?;
    process.args.clone_from(&exec.args);
    process.terminal = exec.tty;
    process.console_size = None;
    process.env.extend(exec.env.iter().cloned());
    process.no_new_privileges |= exec.no_new_privileges;
    if let Some(cwd) = &exec.cwd {
        process.cwd.clone_from(cwd);
    }
    if let Some(user) = &exec.user {
        (process.user.uid, process.user.gid) = ids(user)?;
    }
    process.user.additional_gids.extend(&exec.groups);
    let caps = process
        .capabilities
        .get_or_insert_with(Capabilities::default);
    for cap in &exec.caps {
        for set in [&mut caps.bounding, &mut caps.effective, &mut caps.permitted] {
            set.push(cap.clone());
        }
    }
    Ok(process)
}

/// `UID[:GID]`.
fn ids(text: &str) -> Result<(u32, u32)> {
    let (uid, gid) = text.split_once(':').unwrap_or((text, "0"));
    match (uid.parse(), gid.parse()) {
        (Ok(uid), Ok(gid)) => Ok((uid, gid)),
        _ => Err(RuntimeError::new(
            ErrorKind::Invalid,
            format!("{text:?} is not of the form UID[:GID]"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::ids;

    #[test]
    fn a_user_is_one_number_or_two() {
        assert_eq!(ids("7").unwrap(), (7, 0));
        assert_eq!(ids("7:8").unwrap(), (7, 8));
        for wrong in ["", "a", "1:", ":1", "1:a", "-1"] {
            assert!(ids(wrong).is_err(), "{wrong}");
        }
    }
}

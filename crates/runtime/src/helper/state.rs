//! What the runtime keeps of a container in its state directory.

use super::args::Options;
use super::namespace_flags;
use crate::cgroups;
use crate::io::read_file;
use crate::plan::Ids;
use crate::{ErrorKind, RuntimeError};
use glassdock_abi::flags::{AtFlags, OpenFlags};
use glassdock_abi::{Errno, Fd, Io, PathArg, Pid, Sys};
use glassdock_oci::runtime::{Hooks, Spec, State, Status};
use serde::{Deserialize, Serialize};

/// The state's file.
pub(crate) const STATE: &str = "state.json";
/// Exists from create to start.
pub(crate) const CREATED: &str = "exec.fifo";
/// Longest state in bytes.
const MAX_STATE: usize = 4 << 20;
/// Longest `/proc/PID/stat` in bytes.
const MAX_STAT: usize = 4096;

/// A container's state, with what the runtime needs to know again.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Saved {
    /// The state of the specification; the status in it is that of the moment of writing.
    #[serde(flatten)]
    pub state: State,
    /// When the process started, in clock ticks since boot: its number may come to mean another process.
    pub start_time: u64,
    /// Clone flags of the namespaces that are not the host's.
    pub namespaces: u64,
    /// The maps of its own user namespace, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<Ids>,
    /// The hooks that are still to run.
    #[serde(default, skip_serializing_if = "Hooks::is_empty")]
    pub hooks: Hooks,
}

impl Saved {
    pub(super) async fn new<S: Sys>(
        sys: &S,
        options: &Options,
        spec: &Spec,
        bundle: &str,
        pid: Pid,
    ) -> Saved {
        let start_time = process_stat(sys, pid)
            .await
            .map_or(0, |stat| stat.start_time);
        Saved {
            state: State {
                status: Status::Created,
                pid: pid.0,
                ..creating(options, spec, bundle)
            },
            start_time,
            namespaces: namespace_flags(spec).bits(),
            ids: Ids::own(spec.linux.as_ref()),
            hooks: later(spec.hooks.as_ref()),
        }
    }

    /// The state in a directory.
    pub async fn read<S: Sys>(sys: &S, dir: &PathArg, id: &str) -> Result<Saved, RuntimeError> {
        let text =
            read_file(sys, dir.join(STATE), MAX_STATE)
                .await
                .map_err(|errno| match errno {
                    Errno::ENOENT => RuntimeError::new(
                        ErrorKind::NotFound,
                        format!("container does not exist: {id}"),
                    ),
                    errno => RuntimeError::errno(format_args!("read {dir}/{STATE}"), errno),
                })?;
        serde_json::from_slice(&text).map_err(|error| {
            RuntimeError::new(ErrorKind::System, format!("{dir}/{STATE}: {error}"))
        })
    }

    /// The state now.
    pub async fn now<S: Sys>(&self, sys: &S, dir: &PathArg) -> State {
        let mut state = self.state.clone();
        state.status = self.status(sys, dir).await;
        match state.status {
            Status::Stopped => state.pid = 0,
            Status::Running => {
                let groups = cgroups::read_record(sys, dir).await;
                if cgroups::is_frozen(sys, &groups).await {
                    state.status = Status::Paused;
                }
            }
            _ => {}
        }
        state
    }

    /// The status now, but for whether it is paused.
    pub async fn status<S: Sys>(&self, sys: &S, dir: &PathArg) -> Status {
        let stat = process_stat(sys, Pid(self.state.pid)).await;
        let alive = stat.is_some_and(|stat| {
            !matches!(stat.state, b'Z' | b'X') && stat.start_time == self.start_time
        });
        if !alive {
            return Status::Stopped;
        }
        let created = sys
            .statx(Fd::CWD, dir.join(CREATED), AtFlags::SYMLINK_NOFOLLOW)
            .await
            .is_ok();
        if created {
            Status::Created
        } else {
            Status::Running
        }
    }
}

/// The state of a container that is being made.
pub(super) fn creating(options: &Options, spec: &Spec, bundle: &str) -> State {
    State {
        oci_version: spec.oci_version.clone(),
        id: options.id.clone(),
        status: Status::Creating,
        pid: 0,
        bundle: bundle.to_owned(),
        annotations: spec.annotations.clone(),
    }
}

/// The hooks that are run when the container has been made.
fn later(hooks: Option<&Hooks>) -> Hooks {
    let Some(hooks) = hooks else {
        return Hooks::default();
    };
    Hooks {
        poststart: hooks.poststart.clone(),
        poststop: hooks.poststop.clone(),
        ..Hooks::default()
    }
}

/// What `/proc/PID/stat` says of a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ProcessStat {
    /// The letter of its state.
    pub state: u8,
    /// Who made it, or took it over.
    pub parent: Pid,
    /// When it started, in clock ticks since boot.
    pub start_time: u64,
}

/// Reads a process's state; `None` when there is no such process.
pub(crate) async fn process_stat<S: Sys>(sys: &S, pid: Pid) -> Option<ProcessStat> {
    let path = PathArg::from(format!("/proc/{}/stat", pid.0));
    let text = read_file(sys, path, MAX_STAT).await.ok()?;
    parse_stat(&text)
}

/// Fields 3, 4 and 22 of `man 5 proc_pid_stat`; the second, a name in parentheses, may have anything in it.
fn parse_stat(text: &[u8]) -> Option<ProcessStat> {
    let end = text.iter().rposition(|&b| b == b')')?;
    let rest = core::str::from_utf8(text.get(end + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = *fields.next()?.as_bytes().first()?;
    let parent = Pid(fields.next()?.parse().ok()?);
    let start_time = fields.nth(17)?.parse().ok()?;
    Some(ProcessStat {
        state,
        parent,
        start_time,
    })
}

/// Removes a state directory with the files in it. One that is gone is as good.
pub(super) async fn remove_state<S: Sys>(sys: &S, dir: &PathArg) -> glassdock_abi::Result<()> {
    let flags = OpenFlags::RDONLY | OpenFlags::DIRECTORY | OpenFlags::NOFOLLOW;
    let open = match sys.openat(Fd::CWD, dir.clone(), flags, 0).await {
        Err(Errno::ENOENT) => return Ok(()),
        open => open?,
    };
    // The names first: what is removed while a directory is read may hide others.
    let mut names = Vec::new();
    loop {
        let entries = sys.getdents64(open.fd()).await?;
        if entries.is_empty() {
            break;
        }
        let fresh = entries.into_iter().map(|entry| entry.name);
        names.extend(fresh.filter(|name| name != b"." && name != b".."));
    }
    for name in names {
        match sys.unlinkat(open.fd(), name.into(), AtFlags::empty()).await {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(errno) => return Err(errno),
        }
    }
    match sys.unlinkat(Fd::CWD, dir.clone(), AtFlags::REMOVEDIR).await {
        Err(Errno::ENOENT) => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_processes_do_not_confuse_the_fields() {
        let stat = b"42 (a) b) (c) S 1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 12345 1 2";
        assert_eq!(
            parse_stat(stat),
            Some(ProcessStat {
                state: b'S',
                parent: Pid(1),
                start_time: 12345
            })
        );
        assert_eq!(parse_stat(b"42 (x) S 1"), None);
        assert_eq!(parse_stat(b""), None);
    }
}

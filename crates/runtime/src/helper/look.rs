//! Looking at containers: which there are, and their processes.

use super::Result;
use super::state::{STATE, Saved, process_stat};
use crate::RuntimeError;
use glassdock_abi::flags::{AtFlags, CloneFlags, OpenFlags};
use glassdock_abi::types::Timespec;
use glassdock_abi::{Errno, Fd, Io, PathArg, Pid, Sys};
use glassdock_oci::runtime::{State, Status};
use std::collections::BTreeSet;

/// A container in a list.
#[derive(Clone, PartialEq, Debug)]
pub struct Listed {
    /// Its state now.
    pub state: State,
    /// When it was made.
    pub created: Timespec,
    /// User who made it.
    pub owner: u32,
}

/// The containers whose states are below `root`, by id. One whose state cannot be read is left out, as it may be
/// about to go.
///
/// # Errors
/// `System` where the directory cannot be read; that there is none is an empty list.
pub async fn list<S: Sys>(sys: &S, root: &str) -> Result<Vec<Listed>> {
    let failed = |errno| RuntimeError::errno(format_args!("read {root}"), errno);
    let mut listed = Vec::new();
    let names = match names(sys, &PathArg::from(root)).await {
        Err(Errno::ENOENT) => return Ok(listed),
        names => names.map_err(failed)?,
    };
    for name in names {
        let Ok(id) = core::str::from_utf8(&name) else {
            continue;
        };
        let dir = PathArg::from(root).join(id);
        let file = sys
            .statx(Fd::CWD, dir.join(STATE), AtFlags::SYMLINK_NOFOLLOW)
            .await;
        let (Ok(saved), Ok(file)) = (Saved::read(sys, &dir, id).await, file) else {
            continue;
        };
        listed.push(Listed {
            state: saved.now(sys, &dir).await,
            created: file.mtime,
            owner: file.uid,
        });
    }
    Ok(listed)
}

/// The processes of a container by their ids on the host, in order: those in its namespace of processes, or, where it
/// has none of its own, its first one and what descends from that.
///
/// # Errors
/// `NotFound`, and `System` where processes cannot be read.
pub async fn processes<S: Sys>(sys: &S, dir: &str, id: &str) -> Result<Vec<Pid>> {
    let dir = PathArg::from(dir);
    let saved = Saved::read(sys, &dir, id).await?;
    if saved.status(sys, &dir).await == Status::Stopped {
        return Ok(Vec::new());
    }
    let failed = |errno| RuntimeError::errno("read /proc", errno);
    let mut all: Vec<Pid> = names(sys, &"/proc".into())
        .await
        .map_err(failed)?
        .iter()
        .filter_map(|name| core::str::from_utf8(name).ok()?.parse().ok().map(Pid))
        .collect();
    all.sort_unstable_by_key(|pid| pid.0);
    let init = Pid(saved.state.pid);
    let own = CloneFlags::from_bits_retain(saved.namespaces).contains(CloneFlags::NEWPID);
    if own {
        let namespace = pid_namespace(sys, init).await;
        let mut inside = Vec::new();
        for pid in all {
            if namespace.is_some() && pid_namespace(sys, pid).await == namespace {
                inside.push(pid);
            }
        }
        return Ok(inside);
    }
    family(sys, init, &all).await
}

async fn pid_namespace<S: Sys>(sys: &S, pid: Pid) -> Option<Vec<u8>> {
    let path = PathArg::from(format!("/proc/{}/ns/pid", pid.0));
    sys.readlinkat(Fd::CWD, path).await.ok()
}

/// A process and its descendants.
async fn family<S: Sys>(sys: &S, first: Pid, all: &[Pid]) -> Result<Vec<Pid>> {
    let mut parents = Vec::new();
    for pid in all {
        if let Some(stat) = process_stat(sys, *pid).await {
            parents.push((*pid, stat.parent));
        }
    }
    let mut inside = BTreeSet::from([first.0]);
    loop {
        let before = inside.len();
        for (pid, parent) in &parents {
            if inside.contains(&parent.0) {
                inside.insert(pid.0);
            }
        }
        if inside.len() == before {
            return Ok(inside.into_iter().map(Pid).collect());
        }
    }
}

/// Names in a directory, sorted.
async fn names<S: Sys>(sys: &S, dir: &PathArg) -> glassdock_abi::Result<Vec<Vec<u8>>> {
    let flags = OpenFlags::RDONLY | OpenFlags::DIRECTORY;
    let open = sys.openat(Fd::CWD, dir.clone(), flags, 0).await?;
    let mut names = Vec::new();
    loop {
        let entries = sys.getdents64(open.fd()).await?;
        if entries.is_empty() {
            break;
        }
        let fresh = entries.into_iter().map(|entry| entry.name);
        names.extend(fresh.filter(|name| name != b"." && name != b".."));
    }
    names.sort();
    Ok(names)
}

//! What is done with the groups of a container that exists.

use super::settings::Setting;
use super::{Group, usage::field};
use crate::io::read_file;
use crate::{ErrorKind, RuntimeError, error_text};
use glassdock_abi::files::{write_all, write_file};
use glassdock_abi::flags::{AtFlags, OpenFlags};
use glassdock_abi::types::{mode, signal};
use glassdock_abi::{Errno, Fd, Io, PathArg, Pid, Sys};

/// The groups of a container, in its state directory. It is there before they are.
pub(crate) const RECORD: &str = "cgroups.json";
/// Longest record in bytes.
const MAX_RECORD: usize = 1 << 20;
/// Longest file of a group that is read, in bytes.
pub(super) const MAX_FILE: usize = 1 << 20;
/// Nanoseconds between looks at what takes its time: freezing, and the end of killed processes.
const POLL: u64 = 2_000_000;
/// Looks before it is given up: four seconds.
const POLLS: u32 = 2000;
/// Most levels of groups that a container makes below its own and that are looked into.
const MAX_DEPTH: u32 = 64;

type Result<T> = core::result::Result<T, RuntimeError>;

/// Notes the groups, so that they can be removed whatever happens.
pub(crate) async fn write_record<S: Sys>(
    sys: &S,
    dir: &PathArg,
    groups: &[Group],
) -> glassdock_abi::Result<()> {
    let text = serde_json::to_vec(groups).map_err(|_| Errno::EINVAL)?;
    write_file(sys, &dir.join(RECORD), &text, 0o600).await
}

/// The groups that were noted; none where there is no note.
pub(crate) async fn read_record<S: Sys>(sys: &S, dir: &PathArg) -> Vec<Group> {
    let text = read_file(sys, dir.join(RECORD), MAX_RECORD).await;
    text.ok()
        .and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or_default()
}

fn failed(what: &PathArg) -> impl Fn(Errno) -> RuntimeError + '_ {
    move |errno| RuntimeError::errno(format_args!("write {what}"), errno)
}

async fn write<S: Sys>(sys: &S, path: &PathArg, value: &str) -> glassdock_abi::Result<()> {
    let file = sys
        .openat(Fd::CWD, path.clone(), OpenFlags::WRONLY, 0)
        .await?;
    write_all(sys, file.fd(), value.as_bytes()).await
}

async fn read<S: Sys>(sys: &S, path: PathArg) -> glassdock_abi::Result<String> {
    let text = read_file(sys, path, MAX_FILE).await?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Writes changed limits. One that the kernel does not take before another is written is tried again at the end: of memory, and
/// memory with swap, the one that grows must go first.
///
/// # Errors
/// The kernel's, with the file; limits before it stay changed.
pub async fn apply<S: Sys>(sys: &S, settings: &[Setting]) -> Result<()> {
    let mut late = Vec::new();
    for setting in settings {
        match write(sys, &setting.path, &setting.value).await {
            Ok(()) => {}
            Err(Errno::EINVAL | Errno::EBUSY) if settings.len() > 1 => late.push(setting),
            Err(errno) => return Err(refused(sys, setting, errno).await),
        }
    }
    for setting in late {
        if let Err(errno) = write(sys, &setting.path, &setting.value).await {
            return Err(refused(sys, setting, errno).await);
        }
    }
    Ok(())
}

/// A limit that the kernel does not take. Of memory that is in use already it says only that it is busy.
async fn refused<S: Sys>(sys: &S, setting: &Setting, errno: Errno) -> RuntimeError {
    const LIMIT: &str = "memory.limit_in_bytes";
    let path = setting.path.to_string();
    let Some(dir) = path.strip_suffix(LIMIT).filter(|_| errno == Errno::EBUSY) else {
        let (value, text) = (&setting.value, error_text(errno));
        return RuntimeError::new(
            ErrorKind::System,
            format!("failed to write {value:?}: write {path}: {text}"),
        );
    };
    let now = async |name| {
        let text = read(sys, format!("{dir}memory.{name}").into()).await;
        text.unwrap_or_default().trim().to_owned()
    };
    let (usage, peak) = (now("usage_in_bytes").await, now("max_usage_in_bytes").await);
    RuntimeError::new(
        ErrorKind::System,
        format!(
            "unable to set memory limit to {} (current usage: {usage}, peak usage: {peak})",
            setting.value
        ),
    )
}

/// The group that freezes: of the freezer of version 1, or of version 2.
fn freezer(groups: &[Group]) -> Option<&Group> {
    let legacy = groups.iter().find(|group| group.has("freezer"));
    legacy.or_else(|| groups.iter().find(|group| group.unified))
}

fn no_freezer() -> RuntimeError {
    RuntimeError::new(
        ErrorKind::Unsupported,
        "no control group that can be frozen is mounted",
    )
}

/// Whether the container's processes are stopped by its group; `false` where nothing can tell.
pub async fn is_frozen<S: Sys>(sys: &S, groups: &[Group]) -> bool {
    let Some(group) = freezer(groups) else {
        return false;
    };
    if group.unified {
        let events = read(sys, group.file("cgroup.events")).await;
        return events.is_ok_and(|text| field(&text, "frozen") == Some(1));
    }
    let state = read(sys, group.file("freezer.state")).await;
    state.is_ok_and(|text| text.trim() != "THAWED")
}

/// Stops all processes of the container where they are, and waits until they stand.
///
/// # Errors
/// `Unsupported` without a freezer; `System` where the kernel refuses, or they do not stand after some seconds: then they go on.
pub async fn freeze<S: Sys>(sys: &S, groups: &[Group]) -> Result<()> {
    let group = freezer(groups).ok_or_else(no_freezer)?;
    let (file, value) = switch(group, true);
    for _ in 0..POLLS {
        // In version 1 what is born meanwhile keeps it from standing; writing again takes that in too.
        write(sys, &file, value)
            .await
            .map_err(|errno| match errno {
                // A kernel whose groups do not freeze has no such file.
                Errno::ENOENT | Errno::EACCES => no_freezer(),
                errno => failed(&file)(errno),
            })?;
        if stands(sys, group).await {
            return Ok(());
        }
        sys.sleep(POLL).await;
    }
    thaw(sys, groups).await?;
    Err(RuntimeError::new(
        ErrorKind::System,
        "unable to freeze: the container's processes do not stand",
    ))
}

async fn stands<S: Sys>(sys: &S, group: &Group) -> bool {
    if group.unified {
        let events = read(sys, group.file("cgroup.events")).await;
        return events.is_ok_and(|text| field(&text, "frozen") == Some(1));
    }
    let state = read(sys, group.file("freezer.state")).await;
    state.is_ok_and(|text| text.trim() == "FROZEN")
}

/// Lets the container's processes go on.
///
/// # Errors
/// `Unsupported` without a freezer; `System` where the kernel refuses.
pub async fn thaw<S: Sys>(sys: &S, groups: &[Group]) -> Result<()> {
    let group = freezer(groups).ok_or_else(no_freezer)?;
    let (file, value) = switch(group, false);
    write(sys, &file, value).await.map_err(failed(&file))
}

fn switch(group: &Group, freeze: bool) -> (PathArg, &'static str) {
    match (group.unified, freeze) {
        (true, true) => (group.file("cgroup.freeze"), "1"),
        (true, false) => (group.file("cgroup.freeze"), "0"),
        (false, true) => (group.file("freezer.state"), "FROZEN"),
        (false, false) => (group.file("freezer.state"), "THAWED"),
    }
}

/// How many processes the kernel has killed in the container because its memory ran out; `None` where nothing tells.
pub async fn out_of_memory_kills<S: Sys>(sys: &S, groups: &[Group]) -> Option<u64> {
    let group = groups.iter().find(|group| group.has("memory"))?;
    let name = if group.unified {
        "memory.events"
    } else {
        "memory.oom_control"
    };
    field(&read(sys, group.file(name)).await.ok()?, "oom_kill")
}

/// The container's processes, sorted; those in groups that it made below its own are among them.
///
/// # Errors
/// The kernel's; that the group is gone is an empty list.
pub async fn processes<S: Sys>(sys: &S, groups: &[Group]) -> Result<Vec<Pid>> {
    let chosen = groups.iter().find(|group| group.has("pids"));
    let Some(group) = chosen.or_else(|| groups.first()) else {
        return Ok(Vec::new());
    };
    let mut all = Vec::new();
    for dir in tree(sys, group.dir()).await {
        let path = dir.join("cgroup.procs");
        match read(sys, path.clone()).await {
            Ok(text) => all.extend(text.lines().filter_map(|line| line.parse().ok().map(Pid))),
            Err(Errno::ENOENT | Errno::ENODEV | Errno::EOPNOTSUPP) => {}
            Err(errno) => return Err(RuntimeError::errno(format_args!("read {path}"), errno)),
        }
    }
    all.sort_unstable_by_key(|pid| pid.0);
    all.dedup();
    Ok(all)
}

/// A group's directory and those below it, each before what is in it. Links cannot be there.
async fn tree<S: Sys>(sys: &S, top: PathArg) -> Vec<PathArg> {
    let mut all = vec![top];
    let mut next = 0;
    let mut end = all.len();
    for _ in 0..MAX_DEPTH {
        while next < end {
            let below = below(sys, &all[next]).await;
            all.extend(below);
            next += 1;
        }
        if end == all.len() {
            break;
        }
        end = all.len();
    }
    all
}

async fn below<S: Sys>(sys: &S, dir: &PathArg) -> Vec<PathArg> {
    let flags = OpenFlags::RDONLY | OpenFlags::DIRECTORY | OpenFlags::NOFOLLOW;
    let mut found = Vec::new();
    let Ok(open) = sys.openat(Fd::CWD, dir.clone(), flags, 0).await else {
        return found;
    };
    while let Ok(entries) = sys.getdents64(open.fd()).await {
        if entries.is_empty() {
            break;
        }
        let dirs = entries.into_iter().filter(|entry| {
            u32::from(entry.kind) << 12 == mode::S_IFDIR
                && entry.name != b"."
                && entry.name != b".."
        });
        found.extend(dirs.map(|entry| {
            let mut path = dir.clone();
            path.0.push(b'/');
            path.0.extend_from_slice(&entry.name);
            path
        }));
    }
    found
}

/// Kills every process in the container's groups.
async fn kill_all<S: Sys>(sys: &S, groups: &[Group]) {
    if let Some(group) = groups.iter().find(|group| group.unified)
        && write(sys, &group.file("cgroup.kill"), "1").await.is_ok()
    {
        return;
    }
    for pid in processes(sys, groups).await.unwrap_or_default() {
        let _ = sys.kill(pid, signal::KILL).await;
    }
}

/// Removes the groups, with what the container made below them. Whoever still is in them is killed, as far as nobody
/// else's.
///
/// # Errors
/// The kernel's, for the first group that stays.
pub(crate) async fn remove<S: Sys>(sys: &S, groups: &[Group]) -> Result<()> {
    for group in groups {
        remove_tree(sys, groups, group.dir()).await?;
    }
    Ok(())
}

async fn remove_tree<S: Sys>(sys: &S, groups: &[Group], dir: PathArg) -> Result<()> {
    for polls in 0..POLLS {
        let first = sys.unlinkat(Fd::CWD, dir.clone(), AtFlags::REMOVEDIR).await;
        match first {
            Ok(()) | Err(Errno::ENOENT) => return Ok(()),
            Err(Errno::EBUSY) => {}
            Err(errno) => return Err(RuntimeError::errno(format_args!("rmdir {dir}"), errno)),
        }
        for inner in tree(sys, dir.clone()).await.into_iter().skip(1).rev() {
            let _ = sys.unlinkat(Fd::CWD, inner, AtFlags::REMOVEDIR).await;
        }
        if polls == 1 {
            // A frozen process of version 1 does not even die.
            if is_frozen(sys, groups).await {
                let _ = thaw(sys, groups).await;
            }
            kill_all(sys, groups).await;
        }
        sys.sleep(POLL).await;
    }
    Err(RuntimeError::errno(
        format_args!("rmdir {dir}"),
        Errno::EBUSY,
    ))
}

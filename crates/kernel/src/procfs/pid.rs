//! The directories of `/proc/PID` (`man 5 proc`): names, attributes, links.

use super::{PROC, attr_of, node, rest, system};
use crate::Kernel;
use crate::cred::cap;
use crate::file::Body;
use crate::ids::Tid;
use crate::ns::name_of;
use crate::process::Process;
use glassdock_abi::flags::OpenFlags;
use glassdock_abi::types::mode::*;
use glassdock_abi::{Errno, Fd, Result};
use glassdock_trace::world::NsId;
use glassdock_vfs::{Link, NodeAttr, NodeEntry, NodeId, Path, SbId, Vfs};

/// Parts of a node's number: thread (0 for none), whether below `task`, item, argument.
const TID_SHIFT: u32 = 40;
const ITEM_SHIFT: u32 = 32;
const IN_TASK: u64 = 1 << 39;

/// Items without a thread.
const ROOT: u64 = 1;
const STATIC: u64 = 2;
const SELF: u64 = 3;
const THREAD_SELF: u64 = 4;
const MOUNTS: u64 = 5;
const NET_LINK: u64 = 6;
const LINKS: [(&str, u64); 4] = [
    ("self", SELF),
    ("thread-self", THREAD_SELF),
    ("mounts", MOUNTS),
    ("net", NET_LINK),
];

/// Items of a process.
const DIR: u64 = 1;
const FD: u64 = 2;
pub(super) const FDINFO: u64 = 3;
const NS: u64 = 4;
const FILES: u64 = 16;

const R: u32 = S_IFREG | 0o444;
const RW: u32 = S_IFREG | 0o644;
const L: u32 = S_IFLNK | 0o777;

/// What a process's directory holds.
static ITEMS: &[(&str, u32)] = &[
    ("task", S_IFDIR | 0o555),
    ("fd", S_IFDIR | 0o500),
    ("fdinfo", S_IFDIR | 0o555),
    ("ns", S_IFDIR | 0o511),
    ("net", S_IFDIR | 0o555),
    ("environ", S_IFREG | 0o400),
    ("auxv", S_IFREG | 0o400),
    ("status", R),
    ("limits", R),
    ("comm", RW),
    ("cmdline", R),
    ("stat", R),
    ("statm", R),
    ("maps", R),
    ("cwd", L),
    ("root", L),
    ("exe", L),
    ("mounts", R),
    ("mountinfo", R),
    ("wchan", R),
    ("cgroup", R),
    ("oom_score", R),
    ("oom_score_adj", RW),
    ("uid_map", RW),
    ("gid_map", RW),
    ("setgroups", RW),
    ("timens_offsets", RW),
    ("io", S_IFREG | 0o400),
    ("loginuid", R),
    ("sessionid", R),
    ("personality", S_IFREG | 0o400),
];

/// Files below `net`.
const NET: [&str; 2] = ["dev", "unix"];
/// Names below `ns`.
const NAMESPACES: [&str; 10] = [
    "cgroup",
    "ipc",
    "mnt",
    "net",
    "pid",
    "pid_for_children",
    "time",
    "time_for_children",
    "user",
    "uts",
];

pub(super) struct Parts {
    pub(super) tid: Tid,
    pub(super) in_task: bool,
    pub(super) item: u64,
    pub(super) arg: u64,
}

pub(super) fn parts(node: NodeId) -> Parts {
    let bits = rest(node);
    Parts {
        tid: Tid((bits >> TID_SHIFT) as i32),
        in_task: bits & IN_TASK != 0,
        item: bits >> ITEM_SHIFT & 0x7f,
        arg: bits & 0xffff_ffff,
    }
}

fn make(tid: Tid, in_task: bool, item: u64, arg: u64) -> NodeId {
    let task = if in_task { IN_TASK } else { 0 };
    node(
        PROC,
        (tid.0 as u64) << TID_SHIFT | task | item << ITEM_SHIFT | arg,
    )
}

pub(super) fn root(ns: NsId) -> NodeId {
    make(Tid(0), false, ROOT, ns.0)
}

pub(super) fn ns_of_root(at: NodeId) -> Option<NsId> {
    let p = parts(at);
    (p.tid.0 == 0 && p.item == ROOT).then_some(NsId(p.arg))
}

/// A number as a name: no sign, no leading zero.
fn number(name: &[u8]) -> Option<i32> {
    let plain = !name.is_empty() && name.len() <= 10 && name.iter().all(u8::is_ascii_digit);
    if !plain || name.len() > 1 && name.first() == Some(&b'0') {
        return None;
    }
    core::str::from_utf8(name).ok()?.parse().ok()
}

/// The name of an item of a process.
pub(super) fn item_name(item: u64) -> Result<&'static str> {
    Ok(item_row(item)?.0)
}
fn item_row(item: u64) -> Result<&'static (&'static str, u32)> {
    let index = item.checked_sub(FILES).ok_or(Errno::ENOENT)?;
    ITEMS.get(index as usize).ok_or(Errno::ENOENT)
}

fn entry(name: impl Into<Vec<u8>>, ino: u64, kind: u32, cookie: u64) -> NodeEntry {
    NodeEntry {
        name: name.into(),
        ino,
        kind,
        cookie,
    }
}

impl Kernel {
    pub(super) fn proc_process(&self, tid: Tid) -> Result<&Process> {
        self.processes.get(&self.tgid_of(tid)).ok_or(Errno::ENOENT)
    }

    /// Files that show a process's memory open for those alone who may look into it, whatever their permission bits.
    pub(super) fn may_open_proc(&mut self, tid: Tid, at: NodeId, writes: bool) -> Result<()> {
        let p = parts(at);
        if p.tid.0 == 0 {
            return Ok(());
        }
        match item_name(p.item) {
            Ok("maps" | "environ" | "auxv") => {}
            Ok("setgroups") if writes => return self.may_open_setgroups(tid, p.tid),
            _ => return Ok(()),
        }
        let before = self.proc_fs.viewer.replace(tid);
        let result = self.may_inspect(p.tid);
        self.proc_fs.viewer = before;
        result
    }

    /// Whether a node is the viewer's own list of descriptors.
    pub(super) fn is_own_descriptors(&self, at: NodeId) -> bool {
        let p = parts(at);
        let viewer = self.proc_fs.viewer.unwrap_or_default();
        p.tid.0 != 0
            && self.tgid_of(p.tid) == self.tgid_of(viewer)
            && matches!(item_name(p.item), Ok("fd" | "fdinfo"))
    }

    /// Whether the viewer may look into a process: its own, or with capabilities (`ptrace_may_access`).
    pub(super) fn may_inspect(&self, tid: Tid) -> Result<()> {
        let Some(viewer) = self
            .proc_fs
            .viewer
            .and_then(|viewer| self.threads.get(&viewer))
        else {
            return Ok(());
        };
        let process = self.proc_process(tid)?;
        let cred = self.cred_of_process(process.tgid).ok_or(Errno::ESRCH)?;
        let same = [cred.euid, cred.suid, cred.ruid]
            .iter()
            .all(|id| *id == viewer.cred.fsuid)
            && [cred.egid, cred.sgid, cred.rgid]
                .iter()
                .all(|id| *id == viewer.cred.fsgid);
        let covered = process.dumpable && cred.permitted & !viewer.cred.permitted == 0;
        if process.tgid == viewer.tgid
            || self.capable_over_process(viewer.tid, tid, cap::SYS_PTRACE)
            || same && covered
        {
            return Ok(());
        }
        Err(Errno::EACCES)
    }

    pub(super) fn proc_lookup(&mut self, sb: SbId, dir: NodeId, name: &[u8]) -> Result<NodeId> {
        let p = parts(dir);
        let ns = self.ns_of_sb(sb);
        if p.tid.0 == 0 {
            if p.item == ROOT {
                if let Some((_, item)) = LINKS.iter().find(|row| row.0.as_bytes() == name) {
                    return Ok(make(Tid(0), false, *item, 0));
                }
                if let Some(pid) = number(name) {
                    let tid = self.find_pid_in(ns, pid).ok_or(Errno::ENOENT)?;
                    self.proc_process(tid)?;
                    return Ok(make(tid, false, DIR, 0));
                }
            }
            let index = if p.item == ROOT { 0 } else { p.arg };
            return system::lookup(system::PROC, index, name)
                .map(|at| make(Tid(0), false, STATIC, at));
        }
        self.proc_process(p.tid)?;
        let position = |names: &[&str]| {
            names
                .iter()
                .position(|row| row.as_bytes() == name)
                .ok_or(Errno::ENOENT)
        };
        if p.item == DIR {
            let at = ITEMS
                .iter()
                .position(|row| row.0.as_bytes() == name && !(p.in_task && row.0 == "task"));
            return Ok(make(
                p.tid,
                p.in_task,
                FILES + at.ok_or(Errno::ENOENT)? as u64,
                0,
            ));
        }
        match item_name(p.item)? {
            "task" => {
                let tid = self
                    .find_pid_in(ns, number(name).ok_or(Errno::ENOENT)?)
                    .ok_or(Errno::ENOENT)?;
                if self.tgid_of(tid) != self.tgid_of(p.tid) {
                    return Err(Errno::ENOENT);
                }
                Ok(make(tid, true, DIR, 0))
            }
            list @ ("fd" | "fdinfo") => {
                self.may_inspect(p.tid)?;
                let fd = number(name).ok_or(Errno::ENOENT)?;
                self.file_id(p.tid, Fd(fd)).map_err(|_| Errno::ENOENT)?;
                Ok(make(
                    p.tid,
                    p.in_task,
                    if list == "fd" { FD } else { FDINFO },
                    fd as u64,
                ))
            }
            "ns" => Ok(make(p.tid, p.in_task, NS, position(&NAMESPACES)? as u64)),
            "net" => Ok(make(p.tid, p.in_task, p.item, 1 + position(&NET)? as u64)),
            _ => Err(Errno::ENOTDIR),
        }
    }

    pub(super) fn proc_attr(&mut self, at: NodeId) -> Result<NodeAttr> {
        let p = parts(at);
        if p.tid.0 == 0 {
            return match p.item {
                ROOT => Ok(attr_of(1, S_IFDIR | 0o555, 2 + self.processes.len() as u32)),
                STATIC => system::attr(system::PROC, p.arg),
                item => Ok(attr_of(2 + item, L, 1)),
            };
        }
        let process = self.proc_process(p.tid)?;
        let root = process.root;
        let owner = self
            .cred_of_process(process.tgid)
            .map_or((0, 0), |cred| (cred.euid, cred.egid));
        let visible = process.dumpable || p.item == DIR;
        let ino = rest(at);
        let mut attr = match p.item {
            DIR => attr_of(ino, S_IFDIR | 0o555, 9),
            FD => {
                let flags = self
                    .file_of(p.tid, Fd(p.arg as i32))
                    .map_err(|_| Errno::ENOENT)?
                    .flags;
                let read = if flags.readable() { 0o500 } else { 0 };
                let write = if flags.writable() { 0o300 } else { 0 };
                let mut attr = attr_of(ino, S_IFLNK | read | write, 1);
                attr.size = 64;
                attr
            }
            FDINFO => attr_of(ino, S_IFREG | 0o400, 1),
            NS => attr_of(ino, L, 1),
            item => match item_row(item)?.1 {
                mode if mode & S_IFMT == S_IFDIR && p.arg > 0 => attr_of(ino, R, 1),
                mode if mode & S_IFMT == S_IFDIR => attr_of(ino, mode, 2),
                mode => attr_of(ino, mode, 1),
            },
        };
        (attr.uid, attr.gid) = if visible { owner } else { root };
        Ok(attr)
    }

    pub(super) fn proc_readdir(&mut self, sb: SbId, dir: NodeId) -> Result<Vec<NodeEntry>> {
        let p = parts(dir);
        let ns = self.ns_of_sb(sb);
        if p.tid.0 == 0 {
            let mut entries = system::readdir(system::PROC, if p.item == ROOT { 0 } else { p.arg });
            if p.item == ROOT {
                entries.extend(
                    LINKS
                        .iter()
                        .map(|(name, item)| entry(*name, 2 + item, S_IFLNK, 1000 + item)),
                );
                let pids = self
                    .processes
                    .keys()
                    .filter_map(|tgid| self.pid_in(ns, tgid));
                entries.extend(pids.map(|pid| {
                    entry(
                        pid.to_string(),
                        100_000 + pid as u64,
                        S_IFDIR,
                        10_000 + pid as u64,
                    )
                }));
            }
            return Ok(entries);
        }
        let process = self.proc_process(p.tid)?;
        let named = |names: Vec<(&str, u32)>| {
            let rows = names.into_iter().zip(3..);
            rows.map(|((name, mode), at)| entry(name, rest(dir) + at, mode & S_IFMT, at))
                .collect()
        };
        let numbered = |numbers: Vec<i32>, kind| {
            let rows = numbers.into_iter();
            rows.map(|n| entry(n.to_string(), rest(dir) + 1 + n as u64, kind, 3 + n as u64))
                .collect()
        };
        if p.item == DIR {
            return Ok(named(
                ITEMS
                    .iter()
                    .copied()
                    .filter(|row| !(p.in_task && row.0 == "task"))
                    .collect(),
            ));
        }
        Ok(match item_name(p.item)? {
            "task" => numbered(
                process
                    .threads
                    .iter()
                    .filter_map(|tid| self.pid_in(ns, *tid))
                    .collect(),
                S_IFDIR,
            ),
            list @ ("fd" | "fdinfo") => {
                self.may_inspect(p.tid)?;
                let fds = self
                    .fd_table(p.tid)
                    .map(|table| table.map.keys().copied().collect());
                numbered(
                    fds.unwrap_or_default(),
                    if list == "fd" { S_IFLNK } else { S_IFREG },
                )
            }
            "ns" => named(NAMESPACES.iter().map(|name| (*name, S_IFLNK)).collect()),
            "net" => named(NET.iter().map(|name| (*name, S_IFREG)).collect()),
            _ => return Err(Errno::ENOTDIR),
        })
    }

    /// A thread's root directory; the machine's where there is no such thread.
    pub(super) fn root_of(&self, tid: Tid) -> Path {
        let thread = self.threads.get(&tid);
        let fs = thread.and_then(|thread| self.fs.get(thread.fs));
        fs.map_or(self.vfs_root, |fs| fs.root)
    }

    // Links.

    fn ns_link(&self, tid: Tid, index: u64) -> Result<(&'static str, NsId)> {
        let ns = self
            .namespaces_of_process(self.tgid_of(tid))
            .ok_or(Errno::ENOENT)?;
        match *NAMESPACES.get(index as usize).ok_or(Errno::ENOENT)? {
            "pid_for_children" => Ok(("pid", ns.pid_children)),
            "time_for_children" => Ok(("time", ns.time_children)),
            name => {
                let row = ns
                    .list()
                    .into_iter()
                    .find(|(kind, _)| name_of(*kind) == name);
                row.map(|row| (name, row.1)).ok_or(Errno::ENOENT)
            }
        }
    }

    fn self_link(&self, sb: SbId, item: u64) -> Result<Vec<u8>> {
        let viewer = self.proc_fs.viewer.unwrap_or_default();
        let ns = self.ns_of_sb(sb);
        let pid = |tid| self.pid_in(ns, tid).ok_or(Errno::ENOENT);
        Ok(match item {
            SELF => pid(self.tgid_of(viewer))?.to_string(),
            THREAD_SELF => format!("{}/task/{}", pid(self.tgid_of(viewer))?, pid(viewer)?),
            MOUNTS => "self/mounts".into(),
            NET_LINK => "self/net".into(),
            _ => return Err(Errno::EINVAL),
        }
        .into_bytes())
    }

    fn place_link(&self, tid: Tid, name: &str) -> Result<Path> {
        if name == "exe" {
            return self.proc_process(tid)?.exe.ok_or(Errno::ENOENT);
        }
        let fs = self
            .threads
            .get(&tid)
            .and_then(|thread| self.fs.get(thread.fs))
            .ok_or(Errno::ENOENT)?;
        match name {
            "cwd" => Ok(fs.cwd),
            "root" => Ok(fs.root),
            _ => Err(Errno::EINVAL),
        }
    }

    pub(super) fn proc_follow(&mut self, sb: SbId, at: NodeId) -> Result<Link> {
        let p = parts(at);
        if p.tid.0 == 0 {
            return self.self_link(sb, p.item).map(Link::Text);
        }
        self.proc_process(p.tid)?;
        self.may_inspect(p.tid)?;
        let place = match p.item {
            FD => {
                self.file_of(p.tid, Fd(p.arg as i32))
                    .map_err(|_| Errno::ENOENT)?
                    .file
                    .path
            }
            NS => {
                let (_, id) = self.ns_link(p.tid, p.arg)?;
                self.ns_places.get(&id).copied().ok_or(Errno::ENOENT)?
            }
            item => self.place_link(p.tid, item_name(item)?)?,
        };
        Ok(Link::Magic(place))
    }

    pub(super) fn proc_readlink(&mut self, vfs: &Vfs, sb: SbId, at: NodeId) -> Result<Vec<u8>> {
        let p = parts(at);
        if p.tid.0 == 0 {
            return self.self_link(sb, p.item);
        }
        self.proc_process(p.tid)?;
        self.may_inspect(p.tid)?;
        let root = self.root_of(self.proc_fs.viewer.unwrap_or_default());
        match p.item {
            FD => {
                let file = self
                    .file_of(p.tid, Fd(p.arg as i32))
                    .map_err(|_| Errno::ENOENT)?;
                let hidden = file.what.ends_with(b"]") && !file.what.starts_with(b"/");
                Ok(match file.body {
                    Body::Ns(id) => {
                        let name = self.namespaces.get(&id).map_or("?", |ns| name_of(ns.kind));
                        format!("{name}:[{}]", id.0).into_bytes()
                    }
                    _ if hidden => file.what.clone(),
                    _ => vfs.d_path(root, file.file.path),
                })
            }
            NS => {
                let (name, id) = self.ns_link(p.tid, p.arg)?;
                Ok(format!("{name}:[{}]", id.0).into_bytes())
            }
            item => Ok(vfs.d_path(root, self.place_link(p.tid, item_name(item)?)?)),
        }
    }

    /// Gives every namespace a hidden place, for the links that lead to it.
    pub(crate) fn place_namespaces(&mut self) {
        if !std::mem::take(&mut self.ns_moved) {
            return;
        }
        let missing: Vec<NsId> = self
            .namespaces
            .keys()
            .copied()
            .filter(|id| !self.ns_places.contains_key(id))
            .collect();
        for id in missing {
            if let Ok(file) = self.hidden_file("nsfs", id.0, OpenFlags::RDONLY) {
                let place = file.path;
                self.vfs_mut().hold(place);
                self.with_kernel_vfs(|vfs, _| vfs.close(file));
                self.ns_places.insert(id, place);
            }
        }
        let gone: Vec<NsId> = self
            .ns_places
            .keys()
            .copied()
            .filter(|id| !self.namespaces.contains_key(id))
            .collect();
        for id in gone {
            if let Some(place) = self.ns_places.remove(&id) {
                self.vfs_mut().release(place);
            }
        }
    }
}

//! Control groups, version 2: the tree and its members. There are no controllers yet, and the files say so.

use crate::Kernel;
use crate::file::Body;
use crate::ids::Tid;
use crate::procfs::{CGROUP, attr_of, node, rest};
use glassdock_abi::types::mode::*;
use glassdock_abi::types::{WaitStatus, signal as sig};
use glassdock_abi::{Errno, Fd, Pid, Result};
use glassdock_trace::world::NsId;
use glassdock_vfs::{NodeAttr, NodeEntry, NodeId};
use std::collections::BTreeMap;

/// Files of every group; those from the second row on are not in the root.
const FILES: [(&str, u32); 10] = [
    ("cgroup.controllers", 0o444),
    ("cgroup.procs", 0o644),
    ("cgroup.subtree_control", 0o644),
    ("cgroup.threads", 0o644),
    ("cgroup.stat", 0o444),
    ("cgroup.max.depth", 0o644),
    ("cgroup.max.descendants", 0o644),
    ("cgroup.type", 0o644),
    ("cgroup.events", 0o444),
    ("cgroup.kill", 0o200),
];
/// How many of them the root has.
const ROOT_FILES: usize = 7;

/// All groups: paths from the root of the tree, with their directory's number.
#[derive(Clone, Debug)]
pub(crate) struct Cgroups {
    dirs: BTreeMap<String, u64>,
    next: u64,
    /// Where a control-group namespace begins.
    ns_roots: BTreeMap<NsId, String>,
}

impl Default for Cgroups {
    fn default() -> Self {
        Cgroups {
            dirs: BTreeMap::from([("/".to_owned(), 1)]),
            next: 2,
            ns_roots: BTreeMap::new(),
        }
    }
}

impl Cgroups {
    pub(crate) fn exists(&self, path: &str) -> bool {
        self.dirs.contains_key(path)
    }
    pub(crate) fn paths(&self) -> Vec<String> {
        self.dirs.keys().cloned().collect()
    }
    pub(crate) fn set_ns_root(&mut self, ns: NsId, path: String) {
        self.ns_roots.insert(ns, path);
    }
    fn path(&self, dir: u64) -> Result<String> {
        let found = self.dirs.iter().find(|(_, id)| **id == dir);
        found.map(|(path, _)| path.clone()).ok_or(Errno::ENODEV)
    }
    fn children(&self, path: &str) -> Vec<(String, u64)> {
        let prefix = if path == "/" {
            "/".to_owned()
        } else {
            format!("{path}/")
        };
        let below = self
            .dirs
            .iter()
            .filter(|(other, _)| other.len() > prefix.len() && other.starts_with(&prefix));
        let direct = below.filter(|(other, _)| !other[prefix.len()..].contains('/'));
        direct
            .map(|(other, id)| (other[prefix.len()..].to_owned(), *id))
            .collect()
    }
}

/// Directory and file (0 for the directory itself) of a node.
fn parts(at: NodeId) -> (u64, usize) {
    (rest(at) >> 8, (rest(at) & 0xff) as usize)
}

fn join(dir: &str, name: &str) -> String {
    if dir == "/" {
        format!("/{name}")
    } else {
        format!("{dir}/{name}")
    }
}

impl Kernel {
    fn cgroup_ns_path(&self, viewer: Tid) -> String {
        let ns = self
            .threads
            .get(&viewer)
            .map_or(self.root_ns.cgroup, |thread| thread.ns.cgroup);
        self.cgroups
            .ns_roots
            .get(&ns)
            .cloned()
            .unwrap_or_else(|| "/".into())
    }

    /// The directory that a mount by `viewer` shows.
    pub(crate) fn cgroup_root_of(&self, viewer: Tid) -> u64 {
        self.cgroups
            .dirs
            .get(&self.cgroup_ns_path(viewer))
            .copied()
            .unwrap_or(1)
    }

    /// A group's path as `viewer`'s control-group namespace shows it.
    pub(crate) fn cgroup_seen(&self, viewer: Tid, path: &str) -> String {
        let root = self.cgroup_ns_path(viewer);
        if root == "/" {
            return path.to_owned();
        }
        match path.strip_prefix(root.as_str()) {
            Some("") => "/".into(),
            Some(below) if below.starts_with('/') => below.to_owned(),
            _ => "/..".into(),
        }
    }

    pub(crate) fn cgroup_of_fd(&self, tid: Tid, fd: Fd) -> Result<String> {
        let file = self.file_of(tid, fd)?;
        let at = self
            .vfs()
            .synthetic_node(file.file.path)
            .map_err(|_| Errno::EBADF)?;
        match (&file.body, parts(at)) {
            (Body::Vfs, (dir, 0)) if at == node(CGROUP, dir << 8) => self.cgroups.path(dir),
            _ => Err(Errno::EBADF),
        }
    }

    pub(crate) fn cgroup_lookup(&self, dir: NodeId, name: &[u8]) -> Result<NodeId> {
        let (id, file) = parts(dir);
        if file != 0 {
            return Err(Errno::ENOTDIR);
        }
        let path = self.cgroups.path(id)?;
        let count = if path == "/" { ROOT_FILES } else { FILES.len() };
        if let Some(at) = FILES[..count]
            .iter()
            .position(|row| row.0.as_bytes() == name)
        {
            return Ok(node(CGROUP, id << 8 | (at as u64 + 1)));
        }
        let name = core::str::from_utf8(name).map_err(|_| Errno::ENOENT)?;
        let child = self
            .cgroups
            .dirs
            .get(&join(&path, name))
            .ok_or(Errno::ENOENT)?;
        Ok(node(CGROUP, child << 8))
    }

    pub(crate) fn cgroup_attr(&self, at: NodeId) -> Result<NodeAttr> {
        let (id, file) = parts(at);
        let path = self.cgroups.path(id)?;
        match file {
            0 => Ok(attr_of(
                id,
                S_IFDIR | 0o755,
                2 + self.cgroups.children(&path).len() as u32,
            )),
            file => {
                let row = FILES.get(file - 1).ok_or(Errno::ENOENT)?;
                Ok(attr_of(rest(at), S_IFREG | row.1, 1))
            }
        }
    }

    pub(crate) fn cgroup_readdir(&self, dir: NodeId) -> Result<Vec<NodeEntry>> {
        let (id, _) = parts(dir);
        let path = self.cgroups.path(id)?;
        let count = if path == "/" { ROOT_FILES } else { FILES.len() };
        let files = FILES[..count]
            .iter()
            .zip(1u64..)
            .map(|(row, at)| NodeEntry {
                name: row.0.into(),
                ino: id << 8 | at,
                kind: S_IFREG,
                cookie: 2 + at,
            });
        let dirs = self
            .cgroups
            .children(&path)
            .into_iter()
            .map(|(name, child)| NodeEntry {
                name: name.into(),
                ino: child,
                kind: S_IFDIR,
                cookie: 100 + child,
            });
        Ok(files.chain(dirs).collect())
    }

    pub(crate) fn cgroup_mkdir(&mut self, dir: NodeId, name: &[u8]) -> Result<NodeId> {
        let path = self.cgroups.path(parts(dir).0)?;
        let name = core::str::from_utf8(name).map_err(|_| Errno::EINVAL)?;
        if name.contains('\n') {
            return Err(Errno::EINVAL);
        }
        let path = join(&path, name);
        if self.cgroups.exists(&path) {
            return Err(Errno::EEXIST);
        }
        let id = self.cgroups.next;
        self.cgroups.next += 1;
        self.cgroups.dirs.insert(path.clone(), id);
        self.publisher.cgroup(path);
        Ok(node(CGROUP, id << 8))
    }

    pub(crate) fn cgroup_rmdir(&mut self, dir: NodeId, name: &[u8]) -> Result<()> {
        let at = self.cgroup_lookup(dir, name)?;
        let (id, file) = parts(at);
        if file != 0 {
            return Err(Errno::ENOTDIR);
        }
        let path = self.cgroups.path(id)?;
        let used = self
            .processes
            .values()
            .any(|process| process.cgroup == path && process.alive());
        if used || !self.cgroups.children(&path).is_empty() {
            return Err(Errno::EBUSY);
        }
        self.cgroups.dirs.remove(&path);
        self.publisher.cgroup(path);
        Ok(())
    }

    fn populated(&self, path: &str) -> bool {
        let prefix = join(path, "");
        self.processes
            .values()
            .any(|p| p.alive() && (p.cgroup == path || p.cgroup.starts_with(&prefix)))
    }

    pub(crate) fn cgroup_content(&self, tid: Tid, at: NodeId) -> Result<Vec<u8>> {
        let (id, file) = parts(at);
        let path = self.cgroups.path(id)?;
        let ns = self.pid_ns_of(tid);
        let row = FILES.get(file.wrapping_sub(1)).ok_or(Errno::EISDIR)?;
        let text = match row.0 {
            "cgroup.controllers" | "cgroup.subtree_control" => "\n".into(),
            "cgroup.procs" | "cgroup.threads" => {
                let members = self
                    .processes
                    .values()
                    .filter(|p| p.cgroup == path && p.alive());
                let ids: Vec<Tid> = match row.0 {
                    "cgroup.procs" => members.map(|p| p.tgid).collect(),
                    _ => members.flat_map(|p| p.threads.clone()).collect(),
                };
                ids.iter()
                    .map(|id| format!("{}\n", self.pid_in(ns, *id).unwrap_or(0)))
                    .collect()
            }
            "cgroup.stat" => {
                let prefix = join(&path, "");
                let below = self
                    .cgroups
                    .dirs
                    .keys()
                    .filter(|other| **other != path && other.starts_with(&prefix));
                format!("nr_descendants {}\nnr_dying_descendants 0\n", below.count())
            }
            "cgroup.max.depth" | "cgroup.max.descendants" => "max\n".into(),
            "cgroup.type" => "domain\n".into(),
            "cgroup.events" => format!("populated {}\nfrozen 0\n", u8::from(self.populated(&path))),
            _ => return Err(Errno::EINVAL),
        };
        Ok(text.into_bytes())
    }

    pub(crate) fn write_cgroup(&mut self, tid: Tid, at: NodeId, data: &[u8]) -> Result<()> {
        let (id, file) = parts(at);
        let path = self.cgroups.path(id)?;
        let row = FILES.get(file.wrapping_sub(1)).ok_or(Errno::EISDIR)?;
        let text = core::str::from_utf8(data)
            .map_err(|_| Errno::EINVAL)?
            .trim();
        match row.0 {
            "cgroup.procs" | "cgroup.threads" => {
                let pid: i32 = text.parse().map_err(|_| Errno::EINVAL)?;
                let target = match pid {
                    0 => tid,
                    pid => self.find_pid(tid, Pid(pid)).ok_or(Errno::ESRCH)?,
                };
                let tgid = self.tgid_of(target);
                let process = self.processes.get_mut(&tgid).ok_or(Errno::ESRCH)?;
                process.cgroup = path;
                self.publisher.task(tgid);
                Ok(())
            }
            "cgroup.kill" if text == "1" => {
                let prefix = join(&path, "");
                let members = self
                    .processes
                    .values()
                    .filter(|p| p.cgroup == path || p.cgroup.starts_with(&prefix));
                let members: Vec<Tid> = members.filter(|p| p.alive()).map(|p| p.tgid).collect();
                for tgid in members {
                    self.exit_process(tgid, WaitStatus::Killed(sig::KILL, false));
                }
                Ok(())
            }
            // No controller can be enabled, since there is none.
            "cgroup.subtree_control" if text.is_empty() => Ok(()),
            "cgroup.max.depth" | "cgroup.max.descendants" if text == "max" => Ok(()),
            "cgroup.type" | "cgroup.subtree_control" | "cgroup.kill" => Err(Errno::EINVAL),
            _ => Err(Errno::EOPNOTSUPP),
        }
    }
}

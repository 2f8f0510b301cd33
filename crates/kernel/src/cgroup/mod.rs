//! Control groups, version 2: the tree, its members and its controllers (`man 7 cgroups`,
//! `Documentation/admin-guide/cgroup-v2.rst`). Groups have whole processes: there are no groups of threads.

mod controllers;
mod cpu;
mod files;
mod freezer;
mod memory;
mod pids;
mod values;

use crate::Kernel;
use crate::file::Body;
use crate::ids::Tid;
use crate::procfs::{CGROUP, attr_of, node, rest};
use controllers::Controllers;
use files::FILES;
use glassdock_abi::types::mode::*;
use glassdock_abi::types::{WaitStatus, signal as sig};
use glassdock_abi::{Errno, Fd, Pid, Result};
use glassdock_cpu::AccountId;
use glassdock_trace::world::NsId;
use glassdock_vfs::{NodeAttr, NodeEntry, NodeId};
use std::collections::BTreeMap;

/// A group.
#[derive(Clone, Debug, Default)]
struct Group {
    /// Its directory's number.
    id: u64,
    /// The controllers of the groups right below it.
    enabled: Controllers,
    /// How many levels of groups there may be below it.
    max_depth: Option<u64>,
    /// How many groups there may be below it.
    max_descendants: Option<u64>,
    freeze: bool,
    pids: pids::Pids,
    memory: memory::Memory,
    cpu: cpu::Cpu,
    times: cpu::Times,
    cpuset: Cpuset,
}

/// The cpuset controller: of one processor and one node of memory, a group has all or, as one that asks for none, all.
#[derive(Clone, Debug, Default)]
struct Cpuset {
    cpus: bool,
    mems: bool,
}

/// All groups, by their paths from the root of the tree.
#[derive(Clone, Debug)]
pub(crate) struct Cgroups {
    groups: BTreeMap<String, Group>,
    next: u64,
    /// Where a control-group namespace begins.
    ns_roots: BTreeMap<NsId, String>,
    /// Whether there is any group but the root, or any controller is enabled: else nobody need ask.
    rules: bool,
    /// Whether any is frozen.
    freezes: bool,
    /// Pages of tmpfs files that are charged, by the account's number.
    charged: BTreeMap<u32, u64>,
    /// Accounts that were closed, each with the one that has what was charged to it.
    heirs: Vec<(AccountId, AccountId)>,
}

impl Default for Cgroups {
    fn default() -> Self {
        let root = Group {
            id: 1,
            ..Group::default()
        };
        Cgroups {
            groups: BTreeMap::from([("/".to_owned(), root)]),
            next: 2,
            ns_roots: BTreeMap::new(),
            rules: false,
            freezes: false,
            charged: BTreeMap::new(),
            heirs: Vec::new(),
        }
    }
}

impl Cgroups {
    pub(crate) fn exists(&self, path: &str) -> bool {
        self.groups.contains_key(path)
    }
    pub(crate) fn paths(&self) -> Vec<String> {
        self.groups.keys().cloned().collect()
    }
    pub(crate) fn count(&self) -> usize {
        self.groups.len()
    }
    pub(crate) fn set_ns_root(&mut self, ns: NsId, path: String) {
        self.ns_roots.insert(ns, path);
    }
    /// Whether groups have a say in whose turn it is and who pays.
    pub(crate) fn rules(&self) -> bool {
        self.rules
    }
    fn look_for_rules(&mut self) {
        let enables = |group: &Group| group.enabled != Controllers::default();
        self.freezes = self.groups.values().any(|group| group.freeze);
        self.rules = self.groups.len() > 1 || self.groups.values().any(enables);
    }
    fn id(&self, path: &str) -> u64 {
        self.groups.get(path).map_or(0, |group| group.id)
    }
    fn path(&self, dir: u64) -> Result<String> {
        let found = self.groups.iter().find(|(_, group)| group.id == dir);
        found.map(|(path, _)| path.clone()).ok_or(Errno::ENODEV)
    }
    /// Names and numbers of the groups right below one.
    fn children(&self, path: &str) -> Vec<(String, u64)> {
        let below = self.below(path);
        let direct = below.filter_map(|(other, group)| {
            let name = &other[join(path, "").len()..];
            (!name.contains('/')).then(|| (name.to_owned(), group.id))
        });
        direct.collect()
    }
    /// All groups below one, itself left out.
    fn below(&self, path: &str) -> impl Iterator<Item = (&String, &Group)> {
        let all = self.groups.iter();
        all.filter(move |(other, _)| other.as_str() != path && is_within(other, path))
    }
    /// `EAGAIN` where a group, or one above it, may have no more levels or groups below it (`cgroup_check_hierarchy_limits`).
    fn check_tree_limits(&self, parent: &str) -> Result<()> {
        for (level, path) in (1u64..).zip(lineage(parent)) {
            let Some(group) = self.groups.get(path) else {
                continue;
            };
            let all = || self.below(path).count() as u64;
            if group.max_descendants.is_some_and(|max| all() >= max)
                || group.max_depth.is_some_and(|max| level > max)
            {
                return Err(Errno::EAGAIN);
            }
        }
        Ok(())
    }
}

/// The group above one; none above the root.
fn above(path: &str) -> Option<&str> {
    match path.rfind('/') {
        Some(0) if path.len() > 1 => Some("/"),
        Some(0) | None => None,
        Some(at) => Some(&path[..at]),
    }
}

/// A group and all above it, itself first.
fn lineage(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| above(path))
}

/// Whether a group is another or below it.
fn is_within(path: &str, top: &str) -> bool {
    let rest = path.strip_prefix(top);
    top == "/" || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
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
        let root = self.cgroup_ns_path(viewer);
        self.cgroups.groups.get(&root).map_or(1, |group| group.id)
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

    /// The group whose directory a descriptor is, for a process that is born into it.
    pub(crate) fn cgroup_to_enter(&self, tid: Tid, fd: Fd) -> Result<String> {
        let path = self.cgroup_of_fd(tid, fd)?;
        self.may_enter_group(&path)?;
        Ok(path)
    }

    fn cgroup_of_fd(&self, tid: Tid, fd: Fd) -> Result<String> {
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
        let known = FILES.iter().position(|row| row.name.as_bytes() == name);
        if let Some(at) = known.filter(|at| self.cgroups.shows(&path, &FILES[*at])) {
            return Ok(node(CGROUP, id << 8 | (at as u64 + 1)));
        }
        let name = core::str::from_utf8(name).map_err(|_| Errno::ENOENT)?;
        let child = self.cgroups.groups.get(&join(&path, name));
        Ok(node(CGROUP, child.ok_or(Errno::ENOENT)?.id << 8))
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
                Ok(attr_of(rest(at), S_IFREG | row.mode, 1))
            }
        }
    }

    pub(crate) fn cgroup_readdir(&self, dir: NodeId) -> Result<Vec<NodeEntry>> {
        let (id, _) = parts(dir);
        let path = self.cgroups.path(id)?;
        let files = FILES.iter().zip(1u64..);
        let files = files
            .filter(|(row, _)| self.cgroups.shows(&path, row))
            .map(|(row, at)| NodeEntry {
                name: row.name.into(),
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
                cookie: 1000 + child,
            });
        Ok(files.chain(dirs).collect())
    }

    pub(crate) fn cgroup_mkdir(&mut self, dir: NodeId, name: &[u8]) -> Result<NodeId> {
        let path = self.cgroups.path(parts(dir).0)?;
        let name = core::str::from_utf8(name).map_err(|_| Errno::EINVAL)?;
        if name.contains('\n') {
            return Err(Errno::EINVAL);
        }
        let parent = path;
        let path = join(&parent, name);
        if self.cgroups.exists(&path) {
            return Err(Errno::EEXIST);
        }
        self.cgroups.check_tree_limits(&parent)?;
        let id = self.cgroups.next;
        self.cgroups.next += 1;
        let group = Group {
            id,
            ..Group::default()
        };
        self.cgroups.groups.insert(path.clone(), group);
        self.cgroups.look_for_rules();
        self.gain_controllers(&path, &parent, self.cgroups.enabled(&parent));
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
        if self.group_has_tasks(&path) || !self.cgroups.children(&path).is_empty() {
            return Err(Errno::EBUSY);
        }
        self.lose_controllers(&path, Controllers::ALL);
        self.cgroups.groups.remove(&path);
        // Zombies are in no group of this name that is made later.
        for process in self.processes.values_mut() {
            if process.cgroup == path {
                process.cgroup += " (deleted)";
            }
        }
        self.cgroups.look_for_rules();
        self.publisher.cgroup(path);
        Ok(())
    }

    /// Whether anybody alive is in a group.
    fn group_has_tasks(&self, path: &str) -> bool {
        let mut all = self.processes.values();
        all.any(|process| process.alive() && process.cgroup == path)
    }

    /// Whether anybody alive is in a group or below it.
    fn is_populated(&self, path: &str) -> bool {
        let mut members = self.members_within(path);
        members.any(|process| process.alive())
    }

    pub(crate) fn cgroup_content(&self, tid: Tid, at: NodeId) -> Result<Vec<u8>> {
        let (id, file) = parts(at);
        let path = self.cgroups.path(id)?;
        let row = FILES.get(file.wrapping_sub(1)).ok_or(Errno::EISDIR)?;
        let read = row.read.ok_or(Errno::EINVAL)?;
        if !self.cgroups.shows(&path, row) {
            return Err(Errno::ENODEV);
        }
        read(self, tid, &path).map(String::into_bytes)
    }

    pub(crate) fn write_cgroup(&mut self, tid: Tid, at: NodeId, data: &[u8]) -> Result<()> {
        let (id, file) = parts(at);
        let path = self.cgroups.path(id)?;
        let row = FILES.get(file.wrapping_sub(1)).ok_or(Errno::EISDIR)?;
        let write = row.write.ok_or(Errno::EINVAL)?;
        if !self.cgroups.shows(&path, row) {
            return Err(Errno::ENODEV);
        }
        let text = core::str::from_utf8(data).map_err(|_| Errno::EINVAL)?;
        write(self, tid, &path, text.trim())?;
        self.publisher.cgroup(path);
        Ok(())
    }

    /// Processes or threads of a group, as their reader numbers them.
    fn cgroup_members(&self, viewer: Tid, path: &str, threads: bool) -> String {
        let ns = self.pid_ns_of(viewer);
        let all = self.processes.values();
        let members = all.filter(|process| process.cgroup == path && process.alive());
        let ids: Vec<Tid> = match threads {
            false => members.map(|process| process.tgid).collect(),
            true => members.flat_map(|it| it.threads.clone()).collect(),
        };
        let shown = ids.iter().map(|id| self.pid_in(ns, *id).unwrap_or(0));
        shown.map(|id| format!("{id}\n")).collect()
    }

    /// Moves a process into a group.
    fn enter_cgroup(&mut self, tid: Tid, path: &str, text: &str) -> Result<()> {
        let pid: i32 = text.parse().map_err(|_| Errno::EINVAL)?;
        let target = match pid {
            0 => tid,
            pid => self.find_pid(tid, Pid(pid)).ok_or(Errno::ESRCH)?,
        };
        self.may_enter_group(path)?;
        let tgid = self.tgid_of(target);
        let process = self.processes.get_mut(&tgid).ok_or(Errno::ESRCH)?;
        let old = std::mem::replace(&mut process.cgroup, path.to_owned());
        let threads = process.threads.clone();
        self.note_peak_of_tasks(path);
        // Whoever is in the middle of a turn pays for the rest of it here.
        self.let_pay(tid);
        self.publisher.task(tgid);
        for tid in threads {
            self.publisher.state(tid);
        }
        self.publisher.cgroup(old);
        Ok(())
    }

    /// Kills all in a group, but for the first processes of the machine and of the writer's pid namespace, which do not hear
    /// of it (`__cgroup_kill`).
    fn kill_cgroup(&mut self, tid: Tid, path: &str) {
        let spared = [self.init, self.ns_init(self.pid_ns_of(tid))];
        let members = self.members_within(path);
        let members = members.filter(|it| it.alive() && !spared.contains(&Some(it.tgid)));
        let members: Vec<Tid> = members.map(|it| it.tgid).collect();
        for tgid in members {
            self.exit_process(tgid, WaitStatus::Killed(sig::KILL, false));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_below_all_that_its_path_goes_through() {
        assert_eq!(lineage("/a/b").collect::<Vec<_>>(), ["/a/b", "/a", "/"]);
        assert_eq!(lineage("/").collect::<Vec<_>>(), ["/"]);
        assert!(is_within("/a/b", "/a") && is_within("/a", "/a") && is_within("/a", "/"));
        assert!(!is_within("/ab", "/a") && !is_within("/a", "/a/b"));
    }
}

//! The machine as nested boxes: the host, the containers in it, their processes with all their numbers, at a moment.

use super::{Moment, Timeline};
use glassdock_trace::world::{ContainerInfo, NsId, NsKind, TaskInfo, TaskState};
use glassdock_trace::{Delta, World};
use std::collections::{BTreeMap, BTreeSet};

/// What happened to a thing in the step that is looked at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Mark {
    /// Nothing.
    #[default]
    Same,
    /// It is new.
    Added,
    /// It is not as it was.
    Changed,
    /// It is gone.
    Removed,
}

impl Mark {
    /// The mark of a change with these sides there.
    pub(super) fn of(before: bool, after: bool) -> Mark {
        match (before, after) {
            (false, true) => Mark::Added,
            (true, false) => Mark::Removed,
            _ => Mark::Changed,
        }
    }
}

/// What a box stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PictureBoxKind {
    /// The machine.
    Host,
    /// A container, by its id.
    Container(String),
    /// A pid namespace that belongs to no container (yet).
    Namespace,
}

/// A box: a pid namespace, or a container without processes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PictureBox {
    /// What it stands for.
    pub kind: PictureBoxKind,
    /// The pid namespace.
    pub ns: Option<NsId>,
    /// Host name in it.
    pub hostname: String,
    /// The container, where it is one.
    pub container: Option<ContainerInfo>,
    /// Namespaces of its first process, and whether each is its own (not its surroundings').
    pub namespaces: Vec<(NsKind, NsId, bool)>,
    /// How many mounts its first process sees.
    pub mounts: usize,
    /// Its processes, as a tree in order.
    pub processes: Vec<ProcessRow>,
    /// The boxes in it.
    pub boxes: Vec<PictureBox>,
    /// What happened to it.
    pub mark: Mark,
}

/// A process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProcessRow {
    /// Levels below the box's outermost process.
    pub depth: u16,
    /// Its numbers, from the host's to that of the innermost pid namespace.
    pub pids: Vec<i32>,
    /// Name.
    pub comm: String,
    /// Command line.
    pub command: String,
    /// `R`, `S`, `T` or `Z`, as `ps` shows it.
    pub state: char,
    /// What it waits for, where it waits.
    pub waits: String,
    /// Whether it is one of ours, that runs within the kernel.
    pub builtin: bool,
    /// Effective user id.
    pub uid: u32,
    /// Threads besides the first.
    pub threads: usize,
    /// Kinds of namespaces in which it differs from the box's first process.
    pub apart: Vec<NsKind>,
    /// What happened to it.
    pub mark: Mark,
}

/// All that is drawn.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Picture {
    /// The outermost box; none before the machine has a process.
    pub host: Option<PictureBox>,
}

/// The picture at a moment. What changed since `since` is marked; what went away since then is still in it, so marked.
pub fn picture(timeline: &mut Timeline, since: Moment, moment: Moment) -> Picture {
    let touched = Touched::between(timeline, since, moment);
    let world = timeline.world(moment);
    Draw::new(world, &touched).picture()
}

/// What changed, by kind and key.
#[derive(Default)]
struct Touched {
    tasks: BTreeMap<i32, Mark>,
    /// Processes that are gone, as they were.
    gone: BTreeMap<i32, TaskInfo>,
    containers: BTreeMap<String, Mark>,
    gone_containers: BTreeMap<String, ContainerInfo>,
}

impl Touched {
    fn between(timeline: &Timeline, since: Moment, moment: Moment) -> Touched {
        let mut touched = Touched::default();
        let mut first: BTreeMap<i32, bool> = BTreeMap::new();
        for change in timeline.folded().between(since, moment) {
            match &change.delta {
                Delta::Task(task) => {
                    let was = *first.entry(task.key).or_insert(task.before.is_some());
                    let mark = Mark::of(was, task.after.is_some());
                    touched.tasks.insert(task.key, mark);
                    match (&task.before, &task.after) {
                        (Some(before), None) if was => {
                            touched.gone.insert(task.key, before.clone());
                        }
                        (_, None) => drop(touched.tasks.remove(&task.key)),
                        _ => drop(touched.gone.remove(&task.key)),
                    }
                }
                // Whether it runs or waits changes at every step and is told by its letter; that it ended is news.
                Delta::TaskState(state) => {
                    let told = |state: &Option<TaskState>| {
                        matches!(state, Some(TaskState::Zombie(_) | TaskState::Stopped(_)))
                    };
                    if told(&state.before) != told(&state.after) && state.after.is_some() {
                        touched.tasks.entry(state.key).or_insert(Mark::Changed);
                    }
                }
                Delta::NsMember(member) if member.after.is_some() => {
                    touched.tasks.entry(member.key.0).or_insert(Mark::Changed);
                }
                Delta::Container(container) => {
                    let mark = match touched.containers.get(&container.key) {
                        Some(Mark::Added) if container.after.is_some() => Mark::Added,
                        _ => Mark::of(container.before.is_some(), container.after.is_some()),
                    };
                    touched.containers.insert(container.key.clone(), mark);
                    if let (Some(before), None) = (&container.before, &container.after) {
                        let before = before.clone();
                        touched
                            .gone_containers
                            .insert(container.key.clone(), before);
                    }
                }
                _ => {}
            }
        }
        touched
    }
}

struct Draw<'a> {
    world: &'a World,
    touched: &'a Touched,
    /// Processes (no threads) by number, those that are gone too.
    tasks: BTreeMap<i32, &'a TaskInfo>,
    threads: BTreeMap<i32, usize>,
}

impl<'a> Draw<'a> {
    fn new(world: &'a World, touched: &'a Touched) -> Draw<'a> {
        let mut tasks = BTreeMap::new();
        let mut threads = BTreeMap::new();
        for (tid, task) in world.tasks.iter().chain(&touched.gone) {
            if *tid == task.tgid {
                tasks.insert(*tid, task);
            } else {
                *threads.entry(task.tgid).or_insert(0) += 1;
            }
        }
        Draw {
            world,
            touched,
            tasks,
            threads,
        }
    }

    fn picture(&self) -> Picture {
        let Some((_, first)) = self.tasks.first_key_value() else {
            return Picture::default();
        };
        let Some((ns, _)) = first.pids.first() else {
            return Picture::default();
        };
        let mut host = self.namespace(*ns, 0, None);
        host.kind = PictureBoxKind::Host;
        host.mark = Mark::Same;
        let drawn = containers_of(&host);
        let all = self.world.containers.iter();
        for (id, info) in all.chain(&self.touched.gone_containers) {
            if !drawn.contains(id) {
                host.boxes.push(self.idle_container(id, info));
            }
        }
        Picture { host: Some(host) }
    }

    /// The box of a pid namespace that is `level` namespaces below the host's.
    fn namespace(&self, ns: NsId, level: usize, around: Option<i32>) -> PictureBox {
        let inside: Vec<i32> = self
            .tasks
            .iter()
            .filter(|(_, task)| task.pids.get(level).is_some_and(|pid| pid.0 == ns))
            .map(|(pid, _)| *pid)
            .collect();
        let own: BTreeSet<i32> = inside
            .iter()
            .copied()
            .filter(|pid| self.tasks[pid].pids.len() == level + 1)
            .collect();
        let first = own.first().copied();
        let mut deeper: Vec<NsId> = Vec::new();
        for pid in &inside {
            if let Some((below, _)) = self.tasks[pid].pids.get(level + 1)
                && !deeper.contains(below)
            {
                deeper.push(*below);
            }
        }
        let container = self.container_of(&inside);
        let mark = match &container {
            Some((id, _)) => self.touched.containers.get(id).copied().unwrap_or_default(),
            None => self.mark_of_first(first),
        };
        PictureBox {
            kind: match &container {
                Some((id, _)) => PictureBoxKind::Container(id.clone()),
                None => PictureBoxKind::Namespace,
            },
            ns: Some(ns),
            hostname: first.map(|pid| self.hostname(pid)).unwrap_or_default(),
            container: container.map(|(_, info)| info),
            namespaces: first
                .map(|pid| self.namespaces(pid, around))
                .unwrap_or_default(),
            mounts: first.map_or(0, |pid| self.mounts(pid)),
            processes: self.tree(&own, first),
            boxes: deeper
                .into_iter()
                .map(|below| self.namespace(below, level + 1, first))
                .collect(),
            mark,
        }
    }

    fn mark_of_first(&self, first: Option<i32>) -> Mark {
        let mark = first.and_then(|pid| self.touched.tasks.get(&pid)).copied();
        mark.filter(|mark| *mark != Mark::Changed)
            .unwrap_or_default()
    }

    fn container_of(&self, inside: &[i32]) -> Option<(String, ContainerInfo)> {
        let found = self
            .world
            .containers
            .iter()
            .find(|(_, info)| info.pid.is_some_and(|pid| inside.contains(&pid)))?;
        // On the host every container's process is inside too; the box is the container's only if its process is
        // numbered 1 here.
        let pid = found.1.pid?;
        let numbers = &self.tasks.get(&pid)?.pids;
        let innermost = numbers.last()?;
        let here = inside.iter().all(|pid| {
            self.tasks[pid]
                .pids
                .iter()
                .any(|(ns, _)| *ns == innermost.0)
        });
        here.then(|| (found.0.clone(), found.1.clone()))
    }

    fn idle_container(&self, id: &str, info: &ContainerInfo) -> PictureBox {
        PictureBox {
            kind: PictureBoxKind::Container(id.to_owned()),
            ns: None,
            hostname: String::new(),
            container: Some(info.clone()),
            namespaces: Vec::new(),
            mounts: 0,
            processes: Vec::new(),
            boxes: Vec::new(),
            mark: self.touched.containers.get(id).copied().unwrap_or_default(),
        }
    }

    fn member(&self, pid: i32, kind: NsKind) -> Option<NsId> {
        self.world.members.get(&(pid, kind)).copied()
    }

    fn hostname(&self, pid: i32) -> String {
        self.member(pid, NsKind::Uts)
            .and_then(|ns| self.world.namespaces.get(&ns))
            .and_then(|ns| ns.hostname.clone())
            .unwrap_or_default()
    }

    fn mounts(&self, pid: i32) -> usize {
        let Some(ns) = self.member(pid, NsKind::Mnt) else {
            return 0;
        };
        self.world.mounts.values().filter(|m| m.ns == ns).count()
    }

    fn namespaces(&self, pid: i32, around: Option<i32>) -> Vec<(NsKind, NsId, bool)> {
        KINDS
            .iter()
            .filter_map(|kind| {
                let ns = self.member(pid, *kind)?;
                let own = around.is_some_and(|around| self.member(around, *kind) != Some(ns));
                Some((*kind, ns, own))
            })
            .collect()
    }

    /// Processes as a tree: children after their parents, in order of their numbers.
    fn tree(&self, own: &BTreeSet<i32>, first: Option<i32>) -> Vec<ProcessRow> {
        let mut below: BTreeMap<Option<i32>, Vec<i32>> = BTreeMap::new();
        for pid in own {
            let ppid = self.tasks[pid].ppid;
            let parent = (own.contains(&ppid) && ppid != *pid).then_some(ppid);
            below.entry(parent).or_default().push(*pid);
        }
        let mut rows = Vec::new();
        let mut stack: Vec<(i32, u16)> = Vec::new();
        let push = |stack: &mut Vec<(i32, u16)>, pids: Option<Vec<i32>>, depth| {
            stack.extend(pids.into_iter().flatten().rev().map(|pid| (pid, depth)));
        };
        push(&mut stack, below.remove(&None), 0);
        while let Some((pid, depth)) = stack.pop() {
            rows.push(self.row(pid, depth, first));
            push(&mut stack, below.remove(&Some(pid)), depth + 1);
        }
        rows
    }

    fn row(&self, pid: i32, depth: u16, first: Option<i32>) -> ProcessRow {
        let task = self.tasks[&pid];
        let (state, waits) = match self.world.states.get(&pid) {
            Some(TaskState::Runnable) => ('R', String::new()),
            Some(TaskState::Sleeping(what)) => ('S', what.clone()),
            Some(TaskState::Stopped(_)) => ('T', String::new()),
            Some(TaskState::Zombie(_)) => ('Z', String::new()),
            None => ('X', String::new()),
        };
        let apart = KINDS
            .iter()
            .copied()
            .filter(|kind| {
                // A process that has ended has left its namespaces, and is in none.
                let here = first.and_then(|first| self.member(first, *kind));
                let own = self.member(pid, *kind);
                own.is_some() && here.is_some() && own != here
            })
            .collect();
        ProcessRow {
            depth,
            pids: task.pids.iter().map(|(_, pid)| *pid).collect(),
            comm: task.comm.clone(),
            command: task.argv.join(" "),
            state,
            waits,
            builtin: task.builtin,
            uid: task.uid,
            threads: self.threads.get(&pid).copied().unwrap_or(0),
            apart,
            mark: self.touched.tasks.get(&pid).copied().unwrap_or_default(),
        }
    }
}

const KINDS: [NsKind; 8] = [
    NsKind::Pid,
    NsKind::Mnt,
    NsKind::Uts,
    NsKind::Ipc,
    NsKind::Net,
    NsKind::User,
    NsKind::Cgroup,
    NsKind::Time,
];

fn containers_of(drawn: &PictureBox) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut stack = vec![drawn];
    while let Some(next) = stack.pop() {
        if let PictureBoxKind::Container(id) = &next.kind {
            found.insert(id.clone());
        }
        stack.extend(&next.boxes);
    }
    found
}

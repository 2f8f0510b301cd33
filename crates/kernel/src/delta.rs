//! Telling changes of state.
//!
//! Whoever changes something marks it; at the end of a call (and of a turn) each marked entity is looked at, compared
//! with what the trace was last told, and told again where it differs. So a delta's "before" is always what the trace
//! holds, and [`Kernel::inspect`] looks with the same eyes.

mod process;

use crate::Kernel;
use crate::file::{Body, Object};
use crate::ids::*;
use crate::ns::NsBody;
use crate::process::{Exec, Run};
use glassdock_abi::types::SockAddr;
use glassdock_trace::world::*;
use glassdock_trace::{Delta, World};
use std::collections::BTreeSet;

/// What changed since the trace was last told, and what it was told.
#[derive(Default)]
pub(crate) struct Publisher {
    enabled: bool,
    told: World,
    tasks: Marked<Tid>,
    states: Marked<Tid>,
    places: Marked<Tid>,
    fds: Marked<(Tid, i32)>,
    files: Marked<FileId>,
    namespaces: Marked<NsId>,
    channels: Marked<ObjId>,
    ttys: Marked<u32>,
    signals: Marked<Tid>,
    handlers: Marked<(Tid, u8)>,
    memories: Marked<MmId>,
    cgroups: Marked<String>,
    any: bool,
}

/// What is marked, in any order and perhaps more than once.
struct Marked<K>(Vec<K>);

impl<K> Default for Marked<K> {
    fn default() -> Self {
        Marked(Vec::new())
    }
}

impl<K: Ord> Marked<K> {
    /// Takes all, in order and each once.
    fn take(&mut self) -> Vec<K> {
        let mut keys = std::mem::take(&mut self.0);
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

macro_rules! marks {
    ($($(#[$doc:meta])* $name:ident($key:ty) => $set:ident;)*) => {
        impl Publisher {
            $($(#[$doc])* pub(crate) fn $name(&mut self, key: $key) {
                if self.enabled {
                    self.$set.0.push(key);
                    self.any = true;
                }
            })*
        }
    };
}

marks! {
    /// Identity, credentials, namespaces, limits, timer of a task.
    task(Tid) => tasks;
    /// What a task does.
    state(Tid) => states;
    /// Root, working directory and umask of a process.
    place(Tid) => places;
    /// What a task blocks, and what waits for it.
    signals(Tid) => signals;
    /// What a process does with a signal.
    handler((Tid, u8)) => handlers;
    /// The areas of an address space.
    memory(MmId) => memories;
    /// A descriptor of a process.
    fd((Tid, i32)) => fds;
    /// An open file description.
    file(FileId) => files;
    namespace(NsId) => namespaces;
    /// A pipe or socket.
    channel(ObjId) => channels;
    tty(u32) => ttys;
    cgroup(String) => cgroups;
}

impl Publisher {
    pub(crate) fn new(enabled: bool) -> Publisher {
        Publisher {
            enabled,
            ..Publisher::default()
        }
    }
    pub(crate) fn enabled(&self) -> bool {
        self.enabled
    }
}

fn text(bytes: &[u8]) -> String {
    // Nearly all is text, and the look at all of it at once is the quicker one.
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// A path as it is told: of one that no call could name, its end.
fn place(path: &[u8]) -> String {
    text(&path[path.len().saturating_sub(glassdock_vfs::PATH_MAX)..])
}

impl Kernel {
    pub(crate) fn dirty_state(&mut self, tid: Tid) {
        self.publisher.state(tid);
    }

    /// Tells what was marked.
    pub(crate) fn publish(&mut self) {
        self.tell_vfs_deltas();
        if self.vfs_mut().take_paths_changed() {
            self.mark_all_places();
        }
        if !self.publisher.any {
            return;
        }
        self.publisher.any = false;
        let (time, span) = (self.time, self.current);
        macro_rules! tell {
            ($keys:expr, $kind:ident, $map:ident, |$key:ident| $told_key:expr, $value:expr) => {
                for $key in $keys {
                    let key = $told_key;
                    let after = $value;
                    let told = &mut self.publisher.told.$map;
                    if told.get(&key) != after.as_ref() {
                        let before = match &after {
                            Some(value) => told.insert(key.clone(), value.clone()),
                            None => told.remove(&key),
                        };
                        let change = Change { key, before, after };
                        self.tracer.delta(time, span, || Delta::$kind(change));
                    }
                }
            };
        }
        tell!(
            self.publisher.namespaces.take(),
            Namespace,
            namespaces,
            |id| id,
            self.view_namespace(id)
        );
        let tasks = self.publisher.tasks.take();
        tell!(&tasks, Task, tasks, |tid| tid.0, self.view_task(*tid));
        for tid in &tasks {
            for (kind, after) in self.view_members(*tid) {
                let key = (tid.0, kind);
                let before = self.publisher.told.members.get(&key).copied();
                if before != after {
                    match after {
                        Some(ns) => self.publisher.told.members.insert(key, ns),
                        None => self.publisher.told.members.remove(&key),
                    };
                    let change = Change { key, before, after };
                    self.tracer.delta(time, span, || Delta::NsMember(change));
                }
            }
        }
        tell!(&tasks, Cred, creds, |tid| tid.0, self.view_cred(*tid));
        tell!(&tasks, Limits, limits, |tid| tid.0, self.view_limits(*tid));
        tell!(&tasks, Timer, timers, |tid| tid.0, self.view_timer(*tid));
        tell!(tasks, Mm, mms, |tid| tid.0, self.view_mm(tid));
        let signals = self.publisher.signals.take();
        tell!(
            signals,
            Signals,
            signals,
            |tid| tid.0,
            self.view_signals(tid)
        );
        let handlers = self.publisher.handlers.take();
        tell!(
            handlers,
            Handler,
            handlers,
            |at| (at.0.0, at.1),
            self.view_handler(at.0, at.1)
        );
        for id in self.publisher.memories.take() {
            self.tell_areas(id);
        }
        let states = self.publisher.states.take();
        tell!(states, TaskState, states, |tid| tid.0, self.view_state(tid));
        let places = self.publisher.places.take();
        tell!(&places, Cwd, cwds, |tid| tid.0, self.view_cwd(*tid));
        tell!(&places, Root, roots, |tid| tid.0, self.view_root(*tid));
        tell!(places, Umask, umasks, |tid| tid.0, self.view_umask(tid));
        let files = self.publisher.files.take();
        tell!(files, OpenFile, files, |id| id.0, self.view_file(id));
        let fds = self.publisher.fds.take();
        tell!(fds, Fd, fds, |at| (at.0.0, at.1), self.view_fd(at.0, at.1));
        tell!(
            self.publisher.channels.take(),
            Channel,
            channels,
            |id| id.0,
            self.view_channel(id)
        );
        let ttys = self.publisher.ttys.take();
        tell!(ttys, Tty, ttys, |n| n, self.view_tty(n));
        tell!(
            self.publisher.cgroups.take(),
            Cgroup,
            cgroups,
            |path| path.clone(),
            self.view_cgroup(&path)
        );
    }

    /// Working and root directories are told as paths, which others can change.
    fn mark_all_places(&mut self) {
        for tgid in self.processes.keys() {
            self.publisher.place(tgid);
        }
    }

    /// The machine's state, looked at afresh, without what programs tell of themselves (containers, images): between
    /// two slices it is the fold of all deltas.
    pub fn inspect(&self) -> World {
        let mut world = self.vfs().inspect();
        for id in self.namespaces.keys() {
            world
                .namespaces
                .extend(self.view_namespace(*id).map(|v| (*id, v)));
        }
        let tids: BTreeSet<Tid> = self.threads.keys().chain(self.processes.keys()).collect();
        for tid in tids {
            world.tasks.extend(self.view_task(tid).map(|v| (tid.0, v)));
            world
                .states
                .extend(self.view_state(tid).map(|v| (tid.0, v)));
            world.cwds.extend(self.view_cwd(tid).map(|v| (tid.0, v)));
            world.roots.extend(self.view_root(tid).map(|v| (tid.0, v)));
            self.inspect_process(tid, &mut world);
            for (kind, ns) in self.view_members(tid) {
                world.members.extend(ns.map(|ns| ((tid.0, kind), ns)));
            }
            for fd in self.fd_numbers(tid) {
                world
                    .fds
                    .extend(self.view_fd(tid, fd).map(|v| ((tid.0, fd), v)));
            }
        }
        for (id, mm) in self.mms.iter() {
            for (start, vma) in &mm.vmas {
                world.areas.insert((id.0, *start), self.view_area(vma));
            }
        }
        for (id, _) in self.files.iter() {
            world.files.extend(self.view_file(id).map(|v| (id.0, v)));
        }
        for (id, _) in self.objects.iter() {
            world
                .channels
                .extend(self.view_channel(id).map(|v| (id.0, v)));
        }
        for number in self.ttys.numbers() {
            world
                .ttys
                .extend(self.view_tty(number).map(|v| (number, v)));
        }
        for path in self.cgroups.paths() {
            world
                .cgroups
                .extend(self.view_cgroup(&path).map(|v| (path.clone(), v)));
        }
        world
    }

    fn view_namespace(&self, id: NsId) -> Option<NsInfo> {
        let namespace = self.namespaces.get(&id)?;
        Some(NsInfo {
            kind: namespace.kind,
            parent: namespace.parent,
            owner: Some(namespace.owner),
            hostname: match &namespace.body {
                NsBody::Uts { hostname, .. } => Some(text(hostname)),
                _ => None,
            },
            loopback_up: match namespace.body {
                NsBody::Net(loopback) => Some(loopback.up),
                _ => None,
            },
            offsets: match namespace.body {
                NsBody::Time(offsets) => Some([offsets.monotonic, offsets.boottime]),
                _ => None,
            },
            users: match &namespace.body {
                NsBody::User(users) => users.view(),
                _ => None,
            },
        })
    }

    fn view_task(&self, tid: Tid) -> Option<TaskInfo> {
        let tgid = match self.threads.get(&tid) {
            Some(thread) => thread.tgid,
            None => tid,
        };
        let process = self.processes.get(&tgid)?;
        let thread = self.threads.get(&tid);
        let last = process.last.as_ref();
        let cred = thread.map(|t| &t.cred).or(last.map(|l| &l.cred))?;
        let comm = thread.map(|t| &t.comm).or(last.map(|l| &l.comm))?;
        Some(TaskInfo {
            ppid: process.parent.map_or(0, |parent| parent.0),
            tgid: tgid.0,
            pgid: process.pgid.0,
            sid: process.sid.0,
            comm: text(comm),
            exe: text(&process.exe_name),
            argv: process.argv.iter().map(|arg| text(arg)).collect(),
            builtin: thread.is_some_and(|t| matches!(t.exec, Exec::Builtin(_))),
            uid: cred.euid,
            gid: cred.egid,
            caps: cred.effective,
            pids: self
                .pids
                .get(&tid)
                .map(|entry| entry.numbers.clone())
                .unwrap_or_default(),
            tty: process.tty,
            cgroup: process.cgroup.clone(),
            started: thread.map_or(process.started, |t| t.started),
        })
    }

    fn view_members(&self, tid: Tid) -> [(NsKind, Option<NsId>); 8] {
        let ns = self.threads.get(&tid).map(|thread| thread.ns);
        let first = self.root_ns.list();
        first.map(|(kind, _)| {
            let own = ns.and_then(|ns| ns.list().iter().find(|row| row.0 == kind).map(|row| row.1));
            (kind, own)
        })
    }

    fn view_state(&self, tid: Tid) -> Option<TaskState> {
        if let Some(status) = self.processes.get(&tid).and_then(|process| process.zombie) {
            return Some(TaskState::Zombie(status.word()));
        }
        let thread = self.threads.get(&tid)?;
        match thread.run {
            Run::Ready if self.is_frozen(tid) => Some(TaskState::Sleeping("freezer".into())),
            Run::Ready => Some(TaskState::Runnable),
            Run::Blocked(why) => Some(TaskState::Sleeping(why.to_owned())),
            Run::Stopped => {
                let signal = self
                    .processes
                    .get(&thread.tgid)
                    .and_then(|process| process.stopped);
                Some(TaskState::Stopped(signal.unwrap_or(0)))
            }
            Run::Dead => None,
        }
    }

    fn view_cwd(&self, tgid: Tid) -> Option<String> {
        let thread = self.threads.get(&tgid)?;
        let fs = self.fs.get(thread.fs)?;
        Some(place(&self.vfs().d_path(self.ns_root(thread), fs.cwd)))
    }

    fn view_root(&self, tgid: Tid) -> Option<String> {
        let thread = self.threads.get(&tgid)?;
        let fs = self.fs.get(thread.fs)?;
        let root = self.ns_root(thread);
        (fs.root != root).then(|| place(&self.vfs().d_path(root, fs.root)))
    }

    fn ns_root(&self, thread: &crate::process::Thread) -> glassdock_vfs::Path {
        self.vfs()
            .mnt_ns_root(thread.ns.mnt_vfs)
            .unwrap_or(self.vfs_root)
    }

    fn view_fd(&self, tgid: Tid, fd: i32) -> Option<FdInfo> {
        let thread = self.threads.get(&tgid)?;
        if thread.tid != thread.tgid {
            return None;
        }
        let entry = self.fd_tables.get(thread.files)?.map.get(&fd)?;
        Some(FdInfo {
            file: entry.file.0,
            cloexec: entry.cloexec,
        })
    }

    fn fd_numbers(&self, tid: Tid) -> Vec<i32> {
        self.threads
            .get(&tid)
            .and_then(|thread| self.fd_tables.get(thread.files))
            .map(|table| table.map.keys().copied().collect())
            .unwrap_or_default()
    }

    fn view_file(&self, id: FileId) -> Option<OpenFileInfo> {
        let file = self.files.get(id)?;
        Some(OpenFileInfo {
            what: text(&file.what),
            flags: file.flags.bits(),
            pos: match file.body {
                Body::Vfs | Body::Synthetic { .. } => file.pos,
                _ => 0,
            },
        })
    }

    fn view_channel(&self, id: ObjId) -> Option<ChannelInfo> {
        match self.objects.get(id)? {
            Object::Pipe(pipe) => Some(ChannelInfo {
                kind: "pipe".into(),
                queued: pipe.len() as u64,
                ..ChannelInfo::default()
            }),
            Object::Socket => Some(ChannelInfo {
                kind: "unix".into(),
                queued: self.sockets.queued(id.0) as u64,
                peer: self.sockets.peer(id.0),
                name: match self.sockets.name(id.0) {
                    Ok(SockAddr::Unix(path)) => Some(path.to_string()),
                    Ok(SockAddr::UnixAbstract(name)) => Some(format!("@{}", text(&name))),
                    _ => None,
                },
                listening: self.sockets.is_listening(id.0),
            }),
            Object::Event { count, .. } => Some(ChannelInfo {
                kind: "eventfd".into(),
                queued: *count,
                ..ChannelInfo::default()
            }),
            Object::Timer(timer) => Some(ChannelInfo {
                kind: "timerfd".into(),
                queued: timer.expirations,
                ..ChannelInfo::default()
            }),
            Object::Internet(_) => Some(ChannelInfo {
                kind: "udp".into(),
                ..ChannelInfo::default()
            }),
            Object::Route(route) => Some(ChannelInfo {
                kind: "netlink".into(),
                queued: route.queued() as u64,
                ..ChannelInfo::default()
            }),
            _ => None,
        }
    }

    fn view_tty(&self, number: u32) -> Option<TtyInfo> {
        let pty = self.ttys.get(number)?;
        Some(TtyInfo {
            winsize: pty.winsize(),
            session: pty.session,
            foreground: pty.foreground,
            termios: pty.termios(),
        })
    }

    fn view_cgroup(&self, path: &str) -> Option<CgroupInfo> {
        if !self.cgroups.exists(path) {
            return None;
        }
        Some(self.describe_cgroup(path))
    }
}

//! Namespaces (`man 7 namespaces`).

use crate::Kernel;
use crate::ids::Tid;
use crate::process::{Namespaces, PidEntry};
use crate::timens::Offsets;
use crate::users::Users;
use glassdock_abi::flags::CloneFlags;
use glassdock_abi::{Errno, Result};
use glassdock_trace::world::{NsId, NsKind};
use glassdock_vfs::MountNsId;
use std::collections::BTreeMap;

/// Inode numbers of the first namespaces (`include/uapi/linux/nsfs.h`), and where new ones begin.
const FIRST: [(NsKind, u64); 8] = [
    (NsKind::Ipc, 0xEFFF_FFFF),
    (NsKind::Uts, 0xEFFF_FFFE),
    (NsKind::User, 0xEFFF_FFFD),
    (NsKind::Pid, 0xEFFF_FFFC),
    (NsKind::Cgroup, 0xEFFF_FFFB),
    (NsKind::Time, 0xEFFF_FFFA),
    (NsKind::Net, 0xEFFF_FFF9),
    (NsKind::Mnt, 0xEFFF_FFF8),
];
const NEXT: u64 = 0xF000_0000;
/// Deepest nesting of pid namespaces (`MAX_PID_NS_LEVEL`).
const PID_LEVEL_MAX: usize = 32;
/// Largest pid plus one (`/proc/sys/kernel/pid_max`).
pub(crate) const PID_MAX: i32 = 32_768;
/// Pids below this are not given out again after a wrap (`RESERVED_PIDS`).
const RESERVED: i32 = 300;

/// A namespace.
#[derive(Clone, Debug)]
pub(crate) struct Namespace {
    pub(crate) kind: NsKind,
    pub(crate) parent: Option<NsId>,
    pub(crate) owner: NsId,
    /// Members and descriptors.
    pub(crate) users: u32,
    pub(crate) body: NsBody,
}

/// What a namespace holds.
#[derive(Clone, Debug)]
pub(crate) enum NsBody {
    Plain,
    Uts {
        hostname: Vec<u8>,
        domainname: Vec<u8>,
    },
    Mnt(MountNsId),
    Net(crate::netlink::Loopback),
    Pid(PidNs),
    User(Users),
    Time(Offsets),
}

/// Numbers of a pid namespace.
#[derive(Clone, Debug, Default)]
pub(crate) struct PidNs {
    /// Its first process.
    pub(crate) init: Option<Tid>,
    /// The first process has ended: nothing can be born here any more.
    pub(crate) dead: bool,
    pub(crate) last: i32,
    pub(crate) map: BTreeMap<i32, Tid>,
    pub(crate) level: usize,
}

impl Namespace {
    pub(crate) fn pids(&self) -> Option<&PidNs> {
        match &self.body {
            NsBody::Pid(pids) => Some(pids),
            _ => None,
        }
    }
    fn pids_mut(&mut self) -> Option<&mut PidNs> {
        match &mut self.body {
            NsBody::Pid(pids) => Some(pids),
            _ => None,
        }
    }
}

/// The namespaces of a machine that boots.
pub(crate) fn first(
    mnt: MountNsId,
    hostname: &str,
) -> (BTreeMap<NsId, Namespace>, u64, Namespaces) {
    let id = |kind| {
        let row = FIRST.iter().find(|row| row.0 == kind);
        NsId(row.map_or(NEXT, |row| row.1))
    };
    let body = |kind| match kind {
        NsKind::Uts => NsBody::Uts {
            hostname: hostname.as_bytes().to_vec(),
            domainname: b"(none)".to_vec(),
        },
        NsKind::Mnt => NsBody::Mnt(mnt),
        NsKind::Net => NsBody::Net(Default::default()),
        NsKind::Pid => NsBody::Pid(PidNs::default()),
        NsKind::User => NsBody::User(Users::first()),
        NsKind::Time => NsBody::Time(Offsets {
            frozen: true,
            ..Offsets::default()
        }),
        _ => NsBody::Plain,
    };
    let namespace = |kind| Namespace {
        kind,
        parent: None,
        owner: id(NsKind::User),
        users: 1,
        body: body(kind),
    };
    let map = FIRST
        .iter()
        .map(|row| (NsId(row.1), namespace(row.0)))
        .collect();
    let all = Namespaces {
        cgroup: id(NsKind::Cgroup),
        ipc: id(NsKind::Ipc),
        mnt: id(NsKind::Mnt),
        mnt_vfs: mnt,
        net: id(NsKind::Net),
        pid: id(NsKind::Pid),
        pid_children: id(NsKind::Pid),
        time: id(NsKind::Time),
        time_children: id(NsKind::Time),
        user: id(NsKind::User),
        uts: id(NsKind::Uts),
    };
    (map, NEXT, all)
}

impl Namespaces {
    /// The member by kind, in the order of `/proc/PID/ns`.
    pub(crate) fn list(&self) -> [(NsKind, NsId); 8] {
        [
            (NsKind::Cgroup, self.cgroup),
            (NsKind::Ipc, self.ipc),
            (NsKind::Mnt, self.mnt),
            (NsKind::Net, self.net),
            (NsKind::Pid, self.pid),
            (NsKind::Time, self.time),
            (NsKind::User, self.user),
            (NsKind::Uts, self.uts),
        ]
    }
    fn all(&self) -> [NsId; 10] {
        [
            self.cgroup,
            self.ipc,
            self.mnt,
            self.net,
            self.pid,
            self.pid_children,
            self.time,
            self.time_children,
            self.user,
            self.uts,
        ]
    }
}

/// The `CLONE_NEW*` flag of a kind.
pub(crate) fn flag_of(kind: NsKind) -> CloneFlags {
    match kind {
        NsKind::Cgroup => CloneFlags::NEWCGROUP,
        NsKind::Ipc => CloneFlags::NEWIPC,
        NsKind::Mnt => CloneFlags::NEWNS,
        NsKind::Net => CloneFlags::NEWNET,
        NsKind::Pid => CloneFlags::NEWPID,
        NsKind::Time => CloneFlags::NEWTIME,
        NsKind::User => CloneFlags::NEWUSER,
        NsKind::Uts => CloneFlags::NEWUTS,
    }
}

/// The name under `/proc/PID/ns`.
pub(crate) fn name_of(kind: NsKind) -> &'static str {
    match kind {
        NsKind::Cgroup => "cgroup",
        NsKind::Ipc => "ipc",
        NsKind::Mnt => "mnt",
        NsKind::Net => "net",
        NsKind::Pid => "pid",
        NsKind::Time => "time",
        NsKind::User => "user",
        NsKind::Uts => "uts",
    }
}

/// The namespaces that are made without a place in the file system.
const MADE: CloneFlags = CloneFlags::NEWUSER
    .union(CloneFlags::NEWIPC)
    .union(CloneFlags::NEWCGROUP)
    .union(CloneFlags::NEWTIME)
    .union(CloneFlags::NEWNET)
    .union(CloneFlags::NEWUTS)
    .union(CloneFlags::NEWPID);

impl Kernel {
    pub(crate) fn add_namespace(
        &mut self,
        kind: NsKind,
        parent: Option<NsId>,
        owner: NsId,
        body: NsBody,
    ) -> NsId {
        let id = NsId(self.next_ns);
        self.next_ns += 1;
        if let Some(parent) = parent {
            self.hold_namespace(parent);
        }
        if kind != NsKind::User {
            self.hold_namespace(owner);
        }
        let namespace = Namespace {
            kind,
            parent,
            owner,
            users: 1,
            body,
        };
        self.namespaces.insert(id, namespace);
        self.ns_moved = true;
        self.publisher.namespace(id);
        id
    }

    pub(crate) fn hold_namespace(&mut self, id: NsId) {
        if let Some(namespace) = self.namespaces.get_mut(&id) {
            namespace.users += 1;
        }
    }

    pub(crate) fn release_namespace(&mut self, id: NsId) {
        let Some(namespace) = self.namespaces.get_mut(&id) else {
            return;
        };
        namespace.users = namespace.users.saturating_sub(1);
        if namespace.users > 0 {
            return;
        }
        let gone = self.namespaces.remove(&id);
        self.ns_moved = true;
        self.publisher.namespace(id);
        if let Some(gone) = gone {
            if let NsBody::Mnt(mnt) = gone.body {
                self.vfs_mut().release_ns(mnt);
            }
            if let Some(parent) = gone.parent {
                self.release_namespace(parent);
            }
            if gone.kind != NsKind::User {
                self.release_namespace(gone.owner);
            }
        }
    }

    pub(crate) fn hold_namespaces(&mut self, ns: &Namespaces) {
        for id in ns.all() {
            self.hold_namespace(id);
        }
    }

    pub(crate) fn release_namespaces(&mut self, ns: &Namespaces) {
        for id in ns.all() {
            self.release_namespace(id);
        }
    }

    /// The namespaces that `flags` ask for, the rest as in `old`; all held. The mount namespace is not made here, since
    /// it needs the places that move with it.
    pub(crate) fn new_namespaces(
        &mut self,
        tid: Tid,
        old: &Namespaces,
        flags: CloneFlags,
    ) -> Result<Namespaces> {
        if flags.intersects(MADE) {
            return self.make_namespaces(tid, old, flags);
        }
        self.hold_namespaces(old);
        Ok(*old)
    }

    /// Apart, so that it is not among what the page needs for its prompt.
    #[inline(never)]
    fn make_namespaces(
        &mut self,
        tid: Tid,
        old: &Namespaces,
        flags: CloneFlags,
    ) -> Result<Namespaces> {
        let mut ns = *old;
        if flags.contains(CloneFlags::NEWPID) {
            let level = self
                .namespaces
                .get(&old.pid_children)
                .and_then(Namespace::pids)
                .map_or(0, |pids| pids.level);
            if level + 1 >= PID_LEVEL_MAX {
                return Err(Errno::ENOSPC);
            }
        }
        // The user namespace comes first: it owns the others.
        let user = match flags.contains(CloneFlags::NEWUSER) {
            true => Some(self.new_users(tid)?),
            false => None,
        };
        self.hold_namespaces(&ns);
        if let Some(user) = user {
            self.release_namespace(ns.user);
            ns.user = user;
        }
        let owner = ns.user;
        let plain = |kernel: &mut Kernel, flag, kind, slot: &mut NsId| {
            if flags.contains(flag) {
                kernel.release_namespace(*slot);
                *slot = kernel.add_namespace(kind, None, owner, NsBody::Plain);
            }
        };
        plain(self, CloneFlags::NEWIPC, NsKind::Ipc, &mut ns.ipc);
        plain(self, CloneFlags::NEWCGROUP, NsKind::Cgroup, &mut ns.cgroup);
        if flags.contains(CloneFlags::NEWTIME) {
            let body = NsBody::Time(Offsets {
                frozen: false,
                ..self.offsets(ns.time_children)
            });
            self.release_namespace(ns.time_children);
            ns.time_children = self.add_namespace(NsKind::Time, None, owner, body);
        }
        if flags.contains(CloneFlags::NEWNET) {
            let body = NsBody::Net(Default::default());
            self.release_namespace(ns.net);
            ns.net = self.add_namespace(NsKind::Net, None, owner, body);
        }
        if flags.contains(CloneFlags::NEWCGROUP) {
            let path = self
                .process_of(tid)
                .map_or_else(|| "/".into(), |process| process.cgroup.clone());
            self.cgroups.set_ns_root(ns.cgroup, path);
        }
        if flags.contains(CloneFlags::NEWUTS) {
            let body = self
                .namespaces
                .get(&old.uts)
                .map_or(NsBody::Plain, |ns| ns.body.clone());
            self.release_namespace(ns.uts);
            ns.uts = self.add_namespace(NsKind::Uts, None, owner, body);
        }
        if flags.contains(CloneFlags::NEWPID) {
            let level = self
                .namespaces
                .get(&old.pid_children)
                .and_then(Namespace::pids)
                .map_or(0, |pids| pids.level);
            let body = NsBody::Pid(PidNs {
                level: level + 1,
                ..PidNs::default()
            });
            self.release_namespace(ns.pid_children);
            ns.pid_children = self.add_namespace(NsKind::Pid, Some(old.pid_children), owner, body);
        }
        Ok(ns)
    }

    // Numbers.

    /// Gives a new thread its numbers in `ns` and all namespaces around it. `EAGAIN` where none is left, `ENOMEM`
    /// where the namespace's first process has ended.
    pub(crate) fn allocate_pid(&mut self, ns: NsId) -> Result<Tid> {
        let mut chain = vec![ns];
        while let Some(parent) = chain
            .last()
            .and_then(|id| self.namespaces.get(id))
            .and_then(|namespace| namespace.parent)
        {
            chain.push(parent);
        }
        chain.reverse();
        let dead = |id: &NsId| {
            self.namespaces
                .get(id)
                .and_then(Namespace::pids)
                .is_none_or(|pids| pids.dead)
        };
        if chain.iter().any(dead) {
            return Err(Errno::ENOMEM);
        }
        let mut numbers = Vec::with_capacity(chain.len());
        for id in &chain {
            let pids = self
                .namespaces
                .get(id)
                .and_then(Namespace::pids)
                .ok_or(Errno::ENOMEM)?;
            numbers.push((*id, free_number(pids).ok_or(Errno::EAGAIN)?));
        }
        let tid = Tid(numbers.first().map_or(0, |number| number.1));
        for (id, number) in &numbers {
            if let Some(pids) = self.namespaces.get_mut(id).and_then(Namespace::pids_mut) {
                pids.map.insert(*number, tid);
                pids.last = *number;
            }
            self.hold_namespace(*id);
        }
        let entry = PidEntry {
            numbers,
            group: Default::default(),
            session: Default::default(),
        };
        self.pids.insert(tid, entry);
        Ok(tid)
    }

    /// Frees a thread's numbers if no thread, group or session bears them any more.
    pub(crate) fn free_pid(&mut self, tid: Tid) {
        let used = self.threads.contains_key(&tid)
            || self.processes.contains_key(&tid)
            || self
                .pids
                .get(&tid)
                .is_some_and(|entry| !entry.group.is_empty() || !entry.session.is_empty());
        if used {
            return;
        }
        let Some(entry) = self.pids.remove(&tid) else {
            return;
        };
        for (id, number) in entry.numbers {
            if let Some(pids) = self.namespaces.get_mut(&id).and_then(Namespace::pids_mut) {
                pids.map.remove(&number);
            }
            self.release_namespace(id);
        }
    }

    pub(crate) fn set_ns_init(&mut self, ns: NsId, tid: Tid) {
        if let Some(pids) = self.namespaces.get_mut(&ns).and_then(Namespace::pids_mut)
            && pids.init.is_none()
        {
            pids.init = Some(tid);
        }
    }

    pub(crate) fn mark_ns_dead(&mut self, ns: NsId) {
        if let Some(pids) = self.namespaces.get_mut(&ns).and_then(Namespace::pids_mut) {
            pids.dead = true;
        }
    }

    /// Whether `inner` is `outer` or lies within it.
    pub(crate) fn pid_ns_within(&self, inner: NsId, outer: NsId) -> bool {
        let mut at = Some(inner);
        while let Some(id) = at {
            if id == outer {
                return true;
            }
            at = self
                .namespaces
                .get(&id)
                .and_then(|namespace| namespace.parent);
        }
        false
    }

    pub(crate) fn uts(&self, ns: NsId) -> (Vec<u8>, Vec<u8>) {
        match self.namespaces.get(&ns).map(|namespace| &namespace.body) {
            Some(NsBody::Uts {
                hostname,
                domainname,
            }) => (hostname.clone(), domainname.clone()),
            _ => Default::default(),
        }
    }
}

fn free_number(pids: &PidNs) -> Option<i32> {
    let start = if pids.last + 1 >= PID_MAX {
        RESERVED
    } else {
        pids.last + 1
    };
    (start..PID_MAX)
        .chain(RESERVED.min(start)..start)
        .find(|number| !pids.map.contains_key(number))
}

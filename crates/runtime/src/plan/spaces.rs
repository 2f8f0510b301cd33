//! The namespaces of a container: those that are made, those that are entered, and the network in a new one.

use super::ids::Ids;
use super::paths::{self, Slots};
use super::text::plain;
use super::{Expect, HostFacts, Item, PlanError, Slot, Step};
use crate::why;
use glassdock_abi::flags::{CloneFlags, OpenFlags};
use glassdock_abi::{Call, Errno};
use glassdock_oci::runtime::{Linux, NamespaceKind};

/// Where the specification speaks of them.
pub(super) const NAMESPACES: &str = "config-linux.md#namespaces";

/// The namespaces of a container: new ones by clone flag, others by path.
pub(super) struct Spaces {
    pub new: CloneFlags,
    pub joined: Vec<(NamespaceKind, String)>,
    /// The maps of a new user namespace.
    pub ids: Option<Ids>,
    /// What is written to a new time namespace.
    clocks: String,
}

/// Steps of the parent around the birth of the child.
#[derive(Default)]
pub(super) struct Around {
    pub before: Vec<Item>,
    pub after: Vec<Item>,
}

/// Kinds of namespaces that a container can have for itself, as specifications name them.
pub fn namespaces() -> Vec<&'static str> {
    let kinds = [
        NamespaceKind::Pid,
        NamespaceKind::Network,
        NamespaceKind::Mount,
        NamespaceKind::Ipc,
        NamespaceKind::Uts,
        NamespaceKind::User,
        NamespaceKind::Cgroup,
        NamespaceKind::Time,
    ];
    let supported = kinds
        .into_iter()
        .map(space)
        .filter(|(_, flag)| flag.is_some());
    supported.map(|(name, _)| name).collect()
}

/// What a namespace is called and its clone flag; `None` for what is not supported.
pub(super) fn space(kind: NamespaceKind) -> (&'static str, Option<CloneFlags>) {
    match kind {
        NamespaceKind::Pid => ("pid", Some(CloneFlags::NEWPID)),
        NamespaceKind::Network => ("network", Some(CloneFlags::NEWNET)),
        NamespaceKind::Mount => ("mount", Some(CloneFlags::NEWNS)),
        NamespaceKind::Ipc => ("ipc", Some(CloneFlags::NEWIPC)),
        NamespaceKind::Uts => ("uts", Some(CloneFlags::NEWUTS)),
        NamespaceKind::User => ("user", Some(CloneFlags::NEWUSER)),
        NamespaceKind::Cgroup => ("cgroup", Some(CloneFlags::NEWCGROUP)),
        NamespaceKind::Time => ("time", Some(CloneFlags::NEWTIME)),
    }
}

impl Spaces {
    pub fn of(linux: &Linux, facts: &HostFacts) -> Result<Spaces, PlanError> {
        let mut spaces = Spaces {
            new: CloneFlags::empty(),
            joined: Vec::new(),
            ids: None,
            clocks: String::new(),
        };
        for (index, namespace) in linux.namespaces.iter().enumerate() {
            let field = format!("linux.namespaces[{index}]");
            let (name, flag) = space(namespace.kind);
            let flag = flag
                .filter(|_| known(namespace.kind, facts))
                .ok_or_else(|| {
                    PlanError::unsupported(format!("{field}.type"), format!("a {name} namespace"))
                })?;
            if linux.namespaces[..index]
                .iter()
                .any(|other| other.kind == namespace.kind)
            {
                return Err(PlanError::invalid(
                    format!("{field}.type"),
                    format!("{name} is there twice"),
                ));
            }
            let path = plain(&namespace.path, &format!("{field}.path"))?;
            match (path, namespace.kind) {
                ("", _) => spaces.new |= flag,
                (_, NamespaceKind::Mount | NamespaceKind::User) => {
                    return Err(PlanError::unsupported(
                        format!("{field}.path"),
                        format!("joining a {name} namespace"),
                    ));
                }
                (path, _) if !path.starts_with('/') => {
                    return Err(PlanError::invalid(
                        format!("{field}.path"),
                        "it must be an absolute path",
                    ));
                }
                (path, kind) => spaces.joined.push((kind, path.to_owned())),
            }
        }
        if !spaces.new.contains(CloneFlags::NEWNS) {
            return Err(PlanError::unsupported(
                "linux.namespaces",
                "a container without a mount namespace of its own",
            ));
        }
        spaces.clocks = clocks(linux, spaces.new)?;
        if spaces.new.contains(CloneFlags::NEWUSER) {
            spaces.ids = Some(Ids::of(linux)?);
        } else if !(linux.uid_mappings.is_empty() && linux.gid_mappings.is_empty()) {
            return Err(PlanError::invalid(
                "linux.uidMappings",
                "mappings are given, and no user namespace",
            ));
        }
        Ok(spaces)
    }

    /// Whether the container does not share a namespace with the host.
    pub fn own(&self, kind: NamespaceKind) -> bool {
        space(kind).1.is_some_and(|flag| self.new.contains(flag))
            || self.joined.iter().any(|(joined, _)| *joined == kind)
    }

    fn slot(slots: &mut Slots, kind: NamespaceKind) -> Slot {
        slots.fd(match kind {
            NamespaceKind::Pid => "pid-namespace",
            NamespaceKind::Network => "network-namespace",
            NamespaceKind::Ipc => "ipc-namespace",
            NamespaceKind::Cgroup => "cgroup-namespace",
            NamespaceKind::Time => "time-namespace",
            _ => "uts-namespace",
        })
    }

    /// The child enters what it shares, unless it was born there.
    pub fn enter(&self, slots: &mut Slots) -> Vec<Item> {
        let own = |(kind, _): &&(NamespaceKind, String)| !self.by_birth(*kind);
        let joined = self.joined.iter().filter(own);
        joined
            .flat_map(|(kind, path)| join(slots, *kind, path))
            .collect()
    }

    /// Whether the parent chooses the namespace, before the child is born: a pid namespace can be had only so, and from a user
    /// namespace of its own the child could enter none of the host's.
    fn by_birth(&self, kind: NamespaceKind) -> bool {
        kind == NamespaceKind::Pid || self.ids.is_some()
    }

    /// The parent enters what the child is to be born in, and comes back.
    pub fn around_birth(&self, slots: &mut Slots) -> Around {
        let mut around = Around::default();
        if self.new.contains(CloneFlags::NEWTIME) {
            around.before.extend(time(slots, &self.clocks));
        }
        for (kind, path) in self.joined.iter().filter(|(kind, _)| self.by_birth(*kind)) {
            // For the parent itself a pid namespace changes nothing.
            if *kind == NamespaceKind::Pid {
                around.before.extend(join(slots, *kind, path));
                continue;
            }
            let own = own_slot(slots, *kind);
            around.before.push(open_own(*kind, own));
            around
                .before
                .extend(enter(slots, *kind, path, why::JOIN_BEFORE));
            around.after.push(set(*kind, own, why::BACK).into());
            around.after.push(paths::close(own));
        }
        around
    }
}

/// The lines for a new time namespace: `man 7 time_namespaces`, "/proc/pid/timens_offsets".
fn clocks(linux: &Linux, new: CloneFlags) -> Result<String, PlanError> {
    const CLOCKS: [&str; 2] = ["monotonic", "boottime"];
    let mut lines = String::new();
    for (clock, offset) in &linux.time_offsets {
        let field = format!("linux.timeOffsets[{clock:?}]");
        if !new.contains(CloneFlags::NEWTIME) {
            return Err(PlanError::invalid(field, "it needs a new time namespace"));
        }
        if !CLOCKS.contains(&clock.as_str()) {
            return Err(PlanError::invalid(field, "this clock has no offset"));
        }
        let (secs, nanosecs) = (offset.secs, offset.nanosecs);
        lines.push_str(&format!("{clock} {secs} {nanosecs}\n"));
    }
    Ok(lines)
}

/// The parent makes a time namespace, in which the child will be and it not, and sets its clocks while nobody is there.
fn time(slots: &mut Slots, clocks: &str) -> Vec<Item> {
    const OFFSETS: &str = "config-linux.md#offset-for-time-namespace";
    let flags = CloneFlags::NEWTIME;
    let unshare = Step::new(Call::Unshare { flags }, why::TIME, NAMESPACES);
    let mut items: Vec<Item> = vec![unshare.failure("unshare the time namespace").into()];
    if clocks.is_empty() {
        return items;
    }
    let file = slots.fd("time-offsets");
    let failure = "write timens_offsets";
    let open = paths::open_host("/proc/self/timens_offsets", OpenFlags::WRONLY, file);
    let write = Call::Write {
        fd: file.fd(),
        data: clocks.as_bytes().to_vec(),
    };
    items.push(open.failure(failure).into());
    items.push(
        Step::new(write, why::TIME_OFFSETS, OFFSETS)
            .arg(clocks.trim_end().replace('\n', ", "))
            .failure(failure)
            .into(),
    );
    items.push(paths::close(file));
    items
}

fn own_slot(slots: &mut Slots, kind: NamespaceKind) -> Slot {
    slots.fd(match kind {
        NamespaceKind::Network => "own-network-namespace",
        NamespaceKind::Ipc => "own-ipc-namespace",
        NamespaceKind::Cgroup => "own-cgroup-namespace",
        NamespaceKind::Time => "own-time-namespace",
        _ => "own-uts-namespace",
    })
}

fn open_own(kind: NamespaceKind, into: Slot) -> Item {
    let (name, _) = space(kind);
    // `/proc/PID/ns` has the short names of man 7 namespaces.
    let file = match kind {
        NamespaceKind::Network => "net",
        _ => name,
    };
    let open = paths::open_host(&format!("/proc/self/ns/{file}"), OpenFlags::RDONLY, into);
    let open = Step {
        why: why::BACK_OPEN,
        clause: NAMESPACES,
        args: vec![name.to_owned()],
        ..open
    };
    open.into()
}

fn set(kind: NamespaceKind, slot: Slot, why: &'static str) -> Step {
    let (name, flag) = space(kind);
    let call = Call::Setns {
        fd: slot.fd(),
        nstype: flag.unwrap_or_default(),
    };
    Step::new(call, why, NAMESPACES).arg(name)
}

fn known(kind: NamespaceKind, facts: &HostFacts) -> bool {
    let has = facts.namespaces;
    match kind {
        NamespaceKind::Pid => has.pid,
        NamespaceKind::Network => has.net,
        NamespaceKind::Mount => has.mnt,
        NamespaceKind::Ipc => has.ipc,
        NamespaceKind::Uts => has.uts,
        NamespaceKind::Cgroup => has.cgroup,
        NamespaceKind::User => has.user,
        NamespaceKind::Time => has.time,
    }
}

/// Enters a namespace by path.
fn join(slots: &mut Slots, kind: NamespaceKind, path: &str) -> Vec<Item> {
    enter(slots, kind, path, why::JOIN)
}

fn enter(slots: &mut Slots, kind: NamespaceKind, path: &str, why: &'static str) -> Vec<Item> {
    let slot = Spaces::slot(slots, kind);
    let (name, _) = space(kind);
    let failure = format!("join the {name} namespace {path}");
    let open = Step {
        why: why::JOIN_OPEN,
        clause: NAMESPACES,
        args: vec![name.to_owned()],
        ..paths::open_host(path, OpenFlags::RDONLY, slot)
    };
    vec![
        open.failure(&failure).into(),
        set(kind, slot, why).failure(failure).into(),
        paths::close(slot),
    ]
}

/// A netlink request that sets `IFF_UP` on interface 1, the loopback of every network namespace (`man 7 rtnetlink`).
fn link_up() -> Vec<u8> {
    const RTM_NEWLINK: u16 = 16;
    const NLM_F_REQUEST_ACK: u16 = 1 | 4;
    const IFF_UP: u32 = 1;
    const LENGTH: u32 = 32;
    let mut message = Vec::new();
    message.extend(LENGTH.to_ne_bytes());
    message.extend(RTM_NEWLINK.to_ne_bytes());
    message.extend(NLM_F_REQUEST_ACK.to_ne_bytes());
    message.extend(1u32.to_ne_bytes());
    message.extend(0u32.to_ne_bytes());
    // struct ifinfomsg: family, padding, type, index, flags, change mask.
    message.extend([0, 0]);
    message.extend(0u16.to_ne_bytes());
    message.extend(1u32.to_ne_bytes());
    message.extend(IFF_UP.to_ne_bytes());
    message.extend(IFF_UP.to_ne_bytes());
    message
}

/// Brings up the loopback interface of a new network namespace.
pub(super) fn loopback(slots: &mut Slots) -> Vec<Item> {
    const AF_NETLINK: u32 = 16;
    const SOCK_RAW_CLOEXEC: u32 = 3 | 0o2000000;
    let socket = slots.fd("netlink");
    let open = Call::Socket {
        domain: AF_NETLINK,
        kind: SOCK_RAW_CLOEXEC,
        protocol: 0,
    };
    let send = Call::Sendmsg {
        fd: socket.fd(),
        data: link_up(),
        fds: Vec::new(),
        to: None,
        flags: Default::default(),
    };
    let receive = Call::Recvmsg {
        fd: socket.fd(),
        count: 4096,
        flags: Default::default(),
    };
    let failure = "bring up the loopback interface";
    let bring_up = vec![
        Step::new(send, why::LOOPBACK_UP, NAMESPACES)
            .failure(failure)
            .into(),
        Step::new(receive, why::LOOPBACK_ACK, NAMESPACES)
            .expect(Expect::NetlinkAck)
            .failure(failure)
            .into(),
        paths::close(socket),
    ];
    // A kernel without networking has no interface to bring up.
    let open = Step::new(open, why::LOOPBACK_SOCKET, NAMESPACES)
        .yields(socket)
        .failure(failure)
        .accept(Errno::EAFNOSUPPORT)
        .then(bring_up);
    vec![open.into()]
}

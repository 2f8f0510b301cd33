//! The plan of a new container.

use super::mounts::{self, absolute, mount};
use super::paths::{self, Make, Slots};
use super::text::plain;
use super::{
    Expect, HostFacts, Item, MAX_PATHS, Plan, PlanError, Slot, SlotKind, Step, dev, options,
    process,
};
use crate::why;
use glassdock_abi::flags::{CloneFlags, MountFlags, OpenFlags, UmountFlags, WaitFlags};
use glassdock_abi::types::{CloneArgs, WaitFor, signal};
use glassdock_abi::{Call, Errno};
use glassdock_oci::runtime::{Linux, NamespaceKind, Process, Spec};

const NAMESPACES: &str = "config-linux.md#namespaces";
const ROOT: &str = "config.md#root";

/// Plans the container of a specification. `bundle` is the absolute path of its directory.
///
/// The slots `start` (the descriptor on which the child waits for its start) and `console` (the socket that takes the
/// terminal, when there is one) are filled from outside.
pub fn create(spec: &Spec, bundle: &str, facts: &HostFacts) -> Result<Plan, PlanError> {
    let default = Linux::default();
    let linux = spec.linux.as_ref().unwrap_or(&default);
    let process = spec
        .process
        .as_ref()
        .ok_or_else(|| PlanError::invalid("process", "it is missing"))?;
    let warnings = check(spec, linux, bundle)?;
    process::check(process)?;
    let mut slots = Slots::default();
    let start = slots.fd("start");
    let namespaces = Spaces::of(linux, facts)?;
    let (parent, rollback) = parent(&mut slots, &namespaces);
    let mut child = process::begin(&mut slots, process)?;
    child.extend(namespaces.enter(&mut slots));
    if namespaces.new.contains(CloneFlags::NEWNET) {
        child.extend(loopback(&mut slots));
    }
    child.extend(root(
        &mut slots,
        spec,
        linux,
        process,
        bundle,
        facts,
        &namespaces,
    )?);
    let finish = process::finish(&mut slots, process, facts)?;
    child.extend(finish.items);
    child.push(Item::Ready);
    child.push(
        Step::new(
            Call::Read {
                fd: start.fd(),
                count: 1,
            },
            why::AWAIT_START,
            "runtime.md#start",
        )
        .expect(Expect::Bytes(1))
        .into(),
    );
    child.push(
        Step::new(
            Call::Close { fd: start.fd() },
            why::START_CLOSE,
            "runtime.md#start",
        )
        .into(),
    );
    child.push(finish.exec);
    Ok(Plan {
        slots: slots.done(),
        parent,
        child,
        rollback,
        warnings,
    })
}

/// Refuses what is not supported and collects what is passed over.
fn check(spec: &Spec, linux: &Linux, bundle: &str) -> Result<Vec<String>, PlanError> {
    if !spec.oci_version.starts_with("1.") {
        return Err(PlanError::unsupported(
            "ociVersion",
            format!("version {:?}", spec.oci_version),
        ));
    }
    if !bundle.starts_with('/') {
        return Err(PlanError::invalid("bundle", "it must be an absolute path"));
    }
    let refused = [
        (
            "hooks",
            spec.hooks.as_ref().is_some_and(|hooks| !hooks.is_empty()),
            "running hooks",
        ),
        (
            "linux.uidMappings",
            !linux.uid_mappings.is_empty(),
            "a user namespace",
        ),
        (
            "linux.gidMappings",
            !linux.gid_mappings.is_empty(),
            "a user namespace",
        ),
        (
            "linux.seccomp",
            linux.seccomp.is_some(),
            "a system-call filter",
        ),
        ("linux.mountLabel", !linux.mount_label.is_empty(), "SELinux"),
        (
            "linux.intelRdt",
            linux.intel_rdt.is_some(),
            "resource director technology",
        ),
        (
            "linux.timeOffsets",
            !linux.time_offsets.is_empty(),
            "a time namespace",
        ),
        (
            "linux.netDevices",
            !linux.net_devices.is_empty(),
            "moving network devices",
        ),
        (
            "linux.personality",
            linux
                .personality
                .as_ref()
                .is_some_and(|p| p.domain != "LINUX" || !p.flags.is_empty()),
            "another execution domain",
        ),
        (
            "linux.resources",
            linux
                .resources
                .as_ref()
                .is_some_and(|resources| !resources.limits_nothing()),
            "limiting resources",
        ),
    ];
    if let Some((field, _, what)) = refused.into_iter().find(|(_, present, _)| *present) {
        return Err(PlanError::unsupported(field, what));
    }
    let paths = linux.masked_paths.len()
        + linux.readonly_paths.len()
        + linux.devices.len()
        + linux.sysctl.len();
    if paths > MAX_PATHS {
        return Err(PlanError::invalid(
            "linux",
            format!("more than {MAX_PATHS} paths, devices and parameters"),
        ));
    }
    let mut warnings = Vec::new();
    let devices = linux
        .resources
        .as_ref()
        .map_or(0, |resources| resources.devices.len());
    if devices > 0 {
        warnings.push("linux.resources.devices: access to devices is not limited".to_owned());
    }
    if !linux.cgroups_path.is_empty() {
        warnings.push(
            "linux.cgroupsPath: the container stays in the runtime's control group".to_owned(),
        );
    }
    Ok(warnings)
}

/// The namespaces of a container: new ones by clone flag, others by path.
pub(super) struct Spaces {
    pub new: CloneFlags,
    pub joined: Vec<(NamespaceKind, String)>,
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
fn space(kind: NamespaceKind) -> (&'static str, Option<CloneFlags>) {
    match kind {
        NamespaceKind::Pid => ("pid", Some(CloneFlags::NEWPID)),
        NamespaceKind::Network => ("network", Some(CloneFlags::NEWNET)),
        NamespaceKind::Mount => ("mount", Some(CloneFlags::NEWNS)),
        NamespaceKind::Ipc => ("ipc", Some(CloneFlags::NEWIPC)),
        NamespaceKind::Uts => ("uts", Some(CloneFlags::NEWUTS)),
        NamespaceKind::User => ("user", None),
        NamespaceKind::Cgroup => ("cgroup", Some(CloneFlags::NEWCGROUP)),
        NamespaceKind::Time => ("time", None),
    }
}

impl Spaces {
    fn of(linux: &Linux, facts: &HostFacts) -> Result<Spaces, PlanError> {
        let mut spaces = Spaces {
            new: CloneFlags::empty(),
            joined: Vec::new(),
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
                (_, NamespaceKind::Mount) => {
                    return Err(PlanError::unsupported(
                        format!("{field}.path"),
                        "joining a mount namespace",
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
        Ok(spaces)
    }

    /// Whether the container does not share a namespace with the host.
    fn own(&self, kind: NamespaceKind) -> bool {
        space(kind).1.is_some_and(|flag| self.new.contains(flag))
            || self.joined.iter().any(|(joined, _)| *joined == kind)
    }

    fn slot(slots: &mut Slots, kind: NamespaceKind) -> Slot {
        slots.fd(match kind {
            NamespaceKind::Pid => "pid-namespace",
            NamespaceKind::Network => "network-namespace",
            NamespaceKind::Ipc => "ipc-namespace",
            NamespaceKind::Cgroup => "cgroup-namespace",
            _ => "uts-namespace",
        })
    }

    /// The child enters what it shares; the pid namespace was chosen by the parent, before the child was born.
    fn enter(&self, slots: &mut Slots) -> Vec<Item> {
        let mut items = Vec::new();
        for (kind, path) in &self.joined {
            if *kind != NamespaceKind::Pid {
                items.extend(join(slots, *kind, path));
            }
        }
        items
    }
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
        NamespaceKind::User | NamespaceKind::Time => false,
    }
}

fn join(slots: &mut Slots, kind: NamespaceKind, path: &str) -> Vec<Item> {
    let slot = Spaces::slot(slots, kind);
    let (name, flag) = space(kind);
    let failure = format!("join the {name} namespace {path}");
    let open = Step {
        why: why::JOIN_OPEN,
        clause: NAMESPACES,
        args: vec![name.to_owned()],
        ..paths::open_host(path, OpenFlags::RDONLY, slot)
    };
    let call = Call::Setns {
        fd: slot.fd(),
        nstype: flag.unwrap_or_default(),
    };
    vec![
        open.failure(&failure).into(),
        Step::new(call, why::JOIN, NAMESPACES)
            .arg(name)
            .failure(failure)
            .into(),
        paths::close(slot),
    ]
}

fn parent(slots: &mut Slots, namespaces: &Spaces) -> (Vec<Item>, Vec<Item>) {
    let mut items = Vec::new();
    for (kind, path) in &namespaces.joined {
        if *kind == NamespaceKind::Pid {
            items.extend(join(slots, *kind, path));
        }
    }
    let names: Vec<&str> = [
        NamespaceKind::Pid,
        NamespaceKind::Mount,
        NamespaceKind::Uts,
        NamespaceKind::Ipc,
        NamespaceKind::Network,
        NamespaceKind::Cgroup,
    ]
    .into_iter()
    .map(space)
    .filter(|(_, flag)| flag.is_some_and(|flag| namespaces.new.contains(flag)))
    .map(|(name, _)| name)
    .collect();
    let (clone, rollback) = birth(slots, namespaces.new, why::CLONE, names.join(", "));
    items.push(clone);
    items.push(Item::AwaitReady);
    (items, rollback)
}

/// The clone, and how it is undone.
pub(super) fn birth(
    slots: &mut Slots,
    flags: CloneFlags,
    why: &'static str,
    arg: String,
) -> (Item, Vec<Item>) {
    let pid = slots.get("child", SlotKind::Pid);
    let args = CloneArgs {
        flags,
        exit_signal: signal::CHLD,
        cgroup: None,
    };
    let clone = Step::new(Call::Clone3 { args }, why, NAMESPACES)
        .arg(arg)
        .yields(pid)
        .failure("clone");
    let kill = Call::Kill {
        pid: pid.pid(),
        signal: signal::KILL,
    };
    let reap = Call::Waitid {
        which: WaitFor::Pid(pid.pid()),
        options: WaitFlags::EXITED,
    };
    let rollback = vec![
        Step::new(kill, why::KILL_CHILD, "runtime.md#create").into(),
        Step::new(reap, why::REAP_CHILD, "runtime.md#create").into(),
    ];
    (clone.into(), rollback)
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

fn loopback(slots: &mut Slots) -> Vec<Item> {
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

/// Everything about files: mounts, devices, terminal, hidden paths, the change of root, names.
fn root(
    slots: &mut Slots,
    spec: &Spec,
    linux: &Linux,
    process: &Process,
    bundle: &str,
    facts: &HostFacts,
    namespaces: &Spaces,
) -> Result<Vec<Item>, PlanError> {
    let given = spec
        .root
        .as_ref()
        .ok_or_else(|| PlanError::invalid("root", "it is missing"))?;
    if given.path.is_empty() {
        return Err(PlanError::invalid("root.path", "it is empty"));
    }
    let path = absolute(plain(&given.path, "root.path")?, bundle);
    let propagation = match &*linux.rootfs_propagation {
        "" => MountFlags::SLAVE | MountFlags::REC,
        name => options::propagation(name).ok_or_else(|| {
            PlanError::invalid(
                "linux.rootfsPropagation",
                format!("unknown propagation {name:?}"),
            )
        })?,
    };
    let root = slots.fd("root");
    let mut items = prepare(root, &path);
    let mounts = mounts::plan(slots, root, &spec.mounts, bundle, facts)?;
    items.extend(mounts.now);
    if mounts.foreign_dev {
        if !linux.devices.is_empty() {
            return Err(PlanError::invalid(
                "linux.devices",
                "devices cannot be made in a /dev that is bound from the host",
            ));
        }
    } else {
        items.extend(dev::plan(slots, root, &linux.devices, facts)?);
    }
    if process.terminal {
        let console = dev::console_slot(slots);
        items.extend(dev::terminal(
            slots,
            dev::From::Root(root),
            console,
            process.console_size,
        ));
    }
    let cwd = paths::components(&process.cwd, "process.cwd")?;
    if !cwd.is_empty() {
        let here = slots.fd("target");
        let open = paths::open_or_make(slots, root, &cwd, Make::Directory, here)
            .failure(format!("mkdir {}", process.cwd))
            // Whether it is a directory that can be entered is said when it is entered.
            .accept(Errno::ENOTDIR);
        items.push(open.then(vec![paths::close(here)]).into());
    }
    items.extend(sysctls(slots, root, linux, namespaces)?);
    items.extend(readonly_paths(slots, root, linux, spec)?);
    items.extend(masked_paths(slots, root, linux)?);
    items.extend(mounts.last);
    items.extend(pivot(slots, root, linux, propagation));
    if given.readonly {
        let flags = MountFlags::BIND | MountFlags::REMOUNT | MountFlags::RDONLY;
        let step = Step::new(
            mount("", "/".into(), "", flags, ""),
            why::ROOT_READONLY,
            ROOT,
        );
        items.push(step.failure("error setting rootfs as readonly").into());
    }
    items.extend(names(spec, namespaces)?);
    Ok(items)
}

fn prepare(root: Slot, path: &str) -> Vec<Item> {
    let failure = format!("error preparing rootfs {path}");
    let spread = mount("", "/".into(), "", MountFlags::SLAVE | MountFlags::REC, "");
    let bind = mount(
        path,
        path.into(),
        "bind",
        MountFlags::BIND | MountFlags::REC,
        "",
    );
    let open = Step {
        why: why::ROOT_OPEN,
        clause: ROOT,
        args: Vec::new(),
        ..paths::open_host(path, OpenFlags::PATH | OpenFlags::DIRECTORY, root)
    };
    vec![
        Step::new(
            Call::Umask { mask: 0 },
            why::UMASK_NONE,
            "runtime.md#create",
        )
        .into(),
        Step::new(
            spread,
            why::PROPAGATION_ROOT,
            "config-linux.md#rootfs-mount-propagation",
        )
        .failure(&failure)
        .into(),
        Step::new(bind, why::ROOT_BIND, ROOT)
            .failure(&failure)
            .into(),
        open.failure(failure).into(),
    ]
}

fn pivot(slots: &mut Slots, root: Slot, linux: &Linux, propagation: MountFlags) -> Vec<Item> {
    let old = slots.fd("old-root");
    let open = Step {
        why: why::OLD_ROOT,
        clause: ROOT,
        args: Vec::new(),
        ..paths::open_host("/", OpenFlags::PATH | OpenFlags::DIRECTORY, old)
    };
    let fchdir = |slot: Slot, why| Step::new(Call::Fchdir { fd: slot.fd() }, why, ROOT).into();
    let pivot = Call::PivotRoot {
        new_root: ".".into(),
        put_old: ".".into(),
    };
    let slave = mount("", ".".into(), "", MountFlags::SLAVE | MountFlags::REC, "");
    let detach = Call::Umount2 {
        target: ".".into(),
        flags: UmountFlags::DETACH,
    };
    let mut items: Vec<Item> = vec![
        open.into(),
        fchdir(root, why::ENTER_ROOT),
        Step::new(pivot, why::PIVOT, ROOT)
            .failure("pivot_root")
            .into(),
        fchdir(old, why::ENTER_OLD_ROOT),
        Step::new(slave, why::OLD_ROOT_SLAVE, ROOT).into(),
        Step::new(detach, why::OLD_ROOT_DETACH, ROOT).into(),
        Step::new(Call::Chdir { path: "/".into() }, why::ROOT_DIRECTORY, ROOT).into(),
        paths::close(old),
        paths::close(root),
    ];
    // The mounts are slaves already; anything else can be set only now, since pivot_root refuses shared mounts.
    if propagation != (MountFlags::SLAVE | MountFlags::REC) {
        let step = Step::new(
            mount("", "/".into(), "", propagation, ""),
            why::ROOT_PROPAGATION,
            "config-linux.md#rootfs-mount-propagation",
        );
        items.push(step.arg(&linux.rootfs_propagation).into());
    }
    items
}

/// Kernel parameters that a namespace has for itself, as runc allows them.
fn sysctls(
    slots: &mut Slots,
    root: Slot,
    linux: &Linux,
    namespaces: &Spaces,
) -> Result<Vec<Item>, PlanError> {
    const IPC: [&str; 8] = [
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_rmid_forced",
    ];
    let mut items: Vec<Item> = Vec::new();
    for (name, value) in &linux.sysctl {
        let field = format!("linux.sysctl[{name:?}]");
        let dotted = name.replace('/', ".");
        let kind = if IPC.contains(&&*dotted) || dotted.starts_with("fs.mqueue.") {
            NamespaceKind::Ipc
        } else if dotted.starts_with("net.") {
            NamespaceKind::Network
        } else if dotted == "kernel.domainname" {
            NamespaceKind::Uts
        } else {
            return Err(PlanError::invalid(
                field,
                "it is not in a separate kernel namespace",
            ));
        };
        if !namespaces.own(kind) {
            return Err(PlanError::invalid(
                field,
                format!(
                    "it is not allowed in the host's {} namespace",
                    space(kind).0
                ),
            ));
        }
        let relative = format!("proc/sys/{}", dotted.replace('.', "/"));
        let parts = paths::components(&relative, &field)?;
        let file = slots.fd("sysctl");
        let open = Call::Openat2 {
            dirfd: root.fd(),
            path: relative.as_str().into(),
            how: paths::inside(OpenFlags::WRONLY),
        };
        let write = Call::Write {
            fd: file.fd(),
            data: value.clone().into_bytes(),
        };
        let failure = format!("write sysctl {name}");
        items.extend([
            Step::new(open, why::OPEN_INSIDE, "config-linux.md#sysctl")
                .arg(format!("/{}", parts.join("/")))
                .yields(file)
                .failure(&failure)
                .into(),
            Step::new(write, why::SYSCTL_WRITE, "config-linux.md#sysctl")
                .arg(name)
                .failure(failure)
                .into(),
            paths::close(file),
        ]);
    }
    Ok(items)
}

/// Flags that a mount at or above `path` has been given and that a remount must not take away.
fn kept_flags(spec: &Spec, path: &[&str]) -> MountFlags {
    let keep = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    spec.mounts
        .iter()
        .enumerate()
        .filter_map(|(index, mount)| {
            let at = paths::components(&mount.destination, "").ok()?;
            let options = options::parse(&mount.options, &format!("mounts[{index}]")).ok()?;
            path.starts_with(&at)
                .then_some((at.len(), options.flags & keep))
        })
        .max_by_key(|(depth, _)| *depth)
        .map_or(MountFlags::empty(), |(_, flags)| flags)
}

fn readonly_paths(
    slots: &mut Slots,
    root: Slot,
    linux: &Linux,
    spec: &Spec,
) -> Result<Vec<Item>, PlanError> {
    const CLAUSE: &str = "config-linux.md#readonly-paths";
    let target = slots.fd("target");
    let mut items: Vec<Item> = Vec::new();
    for (index, path) in linux.readonly_paths.iter().enumerate() {
        let parts = below_root(path, &format!("linux.readonlyPaths[{index}]"))?;
        let failure = format!("can't make {path:?} read-only");
        let onto_itself = mount(
            target.proc_path(),
            target.proc_path(),
            "",
            MountFlags::BIND | MountFlags::REC,
            "",
        );
        let flags = MountFlags::BIND | MountFlags::REMOUNT | MountFlags::RDONLY;
        let remount = mount(
            "",
            target.proc_path(),
            "",
            flags | kept_flags(spec, &parts),
            "",
        );
        let open = paths::open(root, &parts, OpenFlags::empty(), target);
        let open = Step {
            clause: CLAUSE,
            ..open
        }
        .failure(&failure);
        let then = vec![
            Step::new(onto_itself, why::READONLY_BIND, CLAUSE)
                .arg(path)
                .failure(&failure)
                .into(),
            paths::close(target),
            open.clone().into(),
            Step::new(remount, why::READONLY_FLAGS, CLAUSE)
                .arg(path)
                .failure(&failure)
                .into(),
            paths::close(target),
        ];
        items.push(open.accept(Errno::ENOENT).then(then).into());
    }
    Ok(items)
}

fn masked_paths(slots: &mut Slots, root: Slot, linux: &Linux) -> Result<Vec<Item>, PlanError> {
    const CLAUSE: &str = "config-linux.md#masked-paths";
    let target = slots.fd("target");
    let mut items: Vec<Item> = Vec::new();
    for (index, path) in linux.masked_paths.iter().enumerate() {
        let parts = below_root(path, &format!("linux.maskedPaths[{index}]"))?;
        let failure = format!("can't mask path {path:?}");
        let null = mount("/dev/null", target.proc_path(), "", MountFlags::BIND, "");
        let empty = mount("tmpfs", target.proc_path(), "tmpfs", MountFlags::RDONLY, "");
        let directory = Step::new(empty, why::MASK_DIRECTORY, CLAUSE)
            .arg(path)
            .failure(&failure);
        let open = Step {
            clause: CLAUSE,
            ..paths::open(root, &parts, OpenFlags::empty(), target)
        };
        let then = vec![
            Step::new(null, why::MASK_FILE, CLAUSE)
                .arg(path)
                .failure(&failure)
                .instead(Errno::ENOTDIR, vec![directory.into()])
                .into(),
            paths::close(target),
        ];
        items.push(
            open.failure(failure)
                .accept(Errno::ENOENT)
                .then(then)
                .into(),
        );
    }
    Ok(items)
}

fn below_root<'a>(path: &'a str, field: &str) -> Result<Vec<&'a str>, PlanError> {
    let parts = paths::components(path, field)?;
    if parts.is_empty() || !path.starts_with('/') {
        return Err(PlanError::invalid(
            field,
            "it must be an absolute path below the root",
        ));
    }
    Ok(parts)
}

fn names(spec: &Spec, namespaces: &Spaces) -> Result<Vec<Item>, PlanError> {
    /// Longest name that the kernel takes (`__NEW_UTS_LEN`).
    const LONGEST: usize = 64;
    let mut items: Vec<Item> = Vec::new();
    for (field, name) in [
        ("hostname", &spec.hostname),
        ("domainname", &spec.domainname),
    ] {
        if name.is_empty() {
            continue;
        }
        if !namespaces.own(NamespaceKind::Uts) {
            return Err(PlanError::invalid(
                field,
                format!("unable to set {field} without a private UTS namespace"),
            ));
        }
        if name.len() > LONGEST {
            return Err(PlanError::invalid(
                field,
                format!("longer than {LONGEST} bytes"),
            ));
        }
        let bytes = plain(name, field)?.as_bytes().to_vec();
        let (call, why) = match field {
            "hostname" => (Call::Sethostname { name: bytes }, why::HOSTNAME),
            _ => (Call::Setdomainname { name: bytes }, why::DOMAINNAME),
        };
        let step = Step::new(call, why, "config.md#hostname").arg(name);
        items.push(step.failure(format!("set{field}")).into());
    }
    Ok(items)
}

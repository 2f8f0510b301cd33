//! `/dev` of the container: nodes, links, terminal (config-linux.md, "Default Devices", "Dev symbolic links").

use super::mounts::mount;
use super::paths::{self, Make, Slots};
use super::{HostFacts, Item, PlanError, Slot, SlotKind, Step};
use crate::why;
use glassdock_abi::call::IoctlReq;
use glassdock_abi::flags::{AtFlags, MountFlags, MsgFlags, OpenFlags, ResolveFlags};
use glassdock_abi::types::{Dev, OpenHow, Winsize, mode};
use glassdock_abi::{Call, Errno, Fd, PathArg};
use glassdock_oci::runtime::{ConsoleSize, Device};

const DEVICES: &str = "config-linux.md#default-devices";
const LINKS: &str = "runtime-linux.md#dev-symbolic-links";
const TERMINAL: &str = "config.md#process";

/// Name, major and minor number of what every container has.
const DEFAULT: [(&str, u32, u32); 6] = [
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("tty", 5, 0),
    ("random", 1, 8),
    ("urandom", 1, 9),
];

struct Node {
    parts: Vec<String>,
    mode: u32,
    dev: Dev,
    uid: u32,
    gid: u32,
}

/// Nodes and links in `/dev`.
pub(super) fn plan(
    slots: &mut Slots,
    root: Slot,
    devices: &[Device],
    facts: &HostFacts,
) -> Result<Vec<Item>, PlanError> {
    let dev = slots.fd("dev");
    let mut items: Vec<Item> =
        vec![paths::open_or_make(slots, root, &["dev"], Make::Directory, dev).into()];
    let mut nodes: Vec<Node> = Vec::new();
    for (index, device) in devices.iter().enumerate() {
        nodes.push(node(device, &format!("linux.devices[{index}]"))?);
    }
    for (name, major, minor) in DEFAULT {
        let parts = vec!["dev".to_owned(), name.to_owned()];
        if !nodes.iter().any(|node| node.parts == parts) {
            nodes.push(Node {
                parts,
                mode: mode::S_IFCHR | 0o666,
                dev: Dev::new(major, minor),
                uid: 0,
                gid: 0,
            });
        }
    }
    for node in &nodes {
        items.extend(make_node(slots, root, node));
    }
    items.extend(links(dev, facts));
    items.push(paths::close(dev));
    Ok(items)
}

fn node(device: &Device, field: &str) -> Result<Node, PlanError> {
    let number = |value: i64, name: &str| {
        u32::try_from(value).map_err(|_| {
            PlanError::invalid(
                format!("{field}.{name}"),
                format!("{value} is out of range"),
            )
        })
    };
    let kind = match &*device.kind {
        "c" | "u" => mode::S_IFCHR,
        "b" => mode::S_IFBLK,
        "p" => mode::S_IFIFO,
        other => {
            return Err(PlanError::invalid(
                format!("{field}.type"),
                format!("invalid device type {other:?}"),
            ));
        }
    };
    let dev = match kind {
        mode::S_IFIFO => Dev::default(),
        _ => Dev::new(
            number(device.major, "major")?,
            number(device.minor, "minor")?,
        ),
    };
    let parts: Vec<String> = paths::components(&device.path, &format!("{field}.path"))?
        .into_iter()
        .map(str::to_owned)
        .collect();
    if parts.is_empty() || !device.path.starts_with('/') {
        return Err(PlanError::invalid(
            format!("{field}.path"),
            "it must be an absolute path of a file",
        ));
    }
    Ok(Node {
        parts,
        mode: kind | (device.file_mode.unwrap_or(0o666) & 0o7777),
        dev,
        uid: device.uid.unwrap_or(0),
        gid: device.gid.unwrap_or(0),
    })
}

/// `mknod` in the node's directory; where that is not permitted, a bind mount of the host's node, as runc does.
fn make_node(slots: &mut Slots, root: Slot, node: &Node) -> Vec<Item> {
    let parts: Vec<&str> = node.parts.iter().map(String::as_str).collect();
    let Some((name, above)) = parts.split_last() else {
        return Vec::new();
    };
    let path = format!("/{}", parts.join("/"));
    // /dev itself is open already; other directories are opened, and made where they are missing.
    let in_dev = above == ["dev"];
    let dir = slots.fd(if in_dev { "dev" } else { "device-dir" });
    let mut items: Vec<Item> = Vec::new();
    if !in_dev {
        items.push(paths::open_or_make(slots, root, above, Make::Directory, dir).into());
    }
    let call = Call::Mknodat {
        dirfd: dir.fd(),
        path: PathArg::from(*name),
        mode: node.mode,
        dev: node.dev,
    };
    let step = Step::new(call, why::DEVICE, DEVICES)
        .arg(&path)
        .failure(format!("error creating device nodes: mknod {path}"))
        .accept(Errno::EEXIST)
        .instead(Errno::EPERM, bound_node(slots, root, &parts, &path))
        .then(node_owner(node, dir, name, &path));
    items.push(step.into());
    if !in_dev {
        items.push(paths::close(dir));
    }
    items
}

fn bound_node(slots: &mut Slots, root: Slot, parts: &[&str], path: &str) -> Vec<Item> {
    let target = slots.fd("target");
    let call = mount(path, target.proc_path(), "", MountFlags::BIND, "");
    vec![
        paths::open_or_make(slots, root, parts, Make::File, target).into(),
        Step::new(call, why::BIND_DEVICE, DEVICES).arg(path).into(),
        paths::close(target),
    ]
}

fn node_owner(node: &Node, dir: Slot, name: &str, path: &str) -> Vec<Item> {
    if (node.uid, node.gid) == (0, 0) {
        return Vec::new();
    }
    let call = Call::Fchownat {
        dirfd: dir.fd(),
        path: PathArg::from(name),
        uid: node.uid,
        gid: node.gid,
        flags: AtFlags::SYMLINK_NOFOLLOW,
    };
    vec![Step::new(call, why::DEVICE_OWNER, DEVICES).arg(path).into()]
}

fn links(dev: Slot, facts: &HostFacts) -> Vec<Item> {
    let core = facts.kcore.then_some(("/proc/kcore", "core"));
    let fixed = [
        ("/proc/self/fd", "fd"),
        ("/proc/self/fd/0", "stdin"),
        ("/proc/self/fd/1", "stdout"),
        ("/proc/self/fd/2", "stderr"),
    ];
    let link = |(target, name): (&str, &str)| {
        let call = Call::Symlinkat {
            target: target.into(),
            newdirfd: dev.fd(),
            linkpath: name.into(),
        };
        Step::new(call, why::DEV_LINK, LINKS)
            .arg(format!("/dev/{name}"))
            .arg(target)
            .accept(Errno::EEXIST)
    };
    let mut items: Vec<Item> = fixed
        .into_iter()
        .chain(core)
        .map(|names| link(names).into())
        .collect();
    let remove = Call::Unlinkat {
        dirfd: dev.fd(),
        path: "ptmx".into(),
        flags: AtFlags::empty(),
    };
    items.push(
        Step::new(remove, why::DEV_PTMX_OLD, DEVICES)
            .accept(Errno::ENOENT)
            .into(),
    );
    items.push(link(("pts/ptmx", "ptmx")).into());
    items
}

/// Where a terminal's multiplexer is looked for.
#[derive(Clone, Copy)]
pub(super) enum From {
    /// Below the root's descriptor, before the root is changed.
    Root(Slot),
    /// From the process's own root.
    Inside,
}

/// A pseudo-terminal in the container's devpts: its master goes out through `console`, its other end becomes the three
/// standard streams.
pub(super) fn terminal(
    slots: &mut Slots,
    from: From,
    console: Slot,
    size: Option<ConsoleSize>,
) -> Vec<Item> {
    let (master, slave) = (slots.fd("master"), slots.fd("slave"));
    let failure = "open the container's terminal";
    let flags = OpenFlags::RDWR | OpenFlags::NOCTTY | OpenFlags::CLOEXEC;
    let (dirfd, path, resolve) = match from {
        From::Root(root) => (root.fd(), "dev/pts/ptmx", ResolveFlags::IN_ROOT),
        From::Inside => (Fd::CWD, "/dev/pts/ptmx", ResolveFlags::empty()),
    };
    let open = Call::Openat2 {
        dirfd,
        path: path.into(),
        how: OpenHow {
            flags,
            mode: 0,
            resolve,
        },
    };
    let ioctl = |request| Call::Ioctl {
        fd: master.fd(),
        request,
    };
    let mut items: Vec<Item> = vec![
        Step::new(open, why::TTY_OPEN, TERMINAL)
            .yields(master)
            .failure(failure)
            .into(),
        Step::new(
            ioctl(IoctlReq::Tiocsptlck(false)),
            why::TTY_UNLOCK,
            TERMINAL,
        )
        .failure(failure)
        .into(),
        Step::new(ioctl(IoctlReq::Tiocgptpeer(flags)), why::TTY_PEER, TERMINAL)
            .yields(slave)
            .failure(failure)
            .into(),
    ];
    if let Some(size) = size {
        let size = Winsize {
            rows: u16::try_from(size.height).unwrap_or(u16::MAX),
            cols: u16::try_from(size.width).unwrap_or(u16::MAX),
            ..Winsize::default()
        };
        let step = Step::new(ioctl(IoctlReq::Tiocswinsz(size)), why::TTY_SIZE, TERMINAL);
        items.push(step.failure(failure).into());
    }
    if let From::Root(root) = from {
        items.extend(console_file(slots, root, slave));
    }
    let send = Call::Sendmsg {
        fd: console.fd(),
        data: b"/dev/ptmx".to_vec(),
        fds: vec![master.fd()],
        to: None,
        flags: MsgFlags::empty(),
    };
    items.push(
        Step::new(send, why::TTY_SEND, TERMINAL)
            .failure("send the terminal to the shim")
            .into(),
    );
    items.push(paths::close(master));
    for number in 0..3 {
        let call = Call::Dup3 {
            oldfd: slave.fd(),
            newfd: Fd(number),
            flags: OpenFlags::empty(),
        };
        items.push(
            Step::new(call, why::TTY_STDIO, TERMINAL)
                .arg(number.to_string())
                .into(),
        );
    }
    items.push(paths::close(slave));
    let control = Call::Ioctl {
        fd: Fd::STDIN,
        request: IoctlReq::Tiocsctty(false),
    };
    items.push(
        Step::new(control, why::TTY_CONTROL, TERMINAL)
            .failure("set controlling terminal")
            .into(),
    );
    items
}

/// `/dev/console`: the terminal's own end, bound over an empty file.
fn console_file(slots: &mut Slots, root: Slot, slave: Slot) -> Vec<Item> {
    let target = slots.fd("target");
    let call = mount(
        slave.proc_path(),
        target.proc_path(),
        "",
        MountFlags::BIND,
        "",
    );
    let open = paths::open_or_make(slots, root, &["dev", "console"], Make::File, target);
    vec![
        // An image's link would put the terminal over another file (runc: CVE-2025-52565).
        paths::without_links(open)
            .failure("open /dev/console")
            .into(),
        Step::new(call, why::CONSOLE, TERMINAL)
            .failure("mount /dev/console")
            .into(),
        paths::close(target),
    ]
}

/// The slot through which a terminal's master is sent.
pub(super) fn console_slot(slots: &mut Slots) -> Slot {
    slots.get("console", SlotKind::Fd)
}

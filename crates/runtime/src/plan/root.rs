//! The root of a container: what is mounted there, how it becomes the root, and the names of the host.

use super::ids::become_root;
use super::inside::{masked_paths, readonly_paths, sysctls};
use super::mounts::{self, Surroundings, absolute, mount};
use super::paths::{self, Make, Slots};
use super::spaces::Spaces;
use super::text::plain;
use super::{Item, PlanError, Slot, Step, dev, options};
use crate::why;
use glassdock_abi::flags::{MountFlags, OpenFlags, UmountFlags};
use glassdock_abi::{Call, Errno};
use glassdock_oci::runtime::{Linux, NamespaceKind, Process, Spec};

const ROOT: &str = "config.md#root";

/// Everything about files.
pub(super) struct Root {
    /// Mounts, devices, terminal, hidden paths.
    pub prepare: Vec<Item>,
    /// The change of root, and the names.
    pub change: Vec<Item>,
}

/// Plans the root of a container.
pub(super) fn root(
    slots: &mut Slots,
    spec: &Spec,
    linux: &Linux,
    process: &Process,
    mut around: Surroundings<'_>,
) -> Result<Root, PlanError> {
    let (bundle, facts, namespaces) = (around.bundle, around.facts, around.namespaces);
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
    let sources = mounts::sources(slots, &spec.mounts, &around)?;
    items.extend(sources.open);
    around.sources.extend(sources.slots);
    if namespaces.ids.is_some() {
        items.extend(become_root());
    }
    let mounts = mounts::plan(slots, root, &spec.mounts, &around)?;
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
    let mut change = pivot(slots, root, linux, propagation);
    if given.readonly {
        let flags = MountFlags::BIND | MountFlags::REMOUNT | MountFlags::RDONLY;
        let kept = around.kept_flags(&path);
        let step = Step::new(
            mount("", "/".into(), "", flags | kept, ""),
            why::ROOT_READONLY,
            ROOT,
        );
        change.push(step.failure("error setting rootfs as readonly").into());
    }
    change.extend(names(spec, namespaces)?);
    Ok(Root {
        prepare: items,
        change,
    })
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

//! The mounts of a specification (config.md, "Mounts"), made before the root is changed.
//!
//! Every target is opened below the root with `RESOLVE_IN_ROOT` and named by its descriptor, so that a link in the image
//! leads nowhere else.

use super::options::{self, Options};
use super::paths::{self, Make, Slots};
use super::spaces::Spaces;
use super::{FileKind, HostFacts, Item, MAX_MOUNTS, PlanError, Slot, Step, cgroup_mount};
use crate::why;
use glassdock_abi::flags::{MountFlags, OpenFlags};
use glassdock_abi::{Call, PathArg};
use glassdock_oci::runtime::{Mount, NamespaceKind};

/// Clause of everything here.
const CLAUSE: &str = "config.md#mounts";

/// Flags that only a further remount gives to a bind mount.
const REMOUNT_ONLY: MountFlags = MountFlags::BIND.union(MountFlags::REC);

/// The steps for the mounts, and those that must wait until everything is in place.
pub(super) struct Mounts {
    pub now: Vec<Item>,
    pub last: Vec<Item>,
    /// Whether `/dev` is the host's, so that nothing is to be made in it.
    pub foreign_dev: bool,
}

/// Where something is mounted.
pub(super) struct Target<'a> {
    /// The container's root.
    pub root: Slot,
    /// The path as it was given.
    pub destination: &'a str,
    /// Its components.
    pub parts: &'a [&'a str],
    /// The field of the specification.
    pub field: &'a str,
    /// What failed mounts are called.
    source: &'a str,
}

impl Target<'_> {
    /// What the failure is called.
    pub fn failure(&self) -> String {
        let (source, destination) = (self.source, self.destination);
        format!(
            "error mounting {source:?} to rootfs at {destination:?}: mount {source}:{destination}"
        )
    }
    /// `items` on what is now at `parts`: a descriptor from before names what is under it.
    pub fn at(&self, parts: &[&str], place: Slot, items: Vec<Item>) -> Vec<Item> {
        reopened(self.root, parts, place, items)
    }
}

/// What else mounts depend on.
pub(super) struct Surroundings<'a> {
    /// Where relative sources begin.
    pub bundle: &'a str,
    /// The host.
    pub facts: &'a HostFacts,
    /// The container's namespaces.
    pub namespaces: &'a Spaces,
}

/// A call of `mount(2)`.
pub(super) fn mount(
    source: impl Into<PathArg>,
    target: PathArg,
    fstype: &str,
    flags: MountFlags,
    data: &str,
) -> Call {
    Call::Mount {
        source: source.into(),
        target,
        fstype: fstype.as_bytes().to_vec(),
        flags,
        data: data.as_bytes().to_vec(),
    }
}

/// Steps for all mounts.
pub(super) fn plan(
    slots: &mut Slots,
    root: Slot,
    mounts: &[Mount],
    around: &Surroundings<'_>,
) -> Result<Mounts, PlanError> {
    if mounts.len() > MAX_MOUNTS {
        return Err(PlanError::invalid(
            "mounts",
            format!("more than {MAX_MOUNTS} entries"),
        ));
    }
    let mut all = Mounts {
        now: Vec::new(),
        last: Vec::new(),
        foreign_dev: false,
    };
    for (index, entry) in mounts.iter().enumerate() {
        one(
            slots,
            root,
            entry,
            &format!("mounts[{index}]"),
            around,
            &mut all,
        )?;
    }
    Ok(all)
}

fn one(
    slots: &mut Slots,
    root: Slot,
    entry: &Mount,
    field: &str,
    around: &Surroundings<'_>,
    all: &mut Mounts,
) -> Result<(), PlanError> {
    check(entry, field)?;
    let options = options::parse(&entry.options, field)?;
    let destination = paths::components(&entry.destination, &format!("{field}.destination"))?;
    if destination.is_empty() {
        return Err(PlanError::invalid(
            format!("{field}.destination"),
            "the root itself cannot be mounted over",
        ));
    }
    let bind = options.flags.contains(MountFlags::BIND) || matches!(&*entry.kind, "bind" | "rbind");
    if options.flags.contains(MountFlags::REMOUNT) {
        return Err(PlanError::unsupported(
            format!("{field}.options"),
            "\"remount\"",
        ));
    }
    if bind {
        check_over_proc(entry, &destination, field, around)?;
        all.foreign_dev |= destination == ["dev"];
        all.now.extend(bind_mount(
            slots,
            root,
            entry,
            &options,
            &destination,
            around,
        ));
    } else if matches!(&*entry.kind, "cgroup" | "cgroup2") {
        let target = Target {
            root,
            destination: &entry.destination,
            parts: &destination,
            field,
            source: &entry.source,
        };
        let own = around.namespaces.own(NamespaceKind::Cgroup);
        let groups = &around.facts.groups;
        all.now
            .extend(cgroup_mount::plan(slots, &target, &options, groups, own)?);
    } else {
        let (now, last) = new_mount(slots, root, entry, options, &destination, field)?;
        all.now.extend(now);
        all.last.extend(last);
    }
    Ok(())
}

fn check(entry: &Mount, field: &str) -> Result<(), PlanError> {
    if !entry.uid_mappings.is_empty() || !entry.gid_mappings.is_empty() {
        return Err(PlanError::unsupported(
            format!("{field}.uidMappings"),
            "an id-mapped mount",
        ));
    }
    // The specification allows relative destinations as deprecated, meaning from the root.
    if entry.destination.is_empty() {
        return Err(PlanError::invalid(
            format!("{field}.destination"),
            "it is empty",
        ));
    }
    for (name, text) in [("source", &entry.source), ("type", &entry.kind)] {
        if text.contains('\0') {
            return Err(PlanError::invalid(
                format!("{field}.{name}"),
                "a NUL character is not allowed",
            ));
        }
    }
    Ok(())
}

/// What is bound must not replace what the kernel tells: `/proc` only by the host's, and in it only files that are
/// emulated by convention. Links in the image are not followed for that (`checkProcMount` of runc's `libcontainer/rootfs_linux.go`).
fn check_over_proc(
    entry: &Mount,
    destination: &[&str],
    field: &str,
    around: &Surroundings<'_>,
) -> Result<(), PlanError> {
    const EMULATED: [&str; 11] = [
        "cpuinfo",
        "diskstats",
        "meminfo",
        "stat",
        "swaps",
        "uptime",
        "loadavg",
        "slabinfo",
        "net/dev",
        "sys/kernel/ns_last_pid",
        "sys/crypto/fips_enabled",
    ];
    let ["proc", inside @ ..] = destination else {
        return Ok(());
    };
    let why = if inside.is_empty() {
        if absolute(&entry.source, around.bundle).trim_end_matches('/') == "/proc" {
            return Ok(());
        }
        "it is not of type proc"
    } else if EMULATED.contains(&&*inside.join("/")) {
        return Ok(());
    } else {
        "it is inside /proc"
    };
    let destination = &entry.destination;
    Err(PlanError::invalid(
        format!("{field}.destination"),
        format!("{destination:?} cannot be mounted because {why}"),
    ))
}

fn failure(entry: &Mount) -> String {
    format!(
        "error mounting {:?} to rootfs at {:?}: mount {}:{}",
        entry.source, entry.destination, entry.source, entry.destination
    )
}

/// A bind mount: the mount, then its flags, then its propagation.
fn bind_mount(
    slots: &mut Slots,
    root: Slot,
    entry: &Mount,
    options: &Options,
    destination: &[&str],
    around: &Surroundings<'_>,
) -> Vec<Item> {
    let source = absolute(&entry.source, around.bundle);
    let kind = match around.facts.sources.get(&source) {
        Some(FileKind::File) => Make::File,
        _ => Make::Directory,
    };
    let target = slots.fd("target");
    let flags = MountFlags::BIND | (options.flags & MountFlags::REC);
    let mut items: Vec<Item> = vec![
        paths::open_or_make(slots, root, destination, kind, target)
            .failure(failure(entry))
            .into(),
        Step::new(
            mount(source.as_str(), target.proc_path(), "", flags, ""),
            why::BIND,
            CLAUSE,
        )
        .arg(&source)
        .arg(&entry.destination)
        .failure(failure(entry))
        .into(),
        paths::close(target),
    ];
    let extra = options.flags - REMOUNT_ONLY;
    let mut after = Vec::new();
    if !extra.is_empty() {
        let flags =
            MountFlags::BIND | MountFlags::REMOUNT | (options.flags & MountFlags::REC) | extra;
        let step = Step::new(
            mount("", target.proc_path(), "", flags, ""),
            why::BIND_FLAGS,
            CLAUSE,
        );
        after.push(step.arg(&entry.destination).failure(failure(entry)).into());
    }
    after.extend(propagation(entry, options, target));
    items.extend(reopened(root, destination, target, after));
    items
}

/// A mount of a new file system. A read-only tmpfs is remounted at the end, when everything in it is made.
fn new_mount(
    slots: &mut Slots,
    root: Slot,
    entry: &Mount,
    mut options: Options,
    destination: &[&str],
    field: &str,
) -> Result<(Vec<Item>, Vec<Item>), PlanError> {
    match &*entry.kind {
        "" | "none" => {
            return Err(PlanError::invalid(
                format!("{field}.type"),
                "it is empty and the mount is no bind mount",
            ));
        }
        _ => {}
    }
    let late = (entry.kind == "tmpfs" && options.flags.contains(MountFlags::RDONLY))
        .then_some(options.flags);
    if late.is_some() {
        options.flags -= MountFlags::RDONLY;
    }
    let target = slots.fd("target");
    let source = if entry.source.is_empty() {
        &entry.kind
    } else {
        &entry.source
    };
    let mut open = paths::open_or_make(slots, root, destination, Make::Directory, target);
    // An image's link could put them where masks and read-only paths do not cover them (runc: CVE-2019-19921).
    if matches!(&*entry.kind, "proc" | "sysfs") {
        open = paths::without_links(open);
    }
    let mut now: Vec<Item> = vec![
        open.failure(failure(entry)).into(),
        Step::new(
            mount(
                source.as_str(),
                target.proc_path(),
                &entry.kind,
                options.flags,
                &options.data,
            ),
            reason(&entry.kind),
            CLAUSE,
        )
        .arg(&entry.kind)
        .arg(&entry.destination)
        .failure(failure(entry))
        .into(),
        paths::close(target),
    ];
    now.extend(reopened(
        root,
        destination,
        target,
        propagation(entry, &options, target),
    ));
    let last = match late {
        None => Vec::new(),
        Some(flags) => {
            let call = mount(
                "",
                target.proc_path(),
                "",
                flags | MountFlags::REMOUNT | MountFlags::BIND,
                "",
            );
            let step = Step::new(call, why::READONLY_LATE, CLAUSE)
                .arg(&entry.destination)
                .failure(failure(entry));
            reopened(root, destination, target, vec![step.into()])
        }
    };
    Ok((now, last))
}

fn reason(kind: &str) -> &'static str {
    match kind {
        "proc" => why::MOUNT_PROC,
        "sysfs" => why::MOUNT_SYSFS,
        "tmpfs" => why::MOUNT_TMPFS,
        "devpts" => why::MOUNT_DEVPTS,
        "mqueue" => why::MOUNT_MQUEUE,
        _ => why::MOUNT,
    }
}

fn propagation(entry: &Mount, options: &Options, target: Slot) -> Vec<Item> {
    options
        .propagation
        .iter()
        .map(|(name, flags)| {
            Step::new(
                mount("", target.proc_path(), "", *flags, ""),
                why::PROPAGATION,
                CLAUSE,
            )
            .arg(&entry.destination)
            .arg(name)
            .failure(failure(entry))
            .into()
        })
        .collect()
}

/// `items` on the mount that is now at `destination`: the descriptor from before names what is under it.
fn reopened(root: Slot, destination: &[&str], target: Slot, items: Vec<Item>) -> Vec<Item> {
    if items.is_empty() {
        return items;
    }
    let mut all: Vec<Item> =
        vec![paths::open(root, destination, OpenFlags::empty(), target).into()];
    all.extend(items);
    all.push(paths::close(target));
    all
}

/// A path on the host; a relative one begins at the bundle.
pub(crate) fn absolute(path: &str, bundle: &str) -> String {
    if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{}/{path}", bundle.trim_end_matches('/'))
    }
}

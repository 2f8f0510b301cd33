//! The mounts of a specification (config.md, "Mounts"), made before the root is changed.
//!
//! Every target is opened below the root with `RESOLVE_IN_ROOT` and named by its descriptor, so that a link in the image
//! leads nowhere else.

use super::options::{self, Options};
use super::paths::{self, Make, Slots};
use super::spaces::Spaces;
use super::{
    FileKind, HostFacts, Ids, Item, MAX_MOUNTS, PlanError, Slot, Step, Users, cgroup_mount,
};
use crate::why;
use glassdock_abi::flags::{
    AtFlags, MountAttrFlags, MountFlags, MoveMountFlags, OpenFlags, OpenTreeFlags,
};
use glassdock_abi::types::MountAttr;
use glassdock_abi::{Call, Fd, PathArg};
use glassdock_oci::runtime::Mount;
use std::collections::BTreeMap;

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
    /// Sources of bind mounts that are open, by the index of their mounts.
    pub sources: BTreeMap<usize, Slot>,
}

impl Surroundings<'_> {
    /// Flags that a mount of `path` of the host must keep: in a user namespace the kernel lets nobody take them away.
    pub fn kept_flags(&self, path: &str) -> MountFlags {
        let flags = self.namespaces.ids.as_ref();
        let flags = flags.and_then(|_| self.facts.kept_flags.get(path));
        flags.copied().unwrap_or_default()
    }
}

/// Sources of bind mounts that are open before they are put in their places.
#[derive(Default)]
pub(super) struct Sources {
    pub open: Vec<Item>,
    pub close: Vec<Item>,
    pub slots: BTreeMap<usize, Slot>,
}

impl Sources {
    /// Takes hold of a copy of what is mounted at a mount's source.
    fn hold(
        &mut self,
        slots: &mut Slots,
        index: usize,
        entry: &Mount,
        bundle: &str,
        rec: bool,
    ) -> Slot {
        let source = absolute(&entry.source, bundle);
        let slot = slots.another_fd("source");
        let mut flags = OpenTreeFlags::CLONE | OpenTreeFlags::CLOEXEC;
        if rec {
            flags |= OpenTreeFlags::RECURSIVE;
        }
        let call = Call::OpenTree {
            dirfd: Fd::CWD,
            path: source.as_str().into(),
            flags,
        };
        let step = Step::new(call, why::SOURCE_OPEN, CLAUSE).arg(&source);
        let step = step.failure(failure(entry)).yields(slot);
        self.open.push(step.into());
        self.close.push(paths::close(slot));
        self.slots.insert(index, slot);
        slot
    }
}

/// The parent takes hold of what is to be id-mapped, and maps it: only who rules the file system may. The copies are slaves, as
/// everything in the container is. They keep no flags: who is root in there and may mount can take the host's away, as with
/// other runtimes.
pub(super) fn mapped(
    slots: &mut Slots,
    mounts: &[Mount],
    bundle: &str,
    namespaces: &Spaces,
) -> Result<Sources, PlanError> {
    let mut sources = Sources::default();
    for (index, entry) in mounts.iter().enumerate().take(MAX_MOUNTS) {
        let field = format!("mounts[{index}]");
        let options = options::parse(&entry.options, &field)?;
        let asked = !(entry.uid_mappings.is_empty() && entry.gid_mappings.is_empty());
        let Some(all) = options.mapped.or(asked.then_some(false)) else {
            continue;
        };
        if !is_bind(entry, &options) {
            let text = "only a bind mount can be id-mapped";
            return Err(PlanError::invalid(format!("{field}.options"), text));
        }
        let ids = Ids::of_mount(entry, &field, namespaces.ids.as_ref())?;
        let tree = sources.hold(
            slots,
            index,
            entry,
            bundle,
            options.flags.contains(MountFlags::REC),
        );
        let users = slots.another_fd("id-map");
        sources.open.push(Item::Users(Users {
            ids,
            yields: users,
            failure: failure(entry),
        }));
        let attr = MountAttr {
            set: MountAttrFlags::IDMAP,
            propagation: MountFlags::SLAVE,
            userns: Some(users.fd()),
            ..MountAttr::default()
        };
        let step = Step::new(set_attr(tree, attr, all), why::SOURCE_MAP, CLAUSE);
        let step = step.arg(&entry.source).failure(failure(entry));
        sources.open.extend([step.into(), paths::close(users)]);
    }
    Ok(sources)
}

fn set_attr(mount: Slot, attr: MountAttr, all: bool) -> Call {
    let mut flags = AtFlags::EMPTY_PATH;
    if all {
        flags |= AtFlags::RECURSIVE;
    }
    Call::MountSetattr {
        dirfd: mount.fd(),
        path: PathArg::default(),
        flags,
        attr,
    }
}

/// Opens the other sources where the container has a user namespace of its own, before the child becomes root there, who could not
/// look them up. They are copies in the child's mount namespace: they
/// receive what is mounted on the host, give nothing back, and keep their flags (`man 7 mount_namespaces`, "Restrictions").
pub(super) fn sources(
    slots: &mut Slots,
    mounts: &[Mount],
    around: &Surroundings<'_>,
) -> Result<Sources, PlanError> {
    let mut sources = Sources::default();
    if around.namespaces.ids.is_none() {
        return Ok(sources);
    }
    for (index, entry) in mounts.iter().enumerate().take(MAX_MOUNTS) {
        let options = options::parse(&entry.options, &format!("mounts[{index}]"))?;
        if !is_bind(entry, &options) || around.sources.contains_key(&index) {
            continue;
        }
        let rec = options.flags.contains(MountFlags::REC);
        sources.hold(slots, index, entry, around.bundle, rec);
    }
    Ok(sources)
}

fn is_bind(entry: &Mount, options: &Options) -> bool {
    options.flags.contains(MountFlags::BIND) || matches!(&*entry.kind, "bind" | "rbind")
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
    for at in mounts.iter().enumerate() {
        one(slots, root, at, around, &mut all)?;
    }
    Ok(all)
}

fn one(
    slots: &mut Slots,
    root: Slot,
    (index, entry): (usize, &Mount),
    around: &Surroundings<'_>,
    all: &mut Mounts,
) -> Result<(), PlanError> {
    let field = &format!("mounts[{index}]");
    check(entry, field)?;
    let options = options::parse(&entry.options, field)?;
    let destination = paths::components(&entry.destination, &format!("{field}.destination"))?;
    if destination.is_empty() {
        return Err(PlanError::invalid(
            format!("{field}.destination"),
            "the root itself cannot be mounted over",
        ));
    }
    if options.flags.contains(MountFlags::REMOUNT) {
        return Err(PlanError::unsupported(
            format!("{field}.options"),
            "\"remount\"",
        ));
    }
    if is_bind(entry, &options) {
        check_over_proc(entry, &destination, field, around)?;
        all.foreign_dev |= destination == ["dev"];
        all.now.extend(bind_mount(
            slots,
            root,
            entry,
            &options,
            &destination,
            around,
            around.sources.get(&index).copied(),
        ));
    } else if matches!(&*entry.kind, "cgroup" | "cgroup2") {
        let target = Target {
            root,
            destination: &entry.destination,
            parts: &destination,
            field,
            source: &entry.source,
        };
        let (groups, namespaces) = (&around.facts.groups, around.namespaces);
        let items = cgroup_mount::plan(slots, &target, &options, groups, namespaces)?;
        all.now.extend(items);
    } else {
        let (now, last) = new_mount(slots, root, entry, options, &destination, field)?;
        all.now.extend(now);
        all.last.extend(last);
    }
    Ok(())
}

fn check(entry: &Mount, field: &str) -> Result<(), PlanError> {
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
    opened: Option<Slot>,
) -> Vec<Item> {
    let source = absolute(&entry.source, around.bundle);
    let kind = match around.facts.sources.get(&source) {
        Some(FileKind::File) => Make::File,
        _ => Make::Directory,
    };
    let target = slots.fd("target");
    let flags = MountFlags::BIND | (options.flags & MountFlags::REC);
    let show = match opened {
        Some(slot) => Step::new(put(slot, target), why::SOURCE_MOUNT, CLAUSE),
        None => Step::new(
            mount(source.as_str(), target.proc_path(), "", flags, ""),
            why::BIND,
            CLAUSE,
        ),
    };
    let mut items: Vec<Item> = vec![
        paths::open_or_make(slots, root, destination, kind, target)
            .failure(failure(entry))
            .into(),
        show.arg(&source)
            .arg(&entry.destination)
            .failure(failure(entry))
            .into(),
        paths::close(target),
    ];
    items.extend(opened.map(paths::close));
    let extra = options.flags - REMOUNT_ONLY;
    let mut after = Vec::new();
    if !extra.is_empty() {
        let kept = around.kept_flags(&source);
        let rec = options.flags & MountFlags::REC;
        let flags = MountFlags::BIND | MountFlags::REMOUNT | rec | extra | kept;
        let step = Step::new(
            mount("", target.proc_path(), "", flags, ""),
            why::BIND_FLAGS,
            CLAUSE,
        );
        after.push(step.arg(&entry.destination).failure(failure(entry)).into());
    }
    after.extend(below(entry, options, target));
    items.extend(reopened(root, destination, target, after));
    items
}

/// Puts an opened mount on a target.
fn put(source: Slot, target: Slot) -> Call {
    Call::MoveMount {
        from_dirfd: source.fd(),
        from_pathname: PathArg::default(),
        to_dirfd: target.fd(),
        to_pathname: PathArg::default(),
        flags: MoveMountFlags::F_EMPTY_PATH | MoveMountFlags::T_EMPTY_PATH,
    }
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
        below(entry, &options, target),
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

/// What concerns all mounts from there on down, or may: attributes, then propagation.
fn below(entry: &Mount, options: &Options, target: Slot) -> Vec<Item> {
    let (set, clear) = options.recursive;
    let mut items = Vec::new();
    if !(set | clear).is_empty() {
        let attr = MountAttr {
            set,
            clear,
            ..MountAttr::default()
        };
        let step = Step::new(set_attr(target, attr, true), why::ATTRIBUTES, CLAUSE);
        items.push(step.arg(&entry.destination).failure(failure(entry)).into());
    }
    items.extend(propagation(entry, options, target));
    items
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

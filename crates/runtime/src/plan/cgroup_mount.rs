//! A mount of type `cgroup`: the container's own control groups, as it may see them (config-linux.md, "Cgroup
//! ownership"; `man 7 cgroup_namespaces`).
//!
//! Where the host has one hierarchy, of version 2, it is that. Otherwise it is a directory of all hierarchies, each under the name
//! that it has on the host.

use super::mounts::{Target, mount};
use super::options::Options;
use super::paths::{self, Make, Slots};
use super::spaces::Spaces;
use super::{Item, PlanError, Step};
use crate::cgroups::Group;
use crate::why;
use glassdock_abi::flags::MountFlags;
use glassdock_abi::{Call, Errno, PathArg};
use glassdock_oci::runtime::NamespaceKind;

const CLAUSE: &str = "config.md#mounts";

/// How a hierarchy comes into the container.
enum View {
    /// It is mounted there: what is seen begins where the cgroup namespace does.
    Mounted,
    /// A directory of the host's mount is shown.
    Bound(PathArg),
}

/// Steps for such a mount.
pub(super) fn plan(
    slots: &mut Slots,
    target: &Target<'_>,
    options: &Options,
    groups: &[Group],
    namespaces: &Spaces,
) -> Result<Vec<Item>, PlanError> {
    let own = namespaces.own(NamespaceKind::Cgroup);
    let Some(first) = groups.first() else {
        return Err(PlanError::unsupported(
            format!("{}.type", target.field),
            "a mount of control groups, which this host has not mounted,",
        ));
    };
    if groups.iter().all(|group| group.unified) {
        // The host's view cannot be mounted from a user namespace below it (`cgroup_init_fs_context`).
        let view = match own || !namespaces.own(NamespaceKind::User) {
            true => View::Mounted,
            false => View::Bound(first.mount.as_str().into()),
        };
        let parts = target.parts;
        return Ok(shown(slots, target, parts, first, options.flags, view));
    }
    let mut items = directory(slots, target, options.flags - MountFlags::RDONLY);
    for group in groups {
        let name = name(group);
        let mut parts = target.parts.to_vec();
        parts.push(name);
        let view = match own {
            true => View::Mounted,
            false => View::Bound(group.dir()),
        };
        items.extend(shown(slots, target, &parts, group, options.flags, view));
        items.extend(links(slots, target, group, name));
    }
    if options.flags.contains(MountFlags::RDONLY) {
        let place = slots.fd("target");
        let flags = options.flags | MountFlags::REMOUNT | MountFlags::BIND;
        let call = mount("", place.proc_path(), "", flags, "");
        let step = Step::new(call, why::READONLY_LATE, CLAUSE)
            .arg(target.destination)
            .failure(target.failure());
        items.extend(target.at(target.parts, place, vec![step.into()]));
    }
    Ok(items)
}

/// The name of a hierarchy's directory on the host.
fn name(group: &Group) -> &str {
    group.mount.rsplit('/').next().unwrap_or_default()
}

/// An empty directory for the hierarchies.
fn directory(slots: &mut Slots, target: &Target<'_>, flags: MountFlags) -> Vec<Item> {
    let place = slots.fd("target");
    let call = mount("tmpfs", place.proc_path(), "tmpfs", flags, "mode=755");
    let open = paths::open_or_make(slots, target.root, target.parts, Make::Directory, place);
    vec![
        open.failure(target.failure()).into(),
        Step::new(call, why::MOUNT_TMPFS, CLAUSE)
            .arg("tmpfs")
            .arg(target.destination)
            .failure(target.failure())
            .into(),
        paths::close(place),
    ]
}

/// One hierarchy.
fn shown(
    slots: &mut Slots,
    target: &Target<'_>,
    parts: &[&str],
    group: &Group,
    flags: MountFlags,
    view: View,
) -> Vec<Item> {
    let place = slots.fd("target");
    let path = format!("/{}", parts.join("/"));
    let source = match &view {
        View::Mounted => group.dir(),
        View::Bound(dir) => dir.clone(),
    };
    let (call, more) = match view {
        View::Mounted => {
            let (kind, data) = hierarchy(group);
            let call = mount("cgroup", place.proc_path(), kind, flags, &data);
            (call, Vec::new())
        }
        View::Bound(dir) => {
            let bind = MountFlags::BIND;
            let call = mount(dir, place.proc_path(), "", bind, "");
            let flags = flags | bind | MountFlags::REMOUNT;
            let again = mount("", place.proc_path(), "", flags, "");
            let step = Step::new(again, why::BIND_FLAGS, CLAUSE)
                .arg(&path)
                .failure(target.failure());
            (call, target.at(parts, place, vec![step.into()]))
        }
    };
    let open = paths::open_or_make(slots, target.root, parts, Make::Directory, place);
    let mut items = vec![
        open.failure(target.failure()).into(),
        Step::new(call, why::MOUNT_CGROUP, CLAUSE)
            .arg(source.to_string())
            .arg(path)
            .failure(target.failure())
            .into(),
        paths::close(place),
    ];
    items.extend(more);
    items
}

/// What mounts a hierarchy: the file system's type and its options.
fn hierarchy(group: &Group) -> (&'static str, String) {
    match group.controllers.as_slice() {
        _ if group.unified => ("cgroup2", String::new()),
        [named] if named.starts_with("name=") => ("cgroup", format!("none,{named}")),
        controllers => ("cgroup", controllers.join(",")),
    }
}

/// Links from the controllers' names to a directory that is several controllers'.
fn links(slots: &mut Slots, target: &Target<'_>, group: &Group, name: &str) -> Vec<Item> {
    if group.controllers.len() < 2 || group.unified {
        return Vec::new();
    }
    let place = slots.fd("target");
    let steps = group.controllers.iter().map(|controller| {
        let call = Call::Symlinkat {
            target: name.into(),
            newdirfd: place.fd(),
            linkpath: controller.as_str().into(),
        };
        Step::new(call, why::DEV_LINK, CLAUSE)
            .arg(format!("{}/{controller}", target.destination))
            .arg(name)
            .failure(target.failure())
            .accept(Errno::EEXIST)
            .into()
    });
    let steps = steps.collect();
    target.at(target.parts, place, steps)
}

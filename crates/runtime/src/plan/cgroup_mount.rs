//! A mount of type `cgroup`: the container's own control groups, as it may see them (config-linux.md, "Cgroup
//! ownership"; `man 7 cgroup_namespaces`).
//!
//! Where the host has one hierarchy, of version 2, it is that. Otherwise it is a directory of all hierarchies, each under the name
//! that it has on the host.

use super::mounts::{Target, mount};
use super::options::Options;
use super::paths::{self, Make, Slots};
use super::{Item, PlanError, Step};
use crate::cgroups::Group;
use crate::why;
use glassdock_abi::flags::MountFlags;
use glassdock_abi::{Call, Errno};

const CLAUSE: &str = "config.md#mounts";

/// Steps for such a mount. `own` tells whether the container has a view of control groups for itself.
pub(super) fn plan(
    slots: &mut Slots,
    target: &Target<'_>,
    options: &Options,
    groups: &[Group],
    own: bool,
) -> Result<Vec<Item>, PlanError> {
    let Some(first) = groups.first() else {
        return Err(PlanError::unsupported(
            format!("{}.type", target.field),
            "a mount of control groups, which this host has not mounted,",
        ));
    };
    if groups.iter().all(|group| group.unified) {
        return Ok(shown(
            slots,
            target,
            target.parts,
            first,
            options.flags,
            own,
        ));
    }
    let mut items = directory(slots, target, options.flags - MountFlags::RDONLY);
    for group in groups {
        let name = name(group);
        let mut parts = target.parts.to_vec();
        parts.push(name);
        items.extend(shown(slots, target, &parts, group, options.flags, own));
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

/// One hierarchy: mounted in the container's own view, or its group shown from the host.
fn shown(
    slots: &mut Slots,
    target: &Target<'_>,
    parts: &[&str],
    group: &Group,
    flags: MountFlags,
    own: bool,
) -> Vec<Item> {
    let place = slots.fd("target");
    let path = format!("/{}", parts.join("/"));
    let (call, more) = if own && group.unified {
        let call = mount("cgroup", place.proc_path(), "cgroup2", flags, "");
        (call, Vec::new())
    } else if own {
        let data = match group.controllers.as_slice() {
            [named] if named.starts_with("name=") => format!("none,{named}"),
            controllers => controllers.join(","),
        };
        let call = mount("cgroup", place.proc_path(), "cgroup", flags, &data);
        (call, Vec::new())
    } else {
        let bind = MountFlags::BIND;
        let call = mount(group.dir(), place.proc_path(), "", bind, "");
        let again = mount(
            "",
            place.proc_path(),
            "",
            flags | bind | MountFlags::REMOUNT,
            "",
        );
        let step = Step::new(again, why::BIND_FLAGS, CLAUSE)
            .arg(&path)
            .failure(target.failure());
        (call, target.at(parts, place, vec![step.into()]))
    };
    let open = paths::open_or_make(slots, target.root, parts, Make::Directory, place);
    let mut items = vec![
        open.failure(target.failure()).into(),
        Step::new(call, why::MOUNT_CGROUP, CLAUSE)
            .arg(group.dir().to_string())
            .arg(path)
            .failure(target.failure())
            .into(),
        paths::close(place),
    ];
    items.extend(more);
    items
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

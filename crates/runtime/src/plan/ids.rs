//! User namespaces: which ids of the container are which of the host (`man 7 user_namespaces`).
//!
//! The child is born in the new namespace and waits. The parent, which is still the host's root, writes the maps, and does for
//! the child what only the host's root may; then the child becomes the namespace's root and makes everything else.

use super::paths::{self, Slots};
use super::spaces::NAMESPACES;
use super::{Item, PlanError, SlotKind, Step};
use crate::why;
use glassdock_abi::Call;
use glassdock_abi::flags::OpenFlags;
use glassdock_oci::runtime::{IdMapping, Linux, Mount, NamespaceKind};
use serde::{Deserialize, Serialize};

/// Where the specification speaks of the maps.
const MAPPINGS: &str = "config-linux.md#user-namespace-mappings";
/// Most lines of a map (`UID_GID_MAP_MAX_EXTENTS`).
const MAX_LINES: usize = 340;

/// The two maps of a container's user namespace.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Ids {
    /// User ids.
    pub uids: Vec<IdMapping>,
    /// Group ids.
    pub gids: Vec<IdMapping>,
}

impl Ids {
    /// The maps that a specification gives to a new user namespace, checked as the kernel will.
    pub(super) fn of(linux: &Linux) -> Result<Ids, PlanError> {
        let maps = [
            (&linux.uid_mappings, "linux.uidMappings"),
            (&linux.gid_mappings, "linux.gidMappings"),
        ];
        for (map, field) in maps {
            check(map, field)?;
            outside(map, 0, field)?;
        }
        Ok(Ids {
            uids: linux.uid_mappings.clone(),
            gids: linux.gid_mappings.clone(),
        })
    }

    /// The maps of an id-mapped mount: those of the mount itself, or the container's.
    pub(super) fn of_mount(
        entry: &Mount,
        field: &str,
        own: Option<&Ids>,
    ) -> Result<Ids, PlanError> {
        let uids = (&entry.uid_mappings, format!("{field}.uidMappings"));
        let gids = (&entry.gid_mappings, format!("{field}.gidMappings"));
        if let (true, true, Some(own)) = (uids.0.is_empty(), gids.0.is_empty(), own) {
            return Ok(own.clone());
        }
        for (map, field) in [&uids, &gids] {
            check(map, field)?;
        }
        Ok(Ids {
            uids: uids.0.clone(),
            gids: gids.0.clone(),
        })
    }

    /// The maps of a container's own user namespace, if it has one.
    pub(crate) fn own(linux: Option<&Linux>) -> Option<Ids> {
        let linux = linux?;
        let mut namespaces = linux.namespaces.iter();
        let own = namespaces.any(|one| one.kind == NamespaceKind::User && one.path.is_empty());
        own.then(|| Ids {
            uids: linux.uid_mappings.clone(),
            gids: linux.gid_mappings.clone(),
        })
    }

    /// The host's id of a user of the container.
    pub(super) fn user(&self, id: u32, field: &str) -> Result<u32, PlanError> {
        outside(&self.uids, id, field)
    }

    /// The host's id of a group of the container.
    pub(super) fn group(&self, id: u32, field: &str) -> Result<u32, PlanError> {
        outside(&self.gids, id, field)
    }

    /// The parent gives the child's namespace its maps.
    pub(super) fn write(&self, slots: &mut Slots) -> Vec<Item> {
        let maps = [("uid_map", &self.uids), ("gid_map", &self.gids)];
        let write = |(name, mappings): (&str, &Vec<IdMapping>)| {
            put(slots, name, &map_lines(mappings), why::ID_MAP, MAPPINGS)
        };
        maps.into_iter().flat_map(write).collect()
    }
}

/// The text of a map's file (`man 7 user_namespaces`).
pub(crate) fn map_lines(mappings: &[IdMapping]) -> String {
    let line = |one: &IdMapping| format!("{} {} {}\n", one.container_id, one.host_id, one.size);
    mappings.iter().map(line).collect()
}

fn outside(mappings: &[IdMapping], id: u32, field: &str) -> Result<u32, PlanError> {
    let found = mappings.iter().find_map(|mapping| {
        let offset = id.checked_sub(mapping.container_id)?;
        (offset < mapping.size).then(|| mapping.host_id + offset)
    });
    found.ok_or_else(|| {
        PlanError::invalid(
            field,
            format!("the id {id} is not mapped in the user namespace"),
        )
    })
}

fn check(mappings: &[IdMapping], field: &str) -> Result<(), PlanError> {
    if mappings.is_empty() {
        return Err(PlanError::invalid(field, "there are no mappings"));
    }
    if mappings.len() > MAX_LINES {
        return Err(PlanError::invalid(
            field,
            format!("more than {MAX_LINES} entries"),
        ));
    }
    for (index, mapping) in mappings.iter().enumerate() {
        let ends = [mapping.container_id, mapping.host_id].map(|id| id.checked_add(mapping.size));
        if mapping.size == 0 || ends.contains(&None) {
            return Err(PlanError::invalid(
                format!("{field}[{index}].size"),
                format!("{} ids from there are no range", mapping.size),
            ));
        }
        let before = mappings.get(..index).unwrap_or_default();
        if before.iter().any(|other| overlap(mapping, other)) {
            return Err(PlanError::invalid(
                format!("{field}[{index}]"),
                "it overlaps an entry before it",
            ));
        }
    }
    Ok(())
}

fn overlap(one: &IdMapping, other: &IdMapping) -> bool {
    let meet = |a: u32, b: u32| a < b.saturating_add(other.size) && b < a.saturating_add(one.size);
    meet(one.container_id, other.container_id) || meet(one.host_id, other.host_id)
}

/// The parent writes to a file of the child's in `/proc`.
pub(super) fn put(
    slots: &mut Slots,
    name: &str,
    text: &str,
    why: &'static str,
    clause: &'static str,
) -> Vec<Item> {
    let child = slots.get("child", SlotKind::Pid);
    let file = slots.fd("of-child");
    let open = paths::open_path(child.proc_dir().join(name), OpenFlags::WRONLY, file);
    let open = Step {
        why: why::OPEN_OF_CHILD,
        clause,
        ..open
    };
    let write = Call::Write {
        fd: file.fd(),
        data: text.as_bytes().to_vec(),
    };
    let shown = text.trim_end().replace('\n', ", ");
    let failure = format!("write {name}");
    vec![
        open.arg(name).failure(&failure).into(),
        Step::new(write, why, clause)
            .arg(name)
            .arg(shown)
            .failure(failure)
            .into(),
        paths::close(file),
    ]
}

/// The child becomes root in its user namespace. Until then it is the host's, of whom nothing in there can be.
pub(super) fn become_root() -> Vec<Item> {
    let calls = [
        (Call::Setgroups { groups: Vec::new() }, "setgroups"),
        (
            Call::Setresgid {
                rgid: 0,
                egid: 0,
                sgid: 0,
            },
            "setgid",
        ),
        (
            Call::Setresuid {
                ruid: 0,
                euid: 0,
                suid: 0,
            },
            "setuid",
        ),
    ];
    let step = |(call, failure): (Call, &str)| {
        Step::new(call, why::ROOT_INSIDE, NAMESPACES)
            .failure(failure)
            .into()
    };
    calls.into_iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(container_id: u32, host_id: u32, size: u32) -> IdMapping {
        IdMapping {
            container_id,
            host_id,
            size,
        }
    }

    #[test]
    fn ids_are_found_in_their_ranges() {
        let map = [mapping(0, 100_000, 10), mapping(1000, 7, 1)];
        let at = |id| outside(&map, id, "id").ok();
        assert_eq!(
            [at(0), at(9), at(10), at(1000), at(1001)],
            [Some(100_000), Some(100_009), None, Some(7), None]
        );
    }

    #[test]
    fn maps_that_the_kernel_would_refuse_are_refused() {
        let table: [(&[IdMapping], &str); 5] = [
            (&[], "m: there are no mappings"),
            (
                &[mapping(0, 5, 0)],
                "m[0].size: 0 ids from there are no range",
            ),
            (
                &[mapping(0, u32::MAX, 2)],
                "m[0].size: 2 ids from there are no range",
            ),
            (
                &[mapping(0, 100, 10), mapping(9, 200, 1)],
                "m[1]: it overlaps an entry before it",
            ),
            (
                &[mapping(0, 100, 10), mapping(50, 105, 1)],
                "m[1]: it overlaps an entry before it",
            ),
        ];
        for (map, told) in table {
            let error = check(map, "m").expect_err(told).to_string();
            assert!(error.contains(told), "{error:?} of {map:?}");
        }
        let many: Vec<_> = (0..341).map(|at| mapping(at, at, 1)).collect();
        let error = check(&many, "m").expect_err("too many").to_string();
        assert!(error.contains("m: more than 340 entries"), "{error:?}");
        assert_eq!(check(&many[..340], "m"), Ok(()));
    }
}

//! Users and groups of user namespaces, as far as file systems need to know them (`man 7 user_namespaces`).
//!
//! Everywhere in the VFS ids are the machine's own, the kernel's `kuid_t` and `kgid_t`. What a program says and is told is
//! translated where it calls.

/// A range of ids.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IdRange {
    /// First id in the namespace.
    pub inside: u32,
    /// First id of the machine.
    pub outside: u32,
    /// Number of ids; the ranges on both sides end within 32 bits.
    pub count: u32,
}

/// A user namespace other than the first: who it is, and its maps.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct UserNs {
    /// Its number and those of the namespaces around it, from the inside out.
    pub chain: Vec<u64>,
    /// Map of users; empty until it is written.
    pub uids: Vec<IdRange>,
    /// Map of groups; empty until it is written.
    pub gids: Vec<IdRange>,
}

/// The two kinds of ids, each with a map of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IdKind {
    /// Users.
    User,
    /// Groups.
    Group,
}

impl IdKind {
    /// The map of a namespace.
    pub fn ranges(self, user: &UserNs) -> &[IdRange] {
        match self {
            IdKind::User => &user.uids,
            IdKind::Group => &user.gids,
        }
    }
    /// The machine's id of one in a namespace; in the first one every id is what it is.
    pub fn outside(self, user: Option<&UserNs>, id: u32) -> Option<u32> {
        user.map_or(Some(id), |user| outside(self.ranges(user), id))
    }
    /// The name of one of the machine's ids in a namespace.
    pub fn inside(self, user: Option<&UserNs>, id: u32) -> Option<u32> {
        user.map_or(Some(id), |user| inside(self.ranges(user), id))
    }
}

/// The machine's id of one in a namespace.
fn outside(ranges: &[IdRange], id: u32) -> Option<u32> {
    ranges.iter().find_map(|range| {
        let offset = id.checked_sub(range.inside)?;
        (offset < range.count).then(|| range.outside + offset)
    })
}

/// The namespace's id of one of the machine.
fn inside(ranges: &[IdRange], id: u32) -> Option<u32> {
    ranges.iter().find_map(|range| {
        let offset = id.checked_sub(range.outside)?;
        (offset < range.count).then(|| range.inside + offset)
    })
}

impl UserNs {
    /// Its number.
    pub fn number(&self) -> u64 {
        self.chain.first().copied().unwrap_or_default()
    }
    /// Whether both ids have a name in it.
    pub fn maps(&self, uid: u32, gid: u32) -> bool {
        inside(&self.uids, uid).is_some() && inside(&self.gids, gid).is_some()
    }
    /// Whether it is a namespace, or within it.
    pub fn is_within(&self, other: &UserNs) -> bool {
        self.chain.contains(&other.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_in_both_directions() {
        let ranges = [(0, 100_000, 10), (1000, 7, 1)].map(|(inside, outside, count)| IdRange {
            inside,
            outside,
            count,
        });
        for (id, machine) in [(0, 100_000), (9, 100_009), (1000, 7)] {
            assert_eq!(outside(&ranges, id), Some(machine));
            assert_eq!(inside(&ranges, machine), Some(id));
        }
        assert_eq!([10, 999, 1001].map(|id| outside(&ranges, id)), [None; 3]);
        assert_eq!([0, 100_010, 8].map(|id| inside(&ranges, id)), [None; 3]);
    }
}

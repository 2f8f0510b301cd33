//! User namespaces (`man 7 user_namespaces`): who is whom, and over what a capability counts.
//!
//! Ids in [`Cred`], in files and in every other state are the machine's own (Linux's `kuid_t`); what programs say and are told is
//! translated at the system call.

use crate::Kernel;
use crate::cred::{CAP_ALL, Cred, cap};
use crate::ids::Tid;
use crate::ns::NsBody;
use glassdock_abi::{Errno, Result};
use glassdock_trace::world::{IdRangeInfo, NsId, NsKind, UserNsInfo};
use glassdock_vfs::{self as vfs, IdKind, IdRange, UserNs};
use std::sync::Arc;

/// A namespace that is deeper below the first one has none below it.
const LEVEL_MAX: usize = 32;
/// Most ranges of a map (`UID_GID_MAP_MAX_EXTENTS`).
const RANGES_MAX: usize = 340;
/// A map must be written at once and be shorter than a page.
const MAP_LENGTH_MAX: usize = 4096;
/// What an id without a name looks like (`/proc/sys/kernel/overflowuid`).
pub(crate) const OVERFLOW: u32 = 65_534;
/// What a range without a name looks like in a map.
const NO_ID: u32 = u32::MAX;

/// A user namespace.
#[derive(Clone, Debug)]
pub(crate) struct Users {
    /// Absent for the first one, in which everybody is who he is.
    pub(crate) maps: Option<Arc<UserNs>>,
    /// Effective ids of who made it.
    pub(crate) owner: (u32, u32),
    /// Whether `setgroups` may be called in it.
    pub(crate) setgroups: bool,
    /// Whether its maker could give files capabilities, and so may map the outer root.
    pub(crate) maker_had_setfcap: bool,
}

impl Users {
    /// The first namespace.
    pub(crate) fn first() -> Users {
        Users {
            maps: None,
            owner: (0, 0),
            setgroups: true,
            maker_had_setfcap: true,
        }
    }

    /// What a trace tells of it; nothing of the first one.
    pub(crate) fn view(&self) -> Option<UserNsInfo> {
        let maps = self.maps.as_ref()?;
        let ranges = |ranges: &[IdRange]| {
            let range = |range: &IdRange| IdRangeInfo {
                inside: range.inside,
                outside: range.outside,
                count: range.count,
            };
            ranges.iter().map(range).collect()
        };
        Some(UserNsInfo {
            owner: self.owner.0,
            uids: ranges(&maps.uids),
            gids: ranges(&maps.gids),
            setgroups: self.setgroups,
        })
    }
}

impl Cred {
    /// The machine's id of a user that the caller names: `EINVAL` where it has none.
    pub(crate) fn uid_outside(&self, id: u32) -> Result<u32> {
        IdKind::User
            .outside(self.user.as_deref(), id)
            .ok_or(Errno::EINVAL)
    }
    /// The same for a group.
    pub(crate) fn gid_outside(&self, id: u32) -> Result<u32> {
        IdKind::Group
            .outside(self.user.as_deref(), id)
            .ok_or(Errno::EINVAL)
    }
    /// How the caller sees a user (`from_kuid_munged`).
    pub(crate) fn uid_inside(&self, id: u32) -> u32 {
        IdKind::User
            .inside(self.user.as_deref(), id)
            .unwrap_or(OVERFLOW)
    }
    /// How the caller sees a group.
    pub(crate) fn gid_inside(&self, id: u32) -> u32 {
        IdKind::Group
            .inside(self.user.as_deref(), id)
            .unwrap_or(OVERFLOW)
    }
    /// The machine's id of the caller's root.
    pub(crate) fn root(&self) -> Option<u32> {
        self.uid_outside(0).ok()
    }
    /// `set_cred_user_ns`: everything is allowed in the namespace that was entered.
    pub(crate) fn enter_users(&mut self, maps: Option<Arc<UserNs>>) {
        self.securebits = 0;
        self.inheritable = 0;
        self.permitted = CAP_ALL;
        self.effective = CAP_ALL;
        self.ambient = 0;
        self.bounding = CAP_ALL;
        self.user = maps;
    }
}

impl Kernel {
    pub(crate) fn users(&self, ns: NsId) -> Option<&Users> {
        match &self.namespaces.get(&ns)?.body {
            NsBody::User(users) => Some(users),
            _ => None,
        }
    }

    fn parent_ns(&self, ns: NsId) -> Option<NsId> {
        self.namespaces.get(&ns)?.parent
    }

    /// `cap_capable`: with the capability in the namespace or around it, or as the maker of one of those in between.
    fn capable_as(&self, cred: &Cred, own: NsId, target: NsId, cap: u32) -> bool {
        let mut at = target;
        loop {
            if at == own {
                return cred.has(cap);
            }
            let (Some(parent), Some(users)) = (self.parent_ns(at), self.users(at)) else {
                return false;
            };
            if parent == own && users.owner.0 == cred.euid {
                return true;
            }
            at = parent;
        }
    }

    /// Whether a thread has a capability over what a user namespace owns (`ns_capable`).
    pub(crate) fn ns_capable(&self, tid: Tid, target: NsId, cap: u32) -> bool {
        let thread = self.threads.get(&tid);
        thread.is_some_and(|thread| self.capable_as(&thread.cred, thread.ns.user, target, cap))
    }

    /// Whether a thread has a capability over the whole machine (`capable`).
    pub(crate) fn capable(&self, tid: Tid, cap: u32) -> bool {
        self.ns_capable(tid, self.root_ns.user, cap)
    }

    /// Whether a thread has a capability over a namespace of another kind: in the user namespace that owns it.
    pub(crate) fn capable_over(&self, tid: Tid, ns: NsId, cap: u32) -> bool {
        let owner = self.namespaces.get(&ns).map(|ns| ns.owner);
        owner.is_some_and(|owner| self.ns_capable(tid, owner, cap))
    }

    /// Whether a thread has a capability over a process.
    pub(crate) fn capable_over_process(&self, tid: Tid, target: Tid, cap: u32) -> bool {
        let ns = self.namespaces_of_process(self.tgid_of(target));
        self.ns_capable(tid, ns.map_or(self.root_ns.user, |ns| ns.user), cap)
    }

    /// Makes a user namespace for a thread (`create_user_ns`): `ENOSPC` too deep, `EPERM` in a changed root and for somebody
    /// without a name in the namespace around it.
    pub(crate) fn new_users(&mut self, tid: Tid) -> Result<NsId> {
        let thread = self.threads.get(&tid).ok_or(Errno::ESRCH)?;
        let (cred, parent, fs, mnt) = (
            thread.cred.clone(),
            thread.ns.user,
            thread.fs,
            thread.ns.mnt_vfs,
        );
        let around = cred
            .user
            .as_ref()
            .map_or(Vec::new(), |user| user.chain.clone());
        if around.len() > LEVEL_MAX {
            return Err(Errno::ENOSPC);
        }
        let root = self.fs.get(fs).ok_or(Errno::ESRCH)?.root;
        let user = cred.user.as_deref();
        let named = user.is_none_or(|user| user.maps(cred.euid, cred.egid));
        if !self.vfs().is_ns_root(mnt, root) || !named {
            return Err(Errno::EPERM);
        }
        let chain = std::iter::once(self.next_ns).chain(around).collect();
        let users = Users {
            maps: Some(Arc::new(UserNs {
                chain,
                ..UserNs::default()
            })),
            owner: (cred.euid, cred.egid),
            setgroups: self.users(parent).is_none_or(|users| users.setgroups),
            maker_had_setfcap: cred.has(cap::SETFCAP),
        };
        Ok(self.add_namespace(NsKind::User, Some(parent), parent, NsBody::User(users)))
    }

    /// The maps of a namespace, for the credentials of who enters it.
    pub(crate) fn id_maps(&self, ns: NsId) -> Option<Arc<UserNs>> {
        self.users(ns)?.maps.clone()
    }

    /// What shows a namespace may be mounted by who has `CAP_SYS_ADMIN` over it (`fc->user_ns`): `EPERM`.
    pub(crate) fn may_mount_view(&self, tid: Tid, fstype: &[u8]) -> Result<()> {
        let Some(thread) = self.threads.get(&tid) else {
            return Ok(());
        };
        let shown = match fstype {
            b"proc" => thread.ns.pid,
            b"sysfs" => thread.ns.net,
            b"mqueue" => thread.ns.ipc,
            b"cgroup2" => thread.ns.cgroup,
            _ => return Ok(()),
        };
        match self.capable_over(tid, shown, cap::SYS_ADMIN) {
            true => Ok(()),
            false => Err(Errno::EPERM),
        }
    }

    /// The real user of a process, as another one sees it.
    pub(crate) fn user_seen(&self, viewer: Tid, of: Tid) -> u32 {
        let uid = self.cred_of_process(of).map_or(0, |cred| cred.ruid);
        let viewer = self.cred_of_process(self.tgid_of(viewer));
        viewer.map_or(uid, |cred| cred.uid_inside(uid))
    }

    fn user_ns_of(&self, tid: Tid) -> Result<NsId> {
        let ns = self.namespaces_of_process(self.tgid_of(tid));
        ns.map(|ns| ns.user).ok_or(Errno::ESRCH)
    }

    /// A map as `viewer` sees it: outer ids by their names in the viewer's namespace, or around it where it is the viewer's own.
    pub(crate) fn map_text(&self, viewer: Tid, of: Tid, map: IdKind) -> Result<String> {
        let ns = self.user_ns_of(of)?;
        let seen_from = match self.user_ns_of(viewer)? {
            own if own == ns => self.parent_ns(ns).unwrap_or(own),
            other => other,
        };
        let whole = [IdRange {
            inside: 0,
            outside: 0,
            count: u32::MAX,
        }];
        let maps = self.id_maps(ns);
        let ranges = maps.as_deref().map_or(&whole[..], |maps| map.ranges(maps));
        let around = self.id_maps(seen_from);
        let line = |range: &IdRange| {
            let outer = map
                .inside(around.as_deref(), range.outside)
                .unwrap_or(NO_ID);
            format!("{:>10} {outer:>10} {:>10}\n", range.inside, range.count)
        };
        Ok(ranges.iter().map(line).collect())
    }

    /// `/proc/PID/setgroups`.
    pub(crate) fn setgroups_text(&self, of: Tid) -> Result<&'static str> {
        let ns = self.user_ns_of(of)?;
        Ok(match self.users(ns).is_none_or(|users| users.setgroups) {
            true => "allow\n",
            false => "deny\n",
        })
    }

    /// Writes a map (`map_write`). `opener` opened the file.
    pub(crate) fn write_map(
        &mut self,
        tid: Tid,
        of: Tid,
        map: IdKind,
        opener: &vfs::Cred,
        data: &[u8],
    ) -> Result<()> {
        let ns = self.user_ns_of(of)?;
        let parent = self.parent_ns(ns).ok_or(Errno::EPERM)?;
        let opened_in = self.ns_of_opener(opener);
        if opened_in != ns && opened_in != parent {
            return Err(Errno::EPERM);
        }
        if data.len() >= MAP_LENGTH_MAX {
            return Err(Errno::EINVAL);
        }
        let users = self.users(ns).ok_or(Errno::EPERM)?.clone();
        let old = users.maps.as_deref().ok_or(Errno::EPERM)?;
        let admin = self.opener_capable(opener, ns, cap::SYS_ADMIN);
        if !map.ranges(old).is_empty() || !admin {
            return Err(Errno::EPERM);
        }
        let asked = parse_map(data)?;
        if !self.may_map(tid, (ns, parent), &users, map, opener, &asked) {
            return Err(Errno::EPERM);
        }
        let around = self.id_maps(parent);
        let ranges = asked
            .into_iter()
            .map(|range| named_by(map, around.as_deref(), range))
            .collect::<Result<Vec<IdRange>>>()?;
        let mut maps = old.clone();
        match map {
            IdKind::User => maps.uids = ranges,
            IdKind::Group => maps.gids = ranges,
        }
        self.set_maps(ns, Arc::new(maps));
        Ok(())
    }

    fn set_maps(&mut self, ns: NsId, maps: Arc<UserNs>) {
        if let Some(NsBody::User(users)) = self.namespaces.get_mut(&ns).map(|ns| &mut ns.body) {
            users.maps = Some(Arc::clone(&maps));
        }
        for thread in self
            .threads
            .values_mut()
            .filter(|thread| thread.ns.user == ns)
        {
            thread.cred.user = Some(Arc::clone(&maps));
        }
        self.vfs_mut().users_mapped(&maps);
        self.publisher.namespace(ns);
    }

    fn ns_of_opener(&self, opener: &vfs::Cred) -> NsId {
        let number = opener.user.as_ref().map(|user| NsId(user.number()));
        number.unwrap_or(self.root_ns.user)
    }

    /// The same of who opened a file (`file_ns_capable`).
    pub(crate) fn opener_capable(&self, opener: &vfs::Cred, target: NsId, cap: u32) -> bool {
        let cred = Cred {
            euid: opener.fsuid,
            effective: opener.caps,
            ..Cred::init()
        };
        self.capable_as(&cred, self.ns_of_opener(opener), target, cap)
    }

    /// `new_idmap_permitted`: one's own id, or ids of the namespace around it with the capability there.
    fn may_map(
        &self,
        tid: Tid,
        (ns, parent): (NsId, NsId),
        users: &Users,
        map: IdKind,
        opener: &vfs::Cred,
        asked: &[IdRange],
    ) -> bool {
        let maps_root = asked.iter().any(|range| range.outside == 0);
        if map == IdKind::User && maps_root {
            let may = match self.ns_of_opener(opener) == ns {
                true => users.maker_had_setfcap,
                false => self.opener_capable(opener, parent, cap::SETFCAP),
            };
            if !may {
                return false;
            }
        }
        if let [range] = asked
            && range.count == 1
            && users.owner.0 == opener.fsuid
        {
            let around = self.id_maps(parent);
            let named = map.outside(around.as_deref(), range.outside);
            let own = match map {
                IdKind::User => named == Some(opener.fsuid),
                IdKind::Group => !users.setgroups && named == Some(opener.fsgid),
            };
            if own {
                return true;
            }
        }
        let cap = match map {
            IdKind::User => cap::SETUID,
            IdKind::Group => cap::SETGID,
        };
        self.ns_capable(tid, parent, cap) && self.opener_capable(opener, parent, cap)
    }

    /// Whether `setgroups` may be opened for writing: with `CAP_SYS_ADMIN` in the namespace, else `EACCES`.
    pub(crate) fn may_open_setgroups(&self, tid: Tid, of: Tid) -> Result<()> {
        match self.ns_capable(tid, self.user_ns_of(of)?, cap::SYS_ADMIN) {
            true => Ok(()),
            false => Err(Errno::EACCES),
        }
    }

    /// Writes `allow` or `deny` to `/proc/PID/setgroups` (`proc_setgroups_write`).
    pub(crate) fn write_setgroups(&mut self, of: Tid, data: &[u8]) -> Result<()> {
        const LENGTH_MAX: usize = 8;
        let ns = self.user_ns_of(of)?;
        let users = self.users(ns).ok_or(Errno::EINVAL)?;
        let text = data.trim_ascii_end();
        if data.len() >= LENGTH_MAX {
            return Err(Errno::EINVAL);
        }
        let allow = match text {
            b"allow" => true,
            b"deny" => false,
            _ => return Err(Errno::EINVAL),
        };
        let mapped = users.maps.as_ref().is_none_or(|maps| !maps.gids.is_empty());
        if allow && !users.setgroups || !allow && mapped {
            return Err(Errno::EPERM);
        }
        if let Some(NsBody::User(users)) = self.namespaces.get_mut(&ns).map(|ns| &mut ns.body) {
            users.setgroups = allow;
        }
        self.publisher.namespace(ns);
        Ok(())
    }

    /// `userns_may_setgroups`: once groups are mapped, unless it was denied.
    pub(crate) fn may_setgroups(&self, tid: Tid) -> bool {
        let Some(thread) = self.threads.get(&tid) else {
            return false;
        };
        let mapped = thread
            .cred
            .user
            .as_ref()
            .is_none_or(|user| !user.gids.is_empty());
        let allowed = self
            .users(thread.ns.user)
            .is_none_or(|users| users.setgroups);
        thread.cred.has(cap::SETGID) && mapped && allowed
    }
}

/// Lines of three numbers: `EINVAL` for anything else, for an empty or overlapping range, and for too many.
fn parse_map(data: &[u8]) -> Result<Vec<IdRange>> {
    let text = core::str::from_utf8(data).map_err(|_| Errno::EINVAL)?;
    let mut ranges: Vec<IdRange> = Vec::new();
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        let numbers = line
            .split_ascii_whitespace()
            .map(|word| word.parse::<u32>().map_err(|_| Errno::EINVAL))
            .collect::<Result<Vec<u32>>>()?;
        let [inside, outside, count] = numbers[..] else {
            return Err(Errno::EINVAL);
        };
        let range = IdRange {
            inside,
            outside,
            count,
        };
        let ends = [inside, outside].map(|first| first.checked_add(count));
        if inside == NO_ID || outside == NO_ID || count == 0 || ends.contains(&None) {
            return Err(Errno::EINVAL);
        }
        if ranges.iter().any(|other| overlap(&range, other)) {
            return Err(Errno::EINVAL);
        }
        ranges.push(range);
        if ranges.len() > RANGES_MAX {
            return Err(Errno::EINVAL);
        }
    }
    Ok(ranges)
}

fn overlap(one: &IdRange, other: &IdRange) -> bool {
    let meet = |a: u32, b: u32| a < b + other.count && b < a + one.count;
    meet(one.inside, other.inside) || meet(one.outside, other.outside)
}

/// A range with its outer ids as the machine's: `EPERM` where the namespace around has no name for all of them.
fn named_by(map: IdKind, around: Option<&UserNs>, range: IdRange) -> Result<IdRange> {
    let Some(around) = around else {
        return Ok(range);
    };
    let last = range.outside + (range.count - 1);
    let within =
        |known: &&IdRange| range.outside >= known.inside && last - known.inside < known.count;
    let known = map.ranges(around).iter().find(within).ok_or(Errno::EPERM)?;
    Ok(IdRange {
        outside: known.outside + (range.outside - known.inside),
        ..range
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_lines_of_three_numbers() {
        let table: [(&str, Option<usize>); 14] = [
            ("0 1000 1", Some(1)),
            ("0 1000 1\n", Some(1)),
            ("  0\t1000   1\n5 7 3\n", Some(2)),
            ("", None),
            ("\n", None),
            ("0 1000", None),
            ("0 1000 1 2", None),
            ("0 1000 0", None),
            ("-1 0 1", None),
            ("4294967295 0 1", None),
            ("1 1 4294967295", None),
            ("0 0 4294967295", Some(1)),
            ("0 0 10\n9 100 1", None),
            ("0 0 10\n20 5 1", None),
        ];
        for (text, ranges) in table {
            let parsed = parse_map(text.as_bytes()).ok().map(|ranges| ranges.len());
            assert_eq!(parsed, ranges, "{text:?}");
        }
    }

    #[test]
    fn outer_ids_are_those_of_the_namespace_around() {
        let range = |inside, outside, count| IdRange {
            inside,
            outside,
            count,
        };
        let around = UserNs {
            uids: vec![range(0, 100_000, 10), range(10, 5, 10)],
            ..UserNs::default()
        };
        let named = |asked| named_by(IdKind::User, Some(&around), asked);
        assert_eq!(named(range(0, 2, 3)), Ok(range(0, 100_002, 3)));
        assert_eq!(named(range(0, 10, 10)), Ok(range(0, 5, 10)));
        // Half of them are in another range.
        assert_eq!(named(range(0, 5, 10)), Err(Errno::EPERM));
        assert_eq!(named(range(0, 20, 1)), Err(Errno::EPERM));
    }
}

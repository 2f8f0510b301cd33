//! Which groups have which controllers (`man 7 cgroups`, "Managing controllers"; `kernel/cgroup/cgroup.c`).

use super::{Cgroups, above, join};
use crate::Kernel;
use glassdock_abi::{Errno, Result};

/// A set of controllers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Controllers(u8);

impl Controllers {
    pub(crate) const CPUSET: Controllers = Controllers(1);
    pub(crate) const CPU: Controllers = Controllers(2);
    pub(crate) const MEMORY: Controllers = Controllers(4);
    pub(crate) const PIDS: Controllers = Controllers(8);
    /// All that there are.
    pub(super) const ALL: Controllers = Controllers(15);
    /// Those that can divide between the threads of a process; memory is a process's.
    const THREADED: Controllers = Controllers(11);
    /// Names, in the order in which they are listed.
    const NAMES: [(&str, Controllers); 4] = [
        ("cpuset", Self::CPUSET),
        ("cpu", Self::CPU),
        ("memory", Self::MEMORY),
        ("pids", Self::PIDS),
    ];

    pub(crate) fn has(self, other: Controllers) -> bool {
        self.0 & other.0 == other.0
    }
    fn and(self, other: Controllers) -> Controllers {
        Controllers(self.0 & other.0)
    }
    fn or(self, other: Controllers) -> Controllers {
        Controllers(self.0 | other.0)
    }
    fn without(self, other: Controllers) -> Controllers {
        Controllers(self.0 & !other.0)
    }
    fn is_empty(self) -> bool {
        self.0 == 0
    }
    /// The names of those in the set.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        let all = Self::NAMES.into_iter();
        all.filter_map(move |(name, one)| self.has(one).then_some(name))
    }
    /// The set as the files show it.
    pub(super) fn line(self) -> String {
        let names: Vec<&str> = self.names().collect();
        match names.is_empty() {
            true => String::new(),
            false => format!("{}\n", names.join(" ")),
        }
    }
    fn named(name: &str) -> Option<Controllers> {
        let found = Self::NAMES.into_iter().find(|(known, _)| *known == name);
        found.map(|(_, one)| one)
    }
}

/// What is to be enabled and what disabled; of one controller the last word counts. `EINVAL` for what is no such list.
fn changes(text: &str) -> Result<(Controllers, Controllers)> {
    let (mut enable, mut disable) = (Controllers::default(), Controllers::default());
    for word in text.split_whitespace() {
        let (sign, name) = word.split_at_checked(1).ok_or(Errno::EINVAL)?;
        let one = Controllers::named(name).ok_or(Errno::EINVAL)?;
        match sign {
            "+" => (enable, disable) = (enable.or(one), disable.without(one)),
            "-" => (enable, disable) = (enable.without(one), disable.or(one)),
            _ => return Err(Errno::EINVAL),
        }
    }
    Ok((enable, disable))
}

/// What a group is, between whole processes and single threads (`cgroup.type`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Domain,
    /// Its processes compete with groups below it, by controllers that can divide between threads.
    DomainThreaded,
    /// Below such a one, and not made a group of threads: it takes nobody.
    DomainInvalid,
}

impl Cgroups {
    /// The controllers that a group has.
    pub(crate) fn controllers(&self, path: &str) -> Controllers {
        match above(path) {
            None => Controllers::ALL,
            Some(above) => self.enabled(above),
        }
    }

    /// The controllers that the groups right below a group have.
    pub(crate) fn enabled(&self, path: &str) -> Controllers {
        self.groups
            .get(path)
            .map_or_else(Default::default, |it| it.enabled)
    }
}

impl Kernel {
    fn is_thread_root(&self, path: &str) -> bool {
        path != "/"
            && self.group_has_tasks(path)
            && !self
                .cgroups
                .enabled(path)
                .and(Controllers::THREADED)
                .is_empty()
    }

    pub(super) fn group_kind(&self, path: &str) -> Kind {
        let mut at = above(path);
        while let Some(path) = at {
            if self.is_thread_root(path) {
                return Kind::DomainInvalid;
            }
            at = above(path);
        }
        match self.is_thread_root(path) {
            true => Kind::DomainThreaded,
            false => Kind::Domain,
        }
    }

    /// Whether a group's own processes may compete with groups below it (`cgroup_can_be_thread_root`).
    fn can_be_thread_root(&self, path: &str) -> bool {
        let populated = |child: &(String, u64)| self.is_populated(&join(path, &child.0));
        self.group_kind(path) != Kind::DomainInvalid
            && !self.cgroups.children(path).iter().any(populated)
            && !self.cgroups.enabled(path).has(Controllers::MEMORY)
    }

    /// Whether processes may come into a group (`cgroup_migrate_vet_dst`).
    pub(super) fn may_enter_group(&self, path: &str) -> Result<()> {
        if self.group_kind(path) == Kind::DomainInvalid {
            return Err(Errno::EOPNOTSUPP);
        }
        let alone = path == "/" || self.can_be_thread_root(path);
        match alone || self.cgroups.enabled(path).is_empty() {
            true => Ok(()),
            false => Err(Errno::EBUSY),
        }
    }

    /// Writes `cgroup.subtree_control` (`cgroup_subtree_control_write`).
    pub(super) fn control_subtree(&mut self, path: &str, text: &str) -> Result<()> {
        let (enable, disable) = changes(text)?;
        let old = self.cgroups.enabled(path);
        let (enable, disable) = (enable.without(old), disable.and(old));
        if !self.cgroups.controllers(path).has(enable) {
            return Err(Errno::ENOENT);
        }
        let children = self.cgroups.children(path);
        let used = |child: &(String, u64)| {
            let child = self.cgroups.enabled(&join(path, &child.0));
            !child.and(disable).is_empty()
        };
        if children.iter().any(used) {
            return Err(Errno::EBUSY);
        }
        self.may_enable(path, enable)?;
        for (name, _) in children {
            let child = join(path, &name);
            self.lose_controllers(&child, disable);
            self.gain_controllers(&child, path, enable);
        }
        if let Some(group) = self.cgroups.groups.get_mut(path) {
            group.enabled = old.without(disable).or(enable);
        }
        self.cgroups.look_for_rules();
        self.publisher.cgroup(path.to_owned());
        Ok(())
    }

    /// `cgroup_vet_subtree_control_enable`.
    fn may_enable(&self, path: &str, enable: Controllers) -> Result<()> {
        if enable.is_empty() {
            return Ok(());
        }
        let kind = self.group_kind(path);
        if kind == Kind::DomainInvalid {
            return Err(Errno::EOPNOTSUPP);
        }
        if path == "/" {
            return Ok(());
        }
        if !enable.without(Controllers::THREADED).is_empty() {
            if kind == Kind::DomainThreaded {
                return Err(Errno::EOPNOTSUPP);
            }
        } else if self.can_be_thread_root(path) {
            return Ok(());
        }
        match self.group_has_tasks(path) {
            true => Err(Errno::EBUSY),
            false => Ok(()),
        }
    }

    /// A group gets controllers, with no limits.
    pub(super) fn gain_controllers(&mut self, path: &str, parent: &str, gained: Controllers) {
        if gained.has(Controllers::MEMORY) {
            let account = self.frames.add_account(self.cgroups.account(parent));
            if let Some(group) = self.cgroups.groups.get_mut(path) {
                group.memory.account = Some(account);
            }
        }
    }

    /// A group loses controllers: their limits are forgotten, and what it has is counted above it.
    pub(super) fn lose_controllers(&mut self, path: &str, lost: Controllers) {
        let Some(group) = self.cgroups.groups.get_mut(path) else {
            return;
        };
        if lost.has(Controllers::PIDS) {
            group.pids = Default::default();
        }
        if lost.has(Controllers::CPUSET) {
            group.cpuset = Default::default();
        }
        if lost.has(Controllers::MEMORY) {
            let account = std::mem::take(&mut group.memory).account;
            if let Some(account) = account {
                self.close_group_account(account);
            }
        }
        if lost.has(Controllers::CPU) {
            self.forget_shares(path);
        }
        self.publisher.cgroup(path.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_on_a_controller_counts() {
        let (enable, disable) = changes("+cpu +memory -cpu").expect("a list");
        assert_eq!((enable, disable), (Controllers::MEMORY, Controllers::CPU));
        for text in ["memory", "+io", "+", "++cpu", "é", "+cpu,"] {
            assert_eq!(changes(text), Err(Errno::EINVAL), "{text}");
        }
        assert_eq!(changes(" \n"), Ok(Default::default()));
    }
}

//! Shared subtrees (`fs/pnode.c`; `Documentation/filesystems/sharedsubtree.rst`).

use crate::{DentryId, MountId, Path, PeerGroup, Vfs};
use glassdock_abi::{Errno, Result};
use std::collections::{BTreeMap, BTreeSet};

impl Vfs {
    /// A new peer group.
    pub(crate) fn new_group(&mut self) -> PeerGroup {
        self.next_group += 1;
        PeerGroup(self.next_group)
    }

    pub(crate) fn is_shared(&self, id: MountId) -> bool {
        self.mounts
            .get(&id)
            .is_some_and(|mount| mount.group.is_some())
    }

    /// Makes a mount a peer of a group.
    pub(crate) fn join_group(&mut self, id: MountId, group: PeerGroup) {
        if let Some(mount) = self.mounts.get_mut(&id) {
            mount.group = Some(group);
            mount.unbindable = false;
        }
        self.groups.entry(group).or_default().insert(id);
        self.mark_ns(id);
    }

    /// Makes a mount a slave of a group, or of none.
    pub(crate) fn set_master(&mut self, id: MountId, master: Option<PeerGroup>) {
        let Some(mount) = self.mounts.get_mut(&id) else {
            return;
        };
        let old = std::mem::replace(&mut mount.master, master);
        if let Some(old) = old
            && let Some(slaves) = self.slaves.get_mut(&old)
        {
            slaves.remove(&id);
            if slaves.is_empty() {
                self.slaves.remove(&old);
            }
        }
        if let Some(master) = master {
            self.slaves.entry(master).or_default().insert(id);
        }
        self.mark_ns(id);
    }

    /// Leaves the peer group. The slaves of a group without peers go to that group's master.
    pub(crate) fn leave_group(&mut self, id: MountId) {
        let Some(mount) = self.mounts.get_mut(&id) else {
            return;
        };
        let master = mount.master;
        let Some(group) = mount.group.take() else {
            return;
        };
        self.mark_ns(id);
        let Some(peers) = self.groups.get_mut(&group) else {
            return;
        };
        peers.remove(&id);
        if peers.is_empty() {
            self.groups.remove(&group);
            for slave in self.slaves.get(&group).cloned().unwrap_or_default() {
                self.set_master(slave, master);
            }
        }
    }

    /// Ends all propagation to and from a mount.
    pub(crate) fn leave_groups(&mut self, id: MountId) {
        self.leave_group(id);
        self.set_master(id, None);
    }

    /// `MS_SHARED`: a peer group of its own, unless it has one.
    pub(crate) fn make_shared(&mut self, id: MountId) {
        if !self.is_shared(id) {
            let group = self.new_group();
            self.join_group(id, group);
        }
    }

    /// `MS_SLAVE`: slave of its peers, if there are others; otherwise of its master, or private.
    pub(crate) fn make_slave(&mut self, id: MountId) {
        let Some(group) = self.mounts.get(&id).and_then(|mount| mount.group) else {
            return;
        };
        self.leave_group(id);
        if self.groups.contains_key(&group) {
            self.set_master(id, Some(group));
        }
    }

    /// `MS_PRIVATE` and `MS_UNBINDABLE`.
    pub(crate) fn make_private(&mut self, id: MountId, unbindable: bool) {
        self.leave_groups(id);
        if let Some(mount) = self.mounts.get_mut(&id) {
            mount.unbindable = unbindable;
        }
        self.mark_ns(id);
    }

    /// The copy belongs to the same peers and the same master as the original (`clone_mnt`).
    pub(crate) fn share_like(&mut self, copy: MountId, original: MountId) {
        let Some(mount) = self.mounts.get(&original) else {
            return;
        };
        let (group, master, unbindable) = (mount.group, mount.master, mount.unbindable);
        if let Some(group) = group {
            self.join_group(copy, group);
        }
        self.set_master(copy, master);
        if let Some(mount) = self.mounts.get_mut(&copy) {
            mount.unbindable = unbindable;
        }
    }

    /// Where an event at a mount goes besides itself: (mount, the mount it got the event from) with peers first, then
    /// slaves, breadth first.
    fn receivers(&self, origin: MountId) -> Vec<Receiver> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::from([origin]);
        let mut groups = Vec::new();
        if let Some(group) = self.mounts.get(&origin).and_then(|mount| mount.group) {
            groups.push(group);
            for &peer in self
                .groups
                .get(&group)
                .into_iter()
                .flatten()
                .filter(|&&peer| peer != origin)
            {
                seen.insert(peer);
                found.push(Receiver {
                    mount: peer,
                    own: Some(group),
                    from: Some(group),
                    peer: true,
                });
            }
        }
        let mut at = 0;
        while let Some(&group) = groups.get(at) {
            at += 1;
            for &slave in self.slaves.get(&group).into_iter().flatten() {
                let own = self.mounts.get(&slave).and_then(|mount| mount.group);
                let members = match own {
                    Some(own) => self.groups.get(&own).cloned().unwrap_or_default(),
                    None => BTreeSet::from([slave]),
                };
                for member in members.into_iter().filter(|member| seen.insert(*member)) {
                    found.push(Receiver {
                        mount: member,
                        own,
                        from: Some(group),
                        peer: false,
                    });
                }
                groups.extend(
                    own.filter(|own| !groups.contains(own))
                        .into_iter()
                        .collect::<Vec<_>>(),
                );
            }
        }
        found
    }

    /// Attaches a tree of mounts, and copies of it wherever the destination's propagation leads
    /// (`attach_recursive_mnt`). `EINVAL` where that would copy an unbindable mount; `ENOSPC` beyond the limit of mounts.
    pub(crate) fn attach_tree(&mut self, tree: MountId, at: Path) -> Result<()> {
        let receivers: Vec<Receiver> = self
            .receivers(at.mount)
            .into_iter()
            .filter(|to| {
                // Mounts that lie nowhere yet get nothing.
                self.mounts
                    .get(&to.mount)
                    .is_some_and(|mount| mount.ns.is_some() && self.is_below(at.dentry, mount.root))
            })
            .collect();
        let members = self.mount_tree(tree);
        let existing = self
            .mnt(at.mount)?
            .ns
            .and_then(|ns| self.namespaces.get(&ns))
            .map_or(0, |ns| ns.mounts.len());
        if existing + members.len() * (receivers.len() + 1) > super::MOUNT_MAX {
            return Err(Errno::ENOSPC);
        }
        if self.is_shared(at.mount) {
            for &member in &members {
                self.make_shared(member);
            }
        }
        // The group of each member's copies, by the group that the copies were made for.
        let mut groups: BTreeMap<(PeerGroup, MountId), PeerGroup> = BTreeMap::new();
        if let Some(group) = self.mnt(at.mount)?.group {
            for &member in &members {
                if let Some(own) = self.mnt(member)?.group {
                    groups.insert((group, member), own);
                }
            }
        }
        let mut copies = Vec::new();
        for to in receivers {
            let (top, map) = self.copy_tree(tree, self.mnt(tree)?.root, true)?;
            for (&original, &copy) in &map {
                self.set_propagation(&mut groups, &to, original, copy);
            }
            if self.owner_of(to.mount) != self.owner_of(at.mount) {
                self.lock_tree(top);
            }
            copies.push((
                top,
                Path {
                    mount: to.mount,
                    dentry: at.dentry,
                },
            ));
        }
        self.attach(tree, at);
        for (top, place) in copies {
            self.attach(top, place);
        }
        Ok(())
    }

    /// The user namespace that a mount's namespace belongs to.
    fn owner_of(&self, id: MountId) -> Option<u64> {
        let ns = self.mounts.get(&id)?.ns?;
        self.namespaces.get(&ns).map(|ns| ns.owner)
    }

    fn set_propagation(
        &mut self,
        groups: &mut BTreeMap<(PeerGroup, MountId), PeerGroup>,
        to: &Receiver,
        original: MountId,
        copy: MountId,
    ) {
        let from = to
            .from
            .and_then(|from| groups.get(&(from, original)).copied());
        if to.peer {
            self.share_like(copy, original);
            return;
        }
        self.set_master(copy, from);
        if let Some(own) = to.own {
            let group = match groups.get(&(own, original)) {
                Some(&group) => group,
                None => self.new_group(),
            };
            groups.insert((own, original), group);
            self.join_group(copy, group);
        }
    }

    /// Copies of a tree of mounts from a dentry on, attached nowhere, without propagation: the top, and copies by
    /// original. Without `unbindable`, unbindable mounts below the top are left out.
    pub(crate) fn copy_tree(
        &mut self,
        top: MountId,
        root: DentryId,
        unbindable: bool,
    ) -> Result<(MountId, BTreeMap<MountId, MountId>)> {
        let mut map = BTreeMap::new();
        let copied = self.copy_mount(top, root)?;
        map.insert(top, copied);
        for id in self.mount_tree(top).into_iter().skip(1) {
            let mount = self.mnt(id)?;
            let Some((parent, point)) = mount.parent else {
                continue;
            };
            let Some(&parent_copy) = map.get(&parent) else {
                continue;
            };
            let outside = parent == top && !self.is_below(point, root);
            if !outside && mount.unbindable && mount.locked && !unbindable {
                self.free_tree(copied);
                return Err(Errno::EPERM);
            }
            if outside || mount.unbindable && !unbindable {
                continue;
            }
            let mount_root = mount.root;
            let copy = self.copy_mount(id, mount_root)?;
            map.insert(id, copy);
            self.attach(
                copy,
                Path {
                    mount: parent_copy,
                    dentry: point,
                },
            );
        }
        Ok((copied, map))
    }

    /// The mounts that go with an unmounted one by propagation: those at the same dentry of the parent's receivers.
    pub(crate) fn propagated_children(&self, id: MountId) -> Vec<MountId> {
        let Some((parent, point)) = self.mounts.get(&id).and_then(|mount| mount.parent) else {
            return Vec::new();
        };
        let receivers = self.receivers(parent);
        receivers
            .iter()
            .filter_map(|to| self.mounted.get(&(point, to.mount)).copied())
            .collect()
    }

    /// The closest group that a slave gets events from and that a reader at `root` can see (`propagate_from`).
    pub(crate) fn dominating_group(&self, id: MountId, root: Path) -> Option<PeerGroup> {
        let mut master = self.mounts.get(&id)?.master;
        while let Some(group) = master {
            let peers = self.groups.get(&group)?;
            let visible = peers.iter().any(|peer| {
                self.mounts.get(peer).is_some_and(|mount| {
                    self.is_reachable(
                        Path {
                            mount: *peer,
                            dentry: mount.root,
                        },
                        root,
                    )
                })
            });
            if visible {
                return Some(group);
            }
            master = self.mounts.get(peers.first()?)?.master;
        }
        None
    }
}

/// A mount that gets an event.
struct Receiver {
    mount: MountId,
    /// Its own peer group.
    own: Option<PeerGroup>,
    /// The group that the event came from.
    from: Option<PeerGroup>,
    /// Whether it is a peer of the origin.
    peer: bool,
}

//! Dentries: names in directories, who holds them, and when they are freed.

use super::{Dentry, FIRST_COOKIE, Fs, Vfs};
use crate::{DentryId, InodeId, SbId};
use glassdock_trace::{Change, Delta};
use std::collections::BTreeMap;

impl Vfs {
    /// Adds a dentry: named and hashed with a parent, nameless without.
    pub(crate) fn add_dentry(
        &mut self,
        sb: SbId,
        parent: Option<DentryId>,
        name: &[u8],
        inode: InodeId,
    ) -> DentryId {
        let id = DentryId(self.new_id());
        if let Some(inode) = self.inodes.get_mut(&inode) {
            inode.dentries += 1;
        }
        self.dentries.insert(
            id,
            Dentry {
                sb,
                parent: None,
                name: name.to_vec(),
                inode,
                hashed: false,
                count: 0,
                cookie: 0,
                children: BTreeMap::new(),
                by_cookie: BTreeMap::new(),
                next_cookie: FIRST_COOKIE,
            },
        );
        if let Some(parent) = parent {
            self.set_parent(id, parent);
            self.hash(id, name);
        }
        self.perhaps_unused(id);
        id
    }

    pub(super) fn set_parent(&mut self, id: DentryId, parent: DentryId) {
        self.get_dentry(parent);
        let old = self
            .dentries
            .get_mut(&id)
            .and_then(|dentry| dentry.parent.replace(parent));
        if let Some(old) = old {
            self.put_dentry(old);
        }
    }

    /// Lets a dentry be found in its parent by a name.
    pub(super) fn hash(&mut self, id: DentryId, name: &[u8]) {
        let Some(parent) = self.dentries.get(&id).and_then(|dentry| dentry.parent) else {
            return;
        };
        let Some(directory) = self.dentries.get_mut(&parent) else {
            return;
        };
        let cookie = directory.next_cookie;
        directory.next_cookie += 1;
        directory.children.insert(name.to_vec(), id);
        directory.by_cookie.insert(cookie, id);
        if let Some(dentry) = self.dentries.get_mut(&id) {
            dentry.name = name.to_vec();
            dentry.cookie = cookie;
            dentry.hashed = true;
        }
        self.log_entry(id, true);
    }

    /// Takes a dentry's name from its parent; the dentry stays as long as it is used.
    pub(crate) fn unhash(&mut self, id: DentryId) {
        if self.take_name(id) {
            self.names_changed(id);
        }
    }

    /// Takes a dentry out of its directory; false when it was in none.
    pub(super) fn take_name(&mut self, id: DentryId) -> bool {
        let Some(dentry) = self.dentries.get(&id).filter(|dentry| dentry.hashed) else {
            return false;
        };
        let (parent, name, cookie) = (dentry.parent, dentry.name.clone(), dentry.cookie);
        self.log_entry(id, false);
        if let Some(directory) = parent.and_then(|parent| self.dentries.get_mut(&parent)) {
            directory.children.remove(&name);
            directory.by_cookie.remove(&cookie);
        }
        if let Some(dentry) = self.dentries.get_mut(&id) {
            dentry.hashed = false;
        }
        self.unused.insert(id);
        true
    }

    /// Gives a dentry another name, taking the name from whatever had it.
    pub(crate) fn move_dentry(&mut self, id: DentryId, parent: DentryId, name: &[u8]) {
        self.unhash(id);
        self.set_parent(id, parent);
        self.hash(id, name);
        self.names_changed(id);
    }

    pub(super) fn log_entry(&mut self, id: DentryId, made: bool) {
        let Some(dentry) = self.dentries.get(&id) else {
            return;
        };
        if self.tmp(dentry.sb).is_none() {
            return;
        }
        let parent = dentry.parent.and_then(|parent| self.dnode(parent).ok());
        let (Some(parent), Some(inode), Some(sb)) = (
            parent,
            self.inodes.get(&dentry.inode),
            self.sbs.get(&dentry.sb),
        ) else {
            return;
        };
        let ino = Some(inode.attr.ino);
        let (before, after) = if made { (None, ino) } else { (ino, None) };
        let change = Change {
            key: (sb.dev.0, parent.attr.ino, dentry.name.clone()),
            before,
            after,
        };
        self.deltas.push(Delta::DirEntry(change));
    }

    /// Takes a reference.
    pub(crate) fn get_dentry(&mut self, id: DentryId) {
        if let Some(dentry) = self.dentries.get_mut(&id) {
            dentry.count += 1;
        }
    }

    /// Gives back a reference; what nothing needs any more is freed.
    pub(crate) fn put_dentry(&mut self, id: DentryId) {
        let Some(dentry) = self.dentries.get_mut(&id) else {
            return;
        };
        dentry.count = dentry.count.saturating_sub(1);
        if dentry.count == 0 {
            self.perhaps_unused(id);
        }
    }

    /// Marks a dentry to be looked at by [`Vfs::reap`], unless it is a name that is kept without references.
    pub(super) fn perhaps_unused(&mut self, id: DentryId) {
        if self.dentries.get(&id).is_some_and(|it| !self.is_kept(it)) {
            self.unused.insert(id);
        }
    }

    /// Whether a dentry stays though nobody refers to it: the names of all but the kernel's file systems do.
    pub(super) fn is_kept(&self, dentry: &Dentry) -> bool {
        let fs = self.sbs.get(&dentry.sb).map(|sb| &sb.fs);
        dentry.hashed && !matches!(fs, Some(Fs::Synthetic { .. }) | None)
    }

    /// Frees the dentries that nothing needs any more: nameless ones, and those of the kernel's file systems.
    pub(crate) fn reap(&mut self) {
        while let Some(id) = self.unused.pop_first() {
            let Some(dentry) = self.dentries.get(&id) else {
                continue;
            };
            if dentry.count == 0 && !self.is_kept(dentry) {
                // Nobody is there or below, so nobody's path changes.
                self.take_name(id);
                self.unused.remove(&id);
                self.free_dentry(id);
            }
        }
    }

    pub(super) fn free_dentry(&mut self, id: DentryId) {
        let Some(dentry) = self.dentries.remove(&id) else {
            return;
        };
        if let Some(parent) = dentry.parent {
            self.put_dentry(parent);
        }
        if let Some(inode) = self.inodes.get_mut(&dentry.inode) {
            inode.dentries = inode.dentries.saturating_sub(1);
            if inode.dentries == 0 {
                self.free_inode(dentry.inode);
            }
        }
    }

    /// Whether `id` is `ancestor` or below it.
    pub(crate) fn is_below(&self, id: DentryId, ancestor: DentryId) -> bool {
        let mut at = Some(id);
        while let Some(id) = at {
            if id == ancestor {
                return true;
            }
            at = self.dentries.get(&id).and_then(|dentry| dentry.parent);
        }
        false
    }
}

//! Inodes: added, changed, and freed with their contents.

use super::{Body, Fs, Inode, Vfs};
use crate::{InodeId, trace_view};
use glassdock_trace::{Change, Delta};

impl Vfs {
    pub(crate) fn add_inode(&mut self, inode: Inode) -> InodeId {
        let id = InodeId(self.new_id());
        self.inodes.insert(id, inode);
        self.log_inode(id, None);
        id
    }

    /// Changes an inode. Everything that can be seen of a tmpfs's file changes here.
    pub(crate) fn change_inode(&mut self, id: InodeId, change: impl FnOnce(&mut Inode)) {
        let before = self.traced_inode(id);
        if let Some(inode) = self.inodes.get_mut(&id) {
            change(inode);
        }
        self.log_inode(id, before);
    }

    pub(crate) fn traced_inode(&self, id: InodeId) -> Option<glassdock_trace::world::InodeInfo> {
        let inode = self.inodes.get(&id)?;
        self.tmp(inode.sb)?;
        Some(trace_view::inode(inode))
    }

    pub(super) fn log_inode(
        &mut self,
        id: InodeId,
        before: Option<glassdock_trace::world::InodeInfo>,
    ) {
        let after = self.traced_inode(id);
        if before != after
            && let Some(inode) = self.inodes.get(&id)
            && let Some(sb) = self.sbs.get(&inode.sb)
        {
            let change = Change {
                key: (sb.dev.0, inode.attr.ino),
                before,
                after,
            };
            self.deltas.push(Delta::Inode(change));
        }
    }

    /// Sets or removes an extended attribute of a tmpfs's file.
    pub(crate) fn store_xattr(&mut self, id: InodeId, name: &[u8], value: Option<&[u8]>) {
        let Some(inode) = self.inodes.get_mut(&id) else {
            return;
        };
        let before = match value {
            Some(value) => inode.xattrs.insert(name.to_vec(), value.to_vec()),
            None => inode.xattrs.remove(name),
        };
        let after = value.map(<[u8]>::to_vec);
        if before != after
            && let Some(sb) = self.sbs.get(&inode.sb)
        {
            let change = Change {
                key: (sb.dev.0, inode.attr.ino, name.to_vec()),
                before,
                after,
            };
            self.deltas.push(Delta::Xattr(change));
        }
    }

    /// Frees an inode that no dentry names.
    pub(super) fn free_inode(&mut self, id: InodeId) {
        let names: Vec<Vec<u8>> = match self.inodes.get(&id) {
            Some(inode) => inode.xattrs.keys().cloned().collect(),
            None => return,
        };
        for name in names {
            self.store_xattr(id, &name, None);
        }
        let before = self.traced_inode(id);
        let Some(mut inode) = self.inodes.remove(&id) else {
            return;
        };
        self.pay_back(&mut inode);
        if let Some(sb) = self.sbs.get_mut(&inode.sb) {
            if before.is_some() {
                let change = Change {
                    key: (sb.dev.0, inode.attr.ino),
                    before,
                    after: None,
                };
                self.deltas.push(Delta::Inode(change));
            }
            match &mut sb.fs {
                Fs::Tmp(tmp) => {
                    tmp.used_inodes = tmp.used_inodes.saturating_sub(1);
                    let pages = (inode.attr.blocks / 8).min(tmp.used_pages);
                    tmp.used_pages -= pages;
                    self.tmp_pages -= pages;
                }
                Fs::Overlay(overlay) => overlay.forget(id),
                Fs::Synthetic { .. } => {}
            }
        }
        if let Body::Overlay(node) = inode.body {
            for real in node.reals() {
                self.put_dentry(real);
            }
        }
    }

    // Dentries.
}

//! Superblocks: found, added, changed, and dropped with all that is on them.

use super::{Dentry, Fs, Inode, Superblock, TmpFs, Vfs};
use crate::{DentryId, InodeId, SbId, trace_view};
use glassdock_abi::types::Dev;
use glassdock_abi::{Errno, Result};
use glassdock_trace::{Change, Delta};

impl Vfs {
    pub(crate) fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Superblocks have numbers of their own: few, so that going through all of them is quick.
    pub(crate) fn new_sb_id(&mut self) -> SbId {
        self.next_sb += 1;
        SbId(self.next_sb)
    }

    pub(crate) fn sb(&self, id: SbId) -> Result<&Superblock> {
        self.sbs.get(&id).ok_or(Errno::ESTALE)
    }
    pub(crate) fn sb_mut(&mut self, id: SbId) -> Result<&mut Superblock> {
        self.sbs.get_mut(&id).ok_or(Errno::ESTALE)
    }
    pub(crate) fn node(&self, id: InodeId) -> Result<&Inode> {
        self.inodes.get(&id).ok_or(Errno::ESTALE)
    }
    pub(crate) fn dentry(&self, id: DentryId) -> Result<&Dentry> {
        self.dentries.get(&id).ok_or(Errno::ESTALE)
    }
    /// The inode behind a dentry.
    pub(crate) fn dnode(&self, id: DentryId) -> Result<&Inode> {
        self.node(self.dentry(id)?.inode)
    }
    pub(crate) fn tmp(&self, id: SbId) -> Option<&TmpFs> {
        match &self.sbs.get(&id)?.fs {
            Fs::Tmp(tmp) => Some(tmp),
            _ => None,
        }
    }
    pub(crate) fn tmp_mut(&mut self, id: SbId) -> Option<&mut TmpFs> {
        match &mut self.sbs.get_mut(&id)?.fs {
            Fs::Tmp(tmp) => Some(tmp),
            _ => None,
        }
    }

    // Superblocks.

    /// Adds a superblock with a root directory.
    pub(crate) fn add_sb(
        &mut self,
        fstype: &[u8],
        magic: u64,
        readonly: bool,
        fs: Fs,
        root: Inode,
    ) -> SbId {
        let id = root.sb;
        self.next_dev += 1;
        let dev = Dev::new(0, self.next_dev);
        self.sbs.insert(
            id,
            Superblock {
                dev,
                fstype: fstype.to_vec(),
                magic,
                root: DentryId(0),
                readonly,
                active: 0,
                owner: None,
                fs,
            },
        );
        self.log_sb(id, None);
        let inode = self.add_inode(root);
        let dentry = self.add_dentry(id, None, b"/", inode);
        self.get_dentry(dentry);
        if let Some(sb) = self.sbs.get_mut(&id) {
            sb.root = dentry;
        }
        id
    }

    /// Changes a superblock's options.
    pub(crate) fn change_sb(&mut self, id: SbId, change: impl FnOnce(&mut Superblock)) {
        let before = self.sbs.get(&id).map(trace_view::superblock);
        if let Some(sb) = self.sbs.get_mut(&id) {
            change(sb);
        }
        self.log_sb(id, before);
    }

    pub(super) fn log_sb(
        &mut self,
        id: SbId,
        before: Option<glassdock_trace::world::SuperblockInfo>,
    ) {
        let Some(sb) = self.sbs.get(&id) else { return };
        let after = Some(trace_view::superblock(sb));
        if before != after {
            let change = Change {
                key: sb.dev.0,
                before,
                after,
            };
            self.deltas.push(Delta::Superblock(change));
        }
    }

    /// A mount or overlay begins to use a superblock.
    pub(crate) fn get_sb(&mut self, id: SbId) {
        if let Some(sb) = self.sbs.get_mut(&id) {
            sb.active += 1;
        }
    }

    /// A mount or overlay no longer uses a superblock; the last one takes it down.
    pub(crate) fn put_sb(&mut self, id: SbId) {
        let Some(sb) = self.sbs.get_mut(&id) else {
            return;
        };
        sb.active = sb.active.saturating_sub(1);
        if sb.active > 0 {
            return;
        }
        let root = sb.root;
        self.drop_tree(root);
        let Some(sb) = self.sbs.remove(&id) else {
            return;
        };
        let change = Change {
            key: sb.dev.0,
            before: Some(trace_view::superblock(&sb)),
            after: None,
        };
        self.deltas.push(Delta::Superblock(change));
        match sb.fs {
            Fs::Overlay(overlay) => self.put_layers(*overlay),
            // Of files that are gone with it.
            Fs::Tmp(tmp) => self.tmp_pages -= tmp.used_pages,
            Fs::Synthetic { .. } => {}
        }
    }

    /// Forgets all dentries below and at `top`, from the leaves up.
    pub(super) fn drop_tree(&mut self, top: DentryId) {
        let mut order = vec![top];
        let mut at = 0;
        while let Some(id) = order.get(at).copied() {
            at += 1;
            if let Some(dentry) = self.dentries.get(&id) {
                order.extend(dentry.children.values());
            }
        }
        for id in order.into_iter().rev() {
            self.unhash(id);
            if let Some(dentry) = self.dentries.get_mut(&id) {
                dentry.count = 0;
            }
            self.free_dentry(id);
        }
    }

    // Inodes.
}

//! Who pays for the memory that contents of tmpfs files take.
//!
//! A payer is a number that the kernel knows (a control group's account); 0 is the machine. A file's pages are its maker's
//! to pay, whoever writes. The first file system stands for the machine's disk: nobody pays for what is in it.

use crate::store::{Body, Inode};
use crate::{InodeId, SbId, Vfs};
use glassdock_abi::{Errno, Result};
use std::collections::BTreeMap;

/// Pages by payer, and the limit of the one who pays now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Payers {
    /// Who pays for files that are made from now on.
    now: u32,
    /// How many more pages that one may take.
    room: u64,
    pages: BTreeMap<u32, u64>,
    /// The file system that nobody pays for.
    pub(crate) disk: Option<SbId>,
}

impl Payers {
    /// Counts pages that a payer got or gave back.
    pub(crate) fn count(&mut self, payer: u32, before: u64, after: u64) {
        if payer == 0 {
            return;
        }
        let pages = self.pages.entry(payer).or_default();
        *pages = (*pages + after).saturating_sub(before);
        if payer == self.now {
            self.room = (self.room + before).saturating_sub(after);
        }
    }
}

impl Vfs {
    /// Says who pays for files that are made from now on, and how many pages that one may still take: what would take
    /// more fails with `ENOMEM`.
    pub fn set_payer(&mut self, payer: u32, room: u64) {
        self.payers.now = payer;
        self.payers.room = room;
    }

    /// Pages of tmpfs files by who pays for them; the machine's are left out.
    pub fn paid_pages(&self) -> impl Iterator<Item = (u32, u64)> {
        self.payers
            .pages
            .iter()
            .map(|(payer, pages)| (*payer, *pages))
    }

    /// Makes everything of one payer another's.
    pub fn move_payer(&mut self, from: u32, to: u32) {
        let files = self.inodes.values_mut();
        for inode in files.filter(|inode| inode.payer == from) {
            inode.payer = to;
        }
        if let Some(pages) = self.payers.pages.remove(&from)
            && to != 0
        {
            *self.payers.pages.entry(to).or_default() += pages;
        }
    }

    /// Who pays for the contents of a file.
    pub fn payer_of(&self, id: InodeId) -> u32 {
        let id = self.data_inode(id).unwrap_or(id);
        self.inodes.get(&id).map_or(0, |inode| inode.payer)
    }

    /// Who is to pay for a file that is made in a tmpfs.
    pub(crate) fn payer_in(&self, sb: SbId) -> u32 {
        match self.payers.disk == Some(sb) {
            true => 0,
            false => self.payers.now,
        }
    }

    /// `ENOMEM` where pages are more than the payer of a file may take.
    pub(crate) fn check_payer(&self, id: InodeId, pages: u64) -> Result<()> {
        match pages > self.payer_room(id) {
            true => Err(Errno::ENOMEM),
            false => Ok(()),
        }
    }

    /// How many more pages the payer of a file may take, as far as that is the one who pays now.
    pub(crate) fn payer_room(&self, id: InodeId) -> u64 {
        let payer = self.inodes.get(&id).map_or(0, |inode| inode.payer);
        match payer != 0 && payer == self.payers.now {
            true => self.payers.room,
            false => u64::MAX,
        }
    }

    /// The pages of a file that is forgotten are given back.
    pub(crate) fn pay_back(&mut self, inode: &Inode) {
        if let Body::File(content) = &inode.body {
            self.payers.count(inode.payer, content.pages(), 0);
        }
    }
}

//! Who pays for the memory that contents of tmpfs files take.
//!
//! A payer is a number that the kernel knows (a control group's account); 0 is the machine. A page is to be paid by whoever
//! has a file get it. Which of a file's pages are whose is not kept, only how many: what a file gives back is that of who came
//! last. The first file system stands for the machine's disk: nobody pays for what is in it.

use crate::store::{Body, Inode};
use crate::{InodeId, SbId, Vfs};
use glassdock_abi::{Errno, Result};
use std::collections::BTreeMap;

/// Pages by payer, and the limit of the one who pays now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Payers {
    /// Who pays for what files get from now on.
    now: u32,
    /// How many more pages that one may take.
    room: u64,
    pages: BTreeMap<u32, u64>,
    /// The file system that nobody pays for.
    pub(crate) disk: Option<SbId>,
}

impl Payers {
    /// Counts pages that a file got, or gave back.
    fn count(&mut self, paid: &mut Vec<(u32, u64)>, before: u64, after: u64) {
        if after > before && self.now != 0 {
            let more = after - before;
            match paid.iter_mut().find(|(payer, _)| *payer == self.now) {
                Some((_, pages)) => *pages += more,
                None => paid.push((self.now, more)),
            }
            *self.pages.entry(self.now).or_default() += more;
            self.room = self.room.saturating_sub(more);
        }
        let mut fewer = before.saturating_sub(after);
        while let Some((payer, pages)) = paid.last_mut().filter(|_| fewer > 0) {
            let back = fewer.min(*pages);
            fewer -= back;
            *pages -= back;
            if let Some(all) = self.pages.get_mut(payer) {
                *all = all.saturating_sub(back);
            }
            if *payer == self.now {
                self.room += back;
            }
            if *pages == 0 {
                paid.pop();
            }
        }
    }
}

impl Vfs {
    /// Says who pays for what files get from now on, and how many pages that one may still take: what would take
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
        let pages = self.payers.pages.remove(&from).unwrap_or_default();
        if pages == 0 {
            return;
        }
        for inode in self.inodes.values_mut() {
            let Some(at) = inode.paid.iter().position(|(payer, _)| *payer == from) else {
                continue;
            };
            let (_, pages) = inode.paid.remove(at);
            match inode.paid.iter_mut().find(|(payer, _)| *payer == to) {
                _ if to == 0 => {}
                Some((_, all)) => *all += pages,
                None => inode.paid.push((to, pages)),
            }
        }
        if to != 0 {
            *self.payers.pages.entry(to).or_default() += pages;
        }
    }

    /// Whether what a file gets is to be paid for.
    pub fn is_paid(&self, id: InodeId) -> bool {
        let inode = self.data_inode(id).ok().and_then(|id| self.inodes.get(&id));
        inode.is_some_and(|inode| self.payers.disk != Some(inode.sb))
    }

    /// Counts pages that a file got, or gave back.
    pub(crate) fn count_paid(&mut self, id: InodeId, before: u64, after: u64) {
        if !self.is_paid(id) {
            return;
        }
        if let Some(inode) = self.inodes.get_mut(&id) {
            self.payers.count(&mut inode.paid, before, after);
        }
    }

    /// `ENOMEM` where pages for a file are more than who pays now may take.
    pub(crate) fn check_payer(&self, id: InodeId, pages: u64) -> Result<()> {
        match pages > self.payer_room(id) {
            true => Err(Errno::ENOMEM),
            false => Ok(()),
        }
    }

    /// How many more pages a file may get from who pays now.
    pub(crate) fn payer_room(&self, id: InodeId) -> u64 {
        match self.payers.now != 0 && self.is_paid(id) {
            true => self.payers.room,
            false => u64::MAX,
        }
    }

    /// The pages of a file that is forgotten are given back.
    pub(crate) fn pay_back(&mut self, inode: &mut Inode) {
        if let Body::File(content) = &inode.body {
            self.payers.count(&mut inode.paid, content.pages(), 0);
        }
    }
}

//! Locks of whole files (`man 2 flock`) by open file description, and record locks (`F_SETLK`) by process.

use crate::ids::{FileId, Tid};
use glassdock_abi::{Errno, Result};
use std::collections::BTreeMap;

/// A record lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Record {
    pub(crate) owner: Tid,
    pub(crate) exclusive: bool,
    pub(crate) start: u64,
    /// First byte that is not in it.
    pub(crate) end: u64,
}

/// All locks of a machine, by inode.
#[derive(Clone, Debug, Default)]
pub(crate) struct Locks {
    whole: BTreeMap<u64, Vec<(FileId, bool)>>,
    records: BTreeMap<u64, Vec<Record>>,
}

impl Locks {
    /// Takes a lock, exclusive or shared, in place of the one the description holds. `EAGAIN` while others are in the
    /// way.
    pub(crate) fn lock(&mut self, inode: u64, file: FileId, exclusive: bool) -> Result<()> {
        let holders = self.whole.entry(inode).or_default();
        let conflict = holders
            .iter()
            .any(|(other, theirs)| *other != file && (exclusive || *theirs));
        if conflict {
            return Err(Errno::EAGAIN);
        }
        holders.retain(|(other, _)| *other != file);
        holders.push((file, exclusive));
        Ok(())
    }
    pub(crate) fn unlock(&mut self, inode: u64, file: FileId) {
        if let Some(holders) = self.whole.get_mut(&inode) {
            holders.retain(|(other, _)| *other != file);
            if holders.is_empty() {
                self.whole.remove(&inode);
            }
        }
    }
    pub(crate) fn release_all(&mut self, file: FileId) {
        self.whole.retain(|_, holders| {
            holders.retain(|(other, _)| *other != file);
            !holders.is_empty()
        });
    }

    /// A record lock that stands in the way.
    pub(crate) fn conflict(&self, inode: u64, wanted: &Record) -> Option<Record> {
        let records = self.records.get(&inode)?;
        records.iter().copied().find(|other| {
            other.owner != wanted.owner
                && (other.exclusive || wanted.exclusive)
                && other.start < wanted.end
                && wanted.start < other.end
        })
    }
    /// Sets a record lock in place of the owner's locks on those bytes.
    pub(crate) fn set(&mut self, inode: u64, wanted: Record) {
        self.clear(inode, wanted.owner, wanted.start, wanted.end);
        self.records.entry(inode).or_default().push(wanted);
    }
    /// Unlocks bytes of one owner.
    pub(crate) fn clear(&mut self, inode: u64, owner: Tid, start: u64, end: u64) {
        let Some(records) = self.records.get_mut(&inode) else {
            return;
        };
        let mut kept = Vec::with_capacity(records.len() + 1);
        for record in records.drain(..) {
            if record.owner != owner || record.end <= start || end <= record.start {
                kept.push(record);
                continue;
            }
            if record.start < start {
                kept.push(Record {
                    end: start,
                    ..record
                });
            }
            if end < record.end {
                kept.push(Record {
                    start: end,
                    ..record
                });
            }
        }
        *records = kept;
        if records.is_empty() {
            self.records.remove(&inode);
        }
    }
    /// Drops all record locks of a process. Returns the inodes.
    pub(crate) fn drop_owner(&mut self, owner: Tid) -> Vec<u64> {
        let mut touched = Vec::new();
        self.records.retain(|inode, records| {
            let before = records.len();
            records.retain(|record| record.owner != owner);
            if records.len() != before {
                touched.push(*inode);
            }
            !records.is_empty()
        });
        touched
    }
}

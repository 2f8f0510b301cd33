//! Contents of a regular file: shared pages with holes.

use crate::{PAGE_SIZE, Page};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The largest size of a file, in bytes (`MAX_LFS_FILESIZE` of x86-64).
pub const FILE_SIZE_MAX: u64 = i64::MAX as u64;

const PAGE: u64 = PAGE_SIZE as u64;
/// Bytes that a copy-up copies at once, holes included (`OVL_COPY_UP_CHUNK_SIZE`).
const COPY_CHUNK: u64 = 1 << 20;

/// Sparse pages and a length. Clones share their pages until one of them is written to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    size: u64,
    pages: BTreeMap<u64, Arc<Page>>,
    /// Pages that were allocated and never written: they take space, and are still holes for who looks for data.
    unwritten: BTreeSet<u64>,
}

impl Content {
    /// Contents that hold these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Content {
        let mut content = Content::default();
        content.write(0, bytes);
        content
    }

    /// Length in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Number of pages that are there.
    pub fn pages(&self) -> u64 {
        self.pages.len() as u64
    }

    /// A page, unless it is a hole.
    pub fn page(&self, index: u64) -> Option<&Arc<Page>> {
        self.pages.get(&index)
    }

    /// At most `count` bytes from `offset`, fewer only at the end.
    pub fn read(&self, offset: u64, count: usize) -> Vec<u8> {
        let count = (self.size.saturating_sub(offset)).min(count as u64) as usize;
        let mut bytes = vec![0; count];
        for (index, page) in self
            .pages
            .range(offset / PAGE..)
            .take_while(|(index, _)| *index * PAGE < offset + count as u64)
        {
            let start = index * PAGE;
            let from = offset.max(start);
            let to = (offset + count as u64).min(start + PAGE);
            bytes[(from - offset) as usize..(to - offset) as usize]
                .copy_from_slice(&page[(from - start) as usize..(to - start) as usize]);
        }
        bytes
    }

    /// How many pages a write of this range would add.
    pub fn missing(&self, offset: u64, count: u64) -> u64 {
        if count == 0 {
            return 0;
        }
        let (first, last) = (offset / PAGE, (offset + count - 1) / PAGE);
        last - first + 1 - self.pages.range(first..=last).count() as u64
    }

    /// Writes bytes, growing the file if they end beyond it.
    pub fn write(&mut self, offset: u64, bytes: &[u8]) {
        let mut done = 0;
        while done < bytes.len() {
            let at = offset + done as u64;
            let within = (at % PAGE) as usize;
            let n = (PAGE_SIZE - within).min(bytes.len() - done);
            let page = self
                .pages
                .entry(at / PAGE)
                .or_insert_with(|| Arc::new([0; PAGE_SIZE]));
            Arc::make_mut(page)[within..within + n].copy_from_slice(&bytes[done..done + n]);
            self.unwritten.remove(&(at / PAGE));
            done += n;
        }
        if !bytes.is_empty() {
            self.size = self.size.max(offset + bytes.len() as u64);
        }
    }

    /// Sets the length: what is cut off is gone, what is added is a hole.
    pub fn truncate(&mut self, size: u64) {
        if size < self.size {
            drop(self.pages.split_off(&size.div_ceil(PAGE)));
            drop(self.unwritten.split_off(&size.div_ceil(PAGE)));
            let within = (size % PAGE) as usize;
            if within != 0
                && let Some(page) = self.pages.get_mut(&(size / PAGE))
            {
                Arc::make_mut(page)[within..].fill(0);
            }
        }
        self.size = size;
    }

    /// Makes the pages of a range be there, zeroed, without changing the length.
    pub fn allocate(&mut self, offset: u64, len: u64) {
        for index in offset / PAGE..(offset + len).div_ceil(PAGE) {
            if let Entry::Vacant(page) = self.pages.entry(index) {
                page.insert(Arc::new([0; PAGE_SIZE]));
                self.unwritten.insert(index);
            }
        }
    }

    /// What a copy-up makes of it: pieces of [`COPY_CHUNK`] from each place with data on (`ovl_copy_up_file`).
    pub fn copied(&self) -> Content {
        let mut copy = Content {
            size: self.size,
            ..Content::default()
        };
        let mut at = 0;
        while let Some(start) = self.seek(at, true) {
            let end = (start + COPY_CHUNK).min(self.size);
            for index in start / PAGE..end.div_ceil(PAGE) {
                let page = self.pages.get(&index).cloned();
                copy.pages
                    .insert(index, page.unwrap_or_else(|| Arc::new([0; PAGE_SIZE])));
            }
            at = end;
        }
        copy
    }

    /// Zeroes a range, giving back whole pages.
    pub fn punch(&mut self, offset: u64, len: u64) {
        let end = offset + len;
        let indexes: Vec<u64> = self
            .pages
            .range(offset / PAGE..end.div_ceil(PAGE))
            .map(|(index, _)| *index)
            .collect();
        for index in indexes {
            let start = index * PAGE;
            if offset <= start && start + PAGE <= end {
                self.pages.remove(&index);
                self.unwritten.remove(&index);
            } else if let Some(page) = self.pages.get_mut(&index) {
                let from = offset.max(start) - start;
                let to = end.min(start + PAGE) - start;
                Arc::make_mut(page)[from as usize..to as usize].fill(0);
            }
        }
    }

    /// First offset from `offset` on that holds data (`true`) or a hole; the end counts as a hole.
    pub fn seek(&self, offset: u64, data: bool) -> Option<u64> {
        if offset >= self.size {
            return None;
        }
        if data {
            let written = |index: &&u64| !self.unwritten.contains(index);
            let mut pages = self.pages.range(offset / PAGE..).map(|(index, _)| index);
            let index = pages.find(written)?;
            let at = offset.max(index * PAGE);
            return (at < self.size).then_some(at);
        }
        let mut index = offset / PAGE;
        while self.pages.contains_key(&index) && !self.unwritten.contains(&index) {
            index += 1;
        }
        Some(offset.max(index * PAGE).min(self.size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_read_as_zeros_and_take_no_page() {
        let mut content = Content::default();
        content.write(3 * PAGE + 1, b"abc");
        assert_eq!((content.size(), content.pages()), (3 * PAGE + 4, 1));
        assert_eq!(content.read(3 * PAGE, 10), b"\0abc");
        assert_eq!(content.read(0, 4), [0; 4]);
        assert_eq!(content.seek(0, true), Some(3 * PAGE));
        assert_eq!(content.seek(3 * PAGE, false), Some(3 * PAGE + 4));
        assert_eq!(content.seek(3 * PAGE + 4, true), None);
    }

    #[test]
    fn what_was_only_allocated_takes_pages_and_is_a_hole() {
        let mut content = Content::default();
        content.allocate(0, 3 * PAGE);
        content.truncate(3 * PAGE);
        content.write(PAGE, b"x");
        assert_eq!(content.pages(), 3);
        assert_eq!(content.seek(0, true), Some(PAGE));
        assert_eq!(content.seek(PAGE, false), Some(2 * PAGE));
        let copy = content.copied();
        assert_eq!((copy.size(), copy.pages()), (3 * PAGE, 2));
    }

    #[test]
    fn what_was_cut_off_does_not_come_back() {
        let mut content = Content::from_bytes(b"hello world");
        content.truncate(5);
        content.truncate(11);
        assert_eq!(content.read(0, 99), b"hello\0\0\0\0\0\0");
    }

    #[test]
    fn a_clone_keeps_its_bytes_when_the_original_is_written() {
        let mut content = Content::from_bytes(&[7; 2 * PAGE_SIZE]);
        let copy = content.clone();
        content.write(0, b"x");
        assert_eq!(copy.read(0, 1), [7]);
        assert!(Arc::ptr_eq(copy.page(1).unwrap(), content.page(1).unwrap()));
    }

    #[test]
    fn punching_gives_back_whole_pages_and_zeroes_the_rest() {
        let mut content = Content::from_bytes(&[7; 3 * PAGE_SIZE]);
        content.punch(PAGE - 1, PAGE + 2);
        assert_eq!(content.pages(), 2);
        assert_eq!(content.read(PAGE - 2, 3), [7, 0, 0]);
        assert_eq!(content.read(2 * PAGE, 2), [0, 7]);
    }
}

//! What the kernel asks of a place beyond files: which node of its own it is, and shared mappings' way back.

use crate::store::Body;
use crate::{InodeId, NodeId, PAGE_SIZE, Page, Path, SbId, Vfs};
use glassdock_abi::{Errno, Result};

impl Vfs {
    /// The superblock of a place.
    pub fn superblock(&self, path: Path) -> Result<SbId> {
        Ok(self.dnode(path.dentry)?.sb)
    }

    /// The node that a place of a file system supplied by the kernel is. `EINVAL` for any other.
    pub fn synthetic_node(&self, path: Path) -> Result<NodeId> {
        match self.dnode(path.dentry)?.body {
            Body::Synthetic(node) => Ok(node),
            _ => Err(Errno::EINVAL),
        }
    }

    /// The directory that a place is in, without leaving its mount: for the mount's root that is itself.
    pub fn parent(&self, path: Path) -> Path {
        let parent = self
            .dentries
            .get(&path.dentry)
            .and_then(|dentry| dentry.parent);
        Path {
            dentry: parent.unwrap_or(path.dentry),
            ..path
        }
    }

    /// How many pages of memory a file gets by a write of a range; zero for one that is not in memory.
    pub fn missing_pages(&self, inode: InodeId, offset: u64, len: u64) -> u64 {
        let id = self.data_inode(inode);
        let missing = |content: &crate::content::Content| content.missing(offset, len);
        id.and_then(|id| self.content(id)).map_or(0, missing)
    }

    /// Brings a page that programs wrote through a shared mapping into its file; what lies beyond the end is dropped,
    /// and a page that is as it was changes nothing.
    pub fn store_page(&mut self, inode: InodeId, index: u64, page: &Page) -> Result<()> {
        let id = self.data_inode(inode)?;
        let offset = index * PAGE_SIZE as u64;
        let content = self.content(id)?;
        let length = content.size().saturating_sub(offset).min(PAGE_SIZE as u64) as usize;
        let same = match content.page(index) {
            Some(old) => old[..length] == page[..length],
            None => page[..length].iter().all(|byte| *byte == 0),
        };
        if length > 0 && !same {
            self.tmp_write(id, offset, &page[..length])?;
        }
        Ok(())
    }
}

//! Contents and listings of open files (`fs/read_write.c`, `fs/readdir.c`, `fs/open.c`).

use crate::perm::MAY_WRITE;
use crate::store::FIRST_COOKIE;
use crate::{At, Cx, FileKind, InodeId, Lookup, OpenFile, Page, Path, SetAttr, Vfs};
use glassdock_abi::flags::OpenFlags;
use glassdock_abi::types::{Dirent, mode::*};
use glassdock_abi::{Errno, Result};
use std::sync::Arc;

/// `FALLOC_FL_KEEP_SIZE`.
const KEEP_SIZE: u32 = 1;
/// `FALLOC_FL_PUNCH_HOLE`.
const PUNCH_HOLE: u32 = 2;
/// `FALLOC_FL_COLLAPSE_RANGE`.
const COLLAPSE_RANGE: u32 = 8;
/// `FALLOC_FL_ZERO_RANGE`.
const ZERO_RANGE: u32 = 0x10;
/// `FALLOC_FL_INSERT_RANGE`.
const INSERT_RANGE: u32 = 0x20;
/// `FALLOC_FL_UNSHARE_RANGE`.
const UNSHARE_RANGE: u32 = 0x40;
/// `SEEK_DATA`.
const SEEK_DATA: u32 = 3;
/// `SEEK_HOLE`.
const SEEK_HOLE: u32 = 4;
/// Bytes of a `struct linux_dirent64` before its name.
const DIRENT_HEADER: usize = 19;

/// Bytes that an entry takes in `getdents64`'s buffer.
pub(crate) fn dirent_len(name: &[u8]) -> usize {
    (DIRENT_HEADER + name.len() + 1).next_multiple_of(8)
}

impl Vfs {
    fn regular(file: &OpenFile) -> Result<()> {
        match file.kind {
            FileKind::Regular => Ok(()),
            FileKind::Directory => Err(Errno::EISDIR),
            _ => Err(Errno::EINVAL),
        }
    }

    fn writable(file: &OpenFile) -> Result<()> {
        if !file.flags.writable() || file.flags.contains(OpenFlags::PATH) {
            return Err(Errno::EBADF);
        }
        Ok(())
    }

    /// Reads at an offset; short only at the end. Updates the access time by the mount's rules. `EBADF` if not open for
    /// reading, `EISDIR` for a directory, `EINVAL` for what the kernel serves itself.
    pub fn read(
        &mut self,
        cx: &mut Cx,
        file: &OpenFile,
        offset: u64,
        count: usize,
    ) -> Result<Vec<u8>> {
        if !file.flags.readable() || file.flags.contains(OpenFlags::PATH) {
            return Err(Errno::EBADF);
        }
        Self::regular(file)?;
        let bytes = self.content(file.inode)?.read(offset, count);
        if !file.flags.contains(OpenFlags::NOATIME) {
            self.touch_atime(cx, file.path);
        }
        Ok(bytes)
    }

    /// Writes at an offset (at the end with `O_APPEND`); clears set-id bits. Returns the count and the position after.
    /// `ENOSPC` or `EFBIG` only if not one byte could be written.
    pub fn write(
        &mut self,
        cx: &mut Cx,
        file: &OpenFile,
        offset: u64,
        data: &[u8],
    ) -> Result<(usize, u64)> {
        Self::writable(file)?;
        Self::regular(file)?;
        let id = self.data_inode(file.inode)?;
        let append = file.flags.contains(OpenFlags::APPEND);
        let offset = if append {
            self.content(id)?.size()
        } else {
            offset
        };
        if data.is_empty() {
            return Ok((0, offset));
        }
        self.before_write(cx, file.path.dentry)?;
        let count = self.tmp_write(id, offset, data)?;
        Ok((count, offset + count as u64))
    }

    /// A page of a regular file, to be mapped; `None` for a hole or beyond the end. Bytes beyond the end are zero.
    pub fn page(&self, inode: InodeId, index: u64) -> Result<Option<Arc<Page>>> {
        Ok(self.content(inode)?.page(index).cloned())
    }

    /// Changes with every change of a regular file's contents.
    pub fn content_version(&self, inode: InodeId) -> u64 {
        self.data_inode(inode)
            .and_then(|id| self.node(id))
            .map_or(0, |inode| inode.version)
    }

    /// Length of a regular file in bytes.
    pub fn size(&self, inode: InodeId) -> u64 {
        self.content(inode).map_or(0, |content| content.size())
    }

    /// `man 2 ftruncate`.
    pub fn ftruncate(&mut self, cx: &mut Cx, file: &OpenFile, size: u64) -> Result<()> {
        if file.kind != FileKind::Regular
            || !file.flags.writable()
            || file.flags.contains(OpenFlags::PATH)
        {
            return Err(Errno::EINVAL);
        }
        self.resize(cx, file.path, size)
    }

    /// `man 2 truncate`.
    pub fn truncate(&mut self, cx: &mut Cx, at: At, path: &[u8], size: u64) -> Result<()> {
        if size > i64::MAX as u64 {
            return Err(Errno::EINVAL);
        }
        let path = self.lookup(cx, at, path, Lookup::FOLLOW)?;
        let attr = self.fs_attr(cx, path.dentry)?;
        if attr.is_dir() {
            return Err(Errno::EISDIR);
        }
        if !attr.is_reg() {
            return Err(Errno::EINVAL);
        }
        self.want_write(path.mount)?;
        self.inode_permission(cx, path.dentry, MAY_WRITE)?;
        if self
            .node(self.data_inode(self.dentry(path.dentry)?.inode)?)?
            .writers
            < 0
        {
            return Err(Errno::ETXTBSY);
        }
        self.resize(cx, path, size)
    }

    fn resize(&mut self, cx: &mut Cx, path: Path, size: u64) -> Result<()> {
        if matches!(self.kind_of(path.dentry)?, crate::fsops::Kind::Synthetic(_)) {
            return self.fs_set_attr(
                cx,
                path.dentry,
                &SetAttr {
                    size: Some(size),
                    ..SetAttr::default()
                },
            );
        }
        self.before_write(cx, path.dentry)?;
        self.fs_set_attr(
            cx,
            path.dentry,
            &SetAttr {
                size: Some(size),
                ..SetAttr::default()
            },
        )
    }

    /// `man 2 fallocate` with modes 0, `KEEP_SIZE` 1, `PUNCH_HOLE` 2; others `EOPNOTSUPP`.
    pub fn fallocate(
        &mut self,
        cx: &mut Cx,
        file: &OpenFile,
        mode: u32,
        offset: u64,
        len: u64,
    ) -> Result<()> {
        if offset > i64::MAX as u64 || len == 0 || len > i64::MAX as u64 {
            return Err(Errno::EINVAL);
        }
        // What is asked, of which one bit may be set, and whether the size may be kept with it (`vfs_fallocate`).
        let ranges = [
            0,
            PUNCH_HOLE,
            COLLAPSE_RANGE,
            ZERO_RANGE,
            INSERT_RANGE,
            UNSHARE_RANGE,
        ];
        let range = mode & !KEEP_SIZE;
        let keeps = match range {
            PUNCH_HOLE => mode & KEEP_SIZE != 0,
            COLLAPSE_RANGE | INSERT_RANGE => mode & KEEP_SIZE == 0,
            _ => true,
        };
        if !ranges.contains(&range) || !keeps {
            return Err(Errno::EOPNOTSUPP);
        }
        Self::writable(file)?;
        match file.kind {
            FileKind::Regular => {}
            FileKind::Directory => return Err(Errno::EISDIR),
            FileKind::Fifo => return Err(Errno::ESPIPE),
            _ => return Err(Errno::ENODEV),
        }
        if offset
            .checked_add(len)
            .is_none_or(|end| end > i64::MAX as u64)
        {
            return Err(Errno::EFBIG);
        }
        if range != 0 && range != PUNCH_HOLE {
            return Err(Errno::EOPNOTSUPP);
        }
        let id = self.data_inode(file.inode)?;
        self.before_write(cx, file.path.dentry)?;
        if mode & PUNCH_HOLE != 0 {
            return self.tmp_punch(id, offset, len);
        }
        self.tmp_allocate(id, offset, len, mode & KEEP_SIZE != 0)
    }

    /// `SEEK_DATA` (3) and `SEEK_HOLE` (4) of `man 2 lseek`; `ENXIO` at or beyond the end.
    pub fn seek_data(&self, file: &OpenFile, offset: u64, whence: u32) -> Result<u64> {
        let data = match whence {
            SEEK_DATA => true,
            SEEK_HOLE => false,
            _ => return Err(Errno::EINVAL),
        };
        self.content(file.inode)?
            .seek(offset, data)
            .ok_or(Errno::ENXIO)
    }

    /// Entries from a position (0 at the start, or a [`Dirent::off`]) that fit `count` bytes as `getdents64` lays them
    /// out, and the next position; empty at the end, `EINVAL` if not one fits. The kernel keeps the position.
    pub fn getdents(
        &mut self,
        cx: &mut Cx,
        file: &OpenFile,
        position: u64,
        count: usize,
    ) -> Result<(Vec<Dirent>, u64)> {
        if file.flags.contains(OpenFlags::PATH) {
            return Err(Errno::EBADF);
        }
        if file.kind != FileKind::Directory {
            return Err(Errno::ENOTDIR);
        }
        let dir = file.path;
        if self.is_dead(dir.dentry) {
            return Err(Errno::ENOENT);
        }
        // In a tmpfs a position is that of the next entry, not of the last one (`offset_iterate_dir` of `fs/libfs.c`).
        let tmp = self.is_tmp(self.sb_of(dir.dentry)?);
        let mut list = Dirents {
            entries: Vec::new(),
            left: count,
            full: false,
            next: None,
        };
        if position == 0 {
            let ino = self.fs_attr(cx, dir.dentry)?.ino;
            list.push(ino, 1 - u64::from(tmp), S_IFDIR, b".");
        }
        if position <= 1 {
            let parent = self.dentry(dir.dentry)?.parent.unwrap_or(dir.dentry);
            let ino = self.fs_attr(cx, parent)?.ino;
            list.push(ino, FIRST_COOKIE - 1 - u64::from(tmp), S_IFDIR, b"..");
        }
        if !list.full && position != DIR_END {
            let after = match position {
                ..FIRST_COOKIE => FIRST_COOKIE - 1,
                _ if tmp => position + 1,
                _ => position,
            };
            for entry in self.fs_readdir(cx, dir.dentry, after)? {
                list.push(entry.ino, entry.cookie, entry.kind, &entry.name);
                if list.full {
                    break;
                }
            }
        }
        self.touch_atime(cx, dir);
        if list.full && list.entries.is_empty() {
            return Err(Errno::EINVAL);
        }
        if tmp {
            return Ok(list.with_next());
        }
        let overlay = matches!(self.kind_of(dir.dentry)?, crate::fsops::Kind::Overlay);
        if overlay && !list.full {
            return Ok((list.entries, DIR_END));
        }
        let next = list.entries.last().map_or(position, |last| last.off);
        Ok((list.entries, next))
    }
}

/// Position in a directory of a tmpfs whose end was reached.
const DIR_END: u64 = i32::MAX as u64;

struct Dirents {
    entries: Vec<Dirent>,
    left: usize,
    full: bool,
    /// Number of the entry that did not fit.
    next: Option<u64>,
}

impl Dirents {
    fn push(&mut self, ino: u64, off: u64, kind: u32, name: &[u8]) {
        let len = dirent_len(name);
        if self.full || len > self.left {
            self.next = self.next.or(Some(off));
            self.full = true;
            return;
        }
        self.left -= len;
        self.entries.push(Dirent {
            ino,
            off,
            kind: (kind >> 12) as u8,
            name: name.to_vec(),
        });
    }

    /// The entries, each with the number of the one after it, and the number of the one after all.
    fn with_next(self) -> (Vec<Dirent>, u64) {
        let end = self.next.unwrap_or(DIR_END);
        let mut entries = self.entries;
        let mut next = end;
        for entry in entries.iter_mut().rev() {
            next = std::mem::replace(&mut entry.off, next);
        }
        (entries, end)
    }
}

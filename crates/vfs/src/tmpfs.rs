//! tmpfs (`mm/shmem.c`; `Documentation/filesystems/tmpfs.rst`).

use crate::content::{Content, FILE_SIZE_MAX};
use crate::fsops::New;
use crate::perm::new_owner;
use crate::store::{Attr, Body, Fs, Inode, TmpFs};
use crate::{Cred, Cx, DentryId, IdKind, InodeId, NodeEntry, PAGE_SIZE, SbId, SetAttr, Vfs};
use glassdock_abi::flags::RenameFlags;
use glassdock_abi::types::{Dev, Timespec, mode::*};
use glassdock_abi::{Errno, Result};

/// Magic number for `statfs` (`TMPFS_MAGIC`).
pub(crate) const TMPFS_MAGIC: u64 = 0x0102_1994;
/// What an entry adds to its directory's size, in bytes (`BOGO_DIRENT_SIZE`).
const DIRENT_SIZE: u64 = 20;
/// Longest target of a symbolic link that takes no page, in bytes with its NUL (`SHORT_SYMLINK_LEN`).
const SHORT_SYMLINK: usize = 128;
/// 512-byte units of a page.
const BLOCKS: u64 = PAGE_SIZE as u64 / 512;

/// Options of a mount of a tmpfs.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Options {
    pub size: Option<u64>,
    pub inodes: Option<u64>,
    pub mode: Option<u32>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
}

impl Options {
    /// Parses `size=,nr_blocks=,nr_inodes=,mode=,uid=,gid=`; `EINVAL` for what tmpfs does not know.
    pub fn parse(data: &[u8], memory: u64) -> Result<Options> {
        let mut options = Options::default();
        for option in data
            .split(|&byte| byte == b',')
            .filter(|option| !option.is_empty())
        {
            let (name, value) = match option.iter().position(|&byte| byte == b'=') {
                Some(at) => (&option[..at], &option[at + 1..]),
                None => (option, [].as_slice()),
            };
            match name {
                b"size" => options.size = Some(size(value, memory)?.div_ceil(PAGE_SIZE as u64)),
                b"nr_blocks" => options.size = Some(count(value, memory)?),
                b"nr_inodes" => options.inodes = Some(count(value, memory)?),
                b"mode" => options.mode = Some(number(value, 8)? as u32 & 0o7777),
                b"uid" => options.uid = Some(id(value)?),
                b"gid" => options.gid = Some(id(value)?),
                b"inode64" | b"inode32" | b"noswap" if value.is_empty() => {}
                b"huge" if value == b"never" => {}
                b"mpol" if value == b"default" => {}
                _ => return Err(Errno::EINVAL),
            }
        }
        Ok(options)
    }

    /// As `mount` shows them (`shmem_show_options`).
    fn shown(&self) -> Vec<u8> {
        let mut text = String::new();
        if let Some(pages) = self.size {
            text += &format!(",size={}k", pages << 2);
        }
        if let Some(inodes) = self.inodes {
            text += &format!(",nr_inodes={inodes}");
        }
        if let Some(mode) = self.mode.filter(|&mode| mode != 0o1777) {
            text += &format!(",mode={mode:03o}");
        }
        if let Some(uid) = self.uid.filter(|&uid| uid != 0) {
            text += &format!(",uid={uid}");
        }
        if let Some(gid) = self.gid.filter(|&gid| gid != 0) {
            text += &format!(",gid={gid}");
        }
        text.into_bytes()
    }
}

fn number(text: &[u8], radix: u32) -> Result<u64> {
    let text = std::str::from_utf8(text).map_err(|_| Errno::EINVAL)?;
    u64::from_str_radix(text, radix).map_err(|_| Errno::EINVAL)
}

fn id(text: &[u8]) -> Result<u32> {
    u32::try_from(number(text, 10)?)
        .ok()
        .filter(|&id| id != u32::MAX)
        .ok_or(Errno::EINVAL)
}

/// `memparse`: a number with `k`, `m`, `g` or `t`, or a percentage of the memory.
fn size(text: &[u8], memory: u64) -> Result<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let value = number(&text[..digits], 10)?;
    let shift = match &text[digits..] {
        b"" => 0,
        b"k" | b"K" => 10,
        b"m" | b"M" => 20,
        b"g" | b"G" => 30,
        b"t" | b"T" => 40,
        b"%" => {
            return Ok(
                (u128::from(value) * u128::from(memory) / 100).min(u128::from(u64::MAX)) as u64,
            );
        }
        _ => return Err(Errno::EINVAL),
    };
    value
        .checked_shl(shift)
        .filter(|shifted| shifted >> shift == value)
        .ok_or(Errno::EINVAL)
}

/// A number of blocks or inodes: no more than a `long` holds.
fn count(text: &[u8], memory: u64) -> Result<u64> {
    size(text, memory).and_then(|count| match count {
        0..=0x7fff_ffff_ffff_ffff => Ok(count),
        _ => Err(Errno::EINVAL),
    })
}

impl Vfs {
    /// A new tmpfs. Without options it may take half of the memory, and as many inodes as that has pages.
    pub(crate) fn new_tmpfs(
        &mut self,
        fstype: &[u8],
        data: &[u8],
        readonly: bool,
        cred: &Cred,
        now: Timespec,
    ) -> Result<SbId> {
        let options = Options::parse(data, self.memory)?;
        let outside = |kind, id: Option<u32>| {
            let found = id.map(|id| cred.outside(kind, id).ok_or(Errno::EINVAL));
            found.transpose()
        };
        let options = Options {
            uid: outside(IdKind::User, options.uid)?,
            gid: outside(IdKind::Group, options.gid)?,
            ..options
        };
        let half = self.memory / PAGE_SIZE as u64 / 2;
        let limit = |value: Option<u64>| Some(value.unwrap_or(half)).filter(|&value| value != 0);
        let sb = self.new_sb_id();
        let fs = TmpFs {
            max_pages: limit(options.size),
            used_pages: 0,
            max_inodes: limit(options.inodes),
            used_inodes: 1,
            next_ino: 2,
            shown: options.shown(),
        };
        let mode = S_IFDIR | options.mode.unwrap_or(0o1777);
        let attr = Attr {
            ino: 1,
            mode,
            nlink: 2,
            uid: options.uid.unwrap_or(cred.fsuid),
            gid: options.gid.unwrap_or(cred.fsgid),
            atime: now,
            mtime: now,
            ctime: now,
            btime: now,
            size: 2 * DIRENT_SIZE,
            ..Attr::default()
        };
        let root = new_inode(sb, attr, Body::Dir);
        Ok(self.add_sb(fstype, TMPFS_MAGIC, readonly, Fs::Tmp(fs), root))
    }

    /// Changes a tmpfs's limits (`mount -o remount`): `EINVAL` below what is in use.
    pub(crate) fn tmp_remount(&mut self, sb: SbId, data: &[u8]) -> Result<()> {
        let options = Options::parse(data, self.memory)?;
        let tmp = self.tmp(sb).ok_or(Errno::EINVAL)?;
        let below =
            |value: Option<u64>, used| value.is_some_and(|value| value != 0 && value < used);
        if below(options.size, tmp.used_pages) || below(options.inodes, tmp.used_inodes) {
            return Err(Errno::EINVAL);
        }
        let shown = options.shown();
        self.change_sb(sb, |sb| {
            if let Fs::Tmp(tmp) = &mut sb.fs {
                if let Some(size) = options.size {
                    tmp.max_pages = Some(size).filter(|&size| size != 0);
                }
                if let Some(inodes) = options.inodes {
                    tmp.max_inodes = Some(inodes).filter(|&inodes| inodes != 0);
                }
                if !shown.is_empty() {
                    tmp.shown = shown;
                }
            }
        });
        Ok(())
    }

    /// Takes pages from a tmpfs's limit, and from the machine's memory; `ENOSPC` or `ENOMEM` when there are not enough.
    fn charge(&mut self, sb: SbId, pages: u64) -> Result<()> {
        if pages == 0 {
            return Ok(());
        }
        let all = self.tmp_pages.saturating_add(pages);
        let room = self.tmp_room;
        let tmp = self.tmp_mut(sb).ok_or(Errno::ESTALE)?;
        let used = tmp.used_pages.saturating_add(pages);
        if tmp.max_pages.is_some_and(|max| used > max) {
            return Err(Errno::ENOSPC);
        }
        if all > room {
            return Err(Errno::ENOMEM);
        }
        tmp.used_pages = used;
        self.tmp_pages = all;
        Ok(())
    }

    fn uncharge(&mut self, sb: SbId, pages: u64) {
        if let Some(tmp) = self.tmp_mut(sb) {
            let pages = pages.min(tmp.used_pages);
            tmp.used_pages -= pages;
            self.tmp_pages -= pages;
        }
    }

    /// Pages that all tmpfs take together: contents of files and long symbolic links.
    pub fn tmp_pages(&self) -> u64 {
        self.tmp_pages
    }

    /// Says how many pages all tmpfs may take together; what would take more fails with `ENOMEM`.
    pub fn set_tmp_room(&mut self, pages: u64) {
        self.tmp_room = pages;
    }

    /// An inode without a name.
    pub(crate) fn tmp_inode(&mut self, sb: SbId, new: &New, now: Timespec) -> Result<InodeId> {
        let symlink = new.mode & S_IFMT == S_IFLNK;
        if symlink && new.target.len() >= PAGE_SIZE {
            return Err(Errno::ENAMETOOLONG);
        }
        let pages = u64::from(symlink && new.target.len() + 1 > SHORT_SYMLINK);
        let tmp = self.tmp_mut(sb).ok_or(Errno::ESTALE)?;
        if tmp.max_inodes.is_some_and(|max| tmp.used_inodes >= max) {
            return Err(Errno::ENOSPC);
        }
        self.charge(sb, pages)?;
        let tmp = self.tmp_mut(sb).ok_or(Errno::ESTALE)?;
        tmp.used_inodes += 1;
        let ino = tmp.next_ino;
        tmp.next_ino += 1;
        let (nlink, size, body) = match new.mode & S_IFMT {
            S_IFDIR => (2, 2 * DIRENT_SIZE, Body::Dir),
            S_IFLNK => (
                1,
                new.target.len() as u64,
                Body::Symlink(new.target.to_vec()),
            ),
            S_IFREG => (1, 0, Body::File(Content::default())),
            _ => (1, 0, Body::Special),
        };
        let rdev = if matches!(new.mode & S_IFMT, S_IFCHR | S_IFBLK) {
            new.rdev
        } else {
            Dev(0)
        };
        let attr = Attr {
            ino,
            mode: if symlink { S_IFLNK | 0o777 } else { new.mode },
            nlink,
            uid: new.uid,
            gid: new.gid,
            rdev,
            size,
            blocks: pages * BLOCKS,
            atime: now,
            mtime: now,
            ctime: now,
            btime: now,
        };
        Ok(self.add_inode(new_inode(sb, attr, body)))
    }

    pub(crate) fn tmp_create(
        &mut self,
        cx: &mut Cx,
        dir: DentryId,
        name: &[u8],
        new: &New,
    ) -> Result<DentryId> {
        self.tmp_create_at(cx.now, dir, name, new)
    }

    pub(crate) fn tmp_create_at(
        &mut self,
        now: Timespec,
        dir: DentryId,
        name: &[u8],
        new: &New,
    ) -> Result<DentryId> {
        let sb = self.sb_of(dir)?;
        let inode = self.tmp_inode(sb, new, now)?;
        let dentry = self.add_dentry(sb, Some(dir), name, inode);
        self.entry_changed(dir, now, 1, i64::from(new.mode & S_IFMT == S_IFDIR));
        Ok(dentry)
    }

    /// A directory gained or lost entries and subdirectories.
    fn entry_changed(&mut self, dir: DentryId, now: Timespec, entries: i64, dirs: i64) {
        if let Some(dir) = self.dentries.get(&dir).map(|dentry| dentry.inode) {
            self.change_inode(dir, |dir| {
                dir.attr.size = dir
                    .attr
                    .size
                    .saturating_add_signed(entries * DIRENT_SIZE as i64);
                dir.attr.nlink = dir.attr.nlink.saturating_add_signed(dirs as i32);
                (dir.attr.mtime, dir.attr.ctime) = (now, now);
            });
        }
    }

    fn links_changed(&mut self, inode: InodeId, now: Timespec, links: i32) {
        self.change_inode(inode, |inode| {
            inode.attr.nlink = inode.attr.nlink.saturating_add_signed(links);
            inode.attr.ctime = now;
        });
    }

    pub(crate) fn tmp_link(
        &mut self,
        cx: &mut Cx,
        old: DentryId,
        dir: DentryId,
        name: &[u8],
    ) -> Result<()> {
        self.tmp_link_at(cx.now, old, dir, name)
    }

    pub(crate) fn tmp_link_at(
        &mut self,
        now: Timespec,
        old: DentryId,
        dir: DentryId,
        name: &[u8],
    ) -> Result<()> {
        let (sb, inode) = (self.sb_of(old)?, self.dentry(old)?.inode);
        if self.node(inode)?.attr.nlink > 0 {
            let tmp = self.tmp_mut(sb).ok_or(Errno::ESTALE)?;
            if tmp.max_inodes.is_some_and(|max| tmp.used_inodes >= max) {
                return Err(Errno::ENOSPC);
            }
        }
        self.add_dentry(sb, Some(dir), name, inode);
        self.links_changed(inode, now, 1);
        self.entry_changed(dir, now, 1, 0);
        Ok(())
    }

    pub(crate) fn tmp_unlink(&mut self, cx: &mut Cx, victim: DentryId) -> Result<()> {
        self.tmp_unlink_at(cx.now, victim)
    }

    pub(crate) fn tmp_unlink_at(&mut self, now: Timespec, victim: DentryId) -> Result<()> {
        let dentry = self.dentry(victim)?;
        let (inode, parent) = (dentry.inode, dentry.parent.ok_or(Errno::EBUSY)?);
        self.unhash(victim);
        self.links_changed(inode, now, -1);
        self.entry_changed(parent, now, -1, 0);
        Ok(())
    }

    pub(crate) fn tmp_rmdir(&mut self, cx: &mut Cx, victim: DentryId) -> Result<()> {
        let dentry = self.dentry(victim)?;
        if !dentry.children.is_empty() {
            return Err(Errno::ENOTEMPTY);
        }
        let (inode, parent) = (dentry.inode, dentry.parent.ok_or(Errno::EBUSY)?);
        self.unhash(victim);
        self.links_changed(inode, cx.now, -2);
        self.entry_changed(parent, cx.now, -1, -1);
        Ok(())
    }

    /// Renames within one tmpfs; `target` is what the new name means now.
    pub(crate) fn tmp_rename(
        &mut self,
        cx: &mut Cx,
        old: DentryId,
        dir: DentryId,
        name: &[u8],
        flags: RenameFlags,
    ) -> Result<()> {
        let dentry = self.dentry(old)?;
        let (old_name, inode) = (dentry.name.clone(), dentry.inode);
        let old_dir = dentry.parent.ok_or(Errno::EBUSY)?;
        let target = self.dentry(dir)?.children.get(name).copied();
        let is_dir = i64::from(self.is_dir(old));
        if flags.contains(RenameFlags::EXCHANGE) {
            let target = target.ok_or(Errno::ENOENT)?;
            let moved = is_dir - i64::from(self.is_dir(target));
            let other = self.dentry(target)?.inode;
            self.get_dentry(dir);
            self.get_dentry(old_dir);
            self.unhash(target);
            self.move_dentry(old, dir, name);
            self.move_dentry(target, old_dir, &old_name);
            self.entry_changed(old_dir, cx.now, 0, -moved);
            self.entry_changed(dir, cx.now, 0, moved);
            self.links_changed(inode, cx.now, 0);
            self.links_changed(other, cx.now, 0);
            self.put_dentry(dir);
            self.put_dentry(old_dir);
            return Ok(());
        }
        if let Some(target) = target {
            if is_dir == 1 {
                self.tmp_rmdir(cx, target)?;
            } else {
                self.tmp_unlink(cx, target)?;
            }
        }
        let whiteout = match flags.contains(RenameFlags::WHITEOUT) {
            true => {
                let parent = self.fs_attr(cx, old_dir)?;
                let (mode, gid) = new_owner(cx.cred, &parent, S_IFCHR);
                let new = New {
                    mode,
                    uid: cx.cred.fsuid,
                    gid,
                    ..New::default()
                };
                Some(self.tmp_inode(self.sb_of(old)?, &new, cx.now)?)
            }
            false => None,
        };
        self.move_dentry(old, dir, name);
        self.links_changed(inode, cx.now, 0);
        self.entry_changed(old_dir, cx.now, -1, -is_dir);
        self.entry_changed(dir, cx.now, 1, is_dir);
        if let Some(whiteout) = whiteout {
            let sb = self.sb_of(old)?;
            self.add_dentry(sb, Some(old_dir), &old_name, whiteout);
            self.entry_changed(old_dir, cx.now, 1, 0);
        }
        Ok(())
    }

    pub(crate) fn tmp_set_attr(&mut self, dentry: DentryId, set: &SetAttr) -> Result<()> {
        let id = self.dentry(dentry)?.inode;
        if let Some(size) = set.size {
            self.tmp_truncate(id, size)?;
        }
        self.change_inode(id, |inode| {
            let attr = &mut inode.attr;
            if let Some(mode) = set.mode {
                attr.mode = attr.mode & S_IFMT | mode & 0o7777;
            }
            attr.uid = set.uid.unwrap_or(attr.uid);
            attr.gid = set.gid.unwrap_or(attr.gid);
            attr.atime = set.atime.unwrap_or(attr.atime);
            attr.mtime = set.mtime.unwrap_or(attr.mtime);
            attr.ctime = set.ctime.unwrap_or(attr.ctime);
        });
        Ok(())
    }

    fn tmp_truncate(&mut self, id: InodeId, size: u64) -> Result<()> {
        if size > FILE_SIZE_MAX {
            return Err(Errno::EFBIG);
        }
        self.change_content(id, |content| content.truncate(size))
    }

    /// Changes contents; pages that are given back count as free again.
    fn change_content(&mut self, id: InodeId, change: impl FnOnce(&mut Content)) -> Result<()> {
        let (sb, before) = (self.node(id)?.sb, self.content(id)?.pages());
        self.change_inode(id, |inode| {
            if let Body::File(content) = &mut inode.body {
                change(content);
                inode.version += 1;
                inode.attr.size = content.size();
                inode.attr.blocks = content.pages() * BLOCKS;
            }
        });
        let after = self.content(id)?.pages();
        self.count_paid(id, before, after);
        self.uncharge(sb, before.saturating_sub(after));
        Ok(())
    }

    /// Writes, at most up to the limit: `ENOSPC` or `ENOMEM` only if not one byte fits, `EFBIG` at the greatest size.
    pub(crate) fn tmp_write(&mut self, id: InodeId, offset: u64, data: &[u8]) -> Result<usize> {
        if data.is_empty() {
            return Ok(0);
        }
        if offset >= FILE_SIZE_MAX {
            return Err(Errno::EFBIG);
        }
        let sb = self.node(id)?.sb;
        let mut count = (data.len() as u64).min(FILE_SIZE_MAX - offset);
        let missing = self.content(id)?.missing(offset, count);
        let payable = self.check_payer(id, missing);
        if payable.and_then(|()| self.charge(sb, missing)).is_err() {
            count = self.fitting(id, offset, count)?;
            let missing = self.content(id)?.missing(offset, count);
            self.charge(sb, missing)?;
        }
        let data = &data[..count as usize];
        self.change_content(id, |content| content.write(offset, data))?;
        Ok(data.len())
    }

    /// How many of `count` bytes fit into the pages that are free; `ENOSPC` or `ENOMEM` for none.
    fn fitting(&self, id: InodeId, offset: u64, count: u64) -> Result<u64> {
        let tmp = self.tmp(self.node(id)?.sb).ok_or(Errno::ESTALE)?;
        let memory = self.tmp_room.saturating_sub(self.tmp_pages);
        let limit = tmp.max_pages.unwrap_or(u64::MAX);
        let own = limit.saturating_sub(tmp.used_pages);
        let mut free = own.min(memory).min(self.payer_room(id));
        let content = self.content(id)?;
        let mut at = offset;
        while at < offset + count {
            if content.page(at / PAGE_SIZE as u64).is_none() {
                if free == 0 {
                    break;
                }
                free -= 1;
            }
            at = (at / PAGE_SIZE as u64 + 1) * PAGE_SIZE as u64;
        }
        match at.min(offset + count) - offset {
            0 if own == 0 => Err(Errno::ENOSPC),
            0 => Err(Errno::ENOMEM),
            fits => Ok(fits),
        }
    }

    /// `fallocate`; `keep` leaves the length as it is.
    pub(crate) fn tmp_allocate(
        &mut self,
        id: InodeId,
        offset: u64,
        len: u64,
        keep: bool,
    ) -> Result<()> {
        let end = offset
            .checked_add(len)
            .filter(|&end| end <= FILE_SIZE_MAX)
            .ok_or(Errno::EFBIG)?;
        let sb = self.node(id)?.sb;
        let tmp = self.tmp(sb).ok_or(Errno::ESTALE)?;
        if tmp
            .max_pages
            .is_some_and(|max| len / PAGE_SIZE as u64 > max)
        {
            return Err(Errno::ENOSPC);
        }
        let missing = self.content(id)?.missing(offset, len);
        if missing > self.memory / PAGE_SIZE as u64 {
            return Err(Errno::ENOSPC);
        }
        self.check_payer(id, missing)?;
        self.charge(sb, missing)?;
        self.change_content(id, |content| {
            content.allocate(offset, len);
            if !keep && end > content.size() {
                content.truncate(end);
            }
        })
    }

    /// Punches a hole.
    pub(crate) fn tmp_punch(&mut self, id: InodeId, offset: u64, len: u64) -> Result<()> {
        offset
            .checked_add(len)
            .filter(|&end| end <= FILE_SIZE_MAX)
            .ok_or(Errno::EFBIG)?;
        self.change_content(id, |content| content.punch(offset, len))
    }

    /// Replaces a file's contents with shared pages (copy-up, import).
    pub(crate) fn tmp_share(&mut self, id: InodeId, shared: Content) -> Result<()> {
        let sb = self.node(id)?.sb;
        self.charge(sb, shared.pages())?;
        self.change_content(id, |content| *content = shared)
    }

    /// Newest entries first, as tmpfs lists them; a cookie is the entry's own number.
    pub(crate) fn tmp_readdir(&self, dir: DentryId, after: u64) -> Result<Vec<NodeEntry>> {
        let dir = self.dentry(dir)?;
        let below = if after < crate::store::FIRST_COOKIE {
            u64::MAX
        } else {
            after
        };
        let entries = dir
            .by_cookie
            .range(..below)
            .rev()
            .filter_map(|(&cookie, &id)| {
                let dentry = self.dentries.get(&id)?;
                let inode = self.inodes.get(&dentry.inode)?;
                Some(NodeEntry {
                    name: dentry.name.clone(),
                    ino: inode.attr.ino,
                    kind: inode.attr.kind(),
                    cookie,
                })
            });
        Ok(entries.collect())
    }
}

fn new_inode(sb: SbId, attr: Attr, body: Body) -> Inode {
    Inode {
        attr,
        ..Inode::new(sb, 0, 0, body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_as_tmpfs_parses_them() {
        let parse = |text: &str| Options::parse(text.as_bytes(), 1 << 30);
        assert_eq!(parse("size=64k").unwrap().size, Some(16));
        assert_eq!(parse("size=1").unwrap().size, Some(1));
        assert_eq!(parse("size=50%").unwrap().size, Some(131_072));
        assert_eq!(
            parse("nr_inodes=1k,mode=0755,uid=5").unwrap().shown(),
            b",nr_inodes=1024,mode=755,uid=5"
        );
        for bad in [
            "size=x",
            "size=1z",
            "mode=9",
            "nonsense",
            "uid=4294967295",
            "size=99999999999999999999",
        ] {
            assert_eq!(parse(bad), Err(Errno::EINVAL), "{bad}");
        }
    }
}

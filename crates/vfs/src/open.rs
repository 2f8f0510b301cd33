//! Opening files (`fs/open.c`, `fs/namei.c`; `man 2 openat2`).

use crate::fsops::{Kind as FsKind, New};
use crate::perm::{MAY_EXEC, MAY_READ, MAY_WRITE, new_owner, owns};
use crate::store::{Attr, Body};
use crate::walk::{Kind, Walk, check_path};
use crate::{At, Cx, DentryId, FileKind, InodeId, MountId, NodeId, OpenFile, Path, SetAttr, Vfs};
use glassdock_abi::flags::{OpenFlags, ResolveFlags};
use glassdock_abi::types::{Dev, OpenHow, mode::*};
use glassdock_abi::{Errno, Result};

/// Flags that `open` knows (`VALID_OPEN_FLAGS`).
const VALID: OpenFlags = OpenFlags::ACCMODE
    .union(OpenFlags::CREAT)
    .union(OpenFlags::EXCL)
    .union(OpenFlags::NOCTTY)
    .union(OpenFlags::TRUNC)
    .union(OpenFlags::APPEND)
    .union(OpenFlags::NONBLOCK)
    .union(OpenFlags::SYNC)
    .union(OpenFlags::ASYNC)
    .union(OpenFlags::DIRECT)
    .union(OpenFlags::LARGEFILE)
    .union(OpenFlags::TMPFILE)
    .union(OpenFlags::NOFOLLOW)
    .union(OpenFlags::NOATIME)
    .union(OpenFlags::CLOEXEC)
    .union(OpenFlags::PATH);
/// Flags that go with `O_PATH`.
const PATH_FLAGS: OpenFlags = OpenFlags::DIRECTORY
    .union(OpenFlags::NOFOLLOW)
    .union(OpenFlags::PATH)
    .union(OpenFlags::CLOEXEC);
/// What `O_TMPFILE` adds to `O_DIRECTORY`.
const TMPFILE_BIT: OpenFlags = OpenFlags::TMPFILE.difference(OpenFlags::DIRECTORY);
/// Flags that an open file does not keep.
const CREATION: OpenFlags = OpenFlags::CREAT
    .union(OpenFlags::EXCL)
    .union(OpenFlags::NOCTTY)
    .union(OpenFlags::TRUNC);

/// The `open_how` that `open` and `openat` mean (`build_open_how`): what they do not know they ignore.
pub fn open_how(flags: OpenFlags, mode: u32) -> OpenHow {
    let mut flags = flags & VALID;
    if flags.contains(OpenFlags::PATH) {
        flags &= PATH_FLAGS;
    }
    let creates = flags.contains(OpenFlags::CREAT) || flags.intersects(TMPFILE_BIT);
    OpenHow {
        flags,
        mode: if creates { mode & 0o7777 } else { 0 },
        resolve: ResolveFlags::empty(),
    }
}

/// What an open is to do, checked (`struct open_flags`).
struct Intent {
    flags: OpenFlags,
    mode: u32,
    access: u32,
    follow: bool,
    directory: bool,
    resolve: ResolveFlags,
}

impl Intent {
    /// `build_open_flags`. `EINVAL` for what makes no sense.
    fn new(how: &OpenHow) -> Result<Intent> {
        let resolve = ResolveFlags::NO_XDEV
            | ResolveFlags::NO_MAGICLINKS
            | ResolveFlags::NO_SYMLINKS
            | ResolveFlags::BENEATH
            | ResolveFlags::IN_ROOT
            | ResolveFlags::CACHED;
        let mut flags = how.flags;
        let tmpfile = flags.intersects(TMPFILE_BIT);
        let creates = flags.contains(OpenFlags::CREAT) || tmpfile;
        let both = ResolveFlags::BENEATH | ResolveFlags::IN_ROOT;
        let wrong = !VALID.contains(flags)
            || !resolve.contains(how.resolve)
            || how.resolve.contains(both)
            || (if creates {
                how.mode & !0o7777 != 0
            } else {
                how.mode != 0
            })
            || flags.contains(OpenFlags::DIRECTORY | OpenFlags::CREAT)
            || tmpfile && (!flags.contains(OpenFlags::DIRECTORY) || flags.access().is_empty())
            || flags.contains(OpenFlags::PATH) && !PATH_FLAGS.contains(flags);
        if wrong {
            return Err(Errno::EINVAL);
        }
        let changes = OpenFlags::CREAT | OpenFlags::TRUNC;
        if how.resolve.contains(ResolveFlags::CACHED) && (flags.intersects(changes) || tmpfile) {
            return Err(Errno::EAGAIN);
        }
        let mut access = match flags.access().bits() {
            0 => MAY_READ,
            1 => MAY_WRITE,
            _ => MAY_READ | MAY_WRITE,
        };
        if flags.contains(OpenFlags::TRUNC) {
            access |= MAY_WRITE;
        }
        if flags.contains(OpenFlags::CREAT | OpenFlags::EXCL) {
            flags |= OpenFlags::NOFOLLOW;
        }
        Ok(Intent {
            flags,
            mode: if creates { how.mode | S_IFREG } else { 0 },
            access,
            follow: !flags.contains(OpenFlags::NOFOLLOW),
            directory: flags.contains(OpenFlags::DIRECTORY),
            resolve: how.resolve,
        })
    }

    fn has(&self, flags: OpenFlags) -> bool {
        self.flags.contains(flags)
    }
}

impl Vfs {
    /// `man 2 openat2`. A FIFO or device is only looked up: its open is the kernel's.
    pub fn open(&mut self, cx: &mut Cx, at: At, path: &[u8], how: &OpenHow) -> Result<OpenFile> {
        self.reap();
        let mut intent = Intent::new(how)?;
        check_path(path)?;
        if path.is_empty() {
            return Err(Errno::ENOENT);
        }
        if intent.flags.intersects(TMPFILE_BIT) {
            return self.open_tmpfile(cx, at, path, &intent);
        }
        let mut walk = self.start(cx, at, path, intent.resolve)?;
        loop {
            let last = self.walk_parent(cx, &mut walk)?;
            if last.kind != Kind::Norm {
                self.walk_last(cx, &mut walk, &last, true)?;
                let dir = walk.path.dentry;
                return self.finish_open(cx, &walk, dir, &intent, false);
            }
            if last.slash {
                if intent.has(OpenFlags::CREAT) {
                    return Err(Errno::EISDIR);
                }
                intent.directory = true;
                intent.follow = true;
            }
            let dir = walk.path.dentry;
            let (dentry, created) = self.lookup_open(cx, &walk, &last.name, &intent)?;
            if created {
                walk.path.dentry = dentry;
                return self.finish_open(cx, &walk, dir, &intent, true);
            }
            if !self.step_into(cx, &mut walk, dentry, intent.follow)? {
                return self.finish_open(cx, &walk, dir, &intent, false);
            }
        }
    }

    /// `lookup_open`: finds the last component, or makes it.
    fn lookup_open(
        &mut self,
        cx: &mut Cx,
        walk: &Walk,
        name: &[u8],
        intent: &Intent,
    ) -> Result<(DentryId, bool)> {
        let dir = walk.path;
        if let Some(found) = self.fs_find(cx, dir.dentry, name)? {
            return Ok((found, false));
        }
        if !intent.has(OpenFlags::CREAT) || self.is_dead(dir.dentry) {
            return Err(Errno::ENOENT);
        }
        self.want_write(dir.mount)?;
        self.may_own(cx, dir.dentry)?;
        self.inode_permission(cx, dir.dentry, MAY_WRITE | MAY_EXEC)?;
        let mode = intent.mode & !cx.umask;
        self.create_in(cx, dir.dentry, name, mode, Dev(0), b"")
            .map(|dentry| (dentry, true))
    }

    fn finish_open(
        &mut self,
        cx: &mut Cx,
        walk: &Walk,
        dir: DentryId,
        intent: &Intent,
        created: bool,
    ) -> Result<OpenFile> {
        if !created {
            self.check_end(walk)?;
        }
        self.do_open(cx, walk.path, Some(dir), intent, created)
    }

    /// `do_open`, `may_open` and `do_dentry_open`.
    fn do_open(
        &mut self,
        cx: &mut Cx,
        path: Path,
        dir: Option<DentryId>,
        intent: &Intent,
        created: bool,
    ) -> Result<OpenFile> {
        let attr = self.fs_attr(cx, path.dentry)?;
        if intent.has(OpenFlags::CREAT) {
            if intent.has(OpenFlags::EXCL) && !created {
                return Err(Errno::EEXIST);
            }
            if attr.is_dir() {
                return Err(Errno::EISDIR);
            }
            if let Some(dir) = dir {
                self.may_reuse(cx, dir, &attr)?;
            }
        }
        if intent.directory && !attr.is_dir() {
            return Err(Errno::ENOTDIR);
        }
        if intent.has(OpenFlags::PATH) {
            return self.opened(path, &attr, intent.flags, created);
        }
        let truncate = attr.is_reg() && intent.has(OpenFlags::TRUNC) && !created;
        if truncate {
            self.want_write(path.mount)?;
        }
        let special = matches!(attr.kind(), S_IFCHR | S_IFBLK | S_IFIFO | S_IFSOCK);
        self.may_open(cx, path, &attr, intent, created)?;
        if attr.kind() == S_IFSOCK {
            return Err(Errno::ENXIO);
        }
        if intent.flags.writable() && !special {
            if self
                .node(self.data_inode(self.dentry(path.dentry)?.inode)?)?
                .writers
                < 0
            {
                return Err(Errno::ETXTBSY);
            }
            self.want_write(path.mount)?;
        }
        self.hold(path);
        let opened = self.prepare_contents(cx, path, &attr, intent, truncate);
        self.release(path);
        opened?;
        self.opened(path, &attr, intent.flags, created)
    }

    fn may_open(
        &mut self,
        cx: &mut Cx,
        path: Path,
        attr: &Attr,
        intent: &Intent,
        created: bool,
    ) -> Result<()> {
        let access = if created { 0 } else { intent.access };
        match attr.kind() {
            S_IFLNK => return Err(Errno::ELOOP),
            S_IFDIR if access & MAY_WRITE != 0 => return Err(Errno::EISDIR),
            S_IFCHR | S_IFBLK if self.no_devices(path.mount)? => return Err(Errno::EACCES),
            _ => {}
        }
        if access != 0 {
            self.inode_permission(cx, path.dentry, access)?;
        }
        if intent.has(OpenFlags::NOATIME) && !owns(cx.cred, attr) {
            return Err(Errno::EPERM);
        }
        Ok(())
    }

    /// An overlay's file that may be written is copied up now; then `O_TRUNC` acts.
    fn prepare_contents(
        &mut self,
        cx: &mut Cx,
        path: Path,
        attr: &Attr,
        intent: &Intent,
        truncate: bool,
    ) -> Result<()> {
        let writes = intent.flags.writable() || truncate;
        if attr.is_reg() && writes && matches!(self.kind_of(path.dentry)?, FsKind::Overlay) {
            match truncate {
                true => self.ovl_copy_up_empty(cx, path.dentry)?,
                false => self.ovl_copy_up(cx, path.dentry)?,
            };
        }
        if truncate && !matches!(self.kind_of(path.dentry)?, FsKind::Synthetic(_)) {
            self.before_write(cx, path.dentry)?;
            self.fs_set_attr(
                cx,
                path.dentry,
                &SetAttr {
                    size: Some(0),
                    ..SetAttr::default()
                },
            )?;
        }
        Ok(())
    }

    /// The handle, with its references.
    fn opened(
        &mut self,
        path: Path,
        attr: &Attr,
        flags: OpenFlags,
        created: bool,
    ) -> Result<OpenFile> {
        let inode = self.dentry(path.dentry)?.inode;
        let kind = match (&self.node(inode)?.body, attr.kind()) {
            (Body::Synthetic(node), S_IFREG) => FileKind::Synthetic(*node),
            (_, S_IFREG) => FileKind::Regular,
            (_, S_IFDIR) => FileKind::Directory,
            (_, S_IFLNK) => FileKind::Symlink,
            (_, S_IFCHR) => FileKind::Char(attr.rdev),
            (_, S_IFBLK) => FileKind::Block(attr.rdev),
            (_, S_IFIFO) => FileKind::Fifo,
            (_, S_IFSOCK) => FileKind::Socket,
            (Body::Synthetic(node), _) => FileKind::Synthetic(*node),
            _ => return Err(Errno::ENXIO),
        };
        self.hold(path);
        let file = OpenFile {
            path,
            inode,
            kind,
            flags: flags.difference(CREATION),
            created,
        };
        self.count_writer(&file, 1);
        Ok(file)
    }

    fn count_writer(&mut self, file: &OpenFile, by: i64) {
        let counts = file.kind == FileKind::Regular
            && file.flags.writable()
            && !file.flags.contains(OpenFlags::PATH);
        if !counts {
            return;
        }
        if let Ok(id) = self.data_inode(file.inode)
            && let Some(inode) = self.inodes.get_mut(&id)
        {
            inode.writers += by;
        }
        if let Some(mount) = self.mounts.get_mut(&file.path.mount) {
            mount.writers = mount.writers.saturating_add_signed(by as i32);
        }
    }

    /// Opens a place that was walked to before (`execve`, magic links, `O_PATH` reopened).
    pub fn open_path(&mut self, cx: &mut Cx, path: Path, flags: OpenFlags) -> Result<OpenFile> {
        let intent = Intent::new(&open_how(flags.difference(OpenFlags::CREAT), 0))?;
        self.do_open(cx, path, None, &intent, false)
    }

    /// Opens an object of the kernel's own, which nobody else could open: a pipe, a socket (`alloc_file_pseudo`).
    pub fn open_pseudo(&mut self, cx: &mut Cx, path: Path, flags: OpenFlags) -> Result<OpenFile> {
        let attr = self.fs_attr(cx, path.dentry)?;
        self.opened(path, &attr, flags, false)
    }

    /// The last descriptor is gone.
    pub fn close(&mut self, file: OpenFile) {
        self.count_writer(&file, -1);
        self.release(file.path);
    }

    /// A program begins to run: `ETXTBSY` while the file is open for writing. Undone by [`Vfs::allow_write`].
    pub fn deny_write(&mut self, inode: InodeId) -> Result<()> {
        let id = self.data_inode(inode)?;
        match self.inodes.get_mut(&id) {
            Some(inode) if inode.writers > 0 => Err(Errno::ETXTBSY),
            Some(inode) => {
                inode.writers -= 1;
                Ok(())
            }
            None => Err(Errno::ESTALE),
        }
    }

    /// A program no longer runs.
    pub fn allow_write(&mut self, inode: InodeId) {
        if let Ok(id) = self.data_inode(inode)
            && let Some(inode) = self.inodes.get_mut(&id)
        {
            inode.writers = (inode.writers + 1).min(0);
        }
    }

    fn open_tmpfile(
        &mut self,
        cx: &mut Cx,
        at: At,
        path: &[u8],
        intent: &Intent,
    ) -> Result<OpenFile> {
        let how = crate::Lookup {
            follow: intent.follow,
            directory: true,
            empty: false,
            resolve: intent.resolve,
        };
        let dir = self.walk_all(cx, at, path, how)?;
        self.want_write(dir.mount)?;
        self.inode_permission(cx, dir.dentry, MAY_WRITE | MAY_EXEC)?;
        let parent = self.fs_attr(cx, dir.dentry)?;
        let (mode, gid) = new_owner(cx.cred, &parent, intent.mode & !cx.umask);
        let new = New {
            mode,
            uid: cx.cred.fsuid,
            gid,
            ..New::default()
        };
        let dentry = match self.kind_of(dir.dentry)? {
            FsKind::Tmp => self.tmp_nameless(cx, dir.dentry, &new)?,
            FsKind::Overlay => self.ovl_nameless(cx, dir.dentry, &new)?,
            FsKind::Synthetic(_) => return Err(Errno::EOPNOTSUPP),
        };
        self.set_linkable(dentry, !intent.flags.contains(OpenFlags::EXCL));
        let attr = self.fs_attr(cx, dentry)?;
        let flags = intent.flags.difference(TMPFILE_BIT);
        self.opened(
            Path {
                mount: dir.mount,
                dentry,
            },
            &attr,
            flags,
            true,
        )
    }

    /// A regular file of a tmpfs without a name.
    pub(crate) fn tmp_nameless(
        &mut self,
        cx: &mut Cx,
        dir: DentryId,
        new: &New,
    ) -> Result<DentryId> {
        let sb = self.sb_of(dir)?;
        let inode = self.tmp_inode(sb, new, cx.now)?;
        self.change_inode(inode, |inode| inode.attr.nlink = 0);
        Ok(self.add_dentry(sb, None, b"#tmpfile", inode))
    }

    /// Whether a file without links may still get one: `O_TMPFILE` without `O_EXCL`, and only once.
    pub(crate) fn set_linkable(&mut self, dentry: DentryId, may: bool) {
        if let Some(dentry) = self.dentries.get(&dentry)
            && let Some(inode) = self.inodes.get_mut(&dentry.inode)
        {
            inode.linkable = may;
        }
    }

    pub(crate) fn is_linkable(&self, dentry: DentryId) -> bool {
        let inode = self.dentry(dentry).map(|dentry| dentry.inode);
        inode.is_ok_and(|id| self.inodes.get(&id).is_some_and(|inode| inode.linkable))
    }

    /// A nameless file on a hidden tmpfs (`memfd_create`); `d_path` shows `/memfd:NAME (deleted)`.
    pub fn memfd(&mut self, cx: &mut Cx, name: &[u8]) -> Result<OpenFile> {
        let mount = self.hidden;
        let sb = self.mnt(mount)?.sb;
        let new = New {
            mode: S_IFREG | 0o777,
            uid: cx.cred.fsuid,
            gid: cx.cred.fsgid,
            ..New::default()
        };
        let inode = self.tmp_inode(sb, &new, cx.now)?;
        self.change_inode(inode, |inode| inode.attr.nlink = 0);
        let dentry = self.add_dentry(sb, None, name, inode);
        let attr = self.fs_attr(cx, dentry)?;
        self.opened(Path { mount, dentry }, &attr, OpenFlags::RDWR, true)
    }

    pub(crate) fn memfd_name(&self, path: Path) -> Option<&[u8]> {
        let dentry = self.dentries.get(&path.dentry)?;
        (path.mount == self.hidden && dentry.parent.is_none()).then_some(&dentry.name)
    }

    /// A nameless place for a node of a mount made by [`Vfs::kern_mount`], for the descriptors of pipes, sockets and
    /// namespaces.
    pub fn node_path(&mut self, cx: &mut Cx, mount: MountId, node: NodeId) -> Result<Path> {
        let sb = self.mnt(mount)?.sb;
        let attr = cx.dynamic.attr(self, sb, node)?;
        let inode = self.add_synthetic(sb, node, attr.ino, attr.mode);
        Ok(Path {
            mount,
            dentry: self.add_dentry(sb, None, b"", inode),
        })
    }
}

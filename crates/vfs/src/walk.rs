//! Path walking (`fs/namei.c`; `man 7 path_resolution`, `man 2 openat2`).

use crate::perm::MAY_EXEC;
use crate::{At, Cx, DentryId, Link, Lookup, PATH_MAX, Path, SYMLINKS_MAX, Vfs};
use glassdock_abi::flags::{MountFlags, ResolveFlags};
use glassdock_abi::{Errno, Result};

/// The kind of a path's last component.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A name.
    Norm,
    /// `.`
    Dot,
    /// `..`
    DotDot,
    /// There was only `/`.
    Root,
}

/// A path walked but for its last component.
#[derive(Clone, Debug)]
pub(crate) struct Last {
    pub kind: Kind,
    pub name: Vec<u8>,
    /// Whether slashes follow the name.
    pub slash: bool,
}

/// The state of a walk (`struct nameidata`).
pub(crate) struct Walk {
    pub path: Path,
    root: Path,
    /// What is walked, and how far that is.
    text: Vec<u8>,
    at: usize,
    links: u32,
    resolve: ResolveFlags,
    /// The root was asked for already (`nd->root` of `fs/namei.c`).
    rooted: bool,
}

impl Walk {
    /// What is still to be walked.
    fn rest(&self) -> &[u8] {
        self.text.get(self.at..).unwrap_or_default()
    }
    fn scoped(&self) -> bool {
        self.resolve
            .intersects(ResolveFlags::BENEATH | ResolveFlags::IN_ROOT)
    }
    fn no_xdev(&self) -> bool {
        self.resolve.contains(ResolveFlags::NO_XDEV)
    }
}

/// Checks a path as `getname` does.
pub(crate) fn check_path(path: &[u8]) -> Result<()> {
    if path.len() >= PATH_MAX {
        return Err(Errno::ENAMETOOLONG);
    }
    if path.contains(&0) {
        return Err(Errno::EINVAL);
    }
    Ok(())
}

impl Vfs {
    /// Walks a path. The result is valid until the next call that walks a path; keep it with [`Vfs::hold`].
    pub fn lookup(&mut self, cx: &mut Cx, at: At, path: &[u8], how: Lookup) -> Result<Path> {
        self.reap();
        self.walk_all(cx, at, path, how)
    }

    /// [`Vfs::lookup`] that leaves unused dentries alone.
    pub(crate) fn walk_all(
        &mut self,
        cx: &mut Cx,
        at: At,
        path: &[u8],
        how: Lookup,
    ) -> Result<Path> {
        check_path(path)?;
        if path.is_empty() {
            if !how.empty {
                return Err(Errno::ENOENT);
            }
            return match at {
                At::Cwd => Ok(cx.cwd),
                At::Dir(path) => Ok(path),
                At::Bad => Err(Errno::EBADF),
            };
        }
        let mut walk = self.start(cx, at, path, how.resolve)?;
        let mut directory = how.directory;
        loop {
            let last = self.walk_parent(cx, &mut walk)?;
            directory |= last.slash;
            let follow = how.follow || directory;
            if self.walk_last(cx, &mut walk, &last, follow)? {
                continue;
            }
            if directory && !self.fs_attr(cx, walk.path.dentry)?.is_dir() {
                return Err(Errno::ENOTDIR);
            }
            self.check_end(&walk)?;
            return Ok(walk.path);
        }
    }

    /// Walks to the directory that holds a path's last component (`filename_parentat`).
    pub(crate) fn lookup_parent(
        &mut self,
        cx: &mut Cx,
        at: At,
        path: &[u8],
    ) -> Result<(Path, Last)> {
        check_path(path)?;
        if path.is_empty() {
            return Err(Errno::ENOENT);
        }
        let mut walk = self.start(cx, at, path, ResolveFlags::empty())?;
        let last = self.walk_parent(cx, &mut walk)?;
        Ok((walk.path, last))
    }

    /// `path_init`: where the walk starts, and what is its root.
    pub(crate) fn start(
        &mut self,
        cx: &mut Cx,
        at: At,
        path: &[u8],
        resolve: ResolveFlags,
    ) -> Result<Walk> {
        let mut walk = Walk {
            path: cx.root,
            root: cx.root,
            text: path.to_vec(),
            at: 0,
            links: 0,
            resolve,
            rooted: true,
        };
        if path.first() == Some(&b'/') && !resolve.contains(ResolveFlags::IN_ROOT) {
            if resolve.contains(ResolveFlags::BENEATH) {
                return Err(Errno::EXDEV);
            }
            return Ok(walk);
        }
        walk.path = match at {
            At::Cwd => cx.cwd,
            At::Dir(path) => path,
            At::Bad => return Err(Errno::EBADF),
        };
        walk.rooted = walk.scoped();
        if walk.scoped() {
            walk.root = walk.path;
        }
        if !self.fs_attr(cx, walk.path.dentry)?.is_dir() {
            return Err(Errno::ENOTDIR);
        }
        Ok(walk)
    }

    /// `link_path_walk`: takes all components but the last.
    pub(crate) fn walk_parent(&mut self, cx: &mut Cx, walk: &mut Walk) -> Result<Last> {
        let mut last = Last {
            kind: Kind::Root,
            name: Vec::new(),
            slash: false,
        };
        loop {
            let is_slash = |&byte: &u8| byte == b'/';
            last.name.clear();
            let start = walk.rest().iter().position(|byte| !is_slash(byte));
            let Some(start) = start else {
                walk.at = walk.text.len();
                last.kind = Kind::Root;
                last.slash = false;
                return Ok(last);
            };
            self.inode_permission(cx, walk.path.dentry, MAY_EXEC)?;
            let rest = &walk.rest()[start..];
            let length = rest.iter().position(is_slash).unwrap_or(rest.len());
            let (name, after) = rest.split_at(length);
            last.kind = match name {
                b"." => Kind::Dot,
                b".." => Kind::DotDot,
                _ => Kind::Norm,
            };
            last.name.extend_from_slice(name);
            last.slash = !after.is_empty();
            if after.iter().all(is_slash) {
                walk.at = walk.text.len();
                return Ok(last);
            }
            walk.at += start + length;
            if !self.walk_last(cx, walk, &last, true)? && !self.is_dir(walk.path.dentry) {
                return Err(Errno::ENOTDIR);
            }
        }
    }

    /// Takes one component (`walk_component`). `true` if it was a symbolic link whose text is now to be walked.
    pub(crate) fn walk_last(
        &mut self,
        cx: &mut Cx,
        walk: &mut Walk,
        last: &Last,
        follow: bool,
    ) -> Result<bool> {
        match last.kind {
            Kind::Dot => return Ok(false),
            Kind::Root => return Ok(false),
            Kind::DotDot => return self.walk_up(walk).map(|()| false),
            Kind::Norm => {}
        }
        let dentry = self.fs_lookup(cx, walk.path.dentry, &last.name)?;
        self.step_into(cx, walk, dentry, follow)
    }

    /// `step_into`: crosses mounts, then follows a symbolic link.
    pub(crate) fn step_into(
        &mut self,
        cx: &mut Cx,
        walk: &mut Walk,
        dentry: DentryId,
        follow: bool,
    ) -> Result<bool> {
        let parent = walk.path;
        walk.path = self.cross(
            walk,
            Path {
                mount: parent.mount,
                dentry,
            },
        )?;
        if !follow || !self.is_symlink(walk.path.dentry)? {
            return Ok(false);
        }
        walk.links += 1;
        if walk.links > SYMLINKS_MAX {
            return Err(Errno::ELOOP);
        }
        if walk.rest().is_empty() {
            self.may_follow(cx, parent.dentry, walk.path.dentry)?;
        }
        let forbidden = self
            .mnt(walk.path.mount)?
            .flags
            .contains(MountFlags::NOSYMFOLLOW);
        if walk.resolve.contains(ResolveFlags::NO_SYMLINKS) || forbidden {
            return Err(Errno::ELOOP);
        }
        let link = walk.path;
        walk.path = parent;
        match self.fs_follow(cx, link)? {
            Link::Text(text) => self.push_link(walk, text),
            Link::Magic(path) => {
                if walk.resolve.contains(ResolveFlags::NO_MAGICLINKS) {
                    return Err(Errno::ELOOP);
                }
                if walk.scoped() || (walk.no_xdev() && walk.path.mount != path.mount) {
                    return Err(Errno::EXDEV);
                }
                walk.path = path;
                Ok(false)
            }
        }
    }

    fn push_link(&mut self, walk: &mut Walk, text: Vec<u8>) -> Result<bool> {
        if text.is_empty() {
            return Err(Errno::ENOENT);
        }
        if text.first() == Some(&b'/') {
            // A walk that has not needed its root yet does not know that it is on the same mount.
            let leaves_mount =
                walk.no_xdev() && !(walk.rooted && walk.path.mount == walk.root.mount);
            if walk.resolve.contains(ResolveFlags::BENEATH) || leaves_mount {
                return Err(Errno::EXDEV);
            }
            walk.path = walk.root;
            walk.rooted = true;
        }
        let before = std::mem::replace(&mut walk.text, text);
        let rest = before.get(walk.at..).unwrap_or_default();
        walk.text.extend_from_slice(rest);
        walk.at = 0;
        Ok(true)
    }

    /// Down onto what is mounted there (`traverse_mounts`).
    fn cross(&self, walk: &Walk, path: Path) -> Result<Path> {
        let top = self.topmost(path);
        if top != path && walk.no_xdev() {
            return Err(Errno::EXDEV);
        }
        Ok(top)
    }

    /// `..` (`handle_dots`, `follow_dotdot`).
    fn walk_up(&mut self, walk: &mut Walk) -> Result<()> {
        walk.rooted = true;
        let mut path = walk.path;
        loop {
            if path == walk.root {
                if walk.resolve.contains(ResolveFlags::BENEATH) {
                    return Err(Errno::EXDEV);
                }
                break;
            }
            let mount = self.mnt(path.mount)?;
            if path.dentry != mount.root {
                let parent = self.dentry(path.dentry)?.parent.unwrap_or(path.dentry);
                if !self.is_below(parent, mount.root) && !self.is_whole(path.mount) {
                    return Err(Errno::ENOENT);
                }
                path.dentry = parent;
                break;
            }
            let Some((parent, point)) = mount.parent else {
                break;
            };
            if walk.no_xdev() {
                return Err(Errno::EXDEV);
            }
            path = Path {
                mount: parent,
                dentry: point,
            };
        }
        walk.path = self.cross(walk, path)?;
        Ok(())
    }

    /// Whether a mount shows its whole file system.
    fn is_whole(&self, mount: crate::MountId) -> bool {
        self.mnt(mount)
            .is_ok_and(|mount| self.sb(mount.sb).is_ok_and(|sb| sb.root == mount.root))
    }

    /// After a scoped walk its end must lie below its root (`complete_walk`).
    pub(crate) fn check_end(&self, walk: &Walk) -> Result<()> {
        if walk.scoped() && !self.is_reachable(walk.path, walk.root) {
            return Err(Errno::EXDEV);
        }
        Ok(())
    }

    /// Whether a place is at or below another, through mounts (`path_is_under`).
    pub(crate) fn is_reachable(&self, mut path: Path, root: Path) -> bool {
        while path.mount != root.mount {
            match self.mounts.get(&path.mount).and_then(|mount| mount.parent) {
                Some((mount, dentry)) => path = Path { mount, dentry },
                None => return false,
            }
        }
        self.is_below(path.dentry, root.dentry)
    }

    /// What is mounted on top of a place, however often; the place itself if nothing is.
    pub(crate) fn topmost(&self, mut path: Path) -> Path {
        while let Some(mount) = self.mounted.get(&(path.dentry, path.mount)) {
            match self.mounts.get(mount) {
                Some(found) => {
                    path = Path {
                        mount: *mount,
                        dentry: found.root,
                    }
                }
                None => break,
            }
        }
        path
    }
}

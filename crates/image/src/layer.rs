//! A layer's tar stream becomes a directory, as overlayfs wants it (moby `go-archive`: `Unpack` with
//! `OverlayWhiteoutFormat`).
//!
//! The directory is a root that nothing leaves: names are cleaned, and every parent is opened with
//! `RESOLVE_IN_ROOT`, so that `..`, absolute names and links, also ones swapped while this runs, stay inside. That is
//! what Docker gets from its chroot.

use crate::fs::{open_dir_in_root, remove_all};
use crate::source::{Hashed, Source};
use crate::tar::{Entry, Kind, Reader};
use crate::{Digest, Error, Result};
use glassdock_abi::call::Call;
use glassdock_abi::files::write_all;
use glassdock_abi::flags::{AtFlags, OpenFlags, XattrFlags};
use glassdock_abi::types::{Dev, TimeSet, Timespec, mode};
use glassdock_abi::{Errno, Fd, Io, OwnedFd, PathArg, Sys};

/// Permissions of directories that an archive names only as a part of a path.
const IMPLIED_DIR_MODE: u32 = 0o755;
/// Bytes that the names of a layer's directories may have together: they are held until its end.
const MAX_DIRS: u64 = 128 << 20;
const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// The attribute by which overlayfs hides what lower layers have in a directory.
const OPAQUE_XATTR: &[u8] = b"trusted.overlay.opaque";

/// What was unpacked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unpacked {
    /// Digest of the uncompressed stream.
    pub diff_id: Digest,
    /// Length of the uncompressed stream in bytes.
    pub stream_size: u64,
    /// Lengths of the files and symbolic links in it, in bytes.
    pub size: u64,
}

/// Unpacks an uncompressed layer into an open, empty directory and reads the stream to its end.
///
/// # Errors
/// Those of the stream and the archive, and of the kernel, with the path inside the directory. What was unpacked until
/// then stays: the caller unpacks beside its place and removes or renames.
pub async fn unpack<S: Sys>(sys: &S, root: Fd, source: impl Source) -> Result<Unpacked> {
    let mut reader = Reader::new(Hashed::new(source));
    let mut unpacker = Unpacker {
        sys,
        root,
        parent: None,
        dirs: Dirs::default(),
        size: 0,
    };
    while let Some(entry) = reader.next().await? {
        unpacker.entry(&entry, &mut reader).await?;
    }
    unpacker.finish().await?;
    let size = unpacker.size;
    let (diff_id, stream_size) = reader.into_source().finish().await?;
    Ok(Unpacked {
        diff_id,
        stream_size,
        size,
    })
}

struct Unpacker<'a, S: Sys> {
    sys: &'a S,
    root: Fd,
    /// The last parent directory and its path: most entries have the same as the one before.
    parent: Option<(Vec<u8>, OwnedFd<S>)>,
    /// Directories, whose times are set when nothing is made in them any more.
    dirs: Dirs,
    size: u64,
}

/// Directories and their times.
#[derive(Default)]
struct Dirs {
    list: Vec<(Vec<u8>, Timespec)>,
    bytes: u64,
}

impl Dirs {
    fn push(&mut self, path: &[u8], time: Timespec) -> Result<()> {
        const ITSELF: usize = 64;
        self.bytes += (path.len() + ITSELF) as u64;
        if self.bytes > MAX_DIRS {
            return Err(Error::TooLarge(
                "size of a layer's directory names in bytes",
                MAX_DIRS,
            ));
        }
        self.list.push((path.to_vec(), time));
        Ok(())
    }
}

/// Where an entry goes: the open directory, the name in it, and the whole path for messages.
struct Place<'a> {
    dir: Fd,
    name: &'a [u8],
    path: &'a [u8],
}

impl Place<'_> {
    fn fail(&self, op: &'static str) -> impl FnOnce(Errno) -> Error + use<> {
        Error::os(op, &rooted(self.path))
    }
}

impl<S: Sys> Unpacker<'_, S> {
    async fn entry<R: Source>(&mut self, entry: &Entry, reader: &mut Reader<R>) -> Result<()> {
        let path = clean(&entry.path);
        let (parent, name) = split(&path);
        if name.is_empty() {
            // The root itself stays as it was made.
            return Ok(());
        }
        let open = self.parent(parent, &path).await?;
        let place = Place {
            dir: open.fd(),
            name,
            path: &path,
        };
        let replaced = match name.strip_prefix(WHITEOUT) {
            Some(hidden) => self
                .whiteout(&place, parent, hidden, entry)
                .await
                .map(|()| false)?,
            None => self.put(&place, entry, reader).await?,
        };
        if !replaced {
            self.parent = Some((parent.to_vec(), open));
        }
        Ok(())
    }

    /// The open parent of an entry, made where it is missing.
    async fn parent(&mut self, parent: &[u8], path: &[u8]) -> Result<OwnedFd<S>> {
        if let Some((known, fd)) = self.parent.take()
            && known == parent
        {
            return Ok(fd);
        }
        let opened = match open_dir_in_root(self.sys, self.root, parent).await {
            Err(Errno::ENOENT) => {
                self.make_parents(parent).await?;
                open_dir_in_root(self.sys, self.root, parent).await
            }
            opened => opened,
        };
        opened.map_err(Error::os("open", &rooted(path)))
    }

    async fn make_parents(&self, path: &[u8]) -> Result<()> {
        let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        for end in slashes.map(|(at, _)| at).chain([path.len()]) {
            let path = &path[..end];
            let (above, name) = split(path);
            let dir = open_dir_in_root(self.sys, self.root, above)
                .await
                .map_err(Error::os("mkdir", &rooted(path)))?;
            let place = Place {
                dir: dir.fd(),
                name,
                path,
            };
            match self
                .sys
                .mkdirat(dir.fd(), name.into(), IMPLIED_DIR_MODE)
                .await
            {
                Ok(()) => self.chmod(&place, IMPLIED_DIR_MODE).await?,
                Err(Errno::EEXIST) => {}
                Err(errno) => return Err(place.fail("mkdir")(errno)),
            }
        }
        Ok(())
    }

    /// Marks something as removed (`.wh.name`), or a directory as hiding all below it (`.wh..wh..opq`).
    async fn whiteout(
        &self,
        place: &Place<'_>,
        parent: &[u8],
        hidden: &[u8],
        entry: &Entry,
    ) -> Result<()> {
        if place.name == OPAQUE {
            let parent = Place {
                dir: place.dir,
                name: b".",
                path: parent,
            };
            // Without the mark, what the layer removed would show.
            let marked = self.xattr(&parent, Kind::Dir, OPAQUE_XATTR, b"y").await;
            return marked.map_err(parent.fail("setxattr"));
        }
        let path = clean(&[parent, hidden].join(&b'/'));
        let place = Place {
            dir: place.dir,
            name: hidden,
            path: &path,
        };
        // `.wh.`, `.wh..` and `.wh...` would be the directory and its parent, which are there.
        if matches!(hidden, b"" | b"." | b"..") {
            return Err(place.fail("mknod")(Errno::EEXIST));
        }
        self.node(&place, mode::S_IFCHR, Dev::new(0, 0))
            .await
            .map_err(place.fail("mknod"))?;
        self.chown(&place, entry).await
    }

    /// Makes the entry with its contents and attributes; whether something else had to be removed for it.
    async fn put<R: Source>(
        &mut self,
        place: &Place<'_>,
        entry: &Entry,
        reader: &mut Reader<R>,
    ) -> Result<bool> {
        let mut replaced = false;
        let made = match self.create(place, entry).await {
            Err(Errno::EEXIST) => {
                replaced = self.clear(place, entry.kind).await?;
                if replaced {
                    self.create(place, entry).await
                } else {
                    Ok(None)
                }
            }
            made => made,
        };
        let made = made.map_err(|errno| creation_error(place, entry, errno))?;
        match (made, entry.kind) {
            (Some(file), _) => self.fill(file.fd(), place, entry, reader).await?,
            // The file's first name has set them.
            (None, Kind::HardLink) => {}
            (None, _) => self.attributes(place, entry).await?,
        }
        Ok(replaced)
    }

    /// Removes what stands in an entry's place. A directory stays for a directory: the two become one.
    async fn clear(&self, place: &Place<'_>, kind: Kind) -> Result<bool> {
        let stat = self
            .sys
            .statx(place.dir, place.name.into(), AtFlags::SYMLINK_NOFOLLOW)
            .await;
        if kind == Kind::Dir && stat.map_err(place.fail("lstat"))?.is(mode::S_IFDIR) {
            return Ok(false);
        }
        remove_all(self.sys, place.dir, place.name).await?;
        Ok(true)
    }

    /// Makes the entry bare; yields a regular file open for writing.
    async fn create(
        &mut self,
        place: &Place<'_>,
        entry: &Entry,
    ) -> Result<Option<OwnedFd<S>>, Errno> {
        let (sys, dir, name) = (self.sys, place.dir, PathArg::from(place.name));
        let device = Dev::new(entry.device.0, entry.device.1);
        match entry.kind {
            Kind::File => {
                let flags =
                    OpenFlags::WRONLY | OpenFlags::CREAT | OpenFlags::EXCL | OpenFlags::NOFOLLOW;
                // Until its owner is set, nobody else may look into it.
                return sys.openat(dir, name, flags, 0o600).await.map(Some);
            }
            Kind::Dir => sys.mkdirat(dir, name, 0o700).await?,
            Kind::Symlink => {
                let target = entry.link.as_slice().into();
                sys.call(Call::Symlinkat {
                    target,
                    newdirfd: dir,
                    linkpath: name,
                })
                .await?;
                self.size += entry.link.len() as u64;
            }
            Kind::HardLink => self.hard_link(place, entry).await?,
            Kind::Char => self.node(place, mode::S_IFCHR, device).await?,
            Kind::Block => self.node(place, mode::S_IFBLK, device).await?,
            Kind::Fifo => self.node(place, mode::S_IFIFO, Dev::new(0, 0)).await?,
        }
        Ok(None)
    }

    async fn hard_link(&self, place: &Place<'_>, entry: &Entry) -> Result<(), Errno> {
        let target = clean(&entry.link);
        let (parent, name) = split(&target);
        let parent = open_dir_in_root(self.sys, self.root, parent).await?;
        let call = Call::Linkat {
            olddirfd: parent.fd(),
            oldpath: name.into(),
            newdirfd: place.dir,
            newpath: place.name.into(),
            flags: AtFlags::empty(),
        };
        self.sys.call(call).await.map(drop)
    }

    async fn node(&self, place: &Place<'_>, kind: u32, dev: Dev) -> Result<(), Errno> {
        let call = Call::Mknodat {
            dirfd: place.dir,
            path: place.name.into(),
            mode: kind | 0o600,
            dev,
        };
        self.sys.call(call).await.map(drop)
    }

    /// Contents and attributes of a regular file, through its descriptor.
    async fn fill<R: Source>(
        &mut self,
        file: Fd,
        place: &Place<'_>,
        entry: &Entry,
        reader: &mut Reader<R>,
    ) -> Result<()> {
        loop {
            let chunk = reader.data().await?;
            if chunk.is_empty() {
                break;
            }
            write_all(self.sys, file, &chunk)
                .await
                .map_err(place.fail("write"))?;
        }
        self.size += entry.size;
        let itself = Place {
            dir: file,
            name: b"",
            path: place.path,
        };
        self.chown(&itself, entry).await?;
        for (name, value) in &entry.xattrs {
            let call = Call::Fsetxattr {
                fd: file,
                name: name.clone(),
                value: value.clone(),
                flags: XattrFlags::empty(),
            };
            ignore_eperm(self.sys.call(call).await).map_err(place.fail("lsetxattr"))?;
        }
        self.chmod(&itself, entry.mode).await?;
        self.times(&itself, entry.mtime).await
    }

    /// Attributes of anything that is not a regular file.
    async fn attributes(&mut self, place: &Place<'_>, entry: &Entry) -> Result<()> {
        self.chown(place, entry).await?;
        for (name, value) in &entry.xattrs {
            let set = self.xattr(place, entry.kind, name, value).await;
            ignore_eperm(set).map_err(place.fail("lsetxattr"))?;
        }
        // A symbolic link has no permissions.
        if entry.kind != Kind::Symlink {
            self.chmod(place, entry.mode).await?;
        }
        if entry.kind == Kind::Dir {
            return self.dirs.push(place.path, entry.mtime);
        }
        self.times(place, entry.mtime).await
    }

    async fn chown(&self, place: &Place<'_>, entry: &Entry) -> Result<()> {
        let (uid, gid) = (entry.uid, entry.gid);
        let flags = itself_or(place, AtFlags::SYMLINK_NOFOLLOW);
        let call = Call::Fchownat {
            dirfd: place.dir,
            path: place.name.into(),
            uid,
            gid,
            flags,
        };
        self.sys
            .call(call)
            .await
            .map(drop)
            .map_err(place.fail("lchown"))
    }

    async fn chmod(&self, place: &Place<'_>, mode: u32) -> Result<()> {
        let flags = itself_or(place, AtFlags::empty());
        let call = Call::Fchmodat {
            dirfd: place.dir,
            path: place.name.into(),
            mode,
            flags,
        };
        self.sys
            .call(call)
            .await
            .map(drop)
            .map_err(place.fail("chmod"))
    }

    async fn times(&self, place: &Place<'_>, time: Timespec) -> Result<()> {
        let (atime, mtime) = (TimeSet::At(time), TimeSet::At(time));
        let flags = itself_or(place, AtFlags::SYMLINK_NOFOLLOW);
        let call = Call::Utimensat {
            dirfd: place.dir,
            path: place.name.into(),
            atime,
            mtime,
            flags,
        };
        self.sys
            .call(call)
            .await
            .map(drop)
            .map_err(place.fail("chtimes"))
    }

    /// Sets an attribute by name. Only a directory can be opened without doing something to it; for the others there is
    /// the directory's descriptor in `/proc`.
    async fn xattr(
        &self,
        place: &Place<'_>,
        kind: Kind,
        name: &[u8],
        value: &[u8],
    ) -> Result<(), Errno> {
        let (name, value, flags) = (name.to_vec(), value.to_vec(), XattrFlags::empty());
        if kind == Kind::Dir {
            let how = OpenFlags::RDONLY | OpenFlags::DIRECTORY | OpenFlags::NOFOLLOW;
            let dir = self
                .sys
                .openat(place.dir, place.name.into(), how, 0)
                .await?;
            let call = Call::Fsetxattr {
                fd: dir.fd(),
                name,
                value,
                flags,
            };
            return self.sys.call(call).await.map(drop);
        }
        let path = PathArg::from(format!("/proc/self/fd/{}", place.dir.0)).join(place.name);
        let call = Call::Setxattr {
            path,
            name,
            value,
            flags,
            follow: false,
        };
        self.sys.call(call).await.map(drop)
    }

    /// Sets the directories' times, now that nothing more is made in them.
    async fn finish(&mut self) -> Result<()> {
        for (path, time) in core::mem::take(&mut self.dirs.list) {
            match open_dir_in_root(self.sys, self.root, &path).await {
                Ok(dir) => {
                    self.times(
                        &Place {
                            dir: dir.fd(),
                            name: b".",
                            path: &path,
                        },
                        time,
                    )
                    .await?
                }
                // A later entry took its place.
                Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => {}
                Err(errno) => return Err(Error::os("chtimes", &rooted(&path))(errno)),
            }
        }
        Ok(())
    }
}

/// An empty name means the descriptor itself.
fn itself_or(place: &Place<'_>, flags: AtFlags) -> AtFlags {
    if place.name.is_empty() {
        AtFlags::EMPTY_PATH
    } else {
        flags
    }
}

/// Docker goes on where attributes may not be set at all.
fn ignore_eperm<T>(result: Result<T, Errno>) -> Result<(), Errno> {
    match result {
        Ok(_) | Err(Errno::EPERM) => Ok(()),
        Err(errno) => Err(errno),
    }
}

fn creation_error(place: &Place<'_>, entry: &Entry, errno: Errno) -> Error {
    match entry.kind {
        Kind::HardLink => {
            let both = [rooted(&clean(&entry.link)), rooted(place.path)].join(&b' ');
            Error::os("link", &both)(errno)
        }
        Kind::Symlink => Error::os(
            "symlink",
            &[entry.link.clone(), rooted(place.path)].join(&b' '),
        )(errno),
        Kind::Dir => place.fail("mkdir")(errno),
        Kind::File => place.fail("open")(errno),
        Kind::Char | Kind::Block | Kind::Fifo => place.fail("mknod")(errno),
    }
}

/// A path with `.`, `..` and surplus slashes worked out, relative, and never above where it starts.
pub fn clean(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join(&b'/')
}

/// The part before the last slash, and the part after it.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b"", path),
    }
}

/// A path as messages show it: from the root being filled.
fn rooted(path: &[u8]) -> Vec<u8> {
    [b"/".as_slice(), path].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cleaned_path_never_leaves_its_root() {
        for (path, cleaned) in [
            ("a/b", "a/b"),
            ("./a//b/", "a/b"),
            ("/abs", "abs"),
            ("../../etc/passwd", "etc/passwd"),
            ("a/../../b", "b"),
            ("", ""),
            ("/", ""),
            ("..", ""),
        ] {
            assert_eq!(clean(path.as_bytes()), cleaned.as_bytes(), "{path}");
        }
    }

    #[test]
    fn a_layer_s_directories_are_held_up_to_a_limit() {
        let (mut dirs, time) = (Dirs::default(), Timespec { sec: 0, nsec: 0 });
        for _ in 0..MAX_DIRS / (4096 + 64) {
            dirs.push(&[b'd'; 4096], time).unwrap();
        }
        assert!(matches!(
            dirs.push(&[b'd'; 4096], time),
            Err(Error::TooLarge(..))
        ));
    }
}

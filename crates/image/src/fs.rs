//! Directories handled through a kernel: entry by entry, from descriptors, never out of their root.

mod tree;

pub use tree::link_tree;

use crate::{Error, Result};
use glassdock_abi::flags::{AtFlags, OpenFlags, ResolveFlags};
use glassdock_abi::types::{OpenHow, mode};
use glassdock_abi::{Errno, Fd, Io, OwnedFd, PathArg, Sys, files};
use std::collections::BTreeSet;

/// Deepest nesting of directories that is removed; a kernel's paths end before.
const MAX_DEPTH: usize = 4096;

/// Opens a directory inside a root that no path and no symbolic link leads out of (`man 2 openat2`,
/// `RESOLVE_IN_ROOT`); `path` is relative to it. As a place only: for `*at` calls, not for reading.
pub async fn open_dir_in_root<S: Sys>(sys: &S, root: Fd, path: &[u8]) -> Result<OwnedFd<S>, Errno> {
    open_in_root(sys, root, path, OpenFlags::PATH | OpenFlags::DIRECTORY).await
}

/// Opens anything that exists inside a root in that manner.
pub async fn open_in_root<S: Sys>(
    sys: &S,
    root: Fd,
    path: &[u8],
    flags: OpenFlags,
) -> Result<OwnedFd<S>, Errno> {
    let path = if path.is_empty() { &b"."[..] } else { path };
    let how = OpenHow {
        flags: flags | OpenFlags::CLOEXEC,
        mode: 0,
        resolve: ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
    };
    sys.openat2(root, path.into(), how).await
}

/// Opens a directory by absolute path, for reading.
pub async fn open_dir<S: Sys>(sys: &S, path: &PathArg) -> Result<OwnedFd<S>> {
    let flags = OpenFlags::RDONLY | OpenFlags::DIRECTORY;
    sys.openat(Fd::CWD, path.clone(), flags, 0)
        .await
        .map_err(Error::os("open", path.as_bytes()))
}

/// Makes a directory and those above it, where they are missing.
pub async fn create_dir_all<S: Sys>(sys: &S, path: &PathArg, permissions: u32) -> Result<()> {
    let bytes = path.as_bytes();
    let ends = bytes
        .iter()
        .enumerate()
        .skip(1)
        .filter(|(_, byte)| **byte == b'/')
        .map(|(at, _)| at);
    let mut missing: Vec<usize> = ends.chain([bytes.len()]).collect();
    // From the deepest that is there: usually all but one are.
    let mut made = Vec::new();
    while let Some(end) = missing.pop() {
        match sys.mkdirat(Fd::CWD, bytes[..end].into(), permissions).await {
            Ok(()) | Err(Errno::EEXIST) => break,
            Err(Errno::ENOENT) if !missing.is_empty() => made.push(end),
            Err(errno) => return Err(Error::os("mkdir", &bytes[..end])(errno)),
        }
    }
    while let Some(end) = made.pop() {
        match sys.mkdirat(Fd::CWD, bytes[..end].into(), permissions).await {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(Error::os("mkdir", &bytes[..end])(errno)),
        }
    }
    Ok(())
}

/// Removes an entry of a directory with all that is in it. That it is not there is no error.
pub async fn remove_all<S: Sys>(sys: &S, dir: Fd, name: &[u8]) -> Result<()> {
    match sys.unlinkat(dir, name.into(), AtFlags::empty()).await {
        Ok(()) | Err(Errno::ENOENT) => return Ok(()),
        // Linux says EISDIR for a directory, POSIX EPERM.
        Err(Errno::EISDIR | Errno::EPERM) => {}
        Err(errno) => return Err(Error::os("unlink", name)(errno)),
    }
    remove_dir(sys, dir, name).await
}

/// [`remove_all`] of a directory by absolute path; what turns out to be something else is removed too.
pub async fn remove_path<S: Sys>(sys: &S, path: &PathArg) -> Result<()> {
    match remove_dir(sys, Fd::CWD, path.as_bytes()).await {
        Err(Error::Os {
            errno: Errno::ENOTDIR | Errno::ELOOP,
            ..
        }) => remove_all(sys, Fd::CWD, path.as_bytes()).await,
        removed => removed,
    }
}

/// An open directory on the way down, and its name in the one above.
struct Level<S: Sys> {
    fd: OwnedFd<S>,
    name: Vec<u8>,
    names: Vec<(Vec<u8>, bool)>,
}

async fn remove_dir<S: Sys>(sys: &S, dir: Fd, name: &[u8]) -> Result<()> {
    let Some(top) = enter(sys, dir, name).await? else {
        return Ok(());
    };
    let mut levels = vec![top];
    while let Some(level) = levels.last_mut() {
        let at = level.fd.fd();
        match level.names.pop() {
            Some((name, false)) => match sys
                .unlinkat(at, name.as_slice().into(), AtFlags::empty())
                .await
            {
                Ok(()) | Err(Errno::ENOENT) => {}
                Err(errno) => return Err(Error::os("unlink", &name)(errno)),
            },
            Some((name, true)) => {
                if levels.len() >= MAX_DEPTH {
                    return Err(Error::TooLarge("directory depth", MAX_DEPTH as u64));
                }
                levels.extend(enter(sys, at, &name).await?);
            }
            None => {
                let Some(done) = levels.pop() else { break };
                let above = levels.last().map_or(dir, |level| level.fd.fd());
                match sys
                    .unlinkat(above, done.name.as_slice().into(), AtFlags::REMOVEDIR)
                    .await
                {
                    Ok(()) | Err(Errno::ENOENT) => {}
                    Err(errno) => return Err(Error::os("rmdir", &done.name)(errno)),
                }
            }
        }
    }
    Ok(())
}

async fn enter<S: Sys>(sys: &S, dir: Fd, name: &[u8]) -> Result<Option<Level<S>>> {
    let flags = OpenFlags::RDONLY | OpenFlags::DIRECTORY | OpenFlags::NOFOLLOW;
    let fd = match sys.openat(dir, name.into(), flags, 0).await {
        Ok(fd) => fd,
        Err(Errno::ENOENT) => return Ok(None),
        Err(errno) => return Err(Error::os("open", name)(errno)),
    };
    let names = list(sys, fd.fd()).await?;
    Ok(Some(Level {
        fd,
        name: name.to_vec(),
        names,
    }))
}

/// Bytes of all files below a directory, each once whatever its names; directories themselves count nothing.
pub async fn tree_size<S: Sys>(sys: &S, path: &PathArg) -> Result<u64> {
    let mut levels: Vec<Level<S>> = enter(sys, Fd::CWD, path.as_bytes())
        .await?
        .into_iter()
        .collect();
    let (mut seen, mut size) = (BTreeSet::new(), 0u64);
    while let Some(level) = levels.last_mut() {
        let at = level.fd.fd();
        match level.names.pop() {
            Some((name, true)) => {
                if levels.len() >= MAX_DEPTH {
                    return Err(Error::TooLarge("directory depth", MAX_DEPTH as u64));
                }
                levels.extend(enter(sys, at, &name).await?);
            }
            Some((name, false)) => {
                let path = name.as_slice().into();
                match sys.statx(at, path, AtFlags::SYMLINK_NOFOLLOW).await {
                    Ok(stat) if seen.insert(stat.ino) => size = size.saturating_add(stat.size),
                    Ok(_) | Err(Errno::ENOENT) => {}
                    Err(errno) => return Err(Error::os("lstat", &name)(errno)),
                }
            }
            None => drop(levels.pop()),
        }
    }
    Ok(size)
}

/// Names in an open directory without `.` and `..`, in the kernel's order, and whether each is a directory.
pub async fn list<S: Sys>(sys: &S, dir: Fd) -> Result<Vec<(Vec<u8>, bool)>> {
    const DT_DIR: u32 = mode::S_IFDIR >> 12;
    let mut names = Vec::new();
    loop {
        let entries = sys
            .getdents64(dir)
            .await
            .map_err(Error::os("readdirent", b"."))?;
        if entries.is_empty() {
            return Ok(names);
        }
        let entries = entries
            .into_iter()
            .filter(|entry| !matches!(entry.name.as_slice(), b"." | b".."));
        names.extend(entries.map(|entry| (entry.name, u32::from(entry.kind) == DT_DIR)));
    }
}

/// Reads a whole file by absolute path, at most `limit` bytes of it.
pub async fn read_file<S: Sys>(sys: &S, path: &PathArg, limit: u64) -> Result<Vec<u8>> {
    let fail = |errno| Error::os("open", path.as_bytes())(errno);
    let fd = sys
        .openat(Fd::CWD, path.clone(), OpenFlags::RDONLY, 0)
        .await
        .map_err(fail)?;
    let source = crate::source::FdSource::new(sys, fd.fd());
    crate::source::read_all(source, "file", limit).await
}

/// Writes a whole file by absolute path ([`files::write_file`]).
pub async fn write_file<S: Sys>(
    sys: &S,
    path: &PathArg,
    data: &[u8],
    permissions: u32,
) -> Result<()> {
    files::write_file(sys, path, data, permissions)
        .await
        .map_err(Error::os("write", path.as_bytes()))
}

/// Replaces a file's contents by absolute path ([`files::replace_file`]).
pub async fn write_atomic<S: Sys>(
    sys: &S,
    path: &PathArg,
    data: &[u8],
    permissions: u32,
) -> Result<()> {
    files::replace_file(sys, path, data, permissions)
        .await
        .map_err(Error::os("write", path.as_bytes()))
}

//! What everybody makes of several calls: whole writes, and files that are replaced at once.

use crate::flags::{AtFlags, OpenFlags, RenameFlags};
use crate::{Errno, Fd, Io, PathArg, Result, Sys};

/// Writes all of some bytes, also when a signal comes in between.
///
/// # Errors
/// The kernel's; `EIO` where it takes nothing.
pub async fn write_all<S: Sys>(sys: &S, fd: Fd, data: &[u8]) -> Result<()> {
    let mut rest = data;
    while !rest.is_empty() {
        match sys.write(fd, rest.to_vec()).await {
            Ok(0) => return Err(Errno::EIO),
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Replaces a file's contents so that a crash leaves the old or the new ones: a temporary file beside it, synchronised,
/// renamed over it, and the directory synchronised. One at a time: the temporary file's name is the same each time, so
/// that a crash leaves one at most.
///
/// # Errors
/// The kernel's; then the file is as it was, but for a directory that could not be synchronised.
pub async fn replace_file<S: Sys>(
    sys: &S,
    path: &PathArg,
    data: &[u8],
    permissions: u32,
) -> Result<()> {
    let mut temporary = path.clone();
    temporary.0.extend_from_slice(b".tmp");
    let replaced = async {
        let flags = OpenFlags::WRONLY | OpenFlags::CREAT | OpenFlags::TRUNC | OpenFlags::NOFOLLOW;
        let file = sys
            .openat(Fd::CWD, temporary.clone(), flags, permissions)
            .await?;
        write_all(sys, file.fd(), data).await?;
        sys.fsync(file.fd()).await?;
        let (from, to) = (temporary.clone(), path.clone());
        sys.renameat2(Fd::CWD, from, Fd::CWD, to, RenameFlags::empty())
            .await
    }
    .await;
    if replaced.is_err() {
        let _ = sys.unlinkat(Fd::CWD, temporary, AtFlags::empty()).await;
        return replaced;
    }
    let bytes = path.as_bytes();
    let end = bytes.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    let flags = OpenFlags::RDONLY | OpenFlags::DIRECTORY;
    let dir = sys
        .openat(Fd::CWD, bytes[..end.max(1)].into(), flags, 0)
        .await?;
    sys.fsync(dir.fd()).await
}

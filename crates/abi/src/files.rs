//! What everybody makes of several calls: whole writes, whole files, and files that are replaced at once.

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

const NEW: OpenFlags = OpenFlags::WRONLY
    .union(OpenFlags::CREAT)
    .union(OpenFlags::TRUNC)
    .union(OpenFlags::NOFOLLOW);

/// Writes a whole file, new or in place of what it held. For what is made anew after a crash, or is no part of anything
/// before something else says so: who dies meanwhile leaves a part of it, and nothing waits for the disk.
///
/// # Errors
/// The kernel's; then the file may hold a part.
pub async fn write_file<S: Sys>(
    sys: &S,
    path: &PathArg,
    data: &[u8],
    permissions: u32,
) -> Result<()> {
    let file = sys.openat(Fd::CWD, path.clone(), NEW, permissions).await?;
    write_all(sys, file.fd(), data).await
}

/// Replaces a file's contents so that a crash, of the machine too, leaves the old or the new ones: a temporary file
/// beside it, synchronised, and renamed over it. The directory is not synchronised, so after the machine's crash it may
/// be the old ones (as moby's `AtomicWriteFile`). One at a time: the temporary file's name is the same each time, so that
/// a crash leaves one at most.
///
/// # Errors
/// The kernel's; then the file is as it was.
pub async fn replace_file<S: Sys>(
    sys: &S,
    path: &PathArg,
    data: &[u8],
    permissions: u32,
) -> Result<()> {
    let by = Replacement {
        synchronised: true,
        ..Replacement::beside(path)
    };
    by.replace(sys, path, data, permissions).await
}

/// [`replace_file`] for what the machine's crash ends anyway, as the state of containers that run: whoever dies leaves the
/// old contents or the new ones, and nothing waits for the disk.
///
/// # Errors
/// The kernel's; then the file is as it was.
pub async fn replace_volatile_file<S: Sys>(
    sys: &S,
    path: &PathArg,
    data: &[u8],
    permissions: u32,
) -> Result<()> {
    let by = Replacement::beside(path);
    by.replace(sys, path, data, permissions).await
}

/// [`replace_file`] for several at a time: the temporary file has a drawn name. A crash leaves one behind.
///
/// # Errors
/// The kernel's; then the file is as it was.
pub async fn replace_shared_file<S: Sys>(
    sys: &S,
    path: &PathArg,
    data: &[u8],
    permissions: u32,
) -> Result<()> {
    let mut temporary = path.clone();
    temporary.0.push(b'.');
    for byte in sys.getrandom(8).await? {
        temporary
            .0
            .extend_from_slice(format!("{byte:02x}").as_bytes());
    }
    let by = Replacement {
        temporary,
        flags: NEW | OpenFlags::EXCL,
        synchronised: true,
    };
    by.replace(sys, path, data, permissions).await
}

/// How a file's contents are replaced.
struct Replacement {
    /// Where the new ones are written.
    temporary: PathArg,
    /// How that is opened.
    flags: OpenFlags,
    /// Whether they are on the disk before they have the name.
    synchronised: bool,
}

impl Replacement {
    /// By a file of a name that is the same each time, without waiting for the disk.
    fn beside(path: &PathArg) -> Self {
        let mut temporary = path.clone();
        temporary.0.extend_from_slice(b".tmp");
        Self {
            temporary,
            flags: NEW,
            synchronised: false,
        }
    }

    async fn replace<S: Sys>(
        self,
        sys: &S,
        path: &PathArg,
        data: &[u8],
        permissions: u32,
    ) -> Result<()> {
        let temporary = self.temporary;
        let file = sys
            .openat(Fd::CWD, temporary.clone(), self.flags, permissions)
            .await?;
        let replaced = async {
            write_all(sys, file.fd(), data).await?;
            if self.synchronised {
                sys.fsync(file.fd()).await?;
            }
            let (from, to) = (temporary.clone(), path.clone());
            sys.renameat2(Fd::CWD, from, Fd::CWD, to, RenameFlags::empty())
                .await
        }
        .await;
        if replaced.is_err() {
            let _ = sys.unlinkat(Fd::CWD, temporary, AtFlags::empty()).await;
        }
        replaced
    }
}

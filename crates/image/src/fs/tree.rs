//! Copying a directory tree by sharing its files.

use super::{list, open_dir};
use crate::{Error, Result};
use glassdock_abi::call::Call;
use glassdock_abi::flags::{AtFlags, OpenFlags, XattrFlags};
use glassdock_abi::types::TimeSet;
use glassdock_abi::{Errno, Fd, Io, OwnedFd, PathArg, Sys};

/// Fills an existing, empty directory with the tree of another: directories are made anew with the same attributes,
/// everything else gets a second name. For trees that nobody writes to, such as layers.
pub async fn link_tree<S: Sys>(sys: &S, from: &PathArg, to: &PathArg) -> Result<()> {
    let mut open = vec![(open_dir(sys, from).await?, open_dir(sys, to).await?)];
    while let Some((from, to)) = open.pop() {
        for (name, is_dir) in list(sys, from.fd()).await? {
            let fail = |errno| Error::os("link", &name)(errno);
            if is_dir {
                open.push(enter(sys, from.fd(), to.fd(), &name).await.map_err(fail)?);
                continue;
            }
            let call = Call::Linkat {
                olddirfd: from.fd(),
                oldpath: name.as_slice().into(),
                newdirfd: to.fd(),
                newpath: name.as_slice().into(),
                flags: AtFlags::empty(),
            };
            sys.call(call).await.map_err(fail)?;
        }
        copy_attributes(sys, from.fd(), to.fd())
            .await
            .map_err(Error::os("chmod", b"directory of a layer"))?;
    }
    Ok(())
}

async fn enter<S: Sys>(
    sys: &S,
    from: Fd,
    to: Fd,
    name: &[u8],
) -> Result<(OwnedFd<S>, OwnedFd<S>), Errno> {
    let flags = OpenFlags::RDONLY | OpenFlags::DIRECTORY | OpenFlags::NOFOLLOW;
    sys.mkdirat(to, name.into(), 0o700).await?;
    Ok((
        sys.openat(from, name.into(), flags, 0).await?,
        sys.openat(to, name.into(), flags, 0).await?,
    ))
}

async fn copy_attributes<S: Sys>(sys: &S, from: Fd, to: Fd) -> Result<(), Errno> {
    const OPAQUE: &[u8] = b"trusted.overlay.opaque";
    let stat = sys.fstat(from).await?;
    let (path, flags) = (PathArg::default(), AtFlags::EMPTY_PATH);
    let owner = Call::Fchownat {
        dirfd: to,
        path: path.clone(),
        uid: stat.uid,
        gid: stat.gid,
        flags,
    };
    sys.call(owner).await?;
    if let Ok(value) = sys
        .call(Call::Fgetxattr {
            fd: from,
            name: OPAQUE.to_vec(),
        })
        .await
    {
        let (name, value, flags) = (OPAQUE.to_vec(), value.bytes()?, XattrFlags::empty());
        sys.call(Call::Fsetxattr {
            fd: to,
            name,
            value,
            flags,
        })
        .await?;
    }
    sys.call(Call::Fchmodat {
        dirfd: to,
        path: path.clone(),
        mode: stat.mode & 0o7777,
        flags,
    })
    .await?;
    let (atime, mtime) = (TimeSet::At(stat.atime), TimeSet::At(stat.mtime));
    sys.call(Call::Utimensat {
        dirfd: to,
        path,
        atime,
        mtime,
        flags,
    })
    .await
    .map(drop)
}

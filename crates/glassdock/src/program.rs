//! This program's own file, as processes that come near containers are started from it.
//!
//! A process in a container can reach the file of another that comes from outside, such as the one that executes a
//! further program there, through `/proc/PID/exe`, and root there could write to it (CVE-2019-5736). So shims and helpers
//! run from a mount of the file that cannot be written through, whoever asks.

use glassdock_abi::flags::{AtFlags, MountFlags, OpenFlags, UmountFlags};
use glassdock_abi::{Errno, Fd, Io, PathArg, Result};
use glassdock_linux::Direct;

/// Mounts this program's file below a directory, unwritable; gives its path there. One that is left from a daemon
/// that died is replaced; processes that run from it go on.
///
/// # Errors
/// Those of `man 2 mount`: `EPERM` without `CAP_SYS_ADMIN`.
pub(crate) async fn protect(sys: &Direct, dir: &str) -> Result<String> {
    const FLAGS: MountFlags = MountFlags::BIND
        .union(MountFlags::REMOUNT)
        .union(MountFlags::RDONLY)
        .union(MountFlags::NOSUID)
        .union(MountFlags::NODEV);
    let path = format!("{dir}/glassdock");
    let at = PathArg::from(&path);
    release(sys, &path).await?;
    let flags = OpenFlags::WRONLY | OpenFlags::CREAT | OpenFlags::EXCL;
    drop(sys.openat(Fd::CWD, at.clone(), flags, 0o600).await?);
    let own = "/proc/self/exe".into();
    sys.mount(own, at.clone(), "", MountFlags::BIND, Vec::new())
        .await?;
    sys.mount(PathArg::default(), at, "", FLAGS, Vec::new())
        .await?;
    Ok(path)
}

/// Takes the mount away.
///
/// # Errors
/// Those of `man 2 umount2` and `man 2 unlink`; that nothing is there is none.
pub(crate) async fn release(sys: &Direct, path: &str) -> Result<()> {
    let at = PathArg::from(path);
    let flags = UmountFlags::DETACH | UmountFlags::NOFOLLOW;
    // Several, where daemons died between mounting and starting.
    loop {
        match sys.umount2(at.clone(), flags).await {
            Ok(()) => {}
            Err(Errno::EINVAL | Errno::ENOENT) => break,
            Err(errno) => return Err(errno),
        }
    }
    match sys.unlinkat(Fd::CWD, at, AtFlags::empty()).await {
        Ok(()) | Err(Errno::ENOENT) => Ok(()),
        Err(errno) => Err(errno),
    }
}

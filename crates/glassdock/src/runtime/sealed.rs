//! This program, so that nobody can write to its file.
//!
//! Root in a container can reach the file of a program that comes from outside through `/proc/PID/exe` (CVE-2019-5736).
//! What makes processes in containers therefore runs from a read-only mount of the file that lies nowhere, or, where the
//! kernel has none (before Linux 5.12), from a sealed copy in memory, which takes some milliseconds.

use rustix::fs::{
    MemfdFlags, SealFlags, StatVfsMountFlags, fcntl_add_seals, memfd_create, statvfs,
};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// This program's file.
const OWN: &str = "/proc/self/exe";
/// Name of the copy; the file of a program that runs from it begins with `/memfd:` and this.
const NAME: &str = "glassdock-sealed";

/// Goes on as this program with the same arguments, from where it cannot be written to. Returns when it already runs from
/// there.
///
/// # Errors
/// Those of making the copy, and of running it.
pub(super) fn seal(args: &[OsString]) -> io::Result<()> {
    if is_sealed()? {
        return Ok(());
    }
    match glassdock_linux::own_program_read_only() {
        Ok(mount) => Err(go_on(mount.0, args)),
        Err(_) => {
            let copy = copy()?;
            Err(go_on(copy.as_raw_fd(), args))
        }
    }
}

fn is_sealed() -> io::Result<bool> {
    // As that mount is, and the daemon's. One that is read-only alone may be the host's, and become writable again.
    let flags = StatVfsMountFlags::RDONLY | StatVfsMountFlags::NOSUID | StatVfsMountFlags::NODEV;
    if statvfs(OWN)?.f_flag.contains(flags) {
        return Ok(true);
    }
    let copy = format!("/memfd:{NAME}");
    let own = std::fs::read_link(OWN)?;
    Ok(own.as_os_str().as_bytes().starts_with(copy.as_bytes()))
}

fn copy() -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut copy = File::from(memfd_create(NAME, flags)?);
    io::copy(&mut File::open(OWN)?, &mut copy)?;
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    fcntl_add_seals(&copy, seals)?;
    Ok(copy)
}

/// Becomes the program of a descriptor.
fn go_on(file: RawFd, args: &[OsString]) -> io::Error {
    let mut program = Command::new(format!("/proc/self/fd/{file}"));
    if let Some((name, rest)) = args.split_first() {
        program.arg0(name).args(rest);
    }
    program.exec()
}

//! A copy of this program that nobody can write to.
//!
//! Root in a container can reach the file of a program that comes from outside through `/proc/PID/exe` (CVE-2019-5736).
//! What makes processes in containers therefore runs from a sealed copy in memory.

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Name of the copy; `/proc/self/exe` of a program that runs from it begins with `/memfd:` and this.
const NAME: &str = "glassdock-sealed";

/// Goes on as a sealed copy of this program with the same arguments. Returns when it already is one.
///
/// # Errors
/// Those of making the copy, and of running it.
pub(super) fn seal(args: &[OsString]) -> io::Result<()> {
    let own = std::fs::read_link("/proc/self/exe")?;
    if own
        .as_os_str()
        .as_bytes()
        .starts_with(format!("/memfd:{NAME}").as_bytes())
    {
        return Ok(());
    }
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut copy = File::from(memfd_create(NAME, flags)?);
    io::copy(&mut File::open("/proc/self/exe")?, &mut copy)?;
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    fcntl_add_seals(&copy, seals)?;
    let mut program = Command::new(format!("/proc/self/fd/{}", copy.as_raw_fd()));
    if let Some((name, rest)) = args.split_first() {
        program.arg0(name).args(rest);
    }
    Err(program.exec())
}

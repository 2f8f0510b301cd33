//! New processes: clones that go on in our code, and programs.

use crate::calls::{exec, perform};
use crate::decode::words;
use crate::raw;
use glassdock_abi::call::FcntlCmd;
use glassdock_abi::flags::{AtFlags, CloneFlags, CloseRangeFlags, OpenFlags, WaitFlags};
use glassdock_abi::types::{CloneArgs, WaitFor, signal};
use glassdock_abi::{Call, Errno, Fd, Pid, Result, Spawn};

/// What a clone shares with its parent only where both are threads of one program.
const REFUSED: CloneFlags = CloneFlags::VM
    .union(CloneFlags::THREAD)
    .union(CloneFlags::SETTLS)
    .union(CloneFlags::SIGHAND);

/// Clones this process; zero in the child.
pub(crate) fn clone(args: CloneArgs, pidfd: Option<&mut [u8; 4]>) -> Result<Pid> {
    if args.flags.intersects(REFUSED) {
        return Err(Errno::EINVAL);
    }
    let mut flags = args.flags;
    let pidfd_at = match pidfd {
        Some(place) => {
            flags |= CloneFlags::PIDFD;
            place.as_mut_ptr().expose_provenance() as u64
        }
        None => 0,
    };
    let cgroup = match args.cgroup {
        Some(fd) => {
            flags |= CloneFlags::INTO_CGROUP;
            fd.0 as u64
        }
        None => 0,
    };
    let words = words([
        flags.bits(),
        pidfd_at,
        0,
        0,
        u64::from(args.exit_signal),
        0,
        0,
        0,
        0,
        0,
        cgroup,
    ]);
    let encoded: [u8; 88] = words.try_into().map_err(|_| Errno::EINVAL)?;
    raw::clone3(&encoded).map(Pid)
}

/// Starts a program; yields its process id and a pidfd.
pub(crate) fn spawn(program: Spawn) -> Result<(Pid, Fd)> {
    let [reader, writer] = perform(Call::Pipe2 {
        flags: OpenFlags::CLOEXEC,
    })?
    .fds()?;
    let mut pidfd = [0; 4];
    let args = CloneArgs {
        exit_signal: signal::CHLD,
        ..CloneArgs::default()
    };
    let cloned = clone(args, Some(&mut pidfd));
    if cloned == Ok(Pid(0)) {
        let errno = become_program(program, writer).err().unwrap_or(Errno::EIO);
        let data = errno.raw().to_ne_bytes().to_vec();
        let _ = perform(Call::Write { fd: writer, data });
        raw::exit_now(127);
    }
    let _ = perform(Call::Close { fd: writer });
    let told = perform(Call::Read {
        fd: reader,
        count: 4,
    })
    .and_then(|ret| ret.bytes());
    let _ = perform(Call::Close { fd: reader });
    let (pid, pidfd) = (cloned?, Fd(i32::from_ne_bytes(pidfd)));
    let errno = match told?.try_into() {
        Ok(number) => Errno::from_raw(i32::from_ne_bytes(number)).unwrap_or(Errno::EIO),
        // Nothing was told: the pipe was closed by the program's start.
        Err(_) => return Ok((pid, pidfd)),
    };
    let _ = crate::calls::waitid(WaitFor::Pid(pid), WaitFlags::EXITED.bits());
    let _ = perform(Call::Close { fd: pidfd });
    Err(errno)
}

/// In the child: arranges descriptors, session and group, and runs the program. Returns only on failure.
fn become_program(program: Spawn, errors: Fd) -> Result<()> {
    let highest = program.fds.iter().map(|(_, to)| *to).max().unwrap_or(2);
    let above = highest
        .max(2)
        .max(errors.0)
        .checked_add(1)
        .ok_or(Errno::EBADF)?;
    let mut moved = Vec::new();
    for (from, to) in &program.fds {
        let cmd = FcntlCmd::Dup(above, true);
        let copy = perform(Call::Fcntl { fd: *from, cmd })?.fd()?;
        moved.push((copy, *to));
    }
    // Where errors are told must not be one of the numbers that are about to be given away.
    let cmd = FcntlCmd::Dup(above, true);
    let kept = perform(Call::Fcntl { fd: errors, cmd })?.fd()?;
    perform(Call::CloseRange {
        first: 0,
        last: u32::MAX,
        flags: CloseRangeFlags::CLOEXEC,
    })?;
    let result = (|| {
        for (copy, to) in moved {
            perform(Call::Dup3 {
                oldfd: copy,
                newfd: Fd(to),
                flags: OpenFlags::empty(),
            })?;
        }
        if program.setsid {
            perform(Call::Setsid {})?;
        } else if program.setpgid {
            perform(Call::Setpgid {
                pid: Pid(0),
                pgid: Pid(0),
            })?;
        }
        exec(
            Fd::CWD,
            &program.path,
            program.argv,
            program.envp,
            AtFlags::empty(),
        )
    })();
    if let Err(errno) = result {
        let data = errno.raw().to_ne_bytes().to_vec();
        let _ = perform(Call::Write { fd: kept, data });
        raw::exit_now(127);
    }
    Ok(())
}

//! New processes: clones that go on in our code, and programs.

use crate::calls::{Program, perform, write_now};
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
    let Spawn {
        path,
        argv,
        envp,
        fds,
        setsid,
        setpgid,
    } = program;
    let image = Program::new(Fd::CWD, &path, argv, envp, AtFlags::empty())?;
    let mut held = Held::default();
    let [reader, writer] = perform(Call::Pipe2 {
        flags: OpenFlags::CLOEXEC,
    })?
    .fds()?;
    held.0.extend([reader, writer]);
    // Copies above every number that is given away, so that none is overwritten before it is used.
    let highest = fds.iter().map(|(_, to)| *to).max().unwrap_or(2);
    let above = highest.max(2).checked_add(1).ok_or(Errno::EBADF)?;
    let mut copies = Vec::with_capacity(fds.len());
    for (from, to) in &fds {
        copies.push((held.copy(*from, above)?, Fd(*to)));
    }
    let errors = held.copy(writer, above)?;
    let mut pidfd = [0; 4];
    let args = CloneArgs {
        exit_signal: signal::CHLD,
        ..CloneArgs::default()
    };
    let cloned = clone(args, Some(&mut pidfd))?;
    if cloned == Pid(0) {
        // Only system calls from here on: another thread may have held the allocator's lock.
        let errno = arrange(&copies, setsid, setpgid).map_or_else(|errno| errno, |()| image.exec());
        let _ = write_now(errors, &errno.raw().to_ne_bytes());
        raw::exit_now(127);
    }
    held.close(writer);
    held.close(errors);
    let told = perform(Call::Read {
        fd: reader,
        count: 4,
    })
    .and_then(|ret| ret.bytes());
    let pidfd = Fd(i32::from_ne_bytes(pidfd));
    let errno = match told?.try_into() {
        Ok(number) => Errno::from_raw(i32::from_ne_bytes(number)).unwrap_or(Errno::EIO),
        // Nothing was told: the pipe was closed by the program's start.
        Err(_) => return Ok((cloned, pidfd)),
    };
    let _ = crate::calls::waitid(WaitFor::Pid(cloned), WaitFlags::EXITED.bits());
    let _ = perform(Call::Close { fd: pidfd });
    Err(errno)
}

/// Descriptors that are closed when this goes.
#[derive(Default)]
struct Held(Vec<Fd>);

impl Held {
    fn copy(&mut self, fd: Fd, lowest: i32) -> Result<Fd> {
        let cmd = FcntlCmd::Dup(lowest, true);
        let copy = perform(Call::Fcntl { fd, cmd })?.fd()?;
        self.0.push(copy);
        Ok(copy)
    }
    fn close(&mut self, fd: Fd) {
        self.0.retain(|held| *held != fd);
        let _ = perform(Call::Close { fd });
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        for fd in &self.0 {
            let _ = perform(Call::Close { fd: *fd });
        }
    }
}

/// In the child: descriptors, session and group as the program shall find them.
fn arrange(copies: &[(Fd, Fd)], setsid: bool, setpgid: bool) -> Result<()> {
    perform(Call::CloseRange {
        first: 0,
        last: u32::MAX,
        flags: CloseRangeFlags::CLOEXEC,
    })?;
    for (copy, to) in copies {
        perform(Call::Dup3 {
            oldfd: *copy,
            newfd: *to,
            flags: OpenFlags::empty(),
        })?;
    }
    if setsid {
        perform(Call::Setsid {})?;
    } else if setpgid {
        perform(Call::Setpgid {
            pid: Pid(0),
            pgid: Pid(0),
        })?;
    }
    Ok(())
}

//! Waiting for children (`man 2 waitid`), and pidfds.

use crate::Kernel;
use crate::ids::*;
use crate::process::*;
use crate::syscall::CallCx;
use crate::wait::SysResult;
use glassdock_abi::flags::{OpenFlags, WaitFlags};
use glassdock_abi::types::{WaitFor, WaitStatus, Waited, signal as sig};
use glassdock_abi::{Errno, Fd, Pid, Result, Ret};

impl Kernel {
    /// Children that a wait asks about. `ECHILD` where there is none.
    fn waited_children(&self, tid: Tid, which: WaitFor, options: WaitFlags) -> Result<Vec<Tid>> {
        let process = self.process_of(tid).ok_or(Errno::ECHILD)?;
        let clones = options.contains(WaitFlags::CLONE);
        let all = options.contains(WaitFlags::ALL);
        let fits = |child: &Process| {
            let clone = child.exit_signal != sig::CHLD;
            if !all && clone != clones {
                return false;
            }
            match which {
                WaitFor::Any => true,
                WaitFor::Pid(pid) => self.find_pid(tid, pid) == Some(child.tgid),
                WaitFor::Group(Pid(0)) => child.pgid == process.pgid,
                WaitFor::Group(pid) => self.find_pid(tid, pid) == Some(child.pgid),
                WaitFor::PidFd(_) => false,
            }
        };
        let target = match which {
            WaitFor::PidFd(fd) => Some(self.pidfd_process(tid, fd)?),
            _ => None,
        };
        let children: Vec<Tid> = process
            .children
            .iter()
            .copied()
            .filter(|child| match target {
                Some(target) => *child == target,
                None => self.processes.get(child).is_some_and(fits),
            })
            .collect();
        if children.is_empty() {
            return Err(Errno::ECHILD);
        }
        Ok(children)
    }

    /// `waitid` and `wait4`: what a child did, or a wait for it.
    pub(crate) fn wait_for(
        &mut self,
        cx: &mut CallCx,
        which: WaitFor,
        options: WaitFlags,
    ) -> SysResult {
        let children = self.waited_children(cx.tid, which, options)?;
        let keep = options.contains(WaitFlags::NOWAIT);
        for child in children {
            let Some(process) = self.processes.get(&child) else {
                continue;
            };
            let uid = self.user_seen(cx.tid, child);
            let pid = self.pid_for(cx.tid, child);
            let found = match (process.zombie, process.report) {
                (Some(status), _) if options.contains(WaitFlags::EXITED) => Some(status),
                (None, Some(JobReport::Stopped(signal)))
                    if options.contains(WaitFlags::UNTRACED) =>
                {
                    Some(WaitStatus::Stopped(signal))
                }
                (None, Some(JobReport::Continued)) if options.contains(WaitFlags::CONTINUED) => {
                    Some(WaitStatus::Continued)
                }
                _ => None,
            };
            let Some(status) = found else { continue };
            let (utime, stime) = self.times_of_waited(child);
            cx.state.note = utime;
            cx.state.deadline = Some(stime);
            if !keep {
                match status {
                    WaitStatus::Exited(_) | WaitStatus::Killed(..) => {
                        let io = self.process_io(child);
                        if let Some(parent) = self.process_of_mut(cx.tid) {
                            parent.children_utime += utime;
                            parent.children_stime += stime;
                            parent.dead_io.add(io);
                        }
                        self.reap(child);
                    }
                    _ => {
                        if let Some(process) = self.processes.get_mut(&child) {
                            process.report = None;
                        }
                    }
                }
            }
            return Ok(Ret::Waited(Some(Waited { pid, uid, status })));
        }
        if options.contains(WaitFlags::NOHANG) {
            return Ok(Ret::Waited(None));
        }
        Err(self.wait_child(cx.tid))
    }

    // Pidfds.

    pub(crate) fn open_pidfd(&mut self, tid: Tid, target: Tid, flags: OpenFlags) -> Result<Fd> {
        let file = self.add_anonymous(
            crate::file::Body::Pidfd(target),
            "[pidfd]",
            OpenFlags::RDWR | flags,
        )?;
        self.install(tid, file, true)
    }

    pub(crate) fn pidfd_process(&self, tid: Tid, fd: Fd) -> Result<Tid> {
        match self.file_of(tid, fd)?.body {
            crate::file::Body::Pidfd(target) => Ok(target),
            _ => Err(Errno::EBADF),
        }
    }
}

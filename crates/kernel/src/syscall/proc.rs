//! Calls about processes: groups, sessions, limits, endings, and what only built-in programs ask for.

use super::CallCx;
use crate::Kernel;
use crate::builtin::{Program, Special};
use crate::cred::cap;
use crate::exec::Request;
use crate::ids::Tid;
use crate::life::CloneRequest;
use crate::process::{Exec, RLIMITS, rlimit};
use crate::seccomp::Data;
use crate::wait::{Fail, SysResult};
use glassdock_abi::flags::{AtFlags, CloneFlags, OpenFlags};
use glassdock_abi::types::{Rlimit, WaitStatus, signal as sig};
use glassdock_abi::{Call, Errno, Fd, Pid, Result, Ret, Spawn, nr};
use glassdock_trace::{Args, Outcome};

impl CallCx {
    /// A call of the kernel's own.
    pub(crate) fn kernel(tid: Tid) -> CallCx {
        CallCx {
            tid,
            nr: nr::read,
            span: None,
            parent: None,
            state: Default::default(),
        }
    }
}

impl Kernel {
    pub(super) fn sys_exit_group(&mut self, cx: &mut CallCx, status: u8) -> SysResult {
        if let Some(span) = cx.span.take() {
            self.exit_span(span, || Outcome::Int(status.into()));
        }
        let tgid = self.tgid_of(cx.tid);
        self.exit_process(tgid, WaitStatus::Exited(status));
        self.end_thread(cx.tid);
        Err(Fail::Keep)
    }

    /// `exit`: one thread ends; the last one's status is the process's.
    pub(super) fn sys_exit(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let status = a[0] as u8;
        let alone = self
            .process_of(cx.tid)
            .is_none_or(|process| process.threads.len() <= 1);
        if alone {
            return self.sys_exit_group(cx, status);
        }
        if let Some(span) = cx.span.take() {
            self.exit_span(span, || Outcome::Int(status.into()));
        }
        self.end_thread(cx.tid);
        Err(Fail::Keep)
    }

    pub(super) fn sys_prlimit(
        &mut self,
        tid: Tid,
        pid: Pid,
        resource: u32,
        new: Option<Rlimit>,
    ) -> SysResult {
        let target = self.pid_or_self(tid, pid)?;
        let resource = resource as usize;
        if resource >= RLIMITS {
            return Err(Errno::EINVAL.into());
        }
        let own = target == self.tgid_of(tid);
        let cred = self.cred(tid)?.clone();
        if !own {
            let other = self.cred_of_process(target).ok_or(Errno::ESRCH)?;
            let same = [other.ruid, other.euid, other.suid]
                .iter()
                .all(|id| *id == cred.ruid)
                && [other.rgid, other.egid, other.sgid]
                    .iter()
                    .all(|id| *id == cred.rgid);
            if !same && !self.capable_over_process(tid, target, cap::SYS_RESOURCE) {
                return Err(Errno::EPERM.into());
            }
        }
        let process = self.processes.get_mut(&target).ok_or(Errno::ESRCH)?;
        let old = process.rlimits[resource];
        if let Some(new) = new {
            if new.cur > new.max {
                return Err(Errno::EINVAL.into());
            }
            if new.max > old.max && !cred.has_on_machine(cap::SYS_RESOURCE) {
                return Err(Errno::EPERM.into());
            }
            if resource == rlimit::NOFILE && new.max > 1 << 20 {
                return Err(Errno::EPERM.into());
            }
            process.rlimits[resource] = new;
            self.publisher.task(target);
        }
        Ok(Ret::Rlimit(old))
    }

    pub(super) fn sys_setsid(&mut self, tid: Tid) -> SysResult {
        let process = self.process_of(tid).ok_or(Errno::ESRCH)?;
        let (tgid, old_group, old_session) = (process.tgid, process.pgid, process.sid);
        if self.members(tgid).next().is_some() {
            return Err(Errno::EPERM.into());
        }
        if let Some(process) = self.processes.get_mut(&tgid) {
            process.pgid = tgid;
            process.sid = tgid;
            process.tty = None;
        }
        self.enter_group(tgid, tgid, tgid);
        self.publisher.task(tgid);
        self.leave_group(tgid, old_group, old_session);
        Ok(Ret::Pid(self.pid_for(tid, tgid)))
    }

    pub(super) fn sys_setpgid(&mut self, tid: Tid, pid: Pid, pgid: Pid) -> SysResult {
        if pgid.0 < 0 {
            return Err(Errno::EINVAL.into());
        }
        let own = self.tgid_of(tid);
        let target = match pid.0 {
            0 => own,
            _ => self.find_process(tid, pid).ok_or(Errno::ESRCH)?,
        };
        let process = self.processes.get(&target).ok_or(Errno::ESRCH)?;
        let caller = self.processes.get(&own).ok_or(Errno::ESRCH)?;
        if process.parent == Some(own) {
            if process.sid != caller.sid {
                return Err(Errno::EPERM.into());
            }
            if process.did_exec {
                return Err(Errno::EACCES.into());
            }
        } else if target != own {
            return Err(Errno::ESRCH.into());
        }
        if process.sid == target {
            return Err(Errno::EPERM.into());
        }
        let (sid, old) = (process.sid, process.pgid);
        let group = match pgid.0 {
            0 => target,
            _ => self.find_pid(tid, pgid).ok_or(Errno::EPERM)?,
        };
        if group != target && !self.members(group).any(|other| other.sid == sid) {
            return Err(Errno::EPERM.into());
        }
        if let Some(process) = self.processes.get_mut(&target) {
            process.pgid = group;
        }
        self.move_group(target, old, group);
        self.publisher.task(target);
        Ok(Ret::None)
    }

    // Built-in programs.

    pub(super) fn special(&mut self, cx: &mut CallCx, special: &mut Special) -> SysResult {
        match special.take() {
            Special::Spawn(spawn) => self.spawn(cx, *spawn),
            Special::Clone(args, start) => {
                let flags = args.flags;
                self.open_span(cx, || Args::Call(Box::new(Call::Clone3 { args })));
                let refused =
                    CloneFlags::VM | CloneFlags::THREAD | CloneFlags::SETTLS | CloneFlags::SIGHAND;
                if flags.intersects(refused) {
                    return Err(Errno::EINVAL.into());
                }
                let request = CloneRequest {
                    flags,
                    exit_signal: args.exit_signal,
                    cgroup: args.cgroup,
                    ..CloneRequest::default()
                };
                let child = self.clone_builtin(cx, &request, Program::new(start))?;
                Ok(Ret::Pid(self.pid_for(cx.tid, child)))
            }
            Special::Taken => Err(Errno::EINVAL.into()),
        }
    }

    /// `clone` with `CLONE_VFORK`, the child's descriptors, `execve`: each traced as the call it is.
    fn spawn(&mut self, cx: &mut CallCx, spawn: Spawn) -> SysResult {
        let args = glassdock_abi::types::CloneArgs {
            flags: CloneFlags::VFORK | CloneFlags::PIDFD,
            exit_signal: sig::CHLD,
            cgroup: None,
        };
        self.open_span(cx, || Args::Call(Box::new(Call::Clone3 { args })));
        let request = CloneRequest {
            flags: args.flags,
            exit_signal: sig::CHLD,
            ..CloneRequest::default()
        };
        let child = self.clone_task(cx, &request, |_, _| Exec::None)?;
        let pidfd = Fd(cx.state.note as i32);
        let pid = self.pid_for(cx.tid, child);
        match self.set_up_child(child, spawn) {
            Ok(()) => {
                if let Some(thread) = self.threads.get_mut(&child) {
                    thread.vfork_parent = None;
                }
                Ok(Ret::Fds([Fd(pid.0), pidfd]))
            }
            Err(errno) => {
                if let Some(process) = self.processes.get_mut(&child) {
                    process.exit_signal = 0;
                }
                self.exit_process(child, WaitStatus::Exited(127));
                self.end_thread(child);
                self.reap(child);
                let _ = self.close_fd(cx.tid, pidfd);
                Err(errno.into())
            }
        }
    }

    /// A call that a child makes before its program runs.
    fn child_call(&mut self, child: Tid, call: &Call) -> Result<Ret> {
        let mut cx = CallCx::kernel(child);
        cx.nr = call.nr();
        cx.parent = self.threads.get(&child).and_then(|thread| thread.span);
        let result = match self.admits(child, &Data::of_call(call)) {
            Ok(()) => self.call(&mut cx, call),
            Err(errno) => Err(errno.into()),
        };
        self.publish();
        let result = match result {
            Ok(ret) => Ok(ret),
            Err(Fail::Keep) => Ok(Ret::None),
            Err(Fail::Errno(errno)) => Err(errno),
            Err(Fail::Block(_)) => Err(Errno::EAGAIN),
        };
        if let Some(span) = cx.span {
            let outcome = match &result {
                Ok(ret) => super::number(ret).map_or(Outcome::Ok, Outcome::Int),
                Err(errno) => Outcome::Errno(*errno),
            };
            self.exit_span(span, || outcome);
        }
        result
    }

    fn set_up_child(&mut self, child: Tid, spawn: Spawn) -> Result<()> {
        for (at, (_, number)) in spawn.fds.iter().enumerate() {
            let taken = spawn.fds[..at].iter().any(|(_, other)| other == number);
            if *number < 0 || taken {
                return Err(Errno::EINVAL);
            }
        }
        if spawn.setsid {
            self.child_call(child, &Call::Setsid {})?;
        } else if spawn.setpgid {
            let zero = Pid(0);
            self.child_call(
                child,
                &Call::Setpgid {
                    pid: zero,
                    pgid: zero,
                },
            )?;
        }
        // Built-in programs catch nothing, but may block signals for a signalfd: a program starts with none blocked.
        if let Some(thread) = self.threads.get_mut(&child) {
            thread.sigmask = Default::default();
        }
        self.publisher.signals(child);
        // Sources move above all targets first, so that no target overwrites a source.
        let above = spawn
            .fds
            .iter()
            .map(|(_, number)| number + 1)
            .max()
            .unwrap_or(0);
        let mut moved = Vec::new();
        for (source, number) in &spawn.fds {
            let cmd = glassdock_abi::call::FcntlCmd::Dup(above, true);
            let ret = self.child_call(child, &Call::Fcntl { fd: *source, cmd })?;
            moved.push((ret.fd()?, *number));
        }
        let mut kept: Vec<i32> = Vec::new();
        for (source, number) in moved {
            let flags = OpenFlags::empty();
            let newfd = Fd(number);
            self.child_call(
                child,
                &Call::Dup3 {
                    oldfd: source,
                    newfd,
                    flags,
                },
            )?;
            kept.push(number);
        }
        let numbers: Vec<i32> = self
            .fd_table(child)
            .map(|table| table.map.keys().copied().collect())
            .unwrap_or_default();
        for fd in numbers {
            if !kept.contains(&fd) {
                let _ = self.close_fd(child, Fd(fd));
            }
        }
        let call = Call::Execveat {
            dirfd: Fd::CWD,
            path: spawn.path,
            argv: spawn.argv,
            envp: spawn.envp,
            flags: AtFlags::empty(),
        };
        self.child_call(child, &call)?;
        Ok(())
    }

    /// `execve` from a program in memory.
    pub(super) fn read_exec_args(
        &mut self,
        tid: Tid,
        dirfd: Fd,
        path: u64,
        argv: u64,
        envp: u64,
        flags: AtFlags,
    ) -> Result<Request> {
        let path = self.read_path(tid, path)?;
        Ok(Request {
            dirfd,
            path,
            argv: self.read_strings(tid, argv)?,
            envp: self.read_strings(tid, envp)?,
            flags,
        })
    }

    fn read_strings(&mut self, tid: Tid, addr: u64) -> Result<Vec<Vec<u8>>> {
        let mut out = Vec::new();
        let mut total = 0;
        if addr == 0 {
            return Ok(out);
        }
        loop {
            let at = self.read_u64(tid, addr.wrapping_add(8 * out.len() as u64))?;
            if at == 0 {
                return Ok(out);
            }
            let string = self.read_cstr(tid, at, crate::exec::ARG_MAX_ONE, Errno::E2BIG)?;
            total += string.len() + 9;
            if total > 8 << 20 {
                return Err(Errno::E2BIG);
            }
            out.push(string);
        }
    }
}

//! Calls about processes and credentials.

use super::super::CallCx;
use super::fd;
use crate::Kernel;
use crate::ids::Tid;
use crate::life::CloneRequest;
use crate::wait::SysResult;
use glassdock_abi::call::PrctlOp;
use glassdock_abi::flags::*;
use glassdock_abi::types::{CapSets, Rlimit, WaitFor, WaitStatus, signal as sig};
use glassdock_abi::{Call, Errno, Fd, Pid, Ret};

impl Kernel {
    pub(crate) fn raw_getpid(&mut self, cx: &mut CallCx, _: [u64; 6]) -> SysResult {
        self.call(cx, &Call::Getpid {})
    }
    pub(crate) fn raw_getppid(&mut self, cx: &mut CallCx, _: [u64; 6]) -> SysResult {
        self.call(cx, &Call::Getppid {})
    }
    pub(crate) fn raw_gettid(&mut self, cx: &mut CallCx, _: [u64; 6]) -> SysResult {
        Ok(Ret::Pid(self.pid_for(cx.tid, cx.tid)))
    }
    pub(crate) fn raw_getuid(&mut self, cx: &mut CallCx, _: [u64; 6]) -> SysResult {
        self.call(cx, &Call::Getuid {})
    }
    pub(crate) fn raw_geteuid(&mut self, cx: &mut CallCx, _: [u64; 6]) -> SysResult {
        self.call(cx, &Call::Geteuid {})
    }
    pub(crate) fn raw_getgid(&mut self, cx: &mut CallCx, _: [u64; 6]) -> SysResult {
        self.call(cx, &Call::Getgid {})
    }
    pub(crate) fn raw_getegid(&mut self, cx: &mut CallCx, _: [u64; 6]) -> SysResult {
        self.call(cx, &Call::Getegid {})
    }
    pub(crate) fn raw_getpgrp(&mut self, cx: &mut CallCx, _: [u64; 6]) -> SysResult {
        self.call(cx, &Call::Getpgid { pid: Pid(0) })
    }
    pub(crate) fn raw_getpgid(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.call(
            cx,
            &Call::Getpgid {
                pid: Pid(a[0] as i32),
            },
        )
    }
    pub(crate) fn raw_getsid(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.call(
            cx,
            &Call::Getsid {
                pid: Pid(a[0] as i32),
            },
        )
    }
    pub(crate) fn raw_setsid(&mut self, cx: &mut CallCx, _: [u64; 6]) -> SysResult {
        self.call(cx, &Call::Setsid {})
    }
    pub(crate) fn raw_setpgid(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.call(
            cx,
            &Call::Setpgid {
                pid: Pid(a[0] as i32),
                pgid: Pid(a[1] as i32),
            },
        )
    }
    pub(crate) fn raw_exit_group(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.call(cx, &Call::ExitGroup { status: a[0] as u8 })
    }
    pub(crate) fn raw_kill(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let signal = u8::try_from(a[1] & 0xffff_ffff).map_err(|_| Errno::EINVAL)?;
        self.call(
            cx,
            &Call::Kill {
                pid: Pid(a[0] as i32),
                signal,
            },
        )
    }
    pub(crate) fn raw_tkill(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.sys_tgkill(cx, None, a[0] as i32, a[1])
    }
    pub(crate) fn raw_tgkill(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.sys_tgkill(cx, Some(a[0] as i32), a[1] as i32, a[2])
    }
    pub(crate) fn raw_sigqueue(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.sys_rt_sigqueueinfo(cx, a[0] as i32, None, a[1], a[2])
    }
    pub(crate) fn raw_tgsigqueue(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.sys_rt_sigqueueinfo(cx, a[0] as i32, Some(a[1] as i32), a[2], a[3])
    }

    // Clones.

    pub(crate) fn raw_clone(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let request = CloneRequest {
            flags: CloneFlags::from_bits_retain(a[0] & 0xffff_ff00),
            exit_signal: (a[0] & 0xff) as u8,
            stack: a[1],
            parent_tid: a[2],
            child_tid: a[3],
            tls: a[4],
            cgroup: None,
        };
        self.sys_clone(cx, request)
    }
    pub(crate) fn raw_fork(&mut self, cx: &mut CallCx, _: [u64; 6]) -> SysResult {
        let request = CloneRequest {
            exit_signal: sig::CHLD,
            ..CloneRequest::default()
        };
        self.sys_clone(cx, request)
    }
    pub(crate) fn raw_vfork(&mut self, cx: &mut CallCx, _: [u64; 6]) -> SysResult {
        let request = CloneRequest {
            flags: CloneFlags::VFORK | CloneFlags::VM,
            exit_signal: sig::CHLD,
            ..CloneRequest::default()
        };
        self.sys_clone(cx, request)
    }
    pub(crate) fn raw_clone3(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let size = a[1];
        if size < 64 {
            return Err(Errno::EINVAL.into());
        }
        if size > 4096 {
            return Err(Errno::E2BIG.into());
        }
        let bytes = self.read_bytes(cx.tid, a[0], size)?;
        let word = |at: usize| match bytes.get(at * 8..at * 8 + 8) {
            Some(word) => u64::from_le_bytes(word.try_into().unwrap_or_default()),
            None => 0,
        };
        if bytes
            .get(88..)
            .is_some_and(|rest| rest.iter().any(|byte| *byte != 0))
        {
            return Err(Errno::E2BIG.into());
        }
        if word(9) != 0
            || word(4) > sig::MAX.into()
            || word(0) & 0xff != 0 && word(0) & 0xff != CloneFlags::NEWTIME.bits()
        {
            return Err(Errno::EINVAL.into());
        }
        let flags = CloneFlags::from_bits_retain(word(0));
        let (stack, len) = (word(5), word(6));
        if (stack == 0) != (len == 0) {
            return Err(Errno::EINVAL.into());
        }
        let request = CloneRequest {
            flags,
            exit_signal: word(4) as u8,
            stack: if stack == 0 {
                0
            } else {
                stack.wrapping_add(len)
            },
            tls: word(7),
            child_tid: word(2),
            parent_tid: if flags.contains(CloneFlags::PIDFD) {
                word(1)
            } else {
                word(3)
            },
            cgroup: flags
                .contains(CloneFlags::INTO_CGROUP)
                .then_some(Fd(word(10) as i32)),
        };
        self.sys_clone(cx, request)
    }

    // Exec and wait.

    pub(crate) fn raw_execve(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.exec_call(cx, Fd::CWD, [a[0], a[1], a[2]], AtFlags::empty())
    }
    pub(crate) fn raw_execveat(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let flags = AtFlags::from_bits_retain(a[4] as u32);
        if !(AtFlags::EMPTY_PATH | AtFlags::SYMLINK_NOFOLLOW).contains(flags) {
            return Err(Errno::EINVAL.into());
        }
        self.exec_call(cx, fd(a[0]), [a[1], a[2], a[3]], flags)
    }
    fn exec_call(&mut self, cx: &mut CallCx, dirfd: Fd, at: [u64; 3], flags: AtFlags) -> SysResult {
        let request = self.read_exec_args(cx.tid, dirfd, at[0], at[1], at[2], flags)?;
        let call = Call::Execveat {
            dirfd,
            path: request.path.into(),
            argv: request.argv,
            envp: request.envp,
            flags,
        };
        self.call(cx, &call)
    }

    /// `struct rusage` with the times that are kept.
    fn write_rusage(&mut self, tid: Tid, addr: u64, utime: u64, stime: u64) -> Result<(), Errno> {
        self.write_user(tid, addr, &[0; 144])?;
        self.write_timeval(tid, addr, utime)?;
        self.write_timeval(tid, addr.wrapping_add(16), stime)
    }

    pub(crate) fn raw_wait4(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let options = WaitFlags::from_bits_retain(a[2] as u32);
        let known = WaitFlags::NOHANG
            | WaitFlags::UNTRACED
            | WaitFlags::CONTINUED
            | WaitFlags::NOTHREAD
            | WaitFlags::ALL
            | WaitFlags::CLONE;
        if !known.contains(options) {
            return Err(Errno::EINVAL.into());
        }
        let which = match a[0] as i32 {
            -1 => WaitFor::Any,
            0 => WaitFor::Group(Pid(0)),
            i32::MIN => return Err(Errno::ESRCH.into()),
            pid if pid < 0 => WaitFor::Group(Pid(-pid)),
            pid => WaitFor::Pid(Pid(pid)),
        };
        let options = options | WaitFlags::EXITED;
        let Some(waited) = self.call(cx, &Call::Waitid { which, options })?.waited()? else {
            return Ok(Ret::Int(0));
        };
        if a[1] != 0 {
            self.write_user(cx.tid, a[1], &waited.status.word().to_le_bytes())?;
        }
        if a[3] != 0 {
            self.write_rusage(cx.tid, a[3], cx.state.note, cx.state.deadline.unwrap_or(0))?;
        }
        Ok(Ret::Pid(waited.pid))
    }

    pub(crate) fn raw_waitid(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let id = a[1] as i32;
        let which = match a[0] {
            0 => WaitFor::Any,
            1 if id > 0 => WaitFor::Pid(Pid(id)),
            2 if id >= 0 => WaitFor::Group(Pid(id)),
            3 if id >= 0 => WaitFor::PidFd(Fd(id)),
            _ => return Err(Errno::EINVAL.into()),
        };
        let options = WaitFlags::from_bits_retain(a[3] as u32);
        let waited = self.call(cx, &Call::Waitid { which, options })?.waited()?;
        if let (Some(_), true) = (&waited, a[4] != 0) {
            self.write_rusage(cx.tid, a[4], cx.state.note, cx.state.deadline.unwrap_or(0))?;
        }
        if a[2] != 0 {
            let mut info = [0; 128];
            if let Some(waited) = waited {
                let (code, status) = match waited.status {
                    WaitStatus::Exited(status) => (1i32, i32::from(status)),
                    WaitStatus::Killed(signal, core) => {
                        (if core { 3 } else { 2 }, i32::from(signal))
                    }
                    WaitStatus::Stopped(signal) => (5, i32::from(signal)),
                    WaitStatus::Continued => (6, i32::from(sig::CONT)),
                };
                let words = [
                    (0, i32::from(sig::CHLD)),
                    (8, code),
                    (16, waited.pid.0),
                    (20, waited.uid as i32),
                    (24, status),
                ];
                for (at, word) in words {
                    info[at..at + 4].copy_from_slice(&word.to_le_bytes());
                }
            }
            self.write_user(cx.tid, a[2], &info)?;
        }
        Ok(Ret::None)
    }

    // Limits.

    fn rlimit_at(&mut self, cx: &CallCx, addr: u64) -> Result<Option<Rlimit>, Errno> {
        if addr == 0 {
            return Ok(None);
        }
        Ok(Some(Rlimit {
            cur: self.read_u64(cx.tid, addr)?,
            max: self.read_u64(cx.tid, addr.wrapping_add(8))?,
        }))
    }
    pub(crate) fn raw_prlimit64(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let new = self.rlimit_at(cx, a[2])?;
        let call = Call::Prlimit64 {
            pid: Pid(a[0] as i32),
            resource: a[1] as u32,
            new,
        };
        let old = self.call(cx, &call)?.rlimit()?;
        if a[3] != 0 {
            let bytes: Vec<u8> = [old.cur, old.max]
                .iter()
                .flat_map(|word| word.to_le_bytes())
                .collect();
            self.write_user(cx.tid, a[3], &bytes)?;
        }
        Ok(Ret::None)
    }
    pub(crate) fn raw_getrlimit(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.raw_prlimit64(cx, [0, a[0], 0, a[1], 0, 0])
    }
    pub(crate) fn raw_setrlimit(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        if a[1] == 0 {
            return Err(Errno::EFAULT.into());
        }
        self.raw_prlimit64(cx, [0, a[0], a[1], 0, 0, 0])
    }

    // Credentials.

    pub(crate) fn raw_setuid(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.sys_setuid(cx.tid, a[0] as u32)
    }
    pub(crate) fn raw_setgid(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.sys_setgid(cx.tid, a[0] as u32)
    }
    pub(crate) fn raw_setreuid(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.sys_setreuid(cx.tid, a[0] as u32, a[1] as u32)
    }
    pub(crate) fn raw_setregid(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.sys_setregid(cx.tid, a[0] as u32, a[1] as u32)
    }
    pub(crate) fn raw_setfsuid(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.sys_setfsuid(cx.tid, a[0] as u32)
    }
    pub(crate) fn raw_setfsgid(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.sys_setfsgid(cx.tid, a[0] as u32)
    }
    pub(crate) fn raw_setresuid(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.call(
            cx,
            &Call::Setresuid {
                ruid: a[0] as u32,
                euid: a[1] as u32,
                suid: a[2] as u32,
            },
        )
    }
    pub(crate) fn raw_setresgid(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.call(
            cx,
            &Call::Setresgid {
                rgid: a[0] as u32,
                egid: a[1] as u32,
                sgid: a[2] as u32,
            },
        )
    }
    fn three(&mut self, cx: &CallCx, a: [u64; 6], ids: [u32; 3]) -> SysResult {
        for (addr, id) in a.into_iter().zip(ids) {
            self.write_user(cx.tid, addr, &id.to_le_bytes())?;
        }
        Ok(Ret::None)
    }
    pub(crate) fn raw_getresuid(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let cred = self.cred(cx.tid)?;
        let ids = [cred.ruid, cred.euid, cred.suid].map(|id| cred.uid_inside(id));
        self.three(cx, a, ids)
    }
    pub(crate) fn raw_getresgid(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let cred = self.cred(cx.tid)?;
        let ids = [cred.rgid, cred.egid, cred.sgid].map(|id| cred.gid_inside(id));
        self.three(cx, a, ids)
    }
    pub(crate) fn raw_getgroups(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let Ret::Groups(groups) = self.call(cx, &Call::Getgroups {})? else {
            return Err(Errno::EINVAL.into());
        };
        if a[0] as i32 == 0 {
            return Ok(Ret::Int(groups.len() as i64));
        }
        if (a[0] as i32) < groups.len() as i32 {
            return Err(Errno::EINVAL.into());
        }
        let bytes: Vec<u8> = groups
            .iter()
            .flat_map(|group| group.to_le_bytes())
            .collect();
        self.write_user(cx.tid, a[1], &bytes)?;
        Ok(Ret::Int(groups.len() as i64))
    }
    pub(crate) fn raw_setgroups(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        if a[0] > 65_536 {
            return Err(Errno::EINVAL.into());
        }
        let bytes = self.read_bytes(cx.tid, a[1], a[0] * 4)?;
        let groups = bytes
            .chunks_exact(4)
            .map(|id| u32::from_le_bytes(id.try_into().unwrap_or_default()))
            .collect();
        self.call(cx, &Call::Setgroups { groups })
    }

    /// `struct cap_user_header`: version 3 has two words for each set, version 1 one. Others are answered with 3.
    fn cap_header(&mut self, cx: &CallCx, addr: u64) -> Result<(usize, Pid), Errno> {
        let version = self.read_u32(cx.tid, addr)?;
        let pid = Pid(self.read_u32(cx.tid, addr.wrapping_add(4))? as i32);
        match version {
            0x1998_0330 => Ok((1, pid)),
            0x2007_1026 | 0x2008_0522 => Ok((2, pid)),
            _ => {
                self.write_user(cx.tid, addr, &0x2008_0522u32.to_le_bytes())?;
                Err(Errno::EINVAL)
            }
        }
    }
    pub(crate) fn raw_capget(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let header = self.cap_header(cx, a[0]);
        if a[1] == 0 && header == Err(Errno::EINVAL) {
            return Ok(Ret::None);
        }
        let (words, pid) = header?;
        let sets = if pid.0 == 0 {
            self.call(cx, &Call::Capget {})?.caps()?
        } else {
            let target = self.find_pid(cx.tid, pid).ok_or(Errno::ESRCH)?;
            self.cred(target)?.caps()
        };
        let mut out = Vec::new();
        for half in 0..words {
            for set in [sets.effective, sets.permitted, sets.inheritable] {
                out.extend_from_slice(&((set >> (32 * half)) as u32).to_le_bytes());
            }
        }
        if a[1] != 0 {
            self.write_user(cx.tid, a[1], &out)?;
        }
        Ok(Ret::None)
    }
    pub(crate) fn raw_capset(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let (words, pid) = self.cap_header(cx, a[0])?;
        if pid.0 != 0 && pid != self.pid_for(cx.tid, cx.tid) {
            return Err(Errno::EPERM.into());
        }
        let bytes = self.read_bytes(cx.tid, a[1], 12 * words as u64)?;
        let word = |at: usize| match bytes.get(4 * at..4 * at + 4) {
            Some(word) => u64::from(u32::from_le_bytes(word.try_into().unwrap_or_default())),
            None => 0,
        };
        let set = |at: usize| word(at) | word(at + 3) << 32;
        let sets = CapSets {
            effective: set(0),
            permitted: set(1),
            inheritable: set(2),
        };
        self.call(cx, &Call::Capset { sets })
    }

    pub(crate) fn raw_prctl(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let op = match (a[0], a[1]) {
            (1, signal) if signal <= sig::MAX.into() => PrctlOp::SetPdeathsig(signal as u8),
            (4, on) if on <= 1 => PrctlOp::SetDumpable(on != 0),
            (8, on) if on <= 1 => PrctlOp::SetKeepcaps(on != 0),
            (15, addr) => PrctlOp::SetName(self.comm_argument(cx, addr)?),
            (22, mode) => return self.set_mode(cx.tid, mode, a[2]),
            (23, cap) => PrctlOp::CapbsetRead(cap as u32),
            (24, cap) => PrctlOp::CapbsetDrop(cap as u32),
            (36, on) => PrctlOp::SetChildSubreaper(on != 0),
            (38, 1) if a[2..5] == [0; 3] => PrctlOp::SetNoNewPrivs,
            (38, _) => return Err(Errno::EINVAL.into()),
            (39, 0) => PrctlOp::GetNoNewPrivs,
            (47, 2) => PrctlOp::CapAmbientRaise(a[2] as u32),
            (47, 4) => PrctlOp::CapAmbientClearAll,
            _ => PrctlOp::Other([a[0], a[1], a[2], a[3], a[4]]),
        };
        self.call(cx, &Call::Prctl { op })
    }
    fn comm_argument(&mut self, cx: &CallCx, addr: u64) -> Result<Vec<u8>, Errno> {
        let mut name = Vec::new();
        for at in 0..15 {
            match self.read_bytes(cx.tid, addr.wrapping_add(at), 1)?.first() {
                Some(0) | None => break,
                Some(byte) => name.push(*byte),
            }
        }
        Ok(name)
    }

    // Namespaces and pidfds.

    pub(crate) fn raw_unshare(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.call(
            cx,
            &Call::Unshare {
                flags: CloneFlags::from_bits_retain(a[0]),
            },
        )
    }
    pub(crate) fn raw_setns(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let nstype = CloneFlags::from_bits_retain(a[1] & 0xffff_ffff);
        self.call(
            cx,
            &Call::Setns {
                fd: fd(a[0]),
                nstype,
            },
        )
    }
    pub(crate) fn raw_pidfd_open(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.call(
            cx,
            &Call::PidfdOpen {
                pid: Pid(a[0] as i32),
                flags: a[1] as u32,
            },
        )
    }
    pub(crate) fn raw_pidfd_send_signal(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        if a[3] != 0 {
            return Err(Errno::EINVAL.into());
        }
        let signal = u8::try_from(a[1]).map_err(|_| Errno::EINVAL)?;
        self.call(
            cx,
            &Call::PidfdSendSignal {
                pidfd: fd(a[0]),
                signal,
            },
        )
    }
    pub(crate) fn raw_sethostname(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        if a[1] > 64 {
            return Err(Errno::EINVAL.into());
        }
        let name = self.read_bytes(cx.tid, a[0], a[1])?;
        self.call(cx, &Call::Sethostname { name })
    }
    pub(crate) fn raw_setdomainname(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        if a[1] > 64 {
            return Err(Errno::EINVAL.into());
        }
        let name = self.read_bytes(cx.tid, a[0], a[1])?;
        self.call(cx, &Call::Setdomainname { name })
    }
    pub(crate) fn raw_umask(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.call(cx, &Call::Umask { mask: a[0] as u32 })
    }
}

//! The system calls about signals.

use super::*;
use crate::Kernel;
use crate::cred::cap;
use crate::ids::Tid;
use crate::process::Exec;
use crate::syscall::CallCx;
use crate::wait::{Fail, SysResult, WaitKey};
use glassdock_abi::{Errno, Pid, Ret};
use glassdock_cpu::reg;

/// Bytes of the kernel's signal set.
const SET_BYTES: u64 = 8;
/// Smallest alternate stack (`MINSIGSTKSZ`).
const MIN_STACK: u64 = 2048;

impl Kernel {
    pub(crate) fn sys_rt_sigaction(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let [signal, act, old, size, ..] = a;
        if size != SET_BYTES {
            return Err(Errno::EINVAL.into());
        }
        let new = (act != 0)
            .then(|| self.read_action(cx.tid, act))
            .transpose()?;
        let signal = u8::try_from(signal).unwrap_or(0);
        let fixed = signal == sig::KILL || signal == sig::STOP;
        if signal == 0 || signal > sig::MAX || (new.is_some() && fixed) {
            return Err(Errno::EINVAL.into());
        }
        let before = self.action(cx.tid, signal);
        if let Some(mut new) = new {
            new.mask = new.mask.without(SigSet::UNBLOCKABLE);
            self.set_action(cx.tid, signal, new);
        }
        if old != 0 {
            let mut bytes = [0; 32];
            bytes[0..8].copy_from_slice(&before.handler.to_le_bytes());
            bytes[8..16].copy_from_slice(&before.flags.to_le_bytes());
            bytes[16..24].copy_from_slice(&before.restorer.to_le_bytes());
            bytes[24..32].copy_from_slice(&before.mask.0.to_le_bytes());
            self.write_user(cx.tid, old, &bytes)?;
        }
        Ok(Ret::None)
    }

    fn read_action(&mut self, tid: Tid, addr: u64) -> Result<SigAction, Errno> {
        let word = |kernel: &mut Kernel, at| kernel.read_u64(tid, addr.wrapping_add(at));
        Ok(SigAction {
            handler: word(self, 0)?,
            flags: word(self, 8)?,
            restorer: word(self, 16)?,
            mask: SigSet(word(self, 24)?),
        })
    }

    fn set_action(&mut self, tid: Tid, signal: u8, action: SigAction) {
        let Some(process) = self.process_of(tid) else {
            return;
        };
        let (tgid, sighand) = (process.tgid, process.sighand);
        if let Some(hand) = self.sighands.get_mut(sighand) {
            hand.actions[usize::from(signal)] = action;
        }
        self.mark_handler(sighand, signal);
        let ignores = action.handler == SIG_IGN
            || action.handler == SIG_DFL && default_action(signal) == Default_::Ignore;
        if !ignores {
            return;
        }
        let set = SigSet::of(signal);
        let Some(process) = self.processes.get_mut(&tgid) else {
            return;
        };
        process.pending.flush(set);
        for tid in process.threads.clone() {
            if let Some(thread) = self.threads.get_mut(&tid) {
                thread.pending.flush(set);
                self.publisher.signals(tid);
            }
        }
        self.publisher.signals(tgid);
    }

    pub(crate) fn sys_rt_sigprocmask(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let [how, set, old, size, ..] = a;
        if size != SET_BYTES {
            return Err(Errno::EINVAL.into());
        }
        let new = (set != 0).then(|| self.read_u64(cx.tid, set)).transpose()?;
        let before = match new {
            Some(mask) => self.change_mask(cx.tid, how as u32, SigSet(mask))?,
            None => self.threads.get(&cx.tid).map_or(SigSet(0), |t| t.sigmask),
        };
        if old != 0 {
            self.write_user(cx.tid, old, &before.0.to_le_bytes())?;
        }
        Ok(Ret::None)
    }

    /// `SIG_BLOCK` 0, `SIG_UNBLOCK` 1, `SIG_SETMASK` 2. Returns the mask before.
    pub(crate) fn change_mask(&mut self, tid: Tid, how: u32, set: SigSet) -> Result<SigSet, Errno> {
        let thread = self.threads.get_mut(&tid).ok_or(Errno::ESRCH)?;
        let before = thread.sigmask;
        let mask = match how {
            0 => before.with(set),
            1 => before.without(set),
            2 => set,
            _ => return Err(Errno::EINVAL),
        };
        thread.sigmask = mask.without(SigSet::UNBLOCKABLE);
        self.publisher.signals(tid);
        Ok(before)
    }

    /// Puts a temporary mask in place on the first try of a call (`sigsuspend`, `ppoll`, …).
    pub(crate) fn use_mask(&mut self, cx: &CallCx, mask: Option<SigSet>) {
        let Some(mask) = mask else { return };
        if let Some(thread) = self.threads.get_mut(&cx.tid)
            && thread.saved_mask.is_none()
        {
            thread.saved_mask = Some(thread.sigmask);
            thread.sigmask = mask.without(SigSet::UNBLOCKABLE);
            self.publisher.signals(cx.tid);
        }
    }

    pub(crate) fn sys_rt_sigpending(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let [addr, size, ..] = a;
        if size > SET_BYTES {
            return Err(Errno::EINVAL.into());
        }
        let thread = self.threads.get(&cx.tid).ok_or(Errno::ESRCH)?;
        let shared = self.process_of(cx.tid).map_or(SigSet(0), |p| p.pending.set);
        let set = thread.pending.set.with(shared).0 & thread.sigmask.0;
        self.write_user(cx.tid, addr, &set.to_le_bytes()[..size as usize])?;
        Ok(Ret::None)
    }

    pub(crate) fn sys_rt_sigsuspend(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        if a[1] != SET_BYTES {
            return Err(Errno::EINVAL.into());
        }
        let mask = SigSet(self.read_u64(cx.tid, a[0])?);
        self.use_mask(cx, Some(mask));
        Err(Fail::wait("sigsuspend", WaitKey::Signal(cx.tid)))
    }

    pub(crate) fn sys_pause(&mut self, cx: &mut CallCx, _: [u64; 6]) -> SysResult {
        Err(Fail::wait("pause", WaitKey::Signal(cx.tid)))
    }

    pub(crate) fn sys_rt_sigtimedwait(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let [set, info, timeout, size, ..] = a;
        if size != SET_BYTES {
            return Err(Errno::EINVAL.into());
        }
        let set = SigSet(self.read_u64(cx.tid, set)?).without(SigSet::UNBLOCKABLE);
        if timeout != 0 && !cx.state.tried {
            let nanos = self.read_timespec(cx.tid, timeout)?;
            cx.state.deadline = Some(self.now().saturating_add(nanos));
        }
        if let Some(found) = self.dequeue_from(cx.tid, set) {
            if info != 0 {
                self.write_user(cx.tid, info, &found.bytes())?;
            }
            return Ok(Ret::Int(i64::from(found.signal)));
        }
        if cx.state.deadline.is_some_and(|at| at <= self.now()) {
            return Err(Errno::EAGAIN.into());
        }
        let keys = vec![WaitKey::Signal(cx.tid)];
        Err(Fail::wait_any("sigtimedwait", keys, cx.state.deadline))
    }

    pub(crate) fn sys_rt_sigreturn(&mut self, cx: &mut CallCx, _: [u64; 6]) -> SysResult {
        if !self.pop_frame(cx.tid) {
            self.force_signal(cx.tid, SigInfo::kernel(sig::SEGV));
        }
        Err(Fail::Keep)
    }

    pub(crate) fn sys_sigaltstack(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let [new, old, ..] = a;
        let thread = self.threads.get(&cx.tid).ok_or(Errno::ESRCH)?;
        let mut stack = thread.altstack;
        let sp = match &thread.exec {
            Exec::Elf(cpu) => cpu.gpr[reg::RSP],
            _ => 0,
        };
        let on_it = stack.holds(sp);
        let wanted = if new == 0 {
            None
        } else {
            Some(AltStack {
                sp: self.read_u64(cx.tid, new)?,
                flags: self.read_u32(cx.tid, new.wrapping_add(8))?,
                size: self.read_u64(cx.tid, new.wrapping_add(16))?,
            })
        };
        if let Some(mut wanted) = wanted {
            if on_it {
                return Err(Errno::EPERM.into());
            }
            match wanted.flags & !SS_AUTODISARM {
                SS_DISABLE => (wanted.sp, wanted.size) = (0, 0),
                0 | SS_ONSTACK if wanted.size < MIN_STACK => return Err(Errno::ENOMEM.into()),
                0 | SS_ONSTACK => wanted.flags &= !SS_ONSTACK,
                _ => return Err(Errno::EINVAL.into()),
            }
            if let Some(thread) = self.threads.get_mut(&cx.tid) {
                thread.altstack = wanted;
            }
        }
        if old != 0 {
            stack.flags = stack.flags & SS_AUTODISARM
                | match (stack.size, on_it) {
                    (0, _) => SS_DISABLE,
                    (_, true) => SS_ONSTACK,
                    _ => 0,
                };
            let mut bytes = [0; 24];
            bytes[0..8].copy_from_slice(&stack.sp.to_le_bytes());
            bytes[8..12].copy_from_slice(&stack.flags.to_le_bytes());
            bytes[16..24].copy_from_slice(&stack.size.to_le_bytes());
            self.write_user(cx.tid, old, &bytes)?;
        }
        Ok(Ret::None)
    }

    /// Whether a thread may signal a process: same user, or `CAP_KILL`, or `SIGCONT` within the session.
    pub(crate) fn may_signal(&self, from: Tid, to: Tid, signal: u8) -> Result<(), Errno> {
        let (Some(sender), Some(target)) = (self.threads.get(&from), self.cred_of_process(to))
        else {
            return Err(Errno::ESRCH);
        };
        let cred = &sender.cred;
        let same = [cred.euid, cred.ruid]
            .iter()
            .any(|uid| *uid == target.suid || *uid == target.ruid);
        let session = |tgid| self.processes.get(&tgid).map(|process| process.sid);
        if same
            || self.capable_over_process(from, to, cap::KILL)
            || (signal == sig::CONT && session(sender.tgid) == session(to))
        {
            return Ok(());
        }
        Err(Errno::EPERM)
    }

    /// Sends from one process to another, or only checks where `signal` is zero.
    pub(crate) fn kill_one(&mut self, from: Tid, to: Tid, signal: u8) -> Result<(), Errno> {
        self.may_signal(from, to, signal)?;
        if signal != 0 {
            let info = self.user_info(from, to, signal, code::SI_USER);
            let ancestor = self.is_outside(from, to);
            self.signal_process(to, info, ancestor);
        }
        Ok(())
    }

    /// Whether `from` is not in the pid namespace of `to`.
    fn is_outside(&self, from: Tid, to: Tid) -> bool {
        self.pid_in(self.pid_ns_of(to), self.tgid_of(from))
            .is_none()
    }

    pub(crate) fn sys_kill(&mut self, cx: &mut CallCx, pid: Pid, signal: u8) -> SysResult {
        if signal > sig::MAX {
            return Err(Errno::EINVAL.into());
        }
        let targets = match pid.0 {
            pid if pid > 0 => {
                let tid = self.find_pid(cx.tid, Pid(pid)).ok_or(Errno::ESRCH)?;
                self.kill_one(cx.tid, self.tgid_of(tid), signal)?;
                return Ok(Ret::None);
            }
            -1 => {
                let ns = self.pid_ns_of(cx.tid);
                let (own, init) = (self.tgid_of(cx.tid), self.ns_init(ns));
                self.processes
                    .keys()
                    .filter(|tgid| {
                        *tgid != own && Some(*tgid) != init && self.pid_in(ns, *tgid).is_some()
                    })
                    .collect()
            }
            0 => {
                let pgid = self.process_of(cx.tid).ok_or(Errno::ESRCH)?.pgid;
                self.group_members(pgid)
            }
            i32::MIN => return Err(Errno::ESRCH.into()),
            group => {
                let pgid = self.find_pid(cx.tid, Pid(-group)).ok_or(Errno::ESRCH)?;
                self.group_members(pgid)
            }
        };
        if targets.is_empty() {
            return Err(Errno::ESRCH.into());
        }
        let mut result = Err(Errno::EPERM);
        for tgid in targets {
            if self.kill_one(cx.tid, tgid, signal).is_ok() {
                result = Ok(Ret::None);
            }
        }
        if pid.0 == -1 {
            result = Ok(Ret::None);
        }
        Ok(result?)
    }

    pub(crate) fn sys_tgkill(
        &mut self,
        cx: &mut CallCx,
        tgid: Option<i32>,
        tid: i32,
        signal: u64,
    ) -> SysResult {
        let signal = u8::try_from(signal).map_err(|_| Errno::EINVAL)?;
        if tid <= 0 || tgid.is_some_and(|tgid| tgid <= 0) || signal > sig::MAX {
            return Err(Errno::EINVAL.into());
        }
        let target = self.find_pid(cx.tid, Pid(tid)).ok_or(Errno::ESRCH)?;
        let process = self.threads.get(&target).ok_or(Errno::ESRCH)?.tgid;
        if let Some(tgid) = tgid
            && self.find_pid(cx.tid, Pid(tgid)) != Some(process)
        {
            return Err(Errno::ESRCH.into());
        }
        self.may_signal(cx.tid, process, signal)?;
        if signal != 0 {
            let info = self.user_info(cx.tid, process, signal, code::SI_TKILL);
            self.signal_thread(target, info);
        }
        Ok(Ret::None)
    }

    pub(crate) fn sys_rt_sigqueueinfo(
        &mut self,
        cx: &mut CallCx,
        pid: i32,
        tid: Option<i32>,
        signal: u64,
        addr: u64,
    ) -> SysResult {
        let signal = u8::try_from(signal)
            .ok()
            .filter(|s| *s <= sig::MAX)
            .ok_or(Errno::EINVAL)?;
        let mut raw = [0; 128];
        self.read_user(cx.tid, addr, &mut raw)?;
        let si_code = i32::from_le_bytes([raw[8], raw[9], raw[10], raw[11]]);
        let target = self
            .find_pid(cx.tid, Pid(tid.unwrap_or(pid)))
            .ok_or(Errno::ESRCH)?;
        let process = self.tgid_of(target);
        if (si_code >= 0 || si_code == code::SI_TKILL) && process != self.tgid_of(cx.tid) {
            return Err(Errno::EPERM.into());
        }
        self.may_signal(cx.tid, process, signal)?;
        let mut body = [0; 112];
        body.copy_from_slice(&raw[16..]);
        let info = SigInfo {
            signal,
            code: si_code,
            body: SigBody::Raw(Box::new(body)),
        };
        match (signal, tid) {
            (0, _) => {}
            (_, Some(_)) => self.signal_thread(target, info),
            (_, None) => self.signal_process(process, info, false),
        }
        Ok(Ret::None)
    }
}

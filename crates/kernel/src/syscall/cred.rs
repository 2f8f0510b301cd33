//! Credentials and what depends on them alone.

use crate::Kernel;
use crate::cred::{CAP_ALL, CAP_LAST, Cred, SECBIT_KEEP_CAPS, cap};
use crate::ids::Tid;
use crate::wait::SysResult;
use glassdock_abi::call::PrctlOp;
use glassdock_abi::types::CapSets;
use glassdock_abi::{Errno, Result, Ret};
use glassdock_trace::Value;

/// Most supplementary groups (`NGROUPS_MAX`).
const GROUPS_MAX: usize = 65_536;
/// "Leave it as it is".
const SAME: u32 = u32::MAX;

impl Kernel {
    pub(crate) fn cred(&self, tid: Tid) -> Result<&Cred> {
        self.threads
            .get(&tid)
            .map(|thread| &thread.cred)
            .ok_or(Errno::ESRCH)
    }

    fn change_cred<R>(
        &mut self,
        tid: Tid,
        change: impl FnOnce(&mut Cred) -> Result<R>,
    ) -> Result<R> {
        let thread = self.threads.get_mut(&tid).ok_or(Errno::ESRCH)?;
        let mut cred = thread.cred.clone();
        let result = change(&mut cred)?;
        let ids = |c: &Cred| (c.euid, c.egid, c.fsuid, c.fsgid);
        let changed = ids(&cred) != ids(&thread.cred);
        self.tasks.change_user(thread.cred.ruid, cred.ruid);
        thread.cred = cred;
        if changed {
            thread.pdeathsig = 0;
            if let Some(process) = self.process_of_mut(tid) {
                process.dumpable = false;
            }
        }
        self.publisher.task(tid);
        Ok(result)
    }

    /// `EPERM` without `CAP_SYS_ADMIN`.
    pub(crate) fn need_admin(&self, tid: Tid) -> Result<()> {
        if self.cred(tid)?.has(cap::SYS_ADMIN) {
            Ok(())
        } else {
            Err(Errno::EPERM)
        }
    }

    pub(super) fn sys_setresuid(&mut self, tid: Tid, ruid: u32, euid: u32, suid: u32) -> SysResult {
        self.change_cred(tid, |cred| {
            let old = cred.clone();
            let allowed = |id: u32| [SAME, old.ruid, old.euid, old.suid].contains(&id);
            if !old.has(cap::SETUID) && ![ruid, euid, suid].into_iter().all(allowed) {
                return Err(Errno::EPERM);
            }
            for (slot, id) in [
                (&mut cred.ruid, ruid),
                (&mut cred.euid, euid),
                (&mut cred.suid, suid),
            ] {
                if id != SAME {
                    *slot = id;
                }
            }
            cred.fsuid = cred.euid;
            cred.fix_caps_after_uid_change(&old);
            Ok(())
        })?;
        Ok(Ret::None)
    }

    pub(super) fn sys_setresgid(&mut self, tid: Tid, rgid: u32, egid: u32, sgid: u32) -> SysResult {
        self.change_cred(tid, |cred| {
            let old = cred.clone();
            let allowed = |id: u32| [SAME, old.rgid, old.egid, old.sgid].contains(&id);
            if !old.has(cap::SETGID) && ![rgid, egid, sgid].into_iter().all(allowed) {
                return Err(Errno::EPERM);
            }
            for (slot, id) in [
                (&mut cred.rgid, rgid),
                (&mut cred.egid, egid),
                (&mut cred.sgid, sgid),
            ] {
                if id != SAME {
                    *slot = id;
                }
            }
            cred.fsgid = cred.egid;
            Ok(())
        })?;
        Ok(Ret::None)
    }

    /// `setuid`: all three ids with `CAP_SETUID`, else the effective one.
    pub(super) fn sys_setuid(&mut self, tid: Tid, uid: u32) -> SysResult {
        if uid == SAME {
            return Err(Errno::EINVAL.into());
        }
        let cred = self.cred(tid)?;
        match cred.has(cap::SETUID) {
            true => self.sys_setresuid(tid, uid, uid, uid),
            false if uid == cred.ruid || uid == cred.suid => {
                self.sys_setresuid(tid, SAME, uid, SAME)
            }
            false => Err(Errno::EPERM.into()),
        }
    }

    pub(super) fn sys_setgid(&mut self, tid: Tid, gid: u32) -> SysResult {
        if gid == SAME {
            return Err(Errno::EINVAL.into());
        }
        let cred = self.cred(tid)?;
        match cred.has(cap::SETGID) {
            true => self.sys_setresgid(tid, gid, gid, gid),
            false if gid == cred.rgid || gid == cred.sgid => {
                self.sys_setresgid(tid, SAME, gid, SAME)
            }
            false => Err(Errno::EPERM.into()),
        }
    }

    /// `setreuid`: the saved id follows where the real one is set or the effective one becomes another than it.
    pub(super) fn sys_setreuid(&mut self, tid: Tid, ruid: u32, euid: u32) -> SysResult {
        let old = self.cred(tid)?;
        let saved = if ruid != SAME || euid != SAME && euid != old.ruid {
            if euid == SAME { old.euid } else { euid }
        } else {
            SAME
        };
        self.sys_setresuid(tid, ruid, euid, saved)
    }

    pub(super) fn sys_setregid(&mut self, tid: Tid, rgid: u32, egid: u32) -> SysResult {
        let old = self.cred(tid)?;
        let saved = if rgid != SAME || egid != SAME && egid != old.rgid {
            if egid == SAME { old.egid } else { egid }
        } else {
            SAME
        };
        self.sys_setresgid(tid, rgid, egid, saved)
    }

    /// `setfsuid`: yields the old one, whatever happens.
    pub(super) fn sys_setfsuid(&mut self, tid: Tid, uid: u32) -> SysResult {
        let old = self.cred(tid)?.clone();
        if old.has(cap::SETUID) || [old.ruid, old.euid, old.suid, old.fsuid].contains(&uid) {
            self.change_cred(tid, |cred| {
                cred.fsuid = uid;
                Ok(())
            })?;
        }
        Ok(Ret::Int(old.fsuid.into()))
    }

    pub(super) fn sys_setfsgid(&mut self, tid: Tid, gid: u32) -> SysResult {
        let old = self.cred(tid)?.clone();
        if old.has(cap::SETGID) || [old.rgid, old.egid, old.sgid, old.fsgid].contains(&gid) {
            self.change_cred(tid, |cred| {
                cred.fsgid = gid;
                Ok(())
            })?;
        }
        Ok(Ret::Int(old.fsgid.into()))
    }

    pub(super) fn sys_setgroups(&mut self, tid: Tid, groups: &[u32]) -> SysResult {
        if !self.cred(tid)?.has(cap::SETGID) {
            return Err(Errno::EPERM.into());
        }
        if groups.len() > GROUPS_MAX {
            return Err(Errno::EINVAL.into());
        }
        let mut groups = groups.to_vec();
        groups.sort_unstable();
        self.change_cred(tid, |cred| {
            cred.groups = groups.into();
            Ok(())
        })?;
        Ok(Ret::None)
    }

    pub(super) fn sys_capset(&mut self, tid: Tid, sets: CapSets) -> SysResult {
        self.change_cred(tid, |cred| {
            let (e, p, i) = (
                sets.effective & CAP_ALL,
                sets.permitted & CAP_ALL,
                sets.inheritable & CAP_ALL,
            );
            let setpcap = cred.has(cap::SETPCAP);
            let inheritable = cred.inheritable
                | if setpcap {
                    cred.bounding
                } else {
                    cred.permitted
                };
            let allowed = i & !(inheritable | cred.permitted) == 0
                && i & !(cred.inheritable | cred.bounding) == 0
                && p & !cred.permitted == 0
                && e & !p == 0;
            if !allowed {
                return Err(Errno::EPERM);
            }
            (cred.effective, cred.permitted, cred.inheritable) = (e, p, i);
            cred.ambient &= p & i;
            Ok(())
        })?;
        Ok(Ret::None)
    }

    pub(super) fn sys_prctl(&mut self, tid: Tid, op: &PrctlOp) -> SysResult {
        match op {
            PrctlOp::SetPdeathsig(signal) if *signal <= glassdock_abi::types::signal::MAX => {
                if let Some(thread) = self.threads.get_mut(&tid) {
                    thread.pdeathsig = *signal;
                }
            }
            PrctlOp::SetPdeathsig(_) => return Err(Errno::EINVAL.into()),
            PrctlOp::SetDumpable(dumpable) => {
                if let Some(process) = self.process_of_mut(tid) {
                    process.dumpable = *dumpable;
                }
            }
            PrctlOp::SetKeepcaps(keep) => self.change_cred(tid, |cred| {
                cred.securebits =
                    cred.securebits & !SECBIT_KEEP_CAPS | if *keep { SECBIT_KEEP_CAPS } else { 0 };
                Ok(())
            })?,
            PrctlOp::SetName(name) => {
                if let Some(thread) = self.threads.get_mut(&tid) {
                    thread.comm = name[..name.len().min(15)].to_vec();
                }
                self.publisher.task(tid);
            }
            PrctlOp::CapbsetRead(cap) if *cap <= CAP_LAST => {
                return Ok(Ret::Int((self.cred(tid)?.bounding >> cap & 1) as i64));
            }
            PrctlOp::CapbsetDrop(cap) if *cap <= CAP_LAST => self.change_cred(tid, |cred| {
                if !cred.has(cap::SETPCAP) {
                    return Err(Errno::EPERM);
                }
                cred.bounding &= !(1 << cap);
                Ok(())
            })?,
            PrctlOp::CapAmbientRaise(cap) if *cap <= CAP_LAST => self.change_cred(tid, |cred| {
                let bit = 1 << cap;
                if cred.permitted & cred.inheritable & bit == 0 {
                    return Err(Errno::EPERM);
                }
                cred.ambient |= bit;
                Ok(())
            })?,
            PrctlOp::CapbsetRead(_) | PrctlOp::CapbsetDrop(_) | PrctlOp::CapAmbientRaise(_) => {
                return Err(Errno::EINVAL.into());
            }
            PrctlOp::CapAmbientClearAll => self.change_cred(tid, |cred| {
                cred.ambient = 0;
                Ok(())
            })?,
            PrctlOp::SetNoNewPrivs => self.change_cred(tid, |cred| {
                cred.no_new_privs = true;
                Ok(())
            })?,
            PrctlOp::GetNoNewPrivs => return Ok(Ret::Int(self.cred(tid)?.no_new_privs.into())),
            PrctlOp::SetChildSubreaper(on) => {
                if let Some(process) = self.process_of_mut(tid) {
                    process.subreaper = *on;
                }
            }
            PrctlOp::Other(args) => return self.other_prctl(tid, *args),
        }
        Ok(Ret::None)
    }

    fn other_prctl(&mut self, tid: Tid, args: [u64; 5]) -> SysResult {
        const GET_PDEATHSIG: u64 = 2;
        const GET_DUMPABLE: u64 = 3;
        const GET_KEEPCAPS: u64 = 7;
        const GET_NAME: u64 = 16;
        const GET_SECUREBITS: u64 = 27;
        const SET_SECUREBITS: u64 = 28;
        const SET_TIMERSLACK: u64 = 29;
        const GET_TIMERSLACK: u64 = 30;
        const GET_SUBREAPER: u64 = 37;
        const AMBIENT: u64 = 47;
        let thread = self.threads.get(&tid).ok_or(Errno::ESRCH)?;
        match args[0] {
            GET_PDEATHSIG => {
                let signal = u32::from(thread.pdeathsig);
                self.write_user(tid, args[1], &signal.to_le_bytes())?;
                Ok(Ret::None)
            }
            GET_DUMPABLE => Ok(Ret::Int(
                self.process_of(tid).is_some_and(|p| p.dumpable).into(),
            )),
            GET_KEEPCAPS => Ok(Ret::Int(
                (thread.cred.securebits & SECBIT_KEEP_CAPS != 0).into(),
            )),
            GET_NAME => {
                let mut name = thread.comm.clone();
                name.resize(16, 0);
                self.write_user(tid, args[1], &name)?;
                Ok(Ret::None)
            }
            GET_SECUREBITS => Ok(Ret::Int(thread.cred.securebits.into())),
            SET_SECUREBITS => {
                self.change_cred(tid, |cred| {
                    if !cred.has(cap::SETPCAP) {
                        return Err(Errno::EPERM);
                    }
                    cred.securebits = args[1] as u32;
                    Ok(())
                })?;
                Ok(Ret::None)
            }
            SET_TIMERSLACK => {
                if let Some(thread) = self.threads.get_mut(&tid) {
                    thread.timer_slack = if args[1] == 0 { 50_000 } else { args[1] };
                }
                Ok(Ret::None)
            }
            GET_TIMERSLACK => Ok(Ret::Int(thread.timer_slack as i64)),
            GET_SUBREAPER => {
                let on = u32::from(self.process_of(tid).is_some_and(|p| p.subreaper));
                self.write_user(tid, args[1], &on.to_le_bytes())?;
                Ok(Ret::None)
            }
            AMBIENT if args[1] == 1 && args[2] <= CAP_LAST.into() => {
                Ok(Ret::Int((thread.cred.ambient >> args[2] & 1) as i64))
            }
            AMBIENT if args[1] == 3 && args[2] <= CAP_LAST.into() => {
                self.change_cred(tid, |cred| {
                    cred.ambient &= !(1 << args[2]);
                    Ok(())
                })?;
                Ok(Ret::None)
            }
            other => {
                self.note("unsupported-prctl", || vec![Value::Int(other as i64)]);
                Err(Errno::EINVAL.into())
            }
        }
    }
}

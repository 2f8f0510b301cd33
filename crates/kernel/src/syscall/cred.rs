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
        let mut cred = self.copy_cred(tid)?;
        let result = change(&mut cred)?;
        self.commit_cred(tid, cred)?;
        Ok(result)
    }

    #[inline(never)]
    fn copy_cred(&self, tid: Tid) -> Result<Cred> {
        self.cred(tid).cloned()
    }

    /// Changed credentials come into force (`commit_creds`). One function, whatever was changed.
    #[inline(never)]
    fn commit_cred(&mut self, tid: Tid, cred: Cred) -> Result<()> {
        let thread = self.threads.get_mut(&tid).ok_or(Errno::ESRCH)?;
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
        Ok(())
    }

    /// `may_mount`: `EPERM` without `CAP_SYS_ADMIN` over the own mount namespace.
    pub(crate) fn may_mount(&self, tid: Tid) -> Result<()> {
        let ns = self.threads.get(&tid).ok_or(Errno::ESRCH)?.ns.mnt;
        match self.capable_over(tid, ns, cap::SYS_ADMIN) {
            true => Ok(()),
            false => Err(Errno::EPERM),
        }
    }

    /// An id of the thread's own.
    pub(super) fn own_id(&self, tid: Tid, id: impl FnOnce(&Cred) -> u32) -> SysResult {
        Ok(Ret::Int(id(self.cred(tid)?).into()))
    }

    /// The machine's ids of an owner and a group that a thread gives to a file.
    pub(super) fn owner_outside(&self, tid: Tid, uid: u32, gid: u32) -> Result<(u32, u32)> {
        let [uid] = self.ids_outside(tid, [uid], Cred::uid_outside)?;
        let [gid] = self.ids_outside(tid, [gid], Cred::gid_outside)?;
        Ok((uid, gid))
    }

    /// The machine's ids of those that a thread gives: `EINVAL` for one without a name. What stays as it is, is no id.
    fn ids_outside<const N: usize>(
        &self,
        tid: Tid,
        ids: [u32; N],
        outside: impl Fn(&Cred, u32) -> Result<u32>,
    ) -> Result<[u32; N]> {
        let cred = self.cred(tid)?;
        let mut found = ids;
        for id in found.iter_mut().filter(|id| **id != SAME) {
            *id = outside(cred, *id)?;
        }
        Ok(found)
    }

    pub(super) fn sys_setresuid(&mut self, tid: Tid, ruid: u32, euid: u32, suid: u32) -> SysResult {
        let [ruid, euid, suid] = self.ids_outside(tid, [ruid, euid, suid], Cred::uid_outside)?;
        self.set_uids(tid, ruid, euid, suid)
    }

    fn set_uids(&mut self, tid: Tid, ruid: u32, euid: u32, suid: u32) -> SysResult {
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
        let [rgid, egid, sgid] = self.ids_outside(tid, [rgid, egid, sgid], Cred::gid_outside)?;
        self.set_gids(tid, rgid, egid, sgid)
    }

    fn set_gids(&mut self, tid: Tid, rgid: u32, egid: u32, sgid: u32) -> SysResult {
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
        let uid = cred.uid_outside(uid)?;
        match cred.has(cap::SETUID) {
            true => self.set_uids(tid, uid, uid, uid),
            false if uid == cred.ruid || uid == cred.suid => self.set_uids(tid, SAME, uid, SAME),
            false => Err(Errno::EPERM.into()),
        }
    }

    pub(super) fn sys_setgid(&mut self, tid: Tid, gid: u32) -> SysResult {
        if gid == SAME {
            return Err(Errno::EINVAL.into());
        }
        let cred = self.cred(tid)?;
        let gid = cred.gid_outside(gid)?;
        match cred.has(cap::SETGID) {
            true => self.set_gids(tid, gid, gid, gid),
            false if gid == cred.rgid || gid == cred.sgid => self.set_gids(tid, SAME, gid, SAME),
            false => Err(Errno::EPERM.into()),
        }
    }

    /// `setreuid`: the saved id follows where the real one is set or the effective one becomes another than it.
    pub(super) fn sys_setreuid(&mut self, tid: Tid, ruid: u32, euid: u32) -> SysResult {
        let [ruid, euid] = self.ids_outside(tid, [ruid, euid], Cred::uid_outside)?;
        let old = self.cred(tid)?;
        let saved = if ruid != SAME || euid != SAME && euid != old.ruid {
            if euid == SAME { old.euid } else { euid }
        } else {
            SAME
        };
        self.set_uids(tid, ruid, euid, saved)
    }

    pub(super) fn sys_setregid(&mut self, tid: Tid, rgid: u32, egid: u32) -> SysResult {
        let [rgid, egid] = self.ids_outside(tid, [rgid, egid], Cred::gid_outside)?;
        let old = self.cred(tid)?;
        let saved = if rgid != SAME || egid != SAME && egid != old.rgid {
            if egid == SAME { old.egid } else { egid }
        } else {
            SAME
        };
        self.set_gids(tid, rgid, egid, saved)
    }

    /// `setfsuid`: yields the old one, whatever happens.
    pub(super) fn sys_setfsuid(&mut self, tid: Tid, uid: u32) -> SysResult {
        let old = self.cred(tid)?.clone();
        let seen = Ret::Int(old.uid_inside(old.fsuid).into());
        let Ok(uid) = old.uid_outside(uid) else {
            return Ok(seen);
        };
        if old.has(cap::SETUID) || [old.ruid, old.euid, old.suid, old.fsuid].contains(&uid) {
            self.change_cred(tid, |cred| {
                cred.fsuid = uid;
                Ok(())
            })?;
        }
        Ok(seen)
    }

    pub(super) fn sys_setfsgid(&mut self, tid: Tid, gid: u32) -> SysResult {
        let old = self.cred(tid)?.clone();
        let seen = Ret::Int(old.gid_inside(old.fsgid).into());
        let Ok(gid) = old.gid_outside(gid) else {
            return Ok(seen);
        };
        if old.has(cap::SETGID) || [old.rgid, old.egid, old.sgid, old.fsgid].contains(&gid) {
            self.change_cred(tid, |cred| {
                cred.fsgid = gid;
                Ok(())
            })?;
        }
        Ok(seen)
    }

    pub(super) fn sys_setgroups(&mut self, tid: Tid, groups: &[u32]) -> SysResult {
        if !self.may_setgroups(tid) {
            return Err(Errno::EPERM.into());
        }
        if groups.len() > GROUPS_MAX {
            return Err(Errno::EINVAL.into());
        }
        let cred = self.cred(tid)?;
        let outside = |gid: &u32| cred.gid_outside(*gid);
        let mut groups = groups.iter().map(outside).collect::<Result<Vec<u32>>>()?;
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
        const GET_SECCOMP: u64 = 21;
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
            GET_SECCOMP => Ok(Ret::Int(thread.cred.seccomp.mode().into())),
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

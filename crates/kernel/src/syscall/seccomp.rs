//! `man 2 seccomp`, and the forms of `man 2 prctl` that are older.

use super::CallCx;
use crate::Kernel;
use crate::cred::cap;
use crate::ids::Tid;
use crate::seccomp::{Filters, MAX_INSNS, Seccomp, action, is_filter};
use crate::wait::SysResult;
use glassdock_abi::types::SockFilter;
use glassdock_abi::{Call, Errno, Result, Ret};
use std::sync::Arc;

/// Operations.
const SET_MODE_STRICT: u32 = 0;
const SET_MODE_FILTER: u32 = 1;
const GET_ACTION_AVAIL: u32 = 2;
const GET_NOTIF_SIZES: u32 = 3;
/// Flags of `SET_MODE_FILTER`: those without listeners.
const TSYNC: u32 = 1;
const TSYNC_ESRCH: u32 = 16;
const FLAGS: u32 = TSYNC | 2 | 4 | TSYNC_ESRCH;
/// Bytes of `struct seccomp_notif`, `struct seccomp_notif_resp` and `struct seccomp_data`.
const NOTIF_SIZES: [u16; 3] = [80, 24, 64];

impl Kernel {
    pub(crate) fn raw_seccomp(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let (flags, args) = (a[1] as u32, a[2]);
        match a[0] as u32 {
            SET_MODE_STRICT if (flags, args) == (0, 0) => self.set_strict(cx.tid),
            SET_MODE_FILTER => {
                let filter = self.read_filter(cx.tid, flags, args)?;
                self.call(cx, &Call::Seccomp { flags, filter })
            }
            GET_ACTION_AVAIL if flags == 0 => {
                let asked = self.read_u32(cx.tid, args)?;
                match action::NAMES.iter().any(|(number, _)| *number == asked) {
                    true => Ok(Ret::None),
                    false => Err(Errno::EOPNOTSUPP.into()),
                }
            }
            GET_NOTIF_SIZES if flags == 0 => {
                let bytes: Vec<u8> = NOTIF_SIZES.iter().flat_map(|it| it.to_le_bytes()).collect();
                self.write_user(cx.tid, args, &bytes)?;
                Ok(Ret::None)
            }
            _ => Err(Errno::EINVAL.into()),
        }
    }

    /// `PR_SET_SECCOMP` with a mode's number and a program's address.
    pub(crate) fn set_mode(&mut self, tid: Tid, mode: u64, program: u64) -> SysResult {
        match mode {
            1 => self.set_strict(tid),
            2 => {
                let filter = self.read_filter(tid, 0, program)?;
                self.sys_seccomp(tid, 0, &filter)
            }
            _ => Err(Errno::EINVAL.into()),
        }
    }

    fn set_strict(&mut self, tid: Tid) -> SysResult {
        let thread = self.threads.get_mut(&tid).ok_or(Errno::ESRCH)?;
        if thread.cred.seccomp.mode() == 2 {
            return Err(Errno::EINVAL.into());
        }
        thread.cred.seccomp = Seccomp::Strict;
        self.publisher.task(tid);
        Ok(Ret::None)
    }

    /// Reads `struct sock_fprog` and what it leads to.
    fn read_filter(&mut self, tid: Tid, flags: u32, addr: u64) -> Result<Vec<SockFilter>> {
        if flags & !FLAGS != 0 {
            return Err(Errno::EINVAL);
        }
        let header = self.read_bytes(tid, addr, 16)?;
        let length = usize::from(u16::from_le_bytes([header[0], header[1]]));
        self.may_filter(tid, flags, length)?;
        let program = self.read_u64(tid, addr.wrapping_add(8))?;
        if program == 0 {
            return Err(Errno::EINVAL);
        }
        let bytes = self.read_bytes(tid, program, length as u64 * 8)?;
        let insns = bytes.as_chunks::<8>().0.iter();
        Ok(insns.copied().map(SockFilter::from_bytes).collect())
    }

    /// Whoever cannot gain privileges may filter, as may who has them all (`seccomp_prepare_filter`): a set-id program
    /// must not run under a filter of its caller's.
    fn may_filter(&self, tid: Tid, flags: u32, length: usize) -> Result<()> {
        if flags & !FLAGS != 0 || length == 0 || length > MAX_INSNS {
            return Err(Errno::EINVAL);
        }
        let cred = self.cred(tid)?;
        match cred.no_new_privs || cred.has(cap::SYS_ADMIN) {
            true => Ok(()),
            false => Err(Errno::EACCES),
        }
    }

    /// `SECCOMP_SET_MODE_FILTER`.
    pub(super) fn sys_seccomp(
        &mut self,
        tid: Tid,
        flags: u32,
        program: &[SockFilter],
    ) -> SysResult {
        self.may_filter(tid, flags, program.len())?;
        if !is_filter(program) {
            return Err(Errno::EINVAL.into());
        }
        let cred = self.cred(tid)?;
        let before = match &cred.seccomp {
            Seccomp::Disabled => None,
            Seccomp::Strict => return Err(Errno::EINVAL.into()),
            Seccomp::Filter(filters) => Some(&**filters),
        };
        let filters = Filters::with(before, program).ok_or(Errno::ENOMEM)?;
        let new = Seccomp::Filter(Arc::new(filters));
        if flags & TSYNC == 0 {
            self.give_filters(tid, &new, false);
            return Ok(Ret::None);
        }
        let threads = self.process_of(tid).ok_or(Errno::ESRCH)?.threads.clone();
        let follows = |other: &Tid| {
            let other = self.threads.get(other).map(|thread| &thread.cred.seccomp);
            other.is_none_or(|other| other.is_ancestor_of(&cred.seccomp))
        };
        if let Some(other) = threads.iter().find(|other| !follows(other)) {
            return match flags & TSYNC_ESRCH {
                0 => Ok(Ret::Int(self.pid_for(tid, *other).0.into())),
                _ => Err(Errno::ESRCH.into()),
            };
        }
        let no_new_privs = cred.no_new_privs;
        for other in threads {
            self.give_filters(other, &new, no_new_privs);
        }
        Ok(Ret::None)
    }

    fn give_filters(&mut self, tid: Tid, new: &Seccomp, no_new_privs: bool) {
        if let Some(thread) = self.threads.get_mut(&tid) {
            thread.cred.seccomp = new.clone();
            thread.cred.no_new_privs |= no_new_privs;
        }
        self.publisher.task(tid);
    }
}

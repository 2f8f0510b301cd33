//! Time, scheduling, machine: calls that touch neither files nor other processes.

use super::super::CallCx;
use crate::Kernel;
use crate::config::*;
use crate::cred::cap;
use crate::process::Exec;
use crate::wait::SysResult;
use glassdock_abi::flags::OpenFlags;
use glassdock_abi::types::{Clock, Timespec, WaitStatus, signal};
use glassdock_abi::{Call, Errno, Pid, Ret};
use glassdock_cpu::USER_END;
use glassdock_trace::Value;
use glassdock_trace::world::NsId;
use glassdock_vfs::{At, open_how};

/// `man 2 personality`: what system is imitated, and the value for 32-bit Linux.
const PER_MASK: u32 = 0xff;
const PER_LINUX32: u32 = 8;
/// First time that the clock cannot be set to, in nanoseconds since 1970 (`TIME_SETTOD_SEC_MAX`).
const SETTIME_MAX: u64 = (i64::MAX as u64 / 1_000_000_000 - 30 * 365 * 86_400) * 1_000_000_000;
const ARCH_SET_GS: u64 = 0x1001;
const ARCH_SET_FS: u64 = 0x1002;
const ARCH_GET_FS: u64 = 0x1003;
const ARCH_GET_GS: u64 = 0x1004;

impl Kernel {
    pub(crate) fn raw_uname(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let thread = self.threads.get(&cx.tid).ok_or(Errno::ESRCH)?;
        let ns = thread.ns.uts;
        let machine = match thread.personality & PER_MASK {
            PER_LINUX32 => MACHINE_32,
            _ => MACHINE,
        };
        let (host, domain) = self.uts(ns);
        let mut out = vec![0; 6 * 65];
        let fields = [
            SYSNAME.as_bytes(),
            &host,
            RELEASE.as_bytes(),
            VERSION.as_bytes(),
            machine.as_bytes(),
            &domain,
        ];
        for (at, field) in fields.iter().enumerate() {
            out[65 * at..65 * at + field.len()].copy_from_slice(field);
        }
        self.write_user(cx.tid, a[0], &out)?;
        Ok(Ret::None)
    }

    pub(crate) fn raw_sysinfo(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let page = glassdock_cpu::PAGE_SIZE;
        let usage = self.memory_usage();
        let mut out = [0; 112];
        let [one, five, fifteen] = self.load.shifted();
        let words = [
            (8, one),
            (16, five),
            (24, fifteen),
            (0, self.clock_seen(cx.tid, Clock::Boottime) / 1_000_000_000),
            (32, usage.total * page),
            (40, usage.free * page),
            (48, usage.shmem * page),
        ];
        for (at, word) in words {
            out[at..at + 8].copy_from_slice(&word.to_le_bytes());
        }
        out[80..82].copy_from_slice(&(self.threads.len() as u16).to_le_bytes());
        out[104..108].copy_from_slice(&1u32.to_le_bytes());
        self.write_user(cx.tid, a[0], &out)?;
        Ok(Ret::None)
    }

    pub(crate) fn raw_arch_prctl(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let thread = self.threads.get_mut(&cx.tid).ok_or(Errno::ESRCH)?;
        let Exec::Elf(cpu) = &mut thread.exec else {
            return Err(Errno::EINVAL.into());
        };
        let (fs, gs) = (cpu.fs_base, cpu.gs_base);
        match a[0] {
            ARCH_SET_FS | ARCH_SET_GS if a[1] >= USER_END => return Err(Errno::EPERM.into()),
            ARCH_SET_FS => cpu.fs_base = a[1],
            ARCH_SET_GS => cpu.gs_base = a[1],
            ARCH_GET_FS => self.write_user(cx.tid, a[1], &fs.to_le_bytes())?,
            ARCH_GET_GS => self.write_user(cx.tid, a[1], &gs.to_le_bytes())?,
            _ => return Err(Errno::EINVAL.into()),
        }
        Ok(Ret::None)
    }

    pub(crate) fn raw_set_tid_address(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        if let Some(thread) = self.threads.get_mut(&cx.tid) {
            thread.clear_child_tid = a[0];
        }
        Ok(Ret::Pid(self.pid_for(cx.tid, cx.tid)))
    }
    pub(crate) fn raw_set_robust_list(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        if a[1] != 24 {
            return Err(Errno::EINVAL.into());
        }
        if let Some(thread) = self.threads.get_mut(&cx.tid) {
            thread.robust_list = (a[0], a[1]);
        }
        Ok(Ret::None)
    }
    pub(crate) fn raw_get_robust_list(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let target = match a[0] as i32 {
            0 => cx.tid,
            pid => self.find_pid(cx.tid, Pid(pid)).ok_or(Errno::ESRCH)?,
        };
        let list = self.threads.get(&target).ok_or(Errno::ESRCH)?.robust_list;
        self.write_user(cx.tid, a[1], &list.0.to_le_bytes())?;
        self.write_user(cx.tid, a[2], &24u64.to_le_bytes())?;
        Ok(Ret::None)
    }

    // Time.

    fn clock_nanos(&self, cx: &CallCx, clock: u64) -> Result<u64, Errno> {
        match clock {
            0 | 5 | 8 | 11 => Ok(self.realtime()),
            1 | 4 | 6 => Ok(self.clock_seen(cx.tid, Clock::Monotonic)),
            7 | 9 => Ok(self.clock_seen(cx.tid, Clock::Boottime)),
            2 => Ok({
                let (utime, stime) = self.process_times(self.tgid_of(cx.tid));
                utime + stime
            }),
            3 => Ok(self.threads.get(&cx.tid).map_or(0, |t| t.utime + t.stime)),
            _ => Err(Errno::EINVAL),
        }
    }
    pub(crate) fn raw_clock_gettime(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let nanos = self.clock_nanos(cx, a[0])?;
        self.write_spec(cx.tid, a[1], Timespec::from_nanos(nanos))?;
        Ok(Ret::None)
    }
    pub(crate) fn raw_clock_getres(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.clock_nanos(cx, a[0])?;
        if a[1] != 0 {
            self.write_spec(cx.tid, a[1], Timespec { sec: 0, nsec: 1 })?;
        }
        Ok(Ret::None)
    }
    pub(crate) fn raw_gettimeofday(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let now = self.realtime();
        if a[0] != 0 {
            self.write_timeval(cx.tid, a[0], now)?;
        }
        if a[1] != 0 {
            self.write_user(cx.tid, a[1], &[0; 8])?;
        }
        Ok(Ret::None)
    }
    pub(crate) fn raw_time(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let now = self.realtime() / 1_000_000_000;
        if a[0] != 0 {
            self.write_user(cx.tid, a[0], &now.to_le_bytes())?;
        }
        Ok(Ret::Int(now as i64))
    }
    fn set_realtime(&mut self, cx: &CallCx, nanos: u64) -> SysResult {
        if !self.cred(cx.tid)?.has_on_machine(cap::SYS_TIME) {
            return Err(Errno::EPERM.into());
        }
        // `do_settimeofday64`: neither before the boot nor where 30 more years would overflow.
        if nanos < self.now() || nanos >= SETTIME_MAX {
            return Err(Errno::EINVAL.into());
        }
        let base = self.config.boot_time.saturating_add(self.time);
        self.realtime_offset = nanos as i64 - base as i64;
        Ok(Ret::None)
    }
    pub(crate) fn raw_clock_settime(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        if a[0] != 0 {
            return Err(Errno::EINVAL.into());
        }
        let nanos = self.read_timespec(cx.tid, a[1])?;
        self.set_realtime(cx, nanos)
    }
    pub(crate) fn raw_settimeofday(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        if a[0] == 0 {
            return Ok(Ret::None);
        }
        let nanos = self.read_timeval(cx.tid, a[0])?;
        self.set_realtime(cx, nanos)
    }
    pub(crate) fn raw_nanosleep(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let time = self.read_spec(cx.tid, a[0])?;
        self.call(
            cx,
            &Call::ClockNanosleep {
                clock: Clock::Monotonic,
                absolute: false,
                time,
            },
        )
    }
    pub(crate) fn raw_clock_nanosleep(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let clock = match a[0] {
            0 => Clock::Realtime,
            1 => Clock::Monotonic,
            7 => Clock::Boottime,
            2 => return Err(Errno::EOPNOTSUPP.into()),
            _ => return Err(Errno::EINVAL.into()),
        };
        let time = self.read_spec(cx.tid, a[2])?;
        self.call(
            cx,
            &Call::ClockNanosleep {
                clock,
                absolute: a[1] & 1 != 0,
                time,
            },
        )
    }
    pub(crate) fn raw_times(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let tick = 1_000_000_000 / USER_HZ;
        let tgid = self.tgid_of(cx.tid);
        let (utime, stime) = self.process_times(tgid);
        let (cutime, cstime) = self
            .processes
            .get(&tgid)
            .map_or((0, 0), |p| (p.children_utime, p.children_stime));
        if a[0] != 0 {
            let words = [utime, stime, cutime, cstime];
            let bytes: Vec<u8> = words
                .iter()
                .flat_map(|word| (word / tick).to_le_bytes())
                .collect();
            self.write_user(cx.tid, a[0], &bytes)?;
        }
        Ok(Ret::Int((self.now() / tick) as i64))
    }
    pub(crate) fn raw_getrusage(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let tgid = self.tgid_of(cx.tid);
        let (utime, stime) = match a[0] as i32 {
            0 => self.process_times(tgid),
            -1 => self
                .processes
                .get(&tgid)
                .map_or((0, 0), |p| (p.children_utime, p.children_stime)),
            1 => self
                .threads
                .get(&cx.tid)
                .map_or((0, 0), |t| (t.utime, t.stime)),
            _ => return Err(Errno::EINVAL.into()),
        };
        self.write_user(cx.tid, a[1], &[0; 144])?;
        self.write_timeval(cx.tid, a[1], utime)?;
        self.write_timeval(cx.tid, a[1].wrapping_add(16), stime)?;
        Ok(Ret::None)
    }
    pub(crate) fn raw_getitimer(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let timer = self.get_itimer(cx.tid, a[0] as u32 as usize)?;
        self.write_timeval(cx.tid, a[1], timer.every)?;
        self.write_timeval(cx.tid, a[1].wrapping_add(16), timer.next.unwrap_or(0))?;
        Ok(Ret::None)
    }
    pub(crate) fn raw_setitimer(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let (every, value) = match a[1] {
            0 => (0, 0),
            addr => (
                self.read_timeval(cx.tid, addr)?,
                self.read_timeval(cx.tid, addr.wrapping_add(16))?,
            ),
        };
        let old = self.get_itimer(cx.tid, a[0] as u32 as usize)?;
        self.set_itimer(cx.tid, a[0] as u32 as usize, value, every)?;
        if a[2] != 0 {
            self.write_timeval(cx.tid, a[2], old.every)?;
            self.write_timeval(cx.tid, a[2].wrapping_add(16), old.next.unwrap_or(0))?;
        }
        Ok(Ret::None)
    }
    pub(crate) fn raw_alarm(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let old = self.get_itimer(cx.tid, 0)?;
        self.set_itimer(cx.tid, 0, (a[0] & 0xffff_ffff) * 1_000_000_000, 0)?;
        let left = old.next.map_or(0, |nanos| nanos.div_ceil(1_000_000_000));
        Ok(Ret::Int(i64::from(left as u32)))
    }
    pub(crate) fn raw_getrandom(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        if a[2] & !7 != 0 || a[2] & 6 == 6 {
            return Err(Errno::EINVAL.into());
        }
        let bytes = self
            .call(
                cx,
                &Call::Getrandom {
                    count: a[1].min(1 << 24),
                },
            )?
            .bytes()?;
        self.answer_bytes(cx, a[0], &bytes)
    }

    // Scheduling: one processor, equal turns.

    pub(crate) fn raw_sched_yield(&mut self, cx: &mut CallCx, _: [u64; 6]) -> SysResult {
        self.yielded = Some(cx.tid);
        Ok(Ret::None)
    }
    fn target(&self, cx: &CallCx, pid: u64) -> Result<crate::ids::Tid, Errno> {
        match pid as i32 {
            0 => Ok(cx.tid),
            pid if pid < 0 => Err(Errno::EINVAL),
            pid => self.find_pid(cx.tid, Pid(pid)).ok_or(Errno::ESRCH),
        }
    }
    pub(crate) fn raw_sched_set(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.target(cx, a[0])?;
        self.note("scheduling-class-ignored", Vec::new);
        Ok(Ret::None)
    }
    pub(crate) fn raw_sched_getparam(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.target(cx, a[0])?;
        self.write_user(cx.tid, a[1], &0u32.to_le_bytes())?;
        Ok(Ret::None)
    }
    pub(crate) fn raw_sched_getscheduler(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.target(cx, a[0])?;
        Ok(Ret::Int(0))
    }
    pub(crate) fn raw_sched_priority_max(&mut self, _: &mut CallCx, a: [u64; 6]) -> SysResult {
        match a[0] {
            1 | 2 => Ok(Ret::Int(99)),
            0 | 3 | 5 | 6 => Ok(Ret::Int(0)),
            _ => Err(Errno::EINVAL.into()),
        }
    }
    pub(crate) fn raw_sched_priority_min(&mut self, _: &mut CallCx, a: [u64; 6]) -> SysResult {
        match a[0] {
            1 | 2 => Ok(Ret::Int(1)),
            0 | 3 | 5 | 6 => Ok(Ret::Int(0)),
            _ => Err(Errno::EINVAL.into()),
        }
    }
    pub(crate) fn raw_sched_getaffinity(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.target(cx, a[0])?;
        if a[1] < 8 || !a[1].is_multiple_of(8) {
            return Err(Errno::EINVAL.into());
        }
        self.answer_bytes(cx, a[2], &1u64.to_le_bytes())
    }
    pub(crate) fn raw_sched_setaffinity(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.target(cx, a[0])?;
        let mask = self.read_bytes(cx.tid, a[2], a[1].min(128))?;
        if mask.first().is_none_or(|byte| byte & 1 == 0) {
            return Err(Errno::EINVAL.into());
        }
        Ok(Ret::None)
    }
    pub(crate) fn raw_getcpu(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        for addr in [a[0], a[1]] {
            if addr != 0 {
                self.write_user(cx.tid, addr, &0u32.to_le_bytes())?;
            }
        }
        Ok(Ret::None)
    }
    /// Threads that a priority call means: `PRIO_PROCESS` 0, `PRIO_PGRP` 1, `PRIO_USER` 2.
    fn prio_targets(&self, cx: &CallCx, a: [u64; 6]) -> Result<Vec<crate::ids::Tid>, Errno> {
        let who = a[1] as i32;
        let own = self.process_of(cx.tid).ok_or(Errno::ESRCH)?;
        let found: Vec<_> = match a[0] {
            0 => vec![self.target(cx, a[1]).map_err(|_| Errno::ESRCH)?],
            1 => {
                let pgid = if who == 0 {
                    Some(own.pgid)
                } else {
                    self.find_pid(cx.tid, Pid(who))
                };
                let of_group = |tid| self.process_of(tid).map(|process| process.pgid) == pgid;
                self.threads.keys().filter(|tid| of_group(*tid)).collect()
            }
            2 => {
                let uid = if who == 0 {
                    self.cred(cx.tid)?.ruid
                } else {
                    self.cred(cx.tid)?
                        .uid_outside(who as u32)
                        .map_err(|_| Errno::ESRCH)?
                };
                let ns = self.pid_ns_of(cx.tid);
                self.threads
                    .values()
                    .filter(|t| t.cred.ruid == uid && self.pid_in(ns, t.tid).is_some())
                    .map(|t| t.tid)
                    .collect()
            }
            _ => return Err(Errno::EINVAL),
        };
        if found.is_empty() {
            Err(Errno::ESRCH)
        } else {
            Ok(found)
        }
    }
    pub(crate) fn raw_getpriority(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let targets = self.prio_targets(cx, a)?;
        let lowest = targets
            .iter()
            .filter_map(|tid| self.threads.get(tid))
            .map(|t| t.nice)
            .min();
        Ok(Ret::Int(i64::from(20 - lowest.unwrap_or(0))))
    }
    pub(crate) fn raw_setpriority(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let nice = (a[2] as i32).clamp(-20, 19);
        let euid = self.cred(cx.tid)?.euid;
        let mut result = Ok(Ret::None);
        for tid in self.prio_targets(cx, a)? {
            let (may, lowers) = (
                self.capable_over_process(cx.tid, tid, cap::SYS_NICE),
                self.capable(cx.tid, cap::SYS_NICE),
            );
            let Some(thread) = self.threads.get_mut(&tid) else {
                continue;
            };
            // `set_one_prio`: of others nothing is changed, of one's own only for the worse.
            let mine = thread.cred.ruid == euid || thread.cred.euid == euid;
            match (mine || may, nice >= thread.nice || lowers) {
                (false, _) => result = Err(Errno::EPERM.into()),
                (_, false) => result = Err(Errno::EACCES.into()),
                _ => thread.nice = nice,
            }
        }
        result
    }
    pub(crate) fn raw_ioprio_get(&mut self, _: &mut CallCx, _: [u64; 6]) -> SysResult {
        Ok(Ret::Int(0))
    }
    pub(crate) fn raw_ioprio_set(&mut self, _: &mut CallCx, _: [u64; 6]) -> SysResult {
        Ok(Ret::None)
    }
    pub(crate) fn raw_personality(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        /// Asks and changes nothing.
        const ASK: u32 = 0xffff_ffff;
        let thread = self.threads.get_mut(&cx.tid).ok_or(Errno::ESRCH)?;
        let old = thread.personality;
        if a[0] as u32 != ASK {
            thread.personality = a[0] as u32;
        }
        Ok(Ret::Int(old.into()))
    }
    /// `swapon` and `swapoff`: no file system here can hold swap space, which Linux answers with `EINVAL`.
    pub(crate) fn raw_swap(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        if !self.cred(cx.tid)?.has_on_machine(cap::SYS_ADMIN) {
            return Err(Errno::EPERM.into());
        }
        let path = self.path(cx, a[0])?;
        self.with_vfs(cx.tid, |vfs, cx| {
            let how = open_how(OpenFlags::RDWR, 0);
            let file = vfs.open(cx, At::Cwd, path.as_bytes(), &how)?;
            vfs.close(file);
            Ok::<_, Errno>(())
        })?;
        Err(Errno::EINVAL.into())
    }
    /// An empty kernel log: reading gives nothing, its size is that of Linux's default.
    pub(crate) fn raw_syslog(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        match a[0] {
            2..=5 if !self.cred(cx.tid)?.has_on_machine(cap::SYS_ADMIN) => Err(Errno::EPERM.into()),
            2..=4 if a[1] == 0 || (a[2] as i32) < 0 => Err(Errno::EINVAL.into()),
            8 if !(1..=8).contains(&(a[2] as i32)) => Err(Errno::EINVAL.into()),
            0..=9 => Ok(Ret::Int(0)),
            10 => Ok(Ret::Int(1 << 17)),
            _ => Err(Errno::EINVAL.into()),
        }
    }
    pub(crate) fn raw_reboot(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        const MAGIC: u64 = 0xfee1_dead;
        const MAGIC2: [u64; 4] = [672_274_793, 85_072_278, 369_367_448, 537_993_216];
        let pid_ns = self.pid_ns_of(cx.tid);
        if !self.capable_over(cx.tid, pid_ns, cap::SYS_BOOT) {
            return Err(Errno::EPERM.into());
        }
        if a[0] & 0xffff_ffff != MAGIC || !MAGIC2.contains(&(a[1] & 0xffff_ffff)) {
            return Err(Errno::EINVAL.into());
        }
        let command = a[2] & 0xffff_ffff;
        let ns = self.pid_ns_of(cx.tid);
        if ns != self.root_ns.pid {
            return self.reboot_pid_ns(cx, ns, command);
        }
        match command {
            0 | 0x89ab_cdef => Ok(Ret::None),
            0x0123_4567 | 0xcdef_0123 | 0x4321_fedc => {
                self.note("switched-off", || vec![Value::Hex(a[2])]);
                self.halted = true;
                Ok(Ret::None)
            }
            _ => Err(Errno::EINVAL.into()),
        }
    }

    /// In a pid namespace of its own, `reboot` ends the first process, by a signal that tells what was asked
    /// (`reboot_pid_ns`).
    fn reboot_pid_ns(&mut self, cx: &mut CallCx, ns: NsId, command: u64) -> SysResult {
        let signal = match command {
            0x0123_4567 | 0xa1b2_c3d4 => signal::HUP,
            0xcdef_0123 | 0x4321_fedc => signal::INT,
            _ => return Err(Errno::EINVAL.into()),
        };
        let init = self.ns_init(ns).ok_or(Errno::ESRCH)?;
        self.exit_process(init, WaitStatus::Killed(signal, false));
        self.sys_exit_group(cx, 0)
    }
}

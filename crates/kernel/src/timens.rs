//! Time namespaces (`man 7 time_namespaces`): clocks that begin elsewhere.

use crate::Kernel;
use crate::cred::cap;
use crate::ids::Tid;
use crate::ns::NsBody;
use glassdock_abi::types::Clock;
use glassdock_abi::{Errno, Result};
use glassdock_trace::world::NsId;
use glassdock_vfs as vfs;
use std::fmt::Write;

const NANOS: i64 = 1_000_000_000;
/// Largest and smallest offset in seconds (`KTIME_SEC_MAX`).
const OFFSET_MAX: i64 = i64::MAX / NANOS;
/// Offsets must be written at once and be shorter than a page.
const TEXT_MAX: usize = 4096;

/// Offsets of a time namespace in nanoseconds, from the clocks of the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Offsets {
    pub(crate) monotonic: i64,
    pub(crate) boottime: i64,
    /// Somebody is in it: they stay as they are.
    pub(crate) frozen: bool,
}

/// A line of `timens_offsets`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Asked {
    clock: Clock,
    sec: i64,
    nsec: i64,
}

impl Offsets {
    fn of(&self, clock: Clock) -> i64 {
        match clock {
            Clock::Realtime => 0,
            Clock::Monotonic => self.monotonic,
            Clock::Boottime => self.boottime,
        }
    }
}

impl Kernel {
    pub(crate) fn offsets(&self, ns: NsId) -> Offsets {
        match self.namespaces.get(&ns).map(|ns| &ns.body) {
            Some(NsBody::Time(offsets)) => *offsets,
            _ => Offsets::default(),
        }
    }

    fn offset_for(&self, tid: Tid, clock: Clock) -> i64 {
        let thread = self.threads.get(&tid);
        thread.map_or(0, |thread| self.offsets(thread.ns.time).of(clock))
    }

    /// A clock as a thread sees it, in nanoseconds.
    pub(crate) fn clock_seen(&self, tid: Tid, clock: Clock) -> u64 {
        match clock {
            Clock::Realtime => self.realtime(),
            clock => self
                .now()
                .saturating_add_signed(self.offset_for(tid, clock)),
        }
    }

    /// The machine's own time since boot at a time of a thread's clock.
    pub(crate) fn machine_time(&self, tid: Tid, clock: Clock, at: u64) -> u64 {
        match clock {
            Clock::Realtime => at.saturating_sub(self.realtime() - self.now()),
            clock => at.saturating_add_signed(-self.offset_for(tid, clock)),
        }
    }

    /// A program starts in the namespace that was chosen for it (`exec_task_namespaces`).
    pub(crate) fn enter_time_for_children(&mut self, tid: Tid) {
        let Some(ns) = self.threads.get(&tid).map(|thread| thread.ns) else {
            return;
        };
        if ns.time == ns.time_children {
            return;
        }
        self.hold_namespace(ns.time_children);
        self.release_namespace(ns.time);
        self.freeze_offsets(ns.time_children);
        if let Some(thread) = self.threads.get_mut(&tid) {
            thread.ns.time = ns.time_children;
        }
        self.publisher.task(tid);
    }

    /// Somebody is in a time namespace from now on.
    pub(crate) fn freeze_offsets(&mut self, ns: NsId) {
        if let Some(NsBody::Time(offsets)) = self.namespaces.get_mut(&ns).map(|ns| &mut ns.body) {
            offsets.frozen = true;
        }
    }

    fn time_for_children(&self, of: Tid) -> Result<NsId> {
        let ns = self.namespaces_of_process(self.tgid_of(of));
        ns.map(|ns| ns.time_children).ok_or(Errno::ESRCH)
    }

    /// `/proc/PID/timens_offsets`.
    pub(crate) fn offsets_text(&self, of: Tid) -> Result<String> {
        let offsets = self.offsets(self.time_for_children(of)?);
        let mut text = String::new();
        for (name, nanos) in [
            ("monotonic", offsets.monotonic),
            ("boottime", offsets.boottime),
        ] {
            let (sec, nsec) = (nanos.div_euclid(NANOS), nanos.rem_euclid(NANOS));
            let _ = writeln!(text, "{name:<10} {sec:>10} {nsec:>9}");
        }
        Ok(text)
    }

    /// Writes offsets for the processes to come (`timens_offsets_write`): `EINVAL` for what makes no sense, `EPERM` without
    /// `CAP_SYS_TIME` of who opened the file, `ERANGE` for a clock before zero, `EACCES` once somebody is in the namespace.
    ///
    /// Yields how many bytes were taken: those of two lines at most.
    pub(crate) fn write_offsets(
        &mut self,
        of: Tid,
        opener: &vfs::Cred,
        data: &[u8],
    ) -> Result<usize> {
        if data.len() >= TEXT_MAX {
            return Err(Errno::EINVAL);
        }
        let (asked, taken) = parse(data)?;
        let ns = self.time_for_children(of)?;
        let owner = self.namespaces.get(&ns).ok_or(Errno::ESRCH)?.owner;
        if !self.opener_capable(opener, owner, cap::SYS_TIME) {
            return Err(Errno::EPERM);
        }
        let mut offsets = self.offsets(ns);
        for one in asked {
            let nanos = nanos(self.now(), &one)?;
            match one.clock {
                Clock::Monotonic => offsets.monotonic = nanos,
                _ => offsets.boottime = nanos,
            }
        }
        if offsets.frozen {
            return Err(Errno::EACCES);
        }
        if let Some(NsBody::Time(old)) = self.namespaces.get_mut(&ns).map(|ns| &mut ns.body) {
            *old = offsets;
        }
        self.publisher.namespace(ns);
        Ok(taken)
    }
}

/// An offset, with which the clock that is at `now` neither goes below zero nor too far.
fn nanos(now: u64, asked: &Asked) -> Result<i64> {
    let (sec, nsec) = (asked.sec, asked.nsec);
    let now = i64::try_from(now).map_err(|_| Errno::ERANGE)?;
    if !(-OFFSET_MAX..=OFFSET_MAX).contains(&sec) {
        return Err(Errno::ERANGE);
    }
    let offset = sec.checked_mul(NANOS).and_then(|all| all.checked_add(nsec));
    let offset = offset.ok_or(Errno::ERANGE)?;
    let then = now.checked_add(offset).ok_or(Errno::ERANGE)?;
    match (0..=OFFSET_MAX / 2 * NANOS).contains(&then) {
        true => Ok(offset),
        false => Err(Errno::ERANGE),
    }
}

/// One or two lines of a clock, seconds and nanoseconds, and their length. What follows them is not looked at.
fn parse(data: &[u8]) -> Result<(Vec<Asked>, usize)> {
    const LINES_MAX: usize = 2;
    let text = core::str::from_utf8(data).map_err(|_| Errno::EINVAL)?;
    let mut asked = Vec::new();
    let mut taken = 0;
    for line in text.split_inclusive('\n').take(LINES_MAX) {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [clock, sec, nsec] = words[..] else {
            return Err(Errno::EINVAL);
        };
        let clock = match clock {
            "monotonic" | "1" => Clock::Monotonic,
            "boottime" | "7" => Clock::Boottime,
            _ => return Err(Errno::EINVAL),
        };
        let sec = sec.parse().map_err(|_| Errno::EINVAL)?;
        let nsec = nsec.parse().map_err(|_| Errno::EINVAL)?;
        if !(0..NANOS).contains(&nsec) {
            return Err(Errno::EINVAL);
        }
        asked.push(Asked { clock, sec, nsec });
        taken += line.len();
    }
    match asked.is_empty() {
        true => Err(Errno::EINVAL),
        false => Ok((asked, taken)),
    }
}

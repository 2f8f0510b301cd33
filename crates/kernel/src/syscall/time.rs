//! Time: clocks, sleeping, timers.

use super::{CallCx, Op};
use crate::Kernel;
use crate::file::{Body, Object, TimerFd};
use crate::ids::{ObjId, Tid};
use crate::process::Interval;
use crate::sched::Timer;
use crate::signal::SigInfo;
use crate::wait::{Fail, SysResult};
use glassdock_abi::flags::OpenFlags;
use glassdock_abi::types::{Clock, Timespec, signal as sig};
use glassdock_abi::{Errno, Fd, Result, Ret, nr};

impl Kernel {
    pub(super) fn clock(&self, tid: Tid, clock: Clock) -> Timespec {
        Timespec::from_nanos(self.clock_seen(tid, clock))
    }

    pub(super) fn sys_sleep(
        &mut self,
        cx: &mut CallCx,
        clock: Clock,
        absolute: bool,
        time: Timespec,
    ) -> SysResult {
        if time.nsec >= 1_000_000_000 || time.sec < 0 {
            return Err(Errno::EINVAL.into());
        }
        if !cx.state.tried {
            cx.state.deadline = Some(match absolute {
                true => self.machine_time(cx.tid, clock, time.as_nanos()),
                false => self.now().saturating_add(time.as_nanos()),
            });
        }
        match cx.state.deadline {
            Some(at) if at > self.now() => Err(Fail::wait_any("sleep", Vec::new(), Some(at))),
            _ => Ok(Ret::None),
        }
    }

    /// A sleep is cut short: writes how long it would have gone on where the program asked for that.
    pub(crate) fn tell_time_left(&mut self, tid: Tid) -> Result<()> {
        let thread = self.threads.get(&tid);
        let Some(call) = thread.and_then(|thread| thread.calls.get(&0)) else {
            return Ok(());
        };
        let left = match call.op {
            Op::Raw(nr::nanosleep, [_, left, ..]) => left,
            Op::Raw(nr::clock_nanosleep, [_, flags, _, left, ..]) if flags & 1 == 0 => left,
            _ => return Ok(()),
        };
        match call.state.deadline {
            Some(at) if left != 0 => {
                let nanos = at.saturating_sub(self.now());
                self.write_spec(tid, left, Timespec::from_nanos(nanos))
            }
            _ => Ok(()),
        }
    }

    // Interval timers.

    pub(super) fn get_itimer(&self, tid: Tid, which: usize) -> Result<Interval> {
        let process = self.process_of(tid).ok_or(Errno::ESRCH)?;
        let mut timer = *process.itimers.get(which).ok_or(Errno::EINVAL)?;
        timer.next = timer.next.map(|at| at.saturating_sub(self.now()).max(1));
        Ok(timer)
    }

    /// Sets the real-time timer: nanoseconds from now, zero for none. The others count a program's own time, which
    /// nothing here measures that finely: `EINVAL`, said in the trace.
    pub(super) fn set_itimer(
        &mut self,
        tid: Tid,
        which: usize,
        value: u64,
        every: u64,
    ) -> Result<()> {
        if which > 2 {
            return Err(Errno::EINVAL);
        }
        if which != 0 && value != 0 {
            self.note("cpu-timers-unsupported", Vec::new);
            return Err(Errno::EINVAL);
        }
        let tgid = self.tgid_of(tid);
        let at = (value != 0).then(|| self.now().saturating_add(value).min(i64::MAX as u64));
        self.timers.cancel_itimer(tgid);
        if let Some(process) = self.processes.get_mut(&tgid) {
            process.itimers[which] = Interval { next: at, every };
        }
        self.publisher.task(tgid);
        if let Some(at) = at {
            self.timers.arm(at, Timer::Itimer(tgid));
        }
        Ok(())
    }

    pub(crate) fn itimer_due(&mut self, tgid: Tid) {
        let Some(process) = self.processes.get_mut(&tgid) else {
            return;
        };
        let timer = &mut process.itimers[0];
        // It goes on when the signal is taken (`posixtimer_rearm_itimer`).
        timer.next = timer.next.filter(|_| timer.every > 0);
        self.publisher.task(tgid);
        self.signal_process(tgid, SigInfo::kernel(sig::ALRM), true);
    }

    /// `SIGALRM` was taken: a periodic timer that sent it runs again, in its rhythm.
    pub(crate) fn itimer_goes_on(&mut self, tgid: Tid) {
        let now = self.now();
        let Some(process) = self.processes.get_mut(&tgid) else {
            return;
        };
        let timer = &mut process.itimers[0];
        let Some(at) = timer.next.filter(|at| *at <= now && timer.every > 0) else {
            return;
        };
        let (next, _) = forward(at, timer.every, now);
        timer.next = Some(next);
        self.publisher.task(tgid);
        self.timers.arm(next, Timer::Itimer(tgid));
    }

    // Timerfds.

    pub(super) fn sys_timerfd_create(&mut self, tid: Tid, clock: u64, flags: u64) -> SysResult {
        let bits = OpenFlags::from_bits_retain(flags as u32);
        if !(OpenFlags::CLOEXEC | OpenFlags::NONBLOCK).contains(bits)
            || !matches!(clock, 0 | 1 | 7 | 8 | 9)
        {
            return Err(Errno::EINVAL.into());
        }
        let id = self.objects.add(Object::Timer(TimerFd {
            clock: match clock {
                0 | 8 => Clock::Realtime,
                1 => Clock::Monotonic,
                _ => Clock::Boottime,
            },
            armed: None,
            every: 0,
            due: None,
            expirations: 0,
        }));
        self.publisher.channel(id);
        let status = bits & OpenFlags::NONBLOCK;
        let file = self.add_anonymous(Body::Timer(id), "[timerfd]", OpenFlags::RDWR | status)?;
        Ok(Ret::Fd(self.install(
            tid,
            file,
            bits.contains(OpenFlags::CLOEXEC),
        )?))
    }

    fn timerfd_of(&self, tid: Tid, fd: Fd) -> Result<(ObjId, TimerFd)> {
        let Body::Timer(id) = self.file_of(tid, fd)?.body else {
            return Err(Errno::EINVAL);
        };
        match self.objects.get(id) {
            Some(Object::Timer(timer)) => Ok((id, timer.clone())),
            _ => Err(Errno::EBADF),
        }
    }

    fn write_timerfd(&mut self, tid: Tid, addr: u64, timer: &TimerFd) -> Result<()> {
        let left = timer
            .armed
            .map_or(0, |(at, _)| at.saturating_sub(self.now()).max(1));
        self.write_spec(tid, addr, Timespec::from_nanos(timer.every))?;
        self.write_spec(tid, addr.wrapping_add(16), Timespec::from_nanos(left))
    }

    pub(super) fn sys_timerfd_settime(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let [fd, flags, new, old, ..] = a;
        let (id, before) = self.timerfd_of(cx.tid, Fd(fd as i32))?;
        let every = self.read_timespec(cx.tid, new)?;
        let value = self.read_timespec(cx.tid, new.wrapping_add(16))?;
        if old != 0 {
            self.write_timerfd(cx.tid, old, &before)?;
        }
        if let Some((_, key)) = before.armed {
            self.timers.cancel(key);
        }
        let absolute = flags & 1 != 0;
        let at = match (value, absolute) {
            (0, _) => None,
            (value, false) => Some(self.now().saturating_add(value)),
            (value, true) => Some(self.machine_time(cx.tid, before.clock, value)),
        };
        let armed = at.map(|at| (at, self.timers.arm(at, Timer::Descriptor(id))));
        if let Some(Object::Timer(timer)) = self.objects.get_mut(id) {
            timer.armed = armed;
            timer.every = every;
            timer.expirations = 0;
            timer.due = None;
        }
        self.publisher.channel(id);
        Ok(Ret::None)
    }

    pub(super) fn sys_timerfd_gettime(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let (id, _) = self.timerfd_of(cx.tid, Fd(a[0] as i32))?;
        self.timerfd_goes_on(id);
        let (_, timer) = self.timerfd_of(cx.tid, Fd(a[0] as i32))?;
        self.write_timerfd(cx.tid, a[1], &timer)?;
        Ok(Ret::None)
    }

    pub(crate) fn timerfd_due(&mut self, id: ObjId) {
        let Some(Object::Timer(timer)) = self.objects.get_mut(id) else {
            return;
        };
        let Some((at, _)) = timer.armed.take() else {
            return;
        };
        timer.expirations += 1;
        timer.due = (timer.every > 0).then_some(at);
        self.object_changed(id);
    }

    /// A periodic timerfd is looked at: what it missed counts, and it runs again (`timerfd_read_iter`).
    pub(crate) fn timerfd_goes_on(&mut self, id: ObjId) {
        let now = self.now();
        let Some(Object::Timer(timer)) = self.objects.get_mut(id) else {
            return;
        };
        let Some(at) = timer.due.take() else {
            return;
        };
        let (next, missed) = forward(at, timer.every, now);
        timer.expirations += missed;
        self.publisher.channel(id);
        timer.armed = Some((next, self.timers.arm(next, Timer::Descriptor(id))));
    }
}

/// The first time after `now` in the rhythm of a timer that went off at `at`, and how many were missed since.
fn forward(at: u64, every: u64, now: u64) -> (u64, u64) {
    let missed = now.saturating_sub(at).checked_div(every).unwrap_or(0);
    ((at + every * missed).saturating_add(every), missed)
}

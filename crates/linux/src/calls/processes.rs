//! Processes other than the caller, signals and limits; time and randomness.

use super::{fd, filled, none, sys};
use crate::decode::{self, Bytes, words};
use crate::raw::{Arg, syscall};
use glassdock_abi::types::{Clock, Rlimit, Timespec, WaitFor};
use glassdock_abi::{Call, Errno, Pid, Result, Ret, nr};

/// Makes a call of this family. `Waitid` without `NOHANG` waits here as the plain call.
pub(super) fn perform(call: Call) -> Result<Ret> {
    let number = call.nr();
    match call {
        Call::Waitid { which, options } => waitid(which, options.bits()),
        Call::PidfdOpen { pid, flags } => fd(sys!(number, pid.0, flags)),
        Call::PidfdSendSignal { pidfd, signal } => {
            none(sys!(number, pidfd.0, u32::from(signal), 0u64, 0u64))
        }
        Call::Kill { pid, signal } => none(sys!(number, pid.0, u32::from(signal))),
        Call::Signalfd4 {
            fd: old,
            mask,
            flags,
        } => {
            let mask = mask.to_ne_bytes();
            let old = old.map_or(-1, |old| old.0);
            fd(sys!(number, old, &mask[..], mask.len(), flags.bits()))
        }
        Call::RtSigprocmask { how, set } => sigprocmask(how, set).map(|old| Ret::Int(old as i64)),
        Call::Prlimit64 { pid, resource, new } => prlimit(pid, resource, new),
        Call::ClockGettime { clock } => now(clock).map(Ret::Time),
        Call::ClockNanosleep {
            clock,
            absolute,
            time,
        } => {
            let time = decode::timespec(time);
            none(sys!(
                number,
                clock_id(clock),
                u32::from(absolute),
                time.as_slice(),
                0u64
            ))
        }
        Call::Getrandom { count } => filled(count, |buffer| {
            let length = buffer.len();
            sys!(number, buffer, length, 0u64)
        }),
        _ => Err(Errno::ENOSYS),
    }
}

pub(crate) fn waitid(which: WaitFor, options: u32) -> Result<Ret> {
    let (kind, id) = match which {
        WaitFor::Any => (0u32, 0),
        WaitFor::Pid(pid) => (1, pid.0),
        WaitFor::Group(pid) => (2, pid.0),
        WaitFor::PidFd(fd) => (3, fd.0),
    };
    let mut info = [0; 128];
    sys!(nr::waitid, kind, id, &mut info[..], options, 0u64)?;
    Ok(Ret::Waited(decode::waited(&info)))
}

/// Changes the thread's mask of blocked signals and tells the old one.
pub(crate) fn sigprocmask(how: u32, set: u64) -> Result<u64> {
    let (set, mut old) = (set.to_ne_bytes(), [0; 8]);
    sys!(nr::rt_sigprocmask, how, &set[..], &mut old[..], 8u64)?;
    Ok(u64::from_ne_bytes(old))
}

fn prlimit(of: Pid, resource: u32, new: Option<Rlimit>) -> Result<Ret> {
    let mut old = [0; 16];
    let new = new.map(|limit| words([limit.cur, limit.max]));
    let new = match &new {
        Some(bytes) => Arg::In(bytes),
        None => Arg::Int(0),
    };
    let args = [
        Arg::from(of.0),
        Arg::from(resource),
        new,
        Arg::Out(&mut old),
        Arg::Int(0),
        Arg::Int(0),
    ];
    syscall(nr::prlimit64, args)?;
    let b = Bytes(&old);
    Ok(Ret::Rlimit(Rlimit {
        cur: b.u64(0),
        max: b.u64(8),
    }))
}

fn clock_id(clock: Clock) -> u32 {
    match clock {
        Clock::Realtime => 0,
        Clock::Monotonic => 1,
        Clock::Boottime => 7,
    }
}

/// The time of a clock.
pub(crate) fn now(clock: Clock) -> Result<Timespec> {
    let mut time = [0; 16];
    sys!(nr::clock_gettime, clock_id(clock), &mut time[..])?;
    let b = Bytes(&time);
    Ok(Timespec {
        sec: b.i64(0),
        nsec: b.u64(8) as u32,
    })
}

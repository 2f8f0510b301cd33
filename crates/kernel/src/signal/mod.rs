//! Signals: what is pending, who may send, whom a signal wakes (`man 7 signal`).

mod calls;
mod deliver;
mod frame;
mod send;

pub(crate) use frame::Trap;

use glassdock_abi::types::signal as sig;
use std::collections::{BTreeMap, VecDeque};

/// A set of signals; signal `n` is bit `n - 1`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct SigSet(pub(crate) u64);

impl SigSet {
    /// The signals that nobody can block.
    pub(crate) const UNBLOCKABLE: SigSet = SigSet(1 << (sig::KILL - 1) | 1 << (sig::STOP - 1));

    pub(crate) const fn of(signal: u8) -> SigSet {
        if signal == 0 || signal > sig::MAX {
            return SigSet(0);
        }
        SigSet(1 << (signal - 1))
    }
    pub(crate) const fn has(self, signal: u8) -> bool {
        self.0 & SigSet::of(signal).0 != 0
    }
    pub(crate) const fn with(self, other: SigSet) -> SigSet {
        SigSet(self.0 | other.0)
    }
    pub(crate) const fn without(self, other: SigSet) -> SigSet {
        SigSet(self.0 & !other.0)
    }
    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }
    /// The lowest signal in it.
    pub(crate) const fn first(self) -> Option<u8> {
        if self.0 == 0 {
            return None;
        }
        Some(self.0.trailing_zeros() as u8 + 1)
    }
}

/// `si_code` values.
#[allow(missing_docs, reason = "the names are the header's")]
pub(crate) mod code {
    pub const SI_USER: i32 = 0;
    pub const SI_KERNEL: i32 = 0x80;
    pub const SI_TKILL: i32 = -6;
    pub const ILL_ILLOPN: i32 = 2;
    pub const FPE_INTDIV: i32 = 1;
    pub const SEGV_MAPERR: i32 = 1;
    pub const SEGV_ACCERR: i32 = 2;
    pub const BUS_ADRALN: i32 = 1;
    pub const BUS_ADRERR: i32 = 2;
    pub const TRAP_TRACE: i32 = 2;
    pub const SYS_SECCOMP: i32 = 1;
    pub const CLD_EXITED: i32 = 1;
    pub const CLD_KILLED: i32 = 2;
    pub const CLD_DUMPED: i32 = 3;
    pub const CLD_STOPPED: i32 = 5;
    pub const CLD_CONTINUED: i32 = 6;
}

/// What comes with a signal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SigInfo {
    pub(crate) signal: u8,
    pub(crate) code: i32,
    pub(crate) body: SigBody,
}

/// The part of `siginfo_t` that depends on the signal's origin. Pids are as the receiver numbers them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum SigBody {
    None,
    User {
        pid: i32,
        uid: u32,
        value: u64,
    },
    Child {
        pid: i32,
        uid: u32,
        status: i32,
        utime: u64,
        stime: u64,
    },
    Fault {
        addr: u64,
    },
    /// A system call that a filter trapped.
    Call {
        errno: u32,
        addr: u64,
        number: u32,
    },
    Raw(Box<[u8; 112]>),
}

impl SigInfo {
    /// From the kernel itself.
    pub(crate) fn kernel(signal: u8) -> SigInfo {
        SigInfo {
            signal,
            code: code::SI_KERNEL,
            body: SigBody::None,
        }
    }
    pub(crate) fn fault(signal: u8, code: i32, addr: u64) -> SigInfo {
        SigInfo {
            signal,
            code,
            body: SigBody::Fault { addr },
        }
    }

    /// `siginfo_t` as programs see it.
    pub(crate) fn bytes(&self) -> [u8; 128] {
        let mut out = [0; 128];
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &i32::from(self.signal).to_le_bytes());
        put(8, &self.code.to_le_bytes());
        match &self.body {
            SigBody::None => {}
            SigBody::User { pid, uid, value } => {
                put(16, &pid.to_le_bytes());
                put(20, &uid.to_le_bytes());
                put(24, &value.to_le_bytes());
            }
            SigBody::Child {
                pid,
                uid,
                status,
                utime,
                stime,
            } => {
                put(16, &pid.to_le_bytes());
                put(20, &uid.to_le_bytes());
                put(24, &status.to_le_bytes());
                put(32, &utime.to_le_bytes());
                put(40, &stime.to_le_bytes());
            }
            SigBody::Fault { addr } => put(16, &addr.to_le_bytes()),
            SigBody::Call {
                errno,
                addr,
                number,
            } => {
                put(4, &errno.to_le_bytes());
                put(16, &addr.to_le_bytes());
                put(24, &number.to_le_bytes());
                put(28, &crate::seccomp::ARCH.to_le_bytes());
            }
            SigBody::Raw(raw) => put(16, raw.as_slice()),
        }
        out
    }

    /// `struct signalfd_siginfo` (`man 2 signalfd`).
    pub(crate) fn signalfd(&self) -> [u8; 128] {
        let mut out = [0; 128];
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &u32::from(self.signal).to_le_bytes());
        put(8, &self.code.to_le_bytes());
        match &self.body {
            // A trapped call's never waits to be read.
            SigBody::None | SigBody::Call { .. } | SigBody::Raw(_) => {}
            SigBody::User { pid, uid, value } => {
                put(12, &pid.to_le_bytes());
                put(16, &uid.to_le_bytes());
                put(44, &(*value as u32).to_le_bytes());
                put(48, &value.to_le_bytes());
            }
            SigBody::Child {
                pid,
                uid,
                status,
                utime,
                stime,
            } => {
                put(12, &pid.to_le_bytes());
                put(16, &uid.to_le_bytes());
                put(40, &status.to_le_bytes());
                put(56, &utime.to_le_bytes());
                put(64, &stime.to_le_bytes());
            }
            SigBody::Fault { addr } => put(72, &addr.to_le_bytes()),
        }
        out
    }
}

/// Signals that wait to be delivered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pending {
    pub(crate) set: SigSet,
    infos: BTreeMap<u8, VecDeque<SigInfo>>,
}

/// Most queued real-time signals of one number; more are merged.
const QUEUE_MAX: usize = 4096;

impl Pending {
    /// Queues a signal. A standard signal that is pending already is not queued again.
    pub(crate) fn push(&mut self, info: SigInfo) -> bool {
        let signal = info.signal;
        let queue = self.infos.entry(signal).or_default();
        if (signal < 32 && !queue.is_empty()) || queue.len() >= QUEUE_MAX {
            return false;
        }
        queue.push_back(info);
        self.set = self.set.with(SigSet::of(signal));
        true
    }
    /// Takes the oldest of one number.
    pub(crate) fn take(&mut self, signal: u8) -> Option<SigInfo> {
        let queue = self.infos.get_mut(&signal)?;
        let info = queue.pop_front();
        if queue.is_empty() {
            self.infos.remove(&signal);
            self.set = self.set.without(SigSet::of(signal));
        }
        info
    }
    /// Forgets all of some signals.
    pub(crate) fn flush(&mut self, set: SigSet) {
        self.infos.retain(|signal, _| !set.has(*signal));
        self.set = self.set.without(set);
    }
    /// Number of queued signals.
    pub(crate) fn len(&self) -> usize {
        self.infos.values().map(VecDeque::len).sum()
    }
}

/// `SIG_DFL`.
pub(crate) const SIG_DFL: u64 = 0;
/// `SIG_IGN`.
pub(crate) const SIG_IGN: u64 = 1;

/// `SA_*` flags.
#[allow(missing_docs, reason = "the names are the manual page's")]
pub(crate) mod sa {
    pub const NOCLDSTOP: u64 = 1;
    pub const NOCLDWAIT: u64 = 2;
    pub const RESTORER: u64 = 0x0400_0000;
    pub const ONSTACK: u64 = 0x0800_0000;
    pub const RESTART: u64 = 0x1000_0000;
    pub const NODEFER: u64 = 0x4000_0000;
    pub const RESETHAND: u64 = 0x8000_0000;
}

/// The kernel's `struct sigaction`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct SigAction {
    pub(crate) handler: u64,
    pub(crate) flags: u64,
    pub(crate) restorer: u64,
    pub(crate) mask: SigSet,
}

/// Handlers of a process; shared with `CLONE_SIGHAND`.
#[derive(Clone, Debug)]
pub(crate) struct SigHand {
    pub(crate) users: u32,
    pub(crate) actions: [SigAction; 65],
}

impl SigHand {
    pub(crate) fn new() -> SigHand {
        SigHand {
            users: 1,
            actions: [SigAction::default(); 65],
        }
    }
    pub(crate) fn action(&self, signal: u8) -> SigAction {
        self.actions
            .get(usize::from(signal))
            .copied()
            .unwrap_or_default()
    }
    /// What `execve` leaves of them: handled signals get their default, ignored ones stay ignored.
    pub(crate) fn reset_for_exec(&mut self) {
        for action in &mut self.actions {
            let handler = if action.handler == SIG_IGN {
                SIG_IGN
            } else {
                SIG_DFL
            };
            *action = SigAction {
                handler,
                ..SigAction::default()
            };
        }
    }
}

/// The alternate stack of a thread (`man 2 sigaltstack`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct AltStack {
    pub(crate) sp: u64,
    pub(crate) size: u64,
    pub(crate) flags: u32,
}

/// `SS_ONSTACK`.
pub(crate) const SS_ONSTACK: u32 = 1;
/// `SS_DISABLE`.
pub(crate) const SS_DISABLE: u32 = 2;
/// `SS_AUTODISARM`.
pub(crate) const SS_AUTODISARM: u32 = 1 << 31;

impl AltStack {
    /// Whether a stack pointer lies on it, which is not asked of one that disarms itself.
    pub(crate) fn holds(&self, sp: u64) -> bool {
        self.flags & SS_AUTODISARM == 0 && self.spans(sp)
    }
    /// Whether an address lies on it.
    pub(crate) fn spans(&self, sp: u64) -> bool {
        self.size != 0 && sp > self.sp && sp - self.sp <= self.size
    }
}

/// What a signal does by default.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Default_ {
    Terminate,
    Core,
    Ignore,
    Stop,
    Continue,
}

/// What a signal does by default (`man 7 signal`).
pub(crate) fn default_action(signal: u8) -> Default_ {
    match signal {
        sig::CHLD | sig::URG | sig::WINCH => Default_::Ignore,
        sig::CONT => Default_::Continue,
        sig::STOP | sig::TSTP | sig::TTIN | sig::TTOU => Default_::Stop,
        sig::QUIT
        | sig::ILL
        | sig::TRAP
        | sig::ABRT
        | sig::BUS
        | sig::FPE
        | sig::SEGV
        | sig::XCPU
        | sig::XFSZ
        | sig::SYS => Default_::Core,
        _ => Default_::Terminate,
    }
}

/// The signals that stop.
pub(crate) const STOPS: SigSet = SigSet(
    1 << (sig::STOP - 1) | 1 << (sig::TSTP - 1) | 1 << (sig::TTIN - 1) | 1 << (sig::TTOU - 1),
);

/// The signals that an instruction raises; they go first.
pub(crate) const SYNCHRONOUS: SigSet = SigSet(
    1 << (sig::SEGV - 1)
        | 1 << (sig::BUS - 1)
        | 1 << (sig::ILL - 1)
        | 1 << (sig::TRAP - 1)
        | 1 << (sig::FPE - 1)
        | 1 << (sig::SYS - 1),
);

//! System-call filters: programs of classic BPF that judge each call of a thread (`man 2 seccomp`, kernel/seccomp.c).
//!
//! [`check`] says which programs are taken, [`run`] what they return, [`typed`] what they see of a built-in program's
//! call, and [`enforce`] does what they say.

mod check;
mod enforce;
mod run;
#[cfg(test)]
mod tests;
mod typed;

pub(crate) use check::{MAX_INSNS, is_filter};

use glassdock_abi::types::SockFilter;
use std::sync::Arc;

/// `AUDIT_ARCH_X86_64`: what filters see, and a `SIGSYS` tells, of the processor.
pub(crate) const ARCH: u32 = 0xc000_003e;
/// Bytes of `struct seccomp_data`.
const DATA: u32 = 64;
/// The action in what a filter returns (`SECCOMP_RET_ACTION_FULL`); the rest is data.
const ACTION: u32 = 0xffff_0000;
/// Most instructions that a thread's filters have together (`MAX_INSNS_PER_PATH`).
const MAX_INSNS_PER_PATH: u32 = 32_768;
/// What each further filter costs beside its instructions.
const PENALTY: u32 = 4;
/// Numbers whose calls may be known to be allowed, in words of 64.
const KNOWN: usize = 8;

/// `SECCOMP_RET_*`.
#[allow(missing_docs, reason = "the names are the manual page's")]
pub(crate) mod action {
    pub const KILL_PROCESS: u32 = 0x8000_0000;
    pub const KILL_THREAD: u32 = 0;
    pub const TRAP: u32 = 0x0003_0000;
    pub const ERRNO: u32 = 0x0005_0000;
    pub const USER_NOTIF: u32 = 0x7fc0_0000;
    pub const TRACE: u32 = 0x7ff0_0000;
    pub const LOG: u32 = 0x7ffc_0000;
    pub const ALLOW: u32 = 0x7fff_0000;
    /// With the names in `/proc/sys/kernel/seccomp`, the strictest first.
    pub const NAMES: [(u32, &str); 8] = [
        (KILL_PROCESS, "kill_process"),
        (KILL_THREAD, "kill_thread"),
        (TRAP, "trap"),
        (ERRNO, "errno"),
        (USER_NOTIF, "user_notif"),
        (TRACE, "trace"),
        (LOG, "log"),
        (ALLOW, "allow"),
    ];
}

/// What is asked before a thread's calls are made.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) enum Seccomp {
    /// Nothing.
    #[default]
    Disabled,
    /// Only `read`, `write`, `exit` and `rt_sigreturn` are left.
    Strict,
    /// Its filters.
    Filter(Arc<Filters>),
}

impl Seccomp {
    /// The mode's number, as `PR_GET_SECCOMP` and `/proc/PID/status` tell it.
    pub(crate) fn mode(&self) -> u8 {
        match self {
            Seccomp::Disabled => 0,
            Seccomp::Strict => 1,
            Seccomp::Filter(_) => 2,
        }
    }
    pub(crate) fn count(&self) -> u32 {
        match self {
            Seccomp::Filter(filters) => filters.chain.len() as u32,
            _ => 0,
        }
    }
    /// Whether these filters are where those of `other` began (`is_ancestor`).
    pub(crate) fn is_ancestor_of(&self, other: &Seccomp) -> bool {
        match (self, other) {
            (Seccomp::Disabled, _) => true,
            (Seccomp::Filter(old), Seccomp::Filter(new)) => {
                // A filter is in one chain alone, as the newest or below others.
                let place = old.chain.len().wrapping_sub(1);
                let both = old.chain.last().zip(new.chain.get(place));
                both.is_some_and(|(old, new)| Arc::ptr_eq(old, new))
            }
            _ => false,
        }
    }
}

/// A thread's filters. Once made they are never changed, so that tasks share them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Filters {
    /// Oldest first; at least one.
    chain: Vec<Arc<[SockFilter]>>,
    /// Their instructions, and what each costs beside them.
    cost: u32,
    /// Calls that all of them allow whatever the arguments, a bit a number (`action_cache`).
    allowed: [u64; KNOWN],
}

impl Filters {
    /// One filter more. `None` where they would be too long together.
    pub(crate) fn with(before: Option<&Filters>, program: &[SockFilter]) -> Option<Filters> {
        let mut all = before.cloned().unwrap_or(Filters {
            allowed: [u64::MAX; KNOWN],
            ..Filters::default()
        });
        let length = check::converted(program);
        if length + all.cost > MAX_INSNS_PER_PATH {
            return None;
        }
        all.cost += length + PENALTY;
        for (number, word, bit) in
            (0..KNOWN * 64).map(|number| (number, number / 64, 1 << (number % 64)))
        {
            let told = [number as u32, ARCH];
            if all.allowed[word] & bit != 0 && run::run(program, &told) != Some(action::ALLOW) {
                all.allowed[word] &= !bit;
            }
        }
        all.chain.push(program.into());
        Some(all)
    }

    /// What the filters say of a call: the strictest action of all, with the data of the newest filter that returned it
    /// (`seccomp_run_filters`).
    fn verdict(&self, data: &Data) -> u32 {
        let number = data.number as usize;
        let word = self.allowed.get(number / 64).copied().unwrap_or(0);
        if word >> (number % 64) & 1 != 0 {
            return action::ALLOW;
        }
        let words = data.words();
        self.chain
            .iter()
            .rev()
            .map(|program| run::run(program, &words).unwrap_or(action::KILL_PROCESS))
            .min_by_key(|returned| (returned & ACTION).cast_signed())
            .unwrap_or(action::ALLOW)
    }
}

/// What filters see of a call (`struct seccomp_data`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Data {
    pub(crate) number: u32,
    /// Where the program goes on.
    pub(crate) ip: u64,
    pub(crate) args: [u64; 6],
}

impl Data {
    fn words(&self) -> [u32; DATA as usize / 4] {
        let mut words = [0; DATA as usize / 4];
        (words[0], words[1]) = (self.number, ARCH);
        for (pair, value) in words[2..]
            .chunks_exact_mut(2)
            .zip([self.ip].iter().chain(&self.args))
        {
            (pair[0], pair[1]) = (*value as u32, (*value >> 32) as u32);
        }
        words
    }
}

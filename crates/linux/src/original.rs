//! What this process was started with and has changed for itself: programs that it starts get it back.

use crate::calls;
use glassdock_abi::types::Rlimit;
use glassdock_abi::types::resource::NOFILE;
use glassdock_abi::{Call, Pid, Result};
use std::sync::OnceLock;

/// `SIG_BLOCK`.
const BLOCK: u32 = 0;
/// `SIG_SETMASK`.
const SET: u32 = 2;

static MASK: OnceLock<u64> = OnceLock::new();
static LIMIT: OnceLock<Rlimit> = OnceLock::new();

/// Blocks signals in this thread, and in those that it starts. Bit n-1 stands for signal n.
pub(crate) fn block_signals(mask: u64) -> Result<()> {
    let old = calls::sigprocmask(BLOCK, mask)?;
    MASK.get_or_init(|| old);
    Ok(())
}

/// Lets this process have as many descriptors as it may.
///
/// # Errors
/// Those of `man 2 prlimit`.
pub fn raise_open_files() -> Result<()> {
    let own = |new| {
        calls::perform(Call::Prlimit64 {
            pid: Pid(0),
            resource: NOFILE,
            new,
        })
        .and_then(|ret| ret.rlimit())
    };
    let old = own(None)?;
    if old.cur < old.max {
        own(Some(Rlimit {
            cur: old.max,
            max: old.max,
        }))?;
        LIMIT.get_or_init(|| old);
    }
    Ok(())
}

/// In a process that is about to become another program: its signals and limits as at our start. Takes no memory.
/// Yields the mask from before, for when the program cannot be run.
pub(crate) fn give_back() -> Option<u64> {
    if let Some(limit) = LIMIT.get() {
        let _ = calls::perform(Call::Prlimit64 {
            pid: Pid(0),
            resource: NOFILE,
            new: Some(*limit),
        });
    }
    calls::sigprocmask(SET, MASK.get().copied().unwrap_or(0)).ok()
}

/// After a program could not be run: the mask from before.
pub(crate) fn take_again(mask: Option<u64>) {
    if let Some(mask) = mask {
        let _ = calls::sigprocmask(SET, mask);
    }
}

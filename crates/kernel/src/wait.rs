//! What a call that cannot go on waits for.
//!
//! A call that would block says what could change its mind ([`WaitKey`]) and sleeps. Any change of such an object wakes
//! all who wait for it, in the order in which they began to wait, and each tries its call again.

use crate::ids::{MmId, ObjId, Tid};
use glassdock_abi::Errno;
use std::collections::BTreeMap;

/// Something whose change wakes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum WaitKey {
    /// A pipe, socket, eventfd, timerfd, epoll instance, …
    Obj(ObjId),
    /// A pseudo-terminal by number.
    Pty(u32),
    /// A change of a child of this process.
    Child(Tid),
    /// The end of this process (pidfd).
    Process(Tid),
    /// A signal for this thread.
    Signal(Tid),
    /// A private futex.
    Futex(MmId, u64),
    /// A futex in a shared page, by frame-independent place: inode and offset.
    SharedFutex(u64, u64),
    /// The vfork child's end or exec.
    Vfork(Tid),
    /// A lock on a file, by inode.
    Lock(u64),
    /// The other threads of this process are gone (exec, exit).
    Threads(Tid),
    /// An open of this FIFO, by inode, for reading or else for writing.
    Fifo(u64, bool),
}

/// Why a call did not yield a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Fail {
    /// An error for the caller.
    Errno(Errno),
    /// Try again when something changes.
    Block(Block),
    /// The registers (or the whole thread) were replaced: there is nobody to answer.
    Keep,
}

/// A wait.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Block {
    pub(crate) keys: Vec<WaitKey>,
    /// Virtual time at which to try again anyway.
    pub(crate) deadline: Option<u64>,
    /// What the task is said to sleep on.
    pub(crate) why: &'static str,
}

impl From<Errno> for Fail {
    fn from(errno: Errno) -> Fail {
        Fail::Errno(errno)
    }
}

impl Fail {
    /// Waits for one object without limit of time.
    pub(crate) fn wait(why: &'static str, key: WaitKey) -> Fail {
        Fail::Block(Block {
            keys: vec![key],
            deadline: None,
            why,
        })
    }
    /// Waits for any of several objects, perhaps until a time.
    pub(crate) fn wait_any(why: &'static str, keys: Vec<WaitKey>, deadline: Option<u64>) -> Fail {
        Fail::Block(Block {
            keys,
            deadline,
            why,
        })
    }
}

/// What a handler yields.
pub(crate) type SysResult<T = glassdock_abi::Ret> = Result<T, Fail>;

/// A waiting call: thread and request within it.
pub(crate) type Waiter = (Tid, u64);

/// Who waits for what, each in order of arrival.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiters {
    map: BTreeMap<WaitKey, Vec<Waiter>>,
}

impl Waiters {
    pub(crate) fn add(&mut self, key: WaitKey, waiter: Waiter) {
        let list = self.map.entry(key).or_default();
        if !list.contains(&waiter) {
            list.push(waiter);
        }
    }
    pub(crate) fn remove(&mut self, key: WaitKey, waiter: Waiter) {
        if let Some(list) = self.map.get_mut(&key) {
            list.retain(|other| *other != waiter);
            if list.is_empty() {
                self.map.remove(&key);
            }
        }
    }
    /// Takes all who wait for `key`.
    pub(crate) fn take(&mut self, key: WaitKey) -> Vec<Waiter> {
        self.map.remove(&key).unwrap_or_default()
    }
    /// Who waits for `key`, without waking them.
    pub(crate) fn peek(&self, key: WaitKey) -> &[Waiter] {
        self.map.get(&key).map_or(&[], Vec::as_slice)
    }
}

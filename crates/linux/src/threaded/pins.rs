//! Descriptors that a call in another thread is using.
//!
//! A future may be dropped while its call is under way, and its owner closes what it owned then. The number must not
//! come to mean another file before the call is over, so closing waits for that.

use crate::calls::perform;
use glassdock_abi::{Call, Fd, PathArg, Pid, Visitor};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Default)]
struct Use {
    calls: u32,
    close: bool,
}

/// All descriptors in use.
#[derive(Clone, Default)]
pub(super) struct Pins(Arc<Mutex<BTreeMap<i32, Use>>>);

impl Pins {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<i32, Use>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps descriptors from being closed as long as the result lives.
    pub fn pin(&self, fds: Vec<Fd>) -> Pinned {
        let mut uses = self.lock();
        for fd in &fds {
            uses.entry(fd.0).or_default().calls += 1;
        }
        Pinned {
            pins: self.clone(),
            fds,
        }
    }

    /// Closes a descriptor: now, or when the last call that uses it is over.
    pub fn close(&self, fd: Fd) {
        if let Some(used) = self.lock().get_mut(&fd.0) {
            used.close = true;
            return;
        }
        let _ = perform(Call::Close { fd });
    }
}

/// Descriptors that stay open while this lives.
pub(super) struct Pinned {
    pins: Pins,
    fds: Vec<Fd>,
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let mut uses = self.pins.lock();
        for fd in &self.fds {
            let Some(used) = uses.get_mut(&fd.0) else {
                continue;
            };
            used.calls -= 1;
            if used.calls == 0 && uses.remove(&fd.0).is_some_and(|used| used.close) {
                // Under the lock: nobody may pin the number that is about to be free.
                let _ = perform(Call::Close { fd: *fd });
            }
        }
    }
}

/// The descriptors among a call's arguments.
pub(super) fn descriptors(call: &mut Call) -> Vec<Fd> {
    struct Collect(Vec<Fd>);
    impl Visitor for Collect {
        fn fd(&mut self, fd: &mut Fd) {
            if fd.0 >= 0 {
                self.0.push(*fd);
            }
        }
        fn pid(&mut self, _: &mut Pid) {}
        fn path(&mut self, _: &mut PathArg) {}
    }
    let mut collect = Collect(Vec::new());
    call.visit(&mut collect);
    collect.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use glassdock_abi::flags::OpenFlags;
    use glassdock_abi::{Errno, Result};

    fn is_open(fd: Fd) -> Result<()> {
        let cmd = glassdock_abi::call::FcntlCmd::GetFd;
        perform(Call::Fcntl { fd, cmd }).map(drop)
    }

    #[test]
    fn a_descriptor_in_use_is_closed_when_its_last_use_is_over() {
        let pins = Pins::default();
        let call = Call::Pipe2 {
            flags: OpenFlags::CLOEXEC,
        };
        // Numbers that no other test of this process gets meanwhile.
        let [reader, writer] = perform(call).unwrap().fds().unwrap().map(|fd| {
            let cmd = glassdock_abi::call::FcntlCmd::Dup(1000, true);
            let high = perform(Call::Fcntl { fd, cmd }).unwrap().fd().unwrap();
            perform(Call::Close { fd }).unwrap();
            high
        });
        let (first, second) = (pins.pin(vec![reader, writer]), pins.pin(vec![reader]));
        pins.close(reader);
        assert_eq!(is_open(reader), Ok(()));
        drop(first);
        assert_eq!((is_open(reader), is_open(writer)), (Ok(()), Ok(())));
        drop(second);
        assert_eq!(is_open(reader), Err(Errno::EBADF));
        pins.close(writer);
        assert_eq!(is_open(writer), Err(Errno::EBADF));
    }

    #[test]
    fn all_descriptors_of_a_call_are_found_and_none_that_is_no_descriptor() {
        let mut call = Call::Linkat {
            olddirfd: Fd(7),
            oldpath: "a".into(),
            newdirfd: Fd::CWD,
            newpath: "b".into(),
            flags: Default::default(),
        };
        assert_eq!(descriptors(&mut call), [Fd(7)]);
    }
}

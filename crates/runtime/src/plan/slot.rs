//! Slots: descriptors, process ids and paths that are known only when the plan runs.
//!
//! In a call's arguments a slot is written in a form that no real argument has: a descriptor or pid far below zero, or a
//! name between NUL bytes within a path, where no NUL can be.

use glassdock_abi::{Call, Errno, Fd, PathArg, Pid, Visitor};
use serde::Serialize;

/// Descriptors and pids from here down are slots; nothing real is there (`AT_FDCWD` is -100, and process groups, which
/// `kill` takes as negative numbers, end at -4194304).
const BASE: i32 = -(1 << 30);
/// Most slots of one plan.
pub(super) const MAX_SLOTS: usize = 1 << 16;

/// A place for something that a step yields.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Slot(pub u16);

/// What a slot holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SlotKind {
    /// A descriptor.
    Fd,
    /// A process id.
    Pid,
    /// A path.
    Path,
    /// Only whether it was filled.
    Done,
}

/// What a slot is called.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SlotInfo {
    /// Name in pictures and comparisons.
    pub name: &'static str,
    /// Kind.
    pub kind: SlotKind,
}

/// What a slot holds once it is filled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SlotValue {
    /// A descriptor.
    Fd(Fd),
    /// A process id.
    Pid(Pid),
    /// A path.
    Path(PathArg),
    /// It was done.
    Done,
}

impl Slot {
    /// The slot as a descriptor argument.
    pub const fn fd(self) -> Fd {
        Fd(BASE - self.0 as i32)
    }
    /// The slot as a process id argument.
    pub const fn pid(self) -> Pid {
        Pid(BASE - self.0 as i32)
    }
    /// The slot as a path argument.
    pub fn path(self) -> PathArg {
        PathArg(marker(self))
    }
    /// `/proc/self/fd/<slot>`: the way to name an open file where a call takes a path.
    pub fn proc_path(self) -> PathArg {
        let mut path = b"/proc/self/fd/".to_vec();
        path.extend(marker(self));
        PathArg(path)
    }
    /// `/proc/<slot>`: the directory of a process.
    pub fn proc_dir(self) -> PathArg {
        let mut path = b"/proc/".to_vec();
        path.extend(marker(self));
        PathArg(path)
    }
    fn of_number(number: i32) -> Option<Slot> {
        u16::try_from(BASE.checked_sub(number)?).ok().map(Slot)
    }
}

fn marker(slot: Slot) -> Vec<u8> {
    format!("\0{}\0", slot.0).into_bytes()
}

/// Puts values, or names, in the place of slots.
struct Binder<F> {
    /// What stands for a slot in a path.
    value: F,
    missing: bool,
}

impl<F: Fn(Slot) -> Option<SlotValue>> Binder<F> {
    fn take(&mut self, slot: Slot) -> Option<SlotValue> {
        let value = (self.value)(slot);
        self.missing |= value.is_none();
        value
    }
}

impl<F: Fn(Slot) -> Option<SlotValue>> Visitor for Binder<F> {
    fn fd(&mut self, fd: &mut Fd) {
        if let Some(slot) = Slot::of_number(fd.0) {
            match self.take(slot) {
                Some(SlotValue::Fd(value)) => *fd = value,
                _ => self.missing = true,
            }
        }
    }
    fn pid(&mut self, pid: &mut Pid) {
        if let Some(slot) = Slot::of_number(pid.0) {
            match self.take(slot) {
                Some(SlotValue::Pid(value)) => *pid = value,
                _ => self.missing = true,
            }
        }
    }
    fn path(&mut self, path: &mut PathArg) {
        if !path.as_bytes().contains(&0) {
            return;
        }
        let mut bound = Vec::new();
        for (index, part) in path.as_bytes().split(|&b| b == 0).enumerate() {
            if index % 2 == 0 {
                bound.extend_from_slice(part);
                continue;
            }
            let slot = core::str::from_utf8(part)
                .ok()
                .and_then(|text| text.parse().ok())
                .map(Slot);
            match slot.and_then(|slot| self.take(slot)) {
                Some(SlotValue::Fd(Fd(number)) | SlotValue::Pid(Pid(number))) => {
                    bound.extend(number.to_string().into_bytes());
                }
                Some(SlotValue::Path(path)) => bound.extend_from_slice(path.as_bytes()),
                _ => self.missing = true,
            }
        }
        *path = PathArg(bound);
    }
}

/// The call with the slots' values.
///
/// # Errors
/// `EBADF` when one is not filled, which only a defect of a plan leads to.
pub fn bind(call: &Call, values: &[Option<SlotValue>]) -> Result<Call, Errno> {
    let mut call = call.clone();
    let mut binder = Binder {
        value: |slot: Slot| values.get(usize::from(slot.0)).cloned().flatten(),
        missing: false,
    };
    call.visit(&mut binder);
    if binder.missing {
        return Err(Errno::EBADF);
    }
    Ok(call)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glassdock_abi::flags::MountFlags;

    fn mount(source: PathArg) -> Call {
        Call::Mount {
            source,
            target: Slot(1).proc_path(),
            fstype: b"x".to_vec(),
            flags: MountFlags::empty(),
            data: Vec::new(),
        }
    }

    #[test]
    fn slots_become_values_wherever_they_stand() {
        let values = [None, Some(SlotValue::Fd(Fd(7)))];
        let Ok(Call::Mount { source, target, .. }) = bind(&mount("/a".into()), &values) else {
            panic!("bound");
        };
        assert_eq!((source, target), ("/a".into(), "/proc/self/fd/7".into()));
        let values = [
            None,
            Some(SlotValue::Fd(Fd(7))),
            Some(SlotValue::Pid(Pid(12))),
        ];
        let path = Slot(2).proc_dir().join("uid_map");
        let bound = bind(&Call::Statfs { path }, &values);
        let path = "/proc/12/uid_map".into();
        assert_eq!(bound, Ok(Call::Statfs { path }));
        let call = Call::Fchdir { fd: Slot(1).fd() };
        assert_eq!(bind(&call, &values), Ok(Call::Fchdir { fd: Fd(7) }));
    }

    #[test]
    fn an_empty_slot_is_an_error_and_real_numbers_stay() {
        assert_eq!(
            bind(&mount(Slot(0).path()), &[None, None]),
            Err(Errno::EBADF)
        );
        let call = Call::Kill {
            pid: Pid(-4_194_304),
            signal: 9,
        };
        assert_eq!(bind(&call, &[]), Ok(call));
        let call = Call::Fchdir { fd: Fd::CWD };
        assert_eq!(bind(&call, &[]), Ok(call));
    }
}

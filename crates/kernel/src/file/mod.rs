//! Descriptors, open file descriptions, and the objects behind those that have no file.

pub(crate) mod epoll;
mod locks;
mod open;
mod poll;
mod rw;
mod table;

pub(crate) use locks::{Locks, Record};
pub(crate) use open::PTS;
pub(crate) use rw::{READ_MAX, READABLE, WRITABLE, seekable as is_seekable};

use crate::ids::*;
use crate::pipe::Pipe;
use crate::sched::TimerKey;
use crate::signal::SigSet;
use glassdock_abi::flags::OpenFlags;
use glassdock_abi::types::Clock;
use glassdock_trace::world::NsId;
use glassdock_vfs as vfs;
use std::collections::BTreeMap;

/// A descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FdEntry {
    pub(crate) file: FileId,
    pub(crate) cloexec: bool,
}

/// Descriptors of a process; shared with `CLONE_FILES`.
#[derive(Clone, Debug, Default)]
pub(crate) struct FdTable {
    pub(crate) users: u32,
    pub(crate) map: BTreeMap<i32, FdEntry>,
}

/// An open file description.
#[derive(Debug)]
pub(crate) struct OpenFile {
    /// Descriptors, mappings and messages that refer to it.
    pub(crate) refs: u32,
    pub(crate) flags: OpenFlags,
    pub(crate) pos: u64,
    pub(crate) body: Body,
    pub(crate) file: vfs::OpenFile,
    /// Who opened it, of files that were opened by name.
    pub(crate) opener: Option<vfs::Cred>,
    /// What it is called in pictures: a path, `pipe:[N]`, …
    pub(crate) what: Vec<u8>,
}

/// A file on its way through a socket (`SCM_RIGHTS`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Passed {
    pub(crate) file: FileId,
    /// The real user id that it counts for.
    pub(crate) sender: u32,
}

/// Who serves an open file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Body {
    /// The file system: regular files, directories, symbolic links, `O_PATH`.
    Vfs,
    /// A file whose content the kernel makes; kept from the first read on.
    Synthetic {
        sb: vfs::SbId,
        node: vfs::NodeId,
        content: Option<Vec<u8>>,
    },
    Pipe {
        id: ObjId,
        read: bool,
        write: bool,
    },
    Socket(ObjId),
    /// A route netlink socket.
    Route(ObjId),
    /// A socket of the internet family, which only answers questions about interfaces.
    Internet(ObjId),
    /// The master end of a pseudo-terminal.
    Master(u32),
    /// The slave end.
    Slave(u32),
    Dev(Device),
    Event(ObjId),
    Timer(ObjId),
    Signal(ObjId),
    Epoll(ObjId),
    Pidfd(Tid),
    Ns(NsId),
}

/// Character devices that are nothing but code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Device {
    Null,
    Zero,
    Full,
    Random,
    Kmsg,
}

/// Something behind descriptors.
#[derive(Debug)]
pub(crate) enum Object {
    Pipe(Pipe),
    /// In [`crate::unix::Sockets`] under the same number.
    Socket,
    Event {
        count: u64,
        semaphore: bool,
    },
    Timer(TimerFd),
    Signal(SigSet),
    Epoll(epoll::Epoll),
    Route(crate::netlink::Route),
    /// The network namespace that it was made in.
    Internet(NsId),
}

/// `man 2 timerfd_create`.
#[derive(Clone, Debug)]
pub(crate) struct TimerFd {
    pub(crate) clock: Clock,
    pub(crate) armed: Option<(u64, TimerKey)>,
    pub(crate) every: u64,
    /// When a periodic one went off that nobody has read since: it rests.
    pub(crate) due: Option<u64>,
    pub(crate) expirations: u64,
}

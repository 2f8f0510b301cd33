//! What goes through sockets: bytes, and descriptors that are passed on.

use super::CallCx;
use crate::Kernel;
use crate::cred::cap;
use crate::file::{Passed, READABLE, WRITABLE};
use crate::ids::*;
use crate::unix::Taken;
use crate::wait::{Fail, SysResult, WaitKey};
use glassdock_abi::call::Received;
use glassdock_abi::flags::{MsgFlags, PollEvents};
use glassdock_abi::types::{SockAddr, signal as sig};
use glassdock_abi::{Errno, Fd, Result, Ret};

impl Kernel {
    /// Receives from a socket; descriptors come as files that the caller now holds.
    pub(crate) fn receive(
        &mut self,
        id: ObjId,
        max: usize,
        peek: bool,
        nonblock: bool,
    ) -> SysResult<Taken<Passed>> {
        match self.sockets.receive(id.0, max, peek) {
            Ok(taken) => {
                self.object_changed_for(id, PollEvents::empty());
                if let Some(peer) = self.sockets.peer(id.0) {
                    self.object_changed_for(ObjId(peer), WRITABLE);
                }
                Ok(taken)
            }
            Err(Errno::EAGAIN) if !nonblock => Err(Fail::wait("socket read", WaitKey::Obj(id))),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Sends all of `data`; what was taken before a wait is in the call's progress. `passed` is held by the caller and
    /// passes to the socket with the first byte.
    pub(crate) fn send(
        &mut self,
        cx: &mut CallCx,
        id: ObjId,
        data: &[u8],
        passed: Vec<Passed>,
        nonblock: bool,
        quiet: bool,
    ) -> SysResult {
        let mut passed = if cx.state.progress == 0 {
            passed
        } else {
            Vec::new()
        };
        loop {
            let done = cx.state.progress as usize;
            let rest = data.get(done..).unwrap_or(&[]);
            if rest.is_empty() && done > 0 {
                return Ok(Ret::Int(done as i64));
            }
            let peer = self.sockets.peer(id.0).map(ObjId);
            match self
                .sockets
                .send(id.0, rest, std::mem::take(&mut passed), cx.span)
            {
                Ok(taken) => {
                    if let Some(peer) = peer {
                        self.object_changed_for(peer, READABLE);
                    }
                    cx.state.progress += taken as u64;
                    if taken == 0 || nonblock {
                        return Ok(Ret::Int(cx.state.progress as i64));
                    }
                }
                Err((errno, back)) => {
                    for passed in back {
                        let file = self.arrived(passed);
                        self.put_file(file);
                    }
                    return Err(match errno {
                        Errno::EAGAIN if !nonblock => {
                            let keys = peer.into_iter().chain([id]).map(WaitKey::Obj).collect();
                            Fail::wait_any("socket write", keys, None)
                        }
                        Errno::EPIPE => {
                            if !quiet && cx.state.progress == 0 {
                                self.force_or_send(cx.tid, sig::PIPE);
                            }
                            Errno::EPIPE.into()
                        }
                        errno => errno.into(),
                    });
                }
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "what a message consists of")]
    pub(crate) fn sys_sendmsg(
        &mut self,
        cx: &mut CallCx,
        fd: Fd,
        data: &[u8],
        fds: &[Fd],
        to: Option<&SockAddr>,
        flags: MsgFlags,
    ) -> SysResult {
        if let Some((id, _)) = self.route_of(cx.tid, fd) {
            return self.route_send(cx.tid, id, data, to);
        }
        let (id, nonblock) = self.socket_of(cx.tid, fd)?;
        if to.is_some() {
            let connected = self.sockets.peer(id.0).is_some();
            return Err(if connected {
                Errno::EISCONN
            } else {
                Errno::EOPNOTSUPP
            }
            .into());
        }
        if flags.contains(MsgFlags::OOB) {
            return Err(Errno::EOPNOTSUPP.into());
        }
        if fds.len() > crate::unix::PASSED_MAX {
            return Err(Errno::EINVAL.into());
        }
        let passed = if cx.state.progress == 0 {
            self.take_for_passing(cx.tid, fds)?
        } else {
            Vec::new()
        };
        let nonblock = nonblock || flags.contains(MsgFlags::DONTWAIT);
        self.send(
            cx,
            id,
            data,
            passed,
            nonblock,
            flags.contains(MsgFlags::NOSIGNAL),
        )
    }

    /// Holds what descriptors mean for a message. A user who has as many on their way as it may open needs a capability
    /// for more (`ETOOMANYREFS`, `too_many_unix_fds`).
    fn take_for_passing(&mut self, tid: Tid, fds: &[Fd]) -> Result<Vec<Passed>> {
        let ids: Vec<FileId> = fds
            .iter()
            .map(|fd| self.file_id(tid, *fd))
            .collect::<Result<_>>()?;
        let cred = self.cred(tid)?;
        let sender = cred.ruid;
        let free = cred.has_on_machine(cap::SYS_RESOURCE) || cred.has_on_machine(cap::SYS_ADMIN);
        let count = self.in_flight.get(&sender).copied().unwrap_or(0);
        if !ids.is_empty() && count > self.nofile(tid) && !free {
            return Err(Errno::ETOOMANYREFS);
        }
        if !ids.is_empty() {
            self.in_flight.insert(sender, count + ids.len() as u64);
        }
        for id in &ids {
            self.hold_file(*id);
        }
        Ok(ids
            .into_iter()
            .map(|file| Passed { file, sender })
            .collect())
    }

    pub(crate) fn sys_recvmsg(
        &mut self,
        cx: &mut CallCx,
        fd: Fd,
        count: u64,
        flags: MsgFlags,
    ) -> SysResult {
        if let Some((id, nonblock)) = self.route_of(cx.tid, fd) {
            let received = self.route_receive(id, count, flags, nonblock)?;
            return Ok(Ret::Msg(Box::new(received)));
        }
        let (id, nonblock) = self.socket_of(cx.tid, fd)?;
        if flags.contains(MsgFlags::OOB) {
            return Err(Errno::EOPNOTSUPP.into());
        }
        let nonblock = nonblock || flags.contains(MsgFlags::DONTWAIT);
        let peek = flags.contains(MsgFlags::PEEK);
        let taken = self.receive(id, count.min(super::RW_MAX) as usize, peek, nonblock)?;
        self.note_cause(cx.tid, fd, taken.cause);
        let cloexec = flags.contains(MsgFlags::CMSG_CLOEXEC);
        let mut fds = Vec::new();
        let mut out = MsgFlags::empty();
        for passed in taken.passed {
            let file = self.arrived(passed);
            match self.install(cx.tid, file, cloexec) {
                Ok(fd) => fds.push(fd),
                Err(_) => out |= MsgFlags::CTRUNC,
            }
        }
        Ok(Ret::Msg(Box::new(Received {
            data: taken.data,
            fds,
            from: None,
            flags: out,
        })))
    }
}

//! Route netlink (`man 7 rtnetlink`): what the kernel tells of network interfaces, and lets set. Every network namespace
//! has one, loopback, which is down at first. No data goes through it: there are no sockets of the internet families.

use crate::Kernel;
use crate::cred::cap;
use crate::file::{Body, Object};
use crate::ids::{ObjId, Tid};
use crate::ns::NsBody;
use crate::wait::{Fail, SysResult, WaitKey};
use glassdock_abi::call::Received;
use glassdock_abi::flags::MsgFlags;
use glassdock_abi::types::SockAddr;
use glassdock_abi::{Errno, Result, Ret};
use glassdock_trace::world::NsId;
use std::collections::VecDeque;

/// The family of these sockets.
pub(crate) const AF_NETLINK: u32 = 16;
/// Most bytes that wait in a socket (`net.core.rmem_default`).
const QUEUE_MAX: usize = 212_992;
/// Bytes of a message's head, and what messages and attributes are a multiple of.
const HEAD: usize = 16;
const ALIGN: usize = 4;

/// Kinds of messages.
mod kind {
    pub const ERROR: u16 = 2;
    pub const DONE: u16 = 3;
    pub const NEWLINK: u16 = 16;
    pub const GETLINK: u16 = 18;
    pub const SETLINK: u16 = 19;
    pub const NEWADDR: u16 = 20;
    pub const GETADDR: u16 = 22;
    pub const GETROUTE: u16 = 26;
    pub const MAX: u16 = 122;
}
/// Flags of messages.
mod flag {
    pub const REQUEST: u16 = 1;
    pub const MULTI: u16 = 2;
    pub const ACK: u16 = 4;
    pub const DUMP: u16 = 0x300;
    /// Of an answer: the request follows with its head alone.
    pub const CAPPED: u16 = 0x100;
}
/// Loopback's number, flags (`IFF_UP`, `IFF_LOOPBACK`, `IFF_RUNNING`, `IFF_LOWER_UP`) and greatest packet in bytes.
const INDEX: u32 = 1;
const IFF_UP: u32 = 1;
const IFF_LOOPBACK: u32 = 8;
const IFF_RUNS: u32 = 0x1_0040;
pub(crate) const MTU: u32 = 65_536;
const ARPHRD_LOOPBACK: u16 = 772;

/// A socket.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    net: NsId,
    /// Its address; zero before it has one.
    port: u32,
    queue: VecDeque<Vec<u8>>,
}

/// The loopback interface of a network namespace.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Loopback {
    pub(crate) up: bool,
    /// It has its address, which it gets when it first goes up.
    pub(crate) addressed: bool,
}

impl Loopback {
    /// Its flags as a program sees them.
    pub(crate) fn flags(self) -> u32 {
        match self.up {
            true => IFF_UP | IFF_LOOPBACK | IFF_RUNS,
            false => IFF_LOOPBACK,
        }
    }
}

impl Route {
    pub(crate) fn new(net: NsId) -> Route {
        Route {
            net,
            port: 0,
            queue: VecDeque::new(),
        }
    }

    /// Bytes that wait.
    pub(crate) fn queued(&self) -> usize {
        self.queue.iter().map(Vec::len).sum()
    }
}

/// A request's head.
#[derive(Clone, Copy)]
struct Head {
    kind: u16,
    flags: u16,
    sequence: u32,
}

impl Kernel {
    pub(crate) fn loopback(&self, net: NsId) -> Loopback {
        match self.namespaces.get(&net).map(|ns| &ns.body) {
            Some(NsBody::Net(loopback)) => *loopback,
            _ => Loopback::default(),
        }
    }

    fn route(&mut self, id: ObjId) -> Result<&mut Route> {
        match self.objects.get_mut(id) {
            Some(Object::Route(route)) => Ok(route),
            _ => Err(Errno::EBADF),
        }
    }

    /// `bind`: nobody is told of changes, so no group can be joined.
    pub(crate) fn route_bind(&mut self, tid: Tid, id: ObjId, addr: &SockAddr) -> SysResult {
        let SockAddr::Other(family, rest) = addr else {
            return Err(Errno::EINVAL.into());
        };
        let (Some(port), Some(groups)) = (word(rest, 2), word(rest, 6)) else {
            return Err(Errno::EINVAL.into());
        };
        if u32::from(*family) != AF_NETLINK {
            return Err(Errno::EINVAL.into());
        }
        if groups != 0 {
            return Err(Errno::EOPNOTSUPP.into());
        }
        let own = self.route(id)?.port;
        if own != 0 && port != 0 && own != port {
            return Err(Errno::EINVAL.into());
        }
        if port != 0 && own != port {
            if self.port_used(id, port) {
                return Err(Errno::EADDRINUSE.into());
            }
            self.route(id)?.port = port;
        }
        self.give_port(tid, id)?;
        Ok(Ret::None)
    }

    fn port_used(&self, own: ObjId, port: u32) -> bool {
        let net = match self.objects.get(own) {
            Some(Object::Route(route)) => route.net,
            _ => return false,
        };
        self.objects.iter().any(|(_, object)| match object {
            Object::Route(route) => route.net == net && route.port == port,
            _ => false,
        })
    }

    /// An address for a socket without one: the process's number, or one that no process has (`netlink_autobind`).
    fn give_port(&mut self, tid: Tid, id: ObjId) -> Result<u32> {
        let own = self.route(id)?.port;
        if own != 0 {
            return Ok(own);
        }
        let mut port = self.pid_for(tid, self.tgid_of(tid)).0 as u32;
        let mut other = -4096i32 as u32;
        while self.port_used(id, port) {
            port = other;
            other = other.wrapping_sub(1);
        }
        self.route(id)?.port = port;
        Ok(port)
    }

    pub(crate) fn route_name(&mut self, id: ObjId) -> SysResult {
        let port = self.route(id)?.port;
        Ok(Ret::SockAddr(address(port)))
    }

    /// Takes requests, and queues what is answered.
    pub(crate) fn route_send(
        &mut self,
        tid: Tid,
        id: ObjId,
        data: &[u8],
        to: Option<&SockAddr>,
    ) -> SysResult {
        let other = match to {
            None => 0,
            Some(SockAddr::Other(family, rest)) if u32::from(*family) == AF_NETLINK => {
                word(rest, 2).ok_or(Errno::EINVAL)?
            }
            Some(_) => return Err(Errno::EINVAL.into()),
        };
        if other != 0 {
            return Err(Errno::ECONNREFUSED.into());
        }
        self.give_port(tid, id)?;
        let mut rest = data;
        while let Some(length) = word(rest, 0).map(|length| length as usize) {
            if length < HEAD || length > rest.len() {
                break;
            }
            self.request(tid, id, &rest[..length])?;
            rest = rest.get(length.next_multiple_of(ALIGN)..).unwrap_or(&[]);
        }
        self.object_changed(id);
        Ok(Ret::Int(data.len() as i64))
    }

    /// One message (`netlink_rcv_skb`).
    fn request(&mut self, tid: Tid, id: ObjId, message: &[u8]) -> Result<()> {
        let head = Head {
            kind: half(message, 4).unwrap_or(0),
            flags: half(message, 6).unwrap_or(0),
            sequence: word(message, 8).unwrap_or(0),
        };
        let control = head.kind < kind::NEWLINK;
        let done = match head.flags & flag::REQUEST == 0 || control {
            true => Ok(false),
            false => self.route_request(tid, id, head, &message[HEAD..]),
        };
        let error = match done {
            // The end of the list answers.
            Ok(true) => return Ok(()),
            Ok(false) if head.flags & flag::ACK == 0 => return Ok(()),
            Ok(false) => 0,
            Err(errno) => -errno.raw(),
        };
        let mut body = error.to_le_bytes().to_vec();
        let (kept, flags) = match error {
            0 => (HEAD, flag::CAPPED),
            _ => (message.len(), 0),
        };
        body.extend_from_slice(&message[..kept]);
        self.answer(id, kind::ERROR, flags, head.sequence, &body)
    }

    /// What a message asks for; true where a list was the answer (`rtnetlink_rcv_msg`).
    fn route_request(&mut self, tid: Tid, id: ObjId, head: Head, body: &[u8]) -> Result<bool> {
        if head.kind > kind::MAX {
            return Err(Errno::EOPNOTSUPP);
        }
        let gets = (head.kind - kind::NEWLINK) % 4 == 2;
        let net = self.route(id)?.net;
        if !gets && !self.capable_over(tid, net, cap::NET_ADMIN) {
            return Err(Errno::EPERM);
        }
        let dump = head.flags & flag::DUMP == flag::DUMP;
        let loopback = self.loopback(net);
        match head.kind {
            kind::GETLINK if dump => {
                let flags = flag::MULTI;
                self.answer(id, kind::NEWLINK, flags, head.sequence, &link(loopback))?;
            }
            kind::GETLINK => {
                asks_loopback(body)?;
                self.answer(id, kind::NEWLINK, 0, head.sequence, &link(loopback))?;
                return Ok(false);
            }
            kind::GETADDR if dump => {
                let family = body.first().copied().unwrap_or(0);
                if loopback.addressed && matches!(family, 0 | 2) {
                    let flags = flag::MULTI;
                    self.answer(id, kind::NEWADDR, flags, head.sequence, &local_address())?;
                }
            }
            // Nothing leads anywhere.
            kind::GETROUTE if dump => {}
            kind::NEWLINK | kind::SETLINK => {
                asks_loopback(body)?;
                self.set_loopback(net, body)?;
                return Ok(false);
            }
            _ => return Err(Errno::EOPNOTSUPP),
        }
        self.answer(id, kind::DONE, flag::MULTI, head.sequence, &[0; 4])?;
        Ok(true)
    }

    /// `struct ifinfomsg` with the flags to change. Loopback can be brought up and down; nothing else of it changes.
    fn set_loopback(&mut self, net: NsId, body: &[u8]) -> Result<()> {
        let (flags, change) = (word(body, 8), word(body, 12));
        let (flags, change) = flags.zip(change).ok_or(Errno::EINVAL)?;
        if body.len() > 16 && word(body, 4) == Some(INDEX) {
            return Err(Errno::EOPNOTSUPP);
        }
        // Without a mask, all flags are meant.
        let change = if change == 0 { u32::MAX } else { change };
        if change & IFF_UP != 0 {
            self.bring_loopback(net, flags & IFF_UP != 0);
        }
        Ok(())
    }

    pub(crate) fn bring_loopback(&mut self, net: NsId, up: bool) {
        if let Some(NsBody::Net(loopback)) = self.namespaces.get_mut(&net).map(|ns| &mut ns.body) {
            loopback.up = up;
            loopback.addressed |= up;
        }
        self.publisher.namespace(net);
    }

    fn answer(
        &mut self,
        id: ObjId,
        kind: u16,
        flags: u16,
        sequence: u32,
        body: &[u8],
    ) -> Result<()> {
        let route = self.route(id)?;
        let mut message = ((HEAD + body.len()) as u32).to_le_bytes().to_vec();
        message.extend(kind.to_le_bytes());
        message.extend(flags.to_le_bytes());
        message.extend(sequence.to_le_bytes());
        message.extend(route.port.to_le_bytes());
        message.extend_from_slice(body);
        if route.queued() + message.len() > QUEUE_MAX {
            return Err(Errno::ENOBUFS);
        }
        route.queue.push_back(message);
        Ok(())
    }

    /// Takes one message; what does not fit is lost, and said to be.
    pub(crate) fn route_receive(
        &mut self,
        id: ObjId,
        count: u64,
        flags: MsgFlags,
        nonblock: bool,
    ) -> SysResult<Received> {
        let route = self.route(id)?;
        let peek = flags.contains(MsgFlags::PEEK);
        let found = match peek {
            true => route.queue.front().cloned(),
            false => route.queue.pop_front(),
        };
        let Some(mut data) = found else {
            return Err(match nonblock || flags.contains(MsgFlags::DONTWAIT) {
                true => Errno::EAGAIN.into(),
                false => Fail::wait("netlink", WaitKey::Obj(id)),
            });
        };
        let mut out = MsgFlags::empty();
        if data.len() as u64 > count {
            data.truncate(count as usize);
            out |= MsgFlags::TRUNC;
        }
        self.publisher.channel(id);
        Ok(Received {
            data,
            fds: Vec::new(),
            from: Some(address(0)),
            flags: out,
        })
    }

    /// The network namespace of a socket of the internet family.
    pub(crate) fn internet_of(&self, tid: Tid, fd: glassdock_abi::Fd) -> Option<NsId> {
        let file = self.file(self.real_file_id(tid, fd).ok()?).ok()?;
        let Body::Internet(id) = file.body else {
            return None;
        };
        match self.objects.get(id) {
            Some(Object::Internet(net)) => Some(*net),
            _ => None,
        }
    }

    /// The object of a netlink socket.
    pub(crate) fn route_of(&self, tid: Tid, fd: glassdock_abi::Fd) -> Option<(ObjId, bool)> {
        let file = self.file(self.real_file_id(tid, fd).ok()?).ok()?;
        let nonblock = file
            .flags
            .contains(glassdock_abi::flags::OpenFlags::NONBLOCK);
        match file.body {
            Body::Route(id) => Some((id, nonblock)),
            _ => None,
        }
    }
}

/// `struct sockaddr_nl`
fn address(port: u32) -> SockAddr {
    let mut rest = vec![0; 2];
    rest.extend(port.to_le_bytes());
    rest.extend([0; 4]);
    SockAddr::Other(AF_NETLINK as u16, rest)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?;
    Some(u16::from_le_bytes(bytes.try_into().ok()?))
}

/// Whether a `struct ifinfomsg` names loopback, by number or by name; `ENODEV` for another, `EINVAL` for none.
fn asks_loopback(body: &[u8]) -> Result<()> {
    const IFLA_IFNAME: u16 = 3;
    let index = word(body, 4).ok_or(Errno::EINVAL)?;
    let mut rest = body.get(16..).ok_or(Errno::EINVAL)?;
    if index != 0 {
        return if index == INDEX {
            Ok(())
        } else {
            Err(Errno::ENODEV)
        };
    }
    while let (Some(length), Some(kind)) = (half(rest, 0), half(rest, 2)) {
        let length = usize::from(length);
        let value = rest.get(4..length).ok_or(Errno::EINVAL)?;
        if kind == IFLA_IFNAME {
            let name = value.split(|byte| *byte == 0).next();
            return if name == Some(b"lo") {
                Ok(())
            } else {
                Err(Errno::ENODEV)
            };
        }
        rest = rest.get(length.next_multiple_of(ALIGN)..).unwrap_or(&[]);
    }
    Err(Errno::EINVAL)
}

fn attribute(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    out.extend(((4 + value.len()) as u16).to_le_bytes());
    out.extend(kind.to_le_bytes());
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(ALIGN), 0);
}

/// What is told of loopback (`rtnl_fill_ifinfo`).
fn link(loopback: Loopback) -> Vec<u8> {
    let mut out = vec![0, 0];
    out.extend(ARPHRD_LOOPBACK.to_le_bytes());
    out.extend(INDEX.to_le_bytes());
    out.extend(loopback.flags().to_le_bytes());
    out.extend([0; 4]);
    let words = [(13, 1000), (4, MTU), (27, 0), (30, 0), (31, 1), (32, 1)];
    attribute(&mut out, 3, b"lo\0");
    for (kind, value) in words {
        attribute(&mut out, kind, &u32::to_le_bytes(value));
    }
    // Operational state: unknown while it is up, as nothing watches it.
    let state = if loopback.up { 0 } else { 2 };
    for (kind, value) in [(16, state), (17, 0), (33, 1)] {
        attribute(&mut out, kind, &[value]);
    }
    let queueing: &[u8] = if loopback.addressed {
        b"noqueue\0"
    } else {
        b"noop\0"
    };
    attribute(&mut out, 6, queueing);
    attribute(&mut out, 1, &[0; 6]);
    attribute(&mut out, 2, &[0; 6]);
    attribute(&mut out, 23, &[0; 200]);
    attribute(&mut out, 7, &[0; 96]);
    out
}

/// What is told of 127.0.0.1/8 (`inet_fill_ifaddr`).
fn local_address() -> Vec<u8> {
    const PERMANENT: u8 = 0x80;
    const SCOPE_HOST: u8 = 254;
    let mut out = vec![2, 8, PERMANENT, SCOPE_HOST];
    out.extend(INDEX.to_le_bytes());
    attribute(&mut out, 1, &[127, 0, 0, 1]);
    attribute(&mut out, 2, &[127, 0, 0, 1]);
    attribute(&mut out, 3, b"lo\0");
    attribute(&mut out, 8, &u32::from(PERMANENT).to_le_bytes());
    let mut cache = vec![0xff; 8];
    cache.resize(16, 0);
    attribute(&mut out, 6, &cache);
    out
}

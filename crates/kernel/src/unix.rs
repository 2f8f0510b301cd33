//! `AF_UNIX` stream sockets (`man 7 unix`).
//!
//! A pure state machine over all sockets of a machine: what would block fails with `EAGAIN`, and the caller waits for
//! [`Sockets::poll`] to change. Names in the file system are the caller's: it binds a socket to an inode and looks the
//! inode up to find it. Descriptors that travel (`SCM_RIGHTS`) are values of the caller's type `F`; those that are
//! never received come back from [`Sockets::close`], so that the caller can release them.

use glassdock_abi::flags::PollEvents;
use glassdock_abi::types::{SockAddr, Ucred};
use glassdock_abi::{Errno, Result};
use glassdock_trace::SpanId;
use glassdock_trace::world::NsId;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Bytes that may wait in one direction (`net.core.wmem_default`). The real kernel also counts its own overhead.
pub const SEND_BYTES_MAX: usize = 212_992;
/// Longest queue of connections (`net.core.somaxconn`).
pub const BACKLOG_MAX: u32 = 4096;
/// Most descriptors in one message (`SCM_MAX_FD`).
pub const PASSED_MAX: usize = 253;

/// A socket, by its inode number.
pub type SocketId = u64;

/// Bytes sent together, with the descriptors that travel with them.
#[derive(Clone, Debug)]
struct Segment<F> {
    bytes: VecDeque<u8>,
    passed: Vec<F>,
    cause: Option<SpanId>,
}

/// What a socket is.
#[derive(Clone, Debug)]
enum State {
    New,
    Listening {
        backlog: u32,
        queue: VecDeque<SocketId>,
    },
    Connected {
        peer: SocketId,
    },
    /// Was connected; the peer is gone.
    Orphaned,
}

#[derive(Clone, Debug)]
struct Socket<F> {
    /// Network namespace that it was made in.
    net: NsId,
    state: State,
    name: SockAddr,
    peer_name: SockAddr,
    /// Who made it, or listened, or connected: what the peer is told.
    owner: Ucred,
    peer_owner: Option<Ucred>,
    received: VecDeque<Segment<F>>,
    received_bytes: usize,
    shut_read: bool,
    shut_write: bool,
    /// The peer vanished with our bytes unread: the next read fails once.
    reset: bool,
}

/// A message taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken<F> {
    /// The bytes; empty at the end.
    pub data: Vec<u8>,
    /// Descriptors that came with them.
    pub passed: Vec<F>,
    /// Span that sent them.
    pub cause: Option<SpanId>,
}

/// All `AF_UNIX` stream sockets of a machine.
#[derive(Clone, Debug)]
pub struct Sockets<F> {
    sockets: BTreeMap<SocketId, Socket<F>>,
    /// Bytes in all queues.
    bytes: u64,
}

impl<F> Default for Sockets<F> {
    fn default() -> Self {
        Sockets {
            sockets: BTreeMap::new(),
            bytes: 0,
        }
    }
}

impl<F> Sockets<F> {
    /// Makes a socket under an unused number.
    pub fn create(&mut self, id: SocketId, owner: Ucred, net: NsId) {
        let socket = Socket {
            net,
            state: State::New,
            name: SockAddr::UnixUnnamed,
            peer_name: SockAddr::UnixUnnamed,
            owner,
            peer_owner: None,
            received: VecDeque::new(),
            received_bytes: 0,
            shut_read: false,
            shut_write: false,
            reset: false,
        };
        let replaced = self.sockets.insert(id, socket);
        debug_assert!(replaced.is_none(), "socket numbers are not used twice");
    }

    /// `socketpair`: connects two new sockets.
    pub fn pair(&mut self, a: SocketId, b: SocketId, owner: Ucred, net: NsId) {
        self.create(a, owner, net);
        self.create(b, owner, net);
        self.join(a, b);
    }

    /// Notes the name that the caller has bound. `EINVAL` when it has one.
    pub fn bind(&mut self, id: SocketId, name: SockAddr) -> Result<()> {
        let socket = self.get_mut(id)?;
        if socket.name != SockAddr::UnixUnnamed {
            return Err(Errno::EINVAL);
        }
        socket.name = name;
        Ok(())
    }

    /// `listen`. `EINVAL` without a name or when connected.
    pub fn listen(&mut self, id: SocketId, backlog: u32, owner: Ucred) -> Result<()> {
        let socket = self.get_mut(id)?;
        if socket.name == SockAddr::UnixUnnamed {
            return Err(Errno::EINVAL);
        }
        let wanted = backlog.min(BACKLOG_MAX);
        match &mut socket.state {
            State::New => {
                socket.state = State::Listening {
                    backlog: wanted,
                    queue: VecDeque::new(),
                }
            }
            State::Listening { backlog, .. } => *backlog = wanted,
            State::Connected { .. } | State::Orphaned => return Err(Errno::EINVAL),
        }
        socket.owner = owner;
        Ok(())
    }

    /// `connect` to a listening socket; `server` is the number for the other end, which [`Sockets::accept`] will give.
    /// `ECONNREFUSED` when nobody listens, `EAGAIN` with a full queue, `EISCONN`, `EINVAL` when listening itself.
    pub fn connect(
        &mut self,
        id: SocketId,
        listener: SocketId,
        server: SocketId,
        owner: Ucred,
    ) -> Result<()> {
        match self.get(id)?.state {
            State::New => {}
            State::Connected { .. } | State::Orphaned => return Err(Errno::EISCONN),
            State::Listening { .. } => return Err(Errno::EINVAL),
        }
        let heard = self.listening(listener)?;
        let (name, listener_owner) = (heard.name.clone(), heard.owner);
        let net = self.get(id)?.net;
        self.create(server, listener_owner, net);
        self.get_mut(server)?.name = name;
        self.get_mut(id)?.owner = owner;
        self.join(id, server);
        if let Some(Socket {
            state: State::Listening { queue, .. },
            ..
        }) = self.sockets.get_mut(&listener)
        {
            queue.push_back(server);
        }
        Ok(())
    }

    /// Whether a socket listens and has room for a connection. `ECONNREFUSED` when nobody listens, `EAGAIN` with a full
    /// queue.
    #[cfg(feature = "outside")]
    pub fn hears(&self, listener: SocketId) -> Result<()> {
        self.listening(listener).map(|_| ())
    }

    fn listening(&self, listener: SocketId) -> Result<&Socket<F>> {
        let heard = self.sockets.get(&listener).ok_or(Errno::ECONNREFUSED)?;
        let State::Listening { backlog, queue } = &heard.state else {
            return Err(Errno::ECONNREFUSED);
        };
        if heard.shut_read {
            return Err(Errno::ECONNREFUSED);
        }
        if queue.len() > *backlog as usize {
            return Err(Errno::EAGAIN);
        }
        Ok(heard)
    }

    /// `accept`: the number of the next connection's socket. `EINVAL` when not listening, `EAGAIN` with none waiting.
    pub fn accept(&mut self, id: SocketId) -> Result<SocketId> {
        let socket = self.get_mut(id)?;
        let State::Listening { queue, .. } = &mut socket.state else {
            return Err(Errno::EINVAL);
        };
        match queue.pop_front() {
            Some(connection) => Ok(connection),
            None if socket.shut_read => Err(Errno::EINVAL),
            None => Err(Errno::EAGAIN),
        }
    }

    /// Sends as many of `bytes` as there is room for; descriptors go with the first of them. On an error they are
    /// given back. `ENOTCONN`, `EPIPE` (the caller sends `SIGPIPE` unless told not to), `EAGAIN` without room.
    pub fn send(
        &mut self,
        id: SocketId,
        bytes: &[u8],
        passed: Vec<F>,
        cause: Option<SpanId>,
    ) -> Result<usize, (Errno, Vec<F>)> {
        let peer = match self.peer_to_send(id) {
            Ok(peer) => peer,
            Err(errno) => return Err((errno, passed)),
        };
        let Some(to) = self.sockets.get_mut(&peer) else {
            return Err((Errno::EPIPE, passed));
        };
        let room = SEND_BYTES_MAX.saturating_sub(to.received_bytes);
        let taken = bytes.len().min(room);
        if taken == 0 && !bytes.is_empty() {
            return Err((Errno::EAGAIN, passed));
        }
        // A stream carries descriptors only with bytes.
        if bytes.is_empty() {
            return if passed.is_empty() {
                Ok(0)
            } else {
                Err((Errno::EINVAL, passed))
            };
        }
        to.received_bytes += taken;
        self.bytes += taken as u64;
        to.received.push_back(Segment {
            bytes: bytes[..taken].iter().copied().collect(),
            passed,
            cause,
        });
        Ok(taken)
    }

    /// Receives at most `max` bytes; stops after bytes that descriptors came with, as the real kernel does. `peek`
    /// leaves everything in place and gives no descriptors. `EAGAIN` with nothing there, `EINVAL` when not connected,
    /// `ECONNRESET` once when the peer vanished with our bytes unread.
    pub fn receive(&mut self, id: SocketId, max: usize, peek: bool) -> Result<Taken<F>> {
        let peer_shut = self.peer_writes_no_more(id)?;
        let socket = self.get_mut(id)?;
        if matches!(socket.state, State::New | State::Listening { .. }) {
            return Err(Errno::EINVAL);
        }
        let mut taken = Taken {
            data: Vec::new(),
            passed: Vec::new(),
            cause: None,
        };
        if max == 0 {
            return Ok(taken);
        }
        if socket.received.is_empty() {
            if core::mem::take(&mut socket.reset) {
                return Err(Errno::ECONNRESET);
            }
            return if peer_shut || socket.shut_read {
                Ok(taken)
            } else {
                Err(Errno::EAGAIN)
            };
        }
        if peek {
            let bytes = socket.received.iter().flat_map(|segment| &segment.bytes);
            taken.data = bytes.copied().take(max).collect();
            return Ok(taken);
        }
        while let Some(segment) = socket
            .received
            .front_mut()
            .filter(|_| taken.data.len() < max)
        {
            if !segment.passed.is_empty() && !taken.data.is_empty() {
                break;
            }
            let with_passed = !segment.passed.is_empty();
            taken.passed.append(&mut segment.passed);
            taken.cause = segment.cause;
            let count = segment.bytes.len().min(max - taken.data.len());
            taken.data.extend(segment.bytes.drain(..count));
            socket.received_bytes -= count;
            if segment.bytes.is_empty() {
                socket.received.pop_front();
            }
            if with_passed {
                break;
            }
        }
        self.bytes -= taken.data.len() as u64;
        Ok(taken)
    }

    /// `shutdown` of reading, writing or both. `ENOTCONN` when it has no peer and does not listen.
    pub fn shutdown(&mut self, id: SocketId, read: bool, write: bool) -> Result<()> {
        let socket = self.get_mut(id)?;
        let peer = match socket.state {
            State::New => return Err(Errno::ENOTCONN),
            State::Connected { peer } => Some(peer),
            State::Listening { .. } | State::Orphaned => None,
        };
        socket.shut_read |= read;
        socket.shut_write |= write;
        if let Some(other) = peer.and_then(|peer| self.sockets.get_mut(&peer)) {
            other.shut_write |= read;
        }
        Ok(())
    }

    /// Closes a socket. Gives the sockets that noticed it (peers, and the far ends of connections that nobody
    /// accepted), and the descriptors that were never received.
    pub fn close(&mut self, id: SocketId) -> (Vec<SocketId>, Vec<F>) {
        let (mut noticed, mut lost) = (Vec::new(), Vec::new());
        let mut closing = vec![id];
        while let Some(id) = closing.pop() {
            let Some(socket) = self.sockets.remove(&id) else {
                continue;
            };
            let unread = !socket.received.is_empty();
            self.bytes -= socket.received_bytes as u64;
            lost.extend(
                socket
                    .received
                    .into_iter()
                    .flat_map(|segment| segment.passed),
            );
            match socket.state {
                State::Connected { peer } => {
                    if let Some(other) = self.sockets.get_mut(&peer) {
                        other.state = State::Orphaned;
                        other.reset |= unread;
                        noticed.push(peer);
                    }
                }
                State::Listening { queue, .. } => closing.extend(queue),
                State::New | State::Orphaned => {}
            }
        }
        (noticed, lost)
    }

    /// Readiness.
    pub fn poll(&self, id: SocketId) -> PollEvents {
        let mut events = PollEvents::empty();
        let Some(socket) = self.sockets.get(&id) else {
            return PollEvents::NVAL;
        };
        let readable = PollEvents::IN | PollEvents::RDNORM;
        let writable = PollEvents::OUT | PollEvents::WRNORM;
        if !socket.received.is_empty() || socket.shut_read {
            events |= readable;
        }
        match &socket.state {
            State::New => events |= PollEvents::OUT | PollEvents::WRNORM | PollEvents::HUP,
            State::Listening { queue, .. } => {
                if !queue.is_empty() {
                    events |= readable;
                }
            }
            State::Connected { peer } => {
                let peer = self.sockets.get(peer);
                let peer_done = peer.is_none_or(|other| other.shut_write);
                if peer_done {
                    events |= readable | PollEvents::RDHUP;
                }
                if peer_done && socket.shut_write {
                    events |= PollEvents::HUP;
                }
                // Writable while no more than a quarter of the space is used (`unix_writable`).
                if peer.is_none_or(|other| other.received_bytes * 4 <= SEND_BYTES_MAX) {
                    events |= writable;
                }
            }
            State::Orphaned => events |= readable | writable | PollEvents::HUP | PollEvents::RDHUP,
        }
        if socket.reset {
            events |= PollEvents::ERR;
        }
        events
    }

    /// The other end, where there is one.
    pub fn peer(&self, id: SocketId) -> Option<SocketId> {
        match self.sockets.get(&id)?.state {
            State::Connected { peer } => Some(peer),
            _ => None,
        }
    }
    /// `getsockname`.
    pub fn name(&self, id: SocketId) -> Result<SockAddr> {
        Ok(self.get(id)?.name.clone())
    }
    /// The sockets of a network namespace as `/proc/net/unix` shows them (`unix_seq_show`). Kernel addresses are zeros, as
    /// with `kernel.kptr_restrict`.
    pub fn table(&self, net: NsId) -> Vec<u8> {
        let mut table = b"Num       RefCount Protocol Flags    Type St Inode Path\n".to_vec();
        let waiting: BTreeSet<SocketId> = self.waiting().map(|(id, _)| id).collect();
        for (id, socket) in self.sockets.iter().filter(|(_, socket)| socket.net == net) {
            let (references, flags, state, inode) = match socket.state {
                State::Connected { .. } if waiting.contains(id) => (3, 0, 2, 0),
                State::Connected { .. } => (3, 0, 3, *id),
                State::Orphaned => (2, 0, 3, *id),
                State::Listening { .. } => (2, 0x1_0000, 1, *id),
                State::New => (2, 0, 1, *id),
            };
            let row = format!(
                "{:016x}: {references:08X} 00000000 {flags:08X} 0001 {state:02X} {inode:>5}",
                0
            );
            table.extend(row.into_bytes());
            match &socket.name {
                SockAddr::Unix(path) => table.extend([b" ", path.as_bytes()].concat()),
                SockAddr::UnixAbstract(name) => {
                    table.extend(b" @");
                    table.extend(
                        name.iter()
                            .map(|byte| if *byte == 0 { b'@' } else { *byte }),
                    );
                }
                _ => {}
            }
            table.push(b'\n');
        }
        table
    }
    /// `getpeername`. `ENOTCONN` without a peer.
    pub fn peer_name(&self, id: SocketId) -> Result<SockAddr> {
        let socket = self.get(id)?;
        match socket.state {
            State::Connected { .. } => Ok(socket.peer_name.clone()),
            _ => Err(Errno::ENOTCONN),
        }
    }
    /// `SO_PEERCRED`; without a peer, pid 0 and ids of all ones.
    pub fn peer_owner(&self, id: SocketId) -> Result<Ucred> {
        let none = Ucred {
            pid: glassdock_abi::Pid(0),
            uid: u32::MAX,
            gid: u32::MAX,
        };
        Ok(self.get(id)?.peer_owner.unwrap_or(none))
    }
    /// `SO_ACCEPTCONN`.
    pub fn is_listening(&self, id: SocketId) -> bool {
        self.sockets
            .get(&id)
            .is_some_and(|socket| matches!(socket.state, State::Listening { .. }))
    }
    /// Bytes that wait to be received (`FIONREAD`).
    pub fn queued(&self, id: SocketId) -> usize {
        self.sockets
            .get(&id)
            .map_or(0, |socket| socket.received_bytes)
    }
    /// Bytes that wait in all queues together.
    pub fn queued_by_all(&self) -> u64 {
        self.bytes
    }
    /// Every descriptor on its way, with the socket in whose queue it is.
    pub fn in_flight(&self) -> impl Iterator<Item = (SocketId, &F)> + '_ {
        self.sockets.iter().flat_map(|(id, socket)| {
            let passed = socket.received.iter().flat_map(|segment| &segment.passed);
            passed.map(|passed| (*id, passed))
        })
    }
    /// Connections that nobody has accepted yet, each with the listening socket that it waits at.
    pub fn waiting(&self) -> impl Iterator<Item = (SocketId, SocketId)> + '_ {
        self.sockets.iter().flat_map(|(id, socket)| {
            let queue = match &socket.state {
                State::Listening { queue, .. } => Some(queue),
                _ => None,
            };
            queue.into_iter().flatten().map(|waits| (*waits, *id))
        })
    }
    /// Takes all descriptors out of a socket's queue, and of the connections that wait at it.
    pub fn take_passed(&mut self, id: SocketId) -> Vec<F> {
        let mut ids = vec![id];
        if let Some(State::Listening { queue, .. }) = self.sockets.get(&id).map(|it| &it.state) {
            ids.extend(queue);
        }
        let mut taken = Vec::new();
        for id in ids {
            if let Some(socket) = self.sockets.get_mut(&id) {
                for segment in &mut socket.received {
                    taken.append(&mut segment.passed);
                }
            }
        }
        taken
    }
    /// Numbers of all sockets, ascending.
    pub fn ids(&self) -> impl Iterator<Item = SocketId> + '_ {
        self.sockets.keys().copied()
    }

    fn get(&self, id: SocketId) -> Result<&Socket<F>> {
        self.sockets.get(&id).ok_or(Errno::ENOTSOCK)
    }
    fn get_mut(&mut self, id: SocketId) -> Result<&mut Socket<F>> {
        self.sockets.get_mut(&id).ok_or(Errno::ENOTSOCK)
    }

    fn join(&mut self, a: SocketId, b: SocketId) {
        let described = |sockets: &Self, id| {
            sockets
                .sockets
                .get(&id)
                .map(|socket| (socket.name.clone(), socket.owner))
        };
        for (id, peer) in [(a, b), (b, a)] {
            let other = described(self, peer);
            if let (Some(socket), Some((name, owner))) = (self.sockets.get_mut(&id), other) {
                socket.state = State::Connected { peer };
                socket.peer_name = name;
                socket.peer_owner = Some(owner);
            }
        }
    }

    fn peer_to_send(&self, id: SocketId) -> Result<SocketId> {
        let socket = self.get(id)?;
        match socket.state {
            State::New | State::Listening { .. } => Err(Errno::ENOTCONN),
            _ if socket.shut_write => Err(Errno::EPIPE),
            State::Orphaned => Err(Errno::EPIPE),
            State::Connected { peer } => {
                let deaf = self.sockets.get(&peer).is_none_or(|other| other.shut_read);
                if deaf { Err(Errno::EPIPE) } else { Ok(peer) }
            }
        }
    }

    fn peer_writes_no_more(&self, id: SocketId) -> Result<bool> {
        Ok(match self.get(id)?.state {
            State::Connected { peer } => {
                self.sockets.get(&peer).is_none_or(|other| other.shut_write)
            }
            State::Orphaned => true,
            State::New | State::Listening { .. } => false,
        })
    }
}

#[cfg(test)]
mod tests;

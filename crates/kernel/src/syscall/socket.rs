//! Sockets (`man 7 unix`): effects and the calls that make them.

use super::CallCx;
use crate::Kernel;
use crate::file::{Body, Object, Passed};
use crate::ids::*;
use crate::netlink::{AF_NETLINK, Route};
use crate::wait::{Fail, SysResult, WaitKey};
use glassdock_abi::flags::OpenFlags;
use glassdock_abi::types::{Dev, SockAddr, Ucred, mode};
use glassdock_abi::{Errno, Fd, Pid, Result, Ret};
use glassdock_trace::Value;
use glassdock_trace::world::NsId;
use glassdock_vfs::{At, Lookup};
use std::collections::BTreeMap;

const AF_UNIX: u32 = 1;
const AF_INET: u32 = 2;
const SOCK_STREAM: u32 = 1;
const SOCK_DGRAM: u32 = 2;
const SOCK_RAW: u32 = 3;
const SOCK_TYPE: u32 = 0xf;
const SOL_SOCKET: u32 = 1;

impl Kernel {
    fn ucred(&self, tid: Tid) -> Ucred {
        let thread = self.threads.get(&tid);
        Ucred {
            pid: Pid(self.tgid_of(tid).0),
            uid: thread.map_or(0, |t| t.cred.euid),
            gid: thread.map_or(0, |t| t.cred.egid),
        }
    }

    fn check_kind(&mut self, domain: u32, kind: u32, protocol: u32) -> Result<()> {
        if domain != AF_UNIX {
            self.note("socket-family-unsupported", || {
                vec![Value::Int(i64::from(domain))]
            });
            return Err(Errno::EAFNOSUPPORT);
        }
        if kind & SOCK_TYPE != SOCK_STREAM {
            self.note("socket-type-unsupported", || {
                vec![Value::Int(i64::from(kind & SOCK_TYPE))]
            });
            return Err(Errno::ESOCKTNOSUPPORT);
        }
        if protocol > 1 {
            return Err(Errno::EPROTONOSUPPORT);
        }
        Ok(())
    }

    fn socket_file(&mut self, tid: Tid, id: ObjId, flags: u32) -> Result<Fd> {
        let flags = OpenFlags::from_bits_retain(flags);
        let status = flags & OpenFlags::NONBLOCK;
        self.own_object(tid, id, 0o777);
        let file = self.hidden_file("sockfs", id.0, OpenFlags::RDWR | status)?;
        let what = format!("socket:[{}]", id.0).into_bytes();
        let body = match self.objects.get(id) {
            Some(Object::Route(_)) => Body::Route(id),
            Some(Object::Internet(_)) => Body::Internet(id),
            _ => Body::Socket(id),
        };
        let file = self.add_file(file, body, what);
        self.publisher.channel(id);
        self.install(tid, file, flags.contains(OpenFlags::CLOEXEC))
    }

    pub(crate) fn sys_socket(
        &mut self,
        tid: Tid,
        domain: u32,
        kind: u32,
        protocol: u32,
    ) -> SysResult {
        if domain == AF_NETLINK {
            return self.route_socket(tid, kind, protocol);
        }
        if domain == AF_INET && kind & SOCK_TYPE == SOCK_DGRAM {
            return self.internet_socket(tid, kind, protocol);
        }
        self.check_kind(domain, kind, protocol)?;
        let id = self.objects.add(Object::Socket);
        let owner = self.ucred(tid);
        self.sockets.create(id.0, owner, self.net_of(tid));
        Ok(Ret::Fd(self.socket_file(tid, id, kind)?))
    }

    /// A thread's network namespace.
    pub(crate) fn net_of(&self, tid: Tid) -> NsId {
        let thread = self.threads.get(&tid);
        thread.map_or(self.root_ns.net, |thread| thread.ns.net)
    }

    /// A datagram socket that can be asked about interfaces. It carries nothing: all else on it is `EOPNOTSUPP`.
    fn internet_socket(&mut self, tid: Tid, kind: u32, protocol: u32) -> SysResult {
        const IPPROTO_UDP: u32 = 17;
        if !matches!(protocol, 0 | IPPROTO_UDP) {
            return Err(Errno::EPROTONOSUPPORT.into());
        }
        let net = self.net_of(tid);
        let id = self.objects.add(Object::Internet(net));
        Ok(Ret::Fd(self.socket_file(tid, id, kind)?))
    }

    fn route_socket(&mut self, tid: Tid, kind: u32, protocol: u32) -> SysResult {
        const NETLINK_ROUTE: u32 = 0;
        if !matches!(kind & SOCK_TYPE, SOCK_DGRAM | SOCK_RAW) {
            return Err(Errno::ESOCKTNOSUPPORT.into());
        }
        if protocol != NETLINK_ROUTE {
            self.note("netlink-family-unsupported", || {
                vec![Value::Int(i64::from(protocol))]
            });
            return Err(Errno::EPROTONOSUPPORT.into());
        }
        let net = self.net_of(tid);
        let id = self.objects.add(Object::Route(Route::new(net)));
        Ok(Ret::Fd(self.socket_file(tid, id, kind)?))
    }

    pub(crate) fn sys_socketpair(
        &mut self,
        tid: Tid,
        domain: u32,
        kind: u32,
        protocol: u32,
    ) -> SysResult {
        self.check_kind(domain, kind, protocol)?;
        let ids: [ObjId; 2] = [
            self.objects.add(Object::Socket),
            self.objects.add(Object::Socket),
        ];
        let owner = self.ucred(tid);
        self.sockets
            .pair(ids[0].0, ids[1].0, owner, self.net_of(tid));
        let first = self.socket_file(tid, ids[0], kind);
        let second = first.and_then(|_| self.socket_file(tid, ids[1], kind));
        match (first, second) {
            (Ok(first), Ok(second)) => Ok(Ret::Fds([first, second])),
            (Ok(first), Err(errno)) => {
                let _ = self.close_fd(tid, first);
                Err(errno.into())
            }
            (Err(errno), _) => {
                // Nothing can be on its way in it yet.
                let _ = self.close_socket(ids[1]);
                Err(errno.into())
            }
        }
    }

    pub(super) fn socket_of(&self, tid: Tid, fd: Fd) -> Result<(ObjId, bool)> {
        let file = self.file(self.real_file_id(tid, fd)?)?;
        match file.body {
            Body::Socket(id) => Ok((id, file.flags.contains(OpenFlags::NONBLOCK))),
            Body::Route(_) | Body::Internet(_) => Err(Errno::EOPNOTSUPP),
            _ => Err(Errno::ENOTSOCK),
        }
    }

    /// Closes a socket; the files that were on their way to it.
    pub(crate) fn close_socket(&mut self, id: ObjId) -> Vec<FileId> {
        let peer = self.sockets.peer(id.0);
        match self.sockets.name(id.0) {
            Ok(SockAddr::Unix(_)) => self.inode_objects.retain(|_, object| *object != id),
            Ok(SockAddr::UnixAbstract(_)) => self.abstract_names.retain(|_, object| *object != id),
            _ => {}
        }
        let (noticed, lost) = self.sockets.close(id.0);
        self.objects.remove(id);
        self.disown_object(id);
        self.object_changed(id);
        for other in noticed.into_iter().chain(peer) {
            self.object_changed(ObjId(other));
        }
        lost.into_iter()
            .map(|passed| self.arrived(passed))
            .collect()
    }

    /// A file leaves a socket's queue: it no longer counts as its sender's.
    pub(crate) fn arrived(&mut self, passed: Passed) -> FileId {
        if let Some(count) = self.in_flight.get_mut(&passed.sender) {
            *count -= 1;
            if *count == 0 {
                self.in_flight.remove(&passed.sender);
            }
        }
        passed.file
    }

    /// Takes out of the queues what no descriptor leads to any more: sockets that are held by each other's queues alone
    /// (`net/unix/garbage.c`).
    pub(crate) fn collect_sockets(&mut self) {
        if !std::mem::take(&mut self.sockets_lost) || self.in_flight.is_empty() {
            return;
        }
        let mut held: BTreeMap<FileId, u32> = BTreeMap::new();
        for (_, passed) in self.sockets.in_flight() {
            *held.entry(passed.file).or_default() += 1;
        }
        let file = |id: FileId| self.files.get(id);
        let socket = |id: FileId| match file(id)?.body {
            Body::Socket(socket) => Some(socket.0),
            _ => None,
        };
        let mut lost: BTreeMap<u64, FileId> = held
            .iter()
            .filter(|(id, count)| file(**id).is_some_and(|file| file.refs == **count))
            .filter_map(|(id, _)| Some((socket(*id)?, *id)))
            .collect();
        // What a socket that is not lost has in its queue, or in that of a connection to accept, is not lost either.
        let listeners: BTreeMap<u64, u64> = self.sockets.waiting().collect();
        let mut contents: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for (at, passed) in self.sockets.in_flight() {
            let owner = listeners.get(&at).copied().unwrap_or(at);
            contents
                .entry(owner)
                .or_default()
                .extend(socket(passed.file));
        }
        let mut reachable: Vec<u64> = contents.keys().copied().collect();
        reachable.retain(|id| !lost.contains_key(id));
        while let Some(id) = reachable.pop() {
            for inner in contents.remove(&id).unwrap_or_default() {
                if lost.remove(&inner).is_some() {
                    reachable.push(inner);
                }
            }
        }
        let gone: Vec<Passed> = lost
            .keys()
            .flat_map(|id| self.sockets.take_passed(*id))
            .collect();
        for passed in gone {
            let file = self.arrived(passed);
            self.put_file(file);
        }
    }

    pub(crate) fn sys_bind(&mut self, tid: Tid, fd: Fd, addr: &SockAddr) -> SysResult {
        if let Some((id, _)) = self.route_of(tid, fd) {
            return self.route_bind(tid, id, addr);
        }
        let (id, _) = self.socket_of(tid, fd)?;
        if self.sockets.name(id.0)? != SockAddr::UnixUnnamed {
            return Err(Errno::EINVAL.into());
        }
        match addr {
            SockAddr::Unix(path) => {
                let path = path.as_bytes();
                let umask = self
                    .threads
                    .get(&tid)
                    .and_then(|t| self.fs.get(t.fs))
                    .map_or(0, |fs| fs.umask);
                let made = self.with_vfs(tid, |vfs, cx| {
                    let bits = 0o777 & !umask;
                    vfs.mknod(cx, At::Cwd, path, mode::S_IFSOCK | bits, Dev(0))
                });
                let place = match made {
                    Err(Errno::EEXIST) => return Err(Errno::EADDRINUSE.into()),
                    other => other?,
                };
                let inode = self.vfs().inode(place)?;
                self.inode_objects.insert(inode, id);
            }
            SockAddr::UnixAbstract(name) => {
                let net = self
                    .threads
                    .get(&tid)
                    .map_or(self.root_ns.net, |t| t.ns.net);
                let key = (net, name.clone());
                if self.abstract_names.contains_key(&key) {
                    return Err(Errno::EADDRINUSE.into());
                }
                self.abstract_names.insert(key, id);
            }
            SockAddr::UnixUnnamed | SockAddr::Other(..) => return Err(Errno::EINVAL.into()),
        }
        self.sockets.bind(id.0, addr.clone())?;
        self.publisher.channel(id);
        Ok(Ret::None)
    }

    pub(crate) fn sys_listen(&mut self, tid: Tid, fd: Fd, backlog: u32) -> SysResult {
        let (id, _) = self.socket_of(tid, fd)?;
        let owner = self.ucred(tid);
        self.sockets.listen(id.0, backlog, owner)?;
        self.publisher.channel(id);
        Ok(Ret::None)
    }

    pub(crate) fn sys_accept4(&mut self, cx: &mut CallCx, fd: Fd, flags: OpenFlags) -> SysResult {
        let (id, nonblock) = self.socket_of(cx.tid, fd)?;
        self.free_fd(cx.tid, 0)?;
        match self.sockets.accept(id.0) {
            Ok(connection) => {
                let connection = ObjId(connection);
                let peer = self
                    .sockets
                    .peer_name(connection.0)
                    .unwrap_or(SockAddr::UnixUnnamed);
                let accepted = self.socket_file(cx.tid, connection, flags.bits())?;
                self.object_changed(id);
                Ok(Ret::Accepted(accepted, peer))
            }
            Err(Errno::EAGAIN) if !nonblock => Err(Fail::wait("accept", WaitKey::Obj(id))),
            Err(errno) => Err(errno.into()),
        }
    }

    fn find_listener(&mut self, tid: Tid, addr: &SockAddr) -> Result<ObjId> {
        match addr {
            SockAddr::Unix(path) => {
                let inode = self.with_vfs(tid, |vfs, cx| {
                    let place = vfs.lookup(cx, At::Cwd, path.as_bytes(), Lookup::FOLLOW)?;
                    vfs.permission(cx, place, 2)?;
                    vfs.inode(place)
                })?;
                self.inode_objects
                    .get(&inode)
                    .copied()
                    .ok_or(Errno::ECONNREFUSED)
            }
            SockAddr::UnixAbstract(name) => {
                let net = self
                    .threads
                    .get(&tid)
                    .map_or(self.root_ns.net, |t| t.ns.net);
                let key = (net, name.clone());
                self.abstract_names
                    .get(&key)
                    .copied()
                    .ok_or(Errno::ECONNREFUSED)
            }
            SockAddr::UnixUnnamed | SockAddr::Other(..) => Err(Errno::EINVAL),
        }
    }

    pub(crate) fn sys_connect(&mut self, cx: &mut CallCx, fd: Fd, addr: &SockAddr) -> SysResult {
        let (id, nonblock) = self.socket_of(cx.tid, fd)?;
        let listener = self.find_listener(cx.tid, addr)?;
        if !matches!(self.objects.get(listener), Some(Object::Socket)) {
            return Err(Errno::ECONNREFUSED.into());
        }
        let server: ObjId = self.objects.add(Object::Socket);
        let owner = self.ucred(cx.tid);
        match self.sockets.connect(id.0, listener.0, server.0, owner) {
            Ok(()) => {
                self.publisher.channel(server);
                self.object_changed(listener);
                self.object_changed(id);
                Ok(Ret::None)
            }
            Err(errno) => {
                self.objects.remove(server);
                if errno == Errno::EAGAIN && !nonblock {
                    return Err(Fail::wait("connect", WaitKey::Obj(listener)));
                }
                Err(errno.into())
            }
        }
    }

    pub(crate) fn sys_shutdown(&mut self, tid: Tid, fd: Fd, how: u32) -> SysResult {
        let (id, _) = self.socket_of(tid, fd)?;
        let (read, write) = match how {
            0 => (true, false),
            1 => (false, true),
            2 => (true, true),
            _ => return Err(Errno::EINVAL.into()),
        };
        self.sockets.shutdown(id.0, read, write)?;
        self.object_changed(id);
        if let Some(peer) = self.sockets.peer(id.0) {
            self.object_changed(ObjId(peer));
        }
        Ok(Ret::None)
    }

    pub(crate) fn sys_sockname(&mut self, tid: Tid, fd: Fd, peer: bool) -> SysResult {
        if let (Some((id, _)), false) = (self.route_of(tid, fd), peer) {
            return self.route_name(id);
        }
        let (id, _) = self.socket_of(tid, fd)?;
        let addr = if peer {
            self.sockets.peer_name(id.0)?
        } else {
            self.sockets.name(id.0)?
        };
        Ok(Ret::SockAddr(addr))
    }

    pub(crate) fn sys_peercred(&mut self, tid: Tid, fd: Fd) -> SysResult {
        let (id, _) = self.socket_of(tid, fd)?;
        let mut cred = self.sockets.peer_owner(id.0)?;
        if cred.pid.0 != 0 {
            cred.pid = self.pid_for(tid, Tid(cred.pid.0));
        }
        Ok(Ret::Ucred(cred))
    }

    pub(crate) fn sys_getsockopt(&mut self, tid: Tid, fd: Fd, level: u32, name: u32) -> SysResult {
        let (id, _) = self.socket_of(tid, fd)?;
        if level != SOL_SOCKET {
            return Err(Errno::EOPNOTSUPP.into());
        }
        let value = match name {
            3 => SOCK_STREAM as i64,
            4 => 0,
            7 | 8 => crate::unix::SEND_BYTES_MAX as i64,
            30 => i64::from(self.sockets.is_listening(id.0)),
            38 => 0,
            39 => i64::from(AF_UNIX),
            1 | 2 | 6 | 9 | 15 | 16 => 0,
            _ => return Err(Errno::ENOPROTOOPT.into()),
        };
        Ok(Ret::Int(value))
    }

    pub(crate) fn sys_setsockopt(&mut self, tid: Tid, fd: Fd, level: u32, name: u32) -> SysResult {
        // Sizes are nothing to them either.
        if self.route_of(tid, fd).is_none() {
            self.socket_of(tid, fd)?;
        }
        if level != SOL_SOCKET {
            return Err(Errno::EOPNOTSUPP.into());
        }
        match name {
            // Sizes and reuse change nothing for these sockets.
            2 | 6 | 7 | 8 | 9 | 15 => Ok(Ret::None),
            _ => Err(Errno::ENOPROTOOPT.into()),
        }
    }

    // Calls of programs in memory.

    pub(super) fn read_sockaddr(&mut self, tid: Tid, addr: u64, len: u64) -> Result<SockAddr> {
        if !(2..=128).contains(&len) {
            return Err(Errno::EINVAL);
        }
        let bytes = self.read_bytes(tid, addr, len)?;
        let family = u16::from_le_bytes([bytes[0], bytes[1]]);
        let rest = &bytes[2..];
        if u32::from(family) != AF_UNIX {
            return Ok(SockAddr::Other(family, rest.to_vec()));
        }
        Ok(match rest.first() {
            None => SockAddr::UnixUnnamed,
            Some(0) => SockAddr::UnixAbstract(rest[1..].to_vec()),
            Some(_) => {
                let end = rest
                    .iter()
                    .position(|byte| *byte == 0)
                    .unwrap_or(rest.len());
                SockAddr::Unix(rest[..end].into())
            }
        })
    }

    pub(super) fn write_sockaddr(
        &mut self,
        tid: Tid,
        addr: u64,
        len_at: u64,
        name: &SockAddr,
    ) -> Result<()> {
        if addr == 0 {
            return Ok(());
        }
        let mut bytes = (AF_UNIX as u16).to_le_bytes().to_vec();
        match name {
            SockAddr::UnixUnnamed => {}
            SockAddr::Unix(path) => {
                bytes.extend_from_slice(path.as_bytes());
                bytes.push(0);
            }
            SockAddr::UnixAbstract(name) => {
                bytes.push(0);
                bytes.extend_from_slice(name);
            }
            SockAddr::Other(family, rest) => {
                bytes = family.to_le_bytes().to_vec();
                bytes.extend_from_slice(rest);
            }
        }
        let room = self.read_u32(tid, len_at)? as usize;
        self.write_user(tid, addr, &bytes[..bytes.len().min(room)])?;
        self.write_user(tid, len_at, &(bytes.len() as u32).to_le_bytes())
    }
}

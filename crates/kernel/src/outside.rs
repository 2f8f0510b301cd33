//! Connections from outside: a client of a unix socket of the machine whose descriptor the machine's owner holds, as it
//! holds a console's master end. And the keys that a machine's kernel itself listens to.
//!
//! To the program that serves the socket it is a connection like any other. Its peer is in no pid namespace of the
//! machine, so `SO_PEERCRED` tells pid 0, and it is root.

use crate::file::{Object, READABLE, WRITABLE};
use crate::ids::ObjId;
use crate::signal::SigInfo;
use crate::unix::SEND_BYTES_MAX;
use crate::{Input, Kernel};
use glassdock_abi::flags::PollEvents;
use glassdock_abi::types::{Ucred, signal as sig};
use glassdock_abi::{Errno, Pid, Result};
use glassdock_vfs::{At, Lookup};
use serde::{Deserialize, Serialize};

/// A connection from outside: a number that its owner chooses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct WireId(pub u32);

/// What its owner does with a connection.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Wire {
    /// Connects it to the socket of this path, as [`Kernel::wire_connect`].
    Connect(WireId, String),
    /// Sends bytes. What there is no room for is lost: [`Kernel::wire_room`] says how much there is.
    Bytes(WireId, Vec<u8>),
    /// Sends no more.
    Shut(WireId),
    /// Takes what was sent to it, as [`Kernel::wire_take`].
    Taken(WireId),
    /// Closes it.
    Cut(WireId),
}

impl Kernel {
    /// Connects to the unix socket of an absolute path. Counts as an input, also where it fails: `EEXIST` where the
    /// number is in use, `EAGAIN` where the socket's queue is full, and what `connect` tells of a path.
    pub fn wire_connect(&mut self, wire: WireId, path: &str) -> Result<()> {
        self.log_input(Input::Wire(Wire::Connect(wire, path.to_owned())));
        let connected = self.connect_wire(wire, path);
        self.publish();
        connected
    }

    /// Takes what programs sent to a connection. Counts as an input where there was something.
    pub fn wire_take(&mut self, wire: WireId) -> Vec<u8> {
        if self.wire_queued(wire) == 0 {
            return Vec::new();
        }
        self.log_input(Input::Wire(Wire::Taken(wire)));
        let taken = self.drain_wire(wire);
        self.publish();
        taken
    }

    /// Bytes that a connection has room for on the way in.
    pub fn wire_room(&self, wire: WireId) -> usize {
        let peer = self.wires.get(&wire).and_then(|id| self.sockets.peer(id.0));
        peer.map_or(0, |peer| {
            SEND_BYTES_MAX.saturating_sub(self.sockets.queued(peer))
        })
    }

    /// Bytes that programs sent to a connection and that wait to be taken.
    pub fn wire_queued(&self, wire: WireId) -> usize {
        let id = self.wires.get(&wire);
        id.map_or(0, |id| self.sockets.queued(id.0))
    }

    /// How a connection is, as `poll` tells it; `POLLNVAL` where there is none.
    pub fn wire_poll(&self, wire: WireId) -> PollEvents {
        let id = self.wires.get(&wire);
        id.map_or(PollEvents::NVAL, |id| self.sockets.poll(id.0))
    }

    pub(crate) fn use_wire(&mut self, what: Wire) {
        match what {
            // Who logged it was told how it ended.
            Wire::Connect(wire, path) => drop(self.connect_wire(wire, &path)),
            Wire::Bytes(wire, bytes) => self.send_wire(wire, &bytes),
            Wire::Shut(wire) => self.shut_wire(wire),
            Wire::Taken(wire) => drop(self.drain_wire(wire)),
            Wire::Cut(wire) => self.cut_wire(wire),
        }
    }

    fn connect_wire(&mut self, wire: WireId, path: &str) -> Result<()> {
        if self.wires.contains_key(&wire) {
            return Err(Errno::EEXIST);
        }
        let inode = self.with_kernel_vfs(|vfs, cx| {
            let place = vfs.lookup(cx, At::Cwd, path.as_bytes(), Lookup::FOLLOW)?;
            vfs.inode(place)
        })?;
        let listener = self.inode_objects.get(&inode).copied();
        let listener = listener.ok_or(Errno::ECONNREFUSED)?;
        // Before anything is made that would have to be unmade.
        self.sockets.hears(listener.0)?;
        let (client, server) = (
            self.objects.add(Object::Socket),
            self.objects.add(Object::Socket),
        );
        let owner = Ucred {
            pid: Pid(0),
            uid: 0,
            gid: 0,
        };
        self.sockets.create(client.0, owner, self.root_ns.net);
        self.sockets
            .connect(client.0, listener.0, server.0, owner)?;
        self.wires.insert(wire, client);
        for id in [server, listener, client] {
            self.object_changed(id);
        }
        Ok(())
    }

    fn send_wire(&mut self, wire: WireId, bytes: &[u8]) {
        let Some(id) = self.wires.get(&wire).copied() else {
            return;
        };
        let peer = self.sockets.peer(id.0);
        // It has no descriptors to pass, so none come back.
        let sent = self.sockets.send(id.0, bytes, Vec::new(), None);
        if let (Ok(_), Some(peer)) = (sent, peer) {
            self.object_changed_for(ObjId(peer), READABLE);
        }
    }

    fn shut_wire(&mut self, wire: WireId) {
        let Some(id) = self.wires.get(&wire).copied() else {
            return;
        };
        if self.sockets.shutdown(id.0, false, true).is_ok() {
            let peer = self.sockets.peer(id.0).map(ObjId);
            for id in peer.into_iter().chain([id]) {
                self.object_changed(id);
            }
        }
    }

    fn drain_wire(&mut self, wire: WireId) -> Vec<u8> {
        let mut bytes = Vec::new();
        let Some(id) = self.wires.get(&wire).copied() else {
            return bytes;
        };
        while self.sockets.queued(id.0) > 0 {
            let Ok(mut taken) = self.sockets.receive(id.0, usize::MAX, false) else {
                break;
            };
            bytes.append(&mut taken.data);
            // Nobody outside could use a file of the machine.
            for passed in taken.passed {
                let file = self.arrived(passed);
                self.put_file(file);
            }
        }
        self.object_changed_for(id, PollEvents::empty());
        if let Some(peer) = self.sockets.peer(id.0) {
            self.object_changed_for(ObjId(peer), WRITABLE);
        }
        bytes
    }

    fn cut_wire(&mut self, wire: WireId) {
        let Some(id) = self.wires.remove(&wire) else {
            return;
        };
        for file in self.close_socket(id) {
            self.put_file(file);
        }
    }

    /// The first process is told, and does what its own settings say (`ctrl_alt_del` of `kernel/reboot.c`).
    pub(crate) fn ctrl_alt_del(&mut self) {
        if let Some(init) = self.init {
            self.signal_process(init, SigInfo::kernel(sig::INT), true);
        }
    }
}

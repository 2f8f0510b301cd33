//! One client outside, and its connection inside.

use crate::machine::Machine;
use glassdock_abi::flags::{MsgFlags, PollEvents};
use glassdock_abi::types::PollFd;
use glassdock_abi::{Call, Errno, Fd, Io, OwnedFd, Result, Sys};
use glassdock_kernel::WireId;

/// Bytes that are read from a client at once; no more are read before the machine has taken them.
const READ_BYTES: u64 = 64 * 1024;
/// What a socket tells without being asked once its peer is gone or it is broken.
const GONE: PollEvents = PollEvents::HUP
    .union(PollEvents::ERR)
    .union(PollEvents::NVAL);

/// A client's connection. Each direction holds what its other end has no room for, and ends by itself.
pub(super) struct Connection<S: Sys> {
    wire: WireId,
    client: OwnedFd<S>,
    /// From the client, for the machine.
    inward: Vec<u8>,
    /// The client sends no more, and whether the machine knows.
    client_ended: bool,
    told_machine: bool,
    /// From the machine, for the client.
    outward: Vec<u8>,
    /// The machine sends no more, and the client knows.
    told_client: bool,
    /// The client reads no more.
    deaf: bool,
}

impl<S: Sys> Connection<S> {
    /// A client whose descriptor does not wait, connected in the machine.
    pub fn new(wire: WireId, client: OwnedFd<S>) -> Connection<S> {
        Connection {
            wire,
            client,
            inward: Vec::new(),
            client_ended: false,
            told_machine: false,
            outward: Vec::new(),
            told_client: false,
            deaf: false,
        }
    }

    /// The client's descriptor.
    pub fn fd(&self) -> Fd {
        self.client.fd()
    }

    /// What it waits for outside; nothing where only the machine can go on.
    pub fn waits_for(&self) -> Option<PollFd> {
        let mut events = PollEvents::empty();
        if self.inward.is_empty() && !self.client_ended {
            events |= PollEvents::IN;
        }
        if !self.outward.is_empty() {
            events |= PollEvents::OUT;
        }
        // A client that is gone would be told of again and again.
        let waits = !events.is_empty() || !self.deaf;
        waits.then_some(PollFd {
            fd: self.client.fd(),
            events,
        })
    }

    /// Moves what can be moved without waiting, in both directions; `ready` is what the client's socket told. Whether
    /// the connection goes on: its end inside is closed where it does not.
    pub async fn pump(&mut self, sys: &S, machine: &mut Machine, ready: PollEvents) -> bool {
        self.deaf |= ready.intersects(GONE);
        if self.inward.is_empty() && !self.client_ended && !ready.is_empty() {
            self.read(sys).await;
        }
        self.pump_inward(machine);
        self.pump_outward(sys, machine).await;
        let over = self.told_machine && (self.told_client || self.deaf)
            || self.told_client && machine.poll(self.wire).intersects(GONE);
        if over {
            machine.cut(self.wire);
        }
        !over
    }

    async fn read(&mut self, sys: &S) {
        match sys.read(self.client.fd(), READ_BYTES).await {
            Ok(bytes) if bytes.is_empty() => self.client_ended = true,
            Ok(bytes) => self.inward = bytes,
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            // Reset: what it had not sent will not come.
            Err(_) => (self.client_ended, self.deaf) = (true, true),
        }
    }

    fn pump_inward(&mut self, machine: &mut Machine) {
        if !self.inward.is_empty() {
            let sent = machine.send(self.wire, &self.inward);
            self.inward.drain(..sent);
            if machine.poll(self.wire).intersects(GONE) {
                self.inward.clear();
            }
        }
        if self.client_ended && self.inward.is_empty() && !self.told_machine {
            machine.shut(self.wire);
            self.told_machine = true;
        }
    }

    async fn pump_outward(&mut self, sys: &S, machine: &mut Machine) {
        if self.outward.is_empty() {
            self.outward = machine.receive(self.wire);
        }
        if !self.outward.is_empty() && !self.deaf {
            match self.write(sys).await {
                Ok(count) => drop(self.outward.drain(..count)),
                Err(Errno::EAGAIN | Errno::EINTR) => {}
                Err(_) => self.deaf = true,
            }
        }
        if self.deaf {
            self.outward.clear();
        }
        let ended = machine.poll(self.wire).intersects(PollEvents::RDHUP | GONE);
        if ended && self.outward.is_empty() && !machine.has_for(self.wire) && !self.told_client {
            // A client that is gone need not be told.
            let _ = sys.shutdown(self.client.fd(), 1).await;
            self.told_client = true;
        }
    }

    async fn write(&self, sys: &S) -> Result<usize> {
        let call = Call::Sendmsg {
            fd: self.client.fd(),
            data: self.outward.clone(),
            fds: Vec::new(),
            to: None,
            flags: MsgFlags::DONTWAIT | MsgFlags::NOSIGNAL,
        };
        let sent = sys.call(call).await?.int()?;
        usize::try_from(sent).map_err(|_| Errno::EPROTO)
    }
}

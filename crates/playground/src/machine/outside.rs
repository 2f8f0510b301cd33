//! Connections from outside to sockets of the machine, and its log and clock in the hands of who makes them.

use super::{Machine, Pace, Rest, Setup};
use crate::host::Images;
use crate::log::{Input, Record};
use glassdock_abi::flags::PollEvents;
use glassdock_abi::{Errno, Result};
use glassdock_kernel::{Wire, WireId};

/// Bytes of events that are held while nobody watches.
const UNWATCHED_RING_BYTES: usize = 2 << 20;

impl Machine {
    /// Starts a machine that nobody watches yet.
    ///
    /// # Errors
    /// What an image has wrong, in words.
    pub fn boot_unwatched(images: &Images, setup: Setup) -> core::result::Result<Machine, String> {
        Machine::boot_holding(images, setup, UNWATCHED_RING_BYTES)
    }

    /// Gives what came in since the last time, and forgets it: a log that somebody else keeps, or nobody.
    pub fn take_log(&mut self) -> Vec<Record> {
        self.kernel.forget_inputs();
        std::mem::take(&mut self.log)
    }

    /// Runs a turn. Where the machine waits for time alone, that has passed: for when nobody could tell the difference.
    pub fn hurry(&mut self) -> Pace {
        if let Rest::Idle(Some(next)) = self.rest {
            self.clock.rest_from(next);
        }
        self.turn()
    }

    /// So much time has passed outside since the machine was started, in nanoseconds. Idle time goes on as far as that did
    /// since the last word, and makes up for what the machine took to do things.
    pub fn clock(&mut self, nanos: u64) {
        let idle = self.is_idle();
        self.clock.tells(nanos, idle, self.kernel.now());
        if idle {
            self.clock.rest_from(nanos);
        }
    }

    /// Whether there is something to run before the next wait.
    pub fn is_running(&self) -> bool {
        self.rest == Rest::Running
    }

    /// Connects to the unix socket of an absolute path, under a number that is free.
    ///
    /// # Errors
    /// `EAGAIN` where too many wait to be accepted; `ENOTCONN` once the machine has stopped; what `connect` tells of a
    /// path.
    pub fn connect(&mut self, wire: WireId, path: &str) -> Result<()> {
        if self.rest == Rest::Halted {
            return Err(Errno::ENOTCONN);
        }
        self.pass_unseen();
        self.note(Input::Wire(Wire::Connect(wire, path.to_owned())));
        self.kernel.wire_connect(wire, path)
    }

    /// Sends as many of some bytes as there is room for; how many those were.
    pub fn send(&mut self, wire: WireId, bytes: &[u8]) -> usize {
        let count = self.kernel.wire_room(wire).min(bytes.len());
        if count > 0 {
            self.take(Input::Wire(Wire::Bytes(wire, bytes[..count].to_vec())));
        }
        count
    }

    /// Sends no more.
    pub fn shut(&mut self, wire: WireId) {
        self.take(Input::Wire(Wire::Shut(wire)));
    }

    /// Whether something was sent to a connection that was not taken yet.
    pub fn has_for(&self, wire: WireId) -> bool {
        self.kernel.wire_queued(wire) > 0
    }

    /// Takes what was sent to a connection.
    pub fn receive(&mut self, wire: WireId) -> Vec<u8> {
        if !self.has_for(wire) {
            return Vec::new();
        }
        self.pass_unseen();
        self.note(Input::Wire(Wire::Taken(wire)));
        self.kernel.wire_take(wire)
    }

    /// Closes a connection.
    pub fn cut(&mut self, wire: WireId) {
        self.take(Input::Wire(Wire::Cut(wire)));
    }

    /// How a connection is, as `poll` tells it.
    pub fn poll(&self, wire: WireId) -> PollEvents {
        self.kernel.wire_poll(wire)
    }

    /// Asks the machine to stop, as somebody at its keyboard would.
    pub fn ctrl_alt_del(&mut self) {
        self.take(Input::CtrlAltDel);
    }
}

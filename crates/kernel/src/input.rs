//! What comes into a machine from outside, and the log of it: with the same start, the same log gives the same events.

use crate::Kernel;
use crate::console::ConsoleId;
use crate::ids::Tid;
use crate::signal::SigInfo;
use glassdock_abi::types::{Winsize, signal as sig};
use serde::{Deserialize, Serialize};

/// Something from outside.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Input {
    /// Bytes typed into a console. What the terminal has no room for is lost, as on a real line.
    Bytes(ConsoleId, Vec<u8>),
    /// A console's window has another size.
    Resize(ConsoleId, Winsize),
    /// Virtual time has reached this many nanoseconds since boot; earlier times change nothing.
    Advance(u64),
    /// Every process but the first is killed.
    KillAll,
}

/// An input with the moment that it came at.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Logged {
    /// Virtual nanoseconds since boot.
    pub time: u64,
    /// Number of instructions and system calls done before: where within the time it came.
    pub after: (u64, u64),
    /// What came.
    pub input: Input,
}

impl Kernel {
    /// Takes an input, between two slices, and logs it.
    pub fn input(&mut self, input: Input) {
        self.input_log.push(Logged {
            time: self.time,
            after: (self.counters.instructions, self.counters.syscalls),
            input: input.clone(),
        });
        match input {
            Input::Bytes(console, bytes) => {
                self.type_into(console, &bytes);
            }
            Input::Resize(console, winsize) => self.resize_console(console, winsize),
            Input::Advance(time) => self.time = self.time.max(time),
            Input::KillAll => {
                let others: Vec<Tid> = self
                    .processes
                    .keys()
                    .copied()
                    .filter(|tgid| Some(*tgid) != self.init)
                    .collect();
                for tgid in others {
                    self.signal_process(tgid, SigInfo::kernel(sig::KILL), true);
                }
            }
        }
        self.publish();
    }

    /// All inputs so far.
    pub fn input_log(&self) -> &[Logged] {
        &self.input_log
    }
}

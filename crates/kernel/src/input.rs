//! What comes into a machine from outside, and the log of it: with the same start, the same log gives the same events.

use crate::Kernel;
use crate::config::INSTRUCTION_NS;
use crate::console::ConsoleId;
use crate::ids::Tid;
use crate::sched::{Limits, RunState};
use crate::signal::SigInfo;
use glassdock_abi::types::{Winsize, signal as sig};
use serde::{Deserialize, Serialize};

/// Instructions of one slice of a replay.
const REPLAY_SLICE: u64 = 10_000_000;

/// Something from outside.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Input {
    /// Bytes typed into a console. What the terminal has no room for waits, as with a terminal emulator whose write to
    /// the master end waits; what is too much for that too is lost.
    Bytes(ConsoleId, Vec<u8>),
    /// A console's window has another size.
    Resize(ConsoleId, Winsize),
    /// Virtual time has reached this many nanoseconds since boot; earlier times change nothing.
    Advance(u64),
    /// Every process but the first is killed.
    KillAll,
    /// What programs wrote to a console was taken away, which makes room for more.
    Taken(ConsoleId),
    /// Somebody outside uses a connection to a socket of the machine.
    #[cfg(feature = "outside")]
    Wire(crate::Wire),
    /// Ctrl, Alt and Delete are pressed together.
    #[cfg(feature = "outside")]
    CtrlAltDel,
}

/// An input with the moment that it came at.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Logged {
    /// Virtual nanoseconds since boot.
    pub time: u64,
    /// Whether everybody waited: then it came after all that happens at that time, else at the first moment of it.
    pub idle: bool,
    /// What came.
    pub input: Input,
}

impl Kernel {
    /// Takes an input, between two slices, and logs it.
    pub fn input(&mut self, input: Input) {
        self.log_input(input.clone());
        match input {
            Input::Bytes(console, bytes) => {
                self.type_into(console, &bytes);
            }
            Input::Resize(console, winsize) => self.resize_console(console, winsize),
            Input::Advance(time) => {
                self.time = self.time.max(time);
                // Whoever wakes up now did not want the processor meanwhile.
                self.sample_load();
            }
            Input::KillAll => {
                let others: Vec<Tid> = self
                    .processes
                    .keys()
                    .filter(|tgid| Some(*tgid) != self.init)
                    .collect();
                for tgid in others {
                    self.signal_process(tgid, SigInfo::kernel(sig::KILL), true);
                }
            }
            Input::Taken(console) => {
                self.drain_console(console);
            }
            #[cfg(feature = "outside")]
            Input::Wire(what) => self.use_wire(what),
            #[cfg(feature = "outside")]
            Input::CtrlAltDel => self.ctrl_alt_del(),
        }
        self.publish();
    }

    pub(crate) fn log_input(&mut self, input: Input) {
        self.input_log.push(Logged {
            time: self.time,
            idle: self.is_idle(),
            input,
        });
    }

    /// Does what a machine with the same start did: runs to each input's moment and takes it. What programs write to
    /// consoles meanwhile is thrown away where the log says that it was taken.
    pub fn replay(&mut self, log: &[Logged]) {
        for logged in log {
            if logged.idle {
                while self.run(Limits::slice(REPLAY_SLICE)) == RunState::Busy {}
            } else {
                let left = logged.time.saturating_sub(self.time);
                self.run(Limits::slice(left.div_ceil(INSTRUCTION_NS)));
            }
            self.input(logged.input.clone());
        }
    }

    /// All inputs so far, since they were last forgotten.
    pub fn input_log(&self) -> &[Logged] {
        &self.input_log
    }

    /// Forgets the inputs so far: their log is kept elsewhere, or by nobody.
    pub fn forget_inputs(&mut self) {
        self.input_log.clear();
    }
}

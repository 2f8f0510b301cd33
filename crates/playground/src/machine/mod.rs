//! A machine in a box: a kernel, what came into it, and what its watcher was told.
//!
//! [`Machine`] hears [`ToMachine`] messages, runs in turns, and gives [`FromMachine`] messages. A turn is a fixed amount
//! of work, and every input is logged with the number of turns before it: so a log leads another machine that was
//! started from the same images and [`Setup`] through the same events ([`Replay`]).
//!
//! It reads no clock: the watcher tells how far its own is ([`ToMachine::Clock`]), and while the machine is idle its
//! virtual time follows, as records of the log.

mod clock;
#[cfg(feature = "outside")]
mod outside;
mod replay;
mod screen;
mod watch;

pub use replay::{Diverged, Replay};

use crate::host::{self, Images};
use crate::log::{Input, Lines, Record};
use crate::protocol::{State, TerminalId, ToMachine};
use clock::Clock;
use glassdock_abi::types::Winsize;
use glassdock_kernel::{Config, ConsoleId, Input as KernelInput, Kernel, Limits, RunState};
use glassdock_trace::{Hash, TracerConfig};
use screen::Screen;
use serde::{Deserialize, Serialize};
use watch::Watch;

/// Instructions of a turn (built-in programs count by the time that they take): about a millisecond of work.
const TURN_INSTRUCTIONS: u64 = 100_000;
/// Bytes of events that a machine holds.
const RING_BYTES: usize = 48 << 20;
/// Size of the console until its watcher tells another.
const WINDOW: Winsize = Winsize {
    rows: 24,
    cols: 80,
    xpixel: 0,
    ypixel: 0,
};
/// What the watcher's terminal understands (xterm.js).
const TERM: &str = "xterm-256color";
/// Number of the host's console.
pub const CONSOLE: TerminalId = 0;

/// What a machine is started with, beside the images.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Setup {
    /// Seed of everything random.
    pub seed: u64,
    /// The real-time clock at the start, in nanoseconds since 1970.
    pub boot_time: u64,
}

impl Setup {
    fn config(self, ring_bytes: usize) -> Config {
        Config {
            seed: self.seed,
            boot_time: self.boot_time,
            trace: TracerConfig {
                ring_bytes,
                ..TracerConfig::default()
            },
            ..Config::default()
        }
    }
}

/// How a turn left a machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// There is more to run at once.
    Busy,
    /// Nothing to do until so many nanoseconds of the watcher's clock have passed, or for ever until input comes.
    Idle(Option<u64>),
    /// Everything has ended.
    Halted,
}

/// What a watcher asked for that a machine cannot do by itself: whoever owns it starts another one in its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wish {
    /// Go back to before this record of the log.
    Rewind(u64),
    /// Start anew.
    Restart,
}

/// A machine.
pub struct Machine {
    setup: Setup,
    kernel: Kernel,
    console: ConsoleId,
    log: Vec<Record>,
    lines: Lines,
    /// Rows and columns of the console.
    window: (u16, u16),
    turns: u64,
    /// Where it stands: after a turn that found nothing to do, that, and the virtual time of its next timer.
    rest: Rest,
    clock: Clock,
    screen: Screen,
    watch: Watch,
    wish: Option<Wish>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rest {
    Running,
    Idle(Option<u64>),
    Halted,
}

impl Machine {
    /// Starts a machine.
    ///
    /// # Errors
    /// What an image has wrong, in words.
    pub fn boot(images: &Images, setup: Setup) -> Result<Machine, String> {
        Machine::boot_holding(images, setup, RING_BYTES)
    }

    /// The same with so many bytes of events that are held for watchers.
    fn boot_holding(images: &Images, setup: Setup, bytes: usize) -> Result<Machine, String> {
        let config = setup.config(bytes);
        let (kernel, console) =
            host::boot(images, config, WINDOW, TERM).map_err(|error| error.to_string())?;
        Ok(Machine {
            setup,
            kernel,
            console,
            log: Vec::new(),
            lines: Lines::default(),
            window: (WINDOW.rows, WINDOW.cols),
            turns: 0,
            rest: Rest::Running,
            clock: Clock::default(),
            screen: Screen::default(),
            watch: Watch::default(),
            wish: None,
        })
    }

    /// What it was started with.
    pub fn setup(&self) -> Setup {
        self.setup
    }

    /// Everything that came in so far, unless its owner took it.
    pub fn log(&self) -> &[Record] {
        &self.log
    }

    /// The hash of all events so far.
    pub fn hash(&self) -> Hash {
        self.kernel.hash()
    }

    /// Whether a line is being typed at the console: keys came since the last Enter.
    pub fn is_typing(&self) -> bool {
        self.lines.is_typing()
    }

    /// What the console was written from a position on, as far back as it is kept.
    pub fn output_from(&self, position: u64) -> &[u8] {
        self.screen.from(position).1
    }

    /// How many bytes the console was written.
    pub fn output_end(&self) -> u64 {
        self.screen.end()
    }

    /// What the watcher asked for, once.
    pub fn take_wish(&mut self) -> Option<Wish> {
        self.wish.take()
    }

    /// Takes a message.
    pub fn hear(&mut self, message: ToMachine) {
        match message {
            ToMachine::Hello {
                version,
                events_from,
                output_from,
            } => self.greet(version, events_from, output_from),
            ToMachine::Input { terminal, bytes } if terminal == CONSOLE => {
                self.take(Input::Bytes { terminal, bytes });
            }
            ToMachine::Resize {
                terminal,
                rows,
                cols,
            } if terminal == CONSOLE && self.window != (rows, cols) => self.take(Input::Resize {
                terminal,
                rows,
                cols,
            }),
            // There is no other terminal yet, and a size that is no news is none.
            ToMachine::Input { .. } | ToMachine::Resize { .. } => {}
            ToMachine::Clock { nanos } => {
                self.clock.tells(nanos, self.is_idle(), self.kernel.now())
            }
            ToMachine::Undo => {
                self.wish = self.lines.last().map(Wish::Rewind).or(self.wish);
            }
            ToMachine::Restart => self.wish = Some(Wish::Restart),
        }
    }

    /// Runs a turn, or lets idle time pass as far as the watcher's clock allows.
    pub fn turn(&mut self) -> Pace {
        match self.rest {
            Rest::Halted => return Pace::Halted,
            Rest::Idle(Some(next)) if self.clock.reached(next) => self.pass(next),
            Rest::Idle(next) => return Pace::Idle(next.map(|next| self.clock.until(next))),
            Rest::Running => {}
        }
        self.run_turn();
        match self.rest {
            Rest::Running => Pace::Busy,
            Rest::Idle(next) => Pace::Idle(next.map(|next| self.clock.until(next))),
            Rest::Halted => Pace::Halted,
        }
    }

    fn run_turn(&mut self) {
        self.turns += 1;
        self.rest = match self.kernel.run(Limits::slice(TURN_INSTRUCTIONS)) {
            RunState::Busy => Rest::Running,
            RunState::Idle(next) => Rest::Idle(next),
            RunState::Halted => Rest::Halted,
        };
        let output = self.kernel.take_output(self.console);
        if !output.is_empty() {
            self.screen.write(&output);
            // Room in the terminal may be what somebody waits for.
            if self.is_idle() {
                self.rest = Rest::Running;
            }
        }
        if self.is_idle() {
            self.clock.rest_from(self.kernel.now());
        }
    }

    fn is_idle(&self) -> bool {
        matches!(self.rest, Rest::Idle(_))
    }

    /// An input from outside: idle time that has passed unseen comes first.
    fn take(&mut self, input: Input) {
        if self.rest == Rest::Halted {
            return;
        }
        self.pass_unseen();
        self.take_now(input);
    }

    /// Lets idle time pass that has passed outside.
    fn pass_unseen(&mut self) {
        if self.is_idle()
            && let Some(now) = self.clock.beyond(self.kernel.now())
        {
            self.pass(now);
        }
    }

    fn take_now(&mut self, input: Input) {
        if let Input::Bytes { bytes, .. } = &input {
            self.lines.typed(self.log.len() as u64, bytes);
        }
        self.apply(input);
    }

    fn pass(&mut self, until: u64) {
        self.apply(Input::Idle { until });
    }

    /// Logs an input and lets it happen.
    fn apply(&mut self, input: Input) {
        let happened = match &input {
            Input::Bytes { bytes, .. } => KernelInput::Bytes(self.console, bytes.clone()),
            Input::Resize { rows, cols, .. } => {
                self.window = (*rows, *cols);
                let size = Winsize {
                    rows: *rows,
                    cols: *cols,
                    ..Winsize::default()
                };
                KernelInput::Resize(self.console, size)
            }
            Input::Idle { until } => KernelInput::Advance(*until),
            #[cfg(feature = "outside")]
            Input::Wire(what) => KernelInput::Wire(what.clone()),
            #[cfg(feature = "outside")]
            Input::CtrlAltDel => KernelInput::CtrlAltDel,
        };
        self.note(input);
        self.kernel.input(happened);
    }

    /// Logs an input that is about to happen.
    fn note(&mut self, input: Input) {
        self.log.push(Record {
            turn: self.turns,
            input,
        });
        self.rest = Rest::Running;
    }

    /// How it is.
    pub fn state(&self) -> State {
        State {
            busy: self.rest == Rest::Running,
            halted: self.rest == Rest::Halted,
            next: match self.rest {
                Rest::Idle(next) => next,
                Rest::Running | Rest::Halted => None,
            },
            time: self.kernel.now(),
            events: self.kernel.tracer().written(),
            undoable: self.lines.count(),
            instructions: self.kernel.counters().executed(),
            hash: self.hash().0,
        }
    }
}

//! A machine and somebody who watches it as the page does.

#![allow(dead_code, reason = "each test uses its part")]

use glassdock_playground::host::Images;
use glassdock_playground::log::Record;
use glassdock_playground::machine::{Machine, Pace, Replay, Setup};
use glassdock_playground::protocol::{FromMachine, ToMachine, VERSION, decode};
#[cfg(not(target_arch = "wasm32"))]
use glassdock_playground::testing;
use glassdock_playground::viewer::Timeline;
use glassdock_trace::Event;

/// What every machine here is started with.
pub const SETUP: Setup = Setup {
    seed: 7,
    boot_time: 1_767_225_600_000_000_000,
};
/// More turns than any command here takes.
const TURNS: u32 = 200_000;

/// The images that the page loads.
pub struct Files {
    host: Vec<u8>,
    busybox: Vec<u8>,
}

impl Files {
    /// From where they are made.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn read() -> Files {
        Files {
            host: testing::image("host.tar.gz"),
            busybox: testing::image("busybox.tar.gz"),
        }
    }

    /// A browser has no files: they come with the test.
    #[cfg(target_arch = "wasm32")]
    pub fn read() -> Files {
        macro_rules! image {
            ($name:literal) => {
                include_bytes!(concat!(
                    env!("CARGO_MANIFEST_DIR"),
                    "/../../www/generated/images/",
                    $name
                ))
                .to_vec()
            };
        }
        Files {
            host: image!("host.tar.gz"),
            busybox: image!("busybox.tar.gz"),
        }
    }

    fn images(&self) -> Images<'_> {
        Images {
            host: &self.host,
            busybox: &self.busybox,
        }
    }
    /// A machine that has just been switched on.
    pub fn boot(&self) -> Machine {
        Machine::boot(&self.images(), SETUP).expect("boots")
    }
    /// A machine that a log has led to its end.
    pub fn replayed(&self, log: &[Record]) -> Machine {
        let mut machine = self.boot();
        let mut replay =
            Replay::new(&machine, log.to_vec()).expect("an empty log begins any other");
        while replay.step(&mut machine).expect("the same way") {}
        machine
    }
}

/// Somebody who watches a machine as the page does.
#[derive(Default)]
pub struct Watcher {
    /// What was told of events and lines.
    pub timeline: Timeline,
    /// All that was written to the terminal.
    pub screen: String,
    nanos: u64,
}

impl Watcher {
    /// Says how much was seen.
    pub fn greet(&self, machine: &mut Machine) {
        machine.hear(ToMachine::Hello {
            version: VERSION,
            events_from: self.timeline.end(),
            output_from: 0,
        });
    }
    /// Takes what the machine has to tell.
    pub fn hears(&mut self, machine: &mut Machine) {
        loop {
            let bytes = machine.take_messages(64 * 1024);
            if bytes.is_empty() {
                return;
            }
            for message in decode::<FromMachine>(&bytes).expect("messages") {
                self.hear(message);
            }
        }
    }
    fn hear(&mut self, message: FromMachine) {
        match message {
            FromMachine::Output { bytes, .. } => self.screen += &String::from_utf8_lossy(&bytes),
            FromMachine::Events { from, bytes, count } => {
                let events = decode::<Event>(&bytes).expect("events");
                assert_eq!(events.len(), count as usize);
                assert_eq!(from, self.timeline.end(), "no gap, nothing twice");
                self.timeline.push_events(from, events);
            }
            FromMachine::Rewound { events, .. } => {
                self.timeline.rewind(events);
                self.screen.clear();
            }
            _ => {}
        }
    }
    /// Runs the machine until it waits for input.
    pub fn settle(&mut self, machine: &mut Machine) {
        for _ in 0..TURNS {
            match machine.turn() {
                Pace::Busy => {}
                Pace::Idle(_) | Pace::Halted => return self.hears(machine),
            }
        }
        panic!("still busy:\n{}", self.screen);
    }
    /// Types key by key and gives what is written from then on, until a little after the last key.
    pub fn types(&mut self, machine: &mut Machine, keys: &str) -> String {
        let before = self.screen.len();
        for key in keys.chars() {
            machine.hear(ToMachine::Input {
                terminal: 0,
                bytes: key.to_string().into_bytes(),
            });
            self.settle(machine);
        }
        self.waits(machine, 100);
        self.screen[before..].to_owned()
    }
    /// Lets the watcher's clock go on, in steps as the page does.
    pub fn waits(&mut self, machine: &mut Machine, millis: u64) {
        for _ in 0..millis / 10 {
            self.nanos += 10_000_000;
            machine.hear(ToMachine::Clock { nanos: self.nanos });
            self.settle(machine);
        }
    }
    /// Waits for the shell's prompt.
    pub fn prompt(&mut self, machine: &mut Machine) {
        self.greet(machine);
        for _ in 0..1000 {
            self.waits(machine, 10);
            // The shell's line editor asks the terminal for its cursor's place after the prompt.
            if self.screen.trim_end_matches("\x1b[6n").ends_with("# ") {
                return;
            }
        }
        panic!("no prompt:\n{}", self.screen);
    }
}

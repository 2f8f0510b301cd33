//! A machine and its log: what is heard, what is told, and that a log leads to the same events.

use glassdock_playground::host::Images;
use glassdock_playground::log::{Input, Record};
use glassdock_playground::machine::{Machine, Pace, Replay, Setup, Wish};
use glassdock_playground::protocol::{FromMachine, ToMachine, VERSION, decode};
use glassdock_playground::viewer::Timeline;
use glassdock_trace::Event;
use std::path::Path;

const SETUP: Setup = Setup {
    seed: 7,
    boot_time: 1_767_225_600_000_000_000,
};
/// More turns than any command here takes.
const TURNS: u32 = 200_000;

struct Files {
    host: Vec<u8>,
    busybox: Vec<u8>,
}

impl Files {
    fn read() -> Files {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../www/generated/images");
        let read = |name: &str| {
            std::fs::read(folder.join(name)).expect("images are made by `cargo xtask images`")
        };
        Files {
            host: read("host.tar.gz"),
            busybox: read("busybox.tar.gz"),
        }
    }
    fn images(&self) -> Images<'_> {
        Images {
            host: &self.host,
            busybox: &self.busybox,
        }
    }
    fn boot(&self) -> Machine {
        Machine::boot(&self.images(), SETUP).expect("boots")
    }
    fn replayed(&self, log: &[Record]) -> Machine {
        let mut machine = self.boot();
        let mut replay =
            Replay::new(&machine, log.to_vec()).expect("an empty log begins any other");
        while replay.step(&mut machine).expect("the same way") {}
        machine
    }
}

/// Somebody who watches a machine as the page does.
#[derive(Default)]
struct Watcher {
    timeline: Timeline,
    screen: String,
    nanos: u64,
}

impl Watcher {
    fn greet(&self, machine: &mut Machine) {
        machine.hear(ToMachine::Hello {
            version: VERSION,
            events_from: self.timeline.end(),
            output_from: 0,
        });
    }
    fn hears(&mut self, machine: &mut Machine) {
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
    fn settle(&mut self, machine: &mut Machine) {
        for _ in 0..TURNS {
            match machine.turn() {
                Pace::Busy => {}
                Pace::Idle(_) | Pace::Halted => return self.hears(machine),
            }
        }
        panic!("still busy:\n{}", self.screen);
    }
    /// Types key by key and gives what is written from then on, until a little after the last key.
    fn types(&mut self, machine: &mut Machine, keys: &str) -> String {
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
    fn waits(&mut self, machine: &mut Machine, millis: u64) {
        for _ in 0..millis / 10 {
            self.nanos += 10_000_000;
            machine.hear(ToMachine::Clock { nanos: self.nanos });
            self.settle(machine);
        }
    }
    /// Waits for the shell's prompt.
    fn prompt(&mut self, machine: &mut Machine) {
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

#[test]
fn a_machine_shows_a_prompt_takes_keys_and_tells_every_event_once() {
    let files = Files::read();
    let (mut machine, mut watcher) = (files.boot(), Watcher::default());
    watcher.prompt(&mut machine);
    let shown = watcher.types(&mut machine, "echo a sea of $((6*7))\r");
    assert!(shown.contains("\r\na sea of 42\r\n"), "{shown}");
    assert_eq!(watcher.timeline.end(), machine.state().events);
    assert_eq!(watcher.timeline.folded().mismatches(), 0);
    let lines = watcher.timeline.lines();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].text.as_deref(), Some("echo a sea of $((6*7))"));
    assert!(lines[0].typed_at < lines[0].entered_at);
}

#[test]
fn idle_time_follows_the_watchers_clock_and_wakes_who_sleeps() {
    let files = Files::read();
    let (mut machine, mut watcher) = (files.boot(), Watcher::default());
    watcher.prompt(&mut machine);
    let shown = watcher.types(&mut machine, "sleep 2; echo awake\r");
    assert!(!shown.contains("\nawake"), "{shown}");
    watcher.waits(&mut machine, 1500);
    assert!(!watcher.screen.contains("\nawake"), "{}", watcher.screen);
    watcher.waits(&mut machine, 600);
    assert!(watcher.screen.contains("\nawake"), "{}", watcher.screen);
}

#[test]
fn a_log_leads_another_machine_through_the_same_events() {
    let files = Files::read();
    let (mut machine, mut watcher) = (files.boot(), Watcher::default());
    watcher.prompt(&mut machine);
    machine.hear(ToMachine::Resize {
        terminal: 0,
        rows: 30,
        cols: 100,
    });
    watcher.types(&mut machine, "for i in 1 2 3; do sleep 1; date; done\r");
    watcher.waits(&mut machine, 3500);
    watcher.types(&mut machine, "ls -l /etc | sort | head -3; stty size\r");
    assert!(watcher.screen.contains("30 100"), "{}", watcher.screen);
    let mut again = files.replayed(machine.log());
    let mut second = Watcher::default();
    second.greet(&mut again);
    second.settle(&mut again);
    second.hears(&mut again);
    assert_eq!(again.state(), machine.state());
    assert_eq!(second.screen, watcher.screen);
}

#[test]
fn undo_leads_back_to_before_the_last_line() {
    let files = Files::read();
    let (mut machine, mut watcher) = (files.boot(), Watcher::default());
    watcher.prompt(&mut machine);
    watcher.types(&mut machine, "echo kept > /tmp/f\r");
    let before = (machine.hash(), watcher.screen.clone());
    watcher.types(&mut machine, "rm /tmp/f\r");
    machine.hear(ToMachine::Undo);
    let Some(Wish::Rewind(record)) = machine.take_wish() else {
        panic!("no wish");
    };
    let mut back = files.replayed(&machine.log()[..record as usize]);
    watcher.greet(&mut back);
    watcher.settle(&mut back);
    assert_eq!((back.hash(), watcher.screen.clone()), before);
    assert_eq!(watcher.timeline.lines().len(), 1);
    assert_eq!(watcher.timeline.end(), back.state().events);
    let shown = watcher.types(&mut back, "cat /tmp/f\r");
    assert!(shown.contains("\nkept\r\n"), "{shown}");
}

#[test]
fn a_log_of_another_machine_is_noticed() {
    let files = Files::read();
    let mut machine = files.boot();
    let log = vec![Record {
        turn: 1_000_000,
        input: Input::Idle { until: 1 },
    }];
    let mut replay = Replay::new(&machine, log).expect("an empty log begins any other");
    let diverged = loop {
        match replay.step(&mut machine) {
            Ok(true) => {}
            other => break other,
        }
    };
    assert_eq!(diverged.unwrap_err().record, 0);
}

/// A command is what a shell read at its prompt, whatever else was typed, and whichever shell it was.
#[test]
fn commands_begin_where_a_shell_has_read_a_line() {
    let (mut machine, mut watcher) = (Files::read().boot(), Watcher::default());
    watcher.prompt(&mut machine);
    for (keys, millis) in [
        // The second line is typed while the first one sleeps.
        ("sleep 1; echo slept\recho ahead\r", 1500),
        // Keys that an editor and a pager of processes read.
        ("top\r", 300),
        ("q", 300),
        ("vi /tmp/note\r", 300),
        ("iseen through\x1b", 500),
        (":wq\r", 300),
        // Lines that a program reads.
        ("cat\r", 100),
        ("half a line\r\x04", 300),
        ("docker run --rm -it busybox sh\r", 500),
        ("hostname\r", 300),
        ("vi\r", 300),
        (":q\r", 300),
        ("exit\r", 500),
        // Corrected, completed, and brought back by the history's key.
        ("cat /etc/hostx\x7fna\t\r", 300),
        ("\x1b[A\x1b[A\r", 500),
        ("exit\r", 500),
    ] {
        watcher.types(&mut machine, keys);
        watcher.waits(&mut machine, millis);
    }
    // A line that is longer than a phone's screen is wide, and once more from the history.
    machine.hear(ToMachine::Resize {
        terminal: 0,
        rows: 24,
        cols: 30,
    });
    for keys in ["echo some words that fill a row and more\r", "\x1b[A\r"] {
        watcher.types(&mut machine, keys);
        watcher.waits(&mut machine, 300);
    }
    let lines = watcher.timeline.lines().iter();
    let texts: Vec<&str> = lines
        .map(|line| line.text.as_deref().unwrap_or("?"))
        .collect();
    assert_eq!(
        texts,
        [
            "sleep 1; echo slept",
            "echo ahead",
            "top",
            "vi /tmp/note",
            "cat",
            "docker run --rm -it busybox sh",
            "hostname",
            "vi",
            "exit",
            "cat /etc/hostname",
            "docker run --rm -it busybox sh",
            "exit",
            "echo some words that fill a row and more",
            "echo some words that fill a row and more",
        ]
    );
}

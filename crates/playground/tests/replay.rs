//! A machine and its log: what is heard, what is told, and that a log leads to the same events.

mod watched;

use glassdock_playground::log::{Input, Record};
use glassdock_playground::machine::{Replay, Wish};
use glassdock_playground::protocol::ToMachine;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;
use watched::{Files, Watcher};

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

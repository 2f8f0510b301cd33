//! The page's first lesson, as a log that is the same on every machine.

#[path = "../watched/mod.rs"]
mod watched;

use watched::{Files, Watcher};

/// What is typed at the prompt.
const LINE: &str = "docker run --rm busybox echo hi\r";
/// Virtual milliseconds in which the container has come and gone.
const MILLIS: u64 = 3000;

/// Boots, types the line, and gives what was shown after it and the hash of all events.
pub fn first_lesson() -> (String, String) {
    let files = Files::read();
    let (mut machine, mut watcher) = (files.boot(), Watcher::default());
    watcher.prompt(&mut machine);
    // The engine takes its image in while the learner reads.
    watcher.waits(&mut machine, MILLIS);
    let mut shown = watcher.types(&mut machine, LINE);
    let before = watcher.screen.len();
    watcher.waits(&mut machine, MILLIS);
    shown += &watcher.screen[before..];
    let mut replayed = files.replayed(machine.log());
    Watcher::default().settle(&mut replayed);
    assert_eq!(
        replayed.state(),
        machine.state(),
        "the log leads there, too"
    );
    (shown, format!("{:032x}", machine.hash().0))
}

//! The functions that the page's Worker (or Node, or an embedding page) calls.

use glassdock_playground::host::Images;
use glassdock_playground::log::records;
use glassdock_playground::machine::{CONSOLE, Machine, Pace, Replay, Setup, Wish};
use glassdock_playground::protocol::{FromMachine, Job, ToMachine, decode, encode};
use std::cell::RefCell;
use wasm_bindgen::prelude::wasm_bindgen;

/// Turns of a replay in one call: about as much work as one slice of the Worker.
const REPLAY_TURNS: u32 = 8;
/// What `turn` gives for a machine that has more to run.
const BUSY: f64 = -1.0;
/// What `turn` gives for one that waits for input alone, or has ended.
const WAITS: f64 = -2.0;
/// What `wish` gives when the machine is to start anew, and when nothing was asked for.
const RESTART: f64 = -1.0;
const NOTHING: f64 = -2.0;

#[derive(Default)]
struct Door {
    machine: Option<Machine>,
    replay: Option<Replay>,
}

thread_local! {
    static DOOR: RefCell<Door> = RefCell::default();
}

fn with<T: Default>(work: impl FnOnce(&mut Machine) -> T) -> T {
    DOOR.with_borrow_mut(|door| door.machine.as_mut().map(work).unwrap_or_default())
}

/// Starts a machine from the bytes of the images `host.tar.gz` and `busybox.tar.gz`, a seed, and the real-time clock
/// in milliseconds since 1970.
///
/// # Errors
/// What is wrong with an image, in words.
#[wasm_bindgen]
pub fn boot(host: &[u8], busybox: &[u8], seed: u32, millis: f64) -> Result<(), String> {
    let setup = Setup {
        seed: u64::from(seed),
        boot_time: millis as u64 * 1_000_000,
    };
    let machine = Machine::boot(&Images { host, busybox }, setup)?;
    DOOR.set(Door {
        machine: Some(machine),
        replay: None,
    });
    Ok(())
}

/// Hands over messages, encoded one after another. Gives false where they are none.
#[wasm_bindgen]
pub fn send(messages: &[u8]) -> bool {
    let Ok(messages) = decode::<ToMachine>(messages) else {
        return false;
    };
    with(|machine| {
        for message in messages {
            machine.hear(message);
        }
    });
    true
}

/// Types at the console, before somebody speaks in messages.
#[wasm_bindgen]
pub fn typed(bytes: &[u8]) {
    with(|machine| {
        machine.hear(ToMachine::Input {
            terminal: CONSOLE,
            bytes: bytes.to_vec(),
        });
    });
}

/// Tells the console's size in rows and columns, before somebody speaks in messages.
#[wasm_bindgen]
pub fn sized(rows: u16, cols: u16) {
    with(|machine| {
        machine.hear(ToMachine::Resize {
            terminal: CONSOLE,
            rows,
            cols,
        });
    });
}

/// What the console was written from a position on, as far as it is kept.
#[wasm_bindgen]
pub fn shown(from: f64) -> Vec<u8> {
    with(|machine| machine.output_from(from as u64).to_vec())
}

/// How many bytes the console was written.
#[wasm_bindgen]
pub fn written() -> f64 {
    with(|machine| machine.output_end()) as f64
}

/// Tells the machine how far the watcher's clock is, in milliseconds.
#[wasm_bindgen]
pub fn clock(millis: f64) {
    let nanos = (millis * 1_000_000.0) as u64;
    with(|machine| machine.hear(ToMachine::Clock { nanos }));
}

/// Runs a turn. Gives -1 where there is more to run, -2 where nothing is to be done until input comes, else how many
/// milliseconds of the watcher's clock until there is.
#[wasm_bindgen]
pub fn turn() -> f64 {
    match with(|machine| Some(machine.turn())) {
        Some(Pace::Busy) => BUSY,
        Some(Pace::Idle(Some(nanos))) => nanos as f64 / 1_000_000.0,
        Some(Pace::Idle(None) | Pace::Halted) | None => WAITS,
    }
}

/// What is new, as messages encoded one after another, events up to about `limit` bytes; empty where nothing is.
#[wasm_bindgen]
pub fn take(limit: u32) -> Vec<u8> {
    with(|machine| machine.take_messages(limit as usize))
}

/// How many events the watcher has not been told yet.
#[wasm_bindgen]
pub fn untold() -> f64 {
    with(|machine| machine.untold()) as f64
}

/// What the watcher asked for that needs another machine, once: the number of the log's record to go back to, -1 to
/// start anew, -2 for nothing.
#[wasm_bindgen]
pub fn wish() -> f64 {
    match with(Machine::take_wish) {
        Some(Wish::Rewind(record)) => record as f64,
        Some(Wish::Restart) => RESTART,
        None => NOTHING,
    }
}

/// Whether a line is being typed.
#[wasm_bindgen]
pub fn typing() -> bool {
    with(|machine| machine.is_typing())
}

/// How many lines were entered.
#[wasm_bindgen]
pub fn entered() -> u32 {
    with(|machine| machine.state().undoable)
}

/// How many records the log has.
#[wasm_bindgen]
pub fn logged() -> f64 {
    with(|machine| machine.log().len()) as f64
}

/// The records of the log from one on, up to before another, encoded one after another.
#[wasm_bindgen]
pub fn log(from: f64, to: f64) -> Vec<u8> {
    with(|machine| {
        let mut bytes = Vec::new();
        let records = machine.log().iter().take(to as usize).skip(from as usize);
        for record in records {
            encode(record, &mut bytes);
        }
        bytes
    })
}

/// The hash of all events so far, in hexadecimal.
#[wasm_bindgen]
pub fn hash() -> String {
    with(|machine| {
        let bytes = machine.hash().0.to_be_bytes();
        let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
        let digits = bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]);
        digits.collect()
    })
}

/// Begins to lead the machine through a log; [`replay`] goes on with it. A last record that was cut short is left out.
///
/// # Errors
/// Where the machine's own log is not the beginning of this one.
#[wasm_bindgen]
pub fn lead(log: &[u8]) -> Result<(), String> {
    let records = records(log);
    DOOR.with_borrow_mut(|door| {
        let machine = door.machine.as_ref().ok_or("no machine")?;
        door.replay = Some(Replay::new(machine, records).map_err(|error| error.to_string())?);
        Ok(())
    })
}

/// Leads the machine some way through the log. Gives a message that says how far it is, or nothing once it is through.
///
/// # Errors
/// Where the machine goes another way than the log's.
#[wasm_bindgen]
pub fn replay() -> Result<Vec<u8>, String> {
    DOOR.with_borrow_mut(|door| {
        let Door {
            machine: Some(machine),
            replay: Some(replay),
        } = door
        else {
            return Ok(Vec::new());
        };
        for _ in 0..REPLAY_TURNS {
            if !replay.step(machine).map_err(|error| error.to_string())? {
                door.replay = None;
                return Ok(Vec::new());
            }
        }
        let (done, total) = replay.progress();
        let job = Job::Replay;
        let mut bytes = Vec::new();
        encode(&FromMachine::Progress { job, done, total }, &mut bytes);
        Ok(bytes)
    })
}

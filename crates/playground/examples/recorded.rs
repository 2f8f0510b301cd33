//! Writes what a machine says during `ls` and `docker run`, for tests of the interface without a machine.

use glassdock_playground::protocol::{FromMachine, State, VERSION, encode, events_message};
use glassdock_playground::viewer::fixture;
use std::io::Write;

fn main() -> std::io::Result<()> {
    let mut writer = fixture::booted();
    fixture::ls(&mut writer);
    fixture::docker_run(&mut writer);
    if let Some(count) = std::env::args().nth(1).and_then(|text| text.parse().ok()) {
        fixture::busy(&mut writer, count);
    }
    let events = writer.events();
    let mut bytes = Vec::new();
    let hello = FromMachine::Hello {
        version: VERSION,
        name: "glassdock".to_owned(),
        base: 0,
        written: 0,
        rewinds: true,
    };
    encode(&hello, &mut bytes);
    encode(&events_message(0, &events), &mut bytes);
    for line in &writer.lines {
        encode(&FromMachine::Line(line.clone()), &mut bytes);
    }
    let screen = b"/ # ls /etc\r\ngroup    hostname passwd   profile\r\n/ # docker run --rm -it busybox sh\r\n/ # ";
    encode(
        &FromMachine::Output {
            terminal: 0,
            at: 0,
            bytes: screen.to_vec(),
        },
        &mut bytes,
    );
    let state = State {
        events: events.len() as u64,
        undoable: writer.lines.len() as u32,
        ..State::default()
    };
    encode(&FromMachine::State(state), &mut bytes);
    std::io::stdout().write_all(&bytes)
}

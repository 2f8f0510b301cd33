//! The machine on a terminal's terms: boots, types each argument as a line at the console, and prints what is shown.
//! `cargo run -p glassdock-playground --example machine -- 'docker run --rm busybox echo hello'`
//!
//! With `TRACE=1`, the events of the last line follow.

use glassdock_abi::types::Winsize;
use glassdock_kernel::{Config, ConsoleId, Input, Kernel, Limits, RunState};
use glassdock_playground::host::{self, Images};
use std::io::Write;
use std::time::Instant;

/// Instructions of one slice.
const SLICE: u64 = 5_000_000;
/// Virtual nanoseconds that a line may wait for something.
const PATIENCE: u64 = 60_000_000_000;
/// What the shell shows when it waits for a line.
const PROMPT: &[u8] = b"# \x1b[6n";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../www/generated/images");
    let host = std::fs::read(format!("{folder}/host.tar.gz"))?;
    let busybox = std::fs::read(format!("{folder}/busybox.tar.gz"))?;
    let images = Images {
        host: &host,
        busybox: &busybox,
    };
    let window = Winsize {
        rows: 24,
        cols: 160,
        xpixel: 0,
        ypixel: 0,
    };
    let begin = Instant::now();
    let (mut kernel, console) = host::boot(&images, Config::default(), window, "xterm")?;
    eprintln!("put together in {:?}", begin.elapsed());
    until_prompt(&mut kernel, console)?;
    eprintln!("\nprompt after {:?}", begin.elapsed());
    while kernel.run(Limits::slice(SLICE)) == RunState::Busy {}
    eprintln!(
        "at rest after {:?}, {:?}",
        begin.elapsed(),
        kernel.counters()
    );
    let mut from = kernel.tracer().written();
    for line in std::env::args().skip(1) {
        from = kernel.tracer().written();
        let (begin, before, virtual_before) = (Instant::now(), kernel.counters(), kernel.now());
        kernel.input(Input::Bytes(console, format!("{line}\n").into_bytes()));
        until_prompt(&mut kernel, console)?;
        let (now, after) = (begin.elapsed(), kernel.counters());
        eprintln!(
            "\n{now:?}: {} instructions, {} calls, {} faults, {} events, {} ms virtual",
            after.instructions - before.instructions,
            after.syscalls - before.syscalls,
            after.page_faults - before.page_faults,
            kernel.tracer().written() - from,
            (kernel.now() - virtual_before) / 1_000_000,
        );
    }
    if std::env::var_os("TRACE").is_some() {
        for (at, event) in kernel.tracer().read(from, usize::MAX) {
            println!("{at} {event:?}");
        }
    }
    Ok(())
}

/// Runs until the shell waits for a line, jumping from timer to timer.
fn until_prompt(kernel: &mut Kernel, console: ConsoleId) -> std::io::Result<()> {
    let until = kernel.now().saturating_add(PATIENCE);
    let mut shown = Vec::new();
    loop {
        let state = kernel.run(Limits::slice(SLICE));
        let out = kernel.take_output(console);
        std::io::stdout().write_all(&out)?;
        std::io::stdout().flush()?;
        shown.extend_from_slice(&out);
        if shown.ends_with(PROMPT) {
            return Ok(());
        }
        match state {
            RunState::Idle(Some(next)) if next <= until => kernel.input(Input::Advance(next)),
            RunState::Busy => {}
            _ if out.is_empty() => return Ok(()),
            _ => {}
        }
    }
}

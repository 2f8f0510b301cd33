//! `cargo run -p glassdock-tests --example script -- FILE [calls]`: what a script yields on the simulated kernel, and
//! with `calls` the system calls that it made, as they came.

use anyhow::{Context, Result};
use glassdock_tests::simulated;
use glassdock_tests::userland::{Script, stage};
use glassdock_trace::{Event, EventKind, Layer, SpanId};
use std::collections::BTreeMap;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let name = args.next().context("which script?")?;
    let text = std::fs::read_to_string(&name).with_context(|| format!("reading {name}"))?;
    let calls = args.next().is_some_and(|arg| arg == "calls");
    let mut open = BTreeMap::new();
    let watch = |event: Event| show(&mut open, event);
    let stage = stage(&Script { name, text })?;
    let outcome = if calls {
        simulated::run_watched(stage, Box::new(watch))?
    } else {
        simulated::run(stage)?
    };
    println!("{outcome:?}");
    Ok(())
}

/// Prints a call when it ends, and notes as they come.
fn show(open: &mut BTreeMap<SpanId, String>, event: Event) {
    match event.kind {
        EventKind::Enter {
            span,
            layer: Layer::Syscall,
            pid,
            name,
            args,
            ..
        } => {
            open.insert(span, format!("{pid} {name} {args:?}"));
        }
        EventKind::Exit { span, outcome } => {
            if let Some(call) = open.remove(&span) {
                eprintln!("{call} = {outcome:?}");
            }
        }
        EventKind::Note { key, args, .. } => eprintln!("note: {key} {args:?}"),
        EventKind::Enter { .. } | EventKind::Delta { .. } => {}
    }
}

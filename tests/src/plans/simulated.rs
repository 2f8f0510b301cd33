//! The run on the simulated kernel, out of its trace.

use super::follow::text;
use super::{Document, EXCLUDED, Run, Seen, cases, drive};
use anyhow::{Result, anyhow};
use glassdock_abi::Ret;
use glassdock_kernel::{Config, ImportNode, testing};
use glassdock_trace::{Args, Event, EventKind, Layer, Outcome, SpanId};
use std::collections::BTreeMap;

/// Directories of a run, below the base.
pub const DIRS: [&str; 12] = [
    "rootfs/bin",
    "rootfs/etc",
    "rootfs/tmp",
    "rootfs/proc",
    "rootfs/dev",
    "rootfs/sys",
    "rootfs/mnt/0",
    "rootfs/mnt/1",
    "sources/0",
    "sources/1",
    "empty",
    "groups",
];
/// Programs in the root.
pub const APPLETS: [&str; 2] = ["sh", "true"];
const SLICES: u32 = 2_000;

/// Runs a document and takes what the trace tells.
///
/// # Errors
/// Where it fails.
pub fn run(document: &Document) -> Result<Run> {
    let busybox = std::fs::read("/bin/busybox")?;
    let base = cases::base();
    let base = base.trim_start_matches('/');
    let mut files = Vec::new();
    let mut known = std::collections::BTreeSet::new();
    for dir in DIRS {
        let mut path = String::new();
        for part in format!("{base}/{dir}").split('/') {
            path = format!("{path}{}{part}", if path.is_empty() { "" } else { "/" });
            if known.insert(path.clone()) {
                files.push((path.clone(), 0o755, ImportNode::Directory));
            }
        }
    }
    let bin = |name: &str| format!("{base}/rootfs/bin/{name}");
    files.push((bin("busybox"), 0o755, ImportNode::File(&busybox)));
    for applet in APPLETS {
        files.push((bin(applet), 0o777, ImportNode::Symlink(b"busybox")));
    }
    let mut config = Config::default();
    config.trace.record = true;
    let mut kernel = testing::host(config, &[], files);
    let mut events = Vec::new();
    let mut told = 0;
    let document = document.clone();
    let first = |task| async move { drive(&task, &document).await };
    let done = testing::run(&mut kernel, SLICES, first, |kernel| {
        for (number, event) in kernel.tracer().read(told, usize::MAX) {
            told = number + 1;
            events.push(event);
        }
    });
    done.map_err(|error| anyhow!("{error}"))?
        .map_err(|error| anyhow!(error))?;
    let calls = calls(&events);
    let driver = calls
        .values()
        .find(|seen| seen.iter().any(|call| call.name == "clone3"))
        .ok_or_else(|| anyhow!("no process makes others"))?;
    super::strace::split(driver, &calls)
}

/// The system calls of each process, in order.
fn calls(events: &[Event]) -> BTreeMap<i64, Vec<Seen>> {
    let mut open: BTreeMap<SpanId, (i64, usize)> = BTreeMap::new();
    let mut all: BTreeMap<i64, Vec<Seen>> = BTreeMap::new();
    for event in events {
        match &event.kind {
            EventKind::Enter {
                span,
                layer: Layer::Syscall,
                pid,
                args: Args::Call(call),
                ..
            } if !EXCLUDED.contains(&call.name()) => {
                let calls = all.entry(i64::from(*pid)).or_default();
                open.insert(*span, (i64::from(*pid), calls.len()));
                calls.push(Seen {
                    name: call.name().to_owned(),
                    args: text(call),
                    result: Ok(0),
                });
            }
            EventKind::Exit { span, outcome } => {
                let Some((pid, at)) = open.remove(span) else {
                    continue;
                };
                if let Some(seen) = all.get_mut(&pid).and_then(|calls| calls.get_mut(at)) {
                    ended(seen, outcome);
                }
            }
            _ => {}
        }
    }
    all
}

fn ended(seen: &mut Seen, outcome: &Outcome) {
    match outcome {
        Outcome::Errno(errno) => seen.result = Err(*errno),
        Outcome::Int(number) => seen.result = Ok(*number),
        Outcome::Ret(ret) => match &**ret {
            Ret::Fd(fd) => seen.result = Ok(fd.0.into()),
            Ret::Pid(pid) => seen.result = Ok(pid.0.into()),
            Ret::Fds([one, other]) => seen.args = format!("[{}, {}]", one.0, other.0),
            _ => {}
        },
        _ => {}
    }
}

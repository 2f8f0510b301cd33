//! The trace tells everything, and tells the same each time.

mod common;
mod scenarios;

use glassdock_abi::types::Winsize;
use glassdock_kernel::{Config, Input, Kernel, Limits, RunState};
use glassdock_trace::{Delta, Event, EventKind, SpanId, Tracer, World};
use scenarios::{SCENARIOS, SLICE, Scenario};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Events read at a time.
const BATCH: usize = 4096;

/// Follows a machine by its trace alone.
#[derive(Default)]
struct Follower {
    world: World,
    deltas: Vec<Delta>,
    next: u64,
    time: u64,
    /// Open spans, with the layer and name.
    open: BTreeMap<SpanId, String>,
}

impl Follower {
    fn follow(&mut self, tracer: &Tracer) {
        loop {
            let events = tracer.read(self.next, BATCH);
            if events.is_empty() {
                return;
            }
            for (number, event) in events {
                assert_eq!(number, self.next, "nothing was dropped");
                self.next += 1;
                self.take(event);
            }
        }
    }

    fn take(&mut self, event: Event) {
        assert!(event.time >= self.time, "time goes forwards");
        self.time = event.time;
        match event.kind {
            EventKind::Delta { delta, .. } => {
                self.world.apply(delta.clone()).expect("a delta fits");
                self.deltas.push(delta);
            }
            EventKind::Enter {
                span, parent, name, ..
            } => {
                if let Some(parent) = parent {
                    assert!(parent < span, "{name}: a parent opens first");
                }
                let twice = self.open.insert(span, name.into_owned());
                assert_eq!(twice, None);
            }
            EventKind::Exit { span, .. } => {
                assert!(self.open.remove(&span).is_some(), "{span:?} ends once");
            }
            EventKind::Note { .. } => {}
        }
    }

    /// What the trace told is what the kernel is.
    fn compare(&self, kernel: &Kernel, scenario: &Scenario) {
        let wrong = self.world.differences(&kernel.inspect());
        assert!(
            wrong.is_empty(),
            "{}, at {} ns: the kernel changed and did not tell, or told and did not change:\n{wrong:#?}",
            scenario.name,
            kernel.now()
        );
    }
}

/// Runs a test on every scenario, as many at a time as there are processors, and says for which ones it fails.
fn each(test: impl Fn(&Scenario, &[u8]) + Sync) {
    let busybox = common::busybox();
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(scenario) = SCENARIOS.get(next.fetch_add(1, Ordering::Relaxed)) {
            let run = AssertUnwindSafe(|| test(scenario, &busybox));
            if catch_unwind(run).is_err() {
                failed.lock().expect("a list").push(scenario.name);
            }
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner().expect("a list");
    assert!(failed.is_empty(), "failed: {failed:#?}");
}

#[test]
fn no_state_changes_without_its_delta_and_deltas_lead_back_to_the_start() {
    each(|scenario, busybox| {
        let mut follower = Follower::default();
        let (kernel, _) = scenarios::run(scenario, busybox, 20_000, |kernel| {
            follower.follow(kernel.tracer());
            follower.compare(kernel, scenario);
        });
        assert_eq!(
            kernel.tracer().base(),
            0,
            "{}: the ring held all",
            scenario.name
        );
        for delta in follower.deltas.into_iter().rev() {
            follower.world.undo(delta).expect("a delta can be undone");
        }
        assert_eq!(follower.world, World::default(), "{}", scenario.name);
    });
}

/// Events of two runs up to the first difference, for a message.
fn first_difference(one: &Kernel, other: &Kernel) -> String {
    let mut at = 0;
    loop {
        let (left, right) = (one.tracer().read(at, BATCH), other.tracer().read(at, BATCH));
        if let Some((a, b)) = left.iter().zip(&right).find(|(a, b)| a != b) {
            return format!("event {}:\n{:?}\n{:?}", a.0, a.1, b.1);
        }
        if left.len() != right.len() || left.is_empty() {
            return format!(
                "{} and {} events",
                one.tracer().written(),
                other.tracer().written()
            );
        }
        at += left.len() as u64;
    }
}

fn assert_same(scenario: &Scenario, what: &str, one: &Kernel, other: &Kernel) {
    assert!(
        one.hash() == other.hash(),
        "{}, {what}: {}",
        scenario.name,
        first_difference(one, other)
    );
}

#[test]
fn the_same_machine_twice_gives_the_same_events_whatever_the_slices() {
    each(|scenario, busybox| {
        let (first, seen) = scenarios::run(scenario, busybox, SLICE, |_| {});
        for slice in [SLICE, 1_234, 77_777, u64::MAX / 1000] {
            let (again, seen_again) = scenarios::run(scenario, busybox, slice, |_| {});
            assert_same(scenario, &format!("slices of {slice}"), &first, &again);
            assert_eq!(seen, seen_again, "{}", scenario.name);
            assert_eq!(first.counters(), again.counters(), "{}", scenario.name);
        }
    });
}

#[test]
fn the_log_of_inputs_gives_the_same_events_again() {
    each(|scenario, busybox| {
        let mut cuts = 0_u32;
        let mut seen = None;
        // Inputs in the middle of turns too: a window that changes its size at odd moments.
        let (mut kernel, console) = scenarios::machine(scenario, busybox, Config::default());
        for step in 0..60_u16 {
            if kernel.run(Limits::jumping(20_011)) == RunState::Halted {
                break;
            }
            cuts += u32::from(step % 3 == 0);
            if step % 3 == 0 {
                let size = Winsize {
                    rows: 20 + step,
                    cols: 80,
                    xpixel: 0,
                    ypixel: 0,
                };
                kernel.input(Input::Resize(console, size));
            }
            if step % 7 == 0 {
                seen = Some(kernel.take_output(console));
            }
        }
        assert!(cuts > 0 && seen.is_some());
        let again = scenarios::replay(scenario, busybox, kernel.input_log());
        let end = kernel.now();
        let mut again = again;
        again.run(Limits::slice((end - again.now()).div_ceil(10)));
        assert_same(scenario, "replayed", &kernel, &again);
        assert_eq!(kernel.input_log(), again.input_log(), "{}", scenario.name);
    });
}

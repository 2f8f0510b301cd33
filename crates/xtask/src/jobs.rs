//! Slow steps side by side, with the time each has taken shown while they run.

use std::io::{IsTerminal, Write};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

/// One slow step.
pub struct Job {
    /// What a person reads while it runs.
    pub label: String,
    /// The work.
    pub work: Box<dyn FnOnce() -> Result<()> + Send>,
}

impl Job {
    /// A step with its label.
    pub fn new(
        label: impl Into<String>,
        work: impl FnOnce() -> Result<()> + Send + 'static,
    ) -> Self {
        Self {
            label: label.into(),
            work: Box::new(work),
        }
    }
}

/// How often a log without a terminal hears that a step is still running.
const STILL_RUNNING: Duration = Duration::from_secs(60);

/// Runs all steps at once and waits for all; the first failure is the error.
pub fn run_together(jobs: Vec<Job>) -> Result<()> {
    if jobs.is_empty() {
        return Ok(());
    }
    let terminal = std::io::stderr().is_terminal();
    let start = Instant::now();
    let mut running: Vec<String> = jobs.iter().map(|job| job.label.clone()).collect();
    for label in &running {
        eprintln!("  … {label}");
    }
    let mut first_error = None;
    std::thread::scope(|scope| {
        let (done, finished) = mpsc::channel();
        for job in jobs {
            let done = done.clone();
            scope.spawn(move || {
                let began = Instant::now();
                let result = (job.work)();
                // Receiving ends only after every job has reported.
                let _ = done.send((job.label, result, began.elapsed()));
            });
        }
        drop(done);
        let mut said = Instant::now();
        while !running.is_empty() {
            let pause = Duration::from_millis(if terminal { 500 } else { 5000 });
            match finished.recv_timeout(pause) {
                Ok((label, result, took)) => {
                    clear(terminal);
                    running.retain(|other| *other != label);
                    let mark = if result.is_ok() { "✓" } else { "✗" };
                    eprintln!("  {mark} {label} ({})", seconds(took));
                    if let Err(error) = result {
                        first_error.get_or_insert(anyhow!("{label}: {error:#}"));
                    }
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    if terminal {
                        clear(true);
                        eprint!("  {} {}", seconds(start.elapsed()), running.join(", "));
                        let _ = std::io::stderr().flush();
                    } else if said.elapsed() >= STILL_RUNNING {
                        said = Instant::now();
                        let all = running.join(", ");
                        eprintln!("  … {} still running: {all}", seconds(start.elapsed()));
                    }
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
        }
    });
    first_error.map_or(Ok(()), Err)
}

fn clear(terminal: bool) {
    if terminal {
        eprint!("\r\x1b[2K");
    }
}

/// A duration as a person says it: `0.8 s`, `42 s`, `3 min 5 s`.
pub fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        whole @ 10..60 => format!("{whole} s"),
        whole => format!("{} min {} s", whole / 60, whole % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn one_failure_does_not_stop_the_others_and_is_named() {
        let count = Arc::new(AtomicU32::new(0));
        let job = |label: &str, fails: bool| {
            let count = Arc::clone(&count);
            Job::new(label, move || {
                count.fetch_add(1, Ordering::SeqCst);
                if fails {
                    bail!("no such thing")
                }
                Ok(())
            })
        };
        let error = run_together(vec![job("a", false), job("b", true), job("c", false)]);
        assert_eq!(error.unwrap_err().to_string(), "b: no such thing");
        assert_eq!(count.load(Ordering::SeqCst), 3);
    }

    #[test]
    fn durations_read_naturally() {
        assert_eq!(seconds(Duration::from_millis(800)), "0.8 s");
        assert_eq!(seconds(Duration::from_secs(42)), "42 s");
        assert_eq!(seconds(Duration::from_secs(185)), "3 min 5 s");
    }
}

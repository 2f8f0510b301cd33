//! What a container costs the machine beside the program in it: engine, runtime, kernel and trace, natively.
//!
//! Needs the images of `cargo xtask images`. Times are those that the processor spent, so that other programs on the
//! machine disturb little; of several runs the quickest counts. To see where the instructions go, run the built target
//! under callgrind with `--toggle-collect='*containers::measured*'`; a number as argument is then how many loops are run.

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    measure::run()
}

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
mod measure {
    use glassdock_playground::host::Images;
    use glassdock_playground::machine::{Machine, Pace, Setup};
    use glassdock_playground::protocol::{FromMachine, ToMachine, VERSION, decode};
    use nix::sys::resource::{UsageWho, getrusage};
    use std::error::Error;

    /// How often the shell's loop is run, unless the argument says so.
    const LOOPS: usize = 15;
    /// Turns of the loop.
    const TIMES: u64 = 20;
    /// Bytes of events that are taken at once.
    const BATCH: usize = 256 * 1024;
    /// What the shell shows when it waits for a line.
    const PROMPT: &str = "# \u{1b}[6n";
    const PROGRAMS: [&str; 2] = ["docker run --rm busybox true", "busybox true"];

    pub fn run() -> Result<(), Box<dyn Error>> {
        let loops = std::env::args()
            .skip(1)
            .find_map(|arg| arg.parse().ok())
            .unwrap_or(LOOPS);
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../www/generated/images");
        let image = |name: &str| {
            std::fs::read(format!("{folder}/{name}")).map_err(|error| format!("{name}: {error}"))
        };
        let (host, busybox) = (image("host.tar.gz")?, image("busybox.tar.gz")?);
        let images = Images {
            host: &host,
            busybox: &busybox,
        };
        println!(
            r#"{{"about": "A container that does nothing, and the same program without one, on the machine as a native program."}}"#
        );
        let mut watched = Watched::boot(&images)?;
        for program in PROGRAMS {
            let mut best: Option<Spent> = None;
            for _ in 0..loops {
                let spent = watched.repeat(program)?;
                if best.is_none_or(|best| spent.seconds < best.seconds) {
                    best = Some(spent);
                }
            }
            let Some(best) = best else { continue };
            let each = 1.0 / TIMES as f64;
            cell(program, "ms", best.seconds * 1e3 * each);
            cell(
                program,
                "M instructions",
                best.instructions as f64 * each / 1e6,
            );
            cell(program, "events", best.events as f64 * each);
            cell(program, "KB of events", best.bytes as f64 * each / 1e3);
        }
        println!(
            r#"{{"note": "Processor time, the quickest of {loops} loops of the shell with {TIMES} turns; M instructions are those that were interpreted for programs."}}"#
        );
        Ok(())
    }

    /// What a loop took.
    #[derive(Clone, Copy)]
    struct Spent {
        seconds: f64,
        instructions: u64,
        events: u64,
        bytes: u64,
    }

    /// A machine with a watcher that keeps nothing.
    struct Watched {
        machine: Machine,
        lines: u32,
        /// The watcher's clock, in nanoseconds: it jumps to whatever the machine waits for.
        clock: u64,
    }

    impl Watched {
        fn boot(images: &Images) -> Result<Watched, Box<dyn Error>> {
            let setup = Setup {
                seed: 1,
                boot_time: 1_700_000_000_000_000_000,
            };
            let mut machine = Machine::boot(images, setup)?;
            machine.hear(ToMachine::Hello {
                version: VERSION,
                events_from: 0,
                output_from: 0,
            });
            machine.hear(ToMachine::Clock { nanos: 0 });
            let mut watched = Watched {
                machine,
                lines: 0,
                clock: 0,
            };
            watched.until(PROMPT)?;
            // The first container finds nothing prepared; it is not what is measured.
            watched.repeat(PROGRAMS[0])?;
            Ok(watched)
        }

        /// Types a loop, and runs the machine until it has ended.
        fn repeat(&mut self, program: &str) -> Result<Spent, String> {
            self.lines += 1;
            let words = format!("ended {}", self.lines);
            let line = format!(
                "i=0; while [ $i -lt {TIMES} ]; do {program}; i=$((i+1)); done; echo end''ed {}\n",
                self.lines
            );
            let before = self.machine.state();
            self.machine.hear(ToMachine::Input {
                terminal: 0,
                bytes: line.into_bytes(),
            });
            let start = processor();
            let bytes = measured(self, &words)?;
            let seconds = processor() - start;
            let after = self.machine.state();
            Ok(Spent {
                seconds,
                instructions: after.instructions - before.instructions,
                events: after.events - before.events,
                bytes,
            })
        }

        /// Runs the machine until words are shown. Gives how many bytes it told.
        fn until(&mut self, words: &str) -> Result<u64, String> {
            let mut told = 0;
            let mut shown = Vec::new();
            loop {
                let pace = self.machine.turn();
                if pace == Pace::Busy {
                    continue;
                }
                told += self.take(&mut shown);
                if shown.windows(words.len()).any(|at| at == words.as_bytes()) {
                    return Ok(told);
                }
                let Pace::Idle(Some(nanos)) = pace else {
                    return Err(format!("`{words}` was never shown"));
                };
                self.clock += nanos;
                self.machine.hear(ToMachine::Clock { nanos: self.clock });
            }
        }

        /// Takes what is new, and keeps what the console shows.
        fn take(&mut self, shown: &mut Vec<u8>) -> u64 {
            let mut told = 0;
            loop {
                let bytes = self.machine.take_messages(BATCH);
                if bytes.is_empty() {
                    return told;
                }
                told += bytes.len() as u64;
                shown.extend(output_of(&bytes));
            }
        }
    }

    /// What is measured: the machine's work and the taking of its messages.
    #[inline(never)]
    fn measured(watched: &mut Watched, words: &str) -> Result<u64, String> {
        watched.until(words)
    }

    /// The console's output in a batch.
    fn output_of(batch: &[u8]) -> Vec<u8> {
        let messages = decode::<FromMachine>(batch).unwrap_or_default();
        let output = messages.into_iter().filter_map(|message| match message {
            FromMachine::Output { bytes, .. } => Some(bytes),
            _ => None,
        });
        output.flatten().collect()
    }

    /// Seconds that the processor spent on this program.
    fn processor() -> f64 {
        getrusage(UsageWho::RUSAGE_SELF).map_or(0.0, |usage| {
            [usage.user_time(), usage.system_time()]
                .iter()
                .map(|t| t.tv_sec() as f64 + t.tv_usec() as f64 / 1e6)
                .sum()
        })
    }

    fn cell(row: &str, column: &str, value: f64) {
        println!(r#"{{"row": "{row}", "column": "{column}", "value": {value}}}"#);
    }
}

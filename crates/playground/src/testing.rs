//! For tests: a machine, its console, and what a person does there.

use crate::host::{self, Images};
use glassdock_abi::types::Winsize;
use glassdock_kernel::{Config, ConsoleId, Input, Kernel, Limits, RunState};
use std::path::{Path, PathBuf};

/// Instructions of one slice.
const SLICE: u64 = 200_000;
/// Slices that anything here may take.
const PATIENCE: u32 = 1_000_000;
/// Virtual nanoseconds that anything here may take.
const LIMIT: u64 = 600_000_000_000;
/// When the machine is switched on, in nanoseconds since 1970: after the image was made, whichever release of the
/// distribution it is from.
pub const BOOT_TIME: u64 = 1_893_456_000_000_000_000;
/// The end of the host's prompt, and the shell asking where the cursor is.
pub const PROMPT: &str = ":~# \u{1b}[6n";
/// The prompt of a shell in a container.
pub const INSIDE: &str = "/ # \u{1b}[6n";

/// A machine that a test types at.
pub struct Machine {
    /// Its kernel.
    pub kernel: Kernel,
    /// Its console.
    pub console: ConsoleId,
    /// All that was shown.
    pub seen: String,
}

/// One of the images that the page loads.
///
/// # Panics
/// Where they have not been made.
pub fn image(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../www/generated/images");
    let path: PathBuf = folder.join(name);
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!("{}: {error}; `cargo xtask images` makes it", path.display())
    })
}

impl Machine {
    /// Boots, and waits until the engine has its image.
    ///
    /// # Panics
    /// As [`Machine::starting_at`], and where there is no prompt.
    pub fn boot() -> Machine {
        Machine::boot_changed(|_| {})
    }

    /// The same with a change to the kernel before anything runs.
    pub fn boot_changed(change: impl FnOnce(&mut Kernel)) -> Machine {
        let mut machine = Machine::starting(change);
        machine.pass(1_000_000_000);
        assert!(machine.seen.ends_with(PROMPT), "{:?}", machine.seen);
        machine
    }

    /// A machine of which nothing has run yet, with a change to its kernel.
    pub fn starting(change: impl FnOnce(&mut Kernel)) -> Machine {
        Machine::starting_at(200, "xterm-256color", change)
    }

    /// The same at a terminal of so many columns and this kind.
    ///
    /// # Panics
    /// Where the images have not been made.
    pub fn starting_at(columns: u16, kind: &str, change: impl FnOnce(&mut Kernel)) -> Machine {
        let (host, busybox) = (image("host.tar.gz"), image("busybox.tar.gz"));
        let images = Images {
            host: &host,
            busybox: &busybox,
        };
        let config = Config {
            boot_time: BOOT_TIME,
            ..Config::default()
        };
        let window = Winsize {
            rows: 24,
            cols: columns,
            xpixel: 0,
            ypixel: 0,
        };
        let (mut kernel, console) = host::boot(&images, config, window, kind).expect("boots");
        change(&mut kernel);
        Machine {
            kernel,
            console,
            seen: String::new(),
        }
    }

    /// One slice; gives when it next goes on by itself, if it rests.
    fn slice(&mut self) -> Option<Option<u64>> {
        let state = self.kernel.run(Limits::slice(SLICE));
        let out = self.kernel.take_output(self.console);
        self.seen += &String::from_utf8_lossy(&out);
        match state {
            RunState::Idle(next) if out.is_empty() => Some(next),
            RunState::Halted => panic!("the machine has stopped: {}", self.seen),
            _ => None,
        }
    }

    /// Lets virtual time pass, in nanoseconds, and gives what was shown.
    pub fn pass(&mut self, nanos: u64) -> String {
        let (before, until) = (self.seen.len(), self.kernel.now() + nanos);
        for _ in 0..PATIENCE {
            match self.slice() {
                None => {}
                Some(Some(next)) if next <= until => self.kernel.input(Input::Advance(next)),
                Some(_) if self.kernel.now() < until => self.kernel.input(Input::Advance(until)),
                Some(_) => return self.seen[before..].to_owned(),
            }
        }
        panic!("it does not come to rest: {}", &self.seen[before..]);
    }

    /// Types, and waits until a text is shown; gives all that was.
    pub fn type_until(&mut self, keys: &str, text: &str) -> String {
        let (before, limit) = (self.seen.len(), self.kernel.now() + LIMIT);
        let bytes = keys.as_bytes().to_vec();
        self.kernel.input(Input::Bytes(self.console, bytes));
        for _ in 0..PATIENCE {
            let rests = self.slice();
            if self.seen[before..].contains(text) {
                return self.seen[before..].to_owned();
            }
            match rests {
                Some(Some(next)) if next <= limit => self.kernel.input(Input::Advance(next)),
                Some(_) => break,
                None => {}
            }
        }
        panic!("{text:?} does not come: {}", &self.seen[before..]);
    }

    /// Types a command to a shell with this prompt, and gives what it printed: without the echo and the next prompt,
    /// line ends as `\n`.
    pub fn run_at(&mut self, prompt: &str, command: &str) -> String {
        let told = self.type_until(&format!("{command}\n"), prompt);
        let told = told.replace("\r\n", "\n");
        let (_, told) = told.split_once('\n').expect("the echo");
        let end = told.rfind('\n').map_or(0, |at| at + 1);
        told[..end].to_owned()
    }

    /// A command at the host's prompt.
    pub fn run(&mut self, command: &str) -> String {
        self.run_at(PROMPT, command)
    }

    /// A command, and its exit status in a line of its own.
    pub fn status(&mut self, command: &str) -> String {
        self.run(&format!("{command}; echo \"status $?\""))
    }
}

//! A machine, its console, and what a person does there.

use glassdock_abi::types::Winsize;
use glassdock_kernel::{Config, ConsoleId, Input, Kernel, Limits, RunState};
use glassdock_playground::host::{self, Images};
use std::path::{Path, PathBuf};

/// Instructions of one slice.
const SLICE: u64 = 5_000_000;
/// Slices that anything here may take.
const PATIENCE: u32 = 4000;
/// The end of the prompt, and the shell asking where the cursor is.
const PROMPT: &str = "# \u{1b}[6n";
/// The window.
pub const WINDOW: Winsize = Winsize {
    rows: 24,
    cols: 80,
    xpixel: 0,
    ypixel: 0,
};

/// A machine that a test types at.
pub struct Machine {
    pub kernel: Kernel,
    pub console: ConsoleId,
    /// All that was shown.
    pub seen: String,
}

fn image(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../www/generated/images");
    let path: PathBuf = folder.join(name);
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!("{}: {error}; `cargo xtask images` makes it", path.display())
    })
}

#[allow(dead_code, reason = "each test uses its part")]
impl Machine {
    /// Boots, and waits for the prompt and for the engine to be ready.
    pub fn boot() -> Machine {
        Machine::boot_with(Config::default())
    }

    pub fn boot_with(config: Config) -> Machine {
        let (host, busybox) = (image("host.tar.gz"), image("busybox.tar.gz"));
        let images = Images {
            host: &host,
            busybox: &busybox,
        };
        let (kernel, console) =
            host::boot(&images, config, WINDOW, "xterm-256color").expect("boots");
        let mut machine = Machine {
            kernel,
            console,
            seen: String::new(),
        };
        machine.settle();
        assert!(machine.seen.ends_with(PROMPT), "{:?}", machine.seen);
        machine
    }

    /// Runs until everybody waits for a while of virtual time or for input; gives what was shown meanwhile.
    pub fn settle(&mut self) -> String {
        let before = self.seen.len();
        for _ in 0..PATIENCE {
            let state = self.kernel.run(Limits::slice(SLICE));
            let out = self.kernel.take_output(self.console);
            self.seen += &String::from_utf8_lossy(&out);
            match state {
                RunState::Idle(_) if out.is_empty() => return self.seen[before..].to_owned(),
                RunState::Halted => panic!("the machine has stopped: {}", self.seen),
                _ => {}
            }
        }
        panic!("it does not come to rest: {}", &self.seen[before..]);
    }

    /// Types.
    pub fn type_in(&mut self, text: &str) -> String {
        self.kernel
            .input(Input::Bytes(self.console, text.as_bytes().to_vec()));
        self.settle()
    }

    /// Lets virtual time pass, in nanoseconds.
    pub fn pass(&mut self, nanos: u64) -> String {
        let before = self.seen.len();
        let until = self.kernel.now() + nanos;
        for _ in 0..PATIENCE {
            let state = self.kernel.run(Limits {
                instructions: SLICE,
                idle_until: Some(until),
            });
            let out = self.kernel.take_output(self.console);
            self.seen += &String::from_utf8_lossy(&out);
            if state != RunState::Busy && out.is_empty() {
                break;
            }
        }
        self.kernel.input(Input::Advance(until));
        self.settle();
        self.seen[before..].to_owned()
    }

    /// Types until a text is shown, jumping over idle time up to a minute.
    pub fn wait_for(&mut self, text: &str) -> String {
        let before = self.seen.len();
        let until = self.kernel.now() + 60_000_000_000;
        for _ in 0..PATIENCE {
            let state = self.kernel.run(Limits {
                instructions: SLICE,
                idle_until: Some(until),
            });
            let out = self.kernel.take_output(self.console);
            self.seen += &String::from_utf8_lossy(&out);
            if self.seen[before..].contains(text) {
                return self.seen[before..].to_owned();
            }
            if state != RunState::Busy && out.is_empty() {
                break;
            }
        }
        panic!("{text:?} does not come: {}", &self.seen[before..]);
    }

    /// Types a command and gives what it printed, without the echo and the next prompt, line ends as `\n`.
    pub fn run(&mut self, command: &str) -> String {
        self.kernel.input(Input::Bytes(
            self.console,
            format!("{command}\n").into_bytes(),
        ));
        let told = self.wait_for(PROMPT);
        let told = told.replace("\r\n", "\n");
        let told = told
            .strip_prefix(command)
            .map_or(told.as_str(), |rest| rest);
        let told = told.strip_prefix('\n').unwrap_or(told);
        let end = told.rfind('\n').map_or(0, |at| at + 1);
        told[..end].to_owned()
    }
}

//! What a machine is made of, and what things cost in virtual time.

use glassdock_trace::TracerConfig;

/// Virtual nanoseconds of one instruction.
pub const INSTRUCTION_NS: u64 = 10;
/// Virtual nanoseconds that entering and leaving the kernel costs.
pub const SYSCALL_NS: u64 = 300;
/// Virtual nanoseconds that a built-in program is charged for each system call on top: its own work in between.
pub const BUILTIN_CALL_NS: u64 = 700;
/// Instructions that a thread may run before the next one has its turn.
pub const QUANTUM: u64 = 100_000;
/// `USER_HZ`: ticks a second in `/proc` and `times(2)`.
pub const USER_HZ: u64 = 100;

/// What a machine is made of. Two machines with the same configuration, root file system and input do the same.
#[derive(Clone, Debug)]
pub struct Config {
    /// Seed of everything random.
    pub seed: u64,
    /// Physical memory in 4 KiB frames.
    pub memory_frames: u32,
    /// `CLOCK_REALTIME` at boot, in nanoseconds since 1970.
    pub boot_time: u64,
    /// Host name of the first UTS namespace.
    pub hostname: String,
    /// What is recorded.
    pub trace: TracerConfig,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            seed: 1,
            memory_frames: 65_536,
            // 2026-01-01T00:00:00Z
            boot_time: 1_767_225_600_000_000_000,
            hostname: "glassdock".into(),
            trace: TracerConfig::default(),
        }
    }
}

/// `uname -s`.
pub const SYSNAME: &str = "Linux";
/// `uname -r`.
pub const RELEASE: &str = "6.18.0-glassdock";
/// `uname -v`.
pub const VERSION: &str = "#1 simulated";
/// `uname -m`.
pub const MACHINE: &str = "x86_64";
/// `uname -m` of a process that wants to be told of 32-bit Linux (`linux32`).
pub const MACHINE_32: &str = "i686";

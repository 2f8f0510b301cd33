//! A Linux machine as one value: tasks, memory, signals, files, namespaces, terminals; simulated and deterministic.
//!
//! [`Kernel`] runs unmodified x86-64 programs on the interpreter of `glassdock-cpu`, and Rust functions as built-in
//! programs ([`Task`]). Both make the same system calls through the same dispatch. It reads no clock, draws no random
//! number that its seed does not give, and does nothing but what [`Kernel::run`] and [`Kernel::input`] ask for: the
//! same configuration, files and inputs give the same events, bit for bit.

mod boot;
mod builtin;
mod cgroup;
mod config;
mod console;
mod cred;
mod delta;
mod devpts;
mod exec;
mod file;
mod ids;
mod input;
mod kernel;
mod life;
mod load;
mod mm;
mod netlink;
mod ns;
#[cfg(feature = "outside")]
mod outside;
pub mod pipe;
mod process;
mod procfs;
mod random;
mod sched;
mod seccomp;
mod signal;
mod syscall;
#[cfg(feature = "testing")]
pub mod testing;
mod timens;
pub mod tty;
pub mod unix;
mod users;
mod wait;

pub use builtin::{MAGIC, Main, Task};
pub use config::{
    BUILTIN_CALL_NS, Config, INSTRUCTION_NS, MACHINE, QUANTUM, RELEASE, SYSCALL_NS, SYSNAME,
    USER_HZ, VERSION,
};
pub use console::ConsoleId;
pub use input::{Input, Logged};
pub use kernel::{Counters, Kernel};
#[cfg(feature = "outside")]
pub use outside::{Wire, WireId};
pub use sched::{Limits, RunState};
pub use syscall::{Support, support};

pub use glassdock_vfs::{ImportMeta, ImportNode};

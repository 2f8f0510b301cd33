//! For tests of programs above: a host with nothing but what every Linux has, and a first process that yields something.

use crate::{Config, ImportMeta, ImportNode, Kernel, Limits, MAGIC, Main, RunState, Task};
use glassdock_abi::BoxFuture;
use glassdock_abi::types::Timespec;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Instructions of one slice.
const SLICE: u64 = 10_000_000;
/// Directories that every host has.
const DIRS: [&str; 5] = ["proc", "sys", "dev", "run", "tmp"];

/// Something that a host has besides: path without the first slash, permission bits, what it is.
pub type Extra<'a> = (String, u32, ImportNode<'a>);

/// A host with the system's mounts, with `programs` of ours as files in the root directory, and with more.
///
/// # Panics
/// Where `extras` name a directory that is not there before them.
pub fn host(config: Config, programs: &[(&str, Main)], extras: Vec<Extra<'_>>) -> Kernel {
    let mtime = Timespec::from_nanos(config.boot_time);
    let mut kernel = Kernel::new(config);
    let import = |kernel: &mut Kernel, path: &str, mode: u32, node: ImportNode<'_>| {
        let meta = ImportMeta {
            mode,
            mtime,
            ..ImportMeta::default()
        };
        kernel.import(path.as_bytes(), &meta, node).expect(path);
    };
    for dir in DIRS {
        import(&mut kernel, dir, 0o755, ImportNode::Directory);
    }
    for (name, main) in programs {
        kernel.register(name, *main);
        let text = [MAGIC, name.as_bytes(), b"\n"].concat();
        import(&mut kernel, name, 0o755, ImportNode::File(&text));
    }
    for (path, mode, node) in extras {
        import(&mut kernel, &path, mode, node);
    }
    kernel.mount_system().expect("the system's mounts");
    kernel
}

/// Why the first process yielded nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unfinished {
    /// Everybody waits for ever.
    Stuck,
    /// It ended before its time.
    Ended,
    /// It has not come to its end within the slices.
    TooLong,
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unfinished::Stuck => "everybody waits for ever",
            Unfinished::Ended => "the first process ended early",
            Unfinished::TooLong => "it takes too long",
        })
    }
}

impl std::error::Error for Unfinished {}

/// Runs a program as the first process of a machine that has not run yet, until the machine halts; jumps over times in
/// which nothing happens. `slices` of ten million instructions are the most that it may take; `after_slice` sees each.
///
/// # Errors
/// [`Unfinished`].
///
/// # Panics
/// Where the machine has been started before.
pub fn run<T, F>(
    kernel: &mut Kernel,
    slices: u32,
    first: impl FnOnce(Task) -> F,
    mut after_slice: impl FnMut(&mut Kernel),
) -> Result<T, Unfinished>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let yielded = Arc::new(Mutex::new(None));
    let place = Arc::clone(&yielded);
    let start = |task| -> BoxFuture<'static, u8> {
        let program = first(task);
        Box::pin(async move {
            let value = program.await;
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
            0
        })
    };
    kernel.boot_with(start).expect("a machine that is new");
    for _ in 0..slices {
        let state = kernel.run(Limits::jumping(SLICE));
        after_slice(kernel);
        match state {
            RunState::Busy => {}
            RunState::Halted => {
                let value = yielded
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .take();
                return value.ok_or(Unfinished::Ended);
            }
            RunState::Idle(_) => return Err(Unfinished::Stuck),
        }
    }
    Err(Unfinished::TooLong)
}

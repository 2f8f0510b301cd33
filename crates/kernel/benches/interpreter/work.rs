//! What is measured: busybox programs on made-up input, on the whole simulated machine.

use glassdock_abi::types::{Timespec, WaitStatus, Winsize};
use glassdock_kernel::{Config, ConsoleId, ImportMeta, ImportNode, Kernel, Limits, RunState};

/// One program.
pub struct Work {
    /// Its name in the table.
    pub name: &'static str,
    /// What a shell runs, in the directory of the input.
    pub script: &'static str,
}

/// The name of the program that makes the input.
pub const TEXT: &str = "text";
/// The name of the program that is the kernel's work more than the processor's.
pub const PROCESSES: &str = "processes";

/// What is measured, here and in the page.
pub fn table() -> impl Iterator<Item = Work> {
    include_str!("../../../../tests/bench/interpreter.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('\t'))
        .map(|(name, script)| Work { name, script })
}

fn meta(mode: u32) -> ImportMeta {
    ImportMeta {
        mode,
        uid: 0,
        gid: 0,
        mtime: Timespec { sec: 0, nsec: 0 },
    }
}

/// What a run did.
pub struct Done {
    /// What it printed.
    pub output: Vec<u8>,
    /// Instructions of all its processes, as a processor counts them: one for all iterations of a
    /// `rep` prefix.
    pub instructions: u64,
    /// Whether its shell ended with status 0.
    pub ok: bool,
}

/// A booted machine whose first process is about to run `work` on its console.
pub fn prepare(
    busybox: &[u8],
    applets: &[String],
    text: &[u8],
    work: &Work,
) -> Result<(Kernel, ConsoleId), String> {
    let mut kernel = Kernel::new(Config::default());
    let errno = |e| format!("{e:?}");
    for dir in ["bin", "dev", "proc", "sys", "tmp", "work"] {
        kernel
            .import(dir.as_bytes(), &meta(0o755), ImportNode::Directory)
            .map_err(errno)?;
    }
    let file = |kernel: &mut Kernel, path: &[u8], mode, bytes: &[u8]| {
        kernel
            .import(path, &meta(mode), ImportNode::File(bytes))
            .map_err(errno)
    };
    file(&mut kernel, b"bin/busybox", 0o755, busybox)?;
    file(&mut kernel, b"work/text", 0o644, text)?;
    for applet in applets.iter().filter(|a| *a != "busybox") {
        let path = format!("bin/{applet}");
        kernel
            .import(
                path.as_bytes(),
                &meta(0o777),
                ImportNode::Symlink(b"busybox"),
            )
            .map_err(errno)?;
    }
    kernel.mount_system().map_err(errno)?;
    let size = Winsize {
        rows: 24,
        cols: 80,
        xpixel: 0,
        ypixel: 0,
    };
    let console = kernel.open_console(size).map_err(errno)?;
    let script = format!("cd /work; {}", work.script);
    let argv = ["sh", "-c", &script];
    kernel
        .boot("/bin/sh", &argv, &["PATH=/bin"], Some(console))
        .map_err(errno)?;
    Ok((kernel, console))
}

/// Runs the machine until its first process ends.
pub fn finish(kernel: &mut Kernel, console: ConsoleId) -> Done {
    // As many as the page runs between two looks at its messages.
    while kernel.run(Limits::jumping(1_000_000)) == RunState::Busy {}
    let mut output = kernel.take_output(console);
    output.retain(|&b| b != b'\r');
    Done {
        output,
        instructions: kernel.counters().executed(),
        ok: matches!(kernel.init_status(), Some(WaitStatus::Exited(0))),
    }
}

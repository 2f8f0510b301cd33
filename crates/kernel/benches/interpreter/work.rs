//! What is measured: busybox programs on made-up input, on the whole simulated machine.

use glassdock_abi::types::{Timespec, WaitStatus, Winsize};
use glassdock_kernel::{Config, ConsoleId, ImportMeta, ImportNode, Kernel, Limits, RunState};

/// One program.
pub struct Work {
    /// Its name in the table.
    pub name: &'static str,
    /// What a shell runs, in the directory of the input.
    pub script: &'static str,
    /// Whether it counts for the mean.
    pub in_mean: bool,
}

/// The programs of the target, and one that lives in the kernel more than in the processor.
pub const WORK: &[Work] = &[
    Work {
        name: "sha256sum",
        script: "sha256sum text text text",
        in_mean: true,
    },
    Work {
        name: "gzip",
        script: "gzip -c text | wc -c",
        in_mean: true,
    },
    Work {
        name: "sort",
        script: "sort text | tail -n 1",
        in_mean: true,
    },
    Work {
        name: "awk",
        script: "head -n 4000 text | awk '{ for (i = 1; i <= NF; i++) { n[$i]++; c += length($i) } } \
                 END { for (w in n) k++; print k, c }'",
        in_mean: true,
    },
    Work {
        name: "ash loop",
        script: "i=0; s=; while [ $i -lt 40000 ]; do i=$((i + 1)); \
                 case $((i % 7)) in 0) s=${s#??????};; *) s=$s$((i & 7));; esac; done; echo ${#s}",
        in_mean: true,
    },
    Work {
        name: "ash, 300 processes",
        script: "i=0; while [ $i -lt 300 ]; do i=$(expr $i + 1); done; echo $i",
        in_mean: false,
    },
];

/// Bytes of the input.
const TEXT_LEN: usize = 1 << 20;

/// Lines of words with the lengths and the repetitions of prose; always the same.
pub fn text() -> Vec<u8> {
    let mut state = 1u64;
    let mut next = |n: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    let mut out = Vec::with_capacity(TEXT_LEN + 100);
    while out.len() < TEXT_LEN {
        for _ in 0..3 + next(12) {
            // Few words are frequent and many are rare.
            let rank = next(70) * next(70);
            for i in 0..2 + rank % 7 {
                out.push(b'a' + ((rank * 7 + i * (rank % 11 + 3)) % 26) as u8);
            }
            out.push(b' ');
        }
        out.pop();
        out.push(b'\n');
    }
    out
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
    file(&mut kernel, b"work/text", 0o644, &text())?;
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

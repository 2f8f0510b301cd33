//! System calls, one program a rule: the same results on the simulated kernel and on the real one.

#![cfg(target_os = "linux")]

mod cases;
mod program;

use cases::{CASES, Case};
use glassdock_abi::types::{Timespec, Winsize};
use glassdock_kernel::{Config, ImportMeta, ImportNode, Kernel, Limits, RunState};
use program::Program;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Instructions of a slice, and how many slices a program may take.
const SLICE: u64 = 5_000_000;
const SLICES: u32 = 2000;

fn on_the_real_kernel(dir: &Path, program: &Program) -> (String, String) {
    let path = dir.join("program");
    std::fs::write(&path, &program.file).expect("a file");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
    let mut command = Command::new(&path);
    command.env_clear().current_dir(dir).stdin(Stdio::null());
    let output = loop {
        match command.output() {
            // A child that another thread forks holds the file open for writing until it executes.
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {}
            other => break other.expect("it runs"),
        }
    };
    (
        program.read(&output.stdout),
        format!("{:?}", output.status.code()),
    )
}

fn in_the_simulation(program: &Program) -> (String, String) {
    let mut kernel = Kernel::new(Config::default());
    let meta = |mode| ImportMeta {
        mode,
        uid: 0,
        gid: 0,
        mtime: Timespec { sec: 0, nsec: 0 },
    };
    for dir in ["dev", "proc", "sys", "tmp", "run"] {
        kernel
            .import(dir.as_bytes(), &meta(0o1777), ImportNode::Directory)
            .expect("import");
    }
    kernel
        .import(b"program", &meta(0o755), ImportNode::File(&program.file))
        .expect("import");
    kernel.mount_system().expect("system mounts");
    let size = Winsize {
        rows: 24,
        cols: 80,
        xpixel: 0,
        ypixel: 0,
    };
    let console = kernel.open_console(size).expect("console");
    kernel
        .boot("/program", &["program"], &[], Some(console))
        .expect("boot");
    let mut text = Vec::new();
    for _ in 0..SLICES {
        let state = kernel.run(Limits::jumping(SLICE));
        text.extend(kernel.take_output(console));
        if state != RunState::Busy {
            break;
        }
    }
    let status = match kernel.init_status() {
        Some(glassdock_abi::types::WaitStatus::Exited(status)) => Some(i32::from(status)),
        _ => None,
    };
    (program.read(&text), format!("{status:?}"))
}

struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn difference(case: &Case) -> Option<String> {
    let name = format!("glassdock-calls-{}", std::process::id());
    let dir = Scratch(std::env::temp_dir().join(name));
    std::fs::create_dir_all(&dir.0).expect("a directory");
    let program = Program::new(&(case.steps)());
    let (real, simulated) = (
        on_the_real_kernel(&dir.0, &program),
        in_the_simulation(&program),
    );
    if real == simulated {
        return None;
    }
    let mut text = format!(
        "{}: real {}, simulated {}\n",
        case.name, real.1, simulated.1
    );
    let (real, simulated): (Vec<_>, Vec<_>) =
        (real.0.lines().collect(), simulated.0.lines().collect());
    for at in 0..real.len().max(simulated.len()) {
        let (a, b) = (
            real.get(at).unwrap_or(&""),
            simulated.get(at).unwrap_or(&""),
        );
        if a != b {
            text += &format!("- {a}\n+ {b}\n");
        }
    }
    Some(text)
}

#[test]
fn system_calls_give_what_they_give_on_the_real_kernel() {
    let wanted = std::env::var("CASE").unwrap_or_default();
    let cases = CASES.iter().filter(|case| case.name.contains(&wanted));
    let wrong: Vec<String> = cases.filter_map(difference).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

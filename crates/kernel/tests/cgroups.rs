//! Control groups of version 2: the same script prints the same on Linux, where another test runs it in an emulated machine.

mod common;
use common::*;
use glassdock_abi::types::Winsize;
use glassdock_kernel::{Config, ImportNode, RunState};

/// Most slices that it may take.
const SLICES: u32 = 4000;

#[test]
fn control_groups_do_as_on_linux() {
    let script = include_bytes!("../../../tests/programs/cgroups.sh");
    let mut kernel = machine(Config::default());
    kernel
        .import(b"script", &meta(0o644), ImportNode::File(script))
        .expect("import");
    let console = kernel.open_console(Winsize::default()).expect("console");
    kernel
        .boot(
            "/bin/sh",
            &["sh", "-c", "sh /script; exit"],
            ENV,
            Some(console),
        )
        .expect("boot");
    let mut told = Vec::new();
    for _ in 0..SLICES {
        let state = run(&mut kernel, 1);
        told.extend(kernel.take_output(console));
        if state != RunState::Busy {
            break;
        }
    }
    let told = String::from_utf8_lossy(&told);
    let told: Vec<&str> = told.lines().collect();
    let expected = include_str!("../../../tests/programs/cgroups.txt");
    assert_eq!(told.join("\n"), expected.trim_end());
}

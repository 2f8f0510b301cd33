//! A machine boots into busybox's shell.

mod common;
use common::*;

#[test]
fn a_shell_command_writes_to_the_console_and_ends_the_machine() {
    let mut shell = Shell::boot(&["sh", "-c", "echo hi; ls -l / | head -3; exit 7"]);
    let out = shell.settle();
    assert!(out.starts_with("hi\r\ntotal 0\r\ndrwxr-xr-x"), "{out}");
    assert_eq!(
        format!("{:?}", shell.kernel.init_status()),
        "Some(Exited(7))"
    );
}

//! A machine's limits: how many processes there may be, and that it outlives those who want more.

mod common;
use common::*;
use glassdock_kernel::{Config, Input};

/// Pages of a machine of 32 MiB, which has room for 256 threads.
const SMALL: u32 = 8192;

fn small() -> Config {
    Config {
        memory_frames: SMALL,
        ..Config::default()
    }
}

#[test]
fn memory_decides_how_many_threads_there_may_be() {
    let script = "cat /proc/sys/kernel/threads-max; ulimit -p; grep -o 'SigQ:.*' /proc/self/status; \
        echo 300 >/proc/sys/kernel/threads-max; cat /proc/sys/kernel/threads-max; \
        echo 19 >/proc/sys/kernel/threads-max";
    let mut shell = Shell::boot_with(small(), &["sh", "-c", script]);
    assert_eq!(
        shell.settle(),
        "256\r\n128\r\nSigQ:\t0/128\r\n300\r\nsh: write error: Invalid argument\r\n"
    );
}

#[test]
fn where_the_machine_has_no_room_root_cannot_fork_either() {
    let script = "i=0; while [ $i -lt 400 ]; do sleep 9 & i=$((i + 1)); done; echo never";
    let mut shell = Shell::boot_with(small(), &["sh", "-c", script]);
    assert_eq!(
        shell.settle(),
        "sh: can't fork: Resource temporarily unavailable\r\n"
    );
}

#[test]
fn a_fork_bomb_ends_with_its_namespace_and_the_shell_is_there() {
    let mut shell = Shell::boot_with(small(), &["sh"]);
    shell.settle();
    let bomb = "unshare -pf sh -c 'b(){ b|b& };b; sleep 3' 2>/dev/null\n";
    shell.kernel.input(Input::Bytes(shell.console, bomb.into()));
    shell.wait(20_000_000_000);
    let out = shell.type_in("ps | wc -l; free | grep -c Mem; echo ba''ck\n");
    assert!(out.contains("\nback\r\n"), "{out}");
    let processes: u32 = out
        .lines()
        .filter_map(|line| line.trim().parse().ok())
        .next()
        .expect("a number");
    assert!(processes < 8, "{out}");
}

#[test]
fn a_fork_bomb_is_ended_by_killing_its_group() {
    let mut shell = Shell::boot_with(small(), &["sh"]);
    shell.settle();
    let bomb = "sh -c 'b(){ b|b& };b; sleep 1000' 2>/dev/null\n";
    shell.kernel.input(Input::Bytes(shell.console, bomb.into()));
    shell.wait(3_000_000_000);
    // Who is in the foreground's group gets it; who was forked meanwhile, again.
    for _ in 0..3 {
        shell.type_in("\x03");
        shell.wait(1_000_000_000);
    }
    let out = shell.type_in("ps | wc -l; echo ba''ck\n");
    assert!(out.contains("\nback\r\n"), "{out}");
}

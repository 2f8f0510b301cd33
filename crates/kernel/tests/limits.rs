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
    let script = "cat /proc/sys/kernel/threads-max; ulimit -u; grep -o 'SigQ:.*' /proc/self/status; \
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
    let bomb = "unshare -pf sh -c 'b(){ b|b& };b; sleep 3' 2>/dev/null; echo bomb ended\n";
    shell.kernel.input(Input::Bytes(shell.console, bomb.into()));
    let out = shell.wait(10_000_000_000);
    assert!(out.contains("\nbomb ended\r\n"), "{out}");
    let out = shell.type_in("echo $(ps | wc -l) processes\n") + &shell.wait(1_000_000_000);
    assert!(out.contains("\n5 processes\r\n"), "{out}");
}

#[test]
fn contents_of_files_in_memory_are_memory() {
    let script = "kib() { grep -o \"^$1: *[0-9]*\" /proc/meminfo | grep -o '[0-9]*$'; }; \
        shmem=$(kib Shmem); free=$(kib MemFree); cached=$(kib Cached); \
        head -c 4m /dev/zero >/tmp/a; echo $(($(kib Shmem) - shmem)); test $(($(kib Cached) - cached)) -ge 4096; echo $?; \
        test $((free - $(kib MemFree))) -ge 4096; echo $?; rm /tmp/a; echo $(($(kib Shmem) - shmem)); \
        exec 3<>/tmp/b; rm /tmp/b; head -c 1m /dev/zero >&3; echo $(($(kib Shmem) - shmem)); \
        exec 3<&-; echo $(($(kib Shmem) - shmem)); \
        mount -t tmpfs t /mnt; head -c 1m /dev/zero >/mnt/a; umount /mnt; echo $(($(kib Shmem) - shmem))";
    let mut shell = Shell::boot_with(small(), &["sh", "-c", script]);
    assert_eq!(shell.settle(), "4096\r\n0\r\n0\r\n0\r\n1024\r\n0\r\n0\r\n");
}

#[test]
fn a_tmpfs_takes_half_of_the_memory_and_all_of_them_together_no_more_than_there_is() {
    // As on Linux, whoever asks for the last page is not killed for it, but who has most: here that is the writer.
    let script = "df -k /tmp | awk 'NR == 2 { print $2 }'; cat /dev/zero >/tmp/a; ls -s /tmp/a; \
        dd if=/dev/zero of=/run/a bs=1M 2>/dev/null; echo $?; rm /tmp/a /run/a; echo ba''ck";
    let mut shell = Shell::boot_with(small(), &["sh", "-c", script]);
    assert_eq!(
        shell.settle(),
        "16384\r\ncat: write error: No space left on device\r\n 16384 /tmp/a\r\n137\r\nback\r\n"
    );
}

#[test]
fn what_waits_in_a_pipe_is_memory() {
    let script = "free() { grep -o '^MemFree: *[0-9]*' /proc/meminfo | grep -o '[0-9]*$'; }; \
        mkfifo /tmp/p; exec 3<>/tmp/p; \
        head -c 64k /dev/zero >&3; head -c 64k <&3 >/dev/null; before=$(free); before=$(free); head -c 64k /dev/zero >&3; \
        test $((before - $(free))) -ge 64; echo $?; head -c 64k <&3 >/dev/null; \
        test $((before - $(free))) -lt 64; echo $?";
    let mut shell = Shell::boot_with(small(), &["sh", "-c", script]);
    assert_eq!(shell.settle(), "0\r\n0\r\n");
}

#[test]
fn the_load_is_the_number_of_threads_that_want_the_processor() {
    let script = "cut -d' ' -f1-3 /proc/loadavg; (while :; do :; done) & \
        usleep 10100000; kill $!; cut -d' ' -f1-3 /proc/loadavg; sleep 900; cut -d' ' -f1-3 /proc/loadavg";
    let mut shell = Shell::boot_with(small(), &["sh", "-c", script]);
    let out = shell.wait(1_000_000_000_000);
    let loads: Vec<&str> = out.lines().collect();
    assert_eq!(
        loads,
        ["0.00 0.00 0.00", "0.15 0.03 0.01", "0.00 0.00 0.00"]
    );
}

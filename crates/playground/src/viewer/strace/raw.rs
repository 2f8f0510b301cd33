//! Calls of which the trace has the registers only: what the simulated kernel reads straight from them, and what it
//! does not know.

use super::Argument;
use super::values::{bits, fd, hex, named, signal_name};
use glassdock_abi::Fd;

/// Registers of arguments, in order.
const REGISTERS: [&str; 6] = ["rdi", "rsi", "rdx", "r10", "r8", "r9"];

/// The arguments of calls: name in the manual page, and kind. `d` an `int`, `l` a `long`, `x` flags, `p` a pointer,
/// `f` a descriptor, `s` a signal; other letters are the word of one call ([`word`]).
const ARGUMENTS: [(&str, &str); 100] = [
    ("alarm", "seconds:d"),
    ("arch_prctl", "op:A addr:p"),
    ("brk", "addr:p"),
    ("capget", "hdrp:p datap:p"),
    ("capset", "hdrp:p datap:p"),
    ("clock_getres", "clockid:c res:p"),
    ("clock_gettime", "clockid:c tp:p"),
    ("clock_settime", "clockid:c tp:p"),
    ("clone", "flags:C stack:p parent_tid:p child_tid:p tls:p"),
    ("clone3", "cl_args:p size:d"),
    ("epoll_create", "size:d"),
    ("epoll_create1", "flags:e"),
    ("epoll_ctl", "epfd:f op:E fd:f event:p"),
    (
        "epoll_pwait",
        "epfd:f events:p maxevents:d timeout:d sigmask:p sigsetsize:d",
    ),
    (
        "epoll_pwait2",
        "epfd:f events:p maxevents:d timeout:p sigmask:p sigsetsize:d",
    ),
    ("epoll_wait", "epfd:f events:p maxevents:d timeout:d"),
    ("eventfd", "initval:d"),
    ("eventfd2", "initval:d flags:x"),
    ("exit", "status:d"),
    ("exit_group", "status:d"),
    ("fadvise64", "fd:f offset:l len:l advice:d"),
    ("flistxattr", "fd:f list:p size:d"),
    ("fork", ""),
    ("fremovexattr", "fd:f name:p"),
    (
        "futex",
        "uaddr:p futex_op:F val:d timeout:p uaddr2:p val3:d",
    ),
    ("get_robust_list", "pid:d head_ptr:p len_ptr:p"),
    ("getcpu", "cpu:p node:p tcache:p"),
    ("getitimer", "which:I curr_value:p"),
    ("getpriority", "which:d who:d"),
    ("getresgid", "rgid:p egid:p sgid:p"),
    ("getresuid", "ruid:p euid:p suid:p"),
    ("getrusage", "who:d usage:p"),
    ("gettid", ""),
    ("gettimeofday", "tv:p tz:p"),
    ("ioprio_get", "which:d who:d"),
    ("ioprio_set", "which:d who:d ioprio:d"),
    ("madvise", "addr:p length:l advice:v"),
    ("mlock", "addr:p len:l"),
    ("mlock2", "addr:p len:l flags:x"),
    ("mlockall", "flags:x"),
    ("mmap", "addr:p length:l prot:P flags:M fd:f offset:x"),
    ("mprotect", "addr:p len:l prot:P"),
    (
        "mremap",
        "old_address:p old_size:l new_size:l flags:x new_address:p",
    ),
    ("msync", "addr:p length:l flags:x"),
    ("munlock", "addr:p len:l"),
    ("munlockall", ""),
    ("munmap", "addr:p length:l"),
    ("pause", ""),
    ("personality", "persona:x"),
    (
        "pselect6",
        "nfds:d readfds:p writefds:p exceptfds:p timeout:p sigmask:p",
    ),
    ("reboot", "magic:1 magic2:2 op:R arg:p"),
    ("rt_sigaction", "signum:s act:p oldact:p sigsetsize:d"),
    ("rt_sigpending", "set:p sigsetsize:d"),
    ("rt_sigprocmask", "how:h set:p oldset:p sigsetsize:d"),
    ("rt_sigqueueinfo", "tgid:d sig:s info:p"),
    ("rt_sigreturn", ""),
    ("rt_sigsuspend", "mask:p sigsetsize:d"),
    ("rt_sigtimedwait", "set:p info:p timeout:p sigsetsize:d"),
    ("rt_tgsigqueueinfo", "tgid:d tid:d sig:s info:p"),
    ("sched_get_priority_max", "policy:d"),
    ("sched_get_priority_min", "policy:d"),
    ("sched_getaffinity", "pid:d cpusetsize:d mask:p"),
    ("sched_getparam", "pid:d param:p"),
    ("sched_getscheduler", "pid:d"),
    ("sched_setaffinity", "pid:d cpusetsize:d mask:p"),
    ("sched_setattr", "pid:d attr:p flags:x"),
    ("sched_setparam", "pid:d param:p"),
    ("sched_setscheduler", "pid:d policy:d param:p"),
    ("sched_yield", ""),
    (
        "select",
        "nfds:d readfds:p writefds:p exceptfds:p timeout:p",
    ),
    ("set_robust_list", "head:p len:d"),
    ("set_tid_address", "tidptr:p"),
    ("setfsgid", "gid:d"),
    ("setfsuid", "uid:d"),
    ("setgid", "gid:d"),
    ("setitimer", "which:I new_value:p old_value:p"),
    ("setpriority", "which:d who:d prio:d"),
    ("setregid", "rgid:d egid:d"),
    ("setreuid", "ruid:d euid:d"),
    ("settimeofday", "tv:p tz:p"),
    ("setuid", "uid:d"),
    ("sigaltstack", "ss:p old_ss:p"),
    ("signalfd", "fd:f mask:p sizemask:d"),
    ("signalfd4", "fd:f mask:p sizemask:d flags:x"),
    ("swapoff", "path:p"),
    ("swapon", "path:p swapflags:x"),
    ("sync", ""),
    ("syncfs", "fd:f"),
    ("sysinfo", "info:p"),
    ("syslog", "type:d bufp:p len:d"),
    ("tgkill", "tgid:d tid:d sig:s"),
    ("time", "tloc:p"),
    ("timerfd_create", "clockid:c flags:x"),
    ("timerfd_gettime", "fd:f curr_value:p"),
    ("timerfd_settime", "fd:f flags:x new_value:p old_value:p"),
    ("times", "buf:p"),
    ("tkill", "tid:d sig:s"),
    ("truncate", "path:p length:l"),
    ("uname", "buf:p"),
    ("vfork", ""),
];

/// The arguments of a call by the registers. A call that is not in the table shows all of them up to the last that holds
/// anything.
pub fn registers(name: &str, values: &[u64; 6]) -> Vec<Argument> {
    let Ok(at) = ARGUMENTS.binary_search_by_key(&name, |(known, _)| known) else {
        let used = values.iter().rposition(|value| *value != 0);
        let used = used.map_or(0, |last| last + 1);
        return REGISTERS
            .into_iter()
            .zip(values[..used].iter().map(|value| hex(*value)))
            .collect();
    };
    let arguments = ARGUMENTS[at].1.split_whitespace();
    arguments
        .zip(values)
        .filter_map(|(argument, value)| {
            let (name, kind) = argument.split_once(':')?;
            Some((name, word(kind, *value)))
        })
        .collect()
}

/// What a call left in its register.
pub fn register(name: &str, value: i64) -> String {
    match name {
        "brk" | "mmap" | "mremap" => hex(value as u64),
        _ => value.to_string(),
    }
}

/// A register's value as the kind of argument that it holds.
fn word(kind: &str, value: u64) -> String {
    match kind {
        "d" => (value as i32).to_string(),
        "l" => (value as i64).to_string(),
        "f" => fd(Fd(value as i32)),
        "s" => signal_name(value as u8),
        "p" if value == 0 => "NULL".to_owned(),
        "1" => named(&[(0xfee1_dead, "LINUX_REBOOT_MAGIC1")], value & 0xffff_ffff),
        "2" => named(
            &[
                (0x2812_1969, "LINUX_REBOOT_MAGIC2"),
                (0x0512_1996, "LINUX_REBOOT_MAGIC2A"),
                (0x1604_1998, "LINUX_REBOOT_MAGIC2B"),
                (0x2011_2000, "LINUX_REBOOT_MAGIC2C"),
            ],
            value & 0xffff_ffff,
        ),
        "A" => named(
            &[
                (0x1001, "ARCH_SET_GS"),
                (0x1002, "ARCH_SET_FS"),
                (0x1003, "ARCH_GET_FS"),
                (0x1004, "ARCH_GET_GS"),
            ],
            value,
        ),
        "c" => named(
            &[
                (0, "CLOCK_REALTIME"),
                (1, "CLOCK_MONOTONIC"),
                (2, "CLOCK_PROCESS_CPUTIME_ID"),
                (3, "CLOCK_THREAD_CPUTIME_ID"),
                (4, "CLOCK_MONOTONIC_RAW"),
                (5, "CLOCK_REALTIME_COARSE"),
                (6, "CLOCK_MONOTONIC_COARSE"),
                (7, "CLOCK_BOOTTIME"),
            ],
            value,
        ),
        "C" => clone_flags(value),
        "e" => bits(value, &[(0o2000000, "EPOLL_CLOEXEC")], "0"),
        "E" => named(
            &[
                (1, "EPOLL_CTL_ADD"),
                (2, "EPOLL_CTL_DEL"),
                (3, "EPOLL_CTL_MOD"),
            ],
            value,
        ),
        "F" => futex(value),
        "h" => named(
            &[(0, "SIG_BLOCK"), (1, "SIG_UNBLOCK"), (2, "SIG_SETMASK")],
            value,
        ),
        "I" => named(
            &[
                (0, "ITIMER_REAL"),
                (1, "ITIMER_VIRTUAL"),
                (2, "ITIMER_PROF"),
            ],
            value,
        ),
        "M" => mmap_flags(value),
        "P" => bits(
            value,
            &[(1, "PROT_READ"), (2, "PROT_WRITE"), (4, "PROT_EXEC")],
            "PROT_NONE",
        ),
        "R" => named(
            &[
                (0, "LINUX_REBOOT_CMD_CAD_OFF"),
                (0x0123_4567, "LINUX_REBOOT_CMD_RESTART"),
                (0x4321_fedc, "LINUX_REBOOT_CMD_POWER_OFF"),
                (0x89ab_cdef, "LINUX_REBOOT_CMD_CAD_ON"),
                (0xcdef_0123, "LINUX_REBOOT_CMD_HALT"),
            ],
            value & 0xffff_ffff,
        ),
        "v" => named(
            &[
                (0, "MADV_NORMAL"),
                (3, "MADV_WILLNEED"),
                (4, "MADV_DONTNEED"),
                (8, "MADV_FREE"),
                (14, "MADV_HUGEPAGE"),
            ],
            value,
        ),
        _ => hex(value),
    }
}

/// Flags of `clone`, whose lowest byte is the signal that the parent gets.
fn clone_flags(value: u64) -> String {
    use glassdock_abi::flags::CloneFlags;
    let kinds = CloneFlags::from_bits_retain(value & !0xff);
    let mut parts = Vec::new();
    if !kinds.is_empty() {
        parts.push(super::values::flags(&kinds));
    }
    if value & 0xff != 0 {
        parts.push(signal_name(value as u8));
    }
    match parts.is_empty() {
        true => "0".to_owned(),
        false => parts.join("|"),
    }
}

fn mmap_flags(value: u64) -> String {
    let names = [
        (1, "MAP_SHARED"),
        (2, "MAP_PRIVATE"),
        (0x10, "MAP_FIXED"),
        (0x20, "MAP_ANONYMOUS"),
        (0x100, "MAP_GROWSDOWN"),
        (0x800, "MAP_DENYWRITE"),
        (0x4000, "MAP_NORESERVE"),
        (0x8000, "MAP_POPULATE"),
        (0x20000, "MAP_STACK"),
        (0x10_0000, "MAP_FIXED_NOREPLACE"),
    ];
    bits(value, &names, "MAP_FILE")
}

fn futex(value: u64) -> String {
    let names = [
        (0, "FUTEX_WAIT"),
        (1, "FUTEX_WAKE"),
        (3, "FUTEX_REQUEUE"),
        (4, "FUTEX_CMP_REQUEUE"),
        (5, "FUTEX_WAKE_OP"),
        (9, "FUTEX_WAIT_BITSET"),
        (10, "FUTEX_WAKE_BITSET"),
    ];
    let mut text = named(&names, value & 0x7f);
    if value & 0x80 != 0 {
        text.push_str("_PRIVATE");
    }
    if value & 0x100 != 0 {
        text.push_str("|FUTEX_CLOCK_REALTIME");
    }
    text
}

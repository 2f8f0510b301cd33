//! Values in C's words.

use super::super::describe;
use glassdock_abi::Fd;
use glassdock_abi::call::FcntlCmd;
use glassdock_abi::flags::CloneFlags;
use glassdock_abi::types::{
    Clock, CloneArgs, Dev, Dirent, Rlimit, Stat, StatFs, TimeSet, Timespec, WaitFor, WaitStatus,
    mode, resource, signal,
};
use serde::Serialize;

/// Magic numbers of file systems (`man 2 statfs`).
const MAGICS: [(u64, &str); 10] = [
    (0x0102_1994, "TMPFS_MAGIC"),
    (0x1373, "DEVFS_SUPER_MAGIC"),
    (0x1980_0202, "MQUEUE_MAGIC"),
    (0x1cd1, "DEVPTS_SUPER_MAGIC"),
    (0x6265_6572, "SYSFS_MAGIC"),
    (0x6367_7270, "CGROUP2_SUPER_MAGIC"),
    (0x6e73_6673, "NSFS_MAGIC"),
    (0x794c_7630, "OVERLAYFS_SUPER_MAGIC"),
    (0x8584_58f6, "RAMFS_MAGIC"),
    (0x9fa0, "PROC_SUPER_MAGIC"),
];

/// A number in hexadecimal.
pub(super) fn hex(number: u64) -> String {
    match number {
        0 => "0".to_owned(),
        number => format!("{number:#x}"),
    }
}

/// Permission bits.
pub(super) fn octal(bits: u32) -> String {
    format!("0{bits:02o}")
}

/// The name of a number in a table; the number in hexadecimal where it has none.
pub(super) fn named(table: &[(u64, &str)], number: u64) -> String {
    table
        .iter()
        .find(|(known, _)| *known == number)
        .map_or_else(|| hex(number), |(_, name)| (*name).to_owned())
}

/// The names of the bits in a word, `|` between them; `none` where no bit is set.
pub(super) fn bits(word: u64, names: &[(u64, &str)], none: &str) -> String {
    let mut found: Vec<String> = Vec::new();
    let mut rest = word;
    for (bit, name) in names {
        if rest & bit == *bit {
            found.push((*name).to_owned());
            rest &= !bit;
        }
    }
    if rest != 0 {
        found.push(hex(rest));
    }
    match found.is_empty() {
        true => none.to_owned(),
        false => found.join("|"),
    }
}

/// A flag word of the system-call interface.
pub(super) fn flags<T: Serialize>(word: &T) -> String {
    describe::text(word)
}

pub(super) fn fd(fd: Fd) -> String {
    match fd {
        Fd::CWD => "AT_FDCWD".to_owned(),
        Fd(number) => number.to_string(),
    }
}

pub(super) fn fds(fds: &[Fd]) -> String {
    list(fds.iter().map(|one| fd(*one)))
}

pub(super) fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    format!("[{}]", items.join(", "))
}

/// Bytes; those of which the trace kept the beginning end in dots.
pub(super) fn data(bytes: &[u8], whole: bool) -> String {
    let mut text = describe::quoted(bytes);
    if !whole {
        text.push_str("...");
    }
    text
}

pub(super) fn text(bytes: &[u8]) -> String {
    describe::quoted(bytes)
}

/// Where an argument is absent.
pub(super) fn or_null<T>(value: Option<T>, say: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "NULL".to_owned(), say)
}

/// A user or group id, `-1` where it stays as it is.
pub(super) fn id(number: u32) -> String {
    match number {
        u32::MAX => "-1".to_owned(),
        number => number.to_string(),
    }
}

pub(super) fn access(mode: u32) -> String {
    bits(
        mode.into(),
        &[(4, "R_OK"), (2, "W_OK"), (1, "X_OK")],
        "F_OK",
    )
}

pub(super) fn dev(dev: Dev) -> String {
    format!(
        "makedev({}, {})",
        hex(dev.major().into()),
        hex(dev.minor().into())
    )
}

/// A file's type and permissions.
pub(super) fn file_mode(bits: u32) -> String {
    let kind = match bits & mode::S_IFMT {
        mode::S_IFSOCK => "S_IFSOCK|",
        mode::S_IFLNK => "S_IFLNK|",
        mode::S_IFREG => "S_IFREG|",
        mode::S_IFBLK => "S_IFBLK|",
        mode::S_IFDIR => "S_IFDIR|",
        mode::S_IFCHR => "S_IFCHR|",
        mode::S_IFIFO => "S_IFIFO|",
        _ => "",
    };
    format!("{kind}{}", octal(bits & !mode::S_IFMT))
}

pub(super) fn stat(stat: &Stat) -> String {
    let last = match stat.mode & mode::S_IFMT {
        mode::S_IFCHR | mode::S_IFBLK => format!("st_rdev={}", dev(stat.rdev)),
        _ => format!("st_size={}", stat.size),
    };
    format!(
        "{{st_dev={}, st_ino={}, st_mode={}, st_nlink={}, st_uid={}, st_gid={}, {last}, ...}}",
        dev(stat.dev),
        stat.ino,
        file_mode(stat.mode),
        stat.nlink,
        stat.uid,
        stat.gid,
    )
}

pub(super) fn statfs(figures: &StatFs) -> String {
    format!(
        "{{f_type={}, f_bsize={}, f_blocks={}, f_bfree={}, f_bavail={}, f_files={}, f_ffree={}, f_namelen={}, ...}}",
        named(&MAGICS, figures.kind),
        figures.bsize,
        figures.blocks,
        figures.bfree,
        figures.bavail,
        figures.files,
        figures.ffree,
        figures.namelen,
    )
}

/// Directory entries by name.
pub(super) fn dirents(entries: &[Dirent]) -> String {
    list(entries.iter().map(|entry| text(&entry.name)))
}

pub(super) fn timespec(time: Timespec) -> String {
    format!("{{tv_sec={}, tv_nsec={}}}", time.sec, time.nsec)
}

pub(super) fn time_set(time: TimeSet) -> String {
    match time {
        TimeSet::Omit => "UTIME_OMIT".to_owned(),
        TimeSet::Now => "UTIME_NOW".to_owned(),
        TimeSet::At(time) => timespec(time),
    }
}

pub(super) fn clock(clock: Clock) -> String {
    match clock {
        Clock::Realtime => "CLOCK_REALTIME",
        Clock::Monotonic => "CLOCK_MONOTONIC",
        Clock::Boottime => "CLOCK_BOOTTIME",
    }
    .to_owned()
}

pub(super) fn whence(whence: u32) -> String {
    named(
        &[
            (0, "SEEK_SET"),
            (1, "SEEK_CUR"),
            (2, "SEEK_END"),
            (3, "SEEK_DATA"),
            (4, "SEEK_HOLE"),
        ],
        whence.into(),
    )
}

pub(super) fn fallocate(mode: u32) -> String {
    let names = [
        (1, "FALLOC_FL_KEEP_SIZE"),
        (2, "FALLOC_FL_PUNCH_HOLE"),
        (8, "FALLOC_FL_COLLAPSE_RANGE"),
        (16, "FALLOC_FL_ZERO_RANGE"),
        (32, "FALLOC_FL_INSERT_RANGE"),
    ];
    bits(mode.into(), &names, "0")
}

pub(super) fn flock(operation: u32) -> String {
    let names = [
        (1, "LOCK_SH"),
        (2, "LOCK_EX"),
        (4, "LOCK_NB"),
        (8, "LOCK_UN"),
    ];
    bits(operation.into(), &names, "0")
}

/// The command of an `fcntl`, and its argument where it has one.
pub(super) fn fcntl(cmd: &FcntlCmd) -> (String, Option<String>) {
    let (name, arg) = match cmd {
        FcntlCmd::Dup(least, true) => ("F_DUPFD_CLOEXEC", Some(least.to_string())),
        FcntlCmd::Dup(least, false) => ("F_DUPFD", Some(least.to_string())),
        FcntlCmd::GetFd => ("F_GETFD", None),
        FcntlCmd::SetFd(true) => ("F_SETFD", Some("FD_CLOEXEC".to_owned())),
        FcntlCmd::SetFd(false) => ("F_SETFD", Some("0".to_owned())),
        FcntlCmd::GetFl => ("F_GETFL", None),
        FcntlCmd::SetFl(set) => ("F_SETFL", Some(flags(set))),
        FcntlCmd::GetPipeSize => ("F_GETPIPE_SZ", None),
        FcntlCmd::SetPipeSize(size) => ("F_SETPIPE_SZ", Some(size.to_string())),
    };
    (name.to_owned(), arg)
}

pub(super) fn wait_for(which: WaitFor) -> (String, String) {
    let (kind, number) = match which {
        WaitFor::Any => ("P_ALL", 0),
        WaitFor::Pid(pid) => ("P_PID", pid.0),
        WaitFor::Group(group) => ("P_PGID", group.0),
        WaitFor::PidFd(fd) => ("P_PIDFD", fd.0),
    };
    (kind.to_owned(), number.to_string())
}

/// Whom `wait4` waits for: the same as one number.
pub(super) fn wait_pid(which: WaitFor) -> String {
    match which {
        WaitFor::Any => -1,
        WaitFor::Pid(pid) => pid.0,
        WaitFor::Group(group) => -group.0,
        WaitFor::PidFd(fd) => fd.0,
    }
    .to_string()
}

/// A status word with the macros that take it apart.
pub(super) fn wait_status(status: WaitStatus) -> String {
    match status {
        WaitStatus::Exited(code) => format!("[{{WIFEXITED(s) && WEXITSTATUS(s) == {code}}}]"),
        WaitStatus::Killed(number, core) => {
            let core = if core { " && WCOREDUMP(s)" } else { "" };
            format!(
                "[{{WIFSIGNALED(s) && WTERMSIG(s) == {}{core}}}]",
                signal_name(number)
            )
        }
        WaitStatus::Stopped(number) => format!(
            "[{{WIFSTOPPED(s) && WSTOPSIG(s) == {}}}]",
            signal_name(number)
        ),
        WaitStatus::Continued => "[{WIFCONTINUED(s)}]".to_owned(),
    }
}

/// `si_code` and `si_status` of a child's change.
pub(super) fn child_code(status: WaitStatus) -> String {
    let (code, status) = match status {
        WaitStatus::Exited(code) => ("CLD_EXITED", code.to_string()),
        WaitStatus::Killed(number, true) => ("CLD_DUMPED", signal_name(number)),
        WaitStatus::Killed(number, false) => ("CLD_KILLED", signal_name(number)),
        WaitStatus::Stopped(number) => ("CLD_STOPPED", signal_name(number)),
        WaitStatus::Continued => ("CLD_CONTINUED", "SIGCONT".to_owned()),
    };
    format!("si_code={code}, si_status={status}")
}

pub(super) fn signal_name(number: u8) -> String {
    match signal::name(number) {
        Some(name) => format!("SIG{name}"),
        None if (signal::RTMIN..=signal::MAX).contains(&number) => {
            format!("SIGRT_{}", number - signal::RTMIN + 2)
        }
        None => number.to_string(),
    }
}

/// A set of signals, bit n-1 for signal n.
pub(super) fn signals(mask: u64) -> String {
    let name = |number: u8| {
        let name = signal_name(number);
        name.strip_prefix("SIG").map_or(name.clone(), str::to_owned)
    };
    let (inverted, mask) = match mask.count_ones() > 32 {
        true => ("~", !mask),
        false => ("", mask),
    };
    let names: Vec<String> = (1..=signal::MAX)
        .filter(|number| mask >> (number - 1) & 1 != 0)
        .map(name)
        .collect();
    format!("{inverted}[{}]", names.join(" "))
}

pub(super) fn resource(number: u32) -> String {
    match resource::NAMES.get(number as usize) {
        Some(name) => format!("RLIMIT_{name}"),
        None => hex(number.into()),
    }
}

pub(super) fn rlimit(limit: &Rlimit) -> String {
    let side = |value: u64| match value {
        u64::MAX => "RLIM64_INFINITY".to_owned(),
        value if value > 1024 && value % 1024 == 0 => format!("{}*1024", value / 1024),
        value => value.to_string(),
    };
    format!(
        "{{rlim_cur={}, rlim_max={}}}",
        side(limit.cur),
        side(limit.max)
    )
}

pub(super) fn clone_args(args: &CloneArgs) -> String {
    let signal = match args.exit_signal {
        0 => "0".to_owned(),
        number => signal_name(number),
    };
    let cgroup = args
        .cgroup
        .map(|fd| format!(", cgroup={}", fd.0))
        .unwrap_or_default();
    // Who gives a group asks to be born there.
    let mut word = args.flags;
    word.set(CloneFlags::INTO_CGROUP, args.cgroup.is_some());
    format!("{{flags={}, exit_signal={signal}{cgroup}}}", flags(&word))
}

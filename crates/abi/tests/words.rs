//! Linux's words have Linux's values, and a call has the same bytes on every machine.
//!
//! The values of C macros were printed by a C program with glibc 2.36's headers.

use glassdock_abi::calendar::{Date, rfc3339_nano};
use glassdock_abi::call::{FcntlCmd, IoctlReq};
use glassdock_abi::flags::*;
use glassdock_abi::types::*;
use glassdock_abi::{Call, Errno, Fd, PathArg, Pid, Ret, Visitor, nr};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn an_error_has_a_number_a_name_and_the_c_librarys_message() {
    for (error, number, name, message) in [
        (Errno::EPERM, 1, "EPERM", "Operation not permitted"),
        (Errno::ENOENT, 2, "ENOENT", "No such file or directory"),
        (
            Errno::EWOULDBLOCK,
            11,
            "EAGAIN",
            "Resource temporarily unavailable",
        ),
        (Errno::ENOTEMPTY, 39, "ENOTEMPTY", "Directory not empty"),
        (
            Errno::EOPNOTSUPP,
            95,
            "EOPNOTSUPP",
            "Operation not supported",
        ),
        (
            Errno::ERFKILL,
            132,
            "ERFKILL",
            "Operation not possible due to RF-kill",
        ),
    ] {
        assert_eq!(Errno::from_raw(number), Some(error));
        assert_eq!(error.raw(), number);
        assert_eq!(error.name(), Some(name));
        assert_eq!(error.to_string(), message);
        assert_eq!(format!("{error:?}"), name);
    }
    // A system call returns -4095..=-1 for an error; 41 is one of the gaps.
    for (number, shown) in [
        (i32::MIN, None),
        (0, None),
        (41, Some("Errno(41)")),
        (4095, Some("Errno(4095)")),
        (4096, None),
    ] {
        let error = Errno::from_raw(number).map(|error| format!("{error:?}"));
        assert_eq!(error.as_deref(), shown, "{number}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn every_message_is_the_one_that_this_c_library_has() {
    for number in 1..4096 {
        let ours = Errno::from_raw(number).expect("within the range");
        let theirs = std::io::Error::from_raw_os_error(number).to_string();
        match ours.name() {
            Some(_) => assert_eq!(theirs, format!("{ours} (os error {number})")),
            None => assert!(theirs.starts_with("Unknown error"), "{number}: {theirs}"),
        }
    }
}

#[test]
fn a_device_number_is_spread_over_its_word_as_makedev_does() {
    for (major, minor, word) in [
        (0, 0, 0),
        (1, 3, 0x103),
        (5, 1, 0x501),
        (136, 255, 0x88ff),
        (8, 257, 0x10_0801),
        (259, 65_536, 0x1001_0300),
        (4095, 1_048_575, 0xffff_ffff),
        (4096, 256, 0x1000_0010_0000),
        (u32::MAX, u32::MAX, u64::MAX),
    ] {
        let dev = Dev::new(major, minor);
        assert_eq!(dev, Dev(word), "{major}:{minor}");
        assert_eq!((dev.major(), dev.minor()), (major, minor));
    }
    for bit in 0..32 {
        for (major, minor) in [(1 << bit, 0), (0, 1 << bit)] {
            let dev = Dev::new(major, minor);
            assert_eq!((dev.major(), dev.minor()), (major, minor));
        }
    }
}

#[test]
fn times_are_counted_in_nanoseconds_without_wrapping() {
    for (time, nanos) in [
        ((0, 0), 0),
        ((1, 999_999_999), 1_999_999_999),
        ((18_446_744_073, 709_551_615), u64::MAX),
    ] {
        let (sec, nsec) = time;
        assert_eq!(Timespec::from_nanos(nanos), Timespec { sec, nsec });
        assert_eq!(Timespec { sec, nsec }.as_nanos(), nanos);
    }
    for (sec, nanos) in [(-1, 0), (i64::MIN, 0), (i64::MAX, u64::MAX)] {
        assert_eq!(Timespec { sec, nsec: 5 }.as_nanos(), nanos, "{sec}");
    }
}

#[test]
fn a_second_has_its_date_and_a_date_its_second() {
    for (seconds, date, weekday) in [
        (0, "1970-01-01T00:00:00", "Thu"),
        (-1, "1969-12-31T23:59:59", "Wed"),
        (784_111_777, "1994-11-06T08:49:37", "Sun"),
        (951_782_400, "2000-02-29T00:00:00", "Tue"),
        (951_868_800, "2000-03-01T00:00:00", "Wed"),
        (1_735_689_599, "2024-12-31T23:59:59", "Tue"),
        (4_107_542_399, "2100-02-28T23:59:59", "Sun"),
        (4_107_542_400, "2100-03-01T00:00:00", "Mon"),
        (-62_135_596_800, "0001-01-01T00:00:00", "Mon"),
        (253_402_300_799, "9999-12-31T23:59:59", "Fri"),
    ] {
        let found = Date::of(seconds);
        assert_eq!(found.to_string(), date);
        assert_eq!(found.weekday_name(), weekday, "{date}");
        assert_eq!(found.seconds(), seconds, "{date}");
    }
    // Every day of 400 years and some more.
    let days: Vec<Date> = (-1000..147_000).map(|day| Date::of(day * 86_400)).collect();
    for (at, pair) in days.windows(2).enumerate() {
        let (today, tomorrow) = (pair[0], pair[1]);
        assert_eq!(today.seconds(), (at as i64 - 1000) * 86_400);
        let next = (tomorrow.year, tomorrow.month, tomorrow.day);
        let may_be = [
            (today.year, today.month, today.day + 1),
            (today.year, today.month + 1, 1),
            (today.year + 1, 1, 1),
        ];
        assert!(may_be.contains(&next), "{today} is followed by {tomorrow}");
    }
}

#[test]
fn a_fraction_is_written_without_zeros_at_its_end() {
    for (sec, nsec, text) in [
        (0, 0, "1970-01-01T00:00:00Z"),
        (1_700_000_000, 120_000_000, "2023-11-14T22:13:20.12Z"),
        (951_782_400, 1, "2000-02-29T00:00:00.000000001Z"),
    ] {
        assert_eq!(rfc3339_nano(Timespec { sec, nsec }), text);
    }
}

#[test]
fn resource_limits_are_found_by_both_spellings() {
    for (small, whole, number) in [
        ("cpu", "RLIMIT_CPU", Some(0)),
        ("nofile", "RLIMIT_NOFILE", Some(7)),
        ("rttime", "RLIMIT_RTTIME", Some(15)),
        ("NOFILE", "NOFILE", None),
        ("", "RLIMIT_", None),
        ("nofiles", "RLIMIT_nofile", None),
    ] {
        assert_eq!(resource::from_ulimit(small), number, "{small}");
        assert_eq!(resource::from_name(whole), number, "{whole}");
    }
}

#[test]
fn a_childs_end_is_a_word_for_wait_and_a_number_for_a_shell() {
    for (status, word, shell) in [
        (WaitStatus::Exited(0), 0, 0),
        (WaitStatus::Exited(255), 0xff00, 255),
        (WaitStatus::Killed(signal::KILL, false), 0x09, 137),
        (WaitStatus::Killed(signal::SEGV, true), 0x8b, 139),
        (WaitStatus::Stopped(signal::STOP), 0x137f, 147),
        (WaitStatus::Stopped(signal::TTOU), 0x167f, 150),
        (WaitStatus::Continued, 0xffff, 0),
    ] {
        assert_eq!((status.word(), status.shell_code()), (word, shell));
    }
}

#[test]
fn signals_are_found_by_name_and_by_number() {
    let mut named = 0;
    for number in 0..=u8::MAX {
        let Some(name) = signal::name(number) else {
            continue;
        };
        named += 1;
        for spelled in [name.to_owned(), format!("SIG{name}")] {
            assert_eq!(signal::from_name(&spelled), Some(number), "{spelled}");
        }
    }
    assert_eq!(named, 31);
    for (name, number) in [
        ("HUP", Some(1)),
        ("SIGKILL", Some(9)),
        ("CHLD", Some(17)),
        ("WINCH", Some(28)),
        ("term", None),
        ("SIGSIGTERM", None),
        ("", None),
    ] {
        assert_eq!(signal::from_name(name), number, "{name}");
    }
}

#[test]
fn the_access_mode_is_two_bits_of_which_three_is_neither() {
    for (bits, readable, writable) in [
        (0, true, false),
        (1, false, true),
        (2, true, true),
        (3, false, false),
        (0o2000002, true, true),
        (0o102101, false, true),
    ] {
        let flags = OpenFlags::from_bits_retain(bits);
        assert_eq!(
            (flags.readable(), flags.writable()),
            (readable, writable),
            "{bits:o}"
        );
    }
    // A kernel must be able to refuse what it does not know.
    assert_eq!(OpenFlags::from_bits_retain(1 << 31).bits(), 1 << 31);
}

/// Calls with their numbers, names, and their bytes as a trace keeps them.
fn calls() -> Vec<(Call, u32, &'static str, &'static str)> {
    vec![
        (
            Call::Openat2 {
                dirfd: Fd::CWD,
                path: "/etc/passwd".into(),
                how: OpenHow {
                    flags: OpenFlags::CLOEXEC | OpenFlags::NOFOLLOW,
                    mode: 0o644,
                    resolve: ResolveFlags::IN_ROOT,
                },
            },
            437,
            "openat2",
            "00c7010b2f6574632f706173737764808028a40310",
        ),
        (
            Call::Write {
                fd: Fd::STDERR,
                data: vec![0, 0x7f, 0xff],
            },
            1,
            "write",
            "180403007fff",
        ),
        (
            Call::Pwrite64 {
                fd: Fd(7),
                data: Vec::new(),
                offset: u64::MAX,
            },
            18,
            "pwrite64",
            "1a0e00ffffffffffffffffff01",
        ),
        (
            Call::Ppoll {
                fds: vec![
                    PollFd {
                        fd: Fd(3),
                        events: PollEvents::IN,
                    },
                    PollFd {
                        fd: Fd(-1),
                        events: PollEvents::OUT | PollEvents::RDHUP,
                    },
                ],
                timeout: Some(1 << 40),
            },
            271,
            "ppoll",
            "2702060101844001808080808020",
        ),
        (
            Call::Sendmsg {
                fd: Fd(4),
                data: b"hi".to_vec(),
                fds: vec![Fd(5), Fd(6)],
                to: Some(SockAddr::Unix("/run/s".into())),
                flags: MsgFlags::NOSIGNAL,
            },
            46,
            "sendmsg",
            "3108026869020a0c0101062f72756e2f73808001",
        ),
        (
            Call::Fcntl {
                fd: Fd(9),
                cmd: FcntlCmd::Dup(10, true),
            },
            72,
            "fcntl",
            "2512001401",
        ),
        (
            Call::Ioctl {
                fd: Fd(0),
                request: IoctlReq::Tiocspgrp(Pid(77)),
            },
            16,
            "ioctl",
            "2600079a01",
        ),
        (
            Call::Waitid {
                which: WaitFor::PidFd(Fd(8)),
                options: WaitFlags::EXITED | WaitFlags::NOHANG,
            },
            247,
            "waitid",
            "38031005",
        ),
        (
            Call::Kill {
                pid: Pid(-12),
                signal: signal::TERM,
            },
            62,
            "kill",
            "3b170f",
        ),
        (
            Call::Mount {
                source: "overlay".into(),
                target: "/merged".into(),
                fstype: b"overlay".to_vec(),
                flags: MountFlags::NODEV | MountFlags::RELATIME,
                data: b"lowerdir=/l".to_vec(),
            },
            165,
            "mount",
            "3f076f7665726c6179072f6d6572676564076f7665726c6179848080010b6c6f7765726469723d2f6c",
        ),
        (
            Call::Clone3 {
                args: CloneArgs {
                    flags: CloneFlags::NEWPID | CloneFlags::INTO_CGROUP,
                    exit_signal: signal::CHLD,
                    cgroup: Some(Fd(11)),
                },
            },
            435,
            "clone3",
            "4d8080808022110116",
        ),
        (Call::Getpid {}, 39, "getpid", "47"),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Written, a value has these bytes; read, they are the value again.
fn same<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, bytes: &str) {
    let written = postcard::to_allocvec(value).expect("a value is written");
    assert_eq!(hex(&written), bytes, "{value:?}");
    let read: T = postcard::from_bytes(&written).expect("what was written is read");
    assert_eq!(&read, value);
}

#[test]
fn a_call_knows_its_number_and_has_the_same_bytes_everywhere() {
    for (call, number, name, bytes) in calls() {
        assert_eq!((call.nr(), call.name()), (number, name));
        assert_eq!(nr::name(number), Some(name));
        same(&call, bytes);
    }
}

#[test]
fn an_answer_has_the_same_bytes_everywhere() {
    let stat = Stat {
        dev: Dev::new(0, 22),
        ino: u64::MAX,
        mode: mode::S_IFREG | 0o4755,
        nlink: 2,
        size: 1 << 32,
        mtime: Timespec {
            sec: -1,
            nsec: 999_999_999,
        },
        ..Stat::default()
    };
    for (ret, bytes) in [
        (Ret::None, "00"),
        (Ret::Int(i64::MIN), "01ffffffffffffffffff01"),
        (Ret::Fds([Fd(3), Fd(4)]), "030608"),
        (
            Ret::Stat(Box::new(stat)),
            "0616ffffffffffffffffff01ed93020200000080808080100000000001ff93ebdc030000000000",
        ),
        (
            Ret::Waited(Some(Waited {
                pid: Pid(2),
                uid: 1000,
                status: WaitStatus::Killed(signal::KILL, false),
            })),
            "0d0104e807010900",
        ),
        (
            Ret::Rlimit(Rlimit {
                cur: 1024,
                max: u64::MAX,
            }),
            "108008ffffffffffffffffff01",
        ),
    ] {
        same(&ret, bytes);
    }
}

#[test]
fn an_answer_of_another_kind_is_a_protocol_error() {
    assert_eq!(Ret::Int(3).int(), Ok(3));
    assert_eq!(Ret::Int(3).fd(), Err(Errno::EPROTO));
    assert_eq!(Ret::None.bytes(), Err(Errno::EPROTO));
}

/// Writes down what it is shown, and counts descriptors on.
#[derive(Default)]
struct Seen(Vec<String>);

impl Visitor for Seen {
    fn fd(&mut self, fd: &mut Fd) {
        self.0.push(format!("fd {}", fd.0));
        fd.0 += 100;
    }
    fn pid(&mut self, pid: &mut Pid) {
        self.0.push(format!("pid {}", pid.0));
    }
    fn path(&mut self, path: &mut PathArg) {
        self.0.push(format!("path {path}"));
    }
}

#[test]
fn a_visitor_sees_what_names_something_and_may_replace_it() {
    let seen: Vec<(Vec<String>, Call)> = calls()
        .into_iter()
        .map(|(mut call, ..)| {
            let mut seen = Seen::default();
            call.visit(&mut seen);
            (seen.0, call)
        })
        .collect();
    let told: Vec<String> = seen.iter().map(|(seen, _)| seen.join(", ")).collect();
    assert_eq!(
        told,
        [
            "fd -100, path /etc/passwd",
            "fd 2",
            "fd 7",
            "fd 3, fd -1",
            "fd 4, fd 5, fd 6, path /run/s",
            "fd 9",
            "fd 0, pid 77",
            "fd 8",
            "pid -12",
            "path overlay, path /merged",
            "fd 11",
            "",
        ]
    );
    let Call::Sendmsg { fd, fds, .. } = &seen[4].1 else {
        panic!("{:?}", seen[4].1);
    };
    assert_eq!((fd, fds.as_slice()), (&Fd(104), &[Fd(105), Fd(106)][..]));
}

#[test]
fn joined_paths_have_one_slash_between_them() {
    for (path, name, joined) in [
        ("/a", "b", "/a/b"),
        ("/a/", "b", "/a/b"),
        ("/", "b", "/b"),
        ("", "b", "b"),
    ] {
        assert_eq!(PathArg::from(path).join(name), PathArg::from(joined));
    }
}

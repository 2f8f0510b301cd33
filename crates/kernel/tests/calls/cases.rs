//! The programs.

use super::program::{HANDLER, RESTORER, Step, Step::*, Word, at};
use glassdock_abi::nr;

/// A program with its name.
pub struct Case {
    /// The rule.
    pub name: &'static str,
    /// What it does.
    pub steps: fn() -> Vec<Step>,
}

/// A call whose result is compared.
fn call(number: u32, args: impl IntoIterator<Item = Word>) -> Step {
    Call(None, number, args.into_iter().collect())
}

/// A call whose result is needed later, and not compared.
fn named(name: &'static str, number: u32, args: impl IntoIterator<Item = Word>) -> Step {
    Call(Some(name), number, args.into_iter().collect())
}

macro_rules! words {
    ($($word:expr),* $(,)?) => { [$(Word::from($word)),*] };
}

const EPOLL_ADD: i32 = 1;
const EPOLLIN: u64 = 1;
const EPOLLET: u64 = 1 << 31;

/// Adds a descriptor to an epoll instance, through the memory at 0x1000.
fn watch(epoll: Word, fd: Word, events: u64) -> Vec<Step> {
    vec![
        Store(0x1000, events.into()),
        Store(0x1004, 7.into()),
        call(
            nr::epoll_ctl,
            [epoll, EPOLL_ADD.into(), fd, at(0x1000).into()],
        ),
    ]
}

/// All programs.
pub const CASES: &[Case] = &[
    Case {
        name: "epoll instances nest four deep and in no circle",
        steps: || {
            const E: [&str; 6] = ["e0", "e1", "e2", "e3", "e4", "e5"];
            let mut steps = Vec::new();
            for name in E {
                steps.push(named(name, nr::epoll_create1, words![0]));
            }
            for pair in E.windows(2) {
                steps.extend(watch(pair[0].into(), pair[1].into(), EPOLLIN));
            }
            steps.extend(watch(E[1].into(), E[0].into(), EPOLLIN));
            steps.extend(watch(E[0].into(), E[0].into(), EPOLLIN));
            steps
        },
    },
    Case {
        name: "an edge is told once for each event that comes",
        steps: || {
            let mut steps = vec![
                named("ep", nr::epoll_create1, words![0]),
                call(nr::pipe2, words![at(0x100), 0x800]),
            ];
            // The pipe's ends are 4 and 5 in both.
            steps.extend(watch("ep".into(), 4.into(), EPOLLIN | EPOLLET));
            let wait = || call(nr::epoll_wait, words!["ep", at(0x200), 8, 0]);
            let write = || call(nr::write, words![5, at(0x300), 10]);
            let read = |count: i32| call(nr::read, words![4, at(0x400), count]);
            steps.extend([
                wait(),
                write(),
                wait(),
                wait(),
                read(1),
                wait(),
                write(),
                wait(),
                write(),
                write(),
                wait(),
                wait(),
                read(100),
                wait(),
                write(),
                read(100),
                wait(),
                write(),
                wait(),
            ]);
            steps
        },
    },
    Case {
        name: "ready descriptors take turns where not all fit",
        steps: || {
            let mut steps = vec![
                named("ep", nr::epoll_create1, words![0]),
                call(nr::eventfd2, words![1, 0]),
                call(nr::eventfd2, words![1, 0]),
                call(nr::eventfd2, words![1, 0]),
            ];
            for fd in 4..7 {
                steps.extend([
                    Store(0x1000, EPOLLIN.into()),
                    Store(0x1004, fd.into()),
                    call(nr::epoll_ctl, words!["ep", EPOLL_ADD, fd, at(0x1000)]),
                ]);
            }
            for turn in 0..4 {
                steps.push(call(nr::epoll_wait, words!["ep", at(24 * turn), 2, 0]));
            }
            steps.extend([
                call(nr::epoll_wait, words!["ep", at(0x200), 0, 0]),
                call(nr::epoll_wait, words!["ep", at(0x200), 0x7fff_ffff, 0]),
                // Closed by another taking its number: no longer watched.
                call(nr::dup2, words![5, 4]),
                call(nr::epoll_wait, words!["ep", at(0x200), 8, 0]),
                call(nr::epoll_ctl, words!["ep", 2, 4, 0]),
                call(nr::epoll_ctl, words!["ep", 2, 5, 0]),
                call(nr::epoll_wait, words!["ep", at(0x200), 8, 0]),
            ]);
            steps
        },
    },
    Case {
        name: "a read fills what it is asked for, as far as memory goes",
        steps: || {
            vec![
                named("f", nr::memfd_create, words![at(0), 0]),
                call(nr::ftruncate, words!["f", 0x1_0000_0000_u64]),
                call(nr::pread64, words!["f", at(0), 16, 0]),
                named("m", nr::mmap, words![0, 0x200_0000, 3, 0x22, -1, 0]),
                call(nr::read, words!["f", "m", 0x180_0000]),
                call(nr::lseek, words!["f", 0, 1]),
                // The last page of what is mapped cannot be written.
                Store(0x100, "m".into()),
                call(nr::mmap, words![0x2000_0000, 0x3000, 3, 0x32, -1, 0]),
                call(nr::munmap, words![0x2000_2000, 0x1000]),
                call(nr::lseek, words!["f", 0, 0]),
                call(nr::read, words!["f", 0x2000_0000, 0x7fff_f000]),
                call(nr::lseek, words!["f", 0, 1]),
                call(nr::read, words!["f", 0x2000_2000, 1]),
                call(nr::lseek, words!["f", 0, 1]),
                Store(0x100, 0.into()),
            ]
        },
    },
    Case {
        name: "timers may be as far away as a number goes",
        steps: || {
            let long = i64::MAX as u64;
            vec![
                named("t", nr::timerfd_create, words![1, 0]),
                // Every 2^63 - 1 seconds, first after a nanosecond.
                Store(0x200, long.into()),
                Store(0x208, 0.into()),
                Store(0x210, 0.into()),
                Store(0x218, 1.into()),
                call(nr::timerfd_settime, words!["t", 0, at(0x200), 0]),
                call(nr::read, words!["t", at(0x300), 8]),
                Store(0x200, 0.into()),
                Store(0x210, long.into()),
                call(nr::timerfd_settime, words!["t", 0, at(0x200), 0]),
                Store(0x220, at(0x300).into()),
                call(nr::setitimer, words![0, at(0x200), 0]),
                Bytes(0x230, vec![0; 8]),
                named("left", nr::alarm, words![0]),
                Store(0x200, 0.into()),
                Store(0x208, 1_000_000.into()),
                call(nr::nanosleep, words![at(0x200), 0]),
            ]
        },
    },
    Case {
        name: "sockets that are on their way in themselves are closed all the same",
        steps: || {
            // A message of one byte with one descriptor: header 0x1000, piece 0x1040, control 0x1080.
            let send = |over: Word, passed: Word| {
                vec![
                    Store(0x1000, 0.into()),
                    Store(0x1010, at(0x1040).into()),
                    Store(0x1018, 1.into()),
                    Store(0x1020, at(0x1080).into()),
                    Store(0x1028, 24.into()),
                    Store(0x1040, at(0x1100).into()),
                    Store(0x1048, 1.into()),
                    Store(0x1080, 20.into()),
                    Store(0x1088, (1_u64 << 32 | 1).into()),
                    Store(0x1090, passed),
                    call(nr::sendmsg, [over, at(0x1000).into(), 0.into()]),
                ]
            };
            // Each pair in the queue of the next: 3000 of them nested, all let go.
            let mut steps = vec![call(nr::socketpair, words![1, 1, 0, at(0x1200)])];
            let mut nest = vec![call(nr::socketpair, words![1, 1, 0, at(0x1200)])];
            nest.extend(send(5.into(), 3.into()));
            nest.extend(send(5.into(), 4.into()));
            nest.extend([
                call(nr::dup2, words![5, 3]),
                call(nr::dup2, words![6, 4]),
                call(nr::close, words![5]),
                call(nr::close, words![6]),
            ]);
            steps.push(Repeat(3000, nest));
            steps.extend(send(3.into(), 4.into()));
            steps.extend([call(nr::close, words![3]), call(nr::close, words![4])]);
            // A pipe's end in a socket's own queue: its other end sees that it is gone.
            steps.extend([
                call(nr::socketpair, words![1, 1, 0, at(0x1200)]),
                call(nr::pipe2, words![at(0x1300), 0x800]),
            ]);
            steps.extend(send(3.into(), 6.into()));
            steps.extend(send(3.into(), 4.into()));
            steps.extend([
                call(nr::close, words![6]),
                call(nr::read, words![5, at(0x1400), 1]),
                call(nr::close, words![3]),
                call(nr::close, words![4]),
                // They are collected a little later.
                Store(0x1500, 0.into()),
                Store(0x1508, 50_000_000.into()),
                call(nr::nanosleep, words![at(0x1500), 0]),
                call(nr::read, words![5, at(0x1400), 1]),
            ]);
            steps
        },
    },
    Case {
        name: "descriptors on their way count against the limit of open files",
        steps: || {
            let mut steps = vec![
                call(nr::socketpair, words![1, 1, 0, at(0x1200)]),
                Store(0x1300, 8.into()),
                Store(0x1308, 8.into()),
                call(nr::prlimit64, words![0, 7, at(0x1300), 0]),
                named("gid", nr::setresgid, words![54_321, 54_321, 54_321]),
                named("uid", nr::setresuid, words![54_321, 54_321, 54_321]),
                Store(0x1010, at(0x1040).into()),
                Store(0x1018, 1.into()),
                Store(0x1020, at(0x1080).into()),
                Store(0x1028, 24.into()),
                Store(0x1040, at(0x1100).into()),
                Store(0x1048, 1.into()),
                Store(0x1080, 20.into()),
                Store(0x1088, (1_u64 << 32 | 1).into()),
                Store(0x1090, 0.into()),
            ];
            for _ in 0..11 {
                steps.push(call(nr::sendmsg, words![3, at(0x1000), 0]));
            }
            steps
        },
    },
    Case {
        name: "offsets of mappings and locks end where numbers do",
        steps: || {
            let mut steps = vec![named("f", nr::memfd_create, words![at(0), 0])];
            let last = i64::MAX as u64;
            for offset in [0_u64.wrapping_sub(0x1000), 1 << 63, last - 0xfff] {
                steps.push(call(nr::mmap, words![0, 0x2000, 1, 1, "f", offset]));
            }
            // The kind of a private mapping without a file makes no difference to it: it has no offset.
            steps.push(named(
                "m",
                nr::mmap,
                words![0, 0x2000, 1, 0x22, -1, 1_u64 << 63],
            ));
            let lock = |start: i64, len: i64| {
                [
                    Store(0x1000, 1.into()),
                    Store(0x1008, (start as u64).into()),
                    Store(0x1010, (len as u64).into()),
                    call(nr::fcntl, words!["f", 6, at(0x1000)]),
                ]
            };
            let max = i64::MAX;
            for (start, len) in [
                (5, i64::MIN),
                (5, -5),
                (5, -6),
                (0, -1),
                (max, 1),
                (max, 2),
                (max - 1, 5),
            ] {
                steps.extend(lock(start, len));
            }
            steps
        },
    },
    Case {
        name: "sizes are compared before they are cut",
        steps: || {
            let big = 0x1_0000_0002_u64;
            vec![
                call(nr::symlink, words![at(0x100), at(0x110)]),
                Bytes(0x120, b"/proc/self/cwd".to_vec()),
                call(nr::readlink, words![at(0x120), at(0x200), 1_u64 << 32]),
                call(nr::getitimer, words![big, at(0x1000)]),
                Bytes(0x120, vec![0; 16]),
                named("f", nr::memfd_create, words![at(0), 0]),
                Store(0x1000, big.into()),
                Store(0x1008, big.into()),
                call(nr::prlimit64, words![0, 1, at(0x1000), 0]),
                call(nr::pwrite64, words!["f", at(0), 10, 0x1_0000_0000_u64]),
                Store(0x1100, at(0x1200).into()),
                Store(0x1108, 0x1_0000_0000_u64.into()),
                call(nr::lseek, words!["f", 0x1_0000_0000_u64, 0]),
                call(nr::readv, words!["f", at(0x1100), 1]),
            ]
        },
    },
    Case {
        name: "a sleep that a signal ends says what is left",
        steps: || {
            let interrupted = |number: u32, args: Vec<Word>| {
                vec![
                    Store(0x210, 0.into()),
                    Store(0x218, 20_000.into()),
                    Store(0x200, 0.into()),
                    Store(0x208, 0.into()),
                    call(nr::setitimer, words![0, at(0x200), 0]),
                    call(number, args),
                ]
            };
            let mut steps = vec![
                Store(0x100, HANDLER.into()),
                Store(0x108, 0x0400_0000.into()),
                Store(0x110, RESTORER.into()),
                call(nr::rt_sigaction, words![14, at(0x100), 0, 8]),
                Store(0x108, 0.into()),
                Store(0x100, 0.into()),
                Store(0x110, 0.into()),
                Store(0x300, 10.into()),
            ];
            steps.extend(interrupted(35, words![at(0x300), at(0x80)].to_vec()));
            steps.extend(interrupted(230, words![1, 0, at(0x300), at(0x90)].to_vec()));
            steps.extend(interrupted(
                230,
                words![1, 1, at(0xff00), at(0xa0)].to_vec(),
            ));
            // Nanoseconds differ; seconds do not.
            steps.extend([Store(0x88, 0.into()), Store(0x98, 0.into())]);
            steps
        },
    },
    Case {
        name: "a clone whose descriptor cannot be made leaves no child",
        steps: || {
            const PIDFD_CHLD: u64 = 0x1000 | 17;
            vec![
                Child("child", vec![call(nr::getppid, [])]),
                call(nr::clone, words![PIDFD_CHLD, 0, 8]),
                Store(0x1000, 3.into()),
                Store(0x1008, 3.into()),
                call(nr::prlimit64, words![0, 7, at(0x1000), 0]),
                call(nr::clone, words![PIDFD_CHLD, 0, at(0x1010)]),
                named("pid", nr::wait4, words!["child", at(0x1000), 0, 0]),
                call(nr::wait4, words![-1, at(0x1000), 0, 0]),
            ]
        },
    },
    Case {
        name: "a working directory may be too deep for a path",
        steps: || {
            vec![
                Bytes(0x1000, vec![b'd'; 200]),
                Repeat(
                    25,
                    vec![
                        call(nr::mkdir, words![at(0x1000), 0o755]),
                        call(nr::chdir, words![at(0x1000)]),
                    ],
                ),
                call(nr::getcwd, words![at(0x2000), 0x8000]),
                Bytes(0x3000, b"..".to_vec()),
                Repeat(
                    25,
                    vec![
                        call(nr::chdir, words![at(0x3000)]),
                        call(nr::rmdir, words![at(0x1000)]),
                    ],
                ),
            ]
        },
    },
    Case {
        name: "record locks go with any descriptor of the file",
        steps: || {
            let mut steps = vec![
                Bytes(0x1000, b"locked".to_vec()),
                // Two descriptors of one file, 3 and 4.
                call(nr::open, words![at(0x1000), 0o102, 0o600]),
                call(nr::open, words![at(0x1000), 2, 0]),
                // A lock of its first byte, for writing.
                Store(0x2000, 1.into()),
                Store(0x2008, 0.into()),
                Store(0x2010, 1.into()),
            ];
            let probe = |slot: u64, name: &'static str| {
                let asked = vec![
                    call(nr::fcntl, words![3, 5, at(0x3000)]),
                    call(nr::pwrite64, words![5, at(0x3000), 2, slot]),
                ];
                vec![
                    Store(0x3000, 1.into()),
                    Store(0x3008, 0.into()),
                    Store(0x3010, 1.into()),
                    Child(name, asked),
                    named("waited", nr::wait4, words![name, 0, 0, 0]),
                ]
            };
            let lock = || call(nr::fcntl, words![3, 6, at(0x2000)]);
            steps.push(call(nr::memfd_create, words![at(0x1000), 0]));
            steps.push(lock());
            steps.extend(probe(0, "held"));
            // Replaced by dup2, closed by close_range, closed by close.
            for (slot, close) in [
                (2, call(nr::dup2, words![0, 4])),
                (4, call(nr::close_range, words![4, 4, 0])),
            ] {
                steps.push(close);
                steps.extend(probe(slot, "after"));
                steps.extend([call(nr::open, words![at(0x1000), 2, 0]), lock()]);
                steps.push(call(nr::dup2, words![6, 4]));
                steps.push(call(nr::close, words![6]));
                steps.push(lock());
            }
            steps.extend([
                call(nr::pread64, words![5, at(0), 16, 0]),
                call(nr::unlink, words![at(0x1000)]),
            ]);
            steps
        },
    },
    Case {
        name: "a nameless file gets a name once, or never",
        steps: || {
            const TMPFILE: u64 = 0o20_200_000;
            let link = |fd: &'static str, name: u64| {
                call(nr::linkat, words![fd, at(0x1100), -100, at(name), 0x1000])
            };
            vec![
                Bytes(0x1000, b".".to_vec()),
                Bytes(0x1200, b"first".to_vec()),
                Bytes(0x1300, b"second".to_vec()),
                named("f", nr::open, words![at(0x1000), TMPFILE | 2, 0o600]),
                named("x", nr::open, words![at(0x1000), TMPFILE | 0o202, 0o600]),
                link("x", 0x1200),
                link("f", 0x1200),
                link("f", 0x1300),
                call(nr::unlink, words![at(0x1200)]),
                call(nr::unlink, words![at(0x1300)]),
                link("f", 0x1200),
            ]
        },
    },
    Case {
        name: "no id is minus one; attributes are listed and removed by descriptor",
        steps: || {
            vec![
                call(nr::setuid, words![-1]),
                call(nr::setgid, words![-1]),
                Bytes(0x1000, b"file".to_vec()),
                Bytes(0x1100, b"user.a".to_vec()),
                named("f", nr::open, words![at(0x1000), 0o102, 0o600]),
                call(nr::fsetxattr, words!["f", at(0x1100), at(0x1200), 3, 0]),
                call(nr::flistxattr, words!["f", 0, 0]),
                call(nr::flistxattr, words!["f", at(0), 3]),
                call(nr::flistxattr, words!["f", at(0), 64]),
                call(nr::fremovexattr, words!["f", at(0x1100)]),
                call(nr::fremovexattr, words!["f", at(0x1100)]),
                call(nr::unlink, words![at(0x1000)]),
            ]
        },
    },
    Case {
        name: "a connection stays in the queue where there is no descriptor for it",
        steps: || {
            let name = |at: u64| Bytes(at, b"\x01\0\0glassdock-calls".to_vec());
            vec![
                name(0x1000),
                call(nr::socket, words![1, 1, 0]),
                call(nr::bind, words![3, at(0x1000), 18]),
                call(nr::listen, words![3, 5]),
                call(nr::socket, words![1, 1, 0]),
                call(nr::connect, words![4, at(0x1000), 18]),
                Store(0x1100, 5.into()),
                Store(0x1108, 100.into()),
                call(nr::prlimit64, words![0, 7, at(0x1100), 0]),
                call(nr::accept4, words![3, 0, 0, 0]),
                Store(0x1100, 50.into()),
                call(nr::prlimit64, words![0, 7, at(0x1100), 0]),
                call(nr::accept4, words![3, 0, 0, 0x800]),
            ]
        },
    },
    Case {
        name: "shared memory lives as long as an area shows it",
        steps: || {
            let there = 0x2000_0000_u64;
            vec![
                call(nr::mmap, words![there, 0x2000, 3, 0x31, -1, 0]),
                Bytes(0x100, b"kept".to_vec()),
                named("m", nr::memfd_create, words![at(0), 0]),
                call(nr::pwrite64, words!["m", at(0x100), 4, 0]),
                call(nr::pread64, words!["m", there, 4, 0]),
                // Dropped from this address space, not from the memory.
                call(nr::madvise, words![there, 0x1000, 4]),
                Child("child", vec![]),
                named("waited", nr::wait4, words!["child", 0, 0, 0]),
                call(nr::pwrite64, words!["m", there, 4, 0]),
                call(nr::pread64, words!["m", at(0), 4, 0]),
                call(nr::munmap, words![there, 0x2000]),
                call(nr::pwrite64, words!["m", there, 4, 0]),
            ]
        },
    },
    Case {
        name: "periodic timers count what nobody took",
        steps: || {
            const MS: u64 = 1_000_000;
            let nap = |ms: u64| {
                [
                    Store(0x300, 0.into()),
                    Store(0x308, (ms * MS).into()),
                    call(nr::nanosleep, words![at(0x300), 0]),
                ]
            };
            let mut steps = vec![
                named("t", nr::timerfd_create, words![1, 0x800]),
                Store(0x200, 0.into()),
                Store(0x208, (100 * MS).into()),
                Store(0x218, (100 * MS).into()),
                call(nr::timerfd_settime, words!["t", 0, at(0x200), 0]),
                call(nr::read, words!["t", at(0), 8]),
            ];
            steps.extend(nap(350));
            steps.push(call(nr::read, words!["t", at(0), 8]));
            steps.extend(nap(100));
            steps.extend([
                call(nr::timerfd_gettime, words!["t", at(0x400)]),
                call(nr::read, words!["t", at(8), 8]),
                // SIGALRM, blocked, comes once however late it is taken, and then again in its time.
                Store(0x500, (1_u64 << 13).into()),
                call(nr::rt_sigprocmask, words![0, at(0x500), 0, 8]),
                Store(0x600, 0.into()),
                Store(0x608, 100_000.into()),
                Store(0x618, 100_000.into()),
                call(nr::setitimer, words![0, at(0x600), 0]),
            ]);
            steps.extend(nap(250));
            let take = || call(nr::rt_sigtimedwait, words![at(0x500), 0, at(0x700), 8]);
            steps.extend([take(), take()]);
            steps.extend(nap(100));
            steps.push(take());
            // The words with the settings are not of interest.
            steps.extend((0..4).map(|word| Store(8 * word + 0x10, 0.into())));
            steps
        },
    },
    Case {
        name: "another user's memory is not shown",
        steps: || {
            vec![
                Bytes(0x1000, b"/proc/self/maps".to_vec()),
                Bytes(0x1100, b"/proc/1/maps".to_vec()),
                Bytes(0x1200, b"/proc/1/auxv".to_vec()),
                call(nr::open, words![at(0x1000), 0]),
                // A pipe tells what the child, another user, got.
                call(nr::pipe2, words![at(0x1300), 0]),
                Child(
                    "child",
                    vec![
                        call(nr::setresgid, words![54_321, 54_321, 54_321]),
                        call(nr::setresuid, words![54_321, 54_321, 54_321]),
                        named("maps", nr::open, words![at(0x1100), 0]),
                        Store(0x1400, "maps".into()),
                        named("auxv", nr::open, words![at(0x1200), 0]),
                        Store(0x1408, "auxv".into()),
                        call(nr::write, words![5, at(0x1400), 16]),
                    ],
                ),
                call(nr::read, words![4, at(0), 16]),
            ]
        },
    },
];

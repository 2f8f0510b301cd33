//! Sequences of calls from a seed.

use super::{SLOT, SLOTS};
use glassdock_abi::flags::*;
use glassdock_abi::types::{Dev, OpenHow, PathArg, TimeSet, Timespec, mode::*};
use glassdock_abi::{Call, Fd};

/// What a sequence is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Names of every type, in a tmpfs.
    Names,
    /// The same as several users.
    Users,
    /// Reading, writing, seeking and resizing.
    Files,
    /// Mounting and unmounting.
    Mounts,
    /// Names and files, and whether their times change: a few calls with pauses, since a kernel's clock is coarse.
    Times,
    /// Names in an overlay of two lower directories and one upper.
    Overlay,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 6] = [
        Kind::Names,
        Kind::Users,
        Kind::Mounts,
        Kind::Times,
        Kind::Files,
        Kind::Overlay,
    ];

    /// Its name in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Names => "names",
            Kind::Users => "users",
            Kind::Files => "files",
            Kind::Mounts => "mounts",
            Kind::Times => "times",
            Kind::Overlay => "overlay",
        }
    }
}

/// A sequence of calls; the same seed always gives the same one.
pub fn plan(kind: Kind, seed: u64, calls: usize) -> Vec<Call> {
    let mut make = Generator {
        state: seed ^ (kind as u64) << 56,
        kind,
    };
    (0..calls).map(|_| make.call()).collect()
}

struct Generator {
    state: u64,
    kind: Kind,
}

/// Names that paths are made of: few, so that they meet.
const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
/// Types of `mknod`; devices that have no driver.
const NODES: [(u32, Dev); 9] = [
    (S_IFREG, Dev(0)),
    (0, Dev(0)),
    (S_IFIFO, Dev(0)),
    (S_IFSOCK, Dev(0)),
    (S_IFCHR, Dev(0)),
    (S_IFCHR, Dev::new(0, 77)),
    (S_IFBLK, Dev::new(0, 78)),
    (S_IFDIR, Dev(0)),
    (S_IFLNK, Dev(0)),
];
const MODES: [u32; 10] = [
    0o755, 0o644, 0o700, 0o777, 0, 0o1777, 0o2775, 0o4711, 0o555, 0o17_7777,
];
const USERS: [u32; 4] = [0, 1000, 1001, u32::MAX];
const ATTRIBUTES: [&str; 6] = [
    "user.a",
    "user.b",
    "trusted.a",
    "security.a",
    "other.a",
    "user.",
];

impl Generator {
    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
    /// One of several, mostly the first.
    fn mostly<T: Copy>(&mut self, from: &[T]) -> T {
        if self.one_in(3) {
            self.pick(from)
        } else {
            from[0]
        }
    }

    fn slot(&mut self) -> Fd {
        Fd(SLOT + self.below(SLOTS) as i32)
    }
    fn dir(&mut self) -> Fd {
        match self.below(12) {
            0 | 1 => self.slot(),
            2 => Fd(-1),
            _ => Fd::CWD,
        }
    }
    fn path(&mut self) -> PathArg {
        let depth = self.pick(&[1, 1, 1, 2, 2, 2, 3, 3, 4]);
        let names: Vec<&str> = (0..depth).map(|_| self.pick(&NAMES)).collect();
        let path = names.join("/");
        let odd = match self.below(40) {
            0 => format!("{path}/"),
            1 => format!("{path}/."),
            2 => format!("{path}/.."),
            3 => format!("../{path}"),
            4 => format!("./{path}"),
            5 => path.replace('/', "//"),
            6 => String::new(),
            7 => ".".into(),
            8 => "..".into(),
            9 => "/".into(),
            10 => "n".repeat(256),
            11 => format!("{}/{path}", "n".repeat(255)),
            12 => "p/".repeat(2050),
            13 => format!("{path}//"),
            14 | 15 if self.kind == Kind::Overlay => format!("/m/{path}"),
            14 | 15 => format!("/{path}"),
            _ => path,
        };
        odd.as_str().into()
    }
    fn mode(&mut self) -> u32 {
        self.mostly(&MODES)
    }
    fn at_flags(&mut self) -> AtFlags {
        match self.below(8) {
            0 => AtFlags::EMPTY_PATH,
            1 => AtFlags::from_bits_retain(self.pick(&[0x200, 0x400, 0x1_0000])),
            2 | 3 => AtFlags::SYMLINK_NOFOLLOW,
            _ => AtFlags::empty(),
        }
    }
    fn data(&mut self) -> Vec<u8> {
        let size = self.pick(&[0, 1, 5, 100, 4095, 4096, 4097, 9000]);
        let first = self.below(26) as u8;
        (0..size)
            .map(|at| b'a' + (first + (at % 7) as u8) % 26)
            .collect()
    }
    fn place(&mut self) -> u64 {
        self.pick(&[0, 0, 1, 50, 4095, 4096, 4097, 8192, 20_000, 70_000])
    }
    fn odd_place(&mut self) -> u64 {
        if self.one_in(15) {
            self.pick(&[u64::MAX, i64::MAX as u64, 1 << 63, (1 << 62) + 5])
        } else {
            self.place()
        }
    }

    fn call(&mut self) -> Call {
        let names = 24;
        let kind = self.kind;
        match kind {
            Kind::Names => self.names(names),
            Kind::Users if self.one_in(8) => self.become_user(),
            Kind::Users => self.names(names),
            Kind::Times if self.one_in(2) => Call::Statx {
                dirfd: Fd::CWD,
                path: self.pick(&["/", "a", "b", "/a", "/b"]).into(),
                flags: AtFlags::SYMLINK_NOFOLLOW,
            },
            Kind::Files | Kind::Times if self.one_in(3) => self.names(4),
            Kind::Files | Kind::Times => self.files(),
            Kind::Mounts if self.one_in(4) => self.mounts(),
            Kind::Mounts => self.names(names),
            Kind::Overlay if self.one_in(30) => self.become_user(),
            Kind::Overlay if self.one_in(8) => self.files(),
            Kind::Overlay => self.names(names),
        }
    }

    fn become_user(&mut self) -> Call {
        if self.one_in(5) {
            let groups = self.pick(&[&[][..], &[1000], &[1001, 5]]).to_vec();
            return Call::Setgroups { groups };
        }
        let id = self.pick(&[0, 0, 1000, 1001]);
        if self.one_in(4) {
            return Call::Setresgid {
                rgid: u32::MAX,
                egid: id,
                sgid: u32::MAX,
            };
        }
        Call::Setresuid {
            ruid: u32::MAX,
            euid: id,
            suid: u32::MAX,
        }
    }

    /// One of the first `kinds` of calls by name; the first ones open and make.
    fn names(&mut self, kinds: usize) -> Call {
        let (dirfd, path) = (self.dir(), self.path());
        match self.below(kinds) {
            0 | 1 => Call::Openat2 {
                dirfd,
                path,
                how: self.how(),
            },
            2 => Call::Mkdirat {
                dirfd,
                path,
                mode: self.mode(),
            },
            3 => Call::Statx {
                dirfd,
                path,
                flags: self.at_flags(),
            },
            4 => Call::Mkdirat {
                dirfd,
                path,
                mode: self.mode(),
            },
            5 => {
                let (kind, dev) = self.pick(&NODES);
                Call::Mknodat {
                    dirfd,
                    path,
                    mode: kind | self.mode() & 0o7777,
                    dev,
                }
            }
            6 | 7 => {
                let flags = self.pick(&[0, 0, 0, 0x200, 0x200, 0x100]);
                Call::Unlinkat {
                    dirfd,
                    path,
                    flags: AtFlags::from_bits_retain(flags),
                }
            }
            8 | 9 => {
                let target = self.path();
                Call::Symlinkat {
                    target,
                    newdirfd: dirfd,
                    linkpath: path,
                }
            }
            10 | 11 => {
                let flags = self.mostly(&[0, 0x400, 0x1000, 0x1400, 0x100]);
                let (newdirfd, newpath) = (self.dir(), self.path());
                let flags = AtFlags::from_bits_retain(flags);
                Call::Linkat {
                    olddirfd: dirfd,
                    oldpath: path,
                    newdirfd,
                    newpath,
                    flags,
                }
            }
            12..=15 => {
                let flags = self.mostly(&[0, 1, 2, 4, 3, 5, 8]);
                let (newdirfd, newpath) = (self.dir(), self.path());
                let flags = RenameFlags::from_bits_retain(flags);
                Call::Renameat2 {
                    olddirfd: dirfd,
                    oldpath: path,
                    newdirfd,
                    newpath,
                    flags,
                }
            }
            16 => Call::Readlinkat { dirfd, path },
            17 => {
                let mode = self.below(9) as u32;
                let flags = self.pick(&[0, 0x100, 0x200, 0x1000]);
                Call::Faccessat2 {
                    dirfd,
                    path,
                    mode,
                    flags: AtFlags::from_bits_retain(flags),
                }
            }
            18 => Call::Fchmodat {
                dirfd,
                path,
                mode: self.mode(),
                flags: self.at_flags(),
            },
            19 => {
                let (uid, gid) = (self.pick(&USERS), self.pick(&USERS));
                Call::Fchownat {
                    dirfd,
                    path,
                    uid,
                    gid,
                    flags: self.at_flags(),
                }
            }
            20 => {
                let (atime, mtime) = (self.time(), self.time());
                Call::Utimensat {
                    dirfd,
                    path,
                    atime,
                    mtime,
                    flags: self.at_flags(),
                }
            }
            21 => self.attribute(path),
            22 => Call::Getdents64 {
                fd: self.slot(),
                count: self.pick(&[65_536, 64, 24, 10]),
            },
            _ => self.place_of_process(path),
        }
    }

    fn time(&mut self) -> TimeSet {
        match self.below(3) {
            0 => TimeSet::Omit,
            1 => TimeSet::Now,
            _ => TimeSet::At(Timespec {
                sec: self.below(1000) as i64,
                nsec: 5,
            }),
        }
    }

    fn how(&mut self) -> OpenHow {
        let access = match self.kind {
            Kind::Overlay => self.pick(&[0o0, 0o0, 0o1, 0o2, 0o2]),
            _ => self.pick(&[0o0, 0o0, 0o1, 0o2, 0o2, 0o3]),
        };
        let extra = self.pick(&[
            0,
            0,
            0,
            0o100,
            0o100,
            0o100,
            0o300,
            0o300,
            0o1000,
            0o1100,
            0o2000,
            0o200_000,
            0o200_000,
            0o200_100,
            0o400_000,
            0o400_100,
            0o10_000_000,
            0o10_200_000,
            0o10_400_000,
            0o20_200_000,
            0o20_200_200,
            0o200,
            1 << 30,
        ]);
        let flags =
            OpenFlags::from_bits_retain(access | extra) | OpenFlags::NONBLOCK | OpenFlags::CLOEXEC;
        let mut how = OpenHow {
            flags,
            ..OpenHow::default()
        };
        if extra & 0o100_100 != 0 || extra & 0o20_000_000 != 0 || self.one_in(30) {
            how.mode = self.mode();
        }
        if self.one_in(5) {
            how.resolve = ResolveFlags::from_bits_retain(self.pick(&[1, 2, 4, 8, 16, 12, 24, 64]));
        }
        how
    }

    fn attribute(&mut self, path: PathArg) -> Call {
        let name = self.pick(&ATTRIBUTES).as_bytes().to_vec();
        let follow = !self.one_in(4);
        match self.below(6) {
            0 => Call::Listxattr { path, follow },
            1 => Call::Getxattr { path, name, follow },
            2 => Call::Removexattr { path, name, follow },
            _ => {
                let value = vec![b'x'; self.pick(&[0, 3, 10])];
                let flags = XattrFlags::from_bits_retain(self.mostly(&[0, 1, 2, 3]));
                Call::Setxattr {
                    path,
                    name,
                    value,
                    flags,
                    follow,
                }
            }
        }
    }

    fn place_of_process(&mut self, path: PathArg) -> Call {
        match self.below(6) {
            0 => Call::Umask {
                mask: self.pick(&[0o22, 0, 0o77, 0o777]),
            },
            1 => Call::Chdir { path },
            2 => Call::Fchdir { fd: self.slot() },
            3 => Call::Getcwd {},
            4 => Call::Close { fd: self.slot() },
            _ if self.kind == Kind::Overlay => Call::Chdir { path: "/m".into() },
            _ => Call::Chdir { path: "/".into() },
        }
    }

    fn files(&mut self) -> Call {
        let fd = self.slot();
        match self.below(16) {
            0..=2 => Call::Write {
                fd,
                data: self.data(),
            },
            3 => Call::Pwrite64 {
                fd,
                data: self.data(),
                offset: self.odd_place(),
            },
            4 | 5 => Call::Read {
                fd,
                count: self.place(),
            },
            6 => Call::Pread64 {
                fd,
                count: self.place(),
                offset: self.odd_place(),
            },
            7 | 8 => {
                let back = self.pick(&[0, 0, 0, 10]);
                let offset = (self.odd_place() as i64).wrapping_sub(back);
                Call::Lseek {
                    fd,
                    offset,
                    whence: self.pick(&[0, 1, 2, 3, 4, 5]),
                }
            }
            9 => Call::Ftruncate {
                fd,
                length: self.odd_place(),
            },
            10 | 11 => {
                let mode = self.pick(&[0, 0, 1, 3, 3, 0x10, 0x11, 8, 0x20, 2, 0x40]);
                Call::Fallocate {
                    fd,
                    mode,
                    offset: self.odd_place(),
                    len: self.place(),
                }
            }
            12 => {
                let fd_out = self.slot();
                let (off_in, off_out) = (self.place(), self.place());
                let off_in = self.one_in(2).then_some(off_in);
                let off_out = self.one_in(2).then_some(off_out);
                Call::CopyFileRange {
                    fd_in: fd,
                    off_in,
                    fd_out,
                    off_out,
                    len: self.place(),
                }
            }
            13 => {
                let offset = self.place();
                let offset = self.one_in(2).then_some(offset);
                Call::Sendfile {
                    out_fd: fd,
                    in_fd: self.slot(),
                    offset,
                    count: self.place(),
                }
            }
            14 => Call::Flock {
                fd,
                operation: self.pick(&[5, 6, 8, 4, 7]),
            },
            _ => match self.below(3) {
                0 => Call::Fsync { fd },
                1 => Call::Close { fd },
                _ => Call::Statx {
                    dirfd: fd,
                    path: "".into(),
                    flags: AtFlags::EMPTY_PATH,
                },
            },
        }
    }

    fn mounts(&mut self) -> Call {
        let (source, target) = (self.path(), self.path());
        let flags = MountFlags::from_bits_retain;
        let mount = |fstype: &str, flags, data: &str| Call::Mount {
            source,
            target: target.clone(),
            fstype: fstype.as_bytes().to_vec(),
            flags,
            data: data.as_bytes().to_vec(),
        };
        match self.below(12) {
            0 | 1 => mount(
                "tmpfs",
                flags(0),
                self.mostly(&["", "size=8k", "mode=700,uid=5", "nr_inodes=3", "size=x"]),
            ),
            2..=4 => mount("", flags(4096 | self.mostly(&[0, 16384])), ""),
            5 => mount("", flags(8192), ""),
            6 => mount(
                "",
                flags(32 | 4096 | self.pick(&[0, 1, 2, 8, 1 | 1024])),
                "",
            ),
            7 => mount("", flags(32 | self.pick(&[0, 1])), ""),
            8 => mount(
                "",
                flags(self.pick(&[1 << 17, 1 << 18, 1 << 19, 1 << 20]) | self.mostly(&[0, 16384])),
                "",
            ),
            9 => mount("nosuchfs", flags(0), ""),
            _ => {
                let flags = UmountFlags::from_bits_retain(self.pick(&[0, 0, 2, 8, 4, 16, 2]));
                Call::Umount2 { target, flags }
            }
        }
    }
}

//! States and streams made from a number, with every kind of entity and event. The same on every machine.

#![allow(dead_code, reason = "each test uses its part")]

use glassdock_abi::call::IoctlReq;
use glassdock_abi::flags::*;
use glassdock_abi::types::*;
use glassdock_abi::{Call, Errno, Fd, Pid, Ret};
use glassdock_trace::world::*;
use glassdock_trace::{
    Args, Event, EventKind, Layer, MachineId, Outcome, SpanId, Tracer, TracerConfig, Value, World,
};

/// Keys and values are drawn from so few that worlds share many.
const FEW: u64 = 4;

/// A generator of numbers (splitmix64).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn few(&mut self) -> u64 {
        self.next() % FEW
    }
    fn small(&mut self) -> i32 {
        self.few() as i32
    }
    fn word(&mut self) -> u32 {
        self.next() as u32
    }
    fn text(&mut self) -> String {
        ["", "a", "/usr/bin", "한글"][self.few() as usize].to_owned()
    }
    fn bytes(&mut self) -> Vec<u8> {
        let len = self.few() as usize * 7;
        (0..len).map(|_| self.next() as u8).collect()
    }
    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.next() & 1 == 0).then(|| make(self))
    }
    fn ns_kind(&mut self) -> NsKind {
        [NsKind::Mnt, NsKind::Pid, NsKind::Uts, NsKind::Net][self.few() as usize]
    }
}

/// A state with a few entities of every kind.
pub fn world(seed: u64) -> World {
    let n = &mut Numbers(seed);
    let mut world = World::default();
    for _ in 0..n.few() + 1 {
        world.tasks.insert(n.small(), task(n));
        world.states.insert(n.small(), state(n));
        world
            .members
            .insert((n.small(), n.ns_kind()), NsId(n.few()));
        world.cwds.insert(n.small(), n.text());
        world.roots.insert(n.small(), n.text());
        process(n, &mut world);
        let namespace = NsInfo {
            kind: n.ns_kind(),
            parent: n.maybe(|n| NsId(n.few())),
            owner: n.maybe(|n| NsId(n.few())),
            hostname: n.maybe(Numbers::text),
            loopback_up: None,
            offsets: n.maybe(|n| [n.small().into(), n.small().into()]),
            users: n.maybe(users),
        };
        world.namespaces.insert(NsId(n.few()), namespace);
        world.mounts.insert(n.few(), mount(n));
        let superblock = SuperblockInfo {
            fstype: n.text(),
            options: n.text(),
        };
        world.superblocks.insert(n.few(), superblock);
        world.inodes.insert((n.few(), n.few()), inode(n));
        world
            .entries
            .insert((n.few(), n.few(), n.bytes()), n.next());
        world
            .xattrs
            .insert((n.few(), n.few(), n.bytes()), n.bytes());
        let fd = FdInfo {
            file: n.few(),
            cloexec: n.few() == 0,
        };
        world.fds.insert((n.small(), n.small()), fd);
        let file = OpenFileInfo {
            what: n.text(),
            flags: n.word(),
            pos: n.next(),
        };
        world.files.insert(n.few(), file);
        let channel = ChannelInfo {
            kind: n.text(),
            queued: n.next(),
            peer: n.maybe(Numbers::next),
            name: n.maybe(Numbers::text),
            listening: n.few() == 0,
        };
        world.channels.insert(n.few(), channel);
        let tty = TtyInfo {
            winsize: Winsize {
                rows: n.next() as u16,
                cols: n.next() as u16,
                xpixel: 0,
                ypixel: 0,
            },
            session: n.maybe(Numbers::small),
            foreground: n.maybe(Numbers::small),
            termios: Termios {
                lflag: n.word(),
                ..Termios::default()
            },
        };
        world.ttys.insert(n.few() as u32, tty);
        let group = CgroupInfo {
            enabled: vec![n.text()],
            limits: vec![(n.text(), n.text())],
            frozen: n.few() == 0,
        };
        world.cgroups.insert(n.text(), group);
        world.containers.insert(n.text(), container(n));
        let image = ImageInfo {
            tags: vec![n.text()],
            layers: vec![n.text(), n.text()],
            size: n.next(),
        };
        world.images.insert(n.text(), image);
    }
    world
}

/// What processes have of their own.
fn process(n: &mut Numbers, world: &mut World) {
    world.umasks.insert(n.small(), n.word());
    let cred = CredInfo {
        uids: [n.word(), n.word(), n.word()],
        groups: vec![n.word()],
        bounding: n.next(),
        ..CredInfo::default()
    };
    world.creds.insert(n.small(), cred);
    let limit = LimitInfo {
        resource: n.next() as u8,
        soft: n.next(),
        hard: n.next(),
    };
    world.limits.insert(n.small(), vec![limit]);
    let signals = SignalsInfo {
        blocked: n.next(),
        pending: n.next(),
        shared: n.next(),
    };
    world.signals.insert(n.small(), signals);
    let handler = HandlerInfo {
        handler: n.next(),
        flags: n.next(),
        restorer: n.next(),
        mask: n.next(),
    };
    world.handlers.insert((n.small(), n.next() as u8), handler);
    let timer = TimerInfo {
        next: n.maybe(Numbers::next),
        every: n.next(),
    };
    world.timers.insert(n.small(), timer);
    world.mms.insert(n.small(), n.few());
    let area = AreaInfo {
        end: n.next(),
        prot: n.next() as u8,
        shared: n.few() == 0,
        grows_down: n.few() == 0,
        file: n.maybe(Numbers::text),
        offset: n.next(),
    };
    world.areas.insert((n.few(), n.next()), area);
}

fn task(n: &mut Numbers) -> TaskInfo {
    TaskInfo {
        ppid: n.small(),
        tgid: n.small(),
        pgid: n.small(),
        sid: -n.small(),
        comm: n.text(),
        exe: n.text(),
        argv: vec![n.text(), n.text()],
        builtin: n.few() == 0,
        uid: n.word(),
        gid: n.word(),
        caps: n.next(),
        pids: vec![(NsId(n.few()), n.small())],
        tty: n.maybe(Numbers::word),
        cgroup: n.text(),
        started: n.next(),
    }
}

fn state(n: &mut Numbers) -> TaskState {
    match n.few() {
        0 => TaskState::Runnable,
        1 => TaskState::Sleeping(n.text()),
        2 => TaskState::Stopped(n.next() as u8),
        _ => TaskState::Zombie(n.small()),
    }
}

fn users(n: &mut Numbers) -> UserNsInfo {
    let range = |n: &mut Numbers| IdRangeInfo {
        inside: n.small() as u32,
        outside: n.small() as u32,
        count: 1,
    };
    UserNsInfo {
        owner: n.small() as u32,
        uids: vec![range(n)],
        gids: vec![range(n)],
        setgroups: false,
    }
}

fn mount(n: &mut Numbers) -> MountInfo {
    MountInfo {
        ns: NsId(n.few()),
        parent: n.maybe(Numbers::few),
        target: n.text(),
        root: n.text(),
        sb: n.few(),
        fstype: n.text(),
        source: n.text(),
        options: n.text(),
        propagation: n.text(),
    }
}

fn inode(n: &mut Numbers) -> InodeInfo {
    InodeInfo {
        mode: n.word(),
        uid: n.word(),
        gid: n.word(),
        nlink: n.word(),
        size: n.next(),
        rdev: Dev(n.next()),
        mtime: n.next(),
        ctime: n.next(),
        link: n.maybe(Numbers::bytes),
        version: n.next(),
    }
}

fn container(n: &mut Numbers) -> ContainerInfo {
    ContainerInfo {
        name: n.text(),
        image: n.text(),
        image_id: n.text(),
        state: n.text(),
        pid: n.maybe(Numbers::small),
        exit_code: n.maybe(Numbers::small),
        command: n.text(),
    }
}

fn args(n: &mut Numbers) -> Args {
    match n.next() % 6 {
        0 => Args::None,
        1 => Args::Raw(n.word(), [n.next(), 0, u64::MAX, 1, n.next(), 2]),
        2 => Args::text("name", n.text()).with("count", Value::Int(n.next() as i64)),
        3 => Args::Key(
            "why".into(),
            vec![Value::Hex(n.next()), Value::Bytes(n.bytes(), n.next())],
        ),
        4 => Args::Call(Box::new(Call::Ioctl {
            fd: Fd(n.small()),
            request: IoctlReq::Fionread,
        })),
        _ => {
            let how = OpenHow {
                flags: OpenFlags::from_bits_retain(n.word()),
                mode: n.word(),
                resolve: ResolveFlags::BENEATH,
            };
            Args::Call(Box::new(Call::Openat2 {
                dirfd: Fd::CWD,
                path: n.text().into(),
                how,
            }))
        }
    }
}

fn outcome(n: &mut Numbers) -> Outcome {
    match n.next() % 6 {
        0 => Outcome::Ok,
        1 => Outcome::Int(n.next() as i64),
        2 => Outcome::Ret(Box::new(Ret::Fds([Fd(n.small()), Fd(-1)]))),
        3 => Outcome::Errno(Errno::ENOENT),
        4 => Outcome::Failed(n.text()),
        _ => Outcome::Ret(Box::new(Ret::Waited(n.maybe(|n| Waited {
            pid: Pid(n.small()),
            uid: n.word(),
            status: WaitStatus::Exited(n.next() as u8),
        })))),
    }
}

/// A stream in which each span that opens closes, and deltas of every kind.
pub fn events(seed: u64) -> Vec<Event> {
    let n = &mut Numbers(seed);
    let mut kinds = Vec::new();
    let deltas = world(n.next()).differences(&world(n.next()));
    for (delta, span) in deltas.into_iter().zip(1..) {
        let span = SpanId(span);
        kinds.push(EventKind::Enter {
            span,
            parent: n.maybe(|n| SpanId(n.few())),
            cause: n.maybe(|n| SpanId(n.next())),
            layer: Layer::ALL[(n.next() % 11) as usize],
            pid: n.small(),
            name: n.text().into(),
            args: args(n),
        });
        kinds.push(EventKind::Delta {
            span: n.maybe(|_| span),
            delta,
        });
        kinds.push(EventKind::Note {
            span: None,
            key: n.text().into(),
            args: vec![Value::Text(n.text())],
        });
        kinds.push(EventKind::Exit {
            span,
            outcome: outcome(n),
        });
    }
    let mut time = 0;
    let stamp = |kind| {
        time += n.few() * 1000;
        Event {
            machine: MachineId(0),
            time,
            kind,
        }
    };
    kinds.into_iter().map(stamp).collect()
}

/// A tracer that was told these events.
pub fn written(events: &[Event], ring_bytes: usize) -> Tracer {
    let mut tracer = Tracer::new(TracerConfig {
        ring_bytes,
        ..TracerConfig::default()
    });
    for Event { time, kind, .. } in events.iter().cloned() {
        match kind {
            EventKind::Enter {
                parent,
                cause,
                layer,
                pid,
                name,
                args,
                ..
            } => {
                tracer.enter(time, pid, parent, cause, layer, name, || args);
            }
            EventKind::Exit { span, outcome } => tracer.exit(time, span, || outcome),
            EventKind::Delta { span, delta } => tracer.delta(time, span, || delta),
            EventKind::Note { span, key, args } => tracer.note(time, span, key, || args),
        }
    }
    tracer
}

/// What the hash of the first streams is, on every machine: an encoding or a hash that depended on the word's size or
/// order of bytes would give another.
pub fn assert_stable() {
    let hashes: Vec<String> = (0..4)
        .map(|seed| format!("{:032x}", written(&events(seed), 1 << 20).hash().0))
        .collect();
    assert_eq!(hashes, STABLE);
}

/// Changes when the stream's format does: streams that were kept from before are then of another kind.
const STABLE: [&str; 4] = [
    "53a4ee23a6b0980d2bd16344ac1d6359",
    "7919e91a819d1f91abfe6502ddfd1fd0",
    "04ed665513ddb45f6642eea8801cbe1a",
    "2e71676a12378108abba9712b147b0e6",
];

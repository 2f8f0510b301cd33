//! A stream as a machine writes it for `docker run`, for tests of what is made of it. Never part of the product.

use glassdock_abi::call::IoctlReq;
use glassdock_abi::flags::{AtFlags, CloneFlags, MountFlags, OpenFlags, ResolveFlags};

use glassdock_abi::types::{CloneArgs, OpenHow, Termios};
use glassdock_abi::{Call, Errno, Fd, PathArg, Pid, Ret};
use glassdock_trace::world::{
    Change, ContainerInfo, MountInfo, NsId, NsInfo, NsKind, TaskInfo, TaskState, TtyInfo,
};
use glassdock_trace::{
    Args, Delta, Event, Layer, Outcome, SpanId, Tracer, TracerConfig, Value, World, clip,
};

/// The host's pid namespace.
pub const HOST_PID_NS: NsId = NsId(4026531836);
/// The container's.
pub const CONTAINER_PID_NS: NsId = NsId(4026532201);
/// The container's id.
pub const CONTAINER: &str = "3f1c2a9be0d4";

/// A tracer with a world beside it, so that every delta fits.
pub struct Writer {
    /// What is written.
    pub tracer: Tracer,
    world: World,
    time: u64,
}

impl Default for Writer {
    fn default() -> Self {
        Writer {
            tracer: Tracer::new(TracerConfig::default()),
            world: World::default(),
            time: 0,
        }
    }
}

impl Writer {
    /// Everything written.
    pub fn events(&self) -> Vec<Event> {
        let all = usize::try_from(self.tracer.written()).unwrap_or(usize::MAX);
        self.tracer
            .read(0, all)
            .into_iter()
            .map(|(_, event)| event)
            .collect()
    }

    /// The shell reads a line: it takes the terminal, shows its prompt, reads keys and shows what they look like, and
    /// gives the terminal back.
    pub fn line(&mut self, shell: i32, text: &str) {
        self.canonical(shell, false);
        self.show(shell, b"# \x1b[6n");
        for key in text.chars() {
            self.key(shell);
            self.show(shell, key.to_string().as_bytes());
        }
        self.key(shell);
        self.show(shell, b"\n");
        self.canonical(shell, true);
    }

    fn key(&mut self, pid: i32) {
        let read = Call::Read {
            fd: Fd(0),
            count: 1,
        };
        self.call(pid, None, read, Ret::Int(1));
    }

    fn show(&mut self, pid: i32, data: &[u8]) {
        let write = Call::Write {
            fd: Fd(1),
            data: data.to_vec(),
        };
        self.call(pid, None, write, Ret::Int(data.len() as i64));
    }

    /// The terminal's mode is set.
    pub fn canonical(&mut self, pid: i32, canonical: bool) {
        let request = Call::Ioctl {
            fd: Fd(0),
            request: IoctlReq::Tcgets,
        };
        let span = self.enter(
            pid,
            None,
            None,
            Layer::Syscall,
            "ioctl",
            Args::Call(Box::new(request)),
        );
        let before = self.world.ttys.get(&0).cloned();
        let after = Some(TtyInfo {
            termios: Termios {
                lflag: if canonical { 0o2 } else { 0 },
                ..Termios::default()
            },
            ..TtyInfo::default()
        });
        let change = Change {
            key: 0,
            before,
            after,
        };
        self.tell(Some(span), Delta::Tty(change));
        self.exit(span, Outcome::Ok);
    }

    /// Opens a span.
    pub fn enter(
        &mut self,
        pid: i32,
        parent: Option<SpanId>,
        cause: Option<SpanId>,
        layer: Layer,
        name: &'static str,
        args: Args,
    ) -> SpanId {
        self.time += 700;
        self.tracer
            .enter(self.time, pid, parent, cause, layer, name, || args)
    }

    /// Closes one.
    pub fn exit(&mut self, span: SpanId, outcome: Outcome) {
        self.time += 900;
        self.tracer.exit(self.time, span, || outcome);
    }

    /// A system call that ends at once.
    pub fn call(&mut self, pid: i32, parent: Option<SpanId>, call: Call, ret: Ret) -> SpanId {
        let name = call.name();
        let span = self.enter(
            pid,
            parent,
            None,
            Layer::Syscall,
            name,
            Args::Call(Box::new(call)),
        );
        // As the kernel tells it: what is a number in the register is one here.
        self.exit(
            span,
            match ret {
                Ret::None => Outcome::Ok,
                Ret::Int(number) => Outcome::Int(number),
                ret => Outcome::Ret(Box::new(ret)),
            },
        );
        span
    }

    fn tell(&mut self, span: Option<SpanId>, delta: Delta) {
        let fits = self.world.apply(delta.clone());
        debug_assert!(fits.is_ok(), "{fits:?}");
        self.tracer.delta(self.time, span, || delta);
    }

    /// A task is made or changed.
    pub fn task(&mut self, span: Option<SpanId>, pid: i32, after: Option<TaskInfo>) {
        let before = self.world.tasks.get(&pid).cloned();
        self.tell(
            span,
            Delta::Task(Change {
                key: pid,
                before,
                after,
            }),
        );
    }

    /// A task's state changes.
    pub fn state(&mut self, pid: i32, after: Option<TaskState>) {
        let before = self.world.states.get(&pid).cloned();
        self.tell(
            None,
            Delta::TaskState(Change {
                key: pid,
                before,
                after,
            }),
        );
    }

    /// A task becomes a member of a namespace.
    pub fn member(&mut self, span: Option<SpanId>, pid: i32, kind: NsKind, ns: u64) {
        let before = self.world.members.get(&(pid, kind)).copied();
        self.tell(
            span,
            Delta::NsMember(Change {
                key: (pid, kind),
                before,
                after: Some(NsId(ns)),
            }),
        );
    }

    fn namespace(&mut self, id: u64, kind: NsKind, hostname: Option<&str>) {
        let before = self.world.namespaces.get(&NsId(id)).cloned();
        let after = Some(NsInfo {
            kind,
            parent: None,
            owner: None,
            offsets: None,
            users: None,
            hostname: hostname.map(str::to_owned),
            loopback_up: None,
        });
        self.tell(
            None,
            Delta::Namespace(Change {
                key: NsId(id),
                before,
                after,
            }),
        );
    }

    fn container(&mut self, span: Option<SpanId>, state: &str, pid: Option<i32>) {
        let before = self.world.containers.get(CONTAINER).cloned();
        let after = Some(ContainerInfo {
            name: "quirky_hopper".into(),
            image: "busybox".into(),
            image_id: "sha256:9ae97d36d26566ff84e8893c64a6dc4fe8ca6d1144bf5b87b2b85a32def253c7"
                .into(),
            state: state.into(),
            pid,
            exit_code: None,
            command: "\"sh\"".into(),
        });
        self.tell(
            span,
            Delta::Container(Change {
                key: CONTAINER.into(),
                before,
                after,
            }),
        );
    }

    fn mount(&mut self, span: SpanId, id: u64, ns: u64, fstype: &str, target: &str) {
        self.tell(
            Some(span),
            Delta::Mount(Change {
                key: id,
                before: None,
                after: Some(MountInfo {
                    ns: NsId(ns),
                    parent: Some(1),
                    target: target.into(),
                    root: "/".into(),
                    sb: id,
                    fstype: fstype.into(),
                    source: fstype.into(),
                    options: "rw,nosuid".into(),
                    propagation: String::new(),
                }),
            }),
        );
    }
}

/// A process on the host.
pub fn task(pid: i32, ppid: i32, argv: &[&str]) -> TaskInfo {
    TaskInfo {
        ppid,
        tgid: pid,
        pgid: pid,
        sid: 1,
        comm: argv
            .first()
            .map(|path| path.rsplit('/').next().unwrap_or(path).to_owned())
            .unwrap_or_default(),
        exe: argv.first().copied().unwrap_or_default().to_owned(),
        argv: argv.iter().map(|arg| (*arg).to_owned()).collect(),
        pids: vec![(HOST_PID_NS, pid)],
        cgroup: "/".into(),
        ..TaskInfo::default()
    }
}

const HOST_NS: [(NsKind, u64); 5] = [
    (NsKind::Pid, HOST_PID_NS.0),
    (NsKind::Mnt, 4026531841),
    (NsKind::Uts, 4026531838),
    (NsKind::Ipc, 4026531839),
    (NsKind::Net, 4026531840),
];

impl Writer {
    fn start(&mut self, span: Option<SpanId>, info: TaskInfo) {
        let pid = info.tgid;
        self.task(span, pid, Some(info));
        self.state(pid, Some(TaskState::Runnable));
        for (kind, ns) in HOST_NS {
            self.member(span, pid, kind, ns);
        }
    }

    fn openat(&mut self, pid: i32, parent: Option<SpanId>, path: &str, errno: Option<Errno>) {
        let how = OpenHow {
            flags: OpenFlags::CLOEXEC,
            mode: 0,
            resolve: ResolveFlags::empty(),
        };
        let call = Call::Openat2 {
            dirfd: Fd::CWD,
            path: path.into(),
            how,
        };
        let span = self.enter(
            pid,
            parent,
            None,
            Layer::Syscall,
            call.name(),
            Args::Call(Box::new(call)),
        );
        self.exit(
            span,
            errno.map_or_else(|| Outcome::Ret(Box::new(Ret::Fd(Fd(3)))), Outcome::Errno),
        );
    }
}

/// A machine that has started: the shell is 1, dockerd 2.
pub fn booted() -> Writer {
    let mut w = Writer::default();
    for (kind, ns) in HOST_NS {
        w.namespace(ns, kind, (kind == NsKind::Uts).then_some("glassdock"));
    }
    w.start(None, task(1, 0, &["/bin/sh"]));
    w.canonical(1, true);
    w.start(
        None,
        TaskInfo {
            builtin: true,
            ..task(2, 1, &["/usr/bin/dockerd"])
        },
    );
    w.state(
        2,
        Some(TaskState::Sleeping("accept4 on /run/docker.sock".into())),
    );
    w
}

/// An editor that takes the terminal as the shell does, reads a key and gives it back; run by the shell's own child.
pub fn editor(w: &mut Writer) {
    w.line(1, "vi");
    w.start(None, task(30, 1, &["vi"]));
    w.canonical(30, false);
    w.key(30);
    w.show(30, b"q");
    w.canonical(30, true);
    w.state(30, None);
    w.task(None, 30, None);
}

/// A process that has ended and that nobody has waited for.
pub fn zombie(w: &mut Writer) {
    w.start(None, task(40, 1, &["sleep"]));
    for (kind, _) in HOST_NS {
        let before = w.world.members.get(&(40, kind)).copied();
        w.tell(
            None,
            Delta::NsMember(Change {
                key: (40, kind),
                before,
                after: None,
            }),
        );
    }
    w.state(40, Some(TaskState::Zombie(0)));
}

/// `ls /etc` at the shell.
pub fn ls(w: &mut Writer) {
    ls_as(w, "ls /etc");
}

/// The same, with what the shell shows of the line.
pub fn ls_as(w: &mut Writer, shown: &str) {
    w.line(1, shown);
    let clone = w.enter(
        1,
        None,
        None,
        Layer::Syscall,
        "clone",
        Args::Raw(56, [0; 6]),
    );
    w.start(Some(clone), task(10, 1, &["/bin/sh"]));
    w.exit(clone, Outcome::Ret(Box::new(Ret::Pid(Pid(10)))));
    let process = w.enter(10, Some(clone), None, Layer::Sched, "process", Args::None);
    w.task(None, 10, Some(task(10, 1, &["ls", "/etc"])));
    for path in ["/etc/ld.so.cache", "/etc/passwd", "/etc", "/etc/group"] {
        w.openat(10, Some(process), path, None);
    }
    w.openat(10, Some(process), "/etc/nothing", Some(Errno::ENOENT));
    w.state(10, Some(TaskState::Zombie(0)));
    w.exit(process, Outcome::Int(0));
    w.state(10, None);
    w.task(None, 10, None);
}

/// `docker run --rm -it busybox sh` until the container's shell runs.
pub fn docker_run(w: &mut Writer) {
    w.line(1, "docker run --rm -it busybox sh");
    let clone = w.enter(
        1,
        None,
        None,
        Layer::Syscall,
        "clone",
        Args::Raw(56, [0; 6]),
    );
    let docker = TaskInfo {
        builtin: true,
        ..task(11, 1, &["docker", "run", "--rm", "-it", "busybox", "sh"])
    };
    w.start(Some(clone), docker);
    w.exit(clone, Outcome::Ret(Box::new(Ret::Pid(Pid(11)))));
    let process = w.enter(11, Some(clone), None, Layer::Sched, "process", Args::None);
    let cli = w.enter(
        11,
        Some(process),
        None,
        Layer::Cli,
        "docker run",
        Args::text("image", "busybox"),
    );
    create(w, cli);
    start(w, cli);
}

fn create(w: &mut Writer, cli: SpanId) {
    let body = br#"{"Image":"busybox","Cmd":["sh"],"Tty":true,"OpenStdin":true,"HostConfig":{"AutoRemove":true}}"#;
    let head = b"POST /v1.51/containers/create HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n\r\n";
    let message = |head: &[u8], body: &[u8]| {
        Args::Fields(vec![
            ("head".into(), clip(head, 4096)),
            ("body".into(), clip(body, 4096)),
        ])
    };
    let request = w.enter(
        11,
        Some(cli),
        None,
        Layer::Http,
        "POST /v1.51/containers/create",
        message(head, body),
    );
    let write = w.call(
        11,
        Some(request),
        Call::Write {
            fd: Fd(4),
            data: head.to_vec(),
        },
        Ret::Int(head.len() as i64),
    );
    let served = w.enter(
        2,
        None,
        Some(write),
        Layer::Http,
        "POST /v1.51/containers/create",
        message(head, body),
    );
    let engine = w.enter(
        2,
        Some(served),
        None,
        Layer::Engine,
        "container create",
        Args::text("image", "busybox"),
    );
    for name in [
        "diff",
        "work",
        "merged",
        "config.v2.json",
        "hostconfig.json",
    ] {
        w.call(
            2,
            Some(engine),
            Call::Mkdirat {
                dirfd: Fd(5),
                path: PathArg::from(name),
                mode: 0o710,
            },
            Ret::None,
        );
    }
    w.container(Some(engine), "created", None);
    w.exit(engine, Outcome::Ok);
    let answer = w.enter(
        2,
        Some(served),
        None,
        Layer::Http,
        "response",
        message(
            b"HTTP/1.1 201 Created\r\nApi-Version: 1.51\r\nContent-Type: application/json\r\n\r\n",
            br#"{"Id":"3f1c2a9be0d4","Warnings":[]}"#,
        ),
    );
    w.exit(answer, Outcome::Int(201));
    w.exit(served, Outcome::Int(201));
    w.exit(request, Outcome::Int(201));
}

fn start(w: &mut Writer, cli: SpanId) {
    let request = w.enter(
        11,
        Some(cli),
        None,
        Layer::Http,
        "POST /v1.51/containers/3f1c2a9be0d4/start",
        Args::Fields(vec![(
            "head".into(),
            clip(
                b"POST /v1.51/containers/3f1c2a9be0d4/start HTTP/1.1\r\n\r\n",
                4096,
            ),
        )]),
    );
    let engine = w.enter(
        2,
        None,
        Some(request),
        Layer::Engine,
        "container start",
        Args::text("id", CONTAINER),
    );
    w.start(
        Some(engine),
        TaskInfo {
            builtin: true,
            ..task(12, 2, &["/usr/libexec/glassdock/shim", CONTAINER])
        },
    );
    let plan = w.enter(12, Some(engine), None, Layer::Runtime, "plan", Args::None);
    let step = w.enter(
        12,
        Some(plan),
        None,
        Layer::Runtime,
        "why.clone",
        Args::Key(
            "why.clone".into(),
            vec![Value::Text("pid, mnt, uts, ipc".into())],
        ),
    );
    let clone = w.enter(
        12,
        Some(step),
        None,
        Layer::Syscall,
        "clone3",
        Args::Call(Box::new(Call::Clone3 {
            args: CloneArgs {
                flags: CloneFlags::NEWPID | CloneFlags::NEWNS,
                ..CloneArgs::default()
            },
        })),
    );
    for (id, kind) in [(4026532199, NsKind::Mnt), (4026532200, NsKind::Uts)] {
        w.namespace(id, kind, (kind == NsKind::Uts).then_some("glassdock"));
    }
    w.namespace(CONTAINER_PID_NS.0, NsKind::Pid, None);
    let inner = TaskInfo {
        pids: vec![(HOST_PID_NS, 13), (CONTAINER_PID_NS, 1)],
        ..task(13, 12, &["/usr/libexec/glassdock/runtime"])
    };
    w.task(Some(clone), 13, Some(inner.clone()));
    w.state(13, Some(TaskState::Runnable));
    for (kind, ns) in [
        (NsKind::Pid, CONTAINER_PID_NS.0),
        (NsKind::Mnt, 4026532199),
        (NsKind::Uts, 4026532200),
        (NsKind::Ipc, 4026531839),
        (NsKind::Net, 4026531840),
    ] {
        w.member(Some(clone), 13, kind, ns);
    }
    w.exit(clone, Outcome::Ret(Box::new(Ret::Pid(Pid(13)))));
    w.exit(step, Outcome::Ok);
    mount_proc(w, plan);
    w.namespace(4026532200, NsKind::Uts, Some(CONTAINER));
    let exec = w.enter(
        13,
        Some(plan),
        None,
        Layer::Syscall,
        "execveat",
        Args::Call(Box::new(Call::Execveat {
            dirfd: Fd::CWD,
            path: "/bin/sh".into(),
            argv: vec![b"sh".to_vec()],
            envp: vec![],
            flags: AtFlags::empty(),
        })),
    );
    let program = TaskInfo {
        argv: vec!["sh".into()],
        comm: "sh".into(),
        exe: "/bin/sh".into(),
        ..inner
    };
    w.task(Some(exec), 13, Some(program));
    w.exit(exec, Outcome::Int(0));
    w.exit(plan, Outcome::Ok);
    w.container(Some(engine), "running", Some(13));
    w.exit(engine, Outcome::Ok);
    w.exit(request, Outcome::Int(204));
}

fn mount_proc(w: &mut Writer, plan: SpanId) {
    let step = w.enter(
        13,
        Some(plan),
        None,
        Layer::Runtime,
        "why.mount-proc",
        Args::Key(
            "why.mount-proc".into(),
            vec![Value::Text("proc".into()), Value::Text("/proc".into())],
        ),
    );
    let mount = w.enter(
        13,
        Some(step),
        None,
        Layer::Syscall,
        "mount",
        Args::Call(Box::new(Call::Mount {
            source: "proc".into(),
            target: "/proc".into(),
            fstype: b"proc".to_vec(),
            flags: MountFlags::NOSUID | MountFlags::NOEXEC | MountFlags::NODEV,
            data: Vec::new(),
        })),
    );
    w.mount(mount, 40, 4026532199, "proc", "/proc");
    w.exit(mount, Outcome::Ret(Box::new(Ret::None)));
    w.exit(step, Outcome::Ok);
}

/// A long-running program: `count` system calls with a change each.
pub fn busy(w: &mut Writer, count: u64) {
    w.line(1, "busy");
    w.start(None, task(20, 1, &["busy"]));
    let process = w.enter(20, None, None, Layer::Sched, "process", Args::None);
    for turn in 0..count {
        let read = w.enter(
            20,
            Some(process),
            None,
            Layer::Syscall,
            "read",
            Args::Call(Box::new(Call::Read {
                fd: Fd(0),
                count: turn,
            })),
        );
        let state = if turn % 2 == 0 {
            TaskState::Sleeping("read".into())
        } else {
            TaskState::Runnable
        };
        w.state(20, Some(state));
        w.exit(read, Outcome::Ret(Box::new(Ret::Bytes(vec![b'x'; 8]))));
    }
}

//! What machines do in the tests of determinism and of the trace: scripts of busybox's shell, what is typed into a
//! console, and programs of our own. The same natively and in a browser, so nothing here looks at the host.

#![allow(dead_code, reason = "each test uses its part")]

mod programs;

use glassdock_abi::types::{Timespec, Winsize};
use glassdock_kernel::{
    Config, ConsoleId, ImportMeta, ImportNode, Input, Kernel, Limits, Logged, RunState,
};

/// Links to busybox in `/bin`.
const APPLETS: &str = "ash awk basename cat chgrp chmod chown chroot cp cut date dd df dirname du echo env expr false \
    find grep gunzip gzip head hostname id kill ln ls mkdir mkfifo mknod mktemp more mount mv nice ps pwd readlink \
    realpath renice rm rmdir sed seq setpriv setsid sh sha256sum sleep sort stat stty su tail tar tee timeout top touch \
    tr true truncate tty umount uname uniq unshare pivot_root usleep vi wc xargs";

/// Directories that the root file system begins with.
const DIRS: &str = "bin dev etc home mnt proc root run sys tmp usr var";

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:User:/home:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n";
const GROUP: &str = "root:x:0:\nuser:x:1000:\nnogroup:x:65534:\n";

/// Environment of the first process.
const ENV: &[&str] = &["PATH=/bin", "HOME=/root", "TERM=vt100", "USER=root"];

/// Virtual nanoseconds between two things typed: somebody types and looks.
const TYPING_NS: u64 = 300_000_000;

/// Instructions of a slice where nothing depends on it.
pub const SLICE: u64 = 1_000_000;

/// Slices that no scenario needs: one that does not end fails instead of hanging.
const SLICES_MAX: u32 = 200_000;

/// What a machine does.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// What it is about.
    pub name: &'static str,
    /// What the shell runs; empty for an interactive shell.
    pub script: &'static str,
    /// Typed one after the other, each when all wait for input or time.
    pub typed: &'static [&'static str],
    /// A program of ours that the script calls, by name.
    pub program: Option<(&'static str, glassdock_kernel::Main)>,
    /// What the console's output must contain: the scenario did what its name says.
    pub shows: &'static str,
}

const PLAIN: Scenario = Scenario {
    name: "",
    script: "",
    typed: &[],
    program: None,
    shows: "",
};

/// All scenarios.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "fork, exec and pipes",
        script: "echo hello | tr a-z A-Z | wc -c; for i in 1 2 3; do (echo $i; exec true) & done; wait; ls /bin | sort -r | head -3; echo done",
        shows: "done",
        ..PLAIN
    },
    Scenario {
        name: "mounts: tmpfs, bind, read-only, shared, lazy",
        script: "cd /mnt; mkdir a b c; mount -t tmpfs -o size=1m none a; echo x > a/f; mount -o bind a b; cat b/f; \
            mount -o remount,ro,bind b; echo y > b/g; mount --make-shared a; mkdir a/sub; mount -o bind a c; \
            mount -t tmpfs inner a/sub; grep -c /mnt /proc/self/mountinfo; umount a/sub; umount b; \
            cd a; umount -l /mnt/a; ls; cd /; umount /mnt/c; grep -c /mnt /proc/self/mountinfo",
        shows: "0",
        ..PLAIN
    },
    Scenario {
        name: "overlay: copy-up, whiteout, opaque, rename",
        script: "cd /mnt; mkdir low up work merged; echo one > low/one; echo two > low/two; mkdir low/dir; echo in > low/dir/in; \
            ln low/one low/link; mount -t overlay -o lowerdir=low,upperdir=up,workdir=work overlay merged && cd merged && \
            echo more >> one; rm two; rm -r dir; mkdir dir; echo new > dir/new; mv one three; chmod 700 link; touch -d @5 link; \
            ls -l ../up; cd ..; umount merged; cat up/three",
        shows: "more",
        ..PLAIN
    },
    Scenario {
        name: "namespaces: mount, uts, ipc, pid",
        script: "unshare -m -u -i -p -f sh -c 'hostname inner; mount -t proc proc /proc; hostname; ps; sleep 0.1 & wait; \
            mount -t tmpfs t /mnt; ls -l /proc/self/ns'; hostname; ls /mnt",
        shows: "inner",
        ..PLAIN
    },
    Scenario {
        name: "pivot_root and chroot",
        script: "mkdir /mnt/new; unshare -m sh -c 'mount -t tmpfs t /mnt/new; cd /mnt/new; mkdir bin old; cp /bin/busybox bin/; \
            ln -s busybox bin/ls; pivot_root . old; cd /; ./bin/busybox umount -l old; ./bin/busybox ls -a /; ./bin/busybox pwd'; \
            mkdir -p /home/jail/bin; cp /bin/busybox /home/jail/bin; chroot /home/jail /bin/busybox ls /; rm -r /home/jail; pwd",
        shows: "old",
        ..PLAIN
    },
    Scenario {
        name: "signals: traps, stops, kills",
        script: "trap 'echo caught' USR1; kill -USR1 $$; sleep 100 & p=$!; kill -STOP $p; kill -CONT $p; kill -TERM $p; wait $p; echo $?; \
            (trap '' TERM; sleep 0.2) & kill $!; wait $!; echo $?; sh -c 'kill -SEGV $$'; echo $?; sh -c 'kill -9 $$'; echo $?; \
            timeout 1 sleep 10; echo $?",
        shows: "143",
        ..PLAIN
    },
    Scenario {
        name: "job control on a terminal",
        typed: &[
            "sleep 100 & sleep 200 &\n",
            "jobs\n",
            "fg %1\n",
            "\x1a",
            "bg %1\n",
            "kill %1 %2\n",
            "cat\n",
            "line\n",
            "\x04",
            "cat\n",
            "\x03",
            "stty -echo; stty -a\n",
            "stty echo rows 30 cols 100\n",
            "exit 3\n",
        ],
        shows: "Stopped",
        ..PLAIN
    },
    Scenario {
        name: "an editor on a terminal",
        typed: &[
            "vi /tmp/text\n",
            "ihello",
            "\x1b",
            ":wq\n",
            "cat /tmp/text; rm /tmp/text\n",
            "exit\n",
        ],
        shows: "hello",
        ..PLAIN
    },
    Scenario {
        name: "FIFOs",
        script: "cd /tmp; mkfifo p; (sleep 0.05; echo through > p) & cat p; wait; rm p; mkfifo q; (exec 3<>q; echo y >&3; head -1 <&3); \
            tail -f q & rm q; kill $!; wait",
        shows: "through",
        ..PLAIN
    },
    Scenario {
        name: "files that are deleted while open",
        script: "cd /tmp; mkdir d; cd d; exec 3> f 4< f; echo gone >&3; rm f; cat <&4; ls -l /proc/self/fd/; exec 3>&- 4<&-; \
            rmdir /tmp/d; pwd; ls; cd /; cp /bin/busybox /tmp/sleep; /tmp/sleep 0.1 & rm /tmp/sleep; wait",
        shows: "(deleted)",
        ..PLAIN
    },
    Scenario {
        name: "renames, links, special files",
        script: "cd /tmp; mkdir -p a/b c; echo 1 > a/f; ln a/f c/g; ln -s ../a/f c/s; mv a/f a/b/f; mv c/g a/b/f; mv a/b c/; \
            echo 2 > x; echo 3 > y; mv -f x y; cat y; mknod n c 1 3; mknod m p; ls -l . c; mv c d; touch -d @1000 d/s d/b/f; \
            rm -r d a n m y; ls -a",
        shows: "prw-r--r--",
        ..PLAIN
    },
    Scenario {
        name: "control groups",
        script: "cd /sys/fs/cgroup; mkdir -p a/b; echo $$ > a/b/cgroup.procs; cat /proc/self/cgroup; sleep 100 & cat a/b/cgroup.procs; \
            echo $$ > cgroup.procs; echo 1 > a/cgroup.kill; wait; rmdir a/b a; ls -d a; cat /proc/self/cgroup",
        shows: "0::/a/b",
        ..PLAIN
    },
    Scenario {
        name: "users, modes, limits",
        script: "cd /tmp; umask 027; echo x > f; chown 1000:1000 f; chmod 4750 f; ls -ln f; su user -c 'id; cat f; echo no > /etc/passwd'; \
            ulimit -n 20; ulimit -n; nice -n 5 sh -c 'nice; renice -n 6 $$'; setpriv --nnp sh -c 'grep NoNew /proc/self/status'",
        shows: "uid=1000",
        ..PLAIN
    },
    Scenario {
        name: "orphans, sessions, zombies",
        script: "(sleep 0.2 & exec setsid sh -c 'sleep 0.1; ps -o pid,ppid,pgid,comm') ; (true & exec sleep 0.05) & wait; sleep 0.3; ps -o pid,ppid,stat,comm",
        shows: "PGID",
        ..PLAIN
    },
    Scenario {
        name: "archives, sparse files, many names",
        script: "cd /tmp; mkdir t; for i in $(seq 40); do echo $i > t/$i; done; tar cf t.tar t; gzip t.tar; rm -r t; gunzip -c t.tar.gz | tar x; \
            find t -type f | wc -l; truncate -s 1m t/big; dd if=/dev/zero of=t/big bs=4k count=1 seek=3 conv=notrunc 2>/dev/null; \
            sha256sum t/big | cut -c1-8; truncate -s 10 t/big; du -s t; rm -r t t.tar.gz",
        shows: "40",
        ..PLAIN
    },
    Scenario {
        name: "sockets, descriptors passed, epoll's relatives",
        script: "sockets; echo status $?",
        program: Some(("sockets", programs::sockets)),
        shows: "status 0",
        ..PLAIN
    },
    Scenario {
        name: "a pseudo-terminal of its own",
        script: "ptys; echo status $?",
        program: Some(("ptys", programs::ptys)),
        shows: "status 0",
        ..PLAIN
    },
    Scenario {
        name: "namespaces and mounts by typed calls",
        script: "spaces; echo status $?; ls /mnt",
        program: Some(("spaces", programs::spaces)),
        shows: "status 0",
        ..PLAIN
    },
    Scenario {
        name: "filters of typed calls",
        script: "filters; echo status $?",
        program: Some(("filters", programs::filters)),
        shows: "status 0",
        ..PLAIN
    },
];

/// A machine on which a scenario has not begun.
pub fn machine(scenario: &Scenario, busybox: &[u8], config: Config) -> (Kernel, ConsoleId) {
    let meta = |mode| ImportMeta {
        mode,
        uid: 0,
        gid: 0,
        mtime: Timespec {
            sec: 1_767_225_600,
            nsec: 0,
        },
    };
    let mut kernel = Kernel::new(config);
    let mut put = |path: &str, mode, node: ImportNode<'_>| {
        kernel
            .import(path.as_bytes(), &meta(mode), node)
            .expect("import");
    };
    for dir in DIRS.split_whitespace() {
        put(dir, 0o755, ImportNode::Directory);
    }
    put("bin/busybox", 0o755, ImportNode::File(busybox));
    for applet in APPLETS.split_whitespace() {
        put(
            &format!("bin/{applet}"),
            0o777,
            ImportNode::Symlink(b"busybox"),
        );
    }
    put("etc/passwd", 0o644, ImportNode::File(PASSWD.as_bytes()));
    put("etc/group", 0o644, ImportNode::File(GROUP.as_bytes()));
    if let Some((name, main)) = scenario.program {
        let text = [glassdock_kernel::MAGIC, name.as_bytes(), b"\n"].concat();
        put(&format!("bin/{name}"), 0o755, ImportNode::File(&text));
        kernel.register(name, main);
    }
    kernel.mount_system().expect("system mounts");
    let size = Winsize {
        rows: 24,
        cols: 80,
        xpixel: 0,
        ypixel: 0,
    };
    let console = kernel.open_console(size).expect("console");
    let mut script = scenario.script;
    if script.is_empty() {
        // `/dev/console` becomes nobody's own terminal, another one does; and the jobs of the very first process would
        // be orphans, which a terminal does not stop.
        kernel.open_console(size).expect("terminal");
        script = "setsid sh -c 'exec sh -i < /dev/pts/1 > /dev/pts/1 2>&1'; exit $?";
    }
    let argv = &["sh", "-c", script];
    kernel
        .boot("/bin/sh", argv, ENV, Some(console))
        .expect("boot");
    let terminal = match scenario.script {
        "" => ConsoleId(console.0 + 1),
        _ => console,
    };
    (kernel, terminal)
}

/// A scenario on its way.
pub struct Run {
    pub kernel: Kernel,
    scenario: Scenario,
    console: ConsoleId,
    /// How much of what is to be typed was typed, and when to go on.
    typed: usize,
    type_at: u64,
    seen: Vec<u8>,
}

impl Run {
    pub fn new(scenario: &Scenario, busybox: &[u8]) -> Run {
        let (kernel, console) = machine(scenario, busybox, Config::default());
        Run {
            kernel,
            scenario: *scenario,
            console,
            typed: 0,
            type_at: TYPING_NS,
            seen: Vec::new(),
        }
    }

    /// Runs for one slice, or gives the input that everybody waits for. False at the end.
    pub fn step(&mut self, slice: u64) -> bool {
        match self.kernel.run(Limits::slice(slice)) {
            RunState::Busy => true,
            RunState::Halted => false,
            RunState::Idle(next) => self.go_on(next),
        }
    }

    fn go_on(&mut self, next: Option<u64>) -> bool {
        self.seen.extend(self.kernel.take_output(self.console));
        let text = self.scenario.typed.get(self.typed);
        let at = text.map(|_| self.type_at);
        let input = match (text, next) {
            (Some(text), _) if self.kernel.now() >= self.type_at => {
                self.typed += 1;
                self.type_at = self.kernel.now() + TYPING_NS;
                Input::Bytes(self.console, text.as_bytes().to_vec())
            }
            (_, Some(next)) => Input::Advance(at.map_or(next, |at| at.min(next))),
            (Some(_), None) => Input::Advance(self.type_at),
            (None, None) => return false,
        };
        self.kernel.input(input);
        true
    }

    /// What the console showed. Panics unless the scenario did what it is about.
    pub fn output(&mut self) -> String {
        self.seen.extend(self.kernel.take_output(self.console));
        let seen = String::from_utf8_lossy(&self.seen).into_owned();
        assert!(
            self.kernel.init_status().is_some() && seen.contains(self.scenario.shows),
            "{}: {:?}\n{seen}",
            self.scenario.name,
            self.kernel.init_status()
        );
        seen
    }
}

/// Runs a scenario to its end in slices of so many instructions. `after` looks at the machine after each.
pub fn run(
    scenario: &Scenario,
    busybox: &[u8],
    slice: u64,
    mut after: impl FnMut(&Kernel),
) -> (Kernel, String) {
    let mut run = Run::new(scenario, busybox);
    after(&run.kernel);
    for _ in 0..SLICES_MAX {
        let more = run.step(slice);
        after(&run.kernel);
        if !more {
            break;
        }
    }
    let seen = run.output();
    after(&run.kernel);
    (run.kernel, seen)
}

/// The hash of a whole run, in hexadecimal.
pub fn hash(kernel: &Kernel) -> String {
    format!("{:032x}", kernel.hash().0)
}

/// The same machine again, from a log of inputs.
pub fn replay(scenario: &Scenario, busybox: &[u8], log: &[Logged]) -> Kernel {
    let (mut kernel, _) = machine(scenario, busybox, Config::default());
    kernel.replay(log);
    kernel
}

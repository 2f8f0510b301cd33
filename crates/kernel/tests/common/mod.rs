//! A machine for tests: busybox, its applets as links, the system mounts, a console.

#![allow(dead_code, reason = "each test uses its part")]

use glassdock_abi::types::{Timespec, Winsize};
use glassdock_kernel::{
    Config, ConsoleId, ImportMeta, ImportNode, Input, Kernel, Limits, RunState,
};

/// Instructions of one slice.
const SLICE: u64 = 5_000_000;

/// Where busybox is.
pub fn busybox_path() -> String {
    std::env::var("GLASSDOCK_BUSYBOX").unwrap_or_else(|_| "/bin/busybox".into())
}

pub fn busybox() -> Vec<u8> {
    std::fs::read(busybox_path()).expect("busybox (package busybox-static, or GLASSDOCK_BUSYBOX)")
}

pub fn applets() -> Vec<String> {
    let list = std::process::Command::new(busybox_path())
        .arg("--list")
        .output()
        .expect("busybox runs");
    String::from_utf8(list.stdout)
        .expect("text")
        .lines()
        .map(str::to_owned)
        .collect()
}

pub fn meta(mode: u32) -> ImportMeta {
    let mtime = Timespec {
        sec: 1_767_225_600,
        nsec: 0,
    };
    ImportMeta {
        mode,
        uid: 0,
        gid: 0,
        mtime,
    }
}

/// Small files that both the simulation and the real chroot have.
pub const FILES: &[(&str, &str)] = &[
    (
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\nuser:x:1000:1000:User:/home/user:/bin/sh\n",
    ),
    (
        "etc/group",
        "root:x:0:\ndaemon:x:1:\ntty:x:5:\nusers:x:100:user\nuser:x:1000:\nnogroup:x:65534:\n",
    ),
    (
        "etc/shadow",
        "root:*:19000:0:99999:7:::\nuser:*:19000:0:99999:7:::\n",
    ),
    ("etc/hostname", "glassdock\n"),
    ("etc/hosts", "127.0.0.1\tlocalhost\n"),
];
pub const DIRS: &[(&str, u32)] = &[
    ("bin", 0o755),
    ("dev", 0o755),
    ("etc", 0o755),
    ("home", 0o755),
    ("home/user", 0o755),
    ("mnt", 0o755),
    ("proc", 0o755),
    ("root", 0o700),
    ("run", 0o755),
    ("sys", 0o755),
    ("tmp", 0o1777),
    ("usr", 0o755),
    ("usr/bin", 0o755),
    ("usr/sbin", 0o755),
    ("var", 0o755),
    ("var/run", 0o755),
    ("var/log", 0o755),
    ("var/tmp", 0o1777),
];

/// A machine with its files, not booted.
pub fn machine(config: Config) -> Kernel {
    let mut kernel = Kernel::new(config);
    for (path, mode) in DIRS {
        kernel
            .import(path.as_bytes(), &meta(*mode), ImportNode::Directory)
            .expect("import");
    }
    kernel
        .import(b"bin/busybox", &meta(0o755), ImportNode::File(&busybox()))
        .expect("import");
    for applet in applets() {
        if applet != "busybox" {
            let path = format!("bin/{applet}");
            kernel
                .import(
                    path.as_bytes(),
                    &meta(0o777),
                    ImportNode::Symlink(b"busybox"),
                )
                .expect("import");
        }
    }
    for (path, text) in FILES {
        kernel
            .import(
                path.as_bytes(),
                &meta(0o644),
                ImportNode::File(text.as_bytes()),
            )
            .expect("import");
    }
    kernel.mount_system().expect("system mounts");
    kernel
}

pub const ENV: &[&str] = &[
    "PATH=/bin:/usr/bin:/usr/sbin",
    "HOME=/root",
    "TERM=vt100",
    "USER=root",
    "SHELL=/bin/sh",
];

/// Runs until the machine stops or has nothing to do for ever. Panics when it takes more than `slices`.
pub fn run(kernel: &mut Kernel, slices: u32) -> RunState {
    for _ in 0..slices {
        match kernel.run(Limits::jumping(SLICE)) {
            RunState::Busy => {}
            other => return other,
        }
    }
    RunState::Busy
}

/// A machine whose first process is a shell on a console.
pub struct Shell {
    pub kernel: Kernel,
    pub console: ConsoleId,
    pub seen: Vec<u8>,
}

impl Shell {
    pub fn boot(argv: &[&str]) -> Shell {
        Shell::boot_with(Config::default(), argv)
    }
    pub fn boot_with(config: Config, argv: &[&str]) -> Shell {
        let mut kernel = machine(config);
        let console = kernel
            .open_console(Winsize {
                rows: 24,
                cols: 80,
                xpixel: 0,
                ypixel: 0,
            })
            .expect("console");
        kernel
            .boot("/bin/sh", argv, ENV, Some(console))
            .expect("boot");
        Shell {
            kernel,
            console,
            seen: Vec::new(),
        }
    }
    /// Runs until all wait for input; what was written since the last time.
    pub fn settle(&mut self) -> String {
        let mut fresh = Vec::new();
        for _ in 0..2000 {
            let state = self.kernel.run(Limits::slice(SLICE));
            let out = self.kernel.take_output(self.console);
            let quiet = out.is_empty();
            fresh.extend_from_slice(&out);
            if state != RunState::Busy && quiet {
                break;
            }
        }
        self.seen.extend_from_slice(&fresh);
        String::from_utf8_lossy(&fresh).into_owned()
    }
    /// Lets virtual time pass.
    pub fn wait(&mut self, nanos: u64) -> String {
        let until = self.kernel.now() + nanos;
        let mut out = String::new();
        loop {
            match self.kernel.run(Limits {
                instructions: SLICE,
                idle_until: Some(until),
            }) {
                RunState::Busy if self.kernel.now() < until => {}
                _ => break,
            }
            out += &String::from_utf8_lossy(&self.kernel.take_output(self.console));
        }
        self.kernel.input(Input::Advance(until));
        out + &self.settle()
    }
    pub fn type_in(&mut self, text: &str) -> String {
        self.kernel
            .input(Input::Bytes(self.console, text.as_bytes().to_vec()));
        self.settle()
    }
}

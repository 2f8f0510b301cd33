//! Making a machine.

use crate::Kernel;
use crate::builtin::Program;
use crate::config::Config;
use crate::delta::Publisher;
use crate::exec::Request;
use crate::ids::*;
use crate::process::Exec;
use crate::syscall::CallCx;
use crate::wait::Fail;
use glassdock_abi::flags::{AtFlags, MountFlags};
use glassdock_abi::types::{Dev, Timespec, mode};
use glassdock_abi::{Errno, Fd, Result};
use glassdock_cpu::{Frames, PAGE_SIZE};
use glassdock_trace::Tracer;
use glassdock_vfs::{At, ById, ImportMeta, ImportNode, Vfs};
use std::collections::BTreeMap;

/// Inode numbers of pipes and sockets begin here.
const FIRST_OBJECT: u64 = 4096;

/// Devices of `/dev`: name, mode, major, minor.
const DEVICES: [(&str, u32, u32, u32); 9] = [
    ("null", 0o666, 1, 3),
    ("zero", 0o666, 1, 5),
    ("full", 0o666, 1, 7),
    ("random", 0o666, 1, 8),
    ("urandom", 0o666, 1, 9),
    ("kmsg", 0o644, 1, 11),
    ("tty", 0o666, 5, 0),
    ("console", 0o600, 5, 1),
    ("ptmx", 0o666, 5, 2),
];

impl Kernel {
    /// A machine with an empty root directory and no process.
    pub fn new(config: Config) -> Kernel {
        let now = Timespec::from_nanos(config.boot_time);
        let memory = u64::from(config.memory_frames) * PAGE_SIZE;
        let (vfs, mnt, root) = Vfs::new(glassdock_vfs::Config { memory }, now);
        let (namespaces, next_ns, root_ns) = crate::ns::first(mnt, &config.hostname);
        let mut kernel = Kernel {
            time: 0,
            realtime_offset: 0,
            random: crate::random::Random::new(config.seed),
            frames: Frames::new(config.memory_frames),
            vfs: Some(Box::new(vfs)),
            vfs_root: root,
            tracer: Tracer::new(config.trace),
            publisher: Publisher::new(config.trace.record),
            threads: ById::new(),
            processes: ById::new(),
            pids: ById::new(),
            tasks: crate::life::Tasks::new(memory),
            namespaces,
            next_ns,
            root_ns,
            init: None,
            fs: Table::new(1),
            fd_tables: Table::new(1),
            files: Table::new(1),
            objects: Table::new(FIRST_OBJECT),
            mms: Table::new(1),
            sighands: Table::new(1),
            page_cache: Default::default(),
            pipe_pages: 0,
            traps: BTreeMap::new(),
            waiters: Default::default(),
            timers: Default::default(),
            ready: Default::default(),
            load: Default::default(),
            registry: BTreeMap::new(),
            hidden: BTreeMap::new(),
            inode_objects: BTreeMap::new(),
            ttys: Default::default(),
            cgroups: Default::default(),
            proc_fs: Default::default(),
            locks: Default::default(),
            input_log: Vec::new(),
            counters: Default::default(),
            current: None,
            halted: false,
            cut_turn: None,
            ns_moved: true,
            yielded: None,
            ns_places: BTreeMap::new(),
            devpts: BTreeMap::new(),
            total_forks: 0,
            sockets: Default::default(),
            #[cfg(feature = "outside")]
            wires: BTreeMap::new(),
            in_flight: Default::default(),
            sockets_lost: false,
            watches: Default::default(),
            abstract_names: BTreeMap::new(),
            // All but `allow`.
            actions_logged: 0x7f,
            vfork_pids: BTreeMap::new(),
            config,
        };
        kernel.vfs_mut().name_mnt_ns(root_ns.mnt_vfs, root_ns.mnt);
        kernel.vfs_mut().hold(root);
        kernel.place_namespaces();
        kernel.tell_vfs_deltas();
        kernel
    }

    /// Puts a file into the root file system, without walking rules or permissions; missing parents are made.
    /// `path` is relative, without `.` and `..` (`EINVAL`).
    pub fn import(&mut self, path: &[u8], meta: &ImportMeta, node: ImportNode) -> Result<()> {
        let root = self.vfs_root;
        let now = self.realtime_spec();
        let result = self.vfs_mut().import(root, path, meta, node, now);
        self.count_memory();
        self.tell_vfs_deltas();
        result
    }

    /// Mounts what a Linux host has at boot: `/proc`, `/sys`, `/sys/fs/cgroup`, `/dev` with its nodes, `/dev/pts`,
    /// `/dev/shm`, `/dev/mqueue`, `/run`, `/tmp`.
    pub fn mount_system(&mut self) -> Result<()> {
        let plain =
            MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::RELATIME;
        let rows: [(&str, &str, &str, MountFlags, &str); 9] = [
            ("proc", "/proc", "proc", plain, ""),
            ("sysfs", "/sys", "sysfs", plain, ""),
            ("cgroup2", "/sys/fs/cgroup", "cgroup2", plain, ""),
            (
                "udev",
                "/dev",
                "tmpfs",
                MountFlags::NOSUID | MountFlags::RELATIME,
                "mode=755",
            ),
            (
                "devpts",
                "/dev/pts",
                "devpts",
                MountFlags::NOSUID | MountFlags::NOEXEC | MountFlags::RELATIME,
                "gid=5,mode=620,ptmxmode=000",
            ),
            (
                "tmpfs",
                "/dev/shm",
                "tmpfs",
                MountFlags::NOSUID | MountFlags::NODEV,
                "",
            ),
            ("mqueue", "/dev/mqueue", "mqueue", plain, ""),
            (
                "tmpfs",
                "/run",
                "tmpfs",
                MountFlags::NOSUID | MountFlags::NODEV,
                "mode=755",
            ),
            (
                "tmpfs",
                "/tmp",
                "tmpfs",
                MountFlags::NOSUID | MountFlags::NODEV,
                "",
            ),
        ];
        for (source, target, fstype, flags, data) in rows {
            self.with_kernel_vfs(|vfs, cx| {
                match vfs.mkdir(cx, At::Cwd, target.as_bytes(), 0o755) {
                    Ok(()) | Err(Errno::EEXIST | Errno::EPERM) => {}
                    Err(errno) => return Err(errno),
                }
                vfs.mount(
                    cx,
                    source.as_bytes(),
                    target.as_bytes(),
                    fstype.as_bytes(),
                    flags,
                    data.as_bytes(),
                )
            })?;
            if target == "/dev" {
                self.make_devices()?;
            }
        }
        Ok(())
    }

    fn make_devices(&mut self) -> Result<()> {
        let links = [
            ("fd", "/proc/self/fd"),
            ("stdin", "/proc/self/fd/0"),
            ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"),
        ];
        self.with_kernel_vfs(|vfs, cx| {
            cx.umask = 0;
            for (name, bits, major, minor) in DEVICES {
                let path = format!("/dev/{name}");
                vfs.mknod(
                    cx,
                    At::Cwd,
                    path.as_bytes(),
                    mode::S_IFCHR | bits,
                    Dev::new(major, minor),
                )?;
            }
            for (name, target) in links {
                let path = format!("/dev/{name}");
                vfs.symlink(cx, target.as_bytes(), At::Cwd, path.as_bytes())?;
            }
            Ok(())
        })
    }

    /// Starts the first process: it runs `path` with its standard streams on `console`, or on nothing. When it ends,
    /// the machine stops. Errors are those of `execve`.
    pub fn boot(
        &mut self,
        path: &str,
        argv: &[&str],
        envp: &[&str],
        console: Option<crate::ConsoleId>,
    ) -> Result<()> {
        let tid = self.first_task()?;
        if let Some(console) = console {
            self.open_std(tid, console)?;
        }
        let strings = |list: &[&str]| list.iter().map(|text| text.as_bytes().to_vec()).collect();
        let mut cx = CallCx::kernel(tid);
        let request = Request {
            dirfd: Fd::CWD,
            path: path.as_bytes().to_vec(),
            argv: strings(argv),
            envp: strings(envp),
            flags: AtFlags::empty(),
        };
        let result = match self.sys_execve(&mut cx, request) {
            Err(Fail::Errno(errno)) => Err(errno),
            _ => Ok(()),
        };
        self.publish();
        result
    }

    /// Starts a built-in function as the first process.
    pub fn boot_with(
        &mut self,
        start: impl FnOnce(crate::Task) -> glassdock_abi::BoxFuture<'static, u8>,
    ) -> Result<()> {
        let tid = self.first_task()?;
        if let Some(thread) = self.threads.get_mut(&tid) {
            thread.exec = Exec::Builtin(Box::new(Program::new(start)));
            thread.comm = b"init".to_vec();
        }
        self.make_ready(tid);
        self.publish();
        Ok(())
    }

    /// Gives a process a console as standard input, output and error.
    fn open_std(&mut self, tid: Tid, console: crate::ConsoleId) -> Result<()> {
        use glassdock_abi::flags::OpenFlags;
        let path = self.console_path(console);
        let how = glassdock_vfs::open_how(OpenFlags::RDWR | OpenFlags::NOCTTY, 0);
        let mut cx = CallCx::kernel(tid);
        match self.sys_openat(&mut cx, Fd::CWD, path.as_bytes(), &how) {
            Ok(_) => {}
            Err(Fail::Errno(errno)) => return Err(errno),
            Err(_) => return Err(Errno::EIO),
        }
        for fd in 1..3 {
            self.dup_to(tid, Fd(0), Fd(fd), false)?;
        }
        Ok(())
    }

    /// The exit status of the first process, once it has ended.
    pub fn init_status(&self) -> Option<glassdock_abi::types::WaitStatus> {
        self.processes.get(&self.init?)?.zombie
    }

    /// Passes on what the file system tells of its changes.
    pub(crate) fn tell_vfs_deltas(&mut self) {
        let deltas = self.vfs_mut().take_deltas();
        let (time, span) = (self.time, self.current);
        for delta in deltas {
            self.tracer.delta(time, span, || delta);
        }
    }
}

//! What the kernel keeps of processes and threads.

use crate::builtin::Program;
use crate::cred::Cred;
use crate::ids::*;
use crate::signal::{AltStack, Pending, SigSet};
use crate::syscall::PendingCall;
use glassdock_abi::types::{Rlimit, WaitStatus};
use glassdock_cpu::{AccountId, Cpu};
use glassdock_trace::SpanId;
use glassdock_trace::world::NsId;
use glassdock_vfs::{MountNsId, Path};
use std::collections::{BTreeMap, BTreeSet};

/// Number of resource limits.
pub(crate) const RLIMITS: usize = 16;
/// `RLIM_INFINITY`.
pub(crate) const INFINITY: u64 = u64::MAX;

/// Indices of resource limits (`man 2 getrlimit`).
#[allow(missing_docs, reason = "the names are the manual page's")]
pub(crate) mod rlimit {
    pub const FSIZE: usize = 1;
    pub const DATA: usize = 2;
    pub const STACK: usize = 3;
    pub const CORE: usize = 4;
    pub const NPROC: usize = 6;
    pub const NOFILE: usize = 7;
    pub const AS: usize = 9;
    pub const SIGPENDING: usize = 11;
    pub const NAMES: [(&str, &str); 16] = [
        ("Max cpu time", "seconds"),
        ("Max file size", "bytes"),
        ("Max data size", "bytes"),
        ("Max stack size", "bytes"),
        ("Max core file size", "bytes"),
        ("Max resident set", "bytes"),
        ("Max processes", "processes"),
        ("Max open files", "files"),
        ("Max locked memory", "bytes"),
        ("Max address space", "bytes"),
        ("Max file locks", "locks"),
        ("Max pending signals", "signals"),
        ("Max msgqueue size", "bytes"),
        ("Max nice priority", ""),
        ("Max realtime priority", ""),
        ("Max realtime timeout", "us"),
    ];
}

/// The limits of the first process, where there may be `threads` of them all (`fork_init`).
pub(crate) fn default_rlimits(threads: u32) -> [Rlimit; RLIMITS] {
    let same = |value| Rlimit {
        cur: value,
        max: value,
    };
    let mut limits = [same(INFINITY); RLIMITS];
    limits[rlimit::STACK].cur = 8 << 20;
    limits[rlimit::CORE].cur = 0;
    limits[rlimit::NPROC] = same(u64::from(threads / 2));
    limits[rlimit::NOFILE] = Rlimit {
        cur: 1024,
        max: 1 << 20,
    };
    limits[8] = same(8 << 20);
    limits[rlimit::SIGPENDING] = same(u64::from(threads / 2));
    limits[12] = same(819_200);
    limits[13] = same(0);
    limits[14] = same(0);
    limits
}

/// Namespaces of a thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Namespaces {
    pub(crate) cgroup: NsId,
    pub(crate) ipc: NsId,
    pub(crate) mnt: NsId,
    pub(crate) mnt_vfs: MountNsId,
    pub(crate) net: NsId,
    /// Where the thread itself is numbered.
    pub(crate) pid: NsId,
    /// Where its children will be.
    pub(crate) pid_children: NsId,
    pub(crate) time: NsId,
    /// Where its children will be, and itself with its next program.
    pub(crate) time_children: NsId,
    pub(crate) user: NsId,
    pub(crate) uts: NsId,
}

/// Root, working directory and umask; shared with `CLONE_FS`.
#[derive(Clone, Debug)]
pub(crate) struct Fs {
    pub(crate) users: u32,
    pub(crate) root: Path,
    pub(crate) cwd: Path,
    pub(crate) umask: u32,
}

/// Whether a thread can run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Run {
    /// Running or in the queue.
    Ready,
    /// In a call that waits; what for.
    Blocked(&'static str),
    /// Stopped with its process.
    Stopped,
    /// Ended.
    Dead,
}

/// What a thread runs.
pub(crate) enum Exec {
    /// A program in memory.
    Elf(Box<Cpu>),
    /// A program of ours.
    Builtin(Box<Program>),
    /// Nothing any more.
    None,
}

/// What was read and written by calls (`/proc/PID/io`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Io {
    pub(crate) read_bytes: u64,
    pub(crate) written_bytes: u64,
    /// Calls that read.
    pub(crate) reads: u64,
    /// Calls that wrote.
    pub(crate) writes: u64,
}

impl Io {
    pub(crate) fn read(&mut self, bytes: u64) {
        self.reads += 1;
        self.read_bytes += bytes;
    }
    pub(crate) fn wrote(&mut self, bytes: u64) {
        self.writes += 1;
        self.written_bytes += bytes;
    }
    pub(crate) fn add(&mut self, other: Io) {
        self.read_bytes += other.read_bytes;
        self.written_bytes += other.written_bytes;
        self.reads += other.reads;
        self.writes += other.writes;
    }
}

/// A thread.
pub(crate) struct Thread {
    pub(crate) tid: Tid,
    pub(crate) tgid: Tid,
    pub(crate) comm: Vec<u8>,
    pub(crate) run: Run,
    /// In the ready queue.
    pub(crate) queued: bool,
    pub(crate) exec: Exec,
    pub(crate) cred: Cred,
    pub(crate) ns: Namespaces,
    pub(crate) fs: FsId,
    pub(crate) files: FdTableId,
    pub(crate) mm: Option<MmId>,
    pub(crate) sigmask: SigSet,
    /// The mask to restore when a handler of `sigsuspend`, `ppoll`, … returns.
    pub(crate) saved_mask: Option<SigSet>,
    pub(crate) pending: Pending,
    pub(crate) altstack: AltStack,
    pub(crate) clear_child_tid: u64,
    pub(crate) robust_list: (u64, u64),
    pub(crate) pdeathsig: u8,
    pub(crate) calls: BTreeMap<u64, PendingCall>,
    /// The task's own span, from birth to death.
    pub(crate) span: Option<SpanId>,
    /// Who wrote what was last read, by descriptor.
    pub(crate) causes: BTreeMap<i32, SpanId>,
    /// A vfork parent that waits for this thread's exec or end.
    pub(crate) vfork_parent: Option<Tid>,
    pub(crate) utime: u64,
    pub(crate) stime: u64,
    pub(crate) io: Io,
    pub(crate) started: u64,
    pub(crate) nice: i32,
    /// `man 2 personality`.
    pub(crate) personality: u32,
    /// `CLONE_CLEAR_SIGHAND`, `PR_SET_…`: bits that a program can ask back.
    pub(crate) timer_slack: u64,
    /// Who pays for its kernel stack.
    pub(crate) stack_payer: AccountId,
}

/// A stop or continue that a parent may wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum JobReport {
    Stopped(u8),
    Continued,
}

/// An interval timer: next expiry and interval in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Interval {
    pub(crate) next: Option<u64>,
    pub(crate) every: u64,
}

/// A process: a group of threads.
pub(crate) struct Process {
    pub(crate) tgid: Tid,
    pub(crate) threads: Vec<Tid>,
    pub(crate) parent: Option<Tid>,
    pub(crate) children: BTreeSet<Tid>,
    pub(crate) pgid: Tid,
    pub(crate) sid: Tid,
    pub(crate) tty: Option<u32>,
    /// Of a session's leader that lost its terminal to a hang-up: the group that was in the foreground then. It is hung
    /// up when the leader ends.
    pub(crate) old_foreground: Option<Tid>,
    pub(crate) exit_signal: u8,
    /// Set once the last thread has ended; until it is waited for.
    pub(crate) zombie: Option<WaitStatus>,
    /// Set when all threads are to end.
    pub(crate) exiting: Option<WaitStatus>,
    pub(crate) stopped: Option<u8>,
    pub(crate) report: Option<JobReport>,
    pub(crate) sighand: SigHandId,
    pub(crate) pending: Pending,
    pub(crate) rlimits: [Rlimit; RLIMITS],
    pub(crate) itimers: [Interval; 3],
    pub(crate) subreaper: bool,
    pub(crate) dumpable: bool,
    /// Root of the user namespace that the program was started in: who owns its files in `/proc` when it is not dumpable.
    pub(crate) root: (u32, u32),
    pub(crate) did_exec: bool,
    pub(crate) exe: Option<Path>,
    pub(crate) exe_name: Vec<u8>,
    pub(crate) argv: Vec<Vec<u8>>,
    pub(crate) cmdline: Vec<u8>,
    pub(crate) environ: Vec<u8>,
    pub(crate) auxv: Vec<u8>,
    pub(crate) cgroup: String,
    pub(crate) oom_score_adj: i32,
    /// What it may lower that to without a capability.
    pub(crate) oom_score_adj_min: i32,
    /// A namespace's first process whose own fault kills it all the same.
    pub(crate) killable: bool,
    pub(crate) started: u64,
    /// Times of ended threads.
    pub(crate) dead_utime: u64,
    pub(crate) dead_stime: u64,
    /// What ended threads and waited-for children read and wrote.
    pub(crate) dead_io: Io,
    /// Times of waited-for children.
    pub(crate) children_utime: u64,
    pub(crate) children_stime: u64,
    /// The real user id that its first thread had when it ended: who it counts for until it is waited for.
    pub(crate) leader_user: u32,
    /// What the last thread knew, kept for the zombie.
    pub(crate) last: Option<LastWords>,
}

/// What of a zombie can still be seen.
#[derive(Clone, Debug)]
pub(crate) struct LastWords {
    pub(crate) comm: Vec<u8>,
    pub(crate) cred: Cred,
    pub(crate) ns: Namespaces,
    pub(crate) nice: i32,
}

/// The numbers of a thread, process group or session, kept while anybody bears them.
#[derive(Clone, Debug)]
pub(crate) struct PidEntry {
    /// Number in each pid namespace, outermost first.
    pub(crate) numbers: Vec<(NsId, i32)>,
    /// The processes whose group it is, zombies included.
    pub(crate) group: BTreeSet<Tid>,
    /// The processes whose session it is, zombies included.
    pub(crate) session: BTreeSet<Tid>,
}

impl Process {
    pub(crate) fn alive(&self) -> bool {
        self.zombie.is_none()
    }
}

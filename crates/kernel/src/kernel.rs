//! The machine: one value that owns everything.

use crate::builtin::Registry;
use crate::config::Config;
use crate::cred::Cred;
use crate::delta::Publisher;
use crate::file::{FdTable, Object, OpenFile};
use crate::ids::*;
use crate::mm::{Mm, PageCache};
use crate::ns::Namespace;
use crate::process::{Fs, PidEntry, Process, Thread};
use crate::sched::{Ready, Timers};
use crate::signal::{SigHand, Trap};
use crate::wait::{WaitKey, Waiters};
use glassdock_abi::Pid;
use glassdock_abi::flags::PollEvents;
use glassdock_abi::types::Timespec;
use glassdock_cpu::Frames;
use glassdock_trace::world::NsId;
use glassdock_trace::{Args, Hash, Layer, Outcome, SpanId, Tracer, Value};
use glassdock_vfs::{self as vfs, InodeId, MountId, Vfs};
use std::collections::BTreeMap;

/// A simulated machine: the kernel and everything that it keeps.
pub struct Kernel {
    pub(crate) config: Config,
    /// Virtual nanoseconds since boot (`CLOCK_MONOTONIC`).
    pub(crate) time: u64,
    /// What `clock_settime` added to `CLOCK_REALTIME`, in nanoseconds.
    pub(crate) realtime_offset: i64,
    pub(crate) random: crate::random::Random,
    pub(crate) frames: Frames,
    /// `None` only while a call of the file system runs.
    pub(crate) vfs: Option<Box<Vfs>>,
    pub(crate) vfs_root: vfs::Path,
    pub(crate) tracer: Tracer,
    pub(crate) publisher: Publisher,
    pub(crate) threads: vfs::ById<Tid, Thread>,
    pub(crate) processes: vfs::ById<Tid, Process>,
    pub(crate) pids: vfs::ById<Tid, PidEntry>,
    pub(crate) tasks: crate::life::Tasks,
    pub(crate) namespaces: BTreeMap<NsId, Namespace>,
    pub(crate) next_ns: u64,
    pub(crate) root_ns: crate::process::Namespaces,
    pub(crate) init: Option<Tid>,
    pub(crate) fs: Table<FsId, Fs>,
    pub(crate) fd_tables: Table<FdTableId, FdTable>,
    pub(crate) files: Table<FileId, OpenFile>,
    pub(crate) objects: Table<ObjId, Object>,
    pub(crate) mms: Table<MmId, Mm>,
    pub(crate) sighands: Table<SigHandId, SigHand>,
    pub(crate) page_cache: PageCache,
    /// Pages of memory that what waits in pipes takes.
    pub(crate) pipe_pages: u64,
    pub(crate) traps: BTreeMap<Tid, Trap>,
    pub(crate) waiters: Waiters,
    pub(crate) watches: crate::file::epoll::Watches,
    pub(crate) timers: Timers,
    pub(crate) ready: Ready,
    pub(crate) load: crate::load::Load,
    pub(crate) registry: Registry,
    /// The hidden mounts: pipes, sockets, anonymous inodes, namespaces.
    pub(crate) hidden: BTreeMap<&'static str, MountId>,
    /// Objects that stand behind an inode: FIFOs, bound sockets.
    pub(crate) inode_objects: BTreeMap<InodeId, ObjId>,
    pub(crate) ttys: crate::console::Ttys,
    pub(crate) cgroups: crate::cgroup::Cgroups,
    pub(crate) proc_fs: crate::procfs::ProcFs,
    pub(crate) locks: crate::file::Locks,
    pub(crate) input_log: Vec<crate::input::Logged>,
    pub(crate) counters: Counters,
    /// The span that the current work belongs to.
    pub(crate) current: Option<SpanId>,
    pub(crate) halted: bool,
    pub(crate) cut_turn: Option<crate::sched::Turn>,
    /// Namespaces came or went: their hidden places are not made yet.
    pub(crate) ns_moved: bool,
    /// devpts instances that were mounted.
    pub(crate) devpts: BTreeMap<u64, crate::devpts::Devpts>,
    /// Hidden places of namespaces.
    pub(crate) ns_places: BTreeMap<NsId, vfs::Path>,
    /// A thread that asked to let others go first.
    pub(crate) yielded: Option<Tid>,
    pub(crate) total_forks: u64,
    pub(crate) sockets: crate::unix::Sockets<crate::file::Passed>,
    /// Sockets whose descriptor is held outside.
    #[cfg(feature = "outside")]
    pub(crate) wires: BTreeMap<crate::WireId, ObjId>,
    /// Files on their way through sockets, by the real user id of who sent them.
    pub(crate) in_flight: BTreeMap<u32, u64>,
    /// A socket lost a descriptor: perhaps only queues hold it now.
    pub(crate) sockets_lost: bool,
    /// Abstract names of sockets, by network namespace.
    pub(crate) abstract_names: BTreeMap<(NsId, Vec<u8>), ObjId>,
    /// Actions of filters that are logged, a bit each (`kernel.seccomp.actions_logged`).
    pub(crate) actions_logged: u8,
    /// What a waiting vfork parent will be told.
    pub(crate) vfork_pids: BTreeMap<Tid, Pid>,
}

/// What a machine has done so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Instructions that programs retired. Each iteration of a `rep` prefix counts, as in the budgets.
    pub instructions: u64,
    /// How many of them were such iterations beyond the instruction itself.
    pub repeats: u64,
    /// System calls that began.
    pub syscalls: u64,
    /// Page faults that were served.
    pub page_faults: u64,
    /// Switches from one thread to another.
    pub switches: u64,
}

impl Counters {
    /// Instructions as a processor counts them: one for all iterations of a `rep` prefix.
    pub fn executed(&self) -> u64 {
        self.instructions - self.repeats
    }
}

impl Kernel {
    /// Virtual nanoseconds since boot.
    pub fn now(&self) -> u64 {
        self.time
    }

    /// What was done so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The event stream.
    pub fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    /// The hash of the event stream so far.
    pub fn hash(&self) -> Hash {
        self.tracer.hash()
    }

    /// The configuration that it was made with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// `CLOCK_REALTIME` in nanoseconds since 1970.
    pub fn realtime(&self) -> u64 {
        self.config
            .boot_time
            .saturating_add(self.time)
            .saturating_add_signed(self.realtime_offset)
    }

    pub(crate) fn realtime_spec(&self) -> Timespec {
        Timespec::from_nanos(self.realtime())
    }

    /// The file system.
    pub fn vfs(&self) -> &Vfs {
        match &self.vfs {
            Some(vfs) => vfs,
            None => unreachable!("the file system does not call itself through the kernel"),
        }
    }

    pub(crate) fn vfs_mut(&mut self) -> &mut Vfs {
        match &mut self.vfs {
            Some(vfs) => vfs,
            None => unreachable!("the file system does not call itself through the kernel"),
        }
    }

    // Tasks.

    pub(crate) fn tgid_of(&self, tid: Tid) -> Tid {
        self.threads.get(&tid).map_or(tid, |thread| thread.tgid)
    }

    pub(crate) fn process_of(&self, tid: Tid) -> Option<&Process> {
        self.processes.get(&self.tgid_of(tid))
    }

    pub(crate) fn process_of_mut(&mut self, tid: Tid) -> Option<&mut Process> {
        let tgid = self.tgid_of(tid);
        self.processes.get_mut(&tgid)
    }

    /// Credentials of a process: its first thread's, or what a zombie had.
    pub(crate) fn cred_of_process(&self, tgid: Tid) -> Option<&Cred> {
        let process = self.processes.get(&tgid)?;
        process
            .threads
            .iter()
            .find_map(|tid| self.threads.get(tid))
            .map(|thread| &thread.cred)
            .or(process.last.as_ref().map(|last| &last.cred))
    }

    pub(crate) fn namespaces_of_process(&self, tgid: Tid) -> Option<crate::process::Namespaces> {
        let process = self.processes.get(&tgid)?;
        process
            .threads
            .iter()
            .find_map(|tid| self.threads.get(tid))
            .map(|thread| thread.ns)
            .or(process.last.as_ref().map(|last| last.ns))
    }

    pub(crate) fn comm_of_process(&self, tgid: Tid) -> Vec<u8> {
        let Some(process) = self.processes.get(&tgid) else {
            return Vec::new();
        };
        let leader = self.threads.get(&tgid);
        leader
            .or_else(|| process.threads.iter().find_map(|tid| self.threads.get(tid)))
            .map(|thread| thread.comm.clone())
            .or(process.last.as_ref().map(|last| last.comm.clone()))
            .unwrap_or_default()
    }

    /// User and system time of a process, ended threads included.
    pub(crate) fn process_times(&self, tgid: Tid) -> (u64, u64) {
        let Some(process) = self.processes.get(&tgid) else {
            return (0, 0);
        };
        let live = process
            .threads
            .iter()
            .filter_map(|tid| self.threads.get(tid));
        live.fold((process.dead_utime, process.dead_stime), |sum, thread| {
            (sum.0 + thread.utime, sum.1 + thread.stime)
        })
    }

    /// The same with those of the children that it waited for: what a parent is told (`RUSAGE_BOTH`).
    pub(crate) fn times_of_waited(&self, tgid: Tid) -> (u64, u64) {
        let own = self.process_times(tgid);
        let process = self.processes.get(&tgid);
        process.map_or(own, |it| {
            (own.0 + it.children_utime, own.1 + it.children_stime)
        })
    }

    /// What a process read and wrote, ended threads included.
    pub(crate) fn process_io(&self, tgid: Tid) -> crate::process::Io {
        let Some(process) = self.processes.get(&tgid) else {
            return Default::default();
        };
        let mut all = process.dead_io;
        for thread in process
            .threads
            .iter()
            .filter_map(|tid| self.threads.get(tid))
        {
            all.add(thread.io);
        }
        all
    }

    // Pids.

    /// The pid namespace that a thread or process is numbered in.
    pub(crate) fn pid_ns_of(&self, tid: Tid) -> NsId {
        self.pids
            .get(&tid)
            .and_then(|entry| entry.numbers.last())
            .map_or(self.root_ns.pid, |number| number.0)
    }

    /// The number of a thread, process group or session in a pid namespace.
    pub(crate) fn pid_in(&self, ns: NsId, tid: Tid) -> Option<i32> {
        let entry = self.pids.get(&tid)?;
        entry
            .numbers
            .iter()
            .find(|number| number.0 == ns)
            .map(|number| number.1)
    }

    /// The same as `viewer` numbers it; zero where it is not visible.
    pub(crate) fn pid_for(&self, viewer: Tid, tid: Tid) -> Pid {
        Pid(self.pid_in(self.pid_ns_of(viewer), tid).unwrap_or(0))
    }

    /// What `viewer` means by a number.
    pub(crate) fn find_pid(&self, viewer: Tid, pid: Pid) -> Option<Tid> {
        self.find_pid_in(self.pid_ns_of(viewer), pid.0)
    }

    pub(crate) fn find_pid_in(&self, ns: NsId, pid: i32) -> Option<Tid> {
        self.namespaces.get(&ns)?.pids()?.map.get(&pid).copied()
    }

    /// A process (not merely a thread or group) by number.
    pub(crate) fn find_process(&self, viewer: Tid, pid: Pid) -> Option<Tid> {
        let tid = self.find_pid(viewer, pid)?;
        self.processes.contains_key(&tid).then_some(tid)
    }

    pub(crate) fn ns_init(&self, ns: NsId) -> Option<Tid> {
        self.namespaces.get(&ns)?.pids()?.init
    }

    // Trace.

    pub(crate) fn note(&mut self, key: &'static str, args: impl FnOnce() -> Vec<Value>) {
        let (time, span) = (self.time, self.current);
        self.tracer.note(time, span, key, args);
    }

    pub(crate) fn enter_span(
        &mut self,
        pid: Tid,
        parent: Option<SpanId>,
        cause: Option<SpanId>,
        layer: Layer,
        name: impl Into<std::borrow::Cow<'static, str>>,
        args: impl FnOnce() -> Args,
    ) -> SpanId {
        let time = self.time;
        self.tracer
            .enter(time, pid.0, parent, cause, layer, name, args)
    }

    pub(crate) fn exit_span(&mut self, span: SpanId, outcome: impl FnOnce() -> Outcome) {
        let time = self.time;
        self.tracer.exit(time, span, outcome);
    }

    // Waiting.

    /// Wakes all who wait for an object.
    pub(crate) fn wake(&mut self, key: WaitKey) {
        self.wake_for(key, PollEvents::all());
    }

    /// The same where the change means only that some events are ready, which is of interest to edge-triggered polls.
    pub(crate) fn wake_for(&mut self, key: WaitKey, events: PollEvents) {
        self.wake_waiters(key);
        self.wake_epolls(key, events);
    }

    pub(crate) fn wake_waiters(&mut self, key: WaitKey) {
        for (tid, req) in self.waiters.take(key) {
            self.retry_call(tid, req);
        }
    }
}

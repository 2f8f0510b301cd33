//! Birth, death and waiting (`man 2 clone`, `exit_group`, `waitid`).

use crate::Kernel;
use crate::builtin::Program;
use crate::ids::*;
use crate::process::*;
use crate::sched::Timer;
use crate::signal::{AltStack, Pending, SIG_IGN, SigBody, SigHand, SigInfo, code, sa};
use crate::syscall::CallCx;
use crate::wait::{Fail, SysResult, WaitKey};
use glassdock_abi::flags::{CloneFlags, OpenFlags, WaitFlags};
use glassdock_abi::types::{WaitFor, WaitStatus, Waited, signal as sig};
use glassdock_abi::{Errno, Fd, Pid, Result, Ret};
use glassdock_cpu::reg;
use glassdock_trace::{Args, Layer, Outcome, Value};

/// What a clone asks for, whichever call asks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CloneRequest {
    pub(crate) flags: CloneFlags,
    pub(crate) exit_signal: u8,
    /// Stack pointer of the child; zero keeps the parent's.
    pub(crate) stack: u64,
    pub(crate) tls: u64,
    pub(crate) parent_tid: u64,
    pub(crate) child_tid: u64,
    pub(crate) cgroup: Option<Fd>,
}

impl Kernel {
    /// Makes a child task: all of `clone` but what it runs. `run` says that once the child exists.
    pub(crate) fn clone_task(
        &mut self,
        cx: &mut CallCx,
        request: &CloneRequest,
        run: impl FnOnce(&mut Kernel, Tid) -> Exec,
    ) -> Result<Tid> {
        let flags = request.flags;
        let has = |flag| flags.contains(flag);
        check_clone(flags)?;
        self.check_new_namespaces(cx.tid, flags)?;
        let parent = self.threads.get(&cx.tid).ok_or(Errno::ESRCH)?;
        let (tgid, old_ns, old_fs, old_files, old_mm) =
            (parent.tgid, parent.ns, parent.fs, parent.files, parent.mm);
        if has(CloneFlags::THREAD) && old_ns.pid != old_ns.pid_children {
            return Err(Errno::EINVAL);
        }
        self.check_nproc(cx.tid)?;
        let cgroup = match request.cgroup {
            Some(fd) if has(CloneFlags::INTO_CGROUP) => Some(self.cgroup_of_fd(cx.tid, fd)?),
            _ => None,
        };
        let mut ns = self.new_namespaces(cx.tid, &old_ns, flags)?;
        let tid = match self.allocate_pid(ns.pid_children) {
            Ok(tid) => tid,
            Err(errno) => {
                self.release_namespaces(&ns);
                return Err(errno);
            }
        };
        self.hold_namespace(ns.pid_children);
        self.release_namespace(ns.pid);
        ns.pid = ns.pid_children;
        let fs = match self.clone_fs(cx.tid, old_fs, &mut ns, flags) {
            Ok(fs) => fs,
            Err(errno) => {
                self.release_namespaces(&ns);
                self.free_pid(tid);
                return Err(errno);
            }
        };
        let files = if has(CloneFlags::FILES) {
            if let Some(table) = self.fd_tables.get_mut(old_files) {
                table.users += 1;
            }
            old_files
        } else {
            self.copy_fd_table(old_files)
        };
        let mm = match old_mm {
            Some(mm) if has(CloneFlags::VM) => {
                if let Some(mm) = self.mms.get_mut(mm) {
                    mm.users += 1;
                }
                Some(mm)
            }
            Some(mm) => self.fork_mm(mm),
            None => None,
        };
        let thread = self.child_thread(
            cx,
            tid,
            if has(CloneFlags::THREAD) { tgid } else { tid },
            ns,
            fs,
            files,
            mm,
            request,
        );
        self.threads.insert(tid, thread);
        if has(CloneFlags::THREAD) {
            if let Some(process) = self.processes.get_mut(&tgid) {
                process.threads.push(tid);
            }
        } else {
            self.child_process(cx.tid, tgid, tid, request, cgroup);
            self.set_ns_init(ns.pid, tid);
        }
        self.total_forks += 1;
        let exec = run(self, tid);
        if let Some(thread) = self.threads.get_mut(&tid) {
            thread.exec = exec;
        }
        if has(CloneFlags::CHILD_CLEARTID)
            && let Some(thread) = self.threads.get_mut(&tid)
        {
            thread.clear_child_tid = request.child_tid;
        }
        let number = self.pid_for(tid, tid).0.to_le_bytes();
        if has(CloneFlags::CHILD_SETTID) {
            let _ = self.write_user(tid, request.child_tid, &number);
        }
        let seen = self.pid_for(cx.tid, tid).0.to_le_bytes();
        if has(CloneFlags::PARENT_SETTID) {
            let _ = self.write_user(cx.tid, request.parent_tid, &seen);
        }
        if has(CloneFlags::PIDFD) {
            let fd = self.open_pidfd(cx.tid, tid, OpenFlags::empty())?;
            if request.parent_tid != 0 {
                self.write_user(cx.tid, request.parent_tid, &fd.0.to_le_bytes())?;
            }
            cx.state.note = fd.0 as u64;
        }
        self.publisher.task(tid);
        self.publisher.state(tid);
        if !has(CloneFlags::THREAD) {
            self.publisher.place(tid);
            self.mark_all_fds(tid);
        }
        if let Some(path) = self
            .processes
            .get(&self.tgid_of(tid))
            .map(|p| p.cgroup.clone())
        {
            self.publisher.cgroup(path);
        }
        self.make_ready(tid);
        Ok(tid)
    }

    fn check_nproc(&self, tid: Tid) -> Result<()> {
        let thread = self.threads.get(&tid).ok_or(Errno::ESRCH)?;
        let limit = self
            .process_of(tid)
            .map_or(u64::MAX, |p| p.rlimits[rlimit::NPROC].cur);
        let own = self
            .threads
            .values()
            .filter(|other| other.cred.ruid == thread.cred.ruid)
            .count() as u64;
        let exempt = thread.cred.ruid == 0
            || thread.cred.has(crate::cred::cap::SYS_RESOURCE)
            || thread.cred.has(crate::cred::cap::SYS_ADMIN);
        if own >= limit && !exempt {
            return Err(Errno::EAGAIN);
        }
        Ok(())
    }

    fn clone_fs(
        &mut self,
        tid: Tid,
        old: FsId,
        ns: &mut Namespaces,
        flags: CloneFlags,
    ) -> Result<FsId> {
        if flags.contains(CloneFlags::FS) {
            if let Some(fs) = self.fs.get_mut(old) {
                fs.users += 1;
            }
            return Ok(old);
        }
        let mut fs = self.fs.get(old).ok_or(Errno::ESRCH)?.clone();
        fs.users = 1;
        self.vfs_mut().hold(fs.root);
        self.vfs_mut().hold(fs.cwd);
        if flags.contains(CloneFlags::NEWNS) {
            self.move_to_new_mnt_ns(tid, &mut fs, ns)?;
        }
        Ok(self.fs.add(fs))
    }

    /// Copies the mount namespace; root and working directory move to the copies of their mounts.
    pub(crate) fn move_to_new_mnt_ns(
        &mut self,
        tid: Tid,
        fs: &mut Fs,
        ns: &mut Namespaces,
    ) -> Result<()> {
        let mut places = [fs.root, fs.cwd];
        let made = self.with_vfs(tid, |vfs, cx| vfs.clone_mount_ns(cx, &mut places));
        let mnt = match made {
            Ok(mnt) => mnt,
            Err(errno) => {
                self.vfs_mut().release(fs.root);
                self.vfs_mut().release(fs.cwd);
                return Err(errno);
            }
        };
        [fs.root, fs.cwd] = places;
        self.release_namespace(ns.mnt);
        ns.mnt = self.add_namespace(
            glassdock_trace::world::NsKind::Mnt,
            None,
            ns.user,
            crate::ns::NsBody::Mnt(mnt),
        );
        ns.mnt_vfs = mnt;
        let traced = ns.mnt;
        self.vfs_mut().name_mnt_ns(mnt, traced);
        Ok(())
    }

    #[allow(clippy::too_many_arguments, reason = "what a thread consists of")]
    fn child_thread(
        &mut self,
        cx: &CallCx,
        tid: Tid,
        tgid: Tid,
        ns: Namespaces,
        fs: FsId,
        files: FdTableId,
        mm: Option<MmId>,
        request: &CloneRequest,
    ) -> Thread {
        let shares_vm = request.flags.contains(CloneFlags::VM);
        let vfork = request.flags.contains(CloneFlags::VFORK);
        let (comm, cred, sigmask, altstack, nice, slack) = match self.threads.get(&cx.tid) {
            Some(t) => (
                t.comm.clone(),
                t.cred.clone(),
                t.saved_mask.unwrap_or(t.sigmask),
                t.altstack,
                t.nice,
                t.timer_slack,
            ),
            None => (
                Vec::new(),
                crate::cred::Cred::init(),
                Default::default(),
                AltStack::default(),
                0,
                50_000,
            ),
        };
        let name = String::from_utf8_lossy(&comm).into_owned();
        let cause = cx.span;
        let span = self.enter_span(tgid, None, cause, Layer::Sched, "task", || {
            Args::Fields(vec![
                ("pid".into(), Value::Int(i64::from(tid.0))),
                ("comm".into(), Value::Text(name)),
            ])
        });
        Thread {
            tid,
            tgid,
            comm,
            run: Run::Blocked("birth"),
            queued: false,
            exec: Exec::None,
            cred,
            ns,
            fs,
            files,
            mm,
            sigmask,
            saved_mask: None,
            pending: Pending::default(),
            altstack: if shares_vm && !vfork {
                AltStack::default()
            } else {
                altstack
            },
            clear_child_tid: 0,
            robust_list: (0, 0),
            pdeathsig: 0,
            calls: Default::default(),
            span: Some(span),
            causes: Default::default(),
            vfork_parent: vfork.then_some(cx.tid),
            utime: 0,
            stime: 0,
            started: self.time,
            nice,
            timer_slack: slack,
        }
    }

    fn child_process(
        &mut self,
        caller: Tid,
        tgid: Tid,
        tid: Tid,
        request: &CloneRequest,
        cgroup: Option<String>,
    ) {
        let flags = request.flags;
        let Some(old) = self.processes.get(&tgid) else {
            return;
        };
        let old_hand = old.sighand;
        let parent = if flags.contains(CloneFlags::PARENT) {
            old.parent
        } else {
            Some(tgid)
        };
        let process = Process {
            tgid: tid,
            threads: vec![tid],
            parent,
            children: Default::default(),
            pgid: old.pgid,
            sid: old.sid,
            tty: old.tty,
            exit_signal: request.exit_signal,
            zombie: None,
            exiting: None,
            stopped: None,
            report: None,
            sighand: old_hand,
            pending: Pending::default(),
            rlimits: old.rlimits,
            itimers: Default::default(),
            subreaper: false,
            dumpable: old.dumpable,
            did_exec: false,
            exe: old.exe,
            exe_name: old.exe_name.clone(),
            argv: old.argv.clone(),
            cmdline: old.cmdline.clone(),
            environ: old.environ.clone(),
            auxv: old.auxv.clone(),
            builtin: old.builtin.clone(),
            cgroup: cgroup.unwrap_or_else(|| old.cgroup.clone()),
            oom_score_adj: old.oom_score_adj,
            killable: false,
            started: self.time,
            dead_utime: 0,
            dead_stime: 0,
            children_utime: 0,
            children_stime: 0,
            last: None,
        };
        let exe = process.exe;
        self.processes.insert(tid, process);
        if let Some(place) = exe {
            self.vfs_mut().hold(place);
        }
        if let Some(parent) = parent.and_then(|parent| self.processes.get_mut(&parent)) {
            parent.children.insert(tid);
        }
        let hand = if flags.contains(CloneFlags::SIGHAND) {
            if let Some(hand) = self.sighands.get_mut(old_hand) {
                hand.users += 1;
            }
            old_hand
        } else {
            let mut hand = self
                .sighands
                .get(old_hand)
                .cloned()
                .unwrap_or_else(SigHand::new);
            hand.users = 1;
            if flags.contains(CloneFlags::CLEAR_SIGHAND) {
                hand.reset_for_exec();
            }
            self.sighands.add(hand)
        };
        if let Some(process) = self.processes.get_mut(&tid) {
            process.sighand = hand;
        }
        let _ = caller;
    }

    /// Gives a process handlers of its own.
    pub(crate) fn unshare_sighand(&mut self, tgid: Tid) {
        let Some(id) = self.processes.get(&tgid).map(|process| process.sighand) else {
            return;
        };
        let Some(hand) = self.sighands.get_mut(id) else {
            return;
        };
        if hand.users <= 1 {
            return;
        }
        hand.users -= 1;
        let mut own = hand.clone();
        own.users = 1;
        let own = self.sighands.add(own);
        if let Some(process) = self.processes.get_mut(&tgid) {
            process.sighand = own;
        }
    }

    /// `clone` and its relatives from a program in memory.
    pub(crate) fn sys_clone(&mut self, cx: &mut CallCx, request: CloneRequest) -> SysResult {
        if cx.state.note != 0 && cx.state.tried {
            return self.resume_vfork(cx);
        }
        let caller = cx.tid;
        let (flags, stack, tls) = (request.flags, request.stack, request.tls);
        let child = self.clone_task(cx, &request, |kernel, _| {
            let mut cpu = match kernel.threads.get(&caller).map(|thread| &thread.exec) {
                Some(Exec::Elf(cpu)) => cpu.clone(),
                _ => return Exec::None,
            };
            cpu.gpr[reg::RAX] = 0;
            if stack != 0 {
                cpu.gpr[reg::RSP] = stack;
            }
            if flags.contains(CloneFlags::SETTLS) {
                cpu.fs_base = tls;
            }
            Exec::Elf(cpu)
        })?;
        if flags.contains(CloneFlags::VFORK) {
            cx.state.note = child.0 as u64;
            let pid = self.pid_for(cx.tid, child);
            cx.state.deadline = None;
            cx.state.progress = 0;
            self.vfork_pids.insert(child, pid);
            return Err(Fail::wait("vfork", WaitKey::Vfork(child)));
        }
        Ok(Ret::Pid(self.pid_for(cx.tid, child)))
    }

    fn resume_vfork(&mut self, cx: &mut CallCx) -> SysResult {
        let child = Tid(cx.state.note as i32);
        let waits = self
            .threads
            .get(&child)
            .is_some_and(|thread| thread.vfork_parent.is_some());
        if waits {
            return Err(Fail::wait("vfork", WaitKey::Vfork(child)));
        }
        let pid = self.vfork_pids.remove(&child).unwrap_or(Pid(child.0));
        Ok(Ret::Pid(pid))
    }

    // Death.

    /// Ends a thread now.
    pub(crate) fn end_thread(&mut self, tid: Tid) {
        let Some(thread) = self.threads.get_mut(&tid) else {
            return;
        };
        if thread.run == Run::Dead {
            return;
        }
        thread.run = Run::Dead;
        let (tgid, mm, files, fs, ns, clear, robust) = (
            thread.tgid,
            thread.mm,
            thread.files,
            thread.fs,
            thread.ns,
            thread.clear_child_tid,
            thread.robust_list,
        );
        self.cut_open_spans(tid);
        self.cut_calls(tid);
        if robust.0 != 0 {
            self.walk_robust_list(tid, robust.0);
        }
        let shared_mm = mm.is_some_and(|mm| self.mms.get(mm).is_some_and(|mm| mm.users > 1));
        if clear != 0 && shared_mm {
            let _ = self.write_user(tid, clear, &0u32.to_le_bytes());
            self.futex_wake_addr(tid, clear, 1);
        }
        let Some(thread) = self.threads.get_mut(&tid) else {
            return;
        };
        thread.mm = None;
        let exec = std::mem::replace(&mut thread.exec, Exec::None);
        drop(exec);
        if let Some(mm) = mm {
            self.put_mm(mm);
        }
        self.release_vfork_parent(tid);
        self.locks_of_dead(tgid, tid);
        self.put_fd_table(files, tgid);
        self.put_fs(fs);
        let Some(thread) = self.threads.remove(&tid) else {
            return;
        };
        self.traps.remove(&tid);
        self.publisher.task(tid);
        self.publisher.state(tid);
        self.publisher.place(tid);
        let mut last = false;
        if let Some(process) = self.processes.get_mut(&tgid) {
            process.dead_utime += thread.utime;
            process.dead_stime += thread.stime;
            process.threads.retain(|other| *other != tid);
            last = process.threads.is_empty();
            if last {
                process.last = Some(LastWords {
                    comm: thread.comm.clone(),
                    cred: thread.cred.clone(),
                    ns,
                    nice: thread.nice,
                });
            }
        }
        let status = self.processes.get(&tgid).and_then(|p| p.exiting);
        if let Some(span) = thread.span {
            self.exit_span(span, || match status {
                Some(status) => Outcome::Int(i64::from(status.word())),
                None => Outcome::Ok,
            });
        }
        self.wake(WaitKey::Threads(tgid));
        if last {
            self.end_process(tgid);
        } else if tid != tgid {
            self.free_pid(tid);
        }
        self.release_namespaces(&ns);
    }

    fn locks_of_dead(&mut self, tgid: Tid, tid: Tid) {
        if self
            .processes
            .get(&tgid)
            .is_some_and(|process| process.threads == [tid])
        {
            for inode in self.locks.drop_owner(tgid) {
                self.wake(WaitKey::Lock(inode));
            }
        }
    }

    fn put_fs(&mut self, id: FsId) {
        let Some(fs) = self.fs.get_mut(id) else {
            return;
        };
        fs.users = fs.users.saturating_sub(1);
        if fs.users == 0
            && let Some(fs) = self.fs.remove(id)
        {
            self.vfs_mut().release(fs.root);
            self.vfs_mut().release(fs.cwd);
        }
    }

    /// Closes the spans that a built-in program leaves open.
    pub(crate) fn cut_open_spans(&mut self, tid: Tid) {
        let open = match self.threads.get(&tid).map(|thread| &thread.exec) {
            Some(Exec::Builtin(program)) => program.open_spans(),
            _ => return,
        };
        for span in open {
            self.exit_span(span, || Outcome::Cut);
        }
    }

    /// Before an `execve`: calls in flight beside it are dropped.
    pub(crate) fn cut_calls_but(&mut self, tid: Tid) {
        self.cut_calls(tid);
    }

    /// Before an `execve`: all other threads end, and the caller takes the leader's number.
    pub(crate) fn become_only_thread(&mut self, tid: Tid) {
        let Some(process) = self.process_of(tid) else {
            return;
        };
        let others: Vec<Tid> = process
            .threads
            .iter()
            .copied()
            .filter(|other| *other != tid)
            .collect();
        for other in others {
            self.end_thread(other);
        }
    }

    fn end_process(&mut self, tgid: Tid) {
        let Some(process) = self.processes.get_mut(&tgid) else {
            return;
        };
        let status = process.exiting.unwrap_or(WaitStatus::Exited(0));
        process.zombie = Some(status);
        process.stopped = None;
        process.report = None;
        let (parent, children, pgid, sid, tty) = (
            process.parent,
            process.children.clone(),
            process.pgid,
            process.sid,
            process.tty,
        );
        let (exit_signal, exe, cgroup) = (
            process.exit_signal,
            process.exe.take(),
            process.cgroup.clone(),
        );
        self.timers.cancel_all(Timer::Itimer(tgid));
        self.put_sighand(tgid);
        if let Some(place) = exe {
            self.vfs_mut().release(place);
        }
        self.publisher.cgroup(cgroup);
        if sid == tgid
            && let Some(number) = tty
        {
            self.leave_terminal(tgid, number);
        }
        let ns = self.pid_ns_of(tgid);
        if self.ns_init(ns) == Some(tgid) {
            self.end_pid_ns(ns, tgid);
        }
        for child in children {
            self.reparent(child, tgid);
        }
        // A group that loses its last tie to the session goes on with nobody to continue it.
        let tie = parent
            .and_then(|p| self.processes.get(&p))
            .is_some_and(|p| p.pgid != pgid && p.sid == sid);
        if tie {
            self.hang_up_if_orphaned(pgid);
        }
        self.publisher.task(tgid);
        self.publisher.state(tgid);
        self.wake(WaitKey::Process(tgid));
        self.tell_parent_of_end(tgid, status, exit_signal);
        if Some(tgid) == self.init {
            self.note("init-ended", || vec![Value::Int(i64::from(status.word()))]);
            self.halted = true;
        }
    }

    fn put_sighand(&mut self, tgid: Tid) {
        let Some(id) = self.processes.get(&tgid).map(|process| process.sighand) else {
            return;
        };
        if let Some(hand) = self.sighands.get_mut(id) {
            hand.users = hand.users.saturating_sub(1);
            if hand.users == 0 {
                self.sighands.remove(id);
            }
        }
    }

    /// The first process of a pid namespace has ended: everybody in it is killed.
    fn end_pid_ns(&mut self, ns: glassdock_trace::world::NsId, init: Tid) {
        self.mark_ns_dead(ns);
        let members: Vec<Tid> = self
            .processes
            .keys()
            .copied()
            .filter(|tgid| *tgid != init && self.pid_in(ns, *tgid).is_some())
            .collect();
        for tgid in members {
            if self.processes.get(&tgid).is_some_and(Process::alive) {
                self.exit_process(tgid, WaitStatus::Killed(sig::KILL, false));
                let threads = self
                    .processes
                    .get(&tgid)
                    .map(|p| p.threads.clone())
                    .unwrap_or_default();
                for tid in threads {
                    self.end_thread(tid);
                }
            }
            if self
                .processes
                .get(&tgid)
                .is_some_and(|p| p.parent == Some(init))
            {
                self.reap(tgid);
            }
        }
    }

    fn reparent(&mut self, child: Tid, old: Tid) {
        let new = self.new_parent(old, child);
        let Some(process) = self.processes.get_mut(&child) else {
            return;
        };
        process.parent = new;
        if process.exit_signal != 0 {
            process.exit_signal = sig::CHLD;
        }
        let (zombie, pgid) = (process.zombie, process.pgid);
        let threads = process.threads.clone();
        self.publisher.task(child);
        if let Some(process) = self.processes.get_mut(&old) {
            process.children.remove(&child);
        }
        if let Some(parent) = new.and_then(|new| self.processes.get_mut(&new)) {
            parent.children.insert(child);
        }
        for tid in threads {
            let signal = self.threads.get(&tid).map_or(0, |thread| thread.pdeathsig);
            if signal != 0 {
                let info = SigInfo {
                    signal,
                    code: code::SI_USER,
                    body: SigBody::User {
                        pid: 0,
                        uid: 0,
                        value: 0,
                    },
                };
                self.signal_thread(tid, info);
            }
        }
        match zombie {
            Some(status) => self.tell_parent_of_end(child, status, sig::CHLD),
            None => self.hang_up_if_orphaned(pgid),
        }
    }

    /// The nearest subreaper above, or the namespace's first process.
    fn new_parent(&self, old: Tid, child: Tid) -> Option<Tid> {
        let ns = self.pid_ns_of(child);
        let mut at = self.processes.get(&old).and_then(|process| process.parent);
        while let Some(tgid) = at {
            let process = self.processes.get(&tgid)?;
            if process.alive() && process.exiting.is_none() {
                if Some(tgid) == self.ns_init(ns) {
                    return Some(tgid);
                }
                if process.subreaper && self.pid_ns_of(tgid) == ns {
                    return Some(tgid);
                }
            }
            at = process.parent;
        }
        let init = self.ns_init(ns).filter(|init| *init != old);
        init.filter(|init| self.processes.get(init).is_some_and(Process::alive))
            .or(self.init.filter(|init| *init != old))
    }

    fn hang_up_if_orphaned(&mut self, pgid: Tid) {
        let stopped = self
            .processes
            .values()
            .any(|process| process.pgid == pgid && process.alive() && process.stopped.is_some());
        if stopped && self.is_orphaned_group(pgid, None) {
            self.signal_group(pgid, sig::HUP);
            self.signal_group(pgid, sig::CONT);
        }
    }

    fn tell_parent_of_end(&mut self, tgid: Tid, status: WaitStatus, exit_signal: u8) {
        if Some(tgid) == self.init {
            return;
        }
        let Some(parent) = self.processes.get(&tgid).and_then(|process| process.parent) else {
            self.reap(tgid);
            return;
        };
        let leader = self
            .processes
            .get(&parent)
            .and_then(|p| p.threads.first().copied());
        let Some(leader) = leader else {
            return;
        };
        let action = self.action(leader, sig::CHLD);
        let ignores = exit_signal == sig::CHLD
            && (action.handler == SIG_IGN || action.flags & sa::NOCLDWAIT != 0);
        if exit_signal != 0 && !(exit_signal == sig::CHLD && action.handler == SIG_IGN) {
            let (si_code, value) = match status {
                WaitStatus::Exited(status) => (code::CLD_EXITED, i32::from(status)),
                WaitStatus::Killed(signal, true) => (code::CLD_DUMPED, i32::from(signal)),
                WaitStatus::Killed(signal, false) => (code::CLD_KILLED, i32::from(signal)),
                _ => (code::CLD_EXITED, 0),
            };
            let mut info = self.child_info(parent, tgid, si_code, value);
            info.signal = exit_signal;
            self.signal_process(parent, info, true);
        }
        if ignores {
            self.reap(tgid);
        }
        self.wake(WaitKey::Child(parent));
    }

    /// Removes a zombie.
    pub(crate) fn reap(&mut self, tgid: Tid) {
        let Some(process) = self.processes.remove(&tgid) else {
            return;
        };
        if let Some(parent) = process
            .parent
            .and_then(|parent| self.processes.get_mut(&parent))
        {
            parent.children.remove(&tgid);
            parent.children_utime += process.dead_utime + process.children_utime;
            parent.children_stime += process.dead_stime + process.children_stime;
        }
        self.publisher.task(tgid);
        self.publisher.state(tgid);
        self.free_pid(tgid);
        self.free_pid(process.pgid);
        self.free_pid(process.sid);
    }

    // Waiting.

    /// Children that a wait asks about. `ECHILD` where there is none.
    fn waited_children(&self, tid: Tid, which: WaitFor, options: WaitFlags) -> Result<Vec<Tid>> {
        let process = self.process_of(tid).ok_or(Errno::ECHILD)?;
        let clones = options.contains(WaitFlags::CLONE);
        let all = options.contains(WaitFlags::ALL);
        let fits = |child: &Process| {
            let clone = child.exit_signal != sig::CHLD;
            if !all && clone != clones {
                return false;
            }
            match which {
                WaitFor::Any => true,
                WaitFor::Pid(pid) => self.find_pid(tid, pid) == Some(child.tgid),
                WaitFor::Group(Pid(0)) => child.pgid == process.pgid,
                WaitFor::Group(pid) => self.find_pid(tid, pid) == Some(child.pgid),
                WaitFor::PidFd(_) => false,
            }
        };
        let target = match which {
            WaitFor::PidFd(fd) => Some(self.pidfd_process(tid, fd)?),
            _ => None,
        };
        let children: Vec<Tid> = process
            .children
            .iter()
            .copied()
            .filter(|child| match target {
                Some(target) => *child == target,
                None => self.processes.get(child).is_some_and(fits),
            })
            .collect();
        if children.is_empty() {
            return Err(Errno::ECHILD);
        }
        Ok(children)
    }

    /// `waitid` and `wait4`: what a child did, or a wait for it.
    pub(crate) fn wait_for(
        &mut self,
        cx: &mut CallCx,
        which: WaitFor,
        options: WaitFlags,
    ) -> SysResult {
        let children = self.waited_children(cx.tid, which, options)?;
        let keep = options.contains(WaitFlags::NOWAIT);
        for child in children {
            let Some(process) = self.processes.get(&child) else {
                continue;
            };
            let uid = self.cred_of_process(child).map_or(0, |cred| cred.ruid);
            let pid = self.pid_for(cx.tid, child);
            let found = match (process.zombie, process.report) {
                (Some(status), _) if options.contains(WaitFlags::EXITED) => Some(status),
                (None, Some(JobReport::Stopped(signal)))
                    if options.contains(WaitFlags::UNTRACED) =>
                {
                    Some(WaitStatus::Stopped(signal))
                }
                (None, Some(JobReport::Continued)) if options.contains(WaitFlags::CONTINUED) => {
                    Some(WaitStatus::Continued)
                }
                _ => None,
            };
            let Some(status) = found else { continue };
            let (utime, stime) = self.process_times(child);
            cx.state.note = utime;
            cx.state.deadline = Some(stime);
            if !keep {
                match status {
                    WaitStatus::Exited(_) | WaitStatus::Killed(..) => self.reap(child),
                    _ => {
                        if let Some(process) = self.processes.get_mut(&child) {
                            process.report = None;
                        }
                    }
                }
            }
            return Ok(Ret::Waited(Some(Waited { pid, uid, status })));
        }
        if options.contains(WaitFlags::NOHANG) {
            return Ok(Ret::Waited(None));
        }
        Err(self.wait_child(cx.tid))
    }

    // Pidfds.

    pub(crate) fn open_pidfd(&mut self, tid: Tid, target: Tid, flags: OpenFlags) -> Result<Fd> {
        let file = self.add_anonymous(
            crate::file::Body::Pidfd(target),
            "[pidfd]",
            OpenFlags::RDWR | flags,
        )?;
        self.install(tid, file, true)
    }

    pub(crate) fn pidfd_process(&self, tid: Tid, fd: Fd) -> Result<Tid> {
        match self.file_of(tid, fd)?.body {
            crate::file::Body::Pidfd(target) => Ok(target),
            _ => Err(Errno::EBADF),
        }
    }

    // The first process, and built-in children.

    /// A task that runs nothing yet: the machine's first.
    pub(crate) fn first_task(&mut self) -> Result<Tid> {
        let ns = self.root_ns;
        let tid = self.allocate_pid(ns.pid)?;
        self.hold_namespaces(&ns);
        let root = self.vfs_root;
        self.vfs_mut().hold(root);
        self.vfs_mut().hold(root);
        let fs = self.fs.add(Fs {
            users: 1,
            root,
            cwd: root,
            umask: 0o22,
        });
        let files = self.fd_tables.add(crate::file::FdTable {
            users: 1,
            ..Default::default()
        });
        let sighand = self.sighands.add(SigHand::new());
        let cx = CallCx::kernel(Tid(0));
        let thread =
            self.child_thread(&cx, tid, tid, ns, fs, files, None, &CloneRequest::default());
        self.threads.insert(tid, thread);
        self.processes.insert(
            tid,
            Process {
                tgid: tid,
                threads: vec![tid],
                parent: None,
                children: Default::default(),
                pgid: tid,
                sid: tid,
                tty: None,
                exit_signal: sig::CHLD,
                zombie: None,
                exiting: None,
                stopped: None,
                report: None,
                sighand,
                pending: Pending::default(),
                rlimits: default_rlimits(),
                itimers: Default::default(),
                subreaper: false,
                dumpable: true,
                did_exec: false,
                exe: None,
                exe_name: Vec::new(),
                argv: Vec::new(),
                cmdline: Vec::new(),
                environ: Vec::new(),
                auxv: Vec::new(),
                builtin: None,
                cgroup: "/".into(),
                oom_score_adj: 0,
                killable: false,
                started: self.time,
                dead_utime: 0,
                dead_stime: 0,
                children_utime: 0,
                children_stime: 0,
                last: None,
            },
        );
        self.set_ns_init(ns.pid, tid);
        self.init = Some(tid);
        for id in [
            ns.ipc, ns.mnt, ns.net, ns.pid, ns.user, ns.uts, ns.cgroup, ns.time,
        ] {
            self.publisher.namespace(id);
        }
        self.publisher.task(tid);
        self.publisher.state(tid);
        self.publisher.place(tid);
        self.publisher.cgroup("/".into());
        Ok(tid)
    }

    /// `clone3` of a built-in program: the child runs a closure.
    pub(crate) fn clone_builtin(
        &mut self,
        cx: &mut CallCx,
        request: &CloneRequest,
        program: Program,
    ) -> Result<Tid> {
        let mut program = Some(program);
        self.clone_task(cx, request, |_, _| match program.take() {
            Some(program) => Exec::Builtin(Box::new(program)),
            None => Exec::None,
        })
    }
}

fn check_clone(flags: CloneFlags) -> Result<()> {
    let has = |flag| flags.contains(flag);
    let bad = has(CloneFlags::THREAD) && !has(CloneFlags::SIGHAND)
        || has(CloneFlags::SIGHAND) && !has(CloneFlags::VM)
        || has(CloneFlags::NEWNS) && has(CloneFlags::FS)
        || has(CloneFlags::NEWUSER) && has(CloneFlags::FS)
        || has(CloneFlags::SIGHAND) && has(CloneFlags::CLEAR_SIGHAND)
        || has(CloneFlags::THREAD)
            && flags.intersects(CloneFlags::NEWPID | CloneFlags::NEWUSER | CloneFlags::PIDFD);
    if bad { Err(Errno::EINVAL) } else { Ok(()) }
}

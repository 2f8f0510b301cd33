//! Birth: `clone` and its relatives (`man 2 clone`).

use crate::Kernel;
use crate::builtin::Program;
use crate::ids::*;
use crate::process::*;
use crate::signal::{AltStack, Pending, SigHand};
use crate::syscall::CallCx;
use crate::wait::{Fail, SysResult, WaitKey};
use glassdock_abi::flags::{CloneFlags, OpenFlags};
use glassdock_abi::{Errno, Fd, Pid, Result, Ret};
use glassdock_cpu::{AccountId, reg};
use glassdock_trace::{Args, Layer, Value};

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
        self.check_room_for_task(cx.tid)?;
        // What can fail about the descriptor fails before there is a child.
        if has(CloneFlags::PIDFD) {
            let fd = self.free_fd(cx.tid, 0)?;
            if request.parent_tid != 0 {
                self.write_user(cx.tid, request.parent_tid, &fd.to_le_bytes())?;
            }
        }
        let cgroup = match request.cgroup {
            Some(fd) => Some(self.cgroup_to_enter(cx.tid, fd)?),
            None => None,
        };
        let home = match &cgroup {
            Some(path) => path.clone(),
            None => self
                .process_of(cx.tid)
                .map_or_else(|| "/".into(), |it| it.cgroup.clone()),
        };
        self.check_group_room(&home)?;
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
        if !has(CloneFlags::VM) && ns.time != ns.time_children {
            self.hold_namespace(ns.time_children);
            self.release_namespace(ns.time);
            ns.time = ns.time_children;
            self.freeze_offsets(ns.time);
        }
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
        if has(CloneFlags::NEWUSER) {
            self.adopt_users(tid, ns.user);
        }
        self.task_born(tid);
        if has(CloneFlags::THREAD) {
            if let Some(process) = self.processes.get_mut(&tgid) {
                process.threads.push(tid);
            }
        } else {
            self.child_process(tgid, tid, request, cgroup);
            self.set_ns_init(ns.pid, tid);
        }
        self.charge_stack(tid);
        self.note_peak_of_tasks(&home);
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
            cx.state.note = fd.0 as u64;
        }
        self.publisher.task(tid);
        self.publisher.state(tid);
        self.publisher.signals(tid);
        if !has(CloneFlags::THREAD) {
            self.publisher.place(tid);
            self.mark_all_handlers(tid);
            self.mark_all_fds(tid);
        }
        self.make_ready(tid);
        Ok(tid)
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
        let owner = match ns.user == self.root_ns.user {
            true => 0,
            false => ns.user.0,
        };
        let made = self.with_vfs(tid, |vfs, cx| vfs.clone_mount_ns(cx, owner, &mut places));
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
    pub(super) fn child_thread(
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
        let (comm, cred, sigmask, altstack, nice, personality, slack) =
            match self.threads.get(&cx.tid) {
                Some(t) => (
                    t.comm.clone(),
                    t.cred.clone(),
                    t.saved_mask.unwrap_or(t.sigmask),
                    t.altstack,
                    t.nice,
                    t.personality,
                    t.timer_slack,
                ),
                None => (
                    Vec::new(),
                    crate::cred::Cred::init(),
                    Default::default(),
                    AltStack::default(),
                    0,
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
            io: Default::default(),
            started: self.time,
            nice,
            personality,
            timer_slack: slack,
            stack_payer: AccountId::MACHINE,
        }
    }

    fn child_process(
        &mut self,
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
            old_foreground: None,
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
            root: old.root,
            did_exec: false,
            exe: old.exe,
            exe_name: old.exe_name.clone(),
            argv: old.argv.clone(),
            cmdline: old.cmdline.clone(),
            environ: old.environ.clone(),
            auxv: old.auxv.clone(),
            cgroup: cgroup.unwrap_or_else(|| old.cgroup.clone()),
            oom_score_adj: old.oom_score_adj,
            oom_score_adj_min: old.oom_score_adj_min,
            killable: false,
            started: self.time,
            dead_utime: 0,
            dead_stime: 0,
            dead_io: Default::default(),
            children_utime: 0,
            children_stime: 0,
            leader_user: 0,
            last: None,
        };
        let exe = process.exe;
        let (pgid, sid) = (process.pgid, process.sid);
        self.processes.insert(tid, process);
        self.enter_group(tid, pgid, sid);
        if let Some(place) = exe {
            self.hold_exe(place);
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

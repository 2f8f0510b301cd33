//! Death: `exit_group`, orphans, zombies (`man 2 _exit`, `wait`).

use crate::Kernel;
use crate::ids::*;
use crate::process::*;
use crate::signal::{SIG_IGN, SigBody, SigInfo, code, sa};
use crate::wait::WaitKey;
use glassdock_abi::types::{WaitStatus, signal as sig};
use glassdock_trace::{Outcome, Value};

impl Kernel {
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
        self.uncharge_stack(thread.stack_payer);
        self.traps.remove(&tid);
        self.publisher.task(tid);
        self.publisher.state(tid);
        self.publisher.place(tid);
        self.publisher.signals(tid);
        let mut last = false;
        if let Some(process) = self.processes.get_mut(&tgid) {
            process.dead_utime += thread.utime;
            process.dead_stime += thread.stime;
            process.dead_io.add(thread.io);
            process.threads.retain(|other| *other != tid);
            last = process.threads.is_empty();
            if tid == tgid {
                process.leader_user = thread.cred.ruid;
            }
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
                // As a shell tells it: the code, or 128 and the signal.
                Some(status) => Outcome::Int(i64::from(status.shell_code())),
                None => Outcome::Ok,
            });
        }
        self.wake(WaitKey::Threads(tgid));
        if last {
            self.end_process(tgid);
        }
        if tid != tgid {
            self.task_gone(thread.cred.ruid);
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

    /// Before an `execve`: all other threads end, and the caller takes the leader's number, which is given
    /// (`de_thread`).
    pub(crate) fn become_only_thread(&mut self, tid: Tid) -> Tid {
        let Some(process) = self.process_of(tid) else {
            return tid;
        };
        let (tgid, started) = (process.tgid, process.started);
        let others: Vec<Tid> = process
            .threads
            .iter()
            .copied()
            .filter(|other| *other != tid)
            .collect();
        for other in others {
            self.end_thread(other);
        }
        if tid == tgid {
            return tid;
        }
        if let Some(mut thread) = self.threads.remove(&tid) {
            thread.tid = tgid;
            thread.started = started;
            self.threads.insert(tgid, thread);
        }
        if let Some(process) = self.processes.get_mut(&tgid) {
            process.threads = vec![tgid];
            let user = process.leader_user;
            self.task_gone(user);
        }
        self.traps.remove(&tid);
        self.free_pid(tid);
        for tid in [tid, tgid] {
            self.publisher.task(tid);
            self.publisher.state(tid);
            self.publisher.place(tid);
            self.publisher.signals(tid);
        }
        self.mark_all_fds(tgid);
        tgid
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
        let (exit_signal, exe) = (process.exit_signal, process.exe.take());
        self.timers.cancel_itimer(tgid);
        self.mark_all_handlers(tgid);
        self.put_sighand(tgid);
        if let Some(place) = exe {
            self.release_exe(place);
        }
        if sid == tgid {
            match tty {
                Some(number) => self.leave_terminal(tgid, number, true),
                None => self.hang_up_old_foreground(tgid),
            }
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
        }
        // The orphans among them became its children; nobody else is to hear of them.
        let orphans = self.processes.get(&init).map(|p| p.children.clone());
        for tgid in orphans.unwrap_or_default() {
            self.reap(tgid);
        }
    }

    fn reparent(&mut self, child: Tid, old: Tid) {
        let new = self.new_parent(old);
        let Some(process) = self.processes.get_mut(&child) else {
            return;
        };
        process.parent = new;
        if process.exit_signal != 0 {
            process.exit_signal = sig::CHLD;
        }
        let (zombie, pgid, sid) = (process.zombie, process.pgid, process.sid);
        let threads = process.threads.clone();
        self.publisher.task(child);
        let mut tie = false;
        if let Some(process) = self.processes.get_mut(&old) {
            process.children.remove(&child);
            tie = process.pgid != pgid && process.sid == sid;
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
        if let Some(status) = zombie {
            self.tell_parent_of_end(child, status, sig::CHLD);
        }
        if tie {
            self.hang_up_if_orphaned(pgid);
        }
    }

    /// The nearest subreaper above, or the first process of the namespace: of the dead parent's namespace, as its child
    /// may be the first of another (`find_new_reaper`).
    fn new_parent(&self, old: Tid) -> Option<Tid> {
        let ns = self.pid_ns_of(old);
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
        // A namespace that dies keeps its orphans: its first process waits for them (`zap_pid_ns_processes`).
        let init = self.ns_init(ns).filter(|init| *init != old);
        init.filter(|init| self.processes.contains_key(init))
            .or(self.init.filter(|init| *init != old))
    }

    fn hang_up_if_orphaned(&mut self, pgid: Tid) {
        let stopped = self
            .members(pgid)
            .any(|process| process.alive() && process.stopped.is_some());
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
        }
        self.publisher.task(tgid);
        self.publisher.state(tgid);
        self.publisher.signals(tgid);
        self.task_gone(process.leader_user);
        self.leave_group(tgid, process.pgid, process.sid);
        self.free_pid(tgid);
    }
}

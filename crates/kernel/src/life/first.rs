//! The first process of a machine.

use super::CloneRequest;
use crate::Kernel;
use crate::ids::*;
use crate::process::*;
use crate::signal::{Pending, SigHand};
use crate::syscall::CallCx;
use glassdock_abi::Result;
use glassdock_abi::types::signal as sig;

impl Kernel {
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
                old_foreground: None,
                exit_signal: sig::CHLD,
                zombie: None,
                exiting: None,
                stopped: None,
                report: None,
                sighand,
                pending: Pending::default(),
                rlimits: default_rlimits(self.tasks.max),
                itimers: Default::default(),
                subreaper: false,
                dumpable: true,
                root: (0, 0),
                did_exec: false,
                exe: None,
                exe_name: Vec::new(),
                argv: Vec::new(),
                cmdline: Vec::new(),
                environ: Vec::new(),
                auxv: Vec::new(),
                cgroup: "/".into(),
                oom_score_adj: 0,
                oom_score_adj_min: 0,
                killable: false,
                started: self.time,
                dead_utime: 0,
                dead_stime: 0,
                dead_io: Default::default(),
                children_utime: 0,
                children_stime: 0,
                leader_user: 0,
                last: None,
            },
        );
        self.enter_group(tid, tid, tid);
        self.task_born(tid);
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
}

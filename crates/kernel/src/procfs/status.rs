//! `/proc/PID/stat` and `/proc/PID/status`.

use crate::Kernel;
use crate::config::USER_HZ;
use crate::ids::Tid;
use crate::mm::Mm;
use crate::process::{Process, Run, rlimit};
use crate::signal::{SIG_DFL, SIG_IGN};
use glassdock_cpu::PAGE_SIZE;
use glassdock_trace::world::NsId;
use std::fmt::Write;

impl Kernel {
    fn state_name(&self, tid: Tid, tgid: Tid) -> &'static str {
        if self
            .processes
            .get(&tgid)
            .is_some_and(|process| process.zombie.is_some())
        {
            return "Z (zombie)";
        }
        match self.threads.get(&tid).map(|thread| thread.run) {
            Some(Run::Ready) if self.is_frozen(tid) => "S (sleeping)",
            Some(Run::Ready) => "R (running)",
            Some(Run::Blocked("vfork")) => "D (disk sleep)",
            Some(Run::Blocked(_)) => "S (sleeping)",
            Some(Run::Stopped) => "T (stopped)",
            Some(Run::Dead) | None => "Z (zombie)",
        }
    }

    /// Ignored and caught signals.
    fn signal_sets(&self, process: &Process) -> (u64, u64) {
        let (mut ignored, mut caught) = (0, 0);
        if let Some(hand) = self.sighands.get(process.sighand) {
            for signal in 1..=64u8 {
                let bit = 1u64 << (signal - 1);
                match hand.action(signal).handler {
                    SIG_IGN => ignored |= bit,
                    SIG_DFL => {}
                    _ => caught |= bit,
                }
            }
        }
        (ignored, caught)
    }

    pub(super) fn pid_stat(&self, ns: NsId, tid: Tid, tgid: Tid) -> String {
        let tick = 1_000_000_000 / USER_HZ;
        let Some(process) = self.processes.get(&tgid) else {
            return String::new();
        };
        let number = |id: Tid| self.pid_in(ns, id).unwrap_or(0);
        let thread = self.threads.get(&tid);
        let (utime, stime) = self.process_times(tgid);
        let mm = self.mm_of_task(tid);
        let size = mm.map_or(0, |mm| mm.total());
        let resident = mm.map_or(0, |mm| mm.space.mapped_pages());
        let (tty, foreground) = match process.tty {
            Some(tty) => {
                let group = self.ttys.get(tty).and_then(|pty| pty.foreground);
                (136 << 8 | tty, group.map_or(-1, |group| number(Tid(group))))
            }
            None => (0, -1),
        };
        let nice = thread
            .map(|t| t.nice)
            .or(process.last.as_ref().map(|last| last.nice))
            .unwrap_or(0);
        let low = |set: u64| set & 0x7fff_ffff;
        let (ignored, caught) = self.signal_sets(process);
        let mut out = format!(
            "{} ({}) {}",
            number(tid),
            String::from_utf8_lossy(&self.comm_of(tid)),
            &self.state_name(tid, tgid)[..1]
        );
        let parent = process.parent.map_or(0, number);
        let _ = write!(
            out,
            " {parent} {} {} {tty} {foreground} 0 0 0 0 0",
            number(process.pgid),
            number(process.sid)
        );
        let (cutime, cstime) = (process.children_utime / tick, process.children_stime / tick);
        let _ = write!(
            out,
            " {} {} {cutime} {cstime} {} {nice}",
            utime / tick,
            stime / tick,
            20 + nice
        );
        let started = thread.map_or(process.started, |t| t.started) / tick;
        let _ = write!(
            out,
            " {} 0 {started} {} {resident} {}",
            process.threads.len().max(1),
            size,
            u64::MAX
        );
        let (pending, blocked) = (
            thread.map_or(0, |t| low(t.pending.set.0)),
            thread.map_or(0, |t| low(t.sigmask.0)),
        );
        let _ = write!(
            out,
            " 0 0 0 0 0 {pending} {blocked} {} {} 0 0 0 {}",
            low(ignored),
            low(caught),
            process.exit_signal
        );
        let status = process.zombie.map_or(0, |status| status.word());
        let _ = writeln!(out, " 0 0 0 0 0 0 0 0 0 0 0 0 0 {status}");
        out
    }

    pub(super) fn pid_status(&self, viewer: Tid, ns: NsId, tid: Tid, tgid: Tid) -> String {
        let seer = self.cred_of_process(self.tgid_of(viewer));
        let uid = |id: u32| seer.map_or(id, |seer| seer.uid_inside(id));
        let gid = |id: u32| seer.map_or(id, |seer| seer.gid_inside(id));
        let Some(process) = self.processes.get(&tgid) else {
            return String::new();
        };
        let thread = self.threads.get(&tid);
        let Some(cred) = thread.map(|t| &t.cred).or(self.cred_of_process(tgid)) else {
            return String::new();
        };
        let number = |id: Tid| self.pid_in(ns, id).unwrap_or(0);
        let nested = |id: Tid| {
            let numbers = self
                .pids
                .get(&id)
                .map(|entry| entry.numbers.clone())
                .unwrap_or_default();
            let from = numbers.iter().position(|row| row.0 == ns).unwrap_or(0);
            numbers
                .iter()
                .skip(from)
                .map(|row| format!("\t{}", row.1))
                .collect::<String>()
        };
        let umask = thread
            .and_then(|t| self.fs.get(t.fs))
            .map_or(0, |fs| fs.umask);
        let mut out = String::new();
        let _ = writeln!(
            out,
            "Name:\t{}",
            String::from_utf8_lossy(&self.comm_of(tid))
        );
        let _ = writeln!(
            out,
            "Umask:\t{umask:04o}\nState:\t{}",
            self.state_name(tid, tgid)
        );
        let parent = process.parent.map_or(0, number);
        let _ = writeln!(
            out,
            "Tgid:\t{}\nNgid:\t0\nPid:\t{}\nPPid:\t{parent}\nTracerPid:\t0",
            number(tgid),
            number(tid)
        );
        let _ = writeln!(
            out,
            "Uid:\t{}\t{}\t{}\t{}",
            uid(cred.ruid),
            uid(cred.euid),
            uid(cred.suid),
            uid(cred.fsuid)
        );
        let _ = writeln!(
            out,
            "Gid:\t{}\t{}\t{}\t{}",
            gid(cred.rgid),
            gid(cred.egid),
            gid(cred.sgid),
            gid(cred.fsgid)
        );
        let groups: Vec<String> = cred.groups.iter().map(|id| gid(*id).to_string()).collect();
        let groups = groups.join(" ");
        let _ = writeln!(out, "FDSize:\t64\nGroups:\t{groups} ");
        let (group, session) = (nested(process.pgid), nested(process.sid));
        let _ = writeln!(
            out,
            "NStgid:{}\nNSpid:{}\nNSpgid:{group}\nNSsid:{session}",
            nested(tgid),
            nested(tid)
        );
        if let Some(mm) = self.mm_of_task(tid) {
            self.memory_rows(&mut out, mm);
        }
        let (pending, blocked) = (
            thread.map_or(0, |t| t.pending.set.0),
            thread.map_or(0, |t| t.sigmask.0),
        );
        let (ignored, caught) = self.signal_sets(process);
        let _ = writeln!(
            out,
            "Threads:\t{}\nSigQ:\t{}/{}",
            process.threads.len().max(1),
            process.pending.len(),
            process.rlimits[rlimit::SIGPENDING].cur
        );
        let sets = [
            ("SigPnd", pending),
            ("ShdPnd", process.pending.set.0),
            ("SigBlk", blocked),
            ("SigIgn", ignored),
            ("SigCgt", caught),
            ("CapInh", cred.inheritable),
            ("CapPrm", cred.permitted),
            ("CapEff", cred.effective),
            ("CapBnd", cred.bounding),
            ("CapAmb", cred.ambient),
        ];
        for (name, set) in sets {
            let _ = writeln!(out, "{name}:\t{set:016x}");
        }
        let _ = writeln!(
            out,
            "NoNewPrivs:\t{}\nSeccomp:\t{}\nSeccomp_filters:\t{}\nCpus_allowed:\t1\nCpus_allowed_list:\t0",
            u8::from(cred.no_new_privs),
            cred.seccomp.mode(),
            cred.seccomp.count()
        );
        let _ = writeln!(
            out,
            "Mems_allowed:\t1\nMems_allowed_list:\t0\nvoluntary_ctxt_switches:\t0\nnonvoluntary_ctxt_switches:\t0"
        );
        out
    }

    fn memory_rows(&self, out: &mut String, mm: &Mm) {
        let areas = mm.areas();
        let (resident, shared) = self.resident(mm);
        let rows = [
            ("VmPeak", areas.all),
            ("VmSize", areas.all),
            ("VmLck", 0),
            ("VmPin", 0),
            ("VmHWM", resident),
            ("VmRSS", resident),
            ("RssAnon", resident - shared),
            // All files are in memory.
            ("RssFile", 0),
            ("RssShmem", shared),
            ("VmData", areas.data),
            ("VmStk", areas.stack),
            ("VmExe", areas.text),
            ("VmLib", areas.code.saturating_sub(areas.text)),
            ("VmPTE", mm.space.table_pages()),
            ("VmSwap", 0),
        ];
        for (name, pages) in rows {
            let _ = writeln!(out, "{name}:\t{:>8} kB", pages * (PAGE_SIZE / 1024));
        }
    }
}

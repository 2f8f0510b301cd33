//! How the trace sees what a process has of its own: identity, limits, signals, timer, memory.

use crate::Kernel;
use crate::ids::{MmId, SigHandId, Tid};
use crate::mm::{Backing, Vma};
use crate::process::default_rlimits;
use crate::signal::{SIG_DFL, SigAction};
use glassdock_abi::types::signal as sig;
use glassdock_trace::world::*;
use glassdock_trace::{Delta, World};

/// Where a part of an object's bytes begins.
fn offset(vma: &Vma) -> u64 {
    match vma.backing {
        Backing::Anonymous => 0,
        Backing::File { offset, .. } | Backing::SharedAnonymous { offset, .. } => offset,
    }
}

impl Kernel {
    /// Adds what [`Kernel::inspect`] shows of a task here.
    pub(super) fn inspect_process(&self, tid: Tid, world: &mut World) {
        world
            .umasks
            .extend(self.view_umask(tid).map(|v| (tid.0, v)));
        world.creds.extend(self.view_cred(tid).map(|v| (tid.0, v)));
        world
            .limits
            .extend(self.view_limits(tid).map(|v| (tid.0, v)));
        world
            .timers
            .extend(self.view_timer(tid).map(|v| (tid.0, v)));
        world.mms.extend(self.view_mm(tid).map(|v| (tid.0, v)));
        world
            .signals
            .extend(self.view_signals(tid).map(|v| (tid.0, v)));
        for signal in 1..=sig::MAX {
            let handler = self.view_handler(tid, signal);
            world.handlers.extend(handler.map(|v| ((tid.0, signal), v)));
        }
    }

    pub(super) fn view_umask(&self, tgid: Tid) -> Option<u32> {
        let thread = self.threads.get(&tgid)?;
        let umask = self.fs.get(thread.fs)?.umask;
        (thread.tid == thread.tgid).then_some(umask)
    }

    pub(super) fn view_cred(&self, tid: Tid) -> Option<CredInfo> {
        let cred = match self.threads.get(&tid) {
            Some(thread) => &thread.cred,
            None => &self.processes.get(&tid)?.last.as_ref()?.cred,
        };
        Some(CredInfo {
            uids: [cred.ruid, cred.suid, cred.fsuid],
            gids: [cred.rgid, cred.sgid, cred.fsgid],
            groups: cred.groups.to_vec(),
            permitted: cred.permitted,
            inheritable: cred.inheritable,
            bounding: cred.bounding,
            ambient: cred.ambient,
            securebits: cred.securebits,
            no_new_privs: cred.no_new_privs,
            seccomp: cred.seccomp.mode(),
            filters: cred.seccomp.count(),
        })
    }

    pub(super) fn view_limits(&self, tgid: Tid) -> Option<Vec<LimitInfo>> {
        let limits = self.processes.get(&tgid)?.rlimits;
        let first = default_rlimits(self.tasks.max);
        let others = (0u8..).zip(limits.iter().zip(&first));
        let told: Vec<LimitInfo> = others
            .filter(|(_, (limit, first))| limit != first)
            .map(|(resource, (limit, _))| LimitInfo {
                resource,
                soft: limit.cur,
                hard: limit.max,
            })
            .collect();
        (!told.is_empty()).then_some(told)
    }

    pub(super) fn view_timer(&self, tgid: Tid) -> Option<TimerInfo> {
        let process = self.processes.get(&tgid).filter(|p| p.alive())?;
        let timer = process.itimers[0];
        (timer.next.is_some() || timer.every > 0).then_some(TimerInfo {
            next: timer.next,
            every: timer.every,
        })
    }

    pub(super) fn view_mm(&self, tid: Tid) -> Option<u64> {
        self.threads.get(&tid)?.mm.map(|id| id.0)
    }

    pub(super) fn view_signals(&self, tid: Tid) -> Option<SignalsInfo> {
        let thread = self.threads.get(&tid);
        let process = self.processes.get(&tid);
        let signals = SignalsInfo {
            blocked: thread.map_or(0, |thread| thread.sigmask.0),
            pending: thread.map_or(0, |thread| thread.pending.set.0),
            shared: process.map_or(0, |process| process.pending.set.0),
        };
        (signals != SignalsInfo::default()).then_some(signals)
    }

    pub(super) fn view_handler(&self, tgid: Tid, signal: u8) -> Option<HandlerInfo> {
        let process = self.processes.get(&tgid).filter(|p| p.alive())?;
        let action = self.sighands.get(process.sighand)?.action(signal);
        (action != SigAction::default()).then_some(HandlerInfo {
            handler: action.handler,
            flags: action.flags,
            restorer: action.restorer,
            mask: action.mask.0,
        })
    }

    pub(super) fn view_area(&self, vma: &Vma) -> AreaInfo {
        AreaInfo {
            end: vma.end,
            prot: vma.prot.bits(),
            shared: vma.shared,
            grows_down: vma.grows_down,
            file: self.area_file(vma).map(super::text),
            offset: offset(vma),
        }
    }

    /// What the file of an area was opened as.
    fn area_file(&self, vma: &Vma) -> Option<&[u8]> {
        match vma.backing {
            Backing::File { file, .. } => self.files.get(file).map(|file| file.what.as_slice()),
            _ => None,
        }
    }

    /// Whether an area is as it was told.
    fn is_told(&self, told: &AreaInfo, vma: &Vma) -> bool {
        told.end == vma.end
            && told.prot == vma.prot.bits()
            && told.shared == vma.shared
            && told.grows_down == vma.grows_down
            && told.offset == offset(vma)
            && told.file.as_deref() == self.area_file(vma).map(String::from_utf8_lossy).as_deref()
    }

    /// Tells which areas of an address space have changed.
    pub(super) fn tell_areas(&mut self, id: MmId) {
        let told = &self.publisher.told.areas;
        let now = self.mms.get(id).map(|mm| &mm.vmas);
        let mut starts: Vec<u64> = told
            .range((id.0, 0)..=(id.0, u64::MAX))
            .map(|(key, _)| key.1)
            .chain(now.into_iter().flat_map(|vmas| vmas.keys().copied()))
            .collect();
        starts.sort_unstable();
        starts.dedup();
        starts.retain(|start| {
            match (
                told.get(&(id.0, *start)),
                now.and_then(|vmas| vmas.get(start)),
            ) {
                (Some(told), Some(vma)) => !self.is_told(told, vma),
                _ => true,
            }
        });
        for start in starts {
            let key = (id.0, start);
            let vma = self.mms.get(id).and_then(|mm| mm.vmas.get(&start));
            let after = vma.map(|vma| self.view_area(vma));
            let told = &mut self.publisher.told.areas;
            let before = match &after {
                Some(area) => told.insert(key, area.clone()),
                None => told.remove(&key),
            };
            let change = Change { key, before, after };
            self.tracer
                .delta(self.time, self.current, || Delta::Area(change));
        }
    }

    /// An action of these handlers changed, for all processes that have them.
    pub(crate) fn mark_handler(&mut self, id: SigHandId, signal: u8) {
        for process in self.processes.values().filter(|p| p.sighand == id) {
            self.publisher.handler((process.tgid, signal));
        }
    }

    /// All actions of a process that are not the default may change.
    pub(crate) fn mark_all_handlers(&mut self, tgid: Tid) {
        let Some(hand) = self
            .processes
            .get(&tgid)
            .and_then(|process| self.sighands.get(process.sighand))
        else {
            return;
        };
        for signal in 1..=sig::MAX {
            if hand.action(signal) != SigAction::default() {
                self.publisher.handler((tgid, signal));
            }
        }
    }

    /// A signal's action is the default one again; its flags stay (`man 2 sigaction`, `SA_RESETHAND`).
    pub(crate) fn forget_handler(&mut self, tgid: Tid, signal: u8) {
        let Some(id) = self.processes.get(&tgid).map(|process| process.sighand) else {
            return;
        };
        if let Some(hand) = self.sighands.get_mut(id) {
            hand.actions[usize::from(signal)].handler = SIG_DFL;
        }
        self.mark_handler(id, signal);
    }
}

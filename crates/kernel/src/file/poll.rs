//! Readiness: what is there now, and whose change to wait for.

use super::*;
use crate::Kernel;
use crate::wait::WaitKey;
use glassdock_abi::flags::PollEvents;

impl Kernel {
    /// Events that a file has ready, asked by a thread.
    pub(crate) fn poll_file(&self, tid: Tid, id: FileId) -> PollEvents {
        let always = PollEvents::IN | PollEvents::OUT | PollEvents::RDNORM | PollEvents::WRNORM;
        let Some(file) = self.files.get(id) else {
            return PollEvents::NVAL;
        };
        match &file.body {
            Body::Vfs | Body::Synthetic { .. } | Body::Dev(_) | Body::Ns(_) => always,
            Body::Pipe { id, read, write } => match self.objects.get(*id) {
                Some(Object::Pipe(pipe)) => {
                    let mut events = PollEvents::empty();
                    if *read {
                        events |= pipe.poll_read();
                    }
                    if *write {
                        events |= pipe.poll_write();
                    }
                    events
                }
                _ => PollEvents::HUP,
            },
            Body::Socket(id) => self.sockets.poll(id.0),
            Body::Internet(_) => WRITABLE,
            Body::Route(id) => match self.objects.get(*id) {
                Some(Object::Route(route)) if route.queued() > 0 => READABLE | WRITABLE,
                _ => WRITABLE,
            },
            Body::Master(number) => self
                .ttys
                .get(*number)
                .map_or(PollEvents::HUP, |pty| pty.poll_master()),
            Body::Slave(number) => self
                .ttys
                .get(*number)
                .map_or(PollEvents::HUP, |pty| pty.poll_slave()),
            Body::Event(id) => match self.objects.get(*id) {
                Some(Object::Event { count, .. }) => {
                    let mut events = PollEvents::empty();
                    if *count > 0 {
                        events |= PollEvents::IN;
                    }
                    if *count < u64::MAX - 1 {
                        events |= PollEvents::OUT;
                    }
                    events
                }
                _ => PollEvents::NVAL,
            },
            Body::Timer(id) => match self.objects.get(*id) {
                Some(Object::Timer(timer)) if timer.expirations > 0 => PollEvents::IN,
                _ => PollEvents::empty(),
            },
            Body::Signal(id) => match self.objects.get(*id) {
                Some(Object::Signal(mask)) => {
                    let own = self
                        .threads
                        .get(&tid)
                        .map_or(0, |thread| thread.pending.set.0);
                    let shared = self
                        .process_of(tid)
                        .map_or(0, |process| process.pending.set.0);
                    if (own | shared) & mask.0 != 0 {
                        PollEvents::IN
                    } else {
                        PollEvents::empty()
                    }
                }
                _ => PollEvents::NVAL,
            },
            Body::Epoll(id) => self.poll_epoll(tid, *id),
            Body::Pidfd(tgid) => match self.processes.get(tgid) {
                Some(process) if process.alive() => PollEvents::empty(),
                _ => PollEvents::IN | PollEvents::RDNORM,
            },
        }
    }

    /// What changes when the file's readiness may.
    pub(crate) fn poll_keys(&self, tid: Tid, id: FileId, keys: &mut Vec<WaitKey>) {
        let Some(file) = self.files.get(id) else {
            return;
        };
        match &file.body {
            Body::Vfs | Body::Synthetic { .. } | Body::Dev(_) | Body::Ns(_) | Body::Internet(_) => {
            }
            Body::Pipe { id, .. }
            | Body::Socket(id)
            | Body::Route(id)
            | Body::Event(id)
            | Body::Timer(id)
            | Body::Epoll(id) => {
                keys.push(WaitKey::Obj(*id));
                if let (Body::Socket(_), Some(peer)) = (&file.body, self.sockets.peer(id.0)) {
                    keys.push(WaitKey::Obj(ObjId(peer)));
                }
            }
            Body::Master(number) | Body::Slave(number) => keys.push(WaitKey::Pty(*number)),
            Body::Signal(_) => keys.push(WaitKey::Signal(tid)),
            Body::Pidfd(tgid) => keys.push(WaitKey::Process(*tgid)),
        }
    }
}

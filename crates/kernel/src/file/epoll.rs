//! `man 7 epoll`: an interest list, level- or edge-triggered.

use super::*;
use crate::Kernel;
use crate::syscall::CallCx;
use crate::wait::{Fail, SysResult, WaitKey};
use glassdock_abi::flags::PollEvents;
use glassdock_abi::{Errno, Fd, Result, Ret};

/// Deepest nesting of epoll instances.
const DEPTH_MAX: u32 = 5;
const EPOLLONESHOT: u32 = 1 << 30;
const EPOLLET: u32 = 1 << 31;
const EPOLLEXCLUSIVE: u32 = 1 << 28;

/// What is asked about one file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Interest {
    events: u32,
    data: u64,
    /// Edge-triggered: what was told already and has not gone away since.
    told: u32,
    /// A one-shot that has gone off.
    spent: bool,
}

/// An epoll instance.
#[derive(Clone, Debug, Default)]
pub(crate) struct Epoll {
    list: BTreeMap<(i32, u64), Interest>,
}

impl Kernel {
    pub(crate) fn sys_epoll_create(&mut self, tid: Tid, flags: u64) -> SysResult {
        let cloexec = u64::from(OpenFlags::CLOEXEC.bits());
        if flags & !cloexec != 0 {
            return Err(Errno::EINVAL.into());
        }
        let id = self.objects.add(Object::Epoll(Epoll::default()));
        let file = self.add_anonymous(Body::Epoll(id), "[eventpoll]", OpenFlags::RDWR)?;
        Ok(Ret::Fd(self.install(tid, file, flags & cloexec != 0)?))
    }

    fn epoll_of(&self, tid: Tid, fd: Fd) -> Result<ObjId> {
        match self.file_of(tid, fd)?.body {
            Body::Epoll(id) => Ok(id),
            _ => Err(Errno::EINVAL),
        }
    }

    pub(crate) fn sys_epoll_ctl(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let [epfd, op, fd, event, ..] = a;
        let (epfd, fd) = (Fd(epfd as i32), Fd(fd as i32));
        let event = if op == 2 {
            (0, 0)
        } else {
            let events = self.read_u32(cx.tid, event)?;
            (events, self.read_u64(cx.tid, event.wrapping_add(4))?)
        };
        let target = self.file_id(cx.tid, fd)?;
        let id = self.epoll_of(cx.tid, epfd)?;
        let body = &self.file(target)?.body;
        if fd == epfd || *body == Body::Epoll(id) {
            return Err(Errno::EINVAL.into());
        }
        if matches!(body, Body::Vfs | Body::Synthetic { .. }) {
            return Err(Errno::EPERM.into());
        }
        let Some(Object::Epoll(epoll)) = self.objects.get_mut(id) else {
            return Err(Errno::EBADF.into());
        };
        let key = (fd.0, target.0);
        let interest = Interest {
            events: event.0,
            data: event.1,
            told: 0,
            spent: false,
        };
        match op {
            1 if epoll.list.contains_key(&key) => return Err(Errno::EEXIST.into()),
            1 => {
                epoll.list.insert(key, interest);
            }
            2 => {
                epoll.list.remove(&key).ok_or(Errno::ENOENT)?;
            }
            3 => *epoll.list.get_mut(&key).ok_or(Errno::ENOENT)? = interest,
            _ => return Err(Errno::EINVAL.into()),
        }
        self.wake(WaitKey::Obj(id));
        Ok(Ret::None)
    }

    /// A descriptor is closed: where its file goes with it, no epoll instance watches it any more.
    pub(crate) fn forget_in_epolls(&mut self, tid: Tid, fd: Fd, file: FileId) {
        if self.files.get(file).is_none_or(|open| open.refs > 1) {
            return;
        }
        let instances: Vec<ObjId> = self
            .fd_table(tid)
            .map(|table| {
                let files = table
                    .map
                    .values()
                    .filter_map(|entry| self.files.get(entry.file));
                files
                    .filter_map(|open| match open.body {
                        Body::Epoll(id) => Some(id),
                        _ => None,
                    })
                    .collect()
            })
            .unwrap_or_default();
        for id in instances {
            if let Some(Object::Epoll(epoll)) = self.objects.get_mut(id) {
                epoll.list.remove(&(fd.0, file.0));
            }
        }
    }

    fn interests(&self, id: ObjId) -> Vec<((i32, u64), Interest)> {
        match self.objects.get(id) {
            Some(Object::Epoll(epoll)) => epoll.list.iter().map(|(k, v)| (*k, *v)).collect(),
            _ => Vec::new(),
        }
    }

    fn ready_events(&self, tid: Tid, file: FileId, interest: &Interest, depth: u32) -> u32 {
        if interest.spent {
            return 0;
        }
        let ready = match self.files.get(file).map(|open| &open.body) {
            Some(Body::Epoll(id)) => self.poll_epoll(tid, *id, depth + 1),
            Some(_) => self.poll_file(tid, file),
            None => return 0,
        };
        let mask = interest.events | u32::from((PollEvents::ERR | PollEvents::HUP).bits());
        u32::from(ready.bits()) & mask
    }

    pub(crate) fn poll_epoll(&self, tid: Tid, id: ObjId, depth: u32) -> PollEvents {
        if depth >= DEPTH_MAX {
            return PollEvents::empty();
        }
        let any = self
            .interests(id)
            .iter()
            .any(|(key, interest)| self.ready_events(tid, FileId(key.1), interest, depth) != 0);
        if any {
            PollEvents::IN | PollEvents::RDNORM
        } else {
            PollEvents::empty()
        }
    }

    pub(crate) fn epoll_keys(&self, tid: Tid, id: ObjId, keys: &mut Vec<WaitKey>, depth: u32) {
        keys.push(WaitKey::Obj(id));
        if depth >= DEPTH_MAX {
            return;
        }
        for ((_, file), _) in self.interests(id) {
            match self.files.get(FileId(file)).map(|open| &open.body) {
                Some(Body::Epoll(inner)) => self.epoll_keys(tid, *inner, keys, depth + 1),
                Some(_) => self.poll_keys(tid, FileId(file), keys),
                None => {}
            }
        }
    }

    /// `epoll_wait` and its relatives; the caller has set the deadline.
    pub(crate) fn epoll_wait(
        &mut self,
        cx: &mut CallCx,
        epfd: Fd,
        events: u64,
        max: i32,
    ) -> SysResult {
        if max <= 0 {
            return Err(Errno::EINVAL.into());
        }
        let id = self.epoll_of(cx.tid, epfd)?;
        let mut out = Vec::new();
        for (key, interest) in self.interests(id) {
            if out.len() >= max as usize * 12 {
                break;
            }
            let ready = self.ready_events(cx.tid, FileId(key.1), &interest, 0);
            let edge = interest.events & EPOLLET != 0;
            let tell = if edge { ready & !interest.told } else { ready };
            if let Some(Object::Epoll(epoll)) = self.objects.get_mut(id)
                && let Some(kept) = epoll.list.get_mut(&key)
            {
                kept.told = if edge { ready } else { 0 };
                kept.spent |= tell != 0 && interest.events & EPOLLONESHOT != 0;
            }
            if tell != 0 {
                out.extend_from_slice(&(ready & !EPOLLEXCLUSIVE).to_le_bytes());
                out.extend_from_slice(&interest.data.to_le_bytes());
            }
        }
        if !out.is_empty() {
            self.write_user(cx.tid, events, &out)?;
            return Ok(Ret::Int(out.len() as i64 / 12));
        }
        if cx.state.deadline.is_some_and(|at| at <= self.now()) {
            return Ok(Ret::Int(0));
        }
        let mut keys = Vec::new();
        self.epoll_keys(cx.tid, id, &mut keys, 0);
        Err(Fail::wait_any("epoll", keys, cx.state.deadline))
    }
}

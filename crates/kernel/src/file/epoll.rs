//! `man 7 epoll`: an interest list, level- or edge-triggered.
//!
//! As in the real kernel (`fs/eventpoll.c`), a change of a watched file puts its interest into the instance's list of
//! what may be ready; `epoll_wait` looks at that list alone. A level-triggered interest stays in it while the file is
//! ready, an edge-triggered one leaves it when told.

use super::*;
use crate::Kernel;
use crate::syscall::CallCx;
use crate::wait::{Fail, SysResult, WaitKey};
use glassdock_abi::flags::PollEvents;
use glassdock_abi::{Errno, Fd, Result, Ret};
use std::collections::{BTreeSet, VecDeque};

/// Deepest nesting of epoll instances (`EP_MAX_NESTS`).
const NESTS_MAX: usize = 4;
/// Bytes of `struct epoll_event`, and the most of them that one call may ask for.
const EVENT_BYTES: usize = 12;
const EVENTS_MAX: i32 = i32::MAX / EVENT_BYTES as i32;
const EPOLLONESHOT: u32 = 1 << 30;
const EPOLLET: u32 = 1 << 31;
const EPOLLEXCLUSIVE: u32 = 1 << 28;

/// A descriptor's number with the file that it meant.
type Entry = (i32, FileId);

/// What is asked about one file.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Interest {
    events: u32,
    data: u64,
    /// A one-shot that has gone off.
    spent: bool,
    /// In the list of what may be ready.
    listed: bool,
    /// Whose changes put it there.
    keys: Vec<WaitKey>,
}

impl Interest {
    /// Events that are asked for, and those that are told always.
    fn mask(&self) -> u32 {
        self.events | u32::from((PollEvents::ERR | PollEvents::HUP).bits())
    }
}

/// An epoll instance.
#[derive(Clone, Debug, Default)]
pub(crate) struct Epoll {
    list: BTreeMap<Entry, Interest>,
    ready: VecDeque<Entry>,
}

impl Epoll {
    /// Puts an interest into the list of what may be ready.
    fn put(&mut self, entry: Entry) {
        if let Some(interest) = self.list.get_mut(&entry)
            && !interest.listed
        {
            interest.listed = true;
            self.ready.push_back(entry);
        }
    }

    fn remove(&mut self, entry: &Entry) -> Option<Interest> {
        self.ready.retain(|other| other != entry);
        self.list.remove(entry)
    }
}

/// Which interests a change or an end concerns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watches {
    by_key: BTreeMap<WaitKey, BTreeSet<(ObjId, Entry)>>,
    by_file: BTreeMap<FileId, BTreeSet<(ObjId, Entry)>>,
}

impl Watches {
    fn add(&mut self, epoll: ObjId, entry: Entry, keys: &[WaitKey]) {
        for key in keys {
            self.by_key.entry(*key).or_default().insert((epoll, entry));
        }
        let of_file = self.by_file.entry(entry.1).or_default();
        of_file.insert((epoll, entry));
    }

    fn remove(&mut self, epoll: ObjId, entry: Entry, keys: &[WaitKey]) {
        fn take<K: Ord>(
            map: &mut BTreeMap<K, BTreeSet<(ObjId, Entry)>>,
            key: K,
            at: (ObjId, Entry),
        ) {
            if let Some(set) = map.get_mut(&key) {
                set.remove(&at);
                if set.is_empty() {
                    map.remove(&key);
                }
            }
        }
        for key in keys {
            take(&mut self.by_key, *key, (epoll, entry));
        }
        take(&mut self.by_file, entry.1, (epoll, entry));
    }
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

    fn epoll(&self, id: ObjId) -> Option<&Epoll> {
        match self.objects.get(id) {
            Some(Object::Epoll(epoll)) => Some(epoll),
            _ => None,
        }
    }

    fn epoll_mut(&mut self, id: ObjId) -> Option<&mut Epoll> {
        match self.objects.get_mut(id) {
            Some(Object::Epoll(epoll)) => Some(epoll),
            _ => None,
        }
    }

    fn epoll_behind(&self, file: FileId) -> Option<ObjId> {
        match self.files.get(file)?.body {
            Body::Epoll(id) => Some(id),
            _ => None,
        }
    }

    pub(crate) fn sys_epoll_ctl(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let [epfd, op, fd, event, ..] = a;
        let (epfd, fd) = (Fd(epfd as i32), Fd(fd as i32));
        let (events, data) = if op == 2 {
            (0, 0)
        } else {
            let events = self.read_u32(cx.tid, event)?;
            (events, self.read_u64(cx.tid, event.wrapping_add(4))?)
        };
        self.file_id(cx.tid, epfd)?;
        let target = self.file_id(cx.tid, fd)?;
        let body = &self.file(target)?.body;
        if matches!(
            body,
            Body::Vfs | Body::Synthetic { .. } | Body::Dev(_) | Body::Ns(_)
        ) {
            return Err(Errno::EPERM.into());
        }
        let id = self.epoll_of(cx.tid, epfd)?;
        if *body == Body::Epoll(id) {
            return Err(Errno::EINVAL.into());
        }
        let entry = (fd.0, target);
        let known = self
            .epoll(id)
            .is_some_and(|epoll| epoll.list.contains_key(&entry));
        match op {
            1 => self.check_nesting(id, target)?,
            2 | 3 => {}
            _ => return Err(Errno::EINVAL.into()),
        }
        match (op, known) {
            (1, true) => return Err(Errno::EEXIST.into()),
            (2 | 3, false) => return Err(Errno::ENOENT.into()),
            _ => self.forget_interest(id, entry),
        }
        if op != 2 {
            let mut keys = Vec::new();
            self.poll_keys(cx.tid, target, &mut keys);
            self.watches.add(id, entry, &keys);
            let interest = Interest {
                events,
                data,
                spent: false,
                listed: false,
                keys,
            };
            let ready = self.ready_events(cx.tid, target, &interest) != 0;
            if let Some(epoll) = self.epoll_mut(id) {
                epoll.list.insert(entry, interest);
                if ready {
                    epoll.put(entry);
                }
            }
        }
        self.wake(WaitKey::Obj(id));
        Ok(Ret::None)
    }

    /// `ELOOP` where an instance would watch itself, or a chain of them become too long (`ep_loop_check`).
    fn check_nesting(&self, id: ObjId, target: FileId) -> Result<()> {
        let Some(inner) = self.epoll_behind(target) else {
            return Ok(());
        };
        let down = |id: ObjId| -> Vec<ObjId> {
            let list = self
                .epoll(id)
                .into_iter()
                .flat_map(|epoll| epoll.list.keys());
            list.filter_map(|entry| self.epoll_behind(entry.1))
                .collect()
        };
        let up = |id: ObjId| -> Vec<ObjId> {
            let watching = self.watches.by_key.get(&WaitKey::Obj(id));
            watching
                .into_iter()
                .flatten()
                .map(|(epoll, _)| *epoll)
                .collect()
        };
        let below = depth(inner, down, id)?;
        let above = depth(id, up, inner)?;
        if above + 1 + below > NESTS_MAX {
            return Err(Errno::ELOOP);
        }
        Ok(())
    }

    fn forget_interest(&mut self, epoll: ObjId, entry: Entry) {
        if let Some(interest) = self.epoll_mut(epoll).and_then(|it| it.remove(&entry)) {
            self.watches.remove(epoll, entry, &interest.keys);
        }
    }

    /// A file is gone: no instance watches it any more.
    pub(crate) fn forget_in_epolls(&mut self, file: FileId) {
        for (epoll, entry) in self.watches.by_file.remove(&file).unwrap_or_default() {
            self.forget_interest(epoll, entry);
        }
    }

    /// An instance is gone.
    pub(crate) fn close_epoll(&mut self, id: ObjId) {
        if let Some(Object::Epoll(epoll)) = self.objects.remove(id) {
            for (entry, interest) in epoll.list {
                self.watches.remove(id, entry, &interest.keys);
            }
        }
    }

    /// Something changed in a way that these events tell: interests in it may be ready.
    pub(crate) fn wake_epolls(&mut self, key: WaitKey, events: PollEvents) {
        if !self.watches.by_key.contains_key(&key) {
            return;
        }
        let mut woken = BTreeSet::new();
        let mut changed = vec![(key, u32::from(events.bits()))];
        while let Some((key, events)) = changed.pop() {
            let watching = self.watches.by_key.get(&key).cloned().unwrap_or_default();
            for (id, entry) in watching {
                let Some(epoll) = self.epoll_mut(id) else {
                    continue;
                };
                let asked = epoll.list.get(&entry).map_or(0, Interest::mask);
                if asked & events == 0 {
                    continue;
                }
                epoll.put(entry);
                if woken.insert(id) {
                    self.wake_waiters(WaitKey::Obj(id));
                    changed.push((WaitKey::Obj(id), u32::from(READABLE.bits())));
                }
            }
        }
    }

    fn ready_events(&self, tid: Tid, file: FileId, interest: &Interest) -> u32 {
        if interest.spent {
            return 0;
        }
        u32::from(self.poll_file(tid, file).bits()) & interest.mask()
    }

    /// Whether any interest is ready, of this instance or of those within.
    pub(crate) fn poll_epoll(&self, tid: Tid, id: ObjId) -> PollEvents {
        let mut seen = BTreeSet::from([id]);
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            let Some(epoll) = self.epoll(id) else {
                continue;
            };
            for entry in &epoll.ready {
                let Some(interest) = epoll.list.get(entry).filter(|interest| !interest.spent)
                else {
                    continue;
                };
                match self.epoll_behind(entry.1) {
                    Some(inner) => {
                        let readable = interest.events & u32::from(READABLE.bits()) != 0;
                        if readable && seen.insert(inner) {
                            open.push(inner);
                        }
                    }
                    None if self.ready_events(tid, entry.1, interest) != 0 => return READABLE,
                    None => {}
                }
            }
        }
        PollEvents::empty()
    }

    /// `epoll_wait` and its relatives; the caller has set the deadline.
    pub(crate) fn epoll_wait(
        &mut self,
        cx: &mut CallCx,
        epfd: Fd,
        events: u64,
        max: i32,
    ) -> SysResult {
        if max <= 0 || max > EVENTS_MAX {
            return Err(Errno::EINVAL.into());
        }
        let id = self.epoll_of(cx.tid, epfd)?;
        let out = self.take_ready(cx.tid, id, max as usize);
        if !out.is_empty() {
            self.write_user(cx.tid, events, &out)?;
            return Ok(Ret::Int((out.len() / EVENT_BYTES) as i64));
        }
        if cx.state.deadline.is_some_and(|at| at <= self.now()) {
            return Ok(Ret::Int(0));
        }
        Err(Fail::wait_any(
            "epoll",
            vec![WaitKey::Obj(id)],
            cx.state.deadline,
        ))
    }

    /// Events of what is ready, at most so many; who was told goes to the end of the list.
    fn take_ready(&mut self, tid: Tid, id: ObjId, max: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let listed = self.epoll(id).map_or(0, |epoll| epoll.ready.len());
        for _ in 0..listed {
            if out.len() >= max * EVENT_BYTES {
                break;
            }
            let Some(entry) = self.epoll_mut(id).and_then(|epoll| epoll.ready.pop_front()) else {
                break;
            };
            let Some(interest) = self.epoll(id).and_then(|epoll| epoll.list.get(&entry)) else {
                continue;
            };
            let ready = self.ready_events(tid, entry.1, interest);
            let (asked, data) = (interest.events, interest.data);
            if let Some(epoll) = self.epoll_mut(id)
                && let Some(interest) = epoll.list.get_mut(&entry)
            {
                interest.listed = false;
                interest.spent |= ready != 0 && asked & EPOLLONESHOT != 0;
                if ready != 0 && asked & (EPOLLET | EPOLLONESHOT) == 0 {
                    epoll.put(entry);
                }
            }
            if ready != 0 {
                out.extend_from_slice(&(ready & !EPOLLEXCLUSIVE).to_le_bytes());
                out.extend_from_slice(&data.to_le_bytes());
            }
        }
        out
    }
}

/// How many steps it is from an instance to the farthest that `next` leads to. `ELOOP` where `never` is among them, or
/// they are too many anyway.
fn depth(from: ObjId, next: impl Fn(ObjId) -> Vec<ObjId>, never: ObjId) -> Result<usize> {
    let mut level = BTreeSet::from([from]);
    for steps in 0..=NESTS_MAX {
        if level.contains(&never) {
            return Err(Errno::ELOOP);
        }
        level = level.into_iter().flat_map(&next).collect();
        if level.is_empty() {
            return Ok(steps);
        }
    }
    Err(Errno::ELOOP)
}

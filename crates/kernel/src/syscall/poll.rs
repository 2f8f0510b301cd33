//! `poll`, `select` and their relatives.

use super::CallCx;
use crate::Kernel;
use crate::wait::{Fail, SysResult, WaitKey};
use glassdock_abi::flags::OpenFlags;
use glassdock_abi::flags::PollEvents;
use glassdock_abi::types::PollFd;
use glassdock_abi::{Call, Errno, Fd, Ret};

/// Most descriptors in a `select` set.
const SELECT_MAX: u64 = 1024;

impl Kernel {
    /// Typed `ppoll`: yields the readiness of each, in order.
    pub(super) fn sys_poll(
        &mut self,
        cx: &mut CallCx,
        fds: &[PollFd],
        timeout: Option<u64>,
    ) -> SysResult {
        if !cx.state.tried {
            cx.state.deadline = timeout.map(|nanos| self.now().saturating_add(nanos));
        }
        let always = PollEvents::ERR | PollEvents::HUP | PollEvents::NVAL;
        let mut ready = Vec::with_capacity(fds.len());
        let mut keys: Vec<WaitKey> = Vec::new();
        for wanted in fds {
            if wanted.fd.0 < 0 {
                ready.push(PollEvents::empty());
                continue;
            }
            let events = match self.file_id(cx.tid, wanted.fd) {
                Ok(id)
                    if self
                        .files
                        .get(id)
                        .is_some_and(|file| file.flags.contains(OpenFlags::PATH)) =>
                {
                    PollEvents::NVAL
                }
                Ok(id) => {
                    self.poll_keys(cx.tid, id, &mut keys);
                    self.poll_file(cx.tid, id) & (wanted.events | always)
                }
                Err(_) => PollEvents::NVAL,
            };
            ready.push(events);
        }
        let any = ready.iter().any(|events| !events.is_empty());
        if any || cx.state.deadline.is_some_and(|at| at <= self.now()) {
            return Ok(Ret::Polled(ready));
        }
        Err(Fail::wait_any("poll", keys, cx.state.deadline))
    }

    /// `poll` and `ppoll` of a program in memory.
    pub(super) fn poll_user(
        &mut self,
        cx: &mut CallCx,
        fds: u64,
        count: u64,
        timeout: Option<u64>,
    ) -> SysResult {
        if count > self.nofile(cx.tid) {
            return Err(Errno::EINVAL.into());
        }
        let bytes = self.read_bytes(cx.tid, fds, count * 8)?;
        let wanted: Vec<PollFd> = bytes
            .chunks_exact(8)
            .map(|row| PollFd {
                fd: Fd(i32::from_le_bytes([row[0], row[1], row[2], row[3]])),
                events: PollEvents::from_bits_retain(u16::from_le_bytes([row[4], row[5]])),
            })
            .collect();
        let ready = self
            .call(
                cx,
                &Call::Ppoll {
                    fds: wanted,
                    timeout,
                },
            )?
            .polled()?;
        let mut number = 0;
        for (at, events) in ready.iter().enumerate() {
            number += i64::from(!events.is_empty());
            self.write_user(
                cx.tid,
                fds + 8 * at as u64 + 6,
                &events.bits().to_le_bytes(),
            )?;
        }
        Ok(Ret::Int(number))
    }

    /// `select` and `pselect6`.
    pub(super) fn select_user(
        &mut self,
        cx: &mut CallCx,
        count: u64,
        sets: [u64; 3],
        timeout: Option<u64>,
    ) -> SysResult {
        if count > i32::MAX as u64 {
            return Err(Errno::EINVAL.into());
        }
        let count = count.min(SELECT_MAX);
        let bytes = count.div_ceil(64) * 8;
        let mut wanted = Vec::new();
        for set in sets {
            wanted.push(if set == 0 {
                vec![0; bytes as usize]
            } else {
                self.read_bytes(cx.tid, set, bytes)?
            });
        }
        let has = |set: &[u8], fd: u64| set[fd as usize / 8] >> (fd % 8) & 1 != 0;
        let classes = [
            (
                PollEvents::IN | PollEvents::RDNORM,
                PollEvents::IN | PollEvents::RDNORM | PollEvents::HUP | PollEvents::ERR,
            ),
            (
                PollEvents::OUT | PollEvents::WRNORM,
                PollEvents::OUT | PollEvents::WRNORM | PollEvents::ERR,
            ),
            (PollEvents::PRI, PollEvents::PRI),
        ];
        let mut fds = Vec::new();
        for fd in 0..count {
            let mut events = PollEvents::empty();
            for (set, class) in wanted.iter().zip(classes) {
                if has(set, fd) {
                    events |= class.0;
                }
            }
            if !events.is_empty() {
                let fd = Fd(fd as i32);
                self.real_file_id(cx.tid, fd)?;
                fds.push(PollFd { fd, events });
            }
        }
        if !cx.state.tried {
            cx.state.deadline = timeout.map(|nanos| self.now().saturating_add(nanos));
        }
        let mut out = [
            vec![0u8; bytes as usize],
            vec![0; bytes as usize],
            vec![0; bytes as usize],
        ];
        let mut number = 0;
        let mut keys = Vec::new();
        for row in &fds {
            let id = self.real_file_id(cx.tid, row.fd)?;
            let ready = self.poll_file(cx.tid, id);
            self.poll_keys(cx.tid, id, &mut keys);
            for ((set, class), out) in wanted.iter().zip(classes).zip(&mut out) {
                let fd = row.fd.0 as u64;
                if has(set, fd) && ready.intersects(class.1) {
                    out[fd as usize / 8] |= 1 << (fd % 8);
                    number += 1;
                }
            }
        }
        if number == 0 && cx.state.deadline.is_none_or(|at| at > self.now()) {
            return Err(Fail::wait_any("select", keys, cx.state.deadline));
        }
        for (set, out) in sets.into_iter().zip(&out) {
            if set != 0 {
                self.write_user(cx.tid, set, out)?;
            }
        }
        Ok(Ret::Int(number))
    }
}

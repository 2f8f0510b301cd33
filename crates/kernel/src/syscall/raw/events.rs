//! Waiting on descriptors, and descriptors of events.

use super::super::CallCx;
use super::fd;
use crate::Kernel;
use crate::wait::SysResult;
use glassdock_abi::flags::*;
use glassdock_abi::{Call, Errno};

impl Kernel {
    pub(crate) fn raw_poll(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let timeout = a[2] as i32;
        let timeout = (timeout >= 0).then(|| timeout as u64 * 1_000_000);
        self.poll_user(cx, a[0], a[1], timeout)
    }

    pub(crate) fn raw_ppoll(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let timeout = match a[2] {
            0 => None,
            addr => Some(self.read_timespec(cx.tid, addr)?),
        };
        self.temporary_mask(cx, a[3], a[4])?;
        self.poll_user(cx, a[0], a[1], timeout)
    }

    fn temporary_mask(&mut self, cx: &CallCx, addr: u64, size: u64) -> Result<(), Errno> {
        if addr == 0 {
            return Ok(());
        }
        if size != 8 {
            return Err(Errno::EINVAL);
        }
        let mask = crate::signal::SigSet(self.read_u64(cx.tid, addr)?);
        if !cx.state.tried {
            self.use_mask(cx, Some(mask));
        }
        Ok(())
    }

    pub(crate) fn raw_select(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let timeout = match a[4] {
            0 => None,
            addr => Some(self.read_timeval(cx.tid, addr)?),
        };
        let result = self.select_user(cx, a[0], [a[1], a[2], a[3]], timeout)?;
        if let (Some(_), Some(at)) = (timeout, cx.state.deadline) {
            let left = at.saturating_sub(self.now());
            self.write_timeval(cx.tid, a[4], left)?;
        }
        Ok(result)
    }

    pub(crate) fn raw_pselect(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let timeout = match a[4] {
            0 => None,
            addr => Some(self.read_timespec(cx.tid, addr)?),
        };
        if a[5] != 0 {
            let (addr, size) = (
                self.read_u64(cx.tid, a[5])?,
                self.read_u64(cx.tid, a[5].wrapping_add(8))?,
            );
            self.temporary_mask(cx, addr, size)?;
        }
        self.select_user(cx, a[0], [a[1], a[2], a[3]], timeout)
    }

    pub(crate) fn raw_epoll_create(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        if a[0] as i32 <= 0 {
            return Err(Errno::EINVAL.into());
        }
        self.sys_epoll_create(cx.tid, 0)
    }
    pub(crate) fn raw_epoll_create1(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.sys_epoll_create(cx.tid, a[0])
    }
    pub(crate) fn raw_epoll_wait(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        if !cx.state.tried {
            let timeout = a[3] as i32;
            cx.state.deadline =
                (timeout >= 0).then(|| self.now().saturating_add(timeout as u64 * 1_000_000));
        }
        if cx.nr == glassdock_abi::nr::epoll_pwait {
            self.temporary_mask(cx, a[4], a[5])?;
        }
        self.epoll_wait(cx, fd(a[0]), a[1], a[2] as i32)
    }
    pub(crate) fn raw_epoll_pwait2(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        if !cx.state.tried {
            cx.state.deadline = match a[3] {
                0 => None,
                addr => Some(self.read_timespec(cx.tid, addr)?.saturating_add(self.now())),
            };
        }
        self.temporary_mask(cx, a[4], a[5])?;
        self.epoll_wait(cx, fd(a[0]), a[1], a[2] as i32)
    }

    pub(crate) fn raw_signalfd(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.raw_signalfd4(cx, [a[0], a[1], a[2], 0, 0, 0])
    }
    pub(crate) fn raw_signalfd4(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        if a[2] != 8 {
            return Err(Errno::EINVAL.into());
        }
        let mask = self.read_u64(cx.tid, a[1])?;
        let old = (a[0] as i32 != -1).then_some(fd(a[0]));
        self.call(
            cx,
            &Call::Signalfd4 {
                fd: old,
                mask,
                flags: OpenFlags::from_bits_retain(a[3] as u32),
            },
        )
    }
    pub(crate) fn raw_eventfd(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.sys_eventfd(cx.tid, a[0] as u32, 0)
    }
    pub(crate) fn raw_eventfd2(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.sys_eventfd(cx.tid, a[0] as u32, a[1])
    }
    pub(crate) fn raw_timerfd_create(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.sys_timerfd_create(cx.tid, a[0], a[1])
    }
}

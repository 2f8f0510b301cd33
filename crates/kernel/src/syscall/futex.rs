//! `man 2 futex`.

use super::CallCx;
use crate::Kernel;
use crate::ids::Tid;
use crate::mm::Backing;
use crate::wait::{Fail, SysResult, WaitKey};
use glassdock_abi::{Errno, Result, Ret};

const CMD_MASK: u64 = 0x7f;
const PRIVATE: u64 = 128;
const REALTIME: u64 = 256;
/// Most entries of a robust list that are walked.
const ROBUST_MAX: u32 = 2048;

impl Kernel {
    /// The place that a futex word is known by.
    fn futex_key(&self, tid: Tid, addr: u64, private: bool) -> Result<WaitKey> {
        if !addr.is_multiple_of(4) {
            return Err(Errno::EINVAL);
        }
        let id = self
            .threads
            .get(&tid)
            .and_then(|thread| thread.mm)
            .ok_or(Errno::EFAULT)?;
        let mm = self.mms.get(id).ok_or(Errno::EFAULT)?;
        if !private
            && let Some((start, vma)) = mm.vma_at(addr)
            && vma.shared
        {
            return Ok(match vma.backing {
                Backing::File { inode, offset, .. } => {
                    WaitKey::SharedFutex(inode.0, offset + addr - start)
                }
                Backing::SharedAnonymous { key, offset } => {
                    WaitKey::SharedFutex(key | 1 << 63, offset + addr - start)
                }
                Backing::Anonymous => WaitKey::Futex(id, addr),
            });
        }
        Ok(WaitKey::Futex(id, addr))
    }

    pub(super) fn sys_futex(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let [addr, op, value, fourth, addr2, value3] = a;
        let private = op & PRIVATE != 0;
        match op & CMD_MASK {
            0 | 9 => {
                let bits = if op & CMD_MASK == 9 {
                    value3 as u32
                } else {
                    u32::MAX
                };
                if bits == 0 {
                    return Err(Errno::EINVAL.into());
                }
                if cx.state.woken {
                    return Ok(Ret::None);
                }
                if !cx.state.tried {
                    if fourth != 0 {
                        let nanos = self.read_timespec(cx.tid, fourth)?;
                        cx.state.deadline = Some(match (op & CMD_MASK, op & REALTIME) {
                            (0, _) => self.now().saturating_add(nanos),
                            (_, 0) => nanos,
                            _ => nanos.saturating_sub(self.realtime() - self.now()),
                        });
                    }
                    if self.read_u32(cx.tid, addr)? != value as u32 {
                        return Err(Errno::EAGAIN.into());
                    }
                    cx.state.note = u64::from(bits);
                }
                if cx.state.deadline.is_some_and(|at| at <= self.now()) {
                    return Err(Errno::ETIMEDOUT.into());
                }
                let key = self.futex_key(cx.tid, addr, private)?;
                Err(Fail::wait_any("futex", vec![key], cx.state.deadline))
            }
            1 | 10 => {
                let key = self.futex_key(cx.tid, addr, private)?;
                let bits = if op & CMD_MASK == 10 {
                    value3
                } else {
                    u64::from(u32::MAX)
                };
                if bits == 0 {
                    return Err(Errno::EINVAL.into());
                }
                Ok(Ret::Int(self.futex_wake(key, value as u32, bits)))
            }
            3 | 4 => {
                if op & CMD_MASK == 4 && self.read_u32(cx.tid, addr)? != value3 as u32 {
                    return Err(Errno::EAGAIN.into());
                }
                let from = self.futex_key(cx.tid, addr, private)?;
                let to = self.futex_key(cx.tid, addr2, private)?;
                let woken = self.futex_wake(from, value as u32, u64::from(u32::MAX));
                let moved = self.futex_requeue(from, to, fourth as u32);
                Ok(Ret::Int(if op & CMD_MASK == 4 {
                    woken + moved
                } else {
                    woken
                }))
            }
            5 => self.futex_wake_op(cx, a, private),
            _ => Err(Errno::ENOSYS.into()),
        }
    }

    /// Wakes up to `count` waiters whose bits meet `bits`.
    fn futex_wake(&mut self, key: WaitKey, count: u32, bits: u64) -> i64 {
        let waiters = self.waiters.peek(key).to_vec();
        let mut woken = 0;
        for (tid, req) in waiters {
            if woken >= i64::from(count) {
                break;
            }
            let Some(call) = self
                .threads
                .get_mut(&tid)
                .and_then(|thread| thread.calls.get_mut(&req))
            else {
                continue;
            };
            if call.state.note & bits == 0 {
                continue;
            }
            call.state.woken = true;
            self.waiters.remove(key, (tid, req));
            self.retry_call(tid, req);
            woken += 1;
        }
        woken
    }

    fn futex_requeue(&mut self, from: WaitKey, to: WaitKey, count: u32) -> i64 {
        let waiters = self.waiters.peek(from).to_vec();
        let mut moved = 0;
        for waiter in waiters.into_iter().take(count as usize) {
            self.waiters.remove(from, waiter);
            self.waiters.add(to, waiter);
            if let Some(call) = self
                .threads
                .get_mut(&waiter.0)
                .and_then(|thread| thread.calls.get_mut(&waiter.1))
            {
                call.block.keys = vec![to];
            }
            moved += 1;
        }
        moved
    }

    fn futex_wake_op(&mut self, cx: &mut CallCx, a: [u64; 6], private: bool) -> SysResult {
        let [addr, _, count, count2, addr2, op] = a;
        let (first, second) = (
            self.futex_key(cx.tid, addr, private)?,
            self.futex_key(cx.tid, addr2, private)?,
        );
        let field = |shift: u32, bits: u32| op as u32 >> shift & ((1 << bits) - 1);
        let sign = |value: u32| (value << 20) as i32 >> 20;
        let mut argument = sign(field(12, 12));
        if field(28, 4) & 8 != 0 {
            argument = 1i32.wrapping_shl(argument as u32 & 31);
        }
        let compare = sign(field(0, 12));
        let old = self.read_u32(cx.tid, addr2)? as i32;
        let new = match field(28, 3) {
            0 => argument,
            1 => old.wrapping_add(argument),
            2 => old | argument,
            3 => old & !argument,
            4 => old ^ argument,
            _ => return Err(Errno::ENOSYS.into()),
        };
        self.write_user(cx.tid, addr2, &new.to_le_bytes())?;
        let holds = match field(24, 4) {
            0 => old == compare,
            1 => old != compare,
            2 => old < compare,
            3 => old <= compare,
            4 => old > compare,
            5 => old >= compare,
            _ => return Err(Errno::ENOSYS.into()),
        };
        let mut woken = self.futex_wake(first, count as u32, u64::MAX);
        if holds {
            woken += self.futex_wake(second, count2 as u32, u64::MAX);
        }
        Ok(Ret::Int(woken))
    }

    /// Wakes waiters on an address of a thread that ends.
    pub(crate) fn futex_wake_addr(&mut self, tid: Tid, addr: u64, count: u32) {
        for private in [true, false] {
            if let Ok(key) = self.futex_key(tid, addr, private) {
                self.futex_wake(key, count, u64::MAX);
            }
        }
    }

    /// A thread ends with locks held: they are marked, and one waiter each is woken (`man 2 set_robust_list`).
    pub(crate) fn walk_robust_list(&mut self, tid: Tid, head: u64) {
        const OWNER_DIED: u32 = 0x4000_0000;
        const WAITERS: u32 = 0x8000_0000;
        const TID_MASK: u32 = 0x3fff_ffff;
        let Ok(offset) = self.read_u64(tid, head.wrapping_add(8)) else {
            return;
        };
        let own = self.pid_for(tid, tid).0 as u32;
        let Ok(mut entry) = self.read_u64(tid, head) else {
            return;
        };
        for _ in 0..ROBUST_MAX {
            if entry & !1 == head {
                return;
            }
            let word = (entry & !1).wrapping_add(offset);
            if let Ok(value) = self.read_u32(tid, word)
                && value & TID_MASK == own
            {
                let new = value & WAITERS | OWNER_DIED;
                let _ = self.write_user(tid, word, &new.to_le_bytes());
                if value & WAITERS != 0 {
                    self.futex_wake_addr(tid, word, 1);
                }
            }
            match self.read_u64(tid, entry & !1) {
                Ok(next) => entry = next,
                Err(_) => return,
            }
        }
    }
}

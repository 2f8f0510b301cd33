//! Copies between the kernel and programs (`copy_from_user`, `copy_to_user`).

use crate::Kernel;
use crate::ids::Tid;
use glassdock_abi::types::Timespec;
use glassdock_abi::{Errno, Result};
use glassdock_cpu::PAGE_SIZE;

impl Kernel {
    /// Reads a program's memory. `EFAULT` where it is not readable.
    pub(crate) fn read_user(&mut self, tid: Tid, addr: u64, out: &mut [u8]) -> Result<()> {
        let id = self
            .threads
            .get(&tid)
            .and_then(|thread| thread.mm)
            .ok_or(Errno::EFAULT)?;
        let mut done = 0;
        while done < out.len() {
            let at = addr.checked_add(done as u64).ok_or(Errno::EFAULT)?;
            let n = ((PAGE_SIZE - at % PAGE_SIZE) as usize).min(out.len() - done);
            let mm = self.mms.get(id).ok_or(Errno::EFAULT)?;
            if let Err(fault) = mm.space.read(&self.frames, at, &mut out[done..done + n]) {
                if !self.fault_in(tid, id, &fault) {
                    return Err(Errno::EFAULT);
                }
                continue;
            }
            done += n;
        }
        Ok(())
    }

    /// Writes a program's memory. `EFAULT` where it is not writable; what comes before that is written.
    pub(crate) fn write_user(&mut self, tid: Tid, addr: u64, bytes: &[u8]) -> Result<()> {
        match self.write_some(tid, addr, bytes) {
            done if done == bytes.len() => Ok(()),
            _ => Err(Errno::EFAULT),
        }
    }

    /// Writes a program's memory as far as it is writable; the number of bytes.
    pub(crate) fn write_some(&mut self, tid: Tid, addr: u64, bytes: &[u8]) -> usize {
        let Some(id) = self.threads.get(&tid).and_then(|thread| thread.mm) else {
            return 0;
        };
        let mut done = 0;
        while done < bytes.len() {
            let (Some(at), Some(mm)) = (addr.checked_add(done as u64), self.mms.get_mut(id)) else {
                break;
            };
            let n = ((PAGE_SIZE - at % PAGE_SIZE) as usize).min(bytes.len() - done);
            match mm.space.write(&mut self.frames, at, &bytes[done..done + n]) {
                Ok(()) => done += n,
                Err(fault) if self.fault_in(tid, id, &fault) => {}
                Err(_) => break,
            }
        }
        done
    }

    /// Whether a program may write all of a range: asked before a read takes what cannot be put back.
    pub(crate) fn check_writable(&mut self, tid: Tid, addr: u64, len: u64) -> Result<()> {
        if len == 0 {
            return Ok(());
        }
        let id = self
            .threads
            .get(&tid)
            .and_then(|thread| thread.mm)
            .ok_or(Errno::EFAULT)?;
        let mm = self.mms.get(id).ok_or(Errno::EFAULT)?;
        let end = addr.checked_add(len).ok_or(Errno::EFAULT)?;
        match mm.vma_at(addr) {
            Some((_, vma)) if vma.prot.contains(glassdock_cpu::Prot::WRITE) => Ok(()),
            Some(_) => Err(Errno::EFAULT),
            // The stack may still grow there.
            None if mm
                .vmas
                .range(addr..)
                .next()
                .is_some_and(|(start, vma)| vma.grows_down && *start <= end.max(mm.stack_top)) =>
            {
                Ok(())
            }
            None => Err(Errno::EFAULT),
        }
    }

    pub(crate) fn read_bytes(&mut self, tid: Tid, addr: u64, count: u64) -> Result<Vec<u8>> {
        let count = usize::try_from(count).map_err(|_| Errno::EFAULT)?;
        let mut out = vec![0; count];
        self.read_user(tid, addr, &mut out)?;
        Ok(out)
    }

    pub(crate) fn read_u32(&mut self, tid: Tid, addr: u64) -> Result<u32> {
        let mut bytes = [0; 4];
        self.read_user(tid, addr, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    pub(crate) fn read_u64(&mut self, tid: Tid, addr: u64) -> Result<u64> {
        let mut bytes = [0; 8];
        self.read_user(tid, addr, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// A string of at most `limit` bytes with its NUL; `too_long` where there is none within.
    pub(crate) fn read_cstr(
        &mut self,
        tid: Tid,
        addr: u64,
        limit: usize,
        too_long: Errno,
    ) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        while out.len() < limit {
            let at = addr.checked_add(out.len() as u64).ok_or(Errno::EFAULT)?;
            let n = ((PAGE_SIZE - at % PAGE_SIZE) as usize).min(limit - out.len());
            let start = out.len();
            out.resize(start + n, 0);
            self.read_user(tid, at, &mut out[start..])?;
            if let Some(end) = out[start..].iter().position(|byte| *byte == 0) {
                out.truncate(start + end);
                return Ok(out);
            }
        }
        Err(too_long)
    }

    /// A path argument.
    pub(crate) fn read_path(&mut self, tid: Tid, addr: u64) -> Result<Vec<u8>> {
        self.read_cstr(tid, addr, glassdock_vfs::PATH_MAX, Errno::ENAMETOOLONG)
    }

    /// `struct timespec`, checked (`EINVAL`).
    pub(crate) fn read_spec(&mut self, tid: Tid, addr: u64) -> Result<Timespec> {
        let sec = self.read_u64(tid, addr)? as i64;
        let nsec = self.read_u64(tid, addr.wrapping_add(8))?;
        if nsec >= 1_000_000_000 || sec < 0 {
            return Err(Errno::EINVAL);
        }
        Ok(Timespec {
            sec,
            nsec: nsec as u32,
        })
    }

    /// `struct timespec` as nanoseconds.
    pub(crate) fn read_timespec(&mut self, tid: Tid, addr: u64) -> Result<u64> {
        Ok(self.read_spec(tid, addr)?.as_nanos())
    }

    /// `struct timeval` as nanoseconds.
    pub(crate) fn read_timeval(&mut self, tid: Tid, addr: u64) -> Result<u64> {
        let sec = self.read_u64(tid, addr)? as i64;
        let usec = self.read_u64(tid, addr.wrapping_add(8))?;
        if usec >= 1_000_000 || sec < 0 {
            return Err(Errno::EINVAL);
        }
        Ok((sec as u64)
            .saturating_mul(1_000_000_000)
            .saturating_add(usec * 1000))
    }

    pub(crate) fn write_spec(&mut self, tid: Tid, addr: u64, time: Timespec) -> Result<()> {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&time.sec.to_le_bytes());
        bytes[8..].copy_from_slice(&u64::from(time.nsec).to_le_bytes());
        self.write_user(tid, addr, &bytes)
    }

    /// Nanoseconds as `struct timeval`.
    pub(crate) fn write_timeval(&mut self, tid: Tid, addr: u64, nanos: u64) -> Result<()> {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&(nanos / 1_000_000_000).to_le_bytes());
        bytes[8..].copy_from_slice(&(nanos % 1_000_000_000 / 1000).to_le_bytes());
        self.write_user(tid, addr, &bytes)
    }
}

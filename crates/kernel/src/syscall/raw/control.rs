//! `fcntl` and `ioctl`.

use super::super::CallCx;
use super::fd;
use crate::Kernel;
use crate::file::Record;
use crate::wait::{Fail, SysResult, WaitKey};
use glassdock_abi::call::{FcntlCmd, IoctlReq};
use glassdock_abi::flags::*;
use glassdock_abi::types::{Termios, Winsize};
use glassdock_abi::{Call, Errno, Pid, Ret};

impl Kernel {
    pub(crate) fn raw_fcntl(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let word = a[2];
        let cmd = match a[1] as u32 {
            0 => FcntlCmd::Dup(word as i32, false),
            1030 => FcntlCmd::Dup(word as i32, true),
            1 => FcntlCmd::GetFd,
            2 => FcntlCmd::SetFd(word & 1 != 0),
            3 => FcntlCmd::GetFl,
            4 => FcntlCmd::SetFl(OpenFlags::from_bits_retain(word as u32)),
            1031 => FcntlCmd::SetPipeSize(word as u32),
            1032 => FcntlCmd::GetPipeSize,
            5..=7 => return self.record_lock(cx, a),
            _ => {
                self.file_id(cx.tid, fd(a[0]))?;
                return Err(Errno::EINVAL.into());
            }
        };
        self.call(cx, &Call::Fcntl { fd: fd(a[0]), cmd })
    }

    /// `F_GETLK` 5, `F_SETLK` 6, `F_SETLKW` 7.
    fn record_lock(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let id = self.real_file_id(cx.tid, fd(a[0]))?;
        let bytes = self.read_bytes(cx.tid, a[2], 32)?;
        let kind = i16::from_le_bytes([bytes[0], bytes[1]]);
        let whence = i16::from_le_bytes([bytes[2], bytes[3]]);
        let word = |at: usize| i64::from_le_bytes(bytes[at..at + 8].try_into().unwrap_or_default());
        let file = self.file(id)?;
        let (inode, pos, flags) = (file.file.inode, file.pos, file.flags);
        let base = match whence {
            0 => 0,
            1 => pos as i64,
            2 => self.vfs().size(inode) as i64,
            _ => return Err(Errno::EINVAL.into()),
        };
        let (from, len) = (base.checked_add(word(8)).ok_or(Errno::EOVERFLOW)?, word(16));
        let (start, last) = match len {
            0 => (from, i64::MAX),
            len if len > 0 => (from, from.checked_add(len - 1).ok_or(Errno::EOVERFLOW)?),
            len => (from.saturating_add(len), from.saturating_sub(1)),
        };
        if start < 0 {
            return Err(Errno::EINVAL.into());
        }
        let owner = self.tgid_of(cx.tid);
        let wanted = Record {
            owner,
            exclusive: kind == 1,
            start: start as u64,
            end: match last {
                i64::MAX => u64::MAX,
                last => last as u64 + 1,
            },
        };
        let inode = inode.0;
        if a[1] == 5 {
            let mut out = bytes.clone();
            match self.locks.conflict(inode, &wanted) {
                None => out[0..2].copy_from_slice(&2i16.to_le_bytes()),
                Some(other) => {
                    out[0..2].copy_from_slice(&i16::from(other.exclusive).to_le_bytes());
                    out[2..4].copy_from_slice(&0i16.to_le_bytes());
                    out[8..16].copy_from_slice(&other.start.to_le_bytes());
                    let len = if other.end == u64::MAX {
                        0
                    } else {
                        other.end - other.start
                    };
                    out[16..24].copy_from_slice(&len.to_le_bytes());
                    out[24..28].copy_from_slice(&self.pid_for(cx.tid, other.owner).0.to_le_bytes());
                }
            }
            self.write_user(cx.tid, a[2], &out)?;
            return Ok(Ret::None);
        }
        match kind {
            2 => {
                self.locks.clear(inode, owner, wanted.start, wanted.end);
                self.wake(WaitKey::Lock(inode));
                Ok(Ret::None)
            }
            0 if !flags.readable() => Err(Errno::EBADF.into()),
            1 if !flags.writable() => Err(Errno::EBADF.into()),
            0 | 1 => match self.locks.conflict(inode, &wanted) {
                None => {
                    self.locks.set(inode, wanted);
                    self.wake(WaitKey::Lock(inode));
                    Ok(Ret::None)
                }
                Some(_) if a[1] == 7 => Err(Fail::wait("record lock", WaitKey::Lock(inode))),
                Some(_) => Err(Errno::EAGAIN.into()),
            },
            _ => Err(Errno::EINVAL.into()),
        }
    }

    pub(crate) fn raw_ioctl(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let (number, arg) = (a[1] as u32, a[2]);
        let tid = cx.tid;
        let request = match number {
            0x5401 => IoctlReq::Tcgets,
            0x5402..=0x5404 => {
                let bytes = self.read_bytes(tid, arg, 36)?;
                IoctlReq::Tcsets(read_termios(&bytes), (number - 0x5402) as u8)
            }
            0x540e => IoctlReq::Tiocsctty(arg == 1),
            0x540f => IoctlReq::Tiocgpgrp,
            0x5410 => IoctlReq::Tiocspgrp(Pid(self.read_u32(tid, arg)? as i32)),
            0x5413 => IoctlReq::Tiocgwinsz,
            0x5414 => {
                let b = self.read_bytes(tid, arg, 8)?;
                let half = |at: usize| u16::from_le_bytes([b[at], b[at + 1]]);
                IoctlReq::Tiocswinsz(Winsize {
                    rows: half(0),
                    cols: half(2),
                    xpixel: half(4),
                    ypixel: half(6),
                })
            }
            0x541b => IoctlReq::Fionread,
            0x5421 => IoctlReq::Fionbio(self.read_u32(tid, arg)? != 0),
            0x5422 => IoctlReq::Tiocnotty,
            0x5429 => IoctlReq::Tiocgsid,
            0x8004_5430 => IoctlReq::Tiocgptn,
            0x4004_5431 => IoctlReq::Tiocsptlck(self.read_u32(tid, arg)? != 0),
            0x5441 => IoctlReq::Tiocgptpeer(OpenFlags::from_bits_retain(arg as u32)),
            0x5450 | 0x5451 => {
                self.set_cloexec(tid, fd(a[0]), number == 0x5451)?;
                return Ok(Ret::None);
            }
            other => IoctlReq::Other(other, arg),
        };
        if let Some(net) = self.internet_of(tid, fd(a[0])) {
            return self.raw_interface(cx, net, number, arg);
        }
        match self.call(
            cx,
            &Call::Ioctl {
                fd: fd(a[0]),
                request,
            },
        )? {
            Ret::Termios(termios) => {
                self.write_user(tid, arg, &termios_bytes(&termios))?;
                Ok(Ret::None)
            }
            Ret::Winsize(size) => {
                let halves = [size.rows, size.cols, size.xpixel, size.ypixel];
                let bytes: Vec<u8> = halves.iter().flat_map(|half| half.to_le_bytes()).collect();
                self.write_user(tid, arg, &bytes)?;
                Ok(Ret::None)
            }
            Ret::Pid(pid) => {
                self.write_user(tid, arg, &pid.0.to_le_bytes())?;
                Ok(Ret::None)
            }
            Ret::Int(value) if matches!(request, IoctlReq::Tiocgptn | IoctlReq::Fionread) => {
                self.write_user(tid, arg, &(value as u32).to_le_bytes())?;
                Ok(Ret::None)
            }
            other => Ok(other),
        }
    }
}

/// The kernel's `struct termios` of 36 bytes.
fn read_termios(bytes: &[u8]) -> Termios {
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap_or_default());
    let mut cc = [0; 19];
    cc.copy_from_slice(&bytes[17..36]);
    Termios {
        iflag: word(0),
        oflag: word(4),
        cflag: word(8),
        lflag: word(12),
        line: bytes[16],
        cc,
    }
}

fn termios_bytes(termios: &Termios) -> [u8; 36] {
    let mut out = [0; 36];
    for (at, word) in [termios.iflag, termios.oflag, termios.cflag, termios.lflag]
        .iter()
        .enumerate()
    {
        out[4 * at..4 * at + 4].copy_from_slice(&word.to_le_bytes());
    }
    out[16] = termios.line;
    out[17..36].copy_from_slice(&termios.cc);
    out
}

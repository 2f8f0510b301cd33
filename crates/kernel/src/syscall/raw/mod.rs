//! Reading the arguments of programs in memory, and writing results where they asked for them.

mod control;
mod events;
mod files;
mod interfaces;
mod misc;
mod paths;
mod procs;
mod sockets;

use super::CallCx;
use crate::Kernel;
use crate::ids::Tid;
use crate::wait::SysResult;
use glassdock_abi::types::{Stat, StatFs};
use glassdock_abi::{Call, Errno, Fd, PathArg, Ret};

/// A descriptor argument.
fn fd(word: u64) -> Fd {
    Fd(word as i32)
}

impl Kernel {
    fn path(&mut self, cx: &CallCx, addr: u64) -> Result<PathArg, Errno> {
        Ok(PathArg(self.read_path(cx.tid, addr)?))
    }

    /// Writes bytes into a buffer of the program; their number.
    fn answer_bytes(&mut self, cx: &CallCx, addr: u64, bytes: &[u8]) -> SysResult {
        self.write_user(cx.tid, addr, bytes)?;
        Ok(Ret::Int(bytes.len() as i64))
    }

    /// `struct stat` (`man 3type stat`).
    fn write_stat(&mut self, tid: Tid, addr: u64, stat: &Stat) -> Result<(), Errno> {
        let mut out = [0; 144];
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &stat.dev.0.to_le_bytes());
        put(8, &stat.ino.to_le_bytes());
        put(16, &u64::from(stat.nlink).to_le_bytes());
        put(24, &stat.mode.to_le_bytes());
        put(28, &stat.uid.to_le_bytes());
        put(32, &stat.gid.to_le_bytes());
        put(40, &stat.rdev.0.to_le_bytes());
        put(48, &stat.size.to_le_bytes());
        put(56, &u64::from(stat.blksize).to_le_bytes());
        put(64, &stat.blocks.to_le_bytes());
        for (at, time) in [(72, stat.atime), (88, stat.mtime), (104, stat.ctime)] {
            put(at, &time.sec.to_le_bytes());
            put(at + 8, &u64::from(time.nsec).to_le_bytes());
        }
        self.write_user(tid, addr, &out)
    }

    /// `struct statx` (`man 2 statx`): the basic fields, birth and mount id.
    fn write_statx(&mut self, tid: Tid, addr: u64, stat: &Stat) -> Result<(), Errno> {
        const BASIC_BTIME_MNT: u32 = 0x7ff | 0x800 | 0x1000;
        let mut out = [0; 256];
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &BASIC_BTIME_MNT.to_le_bytes());
        put(4, &stat.blksize.to_le_bytes());
        put(16, &stat.nlink.to_le_bytes());
        put(20, &stat.uid.to_le_bytes());
        put(24, &stat.gid.to_le_bytes());
        put(28, &(stat.mode as u16).to_le_bytes());
        put(32, &stat.ino.to_le_bytes());
        put(40, &stat.size.to_le_bytes());
        put(48, &stat.blocks.to_le_bytes());
        for (at, time) in [
            (64, stat.atime),
            (80, stat.btime),
            (96, stat.ctime),
            (112, stat.mtime),
        ] {
            put(at, &time.sec.to_le_bytes());
            put(at + 8, &time.nsec.to_le_bytes());
        }
        put(128, &stat.rdev.major().to_le_bytes());
        put(132, &stat.rdev.minor().to_le_bytes());
        put(136, &stat.dev.major().to_le_bytes());
        put(140, &stat.dev.minor().to_le_bytes());
        put(144, &stat.mnt_id.to_le_bytes());
        self.write_user(tid, addr, &out)
    }

    /// `struct statfs`.
    fn write_statfs(&mut self, tid: Tid, addr: u64, stat: &StatFs) -> Result<(), Errno> {
        const ST_VALID: u64 = 0x20;
        let words = [
            stat.kind,
            stat.bsize.into(),
            stat.blocks,
            stat.bfree,
            stat.bavail,
            stat.files,
            stat.ffree,
            0,
            stat.namelen.into(),
            stat.bsize.into(),
            stat.flags | ST_VALID,
            0,
            0,
            0,
            0,
        ];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.write_user(tid, addr, &bytes)
    }

    /// Makes a call whose answer is written as `struct stat`.
    fn stat_call(&mut self, cx: &mut CallCx, call: &Call, addr: u64) -> SysResult {
        let stat = self.call(cx, call)?.stat()?;
        self.write_stat(cx.tid, addr, &stat)?;
        Ok(Ret::None)
    }
}

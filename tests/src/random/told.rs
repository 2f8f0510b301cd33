//! What came of a call as text that both kernels give: numbers of inodes and devices by their order of appearance, and
//! of times whether they changed.

use glassdock_abi::types::{Dirent, Stat, StatFs, Timespec};
use glassdock_abi::{Errno, Ret};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Times below were set by a call, not by a clock.
const SET_BY_CALL: i64 = 1_000_000;

/// What was seen so far.
#[derive(Default)]
pub(super) struct Seen {
    devices: Vec<u64>,
    inodes: Vec<(u64, u64)>,
    /// Last times of inodes, where changes are told.
    pub(super) times: Option<BTreeMap<(u64, u64), [Timespec; 3]>>,
}

fn number<T: PartialEq>(list: &mut Vec<T>, value: T) -> usize {
    list.iter()
        .position(|old| *old == value)
        .unwrap_or_else(|| {
            list.push(value);
            list.len() - 1
        })
}

/// A value's size and a sum of its bytes, or the bytes where they are few.
pub(super) fn bytes(data: &[u8]) -> String {
    if data.len() <= 40 {
        return format!("\"{}\"", data.escape_ascii());
    }
    // FNV-1a.
    let sum = data.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{} bytes {sum:016x}", data.len())
}

impl Seen {
    pub(super) fn result(&mut self, result: Result<Ret, Errno>) -> String {
        match result {
            Ok(Ret::None) => "ok".into(),
            Ok(Ret::Fd(_)) => "opened".into(),
            Ok(Ret::Bytes(data)) => bytes(&data),
            Ok(Ret::Stat(stat)) => self.stat(&stat),
            Ok(Ret::StatFs(stat)) => fs(&stat),
            Ok(Ret::Dirents(entries)) => self.entries(&entries),
            Ok(other) => format!("{other:?}"),
            Err(errno) => format!("{errno:?}"),
        }
    }

    pub(super) fn stat(&mut self, stat: &Stat) -> String {
        let key = (stat.dev.0, stat.ino);
        let (device, inode) = (
            number(&mut self.devices, stat.dev.0),
            number(&mut self.inodes, key),
        );
        let mut text = format!(
            "dev {device} ino {inode} mode {:o} nlink {} owner {}:{} rdev {:x} size {} blocks {}",
            stat.mode, stat.nlink, stat.uid, stat.gid, stat.rdev.0, stat.size, stat.blocks
        );
        for (name, time) in [("atime", stat.atime), ("mtime", stat.mtime)] {
            if time.sec < SET_BY_CALL {
                let _ = write!(text, " {name} {}.{}", time.sec, time.nsec);
            }
        }
        let times = [stat.atime, stat.mtime, stat.ctime];
        let old = self.times.as_mut().and_then(|all| all.insert(key, times));
        if let Some(old) = old {
            for (at, name) in ["atime", "mtime", "ctime"].into_iter().enumerate() {
                if old[at] != times[at] {
                    let _ = write!(text, " new {name}");
                }
            }
        }
        text
    }

    fn entries(&mut self, entries: &[Dirent]) -> String {
        let names = entries
            .iter()
            .map(|entry| format!("{}:{}", entry.name.escape_ascii(), entry.kind));
        names.collect::<Vec<_>>().join(" ")
    }
}

fn fs(stat: &StatFs) -> String {
    format!(
        "type {:x} block {} name {}",
        stat.kind, stat.bsize, stat.namelen
    )
}

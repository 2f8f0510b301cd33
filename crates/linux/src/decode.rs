//! Structures of the kernel's interface as bytes (`include/uapi`, x86-64).

use glassdock_abi::types::*;
use glassdock_abi::{Errno, PathArg, Pid, Result};

/// Reads numbers at their offsets; beyond the end they are zero, since the buffers have the structures' sizes.
pub(crate) struct Bytes<'a>(pub &'a [u8]);

impl Bytes<'_> {
    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        self.0
            .get(at..at + N)
            .and_then(|bytes| bytes.try_into().ok())
            .unwrap_or([0; N])
    }
    pub fn u16(&self, at: usize) -> u16 {
        u16::from_ne_bytes(self.array(at))
    }
    pub fn u32(&self, at: usize) -> u32 {
        u32::from_ne_bytes(self.array(at))
    }
    pub fn i32(&self, at: usize) -> i32 {
        i32::from_ne_bytes(self.array(at))
    }
    pub fn u64(&self, at: usize) -> u64 {
        u64::from_ne_bytes(self.array(at))
    }
    pub fn i64(&self, at: usize) -> i64 {
        i64::from_ne_bytes(self.array(at))
    }
    fn time(&self, at: usize) -> Timespec {
        Timespec {
            sec: self.i64(at),
            nsec: self.u32(at + 8),
        }
    }
}

/// `struct statx`.
pub(crate) fn stat(bytes: &[u8; 256]) -> Stat {
    let b = Bytes(bytes);
    Stat {
        blksize: b.u32(4),
        nlink: b.u32(16),
        uid: b.u32(20),
        gid: b.u32(24),
        mode: u32::from(b.u16(28)),
        ino: b.u64(32),
        size: b.u64(40),
        blocks: b.u64(48),
        atime: b.time(64),
        btime: b.time(80),
        ctime: b.time(96),
        mtime: b.time(112),
        rdev: Dev::new(b.u32(128), b.u32(132)),
        dev: Dev::new(b.u32(136), b.u32(140)),
        mnt_id: b.u64(144),
    }
}

/// `struct statfs`.
pub(crate) fn statfs(bytes: &[u8; 120]) -> StatFs {
    let b = Bytes(bytes);
    StatFs {
        kind: b.u64(0),
        bsize: b.u64(8) as u32,
        blocks: b.u64(16),
        bfree: b.u64(24),
        bavail: b.u64(32),
        files: b.u64(40),
        ffree: b.u64(48),
        namelen: b.u64(64) as u32,
        flags: b.u64(80),
    }
}

/// `struct linux_dirent64`, one after the other.
pub(crate) fn dirents(mut bytes: &[u8]) -> Vec<Dirent> {
    const NAME: usize = 19;
    let mut entries = Vec::new();
    while bytes.len() > NAME {
        let b = Bytes(bytes);
        let length = usize::from(b.u16(16));
        let Some(name) = bytes.get(NAME..length) else {
            break;
        };
        let end = name.iter().position(|&b| b == 0).unwrap_or(name.len());
        entries.push(Dirent {
            ino: b.u64(0),
            off: b.u64(8),
            kind: bytes.get(18).copied().unwrap_or(0),
            name: name.get(..end).unwrap_or_default().to_vec(),
        });
        bytes = bytes.get(length..).unwrap_or_default();
    }
    entries
}

/// `siginfo_t` as `waitid` fills it; `None` when no child was there to report.
pub(crate) fn waited(bytes: &[u8; 128]) -> Option<Waited> {
    let b = Bytes(bytes);
    let status = b.i32(24) as u8;
    let pid = b.i32(16);
    if pid == 0 {
        return None;
    }
    let status = match b.i32(8) {
        1 => WaitStatus::Exited(status),
        2 => WaitStatus::Killed(status, false),
        3 => WaitStatus::Killed(status, true),
        6 => WaitStatus::Continued,
        _ => WaitStatus::Stopped(status),
    };
    Some(Waited {
        pid: Pid(pid),
        uid: b.u32(20),
        status,
    })
}

/// The kernel's `struct termios`.
pub(crate) fn termios(bytes: &[u8; 36]) -> Termios {
    let b = Bytes(bytes);
    Termios {
        iflag: b.u32(0),
        oflag: b.u32(4),
        cflag: b.u32(8),
        lflag: b.u32(12),
        line: bytes[16],
        cc: b.array(17),
    }
}

/// The other way.
pub(crate) fn termios_bytes(termios: &Termios) -> [u8; 36] {
    let mut bytes = [0; 36];
    bytes[0..4].copy_from_slice(&termios.iflag.to_ne_bytes());
    bytes[4..8].copy_from_slice(&termios.oflag.to_ne_bytes());
    bytes[8..12].copy_from_slice(&termios.cflag.to_ne_bytes());
    bytes[12..16].copy_from_slice(&termios.lflag.to_ne_bytes());
    bytes[16] = termios.line;
    bytes[17..36].copy_from_slice(&termios.cc);
    bytes
}

/// Numbers one after the other.
pub(crate) fn words<const N: usize>(values: [u64; N]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_ne_bytes())
        .collect()
}

/// `struct __kernel_timespec`.
pub(crate) fn timespec(time: Timespec) -> Vec<u8> {
    words([time.sec as u64, u64::from(time.nsec)])
}

/// `struct sockaddr`.
pub(crate) fn sockaddr_bytes(addr: &SockAddr) -> Result<Vec<u8>> {
    /// Longest path of a socket (`man 7 unix`), without the NUL.
    const LONGEST: usize = 107;
    const AF_UNIX: u16 = 1;
    let (family, rest) = match addr {
        SockAddr::UnixUnnamed => (AF_UNIX, Vec::new()),
        SockAddr::Unix(path) if path.as_bytes().len() > LONGEST => {
            return Err(Errno::ENAMETOOLONG);
        }
        SockAddr::Unix(path) if path.as_bytes().contains(&0) => return Err(Errno::EINVAL),
        SockAddr::Unix(path) => (AF_UNIX, [path.as_bytes(), &[0]].concat()),
        SockAddr::UnixAbstract(name) => (AF_UNIX, [&[0], name.as_slice()].concat()),
        SockAddr::Other(family, rest) => (*family, rest.clone()),
    };
    let mut bytes = family.to_ne_bytes().to_vec();
    bytes.extend(rest);
    Ok(bytes)
}

/// The other way.
pub(crate) fn sockaddr(bytes: &[u8]) -> SockAddr {
    let rest = bytes.get(2..).unwrap_or_default();
    match (Bytes(bytes).u16(0), rest) {
        (1, []) => SockAddr::UnixUnnamed,
        (1, [0, name @ ..]) if !name.is_empty() => SockAddr::UnixAbstract(name.to_vec()),
        (1, path) => {
            let end = path.iter().position(|&b| b == 0).unwrap_or(path.len());
            match path.get(..end) {
                None | Some([]) => SockAddr::UnixUnnamed,
                Some(path) => SockAddr::Unix(PathArg::from(path)),
            }
        }
        (family, rest) => SockAddr::Other(family, rest.to_vec()),
    }
}

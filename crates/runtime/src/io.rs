//! Small pieces over [`Sys`]: whole files, whole messages, lines.

use glassdock_abi::flags::{MsgFlags, OpenFlags};
use glassdock_abi::{Call, Errno, Fd, Io, OwnedFd, PathArg, Result, Sys};

/// Bytes asked for by one read.
pub const CHUNK: u64 = 32 << 10;

/// Writes all of `data` to a socket. A peer that is gone is `EPIPE`, without the signal.
pub async fn send_all<S: Sys>(sys: &S, fd: Fd, mut data: Vec<u8>) -> Result<()> {
    while !data.is_empty() {
        let call = Call::Sendmsg {
            fd,
            data: data.clone(),
            fds: Vec::new(),
            to: None,
            flags: MsgFlags::NOSIGNAL,
        };
        let sent = sys.call(call).await?.int()?;
        let sent = usize::try_from(sent).map_err(|_| Errno::EPROTO)?;
        if sent >= data.len() {
            break;
        }
        data.drain(..sent);
    }
    Ok(())
}

/// Reads to the end, at most `limit` bytes (`EFBIG` beyond).
pub async fn read_to_end<S: Sys>(sys: &S, fd: Fd, limit: usize) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let part = sys.read(fd, CHUNK).await?;
        if part.is_empty() {
            return Ok(all);
        }
        all.extend_from_slice(&part);
        if all.len() > limit {
            return Err(Errno::EFBIG);
        }
    }
}

/// Reads a whole file, at most `limit` bytes.
pub async fn read_file<S: Sys>(sys: &S, path: impl Into<PathArg>, limit: usize) -> Result<Vec<u8>> {
    let file = sys
        .openat(Fd::CWD, path.into(), OpenFlags::RDONLY, 0)
        .await?;
    read_to_end(sys, file.fd(), limit).await
}

/// Makes a directory and its missing parents.
pub async fn make_dirs<S: Sys>(sys: &S, path: &PathArg, mode: u32) -> Result<()> {
    let bytes = path.as_bytes();
    let ends = (1..bytes.len())
        .filter(|&at| bytes.get(at) == Some(&b'/'))
        .chain([bytes.len()]);
    match sys.mkdirat(Fd::CWD, path.clone(), mode).await {
        Ok(()) | Err(Errno::EEXIST) => return Ok(()),
        Err(Errno::ENOENT) => {}
        Err(errno) => return Err(errno),
    }
    for end in ends {
        let prefix = PathArg::from(bytes.get(..end).unwrap_or_default());
        match sys.mkdirat(Fd::CWD, prefix, mode).await {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// A connection that begins with lines and may go on with anything.
#[derive(Debug)]
pub struct Lines<S: Sys> {
    fd: OwnedFd<S>,
    buffer: Vec<u8>,
}

impl<S: Sys> Lines<S> {
    /// A connection from its first byte on.
    pub fn new(fd: OwnedFd<S>) -> Lines<S> {
        Lines {
            fd,
            buffer: Vec::new(),
        }
    }
    /// The descriptor.
    pub fn fd(&self) -> Fd {
        self.fd.fd()
    }
    /// The kernel.
    pub fn sys(&self) -> &S {
        self.fd.sys()
    }
    /// The next line without its newline; `None` at the end; `EMSGSIZE` for one longer than `limit`.
    pub async fn line(&mut self, limit: usize) -> Result<Option<Vec<u8>>> {
        let mut searched = 0;
        loop {
            let fresh = self.buffer.get(searched..).unwrap_or_default();
            if let Some(at) = fresh.iter().position(|&b| b == b'\n') {
                let rest = self.buffer.split_off(searched + at + 1);
                let mut line = core::mem::replace(&mut self.buffer, rest);
                line.pop();
                return Ok(Some(line));
            }
            searched = self.buffer.len();
            if searched > limit {
                return Err(Errno::EMSGSIZE);
            }
            let part = self.sys().read(self.fd(), CHUNK).await?;
            if part.is_empty() {
                return Ok(None);
            }
            self.buffer.extend_from_slice(&part);
        }
    }
    /// The next bytes, whatever they are; empty at the end.
    pub async fn bytes(&mut self) -> Result<Vec<u8>> {
        if !self.buffer.is_empty() {
            return Ok(core::mem::take(&mut self.buffer));
        }
        self.sys().read(self.fd(), CHUNK).await
    }
    /// Exactly `N` bytes; `None` at an end before the first of them, `EPROTO` at one within.
    pub async fn exact(&mut self, count: usize) -> Result<Option<Vec<u8>>> {
        while self.buffer.len() < count {
            let part = self.sys().read(self.fd(), CHUNK).await?;
            if part.is_empty() {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(Errno::EPROTO)
                };
            }
            self.buffer.extend_from_slice(&part);
        }
        let rest = self.buffer.split_off(count);
        Ok(Some(core::mem::replace(&mut self.buffer, rest)))
    }
    /// Writes a value as a line of JSON.
    pub async fn send<T: serde::Serialize>(&self, value: &T) -> Result<()> {
        let mut line = serde_json::to_vec(value).map_err(|_| Errno::EINVAL)?;
        line.push(b'\n');
        send_all(self.sys(), self.fd(), line).await
    }
}

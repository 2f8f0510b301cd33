//! Calls on sockets.

use super::super::CallCx;
use super::fd;
use crate::Kernel;
use crate::wait::SysResult;
use glassdock_abi::flags::{MsgFlags, OpenFlags};
use glassdock_abi::types::SockAddr;
use glassdock_abi::{Call, Errno, Fd, Ret};

const SOL_SOCKET: u32 = 1;
const SCM_RIGHTS: u32 = 1;
const SO_PEERCRED: u32 = 17;
/// Most bytes of control data.
const CONTROL_MAX: u64 = 65_536;

/// `struct msghdr`, the parts that streams use.
struct Header {
    pieces: Vec<(u64, u64)>,
    name: (u64, u32),
    control: (u64, u64),
}

impl Kernel {
    pub(crate) fn raw_socket(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.call(
            cx,
            &Call::Socket {
                domain: a[0] as u32,
                kind: a[1] as u32,
                protocol: a[2] as u32,
            },
        )
    }
    pub(crate) fn raw_socketpair(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let call = Call::Socketpair {
            domain: a[0] as u32,
            kind: a[1] as u32,
            protocol: a[2] as u32,
        };
        let ends = self.call(cx, &call)?.fds()?;
        self.answer_fds(cx, a[3], ends)
    }
    pub(crate) fn raw_bind(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let addr = self.read_sockaddr(cx.tid, a[1], a[2])?;
        self.call(cx, &Call::Bind { fd: fd(a[0]), addr })
    }
    pub(crate) fn raw_connect(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let addr = self.read_sockaddr(cx.tid, a[1], a[2])?;
        self.call(cx, &Call::Connect { fd: fd(a[0]), addr })
    }
    pub(crate) fn raw_listen(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.call(
            cx,
            &Call::Listen {
                fd: fd(a[0]),
                backlog: a[1] as u32,
            },
        )
    }
    pub(crate) fn raw_accept(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.raw_accept4(cx, [a[0], a[1], a[2], 0, 0, 0])
    }
    pub(crate) fn raw_accept4(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let flags = OpenFlags::from_bits_retain(a[3] as u32);
        match self.call(
            cx,
            &Call::Accept4 {
                fd: fd(a[0]),
                flags,
            },
        )? {
            Ret::Accepted(accepted, peer) => {
                self.write_sockaddr(cx.tid, a[1], a[2], &peer)?;
                Ok(Ret::Fd(accepted))
            }
            other => Ok(other),
        }
    }
    pub(crate) fn raw_shutdown(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.call(
            cx,
            &Call::Shutdown {
                fd: fd(a[0]),
                how: a[1] as u32,
            },
        )
    }
    pub(crate) fn raw_getsockname(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let addr = self.call(cx, &Call::Getsockname { fd: fd(a[0]) })?.addr()?;
        self.write_sockaddr(cx.tid, a[1], a[2], &addr)?;
        Ok(Ret::None)
    }
    pub(crate) fn raw_getpeername(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let addr = self.call(cx, &Call::Getpeername { fd: fd(a[0]) })?.addr()?;
        self.write_sockaddr(cx.tid, a[1], a[2], &addr)?;
        Ok(Ret::None)
    }
    pub(crate) fn raw_setsockopt(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        if a[4] < 4 {
            return Err(Errno::EINVAL.into());
        }
        let value = self.read_u32(cx.tid, a[3])? as i32;
        self.call(
            cx,
            &Call::Setsockopt {
                fd: fd(a[0]),
                level: a[1] as u32,
                name: a[2] as u32,
                value,
            },
        )
    }
    pub(crate) fn raw_getsockopt(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let (level, name) = (a[1] as u32, a[2] as u32);
        let room = self.read_u32(cx.tid, a[4])? as usize;
        let bytes = if (level, name) == (SOL_SOCKET, SO_PEERCRED) {
            let cred = self.call(cx, &Call::Peercred { fd: fd(a[0]) })?.ucred()?;
            [cred.pid.0 as u32, cred.uid, cred.gid]
                .iter()
                .flat_map(|word| word.to_le_bytes())
                .collect()
        } else {
            let value = self
                .call(
                    cx,
                    &Call::Getsockopt {
                        fd: fd(a[0]),
                        level,
                        name,
                    },
                )?
                .int()?;
            (value as i32).to_le_bytes().to_vec()
        };
        let n = bytes.len().min(room);
        self.write_user(cx.tid, a[3], &bytes[..n])?;
        self.write_user(cx.tid, a[4], &(n as u32).to_le_bytes())?;
        Ok(Ret::None)
    }

    fn address(&mut self, cx: &CallCx, addr: u64, len: u64) -> Result<Option<SockAddr>, Errno> {
        if addr == 0 || len == 0 {
            return Ok(None);
        }
        self.read_sockaddr(cx.tid, addr, len).map(Some)
    }

    pub(crate) fn raw_sendto(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let to = self.address(cx, a[4], a[5])?;
        let data = self.read_bytes(cx.tid, a[1], a[2].min(1 << 24))?;
        let flags = MsgFlags::from_bits_retain(a[3] as u32);
        self.call(
            cx,
            &Call::Sendmsg {
                fd: fd(a[0]),
                data,
                fds: Vec::new(),
                to,
                flags,
            },
        )
    }

    pub(crate) fn raw_recvfrom(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let flags = MsgFlags::from_bits_retain(a[3] as u32);
        let message = self
            .call(
                cx,
                &Call::Recvmsg {
                    fd: fd(a[0]),
                    count: a[2],
                    flags,
                },
            )?
            .msg()?;
        for fd in &message.fds {
            let _ = self.close_fd(cx.tid, *fd);
        }
        if a[5] != 0 {
            self.answer_address(cx, a[4], a[5], message.from.as_ref())?;
        }
        self.answer_bytes(cx, a[1], &message.data)
    }

    /// Writes who sent a message, and the length of that; of a stream that is nobody.
    fn answer_address(
        &mut self,
        cx: &CallCx,
        addr: u64,
        len_at: u64,
        from: Option<&SockAddr>,
    ) -> Result<(), Errno> {
        match (addr, from) {
            (0, _) => Ok(()),
            (_, None) => self.write_user(cx.tid, len_at, &0u32.to_le_bytes()),
            (_, Some(from)) => self.write_sockaddr(cx.tid, addr, len_at, from),
        }
    }

    fn read_header(&mut self, cx: &CallCx, addr: u64) -> Result<Header, Errno> {
        let mut word = |at: u64| self.read_u64(cx.tid, addr.wrapping_add(at));
        let (name, name_len, iov, count) = (word(0)?, word(8)? as u32, word(16)?, word(24)?);
        let control = (word(32)?, word(40)?.min(CONTROL_MAX));
        Ok(Header {
            pieces: self.read_iovec(cx, iov, count)?,
            name: (name, name_len),
            control,
        })
    }

    pub(crate) fn raw_sendmsg(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let header = self.read_header(cx, a[1])?;
        let to = self.address(cx, header.name.0, header.name.1.into())?;
        let data = self.gather(cx, &header.pieces)?;
        let control = match header.control {
            (0, _) => Vec::new(),
            (addr, len) => self.read_bytes(cx.tid, addr, len)?,
        };
        let fds = rights(&control)?;
        let flags = MsgFlags::from_bits_retain(a[2] as u32);
        self.call(
            cx,
            &Call::Sendmsg {
                fd: fd(a[0]),
                data,
                fds,
                to,
                flags,
            },
        )
    }

    pub(crate) fn raw_recvmsg(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let header = self.read_header(cx, a[1])?;
        let count = header.pieces.iter().map(|piece| piece.1).sum();
        let flags = MsgFlags::from_bits_retain(a[2] as u32);
        let mut message = self
            .call(
                cx,
                &Call::Recvmsg {
                    fd: fd(a[0]),
                    count,
                    flags,
                },
            )?
            .msg()?;
        if self.scatter(cx, &header.pieces, 0, &message.data) < message.data.len() {
            return Err(Errno::EFAULT.into());
        }
        let control = header.control.1.min(u64::from(u32::MAX)) as usize;
        let room = control.saturating_sub(16) / 4;
        if message.fds.len() > room || header.control.0 == 0 {
            let kept = if header.control.0 == 0 { 0 } else { room };
            for fd in message.fds.split_off(kept.min(message.fds.len())) {
                let _ = self.close_fd(cx.tid, fd);
                message.flags |= MsgFlags::CTRUNC;
            }
        }
        let mut used = 0u64;
        if !message.fds.is_empty() {
            let mut out = (16 + 4 * message.fds.len() as u64).to_le_bytes().to_vec();
            out.extend_from_slice(&SOL_SOCKET.to_le_bytes());
            out.extend_from_slice(&SCM_RIGHTS.to_le_bytes());
            for fd in &message.fds {
                out.extend_from_slice(&fd.0.to_le_bytes());
            }
            out.resize(out.len().next_multiple_of(8).min(control), 0);
            self.write_user(cx.tid, header.control.0, &out)?;
            used = out.len() as u64;
        }
        self.answer_address(
            cx,
            header.name.0,
            a[1].wrapping_add(8),
            message.from.as_ref(),
        )?;
        self.write_user(cx.tid, a[1].wrapping_add(40), &used.to_le_bytes())?;
        self.write_user(
            cx.tid,
            a[1].wrapping_add(48),
            &message.flags.bits().to_le_bytes(),
        )?;
        Ok(Ret::Int(message.data.len() as i64))
    }
}

/// Descriptors in control data (`man 3 cmsg`). `EINVAL` for a malformed header.
fn rights(control: &[u8]) -> Result<Vec<Fd>, Errno> {
    let mut fds = Vec::new();
    let mut rest = control;
    while rest.len() >= 16 {
        let word = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap_or_default());
        let len = word(0) as usize;
        if len < 16 || len > rest.len() {
            return Err(Errno::EINVAL);
        }
        if (word(8), word(12)) == (SOL_SOCKET, SCM_RIGHTS) {
            let numbers = rest[16..len].chunks_exact(4);
            fds.extend(numbers.map(|n| Fd(i32::from_le_bytes(n.try_into().unwrap_or_default()))));
        }
        rest = &rest[len.next_multiple_of(8).min(rest.len())..];
    }
    Ok(fds)
}

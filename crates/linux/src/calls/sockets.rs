//! Sockets and their messages.

use super::{MAX_TRANSFER, fd, int, none, pair, sys};
use crate::decode::{self, Bytes, words};
use glassdock_abi::call::Received;
use glassdock_abi::flags::MsgFlags;
use glassdock_abi::types::{SockAddr, Ucred};
use glassdock_abi::{Call, Errno, Fd, Pid, Result, Ret, nr};

/// Most descriptors in one message (`SCM_MAX_FD`).
const MAX_FDS: usize = 253;

/// Makes a call of this family.
pub(super) fn perform(call: Call) -> Result<Ret> {
    let number = call.nr();
    match call {
        Call::Socket {
            domain,
            kind,
            protocol,
        } => fd(sys!(number, domain, kind, protocol)),
        Call::Socketpair {
            domain,
            kind,
            protocol,
        } => pair(|buffer| sys!(number, domain, kind, protocol, buffer)),
        Call::Bind { fd, addr } | Call::Connect { fd, addr } => {
            let addr = decode::sockaddr_bytes(&addr)?;
            none(sys!(number, fd.0, addr.as_slice(), addr.len()))
        }
        Call::Listen { fd, backlog } => none(sys!(number, fd.0, backlog)),
        Call::Accept4 { fd, flags } => {
            let (connection, addr) =
                with_addr(|buffer, length| sys!(number, fd.0, buffer, length, flags.bits()))?;
            Ok(Ret::Accepted(Fd(connection as i32), addr))
        }
        Call::Shutdown { fd, how } => none(sys!(number, fd.0, how)),
        Call::Sendmsg {
            fd,
            data,
            fds,
            to,
            flags,
        } => sendmsg(fd, &data, &fds, to.as_ref(), flags),
        Call::Recvmsg { fd, count, flags } => recvmsg(fd, count, flags),
        Call::Getsockname { fd } | Call::Getpeername { fd } => {
            let (_, addr) = with_addr(|buffer, length| sys!(number, fd.0, buffer, length))?;
            Ok(Ret::SockAddr(addr))
        }
        Call::Getsockopt { fd, level, name } => {
            let (mut value, mut length) = ([0; 4], 4u32.to_ne_bytes());
            sys!(number, fd.0, level, name, &mut value[..], &mut length[..])?;
            Ok(Ret::Int(i64::from(i32::from_ne_bytes(value))))
        }
        Call::Peercred { fd } => {
            const SOL_SOCKET: u32 = 1;
            const SO_PEERCRED: u32 = 17;
            let (mut value, mut length) = ([0; 12], 12u32.to_ne_bytes());
            sys!(
                number,
                fd.0,
                SOL_SOCKET,
                SO_PEERCRED,
                &mut value[..],
                &mut length[..]
            )?;
            let b = Bytes(&value);
            Ok(Ret::Ucred(Ucred {
                pid: Pid(b.i32(0)),
                uid: b.u32(4),
                gid: b.u32(8),
            }))
        }
        Call::Setsockopt {
            fd,
            level,
            name,
            value,
        } => {
            let value = value.to_ne_bytes();
            none(sys!(number, fd.0, level, name, &value[..], value.len()))
        }
        _ => Err(Errno::ENOSYS),
    }
}

fn with_addr(call: impl FnOnce(&mut [u8], &mut [u8]) -> Result<u64>) -> Result<(u64, SockAddr)> {
    let (mut buffer, mut length) = ([0; 128], 128u32.to_ne_bytes());
    let result = call(&mut buffer, &mut length)?;
    let length = (u32::from_ne_bytes(length) as usize).min(buffer.len());
    Ok((
        result,
        decode::sockaddr(buffer.get(..length).unwrap_or_default()),
    ))
}

/// `struct msghdr` over buffers that outlive it.
fn msghdr(name: (usize, usize), iov: usize, control: (usize, usize)) -> Vec<u8> {
    words([
        name.0 as u64,
        name.1 as u64,
        iov as u64,
        1,
        control.0 as u64,
        control.1 as u64,
        0,
    ])
}

fn sendmsg(of: Fd, data: &[u8], fds: &[Fd], to: Option<&SockAddr>, flags: MsgFlags) -> Result<Ret> {
    const SOL_SOCKET: u32 = 1;
    const SCM_RIGHTS: u32 = 1;
    const HEADER: usize = 16;
    let name = to
        .map(decode::sockaddr_bytes)
        .transpose()?
        .unwrap_or_default();
    let mut control = Vec::new();
    if !fds.is_empty() {
        control.extend(((HEADER + fds.len() * 4) as u64).to_ne_bytes());
        control.extend(SOL_SOCKET.to_ne_bytes());
        control.extend(SCM_RIGHTS.to_ne_bytes());
        control.extend(fds.iter().flat_map(|fd| fd.0.to_ne_bytes()));
        control.resize(control.len().next_multiple_of(8), 0);
    }
    let address = |bytes: &[u8]| match bytes {
        [] => (0, 0),
        bytes => (bytes.as_ptr().expose_provenance(), bytes.len()),
    };
    let iov = words([data.as_ptr().expose_provenance() as u64, data.len() as u64]);
    let header = msghdr(
        address(&name),
        iov.as_ptr().expose_provenance(),
        address(&control),
    );
    int(sys!(nr::sendmsg, of.0, header.as_slice(), flags.bits()))
}

fn recvmsg(of: Fd, count: u64, flags: MsgFlags) -> Result<Ret> {
    let mut name = [0u8; 128];
    let mut data = vec![0u8; count.min(MAX_TRANSFER) as usize];
    let mut control = vec![0u8; 16 + MAX_FDS * 4 + 64];
    let iov = words([
        data.as_mut_ptr().expose_provenance() as u64,
        data.len() as u64,
    ]);
    let mut header = msghdr(
        (name.as_mut_ptr().expose_provenance(), name.len()),
        iov.as_ptr().expose_provenance(),
        (control.as_mut_ptr().expose_provenance(), control.len()),
    );
    let length = sys!(nr::recvmsg, of.0, header.as_mut_slice(), flags.bits())?;
    data.truncate(length as usize);
    let h = Bytes(&header);
    let name = name.get(..(h.u32(8) as usize).min(128)).unwrap_or_default();
    let control = control.get(..h.u64(40) as usize).unwrap_or_default();
    Ok(Ret::Msg(Box::new(Received {
        data,
        fds: rights(control),
        from: (!name.is_empty()).then(|| decode::sockaddr(name)),
        flags: MsgFlags::from_bits_retain(h.u32(48)),
    })))
}

/// The descriptors in control messages.
fn rights(mut control: &[u8]) -> Vec<Fd> {
    let mut fds = Vec::new();
    while control.len() >= 16 {
        let b = Bytes(control);
        let length = b.u64(0) as usize;
        if length < 16 || length > control.len() {
            break;
        }
        if (b.u32(8), b.u32(12)) == (1, 1) {
            fds.extend((16..length).step_by(4).map(|at| Fd(b.i32(at))));
        }
        control = control
            .get(length.next_multiple_of(8)..)
            .unwrap_or_default();
    }
    fds
}

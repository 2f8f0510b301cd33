//! Calls on open files and sockets.

use super::*;

pub(super) fn open_files() -> Vec<(Call, Ret)> {
    let fd = Fd(3);
    let entry = Dirent {
        ino: 1,
        off: 1,
        kind: 4,
        name: b"etc".to_vec(),
    };
    let asked = PollFd {
        fd: Fd(0),
        events: PollEvents::IN | PollEvents::OUT,
    };
    let control = |request| Call::Ioctl { fd: Fd(0), request };
    let file_control = |cmd| Call::Fcntl { fd, cmd };
    vec![
        (Call::Close { fd }, Ret::None),
        (
            Call::CloseRange {
                first: 3,
                last: u32::MAX,
                flags: CloseRangeFlags::CLOEXEC,
            },
            Ret::None,
        ),
        (
            Call::Read { fd, count: 4096 },
            Ret::Bytes(b"root:\n\x1b\x001".to_vec()),
        ),
        (Call::Read { fd, count: 4096 }, Ret::Int(242)),
        (Call::Read { fd, count: 4096 }, Ret::Bytes(vec![b'x'; 256])),
        (
            Call::Write {
                fd: Fd(1),
                data: b"hi\n".to_vec(),
            },
            Ret::Int(3),
        ),
        (
            Call::Write {
                fd: Fd(1),
                data: vec![b'x'; 256],
            },
            Ret::Int(1000),
        ),
        (
            Call::Pread64 {
                fd,
                count: 2,
                offset: 7,
            },
            Ret::Bytes(b"ab".to_vec()),
        ),
        (
            Call::Pwrite64 {
                fd,
                data: b"ab".to_vec(),
                offset: 7,
            },
            Ret::Int(2),
        ),
        (
            Call::Lseek {
                fd,
                offset: -4,
                whence: 2,
            },
            Ret::Int(96),
        ),
        (
            Call::Getdents64 { fd, count: 32768 },
            Ret::Dirents(vec![entry]),
        ),
        (Call::Ftruncate { fd, length: 0 }, Ret::None),
        (
            Call::Fallocate {
                fd,
                mode: 3,
                offset: 0,
                len: 4096,
            },
            Ret::None,
        ),
        (Call::Fsync { fd }, Ret::None),
        (Call::Fdatasync { fd }, Ret::None),
        (Call::Flock { fd, operation: 6 }, Ret::None),
        (
            Call::CopyFileRange {
                fd_in: fd,
                off_in: None,
                fd_out: Fd(4),
                off_out: Some(8),
                len: 100,
            },
            Ret::Int(100),
        ),
        (
            Call::Sendfile {
                out_fd: Fd(1),
                in_fd: fd,
                offset: None,
                count: 65536,
            },
            Ret::Int(242),
        ),
        (
            Call::Dup3 {
                oldfd: fd,
                newfd: Fd(0),
                flags: OpenFlags::empty(),
            },
            Ret::Fd(Fd(0)),
        ),
        (file_control(FcntlCmd::Dup(10, true)), Ret::Fd(Fd(10))),
        (file_control(FcntlCmd::GetFd), Ret::Int(1)),
        (file_control(FcntlCmd::SetFd(true)), Ret::None),
        (file_control(FcntlCmd::GetFl), Ret::Int(0o4002)),
        (
            file_control(FcntlCmd::SetFl(OpenFlags::NONBLOCK)),
            Ret::None,
        ),
        (file_control(FcntlCmd::GetPipeSize), Ret::Int(65536)),
        (file_control(FcntlCmd::SetPipeSize(4096)), Ret::Int(4096)),
        (control(IoctlReq::Tcgets), Ret::Termios(Box::new(TTY))),
        (control(IoctlReq::Tcsets(TTY, 1)), Ret::None),
        (control(IoctlReq::Tiocgwinsz), Ret::Winsize(SIZE)),
        (control(IoctlReq::Tiocswinsz(SIZE)), Ret::None),
        (control(IoctlReq::Tiocsctty(false)), Ret::None),
        (control(IoctlReq::Tiocnotty), Ret::None),
        (control(IoctlReq::Tiocgpgrp), Ret::Pid(Pid(9))),
        (control(IoctlReq::Tiocspgrp(Pid(10))), Ret::None),
        (control(IoctlReq::Tiocgsid), Ret::Pid(Pid(5))),
        (control(IoctlReq::Tiocgptn), Ret::Int(2)),
        (control(IoctlReq::Tiocsptlck(false)), Ret::None),
        (
            control(IoctlReq::Tiocgptpeer(OpenFlags::RDWR | OpenFlags::NOCTTY)),
            Ret::Fd(Fd(7)),
        ),
        (control(IoctlReq::Fionread), Ret::Int(12)),
        (control(IoctlReq::Fionbio(true)), Ret::None),
        (control(IoctlReq::Other(0x5450, 0)), Ret::None),
        (
            Call::Ppoll {
                fds: vec![asked],
                timeout: Some(1_500_000_000),
            },
            Ret::Polled(vec![PollEvents::IN]),
        ),
        (
            Call::Ppoll {
                fds: vec![asked],
                timeout: None,
            },
            Ret::Polled(vec![PollEvents::empty()]),
        ),
        (
            Call::MemfdCreate {
                name: b"plan".to_vec(),
                flags: MemfdFlags::CLOEXEC,
            },
            Ret::Fd(Fd(5)),
        ),
    ]
}

pub(super) fn sockets() -> Vec<(Call, Ret)> {
    let fd = Fd(4);
    let got = Received {
        data: b"ready".to_vec(),
        fds: vec![Fd(9)],
        from: None,
        flags: MsgFlags::empty(),
    };
    vec![
        (
            Call::Pipe2 {
                flags: OpenFlags::CLOEXEC,
            },
            Ret::Fds([Fd(6), Fd(7)]),
        ),
        (
            Call::Socket {
                domain: 1,
                kind: 0o2000001,
                protocol: 0,
            },
            Ret::Fd(fd),
        ),
        (
            Call::Socketpair {
                domain: 1,
                kind: 5,
                protocol: 0,
            },
            Ret::Fds([Fd(6), Fd(7)]),
        ),
        (
            Call::Bind {
                fd,
                addr: SockAddr::UnixAbstract(b"name".to_vec()),
            },
            Ret::None,
        ),
        (
            Call::Bind {
                fd,
                addr: SockAddr::Other(16, vec![0, 0]),
            },
            Ret::None,
        ),
        (Call::Listen { fd, backlog: 128 }, Ret::None),
        (
            Call::Accept4 {
                fd,
                flags: OpenFlags::CLOEXEC | OpenFlags::NONBLOCK,
            },
            Ret::Accepted(Fd(6), SockAddr::UnixUnnamed),
        ),
        (Call::Connect { fd, addr: socket() }, Ret::None),
        (Call::Shutdown { fd, how: 1 }, Ret::None),
        (
            Call::Sendmsg {
                fd,
                data: b"x".to_vec(),
                fds: vec![Fd(8)],
                to: None,
                flags: MsgFlags::NOSIGNAL,
            },
            Ret::Int(1),
        ),
        (
            Call::Recvmsg {
                fd,
                count: 4096,
                flags: MsgFlags::CMSG_CLOEXEC,
            },
            Ret::Msg(Box::new(got)),
        ),
        (Call::Getsockname { fd }, Ret::SockAddr(socket())),
        (
            Call::Getpeername { fd },
            Ret::SockAddr(SockAddr::UnixUnnamed),
        ),
        (
            Call::Getsockopt {
                fd,
                level: 1,
                name: 4,
            },
            Ret::Int(0),
        ),
        (
            Call::Peercred { fd },
            Ret::Ucred(Ucred {
                pid: Pid(10),
                uid: 0,
                gid: 0,
            }),
        ),
        (
            Call::Setsockopt {
                fd,
                level: 1,
                name: 2,
                value: 1,
            },
            Ret::None,
        ),
    ]
}

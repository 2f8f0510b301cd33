//! The arguments of typed calls.

use super::Argument;
use super::parts::*;
use super::values::*;
use super::words::*;
use glassdock_abi::call::FcntlCmd;
use glassdock_abi::flags::AtFlags;
use glassdock_abi::types::mode::{S_IFBLK, S_IFCHR, S_IFMT};
use glassdock_abi::{Call, Ret};

/// Every argument that the call may have under any of its names.
pub(super) fn general(call: &Call, yielded: Option<&Ret>) -> Vec<Argument> {
    let bytes = match yielded {
        Some(Ret::Bytes(bytes)) => Some(data(bytes, bytes.len() < KEPT)),
        _ => None,
    };
    let number = |value: &u64| value.to_string();
    match call {
        Call::Openat2 { dirfd, path, how } => open(fd(*dirfd), text(path.as_bytes()), how),
        Call::Statx {
            dirfd,
            path,
            flags: how,
        } => {
            let out = match yielded {
                Some(Ret::Stat(found)) => Some(stat(found)),
                _ => None,
            };
            let mut all = args! { "dirfd": fd(*dirfd), "pathname": text(path.as_bytes()), "flags": flags(how) };
            all.extend(out.iter().map(|out| ("statbuf", out.clone())));
            all.extend(out.map(|out| ("statxbuf", out)));
            all
        }
        Call::Readlinkat { dirfd, path } => with(
            args! { "dirfd": fd(*dirfd), "pathname": text(path.as_bytes()) },
            2,
            "buf",
            bytes,
        ),
        Call::Faccessat2 {
            dirfd,
            path,
            mode,
            flags: how,
        } => {
            args! { "dirfd": fd(*dirfd), "pathname": text(path.as_bytes()), "mode": access(*mode), "flags": access_flags(how) }
        }
        Call::Mkdirat { dirfd, path, mode } => {
            args! { "dirfd": fd(*dirfd), "pathname": text(path.as_bytes()), "mode": octal(*mode) }
        }
        Call::Mknodat {
            dirfd,
            path,
            mode,
            dev: number,
        } => {
            let mut args = args! { "dirfd": fd(*dirfd), "pathname": text(path.as_bytes()), "mode": file_mode(*mode) };
            // Other files have no number.
            if matches!(mode & S_IFMT, S_IFCHR | S_IFBLK) {
                args.push(("dev", dev(*number)));
            }
            args
        }
        Call::Unlinkat {
            dirfd,
            path,
            flags: how,
        } => {
            args! { "dirfd": fd(*dirfd), "pathname": text(path.as_bytes()), "flags": flags(how) }
        }
        Call::Symlinkat {
            target,
            newdirfd,
            linkpath,
        } => {
            args! { "target": text(target.as_bytes()), "newdirfd": fd(*newdirfd), "linkpath": text(linkpath.as_bytes()) }
        }
        Call::Linkat {
            olddirfd,
            oldpath,
            newdirfd,
            newpath,
            flags: how,
        } => args! {
            "olddirfd": fd(*olddirfd), "oldpath": text(oldpath.as_bytes()), "newdirfd": fd(*newdirfd),
            "newpath": text(newpath.as_bytes()), "flags": flags(how),
        },
        Call::Renameat2 {
            olddirfd,
            oldpath,
            newdirfd,
            newpath,
            flags: how,
        } => args! {
            "olddirfd": fd(*olddirfd), "oldpath": text(oldpath.as_bytes()), "newdirfd": fd(*newdirfd),
            "newpath": text(newpath.as_bytes()), "flags": flags(how),
        },
        Call::Fchmodat {
            dirfd,
            path,
            mode,
            flags: how,
        } => {
            args! { "dirfd": fd(*dirfd), "pathname": text(path.as_bytes()), "mode": octal(*mode), "flags": flags(how) }
        }
        Call::Fchownat {
            dirfd,
            path,
            uid,
            gid,
            flags: how,
        } => args! {
            "dirfd": fd(*dirfd), "pathname": text(path.as_bytes()), "owner": id(*uid), "group": id(*gid),
            "flags": flags(how),
        },
        Call::Utimensat {
            dirfd,
            path,
            atime,
            mtime,
            flags: how,
        } => args! {
            "dirfd": fd(*dirfd), "pathname": text(path.as_bytes()),
            "times": list([*atime, *mtime].into_iter().map(time_set)), "flags": flags(how),
        },
        Call::Statfs { path } => with(
            args! { "path": text(path.as_bytes()) },
            1,
            "buf",
            figures(yielded),
        ),
        Call::Fstatfs { fd: file } => with(args! { "fd": fd(*file) }, 1, "buf", figures(yielded)),
        Call::Getxattr {
            path,
            name,
            follow: _,
        } => with(
            args! { "path": text(path.as_bytes()), "name": text(name) },
            2,
            "value",
            bytes,
        ),
        Call::Setxattr {
            path,
            name,
            value,
            flags: how,
            follow: _,
        } => args! {
            "path": text(path.as_bytes()), "name": text(name), "value": data(value, value.len() < KEPT),
            "size": length(value), "flags": flags(how),
        },
        Call::Listxattr { path, follow: _ } => {
            with(args! { "path": text(path.as_bytes()) }, 1, "list", bytes)
        }
        Call::Removexattr {
            path,
            name,
            follow: _,
        } => {
            args! { "path": text(path.as_bytes()), "name": text(name) }
        }
        Call::Fgetxattr { fd: file, name } => with(
            args! { "fd": fd(*file), "name": text(name) },
            2,
            "value",
            bytes,
        ),
        Call::Fsetxattr {
            fd: file,
            name,
            value,
            flags: how,
        } => args! {
            "fd": fd(*file), "name": text(name), "value": data(value, value.len() < KEPT), "size": length(value),
            "flags": flags(how),
        },
        Call::Close { fd: file }
        | Call::Fsync { fd: file }
        | Call::Fdatasync { fd: file }
        | Call::Fchdir { fd: file } => {
            args! { "fd": fd(*file) }
        }
        Call::CloseRange {
            first,
            last,
            flags: how,
        } => {
            let last = match *last {
                u32::MAX => "~0U".to_owned(),
                last => last.to_string(),
            };
            args! { "first": first.to_string(), "last": last, "flags": flags(how) }
        }
        Call::Read { fd: file, count } => with(
            args! { "fd": fd(*file), "count": number(count) },
            1,
            "buf",
            bytes,
        ),
        Call::Write {
            fd: file,
            data: sent,
        } => {
            args! { "fd": fd(*file), "buf": sent_data(sent, yielded), "count": sent_count(sent, yielded) }
        }
        Call::Pread64 {
            fd: file,
            count,
            offset,
        } => with(
            args! { "fd": fd(*file), "count": number(count), "offset": number(offset) },
            1,
            "buf",
            bytes,
        ),
        Call::Pwrite64 {
            fd: file,
            data: sent,
            offset,
        } => args! {
            "fd": fd(*file), "buf": sent_data(sent, yielded), "count": sent_count(sent, yielded),
            "offset": number(offset),
        },
        Call::Lseek {
            fd: file,
            offset,
            whence: from,
        } => {
            args! { "fd": fd(*file), "offset": offset.to_string(), "whence": whence(*from) }
        }
        Call::Getdents64 { fd: file, count } => {
            let out = match yielded {
                Some(Ret::Dirents(entries)) => Some(dirents(entries)),
                _ => None,
            };
            with(
                args! { "fd": fd(*file), "count": number(count) },
                1,
                "dirp",
                out,
            )
        }
        Call::Ftruncate { fd: file, length } => args! { "fd": fd(*file), "length": number(length) },
        Call::Fallocate {
            fd: file,
            mode,
            offset,
            len,
        } => args! {
            "fd": fd(*file), "mode": fallocate(*mode), "offset": number(offset), "len": number(len),
        },
        Call::Flock {
            fd: file,
            operation,
        } => args! { "fd": fd(*file), "operation": flock(*operation) },
        Call::CopyFileRange {
            fd_in,
            off_in,
            fd_out,
            off_out,
            len,
        } => args! {
            "fd_in": fd(*fd_in), "off_in": place(*off_in), "fd_out": fd(*fd_out), "off_out": place(*off_out),
            "len": number(len), "flags": "0".to_owned(),
        },
        Call::Sendfile {
            out_fd,
            in_fd,
            offset,
            count,
        } => args! {
            "out_fd": fd(*out_fd), "in_fd": fd(*in_fd), "offset": place(*offset), "count": number(count),
        },
        Call::Dup3 {
            oldfd,
            newfd,
            flags: how,
        } => {
            args! { "oldfd": fd(*oldfd), "newfd": fd(*newfd), "flags": close_on_exec(*how) }
        }
        Call::Fcntl { fd: file, cmd } => {
            let (name, arg) = fcntl(cmd);
            let mut all = args! { "fd": fd(*file), "op": name };
            all.extend(arg.map(|arg| ("arg", arg)));
            // `dup` is the same without a lower bound.
            all.push(("oldfd", fd(*file)));
            all.retain(|(name, _)| *name != "oldfd" || matches!(cmd, FcntlCmd::Dup(0, false)));
            all
        }
        Call::Ioctl { fd: file, request } => {
            let (name, arg) = ioctl(request);
            let arg = arg.or_else(|| answered(request, yielded));
            with(args! { "fd": fd(*file), "op": name }, 2, "argp", arg)
        }
        Call::Ppoll { fds, timeout } => poll(fds, *timeout),
        Call::MemfdCreate { name, flags: how } => args! { "name": text(name), "flags": flags(how) },
        Call::Pipe2 { flags: how } => with(
            args! { "flags": close_on_exec(*how) },
            0,
            "pipefd",
            both(yielded),
        ),
        Call::Socket {
            domain,
            kind,
            protocol,
        } => args! {
            "domain": family(*domain), "type": socket_kind(*kind), "protocol": protocol.to_string(),
        },
        Call::Socketpair {
            domain,
            kind,
            protocol,
        } => with(
            args! { "domain": family(*domain), "type": socket_kind(*kind), "protocol": protocol.to_string() },
            3,
            "sv",
            both(yielded),
        ),
        Call::Bind { fd: file, addr } | Call::Connect { fd: file, addr } => {
            args! { "sockfd": fd(*file), "addr": sockaddr(addr) }
        }
        Call::Listen { fd: file, backlog } => {
            args! { "sockfd": fd(*file), "backlog": backlog.to_string() }
        }
        Call::Accept4 {
            fd: file,
            flags: how,
        } => with(
            args! { "sockfd": fd(*file), "flags": accept_flags(how.bits()) },
            1,
            "addr",
            address(yielded),
        ),
        Call::Shutdown { fd: file, how } => args! { "sockfd": fd(*file), "how": shutdown(*how) },
        Call::Sendmsg {
            fd: file,
            data: sent,
            fds: handed,
            to,
            flags: how,
        } => {
            let buffer = sent_data(sent, yielded);
            let name = or_null(to.as_ref(), sockaddr);
            args! {
                "sockfd": fd(*file), "msg": message(&name, &buffer, handed), "buf": buffer,
                "len": sent_count(sent, yielded), "flags": flags(how), "dest_addr": name,
            }
        }
        Call::Recvmsg {
            fd: file,
            count,
            flags: how,
        } => received(fd(*file), *count, flags(how), yielded),
        Call::Getsockname { fd: file } | Call::Getpeername { fd: file } => {
            with(args! { "sockfd": fd(*file) }, 1, "addr", address(yielded))
        }
        Call::Getsockopt {
            fd: file,
            level,
            name,
        } => {
            let (level, name) = socket_option(*level, *name);
            let out = match yielded {
                Some(Ret::Int(value)) => Some(format!("[{value}]")),
                _ => None,
            };
            with(
                args! { "sockfd": fd(*file), "level": level, "optname": name },
                3,
                "optval",
                out,
            )
        }
        Call::Peercred { fd: file } => {
            let out = match yielded {
                Some(Ret::Ucred(cred)) => Some(ucred(cred)),
                _ => None,
            };
            with(
                args! {
                    "sockfd": fd(*file), "level": "SOL_SOCKET".to_owned(), "optname": "SO_PEERCRED".to_owned(),
                },
                3,
                "optval",
                out,
            )
        }
        Call::Setsockopt {
            fd: file,
            level,
            name,
            value,
        } => {
            let (level, name) = socket_option(*level, *name);
            args! { "sockfd": fd(*file), "level": level, "optname": name, "optval": format!("[{value}]") }
        }
        Call::Waitid { .. } => waited("waitid", call, yielded),
        Call::PidfdOpen { pid, flags: how } => {
            args! { "pid": pid.0.to_string(), "flags": hex((*how).into()) }
        }
        Call::PidfdSendSignal { pidfd, signal } => args! {
            "pidfd": fd(*pidfd), "sig": signal_name(*signal), "info": "NULL".to_owned(), "flags": "0".to_owned(),
        },
        Call::Kill { pid, signal } => {
            args! { "pid": pid.0.to_string(), "sig": signal_name(*signal) }
        }
        Call::Signalfd4 {
            fd: file,
            mask,
            flags: how,
        } => args! {
            "fd": file.map_or_else(|| "-1".to_owned(), fd), "mask": signals(*mask), "flags": signalfd_flags(*how),
        },
        Call::RtSigprocmask { how, set } => {
            let name = named(
                &[(0, "SIG_BLOCK"), (1, "SIG_UNBLOCK"), (2, "SIG_SETMASK")],
                (*how).into(),
            );
            let out = match yielded {
                Some(Ret::Int(old)) => Some(signals(*old as u64)),
                _ => None,
            };
            with(
                args! { "how": name, "set": signals(*set) },
                2,
                "oldset",
                out,
            )
        }
        Call::Prlimit64 {
            pid,
            resource: which,
            new,
        } => {
            let out = match yielded {
                Some(Ret::Rlimit(old)) => Some(rlimit(old)),
                _ => None,
            };
            with(
                args! {
                    "pid": pid.0.to_string(), "resource": resource(*which), "new_limit": or_null(new.as_ref(), rlimit),
                },
                3,
                "old_limit",
                out,
            )
        }
        Call::Mount {
            source,
            target,
            fstype,
            flags: how,
            data: options,
        } => args! {
            "source": text(source.as_bytes()), "target": text(target.as_bytes()), "filesystemtype": text(fstype),
            "mountflags": flags(how), "data": text(options),
        },
        Call::Umount2 { target, flags: how } => {
            args! { "target": text(target.as_bytes()), "flags": flags(how) }
        }
        Call::OpenTree {
            dirfd,
            path,
            flags: how,
        } => args! { "dfd": fd(*dirfd), "filename": text(path.as_bytes()), "flags": flags(how) },
        Call::MoveMount {
            from_dirfd,
            from_pathname,
            to_dirfd,
            to_pathname,
            flags: how,
        } => args! {
            "from_dfd": fd(*from_dirfd), "from_pathname": text(from_pathname.as_bytes()), "to_dfd": fd(*to_dirfd),
            "to_pathname": text(to_pathname.as_bytes()), "flags": flags(how),
        },
        Call::MountSetattr {
            dirfd,
            path,
            flags: how,
            attr,
        } => {
            let userns = attr
                .userns
                .map(|userns| format!(", userns_fd={}", fd(userns)));
            let whole = format!(
                "{{attr_set={}, attr_clr={}, propagation={}{}}}",
                flags(&attr.set),
                flags(&attr.clear),
                flags(&attr.propagation),
                userns.unwrap_or_default()
            );
            args! { "dfd": fd(*dirfd), "path": text(path.as_bytes()), "flags": flags(how), "uattr": whole }
        }
        Call::ClockGettime { clock: which } => {
            let out = match yielded {
                Some(Ret::Time(time)) => Some(timespec(*time)),
                _ => None,
            };
            with(args! { "clockid": clock(*which) }, 1, "tp", out)
        }
        Call::ClockNanosleep {
            clock: which,
            absolute,
            time,
        } => {
            let how = if *absolute { "TIMER_ABSTIME" } else { "0" };
            args! { "clockid": clock(*which), "flags": how.to_owned(), "request": timespec(*time) }
        }
        Call::Getrandom { count } => with(
            args! { "buflen": number(count), "flags": "0".to_owned() },
            0,
            "buf",
            bytes,
        ),
        Call::Getpid {}
        | Call::Getppid {}
        | Call::Getuid {}
        | Call::Geteuid {}
        | Call::Getgid {}
        | Call::Getegid {}
        | Call::Setsid {} => Vec::new(),
        Call::Clone3 { args } => args! { "cl_args": clone_args(args) },
        Call::Execveat {
            dirfd,
            path,
            argv,
            envp,
            flags: how,
        } => args! {
            "dirfd": fd(*dirfd), "pathname": text(path.as_bytes()), "argv": strings(argv), "envp": strings(envp),
            "flags": flags(how),
        },
        Call::ExitGroup { status } => args! { "status": status.to_string() },
        Call::Unshare { flags: kinds } => args! { "flags": flags(kinds) },
        Call::Setns { fd: file, nstype } => args! { "fd": fd(*file), "nstype": flags(nstype) },
        Call::Chdir { path } | Call::Chroot { path } => args! { "path": text(path.as_bytes()) },
        Call::Getcwd {} => with(Vec::new(), 0, "buf", bytes),
        Call::PivotRoot { new_root, put_old } => {
            args! { "new_root": text(new_root.as_bytes()), "put_old": text(put_old.as_bytes()) }
        }
        Call::Umask { mask } => args! { "mask": octal(*mask) },
        Call::Setresuid { ruid, euid, suid } => {
            args! { "ruid": id(*ruid), "euid": id(*euid), "suid": id(*suid) }
        }
        Call::Setresgid { rgid, egid, sgid } => {
            args! { "rgid": id(*rgid), "egid": id(*egid), "sgid": id(*sgid) }
        }
        Call::Setgroups { groups } => {
            args! { "size": groups.len().to_string(), "list": ids(groups) }
        }
        Call::Getgroups {} => {
            let out = match yielded {
                Some(Ret::Groups(groups)) => Some(ids(groups)),
                _ => None,
            };
            with(Vec::new(), 0, "list", out)
        }
        Call::Capget {} => {
            let out = match yielded {
                Some(Ret::Caps(sets)) => Some(sets),
                _ => None,
            };
            capabilities(out)
        }
        Call::Capset { sets } => capabilities(Some(sets)),
        Call::Prctl { op } => ["op", "arg2", "arg3", "arg4", "arg5"]
            .into_iter()
            .zip(prctl(op))
            .collect(),
        Call::Seccomp { flags, filter } => {
            args! {
                "operation": "SECCOMP_SET_MODE_FILTER".to_owned(),
                "flags": match flags {
                    0 => "0".to_owned(),
                    flags => format!("{flags:#x}"),
                },
                "args": format!("{{len={}, filter=...}}", filter.len()),
            }
        }
        Call::Setpgid { pid, pgid } => {
            args! { "pid": pid.0.to_string(), "pgid": pgid.0.to_string() }
        }
        Call::Getpgid { pid } | Call::Getsid { pid } => args! { "pid": pid.0.to_string() },
        Call::Sethostname { name } | Call::Setdomainname { name } => {
            args! { "name": text(name), "len": length(name) }
        }
    }
}

/// The flags of `faccessat2`, one of which has the number of another call's.
fn access_flags(how: &AtFlags) -> String {
    flags(how).replace("AT_REMOVEDIR", "AT_EACCESS")
}

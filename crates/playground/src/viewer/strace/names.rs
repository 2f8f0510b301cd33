//! Calls that are made in several ways: the arguments that each of them has.

use super::Argument;
use super::calls::general;
use super::parts::waited;
use glassdock_abi::{Call, Ret};

/// Calls that are made in several ways, by the names of those with fewer arguments than the most general one: what each
/// has, in order.
const SHORTER: [(&str, &[&str]); 44] = [
    ("accept", &["sockfd", "addr"]),
    ("access", &["pathname", "mode"]),
    ("chmod", &["pathname", "mode"]),
    ("chown", &["pathname", "owner", "group"]),
    ("creat", &["pathname", "mode"]),
    ("dup", &["oldfd"]),
    ("dup2", &["oldfd", "newfd"]),
    ("execve", &["pathname", "argv", "envp"]),
    ("faccessat", &["dirfd", "pathname", "mode"]),
    ("fchmod", &["fd", "mode"]),
    ("fchmodat", &["dirfd", "pathname", "mode"]),
    ("fchown", &["fd", "owner", "group"]),
    ("fstat", &["fd", "statbuf"]),
    ("futimesat", &["dirfd", "pathname", "times"]),
    ("getpgrp", &[]),
    ("getrlimit", &["resource", "old_limit"]),
    ("lchown", &["pathname", "owner", "group"]),
    ("link", &["oldpath", "newpath"]),
    ("lstat", &["pathname", "statbuf"]),
    ("mkdir", &["pathname", "mode"]),
    ("mknod", &["pathname", "mode", "dev"]),
    ("nanosleep", &["request"]),
    ("newfstatat", &["dirfd", "pathname", "statbuf", "flags"]),
    ("open", &["pathname", "flags", "mode"]),
    ("openat", &["dirfd", "pathname", "flags", "mode"]),
    ("openat2", &["dirfd", "pathname", "how"]),
    ("pipe", &["pipefd"]),
    ("poll", &["fds", "nfds", "timeout"]),
    ("ppoll", &["fds", "nfds", "tmo_p"]),
    ("readlink", &["pathname", "buf"]),
    ("recvfrom", &["sockfd", "buf", "len", "flags", "src_addr"]),
    ("recvmsg", &["sockfd", "msg", "flags"]),
    ("rename", &["oldpath", "newpath"]),
    ("renameat", &["olddirfd", "oldpath", "newdirfd", "newpath"]),
    ("rmdir", &["pathname"]),
    ("sendmsg", &["sockfd", "msg", "flags"]),
    ("sendto", &["sockfd", "buf", "len", "flags", "dest_addr"]),
    ("setrlimit", &["resource", "new_limit"]),
    ("stat", &["pathname", "statbuf"]),
    ("statx", &["dirfd", "pathname", "flags", "statxbuf"]),
    ("symlink", &["target", "linkpath"]),
    ("unlink", &["pathname"]),
    ("utime", &["pathname", "times"]),
    ("utimes", &["pathname", "times"]),
];

/// The arguments of `call` as the call `name`, by which a program made it, has them. What it put into the caller's
/// memory (`yielded`) is among them; it is missing while the call waits, and after an error.
pub fn arguments(name: &str, call: &Call, yielded: Option<&Ret>) -> Vec<Argument> {
    let mut all = general(call, yielded);
    match name {
        "wait4" | "waitid" => return waited(name, call, yielded),
        "fchmod" | "fchown" | "fstat" => rename(&mut all, "dirfd", "fd"),
        _ => {}
    }
    let Ok(at) = SHORTER.binary_search_by_key(&name, |(known, _)| known) else {
        return all;
    };
    let mut kept = Vec::new();
    for wanted in SHORTER[at].1 {
        kept.extend(all.iter().find(|(own, _)| own == wanted).cloned());
    }
    kept
}

fn rename(arguments: &mut [Argument], from: &str, to: &'static str) {
    for argument in arguments.iter_mut().filter(|(name, _)| *name == from) {
        argument.0 = to;
    }
}

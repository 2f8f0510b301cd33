//! Arguments that are more than one value, and what a call put into the caller's memory.

use super::Argument;
use super::values::*;
use super::words::*;
use glassdock_abi::call::IoctlReq;
use glassdock_abi::flags::{OpenFlags, WaitFlags};
use glassdock_abi::types::{CapSets, OpenHow, PollFd, Timespec};
use glassdock_abi::{Call, Fd, Ret};

/// Bytes of a call's data that the trace keeps: where it holds as many, there may have been more.
pub(super) const KEPT: usize = 256;
/// Items of a list that it keeps.
pub(super) const KEPT_ITEMS: usize = 64;

/// Arguments by name.
macro_rules! args {
    ($($name:literal: $value:expr),* $(,)?) => { vec![$(($name, $value)),*] };
}
pub(super) use args;

/// Puts what the call yielded among the arguments, before the one at `at`, where it yielded something.
pub(super) fn with(
    mut args: Vec<Argument>,
    at: usize,
    name: &'static str,
    out: Option<String>,
) -> Vec<Argument> {
    if let Some(out) = out {
        args.insert(at, (name, out));
    }
    args
}

pub(super) fn open(dirfd: String, pathname: String, how: &OpenHow) -> Vec<Argument> {
    let makes = how
        .flags
        .intersects(OpenFlags::CREAT | OpenFlags::TMPFILE.difference(OpenFlags::DIRECTORY));
    let mode = if how.mode != 0 || makes {
        format!(", mode={}", octal(how.mode))
    } else {
        String::new()
    };
    let whole = format!(
        "{{flags={}{mode}, resolve={}}}",
        flags(&how.flags),
        flags(&how.resolve)
    );
    let mut all =
        args! { "dirfd": dirfd, "pathname": pathname, "flags": flags(&how.flags), "how": whole };
    if makes {
        all.insert(3, ("mode", octal(how.mode)));
    }
    all
}

pub(super) fn poll(fds: &[PollFd], timeout: Option<u64>) -> Vec<Argument> {
    let asked = fds
        .iter()
        .map(|one| format!("{{fd={}, events={}}}", one.fd.0, flags(&one.events)));
    let exact = timeout.map(Timespec::from_nanos);
    let millis = timeout.map_or_else(|| "-1".to_owned(), |nanos| (nanos / 1_000_000).to_string());
    args! {
        "fds": list(asked), "nfds": fds.len().to_string(), "timeout": millis, "tmo_p": or_null(exact, timespec),
    }
}

pub(super) fn received(
    sockfd: String,
    count: u64,
    how: String,
    yielded: Option<&Ret>,
) -> Vec<Argument> {
    let mut all = args! { "sockfd": sockfd, "len": count.to_string(), "flags": how };
    if let Some(Ret::Msg(got)) = yielded {
        let buffer = data(&got.data, got.data.len() < KEPT);
        let name = or_null(got.from.as_ref(), sockaddr);
        all.insert(1, ("msg", message(&name, &buffer, &got.fds)));
        all.insert(2, ("buf", buffer));
        all.push(("src_addr", name));
    }
    all
}

pub(super) fn waited(name: &str, call: &Call, yielded: Option<&Ret>) -> Vec<Argument> {
    let Call::Waitid { which, options } = call else {
        return Vec::new();
    };
    let change = match yielded {
        Some(Ret::Waited(change)) => Some(*change),
        _ => None,
    };
    if name == "wait4" {
        let asked = *options - WaitFlags::EXITED;
        let out = change.map(|change| or_null(change, |change| wait_status(change.status)));
        return with(
            args! { "pid": wait_pid(*which), "options": flags(&asked) },
            1,
            "wstatus",
            out,
        );
    }
    let (idtype, number) = wait_for(*which);
    let out = change.map(|change| match change {
        None => "{}".to_owned(),
        Some(change) => format!(
            "{{si_signo=SIGCHLD, {}, si_pid={}, si_uid={}}}",
            child_code(change.status),
            change.pid.0,
            change.uid
        ),
    });
    with(
        args! { "idtype": idtype, "id": number, "options": flags(options) },
        2,
        "infop",
        out,
    )
}

/// What a request of `ioctl` put into the caller's memory.
pub(super) fn answered(request: &IoctlReq, yielded: Option<&Ret>) -> Option<String> {
    match (request, yielded?) {
        (_, Ret::Termios(settings)) => Some(termios(settings)),
        (_, Ret::Winsize(size)) => Some(winsize(size)),
        (IoctlReq::Tiocgpgrp | IoctlReq::Tiocgsid, Ret::Pid(pid)) => Some(format!("[{}]", pid.0)),
        (request, Ret::Int(number)) if answers_by_pointer(request) => Some(format!("[{number}]")),
        _ => None,
    }
}

/// Whether a request puts its one number into the caller's memory, and returns zero.
pub(super) fn answers_by_pointer(request: &IoctlReq) -> bool {
    matches!(
        request,
        IoctlReq::Tiocgpgrp | IoctlReq::Tiocgsid | IoctlReq::Tiocgptn | IoctlReq::Fionread
    )
}

pub(super) fn message(name: &str, buffer: &str, handed: &[Fd]) -> String {
    let control = match handed {
        [] => String::new(),
        handed => format!(
            ", msg_control=[{{cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data={}}}]",
            fds(handed)
        ),
    };
    format!("{{msg_name={name}, msg_iov=[{{iov_base={buffer}}}]{control}}}")
}

pub(super) fn capabilities(sets: Option<&CapSets>) -> Vec<Argument> {
    let mut all = args! { "hdrp": "{version=_LINUX_CAPABILITY_VERSION_3, pid=0}".to_owned() };
    all.extend(sets.map(|sets| ("datap", cap_sets(sets))));
    all
}

pub(super) fn figures(yielded: Option<&Ret>) -> Option<String> {
    match yielded {
        Some(Ret::StatFs(found)) => Some(statfs(found)),
        _ => None,
    }
}

pub(super) fn address(yielded: Option<&Ret>) -> Option<String> {
    match yielded {
        Some(Ret::SockAddr(addr) | Ret::Accepted(_, addr)) => Some(sockaddr(addr)),
        _ => None,
    }
}

pub(super) fn both(yielded: Option<&Ret>) -> Option<String> {
    match yielded {
        Some(Ret::Fds(made)) => Some(fds(made)),
        _ => None,
    }
}

/// How many bytes were given; where the trace kept the beginning only, as many as were taken are known.
pub(super) fn sent_count(sent: &[u8], yielded: Option<&Ret>) -> String {
    let taken = match yielded {
        Some(Ret::Int(taken)) => usize::try_from(*taken).unwrap_or_default(),
        _ => 0,
    };
    match sent.len() {
        KEPT.. if taken > sent.len() => taken.to_string(),
        KEPT.. => format!("≥ {KEPT}"),
        whole => whole.to_string(),
    }
}

pub(super) fn sent_data(sent: &[u8], yielded: Option<&Ret>) -> String {
    let exactly = matches!(yielded, Some(Ret::Int(taken)) if *taken == sent.len() as i64);
    data(sent, sent.len() < KEPT || exactly)
}

pub(super) fn length(bytes: &[u8]) -> String {
    match bytes.len() {
        KEPT.. => format!("≥ {KEPT}"),
        whole => whole.to_string(),
    }
}

pub(super) fn strings(items: &[Vec<u8>]) -> String {
    let mut all: Vec<String> = items
        .iter()
        .map(|item| data(item, item.len() < KEPT))
        .collect();
    if items.len() >= KEPT_ITEMS {
        all.push("...".to_owned());
    }
    list(all.into_iter())
}

pub(super) fn ids(groups: &[u32]) -> String {
    list(groups.iter().map(u32::to_string))
}

pub(super) fn place(offset: Option<u64>) -> String {
    or_null(offset, |offset| format!("[{offset}]"))
}

/// Flags of a new descriptor, which have no access mode.
pub(super) fn close_on_exec(how: OpenFlags) -> String {
    let names = [
        (OpenFlags::CLOEXEC.bits().into(), "O_CLOEXEC"),
        (OpenFlags::NONBLOCK.bits().into(), "O_NONBLOCK"),
        (OpenFlags::DIRECT.bits().into(), "O_DIRECT"),
    ];
    bits(how.bits().into(), &names, "0")
}

pub(super) fn signalfd_flags(how: OpenFlags) -> String {
    let names = [
        (OpenFlags::CLOEXEC.bits().into(), "SFD_CLOEXEC"),
        (OpenFlags::NONBLOCK.bits().into(), "SFD_NONBLOCK"),
    ];
    bits(how.bits().into(), &names, "0")
}

//! What a call yields: the number in the register.

use super::parts::{KEPT, KEPT_ITEMS, answers_by_pointer};
use super::values::{bits, flags, hex, list, octal};
use glassdock_abi::call::FcntlCmd;
use glassdock_abi::flags::{OpenFlags, PollEvents};
use glassdock_abi::types::{Dirent, PollFd};
use glassdock_abi::{Call, Ret};

/// Bytes of an entry of `getdents64` beside its name and the byte that ends it; entries are aligned to eight.
const DIRENT: usize = 19;

/// The number that a call, made under a name, returned: as `strace` prints it behind the `=`, with what it means where
/// it is a word of flags. Of data of which the trace kept the beginning, `≥` and how much that is.
pub fn result(name: &str, call: &Call, ret: &Ret) -> String {
    match ret {
        Ret::Int(number) => int(call, *number),
        Ret::Fd(fd) | Ret::Accepted(fd, _) => fd.0.to_string(),
        Ret::Pid(pid) => int(call, pid.0.into()),
        Ret::Bytes(bytes) => {
            let nul = usize::from(matches!(call, Call::Getcwd {}));
            at_least(bytes.len() + nul, bytes.len() >= KEPT)
        }
        Ret::Msg(message) => at_least(message.data.len(), message.data.len() >= KEPT),
        Ret::Dirents(entries) => at_least(
            entries.iter().map(dirent).sum(),
            entries.len() >= KEPT_ITEMS,
        ),
        Ret::Waited(Some(change)) if name == "wait4" => change.pid.0.to_string(),
        Ret::Polled(events) => polled(call, events),
        Ret::Groups(groups) => groups.len().to_string(),
        Ret::None
        | Ret::Fds(_)
        | Ret::Stat(_)
        | Ret::StatFs(_)
        | Ret::SockAddr(_)
        | Ret::Ucred(_)
        | Ret::Waited(_)
        | Ret::Time(_)
        | Ret::Rlimit(_)
        | Ret::Termios(_)
        | Ret::Winsize(_)
        | Ret::Caps(_) => "0".to_owned(),
    }
}

/// A number: of some calls a word of flags, and of some what they put into the caller's memory.
fn int(call: &Call, number: i64) -> String {
    match call {
        Call::Umask { .. } => octal(number as u32),
        Call::Fcntl {
            cmd: FcntlCmd::GetFd,
            ..
        } => meant(number, bits(number as u64, &[(1, "FD_CLOEXEC")], "")),
        Call::Fcntl {
            cmd: FcntlCmd::GetFl,
            ..
        } => meant(number, flags(&OpenFlags::from_bits_retain(number as u32))),
        Call::Ioctl { request, .. } if answers_by_pointer(request) => "0".to_owned(),
        Call::Getsockopt { .. } | Call::RtSigprocmask { .. } => "0".to_owned(),
        _ => number.to_string(),
    }
}

fn meant(number: i64, names: String) -> String {
    match names.as_str() {
        "" => hex(number as u64),
        names => format!("{} (flags {names})", hex(number as u64)),
    }
}

/// How many descriptors are ready, and which; none at the end of the time.
fn polled(call: &Call, events: &[PollEvents]) -> String {
    let asked: &[PollFd] = match call {
        Call::Ppoll { fds, .. } => fds,
        _ => &[],
    };
    let ready: Vec<String> = asked
        .iter()
        .zip(events)
        .filter(|(_, found)| !found.is_empty())
        .map(|(one, found)| format!("{{fd={}, revents={}}}", one.fd.0, flags(found)))
        .collect();
    match ready.len() {
        0 => "0 (Timeout)".to_owned(),
        count => format!("{count} ({})", list(ready.into_iter())),
    }
}

fn dirent(entry: &Dirent) -> usize {
    (DIRENT + entry.name.len() + 1).next_multiple_of(8)
}

fn at_least(number: usize, more: bool) -> String {
    match more {
        true => format!("≥ {number}"),
        false => number.to_string(),
    }
}

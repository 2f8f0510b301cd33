//! Words of sockets, terminals, capabilities and `prctl`.

use super::values::{bits, flags, hex, named, signal_name, text};
use glassdock_abi::call::{IoctlReq, PrctlOp};
use glassdock_abi::types::{CapSets, SockAddr, Termios, Ucred, Winsize, capability};

const SOL_SOCKET: u32 = 1;
/// Options of `SOL_SOCKET` (`man 7 socket`).
const SOCKET_OPTIONS: [(u64, &str); 14] = [
    (2, "SO_REUSEADDR"),
    (3, "SO_TYPE"),
    (4, "SO_ERROR"),
    (6, "SO_BROADCAST"),
    (7, "SO_SNDBUF"),
    (8, "SO_RCVBUF"),
    (9, "SO_KEEPALIVE"),
    (16, "SO_PASSCRED"),
    (17, "SO_PEERCRED"),
    (20, "SO_RCVTIMEO"),
    (21, "SO_SNDTIMEO"),
    (30, "SO_ACCEPTCONN"),
    (38, "SO_PROTOCOL"),
    (39, "SO_DOMAIN"),
];

const FAMILIES: [(u64, &str); 5] = [
    (0, "AF_UNSPEC"),
    (1, "AF_UNIX"),
    (2, "AF_INET"),
    (10, "AF_INET6"),
    (16, "AF_NETLINK"),
];

/// Kinds of sockets, below the flags.
const SOCKETS: [(u64, &str); 4] = [
    (1, "SOCK_STREAM"),
    (2, "SOCK_DGRAM"),
    (3, "SOCK_RAW"),
    (5, "SOCK_SEQPACKET"),
];
const SOCK_NONBLOCK: u32 = 0o4000;
const SOCK_CLOEXEC: u32 = 0o2000000;

/// The request of an `ioctl`, and its argument where it has one that goes in.
pub(super) fn ioctl(request: &IoctlReq) -> (String, Option<String>) {
    let flag = |on: &bool| Some(format!("[{}]", u8::from(*on)));
    let (name, arg) = match request {
        IoctlReq::Tcgets => ("TCGETS", None),
        IoctlReq::Tcsets(settings, 1) => ("TCSETSW", Some(termios(settings))),
        IoctlReq::Tcsets(settings, 2) => ("TCSETSF", Some(termios(settings))),
        IoctlReq::Tcsets(settings, _) => ("TCSETS", Some(termios(settings))),
        IoctlReq::Tiocgwinsz => ("TIOCGWINSZ", None),
        IoctlReq::Tiocswinsz(size) => ("TIOCSWINSZ", Some(winsize(size))),
        IoctlReq::Tiocsctty(steal) => ("TIOCSCTTY", Some(u8::from(*steal).to_string())),
        IoctlReq::Tiocnotty => ("TIOCNOTTY", None),
        IoctlReq::Tiocgpgrp => ("TIOCGPGRP", None),
        IoctlReq::Tiocspgrp(group) => ("TIOCSPGRP", Some(format!("[{}]", group.0))),
        IoctlReq::Tiocgsid => ("TIOCGSID", None),
        IoctlReq::Tiocgptn => ("TIOCGPTN", None),
        IoctlReq::Tiocsptlck(lock) => ("TIOCSPTLCK", flag(lock)),
        IoctlReq::Tiocgptpeer(how) => ("TIOCGPTPEER", Some(flags(how))),
        IoctlReq::Fionread => ("FIONREAD", None),
        IoctlReq::Fionbio(on) => ("FIONBIO", flag(on)),
        IoctlReq::Other(request, arg) => return (hex((*request).into()), Some(hex(*arg))),
    };
    (name.to_owned(), arg)
}

/// Input, output and local modes of a terminal (`man 3 termios`); the rest in octal.
pub(super) fn termios(settings: &Termios) -> String {
    let local = [
        (0o1, "ISIG"),
        (0o2, "ICANON"),
        (0o10, "ECHO"),
        (0o20, "ECHOE"),
        (0o40, "ECHOK"),
        (0o100, "ECHONL"),
        (0o200, "NOFLSH"),
        (0o400, "TOSTOP"),
        (0o1000, "ECHOCTL"),
        (0o4000, "ECHOKE"),
        (0o100000, "IEXTEN"),
    ];
    let input = [
        (0o1, "IGNBRK"),
        (0o2, "BRKINT"),
        (0o40, "ISTRIP"),
        (0o100, "INLCR"),
        (0o200, "IGNCR"),
        (0o400, "ICRNL"),
        (0o2000, "IXON"),
        (0o4000, "IXANY"),
        (0o10000, "IXOFF"),
        (0o20000, "IMAXBEL"),
        (0o40000, "IUTF8"),
    ];
    let output = [(0o1, "OPOST"), (0o4, "ONLCR"), (0o10, "OCRNL")];
    format!(
        "{{c_iflag={}, c_oflag={}, c_cflag={}, c_lflag={}, ...}}",
        bits(settings.iflag.into(), &input, "0"),
        bits(settings.oflag.into(), &output, "0"),
        hex(settings.cflag.into()),
        bits(settings.lflag.into(), &local, "0"),
    )
}

pub(super) fn winsize(size: &Winsize) -> String {
    format!(
        "{{ws_row={}, ws_col={}, ws_xpixel={}, ws_ypixel={}}}",
        size.rows, size.cols, size.xpixel, size.ypixel
    )
}

pub(super) fn family(domain: u32) -> String {
    named(&FAMILIES, domain.into())
}

pub(super) fn socket_kind(kind: u32) -> String {
    let mut text = named(&SOCKETS, (kind & !(SOCK_NONBLOCK | SOCK_CLOEXEC)).into());
    if kind & SOCK_CLOEXEC != 0 {
        text.push_str("|SOCK_CLOEXEC");
    }
    if kind & SOCK_NONBLOCK != 0 {
        text.push_str("|SOCK_NONBLOCK");
    }
    text
}

/// Flags of `accept4`: the same bits under the names that sockets have for them.
pub(super) fn accept_flags(bits_of_open: u32) -> String {
    let names = [
        (SOCK_CLOEXEC.into(), "SOCK_CLOEXEC"),
        (SOCK_NONBLOCK.into(), "SOCK_NONBLOCK"),
    ];
    bits(bits_of_open.into(), &names, "0")
}

pub(super) fn sockaddr(addr: &SockAddr) -> String {
    match addr {
        SockAddr::UnixUnnamed => "{sa_family=AF_UNIX}".to_owned(),
        SockAddr::Unix(path) => {
            format!("{{sa_family=AF_UNIX, sun_path={}}}", text(path.as_bytes()))
        }
        SockAddr::UnixAbstract(name) => format!("{{sa_family=AF_UNIX, sun_path=@{}}}", text(name)),
        SockAddr::Other(number, data) => format!(
            "{{sa_family={}, sa_data={}}}",
            family((*number).into()),
            text(data)
        ),
    }
}

pub(super) fn shutdown(how: u32) -> String {
    named(
        &[(0, "SHUT_RD"), (1, "SHUT_WR"), (2, "SHUT_RDWR")],
        how.into(),
    )
}

/// Level and name of a socket's option.
pub(super) fn socket_option(level: u32, name: u32) -> (String, String) {
    match level {
        SOL_SOCKET => ("SOL_SOCKET".to_owned(), named(&SOCKET_OPTIONS, name.into())),
        level => (hex(level.into()), hex(name.into())),
    }
}

pub(super) fn ucred(cred: &Ucred) -> String {
    format!("{{pid={}, uid={}, gid={}}}", cred.pid.0, cred.uid, cred.gid)
}

fn capability(number: u32) -> String {
    match capability::NAMES.get(number as usize) {
        Some(name) => format!("CAP_{name}"),
        None => number.to_string(),
    }
}

/// A set of capabilities: the names, or the word where it has nearly all of them.
fn capabilities(set: u64) -> String {
    if set == 0 || set.count_ones() > capability::NAMES.len() as u32 / 2 {
        return hex(set);
    }
    let names: Vec<String> = (0..64)
        .filter(|number| set >> number & 1 != 0)
        .map(capability)
        .collect();
    names.join("|")
}

pub(super) fn cap_sets(sets: &CapSets) -> String {
    format!(
        "{{effective={}, permitted={}, inheritable={}}}",
        capabilities(sets.effective),
        capabilities(sets.permitted),
        capabilities(sets.inheritable)
    )
}

/// The operation of a `prctl` and its arguments.
pub(super) fn prctl(op: &PrctlOp) -> Vec<String> {
    let on = |flag: &bool| u8::from(*flag).to_string();
    let (name, args) = match op {
        PrctlOp::SetPdeathsig(number) => ("PR_SET_PDEATHSIG", vec![signal_name(*number)]),
        PrctlOp::SetDumpable(true) => ("PR_SET_DUMPABLE", vec!["SUID_DUMP_USER".to_owned()]),
        PrctlOp::SetDumpable(false) => ("PR_SET_DUMPABLE", vec!["SUID_DUMP_DISABLE".to_owned()]),
        PrctlOp::SetKeepcaps(keep) => ("PR_SET_KEEPCAPS", vec![on(keep)]),
        PrctlOp::SetName(name) => ("PR_SET_NAME", vec![text(name)]),
        PrctlOp::CapbsetRead(number) => ("PR_CAPBSET_READ", vec![capability(*number)]),
        PrctlOp::CapbsetDrop(number) => ("PR_CAPBSET_DROP", vec![capability(*number)]),
        PrctlOp::CapAmbientRaise(number) => (
            "PR_CAP_AMBIENT",
            vec!["PR_CAP_AMBIENT_RAISE".to_owned(), capability(*number)],
        ),
        PrctlOp::CapAmbientClearAll => (
            "PR_CAP_AMBIENT",
            vec!["PR_CAP_AMBIENT_CLEAR_ALL".to_owned()],
        ),
        PrctlOp::SetNoNewPrivs => ("PR_SET_NO_NEW_PRIVS", vec!["1".to_owned()]),
        PrctlOp::GetNoNewPrivs => ("PR_GET_NO_NEW_PRIVS", Vec::new()),
        PrctlOp::SetChildSubreaper(take) => ("PR_SET_CHILD_SUBREAPER", vec![on(take)]),
        PrctlOp::Other([op, args @ ..]) => {
            let used = args
                .iter()
                .rposition(|arg| *arg != 0)
                .map_or(0, |at| at + 1);
            let args = args[..used].iter().map(|arg| hex(*arg));
            return [hex(*op)].into_iter().chain(args).collect();
        }
    };
    [name.to_owned()].into_iter().chain(args).collect()
}

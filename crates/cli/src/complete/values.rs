//! What stands for arguments and for the values of flags, as docker 28.2.2 answers it.

use crate::commands::Action;
use crate::flags::Flag;

/// Containers by what they do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// All.
    Any,
    /// Those with a process, be it frozen or not.
    Alive,
    /// Those that run.
    Running,
    /// Those that are frozen.
    Paused,
    /// Those without a process.
    Ended,
}

/// What can stand somewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Words {
    /// Nothing that is known, and no file.
    Nothing,
    /// Names of files, which the shell knows.
    Files,
    /// One of these.
    Fixed(&'static [&'static str]),
    /// One of these, which goes on.
    Begun(&'static [&'static str]),
    /// Names of containers.
    Containers(State),
    /// Names of containers, each with a colon: an alias may follow.
    Links,
    /// One of these, or `container:` and the name of a container.
    Namespace(&'static [&'static str]),
    /// Names of images.
    Images,
    /// Names of networks.
    Networks,
    /// Names of contexts, but those that were given before.
    Contexts,
    /// The same without a word about which is meant.
    ContextNames,
    /// Names of the environment's variables.
    Variables,
    /// Names of signals.
    Signals,
    /// Names of capabilities, or all.
    Capabilities,
}

/// Further arguments without an end.
const ANY: usize = usize::MAX;

/// What stands for an argument of a command, after so many; `flags` are those that were given.
pub fn argument(action: Action, before: usize, flags: &[&str]) -> Words {
    use Words::{Containers, Contexts, Files, Fixed, Images, Nothing};
    let (words, most, then) = match action {
        Action::Attach | Action::Exec | Action::Pause => (Containers(State::Running), ANY, Nothing),
        Action::Commit
        | Action::Diff
        | Action::Kill
        | Action::Port
        | Action::Stats
        | Action::Stop
        | Action::Top
        | Action::Wait => (Containers(State::Alive), ANY, Nothing),
        Action::ContainerInspect
        | Action::Export
        | Action::Logs
        | Action::Rename
        | Action::Restart
        | Action::Update => (Containers(State::Any), ANY, Nothing),
        Action::Rm if flags.contains(&"force") => (Containers(State::Any), ANY, Nothing),
        Action::Rm | Action::Start => (Containers(State::Ended), ANY, Nothing),
        Action::Unpause => (Containers(State::Paused), ANY, Nothing),
        Action::Create | Action::ImageInspect | Action::Rmi | Action::Save => {
            (Images, ANY, Nothing)
        }
        Action::History | Action::Run => (Images, 1, Nothing),
        Action::Tag => (Images, 2, Nothing),
        Action::Images | Action::Import | Action::ContextImport => (Files, ANY, Files),
        Action::ContextInspect | Action::ContextRm => (Contexts, ANY, Nothing),
        Action::ContextUpdate | Action::ContextUse => (Contexts, 1, Nothing),
        Action::ContextExport => (Contexts, 1, Files),
        Action::Completion => (Fixed(super::SHELLS), 1, Nothing),
        _ => (Nothing, ANY, Nothing),
    };
    if before < most { words } else { then }
}

/// What stands for the value of a flag.
pub fn value(action: Action, flag: &Flag) -> Words {
    use Words::{Begun, Containers, ContextNames, Files, Fixed, Nothing, Signals, Variables};
    let making = matches!(action, Action::Run | Action::Create);
    match (flag.alias_of.unwrap_or(flag.long), action) {
        ("attach", _) if making => Fixed(&["stderr", "stdin", "stdout"]),
        ("cap-add" | "cap-drop", _) => Words::Capabilities,
        ("cgroupns", _) => Fixed(&["host", "private"]),
        ("context", _) => ContextNames,
        ("detach-keys", Action::Run) => Begun(&["ctrl-"]),
        ("env", _) => Variables,
        ("env-file" | "detach-keys", _) => Files,
        ("filter", Action::Events) => Begun(EVENT_FILTERS),
        ("format", Action::Inspect) => Nothing,
        ("ipc", _) => Words::Namespace(&["container:", "host", "none", "private", "shareable"]),
        ("link", _) if making => Words::Links,
        ("log-level", _) => Fixed(&["debug", "info", "warn", "error", "fatal", "panic"]),
        ("network", _) => Words::Networks,
        ("pid", _) => Words::Namespace(&["container:", "host"]),
        ("platform", _) => Fixed(PLATFORMS),
        ("pull", _) => Fixed(&["always", "missing", "never"]),
        ("restart", _) => Fixed(&["no", "always", "on-failure", "unless-stopped"]),
        ("security-opt", _) => Fixed(SECURITY),
        ("signal" | "stop-signal", _) => Signals,
        ("storage-opt", _) => Begun(&["size="]),
        ("type", Action::Inspect) => Fixed(&crate::command::TYPES),
        ("ulimit", _) => Begun(LIMITS),
        ("userns" | "uts", _) => Fixed(&["host"]),
        ("volume-driver", _) => Fixed(&["local"]),
        ("volumes-from", _) => Containers(State::Any),
        _ if making => Nothing,
        _ => Files,
    }
}

const EVENT_FILTERS: &[&str] = &[
    "container=",
    "daemon=",
    "event=",
    "image=",
    "label=",
    "network=",
    "node=",
    "scope=",
    "type=",
    "volume=",
];
const SECURITY: &[&str] = &[
    "apparmor=",
    "label=",
    "no-new-privileges",
    "seccomp=",
    "systempaths=unconfined",
];
const LIMITS: &[&str] = &[
    "as=",
    "chroot=",
    "core=",
    "cpu=",
    "data=",
    "fsize=",
    "locks=",
    "maxlogins=",
    "maxsyslogins=",
    "memlock=",
    "msgqueue=",
    "nice=",
    "nofile=",
    "nproc=",
    "priority=",
    "rss=",
    "rtprio=",
    "sigpending=",
    "stack=",
];
const PLATFORMS: &[&str] = &[
    "linux/386",
    "linux/amd64",
    "linux/arm",
    "linux/arm/v5",
    "linux/arm/v6",
    "linux/arm/v7",
    "linux/arm64",
    "linux/arm64/v8",
    "linux/ppc64le",
    "linux/s390x",
    "linux/riscv64",
    "windows/amd64",
    "wasip1/wasm",
];
/// The names of signals (`man 7 signal`), those for programs' own use counted from both ends.
pub fn signals() -> Vec<String> {
    const NAMES: &str = "ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT \
                         STOP SYS TERM TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX";
    let from_below = (1..=15).map(|n| format!("RTMIN+{n}"));
    let from_above = (1..=14).map(|n| format!("RTMAX-{n}"));
    let named = NAMES.split(' ').map(str::to_owned);
    named.chain(from_below).chain(from_above).collect()
}

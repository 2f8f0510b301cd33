//! What the stream consists of.

use crate::Delta;
use glassdock_abi::{Call, Errno, Ret};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// One machine of several that share a clock.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct MachineId(pub u16);

/// A span, numbered from 1 in the order of entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct SpanId(pub u64);

/// The layer that a span belongs to; each has one colour in every picture.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Layer {
    /// The command line.
    Cli,
    /// HTTP messages.
    Http,
    /// The Docker engine.
    Engine,
    /// The OCI runtime and the shim.
    Runtime,
    /// System calls.
    Syscall,
    /// The virtual file system.
    Vfs,
    /// A file system.
    Fs,
    /// The block layer.
    Block,
    /// The network.
    Net,
    /// Processes: one span from birth to death, and what the scheduler does.
    Sched,
    /// Control groups.
    Cgroup,
}

impl Layer {
    /// Every layer, from the top of the house down.
    pub const ALL: [Layer; 11] = [
        Layer::Cli,
        Layer::Http,
        Layer::Engine,
        Layer::Runtime,
        Layer::Syscall,
        Layer::Vfs,
        Layer::Fs,
        Layer::Block,
        Layer::Net,
        Layer::Sched,
        Layer::Cgroup,
    ];

    /// The layer's name in lower case, as texts and style sheets know it.
    pub const fn name(self) -> &'static str {
        match self {
            Layer::Cli => "cli",
            Layer::Http => "http",
            Layer::Engine => "engine",
            Layer::Runtime => "runtime",
            Layer::Syscall => "syscall",
            Layer::Vfs => "vfs",
            Layer::Fs => "fs",
            Layer::Block => "block",
            Layer::Net => "net",
            Layer::Sched => "sched",
            Layer::Cgroup => "cgroup",
        }
    }
}

/// One value among a span's arguments.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Value {
    /// A signed number.
    Int(i64),
    /// An unsigned number, shown in hexadecimal.
    Hex(u64),
    /// Text.
    Text(String),
    /// Bytes, perhaps clipped ([`clip`]): the kept ones and the full length.
    Bytes(#[serde(with = "serde_bytes")] Vec<u8>, u64),
}

/// A span's arguments: typed, and turned into text only where somebody looks.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub enum Args {
    /// None.
    #[default]
    None,
    /// A system call, its data clipped.
    Call(Box<Call>),
    /// A system call that has no typed form, by number and registers.
    Raw(u32, [u64; 6]),
    /// Named values in order.
    Fields(Vec<(Cow<'static, str>, Value)>),
    /// A reason or message: a key of the texts, with arguments (`why` of a plan's step).
    Key(Cow<'static, str>, Vec<Value>),
}

impl Args {
    /// One named text.
    pub fn text(name: &'static str, text: impl Into<String>) -> Args {
        Args::Fields(vec![(name.into(), Value::Text(text.into()))])
    }
    /// Adds a named value; turns anything but fields into fields.
    pub fn with(self, name: &'static str, value: Value) -> Args {
        let mut fields = match self {
            Args::Fields(fields) => fields,
            _ => Vec::new(),
        };
        fields.push((name.into(), value));
        Args::Fields(fields)
    }
}

/// How a span ended.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Outcome {
    /// Done.
    Ok,
    /// Done, with a number: a system call's raw result, an exit status, an HTTP status.
    Int(i64),
    /// Done, with what a system call yielded, its data clipped.
    Ret(Box<Ret>),
    /// Failed with an error number.
    Errno(Errno),
    /// Failed, in words.
    Failed(String),
    /// Cut short: the process was killed, the future dropped, the call restarted.
    Cut,
}

/// What an event tells.
#[allow(
    clippy::large_enum_variant,
    reason = "an event is encoded as soon as it is made; a box would only cost"
)]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum EventKind {
    /// A span opens.
    Enter {
        /// The new span.
        span: SpanId,
        /// The span it is part of.
        parent: Option<SpanId>,
        /// The span that made it happen, where that is another one.
        cause: Option<SpanId>,
        /// Its layer.
        layer: Layer,
        /// Process that acts, as the machine's first pid namespace numbers it; zero for the kernel itself.
        pid: i32,
        /// Name: a system call's, an operation's, a command's.
        name: Cow<'static, str>,
        /// Arguments.
        args: Args,
    },
    /// A span closes.
    Exit {
        /// The span.
        span: SpanId,
        /// How.
        outcome: Outcome,
    },
    /// The state changes.
    Delta {
        /// The span that changes it, where there is one.
        span: Option<SpanId>,
        /// The change.
        delta: Delta,
    },
    /// Something to know, as a key of the texts: what is not supported, what was dropped.
    Note {
        /// The span it belongs to.
        span: Option<SpanId>,
        /// The text's key.
        key: Cow<'static, str>,
        /// Its arguments.
        args: Vec<Value>,
    },
}

/// One event of the stream.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// The machine.
    pub machine: MachineId,
    /// Virtual time in nanoseconds since the machines' start (natively: since the daemon's).
    pub time: u64,
    /// What happened.
    pub kind: EventKind,
}

/// At most `limit` bytes of `bytes` as a value that remembers the full length.
pub fn clip(bytes: &[u8], limit: usize) -> Value {
    Value::Bytes(bytes[..bytes.len().min(limit)].to_vec(), bytes.len() as u64)
}

//! The messages between a client and the shim.
//!
//! The shim listens on the unix stream socket [`SOCKET`] in the container's state directory. A connection carries one
//! request: one line of JSON ([`Request`]), ended by a newline. The shim answers with one line of JSON ([`Reply`]);
//! [`Request::Wait`] is answered when the process has ended. After the answer to [`Request::Attach`], and to
//! [`Request::Exec`] with `attach`, the connection becomes a stream:
//!
//! - towards the shim: the bytes of standard input; a half-close (`shutdown(SHUT_WR)`) is the end of the input;
//! - towards the client: frames of an 8-byte header `[stream, 0, 0, 0, length u32 big-endian]` and `length` bytes, where
//!   stream is 1 for standard output and 2 for standard error (Docker's own framing), until the end of the stream.
//!   Output of a terminal comes as stream 1.
//!
//! A client that goes away detaches. After the answer to [`Request::WatchLog`] the shim sends one newline whenever the
//! log has grown since the last one, and closes at the end of the output.

use glassdock_oci::runtime::{Process, Status};
use serde::{Deserialize, Serialize};

/// Name of the shim's socket in the state directory.
pub const SOCKET: &str = "shim.sock";
/// Name of the shim's options in the state directory.
pub const OPTIONS: &str = "shim.json";
/// Name of the record of the exit in the state directory: an [`Exit`].
pub const EXIT: &str = "exit.json";
/// Longest line of JSON either way, in bytes. An executed process's environment is the largest part.
pub const MAX_LINE: usize = 4 << 20;
/// Length of a frame's header in bytes.
pub const FRAME_HEADER: usize = 8;
/// Longest payload of a frame in bytes.
pub const MAX_FRAME: usize = 32 << 10;

/// How a container is run, as the shim needs to know it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShimOptions {
    /// The container's id.
    pub id: String,
    /// The container's state directory, an absolute path; made when absent. At most 97 bytes, since the socket is in it.
    pub dir: String,
    /// The bundle: the directory with `config.json`.
    pub bundle: String,
    /// Path of the shim's executable.
    pub shim: String,
    /// Path of the runtime helper's executable.
    pub runtime: String,
    /// Whether standard input is open; otherwise it is `/dev/null` (a terminal always has one).
    #[serde(default)]
    pub stdin: bool,
    /// Whether standard input ends when the first client that attached to it ends its input or goes away.
    #[serde(default)]
    pub stdin_once: bool,
    /// The log in moby's `json-file` format; absent for none.
    #[serde(default)]
    pub log: Option<String>,
}

/// A request to the shim.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "camelCase")]
pub enum Request {
    /// Lets the created container run its program.
    Start,
    /// Attaches to the container, or to an executed process.
    Attach {
        /// The executed process's id; absent for the container itself.
        #[serde(default)]
        exec: Option<String>,
        /// Whether the client sends input.
        stdin: bool,
        /// Whether it wants standard output.
        stdout: bool,
        /// Whether it wants standard error.
        stderr: bool,
    },
    /// Runs a further process in the container.
    Exec {
        /// Id of the process, new in this container.
        id: String,
        /// The process.
        process: Box<Process>,
        /// Whether its standard input is open.
        stdin: bool,
        /// Whether this connection becomes its stream.
        attach: bool,
    },
    /// Changes the size of a terminal.
    Resize {
        /// The executed process's id; absent for the container itself.
        #[serde(default)]
        exec: Option<String>,
        /// Rows.
        rows: u16,
        /// Columns.
        cols: u16,
    },
    /// Sends a signal.
    Kill {
        /// The executed process's id; absent for the container itself.
        #[serde(default)]
        exec: Option<String>,
        /// The signal's number.
        signal: u8,
    },
    /// Waits for the end of a process. The output that it left has been read by then.
    Wait {
        /// The executed process's id; absent for the container itself.
        #[serde(default)]
        exec: Option<String>,
    },
    /// Asks for the state.
    State,
    /// Tells when the log has grown.
    WatchLog,
    /// Removes what the runtime keeps of a container that does not run, and ends the shim.
    Delete,
}

/// An answer of the shim.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reply {
    /// Done.
    Ok,
    /// Done: the process's id on the host.
    Pid(i32),
    /// The end of a process.
    Exit(Exit),
    /// The state.
    State(Report),
    /// Not done.
    Error(crate::RuntimeError),
}

/// The end of a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exit {
    /// Exit code as Docker tells it: the code itself, or 128 + signal.
    pub code: u8,
    /// The signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<u8>,
    /// When, in nanoseconds since 1970.
    pub at: u64,
    /// Whether the kernel has killed a process of the container because its memory ran out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub out_of_memory: bool,
}

/// What the shim knows of its container.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Status.
    pub status: Status,
    /// The container's process on the host.
    pub pid: i32,
    /// How it ended, once it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
}

/// Which output stream a frame belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output, or a terminal's output.
    Stdout = 1,
    /// Standard error.
    Stderr = 2,
}

impl Stream {
    /// The word that the log uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        }
    }
    /// A frame's header for `len` bytes.
    pub fn header(self, len: u32) -> [u8; FRAME_HEADER] {
        let [a, b, c, d] = len.to_be_bytes();
        [self as u8, 0, 0, 0, a, b, c, d]
    }
    /// Stream and length of a header; `None` for bytes that are no header.
    pub fn parse(header: [u8; FRAME_HEADER]) -> Option<(Stream, u32)> {
        let [stream, 0, 0, 0, a, b, c, d] = header else {
            return None;
        };
        let stream = match stream {
            1 => Stream::Stdout,
            2 => Stream::Stderr,
            _ => return None,
        };
        Some((stream, u32::from_be_bytes([a, b, c, d])))
    }
}

//! The error that crosses from helper to shim to engine.

use crate::plan::{PlanError, Problem};
use core::fmt;
use glassdock_abi::Errno;
use serde::{Deserialize, Serialize};

/// What kind of failure it was, for those who act on it; the text is for people.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ErrorKind {
    /// There is no such container or executed process.
    NotFound,
    /// The id is taken.
    AlreadyExists,
    /// The container is not in a state in which that can be done.
    WrongState,
    /// The specification or the request makes no sense.
    Invalid,
    /// It makes sense but is not supported here.
    Unsupported,
    /// The program to run could not be found, or is no program that may be run.
    Executable,
    /// The shim is gone, or could not be started.
    ShimGone,
    /// Anything else, mostly a system call that failed.
    System,
}

/// A failure of the runtime, with the text that runc gives where runc has one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RuntimeError {
    /// Its kind.
    pub kind: ErrorKind,
    /// What failed, in words.
    pub message: String,
}

impl RuntimeError {
    /// An error of a kind, in words.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> RuntimeError {
        RuntimeError {
            kind,
            message: message.into(),
        }
    }
    /// A failed call: what was done, to what.
    pub fn errno(what: impl fmt::Display, errno: Errno) -> RuntimeError {
        RuntimeError::new(ErrorKind::System, format!("{what}: {}", error_text(errno)))
    }
    /// A program of the runtime's own that could not be started. The errno is told by its name: in words, such as "no such
    /// file or directory", clients would take it for what is wrong with the container's program.
    pub(crate) fn not_started(
        kind: ErrorKind,
        what: &str,
        path: impl fmt::Display,
        errno: Errno,
    ) -> RuntimeError {
        let message = format!("the {what} could not be started from {path}: {errno:?}");
        RuntimeError::new(kind, message)
    }
}

/// The message of an errno as Go programs print it, which is how users know it: in lower case.
pub fn error_text(errno: Errno) -> String {
    let message = errno.message();
    let mut chars = message.chars();
    match chars.next() {
        // "RFS specific error" and the like keep their first word.
        Some(first)
            if chars
                .as_str()
                .starts_with(|c: char| c.is_lowercase() || c == ' ') =>
        {
            first.to_lowercase().chain(chars).collect()
        }
        _ => message.to_owned(),
    }
}

impl fmt::Display for RuntimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for RuntimeError {}

impl From<PlanError> for RuntimeError {
    fn from(error: PlanError) -> RuntimeError {
        let kind = match error.problem {
            Problem::Invalid(_) => ErrorKind::Invalid,
            Problem::Unsupported(_) => ErrorKind::Unsupported,
        };
        RuntimeError::new(kind, error.to_string())
    }
}

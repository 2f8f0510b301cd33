//! How a command fails.

use glassdock_oci::reference::ReferenceError;

/// Why a command ends without success.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fail {
    /// What goes to standard error; nothing when empty.
    pub message: String,
    /// Exit status.
    pub status: u8,
    /// What kind of failure.
    pub kind: Kind,
}

/// Kinds that some commands tell apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Any other.
    Other,
    /// The engine knows no such thing (404), or there is no such file.
    NotFound,
    /// The engine does not do that (501), or not here.
    NotSupported,
    /// The engine cannot be reached.
    Connection,
    /// The keys that leave a container were pressed.
    Detached,
}

/// What a command yields.
pub type Result<T, E = Fail> = core::result::Result<T, E>;

impl Fail {
    /// A failure in words, with exit status 1.
    pub fn new(message: impl Into<String>) -> Fail {
        Fail {
            message: message.into(),
            status: 1,
            kind: Kind::Other,
        }
    }

    /// Only an exit status.
    pub fn status(status: u8) -> Fail {
        Fail {
            status,
            ..Fail::new("")
        }
    }

    /// The same with another exit status.
    pub fn with_status(mut self, status: u8) -> Fail {
        self.status = status;
        self
    }

    /// The same of another kind.
    pub fn of_kind(mut self, kind: Kind) -> Fail {
        self.kind = kind;
        self
    }
}

impl From<ReferenceError> for Fail {
    fn from(error: ReferenceError) -> Self {
        Fail::new(error.to_string())
    }
}

impl From<String> for Fail {
    fn from(message: String) -> Self {
        Fail::new(message)
    }
}

/// Puts several failures together, a line each (`errors.Join`).
pub fn join(failures: Vec<Fail>) -> Result<()> {
    if failures.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = failures.into_iter().map(|fail| fail.message).collect();
    Err(Fail::new(lines.join("\n")))
}

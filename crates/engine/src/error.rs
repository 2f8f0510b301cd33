//! What the API answers when something cannot be done: a status and a message, the message being a part of the API
//! (clients print it, and some read it).

use core::fmt;
use glassdock_runtime::{ErrorKind, RuntimeError};
use http::StatusCode;

/// What an operation of the engine yields.
pub type Result<T, E = ApiError> = core::result::Result<T, E>;

/// A failed request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApiError {
    /// The response's status.
    pub status: StatusCode,
    /// What went wrong, for people.
    pub message: String,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $status:ident;)*) => {
        impl ApiError {
            $($(#[$doc])* pub fn $name(message: impl Into<String>) -> ApiError {
                ApiError { status: StatusCode::$status, message: message.into() }
            })*
        }
    };
}

kinds! {
    /// The request makes no sense.
    invalid = BAD_REQUEST;
    /// There is no such thing.
    not_found = NOT_FOUND;
    /// It cannot be done in the present state.
    conflict = CONFLICT;
    /// There is nothing to do: no error for the client, and its message is not sent.
    not_modified = NOT_MODIFIED;
    /// It is not allowed.
    forbidden = FORBIDDEN;
    /// Known, but not built.
    not_implemented = NOT_IMPLEMENTED;
    /// The engine is about to end.
    unavailable = SERVICE_UNAVAILABLE;
    /// The engine failed.
    system = INTERNAL_SERVER_ERROR;
}

impl ApiError {
    /// A container that is not there.
    pub fn no_such_container(name: &str) -> ApiError {
        ApiError::not_found(format!("No such container: {name}"))
    }

    /// The same error with words in front, as Go wraps errors.
    pub fn context(mut self, words: impl fmt::Display) -> ApiError {
        self.message = format!("{words}: {}", self.message);
        self
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ApiError {}

impl From<glassdock_image::Error> for ApiError {
    fn from(error: glassdock_image::Error) -> ApiError {
        ApiError::system(error.to_string())
    }
}

impl From<RuntimeError> for ApiError {
    fn from(error: RuntimeError) -> ApiError {
        match error.kind {
            ErrorKind::NotFound => ApiError::not_found(error.message),
            ErrorKind::WrongState | ErrorKind::AlreadyExists => ApiError::conflict(error.message),
            ErrorKind::Unsupported => ApiError::not_implemented(error.message),
            _ => ApiError::system(error.message),
        }
    }
}

/// The exit code of a container that could not be started, and the error as the API gives it. Clients turn words of
/// this text into their own exit status: 126, 127 or 125 (moby `daemon/errors.go`, `setExitCodeFromError`; docker/cli
/// `runStartContainerErr`).
pub fn start_error(message: &str) -> (i32, ApiError) {
    let has = |words: &str| message.to_lowercase().contains(words);
    if has("permission denied") {
        return (126, ApiError::invalid(message));
    }
    if has("is a directory") {
        return (
            126,
            ApiError::invalid(format!("{message}: permission denied")),
        );
    }
    if has("not a directory") {
        let hint = "Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path \
                    exists and is the expected type";
        return (127, ApiError::invalid(format!("{message}: {hint}")));
    }
    if has("executable file not found") || has("no such file or directory") {
        return (127, ApiError::invalid(message));
    }
    (128, ApiError::system(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_follows_the_words_of_the_error() {
        for (message, code, status, ends) in [
            (
                "exec: \"x\": executable file not found in $PATH",
                127,
                400,
                "in $PATH",
            ),
            (
                "exec: \"/x\": stat /x: no such file or directory",
                127,
                400,
                "directory",
            ),
            (
                "exec: \"/etc/passwd\": permission denied",
                126,
                400,
                "permission denied",
            ),
            (
                "exec: \"/etc\": is a directory",
                126,
                400,
                "is a directory: permission denied",
            ),
            (
                "error mounting: not a directory",
                127,
                400,
                "the expected type",
            ),
            ("out of everything", 128, 500, "everything"),
        ] {
            let (actual, error) = start_error(message);
            assert_eq!((actual, error.status.as_u16()), (code, status), "{message}");
            assert!(error.message.ends_with(ends), "{}", error.message);
        }
    }
}

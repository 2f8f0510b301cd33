//! What can be wrong with an image or an archive.

use crate::Digest;
use core::fmt;
use glassdock_abi::Errno;

/// What an operation of this crate yields.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Why an archive or an image was refused. The texts are those of Docker, which clients show as they are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Error {
    /// A system call failed: the operation, the path in the root that it concerned, and why.
    Os {
        /// The operation as Go's `os` package names it (`open`, `mkdir`, `link`, …).
        op: &'static str,
        /// The path inside the root being filled, or on the host.
        path: String,
        /// The kernel's answer.
        errno: Errno,
    },
    /// The stream ended in the middle of something.
    UnexpectedEof,
    /// Not a tar archive, or a damaged one.
    TarHeader,
    /// An entry of a type that no layer may carry.
    TarType(u8),
    /// A sparse file in PAX records (`GNU.sparse.`), which is recognised but not built in.
    Sparse,
    /// A limit of ours was reached: what, and how much is allowed.
    TooLarge(&'static str, u64),
    /// A compression that is recognised but not built in.
    Compression(&'static str),
    /// Damaged gzip data.
    Gzip(String),
    /// A document is not the JSON that it should be: which, and why.
    Json(String, String),
    /// A blob's contents are not what its name says.
    BlobDigest {
        /// The name's digest.
        expected: Digest,
        /// The contents' digest.
        actual: Digest,
    },
    /// A layer's contents are not what the image's configuration says.
    DiffId {
        /// Which layer, from zero.
        index: usize,
        /// The configuration's digest.
        expected: Digest,
        /// The digest of the uncompressed contents.
        actual: Digest,
    },
    /// Anything else that is wrong with the image, as text.
    Invalid(String),
    /// The stream itself failed, with the transport's text.
    Transport(String),
}

impl Error {
    /// For `map_err` on a system call.
    pub(crate) fn os(op: &'static str, path: &[u8]) -> impl FnOnce(Errno) -> Error + use<> {
        let path = String::from_utf8_lossy(path).into_owned();
        move |errno| Error::Os { op, path, errno }
    }
}

/// An errno's text in Go's spelling: the C library's with a small first letter.
pub fn errno_text(errno: Errno) -> String {
    let message = errno.message();
    let mut chars = message.chars();
    match chars.next() {
        // "RFKILL", "RPC": words that begin with two capitals stay.
        Some(first) if !chars.clone().next().is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => message.to_string(),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Os { op, path, errno } => write!(f, "{op} {path}: {}", errno_text(*errno)),
            Error::UnexpectedEof => f.write_str("unexpected EOF"),
            Error::TarHeader => f.write_str("archive/tar: invalid tar header"),
            Error::TarType(kind) => write!(f, "unhandled tar header type {kind}"),
            Error::Sparse => f.write_str(
                "sparse files (GNU.sparse) are not supported by this build: make the archive without --sparse",
            ),
            Error::TooLarge(what, limit) => write!(f, "{what} exceeds the limit of {limit}"),
            Error::Compression(name) => {
                write!(
                    f,
                    "{name} compression is not supported by this build: use gzip or no compression"
                )
            }
            Error::Gzip(why) => write!(f, "gzip: {why}"),
            Error::Json(what, why) => write!(f, "{what}: {why}"),
            Error::BlobDigest { expected, actual } => {
                write!(f, "blob {expected} has the wrong digest {actual}")
            }
            Error::DiffId {
                index,
                expected,
                actual,
            } => write!(
                f,
                "invalid diffID for layer {index}: expected \"{expected}\", got \"{actual}\""
            ),
            Error::Invalid(why) => f.write_str(why),
            Error::Transport(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Error {}

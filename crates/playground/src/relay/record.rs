//! The input log in a file: with the images it is the whole truth about a machine.

use crate::log::{Record, records};
use crate::machine::Setup;
use crate::protocol::encode;
use glassdock_abi::files::write_all;
use glassdock_abi::flags::OpenFlags;
use glassdock_abi::{Fd, Io, OwnedFd, PathArg, Sys};

/// Writes a machine's log to a file: what it was started with, then what came in.
pub struct Recorder<S: Sys> {
    file: OwnedFd<S>,
    path: PathArg,
}

impl<S: Sys> Recorder<S> {
    /// Begins a file for a machine that has not run yet, in place of what it held.
    ///
    /// # Errors
    /// Why it cannot be written, in words.
    pub async fn create(sys: &S, path: PathArg, setup: Setup) -> Result<Recorder<S>, String> {
        let flags = OpenFlags::WRONLY | OpenFlags::CREAT | OpenFlags::TRUNC;
        let opened = sys.openat(Fd::CWD, path.clone(), flags, 0o600).await;
        let file = opened.map_err(|errno| format!("{path}: {}", errno.message()))?;
        let recorder = Recorder { file, path };
        let mut bytes = Vec::new();
        encode(&setup, &mut bytes);
        recorder.write(&bytes).await?;
        Ok(recorder)
    }

    /// Adds records.
    ///
    /// # Errors
    /// Why they cannot be written, in words.
    pub async fn keep(&self, records: &[Record]) -> Result<(), String> {
        let mut bytes = Vec::new();
        for record in records {
            encode(record, &mut bytes);
        }
        self.write(&bytes).await
    }

    async fn write(&self, bytes: &[u8]) -> Result<(), String> {
        let written = write_all(self.file.sys(), self.file.fd(), bytes).await;
        written.map_err(|errno| format!("{}: {}", self.path, errno.message()))
    }
}

/// What such a file holds, up to the first record that was cut short; nothing where it does not begin as one.
pub fn recorded(bytes: &[u8]) -> Option<(Setup, Vec<Record>)> {
    let (setup, rest) = postcard::take_from_bytes(bytes).ok()?;
    Some((setup, records(rest)))
}

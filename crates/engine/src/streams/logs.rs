//! `GET /containers/ID/logs`: the log that the shim writes, in moby's `json-file` format (moby
//! `daemon/logger/jsonfilelog`).

use crate::engine::Kernel;
use crate::time;
use bytes::Bytes;
use futures_util::Stream;
use glassdock_abi::flags::OpenFlags;
use glassdock_abi::types::Timespec;
use glassdock_abi::{Errno, Fd, Io, OwnedFd, PathArg};
use glassdock_runtime::client::LogWatch;
use glassdock_runtime::proto;

/// Bytes read from a log at once.
const READ: u64 = 64 * 1024;
/// Longest line of a log in bytes: the shim splits what is longer; one that is longer still is passed over.
const MAX_LINE: usize = 1 << 20;

/// What of a log is wanted, and how.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct LogOptions {
    /// What comes later, too.
    pub(crate) follow: bool,
    /// Standard output.
    pub(crate) stdout: bool,
    /// Standard error.
    pub(crate) stderr: bool,
    /// With the time before each line.
    pub(crate) timestamps: bool,
    /// Only the last lines.
    pub(crate) tail: Option<u64>,
    /// Only from this time on.
    pub(crate) since: Option<Timespec>,
    /// Only before this time.
    pub(crate) until: Option<Timespec>,
}

/// An open log.
pub(crate) struct LogReader<S: Kernel> {
    sys: S,
    file: Option<OwnedFd<S>>,
    /// Tells when it grows, where its container runs.
    watch: Option<LogWatch<S>>,
}

/// One line of the file.
#[derive(serde::Deserialize)]
struct Line {
    log: String,
    stream: String,
    time: String,
}

struct Reading<S: Kernel> {
    reader: LogReader<S>,
    options: LogOptions,
    framed: bool,
    offset: u64,
    buffer: Vec<u8>,
    /// Whether the log grows no more.
    last: bool,
    ended: bool,
}

impl<S: Kernel> LogReader<S> {
    /// Opens a log; one that is not there is empty.
    pub(crate) async fn open(
        sys: &S,
        path: &str,
        watch: Option<LogWatch<S>>,
    ) -> Result<LogReader<S>, Errno> {
        let file = match sys
            .openat(Fd::CWD, PathArg::from(path), OpenFlags::RDONLY, 0)
            .await
        {
            Ok(file) => Some(file),
            Err(Errno::ENOENT) => None,
            Err(errno) => return Err(errno),
        };
        Ok(LogReader {
            sys: sys.clone(),
            file,
            watch,
        })
    }

    /// The lines that are wanted, as they are sent to a client: in frames where the container has no terminal.
    pub(crate) fn stream(
        self,
        options: LogOptions,
        framed: bool,
    ) -> impl Stream<Item = Bytes> + Send {
        let last = self.watch.is_none() || !options.follow;
        let ended = self.file.is_none() || options.tail == Some(0) && last;
        let reading = Reading {
            reader: self,
            options,
            framed,
            offset: u64::MAX,
            buffer: Vec::new(),
            last,
            ended,
        };
        futures_util::stream::unfold(reading, |mut reading| async move {
            let piece = reading.next().await?;
            Some((piece, reading))
        })
    }
}

impl<S: Kernel> Reading<S> {
    /// The next lines, in one piece.
    async fn next(&mut self) -> Option<Bytes> {
        if self.offset == u64::MAX {
            self.offset = self.start().await.unwrap_or_default();
        }
        while !self.ended {
            let fd = self.reader.file.as_ref()?.fd();
            let data = self
                .reader
                .sys
                .pread(fd, READ, self.offset)
                .await
                .unwrap_or_default();
            if data.is_empty() {
                if self.last {
                    return None;
                }
                let grown = match &mut self.reader.watch {
                    Some(watch) => watch.grown().await.unwrap_or(false),
                    None => false,
                };
                // What was written until the end is still read.
                self.last = !grown;
                continue;
            }
            self.offset += data.len() as u64;
            self.buffer.extend_from_slice(&data);
            let output = self.take_lines();
            if !output.is_empty() {
                return Some(output.into());
            }
        }
        None
    }

    fn take_lines(&mut self) -> Vec<u8> {
        let mut output = Vec::new();
        let mut done = 0;
        while let Some(end) = self.buffer[done..].iter().position(|byte| *byte == b'\n') {
            let line = &self.buffer[done..done + end];
            done += end + 1;
            if let Ok(line) = serde_json::from_slice(line) {
                self.ended |= format(&line, &self.options, self.framed, &mut output);
            }
            if self.ended {
                break;
            }
        }
        self.buffer.drain(..done);
        if self.buffer.len() > MAX_LINE {
            self.buffer.clear();
        }
        output
    }

    /// Where reading begins: before the last lines that are wanted.
    async fn start(&self) -> Result<u64, Errno> {
        let (Some(tail), Some(file)) = (self.options.tail, &self.reader.file) else {
            return Ok(0);
        };
        let size = self.reader.sys.fstat(file.fd()).await?.size;
        let (mut end, mut lines) = (size, 0);
        while end > 0 {
            let begin = end.saturating_sub(READ);
            let data = self.reader.sys.pread(file.fd(), end - begin, begin).await?;
            for (at, _) in data
                .iter()
                .enumerate()
                .rev()
                .filter(|(_, byte)| **byte == b'\n')
            {
                // The newline at the very end closes the last line.
                lines += 1;
                if lines > tail {
                    return Ok(begin + at as u64 + 1);
                }
            }
            end = begin;
        }
        Ok(0)
    }
}

/// Adds a line to the output, where it is wanted; whether it is past the end of what is.
fn format(line: &Line, options: &LogOptions, framed: bool, output: &mut Vec<u8>) -> bool {
    let stream = match line.stream.as_str() {
        "stdout" if options.stdout => proto::Stream::Stdout,
        "stderr" if options.stderr => proto::Stream::Stderr,
        _ => return false,
    };
    let time = time::parse_rfc3339(&line.time);
    if options.until.is_some_and(|until| time > Some(until)) {
        return true;
    }
    if options.since.is_some_and(|since| time < Some(since)) {
        return false;
    }
    let stamp = match time {
        Some(time) if options.timestamps => format!("{} ", time::rfc3339_padded(time)),
        _ => String::new(),
    };
    if framed {
        let length = u32::try_from(stamp.len() + line.log.len()).unwrap_or(u32::MAX);
        output.extend_from_slice(&stream.header(length));
    }
    output.extend_from_slice(stamp.as_bytes());
    output.extend_from_slice(line.log.as_bytes());
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted(options: &LogOptions, framed: bool) -> (String, bool) {
        let line = Line {
            log: "hi\n".to_string(),
            stream: "stderr".to_string(),
            time: "1970-01-01T00:00:10.5Z".to_string(),
        };
        let mut output = Vec::new();
        let past = format(&line, options, framed, &mut output);
        (output.escape_ascii().to_string(), past)
    }

    #[test]
    fn lines_are_chosen_and_framed() {
        let at = |sec| Some(Timespec { sec, nsec: 0 });
        let both = LogOptions {
            stdout: true,
            stderr: true,
            ..LogOptions::default()
        };
        assert_eq!(formatted(&both, false), ("hi\\n".to_string(), false));
        assert_eq!(
            formatted(&both, true).0,
            "\\x02\\x00\\x00\\x00\\x00\\x00\\x00\\x03hi\\n"
        );
        let stamped = LogOptions {
            timestamps: true,
            ..both.clone()
        };
        assert_eq!(
            formatted(&stamped, false).0,
            "1970-01-01T00:00:10.500000000Z hi\\n"
        );
        for (options, output, past) in [
            (
                LogOptions {
                    stderr: false,
                    ..both.clone()
                },
                "",
                false,
            ),
            (
                LogOptions {
                    since: at(11),
                    ..both.clone()
                },
                "",
                false,
            ),
            (
                LogOptions {
                    since: at(10),
                    ..both.clone()
                },
                "hi\\n",
                false,
            ),
            (
                LogOptions {
                    until: at(10),
                    ..both.clone()
                },
                "",
                true,
            ),
        ] {
            assert_eq!(
                formatted(&options, false),
                (output.to_string(), past),
                "{options:?}"
            );
        }
    }
}

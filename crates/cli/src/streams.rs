//! Streams between the user and a container, and progress of long operations.

use crate::error::{Fail, Kind, Result};
use crate::session::Session;
use crate::terminal::{self, Raw};
use futures_util::{FutureExt, pin_mut, select_biased};
use glassdock_abi::{Fd, Io, Sys};
use glassdock_api::detach::{self, Detach};
use glassdock_api::stdcopy::{Demux, StdStream};
use glassdock_api::stream::{JsonMessage, JsonProgress};
use glassdock_http::client::Answer;
use glassdock_http::{Socket, Upgraded};
use glassdock_trace::Trace;
use std::collections::BTreeMap;

/// Bytes of standard input read at once.
const READ_BYTES: u64 = 32 * 1024;
/// Bytes of one message of progress at most.
const MAX_MESSAGE: usize = 4 << 20;

/// How a raw connection and the user's streams belong together.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// Standard input is passed on.
    pub stdin: bool,
    /// Output is shown.
    pub stdout: bool,
    /// Errors are shown.
    pub stderr: bool,
    /// The container has a terminal.
    pub tty: bool,
    /// Keys that leave it; empty for the default.
    pub detach_keys: String,
}

/// Passes bytes both ways until the container's output ends. Leaving by keys is a failure of kind
/// [`Kind::Detached`]. The terminal is restored whatever happens.
pub async fn stream<S: Sys + Trace>(
    session: &Session<S>,
    connection: Upgraded<S>,
    how: &Attachment,
) -> Result<()> {
    let raw = match how.stdin && how.tty {
        true => Raw::enter(&session.sys).await?,
        false => None,
    };
    let streamed = both_ways(session, connection, how).await;
    if let Some(raw) = raw {
        raw.restore().await;
    }
    streamed
}

async fn both_ways<S: Sys + Trace>(
    session: &Session<S>,
    connection: Upgraded<S>,
    how: &Attachment,
) -> Result<()> {
    let filter = match how.tty {
        true => Some(Detach::new(detach_keys(session, &how.detach_keys).await)),
        false => None,
    };
    let socket = connection.socket();
    let output = output(session, connection, how).fuse();
    let input = input(session, socket, how.stdin, filter).fuse();
    pin_mut!(output, input);
    select_biased! {
        done = output => done,
        left = input => match left {
            true => Err(Fail::new("").with_status(0).of_kind(Kind::Detached)),
            // Nothing more to type: what the container prints is still to come.
            false if how.stdout || how.stderr => output.await,
            false => Ok(()),
        },
    }
}

async fn detach_keys<S: Sys + Trace>(session: &Session<S>, keys: &str) -> Vec<u8> {
    let keys = if keys.is_empty() {
        session.settings.detach_keys.as_str()
    } else {
        keys
    };
    match detach::parse(keys) {
        Ok(keys) => keys,
        Err(why) => {
            let _ = session
                .err(format!(
                    "invalid detach escape keys, using default: {why}\n"
                ))
                .await;
            detach::DEFAULT.to_vec()
        }
    }
}

async fn output<S: Sys + Trace>(
    session: &Session<S>,
    mut connection: Upgraded<S>,
    how: &Attachment,
) -> Result<()> {
    let mut copier = Copier::new(how.tty);
    loop {
        let bytes = connection
            .read()
            .await
            .map_err(|errno| Fail::new(errno.message()))?;
        if bytes.is_empty() {
            return Ok(());
        }
        copier.push(session, &bytes).await?;
    }
}

/// Passes standard input on until it ends; whether the keys that leave were typed.
async fn input<S: Sys + Trace>(
    session: &Session<S>,
    socket: Socket<S>,
    stdin: bool,
    mut filter: Option<Detach>,
) -> bool {
    if !stdin {
        let _ = socket.shutdown_write().await;
        return false;
    }
    loop {
        let Ok(typed) = session.sys.read(Fd::STDIN, READ_BYTES).await else {
            break;
        };
        if typed.is_empty() {
            break;
        }
        let (pass, left) = match &mut filter {
            Some(filter) => filter.feed(&typed),
            None => (typed, false),
        };
        if !pass.is_empty() && socket.write_all(&pass).await.is_err() {
            break;
        }
        if left {
            return true;
        }
    }
    let _ = socket.shutdown_write().await;
    false
}

/// Writes a container's output: raw, or taken out of frames.
pub struct Copier {
    demux: Option<Demux>,
    system_error: Vec<u8>,
}

impl Copier {
    /// A copier for the output of a container with or without a terminal.
    pub fn new(tty: bool) -> Copier {
        Copier {
            demux: (!tty).then(Demux::default),
            system_error: Vec::new(),
        }
    }

    /// Writes what has come.
    pub async fn push<S: Sys + Trace>(&mut self, session: &Session<S>, bytes: &[u8]) -> Result<()> {
        let Some(demux) = &mut self.demux else {
            return session.out(bytes).await;
        };
        let pieces = demux
            .push(bytes)
            .map_err(|error| Fail::new(error.to_string()))?;
        for (stream, piece) in pieces {
            match stream {
                StdStream::Stdin | StdStream::Stdout => session.out(piece).await?,
                StdStream::Stderr => session.err(piece).await?,
                StdStream::Systemerr => self.system_error.extend_from_slice(piece),
            }
        }
        if !self.system_error.is_empty() && demux.at_boundary() {
            let text = String::from_utf8_lossy(&self.system_error);
            return Err(Fail::new(format!("error from daemon in stream: {text}")));
        }
        Ok(())
    }
}

/// Shows progress as it comes (`jsonmessage.DisplayJSONMessagesStream`). Messages with results beside the text go to
/// `aux`.
pub async fn progress<S: Sys + Trace>(
    session: &Session<S>,
    answer: &mut Answer<S>,
    fd: Fd,
    quiet: bool,
) -> Result<()> {
    let terminal = terminal::is_terminal(&session.sys, fd).await;
    let [_, columns] = terminal::size(&session.sys, fd).await;
    let mut screen = ProgressScreen {
        terminal,
        columns: if columns == 0 { 200 } else { columns as usize },
        lines: BTreeMap::new(),
    };
    let mut buffer = Vec::new();
    loop {
        let piece = answer
            .next()
            .await
            .map_err(|error| Fail::new(error.to_string()))?;
        let ended = piece.is_none();
        buffer.extend_from_slice(&piece.unwrap_or_default());
        let (text, used, failure) = screen.show_all(&buffer, ended);
        if !quiet {
            session.write(fd, text.as_bytes()).await?;
        }
        if let Some(failure) = failure {
            return Err(failure);
        }
        buffer.drain(..used);
        if ended {
            return Ok(());
        }
        if buffer.len() > MAX_MESSAGE {
            return Err(Fail::new("a message of progress is too long"));
        }
    }
}

struct ProgressScreen {
    terminal: bool,
    columns: usize,
    lines: BTreeMap<String, usize>,
}

impl ProgressScreen {
    /// All whole messages in a buffer: what to print, how many bytes they took, and what went wrong.
    fn show_all(&mut self, buffer: &[u8], ended: bool) -> (String, usize, Option<Fail>) {
        let mut documents = serde_json::Deserializer::from_slice(buffer).into_iter::<JsonMessage>();
        let (mut text, mut used) = (String::new(), 0);
        while let Some(message) = documents.next() {
            match message.map(|message| self.show(&message)) {
                Ok(Ok(shown)) => text += &shown,
                Ok(Err(fail)) => return (text, used, Some(fail)),
                Err(error) if error.is_eof() && !ended => break,
                Err(error) => return (text, used, Some(Fail::new(error.to_string()))),
            }
            used = documents.byte_offset();
        }
        (text, used, None)
    }

    fn show(&mut self, message: &JsonMessage) -> Result<String> {
        if message.aux.is_some() {
            return Ok(String::new());
        }
        let mut text = String::new();
        let mut up = 0;
        if !message.id.is_empty()
            && (message.progress.is_some() || !message.progress_message.is_empty())
        {
            let next = self.lines.len();
            let new = !self.lines.contains_key(&message.id);
            let line = *self.lines.entry(message.id.clone()).or_insert(next);
            if new && self.terminal {
                text.push('\n');
            }
            up = self.lines.len() - line;
            if self.terminal {
                text += &format!("\x1b[{up}A");
            }
        } else {
            self.lines.clear();
        }
        if let Some(error) = &message.error {
            return Err(Fail::new(error.message.clone()));
        }
        text += &self.line(message);
        if !message.id.is_empty() && self.terminal && up > 0 {
            text += &format!("\x1b[{up}B");
        }
        Ok(text)
    }

    fn line(&self, message: &JsonMessage) -> String {
        let bar = message
            .progress
            .as_ref()
            .map(|progress| bar(progress, self.columns));
        let mut text = String::new();
        let mut end = "";
        if self.terminal && message.stream.is_empty() && bar.is_some() {
            text += "\x1b[2K\r";
            end = "\r";
        } else if bar.as_ref().is_some_and(|bar| !bar.is_empty()) {
            return text;
        }
        if !message.id.is_empty() {
            text += &format!("{}: ", message.id);
        }
        match bar {
            Some(bar) if self.terminal => text + &format!("{} {bar}{end}", message.status),
            _ if !message.progress_message.is_empty() => {
                text + &format!("{} {}{end}", message.status, message.progress_message)
            }
            _ if !message.stream.is_empty() => text + &message.stream + end,
            _ => text + &format!("{}{end}\n", message.status),
        }
    }
}

/// How far something is: `[==>   ] 1.2MB/3.4MB`.
fn bar(progress: &JsonProgress, columns: usize) -> String {
    let size = |bytes: i64| crate::units::human_size(u64::try_from(bytes).unwrap_or(0));
    let (current, total) = (progress.current, progress.total);
    if current <= 0 && total <= 0 {
        return String::new();
    }
    if total <= 0 {
        return match progress.units.as_str() {
            "" => format!("{:>8}", size(current)),
            units => format!("{current} {units}"),
        };
    }
    let half = (current as f64 / total as f64 * 100.0) as i64 / 2;
    let half = half.clamp(0, 50) as usize;
    let drawn = match columns > 110 {
        true => format!("[{}>{}] ", "=".repeat(half), " ".repeat(50 - half)),
        false => String::new(),
    };
    let numbers = match progress.units.as_str() {
        _ if progress.hide_counts => String::new(),
        "" if current > total => format!("{:>8}", size(current)),
        "" => format!("{:>8}/{}", size(current), size(total)),
        units if current > total => format!("{current} {units}"),
        units => format!("{current}/{total} {units}"),
    };
    drawn + &numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_drawn_where_there_is_room() {
        let progress = JsonProgress {
            current: 500_000,
            total: 1_000_000,
            ..JsonProgress::default()
        };
        assert_eq!(bar(&progress, 80), "   500kB/1MB");
        assert_eq!(
            bar(&progress, 200),
            format!("[{}>{}]    500kB/1MB", "=".repeat(25), " ".repeat(25))
        );
        assert_eq!(bar(&JsonProgress::default(), 200), "");
    }
}

//! What processes write: into the log, to the clients, and to its end.

use super::{Client, Key, Process, Table};
use crate::io::CHUNK;
use crate::proto::{MAX_FRAME, Stream};
use crate::shim::log::Splitter;
use futures_channel::oneshot;
use glassdock_abi::files::write_all;
use glassdock_abi::flags::PollEvents;
use glassdock_abi::types::PollFd;
use glassdock_abi::{Io, OwnedFd, Sys};
use glassdock_trace::Trace;
use std::sync::Arc;

/// Nanoseconds that output may go on after the end of its process, when others hold its streams; as in moby.
const DRAIN: u64 = 2_000_000_000;
/// Bytes that a process can have left in its streams, which is how much Linux lets a pipe hold
/// (`/proc/sys/fs/pipe-max-size`); what comes beyond is of others.
const MAX_LEFT: usize = 1 << 20;

impl<S: Sys + Trace> Table<S> {
    /// Reads one stream to its end: into the log, and to the clients.
    pub(super) async fn pump(&self, key: &Key, stream: Stream, fd: Arc<OwnedFd<S>>) {
        let mut splitter = Splitter::default();
        // A terminal's master tells the end as EIO.
        while let Ok(data) = self.sys.read(fd.fd(), CHUNK).await {
            if data.is_empty() {
                break;
            }
            self.with(key, |process| process.at_work += 1);
            if key.is_none() {
                let entries = splitter.push(stream, &data, self.now());
                self.append_log(entries).await;
            }
            self.deliver(key, stream, &data).await;
            self.with(key, |process| {
                process.at_work -= 1;
                if process.exit.is_some() {
                    process.late = process.late.saturating_add(data.len());
                }
            });
        }
        if key.is_none() {
            let entries = splitter.end(stream, self.now());
            self.append_log(entries).await;
        }
    }

    /// Changes a process, while it is remembered.
    fn with(&self, key: &Key, change: impl FnOnce(&mut Process<S>)) {
        if let Some(process) = self.state().processes.get_mut(key) {
            change(process);
        }
    }

    async fn append_log(&self, entries: Vec<u8>) {
        let Some(log) = self.state().log.clone().filter(|_| !entries.is_empty()) else {
            return;
        };
        // A full disk must not stop the container; what cannot be logged is lost, as in moby.
        let _ = write_all(&self.sys, log.fd(), &entries).await;
        for watcher in &self.state().watchers {
            watcher.nudge(b"\n".to_vec());
        }
    }

    async fn deliver(&self, key: &Key, stream: Stream, data: &[u8]) {
        let clients: Vec<Client> = match self.state().processes.get(key) {
            Some(process) => process.clients.clone(),
            None => return,
        };
        for client in clients {
            let wanted = match stream {
                Stream::Stdout => client.streams.stdout,
                Stream::Stderr => client.streams.stderr,
            };
            if !wanted {
                continue;
            }
            for piece in data.chunks(MAX_FRAME) {
                let mut frame = stream.header(piece.len() as u32).to_vec();
                frame.extend_from_slice(piece);
                if !client.outbox.put(frame).await {
                    break;
                }
            }
        }
    }

    pub(super) fn output_ended(&self, key: &Key) {
        let mut state = self.state();
        let Some(process) = state.processes.get_mut(key) else {
            return;
        };
        process.open_outputs = process.open_outputs.saturating_sub(1);
        if process.open_outputs == 0 {
            process.drained = true;
            for waiter in process.drain_waiters.drain(..) {
                let _ = waiter.send(());
            }
        }
    }

    /// Waits until the output that a process has left is read: to the ends of its streams, or, where others hold those,
    /// as much as can be its own.
    pub(super) async fn drain(&self, key: &Key) {
        loop {
            let drained = {
                let mut state = self.state();
                match state.processes.get_mut(key) {
                    Some(process) if !process.drained => {
                        let (send, receive) = oneshot::channel();
                        process.drain_waiters.push(send);
                        receive
                    }
                    _ => return,
                }
            };
            let timeout = Box::pin(self.sys.sleep(DRAIN));
            futures_util::future::select(drained, timeout).await;
            if self.nothing_is_left(key).await {
                return;
            }
        }
    }

    /// Whether nothing of an ended process's output waits to be read.
    async fn nothing_is_left(&self, key: &Key) -> bool {
        let outputs = match self.state().processes.get(key) {
            Some(process) if process.drained || process.late >= MAX_LEFT => return true,
            Some(process) if process.at_work > 0 => return false,
            Some(process) => process.outputs.clone(),
            None => return true,
        };
        let events = PollEvents::IN;
        let entries = outputs.iter().map(|fd| PollFd {
            fd: fd.fd(),
            events,
        });
        let ready = self.sys.ppoll(entries.collect(), Some(0)).await;
        ready.is_ok_and(|ready| !ready.iter().any(|events| events.contains(PollEvents::IN)))
    }
}

//! The processes that a shim looks after, their streams and their ends.

mod output;

use super::outbox::Outbox;
use crate::client::Streams;
use crate::proto::{EXIT, Exit, Report, ShimOptions, Stream};
use crate::{ErrorKind, RuntimeError};
use crate::{cgroups, helper};
use futures_channel::oneshot;
use glassdock_abi::files::replace_volatile_file;
use glassdock_abi::flags::OpenFlags;
use glassdock_abi::types::{Clock, WaitStatus};
use glassdock_abi::{Fd, Io, OwnedFd, PathArg, Pid, Sys};
use glassdock_oci::runtime::Status;
use glassdock_trace::{Args, Layer, Outcome, Trace, Value};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Children that ended while one was being started, which they may turn out to be; the oldest is forgotten beyond.
const MAX_UNCLAIMED: usize = 1024;
/// Ended executed processes that are remembered.
const MAX_ENDED: usize = 256;

/// A process by its id among the executed ones; `None` is the container's own.
pub(super) type Key = Option<String>;

/// One process's input and output.
pub(super) struct Channel<S: Sys> {
    /// Where input goes: a pipe, or the terminal's master.
    pub input: Option<Arc<OwnedFd<S>>>,
    /// The terminal's master.
    pub terminal: Option<Arc<OwnedFd<S>>>,
    /// Whether input ends with the first client that ends its own.
    pub input_once: bool,
    /// Where output comes from.
    pub outputs: Vec<(Stream, Arc<OwnedFd<S>>)>,
}

/// One client's wish for output.
#[derive(Clone)]
pub(super) struct Client {
    outbox: Outbox,
    streams: Streams,
}

/// What is known of a process.
struct Process<S: Sys> {
    pid: Pid,
    pidfd: Option<Arc<OwnedFd<S>>>,
    input: Option<Arc<OwnedFd<S>>>,
    terminal: Option<Arc<OwnedFd<S>>>,
    input_once: bool,
    clients: Vec<Client>,
    /// Where its output comes from.
    outputs: Vec<Arc<OwnedFd<S>>>,
    /// Streams that have not ended.
    open_outputs: usize,
    /// Streams of which something was read that is not everywhere yet.
    at_work: usize,
    /// Bytes read since its end.
    late: usize,
    exit: Option<Exit>,
    /// The output has been read, or given up.
    drained: bool,
    waiters: Vec<oneshot::Sender<Exit>>,
    drain_waiters: Vec<oneshot::Sender<()>>,
}

struct State<S: Sys> {
    processes: BTreeMap<Key, Process<S>>,
    ended_order: VecDeque<String>,
    unclaimed: VecDeque<(Pid, WaitStatus)>,
    claims: BTreeMap<Pid, oneshot::Sender<WaitStatus>>,
    /// Children that are being started, and not known yet by their numbers.
    starting: usize,
    expecting: Vec<oneshot::Sender<()>>,
    status: Status,
    start: Option<OwnedFd<S>>,
    log: Option<Arc<OwnedFd<S>>>,
    watchers: Vec<Outbox>,
    /// Connections that carry streams.
    streams: usize,
    /// The container is deleted: the shim ends with its last stream.
    over: bool,
    deleted: Option<oneshot::Sender<()>>,
}

impl<S: Sys> State<S> {
    /// Lets the shim end, when its time has come.
    fn end_when_over(&mut self) {
        if self.over
            && self.streams == 0
            && let Some(deleted) = self.deleted.take()
        {
            let _ = deleted.send(());
        }
    }

    /// A child is known now, or there is none.
    fn start_is_over(&mut self) {
        self.starting = self.starting.saturating_sub(1);
        if self.starting == 0 {
            // The numbers in it may come to mean others.
            self.unclaimed.clear();
        }
    }
}

/// All of a shim's processes.
pub(super) struct Table<S: Sys + Trace> {
    pub sys: S,
    pub options: ShimOptions,
    pub dir: PathArg,
    state: Mutex<State<S>>,
}

fn not_found(key: &Key) -> RuntimeError {
    let text = match key {
        Some(id) => format!("there is no executed process {id}"),
        None => "the container has no process".to_owned(),
    };
    RuntimeError::new(ErrorKind::NotFound, text)
}

impl<S: Sys + Trace> Table<S> {
    pub fn new(sys: S, options: ShimOptions, deleted: oneshot::Sender<()>) -> Arc<Table<S>> {
        Arc::new(Table {
            sys,
            dir: PathArg::from(&options.dir),
            options,
            state: Mutex::new(State {
                processes: BTreeMap::new(),
                ended_order: VecDeque::new(),
                unclaimed: VecDeque::new(),
                claims: BTreeMap::new(),
                starting: 0,
                expecting: Vec::new(),
                status: Status::Creating,
                start: None,
                log: None,
                watchers: Vec::new(),
                streams: 0,
                over: false,
                deleted: Some(deleted),
            }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a child may be there again.
    pub async fn child_expected(&self) {
        let (send, receive) = oneshot::channel();
        self.state().expecting.push(send);
        let _ = receive.await;
    }

    /// A child is about to be there.
    pub fn expect_child(&self) {
        for waiter in self.state().expecting.drain(..) {
            let _ = waiter.send(());
        }
    }

    /// A child is going to be started: until [`Table::adopt`] or [`Table::not_started`], ends of strangers are kept.
    pub fn begin_start(&self) {
        self.state().starting += 1;
    }

    /// The child could not be started.
    pub fn not_started(&self) {
        self.state().start_is_over();
    }

    /// Waits for the end of a child that is no process of the container: a helper.
    pub async fn claim(&self, pid: Pid) -> Option<WaitStatus> {
        let receive = {
            let mut state = self.state();
            if let Some(at) = state.unclaimed.iter().position(|(other, _)| *other == pid) {
                return state.unclaimed.remove(at).map(|(_, status)| status);
            }
            let (send, receive) = oneshot::channel();
            state.claims.insert(pid, send);
            receive
        };
        receive.await.ok()
    }

    /// The log's file, from now on.
    pub fn set_log(&self, log: OwnedFd<S>) {
        self.state().log = Some(Arc::new(log));
    }

    /// Where a created process waits for its start.
    pub fn set_start(&self, start: OwnedFd<S>) {
        let mut state = self.state();
        state.start = Some(start);
        state.status = Status::Created;
    }

    /// The end on which the start is given, once.
    pub fn take_start(&self) -> Result<OwnedFd<S>, RuntimeError> {
        let mut state = self.state();
        match state.start.take() {
            Some(start) if state.status == Status::Created => {
                state.status = Status::Running;
                Ok(start)
            }
            _ => Err(RuntimeError::new(
                ErrorKind::WrongState,
                match state.status {
                    Status::Stopped => "cannot start a container that has stopped",
                    _ => "cannot start an already running container",
                },
            )),
        }
    }

    /// Whether an id is taken.
    pub fn has(&self, key: &Key) -> bool {
        self.state().processes.contains_key(key)
    }

    /// Takes a process up that was started: its streams are read from now on, its end is told.
    pub async fn adopt(
        self: &Arc<Self>,
        key: Key,
        pid: Pid,
        channel: Channel<S>,
        first: Option<Client>,
    ) {
        let pidfd = self
            .sys
            .call(glassdock_abi::Call::PidfdOpen { pid, flags: 0 })
            .await
            .and_then(|ret| ret.fd())
            .map(|fd| Arc::new(self.sys.own(fd)))
            .ok();
        let open_outputs = channel.outputs.len();
        let early = {
            let mut state = self.state();
            state.processes.insert(
                key.clone(),
                Process {
                    pid,
                    pidfd,
                    input: channel.input,
                    terminal: channel.terminal,
                    input_once: channel.input_once,
                    clients: first.into_iter().collect(),
                    outputs: channel
                        .outputs
                        .iter()
                        .map(|(_, fd)| Arc::clone(fd))
                        .collect(),
                    open_outputs,
                    at_work: 0,
                    late: 0,
                    exit: None,
                    drained: open_outputs == 0,
                    waiters: Vec::new(),
                    drain_waiters: Vec::new(),
                },
            );
            let at = state.unclaimed.iter().position(|(other, _)| *other == pid);
            let early = at.and_then(|at| state.unclaimed.remove(at));
            state.start_is_over();
            early
        };
        for (stream, fd) in channel.outputs {
            let (table, key) = (Arc::clone(self), key.clone());
            self.sys.task(Box::pin(async move {
                table.pump(&key, stream, fd).await;
                table.output_ended(&key);
            }));
        }
        if let Some((_, status)) = early {
            self.process_ended(key, status).await;
        }
    }

    /// A child has ended: a process of ours, somebody's helper, or a stranger left to us.
    pub async fn ended(self: &Arc<Self>, pid: Pid, status: WaitStatus) {
        let key = {
            let mut state = self.state();
            if let Some(claim) = state.claims.remove(&pid) {
                let _ = claim.send(status);
                return;
            }
            let found = state
                .processes
                .iter()
                .find(|(_, process)| process.pid == pid && process.exit.is_none())
                .map(|(key, _)| key.clone());
            match found {
                Some(key) => key,
                None if state.starting == 0 => return,
                None => {
                    if state.unclaimed.len() >= MAX_UNCLAIMED {
                        state.unclaimed.pop_front();
                    }
                    state.unclaimed.push_back((pid, status));
                    return;
                }
            }
        };
        self.process_ended(key, status).await;
    }

    async fn process_ended(self: &Arc<Self>, key: Key, status: WaitStatus) {
        let exit = Exit {
            code: status.shell_code() as u8,
            signal: match status {
                WaitStatus::Killed(signal, _) => Some(signal),
                _ => None,
            },
            at: self.now(),
            out_of_memory: key.is_none() && self.ran_out_of_memory().await,
        };
        if key.is_none() {
            let text = serde_json::to_vec(&exit).unwrap_or_default();
            let span = self.sys.enter(
                Layer::Runtime,
                "shim record exit",
                Args::Fields(vec![("code".into(), Value::Int(i64::from(exit.code)))]),
            );
            let recorded = replace_volatile_file(&span, &self.dir.join(EXIT), &text, 0o600).await;
            span.exit(match recorded {
                Ok(()) => Outcome::Ok,
                Err(errno) => Outcome::Errno(errno),
            });
        }
        {
            let mut state = self.state();
            if key.is_none() {
                state.status = Status::Stopped;
                state.start = None;
            }
            if let Some(process) = state.processes.get_mut(&key) {
                process.exit = Some(exit);
                process.input = None;
                process.pidfd = None;
                // What is left of the output is little: a client that is slow must not keep it from the log.
                for client in &process.clients {
                    client.outbox.release();
                }
            }
        }
        // The output that is left is read before the end is told; not in the reaper's way.
        let table = Arc::clone(self);
        self.sys.task(Box::pin(async move {
            table.drain(&key).await;
            table.tell_end(&key, exit);
        }));
    }

    /// Whether the kernel has killed a process of the container for its memory.
    async fn ran_out_of_memory(&self) -> bool {
        let groups = cgroups::read_record(&self.sys, &self.dir).await;
        let kills = cgroups::out_of_memory_kills(&self.sys, &groups).await;
        kills.is_some_and(|kills| kills > 0)
    }

    fn tell_end(&self, key: &Key, exit: Exit) {
        let mut state = self.state();
        if let Some(process) = state.processes.get_mut(key) {
            process.drained = true;
            process.terminal = None;
            process.outputs.clear();
            for client in process.clients.drain(..) {
                client.outbox.end();
            }
            for waiter in process.waiters.drain(..) {
                let _ = waiter.send(exit);
            }
        }
        match key {
            None => {
                state.watchers.drain(..).for_each(|watcher| watcher.end());
                state.log = None;
            }
            Some(id) => {
                state.ended_order.push_back(id.clone());
                if state.ended_order.len() > MAX_ENDED
                    && let Some(oldest) = state.ended_order.pop_front()
                {
                    state.processes.remove(&Some(oldest));
                }
            }
        }
    }

    /// The end of a process, once its output has been read.
    pub async fn wait(&self, key: &Key) -> Result<Exit, RuntimeError> {
        let receive = {
            let mut state = self.state();
            let process = state.processes.get_mut(key).ok_or_else(|| not_found(key))?;
            match process.exit {
                Some(exit) if process.drained && process.clients.is_empty() => return Ok(exit),
                _ => {
                    let (send, receive) = oneshot::channel();
                    process.waiters.push(send);
                    receive
                }
            }
        };
        receive.await.map_err(|_| not_found(key))
    }

    /// A queue that gets a process's output from now on; at once at its end when the process has ended.
    pub fn attach(&self, key: &Key, streams: Streams) -> Result<Outbox, RuntimeError> {
        let mut state = self.state();
        let process = state.processes.get_mut(key).ok_or_else(|| not_found(key))?;
        let outbox = Outbox::default();
        if process.exit.is_some() && process.drained {
            outbox.end();
        } else {
            if process.exit.is_some() {
                outbox.release();
            }
            process.clients.push(Client {
                outbox: outbox.clone(),
                streams,
            });
        }
        Ok(outbox)
    }

    /// A first client, for a process that is yet to come.
    pub fn client(outbox: &Outbox) -> Client {
        Client {
            outbox: outbox.clone(),
            streams: Streams::ALL,
        }
    }

    /// Forgets a client.
    pub fn detach(&self, key: &Key, outbox: &Outbox) {
        outbox.abandon();
        if let Some(process) = self.state().processes.get_mut(key) {
            process.clients.retain(|client| !client.outbox.is(outbox));
        }
    }

    /// Where a process's input goes, while it is open.
    pub fn input(&self, key: &Key) -> Option<Arc<OwnedFd<S>>> {
        self.state().processes.get(key)?.input.clone()
    }

    /// A client has ended its input: a process whose input ends with it gets the end.
    pub fn input_ended(&self, key: &Key) {
        if let Some(process) = self.state().processes.get_mut(key)
            && process.input_once
            && process.terminal.is_none()
        {
            process.input = None;
        }
    }

    /// A process's terminal.
    pub fn terminal(&self, key: &Key) -> Result<Arc<OwnedFd<S>>, RuntimeError> {
        let state = self.state();
        let process = state.processes.get(key).ok_or_else(|| not_found(key))?;
        process.terminal.clone().ok_or_else(|| {
            RuntimeError::new(
                ErrorKind::WrongState,
                "the process has no terminal, or has ended",
            )
        })
    }

    /// What a signal to a process is sent through.
    pub fn pidfd(&self, key: &Key) -> Result<Arc<OwnedFd<S>>, RuntimeError> {
        let state = self.state();
        let process = state.processes.get(key).ok_or_else(|| not_found(key))?;
        process
            .pidfd
            .clone()
            .ok_or_else(|| RuntimeError::new(ErrorKind::WrongState, "process already finished"))
    }

    /// The state, as the client's report.
    pub fn report(&self) -> Report {
        let state = self.state();
        let process = state.processes.get(&None);
        Report {
            status: state.status,
            pid: process
                .filter(|process| process.exit.is_none())
                .map_or(0, |process| process.pid.0),
            exit: process.and_then(|process| process.exit),
        }
    }

    /// A queue that is told when the log grows.
    pub fn watch_log(&self) -> Outbox {
        let outbox = Outbox::default();
        let mut state = self.state();
        let over = state
            .processes
            .get(&None)
            .is_some_and(|process| process.exit.is_some() && process.drained);
        if over {
            outbox.end();
        } else {
            state.watchers.push(outbox.clone());
        }
        outbox
    }

    /// Forgets a watcher of the log.
    pub fn unwatch(&self, outbox: &Outbox) {
        outbox.abandon();
        self.state().watchers.retain(|other| !other.is(outbox));
    }

    /// A connection carries streams from now on: the shim stays for it.
    pub fn stream_began(&self) {
        self.state().streams += 1;
    }

    /// Such a connection is over.
    pub fn stream_ended(&self) {
        let mut state = self.state();
        state.streams = state.streams.saturating_sub(1);
        state.end_when_over();
    }

    /// Removes the control groups and the state directory of a container that has stopped. The shim ends with [`Table::finish`].
    pub async fn delete(&self) -> Result<(), RuntimeError> {
        let status = self.state().status;
        if status != Status::Stopped {
            return Err(RuntimeError::new(
                ErrorKind::WrongState,
                format!(
                    "cannot delete container {} that is not stopped: {}",
                    self.options.id,
                    status.as_str()
                ),
            ));
        }
        helper::remove(&self.sys, &self.dir).await
    }

    /// Lets the shim end, once clients that are slow have taken what there is for them.
    pub fn finish(&self) {
        let mut state = self.state();
        for client in state
            .processes
            .values()
            .flat_map(|process| &process.clients)
        {
            client.outbox.end();
        }
        state.over = true;
        state.end_when_over();
    }

    fn now(&self) -> u64 {
        self.sys.now(Clock::Realtime).as_nanos()
    }

    /// Opens the log for appending.
    pub async fn open_log(&self) -> Result<(), RuntimeError> {
        let Some(path) = &self.options.log else {
            return Ok(());
        };
        let flags = OpenFlags::WRONLY | OpenFlags::CREAT | OpenFlags::APPEND;
        let file = self
            .sys
            .openat(Fd::CWD, path.into(), flags, 0o640)
            .await
            .map_err(|errno| RuntimeError::errno(format_args!("open the log {path}"), errno))?;
        self.set_log(file);
        Ok(())
    }
}

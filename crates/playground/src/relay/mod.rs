//! A machine's engine for clients outside: its socket is relayed to real ones.
//!
//! Every real connection becomes one in the machine. What is pumped in is an entry of the machine's log, with its
//! moment; what the machine or a client has no room for waits where it is, and each direction of a connection ends by
//! itself. The machine rests while nothing is to be done: its idle time follows the real clock, as entries of the log.
//!
//! One thread does all this on any kernel with a [`Sys`](glassdock_abi::Sys): it waits in one `ppoll` for everybody.

mod connection;
mod record;

pub use record::{Recorder, recorded};

use crate::machine::{Machine, Pace};
use connection::Connection;
use glassdock_abi::call::FcntlCmd;
use glassdock_abi::files::write_all;
use glassdock_abi::flags::{OpenFlags, PollEvents};
use glassdock_abi::types::{Clock, PollFd};
use glassdock_abi::{Call, Errno, Fd, Io, OwnedFd, Ret};
use glassdock_engine::daemon::Front;
use glassdock_engine::{Config, Kernel, LogLevel};
use glassdock_kernel::WireId;
use std::collections::BTreeMap;

/// Where clients in the machine find its engine.
const ENGINE: &str = "/var/run/docker.sock";
/// Turns that a machine may take until somebody listens there.
const BOOT_TURNS: u32 = 100_000;
/// Clients at a time.
const MAX_CLIENTS: usize = 1024;
/// Nanoseconds of idle time that the machine is told of at once. It takes no great leaps, which are those of a computer
/// that slept; the clock that is read here stands still then.
const TICK: u64 = 1_000_000_000;
/// Nanoseconds until clients are let in again, where there were no descriptors for more and none has gone.
const FULL_PAUSE: u64 = 1_000_000_000;
/// Nanoseconds that a machine has to stop: its engine gives its containers 15 s.
const STOP_PATIENCE: u64 = 30_000_000_000;
/// Nanoseconds that clients have to take the last output of a machine that has stopped.
const LAST_PATIENCE: u64 = 2_000_000_000;

/// Relays until a signal asks for the end, then has the machine stop its containers and itself. Of `config` the
/// addresses, the group, the pid file and the level count.
///
/// # Errors
/// What keeps it from listening or going on, in words.
pub async fn run<S: Kernel>(
    sys: &S,
    mut machine: Machine,
    config: &Config,
    envp: &[Vec<u8>],
    recorder: Option<Recorder<S>>,
) -> Result<(), String> {
    let mut front = Front::open(sys, config, envp)
        .await
        .map_err(|error| error.to_string())?;
    let ran = async {
        until_engine_listens(&mut machine)?;
        let listeners = front.listen().await.map_err(|error| error.to_string())?;
        let mut relay = Relay::new(sys, machine, listeners, recorder, config.log_level).await?;
        for host in &config.hosts {
            relay
                .tell(LogLevel::Info, &format!("listening on {host}"))
                .await;
        }
        let served = relay.serve(&front).await;
        // Somebody else may listen there since this one was asked to stop.
        if relay.end == End::No {
            front.hide().await;
        }
        served
    }
    .await;
    front.close().await;
    ran
}

/// Boots: nobody is there yet who could tell how long it takes.
fn until_engine_listens(machine: &mut Machine) -> Result<(), String> {
    let probe = WireId(0);
    for _ in 0..BOOT_TURNS {
        match machine.hurry() {
            Pace::Busy => {}
            Pace::Idle(_) if machine.connect(probe, ENGINE).is_ok() => {
                machine.cut(probe);
                return Ok(());
            }
            Pace::Idle(Some(_)) => {}
            Pace::Idle(None) | Pace::Halted => break,
        }
    }
    Err(format!("the simulated machine has no engine at {ENGINE}"))
}

/// How far the end is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Nobody asked for it.
    No,
    /// The machine was asked to stop; it is not waited for any longer than until this time.
    Asked(u64),
    /// The machine has stopped; clients are not waited for any longer than until this time.
    Stopped(u64),
}

struct Relay<S: Kernel> {
    sys: S,
    machine: Machine,
    level: LogLevel,
    recorder: Option<Recorder<S>>,
    listeners: Vec<OwnedFd<S>>,
    /// No more clients are let in before this time.
    full_until: u64,
    clients: BTreeMap<WireId, Connection<S>>,
    /// A client for whom the engine has no room yet.
    waiting: Option<OwnedFd<S>>,
    last_wire: u32,
    /// The real clock when the machine was switched on, and what the machine was told since.
    began: u64,
    told: u64,
    end: End,
}

/// What [`Relay::wait`] heard of.
#[derive(Default)]
struct Heard {
    asked_to_end: bool,
    knocks: Vec<Fd>,
    ready: BTreeMap<Fd, PollEvents>,
}

impl<S: Kernel> Relay<S> {
    async fn new(
        sys: &S,
        machine: Machine,
        listeners: Vec<OwnedFd<S>>,
        recorder: Option<Recorder<S>>,
        level: LogLevel,
    ) -> Result<Relay<S>, String> {
        for listener in &listeners {
            // Somebody else may have the same socket and be quicker to accept.
            set_nonblocking(sys, listener.fd())
                .await
                .map_err(|errno| format!("a socket to listen on: {errno}"))?;
        }
        let clock = |clock| sys.now(clock).as_nanos();
        let age = clock(Clock::Realtime).saturating_sub(machine.setup().boot_time);
        let began = clock(Clock::Monotonic).saturating_sub(age);
        Ok(Relay {
            sys: sys.clone(),
            machine,
            level,
            recorder,
            listeners,
            full_until: 0,
            clients: BTreeMap::new(),
            waiting: None,
            last_wire: 0,
            began,
            told: 0,
            end: End::No,
        })
    }

    async fn tell(&self, level: LogLevel, what: &str) {
        if level >= self.level {
            let line = format!("glassdock: {what}\n");
            // Nobody else can be told.
            let _ = write_all(&self.sys, Fd::STDERR, line.as_bytes()).await;
        }
    }

    /// The real clock, in nanoseconds since the machine was switched on.
    fn now(&self) -> u64 {
        let now = self.sys.now(Clock::Monotonic).as_nanos();
        now.saturating_sub(self.began)
    }

    async fn serve(&mut self, front: &Front<'_, S>) -> Result<(), String> {
        let mut heard = Heard::default();
        loop {
            self.pass_time();
            let pace = self.turn();
            if heard.asked_to_end {
                self.ask_to_stop(front).await?;
            }
            self.accept(&heard.knocks).await;
            let moved = self.pump(&heard.ready).await;
            self.record().await?;
            if self.is_over(pace)? {
                let hash = self.machine.hash().0;
                let what =
                    format!("the machine has stopped; the hash of its events is {hash:032x}");
                self.tell(LogLevel::Info, &what).await;
                return Ok(());
            }
            let wait = match pace {
                _ if moved || heard.asked_to_end => Some(0),
                Pace::Busy => Some(0),
                Pace::Idle(next) => next,
                Pace::Halted => None,
            };
            heard = self.wait(front, wait).await?;
        }
    }

    fn pass_time(&mut self) {
        let now = self.now();
        while self.told < now {
            self.told = now.min(self.told + TICK);
            self.machine.clock(self.told);
        }
    }

    fn turn(&mut self) -> Pace {
        // Nobody can tell how long a machine takes to stop that has no clients.
        match self.end {
            End::Asked(_) if self.clients.is_empty() => match self.machine.hurry() {
                Pace::Idle(Some(_)) => Pace::Busy,
                pace => pace,
            },
            _ => self.machine.turn(),
        }
    }

    async fn ask_to_stop(&mut self, front: &Front<'_, S>) -> Result<(), String> {
        if self.end != End::No {
            return Err("stopped by a second signal: the machine was not waited for".into());
        }
        self.tell(LogLevel::Info, "stopping the containers").await;
        front.hide().await;
        self.listeners.clear();
        self.waiting = None;
        self.machine.ctrl_alt_del();
        self.end = End::Asked(self.now() + STOP_PATIENCE);
        Ok(())
    }

    /// Whether there is nothing more to do.
    fn is_over(&mut self, pace: Pace) -> Result<bool, String> {
        let now = self.now();
        match self.end {
            End::No if pace == Pace::Halted => Err("the simulated machine has stopped".into()),
            End::No => Ok(false),
            End::Asked(_) if pace == Pace::Halted => {
                self.end = End::Stopped(now + LAST_PATIENCE);
                Ok(self.clients.is_empty())
            }
            End::Asked(until) if now > until => Err("the simulated machine does not stop".into()),
            End::Asked(_) => Ok(false),
            End::Stopped(until) => Ok(self.clients.is_empty() || now > until),
        }
    }

    async fn record(&mut self) -> Result<(), String> {
        let records = self.machine.take_log();
        match &mut self.recorder {
            Some(recorder) => recorder.keep(&records).await,
            None => Ok(()),
        }
    }

    /// Whether another client can be let in.
    fn has_room(&self) -> bool {
        let full = self.clients.len() >= MAX_CLIENTS || self.now() < self.full_until;
        !full && self.waiting.is_none()
    }

    /// Lets clients in who knock, as far as there is room.
    async fn accept(&mut self, knocks: &[Fd]) {
        self.let_in();
        for listener in knocks {
            while self.has_room() {
                let call = Call::Accept4 {
                    fd: *listener,
                    flags: OpenFlags::CLOEXEC | OpenFlags::NONBLOCK,
                };
                match self.sys.call(call).await {
                    Ok(Ret::Accepted(client, _)) => self.waiting = Some(self.sys.own(client)),
                    Err(Errno::EMFILE | Errno::ENFILE) => self.full_until = self.now() + FULL_PAUSE,
                    Ok(_) | Err(_) => break,
                }
                self.let_in();
            }
        }
    }

    /// Connects the client who waits, if any.
    fn let_in(&mut self) {
        let Some(client) = self.waiting.take() else {
            return;
        };
        let wire = self.free_wire();
        match self.machine.connect(wire, ENGINE) {
            Ok(()) => drop(self.clients.insert(wire, Connection::new(wire, client))),
            Err(Errno::EAGAIN) => self.waiting = Some(client),
            // As where an engine has died: who connected is told by the end of the connection.
            Err(_) => drop(client),
        }
    }

    fn free_wire(&mut self) -> WireId {
        loop {
            self.last_wire = self.last_wire.wrapping_add(1);
            if !self.clients.contains_key(&WireId(self.last_wire)) {
                return WireId(self.last_wire);
            }
        }
    }

    /// Moves bytes both ways; whether the machine has something new.
    async fn pump(&mut self, ready: &BTreeMap<Fd, PollEvents>) -> bool {
        let before = self.clients.len();
        let (mut ended, mut clients) = (Vec::new(), std::mem::take(&mut self.clients));
        for (wire, client) in &mut clients {
            let ready = ready.get(&client.fd()).copied().unwrap_or_default();
            if !client.pump(&self.sys, &mut self.machine, ready).await {
                ended.push(*wire);
            }
        }
        clients.retain(|wire, _| !ended.contains(wire));
        self.clients = clients;
        if self.clients.len() < before {
            self.full_until = 0;
        }
        self.machine.is_running()
    }

    /// Waits for the next thing outside, so many nanoseconds at most.
    async fn wait(&self, front: &Front<'_, S>, wait: Option<u64>) -> Result<Heard, String> {
        let wanted = |fd| PollFd {
            fd,
            events: PollEvents::IN,
        };
        let mut fds: Vec<PollFd> = front.signals().map(wanted).into_iter().collect();
        if self.has_room() {
            fds.extend(self.listeners.iter().map(|listener| wanted(listener.fd())));
        }
        fds.extend(self.clients.values().filter_map(Connection::waits_for));
        let events = match self.sys.ppoll(fds.clone(), self.bounded(wait)).await {
            Err(Errno::EINTR) => Vec::new(),
            events => events.map_err(|errno| format!("wait for clients: {errno}"))?,
        };
        let mut heard = Heard::default();
        for (asked, events) in fds.iter().zip(events).filter(|row| !row.1.is_empty()) {
            let fd = asked.fd;
            if front.signals() == Some(fd) {
                front.asked_to_end().await;
                heard.asked_to_end = true;
            } else if self.listeners.iter().any(|listener| listener.fd() == fd) {
                heard.knocks.push(fd);
            } else {
                heard.ready.insert(fd, events);
            }
        }
        Ok(heard)
    }

    /// What else has its time is not slept through.
    fn bounded(&self, wait: Option<u64>) -> Option<u64> {
        let now = self.now();
        let end = match self.end {
            End::No => None,
            End::Asked(until) | End::Stopped(until) => Some(until + 1),
        };
        let room = (self.full_until > now).then_some(self.full_until);
        let left = end
            .into_iter()
            .chain(room)
            .map(|until| until.saturating_sub(now));
        left.chain(wait).min()
    }
}

async fn set_nonblocking<S: Kernel>(sys: &S, fd: Fd) -> glassdock_abi::Result<()> {
    let cmd = FcntlCmd::GetFl;
    let flags = sys.call(Call::Fcntl { fd, cmd }).await?.int()?;
    let flags = u32::try_from(flags).map_err(|_| Errno::EPROTO)?;
    let cmd = FcntlCmd::SetFl(OpenFlags::from_bits_retain(flags) | OpenFlags::NONBLOCK);
    sys.call(Call::Fcntl { fd, cmd }).await.map(drop)
}

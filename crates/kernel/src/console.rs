//! Terminals: pseudo-terminals as files, job control, and the consoles whose master end is outside the machine.

use crate::Kernel;
use crate::file::Body;
use crate::ids::Tid;
use crate::signal::SIG_IGN;
use crate::syscall::CallCx;
use crate::tty::Pty;
use crate::tty::termios::TOSTOP;
use crate::wait::{Fail, SysResult, WaitKey};
use glassdock_abi::flags::OpenFlags;
use glassdock_abi::types::{Winsize, signal as sig};
use glassdock_abi::{Errno, Result};
use glassdock_vfs::Path;
use std::collections::{BTreeMap, VecDeque};

/// Most pseudo-terminals (`/proc/sys/kernel/pty/max`).
const PTYS_MAX: u32 = 4096;
/// Bytes that were typed into a console and wait for room in its terminal, at most.
const TYPED_BYTES_MAX: usize = 16 << 20;
/// A tenth of a second, in nanoseconds: the unit of a terminal's `VTIME`.
const TENTH: u64 = 100_000_000;

/// A pseudo-terminal and the devpts mount that it belongs to.
#[derive(Debug)]
pub(crate) struct Tty {
    pub(crate) pty: Pty,
    /// The devpts instance, and the name in it.
    pub(crate) instance: u64,
    pub(crate) index: u32,
    /// User, and group where one was set.
    pub(crate) owner: (u32, Option<u32>),
    /// Permission bits, where they were set.
    pub(crate) mode: Option<u32>,
    /// Of a console: what was typed and waits for room, outside the machine as it were.
    typed: VecDeque<u8>,
}

impl Tty {
    /// Moves what was typed into the terminal, as far as there is room.
    fn feed(&mut self) {
        while !self.typed.is_empty() {
            let (next, _) = self.typed.as_slices();
            match self.pty.write_master(next) {
                Ok(taken) => drop(self.typed.drain(..taken)),
                Err(_) => return,
            }
        }
    }
}

/// All terminals, by number over all devpts instances.
#[derive(Debug, Default)]
pub(crate) struct Ttys {
    map: BTreeMap<u32, Tty>,
    console: Option<u32>,
}

impl Ttys {
    pub(crate) fn get(&self, number: u32) -> Option<&Pty> {
        self.map.get(&number).map(|tty| &tty.pty)
    }
    pub(crate) fn tty(&self, number: u32) -> Option<&Tty> {
        self.map.get(&number)
    }
    pub(crate) fn tty_mut(&mut self, number: u32) -> Option<&mut Tty> {
        self.map.get_mut(&number)
    }
    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut Pty> {
        self.map.get_mut(&number).map(|tty| &mut tty.pty)
    }
    pub(crate) fn numbers(&self) -> Vec<u32> {
        self.map.keys().copied().collect()
    }
    pub(crate) fn console(&self) -> Option<u32> {
        self.console
    }
    /// The terminals of a devpts instance: index and number.
    pub(crate) fn of_instance(&self, instance: u64) -> Vec<(u32, u32)> {
        let own = self.map.iter().filter(|(_, tty)| tty.instance == instance);
        let mut list: Vec<(u32, u32)> = own.map(|(number, tty)| (tty.index, *number)).collect();
        list.sort_unstable();
        list
    }
    /// Those of them that have a name: until the master is closed.
    pub(crate) fn named(&self, instance: u64) -> Vec<(u32, u32)> {
        let mut list = self.of_instance(instance);
        list.retain(|(_, number)| self.get(*number).is_some_and(|pty| !pty.hung_up()));
        list
    }
    fn add(&mut self, instance: u64, uid: u32) -> Result<u32> {
        let used = self.of_instance(instance);
        let index = (0..PTYS_MAX)
            .find(|index| !used.iter().any(|row| row.0 == *index))
            .ok_or(Errno::ENOSPC)?;
        let number = (0..PTYS_MAX)
            .find(|number| !self.map.contains_key(number))
            .ok_or(Errno::ENOSPC)?;
        let tty = Tty {
            pty: Pty::new(),
            instance,
            index,
            owner: (uid, None),
            mode: None,
            typed: VecDeque::new(),
        };
        self.map.insert(number, tty);
        Ok(number)
    }
}

/// A terminal of the machine whose other end its owner holds.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct ConsoleId(pub u32);

impl Kernel {
    /// Makes a terminal whose master end is the machine's owner's: what is typed comes through
    /// [`Kernel::input`](crate::Kernel::input), what is written is taken with [`Kernel::take_output`]. The first one is
    /// `/dev/console`. Processes reach it as `/dev/pts/N` of the first devpts mount.
    pub fn open_console(&mut self, winsize: Winsize) -> Result<ConsoleId> {
        let number = self.ttys.add(0, 0)?;
        if let Some(pty) = self.ttys.get_mut(number) {
            pty.locked = false;
            pty.set_winsize(winsize);
            pty.take_signals();
        }
        if self.ttys.console.is_none() {
            self.ttys.console = Some(number);
        }
        self.publisher.tty(number);
        Ok(ConsoleId(number))
    }

    /// The path of a console's slave end on the host.
    pub fn console_path(&self, console: ConsoleId) -> String {
        let index = self.ttys.tty(console.0).map_or(0, |tty| tty.index);
        format!("/dev/pts/{index}")
    }

    /// Takes what programs wrote to a console. Counts as an input where there was something.
    pub fn take_output(&mut self, console: ConsoleId) -> Vec<u8> {
        if self
            .ttys
            .get(console.0)
            .is_none_or(|pty| pty.output_bytes() == 0)
        {
            return Vec::new();
        }
        self.log_input(crate::Input::Taken(console));
        let out = self.drain_console(console);
        self.publish();
        out
    }

    pub(crate) fn drain_console(&mut self, console: ConsoleId) -> Vec<u8> {
        let mut out = Vec::new();
        let mut waited_for = false;
        if let Some(pty) = self.ttys.get_mut(console.0) {
            waited_for = pty.output_is_full();
            while let Ok(bytes) = pty.read_master(usize::MAX >> 1) {
                if bytes.is_empty() {
                    break;
                }
                out.extend_from_slice(&bytes);
            }
        }
        // Nobody is woken for room that there was before: when output is taken makes no difference to programs.
        if waited_for {
            self.tty_changed(console.0);
        }
        out
    }

    /// Types into a console.
    pub(crate) fn type_into(&mut self, console: ConsoleId, bytes: &[u8]) {
        let Some(tty) = self.ttys.tty_mut(console.0) else {
            return;
        };
        let room = TYPED_BYTES_MAX - tty.typed.len();
        tty.typed.extend(&bytes[..bytes.len().min(room)]);
        self.tty_changed(console.0);
    }

    pub(crate) fn resize_console(&mut self, console: ConsoleId, winsize: Winsize) {
        if let Some(pty) = self.ttys.get_mut(console.0) {
            pty.set_winsize(winsize);
        }
        self.tty_changed(console.0);
    }

    /// A terminal changed: signals go out, waiters look again.
    pub(crate) fn tty_changed(&mut self, number: u32) {
        let Some(tty) = self.ttys.tty_mut(number) else {
            return;
        };
        tty.feed();
        let signals = tty.pty.take_signals();
        let foreground = tty.pty.foreground.map(Tid);
        for signal in signals {
            if let Some(pgid) = foreground {
                self.signal_group(pgid, signal);
            }
        }
        self.publisher.tty(number);
        self.wake(WaitKey::Pty(number));
    }

    // Opening and closing.

    pub(crate) fn open_ptmx(&mut self, tid: Tid, path: Path) -> Result<Body> {
        let instance = self.devpts_of(tid, path)?;
        let owner = self.threads.get(&tid).map_or(0, |thread| thread.cred.fsuid);
        let number = self.ttys.add(instance, owner)?;
        self.publisher.tty(number);
        Ok(Body::Master(number))
    }

    pub(crate) fn open_slave(
        &mut self,
        tid: Tid,
        number: Option<u32>,
        flags: OpenFlags,
    ) -> Result<Body> {
        let number = number.ok_or(Errno::ENXIO)?;
        let pty = self.ttys.get_mut(number).ok_or(Errno::ENXIO)?;
        pty.open_slave()?;
        self.wake(WaitKey::Pty(number));
        if !flags.contains(OpenFlags::NOCTTY) {
            let free = self
                .ttys
                .get(number)
                .is_some_and(|pty| pty.session.is_none());
            let wants = self
                .process_of(tid)
                .is_some_and(|process| process.sid == process.tgid && process.tty.is_none());
            if free && wants && Some(number) != self.ttys.console {
                self.take_terminal(tid, number);
            }
        }
        Ok(Body::Slave(number))
    }

    pub(crate) fn open_controlling(&mut self, tid: Tid) -> Result<Body> {
        let number = self
            .process_of(tid)
            .and_then(|process| process.tty)
            .ok_or(Errno::ENXIO)?;
        self.ttys
            .get_mut(number)
            .ok_or(Errno::ENXIO)?
            .open_slave()?;
        Ok(Body::Slave(number))
    }

    pub(crate) fn close_master(&mut self, number: u32) {
        let Some(pty) = self.ttys.get_mut(number) else {
            return;
        };
        pty.close_master();
        self.hang_up(number);
        self.drop_unused_tty(number);
    }

    pub(crate) fn close_slave(&mut self, number: u32) {
        if let Some(pty) = self.ttys.get_mut(number) {
            pty.close_slave();
        }
        self.tty_changed(number);
        self.drop_unused_tty(number);
    }

    fn drop_unused_tty(&mut self, number: u32) {
        if self.ttys.get(number).is_some_and(Pty::is_unused) {
            self.ttys.map.remove(&number);
            self.publisher.tty(number);
        }
    }

    /// `SIGHUP` and `SIGCONT` for the session's leader, and nobody has the terminal any more (`__tty_hangup`). The
    /// foreground group follows when the leader ends.
    fn hang_up(&mut self, number: u32) {
        let Some(pty) = self.ttys.get_mut(number) else {
            return;
        };
        let (session, foreground) = (pty.session.take(), pty.foreground.take());
        if let Some(session) = session.map(Tid) {
            self.signal_process(session, crate::signal::SigInfo::kernel(sig::HUP), true);
            self.signal_process(session, crate::signal::SigInfo::kernel(sig::CONT), true);
            self.forget_terminal(session);
            if let Some(leader) = self.processes.get_mut(&session) {
                leader.old_foreground = foreground.map(Tid);
            }
        }
        self.tty_changed(number);
    }

    /// A session's leader ends whose terminal was hung up before.
    pub(crate) fn hang_up_old_foreground(&mut self, leader: Tid) {
        let process = self.processes.get_mut(&leader);
        if let Some(group) = process.and_then(|process| process.old_foreground.take()) {
            self.signal_group(group, sig::HUP);
            self.signal_group(group, sig::CONT);
        }
    }

    /// A session's processes have no terminal any more.
    pub(crate) fn forget_terminal(&mut self, session: Tid) {
        for process in self
            .processes
            .values_mut()
            .filter(|process| process.sid == session)
        {
            if process.tty.take().is_some() {
                self.publisher.task(process.tgid);
            }
        }
    }

    /// The session's leader ends (or asks): the foreground group is hung up, the terminal is free again. `SIGCONT` comes
    /// only to those of a leader that lives (`disassociate_ctty`).
    pub(crate) fn leave_terminal(&mut self, session: Tid, number: u32, ends: bool) {
        let Some(pty) = self.ttys.get_mut(number) else {
            return;
        };
        if pty.session != Some(session.0) {
            return;
        }
        let foreground = pty.foreground.take();
        pty.session = None;
        if let Some(group) = foreground.map(Tid) {
            if ends {
                self.signal_group(group, sig::HUP);
            } else {
                self.signal_group_from(session, group, sig::HUP);
                self.signal_group_from(session, group, sig::CONT);
            }
        }
        self.forget_terminal(session);
        self.publisher.tty(number);
        self.wake(WaitKey::Pty(number));
    }

    /// Makes a terminal that of the caller's session.
    pub(crate) fn take_terminal(&mut self, tid: Tid, number: u32) {
        let Some(process) = self.process_of_mut(tid) else {
            return;
        };
        process.tty = Some(number);
        let (tgid, sid, pgid) = (process.tgid, process.sid, process.pgid);
        if let Some(pty) = self.ttys.get_mut(number) {
            pty.session = Some(sid.0);
            pty.foreground = Some(pgid.0);
        }
        self.publisher.task(tgid);
        self.publisher.tty(number);
    }

    // Reading and writing.

    /// Whether a background process may go on with `signal`'s access to its terminal; it is signalled where not.
    pub(crate) fn check_foreground(&mut self, tid: Tid, number: u32, signal: u8) -> SysResult<()> {
        let Some(process) = self.process_of(tid) else {
            return Ok(());
        };
        let pgid = process.pgid;
        let own = process.tty == Some(number);
        let foreground = self.ttys.get(number).and_then(|pty| pty.foreground);
        if !own || foreground.is_none() || foreground == Some(pgid.0) {
            return Ok(());
        }
        let blocked = self
            .threads
            .get(&tid)
            .is_some_and(|t| t.sigmask.has(signal));
        let ignored = self.action(tid, signal).handler == SIG_IGN;
        if blocked || ignored {
            return if signal == sig::TTIN {
                Err(Errno::EIO.into())
            } else {
                Ok(())
            };
        }
        if self.is_orphaned_group(pgid, None) {
            return Err(Errno::EIO.into());
        }
        self.signal_group(pgid, signal);
        Err(Fail::wait("terminal", WaitKey::Pty(number)))
    }

    pub(crate) fn read_slave(
        &mut self,
        cx: &mut CallCx,
        number: u32,
        count: usize,
        nonblock: bool,
    ) -> SysResult<Vec<u8>> {
        self.check_foreground(cx.tid, number, sig::TTIN)?;
        let now = self.now();
        let timed_out = cx.state.deadline.is_some_and(|at| at <= now);
        let pty = self.ttys.get_mut(number).ok_or(Errno::EIO)?;
        if cx.state.tried && pty.hung_up() {
            // Who waits at that moment is told so; whoever comes later is at the end.
            return Err(Errno::EIO.into());
        }
        match pty.read_slave(count, nonblock, timed_out) {
            Ok(bytes) => {
                self.tty_changed(number);
                Ok(bytes)
            }
            Err(Errno::EAGAIN) if !nonblock && !timed_out => {
                if let Some(tenths) = pty.read_timer()
                    && cx.state.deadline.is_none()
                {
                    cx.state.deadline = Some(now + u64::from(tenths) * TENTH);
                }
                Err(Fail::wait_any(
                    "terminal read",
                    vec![WaitKey::Pty(number)],
                    cx.state.deadline,
                ))
            }
            Err(Errno::EAGAIN) if timed_out => Ok(Vec::new()),
            Err(errno) => Err(errno.into()),
        }
    }

    pub(crate) fn write_slave(
        &mut self,
        cx: &mut CallCx,
        number: u32,
        data: &[u8],
        nonblock: bool,
    ) -> SysResult<usize> {
        let tostop = self
            .ttys
            .get(number)
            .is_some_and(|pty| pty.termios().lflag & TOSTOP != 0);
        if tostop {
            self.check_foreground(cx.tid, number, sig::TTOU)?;
        }
        let span = cx.span;
        let pty = self.ttys.get_mut(number).ok_or(Errno::EIO)?;
        match pty.write_slave(data) {
            Ok(taken) => {
                pty.output_cause = span;
                self.tty_changed(number);
                Ok(taken)
            }
            Err(Errno::EAGAIN) if !nonblock => {
                Err(Fail::wait("terminal write", WaitKey::Pty(number)))
            }
            Err(errno) => Err(errno.into()),
        }
    }

    pub(crate) fn read_master(
        &mut self,
        number: u32,
        count: usize,
        nonblock: bool,
    ) -> SysResult<Vec<u8>> {
        let pty = self.ttys.get_mut(number).ok_or(Errno::EIO)?;
        match pty.read_master(count) {
            Ok(bytes) => {
                self.tty_changed(number);
                Ok(bytes)
            }
            Err(Errno::EAGAIN) if !nonblock => Err(Fail::wait("terminal", WaitKey::Pty(number))),
            Err(errno) => Err(errno.into()),
        }
    }

    pub(crate) fn write_master(
        &mut self,
        cx: &mut CallCx,
        number: u32,
        data: &[u8],
        nonblock: bool,
    ) -> SysResult<usize> {
        let span = cx.span;
        let pty = self.ttys.get_mut(number).ok_or(Errno::EIO)?;
        match pty.write_master(data) {
            Ok(taken) => {
                pty.input_cause = span;
                self.tty_changed(number);
                Ok(taken)
            }
            Err(Errno::EAGAIN) if !nonblock => Err(Fail::wait("terminal", WaitKey::Pty(number))),
            Err(errno) => Err(errno.into()),
        }
    }
}

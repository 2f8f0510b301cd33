//! Requests to terminals (`man 2 ioctl_tty`).

use crate::Kernel;
use crate::cred::cap;
use crate::file::Body;
use crate::ids::{FileId, Tid};
use crate::syscall::CallCx;
use crate::tty::Pty;
use crate::wait::{Fail, SysResult};
use glassdock_abi::call::IoctlReq;
use glassdock_abi::flags::OpenFlags;
use glassdock_abi::types::signal as sig;
use glassdock_abi::{Errno, Fd, Pid, Result, Ret};
use glassdock_trace::Value;
use glassdock_vfs::{At, Lookup};

const TCSBRK: u32 = 0x5409;
const TCXONC: u32 = 0x540a;
const TCFLSH: u32 = 0x540b;
const TIOCOUTQ: u32 = 0x5411;
const TIOCSTI: u32 = 0x5412;
const TIOCGETD: u32 = 0x5424;
const TCSBRKP: u32 = 0x5425;

/// A terminal, by the end that was asked.
#[derive(Clone, Copy)]
struct End {
    number: u32,
    master: bool,
}

impl Kernel {
    /// The terminal behind a descriptor. `ENOTTY` for anything else.
    fn terminal_of(&self, tid: Tid, fd: Fd) -> Result<End> {
        let id = self.real_file_id(tid, fd)?;
        let (number, master) = match self.file(id)?.body {
            Body::Master(number) => (number, true),
            Body::Slave(number) => (number, false),
            _ => return Err(Errno::ENOTTY),
        };
        Ok(End { number, master })
    }

    fn pty_mut(&mut self, number: u32) -> Result<&mut Pty> {
        self.ttys.get_mut(number).ok_or(Errno::EIO)
    }

    /// `ENOTTY` where the file is no terminal, `EIO` once it is hung up.
    pub(super) fn tty_ioctl(&mut self, cx: &mut CallCx, fd: Fd, request: &IoctlReq) -> SysResult {
        let tid = cx.tid;
        let end = self.terminal_of(tid, fd)?;
        let End { number, master } = end;
        if !master && self.pty_of(number)?.hung_up() {
            let groups = matches!(request, IoctlReq::Tiocspgrp(_));
            return Err(if groups { Errno::ENOTTY } else { Errno::EIO }.into());
        }
        match request {
            IoctlReq::Tcgets => Ok(Ret::Termios(Box::new(self.pty_of(number)?.termios()))),
            IoctlReq::Tcsets(termios, when) => {
                self.check_foreground(tid, number, sig::TTOU)?;
                let pty = self.pty_mut(number)?;
                if *when == 2 {
                    pty.flush_read();
                }
                pty.set_termios(*termios);
                self.tty_changed(number);
                Ok(Ret::None)
            }
            IoctlReq::Tiocgwinsz => Ok(Ret::Winsize(self.pty_of(number)?.winsize())),
            IoctlReq::Tiocswinsz(winsize) => {
                self.pty_mut(number)?.set_winsize(*winsize);
                self.tty_changed(number);
                Ok(Ret::None)
            }
            IoctlReq::Tiocsctty(steal) => {
                self.set_controlling(tid, number, *steal)?;
                Ok(Ret::None)
            }
            IoctlReq::Tiocnotty => {
                self.give_up_controlling(tid, number)?;
                Ok(Ret::None)
            }
            IoctlReq::Tiocgpgrp => Ok(self.terminal_group(tid, end, false)?),
            IoctlReq::Tiocgsid => Ok(self.terminal_group(tid, end, true)?),
            IoctlReq::Tiocspgrp(pgid) => self.set_foreground(cx, number, *pgid),
            IoctlReq::Other(request, argument) => {
                self.other_tty_ioctl(cx, end, *request, *argument)
            }
            _ if master => self.master_ioctl(tid, fd, number, request),
            _ => Err(Errno::ENOTTY.into()),
        }
    }

    /// What only the master end answers.
    fn master_ioctl(&mut self, tid: Tid, fd: Fd, number: u32, request: &IoctlReq) -> SysResult {
        match request {
            IoctlReq::Tiocgptn => Ok(Ret::Int(
                self.ttys.tty(number).map_or(0, |tty| tty.index).into(),
            )),
            IoctlReq::Tiocsptlck(lock) => {
                self.pty_mut(number)?.locked = *lock;
                Ok(Ret::None)
            }
            IoctlReq::Tiocgptpeer(flags) => {
                let id = self.real_file_id(tid, fd)?;
                self.open_peer(tid, id, number, *flags)
            }
            _ => Err(Errno::ENOTTY.into()),
        }
    }

    /// The other end is named in the directory of the `ptmx` that was opened, or in `pts` beside it, whatever the caller
    /// can reach (`ptm_open_peer`).
    fn open_peer(&mut self, tid: Tid, master: FileId, number: u32, flags: OpenFlags) -> SysResult {
        let ptmx = self.file(master)?.file.path;
        let index = self.ttys.tty(number).ok_or(Errno::EIO)?.index;
        let name = match self.vfs().synthetic_node(ptmx) {
            Ok(_) => index.to_string(),
            Err(_) => format!("pts/{index}"),
        };
        let directory = At::Dir(self.vfs().parent(ptmx));
        let file = self.with_kernel_vfs(|vfs, cx| {
            let place = vfs.lookup(cx, directory, name.as_bytes(), Lookup::FOLLOW)?;
            vfs.open_path(cx, place, OpenFlags::RDWR)
        })?;
        let body = match self.open_slave(tid, Some(number), flags) {
            Ok(body) => body,
            Err(errno) => {
                self.with_kernel_vfs(|vfs, _| vfs.close(file));
                return Err(errno.into());
            }
        };
        let what = format!("/dev/pts/{number}").into_bytes();
        let id = self.add_file(file, body, what);
        Ok(Ret::Fd(self.install(
            tid,
            id,
            flags.contains(OpenFlags::CLOEXEC),
        )?))
    }

    fn other_tty_ioctl(
        &mut self,
        cx: &mut CallCx,
        end: End,
        request: u32,
        argument: u64,
    ) -> SysResult {
        let End { number, master } = end;
        match request {
            TCSBRK | TCSBRKP => {
                self.check_change(cx, end)?;
                Ok(Ret::None)
            }
            TCFLSH => {
                self.check_change(cx, end)?;
                if argument > 2 {
                    return Err(Errno::EINVAL.into());
                }
                let (input, output) = (argument != 1, argument != 0);
                // The one end's input is the other's output.
                let (typed, written) = if master {
                    (output, input)
                } else {
                    (input, output)
                };
                let pty = self.pty_mut(number)?;
                match (typed, master) {
                    (true, false) => pty.flush_input(),
                    (true, true) => pty.flush_typed(),
                    (false, _) => {}
                }
                match (written, master) {
                    (true, false) => pty.flush_output(),
                    (true, true) => pty.flush_shown(),
                    (false, _) => {}
                }
                self.tty_changed(number);
                Ok(Ret::None)
            }
            TCXONC if !master => {
                self.check_change(cx, end)?;
                let pty = self.pty_mut(number)?;
                match argument {
                    0 => pty.suspend_output(true),
                    1 => pty.suspend_output(false),
                    2 => pty.send_flow(false),
                    3 => pty.send_flow(true),
                    _ => return Err(Errno::EINVAL.into()),
                }
                self.tty_changed(number);
                Ok(Ret::None)
            }
            // Nothing is on its way, and the discipline is N_TTY, which is number zero.
            TIOCOUTQ | TIOCGETD => {
                self.write_user(cx.tid, argument, &0u32.to_le_bytes())?;
                Ok(Ret::None)
            }
            TIOCSTI if !master => {
                if !self.cred(cx.tid)?.has_on_machine(cap::SYS_ADMIN) {
                    return Err(Errno::EIO.into());
                }
                let byte = self.read_bytes(cx.tid, argument, 1)?;
                self.pty_mut(number)?.write_master(&byte)?;
                self.tty_changed(number);
                Ok(Ret::None)
            }
            _ => {
                self.note("unsupported-ioctl", || vec![Value::Hex(request.into())]);
                Err(Errno::ENOTTY.into())
            }
        }
    }

    /// Waits until a background process may change its terminal.
    fn check_change(&mut self, cx: &CallCx, end: End) -> SysResult<()> {
        if end.master {
            return Ok(());
        }
        self.check_foreground(cx.tid, end.number, sig::TTOU)
    }

    pub(crate) fn pty_of(&self, number: u32) -> Result<&Pty> {
        self.ttys.get(number).ok_or(Errno::EIO)
    }

    fn set_controlling(&mut self, tid: Tid, number: u32, steal: bool) -> Result<()> {
        let process = self.process_of(tid).ok_or(Errno::EPERM)?;
        let (tgid, sid) = (process.tgid, process.sid);
        let session = self.pty_of(number)?.session;
        if sid == tgid && session == Some(sid.0) {
            return Ok(());
        }
        if sid != tgid || process.tty.is_some() {
            return Err(Errno::EPERM);
        }
        if let Some(other) = session {
            let admin = self
                .threads
                .get(&tid)
                .is_some_and(|t| t.cred.has_on_machine(crate::cred::cap::SYS_ADMIN));
            if !steal || !admin {
                return Err(Errno::EPERM);
            }
            self.forget_terminal(Tid(other));
        }
        self.take_terminal(tid, number);
        Ok(())
    }

    fn give_up_controlling(&mut self, tid: Tid, number: u32) -> Result<()> {
        let process = self.process_of_mut(tid).ok_or(Errno::ENOTTY)?;
        if process.tty != Some(number) {
            return Err(Errno::ENOTTY);
        }
        let (tgid, leads) = (process.tgid, process.sid == process.tgid);
        process.tty = None;
        self.publisher.task(tgid);
        if leads {
            self.leave_terminal(tgid, number, false);
        }
        Ok(())
    }

    /// The number of a terminal's session or foreground group as the caller sees it. `ENOTTY` unless it is the
    /// caller's own terminal or the master end.
    fn terminal_group(&self, tid: Tid, end: End, session: bool) -> Result<Ret> {
        let own = self.process_of(tid).and_then(|process| process.tty) == Some(end.number);
        if !end.master && !own {
            return Err(Errno::ENOTTY);
        }
        let pty = self.pty_of(end.number)?;
        let id = if session { pty.session } else { pty.foreground };
        match id {
            Some(id) => Ok(Ret::Pid(self.pid_for(tid, Tid(id)))),
            None if session => Err(Errno::ENOTTY),
            None => Ok(Ret::Pid(Pid(0))),
        }
    }

    fn set_foreground(&mut self, cx: &CallCx, number: u32, pgid: Pid) -> SysResult {
        match self.check_foreground(cx.tid, number, sig::TTOU) {
            Err(Fail::Errno(Errno::EIO)) => return Err(Errno::ENOTTY.into()),
            other => other?,
        }
        if pgid.0 < 0 {
            return Err(Errno::EINVAL.into());
        }
        let process = self.process_of(cx.tid).ok_or(Errno::ENOTTY)?;
        let sid = process.sid;
        if process.tty != Some(number) || self.pty_of(number)?.session != Some(sid.0) {
            return Err(Errno::ENOTTY.into());
        }
        let group = self.find_pid(cx.tid, pgid).ok_or(Errno::ESRCH)?;
        if !self.members(group).any(|process| process.sid == sid) {
            return Err(Errno::EPERM.into());
        }
        self.pty_mut(number)?.foreground = Some(group.0);
        self.tty_changed(number);
        Ok(Ret::None)
    }
}

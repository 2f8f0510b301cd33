//! What becomes of a call that a thread's mode does not simply allow (kernel/seccomp.c, `__seccomp_filter`).

use super::*;
use crate::Kernel;
use crate::ids::Tid;
use crate::process::Exec;
use crate::signal::{SigBody, SigInfo, code};
use crate::syscall::PendingCall;
use glassdock_abi::types::{WaitStatus, signal as sig};
use glassdock_abi::{Errno, Result, Ret, nr};
use glassdock_trace::{Outcome, Value};

/// The largest error number; a filter that returns a larger one gets this.
const MAX_ERRNO: u32 = 4095;
/// What strict mode leaves (`mode1_syscalls`).
const STRICT: [u32; 4] = [nr::read, nr::write, nr::exit, nr::rt_sigreturn];

impl Kernel {
    /// Makes a call of a thread in one of the modes, or does what its mode says instead.
    pub(crate) fn screen(&mut self, tid: Tid, req: u64, mut call: PendingCall, data: &Data) {
        let (verdict, signal) = self.judge(tid, data);
        let (action, value) = (verdict & ACTION, verdict & !ACTION);
        match action {
            action::ALLOW => return self.attempt(tid, req, call),
            action::LOG => {
                self.current = call.parent;
                self.note_verdict(data, action);
                return self.attempt(tid, req, call);
            }
            _ => {}
        }
        call.span = self.open_refused(tid, &call, data);
        self.note_verdict(data, action);
        match action {
            action::ERRNO => {
                let errno = Errno::from_raw(value.min(MAX_ERRNO).cast_signed());
                self.answer_call(tid, req, call.span, errno.map_or(Ok(Ret::None), Err));
            }
            // Nobody listens, and nobody traces.
            action::USER_NOTIF | action::TRACE => {
                self.answer_call(tid, req, call.span, Err(Errno::ENOSYS));
            }
            _ => {
                if let Some(span) = call.span {
                    self.exit_span(span, || Outcome::Cut);
                }
                self.current = None;
                match action {
                    action::TRAP => self.trap_call(tid, data, value),
                    _ => self.kill_caller(tid, signal, action == action::KILL_THREAD),
                }
                self.publish();
            }
        }
    }

    /// What is to become of a call, as a filter returns it, and the signal that it kills by.
    fn judge(&self, tid: Tid, data: &Data) -> (u32, u8) {
        match self.cred(tid).map(|cred| &cred.seccomp) {
            Ok(Seccomp::Filter(filters)) => (filters.verdict(data), sig::SYS),
            Ok(Seccomp::Strict) if !STRICT.contains(&data.number) => {
                (action::KILL_THREAD, sig::KILL)
            }
            _ => (action::ALLOW, sig::SYS),
        }
    }

    /// Whether a call that the kernel makes on a child's behalf may be made; one that would end the child may not.
    pub(crate) fn admits(&self, tid: Tid, data: &Data) -> Result<()> {
        let verdict = self.judge(tid, data).0;
        match verdict & ACTION {
            action::ALLOW | action::LOG => Ok(()),
            action::ERRNO => {
                let number = (verdict & !ACTION).min(MAX_ERRNO);
                Errno::from_raw(number.cast_signed()).map_or(Ok(()), Err)
            }
            _ => Err(Errno::ENOSYS),
        }
    }

    fn note_verdict(&mut self, data: &Data, action: u32) {
        let named = action::NAMES.iter().find(|(number, _)| *number == action);
        // An action that is not known kills the process.
        let name = named.map_or(action::NAMES[0].1, |(_, name)| name);
        let call = nr::name(data.number).unwrap_or("unknown");
        self.note("filtered", || {
            vec![Value::Text(call.into()), Value::Text(name.into())]
        });
    }

    /// `SIGSYS` with the call's number; registers are as they were before it.
    fn trap_call(&mut self, tid: Tid, data: &Data, errno: u32) {
        let info = SigInfo {
            signal: sig::SYS,
            code: code::SYS_SECCOMP,
            body: SigBody::Call {
                errno,
                addr: data.ip,
                number: data.number,
            },
        };
        self.force_signal(tid, info);
        self.make_ready(tid);
        if self.is_builtin(tid) {
            // It catches no signals, and makes no further call before this one ends it.
            self.deliver_signals(tid);
        }
    }

    /// Ends the calling thread alone where others are left, else the process.
    fn kill_caller(&mut self, tid: Tid, signal: u8, thread_alone: bool) {
        let tgid = self.tgid_of(tid);
        let threads = self.process_of(tid).map_or(0, |it| it.threads.len());
        if !thread_alone || threads <= 1 {
            let dumps = signal == sig::SYS && self.dumps_core(tgid);
            self.exit_process(tgid, WaitStatus::Killed(signal, dumps));
        }
        self.end_thread(tid);
    }

    fn is_builtin(&self, tid: Tid) -> bool {
        let exec = self.threads.get(&tid).map(|thread| &thread.exec);
        matches!(exec, Some(Exec::Builtin(_)))
    }
}

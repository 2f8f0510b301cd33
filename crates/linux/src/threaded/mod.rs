//! The kernel's handle for processes with threads, on tokio.
//!
//! Sockets, pipes, terminals, pidfds and signalfds are waited for by tokio's reactor and then read and written at once.
//! What may wait for a disk goes to a bounded number of threads of its own, call by call or a whole operation at once.
//! Nothing else here depends on the thread that a future happens to run in: calls that would change the calling process
//! fail with `ENOSYS`.

mod apart;
mod io;
mod pins;
pub(crate) mod ready;

use crate::calls::{self, Family, family, perform};
use crate::clone;
use crate::original::block_signals;
use apart::Apart;
use glassdock_abi::flags::WaitFlags;
use glassdock_abi::types::*;
use glassdock_abi::{BoxFuture, Call, Child, Errno, Fd, Result, Ret, Spawn, Sys};
use pins::{Pins, descriptors};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{Semaphore, oneshot};

/// Calls that may wait for a disk at a time; each has a thread while it lasts.
const MAX_BLOCKING: usize = 32;
/// Threads that run futures, at most.
const MAX_WORKERS: usize = 4;
/// How long a thread for calls that wait stays for the next one.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

/// The real kernel, for a process of many threads. Nothing is traced.
#[derive(Clone)]
pub struct Tokio {
    shared: Arc<Shared>,
}

struct Shared {
    handle: Handle,
    blocking: Arc<Semaphore>,
    apart: Apart,
    pins: Pins,
}

impl Tokio {
    /// Runs a program to its end on threads of its own. To be called while the process has no other thread: `signals`
    /// (bit n-1 for signal n) are blocked in all of them, for `signalfd`; programs that are started get the mask from before.
    ///
    /// # Errors
    /// Those of starting threads.
    pub fn run<F: Future>(signals: u64, program: impl FnOnce(Tokio) -> F) -> Result<F::Output> {
        block_signals(signals)?;
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let runtime = Builder::new_multi_thread()
            .worker_threads(workers.clamp(1, MAX_WORKERS))
            .max_blocking_threads(MAX_BLOCKING + apart::MAX)
            .thread_keep_alive(KEEP_ALIVE)
            .enable_io()
            .enable_time()
            .build()
            .map_err(|error| {
                error
                    .raw_os_error()
                    .and_then(Errno::from_raw)
                    .unwrap_or(Errno::EAGAIN)
            })?;
        let sys = Tokio {
            shared: Arc::new(Shared {
                handle: runtime.handle().clone(),
                blocking: Arc::new(Semaphore::new(MAX_BLOCKING)),
                apart: Apart::default(),
                pins: Pins::default(),
            }),
        };
        let output = runtime.block_on(program(sys));
        // A call that waits for ever must not keep the process.
        runtime.shutdown_background();
        Ok(output)
    }

    /// Makes a call in a thread that may wait.
    async fn blocking(&self, mut call: Call) -> Result<Ret> {
        let fds = descriptors(&mut call);
        self.elsewhere(fds, move || perform(call).map(Yielded::new))
            .await?
            .take()
    }

    /// Does work that may wait. When this future is dropped the work goes on, with its descriptors, to its end.
    async fn elsewhere<T: Send + 'static>(
        &self,
        fds: Vec<Fd>,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if apart::is_here() {
            return work();
        }
        let permit = Arc::clone(&self.shared.blocking).acquire_owned().await;
        let permit = permit.map_err(|_| Errno::EIO)?;
        let pinned = self.shared.pins.pin(fds);
        let (send, result) = oneshot::channel();
        self.shared.handle.spawn_blocking(move || {
            let result = work();
            drop((pinned, permit));
            // Where nobody waits any more, what was made is dropped.
            let _ = send.send(result);
        });
        result.await.map_err(|_| Errno::EIO)?
    }

    /// Calls about other processes, and time.
    async fn process(&self, call: Call) -> Result<Ret> {
        match call {
            Call::Waitid { which, options } => self.waitid(which, options).await,
            Call::ClockNanosleep {
                clock,
                absolute,
                time,
            } => {
                let mut span = time.as_nanos();
                if absolute {
                    span = span.saturating_sub(calls::now(clock)?.as_nanos());
                }
                tokio::time::sleep(Duration::from_nanos(span)).await;
                Ok(Ret::None)
            }
            Call::RtSigprocmask { how, set } => already_blocked(how, set),
            call => perform(call),
        }
    }

    /// Waits for one child's end on a descriptor of it. Which other children there are is known to those who started them.
    async fn waitid(&self, which: WaitFor, options: WaitFlags) -> Result<Ret> {
        if options.contains(WaitFlags::NOHANG) {
            return calls::waitid(which, options.bits());
        }
        if options.intersects(WaitFlags::UNTRACED | WaitFlags::CONTINUED) {
            return Err(Errno::ENOSYS);
        }
        let now = (options | WaitFlags::NOHANG).bits();
        // First of all, whether there is such a child.
        let ret = calls::waitid(which, now)?;
        if ret != Ret::Waited(None) {
            return Ok(ret);
        }
        let (fd, _opened) = match which {
            WaitFor::PidFd(fd) => (fd, None),
            WaitFor::Pid(pid) => {
                let fd = perform(Call::PidfdOpen { pid, flags: 0 })?.fd()?;
                (fd, Some(self.own(fd)))
            }
            WaitFor::Any | WaitFor::Group(_) => return Err(Errno::ENOSYS),
        };
        loop {
            ready::ready(fd, glassdock_abi::flags::PollEvents::IN).await?;
            match calls::waitid(which, now)? {
                // Its last thread is still on its way.
                Ret::Waited(None) => tokio::task::yield_now().await,
                ret => return Ok(ret),
            }
        }
    }
}

/// Signals are blocked for all threads at the start ([`Tokio::run`]) or not at all: blocking them again changes nothing.
fn already_blocked(how: u32, set: u64) -> Result<Ret> {
    const BLOCK: u32 = 0;
    let mask = calls::sigprocmask(BLOCK, 0)?;
    if how != BLOCK || set & !mask != 0 {
        return Err(Errno::ENOSYS);
    }
    Ok(Ret::Int(mask as i64))
}

/// What a call yielded. Descriptors that nobody took are closed.
struct Yielded(Option<Ret>);

impl Yielded {
    fn new(ret: Ret) -> Yielded {
        Yielded(Some(ret))
    }
    fn take(mut self) -> Result<Ret> {
        self.0.take().ok_or(Errno::EIO)
    }
}

impl Drop for Yielded {
    fn drop(&mut self) {
        let fds = match self.0.take() {
            Some(Ret::Fd(fd) | Ret::Accepted(fd, _)) => vec![fd],
            Some(Ret::Fds(fds)) => fds.to_vec(),
            Some(Ret::Msg(message)) => message.fds,
            _ => Vec::new(),
        };
        for fd in fds {
            let _ = perform(Call::Close { fd });
        }
    }
}

impl Sys for Tokio {
    async fn call(&self, call: Call) -> Result<Ret> {
        match family(&call) {
            Family::Path => self.blocking(call).await,
            Family::File => self.file(call).await,
            Family::Device => self.device(call).await,
            Family::Socket => self.socket(call).await,
            Family::Process => self.process(call).await,
            Family::Own => Err(Errno::ENOSYS),
        }
    }

    async fn spawn(&self, program: Spawn) -> Result<Child<Self>> {
        let fds = program.fds.iter().map(|(fd, _)| *fd).collect();
        let started = self.elsewhere(fds, move || {
            clone::spawn(program).map(|(pid, pidfd)| (pid, Yielded::new(Ret::Fd(pidfd))))
        });
        let (pid, pidfd) = started.await?;
        Ok(Child {
            pid,
            pidfd: self.own(pidfd.take()?.fd()?),
        })
    }

    fn close(&self, fd: Fd) {
        self.shared.pins.close(fd);
    }

    fn task(&self, future: BoxFuture<'static, ()>) {
        self.shared.handle.spawn(future);
    }

    fn apart(&self, future: BoxFuture<'static, ()>) {
        self.shared.apart.run(&self.shared.handle, future);
    }

    fn now(&self, clock: Clock) -> Timespec {
        calls::now(clock).unwrap_or_default()
    }
}

crate::untraced!(Tokio);

//! The shim: one small single-threaded process beside each container.
//!
//! It starts the helper that makes the container, becomes the parent of what the helper leaves behind (child subreaper),
//! holds the pipes or the terminal, writes the log, records the exit durably, and serves the socket of [`crate::proto`].
//! It outlives whoever started it. Its only argument is the state directory, in which its options are; on descriptor 3
//! it reports one [`Reply`]: the container's process id, or why there is none.

mod log;
mod outbox;
mod process;
mod serve;
mod start;

use crate::helper;
use crate::io::read_file;
use crate::proto::{MAX_LINE, OPTIONS, Reply, SOCKET, ShimOptions};
use crate::{ErrorKind, RuntimeError};
use futures_channel::oneshot;
use glassdock_abi::call::PrctlOp;
use glassdock_abi::files::write_all;
use glassdock_abi::flags::WaitFlags;
use glassdock_abi::types::{SockAddr, WaitFor, signal};
use glassdock_abi::{Call, Errno, Fd, Io, OwnedFd, PathArg, Pid, Proc, Sys};
use glassdock_trace::{Args, Layer, Outcome, Trace};
use process::Table;
use std::sync::Arc;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 64;
/// Descriptor of the report.
const REPORT: Fd = Fd(crate::client::REPORT_FD);

type Result<T> = core::result::Result<T, RuntimeError>;

/// The program. Its exit status is 0, or 1 when there is no container.
pub async fn main<S: Proc + Trace>(sys: S, argv: Vec<Vec<u8>>, _envp: Vec<Vec<u8>>) -> u8 {
    let span = sys.enter(Layer::Runtime, "shim", Args::None);
    let dir = argv.get(1).cloned().map(PathArg::from).unwrap_or_default();
    let started = begin(&span, &dir).await;
    let (report, outcome) = match &started {
        Ok(shim) => (Reply::Pid(shim.pid.0), Outcome::Int(i64::from(shim.pid.0))),
        Err(error) => (
            Reply::Error(error.clone()),
            Outcome::Failed(error.message.clone()),
        ),
    };
    span.exit(outcome);
    if started.is_err() {
        // Nothing is left of a container that was not made.
        let _ = helper::remove(&sys, &dir).await;
    }
    let text = serde_json::to_vec(&report).unwrap_or_default();
    let told = write_all(&sys, REPORT, &text).await;
    sys.close(REPORT);
    match started {
        // Who asked for the container is gone, and nobody else knows of it: it was never there, and has no exit.
        Ok(shim) if told.is_err() => {
            let _ = sys.kill(shim.pid, signal::KILL).await;
            let _ = shim.table.wait(&None).await;
            let _ = helper::remove(&sys, &dir).await;
            1
        }
        Ok(shim) => {
            serve::accept(&sys, shim.listener, &shim.table);
            let _ = shim.deleted.await;
            0
        }
        Err(_) => 1,
    }
}

/// A shim that is ready to serve.
struct Started<S: Sys + Trace> {
    pid: Pid,
    table: Arc<Table<S>>,
    listener: OwnedFd<S>,
    deleted: oneshot::Receiver<()>,
}

async fn begin<S: Proc + Trace>(sys: &S, dir: &PathArg) -> Result<Started<S>> {
    let text = read_file(sys, dir.join(OPTIONS), MAX_LINE)
        .await
        .map_err(|errno| RuntimeError::errno(format_args!("read {dir}/{OPTIONS}"), errno))?;
    let options: ShimOptions = serde_json::from_slice(&text).map_err(|error| {
        RuntimeError::new(ErrorKind::Invalid, format!("{dir}/{OPTIONS}: {error}"))
    })?;
    let set_up = async {
        let op = PrctlOp::SetChildSubreaper(true);
        sys.call(Call::Prctl { op }).await?;
        // Writing to a process that has closed its input is an error here, not the end.
        mask_broken_pipe(sys, true).await?;
        let listener = sys.socket_stream().await?;
        sys.bind(listener.fd(), SockAddr::Unix(dir.join(SOCKET)))
            .await?;
        sys.listen(listener.fd(), BACKLOG).await?;
        Ok::<_, Errno>(listener)
    };
    let listener = set_up
        .await
        .map_err(|errno| RuntimeError::errno("set up the shim", errno))?;
    let (send, deleted) = oneshot::channel();
    let table = Table::new(sys.clone(), options, send);
    reap(sys, &table);
    let pid = start::container(&table).await?;
    Ok(Started {
        pid,
        table,
        listener,
        deleted,
    })
}

/// Blocks `SIGPIPE`, or lets it through again, which programs expect.
pub(crate) async fn mask_broken_pipe<S: Sys>(sys: &S, block: bool) -> glassdock_abi::Result<()> {
    let call = Call::RtSigprocmask {
        how: u32::from(!block),
        set: 1 << (signal::PIPE - 1),
    };
    sys.call(call).await.map(|_| ())
}

/// Takes the status of every child that ends: helpers, the container's process, and what they leave behind.
fn reap<S: Sys + Trace>(sys: &S, table: &Arc<Table<S>>) {
    let (reaper, table) = (sys.clone(), Arc::clone(table));
    sys.task(Box::pin(async move {
        loop {
            match reaper.waitid(WaitFor::Any, WaitFlags::EXITED).await {
                Ok(Some(waited)) => table.ended(waited.pid, waited.status).await,
                Ok(None) | Err(Errno::EINTR) => {}
                // No child: the next one comes with a helper.
                Err(_) => table.child_expected().await,
            }
        }
    }));
}

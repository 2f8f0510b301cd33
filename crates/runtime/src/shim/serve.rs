//! The shim's socket.

use super::outbox::Outbox;
use super::process::{Key, Table};
use super::start;
use crate::client::Streams;
use crate::io::{Lines, send_all};
use crate::proto::{MAX_LINE, Reply, Request};
use crate::{ErrorKind, RuntimeError};
use futures_util::future::{Either, select};
use glassdock_abi::call::IoctlReq;
use glassdock_abi::files::write_all;
use glassdock_abi::types::Winsize;
use glassdock_abi::{Call, Errno, Io, OwnedFd, Sys};
use glassdock_trace::{Args, Layer, Outcome, Trace};
use std::sync::Arc;

type Result<T> = core::result::Result<T, RuntimeError>;

/// Serves every connection beside the others, for good.
pub(super) fn accept<S: Sys + Trace>(sys: &S, listener: OwnedFd<S>, table: &Arc<Table<S>>) {
    let (acceptor, table) = (sys.clone(), Arc::clone(table));
    sys.task(Box::pin(async move {
        loop {
            match acceptor.accept4(listener.fd()).await {
                Ok(connection) => {
                    let table = Arc::clone(&table);
                    acceptor.task(Box::pin(async move {
                        // A client that breaks off is nobody's error.
                        let _ = connected(&table, Lines::new(connection)).await;
                    }));
                }
                Err(Errno::ECONNABORTED | Errno::EINTR) => {}
                // Out of descriptors or memory: those in use come back.
                Err(_) => acceptor.sleep(RETRY).await,
            }
        }
    }));
}

/// Nanoseconds before accepting is tried again.
const RETRY: u64 = 100_000_000;

async fn connected<S: Sys + Trace>(
    table: &Arc<Table<S>>,
    mut connection: Lines<S>,
) -> glassdock_abi::Result<()> {
    let Some(line) = connection.line(MAX_LINE).await? else {
        return Ok(());
    };
    let request = match serde_json::from_slice::<Request>(&line) {
        Ok(request) => request,
        Err(error) => {
            let error = RuntimeError::new(ErrorKind::Invalid, format!("no request: {error}"));
            return connection.send(&Reply::Error(error)).await;
        }
    };
    let cause = table.sys.cause_of(connection.fd());
    let span = table
        .sys
        .enter_from(cause, Layer::Runtime, name(&request), Args::None);
    let reply = match request {
        Request::Attach {
            exec,
            stdin,
            stdout,
            stderr,
        } => {
            let streams = Streams {
                stdin,
                stdout,
                stderr,
            };
            let attached = table.attach(&exec, streams);
            close(&span, &attached);
            return match attached {
                Ok(outbox) => {
                    connection.send(&Reply::Ok).await?;
                    stream(table, exec, connection, outbox, stdin).await
                }
                Err(error) => connection.send(&Reply::Error(error)).await,
            };
        }
        Request::Exec {
            id,
            process,
            stdin,
            attach,
        } => {
            let outbox = attach.then(Outbox::default);
            let started = start::exec(table, &id, &process, stdin, outbox.as_ref()).await;
            close(&span, &started);
            return match (started, outbox) {
                (Ok(pid), Some(outbox)) => {
                    connection.send(&Reply::Pid(pid.0)).await?;
                    stream(table, Some(id), connection, outbox, stdin).await
                }
                (Ok(pid), None) => connection.send(&Reply::Pid(pid.0)).await,
                (Err(error), _) => connection.send(&Reply::Error(error)).await,
            };
        }
        Request::WatchLog => {
            close(&span, &Ok(()));
            let outbox = table.watch_log();
            connection.send(&Reply::Ok).await?;
            return watch(table, connection, outbox).await;
        }
        Request::Start => start::start(table).await.map(|()| Reply::Ok),
        Request::Resize { exec, rows, cols } => resize(table, &exec, rows, cols).await,
        Request::Kill { exec, signal } => kill(table, &exec, signal).await,
        Request::Wait { exec } => {
            let waiting = Box::pin(table.wait(&exec));
            let gone = Box::pin(table.sys.hung_up(connection.fd()));
            match select(waiting, gone).await {
                Either::Left((exit, _)) => exit.map(Reply::Exit),
                Either::Right(_) => Err(RuntimeError::new(
                    ErrorKind::WrongState,
                    "whoever waited is gone",
                )),
            }
        }
        Request::State => Ok(Reply::State(table.report())),
        Request::Delete => {
            let deleted = table.delete().await;
            close(&span, &deleted);
            let over = deleted.is_ok();
            let reply = deleted.map_or_else(Reply::Error, |()| Reply::Ok);
            let sent = connection.send(&reply).await;
            if over {
                table.finish();
            }
            return sent;
        }
    };
    close(&span, &reply);
    connection.send(&reply.unwrap_or_else(Reply::Error)).await
}

fn close<S: Trace, T>(span: &S, result: &Result<T>) {
    span.exit(match result {
        Ok(_) => Outcome::Ok,
        Err(error) => Outcome::Failed(error.message.clone()),
    });
}

fn name(request: &Request) -> &'static str {
    match request {
        Request::Start => "shim start",
        Request::Attach { .. } => "shim attach",
        Request::Exec { .. } => "shim exec",
        Request::Resize { .. } => "shim resize",
        Request::Kill { .. } => "shim kill",
        Request::Wait { .. } => "shim wait",
        Request::State => "shim state",
        Request::WatchLog => "shim watch log",
        Request::Delete => "shim delete",
    }
}

async fn resize<S: Sys + Trace>(
    table: &Table<S>,
    key: &Key,
    rows: u16,
    cols: u16,
) -> Result<Reply> {
    let terminal = table.terminal(key)?;
    let size = Winsize {
        rows,
        cols,
        ..Winsize::default()
    };
    let call = Call::Ioctl {
        fd: terminal.fd(),
        request: IoctlReq::Tiocswinsz(size),
    };
    let done = table.sys.call(call).await;
    done.map(|_| Reply::Ok)
        .map_err(|errno| RuntimeError::errno("resize the terminal", errno))
}

async fn kill<S: Sys + Trace>(table: &Table<S>, key: &Key, signal: u8) -> Result<Reply> {
    let pidfd = table.pidfd(key)?;
    match table.sys.pidfd_send_signal(pidfd.fd(), signal).await {
        Ok(()) => Ok(Reply::Ok),
        Err(Errno::ESRCH) => Err(RuntimeError::new(
            ErrorKind::WrongState,
            "process already finished",
        )),
        Err(errno) => Err(RuntimeError::errno("send the signal", errno)),
    }
}

/// A connection as a stream: what comes goes to the process, what the outbox gets goes to the client. Ends when the
/// output ends, or the client is gone.
async fn stream<S: Sys + Trace>(
    table: &Arc<Table<S>>,
    key: Key,
    connection: Lines<S>,
    outbox: Outbox,
    stdin: bool,
) -> glassdock_abi::Result<()> {
    let sys = table.sys.clone();
    let connection = Arc::new(futures_util::lock::Mutex::new(connection));
    let fd = connection.lock().await.fd();
    // Input has a task of its own: output may end while input is pending, and the other way round.
    let (input_table, input_key, input_connection) =
        (Arc::clone(table), key.clone(), Arc::clone(&connection));
    let input = async move {
        let mut lines = input_connection.lock().await;
        loop {
            let data = lines.bytes().await.unwrap_or_default();
            if data.is_empty() {
                break;
            }
            if !stdin {
                continue;
            }
            let Some(target) = input_table.input(&input_key) else {
                continue;
            };
            // A process that has closed its input misses nothing.
            let _ = write_all(&input_table.sys, target.fd(), &data).await;
        }
        if stdin {
            input_table.input_ended(&input_key);
        }
        // The client's end of its input is not the end of the output: wait for that one, or for its end altogether.
        input_table.sys.hung_up(fd).await;
    };
    let output = async {
        while let Some(frames) = outbox.take().await {
            if send_all(&sys, fd, frames).await.is_err() {
                break;
            }
        }
    };
    table.stream_began();
    select(Box::pin(output), Box::pin(input)).await;
    table.detach(&key, &outbox);
    let _ = sys.shutdown(fd, 2).await;
    table.stream_ended();
    Ok(())
}

async fn watch<S: Sys + Trace>(
    table: &Table<S>,
    mut connection: Lines<S>,
    outbox: Outbox,
) -> glassdock_abi::Result<()> {
    let (sys, fd) = (table.sys.clone(), connection.fd());
    let output = async {
        while let Some(notice) = outbox.take().await {
            if send_all(&sys, fd, notice).await.is_err() {
                break;
            }
        }
    };
    // The client says nothing; its end is the end of the watch.
    let closed = connection.bytes();
    select(Box::pin(output), Box::pin(closed)).await;
    table.unwatch(&outbox);
    Ok(())
}

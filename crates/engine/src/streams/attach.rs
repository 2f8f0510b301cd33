//! Attaching a client to a container's or an executed process's streams (moby `daemon/attach.go`,
//! `container/stream/attach.go`).

use crate::engine::Kernel;
use crate::streams::logs::{LogOptions, LogReader};
use futures_channel::oneshot;
use futures_util::{FutureExt, StreamExt, pin_mut, select_biased};
use glassdock_abi::Fd;
use glassdock_api::detach::Detach;
use glassdock_http::{Socket, Upgraded};
use glassdock_runtime::client::{Attachment, Shim, Streams, end_input, send_input};

/// A client that attached before the start.
pub(crate) struct Waiting<S: Kernel> {
    streams: Streams,
    sender: oneshot::Sender<Attachment<S>>,
}

impl<S: Kernel> Waiting<S> {
    /// Whether the client has left.
    pub(crate) fn is_gone(&self) -> bool {
        self.sender.is_canceled()
    }

    /// Connects the client to a container that is made but does not run yet, so that it misses nothing.
    pub(crate) async fn connect(self, shim: &Shim<S>) {
        // Its end would be the end of the program's input.
        if self.is_gone() {
            return;
        }
        if let Ok(attachment) = shim.attach(None, self.streams).await {
            let _ = self.sender.send(attachment);
        }
    }
}

/// Where a session's streams come from.
pub(crate) enum Origin<S: Kernel> {
    /// A process that runs.
    Running(Attachment<S>),
    /// A container that will.
    Later(oneshot::Receiver<Attachment<S>>),
    /// Nothing: only what was logged is wanted.
    Nowhere,
}

impl<S: Kernel> Origin<S> {
    /// A place in the queue of a container.
    pub(crate) fn later(streams: Streams) -> (Waiting<S>, Origin<S>) {
        let (sender, receiver) = oneshot::channel();
        (Waiting { streams, sender }, Origin::Later(receiver))
    }
}

/// A client's session.
pub(crate) struct Session<S: Kernel> {
    pub(crate) origin: Origin<S>,
    /// Whether the process has a terminal: then output is sent without frames.
    pub(crate) tty: bool,
    /// Whether what the client sends goes to the process.
    pub(crate) stdin: bool,
    /// Keys by which the client leaves, where it can.
    pub(crate) detach: Option<Detach>,
    /// What was logged, to be sent first.
    pub(crate) history: Option<(LogReader<S>, LogOptions)>,
    /// Comes when the end of an executed process is entered: the client asks for its exit code when the stream ends.
    pub(crate) ended: Option<oneshot::Receiver<()>>,
}

/// How a session ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Left {
    /// The process ended its output.
    Output,
    /// The client typed the keys.
    Keys,
    /// The client went away.
    HungUp,
}

impl<S: Kernel> Session<S> {
    /// Runs the session on a client's connection until one side leaves.
    pub(crate) async fn run(self, mut client: Upgraded<S>) -> Left {
        let socket = client.socket();
        if let Some((reader, options)) = self.history {
            let history = reader.stream(options, !self.tty);
            pin_mut!(history);
            while let Some(piece) = history.next().await {
                if socket.write_all(&piece).await.is_err() {
                    return Left::HungUp;
                }
            }
        }
        let left = {
            let hung_up = socket.sys().hung_up(socket.fd()).fuse();
            let session = async {
                let left = pump(
                    self.origin,
                    self.tty,
                    self.stdin,
                    self.detach,
                    &mut client,
                    &socket,
                )
                .await;
                if let (Left::Output, Some(ended)) = (left, self.ended) {
                    let _ = ended.await;
                }
                left
            }
            .fuse();
            pin_mut!(hung_up, session);
            select_biased! {
                left = session => left,
                () = hung_up => Left::HungUp,
            }
        };
        let _ = socket.shutdown_write().await;
        left
    }
}

async fn pump<S: Kernel>(
    origin: Origin<S>,
    tty: bool,
    stdin: bool,
    detach: Option<Detach>,
    client: &mut Upgraded<S>,
    socket: &Socket<S>,
) -> Left {
    let mut attachment = match origin {
        Origin::Running(attachment) => attachment,
        Origin::Later(receiver) => match receiver.await {
            Ok(attachment) => attachment,
            // The start failed, or the container was removed.
            Err(oneshot::Canceled) => return Left::Output,
        },
        Origin::Nowhere => return Left::Output,
    };
    let fd = attachment.fd();
    let input = input(client, socket, fd, stdin, detach).fuse();
    let output = output(&mut attachment, socket, tty).fuse();
    pin_mut!(input, output);
    select_biased! {
        left = output => left,
        left = input => left,
    }
}

/// From the process to the client.
async fn output<S: Kernel>(attachment: &mut Attachment<S>, socket: &Socket<S>, tty: bool) -> Left {
    loop {
        let piece = match tty {
            true => attachment
                .next()
                .await
                .map(|next| next.map(|(_, data)| data)),
            false => attachment
                .next_raw()
                .await
                .map(|data| Some(data).filter(|data| !data.is_empty())),
        };
        match piece {
            Ok(Some(data)) => {
                if socket.write_all(&data).await.is_err() {
                    return Left::HungUp;
                }
            }
            Ok(None) | Err(_) => return Left::Output,
        }
    }
}

/// From the client to the process. The end of the client's input ends the process's, but not the session.
async fn input<S: Kernel>(
    client: &mut Upgraded<S>,
    socket: &Socket<S>,
    attachment: Fd,
    stdin: bool,
    mut detach: Option<Detach>,
) -> Left {
    let sys = socket.sys();
    loop {
        let Ok(data) = client.read().await else {
            return Left::HungUp;
        };
        if data.is_empty() {
            break;
        }
        if !stdin {
            continue;
        }
        let (data, left) = match &mut detach {
            Some(detach) => detach.feed(&data),
            None => (data, false),
        };
        // A process that has closed its input still has output.
        if !data.is_empty() && send_input(sys, attachment, data).await.is_err() {
            break;
        }
        if left {
            return Left::Keys;
        }
    }
    if stdin {
        let _ = end_input(sys, attachment).await;
    }
    futures_util::future::pending().await
}

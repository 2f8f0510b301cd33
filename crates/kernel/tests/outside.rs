//! Connections from outside: what the served program and the owner see, what is told of it, and that the log repeats it.

#![cfg(feature = "outside")]

use glassdock_abi::flags::{MsgFlags, PollEvents};
use glassdock_abi::types::SockAddr;
use glassdock_abi::{Call, Errno, Io, OwnedFd, Sys};
use glassdock_kernel::{Config, Input, Kernel, Limits, RunState, Task, Wire, WireId};
use glassdock_trace::{EventKind, World};

/// Instructions of one slice.
const SLICE: u64 = 1_000_000;
/// Where the machine's program listens.
const PATH: &str = "/socket";
const WIRE: WireId = WireId(7);
/// More than a socket holds.
const MANY: usize = 1_000_000;

/// A machine with one process; it has run until everybody waits.
fn machine<F>(program: fn(Task) -> F) -> Kernel
where
    F: Future<Output = u8> + Send + 'static,
{
    let mut kernel = Kernel::new(Config::default());
    kernel.boot_with(|task| Box::pin(program(task))).unwrap();
    settle(&mut kernel);
    kernel
}

/// Runs until everybody waits; what the trace told is what the kernel is.
fn settle(kernel: &mut Kernel) {
    while kernel.run(Limits::slice(SLICE)) == RunState::Busy {}
    let mut world = World::default();
    for (_, event) in kernel.tracer().read(0, usize::MAX) {
        if let EventKind::Delta { delta, .. } = event.kind {
            world.apply(delta).unwrap();
        }
    }
    let wrong = world.differences(&kernel.inspect());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

async fn listen(task: &Task, backlog: u32) -> OwnedFd<Task> {
    let socket = task.socket_stream().await.unwrap();
    let name = SockAddr::Unix(PATH.into());
    task.bind(socket.fd(), name).await.unwrap();
    task.listen(socket.fd(), backlog).await.unwrap();
    socket
}

/// Serves one client: counts what it sends, says how many bytes that were, and waits until it is gone.
async fn counter(task: Task) -> u8 {
    let socket = listen(&task, 1).await;
    let client = task.accept4(socket.fd()).await.unwrap();
    let mut count = 0;
    loop {
        let bytes = task.read(client.fd(), 4096).await.unwrap();
        if bytes.is_empty() {
            break;
        }
        count += bytes.len();
    }
    let answer = vec![b'x'; count];
    let mut sent = 0;
    while sent < count {
        sent += task
            .write(client.fd(), answer[sent..].to_vec())
            .await
            .unwrap();
    }
    task.shutdown(client.fd(), 1).await.unwrap();
    task.hung_up(client.fd()).await;
    3
}

/// Lets everybody who waits connect, and reads nothing.
async fn deaf(task: Task) -> u8 {
    let socket = listen(&task, 0).await;
    task.hung_up(socket.fd()).await;
    0
}

/// Passes a file to its client.
async fn generous(task: Task) -> u8 {
    let socket = listen(&task, 1).await;
    let client = task.accept4(socket.fd()).await.unwrap();
    let call = Call::Sendmsg {
        fd: client.fd(),
        data: b"here".to_vec(),
        fds: vec![client.fd(), socket.fd()],
        to: None,
        flags: MsgFlags::empty(),
    };
    task.call(call).await.unwrap();
    drop((client, socket));
    core::future::pending().await
}

/// Sends as much as there is room for, again and again; how many bytes that were.
fn send_all(kernel: &mut Kernel, bytes: &[u8]) -> usize {
    let mut sent = 0;
    while sent < bytes.len() {
        let room = kernel.wire_room(WIRE).min(bytes.len() - sent);
        if room == 0 {
            break;
        }
        let piece = bytes[sent..sent + room].to_vec();
        kernel.input(Input::Wire(Wire::Bytes(WIRE, piece)));
        sent += room;
        settle(kernel);
    }
    sent
}

/// Takes all that comes until the machine sends no more.
fn take_all(kernel: &mut Kernel) -> usize {
    let mut taken = 0;
    loop {
        let bytes = kernel.wire_take(WIRE);
        if bytes.is_empty() && kernel.wire_poll(WIRE).contains(PollEvents::RDHUP) {
            return taken;
        }
        assert!(!bytes.is_empty(), "everybody waits after {taken} bytes");
        taken += bytes.len();
        settle(kernel);
    }
}

#[test]
fn a_connection_carries_both_directions_and_each_ends_by_itself() {
    let mut kernel = machine(counter);
    kernel.wire_connect(WIRE, PATH).unwrap();
    assert_eq!(send_all(&mut kernel, &vec![b'a'; MANY]), MANY);
    kernel.input(Input::Wire(Wire::Shut(WIRE)));
    settle(&mut kernel);
    assert_eq!(take_all(&mut kernel), MANY);
    kernel.input(Input::Wire(Wire::Cut(WIRE)));
    settle(&mut kernel);
    assert_eq!(kernel.wire_poll(WIRE), PollEvents::NVAL);
    let status = kernel.init_status().unwrap();
    assert_eq!(status.word() >> 8, 3);
    let mut again = Kernel::new(Config::default());
    again.boot_with(|task| Box::pin(counter(task))).unwrap();
    again.replay(kernel.input_log());
    settle(&mut again);
    assert_eq!(again.hash(), kernel.hash());
}

#[test]
fn what_is_not_read_takes_no_more_room_than_a_socket_has() {
    let mut kernel = machine(deaf);
    kernel.wire_connect(WIRE, PATH).unwrap();
    let sent = send_all(&mut kernel, &vec![b'a'; MANY]);
    assert!(sent > 0 && sent < MANY, "{sent}");
    // What is sent all the same is lost.
    kernel.input(Input::Wire(Wire::Bytes(WIRE, b"more".to_vec())));
    settle(&mut kernel);
    assert_eq!(kernel.wire_room(WIRE), 0);
    // Nobody accepts: the queue is full after some.
    let refused = (8..20).find_map(|number| kernel.wire_connect(WireId(number), PATH).err());
    assert_eq!(refused, Some(Errno::EAGAIN));
    settle(&mut kernel);
}

#[test]
fn what_cannot_be_connected_to_is_refused_as_connect_does() {
    let mut kernel = machine(deaf);
    kernel.wire_connect(WIRE, PATH).unwrap();
    for (wire, path, errno) in [
        (WIRE, PATH, Errno::EEXIST),
        (WireId(8), "/nothing", Errno::ENOENT),
        (WireId(8), "/", Errno::ECONNREFUSED),
        (WireId(8), "", Errno::ENOENT),
    ] {
        assert_eq!(kernel.wire_connect(wire, path), Err(errno), "{path:?}");
        settle(&mut kernel);
    }
    // There is none of this number.
    for what in [
        Wire::Bytes(WireId(8), b"x".to_vec()),
        Wire::Shut(WireId(8)),
        Wire::Taken(WireId(8)),
        Wire::Cut(WireId(8)),
    ] {
        kernel.input(Input::Wire(what));
    }
    assert_eq!(kernel.wire_room(WireId(8)), 0);
    assert!(kernel.wire_take(WireId(8)).is_empty());
    settle(&mut kernel);
}

#[test]
fn files_that_come_with_bytes_are_closed() {
    let mut kernel = machine(generous);
    kernel.wire_connect(WIRE, PATH).unwrap();
    settle(&mut kernel);
    assert!(!kernel.wire_poll(WIRE).contains(PollEvents::HUP));
    assert_eq!(kernel.wire_take(WIRE), b"here");
    // The last descriptor of its own other end was in its queue.
    assert!(kernel.wire_poll(WIRE).contains(PollEvents::HUP));
    settle(&mut kernel);
    kernel.input(Input::Wire(Wire::Cut(WIRE)));
    settle(&mut kernel);
}

#[test]
fn ctrl_alt_del_is_a_signal_for_the_first_process() {
    let mut kernel = machine(|task| async move {
        const MASK: u64 = 1 << (glassdock_abi::types::signal::INT - 1);
        let block = Call::RtSigprocmask { how: 0, set: MASK };
        task.call(block).await.unwrap();
        let signals = task.signalfd(MASK).await.unwrap();
        task.read(signals.fd(), 128).await.unwrap();
        5
    });
    assert_eq!(kernel.init_status(), None);
    kernel.input(Input::CtrlAltDel);
    settle(&mut kernel);
    assert_eq!(
        kernel.init_status().map(|status| status.word() >> 8),
        Some(5)
    );
}

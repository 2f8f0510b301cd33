//! Sockets between two programs, as a table of states.

use super::*;
use glassdock_abi::Pid;

const NET: NsId = NsId(1);

fn user(pid: i32) -> Ucred {
    Ucred {
        pid: Pid(pid),
        uid: 0,
        gid: 0,
    }
}

fn pair() -> Sockets<u8> {
    let mut sockets = Sockets::default();
    sockets.pair(1, 2, user(1), NET);
    sockets
}

fn data(sockets: &mut Sockets<u8>, id: SocketId, max: usize) -> Result<Vec<u8>> {
    sockets.receive(id, max, false).map(|taken| taken.data)
}

#[test]
fn a_client_finds_a_listener_and_each_learns_who_the_other_is() {
    let mut sockets = Sockets::<u8>::default();
    let name = SockAddr::Unix("/run/docker.sock".into());
    sockets.create(1, user(10), NET);
    assert_eq!(
        sockets.listen(1, 5, user(10)),
        Err(Errno::EINVAL),
        "no name yet"
    );
    sockets.bind(1, name.clone()).unwrap();
    sockets.listen(1, 5, user(10)).unwrap();
    assert_eq!(sockets.accept(1), Err(Errno::EAGAIN));
    sockets.create(2, user(20), NET);
    sockets.connect(2, 1, 3, user(20)).unwrap();
    assert!(sockets.poll(1).contains(PollEvents::IN));
    assert_eq!(sockets.accept(1), Ok(3));
    assert_eq!(
        (sockets.peer_owner(3), sockets.peer_owner(2)),
        (Ok(user(20)), Ok(user(10)))
    );
    assert_eq!(
        (sockets.peer_name(2), sockets.name(3)),
        (Ok(name.clone()), Ok(name))
    );
    assert_eq!(sockets.connect(2, 1, 4, user(20)), Err(Errno::EISCONN));
}

#[test]
fn a_full_queue_makes_a_client_wait_and_a_closed_listener_resets_it() {
    let mut sockets = Sockets::<u8>::default();
    sockets.create(1, user(1), NET);
    sockets
        .bind(1, SockAddr::UnixAbstract(b"x".to_vec()))
        .unwrap();
    sockets.listen(1, 0, user(1)).unwrap();
    for id in [2, 3] {
        sockets.create(id, user(2), NET);
    }
    sockets.connect(2, 1, 12, user(2)).unwrap();
    assert_eq!(sockets.connect(3, 1, 13, user(2)), Err(Errno::EAGAIN));
    assert_eq!(sockets.close(1), (vec![2], vec![]));
    assert_eq!(sockets.connect(3, 1, 13, user(2)), Err(Errno::ECONNREFUSED));
}

#[test]
fn the_end_comes_after_the_bytes_and_then_writes_fail() {
    let mut sockets = pair();
    assert_eq!(sockets.send(1, b"hello", vec![], None), Ok(5));
    sockets.shutdown(1, false, true).unwrap();
    assert_eq!(
        (data(&mut sockets, 2, 3), data(&mut sockets, 2, 9)),
        (Ok(b"hel".to_vec()), Ok(b"lo".to_vec()))
    );
    assert_eq!(data(&mut sockets, 2, 9), Ok(vec![]));
    assert!(
        sockets.poll(2).contains(PollEvents::RDHUP) && !sockets.poll(2).contains(PollEvents::HUP)
    );
    assert_eq!(
        sockets.send(2, b"still", vec![], None),
        Ok(5),
        "half-closed"
    );
    assert_eq!(sockets.close(1), (vec![2], vec![]));
    assert_eq!(
        sockets.send(2, b"x", vec![], None),
        Err((Errno::EPIPE, vec![]))
    );
    assert_eq!(
        data(&mut sockets, 2, 9),
        Err(Errno::ECONNRESET),
        "the peer left bytes unread"
    );
    assert_eq!(data(&mut sockets, 2, 9), Ok(vec![]));
}

#[test]
fn descriptors_come_with_their_bytes_and_are_not_lost() {
    let mut sockets = pair();
    sockets.send(1, b"a", vec![], None).unwrap();
    sockets.send(1, b"b", vec![7], None).unwrap();
    sockets.send(1, b"c", vec![8], None).unwrap();
    assert_eq!(
        sockets.receive(2, 9, false),
        Ok(Taken {
            data: b"a".to_vec(),
            passed: vec![],
            cause: None
        })
    );
    assert_eq!(
        sockets.receive(2, 9, false),
        Ok(Taken {
            data: b"b".to_vec(),
            passed: vec![7],
            cause: None
        })
    );
    assert_eq!(sockets.close(2), (vec![1], vec![8]));
}

#[test]
fn a_reader_that_lags_makes_the_writer_wait() {
    let mut sockets = pair();
    assert_eq!(
        sockets.send(1, &vec![0; SEND_BYTES_MAX + 1], vec![], None),
        Ok(SEND_BYTES_MAX)
    );
    assert_eq!(
        sockets.send(1, b"x", vec![9], None),
        Err((Errno::EAGAIN, vec![9]))
    );
    assert!(!sockets.poll(1).contains(PollEvents::OUT));
    data(&mut sockets, 2, SEND_BYTES_MAX).unwrap();
    assert!(sockets.poll(1).contains(PollEvents::OUT));
}

/// The rows are those of Linux 6.18 for the same sockets, but for addresses and inode numbers.
#[test]
fn the_table_tells_of_the_namespaces_sockets_what_linux_tells() {
    let mut sockets = pair();
    sockets.create(3, user(1), NET);
    sockets
        .bind(3, SockAddr::Unix("/tmp/zz.sock".into()))
        .unwrap();
    sockets.listen(3, 5, user(1)).unwrap();
    sockets.create(4, user(1), NET);
    sockets.connect(4, 3, 5, user(1)).unwrap();
    sockets.create(6, user(1), NET);
    let name = SockAddr::UnixAbstract(b"abs\0x".to_vec());
    sockets.bind(6, name).unwrap();
    sockets.create(7, user(1), NsId(2));
    let waiting = "\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000003 00000000 00000000 0001 03     1
0000000000000000: 00000003 00000000 00000000 0001 03     2
0000000000000000: 00000002 00000000 00010000 0001 01     3 /tmp/zz.sock
0000000000000000: 00000003 00000000 00000000 0001 03     4
0000000000000000: 00000003 00000000 00000000 0001 02     0 /tmp/zz.sock
0000000000000000: 00000002 00000000 00000000 0001 01     6 @abs@x
";
    let table = |sockets: &Sockets<u8>| String::from_utf8(sockets.table(NET)).unwrap();
    assert_eq!(table(&sockets), waiting);
    sockets.accept(3).unwrap();
    let accepted = waiting.replace("02     0 /tmp", "03     5 /tmp");
    assert_eq!(table(&sockets), accepted);
}

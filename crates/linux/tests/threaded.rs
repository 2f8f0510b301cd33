//! What the handle for processes with threads promises beyond the calls themselves.
#![cfg(feature = "tokio")]

use glassdock_abi::flags::{AtFlags, OpenFlags, PollEvents, WaitFlags};
use glassdock_abi::types::{Clock, PollFd, SockAddr, Timespec, WaitFor, mode};
use glassdock_abi::{Call, Errno, Fd, Io, PathArg, Ret, Spawn, Sys};
use glassdock_linux::{Direct, Tokio};
use std::future::Future;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory of its own for one test.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Dir {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("gd-linux-{}-{number}", std::process::id()));
        std::fs::create_dir(&dir).unwrap();
        Dir(dir)
    }
    fn at(&self, name: &str) -> PathArg {
        PathArg::from(self.0.join(name).as_os_str().as_bytes())
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn run<F: Future>(program: impl FnOnce(Tokio) -> F) -> F::Output {
    Tokio::run(0, program).unwrap()
}

/// Whether a future is still waiting after everything that could be done was done.
async fn waits<F: Future>(sys: &Tokio, future: std::pin::Pin<&mut F>) -> bool {
    let soon = std::pin::pin!(sys.sleep(20_000_000));
    matches!(
        futures_util::future::select(future, soon).await,
        futures_util::future::Either::Right(_)
    )
}

#[test]
fn a_read_waits_for_a_pipe_and_sees_its_end() {
    run(|sys| async move {
        let [reader, writer] = sys.pipe2(OpenFlags::CLOEXEC).await.unwrap();
        {
            let mut read = std::pin::pin!(sys.read(reader.fd(), 10));
            assert!(waits(&sys, read.as_mut()).await);
            assert_eq!(sys.write(writer.fd(), b"hello".to_vec()).await, Ok(5));
            assert_eq!(read.await.unwrap(), b"hello");
        }
        drop(writer);
        assert_eq!(sys.read(reader.fd(), 10).await.unwrap(), b"");
    });
}

#[test]
fn reading_writing_and_the_peers_end_are_waited_for_on_one_socket_at_a_time() {
    run(|sys| async move {
        let [ours, theirs] = sys.socketpair_stream().await.unwrap();
        let mut gone = std::pin::pin!(sys.hung_up(ours.fd()));
        {
            let mut read = std::pin::pin!(sys.read(ours.fd(), 10));
            assert!(waits(&sys, read.as_mut()).await);
            sys.write(theirs.fd(), b"x".to_vec()).await.unwrap();
            assert_eq!(read.await.unwrap(), b"x");
        }
        // Unread data and the end of one direction are not the peer's end.
        sys.write(theirs.fd(), b"y".to_vec()).await.unwrap();
        sys.shutdown(theirs.fd(), 1).await.unwrap();
        assert!(waits(&sys, gone.as_mut()).await);
        assert_eq!(sys.read(ours.fd(), 10).await.unwrap(), b"y");
        assert_eq!(sys.read(ours.fd(), 10).await.unwrap(), b"");
        assert!(waits(&sys, gone.as_mut()).await);
        drop(theirs);
        gone.await;
    });
}

#[test]
fn a_pipes_writer_is_told_that_its_last_reader_has_gone() {
    run(|sys| async move {
        let [reader, writer] = sys.pipe2(OpenFlags::CLOEXEC).await.unwrap();
        let mut gone = std::pin::pin!(sys.hung_up(writer.fd()));
        assert!(waits(&sys, gone.as_mut()).await);
        // Bytes that come and go are not the reader's end.
        sys.write(writer.fd(), b"x".to_vec()).await.unwrap();
        assert_eq!(sys.read(reader.fd(), 10).await.unwrap(), b"x");
        assert!(waits(&sys, gone.as_mut()).await);
        drop(reader);
        gone.await;
    });
}

#[test]
fn a_full_socket_takes_the_rest_when_it_is_read() {
    run(|sys| async move {
        let [ours, theirs] = sys.socketpair_stream().await.unwrap();
        const ALL: usize = 4 << 20;
        let writer = sys.clone();
        let (done, all_sent) = tokio::sync::oneshot::channel();
        sys.task(Box::pin(async move {
            let mut left = ALL;
            while left > 0 {
                left -= writer.write(ours.fd(), vec![7; left]).await.unwrap();
            }
            let _ = done.send(());
        }));
        let mut read = 0;
        loop {
            let part = sys.read(theirs.fd(), 1 << 20).await.unwrap();
            if part.is_empty() {
                break;
            }
            read += part.len();
        }
        assert_eq!(read, ALL);
        all_sent.await.unwrap();
    });
}

#[test]
fn a_listener_accepts_who_connects() {
    let dir = Dir::new();
    let address = SockAddr::Unix(dir.at("s"));
    run(|sys| async move {
        let listener = sys.socket_stream().await.unwrap();
        let client = sys.socket_stream().await.unwrap();
        assert_eq!(
            sys.connect(client.fd(), address.clone()).await,
            Err(Errno::ENOENT)
        );
        sys.bind(listener.fd(), address.clone()).await.unwrap();
        assert_eq!(
            sys.connect(client.fd(), address.clone()).await,
            Err(Errno::ECONNREFUSED)
        );
        // One may wait beside the one that is being accepted; a third has to wait for its turn.
        sys.listen(listener.fd(), 0).await.unwrap();
        sys.connect(client.fd(), address.clone()).await.unwrap();
        let second = sys.socket_stream().await.unwrap();
        let mut connect = std::pin::pin!(sys.connect(second.fd(), address));
        assert!(waits(&sys, connect.as_mut()).await);
        let accepted = sys.accept4(listener.fd()).await.unwrap();
        connect.await.unwrap();
        sys.write(client.fd(), b"hi".to_vec()).await.unwrap();
        assert_eq!(sys.read(accepted.fd(), 5).await.unwrap(), b"hi");
    });
}

#[test]
fn poll_tells_who_is_ready_and_ends_in_time() {
    run(|sys| async move {
        let [one, _held] = sys.pipe2(OpenFlags::CLOEXEC).await.unwrap();
        let [two, writer] = sys.pipe2(OpenFlags::CLOEXEC).await.unwrap();
        let fds = || {
            [one.fd(), two.fd()].map(|fd| PollFd {
                fd,
                events: PollEvents::IN,
            })
        };
        let none = PollEvents::empty();
        let answer = sys.ppoll(fds().to_vec(), Some(1_000_000)).await;
        assert_eq!(answer.unwrap(), [none, none]);
        let mut poll = std::pin::pin!(sys.ppoll(fds().to_vec(), None));
        assert!(waits(&sys, poll.as_mut()).await);
        sys.write(writer.fd(), vec![1]).await.unwrap();
        assert_eq!(poll.await.unwrap(), [none, PollEvents::IN]);
    });
}

#[test]
fn a_program_is_started_with_the_descriptors_it_is_given_and_its_end_is_waited_for() {
    run(|sys| async move {
        let [reader, writer] = sys.pipe2(OpenFlags::CLOEXEC).await.unwrap();
        let mut program = Spawn::new("/bin/sh", "sh", ["-c", "echo $0-$#; exit 7", "a", "b"]);
        program.fds = vec![(writer.fd(), 1)];
        let child = sys.spawn(program).await.unwrap();
        drop(writer);
        assert_eq!(sys.read(reader.fd(), 100).await.unwrap(), b"a-1\n");
        let pidfd = child.pidfd.fd();
        let waited = sys.waitid(WaitFor::PidFd(pidfd), WaitFlags::EXITED).await;
        assert_eq!(
            waited.unwrap().unwrap().status,
            glassdock_abi::types::WaitStatus::Exited(7)
        );
        let again = sys.waitid(WaitFor::Pid(child.pid), WaitFlags::EXITED).await;
        assert_eq!(again, Err(Errno::ECHILD));
        let missing = Spawn::new("/nonexistent", "x", [""; 0]);
        assert_eq!(sys.spawn(missing).await.err(), Some(Errno::ENOENT));
    });
}

#[test]
fn a_dropped_open_leaves_no_descriptor() {
    let dir = Dir::new();
    run(|sys| async move {
        let fifo = dir.at("fifo");
        sys.call(Call::Mknodat {
            dirfd: Fd::CWD,
            path: fifo.clone(),
            mode: mode::S_IFIFO | 0o600,
            dev: Default::default(),
        })
        .await
        .unwrap();
        // Opening waits for a writer, in a thread that cannot be called back. Once that thread is in the call, the FIFO
        // has a reader, and somebody can open it for writing without waiting.
        let open = sys.openat(Fd::CWD, fifo.clone(), OpenFlags::RDONLY, 0);
        let mut open = Box::pin(open);
        assert!(waits(&sys, open.as_mut()).await);
        let writer = loop {
            let flags = OpenFlags::WRONLY | OpenFlags::NONBLOCK;
            match sys.openat(Fd::CWD, fifo.clone(), flags, 0).await {
                Ok(writer) => break writer,
                Err(errno) => assert_eq!(errno, Errno::ENXIO),
            }
            sys.sleep(1_000_000).await;
        };
        drop(open);
        // The dropped open has ended; once what it made is closed, writing has no reader.
        loop {
            match sys.write(writer.fd(), vec![0]).await {
                Ok(_) => sys.sleep(1_000_000).await,
                Err(errno) => break assert_eq!(errno, Errno::EPIPE),
            }
        }
    });
}

#[test]
fn calls_on_the_calling_process_are_refused() {
    run(|sys| async move {
        for call in [
            Call::Umask { mask: 0 },
            Call::Chdir { path: "/".into() },
            Call::Setsid {},
            Call::RtSigprocmask {
                how: 0,
                set: 1 << 14,
            },
            Call::CloseRange {
                first: 3,
                last: u32::MAX,
                flags: Default::default(),
            },
        ] {
            assert_eq!(sys.call(call.clone()).await, Err(Errno::ENOSYS), "{call:?}");
        }
        // Blocking what is blocked, here nothing, changes nothing.
        let call = Call::RtSigprocmask { how: 0, set: 0 };
        assert!(matches!(sys.call(call).await, Ok(Ret::Int(_))));
    });
}

#[test]
fn time_passes() {
    run(|sys| async move {
        let before = sys.now(Clock::Monotonic);
        let span = 5_000_000;
        sys.sleep(span).await;
        let after = sys.now(Clock::Monotonic);
        assert!(after.as_nanos() - before.as_nanos() >= span);
        let until = Timespec::from_nanos(sys.now(Clock::Realtime).as_nanos() + span);
        let call = Call::ClockNanosleep {
            clock: Clock::Realtime,
            absolute: true,
            time: until,
        };
        sys.call(call).await.unwrap();
        assert!(sys.now(Clock::Realtime) >= until);
    });
}

/// The same calls on files, told as text.
async fn files<S: Sys>(sys: S, dir: &Dir) -> Vec<String> {
    let mut told = Vec::new();
    let mut tell = |what: &str, ret: String| told.push(format!("{what}: {ret}"));
    let flags = OpenFlags::RDWR | OpenFlags::CREAT;
    let file = sys
        .openat(Fd::CWD, dir.at("f"), flags, 0o640)
        .await
        .unwrap();
    tell(
        "write",
        format!("{:?}", sys.write(file.fd(), b"0123456789".to_vec()).await),
    );
    let seek = Call::Lseek {
        fd: file.fd(),
        offset: 2,
        whence: 0,
    };
    tell("lseek", format!("{:?}", sys.call(seek).await));
    tell("read", format!("{:?}", sys.read(file.fd(), 4).await));
    tell("pread", format!("{:?}", sys.pread(file.fd(), 100, 8).await));
    tell("fsync", format!("{:?}", sys.fsync(file.fd()).await));
    tell(
        "mkdir",
        format!("{:?}", sys.mkdirat(Fd::CWD, dir.at("d"), 0o755).await),
    );
    tell(
        "mkdir again",
        format!("{:?}", sys.mkdirat(Fd::CWD, dir.at("d"), 0o755).await),
    );
    let stat = sys
        .statx(Fd::CWD, dir.at("f"), AtFlags::empty())
        .await
        .unwrap();
    tell("statx", format!("{:o} {}", stat.mode, stat.size));
    let open = sys
        .openat(Fd::CWD, dir.at("."), OpenFlags::DIRECTORY, 0)
        .await
        .unwrap();
    let mut names: Vec<_> = sys
        .getdents64(open.fd())
        .await
        .unwrap()
        .into_iter()
        .map(|entry| entry.name)
        .collect();
    names.sort();
    tell("getdents", format!("{names:?}"));
    tell(
        "unlink",
        format!(
            "{:?}",
            sys.unlinkat(open.fd(), "d".into(), AtFlags::empty()).await
        ),
    );
    tell(
        "rmdir",
        format!(
            "{:?}",
            sys.unlinkat(open.fd(), "d".into(), AtFlags::REMOVEDIR)
                .await
        ),
    );
    tell(
        "open",
        format!(
            "{:?}",
            sys.openat(open.fd(), "none".into(), OpenFlags::RDONLY, 0)
                .await
                .err()
        ),
    );
    tell(
        "read a directory",
        format!("{:?}", sys.read(open.fd(), 1).await),
    );
    let number = file.fd();
    drop(file);
    tell(
        "read what is closed",
        format!("{:?}", sys.read(number, 1).await),
    );
    told
}

#[test]
fn both_handles_tell_the_same_of_files() {
    let (one, two) = (Dir::new(), Dir::new());
    let direct = Direct::new().unwrap();
    let expected = direct.block_on(files(direct.clone(), &one));
    assert_eq!(run(|sys| files(sys, &two)), expected);
}

#[test]
fn operations_of_their_own_end_however_many_there_are_and_whatever_they_wait_for() {
    run(|sys| async move {
        let dir = Dir::new();
        let (sender, done) = std::sync::mpsc::channel();
        for number in 0..40 {
            let (of_operation, sender) = (sys.clone(), sender.clone());
            let (first, second) = (dir.at(&format!("a{number}")), dir.at(&format!("b{number}")));
            sys.apart(Box::pin(async move {
                let sys = of_operation;
                sys.mkdirat(Fd::CWD, first.clone(), 0o700).await.unwrap();
                // A task beside it needs a thread for its own calls.
                let [reader, writer] = sys.pipe2(OpenFlags::CLOEXEC).await.unwrap();
                let beside = sys.clone();
                sys.task(Box::pin(async move {
                    let flags = OpenFlags::CREAT | OpenFlags::WRONLY;
                    let file = beside.openat(Fd::CWD, second, flags, 0o600).await.unwrap();
                    beside.write(file.fd(), b"x".to_vec()).await.unwrap();
                    beside.write(writer.fd(), b"done".to_vec()).await.unwrap();
                }));
                assert_eq!(sys.read(reader.fd(), 10).await.unwrap(), b"done");
                let flags = AtFlags::REMOVEDIR;
                sys.unlinkat(Fd::CWD, first, flags).await.unwrap();
                sender.send(number).unwrap();
            }));
        }
        drop(sender);
        let mut all: Vec<u32> = done.iter().collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..40));
    });
}

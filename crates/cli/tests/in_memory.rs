//! The command in the kernel in memory, against an engine of a few routes that does as it is told: what the command asks
//! for and when, what it prints, and what it leaves the terminal like.

mod memory;

use glassdock_abi::types::{Termios, signal};
use glassdock_abi::{Fd, Io, Sys};
use glassdock_http::memory::{Kernel, Memory};
use memory::{Bench, Engine, ID, Plan, read_all};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

async fn closed(_: &Kernel, _: &Memory, user: &Memory) {
    user.hang_up(0);
}

#[test]
fn run_connects_and_waits_before_it_starts_and_exits_as_the_container_does() {
    let ran = Bench::new().run(
        Engine::new(Plan::Echo),
        &["run", "-i", "busybox"],
        async |_, _, user| {
            user.write(Fd(0), b"hello".to_vec()).await.unwrap();
            user.sleep(1_000_000).await;
            user.write(Fd(0), b" again\n".to_vec()).await.unwrap();
            user.shutdown(Fd(0), 1).await.unwrap();
        },
    );
    assert_eq!((ran.status, ran.out.as_str()), (3, "hello again\n"));
    assert_eq!(ran.err, "WARNING: be warned\n12 bytes\n");
    assert_eq!(
        ran.requests,
        [
            "HEAD /_ping".to_owned(),
            "POST /v1.51/containers/create".to_owned(),
            format!("POST /v1.51/containers/{ID}/attach?stderr=1&stdin=1&stdout=1&stream=1"),
            format!("POST /v1.51/containers/{ID}/wait?condition=next-exit"),
            format!("POST /v1.51/containers/{ID}/start"),
        ]
    );
}

#[test]
fn an_older_engine_is_spoken_to_in_its_version() {
    let engine = Engine {
        version: "1.41",
        ..Engine::new(Plan::Echo)
    };
    let ran = Bench::new().run(engine, &["ps", "-a"], closed);
    assert_eq!(
        ran.requests,
        ["HEAD /_ping", "GET /v1.41/containers/json?all=1"]
    );
    assert_eq!(
        ran.out,
        "CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES\n"
    );
}

#[test]
fn the_environment_may_choose_the_version() {
    for (set, version) in [("1.44", "1.44"), ("v1.44", "1.44"), ("", "1.51")] {
        let mut bench = Bench::new();
        let set = format!("DOCKER_API_VERSION={set}");
        bench.env.push(set);
        let ran = bench.run(Engine::new(Plan::Echo), &["ps"], closed);
        assert_eq!(
            ran.requests,
            [
                "HEAD /_ping".to_owned(),
                format!("GET /v{version}/containers/json")
            ]
        );
    }
}

#[test]
fn a_relative_path_is_the_kernel_s_to_resolve() {
    let bench = Bench::new();
    let args = ["run", "-d", "--cidfile", "id", "busybox"];
    let ran = bench.run(Engine::new(Plan::UntilSignal), &args, closed);
    assert_eq!((ran.status, ran.err.as_str()), (0, "WARNING: be warned\n"));
    assert_eq!(bench.kernel.file("id"), Some(ID.as_bytes().to_vec()));
}

#[test]
fn a_detached_run_waits_before_it_starts_and_tells_the_id_in_any_case() {
    for (plan, args, condition, status) in [
        (
            Plan::UntilSignal,
            &["run", "-d", "busybox"][..],
            "next-exit",
            0,
        ),
        (
            Plan::Fail("no"),
            &["run", "-d", "busybox"],
            "next-exit",
            125,
        ),
        (
            Plan::Fail("no"),
            &["run", "-d", "--rm", "busybox"],
            "removed",
            125,
        ),
    ] {
        let ran = Bench::new().run(Engine::new(plan), args, closed);
        assert_eq!(
            (ran.status, ran.out),
            (status, format!("{ID}\n")),
            "{args:?}"
        );
        assert_eq!(
            ran.requests[2..],
            [
                format!("POST /v1.51/containers/{ID}/wait?condition={condition}"),
                format!("POST /v1.51/containers/{ID}/start"),
            ],
            "{args:?}"
        );
    }
}

#[test]
fn a_start_that_fails_chooses_the_exit_status_by_its_words() {
    for (message, status) in [
        ("exec: \"x\": executable file not found in $PATH", 127),
        ("exec: \"/etc\": permission denied", 126),
        ("something else", 125),
    ] {
        let ran = Bench::new().run(
            Engine::new(Plan::Fail(message)),
            &["run", "--rm", "busybox", "x"],
            closed,
        );
        assert_eq!(ran.status, status);
        let told = format!(
            "docker: Error response from daemon: {message}\n\nRun 'docker run --help' for more information\n"
        );
        assert!(ran.err.ends_with(&told), "{}", ran.err);
        assert!(
            ran.requests
                .iter()
                .any(|request| request.ends_with("wait?condition=removed"))
        );
    }
}

#[test]
fn signals_are_passed_on_to_the_container() {
    let ran = Bench::new().run(
        Engine::new(Plan::UntilSignal),
        &["run", "-t", "busybox"],
        async |kernel, command, user| {
            user.sleep(1_000_000).await;
            kernel.signal(command, signal::INT);
        },
    );
    assert_eq!((ran.status, ran.out.as_str()), (130, "ready\r\n"));
    assert!(
        ran.requests
            .contains(&format!("POST /v1.51/containers/{ID}/kill?signal=INT")),
        "{:?}",
        ran.requests
    );
}

#[test]
fn a_terminal_is_raw_while_the_container_has_it_and_restored_after() {
    let bench = Bench::with_terminal();
    let before: Termios = bench.kernel.termios();
    let ran = bench.run(
        Engine::new(Plan::UntilSignal),
        &["run", "-it", "busybox"],
        async |kernel, command, user| {
            user.sleep(1_000_000).await;
            let raw = kernel.termios();
            assert_eq!(
                (
                    raw.lflag & 0x2,
                    raw.lflag & 0x8,
                    raw.oflag & 0x1,
                    raw.iflag & 0x100
                ),
                (0, 0, 0, 0)
            );
            kernel.set_winsize(50, 132);
            kernel.signal(command, signal::WINCH);
            user.sleep(1_000_000).await;
            kernel.signal(command, signal::TERM);
        },
    );
    assert_eq!(ran.status, 130);
    assert_eq!(bench.kernel.termios(), before);
    for size in ["h=24&w=80", "h=50&w=132"] {
        assert!(
            ran.requests
                .contains(&format!("POST /v1.51/containers/{ID}/resize?{size}")),
            "{:?}",
            ran.requests
        );
    }
}

#[test]
fn the_keys_that_leave_give_the_terminal_back_and_leave_the_container_running() {
    let bench = Bench::with_terminal();
    let before = bench.kernel.termios();
    let ran = bench.run(
        Engine::new(Plan::UntilSignal),
        &["run", "-it", "busybox"],
        async |_, _, user| {
            user.sleep(1_000_000).await;
            user.write(Fd(0), b"ls\x10\x11".to_vec()).await.unwrap();
        },
    );
    assert_eq!((ran.status, bench.kernel.termios()), (0, before));
    assert!(!ran.requests.iter().any(|request| request.contains("/kill")));
}

#[test]
fn without_an_engine_the_command_says_where_it_looked() {
    let bench = Bench::new();
    let argv = ["docker", "-H", "unix:///nowhere.sock", "ps"]
        .map(|arg| arg.as_bytes().to_vec())
        .to_vec();
    let status = bench.kernel.run(async {
        let status = glassdock_cli::main(bench.command.clone(), argv, Vec::new()).await;
        (0..3).for_each(|fd| bench.command.hang_up(fd));
        status
    });
    let err = bench.kernel.run(read_all(&bench.user, 2));
    assert_eq!(status, 1);
    assert_eq!(
        err,
        "Cannot connect to the Docker daemon at unix:///nowhere.sock. Is the docker daemon running?\n"
    );
}

/// What docker 28.2.2 prints and returns before it asks an engine for anything.
#[test]
fn what_makes_no_sense_is_refused_before_anything_is_asked_for() {
    let foo = "\"foo\": unknown operating system or architecture: invalid argument\n";
    let cases: [(&[&str], &str, u8); 7] = [
        (
            &["run", "--platform", "foo", "busybox"],
            "docker: error parsing specified platform: FOO\nRun 'docker run --help' for more information\n",
            125,
        ),
        (
            &["create", "--platform", "foo", "busybox"],
            "error parsing specified platform: FOO",
            1,
        ),
        (&["rmi", "--platform", "foo", "x"], "FOO", 1),
        (
            &["save", "--platform", "foo", "x"],
            "invalid platform: FOO",
            1,
        ),
        (
            &["events", "--since", "foo", "--until", "bar"],
            "failed to parse value as time or duration: \"foo\"\n",
            1,
        ),
        (
            &["events", "--until", "12a"],
            "failed to parse value as time or duration: \"12a\"\n",
            1,
        ),
        // This one is ours: the real command has it.
        (
            &["cp", "a", "b"],
            "docker: 'docker cp' is not supported by this client yet\n\nRun 'docker --help' for the commands that it has\n",
            1,
        ),
    ];
    for (args, err, status) in cases {
        let bench = Bench::new();
        let ran = bench.run(Engine::new(Plan::Echo), args, closed);
        assert_eq!(ran.err, err.replace("FOO", foo), "{args:?}");
        assert_eq!((ran.out.as_str(), ran.status), ("", status), "{args:?}");
        let made = |request: &String| !request.contains("_ping");
        assert!(!ran.requests.iter().any(made), "{:?}", ran.requests);
    }
}

#[test]
fn each_run_is_one_span_with_its_requests_inside_and_every_span_is_closed() {
    use glassdock_trace::{EventKind, Layer};
    let bench = Bench::new();
    bench.run(Engine::new(Plan::Echo), &["inspect", "known"], closed);
    let (mut open, mut cli, mut requests) = (Vec::new(), Vec::new(), Vec::new());
    for event in bench.kernel.events() {
        match event.kind {
            EventKind::Enter {
                span,
                parent,
                layer: Layer::Cli,
                name,
                ..
            } => {
                assert_eq!(parent, None);
                cli.push((span, name.into_owned()));
                open.push(span);
            }
            EventKind::Enter {
                span,
                parent,
                cause: None,
                layer: Layer::Http,
                name,
                ..
            } => {
                if parent == cli.first().map(|(span, _)| *span) {
                    requests.push(name.into_owned());
                }
                open.push(span);
            }
            EventKind::Enter { span, .. } => open.push(span),
            EventKind::Exit { span, .. } => {
                let at = open
                    .iter()
                    .position(|open| *open == span)
                    .expect("closed once");
                open.remove(at);
            }
            _ => {}
        }
    }
    assert_eq!(cli.len(), 1);
    assert_eq!(cli[0].1, "docker inspect known");
    assert_eq!(
        requests,
        ["HEAD /_ping", "GET /v1.51/containers/known/json"]
    );
    assert!(open.is_empty(), "{open:?}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]
    #[test]
    fn any_arguments_end_in_an_exit_status(args in proptest::collection::vec("(run|ps|-[a-z]{1,3}|--[a-z]{1,8}(=[a-z]{0,3})?|inspect|-f|[{]{2}[.a-z |()$\"]{0,9}[}]{2}|busybox|exec|known)", 0..6)) {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let ran = Bench::new().run(Engine::new(Plan::Echo), &args, closed);
        proptest::prop_assert!(ran.status != 101);
    }
}

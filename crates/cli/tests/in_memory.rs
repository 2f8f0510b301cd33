//! The command in the kernel in memory, against an engine of a few routes that does as it is told: what the command asks
//! for and when, what it prints, and what it leaves the terminal like.

use axum::Router;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use futures_channel::oneshot;
use glassdock_abi::types::{SockAddr, Termios, signal};
use glassdock_abi::{Fd, Io, Sys};
use glassdock_api::stdcopy::{StdStream, frame};
use glassdock_api::{MEDIA_TYPE_MULTIPLEXED_STREAM, MEDIA_TYPE_RAW_STREAM};
use glassdock_http::memory::{Kernel, Memory};
use glassdock_http::{Body, Hijack, Upgraded, serve};
use serde_json::json;
use std::sync::{Arc, Mutex};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const SOCKET: &str = "/var/run/docker.sock";
const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A document as an answer.
struct Json(serde_json::Value);

impl IntoResponse for Json {
    fn into_response(self) -> Response {
        (
            [(header::CONTENT_TYPE, "application/json")],
            self.0.to_string(),
        )
            .into_response()
    }
}

/// What the engine does with the container.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// Prints what it reads, to standard output; its length to standard error; ends with 3.
    Echo,
    /// Cannot be started, with this message.
    Fail(&'static str),
    /// Runs until it gets a signal, then ends with 130.
    UntilSignal,
}

#[derive(Clone)]
struct Engine {
    plan: Plan,
    version: &'static str,
    requests: Arc<Mutex<Vec<String>>>,
    started: Arc<Mutex<Vec<oneshot::Sender<()>>>>,
    ended: Arc<Mutex<Vec<oneshot::Sender<i64>>>>,
}

impl Engine {
    fn new(plan: Plan) -> Engine {
        Engine {
            plan,
            version: "1.51",
            requests: Arc::default(),
            started: Arc::default(),
            ended: Arc::default(),
        }
    }

    fn end(&self, status: i64) {
        self.ended.lock().unwrap().drain(..).for_each(|waiter| {
            let _ = waiter.send(status);
        });
    }

    fn router(self) -> Router {
        let engine = self.clone();
        Router::new()
            .route("/_ping", any(ping))
            .route("/{version}/containers/create", post(create))
            .route("/{version}/containers/{id}/attach", post(attach))
            .route("/{version}/containers/{id}/wait", post(wait))
            .route("/{version}/containers/{id}/start", post(start))
            .route("/{version}/containers/{id}/kill", post(kill))
            .route(
                "/{version}/containers/{id}/resize",
                post(|| async { StatusCode::OK }),
            )
            .route("/{version}/containers/{id}/json", get(inspect))
            .route(
                "/{version}/containers/json",
                get(|| async { Json(json!([])) }),
            )
            .layer(axum::middleware::from_fn_with_state(self, note))
            .with_state(engine)
    }
}

/// Notes each request, in the order in which they come.
async fn note(
    State(engine): State<Engine>,
    request: Request,
    next: axum::middleware::Next,
) -> Response {
    engine
        .requests
        .lock()
        .unwrap()
        .push(format!("{} {}", request.method(), request.uri()));
    next.run(request).await
}

async fn ping(State(engine): State<Engine>) -> Response {
    ([("api-version", engine.version)], "OK").into_response()
}

async fn create() -> Response {
    (
        StatusCode::CREATED,
        Json(json!({"Id": ID, "Warnings": ["be warned"]})),
    )
        .into_response()
}

async fn inspect(Path((_, id)): Path<(String, String)>) -> Response {
    match id == ID || id == "known" {
        true => Json(json!({"Id": ID, "State": {"Status": "exited"}, "Config": {"Tty": false}}))
            .into_response(),
        false => (
            StatusCode::NOT_FOUND,
            Json(json!({"message": format!("No such container: {id}")})),
        )
            .into_response(),
    }
}

async fn attach(
    State(engine): State<Engine>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    let hijack = Hijack::of(request.headers());
    let tty = engine.plan == Plan::UntilSignal;
    let kind = if tty {
        MEDIA_TYPE_RAW_STREAM
    } else {
        MEDIA_TYPE_MULTIPLEXED_STREAM
    };
    let stdin = query.unwrap_or_default().contains("stdin=1");
    let (started, starts) = oneshot::channel();
    engine.started.lock().unwrap().push(started);
    hijack.answer(kind, move |raw: Upgraded<Memory>| async move {
        if starts.await.is_err() {
            return;
        }
        match engine.plan {
            Plan::Echo => echo(raw, stdin, &engine).await,
            _ => until_signal(raw, &engine).await,
        }
    })
}

async fn echo(mut raw: Upgraded<Memory>, stdin: bool, engine: &Engine) {
    let mut total = 0;
    loop {
        let data = match stdin {
            true => raw.read().await.unwrap(),
            false => Default::default(),
        };
        if data.is_empty() {
            break;
        }
        total += data.len();
        raw.write_all(&frame(StdStream::Stdout, &data))
            .await
            .unwrap();
    }
    let told = format!("{total} bytes\n");
    raw.write_all(&frame(StdStream::Stderr, told.as_bytes()))
        .await
        .unwrap();
    engine.end(3);
}

async fn until_signal(mut raw: Upgraded<Memory>, engine: &Engine) {
    raw.write_all(b"ready\r\n").await.unwrap();
    let (ended, ends) = oneshot::channel();
    engine.ended.lock().unwrap().push(ended);
    let (mut raw_ends, ends) = (
        Box::pin(async move {
            while raw.read().await.is_ok_and(|data| !data.is_empty()) {}
            raw
        }),
        ends,
    );
    futures_util::future::select(&mut raw_ends, ends).await;
}

async fn wait(State(engine): State<Engine>) -> Response {
    let (ended, ends) = oneshot::channel();
    engine.ended.lock().unwrap().push(ended);
    let body = futures_util::stream::once(async move {
        let status = ends.await.unwrap_or(125);
        Ok::<_, std::io::Error>(json!({"StatusCode": status}).to_string())
    });
    (
        [(header::CONTENT_TYPE, "application/json")],
        Body::from_stream(body),
    )
        .into_response()
}

async fn start(State(engine): State<Engine>) -> Response {
    if let Plan::Fail(message) = engine.plan {
        engine.end(127);
        return (StatusCode::BAD_REQUEST, Json(json!({"message": message}))).into_response();
    }
    engine.started.lock().unwrap().drain(..).for_each(|waiter| {
        let _ = waiter.send(());
    });
    StatusCode::NO_CONTENT.into_response()
}

async fn kill(State(engine): State<Engine>) -> Response {
    engine.end(130);
    StatusCode::NO_CONTENT.into_response()
}

/// What a run of the command did.
#[derive(Debug, PartialEq, Eq)]
struct Ran {
    status: u8,
    out: String,
    err: String,
    requests: Vec<String>,
}

/// The command's process, its streams held by `user`.
struct Bench {
    kernel: Kernel,
    command: Memory,
    user: Memory,
    /// Set in the environment besides.
    env: Vec<String>,
}

impl Bench {
    fn new() -> Bench {
        let kernel = Kernel::new();
        let (command, user) = (kernel.process(), kernel.process());
        for fd in 0..3 {
            command.connect_to(fd, &user, fd);
        }
        Bench {
            kernel,
            command,
            user,
            env: Vec::new(),
        }
    }

    fn with_terminal() -> Bench {
        let kernel = Kernel::new();
        let (command, user) = (kernel.process(), kernel.process());
        for fd in 0..3 {
            command.terminal(fd, &user, fd);
        }
        Bench {
            kernel,
            command,
            user,
            env: Vec::new(),
        }
    }

    /// Runs the command while `user` does what it does; then everything it printed is collected.
    fn run(
        &self,
        engine: Engine,
        args: &[&str],
        user: impl AsyncFnOnce(&Kernel, &Memory, &Memory),
    ) -> Ran {
        let requests = engine.requests.clone();
        let server = self.kernel.process();
        let argv = core::iter::once("docker")
            .chain(args.iter().copied())
            .map(|arg| arg.as_bytes().to_vec())
            .collect();
        let mut envp = vec![b"HOME=/root".to_vec(), b"PWD=/root".to_vec()];
        envp.extend(self.env.iter().map(|set| set.as_bytes().to_vec()));
        let command = async {
            let status = glassdock_cli::main(self.command.clone(), argv, envp).await;
            (0..3).for_each(|fd| self.command.hang_up(fd));
            status
        };
        let serving = async {
            let listener = server.socket_stream().await.unwrap();
            server
                .bind(listener.fd(), SockAddr::Unix(SOCKET.into()))
                .await
                .unwrap();
            server.listen(listener.fd(), 16).await.unwrap();
            let sys = server.clone();
            server.task(Box::pin(async move {
                serve(sys, listener, engine.router(), 16).await;
            }));
        };
        let (status, (), out, err) = self.kernel.run(async {
            serving.await;
            let user = user(&self.kernel, &self.command, &self.user);
            futures_util::join!(
                command,
                user,
                read_all(&self.user, 1),
                read_all(&self.user, 2)
            )
        });
        let requests = requests.lock().unwrap().clone();
        Ran {
            status,
            out,
            err,
            requests,
        }
    }
}

async fn read_all(user: &Memory, fd: i32) -> String {
    let mut all = Vec::new();
    while let Ok(data) = user.read(Fd(fd), 65_536).await
        && !data.is_empty()
    {
        all.extend(data);
    }
    String::from_utf8(all).unwrap()
}

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
            &["stats", "--no-stream"],
            "docker: 'docker stats' is not supported by this client yet\n\nRun 'docker --help' for the commands that it has\n",
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

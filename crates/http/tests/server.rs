//! The server on raw bytes: what is sent, what comes back, and when.

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use futures_util::StreamExt;
use glassdock_abi::types::Clock;
use glassdock_abi::{Fd, Io, Sys};
use glassdock_http::memory::{Kernel, Memory};
use glassdock_http::{Body, Bytes, Handle, Hijack, StatusCode, serve_connection};
use glassdock_trace::{EventKind, Trace};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Routes that do what their names say.
fn router() -> Router {
    Router::new()
        .route("/_ping", get(|| async { "OK" }).head(|| async { "" }))
        .route("/echo", post(|body: Bytes| async move { body }))
        .route("/ignore", post(|| async { "ignored" }))
        .route("/stream", get(stream))
        .route(
            "/never",
            get(|| async { core::future::pending::<()>().await }),
        )
        .route("/status/{code}", any(status))
        .route("/attach", post(attach))
        .route("/echo-stream", post(echo_stream))
}

async fn status(axum::extract::Path(code): axum::extract::Path<u16>) -> Response {
    (StatusCode::from_u16(code).unwrap(), "x").into_response()
}

async fn stream(request: Request) -> Response {
    let Handle(sys) = request
        .extensions()
        .get::<Handle<Memory>>()
        .unwrap()
        .clone();
    let pieces = futures_util::stream::unfold(0, move |n| {
        let sys = sys.clone();
        async move {
            sys.sleep(1_000).await;
            (n < 3).then(|| {
                (
                    Ok::<_, std::io::Error>(Bytes::from(format!("piece {n}\n"))),
                    n + 1,
                )
            })
        }
    });
    Body::from_stream(pieces).into_response()
}

async fn echo_stream(request: Request) -> Response {
    let data = request
        .into_body()
        .into_data_stream()
        .map(|data| data.map_err(std::io::Error::other));
    Body::from_stream(data).into_response()
}

async fn attach(request: Request) -> Response {
    let hijack = Hijack::of(request.headers());
    hijack.answer(
        "application/vnd.docker.raw-stream",
        |mut raw: glassdock_http::Upgraded<Memory>| async move {
            loop {
                let data = raw.read().await.unwrap();
                if data.is_empty() {
                    break;
                }
                raw.write_all(&data).await.unwrap();
            }
            raw.write_all(b"<end>").await.unwrap();
        },
    )
}

/// Runs `client` against the router; fd 3 of the client is the connection.
fn with_connection<T>(kernel: &Kernel, client: impl AsyncFnOnce(Memory) -> T) -> T {
    let (server, peer) = (kernel.process(), kernel.process());
    server.connect_to(3, &peer, 3);
    let connection = server.own(Fd(3));
    server.task(Box::pin(serve_connection(
        server.clone(),
        connection,
        router(),
    )));
    kernel.run(client(peer))
}

async fn send(peer: &Memory, text: &str) {
    glassdock_http::send_all(peer, Fd(3), text.as_bytes())
        .await
        .unwrap();
}

async fn read_to_end(peer: &Memory) -> String {
    let mut all = Vec::new();
    loop {
        let data = peer.read(Fd(3), 65_536).await.unwrap();
        if data.is_empty() {
            return String::from_utf8(all).unwrap();
        }
        all.extend(data);
    }
}

async fn read_until(peer: &Memory, end: &str) -> String {
    let mut all = String::new();
    while !all.ends_with(end) {
        let data = peer.read(Fd(3), 65_536).await.unwrap();
        assert!(!data.is_empty(), "ended after {all:?}");
        all.push_str(core::str::from_utf8(&data).unwrap());
    }
    all
}

/// Sends bytes, stops writing, and gives all that comes back.
fn exchange(request: &str) -> String {
    with_connection(&Kernel::new(), async |peer| {
        send(&peer, request).await;
        peer.shutdown(Fd(3), 1).await.unwrap();
        read_to_end(&peer).await
    })
}

const DATE: &str = "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n";

#[test]
fn a_request_is_answered_and_a_half_closed_peer_still_gets_its_answer() {
    let plain = "Content-Type: text/plain; charset=utf-8\r\n";
    for (request, answer) in [
        (
            "GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n",
            format!("HTTP/1.1 200 OK\r\n{plain}{DATE}Content-Length: 2\r\n\r\nOK"),
        ),
        (
            "HEAD /_ping HTTP/1.1\r\nHost: docker\r\n\r\n",
            format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{plain}{DATE}\r\n"),
        ),
        (
            "GET /_ping HTTP/1.0\r\n\r\n",
            format!(
                "HTTP/1.0 200 OK\r\n{plain}{DATE}Content-Length: 2\r\nConnection: close\r\n\r\nOK"
            ),
        ),
        (
            "GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n",
            format!(
                "HTTP/1.1 200 OK\r\n{plain}{DATE}Content-Length: 2\r\nConnection: close\r\n\r\nOK"
            ),
        ),
        (
            "POST /status/204 HTTP/1.1\r\nHost: docker\r\n\r\n",
            format!("HTTP/1.1 204 No Content\r\n{plain}{DATE}\r\n"),
        ),
    ] {
        assert_eq!(exchange(request), answer, "{request:?}");
    }
}

#[test]
fn bodies_arrive_by_length_and_in_chunks() {
    for request in [
        "POST /echo HTTP/1.1\r\nHost: d\r\nContent-Length: 5\r\n\r\nhello",
        "POST /echo HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
    ] {
        let answer = exchange(request);
        assert!(
            answer.ends_with("Content-Length: 5\r\n\r\nhello"),
            "{answer}"
        );
    }
    // So many that moving what is left at each of them would take minutes.
    let many = "1\r\nx\r\n".repeat(500_000);
    let head = "POST /echo HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = exchange(&format!("{head}{many}0\r\n\r\n"));
    assert!(answer.ends_with(&"x".repeat(500_000)));
}

#[test]
fn requests_may_follow_each_other_without_waiting() {
    let answer = exchange(concat!(
        "POST /echo HTTP/1.1\r\nHost: d\r\nContent-Length: 3\r\n\r\none",
        "POST /ignore HTTP/1.1\r\nHost: d\r\nContent-Length: 6\r\n\r\nunread",
        "POST /echo HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n",
    ));
    let bodies: Vec<_> = answer
        .split("HTTP/1.1 200 OK\r\n")
        .skip(1)
        .map(|a| a.split("\r\n\r\n").nth(1).unwrap())
        .collect();
    assert_eq!(bodies, ["one", "ignored", "two"]);
}

#[test]
fn a_stream_s_head_comes_before_its_body_and_each_piece_when_it_is_there() {
    with_connection(&Kernel::new(), async |peer| {
        send(&peer, "GET /stream HTTP/1.1\r\nHost: d\r\n\r\n").await;
        let head = read_until(&peer, "\r\n\r\n").await;
        assert!(head.contains("Transfer-Encoding: chunked"), "{head}");
        for n in 0..3 {
            assert_eq!(
                read_until(&peer, "\n\r\n").await,
                format!("8\r\npiece {n}\n\r\n")
            );
        }
        assert_eq!(read_until(&peer, "0\r\n\r\n").await, "0\r\n\r\n");
    });
}

#[test]
fn leave_to_send_a_body_is_given_when_the_handler_asks_for_it() {
    with_connection(&Kernel::new(), async |peer| {
        send(
            &peer,
            "POST /echo HTTP/1.1\r\nHost: d\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
        )
        .await;
        assert_eq!(
            read_until(&peer, "\r\n\r\n").await,
            "HTTP/1.1 100 Continue\r\n\r\n"
        );
        send(&peer, "hi").await;
        assert!(
            read_until(&peer, "hi")
                .await
                .starts_with("HTTP/1.1 200 OK\r\n")
        );
    });
    let answer = exchange(
        "POST /ignore HTTP/1.1\r\nHost: d\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
    );
    assert!(
        !answer.contains("100 Continue") && answer.contains("Connection: close"),
        "{answer}"
    );
}

#[test]
fn a_raw_connection_echoes_what_came_early_and_late_until_the_half_close() {
    for (headers, head) in [
        (
            "Connection: Upgrade\r\nUpgrade: tcp\r\n",
            "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
        ),
        (
            "",
            "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n",
        ),
    ] {
        with_connection(&Kernel::new(), async |peer| {
            send(
                &peer,
                &format!("POST /attach HTTP/1.1\r\nHost: d\r\n{headers}\r\nearly "),
            )
            .await;
            assert_eq!(read_until(&peer, "early ").await, format!("{head}early "));
            send(&peer, "late").await;
            assert_eq!(read_until(&peer, "late").await, "late");
            peer.shutdown(Fd(3), 1).await.unwrap();
            assert_eq!(read_to_end(&peer).await, "<end>");
        });
    }
}

#[test]
fn malformed_requests_are_refused_and_the_connection_closed() {
    for (request, status) in [
        ("nonsense\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"),
        ("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"),
        ("GET /_ping HT", "HTTP/1.1 400 Bad Request\r\n"),
        (
            "GET / HTTP/3.0\r\n\r\n",
            "HTTP/1.1 505 HTTP Version Not Supported\r\n",
        ),
    ] {
        let answer = exchange(request);
        assert!(
            answer.starts_with(status) && answer.contains("Connection: close\r\n"),
            "{request:?} → {answer:?}"
        );
    }
    let answer =
        exchange("POST /echo HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    assert!(
        answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
        "{answer}"
    );
}

#[test]
fn a_handler_is_dropped_when_its_peer_has_gone_for_good() {
    let kernel = Kernel::new();
    with_connection(&kernel, async |peer| {
        send(&peer, "GET /never HTTP/1.1\r\nHost: d\r\n\r\n").await;
        peer.sleep(1_000).await;
        peer.hang_up(3);
        peer.sleep(1_000).await;
    });
    let cut = |kind: &EventKind| {
        matches!(
            kind,
            EventKind::Exit {
                outcome: glassdock_trace::Outcome::Cut,
                ..
            }
        )
    };
    assert!(kernel.events().iter().any(|event| cut(&event.kind)));
}

#[test]
fn a_body_flows_only_as_fast_as_it_is_taken() {
    let total = 1_000_000;
    with_connection(&Kernel::new(), async |peer| {
        let head = format!(
            "POST /echo-stream HTTP/1.1\r\nHost: d\r\nContent-Length: {total}\r\nConnection: close\r\n\r\n"
        );
        send(&peer, &head).await;
        let writer = async {
            for _ in 0..total / 1000 {
                send(&peer, &"x".repeat(1000)).await;
            }
        };
        let ((), answer) = futures_util::join!(writer, read_to_end(&peer));
        assert_eq!(answer.matches('x').count(), total);
    });
}

#[test]
fn each_request_is_a_span_caused_by_who_wrote_it_and_closed_once() {
    let kernel = Kernel::new();
    with_connection(&kernel, async |peer| {
        let client = peer.enter(
            glassdock_trace::Layer::Cli,
            "docker ping",
            glassdock_trace::Args::None,
        );
        send(
            &client,
            "GET /_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n",
        )
        .await;
        read_to_end(&peer).await;
        client.exit(glassdock_trace::Outcome::Ok);
    });
    let mut open = Vec::new();
    let mut told = Vec::new();
    for event in kernel.events() {
        match event.kind {
            EventKind::Enter {
                span, cause, name, ..
            } => {
                told.push((name.into_owned(), cause.is_some()));
                open.push(span);
            }
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
    assert_eq!(
        told,
        [
            ("docker ping".to_owned(), false),
            ("GET /_ping".to_owned(), true),
            ("response".to_owned(), false)
        ]
    );
    assert!(open.is_empty());
}

#[test]
fn a_handler_may_answer_with_the_request_s_own_body() {
    let answer = exchange("POST /echo-stream HTTP/1.1\r\nHost: d\r\nContent-Length: 4\r\n\r\nabcd");
    assert!(answer.ends_with("4\r\nabcd\r\n0\r\n\r\n"), "{answer}");
}

proptest::proptest! {
    #[test]
    fn any_bytes_get_an_answer_or_a_close(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300), prefix in 0usize..4) {
        let prefix = ["", "GET / HTTP/1.1\r\n", "POST /echo HTTP/1.1\r\nHost: d\r\n", "POST /echo HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n"][prefix];
        with_connection(&Kernel::new(), async |peer| {
            let mut all = prefix.as_bytes().to_vec();
            all.extend(&bytes);
            let _ = glassdock_http::send_all(&peer, Fd(3), &all).await;
            let _ = peer.shutdown(Fd(3), 1).await;
            while peer.read(Fd(3), 65_536).await.is_ok_and(|data| !data.is_empty()) {}
        });
    }
}

#[test]
fn who_sends_half_of_a_head_or_a_document_is_let_go_in_time() {
    let document = "POST /echo HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{";
    for request in ["GET /_ping HTTP/1.1\r\nHost:", document] {
        let (answer, seconds) = with_connection(&Kernel::new(), async |peer| {
            let begin = peer.now(Clock::Monotonic);
            send(&peer, request).await;
            let answer = read_to_end(&peer).await;
            (answer, peer.now(Clock::Monotonic).sec - begin.sec)
        });
        assert_eq!(seconds, 30, "{answer}");
        assert!(!answer.contains(" 200 "), "{answer}");
    }
}

#[test]
fn an_archive_takes_as_long_as_it_takes() {
    let request = "POST /echo HTTP/1.1\r\nHost: d\r\nContent-Type: application/x-tar\r\nContent-Length: 9\r\n\r\nhal";
    let answer = with_connection(&Kernel::new(), async |peer| {
        send(&peer, request).await;
        peer.sleep(3_600_000_000_000).await;
        send(&peer, "f, hal").await;
        peer.shutdown(Fd(3), 1).await.unwrap();
        read_to_end(&peer).await
    });
    assert!(answer.ends_with("\r\n\r\nhalf, hal"), "{answer}");
}

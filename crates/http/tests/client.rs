//! The client against our server, over a listening socket of the kernel in memory.

use axum::Router;
use axum::extract::Request;
use axum::routing::{get, post};
use glassdock_abi::types::SockAddr;
use glassdock_abi::{Errno, Io, Sys};
use glassdock_http::memory::{Kernel, Memory};
use glassdock_http::{Body, Bytes, Client, Error, Hijack, Method, StatusCode, serve};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const SOCKET: &str = "/var/run/docker.sock";

fn router() -> Router {
    Router::new()
        .route("/_ping", get(|| async { "OK" }))
        .route("/echo", post(|body: Bytes| async move { body }))
        .route(
            "/attach",
            post(|request: Request| async move {
                let hijack = Hijack::of(request.headers());
                hijack.answer(
                    "application/vnd.docker.raw-stream",
                    |mut raw: glassdock_http::Upgraded<Memory>| async move {
                        raw.write_all(b"hello ").await.unwrap();
                        while let Ok(data) = raw.read().await
                            && !data.is_empty()
                        {
                            raw.write_all(&data).await.unwrap();
                        }
                        raw.write_all(b" bye").await.unwrap();
                    },
                )
            }),
        )
        .route(
            "/missing",
            post(|| async { (StatusCode::NOT_FOUND, "no such container") }),
        )
}

fn with_server<T>(client: impl AsyncFnOnce(Client<Memory>, Memory) -> T) -> T {
    let kernel = Kernel::new();
    let (server, peer) = (kernel.process(), kernel.process());
    kernel.run(async {
        let listener = server.socket_stream().await.unwrap();
        server
            .bind(listener.fd(), SockAddr::Unix(SOCKET.into()))
            .await
            .unwrap();
        server.listen(listener.fd(), 16).await.unwrap();
        let serving = server.clone();
        server.task(Box::pin(async move {
            serve(serving, listener, router(), 2).await;
        }));
        client(Client::unix(peer.clone(), SOCKET), peer).await
    })
}

fn request(method: Method, path: &str, body: &str) -> glassdock_http::Request<Body> {
    glassdock_http::Request::builder()
        .method(method)
        .uri(path)
        .header("Host", "docker")
        .body(Body::from(body.to_owned()))
        .unwrap()
}

#[test]
fn requests_use_the_idle_connection_and_new_ones_where_it_is_taken() {
    with_server(async |client, _| {
        for n in 0..5 {
            let mut answer = client
                .send(request(Method::POST, "/echo", &format!("body {n}")))
                .await
                .unwrap();
            assert_eq!(answer.status(), StatusCode::OK);
            assert_eq!(
                answer.collect(100).await.unwrap(),
                format!("body {n}").into_bytes()
            );
        }
        let (one, two) = (client.clone(), client.clone());
        let (one, two) = futures_util::join!(
            one.send(request(Method::GET, "/_ping", "")),
            two.send(request(Method::GET, "/_ping", ""))
        );
        assert!(one.is_ok() && two.is_ok());
    });
}

#[test]
fn more_connections_than_the_limit_wait_for_their_turn() {
    with_server(async |client, _| {
        for _ in 0..7 {
            let mut answer = client
                .send(request(Method::GET, "/_ping", ""))
                .await
                .unwrap();
            assert_eq!(answer.collect(100).await.unwrap(), b"OK");
            drop(answer);
        }
    });
}

#[test]
fn an_upgrade_gives_the_raw_connection() {
    with_server(async |client, _| {
        let (head, mut raw) = client
            .upgrade(request(Method::POST, "/attach", ""))
            .await
            .unwrap();
        assert_eq!(head.status, StatusCode::SWITCHING_PROTOCOLS);
        raw.write_all(b"again").await.unwrap();
        raw.shutdown_write().await.unwrap();
        let mut all = Vec::new();
        loop {
            let data = raw.read().await.unwrap();
            if data.is_empty() {
                break;
            }
            all.extend(data);
        }
        assert_eq!(all, b"hello again bye");
    });
}

#[test]
fn an_upgrade_that_is_refused_tells_status_and_body() {
    with_server(async |client, _| {
        match client.upgrade(request(Method::POST, "/missing", "")).await {
            Err(Error::NotUpgraded(StatusCode::NOT_FOUND, body)) => {
                assert_eq!(body, "no such container")
            }
            other => panic!("{:?}", other.map(|(head, _)| head)),
        }
    });
}

#[test]
fn a_server_that_is_not_there_is_an_error_number() {
    let kernel = Kernel::new();
    let client = Client::unix(kernel.process(), SOCKET);
    let failed = kernel.run(client.send(request(Method::GET, "/_ping", "")));
    assert!(matches!(failed.err(), Some(Error::Connect(Errno::ENOENT))));
}

#[test]
fn a_peer_that_is_not_a_server_is_an_error() {
    let kernel = Kernel::new();
    let (server, peer) = (kernel.process(), kernel.process());
    let failed = kernel.run(async {
        let listener = server.socket_stream().await.unwrap();
        server
            .bind(listener.fd(), SockAddr::Unix(SOCKET.into()))
            .await
            .unwrap();
        server.listen(listener.fd(), 16).await.unwrap();
        let noisy = server.clone();
        server.task(Box::pin(async move {
            let connection = noisy.accept4(listener.fd()).await.unwrap();
            noisy.read(connection.fd(), 10_000).await.unwrap();
            noisy
                .write(connection.fd(), b"220 mail.example ESMTP\r\n".to_vec())
                .await
                .unwrap();
        }));
        Client::unix(peer, SOCKET)
            .send(request(Method::GET, "/_ping", ""))
            .await
            .err()
    });
    assert!(matches!(failed, Some(Error::Http(_))), "{failed:?}");
}

//! Whatever the other side sends: the server answers in HTTP or not at all and goes on serving, the client gets an
//! answer or an error.

use axum::Router;
use axum::routing::{get, post};
use glassdock_abi::types::SockAddr;
use glassdock_abi::{Fd, Io, Sys};
use glassdock_http::memory::Kernel;
use glassdock_http::{Body, Bytes, Client, Method, Request, serve_connection};
use proptest::prelude::*;

/// Most bytes of an answer that the client takes.
const BODY_MAX: usize = 1 << 20;
const SOCKET: &str = "/var/run/docker.sock";

fn router() -> Router {
    Router::new()
        .route("/_ping", get(|| async { "OK" }))
        .route("/echo", post(|body: Bytes| async move { body }))
}

/// Pieces of messages and bytes that are none, in any order.
fn soup() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let known: [&[u8]; 29] = [
        b"GET ",
        b"POST ",
        b"HEAD ",
        b"/_ping",
        b"/echo",
        b"/%2e%2e/\xff",
        b" HTTP/1.1\r\n",
        b" HTTP/1.0\r\n",
        b" HTTP/9.9\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 101 UPGRADED\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 99999 ?\r\n",
        b"Host: x\r\n",
        b"Content-Length: 5\r\n",
        b"Content-Length: 99999999999999999999\r\n",
        b"Content-Length: -1\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip\r\n",
        b"Expect: 100-continue\r\n",
        b"Connection: Upgrade\r\nUpgrade: tcp\r\n",
        b"Connection: close\r\n",
        b"\r\n",
        b"\n",
        b"5\r\nhello\r\n",
        b"0\r\n\r\n",
        b"ffffffffffffffff\r\n",
        b"hello",
        b": ",
    ];
    let piece = prop_oneof![
        8 => (0..known.len()).prop_map(move |at| known[at].to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..20),
        1 => (0..3_usize).prop_map(|n| vec![b'a'; n * 40_000]),
    ];
    prop::collection::vec(piece, 0..24)
}

/// What the server of a connection sends back for these pieces.
fn served(pieces: &[Vec<u8>]) -> Vec<u8> {
    let kernel = Kernel::new();
    let (server, peer) = (kernel.process(), kernel.process());
    server.connect_to(3, &peer, 3);
    let connection = server.own(Fd(3));
    server.task(Box::pin(serve_connection(
        server.clone(),
        connection,
        router(),
    )));
    let (writer, mut all) = (peer.clone(), Vec::new());
    let pieces = pieces.to_vec();
    kernel.run(async {
        peer.task(Box::pin(async move {
            for piece in pieces {
                // The server may have had enough.
                if glassdock_http::send_all(&writer, Fd(3), &piece)
                    .await
                    .is_err()
                {
                    return;
                }
            }
            let _ = writer.shutdown(Fd(3), 1).await;
        }));
        while let Ok(data) = peer.read(Fd(3), 65_536).await
            && !data.is_empty()
        {
            all.extend(data);
        }
    });
    all
}

/// What the client makes of a server that answers with these pieces.
fn answered(pieces: &[Vec<u8>]) -> Result<Vec<u8>, String> {
    let kernel = Kernel::new();
    let (server, peer) = (kernel.process(), kernel.process());
    let pieces = pieces.to_vec();
    kernel.run(async {
        let listener = server.socket_stream().await.expect("a socket");
        let address = SockAddr::Unix(SOCKET.into());
        server.bind(listener.fd(), address).await.expect("bound");
        server.listen(listener.fd(), 16).await.expect("listening");
        let answering = server.clone();
        server.task(Box::pin(async move {
            while let Ok(connection) = answering.accept4(listener.fd()).await {
                let _ = answering.read(connection.fd(), 65_536).await;
                for piece in &pieces {
                    if glassdock_http::send_all(&answering, connection.fd(), piece)
                        .await
                        .is_err()
                    {
                        break;
                    }
                }
            }
        }));
        let request = Request::builder()
            .method(Method::GET)
            .uri("/_ping")
            .body(Body::empty())
            .expect("a request");
        let answer = Client::unix(peer, SOCKET).send(request).await;
        let mut answer = answer.map_err(|error| error.to_string())?;
        answer
            .collect(BODY_MAX)
            .await
            .map_err(|error| error.to_string())
    })
}

proptest! {
    #[test]
    fn the_server_answers_in_http_or_not_at_all(pieces in soup()) {
        let answer = served(&pieces);
        prop_assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "{:?}", String::from_utf8_lossy(&answer));
    }

    #[test]
    fn a_good_request_after_any_good_ones_is_answered(echoes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..5)) {
        let mut pieces = Vec::new();
        for body in &echoes {
            pieces.push(format!("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes());
            pieces.push(body.clone());
        }
        pieces.push(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n".to_vec());
        let answer = served(&pieces);
        prop_assert!(answer.ends_with(b"\r\n\r\nOK"));
        let heads = answer.windows(15).filter(|window| window == b"HTTP/1.1 200 OK").count();
        prop_assert!(heads > echoes.len());
    }

    #[test]
    fn the_client_gets_an_answer_or_an_error(pieces in soup()) {
        let _ = answered(&pieces);
    }
}

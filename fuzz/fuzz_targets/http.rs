//! Any bytes at the server: an answer in HTTP or none, and the server's task ends.
#![no_main]

use axum::Router;
use axum::routing::{get, post};
use glassdock_abi::{Fd, Io, Sys};
use glassdock_http::memory::Kernel;
use glassdock_http::{Bytes, parse_head, serve_connection};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = parse_head(bytes);
    let kernel = Kernel::new();
    let (server, peer) = (kernel.process(), kernel.process());
    server.connect_to(3, &peer, 3);
    let connection = server.own(Fd(3));
    let router = Router::new()
        .route("/_ping", get(|| async { "OK" }))
        .route("/echo", post(|body: Bytes| async move { body }));
    server.task(Box::pin(serve_connection(
        server.clone(),
        connection,
        router,
    )));
    let (writer, sent) = (peer.clone(), bytes.to_vec());
    let answer = kernel.run(async {
        peer.task(Box::pin(async move {
            if glassdock_http::send_all(&writer, Fd(3), &sent)
                .await
                .is_ok()
            {
                let _ = writer.shutdown(Fd(3), 1).await;
            }
        }));
        let mut all = Vec::new();
        while let Ok(data) = peer.read(Fd(3), 65_536).await
            && !data.is_empty()
        {
            all.extend(data);
        }
        all
    });
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."));
});

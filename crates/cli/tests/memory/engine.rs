//! An engine that does with its one container as it is told.

use super::ID;
use axum::Router;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use futures_channel::oneshot;
use glassdock_api::stdcopy::{StdStream, frame};
use glassdock_api::{MEDIA_TYPE_MULTIPLEXED_STREAM, MEDIA_TYPE_RAW_STREAM};
use glassdock_http::memory::Memory;
use glassdock_http::{Body, Hijack, Upgraded};
use serde_json::json;
use std::sync::{Arc, Mutex};

/// A document as an answer.
pub struct Json(serde_json::Value);

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
pub enum Plan {
    /// Prints what it reads, to standard output; its length to standard error; ends with 3.
    Echo,
    /// Cannot be started, with this message.
    Fail(&'static str),
    /// Runs until it gets a signal, then ends with 130.
    UntilSignal,
}

#[derive(Clone)]
pub struct Engine {
    pub plan: Plan,
    pub version: &'static str,
    pub requests: Arc<Mutex<Vec<String>>>,
    pub started: Arc<Mutex<Vec<oneshot::Sender<()>>>>,
    pub ended: Arc<Mutex<Vec<oneshot::Sender<i64>>>>,
}

impl Engine {
    pub fn new(plan: Plan) -> Engine {
        Engine {
            plan,
            version: "1.51",
            requests: Arc::default(),
            started: Arc::default(),
            ended: Arc::default(),
        }
    }

    pub fn end(&self, status: i64) {
        self.ended.lock().unwrap().drain(..).for_each(|waiter| {
            let _ = waiter.send(status);
        });
    }

    pub fn router(self) -> Router {
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

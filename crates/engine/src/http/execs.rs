//! `/containers/NAME/exec`, `/exec/…`.

use super::request::Call;
use super::{answer, complete, response};
use crate::engine::{Engine, Kernel};
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use glassdock_api::exec::{ExecCreate, ExecStart};
use glassdock_api::{IdResponse, MEDIA_TYPE_MULTIPLEXED_STREAM, MEDIA_TYPE_RAW_STREAM};
use glassdock_http::Upgraded;
use glassdock_runtime::proto::Stream;
use http::StatusCode;

pub(super) fn routes<S: Kernel>() -> Router<Engine<S>> {
    Router::new()
        .route("/containers/{name}/exec", post(create))
        .route("/exec/{id}/start", post(start))
        .route("/exec/{id}/resize", post(resize))
        .route("/exec/{id}/json", get(inspect))
}

async fn create<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    complete(&engine.clone(), async move {
        let engine = call.within(&engine);
        let name = call.name("name").to_string();
        let config: Option<ExecCreate> = call.json().await?;
        let id = engine
            .create_exec(&name, config.unwrap_or_default())
            .await?;
        Ok(response::json(StatusCode::CREATED, &IdResponse { id }))
    })
    .await
}

async fn start<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    complete(&engine.clone(), async move {
        let engine = call.within(&engine);
        let id = call.name("id").to_string();
        let (hijack, version) = (call.hijack(), call.version());
        engine.check_exec(&id)?;
        let start: ExecStart = call.json().await?.unwrap_or_default();
        if start.detach {
            engine.start_exec_detached(&id, start).await?;
            return Ok(response::empty(StatusCode::OK));
        }
        let tty = engine.exec_has_tty(&id)?;
        let framed = !tty && hijack.upgrade() && version.at_least("1.42");
        let kind = if framed {
            MEDIA_TYPE_MULTIPLEXED_STREAM
        } else {
            MEDIA_TYPE_RAW_STREAM
        };
        // Errors come on the stream from here on, as with moby: clients are already reading it.
        Ok(hijack.answer(kind, move |client: Upgraded<S>| async move {
            match engine.start_exec(&id, start, true).await {
                Ok(Some(session)) => drop(session.run(client).await),
                Ok(None) => {}
                Err(error) => {
                    let text = format!("{}\r\n", error.message).into_bytes();
                    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
                    let header = if tty {
                        Vec::new()
                    } else {
                        Stream::Stdout.header(length).to_vec()
                    };
                    let _ = client.write_all(&[header, text].concat()).await;
                }
            }
        }))
    })
    .await
}

async fn resize<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    answer(async {
        let (rows, cols) = call.size()?;
        call.within(&engine)
            .resize_exec(call.name("id"), rows, cols)
            .await?;
        Ok(response::empty(StatusCode::OK))
    })
    .await
}

async fn inspect<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    answer(async {
        Ok(response::json(
            StatusCode::OK,
            &engine.inspect_exec(call.name("id"))?,
        ))
    })
    .await
}

//! `/containers/…`.

use super::request::Call;
use super::{answer, complete, response};
use crate::container::{AttachOptions, Condition, ListOptions};
use crate::engine::{Engine, Kernel};
use crate::error::{ApiError, Result};
use crate::streams::logs::LogOptions;
use crate::time;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{delete, get, post};
use futures_util::StreamExt;
use glassdock_api::container::{Config, CreateRequest, WaitError, WaitResponse};
use glassdock_api::stats::UpdateRequest;
use glassdock_api::{MEDIA_TYPE_MULTIPLEXED_STREAM, MEDIA_TYPE_RAW_STREAM};
use glassdock_http::Upgraded;
use http::StatusCode;

pub(super) fn routes<S: Kernel>() -> Router<Engine<S>> {
    Router::new()
        .route("/containers/json", get(list))
        .route("/containers/create", post(create))
        .route("/containers/prune", post(prune))
        .route("/containers/{name}/json", get(inspect))
        .route("/containers/{name}/top", get(top))
        .route("/containers/{name}/logs", get(logs))
        .route("/containers/{name}/start", post(start))
        .route("/containers/{name}/stop", post(stop))
        .route("/containers/{name}/restart", post(restart))
        .route("/containers/{name}/kill", post(kill))
        .route("/containers/{name}/wait", post(wait))
        .route("/containers/{name}/resize", post(resize))
        .route("/containers/{name}/attach", post(attach))
        .route("/containers/{name}/rename", post(rename))
        .route("/containers/{name}/pause", post(pause))
        .route("/containers/{name}/unpause", post(unpause))
        .route("/containers/{name}/update", post(update))
        .route("/containers/{name}/stats", get(stats))
        .route("/containers/{name}/changes", get(not_yet))
        .route("/containers/{name}/export", get(not_yet))
        .route("/containers/{name}/archive", get(not_yet).put(not_yet))
        .route("/containers/{name}/attach/ws", get(not_yet))
        .route("/containers/{name}", delete(remove))
}

/// What is known but not built, of a container that must be there.
async fn not_yet<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    answer(async {
        engine.container(call.name("name"))?;
        let what = call.path().splitn(4, '/').nth(3).unwrap_or_default();
        Err(ApiError::not_implemented(format!(
            "container {what}: not supported by this engine yet"
        )))
    })
    .await
}

async fn list<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    answer(async {
        let mut filters = call.filters()?;
        for name in ["since", "before"] {
            if !call.param(name).is_empty() {
                filters.add(name, call.param(name));
            }
        }
        // A negative limit is none.
        let limit = call
            .number::<i64>("limit")?
            .and_then(|limit| usize::try_from(limit).ok());
        let options = ListOptions {
            all: call.flag("all"),
            limit: limit.unwrap_or_default(),
            filters,
        };
        let engine = call.within(&engine);
        let mut listed = engine.list_containers(options)?;
        if call.flag("size") {
            for summary in &mut listed {
                // One that is removed meanwhile has none.
                if let Ok(container) = engine.container(&summary.id) {
                    (summary.size_rw, summary.size_root_fs) =
                        engine.container_sizes(&container).await?;
                }
            }
        }
        Ok(response::json(StatusCode::OK, &listed))
    })
    .await
}

async fn create<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    complete(&engine.clone(), async move {
        let engine = call.within(&engine);
        let name = call.param("name").to_string();
        check_platform(call.param("platform"))?;
        let request: Option<CreateRequest> = call.json().await?;
        // One without any field of the container's own has no configuration (moby `runconfig`, `decodeCreateRequest`).
        let request = request
            .filter(|request| request.config != Config::default())
            .ok_or_else(|| {
                ApiError::invalid("config cannot be empty in order to create a container")
            })?;
        Ok(response::json(
            StatusCode::CREATED,
            &engine.create_container(&name, request).await?,
        ))
    })
    .await
}

/// Images of other platforms cannot run here.
fn check_platform(platform: &str) -> Result<()> {
    match platform {
        "" | "linux" | "linux/amd64" | "linux/x86_64" | "amd64" | "x86_64" => Ok(()),
        other => Err(ApiError::not_found(format!(
            "no match for platform in manifest: {other}: not found"
        ))),
    }
}

async fn prune<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    complete(&engine.clone(), async move {
        let report = call
            .within(&engine)
            .prune_containers(call.filters()?)
            .await?;
        Ok(response::json(StatusCode::OK, &report))
    })
    .await
}

async fn inspect<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    answer(async {
        let engine = call.within(&engine);
        let name = call.name("name");
        let mut inspected = engine.inspect_container(name)?;
        if call.flag("size") {
            let (own, all) = engine.container_sizes(&*engine.container(name)?).await?;
            (inspected.size_rw, inspected.size_root_fs) = (Some(own), Some(all));
        }
        Ok(response::json(StatusCode::OK, &inspected))
    })
    .await
}

async fn top<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    answer(async {
        let top = call
            .within(&engine)
            .top(call.name("name"), call.param("ps_args"))
            .await?;
        Ok(response::json(StatusCode::OK, &top))
    })
    .await
}

async fn logs<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    answer(async {
        let options = log_options(&call)?;
        let (reader, tty) = call
            .within(&engine)
            .logs(call.name("name"), options.follow)
            .await?;
        let framed = !tty;
        Ok(response::stream(
            media_type(&call, framed),
            reader.stream(options, framed),
        ))
    })
    .await
}

fn log_options(call: &Call) -> Result<LogOptions> {
    let (stdout, stderr) = (call.flag("stdout"), call.flag("stderr"));
    if !stdout && !stderr {
        return Err(ApiError::invalid(
            "Bad parameters: you must choose at least one stream",
        ));
    }
    let moment = |name: &str| match call.param(name) {
        "" | "0" => Ok(None),
        text => time::parse_unix(text).map(Some).map_err(ApiError::invalid),
    };
    Ok(LogOptions {
        follow: call.flag("follow"),
        stdout,
        stderr,
        timestamps: call.flag("timestamps"),
        // What is no number means everything, as with moby.
        tail: call.param("tail").parse().ok(),
        since: moment("since")?,
        until: moment("until")?,
    })
}

/// The media type of a stream: frames have had their own since 1.42.
fn media_type(call: &Call, framed: bool) -> &'static str {
    match framed && call.version().at_least("1.42") {
        true => MEDIA_TYPE_MULTIPLEXED_STREAM,
        false => MEDIA_TYPE_RAW_STREAM,
    }
}

async fn pause<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    complete(&engine.clone(), async move {
        call.within(&engine)
            .pause_container(call.name("name"))
            .await?;
        Ok(response::empty(StatusCode::NO_CONTENT))
    })
    .await
}

async fn unpause<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    complete(&engine.clone(), async move {
        call.within(&engine)
            .unpause_container(call.name("name"))
            .await?;
        Ok(response::empty(StatusCode::NO_CONTENT))
    })
    .await
}

async fn update<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    complete(&engine.clone(), async move {
        let engine = call.within(&engine);
        let name = call.name("name").to_string();
        let request: Option<UpdateRequest> = call.json().await?;
        let updated = engine
            .update_container(&name, request.unwrap_or_default())
            .await?;
        Ok(response::json(StatusCode::OK, &updated))
    })
    .await
}

async fn stats<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    answer(async {
        let engine = call.within(&engine);
        let name = call.name("name");
        // As moby: one reading only where it is said, a stream where nothing is.
        let stream = call.param("stream").is_empty() || call.flag("stream");
        if !stream {
            let once = call.flag("one-shot");
            return Ok(response::json(
                StatusCode::OK,
                &engine.stats(name, !once).await?,
            ));
        }
        if call.flag("one-shot") {
            return Err(ApiError::invalid(
                "cannot have stream=true and one-shot=true",
            ));
        }
        let lines = engine.background().watch_stats(name)?.map(|reading| {
            let mut line = serde_json::to_vec(&reading).unwrap_or_default();
            line.push(b'\n');
            line.into()
        });
        Ok(response::stream("application/json", lines))
    })
    .await
}

async fn start<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    complete(&engine.clone(), async move {
        if body_length(&call) > 7 {
            return Err(ApiError::invalid(
                "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24",
            ));
        }
        if !call.param("checkpoint").is_empty() {
            return Err(ApiError::invalid("checkpoint is only supported in experimental mode"));
        }
        call.within(&engine).start_container(call.name("name")).await?;
        Ok(response::empty(StatusCode::NO_CONTENT))
    })
    .await
}

fn body_length(call: &Call) -> u64 {
    let length = call
        .headers()
        .get(http::header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok());
    match length {
        Some(length) => length.trim().parse().unwrap_or(u64::MAX),
        None if call.has_body() => u64::MAX,
        None => 0,
    }
}

async fn stop<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    complete(&engine.clone(), async move {
        let (signal, timeout) = stop_options(&call)?;
        call.within(&engine)
            .stop_container(call.name("name"), signal, timeout)
            .await?;
        Ok(response::empty(StatusCode::NO_CONTENT))
    })
    .await
}

async fn restart<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    complete(&engine.clone(), async move {
        let (signal, timeout) = stop_options(&call)?;
        call.within(&engine)
            .restart_container(call.name("name"), signal, timeout)
            .await?;
        Ok(response::empty(StatusCode::NO_CONTENT))
    })
    .await
}

fn stop_options(call: &Call) -> Result<(&str, Option<i64>)> {
    let signal = if call.version().at_least("1.42") {
        call.param("signal")
    } else {
        ""
    };
    Ok((signal, call.number("t")?))
}

async fn kill<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    complete(&engine.clone(), async move {
        let name = call.name("name");
        let killed = call
            .within(&engine)
            .kill_container(name, call.param("signal"))
            .await;
        killed.map_err(|error| error.context(format_args!("cannot kill container: {name}")))?;
        Ok(response::empty(StatusCode::NO_CONTENT))
    })
    .await
}

async fn wait<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    answer(async {
        let condition = Condition::parse(call.param("condition"))?;
        let container = engine.container(call.name("name"))?;
        let ended = engine.begin_wait(&container, condition);
        // The head goes out now: a client starts the container when it has it.
        let body = futures_util::stream::once(async move {
            let (code, error) = ended
                .await
                .unwrap_or((-1, "the engine stopped".to_string()));
            let response = WaitResponse {
                status_code: code.into(),
                error: (!error.is_empty()).then_some(WaitError { message: error }),
            };
            let mut line = serde_json::to_vec(&response).unwrap_or_default();
            line.push(b'\n');
            line.into()
        });
        Ok(response::stream("application/json", body))
    })
    .await
}

async fn resize<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    answer(async {
        let (rows, cols) = call.size()?;
        call.within(&engine)
            .resize_container(call.name("name"), rows, cols)
            .await?;
        Ok(response::empty(StatusCode::OK))
    })
    .await
}

async fn attach<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    answer(async {
        let options = AttachOptions {
            stdin: call.flag("stdin"),
            stdout: call.flag("stdout"),
            stderr: call.flag("stderr"),
            logs: call.flag("logs"),
            stream: call.flag("stream"),
            detach_keys: call.param("detachKeys").to_string(),
        };
        let engine = call.within(&engine);
        let (session, container) = engine.attach(call.name("name"), options).await?;
        let hijack = call.hijack();
        let kind = if hijack.upgrade() {
            media_type(&call, !session.tty)
        } else {
            MEDIA_TYPE_RAW_STREAM
        };
        let engine = engine.background();
        Ok(hijack.answer(kind, move |client: Upgraded<S>| async move {
            engine.run_session(session, container, client).await;
        }))
    })
    .await
}

async fn rename<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    complete(&engine.clone(), async move {
        call.within(&engine)
            .rename_container(call.name("name"), call.param("name"))
            .await?;
        Ok(response::empty(StatusCode::NO_CONTENT))
    })
    .await
}

async fn remove<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    complete(&engine.clone(), async move {
        if call.flag("link") {
            return Err(ApiError::not_implemented(
                "links: not supported by this engine yet",
            ));
        }
        call.within(&engine)
            .remove_container(call.name("name"), call.flag("force"))
            .await?;
        Ok(response::empty(StatusCode::NO_CONTENT))
    })
    .await
}

//! `/_ping`, `/version`, `/info`, `/events`.

use super::request::Call;
use super::{answer, response};
use crate::engine::{Engine, Kernel};
use crate::error::{ApiError, Result};
use crate::{events, time};
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use glassdock_abi::types::Timespec;
use glassdock_api::filters::Filters;
use glassdock_api::stream::Event;
use glassdock_api::system::header::{BUILDER_VERSION, SWARM};
use http::{HeaderValue, StatusCode, header};

pub(super) fn routes<S: Kernel>() -> Router<Engine<S>> {
    Router::new()
        .route("/_ping", get(ping))
        .route("/version", get(version))
        .route("/info", get(info))
        .route("/events", get(listen))
}

/// `HEAD` gives the same without the body.
async fn ping() -> Response {
    let mut response = response::text(StatusCode::OK, "OK");
    let headers = response.headers_mut();
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-store, must-revalidate"),
    );
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    // The classic builder: BuildKit is not served.
    headers.insert(BUILDER_VERSION, HeaderValue::from_static("1"));
    headers.insert(SWARM, HeaderValue::from_static("inactive"));
    response
}

async fn version<S: Kernel>(State(engine): State<Engine<S>>) -> Response {
    response::json(StatusCode::OK, &engine.version())
}

async fn info<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    response::json(StatusCode::OK, &call.within(&engine).info())
}

async fn listen<S: Kernel>(State(engine): State<Engine<S>>, call: Call) -> Response {
    answer(async {
        let filters = call.filters()?;
        filters
            .validate(&events::ACCEPTED_FILTERS)
            .map_err(|error| ApiError::invalid(error.to_string()))?;
        let (since, until) = (moment(call.param("since"))?, moment(call.param("until"))?);
        let now = engine.now();
        if let (Some(since), Some(until)) = (since, until)
            && since > until
        {
            let (since, until) = (call.param("since"), call.param("until"));
            return Err(ApiError::invalid(format!(
                "`since` time ({since}) cannot be after `until` time ({until})"
            )));
        }
        let (recent, live) = engine.shared.events.subscribe();
        let recent = recent.into_iter().filter(move |event| {
            since.is_some_and(|since| moment_of(event) >= since)
                && until.is_none_or(|until| moment_of(event) <= until)
        });
        let recent: Vec<Bytes> = recent
            .filter(|event| events::passes(&filters, event))
            .filter_map(|event| line(&event))
            .collect();
        let recent = futures_util::stream::iter(recent);
        // The end of the stream: at once when it has passed, or when it comes.
        let left = until.map(|until| until.as_nanos().saturating_sub(now.as_nanos()));
        let sys = engine.sys.clone();
        let end = async move {
            match left {
                Some(left) => sys.sleep(left).await,
                None => futures_util::future::pending().await,
            }
        };
        let live = live.filter_map(move |event| std::future::ready(passing(&filters, &event)));
        let live = live.take_until(Box::pin(end.fuse()));
        let pieces = recent.chain(live);
        Ok(response::stream("application/json", pieces))
    })
    .await
}

fn passing(filters: &Filters, event: &Event) -> Option<Bytes> {
    events::passes(filters, event)
        .then(|| line(event))
        .flatten()
}

fn line(event: &Event) -> Option<Bytes> {
    let mut line = serde_json::to_vec(event).ok()?;
    line.push(b'\n');
    Some(line.into())
}

fn moment_of(event: &Event) -> Timespec {
    Timespec::from_nanos(u64::try_from(event.time_nano).unwrap_or_default())
}

fn moment(text: &str) -> Result<Option<Timespec>> {
    match text {
        "" => Ok(None),
        text => time::parse_unix(text).map(Some).map_err(ApiError::invalid),
    }
}

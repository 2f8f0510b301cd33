//! Responses in moby's form.

use crate::error::ApiError;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::Stream;
use futures_util::StreamExt;
use glassdock_api::ErrorResponse;
use glassdock_api::stream::{JsonError, JsonMessage};
use glassdock_api::system::header::{API_VERSION, OSTYPE};
use glassdock_api::version;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use std::convert::Infallible;

/// A document with a newline after it, as Go's encoder writes.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let mut data = match serde_json::to_vec(value) {
        Ok(data) => data,
        Err(error) => return self::error(&ApiError::system(error.to_string())),
    };
    data.push(b'\n');
    with_type(status, "application/json", Body::from(data))
}

/// Nothing but a status.
pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Text.
pub(crate) fn text(status: StatusCode, text: &'static str) -> Response {
    with_type(status, "text/plain; charset=utf-8", Body::from(text))
}

/// Pieces as they come; the head is sent at once.
pub(crate) fn stream(
    kind: &'static str,
    pieces: impl Stream<Item = Bytes> + Send + 'static,
) -> Response {
    with_type(
        StatusCode::OK,
        kind,
        Body::from_stream(pieces.map(Ok::<_, Infallible>)),
    )
}

/// Messages of a long operation, each on a line of its own.
pub(crate) fn messages(messages: &[JsonMessage]) -> Response {
    let mut data = Vec::new();
    for message in messages {
        data.extend(serde_json::to_vec(message).unwrap_or_default());
        data.extend_from_slice(b"\r\n");
    }
    with_type(StatusCode::OK, "application/json", Body::from(data))
}

/// An error among such messages (moby `streamformatter.FormatError`).
pub(crate) fn error_message(error: &ApiError) -> JsonMessage {
    JsonMessage {
        error: Some(JsonError {
            message: error.message.clone(),
            ..JsonError::default()
        }),
        error_message: error.message.clone(),
        ..JsonMessage::default()
    }
}

/// An error: its status and `{"message": …}`; nothing to do is told without a document.
pub(crate) fn error(error: &ApiError) -> Response {
    if error.status == StatusCode::NOT_MODIFIED {
        return empty(error.status);
    }
    json(
        error.status,
        &ErrorResponse {
            message: error.message.clone(),
        },
    )
}

fn with_type(status: StatusCode, kind: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Adds what every response has.
pub(crate) fn with_server_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: &str| {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(value),
        ) {
            headers.insert(name, value);
        }
    };
    set(API_VERSION, version::MAX);
    set(OSTYPE, "linux");
    set("Docker-Experimental", "false");
    set("Server", &format!("Docker/{} (linux)", crate::VERSION));
    response
}

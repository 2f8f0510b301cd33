//! The Engine API: requests to operations, results to responses (moby `api/server`).

mod containers;
mod execs;
mod images;
mod request;
mod response;
mod system;

use crate::engine::{Engine, Kernel};
use crate::error::{ApiError, Result};
use axum::Router;
use axum::response::Response;
use glassdock_api::version;
use http::Uri;
use request::Call;
use std::future::Future;
use tower_service::Service;

/// The router of all requests. The version in a path's beginning is taken off before.
pub fn router<S: Kernel>(engine: Engine<S>) -> Router {
    let routes = Router::new()
        .merge(system::routes())
        .merge(containers::routes())
        .merge(execs::routes())
        .merge(images::routes())
        .fallback(not_built)
        .method_not_allowed_fallback(not_built)
        .with_state(engine);
    Router::new().fallback(move |request: axum::extract::Request| {
        let mut routes = routes.clone();
        async move {
            let response = match versioned(request) {
                Ok(request) => match routes.call(request).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                },
                Err(error) => response::error(&error),
            };
            response::with_server_headers(response)
        }
    })
}

/// The version of the API that a request is made in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ApiVersion(pub(crate) String);

impl ApiVersion {
    /// Whether it is at least another one.
    pub(crate) fn at_least(&self, other: &str) -> bool {
        version::at_least(&self.0, other)
    }
}

/// Takes `/v1.51` off a path and keeps it beside.
///
/// # Errors
/// 400 for a version that is too old or too new, with moby's texts (`api/server/middleware/version.go`).
fn versioned(mut request: axum::extract::Request) -> Result<axum::extract::Request> {
    let uri = request.uri();
    let (given, path) = split_version(uri.path());
    if let Some(given) = given {
        if version::less_than(given, version::MIN) {
            return Err(ApiError::invalid(format!(
                "client version {given} is too old. Minimum supported API version is {}, please upgrade your client to \
                 a newer version",
                version::MIN
            )));
        }
        if version::less_than(version::MAX, given) {
            return Err(ApiError::invalid(format!(
                "client version {given} is too new. Maximum supported API version is {}",
                version::MAX
            )));
        }
    }
    let used = ApiVersion(given.unwrap_or(version::MAX).to_string());
    let query = uri
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    let rest: Uri = format!("{path}{query}")
        .parse()
        .map_err(|_| ApiError::invalid("malformed request target"))?;
    *request.uri_mut() = rest;
    request.extensions_mut().insert(used);
    Ok(request)
}

fn split_version(path: &str) -> (Option<&str>, &str) {
    let rest = path.strip_prefix("/v").unwrap_or_default();
    let end = rest
        .find(|char: char| !char.is_ascii_digit() && char != '.')
        .unwrap_or(rest.len());
    match (&rest[..end], &rest[end..]) {
        ("", _) => (None, path),
        (version, path) if path.starts_with('/') => (Some(version), path),
        _ => (None, path),
    }
}

/// What the API has and this engine does not yet; anything else is not there.
async fn not_built(call: Call) -> Response {
    const KNOWN: [(&str, &str); 16] = [
        ("/build", "building images"),
        ("/grpc", "BuildKit"),
        ("/session", "BuildKit sessions"),
        ("/commit", "committing containers"),
        ("/networks", "networks"),
        ("/volumes", "volumes"),
        ("/plugins", "plugins"),
        ("/swarm", "swarm mode"),
        ("/services", "swarm mode"),
        ("/nodes", "swarm mode"),
        ("/tasks", "swarm mode"),
        ("/secrets", "swarm mode"),
        ("/configs", "swarm mode"),
        ("/distribution", "registries"),
        ("/auth", "registries"),
        ("/system/df", "disk usage"),
    ];
    let path = call.path();
    let begins = |prefix: &str| path == prefix || path.starts_with(&format!("{prefix}/"));
    let error = match KNOWN.iter().find(|(prefix, _)| begins(prefix)) {
        Some((_, what)) => {
            ApiError::not_implemented(format!("{what}: not supported by this engine yet"))
        }
        None => ApiError::not_found("page not found"),
    };
    response::error(&error)
}

/// Answers with what an operation yields, or with its error.
fn answer<'a>(
    operation: impl Future<Output = Result<Response>> + Send + 'a,
) -> impl Future<Output = Response> + Send + 'a {
    // Operations are large, and the layers of the router move what they are given.
    let operation = Box::pin(operation);
    async move {
        match operation.await {
            Ok(response) => response,
            Err(error) => response::error(&error),
        }
    }
}

/// The same for an operation that changes something: it comes to its end also when the client hangs up.
fn complete<S: Kernel>(
    engine: &Engine<S>,
    operation: impl Future<Output = Result<Response>> + Send + 'static,
) -> impl Future<Output = Response> + Send {
    answer(engine.to_its_end(operation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_taken_off_paths() {
        for (path, version, rest) in [
            ("/v1.51/info", Some("1.51"), "/info"),
            ("/version", None, "/version"),
            ("/v1/x", Some("1"), "/x"),
            ("/volumes", None, "/volumes"),
            ("/v1.51", None, "/v1.51"),
            ("/", None, "/"),
        ] {
            assert_eq!(split_version(path), (version, rest), "{path}");
        }
    }
}

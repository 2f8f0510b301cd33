//! What a request asks: parameters, headers, documents.

use super::ApiVersion;
use crate::engine::{Engine, Kernel};
use crate::error::{ApiError, Result};
use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use bytes::Bytes;
use glassdock_api::filters::Filters;
use glassdock_http::{Handle, Hijack};
use glassdock_image::Source;
use http::request::Parts;
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};

/// Largest document of a request in bytes.
const MAX_DOCUMENT: usize = 16 << 20;

/// A request, taken apart.
pub(crate) struct Call {
    parts: Parts,
    /// Behind a lock, so that the rest can be looked at while something is waited for.
    body: Mutex<Body>,
    params: BTreeMap<String, Vec<String>>,
    names: BTreeMap<String, String>,
}

impl<E: Send + Sync> FromRequest<E> for Call {
    type Rejection = Infallible;

    async fn from_request(request: Request, state: &E) -> Result<Call, Infallible> {
        let (mut parts, body) = request.into_parts();
        let names = match RawPathParams::from_request_parts(&mut parts, state).await {
            Ok(params) => params
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
            Err(_) => BTreeMap::new(),
        };
        let mut params: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in
            form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
        {
            params
                .entry(name.into_owned())
                .or_default()
                .push(value.into_owned());
        }
        Ok(Call {
            parts,
            body: Mutex::new(body),
            params,
            names,
        })
    }
}

impl Call {
    /// The path without its version.
    pub(crate) fn path(&self) -> &str {
        self.parts.uri.path()
    }

    /// The part of the path that has a name in the route.
    pub(crate) fn name(&self, name: &str) -> &str {
        self.names.get(name).map_or("", String::as_str)
    }

    /// A parameter; empty when it is not there.
    pub(crate) fn param(&self, name: &str) -> &str {
        self.params
            .get(name)
            .and_then(|values| values.first())
            .map_or("", String::as_str)
    }

    /// All values of a parameter.
    pub(crate) fn params(&self, name: &str) -> &[String] {
        self.params.get(name).map_or(&[], Vec::as_slice)
    }

    /// A parameter as yes or no (moby `httputils.BoolValue`).
    pub(crate) fn flag(&self, name: &str) -> bool {
        let value = self.param(name).trim().to_lowercase();
        !matches!(value.as_str(), "" | "0" | "no" | "false" | "none")
    }

    /// The same with a value for when it is not there.
    pub(crate) fn flag_or(&self, name: &str, default: bool) -> bool {
        if self.params.contains_key(name) {
            self.flag(name)
        } else {
            default
        }
    }

    /// A parameter as a number.
    ///
    /// # Errors
    /// 400 with Go's text.
    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>> {
        let text = self.param(name);
        if text.is_empty() {
            return Ok(None);
        }
        let wrong = || ApiError::invalid(format!("strconv.Atoi: parsing {text:?}: invalid syntax"));
        text.parse().map(Some).map_err(|_| wrong())
    }

    /// The parameter `filters`.
    pub(crate) fn filters(&self) -> Result<Filters> {
        Filters::decode(self.param("filters")).map_err(|error| ApiError::invalid(error.to_string()))
    }

    /// Height and width of a terminal.
    pub(crate) fn size(&self) -> Result<(u16, u16)> {
        let one = |name: &str, what: &str| -> Result<u16> {
            let text = self.param(name);
            let why = if text.is_empty() {
                "value is empty"
            } else {
                "invalid syntax"
            };
            let wrong = || ApiError::invalid(format!("invalid resize {what} {text:?}: {why}"));
            let number: u32 = text.parse().map_err(|_| wrong())?;
            Ok(u16::try_from(number).unwrap_or(u16::MAX))
        };
        Ok((one("h", "height")?, one("w", "width")?))
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// The version of the API.
    pub(crate) fn version(&self) -> ApiVersion {
        let version = self.parts.extensions.get::<ApiVersion>().cloned();
        version.unwrap_or_else(|| ApiVersion(glassdock_api::version::MAX.to_string()))
    }

    /// The right to take the connection over.
    pub(crate) fn hijack(&self) -> Hijack {
        Hijack::of(&self.parts.headers)
    }

    /// The engine inside the request's span.
    pub(crate) fn within<S: Kernel>(&self, engine: &Engine<S>) -> Engine<S> {
        match self.parts.extensions.get::<Handle<S>>() {
            Some(Handle(sys)) => engine.within(sys.clone()),
            None => engine.clone(),
        }
    }

    /// Whether the request has a body, as far as its headers say.
    pub(crate) fn has_body(&self) -> bool {
        let length = self
            .parts
            .headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok());
        match length {
            Some(length) => length.trim() != "0",
            None => self.parts.headers.contains_key(header::TRANSFER_ENCODING),
        }
    }

    /// The body as a document (moby `httputils.ReadJSON`); nothing where there is none, or `null`, which is as much to Go.
    ///
    /// # Errors
    /// 400 for another content type, for what is no JSON of this shape, and for a document that is too long.
    pub(crate) async fn json<T: DeserializeOwned>(self) -> Result<Option<T>> {
        self.check_json()?;
        if !self.has_body() {
            return Ok(None);
        }
        let data = read_document(self.into_source()).await?;
        if data.iter().all(u8::is_ascii_whitespace) {
            return Err(ApiError::invalid(
                "invalid JSON: got EOF while reading request body",
            ));
        }
        let mut documents = serde_json::Deserializer::from_slice(&data).into_iter::<Option<T>>();
        let first = match documents.next() {
            Some(Ok(first)) => first,
            Some(Err(error)) => return Err(ApiError::invalid(format!("invalid JSON: {error}"))),
            None => {
                return Err(ApiError::invalid(
                    "invalid JSON: got EOF while reading request body",
                ));
            }
        };
        let rest = data.get(documents.byte_offset()..).unwrap_or_default();
        match rest.iter().all(u8::is_ascii_whitespace) {
            true => Ok(first),
            false => Err(ApiError::invalid("unexpected content after JSON")),
        }
    }

    fn check_json(&self) -> Result<()> {
        let kind = self
            .parts
            .headers
            .get(header::CONTENT_TYPE)
            .map(|kind| String::from_utf8_lossy(kind.as_bytes()));
        let kind = kind.unwrap_or_default();
        if kind.is_empty() {
            return match self.has_body() {
                true => Err(ApiError::invalid(
                    "malformed Content-Type header (): mime: no media type",
                )),
                false => Ok(()),
            };
        }
        match kind
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .eq_ignore_ascii_case("application/json")
        {
            true => Ok(()),
            false => Err(ApiError::invalid(format!(
                "unsupported Content-Type header ({kind}): must be 'application/json'"
            ))),
        }
    }

    /// The body as a stream.
    pub(crate) fn into_source(self) -> BodySource {
        BodySource(
            self.body
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

async fn read_document(mut source: BodySource) -> Result<Vec<u8>> {
    let too_large =
        || ApiError::invalid(format!("request body is larger than {MAX_DOCUMENT} bytes"));
    // Where its length is told, nobody has to wait for it.
    if source.0.size_hint().lower() > MAX_DOCUMENT as u64 {
        return Err(too_large());
    }
    let mut data = Vec::new();
    loop {
        let chunk = source
            .chunk()
            .await
            .map_err(|error| ApiError::invalid(format!("invalid JSON: {error}")))?;
        if chunk.is_empty() {
            return Ok(data);
        }
        data.extend_from_slice(&chunk);
        if data.len() > MAX_DOCUMENT {
            return Err(too_large());
        }
    }
}

/// A request's body as a source of bytes.
pub(crate) struct BodySource(Body);

impl Source for BodySource {
    async fn chunk(&mut self) -> glassdock_image::Result<Bytes> {
        loop {
            match self.0.frame().await {
                None => return Ok(Bytes::new()),
                Some(Err(error)) => {
                    return Err(glassdock_image::Error::Transport(error.to_string()));
                }
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => return Ok(data),
                    // Trailers and empty pieces.
                    _ => {}
                },
            }
        }
    }
}

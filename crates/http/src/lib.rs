//! HTTP/1.1 over any kernel's sockets.
//!
//! [`serve`] drives an axum `Router` for whoever connects to a listening socket; [`Client`] makes requests. Both know
//! only the trait `Sys`, so they are the same in the simulation and on a real host. The server is a small driver of our
//! own over `httparse`: hyper's asks the system for the time, which a page does not have. hyper's client does not.
//!
//! Every request is a span of the trace with its readable bytes.

mod body;
mod chunk;
pub mod client;
mod date;
mod head;
pub mod limits;
#[cfg(any(test, feature = "testing"))]
pub mod memory;
mod respond;
mod server;
mod socket;
mod upgrade;

pub use axum::Router;
pub use axum::body::Body;
pub use bytes::Bytes;
pub use client::{Client, Error};
pub use date::http_date;
pub use head::{Reject, RequestHead, parse_head};
pub use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header,
};
pub use server::{Handle, serve, serve_connection};
pub use socket::{Socket, send_all};
pub use upgrade::{Hijack, Upgraded};

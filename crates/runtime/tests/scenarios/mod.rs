//! What containers do, told as transcripts: the same on every kernel.
//!
//! A scenario is a function over any kernel. It uses helper and shim through the client, as an engine does, and yields
//! what was seen. The expected transcripts are in `expected.rs`.

#![allow(dead_code, reason = "each kernel's test uses its part")]

/// Functions of one file, and a way to them by name.
macro_rules! scenarios {
    ($($(#[$doc:meta])* $name:ident($sys:ident, $place:ident) $body:block)*) => {
        $($(#[$doc])* pub async fn $name<S: Sys + Trace>($sys: S, $place: Place) -> String $body)*

        pub async fn run<S: Sys + Trace>(name: &str, sys: S, place: Place) -> Option<String> {
            match name {
                $(stringify!($name) => Some($name(sys, place).await),)*
                _ => None,
            }
        }

        pub const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

mod case;
mod hooks;
mod inside;
mod life;
mod streams;

pub use case::{APPLETS, Place};
use glassdock_abi::Sys;
use glassdock_trace::Trace;

/// Runs the scenario of this name; `None` when there is none.
pub async fn run<S: Sys + Trace>(name: &str, sys: S, place: Place) -> Option<String> {
    if let Some(told) = hooks::run(name, sys.clone(), place.clone()).await {
        return Some(told);
    }
    if let Some(told) = inside::run(name, sys.clone(), place.clone()).await {
        return Some(told);
    }
    if let Some(told) = life::run(name, sys.clone(), place.clone()).await {
        return Some(told);
    }
    streams::run(name, sys, place).await
}

/// Every scenario's name.
pub fn names() -> Vec<&'static str> {
    [hooks::NAMES, inside::NAMES, life::NAMES, streams::NAMES].concat()
}

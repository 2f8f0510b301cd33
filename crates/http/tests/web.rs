//! The same tests in a browser.

#![cfg(target_arch = "wasm32")]

#[path = "client.rs"]
mod client;
#[path = "server.rs"]
mod server;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

//! The same tests in a browser.

#![cfg(target_arch = "wasm32")]

#[path = "scripts.rs"]
mod scripts;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

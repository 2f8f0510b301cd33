//! The same tests in a browser.

#![cfg(target_arch = "wasm32")]

#[path = "simulated_kernel.rs"]
mod simulated_kernel;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

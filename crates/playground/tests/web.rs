//! The same machines in a browser: they do what they do natively, event by event.

#![cfg(target_arch = "wasm32")]

mod journey;
#[path = "replay.rs"]
mod replay;

use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// The hash of the native run, made by the example `journey` of the same source; `cargo xtask test wasm` passes it.
const NATIVE: Option<&str> = option_env!("GLASSDOCK_JOURNEY");

#[wasm_bindgen_test]
fn a_container_says_hi_with_the_events_of_the_native_run() {
    let (shown, hash) = journey::first_lesson();
    assert!(shown.contains("\nhi\r\n"), "{shown}");
    // By hand, without the native run: at least the browser agrees with itself.
    let native = NATIVE.map_or_else(|| journey::first_lesson().1, str::to_owned);
    assert_eq!(hash, native);
}

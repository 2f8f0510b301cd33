//! The machine as a wasm module.

use wasm_bindgen::prelude::wasm_bindgen;

/// The version of this module, so that a page can tell whether it fits.
#[wasm_bindgen]
#[must_use]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

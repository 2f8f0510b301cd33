//! The machine as a wasm module: one machine a module, behind functions of bytes and numbers.
//!
//! All state is in the module's linear memory and none of it is a handle of JavaScript's, so a copy of the memory,
//! taken between two calls, is a copy of the machine: put into the memory of a fresh instance of the same module, it
//! goes on as if nothing had been. Messages are those of `glassdock_playground::protocol`.

mod door;

use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console)]
    fn error(text: &str);
}

/// Reports panics on the console, before they end the module.
#[wasm_bindgen(start)]
pub fn start() {
    std::panic::set_hook(Box::new(|info| error(&info.to_string())));
}

pub use door::*;

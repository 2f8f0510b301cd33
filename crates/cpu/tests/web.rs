//! The recorded cases of `vectors.rs` in the page's kind of processor.
#![cfg(target_arch = "wasm32")]

mod cases;

use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
fn recorded_cases_of_the_real_processor_agree() {
    let (count, wrong) = cases::vectors::check(include_bytes!("vectors.bin"));
    assert!(count > 4000 && wrong.is_empty(), "{wrong:#?}");
}

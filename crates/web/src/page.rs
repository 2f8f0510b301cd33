//! What is asked of the browser; `js/page.js` does it.

use js_sys::{Array, Float32Array};
use wasm_bindgen::prelude::*;
use web_sys::{Element, HtmlCanvasElement};

#[wasm_bindgen(module = "/js/page.js")]
extern "C" {
    #[wasm_bindgen(js_name = startMachine)]
    pub fn start_machine(
        fresh: bool,
        on_bytes: &Closure<dyn FnMut(Vec<u8>)>,
        on_failure: &Closure<dyn FnMut(String)>,
        on_notice: &Closure<dyn FnMut(String)>,
        on_again: &Closure<dyn FnMut()>,
    );
    pub fn post(bytes: &[u8]);
    #[wasm_bindgen(js_name = outputEnd)]
    pub fn output_end() -> f64;

    #[wasm_bindgen(js_name = openTerminal)]
    pub fn open_terminal(
        element: &Element,
        label: &str,
        on_input: &Closure<dyn FnMut(Vec<u8>)>,
        on_size: &Closure<dyn FnMut(u16, u16)>,
        on_step: &Closure<dyn FnMut(i32)>,
        on_leave: &Closure<dyn FnMut()>,
    );
    #[wasm_bindgen(js_name = writeTerminal)]
    pub fn write_terminal(bytes: &[u8], old: bool);
    #[wasm_bindgen(js_name = resetTerminal)]
    pub fn reset_terminal();
    #[wasm_bindgen(js_name = labelTerminal)]
    pub fn label_terminal(label: &str);
    #[wasm_bindgen(js_name = focusTerminal)]
    pub fn focus_terminal();

    pub fn recall(name: &str) -> Option<String>;
    pub fn remember(name: &str, value: &str);
    #[wasm_bindgen(js_name = browserLanguage)]
    pub fn browser_language() -> String;
    #[wasm_bindgen(js_name = setTheme)]
    pub fn set_theme(theme: &str);
    #[wasm_bindgen(js_name = setLanguage)]
    pub fn set_language(language: &str, title: &str);
    #[wasm_bindgen(js_name = onSchemeChange)]
    pub fn on_scheme_change(changed: &Closure<dyn FnMut()>);
    #[wasm_bindgen(js_name = onResize)]
    pub fn on_resize(changed: &Closure<dyn FnMut()>);
    #[wasm_bindgen(js_name = onKey)]
    pub fn on_key(handle: &Closure<dyn FnMut(String) -> bool>);
    #[wasm_bindgen(js_name = loadText)]
    pub fn load_text(language: &str, then: &JsValue);
    pub fn complain(what: &str);
    pub fn clock() -> f64;
    #[wasm_bindgen(js_name = rowHeight)]
    pub fn row_height() -> f64;
    #[wasm_bindgen(js_name = focusElement)]
    pub fn focus_element(id: &str);
    #[wasm_bindgen(js_name = afterwards)]
    pub fn afterwards(milliseconds: u32, then: &JsValue);

    pub fn paint(
        canvas: &HtmlCanvasElement,
        width: f64,
        height: f64,
        colours: &Array,
        boxes: &Float32Array,
        texts: &Array,
    );
}

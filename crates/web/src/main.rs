//! The interface of Glassdock: starts the machine's Worker and shows what it says.

use js_sys::Reflect;
use wasm_bindgen::prelude::*;
use web_sys::{MessageEvent, Worker, WorkerOptions, WorkerType};
use yew::prelude::*;

/// The page.
#[component]
fn App() -> Html {
    let version = use_state(|| None::<String>);
    {
        let version = version.clone();
        use_effect_with((), move |()| {
            let worker = start_machine(move |text| version.set(Some(text)));
            move || {
                if let Ok((worker, _)) = worker {
                    worker.terminate();
                }
            }
        });
    }
    html! {
        <main>
            <h1>{ "Glassdock" }</h1>
            <p id="machine">{ (*version).clone().unwrap_or_default() }</p>
        </main>
    }
}

type Handler = Closure<dyn FnMut(MessageEvent)>;

/// Starts the Worker; `on_version` hears its first message.
fn start_machine(on_version: impl Fn(String) + 'static) -> Result<(Worker, Handler), JsValue> {
    let options = WorkerOptions::new();
    options.set_type(WorkerType::Module);
    let worker = Worker::new_with_options("./worker.js", &options)?;
    let handler = Closure::<dyn FnMut(MessageEvent)>::new(move |message: MessageEvent| {
        let version = Reflect::get(&message.data(), &"version".into());
        if let Some(text) = version.ok().and_then(|value| value.as_string()) {
            on_version(text);
        }
    });
    worker.set_onmessage(Some(handler.as_ref().unchecked_ref()));
    Ok((worker, handler))
}

fn main() {
    console_error_panic_hook::set_once();
    yew::Renderer::<App>::new().render();
}

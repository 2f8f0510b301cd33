//! Closures that the browser calls as long as the page lives.

use super::{App, Key, Msg, Walk};
use crate::page;
use wasm_bindgen::prelude::Closure;
use yew::prelude::*;

/// Closures that the browser calls as long as the page lives.
pub(super) struct Handlers {
    pub bytes: Closure<dyn FnMut(Vec<u8>)>,
    pub failure: Closure<dyn FnMut(String)>,
    pub notice: Closure<dyn FnMut(String)>,
    pub again: Closure<dyn FnMut()>,
    pub input: Closure<dyn FnMut(Vec<u8>)>,
    pub size: Closure<dyn FnMut(u16, u16)>,
    pub step: Closure<dyn FnMut(i32)>,
    pub leave: Closure<dyn FnMut()>,
    pub redraw: Closure<dyn FnMut()>,
    pub key: Closure<dyn FnMut(String) -> bool>,
    pub layout: Closure<dyn FnMut()>,
}

impl Handlers {
    pub fn new(ctx: &Context<App>) -> Handlers {
        let link = || ctx.link().clone();
        let (bytes, failure, input, size) = (link(), link(), link(), link());
        let (notice, again) = (link(), link());
        let (step, redraw, key, layout) = (link(), link(), link(), link());
        Handlers {
            bytes: Closure::new(move |message| bytes.send_message(Msg::Machine(message))),
            failure: Closure::new(move |what| failure.send_message(Msg::Failed(what))),
            notice: Closure::new(move |key| notice.send_message(Msg::Notice(key))),
            again: Closure::new(move || again.send_message(Msg::Again)),
            input: Closure::new(move |typed| input.send_message(Msg::Typed(typed))),
            size: Closure::new(move |rows, cols| size.send_message(Msg::Sized(rows, cols))),
            step: Closure::new(move |by| {
                step.send_message(Msg::Step(if by < 0 { Walk::Back } else { Walk::On }));
            }),
            leave: Closure::new(|| page::focus_element("journey")),
            redraw: Closure::new(move || redraw.send_message(Msg::Redraw)),
            key: Closure::new(move |name: String| match Key::named(&name) {
                Some(known) => {
                    key.send_message(Msg::Key(known));
                    true
                }
                None => false,
            }),
            layout: Closure::new(move || layout.send_message(Msg::Layout)),
        }
    }
}

//! The interface of Glassdock: draws what the machine in the Worker tells.
//!
//! [`app`] holds the state and what may happen to it, [`view`] draws it, [`page`] is what is asked of the browser.

mod app;
mod page;
mod texts;
mod view;

/// Where the interface is put; www/start.js shows it once it has the terminal.
const ROOT: &str = "interface";

fn main() {
    let document = web_sys::window().and_then(|window| window.document());
    let Some(root) = document.and_then(|document| document.get_element_by_id(ROOT)) else {
        return page::complain("no element for the interface");
    };
    yew::Renderer::<app::App>::with_root(root).render();
}

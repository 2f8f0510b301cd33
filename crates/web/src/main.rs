//! The interface of Glassdock: draws what the machine in the Worker tells.
//!
//! [`app`] holds the state and what may happen to it, [`view`] draws it, [`page`] is what is asked of the browser.

mod app;
mod page;
mod texts;
mod view;

fn main() {
    yew::Renderer::<app::App>::new().render();
}

//! The terminal's pane, and what is in its place until there is one.

use super::Link;
use crate::app::{App, Msg, Stage};
use glassdock_playground::protocol::Job;
use yew::prelude::*;

/// Keys that a phone's keyboard has not: label and bytes.
const KEYS: [(&str, &[u8]); 10] = [
    ("Tab", b"\t"),
    ("Esc", b"\x1b"),
    ("^C", b"\x03"),
    ("^D", b"\x04"),
    // Together they leave a container's terminal.
    ("^P", b"\x10"),
    ("^Q", b"\x11"),
    ("↑", b"\x1b[A"),
    ("↓", b"\x1b[B"),
    ("←", b"\x1b[D"),
    ("→", b"\x1b[C"),
];

/// The pane.
pub fn pane(app: &App, link: &Link) -> Html {
    let texts = &app.texts;
    html! {
        <section class="pane term" aria-label={texts.get("terminal.title")}>
            <header>
                <h2>{ texts.get("terminal.title") }</h2>
                <span class="subject">{ texts.get("terminal.about") }</span>
                if app.at.is_some() {
                    <span class="past-note">{ texts.get("terminal.past") }</span>
                }
            </header>
            <div class="screen" id="terminal" ref={app.screen.clone()}></div>
            <div class="keys" role="group" aria-label={texts.get("terminal.keys")}>
                { for KEYS.map(|(label, bytes)| html! {
                    // The terminal keeps the focus, and so a phone its keyboard.
                    <button
                        onmousedown={|event: MouseEvent| event.prevent_default()}
                        onclick={link.callback(move |_| Msg::Typed(bytes.to_vec()))}
                    >
                        { label }
                    </button>
                }) }
            </div>
            { cover(app, link) }
        </section>
    }
}

fn cover(app: &App, link: &Link) -> Html {
    let texts = &app.texts;
    match &app.stage {
        Stage::Running => Html::default(),
        Stage::Starting(job, done, total) => {
            let text = match job {
                None => texts.get("terminal.fetching"),
                Some(Job::Boot) => texts.get("terminal.booting"),
                Some(Job::Replay) => texts.get("terminal.replaying"),
            };
            let (max, value) = match total {
                0 => (None, None),
                total => (Some(total.to_string()), Some(done.to_string())),
            };
            html! {
                <div class="starting" role="status">
                    <span>{ text }</span>
                    <progress {max} {value} aria-label={texts.get("terminal.progress")}></progress>
                </div>
            }
        }
        Stage::Failed(what) => {
            let about = match what.as_str() {
                "version" => texts.get("failure.version"),
                "message" => texts.get("failure.message"),
                "text" => texts.get("failure.text"),
                "" => texts.get("failure.worker"),
                _ => texts.get("failure.machine"),
            };
            let known = matches!(what.as_str(), "version" | "message" | "text" | "");
            html! {
                <div class="starting" role="alert">
                    <div class="failure">
                        <b>{ texts.get("failure.title") }</b>
                        <span>{ about }</span>
                        if !known {
                            <pre class="wire">{ what }</pre>
                        }
                        <button class="button" onclick={link.callback(|_| Msg::Restart)}>{ texts.get("failure.again") }</button>
                    </div>
                </div>
            }
        }
    }
}

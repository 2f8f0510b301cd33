//! What covers the page when asked for: keys, and what this is.

use super::{Link, tool};
use crate::app::{App, Dialog, Msg};
use glassdock_playground::protocol::VERSION;
use yew::prelude::*;

const CLOSE: &str = "M6 6l12 12M18 6L6 18";

/// The open dialog, if one is.
pub fn dialog(app: &App, link: &Link) -> Html {
    let Some(open) = app.dialog else {
        return Html::default();
    };
    let texts = &app.texts;
    let title = match open {
        Dialog::Help => texts.get("help.title"),
        Dialog::About => texts.get("about.title"),
        Dialog::Restart => texts.get("restart.title"),
    };
    let close = link.callback(|_| Msg::Dialog(None));
    let outside = link.batch_callback(|event: MouseEvent| {
        let target = event.target_dyn_into::<web_sys::Element>()?;
        let on_veil = target.class_name() == "veil";
        on_veil.then_some(Msg::Dialog(None))
    });
    html! {
        <div class="veil" onclick={outside}>
            <div class="dialog" role="dialog" aria-modal="true" aria-label={title.clone()} id="dialog" tabindex="-1">
                <header>
                    <h2>{ title }</h2>
                    { tool(texts.get("top.close"), CLOSE, false, close) }
                </header>
                { match open {
                    Dialog::Help => help(app),
                    Dialog::About => about(app),
                    Dialog::Restart => restart(app, link),
                } }
            </div>
        </div>
    }
}

fn help(app: &App) -> Html {
    let texts = &app.texts;
    let rows = [
        ("← →", texts.get("help.step")),
        ("↑ ↓", texts.get("help.row")),
        ("Enter", texts.get("help.open")),
        ("Home", texts.get("help.first")),
        ("End", texts.get("help.now")),
        ("Space", texts.get("help.play")),
        ("U", texts.get("help.undo")),
        ("T", texts.get("help.terminal")),
        ("F6", texts.get("help.leave")),
        ("Alt ← →", texts.get("help.step-in-terminal")),
        ("?", texts.get("help.help")),
    ];
    html! {
        <>
            <p>{ texts.get("help.about") }</p>
            <table>
                { for rows.map(|(key, about)| html! {
                    <tr>
                        <td><kbd>{ key }</kbd></td>
                        <td>{ about }</td>
                    </tr>
                }) }
            </table>
        </>
    }
}

fn restart(app: &App, link: &Link) -> Html {
    let texts = &app.texts;
    html! {
        <>
            <p>{ texts.get("restart.about") }</p>
            <div class="choices">
                <button class="button" onclick={link.callback(|_| Msg::Restart)}>{ texts.get("restart.again") }</button>
                <button class="button plain" onclick={link.callback(|_| Msg::Dialog(None))}>{ texts.get("restart.keep") }</button>
            </div>
        </>
    }
}

fn about(app: &App) -> Html {
    let texts = &app.texts;
    let list = |items: [String; 4]| html! { <ul>{ for items.map(|item| html! { <li>{ item }</li> }) }</ul> };
    let version = texts.with(
        "about.version",
        &[env!("CARGO_PKG_VERSION").to_owned(), VERSION.to_string()],
    );
    html! {
        <>
            <p>{ texts.get("about.what") }</p>
            <h3>{ texts.get("about.modelled") }</h3>
            { list([
                texts.get("about.modelled-cpu"),
                texts.get("about.modelled-kernel"),
                texts.get("about.modelled-engine"),
                texts.get("about.modelled-runtime"),
            ]) }
            <h3>{ texts.get("about.approximated") }</h3>
            { list([
                texts.get("about.approximated-time"),
                texts.get("about.approximated-disk"),
                texts.get("about.approximated-memory"),
                texts.get("about.approximated-programs"),
            ]) }
            <h3>{ texts.get("about.missing") }</h3>
            { list([
                texts.get("about.missing-network"),
                texts.get("about.missing-dynamic"),
                texts.get("about.missing-build"),
                texts.get("about.missing-errors"),
            ]) }
            <h3>{ texts.get("about.licences") }</h3>
            <p>{ texts.get("about.licence") }</p>
            <p>{ version }</p>
        </>
    }
}

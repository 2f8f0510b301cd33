//! The bar at the top.

use super::{Link, icon, tool};
use crate::app::{App, Dialog, Msg, Theme};
use crate::texts::LANGUAGES;
use yew::prelude::*;

const UNDO: &str = "M4 9h10a5 5 0 0 1 0 10h-3M8 5L4 9l4 4";
const RESTART: &str = "M12 3.500v8M7.200 6.700a7.500 7.500 0 1 0 9.600 0";
const HELP: &str = "M9 9a3 3 0 1 1 4.500 2.600c-1 .6-1.500 1.200-1.500 2.400M12 17.500v.1";
const ABOUT: &str = "M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18M12 11v5M12 7.800v.1";
const AUTO: &str = "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18M12 8l6.500 0M12 12h8.500M12 16h6.500";
const LIGHT: &str = "M12 8a4 4 0 1 0 0 8a4 4 0 0 0 0-8M12 2.500v2M12 19.500v2M2.500 12h2M19.500 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M5.300 18.700l1.400-1.400M17.300 6.700l1.400-1.400";
const DARK: &str = "M20 14.500A8.500 8.500 0 0 1 9.500 4a8.500 8.500 0 1 0 10.500 10.500";

/// The bar.
pub fn bar(app: &App, link: &Link) -> Html {
    let texts = &app.texts;
    let undoable = app.rewinds && app.state.undoable > 0;
    let (theme_path, theme_name) = match app.theme {
        Theme::Auto => (AUTO, texts.get("top.theme-auto")),
        Theme::Light => (LIGHT, texts.get("top.theme-light")),
        Theme::Dark => (DARK, texts.get("top.theme-dark")),
    };
    html! {
        <header class="top">
            <div class="brand">
                { logo() }
                <h1 style="font:inherit;margin:0">{ "Glassdock" }</h1>
                <small>{ texts.get("app.tagline") }</small>
            </div>
            <button
                id="undo"
                class="tool"
                title={texts.get("top.undo-about")}
                disabled={!undoable}
                onclick={link.callback(|_| Msg::Undo)}
            >
                { icon(UNDO) }
                <span class="wide">{ texts.get("top.undo") }</span>
            </button>
            { language(app, link) }
            { tool(texts.with("top.theme", &[theme_name]), theme_path, false, link.callback(|_| Msg::Theme)) }
            { tool(texts.get("restart.title"), RESTART, false, link.callback(|_| Msg::Dialog(Some(Dialog::Restart)))) }
            <span class="for-keyboard">
                { tool(texts.get("help.title"), HELP, false, link.callback(|_| Msg::Dialog(Some(Dialog::Help)))) }
            </span>
            { tool(texts.get("about.title"), ABOUT, false, link.callback(|_| Msg::Dialog(Some(Dialog::About)))) }
        </header>
    }
}

fn language(app: &App, link: &Link) -> Html {
    let onchange = link.callback(|event: Event| {
        let chosen = event
            .target_unchecked_into::<web_sys::HtmlSelectElement>()
            .value();
        let known = LANGUAGES.iter().find(|(code, _)| *code == chosen);
        Msg::Language(known.map_or("en", |(code, _)| *code))
    });
    html! {
        <select id="language" class="tool" aria-label={app.texts.get("top.language")} {onchange}>
            { for LANGUAGES.iter().map(|(code, name)| html! {
                <option value={*code} lang={*code} selected={*code == app.language}>{ *name }</option>
            }) }
        </select>
    }
}

/// Containers behind glass, on the water.
fn logo() -> Html {
    html! {
        <svg viewBox="0 0 32 32" aria-hidden="true">
            <rect x="1.5" y="1.5" width="29" height="29" rx="8.500" fill="var(--accent)" />
            <path
                d="M8 8.500h6.500V15H8zM17.500 8.500H24V15h-6.500z"
                fill="none" stroke="var(--on-accent)" stroke-width="2" stroke-linejoin="round"
            />
            <path
                d="M6 20c3.300-2.400 6.700 2.400 10 0s6.700 2.400 10 0M6 25c3.300-2.400 6.700 2.400 10 0s6.700 2.400 10 0"
                fill="none" stroke="var(--on-accent)" stroke-width="2" stroke-linecap="round"
            />
        </svg>
    }
}

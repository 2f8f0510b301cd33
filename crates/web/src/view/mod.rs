//! Drawing: each part of the page as a function of the state.

mod details;
mod dialogs;
mod halted;
mod journey;
mod machine;
mod terminal;
pub mod time;
mod top;

use crate::app::{App, Msg, Tab};
use crate::texts::Texts;
use glassdock_playground::viewer::{Mark, Span};
use glassdock_trace::{Args, Layer};
use yew::html::Scope;
use yew::prelude::*;

/// Where events go.
pub type Link = Scope<App>;

/// Everything.
pub fn app(app: &App, link: &Link) -> Html {
    if !app.texts.is_loaded() {
        return html! { <div class="app" /> };
    }
    html! {
        <>
            <div
                class="app"
                data-past={app.at.is_some().to_string()}
                data-tab={app.tab.name()}
                data-side={app.side.name()}
                data-events={app.state.events.to_string()}
                data-hash={hexadecimal(app.state.hash)}
                data-busy={app.state.busy.to_string()}
                data-next={app.state.next.map(|next| next.to_string()).unwrap_or_default()}
                data-halted={app.state.halted.to_string()}
                data-instructions={app.state.instructions.to_string()}
            >
                { top::bar(app, link) }
                <main class="work">
                    { journey::pane(app, link) }
                    { machine::pane(app, link) }
                    { details::pane(app, link) }
                </main>
                { time::bar(app, link) }
                { terminal::pane(app, link) }
                { bottom_tabs(app, link) }
                { halted::note(app, link) }
            </div>
            { dialogs::dialog(app, link) }
            <div class="hidden-visually" role="status" aria-live="polite">{ spoken(app) }</div>
            if let Some(toast) = &app.toast {
                <div class="toast" role="status">{ toast }</div>
            }
        </>
    }
}

/// A hash as people compare it.
fn hexadecimal(hash: u128) -> String {
    let digit = |place: u32| char::from_digit((hash >> (4 * place) & 15) as u32, 16).unwrap_or('0');
    (0..32).rev().map(digit).collect()
}

/// What a screen reader is told when the moment changes.
fn spoken(app: &App) -> String {
    if app.at.is_none() {
        return String::new();
    }
    match app.selected_span().and_then(|id| app.timeline.span(id)) {
        Some(span) => {
            let layer = layer_name(&app.texts, span.layer);
            let title = title(&app.texts, app, span);
            app.texts.with("journey.spoken", &[layer, title])
        }
        None => String::new(),
    }
}

fn bottom_tabs(app: &App, link: &Link) -> Html {
    let tabs = [Tab::Terminal, Tab::Journey, Tab::Machine, Tab::Details];
    html! {
        <nav class="tabs bottom" role="tablist" aria-label={app.texts.get("tabs.label")}>
            { for tabs.map(|tab| tab_button(app, link, tab, app.tab, true)) }
        </nav>
    }
}

/// The tabs of what shares a place on a middling screen.
fn side_tabs(app: &App, link: &Link) -> Html {
    html! {
        <div class="tabs side" role="tablist" aria-label={app.texts.get("tabs.label")}>
            { for [Tab::Machine, Tab::Details].map(|tab| tab_button(app, link, tab, app.side, false)) }
        </div>
    }
}

fn tab_button(app: &App, link: &Link, tab: Tab, current: Tab, with_icon: bool) -> Html {
    let label = match tab {
        Tab::Terminal => app.texts.get("terminal.title"),
        Tab::Journey => app.texts.get("journey.title"),
        Tab::Machine => app.texts.get("machine.title"),
        Tab::Details => app.texts.get("details.title"),
    };
    let path = match tab {
        Tab::Terminal => "M4 5h16v14H4zM7.500 9.500l3 2.500-3 2.500M13 15h4",
        Tab::Journey => "M5 6h14M9 12h10M13 18h6",
        Tab::Machine => "M3.500 5h17v14h-17zM7 9h6v6H7zM16 9h1.500M16 12h1.500",
        Tab::Details => "M11 5a6 6 0 1 0 0 12a6 6 0 0 0 0-12M15.500 15.500L20 20",
    };
    html! {
        <button
            class="tab"
            role="tab"
            aria-selected={(tab == current).to_string()}
            onclick={link.callback(move |_| Msg::Tab(tab))}
        >
            if with_icon {
                { icon(path) }
            }
            <span>{ label }</span>
        </button>
    }
}

/// An icon of a path in a field of 24 by 24.
fn icon(path: &'static str) -> Html {
    html! {
        <svg viewBox="0 0 24 24" aria-hidden="true"><path d={path} /></svg>
    }
}

/// A button with an icon.
fn tool(label: String, path: &'static str, disabled: bool, onclick: Callback<MouseEvent>) -> Html {
    html! {
        <button class="tool" aria-label={label.clone()} title={label} {disabled} {onclick}>
            { icon(path) }
        </button>
    }
}

/// The class that gives a layer's colour.
fn layer_class(layer: Layer) -> String {
    let mut class = "layer-".to_owned();
    class.push_str(layer.name());
    class
}

fn layer_name(texts: &Texts, layer: Layer) -> String {
    let mut key = "layer.".to_owned();
    key.push_str(layer.name());
    texts.get(&key)
}

fn tag(texts: &Texts, layer: Layer) -> Html {
    html! { <span class={classes!("tag", layer_class(layer))}>{ layer_name(texts, layer) }</span> }
}

/// What a step is called: its reason where it has one, else its name.
fn title(texts: &Texts, app: &App, span: &Span) -> String {
    match &span.args {
        Args::Key(key, args) => {
            let args: Vec<String> = args
                .iter()
                .map(glassdock_playground::viewer::plain)
                .collect();
            match texts.find(key) {
                Some(_) => texts.with(key, &args),
                None => span.name.to_string(),
            }
        }
        _ if span.layer == Layer::Sched => {
            let name = app.timeline.name_of(span.pid);
            texts.with("journey.process", &[name.to_owned(), span.pid.to_string()])
        }
        _ => glassdock_playground::viewer::with_short_ids(&span.name),
    }
}

/// Whether a step's title is a sentence, and not something that the machine says.
fn is_prose(texts: &Texts, span: &Span) -> bool {
    span.layer == Layer::Sched
        || matches!(&span.args, Args::Key(key, _) if texts.find(key).is_some())
}

fn mark_class(mark: Mark) -> &'static str {
    match mark {
        Mark::Same => "",
        Mark::Added => "added",
        Mark::Changed => "changed",
        Mark::Removed => "removed",
    }
}

/// The shape that says what happened to something.
fn badge(texts: &Texts, mark: Mark) -> Html {
    let (sign, label) = match mark {
        Mark::Same => return Html::default(),
        Mark::Added => ("+", texts.get("mark.added")),
        Mark::Changed => ("~", texts.get("mark.changed")),
        Mark::Removed => ("−", texts.get("mark.removed")),
    };
    html! {
        <span class={classes!("badge", mark_class(mark))} role="img" aria-label={label.clone()} title={label}>
            <span>{ sign }</span>
        </span>
    }
}

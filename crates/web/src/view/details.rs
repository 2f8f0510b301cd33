//! The inspector: what is to be known of the selected step.

use super::{Link, badge, is_prose, layer_class, layer_name, side_tabs, tag, title};
use crate::app::App;
use glassdock_playground::viewer::http::{Body, Message};
use glassdock_playground::viewer::{Ending, Facts, StateChange};
use glassdock_trace::Layer;
use yew::prelude::*;

/// Changes that are shown of one step; the rest is counted.
const CHANGES_SHOWN: usize = 40;

/// The pane.
pub fn pane(app: &App, link: &Link) -> Html {
    html! {
        <section class="pane pane-details" aria-label={app.texts.get("details.title")}>
            <header>
                <h2 class="tabbed">{ app.texts.get("details.title") }</h2>
                { side_tabs(app, link) }
            </header>
            <div class="body" tabindex="0">
                if let Some(facts) = &app.facts {
                    { details(app, facts) }
                } else {
                    <div class="empty">
                        <b>{ app.texts.get("details.empty") }</b>
                        <span>{ app.texts.get("details.empty-about") }</span>
                    </div>
                }
            </div>
        </section>
    }
}

fn details(app: &App, facts: &Facts) -> Html {
    let texts = &app.texts;
    let Some(span) = app.selected_span().and_then(|id| app.timeline.span(id)) else {
        return Html::default();
    };
    let prose = is_prose(texts, span);
    let why = facts
        .why
        .as_ref()
        .filter(|(key, _)| !prose && texts.find(key).is_some())
        .map(|(key, args)| html! { <p class="why">{ texts.with(key, args) }</p> });
    let mut about = "layer-about.".to_owned();
    about.push_str(facts.layer.name());
    html! {
        <article class={classes!("inspector", layer_class(facts.layer))}>
            { tag(texts, facts.layer) }
            <h3 class={classes!(prose.then_some("prose"))}>{ title(texts, app, span) }</h3>
            { why }
            { for facts.notes.iter().map(|(key, args)| note(app, key, args)) }
            { messages(app, &facts.messages) }
            if !prose {
                { arguments(app, facts) }
            }
            { outcome(app, facts) }
            { changes(app, facts) }
            <h4>{ texts.get("details.about") }</h4>
            <p>
                <b>{ layer_name(texts, facts.layer) }</b>
                { " · " }
                { texts.get(&about) }
            </p>
        </article>
    }
}

fn note(app: &App, key: &str, args: &[String]) -> Html {
    let mut path = "note.".to_owned();
    path.push_str(key);
    let text = match app.texts.find(&path) {
        Some(_) => app.texts.with(&path, args),
        None => key.to_owned(),
    };
    html! { <p class="why layer-cli">{ text }</p> }
}

fn arguments(app: &App, facts: &Facts) -> Html {
    let sent = !facts.messages.is_empty();
    if facts.arguments.is_empty() || sent {
        return Html::default();
    }
    html! {
        <>
            <h4>{ app.texts.get("details.arguments") }</h4>
            <dl class="facts">
                { for facts.arguments.iter().map(|fact| html! {
                    <>
                        <dt>{ &fact.name }</dt>
                        <dd>{ &fact.value }</dd>
                    </>
                }) }
            </dl>
        </>
    }
}

fn outcome(app: &App, facts: &Facts) -> Html {
    let texts = &app.texts;
    let (value, bad) = match &facts.ending {
        Ending::Open => (texts.get("details.open"), false),
        Ending::Fine(text) if text.is_empty() => (texts.get("details.fine"), false),
        Ending::Fine(text) => (text.clone(), false),
        Ending::Errno(errno) => {
            let returned = if facts.layer == Layer::Syscall {
                "-1 "
            } else {
                ""
            };
            let name = errno.name().unwrap_or_default();
            ([returned, name, " (", errno.message(), ")"].concat(), true)
        }
        Ending::Failed(text) => (text.clone(), true),
        Ending::Cut => (texts.get("details.cut"), true),
    };
    let took = facts.time.1.map(|nanos| texts.duration(nanos));
    let who = texts.with(
        "details.process",
        &[facts.comm.clone(), facts.pid.to_string()],
    );
    html! {
        <>
            <h4>{ texts.get("details.outcome") }</h4>
            <dl class="facts plain">
                <dt>{ texts.get("details.result") }</dt>
                <dd class={classes!("mono", bad.then_some("bad"))}>{ value }</dd>
                if let Some(took) = took {
                    <dt>{ texts.get("details.took") }</dt>
                    <dd>{ took }</dd>
                }
                <dt>{ texts.get("details.at") }</dt>
                <dd>{ texts.duration(facts.time.0) }</dd>
                if facts.pid != 0 {
                    <dt>{ texts.get("details.who") }</dt>
                    <dd>{ who }</dd>
                }
                if let Some(page) = &facts.manual {
                    <dt>{ texts.get("details.manual") }</dt>
                    <dd class="mono">{ page }</dd>
                }
                if facts.layer == Layer::Runtime {
                    <dt>{ texts.get("details.specification") }</dt>
                    <dd>{ "OCI Runtime Specification 1.2, config-linux" }</dd>
                }
            </dl>
        </>
    }
}

fn changes(app: &App, facts: &Facts) -> Html {
    let texts = &app.texts;
    let none = facts.changes.is_empty() && facts.changes_below.is_empty();
    let rest = facts.changes.len().saturating_sub(CHANGES_SHOWN);
    html! {
        if !none {
            <h4>{ texts.get("details.changes") }</h4>
            { for facts.changes.iter().take(CHANGES_SHOWN).map(|change| one_change(app, change)) }
            if rest > 0 {
                <p>{ texts.count("details.more-changes", rest as u64) }</p>
            }
            if !facts.changes_below.is_empty() {
                <p>
                    { texts.get("details.changes-below") }
                    { " " }
                    { for facts.changes_below.iter().enumerate().map(|(place, (kind, count))| html! {
                        <>
                            if place > 0 {
                                { ", " }
                            }
                            <span class="mono">{ *kind }</span>
                            { " × " }
                            { *count }
                        </>
                    }) }
                </p>
            }
        }
    }
}

fn one_change(app: &App, change: &StateChange) -> Html {
    html! {
        <div class="change">
            { badge(&app.texts, change.mark) }
            <b>{ change.kind }</b>
            <span class="mono">{ &change.key }</span>
            <table>
                { for change.fields.iter().map(|(name, before, after)| html! {
                    <tr>
                        <td>{ *name }</td>
                        <td>
                            if !before.is_empty() {
                                <del>{ before }</del>
                                { " " }
                            }
                            if !after.is_empty() {
                                <ins>{ after }</ins>
                            }
                        </td>
                    </tr>
                }) }
            </table>
        </div>
    }
}

fn messages(app: &App, messages: &[Message]) -> Html {
    let texts = &app.texts;
    html! {
        for (place, message) in messages.iter().enumerate() {
            <h4>
                if place == 0 && !message.start.starts_with("HTTP/") {
                    { texts.get("details.request") }
                } else {
                    { texts.get("details.response") }
                }
            </h4>
            <pre class="wire" tabindex="0">
                <span class="start">{ &message.start }</span>
                { for message.fields.iter().map(|(name, value)| html! {
                    <>
                        { "\n" }
                        <span class="field">{ name }{ ":" }</span>
                        { " " }
                        { value }
                    </>
                }) }
            </pre>
            if message.body != Body::Empty {
                <pre class="wire" tabindex="0">{ body(&message.body) }</pre>
            }
            if message.left_out > 0 {
                <p>{ texts.count("details.left-out", message.left_out) }</p>
            }
        }
    }
}

fn body(body: &Body) -> Html {
    match body {
        Body::Empty => Html::default(),
        Body::Text(text) | Body::Binary(text) => html! { text },
        Body::Json(text) => html! { { for text.lines().map(json_line) } },
    }
}

/// A line of laid-out JSON: `indent "key": value,` with its parts in their colours.
fn json_line(line: &str) -> Html {
    let trimmed = line.trim_start();
    let indent = &line[..line.len() - trimmed.len()];
    let (key, value) = match trimmed.split_once("\": ") {
        Some((key, value)) if key.starts_with('"') => (Some(key), value),
        _ => (None, trimmed),
    };
    let (value, comma) = match value.strip_suffix(',') {
        Some(value) => (value, ","),
        None => (value, ""),
    };
    let class = match value.as_bytes().first() {
        Some(b'"') => "string",
        Some(b'{' | b'}' | b'[' | b']') | None => "",
        Some(_) => "literal",
    };
    html! {
        <>
            { indent }
            if let Some(key) = key {
                <span class="key">{ key }{ "\"" }</span>
                { ": " }
            }
            <span {class}>{ value }</span>
            { comma }
            { "\n" }
        </>
    }
}

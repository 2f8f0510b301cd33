//! The journey: the steps of a command, nested.

use super::{Link, icon, is_prose, layer_class, layer_name, title};
use crate::app::{App, Msg, Stage};
use crate::texts::Texts;
use glassdock_playground::viewer::{Command, CommandKind, Row, RowKind, result, summary};
use glassdock_trace::Layer;
use yew::prelude::*;

/// Rows drawn above and below what is visible.
const MARGIN_ROWS: usize = 6;
/// Width of one level, in pixels; levels further in are told apart by less, and so are not all.
const INDENT: u16 = 9;
const WIDE_LEVELS: u16 = 7;
const NARROW: u16 = 3;
const NARROW_LEVELS: u16 = 10;

const CHEVRON: &str = "M9 5l7 7-7 7";

/// The pane.
pub fn pane(app: &App, link: &Link) -> Html {
    let texts = &app.texts;
    let command = app.timeline.command(app.place);
    html! {
        <section class="pane pane-journey" aria-label={texts.get("journey.title")}>
            <header>
                <h2>{ texts.get("journey.title") }</h2>
                <span class="subject">{ command.as_ref().map(|command| label(app, command)) }</span>
            </header>
            if app.journey.rows.is_empty() {
                { empty(app, link) }
            } else {
                { chips(app, link) }
                { list(app, link) }
            }
        </section>
    }
}

/// What a command is called.
pub fn label(app: &App, command: &Command) -> String {
    match command.kind {
        CommandKind::Boot => app.texts.get("journey.boot"),
        CommandKind::Earlier => app.texts.get("journey.earlier"),
        CommandKind::Line if command.label.is_empty() => app.texts.get("journey.line"),
        CommandKind::Line => command.label.clone(),
    }
}

fn empty(app: &App, link: &Link) -> Html {
    if app.stage != Stage::Running {
        return html! { <div class="body"><p class="empty">{ app.texts.get("journey.waiting") }</p></div> };
    }
    let suggestions = ["docker run --rm -it busybox sh", "docker ps -a", "ls -l /"];
    html! {
        <div class="body">
            <div class="empty">
                <b>{ app.texts.get("journey.empty") }</b>
                <span>{ app.texts.get("journey.empty-about") }</span>
                <div class="suggestions">
                    { for suggestions.map(|line| html! {
                        <button class="suggestion" onclick={link.callback(move |_| Msg::Suggest(line))}>{ line }</button>
                    }) }
                </div>
            </div>
        </div>
    }
}

fn chips(app: &App, link: &Link) -> Html {
    let chip = |layer: Layer| {
        let count = app.journey.counts[layer as usize];
        let mut about = "layer-about.".to_owned();
        about.push_str(layer.name());
        (count > 0).then(|| {
            html! {
                <button
                    class={classes!("chip", layer_class(layer))}
                    aria-pressed={app.layers.has(layer).to_string()}
                    title={app.texts.get(&about)}
                    onclick={link.callback(move |_| Msg::Layer(layer))}
                >
                    { layer_name(&app.texts, layer) }
                    <b>{ count }</b>
                </button>
            }
        })
    };
    html! {
        <div class="chips" role="group" aria-label={app.texts.get("journey.layers")}>
            { for Layer::ALL.into_iter().filter_map(chip) }
        </div>
    }
}

fn list(app: &App, link: &Link) -> Html {
    let (top, height) = app.scroll;
    let first = ((top / app.row_height) as usize).saturating_sub(MARGIN_ROWS);
    let count = (height / app.row_height) as usize + 2 * MARGIN_ROWS + 1;
    let last = (first + count).min(app.journey.rows.len());
    let first = first.min(last);
    let selected = app.selected_row();
    let total = app.journey.rows.len() as f64 * app.row_height;
    let onscroll = link.callback(|event: Event| {
        let list = event.target_unchecked_into::<web_sys::Element>();
        Msg::Scrolled(
            f64::from(list.scroll_top()),
            f64::from(list.client_height()),
        )
    });
    let active = selected.map(row_id);
    html! {
        <div
            class="body"
            id="journey"
            ref={app.list.clone()}
            {onscroll}
            tabindex="0"
            role="tree"
            aria-label={app.texts.get("journey.title")}
            aria-activedescendant={active}
        >
            <div class="rows" role="presentation" style={pixels("height", total)}>
                { for (first..last).map(|place| row(app, link, place, selected == Some(place))) }
            </div>
        </div>
    }
}

fn row_id(place: usize) -> String {
    let mut id = "row-".to_owned();
    id.push_str(&place.to_string());
    id
}

fn pixels(property: &str, value: f64) -> String {
    let mut style = property.to_owned();
    style.push(':');
    style.push_str(&(value as i64).to_string());
    style.push_str("px;");
    style
}

fn row(app: &App, link: &Link, place: usize, selected: bool) -> Html {
    let row = &app.journey.rows[place];
    let kind = match row.kind {
        RowKind::Process(_) => "process",
        RowKind::Span(_) => "step",
        RowKind::Fold(..) => "fold",
    };
    let later = app.at.is_some_and(|at| row.moment > at);
    let mut style = pixels("top", place as f64 * app.row_height);
    style.push_str(&pixels("height", app.row_height));
    let wide = row.depth.min(WIDE_LEVELS) * INDENT;
    let narrow = (row.depth - row.depth.min(WIDE_LEVELS)).min(NARROW_LEVELS) * NARROW;
    html! {
        <div
            class={classes!("row", kind, selected.then_some("selected"), later.then_some("later"))}
            id={row_id(place)}
            key={place}
            {style}
            role="treeitem"
            aria-level={(row.depth + 1).to_string()}
            aria-selected={selected.to_string()}
            aria-expanded={row.open.map(|open| open.to_string())}
            onclick={link.callback(move |_| Msg::Select(place))}
        >
            <span class="guide" style={pixels("width", wide.into())}></span>
            <span class="guide narrow" style={pixels("width", narrow.into())}></span>
            { twist(app, link, place, row) }
            { content(app, row) }
        </div>
    }
}

fn twist(app: &App, link: &Link, place: usize, row: &Row) -> Html {
    let Some(open) = row.open else {
        return html! { <span class="twist"></span> };
    };
    let label = if open {
        app.texts.get("journey.close")
    } else {
        app.texts.get("journey.open")
    };
    let onclick = link.callback(move |event: MouseEvent| {
        event.stop_propagation();
        Msg::Toggle(place)
    });
    html! {
        <button class={classes!("twist", open.then_some("open"))} tabindex="-1" aria-label={label} {onclick}>
            { icon(CHEVRON) }
        </button>
    }
}

/// A request in two: what may be cut where there is no room, and the end of the path, which tells requests apart.
fn ends(request: &str) -> (&str, &str) {
    let place = request
        .rfind('/')
        .filter(|place| request[..*place].contains('/'));
    request.split_at(place.unwrap_or(request.len()))
}

/// A layer's tag in few letters: in a row each of them counts.
fn short_tag(texts: &Texts, layer: Layer) -> Html {
    let mut key = "layer-short.".to_owned();
    key.push_str(layer.name());
    html! {
        <span class={classes!("tag", layer_class(layer))} title={layer_name(texts, layer)}>{ texts.get(&key) }</span>
    }
}

fn content(app: &App, row: &Row) -> Html {
    let texts = &app.texts;
    match row.kind {
        RowKind::Process(pid) => {
            let name = app.timeline.name_of(pid).to_owned();
            let text = match pid {
                0 => texts.get("journey.kernel"),
                _ => texts.with("journey.process", &[name, pid.to_string()]),
            };
            html! { <span class="name">{ text }</span> }
        }
        RowKind::Fold(first, count) => {
            let layer = app
                .timeline
                .span(first)
                .map_or(Layer::Syscall, |span| span.layer);
            html! {
                <>
                    { short_tag(texts, layer) }
                    <span class="name">{ texts.count("journey.fold", count.into()) }</span>
                </>
            }
        }
        RowKind::Span(id) => {
            let Some(span) = app.timeline.span(id) else {
                return Html::default();
            };
            let prose = is_prose(texts, span);
            let more = if prose { String::new() } else { summary(span) };
            let took = span.duration().filter(|nanos| *nanos > 0);
            let (title, result) = (title(texts, app, span), result(span));
            let (start, end) = match span.layer {
                Layer::Http => ends(&title),
                _ => (title.as_str(), ""),
            };
            let about = [title.as_str(), more.as_str()].join(" ");
            // An empty part would keep room from the others.
            html! {
                <>
                    { short_tag(texts, span.layer) }
                    <span class={classes!("name", (!prose).then_some("mono"))} title={about}>
                        <span class="start">{ start }</span>
                        if !end.is_empty() {
                            <span class="end">{ end }</span>
                        }
                    </span>
                    if !more.is_empty() {
                        <span class="more">{ more }</span>
                    }
                    <span class="gap"></span>
                    if !result.is_empty() {
                        <span class={classes!("result", span.failed().then_some("bad"))}>{ result }</span>
                    }
                    if let Some(nanos) = took {
                        <span class="took">{ texts.duration(nanos) }</span>
                    }
                </>
            }
        }
    }
}

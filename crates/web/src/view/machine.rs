//! The machine: processes and containers as nested boxes.

use super::{Link, badge, mark_class, side_tabs};
use crate::app::App;
use glassdock_playground::viewer::{Mark, PictureBox, PictureBoxKind, ProcessRow};
use glassdock_trace::world::NsKind;
use yew::prelude::*;

/// Characters of a container's id that are shown, as `docker ps` does.
const SHORT_ID: usize = 12;

/// Processes of a box that are drawn, and among how many those are that the step changed: a page of thousands of rows
/// would answer to nothing else.
const ROWS: usize = 40;
const MARKED_ROWS: usize = 400;

/// The pane.
pub fn pane(app: &App, link: &Link) -> Html {
    html! {
        <section class="pane pane-machine" aria-label={app.texts.get("machine.title")}>
            <header>
                <h2 class="tabbed">{ app.texts.get("machine.title") }</h2>
                { side_tabs(app, link) }
            </header>
            <div class="body machine" tabindex="0" ref={app.boxes.clone()}>
                if let Some(host) = &app.picture.host {
                    { draw(app, host) }
                } else {
                    <p class="empty">{ app.texts.get("machine.empty") }</p>
                }
            </div>
        </section>
    }
}

fn draw(app: &App, shown: &PictureBox) -> Html {
    let kind = match shown.kind {
        PictureBoxKind::Host => "host",
        PictureBoxKind::Container(_) => "container",
        PictureBoxKind::Namespace => "namespace",
    };
    let id = match &shown.kind {
        PictureBoxKind::Container(id) => Some(id.clone()),
        _ => None,
    };
    let drawn = shown.processes.iter().enumerate();
    let drawn: Vec<&ProcessRow> = drawn
        .filter(|(place, row)| *place < ROWS || (row.mark != Mark::Same && *place < MARKED_ROWS))
        .map(|(_, row)| row)
        .collect();
    let rest = shown.processes.len() - drawn.len();
    html! {
        <div class={classes!("box", kind, mark_class(shown.mark))} data-container={id}>
            { head(app, shown) }
            { kinds(app, shown) }
            if !drawn.is_empty() {
                <ul class="processes">{ for drawn.into_iter().map(|row| process(app, row)) }</ul>
            }
            if rest > 0 {
                <p class="rest">{ app.texts.count("machine.rest", rest as u64) }</p>
            }
            { for shown.boxes.iter().map(|inner| draw(app, inner)) }
        </div>
    }
}

fn head(app: &App, shown: &PictureBox) -> Html {
    let texts = &app.texts;
    let host = (!shown.hostname.is_empty()).then(|| html! { <span class="mono" title={texts.get("machine.hostname")}>{ &shown.hostname }</span> });
    let mounts = (shown.mounts > 0).then(|| html! { <span class="mono">{ texts.count("machine.mounts", shown.mounts as u64) }</span> });
    let title = match (&shown.kind, &shown.container) {
        (PictureBoxKind::Host, _) => texts.get("machine.host"),
        (_, Some(container)) => container.name.clone(),
        _ => texts.get("machine.namespace"),
    };
    let container = shown.container.as_ref().map(|container| {
        let state = container.state.clone();
        html! {
            <>
                <span class={classes!("state", state.clone())}>{ state_name(app, &state) }</span>
                if let PictureBoxKind::Container(id) = &shown.kind {
                    <span class="mono">{ id.get(..SHORT_ID).unwrap_or(id).to_owned() }</span>
                }
                <span class="mono">{ &container.image }</span>
            </>
        }
    });
    // A container's host name is its short id unless it was given another.
    let repeats =
        matches!(&shown.kind, PictureBoxKind::Container(id) if id.starts_with(&shown.hostname));
    html! {
        <div class="head">
            { badge(texts, shown.mark) }
            <b>{ title }</b>
            { container }
            if !repeats {
                { host }
            }
            { mounts }
        </div>
    }
}

/// A container's state: the engine's word, in the learner's language where it is a known one.
fn state_name(app: &App, state: &str) -> String {
    let mut key = "machine.states.".to_owned();
    key.push_str(state);
    app.texts.find(&key).unwrap_or_else(|| state.to_owned())
}

fn kind_name(kind: NsKind) -> &'static str {
    match kind {
        NsKind::Cgroup => "cgroup",
        NsKind::Ipc => "ipc",
        NsKind::Mnt => "mnt",
        NsKind::Net => "net",
        NsKind::Pid => "pid",
        NsKind::Time => "time",
        NsKind::User => "user",
        NsKind::Uts => "uts",
    }
}

fn kinds(app: &App, shown: &PictureBox) -> Html {
    if shown.namespaces.is_empty() || matches!(shown.kind, PictureBoxKind::Host) {
        return Html::default();
    }
    let texts = &app.texts;
    html! {
        <ul class="kinds" aria-label={texts.get("machine.namespaces")}>
            { for shown.namespaces.iter().map(|(kind, id, own)| {
                let mut title = kind_name(*kind).to_owned();
                title.push_str(":[");
                title.push_str(&id.0.to_string());
                title.push_str("] ");
                title.push_str(&if *own { texts.get("machine.own") } else { texts.get("machine.shared") });
                html! {
                    <li class={classes!("kind", own.then_some("own"))} {title}>
                        { kind_name(*kind) }
                        if !own {
                            <span class="hidden-visually">{ texts.get("machine.shared") }</span>
                        }
                    </li>
                }
            }) }
        </ul>
    }
}

fn process(app: &App, row: &ProcessRow) -> Html {
    let texts = &app.texts;
    let mut style = "margin-left:".to_owned();
    style.push_str(&(row.depth.min(8) * 16).to_string());
    style.push_str("px");
    let gone = row.mark == Mark::Removed;
    let doing = match row.state {
        _ if gone => texts.get("machine.gone"),
        'R' => texts.get("machine.runs"),
        'T' => texts.get("machine.stopped"),
        'Z' => texts.get("machine.zombie"),
        _ => row.waits.clone(),
    };
    let command = if row.command.is_empty() {
        row.comm.clone()
    } else {
        row.command.clone()
    };
    let pids: Vec<String> = row.pids.iter().map(i32::to_string).collect();
    let about = match pids.as_slice() {
        [host, .., inner] => texts.with("machine.pids", &[host.clone(), inner.clone()]),
        _ => texts.with("machine.pid", &pids),
    };
    html! {
        <li class={classes!("process-row", mark_class(row.mark), (row.state == 'Z').then_some("ended"))} {style}>
            { badge(texts, row.mark) }
            <span class="pids" title={about.clone()} aria-label={about} role="img">
                { for pids.iter().map(|pid| html! { <span>{ pid }</span> }) }
            </span>
            <span class="command" title={command.clone()}>{ command }</span>
            { for row.apart.iter().map(|kind| html! { <span class="kind own" title={texts.get("machine.apart")}>{ kind_name(*kind) }</span> }) }
            <span class={classes!("doing", (row.state == 'R' && !gone).then_some("running"))} title={doing.clone()}>{ doing }</span>
        </li>
    }
}

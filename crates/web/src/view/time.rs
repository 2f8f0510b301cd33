//! The timeline: commands as segments, steps as ticks in their layers' colours, one scrubber.

use super::{Link, icon, journey, layer_class, tool};
use crate::app::{App, Msg, Walk};
use glassdock_playground::viewer::Moment;
use glassdock_trace::Layer;
use js_sys::{Array, Float32Array};
use yew::prelude::*;

/// Part of the width that the command that is looked at gets where there are several.
const FOCUS: f64 = 0.62;
/// Width of one bar of ticks, in pixels.
const BAR: f64 = 3.0;
/// Height of a command's label, in pixels.
const LABEL: f64 = 18.0;
/// Commands before the newest that are drawn.
const SHOWN: usize = 24;

const FIRST: &str = "M6 5v14M18 5l-8 7l8 7";
const BACK: &str = "M15 5l-8 7l8 7";
const ON: &str = "M9 5l8 7l-8 7";
const PLAY: &str = "M8 5l11 7l-11 7z";
const PAUSE: &str = "M8 5v14M16 5v14";

/// One command's stretch of the track.
struct Segment {
    place: usize,
    left: f64,
    right: f64,
    start: Moment,
    end: Moment,
}

/// How commands lie along the track.
pub struct Track {
    segments: Vec<Segment>,
}

impl Track {
    /// The track of a width: the command that is looked at wide, the others in the rest by how much happened in them.
    pub fn new(app: &App, width: f64) -> Track {
        let count = app.timeline.command_count();
        let first = count.saturating_sub(SHOWN).min(app.place);
        let commands: Vec<_> = (first..count)
            .filter_map(|place| Some((place, app.timeline.command(place)?)))
            .take(SHOWN.max(app.place + 1 - first))
            .collect();
        let weight = |events: u64| f64::from(64 - events.leading_zeros()) + 4.0;
        let others: f64 = commands
            .iter()
            .filter(|(place, _)| *place != app.place)
            .map(|(_, command)| weight(command.end - command.start))
            .sum();
        let focus = if others > 0.0 { FOCUS } else { 1.0 };
        let mut left = 0.0;
        let segments = commands
            .into_iter()
            .map(|(place, command)| {
                let part = if place == app.place {
                    focus
                } else {
                    (1.0 - focus) * weight(command.end - command.start) / others
                };
                let right = left + part * width;
                let segment = Segment {
                    place,
                    left,
                    right,
                    start: command.start,
                    end: command.end,
                };
                left = right;
                segment
            })
            .collect();
        Track { segments }
    }

    /// The moment at a place of the track.
    pub fn moment(&self, x: f64) -> Moment {
        let inside = |segment: &&Segment| x < segment.right;
        let Some(segment) = self.segments.iter().find(inside).or(self.segments.last()) else {
            return 0;
        };
        let part = (x - segment.left) / (segment.right - segment.left).max(f64::EPSILON);
        let events = segment.end - segment.start;
        let within = (part.clamp(0.0, 1.0) * events as f64).round() as u64;
        // A command begins with its first event: before it is the one before.
        segment.start + within.max(1)
    }

    /// The command whose stretch is at a place of the track.
    pub fn place(&self, x: f64) -> Option<usize> {
        let segment = self.segments.iter().find(|segment| x < segment.right);
        segment.map(|segment| segment.place)
    }

    /// The place of a moment on the track.
    fn x(&self, moment: Moment) -> f64 {
        for segment in &self.segments {
            if moment <= segment.end {
                let events = (segment.end - segment.start).max(1) as f64;
                let part = moment.saturating_sub(segment.start) as f64 / events;
                return segment.left + part * (segment.right - segment.left);
            }
        }
        self.segments.last().map_or(0.0, |segment| segment.right)
    }
}

/// The bar.
pub fn bar(app: &App, link: &Link) -> Html {
    let texts = &app.texts;
    let at = app.at.unwrap_or(app.timeline.end());
    let (play, play_label) = if app.playing {
        (PAUSE, texts.get("time.pause"))
    } else {
        (PLAY, texts.get("time.play"))
    };
    let none = app.timeline.end() == 0;
    let step = |walk| link.callback(move |_| Msg::Step(walk));
    html! {
        <section class="time" aria-label={texts.get("time.title")}>
            { tool(texts.get("time.first"), FIRST, none, step(Walk::First)) }
            { tool(texts.get("time.back"), BACK, none, step(Walk::Back)) }
            { tool(play_label, play, none, link.callback(|_| Msg::Play)) }
            { tool(texts.get("time.on"), ON, app.at.is_none(), step(Walk::On)) }
            <div
                class="track"
                id="track"
                role="slider"
                tabindex="0"
                aria-label={texts.get("time.label")}
                aria-valuemin={app.timeline.base().to_string()}
                aria-valuemax={app.timeline.end().to_string()}
                aria-valuenow={at.to_string()}
                aria-valuetext={value_text(app)}
                onpointerdown={link.batch_callback(|event: PointerEvent| pointed(&event, true))}
                onpointermove={link.batch_callback(|event: PointerEvent| pointed(&event, false))}
                onpointerleave={link.callback(|_| Msg::Hover(None))}
            >
                <canvas ref={app.canvas.clone()}></canvas>
                { tip(app) }
            </div>
            { now(app, link) }
        </section>
    }
}

/// What the stretch under the pointer is: most are too narrow for their line.
fn tip(app: &App) -> Html {
    let command = app.hover.and_then(|place| app.timeline.command(place));
    let track = Track::new(app, 100.0);
    let segment = track
        .segments
        .iter()
        .find(|segment| Some(segment.place) == app.hover);
    let (Some(command), Some(segment)) = (command, segment) else {
        return Html::default();
    };
    let mut style = "left:".to_owned();
    style.push_str(&(segment.left as i64).to_string());
    style.push('%');
    html! { <span class="tip" {style}>{ journey::label(app, &command) }</span> }
}

fn value_text(app: &App) -> String {
    match app.at {
        None => app.texts.get("time.live"),
        Some(at) => {
            let place = app.journey.steps.partition_point(|step| step.moment <= at);
            let label = app
                .timeline
                .command(app.place)
                .map(|command| journey::label(app, &command));
            app.texts.with(
                "time.value",
                &[
                    place.to_string(),
                    app.journey.steps.len().to_string(),
                    label.unwrap_or_default(),
                ],
            )
        }
    }
}

fn now(app: &App, link: &Link) -> Html {
    let texts = &app.texts;
    match app.at {
        Some(at) => {
            let place = app.journey.steps.partition_point(|step| step.moment <= at);
            let count = texts.with(
                "time.place",
                &[place.to_string(), app.journey.steps.len().to_string()],
            );
            html! {
                <button class="now" id="now" onclick={link.callback(|_| Msg::Now)} title={count}>
                    { icon(ON) }
                    { texts.get("time.now") }
                </button>
            }
        }
        None => html! {
            <span class={classes!("now", app.state.busy.then_some("busy"), app.state.halted.then_some("off"))}>
                <i></i>
                if app.state.halted {
                    { texts.get("time.halted") }
                } else if app.state.busy {
                    { texts.get("time.busy") }
                } else {
                    { texts.get("time.live") }
                }
            </span>
        },
    }
}

fn pointed(event: &PointerEvent, down: bool) -> Option<Msg> {
    // Events are delegated, so that the current target is the page and not the track.
    let target = event.target_dyn_into::<web_sys::Element>()?;
    let track = target.closest("#track").ok().flatten()?;
    if down {
        // Not to be captured only means that a drag ends at the track's edge.
        let _ = track.set_pointer_capture(event.pointer_id());
    }
    let place = track.get_bounding_client_rect();
    let along = (f64::from(event.client_x()) - place.left()) / place.width().max(1.0);
    let along = along.clamp(0.0, 1.0);
    Some(match down || event.buttons() & 1 != 0 {
        true => Msg::SeekAlong(along),
        false => Msg::Hover(Some(along)),
    })
}

/// Colours that are not a layer's, by place.
const GROUND: f32 = 0.0;
const FOCUSED: f32 = 1.0;
const INK: u32 = 2;
const FAINT: u32 = 3;
const SCRUBBER: f32 = 4.0;
const PAST: f32 = 5.0;
const LAYERS: usize = 6;

/// Draws the track.
pub fn draw(app: &App) {
    let Some(canvas) = app.canvas.cast::<web_sys::HtmlCanvasElement>() else {
        return;
    };
    let (width, height) = (
        f64::from(canvas.client_width()),
        f64::from(canvas.client_height()),
    );
    if width < 1.0 {
        return;
    }
    let colours = Array::new();
    for name in [
        "--glass-sunk",
        "--accent-soft",
        "--ink",
        "--ink-faint",
        "--accent",
        "--past",
    ] {
        colours.push(&name.into());
    }
    for layer in Layer::ALL {
        let mut name = "--".to_owned();
        name.push_str(&layer_class(layer));
        colours.push(&name.into());
    }
    let track = Track::new(app, width);
    let mut boxes: Vec<f32> = Vec::new();
    let texts = Array::new();
    let mut fill = |x: f64, y: f64, w: f64, h: f64, radius: f64, colour: f32| {
        boxes.extend([
            x as f32,
            y as f32,
            w as f32,
            h as f32,
            radius as f32,
            colour,
        ]);
    };
    for segment in &track.segments {
        let focused = segment.place == app.place;
        let room = segment.right - segment.left - 2.0;
        let ground = if focused { FOCUSED } else { GROUND };
        fill(segment.left, 0.0, room.max(1.0), height, 6.0, ground);
        if room > 30.0 {
            let command = app.timeline.command(segment.place);
            let label = command.map(|command| journey::label(app, &command));
            let text = Array::new();
            text.push(&(segment.left + 8.0).into());
            text.push(&(LABEL / 2.0 + 2.0).into());
            text.push(&(room - 12.0).into());
            text.push(&(if focused { INK } else { FAINT }).into());
            text.push(&label.unwrap_or_default().into());
            texts.push(&text);
        }
        bars(app, segment, height, &mut fill);
    }
    let x = match app.at {
        Some(at) => track.x(at),
        None => track.segments.last().map_or(0.0, |segment| segment.right) - 2.0,
    };
    let colour = if app.at.is_some() { PAST } else { SCRUBBER };
    fill((x - 1.5).max(0.0), 0.0, 3.0, height, 1.5, colour);
    fill((x - 5.0).max(0.0), 0.0, 10.0, 7.0, 3.5, colour);
    crate::page::paint(
        &canvas,
        width,
        height,
        &colours,
        &Float32Array::from(boxes.as_slice()),
        &texts,
    );
}

/// How many steps were entered, layer over layer, bar beside bar.
fn bars(
    app: &App,
    segment: &Segment,
    height: f64,
    fill: &mut impl FnMut(f64, f64, f64, f64, f64, f32),
) {
    let room = segment.right - segment.left - 6.0;
    let count = (room / BAR) as usize;
    let density = app
        .timeline
        .density(segment.start, segment.end, count.max(1));
    let most = density
        .iter()
        .map(|bar| bar.iter().sum::<u32>())
        .max()
        .unwrap_or(0)
        .max(1);
    let ceiling = height - LABEL - 6.0;
    for (place, bar) in density.iter().enumerate() {
        let all: u32 = bar.iter().sum();
        if all == 0 {
            continue;
        }
        // The root of the share, so that a single step is still seen beside a crowd.
        let tall = (f64::from(all) / f64::from(most)).sqrt().max(0.16) * ceiling;
        let mut y = height - 3.0;
        for (layer, steps) in bar.iter().enumerate().rev() {
            if *steps == 0 {
                continue;
            }
            let part = f64::from(*steps) / f64::from(all) * tall;
            y -= part;
            let x = segment.left + 3.0 + place as f64 * BAR;
            fill(x, y, BAR - 1.0, part, 0.0, (LAYERS + layer) as f32);
        }
    }
}

//! What is looked at: the moment, the command, the selected step; and walking.

use super::{App, Msg, Tab, Walk, after};
use crate::page;
use crate::view::time::Track;
use glassdock_playground::viewer::{
    Journey, Layers, Moment, PictureBox, PictureBoxKind, RowKind, facts, picture,
};
use glassdock_trace::{Layer, SpanId};
use std::collections::BTreeSet;
use yew::prelude::*;

/// Time between two steps while playing, in milliseconds.
const PLAY_MS: u32 = 650;
/// Room that is left around what is scrolled into view, in pixels.
const MARGIN: f64 = 12.0;
/// What is remembered of the layers: the names of those that are hidden, with spaces between.
const HIDDEN: &str = "hidden-layers";

/// What of the machine's picture is to be seen.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Reveal {
    /// What the step changed.
    Change,
    /// A container that has just appeared, by its id.
    Container(String),
}

/// The layers that were shown when the page was last used.
pub(super) fn remembered_layers() -> Layers {
    let hidden = page::recall(HIDDEN).unwrap_or_default();
    let known = |name: &str| Layer::ALL.into_iter().find(|layer| layer.name() == name);
    let hidden: BTreeSet<Layer> = hidden.split_whitespace().filter_map(known).collect();
    hidden.into_iter().fold(Layers::default(), Layers::toggled)
}

/// The ids of the containers with processes in a box.
fn containers(shown: &PictureBox, found: &mut BTreeSet<String>) {
    if let PictureBoxKind::Container(id) = &shown.kind
        && !shown.processes.is_empty()
    {
        found.insert(id.clone());
    }
    shown
        .boxes
        .iter()
        .for_each(|inner| containers(inner, found));
}

impl App {
    /// Lays the journey out anew and looks at the moment again.
    pub(super) fn lay_out(&mut self) {
        let last = self.timeline.command_count() - 1;
        self.place = if self.at.is_none() {
            last
        } else {
            self.place.min(last)
        };
        self.journey = Journey::new(&self.timeline, self.place, self.layers, &self.opened);
        self.look();
    }

    /// Takes picture and facts of the moment that is looked at.
    pub(super) fn look(&mut self) {
        let moment = self.at.unwrap_or(self.timeline.end());
        let since = match self.at {
            None => moment,
            Some(at) => self
                .journey
                .previous(at)
                .map_or(moment.saturating_sub(1), |step| step.moment),
        };
        self.picture = picture(&mut self.timeline, since, moment);
        self.notice_boxes();
        if self.at.is_some() {
            let row = self.journey.at(moment).map(|step| step.row as usize);
            self.selected = row.and_then(|row| Some(self.journey.rows.get(row)?.kind));
        }
        self.facts = match self.selected {
            Some(RowKind::Span(id)) => facts(&mut self.timeline, id),
            _ => None,
        };
    }

    pub(super) fn seek(&mut self, moment: Moment) {
        if moment >= self.timeline.end() {
            return self.now();
        }
        let moment = moment.max(self.timeline.base());
        self.at = Some(moment);
        let place = self.timeline.command_at(moment);
        self.reveal = true;
        if place != self.place {
            self.place = place;
            self.opened.clear();
            self.lay_out();
        } else {
            self.look();
        }
    }

    pub(super) fn now(&mut self) {
        self.at = None;
        self.playing = false;
        self.selected = None;
        self.follow();
        self.lay_out();
    }

    pub(super) fn walk(&mut self, walk: Walk) {
        match walk {
            Walk::First => match self.journey.steps.first() {
                Some(step) => self.seek(step.moment),
                None => self.walk_over(false),
            },
            Walk::Back => {
                let from = self.at.unwrap_or(self.timeline.end());
                match self.journey.previous(from) {
                    Some(step) => self.seek(step.moment),
                    None => self.walk_over(false),
                }
            }
            Walk::On => {
                let Some(at) = self.at else { return };
                match self.journey.next(at) {
                    Some(step) => self.seek(step.moment),
                    None => self.walk_over(true),
                }
            }
        }
    }

    /// Walks over a command's edge into the next one that has steps.
    pub(super) fn walk_over(&mut self, onwards: bool) {
        loop {
            let place = if onwards {
                self.place + 1
            } else {
                match self.place.checked_sub(1) {
                    Some(place) => place,
                    None => return,
                }
            };
            if place >= self.timeline.command_count() {
                return self.now();
            }
            self.place = place;
            self.opened.clear();
            self.journey = Journey::new(&self.timeline, place, self.layers, &self.opened);
            let step = if onwards {
                self.journey.steps.first()
            } else {
                self.journey.steps.last()
            };
            if let Some(step) = step.copied() {
                return self.seek(step.moment);
            }
        }
    }

    pub(super) fn play(&mut self, ctx: &Context<App>) {
        self.playing = !self.playing;
        if self.playing {
            if self.at.is_none() {
                self.walk(Walk::First);
            }
            self.playing = self.at.is_some();
            self.tick(ctx);
        }
    }

    pub(super) fn tick(&mut self, ctx: &Context<App>) {
        self.ticks += 1;
        after(ctx, PLAY_MS, Msg::Tick(self.ticks));
    }

    pub(super) fn select(&mut self, place: usize) {
        let Some(row) = self.journey.rows.get(place) else {
            return;
        };
        match row.kind {
            RowKind::Process(_) => self.toggle(place),
            RowKind::Fold(..) if row.open == Some(true) => self.toggle(place),
            _ => {
                self.playing = false;
                let moment = row.moment;
                self.at = Some(moment.min(self.timeline.end()));
                self.look();
                if self.tab == Tab::Terminal {
                    self.tab = Tab::Journey;
                }
            }
        }
    }

    pub(super) fn toggle(&mut self, place: usize) {
        let Some(row) = self.journey.rows.get(place) else {
            return;
        };
        let Some(open) = row.open else { return };
        let key = match row.kind {
            RowKind::Fold(first, _) => RowKind::Fold(first, 0),
            kind => kind,
        };
        self.opened.insert(key, !open);
        self.lay_out();
    }

    /// Goes to the row above or below the selected one that is a step.
    pub(super) fn row_by(&mut self, down: bool) {
        let is_step = |place: &usize| {
            self.journey
                .steps
                .iter()
                .any(|step| step.row as usize == *place)
        };
        let rows = self.journey.rows.len();
        let next = match (self.selected_row(), down) {
            (Some(row), true) => (row + 1..rows).find(is_step),
            (Some(row), false) => (0..row).rev().find(is_step),
            (None, true) => (0..rows).find(is_step),
            (None, false) => (0..rows).rev().find(is_step),
        };
        if let Some(row) = next {
            self.select(row);
            self.reveal = true;
        }
    }

    /// The place of the selected row.
    pub(crate) fn selected_row(&self) -> Option<usize> {
        let selected = self.selected?;
        self.journey
            .rows
            .iter()
            .position(|row| row.kind == selected)
    }

    /// Scrolls the selected row into view.
    pub(super) fn reveal_selected(&mut self) {
        if !std::mem::take(&mut self.reveal) {
            return;
        }
        let (Some(row), Some(list)) = (self.selected_row(), self.list.cast::<web_sys::Element>())
        else {
            return;
        };
        let height = f64::from(list.client_height());
        let top = row as f64 * self.row_height;
        let from = f64::from(list.scroll_top());
        if top < from + self.row_height || top > from + height - 2.0 * self.row_height {
            list.set_scroll_top((top - height / 2.0).max(0.0) as i32);
        }
    }

    pub(super) fn remember_layers(&self) {
        let hidden = Layer::ALL
            .into_iter()
            .filter(|layer| !self.layers.has(*layer));
        let names: Vec<&str> = hidden.map(Layer::name).collect();
        page::remember(HIDDEN, &names.join(" "));
    }

    /// Decides what of the new picture is to be seen: in the past what the step changed, now a container that is new.
    fn notice_boxes(&mut self) {
        let mut drawn = BTreeSet::new();
        if let Some(host) = &self.picture.host {
            containers(host, &mut drawn);
        }
        let new = drawn.difference(&self.drawn).last().cloned();
        self.show_box = match (self.at, new) {
            (Some(_), _) => Some(Reveal::Change),
            (None, Some(id)) => Some(Reveal::Container(id)),
            (None, None) => self.show_box.take(),
        };
        self.drawn = drawn;
    }

    /// Scrolls the machine's picture to what is to be seen of it, where it is out of view.
    pub(super) fn reveal_box(&mut self) {
        let Some(reveal) = self.show_box.take() else {
            return;
        };
        let Some(body) = self.boxes.cast::<web_sys::Element>() else {
            return;
        };
        let selector = match &reveal {
            Reveal::Change => ".added, .changed, .removed".to_owned(),
            // An id is hexadecimal: nothing in it needs an escape.
            Reveal::Container(id) => ["[data-container='", id, "']"].concat(),
        };
        let Ok(Some(wanted)) = body.query_selector(&selector) else {
            return;
        };
        let (room, place) = (
            body.get_bounding_client_rect(),
            wanted.get_bounding_client_rect(),
        );
        let above = place.top() - MARGIN - room.top();
        let below = place.bottom() + MARGIN - room.bottom();
        // What is taller than the room is seen from its top.
        let by = if above < 0.0 {
            above
        } else {
            below.max(0.0).min(above)
        };
        if by != 0.0 {
            body.set_scroll_top(body.scroll_top() + by as i32);
        }
    }

    /// Learns how much of the journey's list is in view, where that is not known from scrolling.
    pub(super) fn measure(&self, ctx: &Context<App>) {
        if let Some(list) = self.list.cast::<web_sys::Element>() {
            let (top, height) = (
                f64::from(list.scroll_top()),
                f64::from(list.client_height()),
            );
            if height > 0.0 && height != self.scroll.1 {
                ctx.link().send_message(Msg::Scrolled(top, height));
            }
        }
    }

    /// The pointer is over a place along the timeline. Whether anything new is to be drawn.
    pub(super) fn hover(&mut self, part: Option<f64>) -> bool {
        let place = part.and_then(|part| Track::new(self, 1.0).place(part));
        let place = place.filter(|place| *place != self.place);
        std::mem::replace(&mut self.hover, place) != place
    }

    /// The span that is selected.
    pub(crate) fn selected_span(&self) -> Option<SpanId> {
        match self.selected? {
            RowKind::Span(id) => Some(id),
            _ => None,
        }
    }
}

//! The steps of a command as a tree that can be opened and closed, and the order in which one walks through them.

use super::span::bit;
use super::{Moment, Span, Timeline, children};
use glassdock_trace::{Layer, SpanId};
use std::collections::{BTreeMap, BTreeSet};

/// So many dull steps in a row are folded into one line.
const FOLD_FROM: usize = 4;

/// System calls that make a process another one, and so are never folded.
const TURNING_POINTS: [&str; 2] = ["execve", "execveat"];

/// A set of layers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layers(u16);

impl Default for Layers {
    /// All of them.
    fn default() -> Self {
        Layers(Layer::ALL.iter().fold(0, |all, layer| all | bit(*layer)))
    }
}

impl Layers {
    /// None.
    pub const NONE: Layers = Layers(0);
    /// Those whose steps say what is done, above single system calls.
    const TELLING: Layers = Layers(
        bit(Layer::Cli)
            | bit(Layer::Http)
            | bit(Layer::Engine)
            | bit(Layer::Runtime)
            | bit(Layer::Sched),
    );
    /// Those whose steps are folded when many of them follow each other.
    const DULL: Layers =
        Layers(bit(Layer::Syscall) | bit(Layer::Vfs) | bit(Layer::Fs) | bit(Layer::Block));

    /// Whether a layer is in it.
    pub fn has(self, layer: Layer) -> bool {
        self.0 & bit(layer) != 0
    }
    /// With a layer put in or taken out.
    pub fn toggled(self, layer: Layer) -> Layers {
        Layers(self.0 ^ bit(layer))
    }
}

/// What a row stands for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum RowKind {
    /// A process that was there before the command: what it does for the command is below.
    Process(i32),
    /// A step.
    Span(SpanId),
    /// Steps of little interest in a row, from one on: how many.
    Fold(SpanId, u32),
}

/// One line of the tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// What it stands for.
    pub kind: RowKind,
    /// Levels below the outermost.
    pub depth: u16,
    /// Whether there is something below: and if so, whether it is shown.
    pub open: Option<bool>,
    /// The moment that the row leads to.
    pub moment: Moment,
}

/// A place to stop at when walking through a command.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Step {
    /// The moment.
    pub moment: Moment,
    /// Its row's place in [`Journey::rows`].
    pub row: u32,
}

/// Which rows the learner opened (true) or closed (false) by hand.
pub type Opened = BTreeMap<RowKind, bool>;

/// The visible rows of one command, and the steps among them in the order in which they happened.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Journey {
    /// Rows from top to bottom.
    pub rows: Vec<Row>,
    /// Places to stop at, by moment.
    pub steps: Vec<Step>,
    /// How many steps each layer has in the command, in [`Layer::ALL`]'s order.
    pub counts: [u32; Layer::ALL.len()],
}

impl Journey {
    /// The journey of the command at `place`, with the given layers and rows opened by hand.
    pub fn new(timeline: &Timeline, place: usize, layers: Layers, opened: &Opened) -> Journey {
        let mut journey = Journey::default();
        let Some(command) = timeline.command(place) else {
            return journey;
        };
        let mut processes: Vec<i32> = Vec::new();
        let mut roots: BTreeMap<i32, Vec<SpanId>> = BTreeMap::new();
        for span in timeline.spans_between(command.start, command.end) {
            journey.counts[span.layer as usize] += 1;
            let outside = |up: SpanId| {
                timeline
                    .span(up)
                    .is_none_or(|up| up.entered < command.start)
            };
            if span.up.is_none_or(outside) {
                let steps = roots.entry(span.pid).or_insert_with(|| {
                    processes.push(span.pid);
                    Vec::new()
                });
                steps.push(span.id);
            }
        }
        let mut walk = Walk {
            timeline,
            layers,
            opened,
            start: command.start,
            end: command.end,
            rows: Vec::new(),
            steps: Vec::new(),
        };
        for pid in processes {
            walk.process(pid, &roots[&pid]);
        }
        walk.steps.sort_unstable();
        journey.rows = walk.rows;
        journey.steps = walk.steps;
        journey
    }

    /// The first step after a moment.
    pub fn next(&self, moment: Moment) -> Option<Step> {
        let place = self.steps.partition_point(|step| step.moment <= moment);
        self.steps.get(place).copied()
    }

    /// The last step before a moment.
    pub fn previous(&self, moment: Moment) -> Option<Step> {
        let place = self.steps.partition_point(|step| step.moment < moment);
        self.steps.get(place.checked_sub(1)?).copied()
    }

    /// The step that a moment shows: the last one at or before it.
    pub fn at(&self, moment: Moment) -> Option<Step> {
        self.previous(moment + 1)
    }

    /// The place of a step's row, or of the nearest row that stands for it.
    pub fn row_of(&self, span: SpanId) -> Option<usize> {
        self.rows
            .iter()
            .position(|row| row.kind == RowKind::Span(span))
    }
}

/// What is still to be laid out: items of one level.
struct Level {
    items: std::vec::IntoIter<Item>,
    depth: u16,
}

enum Item {
    Span(SpanId),
    Fold(Vec<SpanId>),
}

struct Walk<'a> {
    timeline: &'a Timeline,
    layers: Layers,
    opened: &'a Opened,
    start: Moment,
    end: Moment,
    rows: Vec<Row>,
    steps: Vec<Step>,
}

impl Walk<'_> {
    fn process(&mut self, pid: i32, roots: &[SpanId]) {
        let shown = self.shown(roots.iter().copied());
        if shown.is_empty() {
            return;
        }
        let kind = RowKind::Process(pid);
        let open = self.opened.get(&kind).copied().unwrap_or(true);
        let moment = self.timeline.span(shown[0]).map_or(0, |span| span.entered);
        self.rows.push(Row {
            kind,
            depth: 0,
            open: Some(open),
            moment,
        });
        if open {
            let items = self.grouped(shown, true);
            self.levels(Level {
                items: items.into_iter(),
                depth: 1,
            });
        }
    }

    /// Lays out a level and, depth first, what is open below it. With a stack of its own, since what nests in a
    /// machine's processes may nest deeply.
    fn levels(&mut self, first: Level) {
        let mut stack = vec![first];
        while let Some(level) = stack.last_mut() {
            let depth = level.depth;
            match level.items.next() {
                None => drop(stack.pop()),
                Some(Item::Span(id)) => {
                    if let Some(below) = self.span(id, depth) {
                        stack.push(below);
                    }
                }
                Some(Item::Fold(ids)) => {
                    if let Some(below) = self.fold(ids, depth) {
                        stack.push(below);
                    }
                }
            }
        }
    }

    fn span(&mut self, id: SpanId, depth: u16) -> Option<Level> {
        let span = self.timeline.span(id)?;
        let below = self.shown(children(self.timeline, id).map(|child| child.id));
        let kind = RowKind::Span(id);
        let open = (!below.is_empty()).then(|| {
            let by_itself = span.layer == Layer::Sched || span.has_below(Layers::TELLING.0);
            self.opened.get(&kind).copied().unwrap_or(by_itself)
        });
        let complete = span.complete();
        let moment = if open == Some(true) || complete > self.end {
            span.entered + 1
        } else {
            complete
        };
        self.push(kind, depth, open, moment);
        if open != Some(true) {
            return None;
        }
        let fold = span.layer == Layer::Sched || span.has_below(Layers::TELLING.0);
        let items = self.grouped(below, fold).into_iter();
        Some(Level {
            items,
            depth: depth + 1,
        })
    }

    fn fold(&mut self, ids: Vec<SpanId>, depth: u16) -> Option<Level> {
        let kind = RowKind::Fold(*ids.first()?, 0);
        let open = self.opened.get(&kind).copied().unwrap_or(false);
        let last = ids.iter().rev().find_map(|id| self.timeline.span(*id))?;
        let moment = if open {
            self.timeline.span(ids[0])?.entered
        } else {
            last.complete().min(self.end)
        };
        let row = Row {
            kind: RowKind::Fold(ids[0], ids.len() as u32),
            depth,
            open: Some(open),
            moment,
        };
        if !open {
            self.steps.push(Step {
                moment,
                row: self.rows.len() as u32,
            });
        }
        self.rows.push(row);
        let items: Vec<Item> = ids.into_iter().map(Item::Span).collect();
        open.then(|| Level {
            items: items.into_iter(),
            depth: depth + 1,
        })
    }

    fn push(&mut self, kind: RowKind, depth: u16, open: Option<bool>, moment: Moment) {
        self.steps.push(Step {
            moment,
            row: self.rows.len() as u32,
        });
        self.rows.push(Row {
            kind,
            depth,
            open,
            moment,
        });
    }

    /// The spans to be shown for some: themselves, or where their layer is hidden what is shown below them.
    fn shown(&self, ids: impl Iterator<Item = SpanId>) -> Vec<SpanId> {
        let mut shown = Vec::new();
        let mut hidden = BTreeSet::new();
        for id in ids {
            match self.timeline.span(id) {
                Some(span) if !self.within(span) => {}
                Some(span) if self.layers.has(span.layer) => shown.push(id),
                Some(span) if span.has_below(self.layers.0) => drop(hidden.insert(id)),
                _ => {}
            }
        }
        while let Some(id) = hidden.pop_first() {
            for child in children(self.timeline, id).filter(|span| self.within(span)) {
                if self.layers.has(child.layer) {
                    shown.push(child.id);
                } else if child.has_below(self.layers.0) {
                    hidden.insert(child.id);
                }
            }
        }
        shown.sort_unstable();
        shown
    }

    fn within(&self, span: &Span) -> bool {
        span.entered >= self.start && span.entered < self.end
    }

    /// Whether a step is of little interest by itself.
    fn is_dull(&self, id: SpanId) -> bool {
        self.timeline.span(id).is_some_and(|span| {
            Layers::DULL.has(span.layer)
                && !TURNING_POINTS.contains(&span.name.as_ref())
                && !span.has_below(self.layers.0 & !Layers::DULL.0)
                && span.exited.is_some()
        })
    }

    fn grouped(&self, ids: Vec<SpanId>, fold: bool) -> Vec<Item> {
        if !fold {
            return ids.into_iter().map(Item::Span).collect();
        }
        let mut items = Vec::new();
        let mut run: Vec<SpanId> = Vec::new();
        let close = |run: &mut Vec<SpanId>, items: &mut Vec<Item>| {
            if run.len() >= FOLD_FROM {
                items.push(Item::Fold(std::mem::take(run)));
            } else {
                items.extend(run.drain(..).map(Item::Span));
            }
        };
        for id in ids {
            if self.is_dull(id) {
                run.push(id);
            } else {
                close(&mut run, &mut items);
                items.push(Item::Span(id));
            }
        }
        close(&mut run, &mut items);
        items
    }
}

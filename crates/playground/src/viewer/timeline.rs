//! Everything that a machine told, and what follows from it.

use super::folded::{Change, Folded};
use super::prompt::Prompts;
use super::span::bit;
use super::{Line, Moment, Span};
use glassdock_trace::{Delta, Event, EventKind, Layer, Outcome, SpanId, Value, World};
use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

/// Events that a timeline holds at most; then it forgets the older half.
const EVENT_LIMIT: usize = 800_000;

/// Layers that are told apart in the count of a stretch.
const LAYERS: usize = Layer::ALL.len();

/// A note of the stream.
#[derive(Clone, Debug)]
pub struct Note {
    /// When.
    pub event: Moment,
    /// The span it belongs to.
    pub span: Option<SpanId>,
    /// Key of the text.
    pub key: Cow<'static, str>,
    /// Its arguments.
    pub args: Vec<Value>,
}

/// What an event was.
#[derive(Clone, Copy, Debug)]
enum Tick {
    Enter(Layer),
    Exit(SpanId),
    Delta,
    Note,
}

/// The stream of one machine.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    base: Moment,
    /// Time and kind of each event from `base` on.
    ticks: VecDeque<(u64, Tick)>,
    /// Number of the first span that is held.
    first_span: u64,
    spans: VecDeque<Span>,
    notes: Vec<Note>,
    lines: Vec<Line>,
    prompts: Prompts,
    folded: Folded,
    forgetful: bool,
    /// Newest name of every process that there was.
    names: BTreeMap<i32, String>,
}

impl Timeline {
    /// A timeline without events.
    pub fn new() -> Timeline {
        Timeline::default()
    }

    /// The first moment that can be looked at.
    pub fn base(&self) -> Moment {
        self.base
    }

    /// The newest moment: as many events as the machine told.
    pub fn end(&self) -> Moment {
        self.base + self.ticks.len() as u64
    }

    /// Whether older events were forgotten.
    pub fn is_forgetful(&self) -> bool {
        self.forgetful
    }

    /// The lines that shells read.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The state at any moment.
    pub fn folded(&self) -> &Folded {
        &self.folded
    }

    /// The state at a moment.
    pub fn world(&mut self, moment: Moment) -> &World {
        self.folded.at(moment)
    }

    /// Virtual time at a moment: that of the event before it.
    pub fn time(&self, moment: Moment) -> u64 {
        let place = moment
            .saturating_sub(self.base)
            .min(self.ticks.len() as u64);
        match place.checked_sub(1) {
            Some(place) => self.ticks[place as usize].0,
            None => 0,
        }
    }

    /// Takes in events; the first one has number `from`. Those that are known already are passed over; a gap makes the
    /// timeline forget what it had.
    pub fn push_events(&mut self, from: Moment, events: impl IntoIterator<Item = Event>) {
        if from > self.end() {
            *self = Timeline {
                base: from,
                forgetful: true,
                lines: std::mem::take(&mut self.lines),
                ..Timeline::default()
            };
        }
        let known = self.end() - from.min(self.end());
        for event in events.into_iter().skip(known as usize) {
            self.push(event);
        }
        if self.ticks.len() > EVENT_LIMIT {
            self.forget(self.end() - EVENT_LIMIT as u64 / 2);
        }
    }

    /// Goes back to so many events.
    pub fn rewind(&mut self, events: Moment) {
        if events < self.base {
            *self = Timeline::new();
            return;
        }
        self.lines.retain(|line| line.entered_at <= events);
        self.folded.truncate(events);
        self.notes.retain(|note| note.event < events);
        while let Some((_, tick)) = self.ticks.back().copied()
            && self.end() > events
        {
            self.ticks.pop_back();
            match tick {
                Tick::Enter(_) => self.pop_span(),
                Tick::Exit(span) => {
                    if let Some(span) = self.span_mut(span) {
                        span.exited = None;
                    }
                }
                Tick::Delta | Tick::Note => {}
            }
        }
        self.follow_prompts_again();
    }

    /// Goes through what happened since the last line once more, to know which shells are in the middle of one.
    fn follow_prompts_again(&mut self) {
        self.prompts = Prompts::default();
        let from = self.lines.last().map_or(self.base, |line| line.entered_at);
        let mut happened: Vec<(Moment, Tick)> = Vec::new();
        for span in self.spans_between(from, self.end()) {
            happened.push((span.entered, Tick::Enter(span.layer)));
            if let Some((exited, ..)) = span.exited {
                happened.push((exited, Tick::Exit(span.id)));
            }
        }
        let changes = self.folded.between(from, self.end());
        happened.extend(changes.map(|change| (change.event, Tick::Delta)));
        happened.sort_unstable_by_key(|(moment, _)| *moment);
        for (moment, tick) in happened {
            match tick {
                Tick::Enter(_) => {
                    let place = self.spans.partition_point(|span| span.entered < moment);
                    if let Some(span) = self.spans.get(place) {
                        self.prompts.entered(span);
                    }
                }
                Tick::Exit(id) => {
                    let place = id.0.saturating_sub(self.first_span) as usize;
                    if let Some(span) = self.spans.get(place) {
                        self.prompts.exited(span);
                    }
                }
                Tick::Delta => {
                    let change = self.folded.between(moment, moment + 1).next().cloned();
                    if let Some(change) = change {
                        self.follow_terminal(change.span, &change.delta, moment);
                    }
                }
                Tick::Note => {}
            }
        }
    }

    /// Looks whether a change is a shell's that begins to read a line or has read one.
    fn follow_terminal(&mut self, span: Option<SpanId>, delta: &Delta, moment: Moment) {
        let Delta::Tty(change) = delta else { return };
        let (Some(before), Some(after)) = (&change.before, &change.after) else {
            return;
        };
        if before.winsize != after.winsize {
            self.prompts.resized(change.key, after);
        }
        let Some(pid) = span.and_then(|id| self.span(id)).map(|span| span.pid) else {
            return;
        };
        let name = self.names.get(&pid).map_or("", String::as_str);
        let line = self
            .prompts
            .terminal((pid, name), change.key, before, after, moment);
        self.lines.extend(line);
    }

    /// The newest name of a process, also of one that has ended; empty if there was none.
    pub fn name_of(&self, pid: i32) -> &str {
        self.names.get(&pid).map_or("", String::as_str)
    }

    /// A span by its number.
    pub fn span(&self, id: SpanId) -> Option<&Span> {
        self.spans.get(id.0.checked_sub(self.first_span)? as usize)
    }

    fn span_mut(&mut self, id: SpanId) -> Option<&mut Span> {
        self.spans
            .get_mut(id.0.checked_sub(self.first_span)? as usize)
    }

    /// The spans that were entered from one moment to another, in that order.
    pub fn spans_between(&self, from: Moment, to: Moment) -> impl Iterator<Item = &Span> {
        let start = self.spans.partition_point(|span| span.entered < from);
        let end = self.spans.partition_point(|span| span.entered < to);
        self.spans.range(start..end.max(start))
    }

    /// The notes of a span.
    pub fn notes(&self, span: SpanId) -> impl Iterator<Item = &Note> {
        self.notes
            .iter()
            .filter(move |note| note.span == Some(span))
    }

    /// For `buckets` equal parts of a stretch, how many spans of each layer (in [`Layer::ALL`]'s order) were entered.
    pub fn density(&self, from: Moment, to: Moment, buckets: usize) -> Vec<[u32; LAYERS]> {
        let mut counts = vec![[0; LAYERS]; buckets];
        let from = from.max(self.base);
        let to = to.min(self.end());
        if to <= from || buckets == 0 {
            return counts;
        }
        let range = (from - self.base) as usize..(to - self.base) as usize;
        let length = to - from;
        for (place, (_, tick)) in self.ticks.range(range).enumerate() {
            if let Tick::Enter(layer) = tick {
                let bucket = place as u64 * buckets as u64 / length;
                counts[bucket as usize][*layer as usize] += 1;
            }
        }
        counts
    }

    /// The programs that were started from one moment to another as `a b | c`: the arguments that new processes got.
    pub(super) fn started_programs(&self, from: Moment, to: Moment) -> String {
        let mut programs: Vec<(i32, String)> = Vec::new();
        let mut shell = None;
        for change in self.folded.between(from, to) {
            let Delta::Task(task) = &change.delta else {
                continue;
            };
            let Some(after) = &task.after else { continue };
            if task.before.is_none() && task.key == after.tgid {
                let parent = *shell.get_or_insert(after.ppid);
                if after.ppid == parent {
                    programs.push((task.key, after.argv.join(" ")));
                }
            } else if let Some(program) = programs.iter_mut().find(|(pid, _)| *pid == task.key) {
                program.1 = after.argv.join(" ");
            }
        }
        let texts: Vec<String> = programs.into_iter().map(|(_, text)| text).collect();
        texts.join(" | ")
    }

    fn push(&mut self, event: Event) {
        let moment = self.end();
        let time = event.time;
        let tick = match event.kind {
            EventKind::Enter {
                span,
                parent,
                cause,
                layer,
                pid,
                name,
                args,
            } => {
                self.enter(Span {
                    id: span,
                    up: None,
                    parent,
                    cause,
                    layer,
                    pid,
                    name,
                    args,
                    entered: moment,
                    entered_time: time,
                    exited: None,
                    below: 0,
                    first_child: None,
                    last_child: None,
                    next_sibling: None,
                    previous_sibling: None,
                });
                Tick::Enter(layer)
            }
            EventKind::Exit { span, outcome } => {
                self.exit(span, moment, time, outcome);
                Tick::Exit(span)
            }
            EventKind::Delta { span, delta } => {
                if let Delta::Task(task) = &delta
                    && let Some(after) = &task.after
                {
                    self.names.insert(task.key, after.comm.clone());
                }
                self.follow_terminal(span, &delta, moment);
                self.folded.push(Change {
                    event: moment,
                    span,
                    delta,
                });
                Tick::Delta
            }
            EventKind::Note { span, key, args } => {
                self.notes.push(Note {
                    event: moment,
                    span,
                    key,
                    args,
                });
                Tick::Note
            }
        };
        self.ticks.push_back((time, tick));
    }

    fn enter(&mut self, mut span: Span) {
        if self.spans.is_empty() {
            self.first_span = span.id.0;
        }
        if span.id.0 != self.first_span + self.spans.len() as u64 {
            // Spans are numbered in the order of entry; a stream that is none is not shown as one.
            return;
        }
        let known = |id: &SpanId| id.0 < span.id.0 && self.span(*id).is_some();
        span.up = span.cause.filter(known).or(span.parent.filter(known));
        let (id, layer, up) = (span.id, span.layer, span.up);
        if layer == Layer::Syscall {
            self.prompts.entered(&span);
        }
        self.spans.push_back(span);
        let Some(up) = up else { return };
        let previous = self.span_mut(up).and_then(|up| {
            up.first_child.get_or_insert(id);
            up.last_child.replace(id)
        });
        if let Some(previous) = previous.and_then(|previous| self.span_mut(previous)) {
            previous.next_sibling = Some(id);
        }
        if let Some(span) = self.span_mut(id) {
            span.previous_sibling = previous;
        }
        self.tell_above(up, layer);
    }

    /// Notes at a span and all above it that a layer is below. Ends where it is known.
    fn tell_above(&mut self, from: SpanId, layer: Layer) {
        let mut next = Some(from);
        while let Some(span) = next.and_then(|id| self.span_mut(id)) {
            if span.below & bit(layer) != 0 {
                return;
            }
            span.below |= bit(layer);
            next = span.up;
        }
    }

    fn exit(&mut self, id: SpanId, moment: Moment, time: u64, outcome: Outcome) {
        let place = id.0.checked_sub(self.first_span);
        let Some(span) = place.and_then(|place| self.spans.get_mut(place as usize)) else {
            return;
        };
        span.exited = Some((moment, time, outcome));
        if span.layer == Layer::Syscall {
            self.prompts.exited(span);
        }
    }

    /// Takes the newest span out of the tree. What it told about layers below stays: it is a hint for display.
    fn pop_span(&mut self) {
        let Some(span) = self.spans.pop_back() else {
            return;
        };
        let previous = span.previous_sibling;
        if let Some(up) = span.up.and_then(|up| self.span_mut(up)) {
            up.last_child = previous;
            if previous.is_none() {
                up.first_child = None;
            }
        }
        if let Some(previous) = previous.and_then(|id| self.span_mut(id)) {
            previous.next_sibling = None;
        }
    }

    fn forget(&mut self, moment: Moment) {
        let since = self.folded.forget(moment).max(self.base);
        if since == self.base {
            return;
        }
        self.forgetful = true;
        self.ticks.drain(..(since - self.base) as usize);
        self.base = since;
        while self.spans.front().is_some_and(|span| span.entered < since) {
            self.spans.pop_front();
            self.first_span += 1;
        }
        self.notes.retain(|note| note.event >= since);
    }
}

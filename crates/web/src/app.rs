//! The state of the interface, and everything that may happen to it.

use crate::page;
use crate::texts::{LANGUAGES, Texts};
use crate::view;
use glassdock_playground::protocol::{
    self, FromMachine, Job, State, ToMachine, VERSION, decode, encode,
};
use glassdock_playground::viewer::{
    Facts, Journey, Layers, Moment, Opened, Picture, RowKind, Timeline, facts, picture,
};
use glassdock_trace::{Event, Layer, SpanId};
use wasm_bindgen::prelude::Closure;
use yew::prelude::*;

/// How long after a change the journey is laid out anew while the machine runs, in milliseconds.
const LAYOUT_MS: u32 = 60;
/// Time between two steps while playing, in milliseconds.
const PLAY_MS: u32 = 650;
/// How long a short message stays, in milliseconds.
const TOAST_MS: u32 = 2600;

/// The theme.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// As the system has it.
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// Its name, as the style sheet knows it.
    pub const fn name(self) -> &'static str {
        match self {
            Theme::Auto => "auto",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }
    const fn next(self) -> Theme {
        match self {
            Theme::Auto => Theme::Light,
            Theme::Light => Theme::Dark,
            Theme::Dark => Theme::Auto,
        }
    }
}

/// The parts that a narrow screen shows one at a time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    /// The terminal.
    Terminal,
    /// The journey.
    Journey,
    /// The machine's picture.
    Machine,
    /// The selected step.
    Details,
}

impl Tab {
    /// Its name, as the style sheet and the texts know it.
    pub const fn name(self) -> &'static str {
        match self {
            Tab::Terminal => "terminal",
            Tab::Journey => "journey",
            Tab::Machine => "machine",
            Tab::Details => "details",
        }
    }
}

/// What covers the page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Dialog {
    /// Keys and hints.
    Help,
    /// What this is and what is modelled.
    About,
}

/// What may happen.
pub enum Msg {
    /// Messages from the machine.
    Machine(Vec<u8>),
    /// The machine cannot run; in the browser's words.
    Failed(String),
    /// Something to know about the machine: a key of the texts.
    Notice(String),
    /// Another machine took this one's place: it is to be greeted.
    Again,
    /// Texts of a language arrived.
    Texts(&'static str, Texts),
    /// Bytes typed into the terminal.
    Typed(Vec<u8>),
    /// The terminal's size: rows, columns.
    Sized(u16, u16),
    /// A key outside the terminal.
    Key(Key),
    /// The journey is to be laid out anew.
    Layout,
    /// The next step while playing.
    Tick(u32),
    /// A short message has been seen.
    ToastOver(u32),
    /// To a place along the timeline, in parts of its width.
    SeekAlong(f64),
    /// To now.
    Now,
    /// By a step.
    Step(Walk),
    /// Plays or pauses.
    Play,
    /// A row was chosen.
    Select(usize),
    /// A row is opened or closed.
    Toggle(usize),
    /// A layer is shown or hidden.
    Layer(Layer),
    /// The journey's list was scrolled.
    Scrolled(f64, f64),
    /// A suggested line is typed into the terminal.
    Suggest(&'static str),
    /// Another tab.
    Tab(Tab),
    /// Another language.
    Language(&'static str),
    /// The next theme.
    Theme,
    /// The last line is taken back.
    Undo,
    /// The machine starts anew.
    Restart,
    /// A dialog opens or closes.
    Dialog(Option<Dialog>),
    /// Something else changed what is drawn, such as the window's size.
    Redraw,
}

/// Keys outside the terminal.
pub enum Key {
    /// A step back.
    Left,
    /// A step on.
    Right,
    /// To the command's first step.
    Home,
    /// To now.
    End,
    /// Play or pause.
    Space,
    /// Help.
    Help,
    /// Closes what is open.
    Escape,
    /// To the terminal.
    Terminal,
    /// To the row above.
    Up,
    /// To the row below.
    Down,
    /// Opens or closes the row.
    Enter,
    /// Takes back.
    Undo,
}

/// A way to walk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Walk {
    /// To the command's first step.
    First,
    /// A step back.
    Back,
    /// A step on.
    On,
}

/// How the machine is.
#[derive(Clone, PartialEq)]
pub enum Stage {
    /// It is being fetched and started: what is done, done, of so much (zero where unknown).
    Starting(Option<Job>, u64, u64),
    /// It runs.
    Running,
    /// It cannot.
    Failed(String),
}

/// The interface.
pub struct App {
    pub(crate) texts: Texts,
    pub(crate) language: &'static str,
    pub(crate) theme: Theme,
    pub(crate) stage: Stage,
    pub(crate) state: State,
    pub(crate) rewinds: bool,
    pub(crate) timeline: Timeline,
    pub(crate) journey: Journey,
    pub(crate) layers: Layers,
    opened: Opened,
    /// The moment that is looked at; `None` is now.
    pub(crate) at: Option<Moment>,
    /// The command that is looked at.
    pub(crate) place: usize,
    pub(crate) selected: Option<RowKind>,
    pub(crate) facts: Option<Facts>,
    pub(crate) picture: Picture,
    pub(crate) playing: bool,
    ticks: u32,
    pub(crate) tab: Tab,
    pub(crate) side: Tab,
    pub(crate) dialog: Option<Dialog>,
    pub(crate) toast: Option<String>,
    toasts: u32,
    pub(crate) scroll: (f64, f64),
    pub(crate) row_height: f64,
    reveal: bool,
    layout_due: bool,
    output_end: u64,
    pub(crate) screen: NodeRef,
    pub(crate) list: NodeRef,
    pub(crate) canvas: NodeRef,
    handlers: Option<Handlers>,
}

/// Closures that the browser calls as long as the page lives.
struct Handlers {
    bytes: Closure<dyn FnMut(Vec<u8>)>,
    failure: Closure<dyn FnMut(String)>,
    notice: Closure<dyn FnMut(String)>,
    again: Closure<dyn FnMut()>,
    input: Closure<dyn FnMut(Vec<u8>)>,
    size: Closure<dyn FnMut(u16, u16)>,
    step: Closure<dyn FnMut(i32)>,
    leave: Closure<dyn FnMut()>,
    redraw: Closure<dyn FnMut()>,
    key: Closure<dyn FnMut(String) -> bool>,
    layout: Closure<dyn FnMut()>,
}

impl Handlers {
    fn new(ctx: &Context<App>) -> Handlers {
        let link = || ctx.link().clone();
        let (bytes, failure, input, size) = (link(), link(), link(), link());
        let (notice, again) = (link(), link());
        let (step, redraw, key, layout) = (link(), link(), link(), link());
        Handlers {
            bytes: Closure::new(move |message| bytes.send_message(Msg::Machine(message))),
            failure: Closure::new(move |what| failure.send_message(Msg::Failed(what))),
            notice: Closure::new(move |key| notice.send_message(Msg::Notice(key))),
            again: Closure::new(move || again.send_message(Msg::Again)),
            input: Closure::new(move |typed| input.send_message(Msg::Typed(typed))),
            size: Closure::new(move |rows, cols| size.send_message(Msg::Sized(rows, cols))),
            step: Closure::new(move |by| {
                step.send_message(Msg::Step(if by < 0 { Walk::Back } else { Walk::On }));
            }),
            leave: Closure::new(|| page::focus_element("journey")),
            redraw: Closure::new(move || redraw.send_message(Msg::Redraw)),
            key: Closure::new(move |name: String| match key_of(&name) {
                Some(known) => {
                    key.send_message(Msg::Key(known));
                    true
                }
                None => false,
            }),
            layout: Closure::new(move || layout.send_message(Msg::Layout)),
        }
    }
}

fn key_of(name: &str) -> Option<Key> {
    Some(match name {
        "ArrowLeft" => Key::Left,
        "ArrowRight" => Key::Right,
        "ArrowUp" => Key::Up,
        "ArrowDown" => Key::Down,
        "Enter" => Key::Enter,
        "Home" => Key::Home,
        "End" => Key::End,
        " " => Key::Space,
        "?" => Key::Help,
        "Escape" => Key::Escape,
        "t" | "F6" => Key::Terminal,
        "u" => Key::Undo,
        _ => return None,
    })
}

fn preferred_language() -> &'static str {
    let wanted = page::recall("language").unwrap_or_else(page::browser_language);
    LANGUAGES
        .iter()
        .map(|(code, _)| *code)
        .find(|code| wanted.starts_with(code))
        .unwrap_or("en")
}

impl Component for App {
    type Message = Msg;
    type Properties = ();

    fn create(ctx: &Context<Self>) -> Self {
        let theme = match page::recall("theme").as_deref() {
            Some("light") => Theme::Light,
            Some("dark") => Theme::Dark,
            _ => Theme::Auto,
        };
        page::set_theme(theme.name());
        let language = preferred_language();
        load_texts(ctx, language);
        App {
            texts: Texts::default(),
            language,
            theme,
            stage: Stage::Starting(None, 0, 0),
            state: State::default(),
            rewinds: false,
            timeline: Timeline::new(),
            journey: Journey::default(),
            layers: Layers::default(),
            opened: Opened::new(),
            at: None,
            place: 0,
            selected: None,
            facts: None,
            picture: Picture::default(),
            playing: false,
            ticks: 0,
            tab: Tab::Terminal,
            side: Tab::Machine,
            dialog: None,
            toast: None,
            toasts: 0,
            scroll: (0.0, 600.0),
            row_height: page::row_height(),
            reveal: false,
            layout_due: false,
            output_end: 0,
            screen: NodeRef::default(),
            list: NodeRef::default(),
            canvas: NodeRef::default(),
            handlers: None,
        }
    }

    fn update(&mut self, ctx: &Context<Self>, msg: Msg) -> bool {
        match msg {
            Msg::Machine(bytes) => return self.heard(&bytes),
            Msg::Failed(what) => self.stage = Stage::Failed(what),
            Msg::Notice(key) => {
                let text = self.texts.get(&key);
                self.say(ctx, text);
            }
            Msg::Again => {
                self.hello();
                return false;
            }
            Msg::Texts(language, texts) => {
                self.language = language;
                self.texts = texts;
                page::set_language(language, &self.texts.get("app.title"));
                page::label_terminal(&self.texts.get("terminal.label"));
            }
            Msg::Typed(bytes) => {
                self.send(&ToMachine::Input { terminal: 0, bytes });
                return false;
            }
            Msg::Sized(rows, cols) => {
                self.send(&ToMachine::Resize {
                    terminal: 0,
                    rows,
                    cols,
                });
                return false;
            }
            Msg::Key(key) => return self.key(ctx, key),
            Msg::Layout => {
                self.layout_due = false;
                self.lay_out();
            }
            Msg::Tick(number) => {
                if !self.playing || number != self.ticks {
                    return false;
                }
                self.walk(Walk::On);
                if self.at.is_none() {
                    self.playing = false;
                } else {
                    self.tick(ctx);
                }
            }
            Msg::ToastOver(number) => {
                if number == self.toasts {
                    self.toast = None;
                }
            }
            Msg::SeekAlong(part) => {
                let track = view::time::Track::new(self, 1.0);
                self.seek(track.moment(part));
            }
            Msg::Now => self.now(),
            Msg::Step(walk) => {
                self.playing = false;
                self.walk(walk);
            }
            Msg::Play => self.play(ctx),
            Msg::Select(row) => self.select(row),
            Msg::Toggle(row) => self.toggle(row),
            Msg::Layer(layer) => {
                self.layers = self.layers.toggled(layer);
                self.lay_out();
            }
            Msg::Scrolled(top, height) => self.scroll = (top, height),
            Msg::Suggest(line) => {
                let mut bytes = line.as_bytes().to_vec();
                bytes.push(b'\r');
                self.send(&ToMachine::Input { terminal: 0, bytes });
                page::focus_terminal();
                return false;
            }
            Msg::Tab(tab) => {
                self.tab = tab;
                if matches!(tab, Tab::Machine | Tab::Details) {
                    self.side = tab;
                }
            }
            Msg::Language(language) => {
                page::remember("language", language);
                load_texts(ctx, language);
                return false;
            }
            Msg::Theme => {
                self.theme = self.theme.next();
                page::remember("theme", self.theme.name());
                page::set_theme(self.theme.name());
            }
            Msg::Undo => self.undo(ctx),
            Msg::Restart => self.restart(),
            Msg::Dialog(dialog) => self.dialog = dialog,
            Msg::Redraw => self.row_height = page::row_height(),
        }
        true
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        view::app(self, ctx.link())
    }

    fn rendered(&mut self, ctx: &Context<Self>, first: bool) {
        if first {
            let handlers = &*self.handlers.insert(Handlers::new(ctx));
            page::on_key(&handlers.key);
            page::on_scheme_change(&handlers.redraw);
            page::on_resize(&handlers.redraw);
            self.start_machine(false);
        }
        self.open_terminal();
        self.reveal_selected();
        view::time::draw(self);
    }
}

fn load_texts(ctx: &Context<App>, language: &'static str) {
    let link = ctx.link().clone();
    let loaded = Closure::once_into_js(move |text: Option<String>| {
        link.send_message(match text {
            Some(text) => Msg::Texts(language, Texts::parse(&text)),
            None => Msg::Failed("text".to_owned()),
        });
    });
    page::load_text(language, &loaded);
}

impl App {
    fn send(&self, message: &ToMachine) {
        let mut bytes = Vec::new();
        encode(message, &mut bytes);
        page::post(&bytes);
    }

    fn hello(&self) {
        self.send(&ToMachine::Hello {
            version: VERSION,
            events_from: self.timeline.end(),
            output_from: self.output_end,
        });
    }

    fn start_machine(&self, fresh: bool) {
        if let Some(on) = &self.handlers {
            page::start_machine(fresh, &on.bytes, &on.failure, &on.notice, &on.again);
            self.hello();
        }
    }

    /// Shows a short message.
    fn say(&mut self, ctx: &Context<App>, text: String) {
        self.toasts += 1;
        self.toast = Some(text);
        after(ctx, TOAST_MS, Msg::ToastOver(self.toasts));
    }

    fn open_terminal(&mut self) {
        let Some(handlers) = &self.handlers else {
            return;
        };
        if !self.texts.is_loaded() || self.screen.get().is_none() {
            return;
        }
        let Some(element) = self.screen.cast::<web_sys::Element>() else {
            return;
        };
        if element.has_attribute("data-open") {
            return;
        }
        let _ = element.set_attribute("data-open", "");
        let label = self.texts.get("terminal.label");
        // A failure shows in the browser's console; the rest of the page works without a terminal.
        let _ = page::open_terminal(
            &element,
            &label,
            &handlers.input,
            &handlers.size,
            &handlers.step,
            &handlers.leave,
        );
    }

    // What the machine says.

    fn heard(&mut self, bytes: &[u8]) -> bool {
        let Ok(messages) = decode::<FromMachine>(bytes) else {
            self.stage = Stage::Failed("message".to_owned());
            return true;
        };
        let mut redraw = false;
        for message in messages {
            redraw |= self.message(message);
        }
        redraw
    }

    fn message(&mut self, message: FromMachine) -> bool {
        match message {
            FromMachine::Hello {
                version, rewinds, ..
            } => {
                self.rewinds = rewinds;
                self.stage = if version == VERSION {
                    Stage::Running
                } else {
                    Stage::Failed("version".to_owned())
                };
            }
            FromMachine::Output {
                terminal: 0,
                at,
                bytes,
            } => {
                let known = self.output_end.saturating_sub(at) as usize;
                if let Some(new) = bytes.get(known..).filter(|new| !new.is_empty()) {
                    page::write_terminal(new);
                    self.output_end = at + bytes.len() as u64;
                }
                return false;
            }
            FromMachine::Output { .. } => return false,
            FromMachine::Events { from, bytes, .. } => {
                // The machine wrote them with the same types; what is none would show as a gap.
                let events: Vec<Event> = decode(&bytes).unwrap_or_default();
                self.timeline.push_events(from, events);
                self.lay_out_soon();
                return false;
            }
            FromMachine::Line(line) => {
                self.timeline.push_line(line);
                if self.at.is_none() {
                    self.follow();
                }
                self.lay_out_soon();
                return false;
            }
            FromMachine::State(state) => {
                let same = self.state.busy == state.busy && self.state.undoable == state.undoable;
                self.state = state;
                self.lay_out_soon();
                return !same;
            }
            FromMachine::Rewound { events, lines, .. } => {
                self.timeline.rewind(events, lines as usize);
                self.output_end = 0;
                page::reset_terminal();
                self.now();
            }
            FromMachine::Progress { job, done, total } => {
                self.stage = match self.stage {
                    Stage::Running => Stage::Running,
                    _ => Stage::Starting(Some(job), done, total),
                };
            }
            FromMachine::Failed { what } => self.stage = Stage::Failed(what),
        }
        true
    }

    /// Looks at the newest command.
    fn follow(&mut self) {
        let newest = self.timeline.command_count() - 1;
        if self.place != newest {
            self.place = newest;
            self.selected = None;
            self.opened.clear();
            self.scroll.0 = 0.0;
        }
    }

    fn lay_out_soon(&mut self) {
        if self.layout_due {
            return;
        }
        self.layout_due = true;
        if let Some(handlers) = &self.handlers {
            page::afterwards(LAYOUT_MS, handlers.layout.as_ref());
        }
    }

    // What is looked at.

    /// Lays the journey out anew and looks at the moment again.
    fn lay_out(&mut self) {
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
    fn look(&mut self) {
        let moment = self.at.unwrap_or(self.timeline.end());
        let since = match self.at {
            None => moment,
            Some(at) => self
                .journey
                .previous(at)
                .map_or(moment.saturating_sub(1), |step| step.moment),
        };
        self.picture = picture(&mut self.timeline, since, moment);
        if self.at.is_some() {
            let row = self.journey.at(moment).map(|step| step.row as usize);
            self.selected = row.and_then(|row| Some(self.journey.rows.get(row)?.kind));
        }
        self.facts = match self.selected {
            Some(RowKind::Span(id)) => facts(&mut self.timeline, id),
            _ => None,
        };
    }

    fn seek(&mut self, moment: Moment) {
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

    fn now(&mut self) {
        self.at = None;
        self.playing = false;
        self.selected = None;
        self.follow();
        self.lay_out();
    }

    fn walk(&mut self, walk: Walk) {
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
    fn walk_over(&mut self, onwards: bool) {
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

    fn play(&mut self, ctx: &Context<App>) {
        self.playing = !self.playing;
        if self.playing {
            if self.at.is_none() {
                self.walk(Walk::First);
            }
            self.playing = self.at.is_some();
            self.tick(ctx);
        }
    }

    fn tick(&mut self, ctx: &Context<App>) {
        self.ticks += 1;
        after(ctx, PLAY_MS, Msg::Tick(self.ticks));
    }

    fn select(&mut self, place: usize) {
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

    fn toggle(&mut self, place: usize) {
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

    fn undo(&mut self, ctx: &Context<App>) {
        if !self.rewinds || self.state.undoable == 0 {
            return;
        }
        self.send(&ToMachine::Undo);
        self.now();
        self.say(ctx, self.texts.get("top.undone"));
    }

    fn restart(&mut self) {
        self.stage = Stage::Starting(None, 0, 0);
        self.dialog = None;
        self.timeline = Timeline::new();
        self.output_end = 0;
        page::reset_terminal();
        self.now();
        self.start_machine(true);
    }

    fn key(&mut self, ctx: &Context<App>, key: Key) -> bool {
        if self.dialog.is_some() {
            if matches!(key, Key::Escape | Key::Help) {
                self.dialog = None;
            }
            return true;
        }
        match key {
            Key::Left => self.walk(Walk::Back),
            Key::Right => self.walk(Walk::On),
            Key::Home => self.walk(Walk::First),
            Key::End => self.now(),
            Key::Space => self.play(ctx),
            Key::Help => self.dialog = Some(Dialog::Help),
            Key::Escape => self.now(),
            Key::Terminal => page::focus_terminal(),
            Key::Up | Key::Down => self.row_by(matches!(key, Key::Down)),
            Key::Enter => {
                if let Some(row) = self.selected_row() {
                    self.toggle(row);
                }
            }
            Key::Undo => self.undo(ctx),
        }
        true
    }

    /// Goes to the row above or below the selected one that is a step.
    fn row_by(&mut self, down: bool) {
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
    fn reveal_selected(&mut self) {
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

    /// The span that is selected.
    pub(crate) fn selected_span(&self) -> Option<SpanId> {
        match self.selected? {
            RowKind::Span(id) => Some(id),
            _ => None,
        }
    }

    /// The console's protocol version, for the page that tells about it.
    pub(crate) const fn protocol() -> u32 {
        protocol::VERSION
    }
}

fn after(ctx: &Context<App>, milliseconds: u32, message: Msg) {
    let link = ctx.link().clone();
    let then = Closure::once_into_js(move || link.send_message(message));
    page::afterwards(milliseconds, &then);
}

//! The state of the interface, and everything that may happen to it.

mod handlers;
mod heard;
mod look;
mod msg;

pub use msg::{Dialog, Key, Msg, Stage, Tab, Theme, Walk};

use crate::page;
use crate::texts::{LANGUAGES, Texts};
use crate::view;
use glassdock_playground::protocol::{State, ToMachine};
use glassdock_playground::viewer::{
    Facts, Journey, Layers, Moment, Opened, Picture, RowKind, Timeline,
};
use handlers::Handlers;
use look::{Reveal, remembered_layers};
use std::collections::BTreeSet;
use wasm_bindgen::prelude::Closure;
use yew::prelude::*;

/// How long a short message stays, in milliseconds.
const TOAST_MS: u32 = 2600;

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
    /// What is to be said once there are texts.
    notice: Option<String>,
    pub(crate) scroll: (f64, f64),
    pub(crate) row_height: f64,
    reveal: bool,
    layout_due: bool,
    /// How long laying out took the last time, in milliseconds.
    layout_took: f64,
    output_end: u64,
    /// Output before this position was there before this page: a terminal answers no question in it.
    output_old: u64,
    pub(crate) screen: NodeRef,
    pub(crate) list: NodeRef,
    /// The machine's picture, and what of it is to be scrolled into view.
    pub(crate) boxes: NodeRef,
    show_box: Option<Reveal>,
    /// Containers that were drawn, so that a new one is noticed.
    drawn: BTreeSet<String>,
    /// The command whose stretch of the timeline the pointer is over.
    pub(crate) hover: Option<usize>,
    pub(crate) canvas: NodeRef,
    handlers: Option<Handlers>,
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
            layers: remembered_layers(),
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
            notice: None,
            scroll: (0.0, 600.0),
            row_height: page::row_height(),
            reveal: false,
            layout_due: false,
            layout_took: 0.0,
            output_end: 0,
            output_old: 0,
            screen: NodeRef::default(),
            list: NodeRef::default(),
            boxes: NodeRef::default(),
            show_box: None,
            drawn: BTreeSet::new(),
            hover: None,
            canvas: NodeRef::default(),
            handlers: None,
        }
    }

    fn update(&mut self, ctx: &Context<Self>, msg: Msg) -> bool {
        match msg {
            Msg::Machine(bytes) => return self.heard(&bytes),
            Msg::Failed(what) => self.stage = Stage::Failed(what),
            // What is said before there are texts waits for them.
            Msg::Notice(key) if !self.texts.is_loaded() => self.notice = Some(key),
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
                if let Some(key) = self.notice.take() {
                    let text = self.texts.get(&key);
                    self.say(ctx, text);
                }
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
                let start = page::clock();
                self.layout_due = false;
                self.lay_out();
                self.layout_took = page::clock() - start;
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
            Msg::Hover(part) => return self.hover(part),
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
                self.remember_layers();
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
            self.output_end = page::output_end() as u64;
            self.start_machine(false);
        }
        self.open_terminal();
        self.reveal_selected();
        self.reveal_box();
        self.measure(ctx);
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
        page::open_terminal(
            &element,
            &label,
            &handlers.input,
            &handlers.size,
            &handlers.step,
            &handlers.leave,
        );
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
}

fn after(ctx: &Context<App>, milliseconds: u32, message: Msg) {
    let link = ctx.link().clone();
    let then = Closure::once_into_js(move || link.send_message(message));
    page::afterwards(milliseconds, &then);
}

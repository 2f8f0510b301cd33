//! What may happen to the interface, and the few words that its state is made of.

use crate::texts::Texts;
use glassdock_playground::protocol::Job;
use glassdock_trace::Layer;

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
    /// The next one, in a circle.
    pub const fn next(self) -> Theme {
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
    /// Whether to start the machine anew.
    Restart,
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
    /// The pointer is over a place along the timeline, in parts of its width, or has left it.
    Hover(Option<f64>),
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

impl Key {
    /// The key of a browser's name for it.
    pub fn named(name: &str) -> Option<Key> {
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
}

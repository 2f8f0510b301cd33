//! What is to be known of one step.

use super::describe;
use super::http::{self, Message};
use super::picture::Mark;
use super::strace;
use super::{Moment, Span, Timeline, children};
use glassdock_abi::{Errno, Ret};
use glassdock_trace::{Args, Delta, Layer, Outcome, SpanId, Value};
use std::borrow::Cow;

/// Digits of an id in full, and as `docker ps` shows it.
const ID: usize = 64;
const SHORT_ID: usize = 12;
/// Longest result or argument in a one-line summary, in characters.
const SUMMARY_LIMIT: usize = 120;

/// A named value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fact {
    /// Its name, as the code or the manual has it.
    pub name: String,
    /// Its value, as the machine says it.
    pub value: String,
}

/// One change of state, with the fields that differ.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StateChange {
    /// Kind of entity, such as `Mount`.
    pub kind: &'static str,
    /// Which one.
    pub key: String,
    /// What happened to it.
    pub mark: Mark,
    /// Fields that differ: name, before, after. A side that is not there is empty.
    pub fields: Vec<(&'static str, String, String)>,
}

/// How a step ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ending {
    /// It has not.
    Open,
    /// Well, with this result (perhaps nothing).
    Fine(String),
    /// With an error number.
    Errno(Errno),
    /// In words.
    Failed(String),
    /// It was cut short.
    Cut,
}

/// All that is known of a step.
#[derive(Clone, PartialEq, Debug)]
pub struct Facts {
    /// Its layer.
    pub layer: Layer,
    /// Its name.
    pub name: String,
    /// The process that acts and its name at that moment.
    pub pid: i32,
    /// Its name then.
    pub comm: String,
    /// The reason, as a key of the texts with arguments.
    pub why: Option<(String, Vec<String>)>,
    /// The manual page, such as `mount(2)`.
    pub manual: Option<String>,
    /// Arguments by name.
    pub arguments: Vec<Fact>,
    /// How it ended.
    pub ending: Ending,
    /// Virtual time of its entry, and how long it took.
    pub time: (u64, Option<u64>),
    /// HTTP messages: of the step itself, and the answer below it.
    pub messages: Vec<Message>,
    /// Changes of state that it made itself.
    pub changes: Vec<StateChange>,
    /// Changes that were made by the steps below it, by kind.
    pub changes_below: Vec<(&'static str, u32)>,
    /// Notes, as keys of the texts with arguments.
    pub notes: Vec<(String, Vec<String>)>,
}

/// What is to be known of a span.
pub fn facts(timeline: &mut Timeline, id: SpanId) -> Option<Facts> {
    let entered = timeline.span(id)?.entered;
    let pid = timeline.span(id)?.pid;
    let world = timeline.world(entered);
    let comm = world
        .tasks
        .get(&pid)
        .map(|task| task.comm.clone())
        .unwrap_or_default();
    let span = timeline.span(id)?;
    let (changes, changes_below) = changes(timeline, span);
    Some(Facts {
        layer: span.layer,
        name: span.name.to_string(),
        pid,
        comm,
        why: why(timeline, span),
        manual: (span.layer == Layer::Syscall).then(|| manual_page(&span.name)),
        arguments: arguments(span),
        ending: ending(span),
        time: (span.entered_time, span.duration()),
        messages: messages(timeline, span),
        changes,
        changes_below,
        notes: timeline
            .notes(id)
            .map(|note| (note.key.to_string(), note.args.iter().map(plain).collect()))
            .collect(),
    })
}

/// A text in which every full id of 64 hexadecimal digits is as short as `docker ps` shows it.
pub fn with_short_ids(text: &str) -> String {
    let is_digit = |letter: char| matches!(letter, '0'..='9' | 'a'..='f');
    let mut short = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_digit) {
        let run = &rest[start..];
        let length = run.find(|letter| !is_digit(letter)).unwrap_or(run.len());
        let kept = if length == ID { SHORT_ID } else { length };
        short.push_str(&rest[..start + kept]);
        rest = &run[length..];
    }
    short.push_str(rest);
    short
}

/// One line about a step: what it is given.
pub fn summary(span: &Span) -> String {
    let mut line = String::new();
    match &span.args {
        Args::None => {}
        Args::Key(_, args) => {
            let args: Vec<String> = args.iter().map(plain).collect();
            line = args.join(", ");
        }
        _ if span.layer == Layer::Http => {}
        _ => {
            for fact in arguments(span) {
                if !line.is_empty() {
                    line.push_str(", ");
                }
                line.push_str(&fact.value);
                if line.len() > SUMMARY_LIMIT {
                    break;
                }
            }
        }
    }
    clipped(line, SUMMARY_LIMIT)
}

/// A few words about how a step ended: `= 3`, `ENOENT`; empty where there is nothing to say.
pub fn result(span: &Span) -> String {
    match ending(span) {
        // That a call went well is what is expected of it.
        Ending::Fine(text) if span.layer == Layer::Syscall && text == "0" => String::new(),
        Ending::Fine(text) => clipped(text, SUMMARY_LIMIT / 3),
        Ending::Errno(errno) => errno.name().map_or_else(String::new, str::to_owned),
        Ending::Failed(text) => clipped(text, SUMMARY_LIMIT),
        Ending::Open | Ending::Cut => String::new(),
    }
}

fn clipped(mut text: String, limit: usize) -> String {
    if let Some((place, _)) = text.char_indices().nth(limit) {
        text.truncate(place);
        text.push('…');
    }
    text
}

/// A value as the machine says it, without quotes.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Int(number) => number.to_string(),
        Value::Hex(number) => hex(*number),
        Value::Text(text) => text.clone(),
        Value::Bytes(bytes, length) => {
            let mut text = describe::quoted(bytes);
            if *length > bytes.len() as u64 {
                text.push_str("...");
            }
            text
        }
    }
}

fn hex(number: u64) -> String {
    if number < 10 {
        return number.to_string();
    }
    let mut digits = Vec::new();
    let mut rest = number;
    while rest > 0 {
        digits.push(char::from_digit((rest & 15) as u32, 16).unwrap_or('?'));
        rest >>= 4;
    }
    "0x".chars().chain(digits.into_iter().rev()).collect()
}

/// A step's arguments by name.
pub fn arguments(span: &Span) -> Vec<Fact> {
    let fact = |name: &str, value: String| Fact {
        name: name.to_owned(),
        value,
    };
    match &span.args {
        Args::None => Vec::new(),
        Args::Call(call) => strace::arguments(&span.name, call, yielded(span).as_deref())
            .into_iter()
            .map(|(name, value)| fact(name, value))
            .collect(),
        Args::Raw(_, values) => strace::registers(&span.name, values)
            .into_iter()
            .map(|(name, value)| fact(name, value))
            .collect(),
        Args::Fields(fields) => fields
            .iter()
            .map(|(name, value)| fact(name, plain(value)))
            .collect(),
        Args::Key(_, args) => args
            .iter()
            .enumerate()
            .map(|(place, value)| fact(&place.to_string(), plain(value)))
            .collect(),
    }
}

fn ending(span: &Span) -> Ending {
    match span.outcome() {
        None => Ending::Open,
        Some(outcome @ (Outcome::Ok | Outcome::Int(_) | Outcome::Ret(_))) => {
            Ending::Fine(well(span, outcome))
        }
        Some(Outcome::Errno(errno)) => Ending::Errno(*errno),
        Some(Outcome::Failed(text)) => Ending::Failed(text.clone()),
        Some(Outcome::Cut) => Ending::Cut,
    }
}

/// The result of a step that ended well.
fn well(span: &Span, outcome: &Outcome) -> String {
    match (&span.args, outcome) {
        // They do not return.
        _ if matches!(span.name.as_ref(), "exit" | "exit_group") => "?".to_owned(),
        (Args::Call(call), _) => {
            yielded(span).map_or_else(String::new, |ret| strace::result(&span.name, call, &ret))
        }
        (Args::Raw(..), Outcome::Int(number)) => strace::register(&span.name, *number),
        (_, Outcome::Int(number)) => number.to_string(),
        _ if span.layer == Layer::Syscall => "0".to_owned(),
        _ => String::new(),
    }
}

/// What a call yielded, where it has ended well.
fn yielded(span: &Span) -> Option<Cow<'_, Ret>> {
    match span.outcome()? {
        Outcome::Ok => Some(Cow::Owned(Ret::None)),
        Outcome::Int(number) => Some(Cow::Owned(Ret::Int(*number))),
        Outcome::Ret(ret) => Some(Cow::Borrowed(&**ret)),
        Outcome::Errno(_) | Outcome::Failed(_) | Outcome::Cut => None,
    }
}

/// The reason of a step: its own, or of the step it is part of where that is a reason for exactly this.
fn why(timeline: &Timeline, span: &Span) -> Option<(String, Vec<String>)> {
    let own = |span: &Span| match &span.args {
        Args::Key(key, args) => Some((key.to_string(), args.iter().map(plain).collect())),
        _ => None,
    };
    own(span).or_else(|| own(timeline.span(span.up?)?))
}

/// The section and name of the manual page of a system call. Calls with several forms share a page.
fn manual_page(name: &str) -> String {
    let page = match name {
        "pread64" | "pwrite64" => "pread",
        "fchmodat2" => "fchmodat",
        "newfstatat" | "fstat" | "lstat" => "stat",
        "rt_sigaction" => "sigaction",
        "rt_sigprocmask" => "sigprocmask",
        "rt_sigreturn" => "sigreturn",
        "rt_sigsuspend" => "sigsuspend",
        "exit_group" => "exit_group",
        "signalfd4" => "signalfd",
        "prlimit64" => "prlimit",
        "setresgid" => "setresuid",
        "fchdir" => "chdir",
        "fdatasync" => "fsync",
        name => name,
    };
    let mut text = page.to_owned();
    text.push_str("(2)");
    text
}

fn bytes_of<'a>(args: &'a Args, wanted: &str) -> Option<(&'a [u8], u64)> {
    let Args::Fields(fields) = args else {
        return None;
    };
    fields.iter().find_map(|(name, value)| match value {
        Value::Bytes(bytes, length) if name == wanted => Some((bytes.as_slice(), *length)),
        _ => None,
    })
}

/// The HTTP messages of a step: its own, its body where that came later, and the answer.
fn messages(timeline: &Timeline, span: &Span) -> Vec<Message> {
    if span.layer != Layer::Http {
        return Vec::new();
    }
    let mut messages = exchanged(timeline, served(timeline, span).unwrap_or(span));
    if messages.len() < 2 {
        // The answer is on its way.
        messages.extend(exchanged(timeline, span).into_iter().skip(1));
    }
    messages
}

/// The step of the server that answers a client's request: what it read is what went over the socket, with what the
/// client's library added below the client's own step. It is the first with the same request after it.
fn served<'a>(timeline: &'a Timeline, request: &Span) -> Option<&'a Span> {
    let answers = |span: &&Span| {
        span.layer == Layer::Http && span.name == request.name && span.pid != request.pid
    };
    let until = request
        .exited
        .as_ref()
        .map_or(timeline.end(), |(at, ..)| *at);
    timeline
        .spans_between(request.entered + 1, until)
        .find(answers)
}

fn exchanged(timeline: &Timeline, span: &Span) -> Vec<Message> {
    let mut messages = Vec::new();
    let read = |span: &Span| {
        let head = bytes_of(&span.args, "head")?.0;
        Some(http::message(head, bytes_of(&span.args, "body")))
    };
    messages.extend(read(span));
    for child in children(timeline, span.id).filter(|child| child.layer == Layer::Http) {
        if let Some(message) = read(child) {
            if child.name == "response" {
                messages.push(message);
            }
        } else if let (Some((body, length)), Some(message)) =
            (bytes_of(&child.args, "body"), messages.first_mut())
        {
            message.body = http::lay_out(body);
            message.left_out = length.saturating_sub(body.len() as u64);
        }
    }
    messages
}

/// The changes that a span made itself, and how many of each kind were made below it.
fn changes(timeline: &Timeline, span: &Span) -> (Vec<StateChange>, Vec<(&'static str, u32)>) {
    let mut own = Vec::new();
    let mut below: Vec<(&'static str, u32)> = Vec::new();
    let until: Moment = match span.exited {
        Some((exited, ..)) => exited,
        None => timeline.end(),
    };
    for change in timeline.folded().between(span.entered, until) {
        if change.span == Some(span.id) {
            own.push(state_change(&change.delta));
        } else if change
            .span
            .is_some_and(|by| is_below(timeline, by, span.id))
        {
            let kind = change.delta.kind();
            match below.iter_mut().find(|(other, _)| *other == kind) {
                Some((_, count)) => *count += 1,
                None => below.push((kind, 1)),
            }
        }
    }
    (own, below)
}

fn is_below(timeline: &Timeline, span: SpanId, above: SpanId) -> bool {
    let mut next = timeline.span(span).and_then(|span| span.up);
    while let Some(id) = next.filter(|id| *id >= above) {
        if id == above {
            return true;
        }
        next = timeline.span(id).and_then(|span| span.up);
    }
    false
}

/// A delta with the fields that differ. Every delta is an enum's variant with one struct of key, before and after.
fn state_change(delta: &Delta) -> StateChange {
    struct Sides {
        key: String,
        before: Vec<(&'static str, String)>,
        after: Vec<(&'static str, String)>,
        mark: Mark,
    }
    macro_rules! sides {
        ($change:expr) => {
            Sides {
                key: describe::text(&$change.key),
                before: $change
                    .before
                    .as_ref()
                    .map(fields_or_value)
                    .unwrap_or_default(),
                after: $change
                    .after
                    .as_ref()
                    .map(fields_or_value)
                    .unwrap_or_default(),
                mark: Mark::of($change.before.is_some(), $change.after.is_some()),
            }
        };
    }
    macro_rules! each {
        ($($kind:ident)*) => { match delta { $(Delta::$kind(change) => sides!(change),)* } };
    }
    let sides = each!(Task TaskState NsMember Cwd Root Umask Cred Limits Signals Handler Timer Mm Area Namespace Mount
        Superblock Inode DirEntry Xattr Fd OpenFile Channel Tty Cgroup Container Image);
    let mut fields: Vec<(&'static str, String, String)> = Vec::new();
    for (name, after) in &sides.after {
        let before = sides.before.iter().find(|(other, _)| other == name);
        let before = before.map(|(_, value)| value.clone()).unwrap_or_default();
        if before != *after {
            fields.push((name, before, after.clone()));
        }
    }
    for (name, before) in sides.before {
        if !sides.after.iter().any(|(other, _)| *other == name) {
            fields.push((name, before, String::new()));
        }
    }
    StateChange {
        kind: delta.kind(),
        key: sides.key,
        mark: sides.mark,
        fields,
    }
}

fn fields_or_value<T: serde::Serialize>(value: &T) -> Vec<(&'static str, String)> {
    let fields = describe::fields(value);
    if fields.is_empty() {
        return vec![("", describe::text(value))];
    }
    fields
}

//! Commands: the stream cut where a shell has read a line.

use super::{Moment, Timeline};

/// A line that a shell read at its prompt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// When the shell began to read its first key.
    pub typed_at: Moment,
    /// When it had read all of it: what happens from here on is the line's doing.
    pub entered_at: Moment,
    /// What it says, where that can be told from what was shown.
    pub text: Option<String>,
}

/// What a stretch of the stream is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CommandKind {
    /// Everything before the first line: the machine's start.
    Boot,
    /// What is left of a time that was forgotten, before the first line that is known.
    Earlier,
    /// A line that a shell read.
    Line,
}

/// A stretch of the stream that one line (or the start) brought about: until the shell, or another one, reads the next.
/// What is typed before that, to a program or ahead, begins nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command {
    /// What it is.
    pub kind: CommandKind,
    /// First event.
    pub start: Moment,
    /// The moment after its last event.
    pub end: Moment,
    /// The line; where what was shown does not tell it, the arguments of the programs that it started; empty if none.
    pub label: String,
}

impl Timeline {
    /// How many commands there are, the start included.
    pub fn command_count(&self) -> usize {
        self.lines().len() + 1
    }

    /// A command by its place; 0 is the start.
    pub fn command(&self, place: usize) -> Option<Command> {
        let line = match place {
            0 => None,
            _ => Some(self.lines().get(place - 1)?),
        };
        let end = self
            .lines()
            .get(place)
            .map_or(self.end(), |next| next.typed_at);
        let start = line.map_or(0, |line| line.entered_at).max(self.base());
        Some(Command {
            kind: match line {
                Some(_) => CommandKind::Line,
                None if self.base() > 0 => CommandKind::Earlier,
                None => CommandKind::Boot,
            },
            start,
            end: end.max(start),
            label: line.map_or_else(String::new, |line| self.label(line, start, end)),
        })
    }

    /// The place of the command that a moment belongs to: the last one that began before it.
    pub fn command_at(&self, moment: Moment) -> usize {
        self.lines()
            .partition_point(|line| line.entered_at < moment)
    }

    fn label(&self, line: &Line, start: Moment, end: Moment) -> String {
        match &line.text {
            Some(text) if !text.is_empty() => text.clone(),
            _ => self.started_programs(start, end),
        }
    }
}

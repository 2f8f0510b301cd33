//! Commands: the stream cut into what was typed.

use super::{Moment, Timeline};
use crate::protocol::Line;

/// What a stretch of the stream is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CommandKind {
    /// Everything before the first line: the machine's start.
    Boot,
    /// A line that was entered.
    Line,
}

/// A stretch of the stream that one line (or the start) brought about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command {
    /// What it is.
    pub kind: CommandKind,
    /// First event.
    pub start: Moment,
    /// The moment after its last event.
    pub end: Moment,
    /// What was typed; where keys alone do not tell, the arguments of the programs that it started; empty if none.
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
            kind: if line.is_some() {
                CommandKind::Line
            } else {
                CommandKind::Boot
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
            Some(text) => text.trim().to_owned(),
            None => self.started_programs(start, end),
        }
    }
}

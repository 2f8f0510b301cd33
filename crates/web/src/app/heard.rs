//! What the machine says.

use super::{App, Stage};
use crate::page;
use glassdock_playground::protocol::{FromMachine, State, ToMachine, VERSION, decode, encode};
use glassdock_trace::Event;

/// How long after a change the journey is laid out anew while the machine runs, in milliseconds.
const LAYOUT_MS: u32 = 60;
/// And at least so many times as long as laying out took.
const LAYOUT_SHARE: f64 = 5.0;

impl App {
    pub(super) fn send(&self, message: &ToMachine) {
        let mut bytes = Vec::new();
        encode(message, &mut bytes);
        page::post(&bytes);
    }

    pub(super) fn hello(&self) {
        self.send(&ToMachine::Hello {
            version: VERSION,
            events_from: self.timeline.end(),
            output_from: self.output_end,
        });
    }

    pub(super) fn start_machine(&self, fresh: bool) {
        if let Some(on) = &self.handlers {
            page::start_machine(fresh, &on.bytes, &on.failure, &on.notice, &on.again);
            self.hello();
        }
    }
    pub(super) fn heard(&mut self, bytes: &[u8]) -> bool {
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

    pub(super) fn message(&mut self, message: FromMachine) -> bool {
        match message {
            FromMachine::Hello {
                version,
                rewinds,
                written,
                ..
            } => {
                self.rewinds = rewinds;
                self.output_old = written;
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
                    page::write_terminal(new, at < self.output_old);
                    self.output_end = at + bytes.len() as u64;
                }
                return false;
            }
            FromMachine::Output { .. } => return false,
            FromMachine::Events { from, bytes, .. } => {
                // The machine wrote them with the same types; what is none would show as a gap.
                let events: Vec<Event> = decode(&bytes).unwrap_or_default();
                let commands = self.timeline.command_count();
                self.timeline.push_events(from, events);
                if self.at.is_none() && self.timeline.command_count() != commands {
                    self.follow();
                }
                self.lay_out_soon();
                return false;
            }
            FromMachine::State(state) => {
                let shown = |state: &State| (state.busy, state.halted, state.next, state.undoable);
                let same = shown(&self.state) == shown(&state);
                self.state = state;
                self.lay_out_soon();
                return !same;
            }
            FromMachine::Rewound { events, .. } => {
                self.timeline.rewind(events);
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
    pub(super) fn follow(&mut self) {
        let newest = self.timeline.command_count() - 1;
        if self.place != newest {
            self.place = newest;
            self.selected = None;
            self.opened.clear();
            self.scroll.0 = 0.0;
        }
    }

    pub(super) fn lay_out_soon(&mut self) {
        if self.layout_due {
            return;
        }
        self.layout_due = true;
        if let Some(handlers) = &self.handlers {
            // A long command is laid out less often, so that most of the time is left for what is done and typed.
            let pause = LAYOUT_MS.max((self.layout_took * LAYOUT_SHARE) as u32);
            page::afterwards(pause, handlers.layout.as_ref());
        }
    }
}

//! What a watcher was told, and what is to be told next.

use super::{CONSOLE, Machine};
use crate::protocol::{FromMachine, State, VERSION, encode};
use glassdock_trace::Cursor;

/// What the watcher has.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    /// Whether it said hello.
    greeted: bool,
    /// Messages that go before everything else.
    first: Vec<u8>,
    events: Cursor,
    output: u64,
    state: Option<State>,
}

impl Machine {
    /// Answers a hello: a watcher that has more than there is hears what remains.
    pub(super) fn greet(&mut self, version: u32, events_from: u64, output_from: u64) {
        let written = self.kernel.tracer().written();
        let mut first = Vec::new();
        let hello = FromMachine::Hello {
            version: VERSION,
            name: self.kernel.config().hostname.clone(),
            base: self.kernel.tracer().base(),
            written: self.screen.end(),
            rewinds: true,
        };
        encode(&hello, &mut first);
        let mut output = output_from;
        if events_from > 0 {
            let rewound = FromMachine::Rewound {
                events: events_from.min(written),
                output: 0,
            };
            encode(&rewound, &mut first);
            output = 0;
        }
        self.clock.forget_watcher();
        self.watch = Watch {
            greeted: version == VERSION,
            first,
            events: Cursor::at(events_from.min(written)),
            output,
            state: None,
        };
    }

    /// How many events the watcher has not been told yet.
    pub fn untold(&self) -> u64 {
        self.kernel.tracer().written()
            - self
                .watch
                .events
                .event()
                .min(self.kernel.tracer().written())
    }

    /// The messages that say what is new, encoded one after another; events up to about `limit` bytes, the rest next
    /// time. Empty where nothing is new or nobody watches.
    pub fn take_messages(&mut self, limit: usize) -> Vec<u8> {
        let mut buffer = std::mem::take(&mut self.watch.first);
        if !self.watch.greeted {
            return buffer;
        }
        self.tell_output(&mut buffer);
        self.tell_events(&mut buffer, limit);
        let state = self.state();
        if self.watch.state != Some(state) {
            self.watch.state = Some(state);
            encode(&FromMachine::State(state), &mut buffer);
        }
        buffer
    }

    fn tell_output(&mut self, buffer: &mut Vec<u8>) {
        let (at, bytes) = self.screen.from(self.watch.output);
        if !bytes.is_empty() {
            let output = FromMachine::Output {
                terminal: CONSOLE,
                at,
                bytes: bytes.to_vec(),
            };
            encode(&output, buffer);
        }
        self.watch.output = self.screen.end();
    }

    fn tell_events(&mut self, buffer: &mut Vec<u8>, limit: usize) {
        while buffer.len() < limit
            && let Some(run) = self.kernel.tracer().run(&mut self.watch.events)
        {
            let events = FromMachine::Events {
                from: run.from,
                count: run.count,
                bytes: run.bytes.to_vec(),
            };
            encode(&events, buffer);
        }
    }
}

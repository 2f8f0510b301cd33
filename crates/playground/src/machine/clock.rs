//! Idle virtual time follows the watcher's clock.

/// The most that the machine's time goes on between two words of the watcher, in nanoseconds: a computer that slept
/// for an hour does not make the machine catch up on an hour.
const STEP_MAX: u64 = 5_000_000_000;

/// How far virtual time may go while nothing runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Clock {
    /// The watcher's clock when it last told.
    told: Option<u64>,
    /// The virtual time that idle time has reached.
    due: u64,
}

impl Clock {
    /// The watcher's clock shows `nanos`; `now` is the virtual time.
    pub fn tells(&mut self, nanos: u64, idle: bool, now: u64) {
        let passed = self.told.map_or(0, |told| nanos.saturating_sub(told));
        self.told = Some(nanos);
        if idle {
            self.due = self.due.max(now).saturating_add(passed.min(STEP_MAX));
        }
    }

    /// The machine has nothing to do from this virtual time on.
    pub fn rest_from(&mut self, now: u64) {
        self.due = self.due.max(now);
    }

    /// Another watcher's clock begins.
    pub fn forget_watcher(&mut self) {
        self.told = None;
    }

    /// Whether idle time has reached a moment.
    pub fn reached(&self, time: u64) -> bool {
        self.due >= time
    }

    /// How long until it does.
    pub fn until(&self, time: u64) -> u64 {
        time.saturating_sub(self.due)
    }

    /// The time that idle time has reached, where that is after `now`.
    pub fn beyond(&self, now: u64) -> Option<u64> {
        (self.due > now).then_some(self.due)
    }
}

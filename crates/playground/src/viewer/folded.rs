//! The fold of deltas at any moment, quickly: the newest state, a cursor for the moment that is looked at, and copies
//! of the state now and then, from the nearest of which the cursor walks forwards or backwards.

use super::Moment;
use glassdock_trace::{Delta, SpanId, World};
use std::collections::VecDeque;
use std::rc::Rc;

/// Deltas between two copies of the state, at least. The cursor walks at most half as many, which takes some
/// milliseconds. Where the state has more entities than this, there are as many deltas: so copies take no more time and
/// memory than the deltas themselves, however large the machine grows.
const SNAPSHOT_EVERY: usize = 4096;

/// How many entities a state has, of the kinds that grow with what a machine does.
fn entities(world: &World) -> usize {
    world.tasks.len()
        + world.members.len()
        + world.fds.len()
        + world.files.len()
        + world.inodes.len()
        + world.entries.len()
        + world.mounts.len()
}

/// A delta with its place in the stream.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub event: Moment,
    pub span: Option<SpanId>,
    pub delta: Delta,
}

/// The state of one machine at any moment since the first event that is held.
#[derive(Clone, Debug, Default)]
pub struct Folded {
    /// Deltas that were forgotten at the front.
    forgotten: usize,
    changes: VecDeque<Change>,
    /// State after so many deltas, counted from the machine's start.
    snapshots: VecDeque<(usize, Rc<World>)>,
    newest: World,
    cursor: World,
    cursor_at: usize,
    mismatches: u64,
}

impl Folded {
    fn end(&self) -> usize {
        self.forgotten + self.changes.len()
    }

    /// Takes in the next delta.
    pub(super) fn push(&mut self, change: Change) {
        if self.snapshots.is_empty() {
            self.snapshots
                .push_back((self.forgotten, Rc::new(self.newest.clone())));
        }
        if self.newest.apply(change.delta.clone()).is_err() {
            self.mismatches += 1;
        }
        self.changes.push_back(change);
        let end = self.end();
        if self
            .snapshots
            .back()
            .is_some_and(|(at, _)| end - at >= SNAPSHOT_EVERY.max(entities(&self.newest)))
        {
            self.snapshots
                .push_back((end, Rc::new(self.newest.clone())));
        }
    }

    /// How many deltas did not fit the state they met: more than none means that the machine's account does not add up.
    pub fn mismatches(&self) -> u64 {
        self.mismatches
    }

    /// The newest state.
    pub fn newest(&self) -> &World {
        &self.newest
    }

    /// Number of the first delta at or after a moment.
    fn position(&self, moment: Moment) -> usize {
        self.forgotten + self.changes.partition_point(|change| change.event < moment)
    }

    /// The deltas of the events from one moment to another.
    pub(super) fn between(&self, from: Moment, to: Moment) -> impl Iterator<Item = &Change> {
        let start = self.position(from) - self.forgotten;
        let end = self.position(to) - self.forgotten;
        self.changes.range(start..end.max(start))
    }

    /// The state at a moment.
    pub fn at(&mut self, moment: Moment) -> &World {
        let target = self.position(moment);
        if target == self.end() {
            return &self.newest;
        }
        let nearest = self
            .snapshots
            .iter()
            .min_by_key(|(at, _)| at.abs_diff(target));
        if let Some((at, world)) = nearest
            && at.abs_diff(target) < self.cursor_at.abs_diff(target)
        {
            self.cursor = (**world).clone();
            self.cursor_at = *at;
        }
        while self.cursor_at < target {
            let delta = self.changes[self.cursor_at - self.forgotten].delta.clone();
            // What does not fit was counted when it came in.
            let _ = self.cursor.apply(delta);
            self.cursor_at += 1;
        }
        while self.cursor_at > target {
            self.cursor_at -= 1;
            let delta = self.changes[self.cursor_at - self.forgotten].delta.clone();
            let _ = self.cursor.undo(delta);
        }
        &self.cursor
    }

    /// Drops everything from a moment on.
    pub(super) fn truncate(&mut self, moment: Moment) {
        let target = self.position(moment);
        self.at(moment);
        if target < self.end() {
            self.newest = self.cursor.clone();
        }
        self.changes.truncate(target - self.forgotten);
        self.snapshots.retain(|(at, _)| *at <= target);
    }

    /// Forgets what was before a moment, as far as a copy of the state allows. Gives the moment since which everything
    /// is still held.
    pub(super) fn forget(&mut self, moment: Moment) -> Moment {
        let target = self.position(moment);
        while self.snapshots.len() > 1 && self.snapshots[1].0 <= target {
            self.snapshots.pop_front();
        }
        let Some((base, world)) = self.snapshots.front() else {
            return 0;
        };
        if self.cursor_at < *base {
            self.cursor = (**world).clone();
            self.cursor_at = *base;
        }
        self.changes.drain(..base - self.forgotten);
        self.forgotten = *base;
        if self.forgotten == 0 {
            return 0;
        }
        self.changes.front().map_or(moment, |change| change.event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glassdock_trace::Change as Keyed;
    use glassdock_trace::world::FdInfo;
    use proptest::prelude::*;

    /// Deltas on the working directories of a few processes, one an event.
    fn folded(count: u64) -> Folded {
        let mut folded = Folded::default();
        for event in 0..count {
            let key = (event % 7) as i32;
            let delta = Delta::Cwd(Keyed {
                key,
                before: folded.newest.cwds.get(&key).cloned(),
                after: (event % 5 != 0).then(|| event.to_string()),
            });
            folded.push(Change {
                event,
                span: None,
                delta,
            });
        }
        folded
    }

    #[test]
    fn the_state_at_a_moment_is_that_of_the_events_before_it() {
        let mut folded = folded(3);
        assert_eq!(folded.at(0), &World::default());
        assert_eq!(folded.at(2).cwds.get(&1).map(String::as_str), Some("1"));
        assert_eq!(folded.at(2).cwds.get(&2), None);
        assert_eq!(folded.at(3).cwds.len(), 2);
        assert_eq!(folded.mismatches(), 0);
    }

    #[test]
    fn copies_of_a_large_state_are_as_far_apart_as_it_is_large() {
        let mut folded = Folded::default();
        for event in 0..50_000 {
            let delta = Delta::Fd(Keyed {
                key: (1, event as i32),
                before: None,
                after: Some(FdInfo {
                    file: event,
                    cloexec: false,
                }),
            });
            folded.push(Change {
                event,
                span: None,
                delta,
            });
        }
        let sizes = folded.snapshots.iter().map(|(_, world)| entities(world));
        assert!(sizes.sum::<usize>() <= 2 * 50_000);
        assert_eq!(folded.at(49_000).fds.len(), 49_000);
    }

    #[test]
    fn a_truncated_stream_goes_on_from_where_it_was_cut() {
        let mut cut = folded(10_000);
        cut.truncate(9000);
        assert_eq!(cut.newest(), folded(9000).newest());
        assert_eq!(cut.at(20_000), folded(9000).newest());
    }

    #[test]
    fn what_is_forgotten_does_not_change_what_is_left() {
        let mut folded = folded(20_000);
        let expected = folded.at(15_000).clone();
        folded.at(10);
        let since = folded.forget(10_000);
        assert_eq!(since, 8192);
        assert_eq!(folded.at(15_000), &expected);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn any_way_of_moving_leads_to_the_same_state(moments in prop::collection::vec(0..10_000u64, 1..20)) {
            let mut walked = folded(10_000);
            for moment in moments {
                let expected = folded(moment);
                prop_assert_eq!(walked.at(moment), expected.newest());
            }
        }
    }
}

//! The stream and its fold, for every kind of event and entity.

#![cfg(not(target_arch = "wasm32"))]

mod worlds;

use glassdock_trace::{Delta, Event, EventKind, World};
use proptest::prelude::*;
use std::collections::BTreeSet;
use worlds::{events, world, written};

#[test]
fn hashes_are_those_of_every_machine() {
    worlds::assert_stable();
}

#[test]
fn the_streams_of_these_tests_hold_every_kind_of_entity() {
    let kinds: BTreeSet<&str> = (0..20)
        .flat_map(events)
        .filter_map(|event| match event.kind {
            EventKind::Delta { delta, .. } => Some(delta.kind()),
            _ => None,
        })
        .collect();
    let all = World::default().differences(&world(1));
    let missing: Vec<_> = all
        .iter()
        .map(Delta::kind)
        .filter(|kind| !kinds.contains(kind))
        .collect();
    assert_eq!((missing, kinds.len()), (vec![], 26));
}

#[test]
fn a_delta_that_does_not_fit_is_refused_whatever_its_kind_and_changes_nothing() {
    for delta in world(1).differences(&world(2)) {
        let mut there = world(2);
        let before = there.clone();
        if there.apply(delta.clone()).is_ok() {
            // Only a change that is already so by chance fits; its undoing then gives it back.
            there.undo(delta).expect("undone");
        }
        assert_eq!(there, before);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_back(seed: u64, from in 0..100u64, limit in 0..100usize) {
        let events = events(seed);
        let tracer = written(&events, 1 << 20);
        prop_assert_eq!(tracer.written(), events.len() as u64);
        let wanted: Vec<(u64, Event)> = (0..).zip(events).skip(from as usize).take(limit).collect();
        prop_assert_eq!(tracer.read(from, limit), wanted);
    }

    #[test]
    fn the_fold_goes_forwards_and_backwards(from: u64, to: u64) {
        let (from, to) = (world(from), world(to));
        let deltas = from.differences(&to);
        let mut state = from.clone();
        for delta in deltas.iter().cloned() {
            prop_assert_eq!(&delta.clone().reversed().reversed(), &delta);
            state.apply(delta).unwrap();
        }
        prop_assert_eq!(&state, &to);
        prop_assert!(state.differences(&to).is_empty());
        for delta in deltas.into_iter().rev() {
            state.undo(delta).unwrap();
        }
        prop_assert_eq!(state, from);
    }

    #[test]
    fn a_full_ring_drops_the_oldest_and_the_hash_is_of_all(seed: u64, times in 1..20usize, ring in 0..150_000usize) {
        let one = events(seed);
        let all: Vec<Event> = one.iter().cycle().take(one.len() * times).cloned().collect();
        let (kept, dropped) = (written(&all, usize::MAX), written(&all, ring));
        prop_assert_eq!(kept.base(), 0);
        prop_assert_eq!(kept.hash(), dropped.hash());
        prop_assert_eq!(dropped.read(0, usize::MAX), kept.read(dropped.base(), usize::MAX));
        prop_assert_eq!(dropped.written(), kept.written());
    }

    #[test]
    fn any_change_of_an_event_changes_the_hash(seed: u64, at: prop::sample::Index, time in 1..u64::MAX) {
        let mut changed = events(seed);
        let before = written(&changed, 0).hash();
        let at = at.index(changed.len());
        changed[at].time ^= time;
        prop_assert!(written(&changed, 0).hash() != before);
    }

    #[test]
    fn foreign_bytes_are_refused_not_obeyed(seed: u64, cut: prop::sample::Index, flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8)) {
        let Some(event) = events(seed).into_iter().next() else { return Ok(()) };
        let mut bytes = postcard::to_stdvec(&event).unwrap();
        prop_assert_eq!(&postcard::from_bytes::<Event>(&bytes).unwrap(), &event);
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        if let Ok((event, _)) = postcard::take_from_bytes::<Event>(&bytes) {
            let again = postcard::to_stdvec(&event).unwrap();
            prop_assert_eq!(postcard::from_bytes::<Event>(&again).unwrap(), event);
        }
    }
}

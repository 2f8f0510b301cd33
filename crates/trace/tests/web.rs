//! In a browser the stream has the bytes that it has natively.

#![cfg(target_arch = "wasm32")]

mod worlds;

use glassdock_trace::World;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
fn hashes_are_those_of_every_machine() {
    worlds::assert_stable();
}

#[wasm_bindgen_test]
fn events_are_read_back_and_fold_forwards_and_backwards() {
    for seed in 0..50 {
        let events = worlds::events(seed);
        let tracer = worlds::written(&events, 1 << 20);
        let read: Vec<_> = tracer
            .read(0, usize::MAX)
            .into_iter()
            .map(|(_, event)| event)
            .collect();
        assert_eq!(read, events);
        let (from, to) = (worlds::world(seed), worlds::world(seed + 1));
        let deltas = from.differences(&to);
        let mut world: World = from.clone();
        for delta in deltas.iter().cloned() {
            world.apply(delta).expect("a delta fits");
        }
        assert_eq!(world, to);
        for delta in deltas.into_iter().rev() {
            world.undo(delta).expect("a delta can be undone");
        }
        assert_eq!(world, from);
    }
}

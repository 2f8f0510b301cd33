//! The same archives on the simulated kernel.

mod archives;

use archives::{Differences, images, layers};
use glassdock_abi::PathArg;
use glassdock_kernel::{Config, Task, testing};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Slices that a suite may take.
const SLICES: u32 = 10_000;

fn agrees<F>(suite: impl FnOnce(Task, PathArg) -> F)
where
    F: Future<Output = Differences> + Send + 'static,
{
    let mut config = Config::default();
    config.trace.record = false;
    let mut kernel = testing::host(config, &[], Vec::new());
    let suite = |task| suite(task, "/tmp".into());
    let differences = testing::run(&mut kernel, SLICES, suite, |_| {});
    let differences = differences.expect("the suite comes to its end");
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

#[test]
fn a_layer_becomes_a_directory() {
    agrees(layers::unpacked);
}

#[test]
fn nothing_leaves_the_root() {
    agrees(layers::kept_inside);
}

#[test]
fn an_archive_of_images_is_loaded_or_refused_in_dockers_words() {
    agrees(images::loaded);
}

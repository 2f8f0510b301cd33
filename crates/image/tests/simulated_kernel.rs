//! The same archives on the simulated kernel.

mod archives;

use archives::{Differences, images, layers};
use glassdock_abi::PathArg;
use glassdock_abi::types::Timespec;
use glassdock_kernel::{Config, ImportMeta, ImportNode, Kernel, Limits, RunState, Task};
use std::sync::{Arc, Mutex};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Instructions of one slice, and slices that a suite may take.
const SLICE: u64 = 10_000_000;
const SLICES: u32 = 10_000;

/// A host with nothing but what every Linux has.
fn machine() -> Kernel {
    let mut config = Config::default();
    config.trace.record = false;
    let meta = ImportMeta {
        mode: 0o755,
        mtime: Timespec::from_nanos(config.boot_time),
        ..ImportMeta::default()
    };
    let mut kernel = Kernel::new(config);
    for dir in ["proc", "sys", "dev", "run", "tmp"] {
        let made = kernel.import(dir.as_bytes(), &meta, ImportNode::Directory);
        made.expect("a directory");
    }
    kernel.mount_system().expect("the system's mounts");
    kernel
}

fn agrees<F>(suite: impl FnOnce(Task, PathArg) -> F + Send + 'static)
where
    F: Future<Output = Differences> + Send + 'static,
{
    let mut kernel = machine();
    let result = Arc::new(Mutex::new(None));
    let place = Arc::clone(&result);
    kernel
        .boot_with(move |task| {
            Box::pin(async move {
                let differences = suite(task, "/tmp".into()).await;
                *place.lock().expect("nobody panics with it") = Some(differences);
                0
            })
        })
        .expect("starts");
    for _ in 0..SLICES {
        match kernel.run(Limits::jumping(SLICE)) {
            RunState::Busy => {}
            RunState::Halted => break,
            RunState::Idle(_) => panic!("everybody waits for ever"),
        }
    }
    let differences = result.lock().expect("nobody panics with it").take();
    let differences = differences.expect("the suite came to its end");
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

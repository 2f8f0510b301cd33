//! The same machines in a browser: the events are those of the native run, and a copied memory goes on with them.

#![cfg(target_arch = "wasm32")]

mod scenarios;

use glassdock_kernel::Kernel;
use scenarios::{Run, SCENARIOS, SLICE, Scenario};
use std::cell::RefCell;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// The busybox that the native run used too.
const BUSYBOX: &[u8] = include_bytes!(env!("GLASSDOCK_BUSYBOX"));
/// Hashes of the native run, made by the example `hashes` of the same source; `cargo xtask test wasm` passes them.
const NATIVE: Option<&str> = option_env!("GLASSDOCK_HASHES");
/// Instructions of a step: small enough that a program is in the middle of something at the end of one.
const STEP: u64 = 30_000;

#[wasm_bindgen(inline_js = "
export async function run_copy(module, memory) {
    const bytes = new Uint8Array(memory.buffer).slice();
    // A machine's state holds no handle of the page's: the copy calls nothing outside.
    const imports = {};
    for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
        if (kind !== 'function') throw new Error(`the module imports a ${kind}`);
        (imports[from] ??= {})[name] = () => { throw new Error(`the copy called ${name}`); };
    }
    const copy = await WebAssembly.instantiate(module, imports);
    const own = copy.exports.memory;
    own.grow((bytes.length - own.buffer.byteLength) / 65536);
    new Uint8Array(own.buffer).set(bytes);
    return copy.exports.finish_machine();
}")]
extern "C" {
    #[wasm_bindgen(catch)]
    async fn run_copy(module: JsValue, memory: JsValue) -> Result<JsValue, JsValue>;
}

thread_local! {
    static MACHINE: RefCell<Option<Run>> = const { RefCell::new(None) };
}

/// Half of a hash, as a module's export can give it.
fn half(kernel: &Kernel) -> i64 {
    kernel.hash().0 as i64
}

/// Runs the machine in the module's memory to its end.
#[wasm_bindgen]
pub fn finish_machine() -> i64 {
    MACHINE.with_borrow_mut(|machine| {
        let run = machine.as_mut().expect("a machine");
        while run.step(SLICE) {}
        run.output();
        half(&run.kernel)
    })
}

fn hash(scenario: &Scenario) -> String {
    scenarios::hash(&scenarios::run(scenario, BUSYBOX, SLICE, |_| {}).0)
}

#[wasm_bindgen_test]
fn events_are_those_of_the_native_run() {
    let here: Vec<String> = SCENARIOS.iter().map(hash).collect();
    let wanted: Vec<String> = match NATIVE {
        Some(native) => native.split_whitespace().map(str::to_owned).collect(),
        // By hand, without the native run: at least the browser agrees with itself.
        None => SCENARIOS.iter().map(hash).collect(),
    };
    assert_eq!(here.len(), wanted.len());
    for (scenario, (here, wanted)) in SCENARIOS.iter().zip(here.iter().zip(&wanted)) {
        assert_eq!(here, wanted, "{}", scenario.name);
    }
}

#[wasm_bindgen_test]
async fn a_copy_of_the_memory_in_a_new_instance_goes_on_with_the_same_events() {
    // Programs of ours keep their state in futures, busybox in the simulated memory: both are copied.
    for name in [
        "a pseudo-terminal of its own",
        "namespaces: mount, uts, ipc, pid",
        "job control on a terminal",
    ] {
        let scenario = SCENARIOS
            .iter()
            .find(|scenario| scenario.name == name)
            .expect("a scenario");
        let mut whole = Run::new(scenario, BUSYBOX);
        let steps = (0..).take_while(|_| whole.step(STEP)).count();
        whole.output();
        let mut run = Run::new(scenario, BUSYBOX);
        for _ in 0..steps / 2 {
            run.step(STEP);
        }
        let before = half(&run.kernel);
        MACHINE.set(Some(run));
        let copied = run_copy(wasm_bindgen::module(), wasm_bindgen::memory())
            .await
            .expect("the copy runs");
        let copied = i64::try_from(copied).expect("a hash");
        let here = finish_machine();
        assert!(before != here, "{name}: there was something to do");
        assert_eq!(copied, here, "{name}");
        assert_eq!(half(&whole.kernel), here, "{name}: as without a copy");
    }
}

//! Prints the hash of the events of every scenario in order, for `tests/web.rs`, which compares a browser's with them:
//! `GLASSDOCK_HASHES="$(cargo run -p glassdock-kernel --example hashes)" wasm-pack test …`.

#[path = "../tests/scenarios/mod.rs"]
mod scenarios;

use scenarios::{SCENARIOS, SLICE};

fn main() -> std::io::Result<()> {
    let busybox = std::fs::read(env!("GLASSDOCK_BUSYBOX"))?;
    for scenario in SCENARIOS {
        let (kernel, _) = scenarios::run(scenario, &busybox, SLICE, |_| {});
        print!("{} ", scenarios::hash(&kernel));
    }
    Ok(())
}

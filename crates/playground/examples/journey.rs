//! Prints the hash of the events of the first lesson, for `tests/web.rs`, which compares a browser's with it:
//! `GLASSDOCK_JOURNEY="$(cargo run -p glassdock-playground --example journey)" wasm-pack test …`.

#[path = "../tests/journey/mod.rs"]
mod journey;

fn main() {
    println!("{}", journey::first_lesson().1);
}

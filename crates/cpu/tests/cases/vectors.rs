//! Recorded cases: for each the digest of what the real processor did. The cases themselves are
//! made again from the seed, so that the file has eight bytes for each.

use glassdock_cpu::forms::{Form, forms};
use glassdock_cpu::rflags;

use super::compare::digest;
use super::generate::{self, Case};
use super::interpret::Interpreter;
use super::masks::{masks, skipped};
use super::rng::Rng;

/// Cases of each form.
const ROUNDS: usize = 6;
const SEED: u64 = 0x7665_6374_6f72_7301;

/// The forms that are run, with the cases that are recorded, in their order.
pub fn cases() -> impl Iterator<Item = (&'static Form, Case)> {
    let mut rng = Rng(SEED);
    let tested = || forms().iter().filter(|form| skipped(form).is_none());
    (0..ROUNDS)
        .flat_map(move |_| tested())
        .map(move |form| (form, generate::case(form, &mut Rng(rng.next()))))
}

/// Runs the recorded cases; how many there are, and what is wrong.
pub fn check(recorded: &[u8]) -> (usize, Vec<String>) {
    let mut ours = Interpreter::new();
    let mut wrong = Vec::new();
    let mut digests = recorded.chunks_exact(8);
    let mut count = 0;
    for (form, case) in cases() {
        count += 1;
        let outcome = ours.run(&case);
        // Only instructions change it, so it stays until one does.
        ours.id = outcome.rflags & rflags::ID;
        let digest = digest(&case, &masks(form, &case), &outcome).to_le_bytes();
        if digests.next() != Some(&digest) {
            wrong.push(format!("{} {:02x?}", form.name, case.bytes));
        }
    }
    if digests.next().is_some() {
        wrong.push("more digests than cases: record them again".into());
    }
    (count, wrong)
}

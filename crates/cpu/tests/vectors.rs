//! What the real processor did in recorded cases, the interpreter does: here as in the page
//! (`web.rs`). The head of `oracle.rs` says how they are recorded.

mod cases;

#[test]
fn recorded_cases_of_the_real_processor_agree() {
    let (count, wrong) = cases::vectors::check(include_bytes!("vectors.bin"));
    println!("{count} cases");
    assert!(wrong.is_empty(), "{} differ: {wrong:#?}", wrong.len());
}

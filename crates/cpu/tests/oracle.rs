//! Every instruction form, on random operands, against the real processor.
//!
//! `CPU_ORACLE_SEED` and `CPU_ORACLE_CASES` override the seed and the number of cases;
//! `CPU_ORACLE_ONLY` restricts the forms to those whose name contains it.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

#[path = "oracle/compare.rs"]
mod compare;
#[path = "oracle/generate.rs"]
mod generate;
#[path = "oracle/rng.rs"]
mod rng;

use std::collections::BTreeMap;

use glassdock_cpu::forms::{Form, forms};
use glassdock_cpu_oracle::Oracle;

use compare::{Interpreter, skipped};
use rng::Rng;

/// Cases in an ordinary run.
const CASES: u64 = 240_000;

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

#[test]
fn every_form_agrees_with_the_real_processor() {
    let seed = setting("CPU_ORACLE_SEED").unwrap_or(0x6c61_7373_646f_636b);
    let cases = setting("CPU_ORACLE_CASES").unwrap_or(CASES);
    let only = std::env::var("CPU_ORACLE_ONLY").unwrap_or_default();
    let tested: Vec<&'static Form> = forms()
        .iter()
        .filter(|f| skipped(f).is_none() && f.name.contains(&only))
        .collect();
    println!(
        "seed {seed:#x}, {} forms, {} left out",
        tested.len(),
        forms().len() - tested.len()
    );
    let mut oracle = Oracle::start().expect("a child that can be traced");
    let mut ours = Interpreter::new();
    ours.id = oracle.rflags().expect("the child's registers") & glassdock_cpu::rflags::ID;
    let mut rng = Rng(seed);
    let mut wrong: BTreeMap<String, (u64, String)> = BTreeMap::new();
    let mut done = 0;
    let mut signals: BTreeMap<i32, u64> = BTreeMap::new();
    while done < cases {
        for form in &tested {
            let case_seed = rng.next();
            let case = generate::case(form, &mut Rng(case_seed));
            let mut real = case.regs.clone();
            let mut real_data = case.data.clone();
            let stop = oracle
                .run(&case.code, &mut real_data, &mut real)
                .unwrap_or_else(|e| panic!("{}: {:02x?}: {e}", form.name, case.bytes));
            *signals.entry(stop.signal).or_default() += 1;
            let result = ours.run(&case);
            ours.id = real.rflags & glassdock_cpu::rflags::ID;
            if let Some(difference) =
                compare::difference(form, &case, &result, stop, &real, &real_data)
            {
                let key = format!(
                    "{} {:02x} {:?} {:?} {:?}",
                    form.name, form.opcode, form.prefix, form.ext, form.args
                );
                let entry = wrong.entry(key).or_insert_with(|| (0, difference));
                entry.0 += 1;
            }
            done += 1;
        }
    }
    println!("{done} cases, by signal {signals:?}");
    for (form, (count, example)) in &wrong {
        println!("{count} x {form}: {example}");
    }
    assert!(
        wrong.is_empty(),
        "{} forms differ; seed {seed:#x}",
        wrong.len()
    );
}

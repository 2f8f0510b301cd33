//! Every instruction form, on random operands, against the real processor.
//!
//! `CPU_ORACLE_SEED` and `CPU_ORACLE_CASES` override the seed and the number of cases;
//! `CPU_ORACLE_ONLY` restricts the forms to those whose name contains it.
//!
//! The cases of `vectors.bin`, which other targets run too, are recorded here:
//! `CPU_ORACLE_RECORD=1 cargo test -p glassdock-cpu --test oracle recorded`.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod cases;
#[path = "oracle/coverage.rs"]
mod coverage;

use std::collections::BTreeMap;

use glassdock_cpu::forms::{Form, forms};
use glassdock_cpu::rflags;
use glassdock_cpu_oracle::Oracle;

use cases::generate::{self, Case};
use cases::interpret::Interpreter;
use cases::makers;
use cases::masks::{masks, skipped};
use cases::rng::Rng;
use cases::{Outcome, compare, vectors};
use coverage::Coverage;

/// Cases in an ordinary run.
const CASES: u64 = 240_000;

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// `si_code` of a signal that the kernel sends for no particular address.
const SI_KERNEL: i32 = 128;

fn real(oracle: &mut Oracle, form: &Form, case: &Case) -> Outcome {
    let (mut regs, mut data) = (case.regs.clone(), case.data.clone());
    let stopped = oracle
        .run(&case.code, &mut data, &mut regs)
        .unwrap_or_else(|e| panic!("{}: {:02x?}: {e}", form.name, case.bytes));
    Outcome {
        signal: stopped.signal,
        general: stopped.signal == 11 && stopped.code == SI_KERNEL,
        gpr: regs.gpr,
        rip: regs.rip,
        rflags: regs.rflags,
        fx: regs.fx,
        data,
    }
}

#[test]
fn every_form_agrees_with_the_real_processor() {
    let seed = setting("CPU_ORACLE_SEED").unwrap_or(0x6c61_7373_646f_636b);
    let wanted = setting("CPU_ORACLE_CASES").unwrap_or(CASES);
    let only = std::env::var("CPU_ORACLE_ONLY").unwrap_or_default();
    let tested: Vec<&'static Form> = forms()
        .iter()
        .filter(|f| skipped(f).is_none() && f.name.contains(&only))
        .collect();
    println!("seed {seed:#x}, {} forms", tested.len());
    for form in forms() {
        if let Some(why) = skipped(form) {
            println!(
                "left out: {} {:02x} {:?}: {why}",
                form.name, form.opcode, form.ext
            );
        }
    }
    let mut oracle = Oracle::start().expect("a child that can be traced");
    let mut ours = Interpreter::new();
    ours.id = oracle.rflags().expect("the child's registers") & rflags::ID;
    let mut rng = Rng(seed);
    let mut wrong: BTreeMap<String, (u64, String)> = BTreeMap::new();
    let mut coverage = Coverage::default();
    let modelled = makers::is_modelled();
    let mut apart: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let mut done = 0;
    while done < wanted {
        for form in &tested {
            let case = generate::case(form, &mut Rng(rng.next()));
            let real = real(&mut oracle, form, &case);
            let result = ours.run(&case);
            ours.id = real.rflags & rflags::ID;
            coverage.note(form, &case, &real);
            let difference = compare::difference(&case, &masks(form, &case), &result, &real);
            if let Some(difference) = difference {
                if let Some(what) = makers::differ(form, &result, &real).filter(|_| !modelled) {
                    *apart.entry((form.name, what)).or_default() += 1;
                    done += 1;
                    continue;
                }
                let entry = wrong
                    .entry(coverage::name(form))
                    .or_insert_with(|| (0, difference));
                entry.0 += 1;
            }
            done += 1;
        }
    }
    println!("{done} cases, by signal {:?}", coverage.signals);
    for ((form, what), count) in &apart {
        println!("{count} x {form}: another maker's processor: {what}");
    }
    for (form, (count, example)) in &wrong {
        println!("{count} x {form}: {example}");
    }
    assert!(
        wrong.is_empty(),
        "{} forms differ; seed {seed:#x}",
        wrong.len()
    );
    if wanted >= CASES {
        let missing = coverage.missing(&tested);
        assert!(missing.is_empty(), "never run to the end: {missing:#?}");
    }
}

#[test]
fn recorded_cases_are_what_the_real_processor_does() {
    let mut oracle = Oracle::start().expect("a child that can be traced");
    let mut ours = Interpreter::new();
    let mut recorded: Vec<u8> = Vec::new();
    let known: &[u8] = include_bytes!("vectors.bin");
    let modelled = makers::is_modelled();
    let id = oracle.rflags().expect("the child's registers") & rflags::ID;
    assert_eq!(id, 0, "what the cases begin with");
    for (form, case) in vectors::cases() {
        let outcome = real(&mut oracle, form, &case);
        let digest = compare::digest(&case, &masks(form, &case), &outcome).to_le_bytes();
        let place = recorded.len()..recorded.len() + digest.len();
        let result = ours.run(&case);
        // What another maker's processor does is no reason to record the cases anew.
        if !modelled && makers::differ(form, &result, &outcome).is_some() {
            recorded.extend(known.get(place).unwrap_or(&digest));
        } else {
            recorded.extend(digest);
        }
    }
    if setting("CPU_ORACLE_RECORD").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors.bin");
        std::fs::write(path, &recorded).expect("the file of vectors");
    } else {
        assert!(
            recorded == known,
            "the real processor does something else, or the cases are new ones"
        );
    }
}

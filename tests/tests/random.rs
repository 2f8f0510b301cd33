//! Random operations on file systems: every call yields the same on both kernels, and the files are the same after it.

use glassdock_abi::Call;
use glassdock_linux::Direct;
use glassdock_tests::random::{Kind, plan, run, set, settings};
use glassdock_tests::{host, simulated};
use libtest_mimic::{Arguments, Failed, Trial};

const ROLE: &str = "random";
/// Calls of a sequence.
const CALLS: usize = 150;
/// Sequences of a kind; `GLASSDOCK_SEEDS` changes it.
const SEEDS: u64 = 60;
/// Sequences of one test.
const SEEDS_EACH: u64 = 20;
/// Calls of a sequence of [`Kind::Times`], which makes pauses.
const CALLS_SLOW: usize = 40;

fn main() -> anyhow::Result<()> {
    host::serve(&[(ROLE, role)]);
    let arguments = Arguments::from_args();
    let seeds = match std::env::var("GLASSDOCK_SEEDS") {
        Ok(text) => text.parse()?,
        Err(_) => SEEDS,
    };
    let mut trials = Vec::new();
    for kind in Kind::ALL {
        for first in (0..seeds).step_by(SEEDS_EACH as usize) {
            let end = seeds.min(first + SEEDS_EACH);
            let name = format!("{}/seeds_from_{first}", kind.name());
            trials.push(Trial::test(name, move || same(kind, first..end)));
        }
    }
    libtest_mimic::run(&arguments, trials).exit()
}

/// The calls of a plan that are made: all, or those with these numbers.
fn chosen(kind: Kind, seed: u64, kept: &[usize]) -> Vec<(usize, Call)> {
    let calls = plan(kind, seed, CALLS);
    kept.iter()
        .filter_map(|at| Some((*at, calls.get(*at)?.clone())))
        .collect()
}

/// On the host: the input's lines are kind, seed and the numbers of the calls.
fn role(sys: Direct, place: String, input: String) -> anyhow::Result<Vec<u8>> {
    let mut words = input.split_whitespace();
    let kind = words
        .next()
        .and_then(|name| Kind::ALL.into_iter().find(|kind| kind.name() == name));
    let (kind, seed) = kind
        .zip(words.next())
        .ok_or_else(|| anyhow::anyhow!("kind and seed"))?;
    let kept = words.map(str::parse).collect::<Result<Vec<usize>, _>>()?;
    let seed = seed.parse()?;
    let text = run(sys.clone(), place, kind, seed, chosen(kind, seed, &kept));
    Ok(host::block_on(&sys, text)??.into_bytes())
}

/// What both kernels tell of the chosen calls.
fn both(kind: Kind, seed: u64, kept: &[usize]) -> Result<(String, String), Failed> {
    let numbers: Vec<String> = kept.iter().map(usize::to_string).collect();
    let input = format!("{} {seed} {}", kind.name(), numbers.join(" "));
    let real = String::from_utf8(host::again(ROLE, &input)?)?;
    let calls = chosen(kind, seed, kept);
    let settings = settings()?;
    let simulated = simulated::boot(move |task: glassdock_kernel::Task, place| async move {
        set(&task, settings).await?;
        run(task, place, kind, seed, calls).await
    })??;
    Ok((real, simulated))
}

fn same(kind: Kind, seeds: std::ops::Range<u64>) -> Result<(), Failed> {
    let all: Vec<usize> = match kind {
        Kind::Times => (0..CALLS_SLOW).collect(),
        _ => (0..CALLS).collect(),
    };
    for seed in seeds {
        let (real, simulated) = both(kind, seed, &all)?;
        if real != simulated {
            return Err(shortest(kind, seed, all)?.into());
        }
    }
    Ok(())
}

/// Leaves out calls for as long as the rest still differs, and tells the rest.
fn shortest(kind: Kind, seed: u64, mut kept: Vec<usize>) -> Result<String, Failed> {
    let mut size = kept.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < kept.len() {
            let mut fewer = kept.clone();
            fewer.drain(at..(at + size).min(kept.len()));
            let (real, simulated) = both(kind, seed, &fewer)?;
            if real == simulated {
                at += size;
            } else {
                kept = fewer;
            }
        }
        size /= 2;
    }
    let (real, simulated) = both(kind, seed, &kept)?;
    let mut text = format!("seed {seed}, fewest calls (- the host, + the simulation):\n");
    let (mut real, mut simulated) = (real.lines(), simulated.lines());
    loop {
        let (ours, theirs) = (simulated.next(), real.next());
        match (theirs, ours) {
            (None, None) => return Ok(text),
            (Some(line), Some(other)) if line == other => text += &format!("  {line}\n"),
            _ => {
                for (sign, line) in [('-', theirs), ('+', ours)] {
                    text += &line
                        .map(|line| format!("{sign} {line}\n"))
                        .unwrap_or_default();
                }
            }
        }
    }
}

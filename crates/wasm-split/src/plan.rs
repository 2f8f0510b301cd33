//! Which function is where, and under which number.

use std::collections::{BTreeMap, BTreeSet};

use crate::module::Module;

/// Where a module's functions and globals go.
pub struct Plan {
    /// Functions that the secondary module has.
    pub moved: BTreeSet<u32>,
    /// Moved functions that the primary module refers to, in the order of their slots.
    pub stubs: Vec<u32>,
    /// Functions of the primary module that the secondary one calls.
    pub shared: BTreeSet<u32>,
    /// Globals that the secondary module uses.
    pub globals: BTreeSet<u32>,
    /// The number of a function in the primary module.
    pub in_primary: BTreeMap<u32, u32>,
    /// The number of a function in the secondary module.
    pub in_secondary: BTreeMap<u32, u32>,
}

impl Plan {
    /// The plan for a module, by which of its own functions the rehearsal entered.
    pub fn new(module: &Module, entered: &[u8]) -> Plan {
        let own = module.own().zip(entered);
        let (kept, moved): (BTreeSet<u32>, BTreeSet<u32>) = {
            let (kept, moved): (Vec<_>, Vec<_>) = own.partition(|(_, entered)| **entered != 0);
            let numbers =
                |part: Vec<(u32, &u8)>| part.into_iter().map(|(number, _)| number).collect();
            (numbers(kept), numbers(moved))
        };
        let stubs: Vec<u32> = referred_to(module, &kept)
            .intersection(&moved)
            .copied()
            .collect();
        let used = |of: &BTreeSet<u32>| -> BTreeSet<u32> {
            let bodies = of.iter().map(|function| module.uses(*function));
            bodies.flat_map(|uses| &uses.functions).copied().collect()
        };
        let shared: BTreeSet<u32> = used(&moved).difference(&moved).copied().collect();
        let globals = moved
            .iter()
            .flat_map(|function| &module.uses(*function).globals);
        Plan {
            globals: globals.copied().collect(),
            in_primary: numbers_in_primary(module, &kept, &stubs),
            in_secondary: numbered(shared.iter().chain(&moved), 0),
            moved,
            stubs,
            shared,
        }
    }
}

/// Functions that stay reachable from the primary module.
fn referred_to(module: &Module, kept: &BTreeSet<u32>) -> BTreeSet<u32> {
    let called = kept
        .iter()
        .flat_map(|function| &module.uses(*function).functions);
    let in_tables = module
        .segments
        .iter()
        .flat_map(|segment| &segment.functions);
    called
        .chain(in_tables)
        .chain(&module.exported)
        .copied()
        .collect()
}

/// The imports keep their numbers, the import `more` follows them, then come kept functions and stubs as they were.
fn numbers_in_primary(module: &Module, kept: &BTreeSet<u32>, stubs: &[u32]) -> BTreeMap<u32, u32> {
    let mut numbers: BTreeMap<u32, u32> = (0..module.imported)
        .map(|number| (number, number))
        .collect();
    let own: BTreeSet<u32> = kept.iter().chain(stubs).copied().collect();
    numbers.extend(numbered(own.iter(), module.imported + 1));
    numbers
}

fn numbered<'a>(functions: impl Iterator<Item = &'a u32>, from: u32) -> BTreeMap<u32, u32> {
    functions.copied().zip(from..).collect()
}
